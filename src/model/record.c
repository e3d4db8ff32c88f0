#include "model/record.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

struct record *record_new(const char *patient, const char *time_unit)
{
    struct record *record = mem_new(1, sizeof *record);
    record->patient = mem_text(patient);
    record->time_unit = mem_text(time_unit);
    return record;
}

void record_destroy(struct record **record)
{
    struct record *gone = *record;
    if (!gone)
        return;
    for (size_t i = 0; i < gone->word_count; i++)
        mem_free(gone->words[i]);
    mem_free(gone->words);
    mem_free(gone->doses);
    mem_free(gone->covariates);
    mem_free(gone->measurements);
    mem_free(gone->patient);
    mem_free(gone->time_unit);
    mem_free(gone);
    *record = NULL;
}

/* A record has few of them, and mostly it is the one asked for last, or one of its own:
 * then no letter is compared. */
const char *record_word(struct record *record, const char *text)
{
    if (!text)
        return NULL;
    for (size_t i = record->word_count; i-- > 0;)
        if (record->words[i] == text)
            return text;
    for (size_t i = record->word_count; i-- > 0;)
        if (strcmp(record->words[i], text) == 0)
            return record->words[i];
    MEM_GROW(record->words, record->word_count + 1, &record->word_capacity);
    return record->words[record->word_count++] = mem_text(text);
}

/* Values of patients stay out of the sentences. */
static enum err check(size_t count, double time, double value, double other)
{
    if (count >= RECORD_ROWS_MAX)
        return err_set(ERR_RANGE, "a record of more than %zu rows of one kind",
                       RECORD_ROWS_MAX);
    if (!isfinite(time) || !isfinite(value) || !isfinite(other))
        return err_set(ERR_RANGE, "a row with a number that is not finite");
    return ERR_OK;
}

enum err record_dose(struct record *record, double time, const char *input,
                     const char *unit, double amount, double duration, size_t order)
{
    if (check(record->dose_count, time, amount, duration) != ERR_OK)
        return err_code();
    MEM_GROW(record->doses, record->dose_count + 1, &record->dose_capacity);
    record->doses[record->dose_count++] = (struct record_dose){
        time, record_word(record, input), record_word(record, unit), amount, duration,
        order};
    return ERR_OK;
}

enum err record_covariate(struct record *record, double time, const char *name,
                          const char *unit, double value, size_t order)
{
    if (check(record->covariate_count, time, value, 0) != ERR_OK)
        return err_code();
    MEM_GROW(record->covariates, record->covariate_count + 1,
             &record->covariate_capacity);
    record->covariates[record->covariate_count++] = (struct record_covariate){
        time, record_word(record, name), record_word(record, unit), value, order};
    return ERR_OK;
}

enum err record_measurement(struct record *record, double time, const char *quantity,
                            const char *unit, double value, enum censoring censoring,
                            size_t order)
{
    if (check(record->measurement_count, time, value, 0) != ERR_OK)
        return err_code();
    MEM_GROW(record->measurements, record->measurement_count + 1,
             &record->measurement_capacity);
    record->measurements[record->measurement_count++] = (struct record_measurement){
        time, record_word(record, quantity), record_word(record, unit), value, censoring,
        order};
    return ERR_OK;
}

size_t record_rows(const struct record *record, enum record_kind kind)
{
    return kind == RECORD_DOSE        ? record->dose_count
           : kind == RECORD_COVARIATE ? record->covariate_count
                                      : record->measurement_count;
}

struct record_row record_row(const struct record *record, enum record_kind kind,
                             size_t index)
{
    if (kind == RECORD_DOSE) {
        const struct record_dose *d = &record->doses[index];
        return (struct record_row){d->time,   d->input,    d->unit,
                                   d->amount, d->duration, d->order};
    }
    if (kind == RECORD_COVARIATE) {
        const struct record_covariate *c = &record->covariates[index];
        return (struct record_row){c->time, c->name, c->unit, c->value, 0, c->order};
    }
    const struct record_measurement *m = &record->measurements[index];
    return (struct record_row){m->time,  m->quantity,  m->unit,
                               m->value, m->censoring, m->order};
}

void record_state_unit(struct record *record, enum record_kind kind, size_t index,
                       const char *unit)
{
    const char *word = record_word(record, unit);
    if (kind == RECORD_DOSE)
        record->doses[index].unit = word;
    else if (kind == RECORD_COVARIATE)
        record->covariates[index].unit = word;
    else
        record->measurements[index].unit = word;
}

enum err record_add(struct record *record, enum record_kind kind,
                    const struct record_row *row)
{
    if (kind == RECORD_DOSE)
        return record_dose(record, row->time, row->name, row->unit, row->value,
                           row->extra, row->order);
    if (kind == RECORD_COVARIATE)
        return record_covariate(record, row->time, row->name, row->unit, row->value,
                                row->order);
    if (row->extra != CENSORED_NOT && row->extra != CENSORED_BELOW &&
        row->extra != CENSORED_ABOVE)
        return err_set(ERR_RANGE, "a measurement with a censoring that there is not");
    return record_measurement(record, row->time, row->name, row->unit, row->value,
                              (enum censoring)row->extra, row->order);
}

struct record *record_copy(const struct record *record)
{
    struct record *to = record_new(record->patient, record->time_unit);
    for (size_t i = 0; i < record->word_count; i++)
        record_word(to, record->words[i]);
    to->doses = mem_copy(record->doses, record->dose_count * sizeof *to->doses);
    to->dose_count = to->dose_capacity = record->dose_count;
    to->covariates =
        mem_copy(record->covariates, record->covariate_count * sizeof *to->covariates);
    to->covariate_count = to->covariate_capacity = record->covariate_count;
    to->measurements = mem_copy(record->measurements,
                                record->measurement_count * sizeof *to->measurements);
    to->measurement_count = to->measurement_capacity = record->measurement_count;
    for (size_t i = 0; i < to->dose_count; i++) {
        to->doses[i].input = record_word(to, to->doses[i].input);
        to->doses[i].unit = record_word(to, to->doses[i].unit);
    }
    for (size_t i = 0; i < to->covariate_count; i++) {
        to->covariates[i].name = record_word(to, to->covariates[i].name);
        to->covariates[i].unit = record_word(to, to->covariates[i].unit);
    }
    for (size_t i = 0; i < to->measurement_count; i++) {
        to->measurements[i].quantity = record_word(to, to->measurements[i].quantity);
        to->measurements[i].unit = record_word(to, to->measurements[i].unit);
    }
    return to;
}

struct record *record_known(const struct record *record, size_t measurements)
{
    struct record *to = record_copy(record);
    if (to->measurement_count > measurements)
        to->measurement_count = measurements;
    return to;
}

/* --- sorting ---------------------------------------------------------------------- */

typedef bool comes_after(const void *a, const void *b);

#define COMES_AFTER(sort, type, name)                                                    \
    static bool sort(const void *a, const void *b)                                       \
    {                                                                                    \
        const struct type *x = a, *y = b;                                                \
        if (x->time != y->time)                                                          \
            return x->time > y->time;                                                    \
        return x->order != y->order                                                      \
                   ? x->order > y->order                                                 \
                   : x->name != y->name && strcmp(x->name, y->name) > 0;                 \
    }
COMES_AFTER(dose_after, record_dose, input)
COMES_AFTER(covariate_after, record_covariate, name)
COMES_AFTER(measurement_after, record_measurement, quantity)
#undef COMES_AFTER

/* Merge the sorted [from, middle) and [middle, to) of `rows` into `out`; of two equal
 * rows the one that came first stays first. */
static void merge(const char *rows, char *out, size_t from, size_t middle, size_t to,
                  size_t size, comes_after *after)
{
    size_t a = from, b = middle;
    for (size_t at = from; at < to; at++) {
        bool take_b = a == middle || (b < to && after(rows + a * size, rows + b * size));
        memcpy(out + at * size, rows + (take_b ? b++ : a++) * size, size);
    }
}

/* Merge sort, because qsort promises no stability. */
static void sort(void *rows, size_t count, size_t size, comes_after *after)
{
    bool sorted = true;
    for (size_t i = 1; i < count && sorted; i++)
        sorted = !after((char *)rows + (i - 1) * size, (char *)rows + i * size);
    if (sorted)
        return;
    char *from = rows, *to = mem_new(count, size), *spare = to;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            size_t middle = i + width < count ? i + width : count;
            size_t end = i + 2 * width < count ? i + 2 * width : count;
            merge(from, to, i, middle, end, size, after);
        }
        char *swapped = from;
        from = to;
        to = swapped;
    }
    if (from != rows)
        memcpy(rows, from, count * size);
    mem_free(spare);
}

void record_sort(struct record *record)
{
    sort(record->doses, record->dose_count, sizeof *record->doses, dose_after);
    sort(record->covariates, record->covariate_count, sizeof *record->covariates,
         covariate_after);
    sort(record->measurements, record->measurement_count, sizeof *record->measurements,
         measurement_after);
}
