#include "sim/commands.h"

#include <stdio.h>

#include "sim/calibration.h"
#include "sim/design.h"

/* So that ranks fall equally often into each of 20 bins, and within each level as often as
 * it says. */
#define DRAWS 199
#define DRAWS_MOST 4000
/* Of so many chance alone puts a right 90 % beyond 85 to 95 % not once in a million. */
#define PATIENTS_SURE 1000
#define NAME_BYTES (MODEL_NAME_MAX + 16)

static void show_progress(void *context, const char *what, size_t done, size_t total)
{
    cli_progress(context, what, done, total);
}

static bool interrupted(void *context)
{
    (void)context;
    return cli_interrupted();
}

static double share(const struct calibration *c, size_t count)
{
    return (double)count / (double)c->patients;
}

static const char *name_of(const struct model *model,
                           const struct calibration_parameter *one, char *name)
{
    snprintf(name, NAME_BYTES, "%s%s", model_parameter(model, one->parameter)->name,
             one->occasions ? ", occasions" : "");
    return name;
}

static struct json *parameter_json(const struct calibration *c,
                                   const struct calibration_parameter *one)
{
    struct json *json = json_new_object(), *ranks = json_new_array(),
                *within = json_new_object();
    for (size_t i = 0; i < c->bins; i++)
        json_add(ranks, json_new_integer((int64_t)one->ranks[i]));
    for (size_t l = 0; l < CALIBRATION_LEVELS; l++) {
        char level[8];
        snprintf(level, sizeof level, "%.2f", calibration_level[l]);
        json_set_real(within, level, share(c, one->within[l]));
    }
    json_set_real(json, "known", one->known);
    json_set(json, "ranks", ranks);
    json_set_real(json, "p_value", one->p_value);
    json_set(json, "within", within);
    json_set_boolean(json, "calibrated", calibration_holds(c, one));
    return json;
}

static struct json *calibration_json(const struct model *model,
                                     const struct cohort_design *design,
                                     const struct calibration *c)
{
    struct json *json = json_new_object(), *parameters = json_new_object();
    json_set_text(json, "model", model_name(model));
    json_set_integer(json, "patients", (int64_t)c->patients);
    json_set_integer(json, "seed", (int64_t)design->seed);
    json_set_integer(json, "failed", (int64_t)c->failed);
    json_set_integer(json, "not_normal", (int64_t)c->not_normal);
    for (size_t i = 0; i < c->count; i++) {
        char name[NAME_BYTES];
        json_set(parameters, name_of(model, &c->parameters[i], name),
                 parameter_json(c, &c->parameters[i]));
    }
    json_set(json, "parameters", parameters);
    return json;
}

static void print(const struct model *model, const struct calibration *c)
{
    printf("%zu virtual patients of %s", c->patients, model_name(model));
    if (c->not_normal)
        printf("; the posterior of %zu is not normal", c->not_normal);
    printf("\n\n");
    printf("%-16s  %7s  %7s  %8s  %8s  %8s\n", "parameter", "known", "p", "80 % in",
           "90 % in", "95 % in");
    for (size_t i = 0; i < c->count; i++) {
        const struct calibration_parameter *one = &c->parameters[i];
        char name[NAME_BYTES];
        printf("%-16s  %5.1f %%  %7.4f", name_of(model, one, name), 100 * one->known,
               one->p_value);
        for (size_t l = 0; l < CALIBRATION_LEVELS; l++)
            printf("  %6.1f %%", 100 * share(c, one->within[l]));
        printf("  %s\n", calibration_holds(c, one) ? "calibrated" : "NOT CALIBRATED");
    }
}

static enum err calibrate(struct cli *cli, const struct model *model,
                          const struct cohort_design *design)
{
    const struct calibration_watch watch = {show_progress, interrupted, cli};
    struct calibration calibration;
    int64_t threads, draws;
    if (cli_integer(cli, "threads", 0, 0, 256, &threads) != ERR_OK ||
        cli_integer(cli, "draws", DRAWS, 0, DRAWS_MOST, &draws) != ERR_OK ||
        calibration_run(model, design, (size_t)draws, (size_t)threads, &watch,
                        &calibration) != ERR_OK)
        return err_code();
    if (calibration.failed)
        cli_say(cli, "warning: %zu of %zu fits stayed on the prior: %s",
                calibration.failed, calibration.patients, calibration.reason);
    size_t doubts = 0;
    for (size_t i = 0; i < calibration.count; i++)
        doubts += !calibration_holds(&calibration, &calibration.parameters[i]);
    if (doubts)
        cli_problems(cli);
    if (doubts && calibration.patients < PATIENTS_SURE)
        cli_say(cli,
                "hint: of %zu patients chance alone may do that (of 200 it does to one "
                "parameter in 77): --patients %d tells",
                calibration.patients, PATIENTS_SURE);
    cli_result(cli, calibration_json(model, design, &calibration));
    if (!cli_is_json(cli))
        print(model, &calibration);
    return ERR_OK;
}

enum err command_calibration(struct cli *cli)
{
    struct design design;
    enum err err =
        design_read(cli, CALIBRATION_PATIENTS_MIN, CALIBRATION_PATIENTS_MAX, &design);
    if (err == ERR_OK)
        err = calibrate(cli, design.model, &design.cohort);
    design_clear(&design);
    return err;
}
