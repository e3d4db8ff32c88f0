#ifndef PRIVACY_LEDGER_H
#define PRIVACY_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/store.h"
#include "privacy/accountant.h"

/* ledger - what every patient's privacy has cost so far: append-only, hash-chained, one
 * for all studies of a hospital.
 *
 * One entry a release (study, round, attempt), with the charge and the pseudonyms it was
 * charged to. Entries are written in the caller's transaction, which is committed before
 * anything leaves, and are never changed, refunded or removed. Encryption hides it and
 * the chain shows an entry changed, inserted, removed or moved. A tail cut off and an
 * older copy put back leave a shorter chain that holds: only a head kept elsewhere shows
 * those, which is why the coordinator and receipts repeat heads and the caller compares
 * with ledger_head_at. It does not decide caps: the caller states one. Not thread-safe.
 * Called by node/. Format and proof: docs/formats.md, src/privacy/PROOFS.md "ledger". */

#define LEDGER_PSEUDONYM_BYTES 16
#define LEDGER_STUDY_BYTES 16
#define LEDGER_PATIENTS_MAX ((size_t)1 << 24) /* charged by one entry */

/* The statements that make its tables, for the program's schema. */
extern const char LEDGER_SCHEMA[];

struct ledger;

struct ledger_entry {
    uint8_t study[LEDGER_STUDY_BYTES];
    uint64_t round;
    uint32_t attempt;
    double noise_multiplier; /* costs accountant_cost of it */
    uint64_t wall;           /* Unix seconds */
    uint64_t dimension;      /* numbers released, and the steps their noise has, 2^ */
    uint32_t noise_log2;     /*   noise_log2: for the discretisation */
};

/* Read and check the whole chain: every number, every field's range, every list of
 * patients, every hash; add up every patient's sum anew. ERR_VERIFY names the first entry
 * that does not hold, counting from 1. `store` must outlive it. */
enum err ledger_new(struct store *store, struct ledger **ledger);
void ledger_destroy(struct ledger **ledger); /* NULL is fine; nulls */

uint64_t ledger_length(const struct ledger *ledger);
void ledger_head(const struct ledger *ledger,
                 uint8_t head[HASH_BYTES]); /* zeros: empty */

/* The head after `length` entries; ERR_NOT_FOUND past the end. */
enum err ledger_head_at(struct ledger *ledger, uint64_t length, uint8_t head[HASH_BYTES]);

/* mu^2 already spent by a patient, rounded up; 0 for one never charged. */
enum err ledger_spent(struct ledger *ledger,
                      const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES], double *mu2);

/* Which of `count` patients could pay: affordable[i] = spent + cost <= mu2_cap, compared
 * so that rounding never lets a patient past the cap. Charges nothing. ERR_RANGE as
 * below. */
enum err ledger_affordable(struct ledger *ledger, const struct ledger_entry *entry,
                           const uint8_t (*pseudonyms)[LEDGER_PSEUDONYM_BYTES],
                           size_t count, double mu2_cap, bool *affordable);

/* Append one entry charged to all `count` pseudonyms, in any order. Inside the caller's
 * open transaction, else ERR_STATE. Nothing is written, and the same call can be made
 * again, on ERR_RANGE    a multiplier, dimension, noise_log2 or count outside its limits,
 * a round, wall or dimension above 2^63 - 1, a pseudonym listed twice; ERR_DENIED   a
 * patient would pass mu2_cap; ERR_STATE    (study, round, attempt) is there already, or
 * the store was rolled back without ledger_reload. After a rollback, and after
 * ERR_STORAGE, roll back and call ledger_reload. */
enum err ledger_charge(struct ledger *ledger, const struct ledger_entry *entry,
                       const uint8_t (*pseudonyms)[LEDGER_PSEUDONYM_BYTES], size_t count,
                       double mu2_cap);
enum err ledger_reload(struct ledger *ledger); /* as ledger_new; unchanged on an error */

/* In order, for people: entry `index` from 0 and how many patients it was charged to.
 * ERR_NOT_FOUND past the end. */
enum err ledger_read(struct ledger *ledger, uint64_t index, struct ledger_entry *entry,
                     uint64_t *patients);

/* Append the pseudonyms that entry `index` (from 0) was charged to, ascending. */
enum err ledger_patients(struct ledger *ledger, uint64_t index, struct bytes *pseudonyms);

/* Was this patient charged by entry `index` (from 0)? */
enum err ledger_charged(struct ledger *ledger, uint64_t index,
                        const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES], bool *charged);

/* The largest mu^2 spent by any patient, in all and in one study. */
enum err ledger_spent_most(struct ledger *ledger, const uint8_t *study /* NULL: all */,
                           double *mu2);

/* The corrections of all entries together: enough for every patient's accountant_loss. */
enum err ledger_discretisation(struct ledger *ledger,
                               struct discretisation *discretisation);

#endif
