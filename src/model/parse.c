#include "parser.h"

#include <math.h>
#include <string.h>

#include "base/spelling.h"

/* parse - a whole text: header, sections, and in each the statement that is its own. */

/* Memory of one parse: a few hundred bytes a character is far above what a text can need.
 */
#define ARENA_PER_BYTE 400
#define ARENA_BASE ((size_t)1 << 20)

static const struct {
    const char *name;
    enum err (*statement)(struct parser *parser);
} sections[] = {
    {"parameters", statement_parameter},
    {"population", statement_population},
    {"covariates", statement_covariate},
    {"individual", statement_individual},
    {"doses", statement_dose},
    {"equations", statement_equation},
    {"observations", statement_observation},
    {"outcomes", statement_outcome},
    {"plausible", statement_plausible},
    {"what-if", statement_range},
};
#define SECTION_COUNT (sizeof sections / sizeof *sections)

static enum err skip_empty_lines(struct parser *parser)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && parser->token.kind == TOKEN_NEWLINE)
        err = parser_advance(parser);
    return err;
}

/* `solver rk4 step LENGTH UNIT`, behind the line of time. */
static enum err solver(struct parser *parser)
{
    struct step_line *step = &parser->syntax->step;
    enum err err = skip_empty_lines(parser);
    if (err != ERR_OK || !parser_at_word(parser, "solver"))
        return err;
    step->at = parser->token.at;
    static const char *const words[] = {"rk4", "step"};
    for (size_t i = 0; i < 2 && err == ERR_OK; i++) {
        if ((err = parser_advance(parser)) == ERR_OK && !parser_at_word(parser, words[i]))
            err = parser_expected(parser, words[i]);
    }
    if (err == ERR_OK)
        err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_take_number(parser, "the length of a step", &step->length);
    if (err == ERR_OK)
        err = parser_take_unit(parser, true, &step->unit);
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

/* `question "..."` and `source "..."`, behind the line of time. */
static enum err identity(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    enum err err = skip_empty_lines(parser);
    while (err == ERR_OK &&
           (parser_at_word(parser, "question") || parser_at_word(parser, "source"))) {
        bool question = parser_at_word(parser, "question");
        if (question && s->question)
            return source_refuse(parser_source(parser), parser->token.at, E1002,
                                 "the question is given twice");
        if (!question && s->source_count == MODEL_SOURCES_MAX)
            return source_refuse(parser_source(parser), parser->token.at, E4003,
                                 "more than %d sources", MODEL_SOURCES_MAX);
        const char **text = question ? &s->question : &s->sources[s->source_count++];
        err = parser_advance(parser);
        if (err == ERR_OK)
            err = parser_take_label(parser, text);
        if (err == ERR_OK)
            err = parser_take_line_end(parser);
        if (err == ERR_OK)
            err = skip_empty_lines(parser);
    }
    return err;
}

static enum err header(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    size_t at;
    double version;
    enum err err = skip_empty_lines(parser);
    if (err == ERR_OK && !parser_at_word(parser, "model"))
        return source_refuse(parser_source(parser), parser->token.at, E1008,
                             "a model begins with: model NAME version N \"title\"");
    if (err == ERR_OK)
        err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_take_name(parser, "the model's name", &s->name, &at);
    if (err == ERR_OK)
        err = parser_at_word(parser, "version") ? parser_advance(parser)
                                                : parser_expected(parser, "version");
    at = parser->token.at;
    if (err == ERR_OK)
        err = parser_take_number(parser, "a whole number", &version);
    if (err == ERR_OK && !(version >= 1 && version <= 1e6 && version == floor(version)))
        return source_refuse(parser_source(parser), at, E4009,
                             "a version is a whole number from 1");
    if (err == ERR_OK)
        s->version = (uint32_t)version;
    if (err == ERR_OK && parser->token.kind == TOKEN_LABEL)
        err = parser_take_label(parser, &s->title);
    if (err == ERR_OK)
        err = parser_take_line_end(parser);
    if (err == ERR_OK)
        err = skip_empty_lines(parser);
    if (err == ERR_OK && !parser_at_word(parser, "time"))
        return source_refuse(parser_source(parser), parser->token.at, E1008,
                             "the second line says: time UNIT");
    if (err == ERR_OK)
        err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_take_unit(parser, false, &s->time);
    if (err == ERR_OK)
        err = parser_take_line_end(parser);
    if (err == ERR_OK)
        err = solver(parser);
    return err == ERR_OK ? identity(parser) : err;
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
    source_refuse(parser_source(parser), at, E1007, "there is no section [%s]", word);
    const char *near = spelling_nearest(word, names, SECTION_COUNT);
    return near ? err_hint("did you mean [%s]?", near)
                : err_hint("states, rates and formulas stand under [equations]");
}

static enum err section_name(struct parser *parser, size_t *section)
{
    size_t at = parser->token.at, size;
    enum err err = parser_advance(parser);
    if (err != ERR_OK)
        return err;
    const char *start = parser_start(parser);
    token_raw(&parser->lexer, &parser->token, &size);
    for (*section = 0; *section < SECTION_COUNT; ++*section)
        if (strlen(sections[*section].name) == size &&
            memcmp(sections[*section].name, start, size) == 0)
            break;
    if (*section == SECTION_COUNT)
        return unknown_section(parser, at, start, size);
    if (parser->syntax->sections >> *section & 1)
        return source_refuse(parser_source(parser), at, E1007,
                             "the section [%s] comes twice", sections[*section].name);
    parser->syntax->sections |= 1u << *section;
    err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_take_sign(parser, "]", "']'");
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

static enum err body(struct parser *parser)
{
    size_t section = SECTION_COUNT;
    enum err err = skip_empty_lines(parser);
    while (err == ERR_OK && parser->token.kind != TOKEN_END) {
        if (parser_at_sign(parser, "["))
            err = section_name(parser, &section);
        else if (section == SECTION_COUNT)
            return source_refuse(parser_source(parser), parser->token.at, E1008,
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
    enum err err = parser_advance(&parser);
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
