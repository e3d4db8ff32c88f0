#ifndef MODEL_COLUMN_H
#define MODEL_COLUMN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "model/dataset.h"
#include "model/model.h"

/* column - what each column of a table is: by its name, by the model's names, or by a
 * spec.
 *
 * It sees the header of a table and no patient's value but the codes (DVID, CMT) that say
 * what a row's number is of. Forms: docs/formats.md, "Data table" and "Spec file".
 * Private to model/dataset and its tests. */

/* X(role, word in a spec, usual column name or NULL) */
#define COLUMN_ROLE_LIST(X)                                                              \
    X(IGNORED, "ignored", NULL)                                                          \
    X(ID, "id", "ID")                                                                    \
    X(TIME, "time", "TIME")                                                              \
    X(DV, "dv", "DV")                                                                    \
    X(AMOUNT, "amount", "AMT")                                                           \
    X(RATE, "rate", "RATE")                                                              \
    X(DURATION, "duration", "DUR")                                                       \
    X(EVID, "evid", "EVID")                                                              \
    X(MDV, "mdv", "MDV")                                                                 \
    X(DVID, "dvid", "DVID")                                                              \
    X(CMT, "cmt", "CMT")                                                                 \
    X(CENSORED, "censored", "CENS")                                                      \
    X(LIMIT, "limit", "LIMIT")                                                           \
    X(BLQ, "blq", "BLQ")                                                                 \
    X(LLOQ, "lloq", "LLOQ")                                                              \
    X(INTERVAL, "interval", "II")                                                        \
    X(ADDITIONAL, "additional", "ADDL")                                                  \
    X(STEADY, "steady", "SS")                                                            \
    X(COMMENT, "comment", "C")                                                           \
    X(COVARIATE, "covariate", NULL)                                                      \
    X(MEASUREMENT, "measurement", NULL)                                                  \
    X(INPUT, "input", NULL)

enum role {
#define COLUMN_ROLE(name, word, column) ROLE_##name,
    COLUMN_ROLE_LIST(COLUMN_ROLE)
#undef COLUMN_ROLE
        ROLES
};

struct column {
    struct dataset_column public;
    enum role role;
    /* Of the model, NULL where it has none of the name (or there is no model). */
    const struct model_covariate *covariate; /* ROLE_COVARIATE */
    const struct model_observation
        *observation; /* ROLE_MEASUREMENT, and DV of one name */
};

/* "where DVID is 2, DV is pca in %": a spec's line for the column `DVID=2`. */
struct column_case {
    size_t column; /* the one with the code */
    char *code, *name, *unit;
    enum role role; /* ROLE_DV, ROLE_AMOUNT, or ROLE_IGNORED */
    const struct model_observation *observation;
};

struct columns {
    const struct model *model; /* NULL: none */
    struct column *list;
    size_t count;
    size_t at[ROLES]; /* the column of each single role; SIZE_MAX: none */
    struct column_case *cases;
    size_t case_count;
    char *time_unit;
    char *dose_code; /* the compartment of the first dose, for a model with one input */
};

/* `spec_path` NULL: by names alone. Errors are ERR_FORMAT and name spec or table, and the
 * line of the spec. */
enum err columns_new(const char *path, const char *spec_path, const struct model *model,
                     const char *const *names, size_t count, struct columns **columns);
void columns_destroy(struct columns **columns);

bool column_missing(const char *field); /* empty, "." or "NA" */

/* What a row's DV or AMT is of. `name` NULL: nothing that is wanted. Return the reason
 * when it cannot be told, NULL when all is well. */
struct column_target {
    const char *name, *unit;
    const struct model_observation *observation;
};
const char *columns_quantity(const struct columns *columns, const char *const *fields,
                             struct column_target *target);
const char *columns_input(struct columns *columns, const char *const *fields,
                          struct column_target *target);

#endif
