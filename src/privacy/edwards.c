#include "privacy/edwards.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define WIDTH 5                  /* of the digits a scalar is written in */
#define TABLE (1 << (WIDTH - 2)) /* a point's odd multiples: 1, 3, ..., 15 */
#define PLACES 256               /* digits of a scalar below 2^253 take 254 */

/* --- numbers modulo p
 * ---------------------------------------------------------------------------- */

/* Five digits of 51 bits, the sum of at[i] 2^(51 i). `tight`: each digit is below 2^51 +
 * 2^13, as a product leaves it; `loose`: below 2^54, as a product takes it. */
#define DIGIT_BITS 51
#define DIGIT_MASK (((uint64_t)1 << DIGIT_BITS) - 1)

struct element {
    uint64_t at[5];
};

typedef unsigned __int128 wide;

/* A call with its numbers in memory takes a third longer. */
#define INLINE static inline __attribute__((always_inline))

static const struct element zero, one = {{1}};
/* -121665/121666, twice that, and the square root of -1. */
static const struct element d = {{0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029,
                                  0x739c663a03cbb, 0x52036cee2b6ff}};
static const struct element twice_d = {{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052,
                                        0x6738cc7407977, 0x2406d9dc56dff}};
static const struct element root = {
    {0x61b274a0ea0b0, 0xd5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};

/* Loose from tight ones: nothing is carried. */
static struct element add(const struct element *a, const struct element *b)
{
    return (struct element){{a->at[0] + b->at[0], a->at[1] + b->at[1],
                             a->at[2] + b->at[2], a->at[3] + b->at[3],
                             a->at[4] + b->at[4]}};
}

/* a - b + 4p, so that no digit wraps: loose from an `a` below 2^53 and a `b` that is
 * tight or the sum of two tight ones. */
#define FIRST_OF_4P (((uint64_t)1 << 53) - 76)
#define OTHERS_OF_4P (((uint64_t)1 << 53) - 4)

static struct element subtract(const struct element *a, const struct element *b)
{
    return (struct element){
        {a->at[0] + FIRST_OF_4P - b->at[0], a->at[1] + OTHERS_OF_4P - b->at[1],
         a->at[2] + OTHERS_OF_4P - b->at[2], a->at[3] + OTHERS_OF_4P - b->at[3],
         a->at[4] + OTHERS_OF_4P - b->at[4]}};
}

/* Tight from column sums below 2^115. What is carried out of the last column stands for
 * 2^255 = 19 each. It is below 2^60, since that column alone has no terms times 19. */
INLINE struct element carry(wide c0, wide c1, wide c2, wide c3, wide c4)
{
    c1 += (uint64_t)(c0 >> DIGIT_BITS);
    c2 += (uint64_t)(c1 >> DIGIT_BITS);
    c3 += (uint64_t)(c2 >> DIGIT_BITS);
    c4 += (uint64_t)(c3 >> DIGIT_BITS);
    uint64_t first = ((uint64_t)c0 & DIGIT_MASK) + 19 * (uint64_t)(c4 >> DIGIT_BITS);
    return (struct element){{first & DIGIT_MASK,
                             ((uint64_t)c1 & DIGIT_MASK) + (first >> DIGIT_BITS),
                             (uint64_t)c2 & DIGIT_MASK, (uint64_t)c3 & DIGIT_MASK,
                             (uint64_t)c4 & DIGIT_MASK}};
}

/* Tight from loose ones: a column has terms of 2^108, four of them at most times 19. */
INLINE struct element multiply(const struct element *a, const struct element *b)
{
    uint64_t a0 = a->at[0], a1 = a->at[1], a2 = a->at[2], a3 = a->at[3], a4 = a->at[4];
    uint64_t b0 = b->at[0], b1 = b->at[1], b2 = b->at[2], b3 = b->at[3], b4 = b->at[4];
    uint64_t d1 = 19 * b1, d2 = 19 * b2, d3 = 19 * b3, d4 = 19 * b4; /* below 2^59 */
    return carry(
        (wide)a0 * b0 + (wide)a1 * d4 + (wide)a2 * d3 + (wide)a3 * d2 + (wide)a4 * d1,
        (wide)a0 * b1 + (wide)a1 * b0 + (wide)a2 * d4 + (wide)a3 * d3 + (wide)a4 * d2,
        (wide)a0 * b2 + (wide)a1 * b1 + (wide)a2 * b0 + (wide)a3 * d4 + (wide)a4 * d3,
        (wide)a0 * b3 + (wide)a1 * b2 + (wide)a2 * b1 + (wide)a3 * b0 + (wide)a4 * d4,
        (wide)a0 * b4 + (wide)a1 * b3 + (wide)a2 * b2 + (wide)a3 * b1 + (wide)a4 * b0);
}

INLINE struct element square(const struct element *a)
{
    uint64_t a0 = a->at[0], a1 = a->at[1], a2 = a->at[2], a3 = a->at[3], a4 = a->at[4];
    uint64_t b0 = 2 * a0, b1 = 2 * a1, b2 = 2 * a2, d3 = 19 * a3, d4 = 19 * a4;
    return carry((wide)a0 * a0 + (wide)b1 * d4 + (wide)b2 * d3,
                 (wide)b0 * a1 + (wide)b2 * d4 + (wide)a3 * d3,
                 (wide)b0 * a2 + (wide)a1 * a1 + 2 * ((wide)a3 * d4),
                 (wide)b0 * a3 + (wide)b1 * a2 + (wide)a4 * d4,
                 (wide)b0 * a4 + (wide)b1 * a3 + (wide)a2 * a2);
}

/* a^(2^times) b. */
static struct element raise(const struct element *a, int times, const struct element *b)
{
    struct element power = square(a);
    for (int i = 1; i < times; i++)
        power = square(&power);
    return multiply(&power, b);
}

/* a^((p - 5) / 8) = a^(2^252 - 3). */
static struct element root_power(const struct element *a)
{
    struct element b = square(a), c = raise(&b, 2, a); /* a^9 */
    b = multiply(&b, &c);                              /* a^11 */
    b = raise(&b, 1, &c);                              /* to the 2^5 - 1 */
    c = raise(&b, 5, &b);                              /* 2^10 - 1 */
    struct element e = raise(&c, 10, &c);              /* 2^20 - 1 */
    e = raise(&e, 20, &e);                             /* 2^40 - 1 */
    b = raise(&e, 10, &c);                             /* 2^50 - 1 */
    c = raise(&b, 50, &b);                             /* 2^100 - 1 */
    e = raise(&c, 100, &c);                            /* 2^200 - 1 */
    b = raise(&e, 50, &b);                             /* 2^250 - 1 */
    return raise(&b, 2, a);
}

/* The one number below p. */
static struct element reduce(const struct element *a)
{
    struct element result = multiply(a, &one);
    /* below 2^255 + 2^64 < 2p: adding 19 passes 2^255 when p is to be taken off */
    uint64_t over = 19;
    for (int i = 0; i < 5; i++)
        over = (result.at[i] + over) >> DIGIT_BITS;
    over *= 19;
    for (int i = 0; i < 5; i++) {
        result.at[i] += over;
        over = result.at[i] >> DIGIT_BITS;
        result.at[i] &= DIGIT_MASK;
    }
    return result;
}

static bool equals(const struct element *a, const struct element *b)
{
    struct element one_side = reduce(a), other = reduce(b);
    return memcmp(&one_side, &other, sizeof other) == 0;
}

static struct element from_bytes(const uint8_t bytes[EDWARDS_BYTES])
{
    struct element result = {{0}};
    for (int bit = 0; bit < 255; bit += 8) {
        int digit = bit / DIGIT_BITS, shift = bit % DIGIT_BITS;
        uint64_t byte = bit < 248 ? bytes[bit / 8] : bytes[bit / 8] & 0x7f;
        result.at[digit] |= byte << shift & DIGIT_MASK;
        if (shift > DIGIT_BITS - 8 && digit < 4)
            result.at[digit + 1] |= byte >> (DIGIT_BITS - shift);
    }
    return result;
}

/* --- points
 * --------------------------------------------------------------------------------------
 */

/* Extended coordinates, all tight: x = X/Z, y = Y/Z, T = XY/Z (Hisil, Wong, Carter and
 * Dawson 2008). */
struct point {
    struct element x, y, z, t;
};

/* A point that is added often: Y + X, Y - X, 2Z, 2dT. */
struct addend {
    struct element sum, difference, twice_z, twice_dt;
};

static struct addend prepare(const struct point *p)
{
    return (struct addend){add(&p->y, &p->x), subtract(&p->y, &p->x), add(&p->z, &p->z),
                           multiply(&p->t, &twice_d)};
}

/* p + q, or p - q. Hisil et al. 3.1, complete: d is not a square and -1 is one, so that
 * it holds for every pair of points, the same and the neutral one included. */
static struct point combine(const struct point *p, const struct addend *q, bool minus)
{
    struct element left = subtract(&p->y, &p->x), right = add(&p->y, &p->x);
    struct element a = multiply(&left, minus ? &q->sum : &q->difference);
    struct element b = multiply(&right, minus ? &q->difference : &q->sum);
    struct element c = multiply(&p->t, &q->twice_dt), z = multiply(&p->z, &q->twice_z);
    struct element e = subtract(&b, &a), h = add(&b, &a);
    struct element f = minus ? add(&z, &c) : subtract(&z, &c);
    struct element g = minus ? subtract(&z, &c) : add(&z, &c);
    return (struct point){multiply(&e, &f), multiply(&g, &h), multiply(&f, &g),
                          multiply(&e, &h)};
}

/* Hisil et al. 3.3 with all four coordinates' signs turned. */
static struct point twice(const struct point *p)
{
    struct element xy = add(&p->x, &p->y), z2 = square(&p->z);
    struct element a = square(&p->x), b = square(&p->y), c = add(&z2, &z2);
    struct element h = add(&a, &b), ca = add(&c, &a), xy2 = square(&xy);
    struct element e = subtract(&xy2, &h), g = subtract(&b, &a), f = subtract(&ca, &b);
    return (struct point){multiply(&e, &f), multiply(&g, &h), multiply(&f, &g),
                          multiply(&e, &h)};
}

static bool is_small(const struct point *p)
{
    struct point q = twice(p);
    q = twice(&q);
    q = twice(&q);
    return equals(&q.x, &zero) && equals(&q.y, &q.z);
}

/* RFC 8032 5.1.3. */
static bool decode(const uint8_t bytes[EDWARDS_BYTES], struct point *p)
{
    bool odd = bytes[EDWARDS_BYTES - 1] >> 7;
    p->y = from_bytes(bytes);
    p->z = one;
    struct element canonical = reduce(&p->y);
    if (memcmp(&canonical, &p->y, sizeof canonical) != 0)
        return false;
    struct element y2 = square(&p->y), u = subtract(&y2, &one), v = multiply(&y2, &d);
    v = add(&v, &one);
    struct element v3 = square(&v);
    v3 = multiply(&v3, &v);
    struct element uv7 = square(&v3);
    uv7 = multiply(&uv7, &v);
    uv7 = multiply(&uv7, &u);
    struct element uv3 = multiply(&u, &v3);
    p->x = root_power(&uv7);
    p->x = multiply(&p->x, &uv3);
    struct element vx2 = square(&p->x), minus_u;
    vx2 = multiply(&vx2, &v);
    u = reduce(&u);
    minus_u = subtract(&zero, &u);
    if (equals(&vx2, &minus_u))
        p->x = multiply(&p->x, &root);
    else if (!equals(&vx2, &u))
        return false;
    p->x = reduce(&p->x);
    if (equals(&p->x, &zero) && odd)
        return false;
    if ((p->x.at[0] & 1) != odd) {
        p->x = subtract(&zero, &p->x);
        p->x = reduce(&p->x);
    }
    p->t = multiply(&p->x, &p->y);
    return !is_small(p);
}

const uint8_t edwards_base[EDWARDS_BYTES] = {
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};

/* --- sums
 * ----------------------------------------------------------------------------------------
 */

/* All terms ready to be added up: the odd multiples of each point, and each scalar as the
 * sum of digit 2^place, digits 0 or odd from -15 to 15. By places, as they are read. */
struct ready {
    size_t count;
    struct addend (*multiple)[TABLE]; /* [count] */
    int8_t *digit;                    /* [PLACES][count] */
};

/* WIDTH bits from `place` on. */
static unsigned window_at(const uint8_t scalar[EDWARDS_BYTES], int place)
{
    int byte = place / 8;
    unsigned bits = scalar[byte];
    if (byte + 1 < EDWARDS_BYTES)
        bits |= (unsigned)scalar[byte + 1] << 8;
    return bits >> place % 8 & ((1U << WIDTH) - 1);
}

/* The non-adjacent form of width 5: of five places in a row one at most is not 0, as all
 * are before. */
static void write_digits(const uint8_t scalar[EDWARDS_BYTES], struct ready *ready,
                         size_t term)
{
    unsigned over = 0;
    for (int place = 0; place < PLACES;) {
        unsigned window = window_at(scalar, place) + over;
        if (window % 2 == 0) { /* what was carried goes on */
            place++;
            continue;
        }
        over = window >= 1U << (WIDTH - 1);
        ready->digit[(size_t)place * ready->count + term] =
            (int8_t)((int)window - (over ? 1 << WIDTH : 0));
        place += WIDTH;
    }
}

static bool prepare_term(const struct edwards_term *from, struct ready *ready,
                         size_t term)
{
    struct point p;
    if (!decode(from->point, &p))
        return false;
    struct point two = twice(&p);
    struct addend step = prepare(&two);
    for (int i = 0; i < TABLE; i++) {
        ready->multiple[term][i] = prepare(&p);
        p = combine(&p, &step, false);
    }
    write_digits(from->scalar, ready, term);
    return true;
}

/* Straus 1964: all scalars from their highest places down, doubling once a place for all
 * of them together. */
static struct point add_up(const struct ready *ready)
{
    struct point sum = {zero, one, one, zero};
    for (int place = PLACES - 1; place >= 0; place--) {
        sum = twice(&sum);
        const int8_t *digits = ready->digit + (size_t)place * ready->count;
        for (size_t i = 0; i < ready->count; i++) {
            int digit = digits[i];
            if (digit != 0)
                sum = combine(&sum, &ready->multiple[i][abs(digit) / 2], digit < 0);
        }
    }
    return sum;
}

bool edwards_cancel(const struct edwards_term *terms, size_t count)
{
    if (count > EDWARDS_TERMS_MAX)
        abort();
    struct ready ready = {count, mem_new(count, sizeof *ready.multiple),
                          mem_new(count, PLACES)};
    bool sound = true;
    for (size_t i = 0; sound && i < count; i++)
        sound = prepare_term(&terms[i], &ready, i);
    if (sound) {
        struct point sum = add_up(&ready);
        sound = is_small(&sum);
    }
    mem_free(ready.multiple);
    mem_free(ready.digit);
    return sound;
}
