#include "front/svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#include "markup.h"
#include "plot_impl.h"

#define WIDTH 720
#define HEIGHT 400
#define LETTER 6.8 /* width of a letter of the 12 px text, on the generous side */
#define MARGIN 12.0
#define LINE 18.0 /* of text */

/* Okabe and Ito; the two that are too pale or too dark for one of the backgrounds are
 * shifted there. Each series also has a dash pattern and a sign of its own. */
static const char style[] =
    "<style>"
    ".plot{font:12px system-ui,sans-serif;color:#24292f;background:#fff}"
    ".plot text{fill:currentColor}.plot .title{font-size:14px;font-weight:600}"
    ".plot .axis{stroke:currentColor;fill:none}"
    ".plot .grid{stroke:currentColor;stroke-opacity:.14;fill:none}"
    ".plot .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}"
    ".plot .rule{fill:none;stroke:currentColor;stroke-width:1.5}"
    ".plot .points{fill:none;stroke:currentColor;stroke-width:1.6}"
    ".plot .dots{fill:none;stroke:currentColor;stroke-width:5;stroke-linecap:round}"
    ".plot .band{fill:currentColor;fill-opacity:.2;stroke:none}"
    ".plot .bar{fill:currentColor;stroke:none}"
    ".plot .s0{color:#0072b2}.plot .s1{color:#d55e00}.plot .s2{color:#009e73}"
    ".plot .s3{color:#b5568c}.plot .s4{color:#b37a00}.plot .s5{color:#2b8cbe}"
    "@media screen and (prefers-color-scheme:dark){"
    ".plot{color:#d0d7de;background:#0d1117}"
    ".plot .s0{color:#56a8e0}.plot .s1{color:#f28e4b}.plot .s2{color:#35c79b}"
    ".plot .s3{color:#dd9bc4}.plot .s4{color:#e6b03c}.plot .s5{color:#8fd0f5}}"
    "</style>\n";

static const char *const dashes[PLOT_SERIES_MAX] = {"",        "7 3", "2 3",
                                                    "9 3 2 3", "4 2", "1 4"};

/* Strokes of a sign around the place where it starts; the first is a mere dot of a thick
 * round pen, which is short where there are thousands. */
static const char *const signs[PLOT_SERIES_MAX] = {
    "h0",
    "m-3-3l6 6m0-6l-6 6",
    "m-2.5-2.5h5v5h-5z",
    "m0-3.5v7m-3.5-3.5h7",
    "m0-3.5l3.5 6h-7z",
    "m0-3.5l3.5 3.5l-3.5 3.5l-3.5-3.5z",
};

struct canvas {
    FILE *out;
    const struct plot *plot;
    struct axis x, y;
    double left, right, top, bottom; /* of the area inside the axes */
};

static size_t letters(const char *text)
{
    return bytes_utf8_count(text, strlen(text));
}

static double place_x(const struct canvas *canvas, double value)
{
    return canvas->left + (canvas->right - canvas->left) * axis_place(&canvas->x, value);
}

static double place_y(const struct canvas *canvas, double value)
{
    return canvas->bottom -
           (canvas->bottom - canvas->top) * axis_place(&canvas->y, value);
}

static void text_at(FILE *out, double x, double y, const char *attributes,
                    const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, attributes);
    markup_text(out, text);
    fputs("</text>\n", out);
}

/* --- legend
 * ----------------------------------------------------------------------------------- */

static void draw_key(FILE *out, const struct plot *plot, const struct series *series,
                     double x, double y)
{
    size_t look = series->look, layers = 1;
    switch (series->kind) {
    case SERIES_LINE:
    case SERIES_RULE:
        fprintf(out,
                "<path class=\"%s s%zu\" stroke-dasharray=\"%s\" d=\"M%.1f %.1fh22\"/>\n",
                series->kind == SERIES_LINE ? "line" : "rule", look, dashes[look], x, y);
        break;
    case SERIES_POINTS:
        fprintf(out, "<path class=\"%s s%zu\" d=\"M%.1f %.1f%s\"/>\n",
                look ? "points" : "dots", look, x + 11, y, signs[look]);
        break;
    case SERIES_BAND:
        layers = plot_bands_under(plot, series);
        /* fall through */
    case SERIES_BARS:
        for (size_t i = 0; i < layers; i++)
            fprintf(out, "<path class=\"%s s%zu\" d=\"M%.1f %.1fh22v10h-22z\"/>\n",
                    series->kind == SERIES_BAND ? "band" : "bar", look, x, y - 5);
        break;
    }
}

/* Entries one after the other, in as many rows as they need; returns the rows. `out`
 * NULL: only counts. */
static size_t legend(const struct canvas *canvas, FILE *out, double top)
{
    double x = MARGIN;
    size_t rows = 0;
    for (size_t i = 0; i < canvas->plot->series_count; i++) {
        const struct series *series = &canvas->plot->series[i];
        if (!series->name)
            continue;
        double width = 28 + LETTER * (double)letters(series->name) + 18;
        if (!rows || x + width > WIDTH - MARGIN) {
            rows++;
            x = MARGIN;
        }
        double y = top + LINE * (double)(rows - 1) + LINE / 2;
        if (out) {
            draw_key(out, canvas->plot, series, x, y);
            text_at(out, x + 28, y + 4, "", series->name);
        }
        x += width;
    }
    return rows;
}

/* --- axes
 * -------------------------------------------------------------------------------------
 */

static double tick_step(const double *ticks, size_t count)
{
    return count > 1 ? ticks[1] - ticks[0] : 0;
}

/* Room for the widest label of the y axis. */
static double label_room(const struct axis *y)
{
    double ticks[AXIS_TICKS_MAX];
    char label[AXIS_LABEL_SIZE];
    size_t count = axis_ticks(y, 6, ticks), widest = 0;
    for (size_t i = 0; i < count; i++) {
        axis_label(ticks[i], tick_step(ticks, count), label);
        widest = strlen(label) > widest ? strlen(label) : widest;
    }
    return LETTER * (double)widest + 8;
}

static void draw_y_axis(const struct canvas *canvas)
{
    FILE *out = canvas->out;
    double ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&canvas->y, 6, ticks);
    for (size_t i = 0; i < count; i++) {
        char label[AXIS_LABEL_SIZE];
        double y = place_y(canvas, ticks[i]);
        axis_label(ticks[i], tick_step(ticks, count), label);
        fprintf(out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", canvas->left, y,
                canvas->right);
        text_at(out, canvas->left - 6, y + 4, " text-anchor=\"end\"", label);
    }
    if (canvas->plot->y_label) {
        double middle = (canvas->top + canvas->bottom) / 2;
        char turn[80];
        snprintf(turn, sizeof turn,
                 " text-anchor=\"middle\" transform=\"rotate(-90 %.1f %.1f)\"",
                 MARGIN + 10, middle);
        text_at(out, MARGIN + 10, middle, turn, canvas->plot->y_label);
    }
}

/* Names under the bars, slanted where they would touch. */
static void draw_categories(const struct canvas *canvas, bool slanted)
{
    for (size_t i = 0; i < canvas->plot->category_count; i++) {
        double x = place_x(canvas, (double)i + 0.5), y = canvas->bottom + 16;
        char turn[80];
        snprintf(turn, sizeof turn,
                 " text-anchor=\"end\" transform=\"rotate(-30 %.1f %.1f)\"", x, y);
        text_at(canvas->out, x, y, slanted ? turn : " text-anchor=\"middle\"",
                canvas->plot->categories[i]);
    }
}

static void draw_x_axis(const struct canvas *canvas)
{
    FILE *out = canvas->out;
    double ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&canvas->x, 8, ticks);
    for (size_t i = 0; i < count; i++) {
        char label[AXIS_LABEL_SIZE];
        double x = place_x(canvas, ticks[i]);
        axis_label(ticks[i], tick_step(ticks, count), label);
        fprintf(out, "<path class=\"axis\" d=\"M%.1f %.1fv5\"/>\n", x, canvas->bottom);
        text_at(out, x, canvas->bottom + 18, " text-anchor=\"middle\"", label);
    }
}

/* --- series
 * -------------------------------------------------------------------------------------
 */

/* "M" or "L" and the place, where there is one; a gap lifts the pen. */
static bool put_point(const struct canvas *canvas, double x, double y, bool *drawing)
{
    double px = place_x(canvas, x), py = place_y(canvas, y);
    if (!isfinite(px) || !isfinite(py)) {
        *drawing = false;
        return false;
    }
    fprintf(canvas->out, "%c%.1f %.1f", *drawing ? 'L' : 'M', px, py);
    *drawing = true;
    return true;
}

static void draw_line(const struct canvas *canvas, const struct series *series)
{
    bool drawing = false;
    fprintf(canvas->out, "<path class=\"line s%zu\" stroke-dasharray=\"%s\" d=\"",
            series->look, dashes[series->look]);
    for (size_t i = 0; i < series->count; i++)
        put_point(canvas, series->x[i], series->y[i], &drawing);
    fputs("\"/>\n", canvas->out);
}

static void draw_points(const struct canvas *canvas, const struct series *series)
{
    fprintf(canvas->out, "<path class=\"%s s%zu\" d=\"", series->look ? "points" : "dots",
            series->look);
    for (size_t i = 0; i < series->count; i++) {
        bool drawing = false;
        if (put_point(canvas, series->x[i], series->y[i], &drawing))
            fputs(signs[series->look], canvas->out);
    }
    fputs("\"/>\n", canvas->out);
}

/* Along the upper edge and back along the lower one, a piece for each stretch without
 * gap. */
static void draw_band(const struct canvas *canvas, const struct series *series)
{
    fprintf(canvas->out, "<path class=\"band s%zu\" d=\"", series->look);
    for (size_t begin = 0, end; begin < series->count; begin = end + 1) {
        bool drawing = false;
        for (end = begin; end < series->count; end++) {
            if (!isfinite(place_y(canvas, series->y[end])) ||
                !put_point(canvas, series->x[end], series->high[end], &drawing))
                break;
        }
        for (size_t i = end; i-- > begin;)
            put_point(canvas, series->x[i], series->y[i], &drawing);
        fputs(end > begin ? "Z" : "", canvas->out);
    }
    fputs("\"/>\n", canvas->out);
}

static void draw_bars(const struct canvas *canvas, const struct series *series,
                      size_t index, size_t groups)
{
    double width = 0.76 / (double)groups, zero = place_y(canvas, 0);
    bool labelled = groups * series->count <= 16;
    for (size_t i = 0; i < series->count; i++) {
        if (!isfinite(series->y[i]))
            continue;
        double from = place_x(canvas, (double)i + 0.12 + width * (double)index);
        double to = place_x(canvas, (double)i + 0.12 + width * (double)(index + 1)) - 1;
        double y = place_y(canvas, series->y[i]);
        fprintf(canvas->out,
                "<path class=\"bar s%zu\" d=\"M%.1f %.1fV%.1fH%.1fV%.1fz\"/>\n",
                series->look, from, zero, y, to, zero);
        char label[AXIS_LABEL_SIZE];
        snprintf(label, sizeof label, "%.3g", series->y[i]);
        if (labelled)
            text_at(canvas->out, (from + to) / 2, series->y[i] < 0 ? y + 14 : y - 4,
                    " text-anchor=\"middle\" font-size=\"11\"", label);
    }
}

static void draw_series(const struct canvas *canvas)
{
    size_t groups = plot_bar_count(canvas->plot), index = 0;
    for (size_t i = 0; i < canvas->plot->series_count; i++) {
        const struct series *series = &canvas->plot->series[i];
        if (series->kind == SERIES_LINE)
            draw_line(canvas, series);
        else if (series->kind == SERIES_POINTS)
            draw_points(canvas, series);
        else if (series->kind == SERIES_BAND)
            draw_band(canvas, series);
        else if (series->kind == SERIES_BARS)
            draw_bars(canvas, series, index++, groups);
        else if (isfinite(place_y(canvas, series->y[0])))
            fprintf(canvas->out,
                    "<path class=\"rule s%zu\" stroke-dasharray=\"%s\" d=\"M%.1f "
                    "%.1fH%.1f\"/>\n",
                    series->look, dashes[series->look], canvas->left,
                    place_y(canvas, series->y[0]), canvas->right);
    }
}

/* --- the whole
 * ---------------------------------------------------------------------------------- */

static bool categories_touch(const struct canvas *canvas)
{
    size_t count = canvas->plot->category_count;
    for (size_t i = 0; i < count; i++) {
        double room = (canvas->right - canvas->left) / (double)count;
        if (LETTER * (double)letters(canvas->plot->categories[i]) + 8 > room)
            return true;
    }
    return false;
}

static void draw_frame(const struct canvas *canvas, bool bars, bool slanted)
{
    const struct plot *plot = canvas->plot;
    draw_y_axis(canvas);
    if (bars)
        draw_categories(canvas, slanted);
    else
        draw_x_axis(canvas);
    if (plot->x_label)
        text_at(canvas->out, (canvas->left + canvas->right) / 2, HEIGHT - MARGIN,
                " text-anchor=\"middle\"", plot->x_label);
    draw_series(canvas);
    fprintf(canvas->out, "<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n",
            canvas->left, canvas->top, canvas->bottom, canvas->right);
}

char *svg_plot(const struct plot *plot)
{
    char *text = NULL;
    size_t size;
    struct canvas canvas = {.plot = plot, .out = open_memstream(&text, &size)};
    if (!canvas.out)
        abort();
    plot_axes(plot, &canvas.x, &canvas.y);
    bool bars = plot_bar_count(plot) > 0;
    canvas.left = MARGIN + (plot->y_label ? LINE : 0) + label_room(&canvas.y);
    canvas.right = WIDTH - MARGIN - 8;
    bool slanted = categories_touch(&canvas);
    double top = MARGIN + LINE + 4;
    canvas.top = top + LINE * (double)legend(&canvas, NULL, top) + 14;
    canvas.bottom =
        HEIGHT - MARGIN - LINE - (plot->x_label ? LINE : 0) - (slanted ? 50 : 0);
    fprintf(
        canvas.out,
        "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
        "width=\"%d\" height=\"%d\" role=\"img\">\n<title>",
        WIDTH, HEIGHT, WIDTH, HEIGHT);
    markup_text(canvas.out, plot->title);
    fprintf(canvas.out, "</title>\n%s", style);
    text_at(canvas.out, MARGIN, MARGIN + 14, " class=\"title\"", plot->title);
    legend(&canvas, canvas.out, top);
    draw_frame(&canvas, bars, slanted);
    fputs("</svg>\n", canvas.out);
    if (fclose(canvas.out) != 0)
        abort();
    return text;
}
