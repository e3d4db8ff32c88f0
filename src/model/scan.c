#include "scan.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a piece may be wrong by: this share of the integral of the largest value so far;
 * and, where derivatives are integrated, of theirs.
 */
#define PIECE_TOLERANCE 1e-11
#define SLOPES_TOLERANCE 1e-10
#define PIECE_DEPTH_MAX 40
/* To either side of an extreme, as a share of its piece: farther than it is known, nearer
 * than a piece is smooth. */
#define VERTEX_ASIDE 1e-7
/* What looks rough everywhere is rounding, as a difference of two equal quantities is, or
 * noise: a step of the solver is not cut more often than this for it. A jump takes as
 * many cuts as a piece is deep. */
#define STEP_CUTS_MAX 2000
#define WINDOWS_MAX ((size_t)1000000)

/* What one functional has seen so far of one window. */
struct span {
    double from, to;
    bool begun, found;
    double integral, shift, squares; /* of the value, and of (value - shift) */
    struct lowest lowest;            /* of the value, or of its negative */
    double start, end;
    double duration, first, last; /* of the condition */
    /* Of readings: where the window begins by the directions; what it comes to, or the
     * integral so far; and how fast what is looked at changes where it is extreme. */
    double *d_from, *slopes; /* [directions]; NULL: without */
    double trend;
    double opens; /* the first of all windows from here on */
};

/* A functional's windows in order of their ends. Those of readings may overlap. */
struct view {
    enum functional functional;
    const char *name; /* of whose it is */
    size_t outcome;   /* counting plausible lines after the outcomes */
    size_t watched;   /* its place among these, if it is one */
    struct span *spans;
    size_t count, room, now; /* now == count: past the last */
    size_t read;             /* the next reading's */
    bool active;
    double size;         /* of what it looks at */
    struct lowest least; /* of an extreme: in the piece that is being taken */
    bool sloped;         /* whose slopes there are in the scan's row */
};

/* An outcome's windows, and its value in each. */
struct series {
    size_t count;
    double *from, *to, *values; /* [count] */
};

struct scan {
    const struct model *model;
    const struct program *program;
    size_t functionals;
    bool of_readings;
    size_t directions;       /* of readings; 0: without derivatives */
    size_t row_size;         /* watched times directions */
    double *row, *other;     /* [row_size] room */
    struct sight_sums *sums; /* likewise, of a piece */
    double *trends;          /* [watched] room */
    double moved, *d_moved;  /* the last moving thing that happened; [directions] */
    double start, until;
    double length;                    /* of the whole course, or of the shortest window */
    struct view *views;               /* [functionals] */
    double *sizes;                    /* [comparisons] */
    struct series *series;            /* [outcomes + plausible lines] */
    bool *plausible;                  /* [plausible lines] */
    double *bounds;                   /* [bound_count] ends of windows, ascending */
    size_t bound_count, bound;        /* the next of them */
    double now, to;                   /* seen so far; smooth until */
    double ends[PIECE_DEPTH_MAX + 1]; /* of the pieces to look at, the next one's last */
    size_t pieces;
    size_t cuts;  /* since the step was opened */
    enum err err; /* and why */
    char why[200];
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
static void find_functionals(struct scan *scan, const char *name, size_t outcome,
                             const struct expr *expr)
{
    if (expr->op == OP_FUNCTIONAL) {
        scan->views[expr->index].functional = expr->functional;
        scan->views[expr->index].name = name;
        scan->views[expr->index].outcome = outcome;
        return;
    }
    for (size_t i = 0; i < expr->count; i++)
        find_functionals(scan, name, outcome, expr->arguments[i]);
}

static struct scan *empty_new(const struct model *model)
{
    struct scan *scan = mem_new(1, sizeof *scan);
    scan->model = model;
    scan->program = model->program;
    scan->functionals = model->syntax->functional_count;
    scan->views = mem_new(scan->functionals, sizeof *scan->views);
    scan->sizes = mem_new(model->program->comparison_count, sizeof(double));
    return scan;
}

struct scan *scan_new(const struct model *model, double start, double until)
{
    struct scan *scan = empty_new(model);
    scan->start = start;
    scan->until = until;
    scan->length = until - start;
    for (size_t i = 0; i < lines_of(model); i++) {
        const char *name = line_of(model, i)->name;
        find_functionals(scan, name ? name : "[plausible]", i, line_of(model, i)->expr);
    }
    return scan;
}

struct scan *scan_of_readings(const struct model *model, size_t directions)
{
    struct scan *scan = empty_new(model);
    size_t watched = model->program->watched_count;
    scan->of_readings = true;
    scan->directions = directions;
    scan->row_size = watched * directions;
    scan->row = mem_new(scan->row_size, sizeof(double));
    scan->other = mem_new(scan->row_size, sizeof(double));
    scan->sums = mem_new(scan->row_size, sizeof *scan->sums);
    scan->trends = mem_new(watched, sizeof(double));
    scan->d_moved = mem_new(directions, sizeof(double));
    for (size_t o = 0; o < model_observations(model); o++)
        find_functionals(scan, model_observation(model, o)->name, 0,
                         model->syntax->observations[o].expr);
    for (size_t i = 0; i < watched; i++)
        scan->views[model->program->watched[i]].watched = i;
    return scan;
}

static void series_free(struct scan *scan)
{
    for (size_t i = 0; scan->series && i < lines_of(scan->model); i++) {
        mem_free(scan->series[i].from);
        mem_free(scan->series[i].to);
        mem_free(scan->series[i].values);
    }
    mem_free(scan->series);
    scan->series = NULL;
}

/* What a run has left behind. */
static void forget(struct scan *scan)
{
    for (size_t i = 0; i < scan->functionals; i++) {
        struct view *view = &scan->views[i];
        for (size_t w = 0; scan->directions && w < view->count; w++)
            mem_free(view->spans[w].d_from);
        mem_free(view->spans);
        view->spans = NULL;
        view->count = view->room = view->now = view->read = 0;
        view->size = 0;
    }
    series_free(scan);
    mem_free(scan->plausible);
    mem_free(scan->bounds);
    scan->plausible = NULL;
    scan->bounds = NULL;
    scan->bound_count = scan->bound = scan->pieces = 0;
    scan->err = ERR_OK;
}

void scan_destroy(struct scan **scan)
{
    struct scan *gone = *scan;
    if (!gone)
        return;
    forget(gone);
    mem_free(gone->views);
    mem_free(gone->sizes);
    mem_free(gone->row);
    mem_free(gone->other);
    mem_free(gone->sums);
    mem_free(gone->trends);
    mem_free(gone->d_moved);
    mem_free(gone);
    *scan = NULL;
}

/* --- windows ------------------------------------------------------------------------ */

static enum err series_new(const struct scan *scan, size_t outcome, const double *bounds,
                           struct series *series)
{
    const struct outcome_line *line = line_of(scan->model, outcome);
    double start = scan->start, until = scan->until, first = 0;
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
                           to, model_time_unit(scan->model));
    }
    if (!isfinite(from) || !isfinite(to))
        return err_set(ERR_RANGE, "a window of an outcome of model %s is not finite",
                       model_name(scan->model));
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
static bool within(const struct scan *scan, const struct span *span)
{
    return span->from >= scan->start && span->to <= scan->until && span->from < span->to;
}

static void spans_new(struct scan *scan, const struct series *series)
{
    for (size_t f = 0; f < scan->functionals; f++) {
        struct view *view = &scan->views[f];
        const struct series *one = &series[view->outcome];
        view->spans = mem_new(one->count, sizeof *view->spans);
        view->count = one->count;
        view->now = 0;
        view->size = 0;
        for (size_t i = 0; i < one->count; i++) {
            view->spans[i].from = view->spans[i].opens = one->from[i];
            view->spans[i].to = one->to[i];
        }
    }
    for (size_t c = 0; c < scan->program->comparison_count; c++)
        scan->sizes[c] = 0;
}

static int ascending(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Start, until and the ends of all windows between, each once: no piece goes beyond. */
static void find_bounds(struct scan *scan)
{
    size_t n = 2, kept = 0;
    for (size_t f = 0; f < scan->functionals; f++)
        n += 2 * scan->views[f].count;
    double *bounds = scan->bounds = mem_new(n, sizeof *bounds);
    n = 0;
    bounds[n++] = scan->start;
    bounds[n++] = scan->until;
    for (size_t f = 0; f < scan->functionals; f++)
        for (size_t i = 0; i < scan->views[f].count; i++) {
            const struct span *span = &scan->views[f].spans[i];
            if (!within(scan, span))
                continue;
            bounds[n++] = span->from;
            bounds[n++] = span->to;
        }
    qsort(bounds, n, sizeof *bounds, ascending);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || bounds[i] > bounds[kept - 1])
            bounds[kept++] = bounds[i];
    scan->bound_count = kept;
}

void scan_begin(struct scan *scan)
{
    size_t lines = lines_of(scan->model);
    forget(scan);
    scan->series = mem_new(lines, sizeof *scan->series);
    scan->plausible = mem_new(scan->model->syntax->plausible_count, sizeof(bool));
    scan->now = scan->to = scan->start;
}

/* By what parameters and covariates are when the course begins to count. */
static void find_windows(struct scan *scan, struct evaluator *evaluator)
{
    size_t lines = lines_of(scan->model);
    double *windows = mem_new(2 * lines, sizeof *windows);
    evaluator_windows(evaluator, scan->start, windows);
    for (size_t i = 0; scan->err == ERR_OK && i < lines; i++)
        scan->err = series_new(scan, i, windows + 2 * i, &scan->series[i]);
    mem_free(windows);
    if (scan->err != ERR_OK) {
        snprintf(scan->why, sizeof scan->why, "%s", err_text());
        return;
    }
    spans_new(scan, scan->series);
    find_bounds(scan);
}

/* --- readings ----------------------------------------------------------------------- */

void scan_readings(struct scan *scan, double start, double until)
{
    forget(scan);
    scan->start = scan->now = scan->to = start;
    scan->until = until;
    scan->moved = NAN;
    for (size_t i = 0; i < scan->row_size; i++)
        scan->sums[i].size = 0;
}

void scan_reading(struct scan *scan, size_t observation, double from, double to,
                  const double *d_from)
{
    const size_t *first = &scan->program->watched_first[observation];
    for (size_t i = first[0]; i < first[1]; i++) {
        struct view *view = &scan->views[scan->program->watched[i]];
        MEM_GROW(view->spans, view->count + 1, &view->room);
        struct span *span = &view->spans[view->count++];
        *span = (struct span){.from = from, .to = to};
        if (!scan->directions)
            continue;
        span->d_from = mem_new(2 * scan->directions, sizeof(double));
        span->slopes = span->d_from + scan->directions;
        memcpy(span->d_from, d_from, scan->directions * sizeof(double));
    }
}

void scan_ready(struct scan *scan)
{
    scan->length = scan->until - scan->start;
    for (size_t f = 0; f < scan->functionals; f++) {
        double opens = INFINITY;
        for (size_t i = scan->views[f].count; i-- > 0;) {
            struct span *span = &scan->views[f].spans[i];
            span->opens = opens = fmin(opens, span->from);
            if (within(scan, span))
                scan->length = fmin(scan->length, span->to - span->from);
        }
    }
    for (size_t c = 0; c < scan->program->comparison_count; c++)
        scan->sizes[c] = 0;
    find_bounds(scan);
}

/* --- what is shown ------------------------------------------------------------------ */

enum err scan_refuses(const struct scan *scan)
{
    return scan->err == ERR_OK ? ERR_OK : err_set(scan->err, "%s", scan->why);
}

static bool all_finite(struct scan *scan, const struct sight *sight)
{
    for (size_t f = 0; f < scan->functionals; f++) {
        if (!scan->views[f].active || sight_rule(sight, f, RULE_SIZE) < INFINITY)
            continue;
        double when = sight->t[0];
        for (size_t i = SIGHT_SAMPLES; i-- > 0;)
            when = isfinite(sight_value(sight, f, i)) ? when : sight->t[i];
        scan->err = ERR_NUMERIC;
        snprintf(scan->why, sizeof scan->why,
                 "what '%s' looks at is not finite at time %g", scan->views[f].name,
                 when);
        return false;
    }
    return true;
}

/* Is a value smooth enough here, by what both rules and the ends make of it? */
static bool agree(const struct scan *scan, const struct sight *sight, size_t ruled,
                  double size)
{
    double off =
        sight_rule(sight, ruled, RULE_GAUSS) - sight_rule(sight, ruled, RULE_KRONROD);
    return fabs(off) + sight_rule(sight, ruled, RULE_ENDS) <=
           PIECE_TOLERANCE * size * scan->length;
}

/* Is everything that somebody looks at? */
static bool resolved(struct scan *scan, const struct sight *sight)
{
    bool smooth = true;
    for (size_t f = 0; f < scan->functionals; f++) {
        struct view *view = &scan->views[f];
        if (!view->active || view->functional >= FUNCTIONAL_FRACTION ||
            view->functional == FUNCTIONAL_START || view->functional == FUNCTIONAL_END)
            continue;
        view->size = fmax(view->size, sight_rule(sight, f, RULE_SIZE));
        smooth &= agree(scan, sight, f, view->size);
    }
    for (size_t c = 0; c < scan->program->comparison_count; c++) {
        if (!scan->views[scan->program->comparison_of[c]].active)
            continue;
        size_t ruled = scan->functionals + c, side = scan->functionals + 2 * c;
        double size =
            fmax(sight_rule(sight, ruled, RULE_SIZE), fabs(sight_value(sight, side, 8)));
        scan->sizes[c] = fmax(scan->sizes[c], size);
        smooth &= agree(scan, sight, ruled, scan->sizes[c]);
    }
    return smooth;
}

/* --- pieces ------------------------------------------------------------------------- */

static void hold(struct span *span, const struct sight *sight, size_t functional)
{
    struct stretch holds[SIGHT_STRETCHES_MAX];
    size_t count = sight_holds(sight, functional, holds);
    for (size_t i = 0; i < count; i++) {
        span->duration += holds[i].to - holds[i].from;
        if (!span->found)
            span->first = holds[i].from;
        span->found = true;
        span->last = holds[i].to;
    }
}

static void add(const struct scan *scan, double factor, const double *d_t, double *slopes)
{
    for (size_t k = 0; k < scan->directions; k++)
        slopes[k] += factor * d_t[k];
}

/* Has its window begun before `t` and does it go on? */
static bool is_open(const struct scan *scan, const struct span *span, double t)
{
    return span->from <= t && span->to > t && within(scan, span);
}

/* 1: it asks for the least; -1: for the greatest, which is the least of the negative; 0:
 * for something else. */
static double sign_of(enum functional functional)
{
    if (functional == FUNCTIONAL_MIN || functional == FUNCTIONAL_TIME_OF_MIN)
        return 1;
    return functional == FUNCTIONAL_MAX || functional == FUNCTIONAL_TIME_OF_MAX ? -1 : 0;
}

/* An end of the piece, where it is as good as that: by a solver's last digits what falls
 * from an end on is lowest a little inside. */
static double at_an_end(const struct sight *sight, double t)
{
    double from = sight->t[0], to = sight->t[SIGHT_SAMPLES - 1];
    double aside = VERTEX_ASIDE * (to - from);
    return fabs(t - from) <= aside ? from : fabs(t - to) <= aside ? to : t;
}

/* The extreme of a piece, if it is one for any window that lies over it: searched for
 * once, however many those are. */
static void find_least(struct scan *scan, const struct sight *sight, size_t functional)
{
    struct view *view = &scan->views[functional];
    double sign = sign_of(view->functional), most = -INFINITY;
    if (sign == 0)
        return;
    for (size_t i = view->now; i < view->count && view->spans[i].opens <= scan->now; i++)
        if (is_open(scan, &view->spans[i], scan->now))
            most =
                fmax(most, view->spans[i].begun ? view->spans[i].lowest.value : INFINITY);
    view->least = (struct lowest){most, NAN};
    view->sloped = false;
    sight_least(sight, functional, sign, &view->least);
    view->least.time = at_an_end(sight, view->least.time);
}

/* Of what is looked at where that is, and how fast it changes there. To either side it
 * changes at rates a and b and by the directions as s- and s+: where it turns in between
 * (a and b have different signs), the vertex is at (b s- - a s+) / (b - a), and moves as
 * it has to: of a wave that is s itself, of a kink neither side's (min(max(x, y)) where x
 * falls below y). */
static void slope_least(struct scan *scan, const struct sight *sight, struct view *view)
{
    double t = view->least.time, piece = sight->t[SIGHT_SAMPLES - 1] - sight->t[0];
    double aside = VERTEX_ASIDE * piece + 64 * DBL_EPSILON * fabs(t);
    double sign = sign_of(view->functional), *row = scan->row, before, after;
    if (view->sloped)
        return;
    view->sloped = true;
    sight->trends(sight->context, t - aside, scan->trends);
    before = scan->trends[view->watched];
    sight->trends(sight->context, t + aside, scan->trends);
    after = scan->trends[view->watched];
    if (!(sign * before < 0 && sign * after > 0)) {
        sight->slopes(sight->context, t, row);
        sight->trends(sight->context, t, scan->trends);
        return;
    }
    scan->trends[view->watched] = 0;
    sight->slopes(sight->context, t - aside, row);
    memcpy(scan->other, row, scan->row_size * sizeof *row);
    sight->slopes(sight->context, t + aside, row);
    for (size_t i = 0; i < scan->row_size; i++)
        row[i] = (after * scan->other[i] - before * row[i]) / (after - before);
}

/* With its derivative, where it is lower than before: time holds still by the envelope
 * theorem, unless it is a window's moving beginning, or when something that moves has
 * just happened. */
static void take_least(struct scan *scan, const struct sight *sight, struct view *view,
                       struct span *span)
{
    double t = view->least.time;
    if (!(view->least.value < span->lowest.value))
        return;
    span->lowest = view->least;
    if (!span->slopes)
        return;
    slope_least(scan, sight, view);
    span->trend = scan->trends[view->watched];
    memcpy(span->slopes, scan->row + view->watched * scan->directions,
           scan->directions * sizeof(double));
    if (t == sight->t[0] && t == span->from)
        add(scan, span->trend, span->d_from, span->slopes);
    else if (t == sight->t[0] && t == scan->moved)
        add(scan, span->trend, scan->d_moved, span->slopes);
}

static void take_piece(struct scan *scan, const struct sight *sight, size_t functional,
                       struct span *span)
{
    struct view *view = &scan->views[functional];
    if (!span->begun) {
        span->start = span->shift = sight_value(sight, functional, 0);
        span->lowest.value = INFINITY;
    }
    span->begun = true;
    span->end = sight_value(sight, functional, SIGHT_SAMPLES - 1);
    switch (view->functional) {
    case FUNCTIONAL_MIN:
    case FUNCTIONAL_TIME_OF_MIN:
    case FUNCTIONAL_MAX:
    case FUNCTIONAL_TIME_OF_MAX:
        take_least(scan, sight, view, span);
        break;
    case FUNCTIONAL_MEAN:
    case FUNCTIONAL_AUC:
    case FUNCTIONAL_SD:
        span->integral += sight_rule(sight, functional, RULE_KRONROD) -
                          span->shift * (sight->t[SIGHT_SAMPLES - 1] - sight->t[0]);
        if (view->functional == FUNCTIONAL_SD)
            span->squares += sight_squares(sight, functional, span->shift);
        for (size_t k = 0; span->slopes && k < scan->directions; k++)
            span->slopes[k] += scan->sums[view->watched * scan->directions + k].integral;
        break;
    case FUNCTIONAL_FRACTION:
    case FUNCTIONAL_DURATION:
    case FUNCTIONAL_FIRST:
    case FUNCTIONAL_LAST:
        hold(span, sight, functional);
        break;
    default: /* start, end */
        break;
    }
}

static bool is_integral(enum functional functional)
{
    return functional == FUNCTIONAL_MEAN || functional == FUNCTIONAL_AUC;
}

/* Integrals of derivatives over the piece, if anybody wants one. False: they are not as
 * smooth as what they are of, as at a kink, where they jump. */
static bool sum_slopes(struct scan *scan, const struct sight *sight)
{
    size_t d = scan->directions;
    bool wanted = false, smooth = true;
    for (size_t f = 0; d && f < scan->functionals; f++)
        wanted |= scan->views[f].active && is_integral(scan->views[f].functional);
    if (!wanted)
        return true;
    sight_slopes(sight, scan->row_size, scan->row, scan->sums);
    for (size_t f = 0; f < scan->functionals; f++) {
        const struct view *view = &scan->views[f];
        const struct sight_sums *sums = scan->sums + view->watched * d;
        bool counts = view->active && is_integral(view->functional);
        for (size_t k = 0; counts && k < d; k++)
            smooth &= sums[k].off <= SLOPES_TOLERANCE * sums[k].size * scan->length;
    }
    return smooth;
}

/* Whoever has a window that begins at or before `now` and goes on. */
static bool find_active(struct scan *scan)
{
    bool any = false;
    for (size_t f = 0; f < scan->functionals; f++) {
        struct view *view = &scan->views[f];
        while (view->now < view->count && (view->spans[view->now].to <= scan->now ||
                                           !within(scan, &view->spans[view->now])))
            view->now++;
        view->active = false;
        for (size_t i = view->now;
             !view->active && i < view->count && view->spans[i].opens <= scan->now; i++)
            view->active = is_open(scan, &view->spans[i], scan->now);
        any |= view->active;
    }
    return any;
}

void scan_open(struct scan *scan, struct evaluator *evaluator, double to)
{
    scan->to = fmin(to, scan->until);
    scan->cuts = 0;
    if (!scan->bounds && scan->err == ERR_OK && scan->to > scan->start)
        find_windows(scan, evaluator);
}

/* The pieces to look at lie between two neighbouring bounds. */
bool scan_asks(struct scan *scan, double *t)
{
    while (!scan->pieces) {
        while (scan->bound < scan->bound_count && scan->bounds[scan->bound] <= scan->now)
            scan->bound++;
        if (scan->err != ERR_OK || scan->now >= scan->to)
            return false;
        double end = scan->bound < scan->bound_count
                         ? fmin(scan->to, scan->bounds[scan->bound])
                         : scan->to;
        if (find_active(scan))
            scan->ends[scan->pieces++] = end;
        else
            scan->now = end;
    }
    sight_times(scan->now, scan->ends[scan->pieces - 1], t);
    return true;
}

void scan_wants(const struct scan *scan, bool *wanted)
{
    for (size_t f = 0; f < scan->functionals; f++)
        wanted[f] |= scan->views[f].active;
}

bool scan_is_of_readings(const struct scan *scan)
{
    return scan->of_readings;
}

void scan_see(struct scan *scan, const struct sight *sight)
{
    double a = scan->now, b = scan->ends[scan->pieces - 1];
    double middle = a + (b - a) / 2;
    bool whole = scan->pieces > PIECE_DEPTH_MAX || !(middle > a && middle < b) ||
                 scan->cuts >= STEP_CUTS_MAX;
    if (!all_finite(scan, sight)) {
        scan->pieces = 0;
        return;
    }
    bool smooth = resolved(scan, sight);
    if (smooth || whole)
        smooth &= sum_slopes(scan, sight);
    if (!smooth && !whole) {
        scan->ends[scan->pieces++] = middle;
        scan->cuts++;
        return;
    }
    for (size_t f = 0; f < scan->functionals; f++) {
        struct view *view = &scan->views[f];
        if (view->active)
            find_least(scan, sight, f);
        for (size_t i = view->now;
             view->active && i < view->count && view->spans[i].opens <= a; i++)
            if (is_open(scan, &view->spans[i], a))
                take_piece(scan, sight, f, &view->spans[i]);
    }
    scan->now = b;
    scan->pieces--;
}

double scan_quiet(struct scan *scan)
{
    double quiet = INFINITY;
    if (find_active(scan))
        return -INFINITY;
    for (size_t f = 0; f < scan->functionals; f++)
        if (scan->views[f].now < scan->views[f].count)
            quiet = fmin(quiet, scan->views[f].spans[scan->views[f].now].opens);
    return quiet;
}

void scan_moves(struct scan *scan, double t, const double *d_t, const double *before,
                const double *after)
{
    for (size_t f = 0; f < scan->functionals; f++) {
        struct view *view = &scan->views[f];
        for (size_t i = view->now; i < view->count && view->spans[i].opens < t; i++) {
            struct span *span = &view->spans[i];
            if (!(span->from < t) || !is_open(scan, span, t))
                continue;
            if (is_integral(view->functional))
                add(scan, before[f] - after[f], d_t, span->slopes);
            else if (span->lowest.time == t && scan->moved != t)
                add(scan, span->trend, d_t, span->slopes);
        }
    }
    scan->moved = t;
    memcpy(scan->d_moved, d_t, scan->directions * sizeof(double));
}

/* --- what it comes to --------------------------------------------------------------- */

static double worth(const struct view *view, const struct span *span)
{
    double length = span->to - span->from, mean = span->integral / length;
    if (!span->begun)
        return NAN;
    switch (view->functional) {
    case FUNCTIONAL_MIN:
        return span->lowest.value;
    case FUNCTIONAL_MAX:
        return -span->lowest.value;
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
        return span->lowest.time;
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
void scan_end(struct scan *scan, struct evaluator *evaluator)
{
    struct series *series = scan->series;
    size_t named = model_outcomes(scan->model), lines = lines_of(scan->model);
    double *functionals = mem_new(scan->functionals, sizeof(double));
    double *results = mem_new(lines, sizeof(double));
    for (size_t f = 0; f < scan->functionals; f++)
        functionals[f] = scan->views[f].count == 1
                             ? worth(&scan->views[f], &scan->views[f].spans[0])
                             : NAN;
    evaluator_conclude(evaluator, scan->until, functionals, results);
    for (size_t i = 0; i < lines; i++) {
        if (i >= named)
            scan->plausible[i - named] = results[i] != 0;
        else if (!model_outcome(scan->model, i)->series)
            series[i].values[0] = results[i];
    }
    for (size_t i = 0; i < named; i++)
        for (size_t w = 0; model_outcome(scan->model, i)->series && w < series[i].count;
             w++) {
            for (size_t f = 0; f < scan->functionals; f++)
                if (scan->views[f].outcome == i)
                    functionals[f] = worth(&scan->views[f], &scan->views[f].spans[w]);
            evaluator_conclude(evaluator, scan->until, functionals, results);
            series[i].values[w] = results[i];
        }
    mem_free(functionals);
    mem_free(results);
}

/* An integral's window begins at `from`, and a mean is over its length. */
static void conclude_slopes(const struct scan *scan, const struct view *view,
                            const struct span *span, double *slopes)
{
    bool mean = view->functional == FUNCTIONAL_MEAN;
    double length = span->to - span->from, value = worth(view, span);
    memcpy(slopes, span->slopes, scan->directions * sizeof(double));
    if (is_integral(view->functional))
        add(scan, (mean ? value : 0) - span->start, span->d_from, slopes);
    for (size_t k = 0; mean && k < scan->directions; k++)
        slopes[k] /= length;
}

void scan_read(struct scan *scan, size_t observation, double *values, double *slopes)
{
    const size_t *first = &scan->program->watched_first[observation];
    for (size_t i = first[0]; i < first[1]; i++) {
        struct view *view = &scan->views[scan->program->watched[i]];
        const struct span *span = &view->spans[view->read++];
        values[scan->program->watched[i]] = worth(view, span);
        if (scan->directions)
            conclude_slopes(scan, view, span, slopes + i * scan->directions);
    }
}

size_t scan_windows(const struct scan *scan, size_t outcome)
{
    return scan->series[outcome].count;
}

struct window_value scan_window(const struct scan *scan, size_t outcome, size_t window)
{
    const struct series *series = &scan->series[outcome];
    return (struct window_value){series->from[window], series->to[window],
                                 series->values[window]};
}

bool scan_plausible(const struct scan *scan, size_t line)
{
    return scan->plausible[line];
}
