#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The one place below the programs that writes to stderr: there is no caller left who
 * could. */
static _Noreturn void die(size_t count, size_t size)
{
    fprintf(stderr, "error: out of memory (%zu times %zu bytes)\n", count, size);
    abort();
}

/* The limit alone would do where cores are files; where a program collects them, the kernel
 * asks only whether the process may be dumped. */
void mem_keep_private(void)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0)
        return;
    fputs("error: the kernel does not let this process keep out of core files\n", stderr);
    abort();
}

void *mem_new(size_t count, size_t size)
{
    void *room = calloc(count ? count : 1, size ? size : 1);
    if (!room)
        die(count, size);
    return room;
}

void *mem_resize(void *old, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        die(count, size);
    void *room = realloc(old, count && size ? count * size : 1);
    if (!room)
        die(count, size);
    return room;
}

void *mem_copy(const void *bytes, size_t size)
{
    void *copy = mem_new(size, 1);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

char *mem_text_n(const char *text, size_t size)
{
    char *copy = mem_new(size + 1, 1);
    memcpy(copy, text, size);
    return copy;
}

char *mem_text(const char *text)
{
    return mem_text_n(text, strlen(text));
}

char *mem_format(const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        die(1, 0);
    char *text = mem_new((size_t)size + 1, 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}

void mem_free(void *pointer)
{
    free(pointer);
}

#define CHUNK_BYTES ((size_t)16384)

struct chunk {
    struct chunk *next;
    size_t used, size;
    max_align_t bytes[];
};

struct arena {
    struct chunk *first;
    size_t left;
};

struct arena *arena_new(size_t budget)
{
    struct arena *arena = mem_new(1, sizeof *arena);
    arena->left = budget;
    return arena;
}

void arena_destroy(struct arena **arena)
{
    if (!*arena)
        return;
    for (struct chunk *chunk = (*arena)->first, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(*arena);
    *arena = NULL;
}

void *arena_take(struct arena *arena, size_t size)
{
    size_t align = _Alignof(max_align_t);
    if (size > arena->left || arena->left - size < align)
        return NULL;
    size = (size + align - 1) / align * align;
    struct chunk *chunk = arena->first;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;
        chunk = mem_new(sizeof *chunk + room, 1);
        chunk->size = room;
        chunk->next = arena->first;
        arena->first = chunk;
    }
    arena->left -= size;
    void *place = (unsigned char *)chunk->bytes + chunk->used;
    chunk->used += size;
    return place;
}

char *arena_text(struct arena *arena, const char *text, size_t size)
{
    char *copy = arena_take(arena, size + 1);
    if (copy && size)
        memcpy(copy, text, size);
    return copy;
}
