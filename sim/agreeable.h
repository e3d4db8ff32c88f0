#ifndef SIM_AGREEABLE_H
#define SIM_AGREEABLE_H

#include "node/attempt.h"

/* agreeable - a world that lets an attempt do what it asks for: enters, pays and commits
 * in memory. For the simulator, tests and benches, where a hospital is its state machine
 * and some integers; node/part is the real one. */

struct agreeable {
    /* What it adds to the sum; NULL: nothing. `context` is for this alone. */
    enum err (*input)(void *context, uint64_t *sum);
    void *context;
    bool entered;
    uint64_t
        charged; /* how often it paid: its ledger's length, and each byte of its head */
};

/* `agreeable` outlives the attempt and stays where it is. */
struct attempt_world agreeable_world(struct agreeable *agreeable,
                                     const struct identity *identity,
                                     struct random *random);

#endif
