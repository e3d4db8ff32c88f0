#include "shapes.h"

#include <float.h>
#include <string.h>

#include "gemel.pb-c.h"
#include "wire/endpoint.h"

#define AT(member) #member, offsetof(struct OF, member)
#define U32(id, member, low, high)                                                       \
    {                                                                                    \
        id, TYPE_U32, AT(member), low, high, 0, 0, 0                                     \
    }
#define U64(id, member, low, high)                                                       \
    {                                                                                    \
        id, TYPE_U64, AT(member), low, high, 0, 0, 0                                     \
    }
#define REAL(id, member, low, high)                                                      \
    {                                                                                    \
        id, TYPE_REAL, AT(member), 0, 0, 0, low, high                                    \
    }
#define FIXED(id, member, size)                                                          \
    {                                                                                    \
        id, TYPE_FIXED, AT(member), size, size, 0, 0, 0                                  \
    }
#define BYTES(id, member, low, high)                                                     \
    {                                                                                    \
        id, TYPE_BYTES, AT(member), low, high, 0, 0, 0                                   \
    }
#define TEXT(id, member, low, high)                                                      \
    {                                                                                    \
        id, TYPE_TEXT, AT(member), low, high, 0, 0, 0                                    \
    }
#define ADDRESS(id, member)                                                              \
    {                                                                                    \
        id, TYPE_ADDRESS, AT(member), 1, ENDPOINT_TEXT_MAX, 0, 0, 0                      \
    }
#define KEYS(id, member, count)                                                          \
    {                                                                                    \
        id, TYPE_KEYS, AT(member), 0, count, KEY_BYTES, 0, 0                             \
    }
#define VIEWS(id, member, count, least, each)                                            \
    {                                                                                    \
        id, TYPE_VIEWS, AT(member), least, count, each, 0, 0                             \
    }
#define WORDS(id, member, count)                                                         \
    {                                                                                    \
        id, TYPE_WORDS, AT(member), 0, count, 8, 0, 0                                    \
    }
#define REALS(id, member, count, low, high)                                              \
    {                                                                                    \
        id, TYPE_REALS, AT(member), 0, count, 8, low, high                               \
    }
#define PARTS(id, member, count)                                                         \
    {                                                                                    \
        id, TYPE_PARTS, AT(member), 0, count, 512, 0, 0                                  \
    }

#define OF signed_bytes
static const struct field signed_rows[] = {
    BYTES(1, object, 1, WIRE_FRAME_MAX),
    FIXED(2, signature, SIGNATURE_BYTES),
};
#undef OF
#define OF envelope
static const struct field envelope_rows[] = {
    U32(1, version, 1, UINT32_MAX), /* judged by envelope_open */
    U32(2, kind, 1, 31),
    FIXED(3, consortium, HASH_BYTES),
    FIXED(4, sender, KEY_BYTES),
    FIXED(5, recipient, KEY_BYTES),
    FIXED(6, study, STUDY_BYTES),
    U64(7, round, 0, WIRE_ROUNDS_MAX),
    U32(8, attempt, 0, WIRE_ATTEMPTS_MAX),
    FIXED(9, nonce, NONCE_BYTES),
    BYTES(10, body, 1, WIRE_FRAME_MAX),
};
#undef OF
#define OF poll
static const struct field poll_rows[] = {
    U64(1, roster_version, 0, UINT64_MAX),      FIXED(2, roster_hash, HASH_BYTES),
    U64(3, ledger_length, 0, UINT64_MAX),       FIXED(4, ledger_head, HASH_BYTES),
    U64(5, chain_length, 0, WIRE_ROUNDS_MAX),   FIXED(6, chain_head, HASH_BYTES),
    KEYS(7, terms_known, WIRE_TERMS_KNOWN_MAX), FIXED(8, seed_commitment, HASH_BYTES),
    FIXED(9, chain_signature, SIGNATURE_BYTES), FIXED(10, ledger_signature, SIGNATURE_BYTES),
};
#undef OF
#define OF reply
static const struct field reply_rows[] = {
    U32(1, retry_after_ms, 0, 86400000),
    TEXT(2, waiting, 0, WIRE_TEXT_BYTES_MAX),
    U64(3, now, 0, WIRE_TIME_MAX),
    U64(4, ledger_length, 0, UINT64_MAX),
    FIXED(5, ledger_head, HASH_BYTES),
    BYTES(6, roster, 0, WIRE_ROSTER_MAX + WIRE_SIGNED_EXTRA),
    BYTES(7, plan, 0, WIRE_PLAN_MAX + WIRE_SIGNED_EXTRA),
    VIEWS(8, terms, WIRE_REPLY_TERMS_MAX, 1, WIRE_TERMS_MAX + WIRE_SIGNED_EXTRA),
    VIEWS(9, links, WIRE_REPLY_LINKS_MAX, 1, WIRE_CHAIN_LINK_MAX + WIRE_SIGNED_EXTRA),
    VIEWS(10, heads, WIRE_REPLY_HEADS_MAX, WIRE_HEADS_BYTES, WIRE_HEADS_BYTES),
};
#undef OF
#define OF receipt
static const struct field receipt_rows[] = {
    FIXED(1, message, HASH_BYTES),
    FIXED(2, plan, HASH_BYTES),
    U64(3, ledger_length, 0, UINT64_MAX),
    FIXED(4, ledger_head, HASH_BYTES),
};
#undef OF
#define OF refusal
static const struct field refusal_rows[] = {
    U32(1, reason, 1, UINT32_MAX),
    TEXT(2, detail, 0, WIRE_TEXT_BYTES_MAX),
};
#undef OF
#define OF advert
static const struct field advert_rows[] = {
    FIXED(1, plan, HASH_BYTES),           FIXED(2, member, KEY_BYTES),
    FIXED(3, mask_key, KEY_BYTES),        FIXED(4, seal_key, KEY_BYTES),
    FIXED(5, commitment, HASH_BYTES),     FIXED(6, seed, HASH_BYTES),
    U64(7, ledger_length, 0, UINT64_MAX), FIXED(8, ledger_head, HASH_BYTES),
};
#undef OF
#define OF bundle
static const struct field bundle_rows[] = {
    VIEWS(1, adverts, WIRE_PARTICIPANTS_MAX, WIRE_SIGNED_SMALL_MIN,
          WIRE_SIGNED_SMALL_MAX),
};
#undef OF
#define OF dealing
static const struct field dealing_rows[] = {
    FIXED(1, plan, HASH_BYTES),
    FIXED(2, member, KEY_BYTES),
    FIXED(3, bundle, HASH_BYTES),
    FIXED(4, parcels_hash, HASH_BYTES),
};
#undef OF
#define OF shares
static const struct field shares_rows[] = {
    BYTES(1, dealing, WIRE_SIGNED_SMALL_MIN, WIRE_SIGNED_SMALL_MAX),
    VIEWS(2, parcels, WIRE_PARTICIPANTS_MAX, WIRE_PARCEL_BYTES, WIRE_PARCEL_BYTES),
};
#undef OF
#define OF delivery
static const struct field delivery_rows[] = {
    KEYS(1, dealers, WIRE_PARTICIPANTS_MAX),
    VIEWS(2, parcels, WIRE_PARTICIPANTS_MAX, WIRE_PARCEL_BYTES, WIRE_PARCEL_BYTES),
};
#undef OF
#define OF input
static const struct field input_rows[] = {
    FIXED(1, plan, HASH_BYTES),        FIXED(2, member, KEY_BYTES),
    FIXED(3, bundle, HASH_BYTES),      FIXED(4, dealers, HASH_BYTES),
    FIXED(5, vector_hash, HASH_BYTES), U64(6, ledger_length, 0, UINT64_MAX),
    FIXED(7, ledger_head, HASH_BYTES),
};
#undef OF
#define OF masked_input
static const struct field masked_input_rows[] = {
    BYTES(1, input, WIRE_SIGNED_SMALL_MIN, WIRE_SIGNED_SMALL_MAX),
    WORDS(2, vector, WIRE_DIMENSION_MAX),
};
#undef OF
#define OF survivors
static const struct field survivors_rows[] = {
    VIEWS(1, inputs, WIRE_PARTICIPANTS_MAX, WIRE_SIGNED_SMALL_MIN, WIRE_SIGNED_SMALL_MAX),
};
#undef OF
#define OF confirm
static const struct field confirm_rows[] = {
    FIXED(1, plan, HASH_BYTES),      FIXED(2, member, KEY_BYTES),
    FIXED(3, bundle, HASH_BYTES),    FIXED(4, dealers, HASH_BYTES),
    FIXED(5, survivors, HASH_BYTES),
};
#undef OF
#define OF confirms
static const struct field confirms_rows[] = {
    VIEWS(1, confirms, WIRE_PARTICIPANTS_MAX, WIRE_SIGNED_SMALL_MIN,
          WIRE_SIGNED_SMALL_MAX),
};
#undef OF
#define OF unmask
static const struct field unmask_rows[] = {
    FIXED(1, plan, HASH_BYTES),
    FIXED(2, survivors, HASH_BYTES),
    VIEWS(3, self_shares, WIRE_PARTICIPANTS_MAX, KEY_BYTES, KEY_BYTES),
    VIEWS(4, mask_shares, WIRE_PARTICIPANTS_MAX, KEY_BYTES, KEY_BYTES),
};
#undef OF
#define OF waiting
static const struct field waiting_rows[] = {
    U32(1, retry_after_ms, 0, 86400000),
    TEXT(2, what_for, 0, WIRE_TEXT_BYTES_MAX),
};
#undef OF
#define OF roster_fields
static const struct field roster_rows[] = {
    TEXT(1, consortium_name, 1, WIRE_NAME_BYTES_MAX),
    FIXED(2, governance_key, KEY_BYTES),
    U64(3, version, 1, UINT64_MAX),
    FIXED(4, previous, HASH_BYTES),
    U64(5, issued, 0, WIRE_TIME_MAX),
    FIXED(6, coordinator_key, KEY_BYTES),
    FIXED(7, coordinator_curve, KEY_BYTES),
    ADDRESS(8, endpoint),
    PARTS(9, members, WIRE_PARTICIPANTS_MAX),
};
#undef OF
#define OF terms
static const struct field terms_rows[] = {
    FIXED(1, study, STUDY_BYTES),
    FIXED(2, consortium, HASH_BYTES),
    TEXT(3, name, 1, WIRE_NAME_BYTES_MAX),
    TEXT(4, purpose, 0, WIRE_TEXT_BYTES_MAX),
    U64(5, issued, 0, WIRE_TIME_MAX),
    BYTES(6, model, 1, WIRE_MODEL_TEXT_MAX),
    FIXED(7, model_hash, HASH_BYTES),
    U32(8, statistic, 1, UINT32_MAX),
    U32(9, dimension, 1, WIRE_DIMENSION_MAX),
    U32(10, rounds, 1, WIRE_ROUNDS_MAX),
    REAL(11, epsilon, 1e-9, 100),
    REAL(12, delta, 1e-30, 0.5),
    U64(13, norm_max, 1, WIRE_NORM_MAX),
    U32(14, noise_log2, 2, 40),
    U32(15, hospitals_min, 1, WIRE_PARTICIPANTS_MAX),
    REALS(16, noise_multipliers, WIRE_ROUNDS_MAX, WIRE_NOISE_MULTIPLIER_MIN,
          WIRE_NOISE_MULTIPLIER_MAX),
    KEYS(17, participants, WIRE_PARTICIPANTS_MAX),
    BYTES(18, prior, 1, WIRE_PRIOR_MAX),
    U32(19, colluders, 1, WIRE_PARTICIPANTS_MAX),
};
#undef OF
#define OF plan
static const struct field plan_rows[] = {
    FIXED(1, study, STUDY_BYTES),
    FIXED(2, terms, HASH_BYTES),
    FIXED(3, roster, HASH_BYTES),
    U64(4, round, 1, WIRE_ROUNDS_MAX),
    U32(5, attempt, 1, WIRE_ATTEMPTS_MAX),
    FIXED(6, chain_head, HASH_BYTES),
    U32(7, dimension, 1, WIRE_DIMENSION_MAX),
    REAL(8, step, DBL_MIN, DBL_MAX),
    U64(9, norm_max, 1, WIRE_NORM_MAX),
    REAL(10, noise_multiplier, WIRE_NOISE_MULTIPLIER_MIN, WIRE_NOISE_MULTIPLIER_MAX),
    U32(11, noise_log2, 2, 40),
    U64(12, deadline, 0, WIRE_TIME_MAX),
    KEYS(13, participants, WIRE_PARTICIPANTS_MAX),
    U32(14, colluders, 1, WIRE_PARTICIPANTS_MAX),
    U32(15, quorum, 1, WIRE_PARTICIPANTS_MAX),
    U32(16, threshold, 1, WIRE_PARTICIPANTS_MAX),
    U32(17, survivors, 1, WIRE_PARTICIPANTS_MAX),
    U32(18, degree, 1, WIRE_PARTICIPANTS_MAX),
    BYTES(19, commitments, 0, HASH_BYTES *WIRE_PARTICIPANTS_MAX),
};
#undef OF
#define OF chain_link
static const struct field chain_link_rows[] = {
    FIXED(1, study, STUDY_BYTES),       U64(2, round, 1, WIRE_ROUNDS_MAX),
    FIXED(3, previous, HASH_BYTES),     FIXED(4, plan, HASH_BYTES),
    FIXED(5, sum, HASH_BYTES),          U32(6, contributions, 1, WIRE_PARTICIPANTS_MAX),
    BYTES(7, prior, 1, WIRE_PRIOR_MAX), FIXED(8, survivors, HASH_BYTES),
};
#undef OF
#define OF enrol_request
static const struct field request_rows[] = {
    FIXED(1, consortium, HASH_BYTES), TEXT(2, name, 1, WIRE_NAME_BYTES_MAX),
    FIXED(3, key, KEY_BYTES),         FIXED(4, curve, KEY_BYTES),
    U64(5, issued, 0, WIRE_TIME_MAX),
};
#undef OF
#define OF enrol_invite
static const struct field invite_rows[] = {
    TEXT(1, consortium_name, 1, WIRE_NAME_BYTES_MAX),
    FIXED(2, governance_key, KEY_BYTES),
    FIXED(3, coordinator_key, KEY_BYTES),
    FIXED(4, coordinator_curve, KEY_BYTES),
    ADDRESS(5, endpoint),
    U64(6, issued, 0, WIRE_TIME_MAX),
    U64(7, expires, 0, WIRE_TIME_MAX),
};
#undef OF
#define OF member
static const struct field member_rows[] = {
    TEXT(1, name, 1, WIRE_NAME_BYTES_MAX),
    FIXED(2, key, KEY_BYTES),
    FIXED(3, curve, KEY_BYTES),
    U64(4, valid_from, 0, WIRE_TIME_MAX),
    U64(5, valid_to, 0, WIRE_TIME_MAX),
};
#undef OF

#define SHAPE(label, type, rows, of, size_max)                                           \
    {                                                                                    \
        label, &gemel__##type##__descriptor, rows, sizeof rows / sizeof rows[0],         \
            sizeof(struct of), size_max                                                  \
    }

const struct shape_row shapes[SHAPE_COUNT] = {
    [SHAPE_SIGNED] =
        SHAPE("signed object", signed, signed_rows, signed_bytes, WIRE_FRAME_MAX),
    [SHAPE_ENVELOPE] = SHAPE("envelope", envelope, envelope_rows, envelope,
                             WIRE_FRAME_MAX - WIRE_SIGNED_EXTRA),
    [SHAPE_POLL] = SHAPE("poll", poll, poll_rows, poll, (size_t)16 << 10),
    [SHAPE_REPLY] = SHAPE("reply", reply, reply_rows, reply, WIRE_FRAME_MAX - 512),
    [SHAPE_RECEIPT] = SHAPE("receipt", receipt, receipt_rows, receipt, 256),
    [SHAPE_REFUSAL] = SHAPE("refusal", refusal, refusal_rows, refusal, 4096),
    [SHAPE_ADVERT] = SHAPE("advert", advert, advert_rows, advert, 384),
    [SHAPE_BUNDLE] = SHAPE("bundle", bundle, bundle_rows, bundle, (size_t)520 << 10),
    [SHAPE_DEALING] = SHAPE("dealing", dealing, dealing_rows, dealing, 256),
    [SHAPE_SHARES] = SHAPE("shares", shares, shares_rows, shares, (size_t)216 << 10),
    [SHAPE_DELIVERY] =
        SHAPE("delivery", delivery, delivery_rows, delivery, (size_t)248 << 10),
    [SHAPE_INPUT] = SHAPE("input", input, input_rows, input, 384),
    [SHAPE_MASKED_INPUT] = SHAPE("masked input", masked_input, masked_input_rows,
                                 masked_input, 8 * WIRE_DIMENSION_MAX + 1024),
    [SHAPE_SURVIVORS] =
        SHAPE("survivors", survivors, survivors_rows, survivors, (size_t)520 << 10),
    [SHAPE_CONFIRM] = SHAPE("confirm", confirm, confirm_rows, confirm, 256),
    [SHAPE_CONFIRMS] =
        SHAPE("confirms", confirms, confirms_rows, confirms, (size_t)520 << 10),
    [SHAPE_UNMASK] = SHAPE("unmask", unmask, unmask_rows, unmask, (size_t)72 << 10),
    [SHAPE_WAITING] = SHAPE("waiting", waiting, waiting_rows, waiting, 2064),
    [SHAPE_ROSTER] = SHAPE("roster", roster, roster_rows, roster_fields, WIRE_ROSTER_MAX),
    [SHAPE_TERMS] = SHAPE("terms", terms, terms_rows, terms, WIRE_TERMS_MAX),
    [SHAPE_PLAN] = SHAPE("plan", plan, plan_rows, plan, WIRE_PLAN_MAX),
    [SHAPE_CHAIN_LINK] =
        SHAPE("link", chain_link, chain_link_rows, chain_link, WIRE_CHAIN_LINK_MAX),
    [SHAPE_REQUEST] = SHAPE("request", request, request_rows, enrol_request, 1024),
    [SHAPE_INVITE] = SHAPE("invitation", invite, invite_rows, enrol_invite, 2048),
    [SHAPE_MEMBER] = SHAPE("member", member, member_rows, member, 512),
};

bool shapes_repeat(enum type type)
{
    return type == TYPE_KEYS || type == TYPE_VIEWS || type == TYPE_PARTS;
}

bool shapes_pack(enum type type)
{
    return type == TYPE_WORDS || type == TYPE_REALS;
}

/* ---- the table against the descriptors ---- */

static bool same_type(const struct field *field, const ProtobufCFieldDescriptor *from)
{
    static const ProtobufCType types[] = {
        [TYPE_U32] = PROTOBUF_C_TYPE_UINT32,    [TYPE_U64] = PROTOBUF_C_TYPE_UINT64,
        [TYPE_REAL] = PROTOBUF_C_TYPE_DOUBLE,   [TYPE_FIXED] = PROTOBUF_C_TYPE_BYTES,
        [TYPE_BYTES] = PROTOBUF_C_TYPE_BYTES,   [TYPE_TEXT] = PROTOBUF_C_TYPE_STRING,
        [TYPE_KEYS] = PROTOBUF_C_TYPE_BYTES,    [TYPE_VIEWS] = PROTOBUF_C_TYPE_BYTES,
        [TYPE_WORDS] = PROTOBUF_C_TYPE_FIXED64, [TYPE_REALS] = PROTOBUF_C_TYPE_DOUBLE,
        [TYPE_PARTS] = PROTOBUF_C_TYPE_MESSAGE, [TYPE_ADDRESS] = PROTOBUF_C_TYPE_STRING,
    };
    bool list = shapes_repeat(field->type) || shapes_pack(field->type);
    bool is_packed = (from->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
    return strcmp(from->name, field->name) == 0 && from->type == types[field->type] &&
           from->label ==
               (list ? PROTOBUF_C_LABEL_REPEATED : PROTOBUF_C_LABEL_REQUIRED) &&
           is_packed == shapes_pack(field->type);
}

enum err shapes_agree(void)
{
    for (size_t shape = 0; shape < SHAPE_COUNT; shape++) {
        const struct shape_row *row = &shapes[shape];
        if (row->descriptor->n_fields != row->field_count)
            return err_set(ERR_STATE, "%s: %u fields declared, %zu in the table",
                           row->name, row->descriptor->n_fields, row->field_count);
        for (size_t i = 0; i < row->field_count; i++) {
            const ProtobufCFieldDescriptor *from =
                protobuf_c_message_descriptor_get_field(row->descriptor,
                                                        row->fields[i].id);
            if (!from || !same_type(&row->fields[i], from) ||
                (i > 0 && row->fields[i].id <= row->fields[i - 1].id))
                return err_set(ERR_STATE, "%s: %s is not as declared", row->name,
                               row->fields[i].name);
        }
    }
    return ERR_OK;
}
