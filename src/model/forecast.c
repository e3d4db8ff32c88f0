#include "model/forecast.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/normal.h"

#include "model/observe.h"
#include "twin_impl.h"

const double forecast_level[FORECAST_LEVELS] = {0.80, 0.95};

/* Quantiles of a mixture are right to this share of how far its parts are apart. */
#define QUANTILE_ERROR 1e-6

/* f' V f'^T for one row of the jacobian. */
static double carried(const struct fit *fit, const double *row)
{
    double sum = 0;
    for (size_t a = 0; a < fit->p; a++)
        for (size_t b = 0; b < fit->p; b++)
            sum += row[a] * fit->covariance[a * fit->p + b] * row[b];
    return sum;
}

/* What the error of a measurement to come will be, as far as the last quantified one of
 * its observation is remembered: f and its derivatives, if any, become those of f + g rho
 * e. Returns the share s of g that is new. */
static double remember(const struct residual *residual, const struct twin *whole,
                       size_t known, size_t i, size_t width, double *f, double *jacobian)
{
    const struct twin_measurement *at = twin_measurement(whole, i), *last = NULL;
    struct standard before, now;
    size_t b = known;
    while (residual->correlation_time > 0 && !last && b-- > 0) {
        const struct twin_measurement *one = twin_measurement(whole, b);
        if (one->observation == at->observation && one->censoring == CENSORED_NOT)
            last = one;
    }
    if (!last || observe_standard(residual, last->value, f[b], &before) != ERR_OK ||
        observe_standard(residual, f[i], f[i], &now) != ERR_OK)
        return 1;
    struct memory memory = observe_memory(residual, at->time - last->time);
    /* f + g rho e; of a lognormal error, whose slope is f g^-1: f exp(g rho e) */
    double g = observe_sd(residual, f[i]), off = g * memory.rho * before.e;
    bool logarithm = residual->kind == RESIDUAL_LOGNORMAL;
    double by_now = logarithm ? exp(off) : 1 + now.d_log_g * off;
    double by_before = g * memory.rho * before.d_e * (logarithm ? f[i] * exp(off) : 1);
    for (size_t a = 0; a < width; a++)
        jacobian[i * width + a] =
            by_now * jacobian[i * width + a] + by_before * jacobian[b * width + a];
    f[i] = logarithm ? f[i] * exp(off) : f[i] + off;
    return memory.s;
}

/* --- from a mode and its covariance ------------------------------------------------- */

static void fill_point(const struct residual *residual, double f, double g,
                       double variance, struct forecast_point *point)
{
    bool logarithm = residual->kind == RESIDUAL_LOGNORMAL;
    point->centre = f;
    point->sd = sqrt((logarithm ? variance / (f * f) : variance) + g * g);
    if (residual->kind == RESIDUAL_BERNOULLI)
        point->sd = g; /* of a yes or no, all there is to know */
    for (size_t l = 0; l < FORECAST_LEVELS; l++) {
        double half = normal_quantile(0.5 + forecast_level[l] / 2) * point->sd;
        point->low[l] = logarithm ? f * exp(-half) : f - half;
        point->high[l] = logarithm ? f * exp(half) : f + half;
        if (residual->kind == RESIDUAL_BERNOULLI)
            point->low[l] = point->high[l] = NAN;
    }
}

static enum err check_positive(const struct residual *residual, double f)
{
    if (residual->kind != RESIDUAL_LOGNORMAL || f > 0)
        return ERR_OK;
    return err_set(ERR_NUMERIC, "a prediction that is not positive, but its residual "
                                "error is lognormal");
}

static enum err predict(struct engine *engine, const struct twin *whole, size_t known,
                        const struct prior *prior, const struct fit *fit,
                        struct forecast *forecast)
{
    const struct model *model = engine_model(engine);
    const struct prior_layout *layout = engine_layout(engine);
    size_t n = twin_measurements(whole), width = layout->p + layout->r + layout->q;
    double *f = mem_new(n, sizeof *f), *jacobian = mem_new(n * width, sizeof *jacobian);
    enum err err = twin_predict(engine, whole, fit->phi, prior->population, f, jacobian);
    for (size_t i = known; err == ERR_OK && i < n; i++) {
        struct forecast_point *point = &forecast->points[i - known];
        struct residual residual;
        prior_residual(model, layout, prior, point->observation, &residual);
        err = check_positive(&residual, f[i]);
        double g = observe_sd(&residual, f[i]);
        g *= remember(&residual, whole, known, i, width, f, jacobian);
        fill_point(&residual, f[i], g, carried(fit, jacobian + i * width), point);
    }
    mem_free(f);
    mem_free(jacobian);
    return err;
}

/* --- from draws --------------------------------------------------------------------- */

/* What a measurement to come is by each draw: normal, on the scale of its error. */
struct mixture {
    size_t count;
    double *centre, *sd; /* [count] */
};

/* Where the mixture has this probability below. */
static double mixture_quantile(const struct mixture *mixture, double probability)
{
    double low = INFINITY, high = -INFINITY, reach = normal_quantile(probability);
    for (size_t k = 0; k < mixture->count; k++) {
        double own = mixture->centre[k] + reach * mixture->sd[k];
        low = fmin(low, own);
        high = fmax(high, own);
    }
    double width = QUANTILE_ERROR * (high - low);
    while (high - low > width) {
        double middle = (low + high) / 2, below = 0;
        for (size_t k = 0; k < mixture->count; k++)
            below += 0.5 * erfc((mixture->centre[k] - middle) /
                                (mixture->sd[k] * sqrt(2.0)));
        if (below < probability * (double)mixture->count)
            low = middle;
        else
            high = middle;
        if (middle == low + (high - low) / 2) /* they are neighbours */
            break;
    }
    return (low + high) / 2;
}

static void fill_mixture(const struct residual *residual, const struct mixture *mixture,
                         struct forecast_point *point)
{
    bool logarithm = residual->kind == RESIDUAL_LOGNORMAL;
    double n = (double)mixture->count, mean = 0, square = 0;
    for (size_t k = 0; k < mixture->count; k++)
        mean += mixture->centre[k] / n;
    for (size_t k = 0; k < mixture->count; k++) {
        double off = mixture->centre[k] - mean, own = mixture->sd[k];
        square += (off * off + own * own) / n;
    }
    if (residual->kind == RESIDUAL_BERNOULLI) {
        fill_point(residual, mean, observe_sd(residual, mean), 0, point);
        return;
    }
    point->sd = sqrt(square);
    double centre = mixture_quantile(mixture, 0.5);
    point->centre = logarithm ? exp(centre) : centre;
    for (size_t l = 0; l < FORECAST_LEVELS; l++) {
        double tail = (1 - forecast_level[l]) / 2,
               low = mixture_quantile(mixture, tail),
               high = mixture_quantile(mixture, 1 - tail);
        point->low[l] = logarithm ? exp(low) : low;
        point->high[l] = logarithm ? exp(high) : high;
    }
}

/* Draws that can be computed, as predictions of all measurements. */
static enum err predict_draws(struct engine *engine, const struct twin *whole,
                              const struct prior *prior,
                              const struct posterior *posterior, double *f,
                              size_t *usable)
{
    size_t n = twin_measurements(whole), p = posterior->fit->p;
    struct twin_point *points = mem_new(posterior->count, sizeof *points);
    for (size_t k = 0; k < posterior->count; k++)
        points[k] = (struct twin_point){.twin = whole,
                                        .phi = posterior->phi + k * p,
                                        .gamma = prior->population,
                                        .f = f + k * n};
    twin_predict_all(engine, points, posterior->count, false);
    *usable = 0;
    for (size_t k = 0; k < posterior->count; k++)
        if (points[k].err == ERR_OK)
            memmove(f + (*usable)++ * n, f + k * n, n * sizeof *f);
    mem_free(points);
    return *usable ? ERR_OK
                   : err_set(ERR_NUMERIC, "the model has no prediction by any draw");
}

static enum err mix(struct engine *engine, const struct twin *whole, size_t known,
                    const struct prior *prior, const struct posterior *posterior,
                    struct forecast *forecast)
{
    size_t n = twin_measurements(whole);
    double *f = mem_new(posterior->count * n, sizeof *f);
    struct mixture mixture = {.centre = mem_new(posterior->count, sizeof(double)),
                              .sd = mem_new(posterior->count, sizeof(double))};
    enum err err = predict_draws(engine, whole, prior, posterior, f, &mixture.count);
    for (size_t i = known; err == ERR_OK && i < n; i++) {
        struct forecast_point *point = &forecast->points[i - known];
        struct residual residual;
        prior_residual(engine_model(engine), engine_layout(engine), prior,
                       point->observation, &residual);
        for (size_t k = 0; err == ERR_OK && k < mixture.count; k++) {
            double *own = f + k * n;
            err = check_positive(&residual, own[i]);
            mixture.sd[k] = observe_sd(&residual, own[i]);
            mixture.sd[k] *= remember(&residual, whole, known, i, 0, own, NULL);
            bool logarithm = residual.kind == RESIDUAL_LOGNORMAL;
            mixture.centre[k] = logarithm ? log(own[i]) : own[i];
        }
        if (err == ERR_OK)
            fill_mixture(&residual, &mixture, point);
    }
    mem_free(mixture.centre);
    mem_free(mixture.sd);
    mem_free(f);
    return err;
}

/* --- from outside ------------------------------------------------------------------- */

enum err forecast_new(struct engine *engine, const struct twin *known,
                      const struct posterior *posterior, const struct twin *whole,
                      const struct prior *prior, struct forecast **forecast)
{
    size_t before = twin_measurements(known), all = twin_measurements(whole);
    if (!twin_begins(whole, known))
        return err_set(ERR_RANGE, "a forecast for a time before what is known");
    struct forecast *out = mem_new(1, sizeof *out);
    out->count = all - before;
    out->points = mem_new(out->count, sizeof *out->points);
    for (size_t i = before; i < all; i++) {
        out->points[i - before].time = twin_measurement(whole, i)->time;
        out->points[i - before].observation = twin_measurement(whole, i)->observation;
    }
    enum err err = posterior->normal
                       ? predict(engine, whole, before, prior, posterior->fit, out)
                       : mix(engine, whole, before, prior, posterior, out);
    if (err == ERR_OK)
        *forecast = out;
    else
        forecast_destroy(&out);
    return err;
}

void forecast_destroy(struct forecast **forecast)
{
    if (!*forecast)
        return;
    mem_free((*forecast)->points);
    mem_free(*forecast);
    *forecast = NULL;
}

void forecast_judge(const struct forecast_point *point, const struct model *model,
                    const struct twin_measurement *measurement,
                    struct forecast_score *score)
{
    if (measurement->censoring != CENSORED_NOT)
        return;
    enum residual_kind kind = model_observation(model, point->observation)->residual;
    double error = kind == RESIDUAL_LOGNORMAL ? log(measurement->value / point->centre)
                                              : measurement->value - point->centre;
    score->count++;
    score->squares += error * error;
    score->sizes += fabs(error);
    for (size_t l = 0; l < FORECAST_LEVELS; l++)
        score->within[l] +=
            measurement->value >= point->low[l] && measurement->value <= point->high[l];
}
