/* Densities and draws of the mixture, beside tables and integrals. */

#include "proposal.h"

#include <math.h>

#include "base/memory.h"
#include "check.h"

#define DRAWS 40000

/* The prior, and one part around (1, -2), correlated. */
static struct proposal *two_parts(void)
{
    static const double centre[] = {1, -2}, spread[] = {0.09, 0.05, 0.05, 0.16};
    struct proposal *proposal = proposal_new(2);
    assert_ok(proposal_add(proposal, centre, spread));
    proposal->share[0] = 0.3;
    proposal->share[1] = 0.7;
    return proposal;
}

static void proposal__densities_integrate_to_one(void **state)
{
    (void)state;
    struct proposal *proposal = two_parts();
    double sum = 0, h = 0.04;
    for (int i = -500; i < 500; i++)
        for (int j = -500; j < 500; j++) {
            double z[2] = {h * (i + 0.5), h * (j + 0.5)};
            sum += exp(proposal_density(proposal, z)) * h * h;
        }
    assert_near(sum, 1, 1e-5); /* of the t, 1e-6 lies beyond */
    proposal_destroy(&proposal);
}

/* Shares below quantiles of Student's t with 8 degrees of freedom, along an axis, and the
 * covariance, 8/6 of the scale matrix. */
static void proposal__draws_are_of_their_part(void **state)
{
    (void)state;
    static const double quantiles[] = {-1.859548, -0.706387, 0, 0.706387, 2.306004};
    static const double shares[] = {0.05, 0.25, 0.5, 0.75, 0.975};
    struct proposal *proposal = two_parts();
    double below[5] = {0}, normal[5] = {0}, square[3] = {0};
    for (size_t i = 0; i < DRAWS; i++) {
        double z[2], prior[2];
        proposal_draw(proposal, 1, i, z);
        proposal_draw(proposal, 0, DRAWS + i, prior);
        for (size_t q = 0; q < 5; q++) {
            below[q] += (z[0] - 1) / 0.3 < quantiles[q];
            normal[q] += prior[1] < (double[]){-1.644854, -0.67449, 0, 0.67449, 1.959964}[q];
        }
        square[0] += (z[0] - 1) * (z[0] - 1) / DRAWS;
        square[1] += (z[0] - 1) * (z[1] + 2) / DRAWS;
        square[2] += (z[1] + 2) * (z[1] + 2) / DRAWS;
    }
    for (size_t q = 0; q < 5; q++) {
        double error = 4 * sqrt(shares[q] * (1 - shares[q]) / DRAWS);
        assert_near(below[q] / DRAWS, shares[q], error);
        assert_near(normal[q] / DRAWS, shares[q], error);
    }
    assert_relative(square[0], 0.09 * 8 / 6, 0.06);
    assert_relative(square[1], 0.05 * 8 / 6, 0.08);
    assert_relative(square[2], 0.16 * 8 / 6, 0.06);
    proposal_destroy(&proposal);
}

static void proposal__refuses_what_is_no_spread(void **state)
{
    (void)state;
    static const double centre[] = {0, 0}, none[] = {1, 2, 2, 1};
    struct proposal *proposal = proposal_new(2);
    assert_int_equal(proposal_add(proposal, centre, none), ERR_NUMERIC);
    assert_int_equal(proposal->count, 1);
    proposal_destroy(&proposal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proposal__densities_integrate_to_one),
        cmocka_unit_test(proposal__draws_are_of_their_part),
        cmocka_unit_test(proposal__refuses_what_is_no_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
