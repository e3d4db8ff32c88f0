#ifndef TESTS_NODE_OLDER_H
#define TESTS_NODE_OLDER_H

/* older - a home as an older program made it, whose store this one has to bring forward. */

#include "base/memory.h"
#include "check.h"
#include "node/node.h"

/* With the schema up to the migration that first speaks of `word`, and what `fill` puts
 * into it. */
static inline void older_home(const char *folder, const char *word,
                              void (*fill)(struct node *node))
{
    const struct home_kind *now = node_kind();
    struct store_schema before = *now->schema;
    const struct home_kind kind = {now->program, now->settings, now->setting_count,
                                   &before};
    const char *values[64] = {"St Anna"};
    struct identity *identity;
    struct node node = {0};
    for (before.migration_count = 0; before.migration_count < now->schema->migration_count;
         before.migration_count++)
        if (strstr(before.migrations[before.migration_count], word))
            break;
    assert_true(before.migration_count < now->schema->migration_count);
    assert_ok(home_create(folder, &kind, values, &node.home));
    node.store = home_store(node.home);
    assert_ok(identity_new(&identity));
    assert_ok(home_set(node.home, "identity", identity_secret(identity),
                       IDENTITY_SECRET_BYTES));
    identity_destroy(&identity);
    assert_ok(store_begin(node.store));
    fill(&node);
    assert_ok(store_commit(node.store));
    home_destroy(&node.home);
}

#endif
