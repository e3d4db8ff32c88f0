#include "privacy/share.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "privacy/random.h"

#define SCALAR_WORDS 4
#define WIDE_WORDS 8
#define STEPS_MAX 25
#define PRODUCTS_MAX 250
#define SCALES_MAX 4
#define WIDE_BYTES 64 /* 512 bits, whose excess over L leaves a bias below 2^-259 */

_Static_assert(crypto_core_ristretto255_SCALARBYTES == SCALAR_BYTES, "scalar");
_Static_assert(crypto_core_ristretto255_NONREDUCEDSCALARBYTES == WIDE_BYTES,
               "what is reduced");

/* L, little-endian. */
static const uint8_t order[SCALAR_BYTES] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                            0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                            0xde, 0xf9, 0xde, 0x14, [31] = 0x10};

/* Uniform modulo L, 0 included. */
static void scalar_any(struct random *random, uint8_t scalar[SCALAR_BYTES])
{
    uint8_t wide[WIDE_BYTES];
    random_fill(random, wide, sizeof wide);
    crypto_core_ristretto255_scalar_reduce(scalar, wide);
    bytes_wipe(wide, sizeof wide);
}

void scalar_draw(struct random *random, uint8_t scalar[SCALAR_BYTES])
{
    do
        scalar_any(random, scalar);
    while (sodium_is_zero(scalar, SCALAR_BYTES));
}

/* Put together from bytes by shifts, gcc takes several times as long. */
static uint64_t word_get(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Below L when subtracting L borrows; the same steps for every scalar. A coordinator asks
 * this of a million shares, and comparing byte by byte took a tenth of its time. */
bool scalar_is_canonical(const uint8_t scalar[SCALAR_BYTES])
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < SCALAR_BYTES; i += sizeof borrow) {
        unsigned __int128 left =
            (unsigned __int128)word_get(scalar + i) - word_get(order + i) - borrow;
        borrow = (uint64_t)(left >> 64) & 1;
    }
    return borrow == 1;
}

static void scalar_of(uint64_t number, uint8_t scalar[SCALAR_BYTES])
{
    memset(scalar, 0, SCALAR_BYTES);
    for (size_t i = 0; i < sizeof number; i++)
        scalar[i] = (uint8_t)(number >> (8 * i));
}

static enum err points_check(const uint16_t *points, size_t count)
{
    bool seen[SHARE_POINTS_MAX + 1] = {false};
    if (count < 1 || count > SHARE_POINTS_MAX)
        return err_set(ERR_RANGE, "%zu points to share at: not 1 to %d", count,
                       SHARE_POINTS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (points[i] < 1 || points[i] > SHARE_POINTS_MAX)
            return err_set(ERR_RANGE, "point %u to share at: not 1 to %d", points[i],
                           SHARE_POINTS_MAX);
        if (seen[points[i]])
            return err_set(ERR_RANGE, "point %u to share at: there twice", points[i]);
        seen[points[i]] = true;
    }
    return ERR_OK;
}

static void word_put(uint64_t word, uint8_t *bytes)
{
    for (size_t i = 0; i < sizeof word; i++)
        bytes[i] = (uint8_t)(word >> (8 * i));
}

/* wide = wide modulo L */
static void wide_reduce(uint64_t wide[WIDE_WORDS], uint8_t scalar[SCALAR_BYTES])
{
    uint8_t bytes[WIDE_BYTES];
    for (size_t i = 0; i < WIDE_WORDS; i++)
        word_put(wide[i], bytes + i * sizeof *wide);
    crypto_core_ristretto255_scalar_reduce(scalar, bytes);
    memset(wide, 0, WIDE_BYTES);
    for (size_t i = 0; i < SCALAR_WORDS; i++)
        wide[i] = word_get(scalar + i * sizeof *wide);
    bytes_wipe(bytes, sizeof bytes);
}

/* Horner's rule; the first coefficient is the value at 0. A point is at most 2^10, so
 * that STEPS_MAX steps from a number below L stay below 2^253 (2^250 + 2^240 + ...) <
 * 2^504 as plain integers: only then is a reduction due. */
static void polynomial_at(const uint8_t (*coefficients)[SCALAR_BYTES], size_t count,
                          uint16_t point, uint8_t value[SCALAR_BYTES])
{
    uint64_t wide[WIDE_WORDS] = {0};
    for (size_t k = count; k-- > 0;) {
        unsigned __int128 carry = 0;
        for (size_t i = 0; i < WIDE_WORDS; i++) {
            carry += (unsigned __int128)wide[i] * point;
            if (i < SCALAR_WORDS)
                carry += word_get(coefficients[k] + i * sizeof *wide);
            wide[i] = (uint64_t)carry;
            carry >>= 64;
        }
        if (k % STEPS_MAX == 0)
            wide_reduce(wide, value);
    }
    bytes_wipe(wide, sizeof wide);
}

enum err share_split(const uint8_t secret[SCALAR_BYTES], size_t threshold,
                     const uint16_t *points, size_t count, struct random *random,
                     uint8_t (*shares)[SCALAR_BYTES])
{
    if (points_check(points, count))
        return err_code();
    if (threshold < 1 || threshold > count)
        return err_set(ERR_RANGE, "threshold %zu of %zu shares: not 1 to %zu", threshold,
                       count, count);
    if (!scalar_is_canonical(secret))
        return err_set(ERR_RANGE, "a secret to share is not a number below L");
    void *room = NULL;
    if (secret_new(threshold * SCALAR_BYTES, &room))
        return err_wrap("coefficients of %zu shares", count);
    uint8_t(*coefficients)[SCALAR_BYTES] = room;
    memcpy(coefficients[0], secret, SCALAR_BYTES);
    for (size_t i = 1; i < threshold; i++)
        scalar_any(random, coefficients[i]);
    for (size_t i = 0; i < count; i++)
        polynomial_at((const uint8_t(*)[SCALAR_BYTES])coefficients, threshold, points[i],
                      shares[i]);
    secret_free(room);
    return ERR_OK;
}

struct share_basis {
    size_t count;
    uint16_t *points;
    uint8_t (*factors)[SCALAR_BYTES];
};

/* wide *= factor */
static void wide_scale(uint64_t wide[WIDE_WORDS], uint64_t factor)
{
    unsigned __int128 carry = 0;
    for (size_t i = 0; i < WIDE_WORDS; i++) {
        carry += (unsigned __int128)wide[i] * factor;
        wide[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

/* x_i * product over j != i of (x_j - x_i). All factors are below 2^10 in size, so that
 * several fit one word, and SCALES_MAX words times a number below L 512 bits, before a
 * reduction is due; none is 0 modulo L. */
static void denominator(const uint16_t *points, size_t count, size_t i,
                        uint8_t product[SCALAR_BYTES])
{
    uint64_t wide[WIDE_WORDS] = {1}, word = points[i];
    unsigned scales = 0;
    bool negative = false;
    for (size_t j = 0; j < count; j++) {
        if (j == i)
            continue;
        if (word > UINT64_MAX / SHARE_POINTS_MAX) {
            wide_scale(wide, word);
            if (++scales % SCALES_MAX == 0)
                wide_reduce(wide, product);
            word = 1;
        }
        bool less = points[j] < points[i];
        word *= (uint64_t)(less ? points[i] - points[j] : points[j] - points[i]);
        negative ^= less;
    }
    wide_scale(wide, word);
    wide_reduce(wide, product);
    if (negative)
        crypto_core_ristretto255_scalar_negate(product, product);
}

/* factors[i] = product of all x_j / denominator of i, by one inversion for all
 * (Montgomery 1987): first the product of the denominators before each, then from the
 * last one down what is left of the inverse of all of them. */
static void factors_find(struct share_basis *basis)
{
    uint8_t(*denominators)[SCALAR_BYTES] = mem_new(basis->count, SCALAR_BYTES);
    uint8_t left[SCALAR_BYTES], scalar[SCALAR_BYTES];
    scalar_of(1, left);
    for (size_t i = 0; i < basis->count; i++) {
        denominator(basis->points, basis->count, i, denominators[i]);
        memcpy(basis->factors[i], left, SCALAR_BYTES);
        crypto_core_ristretto255_scalar_mul(left, left, denominators[i]);
    }
    crypto_core_ristretto255_scalar_invert(left, left);
    for (size_t i = 0; i < basis->count; i++) {
        scalar_of(basis->points[i], scalar);
        crypto_core_ristretto255_scalar_mul(left, left, scalar);
    }
    for (size_t i = basis->count; i-- > 0;) {
        crypto_core_ristretto255_scalar_mul(basis->factors[i], basis->factors[i], left);
        crypto_core_ristretto255_scalar_mul(left, left, denominators[i]);
    }
    mem_free(denominators);
}

enum err share_basis_new(const uint16_t *points, size_t count, struct share_basis **basis)
{
    if (points_check(points, count))
        return err_code();
    struct share_basis *fresh = mem_new(1, sizeof *fresh);
    fresh->count = count;
    fresh->points = mem_copy(points, count * sizeof *points);
    fresh->factors = mem_new(count, SCALAR_BYTES);
    factors_find(fresh);
    *basis = fresh;
    return ERR_OK;
}

void share_basis_free(struct share_basis **basis)
{
    if (!*basis)
        return;
    mem_free((*basis)->points);
    mem_free((*basis)->factors);
    mem_free(*basis);
    *basis = NULL;
}

/* wide += a b, two numbers below L: with PRODUCTS_MAX times (2^252 + 2^125)^2 from a
 * number below L on, it stays below 2^512. */
static void wide_add_product(uint64_t wide[WIDE_WORDS], const uint8_t a[SCALAR_BYTES],
                             const uint8_t b[SCALAR_BYTES])
{
    for (size_t i = 0; i < SCALAR_WORDS; i++) {
        uint64_t word = word_get(a + i * sizeof word);
        unsigned __int128 carry = 0;
        for (size_t j = i; j < WIDE_WORDS; j++) {
            carry += wide[j];
            if (j < i + SCALAR_WORDS)
                carry += (unsigned __int128)word * word_get(b + (j - i) * sizeof word);
            wide[j] = (uint64_t)carry;
            carry >>= 64;
        }
    }
}

enum err share_join(const struct share_basis *basis,
                    const uint8_t (*shares)[SCALAR_BYTES], uint8_t secret[SCALAR_BYTES])
{
    for (size_t i = 0; i < basis->count; i++)
        if (!scalar_is_canonical(shares[i]))
            return err_set(ERR_RANGE, "the share at point %u is not a number below L",
                           basis->points[i]);
    uint64_t wide[WIDE_WORDS] = {0};
    for (size_t i = 0; i < basis->count; i++) {
        if (i % PRODUCTS_MAX == 0)
            wide_reduce(wide, secret);
        wide_add_product(wide, shares[i], basis->factors[i]);
    }
    wide_reduce(wide, secret);
    bytes_wipe(wide, sizeof wide);
    return ERR_OK;
}

/* --- wrong shares
 * ----------------------------------------------------------------------- */

/* Modulo L, the coefficient at x^0 first; the last one is not 0. */
struct polynomial {
    size_t size;
    uint8_t (*at)[SCALAR_BYTES]; /* room for one more than there are shares */
};

static void trim(struct polynomial *a)
{
    while (a->size > 0 && sodium_is_zero(a->at[a->size - 1], SCALAR_BYTES))
        a->size--;
}

/* a -= factor x^shift b */
static void subtract(struct polynomial *a, const struct polynomial *b, size_t shift,
                     const uint8_t factor[SCALAR_BYTES])
{
    uint8_t term[SCALAR_BYTES];
    for (; a->size < b->size + shift; a->size++)
        memset(a->at[a->size], 0, SCALAR_BYTES);
    for (size_t i = 0; i < b->size; i++) {
        crypto_core_ristretto255_scalar_mul(term, factor, b->at[i]);
        crypto_core_ristretto255_scalar_sub(a->at[i + shift], a->at[i + shift], term);
    }
    bytes_wipe(term, sizeof term);
}

/* Leave in `a` what is left of it modulo b; `quotient` [a's size] or NULL. The same steps
 * are taken off `with` in terms of `of` (both or neither NULL): Euclid's cofactor. */
static void divide(struct polynomial *a, const struct polynomial *b,
                   struct polynomial *quotient, struct polynomial *with,
                   const struct polynomial *of)
{
    uint8_t inverse[SCALAR_BYTES], factor[SCALAR_BYTES];
    crypto_core_ristretto255_scalar_invert(inverse, b->at[b->size - 1]);
    if (quotient) {
        quotient->size = a->size >= b->size ? a->size - b->size + 1 : 0;
        memset(quotient->at, 0, quotient->size * SCALAR_BYTES);
    }
    while (a->size >= b->size) {
        size_t shift = a->size - b->size;
        crypto_core_ristretto255_scalar_mul(factor, a->at[a->size - 1], inverse);
        subtract(a, b, shift, factor);
        trim(a);
        if (quotient)
            memcpy(quotient->at[shift], factor, SCALAR_BYTES);
        if (with)
            subtract(with, of, shift, factor);
    }
    if (with)
        trim(with);
    bytes_wipe(factor, sizeof factor);
}

/* `whole` = product of all (x - x_i); `through` takes the value shares[i] at every x_i:
 * the sum of shares[i] q_i / q_i(x_i) with q_i = whole / (x - x_i). */
static void interpolate(const uint16_t *points, const uint8_t (*shares)[SCALAR_BYTES],
                        size_t count, struct polynomial *whole,
                        struct polynomial *through, struct polynomial *rest)
{
    uint8_t point[SCALAR_BYTES], factor[SCALAR_BYTES];
    whole->size = 1;
    scalar_of(1, whole->at[0]);
    for (size_t i = 0; i < count; i++) {
        scalar_of(points[i], point);
        memmove(whole->at[1], whole->at[0], whole->size++ * SCALAR_BYTES);
        memset(whole->at[0], 0, SCALAR_BYTES);
        for (size_t k = 0; k + 1 < whole->size; k++) {
            crypto_core_ristretto255_scalar_mul(factor, point, whole->at[k + 1]);
            crypto_core_ristretto255_scalar_sub(whole->at[k], whole->at[k], factor);
        }
    }
    through->size = 0;
    for (size_t i = 0; i < count; i++) {
        scalar_of(points[i], point);
        rest->size = count;
        memcpy(rest->at[count - 1], whole->at[count], SCALAR_BYTES);
        for (size_t k = count - 1; k-- > 0;) { /* Ruffini's rule */
            crypto_core_ristretto255_scalar_mul(factor, point, rest->at[k + 1]);
            crypto_core_ristretto255_scalar_add(rest->at[k], whole->at[k + 1], factor);
        }
        polynomial_at((const uint8_t(*)[SCALAR_BYTES])rest->at, count, points[i], factor);
        crypto_core_ristretto255_scalar_invert(factor, factor);
        crypto_core_ristretto255_scalar_mul(factor, factor, shares[i]);
        crypto_core_ristretto255_scalar_negate(factor, factor);
        subtract(through, rest, 0, factor);
    }
    trim(through);
    bytes_wipe(factor, sizeof factor);
}

/* The polynomial of degree below `threshold` behind the shares into `found`. */
static bool decode(struct polynomial work[5], const uint16_t *points,
                   const uint8_t (*shares)[SCALAR_BYTES], size_t count, size_t threshold)
{
    struct polynomial *before = &work[0], *now = &work[1], *old = &work[2],
                      *locator = &work[3], *found = &work[4];
    interpolate(points, shares, count, before, now, found);
    old->size = 0;
    locator->size = 1;
    scalar_of(1, locator->at[0]);
    /* Until the degree is below (count + threshold)/2. */
    while (now->size > 0 && 2 * (now->size - 1) >= count + threshold) {
        divide(before, now, NULL, old, locator);
        struct polynomial *swap = before;
        before = now;
        now = swap;
        swap = old;
        old = locator;
        locator = swap;
    }
    divide(now, locator, found, NULL, NULL);
    trim(found);
    if (now->size > 0 || found->size > threshold)
        return false;
    for (; found->size < threshold; found->size++)
        memset(found->at[found->size], 0, SCALAR_BYTES);
    return true;
}

enum err share_correct(const uint16_t *points, const uint8_t (*shares)[SCALAR_BYTES],
                       size_t count, size_t threshold, uint8_t secret[SCALAR_BYTES],
                       bool *wrong)
{
    struct polynomial work[5];
    uint8_t value[SCALAR_BYTES];
    size_t size = count + 2, mistakes = 0;
    if (points_check(points, count))
        return err_code();
    if (threshold < 1 || threshold > count)
        return err_set(ERR_RANGE, "threshold %zu of %zu shares: not 1 to %zu", threshold,
                       count, count);
    for (size_t i = 0; i < 5; i++)
        work[i] = (struct polynomial){0, mem_new(size, SCALAR_BYTES)};
    bool *differs = mem_new(count, sizeof *differs);
    const struct polynomial *found = &work[4];
    bool decoded = decode(work, points, shares, count, threshold);
    for (size_t i = 0; decoded && i < count; i++) {
        polynomial_at((const uint8_t(*)[SCALAR_BYTES])found->at, threshold, points[i],
                      value);
        differs[i] = !bytes_equal(value, shares[i], SCALAR_BYTES);
        mistakes += differs[i];
    }
    decoded = decoded && 2 * mistakes <= count - threshold;
    if (decoded) {
        memcpy(secret, found->at[0], SCALAR_BYTES);
        memcpy(wrong, differs, count * sizeof *wrong);
    }
    for (size_t i = 0; i < 5; i++) {
        bytes_wipe(work[i].at, size * SCALAR_BYTES);
        mem_free(work[i].at);
    }
    mem_free(differs);
    return decoded ? ERR_OK
                   : err_set(ERR_VERIFY, "more than %zu of %zu shares are wrong",
                             (count - threshold) / 2, count);
}
