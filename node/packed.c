#include "node/packed.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

#define CHECKSUM_BYTES 8
#define WHOLE_MAX 0x1p53
#define PLACES_MAX 9

static const double powers_of_ten[PLACES_MAX + 1] = {1e0, 1e1, 1e2, 1e3, 1e4,
                                                     1e5, 1e6, 1e7, 1e8, 1e9};

/* A column's first byte. REALS: a double a row. STEPS: u8 places, i64 first, i64 step.
 * The others: u8 places, then so many bytes a row. Whole numbers w stand for w /
 * 10^places, one division, which IEEE 754 rounds in one way only. */
enum form { REALS = 0, BYTES_1 = 1, BYTES_2 = 2, BYTES_4 = 4, STEPS = 8 };

/* What every row has, each a column of numbers; a unit as its place in the list of units,
 * from 1, and 0 where none was stated. */
enum column { TIME, VALUE, RANK, UNIT, EXTRA, COLUMNS };

/* --- checksum
 * ------------------------------------------------------------------------------ */

/* The first bytes of a hash over the key and all bytes before. */
static uint64_t checksum_of(const struct packed_key *key, const void *packed, size_t size)
{
    struct bytes all = {0};
    uint8_t hash[HASH_BYTES];
    bytes_i64(&all, key->patient);
    bytes_u8(&all, (uint8_t)key->kind);
    bytes_text(&all, key->name);
    bytes_i64(&all, key->day);
    bytes_u32(&all, key->part);
    bytes_append(&all, packed, size);
    bytes_hash("gemel/packed/1", all.data, all.size, hash);
    bytes_free(&all);
    return packed_checksum(hash, CHECKSUM_BYTES);
}

uint64_t packed_checksum(const void *packed, size_t size)
{
    uint64_t value = 0;
    if (size < CHECKSUM_BYTES)
        return 0;
    struct cursor end = {packed, size, size - CHECKSUM_BYTES};
    cursor_u64(&end, &value);
    return value;
}

/* --- columns, out
 * ------------------------------------------------------------------------------ */

/* The value as a whole number of 10^-places; false if it is none exactly. */
static bool is_whole(double value, int places, int64_t *whole)
{
    double scaled = value * powers_of_ten[places];
    if (!(fabs(scaled) <= WHOLE_MAX))
        return false;
    *whole = (int64_t)nearbyint(scaled);
    double back = (double)*whole / powers_of_ten[places];
    return memcmp(&back, &value, sizeof value) == 0; /* -0 is not 0 */
}

static bool are_whole(const double *values, size_t count, int places, int64_t *wholes)
{
    for (size_t i = 0; i < count; i++)
        if (!is_whole(values[i], places, &wholes[i]))
            return false;
    return true;
}

static bool in_steps(const int64_t *wholes, size_t count)
{
    for (size_t i = 2; i < count; i++)
        if (wholes[i] - wholes[i - 1] != wholes[1] - wholes[0])
            return false;
    return true;
}

/* The least bytes in which all of them fit; 8: more than 4. */
static size_t width_of(const int64_t *wholes, size_t count)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t size =
            wholes[i] < 0 ? ~(uint64_t)wholes[i] : (uint64_t)wholes[i]; /* -128 fits */
        largest = size > largest ? size : largest;
    }
    return largest <= INT8_MAX    ? 1
           : largest <= INT16_MAX ? 2
           : largest <= INT32_MAX ? 4
                                  : 8;
}

static void put_column(const double *values, size_t count, int64_t *wholes,
                       struct bytes *packed)
{
    int places = 0;
    while (places <= PLACES_MAX && !are_whole(values, count, places, wholes))
        places++;
    bool whole = places <= PLACES_MAX;
    size_t width = whole ? width_of(wholes, count) : 8;
    bytes_u8(packed, 0);
    uint8_t *form = &packed->data[packed->size - 1];
    if (whole && count * width > 16 && in_steps(wholes, count)) {
        *form = STEPS;
        bytes_u8(packed, (uint8_t)places);
        bytes_i64(packed, wholes[0]);
        bytes_i64(packed, count > 1 ? wholes[1] - wholes[0] : 0);
        return;
    }
    if (width == 8) {
        *form = REALS;
        for (size_t i = 0; i < count; i++)
            bytes_f64(packed, values[i]);
        return;
    }
    *form = (uint8_t)width;
    bytes_u8(packed, (uint8_t)places);
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < width; b++)
            bytes_u8(packed, (uint8_t)((uint64_t)wholes[i] >> 8 * b));
}

/* The unit's place in the list, which it joins if it is not in it. */
static size_t unit_place(const char **units, size_t *count, const char *unit)
{
    size_t at = 0;
    if (!unit)
        return 0;
    while (at < *count && strcmp(units[at], unit) != 0)
        at++;
    if (at == *count)
        units[(*count)++] = unit;
    return at + 1;
}

enum err packed_write(const struct packed_key *key, const struct record_row *rows,
                      size_t count, struct bytes *packed)
{
    size_t begin = packed->size, units = 0;
    const char **unit = mem_new(count, sizeof *unit);
    double *columns = mem_new(COLUMNS * count, sizeof *columns);
    int64_t *wholes = mem_new(count, sizeof *wholes);
    enum err result = ERR_OK;
    for (size_t i = 0; i < count; i++) {
        columns[TIME * count + i] = rows[i].time;
        columns[VALUE * count + i] = rows[i].value;
        columns[RANK * count + i] = (double)rows[i].order;
        columns[UNIT * count + i] = (double)unit_place(unit, &units, rows[i].unit);
        columns[EXTRA * count + i] = rows[i].extra;
        if (rows[i].order > PACKED_RANK_MAX)
            result = err_set(ERR_RANGE, "a row with a rank past %zu", PACKED_RANK_MAX);
    }
    bytes_u8(packed, PACKED_VERSION);
    bytes_u32(packed, (uint32_t)count);
    bytes_u32(packed, (uint32_t)units);
    for (size_t i = 0; i < units; i++)
        bytes_text(packed, unit[i]);
    for (size_t c = 0; c < COLUMNS; c++)
        put_column(columns + c * count, count, wholes, packed);
    bytes_u64(packed, checksum_of(key, packed->data + begin, packed->size - begin));
    mem_free(unit);
    mem_free(columns);
    mem_free(wholes);
    return result;
}

/* --- columns, in
 * ------------------------------------------------------------------------------- */

static enum err refuse(const char *why)
{
    return err_set(ERR_STORAGE, "the packed rows of a day do not hold: %s", why);
}

static int64_t whole_at(const uint8_t *data, size_t width)
{
    uint64_t value = 0;
    for (size_t b = 0; b < width; b++)
        value |= (uint64_t)data[b] << 8 * b;
    uint64_t sign = (uint64_t)1 << (8 * width - 1);
    return (int64_t)((value ^ sign) - sign);
}

static enum err take_wholes(struct cursor *cursor, uint8_t form, double *values,
                            size_t count)
{
    uint8_t places;
    int64_t first, step;
    if (cursor_u8(cursor, &places) != ERR_OK || places > PLACES_MAX)
        return refuse("decimal places");
    double unit = powers_of_ten[places];
    if (form == STEPS) {
        if (cursor_i64(cursor, &first) != ERR_OK || cursor_i64(cursor, &step) != ERR_OK)
            return refuse("cut short");
        for (size_t i = 0; i < count; i++)
            values[i] = (double)(int64_t)((uint64_t)first + i * (uint64_t)step) / unit;
        return ERR_OK;
    }
    if ((cursor->size - cursor->at) / form < count)
        return refuse("cut short");
    for (size_t i = 0; i < count; i++, cursor->at += form)
        values[i] = (double)whole_at(cursor->data + cursor->at, form) / unit;
    return ERR_OK;
}

static enum err take_column(struct cursor *cursor, double *values, size_t count)
{
    uint8_t form;
    if (cursor_u8(cursor, &form) != ERR_OK)
        return refuse("cut short");
    if (form == STEPS || form == BYTES_1 || form == BYTES_2 || form == BYTES_4)
        return take_wholes(cursor, form, values, count);
    if (form != REALS)
        return refuse("a form that there is not");
    for (size_t i = 0; i < count; i++)
        if (cursor_f64(cursor, &values[i]) != ERR_OK)
            return refuse("cut short");
    return ERR_OK;
}

/* The units as words of the record; the first is none. */
static enum err take_units(struct cursor *cursor, struct record *record,
                           const char ***units, size_t *count)
{
    uint32_t listed;
    const uint8_t *text;
    size_t size;
    if (cursor_u32(cursor, &listed) != ERR_OK || listed > cursor->size - cursor->at)
        return refuse("units");
    *units = mem_new(listed + 1, sizeof **units);
    *count = listed;
    for (uint32_t i = 0; i < listed; i++) {
        if (cursor_field(cursor, &text, &size) != ERR_OK || memchr(text, 0, size))
            return refuse("a unit");
        char *word = mem_format("%.*s", (int)size, (const char *)text);
        (*units)[i + 1] = record_word(record, word);
        mem_free(word);
    }
    return ERR_OK;
}

static bool is_place(double value, double most)
{
    return value >= 0 && value <= most && value == floor(value);
}

static enum err add_rows(const struct packed_key *key, const double *columns,
                         size_t count, const char *const *units, size_t unit_count,
                         struct record *record)
{
    const char *name = record_word(record, key->name);
    for (size_t i = 0; i < count; i++) {
        double unit = columns[UNIT * count + i], rank = columns[RANK * count + i];
        if (!is_place(unit, (double)unit_count) ||
            !is_place(rank, (double)PACKED_RANK_MAX))
            return refuse("a unit or rank that there is not");
        const struct record_row row = {
            columns[TIME * count + i],  name,
            units[(size_t)unit],        columns[VALUE * count + i],
            columns[EXTRA * count + i], (size_t)rank};
        if (record_add(record, key->kind, &row) != ERR_OK)
            return err_code();
    }
    return ERR_OK;
}

/* All after the version, up to the checksum. */
static enum err take_rows(const struct packed_key *key, struct cursor *cursor,
                          struct record *record)
{
    uint32_t count;
    const char **units = NULL;
    size_t unit_count = 0;
    if (cursor_u32(cursor, &count) != ERR_OK || count == 0 || count > PACKED_ROWS_MAX)
        return refuse("a number of rows that no day has");
    double *columns = mem_new(COLUMNS * (size_t)count, sizeof *columns);
    enum err result = take_units(cursor, record, &units, &unit_count);
    for (size_t c = 0; result == ERR_OK && c < COLUMNS; c++)
        result = take_column(cursor, columns + c * count, count);
    if (result == ERR_OK && cursor_end(cursor) != ERR_OK)
        result = refuse("more than its rows");
    if (result == ERR_OK)
        result = add_rows(key, columns, count, units, unit_count, record);
    mem_free(units);
    mem_free(columns);
    return result;
}

enum err packed_read(const struct packed_key *key, const void *packed, size_t size,
                     struct record *record)
{
    uint8_t version;
    if (size <= CHECKSUM_BYTES)
        return refuse("cut short");
    struct cursor cursor = {packed, size - CHECKSUM_BYTES, 0};
    if (checksum_of(key, packed, cursor.size) != packed_checksum(packed, size))
        return refuse("the checksum is another");
    if (cursor_u8(&cursor, &version) != ERR_OK || version != PACKED_VERSION)
        return refuse("a version that this program does not know");
    return take_rows(key, &cursor, record);
}
