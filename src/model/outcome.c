#include "model/outcome.h"

#include <math.h>

#include "base/memory.h"
#include "scan.h"
#include "twin_impl.h"

/* --- what a scan has found -------------------------------------------------------- */

static struct outcome_series series_of(const struct scan *scan, size_t outcome)
{
    size_t count = scan_windows(scan, outcome);
    struct outcome_series out = {count, mem_new(count, sizeof(double)),
                                 mem_new(count, sizeof(double)),
                                 mem_new(count, sizeof(double))};
    for (size_t w = 0; w < count; w++) {
        struct window_value one = scan_window(scan, outcome, w);
        out.from[w] = one.from;
        out.to[w] = one.to;
        out.values[w] = one.value;
    }
    return out;
}

static struct outcomes *outcomes_of(const struct model *model, const struct scan *scan)
{
    size_t named = model_outcomes(model), plausible = model_plausibles(model);
    struct outcomes *out = mem_new(1, sizeof *out);
    out->of = mem_new(named, sizeof *out->of);
    out->plausible = mem_new(plausible, sizeof *out->plausible);
    for (size_t i = 0; i < named; i++)
        out->of[i] = series_of(scan, i);
    for (size_t i = 0; i < plausible; i++)
        out->plausible[i] = scan_plausible(scan, i);
    return out;
}

void outcomes_destroy(const struct model *model, struct outcomes **outcomes)
{
    struct outcomes *gone = *outcomes;
    if (!gone)
        return;
    for (size_t i = 0; i < model_outcomes(model); i++) {
        mem_free(gone->of[i].from);
        mem_free(gone->of[i].to);
        mem_free(gone->of[i].values);
    }
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

/* --- courses, as the engine takes them ---------------------------------------------- */

/* A course on its way. */
struct errand {
    struct request request;
    struct outcome_course *course;
    struct scan *scan;
};

struct queue {
    const struct model *model;
    struct outcome_course *next, *end;
};

static struct request *queue_next(void *context)
{
    struct queue *queue = context;
    while (queue->next < queue->end) {
        struct outcome_course *course = queue->next++;
        if (!(course->until > course->from)) {
            course->err = err_set(ERR_RANGE, "a course from %g to %g has no outcomes",
                                  course->from, course->until);
            continue;
        }
        struct errand *errand = mem_new(1, sizeof *errand);
        errand->course = course;
        errand->scan = scan_new(queue->model, course->from, course->until);
        errand->request = (struct request){
            .schedule = twin_request(course->twin).schedule,
            .parameters = course->parameters,
            .start = fmin(course->from, twin_start(course->twin)),
            .reads = &course->until,
            .read_count = 1,
            .scan = errand->scan,
        };
        return &errand->request;
    }
    return NULL;
}

static void queue_done(void *context, struct request *request)
{
    const struct queue *queue = context;
    struct errand *errand = (struct errand *)(void *)request; /* its first member */
    errand->course->err = request->err;
    if (request->err == ERR_OK)
        errand->course->outcomes = outcomes_of(queue->model, errand->scan);
    scan_destroy(&errand->scan);
    mem_free(errand);
}

void outcomes_all(struct engine *engine, struct outcome_course *courses, size_t count)
{
    struct queue queue = {engine_model(engine), courses, courses + count};
    const struct supply supply = {queue_next, queue_done, &queue};
    for (size_t i = 0; i < count; i++)
        courses[i].outcomes = NULL;
    engine_run(engine, ENGINE_VALUES, &supply);
}

enum err outcomes_new(struct engine *engine, const struct twin *twin,
                      const double *parameters, double from, double until,
                      struct outcomes **outcomes)
{
    struct outcome_course course = {
        twin, parameters, fmin(from, twin_start(twin)), until, NULL, ERR_OK};
    outcomes_all(engine, &course, 1);
    *outcomes = course.outcomes;
    return course.err;
}
