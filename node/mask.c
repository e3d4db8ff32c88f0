#include <string.h>

#include "node/attempt_impl.h"
#include "privacy/mask.h"

/* --- the delivery: who dealt, and what they sealed for us
 * ---------------------------------- */

static enum err read_dealers(struct attempt *a, const struct keys *dealers)
{
    if (dealers->count < a->plan.survivors)
        return attempt_refuse(a, REASON_TOO_FEW);
    a->dealer = mem_new(a->count, sizeof *a->dealer);
    for (size_t i = 0; i < dealers->count; i++) {
        size_t index = attempt_find(a, dealers->items + i * KEY_BYTES);
        if (index == a->count)
            return attempt_refuse(a, REASON_NOT_PARTICIPANT);
        a->dealer[index] = true;
    }
    return a->dealer[a->self] ? ERR_OK : attempt_refuse(a, REASON_NOT_INCLUDED);
}

static enum err refuse_parcel(struct attempt *a, size_t peer)
{
    bytes_to_hex(a->adverts[peer].member, KEY_BYTES, a->accused);
    attempt_refuse(a, REASON_BAD_PARCEL);
    return err_wrap("from member %s", a->accused);
}

/* What a neighbour reminds this member of; if that is wrong with this member, not with
 * the neighbour. */
static enum err heed(struct attempt *a, size_t peer,
                     const uint8_t note[PAIRKEY_NOTE_BYTES])
{
    if (!a->notes.told ||
        a->notes.told(a->notes.context, a->adverts[peer].member, note) == ERR_OK)
        return ERR_OK;
    if (err_code() == ERR_VERIFY)
        a->reason = REASON_LEDGER_BEHIND;
    return err_code();
}

/* A parcel that does not open is the sender's fault or the coordinator's: either way
 * nothing that depends on it may be sent. Opening it shows that its sender dealt under
 * this bundle, so that no signature is needed here. */
static enum err open_parcels(struct attempt *a, const struct views *parcels)
{
    size_t count, next = 0;
    const uint32_t *neighbours = graph_neighbours(a->graph, a->self, &count);
    uint16_t own_point = attempt_point(a, a->key);
    for (size_t i = 0; i < count; i++) {
        uint32_t peer = neighbours[i];
        if (!a->dealer[peer])
            continue;
        struct attempt_pair *pair = &a->secrets->pairs[i];
        struct pairkey_place place = attempt_place(a, peer);
        uint8_t note[PAIRKEY_NOTE_BYTES];
        if (next == parcels->count || parcels->items[next].size != PAIRKEY_PARCEL_BYTES ||
            pairkey_unseal(&place, &a->secrets->keys, a->adverts[peer].seal_key,
                           pair->agreed, own_point, parcels->items[next].data,
                           &pair->dealt, note) != ERR_OK)
            return refuse_parcel(a, peer);
        if (heed(a, peer, note) != ERR_OK)
            return err_code();
        next++;
    }
    if (next != parcels->count)
        return attempt_refuse(a, REASON_BAD_PARCEL);
    return next + 1 < a->plan.threshold ? attempt_refuse(a, REASON_TOO_FEW) : ERR_OK;
}

/* --- masking
 * ------------------------------------------------------------------------------- */

static enum err add_masks(struct attempt *a, uint64_t *vector)
{
    const struct pairkey *keys = &a->secrets->keys;
    uint8_t seed[PAIRKEY_SEED_BYTES];
    size_t count;
    const uint32_t *neighbours = graph_neighbours(a->graph, a->self, &count);
    struct pairkey_place own = attempt_place(a, a->self);
    enum err result = ERR_OK;
    pairkey_self_seed(&own, keys->self_scalar, seed);
    mask_add(seed, vector, a->plan.dimension);
    for (size_t i = 0; result == ERR_OK && i < count; i++) {
        const struct advert *peer = &a->adverts[neighbours[i]];
        if (!a->dealer[neighbours[i]])
            continue;
        struct pairkey_place place = attempt_place(a, neighbours[i]);
        result = pairkey_pair_seed(&place, keys->mask_secret, keys->mask_key,
                                   peer->mask_key, seed);
        if (result != ERR_OK)
            break;
        if (memcmp(a->key, peer->member, KEY_BYTES) < 0)
            mask_add(seed, vector, a->plan.dimension);
        else
            mask_subtract(seed, vector, a->plan.dimension);
    }
    bytes_wipe(seed, sizeof seed);
    return result == ERR_VERIFY ? attempt_refuse(a, REASON_BAD_KEY) : result;
}

static enum err write_message(struct attempt *a, const uint64_t *vector)
{
    struct input input = {.ledger_length = a->ledger_length};
    struct masked_input masked = {.vector = {vector, a->plan.dimension}};
    memcpy(input.plan, a->context, HASH_BYTES);
    memcpy(input.member, a->key, KEY_BYTES);
    memcpy(input.bundle, a->bundle, HASH_BYTES);
    memcpy(input.dealers, a->dealers, HASH_BYTES);
    memcpy(input.ledger_head, a->ledger_head, HASH_BYTES);
    phase_vector_hash(&masked.vector, input.vector_hash);
    if (phase_sign_input(a->world.identity, &input, &a->input) != ERR_OK)
        return err_code();
    masked.input = codec_view(&a->input);
    bytes_free(&a->message);
    return codec_encode_masked_input(&masked, &a->message);
}

/* The charge is on the disk before the masked vector exists anywhere else. */
static enum err charge(struct attempt *a, const uint64_t *vector)
{
    const struct attempt_world *world = &a->world;
    if (world->charge(world->context, vector, &a->ledger_length, a->ledger_head) != ERR_OK)
        return err_code();
    enum err result = write_message(a, vector);
    if (result != ERR_OK) {
        world->cancel(world->context);
        return result;
    }
    return world->commit(world->context);
}

/* Phase 3: open what others dealt, add up the hospital's own, mask it, pay, and only then
 * have something to send. */
enum err node_mask(struct attempt *a, struct view body, struct arena *arena)
{
    struct delivery delivery;
    if (codec_decode_delivery(body, arena, &delivery) != ERR_OK)
        return attempt_refuse(a, REASON_MALFORMED);
    enum err result = read_dealers(a, &delivery.dealers);
    if (result == ERR_OK)
        result = open_parcels(a, &delivery.parcels);
    if (result != ERR_OK)
        return result;
    phase_dealers_hash(a->context, a->bundle, &delivery.dealers, a->dealers);
    uint64_t *vector = mem_new(a->plan.dimension, sizeof *vector);
    result = a->world.input(a->world.context, vector);
    if (result == ERR_OK)
        result = add_masks(a, vector);
    if (result == ERR_OK)
        result = charge(a, vector);
    bytes_wipe(vector, a->plan.dimension * sizeof *vector);
    mem_free(vector);
    return result;
}
