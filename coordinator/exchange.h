#ifndef COORDINATOR_EXCHANGE_H
#define COORDINATOR_EXCHANGE_H

#include <stdbool.h>

#include "base/clock.h"
#include "coordinator/rounds.h"
#include "wire/envelope.h"

/* exchange - the coordinator's half of the protocol, without sockets: a frame in, the
 * frame to answer with out.
 *
 * A contribution is stored and synced before its receipt exists, and counted once however
 * often it comes. A frame that does not open is refused like any other if a question can
 * be read in it, and dropped if not. Called by coordinator/serve and by tests. */

struct coord_exchange_outcome {
    enum reason reason; /* why it was refused or dropped; REASON_NONE */
    uint32_t kind;      /* of the message; 0 when it did not open */
    const char *member; /* name in the roster; "?" when it did not open */
    bool stored;        /* a contribution was new */
};

/* ERR_OK also when the frame was refused (the answer says why) or dropped (`answer` stays
 * empty). Errors are the store's. */
enum err coord_exchange_answer(struct coordinator *coordinator, const struct clock *clock,
                               const uint8_t curve[KEY_BYTES], const struct bytes *frame,
                               struct bytes *answer,
                               struct coord_exchange_outcome *outcome);

#endif
