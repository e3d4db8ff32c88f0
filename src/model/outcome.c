#include "model/outcome.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model_impl.h"
#include "twin_impl.h"

#define OUTCOME_TOLERANCE 1e-10
/* What a piece may be wrong by: this share of the integral of the largest value so far.
 */
#define PIECE_TOLERANCE 1e-11
#define PIECE_DEPTH_MAX 40
#define WINDOWS_MAX ((size_t)1000000)

/* Gauss' rule of 7 points inside Kronrod's of 15, and the ends of the piece. */
#define SAMPLES 17
static const double kronrod_nodes[] = {
    0.991455371120812639206854697526329, 0.949107912342758524526189684047851,
    0.864864423359769072789712788640926, 0.741531185599394439863864773280788,
    0.586087235467691130294144838258730, 0.405845151377397166906606412076961,
    0.207784955007898467600689403773245, 0};
static const double kronrod_weights[] = {
    0.022935322010529224963732008058970, 0.063092092629978553290700663189204,
    0.104790010322250183839876322541518, 0.140653259715525918745189590510238,
    0.169004726639267902826583426598550, 0.190350578064785409913256402421014,
    0.204432940075298892414161999234649, 0.209482141084727828012999174891714};
static const double gauss_weights[] = {
    0, 0.129484966168869693270611432679082, 0, 0.279705391489276667901467771423780,
    0, 0.381830050505118944950369775488975, 0, 0.417959183673469387755102040816327};

/* What one functional has seen so far of one window. */
struct span {
    double from, to;
    bool begun, found;
    double integral, shift, squares; /* of the value, and of (value - shift) */
    double best, best_time;          /* of the value, or of its negative */
    double start, end;
    double duration, first, last; /* of the condition */
};

/* A functional's windows, one after the other. */
struct view {
    enum functional functional;
    size_t outcome; /* counting plausible lines after the outcomes */
    struct span *spans;
    size_t count, now; /* now == count: past the last */
    bool active;
    double size; /* of what it looks at */
};

struct outcome_engine {
    const struct model *model;
    const struct program *program;
    struct flow flow;
    struct run run;
    size_t functionals, width; /* of a sample: functionals, sides of comparisons */
    struct view *views;        /* [functionals] */
    double *sizes;             /* [comparisons] */
    double reached;            /* how far the solver's last step goes */
    double start, until;
    double t[SAMPLES], *samples; /* [SAMPLES][width] of the piece looked at */
    double *x, *probe;           /* [states], [width] */
};

/* --- begin and end ------------------------------------------------------------------ */

static const struct outcome_line *line_of(const struct model *model, size_t outcome)
{
    const struct syntax *syntax = model->syntax;
    return outcome < syntax->outcome_count
               ? &syntax->outcomes[outcome]
               : &syntax->plausible[outcome - syntax->outcome_count];
}

static size_t lines_of(const struct model *model)
{
    return model->syntax->outcome_count + model->syntax->plausible_count;
}

/* Which outcome each functional belongs to, and what it asks for. */
static void find_functionals(struct outcome_engine *engine, size_t outcome,
                             const struct expr *expr)
{
    if (expr->op == OP_FUNCTIONAL) {
        engine->views[expr->index].functional = expr->functional;
        engine->views[expr->index].outcome = outcome;
        return;
    }
    for (size_t i = 0; i < expr->count; i++)
        find_functionals(engine, outcome, expr->arguments[i]);
}

struct outcome_engine *outcome_engine_new(const struct model *model)
{
    struct outcome_engine *engine = mem_new(1, sizeof *engine);
    engine->model = model;
    engine->program = model->program;
    engine->functionals = model->syntax->functional_count;
    engine->width = engine->functionals + 2 * model->program->comparison_count;
    engine->views = mem_new(engine->functionals, sizeof *engine->views);
    engine->sizes = mem_new(model->program->comparison_count, sizeof(double));
    engine->samples = mem_new(SAMPLES * engine->width, sizeof(double));
    engine->probe = mem_new(engine->width, sizeof(double));
    engine->x = mem_new(model_states(model), sizeof(double));
    for (size_t i = 0; i < lines_of(model); i++)
        find_functionals(engine, i, line_of(model, i)->expr);
    flow_init(&engine->flow, model, false);
    if (model_states(model))
        flow_solver(&engine->flow, ODE_BDF, OUTCOME_TOLERANCE);
    return engine;
}

static void spans_free(struct outcome_engine *engine)
{
    for (size_t i = 0; i < engine->functionals; i++) {
        mem_free(engine->views[i].spans);
        engine->views[i].spans = NULL;
        engine->views[i].count = engine->views[i].now = 0;
    }
}

void outcome_engine_destroy(struct outcome_engine **engine)
{
    struct outcome_engine *gone = *engine;
    if (!gone)
        return;
    spans_free(gone);
    flow_clear(&gone->flow);
    mem_free(gone->views);
    mem_free(gone->sizes);
    mem_free(gone->samples);
    mem_free(gone->probe);
    mem_free(gone->x);
    mem_free(gone);
    *engine = NULL;
}

/* --- windows ------------------------------------------------------------------------ */

static enum err series_new(const struct outcome_engine *engine, size_t outcome,
                           const double *bounds, struct outcome_series *series)
{
    const struct outcome_line *line = line_of(engine->model, outcome);
    double start = engine->start, until = engine->until, first = 0;
    double from = bounds[0], to = bounds[1], count = 1;
    if (line->window == WINDOW_RUN) {
        from = start;
        to = until;
    } else if (line->window == WINDOW_LAST) {
        from = until - to;
        to = until;
    } else if (line->window == WINDOW_PER) {
        double slack = 1e-9; /* of a period: a day is not lost to rounding */
        first = ceil(start / to - slack);
        count = floor(until / to + slack) - first;
        if (!(to > 0) || !(count <= (double)WINDOWS_MAX))
            return err_set(ERR_RANGE, "outcome '%s' has a period of %g %s", line->name,
                           to, model_time_unit(engine->model));
    }
    if (!isfinite(from) || !isfinite(to))
        return err_set(ERR_RANGE, "a window of an outcome of model %s is not finite",
                       model_name(engine->model));
    series->count = count > 0 ? (size_t)count : 0;
    series->from = mem_new(series->count, sizeof(double));
    series->to = mem_new(series->count, sizeof(double));
    series->values = mem_new(series->count, sizeof(double));
    for (size_t i = 0; i < series->count; i++) {
        double turn = first + (double)i;
        series->from[i] = line->window == WINDOW_PER ? fmax(turn * to, start) : from;
        series->to[i] = line->window == WINDOW_PER ? fmin((turn + 1) * to, until) : to;
    }
    return ERR_OK;
}

/* Windows that are not within the course are never begun. */
static bool within(const struct outcome_engine *engine, const struct span *span)
{
    return span->from >= engine->start && span->to <= engine->until &&
           span->from < span->to;
}

static void spans_new(struct outcome_engine *engine, const struct outcome_series *series)
{
    for (size_t f = 0; f < engine->functionals; f++) {
        struct view *view = &engine->views[f];
        const struct outcome_series *one = &series[view->outcome];
        view->spans = mem_new(one->count, sizeof *view->spans);
        view->count = one->count;
        view->now = 0;
        view->size = 0;
        for (size_t i = 0; i < one->count; i++) {
            view->spans[i].from = one->from[i];
            view->spans[i].to = one->to[i];
        }
    }
    for (size_t c = 0; c < engine->program->comparison_count; c++)
        engine->sizes[c] = 0;
}

static int ascending(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Start, until and the ends of all windows between, each once: no piece goes beyond. */
static double *bounds_new(const struct outcome_engine *engine, size_t *count)
{
    size_t n = 2, kept = 0;
    for (size_t f = 0; f < engine->functionals; f++)
        n += 2 * engine->views[f].count;
    double *bounds = mem_new(n, sizeof *bounds);
    n = 0;
    bounds[n++] = engine->start;
    bounds[n++] = engine->until;
    for (size_t f = 0; f < engine->functionals; f++)
        for (size_t i = 0; i < engine->views[f].count; i++) {
            const struct span *span = &engine->views[f].spans[i];
            if (!within(engine, span))
                continue;
            bounds[n++] = span->from;
            bounds[n++] = span->to;
        }
    qsort(bounds, n, sizeof *bounds, ascending);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || bounds[i] > bounds[kept - 1])
            bounds[kept++] = bounds[i];
    *count = kept;
    return bounds;
}

/* --- looking ------------------------------------------------------------------------ */

static void look(struct outcome_engine *engine, double t, double *values)
{
    if (engine->flow.ode)
        ode_within(engine->flow.ode, t, engine->x);
    evaluator_course(engine->flow.evaluator, t, engine->x, values);
}

static double value_at(struct outcome_engine *engine, double t, size_t functional)
{
    look(engine, t, engine->probe);
    return engine->probe[functional];
}

static const double *sample(const struct outcome_engine *engine, size_t i)
{
    return engine->samples + i * engine->width;
}

/* Left minus right of a comparison. */
static double margin(const struct outcome_engine *engine, size_t i, size_t comparison)
{
    const double *sides = sample(engine, i) + engine->functionals + 2 * comparison;
    return sides[0] - sides[1];
}

static enum err look_at_piece(struct outcome_engine *engine, double a, double b)
{
    engine->t[0] = a;
    engine->t[SAMPLES - 1] = b;
    for (size_t i = 0; i < 15; i++) {
        double node = i < 7 ? -kronrod_nodes[i] : kronrod_nodes[14 - i];
        engine->t[i + 1] = (a + b) / 2 + (b - a) / 2 * node;
    }
    for (size_t i = 0; i < SAMPLES; i++)
        look(engine, engine->t[i], engine->samples + i * engine->width);
    for (size_t f = 0; f < engine->functionals; f++)
        for (size_t i = 0; engine->views[f].active && i < SAMPLES; i++)
            if (!isfinite(sample(engine, i)[f])) {
                const struct outcome_line *line =
                    line_of(engine->model, engine->views[f].outcome);
                return err_set(ERR_NUMERIC, "what '%s' looks at is not finite at time %g",
                               line->name ? line->name : "[plausible]", engine->t[i]);
            }
    return ERR_OK;
}

/* Both rules for a function of the sample. */
struct rules {
    double gauss, kronrod, largest;
};

static struct rules integrate(const struct outcome_engine *engine, size_t functional,
                              size_t comparison, double shift, int power)
{
    struct rules out = {0};
    double half = (engine->t[SAMPLES - 1] - engine->t[0]) / 2;
    for (size_t i = 0; i < 15; i++) {
        size_t node = i < 7 ? i : 14 - i;
        double value = functional < engine->functionals
                           ? sample(engine, i + 1)[functional] - shift
                           : margin(engine, i + 1, comparison);
        out.largest = fmax(out.largest, fabs(value));
        value = power == 2 ? value * value : value;
        out.gauss += half * gauss_weights[node] * value;
        out.kronrod += half * kronrod_weights[node] * value;
    }
    return out;
}

#define NO_FUNCTIONAL SIZE_MAX

/* Is everything that somebody looks at smooth enough here? */
static bool resolved(struct outcome_engine *engine)
{
    double span = engine->until - engine->start;
    bool smooth = true;
    for (size_t f = 0; f < engine->functionals; f++) {
        struct view *view = &engine->views[f];
        if (!view->active || view->functional >= FUNCTIONAL_FRACTION)
            continue;
        struct rules rules = integrate(engine, f, 0, 0, 1);
        view->size = fmax(view->size, rules.largest);
        smooth &=
            fabs(rules.gauss - rules.kronrod) <= PIECE_TOLERANCE * view->size * span;
    }
    for (size_t c = 0; c < engine->program->comparison_count; c++) {
        if (!engine->views[engine->program->comparison_of[c]].active)
            continue;
        struct rules rules = integrate(engine, NO_FUNCTIONAL, c, 0, 1);
        const double *sides = sample(engine, 8) + engine->functionals + 2 * c;
        double largest = fmax(rules.largest, fmax(fabs(sides[0]), fabs(sides[1])));
        engine->sizes[c] = fmax(engine->sizes[c], largest);
        smooth &= fabs(rules.gauss - rules.kronrod) <=
                  PIECE_TOLERANCE * engine->sizes[c] * span;
    }
    return smooth;
}

/* --- extremes ----------------------------------------------------------------------- */

/* Golden sections: the least of sign * value between two times. */
static void search_least(struct outcome_engine *engine, size_t functional, double sign,
                         double left, double right, struct span *span)
{
    const double golden = 0.6180339887498949;
    double a = right - golden * (right - left), b = left + golden * (right - left);
    double at_a = sign * value_at(engine, a, functional),
           at_b = sign * value_at(engine, b, functional);
    for (int i = 0; i < 48 && right - left > 4 * DBL_EPSILON * fabs(right); i++) {
        bool lower = at_a <= at_b;
        if (lower) {
            right = b;
            b = a;
            at_b = at_a;
            a = right - golden * (right - left);
            at_a = sign * value_at(engine, a, functional);
        } else {
            left = a;
            a = b;
            at_a = at_b;
            b = left + golden * (right - left);
            at_b = sign * value_at(engine, b, functional);
        }
    }
    if (fmin(at_a, at_b) < span->best) {
        span->best = fmin(at_a, at_b);
        span->best_time = at_a <= at_b ? a : b;
    }
}

/* Between neighbours a smooth value falls by no more than it differs from them. */
static void seek_extreme(struct outcome_engine *engine, size_t functional, double sign,
                         struct span *span)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        double value = sign * sample(engine, i)[functional];
        if (value < span->best) {
            span->best = value;
            span->best_time = engine->t[i];
        }
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t before = i ? i - 1 : i, after = i + 1 < SAMPLES ? i + 1 : i;
        double value = sign * sample(engine, i)[functional],
               left = sign * sample(engine, before)[functional],
               right = sign * sample(engine, after)[functional];
        bool bottom = value <= left && value <= right;
        bool may = value - fmax(left - value, right - value) <= span->best;
        if (bottom && may && fmax(left, right) > value)
            search_least(engine, functional, sign, engine->t[before], engine->t[after],
                         span);
    }
}

/* --- conditions --------------------------------------------------------------------- */

/* Times of the piece at which a condition is known, ascending. */
struct known {
    double t[3 * SAMPLES];
    bool holds[3 * SAMPLES];
    size_t count;
};

static void know(struct known *known, double t, bool holds)
{
    size_t at = known->count++;
    for (; at > 0 && known->t[at - 1] > t; at--) {
        known->t[at] = known->t[at - 1];
        known->holds[at] = known->holds[at - 1];
    }
    known->t[at] = t;
    known->holds[at] = holds;
}

/* Where a margin comes near 0 between samples, and goes back: at the vertex of the
 * parabola through three of them it may have crossed. */
static void know_dips(struct outcome_engine *engine, size_t functional,
                      struct known *known)
{
    const double *t = engine->t;
    for (size_t c = 0; c < engine->program->comparison_count; c++) {
        if (engine->program->comparison_of[c] != functional)
            continue;
        for (size_t i = 1; i + 1 < SAMPLES && known->count < 3 * SAMPLES - 1; i++) {
            double a = margin(engine, i - 1, c), b = margin(engine, i, c),
                   d = margin(engine, i + 1, c);
            bool dip = a * b > 0 && b * d > 0 && fabs(b) <= fabs(a) && fabs(b) <= fabs(d);
            double low = (b - a) / (t[i] - t[i - 1]), high = (d - b) / (t[i + 1] - t[i]);
            double bend = (high - low) / (t[i + 1] - t[i - 1]);
            double vertex = (t[i - 1] + t[i]) / 2 - low / (2 * bend);
            if (!dip || !(vertex > t[i - 1] && vertex < t[i + 1]) || vertex == t[i])
                continue;
            bool holds = value_at(engine, vertex, functional) != 0;
            know(known, vertex, holds);
        }
    }
}

/* When between two times the condition turns from what it is at the first. */
static double turn(struct outcome_engine *engine, size_t functional, double left,
                   double right, bool at_left)
{
    for (int i = 0; i < 200; i++) {
        double middle = left + (right - left) / 2;
        if (!(middle > left && middle < right))
            break;
        if ((value_at(engine, middle, functional) != 0) == at_left)
            left = middle;
        else
            right = middle;
    }
    return right;
}

static void hold(struct span *span, double from, double to)
{
    span->duration += to - from;
    if (!span->found)
        span->first = from;
    span->found = true;
    span->last = to;
}

static void seek_turns(struct outcome_engine *engine, size_t functional,
                       struct span *span)
{
    struct known known = {.count = 0};
    for (size_t i = 0; i < SAMPLES; i++)
        know(&known, engine->t[i], sample(engine, i)[functional] != 0);
    know_dips(engine, functional, &known);
    for (size_t i = 0; i + 1 < known.count; i++) {
        double from = known.t[i], to = known.t[i + 1];
        bool before = known.holds[i], after = known.holds[i + 1];
        double at = before == after ? to : turn(engine, functional, from, to, before);
        if (before)
            hold(span, from, at);
        else if (after)
            hold(span, at, to);
    }
}

/* --- pieces ------------------------------------------------------------------------- */

static void take_piece(struct outcome_engine *engine, size_t functional)
{
    struct view *view = &engine->views[functional];
    struct span *span = &view->spans[view->now];
    double first = sample(engine, 0)[functional];
    if (!span->begun) {
        span->start = span->shift = first;
        span->best = INFINITY;
    }
    span->begun = true;
    span->end = sample(engine, SAMPLES - 1)[functional];
    switch (view->functional) {
    case FUNCTIONAL_MIN:
    case FUNCTIONAL_TIME_OF_MIN:
        seek_extreme(engine, functional, 1, span);
        break;
    case FUNCTIONAL_MAX:
    case FUNCTIONAL_TIME_OF_MAX:
        seek_extreme(engine, functional, -1, span);
        break;
    case FUNCTIONAL_MEAN:
    case FUNCTIONAL_AUC:
    case FUNCTIONAL_SD:
        span->integral += integrate(engine, functional, 0, span->shift, 1).kronrod;
        span->squares += integrate(engine, functional, 0, span->shift, 2).kronrod;
        break;
    case FUNCTIONAL_FRACTION:
    case FUNCTIONAL_DURATION:
    case FUNCTIONAL_FIRST:
    case FUNCTIONAL_LAST:
        seek_turns(engine, functional, span);
        break;
    default: /* start, end */
        break;
    }
}

static enum err look_through(struct outcome_engine *engine, double a, double b, int depth)
{
    enum err err = look_at_piece(engine, a, b);
    double middle = a + (b - a) / 2;
    bool whole = depth == PIECE_DEPTH_MAX || !(middle > a && middle < b);
    if (err == ERR_OK && !resolved(engine) && !whole) {
        err = look_through(engine, a, middle, depth + 1);
        return err == ERR_OK ? look_through(engine, middle, b, depth + 1) : err;
    }
    for (size_t f = 0; err == ERR_OK && f < engine->functionals; f++)
        if (engine->views[f].active)
            take_piece(engine, f);
    return err;
}

/* Between two neighbouring bounds or stops, within one step: whoever has a window here.
 */
static enum err look_between(struct outcome_engine *engine, double a, double b)
{
    bool any = false;
    for (size_t f = 0; f < engine->functionals; f++) {
        struct view *view = &engine->views[f];
        while (view->now < view->count && (view->spans[view->now].to <= a ||
                                           !within(engine, &view->spans[view->now])))
            view->now++;
        view->active = view->now < view->count && view->spans[view->now].from <= a;
        any |= view->active;
    }
    return any ? look_through(engine, a, b, 0) : ERR_OK;
}

/* --- the course --------------------------------------------------------------------- */

static enum err advance(struct outcome_engine *engine, double to)
{
    struct flow *flow = &engine->flow;
    enum err err = ERR_OK;
    if (!flow->ode) {
        err = look_between(engine, flow->t, to);
        flow->t = to;
        return err;
    }
    if (!flow->settled) {
        err = ode_restart(flow->ode, flow->t, flow->x, flow->s);
        engine->reached = flow->t;
        flow->settled = true;
    }
    while (err == ERR_OK && flow->t < to) {
        if (engine->reached <= flow->t)
            err = ode_step(flow->ode, run_wall(&engine->run), &engine->reached);
        double end = fmin(engine->reached, to);
        if (err == ERR_OK && end > flow->t)
            err = look_between(engine, flow->t, end);
        flow->t = fmax(end, flow->t);
    }
    if (err == ERR_OK)
        ode_within(flow->ode, flow->t, flow->x);
    return err;
}

static enum err follow(struct outcome_engine *engine)
{
    struct run *run = &engine->run;
    enum err err = ERR_OK;
    while (err == ERR_OK && !run_ended(run)) {
        double to = run_next(run);
        if (to > engine->flow.t)
            err = advance(engine, to);
        if (err != ERR_OK)
            break;
        if (run_reads(run))
            run->read++;
        else
            err = run_stop(run);
    }
    return err;
}

/* --- what it comes to --------------------------------------------------------------- */

static double worth(const struct view *view, const struct span *span)
{
    double length = span->to - span->from, mean = span->integral / length;
    if (!span->begun)
        return NAN;
    switch (view->functional) {
    case FUNCTIONAL_MIN:
        return span->best;
    case FUNCTIONAL_MAX:
        return -span->best;
    case FUNCTIONAL_MEAN:
        return span->shift + mean;
    case FUNCTIONAL_SD:
        return sqrt(fmax(span->squares / length - mean * mean, 0));
    case FUNCTIONAL_AUC:
        return span->integral + span->shift * length;
    case FUNCTIONAL_START:
        return span->start;
    case FUNCTIONAL_END:
        return span->end;
    case FUNCTIONAL_TIME_OF_MIN:
    case FUNCTIONAL_TIME_OF_MAX:
        return span->best_time;
    case FUNCTIONAL_FRACTION:
        return span->duration / length;
    case FUNCTIONAL_DURATION:
        return span->duration;
    case FUNCTIONAL_FIRST:
        return span->found ? span->first : NAN;
    case FUNCTIONAL_LAST:
        return span->found ? span->last : NAN;
    case FUNCTIONALS:
        break;
    }
    return NAN;
}

/* All of one value together, then each series window by window. */
static void conclude(struct outcome_engine *engine, struct outcome_series *series,
                     struct outcomes *out)
{
    size_t named = model_outcomes(engine->model), lines = lines_of(engine->model);
    double *functionals = mem_new(engine->functionals, sizeof(double));
    double *results = mem_new(lines, sizeof(double));
    for (size_t f = 0; f < engine->functionals; f++)
        functionals[f] = engine->views[f].count == 1
                             ? worth(&engine->views[f], &engine->views[f].spans[0])
                             : NAN;
    evaluator_conclude(engine->flow.evaluator, functionals, results);
    for (size_t i = 0; i < lines; i++) {
        if (i >= named)
            out->plausible[i - named] = results[i] != 0;
        else if (!model_outcome(engine->model, i)->series)
            series[i].values[0] = results[i];
    }
    for (size_t i = 0; i < named; i++)
        for (size_t w = 0; model_outcome(engine->model, i)->series && w < series[i].count;
             w++) {
            for (size_t f = 0; f < engine->functionals; f++)
                if (engine->views[f].outcome == i)
                    functionals[f] = worth(&engine->views[f], &engine->views[f].spans[w]);
            evaluator_conclude(engine->flow.evaluator, functionals, results);
            series[i].values[w] = results[i];
        }
    mem_free(functionals);
    mem_free(results);
}

static void series_clear(struct outcome_series *series)
{
    mem_free(series->from);
    mem_free(series->to);
    mem_free(series->values);
}

static enum err windows_new(struct outcome_engine *engine, struct outcome_series *series)
{
    size_t lines = lines_of(engine->model);
    double *bounds = mem_new(2 * lines, sizeof *bounds);
    enum err err = ERR_OK;
    evaluator_windows(engine->flow.evaluator, bounds);
    for (size_t i = 0; err == ERR_OK && i < lines; i++)
        err = series_new(engine, i, bounds + 2 * i, &series[i]);
    mem_free(bounds);
    if (err == ERR_OK)
        spans_new(engine, series);
    return err;
}

static enum err run_course(struct outcome_engine *engine, const struct twin *twin,
                           const double *parameters, struct outcome_series *series)
{
    size_t count = 0;
    double *bounds = NULL;
    enum err err = run_begin(&engine->run, &engine->flow, twin_request(twin).schedule,
                             parameters, engine->start);
    if (err == ERR_OK)
        err = windows_new(engine, series);
    if (err == ERR_OK) {
        bounds = bounds_new(engine, &count);
        err = run_plan(&engine->run, bounds, NULL, count);
    }
    if (err == ERR_OK)
        err = follow(engine);
    run_clear(&engine->run);
    mem_free(bounds);
    return err;
}

enum err outcomes_new(struct outcome_engine *engine, const struct twin *twin,
                      const double *parameters, double from, double until,
                      struct outcomes **outcomes)
{
    const struct model *model = engine->model;
    size_t lines = lines_of(model), named = model_outcomes(model);
    struct outcome_series *series = mem_new(lines, sizeof *series);
    engine->start = fmin(from, twin_start(twin));
    engine->until = until;
    if (!(until > engine->start)) {
        mem_free(series);
        return err_set(ERR_RANGE, "a course from %g to %g has no outcomes", engine->start,
                       until);
    }
    struct outcomes *out = mem_new(1, sizeof *out);
    out->plausible = mem_new(model_plausibles(model), sizeof(bool));
    out->of = series;
    enum err err = run_course(engine, twin, parameters, series);
    if (err == ERR_OK)
        conclude(engine, series, out);
    for (size_t i = named; i < lines; i++)
        series_clear(&series[i]);
    spans_free(engine);
    if (err != ERR_OK)
        outcomes_destroy(model, &out);
    else
        *outcomes = out;
    return err;
}

void outcomes_destroy(const struct model *model, struct outcomes **outcomes)
{
    struct outcomes *gone = *outcomes;
    if (!gone)
        return;
    for (size_t i = 0; i < model_outcomes(model); i++)
        series_clear(&gone->of[i]);
    mem_free(gone->of);
    mem_free(gone->plausible);
    mem_free(gone);
    *outcomes = NULL;
}

bool outcomes_plausible(const struct model *model, const struct outcomes *outcomes)
{
    bool plausible = true;
    for (size_t i = 0; i < model_plausibles(model); i++)
        plausible &= outcomes->plausible[i];
    return plausible;
}
