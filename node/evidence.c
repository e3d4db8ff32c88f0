#include "node/evidence.h"

#include <string.h>

#include "base/memory.h"
#include "front/json.h"
#include "node/policies.h"

#define FILE_TAG "gemel/audit-file/1"
#define LINE_PSEUDONYMS ((size_t)4096)

static void set_hex(struct json *json, const char *key, const uint8_t *data, size_t size)
{
    char *digits = mem_new(2 * size + 1, 1);
    bytes_to_hex(data, size, digits);
    json_set_text(json, key, digits);
    mem_free(digits);
}

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
    set_hex(json, "key", node->key, KEY_BYTES);
    set_hex(json, "curve", curve, KEY_BYTES);
    json_set_integer(json, "written", (int64_t)wall);
    json_set_integer(json, "audit_entries", (int64_t)length);
    set_hex(json, "audit_head", head, HASH_BYTES);
    json_set_integer(json, "ledger_entries", (int64_t)ledger_length(node->ledger));
    ledger_head(node->ledger, head);
    set_hex(json, "ledger_head", head, HASH_BYTES);
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
    set_hex(json, "study", row->entry.study, AUDIT_STUDY_BYTES);
    json_set_integer(json, "round", (int64_t)row->entry.round);
    json_set_integer(json, "attempt", row->entry.attempt);
    set_hex(json, "patient", row->entry.patient, AUDIT_PATIENT_BYTES);
    set_hex(json, "object", row->entry.object, HASH_BYTES);
    json_set_text(json, "sentence", row->sentence);
    set_hex(json, "hash", row->hash, HASH_BYTES);
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
        set_hex(json, "pseudonyms", list->data + at, left < most ? left : most);
        put_line(file, json);
    }
}

static enum err put_charge(struct node *node, uint64_t index, struct bytes *file)
{
    struct ledger_entry entry;
    struct bytes list = {0};
    uint64_t patients;
    uint8_t head[HASH_BYTES];
    if (ledger_read(node->ledger, index, &entry, &patients) != ERR_OK ||
        ledger_head_at(node->ledger, index + 1, head) != ERR_OK ||
        ledger_patients(node->ledger, index, &list) != ERR_OK)
        return err_code();
    struct json *json = json_new_object();
    json_set_integer(json, "ledger", (int64_t)index + 1);
    set_hex(json, "study", entry.study, LEDGER_STUDY_BYTES);
    json_set_integer(json, "round", (int64_t)entry.round);
    json_set_integer(json, "attempt", entry.attempt);
    json_set_real(json, "noise_multiplier", entry.noise_multiplier);
    json_set_integer(json, "wall", (int64_t)entry.wall);
    json_set_integer(json, "dimension", (int64_t)entry.dimension);
    json_set_integer(json, "noise_log2", entry.noise_log2);
    json_set_integer(json, "patients", (int64_t)patients);
    set_hex(json, "nonce", entry.nonce, LEDGER_NONCE_BYTES);
    set_hex(json, "hash", head, HASH_BYTES);
    put_line(file, json);
    put_charged(index + 1, &list, file);
    bytes_free(&list);
    return ERR_OK;
}

enum err evidence_write(struct node *node, bool with_ledger, uint64_t wall,
                        struct bytes *file)
{
    struct bytes lines = {0};
    uint8_t signature[IDENTITY_SIGNATURE_BYTES];
    if (with_ledger && ledger_count(node->ledger) != ledger_length(node->ledger))
        return err_set(ERR_STATE, "the ledger was re-anchored: entries of it are not here, "
                                  "and it is exported without --ledger only");
    enum err result = put_first(node, with_ledger, wall, &lines);
    if (result == ERR_OK)
        result = audit_each(node->store, 1, put_audit, &lines);
    uint64_t charges = with_ledger ? ledger_length(node->ledger) : 0;
    for (uint64_t i = 0; result == ERR_OK && i < charges; i++)
        result = put_charge(node, i, &lines);
    if (result == ERR_OK)
        result =
            identity_sign(node->identity, FILE_TAG, lines.data, lines.size, signature);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        set_hex(json, "signature", signature, sizeof signature);
        put_line(&lines, json);
        bytes_append(file, lines.data, lines.size);
    }
    bytes_free(&lines);
    return result;
}
