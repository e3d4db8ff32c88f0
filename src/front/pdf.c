#include "front/pdf.h"

#include <cairo-pdf.h>
#include <cairo.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

#include "drawing.h"
#include "report_impl.h"

/* A4 in points of 1/72 inch. */
#define PAPER_WIDTH 595.28
#define PAPER_HEIGHT 841.89
#define MARGIN 51.0 /* 18 mm */
#define WIDTH (PAPER_WIDTH - 2 * MARGIN)
#define FOOT (PAPER_HEIGHT - MARGIN) /* where the text ends */
#define GAP 7.0                      /* between parts */
#define GUTTER 10.0                  /* between columns */
#define PAD 2.5                      /* above and below a row */

#define FONT_TITLE "Sans Bold 18"
#define FONT_HEADING "Sans Bold 12.5"
#define FONT_TEXT "Sans 9.5"
#define FONT_CAPTION "Sans Bold 9"
#define FONT_CELL "Sans 8.5"
#define FONT_CELL_HEADING "Sans Bold 8.5"
#define FONT_SMALL "Sans 8"

#define INK 0.14, 0.16, 0.18
#define PALE 0.34, 0.38, 0.42
#define HAIR 0.82, 0.84, 0.87

#ifdef __SANITIZE_ADDRESS__
/* What fontconfig has read of the fonts is kept by it until the program ends, with
 * nothing left that points to it. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
#endif

struct sheet {
    cairo_t *cairo;
    double y; /* where the next part begins */
    int page;
};

/* --- text --- */

/* `text` in `font`, broken at `width` (0: not at all); the caller unrefs it. What is not
 * UTF-8 becomes U+FFFD, as in the HTML. */
static PangoLayout *set_text(struct sheet *sheet, const char *font, const char *text,
                             double width)
{
    PangoLayout *layout = pango_cairo_create_layout(sheet->cairo);
    pango_cairo_context_set_resolution(pango_layout_get_context(layout), 72);
    pango_layout_context_changed(layout);
    PangoFontDescription *description = pango_font_description_from_string(font);
    char *sound = bytes_to_utf8(text);
    pango_layout_set_font_description(layout, description);
    pango_layout_set_text(layout, sound, -1);
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    /* A hash that is broken must not come to have hyphens in it. */
    PangoAttrList *attributes = pango_attr_list_new();
    pango_attr_list_insert(attributes, pango_attr_insert_hyphens_new(FALSE));
    pango_layout_set_attributes(layout, attributes);
    pango_attr_list_unref(attributes);
    if (width > 0)
        pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
    pango_font_description_free(description);
    mem_free(sound);
    return layout;
}

static double height_of(PangoLayout *layout)
{
    int height;
    pango_layout_get_size(layout, NULL, &height);
    return (double)height / PANGO_SCALE;
}

static double width_of(PangoLayout *layout)
{
    int width;
    pango_layout_get_size(layout, &width, NULL);
    return (double)width / PANGO_SCALE;
}

static void show(struct sheet *sheet, PangoLayout *layout, double x, double y)
{
    cairo_move_to(sheet->cairo, x, y);
    pango_cairo_show_layout(sheet->cairo, layout);
}

/* --- pages --- */

static void put_footer(struct sheet *sheet)
{
    char number[24];
    snprintf(number, sizeof number, "%d", sheet->page);
    cairo_set_source_rgb(sheet->cairo, PALE);
    PangoLayout *words = set_text(sheet, FONT_SMALL, REPORT_FOOTER, 0),
                *page = set_text(sheet, FONT_SMALL, number, 0);
    show(sheet, words, MARGIN, FOOT + 12);
    show(sheet, page, MARGIN + WIDTH - width_of(page), FOOT + 12);
    g_object_unref(words);
    g_object_unref(page);
    cairo_set_source_rgb(sheet->cairo, INK);
}

static void turn_page(struct sheet *sheet)
{
    put_footer(sheet);
    cairo_show_page(sheet->cairo);
    sheet->page++;
    sheet->y = MARGIN;
}

/* Begin a new page unless `height` still fits, or this one is empty. */
static void make_room(struct sheet *sheet, double height)
{
    if (sheet->y + height > FOOT && sheet->y > MARGIN)
        turn_page(sheet);
}

/* Text that goes on over as many pages as it needs, line by line, `left` from the margin.
 */
static void put_lines(struct sheet *sheet, PangoLayout *layout, double left)
{
    PangoLayoutIter *line = pango_layout_get_iter(layout);
    do {
        PangoRectangle extents;
        pango_layout_iter_get_line_extents(line, NULL, &extents);
        double height = (double)extents.height / PANGO_SCALE;
        make_room(sheet, height);
        double baseline =
            (double)(pango_layout_iter_get_baseline(line) - extents.y) / PANGO_SCALE;
        cairo_move_to(sheet->cairo, MARGIN + left + (double)extents.x / PANGO_SCALE,
                      sheet->y + baseline);
        pango_cairo_show_layout_line(sheet->cairo,
                                     pango_layout_iter_get_line_readonly(line));
        sheet->y += height;
    } while (pango_layout_iter_next_line(line));
    pango_layout_iter_free(line);
}

static void put_text(struct sheet *sheet, const char *font, const char *text)
{
    PangoLayout *layout = set_text(sheet, font, text, WIDTH);
    put_lines(sheet, layout, 0);
    g_object_unref(layout);
}

/* A heading stays with what follows it. */
static void put_heading(struct sheet *sheet, const char *text)
{
    sheet->y += sheet->y > MARGIN ? 2 * GAP : 0;
    make_room(sheet, 90);
    put_text(sheet, FONT_HEADING, text);
}

/* In a frame with a thick left side; moved to the next page when it does not fit. */
static void put_notice(struct sheet *sheet, const char *text)
{
    PangoLayout *layout = set_text(sheet, FONT_TEXT, text, WIDTH - 24);
    double height = height_of(layout) + 12;
    make_room(sheet, height);
    double top = sheet->y;
    int page = sheet->page;
    sheet->y += 6;
    put_lines(sheet, layout, 14);
    sheet->y += 6;
    g_object_unref(layout);
    if (page != sheet->page)
        return; /* longer than a page: no frame */
    cairo_set_line_width(sheet->cairo, 0.8);
    cairo_rectangle(sheet->cairo, MARGIN, top, WIDTH, height);
    cairo_stroke(sheet->cairo);
    cairo_rectangle(sheet->cairo, MARGIN, top, 4, height);
    cairo_fill(sheet->cairo);
}

/* --- tables --- */

struct grid {
    const struct part *part;
    double *widths; /* [columns], without the gutter */
};

static const char *cell_text(const struct part *part, size_t row, size_t column)
{
    const char *text = part->cells[row * part->columns + column];
    return text ? text : "";
}

static void widen(struct sheet *sheet, double *width, const char *font, const char *text)
{
    PangoLayout *layout = set_text(sheet, font, text, 0);
    *width = fmax(*width, ceil(width_of(layout)) + 1);
    g_object_unref(layout);
}

/* Columns as wide as their text; where that is too much, those wider than an equal share
 * of what the narrow ones leave are cut to it, and their text is broken. */
static void measure_columns(struct sheet *sheet, struct grid *grid)
{
    const struct part *part = grid->part;
    double room = WIDTH - GUTTER * (double)(part->columns - 1), limit = 0;
    for (size_t j = 0; j < part->columns; j++) {
        widen(sheet, &grid->widths[j], FONT_CELL_HEADING, part->headings[j]);
        for (size_t i = 0; i < part->rows; i++)
            widen(sheet, &grid->widths[j], FONT_CELL, cell_text(part, i, j));
    }
    for (size_t pass = 0; pass < part->columns; pass++) {
        double narrow = 0;
        size_t wide = 0;
        for (size_t j = 0; j < part->columns; j++) {
            if (grid->widths[j] > limit)
                wide++;
            else
                narrow += grid->widths[j];
        }
        if (wide)
            limit = fmax((room - narrow) / (double)wide, 20);
    }
    for (size_t j = 0; j < part->columns; j++)
        grid->widths[j] = fmin(grid->widths[j], limit);
}

static void rule(struct sheet *sheet, double y, double width)
{
    cairo_set_source_rgb(sheet->cairo, HAIR);
    cairo_set_line_width(sheet->cairo, 0.5);
    cairo_move_to(sheet->cairo, MARGIN, y);
    cairo_line_to(sheet->cairo, MARGIN + width, y);
    cairo_stroke(sheet->cairo);
    cairo_set_source_rgb(sheet->cairo, INK);
}

/* One row, of headings or cells; with `drawn` false only its height. */
static double put_row(struct sheet *sheet, const struct grid *grid, const char *font,
                      const char *const *cells, bool drawn)
{
    double x = MARGIN, tallest = 0, total = -GUTTER;
    for (size_t j = 0; j < grid->part->columns; j++) {
        PangoLayout *layout =
            set_text(sheet, font, cells[j] ? cells[j] : "", grid->widths[j]);
        if (grid->part->numbers[j])
            pango_layout_set_alignment(layout, PANGO_ALIGN_RIGHT);
        if (drawn)
            show(sheet, layout, x, sheet->y + PAD);
        tallest = fmax(tallest, height_of(layout));
        x += grid->widths[j] + GUTTER;
        total += grid->widths[j] + GUTTER;
        g_object_unref(layout);
    }
    double height = tallest + 2 * PAD;
    if (drawn) {
        sheet->y += height;
        rule(sheet, sheet->y, total);
    }
    return height;
}

static void put_table(struct sheet *sheet, const struct part *part)
{
    struct grid grid = {part, mem_new(part->columns, sizeof *grid.widths)};
    const char *const *headings = (const char *const *)part->headings;
    measure_columns(sheet, &grid);
    double heading = put_row(sheet, &grid, FONT_CELL_HEADING, headings, false);
    make_room(sheet, heading + 50);
    if (part->text)
        put_text(sheet, FONT_CAPTION, part->text);
    put_row(sheet, &grid, FONT_CELL_HEADING, headings, true);
    for (size_t i = 0; i < part->rows; i++) {
        const char *const *cells = (const char *const *)part->cells + i * part->columns;
        double height = put_row(sheet, &grid, FONT_CELL, cells, false);
        if (sheet->y + height > FOOT && sheet->y > MARGIN + heading) {
            turn_page(sheet);
            put_row(sheet, &grid, FONT_CELL_HEADING, headings, true);
        }
        put_row(sheet, &grid, FONT_CELL, cells, true);
    }
    mem_free(grid.widths);
}

/* --- plots --- */

/* Okabe and Ito's, as front/svg has them on white. */
static const double colours[PLOT_SERIES_MAX][3] = {
    {0, 0.447, 0.698},     {0.835, 0.369, 0}, {0, 0.620, 0.451},
    {0.710, 0.333, 0.549}, {0.702, 0.478, 0}, {0.169, 0.549, 0.745},
};

struct ink {
    struct sheet *sheet;
    enum mark mark;
};

static void begin(void *context, enum mark mark, size_t look,
                  const double dashes[DRAWING_DASHES])
{
    static const double widths[] = {
        [MARK_AXIS] = 1,    [MARK_GRID] = 1, [MARK_LINE] = 2, [MARK_RULE] = 1.5,
        [MARK_SIGNS] = 1.6, [MARK_DOTS] = 5, [MARK_BAND] = 0, [MARK_BAR] = 0};
    struct ink *ink = context;
    cairo_t *cairo = ink->sheet->cairo;
    bool plain = mark == MARK_AXIS || mark == MARK_GRID;
    int count = 0;
    while (count < DRAWING_DASHES && dashes[count] > 0)
        count++;
    ink->mark = mark;
    const double *colour = colours[look];
    double alpha = mark == MARK_GRID ? 0.14 : mark == MARK_BAND ? 0.2 : 1;
    if (plain)
        cairo_set_source_rgba(cairo, INK, alpha);
    else
        cairo_set_source_rgba(cairo, colour[0], colour[1], colour[2], alpha);
    cairo_set_line_width(cairo, widths[mark]);
    cairo_set_line_cap(cairo,
                       mark == MARK_DOTS ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT);
    cairo_set_dash(cairo, dashes, count, 0);
    cairo_new_path(cairo);
}

static void move(void *context, double x, double y)
{
    cairo_move_to(((struct ink *)context)->sheet->cairo, x, y);
}

static void line(void *context, double x, double y)
{
    cairo_line_to(((struct ink *)context)->sheet->cairo, x, y);
}

static void close_run(void *context)
{
    cairo_close_path(((struct ink *)context)->sheet->cairo);
}

static void end(void *context)
{
    struct ink *ink = context;
    if (ink->mark == MARK_BAND || ink->mark == MARK_BAR)
        cairo_fill(ink->sheet->cairo);
    else
        cairo_stroke(ink->sheet->cairo);
}

static void text_at(void *context, double x, double y, enum lettering lettering,
                    enum anchor anchor, double degrees, const char *text)
{
    static const char *const fonts[] = {[LETTERS_TITLE] = "Sans Bold 14",
                                        [LETTERS_USUAL] = "Sans 12",
                                        [LETTERS_SMALL] = "Sans 11"};
    struct sheet *sheet = ((struct ink *)context)->sheet;
    PangoLayout *layout = set_text(sheet, fonts[lettering], text, 0);
    double share = anchor == ANCHOR_START ? 0 : anchor == ANCHOR_MIDDLE ? 0.5 : 1;
    cairo_save(sheet->cairo);
    cairo_set_source_rgb(sheet->cairo, INK);
    cairo_translate(sheet->cairo, x, y);
    cairo_rotate(sheet->cairo, degrees * acos(-1.0) / 180);
    show(sheet, layout, -share * width_of(layout),
         -(double)pango_layout_get_baseline(layout) / PANGO_SCALE);
    cairo_restore(sheet->cairo);
    g_object_unref(layout);
}

static void put_plot(struct sheet *sheet, const struct part *part)
{
    double scale = WIDTH / DRAWING_WIDTH, height = scale * DRAWING_HEIGHT;
    PangoLayout *caption =
        set_text(sheet, FONT_SMALL, part->text ? part->text : "", WIDTH);
    struct ink ink = {.sheet = sheet};
    make_room(sheet, height + height_of(caption));
    cairo_save(sheet->cairo);
    cairo_translate(sheet->cairo, MARGIN, sheet->y);
    cairo_scale(sheet->cairo, scale, scale);
    drawing_plot(part->plot, &(struct pen){.context = &ink,
                                           .begin = begin,
                                           .move = move,
                                           .line = line,
                                           .close = close_run,
                                           .end = end,
                                           .text = text_at});
    cairo_restore(sheet->cairo);
    sheet->y += height;
    if (part->text)
        put_lines(sheet, caption, 0);
    g_object_unref(caption);
}

/* --- the whole --- */

static void put_part(struct sheet *sheet, const struct part *part)
{
    switch (part->kind) {
    case PART_HEADING:
        put_heading(sheet, part->text);
        break;
    case PART_PARAGRAPH:
        put_text(sheet, FONT_TEXT, part->text);
        break;
    case PART_NOTICE:
        put_notice(sheet, part->text);
        break;
    case PART_TABLE:
        put_table(sheet, part);
        break;
    case PART_PLOT:
        put_plot(sheet, part);
        break;
    }
    sheet->y += GAP;
}

static cairo_status_t append(void *pdf, const unsigned char *data, unsigned size)
{
    bytes_append(pdf, data, size);
    return CAIRO_STATUS_SUCCESS;
}

static enum err check_fonts(void)
{
    PangoFontFamily **families = NULL;
    int count = 0;
    pango_font_map_list_families(pango_cairo_font_map_get_default(), &families, &count);
    g_free(families);
    if (count > 0)
        return ERR_OK;
    err_set(ERR_NOT_FOUND, "no font is installed, so nothing can be set on paper");
    return err_hint("apt-get install fonts-dejavu-core");
}

static void describe(cairo_surface_t *surface, const struct report *report, uint64_t wall)
{
    char made[CLOCK_TEXT_SIZE];
    char *title = bytes_to_utf8(report->title);
    clock_text(wall, made);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, title);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, made);
    mem_free(title);
}

enum err pdf_report(const struct report *report, uint64_t wall, struct bytes *pdf)
{
    if (check_fonts() != ERR_OK)
        return err_code();
    cairo_surface_t *surface =
        cairo_pdf_surface_create_for_stream(append, pdf, PAPER_WIDTH, PAPER_HEIGHT);
    struct sheet sheet = {.cairo = cairo_create(surface), .y = MARGIN, .page = 1};
    describe(surface, report, wall);
    cairo_set_source_rgb(sheet.cairo, INK);
    put_text(&sheet, FONT_TITLE, report->title);
    if (report->subtitle)
        put_text(&sheet, FONT_TEXT, report->subtitle);
    sheet.y += GAP;
    for (size_t i = 0; i < report->count; i++)
        put_part(&sheet, &report->parts[i]);
    put_footer(&sheet);
    cairo_destroy(sheet.cairo);
    cairo_surface_finish(surface);
    if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS)
        abort(); /* of memory only: nothing else can go wrong in a stream to memory */
    cairo_surface_destroy(surface);
    return ERR_OK;
}

enum err pdf_or_html(const struct report *report, uint64_t wall, const char *path,
                     struct bytes *file)
{
    const char *end = strrchr(path, '.');
    if (end && strcmp(end, ".pdf") == 0)
        return pdf_report(report, wall, file);
    char *page = report_html(report);
    bytes_append(file, page, strlen(page));
    free(page);
    return ERR_OK;
}
