#ifndef COORDINATOR_COLLECTION_H
#define COORDINATOR_COLLECTION_H

#include "wire/phase.h"
#include "wire/terms.h"

/* collection - the coordinator's part in one attempt at a sum: the state machine, without
 * sockets, store or clock.
 *
 *     advertise -> share -> mask -> confirm -> unmask -> end
 *
 * It collects one message a member and phase, and answers with what the next phase needs.
 * A phase is closed once, by everybody's message or by time with enough of them; who came
 * too late has dropped out. It learns the sum over the survivors and nothing else: the
 * shares it is given open the self masks of survivors and the pair masks of those who
 * dropped out, never both of one member. Everything it knows can be built again from the
 * kept messages and the order in which phases were closed. Called by coordinator/rounds
 * and by the simulator. */

struct collection;

/* Durable before anybody is answered by it. Both may be NULL: in memory only. */
struct collection_world {
    /* `place` is the member's among the plan's participants. */
    enum err (*keep)(void *context, enum phase phase, size_t place, struct view body);
    enum err (*close)(void *context, enum phase phase); /* the one that now ends */
    void *context;
};

enum err collection_new(struct view signed_plan, const uint8_t coordinator_key[KEY_BYTES],
                        const struct collection_world *world,
                        struct collection **collection);
void collection_destroy(struct collection **collection); /* NULL is fine; nulls */

/* Build it again after a restart: in the order in which world->keep and world->close were
 * called. Nothing is kept again. ERR_VERIFY for what could not have been kept. */
enum err collection_restore(struct collection *collection, enum phase phase, size_t place,
                            struct view body);
enum err collection_restore_close(struct collection *collection, enum phase phase);

struct view collection_signed_plan(const struct collection *collection);
const struct plan *collection_plan(const struct collection *collection);
const uint8_t *collection_context(const struct collection *collection); /* plan's hash */
enum phase collection_phase(const struct collection *collection);
/* Messages of this phase so far, and how many may come. */
size_t collection_received(const struct collection *collection);
size_t collection_expected(const struct collection *collection);

/* Take a member's message, already opened: signed by `member` for this coordinator,
 * study, round and attempt. The same again, also later, is fine and changes nothing;
 * `fresh` says whether it was new. Any reason but REASON_NONE has changed nothing. An
 * error of the world's is in `*failure`. */
enum reason collection_take(struct collection *collection,
                            const uint8_t member[KEY_BYTES], uint32_t kind,
                            struct view body, bool *fresh, enum err *failure);

/* End the phase if everybody's message is there, or if `late` and enough are; if late and
 * too few, the attempt ends without a sum. `moved`: it did. The world's errors. */
enum err collection_advance(struct collection *collection, bool late, bool *moved);

/* A member is known to have lost its part, or has said why it has none (REASON_NONE: it
 * has not): nobody waits for its further messages. In memory only: who asks for the plan
 * again hears it again, and who does not is waited for. */
void collection_leave(struct collection *collection, const uint8_t member[KEY_BYTES],
                      enum reason why);
bool collection_has_left(const struct collection *collection,
                         const uint8_t member[KEY_BYTES]);
/* Why it did not enter: it has said so instead of an advert. REASON_NONE: it has not. */
enum reason collection_declined(const struct collection *collection,
                                const uint8_t member[KEY_BYTES]);
/* How many have said why they left; the first's key and reason if there is one. */
size_t collection_leavers(const struct collection *collection, uint8_t member[KEY_BYTES],
                          enum reason *why);

/* The answer to a message of kind `kind` by a member whose message was taken: of the kind
 * and body given, or MESSAGE_WAIT with nothing in `body` while its phase lasts. `body` is
 * overwritten. */
enum err collection_answer(struct collection *collection, const uint8_t member[KEY_BYTES],
                           uint32_t kind, uint32_t *answer, struct bytes *body);

/* What a member's input said, once taken: the ledger it showed. ERR_STATE before. */
enum err collection_input(const struct collection *collection,
                          const uint8_t member[KEY_BYTES], struct arena *arena,
                          struct input *input);

/* Whether it ended with a sum; else, once ended, why not: REASON_TOO_FEW or BAD_SHARE. */
bool collection_succeeded(const struct collection *collection);
enum reason collection_reason(const struct collection *collection);

/* [plan's dimension], modulo 2^64, once succeeded: of the survivors' integers and noise.
 */
const uint64_t *collection_sum(const struct collection *collection);
size_t collection_survivor_count(const struct collection *collection);
const uint8_t *collection_survivors(const struct collection *collection); /* h3 */

/* The keys, ascending, of those whose sum may be out: since a quorum's confirmations were
 * handed on, members may have given shares for it. Nothing before that. */
void collection_summed(const struct collection *collection, struct bytes *keys);

/* Members whose shares were found wrong, or who dealt another secret than they committed
 * to, by place; caller does not free. */
const size_t *collection_blamed(const struct collection *collection, size_t *count);

#endif
