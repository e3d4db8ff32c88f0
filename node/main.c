#include "node/commands.h"

/* gemel-node - the hospital's program. This table is its whole face: help, completion and
 * man pages are made from it. What a line runs is in the command_*.c file of its noun. */

#define COUNT(options) (options), sizeof(options) / sizeof *(options)

static const struct cli_option init_options[] = {
    {"name", 0, "NAME", "the hospital's name in the consortium", true, false},
    {"store-key", 0, "SOURCE",
     "where the store's key comes from: file (made here), fd:N, credential:NAME", false,
     false},
};
static const struct cli_option enrol_options[] = {
    {"output", 'o', "FILE", "write the request there; else to standard output", false,
     false},
};
static const struct cli_option import_options[] = {
    {"spec", 0, "FILE", "what the columns mean (docs/formats.md)", false, false},
    {"model", 0, "MODEL", "take columns by the names in this model", false, false},
    {"dry-run", 'n', NULL, "check and report, store nothing", false, false},
    {"rejects", 0, "FILE", "where to list bad rows; FILE.csv.rejects otherwise", false,
     false},
};
static const struct cli_option list_options[] = {
    {"state", 0, "STATE", "only those who are in, withdrawn or erased", false, false},
};
static const struct cli_option consent_options[] = {
    {"state", 0, "STATE", "in or withdrawn", true, false},
    {"reason", 0, "CODE", "why, a word of docs/rights.md; any other lists them", true,
     false},
    {"file", 0, "FILE", "the patients, one ID a line, instead of arguments", false,
     false},
};
static const struct cli_option erase_options[] = {
    {"reason", 0, "CODE", "why, a word of docs/rights.md; any other lists them", true,
     false},
    {"yes", 0, NULL, "erase without asking", false, false},
};
static const struct cli_option show_model_options[] = {
    {"program", 0, NULL, "list the compiled program as well, with derivatives", false,
     false},
};
static const struct cli_option fmt_options[] = {
    {"write", 'w', NULL, "rewrite the file instead of printing", false, false},
};
static const struct cli_option simulate_options[] = {
    {"set", 0, "NAME=VALUE",
     "a parameter or covariate, in the model's unit; of a covariate, with '@ TIME UNIT' "
     "behind it, from then on",
     false, true},
    {"dose", 0, "DOSE", "'INPUT AMOUNT UNIT @ TIME UNIT [for DURATION UNIT]'", false,
     true},
    {"at", 0, "FROM:STEP:TO", "times to report, in the model's unit", false, false},
    {"over", 0, "NAME=FROM:STEP:TO",
     "a parameter or covariate takes these values, all at the first time of --at", false,
     false},
    {"solver", 0, "NAME", "lanes (unless given), cvodes (BDF) or adams", false, false},
};
static const struct cli_option plot_options[] = {
    {"set", 0, "NAME=VALUE",
     "a parameter or covariate, in the model's unit; of a covariate, with '@ TIME UNIT' "
     "behind it, from then on",
     false, true},
    {"dose", 0, "DOSE", "'INPUT AMOUNT UNIT @ TIME UNIT [for DURATION UNIT]'", false,
     true},
    {"at", 0, "FROM:STEP:TO", "times to show, in the model's unit", false, false},
    {"over", 0, "NAME=FROM:STEP:TO",
     "a parameter or covariate along the axis, all at the first time of --at", false,
     false},
    {"show", 0, "NAME", "a state, quantity or observation; else what is measured", false,
     true},
    {"solver", 0, "NAME", "lanes (unless given), cvodes (BDF) or adams", false, false},
    {"output", 'o', "FILE", "write an SVG there; else draw on the terminal", false,
     false},
};
static const struct cli_option calibrate_options[] = {
    {"model", 0, "MODEL", "the twin's model; with the file's own prior", false, false},
    {"prior", 0, "FILE", "a prior of that model instead, as `prior show -o` writes it",
     false, false},
    {"study", 0, "NAME", "model and newest prior of a study instead", false, false},
    {"patient", 0, "ID", "only this patient; all otherwise", false, true},
};
static const struct cli_option forecast_options[] = {
    {"model", 0, "MODEL", "the twin's model; with the file's own prior", false, false},
    {"prior", 0, "FILE", "a prior of that model instead, as `prior show -o` writes it",
     false, false},
    {"study", 0, "NAME", "model and newest prior of a study instead", false, false},
    {"until", 0, "TIME", "use measurements up to then only; all unless given", false,
     false},
    {"at", 0, "FROM:STEP:TO",
     "forecast for these times; whenever something was measured later unless given",
     false, false},
};
static const struct cli_option watch_options[] = {
    {"model", 0, "MODEL", "the twin's model; with the file's own prior", false, false},
    {"prior", 0, "FILE", "a prior of that model instead, as `prior show -o` writes it",
     false, false},
    {"study", 0, "NAME", "model and newest prior of a study instead", false, false},
    {"until", 0, "TIME",
     "fit to measurements up to then, follow the later ones; half of them unless given",
     false, false},
    {"ahead", 0, "TIME", "foretell readings so long before they come, as '30 min'", false,
     false},
};
static const struct cli_option whatif_options[] = {
    {"model", 0, "MODEL", "the twin's model; with the file's own prior", false, false},
    {"prior", 0, "FILE", "a prior of that model instead, as `prior show -o` writes it",
     false, false},
    {"study", 0, "NAME", "model and newest prior of a study instead", false, false},
    {"until", 0, "TIME",
     "use measurements up to then only, which is now; all, and the last is now, unless "
     "given",
     false, false},
    {"at", 0, "FROM:STEP:TO",
     "the times to look at, from now on; courses end at the last", false, false},
    {"dose", 0, "DOSES",
     "an alternative: what is given from now on, 'INPUT AMOUNT UNIT @ TIME UNIT [for "
     "DURATION UNIT] [every INTERVAL UNIT N times]', several with ';' between them",
     false, true},
    {"set", 0, "NAME=VALUE",
     "in every alternative, a parameter's or covariate's other value: of a covariate "
     "that changes in time from now on, of all else as if it had always been so",
     false, true},
    {"sweep", 0, "NAME",
     "alternatives for each value that NAME may have (NAME=FROM..TO: only these); of a "
     "dose, its amount",
     false, false},
    {"want", 0, "CONDITION",
     "print how likely it is that this holds, likeliest first, as in 'min(Cp) > 5 "
     "[mg/L]'",
     false, true},
    {"draws", 0, "N",
     "so many draws of what is not known of the patient; 500 unless given", false, false},
    {"show", 0, "NAME", "the observation to picture; the first unless given", false,
     false},
    {"output", 'o', "FILE", "write the picture there, as SVG", false, false},
};
static const struct cli_option policy_new_options[] = {
    {"from", 0, "FILE",
     "an older policy to take lines and studies from; the next version", false, false},
    {"hospital", 0, "NAME", "whose it is, as in the node's settings", false, false},
    {"officer", 0, "KEY", "an officer's public key; two or three", false, true},
    {"expires", 0, "DATE", "the last day, as 2027-12-31; in a year unless given", false,
     false},
    {"set", 0, "NAME=VALUE", "another line of it", false, true},
    {"study", 0, "FILE", "approve the study of an entry, as `study entry` writes it",
     false, true},
    {"output", 'o', "FILE", "write it there; else to standard output", false, false},
};
static const struct cli_option policy_sign_options[] = {
    {"key", 0, "FILE", "the officer's key file", true, false},
    {"output", 'o', "FILE", "write it there; else into the file itself", false, false},
};
static const struct cli_option policy_check_options[] = {
    {"against", 0, "FILE", "an older policy instead of the one in force in the node",
     false, false},
};
static const struct cli_option study_entry_options[] = {
    {"legal-basis", 0, "TEXT", "what permits it, as 'Art. 9(2)(j) GDPR'", true, false},
    {"output", 'o', "FILE", "write it there; else to standard output", false, false},
};
static const struct cli_option study_approve_options[] = {
    {"send", 0, NULL, "take part: send in the rounds to come", false, false},
};
static const struct cli_option study_show_options[] = {
    {"model", 0, NULL, "print the model's text as well", false, false},
};
static const struct cli_option plan_options[] = {
    {"noise-multiplier", 0, "Z", "noise over clipping norm, in every round", false,
     false},
    {"epsilon", 0, "E", "find the multiplier for this epsilon instead", false, false},
    {"rounds", 0, "T", "number of rounds; 1 unless given", false, false},
    {"delta", 0, "D", "1e-6 unless given", false, false},
};
static const struct cli_option report_options[] = {
    {"output", 'o', "FILE", "write it to read, HTML or FILE.pdf, and FILE.sig beside it",
     false, false},
    {"deployments", 0, "FILE", "write the public registry's record of each study as JSON",
     false, false},
};
static const struct cli_option verify_options[] = {
    {"key", 0, "SOURCE", "the store's key: a file, fd:N, credential:NAME; the home's",
     false, false},
    {"keyring", 0, "FILE", "open the records as well; the home's if there is one", false,
     false},
};
static const struct cli_option restore_options[] = {
    {"key", 0, "SOURCE", "the store's key then: a file, fd:N, credential:NAME", true,
     false},
    {"keyring", 0, "FILE", "the newest keyring", true, false},
};
static const struct cli_option rotate_options[] = {
    {"output", 'o', "FILE",
     "write the request for new keys there; else to standard output", false, false},
    {"to", 0, "SOURCE",
     "where the store's new key is, if it is not made here: fd:N, "
     "credential:NAME",
     false, false},
};
static const struct cli_option audit_show_options[] = {
    {"kind", 0, "KIND", "only entries of this kind: release, refusal, decision, ...",
     false, true},
    {"study", 0, "NAME", "only entries about this study", false, false},
    {"patient", 0, "PSEUDONYM",
     "only entries about this patient, and releases it was charged for", false, false},
    {"last", 0, "N", "only among the last N entries", false, false},
};
static const struct cli_option audit_export_options[] = {
    {"output", 'o', "FILE", "write it there; else to standard output", false, false},
    {"ledger", 0, NULL, "the privacy ledger as well, with pseudonyms", false, false},
};
static const struct cli_option ledger_request_options[] = {
    {"output", 'o', "FILE", "write it there", true, false},
};
static const struct cli_option ledger_sign_options[] = {
    {"key", 0, "FILE", "the officer's key file", true, false},
    {"output", 'o', "FILE", "write it there; else into the file itself", false, false},
};
static const struct cli_option serve_options[] = {
    {"once", 0, NULL, "end when every approved study is finished", false, false},
    {"debug", 0, NULL, "log more", false, false},
};

static const struct cli_command commands[] = {
    {"init", "", "set up this hospital's node in a folder",
     "Makes the settings file, a key for the encrypted store (store.key, 0400), the "
     "store "
     "and this node's identity. Refuses a folder that holds a node already.",
     "gemel-node init --name \"St Anna\" -C st-anna", COUNT(init_options), command_init},
    {"enrol", "INVITATION", "answer a consortium's invitation with a request to join",
     "Pins the keys in the invitation and prints a request, signed by this node, for the "
     "operator. Both sides compare fingerprints by telephone.",
     "gemel-node enrol demo.invite -o st-anna.request -C st-anna", COUNT(enrol_options),
     command_enrol},
    {"status", "", "show what this node is and holds", "Also while the daemon runs.",
     "gemel-node status -C st-anna", NULL, 0, command_status},
    {"import", "FILE", "bring patients' records into the encrypted store",
     "All or nothing: one bad row and nothing is stored; the bad rows are listed by line "
     "and reason. Importing a file again, or an overlapping one, stores nothing twice.",
     "gemel-node import data.csv --model blood_pressure.twin -C st-anna",
     COUNT(import_options), command_import},
    {"patients list", "", "list the patients, their pseudonyms and their consent", "",
     "gemel-node patients list --state withdrawn -C st-anna", COUNT(list_options),
     command_patients_list},
    {"patients show", "PATIENT", "show one patient's record", "", "", NULL, 0,
     command_patients_show},
    {"patients consent", "[ID]...", "record that patients withdraw consent, or give it",
     "Withdrawn: the record stays, can be shown, and is used for nothing from the next "
     "round on. A person who was erased can be put in again and comes back with the next "
     "import.",
     "gemel-node patients consent 16 --state withdrawn --reason patient -C st-anna",
     COUNT(consent_options), command_patients_consent},
    {"patients erase", "ID", "erase a patient's record for good",
     "Deletes the record and the name. What was charged to the patient stays under the "
     "pseudonym. Says what the published priors can tell about the patient.",
     "gemel-node patients erase 16 --reason patient -C st-anna", COUNT(erase_options),
     command_patients_erase},
    {"patients repack", "", "make what the engine reads of records anew from their rows",
     "Beside its rows every record is kept packed, by signal and day, which is what fits "
     "read. Both are written together, and `audit verify` compares them. Where they "
     "differ "
     "the rows are right.",
     "gemel-node patients repack -C st-anna", NULL, 0, command_patients_repack},
    {"model list", "", "list the models that come with the program",
     "Their names may stand wherever a model's file is asked for.",
     "gemel-node model list", NULL, 0, command_model_list},
    {"model check", "MODEL", "check a model's text: names, units, values", "",
     "gemel-node model check theophylline", NULL, 0, command_model_check},
    {"model show", "MODEL", "list what a model holds, with units and inserted factors",
     "", "gemel-node model show theophylline", COUNT(show_model_options),
     command_model_show},
    {"model fmt", "MODEL", "print a model in its canonical form, whose hash is approved",
     "", "gemel-node model fmt theophylline", COUNT(fmt_options), command_model_fmt},
    {"model simulate", "MODEL", "carry a twin forward in time", "",
     "gemel-node model simulate theophylline --dose 'oral 320 mg @ 0 h' --at 0:1:24",
     COUNT(simulate_options), command_model_simulate},
    {"model plot", "MODEL", "draw a run of a model, on the terminal or as SVG",
     "What is not said is taken from the example in the comment at the head of the file, "
     "which every model of the library has.",
     "gemel-node model plot neutropenia", COUNT(plot_options), command_model_plot},
    {"model explain", "NUMBER", "explain a numbered error of the language", "",
     "gemel-node model explain E3001", NULL, 0, command_model_explain},
    {"calibrate", "", "fit the twins of the patients under a population prior",
     "The most likely parameters of every patient; of who is named by --patient also the "
     "intervals in which they are with a probability of 95 %. A fit that fails says so and "
     "stays on the prior. Nothing is stored but that it was done, in the audit record. "
     "Research use only.",
     "gemel-node calibrate --study sbp -C st-anna", COUNT(calibrate_options),
     command_calibrate},
    {"forecast", "PATIENT", "what a patient's next measurements will be",
     "Fits the patient's twin to the measurements up to --until and forecasts later "
     "ones, "
     "each with the interval in which a measurement falls with a probability of 80 and "
     "of 95 %: what is not known of the patient, and the residual error. Doses and "
     "covariates count whenever they are. Of a model with [outcomes], what the course "
     "ahead "
     "comes to, with 90 % intervals. Times are in the model's unit. Nothing is stored.",
     "gemel-node forecast 48 --study sbp --until 2 -C st-anna", COUNT(forecast_options),
     command_forecast},
    {"watch", "PATIENT", "follow a patient's twin reading by reading",
     "Fits the twin to the measurements up to --until, then takes the later ones as they "
     "came: each is predicted from all before it, and moves the states and whatever the "
     "model says drifts. Readings further off than 4 sd are set aside. Doses and "
     "covariates count whenever they are. Times are in the model's unit. Nothing is "
     "stored.",
     "gemel-node watch 48 --study sbp --until 2 -C st-anna", COUNT(watch_options),
     command_watch},
    {"whatif", "PATIENT", "what other doses, or other settings, would lead to",
     "Fits the patient's twin as forecast does, and carries the plan on record and the "
     "alternatives through the same draws of what is not known of the patient. Prints "
     "what "
     "the model declares under [outcomes] (else the highest and lowest of what is "
     "observed) "
     "with 90 % intervals, and how likely it is that what is wanted holds. Only what the "
     "model lists under [what-if] may be tried, within its range. Times are in the "
     "model's "
     "unit. Nothing is stored, and nothing decided.",
     "gemel-node whatif 2 --model theophylline --at 24.5:0.5:96 --dose 'oral 300 mg @ 25 "
     "h "
     "every 12 h 6 times' --sweep oral=300..400 --want 'min(Cp) > 4 [mg/L] over 61 h .. "
     "96 "
     "h' -C ward",
     COUNT(whatif_options), command_whatif},
    {"policy key", "FILE", "make an officer's key, in a file of its own",
     "Prints the public half, which the policy names. The file belongs on the officer's "
     "machine, not on the node's.",
     "gemel-node policy key officer.key > officer.pub", NULL, 0, command_policy_key},
    {"policy new", "", "write a policy's text: floors, caps and approved studies",
     "A commented text to be read and edited, checked before it is written; needs no "
     "node. "
     "Lines that nobody gave a value have the house's presets.",
     "gemel-node policy new --hospital 'St Anna' --officer $(cat officer.pub) --officer "
     "$(cat deputy.pub) -o st-anna.policy",
     COUNT(policy_new_options), command_policy_new},
    {"policy sign", "FILE", "sign a policy as one of its officers",
     "Appends the signature to the file. Needs no node.",
     "gemel-node policy sign st-anna.policy --key officer.key",
     COUNT(policy_sign_options), command_policy_sign},
    {"policy show", "[FILE]", "show the policy in force, or one in a file", "",
     "gemel-node policy show -C st-anna", NULL, 0, command_policy_show},
    {"policy check", "FILE", "what a policy would change, and who has to sign for that",
     "Line by line against the one in force: stricter, looser, another study. Exits with "
     "8 when it cannot be installed yet.",
     "gemel-node policy check st-anna.policy -C st-anna", COUNT(policy_check_options),
     command_policy_check},
    {"policy install", "FILE", "take a signed policy into force",
     "The first one needs two of the officers it names, who are pinned by it. After that "
     "one officer is enough for a stricter policy or another study, and two for one that "
     "permits more.",
     "gemel-node policy install st-anna.policy -C st-anna", NULL, 0,
     command_policy_install},
    {"study fetch", "", "ask the coordinator once for new studies", "", "", NULL, 0,
     command_study_fetch},
    {"study list", "", "list the studies offered to this hospital", "", "", NULL, 0,
     command_study_list},
    {"study show", "NAME", "show a study's terms: what leaves, and what it costs", "", "",
     COUNT(study_show_options), command_study_show},
    {"study entry", "NAME", "write the lines of a policy that approve a study",
     "For the officer: name, purpose, model and terms as they were offered, to be taken "
     "into a policy with `policy new --study`.",
     "gemel-node study entry sbp --legal-basis 'Art. 9(2)(j) GDPR' -o sbp.entry -C "
     "st-anna",
     COUNT(study_entry_options), command_study_entry},
    {"study preview", "NAME", "what the next round would send, and what it would cost",
     "Fits, bounds, adds up, noises and masks as in a round, and shows each message with "
     "its "
     "size, what stands in the sum, its first words, and the cost at the worst. Nothing "
     "is "
     "sent, charged or kept.",
     "gemel-node study preview sbp -C st-anna", NULL, 0, command_study_preview},
    {"study approve", "NAME", "let this hospital take part",
     "The policy has to permit the study. Without --send it is a rehearsal: shown is "
     "what the "
     "next round would send, nothing is sent, and the study is not approved.",
     "gemel-node study approve sbp --send -C st-anna", COUNT(study_approve_options),
     command_study_approve},
    {"study decline", "NAME", "refuse, or stop taking part", "", "", NULL, 0,
     command_study_decline},
    {"budget show", "", "show what the patients' privacy has cost so far", "", "", NULL,
     0, command_budget_show},
    {"budget plan", "", "what a study would cost, or how much noise it needs", "",
     "gemel-node budget plan --epsilon 1 --rounds 8 --delta 1e-6", COUNT(plan_options),
     command_budget_plan},
    {"audit show", "", "show what was done and decided here",
     "Every release, refusal, decision, import and change of settings, keys and roster "
     "has "
     "one entry.",
     "gemel-node audit show --kind release --kind refusal -C st-anna",
     COUNT(audit_show_options), command_audit_show},
    {"audit verify", "", "check the audit record, the ledger and the store",
     "Every hash, every release against its charge, every page, every patient's packed "
     "signals against the rows. The first that does not hold is named.",
     "gemel-node audit verify -C st-anna", NULL, 0, command_audit_verify},
    {"audit export", "", "write the audit record as a signed file that others can check",
     "verify/gemel_verify.py checks it without any of this program's code. It has no "
     "patient's name or value.",
     "gemel-node audit export --ledger -o evidence.jsonl -C st-anna",
     COUNT(audit_export_options), command_audit_export},
    {"report officer", "",
     "what patients' privacy has cost, for the data-protection officer",
     "Reads ledger and audit record from the first entry to the last, and says what is "
     "permitted, what was spent, what left, what was refused and decided, and where the "
     "answers to the usual questions are.",
     "gemel-node report officer -o report.pdf -C st-anna", COUNT(report_options),
     command_report_officer},
    {"backup create", "FILE", "write all of this home into one sealed file",
     "Never in the clear: sealed under the store's key, and every patient's record under "
     "that patient's own key, which is in the keyring (setting `keyring`) and not in the "
     "backup. Keep backups, the keyring and the store's key in three places.",
     "gemel-node backup create st-anna.backup -C st-anna", NULL, 0,
     command_backup_create},
    {"backup verify", "FILE", "read a backup to its end and store nothing",
     "Every piece is opened and counted. With the keyring every record is, too.",
     "gemel-node backup verify st-anna.backup -C st-anna", COUNT(verify_options),
     command_backup_verify},
    {"backup restore", "FILE", "make a home from a backup, in a folder of its own",
     "Refuses a folder in which anything is. Who was erased since the backup stays "
     "erased, who has withdrawn stays withdrawn. The new home takes part in no round "
     "before its ledger was compared with what the coordinator has seen of it.",
     "gemel-node backup restore st-anna.backup --key store.key.copy --keyring "
     "st-anna/patients.keyring -C restored",
     COUNT(restore_options), command_backup_restore},
    {"backup keyring", "", "write the keyring anew",
     "When the disk it is on was missing while somebody was erased, or after the setting "
     "`keyring` was changed.",
     "gemel-node backup keyring -C st-anna", NULL, 0, command_backup_keyring},
    {"key rotate", "KEY", "replace a key: store, identity or network",
     "store: every page is encrypted anew. Backups made before open with the old key "
     "only. "
     "identity: the keys by which the consortium knows this hospital. network: the one "
     "its "
     "connection is encrypted with, alone. The last two come into force with a roster "
     "that "
     "has them.",
     "gemel-node key rotate store -C st-anna\n"
     "gemel-node key rotate identity -o st-anna.rotation -C st-anna",
     COUNT(rotate_options), command_key_rotate},
    {"key adopt", "ROSTER", "put new keys in force with the roster that has them", "",
     "gemel-node key adopt roster.signed -C st-anna", NULL, 0, command_key_adopt},
    {"ledger show", "", "whether this ledger is the newest there is, and where it ends",
     "Compares it with the anchor and with what the coordinator repeated. Exits with 6 "
     "when it is not.",
     "gemel-node ledger show -C st-anna", NULL, 0, command_ledger_show},
    {"ledger anchor", "", "make the first anchor, where the settings say",
     "An anchor is a file on another disk that shows when the store was put back: "
     "`anchor` in gemel-node.yaml names it. From then on it has to be there.",
     "gemel-node ledger anchor -C st-anna", NULL, 0, command_ledger_anchor},
    {"ledger request", "", "write down what two officers have to sign to go on",
     "After the store was put back or copied: every entry that is known outside and not "
     "here, with what it is taken to have cost everybody.",
     "gemel-node ledger request -o st-anna.reanchor -C st-anna",
     COUNT(ledger_request_options), command_ledger_request},
    {"ledger sign", "FILE", "sign a request as an officer",
     "Shows what is signed. Needs no node.",
     "gemel-node ledger sign st-anna.reanchor --key officer.key",
     COUNT(ledger_sign_options), command_ledger_sign},
    {"ledger reanchor", "FILE", "go on behind what was lost, by two officers' signatures",
     "Charges everybody what the request says, whoever it was, and takes the number "
     "after the highest that anybody has seen.",
     "gemel-node ledger reanchor st-anna.reanchor -C st-anna", NULL, 0,
     command_ledger_reanchor},
    {"serve", "", "run the daemon: answer the approved studies' rounds",
     "Connects outward only. Every contribution is charged to the ledger and synced "
     "before it is sent. Ctrl-C stops cleanly; killed and started again it carries on.",
     "gemel-node serve -C st-anna", COUNT(serve_options), command_serve},
    {"stop", "", "have the running daemon end",
     "As Ctrl-C does: between two of its steps.", "gemel-node stop -C st-anna", NULL, 0,
     command_stop},
};

static const struct cli_program program = {
    "gemel-node",
    "a hospital's node: keeps records, calibrates twins, learns with others in private",
    commands, sizeof commands / sizeof *commands};

int main(int argc, char **argv)
{
    return cli_main(&program, argc, argv);
}
