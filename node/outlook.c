#include "node/outlook.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "front/sketch.h"
#include "model/unit.h"
#include "node/whatif.h"

#define CURVE_TIMES ((size_t)81)
#define OUTCOME_DRAWS 200

static const char *const low_keys[FORECAST_LEVELS] = {"low_80", "low_95"};
static const char *const high_keys[FORECAST_LEVELS] = {"high_80", "high_95"};

/* --- the question ------------------------------------------------------------------- */

struct asking {
    const struct outlook_question *q;
    struct engine *engine;
    double unit;       /* one of the record's units of time in the model's */
    size_t known;      /* measurements of the record */
    struct twin *twin; /* of what is known */
    struct posterior *posterior;
};

/* What is known, and every quantity at these times; the values do not matter. */
static enum err at_times(const struct asking *a, const double *times, size_t count,
                         struct record **record)
{
    *record = record_known(a->q->record, a->known);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        for (size_t o = 0; err == ERR_OK && o < model_observations(a->q->model); o++)
            err = record_measurement(*record, times[i] / a->unit,
                                     model_observation(a->q->model, o)->name, NULL, 1,
                                     CENSORED_NOT, SIZE_MAX);
    record_sort(*record);
    return err;
}

static enum err look(const struct asking *a, const struct record *record,
                     struct twin **whole, struct forecast **forecast)
{
    enum err err = twin_new(a->q->model, a->q->layout, record, whole);
    if (err == ERR_OK)
        err =
            forecast_new(a->engine, a->twin, a->posterior, *whole, a->q->prior, forecast);
    if (err == ERR_RANGE)
        err_hint("forecasts are for times after the last measurement that is used; "
                 "--until says which that is");
    return err;
}

/* --- the answer --------------------------------------------------------------------- */

static void set_interval(struct json *json, const struct forecast_point *point)
{
    for (size_t l = 0; l < FORECAST_LEVELS; l++) {
        json_set_real(json, low_keys[l], point->low[l]);
        json_set_real(json, high_keys[l], point->high[l]);
    }
}

static struct json *point_json(const struct model *model,
                               const struct forecast_point *point)
{
    const struct model_observation *one = model_observation(model, point->observation);
    struct json *json = json_new_object();
    json_set_real(json, "time", point->time);
    json_set_text(json, "quantity", one->name);
    json_set_text(json, "unit", one->unit);
    json_set_real(json, "forecast", point->centre);
    json_set_real(json, "sd", point->sd);
    set_interval(json, point);
    return json;
}

/* Everything measured, whether it was used or not. */
static enum err add_measured(const struct asking *a, struct json *json)
{
    static const char *const censoring[] = {"not", "below", "above"};
    struct json *list = json_new_array();
    struct twin *twin;
    enum err err = twin_new(a->q->model, a->q->layout, a->q->record, &twin);
    for (size_t i = 0; err == ERR_OK && i < twin_measurements(twin); i++) {
        const struct twin_measurement *one = twin_measurement(twin, i);
        struct json *row = json_new_object();
        json_set_real(row, "time", one->time);
        json_set_text(row, "quantity",
                      model_observation(a->q->model, one->observation)->name);
        json_set_real(row, "value", one->value);
        json_set_text(row, "censored", censoring[one->censoring]);
        json_set_boolean(row, "used", one->time <= a->q->until);
        json_add(list, row);
    }
    if (err == ERR_OK)
        twin_destroy(&twin);
    json_set(json, "measured", list);
    return err;
}

static enum err add_forecasts(const struct asking *a, struct json *json)
{
    struct json *list = json_new_array();
    struct record *record = NULL;
    struct twin *whole = NULL;
    struct forecast *forecast = NULL;
    bool later = !a->q->times;
    enum err err = later ? ERR_OK : at_times(a, a->q->times, a->q->time_count, &record);
    if (err == ERR_OK)
        err = look(a, later ? a->q->record : record, &whole, &forecast);
    if (err == ERR_OK && forecast->count == 0) {
        err = err_set(ERR_USAGE, "nothing was measured later: there is no time to "
                                 "forecast for");
        err_hint("say when with --at, as in --at 0:1:24");
    }
    for (size_t i = 0; err == ERR_OK && i < forecast->count; i++) {
        struct json *row = point_json(a->q->model, &forecast->points[i]);
        const struct twin_measurement *one =
            twin_measurement(whole, twin_measurements(a->twin) + i);
        if (later && one->censoring == CENSORED_NOT)
            json_set_real(row, "measured", one->value);
        json_add(list, row);
    }
    json_set(json, "forecast", list);
    forecast_destroy(&forecast);
    twin_destroy(&whole);
    record_destroy(&record);
    return err;
}

/* Columns of one observation's curve, picked from the points of all. */
static struct json *curve_json(const struct model *model, const struct forecast *forecast,
                               size_t observation)
{
    struct json *json = json_new_object();
    double column[2 + 2 * FORECAST_LEVELS][CURVE_TIMES];
    size_t n = 0;
    for (size_t i = 0; i < forecast->count && n < CURVE_TIMES; i++) {
        const struct forecast_point *point = &forecast->points[i];
        if (point->observation != observation)
            continue;
        column[0][n] = point->time;
        column[1][n] = point->centre;
        for (size_t l = 0; l < FORECAST_LEVELS; l++) {
            column[2 + 2 * l][n] = point->low[l];
            column[3 + 2 * l][n] = point->high[l];
        }
        n++;
    }
    json_set_text(json, "quantity", model_observation(model, observation)->name);
    json_set_text(json, "unit", model_observation(model, observation)->unit);
    json_set_reals(json, "time", column[0], n);
    json_set_reals(json, "forecast", column[1], n);
    for (size_t l = 0; l < FORECAST_LEVELS; l++) {
        json_set_reals(json, low_keys[l], column[2 + 2 * l], n);
        json_set_reals(json, high_keys[l], column[3 + 2 * l], n);
    }
    return json;
}

/* From the last known measurement, if there is one, to the last forecast. */
static enum err add_curves(const struct asking *a, struct json *json)
{
    const struct json *rows = json_get(json, "forecast");
    double times[CURVE_TIMES],
        from = json_get_real(json_at(rows, 0), "time"),
        to = json_get_real(json_at(rows, json_count(rows) - 1), "time");
    size_t known = twin_measurements(a->twin);
    if (known)
        from = twin_measurement(a->twin, known - 1)->time;
    for (size_t i = 0; i < CURVE_TIMES; i++)
        times[i] = from + (to - from) * (double)i / (CURVE_TIMES - 1);
    struct json *list = json_new_array();
    struct record *record;
    struct twin *whole = NULL;
    struct forecast *forecast = NULL;
    enum err err = at_times(a, times, to > from ? CURVE_TIMES : 0, &record);
    if (err == ERR_OK)
        err = look(a, record, &whole, &forecast);
    for (size_t o = 0; err == ERR_OK && o < model_observations(a->q->model); o++)
        json_add(list, curve_json(a->q->model, forecast, o));
    json_set(json, "curves", list);
    forecast_destroy(&forecast);
    twin_destroy(&whole);
    record_destroy(&record);
    return err;
}

/* What the model says that a course comes to, of what lies between what is known (if
 * nothing is, the first forecast) and the last one. It takes nothing from a forecast that
 * there is none. */
static enum err add_outcomes(const struct asking *a, struct json *json)
{
    const struct json *rows = json_get(json, "forecast");
    const double ends[2] = {json_get_real(json_at(rows, 0), "time"),
                            json_get_real(json_at(rows, json_count(rows) - 1), "time")};
    bool from_last = a->known > 0 || !(ends[1] > ends[0]);
    struct json *outcomes = NULL;
    const struct whatif_question question = {.model = a->q->model,
                                             .layout = a->q->layout,
                                             .prior = a->q->prior,
                                             .record = a->q->record,
                                             .until = a->q->until,
                                             .times = ends + from_last,
                                             .time_count = from_last ? 1 : 2,
                                             .draws = OUTCOME_DRAWS,
                                             .posterior = a->posterior};
    if (model_outcomes(a->q->model) == 0)
        return ERR_OK;
    enum err err = whatif_planned(&question, &outcomes);
    if (err == ERR_OK)
        json_set(json, "outcomes", outcomes);
    else if (err == ERR_NUMERIC || err == ERR_RANGE)
        json_set_text(json, "no_outcomes", err_text());
    return err == ERR_NUMERIC || err == ERR_RANGE ? ERR_OK : err;
}

static struct json *begin_json(const struct asking *a)
{
    struct json *json = json_new_object();
    json_set_text(json, "patient", a->q->record->patient);
    json_set_text(json, "model", model_name(a->q->model));
    json_set_text(json, "time_unit", model_time_unit(a->q->model));
    json_set_real(json, "until", a->q->until);
    size_t known = twin_measurements(a->twin);
    json_set_integer(json, "known", (int64_t)known);
    json_set_integer(json, "unknown", (int64_t)(a->known - known)); /* to the model */
    json_set_boolean(json, "converged", a->posterior->fit->converged);
    json_set_text(json, "reason", a->posterior->fit->reason);
    json_set(json, "posterior", whatif_posterior(a->posterior));
    return json;
}

enum err outlook_json(const struct outlook_question *question, struct json **json)
{
    struct asking a = {.q = question, .unit = 1};
    const struct record *record = question->record;
    if (question->time_count > OUTLOOK_TIMES_MAX)
        return err_set(ERR_USAGE, "more than %zu times to forecast for",
                       OUTLOOK_TIMES_MAX);
    enum err err =
        unit_convert(record->time_unit, model_time_unit(question->model), &a.unit);
    if (err != ERR_OK)
        return err;
    while (a.known < record->measurement_count &&
           record->measurements[a.known].time * a.unit <= question->until)
        a.known++;
    struct record *known = record_known(record, a.known);
    err = twin_new(question->model, question->layout, known, &a.twin);
    record_destroy(&known);
    if (err != ERR_OK)
        return err;
    struct fit *fit;
    a.engine = engine_new(question->model, question->layout, NULL);
    err = fit_new(a.engine, a.twin, question->prior, &fit);
    if (err == ERR_OK) {
        a.posterior =
            posterior_new(a.engine, a.twin, question->prior, fit, OUTCOME_DRAWS);
        *json = begin_json(&a);
        err = add_measured(&a, *json);
    }
    if (err == ERR_OK)
        err = add_forecasts(&a, *json);
    if (err == ERR_OK)
        err = add_curves(&a, *json);
    if (err == ERR_OK)
        err = add_outcomes(&a, *json);
    if (err != ERR_OK)
        json_destroy(json);
    posterior_destroy(&a.posterior);
    engine_destroy(&a.engine);
    twin_destroy(&a.twin);
    return err;
}

/* --- shown ---------------------------------------------------------------------------
 */

/* The numbers under `key` of an object; caller frees. */
static double *column(const struct json *object, const char *key, size_t *count)
{
    const struct json *list = json_get(object, key);
    *count = json_count(list);
    double *values = mem_new(*count, sizeof *values);
    for (size_t i = 0; i < *count; i++)
        values[i] = json_as_real(json_at(list, i));
    return values;
}

/* What was measured of one quantity, used for the twin or later than that. */
static void plot_measured(struct plot *plot, const struct json *json,
                          const char *quantity, bool used)
{
    const struct json *list = json_get(json, "measured");
    double until = json_get_real(json, "until");
    double *x = mem_new(json_count(list), sizeof *x),
           *y = mem_new(json_count(list), sizeof *y);
    size_t n = 0;
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *row = json_at(list, i);
        double time = json_get_real(row, "time");
        bool known = isnan(until) || time <= until;
        if (known != used || strcmp(json_get_text(row, "quantity"), quantity) != 0)
            continue;
        x[n] = time;
        y[n++] = json_get_real(row, "value");
    }
    if (n)
        plot_points(plot, used ? "measured, known to the twin" : "measured later", x, y,
                    n);
    mem_free(x);
    mem_free(y);
}

static void plot_curve(struct plot *plot, const struct json *curve)
{
    static const char *const names[FORECAST_LEVELS] = {"80 % interval", "95 % interval"};
    size_t n;
    double *time = column(curve, "time", &n);
    for (size_t l = FORECAST_LEVELS; l-- > 0;) {
        double *low = column(curve, low_keys[l], &n),
               *high = column(curve, high_keys[l], &n);
        plot_band(plot, names[l], time, low, high, n);
        mem_free(low);
        mem_free(high);
    }
    double *centre = column(curve, "forecast", &n);
    plot_line(plot, "forecast", time, centre, n);
    mem_free(centre);
    mem_free(time);
}

struct plot *outlook_plot(const struct json *json, const char *quantity,
                          const char *title)
{
    const struct json *curves = json_get(json, "curves"), *curve = NULL;
    for (size_t i = 0; i < json_count(curves); i++)
        if (strcmp(json_get_text(json_at(curves, i), "quantity"), quantity) == 0)
            curve = json_at(curves, i);
    char *x = mem_format("time (%s)", json_get_text(json, "time_unit")),
         *y = unit_label(quantity, curve ? json_get_text(curve, "unit") : "");
    struct plot *plot = plot_new(title, x, y);
    if (curve)
        plot_curve(plot, curve);
    plot_measured(plot, json, quantity, true);
    plot_measured(plot, json, quantity, false);
    mem_free(x);
    mem_free(y);
    return plot;
}

static void print_table(const struct cli *cli, const struct json *json)
{
    const struct json *rows = json_get(json, "forecast");
    int width = json_widest(rows, "quantity", 12);
    printf("%s%10s  %-*s %10s   %-23s %-23s %10s%s\n", cli_style(cli, CLI_BOLD), "time",
           width, "quantity", "forecast", "80 % interval", "95 % interval", "measured",
           cli_style(cli, CLI_PLAIN));
    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        double measured = json_get_real(row, "measured");
        char interval[FORECAST_LEVELS][64] = {"", ""};
        for (size_t l = 0; l < FORECAST_LEVELS; l++)
            if (!isnan(json_get_real(row, low_keys[l])))
                snprintf(interval[l], sizeof interval[l], "%.4g to %.4g",
                         json_get_real(row, low_keys[l]),
                         json_get_real(row, high_keys[l]));
        printf("%10.4g  %-*s %10.4g   %-23s ", json_get_real(row, "time"), width,
               json_get_text(row, "quantity"), json_get_real(row, "forecast"),
               interval[0]);
        if (isnan(measured))
            printf("%s\n", interval[1]);
        else
            printf("%-23s %10.4g\n", interval[1], measured);
    }
}

/* A window a row. */
static void print_outcomes(const struct cli *cli, const struct json *json)
{
    const struct json *list = json_get(json, "outcomes");
    const char *why = json_get_text(json, "no_outcomes");
    if (why)
        printf("no outcomes: %s\n", why);
    if (json_count(list) == 0)
        return;
    int width = json_widest(list, "name", 16);
    printf("\n%s%-*s %10s %10s  %10s   %s%s\n", cli_style(cli, CLI_BOLD), width,
           "outcome", "from", "to", "median", "90 % interval", cli_style(cli, CLI_PLAIN));
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *one = json_at(list, i);
        size_t n;
        double *from = column(one, "from", &n), *to = column(one, "to", &n),
               *low = column(one, "low_90", &n), *high = column(one, "high_90", &n),
               *median = column(one, "median", &n), *missing = column(one, "missing", &n);
        for (size_t w = 0; w < n; w++) {
            printf("%-*s %10.4g %10.4g  ", width, json_get_text(one, "name"), from[w],
                   to[w]);
            if (missing[w] == 1) {
                printf("%10s\n", "none");
                continue;
            }
            char *up_to = unit_number(high[w], json_get_text(one, "unit"));
            printf("%10.4g   %.4g to %s", median[w], low[w], up_to);
            mem_free(up_to);
            if (missing[w] > 0)
                printf(", none in %.1f %%", 100 * missing[w]);
            printf("\n");
        }
        mem_free(from);
        mem_free(to);
        mem_free(low);
        mem_free(high);
        mem_free(median);
        mem_free(missing);
    }
}

void outlook_print(const struct cli *cli, const struct json *json)
{
    const struct json *curves = json_get(json, "curves");
    const char *reason = json_get_text(json, "reason");
    printf("patient %s, known from %.0f measurements; time in %s\n",
           json_get_text(json, "patient"), json_get_real(json, "known"),
           json_get_text(json, "time_unit"));
    if (json_get_real(json, "unknown") > 0)
        printf("%.0f measurements more are of nothing that model %s observes\n",
               json_get_real(json, "unknown"), json_get_text(json, "model"));
    if (reason && *reason)
        printf("the twin stays on the prior: %s\n", reason);
    whatif_print_posterior(json_get(json, "posterior"));
    print_table(cli, json);
    print_outcomes(cli, json);
    for (size_t i = 0; i < json_count(curves); i++) {
        const char *quantity = json_get_text(json_at(curves, i), "quantity");
        if (json_count(json_get(json_at(curves, i), "time")) == 0)
            continue; /* a forecast for one moment is no curve */
        struct plot *plot = outlook_plot(json, quantity, quantity);
        printf("\n");
        cli_sketch(cli, plot);
        plot_destroy(&plot);
    }
}
