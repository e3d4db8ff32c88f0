#include "privacy/pairkey.h"

#include <sodium.h>

#include "check.h"
#include "privacy/random.h"

/* Two members of one attempt. */
struct pair {
    struct random *random;
    struct pairkey keys[2];
    uint8_t members[2][PAIRKEY_BYTES], context[HASH_BYTES], bundle[HASH_BYTES];
};

static struct pair pair_new(void)
{
    const uint8_t seed[RANDOM_SEED_BYTES] = "test_pairkey";
    struct pair pair = {.random = random_new_seeded(seed)};
    for (int i = 0; i < 2; i++) {
        pairkey_draw(pair.random, &pair.keys[i]);
        random_fill(pair.random, pair.members[i], PAIRKEY_BYTES);
    }
    random_fill(pair.random, pair.context, HASH_BYTES);
    random_fill(pair.random, pair.bundle, HASH_BYTES);
    return pair;
}

/* The place as member `own` sees it. */
static struct pairkey_place place_of(const struct pair *pair, int own)
{
    return (struct pairkey_place){pair->context, pair->bundle, pair->members[own],
                                  pair->members[!own]};
}

static void seed_of(const struct pair *pair, int own, uint8_t seed[PAIRKEY_SEED_BYTES])
{
    struct pairkey_place place = place_of(pair, own);
    assert_ok(pairkey_pair_seed(&place, pair->keys[own].mask_secret,
                                pair->keys[own].mask_key, pair->keys[!own].mask_key,
                                seed));
}

static void pairkey__keys_follow_from_what_was_drawn(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    const struct pairkey *keys = &pair.keys[0];
    uint8_t secret[PAIRKEY_BYTES], key[PAIRKEY_BYTES];
    assert_true(scalar_is_canonical(keys->mask_scalar));
    assert_true(scalar_is_canonical(keys->self_scalar));
    assert_memory_not_equal(keys->mask_scalar, keys->self_scalar, SCALAR_BYTES);
    assert_memory_not_equal(keys->mask_secret, keys->seal_secret, PAIRKEY_BYTES);
    pairkey_of_scalar(keys->mask_scalar, secret, key);
    assert_memory_equal(secret, keys->mask_secret, sizeof secret);
    assert_memory_equal(key, keys->mask_key, sizeof key);
    pairkey_of_scalar(keys->mask_scalar, NULL, key);
    pairkey_of_scalar(keys->mask_scalar, secret, NULL);
    crypto_scalarmult_base(key, secret);
    assert_memory_equal(key, keys->mask_key, sizeof key);
    crypto_scalarmult_base(key, keys->seal_secret);
    assert_memory_equal(key, keys->seal_key, sizeof key);
    assert_memory_not_equal(&pair.keys[0], &pair.keys[1], sizeof pair.keys[0]);
    random_destroy(&pair.random);
}

static void pairkey__both_sides_derive_one_seed(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    for (int swap = 0; swap < 2; swap++) { /* whoever is the lesser */
        uint8_t one[PAIRKEY_SEED_BYTES], other[PAIRKEY_SEED_BYTES];
        seed_of(&pair, 0, one);
        seed_of(&pair, 1, other);
        assert_memory_equal(one, other, sizeof one);
        pair.members[0][0] ^= 0xff;
        pair.members[1][0] ^= 0xff;
    }
    struct pairkey_place place = place_of(&pair, 0);
    uint8_t seed[PAIRKEY_SEED_BYTES];
    place.peer = place.own;
    assert_refused(ERR_RANGE, "itself",
                   pairkey_pair_seed(&place, pair.keys[0].mask_secret,
                                     pair.keys[0].mask_key, pair.keys[1].mask_key, seed));
    random_destroy(&pair.random);
}

/* Calls `visit` after each single change of a byte of the two members' place. */
static void each_change(struct pair *pair,
                        void (*visit)(struct pair *pair, const void *kept),
                        const void *kept)
{
    uint8_t *fields[] = {pair->context, pair->bundle, pair->members[0], pair->members[1]};
    for (size_t f = 0; f < 4; f++)
        for (size_t bit = 0; bit < 256; bit++) {
            fields[f][bit / 8] ^= (uint8_t)(1u << bit % 8);
            visit(pair, kept);
            fields[f][bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
}

static void seed_differs(struct pair *pair, const void *kept)
{
    uint8_t seed[PAIRKEY_SEED_BYTES];
    seed_of(pair, 0, seed);
    assert_memory_not_equal(seed, kept, sizeof seed);
}

static void pairkey__a_seed_is_bound_to_its_place_and_keys(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    uint8_t seed[PAIRKEY_SEED_BYTES], other[PAIRKEY_SEED_BYTES], key[PAIRKEY_BYTES];
    seed_of(&pair, 0, seed);
    each_change(&pair, seed_differs, seed);
    struct pairkey_place place = place_of(&pair, 0);
    for (size_t bit = 0; bit < 256; bit++) { /* own key as others were shown it */
        memcpy(key, pair.keys[0].mask_key, sizeof key);
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_ok(pairkey_pair_seed(&place, pair.keys[0].mask_secret, key,
                                    pair.keys[1].mask_key, other));
        assert_memory_not_equal(other, seed, sizeof seed);
    }
    random_destroy(&pair.random);
}

static void self_seed_differs(struct pair *pair, const void *kept)
{
    uint8_t seed[PAIRKEY_SEED_BYTES], twice[PAIRKEY_SEED_BYTES];
    struct pairkey_place place = place_of(pair, 0);
    pairkey_self_seed(&place, pair->keys[0].self_scalar, seed);
    place.own = pair->members[1];
    pairkey_self_seed(&place, pair->keys[0].self_scalar, twice);
    assert_memory_not_equal(seed, twice, sizeof seed);
    assert_true(memcmp(seed, kept, sizeof seed) != 0 ||
                memcmp(twice, (const uint8_t *)kept + sizeof seed, sizeof seed) != 0);
}

static void pairkey__a_self_seed_is_bound_to_its_place(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    uint8_t kept[2][PAIRKEY_SEED_BYTES];
    struct pairkey_place place = place_of(&pair, 0);
    pairkey_self_seed(&place, pair.keys[0].self_scalar, kept[0]);
    place.own = pair.members[1];
    pairkey_self_seed(&place, pair.keys[0].self_scalar, kept[1]);
    each_change(&pair, self_seed_differs, kept);
    place.own = pair.members[0];
    pairkey_self_seed(&place, pair.keys[1].self_scalar, kept[1]);
    assert_memory_not_equal(kept[0], kept[1], sizeof kept[0]);
    place.peer = NULL; /* unused */
    pairkey_self_seed(&place, pair.keys[0].self_scalar, kept[1]);
    assert_memory_equal(kept[0], kept[1], sizeof kept[0]);
    random_destroy(&pair.random);
}

static void pairkey__a_commitment_binds_plan_member_and_scalar(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    uint8_t kept[HASH_BYTES], other[HASH_BYTES];
    uint8_t *fields[] = {pair.context, pair.members[0], pair.keys[0].self_scalar};
    pairkey_commit(pair.context, pair.members[0], pair.keys[0].self_scalar, kept);
    for (size_t f = 0; f < 3; f++)
        for (size_t bit = 0; bit < 256; bit++) {
            fields[f][bit / 8] ^= (uint8_t)(1u << bit % 8);
            pairkey_commit(pair.context, pair.members[0], pair.keys[0].self_scalar,
                           other);
            assert_memory_not_equal(kept, other, sizeof kept);
            fields[f][bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    random_destroy(&pair.random);
}

/* --- parcels --- */

static struct pairkey_parcel parcel_draw(struct pair *pair)
{
    struct pairkey_parcel parcel = {.point = 258};
    scalar_draw(pair->random, parcel.mask_share);
    scalar_draw(pair->random, parcel.self_share);
    return parcel;
}

static const uint8_t note[PAIRKEY_NOTE_BYTES] = "what else there is to say";

static void seal(struct pair *pair, const struct pairkey_parcel *parcel,
                 uint8_t sealed[PAIRKEY_PARCEL_BYTES])
{
    struct pairkey_place place = place_of(pair, 0);
    uint8_t agreed[PAIRKEY_BYTES];
    assert_ok(pairkey_agree(&pair->keys[0], pair->keys[1].seal_key, agreed));
    pairkey_seal(&place, &pair->keys[0], pair->keys[1].seal_key, agreed, parcel, note,
                 pair->random, sealed);
}

/* The note is there when the shares are, and only then. */
static enum err unseal(const struct pair *pair, uint16_t point, const uint8_t *sealed,
                       struct pairkey_parcel *parcel)
{
    uint8_t read[PAIRKEY_NOTE_BYTES] = {0};
    struct pairkey_place place = place_of(pair, 1);
    uint8_t agreed[PAIRKEY_BYTES];
    assert_ok(pairkey_agree(&pair->keys[1], pair->keys[0].seal_key, agreed));
    enum err err = pairkey_unseal(&place, &pair->keys[1], pair->keys[0].seal_key, agreed,
                                  point, sealed, parcel, read);
    assert_true(err ? bytes_are_zero(read, sizeof read)
                    : memcmp(read, note, sizeof note) == 0);
    return err;
}

static void pairkey__a_parcel_arrives_as_it_was_sent(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    struct pairkey_parcel parcel = parcel_draw(&pair), got = {0};
    uint8_t sealed[PAIRKEY_PARCEL_BYTES], again[PAIRKEY_PARCEL_BYTES];
    seal(&pair, &parcel, sealed);
    assert_ok(unseal(&pair, 258, sealed, &got));
    assert_int_equal(got.point, 258);
    assert_memory_equal(got.mask_share, parcel.mask_share, SCALAR_BYTES);
    assert_memory_equal(got.self_share, parcel.self_share, SCALAR_BYTES);
    seal(&pair, &parcel, again); /* a fresh nonce */
    assert_memory_not_equal(sealed, again, sizeof sealed);
    random_destroy(&pair.random);
}

/* What one sent is not accepted as sent by the other. */
static void pairkey__a_parcel_does_not_open_the_other_way(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    struct pairkey_parcel parcel = parcel_draw(&pair), got = {.point = 9};
    uint8_t sealed[PAIRKEY_PARCEL_BYTES], read[PAIRKEY_NOTE_BYTES];
    seal(&pair, &parcel, sealed);
    struct pairkey_place place = place_of(&pair, 0);
    uint8_t agreed[PAIRKEY_BYTES];
    assert_ok(pairkey_agree(&pair.keys[0], pair.keys[1].seal_key, agreed));
    assert_refused(ERR_VERIFY, "does not open",
                   pairkey_unseal(&place, &pair.keys[0], pair.keys[1].seal_key, agreed,
                                  258, sealed, &got, read));
    assert_int_equal(got.point, 9);
    random_destroy(&pair.random);
}

static void parcel_stays_shut(struct pair *pair, const void *sealed)
{
    struct pairkey_parcel got = {.point = 9};
    assert_refused(ERR_VERIFY, "the parcel from member", unseal(pair, 258, sealed, &got));
    assert_int_equal(got.point, 9);
}

static void pairkey__any_changed_bit_keeps_a_parcel_shut(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    struct pairkey_parcel parcel = parcel_draw(&pair);
    uint8_t sealed[PAIRKEY_PARCEL_BYTES];
    seal(&pair, &parcel, sealed);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        parcel_stays_shut(&pair, sealed);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    each_change(&pair, parcel_stays_shut, sealed);
    struct pairkey kept = pair.keys[1];
    pairkey_draw(pair.random, &pair.keys[1]); /* another attempt's keys */
    parcel_stays_shut(&pair, sealed);
    pair.keys[1] = kept;
    assert_ok(unseal(&pair, 258, sealed, &parcel));
    random_destroy(&pair.random);
}

static void pairkey__a_parcel_has_the_receivers_point_and_canonical_shares(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    struct pairkey_parcel parcel = parcel_draw(&pair), got = {.point = 9};
    uint8_t sealed[PAIRKEY_PARCEL_BYTES];
    seal(&pair, &parcel, sealed);
    assert_refused(ERR_VERIFY, "point 258 instead of 2", unseal(&pair, 2, sealed, &got));
    assert_refused(ERR_VERIFY, "instead of 1", unseal(&pair, 1, sealed, &got));
    for (int which = 0; which < 2; which++) {
        struct pairkey_parcel bad = parcel;
        (which ? bad.self_share : bad.mask_share)[31] |= 0x20;
        seal(&pair, &bad, sealed);
        assert_refused(ERR_VERIFY, "below L", unseal(&pair, 258, sealed, &got));
    }
    assert_int_equal(got.point, 9);
    random_destroy(&pair.random);
}

/* The encodings of points of low order: 0, 1, -1 and the two of order 8, plus the prime
 * where that fits, with and without the top bit that X25519 ignores, and the twelve that
 * are listed for implementations which do not ignore it (cr.yp.to/ecdh.html). */
static const char *const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
    "4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
    "d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static void key_refused(struct pair *pair, const uint8_t key[PAIRKEY_BYTES])
{
    uint8_t out[PAIRKEY_BYTES] = {1, 2, 3}, kept[PAIRKEY_BYTES];
    struct pairkey_place place = place_of(pair, 0);
    memcpy(kept, out, sizeof out);
    const char part[] = "is of low order or not canonical";
    assert_false(pairkey_is_usable(key));
    assert_refused(ERR_VERIFY, part,
                   pairkey_pair_seed(&place, pair->keys[0].mask_secret,
                                     pair->keys[0].mask_key, key, out));
    assert_refused(ERR_VERIFY, part, pairkey_agree(&pair->keys[0], key, out));
    assert_memory_equal(out, kept, sizeof out);
}

static void pairkey__refuses_keys_of_low_order_or_not_canonical(void **state)
{
    (void)state;
    struct pair pair = pair_new();
    uint8_t key[PAIRKEY_BYTES];
    assert_true(pairkey_is_usable(pair.keys[0].mask_key));
    assert_true(pairkey_is_usable(pair.keys[1].seal_key));
    for (size_t i = 0; i < sizeof low_order / sizeof *low_order; i++) {
        assert_ok(bytes_from_hex(low_order[i], key, sizeof key));
        key_refused(&pair, key);
        key[31] ^= 0x80;
        if (i < 7)
            key_refused(&pair, key);
    }
    for (uint8_t low = 0xed; low != 0; low++) { /* y + p for every y below 19 */
        memset(key, 0xff, sizeof key);
        key[0] = low;
        key[31] = 0x7f;
        key_refused(&pair, key);
    }
    memcpy(key, pair.keys[1].mask_key, sizeof key); /* a good one in another spelling */
    key[31] |= 0x80;
    key_refused(&pair, key);
    random_destroy(&pair.random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairkey__keys_follow_from_what_was_drawn),
        cmocka_unit_test(pairkey__both_sides_derive_one_seed),
        cmocka_unit_test(pairkey__a_seed_is_bound_to_its_place_and_keys),
        cmocka_unit_test(pairkey__a_self_seed_is_bound_to_its_place),
        cmocka_unit_test(pairkey__a_commitment_binds_plan_member_and_scalar),
        cmocka_unit_test(pairkey__a_parcel_arrives_as_it_was_sent),
        cmocka_unit_test(pairkey__a_parcel_does_not_open_the_other_way),
        cmocka_unit_test(pairkey__any_changed_bit_keeps_a_parcel_shut),
        cmocka_unit_test(pairkey__a_parcel_has_the_receivers_point_and_canonical_shares),
        cmocka_unit_test(pairkey__refuses_keys_of_low_order_or_not_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
