/* listing - a program for people: streams as lines of formulas, results by their names.
 * Called by model.c. */

#include <stdarg.h>
#include <stdio.h>

#include "dag.h"

void listing_add(struct bytes *listing, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    size_t kept = size < 0 ? 0 : (size_t)size;
    bytes_append(listing, line, kept < sizeof line ? kept : sizeof line - 1);
}

static const char *direction_name(const struct model *model, size_t direction)
{
    return model->parameters[model->program->directions[direction]].name;
}

/* A constant by its value, what is filled in by its name, all others as r12. */
static void say_register(const struct model *model, uint32_t at, struct bytes *listing)
{
    const struct program *program = model->program;
    const struct syntax *syntax = model->syntax;
    if (at < program->constant_count) {
        listing_add(listing, "%.10g", program->image[at]);
    } else if (at < program->covariates) {
        listing_add(listing, "%s", model->parameters[at - program->parameters].name);
    } else if (at < program->drifts) {
        listing_add(listing, "%s", model->covariates[at - program->covariates].name);
    } else if (at < program->since) {
        listing_add(listing, "drift(%s)", model->covariates[at - program->drifts].name);
    } else if (at == program->since || at == program->time) {
        listing_add(listing, at == program->time ? "time" : "since");
    } else if (at >= program->functionals && at < program->functional_slopes) {
        listing_add(listing, "functional %u", (unsigned)(at - program->functionals + 1));
    } else if (at >= program->functional_slopes && at < program->modes) {
        uint32_t place = at - program->functional_slopes;
        size_t d = program->direction_count;
        listing_add(listing, "d(functional %zu; %s)", program->watched[place / d] + 1,
                    direction_name(model, place % d));
    } else if (at >= program->modes && at < program->states) {
        listing_add(listing, "mode%u", (unsigned)(at - program->modes + 1));
    } else if (at >= program->states && at < program->states + syntax->state_count) {
        listing_add(listing, "%s", model->states[at - program->states].name);
    } else if (at >= program->sensitivities &&
               at < program->sensitivities + program->sensitivity_count) {
        struct entry pair = program->sensitivity[at - program->sensitivities];
        listing_add(listing, "d(%s; %s)", model->states[pair.row].name,
                    direction_name(model, pair.column));
    } else {
        listing_add(listing, "r%u", (unsigned)at);
    }
}

/* r1 * r2 + r3, r1 * r2 - r3, r3 - r1 * r2. */
static void say_fused(const struct model *model, const struct instruction *at,
                      struct bytes *listing)
{
    if (at->op == OP_FNMA) {
        say_register(model, at->c, listing);
        listing_add(listing, " - ");
    }
    say_register(model, at->a, listing);
    listing_add(listing, " * ");
    say_register(model, at->b, listing);
    if (at->op != OP_FNMA) {
        listing_add(listing, at->op == OP_FMA ? " + " : " - ");
        say_register(model, at->c, listing);
    }
}

/* exp(r1), r1 + 2, if(r1, r2, r3). */
static void say_operation(const struct model *model, const struct instruction *at,
                          struct bytes *listing)
{
    if (at->op == OP_FMA || at->op == OP_FMS || at->op == OP_FNMA) {
        say_fused(model, at, listing);
        return;
    }
    const uint32_t arguments[] = {at->a, at->b, at->c};
    const char *function = at->op == OP_STEEP ? "steep" : function_name(at->op);
    bool infix = op_arity(at->op) == 2 && at->op != OP_MIN && at->op != OP_MAX &&
                 at->op != OP_MOD && at->op != OP_STEEP;
    if (!infix)
        listing_add(listing, "%s(", function);
    for (size_t i = 0; i < op_arity(at->op); i++) {
        if (i)
            listing_add(listing, "%s%s%s", infix ? " " : ",", infix ? function : "", " ");
        say_register(model, arguments[i], listing);
    }
    if (!infix)
        listing_add(listing, ")");
}

static void say_stream(const struct model *model, const char *title,
                       const struct stream *stream, struct bytes *listing)
{
    if (stream->count || stream->result_count)
        listing_add(listing, "%s\n", title);
    for (size_t k = 0; k < stream->count; k++) {
        const struct instruction *at = &stream->instructions[k];
        listing_add(listing, "  r%u = ", (unsigned)at->to);
        say_operation(model, at, listing);
        listing_add(listing, "\n");
    }
}

/* What a result is called, without its derivative. */
typedef void name_function(const struct model *model, size_t index,
                           struct bytes *listing);

static void say_initial(const struct model *model, size_t index, struct bytes *listing)
{
    listing_add(listing, "%s at the start", model->states[index].name);
}

static void say_rate(const struct model *model, size_t index, struct bytes *listing)
{
    listing_add(listing, "d/dt(%s)", model->states[index].name);
}

static void say_modifier(const struct model *model, size_t index, struct bytes *listing)
{
    static const char *const modifiers[] = {"fraction", "lag", "duration"};
    listing_add(listing, "%s of %s", modifiers[index % MODIFIERS],
                model->inputs[index / MODIFIERS].name);
}

static void say_observation(const struct model *model, size_t index,
                            struct bytes *listing)
{
    listing_add(listing, "%s", model->observations[index].name);
}

static void say_derived(const struct model *model, size_t index, struct bytes *listing)
{
    size_t quantities = model->syntax->quantity_count;
    if (index < quantities)
        listing_add(listing, "%s", model->derived[index].name);
    else
        say_observation(model, index - quantities, listing);
}

static void say_jump(const struct model *model, size_t index, struct bytes *listing)
{
    const struct program *program = model->program;
    size_t input = 0;
    while (program->jump_first[input + 1] <= index)
        input++;
    listing_add(listing, "%s after %s", model->states[program->jump_states[index]].name,
                model->inputs[input].name);
}

static void say_gap(const struct model *model, size_t index, struct bytes *listing)
{
    bool counts = model->program->mode_counts[index];
    listing_add(listing, counts ? "mode%zu, the whole part of" : "mode%zu, the sign of",
                index + 1);
}

static void say_result(const struct model *model, const struct stream *stream, size_t at,
                       struct bytes *listing)
{
    listing_add(listing, " = ");
    say_register(model, stream->results[at], listing);
    listing_add(listing, "\n");
}

static void say_values(const struct model *model, const struct stream *stream,
                       size_t count, name_function *name, struct bytes *listing)
{
    for (size_t i = 0; i < count; i++) {
        listing_add(listing, "  ");
        name(model, i, listing);
        say_result(model, stream, i, listing);
    }
}

/* Derivatives that are not 0: those of the sensitivities, or [count][directions]. */
static void say_slopes(const struct model *model, const struct stream *stream,
                       size_t count, name_function *name, struct bytes *listing)
{
    const struct program *program = model->program;
    bool paired = stream == &program->init_slopes || stream == &program->rate_slopes;
    say_values(model, stream, count, name, listing);
    for (size_t i = 0; i + count < stream->result_count; i++) {
        size_t d = program->direction_count;
        struct entry of = paired ? program->sensitivity[i]
                                 : (struct entry){(uint32_t)(i / d), (uint32_t)(i % d)};
        if (stream->results[count + i] == 0 && !paired)
            continue;
        listing_add(listing, "  ");
        name(model, of.row, listing);
        listing_add(listing, " by %s", direction_name(model, of.column));
        say_result(model, stream, count + i, listing);
    }
}

static void say_window(const struct model *model, size_t index, struct bytes *listing)
{
    listing_add(listing, "window of %s", model->observations[index].name);
}

/* What observations look back at, where any does. */
static void say_watched(const struct model *model, struct bytes *listing)
{
    const struct program *p = model->program;
    size_t d = p->direction_count;
    if (p->watched_count == 0)
        return;
    say_stream(model, "windows of observations, with derivatives", &p->reach_slopes,
               listing);
    say_slopes(model, &p->reach_slopes, model->syntax->observation_count, say_window,
               listing);
    say_stream(model, "what they look back at, derivatives", &p->course_slopes, listing);
    for (size_t i = 0; i < p->course_slopes.result_count; i++) {
        listing_add(listing, "  functional %zu by %s", p->watched[i / d] + 1,
                    direction_name(model, i % d));
        say_result(model, &p->course_slopes, i, listing);
    }
}

void program_print(const struct model *model, struct bytes *listing)
{
    const struct program *p = model->program;
    const struct syntax *syntax = model->syntax;
    size_t n = syntax->state_count, inputs = MODIFIERS * syntax->input_count;
    say_stream(model, "once for an individual", &p->individual, listing);
    say_stream(model, "once for an individual, for derivatives", &p->individual_slopes,
               listing);
    say_stream(model, "when a covariate changes", &p->covariate, listing);
    say_stream(model, "when a covariate changes, for derivatives", &p->covariate_slopes,
               listing);
    say_stream(model, "initial values, with derivatives", &p->init_slopes, listing);
    say_slopes(model, &p->init_slopes, n, say_initial, listing);
    say_stream(model, "doses, with derivatives", &p->input_slopes, listing);
    say_slopes(model, &p->input_slopes, inputs, say_modifier, listing);
    say_stream(model, "modes, which rest until rates jump", &p->gap, listing);
    say_values(model, &p->gap, p->mode_count, say_gap, listing);
    say_stream(model, "rates", &p->rate, listing);
    say_values(model, &p->rate, n, say_rate, listing);
    say_stream(model, "rates, with derivatives", &p->rate_slopes, listing);
    say_slopes(model, &p->rate_slopes, n, say_rate, listing);
    say_watched(model, listing);
    say_stream(model, "observations, with derivatives", &p->observe_slopes, listing);
    say_slopes(model, &p->observe_slopes, syntax->observation_count, say_observation,
               listing);
    say_stream(model, "jumps, with derivatives", &p->jump_slopes, listing);
    say_slopes(model, &p->jump_slopes, p->jump_first[syntax->input_count], say_jump,
               listing);
    say_stream(model, "quantities and observations", &p->derive, listing);
    say_values(model, &p->derive, p->derive.result_count, say_derived, listing);
}
