#include "node/commands.h"

#include <stdio.h>
#include <string.h>

#include "node/keyring.h"

/* The keyring is sealed under the store's key, and follows it. */
static enum err rotate_store(struct cli *cli)
{
    struct node *node;
    struct keyring_state state;
    if (home_rotate(cli_directory(cli), node_kind(), cli_text(cli, "to", NULL)) != ERR_OK)
        return err_code();
    if (!cli_is_json(cli))
        printf("store      every page is under a new key\n");
    if (cli_given(cli, "to")) {
        cli_say(cli, "replace the old key where the setting store_key finds it; then, if "
                     "backups are made: gemel-node backup keyring");
        return ERR_OK;
    }
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = keyring_state(node, &state);
    if (result == ERR_OK)
        result = keyring_follow(node);
    if (result == ERR_OK && state.used)
        cli_say(cli, "backups made before open with the old key only: make a new one, "
                     "and destroy the old key when they are gone");
    node_destroy(&node);
    return result;
}

enum err command_key_rotate(struct cli *cli)
{
    const char *which = cli_argument(cli, 0);
    if (strcmp(which, "store") == 0)
        return rotate_store(cli);
    err_set(ERR_USAGE, "there is no key \"%s\" to rotate", which);
    return err_hint("store");
}
