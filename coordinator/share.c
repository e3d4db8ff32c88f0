#include <string.h>

#include "coordinator/collection_impl.h"

/* Phase 2: sealed shares in, to everybody what is sealed for them out. What is sealed the
 * coordinator cannot read, and what it changes does not open. */
enum reason coord_share_take(struct collection *c, size_t place, struct view body,
                             struct arena *arena, struct bytes *kept)
{
    struct shares shares;
    struct dealing dealing;
    uint8_t hash[HASH_BYTES];
    size_t neighbours;
    if (codec_decode_shares(body, arena, &shares) != ERR_OK)
        return REASON_MALFORMED;
    enum reason reason = phase_open_dealing(shares.dealing, c->context, arena, &dealing);
    if (reason != REASON_NONE)
        return reason;
    if (!collection_is_of(c, place, dealing.member))
        return REASON_BAD_SIGNATURE;
    if (memcmp(dealing.bundle, c->bundle, HASH_BYTES) != 0)
        return REASON_WRONG_BUNDLE;
    graph_neighbours(c->graph, (uint32_t)c->members[place].index, &neighbours);
    if (shares.parcels.count != neighbours)
        return REASON_WRONG_LENGTH;
    phase_parcels_hash(&shares.parcels, hash);
    if (memcmp(dealing.parcels_hash, hash, HASH_BYTES) != 0)
        return REASON_BAD_SIGNATURE;
    bytes_reserve(kept, neighbours * PAIRKEY_PARCEL_BYTES);
    for (size_t i = 0; i < neighbours; i++) {
        if (shares.parcels.items[i].size != PAIRKEY_PARCEL_BYTES)
            return REASON_WRONG_LENGTH;
        bytes_append(kept, shares.parcels.items[i].data, PAIRKEY_PARCEL_BYTES);
    }
    return REASON_NONE;
}

/* The keys of the members who dealt, ascending; caller frees. */
static uint8_t *dealers_of(const struct collection *c, size_t *count)
{
    uint8_t *items = mem_new(c->count, KEY_BYTES);
    *count = 0;
    for (size_t i = 0; i < c->count; i++)
        if (collection_came(c, c->places[i], PHASE_SHARE))
            memcpy(items + KEY_BYTES * (*count)++, c->adverts[i].member, KEY_BYTES);
    return items;
}

enum err coord_share_close(struct collection *c)
{
    size_t count;
    uint8_t *keys = dealers_of(c, &count);
    struct keys dealers = {keys, count};
    phase_dealers_hash(c->context, c->bundle, &dealers, c->dealers);
    mem_free(keys);
    return ERR_OK;
}

/* What `dealer` sealed for `index`: parcels lie in the order of the dealer's neighbours.
 */
static struct view parcel_for(const struct collection *c, uint32_t dealer, uint32_t index)
{
    size_t at = graph_slot(c->graph, dealer, index);
    const struct bytes *kept = &c->members[c->places[dealer]].kept[PHASE_SHARE];
    return (struct view){kept->data + at * PAIRKEY_PARCEL_BYTES, PAIRKEY_PARCEL_BYTES};
}

enum err coord_share_answer(struct collection *c, size_t place, struct bytes *body)
{
    uint32_t index = (uint32_t)c->members[place].index;
    size_t count, found = 0;
    const uint32_t *neighbours = graph_neighbours(c->graph, index, &count);
    struct view *parcels = mem_new(count, sizeof *parcels);
    for (size_t i = 0; i < count; i++)
        if (collection_came(c, c->places[neighbours[i]], PHASE_SHARE))
            parcels[found++] = parcel_for(c, neighbours[i], index);
    struct delivery delivery = {.parcels = {parcels, found}};
    uint8_t *dealers = dealers_of(c, &delivery.dealers.count);
    delivery.dealers.items = dealers;
    enum err result = codec_encode_delivery(&delivery, body);
    mem_free(dealers);
    mem_free(parcels);
    return result;
}
