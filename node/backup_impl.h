#ifndef NODE_BACKUP_IMPL_H
#define NODE_BACKUP_IMPL_H

#include "node/backup.h"
#include "privacy/seal.h"

/* backup_impl - what node/backup writes and node/restore reads (docs/formats.md). */

#define BACKUP_PURPOSE "gemel/backup/1"
#define BACKUP_PATIENT_PURPOSE "gemel/backup-patient/1"
/* A piece is begun anew once it is this long, and is refused when it is longer than a row
 * can make it. */
#define BACKUP_PIECE_BYTES ((size_t)1 << 20)
#define BACKUP_PIECE_BYTES_MAX (BACKUP_PIECE_BYTES + 2 * (size_t)STORE_VALUE_BYTES_MAX)
#define BACKUP_NAME_BYTES_MAX 128 /* of a table or column */

/* At its beginning: the magic, the name of the store's key, a salt, u64 created. */
#define BACKUP_MAGIC "GEMEL BACKUP 1\n\n"
#define BACKUP_MAGIC_BYTES (sizeof BACKUP_MAGIC - 1)
enum { BACKUP_HEAD_BYTES = BACKUP_MAGIC_BYTES + SEAL_NAME_BYTES + SEAL_SALT_BYTES + 8 };

enum piece_kind { PIECE_BEGIN, PIECE_ROWS, PIECE_RECORD, PIECE_END };

/* What is authenticated beside a piece: the head and the piece's kind. Its number is in
 * the nonce. Replaces what is in `beside`. */
void backup_beside(const struct bytes *head, enum piece_kind kind, struct bytes *beside);

/* Tables that are in no backup, and those that are in the keyring only. */
bool backup_leaves_out(const char *table);

#endif
