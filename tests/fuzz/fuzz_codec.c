/* fuzz_codec - the bytes of strangers: every shape, whole messages, armoured files.
 *
 * The first byte says which; the rest is the input. What decodes must be the one encoding
 * of its value; what does not must be refused as ERR_FORMAT. */

#include <stdlib.h>

#include "privacy/identity.h"
#include "wire/chain.h"
#include "wire/envelope.h"
#include "wire/roster.h"
#include "wire/terms.h"

union value {
#define VALUE_FIELD(code, type) struct type type;
    SHAPE_LIST(VALUE_FIELD)
#undef VALUE_FIELD
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_shape(enum shape shape, struct view bytes)
{
    union value value;
    struct bytes again = {0};
    struct arena *arena = codec_arena(bytes.size);
    enum err result = codec_decode(shape, bytes, arena, &value);
    if (result != ERR_OK && result != ERR_FORMAT)
        abort();
    if (result == ERR_OK &&
        (codec_encode(shape, &value, &again) != ERR_OK || again.size != bytes.size ||
         !bytes_equal(again.data, bytes.data, bytes.size)))
        abort();
    bytes_free(&again);
    arena_destroy(&arena);
}

/* Everybody may speak, so that only the signature stands in the way; no input has a good
 * one, as no input knows the key. */
static enum reason admit(const void *who, const uint8_t sender[KEY_BYTES])
{
    (void)who;
    (void)sender;
    return REASON_NONE;
}

static void try_frame(struct view frame)
{
    static struct identity *coordinator;
    static struct envelope_rule rule = {.kinds = UINT32_MAX, .admit = admit};
    if (!coordinator) {
        uint8_t secret[IDENTITY_SECRET_BYTES] = {1};
        if (identity_read(secret, &coordinator) != ERR_OK)
            abort();
    }
    struct envelope envelope;
    struct bytes answer = {0};
    uint8_t hash[HASH_BYTES];
    struct arena *arena = codec_arena(frame.size);
    if (envelope_open(&rule, frame, arena, &envelope) == REASON_NONE)
        abort();
    envelope_refuse(coordinator, frame, REASON_MALFORMED, "", &answer);
    envelope_hash(frame, hash);
    bytes_free(&answer);
    arena_destroy(&arena);
}

static void try_files(struct view text)
{
    struct arena *arena = arena_new(1 << 20);
    struct enrol_request request;
    struct enrol_invite invite;
    roster_request_read((const char *)text.data, text.size, arena, &request);
    roster_invite_read((const char *)text.data, text.size, arena, &invite);
    arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct view rest = {data + 1, size - 1};
    if (data[0] < SHAPE_COUNT)
        try_shape((enum shape)data[0], rest);
    else if (data[0] == SHAPE_COUNT)
        try_frame(rest);
    else
        try_files(rest);
    return 0;
}
