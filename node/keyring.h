#ifndef NODE_KEYRING_H
#define NODE_KEYRING_H

#include "node/consent.h"

/* keyring - what a backup does not hold: a key for every patient's record in backups,
 * everybody's consent as it is now, and which version of the officers' policy is in force.
 * One file of its own, the setting `keyring`.
 *
 * A backup's records open only with the keyring. Erasing a patient destroys their key in
 * the store and writes the keyring anew without it, and with that the record is gone from
 * every backup ever made, wherever its copies are; and a restored node knows who has
 * withdrawn or was erased since. That is the whole of it: whoever keeps an older copy of
 * the keyring, the backup and the store's key can still read the record. So the keyring
 * is copied by replacing the copy, never kept in generations.
 *
 * It is sealed under the store's key (privacy/seal). Every version has a higher number,
 * and a backup names the one it needs at least. Format: docs/formats.md. */

#define KEYRING_PATIENT_KEY_BYTES 32
#define KEYRING_BYTES_MAX ((size_t)2 << 30) /* of the file */

extern const char KEYRING_SCHEMA[]; /* the table of the patients' keys */

/* Is there one, i.e. was a backup ever made? `due`: a patient was erased, a consent decided
 * or a policy installed since it was written, by what the store holds now. */
struct keyring_state {
    bool used, due;
    uint64_t number; /* of its newest version */
};
enum err keyring_state(struct node *node, struct keyring_state *state);

/* Where it is: the setting, taken from the home's folder on. Caller frees. */
char *keyring_path(const struct node *node);

/* Give every patient without one a key, and write the keyring with the next number. */
enum err keyring_write(struct node *node);

/* Write it if it is used and due. */
enum err keyring_follow(struct node *node);

/* The key of a patient's record in backups. ERR_NOT_FOUND. */
enum err keyring_key(struct node *node, int64_t patient,
                     uint8_t key[KEYRING_PATIENT_KEY_BYTES]);

/* A keyring read back. */
struct keyring;
enum err keyring_open(const char *path, const uint8_t store_key[STORE_KEY_BYTES],
                      struct keyring **keyring);
void keyring_destroy(struct keyring **keyring); /* NULL is fine; wipes; nulls */
uint64_t keyring_number(const struct keyring *keyring);
/* NULL: erased since, or never known. */
const uint8_t *keyring_find(const struct keyring *keyring,
                            const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES]);

/* The policy that a restored home must have at least: an older one may permit more than
 * the officers want. 0: it was not restored. */
enum err keyring_policy_least(struct node *node, uint64_t *version);

/* Into a restored store, inside the caller's transaction, after the records: the
 * patients' keys, and everybody's consent in place of what the backup held.
 * `strangers`: keys of patients who are not in the backup because they came after it; the
 * next version of the keyring will not have them. */
enum err keyring_restore(struct home *home, const struct keyring *keyring,
                         size_t *strangers);

#endif
