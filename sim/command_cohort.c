#include "sim/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/regimen.h"
#include "sim/cohort.h"

static enum err read_doses(struct cli *cli, struct record *doses)
{
    for (size_t i = 0; i < cli_repeats(cli, "dose"); i++)
        if (regimen_dose(cli_text_at(cli, "dose", i), doses->dose_count, doses) != ERR_OK)
            return err_code();
    record_sort(doses);
    return ERR_OK;
}

/* Unless told otherwise a covariate has the model's default. */
static enum err read_covariates(struct cli *cli, const struct model *model,
                                struct cohort_covariate *covariates)
{
    bool told[MODEL_COVARIATES_MAX] = {false};
    for (size_t i = 0; i < cli_repeats(cli, "covariate"); i++) {
        struct cohort_covariate one;
        size_t at;
        const char *phrase = cli_text_at(cli, "covariate", i);
        if (cohort_covariate(model, phrase, &at, &one) != ERR_OK)
            return err_code();
        if (told[at])
            return err_set(ERR_USAGE, "--covariate %s: told twice",
                           model_covariate(model, at)->name);
        told[at] = true;
        covariates[at] = one;
    }
    for (size_t c = 0; c < model_covariates(model); c++) {
        const struct model_covariate *one = model_covariate(model, c);
        if (told[c])
            continue;
        if (!one->has_default) {
            err_set(ERR_USAGE, "the model needs the covariate %s and has no default",
                    one->name);
            return err_hint("say how it is drawn, as in --covariate '%s normal 70 12'",
                            one->name);
        }
        covariates[c] = (struct cohort_covariate){COHORT_FIXED, one->default_value, 0};
    }
    return ERR_OK;
}

static enum err read_observed(struct cli *cli, const struct model *model, bool *observed)
{
    size_t count = model_observations(model);
    for (size_t o = 0; o < count; o++)
        observed[o] = !cli_given(cli, "observe");
    for (size_t i = 0; i < cli_repeats(cli, "observe"); i++) {
        const char *name = cli_text_at(cli, "observe", i);
        size_t o = 0;
        while (o < count && strcmp(model_observation(model, o)->name, name) != 0)
            o++;
        if (o == count)
            return err_set(ERR_NOT_FOUND, "model %s has no observation '%s'",
                           model_name(model), name);
        observed[o] = true;
    }
    return ERR_OK;
}

static enum err open_file(const char *path, FILE **file)
{
    *file = fopen(path, "we");
    return *file ? ERR_OK : err_set(ERR_STORAGE, "%s: %s", path, strerror(errno));
}

static enum err close_file(const char *path, FILE **file)
{
    FILE *open = *file;
    *file = NULL;
    return !open || fclose(open) == 0
               ? ERR_OK
               : err_set(ERR_STORAGE, "%s: %s", path, strerror(errno));
}

struct watch {
    struct cli *cli;
    size_t total;
};

static bool drawn(void *context, size_t done)
{
    const struct watch *watch = context;
    cli_progress(watch->cli, "drawing patients", done, watch->total);
    return !cli_interrupted();
}

static enum err draw(struct cli *cli, const struct model *model,
                     const struct cohort_design *design)
{
    const char *out_path = cli_text(cli, "out", NULL);
    const char *truth_path = cli_text(cli, "truth", NULL);
    FILE *out = out_path ? NULL : stdout, *truth = NULL;
    struct watch watch = {cli, design->patients};
    enum err err = out_path ? open_file(out_path, &out) : ERR_OK;
    if (err == ERR_OK && truth_path)
        err = open_file(truth_path, &truth);
    if (err == ERR_OK)
        err = cohort_draw(model, design, out, truth, drawn, &watch);
    enum err closed = out_path ? close_file(out_path, &out) : ERR_OK;
    if (truth_path && close_file(truth_path, &truth) != ERR_OK && closed == ERR_OK)
        closed = err_code();
    return err == ERR_OK ? closed : err;
}

static enum err design_and_draw(struct cli *cli, const struct model *model)
{
    struct cohort_covariate covariates[MODEL_COVARIATES_MAX] = {0};
    struct record *doses = record_new("cohort", model_time_unit(model));
    bool *observed = mem_new(model_observations(model), sizeof *observed);
    double *times = NULL;
    int64_t patients = 0, seed = 1;
    struct cohort_design design = {
        .doses = doses, .observed = observed, .covariates = covariates};
    enum err err = cli_integer(cli, "patients", 0, 1, COHORT_PATIENTS_MAX, &patients);
    if (err == ERR_OK)
        err = cli_integer(cli, "seed", 1, 0, INT64_MAX, &seed);
    if (err == ERR_OK)
        err = regimen_times(cli_text(cli, "at", ""), &times, &design.time_count);
    if (err == ERR_OK)
        err = read_doses(cli, doses);
    if (err == ERR_OK)
        err = read_covariates(cli, model, covariates);
    if (err == ERR_OK)
        err = read_observed(cli, model, observed);
    design.patients = (size_t)patients;
    design.seed = (uint64_t)seed;
    design.times = times;
    if (err == ERR_OK)
        err = draw(cli, model, &design);
    if (err == ERR_OK) {
        struct json *json = json_new_object();
        json_set_integer(json, "patients", patients);
        json_set_integer(json, "seed", seed);
        json_set_text(json, "file", cli_text(cli, "out", NULL));
        json_set_text(json, "truth", cli_text(cli, "truth", NULL));
        cli_result(cli, json);
    }
    mem_free(times);
    mem_free(observed);
    record_destroy(&doses);
    return err;
}

enum err command_cohort(struct cli *cli)
{
    struct model *model;
    if (cli_is_json(cli) && !cli_given(cli, "out"))
        return err_set(ERR_USAGE, "--json needs --out: the table would be on stdout");
    if (model_load(cli_text(cli, "model", ""), &model) != ERR_OK)
        return err_code();
    enum err err = design_and_draw(cli, model);
    model_destroy(&model);
    return err;
}
