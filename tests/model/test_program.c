#include "hand.h"

static void program__a_quantity_used_twice_is_one_register(void **unused)
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

static void program__hoists_by_what_a_formula_depends_on(void **unused)
{
    (void)unused;
    /* exp(p0 * c0) * (c1 + p1) * (x + t + c2) */
    struct expr *fixed = one(OP_EXP, two(OP_MULTIPLY, par(0), covariate(0)));
    struct expr *stepping = two(OP_ADD, covariate(1), par(1));
    struct expr *moving = two(OP_ADD, two(OP_ADD, state(0), now()), covariate(2));
    const struct program *p =
        compiled(two(OP_MULTIPLY, two(OP_MULTIPLY, fixed, stepping), moving));
    assert_int_equal(count_of(&p->individual, OP_EXP), 1);
    assert_int_equal(p->individual.count, 2);
    assert_int_equal(count_of(&p->covariate, OP_ADD), 1);
    assert_int_equal(count_of(&p->covariate, OP_MULTIPLY), 1);
    assert_int_equal(p->covariate.count, 3); /* and 1 + drift, of the rate by time */
    /* t - since, times the drift onto the value, onto x + t, times the rest */
    assert_int_equal(p->rate.count, 5);
    assert_int_equal(p->init.count + p->observe.count + p->input.count, 0);
    /* Along p0 and p1 only factors that rest are new. */
    assert_int_equal(count_of(&p->rate_slopes, OP_EXP), 0);
    assert_true(p->individual_slopes.count + p->covariate_slopes.count > 0);
}

static bool has(const struct program *p, size_t row, size_t column)
{
    for (size_t i = 0; i < p->sensitivity_count; i++)
        if (p->sensitivity[i].row == row && p->sensitivity[i].column == column)
            return true;
    return false;
}

/* x' = -p0 x, y' = p1 x - p2 y: x feels p0 alone. */
static void program__keeps_only_sensitivities_that_can_be(void **unused)
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
static void program__knows_what_doses_do_to_sensitivities(void **unused)
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

/* Every register is written before it is read, and a stream's own registers are few. */
static void check_stream(const struct program *p, const struct stream *stream)
{
    bool *written = mem_new(p->registers, sizeof *written);
    for (size_t i = 0; i < p->rest; i++)
        written[i] = true;
    for (size_t i = 0; i < stream->count; i++) {
        const struct instruction *at = &stream->instructions[i];
        assert_true(written[at->a] && written[at->b] && written[at->c]);
        assert_in_range(at->to, p->rest, p->registers - 1);
        written[at->to] = true;
    }
    for (size_t i = 0; i < stream->result_count; i++)
        assert_true(written[stream->results[i]]);
    mem_free(written);
}

static void program__uses_registers_again(void **unused)
{
    (void)unused;
    struct syntax *syntax = model->syntax;
    syntax->quantity_count = 100;
    for (size_t i = 0; i < 100; i++) { /* q sin(q) + 1 of the last */
        struct expr *last = i ? name(SYMBOL_QUANTITY, i - 1) : state(0);
        syntax->quantities[i].expr =
            two(OP_ADD, two(OP_MULTIPLY, last, one(OP_SIN, last)), num(1));
        syntax->order[i] = i;
    }
    const struct program *p = compiled(name(SYMBOL_QUANTITY, 99));
    assert_int_equal(p->rate.count, 200);
    check_stream(p, &p->rate);
    check_stream(p, &p->rate_slopes);
    check_stream(p, &p->jacobian);
    size_t bare = 0;
    for (size_t i = 0; i < p->rate.count; i++)
        if (p->rate.instructions[i].to - p->rest + 1 > bare)
            bare = p->rate.instructions[i].to - p->rest + 1;
    assert_in_range(bare, 1, 3);
}

/* Sixteen products of x and y in turn under exp, added up: three operations, each decided
 * upon once, but for the sums, which wait for each other and follow in one run all the
 * same. */
static void program__gathers_runs_of_one_operation(void **unused)
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

/* Formulas that share parts have 2^300 ways through them and 300 registers. */
static void program__is_not_caught_in_shared_formulas(void **unused)
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
        TEST(program__a_quantity_used_twice_is_one_register),
        TEST(program__hoists_by_what_a_formula_depends_on),
        TEST(program__keeps_only_sensitivities_that_can_be),
        TEST(program__knows_what_doses_do_to_sensitivities),
        TEST(program__uses_registers_again),
        TEST(program__gathers_runs_of_one_operation),
        TEST(program__is_not_caught_in_shared_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
