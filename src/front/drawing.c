#include "drawing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#include "plot_impl.h"

#define LETTER 6.8 /* width of a letter, on the generous side */
#define MARGIN 12.0
#define TURN_LABEL (-90.0)
#define TURN_NAMES (-30.0)

static const double solid[DRAWING_DASHES] = {0};
static const double dashes[PLOT_SERIES_MAX][DRAWING_DASHES] = {
    {0}, {7, 3}, {2, 3}, {9, 3, 2, 3}, {4, 2}, {1, 4}};

/* Strokes of a sign around its place: 'M' or 'L' and how far off; the first is a mere
 * dot, which is short where there are thousands. */
struct stroke {
    char verb; /* 0: no more */
    double x, y;
};
#define STROKES_MAX 5
static const struct stroke signs[PLOT_SERIES_MAX][STROKES_MAX] = {
    {{'M', 0, 0}, {'L', 0, 0}},
    {{'M', -3, -3}, {'L', 3, 3}, {'M', -3, 3}, {'L', 3, -3}},
    {{'M', -2.5, -2.5}, {'L', 2.5, -2.5}, {'L', 2.5, 2.5}, {'L', -2.5, 2.5}, {'Z', 0, 0}},
    {{'M', 0, -3.5}, {'L', 0, 3.5}, {'M', -3.5, 0}, {'L', 3.5, 0}},
    {{'M', 0, -3.5}, {'L', 3.5, 2.5}, {'L', -3.5, 2.5}, {'Z', 0, 0}},
    {{'M', 0, -3.5}, {'L', 3.5, 0}, {'L', 0, 3.5}, {'L', -3.5, 0}, {'Z', 0, 0}},
};

struct canvas {
    const struct pen *pen;
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

static void text_at(const struct canvas *canvas, double x, double y, enum anchor anchor,
                    double degrees, const char *text)
{
    canvas->pen->text(canvas->pen->context, x, y, LETTERS_USUAL, anchor, degrees, text);
}

/* --- strokes --- */

static void begin(const struct canvas *canvas, enum mark mark, size_t look,
                  const double pattern[DRAWING_DASHES])
{
    canvas->pen->begin(canvas->pen->context, mark, look, pattern);
}

static void move(const struct canvas *canvas, double x, double y)
{
    canvas->pen->move(canvas->pen->context, x, y);
}

static void line(const struct canvas *canvas, double x, double y)
{
    canvas->pen->line(canvas->pen->context, x, y);
}

static void end(const struct canvas *canvas)
{
    canvas->pen->end(canvas->pen->context);
}

static void draw_stroke(const struct canvas *canvas, enum mark mark, size_t look,
                        const double pattern[DRAWING_DASHES], double x, double y,
                        double to_x, double to_y)
{
    begin(canvas, mark, look, pattern);
    move(canvas, x, y);
    line(canvas, to_x, to_y);
    end(canvas);
}

static void draw_box(const struct canvas *canvas, enum mark mark, size_t look, double x,
                     double y, double to_x, double to_y)
{
    begin(canvas, mark, look, solid);
    move(canvas, x, y);
    line(canvas, x, to_y);
    line(canvas, to_x, to_y);
    line(canvas, to_x, y);
    canvas->pen->close(canvas->pen->context);
    end(canvas);
}

static void put_sign(const struct canvas *canvas, size_t look, double x, double y)
{
    for (size_t i = 0; i < STROKES_MAX && signs[look][i].verb; i++) {
        const struct stroke *stroke = &signs[look][i];
        if (stroke->verb == 'M')
            move(canvas, x + stroke->x, y + stroke->y);
        else if (stroke->verb == 'L')
            line(canvas, x + stroke->x, y + stroke->y);
        else
            canvas->pen->close(canvas->pen->context);
    }
}

static enum mark mark_of_signs(const struct series *series)
{
    return series->look ? MARK_SIGNS : MARK_DOTS;
}

/* --- legend --- */

static void draw_key(const struct canvas *canvas, const struct series *series, double x,
                     double y)
{
    size_t look = series->look, layers = 1;
    switch (series->kind) {
    case SERIES_LINE:
    case SERIES_RULE:
        draw_stroke(canvas, series->kind == SERIES_LINE ? MARK_LINE : MARK_RULE, look,
                    dashes[look], x, y, x + 22, y);
        break;
    case SERIES_POINTS:
        begin(canvas, mark_of_signs(series), look, solid);
        put_sign(canvas, look, x + 11, y);
        end(canvas);
        break;
    case SERIES_BAND:
        layers = plot_bands_under(canvas->plot, series);
        /* fall through */
    case SERIES_BARS:
        for (size_t i = 0; i < layers; i++)
            draw_box(canvas, series->kind == SERIES_BAND ? MARK_BAND : MARK_BAR, look, x,
                     y - 5, x + 22, y + 5);
        break;
    }
}

/* Entries one after the other, in as many rows as they need; returns the rows. Without
 * `drawn` it only counts. */
static size_t legend(const struct canvas *canvas, bool drawn, double top)
{
    double x = MARGIN;
    size_t rows = 0;
    for (size_t i = 0; i < canvas->plot->series_count; i++) {
        const struct series *series = &canvas->plot->series[i];
        if (!series->name)
            continue;
        double width = 28 + LETTER * (double)letters(series->name) + 18;
        if (!rows || x + width > DRAWING_WIDTH - MARGIN) {
            rows++;
            x = MARGIN;
        }
        double y = top + DRAWING_LINE * (double)(rows - 1) + DRAWING_LINE / 2;
        if (drawn) {
            draw_key(canvas, series, x, y);
            text_at(canvas, x + 28, y + 4, ANCHOR_START, 0, series->name);
        }
        x += width;
    }
    return rows;
}

/* --- axes --- */

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
    double ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&canvas->y, 6, ticks);
    for (size_t i = 0; i < count; i++) {
        char label[AXIS_LABEL_SIZE];
        double y = place_y(canvas, ticks[i]);
        axis_label(ticks[i], tick_step(ticks, count), label);
        draw_stroke(canvas, MARK_GRID, 0, solid, canvas->left, y, canvas->right, y);
        text_at(canvas, canvas->left - 6, y + 4, ANCHOR_END, 0, label);
    }
    if (canvas->plot->y_label)
        text_at(canvas, MARGIN + 10, (canvas->top + canvas->bottom) / 2, ANCHOR_MIDDLE,
                TURN_LABEL, canvas->plot->y_label);
}

/* Names under the bars, slanted where they would touch. */
static void draw_categories(const struct canvas *canvas, bool slanted)
{
    for (size_t i = 0; i < canvas->plot->category_count; i++)
        text_at(canvas, place_x(canvas, (double)i + 0.5), canvas->bottom + 16,
                slanted ? ANCHOR_END : ANCHOR_MIDDLE, slanted ? TURN_NAMES : 0,
                canvas->plot->categories[i]);
}

static void draw_x_axis(const struct canvas *canvas)
{
    double ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&canvas->x, 8, ticks);
    for (size_t i = 0; i < count; i++) {
        char label[AXIS_LABEL_SIZE];
        double x = place_x(canvas, ticks[i]);
        axis_label(ticks[i], tick_step(ticks, count), label);
        draw_stroke(canvas, MARK_AXIS, 0, solid, x, canvas->bottom, x,
                    canvas->bottom + 5);
        text_at(canvas, x, canvas->bottom + 18, ANCHOR_MIDDLE, 0, label);
    }
}

/* --- series --- */

/* To the place, where there is one; a gap lifts the pen. */
static bool put_point(const struct canvas *canvas, double x, double y, bool *drawing)
{
    double px = place_x(canvas, x), py = place_y(canvas, y);
    if (!isfinite(px) || !isfinite(py)) {
        *drawing = false;
        return false;
    }
    (*drawing ? line : move)(canvas, px, py);
    *drawing = true;
    return true;
}

static void draw_line(const struct canvas *canvas, const struct series *series)
{
    bool drawing = false;
    begin(canvas, MARK_LINE, series->look, dashes[series->look]);
    for (size_t i = 0; i < series->count; i++)
        put_point(canvas, series->x[i], series->y[i], &drawing);
    end(canvas);
}

static void draw_points(const struct canvas *canvas, const struct series *series)
{
    begin(canvas, mark_of_signs(series), series->look, solid);
    for (size_t i = 0; i < series->count; i++) {
        double x = place_x(canvas, series->x[i]), y = place_y(canvas, series->y[i]);
        if (isfinite(x) && isfinite(y))
            put_sign(canvas, series->look, x, y);
    }
    end(canvas);
}

/* Along the upper edge and back along the lower one, a piece for each stretch without
 * gap. */
static void draw_band(const struct canvas *canvas, const struct series *series)
{
    begin(canvas, MARK_BAND, series->look, solid);
    for (size_t from = 0, to; from < series->count; from = to + 1) {
        bool drawing = false;
        for (to = from; to < series->count; to++) {
            if (!isfinite(place_y(canvas, series->y[to])) ||
                !put_point(canvas, series->x[to], series->high[to], &drawing))
                break;
        }
        for (size_t i = to; i-- > from;)
            put_point(canvas, series->x[i], series->y[i], &drawing);
        if (to > from)
            canvas->pen->close(canvas->pen->context);
    }
    end(canvas);
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
        draw_box(canvas, MARK_BAR, series->look, from, zero, to, y);
        char label[AXIS_LABEL_SIZE];
        snprintf(label, sizeof label, "%.3g", series->y[i]);
        if (labelled)
            canvas->pen->text(canvas->pen->context, (from + to) / 2,
                              series->y[i] < 0 ? y + 14 : y - 4, LETTERS_SMALL,
                              ANCHOR_MIDDLE, 0, label);
    }
}

static void draw_series(const struct canvas *canvas)
{
    size_t groups = plot_bar_count(canvas->plot), index = 0;
    for (size_t i = 0; i < canvas->plot->series_count; i++) {
        const struct series *series = &canvas->plot->series[i];
        double y = series->kind == SERIES_RULE ? place_y(canvas, series->y[0]) : NAN;
        if (series->kind == SERIES_LINE)
            draw_line(canvas, series);
        else if (series->kind == SERIES_POINTS)
            draw_points(canvas, series);
        else if (series->kind == SERIES_BAND)
            draw_band(canvas, series);
        else if (series->kind == SERIES_BARS)
            draw_bars(canvas, series, index++, groups);
        else if (isfinite(y))
            draw_stroke(canvas, MARK_RULE, series->look, dashes[series->look],
                        canvas->left, y, canvas->right, y);
    }
}

/* --- the whole --- */

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

static void draw_frame(const struct canvas *canvas, bool slanted)
{
    draw_y_axis(canvas);
    if (canvas->plot->category_count)
        draw_categories(canvas, slanted);
    else
        draw_x_axis(canvas);
    if (canvas->plot->x_label)
        text_at(canvas, (canvas->left + canvas->right) / 2, DRAWING_HEIGHT - MARGIN,
                ANCHOR_MIDDLE, 0, canvas->plot->x_label);
    draw_series(canvas);
    begin(canvas, MARK_AXIS, 0, solid);
    move(canvas, canvas->left, canvas->top);
    line(canvas, canvas->left, canvas->bottom);
    line(canvas, canvas->right, canvas->bottom);
    end(canvas);
}

void drawing_plot(const struct plot *plot, const struct pen *pen)
{
    struct canvas canvas = {.plot = plot, .pen = pen};
    plot_axes(plot, &canvas.x, &canvas.y);
    canvas.left = MARGIN + (plot->y_label ? DRAWING_LINE : 0) + label_room(&canvas.y);
    canvas.right = DRAWING_WIDTH - MARGIN - 8;
    bool slanted = categories_touch(&canvas);
    double top = MARGIN + DRAWING_LINE + 4;
    canvas.top = top + DRAWING_LINE * (double)legend(&canvas, false, top) + 14;
    canvas.bottom = DRAWING_HEIGHT - MARGIN - DRAWING_LINE -
                    (plot->x_label ? DRAWING_LINE : 0) - (slanted ? 50 : 0);
    pen->text(pen->context, MARGIN, MARGIN + 14, LETTERS_TITLE, ANCHOR_START, 0,
              plot->title);
    legend(&canvas, true, top);
    draw_frame(&canvas, slanted);
}
