#ifndef TESTS_MODEL_SCORES_H
#define TESTS_MODEL_SCORES_H

/* scores - a twin's scores, beside differences of its -2 log L by the prior's numbers. */

#include "moments_impl.h"
#include "trial.h"

static inline double scores_cost(struct trial *trial, const struct twin *twin,
                                 struct prior *prior)
{
    struct fit *fit;
    assert_ok(prior_factor(prior, NULL));
    assert_ok(fit_new(trial->engine, twin, prior, &fit));
    assert_true(fit->converged);
    double cost = fit->minus2_log_likelihood;
    fit_destroy(&fit);
    return cost;
}

/* Of a model with two individual parameters that do not correlate and one of the
 * population: minus half the differences, by every typical value and residual. */
static inline void scores_agree(struct trial *trial, const struct twin *twin,
                                struct prior *prior, const struct moments *moments)
{
    const double h = 1e-4;
    assert_int_equal(prior->p, 2);
    for (size_t i = 0; i < 3 + prior->m; i++) {
        double score = i < 2    ? moments->z[i] / prior->factor[i * 3] /* L^-T z */
                       : i == 2 ? moments->population_score[0]
                                : moments->residual_score[i - 3];
        double *number = i < 2    ? &prior->effects[i * prior->k]
                         : i == 2 ? &prior->population[0]
                                  : &prior->residual[i - 3];
        double at = *number;
        *number = at + h;
        double up = scores_cost(trial, twin, prior);
        *number = at - h;
        double down = scores_cost(trial, twin, prior);
        *number = at;
        assert_near(score, -0.5 * (up - down) / (2 * h), 2e-4 * (1 + fabs(score)));
    }
}

#endif
