#include "node/commands.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "model/regimen.h"
#include "node/bedside.h"
#include "node/outlook.h"

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

enum err command_forecast(struct cli *cli)
{
    struct json *json = NULL;
    enum err err = bedside_ask(cli, ask, &json);
    if (err == ERR_OK && !cli_is_json(cli)) {
        printf("prior of %s\n", json_get_text(json, "prior"));
        outlook_print(cli, json);
        printf("research use only; not a medical device\n");
    }
    cli_result(cli, json);
    return err;
}
