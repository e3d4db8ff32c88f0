#ifndef BASE_CSV_H
#define BASE_CSV_H

#include <stddef.h>

#include "base/err.h"

/* csv - rows of comma-separated text (RFC 4180), one at a time: the only door to libcsv.
 *
 * It does not know what the columns mean. Strict: a quote that does not close, a NUL, bytes
 * that are not UTF-8, or a row with another number of fields than the header is ERR_FORMAT
 * with file and line. A byte order mark and CRLF are accepted. Called by model/dataset,
 * node/ and sim/. */

#define CSV_FIELDS_MAX ((size_t)4096)
#define CSV_FIELD_BYTES_MAX ((size_t)65536)

/* `line` is the physical line on which the row begins, from 1. The fields live during the
 * call only. Returning an error stops the reading and is passed on. */
typedef enum err csv_row(void *context, size_t line, size_t count,
                         const char *const *fields);

/* The header row goes to `header` first; it has at least one field, none empty, no two
 * alike. */
enum err csv_read(const char *path, csv_row *header, csv_row *row, void *context);

/* The same from memory; `name` stands for the path in errors. */
enum err csv_parse(const char *name, const char *text, size_t size, csv_row *header,
                   csv_row *row, void *context);

/* Whole-field numbers: no white space, no 1x, no hex, no inf or nan; ERR_FORMAT. */
enum err csv_real(const char *field, double *value);
enum err csv_integer(const char *field, long long *value);

#endif
