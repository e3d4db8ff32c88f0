#ifndef MODEL_OPERATION_H
#define MODEL_OPERATION_H

#include <math.h>

#include "model_impl.h"

/* operation - the value and the slopes of every operation of a register program.
 *
 * Inline, because the evaluator's loops live on them; program.c folds constants with the
 * same values. Leaves are not its business. Conditions are 0 or 1.
 *
 * Slopes at the edges: a power of 0 with a positive exponent has slope 0 along the
 * exponent (a Hill term before the first dose); |x| at 0 has slope 0; min, max and if
 * have the slope of the branch they take. */

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
    case OP_SELECT:
        return a != 0 ? b : c;
    default:
        return NAN;
    }
}

/* Slopes along the arguments, given them and the value v. */
struct slopes {
    double a, b, c;
};

static inline struct slopes power_slopes(double a, double b, double v)
{
    struct slopes slopes = {0, 0, 0};
    if (a != 0) {
        slopes.a = b * v / a;
        slopes.b = v * log(a);
    } else {
        slopes.a = b == 0 ? 0 : b * pow(a, b - 1);
        slopes.b = b > 0 ? 0 : -INFINITY;
    }
    return slopes;
}

static inline struct slopes operation_slopes(enum op op, double a, double b, double v)
{
    switch (op) {
    case OP_NEGATE:
        return (struct slopes){-1, 0, 0};
    case OP_EXP:
        return (struct slopes){v, 0, 0};
    case OP_LN:
        return (struct slopes){1 / a, 0, 0};
    case OP_LOG10:
        return (struct slopes){1 / (a * 2.302585092994045684), 0, 0};
    case OP_SQRT:
        return (struct slopes){0.5 / v, 0, 0};
    case OP_ABS:
        return (struct slopes){(a > 0) - (a < 0), 0, 0};
    case OP_TANH:
        return (struct slopes){(1 - v) * (1 + v), 0, 0};
    case OP_SIN:
        return (struct slopes){cos(a), 0, 0};
    case OP_COS:
        return (struct slopes){-sin(a), 0, 0};
    case OP_LOGIT:
        return (struct slopes){1 / (a * (1 - a)), 0, 0};
    case OP_EXPIT:
        return (struct slopes){v / (1 + exp(a)), 0, 0};
    case OP_ADD:
        return (struct slopes){1, 1, 0};
    case OP_SUBTRACT:
        return (struct slopes){1, -1, 0};
    case OP_MULTIPLY:
        return (struct slopes){b, a, 0};
    case OP_DIVIDE:
        return (struct slopes){1 / b, -v / b, 0};
    case OP_POWER:
        return power_slopes(a, b, v);
    case OP_MOD:
        return (struct slopes){1, -floor(a / b), 0};
    case OP_MIN:
        return a < b || isnan(a) ? (struct slopes){1, 0, 0} : (struct slopes){0, 1, 0};
    case OP_MAX:
        return a > b || isnan(a) ? (struct slopes){1, 0, 0} : (struct slopes){0, 1, 0};
    case OP_SELECT:
        return a != 0 ? (struct slopes){0, 1, 0} : (struct slopes){0, 0, 1};
    default:
        return (struct slopes){0, 0, 0};
    }
}

#endif
