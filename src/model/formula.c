#include "parser.h"

#include <math.h>
#include <string.h>

#include "base/spelling.h"

/* formula - expressions by precedence climbing: each operator takes what binds more
 * strongly than itself to its right. */

static const struct {
    const char *name;
    enum op op;
    size_t least, most;
} functions[] = {
    {"exp", OP_EXP, 1, 1},       {"ln", OP_LN, 1, 1},
    {"log10", OP_LOG10, 1, 1},   {"sqrt", OP_SQRT, 1, 1},
    {"abs", OP_ABS, 1, 1},       {"tanh", OP_TANH, 1, 1},
    {"sin", OP_SIN, 1, 1},       {"cos", OP_COS, 1, 1},
    {"floor", OP_FLOOR, 1, 1},   {"logit", OP_LOGIT, 1, 1},
    {"expit", OP_EXPIT, 1, 1},   {"mod", OP_MOD, 2, 2},
    {"min", OP_MIN, 2, 64},      {"max", OP_MAX, 2, 64},
    {"if", OP_SELECT, 3, 3},     {"piecewise", OP_PIECEWISE, 3, 129},
    {"table", OP_TABLE, 2, 129},
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

static const char *const functionals[FUNCTIONALS] = {
    [FUNCTIONAL_MIN] = "min",
    [FUNCTIONAL_MAX] = "max",
    [FUNCTIONAL_MEAN] = "mean",
    [FUNCTIONAL_SD] = "sd",
    [FUNCTIONAL_AUC] = "auc",
    [FUNCTIONAL_START] = "start",
    [FUNCTIONAL_END] = "end",
    [FUNCTIONAL_TIME_OF_MIN] = "time_of_min",
    [FUNCTIONAL_TIME_OF_MAX] = "time_of_max",
    [FUNCTIONAL_FRACTION] = "fraction",
    [FUNCTIONAL_DURATION] = "duration",
    [FUNCTIONAL_FIRST] = "first",
    [FUNCTIONAL_LAST] = "last",
};

const char *functional_name(enum functional functional)
{
    return functionals[functional];
}

static bool functional_find(const char *name, enum functional *functional)
{
    for (*functional = 0; *functional < FUNCTIONALS; ++*functional)
        if (strcmp(functionals[*functional], name) == 0)
            return true;
    return false;
}

static enum err expression(struct parser *parser, int level, struct expr **expr);

/* The end of what was opened at `opened`. Lines go on inside parentheses, so that a
 * missing one is noticed far below: the hint leads back. */
static enum err take_closing(struct parser *parser, size_t opened, const char *what)
{
    size_t line, column, here, ignored;
    if (parser_at_sign(parser, ")"))
        return parser_advance(parser);
    source_place(parser_source(parser), opened, &line, &column);
    source_place(parser_source(parser), parser->token.at, &here, &ignored);
    parser_expected(parser, what);
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
        return parser_full(parser);
    made->op = op;
    made->at = at;
    made->height = 1;
    made->factor = 1;
    made->count = count;
    if (count) {
        made->arguments = syntax_take(parser->syntax, count * sizeof(struct expr *));
        if (!made->arguments)
            return parser_full(parser);
        memcpy(made->arguments, arguments, count * sizeof(struct expr *));
    }
    for (size_t i = 0; i < count; i++)
        if (arguments[i]->height >= made->height)
            made->height = arguments[i]->height + 1;
    if (made->height > EXPR_HEIGHT_MAX)
        return source_refuse(parser_source(parser), at, E1005,
                             "a formula of more than %d operations in a row",
                             EXPR_HEIGHT_MAX);
    *expr = made;
    return ERR_OK;
}

static enum err number_expr(struct parser *parser, struct expr **expr)
{
    double value = parser->token.number;
    size_t at = parser->token.at;
    if (parser_advance(parser) != ERR_OK ||
        expr_new(parser, OP_NUMBER, at, NULL, 0, expr) != ERR_OK)
        return err_code();
    (*expr)->number = value;
    /* Inside parentheses lines go on, but a unit stands beside its number. */
    if (!parser_at_unit(parser, true) ||
        memchr(parser->syntax->source.text + at, '\n', parser->token.at - at))
        return ERR_OK;
    (*expr)->unit = syntax_take(parser->syntax, sizeof *(*expr)->unit);
    if (!(*expr)->unit)
        return parser_full(parser);
    bool bracketed = parser_at_sign(parser, "[");
    if (parser_take_unit(parser, true, (*expr)->unit) != ERR_OK)
        return err_code();
    if (!parser_at_sign(parser, "^") || bracketed)
        return ERR_OK;
    /* 1.73 m^2 would be a square of 1.73 m, and nothing later could tell. */
    char number[NUMBER_TEXT_MAX];
    number_print(value, number);
    source_refuse(parser_source(parser), parser->token.at, E1009,
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
    source_refuse(parser_source(parser), at, E2007, "%s with %zu argument%s",
                  functions[function].name, count, count == 1 ? "" : "s");
    return err_hint("write %s(%s)", functions[function].name, form);
}

/* A call of one argument becomes a functional. */
static enum err functional(struct parser *parser, size_t at, enum functional which,
                           struct expr *argument, struct expr **expr)
{
    struct syntax *s = parser->syntax;
    if (s->functional_count == MODEL_FUNCTIONALS_MAX)
        return source_refuse(parser_source(parser), at, E4003, "more than %d functionals",
                             MODEL_FUNCTIONALS_MAX);
    if (expr_new(parser, OP_FUNCTIONAL, at, &argument, 1, expr) != ERR_OK)
        return err_code();
    (*expr)->functional = which;
    (*expr)->index = s->functional_count;
    s->functionals[s->functional_count++] = argument;
    return ERR_OK;
}

/* A functional where there is none, or one of more arguments than one. */
static enum err no_functional(struct parser *parser, size_t at, const char *name,
                              size_t count)
{
    if (parser->functionals)
        return source_refuse(parser_source(parser), at, E2007, "%s with %zu arguments",
                             name, count);
    source_refuse(parser_source(parser), at, E2006, "there is no function %s", name);
    return err_hint("%s looks at a course; it stands under [outcomes] and [observations]",
                    name);
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
        return source_refuse(parser_source(parser), at, E1009,
                             "log could mean two things; write ln or log10");
    source_refuse(parser_source(parser), at, E2006, "there is no function %s", name);
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
    enum functional whole;
    bool of_course = functional_find(name, &whole);
    while (function < FUNCTION_COUNT && strcmp(functions[function].name, name) != 0)
        function++;
    if (function == FUNCTION_COUNT && !of_course)
        return unknown_function(parser, at, name);
    size_t opened = parser->token.at;
    if (parser_advance(parser) != ERR_OK)
        return err_code();
    while (!parser_at_sign(parser, ")")) {
        if (count == ARGUMENTS_MAX && function == FUNCTION_COUNT)
            return no_functional(parser, at, name, count + 1);
        if (count == ARGUMENTS_MAX)
            return wrong_count(parser, at, function, count + 1);
        if (count && !parser_at_sign(parser, ","))
            return take_closing(parser, opened, "an operator, ',' or ')'");
        if ((count && parser_advance(parser) != ERR_OK) ||
            expression(parser, 0, &arguments[count]) != ERR_OK)
            return err_code();
        count++;
    }
    if (parser_advance(parser) != ERR_OK)
        return err_code();
    if (of_course && parser->functionals && count == 1)
        return functional(parser, at, whole, arguments[0], expr);
    if (function == FUNCTION_COUNT)
        return no_functional(parser, at, name, count);
    if (count < functions[function].least || count > functions[function].most ||
        (functions[function].op == OP_PIECEWISE && count % 2 == 0))
        return wrong_count(parser, at, function, count);
    return expr_new(parser, functions[function].op, at, arguments, count, expr);
}

/* A row's beginning: a number, or the label of a level. */
static enum err table_key(struct parser *parser, struct expr **key)
{
    if (expr_new(parser, OP_NUMBER, parser->token.at, NULL, 0, key) != ERR_OK)
        return err_code();
    return parser->token.kind == TOKEN_LABEL
               ? parser_take_label(parser, &(*key)->name)
               : parser_take_number(parser, "a number, a label in double quotes or else",
                                    &(*key)->number);
}

/* table(NAME, KEY: value, ..., else: value), behind its name. */
static enum err table(struct parser *parser, size_t at, struct expr **expr)
{
    struct expr *arguments[ARGUMENTS_MAX];
    size_t count = 0, opened = parser->token.at, name_at = at;
    const char *name;
    enum err err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_take_name(parser, "a covariate", &name, &name_at);
    for (bool more = true; err == ERR_OK && more;) {
        err = parser_take_sign(parser, ",", count ? "',' or ')'" : "','");
        if (err == ERR_OK && count + 2 > ARGUMENTS_MAX)
            return source_refuse(parser_source(parser), parser->token.at, E4012,
                                 "a table of more than %d rows", ARGUMENTS_MAX / 2);
        bool last = err == ERR_OK && parser_at_word(parser, "else");
        if (err == ERR_OK)
            err =
                last ? parser_advance(parser) : table_key(parser, &arguments[count + 1]);
        if (err == ERR_OK)
            err = parser_take_sign(parser, ":", "':'");
        if (err == ERR_OK)
            err = expression(parser, 0, &arguments[count]);
        count += last ? 1 : 2;
        more = !last && !parser_at_sign(parser, ")");
    }
    if (err == ERR_OK)
        err = take_closing(parser, opened, "an operator or ')'");
    if (err == ERR_OK)
        err = expr_new(parser, OP_TABLE, at, arguments, count, expr);
    if (err != ERR_OK)
        return err;
    (*expr)->name = name;
    (*expr)->name_at = name_at;
    return ERR_OK;
}

static enum err primary(struct parser *parser, struct expr **expr)
{
    size_t at = parser->token.at;
    if (parser->token.kind == TOKEN_NUMBER)
        return number_expr(parser, expr);
    if (parser_at_sign(parser, "!"))
        return source_refuse(parser_source(parser), at, E1009, "write not instead of !");
    if (parser_at_sign(parser, "(")) {
        if (parser->nesting >= EXPR_NESTING_MAX)
            return source_refuse(parser_source(parser), at, E1005,
                                 "parentheses more than %d deep", EXPR_NESTING_MAX);
        parser->nesting++;
        enum err err = parser_advance(parser);
        if (err == ERR_OK)
            err = expression(parser, 0, expr);
        parser->nesting--;
        return err == ERR_OK ? take_closing(parser, at, "an operator or ')'") : err;
    }
    if (parser->token.kind != TOKEN_WORD)
        return parser_expected(parser, "a value");
    const char *name;
    if (parser_take_name(parser, "a value", &name, &at) != ERR_OK)
        return err_code();
    if (parser_at_sign(parser, "(")) {
        if (parser->nesting >= EXPR_NESTING_MAX)
            return source_refuse(parser_source(parser), at, E1005,
                                 "parentheses more than %d deep", EXPR_NESTING_MAX);
        parser->nesting++;
        enum err err = strcmp(name, "table") == 0 ? table(parser, at, expr)
                                                  : call(parser, at, name, expr);
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
        if (parser_at_sign(parser, foreign[i][0]))
            return source_refuse(parser_source(parser), parser->token.at, E1009,
                                 "write %s instead of %s", foreign[i][1], foreign[i][0]);
    return ERR_OK;
}

/* The sign at the present token, if it binds at least as strongly as `level`. */
static bool binary_sign(const struct parser *parser, int level, size_t *sign)
{
    for (size_t i = 0; i < SIGN_COUNT; i++) {
        bool here = signs[i].level <= 2 ? parser_at_word(parser, signs[i].sign)
                                        : parser_at_sign(parser, signs[i].sign);
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
    bool minus = parser_at_sign(parser, "-"),
         not = level <= LEVEL_NOT && parser_at_word(parser, "not");
    if (parser_at_sign(parser, "+"))
        return parser_expected(parser, "a value");
    if (!minus && !not )
        return primary(parser, expr);
    if (parser->nesting >= EXPR_NESTING_MAX)
        return source_refuse(parser_source(parser), at, E1005, "signs more than %d deep",
                             EXPR_NESTING_MAX);
    parser->nesting++;
    enum err err = parser_advance(parser);
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
            return source_refuse(parser_source(parser), at, E1002,
                                 "comparisons do not chain; write a < b and b < c");
        compared = signs[sign].level == LEVEL_COMPARE;
        if (parser->nesting >= EXPR_NESTING_MAX)
            return source_refuse(parser_source(parser), at, E1005,
                                 "operations nested more than %d deep", EXPR_NESTING_MAX);
        parser->nesting++;
        enum err err = parser_advance(parser);
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

enum err formula_parse(struct parser *parser, struct expr **expr)
{
    return expression(parser, 0, expr);
}
