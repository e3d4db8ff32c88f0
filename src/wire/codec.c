#include "wire/codec.h"

#include <string.h>

#include "gemel.pb-c.h"
#include "shapes.h"
#include "wire/endpoint.h"

bool codec_is(struct view view, const struct bytes *bytes)
{
    return view.size == bytes->size && memcmp(view.data, bytes->data, view.size) == 0;
}

size_t codec_size_max(enum shape shape)
{
    return shapes[shape].size_max;
}

/* ---- the walk over the raw bytes ---- */

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2 };

static unsigned wire_type(enum type type)
{
    switch (type) {
    case TYPE_U32:
    case TYPE_U64:
        return WIRE_VARINT;
    case TYPE_REAL:
        return WIRE_64;
    default:
        return WIRE_LENGTH;
    }
}

/* At most ten bytes, the shortest form only, no bits beyond the 64th. */
static bool read_varint(struct cursor *cursor, uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; shift < 70 && cursor->at < cursor->size; shift += 7) {
        uint8_t byte = cursor->data[cursor->at++];
        if (shift == 63 && byte > 1)
            return false;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = sum;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

static double read_real(const uint8_t *data)
{
    uint64_t bits = 0;
    for (int i = 7; i >= 0; i--)
        bits = bits << 8 | data[i];
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The code point of a character that bytes_utf8_size found sound. */
static uint32_t code_point(const uint8_t *text, size_t length)
{
    uint32_t code = length < 2 ? text[0] : text[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (text[i] & 0x3f);
    return code;
}

/* Printed on terminals and in reports: no C0, C1 or DEL, no line separators, and no
 * characters that cannot be seen or that reorder the text around them. */
static bool is_plain_text(const uint8_t *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = bytes_utf8_size(text + at, size - at);
        uint32_t code = code_point(text + at, length);
        if (length == 0 || code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
            code == 0x61c || code == 0x200b || (code >= 0x200e && code <= 0x200f) ||
            (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
            code == 0xfeff)
            return false;
        at += length;
    }
    return true;
}

static bool is_address(struct view text)
{
    char copy[ENDPOINT_TEXT_MAX + 1] = "";
    memcpy(copy, text.data, text.size);
    return strlen(copy) == text.size && endpoint_check(copy, false) == ERR_OK;
}

/* What one walk remembers between the fields of a message. */
struct walk {
    const struct shape_row *shape;
    const struct field *field; /* the current one */
    size_t next;               /* index of the first field not yet passed */
    size_t count;              /* items of the current repeated field */
    const uint8_t *before;     /* its last key */
    unsigned depth;
};

static enum err walk_message(enum shape shape, struct view bytes, unsigned depth);

static enum err refuse(const struct walk *walk, const char *what)
{
    return err_set(ERR_FORMAT, "%s: %s %s", walk->shape->name,
                   walk->field ? walk->field->name : "the message", what);
}

static enum err check_ascending(struct walk *walk, const uint8_t *key)
{
    if (walk->before && memcmp(walk->before, key, KEY_BYTES) >= 0)
        return refuse(walk, "is not in ascending order");
    walk->before = key;
    return ERR_OK;
}

/* Every range is one of positive numbers, so that 0 does not come in two encodings. */
static enum err check_reals(const struct walk *walk, struct view bytes)
{
    for (size_t at = 0; at < bytes.size; at += 8) {
        double value = read_real(bytes.data + at);
        if (!(value >= walk->field->real_low && value <= walk->field->real_high))
            return refuse(walk, "is outside its range");
    }
    return ERR_OK;
}

/* Where a Member's key lies: after the name, as the walk over it has made sure. */
static const uint8_t *member_key(struct view member)
{
    size_t name_size = member.data[1];
    return member.data + 2 + name_size + 2;
}

_Static_assert(WIRE_NAME_BYTES_MAX < 128, "a name's length takes one byte");

static enum err check_repeated(struct walk *walk, struct view item)
{
    const struct field *field = walk->field;
    if (++walk->count > field->high)
        return refuse(walk, "has too many items");
    if (field->type == TYPE_VIEWS)
        return item.size >= field->low && item.size <= field->each
                   ? ERR_OK
                   : refuse(walk, "has an item of the wrong length");
    if (field->type == TYPE_KEYS)
        return item.size == KEY_BYTES ? check_ascending(walk, item.data)
                                      : refuse(walk, "has an item of the wrong length");
    if (walk->depth >= 1)
        return refuse(walk, "is nested too deep");
    if (walk_message(SHAPE_MEMBER, item, walk->depth + 1) != ERR_OK)
        return err_wrap("%s", walk->shape->name);
    return check_ascending(walk, member_key(item));
}

static enum err check_length(struct walk *walk, struct view item)
{
    const struct field *field = walk->field;
    if (shapes_repeat(field->type))
        return check_repeated(walk, item);
    if (shapes_pack(field->type)) {
        if (item.size == 0 || item.size % 8 != 0 || item.size / 8 > field->high)
            return refuse(walk, "does not hold a permitted count of numbers");
        return field->type == TYPE_REALS ? check_reals(walk, item) : ERR_OK;
    }
    if (item.size < field->low || item.size > field->high)
        return refuse(walk, "has the wrong length");
    if (field->type == TYPE_TEXT && !is_plain_text(item.data, item.size))
        return refuse(walk, "is not plain UTF-8 text");
    if (field->type == TYPE_ADDRESS && !is_address(item))
        return refuse(walk, "is not an address of the form tcp://HOST:PORT");
    return ERR_OK;
}

static enum err walk_value(struct walk *walk, struct cursor *cursor)
{
    const struct field *field = walk->field;
    uint64_t number = 0;
    if (wire_type(field->type) == WIRE_64) {
        if (cursor->size - cursor->at < 8)
            return refuse(walk, "is cut short");
        cursor->at += 8;
        return check_reals(walk, (struct view){cursor->data + cursor->at - 8, 8});
    }
    if (!read_varint(cursor, &number))
        return refuse(walk, "has no proper number or length");
    if (wire_type(field->type) == WIRE_VARINT)
        return number >= field->low && number <= field->high
                   ? ERR_OK
                   : refuse(walk, "is outside its range");
    if (number > cursor->size - cursor->at)
        return refuse(walk, "is cut short");
    struct view item = {cursor->data + cursor->at, (size_t)number};
    cursor->at += item.size;
    return check_length(walk, item);
}

/* Fields come in the table's order, which is ascending: passing over one that must be
 * there is the moment to miss it. */
static enum err walk_to_field(struct walk *walk, uint64_t id)
{
    const struct field *last = walk->field;
    if (last && last->id == id && shapes_repeat(last->type))
        return ERR_OK;
    walk->count = 0;
    walk->before = NULL;
    for (; walk->next < walk->shape->field_count; walk->next++) {
        walk->field = &walk->shape->fields[walk->next];
        if (walk->field->id == id) {
            walk->next++;
            return ERR_OK;
        }
        if (walk->field->id > id)
            break;
        if (!shapes_repeat(walk->field->type) && !shapes_pack(walk->field->type))
            return refuse(walk, "is missing");
    }
    walk->field = NULL;
    return refuse(walk, "has an unknown, doubled or misplaced field");
}

static enum err walk_message(enum shape shape, struct view bytes, unsigned depth)
{
    struct walk walk = {.shape = &shapes[shape], .depth = depth};
    if (bytes.size > walk.shape->size_max)
        return err_set(ERR_FORMAT, "%s: %zu bytes, at most %zu", walk.shape->name,
                       bytes.size, walk.shape->size_max);
    struct cursor cursor = {bytes.data, bytes.size, 0};
    while (cursor.at < cursor.size) {
        uint64_t tag = 0;
        if (!read_varint(&cursor, &tag) || tag >> 3 == 0 || tag >> 3 > 100) {
            walk.field = NULL;
            return refuse(&walk, "has an unknown, doubled or misplaced field");
        }
        if (walk_to_field(&walk, tag >> 3) != ERR_OK)
            return err_code();
        if ((tag & 7) != wire_type(walk.field->type))
            return refuse(&walk, "has the wrong wire type");
        if (walk_value(&walk, &cursor) != ERR_OK)
            return err_code();
    }
    for (; walk.next < walk.shape->field_count; walk.next++) {
        walk.field = &walk.shape->fields[walk.next];
        if (!shapes_repeat(walk.field->type) && !shapes_pack(walk.field->type))
            return refuse(&walk, "is missing");
    }
    return ERR_OK;
}

/* ---- from the generated structs to the plain ones ---- */

static void *take_for_protobuf(void *arena, size_t size)
{
    return arena_take(arena, size);
}

static void keep_until_arena_ends(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

static const void *pointer_at(const void *base, size_t offset)
{
    const void *pointer;
    memcpy(&pointer, (const char *)base + offset, sizeof pointer);
    return pointer;
}

static bool message_out(enum shape shape, const ProtobufCMessage *message,
                        struct arena *arena, void *value);

static bool repeated_out(const struct field *field, const void *source, size_t count,
                         struct arena *arena, void *target)
{
    const ProtobufCBinaryData *items = source;
    if (field->type == TYPE_KEYS) {
        uint8_t *keys = count ? arena_take(arena, count * KEY_BYTES) : NULL;
        for (size_t i = 0; keys && i < count; i++)
            memcpy(keys + i * KEY_BYTES, items[i].data, KEY_BYTES);
        memcpy(target, &(struct keys){keys, count}, sizeof(struct keys));
        return keys || count == 0;
    }
    if (field->type == TYPE_VIEWS) {
        struct view *views = count ? arena_take(arena, count * sizeof *views) : NULL;
        for (size_t i = 0; views && i < count; i++)
            views[i] = (struct view){items[i].data, items[i].len};
        memcpy(target, &(struct views){views, count}, sizeof(struct views));
        return views || count == 0;
    }
    ProtobufCMessage *const *parts = source;
    struct member *members = count ? arena_take(arena, count * sizeof *members) : NULL;
    for (size_t i = 0; members && i < count; i++)
        if (!message_out(SHAPE_MEMBER, parts[i], arena, &members[i]))
            return false;
    memcpy(target, &(struct members){members, count}, sizeof(struct members));
    return members || count == 0;
}

static bool field_out(const struct field *field, const ProtobufCFieldDescriptor *from,
                      const ProtobufCMessage *message, struct arena *arena, void *target)
{
    const char *source = (const char *)message + from->offset;
    size_t count = 0;
    if (from->label == PROTOBUF_C_LABEL_REPEATED)
        memcpy(&count, (const char *)message + from->quantifier_offset, sizeof count);
    switch (field->type) {
    case TYPE_U32:
        memcpy(target, source, sizeof(uint32_t));
        return true;
    case TYPE_U64:
    case TYPE_REAL:
        memcpy(target, source, sizeof(uint64_t));
        return true;
    case TYPE_FIXED:
        memcpy(target, ((const ProtobufCBinaryData *)(const void *)source)->data,
               field->high);
        return true;
    case TYPE_BYTES: {
        const ProtobufCBinaryData *data = (const void *)source;
        memcpy(target, &(struct view){data->data, data->len}, sizeof(struct view));
        return true;
    }
    case TYPE_TEXT:
    case TYPE_ADDRESS:
        memcpy(target, source, sizeof(char *));
        return true;
    case TYPE_WORDS: /* struct words and struct reals have one layout */
    case TYPE_REALS: {
        struct words words = {pointer_at(source, 0), count};
        memcpy(target, &words, sizeof words);
        return true;
    }
    default:
        return repeated_out(field, pointer_at(source, 0), count, arena, target);
    }
}

static bool message_out(enum shape shape, const ProtobufCMessage *message,
                        struct arena *arena, void *value)
{
    const struct shape_row *row = &shapes[shape];
    for (size_t i = 0; i < row->field_count; i++) {
        const struct field *field = &row->fields[i];
        const ProtobufCFieldDescriptor *from =
            protobuf_c_message_descriptor_get_field(row->descriptor, field->id);
        if (!field_out(field, from, message, arena, (char *)value + field->offset))
            return false;
    }
    return true;
}

/* Per layer: the views' copies, 40 bytes of protobuf-c's own for each field, doubled as
 * its list grows, and the plain lists; three layers at most are decoded into one arena.
 */
struct arena *codec_arena(size_t size)
{
    if (size > WIRE_FRAME_MAX)
        size = WIRE_FRAME_MAX;
    return arena_new(((size_t)64 << 10) + 8 * size);
}

enum err codec_decode(enum shape shape, struct view bytes, struct arena *arena,
                      void *value)
{
    if (walk_message(shape, bytes, 0) != ERR_OK)
        return err_code();
    const struct shape_row *row = &shapes[shape];
    ProtobufCAllocator allocator = {take_for_protobuf, keep_until_arena_ends, arena};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(row->descriptor, &allocator, bytes.size, bytes.data);
    void *plain = message ? arena_take(arena, row->struct_size) : NULL;
    if (!plain || !message_out(shape, message, arena, plain))
        return err_set(ERR_FORMAT, "%s: needs more memory than %zu bytes warrant",
                       row->name, bytes.size);
    memcpy(value, plain, row->struct_size);
    return ERR_OK;
}

enum err codec_version(struct view envelope, uint32_t *version)
{
    struct cursor cursor = {envelope.data, envelope.size, 0};
    uint64_t tag = 0, number = 0;
    if (!read_varint(&cursor, &tag) || tag != 8 || !read_varint(&cursor, &number) ||
        number > UINT32_MAX)
        return err_set(ERR_FORMAT, "envelope: does not begin with a version");
    *version = (uint32_t)number;
    return ERR_OK;
}

/* ---- from the plain structs to the generated ones ---- */

/* Bounds what encoding may take: every list is compared with its limit before. */
#define ENCODE_ARENA ((size_t)8 << 20)

static ProtobufCMessage *message_in(enum shape shape, const void *value,
                                    struct arena *arena);

/* The generated structs are written without const; packing does not change them. */
static uint8_t *unconst(const void *pointer)
{
    uint8_t *writable;
    memcpy(&writable, &pointer, sizeof writable);
    return writable;
}

static void *repeated_in(const struct field *field, const void *items, size_t count,
                         struct arena *arena)
{
    if (shapes_pack(field->type))
        return unconst(items);
    if (field->type == TYPE_PARTS) {
        ProtobufCMessage **parts = arena_take(arena, count * sizeof *parts);
        for (size_t i = 0; i < count; i++)
            parts[i] = message_in(SHAPE_MEMBER, (const struct member *)items + i, arena);
        return parts;
    }
    ProtobufCBinaryData *list = arena_take(arena, count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        const struct view *views = items;
        const uint8_t *keys = items;
        list[i] = field->type == TYPE_KEYS
                      ? (ProtobufCBinaryData){KEY_BYTES, unconst(keys + i * KEY_BYTES)}
                      : (ProtobufCBinaryData){views[i].size, unconst(views[i].data)};
    }
    return list;
}

static void field_in(const struct field *field, const ProtobufCFieldDescriptor *to,
                     const void *source, struct arena *arena, ProtobufCMessage *message)
{
    char *target = (char *)message + to->offset;
    struct views list; /* every list struct is a pointer and a count */
    switch (field->type) {
    case TYPE_U32:
        memcpy(target, source, sizeof(uint32_t));
        return;
    case TYPE_U64:
    case TYPE_REAL:
    case TYPE_TEXT:
    case TYPE_ADDRESS:
        memcpy(target, source, sizeof(uint64_t));
        return;
    case TYPE_FIXED: {
        ProtobufCBinaryData data = {field->high, unconst(source)};
        memcpy(target, &data, sizeof data);
        return;
    }
    case TYPE_BYTES: {
        struct view view;
        memcpy(&view, source, sizeof view);
        ProtobufCBinaryData data = {view.size, unconst(view.data)};
        memcpy(target, &data, sizeof data);
        return;
    }
    default:
        memcpy(&list, source, sizeof list);
        if (list.count == 0)
            return;
        void *items = repeated_in(field, list.items, list.count, arena);
        memcpy(target, &items, sizeof items);
        memcpy((char *)message + to->quantifier_offset, &list.count, sizeof list.count);
    }
}

_Static_assert(sizeof(struct views) == sizeof(struct words) &&
                   sizeof(struct keys) == sizeof(struct views) &&
                   sizeof(char *) == sizeof(uint64_t),
               "list structs share one layout, pointers have 64 bits");

static ProtobufCMessage *message_in(enum shape shape, const void *value,
                                    struct arena *arena)
{
    const struct shape_row *row = &shapes[shape];
    ProtobufCMessage *message = arena_take(arena, row->descriptor->sizeof_message);
    protobuf_c_message_init(row->descriptor, message);
    for (size_t i = 0; i < row->field_count; i++) {
        const struct field *field = &row->fields[i];
        field_in(field,
                 protobuf_c_message_descriptor_get_field(row->descriptor, field->id),
                 (const char *)value + field->offset, arena, message);
    }
    return message;
}

/* What packing would read before the walk over its result can refuse it. */
static enum err check_sizes(enum shape shape, const void *value)
{
    const struct shape_row *row = &shapes[shape];
    for (size_t i = 0; i < row->field_count; i++) {
        const struct field *field = &row->fields[i];
        const char *source = (const char *)value + field->offset;
        struct view view; /* a list's pointer and count lie alike */
        bool list = shapes_repeat(field->type) || shapes_pack(field->type);
        if (field->type == TYPE_TEXT || field->type == TYPE_ADDRESS) {
            const char *text = pointer_at(source, 0);
            if (!text || strnlen(text, field->high + 1) > field->high)
                return err_set(ERR_RANGE, "%s: %s has the wrong length", row->name,
                               field->name);
        }
        if (!list && field->type != TYPE_BYTES)
            continue;
        memcpy(&view, source, sizeof view);
        if (view.size > field->high || (view.size > 0 && !view.data))
            return err_set(ERR_RANGE, "%s: %s has %zu %s, at most %llu", row->name,
                           field->name, view.size, list ? "items" : "bytes",
                           (unsigned long long)field->high);
        for (size_t j = 0; field->type == TYPE_PARTS && j < view.size; j++)
            if (check_sizes(SHAPE_MEMBER,
                            (const struct member *)pointer_at(source, 0) + j) != ERR_OK)
                return err_code();
    }
    return ERR_OK;
}

enum err codec_encode(enum shape shape, const void *value, struct bytes *bytes)
{
    if (check_sizes(shape, value) != ERR_OK)
        return err_code();
    struct arena *arena = arena_new(ENCODE_ARENA);
    const ProtobufCMessage *message = message_in(shape, value, arena);
    size_t size = protobuf_c_message_get_packed_size(message);
    enum err result = ERR_OK;
    if (size > shapes[shape].size_max) {
        result = err_set(ERR_RANGE, "%s: %zu bytes, at most %zu", shapes[shape].name,
                         size, shapes[shape].size_max);
    } else {
        uint8_t *packed_bytes = mem_new(size, 1);
        protobuf_c_message_pack(message, packed_bytes);
        result = walk_message(shape, (struct view){packed_bytes, size}, 0);
        if (result == ERR_OK) {
            bytes_reserve(bytes, size);
            bytes_append(bytes, packed_bytes, size);
        } else {
            result = err_set(ERR_RANGE, "%s", err_text());
        }
        mem_free(packed_bytes);
    }
    arena_destroy(&arena);
    return result;
}
