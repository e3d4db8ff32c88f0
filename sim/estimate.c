#include "sim/estimate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "privacy/accountant.h"
#include "privacy/fixedpoint.h"
#include "privacy/noise.h"
#include "sim/exact.h"
#include "sim/hospitals.h"

struct hospital {
    const struct dataset *dataset;
    size_t *members; /* indices of its patients in the data set */
    size_t count;
    struct random *random; /* of its noise; NULL without */
};

struct run {
    const struct model *model;
    const struct estimate_options *options;
    const struct estimate_watch *watch;
    struct estimate *estimate;
    struct hospital *hospitals;
    struct statistic statistic;
    struct learn_round *rounds;
    double *multipliers; /* [rounds]; NULL without noise */
    char label[64];
};

/* --- one round --------------------------------------------------------------------- */

static enum err lend_record(void *source, size_t index, struct record **record)
{
    const struct hospital *hospital = source;
    *record = record_copy(dataset_record(hospital->dataset, hospital->members[index]));
    return ERR_OK;
}

static bool interrupted(void *context)
{
    const struct estimate_watch *watch = ((const struct run *)context)->watch;
    return watch->interrupted && watch->interrupted(watch->context);
}

static void fitted(void *context, size_t done, size_t total)
{
    const struct run *run = context;
    if (run->watch->progress)
        run->watch->progress(run->watch->context, run->label, done, total);
}

static struct contribute_task task_of(struct run *run, const struct prior *prior,
                                      size_t h)
{
    return (struct contribute_task){
        .model = run->model,
        .layout = &run->estimate->layout,
        .prior = prior,
        .patients = run->hospitals[h].count,
        .record = lend_record,
        .source = &run->hospitals[h],
        .random = run->hospitals[h].random,
        .threads = run->options->threads,
        .progress = fitted,
        .interrupted = interrupted,
        .context = run,
    };
}

static void add_report(struct contribute_report *all, const struct contribute_report *one)
{
    all->patients += one->patients;
    all->converged += one->converged;
    all->stayed += one->stayed;
    all->unusable += one->unusable;
    all->measurements += one->measurements;
    if (!*all->reason)
        memcpy(all->reason, one->reason, sizeof all->reason);
}

/* The ring sum of all hospitals, and what one integer of it is worth. `exact` NULL: in
 * the private form under `multiplier`. */
static enum err sum_ring(struct run *run, const struct statistic *statistic,
                         const struct prior *prior, const struct exact *exact,
                         double multiplier, uint64_t *total, double *step,
                         struct contribute_report *all)
{
    uint64_t *sum = mem_new(statistic->dimension, sizeof *sum), norm_max = 0;
    enum err err = ERR_OK;
    memset(total, 0, statistic->dimension * sizeof *total);
    *all = (struct contribute_report){0};
    *step = exact ? exact->step : 0;
    if (!exact && (err = noise_step(multiplier, step)) == ERR_OK)
        err = noise_norm_max(multiplier, 1, &norm_max);
    for (size_t h = 0; err == ERR_OK && h < run->estimate->hospitals; h++) {
        struct contribute_task task = task_of(run, prior, h);
        struct contribute_report report;
        task.step = *step;
        task.norm_max = norm_max;
        err = exact ? exact_sum(&task, statistic, exact, sum, &report)
                    : contribute(&task, sum, &report);
        if (err != ERR_OK)
            break;
        fixedpoint_add_ring(total, sum, statistic->dimension);
        add_report(all, &report);
    }
    mem_free(sum);
    if (err == ERR_OK && all->unusable)
        err = err_set(ERR_FORMAT, "%zu of %zu records cannot be read by the model: %s",
                      all->unusable, all->patients, all->reason);
    return err;
}

/* The real sum of all hospitals under `prior`; multiplier 0: exact. Caller frees. */
static enum err sum_up(struct run *run, const struct statistic *statistic,
                       const struct prior *prior, double multiplier, double **real,
                       struct contribute_report *all)
{
    size_t dimension = statistic->dimension;
    uint64_t *total = mem_new(dimension, sizeof *total);
    int64_t *integers = mem_new(dimension, sizeof *integers);
    double step;
    enum err err = ERR_RANGE;
    if (multiplier > 0)
        err = sum_ring(run, statistic, prior, NULL, multiplier, total, &step, all);
    for (unsigned grade = 0; multiplier == 0 && err == ERR_RANGE && grade < EXACT_GRADES;
         grade++) {
        struct exact exact = exact_grade(run->estimate->patients, grade);
        err = sum_ring(run, statistic, prior, &exact, 0, total, &step, all);
    }
    if (err == ERR_OK) {
        *real = mem_new(dimension, sizeof **real);
        fixedpoint_signed(total, dimension, integers);
        fixedpoint_real(integers, dimension, step, *real);
    }
    mem_free(total);
    mem_free(integers);
    return err;
}

static enum err one_round(struct run *run, uint32_t round)
{
    struct estimate *e = run->estimate;
    double multiplier = run->multipliers ? run->multipliers[round] : 0, *sum = NULL;
    struct contribute_report all;
    struct prior *next;
    snprintf(run->label, sizeof run->label, "round %u", round + 1);
    enum err err = sum_up(run, &run->statistic, e->prior, multiplier, &sum, &all);
    if (err != ERR_OK)
        return err_wrap("round %u", round + 1);
    e->noise_stddev = multiplier * sqrt((double)e->hospitals);
    run->rounds[round] = (struct learn_round){prior_copy(e->prior), sum, e->noise_stddev};
    err = learn_step(run->model, &e->layout, &run->statistic, run->rounds, round + 1,
                     NULL, &next, &e->last);
    if (err != ERR_OK)
        return err_wrap("round %u", round + 1);
    prior_destroy(&e->prior);
    e->prior = next;
    e->rounds = round + 1;
    e->converged = e->last.converged;
    if (run->watch->learned)
        run->watch->learned(run->watch->context, round + 1, multiplier, &e->last);
    return ERR_OK;
}

/* --- the start and the end --------------------------------------------------------- */

/* Typical values, spreads and residual errors off by a factor; a typical value that would
 * leave its bounds stays. */
static enum err start_prior(struct run *run, struct prior **prior)
{
    const struct prior_layout *layout = &run->estimate->layout;
    double factor = run->options->start_factor;
    if (prior_from_model(run->model, prior) != ERR_OK)
        return err_code();
    if (factor == 1)
        return ERR_OK;
    struct prior *start = *prior;
    for (size_t a = 0; a < start->p + start->q; a++) {
        bool individual = a < start->p;
        const struct model_parameter *parameter =
            model_parameter(run->model, individual ? layout->individual[a]
                                                   : layout->population[a - start->p]);
        double off = parameter->typical * factor;
        if (!(off > parameter->low && off < parameter->high))
            continue;
        if (individual)
            start->effects[a * start->k] = transform_forward(parameter, off);
        else
            start->population[a - start->p] = transform_forward(parameter, off);
    }
    for (size_t i = 0; i < start->p * start->p; i++)
        start->omega[i] *= factor * factor;
    for (size_t l = 0; l < start->m; l++)
        start->residual[l] += log(factor);
    return prior_factor(start, NULL);
}

/* What is to be said of the final prior, by an exact pass. */
static enum err judge(struct run *run)
{
    struct estimate *e = run->estimate;
    struct contribute_report all;
    struct statistic statistic;
    double *sum = NULL;
    statistic_layout(&e->layout, true, &statistic);
    snprintf(run->label, sizeof run->label, "likelihood");
    enum err err = sum_up(run, &statistic, e->prior, 0, &sum, &all);
    if (err != ERR_OK)
        return err_wrap("likelihood");
    const double *block = sum + statistic.offset[STATISTIC_LIKELIHOOD];
    e->minus2_log_likelihood = all.stayed < e->patients ? block[0] : NAN;
    e->skew = block[1] / (double)e->patients;
    e->measurements = all.measurements;
    e->failed = all.stayed;
    memcpy(e->reason, all.reason, sizeof e->reason);
    mem_free(sum);
    return ERR_OK;
}

/* The exact form returns the best prior that was seen: when the last one, which no round
 * has tried, turns out worse than the best round, that round's, with the standard errors
 * that were found there. */
static void keep_best(struct run *run)
{
    struct estimate *e = run->estimate;
    const struct learn_round *best = &run->rounds[e->last.best];
    const double *block = best->sum + run->statistic.offset[STATISTIC_LIKELIHOOD];
    if (e->failed <= (size_t)block[2] &&
        !(e->minus2_log_likelihood > block[0] + LEARN_TOLERANCE))
        return;
    struct prior *prior = prior_copy(best->prior);
    size_t errors = prior->p * prior->k + prior->q + prior->m + prior->p;
    memcpy(prior->standard_error, e->prior->standard_error,
           errors * sizeof *prior->standard_error);
    prior->patients = e->prior->patients;
    prior_destroy(&e->prior);
    e->prior = prior;
    e->minus2_log_likelihood = block[0];
    e->skew = block[1] / (double)e->patients;
    e->failed = (size_t)block[2];
    if (!e->converged)
        return;
    e->converged = false;
    snprintf(e->last.reason, sizeof e->last.reason,
             "the step after round %zu, which was the best, made it worse",
             e->last.best + 1);
}

/* --- privacy ----------------------------------------------------------------------- */

static enum err plan_noise(struct run *run)
{
    const struct estimate_options *o = run->options;
    struct estimate *e = run->estimate;
    struct charge charge = {CHARGE_GAUSSIAN, o->noise_multiplier, o->rounds};
    struct discretisation one, all;
    struct privacy_loss loss;
    double mu2;
    if (accountant_mu2(&charge, 1, &mu2) != ERR_OK)
        return err_code();
    run->multipliers = mem_new(o->rounds, sizeof *run->multipliers);
    if (accountant_shares(sqrt(mu2), ACCOUNTANT_BUDGET_RATIO, o->rounds,
                          run->multipliers) != ERR_OK ||
        accountant_discretisation(run->statistic.dimension, NOISE_LOG2, 1, &one) !=
            ERR_OK)
        return err_code();
    all = (struct discretisation){one.epsilon * o->rounds, one.log_delta * o->rounds};
    if (accountant_loss(mu2, &all, o->delta, &loss) != ERR_OK)
        return err_code();
    e->mu = loss.mu;
    e->epsilon = loss.epsilon;
    for (size_t h = 0; h < e->hospitals; h++) {
        uint8_t seed[RANDOM_SEED_BYTES] = {0};
        memcpy(seed, &o->seed, sizeof o->seed);
        memcpy(seed + sizeof o->seed, &h, sizeof h);
        run->hospitals[h].random = random_new_seeded(seed);
    }
    return ERR_OK;
}

/* --- the whole --------------------------------------------------------------------- */

static void admit(struct run *run, const struct dataset *dataset, const size_t *hospital)
{
    size_t patients = dataset_patients(dataset);
    for (size_t h = 0; h < run->estimate->hospitals; h++)
        run->hospitals[h].dataset = dataset;
    for (size_t i = 0; i < patients; i++) {
        if (hospital[i] == HOSPITAL_NONE)
            continue;
        run->hospitals[hospital[i]].count++;
        run->estimate->patients++;
    }
    for (size_t h = 0; h < run->estimate->hospitals; h++) {
        run->hospitals[h].members = mem_new(run->hospitals[h].count, sizeof(size_t));
        run->hospitals[h].count = 0;
    }
    for (size_t i = 0; i < patients; i++) {
        if (hospital[i] == HOSPITAL_NONE)
            continue;
        struct hospital *one = &run->hospitals[hospital[i]];
        one->members[one->count++] = i;
    }
}

static void run_clear(struct run *run)
{
    for (uint32_t i = 0; i < run->options->rounds; i++) {
        struct prior *prior = (struct prior *)run->rounds[i].prior;
        prior_destroy(&prior);
        mem_free((double *)run->rounds[i].sum);
    }
    for (size_t h = 0; h < run->estimate->hospitals; h++) {
        random_destroy(&run->hospitals[h].random);
        mem_free(run->hospitals[h].members);
    }
    mem_free(run->hospitals);
    mem_free(run->rounds);
    mem_free(run->multipliers);
}

enum err estimate_run(const struct model *model, const struct dataset *dataset,
                      const size_t *hospital, size_t hospitals,
                      const struct estimate_options *options,
                      const struct estimate_watch *watch, struct estimate *estimate)
{
    bool noisy = options->noise_multiplier > 0;
    struct run run = {
        .model = model, .options = options, .watch = watch, .estimate = estimate};
    *estimate = (struct estimate){.hospitals = hospitals, .mu = NAN, .epsilon = NAN};
    enum err err = prior_layout(model, &estimate->layout);
    if (err != ERR_OK)
        return err;
    statistic_layout(&estimate->layout, !noisy, &run.statistic);
    run.rounds = mem_new(options->rounds, sizeof *run.rounds);
    run.hospitals = mem_new(hospitals, sizeof *run.hospitals);
    admit(&run, dataset, hospital);
    err = noisy ? plan_noise(&run) : ERR_OK;
    if (err == ERR_OK)
        err = start_prior(&run, &estimate->prior);
    for (uint32_t t = 0; err == ERR_OK && t < options->rounds && !estimate->converged &&
                         !estimate->last.stalled;
         t++)
        err = one_round(&run, t);
    if (err == ERR_OK)
        err = judge(&run);
    if (err == ERR_OK && !noisy)
        keep_best(&run);
    estimate->last.laplace_doubtful = estimate->skew > LEARN_SKEW_MAX;
    run_clear(&run);
    if (err != ERR_OK)
        estimate_clear(estimate);
    return err;
}

void estimate_clear(struct estimate *estimate)
{
    prior_destroy(&estimate->prior);
}
