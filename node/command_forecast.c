#include "node/commands.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "model/regimen.h"
#include "node/basis.h"
#include "node/control.h"
#include "node/outlook.h"
#include "node/patients.h"

/* The record, and what is asked of it. */
static enum err ask(struct cli *cli, const struct basis *basis,
                    const struct record *record, struct json **json)
{
    struct outlook_question question = {.model = basis->model,
                                        .layout = basis->layout,
                                        .prior = basis->prior,
                                        .record = record};
    double *times = NULL;
    enum err err = cli_real(cli, "until", INFINITY, -INFINITY, INFINITY, &question.until);
    if (err == ERR_OK && cli_given(cli, "at"))
        err = regimen_times(cli_text(cli, "at", ""), &times, &question.time_count);
    question.times = times;
    if (err == ERR_OK)
        err = outlook_json(&question, json);
    mem_free(times);
    return err;
}

static enum err forecast(struct cli *cli, struct node *node, const struct basis *basis,
                         struct json **json)
{
    struct record *record = NULL;
    char digits[2 * HASH_BYTES + 1];
    int64_t id;
    enum err err = patients_find(node, cli_argument(cli, 0), &id);
    if (err == ERR_OK)
        err = patients_record(node, id, &record);
    if (err == ERR_OK)
        err = ask(cli, basis, record, json);
    if (err == ERR_OK) {
        bytes_to_hex(basis->prior_hash, HASH_BYTES, digits);
        json_set_text(*json, "prior", basis->source);
        json_set_text(*json, "prior_hash", digits);
    }
    record_destroy(&record);
    return err;
}

enum err command_forecast(struct cli *cli)
{
    struct node *node = NULL;
    struct json *json = NULL;
    struct basis *basis = mem_new(1, sizeof *basis);
    enum err err = node_open(cli_directory(cli), &node);
    if (err != ERR_OK)
        err = control_ask(cli, &json);
    else if ((err = basis_open(cli, node, cli_text(cli, "prior", NULL), basis)) == ERR_OK)
        err = forecast(cli, node, basis, &json);
    node_destroy(&node);
    basis_clear(basis);
    mem_free(basis);
    if (err == ERR_OK && !cli_is_json(cli)) {
        printf("prior of %s\n", json_get_text(json, "prior"));
        outlook_print(cli, json);
        printf("research use only; not a medical device\n");
    }
    cli_result(cli, json);
    return err;
}
