#include "plot_impl.h"

#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/memory.h"

struct plot *plot_new(const char *title, const char *x_label, const char *y_label)
{
    struct plot *plot = mem_new(1, sizeof *plot);
    plot->title = bytes_to_utf8(title);
    plot->x_label = x_label && *x_label ? bytes_to_utf8(x_label) : NULL;
    plot->y_label = y_label && *y_label ? bytes_to_utf8(y_label) : NULL;
    return plot;
}

void plot_destroy(struct plot **plot)
{
    if (!*plot)
        return;
    for (size_t i = 0; i < (*plot)->series_count; i++) {
        struct series *series = &(*plot)->series[i];
        mem_free(series->name);
        mem_free(series->x);
        mem_free(series->y);
        mem_free(series->high);
    }
    for (size_t i = 0; i < (*plot)->category_count; i++)
        mem_free((*plot)->categories[i]);
    mem_free((*plot)->categories);
    mem_free((*plot)->series);
    mem_free((*plot)->title);
    mem_free((*plot)->x_label);
    mem_free((*plot)->y_label);
    mem_free(*plot);
    *plot = NULL;
}

static double *copied(const double *values, size_t count)
{
    return values ? mem_copy(values, count * sizeof *values) : NULL;
}

static struct series *add(struct plot *plot, enum series_kind kind, const char *name,
                          size_t count)
{
    size_t bars = plot_bar_count(plot) + (kind == SERIES_BARS), others = 0;
    for (size_t i = 0; i <= plot->series_count; i++) {
        enum series_kind one = i < plot->series_count ? plot->series[i].kind : kind;
        others += one != SERIES_BARS && one != SERIES_RULE;
    }
    if ((bars && others) || (kind != SERIES_BAND && plot->looks >= PLOT_SERIES_MAX))
        abort();
    MEM_GROW(plot->series, plot->series_count + 1, &plot->series_capacity);
    struct series *series = &plot->series[plot->series_count++];
    *series = (struct series){.kind = kind,
                              .name = name ? bytes_to_utf8(name) : NULL,
                              .count = count,
                              .look = plot->looks % PLOT_SERIES_MAX};
    plot->looks += kind != SERIES_BAND;
    return series;
}

void plot_line(struct plot *plot, const char *name, const double *x, const double *y,
               size_t count)
{
    struct series *series = add(plot, SERIES_LINE, name, count);
    series->x = copied(x, count);
    series->y = copied(y, count);
}

void plot_points(struct plot *plot, const char *name, const double *x, const double *y,
                 size_t count)
{
    struct series *series = add(plot, SERIES_POINTS, name, count);
    series->x = copied(x, count);
    series->y = copied(y, count);
}

void plot_band(struct plot *plot, const char *name, const double *x, const double *low,
               const double *high, size_t count)
{
    struct series *series = add(plot, SERIES_BAND, name, count);
    series->x = copied(x, count);
    series->y = copied(low, count);
    series->high = copied(high, count);
}

void plot_rule(struct plot *plot, const char *name, double y)
{
    add(plot, SERIES_RULE, name, 1)->y = copied(&y, 1);
}

void plot_bars(struct plot *plot, const char *name, const char *const *categories,
               const double *values, size_t count)
{
    if (plot_bar_count(plot) == 0) {
        plot->categories = mem_new(count, sizeof *plot->categories);
        for (; plot->category_count < count; plot->category_count++)
            plot->categories[plot->category_count] =
                bytes_to_utf8(categories[plot->category_count]);
    }
    if (count != plot->category_count)
        abort();
    add(plot, SERIES_BARS, name, count)->y = copied(values, count);
}

size_t plot_bar_count(const struct plot *plot)
{
    size_t count = 0;
    for (size_t i = 0; i < plot->series_count; i++)
        count += plot->series[i].kind == SERIES_BARS;
    return count;
}

size_t plot_bands_under(const struct plot *plot, const struct series *band)
{
    size_t bands = 0;
    for (const struct series *one = plot->series; one <= band; one++)
        bands += one->kind == SERIES_BAND && one->look == band->look;
    return bands;
}

static void widen(double value, double *low, double *high)
{
    if (!isfinite(value))
        return;
    *low = value < *low ? value : *low;
    *high = value > *high ? value : *high;
}

void plot_axes(const struct plot *plot, struct axis *x, struct axis *y)
{
    double x_low = INFINITY, x_high = -INFINITY, y_low = INFINITY, y_high = -INFINITY;
    bool bars = plot_bar_count(plot) > 0;
    for (size_t i = 0; i < plot->series_count; i++) {
        const struct series *series = &plot->series[i];
        for (size_t j = 0; j < series->count; j++) {
            if (series->x)
                widen(series->x[j], &x_low, &x_high);
            widen(series->y[j], &y_low, &y_high);
            if (series->high)
                widen(series->high[j], &y_low, &y_high);
        }
    }
    if (bars)
        widen(0, &y_low, &y_high);
    size_t slots = plot->category_count ? plot->category_count : 1;
    *x = bars ? (struct axis){0, (double)slots} : axis_around(x_low, x_high, 0.02);
    *y = axis_around(y_low, y_high, 0.06);
    if (bars && y_low >= 0)
        y->low = 0;
    if (bars && y_high <= 0)
        y->high = 0;
}
