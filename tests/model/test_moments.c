#include "moments_impl.h"

#include "scores.h"

static const char text[] =
    "model oral version 1 \"t\"\ntime h\n"
    "[parameters]\n"
    "ka = 1.5 1/h (0.01, 99) lognormal sd 0.6\n"
    "CL = 2.7 L/h (0.01, 99) lognormal sd 0.3\n"
    "V = 32 L (0.1, 999) estimated log\n"
    "[doses]\noral -> depot mg\n"
    "[equations]\nd/dt(depot) = -ka*depot\n"
    "d/dt(central) = ka*depot - CL/V*central\n"
    "Cp = central/V\n"
    "[observations]\nlevel : Cp ~ combined2(add 0.3 mg/L, prop 0.1)\n";

/* The scores are those of the Laplace likelihood: minus half the differences of -2 log L
 * by every number of the prior. */
static void moments__are_the_scores_of_the_likelihood(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    struct moments *moments;
    struct fit *fit;
    trial_model(&trial, text);
    trial_read(&trial, "theoph/data.csv", NULL);
    assert_ok(prior_from_model(trial.model, &prior));
    assert_ok(prior_factor(prior, NULL));
    const struct twin *twin = trial.twins[5];
    assert_ok(fit_new(trial.engine, twin, prior, &fit));
    assert_ok(fit_moments(trial.engine, twin, prior, fit, &moments));
    scores_agree(&trial, twin, prior, moments);
    moments_destroy(&moments);
    fit_destroy(&fit);
    prior_destroy(&prior);
    trial_clear(&trial);
}

static void moments__of_nothing_are_the_priors(void **state)
{
    (void)state;
    struct moments *moments = moments_nothing(2, 1, 3);
    for (size_t i = 0; i < 4; i++) {
        assert_near(moments->w[i], i % 3 == 0, 0);
        assert_near(moments->posterior[i], i % 3 == 0, 0);
    }
    assert_near(moments->z[1], 0, 0);
    assert_near(moments->population_information[0], 0, 0);
    moments_destroy(&moments);
    assert_null(moments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments__are_the_scores_of_the_likelihood),
        cmocka_unit_test(moments__of_nothing_are_the_priors),
    };
    return cmocka_run_group_tests_name("moments", tests, NULL, NULL);
}
