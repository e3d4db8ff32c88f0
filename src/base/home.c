#include "base/home.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

struct home {
    char *folder;
    const struct home_kind *kind;
    struct conf *conf;
    struct store *store;
};

struct paths {
    char *settings, *key, *store;
};

static struct paths paths_of(const char *folder, const struct home_kind *kind)
{
    char *settings = mem_format("%s.yaml", kind->program);
    char *store = mem_format("%s.db", kind->program);
    struct paths paths = {file_join(folder, settings), file_join(folder, "store.key"),
                          file_join(folder, store)};
    mem_free(settings);
    mem_free(store);
    return paths;
}

static void paths_clear(struct paths *paths)
{
    mem_free(paths->settings);
    mem_free(paths->key);
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

static enum err write_key(const char *path)
{
    void *key;
    if (secret_new(STORE_KEY_BYTES, &key) != ERR_OK)
        return err_code();
    enum err result = ERR_OK;
    if (getentropy(key, STORE_KEY_BYTES) != 0)
        result = err_set(ERR_STORAGE, "the kernel gives no random bytes for a key");
    else
        result = file_create(path, key, STORE_KEY_BYTES, 0400);
    secret_free(key);
    return result;
}

static enum err open_store(const struct paths *paths, const struct home_kind *kind,
                           bool create, struct store **store)
{
    void *key;
    if (file_read_secret(paths->key, STORE_KEY_BYTES, &key) != ERR_OK)
        return err_code();
    enum err result =
        (create ? store_create : store_open)(paths->store, key, kind->schema, store);
    secret_free(key);
    return result;
}

static struct home *home_new(const char *folder, const struct home_kind *kind,
                             struct conf *conf, struct store *store)
{
    struct home *home = mem_new(1, sizeof *home);
    *home = (struct home){mem_text(folder), kind, conf, store};
    return home;
}

enum err home_create(const char *folder, const struct home_kind *kind,
                     const char *const *values, struct home **home)
{
    if (file_make_directory(folder, 0700) != ERR_OK)
        return err_code();
    struct paths paths = paths_of(folder, kind);
    struct conf *conf = NULL;
    struct store *store = NULL;
    char *settings = conf_write(kind->settings, kind->setting_count, values);
    enum err result = refuse_existing(&paths);
    if (result == ERR_OK) {
        result = file_create(paths.settings, settings, strlen(settings), 0600);
        if (result == ERR_OK)
            result =
                conf_read(paths.settings, kind->settings, kind->setting_count, &conf);
        if (result == ERR_OK)
            result = write_key(paths.key);
        if (result == ERR_OK)
            result = open_store(&paths, kind, true, &store);
        if (result == ERR_OK) {
            *home = home_new(folder, kind, conf, store);
        } else { /* whatever of the three was made; nothing else was there */
            conf_destroy(&conf);
            unlink(paths.store);
            unlink(paths.key);
            unlink(paths.settings);
        }
    }
    mem_free(settings);
    paths_clear(&paths);
    return result;
}

enum err home_settings(const char *folder, const struct home_kind *kind,
                       struct conf **conf)
{
    struct paths paths = paths_of(folder, kind);
    enum err result;
    if (!file_exists(paths.settings)) {
        result = err_set(ERR_UNINITIALISED, "%s holds no %s", folder, kind->program);
        err_hint("make one with: %s init -C %s", kind->program, folder);
    } else {
        result = conf_read(paths.settings, kind->settings, kind->setting_count, conf);
    }
    paths_clear(&paths);
    return result;
}

enum err home_open(const char *folder, const struct home_kind *kind, struct home **home)
{
    struct conf *conf = NULL;
    struct store *store = NULL;
    enum err result = home_settings(folder, kind, &conf);
    if (result != ERR_OK)
        return result;
    struct paths paths = paths_of(folder, kind);
    result = open_store(&paths, kind, false, &store);
    paths_clear(&paths);
    if (result == ERR_LOCKED)
        err_hint("a `%s serve` or another command is using %s", kind->program, folder);
    if (result != ERR_OK) {
        conf_destroy(&conf);
        return result;
    }
    *home = home_new(folder, kind, conf, store);
    return ERR_OK;
}

void home_destroy(struct home **home)
{
    if (!*home)
        return;
    store_destroy(&(*home)->store);
    conf_destroy(&(*home)->conf);
    mem_free((*home)->folder);
    mem_free(*home);
    *home = NULL;
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
