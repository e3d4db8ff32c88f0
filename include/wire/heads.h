#ifndef WIRE_HEADS_H
#define WIRE_HEADS_H

#include "wire/chain.h"

/* heads - how far a member has come: the head of a study's chain and the head of its
 * privacy ledger, each signed by itself, so that what one member has shown can be
 * repeated to the others by somebody they do not trust.
 *
 * Two members whose heads are not on one chain have been told different things; a member
 * whose ledger is behind a head that it signed has put an older store back. It keeps
 * nothing. Called by node/ and coordinator/. Bytes: docs/protocol.md, section 4. */

struct identity;

struct heads {
    uint8_t member[KEY_BYTES];
    uint64_t chain_length;
    uint8_t chain_head[HASH_BYTES], chain_signature[SIGNATURE_BYTES];
    uint64_t ledger_length;
    uint8_t ledger_head[HASH_BYTES], ledger_signature[SIGNATURE_BYTES];
};

/* What a poll shows in its sender's name. */
struct heads heads_shown(const struct poll *poll, const uint8_t member[KEY_BYTES]);

/* Sign the heads in a poll about `study` (NULL: about none, whose chain is not signed).
 */
enum err heads_sign(const struct identity *identity, const uint8_t *study,
                    struct poll *poll);

/* Whether both signatures are the member's. */
enum err heads_verify(const struct heads *heads, const uint8_t study[STUDY_BYTES]);

/* Whether the ledger's is, whatever else there is. */
enum err heads_verify_ledger(const struct heads *heads);

/* As a reply repeats them: WIRE_HEADS_BYTES, fields in the order above. */
void heads_write(const struct heads *heads, struct bytes *bytes);
enum err heads_read(struct view bytes, struct heads *heads); /* ERR_FORMAT: other size */

/* The ledger's alone, as a parcel's note reminds its receiver of what it has shown: length,
 * head, signature. Zeros: no reminder. */
#define HEADS_NOTE_BYTES (8 + HASH_BYTES + SIGNATURE_BYTES)
void heads_note_write(const struct heads *heads, uint8_t note[HEADS_NOTE_BYTES]);
void heads_note_read(const uint8_t note[HEADS_NOTE_BYTES], struct heads *heads);

#endif
