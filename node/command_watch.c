#include "node/commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "node/basis.h"
#include "node/control.h"
#include "node/patients.h"
#include "node/watch.h"

/* `30 min`, or a number in the model's unit. */
static enum err take_ahead(const char *text, const struct model *model, double *ahead)
{
    char *end;
    double factor = 1;
    *ahead = strtod(text, &end);
    const char *unit = end + strspn(end, " ");
    if (end == text || !(*ahead > 0) || !isfinite(*ahead) ||
        (*unit && unit_convert(unit, model_time_unit(model), &factor) != ERR_OK)) {
        err_set(ERR_USAGE, "'%s' is no time to look ahead", text);
        return err_hint("as in --ahead '30 min'");
    }
    *ahead *= factor;
    return ERR_OK;
}

static enum err watch(struct cli *cli, struct node *node, const struct basis *basis,
                      struct json **json)
{
    struct record *record = NULL;
    char digits[2 * HASH_BYTES + 1];
    int64_t id;
    struct watch_question question = {
        .model = basis->model, .layout = basis->layout, .prior = basis->prior};
    enum err err = cli_real(cli, "until", NAN, -INFINITY, INFINITY, &question.until);
    if (err == ERR_OK && cli_given(cli, "ahead"))
        err = take_ahead(cli_text(cli, "ahead", ""), basis->model, &question.ahead);
    if (err == ERR_OK)
        err = patients_find(node, cli_argument(cli, 0), &id);
    if (err == ERR_OK)
        err = patients_record(node, id, &record);
    question.record = record;
    if (err == ERR_OK)
        err = watch_json(&question, json);
    if (err == ERR_OK) {
        bytes_to_hex(basis->prior_hash, HASH_BYTES, digits);
        json_set_text(*json, "prior", basis->source);
        json_set_text(*json, "prior_hash", digits);
    }
    record_destroy(&record);
    return err;
}

enum err command_watch(struct cli *cli)
{
    struct node *node = NULL;
    struct json *json = NULL;
    struct basis *basis = mem_new(1, sizeof *basis);
    enum err err = node_open(cli_directory(cli), &node);
    if (err != ERR_OK)
        err = control_ask(cli, &json);
    else if ((err = basis_open(cli, node, cli_text(cli, "prior", NULL), basis)) == ERR_OK)
        err = watch(cli, node, basis, &json);
    node_destroy(&node);
    basis_clear(basis);
    mem_free(basis);
    if (err == ERR_OK && !cli_is_json(cli)) {
        printf("prior of %s\n", json_get_text(json, "prior"));
        watch_print(cli, json);
        printf("research use only; not a medical device\n");
    }
    cli_result(cli, json);
    return err;
}
