#include "sim/trial.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "model/outcome.h"
#include "model/prior.h"
#include "privacy/random.h"
#include "sim/student.h"
#include "sim/visits.h"

/* Patients are drawn one after the other, and so many go through their arms at once. */
#define SEATS ((size_t)256)

struct seat { /* a patient in every arm */
    size_t id;
    double covariates[MODEL_COVARIATES_MAX];
    double *uniforms; /* [visits][observations], of readings */
    struct record *records[ARMS_MAX];
    struct twin *twins[ARMS_MAX];
    double parameters[ARMS_MAX][MODEL_PARAMETERS_MAX];
};

struct worker { /* a thread's: its share of everybody who sits, in every arm */
    const struct running *run;
    struct engine *engine;
    struct visitor *visitors;
    struct outcome_course *courses;
    size_t count;
};

struct running {
    const struct model *model;
    const struct trial_design *design;
    struct prior_layout layout;
    struct prior *prior;
    struct random *leaving; /* who drops out: draws of its own */
    struct random *reading; /* errors of what is read at visits: draws of their own */
    size_t arms, total;     /* patients of all trials */
    double from, until;
    struct seat *seats; /* [SEATS] */
    size_t seated;
    double *values;         /* [total][arms]; NaN: none */
    bool *left;             /* [total] before the end */
    struct worker *workers; /* [threads] */
    size_t threads;
    struct trial *out;
};

/* --- courses ------------------------------------------------------------------------ */

/* Visits, where there are any, and then the course that they have led to. */
static void work(void *context, size_t index)
{
    struct worker *worker = (struct worker *)context + index;
    const struct running *run = worker->run;
    const struct reader reader = {run->model, &run->layout, run->prior};
    if (run->design->visit_count > 0)
        visits_all(worker->engine, &reader, run->design->visits, run->design->visit_count,
                   worker->visitors, worker->count);
    if (run->design->endpoint != TRIAL_OUTCOME)
        return;
    for (size_t i = 0; i < worker->count; i++)
        worker->courses[i].twin = worker->visitors[i].twin;
    outcomes_all(worker->engine, worker->courses, worker->count);
}

static void compute(struct running *run, struct visitor *visitors,
                    struct outcome_course *courses, size_t count)
{
    struct worker *workers = run->workers;
    size_t threads = run->threads;
    for (size_t k = 0; k < threads; k++) {
        size_t begin = count * k / threads, end = count * (k + 1) / threads;
        workers[k].visitors = visitors + begin;
        workers[k].courses = courses + begin;
        workers[k].count = end - begin;
    }
    threads_run(threads, work, workers);
}

static double value_of(const struct running *run, const struct visitor *visitor,
                       const struct outcome_course *course)
{
    switch (run->design->endpoint) {
    case TRIAL_READING:
        return visitor->last;
    case TRIAL_CHANGE:
        return visitor->last - visitor->first;
    case TRIAL_OUTCOME:
        break;
    }
    return course->outcomes->of[run->design->of].values[0];
}

static enum err keep_value(struct running *run, const struct seat *seat, size_t arm,
                           const struct visitor *visitor,
                           const struct outcome_course *course)
{
    const char *name = arm_name(run->design->arms->arm[arm]);
    enum err err = visitor->err == ERR_OK ? course->err : visitor->err;
    if (err == ERR_OK) {
        run->values[(seat->id - 1) * run->arms + arm] = value_of(run, visitor, course);
        run->out->means[arm].changed += visitor->changed;
        return ERR_OK;
    }
    if (err == ERR_RANGE)
        return err_set(ERR_RANGE,
                       "patient %zu, arm %s: a window of an outcome makes no "
                       "sense between %g and %g %s",
                       seat->id, name, run->from, run->until,
                       model_time_unit(run->model));
    return err_set(err, "patient %zu, arm %s: the course cannot be computed", seat->id,
                   name);
}

static struct visitor visitor_of(const struct running *run, struct seat *seat, size_t a)
{
    return (struct visitor){
        .arm = run->design->arms->arm[a],
        .covariates = seat->covariates,
        .parameters = seat->parameters[a],
        .uniforms = seat->uniforms,
        .record = seat->records[a],
        .twin = seat->twins[a],
        .observation = run->design->endpoint == TRIAL_OUTCOME ? 0 : run->design->of,
    };
}

/* Everybody who sits, through every arm. */
static enum err run_seated(struct running *run)
{
    size_t count = run->seated * run->arms;
    struct outcome_course *courses = mem_new(count + 1, sizeof *courses);
    struct visitor *visitors = mem_new(count + 1, sizeof *visitors);
    enum err err = ERR_OK;
    for (size_t i = 0; i < run->seated; i++)
        for (size_t a = 0; a < run->arms; a++) {
            size_t c = i * run->arms + a;
            visitors[c] = visitor_of(run, &run->seats[i], a);
            courses[c] = (struct outcome_course){
                .parameters = run->seats[i].parameters[a],
                .from = run->from,
                .until = run->until,
            };
        }
    compute(run, visitors, courses, count);
    for (size_t c = 0; c < count; c++) {
        struct seat *seat = &run->seats[c / run->arms];
        seat->twins[c % run->arms] = visitors[c].twin;
        if (err == ERR_OK)
            err = keep_value(run, seat, c % run->arms, &visitors[c], &courses[c]);
        outcomes_destroy(run->model, &courses[c].outcomes);
    }
    mem_free(visitors);
    mem_free(courses);
    return err;
}

/* --- patients ----------------------------------------------------------------------- */

static void clear_seats(struct running *run)
{
    for (size_t i = 0; i < run->seated; i++) {
        for (size_t a = 0; a < run->arms; a++) {
            twin_destroy(&run->seats[i].twins[a]);
            record_destroy(&run->seats[i].records[a]);
        }
        mem_free(run->seats[i].uniforms);
        run->seats[i].uniforms = NULL;
    }
    run->seated = 0;
}

static double draw_uniform(struct random *random)
{
    return ldexp((double)random_bits(random, 52) + 0.5, -52);
}

static enum err seat_in_arm(struct running *run, const struct cohort_patient *patient,
                            struct seat *seat, size_t a)
{
    bool met;
    seat->records[a] = record_copy(patient->record);
    memcpy(seat->parameters[a], patient->parameters, sizeof seat->parameters[a]);
    enum err err = arm_apply(run->design->arms->arm[a], patient->covariates,
                             seat->records[a], seat->parameters[a], &met);
    if (err == ERR_OK)
        err = twin_new(run->model, &run->layout, seat->records[a], &seat->twins[a]);
    run->out->means[a].met += met;
    return err == ERR_OK ? ERR_OK
                         : err_wrap("arm %s", arm_name(run->design->arms->arm[a]));
}

static enum err seat_patient(void *context, const struct cohort_patient *patient)
{
    struct running *run = context;
    const struct trial_design *design = run->design;
    struct seat *seat = &run->seats[run->seated++];
    size_t numbers = design->visit_count * model_observations(run->model);
    enum err err = ERR_OK;
    seat->id = patient->id;
    memcpy(seat->covariates, patient->covariates, sizeof seat->covariates);
    seat->uniforms = mem_new(numbers + 1, sizeof *seat->uniforms);
    for (size_t i = 0; i < numbers; i++)
        seat->uniforms[i] = draw_uniform(run->reading);
    run->left[patient->id - 1] =
        -log(draw_uniform(run->leaving)) < design->dropout * (run->until - run->from);
    for (size_t a = 0; err == ERR_OK && a < run->arms; a++)
        err = seat_in_arm(run, patient, seat, a);
    if (err == ERR_OK && (run->seated == SEATS || patient->id == run->total)) {
        err = run_seated(run);
        clear_seats(run);
    }
    if (err == ERR_OK && design->progress &&
        !design->progress(design->context, patient->id))
        err = err_set(ERR_INTERRUPTED, "stopped after %zu patients", patient->id);
    return err;
}

/* --- what came of it ---------------------------------------------------------------- */

struct sample { /* running mean and sum of squares around it (Welford 1962) */
    size_t count;
    double mean, squares;
};

static void add(struct sample *sample, double value)
{
    if (isnan(value))
        return;
    double off = value - sample->mean;
    sample->mean += off / (double)++sample->count;
    sample->squares += off * (value - sample->mean);
}

static double variance(const struct sample *sample)
{
    return sample->count > 1 ? sample->squares / (double)(sample->count - 1) : NAN;
}

/* Welch 1947: unequal variances, Satterthwaite's degrees of freedom. */
static void compare(const struct sample *first, const struct sample *arm,
                    struct trial_difference *out)
{
    double u = variance(first) / (double)first->count,
           v = variance(arm) / (double)arm->count, se = sqrt(u + v);
    double dof = (u + v) * (u + v) /
                 (u * u / (double)(first->count - 1) + v * v / (double)(arm->count - 1));
    out->others = first->count;
    out->patients = arm->count;
    out->difference = arm->count && first->count ? arm->mean - first->mean : NAN;
    if (se == 0) { /* nobody differs from anybody in his arm */
        out->low = out->high = out->difference;
        out->p = out->difference == 0;
        return;
    }
    double reach = se * student_quantile(dof, TRIAL_LEVEL);
    out->p = student_two_sided(dof, out->difference / se);
    out->low = out->difference - reach;
    out->high = out->difference + reach;
}

static void sum_up_arm(const struct running *run, size_t a)
{
    struct sample all = {0}, pairs = {0};
    for (size_t i = 0; i < run->total; i++) {
        const double *values = run->values + i * run->arms;
        add(&all, values[a]);
        add(&pairs, values[a] - values[0]);
    }
    struct trial_mean *mean = &run->out->means[a];
    struct trial_difference *difference = &run->out->differences[a];
    mean->patients = all.count;
    mean->mean = all.count ? all.mean : NAN;
    mean->sd = sqrt(variance(&all));
    difference->pairs = pairs.count;
    difference->paired = pairs.count ? pairs.mean : NAN;
    difference->paired_se = sqrt(variance(&pairs) / (double)pairs.count);
}

/* As one trial sees it: each patient in one arm. */
static void sum_up_trial(const struct running *run, size_t trial)
{
    size_t size = run->design->cohort->patients;
    struct sample samples[ARMS_MAX] = {0};
    for (size_t i = 0; i < size; i++) {
        size_t at = trial * size + i, a = i % run->arms;
        if (!run->left[at])
            add(&samples[a], run->values[at * run->arms + a]);
    }
    for (size_t a = 1; a < run->arms; a++) {
        struct trial_difference one = {0}, *out = &run->out->differences[a];
        compare(&samples[0], &samples[a], &one);
        out->significant += one.p < TRIAL_LEVEL;
        if (trial > 0)
            continue;
        out->patients = one.patients;
        out->others = one.others;
        out->difference = one.difference;
        out->low = one.low;
        out->high = one.high;
        out->p = one.p;
    }
}

/* --- from outside ------------------------------------------------------------------- */

/* Of every course. */
static double start(const struct trial_design *design)
{
    const struct cohort_design *cohort = design->cohort;
    double first = fmin(cohort->times[0], arms_start(design->arms));
    for (size_t i = 0; i < cohort->doses->dose_count; i++)
        first = fmin(first, cohort->doses->doses[i].time);
    return first;
}

static enum err check_visits(const struct model *model, const struct trial_design *design)
{
    const struct cohort_design *cohort = design->cohort;
    double from = start(design), until = cohort->times[cohort->time_count - 1];
    size_t count = design->visit_count;
    if (count == 0 && design->endpoint != TRIAL_OUTCOME) {
        err_set(ERR_USAGE, "nobody is seen, so nothing can be read");
        return err_hint("--visits says when patients are seen");
    }
    for (size_t a = 0; count == 0 && a < design->arms->count; a++)
        if (arm_has_rules(design->arms->arm[a])) {
            err_set(ERR_USAGE, "arm %s has rules for visits, and nobody is seen",
                    arm_name(design->arms->arm[a]));
            return err_hint("--visits says when patients are seen");
        }
    if (count > TRIAL_VISITS_MAX)
        return err_set(ERR_RANGE, "%zu visits are more than %zu", count,
                       TRIAL_VISITS_MAX);
    for (size_t i = 0; i < count; i++)
        if (design->visits[i] < from || design->visits[i] > until)
            return err_set(ERR_USAGE, "a visit at %g is not between %g and %g %s",
                           design->visits[i], from, until, model_time_unit(model));
    return design->endpoint == TRIAL_CHANGE && count < 2
               ? err_set(ERR_USAGE, "a change is from a first visit to a last one")
               : ERR_OK;
}

static enum err check(const struct model *model, const struct trial_design *design)
{
    const struct cohort_design *cohort = design->cohort;
    if (design->arms->count < 2)
        return err_set(ERR_USAGE, "a trial has two arms or more, not %zu",
                       design->arms->count);
    if (design->endpoint == TRIAL_OUTCOME && model_outcome(model, design->of)->series)
        return err_set(ERR_USAGE,
                       "outcome %s has a value for every period: a trial "
                       "compares one for each patient",
                       model_outcome(model, design->of)->name);
    if (check_visits(model, design) != ERR_OK)
        return err_code();
    if (start(design) >= cohort->times[cohort->time_count - 1])
        return err_set(ERR_USAGE, "a course needs a beginning and an end, not one time");
    if (cohort->patients < 2 * design->arms->count)
        return err_set(ERR_RANGE, "%zu patients are fewer than two for each arm",
                       cohort->patients);
    if (design->trials > TRIAL_PATIENTS_MAX / cohort->patients)
        return err_set(ERR_RANGE, "%zu trials of %zu are more than %d patients",
                       design->trials, cohort->patients, TRIAL_PATIENTS_MAX);
    return ERR_OK;
}

/* The same people, all trials of them; nobody is measured. */
static enum err draw(struct running *run)
{
    struct cohort_design cohort = *run->design->cohort;
    const double times[] = {run->from, run->until};
    bool *observed = mem_new(model_observations(run->model) + 1, sizeof *observed);
    cohort.patients = run->total;
    cohort.times = times;
    /* The last time only where somebody has to be plausible until then. */
    cohort.time_count = cohort.plausible && model_plausibles(run->model) ? 2 : 1;
    cohort.observed = observed;
    enum err err = cohort_each(run->model, &cohort, seat_patient, run);
    mem_free(observed);
    return err;
}

enum err trial_run(const struct model *model, const struct trial_design *design,
                   struct trial *trial)
{
    struct running run = {.model = model, .design = design, .out = trial};
    const struct cohort_design *cohort = design->cohort;
    uint8_t seed[RANDOM_SEED_BYTES] = {0};
    *trial = (struct trial){0};
    if (check(model, design) != ERR_OK || prior_layout(model, &run.layout) != ERR_OK ||
        prior_from_model(model, &run.prior) != ERR_OK)
        return err_code();
    memcpy(seed, &cohort->seed, sizeof cohort->seed);
    seed[RANDOM_SEED_BYTES - 1] = 1; /* not the cohort's stream */
    run.leaving = random_new_seeded(seed);
    seed[RANDOM_SEED_BYTES - 1] = 2;
    run.reading = random_new_seeded(seed);
    run.arms = design->arms->count;
    run.total = design->trials * cohort->patients;
    run.from = trial->from = start(design);
    run.until = trial->until = cohort->times[cohort->time_count - 1];
    run.seats = mem_new(SEATS, sizeof *run.seats);
    run.values = mem_new(run.total * run.arms, sizeof *run.values);
    run.left = mem_new(run.total, sizeof *run.left);
    run.threads = threads_wanted(design->threads);
    run.workers = mem_new(run.threads, sizeof *run.workers);
    for (size_t k = 0; k < run.threads; k++)
        run.workers[k] =
            (struct worker){.run = &run, .engine = engine_new(model, &run.layout, NULL)};
    enum err err = draw(&run);
    clear_seats(&run);
    for (size_t a = 0; err == ERR_OK && a < run.arms; a++)
        sum_up_arm(&run, a);
    for (size_t r = 0; err == ERR_OK && r < design->trials; r++)
        sum_up_trial(&run, r);
    for (size_t k = 0; k < run.threads; k++)
        engine_destroy(&run.workers[k].engine);
    mem_free(run.workers);
    mem_free(run.left);
    mem_free(run.values);
    mem_free(run.seats);
    random_destroy(&run.reading);
    random_destroy(&run.leaving);
    prior_destroy(&run.prior);
    return err;
}
