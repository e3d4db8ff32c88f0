#include "sim/commands.h"

#include <stdio.h>
#include <string.h>

#include "model/library.h"
#include "sim/beats.h"

static bool report(void *context, size_t done, size_t total)
{
    cli_progress(context, "beating", done, total);
    return !cli_interrupted();
}

static enum err find_counter(const struct model *model, const char *name, size_t *at)
{
    for (*at = 0; *at < model_states(model); ++*at)
        if (strcmp(model_state(model, *at)->name, name) == 0)
            return ERR_OK;
    return err_set(ERR_NOT_FOUND, "%s has no state '%s' to count beats",
                   model_name(model), name);
}

static enum err read_plan(struct cli *cli, const struct model *model,
                          struct beats_plan *plan)
{
    int64_t beats, patients, beside, seed;
    *plan = (struct beats_plan){.beside_beats = 100};
    if (cli_integer(cli, "patients", 1000, 1, BEATS_PATIENTS_MAX, &patients) != ERR_OK ||
        cli_integer(cli, "beats", 700000, 2 * patients, INT64_C(1000000000000), &beats) !=
            ERR_OK ||
        cli_integer(cli, "cvodes", patients < 4 ? patients : 4, 0, patients, &beside) !=
            ERR_OK ||
        cli_integer(cli, "seed", 1, 0, INT64_MAX, &seed) != ERR_OK ||
        cli_real(cli, "step", 0.004, 1e-9, 1e9, &plan->step) != ERR_OK ||
        cli_real(cli, "tolerance", 1e-5, 1e-12, 0.1, &plan->tolerance) != ERR_OK)
        return err_code();
    plan->patients = (size_t)patients;
    plan->beats = (size_t)(beats / patients);
    plan->beside = (size_t)beside;
    plan->seed = (uint64_t)seed;
    return find_counter(model, cli_text(cli, "counter", "beat"), &plan->counter);
}

static double rate(const struct beats_side *side)
{
    return side->seconds > 0 ? side->beats / side->seconds : 0;
}

static struct json *side_json(const struct beats_side *side)
{
    struct json *json = json_new_object();
    json_set_real(json, "beats", side->beats);
    json_set_real(json, "seconds", side->seconds);
    json_set_real(json, "beats_per_second", rate(side));
    json_set_real(json, "error", side->error);
    return json;
}

static struct json *beats_json(const struct model *model, const struct beats_plan *plan,
                               const struct beats *beats)
{
    struct json *json = json_new_object(), *views = json_new_object();
    json_set_text(json, "model", model_name(model));
    json_set_integer(json, "patients", (int64_t)plan->patients);
    json_set(json, "equal_steps", side_json(&beats->equal));
    if (plan->beside)
        json_set(json, "cvodes", side_json(&beats->beside));
    for (size_t o = 0; o < model_observations(model); o++) {
        if (model_looks_back(model, o))
            continue;
        struct json *one = json_new_object();
        json_set_real(one, "least", beats->views[o].least);
        json_set_real(one, "mean", beats->views[o].mean);
        json_set_real(one, "greatest", beats->views[o].greatest);
        json_set(views, model_observation(model, o)->name, one);
    }
    json_set(json, "last_beat", views);
    return json;
}

static void print_side(const char *name, const struct beats_side *side, bool compared)
{
    char error[16] = "";
    if (compared)
        snprintf(error, sizeof error, "%.1e", side->error);
    printf("%-24s %12.0f %10.2f %12.0f   %s\n", name, side->beats, side->seconds,
           rate(side), error);
}

static void print(const struct model *model, const struct beats_plan *plan,
                  const struct beats *beats)
{
    printf("%zu virtual patients of %s\n\n%-24s %12s %10s %12s   %s\n", plan->patients,
           model_name(model), "", "beats", "seconds", "a second",
           plan->beside ? "error" : "");
    print_side("equal steps, eight lanes", &beats->equal, plan->beside > 0);
    if (plan->beside)
        print_side("CVODES", &beats->beside, true);
    printf("\n%-14s %12s %12s %12s\n", "last beat", "least", "mean", "greatest");
    for (size_t o = 0; o < model_observations(model); o++)
        if (!model_looks_back(model, o))
            printf("%-14s %12.4g %12.4g %12.4g   %s\n", model_observation(model, o)->name,
                   beats->views[o].least, beats->views[o].mean, beats->views[o].greatest,
                   model_observation(model, o)->unit);
}

enum err command_beats(struct cli *cli)
{
    struct model *model;
    struct beats_plan plan;
    static struct beats beats;
    if (library_load(cli_text(cli, "model", "heart/circulation"), &model) != ERR_OK)
        return err_code();
    enum err err = read_plan(cli, model, &plan);
    if (err == ERR_OK)
        err = beats_run(model, &plan, report, cli, &beats);
    if (err == ERR_OK && cli_is_json(cli))
        cli_result(cli, beats_json(model, &plan, &beats));
    else if (err == ERR_OK)
        print(model, &plan, &beats);
    model_destroy(&model);
    return err;
}
