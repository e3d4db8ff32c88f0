#ifndef NODE_PART_H
#define NODE_PART_H

#include "base/clock.h"
#include "node/attempt.h"
#include "node/crowd.h"
#include "node/exchange.h"

/* part - this hospital's part in one attempt: the state machine of node/attempt joined to
 * the hospital's records, its ledger and its store.
 *
 * It decides whether a plan is permitted (approved study, the officers' policy, the
 * signed objects), which patients can pay, and charges them before the masked vector
 * leaves. It carries nothing: node/serve does. Killed, it is gone, with its one-time
 * keys: what stays is that the attempt was entered, so that it is not entered again, and
 * what was charged. */

struct part;

/* What there is to tell the coordinator of a plan that was not entered. */
struct part_refusal {
    enum reason reason; /* REASON_NONE: nothing, it is not the coordinator's plan or the
                           node itself is at fault */
    uint64_t round;
    uint32_t attempt;
};

/* Enter the attempt of a signed plan. ERR_DENIED: policy, budget or plan do not permit
 * it; then nothing was entered, and `refusal` (NULL: not wanted) says why. `node` and
 * `clock` outlive it. */
enum err part_new(struct node *node, const struct clock *clock,
                  const uint8_t study[STUDY_BYTES], struct view signed_plan,
                  const struct crowd_progress *progress, struct part **part,
                  struct part_refusal *refusal);
void part_destroy(struct part **part); /* NULL is fine; wipes; nulls */

const struct attempt *part_attempt(const struct part *part);

/* The frame to ask with in the present phase. */
enum err part_ask(const struct part *part, struct node_exchange *exchange,
                  struct bytes *frame);

/* The frame that tells the coordinator why an attempt has ended here, so that nobody
 * waits for this hospital and people learn whose share did not open. ERR_STATE: there is
 * nothing to tell. Its answer says nothing and need not be taken. */
enum err part_tell(const struct part *part, struct node_exchange *exchange,
                   struct bytes *frame);

/* Likewise of a plan that was not entered: the others go on without waiting. */
enum err part_decline(struct node *node, const uint8_t study[STUDY_BYTES],
                      const struct part_refusal *refusal, struct node_exchange *exchange,
                      struct bytes *frame);

/* Take the answer. Any error but ERR_GONE's has ended the attempt. `told`: what the
 * coordinator waits for and when to ask again; untouched when the phase is over. */
struct part_wait {
    uint32_t retry_after_ms;
    char what_for[WIRE_TEXT_BYTES_MAX + 1];
};
enum err part_take(struct part *part, const struct node_exchange *exchange,
                   const struct bytes *answer, struct part_wait *told);

/* When a masked sum may leave: the first whole multiple of `slot` >= 1 seconds after
 * `wall`. How long fitting took depends on the records, when it leaves does not (Jin et
 * al. 2022 read noise from a release's time; here it is drawn before, and the time is the
 * clock's). */
uint64_t part_slot(uint64_t wall, uint64_t slot);

#endif
