#include "model/dataset.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/csv.h"
#include "base/memory.h"
#include "column.h"

#define ADDITIONAL_MAX 10000
/* Orders of one row's parts: its covariates hold before its measurement is taken, and
 * that before its dose is given. */
enum { ORDER_COVARIATE, ORDER_MEASUREMENT, ORDER_DOSE, ORDERS_A_ROW };
/* How many rows at the same time are looked at for a repetition. */
#define REPEATS_SEEN 32

/* A patient while the file is read. */
struct patient {
    struct record *record;
    size_t first_line;
    size_t rows;
    double time;  /* of its last row */
    size_t *last; /* [columns] the last row of each covariate + 1; 0: none yet */
};

/* What the notes are made of. */
struct counts {
    size_t comments, steady, interval, repeated, repeated_line, unwanted, dropped_doses;
};

struct dataset {
    struct patient *patients;
    size_t patient_count, patient_capacity;
    size_t *slots; /* hash table of patient numbers + 1, 0 where empty */
    size_t slot_count;
    struct columns *columns;
    size_t rows, doses, measurements;
    struct counts counts;
    char **notes;
    size_t note_count, note_capacity;
    /* while reading */
    const struct model *model;
    const char *path, *spec_path;
};

/* --- rejects ------------------------------------------------------------------- */

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
static void reject(size_t line, const char *column, const char *reason)
{
    refused.total++;
    if (refused.count == DATASET_REJECTS_MAX)
        return;
    MEM_GROW(refused.items, refused.count + 1, &refused.capacity);
    refused.items[refused.count++] =
        (struct dataset_reject){line, mem_text(column), mem_text(reason)};
}

/* --- patients ------------------------------------------------------------------ */

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

static struct patient *patient_of(struct dataset *dataset, const char *name, size_t line)
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
    *patient = (struct patient){
        .record = record_new(name, dataset->columns->time_unit),
        .first_line = line,
        .time = -INFINITY,
        .last = mem_new(dataset->columns->count, sizeof(size_t)),
    };
    *slot = dataset->patient_count;
    return patient;
}

/* --- one row ------------------------------------------------------------------- */

struct row {
    struct dataset *dataset;
    struct patient *patient;
    const char *const *fields;
    size_t line, order;
    double time;
    double number[ROLES]; /* of the single roles; NaN where missing */
    bool bad;
};

/* One reason a row: what follows from a bad field would only confuse. */
static void spoil(struct row *row, size_t column, const char *reason)
{
    if (!row->bad)
        reject(row->line,
               column == SIZE_MAX ? ""
                                  : row->dataset->columns->list[column].public.column,
               reason);
    row->bad = true;
}

static void spoil_role(struct row *row, enum role role, const char *reason)
{
    spoil(row, row->dataset->columns->at[role], reason);
}

static bool is_given(const struct row *row, enum role role)
{
    return !isnan(row->number[role]);
}

/* The number in a column, NaN when it is missing or not a number. Counts. */
static double take_number(struct row *row, size_t column, const char *field)
{
    double value = NAN;
    struct dataset_column *public = &row->dataset->columns->list[column].public;
    if (column_missing(field))
    public->missing++;
    else if (csv_real(field, &value) != ERR_OK) spoil(row, column, err_text());
    else public->used++;
    return value;
}

/* Roles whose fields are numbers; the others are codes and names. */
static void take_numbers(struct row *row)
{
    const struct columns *columns = row->dataset->columns;
    for (int role = 0; role < ROLES; role++) {
        size_t at = columns->at[role];
        row->number[role] = NAN;
        if (at == SIZE_MAX || role == ROLE_DV)
            continue;
        if (role != ROLE_ID && role != ROLE_DVID && role != ROLE_CMT &&
            role != ROLE_COMMENT)
            row->number[role] = take_number(row, at, row->fields[at]);
        else if (column_missing(row->fields[at]))
            columns->list[at].public.missing++;
        else
            columns->list[at].public.used++;
    }
}

/* --- covariates ---------------------------------------------------------------- */

static void take_covariate(struct row *row, size_t index, double value)
{
    const struct column *column = &row->dataset->columns->list[index];
    const struct model_covariate *covariate = column->covariate;
    struct record *record = row->patient->record;
    size_t *last = &row->patient->last[index];
    if (*last && covariate) {
        bool same = record->covariates[*last - 1].value == value;
        if (!same && covariate->hold == COVARIATE_CONSTANT) {
            spoil(row, index,
                  "changes within the patient, but the model holds it constant (locf and "
                  "linear would let it move)");
            return;
        }
        /* The same again is news only where values between the two are interpolated. */
        if (same && covariate->hold != COVARIATE_LINEAR)
            return;
    }
    if (record_covariate(record, row->time, column->public.name, column->public.unit,
                         value, row->order + ORDER_COVARIATE) != ERR_OK)
        spoil(row, index, err_text());
    *last = record->covariate_count;
}

static void take_covariates(struct row *row)
{
    const struct columns *columns = row->dataset->columns;
    for (size_t i = 0; i < columns->count && !row->bad; i++) {
        if (columns->list[i].role != ROLE_COVARIATE)
            continue;
        double value = take_number(row, i, row->fields[i]);
        if (!isnan(value))
            take_covariate(row, i, value);
    }
}

/* --- doses --------------------------------------------------------------------- */

/* In the table's time unit; negative: the input's own default. */
static double dose_duration(struct row *row, double amount)
{
    double rate = row->number[ROLE_RATE], duration = row->number[ROLE_DURATION];
    if (duration < 0)
        spoil_role(row, ROLE_DURATION, "a duration is 0 (a bolus) or more");
    if (rate < 0 && rate != -2)
        spoil_role(
            row, ROLE_RATE,
            "a rate is positive, 0 for a bolus or -2 for the model's own duration");
    if (rate > 0 && duration > 0)
        spoil_role(row, ROLE_RATE, "a rate and a duration; one follows from the other");
    if (rate > 0)
        return amount / rate;
    if (duration >= 0)
        return duration;
    return rate == 0 ? 0 : -1;
}

/* Doses of the model at one time are rarely two alike: a row that came twice. */
static bool dose_repeats(const struct record *record, double time, const char *input,
                         double amount, double duration)
{
    for (size_t i = record->dose_count, n = 0; i-- > 0 && n < REPEATS_SEEN; n++) {
        const struct record_dose *other = &record->doses[i];
        if (other->time == time && other->amount == amount &&
            other->duration == duration && strcmp(other->input, input) == 0)
            return true;
    }
    return false;
}

static void give(struct row *row, size_t column, const struct column_target *target,
                 double time, double amount, double duration)
{
    struct record *record = row->patient->record;
    if (amount > 0 && dose_repeats(record, time, target->name, amount, duration))
        spoil(row, column, "the same dose at the same time as before");
    if (!row->bad && record_dose(record, time, target->name, target->unit, amount,
                                 duration, row->order + ORDER_DOSE) != ERR_OK)
        spoil(row, column, err_text());
    row->dataset->doses += !row->bad;
}

static void check_regimen(struct row *row)
{
    double interval = row->number[ROLE_INTERVAL], more = row->number[ROLE_ADDITIONAL];
    double steady = row->number[ROLE_STEADY];
    struct counts *counts = &row->dataset->counts;
    if (interval < 0)
        spoil_role(row, ROLE_INTERVAL, "an interval is 0 or more");
    if (more < 0 || more > ADDITIONAL_MAX || (more >= 0 && more != floor(more)))
        spoil_role(row, ROLE_ADDITIONAL,
                   "additional doses are a whole number up to 10000");
    if (more > 0 && !(interval > 0))
        spoil_role(row, ROLE_ADDITIONAL, "additional doses need an interval above 0");
    if (is_given(row, ROLE_STEADY) && steady != 0 && interval > 0)
        spoil_role(row, ROLE_STEADY,
                   "doses at steady state are not supported; write out earlier doses");
    if (interval > 0 && !(more > 0))
        counts->interval++;
}

static void take_dose(struct row *row)
{
    struct dataset *dataset = row->dataset;
    size_t column = dataset->columns->at[ROLE_AMOUNT];
    struct column_target target;
    if (column == SIZE_MAX) {
        spoil_role(row, ROLE_EVID, "a dose, but the table has no column with amounts");
        return;
    }
    const char *why = columns_input(dataset->columns, row->fields, &target);
    double amount = row->number[ROLE_AMOUNT];
    if (isnan(amount))
        spoil(row, column, "a dose without an amount");
    if (amount < 0)
        spoil(row, column, "a negative dose");
    if (why)
        spoil(row, column, why);
    check_regimen(row);
    double duration = dose_duration(row, amount);
    if (row->bad)
        return;
    if (!target.name) {
        dataset->counts.dropped_doses++;
        return;
    }
    double more = row->number[ROLE_ADDITIONAL] > 0 ? row->number[ROLE_ADDITIONAL] : 0;
    for (double i = 0; i <= more && !row->bad; i++)
        give(row, column, &target,
             row->time + (i > 0 ? i * row->number[ROLE_INTERVAL] : 0), amount, duration);
}

/* --- measurements -------------------------------------------------------------- */

struct reading {
    double value;
    enum censoring censoring;
};

/* A field may itself say that it is a limit: "<0.1", ">400". */
static bool take_field(struct row *row, size_t column, struct reading *reading)
{
    const char *field = row->fields[column];
    *reading = (struct reading){NAN, CENSORED_NOT};
    if (*field == '<' || *field == '>')
        reading->censoring = *field++ == '<' ? CENSORED_BELOW : CENSORED_ABOVE;
    reading->value = take_number(row, column, field);
    if (reading->censoring != CENSORED_NOT && column_missing(field))
        spoil(row, column, "a limit without its value");
    return !isnan(reading->value);
}

/* CENS, LIMIT, BLQ and LLOQ speak of the DV column. */
static void censor(struct row *row, const struct column_target *target,
                   struct reading *reading)
{
    double side = row->number[ROLE_CENSORED], below = row->number[ROLE_BLQ];
    double limit = row->number[ROLE_LLOQ];
    if (is_given(row, ROLE_CENSORED) && side != 0 && side != 1 && side != -1)
        spoil_role(row, ROLE_CENSORED, "0, 1 (below DV) or -1 (above DV) is expected");
    if (is_given(row, ROLE_BLQ) && below != 0 && below != 1)
        spoil_role(row, ROLE_BLQ, "0 or 1 (below the limit) is expected");
    if ((side == 1 || side == -1) && reading->censoring == CENSORED_NOT)
        reading->censoring = side > 0 ? CENSORED_BELOW : CENSORED_ABOVE;
    else if (reading->censoring != CENSORED_NOT && is_given(row, ROLE_CENSORED) &&
             side != (reading->censoring == CENSORED_BELOW ? 1 : -1))
        spoil_role(row, ROLE_CENSORED, "says otherwise than DV");
    if (reading->censoring != CENSORED_NOT && is_given(row, ROLE_LIMIT))
        spoil_role(row, ROLE_LIMIT,
                   "a value between two limits is not supported; leave it missing");
    if (below == 1) {
        if (isnan(limit) && target->observation && !target->unit)
            limit = target->observation->limit_low;
        if (!isfinite(limit))
            spoil_role(row, ROLE_BLQ,
                       "below a limit that neither LLOQ nor the model has");
        *reading = (struct reading){limit, CENSORED_BELOW};
    } else if (reading->censoring == CENSORED_NOT && reading->value < limit) {
        *reading = (struct reading){limit, CENSORED_BELOW};
    }
}

static void check_value(struct row *row, size_t column,
                        const struct model_observation *observation,
                        const struct reading *reading)
{
    if (!observation)
        return;
    if (observation->residual == RESIDUAL_BERNOULLI &&
        (reading->censoring != CENSORED_NOT ||
         (reading->value != 0 && reading->value != 1)))
        spoil(row, column, "0 or 1 is expected of a yes-or-no observation");
    /* Below a limit of the model's the twin takes it for censored. */
    if (observation->residual == RESIDUAL_LOGNORMAL &&
        reading->censoring == CENSORED_NOT && reading->value <= 0 &&
        !isfinite(observation->limit_low))
        spoil(row, column,
              "0 or less cannot have a lognormal error; mark it as below a limit");
}

static void measure(struct row *row, size_t column, const struct column_target *target,
                    const struct reading *reading)
{
    struct record *record = row->patient->record;
    struct counts *counts = &row->dataset->counts;
    check_value(row, column, target->observation, reading);
    if (row->bad)
        return;
    for (size_t i = record->measurement_count, n = 0; i-- > 0 && n < REPEATS_SEEN; n++) {
        const struct record_measurement *other = &record->measurements[i];
        if (other->time == row->time && other->value == reading->value &&
            other->censoring == reading->censoring &&
            strcmp(other->quantity, target->name) == 0) {
            counts->repeated_line =
                counts->repeated++ ? counts->repeated_line : row->line;
            break;
        }
    }
    if (record_measurement(record, row->time, target->name, target->unit, reading->value,
                           reading->censoring, row->order + ORDER_MEASUREMENT) != ERR_OK)
        spoil(row, column, err_text());
    row->dataset->measurements++;
}

static void take_dv(struct row *row)
{
    struct dataset *dataset = row->dataset;
    size_t column = dataset->columns->at[ROLE_DV];
    struct reading reading;
    struct column_target target;
    if (column == SIZE_MAX || row->number[ROLE_MDV] == 1)
        return;
    const char *why = columns_quantity(dataset->columns, row->fields, &target);
    if (!why && !target.name) {
        dataset->counts.unwanted++;
        return;
    }
    if (!take_field(row, column, &reading) && row->number[ROLE_BLQ] != 1) {
        if (is_given(row, ROLE_MDV) || is_given(row, ROLE_EVID))
            spoil(row, column, "a measurement is missing; mark the row with MDV 1");
        return;
    }
    if (why)
        spoil(row, column, why);
    censor(row, &target, &reading);
    if (!row->bad)
        measure(row, column, &target, &reading);
}

/* Columns named after a quantity or an input: every value in them counts, on any row. */
static void take_named(struct row *row)
{
    const struct columns *columns = row->dataset->columns;
    for (size_t i = 0; i < columns->count && !row->bad; i++) {
        const struct column *column = &columns->list[i];
        struct column_target target = {column->public.name, column->public.unit,
                                       column->observation};
        struct reading reading;
        if (column->role == ROLE_MEASUREMENT && take_field(row, i, &reading))
            measure(row, i, &target, &reading);
        if (column->role != ROLE_INPUT)
            continue;
        double amount = take_number(row, i, row->fields[i]);
        if (amount < 0)
            spoil(row, i, "a negative dose");
        if (amount > 0)
            give(row, i, &target, row->time, amount, -1);
    }
}

/* --- what a row is ------------------------------------------------------------- */

enum kind { KIND_MEASUREMENT, KIND_DOSE, KIND_OTHER };

static enum kind row_kind(struct row *row)
{
    double evid = row->number[ROLE_EVID], amount = row->number[ROLE_AMOUNT];
    bool doses = amount != 0 && is_given(row, ROLE_AMOUNT);
    if (is_given(row, ROLE_MDV) && row->number[ROLE_MDV] != 0 &&
        row->number[ROLE_MDV] != 1)
        spoil_role(row, ROLE_MDV, "0 or 1 is expected");
    if (evid == 3 || evid == 4)
        spoil_role(row, ROLE_EVID,
                   "a reset is not supported; give every occasion an ID of its own");
    else if (is_given(row, ROLE_EVID) && evid != 0 && evid != 1 && evid != 2)
        spoil_role(row, ROLE_EVID, "0 (measurement), 1 (dose) or 2 (other) is expected");
    if (evid == 0 && doses)
        spoil_role(row, ROLE_AMOUNT, "an amount, but EVID says it is a measurement");
    if (evid == 2 && doses)
        spoil_role(row, ROLE_AMOUNT, "an amount, but EVID says it is no dose");
    if (evid == 1 || (!is_given(row, ROLE_EVID) && doses))
        return KIND_DOSE;
    if (row->number[ROLE_RATE] > 0)
        spoil_role(row, ROLE_RATE, "a rate without a dose");
    if (row->number[ROLE_ADDITIONAL] > 0)
        spoil_role(row, ROLE_ADDITIONAL, "additional doses without a dose");
    return evid == 2 ? KIND_OTHER : KIND_MEASUREMENT;
}

static void take_time(struct row *row)
{
    struct patient *patient = row->patient;
    if (row->dataset->columns->at[ROLE_TIME] == SIZE_MAX) {
        row->time = (double)patient->rows; /* rows of one patient count 0, 1, 2, ... */
    } else {
        row->time = row->number[ROLE_TIME];
        if (isnan(row->time))
            spoil_role(row, ROLE_TIME, "no time");
        if (row->time < patient->time)
            spoil_role(row, ROLE_TIME,
                       "goes back within the patient; sort by time, or give every "
                       "occasion an ID of its own");
    }
    patient->rows++;
    if (!row->bad)
        patient->time = row->time;
}

static void take_patient_row(struct row *row)
{
    take_numbers(row);
    take_time(row);
    take_covariates(row);
    enum kind kind = row_kind(row);
    if (is_given(row, ROLE_STEADY) && row->number[ROLE_STEADY] != 0 &&
        !(row->number[ROLE_INTERVAL] > 0))
        row->dataset->counts.steady++;
    if (row->bad)
        return;
    if (kind == KIND_DOSE)
        take_dose(row);
    if (kind == KIND_MEASUREMENT)
        take_dv(row);
    take_named(row);
}

static enum err take_row(void *context, size_t line, size_t count,
                         const char *const *fields)
{
    struct dataset *dataset = context;
    const struct columns *columns = dataset->columns;
    struct row row = {.dataset = dataset, .line = line, .fields = fields};
    const char *patient = fields[columns->at[ROLE_ID]];
    size_t comment = columns->at[ROLE_COMMENT];
    (void)count;
    if (dataset->rows++ == DATASET_ROWS_MAX)
        return err_set(ERR_RANGE, "%s has more than %zu rows", dataset->path,
                       DATASET_ROWS_MAX);
    if (comment != SIZE_MAX && !column_missing(fields[comment])) {
        dataset->counts.comments++;
        return ERR_OK;
    }
    if (column_missing(patient)) {
        spoil_role(&row, ROLE_ID, "no patient");
        return ERR_OK;
    }
    if (strlen(patient) > DATASET_ID_BYTES_MAX) {
        spoil_role(&row, ROLE_ID, "an identifier of more than 128 bytes");
        return ERR_OK;
    }
    row.patient = patient_of(dataset, patient, line);
    if (!row.patient)
        return err_set(ERR_RANGE, "%s has more than %zu patients", dataset->path,
                       DATASET_PATIENTS_MAX);
    row.order = dataset->rows * ORDERS_A_ROW;
    take_patient_row(&row);
    return ERR_OK;
}

static enum err take_header(void *context, size_t line, size_t count,
                            const char *const *fields)
{
    struct dataset *dataset = context;
    (void)line;
    return columns_new(dataset->path, dataset->spec_path, dataset->model, fields, count,
                       &dataset->columns);
}

/* --- the file ------------------------------------------------------------------ */

static void note(struct dataset *dataset, char *text)
{
    MEM_GROW(dataset->notes, dataset->note_count + 1, &dataset->note_capacity);
    dataset->notes[dataset->note_count++] = text;
}

static void note_names(struct dataset *dataset)
{
    const struct columns *columns = dataset->columns;
    for (size_t i = 0; dataset->model && i < columns->count; i++) {
        const struct column *column = &columns->list[i];
        bool known = column->covariate || column->observation;
        if (!known &&
            (column->role == ROLE_COVARIATE || column->role == ROLE_MEASUREMENT ||
             (column->role == ROLE_DV && column->public.name)))
            note(dataset,
                 mem_format("model %s has no %s '%s': column %s is not used",
                            model_name(dataset->model),
                            column->role == ROLE_COVARIATE ? "covariate" : "observation",
                            column->public.name, column->public.column));
    }
}

static void write_notes(struct dataset *dataset)
{
    const struct counts *counts = &dataset->counts;
    note_names(dataset);
    if (dataset->columns->at[ROLE_TIME] == SIZE_MAX)
        note(dataset, mem_text("there is no column for the time: the rows of a patient "
                               "are taken at times 0, 1, 2, ..."));
    if (counts->comments)
        note(dataset, mem_format("rows commented out: %zu", counts->comments));
    if (counts->unwanted)
        note(dataset, mem_format("measurements left out, of what the model does not "
                                 "observe: %zu",
                                 counts->unwanted));
    if (counts->dropped_doses)
        note(dataset, mem_format("doses left out because the spec says so: %zu",
                                 counts->dropped_doses));
    if (counts->steady)
        note(dataset, mem_format("rows with a steady state (SS) but no interval (II), "
                                 "taken as having none: %zu",
                                 counts->steady));
    if (counts->interval)
        note(dataset, mem_format("doses with an interval (II) but no additional ones "
                                 "(ADDL), taken as single: %zu",
                                 counts->interval));
    if (counts->repeated)
        note(dataset, mem_format("measurements that repeat one at the same time, all "
                                 "used: %zu, the first in line %zu",
                                 counts->repeated, counts->repeated_line));
}

/* What never changed within the patient is one row. */
static void thin_covariate(struct record *record, const char *name)
{
    struct record_covariate *rows = record->covariates, *first = NULL;
    for (size_t i = 0; i < record->covariate_count; i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (first && rows[i].value != first->value)
            return;
        first = first ? first : &rows[i];
    }
    size_t kept = 0;
    for (size_t i = 0; i < record->covariate_count; i++) {
        if (&rows[i] != first && strcmp(rows[i].name, name) == 0)
            continue;
        rows[kept++] = rows[i];
        if (&rows[i] == first)
            first = &rows[kept - 1];
    }
    record->covariate_count = kept;
}

/* A covariate without a default has to be known of everybody. */
static void finish_patient(struct dataset *dataset, struct patient *patient)
{
    const struct columns *columns = dataset->columns;
    record_sort(patient->record); /* from here on `last` only says that there is one */
    for (size_t i = 0; i < columns->count; i++) {
        const struct column *column = &columns->list[i];
        if (column->role != ROLE_COVARIATE)
            continue;
        thin_covariate(patient->record, column->public.name);
        if (column->covariate && !column->covariate->has_default && !patient->last[i])
            reject(patient->first_line, column->public.column,
                   "no value in any row of the patient, and the model has no default");
    }
}

static int by_line(const void *a, const void *b)
{
    const struct dataset_reject *x = a, *y = b;
    return (x->line > y->line) - (x->line < y->line);
}

static enum err refuse_rows(const struct dataset *dataset)
{
    const struct dataset_reject *first = &refused.items[0];
    qsort(refused.items, refused.count, sizeof *refused.items, by_line);
    err_set(ERR_FORMAT, "%s:%zu: %s%s%s", dataset->path, first->line, first->column,
            *first->column ? ": " : "", first->reason);
    return refused.total == 1
               ? err_hint("this is the only bad row; nothing was read")
               : err_hint("%zu rows are bad; nothing was read", refused.total);
}

static enum err finish(struct dataset *dataset)
{
    for (size_t i = 0; i < dataset->patient_count; i++)
        finish_patient(dataset, &dataset->patients[i]);
    if (refused.total)
        return refuse_rows(dataset);
    if (dataset->patient_count == 0)
        return err_set(ERR_FORMAT, "%s has no rows", dataset->path);
    write_notes(dataset);
    return ERR_OK;
}

/* `text` NULL: what the file of that name holds. */
static enum err read_table(const char *name, const char *text, size_t size,
                           const char *spec_path, const struct model *model,
                           struct dataset **dataset)
{
    struct dataset *read = mem_new(1, sizeof *read);
    rejects_clear();
    read->model = model;
    read->path = name;
    read->spec_path = spec_path;
    enum err err = text ? csv_read_text(name, text, size, take_header, take_row, read)
                        : csv_read(name, take_header, take_row, read);
    if (err == ERR_OK)
        err = finish(read);
    if (err != ERR_OK) {
        dataset_destroy(&read);
        return err;
    }
    read->model = NULL;
    read->path = read->spec_path = NULL;
    *dataset = read;
    return ERR_OK;
}

enum err dataset_read(const char *csv_path, const char *spec_path,
                      const struct model *model, struct dataset **dataset)
{
    return read_table(csv_path, NULL, 0, spec_path, model, dataset);
}

enum err dataset_read_text(const char *name, const char *text, size_t size,
                           const char *spec_path, const struct model *model,
                           struct dataset **dataset)
{
    return read_table(name, text ? text : "", size, spec_path, model, dataset);
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
    for (size_t i = 0; i < gone->note_count; i++)
        mem_free(gone->notes[i]);
    columns_destroy(&gone->columns);
    mem_free(gone->patients);
    mem_free(gone->slots);
    mem_free(gone->notes);
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

/* The unit in which this model's records have what is called so; NULL: it has nothing. */
static const char *unit_meant(const struct model *model, enum record_kind kind,
                              const char *name)
{
    if (kind == RECORD_DOSE)
        for (size_t i = 0; i < model_inputs(model); i++)
            if (strcmp(model_input(model, i)->name, name) == 0)
                return model_input(model, i)->accepted_unit;
    if (kind == RECORD_COVARIATE)
        for (size_t i = 0; i < model_covariates(model); i++)
            if (strcmp(model_covariate(model, i)->name, name) == 0)
                return model_covariate(model, i)->unit;
    if (kind == RECORD_MEASUREMENT)
        for (size_t i = 0; i < model_observations(model); i++)
            if (strcmp(model_observation(model, i)->name, name) == 0)
                return model_observation(model, i)->unit;
    return NULL;
}

void dataset_state_units(struct dataset *dataset, const struct model *model)
{
    for (size_t p = 0; p < dataset->patient_count; p++) {
        struct record *record = dataset->patients[p].record;
        for (enum record_kind kind = 0; kind < RECORD_KINDS; kind++) {
            for (size_t i = 0; i < record_rows(record, kind); i++) {
                const struct record_row row = record_row(record, kind, i);
                if (!row.unit)
                    record_state_unit(record, kind, i, unit_meant(model, kind, row.name));
            }
        }
    }
}

size_t dataset_patient(const struct dataset *dataset, const char *patient)
{
    return *patient_slot(dataset, patient) - 1; /* an empty slot is 0 */
}

size_t dataset_columns(const struct dataset *dataset)
{
    return dataset->columns->count;
}

const struct dataset_column *dataset_column(const struct dataset *dataset, size_t index)
{
    return &dataset->columns->list[index].public;
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

size_t dataset_notes(const struct dataset *dataset)
{
    return dataset->note_count;
}

const char *dataset_note(const struct dataset *dataset, size_t index)
{
    return dataset->notes[index];
}

/* --- labels -------------------------------------------------------------------- */

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
        if (labelling->id == SIZE_MAX && strcasecmp(fields[i], "ID") == 0)
            labelling->id = i;
        else if (labelling->at == SIZE_MAX &&
                 (!labelling->column || strcmp(fields[i], labelling->column) == 0))
            labelling->at = i;
    }
    if (labelling->id == SIZE_MAX)
        return err_set(ERR_NOT_FOUND, "%s has no column ID", labelling->path);
    if (labelling->at == SIZE_MAX)
        return err_set(ERR_NOT_FOUND, "%s has no column %s", labelling->path,
                       labelling->column ? labelling->column : "beside ID");
    return ERR_OK;
}

static enum err label_row(void *context, size_t line, size_t count,
                          const char *const *fields)
{
    struct labelling *labelling = context;
    size_t slot = *patient_slot(labelling->dataset, fields[labelling->id]);
    const char *label = fields[labelling->at];
    (void)count;
    if (slot == 0 || column_missing(label))
        return ERR_OK;
    if (labelling->labels[slot - 1])
        return err_set(ERR_FORMAT, "%s:%zu: names a patient a second time",
                       labelling->path, line);
    labelling->labels[slot - 1] = mem_text(label);
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
        err = err_set(ERR_NOT_FOUND, "%s says nothing of %zu of %zu patients", csv_path,
                      without, count);
    if (err == ERR_OK) {
        *labels = labelling.labels;
        return ERR_OK;
    }
    for (size_t i = 0; i < count; i++)
        mem_free(labelling.labels[i]);
    mem_free(labelling.labels);
    return err;
}
