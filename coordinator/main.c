#include "coordinator/commands.h"
#include "privacy/accountant.h"

/* gemel-coordinator - the consortium's program. This table is its whole face: help,
 * completion and man pages are made from it. What a line runs is in the command_*.c file
 * of its noun. */

#define COUNT(options) (options), sizeof(options) / sizeof *(options)
#define TEXT_OF(tokens) #tokens
#define TEXT(name) TEXT_OF(name)

static const struct cli_option init_options[] = {
    {"name", 0, "NAME", "the consortium's name", true, false},
    {"endpoint", 0, "tcp://HOST:PORT", "where nodes will reach it", true, false},
    {"governance", 0, "KEY", "public key that signs rosters, 64 digits", true, false},
};
static const struct cli_option invite_options[] = {
    {"output", 'o', "FILE", "write it there; else to standard output", false, false},
    {"days", 0, "N", "valid so long; 14 unless given", false, false},
};
static const struct cli_option audit_options[] = {
    {"kind", 0, "KIND", "only entries of this kind: plan, publication, ...", false, true},
    {"study", 0, "NAME", "only entries about this study", false, false},
    {"last", 0, "N", "only among the last N entries", false, false},
};
static const struct cli_option serve_options[] = {
    {"until-finished", 0, NULL, "end when no study is open any more", false, false},
    {"debug", 0, NULL, "log more", false, false},
};
static const struct cli_option draft_options[] = {
    {"output", 'o', "FILE", "write it there; else to standard output", false, false},
    {"days", 0, "N", "new members are valid so long; 365 unless given", false, false},
    {"remove", 0, "NAME", "leave this member out", false, true},
};
static const struct cli_option sign_options[] = {
    {"key", 0, "FILE", "the governance key", true, false},
    {"output", 'o', "FILE", "write it there; else to standard output", false, false},
};
static const struct cli_option create_options[] = {
    {"name", 0, "NAME", "the study's name", true, false},
    {"purpose", 0, "TEXT", "one sentence for the hospitals", true, false},
    {"model", 0, "MODEL", "the twin's model, with the starting prior", true, false},
    {"epsilon", 0, "E", "privacy cost for each patient; 1 unless given", false, false},
    {"delta", 0, "D", "1e-6 unless given", false, false},
    {"rounds", 0, "T", "8 unless given", false, false},
    {"budget-ratio", 0, "R",
     "budget of a round over the next one's; " TEXT(
         ACCOUNTANT_BUDGET_RATIO) " unless given",
     false, false},
    {"hospitals-min", 0, "N", "publish no sum of fewer; 3 unless given", false, false},
};

static const struct cli_option prior_options[] = {
    {"output", 'o', "FILE", "write it there as well, for gemel-node forecast --prior",
     false, false},
};

static const struct cli_command commands[] = {
    {"init", "", "set up a coordinator in a folder",
     "The governance key is not the coordinator's: make it with `roster key` on another "
     "machine and give only its public half here.",
     "gemel-coordinator init --name demo --endpoint tcp://127.0.0.1:7443 --governance "
     "\"$(cat governance.pub)\"",
     COUNT(init_options), command_init},
    {"invite", "", "make the invitation that hospitals answer", "",
     "gemel-coordinator invite -o demo.invite", COUNT(invite_options), command_invite},
    {"site add", "REQUEST", "take a hospital's request to join", "",
     "gemel-coordinator site add st-anna.request", NULL, 0, command_site_add},
    {"site replace", "REQUEST", "take a member's request for new keys",
     "The next roster draft has them in place of the old ones. What was seen of the "
     "hospital's ledger stays known under the new key.",
     "gemel-coordinator site replace st-anna.rotation", NULL, 0, command_site_replace},
    {"site list", "", "list members and who asks to join", "", "", NULL, 0,
     command_site_list},
    {"roster key", "FILE", "make a governance key and print its public half",
     "Keep the file offline: whoever has it decides who belongs.",
     "gemel-coordinator roster key governance.key > governance.pub", NULL, 0,
     command_roster_key},
    {"roster draft", "", "write the next roster, for the governance key to sign", "",
     "gemel-coordinator roster draft -o roster.draft", COUNT(draft_options),
     command_roster_draft},
    {"roster sign", "DRAFT", "sign a roster; runs where the governance key is", "",
     "gemel-coordinator roster sign roster.draft --key governance.key -o roster.signed",
     COUNT(sign_options), command_roster_sign},
    {"roster install", "SIGNED", "put a signed roster into force", "",
     "gemel-coordinator roster install roster.signed", NULL, 0, command_roster_install},
    {"roster show", "", "show the roster in force", "", "", NULL, 0, command_roster_show},
    {"study create", "", "offer a study to all members",
     "The terms are signed and never change. The hospitals' noises together, without "
     "those "
     "of one in six who may collude with this coordinator, are enough for the stated "
     "epsilon; most of the budget goes to the last rounds.",
     "gemel-coordinator study create --name sbp --purpose \"blood pressure trends\" "
     "--model blood_pressure --epsilon 1 --rounds 8",
     COUNT(create_options), command_study_create},
    {"study list", "", "list studies and what each waits for", "", "", NULL, 0,
     command_study_list},
    {"study show", "NAME", "show a study and its rounds", "", "", NULL, 0,
     command_study_show},
    {"study close", "NAME", "end a study before its last round", "", "", NULL, 0,
     command_study_close},
    {"prior show", "STUDY", "show the newest published prior of a study", "", "",
     COUNT(prior_options), command_prior_show},
    {"audit show", "", "show what was done and decided here",
     "Every roster, request, study, plan, abandoned attempt, blame and published prior "
     "has "
     "one entry. The record is checked whole whenever it is opened.",
     "gemel-coordinator audit show --kind plan --kind publication", COUNT(audit_options),
     command_audit_show},
    {"status", "", "show what this coordinator is", "", "", NULL, 0, command_status},
    {"serve", "", "run the coordinator: answer nodes, open and publish rounds",
     "Ctrl-C stops cleanly; killed and started again it carries on.",
     "gemel-coordinator serve", COUNT(serve_options), command_serve},
};

static const struct cli_program program = {
    "gemel-coordinator",
    "the consortium's program: adds up noised sums, publishes the shared prior", commands,
    sizeof commands / sizeof *commands};

int main(int argc, char **argv)
{
    return cli_main(&program, argc, argv);
}
