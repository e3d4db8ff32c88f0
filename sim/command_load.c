#include <stdio.h>
#include <unistd.h>

#include "sim/commands.h"
#include "sim/load.h"
#include "wire/codec.h"

static void show_step(void *context, const char *sentence)
{
    cli_say(context, "%s", sentence);
}

static bool interrupted(void *context)
{
    (void)context;
    return cli_interrupted();
}

static void print(const struct json *result, bool exact)
{
    printf("%.0f nodes, %.0f numbers, a %s graph of degree %.0f\n",
           json_get_real(result, "nodes"), json_get_real(result, "dimension"),
           json_get_text(result, "graph"), json_get_real(result, "degree"));
    printf("round        %8.2f s  (before it, keys and connections: %.2f s)\n",
           json_get_real(result, "round_seconds"),
           json_get_real(result, "setup_seconds"));
    printf("survivors    %8.0f    their sum is %sexact\n",
           json_get_real(result, "survivors"), exact ? "" : "NOT ");
    printf("coordinator  %8.1f MB at most, %.2f s of processor\n",
           json_get_real(result, "coordinator_peak_mb"),
           json_get_real(result, "coordinator_cpu_seconds"));
    printf("nodes        %8.2f s of processor, all together\n",
           json_get_real(result, "nodes_cpu_seconds"));
}

/* What belongs to a consortium's run is not a load trial's. */
static enum err check_options(const struct cli *cli)
{
    static const char *const others[] = {"model",    "data",    "spec",  "hospitals",
                                         "column",   "epsilon", "delta", "rounds",
                                         "held-out", "report",  "keep"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (cli_given(cli, others[i]))
            return err_set(ERR_USAGE, "--%s does not go with --nodes", others[i]);
    return ERR_OK;
}

enum err command_load(struct cli *cli)
{
    int64_t nodes, dimension, dropped;
    const struct load_watch watch = {show_step, interrupted, cli};
    struct load_plan plan = {.seed = 1};
    struct json *result;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (check_options(cli) != ERR_OK ||
        cli_integer(cli, "nodes", 0, 3, 1000, &nodes) != ERR_OK ||
        cli_integer(cli, "dimension", 200, 1, WIRE_DIMENSION_MAX, &dimension) != ERR_OK ||
        cli_integer(cli, "drop", 0, 0, nodes, &dropped) != ERR_OK ||
        load_choose((uint32_t)nodes, cli_text(cli, "degree", NULL), (uint32_t)dropped,
                    &plan) != ERR_OK)
        return err_code();
    plan.dimension = (uint32_t)dimension;
    plan.processes = processors > 1 ? (uint32_t)processors : 1;
    bool exact;
    if (load_run(&plan, &watch, &exact, &result) != ERR_OK)
        return err_code();
    if (!exact)
        cli_problems(cli);
    if (!cli_is_json(cli))
        print(result, exact);
    cli_result(cli, result);
    return ERR_OK;
}
