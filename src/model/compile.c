/* compile - the formulas of a checked text to nodes of one graph, with the switches of
 * conditions on time and the gaps of other conditions in the rates. Called by program.c.
 */

#include "compiler.h"

#include <math.h>

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

/* Where a formula says what has become this node, its own names left to themselves. */
static const struct expr *find_said(struct compiler *compiler, const struct expr *expr,
                                    uint32_t node)
{
    const struct expr *said = NULL;
    bool turns = expr->op == OP_LESS || expr->op == OP_LESS_EQUAL ||
                 expr->op == OP_GREATER || expr->op == OP_GREATER_EQUAL ||
                 expr->op == OP_FLOOR || expr->op == OP_MOD;
    if (turns && compile_bare(compiler, expr) == node)
        return expr;
    for (size_t i = 0; !said && i < expr->count; i++)
        said = find_said(compiler, expr->arguments[i], node);
    return said;
}

/* Formulas have the nodes that they had: asking again builds nothing. */
static struct mode_line find_line(struct compiler *compiler, uint32_t node)
{
    const struct syntax *syntax = compiler->dag->model->syntax;
    struct mode_line line = {0};
    for (size_t i = 0; !line.condition && i < syntax->state_count; i++) {
        line.state = &syntax->states[i];
        line.condition = find_said(compiler, line.state->rate, node);
    }
    if (!line.condition)
        line.state = NULL;
    for (size_t i = 0; !line.condition && i < syntax->quantity_count; i++) {
        line.quantity = &syntax->quantities[i];
        line.condition = find_said(compiler, line.quantity->expr, node);
    }
    if (!line.condition)
        line.quantity = NULL;
    for (size_t i = 0; !line.condition && i < compiler->program->watched_count; i++)
        line.condition =
            find_said(compiler, syntax->functionals[compiler->program->watched[i]], node);
    return line;
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
    program->mode_lines = mem_new(count, sizeof *program->mode_lines);
    roots->gap = nodes_new(count);
    roots->gap_by_time = nodes_new(count);
    roots->gap_by_state = nodes_new(count * roots->states);
    roots->gap_by = nodes_new(count * roots->directions);
    for (size_t i = 0; i < count; i++) {
        roots->gap[i] = gaps[i].node;
        program->mode_counts[i] = gaps[i].counts;
        program->mode_lines[i] = find_line(compiler, gaps[i].of);
    }
    mem_free(gaps);
}

enum err compile_formulas(struct compiler *compiler)
{
    const struct syntax *syntax = compiler->dag->model->syntax;
    compile_all(compiler, syntax);
    find_switchings(compiler);
    find_modes(compiler);
    return compile_outcomes(compiler, syntax);
}
