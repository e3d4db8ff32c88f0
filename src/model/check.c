/* check - what the words of a syntax tree mean: names, the order in which quantities see
 * each other, units with the factors that convert them, and the values of every line.
 * Fills the tables that the model promises outside. Called by model.c. */

#include "model_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/spelling.h"
#include "numerics/linalg.h"

struct checker {
    struct model *model;
    struct syntax *syntax;
};

/* Where an expression stands decides what it may see. */
enum scope {
    SCOPE_INDIVIDUAL, /* no states, no time */
    SCOPE_INIT,       /* no states */
    SCOPE_MODIFIER,   /* no states, no time */
    SCOPE_EQUATION,   /* everything that has a value */
};

#define refuse(checker, ...) source_refuse(&(checker)->syntax->source, __VA_ARGS__)

static enum err arena_full(struct checker *checker)
{
    return refuse(checker, 0, E4003, "the model needs more memory than a model may");
}

/* --- names -----------------------------------------------------------------------------
 */

struct named {
    const char *name;
    size_t at;
    enum symbol_kind kind;
    size_t index;
};

/* The `position`-th declared name of the text; false past the last. */
static bool declared(const struct syntax *s, size_t position, struct named *named)
{
#define SPAN(lines, count, symbol)                                                       \
    if (position < (count)) {                                                            \
        *named = (struct named){(lines)[position].name, (lines)[position].at, symbol,    \
                                position};                                               \
        return true;                                                                     \
    }                                                                                    \
    position -= (count);
    SPAN(s->parameters, s->parameter_count, SYMBOL_PARAMETER)
    SPAN(s->covariates, s->covariate_count, SYMBOL_COVARIATE)
    SPAN(s->quantities, s->quantity_count, SYMBOL_QUANTITY)
    SPAN(s->states, s->state_count, SYMBOL_STATE)
    SPAN(s->inputs, s->input_count, SYMBOL_INPUT)
    SPAN(s->observations, s->observation_count, SYMBOL_OBSERVATION)
#undef SPAN
    return false;
}

static bool reserved(const char *name)
{
    static const char *const words[] = {"time", "pi", "and",       "or",
                                        "not",  "if", "piecewise", "otherwise"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(name, words[i]) == 0)
            return true;
    for (int op = OP_NEGATE; op < OP_COUNT; op++) {
        const char *function = function_name((enum op)op);
        if (*function >= 'a' && *function <= 'z' && strcmp(name, function) == 0)
            return true;
    }
    return false;
}

static enum err check_names(struct checker *checker)
{
    struct named one, other;
    for (size_t i = 0; declared(checker->syntax, i, &one); i++) {
        if (reserved(one.name))
            return refuse(checker, one.at, E2003, "%s is a word of the language",
                          one.name);
        for (size_t j = 0; j < i && declared(checker->syntax, j, &other); j++)
            if (strcmp(one.name, other.name) == 0) {
                size_t line, column, later = one.at > other.at ? one.at : other.at;
                source_place(&checker->syntax->source,
                             one.at > other.at ? other.at : one.at, &line, &column);
                return refuse(checker, later, E2002, "%s is declared already in line %zu",
                              one.name, line);
            }
    }
    return ERR_OK;
}

static enum err unknown_name(struct checker *checker, size_t at, const char *name)
{
    struct named one;
    size_t count = 0;
    while (declared(checker->syntax, count, &one))
        count++;
    const char **names = mem_new(count, sizeof *names);
    for (size_t i = 0; declared(checker->syntax, i, &one); i++)
        names[i] = one.name;
    const char *near = spelling_nearest(name, names, count);
    mem_free(names);
    refuse(checker, at, E2001, "nothing is called %s", name);
    return near ? err_hint("did you mean %s?", near) : err_code();
}

static bool find_name(const struct checker *checker, const char *name,
                      struct named *named)
{
    for (size_t i = 0; declared(checker->syntax, i, named); i++)
        if (strcmp(named->name, name) == 0)
            return true;
    return false;
}

/* --- resolving: names to things, once per expression
 * -------------------------------------- */

/* What an expression leans on, so far. */
struct leaning {
    bool state, time;
};

static enum err resolve_name(struct checker *checker, struct expr *expr, enum scope scope,
                             struct leaning *leaning)
{
    struct named named;
    const struct quantity_line *quantity = NULL;
    if (strcmp(expr->name, "time") == 0)
        named = (struct named){"time", 0, SYMBOL_TIME, 0};
    else if (strcmp(expr->name, "pi") == 0)
        named = (struct named){"pi", 0, SYMBOL_PI, 0};
    else if (!find_name(checker, expr->name, &named))
        return unknown_name(checker, expr->at, expr->name);
    if (named.kind == SYMBOL_INPUT || named.kind == SYMBOL_OBSERVATION)
        return refuse(checker, expr->at, E2005, "%s is %s and has no value in a formula",
                      expr->name,
                      named.kind == SYMBOL_INPUT ? "a dose" : "an observation");
    if (named.kind == SYMBOL_QUANTITY)
        quantity = &checker->syntax->quantities[named.index];
    bool state = named.kind == SYMBOL_STATE || (quantity && quantity->uses_state);
    bool time = named.kind == SYMBOL_TIME || (quantity && quantity->uses_time);
    leaning->state |= state;
    leaning->time |= time;
    if (state && scope != SCOPE_EQUATION)
        return refuse(checker, expr->at, E2005,
                      "%s depends on states, which have no value "
                      "yet here",
                      expr->name);
    if (time && (scope == SCOPE_INDIVIDUAL || scope == SCOPE_MODIFIER))
        return refuse(checker, expr->at, E2005,
                      "%s changes in time; here a value is fixed "
                      "once for a patient",
                      expr->name);
    expr->symbol = named.kind;
    expr->index = named.index;
    return ERR_OK;
}

static enum err resolve(struct checker *checker, struct expr *expr, enum scope scope,
                        struct leaning *leaning)
{
    if (expr->op == OP_NAME)
        return resolve_name(checker, expr, scope, leaning);
    for (size_t i = 0; i < expr->count; i++)
        if (resolve(checker, expr->arguments[i], scope, leaning) != ERR_OK)
            return err_code();
    return ERR_OK;
}

/* --- order
 * ---------------------------------------------------------------------------------- */

static enum err visit(struct checker *checker, size_t at, size_t *placed);

/* Visit the quantities an expression names, before it. */
static enum err visit_expr(struct checker *checker, const struct expr *expr,
                           size_t *placed)
{
    struct named named;
    if (expr->op == OP_NAME && find_name(checker, expr->name, &named) &&
        named.kind == SYMBOL_QUANTITY) {
        if (checker->syntax->quantities[named.index].mark == 1)
            return refuse(checker, expr->at, E2004, "%s depends on itself", expr->name);
        return visit(checker, named.index, placed);
    }
    for (size_t i = 0; i < expr->count; i++)
        if (visit_expr(checker, expr->arguments[i], placed) != ERR_OK)
            return err_code();
    return ERR_OK;
}

/* Depth first; as many deep as there are quantities at most, each a few frames. */
static enum err visit(struct checker *checker, size_t at, size_t *placed)
{
    struct quantity_line *line = &checker->syntax->quantities[at];
    struct leaning leaning = {false, false};
    if (line->mark == 2)
        return ERR_OK;
    line->mark = 1;
    if (visit_expr(checker, line->expr, placed) != ERR_OK ||
        resolve(checker, line->expr, line->individual ? SCOPE_INDIVIDUAL : SCOPE_EQUATION,
                &leaning) != ERR_OK)
        return err_code();
    line->uses_state = leaning.state;
    line->uses_time = leaning.time;
    line->mark = 2;
    checker->syntax->order[(*placed)++] = at;
    return ERR_OK;
}

static enum err resolve_or_none(struct checker *checker, struct expr *expr,
                                enum scope scope)
{
    struct leaning leaning = {false, false};
    return expr ? resolve(checker, expr, scope, &leaning) : ERR_OK;
}

static enum err resolve_all(struct checker *checker)
{
    struct syntax *s = checker->syntax;
    size_t placed = 0;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < s->quantity_count; i++)
        err = visit(checker, i, &placed);
    for (size_t i = 0; err == ERR_OK && i < s->state_count; i++) {
        err = resolve_or_none(checker, s->states[i].rate, SCOPE_EQUATION);
        if (err == ERR_OK)
            err = resolve_or_none(checker, s->states[i].init, SCOPE_INIT);
    }
    for (size_t i = 0; err == ERR_OK && i < s->input_count; i++) {
        err = resolve_or_none(checker, s->inputs[i].fraction, SCOPE_MODIFIER);
        if (err == ERR_OK)
            err = resolve_or_none(checker, s->inputs[i].lag, SCOPE_MODIFIER);
        if (err == ERR_OK)
            err = resolve_or_none(checker, s->inputs[i].over, SCOPE_MODIFIER);
    }
    for (size_t i = 0; err == ERR_OK && i < s->observation_count; i++)
        err = resolve_or_none(checker, s->observations[i].expr, SCOPE_EQUATION);
    return err;
}

/* --- units
 * ---------------------------------------------------------------------------------- */

static bool dimensionless(const struct unit *unit)
{
    return unit_same_dimension(unit, &UNIT_ONE);
}

static const char *unit_text(struct checker *checker, const struct unit *unit)
{
    char text[256];
    unit_format(unit, text, sizeof text);
    const char *kept = arena_text(checker->syntax->arena, text, strlen(text));
    return kept ? kept : "";
}

/* What stands above sees this expression in `target` from now on. */
static enum err convert(struct checker *checker, struct expr *expr,
                        const struct unit *target, enum model_error number,
                        const char *what)
{
    double factor;
    if (expr->type == TYPE_CONDITION)
        return refuse(checker, expr->at, E3008,
                      "a condition stands where %s needs a number", what);
    if (expr->type == TYPE_ANY) {
        expr->type = TYPE_UNIT;
        expr->of = *target;
        return ERR_OK;
    }
    if (unit_factor(&expr->of, target, &factor) != ERR_OK)
        return refuse(checker, expr->at, number, "%s needs %s, this is %s", what,
                      unit_text(checker, target), unit_text(checker, &expr->of));
    if (fabs(factor - 1) > 1e-15) {
        struct model *model = checker->model;
        MEM_GROW(model->inserted, model->inserted_count + 1, &model->inserted_capacity);
        model->inserted[model->inserted_count++] = (struct inserted){
            expr->at, factor, unit_text(checker, &expr->of), unit_text(checker, target)};
        expr->factor *= factor;
    }
    expr->of = *target;
    return ERR_OK;
}

static enum err unit_too_big(struct checker *checker, const struct expr *expr)
{
    return refuse(checker, expr->at, E3009,
                  "the unit of this has too many different names");
}

static enum err measure(struct checker *checker, struct expr *expr);

static enum err measure_name(struct checker *checker, struct expr *expr)
{
    const struct syntax *s = checker->syntax;
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
    case SYMBOL_QUANTITY:
        expr->type = s->quantities[expr->index].type;
        expr->of = s->quantities[expr->index].of;
        break;
    default:
        expr->of = UNIT_ONE;
    }
    return ERR_OK;
}

/* All of arguments[from, from + step, ...] in the unit of the first that has one. */
static enum err align(struct checker *checker, struct expr *expr, size_t from,
                      size_t step, const char *what)
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
            return refuse(checker, argument->at, E3008,
                          "a condition stands where %s needs a number", what);
        if (first && convert(checker, argument, &expr->of, E3001, what) != ERR_OK)
            return err_code();
    }
    return ERR_OK;
}

static enum err need_condition(struct checker *checker, const struct expr *expr)
{
    return expr->type == TYPE_CONDITION
               ? ERR_OK
               : refuse(checker, expr->at, E3008,
                        "a number stands where a condition is needed");
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

static enum err measure_power(struct checker *checker, struct expr *expr)
{
    struct expr *base = expr->arguments[0], *exponent = expr->arguments[1];
    double power;
    if (convert(checker, exponent, &UNIT_ONE, E3002, "an exponent") != ERR_OK)
        return err_code();
    expr->type = TYPE_UNIT;
    if (base->type == TYPE_ANY || (base->type == TYPE_UNIT && dimensionless(&base->of))) {
        expr->of = UNIT_ONE;
        return convert(checker, base, &UNIT_ONE, E3002, "a power");
    }
    if (base->type == TYPE_CONDITION)
        return refuse(checker, base->at, E3008, "a condition has no powers");
    if (!constant_of(exponent, &power))
        return refuse(checker, exponent->at, E3003,
                      "the exponent of %s has to be a constant number",
                      unit_text(checker, &base->of));
    return unit_power(&base->of, power, &expr->of) == ERR_OK
               ? ERR_OK
               : unit_too_big(checker, expr);
}

static enum err measure_product(struct checker *checker, struct expr *expr)
{
    struct expr *const *pair = expr->arguments;
    for (size_t i = 0; i < 2; i++) {
        if (pair[i]->type == TYPE_CONDITION)
            return refuse(checker, pair[i]->at, E3008,
                          "a condition stands where %s needs a number",
                          function_name(expr->op));
        if (pair[i]->type == TYPE_ANY && expr->op == OP_DIVIDE && i == 1)
            return refuse(checker, pair[i]->at, E4004, "a division by 0");
    }
    if (pair[0]->type == TYPE_ANY || pair[1]->type == TYPE_ANY) {
        expr->type = TYPE_ANY; /* 0 times anything is 0 of any unit */
        expr->of = UNIT_ONE;
        return ERR_OK;
    }
    expr->type = TYPE_UNIT;
    enum err err = (expr->op == OP_MULTIPLY ? unit_multiply : unit_divide)(
        &pair[0]->of, &pair[1]->of, &expr->of);
    return err == ERR_OK ? ERR_OK : unit_too_big(checker, expr);
}

static enum err measure_choice(struct checker *checker, struct expr *expr)
{
    bool select = expr->op == OP_SELECT;
    for (size_t i = select ? 0 : 1; i + 1 < expr->count && (!select || i == 0); i += 2)
        if (need_condition(checker, expr->arguments[i]) != ERR_OK)
            return err_code();
    /* if: values are 1 and 2; piecewise: 0, 2, 4, ... and the last */
    return align(checker, expr, select ? 1 : 0, select ? 1 : 2, function_name(expr->op));
}

static enum err measure_compare(struct checker *checker, struct expr *expr)
{
    if (align(checker, expr, 0, 1, "a comparison") != ERR_OK)
        return err_code();
    expr->type = TYPE_CONDITION;
    return ERR_OK;
}

static enum err measure_logic(struct checker *checker, struct expr *expr)
{
    for (size_t i = 0; i < expr->count; i++)
        if (need_condition(checker, expr->arguments[i]) != ERR_OK)
            return err_code();
    expr->type = TYPE_CONDITION;
    return ERR_OK;
}

static enum err measure_function(struct checker *checker, struct expr *expr)
{
    expr->type = TYPE_UNIT;
    expr->of = UNIT_ONE;
    return convert(checker, expr->arguments[0], &UNIT_ONE, E3002,
                   function_name(expr->op));
}

static enum err measure_root(struct checker *checker, struct expr *expr)
{
    struct expr *argument = expr->arguments[0];
    if (argument->type != TYPE_UNIT)
        return measure_function(checker, expr);
    expr->type = TYPE_UNIT;
    return unit_power(&argument->of, 0.5, &expr->of) == ERR_OK
               ? ERR_OK
               : unit_too_big(checker, expr);
}

static enum err measure_operation(struct checker *checker, struct expr *expr)
{
    switch (expr->op) {
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_NEGATE:
    case OP_ABS:
    case OP_MIN:
    case OP_MAX:
    case OP_MOD:
        return align(checker, expr, 0, 1, function_name(expr->op));
    case OP_MULTIPLY:
    case OP_DIVIDE:
        return measure_product(checker, expr);
    case OP_POWER:
        return measure_power(checker, expr);
    case OP_SQRT:
        return measure_root(checker, expr);
    case OP_SELECT:
    case OP_PIECEWISE:
        return measure_choice(checker, expr);
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL:
    case OP_EQUAL:
    case OP_UNEQUAL:
        return measure_compare(checker, expr);
    case OP_AND:
    case OP_OR:
    case OP_NOT:
        return measure_logic(checker, expr);
    default:
        return measure_function(checker, expr);
    }
}

static enum err measure(struct checker *checker, struct expr *expr)
{
    for (size_t i = 0; i < expr->count; i++)
        if (measure(checker, expr->arguments[i]) != ERR_OK)
            return err_code();
    if (expr->op == OP_NAME)
        return measure_name(checker, expr);
    if (expr->op != OP_NUMBER)
        return measure_operation(checker, expr);
    expr->type = expr->number == 0 && !expr->unit ? TYPE_ANY : TYPE_UNIT;
    expr->of = expr->unit ? expr->unit->unit : UNIT_ONE;
    return ERR_OK;
}

/* --- the units of states
 * ---------------------------------------------------------------------- */

/* The unit of an expression as far as it is known before all states have theirs. */
static bool guess(const struct checker *checker, const struct expr *expr,
                  struct unit *unit)
{
    const struct syntax *s = checker->syntax;
    struct unit a, b;
    double power;
    size_t first = expr->op == OP_SELECT ? 1 : 0;
    switch (expr->op) {
    case OP_NUMBER:
        *unit = expr->unit ? expr->unit->unit : UNIT_ONE;
        return expr->unit || expr->number != 0;
    case OP_NAME:
        *unit = expr->symbol == SYMBOL_PARAMETER   ? s->parameters[expr->index].unit.unit
                : expr->symbol == SYMBOL_COVARIATE ? s->covariates[expr->index].unit.unit
                : expr->symbol == SYMBOL_STATE     ? s->states[expr->index].of
                : expr->symbol == SYMBOL_QUANTITY  ? s->quantities[expr->index].of
                : expr->symbol == SYMBOL_TIME      ? s->time.unit
                                                   : UNIT_ONE;
        return !(expr->symbol == SYMBOL_STATE &&
                 s->states[expr->index].type != TYPE_UNIT) &&
               !(expr->symbol == SYMBOL_QUANTITY &&
                 s->quantities[expr->index].type != TYPE_UNIT);
    case OP_MULTIPLY:
    case OP_DIVIDE:
        return guess(checker, expr->arguments[0], &a) &&
               guess(checker, expr->arguments[1], &b) &&
               (expr->op == OP_MULTIPLY ? unit_multiply : unit_divide)(&a, &b, unit) ==
                   ERR_OK;
    case OP_POWER:
    case OP_SQRT:
        if (!guess(checker, expr->arguments[0], &a))
            return false;
        *unit = UNIT_ONE;
        power = 0.5;
        if (dimensionless(&a))
            return true;
        return (expr->op == OP_SQRT || constant_of(expr->arguments[1], &power)) &&
               unit_power(&a, power, unit) == ERR_OK;
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_NEGATE:
    case OP_ABS:
    case OP_MIN:
    case OP_MAX:
    case OP_MOD:
    case OP_SELECT:
    case OP_PIECEWISE:
        for (size_t i = first; i < expr->count; i += expr->op == OP_PIECEWISE ? 2 : 1)
            if (guess(checker, expr->arguments[i], unit))
                return true;
        return false;
    default:
        *unit = UNIT_ONE;
        return true;
    }
}

/* From what the state's own line and its doses say. */
static void state_from_text(struct checker *checker, struct state_line *line)
{
    const struct syntax *s = checker->syntax;
    if (line->unit.text) {
        line->of = line->unit.unit;
        line->type = TYPE_UNIT;
    }
    for (size_t i = 0; line->type != TYPE_UNIT && i < s->input_count; i++)
        if (strcmp(s->inputs[i].state, line->name) == 0) {
            line->of = s->inputs[i].unit.unit;
            line->type = TYPE_UNIT;
        }
}

/* From formulas, whose units may depend on other states' in turn. */
static bool state_from_formulas(struct checker *checker, struct state_line *line)
{
    struct unit unit;
    if (line->init && guess(checker, line->init, &unit))
        line->of = unit;
    else if (!guess(checker, line->rate, &unit) ||
             unit_multiply(&unit, &checker->syntax->time.unit, &line->of) != ERR_OK)
        return false;
    line->type = TYPE_UNIT;
    return true;
}

/* The unit of every state; quantities get a first guess of theirs on the way. Each turn
 * settles at least one thing, or it is the last. */
static enum err state_units(struct checker *checker)
{
    struct syntax *s = checker->syntax;
    for (size_t i = 0; i < s->state_count; i++)
        state_from_text(checker, &s->states[i]);
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < s->quantity_count; i++) {
            struct quantity_line *line = &s->quantities[s->order[i]];
            if (line->type != TYPE_UNIT && guess(checker, line->expr, &line->of)) {
                line->type = TYPE_UNIT;
                moved = true;
            }
        }
        for (size_t i = 0; i < s->state_count && !moved; i++)
            if (s->states[i].type != TYPE_UNIT)
                moved = state_from_formulas(checker, &s->states[i]);
    }
    for (size_t i = 0; i < s->state_count; i++)
        if (s->states[i].type != TYPE_UNIT)
            return refuse(checker, s->states[i].at, E3005, "the unit of %s is not known",
                          s->states[i].name);
    return ERR_OK;
}

/* --- quantities and states
 * --------------------------------------------------------------------- */

static enum err measure_quantity(struct checker *checker, size_t index)
{
    struct quantity_line *line = &checker->syntax->quantities[index];
    if (measure(checker, line->expr) != ERR_OK)
        return err_code();
    if (line->expr->type == TYPE_CONDITION) {
        if (line->unit.text)
            return refuse(checker, line->unit.at, E3008, "a condition has no unit");
        line->type = TYPE_CONDITION;
        line->of = UNIT_ONE;
    } else {
        const struct unit *target = line->unit.text ? &line->unit.unit : &line->expr->of;
        struct unit unit = *target;
        if (convert(checker, line->expr, &unit, E3001, line->name) != ERR_OK)
            return err_code();
        line->type = TYPE_UNIT;
        line->of = unit;
    }
    checker->model->derived[index] = (struct model_output){
        line->name, line->unit.text ? line->unit.text : unit_text(checker, &line->of),
        line->label};
    return ERR_OK;
}

static enum err measure_state(struct checker *checker, size_t index)
{
    struct state_line *line = &checker->syntax->states[index];
    struct unit rate;
    if (measure(checker, line->rate) != ERR_OK)
        return err_code();
    if (unit_divide(&line->of, &checker->syntax->time.unit, &rate) != ERR_OK)
        return unit_too_big(checker, line->rate);
    if (convert(checker, line->rate, &rate, E3006, "the rate of a state") != ERR_OK)
        return err_code();
    if (line->init &&
        (measure(checker, line->init) != ERR_OK ||
         convert(checker, line->init, &line->of, E3001, "the initial value") != ERR_OK))
        return err_code();
    checker->model->states[index] = (struct model_output){
        line->name, line->unit.text ? line->unit.text : unit_text(checker, &line->of),
        line->label};
    return ERR_OK;
}

/* --- parameters
 * ---------------------------------------------------------------------------------- */

static enum err transform_fits(struct checker *checker, const struct parameter_line *line,
                               double low, double high)
{
    if (line->transform == TRANSFORM_LOG && !(line->value > 0 && low >= 0))
        return refuse(checker, line->value_at, E4002,
                      "a parameter on the log scale is positive");
    if (line->transform == TRANSFORM_LOGIT &&
        !(line->bounded && line->value > low && line->value < high))
        return refuse(checker, line->value_at, E4002,
                      "a parameter on the logit scale lies strictly between two bounds");
    return ERR_OK;
}

static enum err spread_sd(struct checker *checker, const struct parameter_line *line,
                          double *sd)
{
    double factor = 1, value = line->spread_value;
    if (!(value > 0))
        return refuse(checker, line->spread_at, E4002, "a spread is positive");
    if (line->spread_unit.text &&
        unit_factor(&line->spread_unit.unit, &line->unit.unit, &factor) != ERR_OK)
        return refuse(checker, line->spread_unit.at, E3001,
                      "the spread of %s has the unit of the parameter, %s", line->name,
                      line->unit.text);
    *sd = line->spread_is_cv ? sqrt(log1p(value * value)) : value * factor;
    return ERR_OK;
}

static enum err effects_of(struct checker *checker, const struct parameter_line *line,
                           struct model_parameter *parameter)
{
    struct named named;
    for (size_t i = 0; i < line->on_count; i++) {
        if (!find_name(checker, line->on[i].name, &named))
            return unknown_name(checker, line->on[i].at, line->on[i].name);
        if (named.kind != SYMBOL_COVARIATE)
            return refuse(checker, line->on[i].at, E4002, "%s is not a covariate",
                          line->on[i].name);
        if (parameter->covariates >> named.index & 1)
            return refuse(checker, line->on[i].at, E4002, "%s is named twice",
                          line->on[i].name);
        parameter->covariates |= 1u << named.index;
    }
    if (line->on_count && line->spread != SPREAD_INDIVIDUAL)
        return refuse(checker, line->on[0].at, E4002,
                      "only a parameter that differs between patients has covariates");
    return ERR_OK;
}

static enum err check_parameter(struct checker *checker, size_t index)
{
    const struct parameter_line *line = &checker->syntax->parameters[index];
    static const enum parameter_kind kinds[] = {PARAMETER_FIXED, PARAMETER_POPULATION,
                                                PARAMETER_INDIVIDUAL};
    struct model_parameter parameter = {
        .name = line->name,
        .unit = line->unit.text,
        .label = line->label,
        .kind = kinds[line->spread],
        .transform = line->spread == SPREAD_FIXED ? TRANSFORM_IDENTITY : line->transform,
        .typical = line->value,
        .low = line->bounded                      ? line->low
               : line->transform == TRANSFORM_LOG ? 0
                                                  : -INFINITY,
        .high = line->bounded ? line->high : INFINITY,
    };
    if (line->bounded && !(line->low < line->high))
        return refuse(checker, line->low_at, E4001,
                      "the bounds are not in ascending order");
    if (line->spread != SPREAD_FIXED &&
        transform_fits(checker, line, parameter.low, parameter.high) != ERR_OK)
        return err_code();
    if (line->value < parameter.low || line->value > parameter.high)
        return refuse(checker, line->value_at, E4001, "%s lies outside its bounds",
                      line->name);
    if (line->spread == SPREAD_INDIVIDUAL &&
        spread_sd(checker, line, &parameter.between_sd) != ERR_OK)
        return err_code();
    if (effects_of(checker, line, &parameter) != ERR_OK)
        return err_code();
    checker->model->parameters[index] = parameter;
    return ERR_OK;
}

/* --- correlations
 * ---------------------------------------------------------------------------------- */

static enum err correlate(struct checker *checker, const struct correlated_line *line,
                          size_t a, size_t b, size_t at)
{
    struct model *model = checker->model;
    if (a == b || model->correlated[a][b])
        return refuse(checker, at, E2009, "this pair is correlated already");
    model->correlated[a][b] = model->correlated[b][a] = true;
    model->correlation[a][b] = model->correlation[b][a] = line->correlation;
    return ERR_OK;
}

static enum err correlated_index(struct checker *checker, const struct place *place,
                                 size_t *index)
{
    struct named named;
    if (!find_name(checker, place->name, &named))
        return unknown_name(checker, place->at, place->name);
    if (named.kind != SYMBOL_PARAMETER ||
        checker->model->parameters[named.index].kind != PARAMETER_INDIVIDUAL)
        return refuse(checker, place->at, E2009,
                      "%s is not a parameter that differs between patients", place->name);
    *index = named.index;
    return ERR_OK;
}

static enum err correlate_all(struct checker *checker, const struct correlated_line *line)
{
    const struct model *model = checker->model;
    size_t count = checker->syntax->parameter_count;
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < a; b++)
            if (model->parameters[a].kind == PARAMETER_INDIVIDUAL &&
                model->parameters[b].kind == PARAMETER_INDIVIDUAL &&
                correlate(checker, line, a, b, line->at) != ERR_OK)
                return err_code();
    return ERR_OK;
}

static enum err check_correlated(struct checker *checker,
                                 const struct correlated_line *line)
{
    size_t index[MODEL_PARAMETERS_MAX];
    if (!(line->correlation > -1 && line->correlation < 1))
        return refuse(checker, line->at, E4005, "a correlation lies between -1 and 1");
    if (line->all)
        return correlate_all(checker, line);
    if (line->count < 2)
        return refuse(checker, line->at, E2009, "it takes two names to correlate");
    for (size_t i = 0; i < line->count; i++)
        if (correlated_index(checker, &line->names[i], &index[i]) != ERR_OK)
            return err_code();
    for (size_t i = 0; i < line->count; i++)
        for (size_t j = 0; j < i; j++)
            if (correlate(checker, line, index[i], index[j], line->names[i].at) != ERR_OK)
                return err_code();
    return ERR_OK;
}

static enum err correlations_fit(struct checker *checker)
{
    const struct model *model = checker->model;
    size_t n = checker->syntax->parameter_count;
    double matrix[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    if (checker->syntax->correlated_count == 0)
        return ERR_OK;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++)
            matrix[a * n + b] = a == b ? 1 : model->correlation[a][b];
    return linalg_cholesky(n, matrix) == ERR_OK
               ? ERR_OK
               : refuse(checker, checker->syntax->correlated[0].at, E4005,
                        "the correlations together are not those of anything");
}

/* --- covariates and doses
 * ------------------------------------------------------------------------------ */

static enum err check_covariate(struct checker *checker, size_t index)
{
    const struct covariate_line *line = &checker->syntax->covariates[index];
    if (!(line->scale > 0))
        return refuse(checker, line->scale_at, E4009, "a scale is positive");
    checker->model->covariates[index] = (struct model_covariate){
        line->name,        line->unit.text,     line->label,  line->hold,
        line->has_default, line->default_value, line->centre, line->scale};
    return ERR_OK;
}

static enum err check_modifier(struct checker *checker, struct expr *expr,
                               const struct unit *unit, const char *what)
{
    if (!expr)
        return ERR_OK;
    return measure(checker, expr) == ERR_OK ? convert(checker, expr, unit, E3001, what)
                                            : err_code();
}

static enum err check_input(struct checker *checker, size_t index)
{
    struct input_line *line = &checker->syntax->inputs[index];
    const struct unit *time = &checker->syntax->time.unit;
    struct named named;
    double factor, number = line->converted ? line->number : 1;
    if (!find_name(checker, line->state, &named))
        return unknown_name(checker, line->state_at, line->state);
    if (named.kind != SYMBOL_STATE)
        return refuse(checker, line->state_at, E2001, "%s is not a state", line->state);
    if (!(number > 0))
        return refuse(checker, line->number_at, E4009, "a conversion number is positive");
    if (unit_factor(&line->unit.unit, &checker->syntax->states[named.index].of,
                    &factor) != ERR_OK)
        return refuse(checker, line->unit.at, E3007, "%s comes in %s, %s is in %s",
                      line->name, line->unit.text, line->state,
                      checker->model->states[named.index].unit);
    if (check_modifier(checker, line->fraction, &UNIT_ONE, "a fraction") != ERR_OK ||
        check_modifier(checker, line->lag, time, "a lag") != ERR_OK ||
        check_modifier(checker, line->over, time, "a duration") != ERR_OK)
        return err_code();
    bool constant = line->over && line->over->op == OP_NUMBER;
    checker->model->inputs[index] = (struct model_input){
        .name = line->name,
        .unit = checker->model->states[named.index].unit,
        .label = line->label,
        .state = named.index,
        .accepted_unit = line->converted ? line->from.text : line->unit.text,
        .accepted_factor = number * factor,
        .default_duration = constant ? line->over->number * line->over->factor : 0,
    };
    return ERR_OK;
}

/* --- observations
 * ------------------------------------------------------------------------------------------
 */

/* The check digit of every code: Luhn's, as LOINC defines it ("mod 10"). */
static bool loinc_code_sound(const char *code, size_t size)
{
    unsigned sum = 0;
    if (size < 3 || code[size - 2] != '-')
        return false;
    for (size_t i = 0; i < size; i++)
        if (i != size - 2 && (code[i] < '0' || code[i] > '9'))
            return false;
    for (size_t i = 0; i < size - 2; i++) {
        unsigned digit = (unsigned)(code[size - 3 - i] - '0') * (i % 2 == 0 ? 2 : 1);
        sum += digit / 10 + digit % 10;
    }
    return (10 - sum % 10) % 10 == (unsigned)(code[size - 1] - '0');
}

static enum err check_codes(struct checker *checker, const struct observation_line *line)
{
    for (const char *at = line->loinc; at && *at;) {
        size_t size = strcspn(at, ",");
        if (!loinc_code_sound(at, size))
            return refuse(checker, line->loinc_at, E4008, "%.*s is not a LOINC code",
                          (int)size, at);
        at += size;
        at += strspn(at, ", ");
    }
    return ERR_OK;
}

static enum err residual_fits(struct checker *checker,
                              const struct observation_line *line,
                              const struct unit *unit, double *additive)
{
    double factor = 1;
    bool lognormal = line->residual == RESIDUAL_LOGNORMAL;
    const struct unit *scale = lognormal ? &UNIT_ONE : unit;
    if (line->additive_unit.text) {
        if (unit_factor(&line->additive_unit.unit, scale, &factor) != ERR_OK)
            return refuse(checker, line->additive_unit.at, E4006,
                          "the additive error of %s has the unit of what is observed, %s",
                          line->name, unit_text(checker, scale));
    } else if (line->has_additive && !lognormal && !dimensionless(unit)) {
        return refuse(checker, line->residual_at, E4006,
                      "the additive error of %s needs its unit, %s", line->name,
                      unit_text(checker, scale));
    }
    *additive = line->additive * factor;
    double parts[] = {line->additive, line->proportional};
    bool has[] = {line->has_additive, line->has_proportional};
    bool fixed[] = {line->additive_fixed, line->proportional_fixed};
    for (size_t i = 0; i < 2; i++)
        if (has[i] && !(parts[i] > 0) &&
            !(parts[i] == 0 && fixed[i] && has[1 - i] && parts[1 - i] > 0))
            return refuse(checker, line->residual_at, E4006,
                          "a residual error is positive");
    return ERR_OK;
}

static enum err limits_fit(struct checker *checker, const struct observation_line *line,
                           const struct unit *unit, struct model_observation *out)
{
    const struct {
        bool has;
        double value;
        const struct unit_text *unit;
        double *to;
    } limits[] = {{line->has_low, line->low, &line->low_unit, &out->limit_low},
                  {line->has_high, line->high, &line->high_unit, &out->limit_high}};
    out->limit_low = -INFINITY;
    out->limit_high = INFINITY;
    for (size_t i = 0; i < 2; i++) {
        double factor;
        if (!limits[i].has)
            continue;
        if (unit_factor(&limits[i].unit->unit, unit, &factor) != ERR_OK)
            return refuse(checker, limits[i].unit->at, E3001,
                          "a detection limit of %s has the unit of what is observed, %s",
                          line->name, unit_text(checker, unit));
        *limits[i].to = limits[i].value * factor;
    }
    return out->limit_low < out->limit_high
               ? ERR_OK
               : refuse(checker, line->limit_at, E4007,
                        "the detection limits are not in ascending order");
}

static enum err check_observation(struct checker *checker, size_t index)
{
    struct observation_line *line = &checker->syntax->observations[index];
    if (measure(checker, line->expr) != ERR_OK)
        return err_code();
    struct unit unit = line->unit.text ? line->unit.unit : line->expr->of;
    if (line->residual == RESIDUAL_BERNOULLI)
        unit = UNIT_ONE;
    if (convert(checker, line->expr, &unit, E3001, line->name) != ERR_OK)
        return err_code();
    struct model_observation out = {
        .name = line->name,
        .unit = line->unit.text ? line->unit.text : unit_text(checker, &unit),
        .label = line->label,
        .loinc = line->loinc,
        .residual = line->residual,
        .proportional = line->proportional,
        .additive_fixed = line->additive_fixed,
        .proportional_fixed = line->proportional_fixed,
    };
    if (residual_fits(checker, line, &unit, &out.additive) != ERR_OK ||
        limits_fit(checker, line, &unit, &out) != ERR_OK ||
        check_codes(checker, line) != ERR_OK)
        return err_code();
    checker->model->observations[index] = out;
    return ERR_OK;
}

/* --- [what-if]
 * ------------------------------------------------------------------------------------------------
 */

static enum err check_range(struct checker *checker, const struct range_line *line)
{
    struct named named;
    const char *unit;
    double factor;
    if (!find_name(checker, line->name, &named))
        return unknown_name(checker, line->at, line->name);
    if (named.kind == SYMBOL_INPUT)
        unit = checker->model->inputs[named.index].accepted_unit;
    else if (named.kind == SYMBOL_PARAMETER)
        unit = checker->model->parameters[named.index].unit;
    else if (named.kind == SYMBOL_COVARIATE)
        unit = checker->model->covariates[named.index].unit;
    else
        return refuse(checker, line->at, E2001, "%s cannot be chosen", line->name);
    if (unit_convert(line->unit.text, unit, &factor) != ERR_OK)
        return refuse(checker, line->unit.at, E3001, "%s is given in %s", line->name,
                      unit);
    if (!(line->low < line->high))
        return refuse(checker, line->at, E4001, "the range is not in ascending order");
    if (line->stepped && !(line->step > 0))
        return refuse(checker, line->step_at, E4009, "a step is positive");
    return ERR_OK;
}

/* --- the whole
 * ------------------------------------------------------------------------------------------------
 */

static enum err check_time(struct checker *checker)
{
    struct unit second;
    if (unit_parse("s", 1, &second) != ERR_OK)
        return err_code();
    return unit_same_dimension(&checker->syntax->time.unit, &second)
               ? ERR_OK
               : refuse(checker, checker->syntax->time.at, E3001,
                        "time is measured in s, min, h, d and the like, not %s",
                        checker->syntax->time.text);
}

#define CHECK_EACH(count, call)                                                          \
    for (size_t i = 0; err == ERR_OK && i < (count); i++)                                \
    err = call

enum err model_check(struct model *model)
{
    struct syntax *s = model->syntax;
    struct checker checker = {.model = model, .syntax = s};
    enum err err = check_time(&checker);
    if (err == ERR_OK)
        err = check_names(&checker);
    CHECK_EACH(s->parameter_count, check_parameter(&checker, i));
    CHECK_EACH(s->correlated_count, check_correlated(&checker, &s->correlated[i]));
    if (err == ERR_OK)
        err = correlations_fit(&checker);
    CHECK_EACH(s->covariate_count, check_covariate(&checker, i));
    if (err == ERR_OK)
        err = resolve_all(&checker);
    if (err == ERR_OK)
        err = state_units(&checker);
    CHECK_EACH(s->quantity_count, measure_quantity(&checker, s->order[i]));
    CHECK_EACH(s->state_count, measure_state(&checker, i));
    CHECK_EACH(s->input_count, check_input(&checker, i));
    CHECK_EACH(s->observation_count, check_observation(&checker, i));
    CHECK_EACH(s->range_count, check_range(&checker, &s->ranges[i]));
    if (err == ERR_OK && !syntax_take(s, 1))
        err = arena_full(&checker);
    return err;
}
