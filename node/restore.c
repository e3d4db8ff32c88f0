#include "node/restore.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "node/backup_impl.h"
#include "privacy/audit.h"

#define RESTORED_NAME "restored" /* a named value: u64, when the backup was made */
#define COLUMNS_MAX 50           /* what one statement may bind */

/* --- pieces, in
 * ----------------------------------------------------------------------------- */

struct reader {
    struct file_in *in;
    const char *path;
    const struct keyring *keyring; /* NULL: records stay closed */
    struct store *store;           /* NULL: nothing is stored */
    uint8_t *key;                  /* [SEAL_KEY_BYTES], locked */
    uint8_t salt[SEAL_SALT_BYTES];
    struct bytes head;
    uint64_t pieces;
    enum piece_kind kind; /* of the piece read last */
    struct bytes plain;
    uint64_t version;
    struct bytes settings;
    uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES]; /* of the record read last */
    bool record_seen;
    struct backup_about about;
};

static enum err bad_piece(const struct reader *r, const char *why)
{
    return err_set(ERR_VERIFY, "%s: piece %llu: %s", r->path,
                   (unsigned long long)r->pieces + 1, why);
}

static enum err read_exactly(struct reader *r, void *data, size_t size)
{
    size_t got;
    if (file_in_read(r->in, data, size, &got) != ERR_OK)
        return err_code();
    return got == size ? ERR_OK : bad_piece(r, "the file ends there");
}

static enum err read_piece(struct reader *r)
{
    uint8_t front[5];
    struct bytes beside = {0}, sealed = {0};
    uint32_t size;
    if (read_exactly(r, front, sizeof front) != ERR_OK)
        return err_code();
    struct cursor cursor = {front, 4, 0};
    cursor_u32(&cursor, &size);
    if (size < SEAL_TAG_BYTES || size > BACKUP_PIECE_BYTES_MAX + SEAL_TAG_BYTES ||
        front[4] > PIECE_END)
        return bad_piece(r, "it has no size and kind that a piece can have");
    r->kind = front[4];
    bytes_reserve(&sealed, size);
    sealed.size = size;
    enum err result = read_exactly(r, sealed.data, size);
    if (result == ERR_OK) {
        backup_beside(&r->head, r->kind, &beside);
        r->plain.size = 0;
        if (seal_open(r->key, r->pieces, &beside, sealed.data, size, &r->plain) != ERR_OK)
            result = bad_piece(r, "it does not open: bytes of it were changed");
    }
    if (result == ERR_OK)
        r->pieces++;
    bytes_free(&beside);
    bytes_free(&sealed);
    return result;
}

/* --- rows, in
 * -------------------------------------------------------------------------------- */

static enum err take_value(struct cursor *cursor, struct query *query, int parameter)
{
    uint8_t kind;
    int64_t whole;
    double real;
    char *text;
    const uint8_t *blob;
    size_t size;
    if (cursor_u8(cursor, &kind) != ERR_OK)
        return err_code();
    switch (kind) {
    case QUERY_NULL:
        if (query)
            query_null(query, parameter);
        return ERR_OK;
    case QUERY_INT:
        if (cursor_i64(cursor, &whole) != ERR_OK)
            return err_code();
        if (query)
            query_int(query, parameter, whole);
        return ERR_OK;
    case QUERY_REAL:
        if (cursor_f64(cursor, &real) != ERR_OK)
            return err_code();
        if (query)
            query_real(query, parameter, real);
        return ERR_OK;
    case QUERY_TEXT:
        if (cursor_text(cursor, STORE_VALUE_BYTES_MAX, &text) != ERR_OK)
            return err_code();
        if (query)
            query_text(query, parameter, text);
        mem_free(text);
        return ERR_OK;
    case QUERY_BLOB:
        if (cursor_field(cursor, &blob, &size) != ERR_OK)
            return err_code();
        if (query)
            query_blob(query, parameter, blob, size);
        return ERR_OK;
    default:
        return err_set(ERR_FORMAT, "a value of kind %u", kind);
    }
}

/* A name as ours are, because it becomes part of a statement. */
static enum err take_name(struct cursor *cursor, char name[BACKUP_NAME_BYTES_MAX + 1])
{
    char *text;
    if (cursor_text(cursor, BACKUP_NAME_BYTES_MAX, &text) != ERR_OK)
        return err_code();
    snprintf(name, BACKUP_NAME_BYTES_MAX + 1, "%s", text);
    mem_free(text);
    if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789")])
        return err_set(ERR_FORMAT, "a name that no table or column has");
    return ERR_OK;
}

/* The statement that puts one row of this piece back. */
static enum err insert_of(struct cursor *cursor, struct bytes *sql, uint32_t *columns)
{
    char name[BACKUP_NAME_BYTES_MAX + 1];
    if (take_name(cursor, name) != ERR_OK || cursor_u32(cursor, columns) != ERR_OK)
        return err_code();
    if (*columns == 0 || *columns > COLUMNS_MAX || backup_leaves_out(name))
        return err_set(ERR_FORMAT, "a table that no backup holds");
    bytes_append(sql, "INSERT INTO ", 12);
    bytes_append(sql, name, strlen(name));
    for (uint32_t i = 0; i < *columns; i++) {
        if (take_name(cursor, name) != ERR_OK)
            return err_code();
        bytes_append(sql, i ? ", \"" : " (\"", 3);
        bytes_append(sql, name, strlen(name));
        bytes_append(sql, "\"", 1);
    }
    for (uint32_t i = 0; i < *columns; i++)
        bytes_append(sql, i ? ", ?" : ") VALUES (?", i ? 3 : 11);
    bytes_append(sql, ")", 2); /* with the final 0 */
    return ERR_OK;
}

static enum err take_section(struct reader *r, struct cursor *cursor)
{
    struct bytes sql = {0};
    struct query *query = NULL;
    uint32_t columns;
    uint8_t more;
    enum err result = insert_of(cursor, &sql, &columns);
    while (result == ERR_OK && (result = cursor_u8(cursor, &more)) == ERR_OK && more) {
        if (r->store)
            result = store_query(r->store, (const char *)sql.data, &query);
        for (uint32_t i = 0; result == ERR_OK && i < columns; i++)
            result = take_value(cursor, query, (int)i + 1);
        if (result == ERR_OK && query)
            result = query_run(query);
        r->about.rows++;
    }
    bytes_free(&sql);
    return result;
}

static enum err take_rows(struct reader *r, const struct bytes *rows)
{
    struct cursor cursor = {rows->data, rows->size, 0};
    enum err result = ERR_OK;
    while (result == ERR_OK && cursor.at < cursor.size)
        result = take_section(r, &cursor);
    return result;
}

static enum err take_record(struct reader *r)
{
    uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES], key[SEAL_KEY_BYTES];
    uint64_t part;
    struct bytes beside = {0}, rows = {0};
    struct cursor cursor = {r->plain.data, r->plain.size, sizeof pseudonym};
    if (r->plain.size < sizeof pseudonym || cursor_u64(&cursor, &part) != ERR_OK)
        return bad_piece(r, "a record without a pseudonym");
    memcpy(pseudonym, r->plain.data, sizeof pseudonym);
    bool another =
        !r->record_seen || memcmp(pseudonym, r->pseudonym, sizeof pseudonym) != 0;
    memcpy(r->pseudonym, pseudonym, sizeof pseudonym);
    r->record_seen = true;
    r->about.patients += another;
    const uint8_t *patient_key = r->keyring ? keyring_find(r->keyring, pseudonym) : NULL;
    if (!patient_key) {
        r->about.erased += another && r->keyring;
        return ERR_OK;
    }
    seal_derive(patient_key, BACKUP_PATIENT_PURPOSE, r->salt, key);
    bytes_append(&beside, pseudonym, sizeof pseudonym);
    /* The piece is whole: it is the key that does not fit, of somebody who was erased and
     * came back. */
    enum err result = ERR_OK;
    if (seal_open(key, part, &beside, cursor.data + cursor.at, cursor.size - cursor.at,
                  &rows) == ERR_OK)
        result = take_rows(r, &rows);
    else
        r->about.erased += another;
    bytes_wipe(key, sizeof key);
    bytes_free(&beside);
    bytes_free(&rows);
    return result;
}

/* --- the whole
 * ------------------------------------------------------------------------------- */

static enum err take_begin(struct reader *r)
{
    struct cursor cursor = {r->plain.data, r->plain.size, 0};
    const uint8_t *settings;
    size_t size;
    if (cursor_u64(&cursor, &r->version) != ERR_OK ||
        cursor_u64(&cursor, &r->about.keyring) != ERR_OK ||
        cursor_field(&cursor, &settings, &size) != ERR_OK ||
        cursor_end(&cursor) != ERR_OK)
        return err_code();
    bytes_append(&r->settings, settings, size);
    if (r->version == 0 || r->version > node_kind()->schema->migration_count)
        return err_set(ERR_STATE,
                       "%s has schema %llu; this program knows %zu and is older than it",
                       r->path, (unsigned long long)r->version,
                       node_kind()->schema->migration_count);
    if (r->keyring && keyring_number(r->keyring) < r->about.keyring)
        return err_set(ERR_VERIFY,
                       "the keyring is older than %s: version %llu, it needs %llu",
                       r->path, (unsigned long long)keyring_number(r->keyring),
                       (unsigned long long)r->about.keyring);
    return ERR_OK;
}

static enum err take_end(struct reader *r)
{
    struct cursor cursor = {r->plain.data, r->plain.size, 0};
    uint64_t patients, rows;
    uint8_t more;
    size_t got;
    if (cursor_u64(&cursor, &patients) != ERR_OK ||
        cursor_u64(&cursor, &rows) != ERR_OK ||
        cursor_u64(&cursor, &r->about.ledger_length) != ERR_OK ||
        cursor.size - cursor.at != HASH_BYTES)
        return bad_piece(r, "its last piece does not hold");
    memcpy(r->about.ledger_head, cursor.data + cursor.at, HASH_BYTES);
    r->about.pieces = r->pieces;
    if (patients != r->about.patients)
        return bad_piece(r, "it tells another number of patients than there were");
    if (!r->keyring || r->about.erased) /* then not all rows could be counted */
        r->about.rows = rows;
    if (rows != r->about.rows)
        return bad_piece(r, "it tells another number of rows than there were");
    if (file_in_read(r->in, &more, 1, &got) != ERR_OK)
        return err_code();
    return got ? bad_piece(r, "something follows the last piece") : ERR_OK;
}

/* Pieces after the first, up to and with the last. */
static enum err take_pieces(struct reader *r)
{
    for (;;) {
        enum err result = read_piece(r);
        if (result == ERR_OK && r->kind == PIECE_ROWS)
            result = take_rows(r, &r->plain);
        else if (result == ERR_OK && r->kind == PIECE_RECORD)
            result = take_record(r);
        else if (result == ERR_OK && r->kind == PIECE_BEGIN)
            result = bad_piece(r, "a second beginning");
        if (result == ERR_FORMAT || result == ERR_STORAGE)
            return err_wrap("%s: piece %llu", r->path, (unsigned long long)r->pieces);
        if (result != ERR_OK)
            return result;
        if (r->kind == PIECE_END)
            return take_end(r);
    }
}

static enum err open_head(struct reader *r, const uint8_t store_key[STORE_KEY_BYTES])
{
    uint8_t head[BACKUP_HEAD_BYTES], name[SEAL_NAME_BYTES];
    size_t got;
    if (file_in_read(r->in, head, sizeof head, &got) != ERR_OK)
        return err_code();
    if (got < sizeof head || memcmp(head, BACKUP_MAGIC, BACKUP_MAGIC_BYTES) != 0)
        return err_set(ERR_FORMAT, "%s is not a backup", r->path);
    seal_key_name(store_key, name);
    if (memcmp(head + BACKUP_MAGIC_BYTES, name, sizeof name) != 0) {
        err_set(ERR_KEY, "%s was made under another store key", r->path);
        return err_hint("a backup opens with the key that the store had then");
    }
    memcpy(r->salt, head + BACKUP_MAGIC_BYTES + SEAL_NAME_BYTES, SEAL_SALT_BYTES);
    seal_derive(store_key, BACKUP_PURPOSE, r->salt, r->key);
    bytes_append(&r->head, head, sizeof head);
    bytes_hash(BACKUP_PURPOSE, head, sizeof head, r->about.name);
    struct cursor cursor = {head, sizeof head, sizeof head - 8};
    return cursor_u64(&cursor, &r->about.created);
}

static enum err reader_open(struct reader *r, const uint8_t store_key[STORE_KEY_BYTES])
{
    void *key = NULL;
    enum err result = file_in_new(r->path, &r->in);
    if (result == ERR_OK)
        result = secret_new(SEAL_KEY_BYTES, &key);
    r->key = key;
    if (result == ERR_OK)
        result = open_head(r, store_key);
    if (result == ERR_OK)
        result = read_piece(r);
    if (result == ERR_OK && r->kind != PIECE_BEGIN)
        result = bad_piece(r, "it is not the beginning");
    return result == ERR_OK ? take_begin(r) : result;
}

static void reader_close(struct reader *r)
{
    file_in_destroy(&r->in);
    secret_free(r->key);
    bytes_free(&r->head);
    bytes_free(&r->plain);
    bytes_free(&r->settings);
}

enum err restore_check(const char *path, const uint8_t store_key[STORE_KEY_BYTES],
                       const struct keyring *keyring, struct backup_about *about)
{
    struct reader r = {.path = path, .keyring = keyring};
    enum err result = reader_open(&r, store_key);
    if (result == ERR_OK)
        result = take_pieces(&r);
    if (result == ERR_OK)
        *about = r.about;
    reader_close(&r);
    return result;
}

/* --- restoring
 * ------------------------------------------------------------------------------- */

static enum err note_restored(const struct reader *r)
{
    char created[CLOCK_TEXT_SIZE];
    const struct audit_entry entry = {.kind = AUDIT_RESTORE, .object = r->about.name};
    clock_text(r->about.created, created);
    return audit_write(
        r->store, &entry,
        "restored from a backup of %s: %zu patients, %zu of them erased "
        "since, and not to be asked for sums before the ledger was compared",
        created, r->about.patients, r->about.erased);
}

static enum err load(void *context, struct home *home)
{
    struct reader *r = context;
    struct bytes created = {0};
    r->store = home_store(home);
    enum err result = take_pieces(r);
    if (result == ERR_OK)
        result = keyring_restore(home, r->keyring, &r->about.strangers);
    if (result == ERR_OK)
        result = ledger_restamp(r->store);
    if (result == ERR_OK && r->about.erased) /* as erasing does */
        result = store_execute(r->store, "DELETE FROM imports");
    bytes_u64(&created, r->about.created);
    if (result == ERR_OK)
        result = home_set(home, RESTORED_NAME, created.data, created.size);
    bytes_free(&created);
    return result == ERR_OK ? note_restored(r) : result;
}

enum err restore_home(const char *path, const char *folder,
                      const uint8_t store_key[STORE_KEY_BYTES],
                      const struct keyring *keyring, struct backup_about *about)
{
    struct reader r = {.path = path, .keyring = keyring};
    enum err result = reader_open(&r, store_key);
    if (result == ERR_OK) {
        const struct home_copy copy = {(const char *)r.settings.data,
                                       r.settings.size,
                                       r.version,
                                       store_key,
                                       load,
                                       &r};
        result = home_restore(folder, node_kind(), &copy);
    }
    if (result == ERR_OK)
        *about = r.about;
    reader_close(&r);
    return result;
}

enum err restore_is_unproven(struct node *node, bool *unproven, uint64_t *since)
{
    struct bytes kept = {0};
    uint64_t created = 0;
    enum err result = home_get(node->home, RESTORED_NAME, &kept);
    *unproven = result != ERR_NOT_FOUND;
    if (result == ERR_OK) {
        struct cursor cursor = {kept.data, kept.size, 0};
        result = cursor_u64(&cursor, &created);
    }
    bytes_free(&kept);
    if (since)
        *since = created;
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

enum err restore_proven(struct node *node)
{
    bool unproven;
    const struct audit_entry entry = {.kind = AUDIT_RESTORE};
    if (restore_is_unproven(node, &unproven, NULL) != ERR_OK)
        return err_code();
    if (!unproven)
        return ERR_OK;
    if (store_execute(node->store,
                      "DELETE FROM named WHERE name = '" RESTORED_NAME "'") != ERR_OK)
        return err_code();
    return audit_write(node->store, &entry,
                       "the restored ledger is not behind what the coordinator has seen");
}
