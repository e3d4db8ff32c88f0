#include "front/svg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drawing.h"
#include "markup.h"
#include "plot_impl.h"

/* Okabe and Ito; the two that are too pale or too dark for one of the backgrounds are
 * shifted there. Each series also has a dash pattern and a sign
 * of its own (drawing). */
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

static const char *const classes[] = {
    [MARK_AXIS] = "axis", [MARK_GRID] = "grid",    [MARK_LINE] = "line",
    [MARK_RULE] = "rule", [MARK_SIGNS] = "points", [MARK_DOTS] = "dots",
    [MARK_BAND] = "band", [MARK_BAR] = "bar",
};

static void begin(void *context, enum mark mark, size_t look,
                  const double dashes[DRAWING_DASHES])
{
    FILE *out = context;
    fprintf(out, "<path class=\"%s", classes[mark]);
    if (mark != MARK_AXIS && mark != MARK_GRID)
        fprintf(out, " s%zu", look);
    fputs("\"", out);
    for (size_t i = 0; i < DRAWING_DASHES && dashes[i] > 0; i++)
        fprintf(out, "%s%g", i ? " " : " stroke-dasharray=\"", dashes[i]);
    fputs(dashes[0] > 0 ? "\" d=\"" : " d=\"", out);
}

static void move(void *context, double x, double y)
{
    fprintf(context, "M%.1f %.1f", x, y);
}

static void line(void *context, double x, double y)
{
    fprintf(context, "L%.1f %.1f", x, y);
}

static void close_run(void *context)
{
    fputs("Z", context);
}

static void end(void *context)
{
    fputs("\"/>\n", context);
}

static void text_at(void *context, double x, double y, enum lettering lettering,
                    enum anchor anchor, double degrees, const char *text)
{
    static const char *const letterings[] = {
        [LETTERS_TITLE] = " class=\"title\"",
        [LETTERS_USUAL] = "",
        [LETTERS_SMALL] = " font-size=\"11\"",
    };
    static const char *const anchors[] = {
        [ANCHOR_START] = "",
        [ANCHOR_MIDDLE] = " text-anchor=\"middle\"",
        [ANCHOR_END] = " text-anchor=\"end\"",
    };
    FILE *out = context;
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\"%s%s", x, y, letterings[lettering],
            anchors[anchor]);
    if (degrees < 0 || degrees > 0)
        fprintf(out, " transform=\"rotate(%g %.1f %.1f)\"", degrees, x, y);
    fputs(">", out);
    markup_text(out, text);
    fputs("</text>\n", out);
}

char *svg_plot(const struct plot *plot)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    fprintf(
        out,
        "<svg class=\"plot\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
        "width=\"%d\" height=\"%d\" role=\"img\">\n<title>",
        DRAWING_WIDTH, DRAWING_HEIGHT, DRAWING_WIDTH, DRAWING_HEIGHT);
    markup_text(out, plot->title);
    fprintf(out, "</title>\n%s", style);
    drawing_plot(plot, &(struct pen){.context = out,
                                     .begin = begin,
                                     .move = move,
                                     .line = line,
                                     .close = close_run,
                                     .end = end,
                                     .text = text_at});
    fputs("</svg>\n", out);
    if (fclose(out) != 0)
        abort();
    return text;
}

enum err svg_named(const char *path)
{
    const char *end = strrchr(path, '.');
    if (end && strcmp(end, ".svg") == 0)
        return ERR_OK;
    return err_set(ERR_USAGE, "the picture is SVG: %s should end in .svg", path);
}
