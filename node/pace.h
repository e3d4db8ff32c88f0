#ifndef NODE_PACE_H
#define NODE_PACE_H

#include "node/node.h"

/* pace - whether computing this hospital's sum fits into the time there is for it.
 *
 * A sum leaves at a slot of the clock, so that the time does not tell how long fitting
 * took (node/part). When computing takes longer than a slot, it does tell: by whole
 * slots. And when a sum comes after the coordinator has stopped waiting, it was charged
 * and is in no prior. Operator and officer see either: in the log when it begins and when
 * it is over, and among the alarms of `status` for as long, over restarts too. Called by
 * node/part and node/serve. */

/* A sum of the study was computed in so many milliseconds. */
enum err node_pace_computed(struct node *node, const char *study, uint64_t took_ms);

/* The coordinator has answered a sum of the study: taken, or too late. */
enum err node_pace_answered(struct node *node, const char *study, bool late);

/* Append the sentences to be shown, a line each. */
enum err node_pace_alarms(struct node *node, struct bytes *lines);

#endif
