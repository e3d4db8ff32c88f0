#include "sim/cohort.h"

#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"
#include "base/threads.h"
#include "base/normal.h"
#include "model/outcome.h"
#include "model/prior.h"
#include "model/twin.h"
#include "model/unit.h"
#include "privacy/random.h"
#include "sim/reading.h"

/* --- covariates as a person writes them -------------------------------------------- */

static enum err bad_covariate(const char *phrase)
{
    err_set(ERR_USAGE, "'%s' is not how a covariate is drawn", phrase);
    return err_hint("as in 'WT 70', 'WT normal 70 12', 'AGE uniform 20 80' 'MALE "
                    "bernoulli 0.5' or 'ALLELES binomial 2 0.4'");
}

static enum err read_words(const char *phrase, const char *const *word, size_t count,
                           struct cohort_covariate *c)
{
    *c = (struct cohort_covariate){.kind = COHORT_FIXED};
    if (count == 2)
        return csv_real(word[1], &c->a) == ERR_OK ? ERR_OK : bad_covariate(phrase);
    if (count < 3 || csv_real(word[2], &c->a) != ERR_OK ||
        (count == 4 && csv_real(word[3], &c->b) != ERR_OK))
        return bad_covariate(phrase);
    if (count == 4 && strcmp(word[1], "normal") == 0 && c->b >= 0)
        c->kind = COHORT_NORMAL;
    else if (count == 4 && strcmp(word[1], "uniform") == 0 && c->b >= c->a)
        c->kind = COHORT_UNIFORM;
    else if (count == 3 && strcmp(word[1], "bernoulli") == 0 && c->a >= 0 && c->a <= 1)
        c->kind = COHORT_BERNOULLI;
    else if (count == 4 && strcmp(word[1], "binomial") == 0 && c->a >= 1 &&
             c->a <= COHORT_TRIES_MAX && c->a == floor(c->a) && c->b >= 0 && c->b <= 1)
        c->kind = COHORT_BINOMIAL;
    else
        return bad_covariate(phrase);
    return ERR_OK;
}

static size_t find(const struct model *model, const char *name)
{
    size_t at = 0;
    while (at < model_covariates(model) &&
           strcmp(model_covariate(model, at)->name, name) != 0)
        at++;
    return at;
}

/* "N-OTHER": ends the text behind N. */
static enum err read_taken(const struct model *model, size_t of, char *tries,
                           size_t *taken)
{
    char *minus = strchr(tries, '-');
    if (!minus)
        return ERR_OK;
    *minus++ = '\0';
    size_t other = find(model, minus);
    if (other >= of)
        return err_set(ERR_NOT_FOUND, "model %s has no covariate '%s' before %s",
                       model_name(model), minus, model_covariate(model, of)->name);
    *taken = other + 1;
    return ERR_OK;
}

enum err cohort_covariate(const struct model *model, const char *phrase, size_t *index,
                          struct cohort_covariate *covariate)
{
    char *copy = mem_text(phrase), *rest = NULL, *word[5];
    size_t count = 0, taken = 0;
    for (char *w = strtok_r(copy, " \t", &rest); w && count < 5;
         w = strtok_r(NULL, " \t", &rest))
        word[count++] = w;
    enum err err = ERR_OK;
    *index = count ? find(model, word[0]) : 0;
    if (count == 4 && strcmp(word[1], "binomial") == 0 &&
        *index < model_covariates(model))
        err = read_taken(model, *index, word[2], &taken);
    if (err == ERR_OK)
        err = read_words(phrase, (const char *const *)word, count, covariate);
    covariate->taken = taken;
    if (err == ERR_OK && *index == model_covariates(model))
        err = err_set(ERR_NOT_FOUND, "model %s has no covariate '%s'", model_name(model),
                      word[0]);
    mem_free(copy);
    return err;
}

/* " TIME UNIT" as a time of the model's. */
static enum err read_time(const struct model *model, const char *text, double *time)
{
    char *copy = mem_text(text), *rest = NULL;
    const char *number = strtok_r(copy, " \t", &rest),
               *unit = strtok_r(NULL, " \t", &rest);
    double factor;
    enum err err = ERR_OK;
    if (!number || !unit || strtok_r(NULL, " \t", &rest) ||
        csv_real(number, time) != ERR_OK ||
        unit_convert(unit, model_time_unit(model), &factor) != ERR_OK) {
        err = err_set(ERR_USAGE, "'@%s' is not a time", text);
        err_hint("as in '@ 14 d'");
    } else {
        *time *= factor;
    }
    mem_free(copy);
    return err;
}

enum err cohort_change(const struct model *model, const char *phrase,
                       struct cohort_change *change)
{
    char *copy = mem_text(phrase), *at = strchr(copy, '@');
    if (at)
        *at++ = '\0';
    enum err err = cohort_covariate(model, copy, &change->covariate, &change->drawn);
    if (err == ERR_OK)
        err = read_time(model, at ? at : "", &change->time);
    if (err == ERR_OK &&
        model_covariate(model, change->covariate)->hold == COVARIATE_CONSTANT)
        err = err_set(ERR_RANGE, "the model has %s constant, so that it cannot change",
                      model_covariate(model, change->covariate)->name);
    mem_free(copy);
    return err;
}

/* --- one patient ------------------------------------------------------------------- */

struct drawing {
    const struct model *model;
    const struct cohort_design *design;
    struct prior_layout layout;
    struct prior *prior;
    struct random *random;
    size_t outputs;  /* states + derived + observations */
    size_t measured; /* measurements of a patient */
};

/* Patients are drawn one after the other, and simulated so many at once. */
#define COHORT_BLOCK 64
#define SHIFTS_MAX ((size_t)32) /* threads */

struct member {
    struct cohort_patient patient;
    struct twin *twin;
    double *errors;         /* [measured] uniform, in the order of the rows */
    double *out;            /* [times][outputs] */
    size_t draws;           /* beyond the first */
    struct random *redraws; /* NULL: there were none */
};

static double draw_uniform(struct random *random)
{
    return ldexp((double)random_bits(random, 52) + 0.5, -52);
}

static double draw_normal(struct random *random)
{
    return normal_quantile(draw_uniform(random));
}

static double draw_binomial(struct random *random, double tries, double probability)
{
    double count = 0;
    for (double i = 0; i < tries; i++)
        count += draw_uniform(random) < probability;
    return count;
}

/* `drawn`: of the covariates before it. */
static double draw_covariate(struct random *random, const struct cohort_covariate *c,
                             const double *drawn)
{
    switch (c->kind) {
    case COHORT_NORMAL:
        return c->a + c->b * draw_normal(random);
    case COHORT_UNIFORM:
        return c->a + (c->b - c->a) * draw_uniform(random);
    case COHORT_BERNOULLI:
        return draw_uniform(random) < c->a;
    case COHORT_BINOMIAL:
        return draw_binomial(random, c->a - (c->taken ? drawn[c->taken - 1] : 0), c->b);
    case COHORT_FIXED:
        break;
    }
    return c->a;
}

/* phi = B x + L e, natural scale. */
static void draw_parameters(const struct drawing *d, struct random *random,
                            const double *x, struct cohort_patient *patient)
{
    const struct prior *prior = d->prior;
    double *phi = patient->phi, e[MODEL_PARAMETERS_MAX];
    memset(phi, 0, sizeof patient->phi);
    for (size_t a = 0; a < prior->p; a++) {
        e[a] = draw_normal(random);
        for (size_t c = 0; c < prior->k; c++)
            phi[a] += prior->effects[a * prior->k + c] * x[c];
    }
    for (size_t a = 0; a < prior->p; a++)
        for (size_t b = 0; b < prior->p; b++)
            phi[a] += prior->factor[a * prior->p + b] * e[b];
    for (size_t i = 0; i < d->layout.r; i++)
        phi[prior->p + i] =
            exp(prior->residual[d->layout.between[i]]) * draw_normal(random);
    twin_parameters(d->model, &d->layout, phi, prior->population, patient->parameters);
}

/* One measurement into the record; `error` as it was at the time before, and is now. */
static enum err measure(const struct drawing *d, struct member *member, size_t time,
                        size_t observation, double uniform, double *error)
{
    const struct reader reader = {d->model, &d->layout, d->prior};
    const char *name = model_observation(d->model, observation)->name;
    struct record *record = member->patient.record;
    struct reading reading;
    size_t first = d->outputs - model_observations(d->model);
    double prediction = member->out[time * d->outputs + first + observation];
    const double *at = d->design->times + time;
    double dt = time ? at[0] - at[-1] : INFINITY;
    if (!reading_of(&reader, observation, prediction, uniform, dt, error, &reading))
        return err_set(ERR_NUMERIC, "patient %zu: no value for %s at time %g",
                       member->patient.id, name, *at);
    /* What is measured at the time of a dose is measured just after it, as simulated. */
    size_t order =
        record->dose_count + record->covariate_count + record->measurement_count;
    return record_measurement(record, *at, name, NULL, reading.value, reading.censoring,
                              order);
}

static enum err measure_all(const struct drawing *d, struct member *member)
{
    size_t measured = 0;
    double errors[MODEL_PARAMETERS_MAX] = {0};
    for (size_t t = 0; t < d->design->time_count; t++)
        for (size_t o = 0; o < model_observations(d->model); o++)
            if (d->design->observed[o] &&
                measure(d, member, t, o, member->errors[measured++], &errors[o]) !=
                    ERR_OK)
                return err_code();
    return ERR_OK;
}

/* --- a block of patients ------------------------------------------------------------ */

/* Of so many in a row one is plausible, or the model has to be changed. */
#define DRAWS_MAX 1000

/* A stream of its own for each patient whom the model calls implausible, so that nobody
 * else's draws depend on it. */
static struct random *redraws_new(uint64_t seed, uint64_t id)
{
    uint8_t bytes[RANDOM_SEED_BYTES] = {0};
    memcpy(bytes, &seed, sizeof seed);
    memcpy(bytes + sizeof seed, &id, sizeof id);
    return random_new_seeded(bytes);
}

/* Into the record: at the beginning, then what changes. */
static enum err draw_covariates(const struct drawing *d, struct random *random,
                                struct cohort_patient *patient)
{
    const struct cohort_design *design = d->design;
    size_t count = model_covariates(d->model);
    enum err err = ERR_OK;
    for (size_t c = 0; err == ERR_OK && c < count; c++) {
        patient->covariates[c] =
            draw_covariate(random, &design->covariates[c], patient->covariates);
        err = record_covariate(patient->record, design->times[0],
                               model_covariate(d->model, c)->name, NULL,
                               patient->covariates[c], c);
    }
    for (size_t i = 0; err == ERR_OK && i < design->change_count; i++) {
        const struct cohort_change *change = &design->changes[i];
        double value = draw_covariate(random, &change->drawn, patient->covariates);
        err = record_covariate(patient->record, change->time,
                               model_covariate(d->model, change->covariate)->name, NULL,
                               value, count + i);
    }
    return err;
}

static enum err draw_person(const struct drawing *d, struct random *random,
                            struct member *member)
{
    const struct model *model = d->model;
    struct cohort_patient *patient = &member->patient;
    double x[MODEL_COVARIATES_MAX + 1];
    twin_destroy(&member->twin);
    record_destroy(&patient->record);
    patient->record = record_copy(d->design->doses);
    enum err err = draw_covariates(d, random, patient);
    if (err == ERR_OK)
        err = twin_new(model, &d->layout, patient->record, &member->twin);
    if (err != ERR_OK)
        return err_wrap("patient %zu", patient->id);
    prior_covariates(model, &d->layout, patient->covariates, x);
    draw_parameters(d, random, x, patient);
    for (size_t i = 0; i < d->measured; i++)
        member->errors[i] = draw_uniform(random);
    return ERR_OK;
}

static enum err draw_again(const struct drawing *d, struct member *member)
{
    if (++member->draws == DRAWS_MAX)
        return err_set(ERR_RANGE, "patient %zu: none of %d draws is plausible",
                       member->patient.id, DRAWS_MAX);
    if (!member->redraws)
        member->redraws = redraws_new(d->design->seed, member->patient.id);
    return draw_person(d, member->redraws, member);
}

/* Whoever is not plausible is drawn anew, until everybody is. A course that cannot be run
 * to its end is no patient's either. */
static enum err settle(const struct drawing *d, struct engine *engine,
                       struct member *members, size_t count)
{
    const struct cohort_design *design = d->design;
    struct outcome_course courses[COHORT_BLOCK];
    struct member *open[COHORT_BLOCK];
    size_t left = 0;
    enum err err = ERR_OK;
    for (size_t i = 0; i < count; i++)
        open[left++] = &members[i];
    while (left && err == ERR_OK) {
        size_t asked = left;
        for (size_t i = 0; i < asked; i++) {
            double from = fmin(design->times[0], twin_start(open[i]->twin)),
                   until = design->times[design->time_count - 1];
            courses[i] = (struct outcome_course){
                .twin = open[i]->twin,
                .parameters = open[i]->patient.parameters,
                .from = from,
                /* Who is seen once is looked at for a unit of time. */
                .until = until > from ? until : from + 1,
            };
        }
        outcomes_all(engine, courses, asked);
        left = 0;
        for (size_t i = 0; i < asked; i++) {
            struct outcome_course *one = &courses[i];
            bool plausible =
                one->err == ERR_OK && outcomes_plausible(d->model, one->outcomes);
            outcomes_destroy(d->model, &one->outcomes);
            if (plausible || err != ERR_OK)
                continue;
            err = one->err == ERR_OK || one->err == ERR_NUMERIC
                      ? draw_again(d, open[i])
                      : err_set(one->err,
                                "patient %zu: a window of an outcome makes no "
                                "sense",
                                open[i]->patient.id);
            open[left++] = open[i];
        }
    }
    return err;
}

static struct member *members_new(const struct drawing *d)
{
    struct member *members = mem_new(COHORT_BLOCK, sizeof *members);
    for (size_t i = 0; i < COHORT_BLOCK; i++) {
        members[i].errors = mem_new(d->measured, sizeof(double));
        members[i].out = mem_new(d->design->time_count * d->outputs, sizeof(double));
    }
    return members;
}

static void members_free(struct member *members)
{
    for (size_t i = 0; i < COHORT_BLOCK; i++) {
        mem_free(members[i].errors);
        mem_free(members[i].out);
    }
    mem_free(members);
}

/* --- so many blocks at once as there are processors -----------------------------------
 */

/* A thread's: who is drawn in it, and an engine of its own. */
struct shift {
    const struct drawing *d;
    struct engine *engine;
    struct member *members; /* [COHORT_BLOCK] */
    struct twin_course courses[COHORT_BLOCK];
    size_t count;
    enum err err;
    char why[300];
};

static size_t shifts_of(const struct cohort_design *design)
{
    size_t blocks = (design->patients + COHORT_BLOCK - 1) / COHORT_BLOCK,
           wanted = threads_wanted(0);
    wanted = wanted < SHIFTS_MAX ? wanted : SHIFTS_MAX;
    return wanted < blocks || blocks == 0 ? wanted : blocks;
}

static struct shift *shifts_new(const struct drawing *d, size_t count)
{
    struct shift *shifts = mem_new(count, sizeof *shifts);
    for (size_t s = 0; s < count; s++) {
        shifts[s].d = d;
        shifts[s].engine = engine_new(d->model, &d->layout, NULL);
        shifts[s].members = members_new(d);
    }
    return shifts;
}

static void shifts_free(struct shift *shifts, size_t count)
{
    for (size_t s = 0; s < count; s++) {
        engine_destroy(&shifts[s].engine);
        members_free(shifts[s].members);
    }
    mem_free(shifts);
}

/* Nobody of this block is taken. */
static void give_up(struct shift *shift, enum err err)
{
    shift->err = err;
    snprintf(shift->why, sizeof shift->why, "%s", err_text());
}

/* Everything about a block but the draws and the order in which people are taken. */
static void work(void *context, size_t index)
{
    struct shift *shift = (struct shift *)context + index;
    const struct drawing *d = shift->d;
    struct member *members = shift->members;
    if (shift->err == ERR_OK && d->design->plausible && model_plausibles(d->model)) {
        enum err err = settle(d, shift->engine, members, shift->count);
        if (err != ERR_OK)
            give_up(shift, err);
    }
    if (shift->err != ERR_OK)
        return;
    for (size_t i = 0; i < shift->count; i++)
        shift->courses[i] = (struct twin_course){
            members[i].twin, members[i].patient.parameters, members[i].out, ERR_OK};
    twin_simulate_all(shift->engine, shift->courses, shift->count, d->design->times,
                      d->design->time_count);
}

/* From `id` on, as many as there are; returns the next one. */
static size_t draw_shift(const struct drawing *d, struct shift *shift, size_t id)
{
    shift->err = ERR_OK;
    for (shift->count = 0; shift->count < COHORT_BLOCK && id <= d->design->patients;
         id++) {
        struct member *member = &shift->members[shift->count++];
        member->patient.id = id;
        member->draws = 0;
        enum err err = draw_person(d, d->random, member);
        if (err != ERR_OK) {
            give_up(shift, err);
            return SIZE_MAX; /* and nobody behind */
        }
    }
    return id;
}

/* In order; the first that cannot be simulated or taken ends the cohort. */
static enum err take_shift(const struct shift *shift, cohort_take *take, void *context)
{
    const struct drawing *d = shift->d;
    if (shift->err != ERR_OK)
        return err_set(shift->err, "%s", shift->why);
    for (size_t i = 0; i < shift->count; i++) {
        struct member *member = &shift->members[i];
        const struct twin_course *course = &shift->courses[i];
        if (d->design->rejected)
            *d->design->rejected += member->draws;
        if (course->err != ERR_OK) { /* whose sentence this is */
            (void)twin_simulate(shift->engine, course->twin, course->parameters,
                                d->design->times, d->design->time_count, course->out);
            return err_wrap("patient %zu", member->patient.id);
        }
        if (measure_all(d, member) != ERR_OK || take(context, &member->patient) != ERR_OK)
            return err_code();
    }
    return ERR_OK;
}

static void clear_shift(struct shift *shift)
{
    for (size_t i = 0; i < COHORT_BLOCK; i++) {
        twin_destroy(&shift->members[i].twin);
        record_destroy(&shift->members[i].patient.record);
        random_destroy(&shift->members[i].redraws);
    }
}

enum err cohort_each(const struct model *model, const struct cohort_design *design,
                     cohort_take *take, void *context)
{
    struct drawing d = {.model = model, .design = design};
    uint8_t seed[RANDOM_SEED_BYTES] = {0};
    memcpy(seed, &design->seed, sizeof design->seed);
    if (prior_layout(model, &d.layout) != ERR_OK ||
        prior_from_model(model, &d.prior) != ERR_OK)
        return err_code();
    d.random = random_new_seeded(seed);
    d.outputs = model_states(model) + model_derived(model) + model_observations(model);
    for (size_t o = 0; o < model_observations(model); o++)
        d.measured += design->observed[o] ? design->time_count : 0;
    size_t count = shifts_of(design);
    struct shift *shifts = shifts_new(&d, count);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < design->patients; i += count * COHORT_BLOCK) {
        size_t id = i + 1;
        for (size_t s = 0; s < count; s++)
            id = draw_shift(&d, &shifts[s], id);
        threads_run(count, work, shifts);
        for (size_t s = 0; err == ERR_OK && s < count; s++)
            err = take_shift(&shifts[s], take, context);
        for (size_t s = 0; s < count; s++)
            clear_shift(&shifts[s]);
    }
    shifts_free(shifts, count);
    random_destroy(&d.random);
    prior_destroy(&d.prior);
    return err;
}

/* --- the table --------------------------------------------------------------------- */

struct writing {
    const struct model *model;
    struct prior_layout layout;
    FILE *table, *truth;
    double now[MODEL_COVARIATES_MAX]; /* of the patient whose rows these are */
    size_t changed; /* rows of covariates of the record that were said */
    bool begun;     /* the headers stand: not before a first patient could be drawn */
    cohort_progress *progress;
    void *context;
};

static void write_headers(struct writing *w)
{
    w->begun = true;
    fprintf(w->table, "ID,TIME,EVID,MDV,AMT,CMT,DUR,DVID,DV,CENS");
    for (size_t c = 0; c < model_covariates(w->model); c++)
        fprintf(w->table, ",%s", model_covariate(w->model, c)->name);
    fprintf(w->table, "\n");
    if (!w->truth)
        return;
    fprintf(w->truth, "ID");
    for (size_t a = 0; a < w->layout.p; a++)
        fprintf(w->truth, ",%s",
                model_parameter(w->model, w->layout.individual[a])->name);
    fprintf(w->truth, "\n");
}

static void write_covariates(const struct writing *w)
{
    for (size_t c = 0; c < model_covariates(w->model); c++)
        fprintf(w->table, ",%.10g", w->now[c]);
    fprintf(w->table, "\n");
}

/* What changes until then, in rows of its own. */
static void write_changes(struct writing *w, const struct cohort_patient *patient,
                          double until)
{
    const struct record *record = patient->record;
    while (w->changed < record->covariate_count &&
           record->covariates[w->changed].time <= until) {
        double time = record->covariates[w->changed].time;
        for (; w->changed < record->covariate_count &&
               record->covariates[w->changed].time == time;
             w->changed++) {
            const struct record_covariate *one = &record->covariates[w->changed];
            w->now[find(w->model, one->name)] = one->value;
        }
        fprintf(w->table, "%zu,%.10g,2,1,.,.,.,.,.,.", patient->id, time);
        write_covariates(w);
    }
}

/* In the unit that a column AMT has for the input; the doses were drawn through a twin,
 * so that there is a conversion. */
static double accepted_amount(const struct model *model, const struct record_dose *dose)
{
    size_t input = 0;
    double factor = 1;
    while (strcmp(model_input(model, input)->name, dose->input) != 0)
        input++;
    (void)unit_convert(dose->unit, model_input(model, input)->accepted_unit, &factor);
    return dose->amount * factor;
}

static void write_dose(struct writing *w, const struct cohort_patient *patient,
                       const struct record_dose *dose)
{
    write_changes(w, patient, dose->time);
    fprintf(w->table, "%zu,%.10g,1,1,%.10g,%s,", patient->id, dose->time,
            accepted_amount(w->model, dose), dose->input);
    if (dose->duration < 0)
        fprintf(w->table, ".,.,.,.");
    else
        fprintf(w->table, "%.10g,.,.,.", dose->duration);
    write_covariates(w);
}

static enum err write_patient(void *context, const struct cohort_patient *patient)
{
    struct writing *w = context;
    const struct record *record = patient->record;
    size_t next = 0;
    if (!w->begun)
        write_headers(w);
    memcpy(w->now, patient->covariates, sizeof w->now);
    w->changed = model_covariates(w->model);
    for (size_t i = 0; i < record->measurement_count; i++) {
        const struct record_measurement *one = &record->measurements[i];
        int side =
            one->censoring == CENSORED_BELOW ? 1 : -(one->censoring != CENSORED_NOT);
        for (; next < record->dose_count && record->doses[next].time <= one->time; next++)
            write_dose(w, patient, &record->doses[next]);
        write_changes(w, patient, one->time);
        fprintf(w->table, "%zu,%.10g,0,0,.,.,.,%s,%.10g,%d", patient->id, one->time,
                one->quantity, one->value, side);
        write_covariates(w);
    }
    for (; next < record->dose_count; next++)
        write_dose(w, patient, &record->doses[next]);
    if (w->truth) {
        fprintf(w->truth, "%zu", patient->id);
        for (size_t a = 0; a < w->layout.p; a++)
            fprintf(w->truth, ",%.12g", patient->parameters[w->layout.individual[a]]);
        fprintf(w->truth, "\n");
    }
    if (w->progress && !w->progress(w->context, patient->id))
        return err_set(ERR_INTERRUPTED, "stopped after %zu patients", patient->id);
    return ERR_OK;
}

enum err cohort_draw(const struct model *model, const struct cohort_design *design,
                     FILE *out, FILE *truth, cohort_progress *progress, void *context)
{
    struct writing w = {.model = model,
                        .table = out,
                        .truth = truth,
                        .progress = progress,
                        .context = context};
    if (prior_layout(model, &w.layout) != ERR_OK)
        return err_code();
    enum err err = cohort_each(model, design, write_patient, &w);
    if (err == ERR_OK && (ferror(out) || fflush(out) != 0 ||
                          (truth && (ferror(truth) || fflush(truth) != 0))))
        err = err_set(ERR_STORAGE, "the table could not be written");
    return err;
}
