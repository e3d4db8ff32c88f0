#ifndef PRIVACY_IDENTITY_H
#define PRIVACY_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* identity - a member's long-term keys: Ed25519 for signatures, X25519 for CURVE.
 *
 * The secrets live in locked memory; a program keeps them in its encrypted store, the
 * governance's in a file of its own away from every server. It is not the store key and
 * not a round's one-time keys. Called by wire/, node/, coordinator/ and sim/. */

#define IDENTITY_KEY_BYTES 32
#define IDENTITY_SIGNATURE_BYTES 64
#define IDENTITY_SECRET_BYTES 64 /* Ed25519 seed, then X25519 secret */

struct identity;

enum err identity_new(struct identity **identity); /* fresh keys; ERR_STORAGE: no lock */
enum err identity_read(const uint8_t secret[IDENTITY_SECRET_BYTES],
                       struct identity **identity);
void identity_destroy(struct identity **identity); /* NULL is fine; wipes; nulls */

/* To be written into the encrypted store; the view is locked memory of the identity's. */
const uint8_t *identity_secret(const struct identity *identity);

void identity_public(const struct identity *identity, uint8_t key[IDENTITY_KEY_BYTES]);
void identity_curve(const struct identity *identity, uint8_t key[IDENTITY_KEY_BYTES]);
const uint8_t *identity_curve_secret(const struct identity *identity);

/* Ed25519 over field(tag) || field(data), fields as in base/bytes. ERR_RANGE for an empty
 * tag. */
enum err identity_sign(const struct identity *identity, const char *tag, const void *data,
                       size_t size, uint8_t signature[IDENTITY_SIGNATURE_BYTES]);

/* ERR_VERIFY for a signature that does not hold, a small-order or non-canonical key. */
enum err identity_verify(const uint8_t key[IDENTITY_KEY_BYTES], const char *tag,
                         const void *data, size_t size,
                         const uint8_t signature[IDENTITY_SIGNATURE_BYTES]);

/* A signature by `key` over field(tag) || field(data), as above. */
struct identity_claim {
    const uint8_t *key, *data, *signature;
    size_t size; /* of data */
};

/* Whether all of them hold, in a third of the time that one after the other takes when
 * there are many (src/privacy/PROOFS.md). ERR_VERIFY for the first that does not, which
 * is then `*wrong`; ERR_RANGE as above. */
enum err identity_verify_all(const char *tag, const struct identity_claim *claims,
                             size_t count, size_t *wrong);

/* A key file of its own (0400, armoured "IDENTITY"): for governance and officers.
 * Creating refuses an existing file (ERR_STATE); opening one that others may read is
 * ERR_KEY. */
enum err identity_file_create(const char *path, const struct identity *identity);
enum err identity_file_open(const char *path, struct identity **identity);

/* Draw one and keep it in such a file; `key` is its public half. */
enum err identity_file_draw(const char *path, uint8_t key[IDENTITY_KEY_BYTES]);

#endif
