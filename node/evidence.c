#include "node/evidence.h"

#include <string.h>

#include "base/memory.h"
#include "front/json.h"
#include "node/policies.h"

#define FILE_TAG "gemel/audit-file/1"
#define LINE_PSEUDONYMS ((size_t)4096)

/* Takes the object. */
static void put_line(struct bytes *file, struct json *json)
{
    char *text = json_format(json);
    bytes_append(file, text, strlen(text));
    bytes_u8(file, '\n');
    mem_free(text);
    json_destroy(&json);
}

static enum err put_first(struct node *node, bool with_ledger, uint64_t wall,
                          struct bytes *file)
{
    uint64_t length;
    uint8_t head[HASH_BYTES], curve[KEY_BYTES];
    if (audit_verify(node->store, &length, head) != ERR_OK)
        return err_code();
    identity_curve(node->identity, curve);
    struct json *json = json_new_object();
    json_set_text(json, "format", "gemel-audit/1");
    json_set_text(json, "program", "gemel-node");
    json_set_text(json, "name", conf_text(node->conf, "name"));
    json_set_hex(json, "key", node->key, KEY_BYTES);
    json_set_hex(json, "curve", curve, KEY_BYTES);
    json_set_integer(json, "written", (int64_t)wall);
    json_set_integer(json, "audit_entries", (int64_t)length);
    json_set_hex(json, "audit_head", head, HASH_BYTES);
    json_set_integer(json, "ledger_entries", (int64_t)ledger_length(node->ledger));
    ledger_head(node->ledger, head);
    json_set_hex(json, "ledger_head", head, HASH_BYTES);
    json_set_boolean(json, "ledger_included", with_ledger);
    json_set_real(json, "delta", policies_delta(node));
    put_line(file, json);
    return ERR_OK;
}

static enum err put_audit(void *context, const struct audit_row *row)
{
    struct json *json = json_new_object();
    json_set_integer(json, "audit", (int64_t)row->number);
    json_set_integer(json, "wall", (int64_t)row->entry.wall);
    json_set_text(json, "kind", audit_kind_name(row->entry.kind));
    json_set_integer(json, "user", row->user);
    json_set_hex(json, "study", row->entry.study, AUDIT_STUDY_BYTES);
    json_set_integer(json, "round", (int64_t)row->entry.round);
    json_set_integer(json, "attempt", row->entry.attempt);
    json_set_hex(json, "patient", row->entry.patient, AUDIT_PATIENT_BYTES);
    json_set_hex(json, "object", row->entry.object, HASH_BYTES);
    json_set_text(json, "sentence", row->sentence);
    json_set_hex(json, "hash", row->hash, HASH_BYTES);
    put_line(context, json);
    return ERR_OK;
}

/* Who was charged by entry `number`, in lines of LINE_PSEUDONYMS. */
static void put_charged(uint64_t number, const struct bytes *list, struct bytes *file)
{
    size_t most = LINE_PSEUDONYMS * LEDGER_PSEUDONYM_BYTES;
    for (size_t at = 0, part = 0; at < list->size; at += most, part++) {
        size_t left = list->size - at;
        struct json *json = json_new_object();
        json_set_integer(json, "charged", (int64_t)number);
        json_set_integer(json, "part", (int64_t)part);
        json_set_hex(json, "pseudonyms", list->data + at, left < most ? left : most);
        put_line(file, json);
    }
}

/* Charge `index` of the ledger, which is an entry of its chain and no claim. */
static enum err put_charge(struct node *node, uint64_t index, struct bytes *file)
{
    struct ledger_entry entry;
    struct bytes list = {0};
    uint64_t patients, number = ledger_number(node->ledger, index);
    uint8_t head[HASH_BYTES];
    if (ledger_read(node->ledger, index, &entry, &patients) != ERR_OK ||
        ledger_head_at(node->ledger, number, head) != ERR_OK ||
        ledger_patients(node->ledger, index, &list) != ERR_OK)
        return err_code();
    struct json *json = json_new_object();
    json_set_integer(json, "ledger", (int64_t)number);
    json_set_hex(json, "study", entry.study, LEDGER_STUDY_BYTES);
    json_set_integer(json, "round", (int64_t)entry.round);
    json_set_integer(json, "attempt", entry.attempt);
    json_set_real(json, "noise_multiplier", entry.noise_multiplier);
    json_set_integer(json, "wall", (int64_t)entry.wall);
    json_set_integer(json, "dimension", (int64_t)entry.dimension);
    json_set_integer(json, "noise_log2", entry.noise_log2);
    json_set_integer(json, "patients", (int64_t)patients);
    json_set_hex(json, "nonce", entry.nonce, LEDGER_NONCE_BYTES);
    json_set_hex(json, "hash", head, HASH_BYTES);
    put_line(file, json);
    put_charged(number, &list, file);
    bytes_free(&list);
    return ERR_OK;
}

static void put_reanchor(const struct reanchor *reanchor, const uint8_t head[HASH_BYTES],
                         struct bytes *file)
{
    struct json *json = json_new_object();
    json_set_integer(json, "reanchor", (int64_t)reanchor->number);
    json_set_hex(json, "node", reanchor->node, IDENTITY_KEY_BYTES);
    json_set_integer(json, "issued", (int64_t)reanchor->issued);
    json_set_integer(json, "claims", (int64_t)reanchor->claim_count);
    json_set_hex(json, "hash", head, HASH_BYTES);
    put_line(file, json);
    for (size_t i = 0; i < reanchor->claim_count; i++) {
        const struct reanchor_claim *claim = &reanchor->claims[i];
        json = json_new_object();
        json_set_integer(json, "claimed", (int64_t)claim->length);
        json_set_real(json, "noise_multiplier", claim->noise_multiplier);
        json_set_integer(json, "dimension", (int64_t)claim->dimension);
        json_set_integer(json, "noise_log2", claim->noise_log2);
        json_set_hex(json, "hash", claim->head, HASH_BYTES);
        put_line(file, json);
    }
    for (size_t i = 0; i < reanchor->signature_count; i++) {
        json = json_new_object();
        json_set_hex(json, "officer", reanchor->signatures[i].key, IDENTITY_KEY_BYTES);
        json_set_hex(json, "signature", reanchor->signatures[i].signature,
                     IDENTITY_SIGNATURE_BYTES);
        put_line(file, json);
    }
}

/* Those behind entry `*at` and before entry `before`, which `*at` becomes. */
static enum err put_reanchors(struct node *node, uint64_t *at, uint64_t before,
                              struct bytes *file)
{
    struct reanchor reanchor = {0};
    uint8_t head[HASH_BYTES];
    enum err result = ERR_OK;
    while (*at + 1 < before &&
           (result = ledger_reanchored(node->ledger, *at, &reanchor, head)) == ERR_OK &&
           reanchor.number < before) {
        *at = reanchor.number;
        put_reanchor(&reanchor, head, file);
        reanchor_clear(&reanchor);
    }
    reanchor_clear(&reanchor);
    *at = before;
    return result;
}

/* Every entry of the chain in order of number; what was claimed stands with the
 * re-anchoring that claimed it. */
static enum err put_ledger(struct node *node, struct bytes *file)
{
    struct ledger_entry entry;
    uint64_t patients, at = 0;
    enum err result = ERR_OK;
    for (uint64_t i = 0; result == ERR_OK && i < ledger_count(node->ledger); i++) {
        result = ledger_read(node->ledger, i, &entry, &patients);
        if (result != ERR_OK || patients == LEDGER_EVERYBODY)
            continue;
        result = put_reanchors(node, &at, ledger_number(node->ledger, i), file);
        if (result == ERR_OK)
            result = put_charge(node, i, file);
    }
    return result == ERR_OK
               ? put_reanchors(node, &at, ledger_length(node->ledger) + 1, file)
               : result;
}

enum err evidence_write(struct node *node, bool with_ledger, uint64_t wall,
                        struct bytes *file)
{
    struct bytes lines = {0};
    uint8_t signature[IDENTITY_SIGNATURE_BYTES];
    enum err result = put_first(node, with_ledger, wall, &lines);
    if (result == ERR_OK)
        result = audit_each(node->store, 1, put_audit, &lines);
    if (result == ERR_OK && with_ledger)
        result = put_ledger(node, &lines);
    if (result == ERR_OK)
        result =
            identity_sign(node->identity, FILE_TAG, lines.data, lines.size, signature);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_hex(json, "signature", signature, sizeof signature);
        put_line(&lines, json);
        bytes_append(file, lines.data, lines.size);
    }
    bytes_free(&lines);
    return result;
}
