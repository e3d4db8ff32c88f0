#include "privacy/reanchor.h"

#include <string.h>

#include "base/memory.h"

#define TAG "gemel/reanchor/1"

void reanchor_clear(struct reanchor *reanchor)
{
    mem_free(reanchor->claims);
    *reanchor = (struct reanchor){0};
}

/* --- bytes
 * ------------------------------------------------------------------------------- */

void reanchor_claims_write(const struct reanchor_claim *claims, size_t count,
                           struct bytes *bytes)
{
    bytes_u64(bytes, count);
    for (size_t i = 0; i < count; i++) {
        bytes_u64(bytes, claims[i].length);
        bytes_append(bytes, claims[i].head, HASH_BYTES);
        bytes_f64(bytes, claims[i].noise_multiplier);
        bytes_u64(bytes, claims[i].dimension);
        bytes_u32(bytes, claims[i].noise_log2);
    }
}

/* Exactly `size` bytes, without a length before them. */
static enum err take(struct cursor *cursor, void *data, size_t size)
{
    if (cursor->size - cursor->at < size)
        return err_set(ERR_FORMAT, "it ends in the middle of a field");
    memcpy(data, cursor->data + cursor->at, size);
    cursor->at += size;
    return ERR_OK;
}

static enum err claim_read(struct cursor *cursor, struct reanchor_claim *claim)
{
    enum err code = cursor_u64(cursor, &claim->length);
    if (!code)
        code = take(cursor, claim->head, HASH_BYTES);
    if (!code)
        code = cursor_f64(cursor, &claim->noise_multiplier);
    if (!code)
        code = cursor_u64(cursor, &claim->dimension);
    if (!code)
        code = cursor_u32(cursor, &claim->noise_log2);
    if (!code && (claim->length == 0 || claim->length > INT64_MAX - 1))
        code = err_set(ERR_FORMAT, "an entry numbered %llu",
                       (unsigned long long)claim->length);
    return code;
}

enum err reanchor_claims_read(struct cursor *cursor, struct reanchor_claim **claims,
                              size_t *count)
{
    uint64_t stated;
    if (cursor_u64(cursor, &stated) != ERR_OK)
        return err_code();
    if (stated > REANCHOR_CLAIMS_MAX)
        return err_set(ERR_FORMAT, "%llu entries, at most %zu",
                       (unsigned long long)stated, REANCHOR_CLAIMS_MAX);
    struct reanchor_claim *list = mem_new((size_t)stated, sizeof *list);
    enum err code = ERR_OK;
    for (size_t i = 0; !code && i < stated; i++)
        code = claim_read(cursor, &list[i]);
    if (code) {
        mem_free(list);
        return code;
    }
    *claims = list;
    *count = (size_t)stated;
    return ERR_OK;
}

/* What is signed. */
static void statement_write(const struct reanchor *reanchor, struct bytes *bytes)
{
    bytes_append(bytes, reanchor->node, IDENTITY_KEY_BYTES);
    bytes_u64(bytes, reanchor->after);
    bytes_append(bytes, reanchor->head, HASH_BYTES);
    bytes_u64(bytes, reanchor->number);
    bytes_u64(bytes, reanchor->issued);
    reanchor_claims_write(reanchor->claims, reanchor->claim_count, bytes);
}

static enum err statement_read(struct cursor *cursor, struct reanchor *reanchor)
{
    enum err code = take(cursor, reanchor->node, IDENTITY_KEY_BYTES);
    if (!code)
        code = cursor_u64(cursor, &reanchor->after);
    if (!code)
        code = take(cursor, reanchor->head, HASH_BYTES);
    if (!code)
        code = cursor_u64(cursor, &reanchor->number);
    if (!code)
        code = cursor_u64(cursor, &reanchor->issued);
    if (!code)
        code =
            reanchor_claims_read(cursor, &reanchor->claims, &reanchor->claim_count);
    uint64_t least = reanchor->after;
    for (size_t i = 0; !code && i < reanchor->claim_count; i++)
        if (reanchor->claims[i].length > least)
            least = reanchor->claims[i].length;
    if (!code && (reanchor->number != least + 1 || reanchor->issued > INT64_MAX))
        code = err_set(ERR_FORMAT, "it would be entry %llu, not %llu",
                       (unsigned long long)reanchor->number,
                       (unsigned long long)least + 1);
    return code;
}

void reanchor_write(const struct reanchor *reanchor, struct bytes *bytes)
{
    statement_write(reanchor, bytes);
    bytes_u8(bytes, (uint8_t)reanchor->signature_count);
    for (size_t i = 0; i < reanchor->signature_count; i++) {
        bytes_append(bytes, reanchor->signatures[i].key, IDENTITY_KEY_BYTES);
        bytes_append(bytes, reanchor->signatures[i].signature, IDENTITY_SIGNATURE_BYTES);
    }
}

static enum err signatures_read(struct cursor *cursor, struct reanchor *reanchor)
{
    uint8_t count = 0;
    enum err code = cursor_u8(cursor, &count);
    if (!code && count > REANCHOR_SIGNATURES)
        code = err_set(ERR_FORMAT, "%u signatures, at most %d", count,
                       REANCHOR_SIGNATURES);
    for (size_t i = 0; !code && i < count; i++) {
        code = take(cursor, reanchor->signatures[i].key, IDENTITY_KEY_BYTES);
        if (!code)
            code = take(cursor, reanchor->signatures[i].signature,
                        IDENTITY_SIGNATURE_BYTES);
    }
    reanchor->signature_count = count;
    return code ? code : cursor_end(cursor);
}

enum err reanchor_read(const uint8_t *data, size_t size, struct reanchor *reanchor)
{
    struct cursor cursor = {.data = data, .size = size};
    struct reanchor read = {0};
    enum err code = statement_read(&cursor, &read);
    if (!code)
        code = signatures_read(&cursor, &read);
    if (code) {
        reanchor_clear(&read);
        return err_wrap("not a re-anchoring");
    }
    *reanchor = read;
    return ERR_OK;
}

/* --- signatures
 * -------------------------------------------------------------------------- */

enum err reanchor_sign(struct reanchor *reanchor, const struct identity *officer)
{
    uint8_t key[IDENTITY_KEY_BYTES];
    size_t place = reanchor->signature_count;
    identity_public(officer, key);
    for (size_t i = 0; i < place; i++)
        if (memcmp(reanchor->signatures[i].key, key, sizeof key) == 0)
            return err_set(ERR_STATE, "it is signed with this key already");
    if (place == REANCHOR_SIGNATURES)
        return err_set(ERR_STATE, "it is signed by two already");
    struct bytes statement = {0};
    statement_write(reanchor, &statement);
    enum err code = identity_sign(officer, TAG, statement.data, statement.size,
                                  reanchor->signatures[place].signature);
    bytes_free(&statement);
    if (code)
        return code;
    memcpy(reanchor->signatures[place].key, key, sizeof key);
    reanchor->signature_count++;
    return ERR_OK;
}

enum err reanchor_check(const struct reanchor *reanchor)
{
    if (reanchor->signature_count != REANCHOR_SIGNATURES)
        return err_set(ERR_VERIFY, "a re-anchoring needs %d signatures, this one has %zu",
                       REANCHOR_SIGNATURES, reanchor->signature_count);
    if (memcmp(reanchor->signatures[0].key, reanchor->signatures[1].key,
               IDENTITY_KEY_BYTES) == 0)
        return err_set(ERR_VERIFY, "both signatures are with the same key");
    struct bytes statement = {0};
    statement_write(reanchor, &statement);
    enum err code = ERR_OK;
    for (size_t i = 0; !code && i < REANCHOR_SIGNATURES; i++)
        code = identity_verify(reanchor->signatures[i].key, TAG, statement.data,
                               statement.size, reanchor->signatures[i].signature);
    bytes_free(&statement);
    return code;
}
