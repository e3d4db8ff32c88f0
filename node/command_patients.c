#include "node/commands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/library.h"
#include "node/control.h"
#include "node/patients.h"

#define IMPORT_FILE_MAX ((size_t)4 << 30)

/* --- import
 * ---------------------------------------------------------------------------------- */

/* One line a bad row, `line,column,reason`: what to hand to whoever made the file. */
static enum err write_rejects(struct cli *cli, const char *csv)
{
    const struct dataset_reject *rejects;
    size_t count = dataset_rejects(&rejects);
    if (count == 0)
        return err_code();
    char *path = cli_text(cli, "rejects", NULL) ? mem_text(cli_text(cli, "rejects", NULL))
                                                : mem_format("%s.rejects", csv);
    struct bytes text = {0};
    const char header[] = "line,column,reason\n";
    bytes_append(&text, header, sizeof header - 1);
    for (size_t i = 0; i < count; i++) {
        char *line = mem_format("%zu,%s,\"%s\"\n", rejects[i].line, rejects[i].column,
                                rejects[i].reason);
        bytes_append(&text, line, strlen(line));
        mem_free(line);
    }
    char *sentence = mem_text(err_text());
    enum err written = file_write(path, text.data, text.size, 0600);
    if (written == ERR_OK) {
        err_set(ERR_FORMAT, "%s", sentence);
        err_hint("nothing was imported; each line that was refused, and why, is in %s",
                 path);
    }
    mem_free(sentence);
    bytes_free(&text);
    mem_free(path);
    return err_code();
}

static struct json *columns_json(const struct dataset *dataset)
{
    struct json *columns = json_new_array();
    for (size_t i = 0; i < dataset_columns(dataset); i++) {
        const struct dataset_column *c = dataset_column(dataset, i);
        struct json *column = json_new_object();
        json_set_text(column, "column", c->column);
        json_set_text(column, "role", c->role);
        json_set_text(column, "name", c->name);
        json_set_text(column, "unit", c->unit);
        json_set_integer(column, "used", (int64_t)c->used);
        json_set_integer(column, "missing", (int64_t)c->missing);
        json_add(columns, column);
    }
    return columns;
}

static void report_import(struct cli *cli, const struct dataset *dataset,
                          const struct patients_import *report, bool dry_run)
{
    struct json *json = json_new_object();
    json_set_boolean(json, "dry_run", dry_run);
    json_set_boolean(json, "repeated", report->repeated);
    json_set_boolean(json, "read_otherwise", report->read_otherwise);
    json_set_integer(json, "patients_new", (int64_t)report->patients_new);
    json_set_integer(json, "patients_known", (int64_t)report->patients_known);
    json_set_integer(json, "patients_withdrawn", (int64_t)report->patients_withdrawn);
    json_set_integer(json, "rows_new", (int64_t)report->rows_new);
    json_set_integer(json, "rows_known", (int64_t)report->rows_known);
    json_set(json, "columns", columns_json(dataset));
    struct json *notes = json_new_array();
    for (size_t i = 0; i < dataset_notes(dataset); i++)
        json_add(notes, json_new_text(dataset_note(dataset, i)));
    json_set(json, "notes", notes);
    cli_result(cli, json);
    if (cli_is_json(cli))
        return;
    int width = json_widest(json_get(json, "columns"), "column", 12);
    printf("%-*s %-12s %-16s %-10s %9s %9s\n", width, "column", "role", "name", "unit",
           "used", "missing");
    for (size_t i = 0; i < dataset_columns(dataset); i++) {
        const struct dataset_column *c = dataset_column(dataset, i);
        if (strcmp(c->role, "ignored") == 0)
            printf("%-*s %-12s %s\n", width, c->column, c->role, c->name ? c->name : "");
        else
            printf("%-*s %-12s %-16s %-10s %9zu %9zu\n", width, c->column, c->role,
                   c->name ? c->name : "", c->unit ? c->unit : "", c->used, c->missing);
    }
    for (size_t i = 0; i < dataset_notes(dataset); i++)
        printf("note: %s\n", dataset_note(dataset, i));
    if (report->repeated)
        printf("this very file was imported before; nothing changed\n");
    else
        printf("%s%zu patients new, %zu known; %zu rows stored, %zu held already\n",
               dry_run ? "would be: " : "", report->patients_new, report->patients_known,
               report->rows_new, report->rows_known);
    if (report->read_otherwise)
        printf("note: this very file was imported before; what is read otherwise now "
               "stands beside what was stored then\n");
    if (report->patients_withdrawn)
        printf(
            "note: %zu patients have withdrawn consent; nothing of theirs was stored\n",
            report->patients_withdrawn);
}

static bool stored(void *context, size_t done, size_t total)
{
    cli_progress(context, "storing patients", done, total);
    return !cli_interrupted();
}

static bool tried(void *context, size_t done, size_t total)
{
    cli_progress(context, "comparing patients", done, total);
    return !cli_interrupted();
}

enum err command_import(struct cli *cli)
{
    const char *csv = cli_argument(cli, 0), *spec = cli_text(cli, "spec", NULL);
    const char *model_path = cli_text(cli, "model", NULL);
    bool dry_run = cli_given(cli, "dry-run");
    struct node *node = NULL;
    struct model *model = NULL;
    struct dataset *dataset = NULL;
    struct bytes file = {0};
    struct patients_import report;
    uint8_t hash[HASH_BYTES];
    if (!spec && !model_path) {
        err_set(ERR_USAGE, "import needs to know what the columns mean");
        return err_hint(
            "name a model with --model MODEL, a file or one of `gemel-node model "
            "list`, or the columns with --spec FILE");
    }
    enum err result = node_open(cli_directory(cli), &node);
    if (result == ERR_OK && model_path)
        result = library_load(model_path, &model);
    if (result == ERR_OK)
        result = file_read(csv, IMPORT_FILE_MAX, &file);
    if (result == ERR_OK) {
        bytes_hash("gemel/import/1", file.data, file.size, hash);
        result = dataset_read_text(csv, (const char *)file.data, file.size, spec, model,
                                   &dataset);
        bytes_free(&file);
        if (result == ERR_FORMAT)
            result = write_rejects(cli, csv);
    }
    if (result == ERR_OK && model)
        dataset_state_units(dataset, model);
    if (result == ERR_OK)
        result = patients_import(node, dataset, csv, hash, clock_wall(&clock_machine),
                                 dry_run, dry_run ? tried : stored, cli, &report);
    if (result == ERR_OK)
        report_import(cli, dataset, &report, dry_run);
    bytes_free(&file);
    dataset_destroy(&dataset);
    model_destroy(&model);
    node_destroy(&node);
    return result;
}

/* --- patients
 * ---------------------------------------------------------------------------------- */

/* A row of a record, as far as all kinds of them are alike, in `rows` and on stdout. */
static struct json *print_row(const struct cli *cli, struct json *rows, const char *kind,
                              const char *time_unit, double time, const char *name_key,
                              const char *name, const char *value_key, double value,
                              const char *unit)
{
    struct json *row = json_new_object();
    json_set_real(row, "time", time);
    json_set_text(row, name_key, name);
    json_set_real(row, value_key, value);
    json_set_text(row, "unit", unit);
    json_add(rows, row);
    if (!cli_is_json(cli))
        printf("%-10s %12g %-6s %-16s %12g%s%s", kind, time, time_unit, name, value,
               unit ? " " : "", unit ? unit : "");
    return row;
}

static void print_end(const struct cli *cli, const char *remark)
{
    if (!cli_is_json(cli))
        printf("%s\n", remark);
}

static struct json *print_doses(const struct cli *cli, const struct record *record)
{
    struct json *rows = json_new_array();
    for (size_t i = 0; i < record->dose_count; i++) {
        const struct record_dose *d = &record->doses[i];
        struct json *row = print_row(cli, rows, "dose", record->time_unit, d->time,
                                     "input", d->input, "amount", d->amount, d->unit);
        char remark[64] = "";
        json_set_real(row, "duration", d->duration >= 0 ? d->duration : NAN);
        if (d->duration > 0)
            snprintf(remark, sizeof remark, " for %g %s", d->duration, record->time_unit);
        print_end(cli, remark);
    }
    return rows;
}

static struct json *print_covariates(const struct cli *cli, const struct record *record)
{
    struct json *rows = json_new_array();
    for (size_t i = 0; i < record->covariate_count; i++) {
        const struct record_covariate *c = &record->covariates[i];
        print_row(cli, rows, "covariate", record->time_unit, c->time, "name", c->name,
                  "value", c->value, c->unit);
        print_end(cli, "");
    }
    return rows;
}

static struct json *print_measurements(const struct cli *cli, const struct record *record)
{
    static const char *const limit[] = {
        [CENSORED_NOT] = NULL, [CENSORED_BELOW] = "below", [CENSORED_ABOVE] = "above"};
    struct json *rows = json_new_array();
    for (size_t i = 0; i < record->measurement_count; i++) {
        const struct record_measurement *m = &record->measurements[i];
        const char *beyond = limit[m->censoring];
        struct json *row = print_row(cli, rows, "measured", record->time_unit, m->time,
                                     "quantity", m->quantity, "value", m->value, m->unit);
        json_set_text(row, "censored", beyond);
        char remark[64] = "";
        if (beyond)
            snprintf(remark, sizeof remark, " or %s", beyond);
        print_end(cli, remark);
    }
    return rows;
}

/* All of it: the person may ask to see what is held. */
static void print_record(struct cli *cli, const struct record *record)
{
    struct json *json = json_new_object();
    json_set_text(json, "patient", record->patient);
    json_set_text(json, "time_unit", record->time_unit);
    json_set(json, "doses", print_doses(cli, record));
    json_set(json, "covariates", print_covariates(cli, record));
    json_set(json, "measurements", print_measurements(cli, record));
    cli_result(cli, json);
}

enum err command_patients_show(struct cli *cli)
{
    struct node *node;
    struct record *record = NULL;
    int64_t id;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    enum err result = patients_find(node, cli_argument(cli, 0), &id);
    if (result == ERR_OK)
        result = patients_disclose(node, id, &record);
    if (result == ERR_OK)
        print_record(cli, record);
    record_destroy(&record);
    node_destroy(&node);
    return result;
}

static bool packed(void *context, size_t done, size_t total)
{
    cli_progress(context, "packing signals", done, total);
    return !cli_interrupted();
}

enum err command_patients_repack(struct cli *cli)
{
    struct node *node;
    size_t patients;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = patients_repack(node, packed, cli, &patients);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_integer(json, "patients", (int64_t)patients);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            printf("the signals of %zu patients were packed anew from their rows\n",
                   patients);
    }
    node_destroy(&node);
    return result;
}
