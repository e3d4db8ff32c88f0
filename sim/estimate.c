#include "sim/estimate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "node/contribute.h"
#include "privacy/accountant.h"
#include "privacy/fixedpoint.h"
#include "privacy/noise.h"

struct run {
    struct cli *cli;
    const struct model *model;
    const struct dataset *dataset;
    const size_t *hospital;
    size_t hospitals, patients;
    const struct estimate_options *options;
    struct estimate *estimate;
    struct statistic statistic;
    struct learn_round *rounds;
    double *multipliers;    /* [rounds]; NULL without noise */
    struct random **random; /* [hospitals] */
    char label[64];
};

/* What one integer is worth without noise: the same for every split, fine enough that
 * rounding is far below 1e-9 of any sum, coarse enough that sums of millions fit. */
static double exact_step(size_t patients)
{
    return ldexp(1, -40 + (int)ceil(log2((double)patients + 1)));
}

/* --- one hospital, one round
 * --------------------------------------------------------------- */

struct members {
    const struct dataset *dataset;
    size_t *indices;
    size_t count;
};

/* A copy: contribute destroys what it is given. */
static enum err copy_record(void *source, size_t index, struct record **record)
{
    const struct members *members = source;
    *record = record_copy(dataset_record(members->dataset, members->indices[index]));
    return ERR_OK;
}

static bool interrupted(void *context)
{
    (void)context;
    return cli_interrupted();
}

static void fitted(void *context, size_t done, size_t total)
{
    struct run *run = context;
    cli_progress(run->cli, run->label, done, total);
}

static enum err add_hospital(struct run *run, const struct prior *prior,
                             double multiplier, size_t which, uint64_t *total,
                             struct contribute_report *all)
{
    struct members members = {run->dataset, mem_new(run->patients, sizeof(size_t)), 0};
    struct contribute_report report;
    uint64_t *sum = mem_new(run->statistic.dimension, sizeof *sum);
    for (size_t i = 0; i < run->patients; i++)
        if (run->hospital[i] == which)
            members.indices[members.count++] = i;
    struct contribute_task task = {
        .model = run->model,
        .layout = &run->estimate->layout,
        .prior = prior,
        .patients = members.count,
        .record = copy_record,
        .source = &members,
        .exact = multiplier == 0,
        .step = exact_step(run->patients),
        .random = run->random ? run->random[which] : NULL,
        .threads = run->options->threads,
        .progress = fitted,
        .interrupted = interrupted,
        .context = run,
    };
    enum err err = ERR_OK;
    if (multiplier > 0) {
        err = noise_step(multiplier, &task.step);
        if (err == ERR_OK)
            err = noise_norm_max(multiplier, &task.norm_max);
    }
    if (err == ERR_OK)
        err = contribute(&task, sum, &report);
    if (err == ERR_OK) {
        fixedpoint_add_ring(total, sum, run->statistic.dimension);
        all->measurements += report.measurements;
        all->stayed += report.stayed;
        all->unusable += report.unusable;
    }
    mem_free(sum);
    mem_free(members.indices);
    return err;
}

/* The real sum of all hospitals under `prior`; caller frees. */
static enum err sum_up(struct run *run, const struct prior *prior, double multiplier,
                       double **real, struct contribute_report *all)
{
    size_t dimension = run->statistic.dimension;
    uint64_t *total = mem_new(dimension, sizeof *total);
    int64_t *integers = mem_new(dimension, sizeof *integers);
    double step = exact_step(run->patients);
    enum err err = multiplier > 0 ? noise_step(multiplier, &step) : ERR_OK;
    *all = (struct contribute_report){0};
    for (size_t h = 0; err == ERR_OK && h < run->hospitals; h++)
        err = add_hospital(run, prior, multiplier, h, total, all);
    if (err == ERR_OK) {
        *real = mem_new(dimension, sizeof **real);
        fixedpoint_signed(total, dimension, integers);
        fixedpoint_real(integers, dimension, step, *real);
    }
    mem_free(total);
    mem_free(integers);
    return err;
}

/* --- the start and the end
 * --------------------------------------------------------------------- */

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
        const struct model_parameter *p =
            model_parameter(run->model, individual ? layout->individual[a]
                                                   : layout->population[a - start->p]);
        double off = p->typical * factor;
        if (!(off > p->low && off < p->high))
            off = p->typical;
        double phi = transform_forward(p, off);
        if (individual)
            start->effects[a * start->k] = phi;
        else
            start->population[a - start->p] = phi;
    }
    for (size_t i = 0; i < start->p * start->p; i++)
        start->omega[i] *= factor * factor;
    for (size_t l = 0; l < start->m; l++)
        start->residual[l] += log(factor);
    return prior_factor(start, NULL);
}

/* -2 log L at the final prior: an exact pass, also after noisy rounds, which only a
 * simulator can make. */
static enum err judge(struct run *run)
{
    struct estimate *e = run->estimate;
    struct contribute_report all;
    double *sum = NULL;
    struct random **kept = run->random;
    run->random = NULL;
    statistic_layout(&e->layout, true, &run->statistic);
    snprintf(run->label, sizeof run->label, "likelihood");
    enum err err = sum_up(run, e->prior, 0, &sum, &all);
    run->random = kept;
    if (err != ERR_OK)
        return err;
    const double *block = sum + run->statistic.offset[STATISTIC_LIKELIHOOD];
    e->minus2_log_likelihood = block[0];
    e->quadrature = block[1];
    e->measurements = all.measurements;
    e->failed = all.stayed;
    e->unusable = all.unusable;
    mem_free(sum);
    return ERR_OK;
}

/* --- privacy
 * ------------------------------------------------------------------------------------ */

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
    if (accountant_shares(sqrt(mu2), ESTIMATE_BUDGET_RATIO, o->rounds,
                          run->multipliers) != ERR_OK ||
        accountant_discretisation(run->statistic.dimension, NOISE_LOG2, 1, &one) !=
            ERR_OK)
        return err_code();
    all = (struct discretisation){one.epsilon * o->rounds, one.log_delta * o->rounds};
    if (accountant_loss(mu2, &all, o->delta, &loss) != ERR_OK)
        return err_code();
    e->mu = loss.mu;
    e->epsilon = loss.epsilon;
    run->random = mem_new(run->hospitals, sizeof(struct random *));
    for (size_t h = 0; h < run->hospitals; h++) {
        uint8_t seed[RANDOM_SEED_BYTES] = {0};
        memcpy(seed, &o->seed, sizeof o->seed);
        memcpy(seed + 8, &h, sizeof h);
        run->random[h] = random_new_seeded(seed);
    }
    return ERR_OK;
}

/* --- the rounds
 * --------------------------------------------------------------------------------- */

static enum err one_round(struct run *run, uint32_t round)
{
    struct estimate *e = run->estimate;
    double multiplier = run->multipliers ? run->multipliers[round] : 0, *sum = NULL;
    struct contribute_report all;
    struct prior *next;
    snprintf(run->label, sizeof run->label, "round %u", round + 1);
    enum err err = sum_up(run, e->prior, multiplier, &sum, &all);
    if (err != ERR_OK)
        return err;
    run->rounds[round] = (struct learn_round){prior_copy(e->prior), sum,
                                              multiplier * sqrt((double)run->hospitals)};
    err = learn_step(run->model, &e->layout, &run->statistic, run->rounds, round + 1,
                     NULL, &next, &e->last);
    if (err != ERR_OK)
        return err;
    prior_destroy(&e->prior);
    e->prior = next;
    e->rounds = round + 1;
    e->converged = e->last.converged;
    if (!run->multipliers)
        cli_say(run->cli, "round %2u  -2 log L %.6f", round + 1,
                e->last.minus2_log_likelihood);
    return ERR_OK;
}

static void run_clear(struct run *run)
{
    for (uint32_t i = 0; i < run->options->rounds; i++) {
        struct prior *prior = (struct prior *)run->rounds[i].prior;
        prior_destroy(&prior);
        mem_free((double *)run->rounds[i].sum);
    }
    for (size_t h = 0; run->random && h < run->hospitals; h++)
        random_destroy(&run->random[h]);
    mem_free(run->random);
    mem_free(run->rounds);
    mem_free(run->multipliers);
}

enum err estimate_run(struct cli *cli, const struct model *model,
                      const struct dataset *dataset, const size_t *hospital,
                      size_t hospitals, const struct estimate_options *options,
                      struct estimate *estimate)
{
    struct run run = {.cli = cli,
                      .model = model,
                      .dataset = dataset,
                      .hospital = hospital,
                      .hospitals = hospitals,
                      .patients = dataset_patients(dataset),
                      .options = options,
                      .estimate = estimate};
    *estimate = (struct estimate){.mu = NAN, .epsilon = NAN, .patients = run.patients};
    enum err err = prior_layout(model, &estimate->layout);
    if (err != ERR_OK)
        return err;
    bool noisy = options->noise_multiplier > 0;
    statistic_layout(&estimate->layout, !noisy, &run.statistic);
    run.rounds = mem_new(options->rounds, sizeof *run.rounds);
    err = noisy ? plan_noise(&run) : ERR_OK;
    if (err == ERR_OK)
        err = start_prior(&run, &estimate->prior);
    for (uint32_t t = 0; err == ERR_OK && t < options->rounds && !estimate->converged;
         t++)
        err = one_round(&run, t);
    if (err == ERR_OK)
        err = judge(&run);
    run_clear(&run);
    if (err != ERR_OK)
        estimate_clear(estimate);
    return err;
}

void estimate_clear(struct estimate *estimate)
{
    prior_destroy(&estimate->prior);
}
