#include "wire/relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "check.h"

/* ---- two ends ---- */

struct pair {
    struct relay *near, *far;
    int bare; /* the far end's descriptor while no relay has it */
};

static void pair_open(struct pair *pair, bool far)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    *pair = (struct pair){.near = relay_new(ends[0]), .bare = far ? -1 : ends[1]};
    if (far)
        pair->far = relay_new(ends[1]);
}

static void pair_close(struct pair *pair)
{
    relay_destroy(&pair->near);
    relay_destroy(&pair->far);
    if (pair->bare >= 0)
        close(pair->bare);
}

/* What the near end makes of these bytes. */
static enum err take_bytes(const void *data, size_t size, struct relay_note *note)
{
    struct pair pair;
    pair_open(&pair, false);
    assert_int_equal(send(pair.bare, data, size, 0), size);
    close(pair.bare);
    pair.bare = -1;
    enum err result = relay_take(pair.near, note);
    pair_close(&pair);
    return result;
}

/* ---- notes ---- */

static uint8_t keys[3 * KEY_BYTES], large[WIRE_FRAME_MAX];

static struct view view_of(const char *text)
{
    return (struct view){(const uint8_t *)text, strlen(text)};
}

/* One of every kind. */
static size_t sample_notes(struct relay_note *notes)
{
    struct transport_peer peer = {.route = {0, 1, 2, 3, 4}, .route_size = 5};
    memset(keys, 0x5a, sizeof keys);
    memset(peer.curve, 0xa5, KEY_BYTES);
    const struct relay_note samples[] = {
        {.kind = RELAY_START,
         .text = view_of("tcp://127.0.0.1:*"),
         .secret = {keys, KEY_BYTES},
         .curves = {keys, sizeof keys}},
        {.kind = RELAY_ALLOW, .curves = {keys, sizeof keys}},
        {.kind = RELAY_ALLOW},
        {.kind = RELAY_ANSWER, .peer = peer, .frame = view_of("an answer")},
        {.kind = RELAY_READY, .text = view_of("tcp://127.0.0.1:7400"), .number = 1},
        {.kind = RELAY_FAILED, .text = view_of("no"), .number = ERR_GONE},
        {.kind = RELAY_QUESTION, .peer = peer, .frame = {large, sizeof large}},
        {.kind = RELAY_ALIVE, .number = UINT64_MAX},
    };
    memcpy(notes, samples, sizeof samples);
    return sizeof samples / sizeof *samples;
}
#define SAMPLES_MAX 8

static void assert_same_view(struct view got, struct view expected)
{
    assert_int_equal(got.size, expected.size);
    if (got.size)
        assert_memory_equal(got.data, expected.data, got.size);
}

static void assert_same_note(const struct relay_note *got,
                             const struct relay_note *expected)
{
    assert_int_equal(got->kind, expected->kind);
    assert_same_view(got->text, expected->text);
    assert_same_view(got->secret, expected->secret);
    assert_same_view(got->curves, expected->curves);
    assert_same_view(got->frame, expected->frame);
    assert_int_equal(got->number, expected->number);
    assert_int_equal(got->peer.route_size, expected->peer.route_size);
    assert_memory_equal(got->peer.route, expected->peer.route, got->peer.route_size);
    assert_memory_equal(got->peer.curve, expected->peer.curve, KEY_BYTES);
}

/* ---- the tests ---- */

static void relay__carries_every_kind_of_note(void **state)
{
    struct relay_note notes[SAMPLES_MAX], got;
    struct pair pair;
    (void)state;
    pair_open(&pair, true);
    size_t count = sample_notes(notes);
    for (size_t i = 0; i < count; i++) {
        relay_put(pair.near, &notes[i]);
        enum err taken = ERR_GONE;
        while (taken == ERR_GONE) { /* the largest does not fit the sockets at once */
            enum err sent = relay_flush(pair.near, 0);
            assert_true(sent == ERR_OK || sent == ERR_GONE);
            taken = relay_take(pair.far, &got);
        }
        assert_ok(taken);
        assert_true(relay_is_idle(pair.near));
        assert_same_note(&got, &notes[i]);
        assert_int_equal(relay_take(pair.far, &got), ERR_GONE);
    }
    relay_wipe(pair.far);
    relay_put(pair.near, &notes[1]);
    assert_ok(relay_flush(pair.near, 0));
    assert_ok(relay_take(pair.far, &got));
    assert_same_note(&got, &notes[1]);
    relay_destroy(&pair.near);
    assert_null(pair.near);
    assert_int_equal(relay_take(pair.far, &got), ERR_STATE);
    relay_put(pair.far, &notes[1]);
    assert_int_equal(relay_flush(pair.far, 0), ERR_STATE);
    pair_close(&pair);
}

static void relay__puts_a_note_together_byte_by_byte(void **state)
{
    struct relay_note notes[SAMPLES_MAX], got;
    struct bytes bytes = {0};
    struct pair pair;
    (void)state;
    pair_open(&pair, false);
    sample_notes(notes);
    relay_encode(&notes[3], &bytes);
    uint8_t length[4] = {(uint8_t)bytes.size, 0, 0, 0};
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof length + bytes.size; i++) {
            assert_int_equal(relay_take(pair.near, &got), ERR_GONE);
            const uint8_t *at = i < sizeof length ? length + i : bytes.data + i - 4;
            assert_int_equal(write(pair.bare, at, 1), 1);
            if (i + 1 == sizeof length + bytes.size)
                assert_ok(relay_take(pair.near, &got));
        }
    assert_same_note(&got, &notes[3]);
    bytes_free(&bytes);
    pair_close(&pair);
}

/* A length out of limits ends it before anything is taken for it; so does every part that
 * is too short, too long or too much. */
static void relay__takes_nothing_out_of_its_limits(void **state)
{
    struct relay_note got;
    (void)state;
    static const struct {
        size_t size;
        uint8_t bytes[60];
    } offences[] = {
        {4, {0, 0, 0, 0}},         /* empty */
        {4, {129, 0, 16, 0}},      /* a byte over RELAY_NOTE_MAX */
        {4, {255, 255, 255, 255}}, /* 4 GiB */
        {5, {1, 0, 0, 0, 0}},      /* kinds that are none */
        {5, {1, 0, 0, 0, 8}},      /* */
        {5, {1, 0, 0, 0, 255}},    /* */
        {5, {1, 0, 0, 0, 7}},      /* ALIVE without its number */
        {14, {10, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 0, 9}}, /* and with more */
        {9, {5, 0, 0, 0, 2, 255, 255, 255, 255}},          /* ALLOW: a field of 4 GiB */
        {10, {6, 0, 0, 0, 2, 1, 0, 0, 0, 7}},              /* a key of one byte */
        {9, {5, 0, 0, 0, 6, 0, 0, 0, 0}}, /* QUESTION: a route, no more */
        {18, {14, 0, 0, 0, 6, 1, 0, 0, 0, 9, 0, 0, 0, 0, 1, 0, 0, 0}}, /* no key */
        {49, {45, 0, 0, 0, 6, 0, 0, 0, 0, 32}},    /* a route of no bytes */
        {49, {45, 0, 0, 0, 6, 1, 0, 0, 0, 9, 31}}, /* a key of 31 */
        {9, {5, 0, 0, 0, 1, 0, 0, 0, 0}},          /* START without a secret */
        {17, {13, 0, 0, 0, 1}},                    /* an empty one */
    };
    for (size_t i = 0; i < sizeof offences / sizeof *offences; i++)
        if (take_bytes(offences[i].bytes, offences[i].size, &got) != ERR_FORMAT)
            fail_msg("offence %zu: %s", i, err_text());
    struct bytes bytes = {0};
    bytes_u8(&bytes, RELAY_FAILED);
    bytes_field(&bytes, large, RELAY_TEXT_MAX + 1);
    bytes_u64(&bytes, 1);
    assert_refused(ERR_FORMAT, "limits", relay_decode(codec_view(&bytes), &got));
    bytes.size = 0;
    bytes_u8(&bytes, RELAY_ALLOW);
    bytes_field(&bytes, large, RELAY_CURVES_MAX + KEY_BYTES);
    assert_refused(ERR_FORMAT, "limits", relay_decode(codec_view(&bytes), &got));
    bytes_free(&bytes);
}

/* Every note cut short, and with every byte changed, is refused or within its limits. */
static void relay__believes_no_byte(void **state)
{
    struct relay_note notes[SAMPLES_MAX], got;
    (void)state;
    size_t count = sample_notes(notes);
    for (size_t i = 0; i < count; i++) {
        struct bytes bytes = {0};
        if (notes[i].frame.size > 100)
            notes[i].frame.size = 100;
        relay_encode(&notes[i], &bytes);
        for (size_t cut = 0; cut < bytes.size; cut++)
            assert_int_equal(relay_decode((struct view){bytes.data, cut}, &got),
                             ERR_FORMAT);
        for (size_t at = 0; at < bytes.size; at++)
            for (unsigned flip = 1; flip < 256; flip++) {
                bytes.data[at] ^= (uint8_t)flip;
                if (relay_decode(codec_view(&bytes), &got) == ERR_OK) {
                    struct bytes again = {0};
                    assert_true(got.frame.size <= WIRE_FRAME_MAX &&
                                got.peer.route_size <= sizeof got.peer.route);
                    relay_encode(&got, &again);
                    assert_int_equal(again.size, bytes.size);
                    assert_memory_equal(again.data, bytes.data, bytes.size);
                    bytes_free(&again);
                }
                bytes.data[at] ^= (uint8_t)flip;
            }
        bytes_free(&bytes);
    }
}

static void relay__waits_no_longer_than_it_is_told(void **state)
{
    struct relay_note notes[SAMPLES_MAX];
    struct pair pair;
    (void)state;
    pair_open(&pair, true);
    sample_notes(notes);
    relay_put(pair.near, &notes[6]); /* more than the sockets hold */
    uint64_t before = clock_steady_ms(&clock_machine);
    assert_int_equal(relay_flush(pair.near, 200), ERR_GONE);
    assert_in_range(clock_steady_ms(&clock_machine) - before, 200, 2000);
    assert_false(relay_is_idle(pair.near));
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relay__carries_every_kind_of_note),
        cmocka_unit_test(relay__puts_a_note_together_byte_by_byte),
        cmocka_unit_test(relay__takes_nothing_out_of_its_limits),
        cmocka_unit_test(relay__believes_no_byte),
        cmocka_unit_test(relay__waits_no_longer_than_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
