/* token - the first stage: characters to tokens, and the one place where a refusal gets
 * its number, its place and its caret. It knows no grammar. Called by parser.h and
 * check.c. */

#include "model_impl.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *paragraph;
} errors[] = {
#define ERROR_ROW(number, paragraph) {#number, paragraph},
    MODEL_ERROR_LIST(ERROR_ROW)
#undef ERROR_ROW
};

const char *model_error_name(size_t index)
{
    return index < MODEL_ERROR_COUNT ? errors[index].name : NULL;
}

const char *model_error_paragraph(size_t index)
{
    return index < MODEL_ERROR_COUNT ? errors[index].paragraph : NULL;
}

/* Names and numbers are ASCII whatever the locale says. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_byte(char c)
{
    return is_letter(c) || is_digit(c) || c == '_';
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t line_start(const struct source *source, size_t at)
{
    while (at > 0 && source->text[at - 1] != '\n')
        at--;
    return at;
}

void source_place(const struct source *source, size_t at, size_t *line, size_t *column)
{
    at = at > source->size ? source->size : at;
    *line = *column = 1;
    for (size_t i = 0; i < at; i++)
        *line += source->text[i] == '\n';
    size_t start = line_start(source, at);
    *column += bytes_utf8_count(source->text + start, at - start);
}

/* What moves a terminal: U+0000 to U+001F and U+007F to U+009F. */
static bool is_control(const unsigned char *p, size_t size)
{
    return size == 2 ? p[0] == 0xc2 && p[1] < 0xa0
                     : size == 1 && (*p < 0x20 || *p == 0x7f);
}

/* U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069: with them a person who approves
 * a model would read another text than the parser. */
static bool reorders(const unsigned char *p, size_t size)
{
    if (size != 3 || p[0] != 0xe2)
        return false;
    return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f)) ||
           (p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) ||
           (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

/* The line of `at` with a caret below it; long lines are shown around the place. */
static void draw_caret(const struct source *source, size_t at, char *text, size_t size)
{
    size_t first = line_start(source, at), last = at;
    while (last < source->size && source->text[last] != '\n' && last - at < 60)
        last++;
    if (at - first > 100) {
        first = at - 60;
        while (first < at && is_continuation(source->text[first]))
            first++;
    }
    while (last < source->size && is_continuation(source->text[last]))
        last++;
    size_t w = 0;
    for (size_t i = first, step; i < last && w + 4 < size; i += step) {
        const unsigned char *p = (const unsigned char *)source->text + i;
        size_t whole = bytes_utf8_size(p, last - i);
        step = whole ? whole : 1;
        if (whole && !is_control(p, whole) && !reorders(p, whole)) {
            memcpy(text + w, p, whole);
            w += whole;
        } else {
            text[w++] = *p == '\t' || *p == '\r' ? ' ' : '?';
        }
    }
    if (w + 1 < size)
        text[w++] = '\n';
    for (size_t i = first; i < at && w + 2 < size; i++)
        if (!is_continuation(source->text[i]))
            text[w++] = ' ';
    if (w + 1 < size)
        text[w++] = '^';
    text[w] = 0;
}

enum err source_refuse(const struct source *source, size_t at, enum model_error number,
                       const char *format, ...)
{
    char sentence[400], drawing[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    size_t line, column;
    at = at > source->size ? source->size : at;
    source_place(source, at, &line, &column);
    draw_caret(source, at, drawing, sizeof drawing);
    return err_set(ERR_FORMAT, "%.120s:%zu:%zu: %s: %s\n%s", source->file_name, line,
                   column, errors[number].name, sentence, drawing);
}

enum err source_check(const struct source *source)
{
    for (size_t i = 0; i < source->size;) {
        const unsigned char *p = (const unsigned char *)source->text + i;
        size_t size = bytes_utf8_size(p, source->size - i);
        bool control = is_control(p, size) && !memchr("\n\t\r", p[0], 3);
        if (size == 0)
            return source_refuse(source, i, E1001, "byte %02x is not UTF-8", p[0]);
        if (reorders(p, size))
            return source_refuse(source, i, E1001,
                                 "an invisible character that reorders the text");
        if (p[0] == '\r' && (size_t)(i + 1) < source->size && p[1] != '\n')
            return source_refuse(source, i, E1001, "a carriage return inside a line");
        if (control)
            return source_refuse(source, i, E1001, "control character %02x", p[size - 1]);
        i += size;
    }
    return ERR_OK;
}

/* Spaces, comments, a \ before the line's end and, inside parentheses, line ends. */
static void skip_space(struct lexer *lexer)
{
    const char *text = lexer->source->text;
    size_t size = lexer->source->size;
    for (; lexer->at < size; lexer->at++) {
        char c = text[lexer->at];
        if (c == '#') {
            while (lexer->at + 1 < size && text[lexer->at + 1] != '\n')
                lexer->at++;
        } else if (c == '\\') {
            size_t next = lexer->at + 1;
            while (next < size && strchr(" \t\r", text[next]))
                next++;
            if (next < size && text[next] != '\n')
                return;
            lexer->at = next;
        } else if (!(c == ' ' || c == '\t' || c == '\r' || (c == '\n' && lexer->open))) {
            return;
        }
    }
    lexer->at = size;
}

static enum err read_number(struct lexer *lexer, struct token *token)
{
    const char *text = lexer->source->text;
    size_t size = lexer->source->size, at = lexer->at;
    while (at < size && is_digit(text[at]))
        at++;
    if (at + 1 < size && text[at] == '.' && is_digit(text[at + 1]))
        for (at++; at < size && is_digit(text[at]);)
            at++;
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        size_t digits = at + 1;
        if (digits < size && (text[digits] == '+' || text[digits] == '-'))
            digits++;
        if (digits < size && is_digit(text[digits]))
            for (at = digits; at < size && is_digit(text[at]);)
                at++;
    }
    char copy[NUMBER_TEXT_MAX];
    if (at - lexer->at >= sizeof copy)
        return source_refuse(lexer->source, lexer->at, E1004,
                             "a number of %zu characters", at - lexer->at);
    memcpy(copy, text + lexer->at, at - lexer->at);
    copy[at - lexer->at] = 0;
    token->kind = TOKEN_NUMBER;
    token->number = strtod(copy, NULL);
    token->size = at - lexer->at;
    if (!isfinite(token->number))
        return source_refuse(lexer->source, lexer->at, E4004, "%s is too large", copy);
    if (at < size && (is_letter(text[at]) || text[at] == '_'))
        return source_refuse(lexer->source, lexer->at, E1004,
                             "%s is followed by '%c'; a space stands before a unit, a * "
                             "before a name",
                             copy, text[at]);
    lexer->at = at;
    return ERR_OK;
}

static void read_sign(struct lexer *lexer, struct token *token)
{
    static const char doubles[][3] = {
        "->", "..", "<=", ">=", "==", "!=", "**", "&&", "||"};
    const char *p = lexer->source->text + lexer->at;
    size_t left = lexer->source->size - lexer->at;
    token->kind = TOKEN_SIGN;
    for (size_t i = 0; left > 1 && i < sizeof doubles / sizeof doubles[0]; i++)
        if (p[0] == doubles[i][0] && p[1] == doubles[i][1]) {
            memcpy(token->sign, doubles[i], sizeof token->sign);
            token->size = 2;
            lexer->at += 2;
            return;
        }
    if (!strchr("+-*/^()[]<>=:~,!", *p)) {
        token->kind = TOKEN_BAD;
        token->size = bytes_utf8_size(p, left);
    } else {
        token->sign[0] = *p;
        token->size = 1;
    }
    lexer->open += *p == '(';
    lexer->open -= *p == ')' && lexer->open > 0;
    lexer->at += token->size;
}

static void read_label(struct lexer *lexer, struct token *token)
{
    const char *text = lexer->source->text;
    size_t end = lexer->at + 1;
    while (end < lexer->source->size && text[end] != '"' && text[end] != '\n')
        end++;
    bool closed = end < lexer->source->size && text[end] == '"';
    token->kind = closed ? TOKEN_LABEL : TOKEN_OPEN_LABEL;
    token->size = end - lexer->at - 1;
    lexer->at = end + closed;
}

enum err token_next(struct lexer *lexer, struct token *token)
{
    skip_space(lexer);
    const char *text = lexer->source->text;
    size_t size = lexer->source->size;
    *token = (struct token){.at = lexer->at, .open_before = lexer->open};
    if (lexer->at == size)
        return ERR_OK;
    char c = text[lexer->at];
    char next = lexer->at + 1 < size ? text[lexer->at + 1] : 0;
    if (c == '\n') {
        token->kind = TOKEN_NEWLINE;
        token->size = 1;
        lexer->at++;
    } else if (is_digit(c) || (c == '.' && is_digit(next))) {
        return read_number(lexer, token);
    } else if (is_letter(c)) {
        token->kind = TOKEN_WORD;
        while (lexer->at < size && is_name_byte(text[lexer->at]))
            lexer->at++;
        token->size = lexer->at - token->at;
    } else if (c == '"') {
        read_label(lexer, token);
    } else {
        read_sign(lexer, token);
    }
    return ERR_OK;
}

static size_t bracket_end(const struct source *source, size_t at)
{
    size_t depth = 0;
    for (size_t i = at; i < source->size && source->text[i] != '\n'; i++) {
        depth += source->text[i] == '[';
        depth -= source->text[i] == ']';
        if (depth == 0)
            return i + 1;
    }
    return at + 1;
}

/* One name as it may follow a number in a formula: mg, m2, mm[Hg], %, or all of [mg/L].
 */
static size_t unit_atom_end(const struct source *source, size_t from)
{
    size_t at = from;
    if (at < source->size && source->text[at] == '[')
        return bracket_end(source, at);
    while (at < source->size) {
        char c = source->text[at];
        if (c == '[')
            at = bracket_end(source, at);
        else if (is_letter(c) || c == '%' || c == '_' || (unsigned char)c >= 0x80 ||
                 (is_digit(c) && at > from))
            at++;
        else
            break;
    }
    return at;
}

/* Up to a space, a comma, a quote or an unpaired parenthesis; an opening parenthesis
 * belongs to the unit only where a name could stand, as in mg/(L*h). */
static size_t unit_end(const struct source *source, size_t from)
{
    size_t at = from, open = 0;
    while (at < source->size && !strchr(" \t\r\n,\"#=<>~:!\\", source->text[at])) {
        char c = source->text[at];
        if (c == '[') {
            at = bracket_end(source, at);
            continue;
        }
        if (c == '{')
            while (at + 1 < source->size && !strchr("} \t\r\n", source->text[at]))
                at++;
        if (c == '(' && at > from && !strchr("/*.(", source->text[at - 1]))
            break;
        if (c == ')' && open == 0)
            break;
        open += c == '(';
        open -= c == ')';
        at++;
    }
    return at;
}

void token_unit(struct lexer *lexer, const struct token *token, bool atom, size_t *size)
{
    lexer->at = atom ? unit_atom_end(lexer->source, token->at)
                     : unit_end(lexer->source, token->at);
    lexer->open = token->open_before;
    *size = lexer->at - token->at;
}

void token_raw(struct lexer *lexer, const struct token *token, size_t *size)
{
    const struct source *source = lexer->source;
    size_t at = token->at;
    while (at < source->size && !strchr(" \t\r\n,]\"#", source->text[at]))
        at++;
    *size = at - token->at;
    lexer->at = at;
    lexer->open = token->open_before;
}
