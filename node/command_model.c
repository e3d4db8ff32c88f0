#include "node/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "model/library.h"

static struct json *model_json(const struct model *model)
{
    struct json *json = json_new_object();
    uint8_t hash[HASH_BYTES];
    model_hash(model, hash);
    json_set_text(json, "model", model_name(model));
    json_set_integer(json, "version", model_version(model));
    json_set_text(json, "title", model_title(model));
    json_set_hex(json, "hash", hash, HASH_BYTES);
    json_set_integer(json, "parameters", (int64_t)model_parameters(model));
    json_set_integer(json, "states", (int64_t)model_states(model));
    json_set_integer(json, "observations", (int64_t)model_observations(model));
    return json;
}

static void list_model(const struct library_model *entry, const struct model *model,
                       struct cli *cli, struct json *list)
{
    size_t individual = 0;
    for (size_t i = 0; i < model_parameters(model); i++)
        individual += model_parameter(model, i)->kind == PARAMETER_INDIVIDUAL;
    struct json *json = model_json(model);
    json_set_text(json, "name", entry->name);
    json_set_integer(json, "individual", (int64_t)individual);
    json_add(list, json);
    if (!cli_is_json(cli))
        printf("%-38s %6zu %10zu  %s\n", entry->name, model_states(model), individual,
               model_title(model));
}

enum err command_model_list(struct cli *cli)
{
    struct json *json = json_new_object(), *list = json_new_array();
    enum err err = ERR_OK;
    if (!cli_is_json(cli))
        printf("%s%-38s %6s %10s  what it is of%s\n", cli_style(cli, CLI_BOLD), "name",
               "states", "individual", cli_style(cli, CLI_PLAIN));
    for (size_t i = 0; i < library_models() && err == ERR_OK; i++) {
        struct model *model;
        err = library_load(library_model(i)->name, &model);
        if (err == ERR_OK)
            list_model(library_model(i), model, cli, list);
        model_destroy(&model);
    }
    json_set(json, "models", list);
    cli_result(cli, json);
    return err;
}

enum err command_model_check(struct cli *cli)
{
    struct model *model;
    if (library_load(cli_argument(cli, 0), &model) != ERR_OK)
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
    if (library_load(cli_argument(cli, 0), &model) != ERR_OK)
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
    bool writes = cli_given(cli, "write"); /* to a file, not beside one of the library */
    if ((writes ? model_load(path, &model) : library_load(path, &model)) != ERR_OK)
        return err_code();
    const char *text = model_canonical(model);
    enum err result = ERR_OK;
    struct json *json = model_json(model);
    json_set_text(json, "text", text);
    if (writes)
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
        return err_hint("numbers look like E2001, as model check prints them");
    }
    struct json *json = json_new_object();
    json_set_text(json, "number", number);
    json_set_text(json, "text", text);
    cli_result(cli, json);
    if (!cli_is_json(cli))
        printf("%s: %s\n", number, text);
    return ERR_OK;
}
