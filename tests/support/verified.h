#ifndef TESTS_SUPPORT_VERIFIED_H
#define TESTS_SUPPORT_VERIFIED_H

/* verified - what one process need not do n times: in a simulated consortium everybody
 * verifies the same signatures, which is most of its time. A signature that held for a
 * key, a tag and some bytes holds for them; everything else is verified by the product's
 * own code. Tests that include it link `verified` (tests/sim/tests.cmake). */

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "privacy/identity.h"

enum err __real_identity_verify(const uint8_t key[IDENTITY_KEY_BYTES], const char *tag,
                                const void *data, size_t size,
                                const uint8_t signature[IDENTITY_SIGNATURE_BYTES]);
enum err __wrap_identity_verify(const uint8_t key[IDENTITY_KEY_BYTES], const char *tag,
                                const void *data, size_t size,
                                const uint8_t signature[IDENTITY_SIGNATURE_BYTES]);

enum err __wrap_identity_verify(const uint8_t key[IDENTITY_KEY_BYTES], const char *tag,
                                const void *data, size_t size,
                                const uint8_t signature[IDENTITY_SIGNATURE_BYTES])
{
    static uint8_t held[1 << 15][HASH_BYTES];
    uint8_t name[HASH_BYTES];
    struct bytes claim = {0};
    bytes_field(&claim, key, IDENTITY_KEY_BYTES);
    bytes_field(&claim, data, size);
    bytes_append(&claim, signature, IDENTITY_SIGNATURE_BYTES);
    bytes_hash(tag, claim.data, claim.size, name);
    bytes_free(&claim);
    size_t place_of = ((size_t)name[0] << 8 | name[1]) % (sizeof held / sizeof *held);
    uint8_t *place = held[place_of];
    if (memcmp(place, name, HASH_BYTES) == 0)
        return ERR_OK;
    enum err result = __real_identity_verify(key, tag, data, size, signature);
    if (result == ERR_OK)
        memcpy(place, name, HASH_BYTES);
    return result;
}

#endif
