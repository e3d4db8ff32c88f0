#include "hand.h"

#include "every_model.h"

static void registers__rest_by_what_a_formula_depends_on(void **unused)
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

static void registers__are_used_again(void **unused)
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

static void check_all(struct model *of)
{
    for (size_t i = 0; i < PROGRAM_STREAMS; i++) {
        const char *name = program_stream_name(i);
        struct stream *stream = program_stream(of->program, i);
        if (strncmp(name, "individual", 10) != 0 && strncmp(name, "covariate", 9) != 0)
            check_stream(of->program, stream); /* those write what rests */
    }
}

static void registers__are_written_before_they_are_read(void **unused)
{
    (void)unused;
    assert_true(every_model("models/*/*.twin", check_all) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(registers__rest_by_what_a_formula_depends_on),
        TEST(registers__are_used_again),
        TEST(registers__are_written_before_they_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
