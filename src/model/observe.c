#include "model/observe.h"

#include <math.h>

#include "base/normal.h"

#define LOG_2_PI 1.8378770664093454836

/* The residual variance v(f) and what its derivatives need; index 0 is the additive, 1
 * the proportional parameter, both differentiated by their logarithm. */
struct variance {
    double v, d_f;    /* v, dv / df */
    double d_log[2];  /* dv / d log parameter */
    double dd_log[2]; /* d (dv / df) / d log parameter */
};

static struct variance variance_at(const struct residual *residual, double f)
{
    double a = residual->additive, b = residual->proportional, sign = f < 0 ? -1 : 1;
    struct variance out = {0};
    switch (residual->kind) {
    case RESIDUAL_PROPORTIONAL:
        a = 0;
        /* fall through */
    case RESIDUAL_COMBINED2:
        out.v = a * a + b * b * f * f;
        out.d_f = 2 * b * b * f;
        out.d_log[0] = 2 * a * a;
        out.d_log[1] = 2 * b * b * f * f;
        out.dd_log[1] = 4 * b * b * f;
        break;
    case RESIDUAL_COMBINED1: {
        double sd = a + b * fabs(f);
        out.v = sd * sd;
        out.d_f = 2 * sd * b * sign;
        out.d_log[0] = 2 * sd * a;
        out.d_log[1] = 2 * sd * b * fabs(f);
        out.dd_log[0] = 2 * a * b * sign;
        out.dd_log[1] = 2 * b * sign * (sd + b * fabs(f));
        break;
    }
    case RESIDUAL_ADDITIVE:
    case RESIDUAL_LOGNORMAL:
    case RESIDUAL_BERNOULLI:
        out.v = a * a;
        out.d_log[0] = 2 * a * a;
        break;
    }
    return out;
}

/* A value with density: -2 log N(value; f, v(f)). */
static struct observed quantified(const struct variance *g, double value, double f)
{
    double v = g->v, r = value - f, chi = r * r / v, h = g->d_f / v;
    struct observed out = {
        .minus2_log_likelihood = LOG_2_PI + log(v) + chi,
        .d_prediction = -2 * r / v + h * (1 - chi),
        .information = 1 / v + 0.5 * h * h,
        .variance = v,
    };
    for (int k = 0; k < 2; k++) {
        double part = g->d_log[k] / v; /* d log v */
        double d_h = g->dd_log[k] / v - h * part;
        out.d_log_residual[k] = part * (1 - chi);
        out.dd_log_residual[k] = 2 * r / v * part + d_h * (1 - chi) + h * chi * part;
        out.d_information[k] = -part / v + h * d_h;
        out.share[k] = part / 2;
    }
    return out;
}

/* A value known only to be below (side -1) or above (side +1) `limit`: -2 log Phi(u),
 * u = side (f - limit) / g. With lambda = phi / Phi at u and h = g' / g = v' / 2v:
 * u_f = side / g - u h, d lambda / du = -lambda (lambda + u). */
static struct observed censored(const struct variance *variance, double limit, double f,
                                double side)
{
    double g = sqrt(variance->v), h = variance->d_f / variance->v / 2;
    double u = side * (f - limit) / g, u_f = side / g - u * h;
    double lambda = normal_inverse_mills(u), curve = lambda * (lambda + u);
    struct observed out = {
        .minus2_log_likelihood = -2 * normal_log_cdf(u),
        .d_prediction = -2 * lambda * u_f,
        .information = curve * u_f * u_f,
        .variance = variance->v,
    };
    for (int k = 0; k < 2; k++) {
        double s = variance->d_log[k] / variance->v / 2; /* d log g */
        double h_k = variance->dd_log[k] / variance->v / 2 - 2 * h * s;
        double u_k = -u * s, u_fk = -side * s / g + u * s * h - u * h_k;
        double d_curve = -curve * (2 * lambda + u) + lambda; /* d curve / du */
        out.d_log_residual[k] = -2 * lambda * u_k;
        out.dd_log_residual[k] = 2 * curve * u_k * u_f - 2 * lambda * u_fk;
        out.d_information[k] = d_curve * u_k * u_f * u_f + 2 * curve * u_f * u_fk;
    }
    return out;
}

/* From log f to f: everything differentiated once by the prediction gains 1 / f. */
static void chain_logarithm(struct observed *out, double f)
{
    out->d_prediction /= f;
    out->information /= f * f;
    out->variance *= f * f;
    for (int k = 0; k < 2; k++) {
        out->dd_log_residual[k] /= f;
        out->d_information[k] /= f * f;
    }
}

static enum err bernoulli(double value, double f, struct observed *observed)
{
    if (!(f > 0 && f < 1))
        return err_set(ERR_NUMERIC, "a predicted probability outside (0, 1)");
    if (value != 0 && value != 1)
        return err_set(ERR_NUMERIC, "a binary measurement that is neither 0 nor 1");
    *observed = (struct observed){
        .minus2_log_likelihood = -2 * (value != 0 ? log(f) : log1p(-f)),
        .d_prediction = -2 * (value - f) / (f * (1 - f)),
        .information = 1 / (f * (1 - f)),
        .variance = f * (1 - f),
    };
    return ERR_OK;
}

/* Prediction and value, or their logarithms, and the variance. */
struct scaled {
    double f, y;
    bool logarithm;
    struct variance variance;
};

static enum err scale_of(const struct residual *residual, double value, double prediction,
                         struct scaled *scaled)
{
    bool logarithm = residual->kind == RESIDUAL_LOGNORMAL;
    double f = prediction, y = value;
    if (!isfinite(prediction))
        return err_set(ERR_NUMERIC, "a prediction that is not finite");
    if (logarithm) {
        if (!(prediction > 0))
            return err_set(ERR_NUMERIC, "a prediction that is not positive, but its "
                                        "residual error is lognormal");
        if (!(value > 0))
            return err_set(ERR_NUMERIC, "a measurement that is not positive, but its "
                                        "residual error is lognormal");
        f = log(prediction);
        y = log(value);
    }
    *scaled = (struct scaled){f, y, logarithm, variance_at(residual, f)};
    if (!(scaled->variance.v > 0) || !isfinite(scaled->variance.v))
        return err_set(ERR_NUMERIC, "a residual error of zero at a prediction of zero");
    return ERR_OK;
}

bool observe_surely_below(const struct residual *residual, double limit,
                          enum censoring censoring, double f)
{
    bool no_error = residual->kind == RESIDUAL_LOGNORMAL
                        ? f <= 0
                        : f == 0 && variance_at(residual, f).v == 0;
    return censoring == CENSORED_BELOW && limit > 0 && no_error;
}

enum err observe(const struct residual *residual, double value, enum censoring censoring,
                 double prediction, struct observed *observed)
{
    struct scaled scaled;
    if (residual->kind == RESIDUAL_BERNOULLI)
        return isfinite(prediction)
                   ? bernoulli(value, prediction, observed)
                   : err_set(ERR_NUMERIC, "a prediction that is not finite");
    if (observe_surely_below(residual, value, censoring, prediction)) {
        *observed = (struct observed){.variance = INFINITY}; /* it says nothing */
        return ERR_OK;
    }
    enum err err = scale_of(residual, value, prediction, &scaled);
    if (err != ERR_OK)
        return err;
    const struct variance *variance = &scaled.variance;
    double f = scaled.f, y = scaled.y;
    bool logarithm = scaled.logarithm;
    struct observed out;
    if (censoring == CENSORED_NOT)
        out = quantified(variance, y, f);
    else
        out = censored(variance, y, f, censoring == CENSORED_BELOW ? -1 : 1);
    if (logarithm) {
        chain_logarithm(&out, prediction);
        if (censoring == CENSORED_NOT)
            out.minus2_log_likelihood += 2 * y;
    }
    if (!isfinite(out.minus2_log_likelihood) || !isfinite(out.d_prediction) ||
        !isfinite(out.information))
        return err_set(ERR_NUMERIC, "a likelihood that is not finite");
    *observed = out;
    return ERR_OK;
}

enum err observe_standard(const struct residual *residual, double value,
                          double prediction, struct standard *standard)
{
    struct scaled scaled;
    enum err err = scale_of(residual, value, prediction, &scaled);
    if (err != ERR_OK)
        return err;
    double v = scaled.variance.v, g = sqrt(v),
           by_f = scaled.logarithm ? 1 / prediction : 1;
    double e = (scaled.y - scaled.f) / g, h = scaled.variance.d_f / v / 2;
    *standard = (struct standard){
        .e = e,
        .d_e = -(1 / g + e * h) * by_f,
        .slope = by_f / g,
        .d_log_g = h * by_f,
        .log_density = LOG_2_PI + log(v) + (scaled.logarithm ? 2 * scaled.y : 0),
    };
    return ERR_OK;
}

struct memory observe_memory(const struct residual *residual, double dt)
{
    double age = dt / residual->correlation_time;
    if (!(residual->correlation_time > 0) || age > 700)
        return (struct memory){0, 1, 0};
    return (struct memory){exp(-age), sqrt(-expm1(-2 * age)), exp(-age) * age};
}

double observe_sd(const struct residual *residual, double prediction)
{
    if (residual->kind == RESIDUAL_BERNOULLI)
        return sqrt(prediction * (1 - prediction));
    return sqrt(variance_at(residual, prediction).v);
}
