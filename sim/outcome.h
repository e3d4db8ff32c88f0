#ifndef SIM_OUTCOME_H
#define SIM_OUTCOME_H

#include "front/cli.h"

/* outcome - what came of a trial, as `gemel-sim run --json` prints it (docs/formats.md,
 * "Run"), told on stdout. It computes nothing. Called by sim/command_run. */

void outcome_print(const struct cli *cli, const struct json *result);

#endif
