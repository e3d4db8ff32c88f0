#include "vector.h"

#include "numerics/elementary.h"
#include "operation.h"

#define RUN(...)                                                                         \
    EACH_LANE to[l] = __VA_ARGS__;                                                       \
    break

/* Conditions as 1 and 0. */
#define IF(...) ((__VA_ARGS__) ? 1.0 : 0.0)

LANES_INLINE void one_argument(enum op op, double *to, const double *a)
{
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
    default: /* seldom asked for */
        RUN(operation_value(op, a[l], 0, 0));
    }
}

LANES_INLINE void two_arguments(enum op op, double *to, const double *a, const double *b)
{
    switch (op) {
    case OP_ADD:
        RUN(a[l] + b[l]);
    case OP_SUBTRACT:
        RUN(a[l] - b[l]);
    case OP_MULTIPLY:
        RUN(a[l] * b[l]);
    case OP_DIVIDE:
        RUN(a[l] / b[l]);
    case OP_STEEP:
        EACH_LANE
        {
            double product = a[l] * b[l];
            product = a[l] == 0 ? 0 : product;
            to[l] = b[l] == 0 ? 0 : product;
        }
        break;
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
        EACH_LANE
        {
            double least = a[l] < b[l] ? a[l] : b[l];
            to[l] = a[l] != a[l] ? a[l] : least;
        }
        break;
    case OP_MAX:
        EACH_LANE
        {
            double most = a[l] > b[l] ? a[l] : b[l];
            to[l] = a[l] != a[l] ? a[l] : most;
        }
        break;
    default: /* OP_AND, OP_OR */
        RUN(operation_value(op, a[l], b[l], 0));
    }
}

/* Registers are whole rows: an instruction reads its own before it writes. */
LANES_INLINE void run_rows(const struct stream *stream, double *registers, enum simd simd)
{
    (void)simd; /* has been obeyed */
    const struct instruction *end = stream->instructions + stream->count;
    for (const struct instruction *at = stream->instructions; at < end; at++) {
        const double *from_a = registers + at->a * (size_t)LANES;
        const double *from_b = registers + at->b * (size_t)LANES;
        const double *from_c = registers + at->c * (size_t)LANES;
        double a[LANES], b[LANES], to[LANES];
        EACH_LANE a[l] = from_a[l];
        EACH_LANE b[l] = from_b[l];
        if (at->op <= OP_NOT)
            one_argument(at->op, to, a);
        else if (at->op < OP_SELECT)
            two_arguments(at->op, to, a, b);
        else
            EACH_LANE to[l] = a[l] != 0 ? b[l] : from_c[l];
        EACH_LANE registers[at->to * (size_t)LANES + l] = to[l];
    }
}

LANES_KINDS(run, simd, (const struct stream *stream, double *registers, enum simd simd),
            stream, registers, simd)

void vector_run(const struct stream *stream, double *registers, enum simd simd)
{
    run(stream, registers, simd);
}
