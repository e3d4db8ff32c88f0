#include "ensemble.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "vector.h"

/* Of one individual. What needs more is stiff, and CVODES' affair. */
#define LANE_STEPS_MAX 20000

struct ensemble {
    const struct model *model;
    const struct program *program;
    enum simd simd;
    double tolerance;
    size_t states, rows, directions;
    struct lanes *lanes;
    double *registers; /* [program->registers][LANES]; the rows of y are among them */
    double *inflow;    /* [rows][LANES] */
    double from[LANES], to[LANES]; /* where conditions on time keep their branch */
    double *column;                /* [rows] of one lane */

    struct flow flows[LANES];
    struct run runs[LANES];
    struct request *requests[LANES]; /* NULL: idle */
    size_t stop[LANES];              /* the next of its run */
    struct request *queue, *queue_end;
};

/* --- the right-hand side ---------------------------------------------------------------
 */

static double *row(const struct ensemble *ensemble, uint32_t at)
{
    return ensemble->registers + at * (size_t)LANES;
}

static void rate(void *context, const double *t, double *dydt)
{
    struct ensemble *ensemble = context;
    const struct program *program = ensemble->program;
    const struct stream *stream =
        ensemble->directions ? &program->rate_slopes : &program->rate;
    double *time = row(ensemble, program->time);
    EACH_LANE
    {
        double late = t[l] < ensemble->to[l] ? t[l] : ensemble->to[l];
        time[l] = late > ensemble->from[l] ? late : ensemble->from[l];
    }
    vector_run(stream, ensemble->registers, ensemble->simd);
    vector_results(stream, ensemble->registers, ensemble->rows, ensemble->inflow, dydt,
                   ensemble->simd);
}

/* --- begin and end
 * ---------------------------------------------------------------------- */

/* States, then the sensitivities of each direction that has any. */
static size_t groups_of(const struct ensemble *ensemble, size_t *end)
{
    size_t groups = 0;
    end[groups++] = ensemble->states;
    for (size_t r = ensemble->states; r < ensemble->rows; r++) {
        const struct entry *pair =
            ensemble->program->sensitivity + (r - ensemble->states);
        bool same = r > ensemble->states && pair->column == pair[-1].column;
        groups += !same;
        end[groups - 1] = r + 1;
    }
    return groups;
}

struct ensemble *ensemble_new(const struct model *model, bool derivatives,
                              double tolerance, enum simd simd)
{
    const struct program *program = model->program;
    struct ensemble *out = mem_new(1, sizeof *out);
    size_t group_end[MODEL_PARAMETERS_MAX + 1];
    out->model = model;
    out->program = program;
    out->simd = simd;
    out->tolerance = tolerance;
    out->states = model_states(model);
    out->directions = derivatives ? program->direction_count : 0;
    out->rows = out->states + (out->directions ? program->sensitivity_count : 0);
    out->registers = lanes_rows_new(program->registers);
    for (size_t i = 0; i < program->registers; i++)
        EACH_LANE out->registers[i * LANES + l] = program->image[i];
    out->inflow = lanes_rows_new(out->rows);
    out->column = mem_new(out->rows, sizeof(double));
    EACH_LANE flow_init(&out->flows[l], model, derivatives);
    struct lanes_system system = {
        .rows = out->rows,
        .group_end = group_end,
        .groups = groups_of(out, group_end),
        .rate = rate,
        .stage = row(out, program->states),
        .context = out,
        .relative_tolerance = tolerance,
        .steps_max = LANE_STEPS_MAX,
    };
    out->lanes = lanes_new(&system, simd);
    return out;
}

void ensemble_destroy(struct ensemble **ensemble)
{
    struct ensemble *gone = *ensemble;
    if (!gone)
        return;
    EACH_LANE flow_clear(&gone->flows[l]);
    lanes_destroy(&gone->lanes);
    lanes_rows_free(gone->registers);
    lanes_rows_free(gone->inflow);
    mem_free(gone->column);
    mem_free(gone);
    *ensemble = NULL;
}

/* --- between a lane and its flow
 * --------------------------------------------------------- */

/* A row of y, and of what a flow keeps by state and by [direction][state]. */
static double *of_row(const struct ensemble *ensemble, size_t r, double *by_state,
                      double *by_direction)
{
    if (r < ensemble->states)
        return &by_state[r];
    const struct entry *pair = &ensemble->program->sensitivity[r - ensemble->states];
    return &by_direction[pair->column * ensemble->states + pair->row];
}

static void take_from_lane(struct ensemble *ensemble, size_t lane)
{
    struct flow *flow = &ensemble->flows[lane];
    lanes_values(ensemble->lanes, lane, ensemble->column);
    for (size_t r = 0; r < ensemble->rows; r++)
        *of_row(ensemble, r, flow->x, flow->s) = ensemble->column[r];
    flow->t = lanes_time(ensemble->lanes, lane);
}

/* What rests between stops, and the present values into `column`. */
static void give_to_lane(struct ensemble *ensemble, size_t lane)
{
    struct flow *flow = &ensemble->flows[lane];
    evaluator_rest(flow->evaluator, ensemble->registers + lane, LANES,
                   &ensemble->from[lane], &ensemble->to[lane]);
    for (size_t r = 0; r < ensemble->rows; r++) {
        ensemble->column[r] = *of_row(ensemble, r, flow->x, flow->s);
        ensemble->inflow[r * LANES + lane] =
            *of_row(ensemble, r, flow->inflow, flow->d_inflow);
    }
}

static void begin_lane(struct ensemble *ensemble, size_t lane)
{
    const struct flow *flow = &ensemble->flows[lane];
    double absolute[MODEL_STATES_MAX * (MODEL_PARAMETERS_MAX + 1)];
    double unit = ensemble->tolerance * ABSOLUTE_FRACTION;
    for (size_t r = 0; r < ensemble->rows; r++) {
        size_t state = r < ensemble->states
                           ? r
                           : ensemble->program->sensitivity[r - ensemble->states].row;
        absolute[r] = unit * flow->scale[state];
    }
    give_to_lane(ensemble, lane);
    lanes_begin(ensemble->lanes, lane, flow->t, ensemble->column, absolute);
}

/* --- the queue
 * -------------------------------------------------------------------------- */

static void leave(struct ensemble *ensemble, size_t lane, bool done)
{
    struct request *request = ensemble->requests[lane];
    const struct flow *flow = &ensemble->flows[lane];
    for (size_t k = 0; request->moving && k < ensemble->directions; k++)
        request->moving[k] |= flow->moving[k];
    request->done = done;
    run_clear(&ensemble->runs[lane]);
    lanes_rest(ensemble->lanes, lane);
    ensemble->requests[lane] = NULL;
}

/* The next request that can begin, if there is one. */
static void take_next(struct ensemble *ensemble, size_t lane)
{
    while (!ensemble->requests[lane] && ensemble->queue < ensemble->queue_end) {
        struct request *request = ensemble->requests[lane] = ensemble->queue++;
        struct run *run = &ensemble->runs[lane];
        enum err err = run_begin(run, &ensemble->flows[lane], request->schedule,
                                 request->parameters, request->start);
        if (err == ERR_OK)
            err = run_plan(run, request->reads, request->read_order, request->read_count);
        ensemble->stop[lane] = 0;
        if (err == ERR_OK)
            begin_lane(ensemble, lane);
        else
            leave(ensemble, lane, false);
    }
}

/* --- stops
 * ------------------------------------------------------------------------------- */

/* The next stop at which the lane's system changes, or the last of all. */
static double next_wall(const struct ensemble *ensemble, size_t lane)
{
    const struct run *run = &ensemble->runs[lane];
    size_t at = ensemble->stop[lane];
    while (at + 1 < run->stop_count && run->stops[at].kind == STOP_READ)
        at++;
    return run->stops[at].time;
}

/* Everything that happens now but readings. False: something has no finite value. */
static bool happen(struct ensemble *ensemble, size_t lane)
{
    struct run *run = &ensemble->runs[lane];
    double now = lanes_time(ensemble->lanes, lane);
    bool happened = false;
    enum err err = ERR_OK;
    for (; err == ERR_OK && ensemble->stop[lane] < run->stop_count;
         ensemble->stop[lane]++) {
        const struct stop *stop = &run->stops[ensemble->stop[lane]];
        if (stop->kind == STOP_READ || stop->time > now)
            break;
        if (!happened)
            take_from_lane(ensemble, lane);
        happened = true;
        err = run_stop(run, stop);
    }
    if (happened && err == ERR_OK) {
        give_to_lane(ensemble, lane);
        lanes_jump(ensemble->lanes, lane, ensemble->column);
    }
    return err == ERR_OK;
}

/* Brings a lane to where it moves, wants a reading (then true) or is idle. */
static bool attend(struct ensemble *ensemble, size_t lane)
{
    for (;;) {
        take_next(ensemble, lane);
        if (!ensemble->requests[lane])
            return false;
        const struct run *run = &ensemble->runs[lane];
        bool failed = lanes_state(ensemble->lanes, lane) == LANE_FAILED;
        if (failed || !happen(ensemble, lane)) {
            leave(ensemble, lane, false);
        } else if (ensemble->stop[lane] == run->stop_count) {
            leave(ensemble, lane, true);
        } else {
            const struct stop *stop = &run->stops[ensemble->stop[lane]];
            if (stop->time <= lanes_time(ensemble->lanes, lane))
                return true;
            lanes_go(ensemble->lanes, lane, next_wall(ensemble, lane));
            return false;
        }
    }
}

/* --- readings
 * ------------------------------------------------------------------------------ */

static bool read_observation(const struct ensemble *ensemble, size_t lane, size_t index)
{
    const struct request *request = ensemble->requests[lane];
    const struct program *program = ensemble->program;
    size_t d = ensemble->directions, observations = model_observations(ensemble->model);
    const struct stream *stream = d ? &program->observe_slopes : &program->observe;
    size_t which = request->observation[index];
    double f = row(ensemble, stream->results[which])[lane];
    bool finite = isfinite(f);
    request->f[index] = f;
    for (size_t k = 0; k < d; k++) {
        size_t at = observations + which * d + k;
        double one = row(ensemble, stream->results[at])[lane];
        request->d_f[index * d + k] = one;
        finite &= isfinite(one) != 0;
    }
    return finite;
}

/* A row of what `stream` results in, from `to` on. */
static void read_results(const struct ensemble *ensemble, const struct stream *stream,
                         size_t lane, double *to)
{
    for (size_t i = 0; i < stream->result_count; i++)
        to[i] = row(ensemble, stream->results[i])[lane];
}

/* States are read first: the streams' own registers are none of theirs. */
static void read_everything(struct ensemble *ensemble, const bool *wants)
{
    const struct program *program = ensemble->program;
    size_t states = ensemble->states, derived = model_derived(ensemble->model);
    size_t width = states + derived + model_observations(ensemble->model);
    const struct {
        const struct stream *stream;
        size_t at;
    } parts[] = {{&program->derive, states}, {&program->observe, states + derived}};
    for (size_t part = 0; part < 2; part++) {
        vector_run(parts[part].stream, ensemble->registers, ensemble->simd);
        for (size_t lane = 0; lane < LANES; lane++) {
            if (!wants[lane])
                continue;
            const struct run *run = &ensemble->runs[lane];
            double *to = ensemble->requests[lane]->f +
                         run->stops[ensemble->stop[lane]].index * width;
            for (size_t i = 0; i < states; i++)
                to[i] = row(ensemble, program->states + (uint32_t)i)[lane];
            read_results(ensemble, parts[part].stream, lane, to + parts[part].at);
        }
    }
}

static void read_observations(struct ensemble *ensemble, const bool *wants)
{
    const struct program *program = ensemble->program;
    vector_run(ensemble->directions ? &program->observe_slopes : &program->observe,
               ensemble->registers, ensemble->simd);
    for (size_t lane = 0; lane < LANES; lane++) {
        if (!wants[lane])
            continue;
        size_t index = ensemble->runs[lane].stops[ensemble->stop[lane]].index;
        if (!read_observation(ensemble, lane, index))
            leave(ensemble, lane, false);
    }
}

/* One reading of every lane that wants one, each at its own time. */
static void read_all(struct ensemble *ensemble, const bool *wants)
{
    double t[LANES];
    bool everything = false;
    EACH_LANE t[l] = wants[l] ? ensemble->runs[l].stops[ensemble->stop[l]].time
                              : lanes_time(ensemble->lanes, l);
    lanes_between(ensemble->lanes, t);
    memcpy(row(ensemble, ensemble->program->time), t, sizeof t);
    EACH_LANE everything |= wants[l] && !ensemble->requests[l]->observation;
    if (everything)
        read_everything(ensemble, wants);
    else
        read_observations(ensemble, wants);
    EACH_LANE
    if (wants[l] && ensemble->requests[l])
        ensemble->stop[l]++;
}

/* --- the whole
 * ------------------------------------------------------------------------------ */

void ensemble_run(struct ensemble *ensemble, struct request *requests, size_t count)
{
    bool wants[LANES];
    ensemble->queue = requests;
    ensemble->queue_end = requests + count;
    for (;;) {
        bool any_wants = false, any_moves = false;
        EACH_LANE any_wants |= wants[l] = attend(ensemble, l);
        EACH_LANE any_moves |= lanes_state(ensemble->lanes, l) == LANE_MOVING;
        if (any_wants)
            read_all(ensemble, wants);
        else if (any_moves)
            lanes_step(ensemble->lanes);
        else
            return;
    }
}
