#include "sim/arms.h"

#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"
#include "model/regimen.h"
#include "model/unit.h"
#include "sim/rule.h"

struct setting {
    bool is_parameter; /* else a covariate */
    size_t index;
    double value;
};

struct line { /* one phrase */
    struct conditions conditions;
    struct record *doses; /* in model time */
    struct setting *settings;
    size_t setting_count;
    struct rule *rules;
    size_t rule_count;
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

static size_t find_covariate(const struct model *model, const char *name)
{
    size_t at = 0;
    while (at < model_covariates(model) &&
           strcmp(model_covariate(model, at)->name, name) != 0)
        at++;
    return at;
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
    if (!equals || csv_real(condition_trimmed(equals + 1), &value) != ERR_OK) {
        err_set(ERR_USAGE, "'%s' is neither a dose nor NAME=VALUE", text);
        return err_hint("a dose is 'INPUT AMOUNT UNIT @ TIME UNIT [for DURATION UNIT] "
                        "[every INTERVAL UNIT N times]', a rule at visits 'INPUT * "
                        "FACTOR if OBSERVATION<NUMBER'");
    }
    *equals = '\0';
    if (find_setting(model, condition_trimmed(text), value, &set) != ERR_OK)
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

static enum err read_rule(const struct model *model, char *text, struct line *line)
{
    struct rule rule = {0};
    enum err err = rule_read(model, text, &rule);
    if (err != ERR_OK)
        return err;
    line->rules = mem_resize(line->rules, line->rule_count + 1, sizeof rule);
    line->rules[line->rule_count++] = rule;
    return ERR_OK;
}

static enum err read_what(const struct model *model, char *text, struct line *line)
{
    if (strstr(text, " if "))
        return read_rule(model, text, line);
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
    const char *name = condition_trimmed(head);
    if (!what || !*name)
        return bad_phrase(phrase);
    if (find_arm(arms, model, name, &arm) != ERR_OK)
        return err_code();
    if (arm->count == ARMS_LINES_MAX)
        return err_set(ERR_RANGE, "--arm %s: more than %zu of that name", name,
                       ARMS_LINES_MAX);
    struct line *line = &arm->lines[arm->count++];
    line->doses = record_new("arm", model_time_unit(model));
    enum err err = conditions ? conditions_read(model, CONDITION_OF_COVARIATES,
                                                conditions, &line->conditions)
                              : ERR_OK;
    char *rest = what;
    for (char *part; err == ERR_OK && (part = strtok_r(rest, ";", &rest));) {
        part = condition_trimmed(part);
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
            mem_free(arm->lines[l].rules);
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
            replaced =
                replaced || (conditions_hold(&arm->lines[l].conditions, covariates) &&
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
        if (!conditions_hold(&line->conditions, covariates))
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

bool arm_has_rules(const struct arm *arm)
{
    bool any = false;
    for (size_t l = 0; l < arm->count; l++)
        any = any || arm->lines[l].rule_count > 0;
    return any;
}

enum err arm_visit(const struct arm *arm, const double *covariates, double time,
                   const double *readings, struct record *record, bool *changed)
{
    enum err err = ERR_OK;
    for (size_t l = 0; l < arm->count; l++) {
        const struct line *line = &arm->lines[l];
        if (!conditions_hold(&line->conditions, covariates))
            continue;
        for (size_t i = 0; err == ERR_OK && i < line->rule_count; i++)
            err =
                rule_apply(&line->rules[i], arm->model, time, readings, record, changed);
    }
    return err;
}
