#include "wire/phase.h"

#include <string.h>

#include "base/memory.h"
#include "privacy/identity.h"
#include "wire/envelope.h"

static const struct {
    const char *name;
    uint32_t question, answer;
} phases[] = {
    [PHASE_ADVERTISE] = {"advertise", MESSAGE_ADVERT, MESSAGE_BUNDLE},
    [PHASE_SHARE] = {"share", MESSAGE_SHARES, MESSAGE_DELIVERY},
    [PHASE_MASK] = {"mask", MESSAGE_INPUT, MESSAGE_SURVIVORS},
    [PHASE_CONFIRM] = {"confirm", MESSAGE_CONFIRM, MESSAGE_CONFIRMS},
    [PHASE_UNMASK] = {"unmask", MESSAGE_UNMASK, MESSAGE_RECEIPT},
    [PHASE_END] = {"end", 0, 0},
};

const char *phase_name(enum phase phase)
{
    return phases[phase].name;
}

uint32_t phase_question(enum phase phase)
{
    return phases[phase].question;
}

uint32_t phase_answer(enum phase phase)
{
    return phases[phase].answer;
}

/* ---- signed objects ---- */

/* Every signed object of a phase begins with the plan and the member. */
struct claim {
    uint8_t plan[HASH_BYTES], member[KEY_BYTES];
};
#define CLAIM_COMES_FIRST(code, type)                                                    \
    _Static_assert(offsetof(struct type, plan) == 0 &&                                   \
                       offsetof(struct type, member) == HASH_BYTES,                      \
                   "a claim comes first");
PHASE_SIGNED_LIST(CLAIM_COMES_FIRST)

static const char *tag_of(enum shape shape)
{
    switch (shape) {
    case SHAPE_ADVERT:
        return "SA1/adv";
    case SHAPE_DEALING:
        return "SA1/shares";
    case SHAPE_INPUT:
        return "SA1/input";
    case SHAPE_CONFIRM:
        return "SA1/cons";
    default:
        return NULL;
    }
}

enum err phase_sign(const struct identity *identity, enum shape shape, const void *value,
                    struct bytes *bytes)
{
    struct bytes object = {0};
    enum err result = codec_encode(shape, value, &object);
    if (result == ERR_OK)
        result = envelope_sign(identity, tag_of(shape), codec_view(&object), bytes);
    bytes_free(&object);
    return result;
}

enum err phase_read(enum shape shape, struct view bytes, struct arena *arena, void *value)
{
    struct signed_bytes parts;
    if (codec_decode_signed_bytes(bytes, arena, &parts) != ERR_OK)
        return err_code();
    return codec_decode(shape, parts.object, arena, value);
}

/* Read one: what it says, and what is signed of it. */
static enum reason read_claim(enum shape shape, struct view bytes,
                              const uint8_t context[HASH_BYTES], struct arena *arena,
                              void *value, struct signed_bytes *parts)
{
    const struct claim *claim = value;
    if (codec_decode_signed_bytes(bytes, arena, parts) != ERR_OK ||
        codec_decode(shape, parts->object, arena, value) != ERR_OK) {
        err_wrap("%s", reason_sentence(REASON_MALFORMED));
        return REASON_MALFORMED;
    }
    if (memcmp(claim->plan, context, HASH_BYTES) == 0)
        return REASON_NONE;
    reason_set(REASON_WRONG_PLAN);
    return REASON_WRONG_PLAN;
}

static size_t size_of(enum shape shape)
{
    switch (shape) {
#define SIZE(code, type)                                                                 \
    case SHAPE_##code:                                                                   \
        return sizeof(struct type);
        PHASE_SIGNED_LIST(SIZE)
#undef SIZE
    default:
        return 0;
    }
}

enum reason phase_open_all(enum shape shape, const struct views *list,
                           const uint8_t context[HASH_BYTES], struct arena *arena,
                           void *values)
{
    struct signed_bytes *parts = mem_new(list->count, sizeof *parts);
    struct identity_claim *claims = mem_new(list->count, sizeof *claims);
    enum reason reason = REASON_NONE;
    size_t wrong;
    for (size_t i = 0; reason == REASON_NONE && i < list->count; i++) {
        struct claim *claim = (struct claim *)((char *)values + i * size_of(shape));
        reason = read_claim(shape, list->items[i], context, arena, claim, &parts[i]);
        claims[i] = (struct identity_claim){claim->member, parts[i].object.data,
                                            parts[i].signature, parts[i].object.size};
    }
    if (reason == REASON_NONE &&
        identity_verify_all(tag_of(shape), claims, list->count, &wrong) != ERR_OK) {
        reason = REASON_BAD_SIGNATURE;
        reason_set(reason);
    }
    mem_free(parts);
    mem_free(claims);
    return reason;
}

enum err phase_receipt(const struct input *input, const uint8_t message[HASH_BYTES],
                       struct bytes *body)
{
    struct receipt receipt = {.ledger_length = input->ledger_length};
    memcpy(receipt.message, message, HASH_BYTES);
    memcpy(receipt.plan, input->plan, HASH_BYTES);
    memcpy(receipt.ledger_head, input->ledger_head, HASH_BYTES);
    return codec_encode_receipt(&receipt, body);
}

/* ---- hashes ---- */

static void hash_fields(const char *tag, struct bytes *fields, uint8_t hash[HASH_BYTES])
{
    bytes_hash(tag, fields->data, fields->size, hash);
    bytes_free(fields);
}

static void append_views(struct bytes *fields, const struct views *views)
{
    size_t size = 0;
    for (size_t i = 0; i < views->count; i++)
        size += sizeof(uint32_t) + views->items[i].size;
    bytes_reserve(fields, size);
    for (size_t i = 0; i < views->count; i++)
        bytes_field(fields, views->items[i].data, views->items[i].size);
}

void phase_bundle_hash(const struct views *adverts, uint8_t hash[HASH_BYTES])
{
    struct bytes fields = {0};
    append_views(&fields, adverts);
    hash_fields("SA1/b1", &fields, hash);
}

void phase_parcels_hash(const struct views *parcels, uint8_t hash[HASH_BYTES])
{
    struct bytes fields = {0};
    append_views(&fields, parcels);
    hash_fields("SA1/parcels", &fields, hash);
}

void phase_dealers_hash(const uint8_t context[HASH_BYTES],
                        const uint8_t bundle[HASH_BYTES], const struct keys *dealers,
                        uint8_t hash[HASH_BYTES])
{
    struct bytes fields = {0};
    bytes_field(&fields, context, HASH_BYTES);
    bytes_field(&fields, bundle, HASH_BYTES);
    for (size_t i = 0; i < dealers->count; i++)
        bytes_field(&fields, dealers->items + i * KEY_BYTES, KEY_BYTES);
    hash_fields("SA1/u2", &fields, hash);
}

void phase_vector_hash(const struct words *vector, uint8_t hash[HASH_BYTES])
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    bytes_hash("SA1/vector", vector->items, vector->count * sizeof *vector->items, hash);
#else
    struct bytes numbers = {0};
    for (size_t i = 0; i < vector->count; i++)
        bytes_u64(&numbers, vector->items[i]);
    hash_fields("SA1/vector", &numbers, hash);
#endif
}

void phase_survivors_hash(const uint8_t context[HASH_BYTES],
                          const uint8_t bundle[HASH_BYTES],
                          const uint8_t dealers[HASH_BYTES], const struct input *inputs,
                          size_t count, uint8_t hash[HASH_BYTES])
{
    struct bytes fields = {0};
    bytes_field(&fields, context, HASH_BYTES);
    bytes_field(&fields, bundle, HASH_BYTES);
    bytes_field(&fields, dealers, HASH_BYTES);
    for (size_t i = 0; i < count; i++) {
        bytes_field(&fields, inputs[i].member, KEY_BYTES);
        bytes_field(&fields, inputs[i].vector_hash, HASH_BYTES);
    }
    hash_fields("SA1/u3", &fields, hash);
}

void phase_graph_seed(const uint8_t context[HASH_BYTES], const struct advert *adverts,
                      size_t count, uint8_t seed[HASH_BYTES])
{
    struct bytes fields = {0};
    bytes_field(&fields, context, HASH_BYTES);
    for (size_t i = 0; i < count; i++)
        bytes_field(&fields, adverts[i].seed, HASH_BYTES);
    hash_fields("SA1/graph", &fields, seed);
}

void phase_seed_commitment(const uint8_t study[STUDY_BYTES],
                           const uint8_t member[KEY_BYTES],
                           const uint8_t seed[HASH_BYTES], uint8_t commitment[HASH_BYTES])
{
    struct bytes fields = {0};
    bytes_field(&fields, study, STUDY_BYTES);
    bytes_field(&fields, member, KEY_BYTES);
    bytes_field(&fields, seed, HASH_BYTES);
    hash_fields("SA1/seed", &fields, commitment);
}
