#include "node/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
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

static enum err ask_for_keys(struct cli *cli, enum node_next which)
{
    struct node *node;
    char *text = NULL;
    const char *out = cli_text(cli, "output", NULL);
    if (cli_given(cli, "to"))
        return err_set(ERR_USAGE, "--to is for the store's key; these are made here");
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = node_rotate(node, which, clock_wall(&clock_machine), &text);
    if (result == ERR_OK && out)
        result = file_write(out, text, strlen(text), 0644);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_text(json, "request", text);
        cli_result(cli, json);
        if (!cli_is_json(cli) && !out)
            fputs(text, stdout);
        cli_say(cli,
                "the operator takes it (site replace), governance signs a roster with "
                "it; then here: gemel-node key adopt ROSTER. Until then the old keys "
                "are in force");
        if (which == NODE_NEXT_IDENTITY)
            cli_say(cli,
                    "studies under way name the old key: this hospital can take part "
                    "in those no more once the new one is in force");
    }
    mem_free(text);
    node_destroy(&node);
    return result;
}

enum err command_key_rotate(struct cli *cli)
{
    const char *which = cli_argument(cli, 0);
    if (strcmp(which, "store") == 0)
        return rotate_store(cli);
    if (strcmp(which, "identity") == 0)
        return ask_for_keys(cli, NODE_NEXT_IDENTITY);
    if (strcmp(which, "network") == 0)
        return ask_for_keys(cli, NODE_NEXT_NETWORK);
    err_set(ERR_USAGE, "there is no key \"%s\" to rotate", which);
    return err_hint("store, identity or network");
}

enum err command_key_adopt(struct cli *cli)
{
    struct node *node;
    struct bytes text = {0}, roster = {0};
    const char *path = cli_argument(cli, 0);
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = file_read(path, 2 * WIRE_ROSTER_MAX, &text);
    if (result == ERR_OK && (result = bytes_from_armour("ROSTER", (const char *)text.data,
                                                        text.size, &roster)) != ERR_OK)
        err_wrap("%s", path);
    if (result == ERR_OK)
        result = node_adopt(node, codec_view(&roster));
    if (result == ERR_OK && !cli_is_json(cli))
        printf("the new keys are in force, with roster version %llu\n",
               (unsigned long long)roster_fields(node->consortium.roster)->version);
    bytes_free(&roster);
    bytes_free(&text);
    node_destroy(&node);
    return result;
}
