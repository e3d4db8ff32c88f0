#ifndef NODE_ATTEMPT_H
#define NODE_ATTEMPT_H

#include "privacy/pairkey.h"
#include "privacy/random.h"
#include "wire/phase.h"
#include "wire/terms.h"

/* attempt - a hospital's part in one attempt at a sum that nobody sees the parts of: the
 * state machine, without sockets, store or clock.
 *
 *     advertise -> share -> mask -> confirm -> unmask -> end
 *
 * In each phase there is one message, the same bytes however often it is asked for, and
 * one kind of answer that moves on; anything else ends the attempt, and what ends it
 * never starts again. Invariants: shares are dealt once, one input is masked once, one
 * set of survivors is confirmed once, and for every member either shares of its self
 * scalar or of its mask scalar are handed out, never both. Secrets live in locked memory
 * and nowhere else: a node that restarts has lost its part in the attempt, which the
 * others make up for as for any dropout, and cannot be made to use a one-time key twice.
 * docs/protocol.md has every byte. Called by node/serve and by the simulator. */

struct attempt;

/* What an attempt needs of the world. */
struct attempt_world {
    const struct identity *identity;
    struct random *random; /* keys, coefficients and nonces; outlives the attempt */

    /* Make durable that this attempt was entered, before anything of it is sent. */
    enum err (*enter)(void *context);

    /* The hospital's integers with its own noise, modulo 2^64, into sum [dimension]. */
    enum err (*input)(void *context, uint64_t *sum);

    /* Charge for the attempt in a transaction, which stays open; the ledger after it. The
     * masked numbers [dimension], as they will leave, for the record of it. */
    enum err (*charge)(void *context, const uint64_t *masked, uint64_t *length,
                       uint8_t head[HASH_BYTES]);
    /* Make the charge durable: before the message that it is for exists outside the
     * attempt. Or take the charge back. */
    enum err (*commit)(void *context);
    void (*cancel)(void *context);
    void *context;
};

/* What members remind each other of, sealed with their shares so that nobody between them
 * can take it out: a note to each neighbour (zeros: nothing), and each neighbour's to this
 * member, read before anything is charged. An error of `told` ends the attempt. */
struct attempt_notes {
    void (*tell)(void *context, const uint8_t member[KEY_BYTES],
                 uint8_t note[PAIRKEY_NOTE_BYTES]);
    enum err (*told)(void *context, const uint8_t member[KEY_BYTES],
                     const uint8_t note[PAIRKEY_NOTE_BYTES]);
    void *context;
};

/* What the node has checked before: the plan (plan_check), and that its own policy
 * permits it. */
struct attempt_start {
    struct view signed_plan;        /* opened under the coordinator's key; copied */
    const uint8_t *coordinator_key; /* [KEY_BYTES] */
    const uint8_t *seed;    /* [HASH_BYTES] that its commitment in the plan hides; NULL:
                               complete graph */
    uint64_t ledger_length; /* before the attempt */
    uint8_t ledger_head[HASH_BYTES];
    struct attempt_notes notes; /* callbacks NULL: none */
};

/* Enter an attempt: draws the one-time keys, makes the entry durable, and prepares the
 * advert. ERR_STORAGE when the kernel locks no memory; ERR_DENIED for a plan that is not
 * safe; the world's own errors. */
enum err attempt_new(const struct attempt_start *start, const struct attempt_world *world,
                     struct attempt **attempt);
void attempt_destroy(struct attempt **attempt); /* NULL is fine; wipes; nulls */

enum phase attempt_phase(const struct attempt *attempt);
const struct plan *attempt_plan(const struct attempt *attempt);
const uint8_t *attempt_context(const struct attempt *attempt); /* the plan's hash */

/* The kind and body to ask with in the present phase; the view is the attempt's.
 * ERR_STATE once it has ended. */
enum err attempt_message(const struct attempt *attempt, uint32_t *kind,
                         struct view *body);

/* Take the answer to it. A Wait changes nothing. ERR_OK: moved on, or told to wait. Any
 * error has ended the attempt, with its secrets wiped: attempt_reason then says what the
 * coordinator did wrong, or REASON_NONE when it was the node's own (its store, its
 * budget, an interruption). */
enum err attempt_take(struct attempt *attempt, uint32_t kind, struct view body);

/* Give up: what a refusal by the coordinator leaves to do. */
void attempt_abandon(struct attempt *attempt);

enum reason attempt_reason(const struct attempt *attempt);

/* What an attempt that ended for a reason has to say to the coordinator: that reason, and
 * whose sealed share did not open. ERR_STATE when the node itself was the reason. */
enum err attempt_statement(const struct attempt *attempt, struct bytes *body);
bool attempt_succeeded(const struct attempt *attempt); /* ended by a receipt */

/* Whose inputs are in the sum (h3), once confirmed: what the published link must repeat.
 * Zeros before. */
const uint8_t *attempt_survivors(const struct attempt *attempt);
/* Their keys, ascending, once confirmed. */
void attempt_survivor_keys(const struct attempt *attempt, struct bytes *keys);

#endif
