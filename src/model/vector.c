#include "vector.h"

#include "numerics/elementary.h"
#include "operation.h"

/* A run of one operation, decided upon once. */
#define EACH_IN_RUN                                                                      \
    double *to = r + at->to * (size_t)LANES;                                             \
    const double *a = r + at->a * (size_t)LANES, *b = r + at->b * (size_t)LANES;         \
    const double *c = r + at->c * (size_t)LANES;                                         \
    (void)a, (void)b, (void)c;

#define RUN(...)                                                                         \
    for (; at < end; at++) {                                                             \
        EACH_IN_RUN                                                                      \
        ROW_LANES to[l] = __VA_ARGS__;                                                   \
    }                                                                                    \
    break

/* Conditions as 1 and 0. */
#define IF(...) ((__VA_ARGS__) ? 1.0 : 0.0)

LANES_INLINE double steep(double a, double b)
{
    double product = a == 0 ? 0 : a * b;
    return b == 0 ? 0 : product;
}

LANES_INLINE double least(double a, double b)
{
    double smaller = a < b ? a : b;
    return a != a ? a : smaller;
}

LANES_INLINE double most(double a, double b)
{
    double larger = a > b ? a : b;
    return a != a ? a : larger;
}

LANES_INLINE void run_functions(const struct instruction *at,
                                const struct instruction *end, double *r)
{
    enum op op = at->op;
    switch (op) {
    case OP_NEGATE:
        RUN(-a[l]);
    case OP_EXP:
        RUN(elementary_exp(a[l]));
    case OP_LN:
        RUN(elementary_log(a[l]));
    case OP_SQRT:
        RUN(sqrt(a[l]));
    case OP_ABS:
        RUN(fabs(a[l]));
    case OP_FLOOR:
        RUN(floor(a[l]));
    case OP_EXPIT:
        RUN(1 / (1 + elementary_exp(-a[l])));
    case OP_SELECT:
        RUN(a[l] != 0 ? b[l] : c[l]);
    default: /* seldom asked for */
        RUN(operation_value(op, a[l], b[l], c[l]));
    }
}

LANES_INLINE void run_pairs(const struct instruction *at, const struct instruction *end,
                            double *r)
{
    switch (at->op) {
    case OP_ADD:
        RUN(a[l] + b[l]);
    case OP_SUBTRACT:
        RUN(a[l] - b[l]);
    case OP_MULTIPLY:
        RUN(a[l] * b[l]);
    case OP_DIVIDE:
        RUN(a[l] / b[l]);
    case OP_STEEP:
        RUN(steep(a[l], b[l]));
    case OP_POWER:
        RUN(elementary_power(a[l], b[l]));
    case OP_MOD:
        RUN(a[l] - b[l] * floor(a[l] / b[l]));
    case OP_LESS:
        RUN(IF(a[l] < b[l]));
    case OP_LESS_EQUAL:
        RUN(IF(a[l] <= b[l]));
    case OP_EQUAL:
        RUN(IF(a[l] == b[l]));
    case OP_UNEQUAL:
        RUN(IF(a[l] != b[l]));
    case OP_MIN:
        RUN(least(a[l], b[l]));
    case OP_MAX:
        RUN(most(a[l], b[l]));
    default:
        run_functions(at, end, r);
    }
}

LANES_INLINE void run_rows(const struct stream *stream, double *registers, enum simd simd)
{
    (void)simd; /* has been obeyed */
    const struct instruction *at = stream->instructions, *end = at + stream->count;
    for (; at < end; at += at->run)
        run_pairs(at, at + at->run, registers);
}

LANES_KINDS(run, simd, (const struct stream *stream, double *registers, enum simd simd),
            stream, registers, simd)

void vector_run(const struct stream *stream, double *registers, enum simd simd)
{
    run(stream, registers, simd);
}

LANES_INLINE void results_rows(const struct stream *stream, const double *registers,
                               size_t count, const double *more, double *out,
                               enum simd simd)
{
    (void)simd;
    for (size_t i = 0; i < count; i++) {
        const double *from = registers + stream->results[i] * (size_t)LANES;
        ROW_LANES out[i * LANES + l] = from[l] + more[i * LANES + l];
    }
}

LANES_KINDS(results, simd,
            (const struct stream *stream, const double *registers, size_t count,
             const double *more, double *out, enum simd simd),
            stream, registers, count, more, out, simd)

void vector_results(const struct stream *stream, const double *registers, size_t count,
                    const double *more, double *out, enum simd simd)
{
    results(stream, registers, count, more, out, simd);
}
