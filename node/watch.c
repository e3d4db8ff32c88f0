#include "node/watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/normal.h"
#include "front/sketch.h"
#include "model/unit.h"

/* --- the question ------------------------------------------------------------------- */

struct watching {
    const struct watch_question *q;
    struct engine *engine;
    struct twin *whole, *known;
    struct track *track;
    double until;  /* the last known reading may be so late; -infinity: none */
    size_t unread; /* measurements of nothing that the model observes */
};

/* The time up to which readings are known: half of them, unless it is said. */
static double until_of(const struct watching *w)
{
    size_t half = twin_measurements(w->whole) / 2;
    if (!isnan(w->q->until))
        return w->q->until;
    return half ? twin_measurement(w->whole, half - 1)->time : -INFINITY;
}

static enum err open_twins(struct watching *w)
{
    const struct watch_question *q = w->q;
    double unit = 1;
    size_t known = 0;
    if (unit_convert(q->record->time_unit, model_time_unit(q->model), &unit) != ERR_OK ||
        twin_new(q->model, q->layout, q->record, &w->whole) != ERR_OK)
        return err_code();
    w->until = until_of(w);
    while (known < q->record->measurement_count &&
           q->record->measurements[known].time * unit <= w->until)
        known++;
    struct record *first = record_known(q->record, known);
    enum err err = twin_new(q->model, q->layout, first, &w->known);
    record_destroy(&first);
    w->unread = q->record->measurement_count - twin_measurements(w->whole);
    if (err == ERR_OK && twin_measurements(w->whole) == 0) {
        err = err_set(ERR_USAGE,
                      "nothing is measured of this patient that model %s observes: "
                      "there is nothing to follow",
                      model_name(q->model));
        err_hint("`gemel-node forecast PATIENT --at FROM:STEP:TO` says what the model "
                 "expects; `gemel-node import` brings readings");
    } else if (err == ERR_OK &&
               twin_measurements(w->whole) == twin_measurements(w->known)) {
        err = err_set(ERR_USAGE,
                      "nothing is measured later that model %s observes: "
                      "there is nothing to follow",
                      model_name(q->model));
        err_hint("--until says up to when the twin is fitted; the rest is followed");
    }
    return err;
}

/* --- the answer --------------------------------------------------------------------- */

static bool logarithm(const struct watching *w, size_t observation)
{
    return model_observation(w->q->model, observation)->residual == RESIDUAL_LOGNORMAL;
}

static void set_interval(const struct watching *w, struct json *json, size_t observation,
                         double centre, double sd)
{
    double half = normal_quantile(0.975) * sd;
    bool log_scale = logarithm(w, observation);
    json_set_real(json, "low_95", log_scale ? centre * exp(-half) : centre - half);
    json_set_real(json, "high_95", log_scale ? centre * exp(half) : centre + half);
}

static struct json *reading_json(const struct watching *w, size_t index)
{
    static const char *const censoring[] = {"not", "below", "above"};
    const struct track_point *point = &w->track->points[index];
    const struct model_observation *one =
        model_observation(w->q->model, point->observation);
    struct json *json = json_new_object();
    json_set_real(json, "time", point->time);
    json_set_text(json, "quantity", one->name);
    json_set_text(json, "unit", one->unit);
    json_set_real(json, "value", point->value);
    json_set_text(json, "censored", censoring[point->censoring]);
    json_set_real(json, "predicted", point->predicted);
    json_set_real(json, "sd", point->sd);
    set_interval(w, json, point->observation, point->predicted, point->sd);
    json_set_real(json, "innovation", point->innovation);
    json_set_boolean(json, "set_aside", point->set_aside);
    json_set_boolean(json, "unresolved", point->unresolved);
    json_set_real(json, "foretold", point->foretold);
    json_set_real(json, "foretold_sd", point->foretold_sd);
    return json;
}

static struct json *drift_json(const struct watching *w, size_t index)
{
    const struct track *track = w->track;
    const struct model_parameter *one = model_parameter(w->q->model, track->drift[index]);
    struct json *json = json_new_object();
    size_t n = track->count, row = 0;
    double *columns = mem_new(4 * n, sizeof *columns);
    for (size_t i = 0; i < n; i++) {
        columns[i] = track->points[i].time;
        track_parameter(track, w->q->model, w->q->layout, index, i, columns + n + i,
                        columns + 2 * n + i, columns + 3 * n + i);
    }
    while (w->q->layout->individual[row] != track->drift[index])
        row++;
    json_set_text(json, "parameter", one->name);
    json_set_text(json, "unit", one->unit);
    json_set_real(json, "calibrated", transform_back(one, track->fit->phi[row]));
    json_set_reals(json, "time", columns, n);
    json_set_reals(json, "median", columns + n, n);
    json_set_reals(json, "low_95", columns + 2 * n, n);
    json_set_reals(json, "high_95", columns + 3 * n, n);
    mem_free(columns);
    return json;
}

/* The last reading of this observation no later than `time` among the first `before`, the
 * known ones included, that was not set aside; NaN: there is none. */
static double last_value(const struct watching *w, size_t observation, size_t before,
                         double time)
{
    size_t known = twin_measurements(w->known);
    for (size_t i = before; i-- > 0;) {
        const struct twin_measurement *one = twin_measurement(w->whole, i);
        bool aside = i >= known && w->track->points[i - known].set_aside;
        if (one->observation == observation && one->time <= time && !aside &&
            one->censoring == CENSORED_NOT)
            return one->value;
    }
    return NAN;
}

/* How far off predictions of what was not set aside were, and beside them the last value
 * before: root mean squares. */
struct errors {
    size_t count[4];
    double squares[4];
};

static void add_error(struct errors *errors, size_t which, double off)
{
    if (isnan(off))
        return;
    errors->count[which]++;
    errors->squares[which] += off * off;
}

static struct json *errors_json(const struct watching *w, size_t observation)
{
    static const char *const keys[] = {"one_step", "ahead", "last_value_one_step",
                                       "last_value_ahead"};
    const struct model_observation *one = model_observation(w->q->model, observation);
    size_t known = twin_measurements(w->known);
    struct errors errors = {0};
    for (size_t i = 0; i < w->track->count; i++) {
        const struct track_point *point = &w->track->points[i];
        if (point->observation != observation || point->set_aside || point->unresolved ||
            point->censoring != CENSORED_NOT)
            continue;
        double ahead = w->q->ahead, value = point->value,
               earlier = last_value(w, observation, known + i,
                                    point->time - ahead * (1 - 1e-6));
        add_error(&errors, 0, value - point->predicted);
        add_error(&errors, 2, value - last_value(w, observation, known + i, INFINITY));
        if (ahead > 0 && !isnan(point->foretold)) {
            add_error(&errors, 1, value - point->foretold);
            add_error(&errors, 3, value - earlier);
        }
    }
    struct json *json = json_new_object();
    json_set_text(json, "quantity", one->name);
    json_set_text(json, "unit", one->unit);
    json_set_integer(json, "readings", (int64_t)errors.count[0]);
    for (size_t i = 0; i < 4; i++)
        json_set_real(json, keys[i], sqrt(errors.squares[i] / (double)errors.count[i]));
    return json;
}

static struct json *next_json(const struct watching *w)
{
    struct json *list = json_new_array();
    const struct track *track = w->track;
    for (size_t o = 0; o < model_observations(w->q->model); o++) {
        if (isnan(track->next[o]))
            continue;
        struct json *json = json_new_object();
        json_set_real(json, "time", track->points[track->count - 1].time + w->q->ahead);
        json_set_text(json, "quantity", model_observation(w->q->model, o)->name);
        json_set_text(json, "unit", model_observation(w->q->model, o)->unit);
        json_set_real(json, "predicted", track->next[o]);
        json_set_real(json, "sd", track->next_sd[o]);
        set_interval(w, json, o, track->next[o], track->next_sd[o]);
        json_add(list, json);
    }
    return list;
}

static struct json *answer(const struct watching *w)
{
    const struct track *track = w->track;
    struct json *json = json_new_object(), *readings = json_new_array(),
                *drifts = json_new_array(), *errors = json_new_array();
    json_set_text(json, "patient", w->q->record->patient);
    json_set_text(json, "model", model_name(w->q->model));
    json_set_text(json, "time_unit", model_time_unit(w->q->model));
    json_set_real(json, "until", w->until);
    json_set_integer(json, "known", (int64_t)twin_measurements(w->known));
    json_set_integer(json, "unknown", (int64_t)w->unread);
    json_set_boolean(json, "converged", track->fit->converged);
    json_set_text(json, "reason", track->fit->reason);
    json_set_real(json, "start", track->start);
    json_set_real(json, "ahead", w->q->ahead);
    json_set_boolean(json, "moves", model_drifts(w->q->model));
    json_set_integer(json, "set_aside", (int64_t)track->set_aside);
    json_set_integer(json, "unresolved", (int64_t)track->unresolved);
    json_set_real(json, "minus2_log_likelihood", track->minus2_log_likelihood);
    for (size_t i = 0; i < track->count; i++)
        json_add(readings, reading_json(w, i));
    for (size_t i = 0; i < track->drifts; i++)
        json_add(drifts, drift_json(w, i));
    for (size_t o = 0; o < model_observations(w->q->model); o++)
        json_add(errors, errors_json(w, o));
    json_set(json, "readings", readings);
    json_set(json, "drifts", drifts);
    json_set(json, "next", next_json(w));
    json_set(json, "errors", errors);
    return json;
}

enum err watch_json(const struct watch_question *question, struct json **json)
{
    struct watching w = {.q = question};
    struct track_options options = {.ahead = question->ahead};
    enum err err = open_twins(&w);
    w.engine = engine_new(question->model, question->layout, NULL);
    if (err == ERR_OK)
        err = track_new(w.engine, w.known, w.whole, question->prior, &options, &w.track);
    if (err == ERR_OK)
        *json = answer(&w);
    track_destroy(&w.track);
    engine_destroy(&w.engine);
    twin_destroy(&w.whole);
    twin_destroy(&w.known);
    return err;
}

/* --- shown ---------------------------------------------------------------------------
 */

static void print_head(const struct json *json)
{
    const char *reason = json_get_text(json, "reason");
    printf("patient %s, fitted to %.0f measurements", json_get_text(json, "patient"),
           json_get_real(json, "known"));
    if (json_get_real(json, "known") > 0)
        printf(" until %.6g", json_get_real(json, "start"));
    printf(", followed from there; time in %s\n", json_get_text(json, "time_unit"));
    if (json_get_real(json, "unknown") > 0)
        printf("%.0f measurements more are of nothing that model %s observes\n",
               json_get_real(json, "unknown"), json_get_text(json, "model"));
    if (reason && *reason)
        printf("the twin stays on the prior: %s\n", reason);
}

static bool is_true(const struct json *object, const char *key)
{
    char *text = json_format(json_get(object, key));
    bool out = strcmp(text, "true") == 0;
    free(text);
    return out;
}

/* One reading, and what drifts after it. */
static void print_reading(const struct json *json, size_t index, int width)
{
    const struct json *row = json_at(json_get(json, "readings"), index),
                      *drifts = json_get(json, "drifts");
    const char *censored = json_get_text(row, "censored");
    char value[40], interval[64] = "", off[40];
    snprintf(value, sizeof value, "%s%.4g",
             strcmp(censored, "below") == 0   ? "<"
             : strcmp(censored, "above") == 0 ? ">"
                                              : "",
             json_get_real(row, "value"));
    if (!isnan(json_get_real(row, "low_95")))
        snprintf(interval, sizeof interval, "%.4g to %.4g", json_get_real(row, "low_95"),
                 json_get_real(row, "high_95"));
    snprintf(off, sizeof off, "%.1f sd", json_get_real(row, "innovation"));
    printf("%10.6g  %-*s %10s %10.4g   %-20s %9s", json_get_real(row, "time"), width,
           json_get_text(row, "quantity"), value, json_get_real(row, "predicted"),
           interval, isnan(json_get_real(row, "innovation")) ? "" : off);
    for (size_t i = 0; i < json_count(drifts); i++) {
        const struct json *one = json_at(drifts, i);
        printf("  %10.4g (%.4g to %.4g)",
               json_as_real(json_at(json_get(one, "median"), index)),
               json_as_real(json_at(json_get(one, "low_95"), index)),
               json_as_real(json_at(json_get(one, "high_95"), index)));
    }
    printf("%s\n", is_true(row, "set_aside")    ? "  set aside"
                   : is_true(row, "unresolved") ? "  cannot be told"
                                                : "");
}

static void print_readings(const struct cli *cli, const struct json *json)
{
    const struct json *drifts = json_get(json, "drifts");
    int width = json_widest(json_get(json, "readings"), "quantity", 12);
    printf("%s%10s  %-*s %10s %10s   %-20s %9s", cli_style(cli, CLI_BOLD), "time", width,
           "quantity", "read", "predicted", "95 % interval", "off");
    for (size_t i = 0; i < json_count(drifts); i++)
        printf("  %10s, 95 %% interval", json_get_text(json_at(drifts, i), "parameter"));
    printf("%s\n", cli_style(cli, CLI_PLAIN));
    for (size_t i = 0; i < json_count(json_get(json, "readings")); i++)
        print_reading(json, i, width);
}

/* What comes, and how good the last ones were. */
static void print_summary(const struct json *json)
{
    const struct json *next = json_get(json, "next"), *errors = json_get(json, "errors");
    double ahead = json_get_real(json, "ahead");
    for (size_t i = 0; i < json_count(next); i++) {
        const struct json *one = json_at(next, i);
        char *predicted =
            unit_number(json_get_real(one, "predicted"), json_get_text(one, "unit"));
        printf("at %.6g: %s %s (%.4g to %.4g)\n", json_get_real(one, "time"),
               json_get_text(one, "quantity"), predicted, json_get_real(one, "low_95"),
               json_get_real(one, "high_95"));
        mem_free(predicted);
    }
    for (size_t i = 0; i < json_count(errors); i++) {
        const struct json *one = json_at(errors, i);
        if (!(json_get_real(one, "readings") > 0))
            continue;
        char *off =
            unit_number(json_get_real(one, "one_step"), json_get_text(one, "unit"));
        printf("%s: off by %s (root mean square)", json_get_text(one, "quantity"), off);
        mem_free(off);
        if (!isnan(json_get_real(one, "ahead")))
            printf(", %.6g %s ahead by %.4g, where the last value is by %.4g", ahead,
                   json_get_text(json, "time_unit"), json_get_real(one, "ahead"),
                   json_get_real(one, "last_value_ahead"));
        printf("\n");
    }
    if (json_get_real(json, "set_aside") > 0)
        printf("set aside, further off than %g sd: %.0f\n", TRACK_GATE,
               json_get_real(json, "set_aside"));
    if (json_get_real(json, "unresolved") > 0)
        printf("predicted to be less than the solver can tell from nothing, and taught "
               "nothing: %.0f; an lloq or an additive error is the remedy\n",
               json_get_real(json, "unresolved"));
    if (!is_true(json, "moves"))
        printf("nothing drifts in model %s, and no state has noise: what is followed is "
               "only what was not known at the beginning\n",
               json_get_text(json, "model"));
}

/* The readings of one quantity: of those that were set aside or of the others. */
static void plot_read(struct plot *plot, const struct json *json, const char *quantity,
                      bool aside)
{
    const struct json *rows = json_get(json, "readings");
    size_t count = json_count(rows), n = 0;
    double *x = mem_new(2 * count, sizeof *x), *y = x + count;
    for (size_t i = 0; i < count; i++) {
        const struct json *row = json_at(rows, i);
        if (is_true(row, "set_aside") != aside ||
            strcmp(json_get_text(row, "quantity"), quantity) != 0)
            continue;
        x[n] = json_get_real(row, "time");
        y[n++] = json_get_real(row, "value");
    }
    if (n)
        plot_points(plot, aside ? "set aside" : "read", x, y, n);
    mem_free(x);
}

static void sketch_quantity(const struct cli *cli, const struct json *json,
                            const char *quantity, const char *unit)
{
    const struct json *rows = json_get(json, "readings");
    size_t count = json_count(rows), n = 0;
    double *columns = mem_new(4 * count, sizeof *columns);
    for (size_t i = 0; i < count; i++) {
        const struct json *row = json_at(rows, i);
        if (strcmp(json_get_text(row, "quantity"), quantity) != 0)
            continue;
        columns[n] = json_get_real(row, "time");
        columns[count + n] = json_get_real(row, "predicted");
        columns[2 * count + n] = json_get_real(row, "low_95");
        columns[3 * count + n++] = json_get_real(row, "high_95");
    }
    char *x = mem_format("time (%s)", json_get_text(json, "time_unit")),
         *y = unit_label(quantity, unit);
    struct plot *plot = plot_new(quantity, x, y);
    plot_band(plot, "95 % interval", columns, columns + 2 * count, columns + 3 * count,
              n);
    plot_line(plot, "predicted", columns, columns + count, n);
    plot_read(plot, json, quantity, false);
    plot_read(plot, json, quantity, true);
    printf("\n");
    cli_sketch(cli, plot);
    plot_destroy(&plot);
    mem_free(x);
    mem_free(y);
    mem_free(columns);
}

/* The numbers under `key` of an object; caller frees. */
static double *column(const struct json *object, const char *key, size_t count)
{
    const struct json *list = json_get(object, key);
    double *values = mem_new(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = json_as_real(json_at(list, i));
    return values;
}

static void sketch_drift(const struct cli *cli, const struct json *json,
                         const struct json *drift)
{
    size_t n = json_count(json_get(drift, "time"));
    double *time = column(drift, "time", n), *median = column(drift, "median", n),
           *low = column(drift, "low_95", n), *high = column(drift, "high_95", n);
    const char *name = json_get_text(drift, "parameter");
    char *x = mem_format("time (%s)", json_get_text(json, "time_unit")),
         *y = unit_label(name, json_get_text(drift, "unit"));
    struct plot *plot = plot_new(name, x, y);
    plot_band(plot, "95 % interval", time, low, high, n);
    plot_line(plot, "now", time, median, n);
    plot_rule(plot, "calibrated", json_get_real(drift, "calibrated"));
    printf("\n");
    cli_sketch(cli, plot);
    plot_destroy(&plot);
    mem_free(x);
    mem_free(y);
    mem_free(time);
    mem_free(median);
    mem_free(low);
    mem_free(high);
}

void watch_print(const struct cli *cli, const struct json *json)
{
    const struct json *errors = json_get(json, "errors"),
                      *drifts = json_get(json, "drifts");
    print_head(json);
    print_readings(cli, json);
    print_summary(json);
    for (size_t i = 0; i < json_count(errors); i++)
        if (json_get_real(json_at(errors, i), "readings") > 1)
            sketch_quantity(cli, json, json_get_text(json_at(errors, i), "quantity"),
                            json_get_text(json_at(errors, i), "unit"));
    for (size_t i = 0; i < json_count(drifts); i++)
        if (json_count(json_get(json_at(drifts, i), "time")) > 1)
            sketch_drift(cli, json, json_at(drifts, i));
}
