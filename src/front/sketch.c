#include "front/sketch.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"

#include "plot_impl.h"

#define WIDTH_MIN ((size_t)40)
#define WIDTH_MAX ((size_t)400)
#define HEIGHT_MIN ((size_t)8)
#define HEIGHT_MAX ((size_t)200)

/* Signs of points, and of lines where braille could not tell them apart. */
static const char *const ascii_signs[PLOT_SERIES_MAX] = {"*", "o", "+", "x", "#", "@"};
static const char *const signs[PLOT_SERIES_MAX] = {"\u25cf", "\u25cb", "\u25b2",
                                                   "\u25b3", "\u25a0", "\u25a1"};
/* Of bars where there is no colour. */
static const char *const shades[PLOT_SERIES_MAX] = {"\u2588", "\u2592", "\u2593",
                                                    "\u2591", "#",      "="};
/* Escape sequences of the same order as svg's colours, as far as sixteen colours go. */
static const char *const colours[PLOT_SERIES_MAX] = {"\033[34m", "\033[31m", "\033[32m",
                                                     "\033[35m", "\033[33m", "\033[36m"};

/* One character: a sign, or up to 2 by 4 dots, or a band, or nothing. */
struct cell {
    const char *sign; /* NULL: none */
    uint8_t dots;     /* bits in braille's order */
    size_t bands;     /* so many lie over each other here */
    size_t look;
};

struct sheet {
    const struct plot *plot;
    struct sketch_paper paper;
    struct axis x, y;
    size_t columns, rows; /* of cells inside the axes */
    bool lines_dotted;    /* in braille; otherwise in signs */
    struct cell *cells;   /* [rows][columns] */
};

static size_t letters(const char *text)
{
    return bytes_utf8_count(text, strlen(text));
}

/* At most `most` letters of `text`, then blanks up to `most` when `fill`. */
static void put_text(FILE *out, const char *text, size_t most, bool fill)
{
    size_t count = 0;
    for (; *text; text++) {
        bool begins = ((unsigned char)*text & 0xc0) != 0x80;
        if (begins && count == most)
            break;
        count += begins;
        fputc(*text, out);
    }
    for (; fill && count < most; count++)
        fputc(' ', out);
}

static void put_styled(FILE *out, const struct sheet *sheet, size_t look,
                       const char *text)
{
    fprintf(out, "%s%s%s", sheet->paper.colour ? colours[look] : "", text,
            sheet->paper.colour ? "\033[0m" : "");
}

/* --- lines, points and bands
 * ------------------------------------------------------------------ */

static const char *sign_of(const struct sheet *sheet, const struct series *series)
{
    if (series->kind == SERIES_RULE)
        return sheet->paper.unicode ? "\u254c" : "-";
    return (sheet->paper.unicode ? signs : ascii_signs)[series->look];
}

/* The more bands lie over each other, the denser. */
static const char *band_sign(const struct sheet *sheet, size_t bands)
{
    if (sheet->paper.unicode)
        return bands > 1 ? "\u2592" : "\u2591";
    return bands > 1 ? "%" : ":";
}

static bool is_dotted(const struct sheet *sheet, const struct series *series)
{
    return series->kind == SERIES_LINE && sheet->lines_dotted;
}

/* Where a place between 0 and 1 lies, in dots (a sign's cell is one) from the left and
 * from the bottom. */
static bool dot_of(const struct sheet *sheet, const struct series *series, double px,
                   double py, double dot[2])
{
    if (!(px >= 0 && px <= 1 && py >= 0 && py <= 1))
        return false;
    bool dotted = is_dotted(sheet, series);
    dot[0] = px * (double)(sheet->columns * (dotted ? 2 : 1) - 1);
    dot[1] = py * (double)(sheet->rows * (dotted ? 4 : 1) - 1);
    return true;
}

static void set_dot(struct sheet *sheet, const struct series *series, const double dot[2])
{
    static const uint8_t bits[4][2] = {
        {0x40, 0x80}, {0x04, 0x20}, {0x02, 0x10}, {0x01, 0x08}};
    bool dotted = is_dotted(sheet, series);
    size_t x = (size_t)(dot[0] + 0.5), y = (size_t)(dot[1] + 0.5);
    size_t row = sheet->rows - 1 - y / (dotted ? 4 : 1);
    struct cell *cell = &sheet->cells[row * sheet->columns + x / (dotted ? 2 : 1)];
    if (dotted)
        cell->dots |= bits[y % 4][x % 2];
    cell->sign = dotted ? NULL : sign_of(sheet, series);
    cell->look = series->look;
}

static void set_line(struct sheet *sheet, const struct series *series,
                     const double from[2], const double to[2])
{
    double wide = to[0] - from[0], high = to[1] - from[1];
    double steps = ceil(fmax(fabs(wide), fabs(high)));
    for (double i = 0; i <= steps; i++) {
        double part = steps > 0 ? i / steps : 0;
        const double dot[2] = {from[0] + part * wide, from[1] + part * high};
        set_dot(sheet, series, dot);
    }
}

static void set_series(struct sheet *sheet, const struct series *series)
{
    bool drawing = false;
    double last[2] = {0, 0}, now[2] = {0, 0};
    for (size_t i = 0; i < series->count; i++) {
        bool there = dot_of(sheet, series, axis_place(&sheet->x, series->x[i]),
                            axis_place(&sheet->y, series->y[i]), now);
        if (there && drawing && series->kind == SERIES_LINE)
            set_line(sheet, series, last, now);
        else if (there)
            set_dot(sheet, series, now);
        drawing = there;
        memcpy(last, now, sizeof last);
    }
}

static void set_rule(struct sheet *sheet, const struct series *series)
{
    double from[2], to[2], place = axis_place(&sheet->y, series->y[0]);
    if (dot_of(sheet, series, 0, place, from) && dot_of(sheet, series, 1, place, to))
        set_line(sheet, series, from, to);
}

/* A cell belongs to the band when its middle does, between neighbouring x. */
static void set_band(struct sheet *sheet, const struct series *series)
{
    for (size_t column = 0; column < sheet->columns; column++) {
        double place = ((double)column + 0.5) / (double)sheet->columns;
        double x = sheet->x.low + place * (sheet->x.high - sheet->x.low);
        for (size_t i = 0; i + 1 < series->count; i++) {
            double from = series->x[i], to = series->x[i + 1];
            if (!(from <= x && x <= to && from < to))
                continue;
            double part = (x - from) / (to - from);
            double low = series->y[i] + part * (series->y[i + 1] - series->y[i]);
            double high =
                series->high[i] + part * (series->high[i + 1] - series->high[i]);
            for (size_t row = 0; row < sheet->rows; row++) {
                double middle = 1 - ((double)row + 0.5) / (double)sheet->rows;
                struct cell *cell = &sheet->cells[row * sheet->columns + column];
                if (middle >= axis_place(&sheet->y, low) &&
                    middle <= axis_place(&sheet->y, high))
                    *cell = (struct cell){.bands = cell->bands + 1, .look = series->look};
            }
        }
    }
}

static void put_cell(FILE *out, const struct sheet *sheet, const struct cell *cell)
{
    /* U+2800, with the dots in its low byte. */
    const char braille[] = {(char)0xe2, (char)(0xa0 | cell->dots >> 6),
                            (char)(0x80 | (cell->dots & 0x3f)), '\0'};
    if (cell->sign)
        put_styled(out, sheet, cell->look, cell->sign);
    else if (cell->dots)
        put_styled(out, sheet, cell->look, braille);
    else if (cell->bands)
        put_styled(out, sheet, cell->look, band_sign(sheet, cell->bands));
    else
        fputc(' ', out);
}

static const char *legend_sign(const struct sheet *sheet, const struct series *series)
{
    if (series->kind == SERIES_BARS && sheet->paper.unicode)
        return sheet->paper.colour ? shades[0] : shades[series->look];
    if (is_dotted(sheet, series))
        return "\u2500";
    return series->kind == SERIES_BAND
               ? band_sign(sheet, plot_bands_under(sheet->plot, series))
               : sign_of(sheet, series);
}

/* Entries beside each other, as many as a line holds. A rule through bars is not drawn:
 * its value is said. */
static void put_legend(FILE *out, const struct sheet *sheet)
{
    size_t at = 0;
    for (size_t i = 0; i < sheet->plot->series_count; i++) {
        const struct series *series = &sheet->plot->series[i];
        if (!series->name)
            continue;
        bool said = series->kind == SERIES_RULE && plot_bar_count(sheet->plot) > 0;
        char *entry = said ? mem_format("%s: %.4g", series->name, series->y[0])
                           : mem_text(series->name);
        size_t wide = 2 + letters(entry);
        if (at && at + 3 + wide > sheet->paper.width) {
            fputc('\n', out);
            at = 0;
        }
        fputs(at ? "   " : "", out);
        put_styled(out, sheet, series->look, legend_sign(sheet, series));
        fputc(' ', out);
        put_text(out, entry, sheet->paper.width - 2, false);
        at += wide + (at ? 3 : 0);
        mem_free(entry);
    }
    if (at)
        fputc('\n', out);
}

/* Labels of the y axis stand on the rows nearest to their ticks. */
static void label_rows(const struct sheet *sheet, char (*labels)[AXIS_LABEL_SIZE],
                       size_t *widest)
{
    double ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&sheet->y, 1 + sheet->rows / 3, ticks);
    double step = count > 1 ? ticks[1] - ticks[0] : 0;
    *widest = 0;
    for (size_t i = 0; i < count; i++) {
        double place = axis_place(&sheet->y, ticks[i]);
        size_t up = (size_t)(place * (double)(sheet->rows - 1) + 0.5);
        size_t row = sheet->rows - 1 - up; /* as set_dot rounds */
        axis_label(ticks[i], step, labels[row]);
        *widest = strlen(labels[row]) > *widest ? strlen(labels[row]) : *widest;
    }
}

/* Tick labels below the x axis, as many as stand clear of each other. */
static void put_x_axis(FILE *out, const struct sheet *sheet, size_t margin)
{
    double ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&sheet->x, 1 + sheet->columns / 12, ticks);
    double step = count > 1 ? ticks[1] - ticks[0] : 0;
    fprintf(out, "%*s%s", (int)margin, "", sheet->paper.unicode ? "\u2514" : "+");
    for (size_t i = 0; i < sheet->columns; i++)
        fputs(sheet->paper.unicode ? "\u2500" : "-", out);
    fprintf(out, "\n%*s", (int)margin + 1, "");
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        char label[AXIS_LABEL_SIZE];
        axis_label(ticks[i], step, label);
        size_t size = strlen(label);
        double middle = axis_place(&sheet->x, ticks[i]) * (double)(sheet->columns - 1);
        size_t begin =
            middle > (double)size / 2 ? (size_t)(middle - (double)size / 2 + 0.5) : 0;
        if (begin + size > sheet->columns)
            begin = sheet->columns - size;
        if (at && begin < at + 2)
            continue;
        fprintf(out, "%*s%s", (int)(begin - at), "", label);
        at = begin + size;
    }
    fputc('\n', out);
}

static void put_cells(FILE *out, struct sheet *sheet)
{
    size_t margin = 0;
    char(*labels)[AXIS_LABEL_SIZE] = mem_new(sheet->rows, sizeof *labels);
    label_rows(sheet, labels, &margin);
    sheet->columns = sheet->paper.width - margin - 1;
    sheet->cells = mem_new(sheet->rows * sheet->columns, sizeof *sheet->cells);
    for (size_t i = 0; i < sheet->plot->series_count; i++) {
        const struct series *series = &sheet->plot->series[i];
        if (series->kind == SERIES_BAND)
            set_band(sheet, series);
        else if (series->kind == SERIES_RULE)
            set_rule(sheet, series);
        else
            set_series(sheet, series);
    }
    for (size_t row = 0; row < sheet->rows; row++) {
        const char *tick =
            sheet->paper.unicode ? (*labels[row] ? "\u2524" : "\u2502") : "|";
        fprintf(out, "%*s%s", (int)margin, labels[row], tick);
        size_t used = sheet->columns;
        const struct cell *cells = &sheet->cells[row * sheet->columns];
        while (used && !cells[used - 1].dots && !cells[used - 1].sign &&
               !cells[used - 1].bands)
            used--;
        for (size_t column = 0; column < used; column++)
            put_cell(out, sheet, &cells[column]);
        fputc('\n', out);
    }
    put_x_axis(out, sheet, margin);
    mem_free(sheet->cells);
    mem_free(labels);
}

/* --- bars
 * ---------------------------------------------------------------------------------------
 */

/* A bar of `length` cells; where nothing but full blocks is needed, to an eighth of one.
 */
static void put_bar(FILE *out, const struct sheet *sheet, size_t look, double length)
{
    static const char *const eighths[] = {"",       "\u258f", "\u258e", "\u258d",
                                          "\u258c", "\u258b", "\u258a", "\u2589"};
    bool unicode = sheet->paper.unicode, colour = sheet->paper.colour;
    bool fine = unicode && (colour || look == 0);
    const char *block = fine ? shades[0] : unicode ? shades[look] : ascii_signs[look];
    size_t parts = (size_t)(length * 8 + 0.5);
    fputs(colour ? colours[look] : "", out);
    for (size_t i = 0; i < (fine ? parts : parts + 4) / 8; i++)
        fputs(block, out);
    fputs(fine ? eighths[parts % 8] : "", out);
    fputs(colour ? "\033[0m" : "", out);
}

/* Category, bar, value; negative values have their number but no bar. */
static void put_bars(FILE *out, const struct sheet *sheet)
{
    const struct plot *plot = sheet->plot;
    size_t name = 0, most = sheet->paper.width / 3;
    for (size_t i = 0; i < plot->category_count; i++)
        name = letters(plot->categories[i]) > name ? letters(plot->categories[i]) : name;
    name = name > most ? most : name;
    size_t room = sheet->paper.width - name - 2 - 12;
    for (size_t i = 0; i < plot->category_count; i++) {
        bool first = true;
        for (size_t j = 0; j < plot->series_count; j++) {
            const struct series *series = &plot->series[j];
            if (series->kind != SERIES_BARS)
                continue;
            put_text(out, first ? plot->categories[i] : "", name, true);
            fputs(sheet->paper.unicode ? " \u2502" : " |", out);
            first = false;
            double value = series->y[i];
            if (isfinite(value) && value > 0 && sheet->y.high > 0)
                put_bar(out, sheet, series->look, (double)room * value / sheet->y.high);
            if (isfinite(value))
                fprintf(out, " %.4g", value);
            fputc('\n', out);
        }
    }
}

/* --- the whole
 * ---------------------------------------------------------------------------------- */

static size_t within(size_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : value;
}

static void put_line(FILE *out, const char *text, size_t width)
{
    put_text(out, text, width, false);
    fputc('\n', out);
}

char *sketch_plot(const struct plot *plot, const struct sketch_paper *paper)
{
    char *text = NULL;
    size_t size, named = 0, lines = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    struct sheet sheet = {.plot = plot, .paper = *paper};
    bool bars = plot_bar_count(plot) > 0;
    sheet.paper.width = within(paper->width, WIDTH_MIN, WIDTH_MAX);
    sheet.paper.height = within(paper->height, HEIGHT_MIN, HEIGHT_MAX);
    plot_axes(plot, &sheet.x, &sheet.y);
    for (size_t i = 0; i < plot->series_count; i++) {
        named += plot->series[i].name != NULL;
        lines += plot->series[i].kind == SERIES_LINE;
    }
    sheet.lines_dotted = paper->unicode && (paper->colour || lines == 1);
    size_t around = 3u + (plot->y_label != NULL) + (plot->x_label != NULL) + (named > 0);
    sheet.rows = sheet.paper.height - around;
    put_line(out, plot->title, sheet.paper.width);
    if (plot->y_label)
        put_line(out, plot->y_label, sheet.paper.width);
    if (bars)
        put_bars(out, &sheet);
    else
        put_cells(out, &sheet);
    if (plot->x_label) {
        size_t wide = letters(plot->x_label), width = sheet.paper.width;
        fprintf(out, "%*s", (int)(bars || wide > width ? 0 : width - wide), "");
        put_line(out, plot->x_label, width);
    }
    put_legend(out, &sheet);
    if (fclose(out) != 0)
        abort();
    return text;
}
