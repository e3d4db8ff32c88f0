#ifndef PRIVACY_MASK_H
#define PRIVACY_MASK_H

#include <stddef.h>
#include <stdint.h>

/* mask - hide a vector modulo 2^64 under a ChaCha20 keystream, and take the keystream off
 * again.
 *
 * The keystream of a seed (RFC 8439 ChaCha20, key = seed, nonce 0, counter from 0) is
 * read as little-endian 64-bit words: all 2^64 values, 256 bits of key. A seed masks one
 * vector of one attempt, ever (privacy/pairkey derives it so). Called by node/mask and
 * coordinator/unmask. */

#define MASK_SEED_BYTES 32

/* vector[i] += keystream[i], vector[i] -= keystream[i], modulo 2^64. Works through blocks
 * that fit the first-level cache; the keystream is wiped. Any count up to 2^32 words,
 * more is a bug and aborts. */
void mask_add(const uint8_t seed[MASK_SEED_BYTES], uint64_t *vector, size_t count);
void mask_subtract(const uint8_t seed[MASK_SEED_BYTES], uint64_t *vector, size_t count);

#endif
