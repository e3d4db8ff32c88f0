#include "node/backup.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "node/backup_impl.h"
#include "node/patients.h"
#include "privacy/audit.h"
#include "privacy/random.h"

#define SETTINGS_BYTES_MAX ((size_t)1 << 20)

void backup_beside(const struct bytes *head, enum piece_kind kind, struct bytes *beside)
{
    beside->size = 0;
    bytes_append(beside, head->data, head->size);
    bytes_u8(beside, (uint8_t)kind);
}

bool backup_leaves_out(const char *table)
{
    return strcmp(table, "patient_keys") == 0 || strncmp(table, "sqlite_", 7) == 0 ||
           strcmp(table, "store_application") == 0;
}

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

static enum err write_piece(struct writer *w, enum piece_kind kind,
                            const struct bytes *plain)
{
    struct bytes beside = {0}, piece = {0};
    backup_beside(&w->head, kind, &beside);
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
        if (rows->size < BACKUP_PIECE_BYTES)
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
        if (backup_leaves_out(name))
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
    char sql[BACKUP_NAME_BYTES_MAX + 40];
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
    char sql[2 * BACKUP_NAME_BYTES_MAX + 40];
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
    seal_derive(key, BACKUP_PATIENT_PURPOSE, w->salt, record.key);
    result = put_rows_of(w, "patients", "id", id, &rows, &record);
    for (size_t i = 0; result == ERR_OK && patients_tables[i]; i++)
        if (!backup_leaves_out(patients_tables[i]))
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
    if (result != ERR_OK)
        return result;
    for (size_t i = 0; result == ERR_OK && i < count; i++)
        result = write_record(w, patients[i].id, patients[i].pseudonym);
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
    seal_derive(home_key(w->node->home), BACKUP_PURPOSE, w->salt, w->key);
    bytes_append(&w->head, BACKUP_MAGIC, BACKUP_MAGIC_BYTES);
    bytes_append(&w->head, name, sizeof name);
    bytes_append(&w->head, w->salt, sizeof w->salt);
    bytes_u64(&w->head, w->about.created);
    bytes_hash(BACKUP_PURPOSE, w->head.data, w->head.size, w->about.name);
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
