#ifndef PRIVACY_RANDOM_H
#define PRIVACY_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* random - unpredictable bytes, and streams of them for noise.
 *
 * A stream expands 256 bits into 32 KiB blocks of ChaCha20 keystream. The first 32 bytes
 * of every block become the next block's seed (fast key erasure), and every word is wiped
 * as it is handed out, so that neither the draws already made nor the seed can be read
 * back from memory. It is not the noise itself (privacy/noise.h) and knows no
 * distribution but the uniform one. Called by noise, identity, the programs, and, seeded,
 * by the simulator. A stream belongs to one thread. */

struct random;

#define RANDOM_SEED_BYTES 32

/* Fill from the kernel. Ends the process when the kernel has none to give. */
void random_bytes(void *data, size_t size);

/* A stream from a fresh seed, in locked memory. After a fork the child's copy throws the
 * block away and takes a new seed before its next draw: parent and child never share
 * noise. ERR_STORAGE when the kernel will not lock the memory. */
enum err random_new(struct random **random);

/* The same stream for the same seed, everywhere and for ever: for tests and for
 * gemel-sim. Never in a node: who knows the seed knows the noise. Nothing of it is
 * locked. */
struct random *random_new_seeded(const uint8_t seed[RANDOM_SEED_BYTES]);

void random_destroy(struct random **random); /* NULL is fine; wipes; nulls */

/* `count` <= 64 independent fair bits in the low end; 0 gives 0. */
uint64_t random_bits(struct random *random, unsigned count);
uint64_t random_u64(struct random *random);

/* The next whole words of the stream as bytes, lowest first; what is left of the last word
 * is lost. For keys, which are drawn from the same stream as everything of an attempt. */
void random_fill(struct random *random, void *data, size_t size);

/* Uniform on 0 .. n-1 for n >= 1, by rejection: no bias and no division. n is a public
 * number here; how many draws are rejected does not depend on the one returned. */
uint64_t random_below(struct random *random, uint64_t n);

#endif
