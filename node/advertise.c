#include <string.h>

#include "node/attempt_impl.h"

/* Phase 1: fresh one-time keys, and the advert that shows their public halves. */
enum err node_advertise(struct attempt *a, const struct attempt_start *start)
{
    struct advert advert = {.ledger_length = start->ledger_length};
    struct pairkey *keys = &a->secrets->keys;
    pairkey_draw(a->world.random, keys);
    memcpy(advert.plan, a->context, HASH_BYTES);
    memcpy(advert.member, a->key, KEY_BYTES);
    memcpy(advert.mask_key, keys->mask_key, KEY_BYTES);
    memcpy(advert.seal_key, keys->seal_key, KEY_BYTES);
    memcpy(advert.seed, a->seed, HASH_BYTES);
    memcpy(advert.ledger_head, start->ledger_head, HASH_BYTES);
    pairkey_commit(a->context, a->key, keys->self_scalar, advert.commitment);
    return phase_sign_advert(a->world.identity, &advert, &a->message);
}
