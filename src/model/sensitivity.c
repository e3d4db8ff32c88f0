/* sensitivity - the partial derivatives of rates, gaps and observations by states and of
 * everything by directions, as nodes of the graph, and of these the rates of the
 * sensitivities, S' = J S + df/dphi, for those that can be different from zero. Called by
 * program.c. */

#include "compiler.h"

#include <string.h>

/* Room for the derivatives of one root. */
struct partials {
    bool *varies; /* [count] depends on a state or on a learned parameter */
    uint32_t *gains;
    uint32_t states[MODEL_STATES_MAX], parameters[MODEL_PARAMETERS_MAX]; /* leaves */
    uint32_t slopes[MODEL_PARAMETERS_MAX]; /* d theta / d phi */
};

static void partials_init(struct partials *partials, struct compiler *compiler)
{
    struct dag *dag = compiler->dag;
    const struct program *program = compiler->program;
    for (size_t j = 0; j < compiler->roots.states; j++)
        partials->states[j] = dag_leaf(dag, OP_STATE, j, 0);
    for (size_t k = 0; k < program->direction_count; k++) {
        partials->parameters[k] = dag_leaf(dag, OP_PARAMETER, program->directions[k], 0);
        partials->slopes[k] = derivative_of_parameter(dag, program->directions[k]);
    }
    partials->varies = mem_new(dag->count, sizeof *partials->varies);
    partials->gains = nodes_new(dag->count);
    for (size_t k = 0; k < program->direction_count; k++)
        partials->varies[partials->parameters[k]] = true;
    for (size_t i = 0; i < dag->count; i++) {
        const struct node *node = &dag->nodes[i];
        const uint32_t arguments[] = {node->a, node->b, node->c};
        partials->varies[i] |= node->op == OP_STATE || node->op == OP_FUNCTIONAL;
        for (size_t k = 0; k < op_arity(node->op); k++)
            partials->varies[i] |= partials->varies[arguments[k]];
    }
}

static void partials_clear(struct partials *partials)
{
    mem_free(partials->varies);
    mem_free(partials->gains);
}

/* Rows of derivatives of these roots, by states (unless NULL) and along directions. */
static void derive_roots(struct compiler *compiler, struct partials *partials,
                         const uint32_t *roots, size_t count, uint32_t *by_state,
                         uint32_t *by)
{
    struct dag *dag = compiler->dag;
    size_t n = compiler->roots.states, d = compiler->roots.directions;
    for (size_t i = 0; i < count && !dag->full; i++) {
        uint32_t root = roots[i];
        derivative_of(dag, root, partials->varies, partials->gains);
        for (size_t j = 0; by_state && j < n; j++)
            if (partials->states[j] <= root)
                by_state[i * n + j] = partials->gains[partials->states[j]];
        for (size_t k = 0; k < d; k++)
            if (partials->parameters[k] <= root)
                by[i * d + k] = derivative_scaled(
                    dag, partials->slopes[k], partials->gains[partials->parameters[k]]);
    }
}

/* What an observation owes to what its functionals come to, whose derivatives somebody
 * fills in. */
static void derive_functionals(struct compiler *compiler, struct partials *partials)
{
    struct dag *dag = compiler->dag;
    struct roots *roots = &compiler->roots;
    const struct program *program = compiler->program;
    size_t d = roots->directions;
    for (size_t o = 0; o < roots->observations && !dag->full; o++) {
        size_t end = program->watched_first[o + 1];
        if (program->watched_first[o] == end)
            continue;
        derivative_of(dag, roots->observe[o], partials->varies, partials->gains);
        for (size_t i = program->watched_first[o]; i < end; i++) {
            size_t functional = program->watched[i];
            uint32_t gain = partials->gains[dag_leaf(dag, OP_FUNCTIONAL, functional, 0)];
            for (size_t k = 0; k < d; k++) {
                uint32_t slope = dag_leaf(dag, OP_FUNCTIONAL, functional, 1 + k);
                uint32_t *by = &roots->observe_by[o * d + k];
                *by = dag_build2(dag, OP_ADD, *by, derivative_scaled(dag, gain, slope));
            }
        }
    }
}

static void derive_all(struct compiler *compiler)
{
    struct roots *roots = &compiler->roots;
    struct partials partials = {0};
    size_t d = roots->directions, switchings = compiler->program->switching_count;
    roots->switch_slope_by = nodes_new(switchings * d);
    roots->switch_offset_by = nodes_new(switchings * d);
    partials_init(&partials, compiler);
    derive_roots(compiler, &partials, roots->rate, roots->states, roots->rate_by_state,
                 roots->rate_by);
    derive_roots(compiler, &partials, roots->gap, compiler->program->mode_count,
                 roots->gap_by_state, roots->gap_by);
    derive_roots(compiler, &partials, roots->observe, roots->observations,
                 roots->observe_by_state, roots->observe_by);
    derive_functionals(compiler, &partials);
    derive_roots(compiler, &partials, roots->watched, compiler->program->watched_count,
                 roots->watched_by_state, roots->watched_by);
    derive_roots(compiler, &partials, roots->reach, roots->observations, NULL,
                 roots->reach_by);
    derive_roots(compiler, &partials, roots->period, roots->periods, NULL,
                 roots->period_by);
    derive_roots(compiler, &partials, roots->jump, roots->jumps, roots->jump_by_state,
                 roots->jump_by);
    derive_roots(compiler, &partials, roots->init, roots->states, NULL, roots->init_by);
    derive_roots(compiler, &partials, roots->input, roots->inputs, NULL, roots->input_by);
    for (size_t i = 0; i < switchings; i++) {
        const struct condition *one = &compiler->conditions[i];
        derive_roots(compiler, &partials, &one->slope, 1, NULL,
                     roots->switch_slope_by + i * d);
        derive_roots(compiler, &partials, &one->offset, 1, NULL,
                     roots->switch_offset_by + i * d);
    }
    partials_clear(&partials);
}

/* Whether direction k moves a dose, a switch or the beginning in time: then any state may
 * feel it. */
static bool moves_times(const struct compiler *compiler, size_t k)
{
    const struct roots *roots = &compiler->roots;
    size_t d = roots->directions;
    bool moves = roots->periods && roots->period_by[k];
    for (size_t i = 0; i < roots->inputs; i++)
        moves |= i % MODIFIERS != MODIFIER_FRACTION && roots->input_by[i * d + k];
    for (size_t i = 0; i < compiler->program->switching_count; i++)
        moves |= roots->switch_slope_by[i * d + k] || roots->switch_offset_by[i * d + k];
    return moves;
}

/* [modes][states]: the rates of which a turn can make jump, of others that it turns, too.
 */
static bool *find_turned(const struct compiler *compiler)
{
    const struct roots *roots = &compiler->roots;
    const struct dag *dag = compiler->dag;
    size_t n = roots->states, modes = compiler->program->mode_count;
    bool *turned = mem_new(modes * n, sizeof *turned),
         *needed = mem_new(dag->count, sizeof *needed);
    for (size_t i = 0; i < n && modes; i++) {
        memset(needed, 0, dag->count * sizeof *needed);
        dag_need(dag, &roots->rate[i], 1, needed);
        for (size_t at = 0; at < dag->count; at++)
            if (needed[at] && dag->nodes[at].op == OP_MODE)
                turned[dag->nodes[at].a * n + i] = true;
    }
    for (size_t m = modes; m-- > 0;) { /* a gap hangs on earlier modes alone */
        memset(needed, 0, dag->count * sizeof *needed);
        dag_need(dag, &roots->gap[m], 1, needed);
        for (size_t at = 0; at < dag->count; at++)
            for (size_t i = 0; i < n && needed[at] && dag->nodes[at].op == OP_MODE; i++)
                turned[dag->nodes[at].a * n + i] |= turned[m * n + i];
    }
    mem_free(needed);
    return turned;
}

/* Does direction k move the time at which mode m turns? */
static bool moves_turn(const struct compiler *compiler, const bool *live, size_t m,
                       size_t k)
{
    const struct roots *roots = &compiler->roots;
    size_t n = roots->states, d = roots->directions;
    bool moves = roots->gap_by[m * d + k];
    for (size_t j = 0; j < n; j++)
        moves |= roots->gap_by_state[m * n + j] && live[j * d + k];
    return moves;
}

/* To what hangs on what lives: by jumps, rates and turns. Returns whether there was any.
 */
static bool spread_live(const struct compiler *compiler, const bool *turned, bool *live)
{
    const struct roots *roots = &compiler->roots;
    const struct program *program = compiler->program;
    size_t n = roots->states, d = roots->directions;
    bool changed = false;
    for (size_t at = 0; at < roots->jumps * n * d; at++) {
        size_t i = program->jump_states[at / (n * d)], j = at / d % n, k = at % d;
        if (roots->jump_by_state[at / d] && live[j * d + k] && !live[i * d + k])
            changed = live[i * d + k] = true;
    }
    for (size_t at = 0; at < n * n * d; at++) {
        size_t i = at / (n * d), j = at / d % n, k = at % d;
        if (roots->rate_by_state[i * n + j] && live[j * d + k] && !live[i * d + k])
            changed = live[i * d + k] = true;
    }
    for (size_t at = 0; at < program->mode_count * d; at++) {
        size_t m = at / d, k = at % d;
        bool moves = moves_turn(compiler, live, m, k);
        for (size_t i = 0; i < n && moves; i++)
            if (turned[m * n + i] && !live[i * d + k])
                changed = live[i * d + k] = true;
    }
    return changed;
}

/* [states][directions]: which sensitivities can be different from zero. What begins, is
 * dosed or is driven along a direction has one, and what depends on such a state. */
static void find_live(const struct compiler *compiler, bool *live)
{
    const struct roots *roots = &compiler->roots;
    const struct program *program = compiler->program;
    const struct model *model = compiler->dag->model;
    size_t n = roots->states, d = roots->directions;
    for (size_t i = 0; i < n * d; i++)
        live[i] = roots->rate_by[i] || roots->init_by[i];
    for (size_t k = 0; k < d; k++) {
        bool all = moves_times(compiler, k);
        for (size_t i = 0; i < n && all; i++)
            live[i * d + k] = true;
        for (size_t i = 0; i < program->steady_count; i++)
            live[program->steady[i] * d + k] = true;
        for (size_t i = 0; i < roots->inputs / MODIFIERS; i++)
            if (roots->input_by[(i * MODIFIERS + MODIFIER_FRACTION) * d + k])
                live[model->inputs[i].state * d + k] = true;
        for (size_t i = 0; i < roots->jumps; i++)
            if (roots->jump_by[i * d + k])
                live[program->jump_states[i] * d + k] = true;
    }
    bool *turned = find_turned(compiler);
    while (spread_live(compiler, turned, live))
        ;
    mem_free(turned);
}

/* sum_j by_state[j] S_jk + by, over the sensitivities there are. */
static uint32_t total(struct dag *dag, const uint32_t *by_state, uint32_t by,
                      const bool *live, size_t states, size_t directions, size_t k)
{
    uint32_t sum = by;
    for (size_t j = 0; j < states; j++)
        if (by_state[j] && live[j * directions + k])
            sum = dag_build2(
                dag, OP_ADD, sum,
                derivative_scaled(dag, by_state[j], dag_leaf(dag, OP_SENSITIVITY, j, k)));
    return sum;
}

/* Direction by direction, so that a column's states stand together. */
static void find_sensitivities(struct compiler *compiler)
{
    struct dag *dag = compiler->dag;
    struct roots *roots = &compiler->roots;
    struct program *program = compiler->program;
    size_t n = roots->states, d = roots->directions;
    bool *live = mem_new(n * d, sizeof *live);
    find_live(compiler, live);
    program->sensitivity = mem_new(n * d, sizeof *program->sensitivity);
    program->jacobian_entry = mem_new(n * n, sizeof *program->jacobian_entry);
    for (size_t at = 0; at < n * d && !dag->full; at++) {
        size_t k = at / n, i = at % n, to = program->sensitivity_count;
        if (!live[i * d + k])
            continue;
        roots->sensitivity_init[to] = roots->init_by[i * d + k];
        roots->sensitivity_rate[to] = total(dag, roots->rate_by_state + i * n,
                                            roots->rate_by[i * d + k], live, n, d, k);
        program->sensitivity[program->sensitivity_count++] =
            (struct entry){(uint32_t)i, (uint32_t)k};
    }
    for (size_t i = 0; i < roots->observations * d && !dag->full; i++)
        roots->observe_by[i] = total(dag, roots->observe_by_state + i / d * n,
                                     roots->observe_by[i], live, n, d, i % d);
    for (size_t i = 0; i < roots->jumps * d && !dag->full; i++)
        roots->jump_by[i] = total(dag, roots->jump_by_state + i / d * n,
                                  roots->jump_by[i], live, n, d, i % d);
    for (size_t i = 0; i < program->mode_count * d && !dag->full; i++)
        roots->gap_by[i] = total(dag, roots->gap_by_state + i / d * n, roots->gap_by[i],
                                 live, n, d, i % d);
    for (size_t i = 0; i < program->watched_count * d && !dag->full; i++)
        roots->watched_by[i] = total(dag, roots->watched_by_state + i / d * n,
                                     roots->watched_by[i], live, n, d, i % d);
    for (size_t i = 0; i < n * n; i++)
        if (roots->rate_by_state[i]) {
            roots->jacobian[program->jacobian_count] = roots->rate_by_state[i];
            program->jacobian_entry[program->jacobian_count++] =
                (struct entry){(uint32_t)(i / n), (uint32_t)(i % n)};
        }
    mem_free(live);
}

/* --- derivatives of derivatives ------------------------------------------------------
 *
 * A linearly implicit solver wants the derivatives of all rates by all that moves: of
 * S' = J S + df/dphi by a state x_j that is, by the symmetry of second derivatives, entry
 * (i, j) of J differentiated along S's column and phi. */

/* What it may take to look for them, in nodes looked at and in nodes made. */
#define LINEAR_WORK_MAX ((size_t)1 << 26)
#define LINEAR_NODES_MAX ((size_t)1 << 18)

static bool linear_is_too_much(const struct compiler *compiler, size_t nodes_before)
{
    const struct dag *dag = compiler->dag;
    size_t roots = compiler->program->jacobian_count + compiler->roots.states +
                   compiler->program->sensitivity_count;
    return dag->full || dag->count > nodes_before + LINEAR_NODES_MAX ||
           roots * dag->count > LINEAR_WORK_MAX;
}

/* The place of each pair of state and direction among the sensitivities: [states][d]. */
static uint32_t *sensitivity_places(const struct compiler *compiler)
{
    const struct program *program = compiler->program;
    size_t d = compiler->roots.directions;
    uint32_t *places = nodes_new(compiler->roots.states * d);
    memset(places, 0xff, compiler->roots.states * d * sizeof *places);
    for (size_t i = 0; i < program->sensitivity_count; i++)
        places[program->sensitivity[i].row * d + program->sensitivity[i].column] =
            (uint32_t)i;
    return places;
}

/* The bends that entry `at` of J has, one for each direction along which it moves. */
static void find_bends_of(struct compiler *compiler, struct partials *partials,
                          const uint32_t *places, size_t at)
{
    struct roots *roots = &compiler->roots;
    struct program *program = compiler->program;
    size_t n = roots->states, d = roots->directions;
    struct entry entry = program->jacobian_entry[at];
    uint32_t by_state[MODEL_STATES_MAX] = {0}, by[MODEL_PARAMETERS_MAX] = {0};
    bool live[MODEL_STATES_MAX * MODEL_PARAMETERS_MAX];
    for (size_t i = 0; i < n * d; i++)
        live[i] = places[i] != NODE_NONE;
    derive_roots(compiler, partials, &roots->jacobian[at], 1, by_state, by);
    for (size_t k = 0; k < d; k++) {
        uint32_t bend = total(compiler->dag, by_state, by[k], live, n, d, k);
        if (bend == NODE_ZERO)
            continue;
        roots->bend[program->bend_count] = bend;
        program->bend_entry[program->bend_count++] =
            (struct entry){places[entry.row * d + k], entry.column};
    }
}

static void find_bends(struct compiler *compiler, size_t nodes_before)
{
    struct program *program = compiler->program;
    struct partials partials = {0};
    size_t room = program->jacobian_count * compiler->roots.directions;
    uint32_t *places = sensitivity_places(compiler);
    compiler->roots.bend = nodes_new(room);
    program->bend_entry = mem_new(room, sizeof *program->bend_entry);
    partials_init(&partials, compiler);
    for (size_t at = 0; at < program->jacobian_count; at++)
        if (!linear_is_too_much(compiler, nodes_before))
            find_bends_of(compiler, &partials, places, at);
    partials_clear(&partials);
    mem_free(places);
}

/* These roots by time, states, sensitivities and modes held. */
static void derive_by_time(struct compiler *compiler, const uint32_t *roots, size_t count,
                           uint32_t *by_time)
{
    struct dag *dag = compiler->dag;
    if (count == 0)
        return;
    uint32_t time = dag_leaf(dag, OP_TIME, 0, 0);
    size_t nodes = dag->count;
    bool *varies = mem_new(nodes, sizeof *varies);
    uint32_t *gains = nodes_new(nodes);
    for (size_t i = 0; i < nodes; i++) {
        const struct node *node = &dag->nodes[i];
        const uint32_t arguments[] = {node->a, node->b, node->c};
        varies[i] = i == time;
        for (size_t k = 0; k < op_arity(node->op); k++)
            varies[i] |= varies[arguments[k]];
    }
    for (size_t i = 0; i < count && !dag->full; i++) {
        if (!varies[roots[i]])
            continue;
        derivative_of(dag, roots[i], varies, gains);
        by_time[i] = gains[time];
    }
    mem_free(varies);
    mem_free(gains);
}

static void derive_rates_by_time(struct compiler *compiler)
{
    struct roots *roots = &compiler->roots;
    derive_by_time(compiler, roots->rate, roots->states, roots->rate_by_time);
    derive_by_time(compiler, roots->sensitivity_rate,
                   compiler->program->sensitivity_count, roots->sensitivity_by_time);
}

/* All of it, or nothing. */
static void find_linear(struct compiler *compiler)
{
    size_t before = compiler->dag->count;
    if (!linear_is_too_much(compiler, before))
        derive_rates_by_time(compiler);
    if (!linear_is_too_much(compiler, before))
        find_bends(compiler, before);
    compiler->linear = !linear_is_too_much(compiler, before);
    if (!compiler->linear)
        compiler->program->bend_count = 0;
}

void sensitivity_derive(struct compiler *compiler)
{
    struct roots *roots = &compiler->roots;
    const struct program *program = compiler->program;
    derive_all(compiler);
    find_sensitivities(compiler);
    derive_by_time(compiler, roots->gap, program->mode_count, roots->gap_by_time);
    derive_by_time(compiler, roots->watched, program->watched_count,
                   roots->watched_by_time);
    find_linear(compiler);
}
