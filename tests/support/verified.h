#ifndef TESTS_SUPPORT_VERIFIED_H
#define TESTS_SUPPORT_VERIFIED_H

/* verified - what one process need not do n times: in a simulated consortium everybody
 * verifies the same signatures, which is most of its time. A signature that was made or
 * held for a key, a tag and some bytes holds for them; everything else is verified by the
 * product's own code. Tests that include it link `verified` (tests/sim/tests.cmake). */

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "privacy/identity.h"

enum err __real_identity_sign(const struct identity *identity, const char *tag,
                              const void *data, size_t size,
                              uint8_t signature[IDENTITY_SIGNATURE_BYTES]);
enum err __wrap_identity_sign(const struct identity *identity, const char *tag,
                              const void *data, size_t size,
                              uint8_t signature[IDENTITY_SIGNATURE_BYTES]);
enum err __real_identity_verify(const uint8_t key[IDENTITY_KEY_BYTES], const char *tag,
                                const void *data, size_t size,
                                const uint8_t signature[IDENTITY_SIGNATURE_BYTES]);
enum err __wrap_identity_verify(const uint8_t key[IDENTITY_KEY_BYTES], const char *tag,
                                const void *data, size_t size,
                                const uint8_t signature[IDENTITY_SIGNATURE_BYTES]);
enum err __real_identity_verify_all(const char *tag, const struct identity_claim *claims,
                                    size_t count, size_t *wrong);
enum err __wrap_identity_verify_all(const char *tag, const struct identity_claim *claims,
                                    size_t count, size_t *wrong);

/* Whether the claim has held before; if not, `keep` notes that it does. */
static inline bool verified_before(const char *tag, const struct identity_claim *claim,
                                   bool keep)
{
    static uint8_t held[1 << 15][HASH_BYTES];
    uint8_t name[HASH_BYTES];
    struct bytes bytes = {0};
    bytes_field(&bytes, claim->key, IDENTITY_KEY_BYTES);
    bytes_field(&bytes, claim->data, claim->size);
    bytes_append(&bytes, claim->signature, IDENTITY_SIGNATURE_BYTES);
    bytes_hash(tag, bytes.data, bytes.size, name);
    bytes_free(&bytes);
    size_t place_of = ((size_t)name[0] << 8 | name[1]) % (sizeof held / sizeof *held);
    uint8_t *place = held[place_of];
    if (memcmp(place, name, HASH_BYTES) == 0)
        return true;
    if (keep)
        memcpy(place, name, HASH_BYTES);
    return false;
}

enum err __wrap_identity_sign(const struct identity *identity, const char *tag,
                              const void *data, size_t size,
                              uint8_t signature[IDENTITY_SIGNATURE_BYTES])
{
    uint8_t key[IDENTITY_KEY_BYTES];
    enum err result = __real_identity_sign(identity, tag, data, size, signature);
    identity_public(identity, key);
    const struct identity_claim claim = {key, data, signature, size};
    if (result == ERR_OK)
        verified_before(tag, &claim, true);
    return result;
}

enum err __wrap_identity_verify(const uint8_t key[IDENTITY_KEY_BYTES], const char *tag,
                                const void *data, size_t size,
                                const uint8_t signature[IDENTITY_SIGNATURE_BYTES])
{
    const struct identity_claim claim = {key, data, signature, size};
    if (verified_before(tag, &claim, false))
        return ERR_OK;
    enum err result = __real_identity_verify(key, tag, data, size, signature);
    if (result == ERR_OK)
        verified_before(tag, &claim, true);
    return result;
}

enum err __wrap_identity_verify_all(const char *tag, const struct identity_claim *claims,
                                    size_t count, size_t *wrong)
{
    struct identity_claim *fresh = mem_new(count, sizeof *fresh);
    size_t *from = mem_new(count, sizeof *from), left = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        if (!verified_before(tag, &claims[i], false)) {
            from[left] = i;
            fresh[left++] = claims[i];
        }
    enum err result = __real_identity_verify_all(tag, fresh, left, &at);
    if (result != ERR_OK && at < left)
        *wrong = from[at];
    for (size_t i = 0; result == ERR_OK && i < left; i++)
        verified_before(tag, &fresh[i], true);
    mem_free(fresh);
    mem_free(from);
    return result;
}

#endif
