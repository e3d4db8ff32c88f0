#include "privacy/seal.h"

#include "check.h"

static const uint8_t key[SEAL_KEY_BYTES] = "0123456789abcdef0123456789abcde";

static void seal__opens_what_was_closed(void **state)
{
    (void)state;
    struct bytes beside = {0}, sealed = {0}, plain = {0};
    bytes_text(&beside, "place");
    bytes_append(&plain, "before", 6);
    for (size_t size = 0; size < 70; size += 23) {
        uint8_t data[70];
        memset(data, (int)size, sizeof data);
        sealed.size = 0;
        seal_close(key, size, &beside, data, size, &sealed);
        assert_int_equal(sealed.size, size + SEAL_TAG_BYTES);
        plain.size = 6;
        assert_ok(seal_open(key, size, &beside, sealed.data, sealed.size, &plain));
        assert_int_equal(plain.size, 6 + size);
        assert_memory_equal(plain.data, "before", 6);
        if (size)
            assert_memory_equal(plain.data + 6, data, size);
    }
    bytes_free(&beside);
    bytes_free(&sealed);
    bytes_free(&plain);
}

static void seal__notices_every_changed_bit(void **state)
{
    (void)state;
    struct bytes beside = {0}, sealed = {0}, plain = {0};
    uint8_t other[SEAL_KEY_BYTES];
    bytes_text(&beside, "place");
    seal_close(key, 5, &beside, "a record", 8, &sealed);
    for (size_t bit = 0; bit < 8 * sealed.size; bit++) {
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refused(ERR_VERIFY, "does not open",
                       seal_open(key, 5, &beside, sealed.data, sealed.size, &plain));
        sealed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * beside.size; bit++) {
        beside.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refused(ERR_VERIFY, "does not open",
                       seal_open(key, 5, &beside, sealed.data, sealed.size, &plain));
        beside.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * SEAL_KEY_BYTES; bit++) {
        memcpy(other, key, sizeof other);
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refused(ERR_VERIFY, "does not open",
                       seal_open(other, 5, &beside, sealed.data, sealed.size, &plain));
    }
    assert_refused(ERR_VERIFY, "does not open",
                   seal_open(key, 6, &beside, sealed.data, sealed.size, &plain));
    for (size_t size = 0; size < sealed.size; size++)
        assert_refused(ERR_VERIFY, "",
                       seal_open(key, 5, &beside, sealed.data, size, &plain));
    assert_int_equal(plain.size, 0);
    assert_ok(seal_open(key, 5, &beside, sealed.data, sealed.size, &plain));
    assert_memory_equal(plain.data, "a record", 8);
    bytes_free(&beside);
    bytes_free(&sealed);
    bytes_free(&plain);
}

/* Computed with Python's hashlib: blake2b(fields, key=key, digest_size=...). */
static void seal__derives_as_documented(void **state)
{
    (void)state;
    uint8_t salt[SEAL_SALT_BYTES], derived[SEAL_KEY_BYTES], name[SEAL_NAME_BYTES];
    char hex[2 * SEAL_KEY_BYTES + 1];
    for (size_t i = 0; i < sizeof salt; i++)
        salt[i] = (uint8_t)i;
    seal_derive(key, "gemel/backup/1", salt, derived);
    bytes_to_hex(derived, sizeof derived, hex);
    assert_string_equal(
        hex, "f8b2d3d8bb91a5dab310decaee827f7da53c4b8dd5d7b1caa8fadff3f2982138");
    seal_key_name(key, name);
    bytes_to_hex(name, sizeof name, hex);
    assert_string_equal(hex, "a4ab52a6da967df597187ff35b039322");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seal__opens_what_was_closed),
        cmocka_unit_test(seal__notices_every_changed_bit),
        cmocka_unit_test(seal__derives_as_documented),
    };
    return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
