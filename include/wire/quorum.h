#ifndef WIRE_QUORUM_H
#define WIRE_QUORUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* quorum - how many members an attempt needs at each step, from how many there are and
 * how many may collude with the coordinator.
 *
 * It counts against all participants of the plan, never against those a coordinator says
 * are alive. Why these numbers: src/wire/README.md. Called by coordinator/ (to plan), by
 * node/ (to refuse weaker plans) and by `study create`. */

#define QUORUM_MEMBERS_MAX 1024 /* WIRE_PARTICIPANTS_MAX of wire/codec.h */
#define QUORUM_COMPLETE_MAX 256 /* so many members mask with everybody */

/* Inputs of honest members in every sum: one alone would not be hidden. */
#define QUORUM_HONEST_MIN 2

struct quorum {
    uint32_t members;   /* n: participants of the plan */
    uint32_t colluders; /* c: may collude with the coordinator, >= 1 */
    uint32_t quorum;    /* q: confirmations before anything is unmasked; 2q > n + c */
    uint32_t threshold; /* t: shares that give a secret back */
    uint32_t survivors; /* u_min: fewest inputs that may be summed; >= q */
    uint32_t degree;    /* neighbours of each member; members - 1: everybody */
};

/* The house's choice: q = floor((n + c)/2) + 1; u_min = max(q, ceil(0.8 n),
 * survivors_min); a complete graph with t = max(floor(n/2), c, n + c - u_min) + 1 up to
 * QUORUM_COMPLETE_MAX members, above that the smallest sound degree (everybody's where
 * none is smaller), a t that goes with it, and u_min raised until there can be no second
 * sum. ERR_RANGE with a sentence and a hint when
 * no sound choice exists: u_min - c must be at least 2. `quorum` is then unchanged. */
enum err quorum_choose(uint32_t members, uint32_t colluders, uint32_t survivors_min,
                       struct quorum *quorum);

/* Whether a plan's numbers are sound, whoever chose them: 2q > n + c, q <= u_min <= n,
 * u_min - c >= 2, and a complete graph with c < t <= q, or, above QUORUM_COMPLETE_MAX
 * members, a degree and threshold that suffice (wire/graph.h) however the n - u_min who
 * may be missing are chosen; and u_min + g > n + c, where g, the fewest who can give the
 * shares for a sum, is t or ceil(u_min t / (degree + 1)): no second sum of the round that
 * differs by a few. ERR_DENIED names the number that is not sound. */
enum err quorum_check(const struct quorum *quorum);

/* The default for c: one in six, at least one. */
uint32_t quorum_colluders(uint32_t members);

#endif
