#ifndef PRIVACY_SEAL_H
#define PRIVACY_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* seal - bytes that leave the encrypted store, for a disk nobody has to trust: encrypted
 * and authenticated, under keys derived for one purpose each.
 *
 * XChaCha20-Poly1305 (IETF draft irtf-cfrg-xchacha-03, as in libsodium). The nonce is the
 * number of the piece, so a key is used for one row of pieces only, each number once:
 * derive one with a fresh salt. Order, place and end of a row are the caller's to bind,
 * by numbers and by `beside` (associated data, as in STREAM of Hoang et al. 2015). It
 * holds no key. Called by node/. */

#define SEAL_KEY_BYTES 32
#define SEAL_SALT_BYTES 32
#define SEAL_TAG_BYTES 16
#define SEAL_NAME_BYTES 16

/* BLAKE2b-256 keyed with `key`, of field(purpose) || field(salt). */
void seal_derive(const uint8_t key[SEAL_KEY_BYTES], const char *purpose,
                 const uint8_t salt[SEAL_SALT_BYTES], uint8_t derived[SEAL_KEY_BYTES]);

/* By which to tell that a file was made under another key; says nothing about the key. */
void seal_key_name(const uint8_t key[SEAL_KEY_BYTES], uint8_t name[SEAL_NAME_BYTES]);

/* Appends data's `size` + SEAL_TAG_BYTES bytes to `sealed`. */
void seal_close(const uint8_t key[SEAL_KEY_BYTES], uint64_t number,
                const struct bytes *beside, const void *data, size_t size,
                struct bytes *sealed);

/* Appends what was sealed to `plain`; ERR_VERIFY when anything differs, with `plain` as
 * it was. */
enum err seal_open(const uint8_t key[SEAL_KEY_BYTES], uint64_t number,
                   const struct bytes *beside, const void *sealed, size_t size,
                   struct bytes *plain);

#endif
