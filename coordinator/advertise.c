#include <string.h>

#include "coordinator/collection_impl.h"

/* What would make every other member end its attempt: one of them must not be able to. */
static enum reason check_keys(const struct collection *c,
                              const uint8_t shown[2][KEY_BYTES])
{
    if (!pairkey_is_usable(shown[0]) || !pairkey_is_usable(shown[1]))
        return REASON_BAD_KEY;
    bool twice = memcmp(shown[0], shown[1], KEY_BYTES) == 0;
    for (size_t i = 0; i < c->plan.participants.count; i++)
        for (size_t k = 0; k < 4 && collection_came(c, i, PHASE_ADVERTISE); k++)
            twice =
                twice || memcmp(shown[k / 2], c->members[i].shown[k % 2], KEY_BYTES) == 0;
    return twice ? REASON_DUPLICATE_KEY : REASON_NONE;
}

/* Phase 1: adverts in, the bundle of them out. */
enum reason coord_advertise_take(struct collection *c, size_t place, struct view body,
                                 struct arena *arena, struct bytes *kept)
{
    struct advert advert;
    uint8_t commitment[HASH_BYTES];
    enum reason reason = phase_open_advert(body, c->context, arena, &advert);
    if (reason != REASON_NONE)
        return reason;
    if (!collection_is_of(c, place, advert.member))
        return REASON_BAD_SIGNATURE;
    if (c->plan.commitments.size) {
        phase_seed_commitment(c->plan.study, advert.member, advert.seed, commitment);
        if (memcmp(c->plan.commitments.data + place * HASH_BYTES, commitment, HASH_BYTES))
            return REASON_BAD_SEED;
    }
    uint8_t(*shown)[KEY_BYTES] = c->members[place].shown;
    memcpy(shown[0], advert.mask_key, KEY_BYTES);
    memcpy(shown[1], advert.seal_key, KEY_BYTES);
    reason = check_keys(c, (const uint8_t(*)[KEY_BYTES])shown);
    if (reason == REASON_NONE)
        bytes_append(kept, body.data, body.size);
    return reason;
}

static enum err read_adverts(struct collection *c)
{
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    enum err result = ERR_OK;
    c->adverts = mem_new(c->received, sizeof *c->adverts);
    c->places = mem_new(c->received, sizeof *c->places);
    for (size_t i = 0; result == ERR_OK && i < c->plan.participants.count; i++) {
        if (!collection_came(c, i, PHASE_ADVERTISE))
            continue;
        result = phase_read_advert(codec_view(&c->members[i].kept[PHASE_ADVERTISE]),
                                   arena, &c->adverts[c->count]);
        c->places[c->count] = i;
        c->members[i].index = c->count++;
    }
    arena_destroy(&arena);
    return result;
}

enum err coord_advertise_close(struct collection *c)
{
    uint8_t seed[HASH_BYTES];
    if (read_adverts(c) != ERR_OK)
        return err_code();
    phase_graph_seed(c->context, c->adverts, c->count, seed);
    if (graph_new((uint32_t)c->count, c->plan.degree, seed, &c->graph) != ERR_OK)
        return err_code();
    struct bundle bundle;
    struct view *adverts = collection_list(c, PHASE_ADVERTISE, &bundle.adverts.count);
    bundle.adverts.items = adverts;
    phase_bundle_hash(&bundle.adverts, c->bundle);
    enum err result = codec_encode_bundle(&bundle, &c->answers[PHASE_ADVERTISE]);
    mem_free(adverts);
    return result;
}
