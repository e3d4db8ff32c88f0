#include "model/twin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/unit.h"
#include "numerics/ode.h"

/* How much finer than the relative tolerance the absolute one is, in units of a state's
 * own size: small enough that a tail four decades down is still right to four digits. */
#define ABSOLUTE_FRACTION 1e-5
#define STEPS_MAX 200000

/* --- what a twin holds ------------------------------------------------------------- */

struct dose {
    double time, amount,
        duration; /* model time and state unit; < 0: the input's default */
    size_t input, order;
};

struct change { /* a covariate takes a new value */
    double time, value;
    size_t covariate, order;
};

struct twin {
    const struct model *model;
    struct dose *doses;
    size_t dose_count;
    struct change *changes; /* by time */
    size_t change_count;
    struct twin_measurement *measurements;
    size_t *measurement_order;
    size_t measurement_count;
    double *covariates; /* [covariates] at the start */
    double *x;          /* [k] */
    double start;
};

static enum err conversion(const char *from, const char *to, const char *what,
                           const char *name, double *factor)
{
    *factor = 1;
    if (!from || strcmp(from, to) == 0)
        return ERR_OK;
    if (unit_convert(from, to, factor) != ERR_OK)
        return err_wrap("%s '%s' is recorded in %s, the model has it in %s", what, name,
                        from, to);
    return ERR_OK;
}

static enum err take_doses(struct twin *twin, const struct record *record,
                           double time_factor)
{
    const struct model *model = twin->model;
    twin->doses = mem_new(record->dose_count, sizeof *twin->doses);
    for (size_t i = 0; i < record->dose_count; i++) {
        const struct record_dose *row = &record->doses[i];
        size_t input = 0;
        while (input < model_inputs(model) &&
               strcmp(model_input(model, input)->name, row->input) != 0)
            input++;
        if (input == model_inputs(model))
            return err_set(ERR_NOT_FOUND,
                           "a dose of '%s', which model %s has no input for", row->input,
                           model_name(model));
        const struct model_input *known = model_input(model, input);
        double factor;
        enum err err =
            conversion(row->unit, known->accepted_unit, "dose", row->input, &factor);
        if (err != ERR_OK)
            return err;
        twin->doses[twin->dose_count++] = (struct dose){
            .time = row->time * time_factor,
            .amount = row->amount * factor * known->accepted_factor,
            .duration = row->duration < 0 ? -1 : row->duration * time_factor,
            .input = input,
            .order = row->order,
        };
    }
    return ERR_OK;
}

static enum err take_covariates(struct twin *twin, const struct record *record,
                                double time_factor)
{
    const struct model *model = twin->model;
    size_t count = model_covariates(model);
    bool known[MODEL_COVARIATES_MAX] = {false};
    twin->covariates = mem_new(count, sizeof(double));
    twin->changes = mem_new(record->covariate_count, sizeof *twin->changes);
    for (size_t i = 0; i < record->covariate_count; i++) {
        const struct record_covariate *row = &record->covariates[i];
        for (size_t c = 0; c < count; c++) {
            const struct model_covariate *one = model_covariate(model, c);
            if (strcmp(one->name, row->name) != 0)
                continue;
            double factor;
            enum err err =
                conversion(row->unit, one->unit, "covariate", one->name, &factor);
            if (err != ERR_OK)
                return err;
            /* The first value also holds before its own time. */
            if (!known[c])
                twin->covariates[c] = row->value * factor;
            known[c] = true;
            if (one->hold != COVARIATE_CONSTANT)
                twin->changes[twin->change_count++] = (struct change){
                    row->time * time_factor, row->value * factor, c, row->order};
        }
    }
    for (size_t c = 0; c < count; c++) {
        const struct model_covariate *one = model_covariate(model, c);
        if (!known[c] && !one->has_default)
            return err_set(ERR_NOT_FOUND, "covariate '%s' has no value and no default",
                           one->name);
        if (!known[c])
            twin->covariates[c] = one->default_value;
    }
    return ERR_OK;
}

static enum err take_measurements(struct twin *twin, const struct record *record,
                                  double time_factor)
{
    const struct model *model = twin->model;
    twin->measurements = mem_new(record->measurement_count, sizeof *twin->measurements);
    twin->measurement_order = mem_new(record->measurement_count, sizeof(size_t));
    for (size_t i = 0; i < record->measurement_count; i++) {
        const struct record_measurement *row = &record->measurements[i];
        for (size_t o = 0; o < model_observations(model); o++) {
            const struct model_observation *one = model_observation(model, o);
            if (strcmp(one->name, row->quantity) != 0)
                continue;
            double factor;
            enum err err =
                conversion(row->unit, one->unit, "measurement", one->name, &factor);
            if (err != ERR_OK)
                return err;
            struct twin_measurement taken = {row->time * time_factor, row->value * factor,
                                             o, row->censoring};
            if (taken.censoring == CENSORED_NOT && taken.value <= one->limit_low) {
                taken.censoring = CENSORED_BELOW;
                taken.value = one->limit_low;
            } else if (taken.censoring == CENSORED_NOT &&
                       taken.value >= one->limit_high) {
                taken.censoring = CENSORED_ABOVE;
                taken.value = one->limit_high;
            }
            twin->measurement_order[twin->measurement_count] = row->order;
            twin->measurements[twin->measurement_count++] = taken;
        }
    }
    return ERR_OK;
}

static double first_time(const struct twin *twin)
{
    double first = INFINITY;
    for (size_t i = 0; i < twin->dose_count; i++)
        first = fmin(first, twin->doses[i].time);
    for (size_t i = 0; i < twin->change_count; i++)
        first = fmin(first, twin->changes[i].time);
    for (size_t i = 0; i < twin->measurement_count; i++)
        first = fmin(first, twin->measurements[i].time);
    return isfinite(first) ? first : 0;
}

enum err twin_new(const struct model *model, const struct prior_layout *layout,
                  const struct record *record, struct twin **twin)
{
    double time_factor;
    enum err err = conversion(record->time_unit, model_time_unit(model), "column", "TIME",
                              &time_factor);
    if (err != ERR_OK)
        return err;
    struct twin *out = mem_new(1, sizeof *out);
    out->model = model;
    if ((err = take_doses(out, record, time_factor)) != ERR_OK ||
        (err = take_covariates(out, record, time_factor)) != ERR_OK ||
        (err = take_measurements(out, record, time_factor)) != ERR_OK) {
        twin_destroy(&out);
        return err;
    }
    out->start = first_time(out);
    out->x = mem_new(layout->k, sizeof(double));
    prior_covariates(model, layout, out->covariates, out->x);
    *twin = out;
    return ERR_OK;
}

void twin_destroy(struct twin **twin)
{
    if (!*twin)
        return;
    mem_free((*twin)->doses);
    mem_free((*twin)->changes);
    mem_free((*twin)->measurements);
    mem_free((*twin)->measurement_order);
    mem_free((*twin)->covariates);
    mem_free((*twin)->x);
    mem_free(*twin);
    *twin = NULL;
}

size_t twin_measurements(const struct twin *twin)
{
    return twin->measurement_count;
}

const struct twin_measurement *twin_measurement(const struct twin *twin, size_t index)
{
    return &twin->measurements[index];
}

const double *twin_x(const struct twin *twin)
{
    return twin->x;
}

double twin_start(const struct twin *twin)
{
    return twin->start;
}

void twin_parameters(const struct model *model, const struct prior_layout *layout,
                     const double *phi, const double *gamma, double *parameters)
{
    for (size_t i = 0; i < model_parameters(model); i++)
        parameters[i] = model_parameter(model, i)->typical;
    for (size_t a = 0; a < layout->p; a++)
        parameters[layout->individual[a]] =
            transform_back(model_parameter(model, layout->individual[a]), phi[a]);
    for (size_t i = 0; i < layout->q; i++)
        parameters[layout->population[i]] =
            transform_back(model_parameter(model, layout->population[i]), gamma[i]);
}

/* --- the engine -------------------------------------------------------------------- */

struct flow { /* evaluator and solver for one number of directions */
    size_t directions;
    struct evaluator *evaluator;
    struct ode *ode;
    const struct model *model;
    double *inflow;   /* [states] sum of running infusions */
    double *d_inflow; /* [directions][states] */
    double *x, *s;    /* the present state: [states], [directions][states] */
    double t;
    bool *moving; /* [directions] some stop of this run moves along them */
    bool settled; /* the solver knows the present state */
};

struct engine {
    const struct model *model;
    const struct prior_layout *layout;
    struct engine_options options;
    struct flow with, without; /* derivatives */
};

static int flow_rate(void *context, double t, const double *x, double *dxdt)
{
    struct flow *flow = context;
    if (evaluator_rate(flow->evaluator, t, x, dxdt))
        return 1;
    for (size_t i = 0; i < model_states(flow->model); i++)
        dxdt[i] += flow->inflow[i];
    return 0;
}

static int flow_rate_directions(void *context, double t, const double *x, const double *s,
                                double *dxdt, double *dsdt)
{
    struct flow *flow = context;
    size_t states = model_states(flow->model);
    if (evaluator_rate_directions(flow->evaluator, t, x, s, dxdt, dsdt))
        return 1;
    for (size_t i = 0; i < states; i++)
        dxdt[i] += flow->inflow[i];
    for (size_t i = 0; i < flow->directions * states; i++)
        dsdt[i] += flow->d_inflow[i];
    return 0;
}

static int flow_jacobian(void *context, double t, const double *x, double *dfdx)
{
    struct flow *flow = context;
    return evaluator_jacobian(flow->evaluator, t, x, dfdx);
}

static void flow_init(struct flow *flow, const struct model *model, size_t directions,
                      const struct engine_options *options)
{
    size_t states = model_states(model);
    flow->directions = directions;
    flow->model = model;
    flow->evaluator = evaluator_new(model, directions > 0);
    flow->moving = mem_new(directions, sizeof(bool));
    flow->inflow = mem_new(states, sizeof(double));
    flow->d_inflow = mem_new(directions * states, sizeof(double));
    flow->x = mem_new(states, sizeof(double));
    flow->s = mem_new(directions * states, sizeof(double));
    if (states == 0)
        return;
    struct ode_system system = {
        states, directions, flow_rate, flow_rate_directions, flow_jacobian, flow};
    struct ode_options ode_options = {
        .method = options->solver == ENGINE_ADAMS ? ODE_ADAMS : ODE_BDF,
        .relative_tolerance = options->tolerance,
        .absolute_tolerance = options->tolerance * ABSOLUTE_FRACTION,
        .steps_max = STEPS_MAX,
    };
    if (ode_new(&system, &ode_options, &flow->ode) != ERR_OK)
        abort(); /* sizes and tolerances above are legal by construction */
}

static void flow_clear(struct flow *flow)
{
    evaluator_destroy(&flow->evaluator);
    ode_destroy(&flow->ode);
    mem_free(flow->moving);
    mem_free(flow->inflow);
    mem_free(flow->d_inflow);
    mem_free(flow->x);
    mem_free(flow->s);
}

struct engine *engine_new(const struct model *model, const struct prior_layout *layout,
                          const struct engine_options *options)
{
    struct engine *engine = mem_new(1, sizeof *engine);
    engine->model = model;
    engine->layout = layout;
    if (options)
        engine->options = *options;
    if (!(engine->options.tolerance > 0))
        engine->options.tolerance = ENGINE_TOLERANCE;
    flow_init(&engine->with, model, model_directions(model), &engine->options);
    flow_init(&engine->without, model, 0, &engine->options);
    return engine;
}

void engine_destroy(struct engine **engine)
{
    if (!*engine)
        return;
    flow_clear(&(*engine)->with);
    flow_clear(&(*engine)->without);
    mem_free(*engine);
    *engine = NULL;
}

const struct model *engine_model(const struct engine *engine)
{
    return engine->model;
}

const struct prior_layout *engine_layout(const struct engine *engine)
{
    return engine->layout;
}

const bool *engine_moving(const struct engine *engine)
{
    return engine->with.moving;
}

/* --- the schedule of one run ------------------------------------------------------- */

enum stop_kind { STOP_COVARIATE, STOP_DOSE, STOP_END, STOP_BREAK, STOP_READ };

struct stop {
    double time;
    enum stop_kind kind;
    size_t order; /* among equal times, after the kind's precedence */
    size_t index; /* dose, change or reading */
};

/* A dose under the present parameters. */
struct delivery {
    struct input_modifiers modifiers;
    double duration;
    double *d_fraction, *d_start, *d_duration; /* [directions] */
};

struct run {
    struct flow *flow;
    const struct twin *twin;
    struct stop *stops;
    size_t stop_count;
    double start, last;
    struct delivery *deliveries;
    double *derivatives; /* what the deliveries point into */
    double *breaks;   /* [break_count] at which the rate switches by itself, ascending */
    double *d_breaks; /* [break_count][directions] */
    size_t break_count;
    double *covariates, *slopes, *since; /* value and slope of each from `since` on */
    double *before, *after;              /* [states] rates on both sides of a jump */
};

/* A covariate's new value holds at its own time, so changes come first; then the rows of
 * the record in their order; readings asked for by a caller come after everything. */
static int compare_stops(const void *left, const void *right)
{
    const struct stop *a = left, *b = right;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if ((a->kind == STOP_COVARIATE) != (b->kind == STOP_COVARIATE))
        return a->kind == STOP_COVARIATE ? -1 : 1;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return (a->kind > b->kind) - (a->kind < b->kind);
}

static void run_deliveries(struct run *run)
{
    const struct twin *twin = run->twin;
    size_t d = run->flow->directions;
    run->deliveries = mem_new(twin->dose_count, sizeof *run->deliveries);
    run->derivatives = mem_new(twin->dose_count * 3 * d, sizeof(double));
    for (size_t i = 0; i < twin->dose_count; i++) {
        const struct dose *dose = &twin->doses[i];
        struct delivery *delivery = &run->deliveries[i];
        delivery->d_fraction = run->derivatives + i * 3 * d;
        delivery->d_start = delivery->d_fraction + d;
        delivery->d_duration = delivery->d_start + d;
        evaluator_input(run->flow->evaluator, dose->input, &delivery->modifiers,
                        d ? delivery->d_fraction : NULL, d ? delivery->d_start : NULL,
                        d ? delivery->d_duration : NULL);
        delivery->duration =
            dose->duration < 0 ? delivery->modifiers.duration : dose->duration;
        if (dose->duration >= 0)
            memset(delivery->d_duration, 0, d * sizeof(double));
        for (size_t k = 0; k < d; k++)
            run->flow->moving[k] |=
                delivery->d_start[k] != 0 || delivery->d_duration[k] != 0;
    }
}

/* The breaks between the start and the last row, copied: they live until the next call.
 */
static enum err run_breaks(struct run *run, const double *reads, size_t read_count)
{
    const struct twin *twin = run->twin;
    double last = run->start;
    for (size_t i = 0; i < read_count; i++)
        last = fmax(last, reads[i]);
    for (size_t i = 0; i < twin->dose_count; i++)
        last = fmax(last, twin->doses[i].time + run->deliveries[i].modifiers.lag);
    run->last = last;
    const double *times, *d_times;
    enum err err = evaluator_breaks(run->flow->evaluator, run->start, last,
                                    &run->break_count, &times, &d_times);
    if (err != ERR_OK || run->break_count == 0)
        return err;
    size_t d = run->flow->directions;
    run->breaks = mem_copy(times, run->break_count * sizeof(double));
    run->d_breaks = mem_new(run->break_count * d, sizeof(double));
    if (d)
        memcpy(run->d_breaks, d_times, run->break_count * d * sizeof(double));
    for (size_t i = 0; i < run->break_count * d; i++)
        run->flow->moving[i % d] |= run->d_breaks[i] != 0;
    evaluator_between(run->flow->evaluator, run->start, run->breaks[0]);
    return ERR_OK;
}

static void run_schedule(struct run *run, const double *reads, const size_t *read_order,
                         size_t read_count)
{
    const struct twin *twin = run->twin;
    size_t n = 0;
    run->stops =
        mem_new(2 * twin->dose_count + twin->change_count + run->break_count + read_count,
                sizeof *run->stops);
    for (size_t i = 0; i < twin->dose_count; i++) {
        double start = twin->doses[i].time + run->deliveries[i].modifiers.lag;
        size_t order = twin->doses[i].order;
        run->stops[n++] = (struct stop){start, STOP_DOSE, order, i};
        if (run->deliveries[i].duration > 0)
            run->stops[n++] =
                (struct stop){start + run->deliveries[i].duration, STOP_END, order, i};
    }
    for (size_t i = 0; i < twin->change_count; i++)
        run->stops[n++] = (struct stop){twin->changes[i].time, STOP_COVARIATE,
                                        twin->changes[i].order, i};
    for (size_t i = 0; i < run->break_count; i++)
        run->stops[n++] = (struct stop){run->breaks[i], STOP_BREAK, 0, i};
    for (size_t i = 0; i < read_count; i++)
        run->stops[n++] =
            (struct stop){reads[i], STOP_READ, read_order ? read_order[i] : SIZE_MAX, i};
    qsort(run->stops, n, sizeof *run->stops, compare_stops);
    while (n && run->stops[n - 1].kind != STOP_READ)
        n--;
    run->stop_count = n;
}

static enum err run_plan(struct run *run, const double *reads, const size_t *read_order,
                         size_t read_count)
{
    run_deliveries(run);
    enum err err = run_breaks(run, reads, read_count);
    if (err == ERR_OK)
        run_schedule(run, reads, read_order, read_count);
    return err;
}

static void run_clear(struct run *run)
{
    mem_free(run->stops);
    mem_free(run->deliveries);
    mem_free(run->derivatives);
    mem_free(run->breaks);
    mem_free(run->d_breaks);
    mem_free(run->covariates);
    mem_free(run->slopes);
    mem_free(run->since);
    mem_free(run->before);
    mem_free(run->after);
}

/* Slope of a linearly interpolated covariate from change `index` to its next one. */
static double slope_after(const struct twin *twin, size_t index)
{
    const struct change *from = &twin->changes[index];
    if (model_covariate(twin->model, from->covariate)->hold != COVARIATE_LINEAR)
        return 0;
    for (size_t i = index + 1; i < twin->change_count; i++) {
        const struct change *to = &twin->changes[i];
        if (to->covariate == from->covariate && to->time > from->time)
            return (to->value - from->value) / (to->time - from->time);
    }
    return 0;
}

/* --- jumps
 * -------------------------------------------------------------------------------
 *
 * At a time t* that depends on the parameters, continuity of x along the two branches
 * gives S+ = S- + (f- - f+) dt*, to which the jump's own derivative is added. f- and f+
 * are the full right-hand sides just before and after, infusions included. */

static enum err rate_here(struct flow *flow, double *rate)
{
    if (flow_rate(flow, flow->t, flow->x, rate))
        return err_set(ERR_NUMERIC, "the rate at a dose is not finite");
    return ERR_OK;
}

static enum err bolus(struct run *run, const struct dose *dose,
                      const struct delivery *delivery)
{
    struct flow *flow = run->flow;
    size_t states = model_states(flow->model), d = flow->directions;
    size_t state = model_input(flow->model, dose->input)->state;
    bool moves = false;
    for (size_t k = 0; k < d; k++)
        moves |= delivery->d_start[k] != 0;
    enum err err = moves ? rate_here(flow, run->before) : ERR_OK;
    if (err != ERR_OK)
        return err;
    flow->x[state] += delivery->modifiers.fraction * dose->amount;
    if (moves && (err = rate_here(flow, run->after)) != ERR_OK)
        return err;
    for (size_t k = 0; k < d; k++) {
        for (size_t i = 0; moves && i < states; i++)
            flow->s[k * states + i] +=
                (run->before[i] - run->after[i]) * delivery->d_start[k];
        flow->s[k * states + state] += delivery->d_fraction[k] * dose->amount;
    }
    return ERR_OK;
}

/* Switch an infusion of rate R = F amount / duration on (sign +1) or off (-1). The state
 * does not jump; f+ - f- = sign R in the dosed state alone. */
static void infusion(struct run *run, const struct dose *dose,
                     const struct delivery *delivery, double sign)
{
    struct flow *flow = run->flow;
    size_t states = model_states(flow->model);
    size_t state = model_input(flow->model, dose->input)->state;
    double rate = delivery->modifiers.fraction * dose->amount / delivery->duration;
    flow->inflow[state] += sign * rate;
    for (size_t k = 0; k < flow->directions; k++) {
        double d_time = delivery->d_start[k] + (sign < 0 ? delivery->d_duration[k] : 0);
        double d_rate = delivery->d_fraction[k] * dose->amount / delivery->duration -
                        rate * delivery->d_duration[k] / delivery->duration;
        flow->d_inflow[k * states + state] += sign * d_rate;
        flow->s[k * states + state] -= sign * rate * d_time;
    }
}

/* The rate switches by itself at break `index`; from here on the branch ahead holds. */
static enum err switch_over(struct run *run, size_t index)
{
    struct flow *flow = run->flow;
    size_t states = model_states(flow->model), d = flow->directions;
    const double *d_time = run->d_breaks + index * d;
    bool moves = false;
    for (size_t k = 0; k < d; k++)
        moves |= d_time[k] != 0;
    enum err err = moves ? rate_here(flow, run->before) : ERR_OK;
    double ahead = index + 1 < run->break_count ? run->breaks[index + 1] : run->last;
    evaluator_between(flow->evaluator, run->breaks[index], ahead);
    if (err == ERR_OK && moves)
        err = rate_here(flow, run->after);
    for (size_t k = 0; err == ERR_OK && moves && k < d; k++)
        for (size_t i = 0; i < states; i++)
            flow->s[k * states + i] += (run->before[i] - run->after[i]) * d_time[k];
    return err;
}

static void change_covariate(struct run *run, size_t index)
{
    const struct change *change = &run->twin->changes[index];
    for (size_t c = 0; c < model_covariates(run->twin->model); c++) {
        run->covariates[c] += run->slopes[c] * (change->time - run->since[c]);
        run->since[c] = change->time;
    }
    run->covariates[change->covariate] = change->value;
    run->slopes[change->covariate] = slope_after(run->twin, index);
    evaluator_covariates(run->flow->evaluator, change->time, run->covariates,
                         run->slopes);
}

static enum err run_stop(struct run *run, const struct stop *stop)
{
    const struct twin *twin = run->twin;
    run->flow->settled = false;
    switch (stop->kind) {
    case STOP_DOSE:
        if (run->deliveries[stop->index].duration > 0) {
            infusion(run, &twin->doses[stop->index], &run->deliveries[stop->index], 1);
            return ERR_OK;
        }
        return bolus(run, &twin->doses[stop->index], &run->deliveries[stop->index]);
    case STOP_END:
        infusion(run, &twin->doses[stop->index], &run->deliveries[stop->index], -1);
        return ERR_OK;
    case STOP_COVARIATE:
        change_covariate(run, stop->index);
        return ERR_OK;
    case STOP_BREAK:
        return switch_over(run, stop->index);
    case STOP_READ:
        break;
    }
    return ERR_OK;
}

/* Carry the state to stop `next`; the solver never looks past the next discontinuity. */
static enum err run_advance(struct run *run, size_t next)
{
    struct flow *flow = run->flow;
    double to = run->stops[next].time;
    if (!flow->ode || to <= flow->t) {
        flow->t = fmax(to, flow->t);
        return ERR_OK;
    }
    size_t wall = next;
    while (wall + 1 < run->stop_count && run->stops[wall].kind == STOP_READ)
        wall++;
    enum err err = ERR_OK;
    if (!flow->settled)
        err = ode_restart(flow->ode, flow->t, flow->x, flow->s);
    if (err == ERR_OK)
        err = ode_advance(flow->ode, to, run->stops[wall].time, flow->x, flow->s);
    flow->settled = true;
    flow->t = to;
    return err;
}

/* Size of each state, for the absolute tolerance: its start, what is dosed into it, or
 * failing both the largest of the others. */
static void run_scale(struct run *run)
{
    struct flow *flow = run->flow;
    size_t states = model_states(flow->model);
    double scale[MODEL_STATES_MAX] = {0}, largest = 0;
    for (size_t i = 0; i < states; i++)
        scale[i] = fabs(flow->x[i]);
    for (size_t i = 0; i < run->twin->dose_count; i++) {
        const struct dose *dose = &run->twin->doses[i];
        size_t state = model_input(flow->model, dose->input)->state;
        scale[state] = fmax(scale[state], fabs(dose->amount));
    }
    for (size_t i = 0; i < states; i++)
        largest = fmax(largest, scale[i]);
    for (size_t i = 0; i < states; i++)
        if (scale[i] == 0)
            scale[i] = largest > 0 ? largest : 1;
    ode_scale(flow->ode, scale);
}

static enum err run_begin(struct run *run, struct flow *flow, const struct twin *twin,
                          const double *parameters, double start)
{
    size_t states = model_states(twin->model), covariates = model_covariates(twin->model);
    size_t d = flow->directions;
    *run = (struct run){.flow = flow, .twin = twin};
    run->covariates = mem_copy(twin->covariates, covariates * sizeof(double));
    run->slopes = mem_new(covariates, sizeof(double));
    run->since = mem_new(covariates, sizeof(double));
    for (size_t c = 0; c < covariates; c++)
        run->since[c] = start;
    run->before = mem_new(states, sizeof(double));
    run->after = mem_new(states, sizeof(double));
    memset(flow->inflow, 0, states * sizeof(double));
    memset(flow->d_inflow, 0, d * states * sizeof(double));
    memset(flow->moving, 0, d * sizeof(bool));
    flow->t = run->start = start;
    flow->settled = false;
    evaluator_individual(flow->evaluator, parameters, run->covariates);
    evaluator_covariates(flow->evaluator, flow->t, run->covariates, run->slopes);
    if (states == 0)
        return ERR_OK;
    double *dx = mem_new(states * d, sizeof(double));
    enum err err = evaluator_initial(flow->evaluator, flow->t, flow->x, d ? dx : NULL);
    for (size_t i = 0; i < states; i++)
        for (size_t k = 0; k < d; k++)
            flow->s[k * states + i] = dx[i * d + k];
    mem_free(dx);
    if (err == ERR_OK)
        run_scale(run);
    return err;
}

/* Where a reading goes: called with the flow at its time. */
typedef enum err read_function(struct run *run, size_t index, void *context);

static enum err run_all(struct run *run, read_function *read, void *context)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < run->stop_count; i++) {
        if ((err = run_advance(run, i)) != ERR_OK)
            break;
        err = run->stops[i].kind == STOP_READ ? read(run, run->stops[i].index, context)
                                              : run_stop(run, &run->stops[i]);
    }
    return err;
}

/* --- prediction at the measurements ------------------------------------------------ */

struct prediction {
    double *f, *jacobian;    /* the caller's */
    double *all_f, *all_d_f; /* of every observation at one time */
};

static enum err read_measurement(struct run *run, size_t index, void *context)
{
    struct prediction *out = context;
    const struct flow *flow = run->flow;
    size_t observation = run->twin->measurements[index].observation, d = flow->directions;
    evaluator_outputs(flow->evaluator, flow->t, flow->x, flow->s, out->all_f,
                      d ? out->all_d_f : NULL, NULL);
    out->f[index] = out->all_f[observation];
    bool finite = isfinite(out->f[index]);
    for (size_t k = 0; k < d; k++) {
        out->jacobian[index * d + k] = out->all_d_f[observation * d + k];
        finite &= isfinite(out->jacobian[index * d + k]) != 0;
    }
    if (!finite)
        return err_set(ERR_NUMERIC, "the prediction of measurement %zu is not finite",
                       index);
    return ERR_OK;
}

enum err twin_predict(struct engine *engine, const struct twin *twin, const double *phi,
                      const double *gamma, double *f, double *jacobian)
{
    const struct model *model = engine->model;
    struct flow *flow = jacobian ? &engine->with : &engine->without;
    double parameters[MODEL_PARAMETERS_MAX];
    twin_parameters(model, engine->layout, phi, gamma, parameters);
    double *reads = mem_new(twin->measurement_count, sizeof(double));
    for (size_t i = 0; i < twin->measurement_count; i++)
        reads[i] = twin->measurements[i].time;
    struct prediction out = {f, jacobian, NULL, NULL};
    out.all_f = mem_new(model_observations(model), sizeof(double));
    out.all_d_f = mem_new(model_observations(model) * flow->directions, sizeof(double));
    struct run run;
    enum err err = run_begin(&run, flow, twin, parameters, twin->start);
    if (err == ERR_OK)
        err = run_plan(&run, reads, twin->measurement_order, twin->measurement_count);
    if (err == ERR_OK)
        err = run_all(&run, read_measurement, &out);
    run_clear(&run);
    mem_free(reads);
    mem_free(out.all_f);
    mem_free(out.all_d_f);
    return err;
}

/* --- simulation at asked times ----------------------------------------------------- */

static enum err read_everything(struct run *run, size_t index, void *context)
{
    const struct flow *flow = run->flow;
    size_t states = model_states(flow->model), derived = model_derived(flow->model);
    size_t observations = model_observations(flow->model);
    double *row = (double *)context + index * (states + derived + observations);
    if (states)
        memcpy(row, flow->x, states * sizeof(double));
    evaluator_outputs(flow->evaluator, flow->t, flow->x, NULL, row + states + derived,
                      NULL, row + states);
    return ERR_OK;
}

enum err twin_simulate(struct engine *engine, const struct twin *twin,
                       const double *parameters, const double *times, size_t time_count,
                       double *out)
{
    struct run run;
    double start = time_count ? fmin(twin->start, times[0]) : twin->start;
    enum err err = run_begin(&run, &engine->without, twin, parameters, start);
    if (err == ERR_OK)
        err = run_plan(&run, times, NULL, time_count);
    if (err == ERR_OK)
        err = run_all(&run, read_everything, out);
    run_clear(&run);
    return err;
}
