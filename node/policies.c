#include "node/policies.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "wire/amendment.h"

const char POLICIES_SCHEMA[] =
    "CREATE TABLE policies (version INTEGER PRIMARY KEY NOT NULL, policy BLOB NOT NULL,"
    " installed INTEGER NOT NULL);";

#define DELTA_WITHOUT_POLICY 1e-6
#define TIME_NAME "time_seen"
#define TIME_STEP ((uint64_t)3600) /* seconds that may be forgotten */

/* --- time
 * ------------------------------------------------------------------------------------------
 */

static enum err read_time(struct node *node, uint64_t *seen)
{
    struct bytes kept = {0};
    enum err result = home_get(node->home, TIME_NAME, &kept);
    *seen = 0;
    if (result == ERR_OK) {
        struct cursor cursor = {kept.data, kept.size, 0};
        if (cursor_u64(&cursor, seen) != ERR_OK || cursor_end(&cursor) != ERR_OK)
            result = err_set(ERR_STORAGE, "the latest time kept in the store is damaged");
    }
    bytes_free(&kept);
    return result == ERR_NOT_FOUND ? ERR_OK : result;
}

static enum err write_time(struct node *node, uint64_t seen)
{
    struct bytes value = {0};
    bytes_u64(&value, seen);
    enum err result = home_set(node->home, TIME_NAME, value.data, value.size);
    bytes_free(&value);
    return result;
}

/* The clock's time, or a later one that others or this store have seen. */
static enum err latest(struct node *node, uint64_t wall, uint64_t *now)
{
    struct ledger_entry entry;
    uint64_t kept, patients, length = ledger_length(node->ledger);
    if (read_time(node, &kept) != ERR_OK)
        return err_code();
    *now = wall > kept ? wall : kept;
    if (length > 0) {
        if (ledger_read(node->ledger, length - 1, &entry, &patients) != ERR_OK)
            return err_code();
        if (entry.wall > *now)
            *now = entry.wall;
    }
    /* Once an hour is enough, and always what ends a policy. */
    bool ends = node->policy && *now >= policy_end(node->policy) &&
                kept < policy_end(node->policy);
    if (*now >= kept + TIME_STEP || ends)
        return write_time(node, *now);
    return ERR_OK;
}

enum reason policies_now(struct node *node, uint64_t wall)
{
    uint64_t now;
    if (!node->policy)
        return permit_now(NULL, wall);
    if (latest(node, wall, &now) != ERR_OK)
        return REASON_POLICY_EXPIRED;
    return permit_now(node->policy, now);
}

/* --- what is kept
 * ---------------------------------------------------------------------------------- */

static enum err check_hospital(const struct node *node, const struct policy *policy)
{
    const char *mine = conf_text(node->conf, "name");
    const char *theirs = conf_text(policy_lines(policy), "hospital");
    return strcmp(mine, theirs) == 0
               ? ERR_OK
               : err_set(ERR_DENIED, "policy line %zu: it is for %s, this node is %s",
                         conf_line(policy_lines(policy), "hospital"), theirs, mine);
}

/* In place of the one in force, if the officers of that one say so. */
static enum err succeed(struct node *node, struct policy *next)
{
    enum err result = check_hospital(node, next);
    if (result == ERR_OK)
        result = amendment_check(node->policy, next);
    if (result != ERR_OK) {
        policy_destroy(&next);
        return result;
    }
    policy_destroy(&node->policy);
    node->policy = next;
    return ERR_OK;
}

static enum err take_row(struct node *node, struct query *query)
{
    size_t size;
    struct policy *policy = NULL;
    uint64_t version = (uint64_t)query_get_int(query, 0);
    const void *file = query_get_blob(query, 1, &size);
    enum err result = policy_new("policy", file, size, &policy);
    if (result == ERR_OK && policy_version(policy) != version) {
        policy_destroy(&policy);
        result = err_set(ERR_VERIFY, "it says another version");
    }
    if (result == ERR_OK)
        result = succeed(node, policy);
    if (result == ERR_OK)
        return ERR_OK;
    err_wrap("version %" PRIu64 " of the policy in the store", version);
    return err_set(ERR_VERIFY, "%s", err_text());
}

enum err policies_open(struct node *node)
{
    struct query *query;
    bool row;
    enum err result = store_query(
        node->store, "SELECT version, policy FROM policies ORDER BY version", &query);
    if (result != ERR_OK)
        return result;
    while ((result = query_step(query, &row)) == ERR_OK && row)
        if ((result = take_row(node, query)) != ERR_OK)
            break;
    query_reset(query);
    return result;
}

double policies_delta(const struct node *node)
{
    return node->policy ? conf_real(policy_lines(node->policy), "delta")
                        : DELTA_WITHOUT_POLICY;
}

static enum err keep(struct node *node, const struct policy *policy, uint64_t wall)
{
    struct query *query;
    struct view file = policy_bytes(policy);
    if (store_query(node->store,
                    "INSERT INTO policies (version, policy, installed) VALUES (?, ?, ?)",
                    &query) != ERR_OK)
        return err_code();
    query_int(query, 1, (int64_t)policy_version(policy));
    query_blob(query, 2, file.data, file.size);
    query_int(query, 3, (int64_t)wall);
    return query_run(query);
}

/* What must hold before anything is written. */
static enum err check_new(struct node *node, const struct policy *policy, uint64_t wall,
                          uint64_t *now)
{
    if (check_hospital(node, policy) != ERR_OK ||
        amendment_check(node->policy, policy) != ERR_OK)
        return err_code();
    if (policy_signers(policy) >= 2)
        *now = wall;
    else if (latest(node, wall, now) != ERR_OK)
        return err_code();
    return permit_now(policy, *now) == REASON_NONE ? ERR_OK : err_code();
}

enum err policies_install(struct node *node, const char *name, const void *file,
                          size_t size, uint64_t wall)
{
    struct policy *policy;
    uint64_t now;
    if (policy_new(name, file, size, &policy) != ERR_OK)
        return err_code();
    enum err result = check_new(node, policy, wall, &now);
    if (result == ERR_OK && (result = store_begin(node->store)) == ERR_OK) {
        result = keep(node, policy, wall);
        if (result == ERR_OK)
            result = write_time(node, now);
        if (result == ERR_OK)
            result = store_commit(node->store);
        else
            store_rollback(node->store);
    }
    if (result != ERR_OK) {
        policy_destroy(&policy);
        return result;
    }
    policy_destroy(&node->policy);
    node->policy = policy;
    return ERR_OK;
}
