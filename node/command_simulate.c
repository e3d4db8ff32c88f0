#include "node/commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "front/plot.h"
#include "front/svg.h"
#include "model/example.h"
#include "model/library.h"
#include "model/outcome.h"
#include "model/regimen.h"
#include "model/twin.h"
#include "model/unit.h"

struct question {
    struct cli *cli;
    const struct model *model;
    char *caption; /* of a run that is all the file's example; NULL: it is not */
    double *times; /* [count] to report */
    size_t count;
    char *over; /* a parameter or covariate that takes the values of `points`, each at */
    double *points; /* the first time, instead of time; NULL: time */
    size_t point_count;
};

static size_t rows_of(const struct question *q)
{
    return q->over ? q->point_count : q->count;
}

static const double *axis_of(const struct question *q)
{
    return q->over ? q->points : q->times;
}

/* --- the run ---------------------------------------------------------------------- */

/* NAME=VALUE: a parameter's value goes to `parameters`, a covariate's to the record, from
 * `time` on, which is NULL for all of it. */
static enum err set(const char *name, double value, const double *time,
                    const struct question *q, double *parameters, struct record *record)
{
    const struct model *model = q->model;
    for (size_t i = 0; i < model_parameters(model); i++) {
        const struct model_parameter *one = model_parameter(model, i);
        if (strcmp(one->name, name) != 0)
            continue;
        if (time)
            return err_set(ERR_USAGE, "%s is a parameter, which changes at no time",
                           name);
        if (!(value >= one->low && value <= one->high)) {
            char *high = unit_number(one->high, one->unit);
            err_set(ERR_USAGE, "%s is from %g to %s, not %g", name, one->low, high,
                    value);
            mem_free(high);
            return ERR_USAGE;
        }
        parameters[i] = value;
        return ERR_OK;
    }
    for (size_t i = 0; i < model_covariates(model); i++) {
        const struct model_covariate *one = model_covariate(model, i);
        if (strcmp(one->name, name) != 0)
            continue;
        if (time && one->hold == COVARIATE_CONSTANT)
            return err_set(ERR_USAGE,
                           "the model has %s constant, so that it cannot change", name);
        return record_covariate(record, time ? *time : q->times[0], name, NULL, value, 0);
    }
    return err_set(ERR_NOT_FOUND, "%s has no parameter or covariate called %s",
                   model_name(model), name);
}

/* " TIME UNIT", as a time of the model's behind the first that is reported. */
static enum err read_time(const char *text, const struct question *q, double *time)
{
    char *copy = mem_text(text), *rest = copy;
    const char *number = strtok_r(rest, " ", &rest), *unit = strtok_r(rest, " ", &rest);
    const char *own = model_time_unit(q->model);
    double factor = 1;
    enum err err = ERR_OK;
    if (!number || !unit || strtok_r(rest, " ", &rest) ||
        csv_real(number, time) != ERR_OK) {
        err = err_set(ERR_USAGE, "'@%s' is not a time", text);
        err_hint("as in '@ 14 %s'", own);
    } else {
        err = unit_convert(unit, own, &factor);
    }
    *time *= factor;
    if (err == ERR_OK && *time <= q->times[0])
        err = err_set(ERR_USAGE, "'@%s' is not after %g %s, the first time", text,
                      q->times[0], own);
    mem_free(copy);
    return err;
}

/* "NAME=VALUE" or "NAME=VALUE @ TIME UNIT". */
static enum err parse_setting(const char *text, const struct question *q,
                              double *parameters, struct record *record)
{
    char *copy = mem_text(text), *at = strchr(copy, '@'), *equals = strchr(copy, '=');
    double value, time;
    if (at)
        *at++ = '\0';
    for (size_t size = strlen(copy); at && size && copy[size - 1] == ' '; size--)
        copy[size - 1] = '\0';
    if (equals)
        *equals++ = '\0';
    enum err err = ERR_OK;
    if (!equals || csv_real(equals, &value) != ERR_OK)
        err = err_set(ERR_USAGE, "--set %s is not NAME=VALUE with a number", text);
    if (err == ERR_OK && at)
        err = read_time(at, q, &time);
    if (err == ERR_OK)
        err = set(copy, value, at ? &time : NULL, q, parameters, record);
    mem_free(copy);
    return err;
}

/* Do both set the same, at the same time? */
static bool same_setting(const char *one, const char *other)
{
    size_t size = strcspn(one, "=");
    const char *at = strchr(one, '@'), *other_at = strchr(other, '@');
    return strcspn(other, "=") == size && strncmp(one, other, size) == 0 &&
           !at == !other_at && (!at || strcmp(at, other_at) == 0);
}

/* Of two settings of one name the later counts, and above all what is along the axis. */
static bool overruled(const struct question *q, size_t setting)
{
    const char *text = cli_text_at(q->cli, "set", setting);
    size_t size = strcspn(text, "=");
    bool found = q->over && strlen(q->over) == size && strncmp(q->over, text, size) == 0;
    for (size_t i = setting + 1; i < cli_repeats(q->cli, "set") && !found; i++)
        found = same_setting(text, cli_text_at(q->cli, "set", i));
    return found;
}

/* What is told from some time on is the model's default before, unless told. */
static enum err begin_with_defaults(const struct question *q, struct record *record)
{
    size_t told = record->covariate_count;
    enum err err = ERR_OK;
    for (size_t c = 0; err == ERR_OK && c < model_covariates(q->model); c++) {
        const struct model_covariate *one = model_covariate(q->model, c);
        bool later = false, first = false;
        for (size_t i = 0; i < told; i++)
            if (strcmp(record->covariates[i].name, one->name) == 0) {
                later = true;
                first = first || record->covariates[i].time == q->times[0];
            }
        if (!later || first)
            continue;
        err =
            one->has_default
                ? record_covariate(record, q->times[0], one->name, NULL,
                                   one->default_value, 0)
                : err_set(ERR_USAGE, "--set %s: what it is at the beginning is not said",
                          one->name);
    }
    return err;
}

static size_t outputs_of(const struct model *model)
{
    return model_states(model) + model_derived(model) + model_observations(model);
}

struct output {
    const char *name, *unit;
};

static struct output output_at(const struct model *model, size_t index)
{
    size_t states = model_states(model), derived = model_derived(model);
    const struct model_output *output = index < states ? model_state(model, index)
                                        : index < states + derived
                                            ? model_derived_at(model, index - states)
                                            : NULL;
    if (output)
        return (struct output){output->name, output->unit};
    const struct model_observation *o =
        model_observation(model, index - states - derived);
    return (struct output){o->name, o->unit};
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

static enum err read_settings(const struct question *q, double *parameters,
                              struct record *record)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < model_parameters(q->model); i++)
        parameters[i] = model_parameter(q->model, i)->typical;
    for (size_t i = 0; err == ERR_OK && i < cli_repeats(q->cli, "set"); i++)
        if (!overruled(q, i))
            err = parse_setting(cli_text_at(q->cli, "set", i), q, parameters, record);
    if (err == ERR_OK)
        err = begin_with_defaults(q, record);
    for (size_t i = 0; err == ERR_OK && i < cli_repeats(q->cli, "dose"); i++)
        err = regimen_dose(cli_text_at(q->cli, "dose", i), record->dose_count, record);
    if (err == ERR_OK)
        record_sort(record);
    return err;
}

/* Of the whole course, from the first row or reading to the last reading. Stays NULL
 * where the model has none, or the readings are of one moment. */
static enum err run_outcomes(const struct question *q, struct engine *engine,
                             const struct twin *twin, const double *parameters,
                             struct outcomes **outcomes)
{
    bool any = model_outcomes(q->model) + model_plausibles(q->model) > 0;
    double from = fmin(q->times[0], twin_start(twin)), until = q->times[q->count - 1];
    if (!any || !(until > from))
        return ERR_OK;
    return outcomes_new(engine, twin, parameters, from, until, outcomes);
}

/* Everything that the model computes at `count` times, with one more setting where the
 * question is about more than one: out [count][outputs]; and what the course comes to,
 * unless `outcomes` is NULL. */
static enum err run_once(const struct question *q, const double *point, size_t count,
                         double *out, struct outcomes **outcomes)
{
    double parameters[MODEL_PARAMETERS_MAX];
    struct prior_layout *layout = mem_new(1, sizeof *layout);
    struct engine_options options;
    struct engine *engine = NULL;
    struct twin *twin = NULL;
    struct record *record = record_new("simulated", model_time_unit(q->model));
    enum err err = solver_option(q->cli, &options);
    if (err == ERR_OK)
        err = read_settings(q, parameters, record);
    if (err == ERR_OK && point)
        err = set(q->over, *point, NULL, q, parameters, record);
    if (err == ERR_OK)
        err = prior_layout(q->model, layout);
    if (err == ERR_OK)
        err = twin_new(q->model, layout, record, &twin);
    if (err == ERR_OK) {
        engine = engine_new(q->model, layout, &options);
        err = twin_simulate(engine, twin, parameters, q->times, count, out);
    }
    if (err == ERR_OK && outcomes)
        err = run_outcomes(q, engine, twin, parameters, outcomes);
    engine_destroy(&engine);
    twin_destroy(&twin);
    record_destroy(&record);
    mem_free(layout);
    return err;
}

/* out [rows][outputs]; caller frees, also after an error. `outcomes`, which may be NULL:
 * of a question about one course. */
static enum err run(const struct question *q, double **out, struct outcomes **outcomes)
{
    size_t width = outputs_of(q->model);
    enum err err = ERR_OK;
    *out = mem_new(rows_of(q) * width, sizeof **out);
    if (!q->over)
        return run_once(q, NULL, q->count, *out, outcomes);
    for (size_t i = 0; i < q->point_count && err == ERR_OK; i++)
        err = run_once(q, &q->points[i], 1, *out + i * width, NULL);
    return err;
}

/* "NAME=FROM:STEP:TO" */
static enum err ask_over(struct question *q)
{
    const char *over = cli_text(q->cli, "over", NULL),
               *equals = over ? strchr(over, '=') : NULL;
    if (!over)
        return ERR_OK;
    if (!equals)
        return err_set(ERR_USAGE, "--over %s is not NAME=FROM:STEP:TO", over);
    q->over = mem_text_n(over, (size_t)(equals - over));
    return regimen_times(equals + 1, &q->points, &q->point_count);
}

static void question_clear(struct question *q)
{
    mem_free(q->caption);
    mem_free(q->times);
    mem_free(q->over);
    mem_free(q->points);
}

static enum err ask(struct cli *cli, const struct model *model, struct question *q)
{
    q->cli = cli;
    q->model = model;
    if (ask_over(q) != ERR_OK)
        return err_code();
    const char *at = cli_text(q->cli, "at", NULL);
    if (!at && q->over)
        at = "0";
    if (!at) {
        err_set(ERR_USAGE, "--at is needed: the times to report");
        return err_hint("as --at 0:1:24, in %s", model_time_unit(model));
    }
    return regimen_times(at, &q->times, &q->count);
}

/* --- simulate ---------------------------------------------------------------------- */

static struct json *outcomes_json(const struct model *model,
                                  const struct outcomes *outcomes)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < model_outcomes(model); i++) {
        const struct model_outcome *one = model_outcome(model, i);
        const struct outcome_series *series = &outcomes->of[i];
        struct json *json = json_new_object();
        json_set_text(json, "name", one->name);
        json_set_text(json, "unit", one->unit);
        json_set_reals(json, "from", series->from, series->count);
        json_set_reals(json, "to", series->to, series->count);
        json_set_reals(json, "value", series->values, series->count);
        json_add(array, json);
    }
    return array;
}

static struct json *plausible_json(const struct model *model,
                                   const struct outcomes *outcomes)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < model_plausibles(model); i++) {
        struct json *json = json_new_object();
        json_set_text(json, "condition", model_plausible(model, i)->text);
        json_set_boolean(json, "holds", outcomes->plausible[i]);
        json_add(array, json);
    }
    return array;
}

/* A second table below that of the readings. */
static void print_outcomes(const struct model *model, const struct outcomes *outcomes)
{
    printf("\noutcome,from,to,value,unit\n");
    for (size_t i = 0; i < model_outcomes(model); i++) {
        const struct model_outcome *one = model_outcome(model, i);
        const struct outcome_series *series = &outcomes->of[i];
        for (size_t w = 0; w < series->count; w++) {
            printf("%s,%.10g,%.10g,", one->name, series->from[w], series->to[w]);
            if (isfinite(series->values[w]))
                printf("%.8g", series->values[w]);
            printf(",%s\n", unit_shown(one->unit));
        }
    }
    for (size_t i = 0; i < model_plausibles(model); i++)
        if (!outcomes->plausible[i])
            fprintf(stderr, "warning: not plausible: %s\n",
                    model_plausible(model, i)->text);
}

static void print_run(const struct question *q, const double *out,
                      const struct outcomes *outcomes)
{
    size_t width = outputs_of(q->model), rows = rows_of(q);
    const char *axis = q->over ? q->over : "time";
    struct json *json = json_new_object();
    json_set_reals(json, axis, axis_of(q), rows);
    double *column = mem_new(rows, sizeof *column);
    for (size_t j = 0; j < width; j++) {
        for (size_t i = 0; i < rows; i++)
            column[i] = out[i * width + j];
        json_set_reals(json, output_at(q->model, j).name, column, rows);
    }
    mem_free(column);
    if (outcomes) {
        json_set(json, "outcomes", outcomes_json(q->model, outcomes));
        json_set(json, "plausible", plausible_json(q->model, outcomes));
    }
    cli_result(q->cli, json);
    if (cli_is_json(q->cli))
        return;
    printf("%s", axis);
    for (size_t j = 0; j < width; j++)
        printf(",%s", output_at(q->model, j).name);
    for (size_t i = 0; i < rows; i++) {
        printf("\n%.10g", axis_of(q)[i]);
        for (size_t j = 0; j < width; j++)
            printf(",%.10g", out[i * width + j]);
    }
    printf("\n");
    if (outcomes)
        print_outcomes(q->model, outcomes);
}

enum err command_model_simulate(struct cli *cli)
{
    struct model *model;
    struct question q = {0};
    double *out = NULL;
    struct outcomes *outcomes = NULL;
    if (library_load(cli_argument(cli, 0), &model) != ERR_OK)
        return err_code();
    enum err err = ask(cli, model, &q);
    if (err == ERR_OK)
        err = run(&q, &out, &outcomes);
    if (err == ERR_OK)
        print_run(&q, out, outcomes);
    outcomes_destroy(model, &outcomes);
    mem_free(out);
    question_clear(&q);
    model_destroy(&model);
    return err;
}

/* --- plot ---------------------------------------------------------------------- */

/* The outputs to show [count], in pictures [count] of one unit each. */
struct shown {
    size_t *outputs, *pictures;
    size_t count, picture_count;
};

static enum err shown_add(const struct model *model, const char *name,
                          struct shown *shown)
{
    size_t output = 0, all = outputs_of(model), in_picture = 0;
    while (output < all && strcmp(output_at(model, output).name, name) != 0)
        output++;
    if (output == all) {
        err_set(ERR_NOT_FOUND, "%s computes nothing called %s", model_name(model), name);
        return err_hint(
            "gemel-node model show lists states, quantities and observations");
    }
    const char *unit = output_at(model, output).unit;
    size_t picture = shown->picture_count;
    for (size_t i = 0; i < shown->count; i++)
        if (strcmp(output_at(model, shown->outputs[i]).unit, unit) == 0)
            picture = shown->pictures[i];
    for (size_t i = 0; i < shown->count; i++)
        in_picture += shown->pictures[i] == picture;
    if (in_picture == PLOT_SERIES_MAX)
        return err_set(ERR_RANGE, "more than %zu curves in %s are too many for a picture",
                       PLOT_SERIES_MAX, unit);
    shown->outputs[shown->count] = output;
    shown->pictures[shown->count++] = picture;
    shown->picture_count += picture == shown->picture_count;
    return ERR_OK;
}

/* What --show names, else everything that is measured. */
static enum err choose(const struct question *q, struct shown *shown)
{
    size_t named = cli_repeats(q->cli, "show");
    enum err err = ERR_OK;
    size_t room = named ? named : model_observations(q->model);
    *shown = (struct shown){.outputs = mem_new(room, sizeof(size_t)),
                            .pictures = mem_new(room, sizeof(size_t))};
    for (size_t i = 0; err == ERR_OK && i < room; i++) {
        const char *name =
            named ? cli_text_at(q->cli, "show", i) : model_observation(q->model, i)->name;
        err = shown_add(q->model, name, shown);
    }
    return err;
}

static const char *unit_of(const struct model *model, const char *name)
{
    for (size_t i = 0; i < model_parameters(model); i++)
        if (strcmp(model_parameter(model, i)->name, name) == 0)
            return model_parameter(model, i)->unit;
    for (size_t i = 0; i < model_covariates(model); i++)
        if (strcmp(model_covariate(model, i)->name, name) == 0)
            return model_covariate(model, i)->unit;
    return "";
}

static struct plot *picture(const struct question *q, const struct shown *shown,
                            size_t index, const double *out)
{
    size_t width = outputs_of(q->model), curves = 0;
    struct output output = {NULL, ""};
    for (size_t i = 0; i < shown->count; i++)
        if (shown->pictures[i] == index) {
            output = output_at(q->model, shown->outputs[i]);
            curves++;
        }
    char *x = q->over ? unit_label(q->over, unit_of(q->model, q->over))
                      : unit_label("time", model_time_unit(q->model)),
         *y = curves == 1 ? unit_label(output.name, output.unit)
                          : mem_text(unit_shown(output.unit));
    struct plot *plot = plot_new(q->caption ? q->caption : model_title(q->model), x, y);
    double *column = mem_new(rows_of(q), sizeof *column);
    for (size_t i = 0; i < shown->count; i++) {
        if (shown->pictures[i] != index)
            continue;
        for (size_t t = 0; t < rows_of(q); t++)
            column[t] = out[t * width + shown->outputs[i]];
        plot_line(plot, curves == 1 ? NULL : output_at(q->model, shown->outputs[i]).name,
                  axis_of(q), column, rows_of(q));
    }
    mem_free(column);
    mem_free(x);
    mem_free(y);
    return plot;
}

static enum err write_picture(const struct question *q, const struct shown *shown,
                              const double *out)
{
    const char *path = cli_text(q->cli, "output", "");
    if (svg_named(path) != ERR_OK)
        return err_code();
    if (shown->picture_count != 1) {
        err_set(ERR_USAGE, "what is shown has %zu units, and a file holds one picture",
                shown->picture_count);
        return err_hint("choose with --show NAME");
    }
    struct plot *plot = picture(q, shown, 0, out);
    char *svg = svg_plot(plot);
    enum err err = file_write(path, svg, strlen(svg), 0644);
    free(svg);
    plot_destroy(&plot);
    return err;
}

static enum err show(const struct question *q, const struct shown *shown,
                     const double *out)
{
    struct json *json = json_new_object();
    size_t width = outputs_of(q->model);
    double *column = mem_new(rows_of(q), sizeof *column);
    json_set_text(json, "time_unit", model_time_unit(q->model));
    json_set_reals(json, q->over ? q->over : "time", axis_of(q), rows_of(q));
    for (size_t i = 0; i < shown->count; i++) {
        for (size_t t = 0; t < rows_of(q); t++)
            column[t] = out[t * width + shown->outputs[i]];
        json_set_reals(json, output_at(q->model, shown->outputs[i]).name, column,
                       rows_of(q));
    }
    mem_free(column);
    cli_result(q->cli, json);
    if (cli_given(q->cli, "output"))
        return write_picture(q, shown, out);
    for (size_t i = 0; i < shown->picture_count && !cli_is_json(q->cli); i++) {
        struct plot *plot = picture(q, shown, i, out);
        cli_sketch(q->cli, plot);
        plot_destroy(&plot);
    }
    return ERR_OK;
}

/* What the command line does not say, the file's example does. */
static enum err suggest(struct cli *cli, const struct bytes *text, struct question *q)
{
    struct example example;
    bool own = cli_given(cli, "dose") || cli_given(cli, "set") || cli_given(cli, "over");
    if (example_read((const char *)text->data, text->size, "Example", &example) != ERR_OK)
        return err_code();
    enum err err = ERR_OK;
    for (size_t i = 0; i < example.count && err == ERR_OK; i++)
        err = cli_suggest(cli, example.options[i].name, example.options[i].value);
    if (example.caption && !own)
        q->caption = mem_text(example.caption);
    example_clear(&example);
    return err;
}

enum err command_model_plot(struct cli *cli)
{
    const char *which = cli_argument(cli, 0);
    struct bytes text = {0};
    struct model *model = NULL;
    struct question q = {0};
    struct shown shown = {0};
    double *out = NULL;
    enum err err = library_read(which, &text);
    if (err == ERR_OK)
        err = model_parse((const char *)text.data, text.size, which, &model);
    if (err == ERR_OK)
        err = suggest(cli, &text, &q);
    if (err == ERR_OK)
        err = ask(cli, model, &q);
    if (err == ERR_OK)
        err = choose(&q, &shown);
    if (err == ERR_OK)
        err = run(&q, &out, NULL);
    if (err == ERR_OK)
        err = show(&q, &shown, out);
    mem_free(out);
    question_clear(&q);
    mem_free(shown.outputs);
    mem_free(shown.pictures);
    model_destroy(&model);
    bytes_free(&text);
    return err;
}
