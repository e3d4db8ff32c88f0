/* parse - tokens to a syntax tree, one statement a line. It knows the grammar
 * (models/README.md) and no meaning: names, units and values are check.c's. */

#include "model_impl.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/spelling.h"

/* Memory of one parse: a few hundred bytes a character is far above what a text can need.
 */
#define ARENA_PER_BYTE 400
#define ARENA_BASE ((size_t)1 << 20)

struct parser {
    struct syntax *syntax;
    struct lexer lexer;
    struct token token; /* the next one, not yet taken */
    size_t nesting;
};

/* --- tokens --------------------------------------------------------------------- */

static const struct source *source_of(const struct parser *parser)
{
    return &parser->syntax->source;
}

static enum err advance(struct parser *parser)
{
    return token_next(&parser->lexer, &parser->token);
}

static const char *start_of(const struct parser *parser)
{
    return parser->syntax->source.text + parser->token.at;
}

static bool at_word(const struct parser *parser, const char *word)
{
    return parser->token.kind == TOKEN_WORD && parser->token.size == strlen(word) &&
           memcmp(start_of(parser), word, parser->token.size) == 0;
}

static bool at_sign(const struct parser *parser, const char *sign)
{
    return parser->token.kind == TOKEN_SIGN && strcmp(parser->token.sign, sign) == 0;
}

static bool at_line_end(const struct parser *parser)
{
    return parser->token.kind == TOKEN_NEWLINE || parser->token.kind == TOKEN_END;
}

/* What stands here, for sentences. */
static void found(const struct parser *parser, char text[48])
{
    switch (parser->token.kind) {
    case TOKEN_END:
        snprintf(text, 48, "the end of the text");
        break;
    case TOKEN_NEWLINE:
        snprintf(text, 48, "the end of the line");
        break;
    default:
        snprintf(text, 48, "'%.*s'",
                 (int)(parser->token.size < 30 ? parser->token.size : 30),
                 start_of(parser));
    }
}

/* Words that go on with a statement: where a unit could stand, they are none. */
static const char *const clause_words[] = {
    "and",     "by",        "centre", "constant", "convert", "cv",
    "default", "estimated", "fixed",  "fraction", "from",    "init",
    "lag",     "limits",    "linear", "lloq",     "locf",    "logitnormal",
    "loinc",   "lognormal", "normal", "on",       "or",      "over",
    "range",   "scale",     "sd",     "step",     "unit",    "uloq",
};
#define CLAUSE_WORDS (sizeof clause_words / sizeof *clause_words)

static bool at_clause(const struct parser *parser)
{
    for (size_t i = 0; i < CLAUSE_WORDS; i++)
        if (at_word(parser, clause_words[i]))
            return true;
    return false;
}

/* A word that is nearly one of the language's. */
static enum err hint_at_clause(const struct parser *parser)
{
    char word[SPELLING_WORD_MAX + 1];
    if (parser->token.kind != TOKEN_WORD || parser->token.size > SPELLING_WORD_MAX)
        return err_code();
    memcpy(word, start_of(parser), parser->token.size);
    word[parser->token.size] = 0;
    const char *near = spelling_nearest(word, clause_words, CLAUSE_WORDS);
    return near && strcmp(near, word) != 0 ? err_hint("did you mean %s?", near)
                                           : err_code();
}

static enum err expected(const struct parser *parser, const char *what)
{
    char text[48];
    found(parser, text);
    if (parser->token.kind == TOKEN_OPEN_LABEL)
        return source_refuse(source_of(parser), parser->token.at, E1003,
                             "the label that begins here does not end on this line");
    if (parser->token.kind == TOKEN_BAD)
        return source_refuse(source_of(parser), parser->token.at, E1001,
                             "%s has no meaning here", text);
    source_refuse(source_of(parser), parser->token.at, E1002, "expected %s, found %s",
                  what, text);
    return hint_at_clause(parser);
}

static enum err take_sign(struct parser *parser, const char *sign, const char *what)
{
    return at_sign(parser, sign) ? advance(parser) : expected(parser, what);
}

static enum err take_line_end(struct parser *parser)
{
    if (!at_line_end(parser))
        return expected(parser, "the end of the line");
    return parser->token.kind == TOKEN_END ? ERR_OK : advance(parser);
}

void *syntax_take(struct syntax *syntax, size_t size)
{
    return arena_take(syntax->arena, size);
}

static enum err full(const struct parser *parser)
{
    return source_refuse(source_of(parser), parser->token.at, E4003,
                         "the model needs more memory than a model may");
}

static enum err keep_text(struct parser *parser, const char *text, size_t size,
                          const char **kept)
{
    *kept = arena_text(parser->syntax->arena, text, size);
    return *kept ? ERR_OK : full(parser);
}

static enum err take_name(struct parser *parser, const char *what, const char **name,
                          size_t *at)
{
    if (parser->token.kind != TOKEN_WORD)
        return expected(parser, what);
    if (parser->token.size > MODEL_NAME_MAX)
        return source_refuse(source_of(parser), parser->token.at, E2008,
                             "a name of %zu characters; at most %d", parser->token.size,
                             MODEL_NAME_MAX);
    *at = parser->token.at;
    enum err err = keep_text(parser, start_of(parser), parser->token.size, name);
    return err == ERR_OK ? advance(parser) : err;
}

/* [-] number */
static enum err take_number(struct parser *parser, const char *what, double *number)
{
    double sign = 1;
    if (at_sign(parser, "-")) {
        sign = -1;
        if (advance(parser) != ERR_OK)
            return err_code();
    }
    if (parser->token.kind != TOKEN_NUMBER)
        return expected(parser, what);
    *number = sign * parser->token.number;
    return advance(parser);
}

/* A number that may be written in percent: cv 35 %. */
static enum err take_share(struct parser *parser, const char *what, double *number)
{
    enum err err = take_number(parser, what, number);
    if (err == ERR_OK && parser->token.kind == TOKEN_BAD && *start_of(parser) == '%') {
        *number /= 100;
        err = advance(parser);
    }
    return err;
}

static bool at_unit(const struct parser *parser, bool atom)
{
    const char *c = start_of(parser);
    switch (parser->token.kind) {
    case TOKEN_WORD:
        return !at_clause(parser);
    case TOKEN_NUMBER:
        return !atom;
    case TOKEN_BAD: /* %, a Greek mu, {beats} */
        return *c == '%' || (unsigned char)*c >= 0x80 || (*c == '{' && !atom);
    case TOKEN_SIGN: /* ( opens bounds as a rule */
        return *c == '[' ||
               (!atom && (*c == '/' ||
                          (*c == '(' && (c[1] == '[' || isalpha((unsigned char)c[1])))));
    default:
        return false;
    }
}

/* What base or unit refused becomes a refusal of this text, with its hint. */
static enum err refuse_unit(const struct parser *parser, size_t at)
{
    char sentence[300], hint[200];
    snprintf(sentence, sizeof sentence, "%s", err_text());
    snprintf(hint, sizeof hint, "%s", err_hint_text());
    source_refuse(source_of(parser), at, E3004, "%s", sentence);
    return hint[0] ? err_hint("%s", hint) : err_code();
}

/* The unit that begins at the present token. `atom`: as after a number in a formula. */
static enum err take_unit(struct parser *parser, bool atom, struct unit_text *unit)
{
    size_t size;
    if (!at_unit(parser, atom)) {
        expected(parser, "a unit");
        return err_hint("a plain number has the unit 1");
    }
    unit->at = parser->token.at;
    const char *text = start_of(parser);
    token_unit(&parser->lexer, &parser->token, atom, &size);
    bool bracketed = atom && text[0] == '[' && size > 2 && text[size - 1] == ']';
    if (unit_parse(text, size, &unit->unit) != ERR_OK) {
        /* [iU] is a name of its own; [mg/L] is mg/L in brackets */
        if (!bracketed || unit_parse(text + 1, size - 2, &unit->unit) != ERR_OK)
            return refuse_unit(parser, unit->at);
        text++;
        size -= 2;
    }
    enum err err = keep_text(parser, text, size, &unit->text);
    return err == ERR_OK ? advance(parser) : err;
}

static enum err take_label(struct parser *parser, const char **label)
{
    if (parser->token.kind != TOKEN_LABEL)
        return expected(parser, "a label in double quotes");
    enum err err = keep_text(parser, start_of(parser) + 1, parser->token.size, label);
    return err == ERR_OK ? advance(parser) : err;
}

/* --- expressions ---------------------------------------------------------------- */

static const struct {
    const char *name;
    enum op op;
    size_t least, most;
} functions[] = {
    {"exp", OP_EXP, 1, 1},     {"ln", OP_LN, 1, 1},
    {"log10", OP_LOG10, 1, 1}, {"sqrt", OP_SQRT, 1, 1},
    {"abs", OP_ABS, 1, 1},     {"tanh", OP_TANH, 1, 1},
    {"sin", OP_SIN, 1, 1},     {"cos", OP_COS, 1, 1},
    {"floor", OP_FLOOR, 1, 1}, {"logit", OP_LOGIT, 1, 1},
    {"expit", OP_EXPIT, 1, 1}, {"mod", OP_MOD, 2, 2},
    {"min", OP_MIN, 2, 64},    {"max", OP_MAX, 2, 64},
    {"if", OP_SELECT, 3, 3},   {"piecewise", OP_PIECEWISE, 3, 129},
};
#define FUNCTION_COUNT (sizeof functions / sizeof *functions)
#define ARGUMENTS_MAX 129

static const struct {
    enum op op;
    const char *sign;
    int level; /* binding strength */
} signs[] = {
    {OP_OR, "or", 1},         {OP_AND, "and", 2},    {OP_LESS, "<", 4},
    {OP_LESS_EQUAL, "<=", 4}, {OP_GREATER, ">", 4},  {OP_GREATER_EQUAL, ">=", 4},
    {OP_EQUAL, "==", 4},      {OP_UNEQUAL, "!=", 4}, {OP_ADD, "+", 5},
    {OP_SUBTRACT, "-", 5},    {OP_MULTIPLY, "*", 6}, {OP_DIVIDE, "/", 6},
    {OP_POWER, "^", 8},
};
#define SIGN_COUNT (sizeof signs / sizeof *signs)
#define LEVEL_NOT 3
#define LEVEL_COMPARE 4
#define LEVEL_NEGATE 7
#define LEVEL_POWER 8
#define LEVEL_PRIMARY 9

const char *function_name(enum op op)
{
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        if (functions[i].op == op)
            return functions[i].name;
    for (size_t i = 0; i < SIGN_COUNT; i++)
        if (signs[i].op == op)
            return signs[i].sign;
    return op == OP_NEGATE ? "-" : op == OP_NOT ? "not" : "";
}

static enum err expression(struct parser *parser, int level, struct expr **expr);

/* The end of what was opened at `opened`. Lines go on inside parentheses, so that a
 * missing one is noticed far below: the hint leads back. */
static enum err take_closing(struct parser *parser, size_t opened, const char *what)
{
    size_t line, column, here, ignored;
    if (at_sign(parser, ")"))
        return advance(parser);
    source_place(source_of(parser), opened, &line, &column);
    source_place(source_of(parser), parser->token.at, &here, &ignored);
    expected(parser, what);
    return here != line
               ? err_hint("the parenthesis opened in line %zu, column %zu is not "
                          "closed",
                          line, column)
               : err_code();
}

static enum err expr_new(struct parser *parser, enum op op, size_t at,
                         struct expr *const *arguments, size_t count, struct expr **expr)
{
    struct expr *made = syntax_take(parser->syntax, sizeof *made);
    if (!made)
        return full(parser);
    made->op = op;
    made->at = at;
    made->height = 1;
    made->factor = 1;
    made->count = count;
    if (count) {
        made->arguments = syntax_take(parser->syntax, count * sizeof(struct expr *));
        if (!made->arguments)
            return full(parser);
        memcpy(made->arguments, arguments, count * sizeof(struct expr *));
    }
    for (size_t i = 0; i < count; i++)
        if (arguments[i]->height >= made->height)
            made->height = arguments[i]->height + 1;
    if (made->height > EXPR_HEIGHT_MAX)
        return source_refuse(source_of(parser), at, E1005,
                             "a formula of more than %d operations in a row",
                             EXPR_HEIGHT_MAX);
    *expr = made;
    return ERR_OK;
}

static enum err number_expr(struct parser *parser, struct expr **expr)
{
    double value = parser->token.number;
    size_t at = parser->token.at;
    if (advance(parser) != ERR_OK ||
        expr_new(parser, OP_NUMBER, at, NULL, 0, expr) != ERR_OK)
        return err_code();
    (*expr)->number = value;
    /* Inside parentheses lines go on, but a unit stands beside its number. */
    if (!at_unit(parser, true) ||
        memchr(parser->syntax->source.text + at, '\n', parser->token.at - at))
        return ERR_OK;
    (*expr)->unit = syntax_take(parser->syntax, sizeof *(*expr)->unit);
    if (!(*expr)->unit)
        return full(parser);
    bool bracketed = at_sign(parser, "[");
    if (take_unit(parser, true, (*expr)->unit) != ERR_OK)
        return err_code();
    if (!at_sign(parser, "^") || bracketed)
        return ERR_OK;
    /* 1.73 m^2 would be a square of 1.73 m, and nothing later could tell. */
    char number[NUMBER_TEXT_MAX];
    number_print(value, number);
    source_refuse(source_of(parser), parser->token.at, E1009,
                  "does the power belong to the unit or to %s %s?", number,
                  (*expr)->unit->text);
    return err_hint("write %s [%s^n] or (%s %s)^n", number, (*expr)->unit->text, number,
                    (*expr)->unit->text);
}

static enum err wrong_count(struct parser *parser, size_t at, size_t function,
                            size_t count)
{
    const char *form =
        functions[function].op == OP_SELECT      ? "condition, value, other value"
        : functions[function].op == OP_PIECEWISE ? "value, condition, ..., last value"
        : functions[function].most > 2           ? "a, b, ..."
        : functions[function].most == 2          ? "a, b"
                                                 : "x";
    source_refuse(source_of(parser), at, E2007, "%s with %zu argument%s",
                  functions[function].name, count, count == 1 ? "" : "s");
    return err_hint("write %s(%s)", functions[function].name, form);
}

static enum err unknown_function(struct parser *parser, size_t at, const char *name)
{
    static const char *const others[][2] = {
        {"pow", "powers are written a^b"},
        {"power", "powers are written a^b"},
        {"ifelse", "write if(condition, value, other value)"},
        {"log2", "write ln(x)/ln(2)"},
        {"log1p", "write ln(1 + x)"},
        {"invlogit", "write expit(x)"},
        {"sigmoid", "write expit(x)"},
        {"heaviside", "write if(time > START, 1, 0)"},
        {"tan", "write sin(x)/cos(x)"},
        {"fabs", "write abs(x)"},
        {"d", "a rate is written d/dt(NAME) = ... at the beginning of a line"},
    };
    if (strcmp(name, "log") == 0)
        return source_refuse(source_of(parser), at, E1009,
                             "log could mean two things; write ln or log10");
    source_refuse(source_of(parser), at, E2006, "there is no function %s", name);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name, others[i][0]) == 0)
            return err_hint("%s", others[i][1]);
    const char *names[FUNCTION_COUNT];
    for (size_t i = 0; i < FUNCTION_COUNT; i++)
        names[i] = functions[i].name;
    const char *near = spelling_nearest(name, names, FUNCTION_COUNT);
    return near ? err_hint("did you mean %s?", near)
                : err_hint("if a product is meant, write %s*(...)", name);
}

/* piecewise ends with otherwise's value: value, condition, ..., last value. */
static enum err call(struct parser *parser, size_t at, const char *name,
                     struct expr **expr)
{
    struct expr *arguments[ARGUMENTS_MAX];
    size_t count = 0, function = 0;
    while (function < FUNCTION_COUNT && strcmp(functions[function].name, name) != 0)
        function++;
    if (function == FUNCTION_COUNT)
        return unknown_function(parser, at, name);
    size_t opened = parser->token.at;
    if (advance(parser) != ERR_OK)
        return err_code();
    while (!at_sign(parser, ")")) {
        if (count == ARGUMENTS_MAX)
            return wrong_count(parser, at, function, count + 1);
        if (count && !at_sign(parser, ","))
            return take_closing(parser, opened, "an operator, ',' or ')'");
        if ((count && advance(parser) != ERR_OK) ||
            expression(parser, 0, &arguments[count]) != ERR_OK)
            return err_code();
        count++;
    }
    if (advance(parser) != ERR_OK)
        return err_code();
    if (count < functions[function].least || count > functions[function].most ||
        (functions[function].op == OP_PIECEWISE && count % 2 == 0))
        return wrong_count(parser, at, function, count);
    return expr_new(parser, functions[function].op, at, arguments, count, expr);
}

static enum err primary(struct parser *parser, struct expr **expr)
{
    size_t at = parser->token.at;
    if (parser->token.kind == TOKEN_NUMBER)
        return number_expr(parser, expr);
    if (at_sign(parser, "!"))
        return source_refuse(source_of(parser), at, E1009, "write not instead of !");
    if (at_sign(parser, "(")) {
        if (parser->nesting >= EXPR_NESTING_MAX)
            return source_refuse(source_of(parser), at, E1005,
                                 "parentheses more than %d deep", EXPR_NESTING_MAX);
        parser->nesting++;
        enum err err = advance(parser);
        if (err == ERR_OK)
            err = expression(parser, 0, expr);
        parser->nesting--;
        return err == ERR_OK ? take_closing(parser, at, "an operator or ')'") : err;
    }
    if (parser->token.kind != TOKEN_WORD)
        return expected(parser, "a value");
    const char *name;
    if (take_name(parser, "a value", &name, &at) != ERR_OK)
        return err_code();
    if (at_sign(parser, "(")) {
        if (parser->nesting >= EXPR_NESTING_MAX)
            return source_refuse(source_of(parser), at, E1005,
                                 "parentheses more than %d deep", EXPR_NESTING_MAX);
        parser->nesting++;
        enum err err = call(parser, at, name, expr);
        parser->nesting--;
        return err;
    }
    if (expr_new(parser, OP_NAME, at, NULL, 0, expr) != ERR_OK)
        return err_code();
    (*expr)->name = name;
    return ERR_OK;
}

static enum err refuse_foreign(struct parser *parser)
{
    static const char *const foreign[][2] = {
        {"**", "^"}, {"&&", "and"}, {"||", "or"}, {"=", "=="}};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (at_sign(parser, foreign[i][0]))
            return source_refuse(source_of(parser), parser->token.at, E1009,
                                 "write %s instead of %s", foreign[i][1], foreign[i][0]);
    return ERR_OK;
}

/* The sign at the present token, if it binds at least as strongly as `level`. */
static bool binary_sign(const struct parser *parser, int level, size_t *sign)
{
    for (size_t i = 0; i < SIGN_COUNT; i++) {
        bool here = signs[i].level <= 2 ? at_word(parser, signs[i].sign)
                                        : at_sign(parser, signs[i].sign);
        if (here && signs[i].level >= level) {
            *sign = i;
            return true;
        }
    }
    return false;
}

static enum err prefix(struct parser *parser, int level, struct expr **expr)
{
    size_t at = parser->token.at;
    struct expr *inner;
    bool minus = at_sign(parser, "-"), not = level <= LEVEL_NOT && at_word(parser, "not");
    if (at_sign(parser, "+"))
        return expected(parser, "a value");
    if (!minus && !not )
        return primary(parser, expr);
    if (parser->nesting >= EXPR_NESTING_MAX)
        return source_refuse(source_of(parser), at, E1005, "signs more than %d deep",
                             EXPR_NESTING_MAX);
    parser->nesting++;
    enum err err = advance(parser);
    if (err == ERR_OK) /* -a^2 is -(a^2) */
        err = expression(parser, minus ? LEVEL_NEGATE : LEVEL_NOT, &inner);
    parser->nesting--;
    return err == ERR_OK
               ? expr_new(parser, minus ? OP_NEGATE : OP_NOT, at, &inner, 1, expr)
               : err;
}

/* Precedence climbing; ^ binds to the right, comparisons do not chain. */
static enum err expression(struct parser *parser, int level, struct expr **expr)
{
    size_t sign;
    bool compared = false;
    if (prefix(parser, level, expr) != ERR_OK)
        return err_code();
    while (binary_sign(parser, level, &sign)) {
        size_t at = parser->token.at;
        struct expr *pair[2] = {*expr, NULL};
        int right = signs[sign].op == OP_POWER ? LEVEL_NEGATE : signs[sign].level + 1;
        if (signs[sign].level == LEVEL_COMPARE && compared)
            return source_refuse(source_of(parser), at, E1002,
                                 "comparisons do not chain; write a < b and b < c");
        compared = signs[sign].level == LEVEL_COMPARE;
        if (parser->nesting >= EXPR_NESTING_MAX)
            return source_refuse(source_of(parser), at, E1005,
                                 "operations nested more than %d deep", EXPR_NESTING_MAX);
        parser->nesting++;
        enum err err = advance(parser);
        if (err == ERR_OK)
            err = expression(parser, right, &pair[1]);
        parser->nesting--;
        if (err == ERR_OK)
            err = expr_new(parser, signs[sign].op, at, pair, 2, expr);
        if (err != ERR_OK)
            return err;
    }
    return refuse_foreign(parser);
}

/* --- clause_words that several sections share ----------------------------------- */

static enum err too_many(struct parser *parser, const char *what, int most)
{
    return source_refuse(source_of(parser), parser->token.at, E4003, "more than %d %s",
                         most, what);
}

static enum err twice(struct parser *parser, const char *what)
{
    return source_refuse(source_of(parser), parser->token.at, E1002, "%s is given twice",
                         what);
}

/* --- [parameters] --------------------------------------------------------------- */

static enum err take_bounds(struct parser *parser, struct parameter_line *line)
{
    line->low_at = parser->token.at;
    line->bounded = true;
    enum err err = advance(parser);
    if (err == ERR_OK)
        err = take_number(parser, "the lower bound", &line->low);
    if (err == ERR_OK)
        err = take_sign(parser, ",", "','");
    if (err == ERR_OK)
        err = take_number(parser, "the upper bound", &line->high);
    return err == ERR_OK ? take_sign(parser, ")", "')'") : err;
}

static enum err take_spread(struct parser *parser, struct parameter_line *line)
{
    static const char *const words[] = {"normal", "lognormal", "logitnormal"};
    static const enum transform transforms[] = {TRANSFORM_IDENTITY, TRANSFORM_LOG,
                                                TRANSFORM_LOGIT};
    size_t which = 0;
    while (which < 3 && !at_word(parser, words[which]))
        which++;
    line->spread_at = parser->token.at;
    line->spread = SPREAD_INDIVIDUAL;
    line->transform = transforms[which];
    line->transform_said = true;
    if (advance(parser) != ERR_OK)
        return err_code();
    line->spread_is_cv = at_word(parser, "cv");
    if (!line->spread_is_cv && !at_word(parser, "sd")) {
        expected(parser, line->transform == TRANSFORM_LOG ? "cv or sd" : "sd");
        return err_hint("%s", line->transform == TRANSFORM_LOG
                                  ? "cv is the coefficient of variation, sd the standard "
                                    "deviation of the logarithm"
                                  : "sd is the standard deviation of the transformed "
                                    "parameter");
    }
    if (line->spread_is_cv && line->transform != TRANSFORM_LOG)
        return source_refuse(source_of(parser), parser->token.at, E4002,
                             "cv belongs to lognormal; %s takes sd", words[which]);
    if (advance(parser) != ERR_OK ||
        (line->spread_is_cv ? take_share : take_number)(parser, "a number",
                                                        &line->spread_value) != ERR_OK)
        return err_code();
    bool unit_follows = line->transform == TRANSFORM_IDENTITY && at_unit(parser, false);
    return unit_follows ? take_unit(parser, false, &line->spread_unit) : ERR_OK;
}

/* `estimated [log | logit]`: learned, and the same for everybody. */
static enum err take_estimated(struct parser *parser, struct parameter_line *line)
{
    line->spread_at = parser->token.at;
    line->spread = SPREAD_POPULATION;
    line->transform =
        line->bounded && line->low >= 0 ? TRANSFORM_LOG : TRANSFORM_IDENTITY;
    if (advance(parser) != ERR_OK)
        return err_code();
    static const char *const words[] = {"identity", "log", "logit"};
    for (size_t i = 0; i < 3; i++)
        if (at_word(parser, words[i])) {
            line->transform_said = true;
            line->transform = i == 0   ? TRANSFORM_IDENTITY
                              : i == 1 ? TRANSFORM_LOG
                                       : TRANSFORM_LOGIT;
            return advance(parser);
        }
    return ERR_OK;
}

static enum err take_places(struct parser *parser, struct place *places, size_t most,
                            const char *what, size_t *count)
{
    do {
        if (*count == most)
            return too_many(parser, what, (int)most);
        if (*count && advance(parser) != ERR_OK)
            return err_code();
        if (take_name(parser, "a name", &places[*count].name, &places[*count].at) !=
            ERR_OK)
            return err_code();
        ++*count;
    } while (at_sign(parser, ","));
    return ERR_OK;
}

static enum err parameter_tail(struct parser *parser, struct parameter_line *line)
{
    enum err err = ERR_OK;
    bool spread_said = false;
    while (err == ERR_OK && !at_line_end(parser)) {
        bool spread = at_word(parser, "normal") || at_word(parser, "lognormal") ||
                      at_word(parser, "logitnormal");
        bool estimated = at_word(parser, "estimated"), fixed = at_word(parser, "fixed");
        if (spread || estimated || fixed) {
            if (spread_said)
                return twice(parser, "the spread");
            spread_said = true;
            line->spread_at = parser->token.at;
            err = spread      ? take_spread(parser, line)
                  : estimated ? take_estimated(parser, line)
                              : advance(parser);
        } else if (at_word(parser, "on") && line->on_count == 0) {
            if (advance(parser) != ERR_OK)
                return err_code();
            err = take_places(parser, line->on, MODEL_COVARIATES_MAX, "covariates",
                              &line->on_count);
        } else if (parser->token.kind == TOKEN_LABEL && !line->label) {
            err = take_label(parser, &line->label);
        } else {
            return expected(parser,
                            "fixed, estimated, lognormal, logitnormal, normal, on, "
                            "a label or the end of the line");
        }
    }
    if (err == ERR_OK && !spread_said) {
        source_refuse(source_of(parser), line->at, E1002,
                      "%s does not say whether it is learned", line->name);
        return err_hint("add fixed, estimated (the same for everybody) or a spread "
                        "between patients such as lognormal cv 0.3");
    }
    return err == ERR_OK ? take_line_end(parser) : err;
}

static enum err parameter_statement(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->parameter_count == MODEL_PARAMETERS_MAX)
        return too_many(parser, "parameters", MODEL_PARAMETERS_MAX);
    struct parameter_line *line = &s->parameters[s->parameter_count++];
    line->spread = SPREAD_FIXED;
    enum err err = take_name(parser, "a parameter's name", &line->name, &line->at);
    if (err == ERR_OK)
        err = take_sign(parser, "=", "'='");
    line->value_at = line->spread_at = parser->token.at;
    if (err == ERR_OK)
        err = take_number(parser, "the typical value", &line->value);
    if (err == ERR_OK)
        err = take_unit(parser, false, &line->unit);
    if (err == ERR_OK && at_sign(parser, "("))
        err = take_bounds(parser, line);
    return err == ERR_OK ? parameter_tail(parser, line) : err;
}

/* --- [population] --------------------------------------------------------------- */

static enum err population_statement(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (!at_word(parser, "correlated"))
        return expected(parser, "correlated");
    if (s->correlated_count == MODEL_PARAMETERS_MAX)
        return too_many(parser, "correlated lines", MODEL_PARAMETERS_MAX);
    struct correlated_line *line = &s->correlated[s->correlated_count++];
    line->at = parser->token.at;
    enum err err = advance(parser);
    if (err == ERR_OK && at_word(parser, "all")) {
        line->all = true;
        err = advance(parser);
    } else if (err == ERR_OK) {
        err =
            take_places(parser, line->names, MODEL_PARAMETERS_MAX, "names", &line->count);
    }
    if (err == ERR_OK && !at_line_end(parser)) {
        line->said = true;
        err = take_number(parser, "a correlation or the end of the line",
                          &line->correlation);
    }
    return err == ERR_OK ? take_line_end(parser) : err;
}

/* --- [covariates] --------------------------------------------------------------- */

static enum err covariate_number(struct parser *parser, const char *word, bool *has,
                                 double *value)
{
    if (*has)
        return twice(parser, word);
    *has = true;
    return advance(parser) == ERR_OK ? take_number(parser, "a number", value)
                                     : err_code();
}

static enum err covariate_tail(struct parser *parser, struct covariate_line *line)
{
    static const char *const holds[] = {"constant", "locf", "linear"};
    enum err err = ERR_OK;
    while (err == ERR_OK && !at_line_end(parser)) {
        size_t hold = 0;
        while (hold < 3 && !at_word(parser, holds[hold]))
            hold++;
        if (hold < 3) {
            if (line->hold_said)
                return twice(parser, "constant, locf or linear");
            line->hold_said = true;
            line->hold = (enum covariate_hold)hold;
            err = advance(parser);
        } else if (at_word(parser, "default")) {
            err = covariate_number(parser, "default", &line->has_default,
                                   &line->default_value);
        } else if (at_word(parser, "centre")) {
            err = covariate_number(parser, "centre", &line->has_centre, &line->centre);
        } else if (at_word(parser, "scale")) {
            line->scale_at = parser->token.at;
            err = covariate_number(parser, "scale", &line->has_scale, &line->scale);
        } else if (parser->token.kind == TOKEN_LABEL && !line->label) {
            err = take_label(parser, &line->label);
        } else {
            return expected(parser, "constant, locf, linear, default, centre, scale, a "
                                    "label or the end of the line");
        }
    }
    return err == ERR_OK ? take_line_end(parser) : err;
}

static enum err covariate_statement(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->covariate_count == MODEL_COVARIATES_MAX)
        return too_many(parser, "covariates", MODEL_COVARIATES_MAX);
    struct covariate_line *line = &s->covariates[s->covariate_count++];
    line->scale = 1;
    enum err err = take_name(parser, "a covariate's name", &line->name, &line->at);
    if (err == ERR_OK)
        err = take_unit(parser, false, &line->unit);
    return err == ERR_OK ? covariate_tail(parser, line) : err;
}

/* --- [individual] and [equations] ----------------------------------------------- */

static enum err take_init(struct parser *parser, struct state_line *line)
{
    if (advance(parser) != ERR_OK)
        return err_code();
    if (at_word(parser, "steady")) {
        line->steady = true;
        return advance(parser);
    }
    return expression(parser, 0, &line->init);
}

/* What follows a formula, in any order: unit U, a label and, of a state, its initial
 * value.
 */
static enum err formula_tail(struct parser *parser, struct unit_text *unit,
                             const char **label, struct state_line *state)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && !at_line_end(parser)) {
        if (at_word(parser, "unit")) {
            if (unit->text)
                return twice(parser, "unit");
            err = advance(parser);
            if (err == ERR_OK)
                err = take_unit(parser, false, unit);
        } else if (parser->token.kind == TOKEN_LABEL && !*label) {
            err = take_label(parser, label);
        } else if (state && at_word(parser, "init")) {
            if (state->init || state->steady)
                return twice(parser, "init");
            err = take_init(parser, state);
        } else {
            return expected(parser, state
                                        ? "an operator, init, unit, a label or the end "
                                          "of the line"
                                        : "an operator, unit, a label or the end of the "
                                          "line");
        }
    }
    return err == ERR_OK ? take_line_end(parser) : err;
}

/* Other languages' ways to begin such a line. */
static enum err expected_equals(struct parser *parser, const char *name)
{
    bool prime = parser->token.kind == TOKEN_BAD && *start_of(parser) == '\'';
    expected(parser, "'='");
    if (prime || (at_sign(parser, "/") && *name == 'd'))
        return err_hint("a rate is written d/dt(%s) = ...", prime ? name : name + 1);
    if (at_sign(parser, "("))
        return err_hint("an initial value stands behind the rate: d/dt(%s) = ... init 1",
                        name);
    return err_code();
}

static enum err quantity_statement(struct parser *parser, bool individual)
{
    struct syntax *s = parser->syntax;
    if (s->quantity_count == MODEL_QUANTITIES_MAX)
        return too_many(parser, "named quantities", MODEL_QUANTITIES_MAX);
    struct quantity_line *line = &s->quantities[s->quantity_count++];
    line->individual = individual;
    enum err err = take_name(parser, individual ? "a quantity's name" : "d/dt or a name",
                             &line->name, &line->at);
    if (err == ERR_OK)
        err =
            at_sign(parser, "=") ? advance(parser) : expected_equals(parser, line->name);
    if (err == ERR_OK)
        err = expression(parser, 0, &line->expr);
    return err == ERR_OK ? formula_tail(parser, &line->unit, &line->label, NULL) : err;
}

static enum err individual_statement(struct parser *parser)
{
    return quantity_statement(parser, true);
}

static enum err state_statement(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->state_count == MODEL_STATES_MAX)
        return too_many(parser, "states", MODEL_STATES_MAX);
    struct state_line *line = &s->states[s->state_count++];
    enum err err = advance(parser); /* past d */
    if (err == ERR_OK)
        err = take_sign(parser, "/", "'/'");
    if (err == ERR_OK && !at_word(parser, "dt"))
        err = expected(parser, "d/dt(NAME)");
    if (err == ERR_OK)
        err = advance(parser);
    if (err == ERR_OK)
        err = take_sign(parser, "(", "'('");
    if (err == ERR_OK)
        err = take_name(parser, "a state's name", &line->name, &line->at);
    if (err == ERR_OK)
        err = take_sign(parser, ")", "')'");
    if (err == ERR_OK)
        err = take_sign(parser, "=", "'='");
    if (err == ERR_OK)
        err = expression(parser, 0, &line->rate);
    return err == ERR_OK ? formula_tail(parser, &line->unit, &line->label, line) : err;
}

static enum err equation_statement(struct parser *parser)
{
    if (!at_word(parser, "d"))
        return quantity_statement(parser, false);
    struct lexer ahead = parser->lexer;
    struct token next;
    if (token_next(&ahead, &next) != ERR_OK)
        return err_code();
    bool rate = next.kind == TOKEN_SIGN && strcmp(next.sign, "/") == 0;
    return rate ? state_statement(parser) : quantity_statement(parser, false);
}

/* --- [doses] -------------------------------------------------------------------- */

static enum err take_conversion(struct parser *parser, struct input_line *line)
{
    enum err err = advance(parser);
    if (err == ERR_OK)
        err = at_word(parser, "from") ? advance(parser) : expected(parser, "from");
    if (err == ERR_OK)
        err = take_unit(parser, false, &line->from);
    if (err == ERR_OK)
        err = at_word(parser, "by") ? advance(parser) : expected(parser, "by");
    line->converted = true;
    line->number_at = parser->token.at;
    return err == ERR_OK ? take_number(parser, "a number", &line->number) : err;
}

static enum err dose_tail(struct parser *parser, struct input_line *line)
{
    const struct {
        const char *word;
        struct expr **expr;
    } modifiers[] = {
        {"fraction", &line->fraction}, {"lag", &line->lag}, {"over", &line->over}};
    enum err err = ERR_OK;
    while (err == ERR_OK && !at_line_end(parser)) {
        size_t i = 0;
        while (i < 3 && !at_word(parser, modifiers[i].word))
            i++;
        if (i < 3) {
            if (*modifiers[i].expr)
                return twice(parser, modifiers[i].word);
            err = advance(parser);
            if (err == ERR_OK)
                err = expression(parser, 0, modifiers[i].expr);
        } else if (at_word(parser, "convert") && !line->converted) {
            err = take_conversion(parser, line);
        } else if (parser->token.kind == TOKEN_LABEL && !line->label) {
            err = take_label(parser, &line->label);
        } else {
            return expected(parser, "fraction, lag, over, convert, a label or the end of "
                                    "the line");
        }
    }
    return err == ERR_OK ? take_line_end(parser) : err;
}

static enum err dose_statement(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->input_count == MODEL_INPUTS_MAX)
        return too_many(parser, "doses", MODEL_INPUTS_MAX);
    struct input_line *line = &s->inputs[s->input_count++];
    enum err err = take_name(parser, "a dose's name", &line->name, &line->at);
    if (err == ERR_OK)
        err = take_sign(parser, "->", "'->'");
    if (err == ERR_OK)
        err = take_name(parser, "the state it enters", &line->state, &line->state_at);
    if (err == ERR_OK)
        err = take_unit(parser, false, &line->unit);
    return err == ERR_OK ? dose_tail(parser, line) : err;
}

/* --- [observations] ------------------------------------------------------------- */

static enum err take_amount(struct parser *parser, struct observation_line *line,
                            bool additive)
{
    if (additive ? line->has_additive : line->has_proportional)
        return twice(parser, additive ? "add" : "prop");
    double *value = additive ? &line->additive : &line->proportional;
    bool *fixed = additive ? &line->additive_fixed : &line->proportional_fixed;
    *(additive ? &line->has_additive : &line->has_proportional) = true;
    enum err err =
        (additive ? take_number : take_share)(parser, "a standard deviation", value);
    if (err == ERR_OK && additive && at_unit(parser, false))
        err = take_unit(parser, false, &line->additive_unit);
    if (err == ERR_OK && at_word(parser, "fixed")) {
        *fixed = true;
        err = advance(parser);
    }
    return err;
}

static enum err take_combined(struct parser *parser, struct observation_line *line)
{
    enum err err = ERR_OK;
    for (int part = 0; err == ERR_OK && part < 2; part++) {
        bool additive = at_word(parser, "add");
        if (part &&
            (err = take_sign(parser, ",",
                             line->has_additive ? "',' and the proportional part"
                                                : "',' and the additive part")) == ERR_OK)
            additive = at_word(parser, "add");
        if (err == ERR_OK && !additive && !at_word(parser, "prop"))
            err = expected(parser, "add or prop");
        if (err == ERR_OK)
            err = advance(parser);
        if (err == ERR_OK)
            err = take_amount(parser, line, additive);
    }
    return err;
}

static const struct {
    const char *name;
    enum residual_kind kind;
} residuals[] = {
    {"add", RESIDUAL_ADDITIVE},        {"prop", RESIDUAL_PROPORTIONAL},
    {"combined1", RESIDUAL_COMBINED1}, {"combined2", RESIDUAL_COMBINED2},
    {"lognormal", RESIDUAL_LOGNORMAL}, {"bernoulli", RESIDUAL_BERNOULLI},
};

static enum err take_residual(struct parser *parser, struct observation_line *line)
{
    size_t which = 0, count = sizeof residuals / sizeof *residuals;
    while (which < count && !at_word(parser, residuals[which].name))
        which++;
    if (which == count)
        return expected(parser,
                        "add, prop, combined1, combined2, lognormal or bernoulli");
    line->residual_at = parser->token.at;
    line->residual = residuals[which].kind;
    enum err err = advance(parser);
    if (err != ERR_OK || line->residual == RESIDUAL_BERNOULLI)
        return err;
    err = take_sign(parser, "(", "'('");
    if (err == ERR_OK)
        err = line->residual == RESIDUAL_COMBINED1 || line->residual == RESIDUAL_COMBINED2
                  ? take_combined(parser, line)
                  : take_amount(parser, line, line->residual != RESIDUAL_PROPORTIONAL);
    return err == ERR_OK ? take_sign(parser, ")", "')'") : err;
}

static enum err take_codes(struct parser *parser, struct observation_line *line)
{
    char text[200] = "";
    size_t used = 0;
    enum err err = advance(parser);
    line->loinc_at = parser->token.at;
    for (bool more = err == ERR_OK; more;) {
        size_t size;
        const char *start = start_of(parser);
        token_raw(&parser->lexer, &parser->token, &size);
        if (at_line_end(parser) || size == 0)
            return expected(parser, "a LOINC code");
        int written = snprintf(text + used, sizeof text - used, "%s%.*s",
                               used ? ", " : "", (int)(size < 40 ? size : 40), start);
        used += (size_t)written;
        if (used >= sizeof text)
            return source_refuse(source_of(parser), line->loinc_at, E4008,
                                 "too many LOINC codes");
        if ((err = advance(parser)) != ERR_OK)
            return err;
        more = at_sign(parser, ",");
        if (more && (err = advance(parser)) != ERR_OK)
            return err;
    }
    return err == ERR_OK ? keep_text(parser, text, used, &line->loinc) : err;
}

/* `lloq N UNIT`, `uloq N UNIT`, `limits N .. N UNIT` */
static enum err take_limit(struct parser *parser, struct observation_line *line)
{
    bool low = at_word(parser, "lloq"), both = at_word(parser, "limits");
    if ((low || both ? line->has_low : line->has_high) || (both && line->has_high))
        return twice(parser, "a detection limit");
    line->limit_at = parser->token.at;
    line->has_low |= low || both;
    line->has_high |= !low;
    enum err err = advance(parser);
    if (err == ERR_OK)
        err = take_number(parser, "a limit", low || both ? &line->low : &line->high);
    if (err == ERR_OK && both) {
        err = take_sign(parser, "..", "'..'");
        if (err == ERR_OK)
            err = take_number(parser, "the upper limit", &line->high);
    }
    if (err == ERR_OK)
        err = take_unit(parser, false, low || both ? &line->low_unit : &line->high_unit);
    if (err == ERR_OK && both)
        line->high_unit = line->low_unit;
    return err;
}

static enum err observation_tail(struct parser *parser, struct observation_line *line)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && !at_line_end(parser)) {
        if (at_word(parser, "loinc") && !line->loinc) {
            err = take_codes(parser, line);
        } else if (at_word(parser, "lloq") || at_word(parser, "uloq") ||
                   at_word(parser, "limits")) {
            err = take_limit(parser, line);
        } else if (at_word(parser, "unit") && !line->unit.text) {
            err = advance(parser);
            if (err == ERR_OK)
                err = take_unit(parser, false, &line->unit);
        } else if (parser->token.kind == TOKEN_LABEL && !line->label) {
            err = take_label(parser, &line->label);
        } else {
            return expected(parser, "loinc, lloq, uloq, limits, unit, a label or the end "
                                    "of the line");
        }
    }
    return err == ERR_OK ? take_line_end(parser) : err;
}

static enum err observation_statement(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->observation_count == MODEL_OBSERVATIONS_MAX)
        return too_many(parser, "observations", MODEL_OBSERVATIONS_MAX);
    struct observation_line *line = &s->observations[s->observation_count++];
    enum err err = take_name(parser, "an observation's name", &line->name, &line->at);
    if (err == ERR_OK)
        err = take_sign(parser, ":", "':'");
    if (err == ERR_OK)
        err = expression(parser, 0, &line->expr);
    if (err == ERR_OK)
        err = take_sign(parser, "~", "'~' and an error model");
    if (err == ERR_OK)
        err = take_residual(parser, line);
    return err == ERR_OK ? observation_tail(parser, line) : err;
}

/* --- [what-if] ------------------------------------------------------------------ */

static enum err range_statement(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->range_count == MODEL_RANGES_MAX)
        return too_many(parser, "ranges", MODEL_RANGES_MAX);
    struct range_line *line = &s->ranges[s->range_count++];
    enum err err =
        take_name(parser, "a dose, parameter or covariate", &line->name, &line->at);
    if (err == ERR_OK)
        err = at_word(parser, "range") ? advance(parser) : expected(parser, "range");
    if (err == ERR_OK)
        err = take_number(parser, "the lowest value", &line->low);
    if (err == ERR_OK)
        err = take_sign(parser, "..", "'..'");
    if (err == ERR_OK)
        err = take_number(parser, "the highest value", &line->high);
    if (err == ERR_OK)
        err = take_unit(parser, false, &line->unit);
    if (err == ERR_OK && at_word(parser, "step")) {
        line->stepped = true;
        line->step_at = parser->token.at;
        err = advance(parser);
        if (err == ERR_OK)
            err = take_number(parser, "a step", &line->step);
    }
    return err == ERR_OK ? take_line_end(parser) : err;
}

/* --- the whole text ------------------------------------------------------------- */

static const struct {
    const char *name;
    enum err (*statement)(struct parser *parser);
} sections[] = {
    {"parameters", parameter_statement},
    {"population", population_statement},
    {"covariates", covariate_statement},
    {"individual", individual_statement},
    {"doses", dose_statement},
    {"equations", equation_statement},
    {"observations", observation_statement},
    {"what-if", range_statement},
};
#define SECTION_COUNT (sizeof sections / sizeof *sections)

static enum err skip_empty_lines(struct parser *parser)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && parser->token.kind == TOKEN_NEWLINE)
        err = advance(parser);
    return err;
}

static enum err header(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    size_t at;
    double version;
    enum err err = skip_empty_lines(parser);
    if (err == ERR_OK && !at_word(parser, "model"))
        return source_refuse(source_of(parser), parser->token.at, E1008,
                             "a model begins with: model NAME version N \"title\"");
    if (err == ERR_OK)
        err = advance(parser);
    if (err == ERR_OK)
        err = take_name(parser, "the model's name", &s->name, &at);
    if (err == ERR_OK)
        err = at_word(parser, "version") ? advance(parser) : expected(parser, "version");
    at = parser->token.at;
    if (err == ERR_OK)
        err = take_number(parser, "a whole number", &version);
    if (err == ERR_OK && !(version >= 1 && version <= 1e6 && version == floor(version)))
        return source_refuse(source_of(parser), at, E4009,
                             "a version is a whole number from 1");
    if (err == ERR_OK)
        s->version = (uint32_t)version;
    if (err == ERR_OK && parser->token.kind == TOKEN_LABEL)
        err = take_label(parser, &s->title);
    if (err == ERR_OK)
        err = take_line_end(parser);
    if (err == ERR_OK)
        err = skip_empty_lines(parser);
    if (err == ERR_OK && !at_word(parser, "time"))
        return source_refuse(source_of(parser), parser->token.at, E1008,
                             "the second line says: time UNIT");
    if (err == ERR_OK)
        err = advance(parser);
    if (err == ERR_OK)
        err = take_unit(parser, false, &s->time);
    return err == ERR_OK ? take_line_end(parser) : err;
}

static enum err unknown_section(struct parser *parser, size_t at, const char *start,
                                size_t size)
{
    const char *names[SECTION_COUNT];
    char word[SPELLING_WORD_MAX];
    size = size < 40 ? size : 40;
    memcpy(word, start, size);
    word[size] = 0;
    for (size_t i = 0; i < SECTION_COUNT; i++)
        names[i] = sections[i].name;
    source_refuse(source_of(parser), at, E1007, "there is no section [%s]", word);
    const char *near = spelling_nearest(word, names, SECTION_COUNT);
    return near ? err_hint("did you mean [%s]?", near)
                : err_hint("states, rates and formulas stand under [equations]");
}

static enum err section_name(struct parser *parser, size_t *section)
{
    size_t at = parser->token.at, size;
    enum err err = advance(parser);
    if (err != ERR_OK)
        return err;
    const char *start = start_of(parser);
    token_raw(&parser->lexer, &parser->token, &size);
    for (*section = 0; *section < SECTION_COUNT; ++*section)
        if (strlen(sections[*section].name) == size &&
            memcmp(sections[*section].name, start, size) == 0)
            break;
    if (*section == SECTION_COUNT)
        return unknown_section(parser, at, start, size);
    if (parser->syntax->sections >> *section & 1)
        return source_refuse(source_of(parser), at, E1007, "the section [%s] comes twice",
                             sections[*section].name);
    parser->syntax->sections |= 1u << *section;
    err = advance(parser);
    if (err == ERR_OK)
        err = take_sign(parser, "]", "']'");
    return err == ERR_OK ? take_line_end(parser) : err;
}

static enum err body(struct parser *parser)
{
    size_t section = SECTION_COUNT;
    enum err err = skip_empty_lines(parser);
    while (err == ERR_OK && parser->token.kind != TOKEN_END) {
        if (at_sign(parser, "["))
            err = section_name(parser, &section);
        else if (section == SECTION_COUNT)
            return source_refuse(source_of(parser), parser->token.at, E1008,
                                 "a section in brackets has to come first");
        else
            err = sections[section].statement(parser);
        if (err == ERR_OK)
            err = skip_empty_lines(parser);
    }
    return err;
}

enum err syntax_parse(const char *text, size_t size, const char *file_name,
                      struct syntax **syntax)
{
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* some editors' mark */
        text += 3;
        size -= 3;
    }
    struct source given = {text, file_name, size};
    if (size > MODEL_TEXT_MAX) {
        given.size = 0;
        return source_refuse(&given, 0, E1006, "%zu bytes", size);
    }
    if (source_check(&given) != ERR_OK)
        return err_code();
    struct syntax *s = mem_new(1, sizeof *s);
    s->arena = arena_new(ARENA_BASE + size * ARENA_PER_BYTE);
    s->source.text = arena_text(s->arena, text, size);
    s->source.size = size;
    s->source.file_name = arena_text(s->arena, file_name, strlen(file_name));
    struct parser parser = {.syntax = s, .lexer = {.source = &s->source}};
    enum err err = advance(&parser);
    if (err == ERR_OK)
        err = header(&parser);
    if (err == ERR_OK)
        err = body(&parser);
    if (err != ERR_OK) {
        syntax_destroy(&s);
        return err;
    }
    *syntax = s;
    return ERR_OK;
}

void syntax_destroy(struct syntax **syntax)
{
    if (!*syntax)
        return;
    arena_destroy(&(*syntax)->arena);
    mem_free(*syntax);
    *syntax = NULL;
}
