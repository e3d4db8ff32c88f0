/* secagg - one attempt of secure aggregation among four members, every number of it, in a
 * text file that an independent implementation can be held against.
 *
 *   test_secagg             makes it anew and compares with
 * tests/golden/secagg_vectors.txt test_secagg --print     prints it, for a new version of
 * the protocol
 *
 * Everything follows from one seed, in the order of the functions below; a later step of
 * the protocol is one function more, at the end. */

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "privacy/identity.h"
#include "privacy/mask.h"
#include "privacy/pairkey.h"
#include "privacy/random.h"
#include "privacy/share.h"

#define MEMBERS 4
#define THRESHOLD 3
#define DROPPED 2 /* after its shares were sent */
#define DIM 5

static const uint8_t attempt_seed[RANDOM_SEED_BYTES] = "an attempt of four";

struct attempt {
    struct random *random;
    struct bytes text;
    uint8_t context[HASH_BYTES], bundle[HASH_BYTES];
    uint8_t members[MEMBERS][PAIRKEY_BYTES]; /* ascending; the i-th has point i + 1 */
    struct pairkey keys[MEMBERS];
    uint8_t mask_shares[MEMBERS][MEMBERS][SCALAR_BYTES]; /* of whose, at whose point */
    uint8_t self_shares[MEMBERS][MEMBERS][SCALAR_BYTES];
    uint64_t inputs[MEMBERS][DIM], masked[MEMBERS][DIM];
};

static void put(struct attempt *attempt, const void *data, size_t size,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

static void put(struct attempt *attempt, const void *data, size_t size,
                const char *format, ...)
{
    char name[100], *hex = mem_new(2 * size + 1, 1);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    bytes_to_hex(data, size, hex);
    char *line = mem_format("%s = %s\n", name, hex);
    bytes_append(&attempt->text, line, strlen(line));
    mem_free(line);
    mem_free(hex);
}

static void put_words(struct attempt *attempt, const uint64_t words[DIM],
                      const char *what, int member)
{
    struct bytes bytes = {0};
    for (size_t i = 0; i < DIM; i++)
        bytes_u64(&bytes, words[i]);
    put(attempt, bytes.data, bytes.size, "member%d.%s", member, what);
    bytes_free(&bytes);
}

static struct pairkey_place place_of(const struct attempt *attempt, int own, int peer)
{
    return (struct pairkey_place){attempt->context, attempt->bundle,
                                  attempt->members[own], attempt->members[peer]};
}

/* ---- the attempt, step by step ---- */

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, PAIRKEY_BYTES);
}

static void put_members(struct attempt *attempt)
{
    put(attempt, attempt_seed, sizeof attempt_seed, "seed");
    for (int i = 0; i < MEMBERS; i++) {
        uint8_t secret[IDENTITY_SECRET_BYTES];
        struct identity *identity = NULL;
        random_fill(attempt->random, secret, sizeof secret);
        assert_ok(identity_read(secret, &identity));
        identity_public(identity, attempt->members[i]);
        identity_destroy(&identity);
    }
    qsort(attempt->members, MEMBERS, PAIRKEY_BYTES, by_bytes);
    for (int i = 0; i < MEMBERS; i++)
        put(attempt, attempt->members[i], PAIRKEY_BYTES, "member%d.identity", i);
    random_fill(attempt->random, attempt->context, HASH_BYTES);
    random_fill(attempt->random, attempt->bundle, HASH_BYTES);
    put(attempt, attempt->context, HASH_BYTES, "context");
    put(attempt, attempt->bundle, HASH_BYTES, "bundle");
}

static void put_keys(struct attempt *attempt)
{
    for (int i = 0; i < MEMBERS; i++) {
        struct pairkey *keys = &attempt->keys[i];
        uint8_t commitment[HASH_BYTES];
        pairkey_draw(attempt->random, keys);
        put(attempt, keys->mask_scalar, SCALAR_BYTES, "member%d.mask_scalar", i);
        put(attempt, keys->self_scalar, SCALAR_BYTES, "member%d.self_scalar", i);
        put(attempt, keys->mask_secret, PAIRKEY_BYTES, "member%d.mask_secret", i);
        put(attempt, keys->mask_key, PAIRKEY_BYTES, "member%d.mask_key", i);
        put(attempt, keys->seal_secret, PAIRKEY_BYTES, "member%d.seal_secret", i);
        put(attempt, keys->seal_key, PAIRKEY_BYTES, "member%d.seal_key", i);
        pairkey_commit(attempt->context, attempt->members[i], keys->self_scalar,
                       commitment);
        put(attempt, commitment, HASH_BYTES, "member%d.commitment", i);
    }
}

static void put_shares(struct attempt *attempt)
{
    static const uint16_t points[MEMBERS] = {1, 2, 3, 4};
    for (int i = 0; i < MEMBERS; i++) {
        assert_ok(share_split(attempt->keys[i].mask_scalar, THRESHOLD, points, MEMBERS,
                              attempt->random, attempt->mask_shares[i]));
        assert_ok(share_split(attempt->keys[i].self_scalar, THRESHOLD, points, MEMBERS,
                              attempt->random, attempt->self_shares[i]));
        for (int j = 0; j < MEMBERS; j++) {
            put(attempt, attempt->mask_shares[i][j], SCALAR_BYTES,
                "member%d.mask_share%d", i, j);
            put(attempt, attempt->self_shares[i][j], SCALAR_BYTES,
                "member%d.self_share%d", i, j);
        }
    }
}

static void put_parcels(struct attempt *attempt)
{
    for (int i = 0; i < MEMBERS; i++)
        for (int j = 0; j < MEMBERS; j++) {
            struct pairkey_place there = place_of(attempt, i, j),
                                 here = place_of(attempt, j, i);
            struct pairkey_parcel parcel = {.point = (uint16_t)(j + 1)}, got;
            uint8_t sealed[PAIRKEY_PARCEL_BYTES], agreed[PAIRKEY_BYTES];
            uint8_t note[PAIRKEY_NOTE_BYTES], read[PAIRKEY_NOTE_BYTES];
            if (i == j)
                continue;
            memcpy(parcel.mask_share, attempt->mask_shares[i][j], SCALAR_BYTES);
            memcpy(parcel.self_share, attempt->self_shares[i][j], SCALAR_BYTES);
            assert_ok(
                pairkey_agree(&attempt->keys[i], attempt->keys[j].seal_key, agreed));
            random_fill(attempt->random, note, sizeof note);
            pairkey_seal(&there, &attempt->keys[i], attempt->keys[j].seal_key, agreed,
                         &parcel, note, attempt->random, sealed);
            put(attempt, sealed, sizeof sealed, "parcel.%d.%d", i, j);
            assert_ok(
                pairkey_agree(&attempt->keys[j], attempt->keys[i].seal_key, agreed));
            assert_ok(pairkey_unseal(&here, &attempt->keys[j], attempt->keys[i].seal_key,
                                     agreed, parcel.point, sealed, &got, read));
            assert_memory_equal(&got, &parcel, sizeof got);
            assert_memory_equal(read, note, sizeof note);
        }
}

static void put_seeds(struct attempt *attempt)
{
    for (int i = 0; i < MEMBERS; i++) {
        uint8_t seed[PAIRKEY_SEED_BYTES], same[PAIRKEY_SEED_BYTES];
        struct pairkey_place place = place_of(attempt, i, i);
        pairkey_self_seed(&place, attempt->keys[i].self_scalar, seed);
        put(attempt, seed, sizeof seed, "member%d.self_seed", i);
        for (int j = i + 1; j < MEMBERS; j++) {
            const struct pairkey *mine = &attempt->keys[i], *theirs = &attempt->keys[j];
            struct pairkey_place there = place_of(attempt, j, i);
            place = place_of(attempt, i, j);
            assert_ok(pairkey_pair_seed(&place, mine->mask_secret, mine->mask_key,
                                        theirs->mask_key, seed));
            assert_ok(pairkey_pair_seed(&there, theirs->mask_secret, theirs->mask_key,
                                        mine->mask_key, same));
            assert_memory_equal(seed, same, sizeof seed);
            put(attempt, seed, sizeof seed, "pair.%d.%d", i, j);
        }
    }
}

/* Adds the masks a member has in common with the others: plus where it is the lesser. */
static void add_pairs(const struct attempt *attempt, const uint8_t secret[PAIRKEY_BYTES],
                      int member, uint64_t vector[DIM])
{
    for (int j = 0; j < MEMBERS; j++) {
        struct pairkey_place place = place_of(attempt, member, j);
        uint8_t seed[PAIRKEY_SEED_BYTES];
        if (j == member)
            continue;
        assert_ok(pairkey_pair_seed(&place, secret, attempt->keys[member].mask_key,
                                    attempt->keys[j].mask_key, seed));
        (member < j ? mask_add : mask_subtract)(seed, vector, DIM);
    }
}

static void put_masked(struct attempt *attempt)
{
    for (int i = 0; i < MEMBERS; i++) {
        struct pairkey_place place = place_of(attempt, i, i);
        uint8_t seed[PAIRKEY_SEED_BYTES];
        for (size_t k = 0; k < DIM; k++)
            attempt->inputs[i][k] = attempt->masked[i][k] = random_u64(attempt->random);
        put_words(attempt, attempt->inputs[i], "input", i);
        pairkey_self_seed(&place, attempt->keys[i].self_scalar, seed);
        mask_add(seed, attempt->masked[i], DIM);
        add_pairs(attempt, attempt->keys[i].mask_secret, i, attempt->masked[i]);
        put_words(attempt, attempt->masked[i], "masked", i);
    }
}

/* A scalar from the shares of those who did not drop. */
static void joined(const uint8_t shares[MEMBERS][SCALAR_BYTES],
                   uint8_t scalar[SCALAR_BYTES])
{
    uint16_t points[THRESHOLD];
    uint8_t some[THRESHOLD][SCALAR_BYTES];
    struct share_basis *basis = NULL;
    for (int j = 0, taken = 0; j < MEMBERS; j++)
        if (j != DROPPED) {
            points[taken] = (uint16_t)(j + 1);
            memcpy(some[taken++], shares[j], SCALAR_BYTES);
        }
    assert_ok(share_basis_new(points, THRESHOLD, &basis));
    assert_ok(share_join(basis, (const uint8_t(*)[SCALAR_BYTES])some, scalar));
    share_basis_free(&basis);
}

/* What is left when the masks are off is the sum of those who did not drop. */
static void put_sum(struct attempt *attempt)
{
    uint64_t sum[DIM] = {0}, expected[DIM] = {0};
    uint8_t scalar[SCALAR_BYTES], secret[PAIRKEY_BYTES], key[PAIRKEY_BYTES],
        seed[PAIRKEY_SEED_BYTES];
    for (int i = 0; i < MEMBERS; i++) {
        struct pairkey_place place = place_of(attempt, i, i);
        if (i == DROPPED)
            continue;
        for (size_t k = 0; k < DIM; k++) {
            sum[k] += attempt->masked[i][k];
            expected[k] += attempt->inputs[i][k];
        }
        joined((const uint8_t(*)[SCALAR_BYTES])attempt->self_shares[i], scalar);
        pairkey_self_seed(&place, scalar, seed);
        mask_subtract(seed, sum, DIM);
    }
    joined((const uint8_t(*)[SCALAR_BYTES])attempt->mask_shares[DROPPED], scalar);
    pairkey_of_scalar(scalar, secret, key);
    assert_memory_equal(key, attempt->keys[DROPPED].mask_key, PAIRKEY_BYTES);
    add_pairs(attempt, secret, DROPPED, sum); /* what it would have added cancels */
    assert_memory_equal(sum, expected, sizeof sum);
    struct bytes bytes = {0};
    for (size_t k = 0; k < DIM; k++)
        bytes_u64(&bytes, sum[k]);
    put(attempt, bytes.data, bytes.size, "sum_without%d", DROPPED);
    bytes_free(&bytes);
}

static struct bytes vectors(void)
{
    static const char head[] = "# One attempt of four members, of whom one drops: every "
                               "number follows from the\n"
                               "# seed. Made by test_secagg, checked by check_secagg.py; "
                               "numbers little-endian.\n";
    struct attempt *attempt = mem_new(1, sizeof *attempt);
    attempt->random = random_new_seeded(attempt_seed);
    bytes_append(&attempt->text, head, sizeof head - 1);
    put_members(attempt);
    put_keys(attempt);
    put_shares(attempt);
    put_parcels(attempt);
    put_seeds(attempt);
    put_masked(attempt);
    put_sum(attempt);
    struct bytes text = attempt->text;
    random_destroy(&attempt->random);
    mem_free(attempt);
    return text;
}

static void secagg__is_as_published(void **state)
{
    (void)state;
    struct bytes made = vectors(), published = {0};
    assert_ok(
        file_read(SOURCE_DIR "/tests/golden/secagg_vectors.txt", 1 << 20, &published));
    assert_int_equal(made.size, published.size);
    assert_memory_equal(made.data, published.data, made.size);
    bytes_free(&made);
    bytes_free(&published);
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--print") == 0) {
        struct bytes text = vectors();
        fwrite(text.data, 1, text.size, stdout);
        bytes_free(&text);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secagg__is_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
