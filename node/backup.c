#include "node/backup.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "node/patients.h"
#include "privacy/audit.h"
#include "privacy/random.h"
#include "privacy/seal.h"

#define PURPOSE "gemel/backup/1"
#define PATIENT_PURPOSE "gemel/backup-patient/1"
#define RESTORED_NAME "restored" /* a named value: u64, when the backup was made */
/* A piece is begun anew once it is this long, and is refused when it is longer than a row
 * can make it. */
#define PIECE_BYTES ((size_t)1 << 20)
#define PIECE_BYTES_MAX (PIECE_BYTES + 2 * (size_t)STORE_VALUE_BYTES_MAX)
#define SETTINGS_BYTES_MAX ((size_t)1 << 20)
#define NAME_BYTES_MAX 128
#define COLUMNS_MAX 50 /* what one statement may bind */

static const char magic[16] = "GEMEL BACKUP 1\n\n";

/* magic, name of the store's key, salt, u64 created */
enum { HEAD_BYTES = sizeof magic + SEAL_NAME_BYTES + SEAL_SALT_BYTES + 8 };

enum piece_kind { PIECE_BEGIN, PIECE_ROWS, PIECE_RECORD, PIECE_END };

/* --- pieces, out
 * ---------------------------------------------------------------------------- */

struct writer {
    struct node *node;
    struct file_out *out;
    uint8_t *key; /* [SEAL_KEY_BYTES], locked */
    uint8_t salt[SEAL_SALT_BYTES];
    struct bytes head;
    uint64_t pieces;
    struct backup_about about;
};

/* What is authenticated beside a piece: the head and the piece's kind. Its number is in
 * the nonce. */
static void beside_piece(const struct bytes *head, enum piece_kind kind,
                         struct bytes *beside)
{
    beside->size = 0;
    bytes_append(beside, head->data, head->size);
    bytes_u8(beside, (uint8_t)kind);
}

static enum err write_piece(struct writer *w, enum piece_kind kind,
                            const struct bytes *plain)
{
    struct bytes beside = {0}, piece = {0};
    beside_piece(&w->head, kind, &beside);
    bytes_u32(&piece, (uint32_t)(plain->size + SEAL_TAG_BYTES));
    bytes_u8(&piece, (uint8_t)kind);
    seal_close(w->key, w->pieces++, &beside, plain->data, plain->size, &piece);
    enum err result = file_out_add(w->out, piece.data, piece.size);
    bytes_free(&beside);
    bytes_free(&piece);
    return result;
}

/* --- rows, out
 * ------------------------------------------------------------------------------ */

static void put_value(struct query *query, int column, struct bytes *bytes)
{
    enum query_kind kind = query_get_kind(query, column);
    size_t size;
    const void *blob;
    bytes_u8(bytes, (uint8_t)kind);
    switch (kind) {
    case QUERY_NULL:
        break;
    case QUERY_INT:
        bytes_i64(bytes, query_get_int(query, column));
        break;
    case QUERY_REAL:
        bytes_f64(bytes, query_get_real(query, column));
        break;
    case QUERY_TEXT:
        bytes_text(bytes, query_get_text(query, column));
        break;
    case QUERY_BLOB:
        blob = query_get_blob(query, column, &size);
        bytes_field(bytes, blob, size);
    }
}

/* Rows stand in sections: the table and its columns by name, then 1 before each row, then
 * 0. A piece holds whole sections, so that each stands for itself. */
static void begin_section(struct query *query, const char *table, struct bytes *bytes)
{
    bytes_text(bytes, table);
    bytes_u32(bytes, (uint32_t)query_columns(query));
    for (int i = 0; i < query_columns(query); i++)
        bytes_text(bytes, query_column_name(query, i));
}

/* Where a piece's rows go once there are enough of them. */
typedef enum err flush_rows(struct writer *w, void *context, struct bytes *rows);

/* All rows of a bound statement to `rows`, which is flushed whenever it is long. */
static enum err put_rows(struct writer *w, struct query *query, const char *table,
                         struct bytes *rows, flush_rows *flush, void *context)
{
    bool row = false;
    enum err result;
    begin_section(query, table, rows);
    while ((result = query_step(query, &row)) == ERR_OK && row) {
        bytes_u8(rows, 1);
        for (int i = 0; i < query_columns(query); i++)
            put_value(query, i, rows);
        w->about.rows++;
        if (rows->size < PIECE_BYTES)
            continue;
        bytes_u8(rows, 0);
        if ((result = flush(w, context, rows)) != ERR_OK)
            break;
        begin_section(query, table, rows);
    }
    if (row)
        query_reset(query);
    bytes_u8(rows, 0);
    return result;
}

/* --- tables
 * ---------------------------------------------------------------------------------- */

/* In a backup nowhere but in the keyring. */
static bool left_out(const char *table)
{
    return strcmp(table, "patient_keys") == 0 || strncmp(table, "sqlite_", 7) == 0 ||
           strcmp(table, "store_application") == 0;
}

static bool of_a_patient(const char *table)
{
    if (strcmp(table, "patients") == 0)
        return true;
    for (size_t i = 0; patients_tables[i]; i++)
        if (strcmp(table, patients_tables[i]) == 0)
            return true;
    return false;
}

/* The names of all tables. What belongs to a patient must be known as such, or it would
 * be sealed under the wrong key: a table that is not is a bug, and stops the backup. */
static enum err list_tables(struct node *node, char ***tables, size_t *count)
{
    struct query *query;
    bool row = false;
    size_t room = 0;
    *tables = NULL, *count = 0;
    enum err result = store_query(node->store,
                                  "SELECT name, instr(sql, 'REFERENCES patients') > 0"
                                  " FROM sqlite_master WHERE type = 'table'"
                                  " ORDER BY name",
                                  &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        const char *name = query_get_text(query, 0);
        if (left_out(name))
            continue;
        if (query_get_int(query, 1) && !of_a_patient(name)) {
            result = err_set(
                ERR_STATE, "the table %s is about patients and not known as such", name);
            query_reset(query);
            break;
        }
        MEM_GROW(*tables, *count + 1, &room);
        (*tables)[(*count)++] = mem_text(name);
    }
    return result;
}

static enum err flush_piece(struct writer *w, void *context, struct bytes *rows)
{
    (void)context;
    enum err result = write_piece(w, PIECE_ROWS, rows);
    rows->size = 0;
    return result;
}

static enum err write_table(struct writer *w, const char *table)
{
    char sql[NAME_BYTES_MAX + 40];
    struct query *query;
    struct bytes rows = {0};
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" ORDER BY 1", table);
    enum err result = store_query(w->node->store, sql, &query);
    if (result == ERR_OK)
        result = put_rows(w, query, table, &rows, flush_piece, NULL);
    if (result == ERR_OK)
        result = flush_piece(w, NULL, &rows);
    bytes_free(&rows);
    return result;
}

static enum err write_tables(struct writer *w)
{
    char **tables;
    size_t count;
    enum err result = list_tables(w->node, &tables, &count);
    for (size_t i = 0; result == ERR_OK && i < count; i++)
        if (!of_a_patient(tables[i]))
            result = write_table(w, tables[i]);
    for (size_t i = 0; i < count; i++)
        mem_free(tables[i]);
    mem_free(tables);
    return result;
}

/* --- records, out
 * ---------------------------------------------------------------------------- */

/* One patient, in as many pieces as it takes. */
struct record_out {
    uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES];
    uint8_t key[SEAL_KEY_BYTES]; /* of this patient in this backup */
    uint64_t part;
};

/* pseudonym, then what only the patient's key opens. */
static enum err flush_record(struct writer *w, void *context, struct bytes *rows)
{
    struct record_out *record = context;
    struct bytes plain = {0}, beside = {0};
    bytes_append(&plain, record->pseudonym, LEDGER_PSEUDONYM_BYTES);
    bytes_u64(&plain, record->part);
    bytes_append(&beside, record->pseudonym, LEDGER_PSEUDONYM_BYTES);
    seal_close(record->key, record->part++, &beside, rows->data, rows->size, &plain);
    enum err result = write_piece(w, PIECE_RECORD, &plain);
    bytes_wipe(rows->data, rows->size);
    rows->size = 0;
    bytes_free(&plain);
    bytes_free(&beside);
    return result;
}

static enum err put_rows_of(struct writer *w, const char *table, const char *column,
                            int64_t id, struct bytes *rows, struct record_out *record)
{
    char sql[2 * NAME_BYTES_MAX + 40];
    struct query *query;
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" WHERE %s = ?", table, column);
    if (store_query(w->node->store, sql, &query) != ERR_OK)
        return err_code();
    query_int(query, 1, id);
    return put_rows(w, query, table, rows, flush_record, record);
}

static enum err write_record(struct writer *w, int64_t id,
                             const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES])
{
    uint8_t key[KEYRING_PATIENT_KEY_BYTES];
    struct record_out record = {.part = 0};
    struct bytes rows = {0};
    enum err result = keyring_key(w->node, id, key);
    if (result != ERR_OK)
        return result;
    memcpy(record.pseudonym, pseudonym, LEDGER_PSEUDONYM_BYTES);
    seal_derive(key, PATIENT_PURPOSE, w->salt, record.key);
    result = put_rows_of(w, "patients", "id", id, &rows, &record);
    for (size_t i = 0; result == ERR_OK && patients_tables[i]; i++)
        if (!left_out(patients_tables[i]))
            result = put_rows_of(w, patients_tables[i], "patient", id, &rows, &record);
    if (result == ERR_OK)
        result = flush_record(w, &record, &rows);
    bytes_wipe(key, sizeof key);
    bytes_wipe(record.key, sizeof record.key);
    bytes_free(&rows);
    w->about.patients += result == ERR_OK;
    return result;
}

/* Everybody's, whatever their consent: the record of who has withdrawn is theirs still.
 */
static enum err write_records(struct writer *w)
{
    struct patient *patients;
    size_t count;
    enum err result = patients_everybody(w->node, &patients, &count);
    for (size_t i = 0; result == ERR_OK && i < count; i++)
        result = write_record(w, patients[i].id, patients[i].pseudonym);
    if (result == ERR_OK || count)
        patients_free(patients, count);
    return result;
}

/* --- creating
 * ------------------------------------------------------------------------------- */

static enum err write_begin(struct writer *w)
{
    struct bytes plain = {0}, settings = {0};
    char *path = file_join(home_folder(w->node->home), "gemel-node.yaml");
    enum err result = file_read(path, SETTINGS_BYTES_MAX, &settings);
    mem_free(path);
    if (result == ERR_OK) {
        bytes_u64(&plain, node_kind()->schema->migration_count);
        bytes_u64(&plain, w->about.keyring);
        bytes_field(&plain, settings.data, settings.size);
        result = write_piece(w, PIECE_BEGIN, &plain);
    }
    bytes_free(&settings);
    bytes_free(&plain);
    return result;
}

static enum err write_end(struct writer *w)
{
    struct bytes plain = {0};
    bytes_u64(&plain, w->about.patients);
    bytes_u64(&plain, w->about.rows);
    bytes_u64(&plain, w->about.ledger_length);
    bytes_append(&plain, w->about.ledger_head, HASH_BYTES);
    enum err result = write_piece(w, PIECE_END, &plain);
    w->about.pieces = w->pieces;
    bytes_free(&plain);
    return result;
}

static enum err write_all(struct writer *w)
{
    enum err result = file_out_add(w->out, w->head.data, w->head.size);
    if (result == ERR_OK)
        result = write_begin(w);
    if (result == ERR_OK)
        result = write_tables(w);
    if (result == ERR_OK)
        result = write_records(w);
    return result == ERR_OK ? write_end(w) : result;
}

static void write_head(struct writer *w)
{
    uint8_t name[SEAL_NAME_BYTES];
    random_bytes(w->salt, sizeof w->salt);
    seal_key_name(home_key(w->node->home), name);
    seal_derive(home_key(w->node->home), PURPOSE, w->salt, w->key);
    bytes_append(&w->head, magic, sizeof magic);
    bytes_append(&w->head, name, sizeof name);
    bytes_append(&w->head, w->salt, sizeof w->salt);
    bytes_u64(&w->head, w->about.created);
    bytes_hash(PURPOSE, w->head.data, w->head.size, w->about.name);
}

/* Before its rows are read, so that it holds its own entry. */
static enum err note_created(const struct writer *w)
{
    const struct audit_entry entry = {
        .kind = AUDIT_BACKUP, .wall = w->about.created, .object = w->about.name};
    return audit_write_alone(w->node->store, &entry,
                             "a backup is written; its records open with version %llu of "
                             "the keyring or a newer one",
                             (unsigned long long)w->about.keyring);
}

enum err backup_create(struct node *node, const char *path, uint64_t wall,
                       struct backup_about *about)
{
    struct writer w = {.node = node, .about = {.created = wall}};
    struct keyring_state state;
    void *key = NULL;
    if (keyring_write(node) != ERR_OK || keyring_state(node, &state) != ERR_OK ||
        file_out_new(path, 0600, &w.out) != ERR_OK)
        return err_code();
    enum err result = secret_new(SEAL_KEY_BYTES, &key);
    if (result == ERR_OK) {
        w.key = key;
        w.about.keyring = state.number;
        w.about.ledger_length = ledger_length(node->ledger);
        ledger_head(node->ledger, w.about.ledger_head);
        write_head(&w);
        result = note_created(&w);
    }
    if (result == ERR_OK)
        result = write_all(&w);
    if (result == ERR_OK)
        result = file_out_keep(&w.out);
    file_out_drop(&w.out);
    bytes_free(&w.head);
    secret_free(key);
    if (result == ERR_OK)
        *about = w.about;
    return result;
}

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
    if (size < SEAL_TAG_BYTES || size > PIECE_BYTES_MAX + SEAL_TAG_BYTES ||
        front[4] > PIECE_END)
        return bad_piece(r, "it has no size and kind that a piece can have");
    r->kind = front[4];
    bytes_reserve(&sealed, size);
    sealed.size = size;
    enum err result = read_exactly(r, sealed.data, size);
    if (result == ERR_OK) {
        beside_piece(&r->head, r->kind, &beside);
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
static enum err take_name(struct cursor *cursor, char name[NAME_BYTES_MAX + 1])
{
    char *text;
    if (cursor_text(cursor, NAME_BYTES_MAX, &text) != ERR_OK)
        return err_code();
    snprintf(name, NAME_BYTES_MAX + 1, "%s", text);
    mem_free(text);
    if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789")])
        return err_set(ERR_FORMAT, "a name that no table or column has");
    return ERR_OK;
}

/* The statement that puts one row of this piece back. */
static enum err insert_of(struct cursor *cursor, struct bytes *sql, uint32_t *columns)
{
    char name[NAME_BYTES_MAX + 1];
    if (take_name(cursor, name) != ERR_OK || cursor_u32(cursor, columns) != ERR_OK)
        return err_code();
    if (*columns == 0 || *columns > COLUMNS_MAX || left_out(name))
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
    seal_derive(patient_key, PATIENT_PURPOSE, r->salt, key);
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
    uint8_t head[HEAD_BYTES], name[SEAL_NAME_BYTES];
    size_t got;
    if (file_in_read(r->in, head, sizeof head, &got) != ERR_OK)
        return err_code();
    if (got < sizeof head || memcmp(head, magic, sizeof magic) != 0)
        return err_set(ERR_FORMAT, "%s is not a backup", r->path);
    seal_key_name(store_key, name);
    if (memcmp(head + sizeof magic, name, sizeof name) != 0) {
        err_set(ERR_KEY, "%s was made under another store key", r->path);
        return err_hint("a backup opens with the key that the store had then");
    }
    memcpy(r->salt, head + sizeof magic + SEAL_NAME_BYTES, SEAL_SALT_BYTES);
    seal_derive(store_key, PURPOSE, r->salt, r->key);
    bytes_append(&r->head, head, sizeof head);
    bytes_hash(PURPOSE, head, sizeof head, r->about.name);
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

enum err backup_verify(const char *path, const uint8_t store_key[STORE_KEY_BYTES],
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
    if (result == ERR_OK && r->about.erased) /* as erasing does */
        result = store_execute(r->store, "DELETE FROM imports");
    bytes_u64(&created, r->about.created);
    if (result == ERR_OK)
        result = home_set(home, RESTORED_NAME, created.data, created.size);
    bytes_free(&created);
    return result == ERR_OK ? note_restored(r) : result;
}

enum err backup_restore(const char *path, const char *folder,
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

enum err backup_is_unproven(struct node *node, bool *unproven, uint64_t *since)
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

enum err backup_proven(struct node *node)
{
    bool unproven;
    const struct audit_entry entry = {.kind = AUDIT_RESTORE};
    if (backup_is_unproven(node, &unproven, NULL) != ERR_OK)
        return err_code();
    if (!unproven)
        return ERR_OK;
    if (store_execute(node->store, "DELETE FROM named WHERE name = 'restored'") != ERR_OK)
        return err_code();
    return audit_write(node->store, &entry,
                       "the restored ledger is not behind what the coordinator has seen");
}
