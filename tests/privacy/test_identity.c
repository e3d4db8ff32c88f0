#include "privacy/identity.h"

#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/file.h"
#include "base/memory.h"
#include "check.h"

#define TAG "gemel/test/1"

/* RFC 8032 7.1, test 1, and RFC 7748 6.1, Alice. */
static const char seed_hex[] =
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
static const char key_hex[] =
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
static const char curve_hex[] =
    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";

/* Over 0c000000 "gemel/test/1" 03000000 "abc", by OpenSSL's Ed25519. */
static const char signature_hex[] =
    "a7eef800b118aecdf33dc00afaf0c26828e5fc845e6c7de497c6d128b5dc622a"
    "2f7715f608b72eb8bcfcfa979879f3e700840d153e6691e63ca74ddd06077902";

static struct identity *published(void)
{
    uint8_t secret[IDENTITY_SECRET_BYTES];
    struct identity *identity = NULL;
    assert_ok(bytes_from_hex(seed_hex, secret, sizeof secret));
    assert_ok(identity_read(secret, &identity));
    return identity;
}

static void identity__derives_the_published_keys(void **state)
{
    (void)state;
    struct identity *identity = published();
    uint8_t key[IDENTITY_KEY_BYTES], secret[IDENTITY_SECRET_BYTES];
    char text[2 * IDENTITY_KEY_BYTES + 1];
    identity_public(identity, key);
    bytes_to_hex(key, sizeof key, text);
    assert_string_equal(text, key_hex);
    identity_curve(identity, key);
    bytes_to_hex(key, sizeof key, text);
    assert_string_equal(text, curve_hex);
    assert_ok(bytes_from_hex(seed_hex, secret, sizeof secret));
    assert_memory_equal(identity_secret(identity), secret, sizeof secret);
    assert_memory_equal(identity_curve_secret(identity), secret + 32, 32);
    identity_destroy(&identity);
    assert_null(identity);
    identity_destroy(&identity);
}

static void identity__signs_as_another_implementation_does(void **state)
{
    (void)state;
    struct identity *identity = published();
    uint8_t signature[IDENTITY_SIGNATURE_BYTES], key[IDENTITY_KEY_BYTES];
    char text[2 * IDENTITY_SIGNATURE_BYTES + 1];
    assert_ok(identity_sign(identity, TAG, "abc", 3, signature));
    bytes_to_hex(signature, sizeof signature, text);
    assert_string_equal(text, signature_hex);
    identity_public(identity, key);
    assert_ok(identity_verify(key, TAG, "abc", 3, signature));
    assert_ok(identity_sign(identity, TAG, NULL, 0, signature));
    assert_ok(identity_verify(key, TAG, NULL, 0, signature));
    assert_refused(ERR_RANGE, "tag", identity_sign(identity, "", "abc", 3, signature));
    assert_refused(ERR_RANGE, "tag", identity_verify(key, "", "abc", 3, signature));
    identity_destroy(&identity);
}

static void identity__any_changed_bit_is_noticed(void **state)
{
    (void)state;
    struct identity *identity = published();
    uint8_t signature[IDENTITY_SIGNATURE_BYTES], key[IDENTITY_KEY_BYTES];
    char data[] = "the prior of round 7";
    identity_public(identity, key);
    assert_ok(identity_sign(identity, TAG, data, sizeof data, signature));
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_refused(ERR_VERIFY, TAG,
                       identity_verify(key, TAG, data, sizeof data, signature));
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof key; bit++) {
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_refused(ERR_VERIFY, TAG,
                       identity_verify(key, TAG, data, sizeof data, signature));
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
        data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
        assert_refused(ERR_VERIFY, TAG,
                       identity_verify(key, TAG, data, sizeof data, signature));
        data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
    }
    assert_ok(identity_verify(key, TAG, data, sizeof data, signature));
    assert_refused(ERR_VERIFY, "other",
                   identity_verify(key, "other", data, sizeof data, signature));
    /* where the tag ends and the data begins is signed too */
    assert_ok(identity_sign(identity, "ab", "c", 1, signature));
    assert_refused(ERR_VERIFY, "a", identity_verify(key, "a", "bc", 2, signature));
    identity_destroy(&identity);
}

/* The order of the group, little-endian (RFC 8032 5.1). */
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                  0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                  0xde, 0xf9, 0xde, 0x14, [31] = 0x10};

/* S and S + L satisfy the same equation: accepting both makes signatures malleable. */
static void identity__refuses_a_scalar_that_is_not_canonical(void **state)
{
    (void)state;
    struct identity *identity = published();
    uint8_t signature[IDENTITY_SIGNATURE_BYTES], key[IDENTITY_KEY_BYTES];
    identity_public(identity, key);
    assert_ok(identity_sign(identity, TAG, "abc", 3, signature));
    sodium_add(signature + 32, order, sizeof order);
    assert_refused(ERR_VERIFY, TAG, identity_verify(key, TAG, "abc", 3, signature));
    identity_destroy(&identity);
}

/* With A of small order n, S B = R + h A holds for S = r, R = r B whenever n divides h: a
 * lax verification accepts one message in eight or more, from nobody. The encodings: y =
 * 0, 1, -1 and the two of order 8, then y + p for y < 19, which are not canonical; both
 * signs.
 */
static void identity__refuses_keys_of_small_order_or_not_canonical(void **state)
{
    (void)state;
    const char *small[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    };
    uint8_t scalar[32] = {3, 1, 4, 1, 5, 9, 2, 6}, signature[IDENTITY_SIGNATURE_BYTES];
    assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(signature, scalar), 0);
    memcpy(signature + 32, scalar, sizeof scalar);
    for (size_t i = 0; i < 5 + 19; i++) {
        uint8_t key[IDENTITY_KEY_BYTES];
        if (i < 5) {
            assert_ok(bytes_from_hex(small[i], key, sizeof key));
        } else {
            memset(key, 0xff, sizeof key);
            key[0] = (uint8_t)(0xed + (i - 5));
            key[31] = 0x7f;
        }
        for (uint32_t message = 0; message < 128; message++) {
            assert_refused(
                ERR_VERIFY, TAG,
                identity_verify(key, TAG, &message, sizeof message, signature));
            key[31] ^= 0x80;
        }
    }
}

/* --- many at once
 * --------------------------------------------------------------------------------- */

#define CROWD 150

struct crowd {
    struct identity *members[CROWD];
    uint8_t keys[CROWD][IDENTITY_KEY_BYTES], data[CROWD][CROWD],
        signatures[CROWD][IDENTITY_SIGNATURE_BYTES];
    struct identity_claim claims[CROWD];
};

static struct crowd *crowd_new(void)
{
    struct crowd *crowd = mem_new(1, sizeof *crowd);
    for (size_t i = 0; i < CROWD; i++) {
        assert_ok(identity_new(&crowd->members[i]));
        identity_public(crowd->members[i], crowd->keys[i]);
        memset(crowd->data[i], (int)i, sizeof crowd->data[i]);
        assert_ok(identity_sign(crowd->members[i], TAG, crowd->data[i], i,
                                crowd->signatures[i]));
        crowd->claims[i] = (struct identity_claim){crowd->keys[i], crowd->data[i],
                                                   crowd->signatures[i], i};
    }
    return crowd;
}

static void crowd_free(struct crowd *crowd)
{
    for (size_t i = 0; i < CROWD; i++)
        identity_destroy(&crowd->members[i]);
    mem_free(crowd);
}

static void expect_wrong(const struct crowd *crowd, size_t count, size_t first)
{
    size_t wrong = CROWD;
    assert_refused(ERR_VERIFY, TAG,
                   identity_verify_all(TAG, crowd->claims, count, &wrong));
    assert_int_equal(wrong, first);
}

static void identity__many_hold_together_when_each_holds(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    size_t wrong;
    for (size_t count = 0; count <= CROWD; count++)
        assert_ok(identity_verify_all(TAG, crowd->claims, count, &wrong));
    assert_refused(ERR_VERIFY, "other",
                   identity_verify_all("other", crowd->claims, CROWD, &wrong));
    assert_refused(ERR_RANGE, "tag",
                   identity_verify_all("", crowd->claims, CROWD, &wrong));
    for (size_t count = 1; count <= CROWD; count += 1 + count / 8)
        for (size_t i = 0; i < count; i += 1 + count / 8) {
            uint8_t *spoilt[] = {crowd->keys[i], crowd->signatures[i],
                                 crowd->signatures[i] + 32, crowd->data[i]};
            for (size_t k = 0; k < (i > 0 ? 4 : 3); k++) {
                *spoilt[k] ^= 4;
                expect_wrong(crowd, count, i);
                *spoilt[k] ^= 4;
            }
        }
    crowd_free(crowd);
}

/* What one takes too much the other takes too little: a plain sum of them would hold. */
static void identity__many_do_not_make_up_for_each_other(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    const uint8_t more[32] = {1};
    for (int tries = 0; tries < 32; tries++) {
        uint8_t *one = crowd->signatures[7] + 32, *other = crowd->signatures[23] + 32;
        crypto_core_ed25519_scalar_add(one, one, more);
        crypto_core_ed25519_scalar_sub(other, other, more);
        expect_wrong(crowd, 30, 7);
    }
    crowd_free(crowd);
}

static void identity__many_refuse_what_one_refuses(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    uint8_t *signature = crowd->signatures[9];
    sodium_add(signature + 32, order, sizeof order);
    expect_wrong(crowd, 20, 9);
    /* A neutral, R = S B: holds whatever h is */
    memset(crowd->keys[9], 0, IDENTITY_KEY_BYTES);
    crowd->keys[9][0] = 1;
    memset(signature, 0, IDENTITY_SIGNATURE_BYTES);
    signature[32] = 5;
    assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(signature, signature + 32),
                     0);
    expect_wrong(crowd, 20, 9);
    crowd_free(crowd);
}

/* Where its signer adds a part of small order to R, RFC 8032 5.1.7 leaves open whether a
 * signature holds: 8 S B = 8 R + 8 h A, as of many, or S B = R + h A, as of one. */
static void identity__many_follow_the_equation_with_the_cofactor(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    uint8_t minus_one[32]; /* y of the point of order 2 */
    uint8_t hash[64], secret[64], nonce[32] = {77}, product[32];
    uint8_t *signature = crowd->signatures[9];
    size_t wrong;
    assert_ok(
        bytes_from_hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                       minus_one, 32));
    crypto_hash_sha512(secret, identity_secret(crowd->members[9]), 32);
    secret[0] &= 248;
    secret[31] &= 127;
    secret[31] |= 64;
    memset(secret + 32, 0, 32);
    crypto_core_ed25519_scalar_reduce(secret, secret);
    assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(signature, nonce), 0);
    assert_int_equal(crypto_core_ed25519_add(signature, signature, minus_one), 0);
    struct bytes message = {0};
    bytes_append(&message, signature, 32);
    bytes_append(&message, crowd->keys[9], IDENTITY_KEY_BYTES);
    bytes_text(&message, TAG);
    bytes_field(&message, crowd->data[9], 9);
    crypto_hash_sha512(hash, message.data, message.size);
    bytes_free(&message);
    crypto_core_ed25519_scalar_reduce(product, hash);
    crypto_core_ed25519_scalar_mul(product, product, secret);
    crypto_core_ed25519_scalar_add(signature + 32, nonce, product);
    assert_ok(identity_verify_all(TAG, crowd->claims, 20, &wrong));
    assert_refused(ERR_VERIFY, TAG,
                   identity_verify(crowd->keys[9], TAG, crowd->data[9], 9, signature));
    crowd_free(crowd);
}

static void identity__fresh_ones_differ_and_read_back(void **state)
{
    (void)state;
    struct identity *one = NULL, *two = NULL, *again = NULL;
    assert_ok(identity_new(&one));
    assert_ok(identity_new(&two));
    uint8_t a[IDENTITY_KEY_BYTES], b[IDENTITY_KEY_BYTES];
    identity_public(one, a);
    identity_public(two, b);
    assert_memory_not_equal(a, b, sizeof a);
    identity_curve(one, b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(identity_secret(one), identity_curve_secret(one), 32);
    assert_ok(identity_read(identity_secret(one), &again));
    identity_public(again, b);
    assert_memory_equal(a, b, sizeof a);
    identity_destroy(&one);
    identity_destroy(&two);
    identity_destroy(&again);
}

#ifndef __SANITIZE_ADDRESS__ /* which turns mlock into nothing */
static long locked_kib(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kib = -1;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmLck: %ld", &kib) == 1)
            break;
    if (status)
        fclose(status);
    return kib;
}

static void identity__secrets_are_locked(void **state)
{
    (void)state;
    long before = locked_kib();
    struct identity *identity = published();
    assert_true(locked_kib() > before);
    identity_destroy(&identity);
    assert_true(locked_kib() == before);
}
#endif

/* Write `text` over the key file, as its owner could. */
static void rewrite(const char *path, const char *text, size_t size)
{
    unlink(path);
    assert_ok(file_create(path, text, size, 0400));
}

static void identity__file_keeps_it_for_its_owner_only(void **state)
{
    (void)state;
    char folder[] = "/tmp/gemel-identity-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = file_join(folder, "governance.key");
    struct identity *identity = published(), *opened = NULL;
    assert_refused(ERR_NOT_FOUND, path, identity_file_open(path, &opened));
    assert_ok(identity_file_create(path, identity));
    assert_refused(ERR_STATE, path, identity_file_create(path, identity));
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0400);
    assert_ok(identity_file_open(path, &opened));
    assert_memory_equal(identity_secret(opened), identity_secret(identity),
                        IDENTITY_SECRET_BYTES);
    identity_destroy(&opened);
    assert_int_equal(chmod(path, 0440), 0);
    assert_refused(ERR_KEY, path, identity_file_open(path, &opened));
    struct bytes text = {0};
    assert_ok(file_read(path, 4096, &text));
    for (size_t at = 0; at < text.size; at++) { /* no damaged character goes unnoticed */
        char kept = (char)text.data[at];
        text.data[at] = kept == 'A' ? 'B' : 'A';
        rewrite(path, (const char *)text.data, text.size);
        assert_refused(ERR_FORMAT, path, identity_file_open(path, &opened));
        text.data[at] = (uint8_t)kept;
    }
    rewrite(path, (const char *)text.data, text.size - 1);
    assert_refused(ERR_KEY, path, identity_file_open(path, &opened));
    assert_null(opened);
    unlink(path);
    uint8_t key[IDENTITY_KEY_BYTES], again[IDENTITY_KEY_BYTES];
    assert_ok(identity_file_draw(path, key));
    assert_refused(ERR_STATE, path, identity_file_draw(path, again));
    assert_ok(identity_file_open(path, &opened));
    identity_public(opened, again);
    assert_memory_equal(again, key, IDENTITY_KEY_BYTES);
    identity_destroy(&opened);
    unlink(path);
    rmdir(folder);
    bytes_free(&text);
    mem_free(path);
    identity_destroy(&identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity__derives_the_published_keys),
        cmocka_unit_test(identity__signs_as_another_implementation_does),
        cmocka_unit_test(identity__any_changed_bit_is_noticed),
        cmocka_unit_test(identity__refuses_a_scalar_that_is_not_canonical),
        cmocka_unit_test(identity__refuses_keys_of_small_order_or_not_canonical),
        cmocka_unit_test(identity__many_hold_together_when_each_holds),
        cmocka_unit_test(identity__many_do_not_make_up_for_each_other),
        cmocka_unit_test(identity__many_refuse_what_one_refuses),
        cmocka_unit_test(identity__many_follow_the_equation_with_the_cofactor),
        cmocka_unit_test(identity__fresh_ones_differ_and_read_back),
#ifndef __SANITIZE_ADDRESS__
        cmocka_unit_test(identity__secrets_are_locked),
#endif
        cmocka_unit_test(identity__file_keeps_it_for_its_owner_only),
    };
    return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
