#ifndef PRIVACY_SHARE_H
#define PRIVACY_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* share - Shamir's secret sharing over the scalar field of ristretto255 (Shamir 1979; the
 * field is the integers modulo L = 2^252 + 27742317777372353535851937790883648493).
 *
 * Any `threshold` shares give the secret back, fewer say nothing about it. libsodium's
 * scalar arithmetic takes the same time for every secret; points are public. It does not
 * know whose secret it shares nor whether shares are true: who joins them compares the
 * result with a commitment (privacy/pairkey). Called by node/share, node/unmask and
 * coordinator/unmask. */

struct random;

#define SCALAR_BYTES 32
#define SHARE_POINTS_MAX 1024

/* Uniform modulo L, from 512 bits of `random`; never 0. */
void scalar_draw(struct random *random, uint8_t scalar[SCALAR_BYTES]);

/* Whether the bytes are a number below L: others are refused wherever they come from
 * outside. */
bool scalar_is_canonical(const uint8_t scalar[SCALAR_BYTES]);

/* Split `secret` [canonical] into `count` shares, the i-th at x = points[i]: all
 * different, from 1 to SHARE_POINTS_MAX. 1 <= threshold <= count. Coefficients are drawn
 * from `random` into locked memory and wiped. ERR_RANGE; ERR_STORAGE when the kernel will
 * not lock it; `shares` is then unchanged. */
enum err share_split(const uint8_t secret[SCALAR_BYTES], size_t threshold,
                     const uint16_t *points, size_t count, struct random *random,
                     uint8_t (*shares)[SCALAR_BYTES]);

/* What to multiply the shares at `points` [count] with so that they add up to the secret:
 * Lagrange's basis at 0. Made once for a set of points, used for every secret shared to
 * that set. ERR_RANGE as above; caller frees. */
struct share_basis;
enum err share_basis_new(const uint16_t *points, size_t count,
                         struct share_basis **basis);
void share_basis_free(struct share_basis **basis); /* NULL is fine; nulls */

/* The secret that `shares` [as many as the basis has points, in its order] add up to.
 * ERR_RANGE for a share that is not canonical; `secret` is then unchanged. */
enum err share_join(const struct share_basis *basis,
                    const uint8_t (*shares)[SCALAR_BYTES], uint8_t secret[SCALAR_BYTES]);

/* The secret behind `shares` at `points` [count, canonical] of which some are wrong: of
 * the one polynomial of degree below `threshold` that agrees with all but at most (count
 * - threshold)/2 of them (Gao 2003, "A new algorithm for decoding Reed-Solomon codes").
 * `wrong` [count] says which do not. ERR_VERIFY when there is none; ERR_RANGE as above;
 * outputs are then unchanged. It takes the time of some 6 count^2 multiplications, which
 * depends on what the shares are: for who may know the secret. */
enum err share_correct(const uint16_t *points, const uint8_t (*shares)[SCALAR_BYTES],
                       size_t count, size_t threshold, uint8_t secret[SCALAR_BYTES],
                       bool *wrong);

#endif
