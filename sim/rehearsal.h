#ifndef SIM_REHEARSAL_H
#define SIM_REHEARSAL_H

#include "coordinator/collection.h"
#include "node/attempt.h"
#include "sim/agreeable.h"
#include "wire/quorum.h"

/* rehearsal - one attempt at a secure sum in memory: the nodes' and the coordinator's own
 * state machines (node/attempt, coordinator/collection), carried by hand.
 *
 * No sockets, no clock, no store; keys and numbers follow from a seed, so that the same
 * calls give the same bytes. Tests and benches decide who speaks, who leaves, and what is
 * changed on the way. Each member's integers are drawn, not of patients. */

struct rehearsal_member {
    struct identity *identity;
    uint8_t key[KEY_BYTES];
    struct random *random;
    struct attempt *attempt; /* NULL once it has left */
    uint64_t *integers;      /* [dimension] what it adds, noise included */
    uint8_t graph_seed[HASH_BYTES];
    struct agreeable world; /* whether it entered, how often it was charged */
};

struct rehearsal {
    struct quorum quorum;
    uint32_t dimension;
    struct identity *coordinator;
    uint8_t coordinator_key[KEY_BYTES];
    struct rehearsal_member *members; /* [quorum.members], ascending by key */
    struct bytes signed_plan;
    struct collection *collection;
    enum phase ended; /* of the attempt played last: the phase it was given up in, or
                         PHASE_END when it ended with a sum */
};

/* A consortium of `quorum`'s members with keys that follow from `seed`. */
enum err rehearsal_new(const struct quorum *quorum, uint32_t dimension, uint64_t seed,
                       struct rehearsal **rehearsal);
void rehearsal_destroy(struct rehearsal **rehearsal); /* NULL is fine; nulls */

/* Sign a plan of this round and attempt: what members enter from now on. */
enum err rehearsal_sign_plan(struct rehearsal *rehearsal, uint64_t round,
                             uint32_t attempt);

/* Have member `index` enter the plan: whatever it did before is dropped. */
enum err rehearsal_enter(struct rehearsal *rehearsal, size_t index);

/* Sign a plan, have everybody enter it and the coordinator open a collection. */
enum err rehearsal_open(struct rehearsal *rehearsal, uint64_t round, uint32_t attempt);

/* Let member `index` send its message and take the answer, if the coordinator has one.
 * What either side refuses is in the member's attempt_reason and the reason given back.
 */
enum reason rehearsal_send(struct rehearsal *rehearsal, size_t index);
enum err rehearsal_receive(struct rehearsal *rehearsal, size_t index);

/* The member is gone, with all it knew. */
void rehearsal_leave(struct rehearsal *rehearsal, size_t index);

/* Play the attempt to its end: member i is gone before it sends the message of phase
 * leaves[i] (PHASE_END: never). ERR_OK also when it ends without a sum. */
enum err rehearsal_play(struct rehearsal *rehearsal, const enum phase *leaves);

/* Whether the collection's sum is that of the survivors' integers, exactly. */
bool rehearsal_sum_is_exact(const struct rehearsal *rehearsal, const enum phase *leaves);

#endif
