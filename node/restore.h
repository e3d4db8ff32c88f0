#ifndef NODE_RESTORE_H
#define NODE_RESTORE_H

#include "node/backup.h"

/* restore - a backup read to its end, and a home made from one.
 *
 * A restored home is an older copy of itself. It says so until its ledger has been
 * compared with what the coordinator has seen of it (node/exchange), and enters no
 * attempt before (node/part). */

/* Read all of it and store nothing. `keyring` NULL: the patients' records are checked as
 * sealed pieces, not opened. ERR_VERIFY names the first piece that does not hold;
 * ERR_KEY: made under another store key; ERR_FORMAT: no backup. */
enum err restore_check(const char *path, const uint8_t store_key[STORE_KEY_BYTES],
                       const struct keyring *keyring, struct backup_about *about);

/* Make the home `folder`, which must not be there or be empty. ERR_VERIFY too when the
 * keyring is older than the backup. */
enum err restore_home(const char *path, const char *folder,
                      const uint8_t store_key[STORE_KEY_BYTES],
                      const struct keyring *keyring, struct backup_about *about);

/* Is this a restored home that has not been compared yet? `since` may be NULL: when the
 * backup was made. */
enum err restore_is_unproven(struct node *node, bool *unproven, uint64_t *since);

/* Its ledger was compared with what somebody else has seen of it, and is not behind:
 * inside the caller's transaction; nothing if it was not restored. */
enum err restore_proven(struct node *node);

#endif
