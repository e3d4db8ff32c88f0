#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/memory.h"

static struct {
    FILE *stream; /* NULL: stderr */
    const struct clock *clock;
    enum log_level level;
    bool journal;
} out = {NULL, &clock_machine, LOG_LEVEL_INFO, false};

static const struct {
    const char *name;
    int priority; /* syslog's, as systemd reads it */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

/* JOURNAL_STREAM is device:inode of the journal's socket; it is inherited also by
 * children whose stderr goes elsewhere, so the numbers must be this stream's. */
static bool goes_to_journal(FILE *stream)
{
    const char *journal = getenv("JOURNAL_STREAM");
    struct stat about;
    if (!journal || fileno(stream) < 0 || fstat(fileno(stream), &about) != 0)
        return false;
    char *own = mem_format("%ju:%ju", (uintmax_t)about.st_dev, (uintmax_t)about.st_ino);
    bool same = strcmp(journal, own) == 0;
    mem_free(own);
    return same;
}

void log_setup(FILE *stream, enum log_level level, const struct clock *clock)
{
    out.stream = stream;
    out.level = level;
    out.clock = clock;
    out.journal = goes_to_journal(stream);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    if (level > out.level)
        return;
    char *fields, *line, time[CLOCK_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&fields, format, arguments);
    va_end(arguments);
    if (size < 0)
        return;
    /* Whatever a caller forgot to quote, one event stays one line. */
    for (char *c = fields; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    const char *gap = *fields ? " " : "";
    clock_text(clock_wall(out.clock), time);
    if (out.journal)
        line = mem_format("<%d>%s%s%s\n", levels[level].priority, event, gap, fields);
    else
        line = mem_format("%s %s %s%s%s\n", time, levels[level].name, event, gap, fields);
    FILE *stream = out.stream ? out.stream : stderr;
    fputs(line, stream);
    fflush(stream);
    mem_free(line);
    free(fields);
}

void log_error(enum log_level level, const char *event)
{
    char *text = log_quote(err_text()), *hint = log_quote(err_hint_text());
    bool hinted = err_hint_text()[0] != '\0';
    log_event(level, event, "code=%s text=%s%s%s", err_name(err_code()), text,
              hinted ? " hint=" : "", hinted ? hint : "");
    mem_free(text);
    mem_free(hint);
}

#define QUOTED_MAX 500
#define CUT "..."

/* How many bytes the character at `text` takes; 0 for what must be escaped. */
static size_t plain_character(const char *text)
{
    unsigned char lead = (unsigned char)*text;
    if (lead < 0x80)
        return lead >= ' ' && lead != 0x7f && lead != '"' && lead != '\\';
    size_t left = strnlen(text, 4);
    for (size_t size = 2; size <= left; size++)
        if (bytes_are_utf8(text, size)) /* U+0080 to U+009F are control characters */
            return lead == 0xc2 && (unsigned char)text[1] < 0xa0 ? 0 : size;
    return 0;
}

static bool needs_quotes(const char *text)
{
    size_t size = 0;
    for (const char *at = text; *at; at += size)
        if ((size = plain_character(at)) == 0 || *at == ' ' || *at == '=')
            return true;
    return *text == '\0';
}

char *log_quote(const char *text)
{
    bool quoted = needs_quotes(text);
    struct bytes line = {0};
    if (quoted)
        bytes_append(&line, "\"", 1);
    while (*text) {
        char escape[5];
        size_t size = plain_character(text), step = size ? size : 1;
        const char *piece = text;
        if (size == 0) {
            bool named = *text == '"' || *text == '\\' || *text == '\n' || *text == '\t';
            snprintf(escape, sizeof escape, named ? "\\%c" : "\\x%02x",
                     *text == '\n'   ? 'n'
                     : *text == '\t' ? 't'
                                     : (unsigned char)*text);
            piece = escape;
            size = strlen(escape);
        }
        if (line.size + size > QUOTED_MAX - strlen(CUT) - 1) {
            bytes_append(&line, CUT, strlen(CUT));
            break;
        }
        bytes_append(&line, piece, size);
        text += step;
    }
    if (quoted)
        bytes_append(&line, "\"", 1);
    char *copy = mem_text_n((const char *)line.data, line.size);
    bytes_free(&line);
    return copy;
}
