#include "node/commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/bedside.h"
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

static enum err ask(struct cli *cli, const struct basis *basis,
                    const struct record *record, struct json **json)
{
    struct watch_question question = {.model = basis->model,
                                      .layout = basis->layout,
                                      .prior = basis->prior,
                                      .record = record};
    enum err err = cli_real(cli, "until", NAN, -INFINITY, INFINITY, &question.until);
    if (err == ERR_OK && cli_given(cli, "ahead"))
        err = take_ahead(cli_text(cli, "ahead", ""), basis->model, &question.ahead);
    return err == ERR_OK ? watch_json(&question, json) : err;
}

enum err command_watch(struct cli *cli)
{
    struct json *json = NULL;
    enum err err = bedside_ask(cli, ask, &json);
    if (err == ERR_OK && !cli_is_json(cli)) {
        printf("prior of %s\n", json_get_text(json, "prior"));
        watch_print(cli, json);
        printf("research use only; not a medical device\n");
    }
    cli_result(cli, json);
    return err;
}
