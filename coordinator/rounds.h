#ifndef COORDINATOR_ROUNDS_H
#define COORDINATOR_ROUNDS_H

#include "base/clock.h"
#include "coordinator/studies.h"

/* rounds - opens attempts, watches their deadlines, and turns a sum into the next prior.
 *
 * A round is opened once every participant has joined (polled for the study, which it
 * does only after its people approved) or the time for that has passed. A phase of an
 * attempt ends when everybody's message is there, or by time with enough of them; with
 * fewer the attempt is abandoned and another opens, at once at first, later after pauses,
 * which costs the hospitals whose inputs had left a second charge. No sockets, no
 * waiting: coordinator/serve calls it, and time is an argument.
 */

enum rounds_outcome {
    ROUNDS_NOTHING,
    ROUNDS_OPENED,
    ROUNDS_MOVED, /* to another phase */
    ROUNDS_PUBLISHED,
    ROUNDS_ABANDONED,
};

/* Take at most one step with a study. `told`: one line for the log, when something was
 * done; never a hospital's numbers. */
enum err rounds_advance(struct coordinator *coordinator, const struct clock *clock,
                        const struct coord_study *study, enum rounds_outcome *outcome,
                        char told[256]);

/* What a study waits for, one sentence, for replies and status. */
enum err rounds_waiting(struct coordinator *coordinator, const struct clock *clock,
                        const struct coord_study *study, char text[256]);

#endif
