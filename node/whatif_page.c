#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/unit.h"
#include "node/whatif.h"

/* What `gemel-node whatif --json` prints, shown. */

/* So many of the best stand beside the plan on record in a picture. */
#define PICTURED ((size_t)2)

/* A number of a column, at `index`. */
static double at(const struct json *object, const char *key, size_t index)
{
    return json_as_real(json_at(json_get(object, key), index));
}

static int widest_plan(const struct json *alternatives)
{
    int most = json_widest(alternatives, "plan", (int)strlen("plan"));
    return most < 100 ? most : 100;
}

static void heading(const struct cli *cli, const char *text)
{
    printf("\n%s%s%s\n", cli_style(cli, CLI_BOLD), text, cli_style(cli, CLI_PLAIN));
}

/* How likely it is that what is wanted comes about, and that the course is plausible. */
static void print_wants(const struct cli *cli, const struct json *json)
{
    const struct json *wants = json_get(json, "want"),
                      *alternatives = json_get(json, "alternatives");
    int width = widest_plan(alternatives);
    size_t count = json_count(wants);
    if (count)
        heading(cli, "Probability of what is wanted");
    for (size_t i = 0; i < count; i++)
        printf("(%zu) %s\n", i + 1, json_as_text(json_at(wants, i)));
    if (!count)
        return;
    printf("%-*s %8s", width, "plan", count > 1 ? "all" : "(1)");
    for (size_t i = 0; count > 1 && i < count; i++)
        printf("  %6s(%zu)", "", i + 1);
    printf("\n");
    for (size_t i = 0; i < json_count(alternatives); i++) {
        const struct json *one = json_at(alternatives, i);
        printf("%-*s %8.3f", width, json_get_text(one, "plan"),
               json_get_real(one, "all_wanted"));
        for (size_t k = 0; count > 1 && k < count; k++)
            printf("  %9.3f", at(one, "wanted", k));
        printf("\n");
    }
}

static void warn(const struct json *alternatives)
{
    for (size_t i = 0; i < json_count(alternatives); i++) {
        const struct json *one = json_at(alternatives, i);
        double plausible = json_get_real(one, "plausible"),
               failed = json_get_real(one, "failed");
        if (failed > 0)
            printf("%s: %.1f %% of the draws cannot be computed\n",
                   json_get_text(one, "plan"), 100 * failed);
        if (plausible < 1)
            printf("%s: what the model calls plausible holds in %.1f %% of the draws\n",
                   json_get_text(one, "plan"), 100 * plausible);
    }
}

static void print_row(const struct json *one, const struct json *outcome, size_t window,
                      size_t windows, int width)
{
    double missing = at(outcome, "missing", window);
    printf("%-*s ", width, json_get_text(one, "plan"));
    if (missing == 1)
        printf("%10s", "none");
    else
        printf("%10.4g   %.4g to %.4g", at(outcome, "median", window),
               at(outcome, "low_90", window), at(outcome, "high_90", window));
    if (windows > 1)
        printf(", from %g to %g", at(outcome, "from", window), at(outcome, "to", window));
    if (missing > 0 && missing < 1)
        printf(", none in %.1f %%", 100 * missing);
    printf("\n");
}

static void print_outcome(const struct cli *cli, const struct json *alternatives,
                          size_t index)
{
    const struct json *first =
        json_at(json_get(json_at(alternatives, 0), "outcomes"), index);
    int width = widest_plan(alternatives);
    char *title = unit_label(json_get_text(first, "name"), json_get_text(first, "unit"));
    heading(cli, title);
    mem_free(title);
    printf("%-*s %10s   %s\n", width, "plan", "median", "90 % interval");
    for (size_t i = 0; i < json_count(alternatives); i++) {
        const struct json *one = json_at(alternatives, i),
                          *outcome = json_at(json_get(one, "outcomes"), index);
        size_t windows = json_count(json_get(outcome, "from"));
        for (size_t w = 0; w < windows; w++)
            print_row(one, outcome, w, windows, width);
    }
}

void whatif_print_posterior(const struct json *json)
{
    double modes = json_get_real(json, "modes");
    if (json_get_real(json, "draws") == 0)
        return;
    printf("the posterior is not normal (a normal one has %.0f %% of it in common",
           100 * json_get_real(json, "shared"));
    if (modes > 1)
        printf("; %.0f modes", modes);
    printf("): intervals are of %.0f draws, worth %.0f independent ones\n",
           json_get_real(json, "draws"), json_get_real(json, "effective"));
}

void whatif_print(const struct cli *cli, const struct json *json)
{
    const struct json *alternatives = json_get(json, "alternatives");
    const char *reason = json_get_text(json, "reason");
    printf(
        "patient %s, known from %.0f measurements; what lies between %g, which is now, "
        "and %g %s, by %.0f draws\n",
        json_get_text(json, "patient"), json_get_real(json, "known"),
        json_get_real(json, "now"), json_get_real(json, "until"),
        json_get_text(json, "time_unit"), json_get_real(json, "draws"));
    if (reason && *reason)
        printf("the twin stays on the prior: %s\n", reason);
    whatif_print_posterior(json_get(json, "posterior"));
    print_wants(cli, json);
    const struct json *outcomes = json_get(json_at(alternatives, 0), "outcomes");
    for (size_t i = 0; i < json_count(outcomes); i++)
        print_outcome(cli, alternatives, i);
    warn(alternatives);
}

/* --- the picture -------------------------------------------------------------------- */

static double *column(const struct json *object, const char *key, size_t *count)
{
    const struct json *list = json_get(object, key);
    *count = json_count(list);
    double *values = mem_new(*count, sizeof *values);
    for (size_t i = 0; i < *count; i++)
        values[i] = json_as_real(json_at(list, i));
    return values;
}

static const struct json *curve_of(const struct json *alternative, const char *quantity)
{
    const struct json *curves = json_get(alternative, "curves");
    for (size_t i = 0; i < json_count(curves); i++)
        if (strcmp(json_get_text(json_at(curves, i), "quantity"), quantity) == 0)
            return json_at(curves, i);
    return NULL;
}

static void plot_alternative(struct plot *plot, const struct json *one,
                             const char *quantity)
{
    const struct json *curve = curve_of(one, quantity);
    const char *plan = json_get_text(one, "plan");
    size_t n;
    double *time = column(curve, "time", &n), *low = column(curve, "low_90", &n),
           *high = column(curve, "high_90", &n), *median = column(curve, "median", &n);
    char *band = mem_format("%s, 90 %% interval", plan);
    plot_band(plot, band, time, low, high, n);
    plot_line(plot, plan, time, median, n);
    mem_free(band);
    mem_free(time);
    mem_free(low);
    mem_free(high);
    mem_free(median);
}

struct plot *whatif_plot(const struct json *json, const char *quantity)
{
    const struct json *alternatives = json_get(json, "alternatives"),
                      *curve = curve_of(json_at(alternatives, 0), quantity);
    size_t count = json_count(alternatives), others = 0;
    if (!curve)
        return NULL;
    char *x = mem_format("time (%s)", json_get_text(json, "time_unit")),
         *y = unit_label(quantity, json_get_text(curve, "unit"));
    char *title = count <= PICTURED + 1
                      ? mem_text("What lies ahead")
                      : mem_format("What lies ahead, by the first %zu of %zu plans",
                                   PICTURED, count - 1);
    struct plot *plot = plot_new(title, x, y);
    mem_free(title);
    for (size_t i = 0; i < count; i++) {
        const struct json *one = json_at(alternatives, i);
        bool planned = strcmp(json_get_text(one, "plan"), "as planned") == 0;
        if (planned || others++ < PICTURED)
            plot_alternative(plot, one, quantity);
    }
    mem_free(x);
    mem_free(y);
    return plot;
}
