#include "check.h"

#include "base/memory.h"
#include "factor.h"
#include "numerics/linalg.h"

/* Two blocks, {0, 2} and {1}, a residual on top. */
static struct prior_layout layout_blocks(void)
{
    struct prior_layout layout = {.p = 3, .k = 1, .m = 1};
    for (size_t a = 0; a < 3; a++)
        layout.effect[a][0] = layout.correlated[a][a] = true;
    layout.correlated[0][2] = layout.correlated[2][0] = true;
    return layout;
}

struct turned {
    struct prior_layout layout;
    struct prior *prior;
    struct space space;
    struct factor factor;
};

static void begin(struct turned *turned)
{
    turned->layout = layout_blocks();
    turned->prior = prior_new(&turned->layout);
    static const double omega[] = {4, 0, 2.9, 0, 0.25, 0, 2.9, 0, 2.2};
    memcpy(turned->prior->omega, omega, sizeof omega);
    space_init(&turned->space, &turned->layout);
    assert_int_equal(turned->space.count, 3 + 4 + 1);
    assert_ok(factor_init(&turned->factor, &turned->space, turned->prior));
}

static void end(struct turned *turned)
{
    factor_clear(&turned->factor);
    space_clear(&turned->space);
    prior_destroy(&turned->prior);
}

/* Whatever the step of the factor: a covariance, with the zeros where they were; what is
 * not of the covariance is not touched. */
static void factor__comes_back_as_a_covariance(void **state)
{
    (void)state;
    struct turned turned;
    begin(&turned);
    for (double size = -3; size <= 3; size += 0.5) {
        double step[] = {1, 2, 3, size, -size, 2 * size, size - 1, 0.5};
        factor_return(&turned.factor, step);
        assert_near(step[2], 3, 0);
        assert_near(step[7], 0.5, 0);
        double a = 4 + step[3], b = 0.25 + step[4], c = 2.9 + step[5], d = 2.2 + step[6];
        assert_true(a >= 0 && b >= 0 && d >= 0);
        assert_true(a * d - c * c >= -1e-12 * a * d);
    }
    end(&turned);
}

/* The turned score is the derivative of a linear likelihood by the factor's entries; the
 * turned information is that of its quadratic part, and what E E' costs besides. */
static void factor__turns_score_and_information(void **state)
{
    (void)state;
    struct turned turned;
    begin(&turned);
    enum { N = 8 };
    double score[N] = {0.3, -1, 2, -5, 0.7, 1.5, -2.5, 4}, information[N * N] = {0};
    double to_score[N], to_information[N * N], h = 1e-4;
    for (size_t i = 0; i < N; i++)
        information[i * (N + 1)] = 1 + (double)i;
    assert_ok(factor_turn(&turned.factor, score, information, to_score, to_information));
    for (size_t i = 0; i < N; i++) {
        double value[2];
        for (int side = 0; side < 2; side++) {
            double step[N] = {0};
            step[i] = side ? h : -h;
            factor_return(&turned.factor, step);
            value[side] = 0;
            for (size_t e = 0; e < N; e++)
                value[side] += score[e] * step[e];
        }
        assert_near(to_score[i], (value[1] - value[0]) / (2 * h), 1e-6);
    }
    /* Of the second block, a variance alone: d omega = 2 c dE + dE^2, c = 0.5; the score
     * 0.7 is for it, so that nothing is added. Of the first, G has negative parts. */
    assert_relative(to_information[4 * (N + 1)], 5 * 4 * 0.25, 1e-12);
    double first = 0;
    for (size_t e = 3; e < 7; e++)
        first += turned.factor.change[e * N + 3] * turned.factor.change[e * N + 3] *
                 information[e * (N + 1)];
    assert_true(to_information[3 * (N + 1)] > first + 2 * 2.5);
    end(&turned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factor__comes_back_as_a_covariance),
        cmocka_unit_test(factor__turns_score_and_information),
    };
    return cmocka_run_group_tests_name("factor", tests, NULL, NULL);
}
