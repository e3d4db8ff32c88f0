#include "base/home.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

struct home {
    char *folder;
    const struct home_kind *kind;
    struct conf *conf;
    struct store *store;
    void *key; /* STORE_KEY_BYTES, locked */
};

struct paths {
    char *settings, *key, *next_key, *store;
};

static struct paths paths_of(const char *folder, const struct home_kind *kind)
{
    char *settings = mem_format("%s.yaml", kind->program);
    char *store = mem_format("%s.db", kind->program);
    struct paths paths = {file_join(folder, settings), file_join(folder, "store.key"),
                          file_join(folder, "store.key.next"), file_join(folder, store)};
    mem_free(settings);
    mem_free(store);
    return paths;
}

static void paths_clear(struct paths *paths)
{
    mem_free(paths->settings);
    mem_free(paths->key);
    mem_free(paths->next_key);
    mem_free(paths->store);
}

static enum err refuse_existing(const struct paths *paths)
{
    const char *const each[] = {paths->settings, paths->key, paths->store};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        if (file_exists(each[i]))
            return err_set(ERR_STATE, "%s is there already", each[i]);
    return ERR_OK;
}

/* --- the key
 * ------------------------------------------------------------------------------- */

static bool is_file(const char *source)
{
    return strcmp(source, "file") == 0;
}

static enum err read_credential(const char *name, void **key)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (!folder) {
        err_set(ERR_KEY, "store_key names the credential %s, and systemd gave none",
                name);
        return err_hint(
            "in the unit: LoadCredentialEncrypted=%s; in a shell: systemd-run "
            "--pty -p LoadCredentialEncrypted=%s:FILE COMMAND",
            name, name);
    }
    if (strchr(name, '/') || name[0] == '.')
        return err_set(ERR_CONFIG, "%s cannot be the name of a credential", name);
    char *path = file_join(folder, name);
    enum err result = file_read_credential(path, STORE_KEY_BYTES, key);
    mem_free(path);
    return result;
}

static enum err read_descriptor(const char *digits, void **key)
{
    char *end;
    errno = 0;
    unsigned long fd = strtoul(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end || errno || fd > 65535)
        return err_set(ERR_CONFIG, "\"%s\" is not the number of a descriptor", digits);
    return file_read_secret_from((int)fd, STORE_KEY_BYTES, key);
}

enum err home_key_read(const char *folder, const char *source, void **key)
{
    if (strncmp(source, "fd:", 3) == 0)
        return read_descriptor(source + 3, key);
    if (strncmp(source, "credential:", 11) == 0)
        return read_credential(source + 11, key);
    if (!is_file(source)) {
        err_set(ERR_CONFIG, "store_key is \"%s\"", source);
        return err_hint("file, fd:N or credential:NAME");
    }
    char *path = file_join(folder, "store.key");
    enum err result = file_read_secret(path, STORE_KEY_BYTES, key);
    if (result == ERR_NOT_FOUND)
        err_hint("without it nobody opens the store: put its copy back");
    mem_free(path);
    return result;
}

static enum err draw_key(void **key)
{
    if (secret_new(STORE_KEY_BYTES, key) != ERR_OK)
        return err_code();
    if (getentropy(*key, STORE_KEY_BYTES) == 0)
        return ERR_OK;
    secret_free(*key);
    *key = NULL;
    return err_set(ERR_STORAGE, "the kernel gives no random bytes for a key");
}

static enum err write_key(const char *path)
{
    void *key;
    if (draw_key(&key) != ERR_OK)
        return err_code();
    enum err result = file_create(path, key, STORE_KEY_BYTES, 0400);
    secret_free(key);
    return result;
}

static const char *source_of(const struct conf *conf)
{
    return conf_text(conf, "store_key");
}

/* --- making and opening
 * ---------------------------------------------------------------------- */

static struct home *home_new(const char *folder, const struct home_kind *kind,
                             struct conf *conf, struct store *store, void *key)
{
    struct home *home = mem_new(1, sizeof *home);
    *home = (struct home){mem_text(folder), kind, conf, store, key};
    return home;
}

/* Settings, key and store at the three paths, which are free; `key` NULL: a fresh one, or
 * where the settings say. What was made before a failure stays: the caller removes it. */
static enum err make(const struct paths *paths, const char *folder,
                     const struct home_kind *kind, const struct store_schema *schema,
                     const struct home_copy *copy, struct home **home)
{
    struct conf *conf = NULL;
    struct store *store = NULL;
    void *key = NULL;
    enum err result =
        file_create(paths->settings, copy->settings, copy->settings_size, 0600);
    if (result == ERR_OK)
        result = conf_read(paths->settings, kind->settings, kind->setting_count, &conf);
    if (result == ERR_OK && copy->key) {
        if (is_file(source_of(conf)))
            result = file_create(paths->key, copy->key, STORE_KEY_BYTES, 0400);
        if (result == ERR_OK && (result = secret_new(STORE_KEY_BYTES, &key)) == ERR_OK)
            memcpy(key, copy->key, STORE_KEY_BYTES);
    } else if (result == ERR_OK) {
        if (is_file(source_of(conf)))
            result = write_key(paths->key);
        if (result == ERR_OK)
            result = home_key_read(folder, source_of(conf), &key);
    }
    if (result == ERR_OK)
        result = store_create(paths->store, key, schema, &store);
    if (result == ERR_OK) {
        *home = home_new(folder, kind, conf, store, key);
        return ERR_OK;
    }
    conf_destroy(&conf);
    secret_free(key);
    return result;
}

static void remove_all(const struct paths *paths)
{
    char *journal = mem_format("%s-journal", paths->store);
    unlink(paths->store);
    unlink(journal);
    unlink(paths->key);
    unlink(paths->settings);
    mem_free(journal);
}

enum err home_create(const char *folder, const struct home_kind *kind,
                     const char *const *values, struct home **home)
{
    if (file_make_directory(folder, 0700) != ERR_OK)
        return err_code();
    struct paths paths = paths_of(folder, kind);
    char *settings = conf_write(kind->settings, kind->setting_count, values);
    enum err result = refuse_existing(&paths);
    if (result == ERR_OK) {
        const struct home_copy fresh = {.settings = settings,
                                        .settings_size = strlen(settings)};
        result = make(&paths, folder, kind, kind->schema, &fresh, home);
        if (result != ERR_OK) /* whatever was made; nothing else was there */
            remove_all(&paths);
    }
    mem_free(settings);
    paths_clear(&paths);
    return result;
}

/* --- making again
 * ---------------------------------------------------------------------------- */

/* Free for us: not there, or a folder with nothing in it. */
static enum err check_free(const char *folder)
{
    DIR *entries = opendir(folder);
    if (!entries)
        return errno == ENOENT
                   ? ERR_OK
                   : err_set(ERR_STATE, "%s is not free: %s", folder, strerror(errno));
    bool empty = true;
    for (struct dirent *entry; empty && (entry = readdir(entries));)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(entries);
    if (empty)
        return ERR_OK;
    err_set(ERR_STATE, "%s is not empty", folder);
    return err_hint("restore into a folder of its own, then look which one to keep");
}

static enum err load(struct home *home, const struct home_copy *copy)
{
    if (store_begin(home->store) != ERR_OK)
        return err_code();
    enum err result = copy->load(copy->context, home);
    if (result == ERR_OK)
        return store_commit(home->store);
    store_rollback(home->store);
    return result;
}

static enum err move_into_place(const char *from, const char *folder)
{
    if (rename(from, folder) != 0) /* onto an empty folder that is fine */
        return err_set(errno == ENOTEMPTY || errno == EEXIST ? ERR_STATE : ERR_STORAGE,
                       "cannot move %s to %s: %s", from, folder, strerror(errno));
    return file_sync_entry(folder);
}

enum err home_restore(const char *folder, const struct home_kind *kind,
                      const struct home_copy *copy)
{
    if (check_free(folder) != ERR_OK)
        return err_code();
    size_t size = strlen(folder);
    while (size > 1 && folder[size - 1] == '/')
        size--;
    char *target = mem_text_n(folder, size);
    char *beside = mem_format("%s.restoring", target);
    struct paths paths = paths_of(beside, kind);
    struct store_schema schema = *kind->schema;
    struct home *home = NULL;
    schema.migration_count = copy->version;
    remove_all(&paths); /* of a try that was killed */
    enum err result = file_make_directory(beside, 0700);
    if (result == ERR_OK)
        result = make(&paths, beside, kind, &schema, copy, &home);
    if (result == ERR_OK)
        result = load(home, copy);
    home_destroy(&home);
    if (result == ERR_OK)
        result = move_into_place(beside, target);
    if (result != ERR_OK) {
        remove_all(&paths);
        rmdir(beside);
    }
    paths_clear(&paths);
    mem_free(beside);
    mem_free(target);
    return result;
}

enum err home_settings(const char *folder, const struct home_kind *kind,
                       struct conf **conf)
{
    struct paths paths = paths_of(folder, kind);
    enum err result;
    if (access(paths.settings, R_OK) != 0 && errno == EACCES) {
        result =
            err_set(ERR_STORAGE, "cannot open %s: %s", paths.settings, strerror(errno));
        err_hint("it belongs to another user: run this as the one who set it up");
    } else if (!file_exists(paths.settings)) {
        result = err_set(ERR_UNINITIALISED, "%s holds no %s", folder, kind->program);
        err_hint("-C FOLDER says where it is; how to set one up: %s help init",
                 kind->program);
    } else {
        result = conf_read(paths.settings, kind->settings, kind->setting_count, conf);
    }
    paths_clear(&paths);
    return result;
}

/* A rotation was killed: the store is under one of the two keys. `key` is the old one on
 * the way in and the right one on the way out. */
static enum err finish_rotation(const struct paths *paths, const struct home_kind *kind,
                                void **key, struct store **store)
{
    enum err result = store_open(paths->store, *key, kind->schema, store);
    if (result == ERR_OK) { /* it had not come to the store */
        unlink(paths->next_key);
        return ERR_OK;
    }
    if (result != ERR_KEY)
        return result;
    void *next = NULL;
    result = file_read_secret(paths->next_key, STORE_KEY_BYTES, &next);
    if (result == ERR_OK)
        result = store_open(paths->store, next, kind->schema, store);
    if (result == ERR_OK && rename(paths->next_key, paths->key) != 0) {
        result = err_set(ERR_STORAGE, "cannot move %s to %s: %s", paths->next_key,
                         paths->key, strerror(errno));
        store_destroy(store);
    }
    if (result != ERR_OK) {
        secret_free(next);
        return result;
    }
    secret_free(*key);
    *key = next;
    return file_sync_entry(paths->key);
}

static enum err open_store(const struct paths *paths, const char *folder,
                           const struct home_kind *kind, const struct conf *conf,
                           void **key, struct store **store)
{
    enum err result = home_key_read(folder, source_of(conf), key);
    if (result != ERR_OK)
        return result;
    if (is_file(source_of(conf)) && file_exists(paths->next_key))
        return finish_rotation(paths, kind, key, store);
    return store_open(paths->store, *key, kind->schema, store);
}

enum err home_open(const char *folder, const struct home_kind *kind, struct home **home)
{
    struct conf *conf = NULL;
    struct store *store = NULL;
    void *key = NULL;
    enum err result = home_settings(folder, kind, &conf);
    if (result != ERR_OK)
        return result;
    struct paths paths = paths_of(folder, kind);
    result = open_store(&paths, folder, kind, conf, &key, &store);
    paths_clear(&paths);
    if (result == ERR_LOCKED)
        err_hint("a `%s serve` or another command is using %s", kind->program, folder);
    if (result != ERR_OK) {
        store_destroy(&store);
        secret_free(key);
        conf_destroy(&conf);
        return result;
    }
    *home = home_new(folder, kind, conf, store, key);
    return ERR_OK;
}

void home_destroy(struct home **home)
{
    if (!*home)
        return;
    store_destroy(&(*home)->store);
    conf_destroy(&(*home)->conf);
    secret_free((*home)->key);
    mem_free((*home)->folder);
    mem_free(*home);
    *home = NULL;
}

/* --- a new key
 * ------------------------------------------------------------------------------- */

/* The new key is on the disk before the store is under it, and takes the old one's place
 * after. */
static enum err rotate_file(const struct paths *paths, const struct home_kind *kind,
                            const uint8_t *key)
{
    void *next = NULL;
    enum err result = write_key(paths->next_key);
    if (result == ERR_OK)
        result = file_read_secret(paths->next_key, STORE_KEY_BYTES, &next);
    if (result == ERR_OK)
        result = store_rekey(paths->store, key, next, kind->schema);
    if (result == ERR_OK && rename(paths->next_key, paths->key) != 0)
        result = err_set(ERR_STORAGE, "cannot move %s to %s: %s", paths->next_key,
                         paths->key, strerror(errno));
    secret_free(next);
    return result == ERR_OK ? file_sync_entry(paths->key) : result;
}

static enum err rotate_handed(const struct paths *paths, const struct home_kind *kind,
                              const uint8_t *key, const char *folder, const char *source)
{
    void *next = NULL;
    enum err result = home_key_read(folder, source, &next);
    if (result == ERR_OK && bytes_equal(next, key, STORE_KEY_BYTES))
        result = err_set(ERR_KEY, "the key handed in is the one in use");
    if (result == ERR_OK)
        result = store_rekey(paths->store, key, next, kind->schema);
    secret_free(next);
    return result;
}

static enum err check_source(const char *setting, const char *source)
{
    if (is_file(setting) && source) {
        err_set(ERR_STATE,
                "this store's key is in store.key, and a new one is made here");
        return err_hint("leave out where it comes from");
    }
    if (!is_file(setting) && !source) {
        err_set(ERR_STATE, "this store's key comes from elsewhere (%s)", setting);
        return err_hint("hand the new one in, as in --to fd:4, then replace the old one");
    }
    if (source && is_file(source))
        return err_set(ERR_USAGE, "the new key comes from fd:N or credential:NAME");
    return ERR_OK;
}

/* Killed on the way, somebody else may be the first to open the store under the new key:
 * it tells them whose doing it is. */
static enum err note_rotator(struct home *home)
{
    struct bytes user = {0};
    bytes_u32(&user, (uint32_t)getuid());
    enum err result = home_set(home, HOME_ROTATOR, user.data, user.size);
    bytes_free(&user);
    return result;
}

enum err home_rotate(const char *folder, const struct home_kind *kind, const char *source)
{
    struct home *home;
    enum err result = home_open(folder, kind, &home); /* ends one that was killed */
    if (result != ERR_OK)
        return result;
    result = check_source(source_of(home->conf), source);
    if (result == ERR_OK)
        result = note_rotator(home);
    void *key = home->key;
    home->key = NULL;
    home_destroy(&home);
    struct paths paths = paths_of(folder, kind);
    if (result == ERR_OK)
        result = source ? rotate_handed(&paths, kind, key, folder, source)
                        : rotate_file(&paths, kind, key);
    paths_clear(&paths);
    secret_free(key);
    return result;
}

const uint8_t *home_key(const struct home *home)
{
    return home->key;
}

const struct conf *home_conf(const struct home *home)
{
    return home->conf;
}

struct store *home_store(const struct home *home)
{
    return home->store;
}

const char *home_folder(const struct home *home)
{
    return home->folder;
}

enum err home_set(struct home *home, const char *name, const void *value, size_t size)
{
    struct query *query;
    if (store_query(home->store, "REPLACE INTO named (name, value) VALUES (?, ?)",
                    &query) != ERR_OK)
        return err_code();
    query_text(query, 1, name);
    query_blob(query, 2, value, size);
    return query_run(query);
}

enum err home_get(struct home *home, const char *name, struct bytes *value)
{
    struct query *query;
    bool row;
    value->size = 0;
    if (store_query(home->store, "SELECT value FROM named WHERE name = ?", &query) !=
        ERR_OK)
        return err_code();
    query_text(query, 1, name);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return err_set(ERR_NOT_FOUND, "nothing is kept under the name %s", name);
    size_t size;
    const void *data = query_get_blob(query, 0, &size);
    bytes_append(value, data, size);
    query_reset(query);
    return ERR_OK;
}
