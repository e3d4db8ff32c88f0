#include "sim/beats.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "model/twin.h"
#include "numerics/lanes.h"
#include "sim/cohort.h"

#define REFERENCE_TOLERANCE 1e-10
#define PACE_STEPS 500        /* after which the pace is taken */
#define LOOKS_MAX 1000        /* at a beat */
#define TRIES 6               /* of those whose pace changes */
#define BEAT_STEPS_MAX 100000 /* what takes longer is no beat */

static double seconds(void)
{
    return (double)clock_steady_ms(&clock_machine) / 1000;
}

struct crowd {
    size_t parameters, covariates, count;
    double *of; /* [patients][parameters + covariates] */
};

static const double *parameters_of(const struct crowd *crowd, size_t i)
{
    return crowd->of + i * (crowd->parameters + crowd->covariates);
}

static const double *covariates_of(const struct crowd *crowd, size_t i)
{
    return parameters_of(crowd, i) + crowd->parameters;
}

static enum err keep(void *context, const struct cohort_patient *patient)
{
    struct crowd *crowd = context;
    double *at = crowd->of + crowd->count++ * (crowd->parameters + crowd->covariates);
    memcpy(at, patient->parameters, crowd->parameters * sizeof *at);
    memcpy(at + crowd->parameters, patient->covariates, crowd->covariates * sizeof *at);
    return ERR_OK;
}

/* Drawn from the prior; covariates as the model has them. */
static enum err draw(const struct model *model, const struct beats_plan *plan,
                     struct crowd *crowd)
{
    struct cohort_covariate covariates[MODEL_COVARIATES_MAX] = {0};
    bool *observed = mem_new(model_observations(model) + 1, sizeof *observed);
    double start = 0;
    crowd->parameters = model_parameters(model);
    crowd->covariates = model_covariates(model);
    crowd->of = mem_new(plan->patients * (crowd->parameters + crowd->covariates),
                        sizeof *crowd->of);
    for (size_t i = 0; i < model_covariates(model); i++)
        covariates[i].a = model_covariate(model, i)->default_value;
    struct record *nothing = record_new("cohort", model_time_unit(model));
    const struct cohort_design design = {.patients = plan->patients,
                                         .doses = nothing,
                                         .times = &start,
                                         .time_count = 1,
                                         .observed = observed,
                                         .covariates = covariates,
                                         .seed = plan->seed};
    enum err err = cohort_each(model, &design, keep, crowd);
    record_destroy(&nothing);
    mem_free(observed);
    return err;
}

/* --- patients as twins -----------------------------------------------------------------
 */

struct running {
    const struct model *model;
    const struct beats_plan *plan;
    const struct crowd *crowd;
    struct prior_layout layout;
    struct engine *equal;
    size_t width; /* of all there is of a patient at one time; states come first */
    struct beats *beats;
};

static enum err twin_of(const struct running *r, size_t patient, struct twin **twin)
{
    struct record *record = record_new("1", model_time_unit(r->model));
    enum err err = ERR_OK;
    for (size_t c = 0; err == ERR_OK && c < model_covariates(r->model); c++)
        err = record_covariate(record, 0, model_covariate(r->model, c)->name, NULL,
                               covariates_of(r->crowd, patient)[c], c);
    if (err == ERR_OK)
        err = twin_new(r->model, &r->layout, record, twin);
    record_destroy(&record);
    return err;
}

/* All there is of `count` patients, LANES at most, at times, ascending: rows
 * [count][time_count][width]. */
static enum err follow(const struct running *r, struct engine *engine, size_t first,
                       size_t count, const double *times, size_t time_count, double *rows)
{
    struct twin *twins[LANES] = {NULL};
    struct twin_course courses[LANES];
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = twin_of(r, first + i, &twins[i]);
        courses[i] = (struct twin_course){twins[i], parameters_of(r->crowd, first + i),
                                          rows + i * time_count * r->width, ERR_NUMERIC};
    }
    if (err == ERR_OK)
        twin_simulate_present(engine, courses, count, times, time_count);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        err = courses[i].err;
    for (size_t i = 0; i < count; i++)
        twin_destroy(&twins[i]);
    return err;
}

static enum err does_not_beat(const struct running *r)
{
    return err_set(ERR_NUMERIC, "%s does not beat", model_name(r->model));
}

/* --- equal steps -----------------------------------------------------------------------
 */

/* The fewest beats of anybody at one of the times. */
static double fewest(const struct running *r, size_t count, size_t time_count, size_t at,
                     const double *rows)
{
    double least = INFINITY;
    for (size_t i = 0; i < count; i++)
        least = fmin(least, rows[(i * time_count + at) * r->width + r->plan->counter]);
    return least;
}

/* Where the one stands for whom it takes longest, and his beats a step on the way there
 * from where he was before. */
struct pace {
    double steps, beats, each;
};

static void move_on(struct pace *pace, double steps, double beats)
{
    *pace = (struct pace){steps, beats, (beats - pace->beats) / (steps - pace->steps)};
}

static enum err first_steps(const struct running *r, size_t first, size_t count,
                            struct pace *pace)
{
    double *rows = mem_new(2 * count * r->width, sizeof *rows);
    const double at[2] = {0, PACE_STEPS * r->plan->step};
    enum err err = follow(r, r->equal, first, count, at, 2, rows);
    if (err == ERR_OK) {
        pace->beats = fewest(r, count, 2, 0, rows); /* before the first step, if any */
        move_on(pace, PACE_STEPS, fewest(r, count, 2, 1, rows));
    }
    mem_free(rows);
    return err;
}

/* The steps at whose ends to look: those of the last beat, or every so many of them, and
 * the first one by which everybody has all beats. */
static enum err plan_looks(const struct running *r, const struct pace *pace,
                           double *times, size_t *count)
{
    double left = (double)r->plan->beats - pace->beats;
    if (!(pace->each * BEAT_STEPS_MAX > 1))
        return does_not_beat(r);
    double end = floor(pace->steps + left / pace->each) + 1;
    double at = fmax(ceil(pace->steps + (left - 1) / pace->each), 0);
    double stride = ceil((end - at) / LOOKS_MAX);
    for (*count = 0; at < end; at += stride)
        times[(*count)++] = at * r->plan->step;
    times[(*count)++] = end * r->plan->step;
    return ERR_OK;
}

/* A patient's last beat, and how many there were. */
static void add_patient(struct beats *beats, const struct running *r, size_t looks,
                        const double *rows)
{
    size_t observations = model_observations(r->model), at = r->width - observations;
    beats->equal.beats += floor(rows[(looks - 1) * r->width + r->plan->counter]);
    for (size_t o = 0; o < observations; o++) {
        struct beats_view now = {INFINITY, 0, -INFINITY};
        if (model_looks_back(r->model, o))
            now = (struct beats_view){NAN, NAN, NAN};
        for (size_t k = 0; k + 1 < looks; k++) {
            double y = rows[k * r->width + at + o];
            now.least = fmin(now.least, y);
            now.mean += y / (double)(looks - 1);
            now.greatest = fmax(now.greatest, y);
        }
        beats->views[o].least += now.least;
        beats->views[o].mean += now.mean;
        beats->views[o].greatest += now.greatest;
    }
}

/* Eight patients, or what is left of them; whose pace has slowed down go again, for
 * longer. */
static enum err run_some(struct running *r, size_t first)
{
    size_t left = r->plan->patients - first, count = left < LANES ? left : LANES;
    double beats = (double)r->plan->beats, reached = 0, times[LOOKS_MAX + 2];
    struct pace pace = {0};
    enum err err = first_steps(r, first, count, &pace);
    for (size_t tries = 0; err == ERR_OK && reached < beats; tries++) {
        size_t looks = 0;
        if (tries == TRIES)
            return does_not_beat(r);
        if (plan_looks(r, &pace, times, &looks) != ERR_OK)
            return err_code();
        double *rows = mem_new(count * looks * r->width, sizeof *rows);
        err = follow(r, r->equal, first, count, times, looks, rows);
        if (err == ERR_OK)
            reached = fewest(r, count, looks, looks - 1, rows);
        move_on(&pace, times[looks - 1] / r->plan->step, reached);
        for (size_t i = 0; err == ERR_OK && reached >= beats && i < count; i++)
            add_patient(r->beats, r, looks, rows + i * looks * r->width);
        mem_free(rows);
    }
    return err;
}

static enum err run_all_of(struct running *r, beats_progress *progress, void *context)
{
    const struct beats_plan *plan = r->plan;
    double begun = seconds();
    enum err err = ERR_OK;
    for (size_t first = 0; err == ERR_OK && first < plan->patients; first += LANES) {
        err = run_some(r, first);
        if (err == ERR_OK && progress &&
            !progress(context, (size_t)r->beats->equal.beats,
                      plan->patients * plan->beats))
            err = err_set(ERR_INTERRUPTED, "interrupted");
    }
    r->beats->equal.seconds = seconds() - begun;
    for (size_t o = 0; o < model_observations(r->model); o++) {
        r->beats->views[o].least /= (double)plan->patients;
        r->beats->views[o].mean /= (double)plan->patients;
        r->beats->views[o].greatest /= (double)plan->patients;
    }
    return err;
}

/* --- CVODES ----------------------------------------------------------------------------
 */

static struct engine *cvodes_new(const struct running *r, double tolerance)
{
    struct engine_options options = {ENGINE_BDF, tolerance};
    return engine_new(r->model, &r->layout, &options);
}

static double share_off(const struct running *r, const double *x, const double *right)
{
    double most = 0;
    for (size_t i = 0; i < model_states(r->model); i++)
        most = fmax(most, fabs(x[i] - right[i]) / fmax(fabs(right[i]), 1));
    return most;
}

/* The errors of both for the first eight patients, or as many as there are, after some
 * beats of the first. */
static enum err compare(struct running *r, double period)
{
    double at = round(BEATS_CHECKED * period / r->plan->step) * r->plan->step;
    struct engine *engines[3] = {r->equal, cvodes_new(r, r->plan->tolerance),
                                 cvodes_new(r, REFERENCE_TOLERANCE)};
    double *errors[2] = {&r->beats->equal.error, &r->beats->beside.error};
    double *rows = mem_new(3 * r->width, sizeof *rows), *right = rows + 2 * r->width;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < r->plan->beside && i < LANES; i++) {
        for (size_t e = 0; err == ERR_OK && e < 3; e++)
            err = follow(r, engines[e], i, 1, &at, 1, rows + e * r->width);
        for (size_t e = 0; err == ERR_OK && e < 2; e++)
            *errors[e] = fmax(*errors[e], share_off(r, rows + e * r->width, right));
    }
    engine_destroy(&engines[1]);
    engine_destroy(&engines[2]);
    mem_free(rows);
    return err;
}

static enum err beside(struct running *r, double period)
{
    struct beats_side *side = &r->beats->beside;
    double *row = mem_new(r->width, sizeof *row);
    struct engine *engine = cvodes_new(r, r->plan->tolerance);
    double end = (double)r->plan->beside_beats * period, begun = seconds();
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < r->plan->beside; i++)
        if ((err = follow(r, engine, i, 1, &end, 1, row)) == ERR_OK)
            side->beats += floor(row[r->plan->counter]);
    side->seconds = seconds() - begun;
    engine_destroy(&engine);
    mem_free(row);
    return err;
}

enum err beats_run(const struct model *model, const struct beats_plan *plan,
                   beats_progress *progress, void *context, struct beats *beats)
{
    struct crowd crowd = {0};
    struct running r = {.model = model, .plan = plan, .crowd = &crowd, .beats = beats};
    struct pace pace = {0};
    double period = 0;
    *beats = (struct beats){0};
    r.width = model_states(model) + model_derived(model) + model_observations(model);
    enum err err = prior_layout(model, &r.layout);
    if (err == ERR_OK)
        err = draw(model, plan, &crowd);
    if (err == ERR_OK) {
        r.equal = engine_new_equal(model, &r.layout, plan->step);
        err = run_all_of(&r, progress, context);
    }
    if (err == ERR_OK && plan->beside)
        err = first_steps(&r, 0, 1, &pace);
    period = plan->step / pace.each;
    if (err == ERR_OK && plan->beside)
        err = compare(&r, period);
    if (err == ERR_OK && plan->beside)
        err = beside(&r, period);
    engine_destroy(&r.equal);
    mem_free(crowd.of);
    return err;
}
