#include "model/posterior.h"

#include "shapes.h"

#define DRAWS ((size_t)2000)

/* One of two modes is found by the fit, the other from draws of the prior. */
static void posterior__finds_what_is_not_normal(void **state)
{
    (void)state;
    static const double at[] = {-1.5, -0.5, 0.3, 0.7, 1.3};
    for (size_t s = 0; s < SHAPES_ODD; s++) {
        struct trial trial;
        shape_open(&trial, &shapes[s]);
        struct posterior *posterior = shape_posterior(&trial, DRAWS);
        assert_false(posterior->normal);
        assert_true(posterior->shared < 0.8 && posterior->shared > 0);
        assert_int_equal(posterior->count, DRAWS);
        assert_true(posterior->effective > 0.8 * (double)DRAWS);
        if (s == 0)
            assert_int_equal(posterior->modes, 2);
        for (size_t q = 0; q < 5; q++) {
            double truly = shape_probability(&shapes[s], shape_a_below, at[q]);
            assert_near(posterior_below(posterior, 0, at[q]), truly,
                        1.5 * shape_error(truly, posterior->effective));
            truly = shape_probability(&shapes[s], shape_b_below, at[q]);
            assert_near(posterior_below(posterior, 1, at[q]), truly,
                        1.5 * shape_error(truly, posterior->effective));
        }
        posterior_destroy(&posterior);
        trial_clear(&trial);
    }
}

/* Precision 1 + 1/0.16 along (1, -0.5): all of it in closed form. */
static void posterior__of_a_line_is_normal(void **state)
{
    (void)state;
    struct trial trial;
    shape_open(&trial, &shapes[SHAPES_ODD]);
    struct posterior *posterior = shape_posterior(&trial, DRAWS);
    assert_true(posterior->normal);
    assert_near(posterior->shared, 1, 1e-6);
    assert_int_equal(posterior->modes, 1);
    assert_int_equal(posterior->count, 0);
    double k = 1.25 + 0.16, mean = 0.2 + (1.2 - 0.2) / k, sd = sqrt(1 - 1 / k);
    assert_near(posterior_below(posterior, 0, mean), 0.5, 1e-8);
    assert_near(posterior_below(posterior, 0, mean + sd), normal_cdf(1), 1e-8);
    posterior_destroy(&posterior);
    trial_clear(&trial);
}

/* `shared` beside the integral of the lesser of both densities, for a fit that is at the
 * larger of two modes. */
static double laplace_centre[2], laplace_precision[3];
static double normal_density(double a, double b, double x)
{
    (void)x;
    double u = a - laplace_centre[0], v = b - laplace_centre[1];
    const double *k = laplace_precision;
    return exp(-0.5 * (k[0] * u * u + 2 * k[1] * u * v + k[2] * v * v)) *
           sqrt(k[0] * k[2] - k[1] * k[1]) / (2 * M_PI);
}

static void posterior__shares_as_much_as_the_integral_says(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        struct trial trial;
        shape_open(&trial, &shapes[s]);
        struct posterior *posterior = shape_posterior(&trial, 20);
        const double *v = posterior->fit->covariance;
        double det = v[0] * v[3] - v[1] * v[1], all = 0, lesser = 0, h = 0.01;
        memcpy(laplace_centre, posterior->fit->phi, sizeof laplace_centre);
        laplace_precision[0] = v[3] / det;
        laplace_precision[1] = -v[1] / det;
        laplace_precision[2] = v[0] / det;
        for (int pass = 0; pass < 2; pass++)
            for (int i = -600; i < 600; i++)
                for (int j = -600; j < 600; j++) {
                    double a = h * (i + 0.5), b = h * (j + 0.5), c = a - SHAPE_SHIFT;
                    double e = (shapes[s].value - shapes[s].of(a, b)) / shapes[s].sd;
                    double own = exp(-0.5 * (e * e + c * c + b * b)) * h * h;
                    if (pass)
                        lesser += fmin(own / all, normal_density(a, b, 0) * h * h);
                    else
                        all += own;
                }
        assert_near(posterior->shared, lesser, 0.15); /* of 192 places */
        posterior_destroy(&posterior);
        trial_clear(&trial);
    }
}

/* The same bits whoever else was asked about before, and other draws for other readings.
 */
static void posterior__depends_on_the_record_alone(void **state)
{
    (void)state;
    struct trial trial, other;
    struct shape shape = shapes[0];
    shape_open(&trial, &shapes[0]);
    shape.value = 2.6;
    shape_open(&other, &shape);
    struct posterior *first = shape_posterior(&trial, 100),
                     *beside = shape_posterior(&other, 100),
                     *again = shape_posterior(&trial, 100);
    assert_memory_equal(first->phi, again->phi, 200 * sizeof *first->phi);
    assert_true(first->shared == again->shared);
    assert_true(first->phi[0] != beside->phi[0]);
    posterior_destroy(&first);
    posterior_destroy(&again);
    posterior_destroy(&beside);
    trial_clear(&trial);
    trial_clear(&other);
}

/* Bent a little: what a normal distribution has nine tenths in common with, and is yet
 * off by up to 0.09. */
static double slightly_bent(double a, double b)
{
    return exp(0.5 * a) + 0.2 * b;
}

static void posterior__nearly_normal_is_not_normal(void **state)
{
    (void)state;
    static const struct shape bent = {"exp(0.5*a) + 0.2*b", slightly_bent, 1.5, 0.3};
    struct trial trial;
    shape_open(&trial, &bent);
    struct posterior *posterior = shape_posterior(&trial, 2 * DRAWS),
                     *laplace = shape_posterior(&trial, 0);
    assert_near(posterior->shared, 0.93, 0.03);
    assert_false(posterior->normal);
    assert_int_equal(posterior->count, 2 * DRAWS); /* by weight, no two the same */
    assert_true(posterior->effective > 0.95 * (double)posterior->count);
    for (double at = 0; at <= 1; at += 0.25) {
        double truly = shape_probability(&bent, shape_a_below, at);
        double error = shape_error(truly, posterior->effective);
        assert_near(posterior_below(posterior, 0, at), truly, error);
        assert_true(truly - posterior_below(laplace, 0, at) > 1.5 * error);
        assert_near(
            posterior_below(posterior, 0, posterior_quantile(posterior, 0, truly)), truly,
            1e-3);
        assert_near(posterior_below(laplace, 0, posterior_quantile(laplace, 0, truly)),
                    truly, 1e-9);
    }
    posterior_destroy(&posterior);
    posterior_destroy(&laplace);
    trial_clear(&trial);
}

/* Narrow and bent, so that few places have all the weight: draws are not those. */
static void posterior__is_tempered_where_few_places_count(void **state)
{
    (void)state;
    static const struct shape narrow = {"a*a + b", shape_two_modes, 2.5, 0.03};
    struct trial trial;
    shape_open(&trial, &narrow);
    struct posterior *posterior = shape_posterior(&trial, 400);
    size_t twice = 0;
    for (size_t i = 1; i < posterior->count; i++)
        twice += posterior->phi[2 * i] == posterior->phi[2 * i - 2];
    assert_true(twice < 40);
    assert_near(posterior_below(posterior, 0, 0),
                shape_probability(&narrow, shape_a_below, 0),
                1.5 * shape_error(0.5, posterior->effective));
    posterior_destroy(&posterior);
    trial_clear(&trial);
}

/* Whatever it is, the normal distribution is all that is there unless draws are wanted.
 */
static void posterior__is_normal_unless_draws_are_wanted(void **state)
{
    (void)state;
    struct trial trial;
    shape_open(&trial, &shapes[0]);
    struct posterior *posterior = shape_posterior(&trial, 0);
    assert_true(posterior->normal);
    posterior_destroy(&posterior);
    trial_clear(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posterior__finds_what_is_not_normal),
        cmocka_unit_test(posterior__of_a_line_is_normal),
        cmocka_unit_test(posterior__shares_as_much_as_the_integral_says),
        cmocka_unit_test(posterior__depends_on_the_record_alone),
        cmocka_unit_test(posterior__nearly_normal_is_not_normal),
        cmocka_unit_test(posterior__is_tempered_where_few_places_count),
        cmocka_unit_test(posterior__is_normal_unless_draws_are_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
