#ifndef PRIVACY_LEDGER_H
#define PRIVACY_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/store.h"
#include "privacy/accountant.h"
#include "privacy/reanchor.h"

/* ledger - what every patient's privacy has cost so far: append-only, hash-chained, one
 * for all studies of a hospital.
 *
 * One entry a release (study, round, attempt), with the charge and the pseudonyms it was
 * charged to. Entries are written in the caller's transaction, which is committed before
 * anything leaves, and are never changed, refunded or removed. Encryption hides it, the
 * chain shows an entry changed, inserted, removed or moved, and a stamp on the store's
 * first page that this is the page of the last entry. A tail cut off and an older copy
 * put back leave a shorter chain that holds: only a head kept elsewhere shows those,
 * which is why anchors, the coordinator and receipts repeat heads and the caller asks
 * ledger_accounts for each of them. Where it cannot, two officers re-anchor: an entry
 * whose claims are charged to everybody. It does not decide caps: the caller states one.
 * Not thread-safe. Called by node/ and privacy/anchor. Format and proof: docs/formats.md,
 * src/privacy/PROOFS.md "ledger". */

#define LEDGER_PSEUDONYM_BYTES 16
#define LEDGER_STUDY_BYTES 16
#define LEDGER_NONCE_BYTES 16
#define LEDGER_PATIENTS_MAX ((size_t)1 << 24) /* charged by one entry */
#define LEDGER_EVERYBODY UINT64_MAX           /* known or not: a claim's patients */

/* The statements that make its tables, for the program's schema, in this order. */
extern const char LEDGER_SCHEMA[], LEDGER_SCHEMA_REANCHORS[];

struct ledger;

struct ledger_entry {
    uint8_t study[LEDGER_STUDY_BYTES];
    uint64_t round;
    uint32_t attempt;
    double noise_multiplier; /* costs accountant_cost of it */
    uint64_t wall;           /* Unix seconds */
    uint64_t dimension;      /* numbers released, and the steps their noise has, 2^ */
    uint32_t noise_log2;     /*   noise_log2: for the discretisation */
    /* Drawn for the entry, so that two copies of a ledger that charge for the same
     * release have different heads; zeros: an entry of before there were any. */
    uint8_t nonce[LEDGER_NONCE_BYTES];
};

/* Read and check the whole chain: every number, every field's range, every list of
 * patients, every hash; add up every patient's sum anew. ERR_VERIFY names the first entry
 * that does not hold, counting from 1. `store` must outlive it. */
enum err ledger_new(struct store *store, struct ledger **ledger);
void ledger_destroy(struct ledger **ledger); /* NULL is fine; nulls */

/* The number of the last entry, which is what others are shown, with its hash. Numbers are
 * skipped where it was re-anchored; ledger_count is how many charges there are to read. */
uint64_t ledger_length(const struct ledger *ledger);
uint64_t ledger_count(const struct ledger *ledger);
void ledger_head(const struct ledger *ledger,
                 uint8_t head[HASH_BYTES]); /* zeros: empty */

/* The head of this chain at `length`; ERR_NOT_FOUND past the end and where numbers are
 * skipped. */
enum err ledger_head_at(struct ledger *ledger, uint64_t length, uint8_t head[HASH_BYTES]);

/* The index of the first charge after the entry of this chain whose hash is `head`
 * (zeros: from the beginning); ERR_NOT_FOUND when there is no such entry. */
enum err ledger_index_after(const struct ledger *ledger, const uint8_t head[HASH_BYTES],
                            uint64_t *index);

/* Whether a head that somebody was shown is on this chain, or was claimed when two
 * officers re-anchored it. */
bool ledger_accounts(const struct ledger *ledger, uint64_t length,
                     const uint8_t head[HASH_BYTES]);

/* All of it but who was charged, in order of number: what an anchor keeps. Caller frees. */
void ledger_claims(const struct ledger *ledger, struct reanchor_claim **claims,
                   size_t *count);

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

/* Append what two officers signed: its claims are charged to everybody. Inside the
 * caller's open transaction, as ledger_charge. ERR_VERIFY for signatures that do not hold,
 * ERR_STATE when it is about another state of this ledger, ERR_RANGE for a claim that no
 * entry can be. Whether the two are officers is the caller's to ask. */
enum err ledger_reanchor(struct ledger *ledger, const struct reanchor *reanchor);

/* After the rows of its tables were copied into a new store: stamp it as they say, in the
 * caller's open transaction. Opening checks them. */
enum err ledger_restamp(struct store *store);

/* In order, for people: charge `index` from 0 and how many patients it was charged to. A
 * claim has a study of zeros and LEDGER_EVERYBODY. ERR_NOT_FOUND past the end. */
enum err ledger_read(struct ledger *ledger, uint64_t index, struct ledger_entry *entry,
                     uint64_t *patients);

/* The number of that charge: of its entry, or of the lost entry that was claimed. */
uint64_t ledger_number(const struct ledger *ledger, uint64_t index);

/* The first re-anchoring behind entry `after`, and the head after it. ERR_NOT_FOUND when
 * there is none. Caller clears. */
enum err ledger_reanchored(struct ledger *ledger, uint64_t after,
                           struct reanchor *reanchor, uint8_t head[HASH_BYTES]);

/* Append the pseudonyms that charge `index` (from 0) was charged to, ascending; none for a
 * claim, which is everybody's. */
enum err ledger_patients(struct ledger *ledger, uint64_t index, struct bytes *pseudonyms);

/* Was this patient charged by charge `index` (from 0)? */
enum err ledger_charged(struct ledger *ledger, uint64_t index,
                        const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES], bool *charged);

/* The largest mu^2 spent by any patient, in all and in one study. */
enum err ledger_spent_most(struct ledger *ledger, const uint8_t *study /* NULL: all */,
                           double *mu2);

/* The corrections of all entries together: enough for every patient's accountant_loss. */
enum err ledger_discretisation(struct ledger *ledger,
                               struct discretisation *discretisation);

#endif
