#include "resolution.h"

#include <math.h>
#include <string.h>

#include "model_impl.h"

/* Of docetaxel, three weeks after a dose, by either method in lanes: errors of one to
 * five times what is allowed in a step. */
#define SHARE_OF_SD 0.02

/* What counts as an error of one in a state. */
static double allowed(const struct flow *flow, double tolerance, size_t state, double x)
{
    return tolerance * (ABSOLUTE_FRACTION * flow->scale[state] + fabs(x));
}

/* What sums up where a value becomes another. */
static double apart(double one, double other)
{
    double by = fabs(one - other);
    return isfinite(by) ? by : INFINITY;
}

/* A prediction of the moment. */
static double of_moment(const struct flow *flow, double tolerance, double t,
                        const double *x, size_t observation)
{
    struct evaluator *evaluator = flow->evaluator;
    double f[MODEL_OBSERVATIONS_MAX], moved[MODEL_STATES_MAX], off = 0;
    size_t states = model_states(flow->model);
    evaluator_outputs(evaluator, t, x, NULL, f, NULL, NULL);
    double here = f[observation];
    memcpy(moved, x, states * sizeof *moved);
    for (size_t i = 0; i < states; i++) {
        moved[i] += allowed(flow, tolerance, i, x[i]);
        evaluator_outputs(evaluator, t, moved, NULL, f, NULL, NULL);
        moved[i] = x[i];
        off += apart(f[observation], here);
    }
    return off;
}

/* Is this functional of a formula an area? */
static bool is_area(const struct expr *expr, size_t functional)
{
    if (expr->op == OP_FUNCTIONAL)
        return expr->index == functional && expr->functional == FUNCTIONAL_AUC;
    bool area = false;
    for (size_t i = 0; i < expr->count && !area; i++)
        area = is_area(expr->arguments[i], functional);
    return area;
}

/* How far the functionals of one that looks back can be off, as what they look at can be
 * where the window ends; an area as much all the way. off [functionals]. */
static void of_functionals(const struct flow *flow, double tolerance, double t,
                           const double *x, size_t observation, double *off)
{
    const struct model *model = flow->model;
    const struct program *program = model->program;
    struct evaluator *evaluator = flow->evaluator;
    double here[MODEL_FUNCTIONALS_MAX], there[MODEL_FUNCTIONALS_MAX],
        moved[MODEL_STATES_MAX], reach[MODEL_OBSERVATIONS_MAX], none;
    size_t states = model_states(model), first = program->watched_first[observation],
           end = program->watched_first[observation + 1];
    evaluator_watch(evaluator, t, x, here);
    memcpy(moved, x, states * sizeof *moved);
    for (size_t i = 0; i < states; i++) {
        moved[i] += allowed(flow, tolerance, i, x[i]);
        evaluator_watch(evaluator, t, moved, there);
        moved[i] = x[i];
        for (size_t w = first; w < end; w++)
            off[program->watched[w]] +=
                apart(there[program->watched[w]], here[program->watched[w]]);
    }
    evaluator_reach(evaluator, t, reach, &none);
    for (size_t w = first; w < end; w++)
        if (is_area(model->syntax->observations[observation].expr, program->watched[w]))
            off[program->watched[w]] *= reach[observation];
}

static double of_window(const struct flow *flow, double tolerance, double t,
                        const double *x, size_t observation, const double *values)
{
    const struct program *program = flow->model->program;
    size_t count = flow->model->syntax->functional_count;
    double f[MODEL_OBSERVATIONS_MAX], moved[MODEL_FUNCTIONALS_MAX],
        off[MODEL_FUNCTIONALS_MAX] = {0}, sum = 0;
    of_functionals(flow, tolerance, t, x, observation, off);
    memcpy(moved, values, count * sizeof *moved);
    evaluator_functionals(flow->evaluator, values, NULL);
    evaluator_outputs(flow->evaluator, t, x, NULL, f, NULL, NULL);
    double here = f[observation];
    for (size_t w = program->watched_first[observation];
         w < program->watched_first[observation + 1]; w++) {
        size_t i = program->watched[w];
        moved[i] += off[i];
        evaluator_functionals(flow->evaluator, moved, NULL);
        moved[i] = values[i];
        evaluator_outputs(flow->evaluator, t, x, NULL, f, NULL, NULL);
        sum += apart(f[observation], here);
    }
    return sum;
}

double resolution(const struct flow *flow, double tolerance, double t, const double *x,
                  size_t observation, const double *values)
{
    if (model_looks_back(flow->model, observation))
        return of_window(flow, tolerance, t, x, observation, values);
    return of_moment(flow, tolerance, t, x, observation);
}

bool resolution_matters(const struct residual *residual)
{
    return residual->kind != RESIDUAL_ADDITIVE && residual->kind != RESIDUAL_BERNOULLI;
}

bool resolution_suffices(const struct residual *residual, double value,
                         enum censoring censoring, double prediction, double off)
{
    struct observed observed;
    if (observe(residual, value, censoring, prediction, &observed) != ERR_OK)
        return fabs(prediction) * SHARE_OF_SD > off;
    return !(off * sqrt(observed.information) > SHARE_OF_SD);
}
