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

/* The clock's time, or a later one that was seen before. */
static enum err latest(struct node *node, uint64_t wall, uint64_t *now)
{
    uint64_t kept;
    if (read_time(node, &kept) != ERR_OK)
        return err_code();
    *now = wall > kept ? wall : kept;
    /* Once an hour is enough, and always what ends a policy. */
    bool ends = node->policy && *now >= policy_end(node->policy) &&
                kept < policy_end(node->policy);
    if (*now >= kept + TIME_STEP || ends)
        return write_time(node, *now);
    return ERR_OK;
}

static enum err check_hospital(const struct node *node, const struct policy *policy)
{
    const char *mine = conf_text(node->conf, "name");
    const char *theirs = conf_text(policy_lines(policy), "hospital");
    return strcmp(mine, theirs) == 0
               ? ERR_OK
               : err_set(ERR_DENIED, "policy line %zu: it is for %s, this node is %s",
                         conf_line(policy_lines(policy), "hospital"), theirs, mine);
}

enum reason policies_now(struct node *node, uint64_t wall)
{
    uint64_t now;
    if (!node->policy)
        return permit_now(NULL, wall);
    if (check_hospital(node, node->policy) != ERR_OK)
        return REASON_POLICY;
    if (latest(node, wall, &now) != ERR_OK)
        return REASON_POLICY_EXPIRED;
    return permit_now(node->policy, now);
}

/* --- what is kept
 * ---------------------------------------------------------------------------------- */

/* In place of the one in force, if the officers of that one say so. */
static enum err succeed(struct node *node, struct policy *next)
{
    enum err result = amendment_check(node->policy, next);
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

static enum err last_recorded(void *context, const struct audit_row *row)
{
    if (row->entry.kind == AUDIT_POLICY)
        memcpy(context, row->entry.object, HASH_BYTES);
    return ERR_OK;
}

/* The one in force is the last that the audit record knows: not one before it, with the
 * newest taken away. */
static enum err check_recorded(struct node *node)
{
    uint8_t recorded[HASH_BYTES] = {0}, held[HASH_BYTES] = {0};
    if (node->policy)
        memcpy(held, policy_hash(node->policy), HASH_BYTES);
    if (audit_each(node->store, 1, last_recorded, recorded) != ERR_OK)
        return err_code();
    if (memcmp(recorded, held, HASH_BYTES) == 0)
        return ERR_OK;
    return err_set(ERR_VERIFY,
                   "the last policy in the store is not the one the audit record names");
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
    return result == ERR_OK ? check_recorded(node) : result;
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
    if (query_run(query) != ERR_OK)
        return err_code();
    const struct audit_entry entry = {
        .kind = AUDIT_POLICY, .wall = wall, .object = policy_hash(policy)};
    return audit_write(node->store, &entry,
                       "version %" PRIu64
                       " is in force until %s, signed by %zu officer%s, "
                       "with %zu stud%s",
                       policy_version(policy), conf_text(policy_lines(policy), "expires"),
                       policy_signers(policy), policy_signers(policy) == 1 ? "" : "s",
                       policy_studies(policy),
                       policy_studies(policy) == 1 ? "y" : "ies");
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
    if (result != ERR_OK) {
        const struct audit_entry about = {.wall = wall, .object = policy_hash(policy)};
        result = node_refuse(node, &about);
    }
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
