#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool locale_is_utf8(void)
{
    const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

struct terminal terminal_of(int descriptor)
{
    struct terminal terminal = {.width = 80, .unicode = locale_is_utf8()};
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    if (!isatty(descriptor))
        return terminal;
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        terminal.width = size.ws_col;
    bool able = term && *term && strcmp(term, "dumb") != 0;
    terminal.is_terminal = able && tcgetpgrp(descriptor) == getpgrp();
    terminal.colour = able && !(no_colour && *no_colour);
    return terminal;
}

/* --- progress
 * --------------------------------------------------------------------------------- */

/* "0:07", "12:34", "3:00:00" */
static void duration(double seconds, char text[24])
{
    unsigned long long whole = (unsigned long long)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(text, 24, "%llu:%02llu:%02llu", whole / 3600, whole / 60 % 60,
                 whole % 60);
    else
        snprintf(text, 24, "%llu:%02llu", whole / 60, whole % 60);
}

/* "123 of 456, 12.3/s, 0:27 left" as far as it is known; returns its length. */
static size_t figures(const struct progress *progress, uint64_t now_ms, uint64_t done,
                      uint64_t total, char text[120])
{
    double seconds = (double)(now_ms - progress->began_ms) / 1000;
    double more = (double)done - (double)progress->first_done;
    double rate = seconds > 0 ? more / seconds : 0;
    char left[24] = "";
    int size = snprintf(text, 120, "%llu", (unsigned long long)done);
    if (total)
        size += snprintf(text + size, 120 - (size_t)size, " of %llu",
                         (unsigned long long)total);
    if (rate > 0)
        size += snprintf(text + size, 120 - (size_t)size,
                         rate < 100 ? ", %.3g/s" : ", %.0f/s", rate);
    if (rate > 0 && total > done && (double)(total - done) / rate < 1e6) {
        duration((double)(total - done) / rate, left);
        size += snprintf(text + size, 120 - (size_t)size, ", %s left", left);
    }
    return (size_t)size;
}

static void draw(struct progress *progress, uint64_t now_ms, uint64_t done,
                 uint64_t total)
{
    char text[120];
    size_t size = figures(progress, now_ms, done, total, text);
    size_t label = strlen(progress->label);
    size_t room = progress->terminal.width - 1; /* the last column would wrap */
    bool bar = total && room >= label + size + 2 + 12;
    fprintf(progress->stream, "\r\033[K%s ", progress->label);
    if (bar) {
        size_t cells = room - label - size - 2;
        cells = cells > 40 ? 40 : cells;
        size_t full = (size_t)((double)cells * ((double)done / (double)total));
        for (size_t i = 0; i < cells; i++)
            fputs(progress->terminal.unicode ? (i < full ? "\u2588" : "\u2591")
                                             : (i < full ? "#" : "."),
                  progress->stream);
        fputc(' ', progress->stream);
    }
    size_t left = room > label + 1 ? room - label - 1 : 0;
    fprintf(progress->stream, "%.*s", (int)(size < left ? size : left), text);
    fflush(progress->stream);
    progress->drawn = progress->shown = true;
    progress->printed_ms = now_ms;
}

static void finish(struct progress *progress, uint64_t now_ms, uint64_t done)
{
    progress_clear(progress);
    if (progress->shown) {
        char took[24];
        duration((double)(now_ms - progress->began_ms) / 1000, took);
        fprintf(progress->stream, "%s: %llu in %s\n", progress->label,
                (unsigned long long)done, took);
    }
    progress->running = false;
}

void progress_move(struct progress *progress, uint64_t now_ms, const char *label,
                   uint64_t done, uint64_t total)
{
    if (!progress->running || strncmp(progress->label, label, 40) != 0) {
        progress_clear(progress);
        snprintf(progress->label, sizeof progress->label, "%s", label);
        progress->running = true;
        progress->shown = false;
        progress->began_ms = progress->printed_ms = now_ms;
        progress->first_done = done;
    }
    if (total && done >= total) {
        finish(progress, now_ms, done);
        return;
    }
    uint64_t since = now_ms - progress->printed_ms;
    if (progress->terminal.is_terminal) {
        if (since >= (progress->shown ? PROGRESS_BAR_EVERY_MS : PROGRESS_BAR_AFTER_MS))
            draw(progress, now_ms, done, total);
    } else if (since >= PROGRESS_LINE_EVERY_MS) {
        char text[120];
        figures(progress, now_ms, done, total, text);
        fprintf(progress->stream, "%s: %s\n", progress->label, text);
        progress->shown = true;
        progress->printed_ms = now_ms;
    }
}

void progress_clear(struct progress *progress)
{
    if (!progress->drawn)
        return;
    fputs("\r\033[K", progress->stream);
    fflush(progress->stream);
    progress->drawn = false;
}
