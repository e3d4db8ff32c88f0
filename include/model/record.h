#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* record - what a hospital knows of one patient, before any model: doses, covariates and
 * measurements, each with its name, unit and time.
 *
 * It is not tied to a model: names are signals ("oral", "WT", "SBP"), units are written
 * out, times count in `time_unit` from the patient's own origin. Twins read it through a
 * model, the importer fills it, the node's store keeps it. Transparent: plain values.
 * Called by model/dataset, model/twin, node/ and sim/. */

#define RECORD_ROWS_MAX ((size_t)1000000) /* of each kind, per patient */

struct record_dose {
    double time;
    const char *input, *unit;
    double amount;
    double duration; /* in time_unit; 0 bolus; < 0: the input's own default */
    size_t order;    /* rank among all rows of the patient: breaks ties in time */
};

struct record_covariate {
    double time;
    const char *name, *unit; /* unit NULL: none was stated, the model's is meant */
    double value;
    size_t order;
};

enum censoring { CENSORED_NOT, CENSORED_BELOW, CENSORED_ABOVE };

struct record_measurement {
    double time;
    const char *quantity, *unit; /* unit NULL: none was stated, the model's is meant */
    double value;                /* the limit itself when censored */
    enum censoring censoring;
    size_t order;
};

struct record {
    char *patient; /* the hospital's identifier; never leaves it */
    char *time_unit;
    struct record_dose *doses;
    size_t dose_count, dose_capacity;
    struct record_covariate *covariates;
    size_t covariate_count, covariate_capacity;
    struct record_measurement *measurements;
    size_t measurement_count, measurement_capacity;
    char **words; /* the texts of all rows, each once */
    size_t word_count, word_capacity;
};

struct record *record_new(const char *patient, const char *time_unit);
void record_destroy(struct record **record);
struct record *record_copy(const struct record *record);

/* A copy with only the first so many measurements. Doses and covariates all stay: they
 * are what is planned, whether known yet or not. */
struct record *record_known(const struct record *record, size_t measurements);

/* The record's own copy of a text, which lives as long as it; NULL for NULL. */
const char *record_word(struct record *record, const char *text);

/* Append a row, with the record's own copies of its texts. ERR_RANGE past RECORD_ROWS_MAX or for a number that is
 * not finite. */
enum err record_dose(struct record *record, double time, const char *input,
                     const char *unit, double amount, double duration, size_t order);
enum err record_covariate(struct record *record, double time, const char *name,
                          const char *unit, double value, size_t order);
enum err record_measurement(struct record *record, double time, const char *quantity,
                            const char *unit, double value, enum censoring censoring,
                            size_t order);

/* A row of whichever kind, for what treats them alike; its texts are the record's. */
enum record_kind { RECORD_DOSE, RECORD_COVARIATE, RECORD_MEASUREMENT, RECORD_KINDS };
struct record_row {
    double time;
    const char *name, *unit; /* of an input, a covariate or a quantity */
    double value;            /* or amount */
    double extra;            /* a dose's duration, a measurement's censoring, else 0 */
    size_t order;
};
size_t record_rows(const struct record *record, enum record_kind kind);
struct record_row record_row(const struct record *record, enum record_kind kind,
                             size_t index);
/* Write a unit into a row that has none. */
void record_state_unit(struct record *record, enum record_kind kind, size_t index,
                       const char *unit);
/* As the three above; ERR_RANGE, too, for a measurement's `extra` that is no censoring. */
enum err record_add(struct record *record, enum record_kind kind,
                    const struct record_row *row);

/* Sort each kind by time, then order, then name; stable, so that equal input gives equal
 * output. */
void record_sort(struct record *record);

#endif
