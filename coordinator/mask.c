#include <string.h>

#include "coordinator/collection_impl.h"
#include "privacy/fixedpoint.h"

/* Phase 3: masked inputs in, the signatures of all of them out. */
enum reason coord_mask_take(struct collection *c, size_t place, struct view body,
                            struct arena *arena, struct bytes *kept)
{
    struct masked_input masked;
    struct input input;
    uint8_t hash[HASH_BYTES];
    if (codec_decode_masked_input(body, arena, &masked) != ERR_OK)
        return REASON_MALFORMED;
    enum reason reason = phase_open_input(masked.input, c->context, arena, &input);
    if (reason != REASON_NONE)
        return reason;
    if (!collection_is_of(c, place, input.member))
        return REASON_BAD_SIGNATURE;
    if (memcmp(input.bundle, c->bundle, HASH_BYTES) != 0)
        return REASON_WRONG_BUNDLE;
    if (memcmp(input.dealers, c->dealers, HASH_BYTES) != 0)
        return REASON_WRONG_DEALERS;
    if (masked.vector.count != c->plan.dimension)
        return REASON_WRONG_LENGTH;
    phase_vector_hash(&masked.vector, hash);
    if (memcmp(input.vector_hash, hash, HASH_BYTES) != 0)
        return REASON_BAD_SIGNATURE;
    bytes_append(kept, masked.input.data, masked.input.size);
    c->vector = masked.vector;
    return REASON_NONE;
}

/* Everybody whose input comes before the phase is closed survives, so vectors can be
 * added up as they come and none is held. */
void coord_mask_add(struct collection *c)
{
    fixedpoint_add_ring(c->sum, c->vector.items, c->vector.count);
}

enum err coord_mask_close(struct collection *c)
{
    struct survivors survivors;
    struct view *views = collection_list(c, PHASE_MASK, &survivors.inputs.count);
    survivors.inputs.items = views;
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    struct input *inputs = mem_new(survivors.inputs.count, sizeof *inputs);
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < survivors.inputs.count; i++)
        result = phase_read_input(survivors.inputs.items[i], arena, &inputs[i]);
    c->survivor_count = survivors.inputs.count;
    phase_survivors_hash(c->context, c->bundle, c->dealers, inputs, c->survivor_count,
                         c->survivors);
    if (result == ERR_OK)
        result = codec_encode_survivors(&survivors, &c->answers[PHASE_MASK]);
    mem_free(views);
    mem_free(inputs);
    arena_destroy(&arena);
    return result;
}
