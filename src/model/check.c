/* check - what the lines of a syntax tree promise: values inside their bounds, spreads,
 * correlations, doses, error models, limits. Names and units are names.c's and
 * measure.c's. Fills the tables that the model shows outside. Called by model.c. */

#include "model_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numerics/linalg.h"

#define refuse(model, ...) source_refuse(&(model)->syntax->source, __VA_ARGS__)

/* A time in the model's unit. */
static enum err time_fits(struct model *model, double time, const struct unit_text *unit,
                          const char *what, double *out)
{
    double factor;
    if (unit_factor(&unit->unit, &model->syntax->time.unit, &factor) != ERR_OK)
        return refuse(model, unit->at, E3001, "%s, not in %s", what, unit->text);
    *out = time * factor;
    return ERR_OK;
}

/* --- quantities and states ------------------------------------------------------ */

static enum err check_quantity(struct model *model, size_t index)
{
    struct quantity_line *line = &model->syntax->quantities[index];
    if (measure(model, line->expr) != ERR_OK)
        return err_code();
    if (line->expr->type == TYPE_CONDITION) {
        if (line->unit.text)
            return refuse(model, line->unit.at, E3008, "a condition has no unit");
        line->type = TYPE_CONDITION;
        line->of = UNIT_ONE;
    } else {
        struct unit unit = line->unit.unit;
        if (!line->unit.text && unit_tidy(&line->expr->of, &unit) != ERR_OK)
            unit = line->expr->of;
        if (measure_convert(model, line->expr, &unit, E3001, line->name) != ERR_OK)
            return err_code();
        line->type = TYPE_UNIT;
        line->of = unit;
    }
    model->derived[index] = (struct model_output){
        line->name, line->unit.text ? line->unit.text : measure_text(model, &line->of),
        line->label};
    return ERR_OK;
}

static enum err check_noise(struct model *model, size_t index)
{
    const struct state_line *line = &model->syntax->states[index];
    double factor, time = 0;
    if (!line->noise_at)
        return ERR_OK;
    if (unit_factor(&line->noise_unit.unit, &line->of, &factor) != ERR_OK)
        return refuse(model, line->noise_unit.at, E3001,
                      "the noise of %s has the unit of the state, %s", line->name,
                      model->states[index].unit);
    if (!(line->noise > 0) || !(line->noise_time > 0))
        return refuse(model, line->noise_at, E4016,
                      "noise is positive, and so is its time");
    if (time_fits(model, line->noise_time, &line->noise_time_unit, "noise is per a time",
                  &time) != ERR_OK)
        return err_code();
    model->noise[index] = line->noise * factor / sqrt(time);
    return ERR_OK;
}

static enum err check_state(struct model *model, size_t index)
{
    struct state_line *line = &model->syntax->states[index];
    struct unit rate;
    char what[MODEL_NAME_MAX + 32];
    if (measure(model, line->rate) != ERR_OK)
        return err_code();
    if (unit_divide(&line->of, &model->syntax->time.unit, &rate) != ERR_OK)
        return refuse(model, line->at, E3009, "the unit of the rate has too many names");
    snprintf(what, sizeof what, "the rate of %s", line->name);
    if (measure_convert(model, line->rate, &rate, E3006, what) != ERR_OK)
        return err_code();
    snprintf(what, sizeof what, "the initial value of %s", line->name);
    if (line->init &&
        (measure(model, line->init) != ERR_OK ||
         measure_convert(model, line->init, &line->of, E3001, what) != ERR_OK))
        return err_code();
    model->states[index] = (struct model_output){
        line->name, line->unit.text ? line->unit.text : measure_text(model, &line->of),
        line->label};
    return check_noise(model, index);
}

/* --- parameters ----------------------------------------------------------------- */

static enum err transform_fits(struct model *model, const struct parameter_line *line,
                               double low, double high)
{
    if (line->transform == TRANSFORM_LOG && !(line->value > 0 && low >= 0))
        return refuse(model, line->value_at, E4002,
                      "a parameter on the log scale is positive");
    if (line->transform == TRANSFORM_LOGIT &&
        !(line->bounded && line->value > low && line->value < high))
        return refuse(model, line->value_at, E4002,
                      "a parameter on the logit scale lies strictly between two bounds");
    return ERR_OK;
}

static enum err spread_sd(struct model *model, const struct parameter_line *line,
                          double *sd)
{
    double factor = 1, value = line->spread_value;
    if (!(value > 0))
        return refuse(model, line->spread_at, E4002, "a spread is positive");
    if (line->spread_unit.text &&
        unit_factor(&line->spread_unit.unit, &line->unit.unit, &factor) != ERR_OK)
        return refuse(model, line->spread_unit.at, E3001,
                      "the spread of %s has the unit of the parameter, %s", line->name,
                      line->unit.text);
    *sd = line->spread_is_cv ? sqrt(log1p(value * value)) : value * factor;
    return ERR_OK;
}

static enum err effects_of(struct model *model, const struct parameter_line *line,
                           struct model_parameter *parameter)
{
    const struct syntax *s = model->syntax;
    struct named named;
    if (line->on_count && line->spread != SPREAD_INDIVIDUAL)
        return refuse(model, line->on[0].at, E4002,
                      "only a parameter that differs between patients has covariates");
    for (size_t i = 0; i < line->on_count; i++) {
        size_t at = line->on[i].at;
        if (!name_find(s, line->on[i].name, &named))
            return name_refuse_unknown(s, at, line->on[i].name, 1u << SYMBOL_COVARIATE);
        if (named.kind != SYMBOL_COVARIATE)
            return refuse(model, at, E4002, "%s is not a covariate", named.name);
        if (parameter->covariates >> named.index & 1)
            return refuse(model, at, E4002, "%s is named twice", named.name);
        parameter->covariates |= 1u << named.index;
        const struct covariate_line *covariate = &s->covariates[named.index];
        if (!covariate->has_scale &&
            !unit_same_dimension(&covariate->unit.unit, &UNIT_ONE)) {
            refuse(model, at, E4010, "%s has no scale for its effect on %s", named.name,
                   line->name);
            return err_hint(
                "add under [covariates] the middle and half the range of what "
                "occurs, as in: AGE yr centre 50 scale 40");
        }
    }
    return ERR_OK;
}

/* Of a parameter that varies between occasions: how, but for what counts them. */
static enum err occasions_fit(struct model *model, const struct parameter_line *line,
                              struct model_parameter *parameter)
{
    double factor = 1;
    if (line->occasions == 0)
        return ERR_OK;
    if (line->spread != SPREAD_INDIVIDUAL)
        return refuse(model, line->occasions_at, E4002,
                      "only a parameter that differs between patients varies between "
                      "occasions");
    if (line->occasion_unit.text &&
        unit_factor(&line->occasion_unit.unit, &line->unit.unit, &factor) != ERR_OK)
        return refuse(model, line->occasion_unit.at, E3001,
                      "the spread of %s has the unit of the parameter, %s", line->name,
                      line->unit.text);
    if (!(line->occasion_sd > 0))
        return refuse(model, line->occasions_at, E4002, "a spread is positive");
    parameter->occasions = line->occasions;
    parameter->occasion_sd = line->occasion_sd * factor;
    if (line->by.name)
        return ERR_OK;
    if (unit_factor(&line->period_unit.unit, &model->syntax->time.unit, &factor) !=
        ERR_OK)
        return refuse(model, line->period_unit.at, E3001,
                      "occasions come once per a time");
    if (!(line->period > 0))
        return refuse(model, line->occasions_at, E4002, "a period is positive");
    parameter->period = line->period * factor;
    return ERR_OK;
}

/* Of a parameter that drifts: by how much. */
static enum err drift_fits(struct model *model, const struct parameter_line *line,
                           struct model_parameter *parameter)
{
    double factor = 1, time = 0, back = 0;
    if (!line->drifts_at)
        return ERR_OK;
    if (line->spread != SPREAD_INDIVIDUAL)
        return refuse(model, line->drifts_at, E4002,
                      "only a parameter that differs between patients drifts");
    if (line->occasions)
        return refuse(model, line->drifts_at, E4002,
                      "%s differs between occasions, so that it cannot drift, too",
                      line->name);
    if (line->drift_unit.text &&
        unit_factor(&line->drift_unit.unit, &line->unit.unit, &factor) != ERR_OK)
        return refuse(model, line->drift_unit.at, E3001,
                      "the drift of %s has the unit of the parameter, %s", line->name,
                      line->unit.text);
    if (!(line->drift_sd > 0) || !(line->drift_time > 0))
        return refuse(model, line->drifts_at, E4002,
                      "a drift is positive, and so is its time");
    if (time_fits(model, line->drift_time, &line->drift_time_unit, "it drifts in a time",
                  &time) != ERR_OK ||
        (line->drift_back > 0 &&
         time_fits(model, line->drift_back, &line->drift_back_unit,
                   "it comes back over a time", &back) != ERR_OK))
        return err_code();
    parameter->drift = line->drift_sd * factor / sqrt(time);
    parameter->drift_back = back;
    return ERR_OK;
}

/* Who counts the occasions; covariates are known by now. */
static enum err check_counting(struct model *model, size_t index)
{
    const struct parameter_line *line = &model->syntax->parameters[index];
    struct named named;
    if (!line->by.name)
        return ERR_OK;
    if (!name_find(model->syntax, line->by.name, &named))
        return name_refuse_unknown(model->syntax, line->by.at, line->by.name,
                                   1u << SYMBOL_COVARIATE);
    if (named.kind != SYMBOL_COVARIATE ||
        model->covariates[named.index].hold != COVARIATE_LOCF)
        return refuse(model, line->by.at, E4002,
                      "occasions are counted by a covariate that is locf");
    model->parameters[index].by = named.index;
    return ERR_OK;
}

/* A parameter's deviations on its occasions, behind all parameters of the text. */
static enum err add_deviations(struct model *model, size_t owner)
{
    struct syntax *s = model->syntax;
    const struct parameter_line *line = &s->parameters[owner];
    if (s->parameter_count + line->occasions > MODEL_PARAMETERS_MAX)
        return refuse(model, line->occasions_at, E4003,
                      "parameters and their occasions are at most %d together",
                      MODEL_PARAMETERS_MAX);
    for (size_t i = 1; i <= line->occasions; i++) {
        char *name = syntax_take(s, MODEL_NAME_MAX + 5);
        if (!name)
            return refuse(model, 0, E4003,
                          "the model needs more memory than a model may");
        snprintf(name, MODEL_NAME_MAX + 5, "%s.%zu", line->name, i);
        model->parameters[s->parameter_count] = (struct model_parameter){
            .name = name,
            .unit = line->transform == TRANSFORM_IDENTITY ? line->unit.text : "1",
            .kind = PARAMETER_OCCASION,
            .low = -INFINITY,
            .high = INFINITY,
            .occasions = line->occasions,
            .occasion_sd = model->parameters[owner].occasion_sd,
            .period = model->parameters[owner].period,
            .by = model->parameters[owner].by,
            .owner = owner,
            .occasion = i};
        s->parameters[s->parameter_count++] = (struct parameter_line){
            .name = name, .hidden = true, .owner = owner, .used = true};
    }
    return ERR_OK;
}

static enum err check_parameter(struct model *model, size_t index)
{
    const struct parameter_line *line = &model->syntax->parameters[index];
    static const enum parameter_kind kinds[] = {PARAMETER_FIXED, PARAMETER_POPULATION,
                                                PARAMETER_INDIVIDUAL};
    struct model_parameter parameter = {
        .name = line->name,
        .unit = line->unit.text,
        .label = line->label,
        .provenance = line->provenance,
        .kind = kinds[line->spread],
        .transform = line->spread == SPREAD_FIXED ? TRANSFORM_IDENTITY : line->transform,
        .typical = line->value,
        .low = line->bounded                      ? line->low
               : line->transform == TRANSFORM_LOG ? 0
                                                  : -INFINITY,
        .high = line->bounded ? line->high : INFINITY,
    };
    if (line->bounded && !(line->low < line->high))
        return refuse(model, line->low_at, E4001,
                      "the bounds are not in ascending order");
    if (line->spread != SPREAD_FIXED &&
        transform_fits(model, line, parameter.low, parameter.high) != ERR_OK)
        return err_code();
    if (line->value < parameter.low || line->value > parameter.high)
        return refuse(model, line->value_at, E4001, "%s lies outside its bounds",
                      line->name);
    if (line->spread == SPREAD_INDIVIDUAL &&
        spread_sd(model, line, &parameter.between_sd) != ERR_OK)
        return err_code();
    if (effects_of(model, line, &parameter) != ERR_OK ||
        occasions_fit(model, line, &parameter) != ERR_OK ||
        drift_fits(model, line, &parameter) != ERR_OK)
        return err_code();
    model->parameters[index] = parameter;
    return ERR_OK;
}

/* --- correlations --------------------------------------------------------------- */

static enum err correlate(struct model *model, const struct correlated_line *line,
                          size_t a, size_t b, size_t at)
{
    if (a == b || model->correlated[a][b])
        return refuse(model, at, E2009, "this pair is correlated already");
    model->correlated[a][b] = model->correlated[b][a] = true;
    model->correlation[a][b] = model->correlation[b][a] = line->correlation;
    return ERR_OK;
}

static enum err correlated_index(struct model *model, const struct place *place,
                                 size_t *index)
{
    struct named named;
    if (!name_find(model->syntax, place->name, &named))
        return name_refuse_unknown(model->syntax, place->at, place->name,
                                   1u << SYMBOL_PARAMETER);
    if (named.kind != SYMBOL_PARAMETER ||
        model->parameters[named.index].kind != PARAMETER_INDIVIDUAL)
        return refuse(model, place->at, E2009,
                      "%s is not a parameter that differs between patients", place->name);
    *index = named.index;
    return ERR_OK;
}

static enum err correlate_all(struct model *model, const struct correlated_line *line)
{
    size_t count = model->syntax->parameter_count;
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < a; b++)
            if (model->parameters[a].kind == PARAMETER_INDIVIDUAL &&
                model->parameters[b].kind == PARAMETER_INDIVIDUAL &&
                correlate(model, line, a, b, line->at) != ERR_OK)
                return err_code();
    return ERR_OK;
}

static enum err check_correlated(struct model *model, const struct correlated_line *line)
{
    size_t index[MODEL_PARAMETERS_MAX];
    if (!(line->correlation > -1 && line->correlation < 1))
        return refuse(model, line->at, E4005, "a correlation lies between -1 and 1");
    if (line->all)
        return correlate_all(model, line);
    if (line->count < 2)
        return refuse(model, line->at, E2009, "it takes two names to correlate");
    for (size_t i = 0; i < line->count; i++)
        if (correlated_index(model, &line->names[i], &index[i]) != ERR_OK)
            return err_code();
    for (size_t i = 0; i < line->count; i++)
        for (size_t j = 0; j < i; j++)
            if (correlate(model, line, index[i], index[j], line->names[i].at) != ERR_OK)
                return err_code();
    return ERR_OK;
}

static enum err correlations_fit(struct model *model)
{
    size_t n = model->syntax->parameter_count;
    double matrix[MODEL_PARAMETERS_MAX * MODEL_PARAMETERS_MAX];
    if (model->syntax->correlated_count == 0)
        return ERR_OK;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++)
            matrix[a * n + b] = a == b ? 1 : model->correlation[a][b];
    return linalg_cholesky(n, matrix) == ERR_OK
               ? ERR_OK
               : refuse(model, model->syntax->correlated[0].at, E4005,
                        "nothing can have all these correlations at once");
}

/* --- covariates and doses ------------------------------------------------------- */

static enum err levels_fit(struct model *model, const struct covariate_line *line)
{
    bool found = !line->has_default;
    for (size_t i = 0; i < line->level_count; i++) {
        const struct model_level *one = &line->levels[i];
        found |= one->value == line->default_value;
        for (size_t j = 0; j < i; j++) {
            const struct model_level *other = &line->levels[j];
            if (one->value == other->value ||
                (one->label && other->label && strcmp(one->label, other->label) == 0))
                return refuse(model, line->levels_at, E4011,
                              "two levels of %s are the same", line->name);
        }
    }
    if (line->level_count && line->hold == COVARIATE_LINEAR)
        return refuse(model, line->levels_at, E4011,
                      "%s moves linearly, and so through all values between", line->name);
    return found || line->level_count == 0
               ? ERR_OK
               : refuse(model, line->default_at, E4011,
                        "the default is none of the levels of %s", line->name);
}

static enum err check_covariate(struct model *model, size_t index)
{
    const struct covariate_line *line = &model->syntax->covariates[index];
    if (levels_fit(model, line) != ERR_OK)
        return err_code();
    if (!(line->scale > 0))
        return refuse(model, line->scale_at, E4009, "a scale is positive");
    model->covariates[index] = (struct model_covariate){
        line->name,        line->unit.text,     line->label,  line->hold,
        line->has_default, line->default_value, line->centre, line->scale,
        line->levels,      line->level_count};
    return ERR_OK;
}

static enum err check_time_modifier(struct model *model, struct expr *expr,
                                    const char *what)
{
    if (!expr || measure(model, expr) != ERR_OK)
        return expr ? err_code() : ERR_OK;
    return measure_convert(model, expr, &model->syntax->time.unit, E3001, what);
}

/* The fraction may have a unit: mg/m2 with a fraction in m2, mg with one in 1/L.
 * `enters`: the unit in which a dose of the line's unit arrives. */
static enum err check_fraction(struct model *model, struct input_line *line,
                               struct unit *enters)
{
    *enters = line->unit.unit;
    if (!line->fraction)
        return ERR_OK;
    if (measure(model, line->fraction) != ERR_OK)
        return err_code();
    if (line->fraction->type != TYPE_UNIT ||
        unit_same_dimension(&line->fraction->of, &UNIT_ONE))
        return measure_convert(model, line->fraction, &UNIT_ONE, E3001, "a fraction");
    return unit_multiply(&line->unit.unit, &line->fraction->of, enters) == ERR_OK
               ? ERR_OK
               : refuse(model, line->unit.at, E3009,
                        "the unit of this has too many names");
}

/* Amount in the line's unit = number * amount in `from`. Between units that the table can
 * convert by itself the number can only agree or be wrong. */
static enum err check_conversion(struct model *model, const struct input_line *line)
{
    double factor;
    char text[NUMBER_TEXT_MAX];
    if (!(line->number > 0))
        return refuse(model, line->number_at, E4009, "a conversion number is positive");
    if (unit_factor(&line->from.unit, &line->unit.unit, &factor) != ERR_OK ||
        fabs(line->number / factor - 1) < 1e-6)
        return ERR_OK;
    number_print(factor, text);
    return refuse(model, line->number_at, E3007, "1 %s is %s %s", line->from.text, text,
                  line->unit.text);
}

static enum err check_jumps(struct model *model, size_t index)
{
    const struct input_line *line = &model->syntax->inputs[index];
    for (size_t i = 0; i < line->jump_count; i++) {
        const struct jump *jump = &line->jumps[i];
        char what[2 * MODEL_NAME_MAX + 32];
        snprintf(what, sizeof what, "%s after %s", jump->state, line->name);
        if (measure(model, jump->expr) != ERR_OK ||
            measure_convert(model, jump->expr, &model->syntax->states[jump->into].of,
                            E3001, what) != ERR_OK)
            return err_code();
    }
    model->inputs[index] = (struct model_input){.name = line->name,
                                                .unit = line->unit.text,
                                                .label = line->label,
                                                .state = line->into,
                                                .jumps = true,
                                                .accepted_unit = line->unit.text,
                                                .accepted_factor = 1};
    return ERR_OK;
}

static enum err check_input(struct model *model, size_t index)
{
    if (model->syntax->inputs[index].jump_count)
        return check_jumps(model, index);
    const struct syntax *s = model->syntax;
    struct input_line *line = &model->syntax->inputs[index];
    struct unit enters;
    double factor;
    if ((line->converted && check_conversion(model, line) != ERR_OK) ||
        check_fraction(model, line, &enters) != ERR_OK ||
        check_time_modifier(model, line->lag, "a lag") != ERR_OK ||
        check_time_modifier(model, line->over, "a duration") != ERR_OK)
        return err_code();
    if (unit_factor(&enters, &s->states[line->into].of, &factor) != ERR_OK) {
        refuse(model, line->unit.at, E3007, "%s arrives in %s, %s is in %s", line->name,
               measure_text(model, &enters), line->state, model->states[line->into].unit);
        return err_hint(
            "a number bridges two units: convert from UNIT by NUMBER; a volume "
            "or a body surface does as a fraction with a unit");
    }
    bool constant = line->over && line->over->op == OP_NUMBER;
    model->inputs[index] = (struct model_input){
        .name = line->name,
        .unit = model->states[line->into].unit,
        .label = line->label,
        .state = line->into,
        .accepted_unit = line->converted ? line->from.text : line->unit.text,
        .accepted_factor = (line->converted ? line->number : 1) * factor,
        .default_duration = constant ? line->over->number * line->over->factor : 0,
    };
    return ERR_OK;
}

/* --- observations --------------------------------------------------------------- */

/* The check digit of every code: Luhn's, as LOINC defines it ("mod 10"). */
static bool loinc_code_sound(const char *code, size_t size)
{
    unsigned sum = 0;
    if (size < 3 || code[size - 2] != '-')
        return false;
    for (size_t i = 0; i < size; i++)
        if (i != size - 2 && (code[i] < '0' || code[i] > '9'))
            return false;
    for (size_t i = 0; i < size - 2; i++) {
        unsigned digit = (unsigned)(code[size - 3 - i] - '0') * (i % 2 == 0 ? 2 : 1);
        sum += digit / 10 + digit % 10;
    }
    return (10 - sum % 10) % 10 == (unsigned)(code[size - 1] - '0');
}

static enum err check_codes(struct model *model, const struct observation_line *line)
{
    for (const char *at = line->loinc; at && *at;) {
        size_t size = strcspn(at, ",");
        if (!loinc_code_sound(at, size))
            return refuse(model, line->loinc_at, E4008, "%.*s is not a LOINC code",
                          (int)size, at);
        at += size;
        at += strspn(at, ", ");
    }
    return ERR_OK;
}

static enum err residual_fits(struct model *model, const struct observation_line *line,
                              const struct unit *unit, double *additive)
{
    double factor = 1;
    bool lognormal = line->residual == RESIDUAL_LOGNORMAL;
    const struct unit *scale = lognormal ? &UNIT_ONE : unit;
    if (line->additive_unit.text) {
        if (unit_factor(&line->additive_unit.unit, scale, &factor) != ERR_OK)
            return refuse(model, line->additive_unit.at, E4006,
                          "the additive error of %s has the unit of what is observed, %s",
                          line->name, measure_text(model, scale));
    } else if (line->has_additive && !lognormal &&
               !unit_same_dimension(unit, &UNIT_ONE)) {
        return refuse(model, line->residual_at, E4006,
                      "the additive error of %s needs its unit, %s", line->name,
                      measure_text(model, scale));
    }
    *additive = line->additive * factor;
    double parts[] = {line->additive, line->proportional};
    bool has[] = {line->has_additive, line->has_proportional};
    bool fixed[] = {line->additive_fixed, line->proportional_fixed};
    for (size_t i = 0; i < 2; i++)
        if (has[i] && !(parts[i] > 0) &&
            !(parts[i] == 0 && fixed[i] && has[1 - i] && parts[1 - i] > 0))
            return refuse(model, line->residual_at, E4006,
                          "a residual error is positive");
    return ERR_OK;
}

/* How long errors remember, in the model's time. */
static enum err correlation_fits(struct model *model, const struct observation_line *line,
                                 struct model_observation *out)
{
    double factor;
    if (!line->correlated)
        return ERR_OK;
    if (line->residual == RESIDUAL_BERNOULLI)
        return refuse(model, line->correlation_at, E4006,
                      "errors of answers yes or no are not correlated in time");
    if (unit_factor(&line->correlation_unit.unit, &model->syntax->time.unit, &factor) !=
        ERR_OK)
        return refuse(model, line->correlation_unit.at, E3001,
                      "errors are correlated over a time");
    if (!(line->correlation_time > 0))
        return refuse(model, line->correlation_at, E4006,
                      "errors are correlated over a time that is positive");
    out->correlation_time = line->correlation_time * factor;
    out->correlation_fixed = line->correlation_fixed;
    return ERR_OK;
}

static enum err limits_fit(struct model *model, const struct observation_line *line,
                           const struct unit *unit, struct model_observation *out)
{
    const struct {
        bool has;
        double value;
        const struct unit_text *unit;
        double *to;
    } limits[] = {{line->has_low, line->low, &line->low_unit, &out->limit_low},
                  {line->has_high, line->high, &line->high_unit, &out->limit_high}};
    out->limit_low = -INFINITY;
    out->limit_high = INFINITY;
    if (line->residual == RESIDUAL_BERNOULLI && (line->has_low || line->has_high))
        return refuse(model, line->limit_at, E4007, "yes or no has no detection limit");
    for (size_t i = 0; i < 2; i++) {
        double factor;
        if (!limits[i].has)
            continue;
        if (unit_factor(&limits[i].unit->unit, unit, &factor) != ERR_OK)
            return refuse(model, limits[i].unit->at, E3001,
                          "a detection limit of %s has the unit of what is observed, %s",
                          line->name, measure_text(model, unit));
        *limits[i].to = limits[i].value * factor;
    }
    return out->limit_low < out->limit_high
               ? ERR_OK
               : refuse(model, line->limit_at, E4007,
                        "the detection limits are not in ascending order");
}

/* The unit that an observation is recorded in: as said, or what the formula comes in. */
static enum err observed_unit(struct model *model, struct observation_line *line,
                              struct unit *unit)
{
    if (measure(model, line->expr) != ERR_OK)
        return err_code();
    *unit = line->unit.unit;
    if (!line->unit.text && unit_tidy(&line->expr->of, unit) != ERR_OK)
        *unit = line->expr->of;
    if (line->residual == RESIDUAL_BERNOULLI)
        *unit = UNIT_ONE;
    return measure_convert(model, line->expr, unit, E3001, line->name);
}

/* What a reading can be of: that, its derivatives have to be known. */
static enum err check_functionals(struct model *model, const struct expr *expr)
{
    if (expr->op == OP_FUNCTIONAL && expr->functional != FUNCTIONAL_MIN &&
        expr->functional != FUNCTIONAL_MAX && expr->functional != FUNCTIONAL_MEAN &&
        expr->functional != FUNCTIONAL_AUC) {
        refuse(model, expr->at, E4017, "%s is for outcomes",
               functional_name(expr->functional));
        return err_hint("observations are made of min, max, mean and auc");
    }
    for (size_t i = 0; i < expr->count; i++)
        if (check_functionals(model, expr->arguments[i]) != ERR_OK)
            return err_code();
    return ERR_OK;
}

static enum err check_observation(struct model *model, size_t index)
{
    struct observation_line *line = &model->syntax->observations[index];
    struct unit unit;
    if (check_functionals(model, line->expr) != ERR_OK ||
        check_time_modifier(model, line->over, "a window") != ERR_OK ||
        observed_unit(model, line, &unit) != ERR_OK)
        return err_code();
    struct model_observation out = {
        .name = line->name,
        .unit = line->unit.text ? line->unit.text : measure_text(model, &unit),
        .label = line->label,
        .loinc = line->loinc,
        .residual = line->residual,
        .proportional = line->proportional,
        .additive_fixed = line->additive_fixed,
        .proportional_fixed = line->proportional_fixed,
    };
    if (residual_fits(model, line, &unit, &out.additive) != ERR_OK ||
        correlation_fits(model, line, &out) != ERR_OK ||
        limits_fit(model, line, &unit, &out) != ERR_OK ||
        check_codes(model, line) != ERR_OK)
        return err_code();
    model->observations[index] = out;
    return ERR_OK;
}

/* --- outcomes ------------------------------------------------------------------- */

static enum err check_window(struct model *model, struct outcome_line *line)
{
    struct expr *const bounds[] = {line->from, line->to};
    for (size_t i = 0; i < 2; i++)
        if (check_time_modifier(model, bounds[i], "a window") != ERR_OK)
            return err_code();
    return ERR_OK;
}

static enum err check_outcome(struct model *model, size_t index)
{
    struct outcome_line *line = &model->syntax->outcomes[index];
    if (check_window(model, line) != ERR_OK || measure(model, line->expr) != ERR_OK)
        return err_code();
    struct unit unit = line->unit.unit;
    if (!line->unit.text && unit_tidy(&line->expr->of, &unit) != ERR_OK)
        unit = line->expr->of;
    if (measure_convert(model, line->expr, &unit, E3001, line->name) != ERR_OK)
        return err_code();
    line->type = TYPE_UNIT;
    line->of = unit;
    model->outcomes[index] = (struct model_outcome){
        line->name, line->unit.text ? line->unit.text : measure_text(model, &line->of),
        line->label, line->window == WINDOW_PER};
    return ERR_OK;
}

static enum err check_plausible(struct model *model, size_t index)
{
    struct outcome_line *line = &model->syntax->plausible[index];
    struct bytes text = {0};
    if (check_window(model, line) != ERR_OK || measure(model, line->expr) != ERR_OK)
        return err_code();
    if (line->expr->type != TYPE_CONDITION)
        return refuse(model, line->at, E3008, "what is plausible is a condition");
    expr_print(line->expr, &text);
    const char *kept =
        arena_text(model->syntax->arena, (const char *)text.data, text.size);
    bytes_free(&text);
    model->plausible[index] = (struct model_plausible){kept ? kept : "", line->label};
    return ERR_OK;
}

/* --- [what-if] ------------------------------------------------------------------ */

static enum err check_range(struct model *model, size_t index)
{
    const struct range_line *line = &model->syntax->ranges[index];
    struct model_range out;
    struct named named;
    double factor;
    if (!name_find(model->syntax, line->name, &named))
        return name_refuse_unknown(model->syntax, line->at, line->name,
                                   1u << SYMBOL_INPUT | 1u << SYMBOL_PARAMETER |
                                       1u << SYMBOL_COVARIATE);
    if (named.kind == SYMBOL_INPUT)
        out = (struct model_range){.of = RANGE_OF_INPUT,
                                   .unit = model->inputs[named.index].accepted_unit};
    else if (named.kind == SYMBOL_PARAMETER)
        out = (struct model_range){.of = RANGE_OF_PARAMETER,
                                   .unit = model->parameters[named.index].unit};
    else if (named.kind == SYMBOL_COVARIATE)
        out = (struct model_range){.of = RANGE_OF_COVARIATE,
                                   .unit = model->covariates[named.index].unit};
    else
        return refuse(model, line->at, E2001, "%s cannot be chosen", line->name);
    if (unit_convert(line->unit.text, out.unit, &factor) != ERR_OK)
        return refuse(model, line->unit.at, E3001, "%s is given in %s", line->name,
                      out.unit);
    if (!(line->low < line->high))
        return refuse(model, line->at, E4001, "the range is not in ascending order");
    if (line->stepped && !(line->step > 0))
        return refuse(model, line->step_at, E4009, "a step is positive");
    out.index = named.index;
    out.low = line->low * factor;
    out.high = line->high * factor;
    out.step = line->step * factor;
    model->ranges[index] = out;
    return ERR_OK;
}

/* --- the whole ------------------------------------------------------------------ */

static enum err check_time(struct model *model)
{
    struct unit second;
    if (unit_parse("s", 1, &second) != ERR_OK)
        return err_code();
    return unit_same_dimension(&model->syntax->time.unit, &second)
               ? ERR_OK
               : refuse(model, model->syntax->time.at, E3001,
                        "time is measured in s, min, h, d and the like, not %s",
                        model->syntax->time.text);
}

static enum err check_step(struct model *model)
{
    const struct step_line *line = &model->syntax->step;
    double factor;
    if (!line->at)
        return ERR_OK;
    if (unit_factor(&line->unit.unit, &model->syntax->time.unit, &factor) != ERR_OK)
        return refuse(model, line->unit.at, E3001, "a step is a time, not %s",
                      line->unit.text);
    if (!(line->length > 0))
        return refuse(model, line->at, E4009, "a step is positive");
    model->step = line->length * factor;
    return ERR_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct inserted *x = a, *y = b;
    int place = (x->at > y->at) - (x->at < y->at);
    return place ? place : (x->factor > y->factor) - (x->factor < y->factor);
}

#define CHECK_EACH(count, call)                                                          \
    for (size_t i = 0; err == ERR_OK && i < (count); i++)                                \
    err = call

enum err model_check(struct model *model)
{
    struct syntax *s = model->syntax;
    enum err err = check_time(model);
    if (err == ERR_OK)
        err = check_step(model);
    if (err == ERR_OK)
        err = names_check(s);
    CHECK_EACH(s->parameter_count, check_parameter(model, i));
    CHECK_EACH(s->correlated_count, check_correlated(model, &s->correlated[i]));
    if (err == ERR_OK)
        err = correlations_fit(model);
    CHECK_EACH(s->covariate_count, check_covariate(model, i));
    size_t written = s->parameter_count;
    CHECK_EACH(written, check_counting(model, i));
    CHECK_EACH(written, add_deviations(model, i));
    if (err == ERR_OK)
        err = names_resolve(s);
    if (err == ERR_OK)
        err = measure_states(model);
    CHECK_EACH(s->quantity_count, check_quantity(model, s->order[i]));
    CHECK_EACH(s->state_count, check_state(model, i));
    CHECK_EACH(s->input_count, check_input(model, i));
    if (err == ERR_OK)
        err = check_time_modifier(model, s->period, "a period");
    if (err == ERR_OK && s->period && s->state_count == 0)
        err = refuse(model, s->period_at, E4015,
                     "nothing repeats itself: there is no state");
    CHECK_EACH(s->observation_count, check_observation(model, i));
    CHECK_EACH(s->outcome_count, check_outcome(model, i));
    CHECK_EACH(s->plausible_count, check_plausible(model, i));
    CHECK_EACH(s->range_count, check_range(model, i));
    if (err == ERR_OK && !syntax_take(s, 1))
        err = refuse(model, 0, E4003, "the model needs more memory than a model may");
    if (model->inserted_count > 1)
        qsort(model->inserted, model->inserted_count, sizeof *model->inserted, by_place);
    return err;
}
