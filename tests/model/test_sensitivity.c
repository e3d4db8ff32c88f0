#include "hand.h"

static bool has(const struct program *p, size_t row, size_t column)
{
    for (size_t i = 0; i < p->sensitivity_count; i++)
        if (p->sensitivity[i].row == row && p->sensitivity[i].column == column)
            return true;
    return false;
}

/* x' = -p0 x, y' = p1 x - p2 y: x feels p0 alone. */
static void sensitivity__keeps_only_those_that_can_be(void **unused)
{
    (void)unused;
    struct syntax *syntax = model->syntax;
    syntax->states[1].rate = two(OP_SUBTRACT, two(OP_MULTIPLY, par(1), state(0)),
                                 two(OP_MULTIPLY, par(2), state(1)));
    const struct program *p =
        compiled(one(OP_NEGATE, two(OP_MULTIPLY, par(0), state(0))));
    assert_int_equal(p->direction_count, 3);
    assert_int_equal(p->sensitivity_count, 4);
    assert_true(has(p, 0, 0) && has(p, 1, 0) && has(p, 1, 1) && has(p, 1, 2));
    assert_int_equal(p->jacobian_count, 3);
    assert_int_equal(p->rate_slopes.result_count, 6);
    /* An initial value that depends on p2 makes x feel it, and a steady state all. */
    syntax->states[0].init = par(2);
    assert_int_equal(compiled(syntax->states[0].rate)->sensitivity_count, 5);
    syntax->states[0].steady = true;
    assert_int_equal(compiled(syntax->states[0].rate)->sensitivity_count, 6);
}

/* A bioavailability reaches what is dosed and what that drives; a lag can reach all. */
static void sensitivity__knows_what_doses_do(void **unused)
{
    (void)unused;
    struct syntax *syntax = model->syntax;
    struct expr *away = one(OP_NEGATE, state(0));
    syntax->states[1].rate = one(OP_NEGATE, state(1));
    syntax->input_count = 1;
    assert_int_equal(compiled(away)->sensitivity_count, 0);
    syntax->inputs[0].fraction = par(1);
    const struct program *p = compiled(away);
    assert_int_equal(p->sensitivity_count, 1);
    assert_true(has(p, 0, 1));
    syntax->inputs[0].lag = par(2);
    p = compiled(away);
    assert_int_equal(p->sensitivity_count, 3);
    assert_true(has(p, 0, 2) && has(p, 1, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sensitivity__keeps_only_those_that_can_be),
        TEST(sensitivity__knows_what_doses_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
