#ifndef WIRE_PHASE_H
#define WIRE_PHASE_H

#include "wire/codec.h"
#include "wire/reason.h"

/* phase - what members sign in the five phases of secure aggregation, and the hashes that
 * bind each phase to the ones before.
 *
 * Bonawitz et al. 2017 (ePrint 2017/281), the variant for a malicious server, with a
 * confirmation signed by a quorum of all participants. `context` is the hash of the plan;
 * `bundle` (h1) of all adverts, `dealers` (h2) of who dealt shares, `survivors` (h3) of
 * whose inputs are in and what they are. Every later signature covers the earlier hashes,
 * so that members who were shown different things never confirm the same. It keeps no
 * state: node/ and coordinator/ do, one file a phase, with these names. */

struct identity;

enum phase {
    PHASE_ADVERTISE, /* one-time keys */
    PHASE_SHARE,     /* shares of two secrets for every neighbour */
    PHASE_MASK,      /* the masked input */
    PHASE_CONFIRM,   /* one signature on who is in the sum */
    PHASE_UNMASK,    /* shares that take the masks off */
    PHASE_END,       /* summed, or given up */
};
const char *phase_name(enum phase phase);  /* "advertise", ..., "end" */
uint32_t phase_question(enum phase phase); /* the kind of message a node asks with */
uint32_t phase_answer(enum phase phase);   /* the kind that ends the phase for it */

/* --- signed objects: advert, dealing, input, confirm
 * ------------------------------------ */

#define PHASE_SIGNED_LIST(X)                                                             \
    X(ADVERT, advert)                                                                    \
    X(DEALING, dealing)                                                                  \
    X(INPUT, input)                                                                      \
    X(CONFIRM, confirm)

/* Append a Signed of `value`, whose `member` must be the identity's own key. */
enum err phase_sign(const struct identity *identity, enum shape shape, const void *value,
                    struct bytes *bytes);

/* Read one without its signature, for an order or for what another signature vouches for.
 * ERR_FORMAT. */
enum err phase_read(enum shape shape, struct view bytes, struct arena *arena,
                    void *value);

/* Read all of a list into `values` [as many] and believe them: each of this plan
 * (WRONG_PLAN), signed by its member (BAD_SIGNATURE). Whether the member may speak is the
 * caller's to know. Refused, `values` mean nothing. */
enum reason phase_open_all(enum shape shape, const struct views *list,
                           const uint8_t context[HASH_BYTES], struct arena *arena,
                           void *values);

#define PHASE_TYPED(code, type)                                                          \
    static inline enum err phase_sign_##type(                                            \
        const struct identity *identity, const struct type *value, struct bytes *bytes)  \
    {                                                                                    \
        return phase_sign(identity, SHAPE_##code, value, bytes);                         \
    }                                                                                    \
    static inline enum err phase_read_##type(struct view bytes, struct arena *arena,     \
                                             struct type *value)                         \
    {                                                                                    \
        return phase_read(SHAPE_##code, bytes, arena, value);                            \
    }                                                                                    \
    static inline enum reason phase_open_all_##type(                                     \
        const struct views *list, const uint8_t context[HASH_BYTES],                     \
        struct arena *arena, struct type *values)                                        \
    {                                                                                    \
        return phase_open_all(SHAPE_##code, list, context, arena, values);               \
    }                                                                                    \
    static inline enum reason phase_open_##type(struct view bytes,                       \
                                                const uint8_t context[HASH_BYTES],       \
                                                struct arena *arena, struct type *value) \
    {                                                                                    \
        const struct views list = {&bytes, 1};                                           \
        return phase_open_all(SHAPE_##code, &list, context, arena, value);               \
    }
PHASE_SIGNED_LIST(PHASE_TYPED)
#undef PHASE_TYPED

/* Append the body of the receipt that ends an attempt for a member: of its input's plan,
 * and countersigning the ledger that the input showed. `message`: hash of the question
 * answered. */
enum err phase_receipt(const struct input *input, const uint8_t message[HASH_BYTES],
                       struct bytes *body);

/* --- hashes
 * ----------------------------------------------------------------------------- */

/* hash("SA1/b1", fields: every Signed Advert): h1. */
void phase_bundle_hash(const struct views *adverts, uint8_t hash[HASH_BYTES]);

/* hash("SA1/parcels", fields: every parcel). */
void phase_parcels_hash(const struct views *parcels, uint8_t hash[HASH_BYTES]);

/* hash("SA1/u2", fields: context, h1, every dealer's key): h2. */
void phase_dealers_hash(const uint8_t context[HASH_BYTES],
                        const uint8_t bundle[HASH_BYTES], const struct keys *dealers,
                        uint8_t hash[HASH_BYTES]);

/* hash("SA1/vector", the numbers little-endian). */
void phase_vector_hash(const struct words *vector, uint8_t hash[HASH_BYTES]);

/* hash("SA1/u3", fields: context, h1, h2, then of every survivor its key and the hash of
 * its masked vector): h3. `inputs` [count] ascending by member. */
void phase_survivors_hash(const uint8_t context[HASH_BYTES],
                          const uint8_t bundle[HASH_BYTES],
                          const uint8_t dealers[HASH_BYTES], const struct input *inputs,
                          size_t count, uint8_t hash[HASH_BYTES]);

/* The seed of a sparse graph, made by all who advertised: hash("SA1/graph", fields:
 * context, every seed in order), and what binds a member to its part before it knows the
 * others': hash("SA1/seed", fields: study, member, seed). */
void phase_graph_seed(const uint8_t context[HASH_BYTES], const struct advert *adverts,
                      size_t count, uint8_t seed[HASH_BYTES]);
void phase_seed_commitment(const uint8_t study[STUDY_BYTES],
                           const uint8_t member[KEY_BYTES],
                           const uint8_t seed[HASH_BYTES],
                           uint8_t commitment[HASH_BYTES]);

#endif
