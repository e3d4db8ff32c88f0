#ifndef NODE_PACKED_H
#define NODE_PACKED_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "model/record.h"

/* packed - one signal of one patient's day (the doses of an input, the values of a
 * covariate, the measurements of a quantity) as bytes, and back, the same to the bit.
 *
 * Columns instead of rows, each in the shortest form that gives its numbers back exactly:
 * a day of a sensor with one decimal has 2 bytes a value. The same rows give the same
 * bytes. The form is defined in docs/formats.md, "Signals". It knows no store:
 * node/signals calls it. */

#define PACKED_VERSION 1
#define PACKED_ROWS_MAX ((size_t)65536) /* more are a further part of the day */
#define PACKED_RANK_MAX ((size_t)1 << 53)

/* Where the bytes belong. It is in their checksum: elsewhere they are not believed. */
struct packed_key {
    int64_t patient;
    enum record_kind kind;
    const char *name;
    int64_t day;
    uint32_t part;
};

/* Append `rows`, 1 to PACKED_ROWS_MAX of one signal in the order of a record. ERR_RANGE
 * for a rank past PACKED_RANK_MAX. */
enum err packed_write(const struct packed_key *key, const struct record_row *rows,
                      size_t count, struct bytes *packed);

/* Append the rows to a record. ERR_STORAGE for whatever was not written by packed_write
 * under this key, to which nothing more was appended. */
enum err packed_read(const struct packed_key *key, const void *packed, size_t size,
                     struct record *record);

/* The last 8 bytes; 0 of fewer. Not looked at otherwise. */
uint64_t packed_checksum(const void *packed, size_t size);

#endif
