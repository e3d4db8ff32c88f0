#ifndef NODE_NEWEST_H
#define NODE_NEWEST_H

#include "node/node.h"
#include "privacy/anchor.h"

/* newest - whether this store's ledger is the newest there is, as far as anybody outside
 * the store knows, and the officers' way on when it is not.
 *
 * Two know heads of it: the anchor, a file on another disk named in the settings, and the
 * coordinator, which repeats the highest head it was shown. One that the ledger cannot
 * account for means that the store was put back or copied; what refuses is kept, so that
 * nothing leaves until two officers have re-anchored, whatever is answered later. Called
 * by node/exchange, node/part, node/serve and the commands. */

/* ERR_VERIFY when the ledger cannot account for a head; says which, and the way on. An
 * anchor that is behind, as a crash leaves it, is brought up to the ledger. */
enum err newest_check(struct node *node);

/* After a commit, before anything leaves: bring the anchor up to the ledger. */
enum err newest_advance(struct node *node);

/* Keep a head that the coordinator repeated and the ledger cannot account for. */
enum err newest_keep(struct node *node, uint64_t length, const uint8_t head[HASH_BYTES]);

/* The first anchor, of a ledger that may have entries. ERR_STATE when the settings name
 * none, or it is there. */
enum err newest_anchor(struct node *node);

/* What officers have to sign: every entry known outside and not here, at its cost where
 * the anchor knows it, else at all that the policy in force lets a patient spend.
 * ERR_STATE when there is nothing to re-anchor, ERR_DENIED without a policy. Caller
 * clears. */
enum err newest_request(struct node *node, uint64_t wall, struct reanchor *reanchor);

/* Re-anchor by a signed request: by two different officers, of this node, about the ledger
 * as it is, and claiming no less than newest_request does now. */
enum err newest_reanchor(struct node *node, const struct reanchor *reanchor);

/* For people. */
struct newest_state {
    bool anchored;           /* the settings name an anchor, and it holds */
    uint64_t anchor_length;  /* 0: it has no entry */
    uint64_t refused_length; /* of a head that the ledger cannot account for; 0: none */
};
enum err newest_state(struct node *node, struct newest_state *state);

#endif
