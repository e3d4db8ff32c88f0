#include "wire/heads.h"

#include <string.h>

#include "privacy/identity.h"

#define TAG_CHAIN "gemel/chain-head/1"
#define TAG_LEDGER "gemel/ledger-head/1"

static void chain_claim(const uint8_t study[STUDY_BYTES], uint64_t length,
                        const uint8_t head[HASH_BYTES], struct bytes *claim)
{
    claim->size = 0;
    bytes_append(claim, study, STUDY_BYTES);
    bytes_u64(claim, length);
    bytes_append(claim, head, HASH_BYTES);
}

static void ledger_claim(uint64_t length, const uint8_t head[HASH_BYTES],
                         struct bytes *claim)
{
    claim->size = 0;
    bytes_u64(claim, length);
    bytes_append(claim, head, HASH_BYTES);
}

struct heads heads_shown(const struct poll *poll, const uint8_t member[KEY_BYTES])
{
    struct heads heads = {.chain_length = poll->chain_length,
                          .ledger_length = poll->ledger_length};
    memcpy(heads.member, member, KEY_BYTES);
    memcpy(heads.chain_head, poll->chain_head, HASH_BYTES);
    memcpy(heads.chain_signature, poll->chain_signature, SIGNATURE_BYTES);
    memcpy(heads.ledger_head, poll->ledger_head, HASH_BYTES);
    memcpy(heads.ledger_signature, poll->ledger_signature, SIGNATURE_BYTES);
    return heads;
}

enum err heads_sign(const struct identity *identity, const uint8_t *study,
                    struct poll *poll)
{
    struct bytes claim = {0};
    memset(poll->chain_signature, 0, SIGNATURE_BYTES);
    ledger_claim(poll->ledger_length, poll->ledger_head, &claim);
    enum err result = identity_sign(identity, TAG_LEDGER, claim.data, claim.size,
                                    poll->ledger_signature);
    if (result == ERR_OK && study) {
        chain_claim(study, poll->chain_length, poll->chain_head, &claim);
        result = identity_sign(identity, TAG_CHAIN, claim.data, claim.size,
                               poll->chain_signature);
    }
    bytes_free(&claim);
    return result;
}

enum err heads_verify_ledger(const struct heads *heads)
{
    struct bytes claim = {0};
    ledger_claim(heads->ledger_length, heads->ledger_head, &claim);
    enum err result = identity_verify(heads->member, TAG_LEDGER, claim.data, claim.size,
                                      heads->ledger_signature);
    bytes_free(&claim);
    return result;
}

enum err heads_verify(const struct heads *heads, const uint8_t study[STUDY_BYTES])
{
    struct bytes claim = {0};
    chain_claim(study, heads->chain_length, heads->chain_head, &claim);
    enum err result = identity_verify(heads->member, TAG_CHAIN, claim.data, claim.size,
                                      heads->chain_signature);
    bytes_free(&claim);
    return result == ERR_OK ? heads_verify_ledger(heads) : result;
}

void heads_write(const struct heads *heads, struct bytes *bytes)
{
    bytes_append(bytes, heads->member, KEY_BYTES);
    bytes_u64(bytes, heads->chain_length);
    bytes_append(bytes, heads->chain_head, HASH_BYTES);
    bytes_append(bytes, heads->chain_signature, SIGNATURE_BYTES);
    bytes_u64(bytes, heads->ledger_length);
    bytes_append(bytes, heads->ledger_head, HASH_BYTES);
    bytes_append(bytes, heads->ledger_signature, SIGNATURE_BYTES);
}

/* The next `size` bytes. */
static const uint8_t *take(struct cursor *cursor, size_t size)
{
    const uint8_t *at = cursor->data + cursor->at;
    cursor->at += size;
    return at;
}

enum err heads_read(struct view bytes, struct heads *heads)
{
    struct cursor cursor = {bytes.data, bytes.size, 0};
    if (bytes.size != WIRE_HEADS_BYTES)
        return err_set(ERR_FORMAT, "heads of %zu bytes, not %d", bytes.size,
                       WIRE_HEADS_BYTES);
    memcpy(heads->member, take(&cursor, KEY_BYTES), KEY_BYTES);
    cursor_u64(&cursor, &heads->chain_length);
    memcpy(heads->chain_head, take(&cursor, HASH_BYTES), HASH_BYTES);
    memcpy(heads->chain_signature, take(&cursor, SIGNATURE_BYTES), SIGNATURE_BYTES);
    cursor_u64(&cursor, &heads->ledger_length);
    memcpy(heads->ledger_head, take(&cursor, HASH_BYTES), HASH_BYTES);
    memcpy(heads->ledger_signature, take(&cursor, SIGNATURE_BYTES), SIGNATURE_BYTES);
    return ERR_OK;
}

void heads_note_write(const struct heads *heads, uint8_t note[HEADS_NOTE_BYTES])
{
    for (int i = 0; i < 8; i++)
        note[i] = (uint8_t)(heads->ledger_length >> 8 * i);
    memcpy(note + 8, heads->ledger_head, HASH_BYTES);
    memcpy(note + 8 + HASH_BYTES, heads->ledger_signature, SIGNATURE_BYTES);
}

void heads_note_read(const uint8_t note[HEADS_NOTE_BYTES], struct heads *heads)
{
    struct cursor cursor = {note, HEADS_NOTE_BYTES, 0};
    cursor_u64(&cursor, &heads->ledger_length);
    memcpy(heads->ledger_head, take(&cursor, HASH_BYTES), HASH_BYTES);
    memcpy(heads->ledger_signature, take(&cursor, SIGNATURE_BYTES), SIGNATURE_BYTES);
}
