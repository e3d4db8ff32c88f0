#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/memory.h"

void bytes_free(struct bytes *bytes)
{
    if (bytes->data)
        sodium_memzero(bytes->data, bytes->capacity);
    mem_free(bytes->data);
    *bytes = (struct bytes){0};
}

/* Growing moves by hand instead of realloc, so that no unwiped copy of what may be a
 * secret stays behind. The old room is the caller's to wipe: `data` may lie in it. */
static struct bytes moved_to(const struct bytes *bytes, size_t capacity)
{
    struct bytes moved = {mem_new(capacity, 1), bytes->size, capacity};
    if (bytes->size)
        memcpy(moved.data, bytes->data, bytes->size);
    return moved;
}

static void append_moving(struct bytes *bytes, const void *data, size_t size)
{
    if (size > SIZE_MAX / 4 || bytes->size > SIZE_MAX / 4)
        abort();
    size_t needed = bytes->size + size;
    struct bytes moved = moved_to(bytes, needed < 32 ? 64 : needed * 2);
    memcpy(moved.data + moved.size, data, size);
    moved.size = needed;
    bytes_free(bytes);
    *bytes = moved;
}

void bytes_reserve(struct bytes *bytes, size_t size)
{
    if (size <= bytes->capacity - bytes->size)
        return;
    if (size > SIZE_MAX / 4 || bytes->size > SIZE_MAX / 4)
        abort();
    struct bytes moved = moved_to(bytes, bytes->size + size);
    bytes_free(bytes);
    *bytes = moved;
}

void bytes_append(struct bytes *bytes, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (size > bytes->capacity - bytes->size) {
        append_moving(bytes, data, size);
        return;
    }
    memmove(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void put_little_endian(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_little_endian(const uint8_t *in, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)in[i] << (8 * i);
    return value;
}

void bytes_u8(struct bytes *bytes, uint8_t value)
{
    bytes_append(bytes, &value, 1);
}

void bytes_u32(struct bytes *bytes, uint32_t value)
{
    uint8_t out[4];
    put_little_endian(out, value, sizeof out);
    bytes_append(bytes, out, sizeof out);
}

void bytes_u64(struct bytes *bytes, uint64_t value)
{
    uint8_t out[8];
    put_little_endian(out, value, sizeof out);
    bytes_append(bytes, out, sizeof out);
}

void bytes_i64(struct bytes *bytes, int64_t value)
{
    bytes_u64(bytes, (uint64_t)value);
}

void bytes_f64(struct bytes *bytes, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bytes_u64(bytes, bits);
}

void bytes_field(struct bytes *bytes, const void *data, size_t size)
{
    if (size > UINT32_MAX)
        abort();
    bytes_u32(bytes, (uint32_t)size);
    bytes_append(bytes, data, size);
}

void bytes_text(struct bytes *bytes, const char *text)
{
    bytes_field(bytes, text, strlen(text));
}

static enum err cursor_take(struct cursor *cursor, size_t size, const uint8_t **view)
{
    if (cursor->at > cursor->size || size > cursor->size - cursor->at)
        return err_set(ERR_FORMAT, "ends early: %zu bytes wanted at byte %zu of %zu",
                       size, cursor->at, cursor->size);
    *view = cursor->data + cursor->at;
    cursor->at += size;
    return ERR_OK;
}

static enum err cursor_number(struct cursor *cursor, size_t size, uint64_t *value)
{
    const uint8_t *view = NULL;
    enum err err = cursor_take(cursor, size, &view);
    if (!err)
        *value = get_little_endian(view, size);
    return err;
}

enum err cursor_u8(struct cursor *cursor, uint8_t *value)
{
    uint64_t number = 0;
    enum err err = cursor_number(cursor, 1, &number);
    if (!err)
        *value = (uint8_t)number;
    return err;
}

enum err cursor_u32(struct cursor *cursor, uint32_t *value)
{
    uint64_t number = 0;
    enum err err = cursor_number(cursor, 4, &number);
    if (!err)
        *value = (uint32_t)number;
    return err;
}

enum err cursor_u64(struct cursor *cursor, uint64_t *value)
{
    return cursor_number(cursor, 8, value);
}

enum err cursor_i64(struct cursor *cursor, int64_t *value)
{
    uint64_t number = 0;
    enum err err = cursor_number(cursor, 8, &number);
    if (!err)
        memcpy(value, &number, sizeof number);
    return err;
}

enum err cursor_f64(struct cursor *cursor, double *value)
{
    uint64_t number = 0;
    enum err err = cursor_number(cursor, 8, &number);
    if (!err)
        memcpy(value, &number, sizeof number);
    return err;
}

enum err cursor_field(struct cursor *cursor, const uint8_t **view, size_t *size)
{
    struct cursor ahead = *cursor;
    const uint8_t *start = NULL;
    uint32_t length = 0;
    enum err err = cursor_u32(&ahead, &length);
    if (!err)
        err = cursor_take(&ahead, length, &start);
    if (err)
        return err;
    *cursor = ahead;
    *view = start;
    *size = length;
    return ERR_OK;
}

enum err cursor_text(struct cursor *cursor, size_t size_max, char **text)
{
    struct cursor ahead = *cursor;
    const uint8_t *view = NULL;
    size_t size;
    enum err err = cursor_field(&ahead, &view, &size);
    if (err)
        return err;
    if (size > size_max)
        return err_set(ERR_FORMAT, "a text of %zu bytes at byte %zu; the limit is %zu",
                       size, cursor->at, size_max);
    if (memchr(view, 0, size) || !bytes_are_utf8(view, size))
        return err_set(ERR_FORMAT, "the text at byte %zu is not UTF-8", cursor->at);
    *cursor = ahead;
    *text = mem_text_n((const char *)view, size);
    return ERR_OK;
}

enum err cursor_end(const struct cursor *cursor)
{
    if (cursor->at != cursor->size)
        return err_set(ERR_FORMAT, "%zu bytes too many at byte %zu",
                       cursor->size - cursor->at, cursor->at);
    return ERR_OK;
}

size_t bytes_utf8_size(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint8_t lead = bytes[0];
    if (lead < 0x80)
        return 1;
    size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead < 0xc2 || lead > 0xf4 || length > size)
        return 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

size_t bytes_utf8_count(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += (bytes[i] & 0xc0) != 0x80; /* not a continuation */
    return count;
}

bool bytes_are_utf8(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t at = 0, length; at < size; at += length)
        if ((length = bytes_utf8_size(bytes + at, size - at)) == 0)
            return false;
    return true;
}

char *bytes_to_utf8(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t left = strlen(text);
    char *clean = mem_new(3 * left + 1, 1), *end = clean;
    while (left) {
        size_t size = bytes_utf8_size(text, left), step = size ? size : 1;
        memcpy(end, size ? text : replacement, size ? size : 3);
        end += size ? size : 3;
        text += step;
        left -= step;
    }
    return clean;
}

void bytes_to_hex(const uint8_t *data, size_t size, char *text)
{
    sodium_bin2hex(text, 2 * size + 1, data, size);
}

enum err bytes_from_hex(const char *text, uint8_t *data, size_t size)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    if (text[digits] != '\0')
        return err_set(ERR_FORMAT, "character %zu is not a hexadecimal digit",
                       digits + 1);
    if (digits != 2 * size)
        return err_set(ERR_FORMAT, "%zu hexadecimal digits, expected %zu", digits,
                       2 * size);
    sodium_hex2bin(data, size, text, digits, NULL, NULL, NULL);
    return ERR_OK;
}

#define BASE64 sodium_base64_VARIANT_ORIGINAL

char *bytes_to_base64(const uint8_t *data, size_t size)
{
    size_t room = sodium_base64_encoded_len(size, BASE64);
    char *text = mem_new(room, 1);
    return sodium_bin2base64(text, room, data, size, BASE64);
}

enum err bytes_from_base64(const char *text, size_t text_size, struct bytes *bytes)
{
    size_t room = text_size / 4 * 3, size = 0;
    const char *end = text;
    uint8_t *data = mem_new(room, 1);
    int failed =
        sodium_base642bin(data, room, text, text_size, NULL, &size, &end, BASE64);
    bool whole = !failed && (size_t)(end - text) == text_size;
    if (whole)
        bytes_append(bytes, data, size);
    sodium_memzero(data, room);
    mem_free(data);
    return whole ? ERR_OK : err_set(ERR_FORMAT, "not base64");
}

#define ARMOUR_LINE 64

char *bytes_to_armour(const char *label, const uint8_t *data, size_t size)
{
    char *base64 = bytes_to_base64(data, size);
    size_t left = strlen(base64);
    char *head = mem_format("-----BEGIN GEMEL %s-----\n", label);
    char *tail = mem_format("-----END GEMEL %s-----\n", label);
    struct bytes text = {0};
    bytes_append(&text, head, strlen(head));
    for (const char *at = base64; left > 0;) {
        size_t line = left < ARMOUR_LINE ? left : ARMOUR_LINE;
        bytes_append(&text, at, line);
        bytes_append(&text, "\n", 1);
        at += line;
        left -= line;
    }
    bytes_append(&text, tail, strlen(tail));
    char *copy = mem_text_n((const char *)text.data, text.size);
    bytes_free(&text);
    sodium_memzero(base64, strlen(base64));
    mem_free(base64);
    mem_free(head);
    mem_free(tail);
    return copy;
}

/* The next line without its end (LF or CRLF); false when there is none. */
static bool next_line(const char **at, const char *end, const char **line, size_t *size)
{
    if (*at == end)
        return false;
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    *line = *at;
    *size = (size_t)((newline ? newline : end) - *at);
    *at = newline ? newline + 1 : end;
    if (newline && *size > 0 && (*line)[*size - 1] == '\r')
        (*size)--;
    return true;
}

static bool line_is(const char *line, size_t size, const char *edge, const char *label)
{
    char *expected = mem_format("-----%s GEMEL %s-----", edge, label);
    bool same = strlen(expected) == size && memcmp(line, expected, size) == 0;
    mem_free(expected);
    return same;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The lines between BEGIN and END, joined: all of full length but the last. */
static enum err armour_body(const char *label, const char *at, const char *end,
                            struct bytes *base64)
{
    const char *line;
    size_t size;
    bool last = false;
    while (next_line(&at, end, &line, &size)) {
        if (line_is(line, size, "END", label))
            return at == end ? ERR_OK
                             : err_set(ERR_FORMAT, "text after the end of the %s", label);
        if (last || size == 0 || size > ARMOUR_LINE)
            break;
        last = size < ARMOUR_LINE;
        bytes_append(base64, line, size);
    }
    return err_set(ERR_FORMAT, "the %s is cut or its lines were changed", label);
}

enum err bytes_from_armour(const char *label, const char *text, size_t text_size,
                           struct bytes *bytes)
{
    const char *at = text_size ? text : "", *end = at + text_size, *line;
    while (at < end && is_white(*at))
        at++;
    while (end > at && is_white(end[-1]))
        end--;
    size_t size;
    if (!next_line(&at, end, &line, &size) || size < 16 ||
        memcmp(line, "-----BEGIN GEMEL ", 16) != 0)
        return err_set(ERR_FORMAT, "not a Gemel %s: no \"-----BEGIN GEMEL %s-----\" line",
                       label, label);
    if (!line_is(line, size, "BEGIN", label))
        return err_set(ERR_FORMAT, "not a Gemel %s but \"%.*s\"", label,
                       size < 80 ? (int)size : 80, line);
    struct bytes base64 = {0};
    enum err err = armour_body(label, at, end, &base64);
    if (!err && bytes_from_base64((const char *)base64.data, base64.size, bytes))
        err = err_set(ERR_FORMAT, "the %s is not base64 between its lines", label);
    bytes_free(&base64);
    return err;
}

static void hash_field(crypto_generichash_state *hashing, const void *data, size_t size)
{
    uint8_t length[4];
    if (size > UINT32_MAX)
        abort();
    put_little_endian(length, size, sizeof length);
    crypto_generichash_update(hashing, length, sizeof length);
    if (size > 0)
        crypto_generichash_update(hashing, data, size);
}

void bytes_hash(const char *tag, const void *data, size_t size, uint8_t hash[HASH_BYTES])
{
    crypto_generichash_state hashing;
    crypto_generichash_init(&hashing, NULL, 0, HASH_BYTES);
    hash_field(&hashing, tag, strlen(tag));
    hash_field(&hashing, data, size);
    crypto_generichash_final(&hashing, hash, HASH_BYTES);
    sodium_memzero(&hashing, sizeof hashing);
}

bool bytes_equal(const void *a, const void *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

bool bytes_are_zero(const void *data, size_t size)
{
    return sodium_is_zero(data, size) == 1;
}

void bytes_wipe(void *data, size_t size)
{
    sodium_memzero(data, size);
}

enum err secret_new(size_t size, void **secret)
{
    if (sodium_init() < 0)
        return err_set(ERR_STORAGE, "libsodium cannot start");
    void *room = sodium_malloc(size ? size : 1);
    if (!room)
        return err_set(ERR_STORAGE, "no guarded memory for a secret of %zu bytes", size);
    /* sodium_malloc tries to lock and does not say whether it could; locking the same
     * pages once more is free and does. */
    if (sodium_mlock(room, size ? size : 1) != 0) {
        sodium_free(room);
        err_set(ERR_STORAGE, "the kernel will not lock memory for a secret of %zu bytes",
                size);
        return err_hint(
            "raise the limit: ulimit -l, or LimitMEMLOCK= in the systemd unit");
    }
    memset(room, 0, size ? size : 1);
    *secret = room;
    return ERR_OK;
}

void secret_free(void *secret)
{
    sodium_free(secret);
}
