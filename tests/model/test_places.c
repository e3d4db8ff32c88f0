#include "places.h"

#include "shapes.h"

/* O in closed form, at many places at once; nothing where the model is nothing. */
static void places__have_the_objective(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        struct trial trial;
        struct prior *prior;
        struct places places;
        double z[2 * 30], objectives[30];
        shape_open(&trial, &shapes[s]);
        assert_ok(prior_from_model(trial.model, &prior));
        places_init(&places, trial.engine, trial.twins[0], prior);
        for (size_t i = 0; i < 60; i++)
            z[i] = 0.1 * (double)(i * 7 % 31) - 1.5;
        z[58] = INFINITY;
        places_look(&places, z, 30, objectives);
        for (size_t i = 0; i < 29; i++) {
            double a = z[2 * i] + SHAPE_SHIFT, b = z[2 * i + 1], sd = shapes[s].sd;
            double e = (shapes[s].value - shapes[s].of(a, b)) / sd;
            assert_near(objectives[i],
                        e * e + log(2 * M_PI * sd * sd) + z[2 * i] * z[2 * i] + b * b,
                        1e-9 * (1 + e * e));
        }
        assert_true(isinf(objectives[29]) && objectives[29] > 0);
        places_clear(&places);
        prior_destroy(&prior);
        trial_clear(&trial);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(places__have_the_objective)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
