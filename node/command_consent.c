#include "node/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "node/control.h"
#include "node/keyring.h"
#include "node/policies.h"

#define LIST_FILE_MAX ((size_t)64 << 20)

static struct consent_decision decision_now(struct cli *cli)
{
    return (struct consent_decision){cli_text(cli, "reason", ""), cli_user(cli),
                                     clock_wall(&clock_machine)};
}

/* --- whom it is about
 * ---------------------------------------------------------------------- */

struct people {
    struct bytes text; /* the list's file, cut into lines */
    const char **names;
    size_t count, room;
};

static void people_clear(struct people *people)
{
    bytes_free(&people->text);
    mem_free(people->names);
}

static void people_add(struct people *people, const char *name)
{
    MEM_GROW(people->names, people->count + 1, &people->room);
    people->names[people->count++] = name;
}

/* One name a line; empty lines do not count. */
static enum err people_read(struct people *people, const char *path)
{
    if (file_read(path, LIST_FILE_MAX, &people->text) != ERR_OK)
        return err_code();
    if (!bytes_are_utf8(people->text.data, people->text.size) ||
        memchr(people->text.data, 0, people->text.size))
        return err_set(ERR_FORMAT, "%s is not text, one patient a line", path);
    bytes_u8(&people->text, 0);
    for (char *at = (char *)people->text.data, *line; (line = strsep(&at, "\n"));) {
        line[strcspn(line, "\r")] = '\0';
        if (*line)
            people_add(people, line);
    }
    return people->count ? ERR_OK : err_set(ERR_FORMAT, "%s names nobody", path);
}

static enum err people_of(struct cli *cli, struct people *people)
{
    const char *path = cli_text(cli, "file", NULL);
    if (path ? cli_arguments(cli) > 0 : cli_arguments(cli) == 0) {
        err_set(ERR_USAGE, "name the patients, or give a file that does");
        return err_hint("as in: gemel-node patients consent 16 --state withdrawn "
                        "--reason patient");
    }
    if (path)
        return people_read(people, path);
    for (size_t i = 0; i < cli_arguments(cli); i++)
        people_add(people, cli_argument(cli, i));
    return ERR_OK;
}

/* What was decided is done; that backups do not know of it yet is said, and the exit code
 * says "in part". What became of the backups: "none" were ever made, they "follow", or
 * are "behind". */
static const char *follow_keyring(struct cli *cli, struct node *node)
{
    struct keyring_state state;
    enum err result = keyring_state(node, &state);
    if (result == ERR_OK && !state.used)
        return "none";
    if (result == ERR_OK && keyring_follow(node) == ERR_OK)
        return "follow";
    cli_say(cli, "the keyring could not be written: %s", err_text());
    cli_say(cli, "until it is, backups still open as before: gemel-node backup keyring");
    cli_partial(cli);
    return "behind";
}

/* --- patients consent
 * ---------------------------------------------------------------------- */

enum err command_patients_consent(struct cli *cli)
{
    struct node *node = NULL;
    struct people people = {0};
    enum consent state;
    size_t changed;
    const struct consent_decision decision = decision_now(cli);
    enum err result = consent_from_name(cli_text(cli, "state", ""), &state);
    if (result == ERR_OK)
        result = consent_reason_check(state, decision.reason);
    if (result == ERR_OK)
        result = people_of(cli, &people);
    if (result == ERR_OK && node_open(cli_directory(cli), &node) != ERR_OK)
        result = control_elsewhere(cli, NULL);
    if (result == ERR_OK && node)
        result =
            consent_decide(node, people.names, people.count, state, &decision, &changed);
    if (result == ERR_OK && node) {
        follow_keyring(cli, node);
        struct json *json = json_new_object();
        json_set_text(json, "state", consent_name(state));
        json_set_text(json, "reason", decision.reason);
        json_set_integer(json, "patients", (int64_t)people.count);
        json_set_integer(json, "changed", (int64_t)changed);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            printf("%zu of %zu patients changed; all are %s now\n", changed, people.count,
                   consent_name(state));
    }
    node_destroy(&node);
    people_clear(&people);
    return result;
}

/* --- patients erase
 * ------------------------------------------------------------------------ */

/* Twice, the second time by the name: the first answer is a habit. */
static enum err confirm(struct cli *cli)
{
    if (cli_given(cli, "yes"))
        return ERR_OK;
    enum err result = cli_ask(cli,
                              "This erases a patient's record for good and cannot be "
                              "undone. Type yes to go on:",
                              "yes");
    if (result == ERR_OK)
        result = cli_ask(cli, "Type the patient's ID once more:", cli_argument(cli, 0));
    if (result == ERR_USAGE)
        err_hint("--yes erases without asking");
    return result;
}

static void report_erased(struct cli *cli, const struct node *node,
                          const struct consent_erased *erased, const char *backups)
{
    const struct privacy_loss *loss = &erased->loss;
    double delta = policies_delta(node);
    char pseudonym[2 * LEDGER_PSEUDONYM_BYTES + 1];
    struct json *json = json_new_object();
    bytes_to_hex(erased->pseudonym, LEDGER_PSEUDONYM_BYTES, pseudonym);
    json_set_text(json, "pseudonym", pseudonym);
    json_set_integer(json, "rows_erased", (int64_t)erased->rows);
    json_set_integer(json, "releases", (int64_t)erased->releases);
    json_set_text(json, "backups", backups);
    json_set_real(json, "mu_spent", loss->mu);
    json_set_real(json, "epsilon_spent", loss->epsilon);
    json_set_real(json, "delta", delta);
    json_set_real(json, "attack_auc", loss->attack_auc);
    json_set_real(json, "attack_tpr_at_1pc_fpr", loss->attack_tpr_1pc);
    cli_result(cli, json);
    if (cli_is_json(cli))
        return;
    printf("erased     %zu rows and the name\n", erased->rows);
    printf("stays      pseudonym %s, charged for %llu releases\n", pseudonym,
           (unsigned long long)erased->releases);
    if (erased->releases == 0)
        printf("published  nothing: the patient was in no sum\n");
    else
        printf(
            "published  sums the patient was in cannot be called back. They tell at "
            "most:\n"
            "           epsilon %.4g at delta %g (mu %.4g). Whoever knows every prior\n"
            "           tells whether the patient was in with an area under the curve "
            "of\n           at most %.4f, and finds them with a probability of at most "
            "%.2f %%\n           at 1 %% false alarms\n",
            loss->epsilon, delta, loss->mu, loss->attack_auc, 100 * loss->attack_tpr_1pc);
    if (strcmp(backups, "follow") == 0)
        printf("backups    no key opens the record in any: the keyring is without it\n");
    if (strcmp(backups, "behind") == 0)
        printf("backups    still open: the keyring could not be written\n");
    cli_say(cli, "not erased: the files the record was imported from, and what was "
                 "exported from here");
}

enum err command_patients_erase(struct cli *cli)
{
    struct node *node = NULL;
    struct consent_erased erased;
    const struct consent_decision decision = decision_now(cli);
    enum err result = consent_reason_check(CONSENT_ERASED, decision.reason);
    if (result == ERR_OK)
        result = confirm(cli);
    if (result == ERR_OK && node_open(cli_directory(cli), &node) != ERR_OK)
        result = control_elsewhere(cli, cli_given(cli, "yes") ? NULL : "--yes");
    if (result == ERR_OK && node)
        result = consent_erase(node, cli_argument(cli, 0), &decision, &erased);
    if (result == ERR_OK && node) {
        const char *backups = follow_keyring(cli, node);
        report_erased(cli, node, &erased, backups);
    }
    node_destroy(&node);
    return result;
}

/* --- patients list
 * ------------------------------------------------------------------------- */

static void print_line(struct cli *cli, const struct consent_line *line,
                       struct json *list)
{
    char pseudonym[2 * LEDGER_PSEUDONYM_BYTES + 1], since[CLOCK_TEXT_SIZE] = "";
    struct json *patient = json_new_object();
    if (line->reason)
        clock_text(line->decided, since);
    bytes_to_hex(line->pseudonym, LEDGER_PSEUDONYM_BYTES, pseudonym);
    json_set_text(patient, "patient", line->name);
    json_set_text(patient, "pseudonym", pseudonym);
    json_set_text(patient, "consent", consent_name(line->state));
    json_set_text(patient, "reason", line->reason);
    json_set_text(patient, "since", line->reason ? since : NULL);
    if (line->reason)
        json_set_integer(patient, "user", line->user);
    json_add(list, patient);
    if (cli_is_json(cli))
        return;
    printf("%-24s %s  %s", line->name ? line->name : "-", pseudonym,
           consent_name(line->state));
    if (line->reason)
        printf(" since %.10s: %s", since, line->reason);
    putchar('\n');
}

enum err command_patients_list(struct cli *cli)
{
    struct node *node;
    struct consent_line *lines;
    size_t count;
    enum consent state;
    unsigned states = (1u << CONSENT_STATES) - 1;
    if (cli_given(cli, "state")) {
        if (consent_from_name(cli_text(cli, "state", ""), &state) != ERR_OK)
            return err_code();
        states = 1u << state;
    }
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    enum err result = consent_list(node, states, &lines, &count);
    if (result == ERR_OK) {
        struct json *list = json_new_array(), *json = json_new_object();
        for (size_t i = 0; i < count; i++)
            print_line(cli, &lines[i], list);
        if (count == 0)
            cli_say(cli, cli_given(cli, "state") ? "no patient is in that state"
                                                 : "no patients yet: gemel-node import");
        json_set(json, "patients", list);
        cli_result(cli, json);
        consent_lines_free(lines, count);
    }
    node_destroy(&node);
    return result;
}
