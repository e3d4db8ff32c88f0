#include "sim/arms.h"

#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"
#include "model/regimen.h"
#include "model/unit.h"

enum comparison { LESS, LESS_OR_EQUAL, MORE, MORE_OR_EQUAL, EQUAL };

struct condition {
    size_t covariate;
    enum comparison comparison;
    double value;
};

struct setting {
    bool is_parameter; /* else a covariate */
    size_t index;
    double value;
};

struct line { /* one phrase */
    struct condition conditions[ARMS_CONDITIONS_MAX];
    size_t condition_count;
    struct record *doses; /* in model time */
    struct setting *settings;
    size_t setting_count;
};

struct arm {
    const struct model *model;
    char *name;
    struct line lines[ARMS_LINES_MAX];
    size_t count;
};

/* --- reading ------------------------------------------------------------------------ */

static enum err bad_phrase(const char *phrase)
{
    err_set(ERR_USAGE, "--arm '%s' does not say what an arm does", phrase);
    return err_hint("as in 'fixed: INPUT AMOUNT UNIT @ TIME UNIT' or 'guided if "
                    "COVARIATE=VALUE and COVARIATE<VALUE: ...'");
}

/* Without the blanks around it, in place. */
static char *trimmed(char *text)
{
    text += strspn(text, " \t");
    for (size_t size = strlen(text); size && strchr(" \t", text[size - 1]); size--)
        text[size - 1] = '\0';
    return text;
}

static size_t find_covariate(const struct model *model, const char *name)
{
    size_t at = 0;
    while (at < model_covariates(model) &&
           strcmp(model_covariate(model, at)->name, name) != 0)
        at++;
    return at;
}

static enum err read_condition(const struct model *model, char *text, struct line *line)
{
    static const struct {
        const char *sign;
        enum comparison comparison;
    } signs[] = {{"<=", LESS_OR_EQUAL},
                 {">=", MORE_OR_EQUAL},
                 {"<", LESS},
                 {">", MORE},
                 {"=", EQUAL}};
    struct condition *c = &line->conditions[line->condition_count];
    if (line->condition_count == ARMS_CONDITIONS_MAX)
        return err_set(ERR_RANGE, "more than %zu conditions", ARMS_CONDITIONS_MAX);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        char *sign = strstr(text, signs[i].sign);
        if (!sign)
            continue;
        char *value = trimmed(sign + strlen(signs[i].sign));
        *sign = '\0';
        char *name = trimmed(text);
        c->comparison = signs[i].comparison;
        c->covariate = find_covariate(model, name);
        if (c->covariate == model_covariates(model))
            return err_set(ERR_NOT_FOUND, "model %s has no covariate '%s'",
                           model_name(model), name);
        if (csv_real(value, &c->value) != ERR_OK)
            return err_set(ERR_USAGE, "'%s' is not a number to compare %s with", value,
                           name);
        line->condition_count++;
        return ERR_OK;
    }
    err_set(ERR_USAGE, "'%s' is not a condition", trimmed(text));
    return err_hint("a covariate, one of = < <= > >= and a number, as in AGE>=75");
}

/* "CONDITION and CONDITION". */
static enum err read_conditions(const struct model *model, char *text, struct line *line)
{
    enum err err = ERR_OK;
    for (char *next; err == ERR_OK && text; text = next) {
        next = strstr(text, " and ");
        if (next) {
            *next = '\0';
            next += strlen(" and ");
        }
        err = read_condition(model, text, line);
    }
    return err;
}

/* Which parameter or covariate it is, and whether it may be so. */
static enum err find_setting(const struct model *model, const char *name, double value,
                             struct setting *set)
{
    *set = (struct setting){false, find_covariate(model, name), value};
    if (set->index < model_covariates(model))
        return model_covariate_admits(model_covariate(model, set->index), value)
                   ? ERR_OK
                   : err_set(ERR_RANGE, "%s cannot be %g", name, value);
    set->is_parameter = true;
    for (set->index = 0; set->index < model_parameters(model); set->index++) {
        const struct model_parameter *one = model_parameter(model, set->index);
        if (strcmp(one->name, name) != 0)
            continue;
        return value >= one->low && value <= one->high
                   ? ERR_OK
                   : err_set(ERR_RANGE, "%s can be from %g to %g %s, not %g", name,
                             one->low, one->high, one->unit, value);
    }
    return err_set(ERR_NOT_FOUND, "model %s has no parameter or covariate '%s'",
                   model_name(model), name);
}

static enum err read_setting(const struct model *model, char *text, struct line *line)
{
    char *equals = strchr(text, '=');
    struct setting set;
    double value;
    if (!equals || csv_real(trimmed(equals + 1), &value) != ERR_OK) {
        err_set(ERR_USAGE, "'%s' is neither a dose nor NAME=VALUE", text);
        return err_hint("a dose is 'INPUT AMOUNT UNIT @ TIME UNIT [for DURATION UNIT] "
                        "[every INTERVAL UNIT N times]'");
    }
    *equals = '\0';
    if (find_setting(model, trimmed(text), value, &set) != ERR_OK)
        return err_code();
    line->settings = mem_resize(line->settings, line->setting_count + 1, sizeof set);
    line->settings[line->setting_count++] = set;
    return ERR_OK;
}

static enum err check_dose(const struct model *model, const struct record_dose *dose)
{
    size_t at = 0;
    double factor;
    while (at < model_inputs(model) &&
           strcmp(model_input(model, at)->name, dose->input) != 0)
        at++;
    if (at == model_inputs(model))
        return err_set(ERR_NOT_FOUND, "model %s has no input '%s'", model_name(model),
                       dose->input);
    const char *accepted = model_input(model, at)->accepted_unit;
    return strcmp(dose->unit, accepted) == 0
               ? ERR_OK
               : unit_convert(dose->unit, accepted, &factor);
}

static enum err read_what(const struct model *model, char *text, struct line *line)
{
    if (!strchr(text, '@'))
        return read_setting(model, text, line);
    size_t before = line->doses->dose_count;
    enum err err = regimen_dose(text, before, line->doses);
    return err == ERR_OK ? check_dose(model, &line->doses->doses[before]) : err;
}

static enum err find_arm(struct arms *arms, const struct model *model, const char *name,
                         struct arm **arm)
{
    for (size_t i = 0; i < arms->count; i++)
        if (strcmp(arms->arm[i]->name, name) == 0) {
            *arm = arms->arm[i];
            return ERR_OK;
        }
    if (arms->count == ARMS_MAX)
        return err_set(ERR_RANGE, "more than %zu arms", ARMS_MAX);
    *arm = arms->arm[arms->count++] = mem_new(1, sizeof **arm);
    **arm = (struct arm){.model = model, .name = mem_text(name)};
    return ERR_OK;
}

/* `what` is NULL where there is no colon. */
static enum err read_line(struct arms *arms, const struct model *model,
                          const char *phrase, char *head, char *what)
{
    struct arm *arm = NULL;
    char *conditions = strstr(head, " if ");
    if (conditions) {
        *conditions = '\0';
        conditions += strlen(" if ");
    }
    const char *name = trimmed(head);
    if (!what || !*name)
        return bad_phrase(phrase);
    if (find_arm(arms, model, name, &arm) != ERR_OK)
        return err_code();
    if (arm->count == ARMS_LINES_MAX)
        return err_set(ERR_RANGE, "--arm %s: more than %zu of that name", name,
                       ARMS_LINES_MAX);
    struct line *line = &arm->lines[arm->count++];
    line->doses = record_new("arm", model_time_unit(model));
    enum err err = conditions ? read_conditions(model, conditions, line) : ERR_OK;
    char *rest = what;
    for (char *part; err == ERR_OK && (part = strtok_r(rest, ";", &rest));) {
        part = trimmed(part);
        if (*part)
            err = read_what(model, part, line);
    }
    return err == ERR_OK ? ERR_OK : err_wrap("--arm %s", name);
}

enum err arms_add(struct arms *arms, const struct model *model, const char *phrase)
{
    char *head = mem_text(phrase), *colon = strchr(head, ':');
    if (colon)
        *colon++ = '\0';
    enum err err = read_line(arms, model, phrase, head, colon);
    mem_free(head);
    return err;
}

void arms_free(struct arms *arms)
{
    for (size_t i = 0; i < arms->count; i++) {
        struct arm *arm = arms->arm[i];
        for (size_t l = 0; l < arm->count; l++) {
            record_destroy(&arm->lines[l].doses);
            mem_free(arm->lines[l].settings);
        }
        mem_free(arm->name);
        mem_free(arm);
    }
    arms->count = 0;
}

double arms_start(const struct arms *arms)
{
    double first = INFINITY;
    for (size_t i = 0; i < arms->count; i++)
        for (size_t l = 0; l < arms->arm[i]->count; l++) {
            const struct record *doses = arms->arm[i]->lines[l].doses;
            for (size_t k = 0; k < doses->dose_count; k++)
                first = fmin(first, doses->doses[k].time);
        }
    return first;
}

const char *arm_name(const struct arm *arm)
{
    return arm->name;
}

/* --- to one patient ----------------------------------------------------------------- */

static bool holds(const struct condition *condition, const double *covariates)
{
    double value = covariates[condition->covariate];
    switch (condition->comparison) {
    case LESS:
        return value < condition->value;
    case LESS_OR_EQUAL:
        return value <= condition->value;
    case MORE:
        return value > condition->value;
    case MORE_OR_EQUAL:
        return value >= condition->value;
    case EQUAL:
        break;
    }
    return value == condition->value;
}

static bool meets(const struct line *line, const double *covariates)
{
    bool all = true;
    for (size_t i = 0; i < line->condition_count; i++)
        all = all && holds(&line->conditions[i], covariates);
    return all;
}

static bool gives(const struct line *line, const char *input)
{
    for (size_t i = 0; i < line->doses->dose_count; i++)
        if (strcmp(line->doses->doses[i].input, input) == 0)
            return true;
    return false;
}

/* What the patient came with of the inputs that the arm gives. */
static void drop_doses(const struct arm *arm, const double *covariates,
                       struct record *record)
{
    size_t kept = 0;
    for (size_t i = 0; i < record->dose_count; i++) {
        struct record_dose dose = record->doses[i];
        bool replaced = false;
        for (size_t l = 0; l < arm->count; l++)
            replaced = replaced || (meets(&arm->lines[l], covariates) &&
                                    gives(&arm->lines[l], dose.input));
        if (!replaced)
            record->doses[kept++] = dose;
    }
    record->dose_count = kept;
}

static void set_value(const struct arm *arm, const struct setting *set,
                      struct record *record, double *parameters)
{
    if (set->is_parameter) {
        parameters[set->index] = set->value;
        return;
    }
    const char *name = model_covariate(arm->model, set->index)->name;
    for (size_t i = 0; i < record->covariate_count; i++)
        if (strcmp(record->covariates[i].name, name) == 0)
            record->covariates[i].value = set->value;
}

enum err arm_apply(const struct arm *arm, const double *covariates, struct record *record,
                   double *parameters, bool *met)
{
    size_t order = record->covariate_count + record->dose_count;
    *met = false;
    drop_doses(arm, covariates, record);
    for (size_t l = 0; l < arm->count; l++) {
        const struct line *line = &arm->lines[l];
        if (!meets(line, covariates))
            continue;
        *met = true;
        for (size_t i = 0; i < line->doses->dose_count; i++) {
            const struct record_dose *dose = &line->doses->doses[i];
            if (record_dose(record, dose->time, dose->input, dose->unit, dose->amount,
                            dose->duration, order++) != ERR_OK)
                return err_code();
        }
        for (size_t i = 0; i < line->setting_count; i++)
            set_value(arm, &line->settings[i], record, parameters);
    }
    record_sort(record);
    return ERR_OK;
}
