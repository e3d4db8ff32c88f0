#ifndef TESTS_MODEL_ORACLE_H
#define TESTS_MODEL_ORACLE_H

/* oracle - a second evaluator, for tests: walks the checked tree in extended precision,
 * formula by formula, without graph, registers, hoisting or chain rule. Derivatives are
 * central differences of it. */

#include <math.h>

#include "model_impl.h"

/* Values of the model's quantities by name, each good while its stamp is the memo's: that
 * of the parameters and covariates, or for what moves in time that of the moment. Both are
 * numbers that were not used before. */
struct oracle_memo {
    size_t individual, moment, stamps[MODEL_QUANTITIES_MAX];
    long double values[MODEL_QUANTITIES_MAX];
};

struct oracle {
    const struct model *model;
    struct oracle_memo *memo; /* NULL: none; whoever moves anything below stamps anew */
    long double t;
    long double parameters[MODEL_PARAMETERS_MAX];
    long double states[MODEL_STATES_MAX];
    long double covariates[MODEL_COVARIATES_MAX];
    long double dose;
};

static long double oracle_value(const struct oracle *oracle, const struct expr *expr);

static inline long double oracle_quantity(const struct oracle *oracle, size_t at)
{
    const struct quantity_line *line = &oracle->model->syntax->quantities[at];
    struct oracle_memo *memo = oracle->memo;
    if (!memo)
        return oracle_value(oracle, line->expr);
    size_t stamp = line->uses_state || line->uses_time ? memo->moment : memo->individual;
    if (memo->stamps[at] != stamp) {
        memo->values[at] = oracle_value(oracle, line->expr);
        memo->stamps[at] = stamp;
    }
    return memo->values[at];
}

static inline long double oracle_name(const struct oracle *oracle,
                                      const struct expr *expr)
{
    switch (expr->symbol) {
    case SYMBOL_PARAMETER:
        return oracle->parameters[expr->index];
    case SYMBOL_COVARIATE:
        return oracle->covariates[expr->index];
    case SYMBOL_QUANTITY:
        return oracle_quantity(oracle, expr->index);
    case SYMBOL_STATE:
        return oracle->states[expr->index];
    case SYMBOL_TIME:
        return oracle->t;
    case SYMBOL_DOSE:
        return oracle->dose;
    case SYMBOL_PI:
        return acosl(-1);
    default:
        return (long double)NAN;
    }
}

static inline long double oracle_function(enum op op, long double a, long double b)
{
    switch (op) {
    case OP_NEGATE:
        return -a;
    case OP_EXP:
        return expl(a);
    case OP_LN:
        return logl(a);
    case OP_LOG10:
        return log10l(a);
    case OP_SQRT:
        return sqrtl(a);
    case OP_ABS:
        return fabsl(a);
    case OP_TANH:
        return tanhl(a);
    case OP_SIN:
        return sinl(a);
    case OP_COS:
        return cosl(a);
    case OP_FLOOR:
        return floorl(a);
    case OP_LOGIT:
        return logl(a / (1 - a));
    case OP_EXPIT:
        return expl(a) / (1 + expl(a));
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
        return powl(a, b);
    case OP_MOD:
        return a - b * floorl(a / b);
    case OP_LESS:
        return a < b;
    case OP_LESS_EQUAL:
        return a <= b;
    case OP_GREATER:
        return a > b;
    case OP_GREATER_EQUAL:
        return a >= b;
    case OP_EQUAL:
        return a == b;
    case OP_UNEQUAL:
        return a != b;
    case OP_AND:
        return a != 0 && b != 0;
    case OP_OR:
        return a != 0 || b != 0;
    default:
        return (long double)NAN;
    }
}

/* min, max, if and piecewise; only the branch taken is looked at. */
static inline long double oracle_choice(const struct oracle *oracle,
                                        const struct expr *expr)
{
    if (expr->op == OP_SELECT)
        return oracle_value(
            oracle, expr->arguments[oracle_value(oracle, expr->arguments[0]) != 0 ? 1 : 2]);
    if (expr->op == OP_TABLE) {
        size_t i = 0;
        while (i + 2 < expr->count && oracle->covariates[expr->index] !=
                                          (long double)expr->arguments[i + 1]->number)
            i += 2;
        return oracle_value(oracle, expr->arguments[i]);
    }
    if (expr->op == OP_PIECEWISE) {
        size_t i = 0;
        while (i + 1 < expr->count && oracle_value(oracle, expr->arguments[i + 1]) == 0)
            i += 2;
        return oracle_value(oracle, expr->arguments[i]);
    }
    long double best = oracle_value(oracle, expr->arguments[0]);
    for (size_t i = 1; i < expr->count; i++) {
        long double next = oracle_value(oracle, expr->arguments[i]);
        best = expr->op == OP_MIN ? fminl(best, next) : fmaxl(best, next);
    }
    return best;
}

static long double oracle_bare(const struct oracle *oracle, const struct expr *expr)
{
    switch (expr->op) {
    case OP_NUMBER:
        return expr->number;
    case OP_NAME:
        return oracle_name(oracle, expr);
    case OP_SELECT:
    case OP_PIECEWISE:
    case OP_TABLE:
    case OP_MIN:
    case OP_MAX:
        return oracle_choice(oracle, expr);
    default:
        return oracle_function(expr->op, oracle_value(oracle, expr->arguments[0]),
                               expr->count > 1 ? oracle_value(oracle, expr->arguments[1])
                                               : 0);
    }
}

static long double oracle_value(const struct oracle *oracle, const struct expr *expr)
{
    return (long double)expr->factor * oracle_bare(oracle, expr);
}

/* d value / d *place by a fourth-order central difference; `place` points into oracle. */
static inline long double oracle_slope(const struct oracle *oracle,
                                       const struct expr *expr, const long double *place)
{
    struct oracle moved = *oracle;
    long double *at =
        (long double *)((char *)&moved + ((const char *)place - (const char *)oracle));
    long double h = 1e-5L * (fabsl(*place) > 1e-3L ? fabsl(*place) : 1e-3L), f[4];
    for (int i = 0; i < 4; i++) {
        *at = *place + h * (i < 2 ? i - 2 : i - 1);
        f[i] = oracle_value(&moved, expr);
    }
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

#endif
