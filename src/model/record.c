#include "model/record.h"

#include <math.h>
#include <stdlib.h>

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
    for (size_t i = 0; i < gone->dose_count; i++) {
        mem_free(gone->doses[i].input);
        mem_free(gone->doses[i].unit);
    }
    for (size_t i = 0; i < gone->covariate_count; i++) {
        mem_free(gone->covariates[i].name);
        mem_free(gone->covariates[i].unit);
    }
    for (size_t i = 0; i < gone->measurement_count; i++) {
        mem_free(gone->measurements[i].quantity);
        mem_free(gone->measurements[i].unit);
    }
    mem_free(gone->doses);
    mem_free(gone->covariates);
    mem_free(gone->measurements);
    mem_free(gone->patient);
    mem_free(gone->time_unit);
    mem_free(gone);
    *record = NULL;
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

static char *copy(const char *text)
{
    return text ? mem_text(text) : NULL;
}

enum err record_dose(struct record *record, double time, const char *input,
                     const char *unit, double amount, double duration, size_t order)
{
    if (check(record->dose_count, time, amount, duration) != ERR_OK)
        return err_code();
    MEM_GROW(record->doses, record->dose_count + 1, &record->dose_capacity);
    record->doses[record->dose_count++] =
        (struct record_dose){time, mem_text(input), copy(unit), amount, duration, order};
    return ERR_OK;
}

enum err record_covariate(struct record *record, double time, const char *name,
                          const char *unit, double value, size_t order)
{
    if (check(record->covariate_count, time, value, 0) != ERR_OK)
        return err_code();
    MEM_GROW(record->covariates, record->covariate_count + 1,
             &record->covariate_capacity);
    record->covariates[record->covariate_count++] =
        (struct record_covariate){time, mem_text(name), copy(unit), value, order};
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
        time, mem_text(quantity), copy(unit), value, censoring, order};
    return ERR_OK;
}

/* By time, then order. No two rows of a kind share both, unless the caller gave one order
 * twice; then their place in the array, which qsort does not keep, is of no meaning. */
#define COMPARE(name, type)                                                              \
    static int name(const void *a, const void *b)                                        \
    {                                                                                    \
        const struct type *x = a, *y = b;                                                \
        if (x->time != y->time)                                                          \
            return x->time < y->time ? -1 : 1;                                           \
        return (x->order > y->order) - (x->order < y->order);                            \
    }
COMPARE(by_dose, record_dose)
COMPARE(by_covariate, record_covariate)
COMPARE(by_measurement, record_measurement)
#undef COMPARE

void record_sort(struct record *record)
{
    qsort(record->doses, record->dose_count, sizeof *record->doses, by_dose);
    qsort(record->covariates, record->covariate_count, sizeof *record->covariates,
          by_covariate);
    qsort(record->measurements, record->measurement_count, sizeof *record->measurements,
          by_measurement);
}
