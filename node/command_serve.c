#include "node/commands.h"

#include <stdio.h>

#include "base/log.h"
#include "node/control.h"
#include "node/serve.h"

enum err command_serve(struct cli *cli)
{
    struct node *node;
    log_setup(stderr, cli_given(cli, "debug") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
              &clock_machine);
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = node_serve_run(node, cli, cli_given(cli, "once"));
    node_destroy(&node);
    return result;
}

/* Where this runs the daemon is found, or it is the daemon itself that runs it. */
enum err command_stop(struct cli *cli)
{
    struct node *node;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    bool daemon = node_is_lent(node);
    node_destroy(&node);
    return daemon ? ERR_OK : err_set(ERR_STATE, "no daemon runs here");
}
