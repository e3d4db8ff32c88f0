#ifndef BENCH_PARTNERS_H
#define BENCH_PARTNERS_H

#include <stdbool.h>

#include "privacy/pairkey.h"
#include "wire/graph.h"
#include "wire/phase.h"
#include "wire/quorum.h"

/* partners - everybody in an attempt but the one whose work is measured.
 *
 * They make the messages that a node or a coordinator has to take, as cheaply as it will
 * not notice: parcels that nobody opens are random, masks that cancel are left out, and
 * shares are dealt once for all attempts of a bench. What the measured side checks is
 * real: keys, signatures, hashes, shares, and a sum that has to come out. Called by
 * bench/secagg. */

struct partner {
    struct identity *identity;
    uint8_t key[KEY_BYTES], graph_seed[HASH_BYTES];
    struct pairkey keys;
    bool dropped;                         /* deals, and then sends no input */
    struct bytes advert, input, confirm;  /* signed */
    uint8_t (*self_shares)[SCALAR_BYTES]; /* [degree + 1], once dealt: the neighbours' */
    uint8_t (*mask_shares)[SCALAR_BYTES]; /* in order, then its own */
};

struct partners {
    struct quorum quorum;
    uint32_t dimension; /* of the plan */
    struct random *random;
    struct identity *coordinator;
    uint8_t coordinator_key[KEY_BYTES];
    struct partner *all; /* [quorum.members], ascending by key */
    uint8_t *keys;       /* theirs, one after the other */
    struct bytes signed_plan;
    uint8_t context[HASH_BYTES];
    uint64_t *expected; /* [dimension] what the survivors' vectors hide */
    /* Once adverts are bound. */
    struct graph *graph;
    uint8_t bundle[HASH_BYTES], dealers[HASH_BYTES], survivors[HASH_BYTES];
};

void partners_new(const struct quorum *quorum, struct partners **partners);
void partners_destroy(struct partners **partners);

/* Sign a new plan and everybody's advert; every n/dropped-th member will drop out. */
void partners_plan(struct partners *partners, uint32_t dimension, size_t dropped);

/* The adverts are as they are now: who is whose neighbour, and what the hashes are. */
void partners_bind(struct partners *partners);

/* Deal shares of every secret that will have to be joined; kept from plan to plan. */
void partners_deal(struct partners *partners);

/* Bodies of messages, appended. */
void partners_write_bundle(struct partners *partners, struct bytes *body);
void partners_write_delivery(struct partners *partners, uint32_t member,
                             struct bytes *body);
void partners_write_survivors(struct partners *partners, struct bytes *body);
void partners_write_confirms(struct partners *partners, struct bytes *body);
void partners_write_shares(struct partners *partners, uint32_t member,
                           struct bytes *body);
void partners_write_input(struct partners *partners, uint32_t member, struct bytes *body);
void partners_write_unmask(struct partners *partners, uint32_t member,
                           struct bytes *body);

/* Sign the input of a survivor with a vector of this hash; its confirmation of all. */
void partners_sign_input(struct partners *partners, uint32_t member,
                         const uint8_t vector_hash[HASH_BYTES]);
void partners_sign_confirm(struct partners *partners, uint32_t member);

/* Once all inputs are signed: who survived. */
void partners_bind_survivors(struct partners *partners);

/* What one survivor's masks add to its vector of `count` words: its self mask and its
 * pair masks with those who drop out. The others' cancel in the sum. */
void partners_mask(struct partners *partners, uint32_t member, uint64_t *vector,
                   size_t count);

struct pairkey_place partners_place(const struct partners *partners, uint32_t own,
                                    uint32_t peer);

/* A bench has nobody to tell: says why and ends the process. */
void bench_must(enum err result);

#endif
