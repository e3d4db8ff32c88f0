#include "base/store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SQLITE_HAS_CODEC /* declares sqlite3_key */
#include <sqlite3.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"

#if SQLITE_VERSION_NUMBER < 3015000
#error "SQLite 3.15 or newer"
#endif

#define PAGE_BYTES 4096
/* Long enough for two openers at the same instant to let one through, too short for
 * anybody to wait behind a daemon that holds the file for days. */
#define BUSY_MS 200

struct query {
    struct store *store;
    struct query *next;
    sqlite3_stmt *statement;
    char *sql;
    bool unbound; /* a binding failed; the next step says so */
};

struct store {
    char *path;
    sqlite3 *db;
    struct query *queries;
    bool begun;  /* store_begin without its end; SQLite may have rolled back underneath */
    bool failed; /* an fsync failed: what is on the disk is unknown until reopened */
};

static enum err refuse_damaged(const struct store *store, const char *how)
{
    err_set(ERR_STORAGE, "%s is damaged: %s", store->path, how);
    return err_hint(
        "its last backup is whole: restore that into a folder of its own, and "
        "keep this one until it is clear what happened");
}

/* SQLite's last refusal on this connection in our words. */
static enum err refuse(const struct store *store, const char *what)
{
    int code = sqlite3_extended_errcode(store->db);
    switch (code & 0xff) {
    case SQLITE_NOTADB:
        return err_set(ERR_KEY, "the key does not open %s, or its first page is damaged",
                       store->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(ERR_LOCKED, "%s is in use by another process", store->path);
    case SQLITE_CORRUPT:
        return refuse_damaged(store, sqlite3_errmsg(store->db));
    case SQLITE_FULL:
        err_set(ERR_STORAGE, "the disk that holds %s is full", store->path);
        return err_hint("make room there and try again: what was under way is undone");
    case SQLITE_IOERR:
        return err_set(ERR_STORAGE, "the disk that holds %s refuses: %s", store->path,
                       sqlite3_errmsg(store->db));
    case SQLITE_CANTOPEN: /* the journal, which stands beside it */
    case SQLITE_READONLY:
        err_set(ERR_STORAGE, "%s or the folder it is in may not be written", store->path);
        return err_hint("run this as the user who owns the folder");
    default:
        return err_set(ERR_STORAGE, "%s: %s: %s", store->path, what,
                       sqlite3_errmsg(store->db));
    }
}

static enum err run(const struct store *store, const char *sql)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? ERR_OK
               : refuse(store, sql);
}

/* The first column of the first row as text; "" when there is no row or NULL. */
static enum err ask(const struct store *store, const char *sql, char *answer, size_t room)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    const unsigned char *text = NULL;
    if (code == SQLITE_ROW)
        text = sqlite3_column_text(statement, 0);
    snprintf(answer, room, "%s", text ? (const char *)text : "");
    enum err err =
        code == SQLITE_ROW || code == SQLITE_DONE ? ERR_OK : refuse(store, sql);
    sqlite3_finalize(statement);
    return err;
}

/* "./" in front of a relative path: ":memory:" and "file:" are names of files here. */
static char *plain_path(const char *path)
{
    return path[0] == '/' ? mem_text(path) : file_join(".", path);
}

static enum err hand_key(const struct store *store, const uint8_t key[STORE_KEY_BYTES],
                         int (*take)(sqlite3 *db, const void *key, int size))
{
    char raw[2 + 2 * STORE_KEY_BYTES + 2] = "x'";
    bytes_to_hex(key, STORE_KEY_BYTES, raw + 2);
    raw[2 + 2 * STORE_KEY_BYTES] = '\'';
    int code = take(store->db, raw, sizeof raw - 1);
    bytes_wipe(raw, sizeof raw);
    return code == SQLITE_OK ? ERR_OK : refuse(store, "the key was not taken");
}

/* In this order; `expected` is what reading back must give. SQLCipher 4 is asked for the
 * page format of 3 (3 does not know the word and ignores it), so that a store written on
 * Debian 12 opens on 13 and back. */
static const struct {
    const char *set, *get, *expected;
} settings[] = {
    {NULL, "PRAGMA cipher_version", NULL},          /* else this is a plain SQLite */
    {"PRAGMA cipher_log_level = NONE", NULL, NULL}, /* 4 talks on stderr; 3 ignores it */
    {"PRAGMA cipher_compatibility = 3", NULL, NULL},
    {"PRAGMA cipher_page_size = 4096", "PRAGMA cipher_page_size", "4096"},
    {"PRAGMA synchronous = EXTRA", NULL, NULL},
    /* The lock first and only then the mode that keeps it: the other way round two
     * openers at once would each keep a read lock and shut both out. */
    {"BEGIN EXCLUSIVE", NULL, NULL},
    {"PRAGMA locking_mode = EXCLUSIVE", "SELECT count(*) FROM sqlite_master", NULL},
    {"COMMIT", NULL, NULL},
    {"PRAGMA journal_mode = DELETE", "PRAGMA journal_mode", "delete"},
    {NULL, "PRAGMA locking_mode", "exclusive"},
    {NULL, "PRAGMA synchronous", "3"},
    {NULL, "PRAGMA page_size", "4096"},
    {NULL, "PRAGMA encoding", "UTF-8"},
    {"PRAGMA temp_store = MEMORY", "PRAGMA temp_store", "2"},
    {"PRAGMA secure_delete = ON", "PRAGMA secure_delete", "1"},
    {"PRAGMA cell_size_check = ON", "PRAGMA cell_size_check", "1"},
};

static enum err apply_settings(struct store *store)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        enum err err = settings[i].set ? run(store, settings[i].set) : ERR_OK;
        char answer[80];
        if (!err && settings[i].get)
            err = ask(store, settings[i].get, answer, sizeof answer);
        if (err)
            return err;
        const char *expected = settings[i].expected;
        if (settings[i].get && (expected ? strcmp(answer, expected) != 0 : !answer[0]))
            return err_set(ERR_STORAGE, "%s: %s gives \"%s\", expected \"%s\"",
                           store->path, settings[i].get, answer,
                           expected ? expected : "a version");
    }
    /* No row at all where the library was built without memory mapping. */
    char answer[80];
    enum err err = run(store, "PRAGMA mmap_size = 0");
    if (!err)
        err = ask(store, "PRAGMA mmap_size", answer, sizeof answer);
    if (!err && answer[0] && strcmp(answer, "0") != 0)
        err = err_set(ERR_STORAGE, "%s: memory mapping stays on", store->path);
    return err;
}

/* SQLite's published values for hostile input, except the size of one value. */
static void apply_limits(struct store *store)
{
    static const struct {
        int limit, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, STORE_VALUE_BYTES_MAX},
        {SQLITE_LIMIT_SQL_LENGTH, 100000},
        {SQLITE_LIMIT_COLUMN, 100},
        {SQLITE_LIMIT_EXPR_DEPTH, 10},
        {SQLITE_LIMIT_COMPOUND_SELECT, 3},
        {SQLITE_LIMIT_VDBE_OP, 25000},
        {SQLITE_LIMIT_FUNCTION_ARG, 8},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 50},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 10},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(store->db, limits[i].limit, limits[i].value);
#ifdef SQLITE_DBCONFIG_DEFENSIVE /* 3.26 */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
#endif
#ifdef SQLITE_DBCONFIG_TRUSTED_SCHEMA /* 3.31 */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
#endif
}

/* What may still be asked once the schema stands: rows in, rows out, transactions. */
static int authorise(void *unused, int action, const char *first, const char *second,
                     const char *database, const char *trigger)
{
    (void)unused;
    (void)first;
    (void)trigger;
    static const char *const refused[] = {"fts3_tokenizer", "load_extension",
                                          "sqlcipher_export"};
    bool temporary = database && strcmp(database, "temp") == 0;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_TRANSACTION:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        return temporary ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_FUNCTION:
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
            if (second && sqlite3_stricmp(second, refused[i]) == 0)
                return SQLITE_DENY;
        return SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

/* Whether the 16 bytes at the start are SQLite's own: then nothing is encrypted. They are
 * read through SQLite's descriptor, because closing one of our own would drop its locks.
 */
static enum err check_encrypted(const struct store *store)
{
    static const char magic[16] = "SQLite format 3";
    char start[sizeof magic] = {0};
    sqlite3_file *file = NULL;
    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (!file || !file->pMethods)
        return err_set(ERR_STORAGE, "cannot look into %s", store->path);
    int code = file->pMethods->xRead(file, start, sizeof start, 0);
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
        return err_set(ERR_STORAGE, "cannot read the start of %s", store->path);
    if (memcmp(start, magic, sizeof magic) == 0)
        return err_set(ERR_STATE, "%s is a plain SQLite file, not an encrypted store",
                       store->path);
    return ERR_OK;
}

/* The steps still missing, inside the caller's transaction. */
static enum err migrate_from(struct store *store, const struct store_schema *schema,
                             size_t version)
{
    for (size_t i = version; i < schema->migration_count; i++) {
        enum err err = run(store, schema->migrations[i]);
        if (!err && sqlite3_get_autocommit(store->db))
            err = err_set(ERR_STORAGE, "%s: it ends the transaction", store->path);
        if (err)
            return err_wrap("migration %zu of %zu", i + 1, schema->migration_count);
    }
    char set_version[80];
    snprintf(set_version, sizeof set_version, "PRAGMA user_version = %zu",
             schema->migration_count);
    return run(store, set_version);
}

static enum err found_application(struct store *store, const struct store_schema *schema)
{
    char application[80];
    enum err err =
        ask(store, "SELECT count(*) FROM sqlite_master WHERE name = 'store_application'",
            application, sizeof application);
    if (!err && strcmp(application, "1") != 0)
        return err_set(ERR_STATE, "%s was not made by %s", store->path,
                       schema->application);
    if (!err)
        err = ask(store, "SELECT name FROM store_application", application,
                  sizeof application);
    if (!err && strcmp(application, schema->application) != 0)
        return err_set(ERR_STATE, "%s belongs to %s, not to %s", store->path, application,
                       schema->application);
    return err;
}

/* Everything between BEGIN and COMMIT: whose file, which version, the missing steps. */
static enum err migrate_inside(struct store *store, const struct store_schema *schema,
                               bool fresh)
{
    char answer[80], name_it[200];
    enum err err = ERR_OK;
    if (fresh) {
        snprintf(name_it, sizeof name_it,
                 "CREATE TABLE store_application (name TEXT NOT NULL);"
                 "INSERT INTO store_application VALUES ('%s')",
                 schema->application);
        err = run(store, name_it);
    } else {
        err = found_application(store, schema);
    }
    if (!err)
        err = ask(store, "PRAGMA user_version", answer, sizeof answer);
    if (err)
        return err;
    size_t version = strtoul(answer, NULL, 10);
    if (version > schema->migration_count)
        return err_set(ERR_STATE,
                       "%s has schema %zu; this program knows %zu and is older than it",
                       store->path, version, schema->migration_count);
    return version < schema->migration_count ? migrate_from(store, schema, version)
                                             : ERR_OK;
}

static enum err migrate(struct store *store, const struct store_schema *schema,
                        bool fresh)
{
    enum err err = run(store, "BEGIN EXCLUSIVE");
    if (err)
        return err;
    err = migrate_inside(store, schema, fresh);
    if (!err)
        err = run(store, "COMMIT");
    if (err && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

enum err store_check(struct store *store)
{
    char answer[200];
    sqlite3_set_authorizer(store->db, NULL, NULL);
    enum err err = ask(store, "PRAGMA integrity_check(1)", answer, sizeof answer);
    sqlite3_set_authorizer(store->db, authorise, NULL);
    for (char *newline; (newline = strchr(answer, '\n'));)
        *newline = ' ';
    if (!err && strcmp(answer, "ok") != 0)
        err = refuse_damaged(store, answer);
    return err;
}

/* Whether whoever had the file last did not close it. */
static bool left_open(const char *path)
{
    char *journal = mem_format("%s-journal", path);
    struct stat about;
    bool left = stat(journal, &about) == 0 && about.st_size > 0;
    mem_free(journal);
    return left;
}

static enum err prepare(struct store *store, const uint8_t key[STORE_KEY_BYTES],
                        const struct store_schema *schema, bool fresh)
{
    if (sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE, NULL) !=
        SQLITE_OK)
        return store->db ? refuse(store, "cannot open")
                         : err_set(ERR_STORAGE, "%s: no memory", store->path);
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    bool unclean = !fresh && left_open(store->path);
    enum err err = check_encrypted(store);
    if (!err)
        err = hand_key(store, key, sqlite3_key);
    if (!err)
        err = apply_settings(store);
    if (err)
        return err;
    if (unclean && (err = store_check(store)))
        return err;
    sqlite3_set_authorizer(store->db, NULL, NULL);
    err = migrate(store, schema, fresh);
    if (!err)
        err = run(store, "PRAGMA foreign_keys = ON");
    if (!err)
        err = check_encrypted(store);
    apply_limits(store);
    sqlite3_set_authorizer(store->db, authorise, NULL);
    return err;
}

static enum err open_at(const char *path, const uint8_t key[STORE_KEY_BYTES],
                        const struct store_schema *schema, bool fresh,
                        struct store **store)
{
    struct store *opened = mem_new(1, sizeof *opened);
    opened->path = plain_path(path);
    enum err err = prepare(opened, key, schema, fresh);
    if (err)
        store_destroy(&opened);
    else
        *store = opened;
    return err;
}

enum err store_open(const char *path, const uint8_t key[STORE_KEY_BYTES],
                    const struct store_schema *schema, struct store **store)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return err_set(errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_STORAGE,
                       "cannot open %s: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return err_set(ERR_STORAGE, "%s is not a regular file", path);
    if (about.st_size < PAGE_BYTES)
        return err_set(ERR_STORAGE, "%s is cut short: %jd bytes are no store", path,
                       (intmax_t)about.st_size);
    return open_at(path, key, schema, false, store);
}

/* Made complete under another name first: a crash on the way leaves no half store that
 * the next attempt would stumble over, and `path` appears whole or not at all. */
static enum err create_beside(const char *path, const char *beside,
                              const uint8_t key[STORE_KEY_BYTES],
                              const struct store_schema *schema)
{
    struct store *store = NULL;
    enum err err = open_at(beside, key, schema, true, &store);
    store_destroy(&store);
    if (!err && link(beside, path) != 0)
        err = err_set(errno == EEXIST ? ERR_STATE : ERR_STORAGE, "cannot create %s: %s",
                      path, strerror(errno));
    return err;
}

enum err store_create(const char *path, const uint8_t key[STORE_KEY_BYTES],
                      const struct store_schema *schema, struct store **store)
{
    if (file_exists(path))
        return err_set(ERR_STATE, "%s exists already", path);
    char *beside = mem_format("%s.new-XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC); /* 0600, and SQLite's journal takes after it */
    enum err err;
    if (fd < 0) {
        err = err_set(errno == ENOENT ? ERR_NOT_FOUND : ERR_STORAGE,
                      "cannot create %s: %s", path, strerror(errno));
    } else {
        close(fd);
        err = create_beside(path, beside, key, schema);
        unlink(beside);
    }
    mem_free(beside);
    return err ? err : store_open(path, key, schema, store);
}

void store_destroy(struct store **store)
{
    if (!*store)
        return;
    for (struct query *query = (*store)->queries, *next; query; query = next) {
        next = query->next;
        sqlite3_finalize(query->statement);
        mem_free(query->sql);
        mem_free(query);
    }
    sqlite3_close((*store)->db); /* rolls back */
    mem_free((*store)->path);
    mem_free(*store);
    *store = NULL;
}

static enum err check_rekeyed(const char *path, const uint8_t fresh[STORE_KEY_BYTES],
                              const struct store_schema *schema)
{
    struct store *store = NULL;
    enum err err = store_open(path, fresh, schema, &store);
    if (!err)
        err = store_check(store);
    store_destroy(&store);
    return err != ERR_KEY ? err
                          : err_set(ERR_STORAGE,
                                    "%s could not be written under a new key; the old "
                                    "one still opens it",
                                    path);
}

enum err store_rekey(const char *path, const uint8_t key[STORE_KEY_BYTES],
                     const uint8_t fresh[STORE_KEY_BYTES],
                     const struct store_schema *schema)
{
    struct store *store;
    enum err err = store_open(path, key, schema, &store);
    if (err)
        return err;
    err = hand_key(store, fresh, sqlite3_rekey);
    store_destroy(&store);
    return err ? err : check_rekeyed(path, fresh, schema);
}

/* A failed fsync leaves the disk in a state nobody knows, and a second one may succeed
 * without having written anything: no more is asked of this connection. */
static enum err refuse_step(struct store *store, const char *sql)
{
    int code = sqlite3_extended_errcode(store->db);
    if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
        store->failed = true;
    return refuse(store, sql);
}

static enum err check_usable(const struct store *store)
{
    if (store->failed)
        return err_set(ERR_STORAGE,
                       "%s: the disk refused to sync; close it and open it again",
                       store->path);
    if (store->begun && sqlite3_get_autocommit(store->db))
        return err_set(ERR_STORAGE, "%s: the transaction was rolled back after an error",
                       store->path);
    return ERR_OK;
}

enum err store_begin(struct store *store)
{
    if (store->begun)
        return err_set(ERR_STATE, "%s: a transaction is open already", store->path);
    enum err err = store_execute(store, "BEGIN IMMEDIATE");
    store->begun = !err;
    return err;
}

void store_rollback(struct store *store)
{
    for (struct query *query = store->queries; query; query = query->next)
        sqlite3_reset(query->statement);
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store->begun = false;
}

enum err store_commit(struct store *store)
{
    if (!store->begun)
        return err_set(ERR_STATE, "%s: no transaction is open", store->path);
    enum err err = store_execute(store, "COMMIT");
    if (err)
        store_rollback(store);
    store->begun = false;
    return err;
}

bool store_in_transaction(const struct store *store)
{
    return store->begun;
}

enum err store_join(struct store *store, bool *own)
{
    *own = !store->begun;
    return *own ? store_begin(store) : ERR_OK;
}

enum err store_leave(struct store *store, bool own, enum err result)
{
    if (own && result == ERR_OK)
        return store_commit(store);
    if (own)
        store_rollback(store);
    return result;
}

enum err store_stamp(struct store *store, uint32_t stamp)
{
    char sql[60];
    if (!store->begun)
        return err_set(ERR_STATE, "%s: no transaction is open", store->path);
    enum err err = check_usable(store);
    if (err)
        return err;
    snprintf(sql, sizeof sql, "PRAGMA application_id = %u", stamp);
    sqlite3_set_authorizer(store->db, NULL, NULL);
    err = run(store, sql);
    sqlite3_set_authorizer(store->db, authorise, NULL);
    return err;
}

enum err store_stamped(struct store *store, uint32_t *stamp)
{
    char answer[20];
    enum err err = check_usable(store);
    if (err)
        return err;
    sqlite3_set_authorizer(store->db, NULL, NULL);
    err = ask(store, "PRAGMA application_id", answer, sizeof answer);
    sqlite3_set_authorizer(store->db, authorise, NULL);
    if (!err)
        *stamp = (uint32_t)strtoul(answer, NULL, 10);
    return err;
}

enum err store_execute(struct store *store, const char *sql)
{
    struct query *query;
    enum err err = store_query(store, sql, &query);
    return err ? err : query_run(query);
}

static enum err compile(struct store *store, const char *sql, struct query **query)
{
    sqlite3_stmt *statement = NULL;
    const char *tail = NULL;
    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, &tail) != SQLITE_OK)
        return refuse_step(store, sql);
    if (!statement || tail[strspn(tail, " \t\r\n;")] != '\0') {
        sqlite3_finalize(statement);
        return err_set(ERR_STORAGE, "not one statement: %s", sql);
    }
    *query = mem_new(1, sizeof **query);
    (*query)->store = store;
    (*query)->statement = statement;
    (*query)->sql = mem_text(sql);
    return ERR_OK;
}

/* The one asked for last stands first, so a loop finds its own at once. */
static void put_first(struct store *store, struct query *query)
{
    query->next = store->queries;
    store->queries = query;
}

enum err store_query(struct store *store, const char *sql, struct query **query)
{
    enum err err = check_usable(store);
    for (struct query **at = &store->queries; !err && *at; at = &(*at)->next) {
        if (strcmp((*at)->sql, sql) != 0)
            continue;
        struct query *found = *at;
        *at = found->next;
        put_first(store, found);
        sqlite3_reset(found->statement);
        sqlite3_clear_bindings(found->statement);
        found->unbound = false;
        *query = found;
        return ERR_OK;
    }
    if (!err)
        err = compile(store, sql, query);
    if (!err)
        put_first(store, *query);
    return err;
}

static void bound(struct query *query, int code)
{
    if (code != SQLITE_OK)
        query->unbound = true;
}

void query_int(struct query *query, int parameter, int64_t value)
{
    bound(query, sqlite3_bind_int64(query->statement, parameter, value));
}

void query_real(struct query *query, int parameter, double value)
{
    bound(query, sqlite3_bind_double(query->statement, parameter, value)); /* NaN: NULL */
}

void query_text(struct query *query, int parameter, const char *value)
{
    bound(query,
          sqlite3_bind_text(query->statement, parameter, value, -1, SQLITE_TRANSIENT));
}

void query_blob(struct query *query, int parameter, const void *value, size_t size)
{
    if (size > STORE_VALUE_BYTES_MAX)
        query->unbound = true;
    else /* a NULL pointer would bind NULL instead of nothing */
        bound(query, sqlite3_bind_blob(query->statement, parameter, size ? value : "",
                                       (int)size, SQLITE_TRANSIENT));
}

void query_null(struct query *query, int parameter)
{
    bound(query, sqlite3_bind_null(query->statement, parameter));
}

enum err query_step(struct query *query, bool *row)
{
    struct store *store = query->store;
    *row = false;
    enum err err = check_usable(store);
    if (!err && query->unbound)
        err =
            err_set(ERR_STORAGE, "%s: a parameter that is not there or is too large: %s",
                    store->path, query->sql);
    if (err)
        return err;
    int code = sqlite3_step(query->statement);
    if (code == SQLITE_ROW) {
        *row = true;
        return ERR_OK;
    }
    if (code != SQLITE_DONE)
        err = refuse_step(store, query->sql);
    sqlite3_reset(query->statement);
    return err;
}

enum err query_run(struct query *query)
{
    bool row = true;
    enum err err = ERR_OK;
    while (!err && row)
        err = query_step(query, &row);
    return err;
}

void query_reset(struct query *query)
{
    sqlite3_reset(query->statement);
}

/* Reading a column that is not there is a bug that SQLite would answer with 0. */
static sqlite3_stmt *row_with(struct query *query, int column)
{
    if (column < 0 || column >= sqlite3_data_count(query->statement))
        abort();
    return query->statement;
}

int64_t query_get_int(struct query *query, int column)
{
    return sqlite3_column_int64(row_with(query, column), column);
}

double query_get_real(struct query *query, int column)
{
    return query_get_null(query, column)
               ? NAN
               : sqlite3_column_double(query->statement, column);
}

bool query_get_null(struct query *query, int column)
{
    return sqlite3_column_type(row_with(query, column), column) == SQLITE_NULL;
}

const char *query_get_text(struct query *query, int column)
{
    return (const char *)sqlite3_column_text(row_with(query, column), column);
}

int query_columns(const struct query *query)
{
    return sqlite3_column_count(query->statement);
}

const char *query_column_name(const struct query *query, int column)
{
    return sqlite3_column_name(query->statement, column);
}

enum query_kind query_get_kind(struct query *query, int column)
{
    switch (sqlite3_column_type(row_with(query, column), column)) {
    case SQLITE_INTEGER:
        return QUERY_INT;
    case SQLITE_FLOAT:
        return QUERY_REAL;
    case SQLITE_TEXT:
        return QUERY_TEXT;
    case SQLITE_BLOB:
        return QUERY_BLOB;
    default:
        return QUERY_NULL;
    }
}

const void *query_get_blob(struct query *query, int column, size_t *size)
{
    const void *blob = sqlite3_column_blob(row_with(query, column), column);
    *size = (size_t)sqlite3_column_bytes(query->statement, column);
    return blob;
}

int64_t store_last_row(const struct store *store)
{
    return sqlite3_last_insert_rowid(store->db);
}

int64_t store_rows_changed(const struct store *store)
{
    return sqlite3_changes(store->db);
}

const char *store_library(void)
{
    static char text[120];
    struct store memory = {.path = ":memory:"};
    char version[80] = "";
    if (!text[0] && sqlite3_open(":memory:", &memory.db) == SQLITE_OK)
        ask(&memory, "PRAGMA cipher_version", version, sizeof version);
    if (!text[0])
        snprintf(text, sizeof text, "SQLCipher %s, SQLite %s", version,
                 sqlite3_libversion());
    sqlite3_close(memory.db);
    return text;
}
