/* program - a checked text to streams of instructions, by the stages of compiler.h, and
 * the streams one by one. Called by model.c. */

#include "compiler.h"

#include <stddef.h>

static void roots_init(struct compiler *compiler, const struct syntax *syntax)
{
    struct roots *roots = &compiler->roots;
    size_t n = syntax->state_count, d = compiler->program->direction_count;
    size_t o = syntax->observation_count, m = syntax->input_count * MODIFIERS;
    *roots = (struct roots){.states = n,
                            .directions = d,
                            .observations = o,
                            .inputs = m,
                            .quantities = syntax->quantity_count};
    roots->rate = nodes_new(n);
    roots->init = nodes_new(n);
    roots->observe = nodes_new(o);
    roots->input = nodes_new(m);
    roots->derive = nodes_new(syntax->quantity_count);
    roots->rate_by_state = nodes_new(n * n);
    roots->observe_by_state = nodes_new(o * n);
    roots->rate_by = nodes_new(n * d);
    roots->init_by = nodes_new(n * d);
    roots->observe_by = nodes_new(o * d);
    roots->input_by = nodes_new(m * d);
    roots->sensitivity_rate = nodes_new(n * d);
    roots->sensitivity_init = nodes_new(n * d);
    roots->jacobian = nodes_new(n * n);
    for (size_t i = 0; i < syntax->input_count; i++)
        roots->jumps += syntax->inputs[i].jump_count;
    roots->periods = syntax->period != NULL;
    roots->period_by = nodes_new(roots->periods * d);
    roots->jump = nodes_new(roots->jumps);
    roots->jump_by_state = nodes_new(roots->jumps * n);
    roots->jump_by = nodes_new(roots->jumps * d);
    roots->rate_by_time = nodes_new(n);
    roots->sensitivity_by_time = nodes_new(n * d);
    roots->reach_by = nodes_new(o * d);
    roots->watched_by_state = nodes_new(compiler->program->watched_count * n);
    roots->watched_by = nodes_new(compiler->program->watched_count * d);
}

static void roots_clear(struct roots *roots)
{
    mem_free(roots->rate);
    mem_free(roots->init);
    mem_free(roots->observe);
    mem_free(roots->input);
    mem_free(roots->derive);
    mem_free(roots->rate_by_state);
    mem_free(roots->observe_by_state);
    mem_free(roots->rate_by);
    mem_free(roots->init_by);
    mem_free(roots->observe_by);
    mem_free(roots->input_by);
    mem_free(roots->gap);
    mem_free(roots->gap_by_time);
    mem_free(roots->gap_by_state);
    mem_free(roots->gap_by);
    mem_free(roots->switch_slope_by);
    mem_free(roots->switch_offset_by);
    mem_free(roots->sensitivity_rate);
    mem_free(roots->sensitivity_init);
    mem_free(roots->jacobian);
    mem_free(roots->period_by);
    mem_free(roots->bend);
    mem_free(roots->rate_by_time);
    mem_free(roots->sensitivity_by_time);
    mem_free(roots->jump);
    mem_free(roots->jump_by_state);
    mem_free(roots->jump_by);
    mem_free(roots->reach_by);
    mem_free(roots->watched_by_state);
    mem_free(roots->watched_by);
}

static void find_watched(const struct syntax *syntax, struct program *program)
{
    for (size_t o = 0; o < syntax->observation_count; o++) {
        const struct observation_line *line = &syntax->observations[o];
        program->watched_first[o] = program->watched_count;
        for (size_t i = 0; i < line->functional_count; i++)
            program->watched[program->watched_count++] = line->functional + i;
    }
    program->watched_first[syntax->observation_count] = program->watched_count;
}

/* As prior_layout counts: what differs between patients, then between occasions, then the
 * population's. */
static void find_directions(const struct model *model, struct program *program)
{
    static const enum parameter_kind kinds[] = {PARAMETER_INDIVIDUAL, PARAMETER_OCCASION,
                                                PARAMETER_POPULATION};
    for (size_t kind = 0; kind < 3; kind++)
        for (size_t i = 0; i < model->syntax->parameter_count; i++)
            if (model->parameters[i].kind == kinds[kind])
                program->directions[program->direction_count++] = i;
}

enum err program_new(const struct model *model, struct program **program)
{
    const struct syntax *syntax = model->syntax;
    struct dag dag;
    struct program *out = mem_new(1, sizeof *out);
    struct compiler compiler = {.dag = &dag, .program = out};
    dag_init(&dag, model);
    find_directions(model, out);
    find_watched(syntax, out);
    compiler.quantities = nodes_new(syntax->quantity_count);
    roots_init(&compiler, syntax);
    enum err err = compile_formulas(&compiler);
    size_t formulas = dag.count;
    sensitivity_derive(&compiler);
    bool fits = !dag.full && err == ERR_OK;
    if (fits) {
        dag_fuse(&dag, formulas);
        registers_place(&compiler);
    }
    roots_clear(&compiler.roots);
    mem_free(compiler.conditions);
    mem_free(compiler.quantities);
    mem_free(compiler.registers);
    mem_free(compiler.bare);
    mem_free(compiler.sloped);
    dag_clear(&dag);
    if (!fits) {
        program_destroy(&out);
        return err != ERR_OK
                   ? err
                   : err_set(
                         ERR_RANGE,
                         "model %s needs more than %zu operations with its derivatives",
                         syntax->name, NODES_MAX);
    }
    *program = out;
    return ERR_OK;
}

/* --- its streams ------------------------------------------------------------------ */

#define STREAM(name)                                                                     \
    {                                                                                    \
        offsetof(struct program, name), #name                                            \
    }
static const struct {
    size_t at;
    const char *name;
} streams[PROGRAM_STREAMS] = {
    STREAM(individual),
    STREAM(covariate),
    STREAM(individual_slopes),
    STREAM(covariate_slopes),
    STREAM(init),
    STREAM(init_slopes),
    STREAM(input),
    STREAM(input_slopes),
    STREAM(rate),
    STREAM(rate_slopes),
    STREAM(jacobian),
    STREAM(observe),
    STREAM(observe_slopes),
    STREAM(derive),
    STREAM(period),
    STREAM(period_slopes),
    STREAM(reach),
    STREAM(reach_slopes),
    STREAM(course),
    STREAM(watch),
    STREAM(course_slopes),
    STREAM(course_trends),
    STREAM(window),
    STREAM(outcome),
    STREAM(jump),
    STREAM(jump_slopes),
    STREAM(linear),
    STREAM(linear_slopes),
    STREAM(gap),
    STREAM(gap_by),
    STREAM(gap_slopes),
};

struct stream *program_stream(struct program *program, size_t index)
{
    return (struct stream *)(void *)((char *)program + streams[index].at);
}

const char *program_stream_name(size_t index)
{
    return streams[index].name;
}

static void stream_clear(struct stream *stream)
{
    mem_free(stream->instructions);
    mem_free(stream->results);
    mem_free(stream->fed);
}

void program_destroy(struct program **program)
{
    struct program *gone = *program;
    if (!gone)
        return;
    for (size_t i = 0; i < PROGRAM_STREAMS; i++)
        stream_clear(program_stream(gone, i));
    mem_free(gone->image);
    mem_free(gone->sensitivity);
    mem_free(gone->jacobian_entry);
    mem_free(gone->bend_entry);
    mem_free(gone->switchings);
    mem_free(gone->jump_states);
    mem_free(gone->mode_counts);
    mem_free(gone->mode_lines);
    mem_free(gone);
    *program = NULL;
}
