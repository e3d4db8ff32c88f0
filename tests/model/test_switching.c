#include "hand.h"

static size_t switches(struct expr *condition)
{
    return compiled(node(OP_SELECT, condition, num(1), num(2)))->switching_count;
}

static void switching__finds_conditions_on_time(void **unused)
{
    (void)unused;
    struct expr *early = two(OP_LESS, now(), num(3));
    struct expr *late = two(OP_GREATER, two(OP_SUBTRACT, now(), par(0)), num(3));
    struct expr *same = two(OP_LESS_EQUAL, now(), num(3));
    struct expr *daily = two(OP_LESS, two(OP_MOD, now(), num(24)), num(8));
    assert_int_equal(switches(early), 1);
    assert_int_equal(switches(two(OP_AND, early, same)), 1);
    const struct program *p =
        compiled(two(OP_ADD, node(OP_SELECT, early, num(1), num(2)),
                     node(OP_SELECT, late, num(1), two(OP_MAX, now(), par(1)))));
    assert_int_equal(p->switching_count, 3);
    assert_int_equal(switches(daily), 2); /* mod's own turn, and 8 hours later */
    p = model->program;
    assert_true(p->switchings[0].periodic && p->switchings[1].periodic);
}

static void switching__leaves_other_conditions_alone(void **unused)
{
    (void)unused;
    assert_int_equal(switches(two(OP_LESS, two(OP_ADD, now(), state(0)), num(3))), 0);
    assert_int_equal(switches(two(OP_LESS, now(), covariate(1))), 0);
    assert_int_equal(switches(two(OP_LESS, two(OP_MULTIPLY, now(), now()), num(3))), 0);
}

/* if(2 t > p0 + 1, ...) along p0: the gap's offset moves by -1 or 1, its slope does not.
 */
static void switching__has_derivatives_of_when(void **unused)
{
    (void)unused;
    struct expr *late =
        two(OP_GREATER, two(OP_MULTIPLY, num(2), now()), two(OP_ADD, par(0), num(1)));
    assert_int_equal(switches(late), 1);
    const struct program *p = model->program;
    const struct switching *at = &p->switchings[0];
    double slope = p->image[at->slope], moved = p->image[at->d_offset[0]];
    assert_near(fabs(slope), 2, 0);
    assert_near(moved / slope, -0.5, 0);
    assert_near(p->image[at->d_slope[0]], 0, 0);
    assert_near(p->image[at->d_offset[1]], 0, 0);
}

static size_t modes(struct expr *rate)
{
    return compiled(rate)->mode_count;
}

static struct expr *choose(struct expr *condition, struct expr *then, struct expr *other)
{
    return node(OP_SELECT, condition, then, other);
}

/* Once for the same gap, whichever way it is asked about. */
static void switching__holds_what_makes_rates_jump(void **unused)
{
    (void)unused;
    struct expr *x = state(0), *y = state(1);
    struct expr *above = two(OP_GREATER, x, par(0));
    assert_int_equal(modes(choose(above, num(1), num(2))), 1);
    assert_int_equal(model->program->switching_count, 0);
    assert_int_equal(count_of(&model->program->rate, OP_LESS), 0);
    assert_int_equal(count_of(&model->program->derive, OP_LESS), 0);
    struct expr *not_above = two(OP_LESS_EQUAL, x, par(0));
    assert_int_equal(
        modes(two(OP_ADD, choose(above, num(1), num(2)), choose(not_above, y, num(0)))),
        1);
    assert_int_equal(modes(one(OP_FLOOR, x)), 1);
    assert_true(model->program->mode_counts[0]);
    assert_int_equal(modes(two(OP_MOD, x, par(1))), 1);
    assert_int_equal(modes(choose(two(OP_LESS, now(), covariate(2)), x, y)), 1);
    assert_int_equal(
        modes(choose(two(OP_LESS, two(OP_MULTIPLY, now(), now()), num(3)), x, y)), 1);
}

/* What changes only when something else does, and what is the same on both sides. */
static void switching__leaves_alone_what_cannot_jump(void **unused)
{
    (void)unused;
    struct expr *x = state(0), *y = state(1);
    struct expr *over = two(OP_SUBTRACT, x, par(0)), *above = two(OP_GREATER, x, par(0));
    assert_int_equal(modes(two(OP_MAX, x, y)), 0);
    assert_int_equal(modes(one(OP_ABS, x)), 0);
    assert_int_equal(modes(choose(two(OP_LESS, x, y), x, y)), 0);
    assert_int_equal(modes(choose(above, two(OP_MULTIPLY, par(1), over), num(0))), 0);
    assert_int_equal(modes(two(OP_DIVIDE, two(OP_SUBTRACT, y, x),
                               choose(two(OP_LESS, x, y), par(0), par(1)))),
                     0);
    assert_int_equal(modes(choose(two(OP_LESS, now(), par(0)), x, y)), 0);
    assert_int_equal(modes(choose(two(OP_LESS, covariate(1), par(0)), x, y)), 0);
    struct expr *staff =
        one(OP_FLOOR, choose(two(OP_LESS, now(), par(0)), num(2), par(1)));
    assert_int_equal(modes(choose(two(OP_LESS, num(1.5), staff), x, y)), 0);
    assert_int_equal(
        modes(two(OP_MULTIPLY, choose(two(OP_EQUAL, x, y), num(1), num(2)), num(3))), 0);
}

/* Of x > 0: x/x is 1 there and not 0, y/x*x is y; 1/x is not finite. */
static void switching__takes_no_quotient_by_nothing_for_nothing(void **unused)
{
    (void)unused;
    struct expr *x = state(0), *y = state(1), *above = two(OP_GREATER, x, num(0));
    struct expr *quotient = two(OP_DIVIDE, y, x);
    assert_int_equal(modes(choose(above, two(OP_DIVIDE, x, x), num(0))), 1);
    assert_int_equal(modes(choose(above, two(OP_MULTIPLY, quotient, x), num(0))), 1);
    assert_int_equal(modes(choose(above, quotient, num(0))), 1);
    assert_int_equal(modes(choose(above, two(OP_MULTIPLY, y, x), num(0))), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(switching__finds_conditions_on_time),
        TEST(switching__leaves_other_conditions_alone),
        TEST(switching__has_derivatives_of_when),
        TEST(switching__holds_what_makes_rates_jump),
        TEST(switching__leaves_alone_what_cannot_jump),
        TEST(switching__takes_no_quotient_by_nothing_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
