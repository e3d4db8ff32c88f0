#include "parser.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* statement - a line of each section. */

/* --- what several sections share ------------------------------------------------- */

static enum err too_many(struct parser *parser, const char *what, int most)
{
    return source_refuse(parser_source(parser), parser->token.at, E4003,
                         "more than %d %s", most, what);
}

static enum err twice(struct parser *parser, const char *what)
{
    return source_refuse(parser_source(parser), parser->token.at, E1002,
                         "%s is given twice", what);
}

/* --- [parameters] --------------------------------------------------------------- */

static enum err take_bounds(struct parser *parser, struct parameter_line *line)
{
    line->low_at = parser->token.at;
    line->bounded = true;
    enum err err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_take_number(parser, "the lower bound", &line->low);
    if (err == ERR_OK)
        err = parser_take_sign(parser, ",", "','");
    if (err == ERR_OK)
        err = parser_take_number(parser, "the upper bound", &line->high);
    return err == ERR_OK ? parser_take_sign(parser, ")", "')'") : err;
}

static enum err take_spread(struct parser *parser, struct parameter_line *line)
{
    static const char *const words[] = {"normal", "lognormal", "logitnormal"};
    static const enum transform transforms[] = {TRANSFORM_IDENTITY, TRANSFORM_LOG,
                                                TRANSFORM_LOGIT};
    size_t which = 0;
    while (which < 3 && !parser_at_word(parser, words[which]))
        which++;
    line->spread_at = parser->token.at;
    line->spread = SPREAD_INDIVIDUAL;
    line->transform = transforms[which];
    line->transform_said = true;
    if (parser_advance(parser) != ERR_OK)
        return err_code();
    line->spread_is_cv = parser_at_word(parser, "cv");
    if (!line->spread_is_cv && !parser_at_word(parser, "sd")) {
        parser_expected(parser, line->transform == TRANSFORM_LOG ? "cv or sd" : "sd");
        return err_hint("%s", line->transform == TRANSFORM_LOG
                                  ? "cv is the coefficient of variation, sd the standard "
                                    "deviation of the logarithm"
                                  : "sd is the standard deviation of the transformed "
                                    "parameter");
    }
    if (line->spread_is_cv && line->transform != TRANSFORM_LOG)
        return source_refuse(parser_source(parser), parser->token.at, E4002,
                             "cv belongs to lognormal; %s takes sd", words[which]);
    if (parser_advance(parser) != ERR_OK ||
        (line->spread_is_cv ? parser_take_share : parser_take_number)(
            parser, "a number", &line->spread_value) != ERR_OK)
        return err_code();
    bool unit_follows =
        line->transform == TRANSFORM_IDENTITY && parser_at_unit(parser, false);
    return unit_follows ? parser_take_unit(parser, false, &line->spread_unit) : ERR_OK;
}

/* `estimated [log | logit]`: learned, and the same for everybody. */
static enum err take_estimated(struct parser *parser, struct parameter_line *line)
{
    line->spread_at = parser->token.at;
    line->spread = SPREAD_POPULATION;
    line->transform =
        line->bounded && line->low >= 0 ? TRANSFORM_LOG : TRANSFORM_IDENTITY;
    if (parser_advance(parser) != ERR_OK)
        return err_code();
    static const char *const words[] = {"identity", "log", "logit"};
    for (size_t i = 0; i < 3; i++)
        if (parser_at_word(parser, words[i])) {
            line->transform_said = true;
            line->transform = i == 0   ? TRANSFORM_IDENTITY
                              : i == 1 ? TRANSFORM_LOG
                                       : TRANSFORM_LOGIT;
            return parser_advance(parser);
        }
    return ERR_OK;
}

static enum err take_places(struct parser *parser, struct place *places, size_t most,
                            const char *what, size_t *count)
{
    do {
        if (*count == most)
            return too_many(parser, what, (int)most);
        if (*count && parser_advance(parser) != ERR_OK)
            return err_code();
        if (parser_take_name(parser, "a name", &places[*count].name,
                             &places[*count].at) != ERR_OK)
            return err_code();
        ++*count;
    } while (parser_at_sign(parser, ","));
    return ERR_OK;
}

/* The mark at the present token. */
static enum provenance provenance_here(const struct parser *parser)
{
    for (enum provenance one = PROVENANCE_PUBLISHED; one <= PROVENANCE_WIDE; one++)
        if (parser_at_word(parser, provenance_name(one)))
            return one;
    return PROVENANCE_UNSAID;
}

/* `occasions N per T UNIT sd X` or `occasions N by COVARIATE sd X` */
static enum err take_occasions(struct parser *parser, struct parameter_line *line)
{
    double count;
    line->occasions_at = parser->token.at;
    if (parser_advance(parser) != ERR_OK ||
        parser_take_number(parser, "how many occasions", &count) != ERR_OK)
        return err_code();
    if (!(count >= 2 && count < MODEL_PARAMETERS_MAX && count == floor(count)))
        return source_refuse(parser_source(parser), line->occasions_at, E4002,
                             "occasions are two or more, and fewer than %d",
                             MODEL_PARAMETERS_MAX);
    line->occasions = (size_t)count;
    bool per = parser_at_word(parser, "per");
    if (!per && !parser_at_word(parser, "by"))
        return parser_expected(parser, "per or by");
    enum err err = parser_advance(parser);
    if (err == ERR_OK && !per)
        err = parser_take_name(parser, "a covariate", &line->by.name, &line->by.at);
    if (err == ERR_OK && per)
        err = parser_take_number(parser, "a time", &line->period);
    if (err == ERR_OK && per)
        err = parser_take_unit(parser, false, &line->period_unit);
    if (err == ERR_OK)
        err = parser_at_word(parser, "sd") ? parser_advance(parser)
                                           : parser_expected(parser, "sd");
    if (err == ERR_OK)
        err = parser_take_number(parser, "a standard deviation", &line->occasion_sd);
    if (err == ERR_OK && line->transform == TRANSFORM_IDENTITY &&
        parser_at_unit(parser, false))
        err = parser_take_unit(parser, false, &line->occasion_unit);
    return err;
}

/* `WORD T UNIT` */
static enum err take_time(struct parser *parser, const char *word, double *time,
                          struct unit_text *unit)
{
    enum err err = parser_at_word(parser, word) ? parser_advance(parser)
                                                : parser_expected(parser, word);
    if (err == ERR_OK)
        err = parser_take_number(parser, "a time", time);
    return err == ERR_OK ? parser_take_unit(parser, false, unit) : err;
}

/* `drifts sd S per T UNIT`, and perhaps `back over T UNIT` */
static enum err take_drift(struct parser *parser, struct parameter_line *line)
{
    line->drifts_at = parser->token.at;
    enum err err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_at_word(parser, "sd") ? parser_advance(parser)
                                           : parser_expected(parser, "sd");
    if (err == ERR_OK)
        err = parser_take_number(parser, "a standard deviation", &line->drift_sd);
    if (err == ERR_OK && line->transform == TRANSFORM_IDENTITY &&
        parser_at_unit(parser, false))
        err = parser_take_unit(parser, false, &line->drift_unit);
    if (err == ERR_OK)
        err = take_time(parser, "per", &line->drift_time, &line->drift_time_unit);
    if (err != ERR_OK || !parser_at_word(parser, "back"))
        return err;
    if (parser_advance(parser) != ERR_OK ||
        take_time(parser, "over", &line->drift_back, &line->drift_back_unit) != ERR_OK)
        return err_code();
    return line->drift_back > 0
               ? ERR_OK
               : source_refuse(parser_source(parser), line->drifts_at, E4002,
                               "it comes back over a positive time");
}

static enum err parameter_tail(struct parser *parser, struct parameter_line *line)
{
    enum err err = ERR_OK;
    bool spread_said = false;
    while (err == ERR_OK && !parser_at_line_end(parser)) {
        bool spread = parser_at_word(parser, "normal") ||
                      parser_at_word(parser, "lognormal") ||
                      parser_at_word(parser, "logitnormal");
        bool estimated = parser_at_word(parser, "estimated"),
             fixed = parser_at_word(parser, "fixed");
        if (spread || estimated || fixed) {
            if (spread_said)
                return twice(parser, "the spread");
            spread_said = true;
            line->spread_at = parser->token.at;
            err = spread      ? take_spread(parser, line)
                  : estimated ? take_estimated(parser, line)
                              : parser_advance(parser);
        } else if (provenance_here(parser)) {
            if (line->provenance)
                return twice(parser, "where the number comes from");
            line->provenance = provenance_here(parser);
            err = parser_advance(parser);
        } else if (parser_at_word(parser, "on") && line->on_count == 0) {
            if (parser_advance(parser) != ERR_OK)
                return err_code();
            err = take_places(parser, line->on, MODEL_COVARIATES_MAX, "covariates",
                              &line->on_count);
        } else if (parser_at_word(parser, "occasions") && line->occasions == 0) {
            err = take_occasions(parser, line);
        } else if (parser_at_word(parser, "drifts") && !line->drifts_at) {
            err = take_drift(parser, line);
        } else if (parser->token.kind == TOKEN_LABEL && !line->label) {
            err = parser_take_label(parser, &line->label);
        } else {
            return parser_expected(
                parser, "fixed, estimated, lognormal, logitnormal, normal, on, "
                        "occasions, drifts, published, calibrated, wide, a label or the "
                        "end of the line");
        }
    }
    if (err == ERR_OK && !spread_said) {
        source_refuse(parser_source(parser), line->at, E1002,
                      "%s does not say whether it is learned", line->name);
        return err_hint("add fixed, estimated (the same for everybody) or a spread "
                        "between patients such as lognormal cv 0.3");
    }
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

enum err statement_parameter(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->parameter_count == MODEL_PARAMETERS_MAX)
        return too_many(parser, "parameters", MODEL_PARAMETERS_MAX);
    struct parameter_line *line = &s->parameters[s->parameter_count++];
    line->spread = SPREAD_FIXED;
    enum err err = parser_take_name(parser, "a parameter's name", &line->name, &line->at);
    if (err == ERR_OK)
        err = parser_take_sign(parser, "=", "'='");
    line->value_at = line->spread_at = parser->token.at;
    if (err == ERR_OK)
        err = parser_take_number(parser, "the typical value", &line->value);
    if (err == ERR_OK)
        err = parser_take_unit(parser, false, &line->unit);
    if (err == ERR_OK && parser_at_sign(parser, "("))
        err = take_bounds(parser, line);
    return err == ERR_OK ? parameter_tail(parser, line) : err;
}

/* --- [population] --------------------------------------------------------------- */

enum err statement_population(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (!parser_at_word(parser, "correlated"))
        return parser_expected(parser, "correlated");
    if (s->correlated_count == MODEL_PARAMETERS_MAX)
        return too_many(parser, "correlated lines", MODEL_PARAMETERS_MAX);
    struct correlated_line *line = &s->correlated[s->correlated_count++];
    line->at = parser->token.at;
    enum err err = parser_advance(parser);
    if (err == ERR_OK && parser_at_word(parser, "all")) {
        line->all = true;
        err = parser_advance(parser);
    } else if (err == ERR_OK) {
        err =
            take_places(parser, line->names, MODEL_PARAMETERS_MAX, "names", &line->count);
    }
    if (err == ERR_OK && !parser_at_line_end(parser)) {
        line->said = true;
        err = parser_take_number(parser, "a correlation or the end of the line",
                                 &line->correlation);
    }
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

/* --- [covariates] --------------------------------------------------------------- */

static enum err covariate_number(struct parser *parser, const char *word, bool *has,
                                 double *value)
{
    if (*has)
        return twice(parser, word);
    *has = true;
    return parser_advance(parser) == ERR_OK
               ? parser_take_number(parser, "a number", value)
               : err_code();
}

/* `levels 0, 1 = "fast", ...` */
static enum err take_levels(struct parser *parser, struct covariate_line *line)
{
    struct model_level levels[LEVELS_MAX];
    if (line->level_count)
        return twice(parser, "levels");
    line->levels_at = parser->token.at;
    do {
        struct model_level *level = &levels[line->level_count];
        if (line->level_count == LEVELS_MAX)
            return source_refuse(parser_source(parser), parser->token.at, E4011,
                                 "more than %d levels", LEVELS_MAX);
        level->label = NULL;
        enum err err = parser_advance(parser);
        if (err == ERR_OK)
            err = parser_take_number(parser, "a number", &level->value);
        if (err == ERR_OK && parser_at_sign(parser, "=")) {
            err = parser_advance(parser);
            if (err == ERR_OK)
                err = parser_take_label(parser, &level->label);
        }
        if (err != ERR_OK)
            return err;
        line->level_count++;
    } while (parser_at_sign(parser, ","));
    line->levels = syntax_take(parser->syntax, line->level_count * sizeof *levels);
    if (!line->levels)
        return parser_full(parser);
    memcpy(line->levels, levels, line->level_count * sizeof *levels);
    return ERR_OK;
}

static enum err covariate_tail(struct parser *parser, struct covariate_line *line)
{
    static const char *const holds[] = {"constant", "locf", "linear"};
    enum err err = ERR_OK;
    while (err == ERR_OK && !parser_at_line_end(parser)) {
        size_t hold = 0;
        while (hold < 3 && !parser_at_word(parser, holds[hold]))
            hold++;
        if (hold < 3) {
            if (line->hold_said)
                return twice(parser, "constant, locf or linear");
            line->hold_said = true;
            line->hold = (enum covariate_hold)hold;
            err = parser_advance(parser);
        } else if (parser_at_word(parser, "levels")) {
            err = take_levels(parser, line);
        } else if (parser_at_word(parser, "default")) {
            line->default_at = parser->token.at;
            err = covariate_number(parser, "default", &line->has_default,
                                   &line->default_value);
        } else if (parser_at_word(parser, "centre")) {
            err = covariate_number(parser, "centre", &line->has_centre, &line->centre);
        } else if (parser_at_word(parser, "scale")) {
            line->scale_at = parser->token.at;
            err = covariate_number(parser, "scale", &line->has_scale, &line->scale);
        } else if (parser->token.kind == TOKEN_LABEL && !line->label) {
            err = parser_take_label(parser, &line->label);
        } else {
            return parser_expected(parser,
                                   "constant, locf, linear, levels, default, centre, "
                                   "scale, a label or the end of the line");
        }
    }
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

enum err statement_covariate(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->covariate_count == MODEL_COVARIATES_MAX)
        return too_many(parser, "covariates", MODEL_COVARIATES_MAX);
    struct covariate_line *line = &s->covariates[s->covariate_count++];
    line->scale = 1;
    enum err err = parser_take_name(parser, "a covariate's name", &line->name, &line->at);
    if (err == ERR_OK)
        err = parser_take_unit(parser, false, &line->unit);
    return err == ERR_OK ? covariate_tail(parser, line) : err;
}

/* --- [individual] and [equations] ----------------------------------------------- */

static enum err take_init(struct parser *parser, struct state_line *line)
{
    if (parser_advance(parser) != ERR_OK)
        return err_code();
    if (parser_at_word(parser, "steady")) {
        line->steady = true;
        return parser_advance(parser);
    }
    return formula_parse(parser, &line->init);
}

/* `noise N UNIT per T UNIT`, and perhaps `positive` */
static enum err take_noise(struct parser *parser, struct state_line *line)
{
    line->noise_at = parser->token.at;
    enum err err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_take_number(parser, "a standard deviation", &line->noise);
    if (err == ERR_OK)
        err = parser_take_unit(parser, false, &line->noise_unit);
    if (err == ERR_OK)
        err = take_time(parser, "per", &line->noise_time, &line->noise_time_unit);
    if (err == ERR_OK && parser_at_word(parser, "positive")) {
        line->positive = true;
        err = parser_advance(parser);
    }
    return err;
}

/* What follows a formula, in any order: unit U, a label and, of a state, its initial
 * value and its noise.
 */
static enum err formula_tail(struct parser *parser, struct unit_text *unit,
                             const char **label, struct state_line *state)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && !parser_at_line_end(parser)) {
        if (parser_at_word(parser, "unit")) {
            if (unit->text)
                return twice(parser, "unit");
            err = parser_advance(parser);
            if (err == ERR_OK)
                err = parser_take_unit(parser, false, unit);
        } else if (parser->token.kind == TOKEN_LABEL && !*label) {
            err = parser_take_label(parser, label);
        } else if (state && parser_at_word(parser, "init")) {
            if (state->init || state->steady)
                return twice(parser, "init");
            err = take_init(parser, state);
        } else if (state && parser_at_word(parser, "noise") && !state->noise_at) {
            err = take_noise(parser, state);
        } else {
            return parser_expected(parser,
                                   state ? "an operator, init, noise, unit, a label or "
                                           "the end of the line"
                                         : "an operator, unit, a label or the end of the "
                                           "line");
        }
    }
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

/* Other languages' ways to begin such a line. */
static enum err expected_equals(struct parser *parser, const char *name)
{
    bool prime = parser->token.kind == TOKEN_BAD && *parser_start(parser) == '\'';
    parser_expected(parser, "'='");
    if (prime || (parser_at_sign(parser, "/") && *name == 'd'))
        return err_hint("a rate is written d/dt(%s) = ...", prime ? name : name + 1);
    if (parser_at_sign(parser, "("))
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
    enum err err =
        parser_take_name(parser, individual ? "a quantity's name" : "d/dt or a name",
                         &line->name, &line->at);
    if (err == ERR_OK)
        err = parser_at_sign(parser, "=") ? parser_advance(parser)
                                          : expected_equals(parser, line->name);
    if (err == ERR_OK)
        err = formula_parse(parser, &line->expr);
    return err == ERR_OK ? formula_tail(parser, &line->unit, &line->label, NULL) : err;
}

enum err statement_individual(struct parser *parser)
{
    return quantity_statement(parser, true);
}

static enum err state_statement(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->state_count == MODEL_STATES_MAX)
        return too_many(parser, "states", MODEL_STATES_MAX);
    struct state_line *line = &s->states[s->state_count++];
    enum err err = parser_advance(parser); /* past d */
    if (err == ERR_OK)
        err = parser_take_sign(parser, "/", "'/'");
    if (err == ERR_OK && !parser_at_word(parser, "dt"))
        err = parser_expected(parser, "d/dt(NAME)");
    if (err == ERR_OK)
        err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_take_sign(parser, "(", "'('");
    if (err == ERR_OK)
        err = parser_take_name(parser, "a state's name", &line->name, &line->at);
    if (err == ERR_OK)
        err = parser_take_sign(parser, ")", "')'");
    if (err == ERR_OK)
        err = parser_take_sign(parser, "=", "'='");
    if (err == ERR_OK)
        err = formula_parse(parser, &line->rate);
    return err == ERR_OK ? formula_tail(parser, &line->unit, &line->label, line) : err;
}

/* `periodic T after N periods` */
static enum err periodic_statement(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->period)
        return twice(parser, "periodic");
    s->period_at = parser->token.at;
    enum err err = parser_advance(parser);
    if (err == ERR_OK)
        err = formula_parse(parser, &s->period);
    if (err == ERR_OK)
        err = parser_at_word(parser, "after") ? parser_advance(parser)
                                              : parser_expected(parser, "after");
    size_t at = parser->token.at;
    if (err == ERR_OK)
        err = parser_take_number(parser, "so many", &s->periods);
    if (err == ERR_OK &&
        !(s->periods >= 1 && s->periods <= 10000 && s->periods == floor(s->periods)))
        return source_refuse(parser_source(parser), at, E4015,
                             "a whole number of periods, from 1 to 10000");
    if (err == ERR_OK)
        err = parser_at_word(parser, "periods") ? parser_advance(parser)
                                                : parser_expected(parser, "periods");
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

enum err statement_equation(struct parser *parser)
{
    bool periodic = parser_at_word(parser, "periodic");
    if (!parser_at_word(parser, "d") && !periodic)
        return quantity_statement(parser, false);
    struct lexer ahead = parser->lexer;
    struct token next;
    if (token_next(&ahead, &next) != ERR_OK)
        return err_code();
    if (periodic)
        return next.kind == TOKEN_SIGN && strcmp(next.sign, "=") == 0
                   ? quantity_statement(parser, false)
                   : periodic_statement(parser);
    bool rate = next.kind == TOKEN_SIGN && strcmp(next.sign, "/") == 0;
    return rate ? state_statement(parser) : quantity_statement(parser, false);
}

/* --- [doses] -------------------------------------------------------------------- */

static enum err take_conversion(struct parser *parser, struct input_line *line)
{
    enum err err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_at_word(parser, "from") ? parser_advance(parser)
                                             : parser_expected(parser, "from");
    if (err == ERR_OK)
        err = parser_take_unit(parser, false, &line->from);
    if (err == ERR_OK)
        err = parser_at_word(parser, "by") ? parser_advance(parser)
                                           : parser_expected(parser, "by");
    line->converted = true;
    line->number_at = parser->token.at;
    return err == ERR_OK ? parser_take_number(parser, "a number", &line->number) : err;
}

static enum err dose_tail(struct parser *parser, struct input_line *line)
{
    const struct {
        const char *word;
        struct expr **expr;
    } modifiers[] = {
        {"fraction", &line->fraction}, {"lag", &line->lag}, {"over", &line->over}};
    enum err err = ERR_OK;
    while (err == ERR_OK && !parser_at_line_end(parser)) {
        size_t i = 0;
        while (i < 3 && !parser_at_word(parser, modifiers[i].word))
            i++;
        if (i < 3) {
            if (*modifiers[i].expr)
                return twice(parser, modifiers[i].word);
            err = parser_advance(parser);
            if (err == ERR_OK)
                err = formula_parse(parser, modifiers[i].expr);
        } else if (parser_at_word(parser, "convert") && !line->converted) {
            err = take_conversion(parser, line);
        } else if (parser->token.kind == TOKEN_LABEL && !line->label) {
            err = parser_take_label(parser, &line->label);
        } else {
            return parser_expected(parser,
                                   "fraction, lag, over, convert, a label or the end of "
                                   "the line");
        }
    }
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

/* Does a colon come before anything that other doses have? */
static bool jumps_ahead(const struct parser *parser)
{
    const char *start = parser_start(parser);
    return start[strcspn(start, ":=>\"#\n")] == ':';
}

/* `UNIT : STATE = FORMULA, ...`: what is there is moved. */
static enum err take_jumps(struct parser *parser, struct input_line *line)
{
    struct jump jumps[MODEL_STATES_MAX];
    enum err err = parser_take_unit(parser, false, &line->unit);
    if (err == ERR_OK && !parser_at_sign(parser, ":"))
        err = parser_expected(parser, "':'");
    for (bool more = err == ERR_OK; more; more = parser_at_sign(parser, ",")) {
        struct jump *jump = &jumps[line->jump_count];
        if (line->jump_count == MODEL_STATES_MAX)
            return too_many(parser, "states", MODEL_STATES_MAX);
        err = parser_advance(parser);
        if (err == ERR_OK)
            err = parser_take_name(parser, "a state", &jump->state, &jump->at);
        if (err == ERR_OK)
            err = parser_take_sign(parser, "=", "'='");
        if (err == ERR_OK)
            err = formula_parse(parser, &jump->expr);
        if (err != ERR_OK)
            return err;
        line->jump_count++;
    }
    if (err == ERR_OK && parser->token.kind == TOKEN_LABEL)
        err = parser_take_label(parser, &line->label);
    if (err == ERR_OK && !parser_at_line_end(parser))
        err = parser_expected(parser, "an operator, ',', a label or the end of the line");
    if (err != ERR_OK)
        return err;
    line->jumps = syntax_take(parser->syntax, line->jump_count * sizeof *jumps);
    if (!line->jumps)
        return parser_full(parser);
    memcpy(line->jumps, jumps, line->jump_count * sizeof *jumps);
    return parser_take_line_end(parser);
}

enum err statement_dose(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->input_count == MODEL_INPUTS_MAX)
        return too_many(parser, "doses", MODEL_INPUTS_MAX);
    struct input_line *line = &s->inputs[s->input_count++];
    enum err err = parser_take_name(parser, "a dose's name", &line->name, &line->at);
    if (err == ERR_OK && jumps_ahead(parser))
        return take_jumps(parser, line);
    if (err == ERR_OK)
        err = parser_take_sign(parser, "->", "'->'");
    if (err == ERR_OK)
        err = parser_take_name(parser, "the state it enters", &line->state,
                               &line->state_at);
    if (err == ERR_OK)
        err = parser_take_unit(parser, false, &line->unit);
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
    enum err err = (additive ? parser_take_number
                             : parser_take_share)(parser, "a standard deviation", value);
    if (err == ERR_OK && additive && parser_at_unit(parser, false))
        err = parser_take_unit(parser, false, &line->additive_unit);
    if (err == ERR_OK && parser_at_word(parser, "fixed")) {
        *fixed = true;
        err = parser_advance(parser);
    }
    return err;
}

static enum err take_combined(struct parser *parser, struct observation_line *line)
{
    enum err err = ERR_OK;
    for (int part = 0; err == ERR_OK && part < 2; part++) {
        bool additive = parser_at_word(parser, "add");
        if (part && (err = parser_take_sign(parser, ",",
                                            line->has_additive
                                                ? "',' and the proportional part"
                                                : "',' and the additive part")) == ERR_OK)
            additive = parser_at_word(parser, "add");
        if (err == ERR_OK && !additive && !parser_at_word(parser, "prop"))
            err = parser_expected(parser, "add or prop");
        if (err == ERR_OK)
            err = parser_advance(parser);
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
    while (which < count && !parser_at_word(parser, residuals[which].name))
        which++;
    if (which == count)
        return parser_expected(parser,
                               "add, prop, combined1, combined2, lognormal or bernoulli");
    line->residual_at = parser->token.at;
    line->residual = residuals[which].kind;
    enum err err = parser_advance(parser);
    if (err != ERR_OK || line->residual == RESIDUAL_BERNOULLI)
        return err;
    err = parser_take_sign(parser, "(", "'('");
    if (err == ERR_OK)
        err = line->residual == RESIDUAL_COMBINED1 || line->residual == RESIDUAL_COMBINED2
                  ? take_combined(parser, line)
                  : take_amount(parser, line, line->residual != RESIDUAL_PROPORTIONAL);
    return err == ERR_OK ? parser_take_sign(parser, ")", "')'") : err;
}

static enum err take_codes(struct parser *parser, struct observation_line *line)
{
    char text[200] = "";
    size_t used = 0;
    enum err err = parser_advance(parser);
    line->loinc_at = parser->token.at;
    for (bool more = err == ERR_OK; more;) {
        size_t size;
        const char *start = parser_start(parser);
        token_raw(&parser->lexer, &parser->token, &size);
        if (parser_at_line_end(parser) || size == 0)
            return parser_expected(parser, "a LOINC code");
        int written = snprintf(text + used, sizeof text - used, "%s%.*s",
                               used ? ", " : "", (int)(size < 40 ? size : 40), start);
        used += (size_t)written;
        if (used >= sizeof text)
            return source_refuse(parser_source(parser), line->loinc_at, E4008,
                                 "too many LOINC codes");
        if ((err = parser_advance(parser)) != ERR_OK)
            return err;
        more = parser_at_sign(parser, ",");
        if (more && (err = parser_advance(parser)) != ERR_OK)
            return err;
    }
    return err == ERR_OK ? parser_keep(parser, text, used, &line->loinc) : err;
}

/* `lloq N UNIT`, `uloq N UNIT`, `limits N .. N UNIT` */
static enum err take_limit(struct parser *parser, struct observation_line *line)
{
    bool low = parser_at_word(parser, "lloq"), both = parser_at_word(parser, "limits");
    if ((low || both ? line->has_low : line->has_high) || (both && line->has_high))
        return twice(parser, "a detection limit");
    line->limit_at = parser->token.at;
    line->has_low |= low || both;
    line->has_high |= !low;
    enum err err = parser_advance(parser);
    if (err == ERR_OK)
        err =
            parser_take_number(parser, "a limit", low || both ? &line->low : &line->high);
    if (err == ERR_OK && both) {
        err = parser_take_sign(parser, "..", "'..'");
        if (err == ERR_OK)
            err = parser_take_number(parser, "the upper limit", &line->high);
    }
    if (err == ERR_OK)
        err = parser_take_unit(parser, false,
                               low || both ? &line->low_unit : &line->high_unit);
    if (err == ERR_OK && both)
        line->high_unit = line->low_unit;
    return err;
}

/* `correlated over N UNIT [fixed]` */
static enum err take_correlation(struct parser *parser, struct observation_line *line)
{
    line->correlated = true;
    line->correlation_at = parser->token.at;
    enum err err = parser_advance(parser);
    if (err == ERR_OK)
        err = parser_at_word(parser, "over") ? parser_advance(parser)
                                             : parser_expected(parser, "over");
    if (err == ERR_OK)
        err = parser_take_number(parser, "a time", &line->correlation_time);
    if (err == ERR_OK)
        err = parser_take_unit(parser, false, &line->correlation_unit);
    if (err == ERR_OK && parser_at_word(parser, "fixed")) {
        line->correlation_fixed = true;
        err = parser_advance(parser);
    }
    return err;
}

static enum err observation_tail(struct parser *parser, struct observation_line *line)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && !parser_at_line_end(parser)) {
        if (parser_at_word(parser, "loinc") && !line->loinc) {
            err = take_codes(parser, line);
        } else if (parser_at_word(parser, "correlated") && !line->correlated) {
            err = take_correlation(parser, line);
        } else if (parser_at_word(parser, "lloq") || parser_at_word(parser, "uloq") ||
                   parser_at_word(parser, "limits")) {
            err = take_limit(parser, line);
        } else if (parser_at_word(parser, "unit") && !line->unit.text) {
            err = parser_advance(parser);
            if (err == ERR_OK)
                err = parser_take_unit(parser, false, &line->unit);
        } else if (parser->token.kind == TOKEN_LABEL && !line->label) {
            err = parser_take_label(parser, &line->label);
        } else {
            return parser_expected(parser,
                                   "correlated, loinc, lloq, uloq, limits, unit, a label "
                                   "or the end of the line");
        }
    }
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

/* `over last T`, behind functionals and nowhere else. */
static enum err take_reach(struct parser *parser, struct observation_line *line)
{
    bool over = parser_at_word(parser, "over"), looks = line->functional_count > 0;
    line->over_at = parser->token.at;
    if (!over && !looks)
        return ERR_OK;
    if (!over && !parser_at_word(parser, "per")) {
        source_refuse(parser_source(parser), line->at, E4017,
                      "%s does not say how far it looks back", line->name);
        return err_hint("write over last T before the ~, as in over last 1 h");
    }
    if (!looks)
        return source_refuse(parser_source(parser), line->over_at, E4017,
                             "%s is seen at one moment and has no window", line->name);
    enum err err = over ? parser_advance(parser) : ERR_OK;
    if (err == ERR_OK && (!over || !parser_at_word(parser, "last"))) {
        source_refuse(parser_source(parser), line->over_at, E4017,
                      "the window of %s ends with the reading", line->name);
        return err_hint("write over last T");
    }
    if (err == ERR_OK)
        err = parser_advance(parser);
    return err == ERR_OK ? formula_parse(parser, &line->over) : err;
}

/* A formula that may hold functionals, which its windows may not: from the first, so
 * many.
 */
static enum err take_looking(struct parser *parser, struct expr **expr, size_t *first,
                             size_t *count)
{
    *first = parser->syntax->functional_count;
    parser->functionals = true;
    enum err err = formula_parse(parser, expr);
    parser->functionals = false;
    *count = parser->syntax->functional_count - *first;
    return err;
}

static enum err take_observed(struct parser *parser, struct observation_line *line)
{
    enum err err =
        take_looking(parser, &line->expr, &line->functional, &line->functional_count);
    return err == ERR_OK ? take_reach(parser, line) : err;
}

enum err statement_observation(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->observation_count == MODEL_OBSERVATIONS_MAX)
        return too_many(parser, "observations", MODEL_OBSERVATIONS_MAX);
    struct observation_line *line = &s->observations[s->observation_count++];
    enum err err =
        parser_take_name(parser, "an observation's name", &line->name, &line->at);
    if (err == ERR_OK)
        err = parser_take_sign(parser, ":", "':'");
    if (err == ERR_OK)
        err = take_observed(parser, line);
    if (err == ERR_OK)
        err = parser_take_sign(parser, "~", "'~' and an error model");
    if (err == ERR_OK)
        err = take_residual(parser, line);
    return err == ERR_OK ? observation_tail(parser, line) : err;
}

/* --- [what-if] ------------------------------------------------------------------ */

enum err statement_range(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->range_count == MODEL_RANGES_MAX)
        return too_many(parser, "ranges", MODEL_RANGES_MAX);
    struct range_line *line = &s->ranges[s->range_count++];
    enum err err = parser_take_name(parser, "a dose, parameter or covariate", &line->name,
                                    &line->at);
    if (err == ERR_OK)
        err = parser_at_word(parser, "range") ? parser_advance(parser)
                                              : parser_expected(parser, "range");
    if (err == ERR_OK)
        err = parser_take_number(parser, "the lowest value", &line->low);
    if (err == ERR_OK)
        err = parser_take_sign(parser, "..", "'..'");
    if (err == ERR_OK)
        err = parser_take_number(parser, "the highest value", &line->high);
    if (err == ERR_OK)
        err = parser_take_unit(parser, false, &line->unit);
    if (err == ERR_OK && parser_at_word(parser, "step")) {
        line->stepped = true;
        line->step_at = parser->token.at;
        err = parser_advance(parser);
        if (err == ERR_OK)
            err = parser_take_number(parser, "a step", &line->step);
    }
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

/* --- [outcomes] and [plausible] ------------------------------------------------- */

/* `over A .. B`, `over last T` or `per T`. */
static enum err take_window(struct parser *parser, struct outcome_line *line)
{
    bool per = parser_at_word(parser, "per");
    if (line->window != WINDOW_RUN)
        return twice(parser, "the window");
    line->window_at = parser->token.at;
    enum err err = parser_advance(parser);
    line->window = per                              ? WINDOW_PER
                   : parser_at_word(parser, "last") ? WINDOW_LAST
                                                    : WINDOW_SPAN;
    if (err == ERR_OK && line->window == WINDOW_LAST)
        err = parser_advance(parser);
    if (err == ERR_OK && line->window == WINDOW_SPAN) {
        err = formula_parse(parser, &line->from);
        if (err == ERR_OK)
            err = parser_take_sign(parser, "..", "an operator or '..'");
    }
    return err == ERR_OK ? formula_parse(parser, &line->to) : err;
}

static enum err outcome_tail(struct parser *parser, struct outcome_line *line)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && !parser_at_line_end(parser)) {
        if (parser_at_word(parser, "over") ||
            (line->name && parser_at_word(parser, "per"))) {
            err = take_window(parser, line);
        } else if (line->name && parser_at_word(parser, "unit") && !line->unit.text) {
            err = parser_advance(parser);
            if (err == ERR_OK)
                err = parser_take_unit(parser, false, &line->unit);
        } else if (parser->token.kind == TOKEN_LABEL && !line->label) {
            err = parser_take_label(parser, &line->label);
        } else {
            return parser_expected(
                parser, line->name ? "an operator, over, per, unit, a label or the "
                                     "end of the line"
                                   : "an operator, over, a label or the end of the "
                                     "line");
        }
    }
    return err == ERR_OK ? parser_take_line_end(parser) : err;
}

static enum err outcome_formula(struct parser *parser, struct outcome_line *line)
{
    enum err err =
        take_looking(parser, &line->expr, &line->functional, &line->functional_count);
    return err == ERR_OK ? outcome_tail(parser, line) : err;
}

enum err statement_outcome(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->outcome_count == MODEL_OUTCOMES_MAX)
        return too_many(parser, "outcomes", MODEL_OUTCOMES_MAX);
    struct outcome_line *line = &s->outcomes[s->outcome_count++];
    enum err err = parser_take_name(parser, "an outcome's name", &line->name, &line->at);
    if (err == ERR_OK)
        err = parser_take_sign(parser, "=", "'='");
    return err == ERR_OK ? outcome_formula(parser, line) : err;
}

enum err statement_plausible(struct parser *parser)
{
    struct syntax *s = parser->syntax;
    if (s->plausible_count == MODEL_OUTCOMES_MAX)
        return too_many(parser, "plausible lines", MODEL_OUTCOMES_MAX);
    struct outcome_line *line = &s->plausible[s->plausible_count++];
    line->at = parser->token.at;
    return outcome_formula(parser, line);
}
