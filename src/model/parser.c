#include "parser.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/spelling.h"

const struct source *parser_source(const struct parser *parser)
{
    return &parser->syntax->source;
}

enum err parser_advance(struct parser *parser)
{
    return token_next(&parser->lexer, &parser->token);
}

const char *parser_start(const struct parser *parser)
{
    return parser->syntax->source.text + parser->token.at;
}

bool parser_at_word(const struct parser *parser, const char *word)
{
    return parser->token.kind == TOKEN_WORD && parser->token.size == strlen(word) &&
           memcmp(parser_start(parser), word, parser->token.size) == 0;
}

bool parser_at_sign(const struct parser *parser, const char *sign)
{
    return parser->token.kind == TOKEN_SIGN && strcmp(parser->token.sign, sign) == 0;
}

bool parser_at_line_end(const struct parser *parser)
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
                 parser_start(parser));
    }
}

/* Words that go on with a statement: where a unit could stand, they are none. */
static const char *const clause_words[] = {
    "after",     "and",     "back",       "by",       "calibrated", "centre",
    "constant",  "convert", "correlated", "cv",       "default",    "drifts",
    "estimated", "fixed",   "fraction",   "from",     "init",       "lag",
    "levels",    "limits",  "linear",     "lloq",     "locf",       "logitnormal",
    "lognormal", "loinc",   "noise",      "normal",   "occasions",  "on",
    "or",        "over",    "per",        "positive", "published",  "range",
    "scale",     "sd",      "step",       "uloq",     "unit",       "wide",
};
#define CLAUSE_WORDS (sizeof clause_words / sizeof *clause_words)

static bool at_clause(const struct parser *parser)
{
    for (size_t i = 0; i < CLAUSE_WORDS; i++)
        if (parser_at_word(parser, clause_words[i]))
            return true;
    return false;
}

/* A word that is nearly one of the language's. */
static enum err hint_at_clause(const struct parser *parser)
{
    char word[SPELLING_WORD_MAX + 1];
    if (parser->token.kind != TOKEN_WORD || parser->token.size > SPELLING_WORD_MAX)
        return err_code();
    memcpy(word, parser_start(parser), parser->token.size);
    word[parser->token.size] = 0;
    const char *near = spelling_nearest(word, clause_words, CLAUSE_WORDS);
    return near && strcmp(near, word) != 0 ? err_hint("did you mean %s?", near)
                                           : err_code();
}

enum err parser_expected(const struct parser *parser, const char *what)
{
    char text[48];
    found(parser, text);
    if (parser->token.kind == TOKEN_OPEN_LABEL)
        return source_refuse(parser_source(parser), parser->token.at, E1003,
                             "the label that begins here does not end on this line");
    if (parser->token.kind == TOKEN_BAD)
        return source_refuse(parser_source(parser), parser->token.at, E1001,
                             "%s has no meaning here", text);
    source_refuse(parser_source(parser), parser->token.at, E1002, "expected %s, found %s",
                  what, text);
    return hint_at_clause(parser);
}

enum err parser_take_sign(struct parser *parser, const char *sign, const char *what)
{
    return parser_at_sign(parser, sign) ? parser_advance(parser)
                                        : parser_expected(parser, what);
}

enum err parser_take_line_end(struct parser *parser)
{
    if (!parser_at_line_end(parser))
        return parser_expected(parser, "the end of the line");
    return parser->token.kind == TOKEN_END ? ERR_OK : parser_advance(parser);
}

void *syntax_take(struct syntax *syntax, size_t size)
{
    return arena_take(syntax->arena, size);
}

enum err parser_full(const struct parser *parser)
{
    return source_refuse(parser_source(parser), parser->token.at, E4003,
                         "the model needs more memory than a model may");
}

enum err parser_keep(struct parser *parser, const char *text, size_t size,
                     const char **kept)
{
    *kept = arena_text(parser->syntax->arena, text, size);
    return *kept ? ERR_OK : parser_full(parser);
}

enum err parser_take_name(struct parser *parser, const char *what, const char **name,
                          size_t *at)
{
    if (parser->token.kind != TOKEN_WORD)
        return parser_expected(parser, what);
    if (parser->token.size > MODEL_NAME_MAX)
        return source_refuse(parser_source(parser), parser->token.at, E2008,
                             "a name of %zu characters; at most %d", parser->token.size,
                             MODEL_NAME_MAX);
    *at = parser->token.at;
    enum err err = parser_keep(parser, parser_start(parser), parser->token.size, name);
    return err == ERR_OK ? parser_advance(parser) : err;
}

enum err parser_take_number(struct parser *parser, const char *what, double *number)
{
    double sign = 1;
    if (parser_at_sign(parser, "-")) {
        sign = -1;
        if (parser_advance(parser) != ERR_OK)
            return err_code();
    }
    if (parser->token.kind != TOKEN_NUMBER)
        return parser_expected(parser, what);
    *number = sign * parser->token.number;
    return parser_advance(parser);
}

enum err parser_take_share(struct parser *parser, const char *what, double *number)
{
    enum err err = parser_take_number(parser, what, number);
    if (err == ERR_OK && parser->token.kind == TOKEN_BAD &&
        *parser_start(parser) == '%') {
        *number /= 100;
        err = parser_advance(parser);
    }
    return err;
}

bool parser_at_unit(const struct parser *parser, bool atom)
{
    const char *c = parser_start(parser);
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
    source_refuse(parser_source(parser), at, E3004, "%s", sentence);
    return hint[0] ? err_hint("%s", hint) : err_code();
}

/* The unit that begins at the present token. `atom`: as after a number in a formula. */
enum err parser_take_unit(struct parser *parser, bool atom, struct unit_text *unit)
{
    size_t size;
    if (!parser_at_unit(parser, atom)) {
        parser_expected(parser, "a unit");
        return err_hint("a plain number has the unit 1");
    }
    unit->at = parser->token.at;
    const char *text = parser_start(parser);
    token_unit(&parser->lexer, &parser->token, atom, &size);
    bool bracketed = atom && text[0] == '[' && size > 2 && text[size - 1] == ']';
    if (unit_parse(text, size, &unit->unit) != ERR_OK) {
        /* [iU] is a name of its own; [mg/L] is mg/L in brackets */
        if (!bracketed || unit_parse(text + 1, size - 2, &unit->unit) != ERR_OK)
            return refuse_unit(parser, unit->at);
        text++;
        size -= 2;
    }
    enum err err = parser_keep(parser, text, size, &unit->text);
    return err == ERR_OK ? parser_advance(parser) : err;
}

enum err parser_take_label(struct parser *parser, const char **label)
{
    if (parser->token.kind != TOKEN_LABEL)
        return parser_expected(parser, "a label in double quotes");
    enum err err =
        parser_keep(parser, parser_start(parser) + 1, parser->token.size, label);
    return err == ERR_OK ? parser_advance(parser) : err;
}
