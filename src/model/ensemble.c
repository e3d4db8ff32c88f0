#include "ensemble.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "numerics/elementary.h"
#include "operation.h"
#include "affine.h"
#include "vector.h"
#include "feed.h"
#include "resolution.h"

/* Of one individual. After so many it is asked whether it is stiff: a step of the method
 * for stiff ones costs about ten of these, so that what fewer suffice for is through
 * sooner. */
#define LANE_STEPS_MAX 200000
#define STIFF_AFTER 3000
/* Steps that a text gives a length. */
#define STEPS_OF_ONE_LENGTH_MAX 20000000

/* Where a lane is to land because a mode turns there. */
struct landing {
    struct crossing on;
    size_t tries;
    bool aims, landed;
};

struct ensemble {
    const struct model *model;
    const struct program *program;
    enum simd simd;
    double tolerance;
    enum lanes_method method;
    double step;      /* of LANES_CLASSIC */
    size_t steps_max; /* of an individual */
    size_t states, rows, directions;
    struct lanes *lanes;
    double *registers; /* [program->registers][LANES]; the rows of y are among them */
    double *inflow;    /* [rows][LANES] */
    double from[LANES], to[LANES]; /* where conditions on time keep their branch */
    bool timed;                    /* rates or gaps look at time */
    double *column;                /* [rows] of one lane */
    size_t *places;                /* [rows] of y in a flow's x, and what is behind it */
    size_t *everything;            /* [width] where all is that there is to be read */
    size_t width;
    size_t *all_states, *observed; /* rows that readings look at: everything's, or */
    size_t observed_count;         /* only what observations are made of */

    struct flow flows[LANES];
    struct run runs[LANES];
    struct request *requests[LANES]; /* NULL: idle */
    double stops[LANES];             /* when its next stop is; -inf: it is at its end */
    double next[LANES];              /* when its next stop or reading is */
    size_t read[LANES];              /* which reading is being taken */
    lane_set whole, summed, doubted; /* whose requests want everything; want sums; want
                                        to know how far predictions can be off */
    struct scan *scans[LANES];       /* NULL: nobody looks at the course */
    struct scan *readings[LANES];    /* the ensemble's own, for those; NULL: not yet */
    lane_set scanned, watched; /* all of it is looked at; some of it, for readings */
    double quiet[LANES];       /* of the watched: until when nobody looks */
    double *values, *came_to;  /* of functionals, and of the watched [directions] */
    struct feed *feed;         /* NULL: nobody has yet */
    struct landing landings[LANES];
    size_t *gap_rows; /* [gap_row_count] rows that gaps look at */
    size_t gap_row_count;
    double *gaps;                /* [CROSSING_LOOKS][modes][LANES] */
    double *span_from, *span_to; /* [modes][LANES] where gaps may be, slack included */
    struct tally *tally;
    const double **slopes; /* [observations][directions] of what observations result in */
    const struct supply *supply;
    bool dry; /* it had nothing when last asked, and nothing has been answered since */
    struct ensemble_work work;
    double step_flops, reading_flops, tally_flops;
};

/* --- the right-hand side ---------------------------------------------------------------
 */

static double *row(const struct ensemble *ensemble, uint32_t at)
{
    return ensemble->registers + at * (size_t)LANES;
}

static const struct stream *rates_of(const struct ensemble *ensemble)
{
    return ensemble->directions ? &ensemble->program->rate_slopes
                                : &ensemble->program->rate;
}

static void set_time(struct ensemble *ensemble, const double *t)
{
    double *time = row(ensemble, ensemble->program->time);
    if (!ensemble->timed)
        return;
    ROW_LANES time[l] = vector_time(t[l], ensemble->from[l], ensemble->to[l]);
}

static void rate(void *context, const double *t, double *dydt)
{
    struct ensemble *ensemble = context;
    set_time(ensemble, t);
    vector_rates(rates_of(ensemble), ensemble->registers, ensemble->inflow, dydt,
                 ensemble->simd);
}

static void rates(void *context, const struct lanes_stages *stages)
{
    const struct ensemble *ensemble = context;
    rates_of(ensemble)->step(ensemble->registers, ensemble->inflow, ensemble->from,
                             ensemble->to, stages, ensemble->simd);
}

/* A slope that is not finite, of a root at 0, is left out: steps are shorter for it. */
static void linear(void *context, const double *t, double *out)
{
    struct ensemble *ensemble = context;
    const struct program *program = ensemble->program;
    const struct stream *stream =
        ensemble->directions ? &program->linear_slopes : &program->linear;
    set_time(ensemble, t);
    vector_run(stream, ensemble->registers, ensemble->simd);
    for (size_t i = 0; i < stream->result_count; i++) {
        const double *from = row(ensemble, stream->results[i]);
        ROW_LANES out[i * LANES + l] =
            elementary_if(fabs(from[l]) < INFINITY, from[l], 0);
    }
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

static void find_places(struct ensemble *ensemble)
{
    size_t states = ensemble->states;
    ensemble->places = mem_new(ensemble->rows, sizeof(size_t));
    for (size_t r = 0; r < states; r++)
        ensemble->places[r] = r;
    for (size_t r = states; r < ensemble->rows; r++) {
        const struct entry *pair = &ensemble->program->sensitivity[r - states];
        ensemble->places[r] = states * (1 + pair->column) + pair->row;
    }
}

/* Which registers a stream's instructions and results look at: [registers], to be freed.
 */
static bool *registers_read(const struct program *program, const struct stream *stream)
{
    bool *read = mem_new(program->registers, sizeof *read);
    for (size_t i = 0; i < stream->count; i++) {
        const struct instruction *one = &stream->instructions[i];
        read[one->a] = read[one->b] = read[one->c] = true;
    }
    for (size_t i = 0; i < stream->result_count; i++)
        read[stream->results[i]] = true;
    return read;
}

/* The rows of y that observations look at. */
static void find_reads(struct ensemble *ensemble)
{
    const struct program *program = ensemble->program;
    bool *read = registers_read(program, ensemble->directions ? &program->observe_slopes
                                                              : &program->observe);
    ensemble->observed = mem_new(ensemble->rows, sizeof(size_t));
    for (size_t r = 0; r < ensemble->rows; r++)
        if (read[program->states + r])
            ensemble->observed[ensemble->observed_count++] = r;
    mem_free(read);
}

/* And gaps. */
static void find_gap_rows(struct ensemble *ensemble)
{
    const struct program *program = ensemble->program;
    bool *read = registers_read(program, &program->gap);
    ensemble->gap_rows = mem_new(ensemble->states, sizeof(size_t));
    for (size_t r = 0; r < ensemble->states; r++)
        if (read[program->states + r])
            ensemble->gap_rows[ensemble->gap_row_count++] = r;
    ensemble->timed |= read[program->time];
    ensemble->gaps = lanes_rows_new(CROSSING_LOOKS * program->mode_count);
    ensemble->span_from = lanes_rows_new(program->mode_count);
    ensemble->span_to = lanes_rows_new(program->mode_count);
    mem_free(read);
}

/* States, quantities, observations. */
static void find_everything(struct ensemble *ensemble)
{
    const struct stream *derive = &ensemble->program->derive;
    size_t states = ensemble->states;
    ensemble->width = states + derive->result_count;
    ensemble->everything = mem_new(ensemble->width, sizeof(size_t));
    for (size_t i = 0; i < ensemble->width; i++)
        ensemble->everything[i] = LANES * (i < states ? ensemble->program->states + i
                                                      : derive->results[i - states]);
}

/* Where the derivatives of observations stand. */
static void find_slopes(struct ensemble *ensemble)
{
    const struct stream *stream = &ensemble->program->observe_slopes;
    size_t observations = model_observations(ensemble->model),
           count = observations * ensemble->directions;
    ensemble->slopes = mem_new(count, sizeof *ensemble->slopes);
    for (size_t i = 0; i < count; i++)
        ensemble->slopes[i] = row(ensemble, stream->results[observations + i]);
}

static double flops_of(const struct stream *stream)
{
    double flops = 0;
    for (size_t i = 0; i < stream->count; i++)
        flops += operation_is_fused(stream->instructions[i].op) ? 2 : 1;
    return flops;
}

/* Of a step six rates, or one for each power, and what lanes and tally say of
 * themselves. */
static void count_flops(struct ensemble *ensemble)
{
    const struct program *program = ensemble->program;
    size_t d = ensemble->directions;
    double observe = flops_of(d ? &program->observe_slopes : &program->observe);
    bool series = ensemble->method == LANES_SERIES;
    ensemble->step_flops =
        (series ? LANES_POWERS : 6) * flops_of(rates_of(ensemble)) +
        (series ? LANES_POWERS * LANES_POWER_FLOPS : LANES_STEP_FLOPS) *
            (double)ensemble->rows;
    ensemble->reading_flops = observe + 14 * (double)ensemble->observed_count;
    ensemble->tally_flops = (double)TALLY_FLOPS(d);
}

struct ensemble_work ensemble_work(const struct ensemble *ensemble)
{
    return ensemble->work;
}

/* Of row r of y; which state it is, or the derivative of which. */
static size_t state_of(const struct ensemble *ensemble, size_t r)
{
    return r < ensemble->states
               ? r
               : ensemble->program->sensitivity[r - ensemble->states].row;
}

bool ensemble_takes_series(const struct model *model)
{
    const struct program *program = model->program;
    bool looks_back = program->watched_count > 0;
    return model_states(model) > 0 && model->step == 0 && program->mode_count == 0 &&
           !looks_back && rates_are_affine(program, &program->rate) &&
           rates_are_affine(program, &program->rate_slopes);
}

bool ensemble_takes_stiff(const struct model *model)
{
    return model->program->linear.result_count > 0;
}

/* What stiff ones need to be told; the two arrays are the caller's to free. */
static void tell_structure(const struct ensemble *ensemble, struct lanes_system *system,
                           size_t **state, struct lanes_entry **slopes)
{
    const struct program *program = ensemble->program;
    size_t entries = program->jacobian_count;
    system->slope_count = entries + (ensemble->directions ? program->bend_count : 0);
    *state = mem_new(ensemble->rows, sizeof **state);
    *slopes = mem_new(system->slope_count, sizeof **slopes);
    for (size_t r = 0; r < ensemble->rows; r++)
        (*state)[r] = state_of(ensemble, r);
    for (size_t i = 0; i < system->slope_count; i++) {
        const struct entry *one =
            i < entries ? &program->jacobian_entry[i] : &program->bend_entry[i - entries];
        size_t first = i < entries ? 0 : ensemble->states;
        (*slopes)[i] =
            (struct lanes_entry){(uint32_t)(first + one->row), (uint32_t)one->column};
    }
    system->state = *state;
    system->slopes = *slopes;
    system->linear = linear;
}

static struct lanes *block_new(struct ensemble *ensemble)
{
    enum lanes_method method = ensemble->method;
    size_t group_end[MODEL_PARAMETERS_MAX + 1], *state;
    struct lanes_entry *slopes;
    bool gives_up = method == LANES_TSITOURAS && ensemble_takes_stiff(ensemble->model);
    struct lanes_system system = {
        .method = method,
        .rows = ensemble->rows,
        .group_end = group_end,
        .groups = groups_of(ensemble, group_end),
        .rate = rate,
        .stage = row(ensemble, ensemble->program->states),
        .rates = rates_of(ensemble)->step && ensemble->simd != SIMD_SCALAR ? rates : NULL,
        .context = ensemble,
        .relative_tolerance = ensemble->tolerance,
        .step = ensemble->states ? ensemble->step : INFINITY,
        .steps_max = ensemble->steps_max,
        .stiff_after = gives_up ? STIFF_AFTER : 0,
    };
    tell_structure(ensemble, &system, &state, &slopes);
    struct lanes *out = lanes_new(&system, ensemble->simd);
    mem_free(state);
    mem_free(slopes);
    return out;
}

/* Everything but what carries it. */
static struct ensemble *empty_new(const struct model *model, enum lanes_method method,
                                  bool derivatives, double tolerance, enum simd simd)
{
    const struct program *program = model->program;
    struct ensemble *out = mem_new(1, sizeof *out);
    out->model = model;
    out->program = program;
    out->simd = simd;
    out->tolerance = tolerance;
    out->method = method;
    out->states = model_states(model);
    out->directions = derivatives ? program->direction_count : 0;
    out->rows = out->states + (out->directions ? program->sensitivity_count : 0);
    out->registers = lanes_rows_new(program->registers);
    for (size_t i = 0; i < program->registers; i++)
        EACH_LANE out->registers[i * LANES + l] = program->image[i];
    out->inflow = lanes_rows_new(out->rows);
    out->column = mem_new(out->rows, sizeof(double));
    out->all_states = mem_new(out->states, sizeof(size_t));
    for (size_t i = 0; i < out->states; i++)
        out->all_states[i] = i;
    find_places(out);
    find_everything(out);
    find_reads(out);
    find_gap_rows(out);
    find_slopes(out);
    bool *read = registers_read(program, rates_of(out));
    out->timed |= read[program->time];
    mem_free(read);
    count_flops(out);
    out->tally = tally_new(out->directions, simd);
    out->values = mem_new(model->syntax->functional_count, sizeof(double));
    out->came_to = mem_new(program->watched_count * out->directions, sizeof(double));
    EACH_LANE flow_init(&out->flows[l], model, derivatives);
    return out;
}

struct ensemble *ensemble_new(const struct model *model, enum lanes_method method,
                              bool derivatives, double tolerance, enum simd simd)
{
    struct ensemble *out = empty_new(model, method, derivatives, tolerance, simd);
    out->step = model->step;
    out->steps_max = method == LANES_CLASSIC ? STEPS_OF_ONE_LENGTH_MAX : LANE_STEPS_MAX;
    out->lanes = block_new(out);
    return out;
}

struct ensemble *ensemble_new_equal(const struct model *model, double step,
                                    bool derivatives, double tolerance, enum simd simd)
{
    struct ensemble *out = empty_new(model, LANES_CLASSIC, derivatives, tolerance, simd);
    out->step = step;
    out->steps_max = SIZE_MAX;
    out->lanes = block_new(out);
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
    mem_free(gone->places);
    mem_free(gone->all_states);
    mem_free(gone->everything);
    mem_free(gone->observed);
    mem_free(gone->gap_rows);
    lanes_rows_free(gone->gaps);
    lanes_rows_free(gone->span_from);
    lanes_rows_free(gone->span_to);
    mem_free(gone->slopes);
    tally_destroy(&gone->tally);
    feed_destroy(&gone->feed);
    EACH_LANE scan_destroy(&gone->readings[l]);
    mem_free(gone->values);
    mem_free(gone->came_to);
    mem_free(gone);
    *ensemble = NULL;
}

/* --- between a lane and its flow
 * --------------------------------------------------------- */

static void take_from_lane(struct ensemble *ensemble, size_t lane)
{
    struct flow *flow = &ensemble->flows[lane];
    lanes_values(ensemble->lanes, lane, ensemble->column);
    for (size_t r = 0; r < ensemble->rows; r++)
        flow->x[ensemble->places[r]] = ensemble->column[r];
    flow->t = lanes_times(ensemble->lanes)[lane];
}

/* What rests between stops, and the present values into `column`. */
static void give_to_lane(struct ensemble *ensemble, size_t lane)
{
    struct flow *flow = &ensemble->flows[lane];
    if (flow->changed)
        evaluator_rest(flow->evaluator, ensemble->registers + lane, LANES,
                       &ensemble->from[lane], &ensemble->to[lane]);
    flow->changed = false;
    for (size_t m = 0; m < ensemble->program->mode_count; m++) {
        const struct mode_span *span = &evaluator_spans(flow->evaluator)[m];
        ensemble->span_from[m * LANES + lane] = span->from - span->slack;
        ensemble->span_to[m * LANES + lane] = span->to + span->slack;
    }
    for (size_t r = 0; r < ensemble->rows; r++) {
        ensemble->column[r] = flow->x[ensemble->places[r]];
        ensemble->inflow[r * LANES + lane] = flow->inflow[ensemble->places[r]];
    }
}

static void begin_lane(struct ensemble *ensemble, size_t lane)
{
    const struct flow *flow = &ensemble->flows[lane];
    double absolute[MODEL_STATES_MAX * (MODEL_PARAMETERS_MAX + 1)];
    double unit = ensemble->tolerance * ABSOLUTE_FRACTION;
    for (size_t r = 0; r < ensemble->rows; r++)
        absolute[r] = unit * flow->scale[state_of(ensemble, r)];
    give_to_lane(ensemble, lane);
    lanes_begin(ensemble->lanes, lane, flow->t, ensemble->column, absolute);
}

/* --- requests
 * ------------------------------------------------------------------------- */

static bool all_finite(const double *values, size_t count)
{
    bool finite = true;
    for (size_t i = 0; i < count; i++)
        finite &= isfinite(values[i]) != 0;
    return finite;
}

static void count_work(struct ensemble *ensemble, size_t lane)
{
    struct ensemble_work *work = &ensemble->work;
    size_t steps = lanes_steps(ensemble->lanes, lane),
           readings = ensemble->runs[lane].read;
    work->requests++;
    work->steps += steps;
    work->readings += readings;
    double each = ensemble->reading_flops;
    each += ensemble->requests[lane]->sums ? ensemble->tally_flops : 0;
    work->flops += (double)steps * ensemble->step_flops + (double)readings * each;
}

static void leave(struct ensemble *ensemble, size_t lane, enum err err)
{
    struct request *request = ensemble->requests[lane];
    size_t d = ensemble->directions;
    if (request->moving)
        memcpy(request->moving, ensemble->flows[lane].moving, d * sizeof(bool));
    bool finite = true;
    if (request->sums)
        tally_end(ensemble->tally, lane, request->sums);
    if (err == ERR_OK && request->scan)
        scan_end(request->scan, ensemble->flows[lane].evaluator);
    if (err == ERR_OK && request->sums) {
        finite = all_finite(request->sums, TALLY_SUMS(d));
    } else if (err == ERR_OK && request->observation) {
        finite = all_finite(request->f, request->read_count) &&
                 all_finite(request->d_f, request->read_count * d);
    }
    if (!finite)
        err = err_set(ERR_NUMERIC, "a prediction or its likelihood is not finite");
    count_work(ensemble, lane);
    request->err = err;
    run_clear(&ensemble->runs[lane]);
    ensemble->runs[lane] = (struct run){0};
    ensemble->whole &= ~LANE_BIT(lane);
    ensemble->summed &= ~LANE_BIT(lane);
    ensemble->doubted &= ~LANE_BIT(lane);
    ensemble->scanned &= ~LANE_BIT(lane);
    ensemble->watched &= ~LANE_BIT(lane);
    ensemble->scans[lane] = NULL;
    ensemble->landings[lane] = (struct landing){0};
    lanes_rest(ensemble->lanes, lane);
    ensemble->requests[lane] = NULL;
    ensemble->supply->done(ensemble->supply->context, request);
    ensemble->dry = false;
}

static void need_feed(struct ensemble *ensemble)
{
    if (!ensemble->feed)
        ensemble->feed =
            feed_new(ensemble->model, ensemble->directions > 0, ensemble->simd);
}

/* Somebody wants to look at all of a course. */
static void begin_scan(struct ensemble *ensemble, size_t lane)
{
    need_feed(ensemble);
    ensemble->scans[lane] = ensemble->requests[lane]->scan;
    ensemble->scanned |= LANE_BIT(lane);
    scan_begin(ensemble->scans[lane]);
}

/* Readings look back. */
static enum err begin_readings(struct ensemble *ensemble, size_t lane)
{
    struct scan **scan = &ensemble->readings[lane];
    need_feed(ensemble);
    if (!*scan)
        *scan = scan_of_readings(ensemble->model, ensemble->directions);
    ensemble->scans[lane] = *scan;
    ensemble->watched |= LANE_BIT(lane);
    enum err err =
        feed_plan(&ensemble->runs[lane], ensemble->requests[lane]->observation, *scan);
    ensemble->quiet[lane] = scan_quiet(*scan);
    return err;
}

/* The next request that can begin, if there is one. */
static void take_next(struct ensemble *ensemble, size_t lane)
{
    const struct supply *supply = ensemble->supply;
    while (!ensemble->requests[lane]) {
        struct request *request = ensemble->requests[lane] =
            ensemble->dry ? NULL : supply->next(supply->context);
        struct run *run = &ensemble->runs[lane];
        ensemble->dry = !request;
        if (!request)
            return;
        enum err err = run_begin(run, &ensemble->flows[lane], request->schedule,
                                 request->parameters, request->start);
        if (request->scan)
            begin_scan(ensemble, lane);
        if (err == ERR_OK)
            err = run_plan(run, request->reads, request->read_order, request->read_count);
        if (request->present)
            feed_nothing_back(&ensemble->flows[lane]);
        else if (err == ERR_OK && !request->scan &&
                 feed_looks_back(ensemble->model, request->observation,
                                 request->read_count))
            err = begin_readings(ensemble, lane);
        if (request->sums)
            tally_begin(ensemble->tally, lane, request->subject);
        ensemble->summed |= (lane_set)(request->sums != NULL) << lane;
        ensemble->doubted |= (lane_set)(request->off != NULL) << lane;
        ensemble->whole |= (lane_set)(!request->observation && !request->scan) << lane;
        if (err == ERR_OK)
            begin_lane(ensemble, lane);
        else
            leave(ensemble, lane, err);
    }
}

/* --- stops
 * ------------------------------------------------------------------------------- */

/* Why a lane does not move any more. */
static enum err refuse(struct ensemble *ensemble, size_t lane)
{
    size_t steps = lanes_steps(ensemble->lanes, lane);
    double now = lanes_times(ensemble->lanes)[lane];
    if (lanes_states(ensemble->lanes)[lane] == LANE_STIFF) {
        ensemble->requests[lane]->stiff = true;
        return err_set(ERR_NUMERIC, "too stiff at time %g", now);
    }
    if (steps >= ensemble->steps_max)
        return err_set(ERR_NUMERIC, "%zu steps lead from time %g only to %g", steps,
                       ensemble->runs[lane].start, now);
    if (ensemble->method == LANES_CLASSIC)
        return err_set(ERR_NUMERIC, "at time %g a step of %g leads to what is not finite",
                       now, ensemble->step);
    return err_set(ERR_NUMERIC, "at time %g no step is small enough for tolerance %g",
                   now, ensemble->tolerance);
}

/* A mode turns where its lane has landed for that. */
static enum err turn(struct ensemble *ensemble, size_t lane)
{
    struct crossing on = ensemble->landings[lane].on;
    ensemble->landings[lane] = (struct landing){0};
    take_from_lane(ensemble, lane);
    struct run *run = &ensemble->runs[lane];
    return ensemble->watched >> lane & 1
               ? feed_turn(ensemble->feed, run, ensemble->scans[lane], &on)
               : run_turn(run, &on);
}

/* Everything that happens now, up to the next reading. */
static enum err happen(struct ensemble *ensemble, size_t lane)
{
    struct run *run = &ensemble->runs[lane];
    double now = lanes_times(ensemble->lanes)[lane];
    bool happened = ensemble->landings[lane].landed;
    enum err err = happened ? turn(ensemble, lane) : ERR_OK;
    while (err == ERR_OK && !run_ended(run) && !run_reads(run) && run_next(run) <= now) {
        if (!happened)
            take_from_lane(ensemble, lane);
        happened = true;
        err = ensemble->watched >> lane & 1
                  ? feed_stop(ensemble->feed, run, ensemble->scans[lane])
                  : run_stop(run);
    }
    if (happened && err == ERR_OK) {
        give_to_lane(ensemble, lane);
        lanes_jump(ensemble->lanes, lane, ensemble->column);
    }
    return err;
}

/* Brings a lane to where it moves, wants a reading or is idle. */
static void attend(struct ensemble *ensemble, size_t lane)
{
    for (;;) {
        ensemble->stops[lane] = ensemble->next[lane] = INFINITY;
        take_next(ensemble, lane);
        if (!ensemble->requests[lane])
            return;
        const struct run *run = &ensemble->runs[lane];
        enum lane_state state = lanes_states(ensemble->lanes)[lane];
        bool failed = state == LANE_FAILED || state == LANE_STIFF;
        enum err err = failed ? refuse(ensemble, lane) : happen(ensemble, lane);
        if (err != ERR_OK || run_ended(run)) {
            leave(ensemble, lane, err);
            continue;
        }
        ensemble->stops[lane] =
            run->stop < run->stop_count ? run->stops[run->stop].time : -INFINITY;
        ensemble->next[lane] = run_next(run);
        if (ensemble->next[lane] > lanes_times(ensemble->lanes)[lane])
            lanes_go(ensemble->lanes, lane, run_wall(run));
        return;
    }
}

/* --- readings
 * ------------------------------------------------------------------------------ */

static void read_everything(struct ensemble *ensemble, lane_set wants)
{
    const size_t *everything = ensemble->everything, width = ensemble->width;
    vector_run(&ensemble->program->derive, ensemble->registers, ensemble->simd);
    EACH_OF(wants)
    {
        const double *from = ensemble->registers + l;
        double *to = ensemble->requests[l]->f + ensemble->read[l] * width;
#pragma GCC unroll 4
        for (size_t i = 0; i < width; i++)
            to[i] = from[everything[i]];
    }
}

static void keep_prediction(const struct ensemble *ensemble, size_t lane, size_t which,
                            const struct stream *stream)
{
    const struct request *request = ensemble->requests[lane];
    size_t d = ensemble->directions, index = ensemble->read[lane];
    request->f[index] = row(ensemble, stream->results[which])[lane];
    for (size_t k = 0; k < d; k++) {
        size_t at = model_observations(ensemble->model) + which * d + k;
        request->d_f[index * d + k] = row(ensemble, stream->results[at])[lane];
    }
}

/* The lanes whose reading is of observation `which`: into their sums, or as it is. */
static void read_one(struct ensemble *ensemble, const struct stream *stream, size_t which,
                     lane_set wants)
{
    EACH_OF(wants & ~ensemble->summed) keep_prediction(ensemble, l, which, stream);
    if (wants & ensemble->summed)
        tally_add(ensemble->tally, wants & ensemble->summed,
                  row(ensemble, stream->results[which]),
                  ensemble->slopes + which * ensemble->directions);
}

static void read_observations(struct ensemble *ensemble, lane_set wants)
{
    const struct program *program = ensemble->program;
    const struct stream *stream =
        ensemble->directions ? &program->observe_slopes : &program->observe;
    size_t observations = model_observations(ensemble->model);
    vector_run(stream, ensemble->registers, ensemble->simd);
    for (size_t which = 0; wants; which++) {
        lane_set these = wants;
        if (which + 1 < observations) {
            these = 0;
            EACH_OF(wants)
            if (ensemble->requests[l]->observation[ensemble->read[l]] == which)
                these |= LANE_BIT(l);
        }
        if (these)
            read_one(ensemble, stream, which, these);
        wants &= ~these;
    }
}

/* What an observation's functionals have come to, for a lane that reads it. */
static void read_back(struct ensemble *ensemble, size_t lane, size_t observation)
{
    const struct program *program = ensemble->program;
    const size_t *first = &program->watched_first[observation];
    size_t d = ensemble->directions;
    if (first[0] == first[1])
        return;
    scan_read(ensemble->scans[lane], observation, ensemble->values, ensemble->came_to);
    for (size_t i = first[0]; i < first[1]; i++) {
        uint32_t functional = (uint32_t)program->watched[i];
        row(ensemble, program->functionals + functional)[lane] =
            ensemble->values[functional];
        for (size_t k = 0; k < d; k++)
            row(ensemble, program->functional_slopes + (uint32_t)(i * d + k))[lane] =
                ensemble->came_to[i * d + k];
    }
}

static void read_all_back(struct ensemble *ensemble, lane_set wants)
{
    EACH_OF(wants)
    {
        const size_t *observation = ensemble->requests[l]->observation;
        if (observation)
            read_back(ensemble, l, observation[ensemble->read[l]]);
        for (size_t o = 0; !observation && o < model_observations(ensemble->model); o++)
            read_back(ensemble, l, o);
    }
}

/* How far what they have read can be off, by states as they are at `at`. */
static void read_resolution(struct ensemble *ensemble, const double *at, lane_set wants)
{
    const struct program *program = ensemble->program;
    double x[MODEL_STATES_MAX], now[LANES];
    lanes_between(ensemble->lanes, at, ensemble->all_states, ensemble->states);
    memcpy(now, row(ensemble, program->time), sizeof now);
    EACH_OF(wants)
    {
        const struct request *request = ensemble->requests[l];
        size_t index = ensemble->read[l];
        for (size_t i = 0; i < ensemble->states; i++)
            x[i] = row(ensemble, program->states + (uint32_t)i)[l];
        for (size_t f = 0; f < ensemble->model->syntax->functional_count; f++)
            ensemble->values[f] = row(ensemble, program->functionals + (uint32_t)f)[l];
        request->off[index] =
            resolution(&ensemble->flows[l], ensemble->tolerance, now[l], x,
                       request->observation[index], ensemble->values);
    }
}

/* The lanes that want a reading go on to what comes next of theirs. Which lanes do is as
 * good as random: a branch on it would be mistaken half of the time. Returns who then
 * wants another one. */
static lane_set turn_over(struct ensemble *ensemble, lane_set wants)
{
    const double *now = lanes_times(ensemble->lanes);
    lane_set again = 0;
    EACH_LANE
    {
        struct run *run = &ensemble->runs[l];
        ensemble->read[l] = run->read;
        run->read += wants >> l & 1;
        bool more = run_reads(run);
        const double *next = more ? run->reads + run->read : &ensemble->stops[l];
        ensemble->next[l] = *next;
        again |= (lane_set)(more & (*next <= now[l])) << l;
    }
    return again;
}

/* One reading of every lane that wants one, each at its own time; returns who wants
 * another one. (Lanes turn over first: what is written one by one and read as a row right
 * after is waited for.) */
static lane_set read_all(struct ensemble *ensemble, lane_set wants)
{
    LANES_ALIGNED double at[LANES];
    const double *now = lanes_times(ensemble->lanes);
    double *t = row(ensemble, ensemble->program->time);
    lane_set summed = wants & ensemble->summed, again;
    ROW_LANES at[l] = ensemble->next[l];
    ROW_LANES t[l] = at[l] < now[l] ? at[l] : now[l];
    again = turn_over(ensemble, wants);
    if (summed)
        tally_look(ensemble->tally, summed, ensemble->read);
    if (wants & ensemble->watched)
        read_all_back(ensemble, wants & ensemble->watched);
    if (wants & ensemble->whole) {
        lanes_between(ensemble->lanes, at, ensemble->all_states, ensemble->states);
        read_everything(ensemble, wants);
    } else if (wants & ~ensemble->scanned) {
        lanes_between(ensemble->lanes, at, ensemble->observed, ensemble->observed_count);
        read_observations(ensemble, wants);
    }
    if (wants & ensemble->doubted)
        read_resolution(ensemble, at, wants & ensemble->doubted);
    return again;
}

/* --- turns
 * --------------------------------------------------------------------------------
 *
 * A mode rests while a step is made. Where its gap has left its span in a step, the lane
 * goes back to where that began and makes one that ends at the crossing instead, as well
 * as it is known; then, by gap and speed there, goes on or back once more, until it is
 * there to the last bits. Then the mode turns, at what is another stop. */

#define LANDING_TRIES 6
#define LANDING_SHARE 1e-12 /* of a step, and the last bits of time */
#define LANDING_ULPS 4

/* All gaps of all lanes in one place of their last steps, each at its own time. */
static void look_at_gaps(struct ensemble *ensemble, const double *t, double *out)
{
    const struct stream *stream = &ensemble->program->gap;
    lanes_between(ensemble->lanes, t, ensemble->gap_rows, ensemble->gap_row_count);
    set_time(ensemble, t);
    vector_run(stream, ensemble->registers, ensemble->simd);
    for (size_t m = 0; m < stream->result_count; m++)
        memcpy(out + m * LANES, row(ensemble, stream->results[m]), LANES * sizeof *out);
}

/* Of these lanes, whose gaps may have left their spans. */
static lane_set find_leaving(struct ensemble *ensemble, const double *begun,
                             lane_set among)
{
    const double *now = lanes_times(ensemble->lanes);
    size_t modes = ensemble->program->mode_count;
    lane_set leaving = 0;
    for (size_t i = 0; i < CROSSING_LOOKS; i++) {
        double share = crossing_places[i], t[LANES];
        EACH_LANE t[l] = share < 1 ? begun[l] + share * (now[l] - begun[l]) : now[l];
        look_at_gaps(ensemble, t, ensemble->gaps + i * modes * LANES);
    }
    for (size_t m = 0; m < modes; m++)
        leaving |= crossing_may_in(
            ensemble->span_from + m * LANES, ensemble->span_to + m * LANES,
            ensemble->gaps + m * LANES, modes * LANES, ensemble->simd);
    return leaving & among;
}

struct spot {
    struct ensemble *ensemble;
    size_t lane;
};

static void look_into_lane(void *context, double t, double *x)
{
    const struct spot *spot = context;
    struct ensemble *ensemble = spot->ensemble;
    double times[LANES];
    EACH_LANE times[l] = t;
    lanes_between(ensemble->lanes, times, ensemble->gap_rows, ensemble->gap_row_count);
    for (size_t n = 0; n < ensemble->gap_row_count; n++)
        x[ensemble->gap_rows[n]] =
            row(ensemble,
                ensemble->program->states)[ensemble->gap_rows[n] * LANES + spot->lane];
}

/* The lane is where it was to land: is the gap at the end of its span here? */
static void land(struct ensemble *ensemble, size_t lane, double begun)
{
    struct landing *landing = &ensemble->landings[lane];
    struct run *run = &ensemble->runs[lane];
    double now = lanes_times(ensemble->lanes)[lane], wall = run_wall(run);
    double known = LANDING_SHARE * (now - begun) + LANDING_ULPS * DBL_EPSILON * fabs(now);
    take_from_lane(ensemble, lane);
    double early = run_early(run, &landing->on), to = now + early;
    if (!(fabs(early) > known) || !(to > begun) || ++landing->tries > LANDING_TRIES) {
        landing->landed = true;
        return;
    }
    landing->on.time = to;
    if (to >= wall)
        *landing = (struct landing){0};
    if (early < 0)
        lanes_retreat(ensemble->lanes, lane, to);
    else
        lanes_go(ensemble->lanes, lane, fmin(to, wall));
}

/* Back to where its last step began, and from there to the crossing. */
static void aim(struct ensemble *ensemble, size_t lane, double begun,
                const struct crossing *on)
{
    struct landing *landing = &ensemble->landings[lane];
    landing->on = *on;
    landing->aims = true;
    landing->landed = !(on->time > begun);
    lanes_retreat(ensemble->lanes, lane, landing->landed ? begun : on->time);
}

/* After a step. */
static void watch_modes(struct ensemble *ensemble)
{
    double begun[LANES], taken[LANES];
    const double *now = lanes_times(ensemble->lanes);
    const enum lane_state *state = lanes_states(ensemble->lanes);
    lane_set stand = lanes_curves(ensemble->lanes, NULL, 0, NULL, begun, taken),
             there = 0;
    EACH_OF(stand)
    {
        const struct landing *landing = &ensemble->landings[l];
        bool goes_on = state[l] == LANE_MOVING || state[l] == LANE_ARRIVED;
        stand &= goes_on ? stand : ~LANE_BIT(l);
        there |= (lane_set)(goes_on && landing->aims && landing->on.time == now[l]) << l;
    }
    EACH_OF(there) land(ensemble, l, begun[l]);
    lane_set leaving = find_leaving(ensemble, begun, stand & ~there);
    EACH_OF(leaving)
    {
        struct spot spot = {ensemble, l};
        struct crossing on;
        if (crossing_find(ensemble->flows[l].evaluator, begun[l], now[l], look_into_lane,
                          &spot, ensemble->flows[l].x, &on))
            aim(ensemble, l, begun[l], &on);
    }
}

/* The step just made, to whoever looks at it. */
static void show_step(struct ensemble *ensemble)
{
    const struct feed_lanes of = {ensemble->lanes, ensemble->flows, ensemble->registers,
                                  ensemble->from, ensemble->to};
    const double *now = lanes_times(ensemble->lanes);
    struct scan *scans[LANES] = {NULL};
    lane_set looks = ensemble->scanned;
    EACH_OF(ensemble->watched)
    looks |= (lane_set)(now[l] > ensemble->quiet[l]) << l;
    if (!looks)
        return;
    EACH_OF(looks) scans[l] = ensemble->scans[l];
    feed_step(ensemble->feed, &of, scans);
    EACH_OF(looks & ensemble->watched) ensemble->quiet[l] = scan_quiet(scans[l]);
    EACH_OF(looks)
    {
        enum err err = scan_refuses(scans[l]);
        if (err != ERR_OK)
            leave(ensemble, l, err);
    }
}

/* --- the whole
 * ------------------------------------------------------------------------------ */

/* Whose next reading is due. */
static lane_set due_readings(const struct ensemble *ensemble)
{
    const double *now = lanes_times(ensemble->lanes), *next = ensemble->next;
    lane_set out = 0;
    EACH_LANE out |= (lane_set)(run_reads(&ensemble->runs[l]) & (next[l] <= now[l])) << l;
    return out;
}

/* Whoever has reached what comes next, failed, or has nothing to do while there may be
 * something. */
static lane_set due(const struct ensemble *ensemble)
{
    const double *now = lanes_times(ensemble->lanes), *next = ensemble->next;
    const enum lane_state *state = lanes_states(ensemble->lanes);
    const enum lane_state resting = ensemble->dry ? LANE_IDLE : LANE_MOVING;
    lane_set out = 0;
    EACH_LANE
    {
        bool stands = (state[l] != LANE_MOVING) & (state[l] != resting);
        out |= (lane_set)((next[l] <= now[l]) | stands) << l;
    }
    return out;
}

void ensemble_run(struct ensemble *ensemble, const struct supply *supply)
{
    const enum lane_state *state = lanes_states(ensemble->lanes);
    ensemble->supply = supply;
    ensemble->dry = false;
    for (;;) {
        lane_set wants = due_readings(ensemble), stopped;
        bool moves = false;
        while (wants)
            wants = read_all(ensemble, wants);
        stopped = due(ensemble);
        EACH_OF(stopped) attend(ensemble, l);
        if (stopped && due_readings(ensemble))
            continue;
        EACH_LANE moves |= state[l] == LANE_MOVING;
        if (!moves)
            return;
        lanes_step(ensemble->lanes);
        if (ensemble->program->mode_count)
            watch_modes(ensemble);
        if (ensemble->scanned | ensemble->watched)
            show_step(ensemble);
    }
}
