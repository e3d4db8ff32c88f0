#include "node/packed.h"

#include <float.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "check.h"

static const struct packed_key key = {7, RECORD_MEASUREMENT, "CP", -1, 0};

static void read_back(const struct packed_key *where, const struct bytes *packed,
                      struct record **record)
{
    *record = record_new("p", "h");
    assert_ok(packed_read(where, packed->data, packed->size, *record));
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_rows(const struct packed_key *where, const struct record *record,
                       const struct record_row *rows, size_t count)
{
    assert_int_equal(record_rows(record, where->kind), count);
    for (size_t i = 0; i < count; i++) {
        const struct record_row got = record_row(record, where->kind, i);
        if (!same_bits(got.time, rows[i].time) || !same_bits(got.value, rows[i].value) ||
            !same_bits(got.extra, rows[i].extra) || got.order != rows[i].order ||
            !same_text(got.unit, rows[i].unit) || !same_text(got.name, where->name))
            fail_msg("row %zu of %zu came back as another", i, count);
    }
}

/* --- the form
 * ---------------------------------------------------------------------------------- */

/* Of docs/formats.md, written and hashed by another program. */
static const char published[] =
    "010300000001000000040000006d672f4c0101e2ecf100000000000000e03f0000000000802840"
    "555555555555d53f010004070a010001000101000100001db165363cc86766";
static const struct record_row published_rows[] = {
    {-3, "CP", "mg/L", 0.5, CENSORED_BELOW, 4},
    {-2, "CP", NULL, 12.25, CENSORED_NOT, 7},
    {-1.5, "CP", "mg/L", 1.0 / 3, CENSORED_NOT, 10},
};
#define PUBLISHED_BYTES 70

static void write_published(struct bytes *packed)
{
    assert_ok(packed_write(&key, published_rows, 3, packed));
    assert_int_equal(packed->size, PUBLISHED_BYTES);
}

static void packed__has_the_published_bytes(void **state)
{
    (void)state;
    struct bytes packed = {0};
    struct record *record;
    char hex[2 * PUBLISHED_BYTES + 1];
    write_published(&packed);
    bytes_to_hex(packed.data, packed.size, hex);
    assert_string_equal(hex, published);
    assert_true(packed_checksum(packed.data, packed.size) == 0x6667c83c3665b11d);
    read_back(&key, &packed, &record);
    check_rows(&key, record, published_rows, 3);
    record_destroy(&record);
    bytes_free(&packed);
}

/* What is regular takes two numbers, what has few decimals one or two bytes a row. */
static void packed__is_short(void **state)
{
    (void)state;
    struct record_row rows[288];
    struct bytes packed = {0};
    for (size_t i = 0; i < 288; i++)
        rows[i] = (struct record_row){5 * (double)i, "cgm",
                                      "mmol/L",      5.5 + 3 * sin((double)i / 40),
                                      CENSORED_NOT,  3 * i};
    assert_ok(packed_write(&key, rows, 288, &packed));
    assert_in_range(packed.size, 288 * 8, 288 * 8 + 120); /* reals */
    packed.size = 0;
    for (size_t i = 0; i < 288; i++)
        rows[i].value = nearbyint(10 * rows[i].value) / 10;
    assert_ok(packed_write(&key, rows, 288, &packed));
    assert_in_range(packed.size, 288, 288 + 120); /* 2.5 to 8.5 in tenths: a byte */
    packed.size = 0;
    rows[7].value = 16.5;
    assert_ok(packed_write(&key, rows, 288, &packed));
    assert_in_range(packed.size, 288 * 2, 288 * 2 + 120);
    bytes_free(&packed);
}

/* --- round trips
 * ------------------------------------------------------------------------------- */

static uint64_t chance = 1;

static uint64_t draw(uint64_t below)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (chance >> 33) % below;
}

/* A number as hospitals have them, and as nobody has. */
static double draw_number(unsigned manner)
{
    static const double odd[] = {
        0,          -0.0,    1,        -1,         DBL_MAX, -DBL_MAX, DBL_MIN, 0x1p-1074,
        0x1p53,     -0x1p53, 1e22,     0.1,        -0.1,    1.0 / 3,  127,     128,
        -128,       -129,    32767,    -32768,     32768,   -32769,   0x1p31,  -0x1p31,
        0x1p31 - 1, 1e-9,    -1.5e-10, 0x1p53 - 1, 1e300,   5e-324};
    double whole = (double)draw(100000) - 20000;
    switch (manner) {
    case 0:
        return odd[draw(sizeof odd / sizeof *odd)];
    case 1:
        return whole;
    case 2:
        return whole / 10;
    case 3:
        return whole / 1000;
    case 4:
        return whole / 7;
    default:
        return 37.25;
    }
}

static void draw_row(enum record_kind kind, unsigned manner, size_t index,
                     struct record_row *row)
{
    static const char *const units[] = {"mg/L", NULL, "mmol/L", "", "\xc3\xb5g"};
    *row = (struct record_row){.time = draw_number(manner % 6),
                               .name = "x",
                               .value = draw_number(manner / 6 % 6),
                               .order = (size_t)draw(4)};
    if (manner % 3 == 0)
        row->unit = units[draw(5)];
    if (manner % 5 == 0)
        row->order = 3 * index;
    if (manner % 7 == 0)
        row->order = draw(2) ? PACKED_RANK_MAX : PACKED_RANK_MAX - 1;
    if (manner % 11 == 0)
        row->time = -7.5 + 0.25 * (double)index;
    if (kind == RECORD_DOSE)
        row->extra = manner % 2 ? draw_number(manner % 6) : -1;
    if (kind == RECORD_MEASUREMENT)
        row->extra = (double)draw(3);
}

static void packed__gives_every_bit_back(void **state)
{
    (void)state;
    struct record_row rows[120];
    for (unsigned i = 0; i < 6000; i++) {
        const struct packed_key where = {(int64_t)i - 3, i % RECORD_KINDS, "x",
                                         (int64_t)draw(9) - 4, i % 2};
        size_t count = 1 + draw(i % 4 ? 5 : 120);
        struct bytes packed = {0}, again = {0};
        struct record *record;
        unsigned manner = (unsigned)draw(60000);
        for (size_t j = 0; j < count; j++)
            draw_row(where.kind, manner, j, &rows[j]);
        assert_ok(packed_write(&where, rows, count, &packed));
        read_back(&where, &packed, &record);
        check_rows(&where, record, rows, count);
        bytes_u8(&again, 77); /* it appends */
        assert_ok(packed_write(&where, rows, count, &again));
        assert_int_equal(again.size, packed.size + 1);
        assert_memory_equal(again.data + 1, packed.data, packed.size);
        record_destroy(&record);
        bytes_free(&packed);
        bytes_free(&again);
    }
}

static void packed__holds_a_full_part(void **state)
{
    (void)state;
    struct record_row *rows = mem_new(PACKED_ROWS_MAX, sizeof *rows);
    struct bytes packed = {0};
    struct record *record;
    for (size_t i = 0; i < PACKED_ROWS_MAX; i++)
        draw_row(RECORD_MEASUREMENT, 4, i, &rows[i]);
    assert_ok(packed_write(&key, rows, PACKED_ROWS_MAX, &packed));
    assert_in_range(packed.size, 1, 1 << 24); /* a store's value */
    read_back(&key, &packed, &record);
    assert_int_equal(record->measurement_count, PACKED_ROWS_MAX);
    record_destroy(&record);
    rows[3].order = PACKED_RANK_MAX + 1;
    assert_refused(ERR_RANGE, "rank", packed_write(&key, rows, 9, &packed));
    bytes_free(&packed);
    mem_free(rows);
}

/* --- what is not believed
 * ---------------------------------------------------------------------------- */

static enum err try(const struct packed_key *where, const void *data, size_t size)
{
    struct record *record = record_new("p", "h");
    enum err result = packed_read(where, data, size, record);
    record_destroy(&record);
    return result;
}

static void packed__is_refused_with_any_bit_changed(void **state)
{
    (void)state;
    struct bytes packed = {0};
    write_published(&packed);
    for (size_t i = 0; i < packed.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            packed.data[i] ^= (uint8_t)(1 << bit);
            assert_refused(ERR_STORAGE, "do not hold",
                           try(&key, packed.data, packed.size));
            packed.data[i] ^= (uint8_t)(1 << bit);
        }
    for (size_t size = 0; size < packed.size; size++)
        assert_refused(ERR_STORAGE, "do not hold", try(&key, packed.data, size));
    bytes_u8(&packed, 0);
    assert_refused(ERR_STORAGE, "do not hold", try(&key, packed.data, packed.size));
    assert_ok(try(&key, packed.data, packed.size - 1));
    bytes_free(&packed);
}

static void packed__is_believed_where_it_belongs_only(void **state)
{
    (void)state;
    struct bytes packed = {0};
    const struct packed_key others[] = {
        {8, RECORD_MEASUREMENT, "CP", -1, 0}, {7, RECORD_DOSE, "CP", -1, 0},
        {7, RECORD_MEASUREMENT, "C", -1, 0},  {7, RECORD_MEASUREMENT, "CP", 0, 0},
        {7, RECORD_MEASUREMENT, "CP", -1, 1},
    };
    write_published(&packed);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_refused(ERR_STORAGE, "checksum",
                       try(&others[i], packed.data, packed.size));
    bytes_free(&packed);
}

/* The checksum as docs/formats.md has it, for bytes that somebody else made. */
static void sum_up(struct bytes *body)
{
    struct bytes all = {0};
    uint8_t hash[HASH_BYTES];
    bytes_i64(&all, key.patient);
    bytes_u8(&all, (uint8_t)key.kind);
    bytes_text(&all, key.name);
    bytes_i64(&all, key.day);
    bytes_u32(&all, key.part);
    bytes_append(&all, body->data, body->size);
    bytes_hash("gemel/packed/1", all.data, all.size, hash);
    bytes_append(body, hash, 8);
    bytes_free(&all);
}

static void packed__is_read_with_care_whoever_wrote_it(void **state)
{
    (void)state;
    struct bytes packed = {0}, body = {0};
    size_t refused = 0, taken = 0;
    write_published(&packed);
    for (size_t i = 0; i < 40000; i++) {
        body.size = 0;
        bytes_append(&body, packed.data, packed.size - 8);
        for (uint64_t changes = 1 + draw(3); changes > 0; changes--)
            body.data[draw(body.size)] = (uint8_t)draw(256);
        if (draw(4) == 0)
            body.size -= draw(body.size);
        sum_up(&body);
        enum err result = try(&key, body.data, body.size);
        assert_true(result == ERR_OK || result == ERR_STORAGE || result == ERR_RANGE);
        *(result == ERR_OK ? &taken : &refused) += 1;
    }
    assert_in_range(refused, 10000, 39000);
    assert_in_range(taken, 1000, 30000); /* other values are values */
    bytes_free(&packed);
    bytes_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed__has_the_published_bytes),
        cmocka_unit_test(packed__is_short),
        cmocka_unit_test(packed__gives_every_bit_back),
        cmocka_unit_test(packed__holds_a_full_part),
        cmocka_unit_test(packed__is_refused_with_any_bit_changed),
        cmocka_unit_test(packed__is_believed_where_it_belongs_only),
        cmocka_unit_test(packed__is_read_with_care_whoever_wrote_it),
    };
    return cmocka_run_group_tests_name("packed", tests, NULL, NULL);
}
