#include "sim/commands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/memory.h"
#include "model/library.h"
#include "model/twin.h"
#include "sim/queue.h"

/* What is asked, and the two answers: of the events, and of the model's equations. */
struct question {
    struct cli *cli;
    const struct model *model;
    struct queue *queue;
    struct queue_design design;
    double parameters[MODEL_PARAMETERS_MAX], covariates[MODEL_COVARIATES_MAX];
    struct queue_result result;
    double fluid[QUEUE_STATIONS_MAX]
                [2]; /* mean and peak of X_present; NaN: not declared */
};

static enum err set(struct question *q, const char *text)
{
    const char *equals = strchr(text, '=');
    double value;
    if (!equals || csv_real(equals + 1, &value) != ERR_OK)
        return err_set(ERR_USAGE, "--set %s is not NAME=VALUE with a number", text);
    size_t size = (size_t)(equals - text);
    for (size_t i = 0; i < model_parameters(q->model); i++) {
        const char *name = model_parameter(q->model, i)->name;
        if (strlen(name) == size && memcmp(name, text, size) == 0) {
            q->parameters[i] = value;
            return ERR_OK;
        }
    }
    for (size_t i = 0; i < model_covariates(q->model); i++) {
        const char *name = model_covariate(q->model, i)->name;
        if (strlen(name) == size && memcmp(name, text, size) == 0) {
            q->covariates[i] = value;
            return ERR_OK;
        }
    }
    return err_set(ERR_NOT_FOUND, "%s has no parameter or covariate called %.*s",
                   model_name(q->model), (int)size, text);
}

static bool progress(void *context, double share)
{
    cli_progress(context, "stays", (uint64_t)(1000 * share), 1000);
    return !cli_interrupted();
}

static enum err read_question(struct question *q)
{
    int64_t replications = 10, seed = 1;
    enum err err = cli_real(q->cli, "days", 365, 1, QUEUE_DAYS_MAX / 2, &q->design.days);
    if (err == ERR_OK)
        err = cli_real(q->cli, "warm-up", 60, 0, QUEUE_DAYS_MAX / 2, &q->design.warm_up);
    if (err == ERR_OK)
        err = cli_integer(q->cli, "replications", 10, 1, (int64_t)QUEUE_REPLICATIONS_MAX,
                          &replications);
    if (err == ERR_OK)
        err = cli_integer(q->cli, "seed", 1, 0, INT64_MAX, &seed);
    for (size_t i = 0; i < model_parameters(q->model); i++)
        q->parameters[i] = model_parameter(q->model, i)->typical;
    for (size_t i = 0; i < model_covariates(q->model); i++)
        q->covariates[i] = model_covariate(q->model, i)->default_value;
    for (size_t i = 0; err == ERR_OK && i < cli_repeats(q->cli, "set"); i++)
        err = set(q, cli_text_at(q->cli, "set", i));
    q->design.parameters = q->parameters;
    q->design.covariates = q->covariates;
    q->design.replications = (size_t)replications;
    q->design.seed = (uint64_t)seed;
    q->design.progress = progress;
    q->design.context = q->cli;
    return err;
}

/* --- the equations
 * ------------------------------------------------------------------------ */

static size_t column_of(const struct model *model, const char *station)
{
    char *name = mem_format("%s_present", station);
    size_t at = 0;
    while (at < model_derived(model) &&
           strcmp(model_derived_at(model, at)->name, name) != 0)
        at++;
    mem_free(name);
    return at;
}

/* Mean, and the largest of the means by hour of the day, of hourly values after warm-up.
 */
static void summarise(struct question *q, size_t station, const double *rows,
                      size_t width, size_t hours)
{
    size_t column = column_of(q->model, queue_station(q->queue, station));
    size_t first = (size_t)ceil(q->design.warm_up * 24);
    double sum = 0, by_hour[24] = {0}, counts[24] = {0}, peak = 0;
    q->fluid[station][0] = q->fluid[station][1] = NAN;
    if (column == model_derived(q->model))
        return;
    for (size_t i = first; i < hours; i++) {
        double value = rows[i * width + model_states(q->model) + column];
        sum += value;
        by_hour[i % 24] += value;
        counts[i % 24]++;
    }
    for (size_t h = 0; h < 24; h++)
        peak = fmax(peak, counts[h] > 0 ? by_hour[h] / counts[h] : 0);
    q->fluid[station][0] = sum / (double)(hours - first);
    q->fluid[station][1] = peak;
}

static enum err run_equations(struct question *q)
{
    const struct model *model = q->model;
    struct prior_layout layout;
    struct twin *twin = NULL;
    struct record *record = record_new("ward", model_time_unit(model));
    size_t width = model_states(model) + model_derived(model) + model_observations(model);
    size_t hours = (size_t)floor((q->design.warm_up + q->design.days) * 24);
    double hour = 1, *times = mem_new(hours, sizeof *times);
    double *rows = mem_new(hours * width, sizeof *rows);
    enum err err = unit_convert("h", model_time_unit(model), &hour);
    for (size_t i = 0; i < hours; i++)
        times[i] = hour * (double)i;
    for (size_t c = 0; err == ERR_OK && c < model_covariates(model); c++)
        err = record_covariate(record, 0, model_covariate(model, c)->name, NULL,
                               q->covariates[c], c);
    if (err == ERR_OK)
        err = prior_layout(model, &layout);
    if (err == ERR_OK)
        err = twin_new(model, &layout, record, &twin);
    if (err == ERR_OK) {
        struct engine *engine = engine_new(model, &layout, NULL);
        err = twin_simulate(engine, twin, q->parameters, times, hours, rows);
        engine_destroy(&engine);
    }
    for (size_t i = 0; err == ERR_OK && i < queue_stations(q->queue); i++)
        summarise(q, i, rows, width, hours);
    twin_destroy(&twin);
    record_destroy(&record);
    mem_free(times);
    mem_free(rows);
    return err;
}

/* --- the answer
 * ------------------------------------------------------------------------------ */

static double equations(const struct question *q, size_t station, size_t measure)
{
    return measure == TALLIED_PRESENT ? q->fluid[station][0]
           : measure == TALLIED_PEAK  ? q->fluid[station][1]
                                      : NAN;
}

static struct json *station_json(const struct question *q, size_t station)
{
    struct json *json = json_new_object();
    for (size_t m = 0; m < TALLIED_MEASURES; m++) {
        struct json *one = json_new_object();
        json_set_real(one, "mean", q->result.mean[station][m]);
        json_set_real(one, "se", q->result.se[station][m]);
        if (m == TALLIED_PRESENT || m == TALLIED_PEAK)
            json_set_real(one, "equations", equations(q, station, m));
        json_set(json, tallied_name[m], one);
    }
    return json;
}

static struct json *answer_json(const struct question *q)
{
    struct json *json = json_new_object(), *stations = json_new_object();
    json_set_text(json, "model", model_name(q->model));
    json_set_real(json, "days", q->design.days);
    json_set_real(json, "warm_up", q->design.warm_up);
    json_set_integer(json, "replications", (int64_t)q->design.replications);
    json_set_integer(json, "seed", (int64_t)q->design.seed);
    for (size_t i = 0; i < queue_stations(q->queue); i++)
        json_set(stations, queue_station(q->queue, i), station_json(q, i));
    json_set(json, "stations", stations);
    return json;
}

/* A column, empty where there is no number and another follows; of one replication no
 * error is known. */
static void print_known(double value, bool another)
{
    if (!isnan(value))
        printf(" %10.4f", value);
    else if (another)
        printf(" %10s", "");
}

static void print_answer(const struct question *q)
{
    printf("%s: %zu times %g days after %g, seed %llu\n", model_name(q->model),
           q->design.replications, q->design.days, q->design.warm_up,
           (unsigned long long)q->design.seed);
    for (size_t i = 0; i < queue_stations(q->queue); i++) {
        printf("\n%-18s %10s %10s %10s\n", queue_station(q->queue, i), "events", "se",
               "equations");
        for (size_t m = 0; m < TALLIED_MEASURES; m++) {
            double fluid = equations(q, i, m);
            if (isnan(q->result.mean[i][m]))
                continue;
            printf("%-18s %10.4f", tallied_name[m], q->result.mean[i][m]);
            print_known(q->result.se[i][m], !isnan(fluid));
            print_known(fluid, false);
            printf("\n");
        }
    }
}

enum err command_ward(struct cli *cli)
{
    struct model *model;
    if (library_load(cli_text(cli, "model", ""), &model) != ERR_OK)
        return err_code();
    struct question *q = mem_new(1, sizeof *q);
    q->cli = cli;
    q->model = model;
    enum err err = queue_new(model, &q->queue);
    if (err == ERR_OK)
        err = read_question(q);
    if (err == ERR_OK)
        err = run_equations(q);
    if (err == ERR_OK)
        err = queue_run(q->queue, &q->design, &q->result);
    if (err == ERR_OK) {
        cli_progress(cli, "stays", 1000, 1000);
        cli_result(cli, answer_json(q));
        if (!cli_is_json(cli))
            print_answer(q);
    }
    queue_destroy(&q->queue);
    mem_free(q);
    model_destroy(&model);
    return err;
}
