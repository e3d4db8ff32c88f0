#ifndef PRIVACY_PAIRKEY_H
#define PRIVACY_PAIRKEY_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"
#include "privacy/share.h"

/* pairkey - the one-time keys of one attempt, and what two members derive from them: the
 * seeds of their masks and the keys under which they send each other shares.
 *
 * Everything is bound to the attempt (`context`: the plan's hash) and to the set of
 * adverts (`bundle`: the hash of all of them), so that members who were shown different
 * plans or different adverts derive different seeds and their masks do not cancel. Every
 * input of a hash is a sequence of fields (base/bytes) after an ASCII tag;
 * docs/protocol.md has them byte by byte. One-time keys live in locked memory, are never
 * written to a disk and never used for a second attempt. Called by node/ (all of it) and
 * coordinator/unmask (what it reconstructs). */

struct random;

#define PAIRKEY_BYTES 32
#define PAIRKEY_SEED_BYTES 32
/* What else one member lets another know; what it means is not this module's. */
#define PAIRKEY_NOTE_BYTES 104
/* x (2 bytes, little-endian), share of the mask scalar, share of the self scalar, note:
 * sealed. */
#define PAIRKEY_PARCEL_BYTES (24 + 2 + 2 * SCALAR_BYTES + PAIRKEY_NOTE_BYTES + 16)

/* Fresh for every attempt. `mask_scalar` (r) and `self_scalar` (b) are what gets shared;
 * `mask_secret` (a) = BLAKE2b-256(key r; field "SA1/mask-sk"), an X25519 secret with
 * public `mask_key` (A); `seal_secret` (e), `seal_key` (E) an X25519 pair of its own. */
struct pairkey {
    uint8_t mask_scalar[SCALAR_BYTES], self_scalar[SCALAR_BYTES];
    uint8_t mask_secret[PAIRKEY_BYTES], mask_key[PAIRKEY_BYTES];
    uint8_t seal_secret[PAIRKEY_BYTES], seal_key[PAIRKEY_BYTES];
};

/* Into memory of the caller's that is locked (secret_new). */
void pairkey_draw(struct random *random, struct pairkey *keys);

/* a and A of a mask scalar: what the coordinator does with a scalar it put together
 * again, to compare A with the advert's. `mask_key` or `mask_secret` may be NULL. */
void pairkey_of_scalar(const uint8_t mask_scalar[SCALAR_BYTES],
                       uint8_t mask_secret[PAIRKEY_BYTES],
                       uint8_t mask_key[PAIRKEY_BYTES]);

/* Whether a one-time key somebody shows is canonical and not of low order: what every
 * function below refuses, found out before anybody uses it. */
bool pairkey_is_usable(const uint8_t key[PAIRKEY_BYTES]);

/* BLAKE2b-256 of fields "SA1/cb", context, member, self_scalar: binds a member to its
 * self scalar before anybody holds a share of it. */
void pairkey_commit(const uint8_t context[HASH_BYTES],
                    const uint8_t member[PAIRKEY_BYTES],
                    const uint8_t self_scalar[SCALAR_BYTES],
                    uint8_t commitment[HASH_BYTES]);

/* Where in the protocol a seed or key belongs. All public. */
struct pairkey_place {
    const uint8_t *context, *bundle; /* [HASH_BYTES] each */
    const uint8_t *own, *peer;       /* the members' identity keys [PAIRKEY_BYTES] */
};

/* The seed both sides derive: BLAKE2b-256(key X25519(own secret, peer key); fields
 * "SA1/pair", context, bundle, the lesser and the greater member (bytewise), the lesser's
 * and the greater's mask key). ERR_VERIFY for a peer key of low order or not canonical
 * (2^255 - 19 or more: nobody makes those honestly); ERR_RANGE when own and peer are the
 * same. */
enum err pairkey_pair_seed(const struct pairkey_place *place,
                           const uint8_t own_secret[PAIRKEY_BYTES],
                           const uint8_t own_key[PAIRKEY_BYTES],
                           const uint8_t peer_key[PAIRKEY_BYTES],
                           uint8_t seed[PAIRKEY_SEED_BYTES]);

/* BLAKE2b-256(key self_scalar; fields "SA1/self", context, bundle, member). place->peer
 * unused. */
void pairkey_self_seed(const struct pairkey_place *place,
                       const uint8_t self_scalar[SCALAR_BYTES],
                       uint8_t seed[PAIRKEY_SEED_BYTES]);

/* What one member sends another through the coordinator. */
struct pairkey_parcel {
    uint16_t point; /* the receiver's x */
    uint8_t mask_share[SCALAR_BYTES], self_share[SCALAR_BYTES];
};

/* What two members agree on for the parcels of both directions: X25519(own seal secret,
 * peer seal key). As secret as they are. ERR_VERIFY for a peer key as above; `agreed` is
 * then unchanged. */
enum err pairkey_agree(const struct pairkey *own,
                       const uint8_t peer_seal_key[PAIRKEY_BYTES],
                       uint8_t agreed[PAIRKEY_BYTES]);

/* Seal from own to peer: key = BLAKE2b-256(key agreed; fields "SA1/enc", context, bundle,
 * sender, receiver, sender's and receiver's seal keys), one for each direction;
 * XChaCha20-Poly1305 (IETF) with 24 random bytes of nonce in front and fields
 * "SA1/share", context, bundle, sender, receiver as additional data. */
void pairkey_seal(const struct pairkey_place *place, const struct pairkey *own,
                  const uint8_t peer_seal_key[PAIRKEY_BYTES],
                  const uint8_t agreed[PAIRKEY_BYTES],
                  const struct pairkey_parcel *parcel,
                  const uint8_t note[PAIRKEY_NOTE_BYTES], struct random *random,
                  uint8_t sealed[PAIRKEY_PARCEL_BYTES]);

/* Open what the peer sealed to own. ERR_VERIFY when it does not hold, when the point is
 * not `point`, or when a share is not canonical; `parcel` and `note` are then unchanged.
 */
enum err pairkey_unseal(const struct pairkey_place *place, const struct pairkey *own,
                        const uint8_t peer_seal_key[PAIRKEY_BYTES],
                        const uint8_t agreed[PAIRKEY_BYTES], uint16_t point,
                        const uint8_t sealed[PAIRKEY_PARCEL_BYTES],
                        struct pairkey_parcel *parcel, uint8_t note[PAIRKEY_NOTE_BYTES]);

#endif
