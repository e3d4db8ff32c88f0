/* secrecy - that no secret decides what is done or where memory is looked at, so that
 * none is told by how long something takes (Langley's ctgrind): secrets are marked
 * undefined, and valgrind reports every branch and every address that depends on one.
 *
 * Promised of keys, shares, masks and their comparison, and of integers that are added;
 * not of the draw of noise, which asks as often as chance wants (it is drawn before any
 * record is opened, and leaves at slots of the clock), nor of a patient's fit and clip.
 * What a secret may decide all the same stands in secrecy.supp, each with its reason.
 *
 * Starts itself again under valgrind; exit code 77, skipped, where there is none, or
 * where AddressSanitizer has the memory. */

#include <unistd.h>

#include "base/bytes.h"
#include "check.h"
#include "privacy/fixedpoint.h"
#include "privacy/mask.h"
#include "privacy/pairkey.h"
#include "privacy/random.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HIDE(data, size) VALGRIND_MAKE_MEM_UNDEFINED(data, size)
#define SHOW(data, size) VALGRIND_MAKE_MEM_DEFINED(data, size)
#define REPORTS() VALGRIND_COUNT_ERRORS
#else
#define RUNNING_ON_VALGRIND 0
#define HIDE(data, size) (void)(data)
#define SHOW(data, size) (void)(data)
#define REPORTS() 0u
#endif

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* Nothing is reported of what is done meanwhile. */
#define QUIETLY(doing)                                                                   \
    do {                                                                                 \
        unsigned before = REPORTS();                                                     \
        doing;                                                                           \
        assert_int_equal(REPORTS(), before);                                             \
    } while (0)

/* Likewise of what may fail, and has not: that it has not is no secret. */
#define HOLDS_QUIETLY(trying)                                                            \
    do {                                                                                 \
        enum err said;                                                                   \
        QUIETLY(said = (trying));                                                        \
        SHOW(&said, sizeof said);                                                        \
        assert_ok(said);                                                                 \
    } while (0)

enum { SHARES = 5, ENOUGH = 3, WORDS = 5000 };
static const uint16_t points[SHARES] = {1, 2, 3, 700, 1024};

/* A stream whose seed is a secret, and so is all that comes of it. */
static struct random *secret_stream(uint8_t number)
{
    uint8_t seed[RANDOM_SEED_BYTES] = {number};
    HIDE(seed, sizeof seed);
    return random_new_seeded(seed);
}

static bool equal_in_a_hurry(const uint8_t *a, const uint8_t *b, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

/* Or silence would mean nothing. */
static void secrecy__what_is_decided_by_a_secret_is_seen(void **state)
{
    (void)state;
    static const uint8_t table[256] = {7};
    uint8_t a[32] = {1}, b[32] = {1};
    HIDE(a, sizeof a);
    unsigned before = REPORTS();
    bool same = equal_in_a_hurry(a, b, sizeof a);
    SHOW(&same, sizeof same);
    assert_true(same);
    assert_true(REPORTS() > before);
    before = REPORTS();
    volatile uint8_t looked_up = table[a[1]];
    (void)looked_up;
    assert_true(REPORTS() > before);
}

static void secrecy__comparing_tells_nothing_but_the_result(void **state)
{
    (void)state;
    uint8_t a[100] = {1}, b[100] = {1}, scalar[SCALAR_BYTES] = {9};
    bool same, zero, canonical;
    HIDE(a, sizeof a);
    HIDE(scalar, sizeof scalar);
    QUIETLY(same = bytes_equal(a, b, sizeof a));
    QUIETLY(zero = bytes_are_zero(a, sizeof a));
    QUIETLY(canonical = scalar_is_canonical(scalar));
    SHOW(&same, sizeof same);
    SHOW(&zero, sizeof zero);
    SHOW(&canonical, sizeof canonical);
    assert_true(same && !zero && canonical);
}

static void secrecy__splitting_and_joining_do_the_same_for_all_secrets(void **state)
{
    (void)state;
    struct random *random = secret_stream(1);
    uint8_t secret[SCALAR_BYTES], joined[SCALAR_BYTES], shares[SHARES][SCALAR_BYTES];
    struct share_basis *basis;
    QUIETLY(scalar_draw(random, secret));
    HOLDS_QUIETLY(share_split(secret, ENOUGH, points, SHARES, random, shares));
    assert_ok(share_basis_new(points, ENOUGH, &basis));
    HOLDS_QUIETLY(share_join(basis, (const uint8_t(*)[SCALAR_BYTES])shares, joined));
    SHOW(secret, sizeof secret);
    SHOW(joined, sizeof joined);
    assert_memory_equal(secret, joined, sizeof secret);
    share_basis_free(&basis);
    random_destroy(&random);
}

static void secrecy__masks_and_sums_do_the_same_for_all_numbers(void **state)
{
    (void)state;
    uint8_t seed[MASK_SEED_BYTES] = {3};
    uint64_t *vector = calloc(WORDS, sizeof *vector);
    int64_t *integers = calloc(WORDS, sizeof *integers);
    integers[7] = -3;
    HIDE(seed, sizeof seed);
    HIDE(vector, WORDS * sizeof *vector);
    HIDE(integers, WORDS * sizeof *integers);
    QUIETLY(mask_add(seed, vector, WORDS));
    QUIETLY(fixedpoint_add(vector, integers, WORDS));
    QUIETLY(mask_subtract(seed, vector, WORDS));
    SHOW(vector, WORDS * sizeof *vector);
    for (size_t i = 0; i < WORDS; i++)
        assert_true((int64_t)vector[i] == (i == 7 ? -3 : 0));
    free(vector);
    free(integers);
}

static struct pairkey_place place_of(const uint8_t *hashes)
{
    return (struct pairkey_place){hashes, hashes + 32, hashes + 64, hashes + 96};
}

/* The public halves are shown to everybody. */
static void draw_keys(struct random *random, struct pairkey *keys)
{
    QUIETLY(pairkey_draw(random, keys));
    SHOW(keys->mask_key, PAIRKEY_BYTES);
    SHOW(keys->seal_key, PAIRKEY_BYTES);
}

static void secrecy__keys_seeds_and_parcels_do_the_same_for_all_secrets(void **state)
{
    (void)state;
    struct random *random = secret_stream(2), *nonces = secret_stream(3);
    struct pairkey one, other;
    struct pairkey_parcel parcel = {.point = 2}, opened;
    uint8_t hashes[128] = {1, [64] = 1, [96] = 2}, commitment[HASH_BYTES],
            seed[PAIRKEY_SEED_BYTES], agreed[PAIRKEY_BYTES], back[PAIRKEY_BYTES];
    uint8_t note[PAIRKEY_NOTE_BYTES] = {5}, heard[PAIRKEY_NOTE_BYTES];
    uint8_t sealed[PAIRKEY_PARCEL_BYTES];
    const struct pairkey_place here = place_of(hashes);
    const struct pairkey_place there = {here.context, here.bundle, here.peer, here.own};
    draw_keys(random, &one);
    draw_keys(random, &other);
    QUIETLY(pairkey_commit(here.context, here.own, one.self_scalar, commitment));
    QUIETLY(pairkey_self_seed(&here, one.self_scalar, seed));
    HOLDS_QUIETLY(
        pairkey_pair_seed(&here, one.mask_secret, one.mask_key, other.mask_key, seed));
    HOLDS_QUIETLY(pairkey_agree(&one, other.seal_key, agreed));
    HOLDS_QUIETLY(pairkey_agree(&other, one.seal_key, back));
    QUIETLY(scalar_draw(random, parcel.mask_share));
    QUIETLY(scalar_draw(random, parcel.self_share));
    HIDE(note, sizeof note);
    QUIETLY(
        pairkey_seal(&here, &one, other.seal_key, agreed, &parcel, note, nonces, sealed));
    SHOW(sealed, sizeof sealed); /* it travels */
    HOLDS_QUIETLY(
        pairkey_unseal(&there, &other, one.seal_key, back, 2, sealed, &opened, heard));
    SHOW(&opened, sizeof opened);
    SHOW(&parcel, sizeof parcel);
    SHOW(heard, sizeof heard);
    assert_memory_equal(opened.self_share, parcel.self_share, SCALAR_BYTES);
    assert_int_equal(heard[0], 5);
    random_destroy(&random);
    random_destroy(&nonces);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrecy__what_is_decided_by_a_secret_is_seen),
        cmocka_unit_test(secrecy__comparing_tells_nothing_but_the_result),
        cmocka_unit_test(secrecy__splitting_and_joining_do_the_same_for_all_secrets),
        cmocka_unit_test(secrecy__masks_and_sums_do_the_same_for_all_numbers),
        cmocka_unit_test(secrecy__keys_seeds_and_parcels_do_the_same_for_all_secrets),
    };
    if (!RUNNING_ON_VALGRIND) {
        char *again[] = {"valgrind",
                         "--quiet",
                         "--error-limit=no",
                         "--suppressions=" SOURCE_DIR "/tests/privacy/secrecy.supp",
                         arguments[0],
                         count > 1 ? arguments[1] : NULL,
                         NULL};
        if (!SANITIZED)
            execvp(*again, again);
        printf("skipped: there is no valgrind, or its headers were not there, or the "
               "program has AddressSanitizer\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
