#include "vector.h"

#include "hand.h"

static const struct stream *rate_of(struct expr *formula)
{
    return &compiled(formula)->rate;
}

/* Registers of LANES individuals, lane by lane another x, y and p0. */
static double *filled(const struct program *p, size_t round)
{
    double *registers = mem_new(p->registers * LANES, sizeof *registers);
    for (size_t i = 0; i < p->registers; i++)
        EACH_LANE registers[i * LANES + l] = p->image[i];
    EACH_LANE
    {
        registers[p->states * LANES + l] = 0.17 + 0.1 * (double)(l + round);
        registers[(p->states + 1) * LANES + l] = 1.3 - 0.21 * (double)l;
        registers[p->parameters * LANES + l] = 0.9;
    }
    return registers;
}

/* Each operation against the C library's, and the same bits on every kind of machine. */
static void check(struct expr *formula, double ulps)
{
    const struct stream *stream = rate_of(formula);
    const struct program *p = model->program;
    for (size_t round = 0; round < 20; round++) {
        double *base = filled(p, round), *first = NULL;
        struct evaluator *evaluator = evaluator_new(model, false);
        for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++) {
            double *registers = mem_copy(base, p->registers * LANES * sizeof *base);
            vector_run(stream, registers, simd);
            const double *out = registers + stream->results[0] * (size_t)LANES;
            EACH_LANE
            {
                double parameters[4] = {0.9, 0, 0, 0}, covariates[3] = {0}, dxdt[2];
                double x[2] = {base[p->states * LANES + l],
                               base[(p->states + 1) * LANES + l]};
                evaluator_individual(evaluator, parameters, covariates);
                evaluator_rate(evaluator, 0, x, dxdt);
                if (isfinite(dxdt[0]))
                    assert_near(out[l], dxdt[0], ulps * 2.3e-16 * fabs(dxdt[0]));
                else
                    assert_true(isfinite(out[l]) == 0);
            }
            if (!first)
                first = mem_copy(registers, p->registers * LANES * sizeof *base);
            assert_memory_equal(first, registers, p->registers * LANES * sizeof *base);
            mem_free(registers);
        }
        mem_free(base);
        mem_free(first);
        evaluator_destroy(&evaluator);
    }
}

static void vector__does_every_operation(void **unused)
{
    (void)unused;
    for (enum op op = OP_NEGATE; op <= OP_NOT; op++)
        check(one(op, state(0)), 4);
    for (enum op op = OP_ADD; op <= OP_MAX; op++) {
        check(two(op, state(0), state(1)), 6);
        check(two(op, state(1), state(0)), 6);
    }
    struct expr *less = two(OP_LESS, state(0), state(1));
    check(node(OP_SELECT, less, state(0), one(OP_SIN, state(1))), 4);
    check(two(OP_MIN, one(OP_LN, state(1)), state(0)), 4); /* of what is no number, too */
    check(two(OP_MULTIPLY, par(0), one(OP_EXP, state(0))), 4);
}

/* A steep product: whatever times 0. */
static void vector__steep_products_of_nothing_are_nothing(void **unused)
{
    (void)unused;
    struct instruction steep = {OP_STEEP, 1, 2, 0, 1, 0};
    struct stream stream = {&steep, 1, NULL, 0};
    static const double a[LANES] = {INFINITY, NAN, 2, 0, 0, 3, -INFINITY, 1};
    static const double b[LANES] = {0, 0, 3, NAN, INFINITY, INFINITY, 2, 0};
    static const double expected[LANES] = {0, 0, 6, 0, 0, INFINITY, -INFINITY, 0};
    for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++) {
        double registers[3 * LANES];
        memcpy(registers, a, sizeof a);
        memcpy(registers + LANES, b, sizeof b);
        vector_run(&stream, registers, simd);
        EACH_LANE assert_true(registers[2 * LANES + l] == expected[l]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(vector__does_every_operation),
        TEST(vector__steep_products_of_nothing_are_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
