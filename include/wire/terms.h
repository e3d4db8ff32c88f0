#ifndef WIRE_TERMS_H
#define WIRE_TERMS_H

#include <stdbool.h>

#include "wire/codec.h"
#include "wire/quorum.h"
#include "wire/reason.h"
#include "wire/roster.h"

/* terms - what a study may do, and the plan of each attempt at each of its rounds.
 *
 * Both are signed by the coordinator. A hospital approves the terms once; a plan may only
 * carry them out. The plan's hash is `ctx`: it binds study, terms, roster, round,
 * attempt, prior, precision, noise, deadline and participants to whatever answers it. It
 * does not judge whether the terms are good: the node's policy does, nor does it parse
 * the model or the prior. Called by node/ and coordinator/. */

struct identity;

/* Check the fields against each other, sign, append the Signed; the hash is of the object
 * signed. ERR_RANGE names what does not fit: one noise multiplier a round, at least
 * hospitals_min participants, a study that is not all zeros. */
enum err terms_sign(const struct identity *coordinator, const struct terms *terms,
                    struct bytes *bytes, uint8_t hash[HASH_BYTES]);

/* ERR_FORMAT, ERR_VERIFY, ERR_RANGE. What the result points to lies in the arena. */
enum err terms_open(struct view bytes, const uint8_t coordinator_key[KEY_BYTES],
                    struct arena *arena, struct terms *terms, uint8_t hash[HASH_BYTES]);

/* Place of a key among participants; their count when it is not there. */
size_t terms_place(const struct keys *participants, const uint8_t key[KEY_BYTES]);
bool terms_include(const struct keys *participants, const uint8_t key[KEY_BYTES]);

enum err plan_sign(const struct identity *coordinator, const struct plan *plan,
                   struct bytes *bytes, uint8_t hash[HASH_BYTES]);
enum err plan_open(struct view bytes, const uint8_t coordinator_key[KEY_BYTES],
                   struct arena *arena, struct plan *plan, uint8_t hash[HASH_BYTES]);

/* The numbers by which members mask, confirm and unmask. */
struct quorum plan_quorum(const struct plan *plan);

/* What a plan is held against before anything is computed or charged. */
struct plan_context {
    const struct terms *terms;
    const uint8_t *terms_hash;
    const struct roster *roster; /* the one in force */
    const uint8_t *chain_head;   /* of the study, or the terms' hash before round 1 */
    uint64_t chain_length;       /* links behind that head */
    const uint8_t *own_key;      /* NULL for the coordinator itself */
    uint64_t last_round;         /* contributed to before; 0: none */
    uint32_t last_attempt;
    uint64_t now; /* Unix seconds */
};

/* In the order of docs/protocol.md, "Plan". REASON_NONE when it may be carried out as far
 * as the signed objects go; err_text names the field otherwise. */
enum reason plan_check(const struct plan *plan, const struct plan_context *context);

/* The coordinator's half: whether an opened message of a phase is about the plan in force
 * and by one of its participants. In the order of docs/protocol.md, section 6. */
enum reason plan_concerns(const struct plan *plan, const struct envelope *envelope);

/* Honest survivors at the least, whose noises together are what a plan's multiplier
 * counts on: survivors - colluders, 0 for a plan that makes no sense. */
uint32_t plan_shares(const struct plan *plan);

/* Noise of one hospital against what one patient can move: what a patient's privacy rests
 * on if all others collude. */
double plan_local_multiplier(const struct plan *plan);

#endif
