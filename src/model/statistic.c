#include "model/statistic.h"

#include <math.h>

#include "numerics/linalg.h"

/* Shares of the squared clipping norm, of what is not a score of z. They only set the
 * step, so that coarse values serve. */
static const double weights[STATISTIC_BLOCKS] = {
    [STATISTIC_COUNT] = 0.01,
    [STATISTIC_COVARIATES] = 0.03,
    [STATISTIC_INFORMATION] = 0.02,
    [STATISTIC_INFORMATION_SQUARE] = 0.01,
    [STATISTIC_RESIDUAL_SCORE] = 0.05,
    [STATISTIC_RESIDUAL_INFORMATION] = 0.01,
    [STATISTIC_RESIDUAL_SHAPE] = 0.005,
    [STATISTIC_POPULATION_SCORE] = 0.05,
    [STATISTIC_POPULATION_INFORMATION] = 0.01,
    [STATISTIC_POPULATION_CROSS] = 0.005,
};

/* The factors of the scores of z are those with which a patient who knows so much of
 * every parameter, with covariates half way, reaches so far (squared, with p parameters),
 * and the effects then take so much of the room. They balance what shortening loses
 * against noise: least mean logarithm of both errors by closed forms, on 2 to 8
 * parameters, 700 to 8000 patients, epsilon 0.7 and 2 (docs/statistics.md). Never tuned
 * per study, because that would have to be charged. */
#define TYPICAL_KNOWN 0.7
#define TYPICAL_REACH2(p) (3.5 + 0.6 * (p))
#define EFFECT_SHARE 0.38

/* Nobody is farther from a right prior. */
#define REACH_MOST 20.0
#define REACH_ITERATIONS 12

/* Closer than this to a pole is at it. */
#define NEARLY 1e-7

/* A patient's residual and population scores count for at most this much information:
 * about four independent measurements; and for at most this many of their own sds. */
#define INFORMATION_CAP 8.0
#define SCORE_SDS 3.0

const char *statistic_name(enum statistic_block block)
{
    static const char *const names[] = {
#define STATISTIC_TEXT(name, meaning) #name,
        STATISTIC_LIST(STATISTIC_TEXT)
#undef STATISTIC_TEXT
    };
    return names[block];
}

const char *statistic_meaning(enum statistic_block block)
{
    static const char *const meanings[] = {
#define STATISTIC_TEXT(name, meaning) meaning,
        STATISTIC_LIST(STATISTIC_TEXT)
#undef STATISTIC_TEXT
    };
    return meanings[block];
}

/* The regularised incomplete gamma function P(a, x), by its series below a + 1 and by the
 * continued fraction (modified Lentz) above; Abramowitz and Stegun 6.5.29 and 6.5.31. */
static double gamma_share(double a, double x)
{
    if (!(x > 0))
        return 0;
    double front = exp(a * log(x) - x - lgamma(a));
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (double n = a + 1; term > sum * 1e-17; n++)
            sum += term *= x / n;
        return front * sum;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / b, value = d, change = 0;
    for (double i = 1; i < 1000 && fabs(change - 1) > 1e-15; i++) {
        double term = -i * (i - a);
        b += 2;
        d = 1 / (term * d + b);
        c = b + term / c;
        value *= change = c * d;
    }
    return 1 - front * value;
}

double statistic_chi_square(double dof, double x)
{
    return gamma_share(dof / 2, x / 2);
}

double statistic_truncated(double dof, double limit, double *slope)
{
    if (!(limit > 0)) {
        *slope = 0;
        return limit;
    }
    *slope = statistic_chi_square(dof + 2, limit);
    return dof * *slope + limit * (1 - statistic_chi_square(dof, limit));
}

/* kappa: E min(r^2, reach^2) / n of a standard normal vector in n dimensions. */
static double mean_square(double n, double reach)
{
    double r2 = reach * reach;
    return statistic_chi_square(n + 2, r2) + r2 * (1 - statistic_chi_square(n, r2)) / n;
}

struct shortening statistic_shortening(double n, double reach)
{
    if (!(n > 0) || !isfinite(reach))
        return (struct shortening){1, 1, 1, 1, 1, 1};
    double r2 = reach * reach, outside = 1 - statistic_chi_square(n, r2);
    double kappa = mean_square(n, reach);
    /* E 1/r beyond the reach; 1/r times the density of n is that of n - 1. */
    double inverse = n < 1 + NEARLY ? 0
                                    : exp(lgamma((n - 1) / 2) - lgamma(n / 2)) /
                                          M_SQRT2 *
                                          (1 - statistic_chi_square(n - 1, r2));
    double fourth = statistic_chi_square(n + 4, r2) + r2 * r2 * outside / (n * (n + 2));
    struct shortening out = {
        .kappa = kappa,
        .mean_slope = 1 - outside + (1 - 1 / n) * reach * inverse,
        .shape_slope = kappa - 2 * r2 * outside / (n * (n + 2)),
        .scale_slope = kappa - r2 * outside / n,
    };
    out.mean_loss = kappa / (out.mean_slope * out.mean_slope);
    out.shape_loss = fourth / (out.shape_slope * out.shape_slope);
    return out;
}

/* E min(1, limit / X) of a chi-square X: 1 / X times the density of n is that of n - 2,
 * whose integral partial integration gives, whatever n - 2. */
static double cut_share(double n, double limit)
{
    double a = n / 2 - 1, y = limit / 2, within = statistic_chi_square(n, limit);
    if (fabs(a) < NEARLY)
        a = NEARLY;
    double density = exp(a * log(y) - y - lgamma(a + 1));
    return within + y * (1 - within - density) / a;
}

/* By its mean m and variance 2 v the sum of known_j X_j, X chi-square of one degree, is
 * near v / m times one of m^2 / v degrees (Satterthwaite 1946). What z_a^2 weighs has
 * three in the place of one. */
static void share_kept(size_t p, const double *known, double length, double *kappa)
{
    double mean = 0, square = 0;
    for (size_t a = 0; a < p; a++) {
        mean += known[a];
        square += known[a] * known[a];
    }
    for (size_t a = 0; a < p; a++) {
        double m = mean + 2 * known[a], v = square + 2 * known[a] * known[a];
        kappa[a] = known[a] > 0 ? cut_share(m * m / v, length * length * m / v) : 0;
    }
}

/* For one kappa the bound is a quadratic in the reach's square; kappa changes little with
 * the reach, so that a few rounds settle it. */
double statistic_reach(const struct statistic *statistic, const double *known, double x2,
                       double room, double *kappa)
{
    double f = statistic->factor[STATISTIC_EFFECT_SCORE], once = f * f * x2;
    double g = statistic->factor[STATISTIC_OMEGA_SCORE], twice = g * g;
    double length = REACH_MOST;
    bool nothing = true;
    for (size_t a = 0; a < statistic->p; a++) {
        nothing &= !(known[a] > 0);
        kappa[a] = 1;
    }
    if (statistic->exact)
        return INFINITY;
    if (nothing)
        return 0;
    for (int i = 0; i < REACH_ITERATIONS; i++) {
        double squares = 0, least = INFINITY;
        for (size_t a = 0; a < statistic->p; a++) {
            double kept = kappa[a] * known[a];
            squares += kept * kept;
            least = known[a] > 0 ? fmin(least, kept) : least;
        }
        double left = fmax(0, room - twice * squares), middle = once / 2 - least * twice;
        double r2 = (sqrt(middle * middle + twice * left) - middle) / twice;
        if (r2 < 2 * least) /* the longest vector is then that of z = 0 */
            r2 = fmin(2 * least, left / once);
        length = fmin(REACH_MOST, sqrt(r2));
        share_kept(statistic->p, known, length, kappa);
    }
    return length;
}

struct shortening statistic_typical(size_t p, const double *known, double length)
{
    double mean = 0, square = 0;
    for (size_t a = 0; a < p; a++) {
        mean += known[a];
        square += known[a] * known[a];
    }
    if (!(mean > 0))
        return (struct shortening){1, 1, 1, 1, 1, 1};
    return statistic_shortening(mean * mean / square, length * sqrt(mean / square));
}

double statistic_middle(const struct statistic *statistic, enum statistic_block block)
{
    bool centred =
        block == STATISTIC_INFORMATION || block == STATISTIC_INFORMATION_SQUARE;
    return !statistic->exact && centred ? 0.5 : 0;
}

/* The largest norm of each block that is no score of z, when |x| <= sqrt k, 0 <= V <= I
 * and the information is capped. */
static void private_bounds(struct statistic *s)
{
    double p = (double)s->p, k = (double)s->k, cap = s->information_cap;
    s->bound[STATISTIC_COUNT] = 1;
    s->bound[STATISTIC_COVARIATES] = k;
    s->bound[STATISTIC_INFORMATION] = sqrt(p) / 2;
    s->bound[STATISTIC_INFORMATION_SQUARE] = p / 2;
    s->bound[STATISTIC_RESIDUAL_SCORE] = SCORE_SDS * sqrt(cap);
    s->bound[STATISTIC_RESIDUAL_INFORMATION] = cap;
    /* Both are dimensionless and below 1 per direction (V (I - V) <= 1/4 and its split).
     */
    s->bound[STATISTIC_RESIDUAL_SHAPE] = sqrt(p) / 4;
    s->bound[STATISTIC_POPULATION_SCORE] = SCORE_SDS * sqrt(cap);
    s->bound[STATISTIC_POPULATION_INFORMATION] = cap;
    s->bound[STATISTIC_POPULATION_CROSS] = sqrt(cap * k);
}

/* Factors of the scores of z, and their bounds: all the norm. */
static void private_scores(struct statistic *s)
{
    double p = (double)s->p, r2 = TYPICAL_REACH2(p), l = TYPICAL_KNOWN;
    double x2 = (1 + (double)s->k) / 2, kappa = mean_square(p, sqrt(r2));
    double moment = l * l * (kappa * kappa * p + r2 * (r2 - 2 * kappa));
    s->factor[STATISTIC_EFFECT_SCORE] = sqrt(EFFECT_SHARE * s->room / (x2 * l * r2));
    s->factor[STATISTIC_OMEGA_SCORE] = sqrt((1 - EFFECT_SHARE) * s->room / moment);
    s->bound[STATISTIC_EFFECT_SCORE] = 1 / s->factor[STATISTIC_EFFECT_SCORE];
    s->bound[STATISTIC_OMEGA_SCORE] = 1 / s->factor[STATISTIC_OMEGA_SCORE];
}

void statistic_layout(const struct prior_layout *layout, bool exact,
                      struct statistic *statistic)
{
    size_t p = layout->p, k = layout->k, q = layout->q, m = layout->m;
    size_t square = LINALG_SVEC_DIM(p);
    struct statistic s = {.exact = exact, .p = p, .k = k, .q = q, .m = m};
    s.size[STATISTIC_COUNT] = 1;
    s.size[STATISTIC_COVARIATES] = k > 1 ? LINALG_SVEC_DIM(k) : 0;
    s.size[STATISTIC_EFFECT_SCORE] = p * k;
    s.size[STATISTIC_OMEGA_SCORE] = square;
    s.size[STATISTIC_INFORMATION] = square;
    s.size[STATISTIC_INFORMATION_SQUARE] = exact ? 0 : square;
    s.size[STATISTIC_INFORMATION_PAIRS] =
        exact ? LINALG_SVEC_DIM(k) * LINALG_SVEC_DIM(square) : 0;
    s.size[STATISTIC_EFFECT_INFORMATION] =
        exact && k > 1 ? LINALG_SVEC_DIM(k) * square : 0;
    s.size[STATISTIC_EFFECT_CURVATURE] = exact ? p * k * square : 0;
    s.size[STATISTIC_OMEGA_CURVATURE] = exact ? square * square : 0;
    s.size[STATISTIC_RESIDUAL_CURVATURE] = exact ? LINALG_SVEC_DIM(m) : 0;
    s.size[STATISTIC_POPULATION_CURVATURE] = exact ? q * p * p : 0;
    s.size[STATISTIC_RESIDUAL_SCORE] = m;
    s.size[STATISTIC_RESIDUAL_INFORMATION] = LINALG_SVEC_DIM(m);
    s.size[STATISTIC_RESIDUAL_SHAPE] = m * (exact ? square : p);
    s.size[STATISTIC_POPULATION_SCORE] = q;
    s.size[STATISTIC_POPULATION_INFORMATION] = LINALG_SVEC_DIM(q);
    s.size[STATISTIC_POPULATION_CROSS] = q * p * k;
    s.size[STATISTIC_LIKELIHOOD] = exact ? 3 : 0;
    s.information_cap = INFINITY;
    s.room = 1;
    double total = 0;
    for (size_t b = 0; b < STATISTIC_BLOCKS; b++) {
        s.offset[b] = s.dimension;
        s.dimension += s.size[b];
        s.bound[b] = INFINITY;
        s.factor[b] = 1;
        total += s.size[b] ? weights[b] : 0;
    }
    if (!exact) {
        s.information_cap = INFORMATION_CAP;
        private_bounds(&s);
        for (size_t b = 0; b < STATISTIC_BLOCKS; b++)
            if (weights[b] > 0 && s.size[b])
                s.factor[b] = sqrt(weights[b] / (p ? 1 : total)) / s.bound[b];
        s.room = 1 - total;
        if (p)
            private_scores(&s);
    }
    *statistic = s;
}
