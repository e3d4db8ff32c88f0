#ifndef NODE_BACKUP_H
#define NODE_BACKUP_H

#include "node/keyring.h"

/* backup - the whole of a home in one sealed file.
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

#endif
