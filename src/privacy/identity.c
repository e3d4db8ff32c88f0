#include "privacy/identity.h"

#include <string.h>

#include <sodium.h>

#include "base/file.h"
#include "base/memory.h"
#include "privacy/edwards.h"

/* The whole struct is locked memory, so that no key ever lies anywhere else for long. */
struct identity {
    uint8_t secret[IDENTITY_SECRET_BYTES];
    uint8_t
        signing[crypto_sign_SECRETKEYBYTES]; /* the seed expanded as libsodium wants */
    uint8_t key[IDENTITY_KEY_BYTES];
    uint8_t curve[IDENTITY_KEY_BYTES];
};

#define SEED_BYTES 32
_Static_assert(crypto_sign_SEEDBYTES == SEED_BYTES, "Ed25519 seed");
_Static_assert(crypto_sign_PUBLICKEYBYTES == IDENTITY_KEY_BYTES, "Ed25519 key");
_Static_assert(crypto_sign_BYTES == IDENTITY_SIGNATURE_BYTES, "Ed25519 signature");
_Static_assert(crypto_scalarmult_BYTES == IDENTITY_KEY_BYTES, "X25519 key");
_Static_assert(SEED_BYTES + crypto_scalarmult_SCALARBYTES == IDENTITY_SECRET_BYTES,
               "the two secrets");

enum err identity_read(const uint8_t secret[IDENTITY_SECRET_BYTES],
                       struct identity **identity)
{
    void *room = NULL;
    if (secret_new(sizeof(struct identity), &room))
        return err_wrap("identity");
    struct identity *fresh = room;
    memcpy(fresh->secret, secret, IDENTITY_SECRET_BYTES);
    crypto_sign_seed_keypair(fresh->key, fresh->signing, fresh->secret);
    crypto_scalarmult_base(fresh->curve, fresh->secret + SEED_BYTES);
    *identity = fresh;
    return ERR_OK;
}

enum err identity_new(struct identity **identity)
{
    void *secret = NULL;
    if (secret_new(IDENTITY_SECRET_BYTES, &secret))
        return err_wrap("identity");
    randombytes_buf(secret, IDENTITY_SECRET_BYTES);
    enum err code = identity_read(secret, identity);
    secret_free(secret);
    return code;
}

void identity_destroy(struct identity **identity)
{
    secret_free(*identity);
    *identity = NULL;
}

const uint8_t *identity_secret(const struct identity *identity)
{
    return identity->secret;
}

void identity_public(const struct identity *identity, uint8_t key[IDENTITY_KEY_BYTES])
{
    memcpy(key, identity->key, IDENTITY_KEY_BYTES);
}

void identity_curve(const struct identity *identity, uint8_t key[IDENTITY_KEY_BYTES])
{
    memcpy(key, identity->curve, IDENTITY_KEY_BYTES);
}

const uint8_t *identity_curve_secret(const struct identity *identity)
{
    return identity->secret + SEED_BYTES;
}

static enum err message_build(const char *tag, const void *data, size_t size,
                              struct bytes *message)
{
    if (!*tag)
        return err_set(ERR_RANGE, "a signature without a tag");
    bytes_text(message, tag);
    bytes_field(message, data, size);
    return ERR_OK;
}

enum err identity_sign(const struct identity *identity, const char *tag, const void *data,
                       size_t size, uint8_t signature[IDENTITY_SIGNATURE_BYTES])
{
    struct bytes message = {0};
    enum err code = message_build(tag, data, size, &message);
    if (!code)
        crypto_sign_detached(signature, NULL, message.data, message.size,
                             identity->signing);
    bytes_free(&message);
    return code;
}

/* libsodium's verification is the strict one: it refuses S >= L, R of small order, and
 * keys of small order or not in canonical form. The tests hold it to that. */
enum err identity_verify(const uint8_t key[IDENTITY_KEY_BYTES], const char *tag,
                         const void *data, size_t size,
                         const uint8_t signature[IDENTITY_SIGNATURE_BYTES])
{
    struct bytes message = {0};
    enum err code = message_build(tag, data, size, &message);
    if (!code && crypto_sign_verify_detached(signature, message.data, message.size, key))
        code = err_set(ERR_VERIFY, "the signature of \"%s\" does not hold", tag);
    bytes_free(&message);
    return code;
}

/* --- many signatures
 * ------------------------------------------------------------------------------ */

#define TOGETHER_MAX 64 /* signatures a sum: two points each, and the base */
#define TOGETHER_MIN 3  /* fewer take longer than one after the other */
#define FACTOR_BYTES 16

_Static_assert(2 * TOGETHER_MAX + 1 <= EDWARDS_TERMS_MAX, "terms of a sum");
_Static_assert(crypto_core_ed25519_SCALARBYTES == EDWARDS_BYTES, "a scalar");
_Static_assert(crypto_core_ed25519_NONREDUCEDSCALARBYTES == crypto_hash_sha512_BYTES,
               "SHA-512 is reduced");

/* The number that a signature's equation multiplies the key with (RFC 8032 5.1.7). */
static enum err challenge(const char *tag, const struct identity_claim *claim,
                          uint8_t scalar[EDWARDS_BYTES])
{
    struct bytes message = {0};
    uint8_t hash[crypto_hash_sha512_BYTES];
    bytes_append(&message, claim->signature, EDWARDS_BYTES);
    bytes_append(&message, claim->key, IDENTITY_KEY_BYTES);
    enum err code = message_build(tag, claim->data, claim->size, &message);
    crypto_hash_sha512(hash, message.data, message.size);
    crypto_core_ed25519_scalar_reduce(scalar, hash);
    bytes_free(&message);
    return code;
}

/* Its second half, if that is a number below L. */
static bool take_scalar(const struct identity_claim *claim, uint8_t scalar[EDWARDS_BYTES])
{
    uint8_t padded[crypto_core_ed25519_NONREDUCEDSCALARBYTES] = {0};
    memcpy(padded, claim->signature + EDWARDS_BYTES, EDWARDS_BYTES);
    crypto_core_ed25519_scalar_reduce(scalar, padded);
    return bytes_equal(scalar, padded, EDWARDS_BYTES);
}

/* With R, A, S and h of each signature and unpredictable factors z: whether the sum of
 * z R + z h A - z S B is neutral, up to small order. */
static bool hold_together(const char *tag, const struct identity_claim *claims,
                          size_t count)
{
    struct edwards_term terms[2 * TOGETHER_MAX + 1];
    uint8_t factors[TOGETHER_MAX][FACTOR_BYTES], scalar[EDWARDS_BYTES];
    struct edwards_term *base = &terms[2 * count];
    randombytes_buf(factors, sizeof factors);
    *base = (struct edwards_term){.point = edwards_base};
    for (size_t i = 0; i < count; i++) {
        struct edwards_term *r = &terms[2 * i], *a = r + 1;
        *r = (struct edwards_term){.point = claims[i].signature};
        *a = (struct edwards_term){.point = claims[i].key};
        memcpy(r->scalar, factors[i], FACTOR_BYTES);
        if (challenge(tag, &claims[i], scalar) != ERR_OK)
            return false;
        crypto_core_ed25519_scalar_mul(a->scalar, r->scalar, scalar);
        if (!take_scalar(&claims[i], scalar))
            return false;
        crypto_core_ed25519_scalar_mul(scalar, r->scalar, scalar);
        crypto_core_ed25519_scalar_sub(base->scalar, base->scalar, scalar);
    }
    return edwards_cancel(terms, 2 * count + 1);
}

static enum err verify_each(const char *tag, const struct identity_claim *claims,
                            size_t count, size_t *wrong)
{
    for (*wrong = 0; *wrong < count; ++*wrong) {
        const struct identity_claim *claim = &claims[*wrong];
        if (identity_verify(claim->key, tag, claim->data, claim->size,
                            claim->signature) != ERR_OK)
            return err_code();
    }
    return ERR_OK;
}

enum err identity_verify_all(const char *tag, const struct identity_claim *claims,
                             size_t count, size_t *wrong)
{
    for (size_t at = 0, next; at < count; at = next) {
        next = count - at > TOGETHER_MAX ? at + TOGETHER_MAX : count;
        if (next - at >= TOGETHER_MIN && hold_together(tag, claims + at, next - at))
            continue;
        if (verify_each(tag, claims + at, next - at, wrong) != ERR_OK) {
            *wrong += at;
            return err_code();
        }
    }
    return ERR_OK;
}

/* --- the key file
 * --------------------------------------------------------------------------------- */

/* The file: the armoured fields (secret, hash of secret), the hash so that a damaged file
 * is noticed instead of being another identity. */
#define FILE_TAG "gemel/identity-file/1"
#define FILE_LABEL "IDENTITY"
#define FILE_BYTES (4 + IDENTITY_SECRET_BYTES + 4 + HASH_BYTES)
#define FILE_BASE64 ((FILE_BYTES + 2) / 3 * 4)
#define FILE_TEXT                                                                        \
    (sizeof "-----BEGIN GEMEL " FILE_LABEL "-----\n" - 1 + FILE_BASE64 +                 \
     (FILE_BASE64 + 63) / 64 + sizeof "-----END GEMEL " FILE_LABEL "-----\n" - 1)

static void fields_build(const uint8_t *secret, struct bytes *fields)
{
    uint8_t hash[HASH_BYTES];
    bytes_hash(FILE_TAG, secret, IDENTITY_SECRET_BYTES, hash);
    bytes_field(fields, secret, IDENTITY_SECRET_BYTES);
    bytes_field(fields, hash, sizeof hash);
}

enum err identity_file_create(const char *path, const struct identity *identity)
{
    struct bytes fields = {0};
    fields_build(identity->secret, &fields);
    char *text = bytes_to_armour(FILE_LABEL, fields.data, fields.size);
    enum err code = file_create(path, text, strlen(text), 0400);
    bytes_wipe(text, strlen(text));
    mem_free(text);
    bytes_free(&fields);
    return code;
}

enum err identity_file_draw(const char *path, uint8_t key[IDENTITY_KEY_BYTES])
{
    struct identity *identity;
    if (identity_new(&identity) != ERR_OK)
        return err_code();
    identity_public(identity, key);
    enum err code = identity_file_create(path, identity);
    identity_destroy(&identity);
    return code;
}

static enum err fields_read(const struct bytes *fields, struct identity **identity)
{
    struct cursor cursor = {.data = fields->data, .size = fields->size};
    const uint8_t *secret = NULL;
    size_t size = 0;
    if (cursor_field(&cursor, &secret, &size) || size != IDENTITY_SECRET_BYTES)
        return err_set(ERR_FORMAT, "not an identity's secret keys");
    struct bytes again = {0};
    fields_build(secret, &again);
    bool same =
        again.size == fields->size && bytes_equal(again.data, fields->data, again.size);
    bytes_free(&again);
    return same ? identity_read(secret, identity)
                : err_set(ERR_FORMAT, "the keys are damaged: their hash does not hold");
}

enum err identity_file_open(const char *path, struct identity **identity)
{
    void *text = NULL;
    enum err code = file_read_secret(path, FILE_TEXT, &text);
    if (code)
        return code;
    struct bytes fields = {0};
    code = bytes_from_armour(FILE_LABEL, text, FILE_TEXT, &fields);
    if (!code)
        code = fields_read(&fields, identity);
    bytes_free(&fields);
    secret_free(text);
    return code ? err_wrap("%s", path) : ERR_OK;
}
