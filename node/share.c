#include <stdlib.h>
#include <string.h>

#include "node/attempt_impl.h"

/* --- the bundle: who advertised
 * ----------------------------------------------------------- */

static int key_order(const void *a, const void *b)
{
    return memcmp(a, b, KEY_BYTES);
}

/* A key shown twice would let one member open what is sealed for another. */
static bool keys_differ(const struct attempt *a)
{
    uint8_t(*keys)[KEY_BYTES] = mem_new(2 * a->count, sizeof *keys);
    bool differ = true;
    for (size_t i = 0; i < a->count; i++) {
        memcpy(keys[2 * i], a->adverts[i].mask_key, KEY_BYTES);
        memcpy(keys[2 * i + 1], a->adverts[i].seal_key, KEY_BYTES);
    }
    qsort(keys, 2 * a->count, sizeof *keys, key_order);
    for (size_t i = 1; i < 2 * a->count; i++)
        differ = differ && memcmp(keys[i - 1], keys[i], KEY_BYTES) != 0;
    mem_free(keys);
    return differ;
}

static enum reason check_advert(const struct attempt *a, size_t index)
{
    const struct advert *advert = &a->adverts[index];
    const struct plan *plan = &a->plan;
    uint8_t commitment[HASH_BYTES];
    if (memcmp(advert->plan, a->context, HASH_BYTES) != 0)
        return REASON_WRONG_PLAN;
    if (!terms_include(&plan->participants, advert->member))
        return REASON_NOT_PARTICIPANT;
    if (index > 0 && memcmp(advert[-1].member, advert->member, KEY_BYTES) >= 0)
        return REASON_MALFORMED;
    if (plan->commitments.size == 0)
        return REASON_NONE;
    size_t place = terms_place(&plan->participants, advert->member);
    phase_seed_commitment(plan->study, advert->member, advert->seed, commitment);
    return memcmp(plan->commitments.data + place * HASH_BYTES, commitment, HASH_BYTES)
               ? REASON_BAD_SEED
               : REASON_NONE;
}

static enum err read_bundle(struct attempt *a, const struct bundle *bundle,
                            struct arena *arena)
{
    if (bundle->adverts.count < a->plan.survivors)
        return attempt_refuse(a, REASON_TOO_FEW);
    a->adverts = mem_new(bundle->adverts.count, sizeof *a->adverts);
    for (size_t i = 0; i < bundle->adverts.count; i++) {
        if (phase_read_advert(bundle->adverts.items[i], arena, &a->adverts[i]) != ERR_OK)
            return attempt_refuse(a, REASON_MALFORMED);
        enum reason reason = check_advert(a, i);
        if (reason != REASON_NONE)
            return attempt_refuse(a, reason);
        a->count = i + 1;
    }
    if (!keys_differ(a))
        return attempt_refuse(a, REASON_DUPLICATE_KEY);
    a->self = (uint32_t)attempt_find(a, a->key);
    if (a->self == a->count || !codec_is(bundle->adverts.items[a->self], &a->message))
        return attempt_refuse(a, REASON_NOT_INCLUDED);
    return ERR_OK;
}

static enum err draw_graph(struct attempt *a)
{
    uint8_t seed[HASH_BYTES];
    phase_graph_seed(a->context, a->adverts, a->count, seed);
    return graph_new((uint32_t)a->count, a->plan.degree, seed, &a->graph);
}

/* Neighbours get shares, so theirs must be their own adverts. Those of others are vouched
 * for later, before any share is handed out: every survivor signs the hash of this
 * bundle, and an honest one only if its own advert is in there (node/confirm). */
static enum err verify_neighbours(struct attempt *a, const struct bundle *bundle,
                                  struct arena *arena)
{
    struct views adverts;
    const uint32_t *neighbours = graph_neighbours(a->graph, a->self, &adverts.count);
    struct view *views = mem_new(adverts.count, sizeof *views);
    struct advert *read = mem_new(adverts.count, sizeof *read);
    for (size_t i = 0; i < adverts.count; i++)
        views[i] = bundle->adverts.items[neighbours[i]];
    adverts.items = views;
    enum reason reason = phase_open_all_advert(&adverts, a->context, arena, read);
    mem_free(views);
    mem_free(read);
    return reason == REASON_NONE ? ERR_OK : attempt_refuse(a, reason);
}

/* --- dealing
 * ------------------------------------------------------------------------------- */

struct deal {
    size_t count; /* the neighbours, then the member itself */
    uint16_t *points;
    uint8_t (*mask_shares)[SCALAR_BYTES], (*self_shares)[SCALAR_BYTES];
    uint8_t (*parcels)[PAIRKEY_PARCEL_BYTES];
};

static void deal_clear(struct deal *deal)
{
    bytes_wipe(deal->mask_shares, deal->count * sizeof *deal->mask_shares);
    bytes_wipe(deal->self_shares, deal->count * sizeof *deal->self_shares);
    mem_free(deal->mask_shares);
    mem_free(deal->self_shares);
    mem_free(deal->points);
    mem_free(deal->parcels);
}

static enum err split_secrets(struct attempt *a, struct deal *deal)
{
    const struct pairkey *keys = &a->secrets->keys;
    if (deal->count < a->plan.threshold)
        return attempt_refuse(a, REASON_TOO_FEW);
    if (share_split(keys->mask_scalar, a->plan.threshold, deal->points, deal->count,
                    a->world.random, deal->mask_shares) != ERR_OK)
        return err_code();
    return share_split(keys->self_scalar, a->plan.threshold, deal->points, deal->count,
                       a->world.random, deal->self_shares);
}

static enum err seal_parcels(struct attempt *a, const uint32_t *neighbours,
                             struct deal *deal)
{
    struct pairkey_parcel parcel;
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < deal->count; i++) {
        parcel.point = deal->points[i];
        memcpy(parcel.mask_share, deal->mask_shares[i], SCALAR_BYTES);
        memcpy(parcel.self_share, deal->self_shares[i], SCALAR_BYTES);
        struct attempt_pair *pair = &a->secrets->pairs[i];
        if (i == deal->count - 1) {
            pair->dealt = parcel;
            break;
        }
        const struct advert *neighbour = &a->adverts[neighbours[i]];
        const uint8_t *seal_key = neighbour->seal_key;
        uint8_t note[PAIRKEY_NOTE_BYTES] = {0};
        if (a->notes.tell)
            a->notes.tell(a->notes.context, neighbour->member, note);
        struct pairkey_place place = attempt_place(a, neighbours[i]);
        result = pairkey_agree(&a->secrets->keys, seal_key, pair->agreed);
        if (result == ERR_OK)
            pairkey_seal(&place, &a->secrets->keys, seal_key, pair->agreed, &parcel, note,
                         a->world.random, deal->parcels[i]);
    }
    bytes_wipe(&parcel, sizeof parcel);
    return result == ERR_VERIFY ? attempt_refuse(a, REASON_BAD_KEY) : result;
}

static enum err write_message(struct attempt *a, const struct deal *deal)
{
    struct dealing dealing;
    struct bytes signed_dealing = {0};
    size_t count = deal->count - 1;
    struct view *views = mem_new(count, sizeof *views);
    for (size_t i = 0; i < count; i++)
        views[i] = (struct view){deal->parcels[i], PAIRKEY_PARCEL_BYTES};
    struct shares shares = {.parcels = {views, count}};
    memcpy(dealing.plan, a->context, HASH_BYTES);
    memcpy(dealing.member, a->key, KEY_BYTES);
    memcpy(dealing.bundle, a->bundle, HASH_BYTES);
    phase_parcels_hash(&shares.parcels, dealing.parcels_hash);
    enum err result = phase_sign_dealing(a->world.identity, &dealing, &signed_dealing);
    shares.dealing = codec_view(&signed_dealing);
    bytes_free(&a->message);
    if (result == ERR_OK)
        result = codec_encode_shares(&shares, &a->message);
    bytes_free(&signed_dealing);
    mem_free(views);
    return result;
}

static enum err deal_shares(struct attempt *a)
{
    size_t count;
    const uint32_t *neighbours = graph_neighbours(a->graph, a->self, &count);
    struct deal deal = {.count = count + 1};
    deal.points = mem_new(deal.count, sizeof *deal.points);
    deal.mask_shares = mem_new(deal.count, sizeof *deal.mask_shares);
    deal.self_shares = mem_new(deal.count, sizeof *deal.self_shares);
    deal.parcels = mem_new(deal.count, sizeof *deal.parcels);
    for (size_t i = 0; i < count; i++)
        deal.points[i] = attempt_point(a, a->adverts[neighbours[i]].member);
    deal.points[count] = attempt_point(a, a->key);
    enum err result = split_secrets(a, &deal);
    if (result == ERR_OK)
        result = seal_parcels(a, neighbours, &deal);
    if (result == ERR_OK)
        result = write_message(a, &deal);
    deal_clear(&deal);
    return result;
}

/* Phase 2: check who advertised, and deal shares of both secrets to every neighbour. */
enum err node_share(struct attempt *a, struct view body, struct arena *arena)
{
    struct bundle bundle;
    if (codec_decode_bundle(body, arena, &bundle) != ERR_OK)
        return attempt_refuse(a, REASON_MALFORMED);
    enum err result = read_bundle(a, &bundle, arena);
    if (result == ERR_OK)
        result = draw_graph(a);
    if (result == ERR_OK)
        result = verify_neighbours(a, &bundle, arena);
    phase_bundle_hash(&bundle.adverts, a->bundle);
    return result == ERR_OK ? deal_shares(a) : result;
}
