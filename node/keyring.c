#include "node/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "privacy/random.h"
#include "privacy/seal.h"

#define STATE_NAME "keyring" /* a named value: u64 number, u8 due */
#define POLICY_NAME "policy_least" /* a named value: u64 */
#define PURPOSE "gemel/keyring/1"
#define CODE_BYTES_MAX 64

static const char magic[16] = "GEMEL KEYRING 1\n";

const char KEYRING_SCHEMA[] =
    "CREATE TABLE patient_keys (patient INTEGER PRIMARY KEY REFERENCES patients,"
    " key BLOB NOT NULL);";

struct entry {
    uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES], key[KEYRING_PATIENT_KEY_BYTES];
};

struct decision {
    uint8_t mark[CONSENT_MARK_BYTES], pseudonym[LEDGER_PSEUDONYM_BYTES];
    char *state, *reason;
    uint32_t user;
    uint64_t decided;
};

struct keyring {
    uint64_t number;
    struct entry *entries; /* ascending by pseudonym */
    size_t entry_count;
    struct decision *decisions;
    size_t decision_count;
    uint64_t policy; /* version in force; 0: none */
};

/* --- what it holds
 * --------------------------------------------------------------------------- */

/* The rows of a statement, counted, each with its columns one after the other. */
static enum err put_rows(struct store *store, const char *sql, struct bytes *body)
{
    struct query *query;
    bool row = false;
    struct bytes rows = {0};
    uint64_t count = 0;
    enum err result = store_query(store, sql, &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        for (int i = 0; i < query_columns(query); i++) {
            size_t size;
            const void *blob;
            switch (query_get_kind(query, i)) {
            case QUERY_INT:
                bytes_u64(&rows, (uint64_t)query_get_int(query, i));
                break;
            case QUERY_TEXT:
                bytes_text(&rows, query_get_text(query, i));
                break;
            default:
                blob = query_get_blob(query, i, &size);
                bytes_append(&rows, blob, size);
            }
        }
        count++;
    }
    bytes_u64(body, count);
    bytes_append(body, rows.data, rows.size);
    bytes_free(&rows);
    return result;
}

static enum err body_of(struct store *store, struct bytes *body)
{
    if (put_rows(store,
                 "SELECT p.pseudonym, k.key FROM patients p"
                 " JOIN patient_keys k ON k.patient = p.id ORDER BY p.pseudonym",
                 body) != ERR_OK)
        return err_code();
    if (put_rows(store,
                 "SELECT mark, pseudonym, state, reason, user, decided FROM consents"
                 " ORDER BY mark",
                 body) != ERR_OK)
        return err_code();
    return put_rows(store, "SELECT coalesce(max(version), 0) FROM policies", body);
}

/* With the key it is sealed under: after a rotation it is due. */
static void hash_of(const struct bytes *body, const struct home *home,
                    uint8_t hash[HASH_BYTES])
{
    struct bytes fields = {0};
    uint8_t name[SEAL_NAME_BYTES];
    seal_key_name(home_key(home), name);
    bytes_field(&fields, name, sizeof name);
    bytes_field(&fields, body->data, body->size);
    bytes_hash(PURPOSE, fields.data, fields.size, hash);
    bytes_free(&fields);
}

/* --- its state
 * ------------------------------------------------------------------------------ */

/* The number of its newest version, and the hash of what that holds (zeros: it has not
 * been written whole). ERR_NOT_FOUND. */
static enum err read_state(struct node *node, uint64_t *number, uint8_t hash[HASH_BYTES])
{
    struct bytes kept = {0};
    enum err result = home_get(node->home, STATE_NAME, &kept);
    if (result == ERR_OK) {
        struct cursor cursor = {kept.data, kept.size, 0};
        if (cursor_u64(&cursor, number) != ERR_OK || kept.size != 8 + HASH_BYTES)
            result =
                err_set(ERR_STORAGE, "what the store says of its keyring does not hold");
        else
            memcpy(hash, kept.data + 8, HASH_BYTES);
    }
    bytes_free(&kept);
    return result;
}

static enum err keep_state(struct home *home, uint64_t number,
                           const uint8_t hash[HASH_BYTES])
{
    struct bytes kept = {0};
    bytes_u64(&kept, number);
    bytes_append(&kept, hash, HASH_BYTES);
    enum err result = home_set(home, STATE_NAME, kept.data, kept.size);
    bytes_free(&kept);
    return result;
}

enum err keyring_state(struct node *node, struct keyring_state *state)
{
    struct bytes body = {0};
    uint8_t written[HASH_BYTES], hash[HASH_BYTES];
    *state = (struct keyring_state){0};
    enum err result = read_state(node, &state->number, written);
    if (result == ERR_NOT_FOUND)
        return ERR_OK;
    state->used = true;
    if (result == ERR_OK)
        result = body_of(node->store, &body);
    if (result == ERR_OK) {
        hash_of(&body, node->home, hash);
        state->due = memcmp(hash, written, HASH_BYTES) != 0;
    }
    bytes_free(&body);
    return result;
}

char *keyring_path(const struct node *node)
{
    const char *path = conf_text(node->conf, "keyring");
    return path[0] == '/' ? mem_text(path) : file_join(home_folder(node->home), path);
}

enum err keyring_key(struct node *node, int64_t patient,
                     uint8_t key[KEYRING_PATIENT_KEY_BYTES])
{
    struct query *query;
    bool row;
    size_t size;
    if (store_query(node->store, "SELECT key FROM patient_keys WHERE patient = ?",
                    &query) != ERR_OK)
        return err_code();
    query_int(query, 1, patient);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return err_set(ERR_NOT_FOUND, "there is no key for that patient's record");
    const void *data = query_get_blob(query, 0, &size);
    enum err result = ERR_OK;
    if (size == KEYRING_PATIENT_KEY_BYTES)
        memcpy(key, data, size);
    else
        result = err_set(ERR_STORAGE, "a patient's key has %zu bytes", size);
    query_reset(query);
    return result;
}

/* --- writing
 * ------------------------------------------------------------------------------- */

static enum err keep_key(struct node *node, int64_t patient,
                         const uint8_t key[KEYRING_PATIENT_KEY_BYTES])
{
    struct query *query;
    if (store_query(node->store, "INSERT INTO patient_keys (patient, key) VALUES (?, ?)",
                    &query) != ERR_OK)
        return err_code();
    query_int(query, 1, patient);
    query_blob(query, 2, key, KEYRING_PATIENT_KEY_BYTES);
    return query_run(query);
}

static enum err draw_missing(struct node *node)
{
    struct query *query;
    bool row;
    int64_t *missing = NULL;
    size_t count = 0, room = 0;
    enum err result = store_query(node->store,
                                  "SELECT id FROM patients"
                                  " WHERE id NOT IN (SELECT patient FROM patient_keys)",
                                  &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        MEM_GROW(missing, count + 1, &room);
        missing[count++] = query_get_int(query, 0);
    }
    for (size_t i = 0; result == ERR_OK && i < count; i++) {
        uint8_t key[KEYRING_PATIENT_KEY_BYTES];
        random_bytes(key, sizeof key);
        result = keep_key(node, missing[i], key);
        bytes_wipe(key, sizeof key);
    }
    mem_free(missing);
    return result;
}

/* magic, the store key's name and a salt, then all the rest as one sealed piece. */
static enum err write_file(struct node *node, const struct bytes *body)
{
    uint8_t name[SEAL_NAME_BYTES], salt[SEAL_SALT_BYTES], key[SEAL_KEY_BYTES];
    struct bytes head = {0}, file = {0};
    char *path = keyring_path(node);
    random_bytes(salt, sizeof salt);
    seal_key_name(home_key(node->home), name);
    seal_derive(home_key(node->home), PURPOSE, salt, key);
    bytes_append(&head, magic, sizeof magic);
    bytes_append(&head, name, sizeof name);
    bytes_append(&head, salt, sizeof salt);
    bytes_append(&file, head.data, head.size);
    seal_close(key, 0, &head, body->data, body->size, &file);
    bytes_wipe(key, sizeof key);
    enum err result = file_write(path, file.data, file.size, 0600);
    if (result != ERR_OK)
        err_hint("the keyring belongs on another disk than the store, and that disk has "
                 "to be there: setting keyring");
    mem_free(path);
    bytes_free(&head);
    bytes_free(&file);
    return result;
}

/* Its number is taken, durably, before a file has it: two versions of one number would
 * not be told apart. */
static enum err take_number(struct node *node, uint64_t *number, struct bytes *body)
{
    static const uint8_t unwritten[HASH_BYTES];
    uint8_t before[HASH_BYTES];
    *number = 0;
    if (store_begin(node->store) != ERR_OK)
        return err_code();
    enum err result = read_state(node, number, before);
    ++*number;
    if (result == ERR_OK || result == ERR_NOT_FOUND)
        result = draw_missing(node);
    if (result == ERR_OK)
        result = keep_state(node->home, *number, unwritten);
    if (result == ERR_OK)
        result = body_of(node->store, body);
    if (result == ERR_OK)
        return store_commit(node->store);
    store_rollback(node->store);
    return result;
}

enum err keyring_write(struct node *node)
{
    struct bytes rows = {0}, body = {0};
    uint8_t hash[HASH_BYTES];
    uint64_t number;
    enum err result = take_number(node, &number, &rows);
    if (result == ERR_OK) {
        hash_of(&rows, node->home, hash);
        bytes_u64(&body, number);
        bytes_append(&body, rows.data, rows.size);
        result = write_file(node, &body);
    }
    if (result == ERR_OK)
        result = keep_state(node->home, number, hash);
    bytes_free(&rows);
    bytes_free(&body);
    return result;
}

enum err keyring_follow(struct node *node)
{
    struct keyring_state state;
    if (keyring_state(node, &state) != ERR_OK)
        return err_code();
    return state.used && state.due ? keyring_write(node) : ERR_OK;
}

/* --- reading
 * ------------------------------------------------------------------------------- */

static enum err take_bytes(struct cursor *cursor, void *data, size_t size)
{
    if (cursor->size - cursor->at < size)
        return err_set(ERR_FORMAT, "it ends early");
    memcpy(data, cursor->data + cursor->at, size);
    cursor->at += size;
    return ERR_OK;
}

/* A count of things of at least `least` bytes each. */
static enum err take_count(struct cursor *cursor, size_t least, size_t *count)
{
    uint64_t value;
    if (cursor_u64(cursor, &value) != ERR_OK)
        return err_code();
    if (value > (cursor->size - cursor->at) / least)
        return err_set(ERR_FORMAT, "it ends early");
    *count = (size_t)value;
    return ERR_OK;
}

static enum err take_decision(struct cursor *cursor, struct decision *d)
{
    uint64_t user;
    if (take_bytes(cursor, d->mark, sizeof d->mark) != ERR_OK ||
        take_bytes(cursor, d->pseudonym, sizeof d->pseudonym) != ERR_OK ||
        cursor_text(cursor, CODE_BYTES_MAX, &d->state) != ERR_OK ||
        cursor_text(cursor, CODE_BYTES_MAX, &d->reason) != ERR_OK ||
        cursor_u64(cursor, &user) != ERR_OK || cursor_u64(cursor, &d->decided) != ERR_OK)
        return err_code();
    d->user = (uint32_t)user;
    return ERR_OK;
}

static int by_pseudonym(const void *a, const void *b)
{
    return memcmp(a, b, LEDGER_PSEUDONYM_BYTES);
}

static enum err read_body(struct cursor *cursor, struct keyring *keyring)
{
    size_t count = 0;
    if (cursor_u64(cursor, &keyring->number) != ERR_OK ||
        take_count(cursor, sizeof(struct entry), &count) != ERR_OK)
        return err_code();
    keyring->entries = mem_new(count, sizeof *keyring->entries);
    keyring->entry_count = count;
    for (size_t i = 0; i < count; i++)
        if (take_bytes(cursor, &keyring->entries[i], sizeof(struct entry)) != ERR_OK)
            return err_code();
    if (take_count(cursor, CONSENT_MARK_BYTES + LEDGER_PSEUDONYM_BYTES, &count) != ERR_OK)
        return err_code();
    keyring->decisions = mem_new(count, sizeof *keyring->decisions);
    keyring->decision_count = count;
    for (size_t i = 0; i < count; i++)
        if (take_decision(cursor, &keyring->decisions[i]) != ERR_OK)
            return err_code();
    if (take_count(cursor, sizeof keyring->policy, &count) != ERR_OK ||
        cursor_u64(cursor, &keyring->policy) != ERR_OK)
        return err_code();
    qsort(keyring->entries, keyring->entry_count, sizeof(struct entry), by_pseudonym);
    return cursor_end(cursor);
}

static enum err open_file(const struct bytes *file,
                          const uint8_t store_key[STORE_KEY_BYTES], struct bytes *body)
{
    enum { HEAD = sizeof magic + SEAL_NAME_BYTES + SEAL_SALT_BYTES };
    uint8_t name[SEAL_NAME_BYTES], key[SEAL_KEY_BYTES];
    if (file->size < HEAD || memcmp(file->data, magic, sizeof magic) != 0)
        return err_set(ERR_FORMAT, "it is not a keyring");
    seal_key_name(store_key, name);
    if (memcmp(file->data + sizeof magic, name, sizeof name) != 0)
        return err_set(ERR_KEY, "it was written under another store key");
    struct bytes head = {0};
    bytes_append(&head, file->data, HEAD);
    seal_derive(store_key, PURPOSE, file->data + HEAD - SEAL_SALT_BYTES, key);
    enum err result =
        seal_open(key, 0, &head, file->data + HEAD, file->size - HEAD, body);
    bytes_wipe(key, sizeof key);
    bytes_free(&head);
    return result;
}

enum err keyring_open(const char *path, const uint8_t store_key[STORE_KEY_BYTES],
                      struct keyring **keyring)
{
    struct bytes file = {0}, body = {0};
    if (file_read(path, KEYRING_BYTES_MAX, &file) != ERR_OK)
        return err_code();
    struct keyring *opened = mem_new(1, sizeof *opened);
    enum err result = open_file(&file, store_key, &body);
    struct cursor cursor = {body.data, body.size, 0};
    if (result == ERR_OK)
        result = read_body(&cursor, opened);
    bytes_free(&file);
    bytes_free(&body);
    if (result != ERR_OK) {
        keyring_destroy(&opened);
        return err_wrap("the keyring %s", path);
    }
    *keyring = opened;
    return ERR_OK;
}

void keyring_destroy(struct keyring **keyring)
{
    struct keyring *k = *keyring;
    if (!k)
        return;
    for (size_t i = 0; i < k->decision_count; i++) {
        mem_free(k->decisions[i].state);
        mem_free(k->decisions[i].reason);
    }
    mem_free(k->decisions);
    if (k->entries)
        bytes_wipe(k->entries, k->entry_count * sizeof *k->entries);
    mem_free(k->entries);
    mem_free(k);
    *keyring = NULL;
}

uint64_t keyring_number(const struct keyring *keyring)
{
    return keyring->number;
}

const uint8_t *keyring_find(const struct keyring *keyring,
                            const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES])
{
    const struct entry *entry = bsearch(pseudonym, keyring->entries, keyring->entry_count,
                                        sizeof *keyring->entries, by_pseudonym);
    return entry ? entry->key : NULL;
}

static enum err restore_key(struct store *store, const struct entry *entry)
{
    struct query *query;
    if (store_query(store,
                    "INSERT INTO patient_keys (patient, key)"
                    " SELECT id, ? FROM patients WHERE pseudonym = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, entry->key, KEYRING_PATIENT_KEY_BYTES);
    query_blob(query, 2, entry->pseudonym, LEDGER_PSEUDONYM_BYTES);
    return query_run(query);
}

static enum err restore_decision(struct store *store, const struct decision *d)
{
    struct query *query;
    if (store_query(store,
                    "INSERT INTO consents (mark, pseudonym, state, reason, user, decided)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, d->mark, sizeof d->mark);
    query_blob(query, 2, d->pseudonym, sizeof d->pseudonym);
    query_text(query, 3, d->state);
    query_text(query, 4, d->reason);
    query_int(query, 5, d->user);
    query_int(query, 6, (int64_t)d->decided);
    return query_run(query);
}

enum err keyring_restore(struct home *home, const struct keyring *keyring,
                         size_t *strangers)
{
    struct store *store = home_store(home);
    struct bytes body = {0};
    uint8_t hash[HASH_BYTES];
    enum err result = store_execute(store, "DELETE FROM consents");
    *strangers = 0;
    for (size_t i = 0; result == ERR_OK && i < keyring->entry_count; i++) {
        result = restore_key(store, &keyring->entries[i]);
        *strangers += result == ERR_OK && store_rows_changed(store) == 0;
    }
    for (size_t i = 0; result == ERR_OK && i < keyring->decision_count; i++)
        result = restore_decision(store, &keyring->decisions[i]);
    if (result == ERR_OK) {
        bytes_u64(&body, keyring->policy);
        result = home_set(home, POLICY_NAME, body.data, body.size);
        body.size = 0;
    }
    /* As if written: it is not replaced before something is decided here. */
    if (result == ERR_OK)
        result = body_of(store, &body);
    if (result == ERR_OK) {
        hash_of(&body, home, hash);
        result = keep_state(home, keyring->number, hash);
    }
    bytes_free(&body);
    return result;
}

enum err keyring_policy_least(struct node *node, uint64_t *version)
{
    struct bytes kept = {0};
    *version = 0;
    enum err result = home_get(node->home, POLICY_NAME, &kept);
    if (result == ERR_OK) {
        struct cursor cursor = {kept.data, kept.size, 0};
        result = cursor_u64(&cursor, version);
    }
    bytes_free(&kept);
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}
