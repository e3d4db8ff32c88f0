#include "privacy/anchor.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"

#define TAG "gemel/anchor/1"
#define LABEL "ANCHOR"
/* 60 bytes an entry, in base64 with line ends. */
#define FILE_BYTES_MAX (REANCHOR_CLAIMS_MAX * 84 + 4096)

void anchor_clear(struct anchor *anchor)
{
    mem_free(anchor->entries);
    *anchor = (struct anchor){0};
}

enum err anchor_write(const char *path, const struct ledger *ledger,
                      const struct identity *signer)
{
    struct bytes body = {0};
    uint8_t key[IDENTITY_KEY_BYTES], signature[IDENTITY_SIGNATURE_BYTES];
    struct anchor anchor;
    ledger_claims(ledger, &anchor.entries, &anchor.count);
    enum err code = ERR_OK;
    if (anchor.count > REANCHOR_CLAIMS_MAX)
        code = err_set(ERR_RANGE, "an anchor holds at most %zu entries",
                       REANCHOR_CLAIMS_MAX);
    identity_public(signer, key);
    bytes_append(&body, key, sizeof key);
    reanchor_claims_write(anchor.entries, anchor.count, &body);
    if (!code)
        code = identity_sign(signer, TAG, body.data, body.size, signature);
    if (!code) {
        bytes_append(&body, signature, sizeof signature);
        char *text = bytes_to_armour(LABEL, body.data, body.size);
        code = file_write(path, text, strlen(text), 0600);
        mem_free(text);
    }
    bytes_free(&body);
    anchor_clear(&anchor);
    return code;
}

static enum err body_read(const struct bytes *body,
                          const uint8_t key[IDENTITY_KEY_BYTES], struct anchor *anchor)
{
    size_t most = IDENTITY_KEY_BYTES + IDENTITY_SIGNATURE_BYTES;
    if (body->size < most)
        return err_set(ERR_VERIFY, "it is cut short");
    size_t size = body->size - IDENTITY_SIGNATURE_BYTES;
    if (memcmp(body->data, key, IDENTITY_KEY_BYTES) != 0)
        return err_set(ERR_VERIFY, "another key than this store's has signed it");
    if (identity_verify(key, TAG, body->data, size, body->data + size) != ERR_OK)
        return err_code();
    struct cursor cursor = {.data = body->data, .size = size, .at = IDENTITY_KEY_BYTES};
    enum err code = reanchor_claims_read(&cursor, &anchor->entries, &anchor->count);
    if (!code && (code = cursor_end(&cursor)))
        anchor_clear(anchor);
    return code;
}

enum err anchor_read(const char *path, const uint8_t key[IDENTITY_KEY_BYTES],
                     struct anchor *anchor)
{
    struct bytes text = {0}, body = {0};
    *anchor = (struct anchor){0};
    enum err code = file_read(path, FILE_BYTES_MAX, &text);
    if (code) {
        bytes_free(&text);
        return code;
    }
    code = bytes_from_armour(LABEL, (const char *)text.data, text.size, &body);
    if (!code)
        code = body_read(&body, key, anchor);
    bytes_free(&text);
    bytes_free(&body);
    if (!code)
        return ERR_OK;
    err_wrap("the anchor %s", path);
    char why[512];
    strncpy(why, err_text(), sizeof why - 1);
    why[sizeof why - 1] = '\0';
    return err_set(ERR_VERIFY, "%s", why);
}

size_t anchor_lost(const struct anchor *anchor, const struct ledger *ledger,
                   struct reanchor_claim *lost)
{
    size_t count = 0;
    for (size_t i = 0; i < anchor->count; i++) {
        const struct reanchor_claim *entry = &anchor->entries[i];
        if (ledger_accounts(ledger, entry->length, entry->head))
            continue;
        if (lost)
            lost[count] = *entry;
        count++;
    }
    return count;
}

bool anchor_has(const struct anchor *anchor, uint64_t length,
                const uint8_t head[HASH_BYTES])
{
    if (length == 0)
        return bytes_are_zero(head, HASH_BYTES);
    for (size_t i = 0; i < anchor->count; i++)
        if (anchor->entries[i].length == length &&
            memcmp(anchor->entries[i].head, head, HASH_BYTES) == 0)
            return true;
    return false;
}
