#ifndef FRONT_JSON_H
#define FRONT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* json - a tree of values, written and read: the only door to jansson.
 *
 * Keys keep the order in which they were set. Reals are written with 17 significant
 * digits, so that they read back the same; NaN and infinities become null. Bytes of a
 * text that are not UTF-8 become U+FFFD. A value put into an object or array belongs to
 * it. Writing does not fail (a full memory ends the process). The makers are
 * json_new_..., because jansson itself exports json_object and its like. Called by the
 * programs. */

struct json;

struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_text(const char *value); /* NULL: null */
struct json *json_new_real(double value);
struct json *json_new_integer(int64_t value);
struct json *json_new_boolean(bool value);
struct json *json_new_null(void);
void json_destroy(struct json **json);

void json_set(struct json *object, const char *key, struct json *value); /* takes value */
void json_add(struct json *array, struct json *value);                   /* takes value */
void json_set_text(struct json *object, const char *key, const char *value);
/* In hexadecimal digits; null for NULL. */
void json_set_hex(struct json *object, const char *key, const uint8_t *data, size_t size);
void json_set_real(struct json *object, const char *key, double value);
void json_set_integer(struct json *object, const char *key, int64_t value);
void json_set_boolean(struct json *object, const char *key, bool value);
void json_set_reals(struct json *object, const char *key, const double *values,
                    size_t count);

void json_print(const struct json *json, FILE *stream); /* indented, final newline */
char *json_format(const struct json *json);             /* one line; caller frees */

/* Reading: strict, no duplicate keys, at most `size` bytes; ERR_FORMAT with the line. */
enum err json_parse(const char *text, size_t size, struct json **json);
struct json *json_get(const struct json *object, const char *key); /* NULL: not there */
struct json *json_at(const struct json *array, size_t index);     /* NULL: past the end */
const char *json_key(const struct json *object, size_t index);    /* NULL: past the end */
size_t json_count(const struct json *json);                       /* of object or array */
double json_get_real(const struct json *object, const char *key); /* NaN: not a number */
const char *json_get_text(const struct json *object, const char *key); /* NULL: no text */
/* Of the rows of a table: bytes of the longest text of this name, or `least`. */
int json_widest(const struct json *rows, const char *key, int least);
double json_as_real(const struct json *json);      /* of one value; NaN: not a number */
const char *json_as_text(const struct json *json); /* NULL: no text */

#endif
