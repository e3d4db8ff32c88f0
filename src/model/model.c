#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "generated.h"
#include "model_impl.h"

/* --- loading -------------------------------------------------------------------- */

enum err model_parse(const char *text, size_t size, const char *file_name,
                     struct model **model)
{
    struct model *out = mem_new(1, sizeof *out);
    enum err err = syntax_parse(text, size, file_name, &out->syntax);
    if (err == ERR_OK)
        err = model_check(out);
    if (err == ERR_OK)
        err = program_new(out, &out->program);
    if (err != ERR_OK) {
        model_destroy(&out);
        return err;
    }
    out->canonical = syntax_print(out->syntax);
    bytes_hash("gemel.model", out->canonical, strlen(out->canonical), out->hash);
    generated_attach(out, generated_models);
    *model = out;
    return ERR_OK;
}

enum err model_load(const char *path, struct model **model)
{
    struct bytes bytes = {0};
    enum err err = file_read(path, MODEL_TEXT_MAX, &bytes);
    if (err == ERR_OK)
        err = model_parse((const char *)bytes.data, bytes.size, path, model);
    bytes_free(&bytes);
    return err;
}

void model_destroy(struct model **model)
{
    struct model *gone = *model;
    if (!gone)
        return;
    program_destroy(&gone->program);
    syntax_destroy(&gone->syntax);
    mem_free(gone->canonical);
    mem_free(gone->inserted);
    mem_free(gone);
    *model = NULL;
}

/* --- answers -------------------------------------------------------------------- */

const char *model_name(const struct model *model)
{
    return model->syntax->name;
}

const char *model_title(const struct model *model)
{
    return model->syntax->title ? model->syntax->title : "";
}

uint32_t model_version(const struct model *model)
{
    return model->syntax->version;
}

double model_step(const struct model *model)
{
    return model->step;
}

const char *model_time_unit(const struct model *model)
{
    return model->syntax->time.text;
}

const char *model_question(const struct model *model)
{
    return model->syntax->question ? model->syntax->question : "";
}

size_t model_sources(const struct model *model)
{
    return model->syntax->source_count;
}

const char *model_source(const struct model *model, size_t index)
{
    return model->syntax->sources[index];
}

const char *provenance_name(enum provenance provenance)
{
    static const char *const names[] = {"", "published", "calibrated", "wide"};
    return names[provenance];
}

const char *model_canonical(const struct model *model)
{
    return model->canonical;
}

void model_hash(const struct model *model, uint8_t hash[HASH_BYTES])
{
    memcpy(hash, model->hash, HASH_BYTES);
}

const char *model_explain(const char *number)
{
    for (size_t i = 0; model_error_name(i); i++)
        if (strcmp(model_error_name(i), number) == 0)
            return model_error_paragraph(i);
    return NULL;
}

size_t model_parameters(const struct model *model)
{
    return model->syntax->parameter_count;
}

const struct model_parameter *model_parameter(const struct model *model, size_t index)
{
    return &model->parameters[index];
}

bool model_correlated(const struct model *model, size_t a, size_t b, double *correlation)
{
    *correlation = model->correlation[a][b];
    return model->correlated[a][b];
}

size_t model_covariates(const struct model *model)
{
    return model->syntax->covariate_count;
}

const struct model_covariate *model_covariate(const struct model *model, size_t index)
{
    return &model->covariates[index];
}

bool model_covariate_admits(const struct model_covariate *covariate, double value)
{
    bool admits = covariate->level_count == 0;
    for (size_t i = 0; i < covariate->level_count; i++)
        admits |= covariate->levels[i].value == value;
    return admits;
}

size_t model_inputs(const struct model *model)
{
    return model->syntax->input_count;
}

const struct model_input *model_input(const struct model *model, size_t index)
{
    return &model->inputs[index];
}

size_t model_states(const struct model *model)
{
    return model->syntax->state_count;
}

const struct model_output *model_state(const struct model *model, size_t index)
{
    return &model->states[index];
}

double model_noise(const struct model *model, size_t state, bool *positive)
{
    *positive = model->syntax->states[state].positive;
    return model->noise[state];
}

bool model_drifts(const struct model *model)
{
    bool drifts = false;
    for (size_t i = 0; i < model->syntax->parameter_count; i++)
        drifts |= model->parameters[i].drift > 0;
    for (size_t i = 0; i < model->syntax->state_count; i++)
        drifts |= model->noise[i] > 0;
    return drifts;
}

size_t model_derived(const struct model *model)
{
    return model->syntax->quantity_count;
}

const struct model_output *model_derived_at(const struct model *model, size_t index)
{
    return &model->derived[index];
}

static bool names_time(const struct expr *expr)
{
    bool names = expr->op == OP_NAME && expr->in_time;
    for (size_t i = 0; i < expr->count; i++)
        names = names || names_time(expr->arguments[i]);
    return names;
}

bool model_moves(const struct model *model)
{
    bool moves = model_states(model) > 0;
    for (size_t i = 0; i < model->syntax->quantity_count; i++)
        moves = moves || model->syntax->quantities[i].uses_time;
    for (size_t o = 0; o < model_observations(model); o++)
        moves = moves || model->observations[o].correlation_time > 0 ||
                model_looks_back(model, o) ||
                names_time(model->syntax->observations[o].expr);
    return moves;
}

bool model_looks_back(const struct model *model, size_t observation)
{
    return model->syntax->observations[observation].over != NULL;
}

size_t model_observations(const struct model *model)
{
    return model->syntax->observation_count;
}

const struct model_observation *model_observation(const struct model *model, size_t index)
{
    return &model->observations[index];
}

size_t model_outcomes(const struct model *model)
{
    return model->syntax->outcome_count;
}

const struct model_outcome *model_outcome(const struct model *model, size_t index)
{
    return &model->outcomes[index];
}

size_t model_plausibles(const struct model *model)
{
    return model->syntax->plausible_count;
}

const struct model_plausible *model_plausible(const struct model *model, size_t index)
{
    return &model->plausible[index];
}

size_t model_ranges(const struct model *model)
{
    return model->syntax->range_count;
}

const struct model_range *model_range(const struct model *model, size_t index)
{
    return &model->ranges[index];
}

/* --- execution ------------------------------------------------------------------- */

enum execution model_execution(const struct model *model)
{
    bool generated = false;
    for (size_t i = 0; i < PROGRAM_STREAMS; i++) {
        const struct stream *stream = program_stream(model->program, i);
        generated |= stream->generated || stream->rates;
    }
    return generated ? EXECUTION_GENERATED : EXECUTION_INTERPRETER;
}

const char *execution_name(enum execution execution)
{
    return execution == EXECUTION_GENERATED ? "generated" : "interpreter";
}

void model_interpret(struct model *model)
{
    for (size_t i = 0; i < PROGRAM_STREAMS; i++) {
        struct stream *stream = program_stream(model->program, i);
        stream->generated = NULL;
        stream->rates = NULL;
        stream->step = NULL;
    }
}

/* --- transforms ----------------------------------------------------------------- */

double transform_forward(const struct model_parameter *parameter, double theta)
{
    switch (parameter->transform) {
    case TRANSFORM_LOG:
        return log(theta);
    case TRANSFORM_LOGIT:
        return log(theta - parameter->low) - log(parameter->high - theta);
    default:
        return theta;
    }
}

double transform_back(const struct model_parameter *parameter, double phi)
{
    switch (parameter->transform) {
    case TRANSFORM_LOG:
        return exp(phi);
    case TRANSFORM_LOGIT:
        return parameter->low + (parameter->high - parameter->low) / (1 + exp(-phi));
    default:
        return phi;
    }
}

size_t model_directions(const struct model *model)
{
    return model->program->direction_count;
}

size_t model_direction(const struct model *model, size_t index)
{
    return model->program->directions[index];
}

/* --- listings ------------------------------------------------------------------- */

static void say_outputs(struct bytes *listing, const char *title,
                        const struct model_output *outputs, size_t count)
{
    if (count)
        listing_add(listing, "%s\n", title);
    for (size_t i = 0; i < count; i++)
        listing_add(listing, "  %-20s %-16s %s\n", outputs[i].name, outputs[i].unit,
                    outputs[i].label ? outputs[i].label : "");
}

/* How it differs between patients: "lognormal sd 0.3", "estimated", "fixed". */
static void say_spread(const struct model_parameter *one, char *text, size_t size)
{
    static const char *const laws[] = {"normal", "lognormal", "logitnormal"};
    static const char *const kinds[] = {"fixed", "estimated", "", "occasion"};
    int used =
        one->kind == PARAMETER_INDIVIDUAL
            ? snprintf(text, size, "%s sd %g", laws[one->transform], one->between_sd)
            : snprintf(text, size, "%s", kinds[one->kind]);
    if (one->occasions && used > 0 && (size_t)used < size)
        used += snprintf(text + used, size - (size_t)used, ", %zu occasions sd %g",
                         one->occasions, one->occasion_sd);
    if (one->drift > 0 && used > 0 && (size_t)used < size)
        snprintf(text + used, size - (size_t)used, ", drifts");
}

/* "0.05 .. 200"; nothing where there are no bounds. */
static void say_bounds(double low, double high, char *text, size_t size)
{
    *text = '\0';
    if (isfinite(low) || isfinite(high))
        snprintf(text, size, "%g .. %g", low, high);
}

static void say_parameters(struct bytes *listing, const struct model *model)
{
    char bounds[64], spread[96];
    if (model_parameters(model))
        listing_add(listing, "parameters\n");
    for (size_t i = 0; i < model_parameters(model); i++) {
        const struct model_parameter *one = &model->parameters[i];
        say_bounds(one->low, one->high, bounds, sizeof bounds);
        say_spread(one, spread, sizeof spread);
        listing_add(listing, "  %-20s %-16s %-12g %-18s %-20s %-10s %s\n", one->name,
                    one->unit, one->typical, bounds, spread,
                    provenance_name(one->provenance), one->label ? one->label : "");
    }
}

static void say_covariates(struct bytes *listing, const struct model *model)
{
    static const char *const holds[] = {"constant", "locf", "linear"};
    char usual[48];
    if (model_covariates(model))
        listing_add(listing, "covariates\n");
    for (size_t i = 0; i < model_covariates(model); i++) {
        const struct model_covariate *one = &model->covariates[i];
        snprintf(usual, sizeof usual, one->has_default ? "default %g" : "needed",
                 one->default_value);
        listing_add(listing, "  %-20s %-16s %-18s %-10s %s\n", one->name, one->unit,
                    usual, holds[one->hold], one->label ? one->label : "");
    }
}

/* With how far it looks back, and the codes under which records have it. */
static void say_observations(struct bytes *listing, const struct model *model)
{
    if (model_observations(model))
        listing_add(listing, "observations\n");
    for (size_t i = 0; i < model_observations(model); i++) {
        const struct model_observation *one = &model->observations[i];
        const char *between = "";
        listing_add(listing, "  %-20s %-16s ", one->name, one->unit);
        if (one->label) {
            listing_add(listing, "%s", one->label);
            between = ", ";
        }
        if (model_looks_back(model, i)) {
            listing_add(listing, "%sover last ", between);
            expr_print(model->syntax->observations[i].over, listing);
            between = ", ";
        }
        if (one->loinc && *one->loinc)
            listing_add(listing, "%sLOINC %s", between, one->loinc);
        listing_add(listing, "\n");
    }
}

static void say_ranges(struct bytes *listing, const struct model *model)
{
    if (model_ranges(model))
        listing_add(listing, "what may be tried\n");
    for (size_t i = 0; i < model_ranges(model); i++) {
        const struct model_range *one = model_range(model, i);
        const char *name = one->of == RANGE_OF_INPUT ? model->inputs[one->index].name
                           : one->of == RANGE_OF_PARAMETER
                               ? model->parameters[one->index].name
                               : model->covariates[one->index].name;
        listing_add(listing, "  %-20s %-16s %g .. %g", name, one->unit, one->low,
                    one->high);
        if (one->step > 0)
            listing_add(listing, " in steps of %g", one->step);
        listing_add(listing, "\n");
    }
}

/* What moves by itself while a twin is followed, in the words of the text. */
static void say_drifts(struct bytes *listing, const struct model *model)
{
    const struct syntax *s = model->syntax;
    if (model_drifts(model))
        listing_add(listing, "while a twin is followed\n");
    for (size_t i = 0; i < s->parameter_count; i++) {
        const struct parameter_line *one = &s->parameters[i];
        if (!one->drifts_at)
            continue;
        listing_add(listing, "  %-20s drifts, sd %g%s%s per %g %s", one->name,
                    one->drift_sd, one->drift_unit.text ? " " : "",
                    one->drift_unit.text ? one->drift_unit.text : "", one->drift_time,
                    one->drift_time_unit.text);
        if (one->drift_back > 0)
            listing_add(listing, ", back over %g %s", one->drift_back,
                        one->drift_back_unit.text);
        listing_add(listing, "\n");
    }
    for (size_t i = 0; i < s->state_count; i++) {
        const struct state_line *one = &s->states[i];
        if (one->noise_at)
            listing_add(listing, "  %-20s noise, sd %g %s per %g %s%s\n", one->name,
                        one->noise, one->noise_unit.text, one->noise_time,
                        one->noise_time_unit.text,
                        one->positive ? ", never below 0" : "");
    }
}

static void say_inputs(struct bytes *listing, const struct model *model)
{
    if (model_inputs(model))
        listing_add(listing, "doses\n");
    for (size_t i = 0; i < model_inputs(model); i++) {
        const struct model_input *one = &model->inputs[i];
        if (one->jumps)
            listing_add(listing, "  %-20s %-16s moves %s%s\n", one->name, one->unit,
                        model->states[one->state].name,
                        model->syntax->inputs[i].jump_count > 1 ? " and others" : "");
        else
            listing_add(listing, "  %-20s %-16s into %s, recorded in %s (factor %.10g)\n",
                        one->name, one->unit, model->states[one->state].name,
                        one->accepted_unit, one->accepted_factor);
    }
}

static void say_conversions(struct bytes *listing, const struct model *model)
{
    if (model->inserted_count)
        listing_add(listing, "conversions put in\n");
    for (size_t i = 0; i < model->inserted_count; i++) {
        const struct inserted *one = &model->inserted[i];
        size_t line, column;
        source_place(&model->syntax->source, one->at, &line, &column);
        listing_add(listing, "  line %zu, column %zu: %s to %s, factor %.10g\n", line,
                    column, one->from, one->to, one->factor);
    }
}

/* Columns that nothing follows leave their padding behind: take it away. */
static char *without_padding(const struct bytes *listing)
{
    char *text = mem_text_n((const char *)listing->data, listing->size), *to = text;
    for (const char *from = text; *from; from++) {
        while (*from == '\n' && to > text && to[-1] == ' ')
            to--;
        *to++ = *from;
    }
    *to = '\0';
    return text;
}

char *model_describe(const struct model *model, bool program)
{
    struct bytes listing = {0};
    listing_add(&listing, "%s version %u, time in %s\n%s%s", model_name(model),
                (unsigned)model_version(model), model_time_unit(model),
                model_title(model), *model_title(model) ? "\n" : "");
    if (*model_question(model))
        listing_add(&listing, "question: %s\n", model_question(model));
    for (size_t i = 0; i < model_sources(model); i++)
        listing_add(&listing, "source: %s\n", model_source(model, i));
    if (model_step(model) > 0)
        listing_add(&listing, "in steps of %g %s, by Runge and Kutta's method\n",
                    model_step(model), model_time_unit(model));
    listing_add(&listing, "runs as %s\n",
                model_execution(model) == EXECUTION_GENERATED
                    ? "C that was made of it when this program was built"
                    : "instructions, by the interpreter");
    say_parameters(&listing, model);
    say_covariates(&listing, model);
    say_outputs(&listing, "states", model->states, model_states(model));
    say_drifts(&listing, model);
    say_inputs(&listing, model);
    say_outputs(&listing, "quantities", model->derived, model_derived(model));
    say_observations(&listing, model);
    if (model_outcomes(model))
        listing_add(&listing, "outcomes\n");
    for (size_t i = 0; i < model_outcomes(model); i++)
        listing_add(&listing, "  %-20s %-16s %s%s\n", model->outcomes[i].name,
                    model->outcomes[i].unit,
                    model->outcomes[i].series ? "(one per period) " : "",
                    model->outcomes[i].label ? model->outcomes[i].label : "");
    if (model_plausibles(model))
        listing_add(&listing, "plausible\n");
    for (size_t i = 0; i < model_plausibles(model); i++)
        listing_add(&listing, "  %s%s%s\n", model->plausible[i].text,
                    model->plausible[i].label ? ": " : "",
                    model->plausible[i].label ? model->plausible[i].label : "");
    say_ranges(&listing, model);
    say_conversions(&listing, model);
    if (program)
        program_print(model, &listing);
    char *out = without_padding(&listing);
    bytes_free(&listing);
    return out;
}
