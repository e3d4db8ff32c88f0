#include "model/statistic.h"

#include <math.h>

#include "numerics/linalg.h"

/* Shares of the squared clipping norm. The scores are what is learned; the information
 * only sets the step, so that a coarse value of it serves. Chosen on virtual patients
 * with the utility bench; not tuned per study, because that would have to be charged. */
static const double weights[STATISTIC_BLOCKS] = {
    [STATISTIC_COUNT] = 0.01,
    [STATISTIC_COVARIATES] = 0.03,
    [STATISTIC_EFFECT_SCORE] = 0.30,
    [STATISTIC_OMEGA_SCORE] = 0.52,
    [STATISTIC_INFORMATION] = 0.02,
    [STATISTIC_INFORMATION_SQUARE] = 0.01,
    [STATISTIC_RESIDUAL_SCORE] = 0.05,
    [STATISTIC_RESIDUAL_INFORMATION] = 0.01,
    [STATISTIC_RESIDUAL_SHAPE] = 0.005,
    [STATISTIC_POPULATION_SCORE] = 0.05,
    [STATISTIC_POPULATION_INFORMATION] = 0.01,
    [STATISTIC_POPULATION_CROSS] = 0.005,
};

/* Of zeta's length at a right prior: the normal quantile that is its reach, and the
 * squared radius as a share of the squared reach. They balance lost efficiency against
 * noise, for I - V around 0.5 to 0.9. */
#define REACH_QUANTILE_NORMAL 1.3
#define RADIUS_SHARE 0.5

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

/* Distribution function of chi-square. */
static double chi_square(double dof, double x)
{
    return gamma_share(dof / 2, x / 2);
}

double statistic_truncated(double dof, double limit, double *slope)
{
    if (!(limit > 0)) {
        *slope = 0;
        return limit;
    }
    *slope = chi_square(dof + 2, limit);
    return dof * *slope + limit * (1 - chi_square(dof, limit));
}

struct shortening statistic_shortening(size_t p, double reach)
{
    if (p == 0 || !isfinite(reach))
        return (struct shortening){1, 1, 1, 1, 1, 1};
    double n = (double)p, r2 = reach * reach, outside = 1 - chi_square(n, r2);
    double kappa = chi_square(n + 2, r2) + r2 * outside / n;
    /* E 1/r beyond the reach; 1/r times the density of p is that of p - 1. */
    double inverse = p == 1 ? 0
                            : exp(lgamma((n - 1) / 2) - lgamma(n / 2)) / M_SQRT2 *
                                  (1 - chi_square(n - 1, r2));
    double fourth = chi_square(n + 4, r2) + r2 * r2 * outside / (n * (n + 2));
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

double statistic_reach(const struct statistic *statistic, double largest)
{
    double reach = statistic->reach;
    if (statistic->exact || !(largest > 0))
        return reach;
    return fmin(reach, statistic->radius / sqrt(largest));
}

double statistic_middle(const struct statistic *statistic, enum statistic_block block)
{
    bool centred =
        block == STATISTIC_INFORMATION || block == STATISTIC_INFORMATION_SQUARE;
    return !statistic->exact && centred ? 0.5 : 0;
}

/* The largest norm of a shortened z z' - kappa (I - V), (I - V) with eigenvalues up to l.
 * At one l it is largest for (I - V) = l I, and there at |z| = 0 or at its largest. With
 * c = kappa l that is sqrt((|z|^2 - c)^2 + (p - 1) c^2) or c sqrt p. Up to l = radius^2 /
 * reach^2 all of it grows with l; from there |z| stays, c grows and the norm, convex in
 * c, is largest at one of the ends. */
static double second_moment_bound(const struct statistic *s)
{
    double n = (double)s->p, largest = 0;
    double r2 = s->radius * s->radius;
    const double eigenvalues[] = {RADIUS_SHARE, 1};
    for (int i = 0; i < 2; i++) {
        double reach = statistic_reach(s, eigenvalues[i]);
        double c = statistic_shortening(s->p, reach).kappa * eigenvalues[i];
        largest = fmax(largest, hypot(r2 - c, sqrt(n - 1) * c));
        largest = fmax(largest, c * sqrt(n));
    }
    return largest;
}

/* The largest norm each block can have when |z| <= radius, |x| <= sqrt k, 0 <= V <= I and
 * the information is capped. */
static void private_bounds(struct statistic *s)
{
    double p = (double)s->p, k = (double)s->k, cap = s->information_cap;
    /* Wilson and Hilferty's quantile of chi-square. */
    double spread = p > 0 ? 2 / (9 * p) : 0;
    double root = 1 - spread + REACH_QUANTILE_NORMAL * sqrt(spread);
    s->reach = sqrt(p * root * root * root);
    s->radius = sqrt(RADIUS_SHARE) * s->reach;
    s->bound[STATISTIC_COUNT] = 1;
    s->bound[STATISTIC_COVARIATES] = k;
    s->bound[STATISTIC_EFFECT_SCORE] = s->radius * sqrt(k);
    s->bound[STATISTIC_OMEGA_SCORE] = s->p ? second_moment_bound(s) : 1;
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

void statistic_layout(const struct prior_layout *layout, bool exact,
                      struct statistic *statistic)
{
    size_t p = layout->p, k = layout->k, q = layout->q, m = layout->m;
    struct statistic s = {.exact = exact, .p = p, .k = k, .q = q, .m = m};
    s.size[STATISTIC_COUNT] = 1;
    s.size[STATISTIC_COVARIATES] = k > 1 ? LINALG_SVEC_DIM(k) : 0;
    s.size[STATISTIC_EFFECT_SCORE] = p * k;
    s.size[STATISTIC_OMEGA_SCORE] = LINALG_SVEC_DIM(p);
    s.size[STATISTIC_INFORMATION] = LINALG_SVEC_DIM(p);
    s.size[STATISTIC_INFORMATION_SQUARE] = LINALG_SVEC_DIM(p);
    s.size[STATISTIC_RESIDUAL_SCORE] = m;
    s.size[STATISTIC_RESIDUAL_INFORMATION] = LINALG_SVEC_DIM(m);
    s.size[STATISTIC_RESIDUAL_SHAPE] = m * p;
    s.size[STATISTIC_POPULATION_SCORE] = q;
    s.size[STATISTIC_POPULATION_INFORMATION] = LINALG_SVEC_DIM(q);
    s.size[STATISTIC_POPULATION_CROSS] = q * p * k;
    s.size[STATISTIC_LIKELIHOOD] = exact ? 3 : 0;
    s.radius = s.reach = s.information_cap = INFINITY;
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
            if (s.size[b])
                s.factor[b] = sqrt(weights[b] / total) / s.bound[b];
    }
    *statistic = s;
}
