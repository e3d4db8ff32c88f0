#include "privacy/pairkey.h"

#include <string.h>

#include <sodium.h>

#include "privacy/random.h"

#define NONCE_BYTES 24
#define PLAIN_BYTES (2 + 2 * SCALAR_BYTES + PAIRKEY_NOTE_BYTES)

_Static_assert(crypto_scalarmult_BYTES == PAIRKEY_BYTES, "X25519 key");
_Static_assert(crypto_scalarmult_SCALARBYTES == PAIRKEY_BYTES, "X25519 secret");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == HASH_BYTES, "sealing key");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == NONCE_BYTES, "nonce");
_Static_assert(NONCE_BYTES + PLAIN_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES ==
                   PAIRKEY_PARCEL_BYTES,
               "parcel");

/* --- BLAKE2b-256 of fields --- */

typedef crypto_generichash_state fields;

static void fields_add(fields *state, const void *data, uint32_t size)
{
    const uint8_t length[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
                               (uint8_t)(size >> 24)};
    crypto_generichash_update(state, length, sizeof length);
    crypto_generichash_update(state, data, size);
}

/* `key` NULL: a plain hash. */
static void fields_begin(fields *state, const uint8_t key[HASH_BYTES], const char *tag)
{
    crypto_generichash_init(state, key, key ? HASH_BYTES : 0, HASH_BYTES);
    fields_add(state, tag, (uint32_t)strlen(tag));
}

static void fields_end(fields *state, uint8_t hash[HASH_BYTES])
{
    crypto_generichash_final(state, hash, HASH_BYTES);
    bytes_wipe(state, sizeof *state);
}

/* --- one attempt's keys --- */

void pairkey_draw(struct random *random, struct pairkey *keys)
{
    scalar_draw(random, keys->mask_scalar);
    scalar_draw(random, keys->self_scalar);
    pairkey_of_scalar(keys->mask_scalar, keys->mask_secret, keys->mask_key);
    random_fill(random, keys->seal_secret, PAIRKEY_BYTES);
    crypto_scalarmult_base(keys->seal_key, keys->seal_secret);
}

void pairkey_of_scalar(const uint8_t mask_scalar[SCALAR_BYTES],
                       uint8_t mask_secret[PAIRKEY_BYTES],
                       uint8_t mask_key[PAIRKEY_BYTES])
{
    uint8_t secret[PAIRKEY_BYTES];
    fields state;
    fields_begin(&state, mask_scalar, "SA1/mask-sk");
    fields_end(&state, secret);
    if (mask_secret)
        memcpy(mask_secret, secret, sizeof secret);
    if (mask_key)
        crypto_scalarmult_base(mask_key, secret);
    bytes_wipe(secret, sizeof secret);
}

void pairkey_commit(const uint8_t context[HASH_BYTES],
                    const uint8_t member[PAIRKEY_BYTES],
                    const uint8_t self_scalar[SCALAR_BYTES],
                    uint8_t commitment[HASH_BYTES])
{
    fields state;
    fields_begin(&state, NULL, "SA1/cb");
    fields_add(&state, context, HASH_BYTES);
    fields_add(&state, member, PAIRKEY_BYTES);
    fields_add(&state, self_scalar, SCALAR_BYTES);
    fields_end(&state, commitment);
}

/* --- seeds --- */

/* 2^255 - 19, little-endian. */
static const uint8_t prime[PAIRKEY_BYTES] = {
    [0] = 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,       0xff,
    0xff,       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,       0xff,
    0xff,       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [31] = 0x7f};

static enum err agree(const uint8_t secret[PAIRKEY_BYTES],
                      const uint8_t key[PAIRKEY_BYTES], uint8_t shared[PAIRKEY_BYTES])
{
    if (sodium_compare(key, prime, PAIRKEY_BYTES) < 0 &&
        crypto_scalarmult(shared, secret, key) == 0)
        return ERR_OK;
    char text[2 * PAIRKEY_BYTES + 1];
    bytes_to_hex(key, PAIRKEY_BYTES, text);
    return err_set(ERR_VERIFY, "the one-time key %s is of low order or not canonical",
                   text);
}

bool pairkey_is_usable(const uint8_t key[PAIRKEY_BYTES])
{
    static const uint8_t any[PAIRKEY_BYTES] = {1};
    uint8_t shared[PAIRKEY_BYTES];
    return agree(any, key, shared) == ERR_OK;
}

enum err pairkey_pair_seed(const struct pairkey_place *place,
                           const uint8_t own_secret[PAIRKEY_BYTES],
                           const uint8_t own_key[PAIRKEY_BYTES],
                           const uint8_t peer_key[PAIRKEY_BYTES],
                           uint8_t seed[PAIRKEY_SEED_BYTES])
{
    int order = memcmp(place->own, place->peer, PAIRKEY_BYTES);
    if (order == 0)
        return err_set(ERR_RANGE, "a member has no mask in common with itself");
    uint8_t shared[PAIRKEY_BYTES];
    if (agree(own_secret, peer_key, shared))
        return err_code();
    fields state;
    fields_begin(&state, shared, "SA1/pair");
    fields_add(&state, place->context, HASH_BYTES);
    fields_add(&state, place->bundle, HASH_BYTES);
    fields_add(&state, order < 0 ? place->own : place->peer, PAIRKEY_BYTES);
    fields_add(&state, order < 0 ? place->peer : place->own, PAIRKEY_BYTES);
    fields_add(&state, order < 0 ? own_key : peer_key, PAIRKEY_BYTES);
    fields_add(&state, order < 0 ? peer_key : own_key, PAIRKEY_BYTES);
    fields_end(&state, seed);
    bytes_wipe(shared, sizeof shared);
    return ERR_OK;
}

void pairkey_self_seed(const struct pairkey_place *place,
                       const uint8_t self_scalar[SCALAR_BYTES],
                       uint8_t seed[PAIRKEY_SEED_BYTES])
{
    fields state;
    fields_begin(&state, self_scalar, "SA1/self");
    fields_add(&state, place->context, HASH_BYTES);
    fields_add(&state, place->bundle, HASH_BYTES);
    fields_add(&state, place->own, PAIRKEY_BYTES);
    fields_end(&state, seed);
}

/* --- parcels --- */

/* One direction between two members, as both see it. */
struct direction {
    const uint8_t *context, *bundle, *sender, *receiver;
};

enum err pairkey_agree(const struct pairkey *own,
                       const uint8_t peer_seal_key[PAIRKEY_BYTES],
                       uint8_t agreed[PAIRKEY_BYTES])
{
    uint8_t shared[PAIRKEY_BYTES];
    if (agree(own->seal_secret, peer_seal_key, shared))
        return err_code();
    memcpy(agreed, shared, sizeof shared);
    bytes_wipe(shared, sizeof shared);
    return ERR_OK;
}

static void sealing_key(const struct direction *way, const uint8_t agreed[PAIRKEY_BYTES],
                        const uint8_t *sender_key, const uint8_t *receiver_key,
                        uint8_t key[HASH_BYTES])
{
    fields state;
    fields_begin(&state, agreed, "SA1/enc");
    fields_add(&state, way->context, HASH_BYTES);
    fields_add(&state, way->bundle, HASH_BYTES);
    fields_add(&state, way->sender, PAIRKEY_BYTES);
    fields_add(&state, way->receiver, PAIRKEY_BYTES);
    fields_add(&state, sender_key, PAIRKEY_BYTES);
    fields_add(&state, receiver_key, PAIRKEY_BYTES);
    fields_end(&state, key);
}

static void label(const struct direction *way, struct bytes *data)
{
    bytes_text(data, "SA1/share");
    bytes_field(data, way->context, HASH_BYTES);
    bytes_field(data, way->bundle, HASH_BYTES);
    bytes_field(data, way->sender, PAIRKEY_BYTES);
    bytes_field(data, way->receiver, PAIRKEY_BYTES);
}

void pairkey_seal(const struct pairkey_place *place, const struct pairkey *own,
                  const uint8_t peer_seal_key[PAIRKEY_BYTES],
                  const uint8_t agreed[PAIRKEY_BYTES],
                  const struct pairkey_parcel *parcel,
                  const uint8_t note[PAIRKEY_NOTE_BYTES], struct random *random,
                  uint8_t sealed[PAIRKEY_PARCEL_BYTES])
{
    const struct direction way = {place->context, place->bundle, place->own, place->peer};
    uint8_t key[HASH_BYTES], plain[PLAIN_BYTES];
    sealing_key(&way, agreed, own->seal_key, peer_seal_key, key);
    plain[0] = (uint8_t)parcel->point;
    plain[1] = (uint8_t)(parcel->point >> 8);
    memcpy(plain + 2, parcel->mask_share, SCALAR_BYTES);
    memcpy(plain + 2 + SCALAR_BYTES, parcel->self_share, SCALAR_BYTES);
    memcpy(plain + 2 + 2 * SCALAR_BYTES, note, PAIRKEY_NOTE_BYTES);
    struct bytes data = {0};
    label(&way, &data);
    random_fill(random, sealed, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_BYTES, NULL, plain,
                                               sizeof plain, data.data, data.size, NULL,
                                               sealed, key);
    bytes_free(&data);
    bytes_wipe(plain, sizeof plain);
    bytes_wipe(key, sizeof key);
}

static enum err parcel_read(const uint8_t plain[PLAIN_BYTES], uint16_t point,
                            struct pairkey_parcel *parcel)
{
    unsigned there = plain[0] | (unsigned)plain[1] << 8;
    const uint8_t *mask_share = plain + 2, *self_share = mask_share + SCALAR_BYTES;
    if (there != point)
        return err_set(ERR_VERIFY, "it has shares at point %u instead of %u", there,
                       point);
    if (!scalar_is_canonical(mask_share) || !scalar_is_canonical(self_share))
        return err_set(ERR_VERIFY, "it has a share that is not a number below L");
    parcel->point = point;
    memcpy(parcel->mask_share, mask_share, SCALAR_BYTES);
    memcpy(parcel->self_share, self_share, SCALAR_BYTES);
    return ERR_OK;
}

enum err pairkey_unseal(const struct pairkey_place *place, const struct pairkey *own,
                        const uint8_t peer_seal_key[PAIRKEY_BYTES],
                        const uint8_t agreed[PAIRKEY_BYTES], uint16_t point,
                        const uint8_t sealed[PAIRKEY_PARCEL_BYTES],
                        struct pairkey_parcel *parcel, uint8_t note[PAIRKEY_NOTE_BYTES])
{
    const struct direction way = {place->context, place->bundle, place->peer, place->own};
    uint8_t key[HASH_BYTES], plain[PLAIN_BYTES];
    sealing_key(&way, agreed, peer_seal_key, own->seal_key, key);
    struct bytes data = {0};
    label(&way, &data);
    enum err code = ERR_OK;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            plain, NULL, NULL, sealed + NONCE_BYTES, PAIRKEY_PARCEL_BYTES - NONCE_BYTES,
            data.data, data.size, sealed, key) != 0)
        code = err_set(ERR_VERIFY, "it does not open with what the two agreed on");
    else
        code = parcel_read(plain, point, parcel);
    if (!code)
        memcpy(note, plain + 2 + 2 * SCALAR_BYTES, PAIRKEY_NOTE_BYTES);
    if (code) {
        char text[2 * PAIRKEY_BYTES + 1];
        bytes_to_hex(place->peer, PAIRKEY_BYTES, text);
        err_wrap("the parcel from member %s", text);
    }
    bytes_free(&data);
    bytes_wipe(plain, sizeof plain);
    bytes_wipe(key, sizeof key);
    return code;
}
