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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(switching__finds_conditions_on_time),
        TEST(switching__leaves_other_conditions_alone),
        TEST(switching__has_derivatives_of_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
