#include "model/forecast.h"

#include <math.h>

#include "base/memory.h"
#include "base/normal.h"

#include "model/observe.h"
#include "twin_impl.h"

const double forecast_level[FORECAST_LEVELS] = {0.80, 0.95};

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
 * its observation is remembered: f and its derivatives become those of f + g rho e.
 * Returns the share s of g that is new. */
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

static enum err predict(struct engine *engine, const struct twin *whole, size_t known,
                        const struct prior *prior, struct forecast *forecast)
{
    const struct model *model = engine_model(engine);
    const struct prior_layout *layout = engine_layout(engine);
    size_t n = twin_measurements(whole), width = layout->p + layout->r + layout->q;
    double *f = mem_new(n, sizeof *f), *jacobian = mem_new(n * width, sizeof *jacobian);
    enum err err =
        twin_predict(engine, whole, forecast->fit->phi, prior->population, f, jacobian);
    for (size_t i = known; err == ERR_OK && i < n; i++) {
        const struct twin_measurement *at = twin_measurement(whole, i);
        struct forecast_point *point = &forecast->points[i - known];
        struct residual residual;
        prior_residual(model, layout, prior, at->observation, &residual);
        point->time = at->time;
        point->observation = at->observation;
        if (residual.kind == RESIDUAL_LOGNORMAL && !(f[i] > 0))
            err = err_set(ERR_NUMERIC, "a prediction that is not positive, but its "
                                       "residual error is lognormal");
        double g = observe_sd(&residual, f[i]);
        g *= remember(&residual, whole, known, i, width, f, jacobian);
        fill_point(&residual, f[i], g, carried(forecast->fit, jacobian + i * width),
                   point);
    }
    mem_free(f);
    mem_free(jacobian);
    return err;
}

enum err forecast_new(struct engine *engine, const struct twin *known,
                      const struct twin *whole, const struct prior *prior,
                      struct forecast **forecast)
{
    size_t before = twin_measurements(known), all = twin_measurements(whole);
    if (!twin_begins(whole, known))
        return err_set(ERR_RANGE, "a forecast for a time before what is known");
    struct forecast *out = mem_new(1, sizeof *out);
    out->count = all - before;
    out->points = mem_new(out->count, sizeof *out->points);
    enum err err = fit_new(engine, known, prior, &out->fit);
    if (err == ERR_OK)
        err = predict(engine, whole, before, prior, out);
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
    fit_destroy(&(*forecast)->fit);
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
