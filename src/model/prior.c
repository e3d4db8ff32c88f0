#include "model/prior.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "model/observe.h"
#include "numerics/linalg.h"

#define PRIOR_TAG "GEMEL/prior/2"

/* L L' may differ from Omega by this much of its largest entry: rounding, not a lie. */
#define FACTOR_TOLERANCE 1e-9

static void layout_residuals(const struct model *model, struct prior_layout *layout)
{
    for (size_t o = 0; o < model_observations(model); o++) {
        const struct model_observation *observation = model_observation(model, o);
        enum residual_kind kind = observation->residual;
        bool additive = kind != RESIDUAL_PROPORTIONAL && kind != RESIDUAL_BERNOULLI;
        bool proportional = kind == RESIDUAL_PROPORTIONAL || kind == RESIDUAL_COMBINED1 ||
                            kind == RESIDUAL_COMBINED2;
        if (additive && !observation->additive_fixed) {
            layout->residual[layout->m].observation = o;
            layout->residual[layout->m++].which = 0;
        }
        if (proportional && !observation->proportional_fixed) {
            layout->residual[layout->m].observation = o;
            layout->residual[layout->m++].which = 1;
        }
        if (observation->correlation_time > 0 && !observation->correlation_fixed) {
            layout->residual[layout->m].observation = o;
            layout->residual[layout->m++].which = 2;
        }
    }
}

/* The effects of occasions, and of each parameter that has some their sd. */
static void layout_occasions(const struct model *model, struct prior_layout *layout)
{
    for (size_t i = 0; i < model_parameters(model); i++) {
        const struct model_parameter *one = model_parameter(model, i);
        if (one->kind != PARAMETER_OCCASION)
            continue;
        if (one->occasion == 1) {
            layout->residual[layout->m].observation = SIZE_MAX;
            layout->residual[layout->m].parameter = one->owner;
            layout->residual[layout->m++].which = 3;
        }
        layout->between[layout->r] = layout->m - 1;
        layout->occasional[layout->r++] = i;
    }
}

/* How many residual parameters are learned, at most. */
static size_t residual_count(const struct model *model)
{
    size_t count = 0;
    for (size_t i = 0; i < model_parameters(model); i++)
        count += model_parameter(model, i)->occasion == 1;
    for (size_t o = 0; o < model_observations(model); o++) {
        const struct model_observation *one = model_observation(model, o);
        enum residual_kind kind = one->residual;
        count += kind != RESIDUAL_BERNOULLI;
        count += kind == RESIDUAL_COMBINED1 || kind == RESIDUAL_COMBINED2;
        count += one->correlation_time > 0;
    }
    return count;
}

enum err prior_layout(const struct model *model, struct prior_layout *layout)
{
    if (model_observations(model) > MODEL_PARAMETERS_MAX)
        return err_set(ERR_RANGE, "%zu observations, at most %d",
                       model_observations(model), MODEL_PARAMETERS_MAX);
    if (residual_count(model) > PRIOR_RESIDUALS_MAX)
        return err_set(ERR_RANGE, "%zu residual errors, at most %d",
                       residual_count(model), PRIOR_RESIDUALS_MAX);
    struct prior_layout out = {.k = 1};
    uint32_t used = 0;
    for (size_t i = 0; i < model_parameters(model); i++)
        used |= model_parameter(model, i)->covariates;
    for (size_t c = 0; c < model_covariates(model); c++)
        if (used >> c & 1)
            out.covariate[out.k++] = c;
    for (size_t i = 0; i < model_parameters(model); i++) {
        const struct model_parameter *parameter = model_parameter(model, i);
        if (parameter->kind == PARAMETER_POPULATION)
            out.population[out.q++] = i;
        if (parameter->kind != PARAMETER_INDIVIDUAL)
            continue;
        out.effect[out.p][0] = true;
        for (size_t c = 1; c < out.k; c++)
            out.effect[out.p][c] = parameter->covariates >> out.covariate[c] & 1;
        out.individual[out.p++] = i;
    }
    for (size_t a = 0; a < out.p; a++)
        for (size_t b = 0; b < out.p; b++)
            out.correlated[a][b] =
                a == b || model_correlated(model, out.individual[a], out.individual[b],
                                           &(double){0});
    layout_residuals(model, &out);
    layout_occasions(model, &out);
    *layout = out;
    return ERR_OK;
}

static size_t standard_errors(size_t p, size_t k, size_t q, size_t m)
{
    return p * k + q + m + p;
}

static struct prior *prior_sized(size_t p, size_t k, size_t q, size_t m)
{
    struct prior *prior = mem_new(1, sizeof *prior);
    prior->p = p;
    prior->k = k;
    prior->q = q;
    prior->m = m;
    prior->effects = mem_new(p * k, sizeof(double));
    prior->omega = mem_new(p * p, sizeof(double));
    prior->factor = mem_new(p * p, sizeof(double));
    prior->scale = mem_new(p, sizeof(double));
    for (size_t a = 0; a < p; a++)
        prior->scale[a] = 1;
    prior->population = mem_new(q, sizeof(double));
    prior->residual = mem_new(m, sizeof(double));
    size_t errors = standard_errors(p, k, q, m);
    prior->standard_error = mem_new(errors, sizeof(double));
    for (size_t i = 0; i < errors; i++)
        prior->standard_error[i] = NAN;
    return prior;
}

struct prior *prior_new(const struct prior_layout *layout)
{
    return prior_sized(layout->p, layout->k, layout->q, layout->m);
}

void prior_destroy(struct prior **prior)
{
    if (!*prior)
        return;
    mem_free((*prior)->effects);
    mem_free((*prior)->omega);
    mem_free((*prior)->factor);
    mem_free((*prior)->scale);
    mem_free((*prior)->population);
    mem_free((*prior)->residual);
    mem_free((*prior)->standard_error);
    mem_free(*prior);
    *prior = NULL;
}

struct prior *prior_copy(const struct prior *prior)
{
    size_t p = prior->p, k = prior->k, q = prior->q, m = prior->m;
    struct prior *copy = prior_sized(p, k, q, m);
    memcpy(copy->effects, prior->effects, p * k * sizeof(double));
    memcpy(copy->omega, prior->omega, p * p * sizeof(double));
    memcpy(copy->factor, prior->factor, p * p * sizeof(double));
    memcpy(copy->scale, prior->scale, p * sizeof(double));
    memcpy(copy->population, prior->population, q * sizeof(double));
    memcpy(copy->residual, prior->residual, m * sizeof(double));
    memcpy(copy->standard_error, prior->standard_error,
           standard_errors(p, k, q, m) * sizeof(double));
    copy->patients = prior->patients;
    return copy;
}

enum err prior_factor(struct prior *prior, const double *rotation)
{
    size_t p = prior->p;
    double *lower = mem_copy(prior->omega, p * p * sizeof(double));
    enum err err = p ? linalg_cholesky(p, lower) : ERR_OK;
    if (err != ERR_OK)
        err = err_wrap("between-patient covariance");
    else if (rotation)
        linalg_multiply(p, p, p, lower, rotation, prior->factor);
    else
        memcpy(prior->factor, lower, p * p * sizeof(double));
    for (size_t a = 0; a < p; a++)
        prior->scale[a] = 1;
    mem_free(lower);
    return err;
}

enum err prior_from_model(const struct model *model, struct prior **prior)
{
    struct prior_layout layout;
    enum err err = prior_layout(model, &layout);
    if (err != ERR_OK)
        return err;
    struct prior *out = prior_new(&layout);
    for (size_t a = 0; a < layout.p; a++) {
        const struct model_parameter *one = model_parameter(model, layout.individual[a]);
        out->effects[a * layout.k] = transform_forward(one, one->typical);
        for (size_t b = 0; b < layout.p; b++) {
            const struct model_parameter *two =
                model_parameter(model, layout.individual[b]);
            double correlation = a == b;
            if (a != b && !model_correlated(model, layout.individual[a],
                                            layout.individual[b], &correlation))
                correlation = 0;
            out->omega[a * layout.p + b] =
                correlation * (one->between_sd * two->between_sd); /* = its mirror */
        }
    }
    for (size_t i = 0; i < layout.q; i++) {
        const struct model_parameter *one = model_parameter(model, layout.population[i]);
        out->population[i] = transform_forward(one, one->typical);
    }
    for (size_t i = 0; i < layout.m; i++) {
        if (layout.residual[i].which == 3) {
            out->residual[i] =
                log(model_parameter(model, layout.residual[i].parameter)->occasion_sd);
            continue;
        }
        const struct model_observation *observation =
            model_observation(model, layout.residual[i].observation);
        const double starts[] = {observation->additive, observation->proportional,
                                 observation->correlation_time};
        out->residual[i] = log(starts[layout.residual[i].which]);
    }
    err = prior_factor(out, NULL);
    if (err != ERR_OK) {
        prior_destroy(&out);
        return err_wrap("model %s", model_name(model));
    }
    *prior = out;
    return ERR_OK;
}

static void write_numbers(struct bytes *bytes, const double *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes_f64(bytes, numbers[i]);
}

void prior_write(const struct prior *prior, struct bytes *bytes)
{
    size_t p = prior->p, k = prior->k, q = prior->q, m = prior->m;
    bytes_text(bytes, PRIOR_TAG);
    bytes_u32(bytes, (uint32_t)p);
    bytes_u32(bytes, (uint32_t)k);
    bytes_u32(bytes, (uint32_t)q);
    bytes_u32(bytes, (uint32_t)m);
    write_numbers(bytes, prior->effects, p * k);
    write_numbers(bytes, prior->omega, p * p);
    write_numbers(bytes, prior->factor, p * p);
    write_numbers(bytes, prior->scale, p);
    write_numbers(bytes, prior->population, q);
    write_numbers(bytes, prior->residual, m);
    write_numbers(bytes, prior->standard_error, standard_errors(p, k, q, m));
    bytes_f64(bytes, prior->patients);
}

static enum err read_numbers(struct cursor *cursor, double *numbers, size_t count,
                             bool finite, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        enum err err = cursor_f64(cursor, &numbers[i]);
        if (err != ERR_OK)
            return err;
        if (finite && !isfinite(numbers[i]))
            return err_set(ERR_FORMAT, "prior: %s %zu is not finite", what, i);
    }
    return ERR_OK;
}

static enum err check_covariance(const struct prior_layout *layout,
                                 const struct prior *prior)
{
    size_t p = layout->p;
    double largest = 0;
    for (size_t a = 0; a < p; a++)
        largest = fmax(largest, prior->omega[a * p + a]);
    for (size_t a = 0; a < p; a++) {
        for (size_t b = 0; b < p; b++) {
            double entry = prior->omega[a * p + b], product = 0;
            if (entry != prior->omega[b * p + a] ||
                (!layout->correlated[a][b] && entry != 0))
                return err_set(ERR_FORMAT,
                               "prior: covariance entry %zu, %zu is not as the "
                               "model declares it",
                               a, b);
            for (size_t c = 0; c < p; c++)
                product += prior->factor[a * p + c] * prior->factor[b * p + c];
            if (!(fabs(product - entry) <= FACTOR_TOLERANCE * largest))
                return err_set(ERR_FORMAT,
                               "prior: its factor does not give its covariance "
                               "at %zu, %zu",
                               a, b);
        }
    }
    double *lower = mem_copy(prior->omega, p * p * sizeof(double));
    enum err err = p ? linalg_cholesky(p, lower) : ERR_OK;
    mem_free(lower);
    if (err != ERR_OK)
        return err_set(ERR_FORMAT, "prior: its covariance is not positive definite");
    return ERR_OK;
}

static enum err check_sizes(const struct prior_layout *layout, struct cursor *cursor)
{
    const size_t expected[] = {layout->p, layout->k, layout->q, layout->m};
    const uint8_t *tag;
    size_t size;
    enum err err = cursor_field(cursor, &tag, &size);
    if (err != ERR_OK)
        return err;
    if (size != strlen(PRIOR_TAG) || memcmp(tag, PRIOR_TAG, size) != 0)
        return err_set(ERR_FORMAT, "these bytes are not a population prior");
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        uint32_t got;
        if ((err = cursor_u32(cursor, &got)) != ERR_OK)
            return err;
        if (got != expected[i])
            return err_set(ERR_FORMAT, "prior of size %u where the model has %zu", got,
                           expected[i]);
    }
    return ERR_OK;
}

enum err prior_read(const struct prior_layout *layout, const uint8_t *data, size_t size,
                    struct prior **prior)
{
    struct cursor cursor = {data, size, 0};
    enum err err = check_sizes(layout, &cursor);
    if (err != ERR_OK)
        return err;
    size_t p = layout->p, k = layout->k, q = layout->q, m = layout->m;
    struct prior *out = prior_new(layout);
    if ((err = read_numbers(&cursor, out->effects, p * k, true, "effect")) == ERR_OK &&
        (err = read_numbers(&cursor, out->omega, p * p, true, "covariance")) == ERR_OK &&
        (err = read_numbers(&cursor, out->factor, p * p, true, "factor")) == ERR_OK &&
        (err = read_numbers(&cursor, out->scale, p, true, "scale")) == ERR_OK &&
        (err = read_numbers(&cursor, out->population, q, true, "parameter")) == ERR_OK &&
        (err = read_numbers(&cursor, out->residual, m, true, "residual error")) ==
            ERR_OK &&
        (err = read_numbers(&cursor, out->standard_error, standard_errors(p, k, q, m),
                            false, "standard error")) == ERR_OK &&
        (err = read_numbers(&cursor, &out->patients, 1, true, "count")) == ERR_OK &&
        (err = cursor_end(&cursor)) == ERR_OK)
        err = check_covariance(layout, out);
    for (size_t a = 0; err == ERR_OK && a < p; a++)
        if (!(out->scale[a] >= 1 && out->scale[a] <= PRIOR_SCALE_MOST))
            err = err_set(ERR_FORMAT, "prior: scale %zu is %g, expected 1 to %g", a,
                          out->scale[a], PRIOR_SCALE_MOST);
    for (size_t a = 0; err == ERR_OK && a < p; a++)
        for (size_t c = 0; c < k; c++)
            if (!layout->effect[a][c] && out->effects[a * k + c] != 0)
                err = err_set(ERR_FORMAT,
                              "prior: covariate effect %zu, %zu is not declared "
                              "by the model",
                              a, c);
    if (err != ERR_OK)
        prior_destroy(&out);
    else
        *prior = out;
    return err;
}

void prior_covariates(const struct model *model, const struct prior_layout *layout,
                      const double *values, double *x)
{
    x[0] = 1;
    for (size_t c = 1; c < layout->k; c++) {
        const struct model_covariate *one = model_covariate(model, layout->covariate[c]);
        double scaled = (values[layout->covariate[c]] - one->centre) / one->scale;
        x[c] = fmin(1, fmax(-1, scaled));
    }
}

void prior_residual(const struct model *model, const struct prior_layout *layout,
                    const struct prior *prior, size_t observation,
                    struct residual *residual)
{
    const struct model_observation *one = model_observation(model, observation);
    *residual = (struct residual){one->residual, one->additive, one->proportional,
                                  one->correlation_time};
    double *const values[] = {&residual->additive, &residual->proportional,
                              &residual->correlation_time};
    for (size_t i = 0; i < layout->m; i++) {
        if (layout->residual[i].observation != observation)
            continue;
        *values[layout->residual[i].which] = exp(prior->residual[i]);
    }
}

double prior_typical(const struct model *model, const struct prior_layout *layout,
                     const struct prior *prior, size_t row)
{
    if (row < layout->p)
        return transform_back(model_parameter(model, layout->individual[row]),
                              prior->effects[row * layout->k]);
    row -= layout->p;
    return transform_back(model_parameter(model, layout->population[row]),
                          prior->population[row]);
}
