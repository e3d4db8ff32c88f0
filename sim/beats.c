#include "sim/beats.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "model/march.h"
#include "model/twin.h"
#include "sim/cohort.h"

#define REFERENCE_TOLERANCE 1e-10
#define CHUNK 500 /* steps between looks at the counter */
#define WINDOW_MAX 100000

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

/* --- equal steps -----------------------------------------------------------------------
 */

struct marching {
    const struct model *model;
    const struct beats_plan *plan;
    const struct crowd *crowd;
    struct march *march;
    double *seen; /* [observations][LANES] */
    struct beats *beats;
};

static enum err begin(struct marching *m, size_t first)
{
    for (size_t l = 0; l < LANES; l++) {
        size_t i = first + l < m->plan->patients ? first + l : first;
        enum err err = march_begin(m->march, l, parameters_of(m->crowd, i),
                                   covariates_of(m->crowd, i), 1e300);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static double fewest(const struct marching *m)
{
    const double *counter = march_states(m->march) + m->plan->counter * LANES;
    double least = INFINITY;
    EACH_LANE least = fmin(least, counter[l]);
    return least;
}

/* A beat more, looked at in every step. */
static enum err last_beat(struct marching *m, size_t lanes)
{
    size_t observations = model_observations(m->model), steps = 0;
    double end = fewest(m) + 1;
    struct beats_view now[BEATS_VIEWS_MAX][LANES];
    for (; fewest(m) < end && steps < WINDOW_MAX; steps++) {
        march_observe(m->march, m->seen);
        for (size_t o = 0; o < observations; o++)
            EACH_LANE
            {
                double y = m->seen[o * LANES + l];
                struct beats_view *one = &now[o][l];
                if (steps == 0)
                    *one = (struct beats_view){y, 0, y};
                one->least = fmin(one->least, y);
                one->mean += y;
                one->greatest = fmax(one->greatest, y);
            }
        march_steps(m->march, 1);
    }
    for (size_t o = 0; o < observations; o++)
        for (size_t l = 0; l < lanes; l++) {
            m->beats->views[o].least += now[o][l].least;
            m->beats->views[o].mean += now[o][l].mean / (double)steps;
            m->beats->views[o].greatest += now[o][l].greatest;
        }
    return steps == WINDOW_MAX
               ? err_set(ERR_NUMERIC, "%s does not beat", model_name(m->model))
               : ERR_OK;
}

/* Eight patients, or what is left of them. */
static enum err march_some(struct marching *m, size_t first)
{
    size_t left = m->plan->patients - first, lanes = left < LANES ? left : LANES;
    double until = (double)m->plan->beats - 1, before = -1;
    enum err err = begin(m, first);
    while (err == ERR_OK && fewest(m) < until) {
        if (!(fewest(m) > before))
            return err_set(ERR_NUMERIC, "%s does not beat", model_name(m->model));
        before = fewest(m);
        march_steps(m->march, CHUNK);
    }
    const double *counter = march_states(m->march) + m->plan->counter * LANES;
    for (size_t l = 0; err == ERR_OK && l < lanes; l++)
        if (!isfinite(counter[l])) {
            err_set(ERR_NUMERIC, "the beats of %s are not finite at steps of %g",
                    model_name(m->model), m->plan->step);
            err = err_hint("--step is in %s", model_time_unit(m->model));
        }
    if (err == ERR_OK)
        err = last_beat(m, lanes);
    for (size_t l = 0; err == ERR_OK && l < lanes; l++)
        m->beats->marched.beats += floor(counter[l]);
    return err;
}

static enum err march_all(struct marching *m, beats_progress *progress, void *context)
{
    const struct beats_plan *plan = m->plan;
    double begun = seconds();
    enum err err = ERR_OK;
    for (size_t first = 0; err == ERR_OK && first < plan->patients; first += LANES) {
        err = march_some(m, first);
        if (err == ERR_OK && progress &&
            !progress(context, (size_t)m->beats->marched.beats,
                      plan->patients * plan->beats))
            err = err_set(ERR_INTERRUPTED, "interrupted");
    }
    m->beats->marched.seconds = seconds() - begun;
    for (size_t o = 0; o < model_observations(m->model); o++) {
        m->beats->views[o].least /= (double)plan->patients;
        m->beats->views[o].mean /= (double)plan->patients;
        m->beats->views[o].greatest /= (double)plan->patients;
    }
    return err;
}

/* --- CVODES ----------------------------------------------------------------------------
 */

/* All there is of a patient at times, ascending, by CVODES. */
static enum err by_cvodes(const struct marching *m, size_t patient, double tolerance,
                          const double *times, size_t count, double *rows)
{
    struct prior_layout layout;
    struct record *record = record_new("1", model_time_unit(m->model));
    struct twin *twin = NULL;
    enum err err = prior_layout(m->model, &layout);
    for (size_t c = 0; err == ERR_OK && c < model_covariates(m->model); c++)
        err = record_covariate(record, 0, model_covariate(m->model, c)->name, NULL,
                               covariates_of(m->crowd, patient)[c], c);
    if (err == ERR_OK)
        err = twin_new(m->model, &layout, record, &twin);
    if (err == ERR_OK) {
        struct engine_options options = {ENGINE_BDF, tolerance};
        struct engine *engine = engine_new(m->model, &layout, &options);
        err = twin_simulate(engine, twin, parameters_of(m->crowd, patient), times, count,
                            rows);
        engine_destroy(&engine);
    }
    twin_destroy(&twin);
    record_destroy(&record);
    return err;
}

static double share_off(const struct marching *m, const double *x, size_t stride,
                        const double *right)
{
    double most = 0;
    for (size_t i = 0; i < model_states(m->model); i++)
        most = fmax(most, fabs(x[i * stride] - right[i]) / fmax(fabs(right[i]), 1));
    return most;
}

static size_t width_of(const struct model *model)
{
    return model_states(model) + model_derived(model) + model_observations(model);
}

/* The errors of both for the first eight patients, or as many as there are, after some
 * beats of the first. */
static enum err compare(struct marching *m, double period)
{
    struct beats *beats = m->beats;
    size_t steps = (size_t)lround(BEATS_CHECKED * period / m->plan->step);
    double at = (double)steps * m->plan->step;
    double *right = mem_new(width_of(m->model), sizeof *right),
           *coarse = mem_new(width_of(m->model), sizeof *coarse);
    enum err err = begin(m, 0);
    if (err == ERR_OK)
        march_steps(m->march, steps);
    for (size_t i = 0; err == ERR_OK && i < m->plan->beside && i < LANES; i++) {
        const double *marched = march_states(m->march) + i;
        err = by_cvodes(m, i, REFERENCE_TOLERANCE, &at, 1, right);
        if (err == ERR_OK)
            err = by_cvodes(m, i, m->plan->tolerance, &at, 1, coarse);
        if (err == ERR_OK) {
            beats->marched.error =
                fmax(beats->marched.error, share_off(m, marched, LANES, right));
            beats->beside.error =
                fmax(beats->beside.error, share_off(m, coarse, 1, right));
        }
    }
    mem_free(right);
    mem_free(coarse);
    return err;
}

static enum err beside(struct marching *m, double period)
{
    struct beats *beats = m->beats;
    double *row = mem_new(width_of(m->model), sizeof *row);
    double end = (double)m->plan->beside_beats * period, begun = seconds();
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < m->plan->beside; i++)
        if ((err = by_cvodes(m, i, m->plan->tolerance, &end, 1, row)) == ERR_OK)
            beats->beside.beats += floor(row[m->plan->counter]);
    beats->beside.seconds = seconds() - begun;
    mem_free(row);
    return err;
}

enum err beats_run(const struct model *model, const struct beats_plan *plan,
                   beats_progress *progress, void *context, struct beats *beats)
{
    struct crowd crowd = {0};
    struct marching m = {.model = model, .plan = plan, .crowd = &crowd, .beats = beats};
    *beats = (struct beats){0};
    enum err err = draw(model, plan, &crowd);
    if (err == ERR_OK)
        err = march_new(model, plan->step, simd_best(), &m.march);
    m.seen = lanes_rows_new(model_observations(model) + 1);
    if (err == ERR_OK)
        err = march_all(&m, progress, context);
    if (err == ERR_OK && plan->beside) {
        double period = 0;
        err = begin(&m, 0);
        march_steps(m.march, CHUNK);
        period = CHUNK * plan->step / march_states(m.march)[plan->counter * LANES];
        if (err == ERR_OK)
            err = compare(&m, period);
        if (err == ERR_OK)
            err = beside(&m, period);
    }
    lanes_rows_free(m.seen);
    march_destroy(&m.march);
    mem_free(crowd.of);
    return err;
}
