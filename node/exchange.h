#ifndef NODE_EXCHANGE_H
#define NODE_EXCHANGE_H

#include <stdbool.h>

#include "base/clock.h"
#include "node/studies.h"
#include "wire/envelope.h"

/* exchange - the node's half of the protocol, without sockets: which question to ask,
 * what to believe of an answer, and how questions are sealed.
 *
 * node/serve carries the frames over wire/transport; the tests carry them by hand.
 * Everything an answer changes is stored in one transaction, or nothing is
 * (docs/protocol.md). */

/* The tables of links and attempts as they are now, from those that came before: what an
 * attempt's message was named and every link's prior beside the link were never read. */
extern const char NODE_EXCHANGE_SCHEMA[];

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
    int64_t ahead_s;   /* of this machine's clock, beside the coordinator's */
    struct bytes plan; /* signed; empty: nothing to answer */
    char waiting[WIRE_TEXT_BYTES_MAX + 1]; /* what the coordinator waits for */
};
void node_exchange_news_clear(struct node_exchange_news *news);

/* Round and attempt last entered in a study; zeros: none. */
enum err node_exchange_last(struct node *node, const uint8_t study[STUDY_BYTES],
                            uint64_t *round, uint32_t *attempt);

/* This node's part in the seed of a sparse graph of the next attempt at a study:
 * committed to in polls, revealed in the advert. */
enum err node_exchange_seed(struct node *node, const uint8_t study[STUDY_BYTES],
                            uint8_t seed[HASH_BYTES]);

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

/* Seal a question of any kind: `envelope` has its kind, study, round, attempt and body;
 * who it is for and a fresh nonce are filled in. */
enum err node_exchange_seal(struct node *node, struct node_exchange *exchange,
                            struct envelope *envelope, struct bytes *frame);

/* Open the answer to a question: of one of `kinds` (bit 1 << kind), signed by the
 * coordinator, with the question's nonce. A refusal is an error with its reason's
 * sentence. */
enum err node_exchange_open(const struct node *node, const struct node_exchange *exchange,
                            uint32_t kinds, struct view frame, struct arena *arena,
                            struct envelope *envelope);

#endif
