/* print - a syntax tree as its one canonical text: comments dropped, spaces and
 * parentheses where the grammar needs them, numbers in their shortest form. Parsing what
 * it prints gives the same tree. Called by model.c. */

#include "model_impl.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct bytes *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct bytes *out, const char *format, ...)
{
    char text[4096]; /* labels and names are lines of a text of 64 KiB: longer ones in
                        parts */
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (size > 0)
        bytes_append(out, text,
                     (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
}

static void put_text(struct bytes *out, const char *text)
{
    bytes_append(out, text, strlen(text));
}

void number_print(double number, char text[NUMBER_TEXT_MAX])
{
    int digits = 1;
    for (; digits < 17; digits++) {
        snprintf(text, NUMBER_TEXT_MAX, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    /* 70 rather than 7e+01: numbers of everyday size are written out */
    if (fabs(number) >= 1 && fabs(number) < 1e15 && digits < 16)
        digits = (int)fmax(digits, floor(log10(fabs(number))) + 1);
    snprintf(text, NUMBER_TEXT_MAX, "%.*g", digits, number);
}

static void put_number(struct bytes *out, double number)
{
    char text[NUMBER_TEXT_MAX];
    number_print(number, text);
    put_text(out, text);
}

static void put_unit(struct bytes *out, const struct unit_text *unit)
{
    put_text(out, " ");
    put_text(out, unit->text);
}

static void put_label(struct bytes *out, const char *label)
{
    if (label) {
        put_text(out, "  \"");
        put_text(out, label);
        put_text(out, "\"");
    }
}

/* --- formulas ------------------------------------------------------------------------
 */

/* Binding strengths as in the grammar (parse.c): a part that binds less than its place
 * asks for is put in parentheses. */
static int strength(const struct expr *expr)
{
    switch (expr->op) {
    case OP_OR:
        return 1;
    case OP_AND:
        return 2;
    case OP_NOT:
        return 3;
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL:
    case OP_EQUAL:
    case OP_UNEQUAL:
        return 4;
    case OP_ADD:
    case OP_SUBTRACT:
        return 5;
    case OP_MULTIPLY:
    case OP_DIVIDE:
        return 6;
    case OP_NEGATE:
        return 7;
    case OP_POWER:
        return 8;
    default:
        return 9;
    }
}

static void put_expr(struct bytes *out, const struct expr *expr, int least);

static void put_infix(struct bytes *out, const struct expr *expr)
{
    int own = strength(expr);
    bool power = expr->op == OP_POWER, tight = own == 6 || power;
    put_expr(out, expr->arguments[0], power ? 9 : own == 4 ? 5 : own);
    put(out, tight ? "%s" : " %s ", function_name(expr->op));
    put_expr(out, expr->arguments[1], power ? 7 : own + 1);
}

static void put_number_expr(struct bytes *out, const struct expr *expr)
{
    put_number(out, expr->number);
    if (!expr->unit)
        return;
    const char *text = expr->unit->text;
    bool plain = true; /* a name the lexer reads as one atom after a number */
    for (const char *c = text; *c; c++)
        plain &= (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' ||
                 (*c >= '0' && *c <= '9' && c > text) || *c == '%';
    put(out, plain ? " %s" : " [%s]", text);
}

static void put_expr(struct bytes *out, const struct expr *expr, int least)
{
    bool wrapped = strength(expr) < least;
    if (wrapped)
        put_text(out, "(");
    if (expr->op == OP_NUMBER) {
        put_number_expr(out, expr);
    } else if (expr->op == OP_NAME) {
        put_text(out, expr->name);
    } else if (expr->op == OP_NEGATE) {
        put_text(out, "-");
        put_expr(out, expr->arguments[0], 7);
    } else if (expr->op == OP_NOT) {
        put_text(out, "not ");
        put_expr(out, expr->arguments[0], 3);
    } else if (strength(expr) < 9) {
        put_infix(out, expr);
    } else {
        put(out, "%s(", function_name(expr->op));
        for (size_t i = 0; i < expr->count; i++) {
            put_text(out, i ? ", " : "");
            put_expr(out, expr->arguments[i], 0);
        }
        put_text(out, ")");
    }
    if (wrapped)
        put_text(out, ")");
}

/* --- sections --------------------------------------------------------------------------
 */

static void put_parameter(struct bytes *out, const struct parameter_line *line)
{
    static const char *const spreads[] = {"normal", "lognormal", "logitnormal"};
    static const char *const scales[] = {"identity", "log", "logit"};
    put_text(out, line->name);
    put_text(out, " = ");
    put_number(out, line->value);
    put_unit(out, &line->unit);
    if (line->bounded) {
        put_text(out, " (");
        put_number(out, line->low);
        put_text(out, ", ");
        put_number(out, line->high);
        put_text(out, ")");
    }
    if (line->spread == SPREAD_FIXED) {
        put_text(out, " fixed");
    } else if (line->spread == SPREAD_POPULATION) {
        put(out, " estimated %s", scales[line->transform]);
    } else {
        put(out, " %s %s ", spreads[line->transform], line->spread_is_cv ? "cv" : "sd");
        put_number(out, line->spread_value);
        if (line->spread_unit.text)
            put_unit(out, &line->spread_unit);
    }
    for (size_t i = 0; i < line->on_count; i++)
        put(out, i ? ", %s" : " on %s", line->on[i].name);
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_correlated(struct bytes *out, const struct correlated_line *line)
{
    put_text(out, line->all ? "correlated all" : "correlated");
    for (size_t i = 0; i < line->count; i++)
        put(out, i ? ", %s" : " %s", line->names[i].name);
    if (line->said) {
        put_text(out, " ");
        put_number(out, line->correlation);
    }
    put_text(out, "\n");
}

static void put_covariate(struct bytes *out, const struct covariate_line *line)
{
    static const char *const holds[] = {"constant", "locf", "linear"};
    put_text(out, line->name);
    put_unit(out, &line->unit);
    put(out, " %s", holds[line->hold]);
    const struct {
        bool has;
        const char *word;
        double value;
    } numbers[] = {{line->has_default, "default", line->default_value},
                   {line->has_centre, "centre", line->centre},
                   {line->has_scale, "scale", line->scale}};
    for (size_t i = 0; i < 3; i++)
        if (numbers[i].has) {
            put(out, " %s ", numbers[i].word);
            put_number(out, numbers[i].value);
        }
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_quantity(struct bytes *out, const struct quantity_line *line)
{
    put_text(out, line->name);
    put_text(out, " = ");
    put_expr(out, line->expr, 0);
    if (line->unit.text) {
        put_text(out, " unit");
        put_unit(out, &line->unit);
    }
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_state(struct bytes *out, const struct state_line *line)
{
    put(out, "d/dt(%s) = ", line->name);
    put_expr(out, line->rate, 0);
    if (line->steady)
        put_text(out, " init steady");
    if (line->init) {
        put_text(out, " init ");
        put_expr(out, line->init, 0);
    }
    if (line->unit.text) {
        put_text(out, " unit");
        put_unit(out, &line->unit);
    }
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_input(struct bytes *out, const struct input_line *line)
{
    const struct {
        const char *word;
        const struct expr *expr;
    } clauses[] = {
        {"fraction", line->fraction}, {"lag", line->lag}, {"over", line->over}};
    put(out, "%s -> %s", line->name, line->state);
    put_unit(out, &line->unit);
    for (size_t i = 0; i < 3; i++)
        if (clauses[i].expr) {
            put(out, " %s ", clauses[i].word);
            put_expr(out, clauses[i].expr, 0);
        }
    if (line->converted) {
        put_text(out, " convert from");
        put_unit(out, &line->from);
        put_text(out, " by ");
        put_number(out, line->number);
    }
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_part(struct bytes *out, const char *word, double value,
                     const struct unit_text *unit, bool fixed)
{
    put_text(out, word);
    put_number(out, value);
    if (unit && unit->text)
        put_unit(out, unit);
    put_text(out, fixed ? " fixed" : "");
}

static void put_residual(struct bytes *out, const struct observation_line *line)
{
    static const char *const names[] = {
        [RESIDUAL_ADDITIVE] = "add",        [RESIDUAL_PROPORTIONAL] = "prop",
        [RESIDUAL_COMBINED1] = "combined1", [RESIDUAL_COMBINED2] = "combined2",
        [RESIDUAL_LOGNORMAL] = "lognormal", [RESIDUAL_BERNOULLI] = "bernoulli"};
    bool combined = line->has_additive && line->has_proportional;
    put_text(out, names[line->residual]);
    if (line->residual == RESIDUAL_BERNOULLI)
        return;
    put_text(out, "(");
    if (line->has_additive)
        put_part(out, combined ? "add " : "", line->additive, &line->additive_unit,
                 line->additive_fixed);
    if (line->has_proportional)
        put_part(out, combined ? ", prop " : "", line->proportional, NULL,
                 line->proportional_fixed);
    put_text(out, ")");
}

static void put_observation(struct bytes *out, const struct observation_line *line)
{
    put_text(out, line->name);
    put_text(out, " : ");
    put_expr(out, line->expr, 0);
    put_text(out, " ~ ");
    put_residual(out, line);
    if (line->unit.text) {
        put_text(out, " unit");
        put_unit(out, &line->unit);
    }
    if (line->has_low) {
        put_text(out, " lloq ");
        put_number(out, line->low);
        put_unit(out, &line->low_unit);
    }
    if (line->has_high) {
        put_text(out, " uloq ");
        put_number(out, line->high);
        put_unit(out, &line->high_unit);
    }
    if (line->loinc) {
        put_text(out, " loinc ");
        put_text(out, line->loinc);
    }
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_range(struct bytes *out, const struct range_line *line)
{
    put_text(out, line->name);
    put_text(out, " range ");
    put_number(out, line->low);
    put_text(out, " .. ");
    put_number(out, line->high);
    put_unit(out, &line->unit);
    if (line->stepped) {
        put_text(out, " step ");
        put_number(out, line->step);
    }
    put_text(out, "\n");
}

#define PUT_SECTION(out, name, count, put_line, lines)                                   \
    do {                                                                                 \
        if ((count) > 0)                                                                 \
            put_text((out), "\n[" name "]\n");                                           \
        for (size_t i = 0; i < (count); i++)                                             \
            put_line((out), &(lines)[i]);                                                \
    } while (0)

static size_t quantities_of(const struct syntax *syntax, bool individual)
{
    size_t count = 0;
    for (size_t i = 0; i < syntax->quantity_count; i++)
        count += syntax->quantities[i].individual == individual;
    return count;
}

static void put_quantities(struct bytes *out, const struct syntax *syntax,
                           bool individual)
{
    for (size_t i = 0; i < syntax->quantity_count; i++)
        if (syntax->quantities[i].individual == individual)
            put_quantity(out, &syntax->quantities[i]);
}

char *syntax_print(const struct syntax *s)
{
    struct bytes out = {0};
    put(&out, "model %s version %u", s->name, s->version);
    put_label(&out, s->title);
    put_text(&out, "\ntime");
    put_unit(&out, &s->time);
    put_text(&out, "\n");
    PUT_SECTION(&out, "parameters", s->parameter_count, put_parameter, s->parameters);
    PUT_SECTION(&out, "population", s->correlated_count, put_correlated, s->correlated);
    PUT_SECTION(&out, "covariates", s->covariate_count, put_covariate, s->covariates);
    if (quantities_of(s, true))
        put_text(&out, "\n[individual]\n");
    put_quantities(&out, s, true);
    PUT_SECTION(&out, "doses", s->input_count, put_input, s->inputs);
    if (s->state_count || quantities_of(s, false))
        put_text(&out, "\n[equations]\n");
    for (size_t i = 0; i < s->state_count; i++)
        put_state(&out, &s->states[i]);
    put_quantities(&out, s, false);
    PUT_SECTION(&out, "observations", s->observation_count, put_observation,
                s->observations);
    PUT_SECTION(&out, "what-if", s->range_count, put_range, s->ranges);
    char *text = mem_text_n((const char *)out.data, out.size);
    bytes_free(&out);
    return text;
}
