#include "report_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "front/svg.h"

#include "base/memory.h"

#include "markup.h"

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{margin:0 auto;padding:2rem "
    "1.25rem;max-width:46rem;color:#24292f;background:#fff;"
    "font:16px/1.55 system-ui,sans-serif}"
    "header{border-bottom:1px solid #8c959f;margin-bottom:1.5rem}"
    "h1{font-size:1.75rem;line-height:1.2;margin:0 0 .25rem}"
    "h2{font-size:1.25rem;margin:2.25rem 0 .5rem}"
    ".subtitle,figcaption,footer{color:#57606a}.subtitle{margin:0 0 1rem}"
    ".notice{border:1px solid #8c959f;border-left-width:.4rem;padding:.6rem .9rem}"
    ".wide{overflow-x:auto;margin:1rem 0}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem}"
    "caption{text-align:left;font-weight:600;padding-bottom:.3rem}"
    "th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid #d0d7de;"
    "vertical-align:top}thead th{border-bottom-color:#57606a}.number{text-align:right}"
    "figure{margin:1.25rem 0}figure svg{max-width:100%;height:auto}"
    "figcaption{font-size:.92rem}"
    "footer{margin-top:3rem;border-top:1px solid "
    "#8c959f;padding-top:.75rem;font-size:.85rem}"
    "@media screen and (prefers-color-scheme:dark){"
    "body{color:#d0d7de;background:#0d1117}.subtitle,figcaption,footer{color:#9198a1}"
    "th,td{border-color:#3d444d}}"
    "@media print{body{max-width:none;padding:0;font-size:10.5pt}h2{break-after:avoid}"
    "figure,tr,.notice{break-inside:avoid}.wide{overflow:visible}"
    "thead{display:table-header-group}}"
    "@page{margin:18mm}";

struct report *report_new(const char *title, const char *subtitle)
{
    struct report *report = mem_new(1, sizeof *report);
    report->title = mem_text(title);
    report->subtitle = subtitle ? mem_text(subtitle) : NULL;
    return report;
}

static void free_part(struct part *part)
{
    mem_free(part->text);
    for (size_t i = 0; i < part->columns; i++)
        mem_free(part->headings[i]);
    for (size_t i = 0; i < part->rows * part->columns; i++)
        mem_free(part->cells[i]);
    mem_free(part->headings);
    mem_free(part->cells);
    mem_free(part->numbers);
    plot_destroy(&part->plot);
}

void report_destroy(struct report **report)
{
    if (!*report)
        return;
    for (size_t i = 0; i < (*report)->count; i++)
        free_part(&(*report)->parts[i]);
    mem_free((*report)->parts);
    mem_free((*report)->title);
    mem_free((*report)->subtitle);
    mem_free(*report);
    *report = NULL;
}

/* --- saying it --- */

/* Takes `text`. */
static struct part *add(struct report *report, enum part_kind kind, char *text)
{
    MEM_GROW(report->parts, report->count + 1, &report->capacity);
    struct part *part = &report->parts[report->count++];
    *part = (struct part){.kind = kind, .text = text};
    return part;
}

void report_heading(struct report *report, const char *text)
{
    add(report, PART_HEADING, mem_text(text));
}

static char *formatted(const char *format, va_list arguments)
    __attribute__((format(printf, 1, 0)));

static char *formatted(const char *format, va_list arguments)
{
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    return text;
}

void report_paragraph(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(report, PART_PARAGRAPH, formatted(format, arguments));
    va_end(arguments);
}

void report_notice(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(report, PART_NOTICE, formatted(format, arguments));
    va_end(arguments);
}

void report_table(struct report *report, const char *caption,
                  const struct report_column *columns, size_t count)
{
    struct part *part = add(report, PART_TABLE, caption ? mem_text(caption) : NULL);
    part->columns = count;
    part->headings = mem_new(count, sizeof *part->headings);
    part->numbers = mem_new(count, sizeof *part->numbers);
    for (size_t i = 0; i < count; i++) {
        part->headings[i] = mem_text(columns[i].heading);
        part->numbers[i] = columns[i].is_number;
    }
}

void report_row(struct report *report, const char *const *cells)
{
    struct part *part = report->count ? &report->parts[report->count - 1] : NULL;
    if (!part || part->kind != PART_TABLE)
        abort(); /* a row of no table */
    MEM_GROW(part->cells, (part->rows + 1) * part->columns, &part->cells_capacity);
    for (size_t i = 0; i < part->columns; i++)
        part->cells[part->rows * part->columns + i] =
            cells[i] ? mem_text(cells[i]) : NULL;
    part->rows++;
}

void report_plot(struct report *report, struct plot **plot, const char *caption)
{
    add(report, PART_PLOT, caption ? mem_text(caption) : NULL)->plot = *plot;
    *plot = NULL;
}

/* --- as HTML --- */

static void element(FILE *out, const char *name, const char *attributes, const char *text)
{
    fprintf(out, "<%s%s>", name, attributes);
    markup_text(out, text ? text : "");
    fprintf(out, "</%s>\n", name);
}

static void put_table(FILE *out, const struct part *part)
{
    fputs("<div class=\"wide\"><table>", out);
    if (part->text)
        element(out, "caption", "", part->text);
    fputs("<thead><tr>", out);
    for (size_t i = 0; i < part->columns; i++)
        element(out, "th",
                part->numbers[i] ? " scope=\"col\" class=\"number\"" : " scope=\"col\"",
                part->headings[i]);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < part->rows; i++) {
        fputs("<tr>", out);
        for (size_t j = 0; j < part->columns; j++)
            element(out, "td", part->numbers[j] ? " class=\"number\"" : "",
                    part->cells[i * part->columns + j]);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void put_plot(FILE *out, const struct part *part)
{
    char *svg = svg_plot(part->plot);
    fprintf(out, "<figure>\n%s", svg);
    free(svg);
    if (part->text)
        element(out, "figcaption", "", part->text);
    fputs("</figure>\n", out);
}

static void put_part(FILE *out, const struct part *part)
{
    switch (part->kind) {
    case PART_HEADING:
        element(out, "h2", "", part->text);
        break;
    case PART_PARAGRAPH:
        element(out, "p", "", part->text);
        break;
    case PART_NOTICE:
        element(out, "p", " class=\"notice\"", part->text);
        break;
    case PART_TABLE:
        put_table(out, part);
        break;
    case PART_PLOT:
        put_plot(out, part);
        break;
    }
}

char *report_html(const struct report *report)
{
    char *page = NULL;
    size_t size;
    FILE *out = open_memstream(&page, &size);
    if (!out)
        abort();
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
            "style-src 'unsafe-inline'\">\n");
    element(out, "title", "", report->title);
    fprintf(out, "<style>%s</style>\n</head>\n<body>\n<header>\n", style);
    element(out, "h1", "", report->title);
    if (report->subtitle)
        element(out, "p", " class=\"subtitle\"", report->subtitle);
    fputs("</header>\n<main>\n", out);
    for (size_t i = 0; i < report->count; i++)
        put_part(out, &report->parts[i]);
    fputs("</main>\n<footer>" REPORT_FOOTER "</footer>\n</body>\n</html>\n", out);
    if (fclose(out) != 0)
        abort();
    return page;
}
