#ifndef NODE_EXCHANGE_H
#define NODE_EXCHANGE_H

#include <stdbool.h>

#include "base/clock.h"
#include "node/studies.h"
#include "wire/envelope.h"

/* exchange - the node's half of the protocol, without sockets: which question to ask,
 * what to believe of an answer, and which contribution answers a plan.
 *
 * node/serve carries the frames over wire/link; the tests carry them by hand. Everything
 * an answer changes is stored in one transaction, or nothing is (docs/protocol.md). */

/* A question that waits for its answer. */
struct node_exchange {
    uint8_t nonce[NONCE_BYTES];
    uint8_t study[STUDY_BYTES];
};

/* What an answer brought. */
struct node_exchange_news {
    bool roster;           /* a newer one is in use */
    size_t studies, links; /* new ones stored */
    uint32_t retry_after_ms;
    char waiting[256]; /* what the coordinator waits for */
    struct bytes plan; /* signed; empty: nothing to answer */
};
void node_exchange_news_clear(struct node_exchange_news *news);

/* Round and attempt last contributed to in a study; zeros: none. */
enum err node_exchange_last(struct node *node, const uint8_t study[STUDY_BYTES],
                            uint64_t *round, uint32_t *attempt);

/* Ask about one study, or (study NULL) for rosters and new studies. */
enum err node_exchange_ask(struct node *node, struct node_exchange *exchange,
                           struct node_study *study, struct bytes *frame);

/* Take the answer to it. `study` as asked; it moves on to the newest prior. ERR_VERIFY
 * with REASON_LEDGER_BEHIND's sentence when the coordinator has seen a longer or another
 * ledger of this node: an older copy of the store was put back, and nothing may be sent.
 */
enum err node_exchange_take(struct node *node, const struct clock *clock,
                            const struct node_exchange *exchange,
                            struct node_study *study, const struct bytes *frame,
                            struct node_exchange_news *news);

/* The contribution that answers a plan: fits every patient that can pay, bounds, adds
 * noise, charges, stores the frame, commits, and only then hands it out. Asked again for
 * the same plan it hands out the stored bytes. ERR_DENIED: settings, budget or plan do
 * not permit it. `progress` counts patients (context first); it may be NULL. */
struct answer_progress {
    void (*fitted)(void *context, size_t done, size_t total);
    bool (*interrupted)(void *context);
    void *context;
};
enum err node_exchange_answer(struct node *node, const struct clock *clock,
                              struct node_study *study, struct view plan,
                              const struct answer_progress *progress,
                              struct node_exchange *exchange, struct bytes *frame);

/* Take the coordinator's receipt for the contribution asked with `exchange`. */
enum err node_exchange_receipt(struct node *node, const struct node_exchange *exchange,
                               const struct bytes *sent, const struct bytes *answer);

#endif
