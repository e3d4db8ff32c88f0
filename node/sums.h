#ifndef NODE_SUMS_H
#define NODE_SUMS_H

#include "node/attempt.h"

struct node;

/* sums - which sums of a round may be out, because this hospital gave its shares for
 * them, and that no other sum of the same round differs from one by a few hospitals.
 *
 * In one round everybody computes the same numbers, so that of two sums what only one of
 * them has is left by subtraction: a sum again, over the hospitals by which they differ.
 * The rule is that it must be one of enough hospitals (permit_difference) or of none.
 * Between rounds the prior has moved and sums do not cancel; what is left then is what
 * the ledger counts. docs/protocol.md, section 5. Called by node/part, and by the
 * simulator, whose nodes have no store. */

/* Keep whose sum may be out once shares have left; durable when it returns. What earlier
 * rounds kept is forgotten. */
enum err sums_note(struct node *node, const struct attempt *attempt);

/* By how many hospitals a sum that the plan can end with differs from one over `summed`,
 * at the least: those of it that are not called, and those that are called beside it and
 * must stay. 0: the plan can only end with the same one. */
size_t sums_apart(const struct plan *plan, const struct keys *summed);

/* Whether every sum that a plan can end with may be out beside those that may be already.
 * ERR_DENIED says with which it could not. The policy is the one in force. */
enum err sums_check(struct node *node, const struct plan *plan);

#endif
