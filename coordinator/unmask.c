#include <string.h>

#include "coordinator/collection_impl.h"
#include "privacy/mask.h"

/* --- shares in
 * ------------------------------------------------------------------------------ */

static bool dealt(const struct collection *c, uint32_t index)
{
    return collection_came(c, c->places[index], PHASE_SHARE);
}

static bool survived(const struct collection *c, uint32_t index)
{
    return collection_came(c, c->places[index], PHASE_MASK);
}

static bool holds_share(const struct collection *c, uint32_t holder, uint32_t of)
{
    return dealt(c, of) && (holder == of || graph_adjacent(c->graph, holder, of));
}

/* Where a holder's share of `of` lies: a place for every neighbour, and for itself where
 * it stands in their order. */
static size_t slot(const struct collection *c, uint32_t holder, uint32_t of)
{
    return graph_slot(c->graph, holder, of) + (of > holder);
}

/* What is kept: the shares, each in its slot; zeros of members that did not deal. */
enum reason coord_unmask_take(struct collection *c, size_t place, struct view body,
                              struct arena *arena, struct bytes *kept)
{
    struct unmask unmask;
    uint32_t index = (uint32_t)c->members[place].index;
    size_t self_at = 0, mask_at = 0;
    if (codec_decode_unmask(body, arena, &unmask) != ERR_OK)
        return REASON_MALFORMED;
    if (memcmp(unmask.plan, c->context, HASH_BYTES) != 0)
        return REASON_WRONG_PLAN;
    if (memcmp(unmask.survivors, c->survivors, HASH_BYTES) != 0)
        return REASON_WRONG_SURVIVORS;
    static const uint8_t none[SCALAR_BYTES];
    size_t neighbours;
    (void)graph_neighbours(c->graph, index, &neighbours);
    bytes_reserve(kept, (neighbours + 1) * SCALAR_BYTES);
    for (uint32_t j = 0; j < c->count; j++) {
        if (j != index && !graph_adjacent(c->graph, index, j))
            continue;
        if (!dealt(c, j)) {
            bytes_append(kept, none, SCALAR_BYTES);
            continue;
        }
        const struct views *shares =
            survived(c, j) ? &unmask.self_shares : &unmask.mask_shares;
        size_t *at = survived(c, j) ? &self_at : &mask_at;
        if (*at == shares->count)
            return REASON_WRONG_LENGTH;
        struct view share = shares->items[(*at)++];
        if (share.size != SCALAR_BYTES || !scalar_is_canonical(share.data))
            return REASON_BAD_SHARE;
        bytes_append(kept, share.data, SCALAR_BYTES);
    }
    return self_at == unmask.self_shares.count && mask_at == unmask.mask_shares.count
               ? REASON_NONE
               : REASON_WRONG_LENGTH;
}

/* --- from shares to secrets
 * ------------------------------------------------------------------ */

/* The basis is the same for every secret whose shares come from the same members: with a
 * complete graph, for all. */
struct joiner {
    uint16_t *points; /* of the basis in hand */
    struct share_basis *basis;
    uint32_t *holders; /* of the secret in hand: members that sent a share of it */
    size_t holder_count;
    uint16_t *wanted; /* points and shares to work on, [count] as is `wrong` */
    uint8_t (*shares)[SCALAR_BYTES];
    bool *wrong;
    bool *distrusted; /* [count] members whose shares were found wrong */
};

static const uint8_t *share_from(const struct collection *c, uint32_t holder, uint32_t of)
{
    return c->members[c->places[holder]].kept[PHASE_UNMASK].data +
           slot(c, holder, of) * SCALAR_BYTES;
}

static void find_holders(const struct collection *c, struct joiner *joiner, uint32_t of)
{
    joiner->holder_count = 0;
    for (uint32_t i = 0; i < c->count; i++)
        if (collection_came(c, c->places[i], PHASE_UNMASK) && holds_share(c, i, of) &&
            !joiner->distrusted[i])
            joiner->holders[joiner->holder_count++] = i;
}

/* The points and shares of all holders but the one at `omitted`; how many. */
static size_t list_shares(const struct collection *c, struct joiner *joiner, uint32_t of,
                          size_t omitted)
{
    size_t count = 0;
    for (size_t i = 0; i < joiner->holder_count; i++) {
        if (i == omitted)
            continue;
        joiner->wanted[count] = (uint16_t)(c->places[joiner->holders[i]] + 1);
        memcpy(joiner->shares[count++], share_from(c, joiner->holders[i], of),
               SCALAR_BYTES);
    }
    return count;
}

/* Join the threshold's number of shares, the first there are. */
static enum err join(const struct collection *c, struct joiner *joiner, uint32_t of,
                     uint8_t secret[SCALAR_BYTES])
{
    size_t t = c->plan.threshold;
    list_shares(c, joiner, of, joiner->holder_count);
    if (!joiner->basis ||
        memcmp(joiner->points, joiner->wanted, t * sizeof *joiner->points) != 0) {
        share_basis_free(&joiner->basis);
        memcpy(joiner->points, joiner->wanted, t * sizeof *joiner->points);
        if (share_basis_new(joiner->points, t, &joiner->basis) != ERR_OK)
            return err_code();
    }
    return share_join(joiner->basis, (const uint8_t(*)[SCALAR_BYTES])joiner->shares,
                      secret);
}

/* Whether it is the secret that was committed to before anybody held a share. */
static bool is_committed(const struct collection *c, uint32_t of,
                         const uint8_t secret[SCALAR_BYTES])
{
    const struct advert *advert = &c->adverts[of];
    uint8_t shown[HASH_BYTES];
    if (survived(c, of)) {
        pairkey_commit(c->context, advert->member, secret, shown);
        return memcmp(shown, advert->commitment, HASH_BYTES) == 0;
    }
    pairkey_of_scalar(secret, NULL, shown);
    return memcmp(shown, advert->mask_key, KEY_BYTES) == 0;
}

static void blame(struct collection *c, struct joiner *joiner, uint32_t member)
{
    if (!joiner->distrusted[member])
        c->blamed[c->blamed_count++] = c->places[member];
    joiner->distrusted[member] = true;
}

static void blame_wrong(struct collection *c, struct joiner *joiner, size_t omitted)
{
    size_t at = 0;
    for (size_t i = 0; i < joiner->holder_count; i++)
        if (i == omitted || joiner->wrong[at++])
            blame(c, joiner, joiner->holders[i]);
}

/* Correct the shares but the one left out. When what comes out is not what was committed
 * to, and so many agree on it that a threshold of them does not collude, the dealer dealt
 * something else. */
static bool correct(struct collection *c, struct joiner *joiner, uint32_t of,
                    size_t omitted, uint8_t secret[SCALAR_BYTES])
{
    size_t count = list_shares(c, joiner, of, omitted), agree = 0;
    if (count < c->plan.threshold ||
        share_correct(joiner->wanted, (const uint8_t(*)[SCALAR_BYTES])joiner->shares,
                      count, c->plan.threshold, secret, joiner->wrong) != ERR_OK)
        return false;
    if (is_committed(c, of, secret)) {
        blame_wrong(c, joiner, omitted);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        agree += !joiner->wrong[i];
    if (agree >= (size_t)c->plan.threshold + c->plan.colluders)
        blame(c, joiner, of);
    return false;
}

/* A wrong share gives a secret that was not committed to; then the shares correct each
 * other. Half of what there is beyond the threshold may be wrong; where that is an odd
 * number, one more, since to leave a wrong one out costs half as much. */
static enum err find_secret(struct collection *c, struct joiner *joiner, uint32_t of,
                            uint8_t secret[SCALAR_BYTES])
{
    find_holders(c, joiner, of);
    size_t holders = joiner->holder_count;
    if (holders < c->plan.threshold) {
        c->reason = REASON_TOO_FEW;
        return ERR_OK;
    }
    if (join(c, joiner, of, secret) != ERR_OK)
        return err_code();
    if (is_committed(c, of, secret) || correct(c, joiner, of, holders, secret))
        return ERR_OK;
    for (size_t i = 0; (holders - c->plan.threshold) % 2 == 1 && i < holders; i++)
        if (correct(c, joiner, of, i, secret))
            return ERR_OK;
    c->reason = REASON_BAD_SHARE;
    return ERR_OK;
}

/* --- masks off
 * ------------------------------------------------------------------------------- */

static struct pairkey_place place_of(const struct collection *c, uint32_t own,
                                     uint32_t peer)
{
    return (struct pairkey_place){c->context, c->bundle, c->adverts[own].member,
                                  c->adverts[peer].member};
}

static void take_self_mask(struct collection *c, uint32_t of,
                           const uint8_t secret[SCALAR_BYTES])
{
    uint8_t seed[PAIRKEY_SEED_BYTES];
    struct pairkey_place place = place_of(c, of, of);
    pairkey_self_seed(&place, secret, seed);
    mask_subtract(seed, c->sum, c->plan.dimension);
    bytes_wipe(seed, sizeof seed);
}

/* A member that dropped out left its pair masks in the inputs of its neighbours. */
static enum err take_pair_masks(struct collection *c, uint32_t of,
                                const uint8_t secret[SCALAR_BYTES])
{
    uint8_t mask_secret[PAIRKEY_BYTES], seed[PAIRKEY_SEED_BYTES];
    size_t count;
    const uint32_t *neighbours = graph_neighbours(c->graph, of, &count);
    enum err result = ERR_OK;
    pairkey_of_scalar(secret, mask_secret, NULL);
    for (size_t i = 0; result == ERR_OK && i < count; i++) {
        uint32_t peer = neighbours[i];
        if (!survived(c, peer))
            continue;
        struct pairkey_place place = place_of(c, of, peer);
        result = pairkey_pair_seed(&place, mask_secret, c->adverts[of].mask_key,
                                   c->adverts[peer].mask_key, seed);
        if (result != ERR_OK)
            break;
        if (memcmp(c->adverts[peer].member, c->adverts[of].member, KEY_BYTES) < 0)
            mask_subtract(seed, c->sum, c->plan.dimension);
        else
            mask_add(seed, c->sum, c->plan.dimension);
    }
    bytes_wipe(mask_secret, sizeof mask_secret);
    bytes_wipe(seed, sizeof seed);
    return result;
}

static enum err unmask_all(struct collection *c, struct joiner *joiner)
{
    uint8_t secret[SCALAR_BYTES];
    enum err result = ERR_OK;
    for (uint32_t j = 0; result == ERR_OK && c->reason == REASON_NONE && j < c->count;
         j++) {
        if (!dealt(c, j))
            continue;
        result = find_secret(c, joiner, j, secret);
        if (result != ERR_OK || c->reason != REASON_NONE)
            break;
        if (survived(c, j))
            take_self_mask(c, j, secret);
        else
            result = take_pair_masks(c, j, secret);
    }
    bytes_wipe(secret, sizeof secret);
    return result;
}

/* Phase 5: put the secrets together and take the masks off the sum. */
enum err coord_unmask_close(struct collection *c)
{
    size_t t = c->plan.threshold;
    struct joiner joiner = {
        .points = mem_new(t, sizeof *joiner.points),
        .holders = mem_new(c->count, sizeof *joiner.holders),
        .wanted = mem_new(c->count, sizeof *joiner.wanted),
        .shares = mem_new(c->count, sizeof *joiner.shares),
        .wrong = mem_new(c->count, sizeof *joiner.wrong),
        .distrusted = mem_new(c->count, sizeof *joiner.distrusted),
    };
    c->blamed = mem_new(c->count, sizeof *c->blamed);
    enum err result = unmask_all(c, &joiner);
    share_basis_free(&joiner.basis);
    mem_free(joiner.points);
    mem_free(joiner.holders);
    mem_free(joiner.wanted);
    mem_free(joiner.shares);
    mem_free(joiner.wrong);
    mem_free(joiner.distrusted);
    return result;
}
