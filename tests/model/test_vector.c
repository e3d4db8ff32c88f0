#include "vector.h"

#include <math.h>

#include "hand.h"
#include "operation.h"

/* Of an observation, where conditions are what they are. */
static const struct stream *stream_of(struct expr *formula)
{
    model->syntax->observations[0].expr = formula;
    return &compiled(num(0))->observe;
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

/* Of one instruction, by the C library. */
static double by_c(enum op op, double a, double b, double c)
{
    switch (op) {
    case OP_NEGATE:
        return -a;
    case OP_EXP:
        return exp(a);
    case OP_LN:
        return log(a);
    case OP_LOG10:
        return log10(a);
    case OP_SQRT:
        return sqrt(a);
    case OP_ABS:
        return fabs(a);
    case OP_TANH:
        return tanh(a);
    case OP_SIN:
        return fabs(a) > 0x1p40 ? NAN : sin(a);
    case OP_COS:
        return fabs(a) > 0x1p40 ? NAN : cos(a);
    case OP_FLOOR:
        return floor(a);
    case OP_LOGIT:
        return fabs(a - 0.5) < 0.25 ? log1p((2 * a - 1) / (1 - a)) : log(a / (1 - a));
    case OP_EXPIT:
        return 1 / (1 + exp(-a));
    case OP_NOT:
        return a == 0;
    case OP_SELECT:
        return a != 0 ? b : c;
    case OP_FMA:
        return fma(a, b, c);
    case OP_FMS:
        return fma(a, b, -c);
    case OP_FNMA:
        return fma(-a, b, c);
    default:
        return NAN;
    }
}

static double pair_by_c(enum op op, double a, double b)
{
    switch (op) {
    case OP_ADD:
        return a + b;
    case OP_SUBTRACT:
        return a - b;
    case OP_MULTIPLY:
        return a * b;
    case OP_DIVIDE:
        return a / b;
    case OP_POWER:
        return pow(a, b);
    case OP_MOD:
        return a - b * floor(a / b);
    case OP_LESS:
        return a < b;
    case OP_LESS_EQUAL:
        return a <= b;
    case OP_EQUAL:
        return a == b;
    case OP_UNEQUAL:
        return a != b;
    case OP_AND:
        return a != 0 && b != 0;
    case OP_OR:
        return a != 0 || b != 0;
    case OP_MIN:
        return isnan(a) || a < b ? a : b;
    case OP_MAX:
        return isnan(a) || a > b ? a : b;
    case OP_STEEP:
        return a == 0 || b == 0 ? 0 : a * b;
    default:
        return NAN;
    }
}

static const double edges[] = {0,    -0.0,  1,        -1,        0.5, 3,
                               -2.5, 1e308, INFINITY, -INFINITY, NAN};
#define EDGES (sizeof edges / sizeof *edges)

static bool same(double x, double y)
{
    return isnan(x) ? isnan(y) : memcmp(&x, &y, sizeof x) == 0;
}

/* One instruction, over values and edges: within so many roundings of the C library, to
 * the bit the evaluator's, and the same on every kind of machine. */
static void check_operation(enum op op, bool pair, double ulps)
{
    struct instruction one_op = {op, 1, 3, 0, 1, 2};
    struct stream stream = {.instructions = &one_op, .count = 1};
    for (size_t i = 0; i < EDGES * EDGES + 2000; i++) {
        double registers[4 * LANES], first[LANES];
        EACH_LANE
        {
            size_t k = i * LANES + l;
            bool edge = i < EDGES * EDGES;
            registers[l] = edge ? edges[i % EDGES] : 3 * sin((double)k);
            registers[LANES + l] = edge ? edges[i / EDGES] : 2 * sin(1.7 * (double)k);
            registers[2 * LANES + l] = 0.25;
        }
        for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++) {
            vector_run(&stream, registers, simd);
            EACH_LANE
            {
                double a = registers[l], b = registers[LANES + l], c = 0.25;
                double out = registers[3 * LANES + l];
                double expected = pair ? pair_by_c(op, a, b) : by_c(op, a, b, c);
                bool near = fabs(out - expected) <= ulps * 2.3e-16 * fabs(expected);
                if (!near && !same(out, expected) && !(out == 0 && expected == 0))
                    fail_msg("operation %d of %a, %a: %a for %a", (int)op, a, b, out,
                             expected);
                assert_true(same(out, operation_value(op, a, b, c)));
                if (simd == SIMD_SCALAR)
                    first[l] = out;
                assert_true(same(out, first[l]));
            }
        }
    }
}

static void vector__does_every_operation_as_c_does(void **unused)
{
    (void)unused;
    for (enum op op = OP_NEGATE; op <= OP_NOT; op++)
        check_operation(op, false, 6);
    for (enum op op = OP_SELECT; op <= OP_FNMA; op++)
        check_operation(op, false, 0);
    for (enum op op = OP_ADD; op <= OP_STEEP; op++)
        check_operation(op, true, op == OP_POWER ? 60 : 0);
}

/* A formula to the same bits as the evaluator's, on every kind of machine. */
static void check(struct expr *formula)
{
    const struct stream *stream = stream_of(formula);
    const struct program *p = model->program;
    for (size_t round = 0; round < 20; round++) {
        double *base = filled(p, round);
        struct evaluator *evaluator = evaluator_new(model, false);
        for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++) {
            double *registers = mem_copy(base, p->registers * LANES * sizeof *base);
            vector_run(stream, registers, simd);
            const double *out = registers + stream->results[0] * (size_t)LANES;
            EACH_LANE
            {
                double parameters[4] = {0.9, 0, 0, 0}, covariates[3] = {0}, f;
                double x[2] = {base[p->states * LANES + l],
                               base[(p->states + 1) * LANES + l]};
                evaluator_individual(evaluator, parameters, covariates);
                evaluator_outputs(evaluator, 0, x, NULL, &f, NULL, NULL);
                assert_true(same(out[l], f));
            }
            mem_free(registers);
        }
        mem_free(base);
        evaluator_destroy(&evaluator);
    }
}

static void vector__runs_formulas_as_the_evaluator_does(void **unused)
{
    (void)unused;
    struct expr *less = two(OP_LESS, state(0), state(1));
    check(node(OP_SELECT, less, state(0), one(OP_SIN, state(1))));
    check(two(OP_MIN, one(OP_LN, state(1)), state(0)));
    check(two(OP_MULTIPLY, par(0), one(OP_EXP, state(0))));
    check(two(OP_POWER, one(OP_TANH, state(0)), two(OP_MOD, state(1), par(0))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(vector__does_every_operation_as_c_does),
        TEST(vector__runs_formulas_as_the_evaluator_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
