/* Draws of what a fit leaves, beside its mode and covariance. */

#include "model/draw.h"

#include <math.h>

#include "base/memory.h"
#include "check.h"
#include "course.h"
#include "shapes.h"

#define DRAWS 20000

static const char text[] =
    "model m version 1\ntime h\n[parameters]\nCL = 3 L/h (0.1, 50) lognormal sd 0.3\n"
    "F = 0.6 1 (0, 1) logitnormal sd 0.5\nE = 2 1 normal sd 1.5\nV = 30 L fixed\n"
    "[doses]\noral -> A mg fraction F\n[equations]\nd/dt(A) = -CL/V*A\nc = A/V + E*1 "
    "[mg/L]\n"
    "[observations]\nlevel : c ~ add(0.5 mg/L)\n";

/* Mean and covariance on the transformed scale, and pairs around the mode. */
static void draw__has_the_moments_of_the_fit(void **state)
{
    (void)state;
    struct course course;
    struct fit *fit;
    struct posterior *posterior;
    struct draws *draws;
    struct prior *prior;
    course_open_text(&course, text, "", "oral 100 mg @ 0 h");
    assert_ok(prior_from_model(course.model, &prior));
    assert_ok(fit_new(course.engine, course.twin, prior, &fit));
    /* As if something had been measured: correlated, of unlike sizes. */
    double v[9] = {0.04, 0.03, -0.1, 0.03, 0.09, 0.01, -0.1, 0.01, 1};
    memcpy(fit->covariance, v, sizeof v);
    posterior = posterior_new(course.engine, course.twin, prior, fit, 0);
    assert_ok(draws_new(course.model, &course.layout, prior, posterior, &draws));
    double mean[3] = {0}, square[9] = {0}, at[MODEL_PARAMETERS_MAX], phi[2][3];
    for (size_t i = 0; i < DRAWS; i++) {
        double *one = phi[i % 2];
        draws_at(draws, i, at);
        one[0] = log(at[0]) - log(3);
        one[1] = log(at[1] / (1 - at[1])) - log(1.5);
        one[2] = at[2] - 2;
        assert_true(at[3] == 30);
        for (size_t a = 0; a < 3; a++) {
            mean[a] += one[a] / DRAWS;
            for (size_t b = 0; b < 3; b++)
                square[a * 3 + b] += one[a] * one[b] / DRAWS;
            if (i % 2)
                assert_near(phi[0][a], -phi[1][a], 1e-12);
        }
    }
    for (size_t a = 0; a < 3; a++) {
        assert_near(mean[a], 0, 1e-12);
        for (size_t b = 0; b < 3; b++) /* four standard errors of DRAWS / 2 pairs */
            assert_near(square[a * 3 + b], v[a * 3 + b],
                        4 * sqrt((v[a * 4] * v[b * 4] + v[a * 3 + b] * v[a * 3 + b]) /
                                 (DRAWS / 2)));
    }
    draws_mode(draws, at);
    assert_near(at[0], 3, 1e-12);
    assert_near(at[1], 0.6, 1e-12);
    draws_destroy(&draws);
    posterior_destroy(&posterior);
    prior_destroy(&prior);
    course_close(&course);
}

/* Shares below quantiles of the normal distribution, in each direction. */
static void draw__is_normal(void **state)
{
    (void)state;
    static const double quantiles[] = {-1.6448536269514722, -0.6744897501960817, 0,
                                       0.6744897501960817, 1.6448536269514722};
    static const double shares[] = {0.05, 0.25, 0.5, 0.75, 0.95};
    struct course course;
    struct fit *fit;
    struct posterior *posterior;
    struct draws *draws;
    struct prior *prior;
    course_open_text(&course, text, "", "");
    assert_ok(prior_from_model(course.model, &prior));
    assert_ok(fit_new(course.engine, course.twin, prior, &fit));
    posterior = posterior_new(course.engine, course.twin, prior, fit, 0);
    assert_ok(draws_new(course.model, &course.layout, prior, posterior, &draws));
    for (size_t q = 0; q < 5; q++) {
        double below[2] = {0}, at[MODEL_PARAMETERS_MAX];
        for (size_t i = 0; i < DRAWS; i++) {
            draws_at(draws, i, at);
            below[0] += log(at[0] / 3) / 0.3 < quantiles[q];
            below[1] += (at[2] - 2) / 1.5 < quantiles[q];
        }
        for (size_t k = 0; k < 2; k++)
            assert_near(below[k] / DRAWS, shares[q], 4 * 0.5 / sqrt(DRAWS));
    }
    draws_destroy(&draws);
    posterior_destroy(&posterior);
    prior_destroy(&prior);
    course_close(&course);
}

/* Where it is not normal: the posterior's own, from the first again after the last. */
static void draw__is_of_a_posterior_that_is_not_normal(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    struct draws *draws;
    double at[MODEL_PARAMETERS_MAX];
    shape_open(&trial, &shapes[0]);
    assert_ok(prior_from_model(trial.model, &prior));
    struct posterior *posterior = shape_posterior(&trial, 50);
    assert_ok(draws_new(trial.model, &trial.layout, prior, posterior, &draws));
    for (size_t i = 0; i < 120; i++) {
        draws_at(draws, i, at);
        assert_near(at[0], posterior->phi[2 * (i % 50)], 1e-12);
        assert_near(at[1], posterior->phi[2 * (i % 50) + 1], 1e-12);
    }
    draws_mode(draws, at);
    assert_near(at[0], posterior->fit->phi[0], 1e-12);
    draws_destroy(&draws);
    posterior_destroy(&posterior);
    prior_destroy(&prior);
    trial_clear(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draw__has_the_moments_of_the_fit),
        cmocka_unit_test(draw__is_normal),
        cmocka_unit_test(draw__is_of_a_posterior_that_is_not_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
