#include "sim/commands.h"

#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "sim/consortium.h"
#include "sim/hospitals.h"

#define NAME_BYTES_MAX 40

/* --- a folder for it ---------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *about, int kind,
                      struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

/* Named folders have to be new and stay; others are temporary. */
static enum err make_folder(struct cli *cli, char **folder)
{
    const char *named = cli_text(cli, "keep", NULL), *under = getenv("TMPDIR");
    if (named && file_exists(named))
        return err_set(ERR_STATE, "%s exists already", named);
    if (named) {
        *folder = mem_text(named);
        return file_make_directory(named, 0700);
    }
    *folder = mem_format("%s/gemel-run-XXXXXX", under && *under ? under : "/tmp");
    return mkdtemp(*folder) ? ERR_OK
                            : err_set(ERR_STORAGE, "%s: %s", *folder, strerror(errno));
}

/* --- names ------------------------------------------------------------------------- */

/* A label that is a number alone gets an H before it; names become folders. */
static enum err fit_names(char **names, size_t hospitals)
{
    for (size_t h = 0; h < hospitals; h++) {
        const char *label = names[h];
        bool sound = strlen(label) <= NAME_BYTES_MAX;
        for (const char *s = label; sound && *s; s++)
            sound = isalnum((unsigned char)*s) || strchr("-_", *s);
        if (!sound)
            return err_set(ERR_FORMAT,
                           "hospital %zu has a name of more than %d letters, digits, - "
                           "and _",
                           h + 1, NAME_BYTES_MAX);
        if (isdigit((unsigned char)*label)) {
            names[h] = mem_format("H%s", label);
            mem_free((char *)label);
        }
    }
    return ERR_OK;
}

/* --- telling ----------------------------------------------------------------------- */

static void show_step(void *context, const char *sentence)
{
    cli_say(context, "%s", sentence);
}

static void show_contributions(void *context, size_t done, size_t total)
{
    cli_progress(context, "contributions", done, total);
}

static bool interrupted(void *context)
{
    (void)context;
    return cli_interrupted();
}

static void print(struct cli *cli, const struct model *model, const struct json *json,
                  double delta)
{
    const struct json *parameters = json_get(json, "parameters"),
                      *hospitals = json_get(json, "hospitals");
    printf("prior after round %.0f, taught by about %.0f patients\n\n",
           json_get_real(json, "round"), json_get_real(json, "patients"));
    printf("%s%-14s %12s %-10s %12s%s\n", cli_style(cli, CLI_BOLD), "parameter",
           "typical", "unit", "between sd", cli_style(cli, CLI_PLAIN));
    for (size_t i = 0; i < model_parameters(model); i++) {
        const struct model_parameter *one = model_parameter(model, i);
        const struct json *got = json_get(parameters, one->name);
        if (got)
            printf("%-14s %12.5g %-10s %12.4g\n", one->name,
                   json_get_real(got, "typical"), one->unit,
                   json_get_real(got, "between_sd"));
    }
    printf("\n%s%-14s %12s %12s%s\n", cli_style(cli, CLI_BOLD), "hospital", "patients",
           "epsilon", cli_style(cli, CLI_PLAIN));
    for (size_t h = 0; h < json_count(hospitals); h++) {
        const struct json *one = json_at(hospitals, h);
        printf("%-14s %12.0f %12.4g\n", json_get_text(one, "name"),
               json_get_real(one, "patients"), json_get_real(one, "epsilon"));
    }
    printf("\nepsilon at delta %g, of the patient who spent most; each hospital adds all "
           "the "
           "noise itself\n",
           delta);
}

/* --- running ----------------------------------------------------------------------- */

static enum err read_plan(struct cli *cli, struct consortium_plan *plan)
{
    int64_t rounds;
    if (cli_real(cli, "epsilon", 1, 1e-3, 20, &plan->epsilon) != ERR_OK ||
        cli_real(cli, "delta", 1e-6, 1e-12, 1e-3, &plan->delta) != ERR_OK ||
        cli_integer(cli, "rounds", 8, 1, 1000, &rounds) != ERR_OK)
        return err_code();
    plan->rounds = (uint32_t)rounds;
    plan->model_path = cli_text(cli, "model", "");
    plan->data_path = cli_text(cli, "data", "");
    plan->spec_path = cli_text(cli, "spec", NULL);
    return ERR_OK;
}

static enum err run(struct cli *cli, const struct model *model,
                    const struct consortium_plan *plan)
{
    const struct consortium_watch watch = {show_step, show_contributions, interrupted,
                                           cli};
    struct json *result;
    enum err err = consortium_run(plan, &watch, &result);
    if (err != ERR_OK)
        return err;
    if (!cli_is_json(cli))
        print(cli, model, result, plan->delta);
    cli_result(cli, result);
    return ERR_OK;
}

static enum err deal_and_run(struct cli *cli, const struct model *model,
                             const struct dataset *dataset, struct consortium_plan *plan)
{
    size_t count = dataset_patients(dataset),
           *hospital = mem_new(count, sizeof *hospital);
    char **names = NULL, *folder = NULL;
    enum err err =
        hospitals_read(dataset, cli_text(cli, "hospitals", ""),
                       cli_text(cli, "column", NULL), hospital, &plan->hospitals, &names);
    if (err == ERR_OK)
        err = fit_names(names, plan->hospitals);
    if (err == ERR_OK)
        err = make_folder(cli, &folder);
    if (err == ERR_OK) {
        plan->dataset = dataset;
        plan->hospital = hospital;
        plan->names = (const char *const *)names;
        plan->directory = folder;
        err = run(cli, model, plan);
        if (!cli_given(cli, "keep"))
            nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    for (size_t h = 0; names && h < plan->hospitals; h++)
        mem_free(names[h]);
    mem_free(names);
    mem_free(folder);
    mem_free(hospital);
    return err;
}

enum err command_run(struct cli *cli)
{
    struct consortium_plan plan = {0};
    struct model *model;
    struct dataset *dataset;
    if (read_plan(cli, &plan) != ERR_OK || model_load(plan.model_path, &model) != ERR_OK)
        return err_code();
    enum err err = dataset_read(plan.data_path, plan.spec_path, model, &dataset);
    if (err == ERR_OK) {
        err = deal_and_run(cli, model, dataset, &plan);
        dataset_destroy(&dataset);
    }
    model_destroy(&model);
    return err;
}
