#include "feed.h"

#include <math.h>
#include <string.h>

#include "vector.h"

#define CURVE (LANES_DEGREE + 1)

struct feed {
    const struct model *model;
    const struct program *program;
    enum simd simd;
    size_t width, states;
    size_t *rows; /* [count] of y, at which courses are looked at, without derivatives
                     first */
    size_t count, bare;
    double *curves;                     /* [count][CURVE][LANES] */
    double begun[LANES], taken[LANES];  /* of each lane's step */
    double t[SIGHT_SAMPLES][LANES];     /* asked for */
    double asked[LANES][SIGHT_SAMPLES]; /* the same */
    double *values;                     /* [width][SIGHT_SAMPLES][LANES] */
    double *rules;                      /* [sight_ruled][RULES][LANES] */
    double *x, *s, *probe;              /* [states], [directions][states], [width] */
    double *before, *d_t;               /* [width], [directions] */
    double *rate;                       /* [states] */
    bool *wanted;                       /* [functionals] somebody looks at this */
    bool watches;                       /* all scans that ask are of readings */
};

/* --- begin and end ------------------------------------------------------------------ */

/* Rows that a stream looks at and that are not among the feed's, behind these. */
static void find_rows(struct feed *feed, const struct stream *stream, size_t all)
{
    const struct program *program = feed->program;
    bool *read = mem_new(program->registers, sizeof *read);
    for (size_t i = 0; i < stream->count; i++) {
        const struct instruction *one = &stream->instructions[i];
        read[one->a] = read[one->b] = read[one->c] = true;
    }
    for (size_t i = 0; i < stream->result_count; i++)
        read[stream->results[i]] = true;
    for (size_t i = 0; i < feed->count; i++)
        read[program->states + feed->rows[i]] = false;
    for (size_t i = 0; i < all; i++)
        if (read[program->states + i])
            feed->rows[feed->count++] = i;
    mem_free(read);
}

struct feed *feed_new(const struct model *model, bool derivatives, enum simd simd)
{
    size_t states = model_states(model), d = model_directions(model);
    struct feed *out = mem_new(1, sizeof *out);
    out->model = model;
    out->program = model->program;
    out->simd = simd;
    out->width = sight_width(model);
    out->states = states;
    out->values = lanes_rows_new(out->width * SIGHT_SAMPLES);
    out->rules = lanes_rows_new(sight_ruled(model) * RULES);
    out->x = mem_new(states, sizeof *out->x);
    out->s = mem_new(states * d, sizeof *out->s);
    out->probe = mem_new(out->width, sizeof *out->probe);
    out->before = mem_new(out->width, sizeof *out->before);
    out->d_t = mem_new(d, sizeof *out->d_t);
    out->rate = mem_new(states, sizeof *out->rate);
    out->wanted = mem_new(model->syntax->functional_count, sizeof *out->wanted);
    out->rows = mem_new(states * (d + 1), sizeof *out->rows);
    find_rows(out, &out->program->course, states);
    out->bare = out->count;
    if (derivatives) {
        find_rows(out, &out->program->rate, states);
        find_rows(out, &out->program->course_slopes,
                  states + out->program->sensitivity_count);
    }
    out->curves = lanes_rows_new(out->count * CURVE);
    return out;
}

void feed_destroy(struct feed **feed)
{
    struct feed *gone = *feed;
    if (!gone)
        return;
    mem_free(gone->rows);
    mem_free(gone->x);
    mem_free(gone->s);
    mem_free(gone->probe);
    mem_free(gone->before);
    mem_free(gone->d_t);
    mem_free(gone->rate);
    mem_free(gone->wanted);
    lanes_rows_free(gone->curves);
    lanes_rows_free(gone->values);
    lanes_rows_free(gone->rules);
    mem_free(gone);
    *feed = NULL;
}

/* --- in lanes ----------------------------------------------------------------------- */

/* The rows where every lane is at a time of its own. */
LANES_INLINE void place_rows(const struct feed *feed, const double *t, double *states,
                             enum simd simd)
{
    double theta[LANES];
    (void)simd;
    ROW_LANES theta[l] = (t[l] - feed->begun[l]) / feed->taken[l];
    for (size_t n = 0; n < feed->bare; n++) {
        const double *c = feed->curves + n * CURVE * LANES;
        double *out = states + feed->rows[n] * LANES, sum[LANES];
        ROW_LANES sum[l] = c[LANES_DEGREE * LANES + l];
        for (size_t m = LANES_DEGREE; m-- > 0;)
            ROW_LANES sum[l] = fma(sum[l], theta[l], c[m * LANES + l]);
        ROW_LANES out[l] = sum[l];
    }
}

LANES_KINDS(place, simd,
            (const struct feed *feed, const double *t, double *states, enum simd simd),
            feed, t, states, simd)

/* One lane of it at any time. */
struct spot {
    struct feed *feed;
    size_t lane;
    struct flow *flow;
};

/* The first rows of a lane at a time, into x and s. */
static void place_one(const struct spot *spot, double t, size_t count)
{
    const struct feed *feed = spot->feed;
    size_t states = model_states(feed->model);
    double theta = (t - feed->begun[spot->lane]) / feed->taken[spot->lane];
    for (size_t n = 0; n < count; n++) {
        const double *c = feed->curves + n * CURVE * LANES + spot->lane;
        double sum = c[LANES_DEGREE * LANES];
        for (size_t m = LANES_DEGREE; m-- > 0;)
            sum = fma(sum, theta, c[m * LANES]);
        size_t row = feed->rows[n];
        const struct entry *pair = feed->program->sensitivity + row - states;
        if (row < states)
            feed->x[row] = sum;
        else
            feed->s[pair->column * states + pair->row] = sum;
    }
}

/* What is looked at where x is placed. */
static void show_one(const struct spot *spot, double t, double *values)
{
    struct feed *feed = spot->feed;
    if (feed->watches)
        evaluator_watch(spot->flow->evaluator, t, feed->x, values);
    else
        evaluator_course(spot->flow->evaluator, t, feed->x, values);
}

static void look(void *context, double t, double *values)
{
    const struct spot *spot = context;
    place_one(spot, t, spot->feed->bare);
    show_one(spot, t, values);
}

static void look_slopes(void *context, double t, double *slopes)
{
    const struct spot *spot = context;
    const struct feed *feed = spot->feed;
    place_one(spot, t, feed->count);
    evaluator_course_slopes(spot->flow->evaluator, t, feed->x, feed->s, slopes);
}

static void trend_at(const struct spot *spot, double t, double *trends)
{
    const struct feed *feed = spot->feed;
    if (feed->states && flow_rate(spot->flow, t, feed->x, feed->rate))
        feed->rate[0] = NAN;
    evaluator_course_trends(spot->flow->evaluator, t, feed->x, feed->rate, trends);
}

static void look_trends(void *context, double t, double *trends)
{
    const struct spot *spot = context;
    place_one(spot, t, spot->feed->count);
    trend_at(spot, t, trends);
}

/* What functionals look at, at every time asked for. */
static void show_all(struct feed *feed, const struct feed_lanes *of)
{
    const struct program *program = feed->program;
    const struct stream *shown = feed->watches ? &program->watch : &program->course;
    double *time = of->registers + program->time * (size_t)LANES;
    double *states = of->registers + program->states * (size_t)LANES;
    for (size_t i = 0; i < SIGHT_SAMPLES; i++) {
        const double *t = feed->t[i];
        ROW_LANES
        {
            double late = t[l] < of->to[l] ? t[l] : of->to[l];
            time[l] = late > of->from[l] ? late : of->from[l];
        }
        place(feed, t, states, feed->simd);
        vector_run(shown, of->registers, feed->simd);
        for (size_t v = 0; v < shown->result_count; v++) {
            size_t value = feed->watches ? program->watched[v] : v;
            const double *from = of->registers + shown->results[v] * (size_t)LANES;
            double *to = feed->values + (value * SIGHT_SAMPLES + i) * LANES;
            ROW_LANES to[l] = from[l];
        }
    }
    sight_rules(feed->model, feed->wanted, feed->t[0], feed->values, feed->rules,
                feed->simd);
}

/* Whose scans ask for something more; when, into t. */
static lane_set find_asking(struct feed *feed, struct scan *const *scans, lane_set among)
{
    lane_set asking = 0;
    memset(feed->wanted, 0, feed->model->syntax->functional_count * sizeof(bool));
    feed->watches = true;
    EACH_OF(among)
    {
        if (!scan_asks(scans[l], feed->asked[l]))
            continue;
        scan_wants(scans[l], feed->wanted);
        feed->watches &= scan_is_of_readings(scans[l]);
        asking |= LANE_BIT(l);
        for (size_t i = 0; i < SIGHT_SAMPLES; i++)
            feed->t[i][l] = feed->asked[l][i];
    }
    return asking;
}

void feed_step(struct feed *feed, const struct feed_lanes *of, struct scan *const *scans)
{
    lane_set asking = 0;
    const double *now = lanes_times(of->lanes);
    lane_set stand = lanes_curves(of->lanes, feed->rows, feed->count, feed->curves,
                                  feed->begun, feed->taken);
    EACH_OF(stand)
    if (scans[l]) {
        scan_open(scans[l], of->flows[l].evaluator, now[l]);
        asking |= LANE_BIT(l);
    }
    while ((asking = find_asking(feed, scans, asking))) {
        show_all(feed, of);
        EACH_OF(asking)
        {
            struct spot spot = {feed, l, &of->flows[l]};
            const struct sight sight = {.model = feed->model,
                                        .t = feed->asked[l],
                                        .values = feed->values + l,
                                        .rules = feed->rules + l,
                                        .look = look,
                                        .slopes = look_slopes,
                                        .trends = look_trends,
                                        .context = &spot,
                                        .probe = feed->probe};
            scan_see(scans[l], &sight);
        }
    }
}

/* --- by CVODES ---------------------------------------------------------------------- */

static void look_alone(void *context, double t, double *values)
{
    const struct spot *spot = context;
    double *x = spot->feed->x;
    if (spot->flow->ode)
        ode_within(spot->flow->ode, t, x, NULL);
    show_one(spot, t, values);
}

static void look_slopes_alone(void *context, double t, double *slopes)
{
    const struct spot *spot = context;
    const struct feed *feed = spot->feed;
    if (spot->flow->ode)
        ode_within(spot->flow->ode, t, feed->x, feed->s);
    evaluator_course_slopes(spot->flow->evaluator, t, feed->x, feed->s, slopes);
}

static void look_trends_alone(void *context, double t, double *trends)
{
    const struct spot *spot = context;
    if (spot->flow->ode)
        ode_within(spot->flow->ode, t, spot->feed->x, NULL);
    trend_at(spot, t, trends);
}

/* What is smooth until `to`. */
static enum err show(struct feed *feed, struct flow *flow, struct scan *scan, double to)
{
    struct spot spot = {feed, 0, flow};
    const struct sight sight = {.model = feed->model,
                                .t = feed->asked[0],
                                .values = feed->values,
                                .rules = feed->rules,
                                .look = look_alone,
                                .slopes = look_slopes_alone,
                                .trends = look_trends_alone,
                                .context = &spot,
                                .probe = feed->probe};
    scan_open(scan, flow->evaluator, to);
    feed->watches = scan_is_of_readings(scan);
    while (scan_asks(scan, feed->asked[0])) {
        memset(feed->wanted, 0, feed->model->syntax->functional_count * sizeof(bool));
        scan_wants(scan, feed->wanted);
        for (size_t i = 0; i < SIGHT_SAMPLES; i++) {
            feed->t[i][0] = feed->asked[0][i];
            look_alone(&spot, feed->asked[0][i], feed->probe);
            for (size_t v = 0; v < feed->width; v++)
                feed->values[(v * SIGHT_SAMPLES + i) * LANES] = feed->probe[v];
        }
        sight_rules(feed->model, feed->wanted, feed->t[0], feed->values, feed->rules,
                    feed->simd);
        scan_see(scan, &sight);
    }
    return scan_refuses(scan);
}

/* One step, towards the next stop or to where something turns; `reached` is where it
 * ends. */
static enum err advance(struct feed *feed, struct run *run, struct scan *scan,
                        double *reached)
{
    struct flow *flow = run->flow;
    double to = run_wall(run);
    enum err err = ERR_OK;
    if (!flow->settled)
        err = flow_restart(flow);
    if (err == ERR_OK)
        err = watch_step(&flow->watch, to);
    *reached = flow->watch.ahead;
    return err == ERR_OK ? show(feed, flow, scan, *reached) : err;
}

/* The flow at a time in the step just made. */
static void stand(struct flow *flow, double t)
{
    if (flow->ode && flow->settled)
        ode_within(flow->ode, t, flow->x, flow->directions ? flow->s : NULL);
    flow->t = fmax(t, flow->t);
}

enum err feed_alone(struct feed *feed, struct run *run, struct scan *scan,
                    read_function *read, void *context)
{
    const struct flow *flow = run->flow;
    double reached = flow->t;
    enum err err = ERR_OK;
    while (err == ERR_OK && !run_ended(run)) {
        bool turns = flow->settled && flow->watch.turns;
        if (run_next(run) <= reached && (run_reads(run) || !turns)) {
            stand(run->flow, run_next(run));
            err = run_reads(run) ? read(run, run->read++, context)
                                 : feed_stop(feed, run, scan);
        } else if (turns) {
            err = run_to_turn(run);
            if (err == ERR_OK)
                err = feed_turn(feed, run, scan, &flow->watch.next);
        } else {
            err = advance(feed, run, scan, &reached);
        }
    }
    return err;
}

/* --- readings ----------------------------------------------------------------------- */

bool feed_looks_back(const struct model *model, const size_t *observation, size_t count)
{
    bool looks = false;
    if (model->program->watched_count == 0)
        return false;
    for (size_t i = 0; observation && !looks && i < count; i++)
        looks = model_looks_back(model, observation[i]);
    return looks || !observation;
}

void feed_nothing_back(struct flow *flow)
{
    const struct program *program = flow->model->program;
    size_t count = flow->model->syntax->functional_count,
           slopes = program->watched_count * flow->directions;
    double *nothing = mem_new(count + slopes, sizeof *nothing);
    for (size_t i = 0; i < count; i++)
        nothing[i] = NAN;
    evaluator_functionals(flow->evaluator, nothing, nothing + count);
    mem_free(nothing);
}

/* The window of one observation that ends with a reading. */
static enum err plan_one(const struct run *run, size_t observation, bool measured,
                         double to, const double *reach, struct scan *scan)
{
    const struct model *model = run->schedule->model;
    const char *name = model_observation(model, observation)->name;
    size_t observations = model_observations(model), d = run->flow->directions;
    double from = to - reach[observation], d_from[MODEL_PARAMETERS_MAX];
    if (measured && !(from < to && isfinite(from)))
        return err_set(ERR_RANGE, "the window over which '%s' looks back is %g %s", name,
                       reach[observation], model_time_unit(model));
    if (measured && from < run->start) {
        err_set(ERR_RANGE,
                "'%s' is measured before the course is as long as it looks back", name);
        return err_hint("a course begins with the record's first row, or, where the "
                        "model says periodic, so many periods earlier");
    }
    for (size_t k = 0; k < d; k++)
        d_from[k] = -reach[observations + observation * d + k];
    scan_reading(scan, observation, from, to, d_from);
    return ERR_OK;
}

enum err feed_plan(struct run *run, const size_t *observation, struct scan *scan)
{
    const struct model *model = run->schedule->model;
    size_t observations = model_observations(model), change = 0;
    double *reach = mem_new(observations * (1 + run->flow->directions), sizeof *reach);
    enum err err = ERR_OK;
    scan_readings(scan, run->start, run->reads[run->read_count - 1]);
    for (size_t i = 0; err == ERR_OK && i < run->read_count; i++) {
        if (observation && !model_looks_back(model, observation[i]))
            continue;
        run_look_forward(run, run->reads[i], &change);
        evaluator_reach(run->flow->evaluator, run->reads[i], reach, reach + observations);
        for (size_t o = 0; err == ERR_OK && o < observations; o++)
            if (observation ? o == observation[i] : model_looks_back(model, o))
                err = plan_one(run, o, observation, run->reads[i], reach, scan);
    }
    if (change)
        run_look_back(run);
    scan_ready(scan);
    mem_free(reach);
    return err;
}

enum err feed_stop(struct feed *feed, struct run *run, struct scan *scan)
{
    struct flow *flow = run->flow;
    if (!scan || !run_stop_moves(run, feed->d_t))
        return run_stop(run);
    evaluator_watch(flow->evaluator, flow->t, flow->x, feed->before);
    enum err err = run_stop(run);
    evaluator_watch(flow->evaluator, flow->t, flow->x, feed->probe);
    scan_moves(scan, flow->t, feed->d_t, feed->before, feed->probe);
    return err;
}

enum err feed_turn(struct feed *feed, struct run *run, struct scan *scan,
                   const struct crossing *crossing)
{
    const struct flow *flow = run->flow;
    struct crossing on = *crossing;
    size_t late = evaluator_modes(flow->evaluator);
    enum err err = ERR_OK;
    if (!scan_is_of_readings(scan))
        return run_turn(run, crossing);
    do {
        evaluator_watch(flow->evaluator, flow->t, flow->x, feed->before);
        err = run_turn_one(run, &on);
        evaluator_watch(flow->evaluator, flow->t, flow->x, feed->probe);
        if (err == ERR_OK)
            scan_moves(scan, flow->t, run->d_turn, feed->before, feed->probe);
    } while (err == ERR_OK && late-- > 0 && run_late(run, &on));
    return err;
}
