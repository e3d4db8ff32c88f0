#ifndef NODE_ATTEMPT_IMPL_H
#define NODE_ATTEMPT_IMPL_H

#include "base/memory.h"
#include "node/attempt.h"
#include "privacy/pairkey.h"
#include "wire/graph.h"

/* What advertise, share, mask, confirm and unmask of node/ work on together. */

/* In locked memory. `pairs` [degree + 1]: what each neighbour in turn sealed for this
 * member, and what the two agreed on to seal with; last the share of its own secrets that
 * the member keeps. */
struct attempt_pair {
    struct pairkey_parcel dealt;
    uint8_t agreed[PAIRKEY_BYTES];
};
struct attempt_secrets {
    struct pairkey keys;
    struct attempt_pair pairs[];
};

struct attempt {
    struct attempt_world world;
    struct attempt_notes notes;
    struct arena *arena; /* the plan's */
    struct plan plan;
    uint8_t context[HASH_BYTES], key[KEY_BYTES];
    uint8_t seed[HASH_BYTES];
    struct attempt_secrets *secrets; /* NULL once wiped */

    enum phase phase;
    enum reason reason;
    char accused[2 * KEY_BYTES + 1]; /* who sealed what does not open; "" */
    bool succeeded;
    struct bytes message; /* to ask with in this phase */

    /* From the bundle on: U1, and who is whose neighbour, by index into it. */
    struct advert *adverts;
    size_t count;
    uint32_t self;
    struct graph *graph;
    uint8_t bundle[HASH_BYTES];
    /* From the delivery on: U2. */
    bool *dealer; /* [count] */
    uint8_t dealers[HASH_BYTES];
    struct bytes input; /* the Signed Input that was sent, and the ledger it showed */
    uint64_t ledger_length;
    uint8_t ledger_head[HASH_BYTES];
    /* From the survivors on: U3. */
    bool *survivor; /* [count] */
    uint8_t survivors[HASH_BYTES];
};

/* One a phase: take the answer that ended the phase before, leave the message to ask
 * with. On an error the attempt is as good as ended. */
enum err node_advertise(struct attempt *a, const struct attempt_start *start);
enum err node_share(struct attempt *a, struct view body, struct arena *arena);
enum err node_mask(struct attempt *a, struct view body, struct arena *arena);
enum err node_confirm(struct attempt *a, struct view body, struct arena *arena);
enum err node_unmask(struct attempt *a, struct view body, struct arena *arena);

/* Note what the coordinator did wrong; gives the reason's own error. */
enum err attempt_refuse(struct attempt *a, enum reason reason);

/* Place of a member in U1; `count` when it is not there. */
size_t attempt_find(const struct attempt *a, const uint8_t member[KEY_BYTES]);

/* The point at which a member's shares lie: its place in the plan, from 1. */
uint16_t attempt_point(const struct attempt *a, const uint8_t member[KEY_BYTES]);

/* What there is between this member and a neighbour, or itself, by index into U1. */
struct attempt_pair *attempt_pair(const struct attempt *a, uint32_t peer);

/* Where seeds and seals of this attempt belong; `peer` by index into U1. */
struct pairkey_place attempt_place(const struct attempt *a, size_t peer);

#endif
