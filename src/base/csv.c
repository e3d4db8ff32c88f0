#include "base/csv.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"

#define PIECE_BYTES ((size_t)65536)

struct reader {
    const char *name;
    csv_row *header, *row;
    void *context;
    struct csv_parser parser;
    enum err err;

    size_t line;     /* the physical line being fed */
    size_t row_line; /* where the row being read begins */
    bool at_start;   /* of a physical line */
    bool pending;    /* a row has begun and not ended */
    bool after_cr;   /* the last byte of the last piece was a carriage return */

    char *text; /* the fields of the row so far, each with its final 0 */
    size_t text_size, text_capacity;
    size_t *offsets;
    size_t count, offset_capacity;
    const char **fields;
    size_t field_capacity;
    size_t header_count; /* 0 until the header has been seen */
};

static enum err check_bytes(const struct reader *reader, const unsigned char *data,
                            size_t size)
{
    for (size_t i = 0, step; i < size; i += step) {
        if (data[i] == 0)
            return err_set(ERR_FORMAT, "%s:%zu: a NUL byte in column %zu", reader->name,
                           reader->row_line, reader->count + 1);
        step = bytes_utf8_size(data + i, size - i);
        if (step == 0) {
            err_set(ERR_FORMAT, "%s:%zu: column %zu is not UTF-8", reader->name,
                    reader->row_line, reader->count + 1);
            return err_hint("save the table as CSV with UTF-8 encoding");
        }
    }
    return ERR_OK;
}

static enum err field_too_long(const struct reader *reader)
{
    return err_set(ERR_FORMAT, "%s:%zu: a field of more than %zu bytes", reader->name,
                   reader->row_line, CSV_FIELD_BYTES_MAX);
}

static void on_field(void *data, size_t size, void *context)
{
    struct reader *reader = context;
    if (reader->err != ERR_OK)
        return;
    if (reader->count >= CSV_FIELDS_MAX) {
        reader->err = err_set(ERR_FORMAT, "%s:%zu: more than %zu columns", reader->name,
                              reader->row_line, CSV_FIELDS_MAX);
        return;
    }
    if (size > CSV_FIELD_BYTES_MAX)
        reader->err = field_too_long(reader);
    else
        reader->err = check_bytes(reader, data, size);
    if (reader->err != ERR_OK)
        return;
    MEM_GROW(reader->text, reader->text_size + size + 1, &reader->text_capacity);
    MEM_GROW(reader->offsets, reader->count + 1, &reader->offset_capacity);
    reader->offsets[reader->count++] = reader->text_size;
    if (size)
        memcpy(reader->text + reader->text_size, data, size);
    reader->text[reader->text_size + size] = '\0';
    reader->text_size += size + 1;
}

static enum err check_header(const struct reader *reader)
{
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->fields[i][0] == '\0')
            return err_set(ERR_FORMAT, "%s:%zu: column %zu has no name", reader->name,
                           reader->row_line, i + 1);
        for (size_t j = 0; j < i; j++)
            if (strcmp(reader->fields[i], reader->fields[j]) == 0)
                return err_set(ERR_FORMAT, "%s:%zu: two columns are named %s",
                               reader->name, reader->row_line, reader->fields[i]);
    }
    return ERR_OK;
}

static enum err finish_row(struct reader *reader)
{
    MEM_GROW(reader->fields, reader->count, &reader->field_capacity);
    for (size_t i = 0; i < reader->count; i++)
        reader->fields[i] = reader->text + reader->offsets[i];
    if (reader->header_count == 0) {
        enum err err = check_header(reader);
        if (err != ERR_OK)
            return err;
        reader->header_count = reader->count;
        return reader->header(reader->context, reader->row_line, reader->count,
                              reader->fields);
    }
    if (reader->count != reader->header_count)
        return err_set(ERR_FORMAT, "%s:%zu: %zu fields, but the header has %zu",
                       reader->name, reader->row_line, reader->count,
                       reader->header_count);
    return reader->row(reader->context, reader->row_line, reader->count, reader->fields);
}

static void on_row(int terminator, void *context)
{
    (void)terminator;
    struct reader *reader = context;
    if (reader->err == ERR_OK)
        reader->err = finish_row(reader);
    reader->count = 0;
    reader->text_size = 0;
    reader->pending = false;
}

static void *resize(void *old, size_t size)
{
    return mem_resize(old, size, 1);
}

static void reader_start(struct reader *reader)
{
    reader->line = 1;
    reader->at_start = true;
    csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_realloc_func(&reader->parser, resize);
    csv_set_free_func(&reader->parser, mem_free);
}

/* Feed a part of one physical line; `ends` when its line feed is in it. */
static enum err feed_part(struct reader *reader, const char *part, size_t size, bool ends)
{
    if (reader->at_start && !reader->pending)
        reader->row_line = reader->line;
    for (size_t i = 0; i < size; i++) {
        if (reader->after_cr && part[i] != '\n')
            return err_set(ERR_FORMAT, "%s:%zu: a carriage return without a line feed",
                           reader->name, reader->line);
        reader->after_cr = part[i] == '\r';
        if (!strchr(" \t\r\n", part[i]))
            reader->pending = true; /* on_row, called from below, takes it back */
    }
    size_t used = csv_parse(&reader->parser, part, size, on_field, on_row, reader);
    if (reader->err != ERR_OK)
        return reader->err;
    if (used != size)
        return err_set(
            ERR_FORMAT,
            "%s:%zu: a quotation mark inside a field, or text after the closing "
            "one",
            reader->name, reader->line);
    if (csv_get_buffer_size(&reader->parser) > CSV_FIELD_BYTES_MAX + PIECE_BYTES)
        return field_too_long(reader);
    reader->at_start = ends;
    reader->line += ends;
    return ERR_OK;
}

static enum err feed(struct reader *reader, const char *data, size_t size)
{
    if (reader->line == 1 && reader->at_start && size >= 3 &&
        memcmp(data, "\xef\xbb\xbf", 3) == 0) {
        data += 3;
        size -= 3;
    }
    for (size_t at = 0; at < size;) {
        size_t left = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;
        const char *end = memchr(data + at, '\n', left);
        size_t part = end ? (size_t)(end - (data + at)) + 1 : left;
        enum err err = feed_part(reader, data + at, part, end != NULL);
        if (err != ERR_OK)
            return err;
        at += part;
    }
    return ERR_OK;
}

static enum err finish(struct reader *reader)
{
    if (reader->after_cr)
        return err_set(ERR_FORMAT, "%s:%zu: a carriage return without a line feed",
                       reader->name, reader->line);
    if (csv_fini(&reader->parser, on_field, on_row, reader) != 0)
        return err_set(ERR_FORMAT, "%s:%zu: a quotation mark in this row is never closed",
                       reader->name, reader->row_line);
    if (reader->err == ERR_OK && reader->header_count == 0)
        return err_set(ERR_FORMAT, "%s: empty: there is no header row", reader->name);
    return reader->err;
}

static void reader_end(struct reader *reader)
{
    csv_free(&reader->parser);
    mem_free(reader->text);
    mem_free(reader->offsets);
    mem_free(reader->fields);
}

enum err csv_read_text(const char *name, const char *text, size_t size, csv_row *header,
                       csv_row *row, void *context)
{
    struct reader reader = {
        .name = name, .header = header, .row = row, .context = context};
    reader_start(&reader);
    enum err err = feed(&reader, text, size);
    if (err == ERR_OK)
        err = finish(&reader);
    reader_end(&reader);
    return err;
}

static enum err cannot_read(const char *path)
{
    if (errno == ENOENT)
        return err_set(ERR_NOT_FOUND, "%s: no such file", path);
    return err_set(ERR_STORAGE, "%s: %s", path, strerror(errno));
}

enum err csv_read(const char *path, csv_row *header, csv_row *row, void *context)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return cannot_read(path);
    struct reader reader = {
        .name = path, .header = header, .row = row, .context = context};
    reader_start(&reader);
    char *piece = mem_new(PIECE_BYTES, 1);
    enum err err = ERR_OK;
    size_t size;
    while (err == ERR_OK && (size = fread(piece, 1, PIECE_BYTES, file)) > 0)
        err = feed(&reader, piece, size);
    if (err == ERR_OK && ferror(file))
        err = cannot_read(path);
    if (err == ERR_OK)
        err = finish(&reader);
    mem_free(piece);
    reader_end(&reader);
    fclose(file);
    return err;
}

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

/* What a field is that is no number, by its shape: what people export most. */
static const char *shape(const char *field)
{
    size_t first = digits(field + (*field == '-'));
    const char *s = field + (*field == '-') + first;
    size_t second = first > 0 && *s ? digits(s + 1) : 0;
    char after = second > 0 ? s[1 + second] : 'x';
    if (*s == ',' && after == '\0')
        return "not a number: the decimal sign is a point";
    if ((*s == ':' && (after == '\0' || after == ':')) ||
        ((*s == '-' || *s == '/' || *s == '.') && after == *s))
        return "not a number but a date or a time of day";
    return "not a number";
}

enum err csv_real(const char *field, double *value)
{
    const char *s = field + (*field == '-' || *field == '+');
    size_t whole = digits(s), fraction = 0;
    s += whole;
    if (*s == '.') {
        fraction = digits(++s);
        s += fraction;
    }
    bool number = whole + fraction > 0;
    if (number && (*s == 'e' || *s == 'E')) {
        s += 1 + (s[1] == '-' || s[1] == '+');
        size_t exponent = digits(s);
        number = exponent > 0;
        s += exponent;
    }
    if (!number || *s != '\0')
        return err_set(ERR_FORMAT, "%s", shape(field));
    double parsed = strtod(field, NULL);
    if (!isfinite(parsed))
        return err_set(ERR_FORMAT, "a number too large to be held");
    *value = parsed;
    return ERR_OK;
}

enum err csv_integer(const char *field, long long *value)
{
    const char *s = field + (*field == '-' || *field == '+');
    size_t count = digits(s);
    if (count == 0 || s[count] != '\0')
        return err_set(ERR_FORMAT, "not a whole number");
    errno = 0;
    long long parsed = strtoll(field, NULL, 10);
    if (errno != 0)
        return err_set(ERR_FORMAT, "a whole number too large to be held");
    *value = parsed;
    return ERR_OK;
}

char *csv_quote(const char *text)
{
    size_t size = strlen(text);
    bool blank = size && (strchr(" \t", text[0]) || strchr(" \t", text[size - 1]));
    if (!blank && !strpbrk(text, ",\"\r\n"))
        return mem_text(text);
    size_t need = csv_write(NULL, 0, text, size);
    char *quoted = mem_new(need + 1, 1);
    csv_write(quoted, need, text, size);
    return quoted;
}
