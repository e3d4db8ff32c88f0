#include "temper.h"

#include "shapes.h"

#define DRAWS ((size_t)4000)

static double tempered(struct trial *trial, uint64_t number, size_t count, double *z)
{
    struct prior *prior;
    struct places places;
    assert_ok(prior_from_model(trial->model, &prior));
    places_init(&places, trial->engine, trial->twins[0], prior);
    double effective = temper_draw(&places, number, count, z);
    places_clear(&places);
    prior_destroy(&prior);
    return effective;
}

/* Shares of draws below five places along each axis, beside the integral. */
static void temper__draws_have_the_shape_of_the_posterior(void **state)
{
    (void)state;
    static const double at[] = {-1.5, -0.5, 0.3, 0.7, 1.3};
    double *z = mem_new(2 * DRAWS, sizeof *z);
    for (size_t s = 0; s < SHAPES; s++) {
        struct trial trial;
        shape_open(&trial, &shapes[s]);
        double effective = tempered(&trial, 1000 * s, DRAWS, z);
        assert_true(effective > 0.8 * (double)DRAWS && effective <= (double)DRAWS);
        for (size_t q = 0; q < 5; q++) {
            double a = 0, b = 0;
            for (size_t i = 0; i < DRAWS; i++) {
                a += (z[2 * i] + SHAPE_SHIFT < at[q]) / (double)DRAWS;
                b += (z[2 * i + 1] < at[q]) / (double)DRAWS;
            }
            double truly = shape_probability(&shapes[s], shape_a_below, at[q]);
            assert_near(a, truly, 1.5 * shape_error(truly, effective));
            truly = shape_probability(&shapes[s], shape_b_below, at[q]);
            assert_near(b, truly, 1.5 * shape_error(truly, effective));
        }
        trial_clear(&trial);
    }
    mem_free(z);
}

/* Few draws, many times: their means scatter around the truth and are not off. */
static void temper__few_draws_are_not_off(void **state)
{
    (void)state;
    enum { TIMES = 100, FEW = 40 };
    double z[2 * FEW];
    for (size_t s = 0; s < SHAPES; s++) {
        struct trial trial;
        double share = 0;
        shape_open(&trial, &shapes[s]);
        for (uint64_t t = 0; t < TIMES; t++) {
            assert_true(tempered(&trial, t << 32, FEW, z) > 0);
            for (size_t i = 0; i < FEW; i++)
                share += (z[2 * i] + SHAPE_SHIFT < 0.3) / (double)(TIMES * FEW);
        }
        double truly = shape_probability(&shapes[s], shape_a_below, 0.3);
        assert_near(share, truly, 2 * shape_error(truly, TIMES * FEW));
        trial_clear(&trial);
    }
}

static void temper__says_where_nothing_is(void **state)
{
    (void)state;
    static const struct shape nowhere = {"a/(b - b)", NULL, 1, 1};
    struct trial trial;
    double z[2 * 16];
    shape_open(&trial, &nowhere);
    assert_true(tempered(&trial, 0, 16, z) == 0);
    trial_clear(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(temper__draws_have_the_shape_of_the_posterior),
        cmocka_unit_test(temper__few_draws_are_not_off),
        cmocka_unit_test(temper__says_where_nothing_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
