#ifndef COORDINATOR_ROUNDS_H
#define COORDINATOR_ROUNDS_H

#include "base/clock.h"
#include "coordinator/studies.h"

/* rounds - opens attempts, watches their deadlines, and turns a full one into the next
 * prior.
 *
 * A round is opened once every participant has joined (polled for the study, which it
 * does only after its people approved) or the time for that has passed. An attempt ends
 * when every participant has contributed, or at its deadline with at least hospitals_min;
 * with fewer it is abandoned and another opens, which costs the hospitals that had
 * answered a second charge. No sockets, no waiting: coordinator/serve calls it, and time
 * is an argument. */

enum rounds_outcome { ROUNDS_NOTHING, ROUNDS_OPENED, ROUNDS_PUBLISHED, ROUNDS_ABANDONED };

/* Take at most one step with a study. `told`: one line for the log, when something was
 * done; never a hospital's numbers. */
enum err rounds_advance(struct coordinator *coordinator, const struct clock *clock,
                        const struct coord_study *study, enum rounds_outcome *outcome,
                        char told[256]);

/* The attempt in progress; ERR_NOT_FOUND: none. `plan` points into `arena`. */
struct coord_attempt {
    struct plan plan;
    uint8_t hash[HASH_BYTES];
    struct bytes signed_plan;
};
enum err rounds_current(struct coordinator *coordinator, const struct coord_study *study,
                        struct arena *arena, struct coord_attempt *attempt);

enum err rounds_contributed(struct coordinator *coordinator,
                            const uint8_t plan[HASH_BYTES],
                            const uint8_t member[KEY_BYTES], bool *contributed);
enum err rounds_contributions(struct coordinator *coordinator,
                              const uint8_t plan[HASH_BYTES], size_t *count);
enum err rounds_joined(struct coordinator *coordinator, const struct coord_study *study,
                       struct bytes *keys); /* ascending */

/* What a study waits for, one sentence, for replies and status. */
enum err rounds_waiting(struct coordinator *coordinator, const struct coord_study *study,
                        char text[256]);

#endif
