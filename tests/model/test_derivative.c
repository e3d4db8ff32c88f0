#include "dag.h"
#include "hand.h"
#include "language.h"
#include "oracle.h"

/* --- every operation ---------------------------------------------------------------- */

/* What d/dt(x) = formula of p0, x, y has for a Jacobian and for a rate along p0. */
struct slopes {
    double by_x, by_y, by_p0;
};

static struct slopes slopes_of(struct expr *formula, double p0, double x, double y)
{
    struct slopes out = {0};
    const struct program *p = compiled(formula);
    struct evaluator *evaluator = evaluator_new(model, true);
    double parameters[4] = {p0, 1.1234567, 0.7765432, 1.3712345}, covariates[3] = {0},
           at[2] = {x, y};
    double dfdx[4], dxdt[2], s[6] = {0}, dsdt[6];
    assert_int_equal(p->direction_count, 3);
    evaluator_individual(evaluator, parameters, covariates);
    evaluator_jacobian(evaluator, 0, at, dfdx);
    evaluator_rate_directions(evaluator, 0, at, s, dxdt, dsdt);
    evaluator_destroy(&evaluator);
    out.by_x = dfdx[0];
    out.by_y = dfdx[1];
    out.by_p0 = dsdt[0];
    return out;
}

static void check(struct expr *formula, double p0, double x, double y)
{
    struct oracle oracle = {.model = model,
                            .parameters = {p0, 1.1234567, 0.7765432, 1.3712345},
                            .states = {x, y}};
    struct slopes got = slopes_of(formula, p0, x, y);
    double by_x = (double)oracle_slope(&oracle, formula, &oracle.states[0]);
    double by_y = (double)oracle_slope(&oracle, formula, &oracle.states[1]);
    double by_p0 = (double)oracle_slope(&oracle, formula, &oracle.parameters[0]);
    assert_near(got.by_x, by_x, 1e-10 * (1 + fabs(by_x)));
    assert_near(got.by_y, by_y, 1e-10 * (1 + fabs(by_y)));
    assert_near(got.by_p0, by_p0, 1e-10 * (1 + fabs(by_p0)));
}

static void derivative__of_every_operation(void **unused)
{
    (void)unused;
    for (double x = 0.17; x < 0.9; x += 0.2) {
        struct expr *inside = two(OP_MULTIPLY, par(0), state(0));
        for (enum op op = OP_NEGATE; op < OP_NOT; op++)
            check(one(op, inside), 0.9, x, 0.4);
        for (enum op op = OP_ADD; op <= OP_MOD; op++) {
            check(two(op, inside, state(1)), 0.9, x, 0.4);
            check(two(op, state(1), inside), 0.9, x, 0.4);
            check(two(op, par(0), state(0)), 0.9, x, 0.4);
            check(two(op, state(0), par(0)), 0.9, x, 0.4);
        }
        struct expr *less = two(OP_LESS, state(0), state(1));
        check(node(OP_SELECT, less, inside, one(OP_EXP, inside)), 0.9, x, 0.4);
        check(two(OP_MIN, inside, state(1)), 0.9, x, 0.4);
        check(two(OP_MAX, inside, state(1)), 0.9, x, 0.4);
        check(two(OP_MULTIPLY, less, inside), 0.9, x, 0.4);
    }
}

/* --- edges ----------------------------------------------------------------------------
 */

static void derivative__edges_have_the_slopes_they_should(void **unused)
{
    (void)unused;
    struct expr *power = two(OP_POWER, state(0), par(0));
    assert_near(slopes_of(power, 1, 0, 0).by_x, 1, 0);
    assert_near(slopes_of(power, 1.5, 0, 0).by_x, 0, 0);
    assert_near(slopes_of(power, 0.5, 0, 0).by_x, 0, 0); /* infinite: not usable */
    assert_near(slopes_of(power, 1.5, 0, 0).by_p0, 0, 0);
    assert_near(slopes_of(power, 0, 0, 0).by_x, 0, 0);
    assert_near(slopes_of(one(OP_ABS, state(0)), 1, 0, 0).by_x, 0, 0);
    assert_near(slopes_of(one(OP_ABS, state(0)), 1, -2, 0).by_x, -1, 0);
    /* A choice has the slope of the branch it takes, whatever the other is. */
    struct expr *root = one(OP_SQRT, state(0));
    struct expr *guarded =
        node(OP_SELECT, two(OP_GREATER, state(0), num(0)), root, state(0));
    assert_near(slopes_of(guarded, 1, -1, 0).by_x, 1, 0);
    assert_near(slopes_of(guarded, 1, 4, 0).by_x, 0.25, 0);
    assert_near(slopes_of(guarded, 1, 0, 0).by_x, 1, 0);
}

/* x' = sqrt(x) from x = 0: the slope is infinite, the sensitivity 0, and so is the rate
 * of the sensitivity. */
static void derivative__steep_slopes_along_nothing_are_nothing(void **unused)
{
    (void)unused;
    struct expr *rate =
        two(OP_ADD, one(OP_SQRT, state(0)), two(OP_MULTIPLY, par(0), state(0)));
    compiled(rate);
    struct evaluator *evaluator = evaluator_new(model, true);
    double parameters[4] = {1, 1, 1, 1}, covariates[3] = {0}, x[2] = {0, 0}, dxdt[2];
    double s[6] = {0}, dsdt[6];
    evaluator_individual(evaluator, parameters, covariates);
    assert_int_equal(evaluator_rate_directions(evaluator, 0, x, s, dxdt, dsdt), 0);
    assert_near(dsdt[0], 0, 0);
    s[0] = 1; /* along something it has no finite rate, and says so */
    assert_int_equal(evaluator_rate_directions(evaluator, 0, x, s, dxdt, dsdt), 1);
    evaluator_destroy(&evaluator);
}

/* --- transforms ------------------------------------------------------------------------
 */

/* Rates along a transformed parameter are differences of rates at phi + h and phi - h. */
static void derivative__is_by_the_transformed_parameter(void **unused)
{
    (void)unused;
    struct model *oral;
    assert_ok(model_parse(oral_text, strlen(oral_text), "oral", &oral));
    size_t d = model_directions(oral), n = model_states(oral);
    double parameters[MODEL_PARAMETERS_MAX], covariates[1] = {80}, slopes[1] = {0};
    double fraction, along[3][MODEL_PARAMETERS_MAX];
    struct input_modifiers up, down, at;
    struct evaluator *evaluator = evaluator_new(oral, true);
    assert_int_equal(d, 5);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < model_parameters(oral); i++)
        parameters[i] = model_parameter(oral, i)->typical;
    evaluator_individual(evaluator, parameters, covariates);
    evaluator_covariates(evaluator, 0, covariates, slopes);
    evaluator_input(evaluator, 0, &at, along[0], along[1], along[2]);
    for (size_t k = 0; k < d; k++) {
        size_t i = model_direction(oral, k);
        const struct model_parameter *one_of = model_parameter(oral, i);
        double phi = transform_forward(one_of, parameters[i]), h = 1e-5;
        fraction = parameters[i];
        parameters[i] = transform_back(one_of, phi + h);
        evaluator_individual(evaluator, parameters, covariates);
        evaluator_input(evaluator, 0, &up, NULL, NULL, NULL);
        parameters[i] = transform_back(one_of, phi - h);
        evaluator_individual(evaluator, parameters, covariates);
        evaluator_input(evaluator, 0, &down, NULL, NULL, NULL);
        parameters[i] = fraction;
        assert_near(along[0][k], (up.fraction - down.fraction) / (2 * h), 1e-9);
        assert_near(along[1][k], (up.lag - down.lag) / (2 * h), 1e-9);
    }
    evaluator_destroy(&evaluator);
    model_destroy(&oral);
}

/* --- random formulas -------------------------------------------------------------------
 */

static uint64_t state_of_chance = 88172645463325252u;

static uint64_t chance(uint64_t below)
{
    state_of_chance ^= state_of_chance << 13;
    state_of_chance ^= state_of_chance >> 7;
    state_of_chance ^= state_of_chance << 17;
    return state_of_chance % below;
}

/* Operations of bounded value and slope, so that differences can judge. */
static struct expr *random_formula(size_t depth)
{
    static const enum op smooth[] = {OP_TANH, OP_SIN, OP_COS, OP_EXPIT, OP_NEGATE};
    static const enum op pairs[] = {OP_ADD, OP_SUBTRACT, OP_MULTIPLY, OP_MIN, OP_MAX};
    if (depth == 0 || chance(8) == 0) {
        switch (chance(5)) {
        case 0:
            return num((double)chance(400) / 100 - 2);
        case 1:
            return par(chance(4));
        case 2:
            return covariate(0);
        default:
            return state(chance(2));
        }
    }
    switch (chance(6)) {
    case 0:
        return one(smooth[chance(5)], random_formula(depth - 1));
    case 1: /* a quotient by 1.5 + sin^2, and a power of 2 + cos */
        return two(OP_DIVIDE, random_formula(depth - 1),
                   two(OP_ADD, num(1.5),
                       two(OP_POWER, one(OP_SIN, random_formula(depth - 1)), num(2))));
    case 2:
        return two(OP_POWER, two(OP_ADD, num(2), one(OP_COS, random_formula(depth - 1))),
                   one(OP_TANH, random_formula(depth - 1)));
    case 3:
        return node(OP_SELECT,
                    two(OP_LESS, random_formula(depth - 1), random_formula(depth - 1)),
                    random_formula(depth - 1), random_formula(depth - 1));
    default:
        return two(pairs[chance(5)], random_formula(depth - 1),
                   random_formula(depth - 1));
    }
}

/* Whether a formula has an edge so near that differences step over it: then a smaller
 * step says something else. */
static bool near_an_edge(const struct oracle *oracle, const struct expr *formula)
{
    const long double *places[] = {&oracle->states[0], &oracle->states[1],
                                   &oracle->parameters[0]};
    bool near = false;
    for (size_t i = 0; i < 3; i++) {
        struct oracle up = *oracle, down = *oracle;
        size_t offset = (size_t)((const char *)places[i] - (const char *)oracle);
        *(long double *)((char *)&up + offset) += 1e-7L;
        *(long double *)((char *)&down + offset) -= 1e-7L;
        long double fine =
            (oracle_value(&up, formula) - oracle_value(&down, formula)) / 2e-7L;
        long double coarse = oracle_slope(oracle, formula, places[i]);
        near |= !(fabsl(fine - coarse) < 1e-6L * (1 + fabsl(fine)));
    }
    return near;
}

static void derivative__of_random_formulas(void **unused)
{
    (void)unused;
    size_t judged = 0;
    for (size_t round = 0; round < 3000; round++) {
        if (round % 10 == 0) {
            arena_destroy(&pool);
            pool = arena_new((size_t)1 << 23);
            model->syntax->states[1].rate = num(0);
            model->syntax->observations[0].expr = num(0);
        }
        struct expr *formula = random_formula(6);
        double p0 = 0.5 + (double)chance(100) / 73,
               x = ((double)chance(100) + 0.371) / 83;
        double y = ((double)chance(100) + 0.713) / 79;
        struct oracle oracle = {.model = model,
                                .parameters = {p0, 1.1234567, 0.7765432, 1.3712345},
                                .states = {x, y}};
        if (near_an_edge(&oracle, formula))
            continue;
        check(formula, p0, x, y);
        judged++;
    }
    assert_in_range(judged, 2900, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(derivative__of_every_operation),
        TEST(derivative__edges_have_the_slopes_they_should),
        TEST(derivative__steep_slopes_along_nothing_are_nothing),
        TEST(derivative__is_by_the_transformed_parameter),
        TEST(derivative__of_random_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
