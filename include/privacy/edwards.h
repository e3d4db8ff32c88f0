#ifndef PRIVACY_EDWARDS_H
#define PRIVACY_EDWARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* edwards - sums of multiples of points of Ed25519's curve, to check many signatures at
 * once: what libsodium has no function for.
 *
 * The curve is -x^2 + y^2 = 1 + d x^2 y^2 over the integers modulo p = 2^255 - 19 (RFC
 * 8032 5.1). For public numbers only: the time depends on all of them, and nothing is
 * wiped. It signs nothing and knows no hash. Called by identity. */

#define EDWARDS_BYTES 32      /* of a point, and of a scalar, little-endian */
#define EDWARDS_TERMS_MAX 160 /* whose tables stay in a processor's second cache */

/* `scalar` times a point; a scalar is below 2^253. */
struct edwards_term {
    const uint8_t *point; /* [EDWARDS_BYTES] as RFC 8032 encodes it */
    uint8_t scalar[EDWARDS_BYTES];
};

/* Whether eight times the sum of the terms is the neutral point. False as well when one
 * of the points is not one, is not encoded in the one way there is, or is of small order
 * (eight times it is neutral). Aborts beyond EDWARDS_TERMS_MAX. */
bool edwards_cancel(const struct edwards_term *terms, size_t count);

extern const uint8_t edwards_base[EDWARDS_BYTES]; /* RFC 8032's B */

#endif
