#include "model/statistic.h"

#include <math.h>

#include "numerics/linalg.h"

/* Shares of the squared clipping norm. The scores are what is learned; the information
 * only sets the step, so that a coarse value of it serves. Chosen on virtual patients
 * with the utility bench; not tuned per study, because that would have to be charged. */
static const double weights[STATISTIC_BLOCKS] = {
    [STATISTIC_COUNT] = 0.03,
    [STATISTIC_COVARIATES] = 0.04,
    [STATISTIC_EFFECT_SCORE] = 0.34,
    [STATISTIC_OMEGA_SCORE] = 0.42,
    [STATISTIC_INFORMATION] = 0.03,
    [STATISTIC_INFORMATION_SQUARE] = 0.03,
    [STATISTIC_RESIDUAL_SCORE] = 0.05,
    [STATISTIC_RESIDUAL_INFORMATION] = 0.03,
    [STATISTIC_RESIDUAL_SHAPE] = 0.01,
    [STATISTIC_POPULATION_SCORE] = 0.05,
    [STATISTIC_POPULATION_INFORMATION] = 0.03,
    [STATISTIC_POPULATION_CROSS] = 0.01,
};

/* A patient's residual and population scores count for at most this much information:
 * about four independent measurements. */
#define INFORMATION_CAP 8.0

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

/* Radius of z: the square root of the upper quartile of chi-square with p degrees of
 * freedom (Wilson-Hilferty), where clipping bias and noise balance for the sizes
 * hospitals have. */
static double clipping_radius(size_t p)
{
    double n = (double)p, spread = 2 / (9 * n),
           root = 1 - spread + 0.6744898 * sqrt(spread);
    return sqrt(n * root * root * root);
}

/* The largest norm each block can have when |z| <= radius, |x| <= sqrt k, 0 <= V <= I and
 * the information is capped. */
static void bounds(const struct statistic *s, double bound[STATISTIC_BLOCKS])
{
    double p = (double)s->p, k = (double)s->k, r2 = s->radius * s->radius;
    double cap = s->information_cap, score = 3 * sqrt(cap);
    bound[STATISTIC_COUNT] = 1;
    bound[STATISTIC_COVARIATES] = k;
    bound[STATISTIC_EFFECT_SCORE] = s->radius * sqrt(k);
    /* |zz' - A|_F is convex in A on 0 <= A <= I, so largest at a projection: A orthogonal
     * to z gives r^4 + p - 1, the largest of them. */
    bound[STATISTIC_OMEGA_SCORE] = sqrt(r2 * r2 + p - 1);
    bound[STATISTIC_INFORMATION] = sqrt(p);
    bound[STATISTIC_INFORMATION_SQUARE] = p;
    bound[STATISTIC_RESIDUAL_SCORE] = score;
    bound[STATISTIC_RESIDUAL_INFORMATION] = cap;
    /* Both are dimensionless and below 1 per direction (V (I - V) <= 1/4 and its split).
     */
    bound[STATISTIC_RESIDUAL_SHAPE] = sqrt(p) / 4;
    bound[STATISTIC_POPULATION_SCORE] = score;
    bound[STATISTIC_POPULATION_INFORMATION] = cap;
    bound[STATISTIC_POPULATION_CROSS] = sqrt(cap * k);
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
    s.radius = exact || p == 0 ? INFINITY : clipping_radius(p);
    s.information_cap = exact ? INFINITY : INFORMATION_CAP;
    double total = 0, bound[STATISTIC_BLOCKS];
    for (size_t b = 0; b < STATISTIC_BLOCKS; b++) {
        s.offset[b] = s.dimension;
        s.dimension += s.size[b];
        total += s.size[b] ? weights[b] : 0;
    }
    if (!exact)
        bounds(&s, bound);
    for (size_t b = 0; b < STATISTIC_BLOCKS; b++)
        s.factor[b] = exact || !s.size[b] ? 1 : sqrt(weights[b] / total) / bound[b];
    *statistic = s;
}
