#include "front/json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"

/* struct json is never defined: it is jansson's json_t under our name. */
static json_t *inner(const struct json *json)
{
    return (json_t *)json;
}

static struct json *outer(json_t *value)
{
    if (!value)
        abort(); /* memory is full */
    return (struct json *)value;
}

struct json *json_new_object(void)
{
    return outer(json_object());
}

struct json *json_new_array(void)
{
    return outer(json_array());
}

struct json *json_new_text(const char *value)
{
    if (!value)
        return json_new_null();
    char *clean = bytes_to_utf8(value);
    json_t *text = json_string(clean);
    mem_free(clean);
    return outer(text);
}

struct json *json_new_real(double value)
{
    return isfinite(value) ? outer(json_real(value)) : json_new_null();
}

struct json *json_new_integer(int64_t value)
{
    return outer(json_integer(value));
}

struct json *json_new_boolean(bool value)
{
    return outer(json_boolean(value));
}

struct json *json_new_null(void)
{
    return outer(json_null());
}

void json_destroy(struct json **json)
{
    json_decref(inner(*json)); /* NULL is fine */
    *json = NULL;
}

void json_set(struct json *object, const char *key, struct json *value)
{
    char *clean = bytes_to_utf8(key);
    if (json_object_set_new(inner(object), clean, inner(value)))
        abort();
    mem_free(clean);
}

void json_add(struct json *array, struct json *value)
{
    if (json_array_append_new(inner(array), inner(value)))
        abort();
}

void json_set_text(struct json *object, const char *key, const char *value)
{
    json_set(object, key, json_new_text(value));
}

void json_set_hex(struct json *object, const char *key, const uint8_t *data, size_t size)
{
    char *digits = mem_new(2 * size + 1, 1);
    if (data)
        bytes_to_hex(data, size, digits);
    json_set_text(object, key, data ? digits : NULL);
    mem_free(digits);
}

void json_set_real(struct json *object, const char *key, double value)
{
    json_set(object, key, json_new_real(value));
}

void json_set_integer(struct json *object, const char *key, int64_t value)
{
    json_set(object, key, json_new_integer(value));
}

void json_set_boolean(struct json *object, const char *key, bool value)
{
    json_set(object, key, json_new_boolean(value));
}

void json_set_reals(struct json *object, const char *key, const double *values,
                    size_t count)
{
    struct json *array = json_new_array();
    for (size_t i = 0; i < count; i++)
        json_add(array, json_new_real(values[i]));
    json_set(object, key, array);
}

/* --- writing
 * ------------------------------------------------------------------------------ */

#define DIGITS JSON_REAL_PRECISION(17)

void json_print(const struct json *json, FILE *stream)
{
    char *text = json_dumps(inner(json), JSON_INDENT(2) | DIGITS | JSON_ENCODE_ANY);
    if (!text)
        abort();
    fputs(text, stream); /* the stream keeps its error; cli asks for it at the end */
    fputc('\n', stream);
    free(text);
}

char *json_format(const struct json *json)
{
    char *text = json_dumps(inner(json), DIGITS | JSON_ENCODE_ANY);
    if (!text)
        abort();
    return text;
}

/* --- reading
 * ------------------------------------------------------------------------------ */

enum err json_parse(const char *text, size_t size, struct json **json)
{
    json_error_t error;
    json_t *value =
        json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!value) {
        /* jansson quotes the place, and the place may hold a patient's value. */
        char *quote = strstr(error.text, " near ");
        if (quote)
            *quote = '\0';
        if (json_error_code(&error) == json_error_duplicate_key)
            strcpy(error.text, "a key occurs twice");
        return err_set(ERR_FORMAT, "line %d: %s", error.line, error.text);
    }
    *json = (struct json *)value;
    return ERR_OK;
}

struct json *json_get(const struct json *object, const char *key)
{
    return (struct json *)json_object_get(inner(object), key);
}

struct json *json_at(const struct json *array, size_t index)
{
    return (struct json *)json_array_get(inner(array), index);
}

const char *json_key(const struct json *object, size_t index)
{
    void *at = json_object_iter((json_t *)object);
    while (at && index-- > 0)
        at = json_object_iter_next((json_t *)object, at);
    return at ? json_object_iter_key(at) : NULL;
}

size_t json_count(const struct json *json)
{
    return json_is_object(inner(json)) ? json_object_size(inner(json))
                                       : json_array_size(inner(json));
}

int json_widest(const struct json *rows, const char *key, int least)
{
    for (size_t i = 0; i < json_count(rows); i++) {
        const char *text = json_get_text(json_at(rows, i), key);
        if (text && strlen(text) > (size_t)least)
            least = (int)strlen(text);
    }
    return least;
}

double json_as_real(const struct json *json)
{
    return json_is_number(inner(json)) ? json_number_value(inner(json)) : NAN;
}

const char *json_as_text(const struct json *json)
{
    return json_string_value(inner(json));
}

double json_get_real(const struct json *object, const char *key)
{
    return json_as_real(json_get(object, key));
}

const char *json_get_text(const struct json *object, const char *key)
{
    return json_as_text(json_get(object, key));
}
