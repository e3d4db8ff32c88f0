#ifndef NODE_WATCH_H
#define NODE_WATCH_H

#include "front/cli.h"
#include "front/plot.h"
#include "model/track.h"

/* watch - one patient followed reading by reading, as `gemel-node watch --json` prints it
 * (docs/formats.md, "Watch"), and that object shown: as a table, and as pictures of what
 * was read and of what drifts. Called by node/command_watch. */

struct watch_question {
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *prior;
    const struct record *record; /* sorted */
    /* The twin is fitted to measurements up to then, the later ones are followed; NaN: to
     * the earlier half of them. Model time. */
    double until;
    double ahead; /* what a reading will be so long before it; 0: nothing; model time */
};

/* ERR_USAGE when nothing was measured that could be followed; otherwise as twin_new and
 * track_new. */
enum err watch_json(const struct watch_question *question, struct json **json);

/* A table on stdout, and pictures. */
void watch_print(const struct cli *cli, const struct json *json);

#endif
