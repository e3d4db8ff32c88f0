#ifndef BASE_STORE_H
#define BASE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* store - one encrypted SQLCipher file: open with a key, migrate, one transaction at a
 * time. The only door to sqlite3.h.
 *
 * It knows no table of ours: the programs and the ledger bring their schema and their SQL
 * (SQLite 3.15 subset: no UPSERT, no window functions, no RETURNING, no JSON). It is not
 * tamper-proof against an old copy of the file being put back: the ledger's chain and its
 * anchors are. One connection a process, exclusive locking, journal DELETE, synchronous
 * EXTRA, all asserted by reading them back at open. Called by node/, coordinator/ and
 * privacy/ledger. Not thread-safe. */

struct store;
struct query;

#define STORE_KEY_BYTES 32
#define STORE_VALUE_BYTES_MAX (1 << 24) /* of one text or blob, and of one row */

/* One step of a schema: the statements that lead from version i to i + 1. */
struct store_schema {
    const char *application; /* up to 16 letters, digits and '-'; kept and checked */
    const char *const *migrations;  /* migrations[i]: from version i to i + 1 */
    size_t migration_count;
};

/* Create: refuses an existing file (ERR_STATE); the file appears whole, with mode 0600. Open:
 * ERR_NOT_FOUND without a file, ERR_KEY when the key does not open it, ERR_LOCKED while
 * another process holds it, ERR_STATE for a newer schema, another application or a file that
 * is not encrypted, ERR_STORAGE for a damaged one; after an unclean end the whole file is
 * checked first. Both migrate forward inside one transaction, enforce foreign keys, then
 * install the authoriser: SELECT, INSERT, UPDATE, DELETE and transactions are left; every
 * CREATE, ALTER, DROP, ATTACH, DETACH, PRAGMA, temporary table and load_extension,
 * fts3_tokenizer, sqlcipher_export are refused. */
enum err store_create(const char *path, const uint8_t key[STORE_KEY_BYTES],
                      const struct store_schema *schema, struct store **store);
enum err store_open(const char *path, const uint8_t key[STORE_KEY_BYTES],
                    const struct store_schema *schema, struct store **store);
void store_destroy(struct store **store); /* rolls an open transaction back */

/* Encrypt every page of the store at `path` anew under `fresh`, in one transaction, then
 * open it with that and read every page, because SQLCipher 3.4 says that all is well when
 * the disk refused half of it. Killed or refused on the way it opens with one of the two
 * keys. ERR_STORAGE: still under the old one. */
enum err store_rekey(const char *path, const uint8_t key[STORE_KEY_BYTES],
                     const uint8_t fresh[STORE_KEY_BYTES],
                     const struct store_schema *schema);

/* Read and authenticate every page: ERR_STORAGE with the first thing found wrong. An old
 * page of the same file put back is not noticed. */
enum err store_check(struct store *store);

enum err store_begin(struct store *store);    /* BEGIN IMMEDIATE; nesting is ERR_STATE */
enum err store_commit(struct store *store);   /* durable when it returns ERR_OK; on failure
                                                 the transaction is rolled back */
void store_rollback(struct store *store);     /* fine when none is open */
bool store_in_transaction(const struct store *store);

/* For what must be whole whether or not the caller has a transaction: join it, or begin
 * one. Then always store_leave, whose result is that of the whole: `result` as it came,
 * after a rollback of one's own transaction; or what committing it gave. */
enum err store_join(struct store *store, bool *own);
enum err store_leave(struct store *store, bool own, enum err result);

/* A number on the file's first page, 0 to 2^31 - 1 (SQLite's application_id): written in
 * the caller's open transaction (ERR_STATE without one) and read back. The first page
 * belongs to no table; this is how what is in one can say which first page it goes with. */
enum err store_stamp(struct store *store, uint32_t stamp);
enum err store_stamped(struct store *store, uint32_t *stamp);

/* Run one statement with no parameters and no rows. */
enum err store_execute(struct store *store, const char *sql);

/* A prepared statement, cached by its text: store_query returns the same one, reset and with
 * its bindings cleared, for the same `sql` pointer content. Owned by the store. Parameters
 * count from 1, columns from 0. Bound bytes are copied. A wrong statement is a bug of ours:
 * it comes back as ERR_STORAGE with SQLite's words. A parameter that the statement does not
 * have, or a value over the limit, is said by the next step; a column it does not have
 * aborts. Once the disk refused to sync, or SQLite rolled back an open transaction by itself
 * (disk full), everything is refused until the store is reopened or store_rollback is
 * called, so that no statement runs outside the transaction it was meant for. -0.0 comes
 * back as 0 from a REAL column. */
enum err store_query(struct store *store, const char *sql, struct query **query);
void query_int(struct query *query, int parameter, int64_t value);
void query_real(struct query *query, int parameter, double value); /* NaN becomes NULL */
void query_text(struct query *query, int parameter, const char *value); /* NULL: NULL */
void query_blob(struct query *query, int parameter, const void *value, size_t size);
void query_null(struct query *query, int parameter);

enum err query_step(struct query *query, bool *row); /* row false: done and reset */
enum err query_run(struct query *query);             /* step to the end, rows ignored */
void query_reset(struct query *query);               /* leave a loop early */

int64_t query_get_int(struct query *query, int column);
double query_get_real(struct query *query, int column);       /* NULL gives NaN */
bool query_get_null(struct query *query, int column);
const char *query_get_text(struct query *query, int column);  /* until the next step */
/* For copying rows of any table: what the statement's columns are called, and what kind
 * of value the present row has in one. */
enum query_kind { QUERY_NULL, QUERY_INT, QUERY_REAL, QUERY_TEXT, QUERY_BLOB };
int query_columns(const struct query *query);
const char *query_column_name(const struct query *query, int column);
enum query_kind query_get_kind(struct query *query, int column);
const void *query_get_blob(struct query *query, int column, size_t *size); /* same */

int64_t store_last_row(const struct store *store);     /* rowid of the last INSERT */
int64_t store_rows_changed(const struct store *store); /* by the last statement */
const char *store_library(void); /* "SQLCipher 3.4.1, SQLite 3.15.2" for status and doctor */

#endif
