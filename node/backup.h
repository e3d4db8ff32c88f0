#ifndef NODE_BACKUP_H
#define NODE_BACKUP_H

#include "node/keyring.h"

/* backup - the whole of a home in one sealed file, and a home made from one.
 *
 * Nothing in it is in the clear but that it is a backup, when it was made and the name of
 * the key that opens it. It is written row by row from under the home's lock, so that it
 * is of one moment, sealed piece by piece under a key derived from the store's, and every
 * patient's record once more under that patient's own key, which is in the keyring and
 * not here (node/keyring: that is how erasing reaches backups). Pieces are numbered and
 * the last one says so: a byte changed, a piece left out, moved or cut off is refused.
 *
 * A restored home is an older copy of itself. It says so until its ledger has been
 * compared with what the coordinator has seen of it (node/exchange), and enters no
 * attempt before. Format: docs/formats.md, "Backup". */

struct backup_about {
    uint8_t name[HASH_BYTES]; /* of its head: what the audit record calls it */
    uint64_t created;         /* Unix seconds */
    uint64_t keyring;         /* the version of the keyring it needs at least */
    uint64_t ledger_length;
    uint8_t ledger_head[HASH_BYTES];
    size_t patients, rows, pieces; /* rows of all tables, patients' included */
    size_t erased;                 /* patients whose record no longer opens */
    size_t strangers;              /* patients in the keyring who came after the backup */
};

/* Write `path`, which must not exist; the keyring is written first. */
enum err backup_create(struct node *node, const char *path, uint64_t wall,
                       struct backup_about *about);

/* Read all of it and store nothing. `keyring` NULL: the patients' records are checked as
 * sealed pieces, not opened. ERR_VERIFY names the first piece that does not hold;
 * ERR_KEY: made under another store key; ERR_FORMAT: no backup. */
enum err backup_verify(const char *path, const uint8_t store_key[STORE_KEY_BYTES],
                       const struct keyring *keyring, struct backup_about *about);

/* Make the home `folder`, which must not be there or be empty. ERR_VERIFY too when the
 * keyring is older than the backup. */
enum err backup_restore(const char *path, const char *folder,
                        const uint8_t store_key[STORE_KEY_BYTES],
                        const struct keyring *keyring, struct backup_about *about);

/* Is this a restored home that has not been compared yet? `since` may be NULL: when the
 * backup was made. */
enum err backup_is_unproven(struct node *node, bool *unproven, uint64_t *since);

/* Its ledger was compared with what somebody else has seen of it, and is not behind:
 * inside the caller's transaction; nothing if it was not restored. */
enum err backup_proven(struct node *node);

#endif
