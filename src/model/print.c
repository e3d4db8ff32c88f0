/* print - a syntax tree as its one canonical text: comments dropped, sections in one
 * order, parentheses where the grammar needs them, numbers in their shortest form,
 * columns under each other. Parsing what it prints gives the same tree. Called by
 * model.c. */

#include "model_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line is printed as cells, each behind this byte, which no text may hold (E1001). */
#define CELL '\x01'

static void put_text(struct bytes *out, const char *text)
{
    bytes_append(out, text, strlen(text));
}

static void put_words(struct bytes *out, const char *before, const char *text,
                      const char *after)
{
    put_text(out, before);
    put_text(out, text);
    put_text(out, after);
}

static void put_cell(struct bytes *out)
{
    bytes_u8(out, CELL);
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
    if (fabs(number) >= 1 && fabs(number) < 1e15)
        digits = (int)fmax(digits, floor(log10(fabs(number))) + 1);
    snprintf(text, NUMBER_TEXT_MAX, "%.*g", digits, number);
    char *exponent = strchr(text, 'e');
    if (!exponent)
        return;
    /* e-5 and e20 rather than e-05 and e+20 */
    char *to = exponent + 1 + (exponent[1] == '-'), *from = exponent + 2;
    from += strspn(from, "0");
    memmove(to, from, strlen(from) + 1);
}

static void put_number(struct bytes *out, double number)
{
    char text[NUMBER_TEXT_MAX];
    number_print(number, text);
    put_text(out, text);
}

static void put_unit(struct bytes *out, const struct unit_text *unit)
{
    put_words(out, " ", unit->text, "");
}

static void put_label(struct bytes *out, const char *label)
{
    put_cell(out);
    if (label)
        put_words(out, "\"", label, "\"");
}

/* --- columns -------------------------------------------------------------------- */

#define CELLS_MAX 8
#define CELL_WIDTH_MAX                                                                   \
    48 /* longer formulas stand out instead of moving the rest away                      \
        */

/* Where the cell that begins at `at` ends: before the next one or the line's end. */
static size_t cell_end(const struct bytes *lines, size_t at)
{
    while (lines->data[at] != CELL && lines->data[at] != '\n')
        at++;
    return at;
}

static void measure_columns(const struct bytes *lines, size_t widths[CELLS_MAX])
{
    size_t cell = 0;
    for (size_t at = 0, end; at < lines->size; at = end + 1) {
        end = cell_end(lines, at);
        size_t width = bytes_utf8_count(lines->data + at, end - at);
        if (width > widths[cell])
            widths[cell] = width < CELL_WIDTH_MAX ? width : CELL_WIDTH_MAX;
        cell = lines->data[end] == '\n' ? 0 : cell + 1;
    }
}

/* Print lines of cells under each other, two spaces between columns that hold anything;
 * the first cell, which heads nothing, has one. No line ends in spaces. */
static void flush_columns(struct bytes *out, struct bytes *lines)
{
    size_t widths[CELLS_MAX] = {0}, cell = 0, owed = 0;
    measure_columns(lines, widths);
    for (size_t at = 0, end; at < lines->size; at = end + 1) {
        end = cell_end(lines, at);
        size_t width = bytes_utf8_count(lines->data + at, end - at);
        if (width) {
            for (; owed; owed--)
                bytes_u8(out, ' ');
            bytes_append(out, lines->data + at, end - at);
        }
        if (widths[cell])
            owed +=
                (width < widths[cell] ? widths[cell] - width : 0) + (cell == 0 ? 1 : 2);
        cell++;
        if (lines->data[end] == '\n') {
            bytes_u8(out, '\n');
            cell = owed = 0;
        }
    }
    bytes_free(lines);
}

/* --- formulas ------------------------------------------------------------------- */

/* Binding strengths as in the grammar (formula.c): a part that binds less than its place
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
    bool wrapped = power && expr->arguments[0]->unit; /* (2 m)^2: what has the power? */
    put_text(out, wrapped ? "(" : "");
    put_expr(out, expr->arguments[0], power ? 9 : own == 4 ? 5 : own);
    put_text(out, wrapped ? ")" : "");
    put_words(out, tight ? "" : " ", function_name(expr->op), tight ? "" : " ");
    put_expr(out, expr->arguments[1], power ? 7 : own + 1);
}

/* A unit that the lexer reads as one name after a number: mg, m2, mm[Hg], [iU]. */
static bool is_atom(const char *unit)
{
    if (unit[0] == '[')
        return strchr(unit, ']')[1] == 0;
    for (const char *c = unit; *c; c++) {
        if (*c == '[')
            c = strchr(c, ']');
        else if (strchr("/*.^+-({", *c) || (c == unit && *c >= '0' && *c <= '9'))
            return false;
    }
    return true;
}

static void put_number_expr(struct bytes *out, const struct expr *expr)
{
    put_number(out, expr->number);
    if (expr->unit && is_atom(expr->unit->text))
        put_unit(out, expr->unit);
    else if (expr->unit)
        put_words(out, " [", expr->unit->text, "]");
}

static void put_table(struct bytes *out, const struct expr *expr)
{
    put_words(out, "table(", expr->name, "");
    for (size_t i = 0; i < expr->count; i += 2) {
        const struct expr *key = i + 1 < expr->count ? expr->arguments[i + 1] : NULL;
        put_text(out, ", ");
        if (!key)
            put_text(out, "else");
        else if (key->name)
            put_words(out, "\"", key->name, "\"");
        else
            put_number(out, key->number);
        put_text(out, ": ");
        put_expr(out, expr->arguments[i], 0);
    }
    put_text(out, ")");
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
    } else if (expr->op == OP_TABLE) {
        put_table(out, expr);
    } else if (strength(expr) < 9) {
        put_infix(out, expr);
    } else {
        put_words(out, "",
                  expr->op == OP_FUNCTIONAL ? functional_name(expr->functional)
                                            : function_name(expr->op),
                  "(");
        for (size_t i = 0; i < expr->count; i++) {
            put_text(out, i ? ", " : "");
            put_expr(out, expr->arguments[i], 0);
        }
        put_text(out, ")");
    }
    if (wrapped)
        put_text(out, ")");
}

void expr_print(const struct expr *expr, struct bytes *out)
{
    put_expr(out, expr, 0);
}

/* --- sections ------------------------------------------------------------------- */

static void put_occasions(struct bytes *out, const struct parameter_line *line)
{
    put_text(out, line->on_count ? "  occasions " : "occasions ");
    put_number(out, (double)line->occasions);
    if (line->by.name) {
        put_words(out, " by ", line->by.name, "");
    } else {
        put_text(out, " per ");
        put_number(out, line->period);
        put_unit(out, &line->period_unit);
    }
    put_text(out, " sd ");
    put_number(out, line->occasion_sd);
    if (line->occasion_unit.text)
        put_unit(out, &line->occasion_unit);
}

static void put_time(struct bytes *out, const char *word, double time,
                     const struct unit_text *unit)
{
    put_text(out, word);
    put_number(out, time);
    put_unit(out, unit);
}

static void put_drift(struct bytes *out, const struct parameter_line *line)
{
    put_text(out, line->on_count ? "  drifts sd " : "drifts sd ");
    put_number(out, line->drift_sd);
    if (line->drift_unit.text)
        put_unit(out, &line->drift_unit);
    put_time(out, " per ", line->drift_time, &line->drift_time_unit);
    if (line->drift_back > 0)
        put_time(out, " back over ", line->drift_back, &line->drift_back_unit);
}

static void put_parameter(struct bytes *out, const struct parameter_line *line)
{
    static const char *const spreads[] = {"normal ", "lognormal ", "logitnormal "};
    static const char *const scales[] = {"identity", "log", "logit"};
    if (line->hidden)
        return;
    put_text(out, line->name);
    put_cell(out);
    put_text(out, "= ");
    put_number(out, line->value);
    put_cell(out);
    put_text(out, line->unit.text);
    put_cell(out);
    if (line->bounded) {
        put_text(out, "(");
        put_number(out, line->low);
        put_text(out, ", ");
        put_number(out, line->high);
        put_text(out, ")");
    }
    put_cell(out);
    if (line->spread == SPREAD_FIXED) {
        put_text(out, "fixed");
    } else if (line->spread == SPREAD_POPULATION) {
        put_words(out, "estimated ", scales[line->transform], "");
    } else {
        put_words(out, spreads[line->transform], line->spread_is_cv ? "cv " : "sd ", "");
        put_number(out, line->spread_value);
        if (line->spread_unit.text)
            put_unit(out, &line->spread_unit);
    }
    put_cell(out);
    for (size_t i = 0; i < line->on_count; i++)
        put_words(out, i ? ", " : "on ", line->on[i].name, "");
    if (line->occasions)
        put_occasions(out, line);
    if (line->drifts_at)
        put_drift(out, line);
    put_cell(out);
    put_text(out, provenance_name(line->provenance));
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_correlated(struct bytes *out, const struct correlated_line *line)
{
    put_text(out, line->all ? "correlated all" : "correlated");
    for (size_t i = 0; i < line->count; i++)
        put_words(out, i ? ", " : " ", line->names[i].name, "");
    if (line->said) {
        put_text(out, " ");
        put_number(out, line->correlation);
    }
    put_text(out, "\n");
}

static void put_covariate(struct bytes *out, const struct covariate_line *line)
{
    static const char *const holds[] = {"constant", "locf", "linear"};
    const struct {
        bool has;
        const char *word;
        double value;
    } numbers[] = {{line->has_default, "default ", line->default_value},
                   {line->has_centre, "centre ", line->centre},
                   {line->has_scale, "scale ", line->scale}};
    put_text(out, line->name);
    put_cell(out);
    put_text(out, line->unit.text);
    put_cell(out);
    put_text(out, holds[line->hold]);
    put_cell(out);
    for (size_t i = 0; i < line->level_count; i++) {
        put_text(out, i ? ", " : "levels ");
        put_number(out, line->levels[i].value);
        if (line->levels[i].label)
            put_words(out, " = \"", line->levels[i].label, "\"");
    }
    for (size_t i = 0; i < 3; i++) {
        put_cell(out);
        if (numbers[i].has) {
            put_text(out, numbers[i].word);
            put_number(out, numbers[i].value);
        }
    }
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_quantity(struct bytes *out, const struct quantity_line *line)
{
    put_text(out, line->name);
    put_cell(out);
    put_text(out, "= ");
    put_expr(out, line->expr, 0);
    put_cell(out);
    put_cell(out);
    if (line->unit.text)
        put_words(out, "unit ", line->unit.text, "");
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_noise(struct bytes *out, const struct state_line *line)
{
    put_text(out, line->init || line->steady ? "  noise " : "noise ");
    put_number(out, line->noise);
    put_unit(out, &line->noise_unit);
    put_time(out, " per ", line->noise_time, &line->noise_time_unit);
    put_text(out, line->positive ? " positive" : "");
}

static void put_state(struct bytes *out, const struct state_line *line)
{
    put_words(out, "d/dt(", line->name, ")");
    put_cell(out);
    put_text(out, "= ");
    put_expr(out, line->rate, 0);
    put_cell(out);
    if (line->steady)
        put_text(out, "init steady");
    if (line->init) {
        put_text(out, "init ");
        put_expr(out, line->init, 0);
    }
    if (line->noise_at)
        put_noise(out, line);
    put_cell(out);
    if (line->unit.text)
        put_words(out, "unit ", line->unit.text, "");
    put_label(out, line->label);
    put_text(out, "\n");
}

/* In one cell: nothing of it stands under what other doses have. */
static void put_jumps(struct bytes *out, const struct input_line *line)
{
    put_text(out, line->name);
    put_cell(out);
    put_words(out, "", line->unit.text, " :");
    for (size_t i = 0; i < line->jump_count; i++) {
        put_words(out, i ? ", " : " ", line->jumps[i].state, " = ");
        put_expr(out, line->jumps[i].expr, 0);
    }
    if (line->label)
        put_words(out, "  \"", line->label, "\"");
    put_text(out, "\n");
}

static void put_input(struct bytes *out, const struct input_line *line)
{
    if (line->jump_count) {
        put_jumps(out, line);
        return;
    }
    const struct {
        const char *word;
        const struct expr *expr;
    } modifiers[] = {
        {"fraction ", line->fraction}, {"lag ", line->lag}, {"over ", line->over}};
    put_text(out, line->name);
    put_cell(out);
    put_words(out, "-> ", line->state, "");
    put_cell(out);
    put_text(out, line->unit.text);
    for (size_t i = 0; i < 3; i++) {
        put_cell(out);
        if (modifiers[i].expr) {
            put_text(out, modifiers[i].word);
            put_expr(out, modifiers[i].expr, 0);
        }
    }
    put_cell(out);
    if (line->converted) {
        put_words(out, "convert from ", line->from.text, " by ");
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
    put_words(out, "~ ", names[line->residual], "");
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

static void put_limit(struct bytes *out, const char *word, double value,
                      const struct unit_text *unit)
{
    put_text(out, word);
    put_number(out, value);
    put_unit(out, unit);
}

static void put_observation(struct bytes *out, const struct observation_line *line)
{
    put_text(out, line->name);
    put_cell(out);
    put_text(out, ": ");
    put_expr(out, line->expr, 0);
    if (line->over) {
        put_text(out, " over last ");
        put_expr(out, line->over, 0);
    }
    put_cell(out);
    put_residual(out, line);
    if (line->correlated)
        put_part(out, " correlated over ", line->correlation_time,
                 &line->correlation_unit, line->correlation_fixed);
    put_cell(out);
    if (line->unit.text)
        put_words(out, "unit ", line->unit.text, "");
    put_cell(out);
    if (line->has_low)
        put_limit(out, "lloq ", line->low, &line->low_unit);
    put_cell(out);
    if (line->has_high)
        put_limit(out, "uloq ", line->high, &line->high_unit);
    put_cell(out);
    if (line->loinc)
        put_words(out, "loinc ", line->loinc, "");
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_outcome(struct bytes *out, const struct outcome_line *line)
{
    if (line->name) {
        put_text(out, line->name);
        put_cell(out);
        put_text(out, "= ");
    }
    put_expr(out, line->expr, 0);
    put_cell(out);
    if (line->window == WINDOW_SPAN) {
        put_text(out, "over ");
        put_expr(out, line->from, 0);
        put_text(out, " .. ");
        put_expr(out, line->to, 0);
    } else if (line->window != WINDOW_RUN) {
        put_text(out, line->window == WINDOW_LAST ? "over last " : "per ");
        put_expr(out, line->to, 0);
    }
    put_cell(out);
    if (line->unit.text)
        put_words(out, "unit ", line->unit.text, "");
    put_label(out, line->label);
    put_text(out, "\n");
}

static void put_range(struct bytes *out, const struct range_line *line)
{
    put_text(out, line->name);
    put_cell(out);
    put_text(out, "range ");
    put_number(out, line->low);
    put_text(out, " .. ");
    put_number(out, line->high);
    put_unit(out, &line->unit);
    put_cell(out);
    if (line->stepped) {
        put_text(out, "step ");
        put_number(out, line->step);
    }
    put_text(out, "\n");
}

/* --- the whole ------------------------------------------------------------------ */

#define PUT_SECTION(out, heading, count, put_line, array)                                \
    do {                                                                                 \
        struct bytes lines = {0};                                                        \
        if ((count) > 0)                                                                 \
            put_text((out), heading);                                                    \
        for (size_t i = 0; i < (count); i++)                                             \
            put_line(&lines, &(array)[i]);                                               \
        flush_columns((out), &lines);                                                    \
    } while (0)

/* Lines of [individual], or those of [equations], states and quantities as they stood. */
static void put_formulas(struct bytes *out, const struct syntax *s, bool individual,
                         const char *heading)
{
    struct bytes lines = {0};
    size_t q = 0, x = individual ? s->state_count : 0;
    while (q < s->quantity_count || x < s->state_count) {
        const struct quantity_line *quantity = &s->quantities[q];
        if (q < s->quantity_count && quantity->individual != individual)
            q++;
        else if (x == s->state_count ||
                 (q < s->quantity_count && quantity->at < s->states[x].at))
            put_quantity(&lines, &s->quantities[q++]);
        else
            put_state(&lines, &s->states[x++]);
    }
    put_text(out, lines.size ? heading : "");
    flush_columns(out, &lines);
}

static void put_period(struct bytes *out, const struct syntax *s)
{
    put_text(out, "periodic ");
    put_expr(out, s->period, 0);
    put_text(out, " after ");
    put_number(out, s->periods);
    put_text(out, " periods\n");
}

static void put_step(struct bytes *out, const struct step_line *step)
{
    char length[NUMBER_TEXT_MAX];
    if (!step->at)
        return;
    number_print(step->length, length);
    put_words(out, "solver rk4 step ", length, " ");
    put_words(out, step->unit.text, "\n", "");
}

char *syntax_print(const struct syntax *s)
{
    struct bytes out = {0};
    char version[NUMBER_TEXT_MAX];
    number_print(s->version, version);
    put_words(&out, "model ", s->name, " version ");
    put_text(&out, version);
    if (s->title)
        put_words(&out, "  \"", s->title, "\"");
    put_words(&out, "\ntime ", s->time.text, "\n");
    put_step(&out, &s->step);
    if (s->question)
        put_words(&out, "question \"", s->question, "\"\n");
    for (size_t i = 0; i < s->source_count; i++)
        put_words(&out, "source \"", s->sources[i], "\"\n");
    PUT_SECTION(&out, "\n[parameters]\n", s->parameter_count, put_parameter,
                s->parameters);
    PUT_SECTION(&out, "\n[population]\n", s->correlated_count, put_correlated,
                s->correlated);
    PUT_SECTION(&out, "\n[covariates]\n", s->covariate_count, put_covariate,
                s->covariates);
    put_formulas(&out, s, true, "\n[individual]\n");
    PUT_SECTION(&out, "\n[doses]\n", s->input_count, put_input, s->inputs);
    put_formulas(&out, s, false, "\n[equations]\n");
    if (s->period)
        put_period(&out, s);
    PUT_SECTION(&out, "\n[observations]\n", s->observation_count, put_observation,
                s->observations);
    PUT_SECTION(&out, "\n[outcomes]\n", s->outcome_count, put_outcome, s->outcomes);
    PUT_SECTION(&out, "\n[plausible]\n", s->plausible_count, put_outcome, s->plausible);
    PUT_SECTION(&out, "\n[what-if]\n", s->range_count, put_range, s->ranges);
    char *text = mem_text_n((const char *)out.data, out.size);
    bytes_free(&out);
    return text;
}
