#include "model/dataset.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"

#define REJECTS_MAX ((size_t)1000)
#define ADDITIONAL_MAX 10000
/* Orders of one row's parts: covariates come first, then its dose, then its measurement.
 */
#define ORDERS_A_ROW 4

enum role {
    ROLE_IGNORED,
    ROLE_ID,
    ROLE_TIME,
    ROLE_DV,
    ROLE_AMOUNT,
    ROLE_RATE,
    ROLE_DURATION,
    ROLE_EVID,
    ROLE_MDV,
    ROLE_DVID,
    ROLE_CMT,
    ROLE_CENSORED,
    ROLE_LIMIT,
    ROLE_INTERVAL,
    ROLE_ADDITIONAL,
    ROLE_STEADY,
    ROLE_COVARIATE,
    ROLE_MEASUREMENT,
    ROLE_INPUT,
    ROLES
};

static const struct {
    const char *word, *column; /* in a spec; by default */
} roles[ROLES] = {
    [ROLE_IGNORED] = {"ignored", NULL},
    [ROLE_ID] = {"id", "ID"},
    [ROLE_TIME] = {"time", "TIME"},
    [ROLE_DV] = {"dv", "DV"},
    [ROLE_AMOUNT] = {"amount", "AMT"},
    [ROLE_RATE] = {"rate", "RATE"},
    [ROLE_DURATION] = {"duration", "DUR"},
    [ROLE_EVID] = {"evid", "EVID"},
    [ROLE_MDV] = {"mdv", "MDV"},
    [ROLE_DVID] = {"dvid", "DVID"},
    [ROLE_CMT] = {"cmt", "CMT"},
    [ROLE_CENSORED] = {"censored", "CENS"},
    [ROLE_LIMIT] = {"limit", "LIMIT"},
    [ROLE_INTERVAL] = {"interval", "II"},
    [ROLE_ADDITIONAL] = {"additional", "ADDL"},
    [ROLE_STEADY] = {"steady", "SS"},
    [ROLE_COVARIATE] = {"covariate", NULL},
    [ROLE_MEASUREMENT] = {"measurement", NULL},
    [ROLE_INPUT] = {"input", NULL},
};

struct column {
    struct dataset_column public;
    enum role role;
};

/* A patient while the file is read: the last value of every covariate column. */
struct patient {
    struct record *record;
    size_t rows;
    double *last; /* [columns]; NaN: none yet */
};

struct dataset {
    struct patient *patients;
    size_t patient_count, patient_capacity;
    size_t *slots; /* hash table of patient numbers + 1, 0 where empty */
    size_t slot_count;
    struct column *columns;
    size_t column_count;
    size_t rows, doses, measurements;
    /* while reading */
    const struct model *model;
    const char *path;
    struct spec *spec;
    const char *time_unit;
    size_t at[ROLES]; /* the column of each single role; SIZE_MAX: none */
};

/* --- rejects
 * ----------------------------------------------------------------------------- */

static _Thread_local struct {
    struct dataset_reject *items;
    size_t count, capacity, total;
} refused;

static void rejects_clear(void)
{
    for (size_t i = 0; i < refused.count; i++) {
        mem_free((char *)refused.items[i].column);
        mem_free((char *)refused.items[i].reason);
    }
    mem_free(refused.items);
    memset(&refused, 0, sizeof refused);
}

size_t dataset_rejects(const struct dataset_reject **rejects)
{
    *rejects = refused.items;
    return refused.count;
}

/* Note a bad row and go on, so that one reading finds them all. */
static void reject(size_t line, const char *column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void reject(size_t line, const char *column, const char *format, ...)
{
    refused.total++;
    if (refused.count == REJECTS_MAX)
        return;
    char reason[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    MEM_GROW(refused.items, refused.count + 1, &refused.capacity);
    refused.items[refused.count++] =
        (struct dataset_reject){line, mem_text(column), mem_text(reason)};
}

/* --- the spec
 * ------------------------------------------------------------------------------ */

struct spec_line {
    char *column, *name, *unit;
    enum role role;
    bool used;
};

struct spec {
    struct spec_line *lines;
    size_t count, capacity;
};

static enum err spec_header(void *context, size_t line, size_t count,
                            const char *const *fields)
{
    static const char *const expected[] = {"column", "role", "name", "unit"};
    (void)context;
    for (size_t i = 0; i < 4; i++)
        if (count != 4 || strcmp(fields[i], expected[i]) != 0)
            return err_set(ERR_FORMAT,
                           "line %zu: a spec begins with column,role,name,unit", line);
    return ERR_OK;
}

static enum err spec_row(void *context, size_t line, size_t count,
                         const char *const *fields)
{
    struct spec *spec = context;
    size_t role = 0;
    (void)count;
    while (role < ROLES && strcmp(roles[role].word, fields[1]) != 0)
        role++;
    if (role == ROLES) {
        err_set(ERR_FORMAT, "line %zu: there is no role %s", line, fields[1]);
        return err_hint(
            "roles: id, time, dv, amount, rate, duration, evid, mdv, dvid, cmt, "
            "censored, limit, interval, additional, steady, covariate, "
            "measurement, input, ignored");
    }
    MEM_GROW(spec->lines, spec->count + 1, &spec->capacity);
    spec->lines[spec->count++] = (struct spec_line){
        mem_text(fields[0]), *fields[2] ? mem_text(fields[2]) : NULL,
        *fields[3] ? mem_text(fields[3]) : NULL, (enum role)role, false};
    return ERR_OK;
}

static void spec_clear(struct spec *spec)
{
    for (size_t i = 0; i < spec->count; i++) {
        mem_free(spec->lines[i].column);
        mem_free(spec->lines[i].name);
        mem_free(spec->lines[i].unit);
    }
    mem_free(spec->lines);
}

/* --- what the columns are
 * --------------------------------------------------------------------- */

static bool model_has(const struct model *model, enum role role, const char *name)
{
    if (!model)
        return true;
    size_t count = role == ROLE_COVARIATE ? model_covariates(model)
                   : role == ROLE_INPUT   ? model_inputs(model)
                                          : model_observations(model);
    for (size_t i = 0; i < count; i++) {
        const char *each = role == ROLE_COVARIATE ? model_covariate(model, i)->name
                           : role == ROLE_INPUT   ? model_input(model, i)->name
                                                  : model_observation(model, i)->name;
        if (strcmp(each, name) == 0)
            return true;
    }
    return false;
}

static struct spec_line *spec_for(const struct spec *spec, const char *column)
{
    for (size_t i = 0; i < spec->count; i++)
        if (strcmp(spec->lines[i].column, column) == 0)
            return &spec->lines[i];
    return NULL;
}

static void column_by_default(const struct model *model, const char *name,
                              struct column *column)
{
    static const enum role named[] = {ROLE_COVARIATE, ROLE_MEASUREMENT, ROLE_INPUT};
    for (size_t i = 0; model && i < 3; i++)
        if (model_has(model, named[i], name)) {
            column->role = named[i];
            column->public.name = mem_text(name);
            return;
        }
    for (int role = ROLE_ID; role < ROLE_COVARIATE; role++)
        if (strcmp(roles[role].column, name) == 0) {
            column->role = (enum role)role;
            return;
        }
    column->public.name = mem_text("the model names no such thing");
}

static enum err column_by_spec(const struct dataset *dataset, struct spec_line *line,
                               struct column *column)
{
    line->used = true;
    column->role = line->role;
    column->public.unit = line->unit ? mem_text(line->unit) : NULL;
    if (line->role < ROLE_COVARIATE) {
        column->public.name = line->name ? mem_text(line->name) : NULL;
        return ERR_OK;
    }
    column->public.name = mem_text(line->name ? line->name : line->column);
    if (!model_has(dataset->model, line->role, column->public.name))
        return err_set(ERR_FORMAT, "the model has no %s %s, which the spec names for %s",
                       line->role == ROLE_MEASUREMENT ? "observation"
                       : line->role == ROLE_COVARIATE ? "covariate"
                                                      : "dose",
                       column->public.name, line->column);
    return ERR_OK;
}

static enum err check_columns(struct dataset *dataset)
{
    const struct spec *spec = dataset->spec;
    for (size_t i = 0; i < spec->count; i++)
        if (!spec->lines[i].used)
            return err_set(ERR_FORMAT, "%s has no column %s, which the spec names",
                           dataset->path, spec->lines[i].column);
    if (dataset->at[ROLE_ID] == SIZE_MAX) {
        err_set(ERR_FORMAT, "%s has no column for the patient", dataset->path);
        return err_hint("call it ID, or name it in a spec with the role id");
    }
    for (size_t i = 0; i < dataset->column_count; i++)
        if (dataset->columns[i].role == ROLE_DV ||
            dataset->columns[i].role == ROLE_MEASUREMENT)
            return ERR_OK;
    err_set(ERR_FORMAT, "%s has no column with measurements", dataset->path);
    return err_hint(
        "call it DV or like an observation of the model, or name it in a spec");
}

static enum err take_header(void *context, size_t line, size_t count,
                            const char *const *fields)
{
    struct dataset *dataset = context;
    (void)line;
    dataset->columns = mem_new(count, sizeof *dataset->columns);
    dataset->column_count = count;
    for (size_t role = 0; role < ROLES; role++)
        dataset->at[role] = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        struct column *column = &dataset->columns[i];
        struct spec_line *spec = spec_for(dataset->spec, fields[i]);
        column->public.column = mem_text(fields[i]);
        if (!spec)
            column_by_default(dataset->model, fields[i], column);
        else if (column_by_spec(dataset, spec, column) != ERR_OK)
            return err_code();
        column->public.role = roles[column->role].word;
        if (column->role == ROLE_IGNORED || column->role >= ROLE_COVARIATE)
            continue;
        if (dataset->at[column->role] != SIZE_MAX)
            return err_set(ERR_FORMAT, "two columns, %s and %s, are both the %s",
                           dataset->columns[dataset->at[column->role]].public.column,
                           fields[i], column->public.role);
        dataset->at[column->role] = i;
    }
    size_t time = dataset->at[ROLE_TIME];
    dataset->time_unit = time != SIZE_MAX && dataset->columns[time].public.unit
                             ? dataset->columns[time].public.unit
                         : dataset->model ? model_time_unit(dataset->model)
                                          : NULL;
    if (!dataset->time_unit)
        return err_set(ERR_FORMAT, "the spec has to state the unit of the time");
    return check_columns(dataset);
}

/* --- patients
 * ------------------------------------------------------------------------------------ */

static uint64_t text_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

static size_t *patient_slot(const struct dataset *dataset, const char *name)
{
    size_t at = text_hash(name) & (dataset->slot_count - 1);
    while (dataset->slots[at] &&
           strcmp(dataset->patients[dataset->slots[at] - 1].record->patient, name) != 0)
        at = (at + 1) & (dataset->slot_count - 1);
    return &dataset->slots[at];
}

static void slots_grow(struct dataset *dataset)
{
    mem_free(dataset->slots);
    dataset->slot_count = dataset->slot_count ? dataset->slot_count * 2 : 1024;
    dataset->slots = mem_new(dataset->slot_count, sizeof *dataset->slots);
    for (size_t i = 0; i < dataset->patient_count; i++)
        *patient_slot(dataset, dataset->patients[i].record->patient) = i + 1;
}

static struct patient *patient_of(struct dataset *dataset, const char *name)
{
    if (dataset->patient_count * 2 >= dataset->slot_count)
        slots_grow(dataset);
    size_t *slot = patient_slot(dataset, name);
    if (*slot)
        return &dataset->patients[*slot - 1];
    if (dataset->patient_count == DATASET_PATIENTS_MAX)
        return NULL;
    MEM_GROW(dataset->patients, dataset->patient_count + 1, &dataset->patient_capacity);
    struct patient *patient = &dataset->patients[dataset->patient_count++];
    *patient = (struct patient){record_new(name, dataset->time_unit), 0,
                                mem_new(dataset->column_count, sizeof(double))};
    for (size_t i = 0; i < dataset->column_count; i++)
        patient->last[i] = NAN;
    *slot = dataset->patient_count;
    return patient;
}

/* --- one row
 * ----------------------------------------------------------------------------------------
 */

struct row {
    struct dataset *dataset;
    struct patient *patient;
    size_t line, order;
    const char *const *fields;
    double time;
    bool bad;
};

static bool missing(const char *field)
{
    return *field == 0 || strcmp(field, ".") == 0 || strcmp(field, "NA") == 0;
}

static const char *column_name(const struct row *row, size_t column)
{
    return row->dataset->columns[column].public.column;
}

static void spoil(struct row *row, size_t column, const char *reason)
{
    reject(row->line, column_name(row, column), "%s", reason);
    row->bad = true;
}

/* The number in a column; `preset` when it is missing. Counts. */
static double number(struct row *row, size_t column, double preset)
{
    double value = preset;
    struct dataset_column *public = &row->dataset->columns[column].public;
    if (missing(row->fields[column])) {
        public->missing++;
    } else if (csv_real(row->fields[column], &value) != ERR_OK) {
        spoil(row, column, "not a number");
        value = preset;
    } else {
        public->used++;
    }
    return value;
}

static double role_number(struct row *row, enum role role, double preset)
{
    size_t column = row->dataset->at[role];
    return column == SIZE_MAX ? preset : number(row, column, preset);
}

static void take_covariates(struct row *row)
{
    const struct dataset *dataset = row->dataset;
    for (size_t i = 0; i < dataset->column_count; i++) {
        if (dataset->columns[i].role != ROLE_COVARIATE)
            continue;
        double value = number(row, i, NAN);
        if (isnan(value) || value == row->patient->last[i])
            continue;
        row->patient->last[i] = value;
        if (record_covariate(
                row->patient->record, row->time, dataset->columns[i].public.name,
                dataset->columns[i].public.unit, value, row->order) != ERR_OK)
            spoil(row, i, err_text());
    }
}

/* The input a dose of this row enters: the only one; the one that CMT names as the number
 * of its state or as its own name. */
static const char *dose_input(struct row *row)
{
    const struct dataset *dataset = row->dataset;
    size_t cmt = dataset->at[ROLE_CMT], amount = dataset->at[ROLE_AMOUNT];
    if (dataset->columns[amount].public.name)
        return dataset->columns[amount].public.name;
    if (!dataset->model)
        return NULL;
    if (model_inputs(dataset->model) == 1)
        return model_input(dataset->model, 0)->name;
    for (size_t i = 0; cmt != SIZE_MAX && i < model_inputs(dataset->model); i++) {
        const struct model_input *input = model_input(dataset->model, i);
        long long state;
        if (strcmp(input->name, row->fields[cmt]) == 0 ||
            (csv_integer(row->fields[cmt], &state) == ERR_OK &&
             (long long)input->state + 1 == state))
            return input->name;
    }
    return NULL;
}

/* Model time; negative: the input's own default. RATE -2 asks for that too. */
static double dose_duration(struct row *row, double amount)
{
    size_t rate_at = row->dataset->at[ROLE_RATE];
    double duration = role_number(row, ROLE_DURATION, -1);
    double rate = role_number(row, ROLE_RATE,
                              row->dataset->at[ROLE_DURATION] != SIZE_MAX ? -2
                              : rate_at == SIZE_MAX                       ? -2
                                                                          : 0);
    if (rate > 0)
        return amount / rate;
    if (rate == -2)
        return duration;
    if (rate != 0)
        spoil(row, rate_at,
              "a rate is positive, 0 for a bolus or -2 for the model's own");
    return 0;
}

static void take_dose(struct row *row)
{
    struct dataset *dataset = row->dataset;
    size_t column = dataset->at[ROLE_AMOUNT];
    double amount = role_number(row, ROLE_AMOUNT, NAN);
    const char *input = dose_input(row);
    double interval = role_number(row, ROLE_INTERVAL, 0);
    double additional = role_number(row, ROLE_ADDITIONAL, 0);
    double steady = role_number(row, ROLE_STEADY, 0);
    if (!(amount >= 0))
        spoil(row, column, "a dose needs an amount of 0 or more");
    if (!input)
        spoil(row, column, "it is not clear which dose of the model this is");
    if ((steady == 1 || steady == 2) && interval > 0)
        spoil(row, dataset->at[ROLE_STEADY], "doses at steady state are not known here");
    if (!(additional >= 0 && additional <= ADDITIONAL_MAX &&
          additional == floor(additional)) ||
        (additional > 0 && !(interval > 0)))
        spoil(row, dataset->at[ROLE_ADDITIONAL],
              "additional doses are a whole number with a positive interval");
    double duration = dose_duration(row, amount);
    for (double i = 0; !row->bad && i <= additional; i++) {
        if (record_dose(row->patient->record, row->time + i * interval, input,
                        dataset->columns[column].public.unit, amount, duration,
                        row->order + 1) != ERR_OK)
            spoil(row, column, err_text());
        dataset->doses++;
    }
}

/* The observation a DV belongs to: the only one, or the one that DVID names or numbers.
 */
static const char *measured_quantity(struct row *row)
{
    const struct dataset *dataset = row->dataset;
    const struct model *model = dataset->model;
    size_t dvid = dataset->at[ROLE_DVID], dv = dataset->at[ROLE_DV];
    if (dataset->columns[dv].public.name)
        return dataset->columns[dv].public.name;
    if (!model)
        return NULL;
    if (dvid != SIZE_MAX && !missing(row->fields[dvid])) {
        long long index;
        if (csv_integer(row->fields[dvid], &index) == ERR_OK)
            return index >= 1 && (size_t)index <= model_observations(model)
                       ? model_observation(model, (size_t)index - 1)->name
                       : "";
        return model_has(model, ROLE_MEASUREMENT, row->fields[dvid]) ? row->fields[dvid]
                                                                     : NULL;
    }
    return model_observations(model) == 1 ? model_observation(model, 0)->name : NULL;
}

static void measure(struct row *row, size_t column, const char *quantity, double value)
{
    struct dataset *dataset = row->dataset;
    double side = role_number(row, ROLE_CENSORED, 0);
    double limit = role_number(row, ROLE_LIMIT, NAN);
    enum censoring censoring = side == 0  ? CENSORED_NOT
                               : side > 0 ? CENSORED_BELOW
                                          : CENSORED_ABOVE;
    if (side != 0 && side != 1 && side != -1)
        spoil(row, dataset->at[ROLE_CENSORED], "censored is 0, 1 (below) or -1 (above)");
    if (censoring != CENSORED_NOT && !isnan(limit))
        value = limit;
    if (row->bad)
        return;
    if (record_measurement(row->patient->record, row->time, quantity,
                           dataset->columns[column].public.unit, value, censoring,
                           row->order + 2) != ERR_OK)
        spoil(row, column, err_text());
    dataset->measurements++;
}

static void take_dv(struct row *row, bool expected)
{
    size_t column = row->dataset->at[ROLE_DV];
    double value = number(row, column, NAN);
    const char *quantity = measured_quantity(row);
    if (isnan(value)) {
        if (expected && !row->bad)
            spoil(row, column, "a measurement is missing; mark the row with MDV 1");
        return;
    }
    if (quantity && !*quantity) /* of something else than the model observes */
        return;
    if (!quantity)
        spoil(row, column, "it is not clear what was measured; add a column DVID");
    else
        measure(row, column, quantity, value);
}

static void take_named(struct row *row)
{
    struct dataset *dataset = row->dataset;
    for (size_t i = 0; i < dataset->column_count; i++) {
        const struct column *column = &dataset->columns[i];
        if (column->role != ROLE_MEASUREMENT && column->role != ROLE_INPUT)
            continue;
        double value = number(row, i, NAN);
        if (isnan(value))
            continue;
        if (column->role == ROLE_MEASUREMENT) {
            measure(row, i, column->public.name, value);
        } else if (value < 0) {
            spoil(row, i, "a dose needs an amount of 0 or more");
        } else if (value > 0) {
            if (record_dose(row->patient->record, row->time, column->public.name,
                            column->public.unit, value, -1, row->order + 1) != ERR_OK)
                spoil(row, i, err_text());
            dataset->doses++;
        }
    }
}

static void take_kinds(struct row *row)
{
    const struct dataset *dataset = row->dataset;
    bool has_amount = dataset->at[ROLE_AMOUNT] != SIZE_MAX;
    double amount = has_amount && !missing(row->fields[dataset->at[ROLE_AMOUNT]])
                        ? strtod(row->fields[dataset->at[ROLE_AMOUNT]], NULL)
                        : 0;
    double kind = role_number(row, ROLE_EVID, has_amount && amount != 0 ? 1 : 0);
    double unmeasured = role_number(row, ROLE_MDV, 0);
    bool stated = dataset->at[ROLE_EVID] != SIZE_MAX || dataset->at[ROLE_MDV] != SIZE_MAX;
    if (kind != 0 && kind != 1 && kind != 2) {
        spoil(
            row, dataset->at[ROLE_EVID],
            "EVID is 0 (measurement), 1 (dose) or 2 (other); resets are not known here");
        return;
    }
    if (kind == 1 && !has_amount) {
        spoil(row, dataset->at[ROLE_EVID], "a dose, but no column with amounts");
        return;
    }
    if (kind == 1)
        take_dose(row);
    if (kind == 0 && unmeasured == 0 && dataset->at[ROLE_DV] != SIZE_MAX)
        take_dv(row, stated);
    if (kind == 0 && unmeasured == 0)
        take_named(row);
}

static enum err take_row(void *context, size_t line, size_t count,
                         const char *const *fields)
{
    struct dataset *dataset = context;
    struct row row = {.dataset = dataset, .line = line, .fields = fields};
    size_t id = dataset->at[ROLE_ID];
    (void)count;
    if (dataset->rows++ == DATASET_ROWS_MAX)
        return err_set(ERR_RANGE, "%s has more than %zu rows", dataset->path,
                       DATASET_ROWS_MAX);
    if (missing(fields[id])) {
        spoil(&row, id, "no patient");
        return ERR_OK;
    }
    dataset->columns[id].public.used++;
    row.patient = patient_of(dataset, fields[id]);
    if (!row.patient)
        return err_set(ERR_RANGE, "%s has more than %zu patients", dataset->path,
                       DATASET_PATIENTS_MAX);
    row.order = dataset->rows * ORDERS_A_ROW;
    row.time = role_number(&row, ROLE_TIME, NAN);
    if (dataset->at[ROLE_TIME] == SIZE_MAX) /* rows of one patient count 0, 1, 2, ... */
        row.time = (double)row.patient->rows;
    else if (isnan(row.time) && !row.bad)
        spoil(&row, dataset->at[ROLE_TIME], "no time");
    row.patient->rows++;
    if (row.bad)
        return ERR_OK;
    take_covariates(&row);
    take_kinds(&row);
    return ERR_OK;
}

/* --- the file
 * ------------------------------------------------------------------------------------------
 */

static enum err refuse_rows(const struct dataset *dataset)
{
    const struct dataset_reject *first = &refused.items[0];
    return err_set(ERR_FORMAT, "%s: %zu bad values; the first in line %zu, column %s: %s",
                   dataset->path, refused.total, first->line, first->column,
                   first->reason);
}

enum err dataset_read(const char *csv_path, const char *spec_path,
                      const struct model *model, struct dataset **dataset)
{
    struct spec spec = {0};
    struct dataset *read = mem_new(1, sizeof *read);
    enum err err = ERR_OK;
    rejects_clear();
    read->model = model;
    read->path = csv_path;
    read->spec = &spec;
    if (spec_path && (err = csv_read(spec_path, spec_header, spec_row, &spec)) != ERR_OK)
        err_wrap("%s", spec_path);
    if (err == ERR_OK)
        err = csv_read(csv_path, take_header, take_row, read);
    if (err == ERR_OK && refused.total)
        err = refuse_rows(read);
    if (err == ERR_OK && read->patient_count == 0)
        err = err_set(ERR_FORMAT, "%s has no rows", csv_path);
    spec_clear(&spec);
    if (err != ERR_OK) {
        dataset_destroy(&read);
        return err;
    }
    for (size_t i = 0; i < read->patient_count; i++)
        record_sort(read->patients[i].record);
    read->spec = NULL;
    read->path = NULL;
    *dataset = read;
    return ERR_OK;
}

void dataset_destroy(struct dataset **dataset)
{
    struct dataset *gone = *dataset;
    if (!gone)
        return;
    for (size_t i = 0; i < gone->patient_count; i++) {
        record_destroy(&gone->patients[i].record);
        mem_free(gone->patients[i].last);
    }
    for (size_t i = 0; i < gone->column_count; i++) {
        mem_free((char *)gone->columns[i].public.column);
        mem_free((char *)gone->columns[i].public.name);
        mem_free((char *)gone->columns[i].public.unit);
    }
    mem_free(gone->patients);
    mem_free(gone->slots);
    mem_free(gone->columns);
    mem_free(gone);
    *dataset = NULL;
}

size_t dataset_patients(const struct dataset *dataset)
{
    return dataset->patient_count;
}

struct record *dataset_record(const struct dataset *dataset, size_t index)
{
    return dataset->patients[index].record;
}

size_t dataset_columns(const struct dataset *dataset)
{
    return dataset->column_count;
}

const struct dataset_column *dataset_column(const struct dataset *dataset, size_t index)
{
    return &dataset->columns[index].public;
}

size_t dataset_rows(const struct dataset *dataset)
{
    return dataset->rows;
}

size_t dataset_doses(const struct dataset *dataset)
{
    return dataset->doses;
}

size_t dataset_measurements(const struct dataset *dataset)
{
    return dataset->measurements;
}

/* --- labels
 * ----------------------------------------------------------------------------------------------
 */

struct labelling {
    const struct dataset *dataset;
    const char *path, *column;
    size_t id, at;
    char **labels;
};

static enum err label_header(void *context, size_t line, size_t count,
                             const char *const *fields)
{
    struct labelling *labelling = context;
    (void)line;
    labelling->id = labelling->at = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i], "ID") == 0)
            labelling->id = i;
        else if (strcmp(fields[i], labelling->column) == 0)
            labelling->at = i;
    }
    if (labelling->id == SIZE_MAX || labelling->at == SIZE_MAX)
        return err_set(ERR_NOT_FOUND, "%s needs the columns ID and %s", labelling->path,
                       labelling->column);
    return ERR_OK;
}

static enum err label_row(void *context, size_t line, size_t count,
                          const char *const *fields)
{
    struct labelling *labelling = context;
    size_t slot = *patient_slot(labelling->dataset, fields[labelling->id]);
    (void)count;
    if (slot == 0) /* of a patient this data set does not have */
        return ERR_OK;
    if (labelling->labels[slot - 1])
        return err_set(ERR_FORMAT, "%s: line %zu names a patient a second time",
                       labelling->path, line);
    labelling->labels[slot - 1] = mem_text(fields[labelling->at]);
    return ERR_OK;
}

enum err dataset_labels(const struct dataset *dataset, const char *csv_path,
                        const char *column, char ***labels)
{
    struct labelling labelling = {.dataset = dataset, .path = csv_path, .column = column};
    size_t count = dataset->patient_count, without = 0;
    labelling.labels = mem_new(count, sizeof(char *));
    enum err err = csv_read(csv_path, label_header, label_row, &labelling);
    for (size_t i = 0; i < count; i++)
        without += labelling.labels[i] == NULL;
    if (err == ERR_OK && without)
        err = err_set(ERR_NOT_FOUND, "%s names no %s for %zu of %zu patients", csv_path,
                      column, without, count);
    if (err == ERR_OK) {
        *labels = labelling.labels;
        return ERR_OK;
    }
    for (size_t i = 0; i < count; i++)
        mem_free(labelling.labels[i]);
    mem_free(labelling.labels);
    return err;
}
