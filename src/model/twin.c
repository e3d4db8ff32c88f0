#include "model/twin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/unit.h"
#include "twin_impl.h"
#include "feed.h"
#include "resolution.h"

/* --- what a twin holds ------------------------------------------------------------- */

struct twin {
    struct schedule schedule;
    struct twin_measurement *measurements;
    size_t *measurement_order, *measurement_observations;
    double *measurement_times, *measurement_values;
    bool plain; /* measurements are uncensored and of one observation */
    size_t measurement_count;
    double *x; /* [k] */
    double start;
};

static enum err conversion(const char *from, const char *to, const char *what,
                           const char *name, double *factor)
{
    *factor = 1;
    if (!from || strcmp(from, to) == 0)
        return ERR_OK;
    if (unit_convert(from, to, factor) != ERR_OK)
        return err_wrap("%s '%s' is recorded in %s, the model has it in %s", what, name,
                        from, to);
    return ERR_OK;
}

static enum err take_doses(struct twin *twin, const struct record *record,
                           double time_factor)
{
    const struct model *model = twin->schedule.model;
    twin->schedule.doses = mem_new(record->dose_count, sizeof *twin->schedule.doses);
    for (size_t i = 0; i < record->dose_count; i++) {
        const struct record_dose *row = &record->doses[i];
        size_t input = 0;
        while (input < model_inputs(model) &&
               strcmp(model_input(model, input)->name, row->input) != 0)
            input++;
        if (input == model_inputs(model))
            return err_set(ERR_NOT_FOUND,
                           "a dose of '%s', which model %s has no input for", row->input,
                           model_name(model));
        const struct model_input *known = model_input(model, input);
        double factor;
        enum err err =
            conversion(row->unit, known->accepted_unit, "dose", row->input, &factor);
        if (err == ERR_OK && known->jumps && row->duration > 0)
            err =
                err_set(ERR_RANGE, "a dose of '%s' takes no time, and one has a duration",
                        row->input);
        if (err != ERR_OK)
            return err;
        twin->schedule.doses[twin->schedule.dose_count++] = (struct dose){
            .time = row->time * time_factor,
            .amount = row->amount * factor * known->accepted_factor,
            .duration = row->duration < 0 ? -1 : row->duration * time_factor,
            .input = input,
            .order = row->order,
        };
    }
    return ERR_OK;
}

static enum err take_covariates(struct twin *twin, const struct record *record,
                                double time_factor)
{
    const struct model *model = twin->schedule.model;
    size_t count = model_covariates(model);
    bool known[MODEL_COVARIATES_MAX] = {false};
    twin->schedule.covariates = mem_new(count, sizeof(double));
    twin->schedule.changes =
        mem_new(record->covariate_count, sizeof *twin->schedule.changes);
    for (size_t i = 0; i < record->covariate_count; i++) {
        const struct record_covariate *row = &record->covariates[i];
        for (size_t c = 0; c < count; c++) {
            const struct model_covariate *one = model_covariate(model, c);
            if (strcmp(one->name, row->name) != 0)
                continue;
            double factor;
            enum err err =
                conversion(row->unit, one->unit, "covariate", one->name, &factor);
            if (err == ERR_OK && !model_covariate_admits(one, row->value * factor))
                err =
                    err_set(ERR_RANGE, "a value of covariate '%s' is none of its levels",
                            one->name);
            if (err != ERR_OK)
                return err;
            /* The first value also holds before its own time. */
            if (!known[c])
                twin->schedule.covariates[c] = row->value * factor;
            known[c] = true;
            if (one->hold != COVARIATE_CONSTANT)
                twin->schedule.changes[twin->schedule.change_count++] = (struct change){
                    row->time * time_factor, row->value * factor, c, row->order};
        }
    }
    for (size_t c = 0; c < count; c++) {
        const struct model_covariate *one = model_covariate(model, c);
        if (!known[c] && !one->has_default)
            return err_set(ERR_NOT_FOUND, "covariate '%s' has no value and no default",
                           one->name);
        if (!known[c])
            twin->schedule.covariates[c] = one->default_value;
    }
    return ERR_OK;
}

static enum err take_measurements(struct twin *twin, const struct record *record,
                                  double time_factor)
{
    const struct model *model = twin->schedule.model;
    twin->measurements =
        mem_new(record->measurement_count + 1, sizeof *twin->measurements);
    twin->measurement_order = mem_new(record->measurement_count, sizeof(size_t));
    twin->measurement_observations = mem_new(record->measurement_count, sizeof(size_t));
    twin->measurement_times = mem_new(record->measurement_count, sizeof(double));
    twin->measurement_values = mem_new(record->measurement_count + 1, sizeof(double));
    twin->plain = true;
    for (size_t i = 0; i < record->measurement_count; i++) {
        const struct record_measurement *row = &record->measurements[i];
        for (size_t o = 0; o < model_observations(model); o++) {
            const struct model_observation *one = model_observation(model, o);
            if (strcmp(one->name, row->quantity) != 0)
                continue;
            double factor;
            enum err err =
                conversion(row->unit, one->unit, "measurement", one->name, &factor);
            if (err != ERR_OK)
                return err;
            struct twin_measurement taken = {row->time * time_factor, row->value * factor,
                                             o, row->censoring};
            if (taken.censoring == CENSORED_NOT && taken.value <= one->limit_low) {
                taken.censoring = CENSORED_BELOW;
                taken.value = one->limit_low;
            } else if (taken.censoring == CENSORED_NOT &&
                       taken.value >= one->limit_high) {
                taken.censoring = CENSORED_ABOVE;
                taken.value = one->limit_high;
            }
            twin->measurement_order[twin->measurement_count] = row->order;
            twin->measurement_observations[twin->measurement_count] = o;
            twin->measurement_times[twin->measurement_count] = taken.time;
            twin->measurement_values[twin->measurement_count] = taken.value;
            twin->plain &= taken.censoring == CENSORED_NOT &&
                           (twin->measurement_count == 0 ||
                            taken.observation == twin->measurements->observation);
            twin->measurements[twin->measurement_count++] = taken;
        }
    }
    return ERR_OK;
}

static enum err too_many_occasions(const struct model *model,
                                   const struct model_parameter *one)
{
    return err_set(ERR_RANGE, "more than the %zu occasions that model %s has for %s",
                   one->occasions, model_name(model), one->name);
}

/* Is this time on an occasion of every parameter whose occasions the clock counts? */
static enum err check_clock(const struct model *model, double time)
{
    for (size_t i = 0; i < model_parameters(model); i++) {
        const struct model_parameter *one = model_parameter(model, i);
        if (one->kind == PARAMETER_INDIVIDUAL && one->period > 0 &&
            time > (double)one->occasions * one->period)
            return too_many_occasions(model, one);
    }
    return ERR_OK;
}

static bool counts(double value, size_t most)
{
    return value >= 1 && value <= (double)most && value == floor(value);
}

/* Is every row on an occasion of every parameter that has some? */
static enum err check_occasions(const struct twin *twin)
{
    const struct schedule *schedule = &twin->schedule;
    const struct model *model = schedule->model;
    size_t count = twin->measurement_count; /* in order of time */
    if (count && check_clock(model, twin->measurements[count - 1].time) != ERR_OK)
        return err_code();
    for (size_t i = 0; i < model_parameters(model); i++) {
        const struct model_parameter *one = model_parameter(model, i);
        if (one->kind != PARAMETER_INDIVIDUAL || one->occasions == 0 || one->period > 0)
            continue;
        if (!counts(schedule->covariates[one->by], one->occasions))
            return too_many_occasions(model, one);
        for (size_t j = 0; j < schedule->change_count; j++)
            if (schedule->changes[j].covariate == one->by &&
                !counts(schedule->changes[j].value, one->occasions))
                return too_many_occasions(model, one);
    }
    return ERR_OK;
}

/* Two values at one time would have one error. */
static enum err check_correlated(const struct twin *twin)
{
    double last[MODEL_PARAMETERS_MAX];
    const struct model *model = twin->schedule.model;
    for (size_t o = 0; o < model_observations(model); o++)
        last[o] = -INFINITY;
    for (size_t i = 0; i < twin->measurement_count; i++) {
        const struct twin_measurement *one = &twin->measurements[i];
        const struct model_observation *of = model_observation(model, one->observation);
        if (of->correlation_time > 0 && !(one->time > last[one->observation]))
            return err_set(
                ERR_RANGE,
                "%s is measured twice at one time, where its errors, which are "
                "correlated in time, would be the same",
                of->name);
        last[one->observation] = one->time;
    }
    return ERR_OK;
}

static double first_time(const struct twin *twin)
{
    double first = INFINITY;
    for (size_t i = 0; i < twin->schedule.dose_count; i++)
        first = fmin(first, twin->schedule.doses[i].time);
    for (size_t i = 0; i < twin->schedule.change_count; i++)
        first = fmin(first, twin->schedule.changes[i].time);
    for (size_t i = 0; i < twin->measurement_count; i++)
        first = fmin(first, twin->measurements[i].time);
    return isfinite(first) ? first : 0;
}

enum err twin_new(const struct model *model, const struct prior_layout *layout,
                  const struct record *record, struct twin **twin)
{
    double time_factor;
    enum err err = conversion(record->time_unit, model_time_unit(model), "column", "TIME",
                              &time_factor);
    if (err != ERR_OK)
        return err;
    struct twin *out = mem_new(1, sizeof *out);
    out->schedule.model = model;
    if ((err = take_doses(out, record, time_factor)) != ERR_OK ||
        (err = take_covariates(out, record, time_factor)) != ERR_OK ||
        (err = take_measurements(out, record, time_factor)) != ERR_OK ||
        (err = check_correlated(out)) != ERR_OK ||
        (err = check_occasions(out)) != ERR_OK) {
        twin_destroy(&out);
        return err;
    }
    out->start = first_time(out);
    out->x = mem_new(layout->k, sizeof(double));
    prior_covariates(model, layout, out->schedule.covariates, out->x);
    *twin = out;
    return ERR_OK;
}

void twin_destroy(struct twin **twin)
{
    if (!*twin)
        return;
    mem_free((*twin)->schedule.doses);
    mem_free((*twin)->schedule.changes);
    mem_free((*twin)->measurements);
    mem_free((*twin)->measurement_order);
    mem_free((*twin)->measurement_observations);
    mem_free((*twin)->measurement_times);
    mem_free((*twin)->measurement_values);
    mem_free((*twin)->schedule.covariates);
    mem_free((*twin)->x);
    mem_free(*twin);
    *twin = NULL;
}

size_t twin_measurements(const struct twin *twin)
{
    return twin->measurement_count;
}

const struct twin_measurement *twin_measurement(const struct twin *twin, size_t index)
{
    return &twin->measurements[index];
}

bool twin_begins(const struct twin *whole, const struct twin *known)
{
    size_t count = twin_measurements(known);
    bool same = twin_measurements(whole) >= count;
    for (size_t i = 0; same && i < count; i++)
        same = twin_measurement(whole, i)->time == twin_measurement(known, i)->time &&
               twin_measurement(whole, i)->observation ==
                   twin_measurement(known, i)->observation;
    return same;
}

const double *twin_x(const struct twin *twin)
{
    return twin->x;
}

double twin_start(const struct twin *twin)
{
    return twin->start;
}

void twin_parameters(const struct model *model, const struct prior_layout *layout,
                     const double *phi, const double *gamma, double *parameters)
{
    for (size_t i = 0; i < model_parameters(model); i++)
        parameters[i] = model_parameter(model, i)->typical;
    for (size_t a = 0; a < layout->p; a++)
        parameters[layout->individual[a]] =
            transform_back(model_parameter(model, layout->individual[a]), phi[a]);
    for (size_t i = 0; i < layout->r; i++)
        parameters[layout->occasional[i]] = phi[layout->p + i];
    for (size_t i = 0; i < layout->q; i++)
        parameters[layout->population[i]] =
            transform_back(model_parameter(model, layout->population[i]), gamma[i]);
}

/* --- the engine -------------------------------------------------------------------- */

/* One way to move twins, with derivatives or without: in lanes, by a method for each kind
 * of twin, or one at a time, where CVODES was asked for. */
enum kind { KIND_AFFINE, KIND_MILD, KIND_STIFF, KINDS };
struct mover {
    const struct model *model;
    bool derivatives;
    double tolerance;
    double step; /* of equal ones that are not the text's; 0: none */
    enum simd simd;
    enum lanes_method mild;
    enum kind plain; /* of what is not known to be stiff, nor looked at all the time */
    struct ensemble *ensembles[KINDS]; /* NULL: not yet, or all one at a time */
    struct flow flow;
    bool by_cvodes; /* `flow` can */
};

struct engine {
    const struct model *model;
    const struct prior_layout *layout;
    double tolerance;
    struct mover movers[ENGINE_WANTS];
};

static void mover_cvodes(struct mover *mover, enum ode_method method)
{
    if (!mover->by_cvodes && model_states(mover->model) > 0)
        flow_solver(&mover->flow, method, mover->tolerance);
    mover->by_cvodes = true;
}

static enum kind plain_kind(const struct model *model,
                            const struct engine_options *options, double step)
{
    bool chooses = options->solver == ENGINE_LANES || options->solver == ENGINE_NARROW;
    return chooses && step == 0 && ensemble_takes_series(model) ? KIND_AFFINE : KIND_MILD;
}

static struct ensemble *need_lanes(struct mover *mover, enum kind kind)
{
    const enum lanes_method method[KINDS] = {LANES_SERIES, mover->mild, LANES_ROSENBROCK};
    if (!mover->ensembles[kind])
        mover->ensembles[kind] =
            ensemble_new(mover->model, method[kind], mover->derivatives, mover->tolerance,
                         mover->simd);
    return mover->ensembles[kind];
}

static void mover_init(struct mover *mover, const struct model *model,
                       enum engine_want want, const struct engine_options *options,
                       double step)
{
    mover->model = model;
    mover->derivatives = want == ENGINE_DERIVATIVES || want == ENGINE_APPROACH;
    mover->step = step;
    mover->plain = plain_kind(model, options, step);
    mover->tolerance = options->tolerance;
    if (want == ENGINE_GLANCE || want == ENGINE_APPROACH)
        mover->tolerance = fmax(mover->tolerance, COARSE_TOLERANCE);
    flow_init(&mover->flow, model, mover->derivatives);
    mover->simd = simd_best();
    if (options->solver == ENGINE_NARROW && mover->simd > SIMD_SCALAR)
        mover->simd--;
    if (options->solver == ENGINE_BDF || options->solver == ENGINE_ADAMS) {
        mover_cvodes(mover, options->solver == ENGINE_ADAMS ? ODE_ADAMS : ODE_BDF);
        return;
    }
    if (step > 0) {
        mover->ensembles[KIND_MILD] = ensemble_new_equal(model, step, mover->derivatives,
                                                         mover->tolerance, mover->simd);
        return;
    }
    bool equal = model_step(model) > 0 || model_states(model) == 0;
    mover->mild = equal ? LANES_CLASSIC : LANES_TSITOURAS;
    if (options->solver == ENGINE_ROSENBROCK && ensemble_takes_stiff(model))
        mover->mild = LANES_ROSENBROCK;
    need_lanes(mover, mover->plain);
}

static struct engine *build(const struct model *model, const struct prior_layout *layout,
                            const struct engine_options *options, double step)
{
    struct engine *engine = mem_new(1, sizeof *engine);
    engine->model = model;
    engine->layout = layout;
    engine->tolerance = options->tolerance;
    for (int want = 0; want < ENGINE_WANTS; want++)
        mover_init(&engine->movers[want], model, (enum engine_want)want, options, step);
    return engine;
}

struct engine *engine_new(const struct model *model, const struct prior_layout *layout,
                          const struct engine_options *options)
{
    struct engine_options chosen = {.solver = ENGINE_LANES};
    if (options)
        chosen = *options;
    if (!(chosen.tolerance > 0))
        chosen.tolerance = ENGINE_TOLERANCE;
    return build(model, layout, &chosen, 0);
}

struct engine *engine_new_equal(const struct model *model,
                                const struct prior_layout *layout, double step)
{
    const struct engine_options options = {ENGINE_LANES, ENGINE_TOLERANCE};
    return build(model, layout, &options, step);
}

void engine_destroy(struct engine **engine)
{
    struct engine *gone = *engine;
    if (!gone)
        return;
    for (int want = 0; want < ENGINE_WANTS; want++) {
        for (int kind = 0; kind < KINDS; kind++)
            ensemble_destroy(&gone->movers[want].ensembles[kind]);
        flow_clear(&gone->movers[want].flow);
    }
    mem_free(gone);
    *engine = NULL;
}

void engine_work(const struct engine *engine, struct engine_work *work)
{
    *work = (struct engine_work){0};
    for (int i = 0; i < ENGINE_WANTS * KINDS; i++) {
        const struct ensemble *ensemble = engine->movers[i / KINDS].ensembles[i % KINDS];
        if (!ensemble)
            continue;
        struct ensemble_work one = ensemble_work(ensemble);
        work->solves += one.requests;
        work->steps += one.steps;
        work->readings += one.readings;
        work->flops += one.flops;
    }
}

const struct model *engine_model(const struct engine *engine)
{
    return engine->model;
}

const struct prior_layout *engine_layout(const struct engine *engine)
{
    return engine->layout;
}

double engine_tolerance(const struct engine *engine)
{
    return engine->tolerance;
}

bool engine_adapts(const struct engine *engine)
{
    const struct mover *mover = &engine->movers[ENGINE_VALUES];
    return model_states(engine->model) > 0 &&
           (mover->by_cvodes || (model_step(engine->model) == 0 && mover->step == 0));
}

double engine_coarse_tolerance(const struct engine *engine)
{
    const struct mover *mover = &engine->movers[ENGINE_APPROACH];
    bool decides = engine_adapts(engine) && !mover->by_cvodes;
    return decides ? mover->tolerance : engine->tolerance;
}

/* --- one at a time, by CVODES --------------------------------------------------------
 */

struct reader {
    const struct request *request;
    double tolerance;
    double *f, *d_f; /* of every observation at one time */
    struct serial *serial;
    struct scan *scan;       /* of what looks back; NULL: nothing does */
    double *values, *slopes; /* of functionals, and of the watched [directions] */
};

/* What an observation's functionals have come to now. */
static void read_back(const struct run *run, size_t observation, const struct reader *out)
{
    if (!out->scan || !model_looks_back(run->flow->model, observation))
        return;
    scan_read(out->scan, observation, out->values, out->slopes);
    evaluator_functionals(run->flow->evaluator, out->values, out->slopes);
}

/* Every observation now; which of them is asked for. */
static size_t look(const struct run *run, size_t index, const struct reader *out)
{
    const struct flow *flow = run->flow;
    read_back(run, out->request->observation[index], out);
    evaluator_outputs(flow->evaluator, flow->t, flow->x, flow->s, out->f,
                      flow->directions ? out->d_f : NULL, NULL);
    return out->request->observation[index];
}

static enum err read_observation(struct run *run, size_t index, void *context)
{
    const struct reader *out = context;
    const struct request *request = out->request;
    size_t observation = look(run, index, out), d = run->flow->directions;
    request->f[index] = out->f[observation];
    bool finite = isfinite(request->f[index]);
    if (request->off)
        request->off[index] = resolution(run->flow, out->tolerance, run->flow->t,
                                         run->flow->x, observation, out->values);
    for (size_t k = 0; k < d; k++) {
        request->d_f[index * d + k] = out->d_f[observation * d + k];
        finite &= isfinite(request->d_f[index * d + k]) != 0;
    }
    if (!finite)
        return err_set(ERR_NUMERIC, "the prediction of measurement %zu is not finite",
                       index);
    return ERR_OK;
}

static enum err read_everything(struct run *run, size_t index, void *context)
{
    const struct reader *out = context;
    const struct flow *flow = run->flow;
    size_t states = model_states(flow->model), derived = model_derived(flow->model);
    size_t observations = model_observations(flow->model);
    double *row = out->request->f + index * (states + derived + observations);
    if (states)
        memcpy(row, flow->x, states * sizeof(double));
    for (size_t o = 0; o < observations; o++)
        read_back(run, o, out);
    evaluator_outputs(flow->evaluator, flow->t, flow->x, NULL, row + states + derived,
                      NULL, row + states);
    return ERR_OK;
}

static enum err add_observation(struct run *run, size_t index, void *context)
{
    const struct reader *out = context;
    const struct request *request = out->request;
    size_t observation = look(run, index, out), d = run->flow->directions;
    tally_add_one(request->subject, index, out->f[observation],
                  out->d_f + observation * d, d, out->serial, request->sums);
    for (size_t i = 0; i < TALLY_SUMS(d); i++)
        if (!isfinite(request->sums[i]))
            return err_set(ERR_NUMERIC, "the likelihood of measurement %zu is not finite",
                           index);
    return ERR_OK;
}

static read_function *reading(const struct request *request)
{
    if (request->sums)
        return add_observation;
    return request->observation ? read_observation : read_everything;
}

/* The end of a course of which all is looked at. */
static enum err read_nothing(struct run *run, size_t index, void *context)
{
    (void)run, (void)index, (void)context;
    return ERR_OK;
}

/* All of a course. */
static enum err follow_scan(struct run *run, struct scan *scan)
{
    struct feed *feed = feed_new(run->flow->model, false, SIMD_SCALAR);
    scan_begin(scan);
    enum err err = feed_alone(feed, run, scan, read_nothing, NULL);
    if (err == ERR_OK)
        scan_end(scan, run->flow->evaluator);
    feed_destroy(&feed);
    return err;
}

/* Readings, some of which look back. */
static enum err follow_readings(struct run *run, struct reader *reader)
{
    const struct model *model = run->flow->model;
    size_t d = run->flow->directions;
    struct feed *feed = feed_new(model, d > 0, SIMD_SCALAR);
    reader->scan = scan_of_readings(model, d);
    reader->values = mem_new(model->syntax->functional_count, sizeof(double));
    reader->slopes = mem_new(model->program->watched_count * d, sizeof(double));
    enum err err = feed_plan(run, reader->request->observation, reader->scan);
    if (err == ERR_OK)
        err = feed_alone(feed, run, reader->scan, reading(reader->request), reader);
    feed_destroy(&feed);
    scan_destroy(&reader->scan);
    mem_free(reader->values);
    mem_free(reader->slopes);
    return err;
}

static enum err follow_all(struct run *run, const struct request *request,
                           struct reader *reader)
{
    if (request->scan)
        return follow_scan(run, request->scan);
    if (request->present)
        feed_nothing_back(run->flow);
    else if (feed_looks_back(run->flow->model, request->observation, request->read_count))
        return follow_readings(run, reader);
    return run_all(run, reading(request), reader);
}

static enum err mover_follow(struct mover *mover, const struct request *request)
{
    struct flow *flow = &mover->flow;
    size_t observations = model_observations(flow->model), d = flow->directions;
    struct reader reader = {.request = request,
                            .tolerance = mover->tolerance,
                            .f = mem_new(observations, sizeof(double)),
                            .d_f = mem_new(observations * d, sizeof(double)),
                            .serial = serial_new(d)};
    struct run run;
    serial_begin(reader.serial, observations);
    if (request->sums)
        memset(request->sums, 0, TALLY_SUMS(d) * sizeof(double));
    enum err err =
        run_begin(&run, flow, request->schedule, request->parameters, request->start);
    if (err == ERR_OK)
        err = run_plan(&run, request->reads, request->read_order, request->read_count);
    if (err == ERR_OK)
        err = follow_all(&run, request, &reader);
    if (request->moving)
        memcpy(request->moving, flow->moving, d * sizeof(bool));
    run_clear(&run);
    mem_free(reader.f);
    mem_free(reader.d_f);
    serial_destroy(&reader.serial);
    return err;
}

/* Between a supply and lanes: whoever is for another kind of lanes than is asking, or has
 * been found to be, waits for those. */
struct sorting {
    struct mover *mover;
    const struct supply *supply;
    struct request *waiting[KINDS], *last[KINDS]; /* first come, first served */
    size_t count[KINDS];
};

/* While this many wait for one kind of lanes, the others' are not filled any more. */
#define WAITING_MAX 256

static void wait_for(struct sorting *sorting, enum kind kind, struct request *request)
{
    request->behind = NULL;
    if (sorting->waiting[kind])
        sorting->last[kind]->behind = request;
    else
        sorting->waiting[kind] = request;
    sorting->last[kind] = request;
    sorting->count[kind]++;
}

static enum kind kind_of(const struct mover *mover, const struct request *request)
{
    return request->stiff ? KIND_STIFF : request->scan ? KIND_MILD : mover->plain;
}

static bool any_waiting(const struct sorting *sorting)
{
    size_t all = 0;
    for (int kind = 0; kind < KINDS; kind++)
        all += sorting->count[kind];
    return all > 0;
}

/* Whether nobody may wait any more. */
static bool crowded(const struct sorting *sorting)
{
    size_t most = 0;
    for (int kind = 0; kind < KINDS; kind++)
        most = sorting->count[kind] > most ? sorting->count[kind] : most;
    return most >= WAITING_MAX;
}

static struct request *next_of(struct sorting *sorting, enum kind kind)
{
    struct request *request = sorting->waiting[kind];
    if (request) {
        sorting->waiting[kind] = request->behind;
        sorting->count[kind]--;
        return request;
    }
    while (!crowded(sorting) &&
           (request = sorting->supply->next(sorting->supply->context))) {
        enum kind other = kind_of(sorting->mover, request);
        if (other == kind)
            return request;
        wait_for(sorting, other, request);
    }
    return NULL;
}

static struct request *next_affine(void *context)
{
    return next_of(context, KIND_AFFINE);
}

static struct request *next_mild(void *context)
{
    return next_of(context, KIND_MILD);
}

static struct request *next_stiff(void *context)
{
    return next_of(context, KIND_STIFF);
}

static void done_at_last(void *context, struct request *request)
{
    const struct supply *supply = ((const struct sorting *)context)->supply;
    supply->done(supply->context, request);
}

/* What mild ones' method cannot do, whatever the reason, the other tries; what a text's
 * own steps cannot, too. */
static void done_or_not(void *context, struct request *request)
{
    struct sorting *sorting = context;
    if (request->err == ERR_OK)
        done_at_last(sorting, request);
    else
        wait_for(sorting, KIND_STIFF, request);
}

/* In lanes; or, where the compiler has found that too much, by CVODES. */
static void run_stiff(struct sorting *sorting)
{
    struct mover *mover = sorting->mover;
    const struct supply supply = {next_stiff, done_at_last, sorting};
    struct request *request;
    if (ensemble_takes_stiff(mover->model)) {
        ensemble_run(need_lanes(mover, KIND_STIFF), &supply);
        return;
    }
    mover_cvodes(mover, ODE_BDF);
    while ((request = next_stiff(sorting))) {
        request->err = mover_follow(mover, request);
        done_at_last(sorting, request);
    }
}

void engine_run(struct engine *engine, enum engine_want want, const struct supply *supply)
{
    struct mover *mover = &engine->movers[want];
    struct sorting sorting = {.mover = mover, .supply = supply};
    const struct supply affine = {next_affine, done_or_not, &sorting};
    const struct supply mild = {next_mild, mover->step > 0 ? done_at_last : done_or_not,
                                &sorting};
    struct request *request;
    if (mover->ensembles[mover->plain]) {
        do {
            if (mover->plain == KIND_AFFINE)
                ensemble_run(mover->ensembles[KIND_AFFINE], &affine);
            if (mover->plain == KIND_MILD || sorting.waiting[KIND_MILD])
                ensemble_run(need_lanes(mover, KIND_MILD), &mild);
            if (sorting.waiting[KIND_STIFF])
                run_stiff(&sorting);
        } while (any_waiting(&sorting));
        return;
    }
    while ((request = supply->next(supply->context))) {
        request->err = mover_follow(mover, request);
        supply->done(supply->context, request);
    }
}

/* All of an array. */
struct queue {
    struct request *next, *end;
};

static struct request *queue_next(void *context)
{
    struct queue *queue = context;
    return queue->next < queue->end ? queue->next++ : NULL;
}

static void queue_done(void *context, struct request *request)
{
    (void)context, (void)request;
}

static void answer_all(struct engine *engine, enum engine_want want,
                       struct request *requests, size_t count)
{
    struct queue queue = {requests, requests + count};
    const struct supply supply = {queue_next, queue_done, &queue};
    engine_run(engine, want, &supply);
}

/* --- prediction at the measurements ------------------------------------------------ */

struct request twin_request(const struct twin *twin)
{
    return (struct request){
        .schedule = &twin->schedule,
        .start = twin->start,
        .reads = twin->measurement_times,
        .read_order = twin->measurement_order,
        .read_count = twin->measurement_count,
        .observation = twin->measurement_observations,
    };
}

const struct twin_measurement *twin_measured(const struct twin *twin)
{
    return twin->measurements;
}

const double *twin_values(const struct twin *twin)
{
    return twin->plain ? twin->measurement_values : NULL;
}

void twin_predict_all(struct engine *engine, struct twin_point *points, size_t count,
                      bool derivatives)
{
    size_t n = model_parameters(engine->model);
    struct request *requests = mem_new(count, sizeof *requests);
    double *parameters = mem_new(count * n, sizeof *parameters);
    for (size_t i = 0; i < count; i++) {
        twin_parameters(engine->model, engine->layout, points[i].phi, points[i].gamma,
                        parameters + i * n);
        requests[i] = twin_request(points[i].twin);
        requests[i].parameters = parameters + i * n;
        requests[i].f = points[i].f;
        requests[i].d_f = points[i].jacobian;
        requests[i].moving = points[i].moving;
    }
    answer_all(engine, derivatives ? ENGINE_DERIVATIVES : ENGINE_VALUES, requests, count);
    for (size_t i = 0; i < count; i++)
        points[i].err = requests[i].err;
    mem_free(requests);
    mem_free(parameters);
}

enum err twin_predict(struct engine *engine, const struct twin *twin, const double *phi,
                      const double *gamma, double *f, double *jacobian)
{
    struct twin_point point = {twin, phi, gamma, f, jacobian, NULL, ERR_OK};
    twin_predict_all(engine, &point, 1, jacobian != NULL);
    return point.err;
}

/* --- simulation at asked times ----------------------------------------------------- */

static size_t refuse_all(struct twin_course *courses, size_t count, enum err err)
{
    for (size_t i = 0; i < count; i++)
        courses[i].err = err;
    return 0;
}

static void simulate_all(struct engine *engine, struct twin_course *courses, size_t count,
                         const double *times, size_t time_count, bool present)
{
    struct request *requests = mem_new(count, sizeof *requests);
    enum err beyond =
        time_count ? check_clock(engine->model, times[time_count - 1]) : ERR_OK;
    if (beyond != ERR_OK)
        count = refuse_all(courses, count, beyond);
    for (size_t i = 0; i < count; i++) {
        double start = courses[i].twin->start;
        requests[i] = (struct request){
            .schedule = &courses[i].twin->schedule,
            .parameters = courses[i].parameters,
            .start = time_count ? fmin(start, times[0]) : start,
            .reads = times,
            .read_count = time_count,
            .present = present,
            .f = courses[i].out,
        };
    }
    answer_all(engine, ENGINE_VALUES, requests, count);
    for (size_t i = 0; i < count; i++)
        courses[i].err = requests[i].err;
    mem_free(requests);
}

void twin_simulate_all(struct engine *engine, struct twin_course *courses, size_t count,
                       const double *times, size_t time_count)
{
    simulate_all(engine, courses, count, times, time_count, false);
}

void twin_simulate_present(struct engine *engine, struct twin_course *courses,
                           size_t count, const double *times, size_t time_count)
{
    simulate_all(engine, courses, count, times, time_count, true);
}

enum err twin_simulate(struct engine *engine, const struct twin *twin,
                       const double *parameters, const double *times, size_t time_count,
                       double *out)
{
    struct twin_course course = {twin, parameters, out, ERR_OK};
    twin_simulate_all(engine, &course, 1, times, time_count);
    return course.err;
}
