#ifndef WIRE_SHAPES_H
#define WIRE_SHAPES_H

#include "wire/codec.h"

/* shapes - what every message and object on the wire consists of: its fields in order, the
 * limits of each, and where it lives in its plain struct.
 *
 * A table, not the reading of it: wire/codec, the one caller, walks, unpacks and packs by it.
 * A new field is a line here, one in its struct and one in proto/gemel.proto. */

/* How one field of a shape is checked and where it lives in its plain struct. */
enum type {
    TYPE_U32,     /* varint, low..high */
    TYPE_U64,     /* varint, low..high */
    TYPE_REAL,    /* double, finite, real_low..real_high */
    TYPE_FIXED,   /* bytes, exactly `high`, into an array */
    TYPE_BYTES,   /* bytes, low..high long, into a view */
    TYPE_TEXT,    /* UTF-8 without control characters, low..high bytes long */
    TYPE_ADDRESS, /* text that endpoint_check accepts */
    TYPE_KEYS,    /* repeated 32 bytes, strictly ascending, at most `high` of them */
    TYPE_VIEWS,   /* repeated bytes, low..each long, at most `high` of them */
    TYPE_WORDS,   /* packed fixed64, at most `high` of them */
    TYPE_REALS,   /* packed double, finite, real_low..real_high, at most `high` of them */
    TYPE_PARTS,   /* repeated Member, strictly ascending by key, at most `high` of them */
};

struct field {
    uint32_t id;
    enum type type;
    const char *name;
    size_t offset;
    uint64_t low, high;
    size_t each;
    double real_low, real_high;
};

struct shape_row {
    const char *name;
    const struct ProtobufCMessageDescriptor *descriptor;
    const struct field *fields;
    size_t field_count, struct_size, size_max;
};

extern const struct shape_row shapes[SHAPE_COUNT];

/* Lists: of items with a tag each, or of numbers packed under one tag. */
bool shapes_repeat(enum type type);
bool shapes_pack(enum type type);

/* ERR_STATE unless this table and the generated descriptors list the same fields with the
 * same types, which the tests ask. */
enum err shapes_agree(void);

#endif
