/* registers - what of the graph is needed, sorted by when it runs, gets registers and
 * becomes the program's streams. Called by program.c. */

#include "compiler.h"

#include <string.h>

static size_t course_count(const struct compiler *compiler)
{
    return compiler->roots.functionals + 2 * compiler->program->comparison_count;
}

static void need_values(struct compiler *compiler, bool *needed)
{
    const struct roots *roots = &compiler->roots;
    const struct dag *dag = compiler->dag;
    dag_need(dag, roots->rate, roots->states, needed);
    dag_need(dag, roots->init, roots->states, needed);
    dag_need(dag, roots->observe, roots->observations, needed);
    dag_need(dag, roots->input, roots->inputs, needed);
    dag_need(dag, roots->jump, roots->jumps, needed);
    dag_need(dag, roots->period, roots->periods, needed);
    dag_need(dag, roots->gap, compiler->program->mode_count, needed);
    dag_need(dag, roots->reach, roots->observations, needed);
    for (size_t i = 0; i < compiler->program->switching_count; i++) {
        dag_need(dag, &compiler->conditions[i].slope, 1, needed);
        dag_need(dag, &compiler->conditions[i].offset, 1, needed);
    }
}

static void need_all(struct compiler *compiler)
{
    const struct dag *dag = compiler->dag;
    const struct roots *roots = &compiler->roots;
    const struct program *program = compiler->program;
    size_t n = roots->states, d = roots->directions;
    compiler->bare = mem_new(dag->count, sizeof(bool));
    compiler->sloped = mem_new(dag->count, sizeof(bool));
    need_values(compiler, compiler->bare);
    dag_need(dag, roots->derive, roots->quantities, compiler->bare);
    dag_need(dag, roots->course, course_count(compiler), compiler->bare);
    dag_need(dag, roots->window, 2 * roots->outcomes, compiler->bare);
    dag_need(dag, roots->outcome, roots->outcomes, compiler->bare);
    dag_need(dag, roots->jacobian, program->jacobian_count, compiler->bare);
    dag_need(dag, roots->gap_by_time, program->mode_count, compiler->bare);
    dag_need(dag, roots->gap_by_state, program->mode_count * n, compiler->bare);
    dag_need(dag, roots->gap_by, program->mode_count * d, compiler->sloped);
    if (compiler->linear) {
        dag_need(dag, roots->rate_by_time, n, compiler->bare);
        dag_need(dag, roots->sensitivity_by_time, program->sensitivity_count,
                 compiler->sloped);
        dag_need(dag, roots->bend, program->bend_count, compiler->sloped);
    }
    dag_need(dag, roots->sensitivity_init, program->sensitivity_count, compiler->sloped);
    dag_need(dag, roots->sensitivity_rate, program->sensitivity_count, compiler->sloped);
    dag_need(dag, roots->init_by, n * d, compiler->sloped);
    dag_need(dag, roots->observe_by, roots->observations * d, compiler->sloped);
    dag_need(dag, roots->input_by, roots->inputs * d, compiler->sloped);
    dag_need(dag, roots->jump_by, roots->jumps * d, compiler->sloped);
    dag_need(dag, roots->period_by, roots->periods * d, compiler->sloped);
    dag_need(dag, roots->reach_by, roots->observations * d, compiler->sloped);
    dag_need(dag, roots->watched_by, program->watched_count * d, compiler->sloped);
    dag_need(dag, roots->watched_by_time, program->watched_count, compiler->sloped);
    dag_need(dag, roots->watched_by_state, program->watched_count * n, compiler->sloped);
    dag_need(dag, roots->switch_slope_by, program->switching_count * d, compiler->sloped);
    dag_need(dag, roots->switch_offset_by, program->switching_count * d,
             compiler->sloped);
}

/* Of the derivative of a functional, along direction b - 1. */
static uint32_t slope_register(const struct program *program, const struct node *node)
{
    size_t i = 0;
    while (program->watched[i] != node->a)
        i++;
    return program->functional_slopes + (uint32_t)(i * program->direction_count) +
           node->b - 1;
}

static uint32_t leaf_register(const struct program *program, const struct node *node,
                              const uint32_t *sensitivity)
{
    size_t n_directions = program->direction_count;
    switch (node->op) {
    case OP_PARAMETER:
        return program->parameters + node->a;
    case OP_COVARIATE:
        return program->covariates + node->a;
    case OP_DRIFT:
        return program->drifts + node->a;
    case OP_SINCE:
        return program->since;
    case OP_TIME:
        return program->time;
    case OP_STATE:
        return program->states + node->a;
    case OP_DOSE:
        return program->dose;
    case OP_FUNCTIONAL:
        return node->b == 0 ? program->functionals + node->a
                            : slope_register(program, node);
    case OP_MODE:
        return program->modes + node->a;
    default: /* OP_SENSITIVITY */
        return program->sensitivities + sensitivity[node->a * n_directions + node->b];
    }
}

/* Constants first, then what a caller fills in. */
static void place_leaves(struct compiler *compiler, const struct syntax *syntax)
{
    const struct dag *dag = compiler->dag;
    struct program *program = compiler->program;
    uint32_t next = 0;
    for (size_t i = 0; i < dag->count; i++) {
        bool used = i == NODE_ZERO || compiler->bare[i] || compiler->sloped[i];
        if (dag->nodes[i].op == OP_NUMBER && used)
            compiler->registers[i] = next++;
    }
    program->constant_count = next;
    program->image = mem_new(next, sizeof *program->image);
    for (size_t i = 0; i < dag->count; i++)
        if (dag->nodes[i].op == OP_NUMBER && compiler->registers[i] != NODE_NONE)
            program->image[compiler->registers[i]] = dag->nodes[i].number;
    program->parameters = next;
    program->covariates = next += (uint32_t)syntax->parameter_count;
    program->drifts = next += (uint32_t)syntax->covariate_count;
    program->since = next += (uint32_t)syntax->covariate_count;
    program->time = next += 1;
    program->dose = next += 1;
    program->functionals = next += compiler->roots.jumps > 0;
    program->functional_slopes = next += (uint32_t)compiler->roots.functionals;
    program->modes = next +=
        (uint32_t)(program->watched_count * program->direction_count);
    program->states = next += (uint32_t)program->mode_count;
    program->sensitivities = next += (uint32_t)syntax->state_count;
    program->rest = next += (uint32_t)program->sensitivity_count;
    size_t d = program->direction_count;
    uint32_t *sensitivity = nodes_new(syntax->state_count * d);
    for (size_t i = 0; i < program->sensitivity_count; i++)
        sensitivity[program->sensitivity[i].row * d + program->sensitivity[i].column] =
            (uint32_t)i;
    for (size_t i = 0; i < dag->count; i++)
        if (dag->nodes[i].op != OP_NUMBER && op_arity(dag->nodes[i].op) == 0)
            compiler->registers[i] = leaf_register(program, &dag->nodes[i], sensitivity);
    mem_free(sensitivity);
}

static struct instruction instruction_of(const struct compiler *compiler, size_t at)
{
    const struct node *node = &compiler->dag->nodes[at];
    const uint32_t *registers = compiler->registers;
    size_t arity = op_arity(node->op);
    return (struct instruction){node->op,
                                1,
                                registers[at],
                                registers[node->a],
                                arity > 1 ? registers[node->b] : 0,
                                arity > 2 ? registers[node->c] : 0};
}

/* What rests, in registers of its own: `needed` and not run already. */
static void place_resting(struct compiler *compiler, const bool *needed,
                          enum run_class class, struct stream *stream)
{
    const struct dag *dag = compiler->dag;
    stream->instructions = mem_new(dag->count, sizeof *stream->instructions);
    for (size_t i = 0; i < dag->count; i++) {
        if (!needed[i] || dag->nodes[i].class != class ||
            compiler->registers[i] != NODE_NONE)
            continue;
        compiler->registers[i] = compiler->program->rest++;
        stream->instructions[stream->count++] = instruction_of(compiler, i);
    }
    stream->instructions =
        mem_resize(stream->instructions, stream->count, sizeof *stream->instructions);
}

static void count_runs(struct stream *stream)
{
    for (size_t i = stream->count; i-- > 1;) {
        const struct instruction *next = &stream->instructions[i];
        if (next[-1].op == next->op)
            stream->instructions[i - 1].run = next->run + 1;
    }
}

/* Registers of one stream: a register whose value nothing later reads is free. */
struct allocation {
    size_t *last_use; /* [dag->count] when a node is read last, by place in the order */
    uint32_t *free;
    size_t free_count, used;
};

static void find_last_uses(const struct compiler *compiler, const uint32_t *order,
                           size_t order_count, const uint32_t *roots, size_t root_count,
                           struct allocation *allocation)
{
    for (size_t i = 0; i < order_count; i++) {
        const struct node *node = &compiler->dag->nodes[order[i]];
        const uint32_t arguments[] = {node->a, node->b, node->c};
        for (size_t k = 0; k < op_arity(node->op); k++)
            allocation->last_use[arguments[k]] = i;
    }
    for (size_t i = 0; i < root_count; i++)
        allocation->last_use[roots[i]] = SIZE_MAX;
}

/* After the i-th of the order. */
static void release(const struct compiler *compiler, struct allocation *allocation,
                    const struct node *node, size_t i)
{
    const uint32_t arguments[] = {node->a, node->b, node->c};
    for (size_t k = 0; k < op_arity(node->op); k++) {
        uint32_t argument = arguments[k];
        bool again =
            (k > 0 && argument == arguments[0]) || (k > 1 && argument == arguments[1]);
        if (!again && allocation->last_use[argument] == i &&
            op_arity(compiler->dag->nodes[argument].op) > 0 &&
            compiler->dag->nodes[argument].class == CLASS_MOVING)
            allocation->free[allocation->free_count++] = compiler->registers[argument];
    }
}

static void place_moving(struct compiler *compiler, const uint32_t *roots, size_t count,
                         struct stream *stream)
{
    const struct dag *dag = compiler->dag;
    struct program *program = compiler->program;
    bool *needed = mem_new(dag->count, sizeof *needed);
    struct allocation allocation = {mem_new(dag->count, sizeof(size_t)),
                                    nodes_new(dag->count), 0, 0};
    dag_need(dag, roots, count, needed);
    uint32_t *order = order_make(dag, needed, &stream->count);
    find_last_uses(compiler, order, stream->count, roots, count, &allocation);
    stream->instructions = mem_new(stream->count, sizeof *stream->instructions);
    for (size_t i = 0; i < stream->count; i++) {
        uint32_t node = order[i];
        struct instruction *at = &stream->instructions[i];
        *at = instruction_of(compiler, node);
        release(compiler, &allocation, &dag->nodes[node], i);
        at->to = allocation.free_count ? allocation.free[--allocation.free_count]
                                       : program->rest + (uint32_t)allocation.used++;
        compiler->registers[node] = at->to;
    }
    count_runs(stream);
    stream->results = nodes_new(count);
    stream->result_count = count;
    for (size_t i = 0; i < count; i++)
        stream->results[i] = compiler->registers[roots[i]];
    if (program->rest + allocation.used > program->registers)
        program->registers = program->rest + allocation.used;
    mem_free(order);
    mem_free(needed);
    mem_free(allocation.last_use);
    mem_free(allocation.free);
}

/* One stream of two arrays of roots. */
static void place_both(struct compiler *compiler, const uint32_t *first,
                       size_t first_count, const uint32_t *second, size_t second_count,
                       struct stream *stream)
{
    uint32_t *roots = nodes_new(first_count + second_count);
    if (first_count)
        memcpy(roots, first, first_count * sizeof *roots);
    if (second_count)
        memcpy(roots + first_count, second, second_count * sizeof *roots);
    place_moving(compiler, roots, first_count + second_count, stream);
    mem_free(roots);
}

static void place_linear(struct compiler *compiler)
{
    const struct roots *roots = &compiler->roots;
    struct program *program = compiler->program;
    size_t n = roots->states, s = program->sensitivity_count, bends = program->bend_count;
    size_t entries = program->jacobian_count, count = 0;
    uint32_t *all = nodes_new(entries + bends + n + s);
    place_both(compiler, roots->jacobian, entries, roots->rate_by_time, n,
               &program->linear);
    for (size_t i = 0; i < entries; i++)
        all[count++] = roots->jacobian[i];
    for (size_t i = 0; i < bends; i++)
        all[count++] = roots->bend[i];
    for (size_t i = 0; i < n; i++)
        all[count++] = roots->rate_by_time[i];
    for (size_t i = 0; i < s; i++)
        all[count++] = roots->sensitivity_by_time[i];
    place_moving(compiler, all, count, &program->linear_slopes);
    mem_free(all);
}

/* Into which states, and so into the derivatives of which, doses can run. */
static bool *find_fed(const struct compiler *compiler, size_t rows)
{
    const struct model *model = compiler->dag->model;
    const struct program *program = compiler->program;
    size_t n = compiler->roots.states;
    bool *fed = mem_new(rows, sizeof *fed);
    for (size_t i = 0; i < compiler->roots.inputs / MODIFIERS; i++)
        for (size_t r = 0; r < rows; r++)
            fed[r] |=
                (r < n ? r : program->sensitivity[r - n].row) == model->inputs[i].state;
    return fed;
}

static void place_streams(struct compiler *compiler)
{
    const struct roots *roots = &compiler->roots;
    struct program *program = compiler->program;
    size_t n = roots->states, d = roots->directions, s = program->sensitivity_count;
    place_moving(compiler, roots->init, n, &program->init);
    place_both(compiler, roots->init, n, roots->sensitivity_init, s,
               &program->init_slopes);
    place_moving(compiler, roots->input, roots->inputs, &program->input);
    place_both(compiler, roots->input, roots->inputs, roots->input_by, roots->inputs * d,
               &program->input_slopes);
    place_moving(compiler, roots->rate, n, &program->rate);
    place_both(compiler, roots->rate, n, roots->sensitivity_rate, s,
               &program->rate_slopes);
    program->rate.fed = find_fed(compiler, n);
    program->rate_slopes.fed = find_fed(compiler, n + s);
    place_both(compiler, roots->rate, n, roots->jacobian, program->jacobian_count,
               &program->jacobian);
    place_moving(compiler, roots->observe, roots->observations, &program->observe);
    place_both(compiler, roots->observe, roots->observations, roots->observe_by,
               roots->observations * d, &program->observe_slopes);
    place_both(compiler, roots->derive, roots->quantities, roots->observe,
               roots->observations, &program->derive);
    place_moving(compiler, roots->period, roots->periods, &program->period);
    place_both(compiler, roots->period, roots->periods, roots->period_by,
               roots->periods * d, &program->period_slopes);
    place_moving(compiler, roots->reach, roots->observations, &program->reach);
    place_both(compiler, roots->reach, roots->observations, roots->reach_by,
               roots->observations * d, &program->reach_slopes);
    place_moving(compiler, roots->course, course_count(compiler), &program->course);
    place_moving(compiler, roots->watched, program->watched_count, &program->watch);
    place_moving(compiler, roots->watched_by, program->watched_count * d,
                 &program->course_slopes);
    place_both(compiler, roots->watched_by_time, program->watched_count,
               roots->watched_by_state, program->watched_count * n,
               &program->course_trends);
    place_moving(compiler, roots->window, 2 * roots->outcomes, &program->window);
    place_moving(compiler, roots->outcome, roots->outcomes, &program->outcome);
    place_moving(compiler, roots->jump, roots->jumps, &program->jump);
    place_both(compiler, roots->jump, roots->jumps, roots->jump_by, roots->jumps * d,
               &program->jump_slopes);
    size_t modes = program->mode_count;
    place_moving(compiler, roots->gap, modes, &program->gap);
    place_both(compiler, roots->gap_by_time, modes, roots->gap_by_state, modes * n,
               &program->gap_by);
    place_moving(compiler, roots->gap_by, modes * d, &program->gap_slopes);
    if (compiler->linear)
        place_linear(compiler);
}

static void place_switchings(struct compiler *compiler)
{
    struct program *program = compiler->program;
    const struct roots *roots = &compiler->roots;
    size_t d = roots->directions;
    program->switchings = mem_new(program->switching_count, sizeof *program->switchings);
    for (size_t i = 0; i < program->switching_count; i++) {
        const struct condition *from = &compiler->conditions[i];
        struct switching *to = &program->switchings[i];
        to->slope = compiler->registers[from->slope];
        to->offset = compiler->registers[from->offset];
        to->periodic = from->periodic;
        for (size_t k = 0; k < d; k++) {
            to->d_slope[k] = compiler->registers[roots->switch_slope_by[i * d + k]];
            to->d_offset[k] = compiler->registers[roots->switch_offset_by[i * d + k]];
        }
    }
}

void registers_place(struct compiler *compiler)
{
    struct program *program = compiler->program;
    need_all(compiler);
    compiler->registers = nodes_new(compiler->dag->count);
    memset(compiler->registers, 0xff, compiler->dag->count * sizeof(uint32_t));
    place_leaves(compiler, compiler->dag->model->syntax);
    place_resting(compiler, compiler->bare, CLASS_INDIVIDUAL, &program->individual);
    place_resting(compiler, compiler->sloped, CLASS_INDIVIDUAL,
                  &program->individual_slopes);
    place_resting(compiler, compiler->bare, CLASS_COVARIATE, &program->covariate);
    place_resting(compiler, compiler->sloped, CLASS_COVARIATE,
                  &program->covariate_slopes);
    program->registers = program->rest;
    place_switchings(compiler);
    place_streams(compiler);
    program->image = mem_resize(program->image, program->registers, sizeof(double));
    memset(program->image + program->constant_count, 0,
           (program->registers - program->constant_count) * sizeof(double));
}
