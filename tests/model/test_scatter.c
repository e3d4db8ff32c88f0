#include "scatter.h"

#include "shapes.h"

/* A shape, and places of it: most around somewhere near, some of the prior. */
struct scene {
    struct trial trial;
    struct prior *prior;
    struct places places;
    struct scatter *scatter;
};

#define PLACES ((size_t)6000)

static void scene_open(struct scene *scene, const struct shape *shape, uint64_t number)
{
    static const double centre[2] = {0.4, 0.2}, spread[4] = {0.6, 0.1, 0.1, 0.8},
                        prior[1] = {1}, both[2] = {0.2, 0.8};
    shape_open(&scene->trial, shape);
    assert_ok(prior_from_model(scene->trial.model, &scene->prior));
    places_init(&scene->places, scene->trial.engine, scene->trial.twins[0], scene->prior);
    scene->scatter = scatter_new(&scene->places, number);
    scatter_add(scene->scatter, prior, PLACES / 4);
    assert_ok(proposal_add(scene->scatter->proposal, centre, spread));
    scatter_add(scene->scatter, both, 3 * PLACES / 4);
    assert_int_equal(scene->scatter->count, PLACES);
    assert_int_equal(scene->scatter->drawn[0], PLACES * 4 / 10);
}

static void scene_close(struct scene *scene)
{
    scatter_destroy(&scene->scatter);
    places_clear(&scene->places);
    prior_destroy(&scene->prior);
    trial_clear(&scene->trial);
}

static const double at[] = {-1.5, -0.5, 0.3, 0.7, 1.3};

/* By weight, whatever part a place was drawn of: the integrals. */
static void scatter__weighs_as_the_integral_says(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        struct scene scene;
        scene_open(&scene, &shapes[s], 1000 * s);
        const struct scatter *scatter = scene.scatter;
        double sum = 0, squares = 0;
        assert_true(scatter_weigh(scene.scatter));
        for (size_t i = 0; i < scatter->count; i++) {
            sum += scatter->weights[i];
            squares += scatter->weights[i] * scatter->weights[i];
        }
        assert_near(sum, 1, 1e-12);
        for (size_t q = 0; q < 5; q++) {
            double a = 0, b = 0;
            for (size_t i = 0; i < scatter->count; i++) {
                a += scatter->weights[i] * (scatter->z[2 * i] + SHAPE_SHIFT < at[q]);
                b += scatter->weights[i] * (scatter->z[2 * i + 1] < at[q]);
            }
            double truly = shape_probability(&shapes[s], shape_a_below, at[q]);
            assert_near(a, truly, shape_error(truly, 1 / squares));
            truly = shape_probability(&shapes[s], shape_b_below, at[q]);
            assert_near(b, truly, shape_error(truly, 1 / squares));
        }
        scene_close(&scene);
    }
}

/* Of a line the posterior is normal, of precision 1 + 1/0.16 along (1, -0.5): itself it
 * has all in common with, and with one of the same shape, d standard deviations off,
 * twice what is beyond d/2. */
static void scatter__shares_with_a_normal_what_both_have(void **state)
{
    (void)state;
    struct scene scene;
    scene_open(&scene, &shapes[SHAPES_ODD], 0);
    double k = 1.25 + 0.16, centre[2] = {1 / k, -0.5 / k};
    const double spread[4] = {1 - 1 / k, 0.5 / k, 0.5 / k, 1 - 0.25 / k};
    double sd = sqrt(spread[0] - spread[1] * spread[1] / spread[3]);
    assert_true(scatter_weigh(scene.scatter));
    assert_near(scatter_shared(scene.scatter, centre, spread), 1, 1e-6);
    for (int d = 1; d <= 3; d++) {
        double off[2] = {centre[0] + d * sd, centre[1]};
        assert_near(scatter_shared(scene.scatter, off, spread), 2 * normal_cdf(-0.5 * d),
                    0.03);
    }
    scene_close(&scene);
}

/* How often each place is taken, by places that stand side by side. */
static double worth_by_hand(const double *z, size_t count)
{
    double squares = 0;
    for (size_t i = 0, times = 0; i < count; i++) {
        bool again = i > 0 && memcmp(z + 2 * i, z + 2 * i - 2, 2 * sizeof *z) == 0;
        times = again ? times + 1 : 1;
        if (i + 1 == count || memcmp(z + 2 * i, z + 2 * i + 2, 2 * sizeof *z) != 0)
            squares += (double)(times * times);
    }
    return (double)(count * count) / squares;
}

/* Shares of draws, beside the integral: of fewer than there are places, and of as many.
 */
static void scatter__draws_have_the_shape_of_the_posterior(void **state)
{
    (void)state;
    double *z = mem_new(2 * PLACES, sizeof *z);
    for (size_t s = 0; s < 2 * SHAPES; s++) {
        const struct shape *shape = &shapes[s / 2];
        size_t count = s % 2 ? PLACES : PLACES / 10;
        struct scene scene;
        scene_open(&scene, shape, 1000 * s);
        assert_true(scatter_weigh(scene.scatter));
        double worth = scatter_draw(scene.scatter, count, z);
        assert_near(worth, worth_by_hand(z, count), 1e-9 * worth);
        for (size_t q = 0; q < 5; q++) {
            double a = 0;
            for (size_t i = 0; i < count; i++)
                a += (z[2 * i] + SHAPE_SHIFT < at[q]) / (double)count;
            double truly = shape_probability(shape, shape_a_below, at[q]);
            assert_near(a, truly, shape_error(truly, worth));
        }
        scene_close(&scene);
    }
    mem_free(z);
}

static void scatter__says_where_nothing_is(void **state)
{
    (void)state;
    static const struct shape nowhere = {"a/(b - b)", NULL, 1, 1};
    struct scene scene;
    scene_open(&scene, &nowhere, 0);
    assert_false(scatter_weigh(scene.scatter));
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scatter__weighs_as_the_integral_says),
        cmocka_unit_test(scatter__shares_with_a_normal_what_both_have),
        cmocka_unit_test(scatter__draws_have_the_shape_of_the_posterior),
        cmocka_unit_test(scatter__says_where_nothing_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
