#ifndef MODEL_DATASET_H
#define MODEL_DATASET_H

#include <stddef.h>

#include "base/err.h"
#include "model/model.h"
#include "model/record.h"

/* dataset - reads a NONMEM-style table (ID, TIME, DV, AMT, RATE, EVID, ... and
 * covariates) with its small column and unit spec into records, one a patient.
 *
 * All or nothing: a file with one bad row gives no record, and a list of every bad row
 * with line, column and reason (never the value). Nothing is left out in silence: what is
 * not used is in the report or in the notes. The table's and the spec's forms are defined
 * in docs/formats.md. Called by node/import and sim/. */

#define DATASET_ROWS_MAX ((size_t)50000000)
#define DATASET_PATIENTS_MAX ((size_t)10000000)
#define DATASET_ID_BYTES_MAX ((size_t)128)

struct dataset;

/* What to make of the columns: the spec, or NULL for the defaults (standard NONMEM names;
 * other columns are taken by the names of the model's covariates, observations and
 * inputs; the model's units are assumed where the spec states none). `model` may be NULL
 * only with a spec that names everything. ERR_FORMAT for the table or the spec,
 * ERR_NOT_FOUND and ERR_STORAGE for the files. */
enum err dataset_read(const char *csv_path, const char *spec_path,
                      const struct model *model, struct dataset **dataset);
/* The same of a table in memory; `name` stands for the path in errors. */
enum err dataset_read_text(const char *name, const char *text, size_t size,
                           const char *spec_path, const struct model *model,
                           struct dataset **dataset);
void dataset_destroy(struct dataset **dataset);

size_t dataset_patients(const struct dataset *dataset); /* in order of first appearance */
/* Sorted by time; the dataset owns it. */
struct record *dataset_record(const struct dataset *dataset, size_t index);

/* Write the model's unit into every row that states none, as it was meant: for records
 * that outlive this model, and may be read through another one. */
void dataset_state_units(struct dataset *dataset, const struct model *model);

/* The index of a patient by identifier; SIZE_MAX: not there. */
size_t dataset_patient(const struct dataset *dataset, const char *patient);

/* The report: per column what it was taken for, fields used and missing. */
struct dataset_column {
    const char *column, *role, *name, *unit; /* role "ignored" with why in `name` */
    size_t used, missing;
};
size_t dataset_columns(const struct dataset *dataset);
const struct dataset_column *dataset_column(const struct dataset *dataset, size_t index);
size_t dataset_rows(const struct dataset *dataset);
size_t dataset_doses(const struct dataset *dataset);        /* additional ones included */
size_t dataset_measurements(const struct dataset *dataset); /* all kept in records */

/* What a person should know though it stops nothing: sentences. */
size_t dataset_notes(const struct dataset *dataset);
const char *dataset_note(const struct dataset *dataset, size_t index);

/* After dataset_read refused with ERR_FORMAT because of rows (not of the file as a
 * whole): the rejects of this thread's last read, until the next one; the first
 * DATASET_REJECTS_MAX of them. */
#define DATASET_REJECTS_MAX ((size_t)10000)
struct dataset_reject {
    size_t line;
    const char *column; /* "" when it is the whole row */
    const char *reason;
};
size_t dataset_rejects(const struct dataset_reject **rejects);

/* A table of one text column per patient (hospitals.csv): ID and `column` (NULL: the
 * first one beside ID). The values come in the order of the dataset's patients; rows of
 * other patients do not matter. ERR_NOT_FOUND for a patient without one. */
enum err dataset_labels(const struct dataset *dataset, const char *csv_path,
                        const char *column, char ***labels); /* caller frees all */

#endif
