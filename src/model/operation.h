#ifndef MODEL_OPERATION_H
#define MODEL_OPERATION_H

#include <math.h>

#include "model_impl.h"
#include "numerics/elementary.h"

/* operation - the value of every operation of a program, said once.
 *
 * Of the one table below are made the evaluator's switch (operation_value, which also
 * folds the constants of dag.c), the vector interpreter's loops and the functions that
 * generated C calls, so that none of them can compute something else: all give the same
 * bits. Branch-free, so that a loop over them becomes vector code. Conditions are 1 and
 * 0. Leaves have no value here. */

#define OPERATION_INLINE static inline __attribute__((always_inline))

/* A product in which any factor times 0 is 0. */
OPERATION_INLINE double steep(double a, double b)
{
    return elementary_if((a == 0) | (b == 0), 0, a * b);
}

/* What is no number stays none. */
OPERATION_INLINE double least(double a, double b)
{
    return elementary_if((a < b) | (a != a), a, b);
}

OPERATION_INLINE double most(double a, double b)
{
    return elementary_if((a > b) | (a != a), a, b);
}

#define OPERATION_IF(...) elementary_if(__VA_ARGS__, 1, 0)

#define OPERATIONS(X)                                                                    \
    X(NEGATE, elementary_negative(a))                                                    \
    X(EXP, elementary_exp(a))                                                            \
    X(LN, elementary_log(a))                                                             \
    X(LOG10, elementary_log10(a))                                                        \
    X(SQRT, sqrt(a))                                                                     \
    X(ABS, fabs(a))                                                                      \
    X(TANH, elementary_tanh(a))                                                          \
    X(SIN, elementary_sin(a))                                                            \
    X(COS, elementary_cos(a))                                                            \
    X(FLOOR, elementary_floor(a))                                                        \
    X(LOGIT, elementary_logit(a))                                                        \
    X(EXPIT, 1 / (1 + elementary_exp(-a)))                                               \
    X(NOT, OPERATION_IF(a == 0))                                                         \
    X(ADD, a + b)                                                                        \
    X(SUBTRACT, a - b)                                                                   \
    X(MULTIPLY, a *b)                                                                    \
    X(DIVIDE, a / b)                                                                     \
    X(POWER, elementary_power(a, b))                                                     \
    X(MOD, a - b * elementary_floor(a / b))                                              \
    X(LESS, OPERATION_IF(a < b))                                                         \
    X(LESS_EQUAL, OPERATION_IF(a <= b))                                                  \
    X(EQUAL, OPERATION_IF(a == b))                                                       \
    X(UNEQUAL, OPERATION_IF(a != b))                                                     \
    X(AND, OPERATION_IF((a != 0) & (b != 0)))                                            \
    X(OR, OPERATION_IF((a != 0) | (b != 0)))                                             \
    X(MIN, least(a, b))                                                                  \
    X(MAX, most(a, b))                                                                   \
    X(STEEP, steep(a, b))                                                                \
    X(SELECT, elementary_if(a != 0, b, c))                                               \
    X(FMA, fma(a, b, c))                                                                 \
    X(FMS, fma(a, b, -c))                                                                \
    X(FNMA, fma(-a, b, c))

#define OPERATION_FUNCTION(name, ...)                                                    \
    OPERATION_INLINE double operation_##name(double a, double b, double c)               \
    {                                                                                    \
        (void)a, (void)b, (void)c;                                                       \
        return __VA_ARGS__;                                                              \
    }
OPERATIONS(OPERATION_FUNCTION)
#undef OPERATION_FUNCTION

static inline double operation_value(enum op op, double a, double b, double c)
{
    switch (op) {
#define OPERATION_CASE(name, ...)                                                        \
    case OP_##name:                                                                      \
        return operation_##name(a, b, c);
        OPERATIONS(OPERATION_CASE)
#undef OPERATION_CASE
    default:
        return NAN;
    }
}

/* A product and a sum in one. */
static inline bool operation_is_fused(enum op op)
{
    return op == OP_FMA || op == OP_FMS || op == OP_FNMA;
}

#endif
