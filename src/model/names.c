/* names - what every name in a model's formulas stands for, in which order quantities can
 * be computed, and which formulas may see what. Called by check.c. */

#include "model_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/spelling.h"

#define NAMES_MAX                                                                        \
    (MODEL_PARAMETERS_MAX + MODEL_COVARIATES_MAX + MODEL_QUANTITIES_MAX +                \
     MODEL_STATES_MAX + MODEL_INPUTS_MAX + MODEL_OBSERVATIONS_MAX + MODEL_OUTCOMES_MAX)

/* --- declared names ------------------------------------------------------------- */

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
    SPAN(s->outcomes, s->outcome_count, SYMBOL_OUTCOME)
#undef SPAN
    return false;
}

static bool jumps(const struct syntax *syntax)
{
    bool any = false;
    for (size_t i = 0; i < syntax->input_count; i++)
        any |= syntax->inputs[i].jump_count > 0;
    return any;
}

bool name_find(const struct syntax *syntax, const char *name, struct named *named)
{
    for (size_t i = 0; declared(syntax, i, named); i++)
        if (strcmp(named->name, name) == 0)
            return true;
    return false;
}

static bool reserved(const char *name)
{
    static const char *const words[] = {"time", "pi",     "and",      "or",
                                        "not",  "steady", "otherwise"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(name, words[i]) == 0)
            return true;
    for (int op = OP_NEGATE; op < OP_COUNT; op++)
        if (strcmp(name, function_name((enum op)op)) == 0)
            return true;
    return false;
}

enum err names_check(const struct syntax *syntax)
{
    struct named one, other;
    for (size_t i = 0; declared(syntax, i, &one); i++) {
        if (reserved(one.name))
            return source_refuse(&syntax->source, one.at, E2003,
                                 "%s is a word of the language", one.name);
        if (strcmp(one.name, "dose") == 0 && jumps(syntax))
            return source_refuse(&syntax->source, one.at, E2003,
                                 "dose is the amount that is given, under [doses]");
        name_find(syntax, one.name, &other);
        if (other.kind == one.kind && other.index == one.index)
            continue;
        size_t line, column, first = one.at < other.at ? one.at : other.at;
        source_place(&syntax->source, first, &line, &column);
        return source_refuse(&syntax->source, one.at < other.at ? other.at : one.at,
                             E2002, "%s is declared already in line %zu", one.name, line);
    }
    return ERR_OK;
}

/* --- unknown names -------------------------------------------------------------- */

/* 10 mmol/L is 10 mmol over something called L. */
static bool looks_like_unit(const struct syntax *syntax, size_t at, const char *name)
{
    struct unit unit;
    return at > 0 && strchr("/*", syntax->source.text[at - 1]) &&
           unit_parse(name, strlen(name), &unit) == ERR_OK;
}

enum err name_refuse_unknown(const struct syntax *syntax, size_t at, const char *name,
                             unsigned kinds)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    struct named one;
    for (size_t i = 0; declared(syntax, i, &one); i++)
        if (kinds >> one.kind & 1)
            names[count++] = one.name;
    bool formula = kinds & 1u << SYMBOL_QUANTITY;
    const char *near = spelling_nearest(name, names, count);
    bool unit = formula && looks_like_unit(syntax, at, name);
    source_refuse(&syntax->source, at, E2001, "nothing is called %s", name);
    if (unit)
        return err_hint(
            "if %s is a unit: after a number, a unit of several names stands in "
            "brackets, as in 5 [mg/L]",
            name);
    if (formula && (strcmp(name, "t") == 0 || strcasecmp(name, "time") == 0))
        return err_hint("the time is called time");
    if (formula && strcmp(name, "dose") == 0)
        return err_hint("dose is known where a dose moves what is there, under [doses]");
    if (near)
        return err_hint("did you mean %s?", near);
    return err_code();
}

/* --- formulas ------------------------------------------------------------------- */

/* Where a formula stands decides what it may see. */
enum scope {
    SCOPE_EQUATION,   /* everything that has a value */
    SCOPE_INIT,       /* no states */
    SCOPE_INDIVIDUAL, /* no states, no time */
    SCOPE_ONCE,       /* likewise, and nothing that drifts */
    SCOPE_COURSE,     /* likewise, but inside functionals everything */
};

#define NO_DOSE SIZE_MAX

/* A formula of the text, and what it may see. */
struct formula {
    struct expr *expr; /* NULL where a line has none */
    enum scope scope;
    size_t dose;     /* the input whose amount it sees, or NO_DOSE */
    size_t outcomes; /* so many, the first ones */
    bool observed;   /* an observation's */
};

/* The `position`-th formula of those that are doses'. */
static bool jump_formula(const struct syntax *s, size_t *position, struct formula *out)
{
    for (size_t i = 0; i < s->input_count; i++) {
        const struct input_line *line = &s->inputs[i];
        if (*position < line->jump_count) {
            out->expr = line->jumps[*position].expr;
            out->dose = i;
            return true;
        }
        *position -= line->jump_count;
    }
    return false;
}

/* Of outcomes and of what is plausible, with their windows; false past the last. */
static bool outcome_formula(const struct syntax *s, size_t position, struct formula *out)
{
    bool named = position < 3 * s->outcome_count;
    position -= named ? 0 : 3 * s->outcome_count;
    if (!named && position >= 3 * s->plausible_count)
        return false;
    const struct outcome_line *line = &(named ? s->outcomes : s->plausible)[position / 3];
    struct expr *const parts[] = {line->expr, line->from, line->to};
    out->expr = parts[position % 3];
    out->scope = position % 3 ? SCOPE_INDIVIDUAL : SCOPE_COURSE;
    if (position % 3 == 0)
        out->outcomes = named ? position / 3 : s->outcome_count;
    return true;
}

/* The `position`-th formula of the text; false past the last. */
static bool formula(const struct syntax *s, size_t position, struct formula *out)
{
    *out = (struct formula){.scope = SCOPE_EQUATION, .dose = NO_DOSE};
    if (position < s->quantity_count) {
        out->expr = s->quantities[position].expr;
        if (s->quantities[position].individual)
            out->scope = SCOPE_INDIVIDUAL;
        return true;
    }
    position -= s->quantity_count;
    if (position < 2 * s->state_count) {
        const struct state_line *line = &s->states[position / 2];
        out->expr = position % 2 ? line->init : line->rate;
        if (position % 2)
            out->scope = SCOPE_INIT;
        return true;
    }
    position -= 2 * s->state_count;
    if (position < 3 * s->input_count) {
        const struct input_line *line = &s->inputs[position / 3];
        struct expr *const modifiers[] = {line->fraction, line->lag, line->over};
        out->expr = modifiers[position % 3];
        out->scope = SCOPE_ONCE;
        return true;
    }
    position -= 3 * s->input_count;
    if (position < 2 * s->observation_count) {
        const struct observation_line *line = &s->observations[position / 2];
        out->expr = position % 2 ? line->over : line->expr;
        if (position % 2)
            out->scope = SCOPE_INDIVIDUAL;
        else if (line->functional_count)
            out->scope = SCOPE_COURSE;
        out->observed = true;
        return true;
    }
    position -= 2 * s->observation_count;
    if (position-- == 0) {
        out->expr = s->period;
        out->scope = SCOPE_ONCE;
        return true;
    }
    return jump_formula(s, &position, out) || outcome_formula(s, position, out);
}

/* --- what names stand for ------------------------------------------------------- */

static enum err refuse_outcome(const struct syntax *syntax, const struct expr *expr,
                               const struct formula *in)
{
    if (in->scope != SCOPE_COURSE || in->observed)
        return source_refuse(&syntax->source, expr->at, E2005,
                             "%s is an outcome: it has no value before the end",
                             expr->name);
    return source_refuse(&syntax->source, expr->at, E4014, "%s stands below", expr->name);
}

static enum err bind_name(struct syntax *syntax, struct expr *expr,
                          const struct formula *in)
{
    struct named named = {NULL, 0, SYMBOL_NONE, 0};
    if (strcmp(expr->name, "time") == 0)
        named.kind = SYMBOL_TIME;
    else if (in->dose != NO_DOSE && strcmp(expr->name, "dose") == 0)
        named = (struct named){NULL, 0, SYMBOL_DOSE, in->dose};
    else if (strcmp(expr->name, "pi") == 0)
        named.kind = SYMBOL_PI;
    else if (!name_find(syntax, expr->name, &named))
        return name_refuse_unknown(syntax, expr->at, expr->name,
                                   1u << SYMBOL_PARAMETER | 1u << SYMBOL_COVARIATE |
                                       1u << SYMBOL_QUANTITY | 1u << SYMBOL_STATE);
    if (named.kind == SYMBOL_INPUT) {
        const char *state = syntax->inputs[named.index].state;
        source_refuse(&syntax->source, expr->at, E2005,
                      "%s is a dose and has no value in a formula", expr->name);
        return state
                   ? err_hint("the amount that is left of it is in its state, %s", state)
                   : err_hint("the amount that is given is called dose");
    }
    if (named.kind == SYMBOL_OBSERVATION)
        return source_refuse(&syntax->source, expr->at, E2005,
                             "%s is an observation and has no value in a formula",
                             expr->name);
    if (named.kind == SYMBOL_OUTCOME && named.index >= in->outcomes)
        return refuse_outcome(syntax, expr, in);
    if (named.kind == SYMBOL_OUTCOME &&
        syntax->outcomes[named.index].window == WINDOW_PER)
        return source_refuse(&syntax->source, expr->at, E4014,
                             "%s has a value for each period", expr->name);
    if (named.kind == SYMBOL_PARAMETER)
        syntax->parameters[named.index].used = true;
    expr->in_time =
        named.kind == SYMBOL_TIME ||
        (named.kind == SYMBOL_PARAMETER && syntax->parameters[named.index].occasions > 0);
    expr->drifts =
        named.kind == SYMBOL_PARAMETER && syntax->parameters[named.index].drifts_at != 0;
    expr->symbol = named.kind;
    expr->index = named.index;
    return ERR_OK;
}

/* The number that a row of a table begins with, and that no row before does. */
static enum err bind_key(const struct syntax *syntax, const struct expr *table, size_t at)
{
    const struct covariate_line *line = &syntax->covariates[table->index];
    struct expr *key = table->arguments[at];
    bool known = line->level_count == 0 && !key->name;
    for (size_t i = 0; i < line->level_count; i++) {
        const struct model_level *level = &line->levels[i];
        bool same = key->name ? level->label && strcmp(level->label, key->name) == 0
                              : level->value == key->number;
        if (same)
            key->number = level->value;
        known |= same;
    }
    if (!known) {
        source_refuse(&syntax->source, key->at, E4012, "this is no level of %s",
                      line->name);
        return line->level_count
                   ? err_code()
                   : err_hint("%s has none; rows begin with numbers", line->name);
    }
    for (size_t i = 1; i < at; i += 2)
        if (table->arguments[i]->number == key->number)
            return source_refuse(&syntax->source, key->at, E4012,
                                 "two rows for the same value of %s", line->name);
    return ERR_OK;
}

static enum err bind_table(struct syntax *syntax, struct expr *expr)
{
    struct named named;
    if (!name_find(syntax, expr->name, &named))
        return name_refuse_unknown(syntax, expr->name_at, expr->name,
                                   1u << SYMBOL_COVARIATE);
    if (named.kind != SYMBOL_COVARIATE)
        return source_refuse(&syntax->source, expr->name_at, E4012,
                             "%s is not a covariate", expr->name);
    const struct covariate_line *line = &syntax->covariates[named.index];
    if (line->hold == COVARIATE_LINEAR)
        return source_refuse(&syntax->source, expr->name_at, E4012,
                             "%s moves between its records", expr->name);
    expr->symbol = SYMBOL_COVARIATE;
    expr->index = named.index;
    for (size_t i = 1; i < expr->count; i += 2)
        if (bind_key(syntax, expr, i) != ERR_OK)
            return err_code();
    bool rest = expr->count % 2,
         whole = line->level_count && line->level_count == expr->count / 2;
    if (whole && rest)
        return source_refuse(&syntax->source, expr->at, E4012,
                             "every level of %s has its row: nothing is left for else",
                             expr->name);
    if (!whole && !rest) {
        source_refuse(&syntax->source, expr->at, E4012, "not every value of %s has a row",
                      expr->name);
        return err_hint("end with else: VALUE%s",
                        line->level_count ? ""
                                          : ", or say under [covariates] which "
                                            "levels there are");
    }
    return ERR_OK;
}

static enum err bind(struct syntax *syntax, struct expr *expr, const struct formula *in)
{
    struct formula inside = *in;
    if (expr->op == OP_NAME)
        return bind_name(syntax, expr, in);
    if (expr->op == OP_FUNCTIONAL && in->scope != SCOPE_COURSE)
        return source_refuse(&syntax->source, expr->at, E4014,
                             "%s stands inside another functional",
                             functional_name(expr->functional));
    if (expr->op == OP_FUNCTIONAL)
        inside = (struct formula){.scope = SCOPE_EQUATION, .dose = NO_DOSE};
    if (expr->op == OP_TABLE && bind_table(syntax, expr) != ERR_OK)
        return err_code();
    for (size_t i = 0; i < expr->count; i++)
        if (bind(syntax, expr->arguments[i], &inside) != ERR_OK)
            return err_code();
    return ERR_OK;
}

static enum err bind_state(const struct syntax *syntax, const char *name, size_t at,
                           size_t *state)
{
    struct named named;
    if (!name_find(syntax, name, &named))
        return name_refuse_unknown(syntax, at, name, 1u << SYMBOL_STATE);
    if (named.kind != SYMBOL_STATE)
        return source_refuse(&syntax->source, at, E2001, "%s is not a state", name);
    *state = named.index;
    return ERR_OK;
}

static enum err bind_jumps(const struct syntax *syntax, struct input_line *line)
{
    for (size_t i = 0; i < line->jump_count; i++) {
        struct jump *jump = &line->jumps[i];
        if (bind_state(syntax, jump->state, jump->at, &jump->into) != ERR_OK)
            return err_code();
        for (size_t j = 0; j < i; j++)
            if (line->jumps[j].into == jump->into)
                return source_refuse(&syntax->source, jump->at, E4013,
                                     "%s is set twice by %s", jump->state, line->name);
    }
    line->into = line->jumps[0].into;
    return ERR_OK;
}

static enum err bind_doses(struct syntax *syntax)
{
    for (size_t i = 0; i < syntax->input_count; i++) {
        struct input_line *line = &syntax->inputs[i];
        enum err err = line->state
                           ? bind_state(syntax, line->state, line->state_at, &line->into)
                           : bind_jumps(syntax, line);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

/* --- the order of quantities ---------------------------------------------------- */

#define NEED_WORDS (MODEL_QUANTITIES_MAX / 64)

struct ordering {
    struct syntax *syntax;
    uint64_t needs[MODEL_QUANTITIES_MAX][NEED_WORDS]; /* bit q: its formula names q */
    size_t path[MODEL_QUANTITIES_MAX], depth; /* being visited, each needing the next */
    size_t placed;
};

static void collect_needs(const struct expr *expr, struct quantity_line *line,
                          uint64_t *needs)
{
    if (expr->op == OP_NAME) {
        line->uses_state |= expr->symbol == SYMBOL_STATE;
        line->uses_time |= expr->in_time;
        line->drifts |= expr->drifts;
        if (expr->symbol == SYMBOL_QUANTITY)
            needs[expr->index / 64] |= (uint64_t)1 << expr->index % 64;
    }
    for (size_t i = 0; i < expr->count; i++)
        collect_needs(expr->arguments[i], line, needs);
}

static const struct expr *mention(const struct expr *expr, size_t quantity)
{
    if (expr->op == OP_NAME && expr->symbol == SYMBOL_QUANTITY && expr->index == quantity)
        return expr;
    const struct expr *found = NULL;
    for (size_t i = 0; i < expr->count && !found; i++)
        found = mention(expr->arguments[i], quantity);
    return found;
}

static enum err refuse_circle(const struct ordering *o, size_t again)
{
    const struct syntax *s = o->syntax;
    const struct quantity_line *last = &s->quantities[o->path[o->depth - 1]];
    char circle[300] = "";
    size_t at = 0, from = 0;
    while (o->path[from] != again)
        from++;
    for (size_t i = from; i < o->depth && at < sizeof circle - 70; i++)
        at += (size_t)snprintf(circle + at, sizeof circle - at, "%s needs ",
                               s->quantities[o->path[i]].name);
    source_refuse(&s->source, mention(last->expr, again)->at, E2004,
                  "%s depends on itself", s->quantities[again].name);
    return err_hint("%s%s", circle, s->quantities[again].name);
}

/* Depth first, as deep as there are quantities at most. */
static enum err place(struct ordering *o, size_t quantity)
{
    struct quantity_line *line = &o->syntax->quantities[quantity];
    if (line->mark == 2)
        return ERR_OK;
    if (line->mark == 1)
        return refuse_circle(o, quantity);
    line->mark = 1;
    o->path[o->depth++] = quantity;
    for (size_t q = 0; q < o->syntax->quantity_count; q++) {
        if (!(o->needs[quantity][q / 64] >> q % 64 & 1))
            continue;
        if (place(o, q) != ERR_OK)
            return err_code();
        line->uses_state |= o->syntax->quantities[q].uses_state;
        line->uses_time |= o->syntax->quantities[q].uses_time;
        line->drifts |= o->syntax->quantities[q].drifts;
    }
    o->depth--;
    line->mark = 2;
    o->syntax->order[o->placed++] = quantity;
    return ERR_OK;
}

static enum err order_quantities(struct syntax *syntax)
{
    struct ordering *o = mem_new(1, sizeof *o);
    enum err err = ERR_OK;
    o->syntax = syntax;
    for (size_t i = 0; i < syntax->quantity_count; i++)
        collect_needs(syntax->quantities[i].expr, &syntax->quantities[i], o->needs[i]);
    for (size_t i = 0; err == ERR_OK && i < syntax->quantity_count; i++)
        err = place(o, i);
    mem_free(o);
    return err;
}

/* --- who may see what ----------------------------------------------------------- */

static enum err check_scope(const struct syntax *syntax, const struct expr *expr,
                            enum scope scope)
{
    if (expr->op == OP_FUNCTIONAL)
        return ERR_OK;
    for (size_t i = 0; i < expr->count; i++)
        if (check_scope(syntax, expr->arguments[i], scope) != ERR_OK)
            return err_code();
    if (expr->op != OP_NAME || scope == SCOPE_EQUATION)
        return ERR_OK;
    const struct quantity_line *quantity =
        expr->symbol == SYMBOL_QUANTITY ? &syntax->quantities[expr->index] : NULL;
    if (expr->symbol == SYMBOL_STATE || (quantity && quantity->uses_state))
        return source_refuse(&syntax->source, expr->at, E2005,
                             "%s depends on states, which have no value here",
                             expr->name);
    if (scope != SCOPE_INIT && (expr->in_time || (quantity && quantity->uses_time)))
        return source_refuse(&syntax->source, expr->at, E2005,
                             "%s changes in time, which has no value here", expr->name);
    if (scope == SCOPE_ONCE && (expr->drifts || (quantity && quantity->drifts)))
        return source_refuse(&syntax->source, expr->at, E2005,
                             "%s drifts, and what stands here is decided once",
                             expr->name);
    return ERR_OK;
}

static enum err check_used(const struct syntax *syntax)
{
    for (size_t i = 0; i < syntax->parameter_count; i++) {
        const struct parameter_line *line = &syntax->parameters[i];
        if (!line->used && line->spread != SPREAD_FIXED)
            return source_refuse(&syntax->source, line->at, E2010,
                                 "%s is learned, but no formula uses it", line->name);
    }
    return ERR_OK;
}

enum err names_resolve(struct syntax *syntax)
{
    struct formula one;
    for (size_t i = 0; formula(syntax, i, &one); i++)
        if (one.expr && bind(syntax, one.expr, &one) != ERR_OK)
            return err_code();
    if (bind_doses(syntax) != ERR_OK || order_quantities(syntax) != ERR_OK)
        return err_code();
    for (size_t i = 0; formula(syntax, i, &one); i++)
        if (one.expr && check_scope(syntax, one.expr, one.scope) != ERR_OK)
            return err_code();
    return check_used(syntax);
}
