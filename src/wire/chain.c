#include "wire/chain.h"

#include <string.h>

#include "privacy/identity.h"
#include "wire/envelope.h"

#define TAG_LINK "gemel/link/1"
#define TAG_SUM "gemel/sum/1"

struct chain chain_start(const struct terms *terms, const uint8_t terms_hash[HASH_BYTES])
{
    struct chain chain = {.length = 0};
    memcpy(chain.study, terms->study, STUDY_BYTES);
    memcpy(chain.head, terms_hash, HASH_BYTES);
    return chain;
}

enum err chain_sign(const struct identity *coordinator, const struct chain_link *link,
                    struct bytes *bytes, uint8_t hash[HASH_BYTES])
{
    struct bytes object = {0};
    enum err result = codec_encode_chain_link(link, &object);
    if (result == ERR_OK)
        result = envelope_sign(coordinator, TAG_LINK, codec_view(&object), bytes);
    if (result == ERR_OK)
        bytes_hash(TAG_LINK, object.data, object.size, hash);
    bytes_free(&object);
    return result;
}

enum err chain_open(struct view bytes, const uint8_t coordinator_key[KEY_BYTES],
                    struct arena *arena, struct chain_link *link,
                    uint8_t hash[HASH_BYTES])
{
    struct view object;
    struct chain_link fields;
    if (envelope_verify(coordinator_key, TAG_LINK, bytes, arena, &object) != ERR_OK ||
        codec_decode_chain_link(object, arena, &fields) != ERR_OK)
        return err_code();
    bytes_hash(TAG_LINK, object.data, object.size, hash);
    *link = fields;
    return ERR_OK;
}

enum reason chain_extend(struct chain *chain, struct view bytes,
                         const uint8_t coordinator_key[KEY_BYTES], struct arena *arena,
                         struct chain_link *link)
{
    struct chain_link fields;
    uint8_t hash[HASH_BYTES];
    if (chain_open(bytes, coordinator_key, arena, &fields, hash) != ERR_OK)
        return err_code() == ERR_VERIFY ? REASON_BAD_SIGNATURE : REASON_MALFORMED;
    enum reason reason = REASON_NONE;
    if (memcmp(fields.study, chain->study, STUDY_BYTES) != 0)
        reason = REASON_UNKNOWN_STUDY;
    else if (fields.round != chain->length + 1)
        reason = REASON_WRONG_ROUND;
    else if (memcmp(fields.previous, chain->head, HASH_BYTES) != 0)
        reason = REASON_WRONG_CHAIN;
    if (reason != REASON_NONE) {
        reason_set(reason);
        return reason;
    }
    chain->length++;
    memcpy(chain->head, hash, HASH_BYTES);
    *link = fields;
    return REASON_NONE;
}

bool chain_equivocates(struct view one, struct view other,
                       const uint8_t coordinator_key[KEY_BYTES])
{
    struct chain_link a, b;
    uint8_t hash_a[HASH_BYTES], hash_b[HASH_BYTES];
    struct arena *arena = codec_arena(one.size + other.size);
    bool both = chain_open(one, coordinator_key, arena, &a, hash_a) == ERR_OK &&
                chain_open(other, coordinator_key, arena, &b, hash_b) == ERR_OK;
    bool proven =
        both && memcmp(a.study, b.study, STUDY_BYTES) == 0 &&
        (a.round == b.round || memcmp(a.previous, b.previous, HASH_BYTES) == 0) &&
        memcmp(hash_a, hash_b, HASH_BYTES) != 0;
    arena_destroy(&arena);
    return proven;
}

void chain_sum_hash(const struct words *sum, uint8_t hash[HASH_BYTES])
{
    struct bytes numbers = {0};
    for (size_t i = 0; i < sum->count; i++)
        bytes_u64(&numbers, sum->items[i]);
    bytes_hash(TAG_SUM, numbers.data, numbers.size, hash);
    bytes_free(&numbers);
}
