#ifndef BASE_HOME_H
#define BASE_HOME_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/store.h"

/* home - a program's folder: its settings file, its store key (0400) and its encrypted
 * store.
 *
 * Where the key comes from is a setting, HOME_KEY_SETTING:
 *   file              store.key in the folder
 *   fd:N              an open descriptor of the process, a pipe's or a file's: 32 bytes
 *   credential:NAME   of systemd's (LoadCredential=), in $CREDENTIALS_DIRECTORY
 * With the last two no key lies beside what it opens. The key stays in locked memory
 * while the home is open.
 *
 * The lock on the store is the lock on the home: one process at a time. Besides the
 * program's own tables the store keeps named values, such as the identity and the pinned
 * invitation. Called by node/ and coordinator/. */

#define HOME_KEY_SETTING                                                                 \
    {                                                                                    \
        "store_key", CONF_TEXT, "file", 0, 0,                                            \
            "where the store's key comes from: file (store.key in this folder), fd:N "   \
            "or "                                                                        \
            "credential:NAME"                                                            \
    }

struct home_kind {
    const char *program; /* "gemel-node": names the files and the command in hints */
    const struct conf_setting *settings; /* HOME_KEY_SETTING among them */
    size_t setting_count;
    /* The program's schema; its first migration begins with HOME_SCHEMA. */
    const struct store_schema *schema;
};

/* The statement that makes the table of named values. */
#define HOME_SCHEMA                                                                      \
    "CREATE TABLE named (name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL);"

struct home;

/* Make the folder (0700; it may exist, empty of our files) with settings `values`
 * [setting_count] (NULL entries: presets), a fresh key (unless it comes from elsewhere)
 * and an empty store. ERR_STATE when there is a home already; a failure leaves no half of
 * one behind. */
enum err home_create(const char *folder, const struct home_kind *kind,
                     const char *const *values, struct home **home);

/* ERR_UNINITIALISED where there is none; ERR_LOCKED while another process has it;
 * ERR_KEY, ERR_CONFIG and the store's own refusals. */
enum err home_open(const char *folder, const struct home_kind *kind, struct home **home);
void home_destroy(struct home **home);

/* What a home is made from again. `load` fills the store, whose schema is at version
 * `version`, inside a transaction. */
struct home_copy {
    const char *settings; /* the settings file's text */
    size_t settings_size, version;
    const uint8_t
        *key; /* [STORE_KEY_BYTES]; written to store.key if the settings say so */
    enum err (*load)(void *context, struct home *home);
    void *context;
};

/* Make `folder`, which is not there or empty, whole: killed on the way it is as before,
 * and what was begun beside it (folder.restoring) goes with the next try. ERR_STATE when
 * anything is in the folder. */
enum err home_restore(const char *folder, const struct home_kind *kind,
                      const struct home_copy *copy);

/* Give the store of the home in `folder`, which nobody has open, a new key: one of its
 * own making, or (`source` as in the setting, and then another than `file`) one that is
 * handed in. Killed or refused at any moment the home opens: with the old key or the new
 * one, whichever the store is under, and both are there until it is known which.
 * Who began it, a u32 of the machine's users, is kept under the name HOME_ROTATOR until
 * the program takes it away. ERR_STATE when the key is not this program's to make, or
 * `source` is given although it is. */
#define HOME_ROTATOR "store_key_rotator"
enum err home_rotate(const char *folder, const struct home_kind *kind,
                     const char *source);

const uint8_t *home_key(const struct home *home); /* [STORE_KEY_BYTES], locked memory */
/* The key that a setting's text names, of the home in `folder`, into locked memory. */
enum err home_key_read(const char *folder, const char *source, void **key);

const struct conf *home_conf(const struct home *home);
struct store *home_store(const struct home *home);
const char *home_folder(const struct home *home);

/* The settings alone, without key, store or lock: for commands that must work while the
 * daemon runs. */
enum err home_settings(const char *folder, const struct home_kind *kind,
                       struct conf **conf);

/* Named values; setting one replaces it. ERR_NOT_FOUND leaves `value` empty. */
enum err home_set(struct home *home, const char *name, const void *value, size_t size);
enum err home_get(struct home *home, const char *name, struct bytes *value);

#endif
