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
 * The lock on the store is the lock on the home: one process at a time. Besides the
 * program's own tables the store keeps named values, such as the identity and the pinned
 * invitation. Called by node/ and coordinator/. */

struct home_kind {
    const char *program; /* "gemel-node": names the files and the command in hints */
    const struct conf_setting *settings;
    size_t setting_count;
    /* The program's schema; its first migration begins with HOME_SCHEMA. */
    const struct store_schema *schema;
};

/* The statement that makes the table of named values. */
#define HOME_SCHEMA                                                                      \
    "CREATE TABLE named (name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL);"

struct home;

/* Make the folder (0700; it may exist, empty of our files) with settings `values`
 * [setting_count] (NULL entries: presets), a fresh key and an empty store. ERR_STATE when
 * there is a home already; a failure leaves no half of one behind. */
enum err home_create(const char *folder, const struct home_kind *kind,
                     const char *const *values, struct home **home);

/* ERR_UNINITIALISED where there is none; ERR_LOCKED while another process has it;
 * ERR_KEY, ERR_CONFIG and the store's own refusals. */
enum err home_open(const char *folder, const struct home_kind *kind, struct home **home);
void home_destroy(struct home **home);

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
