#include "node/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/model.h"
#include "model/regimen.h"
#include "model/twin.h"

static struct json *model_json(const struct model *model)
{
    struct json *json = json_new_object();
    uint8_t hash[HASH_BYTES];
    char digits[2 * HASH_BYTES + 1];
    model_hash(model, hash);
    bytes_to_hex(hash, HASH_BYTES, digits);
    json_set_text(json, "model", model_name(model));
    json_set_integer(json, "version", model_version(model));
    json_set_text(json, "title", model_title(model));
    json_set_text(json, "hash", digits);
    json_set_integer(json, "parameters", (int64_t)model_parameters(model));
    json_set_integer(json, "states", (int64_t)model_states(model));
    json_set_integer(json, "observations", (int64_t)model_observations(model));
    return json;
}

enum err command_model_check(struct cli *cli)
{
    struct model *model;
    if (model_load(cli_argument(cli, 0), &model) != ERR_OK)
        return err_code();
    struct json *json = model_json(model);
    if (!cli_is_json(cli))
        printf(
            "%s: %s version %u is sound: %zu parameters, %zu states, %zu observations\n"
            "hash %s\n",
            cli_argument(cli, 0), model_name(model), model_version(model),
            model_parameters(model), model_states(model), model_observations(model),
            json_get_text(json, "hash"));
    cli_result(cli, json);
    model_destroy(&model);
    return ERR_OK;
}

enum err command_model_show(struct cli *cli)
{
    struct model *model;
    if (model_load(cli_argument(cli, 0), &model) != ERR_OK)
        return err_code();
    char *text = model_describe(model, cli_given(cli, "program"));
    struct json *json = model_json(model);
    json_set_text(json, "description", text);
    cli_result(cli, json);
    if (!cli_is_json(cli))
        fputs(text, stdout);
    mem_free(text);
    model_destroy(&model);
    return ERR_OK;
}

enum err command_model_fmt(struct cli *cli)
{
    struct model *model;
    const char *path = cli_argument(cli, 0);
    if (model_load(path, &model) != ERR_OK)
        return err_code();
    const char *text = model_canonical(model);
    enum err result = ERR_OK;
    struct json *json = model_json(model);
    json_set_text(json, "text", text);
    if (cli_given(cli, "write"))
        result = file_write(path, text, strlen(text), 0644);
    else if (!cli_is_json(cli))
        fputs(text, stdout);
    cli_result(cli, json);
    model_destroy(&model);
    return result;
}

enum err command_model_explain(struct cli *cli)
{
    const char *number = cli_argument(cli, 0), *text = model_explain(number);
    if (!text) {
        err_set(ERR_NOT_FOUND, "the language has no error %s", number);
        return err_hint("numbers look like E2001; models/README.md lists them");
    }
    struct json *json = json_new_object();
    json_set_text(json, "number", number);
    json_set_text(json, "text", text);
    cli_result(cli, json);
    if (!cli_is_json(cli))
        printf("%s: %s\n", number, text);
    return ERR_OK;
}

/* --- simulate
 * ---------------------------------------------------------------------------------- */

/* NAME=VALUE: a parameter's value goes to `parameters`, a covariate's to the record. */
static enum err parse_setting(const char *text, const struct model *model, double start,
                              double *parameters, struct record *record)
{
    const char *equals = strchr(text, '=');
    double value;
    if (!equals || csv_real(equals + 1, &value) != ERR_OK)
        return err_set(ERR_USAGE, "--set %s is not NAME=VALUE with a number", text);
    size_t length = (size_t)(equals - text);
    for (size_t i = 0; i < model_parameters(model); i++) {
        const char *name = model_parameter(model, i)->name;
        if (strlen(name) == length && strncmp(name, text, length) == 0) {
            parameters[i] = value;
            return ERR_OK;
        }
    }
    for (size_t i = 0; i < model_covariates(model); i++) {
        const char *name = model_covariate(model, i)->name;
        if (strlen(name) == length && strncmp(name, text, length) == 0)
            return record_covariate(record, start, name, NULL, value, 0);
    }
    return err_set(ERR_NOT_FOUND, "%s has no parameter or covariate called %.*s",
                   model_name(model), (int)length, text);
}

static size_t outputs_of(const struct model *model)
{
    return model_states(model) + model_derived(model) + model_observations(model);
}

static const char *output_name(const struct model *model, size_t index)
{
    size_t states = model_states(model), derived = model_derived(model);
    if (index < states)
        return model_state(model, index)->name;
    if (index < states + derived)
        return model_derived_at(model, index - states)->name;
    return model_observation(model, index - states - derived)->name;
}

static void print_run(struct cli *cli, const struct model *model, const double *times,
                      size_t count, const double *out)
{
    size_t width = outputs_of(model);
    struct json *json = json_new_object();
    json_set_reals(json, "time", times, count);
    double *column = mem_new(count, sizeof *column);
    for (size_t j = 0; j < width; j++) {
        for (size_t i = 0; i < count; i++)
            column[i] = out[i * width + j];
        json_set_reals(json, output_name(model, j), column, count);
    }
    mem_free(column);
    cli_result(cli, json);
    if (cli_is_json(cli))
        return;
    printf("time");
    for (size_t j = 0; j < width; j++)
        printf(",%s", output_name(model, j));
    for (size_t i = 0; i < count; i++) {
        printf("\n%.10g", times[i]);
        for (size_t j = 0; j < width; j++)
            printf(",%.10g", out[i * width + j]);
    }
    printf("\n");
}

static enum err solver_option(struct cli *cli, struct engine_options *options)
{
    const char *name = cli_text(cli, "solver", "lanes");
    *options = (struct engine_options){.solver = ENGINE_LANES};
    if (strcmp(name, "cvodes") == 0)
        options->solver = ENGINE_BDF;
    else if (strcmp(name, "adams") == 0)
        options->solver = ENGINE_ADAMS;
    else if (strcmp(name, "lanes") != 0)
        return err_set(ERR_USAGE, "there is no solver %s; there are lanes, cvodes, adams",
                       name);
    return ERR_OK;
}

static enum err read_settings(struct cli *cli, const struct model *model, double start,
                              double *parameters, struct record *record)
{
    enum err result = ERR_OK;
    for (size_t i = 0; i < model_parameters(model); i++)
        parameters[i] = model_parameter(model, i)->typical;
    for (size_t i = 0; result == ERR_OK && i < cli_repeats(cli, "set"); i++)
        result =
            parse_setting(cli_text_at(cli, "set", i), model, start, parameters, record);
    for (size_t i = 0; result == ERR_OK && i < cli_repeats(cli, "dose"); i++)
        result = regimen_dose(cli_text_at(cli, "dose", i), record->dose_count, record);
    if (result == ERR_OK)
        record_sort(record);
    return result;
}

static enum err simulate(struct cli *cli, const struct model *model, const double *times,
                         size_t count)
{
    double parameters[MODEL_PARAMETERS_MAX];
    struct prior_layout *layout = mem_new(1, sizeof *layout);
    struct engine_options options;
    struct engine *engine = NULL;
    struct twin *twin = NULL;
    struct record *record = record_new("simulated", model_time_unit(model));
    double *out = mem_new(count * outputs_of(model), sizeof *out);
    enum err result = solver_option(cli, &options);
    if (result == ERR_OK)
        result = read_settings(cli, model, times[0], parameters, record);
    if (result == ERR_OK)
        result = prior_layout(model, layout);
    if (result == ERR_OK)
        result = twin_new(model, layout, record, &twin);
    if (result == ERR_OK) {
        engine = engine_new(model, layout, &options);
        result = twin_simulate(engine, twin, parameters, times, count, out);
    }
    if (result == ERR_OK)
        print_run(cli, model, times, count, out);
    mem_free(out);
    engine_destroy(&engine);
    twin_destroy(&twin);
    record_destroy(&record);
    mem_free(layout);
    return result;
}

enum err command_model_simulate(struct cli *cli)
{
    struct model *model;
    double *times = NULL;
    size_t count = 0;
    if (model_load(cli_argument(cli, 0), &model) != ERR_OK)
        return err_code();
    enum err result = regimen_times(cli_text(cli, "at", ""), &times, &count);
    if (result == ERR_OK)
        result = simulate(cli, model, times, count);
    mem_free(times);
    model_destroy(&model);
    return result;
}
