#ifndef PRIVACY_REANCHOR_H
#define PRIVACY_REANCHOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "privacy/identity.h"

/* reanchor - what two officers sign so that a ledger which is not the newest may go on.
 *
 * Somebody outside the store holds heads of this hospital's ledger that the store cannot
 * account for: it was restored from a backup, or copied. Each such head is a claim, with
 * what its entry is taken to have cost every patient, known here or not. Whoever signs
 * says: charge all that to everybody, and go on behind. It does not find the claims out
 * (node/newest does), nor who is an officer. Called by privacy/ledger, privacy/anchor and
 * node/. Format: docs/formats.md, "Re-anchoring". */

#define REANCHOR_CLAIMS_MAX ((size_t)100000)
#define REANCHOR_SIGNATURES 2

/* An entry of a ledger as it is known outside: all of it but who was charged. */
struct reanchor_claim {
    uint64_t length; /* the number of the entry, which is the chain's length there */
    uint8_t head[HASH_BYTES];
    double noise_multiplier; /* costs accountant_cost of it; 0: the entry costs nothing */
    uint64_t dimension;      /* as in struct ledger_entry; 0 where it costs nothing */
    uint32_t noise_log2;
};

struct reanchor {
    uint8_t node[IDENTITY_KEY_BYTES];
    uint64_t after; /* the store's ledger as it is: length and head */
    uint8_t head[HASH_BYTES];
    uint64_t number; /* what the entry will have: above `after` and all claims */
    uint64_t issued; /* Unix seconds */
    struct reanchor_claim *claims;
    size_t claim_count;
    size_t signature_count;
    struct {
        uint8_t key[IDENTITY_KEY_BYTES];
        uint8_t signature[IDENTITY_SIGNATURE_BYTES];
    } signatures[REANCHOR_SIGNATURES];
};

void reanchor_clear(struct reanchor *reanchor);

/* ERR_STATE: signed by that key, or by two, already. */
enum err reanchor_sign(struct reanchor *reanchor, const struct identity *officer);

/* Whether it is signed by two different keys, both of which hold. ERR_VERIFY. */
enum err reanchor_check(const struct reanchor *reanchor);

/* The bytes, signatures included: appended. Reading is strict (ERR_FORMAT) and checks no
 * signature; cleared by the caller. */
void reanchor_write(const struct reanchor *reanchor, struct bytes *bytes);
enum err reanchor_read(const uint8_t *data, size_t size, struct reanchor *reanchor);

/* Claims one after the other, as they stand in it and in an anchor. */
void reanchor_claims_write(const struct reanchor_claim *claims, size_t count,
                           struct bytes *bytes);
enum err reanchor_claims_read(struct cursor *cursor, struct reanchor_claim **claims,
                              size_t *count);

#endif
