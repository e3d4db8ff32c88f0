#include "privacy/seal.h"

#include <string.h>

#include <sodium.h>

_Static_assert(SEAL_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES &&
                   SEAL_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
               "libsodium's sizes");

static void keyed_hash(const uint8_t key[SEAL_KEY_BYTES], const char *purpose,
                       const void *data, size_t size, void *hash, size_t hash_size)
{
    struct bytes fields = {0};
    bytes_text(&fields, purpose);
    bytes_field(&fields, data, size);
    crypto_generichash(hash, hash_size, fields.data, fields.size, key, SEAL_KEY_BYTES);
    bytes_free(&fields);
}

void seal_derive(const uint8_t key[SEAL_KEY_BYTES], const char *purpose,
                 const uint8_t salt[SEAL_SALT_BYTES], uint8_t derived[SEAL_KEY_BYTES])
{
    keyed_hash(key, purpose, salt, SEAL_SALT_BYTES, derived, SEAL_KEY_BYTES);
}

void seal_key_name(const uint8_t key[SEAL_KEY_BYTES], uint8_t name[SEAL_NAME_BYTES])
{
    keyed_hash(key, "gemel/key-name/1", "", 0, name, SEAL_NAME_BYTES);
}

static void nonce_of(uint64_t number,
                     uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES])
{
    memset(nonce, 0, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
    for (size_t i = 0; i < 8; i++)
        nonce[i] = (uint8_t)(number >> 8 * i);
}

void seal_close(const uint8_t key[SEAL_KEY_BYTES], uint64_t number,
                const struct bytes *beside, const void *data, size_t size,
                struct bytes *sealed)
{
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
    nonce_of(number, nonce);
    bytes_reserve(sealed, size + SEAL_TAG_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed->data + sealed->size, NULL, data,
                                               size, beside->data, beside->size, NULL,
                                               nonce, key);
    sealed->size += size + SEAL_TAG_BYTES;
}

enum err seal_open(const uint8_t key[SEAL_KEY_BYTES], uint64_t number,
                   const struct bytes *beside, const void *sealed, size_t size,
                   struct bytes *plain)
{
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
    if (size < SEAL_TAG_BYTES)
        return err_set(ERR_VERIFY, "a sealed piece of %zu bytes", size);
    nonce_of(number, nonce);
    bytes_reserve(plain, size);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain->data + plain->size, NULL, NULL,
                                                   sealed, size, beside->data,
                                                   beside->size, nonce, key) != 0)
        return err_set(ERR_VERIFY, "a sealed piece does not open: bytes of it differ");
    plain->size += size - SEAL_TAG_BYTES;
    return ERR_OK;
}
