#ifndef COORDINATOR_ATTEMPTS_H
#define COORDINATOR_ATTEMPTS_H

#include "base/clock.h"
#include "coordinator/collection.h"
#include "coordinator/studies.h"

/* attempts - the attempt at a round that each study has in progress: its collection, in
 * memory and in the store.
 *
 * Every message is in the store before anybody is answered by it, so that a coordinator
 * that was killed carries on where it was. Once an attempt has ended its messages are
 * deleted; in memory it stays until the next opens, for those who have not heard. It
 * decides nothing about time or learning (coordinator/rounds does). */

struct coord_attempt {
    uint8_t study[STUDY_BYTES];
    struct collection *collection;
    uint64_t phase_since_ms;         /* steady clock, of this process */
    bool open;                       /* in the store as well */
    struct coordinator *coordinator; /* whose store its messages go to */
    struct coord_attempt *next;      /* of another study */
};

/* Keep a signed plan as the study's next attempt, and open its collection. */
enum err attempts_open(struct coordinator *coordinator, const struct clock *clock,
                       struct view signed_plan, struct coord_attempt **attempt);

/* The study's attempt in progress, built again from the store if this process has not
 * seen it, or the one that ended last in this process. ERR_NOT_FOUND: neither. */
enum err attempts_find(struct coordinator *coordinator, const struct clock *clock,
                       const uint8_t study[STUDY_BYTES], struct coord_attempt **attempt);

/* Enter into the audit record that a member says why it left, and whose sealed share did
 * not open for it (NULL: nobody's): its word, which proves nothing. */
enum err attempts_left(const struct coord_attempt *attempt,
                       const uint8_t member[KEY_BYTES], enum reason why,
                       const uint8_t *accused);

/* Why an attempt was given up, in words: who stays out or left and why, as far as they
 * have said, or the collection's reason. Below 200 bytes, whoever it is; caller frees. */
char *attempts_ending(const struct coord_attempt *attempt);

/* Of an attempt that ended before this process began: REASON_LATE when its sum was
 * published, REASON_ABANDONED when it was given up, else REASON_NONE. */
enum err attempts_past(struct coordinator *coordinator, const uint8_t study[STUDY_BYTES],
                       uint64_t round, uint32_t attempt, enum reason *reason);

/* The number of the next attempt at a round, from 1. ERR_STATE: there were too many. */
enum err attempts_next(struct coordinator *coordinator, const uint8_t study[STUDY_BYTES],
                       uint64_t round, uint32_t *attempt);

/* The keys of those whom every further attempt at the round has to have, and no others,
 * because members may have given shares for their sum in one that was given up; nothing
 * appended: whoever has joined. */
enum err attempts_summed(struct coordinator *coordinator,
                         const uint8_t study[STUDY_BYTES], uint64_t round,
                         struct bytes *keys);

/* Note the end ("published", "abandoned") and delete its messages, together; in the
 * caller's transaction or one of its own. */
enum err attempts_end(struct coord_attempt *attempt, const char *state);

#endif
