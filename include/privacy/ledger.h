#ifndef PRIVACY_LEDGER_H
#define PRIVACY_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/store.h"

/* ledger - what every patient's privacy has cost so far: append-only, hash-chained, one for
 * all studies of a hospital.
 *
 * One entry a release (study, round, attempt), with the charge and the pseudonyms it was
 * charged to. Entries are written in the caller's transaction, which is committed before
 * anything leaves, and are never changed, refunded or removed. Encryption hides it, the
 * chain shows tampering, and the heads repeated by coordinator and receipts show an older
 * copy put back. It does not decide caps: the caller states one. Called by node/. Format
 * and proof: docs/formats.md, src/privacy/PROOFS.md "ledger". */

#define LEDGER_PSEUDONYM_BYTES 16
#define LEDGER_STUDY_BYTES 16

/* The statement that makes its tables, for the program's schema. */
extern const char LEDGER_SCHEMA[];

struct ledger;

struct ledger_entry {
    uint8_t study[LEDGER_STUDY_BYTES];
    uint64_t round;
    uint32_t attempt;
    double noise_multiplier; /* costs 1 / multiplier^2 of mu^2 */
    uint64_t wall;           /* Unix seconds */
    uint64_t dimension;      /* numbers released: for the discretisation */
    uint32_t noise_log2;
};

/* Read and check the whole chain: every hash, every number ascending, every patient's sum.
 * ERR_VERIFY names the first entry that does not hold. `store` must outlive it. */
enum err ledger_new(struct store *store, struct ledger **ledger);
void ledger_destroy(struct ledger **ledger);

uint64_t ledger_length(const struct ledger *ledger);
void ledger_head(const struct ledger *ledger, uint8_t head[HASH_BYTES]); /* zeros: empty */

/* The head after `length` entries; ERR_NOT_FOUND past the end. */
enum err ledger_head_at(struct ledger *ledger, uint64_t length, uint8_t head[HASH_BYTES]);

/* mu^2 already spent by a patient; 0 for one never charged. */
enum err ledger_spent(struct ledger *ledger, const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES],
                      double *mu2);

/* Which of `count` patients could pay: affordable[i] = spent + cost <= mu2_cap, compared so
 * that rounding never lets a patient past the cap. Charges nothing. */
enum err ledger_affordable(struct ledger *ledger, const struct ledger_entry *entry,
                           const uint8_t (*pseudonyms)[LEDGER_PSEUDONYM_BYTES],
                           size_t count, double mu2_cap, bool *affordable);

/* Append one entry charged to all `count` pseudonyms (distinct). Inside the caller's open
 * transaction, else ERR_STATE. ERR_DENIED and nothing written when any of them would pass
 * mu2_cap; ERR_STATE when (study, round, attempt) is there already. After a rollback call
 * ledger_reload before anything else. */
enum err ledger_charge(struct ledger *ledger, const struct ledger_entry *entry,
                       const uint8_t (*pseudonyms)[LEDGER_PSEUDONYM_BYTES], size_t count,
                       double mu2_cap);
enum err ledger_reload(struct ledger *ledger);

/* In order, for people: entry `index` from 0 and how many patients it was charged to. */
enum err ledger_read(struct ledger *ledger, uint64_t index, struct ledger_entry *entry,
                     uint64_t *patients);

/* The largest mu^2 spent by any patient, in all and in one study. */
enum err ledger_spent_most(struct ledger *ledger, const uint8_t *study /* NULL: all */,
                           double *mu2);

#endif
