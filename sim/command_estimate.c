#include "sim/commands.h"

#include "base/memory.h"
#include "model/library.h"
#include "sim/hospitals.h"
#include "sim/result.h"

static enum err read_options(struct cli *cli, bool federated,
                             struct estimate_options *options)
{
    int64_t rounds, seed, threads;
    *options = (struct estimate_options){.delta = 1e-6};
    if (federated &&
        (cli_real(cli, "noise-multiplier", 0, 0, 1e5, &options->noise_multiplier) !=
             ERR_OK ||
         cli_real(cli, "delta", 1e-6, 1e-30, 0.1, &options->delta) != ERR_OK ||
         cli_integer(cli, "seed", 1, 0, INT64_MAX, &seed) != ERR_OK))
        return err_code();
    int64_t preset =
        options->noise_multiplier > 0 ? ESTIMATE_ROUNDS_NOISY : ESTIMATE_ROUNDS_EXACT;
    if (cli_integer(cli, "rounds", preset, 1, ESTIMATE_ROUNDS_MAX, &rounds) != ERR_OK ||
        cli_integer(cli, "threads", 0, 0, 256, &threads) != ERR_OK ||
        cli_real(cli, "start-factor", 1, 0.01, 100, &options->start_factor) != ERR_OK)
        return err_code();
    options->rounds = (uint32_t)rounds;
    options->seed = federated ? (uint64_t)seed : 0;
    options->threads = (size_t)threads;
    return ERR_OK;
}

static enum err say_result(struct cli *cli, const struct model *model,
                           const struct dataset *dataset, const struct estimate *e,
                           const struct estimate_options *options)
{
    const char *individuals = cli_text(cli, "individuals", NULL),
               *prior = cli_text(cli, "save-prior", NULL);
    if (prior && result_prior(prior, e) != ERR_OK)
        return err_code();
    if (individuals &&
        result_individuals(individuals, model, dataset, e, options->threads) != ERR_OK)
        return err_code();
    result_warn(cli, model, e, options->noise_multiplier > 0);
    cli_result(cli, result_json(model, e, options->delta));
    if (!cli_is_json(cli))
        result_print(cli, model, e, options->delta);
    return ERR_OK;
}

static void show_progress(void *context, const char *what, size_t done, size_t total)
{
    cli_progress(context, what, done, total);
}

static void show_round(void *context, uint32_t round, double multiplier,
                       const struct learn_report *report)
{
    if (multiplier > 0)
        cli_say(context, "round %2u  noise multiplier %.4g", round, multiplier);
    else
        cli_say(context, "round %2u  -2 log L %.6f  still to gain %.2g", round,
                report->minus2_log_likelihood, report->gain);
}

static bool interrupted(void *context)
{
    (void)context;
    return cli_interrupted();
}

static enum err estimate(struct cli *cli, bool federated, const struct model *model,
                         const struct dataset *dataset)
{
    struct estimate_options options;
    const struct estimate_watch watch = {show_progress, show_round, interrupted, cli};
    struct estimate *e = mem_new(1, sizeof *e);
    size_t *hospital = mem_new(dataset_patients(dataset), sizeof *hospital),
           hospitals = 1;
    enum err err = read_options(cli, federated, &options);
    if (err == ERR_OK && federated)
        err = hospitals_read(dataset, cli_text(cli, "hospitals", ""),
                             cli_text(cli, "column", NULL), hospital, &hospitals, NULL);
    if (err == ERR_OK && options.noise_multiplier == 0)
        cli_say(cli, "NO PRIVACY: exact sums without noise, possible only in gemel-sim");
    if (err == ERR_OK)
        err = estimate_run(model, dataset, hospital, hospitals, &options, &watch, e);
    if (err == ERR_OK) {
        err = say_result(cli, model, dataset, e, &options);
        estimate_clear(e);
    }
    mem_free(hospital);
    mem_free(e);
    return err;
}

/* Every bad row of a refused table, on stderr. */
static void say_rejects(struct cli *cli)
{
    const struct dataset_reject *rejects;
    size_t count = dataset_rejects(&rejects), shown = count < 20 ? count : 20;
    if (count < 2)
        return; /* the error says it all */
    for (size_t i = 0; i < shown; i++)
        cli_say(cli, "line %zu: %s%s%s", rejects[i].line, rejects[i].column,
                *rejects[i].column ? ": " : "", rejects[i].reason);
    if (shown < count)
        cli_say(cli, "and %zu more", count - shown);
}

static enum err run(struct cli *cli, bool federated)
{
    struct model *model;
    struct dataset *dataset;
    if (library_load(cli_text(cli, "model", ""), &model) != ERR_OK)
        return err_code();
    enum err err = dataset_read(cli_text(cli, "data", ""), cli_text(cli, "spec", NULL),
                                model, &dataset);
    if (err == ERR_OK) {
        for (size_t i = 0; i < dataset_notes(dataset); i++)
            cli_say(cli, "note: %s", dataset_note(dataset, i));
        if (dataset_measurements(dataset) == 0)
            err = err_set(ERR_FORMAT, "%s holds no measurement of model %s",
                          cli_text(cli, "data", ""), model_name(model));
        else
            err = estimate(cli, federated, model, dataset);
        dataset_destroy(&dataset);
    } else {
        say_rejects(cli);
    }
    model_destroy(&model);
    return err;
}

enum err command_pooled(struct cli *cli)
{
    return run(cli, false);
}

enum err command_federate(struct cli *cli)
{
    return run(cli, true);
}
