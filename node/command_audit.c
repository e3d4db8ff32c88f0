#include "node/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "node/control.h"
#include "node/evidence.h"
#include "node/signals.h"
#include "node/studies.h"

/* --- show
 * ---------------------------------------------------------------------------------- */

/* What is wanted, and where it goes. */
struct view_of_record {
    struct cli *cli;
    struct node *node;
    struct json *list;
    bool by_study, by_patient, by_kind;
    uint8_t study[AUDIT_STUDY_BYTES], patient[AUDIT_PATIENT_BYTES];
    bool kinds[AUDIT_KIND_COUNT];
    uint64_t from; /* the first entry wanted */
    size_t shown;
};

/* The release in this entry was charged to the patient. */
static enum err charged(const struct view_of_record *view, const struct audit_row *row,
                        bool *yes)
{
    struct ledger_entry entry;
    uint64_t patients;
    for (uint64_t i = 0; i < ledger_count(view->node->ledger); i++) {
        if (ledger_read(view->node->ledger, i, &entry, &patients) != ERR_OK)
            return err_code();
        if (entry.round == row->entry.round && entry.attempt == row->entry.attempt &&
            memcmp(entry.study, row->entry.study, AUDIT_STUDY_BYTES) == 0)
            return ledger_charged(view->node->ledger, i, view->patient, yes);
    }
    return ERR_OK; /* from before the record began */
}

static enum err is_wanted(const struct view_of_record *view, const struct audit_row *row,
                          bool *wanted)
{
    const struct audit_entry *entry = &row->entry;
    *wanted =
        row->number >= view->from && (!view->by_kind || view->kinds[entry->kind]) &&
        (!view->by_study || memcmp(entry->study, view->study, AUDIT_STUDY_BYTES) == 0);
    if (!*wanted || !view->by_patient)
        return ERR_OK;
    *wanted = memcmp(entry->patient, view->patient, AUDIT_PATIENT_BYTES) == 0;
    return !*wanted && entry->kind == AUDIT_RELEASE ? charged(view, row, wanted) : ERR_OK;
}

/* Zeros as null: the entry is about none. */
static void set_bytes(struct json *json, const char *key, const uint8_t *data,
                      size_t size)
{
    json_set_hex(json, key, bytes_are_zero(data, size) ? NULL : data, size);
}

static struct json *row_json(const struct audit_row *row)
{
    struct json *json = json_new_object();
    char time[CLOCK_TEXT_SIZE];
    clock_text(row->entry.wall, time);
    json_set_integer(json, "number", (int64_t)row->number);
    json_set_text(json, "time", time);
    json_set_text(json, "kind", audit_kind_name(row->entry.kind));
    json_set_integer(json, "user", row->user);
    set_bytes(json, "study", row->entry.study, AUDIT_STUDY_BYTES);
    json_set_integer(json, "round", (int64_t)row->entry.round);
    json_set_integer(json, "attempt", row->entry.attempt);
    set_bytes(json, "patient", row->entry.patient, AUDIT_PATIENT_BYTES);
    set_bytes(json, "object", row->entry.object, HASH_BYTES);
    json_set_text(json, "sentence", row->sentence);
    set_bytes(json, "hash", row->hash, HASH_BYTES);
    return json;
}

static void print_row(const struct audit_row *row)
{
    char time[CLOCK_TEXT_SIZE], study[2 * AUDIT_STUDY_BYTES + 1];
    clock_text(row->entry.wall, time);
    printf("%5llu  %s  %-11s  ", (unsigned long long)row->number, time,
           audit_kind_name(row->entry.kind));
    if (!bytes_are_zero(row->entry.study, AUDIT_STUDY_BYTES)) {
        bytes_to_hex(row->entry.study, AUDIT_STUDY_BYTES, study);
        printf("study %.8s", study);
        if (row->entry.round)
            printf(" round %llu", (unsigned long long)row->entry.round);
        if (row->entry.attempt)
            printf(" attempt %u", row->entry.attempt);
        printf(": ");
    }
    printf("%s\n", row->sentence);
}

static enum err show_row(void *context, const struct audit_row *row)
{
    struct view_of_record *view = context;
    bool wanted;
    if (is_wanted(view, row, &wanted) != ERR_OK)
        return err_code();
    if (!wanted)
        return ERR_OK;
    view->shown++;
    if (cli_is_json(view->cli))
        json_add(view->list, row_json(row));
    else
        print_row(row);
    return ERR_OK;
}

static enum err read_filters(struct view_of_record *view, uint64_t length)
{
    struct cli *cli = view->cli;
    int64_t last;
    if (cli_integer(cli, "last", 0, 1, INT64_MAX, &last) != ERR_OK)
        return err_code();
    if (last > 0 && (uint64_t)last < length)
        view->from = length - (uint64_t)last + 1;
    for (size_t i = 0; i < cli_repeats(cli, "kind"); i++) {
        enum audit_kind kind;
        if (audit_kind_from_name(cli_text_at(cli, "kind", i), &kind) != ERR_OK)
            return err_hint("docs/formats.md, \"Audit record\", lists them");
        view->by_kind = view->kinds[kind] = true;
    }
    view->by_study = cli_given(cli, "study");
    if (view->by_study &&
        node_studies_find(view->node, cli_text(cli, "study", ""), view->study) != ERR_OK)
        return err_code();
    view->by_patient = cli_given(cli, "patient");
    if (view->by_patient && bytes_from_hex(cli_text(cli, "patient", ""), view->patient,
                                           AUDIT_PATIENT_BYTES) != ERR_OK) {
        err_set(ERR_USAGE, "--patient is not a pseudonym of 32 hexadecimal digits");
        return err_hint("`gemel-node patients list` shows them");
    }
    return ERR_OK;
}

enum err command_audit_show(struct cli *cli)
{
    struct node *node;
    uint64_t length;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    struct view_of_record view = {.cli = cli, .node = node, .list = json_new_array()};
    enum err result = audit_verify(node->store, &length, NULL);
    if (result == ERR_OK)
        result = read_filters(&view, length);
    if (result == ERR_OK)
        result = audit_each(node->store, 1, show_row, &view);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set(json, "entries", view.list);
        cli_result(cli, json);
        cli_say(cli, "%zu of %llu entries", view.shown, (unsigned long long)length);
    } else {
        json_destroy(&view.list);
    }
    node_destroy(&node);
    return result;
}

/* --- verify and export
 * ---------------------------------------------------------------------------------- */

static bool compared(void *context, size_t done, size_t total)
{
    cli_progress(context, "comparing signals with rows", done, total);
    return !cli_interrupted();
}

/* Both chains are read again from the store: it may have been opened long ago. */
enum err command_audit_verify(struct cli *cli)
{
    struct node *node;
    uint64_t length;
    size_t patients = 0;
    uint8_t head[HASH_BYTES];
    char audit[2 * HASH_BYTES + 1], ledger[2 * HASH_BYTES + 1];
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    enum err result = node_check_records(node);
    if (result == ERR_OK)
        result = audit_verify(node->store, &length, head);
    bytes_to_hex(head, HASH_BYTES, audit);
    ledger_head(node->ledger, head);
    bytes_to_hex(head, HASH_BYTES, ledger);
    if (result == ERR_OK)
        result = store_check(node->store);
    if (result == ERR_OK)
        result = signals_check(node, compared, cli, &patients);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_integer(json, "audit_entries", (int64_t)length);
        json_set_text(json, "audit_head", audit);
        json_set_integer(json, "ledger_entries", (int64_t)ledger_length(node->ledger));
        json_set_text(json, "ledger_head", ledger);
        json_set_integer(json, "patients", (int64_t)patients);
        cli_result(cli, json);
        if (!cli_is_json(cli)) {
            printf("audit      %llu entries, every hash holds; head %s\n",
                   (unsigned long long)length, audit);
            printf("ledger     %llu entries, every hash holds; head %s\n",
                   (unsigned long long)ledger_length(node->ledger), ledger);
            printf("releases   every one is in both\n"
                   "store      every page is whole\n");
            printf("signals    of %zu patients, packed as their rows are\n", patients);
        }
    }
    node_destroy(&node);
    return result;
}

static enum err export(struct cli *cli, struct node *node, struct json **json) {
    struct bytes file = {0}; bool ledger = cli_given(cli, "ledger");
    const struct audit_entry entry = {.kind = AUDIT_EXPORT};
    if (audit_write_alone(node->store, &entry, "the record was exported, %s the ledger",
                          ledger ? "with" : "without") != ERR_OK ||
        evidence_write(node, ledger, clock_wall(&clock_machine), &file) !=
            ERR_OK){bytes_free(&file); return err_code();}
*json = json_new_object();
json_set_text(*json, "file", cli_text(cli, "output", NULL));
json_set_integer(*json, "bytes", (int64_t)file.size);
json_set_boolean(*json, "ledger_included", ledger);
cli_file(cli, "output", "", &file);
return ERR_OK;
}

enum err command_audit_export(struct cli *cli)
{
    struct node *node = NULL;
    struct json *json = NULL;
    enum err result = node_open(cli_directory(cli), &node) == ERR_OK
                          ? export(cli, node, &json)
                          : control_ask(cli, &json);
    if (result == ERR_OK)
        result = cli_write_files(cli);
    if (result == ERR_OK)
        cli_say(cli, "check it with verify/gemel_verify.py, which shares no code with "
                     "this program");
    cli_result(cli, json);
    node_destroy(&node);
    return result;
}
