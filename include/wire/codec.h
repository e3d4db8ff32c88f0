#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/memory.h"

/* codec - plain structs to the bytes of proto/gemel.proto and back.
 *
 * Decoding walks the raw bytes first and refuses before anything is unpacked: sizes,
 * counts, unknown, doubled, missing or misordered fields, wire types, varints longer than
 * needed, numbers and texts outside their limits. Unpacking then takes its memory from
 * the caller's arena. One value has exactly one encoding, and encoding refuses whatever
 * decoding would refuse.
 *
 * It is not the meaning: signatures, hashes and agreement between fields belong to
 * envelope, roster, terms and chain, who are its callers. */

#define KEY_BYTES 32 /* Ed25519 or CURVE, public */
#define SIGNATURE_BYTES 64
#define STUDY_BYTES 16
#define NONCE_BYTES 16
#define WIRE_VERSION 1
#define WIRE_FRAME_MAX ((size_t)1 << 20) /* bytes of any message */
#define WIRE_SIGNED_EXTRA 80 /* at most so many bytes around the object in a Signed */
#define WIRE_ROSTER_MAX ((size_t)256 << 10)
#define WIRE_TERMS_MAX ((size_t)448 << 10)
#define WIRE_PLAN_MAX ((size_t)96 << 10)
#define WIRE_CHAIN_LINK_MAX ((size_t)144 << 10)
#define WIRE_MODEL_TEXT_MAX ((size_t)256 << 10)
#define WIRE_PRIOR_MAX ((size_t)128 << 10)
#define WIRE_DIMENSION_MAX 65536
#define WIRE_ROUNDS_MAX 1000
#define WIRE_ATTEMPTS_MAX 1000
#define WIRE_PARTICIPANTS_MAX 1024
#define WIRE_SIGNED_SMALL_MIN                                                            \
    128 /* a Signed of a phase: advert, dealing, input, confirm */
#define WIRE_SIGNED_SMALL_MAX 512
#define WIRE_PARCEL_BYTES 210 /* privacy/pairkey's */
#define WIRE_TERMS_KNOWN_MAX 256
#define WIRE_REPLY_TERMS_MAX 16
#define WIRE_REPLY_LINKS_MAX 64
#define WIRE_REPLY_HEADS_MAX 64
#define WIRE_HEADS_BYTES 240 /* wire/heads' */
#define WIRE_NAME_BYTES_MAX 100
#define WIRE_TEXT_BYTES_MAX 2000
#define WIRE_TIME_MAX ((uint64_t)253402300799) /* the last second of the year 9999 */
/* A study cannot be written down that has no noise, or so much that nothing is left. */
#define WIRE_NOISE_MULTIPLIER_MIN 1e-3
#define WIRE_NOISE_MULTIPLIER_MAX 524288.0 /* 2^19 */
#define WIRE_NORM_MAX ((uint64_t)1 << 60)

/* Views point into the decoder's arena, or into the encoder's caller's memory. */
struct view {
    const uint8_t *data;
    size_t size;
};
struct views {
    const struct view *items;
    size_t count;
};
struct keys { /* `count` runs of 32 bytes, strictly ascending */
    const uint8_t *items;
    size_t count;
};
struct words {
    const uint64_t *items;
    size_t count;
};
struct reals { /* finite */
    const double *items;
    size_t count;
};

static inline struct view codec_view(const struct bytes *bytes)
{
    return (struct view){bytes->data, bytes->size};
}

/* Whether a view holds exactly these bytes. */
bool codec_is(struct view view, const struct bytes *bytes);

enum message_kind { /* 3 was the contribution in the clear */
                    MESSAGE_POLL = 1,
                    MESSAGE_REPLY = 2,
                    MESSAGE_RECEIPT = 4,
                    MESSAGE_REFUSAL = 5,
                    MESSAGE_ADVERT = 16, /* body: a Signed Advert */
                    MESSAGE_BUNDLE = 17,
                    MESSAGE_SHARES = 18,
                    MESSAGE_DELIVERY = 19,
                    MESSAGE_INPUT = 20,
                    MESSAGE_SURVIVORS = 21,
                    MESSAGE_CONFIRM = 22, /* body: a Signed Confirm */
                    MESSAGE_CONFIRMS = 23,
                    MESSAGE_UNMASK = 24,
                    MESSAGE_WAIT = 25,
};

/* The structs of proto/gemel.proto, field by field; that file has the comments. */
struct signed_bytes {
    struct view object;
    uint8_t signature[SIGNATURE_BYTES];
};
struct envelope {
    uint32_t version, kind;
    uint8_t consortium[HASH_BYTES], sender[KEY_BYTES], recipient[KEY_BYTES];
    uint8_t study[STUDY_BYTES];
    uint64_t round;
    uint32_t attempt;
    uint8_t nonce[NONCE_BYTES];
    struct view body;
};
struct poll {
    uint64_t roster_version;
    uint8_t roster_hash[HASH_BYTES];
    uint64_t ledger_length;
    uint8_t ledger_head[HASH_BYTES];
    uint64_t chain_length;
    uint8_t chain_head[HASH_BYTES];
    struct keys terms_known;
    uint8_t seed_commitment[HASH_BYTES]; /* zeros: none */
    uint8_t chain_signature[SIGNATURE_BYTES], ledger_signature[SIGNATURE_BYTES];
};
struct reply {
    uint32_t retry_after_ms;
    const char *waiting;
    uint64_t now;
    uint64_t ledger_length;
    uint8_t ledger_head[HASH_BYTES];
    struct view roster, plan; /* size 0: none */
    struct views terms, links, heads;
};
struct receipt {
    uint8_t message[HASH_BYTES], plan[HASH_BYTES];
    uint64_t ledger_length;
    uint8_t ledger_head[HASH_BYTES];
};
struct advert {
    uint8_t plan[HASH_BYTES], member[KEY_BYTES];
    uint8_t mask_key[KEY_BYTES], seal_key[KEY_BYTES];
    uint8_t commitment[HASH_BYTES], seed[HASH_BYTES];
    uint64_t ledger_length;
    uint8_t ledger_head[HASH_BYTES];
};
struct bundle {
    struct views adverts;
};
struct dealing {
    uint8_t plan[HASH_BYTES], member[KEY_BYTES], bundle[HASH_BYTES];
    uint8_t parcels_hash[HASH_BYTES];
};
struct shares {
    struct view dealing;
    struct views parcels;
};
struct delivery {
    struct keys dealers;
    struct views parcels;
};
struct input {
    uint8_t plan[HASH_BYTES], member[KEY_BYTES], bundle[HASH_BYTES], dealers[HASH_BYTES];
    uint8_t vector_hash[HASH_BYTES];
    uint64_t ledger_length;
    uint8_t ledger_head[HASH_BYTES];
};
struct masked_input {
    struct view input;
    struct words vector;
};
struct survivors {
    struct views inputs;
};
struct confirm {
    uint8_t plan[HASH_BYTES], member[KEY_BYTES], bundle[HASH_BYTES], dealers[HASH_BYTES];
    uint8_t survivors[HASH_BYTES];
};
struct confirms {
    struct views confirms;
};
struct unmask {
    uint8_t plan[HASH_BYTES], survivors[HASH_BYTES];
    struct views self_shares, mask_shares;
};
struct waiting {
    uint32_t retry_after_ms;
    const char *what_for;
};
struct refusal {
    uint32_t reason;
    const char *detail;
};
struct member {
    const char *name;
    uint8_t key[KEY_BYTES], curve[KEY_BYTES];
    uint64_t valid_from, valid_to;
};
struct members { /* strictly ascending by key */
    const struct member *items;
    size_t count;
};
struct roster_fields {
    const char *consortium_name;
    uint8_t governance_key[KEY_BYTES];
    uint64_t version;
    uint8_t previous[HASH_BYTES];
    uint64_t issued;
    uint8_t coordinator_key[KEY_BYTES], coordinator_curve[KEY_BYTES];
    const char *endpoint;
    struct members members;
};
struct terms {
    uint8_t study[STUDY_BYTES];
    uint8_t consortium[HASH_BYTES];
    const char *name, *purpose;
    uint64_t issued;
    struct view model;
    uint8_t model_hash[HASH_BYTES];
    uint32_t statistic, dimension, rounds;
    double epsilon, delta;
    uint64_t norm_max;
    uint32_t noise_log2, hospitals_min;
    struct reals noise_multipliers;
    struct keys participants;
    struct view prior;
    uint32_t colluders;
};
struct plan {
    uint8_t study[STUDY_BYTES];
    uint8_t terms[HASH_BYTES], roster[HASH_BYTES];
    uint64_t round;
    uint32_t attempt;
    uint8_t chain_head[HASH_BYTES];
    uint32_t dimension;
    double step;
    uint64_t norm_max;
    double noise_multiplier;
    uint32_t noise_log2;
    uint64_t deadline;
    struct keys participants;
    uint32_t colluders, quorum, threshold, survivors, degree;
    struct view commitments; /* HASH_BYTES a participant, or none */
};
struct chain_link {
    uint8_t study[STUDY_BYTES];
    uint64_t round;
    uint8_t previous[HASH_BYTES], plan[HASH_BYTES], sum[HASH_BYTES];
    uint32_t contributions;
    struct view prior;
    uint8_t survivors[HASH_BYTES];
};
struct enrol_request {
    uint8_t consortium[HASH_BYTES];
    const char *name;
    uint8_t key[KEY_BYTES], curve[KEY_BYTES];
    uint64_t issued;
};
struct enrol_invite {
    const char *consortium_name;
    uint8_t governance_key[KEY_BYTES];
    uint8_t coordinator_key[KEY_BYTES], coordinator_curve[KEY_BYTES];
    const char *endpoint;
    uint64_t issued, expires;
};

#define SHAPE_LIST(X)                                                                    \
    X(SIGNED, signed_bytes)                                                              \
    X(ENVELOPE, envelope)                                                                \
    X(POLL, poll)                                                                        \
    X(REPLY, reply)                                                                      \
    X(RECEIPT, receipt)                                                                  \
    X(REFUSAL, refusal)                                                                  \
    X(ADVERT, advert)                                                                    \
    X(BUNDLE, bundle)                                                                    \
    X(DEALING, dealing)                                                                  \
    X(SHARES, shares)                                                                    \
    X(DELIVERY, delivery)                                                                \
    X(INPUT, input)                                                                      \
    X(MASKED_INPUT, masked_input)                                                        \
    X(SURVIVORS, survivors)                                                              \
    X(CONFIRM, confirm)                                                                  \
    X(CONFIRMS, confirms)                                                                \
    X(UNMASK, unmask)                                                                    \
    X(WAITING, waiting)                                                                  \
    X(ROSTER, roster_fields)                                                             \
    X(TERMS, terms)                                                                      \
    X(PLAN, plan)                                                                        \
    X(CHAIN_LINK, chain_link)                                                            \
    X(REQUEST, enrol_request)                                                            \
    X(INVITE, enrol_invite)                                                              \
    X(MEMBER, member)

enum shape {
#define SHAPE_CODE(code, type) SHAPE_##code,
    SHAPE_LIST(SHAPE_CODE)
#undef SHAPE_CODE
        SHAPE_COUNT
};

/* Append the one encoding of `value`. ERR_RANGE, with nothing appended, when a field is
 * outside its limits or the whole would be larger than its shape allows. */
enum err codec_encode(enum shape shape, const void *value, struct bytes *bytes);

/* ERR_FORMAT names the shape, the field and what is wrong with it. `arena` keeps what the
 * result points to; codec_arena gives one of the right size. */
enum err codec_decode(enum shape shape, struct view bytes, struct arena *arena,
                      void *value);

/* The same, with the struct checked by the compiler: codec_encode_poll(&poll, &bytes),
 * codec_decode_poll(view, arena, &poll), ... */
#define SHAPE_TYPED(code, type)                                                          \
    static inline enum err codec_encode_##type(const struct type *value,                 \
                                               struct bytes *bytes)                      \
    {                                                                                    \
        return codec_encode(SHAPE_##code, value, bytes);                                 \
    }                                                                                    \
    static inline enum err codec_decode_##type(struct view bytes, struct arena *arena,   \
                                               struct type *value)                       \
    {                                                                                    \
        return codec_decode(SHAPE_##code, bytes, arena, value);                          \
    }
SHAPE_LIST(SHAPE_TYPED)
#undef SHAPE_TYPED

/* An arena with room to decode `size` bytes received, all layers of them: a small
 * multiple, so that no message can cost much more memory than it has bytes. */
struct arena *codec_arena(size_t size);

/* The version an Envelope claims, read before anything else of it is looked at. */
enum err codec_version(struct view envelope, uint32_t *version);

size_t codec_size_max(enum shape shape);

#endif
