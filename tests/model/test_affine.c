#include "affine.h"

#include "ensemble.h"
#include "every_model.h"
#include "hand.h"

/* The rate of a state as this formula. */
static bool is_affine(struct expr *rate)
{
    const struct program *p = compiled(rate);
    bool values = rates_are_affine(p, &p->rate);
    assert_int_equal(rates_are_affine(p, &p->rate_slopes), values);
    return values;
}

static struct expr *times(struct expr *a, struct expr *b)
{
    return two(OP_MULTIPLY, a, b);
}

static void affine__is_sums_of_states_by_what_rests(void **unused)
{
    (void)unused;
    struct expr *clearance = two(OP_DIVIDE, par(0), par(1));
    struct expr *root = one(OP_SQRT, covariate(0));
    struct expr *heavy = two(OP_GREATER, covariate(0), num(70));
    assert_true(is_affine(num(3)));
    assert_true(is_affine(two(OP_SUBTRACT, par(0), times(clearance, state(0)))));
    assert_true(is_affine(times(times(state(1), root), num(2))));
    assert_true(is_affine(two(OP_DIVIDE, two(OP_ADD, state(0), state(1)), par(1))));
    assert_true(is_affine(node(OP_SELECT, heavy, state(0), par(1))));
    assert_true(is_affine(one(OP_NEGATE, state(1))));
    assert_true(is_affine(times(covariate(1), state(0)))); /* it jumps at stops */
}

static void affine__is_nothing_else(void **unused)
{
    (void)unused;
    assert_false(is_affine(times(state(0), state(1))));
    assert_false(is_affine(times(times(par(0), state(0)), state(0))));
    assert_false(is_affine(two(OP_DIVIDE, par(0), state(0))));
    assert_false(is_affine(two(OP_POWER, state(0), num(2))));
    assert_false(is_affine(one(OP_EXP, state(0))));
    assert_false(is_affine(two(OP_MAX, state(0), num(0))));
    assert_false(is_affine(times(now(), state(0))));
    assert_false(is_affine(now()));
    assert_false(is_affine(times(covariate(2), state(0)))); /* it moves */
}

/* Each side of a jump may be; but where a mode turns within a step nobody would see. */
static void affine__modes_are_for_others(void **unused)
{
    (void)unused;
    struct expr *much = two(OP_GREATER, state(0), num(1));
    assert_true(is_affine(times(state(0), par(0))));
    assert_true(ensemble_takes_series(model));
    assert_true(is_affine(node(OP_SELECT, much, par(0), par(1))));
    assert_false(ensemble_takes_series(model));
}

/* --- the library -------------------------------------------------------------------- */

static size_t found;

/* Rates halfway between two places are the mean of both's, whatever the time. */
static void affine_or_not(struct model *of)
{
    size_t states = model_states(of);
    double parameters[MODEL_PARAMETERS_MAX], covariates[MODEL_COVARIATES_MAX];
    double x[3][MODEL_STATES_MAX], rate[3][MODEL_STATES_MAX];
    if (!ensemble_takes_series(of))
        return;
    found++;
    struct evaluator *evaluator = evaluator_new(of, false);
    for (size_t i = 0; i < model_parameters(of); i++)
        parameters[i] = model_parameter(of, i)->typical;
    for (size_t i = 0; i < model_covariates(of); i++)
        covariates[i] = model_covariate(of, i)->has_default
                            ? model_covariate(of, i)->default_value
                            : 50;
    evaluator_individual(evaluator, parameters, covariates);
    for (size_t i = 0; i < states; i++) {
        x[0][i] = 3 + (double)i;
        x[1][i] = -40 + 7 * (double)(i * i);
        x[2][i] = (x[0][i] + x[1][i]) / 2;
    }
    for (size_t n = 0; n < 3; n++)
        evaluator_rate(evaluator, 11 * (double)n, x[n], rate[n]);
    for (size_t i = 0; i < states; i++)
        assert_near(rate[2][i], (rate[0][i] + rate[1][i]) / 2,
                    1e-13 * (fabs(rate[0][i]) + fabs(rate[1][i])));
    evaluator_destroy(&evaluator);
}

static void affine__what_the_library_has_of_it_is(void **unused)
{
    (void)unused;
    every_model("models/*/*.twin", affine_or_not);
    assert_int_equal(found, 15); /* docs/performance.md says so */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(affine__is_sums_of_states_by_what_rests),
        TEST(affine__is_nothing_else),
        TEST(affine__modes_are_for_others),
        cmocka_unit_test(affine__what_the_library_has_of_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
