#ifndef WIRE_ENVELOPE_H
#define WIRE_ENVELOPE_H

#include "wire/codec.h"
#include "wire/reason.h"

/* envelope - sign what leaves, and believe nothing that arrives before it is checked.
 *
 * A message is a Signed whose object is an Envelope; rosters, terms, plans, links and
 * enrolment files are Signed objects of their own. A signature covers a tag and the bytes
 * as they were received, never an encoding made again. It does not interpret bodies, and
 * it does not carry: wire/transport does. Called by wire/roster, terms, chain, node/ and
 * coordinator/. */

struct identity;

/* Append a Signed around `object`. The tag says what the object is, so that a signature
 * made for one kind cannot be shown as another. */
enum err envelope_sign(const struct identity *identity, const char *tag,
                       struct view object, struct bytes *bytes);

/* The object inside a Signed, once its signature by `key` holds. ERR_FORMAT, ERR_VERIFY.
 * The view lies in the arena. */
enum err envelope_verify(const uint8_t key[KEY_BYTES], const char *tag, struct view bytes,
                         struct arena *arena, struct view *object);

/* Append the frame of a message to be sent by `identity`, whose key becomes the sender.
 * `fields` gives consortium, recipient, study, round, attempt, nonce, kind and body;
 * version and sender are filled in. */
enum err envelope_seal(const struct identity *identity, const struct envelope *fields,
                       struct bytes *frame);

/* Append the frame that answers `question`: to its sender, about its study, round and
 * attempt, with its nonce. */
enum err envelope_answer(const struct identity *identity, const struct envelope *question,
                         enum message_kind kind, const struct bytes *body,
                         struct bytes *frame);

/* Append the Refusal of a frame, whether envelope_open refused it or what came after. It
 * repeats the frame's claims and believes none of them. `detail` may be "". ERR_FORMAT
 * when the frame is no message: nobody to answer, so it is dropped. */
enum err envelope_refuse(const struct identity *identity, struct view frame,
                         enum reason reason, const char *detail, struct bytes *answer);

/* What a receiver insists on. */
struct envelope_rule {
    uint8_t consortium[HASH_BYTES];
    uint8_t recipient[KEY_BYTES]; /* its own key */
    uint32_t kinds;               /* bit 1 << kind for every kind expected */
    const uint8_t *nonce;         /* that an answer must repeat; NULL: any */
    /* Whether `sender` may speak here: roster_admits, or envelope_pinned. */
    enum reason (*admit)(const void *who, const uint8_t sender[KEY_BYTES]);
    const void *who;
};

/* Check a frame in the order of docs/protocol.md: size, format, version, consortium,
 * recipient, kind, sender, signature, nonce. REASON_NONE fills `envelope`, which points
 * into the arena; any other reason leaves it alone. err_text has the detail. */
enum reason envelope_open(const struct envelope_rule *rule, struct view frame,
                          struct arena *arena, struct envelope *envelope);

/* An `admit` for a node: `who` is the coordinator's 32-byte key. */
enum reason envelope_pinned(const void *who, const uint8_t sender[KEY_BYTES]);

/* The hash by which a receipt names the message it acknowledges: of its Envelope. */
enum err envelope_hash(struct view frame, uint8_t hash[HASH_BYTES]);

/* The name of a consortium on the wire: hash of its text name and governance key. */
void envelope_consortium(const char *name, const uint8_t governance_key[KEY_BYTES],
                         uint8_t consortium[HASH_BYTES]);

/* "gemel/poll/1" and so on; NULL for a kind that does not exist. */
const char *envelope_tag(uint32_t kind);

#endif
