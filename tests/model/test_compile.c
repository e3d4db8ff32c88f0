#include "hand.h"

static void compile__a_quantity_used_twice_is_one_register(void **unused)
{
    (void)unused;
    struct syntax *syntax = model->syntax;
    syntax->quantity_count = 1;
    syntax->quantities[0].expr = two(OP_DIVIDE, state(0), par(1));
    struct expr *c = name(SYMBOL_QUANTITY, 0);
    syntax->observations[0].expr = c;
    const struct program *p = compiled(one(OP_NEGATE, two(OP_MULTIPLY, c, c)));
    assert_int_equal(count_of(&p->rate, OP_MULTIPLY), 2); /* by 1/p, and the square */
    assert_int_equal(count_of(&p->individual, OP_DIVIDE), 1);
    assert_int_equal(p->observe.count, 1);
    assert_int_equal(p->observe.results[0], p->derive.results[0]);
}

/* Formulas that share parts have 2^300 ways through them and 300 registers. */
static void compile__is_not_caught_in_shared_formulas(void **unused)
{
    (void)unused;
    struct syntax *syntax = model->syntax;
    syntax->quantity_count = 300;
    syntax->quantities[0].expr = two(OP_MULTIPLY, now(), par(0));
    for (size_t i = 1; i < 300; i++) {
        struct expr *last = name(SYMBOL_QUANTITY, i - 1);
        syntax->quantities[i].expr = two(OP_ADD, last, two(OP_DIVIDE, last, par(1)));
        syntax->order[i] = i;
    }
    struct expr *far = two(OP_LESS, name(SYMBOL_QUANTITY, 299), num(1));
    const struct program *p = compiled(node(OP_SELECT, far, num(1), num(2)));
    assert_in_range(p->gap.count, 600, 602);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(compile__a_quantity_used_twice_is_one_register),
        TEST(compile__is_not_caught_in_shared_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
