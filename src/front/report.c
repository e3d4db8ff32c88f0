#include "front/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "front/svg.h"

#include "base/memory.h"

#include "markup.h"

struct report {
    char *title, *subtitle;
    FILE *body;
    char *text; /* of the body, valid after a flush */
    size_t size;
    bool *numbers;  /* [columns] of the open table */
    size_t columns; /* 0: no table is open */
};

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
    report->body = open_memstream(&report->text, &report->size);
    if (!report->body)
        abort();
    return report;
}

void report_destroy(struct report **report)
{
    if (!*report)
        return;
    fclose((*report)->body);
    free((*report)->text);
    mem_free((*report)->title);
    mem_free((*report)->subtitle);
    mem_free((*report)->numbers);
    mem_free(*report);
    *report = NULL;
}

static void close_table(struct report *report)
{
    if (report->columns)
        fputs("</tbody></table></div>\n", report->body);
    report->columns = 0;
}

static void element(struct report *report, const char *name, const char *attributes,
                    const char *text)
{
    close_table(report);
    fprintf(report->body, "<%s%s>", name, attributes);
    markup_text(report->body, text);
    fprintf(report->body, "</%s>\n", name);
}

void report_heading(struct report *report, const char *text)
{
    element(report, "h2", "", text);
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
    char *text = formatted(format, arguments);
    va_end(arguments);
    element(report, "p", "", text);
    free(text);
}

void report_notice(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = formatted(format, arguments);
    va_end(arguments);
    element(report, "p", " class=\"notice\"", text);
    free(text);
}

static void cell(struct report *report, const char *name, const char *scope,
                 size_t column, const char *text)
{
    fprintf(report->body, "<%s%s%s>", name, scope,
            report->numbers[column] ? " class=\"number\"" : "");
    markup_text(report->body, text ? text : "");
    fprintf(report->body, "</%s>", name);
}

void report_table(struct report *report, const char *caption,
                  const struct report_column *columns, size_t count)
{
    close_table(report);
    report->columns = count;
    report->numbers = mem_resize(report->numbers, count, sizeof *report->numbers);
    fputs("<div class=\"wide\"><table>", report->body);
    if (caption) {
        fputs("<caption>", report->body);
        markup_text(report->body, caption);
        fputs("</caption>", report->body);
    }
    fputs("<thead><tr>", report->body);
    for (size_t i = 0; i < count; i++) {
        report->numbers[i] = columns[i].is_number;
        cell(report, "th", " scope=\"col\"", i, columns[i].heading);
    }
    fputs("</tr></thead>\n<tbody>\n", report->body);
}

void report_row(struct report *report, const char *const *cells)
{
    if (!report->columns)
        abort(); /* a row of no table */
    fputs("<tr>", report->body);
    for (size_t i = 0; i < report->columns; i++)
        cell(report, "td", "", i, cells[i]);
    fputs("</tr>\n", report->body);
}

void report_plot(struct report *report, const struct plot *plot, const char *caption)
{
    close_table(report);
    char *svg = svg_plot(plot);
    fprintf(report->body, "<figure>\n%s", svg);
    free(svg);
    if (caption) {
        fputs("<figcaption>", report->body);
        markup_text(report->body, caption);
        fputs("</figcaption>", report->body);
    }
    fputs("</figure>\n", report->body);
}

char *report_html(struct report *report)
{
    char *page = NULL;
    size_t size;
    FILE *out = open_memstream(&page, &size);
    close_table(report);
    if (!out || fflush(report->body) != 0)
        abort();
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
            "style-src 'unsafe-inline'\">\n<title>");
    markup_text(out, report->title);
    fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<header>\n<h1>", style);
    markup_text(out, report->title);
    fputs("</h1>\n", out);
    if (report->subtitle) {
        fputs("<p class=\"subtitle\">", out);
        markup_text(out, report->subtitle);
        fputs("</p>\n", out);
    }
    fprintf(out,
            "</header>\n<main>\n%s</main>\n<footer>Written by Gemel " GEMEL_VERSION
            ". For research; not a medical device.</footer>\n</body>\n</html>\n",
            report->text);
    if (fclose(out) != 0)
        abort();
    return page;
}
