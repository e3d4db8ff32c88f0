#include "wire/codec.h"

#include <malloc.h>

#include "check.h"
#include "sample.h"

static struct arena *room; /* of a test's samples */

static int set_up(void **state)
{
    (void)state;
    room = arena_new((size_t)8 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&room);
    return 0;
}

static void encode_sample(enum shape shape, enum sample_size size, struct bytes *bytes)
{
    union sample sample;
    sample_make(shape, size, room, &sample);
    bytes->size = 0;
    assert_ok(codec_encode(shape, &sample, bytes));
}

/* The property everything rests on: whatever decodes is the one encoding of its value. */
static bool decodes(enum shape shape, struct view bytes)
{
    union sample value;
    struct bytes again = {0};
    struct arena *arena = codec_arena(bytes.size);
    enum err result = codec_decode(shape, bytes, arena, &value);
    if (result == ERR_OK) {
        assert_ok(codec_encode(shape, &value, &again));
        if (again.size != bytes.size ||
            (bytes.size && memcmp(again.data, bytes.data, bytes.size) != 0))
            fail_msg("shape %d has two encodings of one value", shape);
    } else {
        assert_int_equal(result, ERR_FORMAT);
    }
    bytes_free(&again);
    arena_destroy(&arena);
    return result == ERR_OK;
}

/* ---- what must be taken ---- */

static void codec__every_shape_comes_back_the_same_at_every_size(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    for (enum shape shape = 0; shape < SHAPE_COUNT; shape++)
        for (enum sample_size size = 0; size < SAMPLE_SIZES; size++) {
            encode_sample(shape, size, &bytes);
            assert_true(bytes.size <= codec_size_max(shape));
            assert_true(decodes(shape, codec_view(&bytes)));
        }
    bytes_free(&bytes);
}

static void codec__fields_come_back_where_they_were(void **state)
{
    (void)state;
    union sample sample;
    struct bytes bytes = {0};
    struct arena *arena = arena_new(1 << 20);
    struct terms terms;
    sample_make(SHAPE_TERMS, SAMPLE_ORDINARY, room, &sample);
    assert_ok(codec_encode_terms(&sample.terms, &bytes));
    assert_ok(codec_decode_terms(codec_view(&bytes), arena, &terms));
    assert_memory_equal(terms.study, sample.terms.study, STUDY_BYTES);
    assert_string_equal(terms.purpose, sample.terms.purpose);
    assert_int_equal(terms.model.size, 100);
    assert_memory_equal(terms.model.data, sample.terms.model.data, 100);
    assert_int_equal(terms.rounds, 3);
    assert_true(terms.epsilon == 1 && terms.delta == 1e-6);
    assert_int_equal(terms.noise_multipliers.count, 3);
    assert_true(terms.noise_multipliers.items[2] == 3.5);
    assert_int_equal(terms.participants.count, 5);
    assert_memory_equal(terms.participants.items, sample.terms.participants.items, 160);
    struct roster_fields roster;
    bytes.size = 0;
    sample_make(SHAPE_ROSTER, SAMPLE_ORDINARY, room, &sample);
    assert_ok(codec_encode_roster_fields(&sample.roster_fields, &bytes));
    assert_ok(codec_decode_roster_fields(codec_view(&bytes), arena, &roster));
    assert_int_equal(roster.members.count, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct member *one = &roster.members.items[i];
        const struct member *other = &sample.roster_fields.members.items[i];
        assert_string_equal(one->name, other->name);
        assert_memory_equal(one->key, other->key, KEY_BYTES);
        assert_memory_equal(one->curve, other->curve, KEY_BYTES);
        assert_int_equal(one->valid_from, 1700000000);
        assert_int_equal(one->valid_to, 1900000000);
    }
    struct masked_input masked;
    bytes.size = 0;
    sample_make(SHAPE_MASKED_INPUT, SAMPLE_ORDINARY, room, &sample);
    assert_ok(codec_encode_masked_input(&sample.masked_input, &bytes));
    assert_ok(codec_decode_masked_input(codec_view(&bytes), arena, &masked));
    assert_memory_equal(masked.vector.items, sample.masked_input.vector.items, 160);
    arena_destroy(&arena);
    bytes_free(&bytes);
}

/* A receipt, byte by byte from the protobuf encoding's own page. */
static void codec__bytes_are_those_of_protobuf(void **state)
{
    (void)state;
    struct receipt receipt = {.ledger_length = 300};
    memset(receipt.message, 0xaa, HASH_BYTES);
    memset(receipt.plan, 0xbb, HASH_BYTES);
    memset(receipt.ledger_head, 0xcc, HASH_BYTES);
    struct bytes bytes = {0};
    assert_ok(codec_encode_receipt(&receipt, &bytes));
    uint8_t expected[105];
    memset(expected, 0xaa, 34);
    memcpy(expected, "\x0a\x20", 2);
    memset(expected + 34, 0xbb, 34);
    memcpy(expected + 34, "\x12\x20", 2);
    memcpy(expected + 68, "\x18\xac\x02\x22\x20", 5);
    memset(expected + 73, 0xcc, 32);
    assert_int_equal(bytes.size, sizeof expected);
    assert_memory_equal(bytes.data, expected, sizeof expected);
    bytes_free(&bytes);
}

static void codec__a_reply_has_room_for_one_of_everything_at_its_largest(void **state)
{
    (void)state;
    struct reply reply = {
        .waiting = sample_text(room, WIRE_TEXT_BYTES_MAX),
        .roster = sample_view(room, WIRE_ROSTER_MAX + WIRE_SIGNED_EXTRA, 1),
        .plan = sample_view(room, WIRE_PLAN_MAX + WIRE_SIGNED_EXTRA, 2),
        .terms = sample_views(room, 1, WIRE_TERMS_MAX + WIRE_SIGNED_EXTRA),
        .links = sample_views(room, 1, WIRE_CHAIN_LINK_MAX + WIRE_SIGNED_EXTRA)};
    struct bytes bytes = {0};
    assert_ok(codec_encode_reply(&reply, &bytes));
    bytes_free(&bytes);
}

/* ---- what must be refused ---- */

static void codec__truncation_at_any_byte_is_refused_or_another_value(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    for (enum shape shape = 0; shape < SHAPE_COUNT; shape++) {
        encode_sample(shape, SAMPLE_ORDINARY, &bytes);
        size_t taken = 0;
        for (size_t cut = 0; cut < bytes.size; cut++)
            taken += decodes(shape, (struct view){bytes.data, cut});
        /* only whole items at the end of a list may be missing */
        assert_true(taken <= 7);
        static const enum shape ends_in_a_list[] = {
            SHAPE_REPLY,     SHAPE_ROSTER,   SHAPE_BUNDLE,
            SHAPE_SHARES,    SHAPE_UNMASK,   SHAPE_MASKED_INPUT,
            SHAPE_SURVIVORS, SHAPE_CONFIRMS, SHAPE_DELIVERY};
        bool may = false;
        for (size_t i = 0; i < sizeof ends_in_a_list / sizeof *ends_in_a_list; i++)
            may |= shape == ends_in_a_list[i];
        assert_true(may || taken == 0);
    }
    bytes_free(&bytes);
}

static void codec__any_byte_changed_is_refused_or_another_value(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    for (enum shape shape = 0; shape < SHAPE_COUNT; shape++) {
        encode_sample(shape, SAMPLE_ORDINARY, &bytes);
        for (size_t at = 0; at < bytes.size; at++)
            for (unsigned change = 1; change < 256; change += at < 40 ? 1 : 23) {
                bytes.data[at] ^= (uint8_t)change;
                decodes(shape, codec_view(&bytes));
                bytes.data[at] ^= (uint8_t)change;
            }
    }
    bytes_free(&bytes);
}

static void codec__bytes_put_in_or_moved_are_refused_or_another_value(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    uint64_t draw = 12345;
    for (enum shape shape = 0; shape < SHAPE_COUNT; shape++) {
        encode_sample(shape, SAMPLE_ORDINARY, &bytes);
        uint8_t *changed = mem_new(2 * bytes.size + 32, 1);
        for (int i = 0; i < 3000; i++) {
            draw = draw * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t from = (size_t)(draw >> 20) % bytes.size;
            size_t to = (size_t)(draw >> 40) % bytes.size;
            size_t length = (size_t)(draw >> 55) % (bytes.size - from) % 80;
            /* copy a run and put it in before `to` */
            memcpy(changed, bytes.data, to);
            memcpy(changed + to, bytes.data + from, length);
            memcpy(changed + to + length, bytes.data + to, bytes.size - to);
            decodes(shape, (struct view){changed, bytes.size + length});
        }
        mem_free(changed);
    }
    bytes_free(&bytes);
}

/* A message put together by hand, field after field. */
static void put_varint(struct bytes *bytes, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        bytes_u8(bytes, (uint8_t)(value | 0x80));
    bytes_u8(bytes, (uint8_t)value);
}

static void put_number(struct bytes *bytes, unsigned id, uint64_t value)
{
    put_varint(bytes, id << 3);
    put_varint(bytes, value);
}

static void put_run(struct bytes *bytes, unsigned id, size_t size, uint8_t fill)
{
    put_varint(bytes, id << 3 | 2);
    put_varint(bytes, size);
    for (size_t i = 0; i < size; i++)
        bytes_u8(bytes, fill);
}

/* Fields of a receipt in the order of `ids`: 1 to 4 as they should be, others as the
 * cases below need them. */
static void put_receipt(struct bytes *bytes, const char *ids)
{
    bytes->size = 0;
    for (; *ids; ids++)
        switch (*ids) {
        case '1':
        case '2':
        case '4':
            put_run(bytes, (unsigned)(*ids - '0'), 32, 1);
            break;
        case '3':
            put_number(bytes, 3, 5);
            break;
        case 's': /* field 1 too short */
            put_run(bytes, 1, 31, 1);
            break;
        case 'l': /* field 1 too long */
            put_run(bytes, 1, 33, 1);
            break;
        case 'v': /* field 1 as a number */
            put_number(bytes, 1, 32);
            break;
        case 'r': /* field 3 as a run */
            put_run(bytes, 3, 1, 5);
            break;
        case 'f': /* field 3 as fixed64 */
            bytes_append(bytes, "\x19\5\0\0\0\0\0\0\0", 9);
            break;
        case 'i': /* field 3 as fixed32 */
            bytes_append(bytes, "\x1d\5\0\0\0", 5);
            break;
        case 'g': /* field 3 as a group */
            bytes_append(bytes, "\x1b\x1c", 2);
            break;
        case 'o': /* 5 in two bytes */
            bytes_append(bytes, "\x18\x85\0", 3);
            break;
        case 'O': /* the tag in two bytes */
            bytes_append(bytes, "\x98\0\5", 3);
            break;
        case 'b': /* 65 bits */
            bytes_append(bytes, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11);
            break;
        case 'e': /* eleven bytes */
            bytes_append(bytes, "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
            break;
        case '0': /* field number 0 */
            put_number(bytes, 0, 1);
            break;
        case 'u': /* field number 5 */
            put_number(bytes, 5, 1);
            break;
        case 'U': /* a field number of 29 bits */
            put_number(bytes, (1u << 29) - 1, 1);
            break;
        case 'h': /* field 4 longer than the message */
            bytes_append(bytes, "\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
            break;
        }
}

static void codec__one_order_once_each_and_nothing_else(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    struct receipt receipt;
    put_receipt(&bytes, "1234");
    assert_true(decodes(SHAPE_RECEIPT, codec_view(&bytes)));
    static const struct {
        const char *ids, *says;
    } cases[] = {
        {"", "message is missing"},
        {"234", "message is missing"},
        {"134", "plan is missing"},
        {"124", "ledger_length is missing"},
        {"123", "ledger_head is missing"},
        {"11234", "unknown, doubled or misplaced"},
        {"12334", "doubled or misplaced"},
        {"12344", "doubled or misplaced"},
        {"1324", "plan is missing"},
        {"2134", "message is missing"},
        {"12341", "doubled or misplaced"},
        {"1234u", "unknown, doubled or misplaced"},
        {"u1234", "message is missing"},
        {"12u34", "ledger_length is missing"},
        {"1234U", "unknown"},
        {"01234", "unknown"},
        {"12340", "unknown"},
        {"s234", "message has the wrong length"},
        {"l234", "message has the wrong length"},
        {"v234", "message has the wrong wire type"},
        {"12r4", "ledger_length has the wrong wire type"},
        {"12f4", "ledger_length has the wrong wire type"},
        {"12i4", "ledger_length has the wrong wire type"},
        {"12g4", "ledger_length has the wrong wire type"},
        {"12o4", "no proper number"},
        {"12O4", "unknown"},
        {"12b4", "no proper number"},
        {"12e4", "no proper number"},
        {"123h", "ledger_head is cut short"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_receipt(&bytes, cases[i].ids);
        struct arena *arena = codec_arena(bytes.size);
        enum err result = codec_decode_receipt(codec_view(&bytes), arena, &receipt);
        if (result != ERR_FORMAT || !strstr(err_text(), cases[i].says))
            fail_msg("fields %s: \"%s\" does not say \"%s\"", cases[i].ids, err_text(),
                     cases[i].says);
        arena_destroy(&arena);
    }
    bytes_free(&bytes);
}

static void refuses_text(const char *text, size_t size)
{
    struct bytes bytes = {0};
    put_number(&bytes, 1, 7);
    put_varint(&bytes, 2 << 3 | 2);
    put_varint(&bytes, size);
    bytes_append(&bytes, text, size);
    struct refusal refusal;
    struct arena *arena = codec_arena(bytes.size);
    assert_refused(ERR_FORMAT, "refusal: detail is not plain UTF-8 text",
                   codec_decode_refusal(codec_view(&bytes), arena, &refusal));
    arena_destroy(&arena);
    bytes_free(&bytes);
}

static void codec__texts_are_plain_utf8(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "a\nb",                 /* C0 */
        "\x1b[2J",              /* a terminal's escape */
        "\x7f",                 /* DEL */
        "\xc2\x85",             /* C1 */
        "\xc0\xaf",             /* overlong, RFC 3629 section 10 */
        "\xe0\x80\xaf",         /* overlong */
        "\xf0\x80\x80\xaf",     /* overlong */
        "\xed\xa0\x80",         /* surrogate */
        "\xf4\x90\x80\x80",     /* above U+10FFFF */
        "\xf8\x88\x80\x80\x80", /* five bytes */
        "\xe2\x82",             /* cut short */
        "\x80",                 /* a continuation alone */
        "\xff",                 /* never */
        "\xe2\x80\xae",         /* right-to-left override */
        "\xe2\x81\xa6",         /* isolate */
        "\xd8\x9c",             /* Arabic letter mark */
        "\xe2\x80\xa8",         /* line separator */
        "\xe2\x80\x8b",         /* zero-width space */
        "\xef\xbb\xbf",         /* byte order mark */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refuses_text(wrong[i], strlen(wrong[i]));
    refuses_text("a\0b", 3);
    struct bytes bytes = {0};
    struct refusal refusal = {7,
                              "Universit\xc3\xa4tsspital \xe2\x82\xac \xf0\x9f\x8f\xa5"};
    assert_ok(codec_encode_refusal(&refusal, &bytes));
    assert_true(decodes(SHAPE_REFUSAL, codec_view(&bytes)));
    bytes_free(&bytes);
}

static void codec__lists_are_ascending_and_bounded(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    struct poll poll = {.terms_known = sample_keys(room, WIRE_TERMS_KNOWN_MAX + 1)};
    assert_refused(ERR_RANGE, "poll: terms_known has 257",
                   codec_encode_poll(&poll, &bytes));
    uint8_t keys[3 * KEY_BYTES];
    memset(keys, 1, sizeof keys);
    poll.terms_known = (struct keys){keys, 2};
    assert_refused(ERR_RANGE, "ascending", codec_encode_poll(&poll, &bytes));
    keys[0] = 2;
    assert_refused(ERR_RANGE, "ascending", codec_encode_poll(&poll, &bytes));
    keys[0] = 0;
    assert_ok(codec_encode_poll(&poll, &bytes));
    poll.terms_known.count = 3;
    bytes.size = 0;
    assert_refused(ERR_RANGE, "ascending", codec_encode_poll(&poll, &bytes));
    assert_int_equal(bytes.size, 0);
    /* the same on the way in: the last key, before the 34 bytes of the commitment, made
     * equal to the one before it */
    keys[2 * KEY_BYTES] = 2;
    assert_ok(codec_encode_poll(&poll, &bytes));
    bytes.data[bytes.size - 34 - KEY_BYTES] = 1;
    assert_false(decodes(SHAPE_POLL, codec_view(&bytes)));
    union sample sample;
    sample_make(SHAPE_ROSTER, SAMPLE_ORDINARY, room, &sample);
    struct member *members =
        mem_copy(sample.roster_fields.members.items, 5 * sizeof *members);
    members[3].key[1] = 2;
    sample.roster_fields.members.items = members;
    assert_refused(ERR_RANGE, "ascending",
                   codec_encode_roster_fields(&sample.roster_fields, &bytes));
    mem_free(members);
    bytes_free(&bytes);
}

static void plan_refused(const struct plan *plan, const char *says)
{
    struct bytes bytes = {0};
    if (codec_encode_plan(plan, &bytes) != ERR_RANGE || !strstr(err_text(), says))
        fail_msg("\"%s\" does not say \"%s\"", err_text(), says);
    assert_int_equal(bytes.size, 0);
}

static void codec__numbers_have_limits_and_reals_are_positive(void **state)
{
    (void)state;
    union sample sample;
    sample_make(SHAPE_PLAN, SAMPLE_ORDINARY, room, &sample);
    const struct plan good = sample.plan;
    struct plan plan = good;
#define REFUSED(member, value)                                                           \
    plan.member = (value);                                                               \
    plan_refused(&plan, "plan: " #member);                                               \
    plan = good
    REFUSED(round, 0);
    REFUSED(round, WIRE_ROUNDS_MAX + 1);
    REFUSED(attempt, 0);
    REFUSED(dimension, 0);
    REFUSED(dimension, WIRE_DIMENSION_MAX + 1);
    REFUSED(step, 0);
    REFUSED(step, -1);
    REFUSED(step, NAN);
    REFUSED(step, INFINITY);
    REFUSED(step, 1e-310);
    REFUSED(norm_max, 0);
    REFUSED(norm_max, WIRE_NORM_MAX + 1);
    REFUSED(noise_multiplier, 0); /* the wire has no way to ask for no noise */
    REFUSED(noise_multiplier, -0.0);
    REFUSED(noise_multiplier, -12);
    REFUSED(noise_multiplier, NAN);
    REFUSED(noise_multiplier, 1e6);
    REFUSED(noise_log2, 1);
    REFUSED(noise_log2, 41);
    REFUSED(deadline, WIRE_TIME_MAX + 1);
#undef REFUSED
    sample_make(SHAPE_TERMS, SAMPLE_ORDINARY, room, &sample);
    struct bytes bytes = {0};
    sample.terms.noise_multipliers = (struct reals){(double[]){1, 0, 1}, 3};
    assert_refused(ERR_RANGE, "terms: noise_multipliers",
                   codec_encode_terms(&sample.terms, &bytes));
    sample_make(SHAPE_TERMS, SAMPLE_ORDINARY, room, &sample);
    sample.terms.delta = 0;
    assert_refused(ERR_RANGE, "terms: delta", codec_encode_terms(&sample.terms, &bytes));
    bytes_free(&bytes);
}

static void codec__texts_and_runs_have_limits_on_the_way_out(void **state)
{
    (void)state;
    union sample sample;
    struct bytes bytes = {0};
    sample_make(SHAPE_INVITE, SAMPLE_ORDINARY, room, &sample);
    sample.enrol_invite.consortium_name = NULL;
    assert_refused(ERR_RANGE, "invitation: consortium_name",
                   codec_encode_enrol_invite(&sample.enrol_invite, &bytes));
    sample.enrol_invite.consortium_name = sample_text(room, WIRE_NAME_BYTES_MAX + 1);
    assert_refused(ERR_RANGE, "invitation: consortium_name",
                   codec_encode_enrol_invite(&sample.enrol_invite, &bytes));
    sample_make(SHAPE_INVITE, SAMPLE_ORDINARY, room, &sample);
    sample.enrol_invite.endpoint = "ipc:///tmp/socket";
    assert_refused(ERR_RANGE, "endpoint is not an address",
                   codec_encode_enrol_invite(&sample.enrol_invite, &bytes));
    sample.enrol_invite.endpoint = "tcp://host:0";
    assert_refused(ERR_RANGE, "endpoint is not an address",
                   codec_encode_enrol_invite(&sample.enrol_invite, &bytes));
    sample_make(SHAPE_CHAIN_LINK, SAMPLE_ORDINARY, room, &sample);
    sample.chain_link.prior.size = WIRE_PRIOR_MAX + 1;
    assert_refused(ERR_RANGE, "link: prior has 131073 bytes",
                   codec_encode_chain_link(&sample.chain_link, &bytes));
    sample.chain_link.prior.size = 0;
    assert_refused(ERR_RANGE, "link: prior",
                   codec_encode_chain_link(&sample.chain_link, &bytes));
    assert_int_equal(bytes.size, 0);
    /* each part within its limit, the whole not */
    sample_make(SHAPE_REPLY, SAMPLE_LARGEST, room, &sample);
    sample.reply.links = sample_views(room, WIRE_REPLY_LINKS_MAX, 20000);
    assert_refused(ERR_RANGE, "reply: ", codec_encode_reply(&sample.reply, &bytes));
    bytes_free(&bytes);
}

static void codec__packed_numbers_are_whole_and_at_least_one(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    for (size_t size = 0; size <= 24; size++) {
        bytes.size = 0;
        put_run(&bytes, 1, WIRE_SIGNED_SMALL_MIN, 1);
        put_run(&bytes, 2, size, 7);
        assert_int_equal(decodes(SHAPE_MASKED_INPUT, codec_view(&bytes)),
                         size > 0 && size % 8 == 0);
        if (size == 12)
            assert_non_null(strstr(err_text(), "vector does not hold"));
    }
    bytes_free(&bytes);
}

static void codec__a_shape_larger_than_it_may_be_is_not_looked_at(void **state)
{
    (void)state;
    uint8_t *zeros = mem_new(WIRE_FRAME_MAX + 1, 1);
    union sample value;
    struct arena *arena = codec_arena(10);
    for (enum shape shape = 0; shape < SHAPE_COUNT; shape++) {
        struct view large = {zeros, codec_size_max(shape) + 1};
        assert_refused(ERR_FORMAT, "bytes, at most",
                       codec_decode(shape, large, arena, &value));
    }
    arena_destroy(&arena);
    mem_free(zeros);
}

static void codec__the_version_is_read_first(void **state)
{
    (void)state;
    uint32_t version = 0;
    assert_ok(codec_version((struct view){(const uint8_t *)"\x08\x07junk", 6}, &version));
    assert_int_equal(version, 7);
    static const char *const wrong[] = {"",
                                        "\x08",
                                        "\x10\x01",
                                        "\x08\x81",
                                        "\x09\x01",
                                        "\x08\xff\xff\xff\xff\x7f",
                                        "\x08\x81\x80\x01x"};
    static const size_t sizes[] = {0, 1, 2, 2, 2, 6, 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_refused(
            ERR_FORMAT, "version",
            codec_version((struct view){(const uint8_t *)wrong[i], sizes[i]}, &version));
    assert_int_equal(version, 7);
}

/* ---- what it may cost ---- */

/* Bytes the process holds from the allocator; 0 under a sanitizer, which has its own. */
static size_t held(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static size_t cost(enum shape shape, struct view bytes, enum err *result)
{
    union sample value;
    struct arena *arena = codec_arena(bytes.size);
    size_t before = held();
    *result = codec_decode(shape, bytes, arena, &value);
    size_t after = held();
    arena_destroy(&arena);
    return after > before ? after - before : 0;
}

static void codec__memory_is_a_small_multiple_of_the_bytes(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    enum err result;
    for (enum shape shape = 0; shape < SHAPE_COUNT; shape++)
        for (enum sample_size size = 0; size < SAMPLE_SIZES; size++) {
            encode_sample(shape, size, &bytes);
            size_t taken = cost(shape, codec_view(&bytes), &result);
            assert_int_equal(result, ERR_OK);
            if (taken > 40000 + 5 * bytes.size)
                fail_msg("shape %d: %zu bytes cost %zu", shape, bytes.size, taken);
        }
    bytes_free(&bytes);
}

/* The inputs with which protobuf-c alone needs 30 to 80 times their size. */
static void codec__bombs_are_refused_before_anything_is_unpacked(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    enum err result;
    const size_t size = 400000;
    for (int kind = 0; kind < 5; kind++) {
        bytes.size = 0;
        enum shape shape = kind == 4 ? SHAPE_POLL : SHAPE_REPLY;
        if (kind >= 2)
            encode_sample(SHAPE_REPLY, SAMPLE_SMALLEST, &bytes);
        while (bytes.size < size)
            switch (kind) {
            case 0: /* doubled scalars */
                put_number(&bytes, 1, 0);
                break;
            case 1: /* unknown fields */
                put_number(&bytes, 99, 0);
                break;
            case 2: /* empty runs in a list */
                put_run(&bytes, 9, 0, 0);
                break;
            default: /* runs of one byte in a list */
                put_run(&bytes, 9, 1, 0);
                break;
            }
        size_t taken = cost(shape, codec_view(&bytes), &result);
        assert_int_equal(result, ERR_FORMAT);
        assert_int_equal(taken, 0);
    }
    /* members inside members: there is no such field, at any depth */
    bytes.size = 0;
    for (int depth = 0; depth < 20000; depth++)
        bytes_append(&bytes, "\x4a\x7f", 2);
    cost(SHAPE_ROSTER, codec_view(&bytes), &result);
    assert_int_equal(result, ERR_FORMAT);
    bytes_free(&bytes);
}

static void codec__an_arena_too_small_is_a_refusal(void **state)
{
    (void)state;
    struct bytes bytes = {0};
    encode_sample(SHAPE_ROSTER, SAMPLE_LARGEST, &bytes);
    for (size_t budget = 0; budget < 500000; budget = budget * 2 + 40) {
        union sample value;
        struct arena *arena = arena_new(budget);
        enum err result = codec_decode(SHAPE_ROSTER, codec_view(&bytes), arena, &value);
        if (budget < bytes.size)
            assert_int_equal(result, ERR_FORMAT);
        if (result != ERR_OK)
            assert_non_null(strstr(err_text(), "more memory"));
        arena_destroy(&arena);
    }
    bytes_free(&bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(codec__every_shape_comes_back_the_same_at_every_size),
        TEST(codec__fields_come_back_where_they_were),
        TEST(codec__bytes_are_those_of_protobuf),
        TEST(codec__a_reply_has_room_for_one_of_everything_at_its_largest),
        TEST(codec__truncation_at_any_byte_is_refused_or_another_value),
        TEST(codec__any_byte_changed_is_refused_or_another_value),
        TEST(codec__bytes_put_in_or_moved_are_refused_or_another_value),
        TEST(codec__one_order_once_each_and_nothing_else),
        TEST(codec__texts_are_plain_utf8),
        TEST(codec__lists_are_ascending_and_bounded),
        TEST(codec__numbers_have_limits_and_reals_are_positive),
        TEST(codec__texts_and_runs_have_limits_on_the_way_out),
        TEST(codec__packed_numbers_are_whole_and_at_least_one),
        TEST(codec__a_shape_larger_than_it_may_be_is_not_looked_at),
        TEST(codec__the_version_is_read_first),
        TEST(codec__memory_is_a_small_multiple_of_the_bytes),
        TEST(codec__bombs_are_refused_before_anything_is_unpacked),
        TEST(codec__an_arena_too_small_is_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
