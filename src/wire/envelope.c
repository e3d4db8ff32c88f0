#include "wire/envelope.h"

#include <string.h>

#include "privacy/identity.h"

_Static_assert(WIRE_VERSION == 1, "the tags below carry the version");

const char *envelope_tag(uint32_t kind)
{
    switch (kind) {
    case MESSAGE_POLL:
        return "gemel/poll/1";
    case MESSAGE_REPLY:
        return "gemel/reply/1";
    case MESSAGE_RECEIPT:
        return "gemel/receipt/1";
    case MESSAGE_REFUSAL:
        return "gemel/refusal/1";
    case MESSAGE_ADVERT:
        return "gemel/advert/1";
    case MESSAGE_BUNDLE:
        return "gemel/bundle/1";
    case MESSAGE_SHARES:
        return "gemel/shares/1";
    case MESSAGE_DELIVERY:
        return "gemel/delivery/1";
    case MESSAGE_INPUT:
        return "gemel/input/1";
    case MESSAGE_SURVIVORS:
        return "gemel/survivors/1";
    case MESSAGE_CONFIRM:
        return "gemel/confirm/1";
    case MESSAGE_CONFIRMS:
        return "gemel/confirms/1";
    case MESSAGE_UNMASK:
        return "gemel/unmask/1";
    case MESSAGE_WAIT:
        return "gemel/waiting/1";
    default:
        return NULL;
    }
}

void envelope_consortium(const char *name, const uint8_t governance_key[KEY_BYTES],
                         uint8_t consortium[HASH_BYTES])
{
    struct bytes fields = {0};
    bytes_text(&fields, name);
    bytes_field(&fields, governance_key, KEY_BYTES);
    bytes_hash("gemel/consortium/1", fields.data, fields.size, consortium);
    bytes_free(&fields);
}

enum err envelope_sign(const struct identity *identity, const char *tag,
                       struct view object, struct bytes *bytes)
{
    struct signed_bytes signed_bytes = {.object = object};
    if (identity_sign(identity, tag, object.data, object.size, signed_bytes.signature) !=
        ERR_OK)
        return err_code();
    return codec_encode_signed_bytes(&signed_bytes, bytes);
}

enum err envelope_verify(const uint8_t key[KEY_BYTES], const char *tag, struct view bytes,
                         struct arena *arena, struct view *object)
{
    struct signed_bytes parts;
    if (codec_decode_signed_bytes(bytes, arena, &parts) != ERR_OK)
        return err_code();
    if (identity_verify(key, tag, parts.object.data, parts.object.size,
                        parts.signature) != ERR_OK)
        return err_code();
    *object = parts.object;
    return ERR_OK;
}

enum err envelope_seal(const struct identity *identity, const struct envelope *fields,
                       struct bytes *frame)
{
    struct envelope envelope = *fields;
    envelope.version = WIRE_VERSION;
    identity_public(identity, envelope.sender);
    const char *tag = envelope_tag(envelope.kind);
    if (!tag)
        return err_set(ERR_RANGE, "no message has the kind %u", envelope.kind);
    struct bytes object = {0};
    enum err result = codec_encode_envelope(&envelope, &object);
    if (result == ERR_OK)
        result = envelope_sign(identity, tag, codec_view(&object), frame);
    bytes_free(&object);
    return result;
}

enum err envelope_answer(const struct identity *identity, const struct envelope *question,
                         enum message_kind kind, const struct bytes *body,
                         struct bytes *frame)
{
    struct envelope fields = *question;
    memcpy(fields.recipient, question->sender, KEY_BYTES);
    fields.kind = kind;
    fields.body = codec_view(body);
    return envelope_seal(identity, &fields, frame);
}

enum err envelope_refuse(const struct identity *identity, struct view frame,
                         enum reason reason, const char *detail, struct bytes *answer)
{
    struct arena *arena = codec_arena(frame.size);
    struct signed_bytes parts;
    struct envelope question;
    struct refusal refusal = {.reason = reason, .detail = detail};
    struct bytes body = {0};
    enum err result = codec_decode_signed_bytes(frame, arena, &parts);
    if (result == ERR_OK)
        result = codec_decode_envelope(parts.object, arena, &question);
    if (result == ERR_OK && codec_encode_refusal(&refusal, &body) != ERR_OK) {
        refusal.detail = ""; /* it quoted something that is not plain text */
        result = codec_encode_refusal(&refusal, &body);
    }
    if (result == ERR_OK)
        result = envelope_answer(identity, &question, MESSAGE_REFUSAL, &body, answer);
    bytes_free(&body);
    arena_destroy(&arena);
    return result;
}

static enum reason refuse(enum reason reason)
{
    reason_set(reason);
    return reason;
}

/* A reason whose detail err_text already has. */
static enum reason malformed(void)
{
    err_wrap("%s", reason_sentence(REASON_MALFORMED));
    return REASON_MALFORMED;
}

enum reason envelope_open(const struct envelope_rule *rule, struct view frame,
                          struct arena *arena, struct envelope *envelope)
{
    struct signed_bytes parts;
    struct envelope fields;
    uint32_t version = 0;
    if (codec_decode_signed_bytes(frame, arena, &parts) != ERR_OK ||
        codec_version(parts.object, &version) != ERR_OK)
        return malformed();
    if (version != WIRE_VERSION)
        return refuse(REASON_BAD_VERSION);
    if (codec_decode_envelope(parts.object, arena, &fields) != ERR_OK)
        return malformed();
    if (memcmp(fields.consortium, rule->consortium, HASH_BYTES) != 0)
        return refuse(REASON_WRONG_CONSORTIUM);
    if (memcmp(fields.recipient, rule->recipient, KEY_BYTES) != 0)
        return refuse(REASON_WRONG_RECIPIENT);
    const char *tag = envelope_tag(fields.kind);
    if (!tag || !(rule->kinds >> fields.kind & 1))
        return refuse(REASON_WRONG_KIND);
    enum reason admitted = rule->admit(rule->who, fields.sender);
    if (admitted != REASON_NONE)
        return refuse(admitted);
    if (identity_verify(fields.sender, tag, parts.object.data, parts.object.size,
                        parts.signature) != ERR_OK)
        return refuse(REASON_BAD_SIGNATURE);
    if (rule->nonce && memcmp(fields.nonce, rule->nonce, NONCE_BYTES) != 0)
        return refuse(REASON_WRONG_NONCE);
    *envelope = fields;
    return REASON_NONE;
}

enum reason envelope_pinned(const void *who, const uint8_t sender[KEY_BYTES])
{
    return memcmp(who, sender, KEY_BYTES) == 0 ? REASON_NONE : REASON_UNKNOWN_SENDER;
}

enum err envelope_hash(struct view frame, uint8_t hash[HASH_BYTES])
{
    struct arena *arena = codec_arena(frame.size);
    struct signed_bytes parts;
    enum err result = codec_decode_signed_bytes(frame, arena, &parts);
    if (result == ERR_OK)
        bytes_hash("gemel/message/1", parts.object.data, parts.object.size, hash);
    arena_destroy(&arena);
    return result;
}
