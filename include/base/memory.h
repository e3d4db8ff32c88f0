#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* memory - allocation that either succeeds or ends the process with a sentence.
 *
 * Every size that comes from a file, a message or a user is compared with a named limit
 * before it reaches this module; what is left is our own bookkeeping, for which running
 * out of memory is not a case anybody can handle well. It is not for secrets: keys live in
 * base/bytes' locked buffers. Called by everybody. */

/* Zeroed room for `count` things of `size` bytes; count 0 gives a pointer that may be
 * freed. Overflow of count * size ends the process as well. */
void *mem_new(size_t count, size_t size);

/* Grow or shrink to `count` things; new room is not zeroed. */
void *mem_resize(void *old, size_t count, size_t size);

char *mem_text(const char *text);                     /* a copy; caller frees */
char *mem_text_n(const char *text, size_t size);      /* of the first `size` bytes */
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *mem_copy(const void *bytes, size_t size);       /* a copy; caller frees */
void mem_free(void *pointer);                         /* NULL is fine */

/* Whatever happens to this process, its memory goes into no core file, and no other process
 * of the same user may read it: a program's first step, as a process of its own inherits
 * only the half of it. Ends the process when the kernel refuses. */
void mem_keep_private(void);

/* Room for `needed` elements in a growing array: doubles `*capacity` as required. */
#define MEM_GROW(array, needed, capacity)                                                \
    do {                                                                                 \
        if ((needed) > *(capacity)) {                                                    \
            *(capacity) = (needed) * 2 > 8 ? (needed) * 2 : 8;                           \
            (array) = mem_resize((array), *(capacity), sizeof *(array));                 \
        }                                                                                \
    } while (0)

/* arena - memory for one parse or one message, freed at once. */
struct arena;
struct arena *arena_new(size_t budget); /* bytes it may hand out in all; then it is full */
void arena_destroy(struct arena **arena);
void *arena_take(struct arena *arena, size_t size); /* zeroed; NULL once it is full */
char *arena_text(struct arena *arena, const char *text, size_t size); /* NULL when full */

#endif
