#ifndef MODEL_OPERATION_H
#define MODEL_OPERATION_H

#include <math.h>

#include "model_impl.h"

/* operation - the value of every operation of a program.
 *
 * Inline, because the evaluator's loop lives on it; dag.c folds constants with the same
 * values. Leaves are not its business. Conditions are 0 or 1. */

static inline double operation_value(enum op op, double a, double b, double c)
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
        return sin(a);
    case OP_COS:
        return cos(a);
    case OP_FLOOR:
        return floor(a);
    case OP_LOGIT:
        return log(a) - log1p(-a);
    case OP_EXPIT:
        return 1 / (1 + exp(-a));
    case OP_NOT:
        return a == 0;
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
    case OP_MIN: /* a NaN stays one */
        return a < b || isnan(a) ? a : b;
    case OP_MAX:
        return a > b || isnan(a) ? a : b;
    case OP_STEEP:
        return a == 0 || b == 0 ? 0 : a * b;
    case OP_SELECT:
        return a != 0 ? b : c;
    default:
        return NAN;
    }
}

#endif
