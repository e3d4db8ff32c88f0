#ifndef TESTS_SUPPORT_ENTRIES_H
#define TESTS_SUPPORT_ENTRIES_H

/* entries - how many entries of a kind an audit record has. */

#include "check.h"
#include "privacy/audit.h"

struct entries {
    enum audit_kind kind;
    size_t count;
};

static inline enum err entries_take(void *context, const struct audit_row *row)
{
    struct entries *entries = context;
    entries->count += row->entry.kind == entries->kind;
    return ERR_OK;
}

static inline size_t entries_of(struct store *store, enum audit_kind kind)
{
    struct entries entries = {.kind = kind};
    assert_ok(audit_each(store, 1, entries_take, &entries));
    return entries.count;
}

#endif
