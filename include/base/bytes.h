#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* bytes - growing byte strings, their text forms, plain hashes, and memory for secrets.
 *
 * It knows nothing of what the bytes mean. Signatures, keys and randomness are the privacy
 * floor's; only the unkeyed hash lives here, because models, priors and files are named by
 * it on floors that may not see a key. Called by everybody. */

/* A byte string that grows by appending. {0} is a valid empty one. */
struct bytes {
    uint8_t *data;
    size_t size, capacity;
};

void bytes_free(struct bytes *bytes); /* wipes, frees, leaves it empty */
void bytes_append(struct bytes *bytes, const void *data, size_t size);
/* Room for `size` more and no more, so that appending them moves nothing. */
void bytes_reserve(struct bytes *bytes, size_t size);
void bytes_u8(struct bytes *bytes, uint8_t value);
void bytes_u32(struct bytes *bytes, uint32_t value); /* all numbers little-endian */
void bytes_u64(struct bytes *bytes, uint64_t value);
void bytes_i64(struct bytes *bytes, int64_t value);
void bytes_f64(struct bytes *bytes, double value); /* IEEE 754 bits; -0 stays -0 */

/* One length-prefixed field: u32 length, then the bytes (4 GiB and more is a bug and aborts).
 * Every hash and signature input of the house is a sequence of these after an ASCII tag, so
 * that no two inputs collide. */
void bytes_field(struct bytes *bytes, const void *data, size_t size);
void bytes_text(struct bytes *bytes, const char *text); /* a field, without the final 0 */

/* Reading back: a cursor that refuses to run past the end (ERR_FORMAT). Outputs are
 * written only on success. Views point into the cursor's data. */
struct cursor {
    const uint8_t *data;
    size_t size, at;
};
enum err cursor_u8(struct cursor *cursor, uint8_t *value);
enum err cursor_u32(struct cursor *cursor, uint32_t *value);
enum err cursor_u64(struct cursor *cursor, uint64_t *value);
enum err cursor_i64(struct cursor *cursor, int64_t *value);
enum err cursor_f64(struct cursor *cursor, double *value);
enum err cursor_field(struct cursor *cursor, const uint8_t **view, size_t *size);
/* A text field of at most `size_max` bytes, valid UTF-8 and no 0; caller frees. */
enum err cursor_text(struct cursor *cursor, size_t size_max, char **text);
enum err cursor_end(const struct cursor *cursor); /* refuses trailing bytes */

/* How many bytes the UTF-8 character at `data` takes, 0 when it is none: RFC 3629, so no
 * overlong form, no surrogate and nothing past U+10FFFF. `size` is at least 1. */
size_t bytes_utf8_size(const void *data, size_t size);
size_t bytes_utf8_count(const void *data, size_t size); /* characters of UTF-8 text */
bool bytes_are_utf8(const void *data, size_t size); /* a 0 is allowed here */
/* A copy with U+FFFD for every byte that belongs to no character; caller frees. */
char *bytes_to_utf8(const char *text);

/* Text forms. hex: lower case, two digits a byte, final 0; `text` has room for 2*size+1.
 * The readers are strict: exact length, no white space, either case for hex; padded
 * canonical base64 (RFC 4648 section 4). What they and file_read read is appended to
 * `bytes`, which stays as it was on failure. */
void bytes_to_hex(const uint8_t *data, size_t size, char *text);
enum err bytes_from_hex(const char *text, uint8_t *data, size_t size);
char *bytes_to_base64(const uint8_t *data, size_t size); /* caller frees */
enum err bytes_from_base64(const char *text, size_t text_size, struct bytes *bytes);

/* Armour, for objects that travel as files: "-----BEGIN GEMEL <label>-----", base64 in
 * lines of 64, "-----END GEMEL <label>-----". Reading refuses another label (ERR_FORMAT)
 * and anything but white space around the block; CRLF line ends are fine. */
char *bytes_to_armour(const char *label, const uint8_t *data, size_t size);
enum err bytes_from_armour(const char *label, const char *text, size_t text_size,
                           struct bytes *bytes);

#define HASH_BYTES 32
/* BLAKE2b-256, unkeyed, of a tag field followed by `data` as a field. */
void bytes_hash(const char *tag, const void *data, size_t size, uint8_t hash[HASH_BYTES]);

bool bytes_equal(const void *a, const void *b, size_t size); /* constant time */
bool bytes_are_zero(const void *data, size_t size);          /* likewise */
void bytes_wipe(void *data, size_t size);                    /* not optimised away */

/* Locked, guarded, not dumped. NULL never: refuses by err when the kernel will not lock
 * (ERR_STORAGE), because sodium_malloc alone does not say so. */
enum err secret_new(size_t size, void **secret);
void secret_free(void *secret); /* wipes; NULL is fine */

#endif
