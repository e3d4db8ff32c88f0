#include "coordinator/refusals.h"

#include <string.h>

#include "base/memory.h"

struct row {
    char *member;
    uint64_t refused[REASON_COUNT];
};

struct refusals {
    struct row *rows; /* as many as members, and one for whoever did not say who it is */
    size_t count, capacity;
};

struct refusals *refusals_new(void)
{
    return mem_new(1, sizeof(struct refusals));
}

void refusals_destroy(struct refusals **refusals)
{
    struct refusals *t = *refusals;
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++)
        mem_free(t->rows[i].member);
    mem_free(t->rows);
    mem_free(t);
    *refusals = NULL;
}

static struct row *row_of(struct refusals *t, const char *member)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->rows[i].member, member) == 0)
            return &t->rows[i];
    MEM_GROW(t->rows, t->count + 1, &t->capacity);
    t->rows[t->count] = (struct row){.member = mem_text(member)};
    return &t->rows[t->count++];
}

uint64_t refusals_count(struct refusals *t, const char *member, enum reason reason)
{
    uint64_t times = ++row_of(t, member)->refused[reason];
    return (times & (times - 1)) == 0 ? times : 0;
}
