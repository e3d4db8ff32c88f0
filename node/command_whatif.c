#include "node/commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "front/svg.h"
#include "model/regimen.h"
#include "node/bedside.h"
#include "node/whatif.h"

#define DRAWS 500

/* Beside a daemon, which waits for the answer: no longer than this. */
#define LENT_MS 30000

struct patience {
    struct cli *cli;
    uint64_t until; /* steady; 0: as long as it takes */
};

static bool is_over(const struct patience *patience)
{
    return patience->until && clock_steady_ms(&clock_machine) > patience->until;
}

static bool carried(void *context, size_t done, size_t total)
{
    const struct patience *patience = context;
    cli_progress(patience->cli, "carrying draws", done, total);
    return !cli_interrupted() && !is_over(patience);
}

/* All that was given for an option; caller frees the array. */
static const char **texts(const struct cli *cli, const char *option, size_t *count)
{
    *count = cli_repeats(cli, option);
    const char **out = mem_new(*count, sizeof *out);
    for (size_t i = 0; i < *count; i++)
        out[i] = cli_text_at(cli, option, i);
    return out;
}

static enum err ask_times(struct cli *cli, const struct model *model, double **times,
                          size_t *count)
{
    if (cli_given(cli, "at"))
        return regimen_times(cli_text(cli, "at", ""), times, count);
    err_set(ERR_USAGE, "--at is needed: the times to look at, until the last of which "
                       "courses are carried");
    return err_hint("as --at 24:1:96, in %s", model_time_unit(model));
}

/* The record, and what is asked of it. */
static enum err ask(struct cli *cli, const struct basis *basis,
                    const struct record *record, struct json **json)
{
    struct patience patience = {cli, 0};
    struct whatif_question q = {.model = basis->model,
                                .layout = basis->layout,
                                .prior = basis->prior,
                                .record = record,
                                .sweep = cli_text(cli, "sweep", NULL),
                                .progress = carried,
                                .context = &patience};
    if (node_is_lent(NULL))
        patience.until = clock_steady_ms(&clock_machine) + LENT_MS;
    const char **doses = texts(cli, "dose", &q.dose_count),
               **sets = texts(cli, "set", &q.set_count),
               **wants = texts(cli, "want", &q.want_count);
    double *times = NULL;
    int64_t draws = 0;
    enum err err = cli_real(cli, "until", INFINITY, -INFINITY, INFINITY, &q.until);
    if (err == ERR_OK)
        err =
            cli_integer(cli, "draws", DRAWS, WHATIF_DRAWS_MIN, WHATIF_DRAWS_MAX, &draws);
    if (err == ERR_OK)
        err = ask_times(cli, basis->model, &times, &q.time_count);
    q.draws = (size_t)draws;
    q.times = times;
    q.doses = doses;
    q.sets = sets;
    q.wants = wants;
    if (err == ERR_OK)
        err = whatif_json(&q, json);
    if (err == ERR_INTERRUPTED && is_over(&patience)) {
        err =
            err_set(ERR_RANGE, "that takes longer than the %d s for which a daemon waits",
                    LENT_MS / 1000);
        err_hint("ask for fewer --draws or a shorter --sweep, or without the daemon");
    }
    mem_free(times);
    mem_free(doses);
    mem_free(sets);
    mem_free(wants);
    return err;
}

/* The observation to picture: the first unless one is named. */
static enum err picture(struct cli *cli, const struct json *json, struct plot **plot)
{
    const struct json *first = json_at(json_get(json, "alternatives"), 0);
    const char *quantity = cli_text(
        cli, "show", json_get_text(json_at(json_get(first, "curves"), 0), "quantity"));
    *plot = whatif_plot(json, quantity);
    return *plot ? ERR_OK
                 : err_set(ERR_NOT_FOUND, "%s observes nothing called %s",
                           json_get_text(json, "model"), quantity);
}

static enum err draw(struct cli *cli, const struct json *json)
{
    struct plot *plot = NULL;
    enum err err = picture(cli, json, &plot);
    if (err != ERR_OK)
        return err;
    struct bytes file = {0};
    char *svg = svg_plot(plot);
    bytes_append(&file, svg, strlen(svg));
    cli_file(cli, "output", "", &file);
    free(svg);
    plot_destroy(&plot);
    return ERR_OK;
}

static enum err answer(struct cli *cli, const struct basis *basis,
                       const struct record *record, struct json **json)
{
    enum err err = ask(cli, basis, record, json);
    return err == ERR_OK && cli_given(cli, "output") ? draw(cli, *json) : err;
}

static enum err show(struct cli *cli, const struct json *json)
{
    struct plot *plot = NULL;
    enum err err = picture(cli, json, &plot);
    if (err != ERR_OK)
        return err;
    printf("prior of %s\n", json_get_text(json, "prior"));
    whatif_print(cli, json);
    printf("\n");
    cli_sketch(cli, plot);
    printf("research use only; not a medical device\n");
    plot_destroy(&plot);
    return ERR_OK;
}

enum err command_whatif(struct cli *cli)
{
    struct json *json = NULL;
    if (cli_given(cli, "output") && svg_named(cli_text(cli, "output", "")) != ERR_OK)
        return err_code();
    enum err err = bedside_ask(cli, answer, &json);
    if (err == ERR_OK)
        err = cli_write_files(cli);
    if (err == ERR_OK && !cli_is_json(cli))
        err = show(cli, json);
    cli_result(cli, json);
    return err;
}
