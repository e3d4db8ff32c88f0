#include "sim/condition.h"

#include <string.h>

#include "base/csv.h"

char *condition_trimmed(char *text)
{
    text += strspn(text, " \t");
    for (size_t size = strlen(text); size && strchr(" \t", text[size - 1]); size--)
        text[size - 1] = '\0';
    return text;
}

static enum err find(const struct model *model, enum condition_of of, const char *name,
                     size_t *index)
{
    bool readings = of == CONDITION_OF_READINGS;
    size_t count = readings ? model_observations(model) : model_covariates(model);
    for (*index = 0; *index < count; ++*index)
        if (strcmp(readings ? model_observation(model, *index)->name
                            : model_covariate(model, *index)->name,
                   name) == 0)
            return ERR_OK;
    return err_set(ERR_NOT_FOUND, "model %s has no %s '%s'", model_name(model),
                   readings ? "observation" : "covariate", name);
}

static enum err read_one(const struct model *model, enum condition_of of, char *text,
                         struct conditions *conditions)
{
    static const struct {
        const char *sign;
        enum comparison comparison;
    } signs[] = {{"<=", LESS_OR_EQUAL},
                 {">=", MORE_OR_EQUAL},
                 {"<", LESS},
                 {">", MORE},
                 {"=", EQUAL}};
    size_t at = conditions->count;
    if (at == CONDITIONS_MAX)
        return err_set(ERR_RANGE, "more than %zu conditions", CONDITIONS_MAX);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        char *sign = strstr(text, signs[i].sign);
        if (!sign)
            continue;
        char *value = condition_trimmed(sign + strlen(signs[i].sign));
        *sign = '\0';
        char *name = condition_trimmed(text);
        conditions->one[at].comparison = signs[i].comparison;
        if (find(model, of, name, &conditions->one[at].of) != ERR_OK)
            return err_code();
        if (csv_real(value, &conditions->one[at].value) != ERR_OK)
            return err_set(ERR_USAGE, "'%s' is not a number to compare %s with", value,
                           name);
        conditions->count++;
        return ERR_OK;
    }
    err_set(ERR_USAGE, "'%s' is not a condition", condition_trimmed(text));
    return of == CONDITION_OF_READINGS
               ? err_hint("an observation, one of = < <= > >= and a number, as in INR>3")
               : err_hint("a covariate, one of = < <= > >= and a number, as in AGE>=75");
}

enum err conditions_read(const struct model *model, enum condition_of of, char *text,
                         struct conditions *conditions)
{
    enum err err = ERR_OK;
    *conditions = (struct conditions){.count = 0};
    for (char *next; err == ERR_OK && text; text = next) {
        next = strstr(text, " and ");
        if (next) {
            *next = '\0';
            next += strlen(" and ");
        }
        err = read_one(model, of, text, conditions);
    }
    return err;
}

static bool holds(enum comparison comparison, double value, double bound)
{
    switch (comparison) {
    case LESS:
        return value < bound;
    case LESS_OR_EQUAL:
        return value <= bound;
    case MORE:
        return value > bound;
    case MORE_OR_EQUAL:
        return value >= bound;
    case EQUAL:
        break;
    }
    return value == bound;
}

bool conditions_hold(const struct conditions *conditions, const double *values)
{
    bool all = true;
    for (size_t i = 0; i < conditions->count; i++)
        all = all && holds(conditions->one[i].comparison, values[conditions->one[i].of],
                           conditions->one[i].value);
    return all;
}
