#ifndef WIRE_CHAIN_H
#define WIRE_CHAIN_H

#include <stdbool.h>

#include "wire/codec.h"
#include "wire/reason.h"

/* chain - the published priors of a study, each signed and naming the one before.
 *
 * The head before round 1 is the hash of the study's terms, which contain the starting
 * prior; the head after round r is the hash of link r. Plans and polls repeat the head,
 * so a coordinator that tells two hospitals different things is found out as soon as
 * either sees the other's link. It does not keep the chain: the store does. Priors are
 * opaque here. Called by node/ and coordinator/. */

struct identity;

struct chain {
    uint8_t study[STUDY_BYTES];
    uint64_t length; /* links so far */
    uint8_t head[HASH_BYTES];
};

/* The chain of a study that has published nothing yet. */
struct chain chain_start(const struct terms *terms, const uint8_t terms_hash[HASH_BYTES]);

/* Sign a link. `hash` is the head it makes. */
enum err chain_sign(const struct identity *coordinator, const struct chain_link *link,
                    struct bytes *bytes, uint8_t hash[HASH_BYTES]);

/* Read a link and check its signature only. */
enum err chain_open(struct view bytes, const uint8_t coordinator_key[KEY_BYTES],
                    struct arena *arena, struct chain_link *link,
                    uint8_t hash[HASH_BYTES]);

/* Append a link to the chain: signature, study, round == length + 1, previous == head.
 * On REASON_NONE `chain` has moved on and `link` is filled in; otherwise both are as
 * before. */
enum reason chain_extend(struct chain *chain, struct view bytes,
                         const uint8_t coordinator_key[KEY_BYTES], struct arena *arena,
                         struct chain_link *link);

/* Whether two signed links prove that the coordinator said two things: both signatures
 * hold, they are of one study, they follow the same head or have the same round, and they
 * differ. Such a pair is evidence for anybody who knows the coordinator's key. False also
 * when either does not open. */
bool chain_equivocates(struct view one, struct view other,
                       const uint8_t coordinator_key[KEY_BYTES]);

/* Hash of a sum, as a link names it: the numbers little-endian. */
void chain_sum_hash(const struct words *sum, uint8_t hash[HASH_BYTES]);

#endif
