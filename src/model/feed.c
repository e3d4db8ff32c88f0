#include "feed.h"

#include <math.h>

#include "vector.h"

#define CURVE (LANES_DEGREE + 1)

struct feed {
    const struct model *model;
    const struct program *program;
    enum simd simd;
    size_t width;
    size_t *rows; /* [count] states at which courses are looked at */
    size_t count;
    double *curves;                     /* [count][CURVE][LANES] */
    double begun[LANES], taken[LANES];  /* of each lane's step */
    double t[SIGHT_SAMPLES][LANES];     /* asked for */
    double asked[LANES][SIGHT_SAMPLES]; /* the same */
    double *values;                     /* [width][SIGHT_SAMPLES][LANES] */
    double *rules;                      /* [sight_ruled][RULES][LANES] */
    double *x, *probe;                  /* [states], [width] */
};

/* --- begin and end ------------------------------------------------------------------ */

static void find_rows(struct feed *feed)
{
    const struct stream *course = &feed->program->course;
    size_t states = model_states(feed->model);
    bool *read = mem_new(feed->program->registers, sizeof *read);
    for (size_t i = 0; i < course->count; i++) {
        const struct instruction *one = &course->instructions[i];
        read[one->a] = read[one->b] = read[one->c] = true;
    }
    for (size_t i = 0; i < course->result_count; i++)
        read[course->results[i]] = true;
    feed->rows = mem_new(states, sizeof *feed->rows);
    for (size_t i = 0; i < states; i++)
        if (read[feed->program->states + i])
            feed->rows[feed->count++] = i;
    mem_free(read);
}

struct feed *feed_new(const struct model *model, enum simd simd)
{
    struct feed *out = mem_new(1, sizeof *out);
    out->model = model;
    out->program = model->program;
    out->simd = simd;
    out->width = sight_width(model);
    out->values = lanes_rows_new(out->width * SIGHT_SAMPLES);
    out->rules = lanes_rows_new(sight_ruled(model) * RULES);
    out->x = mem_new(model_states(model), sizeof *out->x);
    out->probe = mem_new(out->width, sizeof *out->probe);
    find_rows(out);
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
    mem_free(gone->probe);
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
    for (size_t n = 0; n < feed->count; n++) {
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

static void look(void *context, double t, double *values)
{
    const struct spot *spot = context;
    const struct feed *feed = spot->feed;
    double theta = (t - feed->begun[spot->lane]) / feed->taken[spot->lane];
    for (size_t n = 0; n < feed->count; n++) {
        const double *c = feed->curves + n * CURVE * LANES + spot->lane;
        double sum = c[LANES_DEGREE * LANES];
        for (size_t m = LANES_DEGREE; m-- > 0;)
            sum = fma(sum, theta, c[m * LANES]);
        feed->x[feed->rows[n]] = sum;
    }
    evaluator_course(spot->flow->evaluator, t, feed->x, values);
}

/* What functionals look at, at every time asked for. */
static void show_all(struct feed *feed, const struct feed_lanes *of)
{
    const struct program *program = feed->program;
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
        vector_run(&program->course, of->registers, feed->simd);
        for (size_t v = 0; v < feed->width; v++) {
            const double *from =
                of->registers + program->course.results[v] * (size_t)LANES;
            double *to = feed->values + (v * SIGHT_SAMPLES + i) * LANES;
            ROW_LANES to[l] = from[l];
        }
    }
    sight_rules(feed->model, feed->t[0], feed->values, feed->rules, feed->simd);
}

/* Whose scans ask for something more; when, into t. */
static lane_set find_asking(struct feed *feed, struct scan *const *scans, lane_set among)
{
    lane_set asking = 0;
    EACH_OF(among)
    {
        if (!scan_asks(scans[l], feed->asked[l]))
            continue;
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
            const struct sight sight = {feed->model,     feed->asked[l], feed->values + l,
                                        feed->rules + l, look,           &spot,
                                        feed->probe};
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
        ode_within(spot->flow->ode, t, x);
    evaluator_course(spot->flow->evaluator, t, x, values);
}

/* What is smooth until `to`. */
static enum err show(struct feed *feed, struct flow *flow, struct scan *scan, double to)
{
    struct spot spot = {feed, 0, flow};
    const struct sight sight = {feed->model, feed->asked[0], feed->values, feed->rules,
                                look_alone,  &spot,          feed->probe};
    scan_open(scan, flow->evaluator, to);
    while (scan_asks(scan, feed->asked[0])) {
        for (size_t i = 0; i < SIGHT_SAMPLES; i++) {
            feed->t[i][0] = feed->asked[0][i];
            look_alone(&spot, feed->asked[0][i], feed->probe);
            for (size_t v = 0; v < feed->width; v++)
                feed->values[(v * SIGHT_SAMPLES + i) * LANES] = feed->probe[v];
        }
        sight_rules(feed->model, feed->t[0], feed->values, feed->rules, feed->simd);
        scan_see(scan, &sight);
    }
    return scan_refuses(scan);
}

/* To the next stop, step by step. */
static enum err advance(struct feed *feed, struct run *run, struct scan *scan)
{
    struct flow *flow = run->flow;
    double to = run_wall(run), reached = flow->t;
    if (!flow->ode) {
        flow->t = fmax(to, flow->t);
        return show(feed, flow, scan, flow->t);
    }
    enum err err = ERR_OK;
    flow->settled = false;
    while (err == ERR_OK && reached < to) {
        if (!flow->settled)
            err = flow_restart(flow);
        if (err == ERR_OK)
            err = watch_step(&flow->watch, to);
        reached = flow->watch.ahead;
        if (err == ERR_OK)
            err = show(feed, flow, scan, reached);
        if (err == ERR_OK)
            err = run_take_turn(run);
    }
    if (err == ERR_OK && flow->t < to)
        ode_within(flow->ode, to, flow->x);
    flow->t = fmax(to, flow->t);
    return err;
}

enum err feed_alone(struct feed *feed, struct run *run, struct scan *scan)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && !run_ended(run)) {
        err = advance(feed, run, scan);
        if (err == ERR_OK && run_reads(run))
            run->read++;
        else if (err == ERR_OK)
            err = run_stop(run);
    }
    return err;
}
