#ifndef MODEL_PARSER_H
#define MODEL_PARSER_H

#include "model_impl.h"

/* parser - the way through a text to its syntax tree, one token ahead.
 *
 * It knows the grammar (models/README.md) and no meaning: names, units and values are
 * check.c's. What is `at` the next token is asked, what is taken moves on behind it; a
 * refusal says what was expected there and what was found. Written in four files:
 * parser.c what statements are made of, formula.c expressions, statement.c a line of each
 * section, parse.c the whole. */

struct parser {
    struct syntax *syntax;
    struct lexer lexer;
    struct token token; /* the next one, not yet taken */
    size_t nesting;
    bool functionals; /* may stand here */
};

const struct source *parser_source(const struct parser *parser);
const char *parser_start(const struct parser *parser); /* of the next token */
enum err parser_advance(struct parser *parser);

bool parser_at_word(const struct parser *parser, const char *word);
bool parser_at_sign(const struct parser *parser, const char *sign);
bool parser_at_line_end(const struct parser *parser);
/* Can a unit begin here? `atom`: after a number in a formula, where /, numbers and
 * parentheses are none of it. */
bool parser_at_unit(const struct parser *parser, bool atom);

/* Always a refusal: `what` was expected here. */
enum err parser_expected(const struct parser *parser, const char *what);
/* The same for a model that needs more memory than one may. */
enum err parser_full(const struct parser *parser);

/* `text` is kept as long as the syntax. */
enum err parser_keep(struct parser *parser, const char *text, size_t size,
                     const char **kept);

enum err parser_take_sign(struct parser *parser, const char *sign, const char *what);
enum err parser_take_line_end(struct parser *parser);
/* A name and the place it stands at. */
enum err parser_take_name(struct parser *parser, const char *what, const char **name,
                          size_t *at);
/* [-] number */
enum err parser_take_number(struct parser *parser, const char *what, double *number);
/* A number that may be written in percent: cv 35 %. */
enum err parser_take_share(struct parser *parser, const char *what, double *number);
enum err parser_take_unit(struct parser *parser, bool atom, struct unit_text *unit);
enum err parser_take_label(struct parser *parser, const char **label);

enum err formula_parse(struct parser *parser, struct expr **expr);

/* One statement each, its line end included. */
enum err statement_parameter(struct parser *parser);
enum err statement_population(struct parser *parser);
enum err statement_covariate(struct parser *parser);
enum err statement_individual(struct parser *parser);
enum err statement_dose(struct parser *parser);
enum err statement_equation(struct parser *parser);
enum err statement_observation(struct parser *parser);
enum err statement_range(struct parser *parser);
enum err statement_outcome(struct parser *parser);
enum err statement_plausible(struct parser *parser);

#endif
