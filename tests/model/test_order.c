#include "hand.h"

/* Sixteen products of x and y in turn under exp, added up: three operations, each decided
 * upon once, but for the sums, which wait for each other and follow in one run all the
 * same. */
static void order__gathers_runs_of_one_operation(void **unused)
{
    (void)unused;
    struct expr *sum = num(0);
    for (size_t i = 0; i < 16; i++) {
        struct expr *product =
            two(OP_MULTIPLY, state(i % 2), two(OP_ADD, state(0), now()));
        sum = two(OP_ADD, sum, one(OP_EXP, two(OP_POWER, product, num(1.5 + (double)i))));
    }
    const struct program *p = compiled(sum);
    size_t runs = 0, covered = 0;
    for (size_t i = 0; i < p->rate.count; i += p->rate.instructions[i].run) {
        const struct instruction *first = &p->rate.instructions[i];
        for (size_t k = 0; k < first->run; k++)
            assert_int_equal(first[k].op, first->op);
        covered += first->run;
        runs++;
    }
    assert_int_equal(covered, p->rate.count);
    assert_int_equal(count_of(&p->rate, OP_EXP), 16);
    assert_in_range(runs, 4, 6); /* x + t, products, powers, exps, sums */
    check_stream(p, &p->rate);
    check_stream(p, &p->rate_slopes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(order__gathers_runs_of_one_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
