#ifndef BASE_CSV_H
#define BASE_CSV_H

#include <stddef.h>

#include "base/err.h"

/* csv - rows of comma-separated text (RFC 4180), one at a time: the only door to libcsv.
 *
 * It does not know what the columns mean. Strict: a quote that does not close or stands
 * in the middle of a field, a NUL, bytes that are not UTF-8, a carriage return without a
 * line feed, or a row with another number of fields than the header is ERR_FORMAT with
 * file and line. A byte order mark, CRLF, empty lines and a last line without an end are
 * accepted; blanks around an unquoted field are not part of it. The file is streamed,
 * never held. Called by model/dataset, node/ and sim/. */

#define CSV_FIELDS_MAX ((size_t)4096)
#define CSV_FIELD_BYTES_MAX ((size_t)65536)

/* `line` is the physical line on which the row begins, from 1. The fields live during the
 * call only. Returning an error stops the reading and is passed on. */
typedef enum err csv_row(void *context, size_t line, size_t count,
                         const char *const *fields);

/* The header row goes to `header` first; it has at least one field, none empty, no two
 * alike. ERR_NOT_FOUND when there is no such file, ERR_STORAGE when it cannot be read. */
enum err csv_read(const char *path, csv_row *header, csv_row *row, void *context);

/* The same from memory; `name` stands for the path in errors. */
enum err csv_read_text(const char *name, const char *text, size_t size, csv_row *header,
                       csv_row *row, void *context);

/* Whole-field numbers: no white space, no 1x, no hex, no inf or nan; ERR_FORMAT. The
 * sentence does not repeat the field, which may be a patient's, but says so when it looks
 * like a date, or has a decimal comma. */
enum err csv_real(const char *field, double *value);
enum err csv_integer(const char *field, long long *value);

/* The field as it is written: quoted when a comma, quote, line end or outer blank makes
 * it necessary, else as it is. Caller frees. */
char *csv_quote(const char *text);

#endif
