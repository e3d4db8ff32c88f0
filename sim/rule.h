#ifndef SIM_RULE_H
#define SIM_RULE_H

#include "model/record.h"
#include "sim/condition.h"

/* rule - what is changed at a visit when a reading asks for it: "INPUT * 1.2 if INR<2",
 * "INPUT + 0.5 mg if INR<2", "COVARIATE = 1 if HbA1c>7 and weight>90".
 *
 * By `*`, `+`, `-` or `=` every dose of the input from the visit on changes, or the
 * covariate from the visit on, also where it was going to be something else. It stays
 * within what the model lets be tried of it ([what-if]); a covariate that cannot have
 * the new value keeps its own. A rule reads nothing itself. Called by sim/arms. */

struct rule {
    bool is_input; /* else a covariate */
    size_t index;
    char operation;   /* one of * + - = */
    double amount;    /* of an input: in its accepted unit */
    double low, high; /* where the result stays */
    struct conditions conditions;
};

/* Reads `text`, which it takes apart. ERR_USAGE, ERR_NOT_FOUND or ERR_RANGE with what is
 * wrong. */
enum err rule_read(const struct model *model, char *text, struct rule *rule);

/* At a visit (model time) with these readings [observations], NaN where there is none.
 * `changed` becomes true when something does; the record is in order then as before. */
enum err rule_apply(const struct rule *rule, const struct model *model, double time,
                    const double *readings, struct record *record, bool *changed);

#endif
