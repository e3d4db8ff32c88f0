#ifndef SIM_SPOILS_H
#define SIM_SPOILS_H

#include "node/attempt.h"

/* spoils - what an adversary who reads every message, and knows all that its colluders
 * know, could put together: whose secrets, and which sums come out from under the masks.
 *
 * It does not believe the lists in which a node says what it hands out: it is told from
 * inside the process which shares were dealt, and looks for their bytes in what leaves.
 * Sums are judged by the masks that were really added, whatever the adversary showed to
 * whom. It is no party to the protocol. Called by sim/liar, sim/storm and tests. */

struct spoils;

struct spoils *spoils_new(void);
void spoils_destroy(struct spoils **spoils); /* NULL is fine; nulls */

/* A colluder, by its key: the adversary knows everything that is dealt to it. */
void spoils_corrupt(struct spoils *spoils, const uint8_t member[KEY_BYTES]);

/* Note what an attempt was dealt and masked with: once it is in PHASE_MASK; its input
 * counts as sent. */
void spoils_watch(struct spoils *spoils, const struct attempt *attempt);

/* A message left a node. Only of kind MESSAGE_UNMASK there is something to note. */
void spoils_hear(struct spoils *spoils, uint32_t kind, struct view body);

/* Honest members of whom the shares are out for both secrets, a threshold of each; or of
 * whom some honest member gave out both its shares. 0 unless the protocol is broken. */
size_t spoils_bared(const struct spoils *spoils);

/* The sums of honest inputs that come out, and of how many the smallest is (0: of none).
 * One attempt may give one, of at least u_min - c. */
size_t spoils_sums(const struct spoils *spoils, size_t *smallest);

/* Whether some attempt gave more than one sum. */
bool spoils_sums_differ(const struct spoils *spoils);

#endif
