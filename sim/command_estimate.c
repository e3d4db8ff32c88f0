#include "sim/commands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/fit.h"
#include "model/observe.h"
#include "sim/estimate.h"

/* --- the result, as one object
 * --------------------------------------------------------------- */

static const struct model_parameter *row_parameter(const struct model *model,
                                                   const struct estimate *e, size_t row)
{
    size_t p = e->layout.p;
    return model_parameter(model, row < p ? e->layout.individual[row]
                                          : e->layout.population[row - p]);
}

static double between_sd(const struct prior *prior, size_t row)
{
    return row < prior->p ? sqrt(prior->omega[row * prior->p + row]) : 0;
}

static double typical_se(const struct prior *prior, size_t row)
{
    return row < prior->p ? prior->standard_error[row * prior->k]
                          : prior->standard_error[prior->p * prior->k + row - prior->p];
}

static struct json *parameters_json(const struct model *model, const struct estimate *e)
{
    struct json *parameters = json_new_object();
    for (size_t row = 0; row < e->prior->p + e->prior->q; row++) {
        struct json *one = json_new_object();
        json_set_real(one, "typical", prior_typical(model, &e->layout, e->prior, row));
        json_set_real(one, "between_sd", between_sd(e->prior, row));
        json_set_real(one, "se", typical_se(e->prior, row));
        json_set(parameters, row_parameter(model, e, row)->name, one);
    }
    return parameters;
}

static struct json *effects_json(const struct model *model, const struct estimate *e)
{
    struct json *effects = json_new_object();
    const struct prior *prior = e->prior;
    for (size_t a = 0; a < prior->p; a++) {
        struct json *row = json_new_object();
        for (size_t c = 1; c < prior->k; c++) {
            if (!e->layout.effect[a][c])
                continue;
            struct json *one = json_new_object();
            json_set_real(one, "effect", prior->effects[a * prior->k + c]);
            json_set_real(one, "se", prior->standard_error[a * prior->k + c]);
            json_set(row, model_covariate(model, e->layout.covariate[c])->name, one);
        }
        if (json_count(row))
            json_set(effects, row_parameter(model, e, a)->name, row);
        else
            json_destroy(&row);
    }
    return effects;
}

static struct json *correlation_json(const struct prior *prior)
{
    struct json *rows = json_new_array();
    for (size_t a = 0; a < prior->p; a++) {
        struct json *row = json_new_array();
        for (size_t b = 0; b < prior->p; b++)
            json_add(row, json_new_real(prior->omega[a * prior->p + b] /
                                        (between_sd(prior, a) * between_sd(prior, b))));
        json_add(rows, row);
    }
    return rows;
}

static struct json *residual_json(const struct model *model, const struct estimate *e)
{
    struct json *all = json_new_object();
    for (size_t o = 0; o < model_observations(model); o++) {
        struct residual residual;
        struct json *one = json_new_object();
        prior_residual(model, &e->layout, e->prior, o, &residual);
        json_set_real(one, "additive", residual.additive);
        json_set_real(one, "proportional", residual.proportional);
        json_set(all, model_observation(model, o)->name, one);
    }
    return all;
}

static struct json *result_json(const struct model *model, const struct estimate *e,
                                double delta)
{
    struct json *json = json_new_object();
    bool noisy = !isnan(e->epsilon);
    json_set_real(json, "minus2_log_likelihood", e->minus2_log_likelihood);
    json_set_real(json, "objf",
                  e->minus2_log_likelihood - (double)e->measurements * log(2 * acos(-1)));
    json_set_real(json, "minus2_log_likelihood_quadrature", e->quadrature);
    json_set_integer(json, "rounds", e->rounds);
    json_set_boolean(json, "converged", e->converged);
    json_set(json, "parameters", parameters_json(model, e));
    json_set(json, "covariate_effects", effects_json(model, e));
    json_set(json, "correlation", correlation_json(e->prior));
    json_set(json, "residual", residual_json(model, e));
    json_set_real(json, "epsilon", e->epsilon);
    json_set_real(json, "delta", noisy ? delta : NAN);
    json_set_real(json, "mu", e->mu);
    json_set_text(json, "privacy",
                  noisy ? "simulated noise, each hospital its own"
                        : "none: simulation "
                          "without noise");
    json_set_boolean(json, "laplace_doubtful", e->last.laplace_doubtful);
    json_set_text(json, "note", e->last.reason);
    json_set_integer(json, "patients", (int64_t)e->patients);
    json_set_integer(json, "measurements", (int64_t)e->measurements);
    json_set_integer(json, "fits_failed", (int64_t)e->failed);
    json_set_integer(json, "records_unusable", (int64_t)e->unusable);
    return json;
}

static void print_result(const struct model *model, const struct estimate *e,
                         double delta)
{
    printf("-2 log L   %.4f (Laplace) after %u rounds%s\n", e->minus2_log_likelihood,
           e->rounds, e->converged ? ", converged" : "");
    if (!isnan(e->epsilon))
        printf(
            "privacy    epsilon %.4g at delta %g for each patient, at every hospital by "
            "itself\n",
            e->epsilon, delta);
    printf("%-16s %14s %-10s %12s %12s\n", "parameter", "typical", "unit", "se",
           "between sd");
    for (size_t row = 0; row < e->prior->p + e->prior->q; row++)
        printf("%-16s %14.6g %-10s %12.4g %12.4g\n", row_parameter(model, e, row)->name,
               prior_typical(model, &e->layout, e->prior, row),
               row_parameter(model, e, row)->unit, typical_se(e->prior, row),
               between_sd(e->prior, row));
    for (size_t a = 0; a < e->prior->p; a++)
        for (size_t c = 1; c < e->prior->k; c++)
            if (e->layout.effect[a][c])
                printf("%s on %-10s %14.6g %-10s %12.4g\n",
                       model_covariate(model, e->layout.covariate[c])->name,
                       row_parameter(model, e, a)->name,
                       e->prior->effects[a * e->prior->k + c], "",
                       e->prior->standard_error[a * e->prior->k + c]);
    for (size_t o = 0; o < model_observations(model); o++) {
        struct residual residual;
        prior_residual(model, &e->layout, e->prior, o, &residual);
        printf("residual error of %s: additive %.6g, proportional %.6g\n",
               model_observation(model, o)->name, residual.additive,
               residual.proportional);
    }
    if (*e->last.reason)
        printf("note       %s\n", e->last.reason);
}

/* --- individuals
 * -------------------------------------------------------------------------------- */

static enum err add_individual(struct engine *engine, const struct estimate *e,
                               const struct record *record, struct bytes *text)
{
    const struct model *model = engine_model(engine);
    double values[MODEL_PARAMETERS_MAX];
    struct twin *twin;
    struct fit *fit;
    if (twin_new(model, &e->layout, record, &twin) != ERR_OK)
        return ERR_OK; /* counted as unusable; it has no estimates */
    enum err err = fit_new(engine, twin, e->prior, &fit);
    if (err == ERR_OK) {
        char *id = csv_quote(record->patient);
        twin_parameters(model, &e->layout, fit->phi, e->prior->population, values);
        bytes_append(text, id, strlen(id));
        mem_free(id);
        for (size_t a = 0; a < e->layout.p; a++) {
            char number[40];
            int size = snprintf(number, sizeof number, ",%.10g",
                                values[e->layout.individual[a]]);
            bytes_append(text, number, (size_t)size);
        }
        bytes_append(text, "\n", 1);
        fit_destroy(&fit);
    }
    twin_destroy(&twin);
    return err;
}

static enum err write_individuals(const char *path, const struct model *model,
                                  const struct dataset *dataset, const struct estimate *e)
{
    struct bytes text = {0};
    struct engine *engine = engine_new(model, &e->layout, NULL);
    enum err err = ERR_OK;
    bytes_append(&text, "ID", 2);
    for (size_t a = 0; a < e->layout.p; a++) {
        const char *name = row_parameter(model, e, a)->name;
        bytes_append(&text, ",", 1);
        bytes_append(&text, name, strlen(name));
    }
    bytes_append(&text, "\n", 1);
    for (size_t i = 0; err == ERR_OK && i < dataset_patients(dataset); i++)
        err = add_individual(engine, e, dataset_record(dataset, i), &text);
    engine_destroy(&engine);
    if (err == ERR_OK)
        err = file_write(path, text.data, text.size, 0600);
    bytes_free(&text);
    return err;
}

/* --- options
 * ------------------------------------------------------------------------------------ */

static enum err read_options(struct cli *cli, bool federated,
                             struct estimate_options *options)
{
    int64_t rounds, seed, threads;
    *options = (struct estimate_options){.delta = 1e-6};
    if (federated &&
        (cli_real(cli, "noise-multiplier", 0, 0, 1e6, &options->noise_multiplier) !=
             ERR_OK ||
         cli_real(cli, "delta", 1e-6, 1e-30, 0.1, &options->delta) != ERR_OK))
        return err_code();
    int64_t preset =
        options->noise_multiplier > 0 ? ESTIMATE_ROUNDS_NOISY : ESTIMATE_ROUNDS_EXACT;
    if (cli_integer(cli, "rounds", preset, 1, 1000, &rounds) != ERR_OK ||
        cli_integer(cli, "seed", 1, 0, INT64_MAX, &seed) != ERR_OK ||
        cli_integer(cli, "threads", 0, 0, 256, &threads) != ERR_OK ||
        cli_real(cli, "start-factor", 1, 0.01, 100, &options->start_factor) != ERR_OK)
        return err_code();
    options->rounds = (uint32_t)rounds;
    options->seed = (uint64_t)seed;
    options->threads = (size_t)threads;
    return ERR_OK;
}

static enum err assign(struct cli *cli, const struct dataset *dataset, size_t *hospital,
                       size_t *hospitals)
{
    char **labels;
    size_t count = dataset_patients(dataset), distinct = 0;
    const char *column = cli_text(cli, "column", "HOSPITAL");
    if (dataset_labels(dataset, cli_text(cli, "hospitals", ""), column, &labels) !=
        ERR_OK)
        return err_code();
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        while (strcmp(labels[first], labels[i]) != 0)
            first++;
        hospital[i] = first == i ? distinct++ : hospital[first];
    }
    for (size_t i = 0; i < count; i++)
        mem_free(labels[i]);
    mem_free(labels);
    *hospitals = distinct;
    return ERR_OK;
}

static enum err estimate(struct cli *cli, bool federated, const struct model *model,
                         const struct dataset *dataset)
{
    struct estimate_options options;
    struct estimate *e = mem_new(1, sizeof *e);
    size_t *hospital = mem_new(dataset_patients(dataset), sizeof *hospital),
           hospitals = 1;
    const char *individuals = cli_text(cli, "individuals", NULL);
    enum err err = read_options(cli, federated, &options);
    if (err == ERR_OK && federated)
        err = assign(cli, dataset, hospital, &hospitals);
    if (err == ERR_OK && options.noise_multiplier == 0)
        cli_say(cli, "NO PRIVACY: exact sums without noise, possible only in gemel-sim");
    if (err == ERR_OK)
        err = estimate_run(cli, model, dataset, hospital, hospitals, &options, e);
    if (err == ERR_OK && individuals)
        err = write_individuals(individuals, model, dataset, e);
    if (err == ERR_OK) {
        struct json *json = result_json(model, e, options.delta);
        json_set_integer(json, "hospitals", (int64_t)hospitals);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            print_result(model, e, options.delta);
    }
    if (e->prior)
        estimate_clear(e);
    mem_free(hospital);
    mem_free(e);
    return err;
}

static enum err run(struct cli *cli, bool federated)
{
    struct model *model;
    struct dataset *dataset;
    if (model_load(cli_text(cli, "model", ""), &model) != ERR_OK)
        return err_code();
    enum err err = dataset_read(cli_text(cli, "data", ""), cli_text(cli, "spec", NULL),
                                model, &dataset);
    if (err == ERR_OK) {
        err = estimate(cli, federated, model, dataset);
        dataset_destroy(&dataset);
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
