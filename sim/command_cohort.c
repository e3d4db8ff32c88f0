#include "sim/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim/design.h"

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

/* `rejects`: the model says who is plausible. */
static void say_result(struct cli *cli, const struct cohort_design *design, bool rejects)
{
    struct json *json = json_new_object();
    json_set_integer(json, "patients", (int64_t)design->patients);
    json_set_integer(json, "seed", (int64_t)design->seed);
    json_set_text(json, "file", cli_text(cli, "out", NULL));
    json_set_text(json, "truth", cli_text(cli, "truth", NULL));
    if (rejects)
        json_set_integer(json, "rejected", (int64_t)*design->rejected);
    cli_result(cli, json);
    if (rejects)
        cli_say(cli, "%zu of %zu drawn were not plausible and were drawn anew",
                *design->rejected, *design->rejected + design->patients);
}

enum err command_cohort(struct cli *cli)
{
    struct design design;
    size_t rejected = 0;
    if (cli_is_json(cli) && !cli_given(cli, "out"))
        return err_set(ERR_USAGE, "--json needs --out: the table would be on stdout");
    enum err err = design_read(cli, 1, COHORT_PATIENTS_MAX, &design);
    design.cohort.plausible = true;
    design.cohort.rejected = &rejected;
    if (err == ERR_OK)
        err = draw(cli, design.model, &design.cohort);
    if (err == ERR_OK)
        say_result(cli, &design.cohort, model_plausibles(design.model) > 0);
    design_clear(&design);
    return err;
}
