#include "sim/result.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/threads.h"
#include "model/fit.h"
#include "model/observe.h"

#define LOG_2_PI 1.8378770664093454836
#define NORMAL_95 1.9599639845400545

/* A logarithm or logit of a larger standard error is said not to be identified: its 95 %
 * interval spans a factor of 2,500, or of the odds. */
#define UNIDENTIFIED 2.0

/* Rows are the individual parameters, then the population ones. */
static size_t row_count(const struct estimate *e)
{
    return e->prior->p + e->prior->q;
}

static const struct model_parameter *row_parameter(const struct model *model,
                                                   const struct estimate *e, size_t row)
{
    size_t p = e->layout.p;
    return model_parameter(model, row < p ? e->layout.individual[row]
                                          : e->layout.population[row - p]);
}

static double row_transformed(const struct prior *prior, size_t row)
{
    return row < prior->p ? prior->effects[row * prior->k]
                          : prior->population[row - prior->p];
}

static double row_between_sd(const struct prior *prior, size_t row)
{
    return row < prior->p ? sqrt(prior->omega[row * prior->p + row]) : 0;
}

static double row_se(const struct prior *prior, size_t row)
{
    return row < prior->p ? prior->standard_error[row * prior->k]
                          : prior->standard_error[prior->p * prior->k + row - prior->p];
}

/* Do the records say next to nothing of where it is? */
static bool row_unidentified(const struct model *model, const struct estimate *e,
                             size_t row)
{
    return row_parameter(model, e, row)->transform != TRANSFORM_IDENTITY &&
           row_se(e->prior, row) > UNIDENTIFIED;
}

static double correlation(const struct prior *prior, size_t a, size_t b)
{
    return a == b ? 1
                  : prior->omega[a * prior->p + b] /
                        (row_between_sd(prior, a) * row_between_sd(prior, b));
}

/* --- JSON -------------------------------------------------------------------------- */

static struct json *parameters_json(const struct model *model, const struct estimate *e)
{
    static const char *const transforms[] = {
        [TRANSFORM_IDENTITY] = "identity",
        [TRANSFORM_LOG] = "log",
        [TRANSFORM_LOGIT] = "logit",
    };
    struct json *parameters = json_new_object();
    for (size_t row = 0; row < row_count(e); row++) {
        const struct model_parameter *parameter = row_parameter(model, e, row);
        struct json *one = json_new_object();
        json_set_real(one, "typical", prior_typical(model, &e->layout, e->prior, row));
        json_set_real(one, "between_sd", row_between_sd(e->prior, row));
        json_set_real(one, "se", row_se(e->prior, row));
        for (size_t l = 0; l < e->layout.m; l++)
            if (e->layout.residual[l].which == 3 &&
                model_parameter(model, e->layout.residual[l].parameter) == parameter)
                json_set_real(one, "occasion_sd", exp(e->prior->residual[l]));
        json_set_text(one, "unit", parameter->unit);
        json_set_text(one, "transform", transforms[parameter->transform]);
        json_set(parameters, parameter->name, one);
    }
    return parameters;
}

static struct json *unidentified_json(const struct model *model, const struct estimate *e)
{
    struct json *names = json_new_array();
    for (size_t row = 0; row < row_count(e); row++)
        if (row_unidentified(model, e, row))
            json_add(names, json_new_text(row_parameter(model, e, row)->name));
    return names;
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
            json_add(row, json_new_real(correlation(prior, a, b)));
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
        if (residual.correlation_time > 0)
            json_set_real(one, "correlation_time", residual.correlation_time);
        json_set(all, model_observation(model, o)->name, one);
    }
    return all;
}

struct json *result_json(const struct model *model, const struct estimate *e,
                         double delta)
{
    struct json *json = json_new_object();
    bool noisy = !isnan(e->epsilon);
    json_set_real(json, "minus2_log_likelihood", e->minus2_log_likelihood);
    json_set_real(json, "objf",
                  e->minus2_log_likelihood - (double)e->measurements * LOG_2_PI);
    json_set_integer(json, "rounds", e->rounds);
    json_set_boolean(json, "converged", e->converged);
    json_set_text(json, "stopped",
                  e->converged      ? "converged"
                  : e->last.stalled ? "no progress"
                                    : "rounds");
    json_set(json, "parameters", parameters_json(model, e));
    json_set(json, "covariate_effects", effects_json(model, e));
    json_set(json, "correlation", correlation_json(e->prior));
    json_set(json, "residual", residual_json(model, e));
    json_set_real(json, "epsilon", e->epsilon);
    json_set_real(json, "delta", noisy ? delta : NAN);
    json_set_real(json, "mu", e->mu);
    json_set_text(json, "privacy",
                  noisy ? "simulated: each hospital adds the full noise by itself"
                        : "none: simulation without noise");
    json_set_boolean(json, "laplace_doubtful", e->last.laplace_doubtful);
    json_set_real(json, "skew", e->skew);
    json_set(json, "not_identified", unidentified_json(model, e));
    json_set_text(json, "note", e->last.reason);
    json_set_integer(json, "hospitals", (int64_t)e->hospitals);
    json_set_integer(json, "patients", (int64_t)e->patients);
    json_set_integer(json, "measurements", (int64_t)e->measurements);
    json_set_integer(json, "fits_failed", (int64_t)e->failed);
    return json;
}

/* --- for people -------------------------------------------------------------------- */

static void print_parameters(struct cli *cli, const struct model *model,
                             const struct estimate *e)
{
    const struct prior *prior = e->prior;
    printf("\n%s%-14s %12s  %-25s %-10s %10s%s\n", cli_style(cli, CLI_BOLD), "parameter",
           "typical", "95 % interval", "unit", "between sd", cli_style(cli, CLI_PLAIN));
    for (size_t row = 0; row < row_count(e); row++) {
        const struct model_parameter *parameter = row_parameter(model, e, row);
        double at = row_transformed(prior, row), half = NORMAL_95 * row_se(prior, row);
        char interval[64] = "not known", between[32] = "none";
        if (!isnan(half))
            snprintf(interval, sizeof interval, "%.4g to %.4g",
                     transform_back(parameter, at - half),
                     transform_back(parameter, at + half));
        if (row < prior->p)
            snprintf(between, sizeof between, "%.4g", row_between_sd(prior, row));
        printf("%-14s %12.5g  %-25s %-10s %10s%s\n", parameter->name,
               transform_back(parameter, at), interval, parameter->unit, between,
               row >= prior->p                           ? ""
               : parameter->transform == TRANSFORM_LOG   ? "  of the logarithm"
               : parameter->transform == TRANSFORM_LOGIT ? "  of the logit"
                                                         : "");
    }
}

static void print_effects(struct cli *cli, const struct model *model,
                          const struct estimate *e)
{
    const struct prior *prior = e->prior;
    bool any = false;
    for (size_t a = 0; a < prior->p; a++)
        for (size_t c = 1; c < prior->k; c++) {
            if (!e->layout.effect[a][c])
                continue;
            if (!any)
                printf("\n%s%-30s %12s %12s%s\n", cli_style(cli, CLI_BOLD),
                       "covariate effect", "value", "se", cli_style(cli, CLI_PLAIN));
            any = true;
            char name[2 * MODEL_NAME_MAX + 8];
            snprintf(name, sizeof name, "%s on %s",
                     model_covariate(model, e->layout.covariate[c])->name,
                     row_parameter(model, e, a)->name);
            printf("%-30s %12.5g %12.3g\n", name, prior->effects[a * prior->k + c],
                   prior->standard_error[a * prior->k + c]);
        }
}

static void print_correlations(const struct model *model, const struct estimate *e)
{
    for (size_t a = 0; a < e->prior->p; a++)
        for (size_t b = 0; b < a; b++)
            if (e->layout.correlated[a][b])
                printf("correlation of %s and %s: %.3f\n",
                       row_parameter(model, e, b)->name, row_parameter(model, e, a)->name,
                       correlation(e->prior, a, b));
}

static void print_occasions(const struct model *model, const struct estimate *e)
{
    for (size_t l = 0; l < e->layout.m; l++)
        if (e->layout.residual[l].which == 3) {
            const struct model_parameter *one =
                model_parameter(model, e->layout.residual[l].parameter);
            printf("between occasions, sd of %s: %.5g %s\n", one->name,
                   exp(e->prior->residual[l]),
                   one->transform == TRANSFORM_IDENTITY ? one->unit
                   : one->transform == TRANSFORM_LOG    ? "of the logarithm"
                                                        : "of the logit");
        }
}

static void print_residuals(const struct model *model, const struct estimate *e)
{
    for (size_t o = 0; o < model_observations(model); o++) {
        const struct model_observation *one = model_observation(model, o);
        struct residual residual;
        if (one->residual == RESIDUAL_BERNOULLI)
            continue;
        prior_residual(model, &e->layout, e->prior, o, &residual);
        printf("residual error of %s:", one->name);
        if (one->residual == RESIDUAL_LOGNORMAL)
            printf(" sd %.5g of the logarithm", residual.additive);
        else if (one->residual != RESIDUAL_PROPORTIONAL)
            printf(" additive %.5g %s", residual.additive, one->unit);
        if (one->residual != RESIDUAL_LOGNORMAL && one->residual != RESIDUAL_ADDITIVE)
            printf(" proportional %.5g", residual.proportional);
        if (residual.correlation_time > 0)
            printf(", correlated over %.5g %s", residual.correlation_time,
                   model_time_unit(model));
        printf("\n");
    }
}

void result_print(struct cli *cli, const struct model *model, const struct estimate *e,
                  double delta)
{
    const char *bad = cli_style(cli, CLI_BAD), *plain = cli_style(cli, CLI_PLAIN);
    printf("%zu patients, %zu measurements, %zu %s\n", e->patients, e->measurements,
           e->hospitals, e->hospitals == 1 ? "hospital" : "hospitals");
    if (isnan(e->epsilon))
        printf("%sprivacy: none, a simulation without noise%s\n", bad, plain);
    else
        printf("privacy: epsilon %.4g at delta %g for every patient, held by each "
               "hospital's own noise\n",
               e->epsilon, delta);
    printf("-2 log L %.4f (Laplace) after %u rounds%s\n", e->minus2_log_likelihood,
           e->rounds,
           !isnan(e->epsilon) ? ""
           : e->converged     ? ", converged"
                              : ", not converged");
    print_parameters(cli, model, e);
    print_effects(cli, model, e);
    printf("\n");
    print_correlations(model, e);
    print_occasions(model, e);
    print_residuals(model, e);
}

static void warn_unidentified(struct cli *cli, const struct model *model,
                              const struct estimate *e)
{
    char names[MODEL_PARAMETERS_MAX * (MODEL_NAME_MAX + 2)] = "";
    size_t used = 0;
    for (size_t row = 0; row < row_count(e); row++)
        if (row_unidentified(model, e, row))
            used +=
                (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                 used ? ", " : "", row_parameter(model, e, row)->name);
    if (used)
        cli_say(
            cli,
            "warning: not identified: %s. Of this the records say next to nothing, or "
            "only of several together; values far from these fit as well",
            names);
}

void result_warn(struct cli *cli, const struct model *model, const struct estimate *e,
                 bool noisy)
{
    if (!noisy && !e->converged)
        cli_say(cli,
                "warning: %u rounds did not converge (still to gain %.3g): the best of "
                "them is given",
                e->rounds, e->last.gain);
    if (e->failed)
        cli_say(cli,
                "warning: %zu of %zu fits failed and stay on the prior; the first: %s",
                e->failed, e->patients, e->reason);
    if (e->last.laplace_doubtful)
        cli_say(cli,
                "warning: Laplace's approximation is doubtful here (skew %.2g): the "
                "estimates may be biased",
                e->skew);
    warn_unidentified(cli, model, e);
    if (*e->last.reason)
        cli_say(cli, "note: %s", e->last.reason);
}

/* --- files ------------------------------------------------------------------- */

enum err result_prior(const char *path, const struct estimate *e)
{
    struct bytes bytes = {0};
    prior_write(e->prior, &bytes);
    enum err err = file_write(path, bytes.data, bytes.size, 0644);
    bytes_free(&bytes);
    return err;
}

static void append(struct bytes *text, const char *part)
{
    bytes_append(text, part, strlen(part));
}

static void add_individual(const struct model *model, const struct estimate *e,
                           const char *patient, const struct fit *fit, struct bytes *text)
{
    double values[MODEL_PARAMETERS_MAX];
    char *id = csv_quote(patient);
    twin_parameters(model, &e->layout, fit->phi, e->prior->population, values);
    append(text, id);
    mem_free(id);
    for (size_t a = 0; a < e->layout.p; a++) {
        char number[40];
        snprintf(number, sizeof number, ",%.12g", values[e->layout.individual[a]]);
        append(text, number);
    }
    append(text, "\n");
}

/* Everybody's twins, of whom each hand fits its share with an engine of its own. */
struct crowd {
    const struct model *model;
    const struct estimate *estimate;
    struct twin **twins;
    struct fit **fits;
    size_t count, hands;
};

static void fit_share(void *context, size_t hand)
{
    const struct crowd *crowd = context;
    const struct estimate *e = crowd->estimate;
    size_t from = crowd->count * hand / crowd->hands,
           to = crowd->count * (hand + 1) / crowd->hands;
    struct engine *engine = engine_new(crowd->model, &e->layout, NULL);
    fit_all(engine, e->prior, (const struct twin *const *)crowd->twins + from, to - from,
            NULL, crowd->fits + from);
    engine_destroy(&engine);
}

/* Everybody's twin under the final prior. */
static enum err add_individuals(const struct model *model, const struct dataset *dataset,
                                const struct estimate *e, size_t threads,
                                struct bytes *text)
{
    size_t count = dataset_patients(dataset);
    struct crowd crowd = {.model = model,
                          .estimate = e,
                          .twins = mem_new(count, sizeof *crowd.twins),
                          .fits = mem_new(count, sizeof *crowd.fits),
                          .count = count,
                          .hands = threads_wanted(threads)};
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        err = twin_new(model, &e->layout, dataset_record(dataset, i), &crowd.twins[i]);
    if (err == ERR_OK)
        threads_run(crowd.hands, fit_share, &crowd);
    for (size_t i = 0; i < count; i++) {
        if (crowd.fits[i])
            add_individual(model, e, dataset_record(dataset, i)->patient, crowd.fits[i],
                           text);
        fit_destroy(&crowd.fits[i]);
        twin_destroy(&crowd.twins[i]);
    }
    mem_free(crowd.twins);
    mem_free(crowd.fits);
    return err;
}

enum err result_individuals(const char *path, const struct model *model,
                            const struct dataset *dataset, const struct estimate *e,
                            size_t threads)
{
    struct bytes text = {0};
    append(&text, "ID");
    for (size_t a = 0; a < e->layout.p; a++) {
        append(&text, ",");
        append(&text, row_parameter(model, e, a)->name);
    }
    append(&text, "\n");
    enum err err = add_individuals(model, dataset, e, threads, &text);
    if (err == ERR_OK)
        err = file_write(path, text.data, text.size, 0600);
    bytes_free(&text);
    return err;
}
