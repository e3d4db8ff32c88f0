#ifndef PRIVACY_ANCHOR_H
#define PRIVACY_ANCHOR_H

#include "privacy/ledger.h"

/* anchor - the ledger without its patients, in a file outside the store: every entry's
 * number, hash and cost, signed.
 *
 * Kept on another disk it shows that the store was put back, and knows what the lost
 * entries cost. It is written after the store's commit and before anything leaves, so
 * that whatever left is in it, and a crash between the two leaves it behind the ledger,
 * which is made up for, never ahead. It does not notice that store and anchor were put
 * back together: the coordinator's copy of the head does. Called by node/newest. Format:
 * docs/formats.md, "Anchor". */

struct anchor {
    struct reanchor_claim *entries; /* ascending by number */
    size_t count;
};

/* Replace the file by what the ledger is now; durable when it returns. The signer is the
 * anchor's own: the node's identity may be replaced. */
enum err anchor_write(const char *path, const struct ledger *ledger,
                      const struct identity *signer);

/* ERR_NOT_FOUND without a file; ERR_VERIFY for one that another key has signed, or that
 * was changed. */
enum err anchor_read(const char *path, const uint8_t key[IDENTITY_KEY_BYTES],
                     struct anchor *anchor);
void anchor_clear(struct anchor *anchor);

/* How many of its entries the ledger cannot account for; they come first in `lost`
 * [anchor->count], which may be NULL. */
size_t anchor_lost(const struct anchor *anchor, const struct ledger *ledger,
                   struct reanchor_claim *lost);

/* Whether it has an entry of that number and hash; length 0 is in every anchor. */
bool anchor_has(const struct anchor *anchor, uint64_t length,
                const uint8_t head[HASH_BYTES]);

#endif
