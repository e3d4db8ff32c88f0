/* program - checked formulas and their derivatives to streams of instructions. Called by
 * model.c.
 *
 * First everything becomes nodes of one graph: the formulas, the switches of conditions
 * on time, the gaps of other conditions in the rates, the partial derivatives of rates,
 * gaps and observations by states and of everything by directions, and of these the rates
 * of the sensitivities, S' = J S + df/dphi. Then what is needed of it is sorted by when
 * it runs, and gets registers. */

#include "dag.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* Nodes of the graph that the program promises to whoever runs it. */
struct roots {
    size_t states, directions, observations, inputs /* times MODIFIERS */, quantities,
        jumps, functionals, outcomes;
    uint32_t course[MODEL_FUNCTIONALS_MAX + 2 * MODEL_COMPARISONS_MAX];
    uint32_t window[4 * MODEL_OUTCOMES_MAX], outcome[2 * MODEL_OUTCOMES_MAX];
    uint32_t watched[MODEL_FUNCTIONALS_MAX]; /* of the course, what observations */
    uint32_t *watched_by_state, *watched_by; /* are made of: [states], [directions] */
    uint32_t watched_by_time[MODEL_FUNCTIONALS_MAX];
    uint32_t reach[MODEL_OBSERVATIONS_MAX], *reach_by; /* [observations][directions] */
    size_t periods;                                    /* none or one */
    uint32_t period[1], *period_by;                    /* [periods], [directions] */
    uint32_t *jump, *jump_by_state, *jump_by; /* [jumps], [states], [directions] */
    uint32_t *rate, *init, *observe, *input, *derive;
    uint32_t *rate_by_state;                      /* [states][states] */
    uint32_t *observe_by_state;                   /* [observations][states] */
    uint32_t *rate_by, *init_by;                  /* [states][directions] */
    uint32_t *observe_by, *input_by;              /* likewise */
    uint32_t *switch_slope_by, *switch_offset_by; /* [switchings][directions] */
    uint32_t *gap, *gap_by_time, *gap_by_state,
        *gap_by;                                   /* [modes], [states], [directions] */
    uint32_t *sensitivity_rate, *sensitivity_init; /* [sensitivities] */
    uint32_t *jacobian;                            /* [entries] */
    uint32_t *bend;                                /* [bends] */
    uint32_t *rate_by_time, *sensitivity_by_time;  /* [states], [sensitivities] */
};

struct compiler {
    struct dag *dag;
    struct program *program;
    struct roots roots;
    struct condition *conditions; /* [program->switching_count] */
    uint32_t *quantities;         /* nodes */
    uint32_t *registers;          /* [dag->count], NODE_NONE where none yet */
    bool *bare, *sloped;          /* [dag->count] needed without, with derivatives */
    bool linear;                  /* second derivatives are there */
};

static uint32_t *nodes_new(size_t count)
{
    return mem_new(count, sizeof(uint32_t)); /* all NODE_ZERO */
}

/* --- expressions ---------------------------------------------------------------- */

static uint32_t compile(struct compiler *compiler, const struct expr *expr);

/* value + drift (t - since) of those that move between their records. */
static uint32_t compile_covariate(struct dag *dag, size_t index)
{
    uint32_t value = dag_leaf(dag, OP_COVARIATE, index, 0);
    if (dag->model->covariates[index].hold != COVARIATE_LINEAR)
        return value;
    uint32_t elapsed = dag_build2(dag, OP_SUBTRACT, dag_leaf(dag, OP_TIME, 0, 0),
                                  dag_leaf(dag, OP_SINCE, 0, 0));
    return dag_build2(
        dag, OP_ADD, value,
        dag_build2(dag, OP_MULTIPLY, dag_leaf(dag, OP_DRIFT, index, 0), elapsed));
}

/* What a parameter is off now, on its transformed scale: of its deviations that of the
 * occasion. */
static uint32_t compile_deviation(struct dag *dag, size_t owner)
{
    const struct model *model = dag->model;
    const struct model_parameter *of = &model->parameters[owner];
    uint32_t out = NODE_ZERO;
    bool last = true;
    for (size_t i = model->syntax->parameter_count; i-- > 0;) {
        const struct model_parameter *one = &model->parameters[i];
        if (one->kind != PARAMETER_OCCASION || one->owner != owner)
            continue;
        uint32_t here = dag_leaf(dag, OP_PARAMETER, i, 0);
        double bound = of->period > 0 ? (double)one->occasion * of->period
                                      : (double)one->occasion + 0.5;
        uint32_t counts = of->period > 0 ? dag_leaf(dag, OP_TIME, 0, 0)
                                         : dag_leaf(dag, OP_COVARIATE, of->by, 0);
        out = last ? here
                   : dag_build(dag, OP_SELECT,
                               dag_build2(dag, OP_LESS, counts, dag_number(dag, bound)),
                               here, out);
        last = false;
    }
    return out;
}

/* The transform of the sum of the parameter's own and of its deviation. */
static uint32_t compile_parameter(struct dag *dag, size_t index)
{
    const struct model_parameter *one = &dag->model->parameters[index];
    uint32_t theta = dag_leaf(dag, OP_PARAMETER, index, 0);
    if (one->occasions == 0)
        return theta;
    uint32_t off = compile_deviation(dag, index);
    if (one->transform == TRANSFORM_IDENTITY)
        return dag_build2(dag, OP_ADD, theta, off);
    uint32_t odds = dag_build1(dag, OP_EXP, off);
    if (one->transform == TRANSFORM_LOG)
        return dag_build2(dag, OP_MULTIPLY, theta, odds);
    /* with a = theta - low, b = high - theta: low + (high - low) a e / (a e + b) */
    uint32_t low = dag_number(dag, one->low), high = dag_number(dag, one->high);
    uint32_t a =
        dag_build2(dag, OP_MULTIPLY, dag_build2(dag, OP_SUBTRACT, theta, low), odds);
    uint32_t b = dag_build2(dag, OP_SUBTRACT, high, theta);
    uint32_t share = dag_build2(dag, OP_DIVIDE, a, dag_build2(dag, OP_ADD, a, b));
    uint32_t width = dag_number(dag, one->high - one->low);
    return dag_build2(dag, OP_ADD, low, dag_build2(dag, OP_MULTIPLY, width, share));
}

static uint32_t compile_name(struct compiler *compiler, const struct expr *expr)
{
    switch (expr->symbol) {
    case SYMBOL_PARAMETER:
        return compile_parameter(compiler->dag, expr->index);
    case SYMBOL_COVARIATE:
        return compile_covariate(compiler->dag, expr->index);
    case SYMBOL_QUANTITY:
        return compiler->quantities[expr->index];
    case SYMBOL_STATE:
        return dag_leaf(compiler->dag, OP_STATE, expr->index, 0);
    case SYMBOL_TIME:
        return dag_leaf(compiler->dag, OP_TIME, 0, 0);
    case SYMBOL_OUTCOME: /* one that stands above */
        return compiler->roots.outcome[expr->index];
    case SYMBOL_DOSE:
        return dag_leaf(compiler->dag, OP_DOSE, 0, 0);
    case SYMBOL_PI:
        return dag_number(compiler->dag, 3.14159265358979323846);
    default:
        return dag_number(compiler->dag,
                          NAN); /* the checker lets no other kind through */
    }
}

/* min and max of many, from the left. */
static uint32_t compile_many(struct compiler *compiler, const struct expr *expr)
{
    uint32_t all = compile(compiler, expr->arguments[0]);
    for (size_t i = 1; i < expr->count; i++)
        all = dag_build2(compiler->dag, expr->op, all,
                         compile(compiler, expr->arguments[i]));
    return all;
}

/* value, condition, value, condition, ..., last value: from the right. */
static uint32_t compile_piecewise(struct compiler *compiler, const struct expr *expr)
{
    uint32_t rest = compile(compiler, expr->arguments[expr->count - 1]);
    for (size_t i = expr->count - 1; i >= 2; i -= 2) {
        uint32_t value = compile(compiler, expr->arguments[i - 2]);
        uint32_t condition = compile(compiler, expr->arguments[i - 1]);
        rest = dag_build(compiler->dag, OP_SELECT, condition, value, rest);
    }
    return rest;
}

/* value, key, value, key, ..., and what is left: likewise. Without an else the keys are
 * all values that there can be. */
static uint32_t compile_table(struct compiler *compiler, const struct expr *expr)
{
    struct dag *dag = compiler->dag;
    size_t rows = expr->count / 2 * 2, last = expr->count % 2 ? rows : rows - 2;
    uint32_t rest = compile(compiler, expr->arguments[last]);
    for (size_t i = last; i >= 2; i -= 2) {
        uint32_t value = compile(compiler, expr->arguments[i - 2]);
        uint32_t key = dag_number(dag, expr->arguments[i - 1]->number);
        uint32_t covariate = dag_leaf(dag, OP_COVARIATE, expr->index, 0);
        rest = dag_build(dag, OP_SELECT, dag_build2(dag, OP_EQUAL, covariate, key), value,
                         rest);
    }
    return rest;
}

static uint32_t compile_operation(struct compiler *compiler, const struct expr *expr)
{
    uint32_t arguments[3] = {0};
    for (size_t i = 0; i < op_arity(expr->op) && i < expr->count; i++)
        arguments[i] = compile(compiler, expr->arguments[i]);
    return dag_build(compiler->dag, expr->op, arguments[0], arguments[1], arguments[2]);
}

static uint32_t compile_bare(struct compiler *compiler, const struct expr *expr)
{
    switch (expr->op) {
    case OP_NUMBER:
        return dag_number(compiler->dag, expr->number);
    case OP_NAME:
        return compile_name(compiler, expr);
    case OP_MIN:
    case OP_MAX:
        return compile_many(compiler, expr);
    case OP_PIECEWISE:
        return compile_piecewise(compiler, expr);
    case OP_TABLE:
        return compile_table(compiler, expr);
    case OP_FUNCTIONAL:
        return dag_leaf(compiler->dag, OP_FUNCTIONAL, expr->index, 0);
    case OP_GREATER:
    case OP_GREATER_EQUAL: {
        uint32_t left = compile(compiler, expr->arguments[0]);
        uint32_t right = compile(compiler, expr->arguments[1]);
        return dag_build2(compiler->dag, expr->op == OP_GREATER ? OP_LESS : OP_LESS_EQUAL,
                          right, left);
    }
    default:
        return compile_operation(compiler, expr);
    }
}

static uint32_t compile(struct compiler *compiler, const struct expr *expr)
{
    uint32_t bare = compile_bare(compiler, expr);
    if (expr->factor == 1)
        return bare;
    return dag_build2(compiler->dag, OP_MULTIPLY, dag_number(compiler->dag, expr->factor),
                      bare);
}

/* --- what formulas become --------------------------------------------------------- */

static uint32_t compile_or(struct compiler *compiler, const struct expr *expr,
                           double otherwise)
{
    return expr ? compile(compiler, expr) : dag_number(compiler->dag, otherwise);
}

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

static void compile_jumps(struct compiler *compiler, const struct syntax *syntax)
{
    struct program *program = compiler->program;
    size_t at = 0;
    program->jump_states = mem_new(compiler->roots.jumps, sizeof(size_t));
    for (size_t i = 0; i < syntax->input_count; i++) {
        const struct input_line *line = &syntax->inputs[i];
        program->jump_first[i] = at;
        for (size_t j = 0; j < line->jump_count; j++) {
            program->jump_states[at] = line->jumps[j].into;
            compiler->roots.jump[at++] = compile(compiler, line->jumps[j].expr);
        }
    }
    program->jump_first[syntax->input_count] = at;
}

/* What observations are made of that look back: they have the leaves of functionals, and
 * are derived by these. */
static void compile_watched(struct compiler *compiler, const struct syntax *syntax)
{
    struct roots *roots = &compiler->roots;
    const struct program *program = compiler->program;
    for (size_t i = 0; i < program->watched_count; i++)
        roots->watched[i] = compile(compiler, syntax->functionals[program->watched[i]]);
    for (size_t o = 0; o < syntax->observation_count; o++)
        roots->reach[o] = compile_or(compiler, syntax->observations[o].over, 0);
}

/* Both sides of every comparison in a condition, through the quantities that it names. */
static enum err compile_sides(struct compiler *compiler, const struct syntax *syntax,
                              const struct expr *expr, size_t functional)
{
    struct program *program = compiler->program;
    if (expr->op == OP_NAME && expr->symbol == SYMBOL_QUANTITY)
        return compile_sides(compiler, syntax, syntax->quantities[expr->index].expr,
                             functional);
    bool compares = (expr->op >= OP_LESS && expr->op <= OP_UNEQUAL) ||
                    expr->op == OP_GREATER || expr->op == OP_GREATER_EQUAL;
    if (!compares && expr->type != TYPE_CONDITION)
        return ERR_OK;
    for (size_t i = 0; !compares && i < expr->count; i++)
        if (compile_sides(compiler, syntax, expr->arguments[i], functional) != ERR_OK)
            return err_code();
    if (!compares)
        return ERR_OK;
    if (program->comparison_count == MODEL_COMPARISONS_MAX)
        return err_set(ERR_RANGE, "model %s compares more than %d times in its outcomes",
                       syntax->name, MODEL_COMPARISONS_MAX);
    size_t at = syntax->functional_count + 2 * program->comparison_count;
    program->comparison_of[program->comparison_count++] = functional;
    for (size_t i = 0; i < 2; i++)
        compiler->roots.course[at + i] = compile(compiler, expr->arguments[i]);
    return ERR_OK;
}

static enum err compile_outcomes(struct compiler *compiler, const struct syntax *syntax)
{
    struct roots *roots = &compiler->roots;
    size_t named = syntax->outcome_count;
    roots->functionals = syntax->functional_count;
    roots->outcomes = named + syntax->plausible_count;
    for (size_t i = 0; i < roots->functionals; i++)
        roots->course[i] = compile(compiler, syntax->functionals[i]);
    for (size_t i = 0; i < compiler->program->watched_count; i++)
        roots->course[compiler->program->watched[i]] = roots->watched[i]; /* with modes */
    for (size_t i = 0; i < roots->functionals; i++)
        if (syntax->functionals[i]->type == TYPE_CONDITION &&
            compile_sides(compiler, syntax, syntax->functionals[i], i) != ERR_OK)
            return err_code();
    for (size_t i = 0; i < roots->outcomes; i++) {
        const struct outcome_line *line =
            i < named ? &syntax->outcomes[i] : &syntax->plausible[i - named];
        roots->outcome[i] = compile(compiler, line->expr);
        roots->window[2 * i] = compile_or(compiler, line->from, 0);
        roots->window[2 * i + 1] = compile_or(compiler, line->to, 0);
    }
    return ERR_OK;
}

/* A steady state is sought from the initial value the text gives, or from 1. */
static void compile_all(struct compiler *compiler, const struct syntax *syntax)
{
    struct roots *roots = &compiler->roots;
    struct program *program = compiler->program;
    for (size_t i = 0; i < syntax->quantity_count; i++) {
        size_t at = syntax->order[i];
        compiler->quantities[at] = compile(compiler, syntax->quantities[at].expr);
        roots->derive[at] = compiler->quantities[at];
    }
    for (size_t i = 0; i < syntax->state_count; i++) {
        const struct state_line *line = &syntax->states[i];
        roots->rate[i] = compile(compiler, line->rate);
        roots->init[i] = compile_or(compiler, line->init, line->steady ? 1 : 0);
        if (line->steady)
            program->steady[program->steady_count++] = i;
    }
    for (size_t i = 0; i < syntax->observation_count; i++)
        roots->observe[i] = compile(compiler, syntax->observations[i].expr);
    compile_watched(compiler, syntax);
    for (size_t i = 0; i < syntax->input_count; i++) {
        const struct input_line *line = &syntax->inputs[i];
        uint32_t *input = roots->input + i * MODIFIERS;
        input[MODIFIER_FRACTION] = compile_or(compiler, line->fraction, 1);
        input[MODIFIER_LAG] = compile_or(compiler, line->lag, 0);
        input[MODIFIER_DURATION] = compile_or(compiler, line->over, 0);
    }
    if (syntax->period)
        roots->period[0] = compile(compiler, syntax->period);
    compile_jumps(compiler, syntax);
}

static void find_switchings(struct compiler *compiler)
{
    struct dag *dag = compiler->dag;
    size_t count = dag->count;
    bool *needed = mem_new(count, sizeof *needed);
    dag_need(dag, compiler->roots.rate, compiler->roots.states, needed);
    dag_need(dag, compiler->roots.watched, compiler->program->watched_count, needed);
    compiler->program->switching_count =
        switching_find(dag, needed, count, &compiler->conditions);
    mem_free(needed);
}

/* Rates and the watched with modes, and their gaps. */
static void find_modes(struct compiler *compiler)
{
    struct roots *roots = &compiler->roots;
    struct program *program = compiler->program;
    struct gap *gaps;
    size_t count = switching_freeze(compiler->dag, roots->rate, roots->states,
                                    roots->watched, program->watched_count, &gaps);
    program->mode_count = count;
    program->mode_counts = mem_new(count, sizeof *program->mode_counts);
    roots->gap = nodes_new(count);
    roots->gap_by_time = nodes_new(count);
    roots->gap_by_state = nodes_new(count * roots->states);
    roots->gap_by = nodes_new(count * roots->directions);
    for (size_t i = 0; i < count; i++) {
        roots->gap[i] = gaps[i].node;
        program->mode_counts[i] = gaps[i].counts;
    }
    mem_free(gaps);
}

/* --- derivatives ------------------------------------------------------------------ */

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

/* --- registers -------------------------------------------------------------------- */

static size_t course_count(const struct compiler *compiler)
{
    return compiler->roots.functionals + 2 * compiler->program->comparison_count;
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

/* --- the order of a stream -------------------------------------------------------------
 *
 * Whatever can run next and has the operation of the last goes on; when there is nothing,
 * the operation that most can run of comes. Runs of one operation are decided upon once.
 * What can run first runs first: the steps of one sum stand far apart, between them those
 * of others, and do not wait for each other. */

struct order {
    uint32_t *nodes; /* in which they run */
    size_t count;
    uint32_t *waits_for;       /* [dag->count] arguments that have not run */
    uint32_t *first, *users;   /* users of node i: users[first[i] .. first[i + 1]) */
    uint32_t *ready[OP_COUNT]; /* by operation, a queue */
    size_t ready_first[OP_COUNT], ready_end[OP_COUNT], ready_room[OP_COUNT];
};

static bool runs(const struct compiler *compiler, const bool *needed, uint32_t at)
{
    const struct node *node = &compiler->dag->nodes[at];
    return needed[at] && node->class == CLASS_MOVING && op_arity(node->op) > 0;
}

static void order_users(const struct compiler *compiler, const bool *needed,
                        struct order *order)
{
    const struct dag *dag = compiler->dag;
    uint32_t *next = nodes_new(dag->count);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < dag->count; i++) {
            const struct node *node = &dag->nodes[i];
            const uint32_t arguments[] = {node->a, node->b, node->c};
            for (size_t k = 0; runs(compiler, needed, i) && k < op_arity(node->op); k++) {
                if (!runs(compiler, needed, arguments[k]))
                    continue;
                if (pass == 0)
                    order->first[arguments[k] + 1]++;
                else
                    order->users[next[arguments[k]]++] = i;
                order->waits_for[i] += pass == 0;
            }
        }
        if (pass)
            break;
        for (size_t i = 0; i < dag->count; i++)
            order->first[i + 1] += order->first[i];
        order->users = nodes_new(order->first[dag->count]);
        memcpy(next, order->first, dag->count * sizeof *next);
    }
    mem_free(next);
}

static void order_ready(const struct compiler *compiler, struct order *order, uint32_t at)
{
    enum op op = compiler->dag->nodes[at].op;
    MEM_GROW(order->ready[op], order->ready_end[op] + 1, &order->ready_room[op]);
    order->ready[op][order->ready_end[op]++] = at;
}

static size_t ready_count(const struct order *order, enum op op)
{
    return order->ready_end[op] - order->ready_first[op];
}

static enum op order_next(const struct order *order, enum op last)
{
    enum op best = last;
    for (enum op op = 0; ready_count(order, last) == 0 && op < OP_COUNT; op++)
        if (ready_count(order, op) > ready_count(order, best))
            best = op;
    return best;
}

static void order_make(const struct compiler *compiler, const bool *needed,
                       struct order *order)
{
    const struct dag *dag = compiler->dag;
    *order = (struct order){.nodes = nodes_new(dag->count),
                            .waits_for = nodes_new(dag->count),
                            .first = nodes_new(dag->count + 1)};
    order_users(compiler, needed, order);
    for (uint32_t i = 0; i < dag->count; i++)
        if (runs(compiler, needed, i) && order->waits_for[i] == 0)
            order_ready(compiler, order, i);
    for (enum op op = 0;;) {
        op = order_next(order, op);
        if (ready_count(order, op) == 0)
            break;
        uint32_t at = order->ready[op][order->ready_first[op]++];
        order->nodes[order->count++] = at;
        for (uint32_t k = order->first[at]; k < order->first[at + 1]; k++)
            if (--order->waits_for[order->users[k]] == 0)
                order_ready(compiler, order, order->users[k]);
    }
}

static void order_clear(struct order *order)
{
    mem_free(order->nodes);
    mem_free(order->waits_for);
    mem_free(order->first);
    mem_free(order->users);
    for (size_t op = 0; op < OP_COUNT; op++)
        mem_free(order->ready[op]);
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

static void find_last_uses(const struct compiler *compiler, const struct order *order,
                           const uint32_t *roots, size_t root_count,
                           struct allocation *allocation)
{
    for (size_t i = 0; i < order->count; i++) {
        const struct node *node = &compiler->dag->nodes[order->nodes[i]];
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
    struct order order;
    dag_need(dag, roots, count, needed);
    order_make(compiler, needed, &order);
    find_last_uses(compiler, &order, roots, count, &allocation);
    stream->instructions = mem_new(order.count, sizeof *stream->instructions);
    stream->count = order.count;
    for (size_t i = 0; i < order.count; i++) {
        uint32_t node = order.nodes[i];
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
    order_clear(&order);
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

static void place_all(struct compiler *compiler, const struct syntax *syntax)
{
    struct program *program = compiler->program;
    need_all(compiler);
    compiler->registers = nodes_new(compiler->dag->count);
    memset(compiler->registers, 0xff, compiler->dag->count * sizeof(uint32_t));
    place_leaves(compiler, syntax);
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

/* --- the whole ------------------------------------------------------------------ */

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
    compile_all(&compiler, syntax);
    find_switchings(&compiler);
    find_modes(&compiler);
    enum err err = compile_outcomes(&compiler, syntax);
    size_t formulas = dag.count;
    derive_all(&compiler);
    find_sensitivities(&compiler);
    derive_by_time(&compiler, compiler.roots.gap, out->mode_count,
                   compiler.roots.gap_by_time);
    derive_by_time(&compiler, compiler.roots.watched, out->watched_count,
                   compiler.roots.watched_by_time);
    find_linear(&compiler);
    bool fits = !dag.full && err == ERR_OK;
    if (fits) {
        dag_fuse(&dag, formulas);
        place_all(&compiler, syntax);
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
    mem_free(gone);
    *program = NULL;
}
