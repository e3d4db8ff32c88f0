#include "dag.h"

#include "hand.h"

static double constant(const struct program *program)
{
    assert_int_equal(program->rate.count, 0);
    assert_true(program->rate.results[0] < program->constant_count);
    return program->image[program->rate.results[0]];
}

/* (k x + k x) * exp(x k): one product, whatever the order of the factors. */
static void dag__computes_shared_parts_once(void **unused)
{
    (void)unused;
    struct expr *kx = two(OP_MULTIPLY, par(0), state(0));
    struct expr *again = two(OP_MULTIPLY, par(0), state(0));
    struct expr *turned = two(OP_MULTIPLY, state(0), par(0));
    const struct program *p =
        compiled(two(OP_MULTIPLY, two(OP_ADD, kx, again), one(OP_EXP, turned)));
    assert_int_equal(count_of(&p->rate, OP_MULTIPLY), 2);
    /* -k x and k x share the product as well. */
    struct expr *loss = two(OP_MULTIPLY, one(OP_NEGATE, par(0)), state(0));
    p = compiled(two(OP_ADD, loss, one(OP_EXP, kx)));
    assert_int_equal(count_of(&p->rate, OP_MULTIPLY), 1);
    assert_int_equal(count_of(&p->rate, OP_FNMA), 1);
    assert_int_equal(count_of(&p->rate, OP_NEGATE), 0);
}

static void dag__folds_constants_and_drops_what_does_nothing(void **unused)
{
    (void)unused;
    struct expr *x = state(0);
    assert_near(constant(compiled(one(OP_EXP, two(OP_DIVIDE, num(1), num(4))))),
                exp(0.25), 0);
    assert_near(constant(compiled(two(OP_MULTIPLY, num(0), x))), 0, 0);
    assert_near(constant(compiled(two(OP_POWER, x, num(0)))), 1, 0);
    struct expr *same[] = {
        two(OP_ADD, x, num(0)),
        two(OP_SUBTRACT, x, num(0)),
        two(OP_MULTIPLY, num(1), x),
        two(OP_DIVIDE, x, num(1)),
        two(OP_POWER, x, num(1)),
        one(OP_NEGATE, one(OP_NEGATE, x)),
        two(OP_MIN, x, x),
        node(OP_SELECT, num(1), x, num(7)),
        node(OP_SELECT, two(OP_LESS, now(), num(3)), x, x),
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        const struct program *p = compiled(same[i]);
        assert_int_equal(p->rate.count, 0);
        assert_int_equal(p->rate.results[0], p->states);
    }
    assert_int_equal(count_of(&compiled(two(OP_POWER, x, num(0.5)))->rate, OP_SQRT), 1);
    /* An inserted factor joins a factor that is there. */
    x->factor = 1000;
    assert_int_equal(compiled(two(OP_MULTIPLY, num(0.001), x))->rate.count, 0);
}

/* x^n by its binary digits: as many products as it takes, no power. */
static void dag__makes_products_of_small_whole_powers(void **unused)
{
    (void)unused;
    static const size_t products[] = {0, 0, 1, 2, 2, 3, 3, 4, 3};
    for (int n = -8; n <= 8; n++) {
        const struct program *p = compiled(two(OP_POWER, state(0), num(n)));
        assert_int_equal(count_of(&p->rate, OP_POWER), 0);
        assert_int_equal(count_of(&p->rate, OP_MULTIPLY), products[abs(n)]);
        assert_int_equal(count_of(&p->rate, OP_DIVIDE), n < 0);
    }
    assert_int_equal(count_of(&compiled(two(OP_POWER, state(0), num(9)))->rate, OP_POWER),
                     1);
}

/* 3 (p0 (x p1)) is one product with x: the rest is done once for an individual. */
static void dag__gathers_factors_that_rest(void **unused)
{
    (void)unused;
    struct expr *inner = two(OP_MULTIPLY, state(0), par(1));
    struct expr *all = two(OP_MULTIPLY, num(3), two(OP_MULTIPLY, par(0), inner));
    const struct program *p = compiled(all);
    assert_int_equal(p->rate.count, 1);
    assert_int_equal(count_of(&p->individual, OP_MULTIPLY), 2);
    /* p0 x - p1 x is (p0 - p1) x. */
    struct expr *first = two(OP_MULTIPLY, par(0), state(0));
    struct expr *second = two(OP_MULTIPLY, state(0), par(1));
    assert_int_equal(compiled(two(OP_SUBTRACT, first, second))->rate.count, 1);
    /* x/p0 is x (1/p0), and x/y + p0/y shares 1/y. */
    p = compiled(two(OP_DIVIDE, state(0), par(0)));
    assert_int_equal(count_of(&p->rate, OP_DIVIDE), 0);
    p = compiled(two(OP_ADD, two(OP_DIVIDE, state(0), state(1)),
                     two(OP_DIVIDE, par(0), state(1))));
    assert_int_equal(count_of(&p->rate, OP_DIVIDE), 1);
    /* But a quotient of time keeps its exact value: floor(72/24) is 3. */
    p = compiled(one(OP_FLOOR, two(OP_DIVIDE, now(), num(24))));
    assert_int_equal(count_of(&p->rate, OP_DIVIDE), 1);
}

/* With the product rounded on one side only, x x - y y at x = y would not be 0. */
static void dag__fuses_sums_but_no_difference_of_two_products(void **unused)
{
    (void)unused;
    struct expr *x = state(0), *y = state(1), *sine = one(OP_SIN, x);
    const struct program *p = compiled(two(OP_ADD, two(OP_MULTIPLY, x, y), sine));
    assert_int_equal(count_of(&p->rate, OP_FMA), 1);
    assert_int_equal(p->rate.count, 2);
    p = compiled(two(OP_SUBTRACT, two(OP_MULTIPLY, x, y), sine));
    assert_int_equal(count_of(&p->rate, OP_FMS), 1);
    p = compiled(two(OP_SUBTRACT, sine, two(OP_MULTIPLY, x, y)));
    assert_int_equal(count_of(&p->rate, OP_FNMA), 1);
    struct expr *squares =
        two(OP_SUBTRACT, two(OP_MULTIPLY, x, x), two(OP_MULTIPLY, y, y));
    p = compiled(two(OP_ADD, squares, two(OP_MULTIPLY, par(0), par(1))));
    assert_int_equal(count_of(&p->rate, OP_MULTIPLY), 2);
    assert_int_equal(count_of(&p->rate, OP_SUBTRACT), 1);
    /* What nobody wrote: S' = 2 x Sx - 2 y Sy + p0 p1. */
    assert_int_equal(count_of(&p->rate_slopes, OP_FMA) +
                             count_of(&p->rate_slopes, OP_FNMA) +
                             count_of(&p->rate_slopes, OP_FMS) >
                         0,
                     1);
    struct evaluator *evaluator = evaluator_new(model, false);
    double parameters[4] = {0, 0, 0, 0}, covariates[3] = {0}, dxdt[2];
    evaluator_individual(evaluator, parameters, covariates);
    assert_int_equal(evaluator_rate(evaluator, 0, (double[]){0.1, 0.1}, dxdt), 0);
    assert_true(dxdt[0] == 0);
    evaluator_destroy(&evaluator);
}

static void dag__stops_at_its_bound(void **unused)
{
    (void)unused;
    struct dag dag;
    dag_init(&dag, model);
    uint32_t at = dag_leaf(&dag, OP_STATE, 0, 0);
    while (!dag.full)
        at = dag_build1(&dag, OP_SIN, at);
    assert_int_equal(dag.count, NODES_MAX);
    assert_int_equal(at, NODE_ZERO);
    dag_clear(&dag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dag__computes_shared_parts_once),
        TEST(dag__folds_constants_and_drops_what_does_nothing),
        TEST(dag__makes_products_of_small_whole_powers),
        TEST(dag__gathers_factors_that_rest),
        TEST(dag__fuses_sums_but_no_difference_of_two_products),
        TEST(dag__stops_at_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
