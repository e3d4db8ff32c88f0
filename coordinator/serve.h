#ifndef COORDINATOR_SERVE_H
#define COORDINATOR_SERVE_H

#include "coordinator/coordinator.h"
#include "front/cli.h"

/* serve - the coordinator's loop: receive a frame, answer it, advance the studies.
 *
 * The only part of the coordinator that talks. A frame that cannot be answered is logged
 * and dropped; nothing a peer sends ends the loop. `until_finished`: stop when no study
 * is open, after telling every hospital the last prior. */

enum err coord_serve_run(struct coordinator *coordinator, struct cli *cli,
                         bool until_finished);

#endif
