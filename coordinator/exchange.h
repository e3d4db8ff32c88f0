#ifndef COORDINATOR_EXCHANGE_H
#define COORDINATOR_EXCHANGE_H

#include <stdbool.h>

#include "base/clock.h"
#include "coordinator/rounds.h"
#include "wire/envelope.h"

/* exchange - the coordinator's half of the protocol, without sockets: a frame in, the
 * frame to answer with out.
 *
 * A message of a phase is stored before its answer exists, and counted once however often
 * it comes. While its phase lasts the answer is a Waiting; the caller may hold that back
 * and ask again with the same frame. Whoever opened a transaction commits before sending.
 * A frame that does not open is refused like any other if a question can be read in it,
 * and dropped if not. Called by coordinator/serve and by tests. */

struct coord_exchange_outcome {
    enum reason reason; /* why it was refused or dropped; REASON_NONE */
    uint32_t kind;      /* of the message; 0 when it did not open */
    const char *member; /* name in the roster; "?" when it did not open */
    bool stored;        /* a message of a phase was new */
    enum reason gave_up; /* why a member says it left its attempt, or does not enter it */
    const char *accused; /* whose sealed share did not open for it; "?" */
    bool waiting;       /* the answer is: not yet */
};

/* ERR_OK also when the frame was refused (the answer says why) or dropped (`answer` stays
 * empty). Errors are the store's. */
enum err coord_exchange_answer(struct coordinator *coordinator, const struct clock *clock,
                               const uint8_t curve[KEY_BYTES], const struct bytes *frame,
                               struct bytes *answer,
                               struct coord_exchange_outcome *outcome);

#endif
