#include "sim/cohort.h"

#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"
#include "base/normal.h"
#include "model/observe.h"
#include "model/prior.h"
#include "model/twin.h"
#include "privacy/random.h"

/* --- covariates as a person writes them -------------------------------------------- */

static enum err bad_covariate(const char *phrase)
{
    err_set(ERR_USAGE, "'%s' is not how a covariate is drawn", phrase);
    return err_hint("as in 'WT 70', 'WT normal 70 12', 'AGE uniform 20 80' or 'MALE "
                    "bernoulli 0.5'");
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
    else
        return bad_covariate(phrase);
    return ERR_OK;
}

enum err cohort_covariate(const struct model *model, const char *phrase, size_t *index,
                          struct cohort_covariate *covariate)
{
    char *copy = mem_text(phrase), *rest = NULL;
    const char *word[5];
    size_t count = 0;
    for (char *w = strtok_r(copy, " \t", &rest); w && count < 5;
         w = strtok_r(NULL, " \t", &rest))
        word[count++] = w;
    enum err err = read_words(phrase, word, count, covariate);
    size_t at = 0;
    while (err == ERR_OK && at < model_covariates(model) &&
           strcmp(model_covariate(model, at)->name, word[0]) != 0)
        at++;
    if (err == ERR_OK && at == model_covariates(model))
        err = err_set(ERR_NOT_FOUND, "model %s has no covariate '%s'", model_name(model),
                      word[0]);
    mem_free(copy);
    *index = at;
    return err;
}

/* --- one patient ------------------------------------------------------------------- */

struct drawing {
    const struct model *model;
    const struct cohort_design *design;
    struct prior_layout layout;
    struct prior *prior;
    struct engine *engine;
    struct random *random;
    size_t outputs;  /* states + derived + observations */
    size_t measured; /* measurements of a patient */
    FILE *table, *truth;
};

/* Patients are drawn one after the other, and simulated so many at once. */
#define COHORT_BLOCK 64

struct member {
    size_t id;
    double covariates[MODEL_COVARIATES_MAX], parameters[MODEL_PARAMETERS_MAX];
    struct twin *twin;
    double *errors; /* [measured] uniform, in the order of the rows */
    double *out;    /* [times][outputs] */
};

static double draw_uniform(struct random *random)
{
    return ldexp((double)random_bits(random, 52) + 0.5, -52);
}

static double draw_normal(struct random *random)
{
    return normal_quantile(draw_uniform(random));
}

static double draw_covariate(struct random *random, const struct cohort_covariate *c)
{
    switch (c->kind) {
    case COHORT_NORMAL:
        return c->a + c->b * draw_normal(random);
    case COHORT_UNIFORM:
        return c->a + (c->b - c->a) * draw_uniform(random);
    case COHORT_BERNOULLI:
        return draw_uniform(random) < c->a;
    case COHORT_FIXED:
        break;
    }
    return c->a;
}

/* phi = B x + L e, natural scale. */
static void draw_parameters(struct drawing *d, const double *x, double *parameters)
{
    const struct prior *prior = d->prior;
    double phi[MODEL_PARAMETERS_MAX] = {0}, e[MODEL_PARAMETERS_MAX];
    for (size_t a = 0; a < prior->p; a++) {
        e[a] = draw_normal(d->random);
        for (size_t c = 0; c < prior->k; c++)
            phi[a] += prior->effects[a * prior->k + c] * x[c];
    }
    for (size_t a = 0; a < prior->p; a++)
        for (size_t b = 0; b < prior->p; b++)
            phi[a] += prior->factor[a * prior->p + b] * e[b];
    twin_parameters(d->model, &d->layout, phi, prior->population, parameters);
}

/* A measurement around its prediction, by a uniform number; false when there cannot be
 * one. */
static bool draw_value(const struct drawing *d, size_t observation, double prediction,
                       double uniform, double *value)
{
    const struct model_observation *one = model_observation(d->model, observation);
    struct residual residual;
    prior_residual(d->model, &d->layout, d->prior, observation, &residual);
    if (one->residual == RESIDUAL_BERNOULLI) {
        *value = uniform < prediction;
        return isfinite(prediction);
    }
    double error = observe_sd(&residual, prediction) * normal_quantile(uniform);
    *value = one->residual == RESIDUAL_LOGNORMAL ? prediction * exp(error)
                                                 : prediction + error;
    return isfinite(*value);
}

/* --- the table --------------------------------------------------------------------- */

static void write_header(const struct drawing *d)
{
    fprintf(d->table, "ID,TIME,EVID,MDV,AMT,CMT,DUR,DVID,DV,CENS");
    for (size_t c = 0; c < model_covariates(d->model); c++)
        fprintf(d->table, ",%s", model_covariate(d->model, c)->name);
    fprintf(d->table, "\n");
    if (!d->truth)
        return;
    fprintf(d->truth, "ID");
    for (size_t a = 0; a < d->layout.p; a++)
        fprintf(d->truth, ",%s",
                model_parameter(d->model, d->layout.individual[a])->name);
    fprintf(d->truth, "\n");
}

static void write_covariates(const struct drawing *d, const double *covariates)
{
    for (size_t c = 0; c < model_covariates(d->model); c++)
        fprintf(d->table, ",%.10g", covariates[c]);
    fprintf(d->table, "\n");
}

static void write_dose(const struct drawing *d, size_t id, const struct record_dose *dose,
                       const double *covariates)
{
    fprintf(d->table, "%zu,%.10g,1,1,%.10g,%s,", id, dose->time, dose->amount,
            dose->input);
    if (dose->duration < 0)
        fprintf(d->table, ".,.,.,.");
    else
        fprintf(d->table, "%.10g,.,.,.", dose->duration);
    write_covariates(d, covariates);
}

static enum err write_measurement(const struct drawing *d, const struct member *member,
                                  size_t time, size_t observation, double uniform)
{
    const struct model_observation *one = model_observation(d->model, observation);
    size_t first = d->outputs - model_observations(d->model);
    double prediction = member->out[time * d->outputs + first + observation], value;
    int side = 0;
    if (!draw_value(d, observation, prediction, uniform, &value))
        return err_set(ERR_NUMERIC, "patient %zu: no value for %s at time %g", member->id,
                       one->name, d->design->times[time]);
    if (one->residual != RESIDUAL_BERNOULLI && value <= one->limit_low) {
        value = one->limit_low;
        side = 1;
    } else if (one->residual != RESIDUAL_BERNOULLI && value >= one->limit_high) {
        value = one->limit_high;
        side = -1;
    }
    fprintf(d->table, "%zu,%.10g,0,0,.,.,.,%s,%.10g,%d", member->id,
            d->design->times[time], one->name, value, side);
    write_covariates(d, member->covariates);
    return ERR_OK;
}

static enum err write_rows(const struct drawing *d, const struct member *member)
{
    const struct cohort_design *design = d->design;
    const struct record *doses = design->doses;
    const double *covariates = member->covariates;
    size_t next = 0, measured = 0;
    for (size_t t = 0; t < design->time_count; t++) {
        /* What is measured at the time of a dose is measured just after it, as simulated.
         */
        for (; next < doses->dose_count && doses->doses[next].time <= design->times[t];
             next++)
            write_dose(d, member->id, &doses->doses[next], covariates);
        for (size_t o = 0; o < model_observations(d->model); o++)
            if (design->observed[o] &&
                write_measurement(d, member, t, o, member->errors[measured++]) != ERR_OK)
                return err_code();
    }
    for (; next < doses->dose_count; next++)
        write_dose(d, member->id, &doses->doses[next], covariates);
    if (!d->truth)
        return ERR_OK;
    fprintf(d->truth, "%zu", member->id);
    for (size_t a = 0; a < d->layout.p; a++)
        fprintf(d->truth, ",%.12g", member->parameters[d->layout.individual[a]]);
    fprintf(d->truth, "\n");
    return ERR_OK;
}

/* --- a block of patients ------------------------------------------------------------ */

static enum err draw_member(struct drawing *d, struct member *member)
{
    const struct model *model = d->model;
    double x[MODEL_COVARIATES_MAX + 1];
    struct record *record = record_copy(d->design->doses);
    enum err err = ERR_OK;
    for (size_t c = 0; err == ERR_OK && c < model_covariates(model); c++) {
        member->covariates[c] = draw_covariate(d->random, &d->design->covariates[c]);
        err =
            record_covariate(record, d->design->times[0], model_covariate(model, c)->name,
                             NULL, member->covariates[c], c);
    }
    if (err == ERR_OK)
        err = twin_new(model, &d->layout, record, &member->twin);
    if (err == ERR_OK) {
        prior_covariates(model, &d->layout, member->covariates, x);
        draw_parameters(d, x, member->parameters);
        for (size_t i = 0; i < d->measured; i++)
            member->errors[i] = draw_uniform(d->random);
    }
    record_destroy(&record);
    return err == ERR_OK ? ERR_OK : err_wrap("patient %zu", member->id);
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

/* Patients first to first + count - 1, as many as there can be: the first that cannot be
 * drawn, simulated or written ends the cohort. */
static enum err draw_block(struct drawing *d, struct member *members, size_t first,
                           size_t count, cohort_progress *progress, void *context)
{
    struct twin_course courses[COHORT_BLOCK];
    size_t drawn = 0;
    enum err err = ERR_OK, written = ERR_OK;
    for (; err == ERR_OK && drawn < count; drawn += err == ERR_OK) {
        struct member *member = &members[drawn];
        member->id = first + drawn;
        err = draw_member(d, member);
        courses[drawn] =
            (struct twin_course){member->twin, member->parameters, member->out, ERR_OK};
    }
    if (err == ERR_OK)
        twin_simulate_all(d->engine, courses, drawn, d->design->times,
                          d->design->time_count);
    for (size_t i = 0; err == ERR_OK && written == ERR_OK && i < drawn; i++) {
        written = courses[i].err;
        if (written != ERR_OK)
            written = twin_simulate(d->engine, courses[i].twin, courses[i].parameters,
                                    d->design->times, d->design->time_count,
                                    courses[i].out); /* whose sentence this is */
        if (written == ERR_OK)
            written = write_rows(d, &members[i]);
        else
            written = err_wrap("patient %zu", members[i].id);
        if (written == ERR_OK && progress && !progress(context, members[i].id))
            written =
                err_set(ERR_INTERRUPTED, "stopped after %zu patients", members[i].id);
    }
    for (size_t i = 0; i < drawn; i++)
        twin_destroy(&members[i].twin);
    return err == ERR_OK ? written : err;
}

enum err cohort_draw(const struct model *model, const struct cohort_design *design,
                     FILE *out, FILE *truth, cohort_progress *progress, void *context)
{
    struct drawing d = {.model = model, .design = design, .table = out, .truth = truth};
    uint8_t seed[RANDOM_SEED_BYTES] = {0};
    memcpy(seed, &design->seed, sizeof design->seed);
    if (prior_layout(model, &d.layout) != ERR_OK ||
        prior_from_model(model, &d.prior) != ERR_OK)
        return err_code();
    d.engine = engine_new(model, &d.layout, NULL);
    d.random = random_new_seeded(seed);
    d.outputs = model_states(model) + model_derived(model) + model_observations(model);
    for (size_t o = 0; o < model_observations(model); o++)
        d.measured += design->observed[o] ? design->time_count : 0;
    struct member *members = members_new(&d);
    write_header(&d);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < design->patients; i += COHORT_BLOCK) {
        size_t left = design->patients - i;
        err = draw_block(&d, members, i + 1, left < COHORT_BLOCK ? left : COHORT_BLOCK,
                         progress, context);
    }
    if (err == ERR_OK && (ferror(out) || fflush(out) != 0 ||
                          (truth && (ferror(truth) || fflush(truth) != 0))))
        err = err_set(ERR_STORAGE, "the table could not be written");
    members_free(members);
    random_destroy(&d.random);
    engine_destroy(&d.engine);
    prior_destroy(&d.prior);
    return err;
}
