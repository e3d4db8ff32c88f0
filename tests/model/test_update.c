#include "trial.h"

static const char text[] = "model oral version 1 \"t\"\ntime h\n"
                           "[parameters]\n"
                           "ka = 1.5 1/h (0.01, 99) lognormal sd 0.6 on WT\n"
                           "CL = 2.7 L/h (0.01, 99) lognormal sd 0.3\n"
                           "V = 32 L (0.1, 999) estimated log\n"
                           "[covariates]\nWT kg centre 70 scale 20\n"
                           "[doses]\noral -> depot mg\n"
                           "[equations]\nd/dt(depot) = -ka*depot\n"
                           "d/dt(central) = ka*depot - CL/V*central\nCp = central/V\n"
                           "[observations]\n"
                           "level : Cp ~ combined2(add 0.7 mg/L, prop 0.1)\n";

/* Whatever the records and the prior: no private vector is longer than the clipping norm.
 */
static void update__private_vectors_stay_within_the_norm(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, text);
    trial_read(&trial, "theoph/data.csv", NULL);
    struct statistic statistic;
    statistic_layout(&trial.layout, false, &statistic);
    double *vector = mem_new(statistic.dimension, sizeof *vector), longest = 0;
    for (int absurd = 0; absurd < 4; absurd++) {
        struct prior *prior;
        assert_ok(prior_from_model(trial.model, &prior));
        if (absurd == 1)
            prior->effects[0] += 3;
        if (absurd == 2)
            prior->residual[0] = prior->residual[1] = -6;
        if (absurd == 3) {
            for (size_t i = 0; i < 4; i++)
                prior->omega[i] *= 1e-3;
            assert_ok(prior_factor(prior, NULL));
        }
        for (size_t i = 0; i < trial.count; i++) {
            double square = 0;
            trial_vector(&trial, i, prior, &statistic, vector);
            for (size_t d = 0; d < statistic.dimension; d++)
                square += vector[d] * vector[d];
            assert_true(square <= 1 + 1e-12);
            longest = fmax(longest, square);
        }
        prior_destroy(&prior);
    }
    assert_true(longest > 0.3); /* and the room is used */
    mem_free(vector);
    trial_clear(&trial);
}

static void update__of_the_uninformed_counts_and_no_more(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, text);
    for (int exact = 0; exact < 2; exact++) {
        struct statistic s;
        statistic_layout(&trial.layout, exact, &s);
        double *vector = mem_new(s.dimension, sizeof *vector), x[] = {1, 0.5};
        update_uninformed(&s, x, vector);
        double count = vector[s.offset[STATISTIC_COUNT]] / s.factor[STATISTIC_COUNT];
        assert_relative(count, 1.0, 1e-12);
        for (size_t i = 0; i < s.size[STATISTIC_EFFECT_SCORE]; i++)
            assert_near(vector[s.offset[STATISTIC_EFFECT_SCORE] + i], 0, 0);
        if (exact)
            assert_near(vector[s.offset[STATISTIC_LIKELIHOOD] + 2], 1, 0);
        mem_free(vector);
    }
    trial_clear(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update__private_vectors_stay_within_the_norm),
        cmocka_unit_test(update__of_the_uninformed_counts_and_no_more),
    };
    return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
