/* measure - the unit of every formula, and the factors that conversions between them
 * need.
 *
 * Sums and comparisons take the unit of their first part; products keep all names, so
 * that nothing is converted before it has to be. A 0 without a unit fits everywhere.
 * Called by check.c. */

#include "model_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define refuse(model, ...) source_refuse(&(model)->syntax->source, __VA_ARGS__)

static bool dimensionless(const struct unit *unit)
{
    return unit_same_dimension(unit, &UNIT_ONE);
}

const char *measure_text(const struct model *model, const struct unit *unit)
{
    char text[256];
    unit_format(unit, text, sizeof text);
    const char *kept = arena_text(model->syntax->arena, text, strlen(text));
    return kept ? kept : "";
}

/* Where a formula begins: the leftmost of its parts. */
static size_t start_of(const struct expr *expr)
{
    size_t at = expr->at;
    for (; expr->count; expr = expr->arguments[0])
        at = expr->arguments[0]->at < at ? expr->arguments[0]->at : at;
    return at;
}

/* --- refusals ------------------------------------------------------------------- */

static void describe(const struct unit *unit, char *text, size_t size)
{
    if (dimensionless(unit))
        snprintf(text, size, "a plain number");
    else
        unit_format(unit, text, size);
}

/* What would make `expr` fit. */
static enum err hint_at_missing(const struct expr *expr, const struct unit *target)
{
    struct unit missing, molar, inverse;
    char text[256];
    if (dimensionless(target)) {
        unit_format(&expr->of, text, sizeof text);
        return err_hint("divide by a reference value: x/(1 [%s])", text);
    }
    unit_format(target, text, sizeof text);
    if (expr->op == OP_NUMBER && !expr->unit)
        return err_hint("give the number its unit: 1 [%s]", text);
    if (unit_divide(target, &expr->of, &missing) != ERR_OK ||
        unit_tidy(&missing, &missing) != ERR_OK ||
        unit_parse("g/mol", 5, &molar) != ERR_OK ||
        unit_power(&molar, -1, &inverse) != ERR_OK)
        return ERR_FORMAT;
    unit_format(&missing, text, sizeof text);
    if (unit_same_dimension(&missing, &molar) || unit_same_dimension(&missing, &inverse))
        return err_hint("between mass and amount of substance stands a molar mass, as in "
                        "180.16 [g/mol]");
    return err_hint("what is missing is a factor in %s", text);
}

static enum err refuse_unit(const struct model *model, const struct expr *expr,
                            const struct unit *target, enum model_error number,
                            const char *what)
{
    char is[256], needed[256];
    struct unit tidied;
    describe(unit_tidy(&expr->of, &tidied) == ERR_OK ? &tidied : &expr->of, is,
             sizeof is);
    describe(target, needed, sizeof needed);
    enum err err =
        refuse(model, start_of(expr), number, "this is %s%s, where %s needs %s",
               dimensionless(&expr->of) ? "" : "in ", is, what, needed);
    hint_at_missing(expr, target);
    return err;
}

static enum err refuse_condition(const struct model *model, const struct expr *expr,
                                 const char *what)
{
    refuse(model, start_of(expr), E3008, "a condition stands where %s needs a number",
           what);
    return err_hint("a condition becomes a number by if(condition, 1, 0)");
}

static enum err unit_too_big(const struct model *model, const struct expr *expr)
{
    return refuse(model, start_of(expr), E3009,
                  "the unit of this has too many names or too high a power");
}

/* --- conversion ----------------------------------------------------------------- */

enum err measure_convert(struct model *model, struct expr *expr,
                         const struct unit *target, enum model_error number,
                         const char *what)
{
    double factor;
    if (expr->type == TYPE_CONDITION)
        return refuse_condition(model, expr, what);
    if (expr->type == TYPE_ANY) {
        expr->type = TYPE_UNIT;
        expr->of = *target;
        return ERR_OK;
    }
    if (unit_factor(&expr->of, target, &factor) != ERR_OK)
        return refuse_unit(model, expr, target, number, what);
    if (fabs(factor - 1) > 1e-15) {
        MEM_GROW(model->inserted, model->inserted_count + 1, &model->inserted_capacity);
        model->inserted[model->inserted_count++] =
            (struct inserted){start_of(expr), factor, measure_text(model, &expr->of),
                              measure_text(model, target)};
        expr->factor *= factor;
    }
    expr->of = *target;
    return ERR_OK;
}

/* --- operations ----------------------------------------------------------------- */

static void measure_name(const struct syntax *s, struct expr *expr)
{
    expr->type = TYPE_UNIT;
    switch (expr->symbol) {
    case SYMBOL_PARAMETER:
        expr->of = s->parameters[expr->index].unit.unit;
        break;
    case SYMBOL_COVARIATE:
        expr->of = s->covariates[expr->index].unit.unit;
        break;
    case SYMBOL_STATE:
        expr->of = s->states[expr->index].of;
        break;
    case SYMBOL_TIME:
        expr->of = s->time.unit;
        break;
    case SYMBOL_DOSE:
        expr->of = s->inputs[expr->index].unit.unit;
        break;
    case SYMBOL_OUTCOME:
        expr->type = s->outcomes[expr->index].type;
        expr->of = s->outcomes[expr->index].of;
        break;
    case SYMBOL_QUANTITY:
        expr->type = s->quantities[expr->index].type;
        expr->of = s->quantities[expr->index].of;
        break;
    default:
        expr->of = UNIT_ONE;
    }
}

/* All of arguments[from, from + step, ...] in the unit of the first that has one. */
static enum err align(struct model *model, struct expr *expr, size_t from, size_t step,
                      const char *what)
{
    const struct expr *first = NULL;
    for (size_t i = from; i < expr->count && !first; i += step)
        if (expr->arguments[i]->type == TYPE_UNIT)
            first = expr->arguments[i];
    expr->type = first ? TYPE_UNIT : TYPE_ANY;
    expr->of = first ? first->of : UNIT_ONE;
    for (size_t i = from; i < expr->count; i += step) {
        struct expr *argument = expr->arguments[i];
        if (argument->type == TYPE_CONDITION)
            return refuse_condition(model, argument, what);
        if (first && measure_convert(model, argument, &expr->of, E3001, what) != ERR_OK)
            return err_code();
    }
    return ERR_OK;
}

static enum err need_condition(const struct model *model, const struct expr *expr,
                               const char *what)
{
    if (expr->type == TYPE_CONDITION)
        return ERR_OK;
    refuse(model, start_of(expr), E3008, "a number stands where %s needs a condition",
           what);
    return err_hint("a 0/1 covariate becomes a condition by MALE == 1");
}

/* The value of a constant exponent: a literal, its negative, a fraction of literals. */
static bool constant_of(const struct expr *expr, double *value)
{
    double a, b;
    if (expr->op == OP_NUMBER && !expr->unit) {
        *value = expr->number;
        return true;
    }
    if (expr->op == OP_NEGATE && constant_of(expr->arguments[0], &a)) {
        *value = -a;
        return true;
    }
    if (expr->op == OP_DIVIDE && constant_of(expr->arguments[0], &a) &&
        constant_of(expr->arguments[1], &b) && b != 0) {
        *value = a / b;
        return true;
    }
    return false;
}

static enum err measure_power(struct model *model, struct expr *expr)
{
    struct expr *base = expr->arguments[0], *exponent = expr->arguments[1];
    double power;
    if (measure_convert(model, exponent, &UNIT_ONE, E3002, "an exponent") != ERR_OK)
        return err_code();
    expr->type = TYPE_UNIT;
    if (base->type != TYPE_UNIT || dimensionless(&base->of)) {
        expr->of = UNIT_ONE;
        return measure_convert(model, base, &UNIT_ONE, E3002, "a power");
    }
    if (!constant_of(exponent, &power))
        return refuse(model, start_of(exponent), E3003,
                      "the exponent of something in %s has to be a constant number",
                      measure_text(model, &base->of));
    return unit_power(&base->of, power, &expr->of) == ERR_OK ? ERR_OK
                                                             : unit_too_big(model, expr);
}

static enum err measure_product(struct model *model, struct expr *expr)
{
    struct expr *const *pair = expr->arguments;
    for (size_t i = 0; i < 2; i++)
        if (pair[i]->type == TYPE_CONDITION)
            return refuse_condition(model, pair[i], function_name(expr->op));
    if (pair[1]->type == TYPE_ANY && expr->op == OP_DIVIDE)
        return refuse(model, start_of(pair[1]), E4004, "a division by 0");
    if (pair[0]->type == TYPE_ANY || pair[1]->type == TYPE_ANY) {
        expr->type = TYPE_ANY; /* 0 times anything is 0 of any unit */
        expr->of = UNIT_ONE;
        return ERR_OK;
    }
    expr->type = TYPE_UNIT;
    enum err err = (expr->op == OP_MULTIPLY ? unit_multiply : unit_divide)(
        &pair[0]->of, &pair[1]->of, &expr->of);
    return err == ERR_OK ? ERR_OK : unit_too_big(model, expr);
}

/* if: a condition and two values; piecewise: value, condition, ..., last value; a table
 * likewise, with keys for conditions. */
static enum err measure_choice(struct model *model, struct expr *expr)
{
    const char *what = function_name(expr->op);
    if (expr->op == OP_TABLE)
        return align(model, expr, 0, 2, what);
    if (expr->op == OP_SELECT)
        return need_condition(model, expr->arguments[0], what) == ERR_OK
                   ? align(model, expr, 1, 1, what)
                   : err_code();
    for (size_t i = 1; i < expr->count; i += 2)
        if (need_condition(model, expr->arguments[i], what) != ERR_OK)
            return err_code();
    return align(model, expr, 0, 2, what);
}

static enum err measure_compare(struct model *model, struct expr *expr)
{
    if (align(model, expr, 0, 1, function_name(expr->op)) != ERR_OK)
        return err_code();
    expr->type = TYPE_CONDITION;
    return ERR_OK;
}

static enum err measure_logic(struct model *model, struct expr *expr)
{
    for (size_t i = 0; i < expr->count; i++)
        if (need_condition(model, expr->arguments[i], function_name(expr->op)) != ERR_OK)
            return err_code();
    expr->type = TYPE_CONDITION;
    return ERR_OK;
}

static enum err measure_function(struct model *model, struct expr *expr)
{
    expr->type = TYPE_UNIT;
    expr->of = UNIT_ONE;
    return measure_convert(model, expr->arguments[0], &UNIT_ONE, E3002,
                           function_name(expr->op));
}

static enum err measure_root(struct model *model, struct expr *expr)
{
    const struct expr *argument = expr->arguments[0];
    if (argument->type != TYPE_UNIT || dimensionless(&argument->of))
        return measure_function(model, expr);
    expr->type = TYPE_UNIT;
    return unit_power(&argument->of, 0.5, &expr->of) == ERR_OK
               ? ERR_OK
               : unit_too_big(model, expr);
}

static enum err measure_functional(struct model *model, struct expr *expr)
{
    const char *what = functional_name(expr->functional);
    const struct expr *argument = expr->arguments[0];
    expr->type = TYPE_UNIT;
    if (expr->functional >= FUNCTIONAL_FRACTION) {
        expr->of =
            expr->functional == FUNCTIONAL_FRACTION ? UNIT_ONE : model->syntax->time.unit;
        return need_condition(model, argument, what);
    }
    if (argument->type == TYPE_CONDITION)
        return refuse_condition(model, argument, what);
    expr->of = argument->of;
    if (expr->functional == FUNCTIONAL_TIME_OF_MIN ||
        expr->functional == FUNCTIONAL_TIME_OF_MAX)
        expr->of = model->syntax->time.unit;
    if (expr->functional == FUNCTIONAL_AUC)
        return unit_multiply(&argument->of, &model->syntax->time.unit, &expr->of) ==
                       ERR_OK
                   ? ERR_OK
                   : unit_too_big(model, expr);
    return ERR_OK;
}

static enum err measure_operation(struct model *model, struct expr *expr)
{
    switch (expr->op) {
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_NEGATE:
    case OP_ABS:
    case OP_MIN:
    case OP_MAX:
    case OP_MOD:
        return align(model, expr, 0, 1, function_name(expr->op));
    case OP_MULTIPLY:
    case OP_DIVIDE:
        return measure_product(model, expr);
    case OP_POWER:
        return measure_power(model, expr);
    case OP_SQRT:
        return measure_root(model, expr);
    case OP_SELECT:
    case OP_PIECEWISE:
    case OP_TABLE:
        return measure_choice(model, expr);
    case OP_FUNCTIONAL:
        return measure_functional(model, expr);
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL:
    case OP_EQUAL:
    case OP_UNEQUAL:
        return measure_compare(model, expr);
    case OP_AND:
    case OP_OR:
    case OP_NOT:
        return measure_logic(model, expr);
    default:
        return measure_function(model, expr);
    }
}

enum err measure(struct model *model, struct expr *expr)
{
    for (size_t i = 0; i < expr->count; i++)
        if (measure(model, expr->arguments[i]) != ERR_OK)
            return err_code();
    if (expr->op == OP_NAME) {
        measure_name(model->syntax, expr);
        return ERR_OK;
    }
    if (expr->op != OP_NUMBER)
        return measure_operation(model, expr);
    expr->type = expr->number == 0 && !expr->unit ? TYPE_ANY : TYPE_UNIT;
    expr->of = expr->unit ? expr->unit->unit : UNIT_ONE;
    return ERR_OK;
}

/* --- the units of states -------------------------------------------------------- */

static bool guess(const struct syntax *s, const struct expr *expr, struct unit *unit);

static bool guess_name(const struct syntax *s, const struct expr *expr, struct unit *unit)
{
    struct expr name = *expr;
    if (expr->symbol == SYMBOL_STATE && s->states[expr->index].type != TYPE_UNIT)
        return false;
    measure_name(s, &name);
    *unit = name.of;
    return name.type == TYPE_UNIT;
}

static bool guess_power(const struct syntax *s, const struct expr *expr,
                        struct unit *unit)
{
    struct unit base;
    double power = 0.5;
    if (!guess(s, expr->arguments[0], &base))
        return false;
    if (dimensionless(&base)) {
        *unit = UNIT_ONE;
        return true;
    }
    return (expr->op == OP_SQRT || constant_of(expr->arguments[1], &power)) &&
           unit_power(&base, power, unit) == ERR_OK;
}

/* The unit of an expression as far as it is known before all states have theirs. */
static bool guess(const struct syntax *s, const struct expr *expr, struct unit *unit)
{
    struct unit a, b;
    switch (expr->op) {
    case OP_NUMBER:
        *unit = expr->unit ? expr->unit->unit : UNIT_ONE;
        return expr->unit || expr->number != 0;
    case OP_NAME:
        return guess_name(s, expr, unit);
    case OP_MULTIPLY:
    case OP_DIVIDE:
        return guess(s, expr->arguments[0], &a) && guess(s, expr->arguments[1], &b) &&
               (expr->op == OP_MULTIPLY ? unit_multiply : unit_divide)(&a, &b, unit) ==
                   ERR_OK;
    case OP_POWER:
    case OP_SQRT:
        return guess_power(s, expr, unit);
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_NEGATE:
    case OP_ABS:
    case OP_MIN:
    case OP_MAX:
    case OP_MOD:
    case OP_SELECT:
    case OP_PIECEWISE:
    case OP_TABLE:
        for (size_t i = expr->op == OP_SELECT; i < expr->count;
             i += expr->op == OP_PIECEWISE || expr->op == OP_TABLE ? 2 : 1)
            if (guess(s, expr->arguments[i], unit))
                return true;
        return false;
    default:
        *unit = UNIT_ONE;
        return true;
    }
}

/* From the doses that enter it: the dose's unit, times that of a fraction that has one.
 */
static bool state_from_doses(const struct syntax *s, struct state_line *line)
{
    size_t state = (size_t)(line - s->states);
    for (size_t i = 0; i < s->input_count; i++) {
        const struct input_line *input = &s->inputs[i];
        struct unit fraction = UNIT_ONE;
        if (!input->state || input->into != state ||
            (input->fraction && !guess(s, input->fraction, &fraction)))
            continue;
        if (dimensionless(&fraction))
            line->of = input->unit.unit;
        else if (unit_multiply(&input->unit.unit, &fraction, &line->of) != ERR_OK ||
                 unit_tidy(&line->of, &line->of) != ERR_OK)
            continue;
        return true;
    }
    return false;
}

/* From formulas, whose units may depend on other states' in turn. */
static bool state_from_formulas(const struct syntax *s, struct state_line *line)
{
    struct unit unit;
    if (line->init && guess(s, line->init, &unit))
        return unit_tidy(&unit, &line->of) == ERR_OK;
    return guess(s, line->rate, &unit) &&
           unit_multiply(&unit, &s->time.unit, &unit) == ERR_OK &&
           unit_tidy(&unit, &line->of) == ERR_OK;
}

static bool settle_quantities(struct syntax *s)
{
    bool moved = false;
    for (size_t i = 0; i < s->quantity_count; i++) {
        struct quantity_line *line = &s->quantities[s->order[i]];
        if (line->type != TYPE_UNKNOWN)
            continue;
        if (line->unit.text)
            line->of = line->unit.unit;
        else if (!guess(s, line->expr, &line->of))
            continue;
        line->type = TYPE_UNIT;
        moved = true;
    }
    return moved;
}

/* Quantities get a first guess of theirs on the way. Each turn settles at least one
 * thing, or it is the last. */
enum err measure_states(struct model *model)
{
    struct syntax *s = model->syntax;
    for (bool moved = true; moved;) {
        moved = settle_quantities(s);
        for (size_t i = 0; i < s->state_count && !moved; i++) {
            struct state_line *line = &s->states[i];
            if (line->type == TYPE_UNIT)
                continue;
            if (line->unit.text)
                line->of = line->unit.unit;
            moved = line->unit.text || state_from_doses(s, line) ||
                    state_from_formulas(s, line);
            line->type = moved ? TYPE_UNIT : TYPE_UNKNOWN;
        }
    }
    for (size_t i = 0; i < s->state_count; i++)
        if (s->states[i].type != TYPE_UNIT) {
            refuse(model, s->states[i].at, E3005,
                   "the unit of %s does not follow from "
                   "anything",
                   s->states[i].name);
            return err_hint("add its unit at the end of the line, as in: unit mg");
        }
    return ERR_OK;
}
