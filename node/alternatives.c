#include "node/alternatives.h"

#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"
#include "model/regimen.h"
#include "model/unit.h"

/* A range without a step is swept in so many. */
#define SWEEP_STEPS 10.0
/* A value lies on a step that is not further away than this share of one. */
#define STEP_SLACK 1e-6

struct building {
    const struct alternatives_question *q;
    double unit; /* one of the record's units of time in the model's */
    double now;  /* in the record's */
    struct alternative *all;
    size_t count;
};

/* --- ranges ------------------------------------------------------------------------- */

static const char *range_name(const struct model *model, const struct model_range *range)
{
    switch (range->of) {
    case RANGE_OF_INPUT:
        return model_input(model, range->index)->name;
    case RANGE_OF_PARAMETER:
        return model_parameter(model, range->index)->name;
    case RANGE_OF_COVARIATE:
        break;
    }
    return model_covariate(model, range->index)->name;
}

const struct model_range *alternatives_range(const struct model *model, const char *name,
                                             size_t size)
{
    for (size_t i = 0; i < model_ranges(model); i++) {
        const char *known = range_name(model, model_range(model, i));
        if (strlen(known) == size && memcmp(known, name, size) == 0)
            return model_range(model, i);
    }
    return NULL;
}

static enum err find_range(const struct model *model, const char *name, size_t size,
                           const struct model_range **range)
{
    *range = alternatives_range(model, name, size);
    if (*range)
        return ERR_OK;
    err_set(ERR_NOT_FOUND, "model %s lets nothing called '%.*s' be tried",
            model_name(model), (int)size, name);
    char *list = mem_text("");
    for (size_t i = 0; i < model_ranges(model); i++) {
        char *longer = mem_format("%s%s%s", list, i ? ", " : "",
                                  range_name(model, model_range(model, i)));
        mem_free(list);
        list = longer;
    }
    enum err err =
        *list ? err_hint("what may be: %s", list) : err_hint("its text has no [what-if]");
    mem_free(list);
    return err;
}

static enum err check_value(const struct model *model, const struct model_range *range,
                            double value)
{
    double steps = range->step > 0 ? (value - range->low) / range->step : 0;
    bool on_step = fabs(steps - round(steps)) <= STEP_SLACK;
    if (value >= range->low && value <= range->high && on_step)
        return ERR_OK;
    const char *name = range_name(model, range);
    if (range->step > 0)
        return err_set(ERR_RANGE,
                       "%s may be tried from %g to %g %s in steps of %g, not %g", name,
                       range->low, range->high, range->unit, range->step, value);
    return err_set(ERR_RANGE, "%s may be tried from %g to %g %s, not %g", name,
                   range->low, range->high, range->unit, value);
}

/* --- one alternative ---------------------------------------------------------------- */

static struct alternative *add(struct building *b, const char *name)
{
    struct alternative *out = &b->all[b->count++];
    *out = (struct alternative){.name = mem_text(name),
                                .record = record_copy(b->q->record),
                                .swept = NAN,
                                .set = mem_new(b->q->set_count + 1, sizeof(size_t)),
                                .values = mem_new(b->q->set_count + 1, sizeof(double))};
    return out;
}

/* The doses that are not ahead. */
static void keep_doses(const struct building *b, struct record *record)
{
    size_t kept = 0;
    for (size_t i = 0; i < record->dose_count; i++) {
        struct record_dose dose = record->doses[i];
        if (dose.time < b->now)
            record->doses[kept++] = dose;
    }
    record->dose_count = kept;
}

/* Its rows that are later than `now`, or all: from now on it has another value. */
static void drop_covariate(const struct building *b, struct record *record,
                           const char *name, bool all)
{
    size_t kept = 0;
    for (size_t i = 0; i < record->covariate_count; i++) {
        struct record_covariate row = record->covariates[i];
        if (strcmp(row.name, name) != 0 || (!all && row.time < b->now))
            record->covariates[kept++] = row;
    }
    record->covariate_count = kept;
}

/* One that does not change in time is as if it had always been so; so is a parameter. */
static enum err set_value(const struct building *b, struct alternative *one,
                          const struct model_range *range, double value)
{
    const struct model *model = b->q->model;
    if (range->of == RANGE_OF_PARAMETER) {
        one->set[one->set_count] = range->index;
        one->values[one->set_count++] = value;
        return ERR_OK;
    }
    const struct model_covariate *covariate = model_covariate(model, range->index);
    drop_covariate(b, one->record, covariate->name,
                   covariate->hold == COVARIATE_CONSTANT);
    return record_covariate(one->record, b->now, covariate->name, NULL, value, 0);
}

static enum err apply_set(const struct building *b, struct alternative *one,
                          const char *text)
{
    const struct model_range *range;
    const char *equals = strchr(text, '=');
    double value;
    if (!equals || csv_real(equals + 1, &value) != ERR_OK)
        return err_set(ERR_USAGE, "--set %s is not NAME=VALUE with a number", text);
    enum err err = find_range(b->q->model, text, (size_t)(equals - text), &range);
    if (err == ERR_OK && range->of == RANGE_OF_INPUT) {
        err_set(ERR_USAGE, "'%.*s' is given as doses", (int)(equals - text), text);
        return err_hint("as --dose 'INPUT AMOUNT UNIT @ TIME UNIT', or --sweep");
    }
    if (err == ERR_OK)
        err = check_value(b->q->model, range, value);
    return err == ERR_OK ? set_value(b, one, range, value) : err;
}

/* Is a dose that somebody would like to try one that may be? */
static enum err check_dose(const struct building *b, const struct record_dose *dose)
{
    const struct model *model = b->q->model;
    const struct model_range *range;
    double factor = 1;
    enum err err = find_range(model, dose->input, strlen(dose->input), &range);
    if (err == ERR_OK && range->of != RANGE_OF_INPUT)
        err = err_set(ERR_USAGE, "'%s' is no dose: --set %s=VALUE", dose->input,
                      dose->input);
    if (err == ERR_OK && dose->unit &&
        strcmp(dose->unit, model_input(model, range->index)->accepted_unit) != 0)
        err = unit_convert(dose->unit, range->unit, &factor);
    if (err == ERR_OK && dose->time < b->now)
        err =
            err_set(ERR_RANGE, "a dose of '%s' at time %g is not ahead: it is %g %s now",
                    dose->input, dose->time * b->unit, b->q->now, model_time_unit(model));
    return err == ERR_OK ? check_value(model, range, dose->amount * factor) : err;
}

/* Phrases separated by ';', in place of what was planned. */
static enum err apply_doses(const struct building *b, struct alternative *one,
                            const char *text)
{
    struct record *record = one->record;
    char *copy = mem_text(text), *rest = copy;
    enum err err = ERR_OK;
    keep_doses(b, record);
    size_t before = record->dose_count, order = 0;
    for (size_t i = 0; i < before; i++)
        order = record->doses[i].order > order ? record->doses[i].order : order;
    for (char *part; err == ERR_OK && (part = strtok_r(rest, ";", &rest));)
        err = regimen_dose(part, order + 1 + record->dose_count, record);
    for (size_t i = before; err == ERR_OK && i < record->dose_count; i++)
        err = check_dose(b, &record->doses[i]);
    mem_free(copy);
    return err;
}

/* --- all of them -------------------------------------------------------------------- */

static enum err add_regimens(struct building *b)
{
    const struct alternatives_question *q = b->q;
    enum err err = ERR_OK;
    size_t count = q->dose_count ? q->dose_count : q->set_count || q->sweep ? 1 : 0;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        struct alternative *one = add(b, q->dose_count ? q->doses[i] : "");
        if (q->dose_count)
            err = apply_doses(b, one, q->doses[i]);
        for (size_t k = 0; err == ERR_OK && k < q->set_count; k++) {
            err = apply_set(b, one, q->sets[k]);
            char *name =
                mem_format("%s%s%s", one->name, *one->name ? ", " : "", q->sets[k]);
            mem_free(one->name);
            one->name = name;
        }
    }
    return err;
}

/* "NAME" or "NAME=FROM..TO". */
static enum err read_sweep(const struct building *b, const struct model_range **range,
                           double *from, double *to)
{
    const char *text = b->q->sweep, *equals = strchr(text, '='),
               *dots = equals ? strstr(equals, "..") : NULL;
    size_t size = equals ? (size_t)(equals - text) : strlen(text);
    enum err err = find_range(b->q->model, text, size, range);
    if (err != ERR_OK)
        return err;
    *from = (*range)->low;
    *to = (*range)->high;
    if (!equals)
        return ERR_OK;
    char *first = dots ? mem_text_n(equals + 1, (size_t)(dots - equals - 1)) : NULL;
    if (!dots || csv_real(first, from) != ERR_OK || csv_real(dots + 2, to) != ERR_OK ||
        *from > *to)
        err = err_set(ERR_USAGE, "--sweep %s is not NAME or NAME=FROM..TO", text);
    mem_free(first);
    if (err == ERR_OK)
        err = check_value(b->q->model, *range, *from);
    return err == ERR_OK ? check_value(b->q->model, *range, *to) : err;
}

/* All amounts of an input that lie ahead. */
static enum err sweep_doses(const struct building *b, struct alternative *one,
                            const struct model_range *range, double amount)
{
    const struct model_input *input = model_input(b->q->model, range->index);
    size_t found = 0;
    for (size_t i = 0; i < one->record->dose_count; i++) {
        struct record_dose *dose = &one->record->doses[i];
        if (dose->time < b->now || strcmp(dose->input, input->name) != 0)
            continue;
        dose->unit = record_word(one->record, range->unit);
        dose->amount = amount;
        found++;
    }
    if (found)
        return ERR_OK;
    err_set(ERR_USAGE, "no dose of '%s' lies ahead, of which the amount could be another",
            input->name);
    return err_hint("say when with --dose, as in --dose '%s %g %s @ TIME UNIT every "
                    "INTERVAL UNIT N times'",
                    input->name, range->high, range->unit);
}

/* Each of the regimens with each value. */
static enum err add_sweep(struct building *b)
{
    const struct model_range *range;
    double from, to;
    enum err err = read_sweep(b, &range, &from, &to);
    if (err != ERR_OK)
        return err;
    double step = range->step > 0 ? range->step : (to - from) / SWEEP_STEPS;
    size_t values = step > 0 ? (size_t)(floor((to - from) / step + STEP_SLACK)) + 1 : 1;
    size_t regimens = b->count - 1;
    if (values > ALTERNATIVES_MAX || values * regimens >= ALTERNATIVES_MAX)
        return err_set(ERR_RANGE, "more than %zu alternatives", ALTERNATIVES_MAX - 1);
    struct alternative *base = mem_copy(b->all + 1, regimens * sizeof *base);
    b->count = 1;
    for (size_t i = 0; err == ERR_OK && i < regimens * values; i++) {
        const struct alternative *of = &base[i / values];
        double value = from + (double)(i % values) * step;
        bool one_of_many = regimens > 1 && *of->name;
        char *name = mem_format("%s%s%s = %g %s", one_of_many ? of->name : "",
                                one_of_many ? ", " : "", range_name(b->q->model, range),
                                value, range->unit);
        struct alternative *one = add(b, name);
        mem_free(name);
        record_destroy(&one->record);
        one->record = record_copy(of->record);
        memcpy(one->set, of->set, of->set_count * sizeof *of->set);
        memcpy(one->values, of->values, of->set_count * sizeof *of->values);
        one->set_count = of->set_count;
        one->swept = value;
        err = range->of == RANGE_OF_INPUT ? sweep_doses(b, one, range, value)
                                          : set_value(b, one, range, value);
    }
    alternatives_free(base, regimens);
    return err;
}

enum err alternatives_new(const struct alternatives_question *question,
                          struct alternative **alternatives, size_t *count)
{
    struct building b = {.q = question};
    enum err err = unit_convert(question->record->time_unit,
                                model_time_unit(question->model), &b.unit);
    if (err != ERR_OK)
        return err;
    if (question->dose_count >= ALTERNATIVES_MAX)
        return err_set(ERR_RANGE, "more than %zu alternatives", ALTERNATIVES_MAX - 1);
    b.now = question->now / b.unit;
    b.all = mem_new(ALTERNATIVES_MAX, sizeof *b.all);
    add(&b, "as planned");
    err = add_regimens(&b);
    if (err == ERR_OK && question->sweep)
        err = add_sweep(&b);
    for (size_t i = 0; i < b.count; i++)
        record_sort(b.all[i].record);
    if (err != ERR_OK)
        alternatives_free(b.all, b.count);
    *alternatives = err == ERR_OK ? b.all : NULL;
    *count = err == ERR_OK ? b.count : 0;
    return err;
}

void alternatives_free(struct alternative *alternatives, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(alternatives[i].name);
        record_destroy(&alternatives[i].record);
        mem_free(alternatives[i].set);
        mem_free(alternatives[i].values);
    }
    mem_free(alternatives);
}
