#include "sim/picture.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "sim/heldout.h"
#include "sim/table.h"

#define GROUPS (HELDOUT_KNOWN_MOST + 1)

static const char *const groups[GROUPS] = {"0 known", "1 known", "2 known"};
static const char *const priors[] = {"shared", "start", "clinic"};

static const struct json *errors_of(const struct json *result)
{
    return json_get(json_get(result, "held_out"), "errors");
}

static bool is_text(const struct json *row, const char *key, const char *text)
{
    return strcmp(json_get_text(row, key), text) == 0;
}

const char *picture_quantity(const struct json *result, size_t index)
{
    const struct json *list = errors_of(result);
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *row = json_at(list, i);
        if (is_text(row, "prior", priors[0]) && json_get_real(row, "known") == 0 &&
            index-- == 0)
            return json_get_text(row, "quantity");
    }
    return NULL;
}

/* One prior's bars; false when there are none. */
static bool add_bars(struct plot *plot, const struct json *result, const char *prior,
                     const char *quantity, const char *key)
{
    const struct json *list = errors_of(result);
    double values[GROUPS] = {NAN, NAN, NAN};
    bool any = false;
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *row = json_at(list, i);
        double value = json_get_real(row, key);
        if (!is_text(row, "prior", prior) || !is_text(row, "quantity", quantity) ||
            isnan(value))
            continue;
        values[(size_t)json_get_real(row, "known")] = value;
        any = true;
    }
    char *name = table_prior_name(result, prior);
    if (any)
        plot_bars(plot, name, groups, values, GROUPS);
    mem_free(name);
    return any;
}

static const char *scale_of(const struct json *result, const char *quantity)
{
    const struct json *list = errors_of(result);
    for (size_t i = 0; i < json_count(list); i++)
        if (is_text(json_at(list, i), "quantity", quantity))
            return json_get_text(json_at(list, i), "scale");
    return "";
}

struct plot *picture_errors(const struct json *result, const char *quantity)
{
    char *title = mem_format("Error of the last %s of people kept out", quantity),
         *label = mem_format("root mean square, %s", scale_of(result, quantity));
    struct plot *plot = plot_new(title, NULL, label);
    for (size_t p = 0; p < sizeof priors / sizeof *priors; p++)
        add_bars(plot, result, priors[p], quantity, "rmse");
    mem_free(title);
    mem_free(label);
    return plot;
}

struct plot *picture_coverage(const struct json *result, const char *quantity)
{
    bool any = false;
    char *title = mem_format("How often 80 %% intervals of the last %s held", quantity);
    struct plot *plot = plot_new(title, NULL, "share of people");
    for (size_t p = 0; p < sizeof priors / sizeof *priors; p++)
        any |= add_bars(plot, result, priors[p], quantity, "within_80");
    plot_rule(plot, "as often as they say", 0.8);
    mem_free(title);
    if (!any)
        plot_destroy(&plot);
    return plot;
}
