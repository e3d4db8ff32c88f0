#ifndef SIM_LOAD_H
#define SIM_LOAD_H

#include <stdbool.h>

#include "front/json.h"
#include "wire/quorum.h"

/* load - a trial of one secure sum among very many nodes: how long it takes, and how much
 * memory the coordinator needs.
 *
 * The nodes' own protocol (node/attempt), many in each of a few processes, talks over
 * CURVE sockets on 127.0.0.1 to a process with the coordinator's
 * (coordinator/collection), every frame sealed and checked as in the programs. There are
 * no patients, no stores and no roster: keys and integers follow from a seed, one-time
 * keys are real, and so is the noise, which is drawn from the seed as well so that the
 * sum can be checked. Called by command_load. */

struct load_plan {
    struct quorum quorum;
    uint32_t dimension;
    uint32_t dropped;   /* so many deal their shares and then leave */
    uint32_t processes; /* of nodes */
    uint64_t seed;
};

/* The house's choice of quorum for so many nodes; `degree` "complete" or "sparse"
 * overrides its graph, NULL leaves it. ERR_RANGE when there is no sound one, or more
 * nodes are to drop out than may. */
enum err load_choose(uint32_t nodes, const char *degree, uint32_t dropped,
                     struct load_plan *plan);

struct load_watch {
    void (*step)(void *context, const char *sentence);
    bool (*interrupted)(void *context);
    void *context;
};

/* Run it. `result` is the object that docs/formats.md describes; `exact`: the sum is the
 * survivors'. Whatever ends it, it leaves no process behind. */
enum err load_run(const struct load_plan *plan, const struct load_watch *watch,
                  bool *exact, struct json **result);

#endif
