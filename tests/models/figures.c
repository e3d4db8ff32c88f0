#include "figures.h"

#include "base/memory.h"
#include "course.h"
#include "model/outcome.h"

/* A course and all its outputs on a grid, or what it comes to, kept until a row asks for
 * another. */
struct run {
    const struct figure *figure; /* whose it is; NULL: none yet */
    struct course course;
    double *rows; /* one more than count: that of time 0 */
    size_t count, width;
    struct outcomes *outcomes;
};

static bool same_inputs(const struct figure *a, const struct figure *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->set, b->set) == 0 &&
           strcmp(a->doses, b->doses) == 0;
}

static bool same_grid(const struct figure *a, const struct figure *b)
{
    return a->from == b->from && a->step == b->step && a->to == b->to;
}

static void forget(struct run *run)
{
    if (run->outcomes)
        outcomes_destroy(run->course.model, &run->outcomes);
    if (run->figure)
        course_close(&run->course);
    mem_free(run->rows);
    *run = (struct run){0};
}

static bool is_run(const struct run *run, const struct figure *figure)
{
    return run->figure && same_inputs(run->figure, figure) &&
           same_grid(run->figure, figure) &&
           (run->outcomes != NULL) == (figure->functional == OUTCOME);
}

static void run_to(struct run *run, const struct figure *figure)
{
    if (is_run(run, figure))
        return;
    forget(run);
    run->figure = figure;
    course_open(&run->course, figure->model, figure->set, figure->doses);
    const struct model *model = run->course.model;
    run->count = 1 + (size_t)lround((figure->to - figure->from) / figure->step);
    run->width = model_states(model) + model_derived(model) + model_observations(model);
    /* Time 0 first: a course without doses would begin at the first time that is asked.
     */
    double *times = mem_new(1 + run->count, sizeof *times);
    run->rows = mem_new((1 + run->count) * run->width, sizeof *run->rows);
    for (size_t i = 0; i < run->count; i++)
        times[1 + i] = figure->from + figure->step * (double)i;
    assert_ok(twin_simulate(run->course.engine, run->course.twin, run->course.parameters,
                            times, 1 + run->count, run->rows));
    mem_free(times);
}

/* Where a parabola through three neighbours has its top; `t` is the middle one's. */
static void refine(const double *y, double t, double step, double *time, double *top)
{
    double bend = y[-1] - 2 * y[0] + y[1], tilt = (y[1] - y[-1]) / 2;
    *time = bend != 0 ? t - step * tilt / bend : t;
    *top = bend != 0 ? y[0] - tilt * tilt / (2 * bend) : y[0];
}

static double extreme(const struct figure *figure, const double *y, size_t count,
                      double sign, bool wants_time)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (sign * y[i] > sign * y[best])
            best = i;
    double time = figure->from + figure->step * (double)best, top = y[best];
    if (best > 0 && best + 1 < count)
        refine(y + best, time, figure->step, &time, &top);
    return wants_time ? time : top;
}

static double simpson(const double *y, size_t count, double step)
{
    double sum = y[0] - y[count - 1];
    for (size_t i = 1; i < count; i++)
        sum += (i % 2 ? 4 : 2) * y[i];
    return sum * step / 3;
}

static double last_rise(const struct figure *figure, const double *y, size_t count)
{
    double time = NAN;
    for (size_t i = 1; i < count; i++)
        if (y[i - 1] < figure->level && y[i] >= figure->level)
            time = figure->from + figure->step * (double)i;
    return time;
}

/* How long it is above (sign 1) or below (-1) the level; straight between neighbours. */
static double time_beyond(const struct figure *figure, const double *y, size_t count,
                          double sign)
{
    double time = 0;
    for (size_t i = 1; i < count; i++) {
        double a = sign * (y[i - 1] - figure->level), b = sign * (y[i] - figure->level);
        if (a > 0 && b > 0)
            time += figure->step;
        else if (a > 0 || b > 0)
            time += figure->step * fmax(a, b) / fabs(a - b);
    }
    return time;
}

static double mean_above(const struct figure *figure, const double *y, size_t count)
{
    double sum = 0;
    size_t above = 0;
    for (size_t i = 0; i < count; i++)
        if (y[i] > figure->level) {
            sum += y[i];
            above++;
        }
    return sum / (double)above;
}

static double functional(const struct figure *figure, const double *y, size_t count)
{
    switch (figure->functional) {
    case LARGEST:
        return extreme(figure, y, count, 1, false);
    case TIME_OF_LARGEST:
        return extreme(figure, y, count, 1, true);
    case SMALLEST:
        return extreme(figure, y, count, -1, false);
    case TIME_OF_SMALLEST:
        return extreme(figure, y, count, -1, true);
    case LAST_RISE_THROUGH:
        return last_rise(figure, y, count);
    case TIME_BELOW:
        return time_beyond(figure, y, count, -1);
    case TIME_ABOVE:
        return time_beyond(figure, y, count, 1);
    case MEAN_ABOVE:
        return mean_above(figure, y, count);
    case AREA:
        return simpson(y, count, figure->step);
    case MEAN:
        return simpson(y, count, figure->step) / (figure->to - figure->from);
    case RANGE:
        return extreme(figure, y, count, 1, false) - extreme(figure, y, count, -1, false);
    case FRACTION:
        return 1 -
               extreme(figure, y, count, -1, false) / extreme(figure, y, count, 1, false);
    case HALF_LIFE:
        return log(2) * (figure->to - figure->from) / log(y[0] / y[count - 1]);
    default:
        return y[0];
    }
}

static double outcome(struct run *run, const struct figure *figure)
{
    if (!is_run(run, figure)) {
        forget(run);
        run->figure = figure;
        course_open(&run->course, figure->model, figure->set, figure->doses);
        assert_ok(outcomes_new(run->course.engine, run->course.twin,
                               run->course.parameters, figure->from, figure->to,
                               &run->outcomes));
    }
    const struct model *model = run->course.model;
    for (size_t i = 0; i < model_outcomes(model); i++)
        if (strcmp(model_outcome(model, i)->name, figure->output) == 0) {
            const struct outcome_series *series = &run->outcomes->of[i];
            return series->count ? series->values[series->count - 1] : NAN;
        }
    fail_msg("%s: no outcome '%s'", figure->model, figure->output);
    return 0;
}

static double output(struct run *run, const struct figure *figure)
{
    run_to(run, figure);
    size_t column = course_column(&run->course, figure->output);
    double *y = mem_new(run->count, sizeof *y);
    for (size_t k = 0; k < run->count; k++)
        y[k] = run->rows[(1 + k) * run->width + column];
    double got = functional(figure, y, run->count);
    mem_free(y);
    return got;
}

void figures_check(const struct figure *figures, size_t count)
{
    struct run run = {0};
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const struct figure *figure = &figures[i];
        double got =
            figure->functional == OUTCOME ? outcome(&run, figure) : output(&run, figure);
        assert_non_null(figure->source);
        if (!(fabs(got - figure->expected) <= figure->tolerance)) {
            print_error("%s, %s, %s: %s %d at %g: %.6g; %.6g within %g says %s\n",
                        figure->model, figure->set, figure->doses, figure->output,
                        figure->functional, figure->from, got, figure->expected,
                        figure->tolerance, figure->source);
            wrong++;
        }
    }
    forget(&run);
    assert_int_equal(wrong, 0);
}
