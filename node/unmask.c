#include <string.h>

#include "node/attempt_impl.h"

static enum reason check_confirm(const struct attempt *a, const struct confirm *confirm)
{
    if (!terms_include(&a->plan.participants, confirm->member))
        return REASON_NOT_PARTICIPANT;
    if (memcmp(confirm->bundle, a->bundle, HASH_BYTES) != 0)
        return REASON_WRONG_BUNDLE;
    if (memcmp(confirm->dealers, a->dealers, HASH_BYTES) != 0)
        return REASON_WRONG_DEALERS;
    if (memcmp(confirm->survivors, a->survivors, HASH_BYTES) != 0)
        return REASON_WRONG_SURVIVORS;
    return REASON_NONE;
}

/* A quorum of all participants saw the same: two quorums share an honest member, and an
 * honest member confirms once, so no other set of survivors can be confirmed. */
static enum err check_confirms(struct attempt *a, const struct views *confirms,
                               struct arena *arena)
{
    if (confirms->count < a->plan.quorum)
        return attempt_refuse(a, REASON_TOO_FEW);
    struct confirm *read = mem_new(confirms->count, sizeof *read);
    enum reason reason = phase_open_all_confirm(confirms, a->context, arena, read);
    for (size_t i = 0; reason == REASON_NONE && i < confirms->count; i++) {
        reason = check_confirm(a, &read[i]);
        if (reason == REASON_NONE && i > 0 &&
            memcmp(read[i - 1].member, read[i].member, KEY_BYTES) >= 0)
            reason = REASON_MALFORMED;
    }
    mem_free(read);
    return reason == REASON_NONE ? ERR_OK : attempt_refuse(a, reason);
}

/* For every member that dealt, this one's share of exactly one of its two secrets. */
static enum err write_message(struct attempt *a)
{
    struct unmask unmask;
    struct view *self_shares = mem_new(a->count, sizeof *self_shares);
    struct view *mask_shares = mem_new(a->count, sizeof *mask_shares);
    size_t survived = 0, dropped = 0;
    for (uint32_t j = 0; j < a->count; j++) {
        if (!a->dealer[j] || (j != a->self && !graph_adjacent(a->graph, a->self, j)))
            continue;
        const struct pairkey_parcel *dealt = &attempt_pair(a, j)->dealt;
        if (a->survivor[j])
            self_shares[survived++] = (struct view){dealt->self_share, SCALAR_BYTES};
        else
            mask_shares[dropped++] = (struct view){dealt->mask_share, SCALAR_BYTES};
    }
    unmask.self_shares = (struct views){self_shares, survived};
    unmask.mask_shares = (struct views){mask_shares, dropped};
    memcpy(unmask.plan, a->context, HASH_BYTES);
    memcpy(unmask.survivors, a->survivors, HASH_BYTES);
    bytes_free(&a->message);
    enum err result = codec_encode_unmask(&unmask, &a->message);
    mem_free(self_shares);
    mem_free(mask_shares);
    return result;
}

/* Phase 5: once a quorum has confirmed the same survivors, hand out the shares that take
 * the masks off their sum. */
enum err node_unmask(struct attempt *a, struct view body, struct arena *arena)
{
    struct confirms confirms;
    if (codec_decode_confirms(body, arena, &confirms) != ERR_OK)
        return attempt_refuse(a, REASON_MALFORMED);
    if (check_confirms(a, &confirms.confirms, arena) != ERR_OK)
        return err_code();
    return write_message(a);
}
