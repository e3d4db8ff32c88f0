#include "sim/rule.h"

#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "model/unit.h"

/* --- reading ------------------------------------------------------------------------ */

static enum err bad_rule(const char *text)
{
    err_set(ERR_USAGE, "'%s' is not what a rule changes", text);
    return err_hint("as in 'INPUT * 1.2', 'INPUT + 0.5 mg', 'COVARIATE - 0.5' or "
                    "'COVARIATE = 1', followed by ' if OBSERVATION<NUMBER'");
}

/* What is changed, and where that is kept. */
static enum err find(const struct model *model, const char *name, struct rule *rule)
{
    rule->low = -INFINITY;
    rule->high = INFINITY;
    rule->is_input = true;
    for (rule->index = 0; rule->index < model_inputs(model); rule->index++)
        if (strcmp(model_input(model, rule->index)->name, name) == 0)
            break;
    if (rule->index == model_inputs(model)) {
        rule->is_input = false;
        for (rule->index = 0; rule->index < model_covariates(model); rule->index++)
            if (strcmp(model_covariate(model, rule->index)->name, name) == 0)
                break;
        if (rule->index == model_covariates(model))
            return err_set(ERR_NOT_FOUND, "model %s has no input or covariate '%s'",
                           model_name(model), name);
        if (model_covariate(model, rule->index)->hold != COVARIATE_LOCF)
            return err_set(ERR_RANGE,
                           "%s is not held from one value to the next (locf), so that no "
                           "visit can change it",
                           name);
    } else {
        rule->low = 0;
    }
    for (size_t i = 0; i < model_ranges(model); i++) {
        const struct model_range *range = model_range(model, i);
        if (range->index != rule->index ||
            range->of != (rule->is_input ? RANGE_OF_INPUT : RANGE_OF_COVARIATE))
            continue;
        rule->low = range->low;
        rule->high = range->high;
    }
    return ERR_OK;
}

/* `unit` is NULL where none was said: a factor has none, a covariate's is the model's. */
static enum err read_amount(const struct model *model, const char *number,
                            const char *unit, struct rule *rule)
{
    double factor = 1;
    bool wants_unit = rule->is_input && rule->operation != '*';
    if (csv_real(number, &rule->amount) != ERR_OK)
        return err_set(ERR_USAGE, "'%s' is not a number", number);
    if (rule->operation == '*' && rule->amount < 0)
        return err_set(ERR_RANGE, "a factor is not negative: %g", rule->amount);
    if (!unit)
        return wants_unit
                   ? err_set(ERR_USAGE, "%s has no unit: say %s %s", number, number,
                             model_input(model, rule->index)->accepted_unit)
                   : ERR_OK;
    if (!wants_unit)
        return err_set(ERR_USAGE, "'%s %s': %s has no unit here", number, unit,
                       rule->is_input ? "a factor" : "a covariate");
    enum err err =
        unit_convert(unit, model_input(model, rule->index)->accepted_unit, &factor);
    rule->amount *= factor;
    return err;
}

enum err rule_read(const struct model *model, char *text, struct rule *rule)
{
    char *conditions = strstr(text, " if "), *rest = text, *word[5];
    size_t count = 0;
    if (!conditions)
        return bad_rule(condition_trimmed(text));
    *conditions = '\0';
    conditions += strlen(" if ");
    for (char *w; count < 5 && (w = strtok_r(rest, " \t", &rest));)
        word[count++] = w;
    if (count < 3 || count > 4 || strlen(word[1]) != 1 || !strchr("*+-=", *word[1]))
        return bad_rule(count ? word[0] : "");
    rule->operation = *word[1];
    enum err err = find(model, word[0], rule);
    if (err == ERR_OK)
        err = read_amount(model, word[2], count == 4 ? word[3] : NULL, rule);
    return err == ERR_OK ? conditions_read(model, CONDITION_OF_READINGS, conditions,
                                           &rule->conditions)
                         : err;
}

/* --- at a visit --------------------------------------------------------------------- */

static double result(const struct rule *rule, double value)
{
    switch (rule->operation) {
    case '*':
        value *= rule->amount;
        break;
    case '+':
        value += rule->amount;
        break;
    case '-':
        value -= rule->amount;
        break;
    default:
        value = rule->amount;
    }
    return fmin(fmax(value, rule->low), rule->high);
}

static enum err change_doses(const struct rule *rule, const struct model *model,
                             double time, struct record *record, bool *changed)
{
    const struct model_input *input = model_input(model, rule->index);
    for (size_t i = 0; i < record->dose_count; i++) {
        struct record_dose *dose = &record->doses[i];
        double factor = 1;
        if (dose->time < time || strcmp(dose->input, input->name) != 0)
            continue;
        if (strcmp(dose->unit, input->accepted_unit) != 0 &&
            unit_convert(dose->unit, input->accepted_unit, &factor) != ERR_OK)
            return err_code();
        double amount = result(rule, dose->amount * factor) / factor;
        *changed = *changed || amount != dose->amount;
        dose->amount = amount;
    }
    return ERR_OK;
}

/* What holds at the visit gets a row of its own there. */
static enum err change_covariate(const struct rule *rule, const struct model *model,
                                 double time, struct record *record, bool *changed)
{
    const struct model_covariate *covariate = model_covariate(model, rule->index);
    double now = covariate->default_value;
    bool stands = false; /* a row at this time */
    for (size_t i = 0; i < record->covariate_count; i++) {
        struct record_covariate *one = &record->covariates[i];
        if (strcmp(one->name, covariate->name) != 0)
            continue;
        if (one->time < time) {
            now = one->value;
            continue;
        }
        double value = result(rule, one->value);
        stands = stands || one->time == time;
        if (!model_covariate_admits(covariate, value) || value == one->value)
            continue;
        one->value = value;
        *changed = true;
    }
    double value = result(rule, now);
    if (stands || !model_covariate_admits(covariate, value) || value == now)
        return ERR_OK;
    *changed = true;
    /* Before whatever is given then. */
    enum err err = record_covariate(record, time, covariate->name, NULL, value, 0);
    record_sort(record);
    return err;
}

enum err rule_apply(const struct rule *rule, const struct model *model, double time,
                    const double *readings, struct record *record, bool *changed)
{
    if (!conditions_hold(&rule->conditions, readings))
        return ERR_OK;
    return rule->is_input ? change_doses(rule, model, time, record, changed)
                          : change_covariate(rule, model, time, record, changed);
}
