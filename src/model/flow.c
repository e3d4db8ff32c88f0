#include "flow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define STEPS_MAX 200000

/* A gap that has come through the end of its span is led back if it changes at this share
 * of its speed, the other way. */
#define LEADS_BACK 1e-9

/* --- between stops -------------------------------------------------------------------
 */

int flow_rate(struct flow *flow, double t, const double *x, double *dxdt)
{
    if (evaluator_rate(flow->evaluator, t, x, dxdt))
        return 1;
    for (size_t i = 0; i < model_states(flow->model); i++)
        dxdt[i] += flow->inflow[i];
    return 0;
}

static int rate_of(void *context, double t, const double *x, double *dxdt)
{
    return flow_rate(context, t, x, dxdt);
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

void flow_init(struct flow *flow, const struct model *model, bool derivatives)
{
    size_t states = model_states(model);
    size_t directions = derivatives ? model_directions(model) : 0;
    *flow = (struct flow){.directions = directions, .model = model};
    flow->evaluator = evaluator_new(model, directions > 0);
    flow->watch.evaluator = flow->evaluator;
    flow->moving = mem_new(directions, sizeof(bool));
    flow->inflow = mem_new((1 + directions) * states, sizeof(double));
    flow->d_inflow = flow->inflow + states;
    flow->x = mem_new((1 + directions) * states, sizeof(double));
    flow->s = flow->x + states;
    flow->scale = mem_new(states, sizeof(double));
    evaluator_hold(flow->evaluator, flow->scale);
}

void flow_solver(struct flow *flow, enum ode_method method, double tolerance)
{
    struct ode_system system = {model_states(flow->model), flow->directions, rate_of,
                                flow_rate_directions,      flow_jacobian,    flow};
    struct ode_options options = {
        .method = method,
        .relative_tolerance = tolerance,
        .absolute_tolerance = tolerance * ABSOLUTE_FRACTION,
        .steps_max = STEPS_MAX,
    };
    if (ode_new(&system, &options, &flow->ode) != ERR_OK)
        abort(); /* sizes and tolerances above are legal by construction */
    flow->watch = (struct watch){.ode = flow->ode,
                                 .evaluator = flow->evaluator,
                                 .x = mem_new(system.states, sizeof(double))};
}

void flow_clear(struct flow *flow)
{
    evaluator_destroy(&flow->evaluator);
    ode_destroy(&flow->ode);
    mem_free(flow->watch.x);
    mem_free(flow->moving);
    mem_free(flow->inflow);
    mem_free(flow->x);
    mem_free(flow->scale);
    mem_free(flow->room);
    mem_free(flow->stops);
}

/* Modes as they are where the flow is now. */
static void settle(struct flow *flow)
{
    if (evaluator_modes(flow->evaluator) == 0)
        return;
    evaluator_settle(flow->evaluator, flow->t, flow->x);
    flow->changed = true;
}

/* --- the schedule of one run ------------------------------------------------------- */

/* A covariate's new value holds at its own time, so changes come first; then the rows of
 * the record in their order. */
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
    const struct schedule *schedule = run->schedule;
    size_t d = run->flow->directions;
    for (size_t i = 0; i < schedule->dose_count; i++) {
        const struct dose *dose = &schedule->doses[i];
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
static enum err run_breaks(struct run *run)
{
    const struct schedule *schedule = run->schedule;
    double last = run->start;
    if (run->read_count)
        last = fmax(last, run->reads[run->read_count - 1]);
    for (size_t i = 0; i < schedule->dose_count; i++)
        last = fmax(last, schedule->doses[i].time + run->deliveries[i].modifiers.lag);
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

/* Readings of a caller's own come after everything at their time; those of a record in
 * the order of its rows, and after what else there is in the row. */
static bool read_precedes(const struct run *run, size_t read, const struct stop *stop)
{
    double time = run->reads[read];
    if (time != stop->time)
        return time < stop->time;
    return stop->kind != STOP_COVARIATE && run->read_order &&
           run->read_order[read] < stop->order;
}

/* The readings before the next stop. */
static void run_look_ahead(struct run *run)
{
    const double until =
        run->stop < run->stop_count ? run->stops[run->stop].time : INFINITY;
    while (run->read_until < run->read_count && run->reads[run->read_until] < until)
        run->read_until++;
    while (run->read_until < run->read_count &&
           (run->stop == run->stop_count ||
            read_precedes(run, run->read_until, &run->stops[run->stop])))
        run->read_until++;
}

static void run_schedule(struct run *run)
{
    const struct schedule *schedule = run->schedule;
    struct flow *flow = run->flow;
    size_t n = 0,
           most = 2 * schedule->dose_count + schedule->change_count + run->break_count;
    MEM_GROW(flow->stops, most, &flow->stops_size);
    run->stops = flow->stops;
    for (size_t i = 0; i < schedule->dose_count; i++) {
        double start = schedule->doses[i].time + run->deliveries[i].modifiers.lag;
        size_t order = schedule->doses[i].order;
        run->stops[n++] = (struct stop){start, STOP_DOSE, order, i};
        if (run->deliveries[i].duration > 0)
            run->stops[n++] =
                (struct stop){start + run->deliveries[i].duration, STOP_END, order, i};
    }
    for (size_t i = 0; i < schedule->change_count; i++)
        run->stops[n++] = (struct stop){schedule->changes[i].time, STOP_COVARIATE,
                                        schedule->changes[i].order, i};
    for (size_t i = 0; i < run->break_count; i++)
        run->stops[n++] = (struct stop){run->breaks[i], STOP_BREAK, 0, i};
    if (n)
        qsort(run->stops, n, sizeof *run->stops, compare_stops);
    while (n && (run->read_count == 0 ||
                 read_precedes(run, run->read_count - 1, &run->stops[n - 1])))
        n--;
    run->stop_count = n;
    run_look_ahead(run);
}

enum err run_plan(struct run *run, const double *reads, const size_t *read_order,
                  size_t read_count)
{
    run->reads = reads;
    run->read_order = read_order;
    run->read_count = read_count;
    run_deliveries(run);
    enum err err = run_breaks(run);
    if (err == ERR_OK)
        run_schedule(run);
    settle(run->flow);
    return err;
}

void run_clear(struct run *run)
{
    mem_free(run->breaks);
    mem_free(run->d_breaks);
}

/* Slope of a linearly interpolated covariate from change `index` to its next one. */
static double slope_after(const struct schedule *schedule, size_t index)
{
    const struct change *from = &schedule->changes[index];
    if (model_covariate(schedule->model, from->covariate)->hold != COVARIATE_LINEAR)
        return 0;
    for (size_t i = index + 1; i < schedule->change_count; i++) {
        const struct change *to = &schedule->changes[i];
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

/* Each state from what all of them were, at a time that depends on nothing: by the chain
 * rule their derivatives likewise. */
static enum err jump(struct flow *flow, const struct dose *dose)
{
    if (evaluator_jump(flow->evaluator, dose->input, flow->t, dose->amount, flow->x,
                       flow->directions ? flow->s : NULL))
        return err_set(ERR_NUMERIC, "what a dose of '%s' makes of a state is not finite",
                       model_input(flow->model, dose->input)->name);
    settle(flow);
    return ERR_OK;
}

static enum err bolus(struct run *run, const struct dose *dose,
                      const struct delivery *delivery)
{
    struct flow *flow = run->flow;
    if (model_input(flow->model, dose->input)->jumps)
        return jump(flow, dose);
    size_t states = model_states(flow->model), d = flow->directions;
    size_t state = model_input(flow->model, dose->input)->state;
    bool moves = false;
    for (size_t k = 0; k < d; k++)
        moves |= delivery->d_start[k] != 0;
    enum err err = moves ? rate_here(flow, run->before) : ERR_OK;
    if (err != ERR_OK)
        return err;
    flow->x[state] += delivery->modifiers.fraction * dose->amount;
    settle(flow);
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
    flow->changed = true;
    settle(flow);
    if (err == ERR_OK && moves)
        err = rate_here(flow, run->after);
    for (size_t k = 0; err == ERR_OK && moves && k < d; k++)
        for (size_t i = 0; i < states; i++)
            flow->s[k * states + i] += (run->before[i] - run->after[i]) * d_time[k];
    return err;
}

/* On neither side of equality does it go on: the solution would have to stay there. */
static enum err refuse_slide(const struct flow *flow, size_t mode)
{
    const struct mode_line *line = &flow->model->program->mode_lines[mode];
    const char *name = line->state      ? line->state->name
                       : line->quantity ? line->quantity->name
                                        : "";
    struct bytes said = {0};
    if (line->condition)
        expr_print(line->condition, &said);
    bytes_u8(&said, 0);
    err_set(ERR_NUMERIC,
            "at time %g '%.80s' turns, in %s%s%s, and the rates lead back at once, so "
            "that it can hold neither way",
            flow->t, (const char *)said.data, line->state ? "d/dt(" : "",
            *name ? name : "an observation", line->state ? ")" : "");
    bytes_free(&said);
    return err_hint("let the rate change little by little, as if(A > T, k*(A - T), 0) "
                    "does, or back only beyond another threshold");
}

double run_early(struct run *run, const struct crossing *crossing)
{
    struct flow *flow = run->flow;
    size_t mode = crossing->mode, modes = evaluator_modes(flow->evaluator);
    const struct mode_span *span = &evaluator_spans(flow->evaluator)[mode];
    double *gaps = mem_new(modes, sizeof *gaps), early = NAN;
    evaluator_gaps(flow->evaluator, flow->t, flow->x, gaps);
    if (!flow_rate(flow, flow->t, flow->x, run->before))
        early = ((crossing->up ? span->to : span->from) - gaps[mode]) /
                evaluator_gap_rate(flow->evaluator, mode, flow->t, flow->x, run->before);
    mem_free(gaps);
    return early;
}

/* The time of a turn is that of g(t, x, p) = 0: it depends on parameters as dt = -dg /
 * g', with g' along f- and dg along a direction, S- included. */
enum err run_turn_one(struct run *run, const struct crossing *crossing)
{
    struct flow *flow = run->flow;
    struct evaluator *evaluator = flow->evaluator;
    size_t states = model_states(flow->model), d = flow->directions;
    size_t mode = crossing->mode, modes = evaluator_modes(evaluator);
    double *room = mem_new(modes + d, sizeof *room), *gaps = room, *slopes = room + modes;
    double sign = crossing->up ? 1 : -1, speed = 0, then = 0;
    enum err err = rate_here(flow, run->before);
    if (err == ERR_OK) {
        evaluator_gaps(evaluator, flow->t, flow->x, gaps);
        evaluator_gap_slopes(evaluator, mode, flow->t, flow->x, flow->s, slopes);
        speed = evaluator_gap_rate(evaluator, mode, flow->t, flow->x, run->before);
        evaluator_turn(evaluator, mode, crossing->up, gaps[mode]);
        evaluator_tolerate(evaluator, mode, gaps);
        settle(flow);
        err = rate_here(flow, run->after);
    }
    if (err == ERR_OK)
        then = evaluator_gap_rate(evaluator, mode, flow->t, flow->x, run->after);
    if (sign * speed > 0 && sign * then < -LEADS_BACK * fabs(speed))
        err = refuse_slide(flow, mode);
    for (size_t k = 0; err == ERR_OK && k < d; k++) {
        run->d_turn[k] = speed != 0 ? -slopes[k] / speed : 0;
        for (size_t i = 0; speed != 0 && i < states; i++)
            flow->s[k * states + i] -=
                (run->before[i] - run->after[i]) * slopes[k] / speed;
    }
    flow->settled = false;
    mem_free(room);
    return err;
}

bool run_late(struct run *run, struct crossing *crossing)
{
    struct flow *flow = run->flow;
    size_t modes = evaluator_modes(flow->evaluator), mode = 0;
    const struct mode_span *spans = evaluator_spans(flow->evaluator);
    double *gaps = mem_new(modes, sizeof *gaps);
    evaluator_gaps(flow->evaluator, flow->t, flow->x, gaps);
    while (mode < modes &&
           (span_holds(&spans[mode], gaps[mode]) || !isfinite(gaps[mode])))
        mode++;
    if (mode < modes)
        *crossing = (struct crossing){mode, gaps[mode] > spans[mode].to, flow->t};
    mem_free(gaps);
    return mode < modes;
}

enum err run_turn(struct run *run, const struct crossing *crossing)
{
    struct crossing on = *crossing;
    size_t late = evaluator_modes(run->flow->evaluator);
    enum err err = run_turn_one(run, &on);
    while (err == ERR_OK && late-- > 0 && run_late(run, &on))
        err = run_turn_one(run, &on);
    return err;
}

static void take_change(struct run *run, size_t index)
{
    const struct change *change = &run->schedule->changes[index];
    for (size_t c = 0; c < model_covariates(run->schedule->model); c++) {
        run->covariates[c] += run->slopes[c] * (change->time - run->since[c]);
        run->since[c] = change->time;
    }
    run->covariates[change->covariate] = change->value;
    run->slopes[change->covariate] = slope_after(run->schedule, index);
    evaluator_covariates(run->flow->evaluator, change->time, run->covariates,
                         run->slopes);
    run->flow->changed = true;
}

static void change_covariate(struct run *run, size_t index)
{
    take_change(run, index);
    settle(run->flow);
}

void run_look_forward(struct run *run, double time, size_t *change)
{
    const struct schedule *schedule = run->schedule;
    while (*change < schedule->change_count && schedule->changes[*change].time < time)
        take_change(run, (*change)++);
}

void run_look_back(struct run *run)
{
    size_t count = model_covariates(run->schedule->model);
    for (size_t c = 0; c < count; c++) {
        run->covariates[c] = run->schedule->covariates[c];
        run->slopes[c] = 0;
        run->since[c] = run->start;
    }
    evaluator_covariates(run->flow->evaluator, run->start, run->covariates, run->slopes);
    run->flow->changed = true;
}

bool run_stop_moves(const struct run *run, double *d_time)
{
    const struct stop *stop = &run->stops[run->stop];
    size_t d = run->flow->directions;
    bool moves = false, dosed = stop->kind == STOP_DOSE || stop->kind == STOP_END;
    const struct delivery *delivery = dosed ? &run->deliveries[stop->index] : NULL;
    for (size_t k = 0; k < d; k++) {
        d_time[k] = dosed ? delivery->d_start[k] : 0;
        if (stop->kind == STOP_END)
            d_time[k] += delivery->d_duration[k];
        if (stop->kind == STOP_BREAK)
            d_time[k] = run->d_breaks[stop->index * d + k];
        moves |= d_time[k] != 0;
    }
    return moves;
}

enum err run_stop(struct run *run)
{
    const struct schedule *schedule = run->schedule;
    const struct stop *stop = &run->stops[run->stop++];
    run_look_ahead(run);
    run->flow->settled = false;
    switch (stop->kind) {
    case STOP_DOSE:
        if (run->deliveries[stop->index].duration > 0) {
            infusion(run, &schedule->doses[stop->index], &run->deliveries[stop->index],
                     1);
            return ERR_OK;
        }
        return bolus(run, &schedule->doses[stop->index], &run->deliveries[stop->index]);
    case STOP_END:
        infusion(run, &schedule->doses[stop->index], &run->deliveries[stop->index], -1);
        return ERR_OK;
    case STOP_COVARIATE:
        change_covariate(run, stop->index);
        return ERR_OK;
    case STOP_BREAK:
        return switch_over(run, stop->index);
    }
    return ERR_OK;
}

enum err flow_restart(struct flow *flow)
{
    watch_begin(&flow->watch, flow->t);
    flow->settled = true;
    return flow->ode ? ode_restart(flow->ode, flow->t, flow->x, flow->s) : ERR_OK;
}

enum err run_to_turn(struct run *run)
{
    struct flow *flow = run->flow;
    double at = flow->watch.ahead;
    enum err err =
        flow->ode ? ode_advance(flow->ode, at, run_wall(run), flow->x, flow->s) : ERR_OK;
    flow->t = at;
    return err;
}

static enum err take_turn(struct run *run)
{
    const struct watch *watch = &run->flow->watch;
    enum err err = watch->turns ? run_to_turn(run) : ERR_OK;
    return err == ERR_OK && watch->turns ? run_turn(run, &watch->next) : err;
}

/* Carry the state to the next thing; the solver never looks past the next discontinuity.
 */
static enum err run_advance(struct run *run)
{
    struct flow *flow = run->flow;
    double to = run_next(run);
    if (!flow->ode || to <= flow->t) {
        flow->t = fmax(to, flow->t);
        return ERR_OK;
    }
    enum err err = ERR_OK;
    while (err == ERR_OK && flow->t < to) {
        double reached, wall = run_wall(run);
        if (!flow->settled)
            err = flow_restart(flow);
        if (err == ERR_OK)
            err = watch_advance(&flow->watch, to, wall, &reached);
        if (err == ERR_OK)
            err = ode_advance(flow->ode, reached, wall, flow->x, flow->s);
        if (err == ERR_OK)
            flow->t = reached;
        if (err == ERR_OK && flow->watch.ahead == reached)
            err = take_turn(run);
    }
    return err;
}

/* Size of each state, for the absolute tolerance: its start, what is dosed into it, or
 * failing both the largest of the others. */
static void run_scale(struct run *run)
{
    struct flow *flow = run->flow;
    size_t states = model_states(flow->model);
    double *scale = flow->scale, largest = 0;
    for (size_t i = 0; i < states; i++)
        scale[i] = fabs(flow->x[i]);
    for (size_t i = 0; i < run->schedule->dose_count; i++) {
        const struct dose *dose = &run->schedule->doses[i];
        const struct model_input *input = model_input(flow->model, dose->input);
        if (!input->jumps)
            scale[input->state] = fmax(scale[input->state], fabs(dose->amount));
    }
    for (size_t i = 0; i < states; i++)
        largest = fmax(largest, scale[i]);
    for (size_t i = 0; i < states; i++)
        if (scale[i] == 0)
            scale[i] = largest > 0 ? largest : 1;
    if (flow->ode)
        ode_scale(flow->ode, scale);
}

/* A periodic course begins so much earlier that it repeats itself at its start. That
 * beginning depends on the parameters as any other time does: before it, nothing moves.
 */
static enum err run_lead(struct run *run)
{
    struct flow *flow = run->flow;
    size_t states = model_states(flow->model), d = flow->directions;
    double lead, d_lead[MODEL_PARAMETERS_MAX];
    enum err err = evaluator_lead(flow->evaluator, &lead, d ? d_lead : NULL);
    flow->t = run->start -= lead;
    settle(flow);
    if (err == ERR_OK && lead > 0 && d)
        err = rate_here(flow, run->after);
    for (size_t k = 0; err == ERR_OK && lead > 0 && k < d; k++) {
        flow->moving[k] |= d_lead[k] != 0;
        for (size_t i = 0; i < states; i++)
            flow->s[k * states + i] += run->after[i] * d_lead[k];
    }
    return err;
}

/* The flow's room, for whatever the run keeps. */
static void run_room(struct run *run)
{
    const struct schedule *schedule = run->schedule;
    struct flow *flow = run->flow;
    size_t states = model_states(schedule->model), d = flow->directions;
    size_t covariates = model_covariates(schedule->model), doses = schedule->dose_count;
    size_t each = sizeof(struct delivery) / sizeof(double);
    size_t wanted = doses * (each + 3 * d) + 3 * covariates + 2 * states + d;
    MEM_GROW(flow->room, wanted, &flow->room_size);
    run->deliveries = (struct delivery *)(void *)flow->room;
    run->derivatives = flow->room + doses * each;
    run->covariates = run->derivatives + doses * 3 * d;
    run->slopes = run->covariates + covariates;
    run->since = run->slopes + covariates;
    run->before = run->since + covariates;
    run->after = run->before + states;
    run->d_turn = run->after + states;
}
_Static_assert(sizeof(struct delivery) % sizeof(double) == 0, "in a room of doubles");

/* The initial values, and their derivatives. */
static enum err run_initial(struct flow *flow)
{
    size_t states = model_states(flow->model), d = flow->directions;
    double dx[MODEL_STATES_MAX * MODEL_PARAMETERS_MAX];
    enum err err = evaluator_initial(flow->evaluator, flow->t, flow->x, d ? dx : NULL);
    for (size_t i = 0; err == ERR_OK && i < states; i++)
        for (size_t k = 0; k < d; k++)
            flow->s[k * states + i] = dx[i * d + k];
    return err;
}

enum err run_begin(struct run *run, struct flow *flow, const struct schedule *schedule,
                   const double *parameters, double start)
{
    size_t states = model_states(schedule->model),
           covariates = model_covariates(schedule->model);
    size_t d = flow->directions;
    *run = (struct run){.flow = flow, .schedule = schedule};
    run_room(run);
    for (size_t c = 0; c < covariates; c++) {
        run->covariates[c] = schedule->covariates[c];
        run->slopes[c] = 0;
        run->since[c] = start;
    }
    memset(flow->inflow, 0, (1 + d) * states * sizeof(double));
    memset(flow->moving, 0, d * sizeof(bool));
    memset(flow->scale, 0, states * sizeof(double));
    flow->t = run->start = start;
    flow->settled = false;
    flow->changed = true;
    evaluator_individual(flow->evaluator, parameters, run->covariates);
    evaluator_covariates(flow->evaluator, flow->t, run->covariates, run->slopes);
    if (states == 0)
        return ERR_OK;
    enum err err = run_initial(flow);
    if (err == ERR_OK)
        err = run_lead(run);
    if (err == ERR_OK)
        run_scale(run);
    return err;
}

enum err run_all(struct run *run, read_function *read, void *context)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && !run_ended(run)) {
        if ((err = run_advance(run)) == ERR_OK)
            err = run_reads(run) ? read(run, run->read++, context) : run_stop(run);
    }
    return err;
}
