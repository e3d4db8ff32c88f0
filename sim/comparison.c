#include "sim/comparison.h"

#include <math.h>
#include <stdio.h>

#define NORMAL_95 1.9599639845400545
#define NAME_BYTES (2 * MODEL_NAME_MAX + 40)

enum kind { TYPICAL, POPULATION, EFFECT, SPREAD, CORRELATION, RESIDUAL };

/* One number of a prior, and how it is shown. */
struct number {
    enum kind kind;
    size_t a, b; /* row and column; b is of EFFECT and CORRELATION only */
    char name[NAME_BYTES];
    const char *unit;
    const struct model_parameter *parameter; /* of TYPICAL and POPULATION */
};

struct rows {
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *start, *shared, *pooled;
    struct json *list;
};

/* As it is stored: typical values transformed, residual errors as logarithms. */
static double stored(const struct prior *prior, const struct number *number)
{
    size_t a = number->a, b = number->b, p = prior->p;
    switch (number->kind) {
    case TYPICAL:
        return prior->effects[a * prior->k];
    case POPULATION:
        return prior->population[a];
    case EFFECT:
        return prior->effects[a * prior->k + b];
    case SPREAD:
        return sqrt(prior->omega[a * p + a]);
    case CORRELATION:
        return prior->omega[a * p + b] /
               sqrt(prior->omega[a * p + a] * prior->omega[b * p + b]);
    case RESIDUAL:
        break;
    }
    return prior->residual[a];
}

static double standard_error(const struct prior *prior, const struct number *number)
{
    size_t a = number->a, effects = prior->p * prior->k;
    switch (number->kind) {
    case TYPICAL:
        return prior->standard_error[a * prior->k];
    case EFFECT:
        return prior->standard_error[a * prior->k + number->b];
    case POPULATION:
        return prior->standard_error[effects + a];
    case RESIDUAL:
        return prior->standard_error[effects + prior->q + a];
    case SPREAD:
        return prior->standard_error[effects + prior->q + prior->m + a];
    case CORRELATION:
        break;
    }
    return NAN;
}

static double shown(const struct number *number, double value)
{
    if (number->kind == RESIDUAL)
        return exp(value);
    return number->parameter ? transform_back(number->parameter, value) : value;
}

static void add(struct rows *rows, const struct number *number)
{
    struct json *row = json_new_object();
    double at = stored(rows->shared, number),
           half = NORMAL_95 * standard_error(rows->shared, number);
    json_set_text(row, "name", number->name);
    json_set_text(row, "unit", number->unit);
    json_set_real(row, "start", shown(number, stored(rows->start, number)));
    json_set_real(row, "shared", shown(number, at));
    json_set_real(row, "shared_low", shown(number, at - half));
    json_set_real(row, "shared_high", shown(number, at + half));
    json_set_real(row, "pooled", shown(number, stored(rows->pooled, number)));
    json_add(rows->list, row);
}

static const char *name_of(const struct rows *rows, size_t a)
{
    return model_parameter(rows->model, rows->layout->individual[a])->name;
}

static void add_typical(struct rows *rows)
{
    const struct prior_layout *layout = rows->layout;
    for (size_t i = 0; i < layout->p + layout->q; i++) {
        bool individual = i < layout->p;
        size_t a = individual ? i : i - layout->p;
        const struct model_parameter *one = model_parameter(
            rows->model, individual ? layout->individual[a] : layout->population[a]);
        struct number number = {.kind = individual ? TYPICAL : POPULATION,
                                .a = a,
                                .unit = one->unit,
                                .parameter = one};
        snprintf(number.name, NAME_BYTES, "%s", one->name);
        add(rows, &number);
    }
}

static void add_effects(struct rows *rows)
{
    for (size_t a = 0; a < rows->layout->p; a++)
        for (size_t c = 1; c < rows->layout->k; c++) {
            if (!rows->layout->effect[a][c])
                continue;
            struct number number = {.kind = EFFECT, .a = a, .b = c, .unit = ""};
            snprintf(number.name, NAME_BYTES, "%s on %s",
                     model_covariate(rows->model, rows->layout->covariate[c])->name,
                     name_of(rows, a));
            add(rows, &number);
        }
}

static void add_spreads(struct rows *rows)
{
    for (size_t a = 0; a < rows->layout->p; a++) {
        struct number number = {.kind = SPREAD, .a = a, .unit = ""};
        snprintf(number.name, NAME_BYTES, "between sd of %s", name_of(rows, a));
        add(rows, &number);
    }
    for (size_t a = 0; a < rows->layout->p; a++)
        for (size_t b = 0; b < a; b++) {
            if (!rows->layout->correlated[a][b])
                continue;
            struct number number = {.kind = CORRELATION, .a = a, .b = b, .unit = ""};
            snprintf(number.name, NAME_BYTES, "correlation of %s and %s",
                     name_of(rows, b), name_of(rows, a));
            add(rows, &number);
        }
}

static void add_residuals(struct rows *rows)
{
    for (size_t l = 0; l < rows->layout->m; l++) {
        if (rows->layout->residual[l].which == 3) {
            struct number number = {.kind = RESIDUAL, .a = l, .unit = ""};
            snprintf(
                number.name, NAME_BYTES, "between occasions, sd of %s",
                model_parameter(rows->model, rows->layout->residual[l].parameter)->name);
            add(rows, &number);
            continue;
        }
        const struct model_observation *one =
            model_observation(rows->model, rows->layout->residual[l].observation);
        int which = rows->layout->residual[l].which;
        const char *const parts[] = {"", ", proportional", ", correlated over"};
        const char *const units[] = {one->residual == RESIDUAL_LOGNORMAL ? "" : one->unit,
                                     "", model_time_unit(rows->model)};
        struct number number = {.kind = RESIDUAL, .a = l, .unit = units[which]};
        snprintf(number.name, NAME_BYTES, "residual error of %s%s", one->name,
                 parts[which]);
        add(rows, &number);
    }
}

struct json *comparison_json(const struct model *model, const struct prior_layout *layout,
                             const struct prior *start, const struct prior *shared,
                             const struct prior *pooled)
{
    struct rows rows = {model, layout, start, shared, pooled, json_new_array()};
    add_typical(&rows);
    add_effects(&rows);
    add_spreads(&rows);
    add_residuals(&rows);
    return rows.list;
}
