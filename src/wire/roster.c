#include "wire/roster.h"

#include <inttypes.h>
#include <string.h>

#include "privacy/identity.h"
#include "wire/envelope.h"

#define TAG_ROSTER "gemel/roster/1"
#define TAG_REQUEST "gemel/request/1"
#define TAG_ROTATION "gemel/rotation/1"
#define TAG_INVITE "gemel/invite/1"
#define LABEL_REQUEST "REQUEST"
#define LABEL_ROTATION "ROTATION"
#define LABEL_INVITE "INVITATION"
#define FILE_SIZE_MAX ((size_t)8192) /* of an enrolment file */

struct roster {
    struct bytes bytes; /* Signed, as received */
    struct arena *arena;
    struct roster_fields fields;
    uint8_t hash[HASH_BYTES];
    uint8_t consortium[HASH_BYTES];
};

static bool same_key(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, KEY_BYTES) == 0;
}

static enum err check_member(const struct roster_fields *fields, size_t index)
{
    const struct member *member = &fields->members.items[index];
    if (member->valid_from >= member->valid_to)
        return err_set(ERR_RANGE, "roster: member \"%s\" is never valid", member->name);
    if (same_key(member->key, fields->governance_key) ||
        same_key(member->key, fields->coordinator_key) ||
        same_key(member->curve, fields->coordinator_curve))
        return err_set(ERR_RANGE, "roster: member \"%s\" has another role's key",
                       member->name);
    for (size_t i = 0; i < index; i++) {
        const struct member *other = &fields->members.items[i];
        if (same_key(member->curve, other->curve))
            return err_set(ERR_RANGE, "roster: \"%s\" and \"%s\" have one CURVE key",
                           other->name, member->name);
        if (strcmp(member->name, other->name) == 0)
            return err_set(ERR_RANGE, "roster: two members are called \"%s\"",
                           member->name);
    }
    return ERR_OK;
}

/* The sentences of docs/protocol.md, "Roster", in its order. */
static enum err check_fields(const struct roster_fields *fields)
{
    if (same_key(fields->governance_key, fields->coordinator_key))
        return err_set(ERR_RANGE, "roster: the coordinator holds the governance key");
    if ((fields->version == 1) != bytes_are_zero(fields->previous, HASH_BYTES))
        return err_set(ERR_RANGE, "roster: version %" PRIu64 " %s a version before",
                       fields->version, fields->version == 1 ? "names" : "lacks");
    for (size_t i = 0; i < fields->members.count; i++)
        if (check_member(fields, i) != ERR_OK)
            return err_code();
    return ERR_OK;
}

enum err roster_sign(const struct identity *governance,
                     const struct roster_fields *fields, struct bytes *bytes)
{
    uint8_t key[KEY_BYTES];
    identity_public(governance, key);
    if (!same_key(key, fields->governance_key))
        return err_set(ERR_DENIED,
                       "roster: this is not the governance key that it names");
    struct bytes object = {0};
    enum err result = codec_encode_roster_fields(fields, &object);
    if (result == ERR_OK)
        result = check_fields(fields);
    if (result == ERR_OK)
        result = envelope_sign(governance, TAG_ROSTER, codec_view(&object), bytes);
    bytes_free(&object);
    return result;
}

static enum err open_roster(struct roster *roster, const uint8_t key[KEY_BYTES])
{
    struct view object;
    struct view bytes = {roster->bytes.data, roster->bytes.size};
    if (envelope_verify(key, TAG_ROSTER, bytes, roster->arena, &object) != ERR_OK ||
        codec_decode_roster_fields(object, roster->arena, &roster->fields) != ERR_OK)
        return err_code();
    if (!same_key(key, roster->fields.governance_key))
        return err_set(ERR_VERIFY, "roster: names another governance key");
    bytes_hash(TAG_ROSTER, object.data, object.size, roster->hash);
    envelope_consortium(roster->fields.consortium_name, key, roster->consortium);
    return check_fields(&roster->fields);
}

enum err roster_new(struct view bytes, const uint8_t governance_key[KEY_BYTES],
                    struct roster **roster)
{
    if (bytes.size > WIRE_ROSTER_MAX + WIRE_SIGNED_EXTRA)
        return err_set(ERR_FORMAT, "roster: %zu bytes are too many", bytes.size);
    struct roster *fresh = mem_new(1, sizeof *fresh);
    bytes_append(&fresh->bytes, bytes.data, bytes.size);
    fresh->arena = codec_arena(bytes.size);
    enum err result = open_roster(fresh, governance_key);
    if (result == ERR_OK)
        *roster = fresh;
    else
        roster_destroy(&fresh);
    return result;
}

void roster_destroy(struct roster **roster)
{
    if (!*roster)
        return;
    bytes_free(&(*roster)->bytes);
    arena_destroy(&(*roster)->arena);
    mem_free(*roster);
    *roster = NULL;
}

enum err roster_follows(const struct roster *held, const struct roster *next)
{
    if (!held)
        return ERR_OK;
    uint64_t from = held->fields.version, to = next->fields.version;
    if (memcmp(held->consortium, next->consortium, HASH_BYTES) != 0)
        return err_set(ERR_VERIFY, "roster: of another consortium");
    if (to < from)
        return err_set(ERR_DENIED,
                       "roster: version %" PRIu64 " is older than %" PRIu64 " held", to,
                       from);
    if (to == from && memcmp(held->hash, next->hash, HASH_BYTES) != 0)
        return err_set(ERR_VERIFY, "roster: two different versions %" PRIu64, to);
    if (to == from + 1 && memcmp(next->fields.previous, held->hash, HASH_BYTES) != 0)
        return err_set(ERR_VERIFY,
                       "roster: version %" PRIu64 " does not follow the one held", to);
    return ERR_OK;
}

const struct roster_fields *roster_fields(const struct roster *roster)
{
    return &roster->fields;
}

const uint8_t *roster_hash(const struct roster *roster)
{
    return roster->hash;
}

const uint8_t *roster_consortium(const struct roster *roster)
{
    return roster->consortium;
}

struct view roster_bytes(const struct roster *roster)
{
    return (struct view){roster->bytes.data, roster->bytes.size};
}

const struct member *roster_by_key(const struct roster *roster,
                                   const uint8_t key[KEY_BYTES])
{
    const struct member *items = roster->fields.members.items;
    for (size_t low = 0, high = roster->fields.members.count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(key, items[middle].key, KEY_BYTES);
        if (order == 0)
            return &items[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool roster_valid(const struct member *member, uint64_t now)
{
    return now >= member->valid_from && now < member->valid_to;
}

enum reason roster_admits(const void *gate, const uint8_t sender[KEY_BYTES])
{
    const struct roster_gate *at = gate;
    const struct member *member = at->roster ? roster_by_key(at->roster, sender) : NULL;
    if (!member)
        return REASON_NOT_IN_ROSTER;
    if (!roster_valid(member, at->now))
        return REASON_EXPIRED;
    return same_key(member->curve, at->curve) ? REASON_NONE : REASON_WRONG_LINK;
}

void roster_curves(const struct roster *roster, uint64_t now, struct bytes *curves)
{
    for (size_t i = 0; i < roster->fields.members.count; i++)
        if (roster_valid(&roster->fields.members.items[i], now))
            bytes_append(curves, roster->fields.members.items[i].curve, KEY_BYTES);
}

/* Sign `object`, of either enrolment shape, and put armour around it. */
static enum err seal_file(const struct identity *identity, const char *tag,
                          const char *label, const struct bytes *object, char **text)
{
    struct bytes file = {0};
    enum err result = envelope_sign(identity, tag, codec_view(object), &file);
    if (result == ERR_OK)
        *text = bytes_to_armour(label, file.data, file.size);
    bytes_free(&file);
    return result;
}

/* The armour's contents, kept in the arena. */
static enum err read_file(const char *label, const char *text, size_t size,
                          struct arena *arena, struct view *file)
{
    if (size > FILE_SIZE_MAX)
        return err_set(ERR_FORMAT, "a file of %zu bytes, at most %zu", size,
                       FILE_SIZE_MAX);
    struct bytes bytes = {0};
    enum err result = bytes_from_armour(label, text, size, &bytes);
    uint8_t *kept = result == ERR_OK ? arena_take(arena, bytes.size + 1) : NULL;
    if (result == ERR_OK && !kept)
        result = err_set(ERR_FORMAT, "the file needs too much memory");
    if (result == ERR_OK) {
        if (bytes.size)
            memcpy(kept, bytes.data, bytes.size);
        *file = (struct view){kept, bytes.size};
    }
    bytes_free(&bytes);
    return result;
}

enum err roster_request_text(const struct identity *node,
                             const struct enrol_request *request, char **text)
{
    struct enrol_request own = *request;
    identity_public(node, own.key);
    struct bytes object = {0};
    enum err result = codec_encode_enrol_request(&own, &object);
    if (result == ERR_OK)
        result = seal_file(node, TAG_REQUEST, LABEL_REQUEST, &object, text);
    bytes_free(&object);
    return result;
}

enum err roster_invite_text(const struct identity *coordinator,
                            const struct enrol_invite *invite, char **text)
{
    struct enrol_invite own = *invite;
    identity_public(coordinator, own.coordinator_key);
    struct bytes object = {0};
    enum err result = codec_encode_enrol_invite(&own, &object);
    if (result == ERR_OK)
        result = seal_file(coordinator, TAG_INVITE, LABEL_INVITE, &object, text);
    bytes_free(&object);
    return result;
}

enum err roster_request_read(const char *text, size_t size, struct arena *arena,
                             struct enrol_request *request)
{
    struct view file, object;
    struct signed_bytes parts;
    struct enrol_request fields;
    if (read_file(LABEL_REQUEST, text, size, arena, &file) != ERR_OK ||
        codec_decode_signed_bytes(file, arena, &parts) != ERR_OK ||
        codec_decode_enrol_request(parts.object, arena, &fields) != ERR_OK ||
        envelope_verify(fields.key, TAG_REQUEST, file, arena, &object) != ERR_OK)
        return err_wrap("enrolment request");
    *request = fields;
    return ERR_OK;
}

enum err roster_rotation_text(const struct identity *present, const struct identity *next,
                              const struct enrol_request *request, char **text)
{
    struct bytes file = {0};
    char *inner = NULL;
    uint8_t key[KEY_BYTES], signature[SIGNATURE_BYTES];
    enum err result = roster_request_text(next, request, &inner);
    if (result == ERR_OK) {
        identity_public(present, key);
        bytes_text(&file, inner);
        bytes_append(&file, key, KEY_BYTES);
        result = identity_sign(present, TAG_ROTATION, file.data, file.size, signature);
    }
    if (result == ERR_OK) {
        bytes_append(&file, signature, SIGNATURE_BYTES);
        *text = bytes_to_armour(LABEL_ROTATION, file.data, file.size);
    }
    mem_free(inner);
    bytes_free(&file);
    return result;
}

static enum err read_rotation(struct view file, struct arena *arena,
                              struct enrol_request *request, uint8_t present[KEY_BYTES])
{
    struct cursor cursor = {file.data, file.size, 0};
    const uint8_t *inner;
    size_t size;
    if (cursor_field(&cursor, &inner, &size) != ERR_OK)
        return err_code();
    if (cursor.size - cursor.at != KEY_BYTES + SIGNATURE_BYTES)
        return err_set(ERR_FORMAT, "it has no key and signature at its end");
    const uint8_t *key = file.data + cursor.at;
    if (identity_verify(key, TAG_ROTATION, file.data, cursor.at + KEY_BYTES,
                        key + KEY_BYTES) != ERR_OK ||
        roster_request_read((const char *)inner, size, arena, request) != ERR_OK)
        return err_code();
    memcpy(present, key, KEY_BYTES);
    return ERR_OK;
}

enum err roster_rotation_read(const char *text, size_t size, struct arena *arena,
                              struct enrol_request *request, uint8_t present[KEY_BYTES])
{
    struct view file;
    if (read_file(LABEL_ROTATION, text, size, arena, &file) != ERR_OK ||
        read_rotation(file, arena, request, present) != ERR_OK)
        return err_wrap("request for new keys");
    return ERR_OK;
}

enum err roster_invite_read(const char *text, size_t size, struct arena *arena,
                            struct enrol_invite *invite)
{
    struct view file, object;
    struct signed_bytes parts;
    struct enrol_invite fields;
    if (read_file(LABEL_INVITE, text, size, arena, &file) != ERR_OK ||
        codec_decode_signed_bytes(file, arena, &parts) != ERR_OK ||
        codec_decode_enrol_invite(parts.object, arena, &fields) != ERR_OK ||
        envelope_verify(fields.coordinator_key, TAG_INVITE, file, arena, &object) !=
            ERR_OK)
        return err_wrap("invitation");
    if (same_key(fields.governance_key, fields.coordinator_key))
        return err_set(ERR_VERIFY,
                       "invitation: the coordinator holds the governance key");
    *invite = fields;
    return ERR_OK;
}

void roster_fingerprint(const uint8_t *keys, size_t size,
                        char text[ROSTER_FINGERPRINT_SIZE])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* no i, l, o, u */
    uint8_t hash[HASH_BYTES];
    bytes_hash("gemel/fingerprint/1", keys, size, hash);
    size_t at = 0;
    for (size_t digit = 0; digit < 32; digit++) {
        unsigned value = 0;
        for (size_t bit = 5 * digit; bit < 5 * digit + 5; bit++)
            value = value << 1 | ((unsigned)hash[bit / 8] >> (7 - bit % 8) & 1);
        if (digit > 0 && digit % 4 == 0)
            text[at++] = '-';
        text[at++] = digits[value];
    }
    text[at] = '\0';
}
