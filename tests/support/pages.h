#ifndef TESTS_SUPPORT_PAGES_H
#define TESTS_SUPPORT_PAGES_H

/* pages - what is really in the file of an encrypted store: every page decrypted, free
 * ones and the remains in used ones included, which SQL does not show.
 *
 * AES-256-CBC is taken from the libcrypto that SQLCipher has loaded. The format is
 * SQLCipher 3's: 4,096 bytes a page, of which the last 48 are its IV and its MAC, and the
 * first 16 of the file a salt; a raw key is used as it is. */

#include <dlfcn.h>

#include "base/bytes.h"
#include "base/file.h"
#include "check.h"

#define PAGES_PAGE 4096
#define PAGES_RESERVED 48

struct pages_cipher {
    void *(*context_new)(void);
    void (*context_free)(void *);
    const void *(*aes)(void);
    int (*init)(void *, const void *, void *, const uint8_t *, const uint8_t *);
    int (*padding)(void *, int);
    int (*update)(void *, uint8_t *, int *, const uint8_t *, int);
};

/* A symbol of libcrypto into a function pointer. */
static inline void pages_symbol(const char *name, void *function)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);
    if (!symbol)
        fail_msg("libcrypto has no %s", name);
    memcpy(function, &symbol, sizeof symbol);
}

/* Append the decrypted pages of the store at `path` to `plain`. */
static inline void pages_decrypt(const char *path, const uint8_t key[32],
                                 struct bytes *plain)
{
    struct pages_cipher c;
    struct bytes file = {0};
    uint8_t page[PAGES_PAGE];
    pages_symbol("EVP_CIPHER_CTX_new", &c.context_new);
    pages_symbol("EVP_CIPHER_CTX_free", &c.context_free);
    pages_symbol("EVP_aes_256_cbc", &c.aes);
    pages_symbol("EVP_DecryptInit_ex", &c.init);
    pages_symbol("EVP_CIPHER_CTX_set_padding", &c.padding);
    pages_symbol("EVP_DecryptUpdate", &c.update);
    assert_ok(file_read(path, (size_t)1 << 28, &file));
    assert_true(file.size >= PAGES_PAGE && file.size % PAGES_PAGE == 0);
    for (size_t at = 0; at < file.size; at += PAGES_PAGE) {
        size_t salt = at == 0 ? 16 : 0;
        int size = (int)(PAGES_PAGE - PAGES_RESERVED - salt), got = 0;
        const uint8_t *iv = file.data + at + PAGES_PAGE - PAGES_RESERVED;
        void *context = c.context_new();
        assert_int_equal(c.init(context, c.aes(), NULL, key, iv), 1);
        c.padding(context, 0);
        assert_int_equal(c.update(context, page, &got, file.data + at + salt, size), 1);
        assert_int_equal(got, size);
        c.context_free(context);
        bytes_append(plain, page, (size_t)size);
    }
    bytes_free(&file);
}

/* Whether `size` bytes stand anywhere in `in`. */
static inline bool pages_hold(const struct bytes *in, const void *what, size_t size)
{
    return memmem(in->data, in->size, what, size) != NULL;
}

/* A double as SQLite keeps it: IEEE bits, the highest first. */
static inline bool pages_hold_real(const struct bytes *in, double value)
{
    uint64_t bits;
    uint8_t big[8];
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 8; i++)
        big[i] = (uint8_t)(bits >> (56 - 8 * i));
    return pages_hold(in, big, sizeof big);
}

#endif
