#include "node/commands.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "node/restore.h"

static void report(struct cli *cli, const char *path, const struct backup_about *about,
                   bool opened)
{
    char created[CLOCK_TEXT_SIZE];
    char name[2 * HASH_BYTES + 1];
    struct json *json = json_new_object();
    clock_text(about->created, created);
    bytes_to_hex(about->name, HASH_BYTES, name);
    json_set_text(json, "file", path);
    json_set_text(json, "name", name);
    json_set_text(json, "created", created);
    json_set_integer(json, "patients", (int64_t)about->patients);
    json_set_integer(json, "rows", (int64_t)about->rows);
    json_set_integer(json, "pieces", (int64_t)about->pieces);
    json_set_integer(json, "keyring", (int64_t)about->keyring);
    json_set_boolean(json, "records_opened", opened);
    json_set_integer(json, "erased_since", (int64_t)about->erased);
    json_set_integer(json, "ledger_length", (int64_t)about->ledger_length);
    json_set_hex(json, "ledger_head", about->ledger_head, HASH_BYTES);
    cli_result(cli, json);
    if (cli_is_json(cli))
        return;
    printf("backup     of %s, %zu pieces, all whole\n", created, about->pieces);
    printf("name       %.16s, as the audit record calls it\n", name);
    printf("patients   %zu, %s\n", about->patients,
           !opened         ? "records not opened: no keyring"
           : about->erased ? "every other record opened"
                           : "every record opened");
    if (about->erased)
        printf("erased     %zu of them since: no key opens their records\n",
               about->erased);
    printf("ledger     %llu releases charged\n",
           (unsigned long long)about->ledger_length);
    printf("needs      the store's key of then, and version %llu of the keyring or a "
           "newer one\n",
           (unsigned long long)about->keyring);
}

/* On one disk they are lost together. */
static void warn_same_disk(struct cli *cli, const struct node *node)
{
    struct stat home, ring;
    char *path = keyring_path(node);
    if (stat(home_folder(node->home), &home) == 0 && stat(path, &ring) == 0 &&
        home.st_dev == ring.st_dev)
        cli_say(cli,
                "%s is on the store's own disk: without it no backup opens. Keep it, "
                "or its only copy, elsewhere (setting keyring)",
                path);
    mem_free(path);
}

enum err command_backup_create(struct cli *cli)
{
    struct node *node;
    struct backup_about about;
    const char *path = cli_argument(cli, 0);
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = backup_create(node, path, clock_wall(&clock_machine), &about);
    if (result == ERR_OK) {
        report(cli, path, &about, true);
        warn_same_disk(cli, node);
    }
    node_destroy(&node);
    return result;
}

enum err command_backup_keyring(struct cli *cli)
{
    struct node *node;
    struct keyring_state state;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = keyring_write(node);
    if (result == ERR_OK)
        result = keyring_state(node, &state);
    if (result == ERR_OK) {
        char *path = keyring_path(node);
        struct json *json = json_new_object();
        json_set_text(json, "file", path);
        json_set_integer(json, "version", (int64_t)state.number);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            printf("keyring    version %llu in %s\n", (unsigned long long)state.number,
                   path);
        mem_free(path);
    }
    node_destroy(&node);
    return result;
}

/* A path, or what the setting store_key may say. */
static enum err read_key(const char *source, void **key)
{
    if (strncmp(source, "fd:", 3) == 0 || strncmp(source, "credential:", 11) == 0)
        return home_key_read(".", source, key);
    return file_read_secret(source, STORE_KEY_BYTES, key);
}

/* What was not given is the home's, if there is one; neither opens its store, so that a
 * backup can be verified beside the daemon. `keyring` stays NULL without any. */
static enum err find_keys(struct cli *cli, void **key, struct keyring **keyring)
{
    struct conf *conf = NULL;
    const char *given = cli_text(cli, "key", NULL),
               *ring = cli_text(cli, "keyring", NULL);
    char *own = NULL;
    enum err result = node_settings(cli_directory(cli), &conf);
    if (result == ERR_UNINITIALISED && given)
        result = ERR_OK;
    if (result == ERR_OK && given)
        result = read_key(given, key);
    else if (result == ERR_OK)
        result = home_key_read(cli_directory(cli), conf_text(conf, "store_key"), key);
    if (result == ERR_OK && !ring && conf) {
        const char *setting = conf_text(conf, "keyring");
        own = setting[0] == '/' ? mem_text(setting)
                                : file_join(cli_directory(cli), setting);
        ring = file_exists(own) ? own : NULL;
    }
    if (result == ERR_OK && ring)
        result = keyring_open(ring, *key, keyring);
    mem_free(own);
    conf_destroy(&conf);
    return result;
}

enum err command_backup_verify(struct cli *cli)
{
    void *key = NULL;
    struct keyring *keyring = NULL;
    struct backup_about about;
    const char *path = cli_argument(cli, 0);
    enum err result = find_keys(cli, &key, &keyring);
    if (result == ERR_OK)
        result = restore_check(path, key, keyring, &about);
    if (result == ERR_OK)
        report(cli, path, &about, keyring != NULL);
    keyring_destroy(&keyring);
    secret_free(key);
    return result;
}

/* The keyring as it is to where the restored settings look for it, if nothing is there.
 */
static enum err install_keyring(const struct node *node, const char *given)
{
    struct bytes file = {0};
    char *path = keyring_path(node);
    enum err result =
        file_exists(path) ? ERR_OK : file_read(given, KEYRING_BYTES_MAX, &file);
    if (result == ERR_OK && file.size)
        result = file_create(path, file.data, file.size, 0600);
    bytes_free(&file);
    mem_free(path);
    return result;
}

static void say_restored(struct cli *cli, const struct backup_about *about)
{
    if (about->strangers)
        cli_say(cli,
                "%zu patients of the keyring are not in this backup: they came after "
                "it. If there is a newer backup, restore that one instead; the next "
                "keyring written here will not have their keys",
                about->strangers);
    cli_say(cli, "it takes part in no round before its ledger was compared with what the "
                 "coordinator has seen of it: gemel-node serve, or study fetch");
}

enum err command_backup_restore(struct cli *cli)
{
    void *key = NULL;
    struct keyring *keyring = NULL;
    struct backup_about about;
    struct node *node = NULL;
    const char *path = cli_argument(cli, 0);
    enum err result = read_key(cli_text(cli, "key", ""), &key);
    if (result == ERR_OK)
        result = keyring_open(cli_text(cli, "keyring", ""), key, &keyring);
    if (result == ERR_OK)
        result = restore_home(path, cli_directory(cli), key, keyring, &about);
    if (result == ERR_OK) /* checks identity, roster and the ledger's whole chain */
        result = node_open(cli_directory(cli), &node);
    if (result == ERR_OK)
        result = install_keyring(node, cli_text(cli, "keyring", ""));
    if (result == ERR_OK) {
        report(cli, path, &about, true);
        if (!cli_is_json(cli))
            printf("restored   to %s\n", cli_directory(cli));
        say_restored(cli, &about);
    }
    node_destroy(&node);
    keyring_destroy(&keyring);
    secret_free(key);
    return result;
}
