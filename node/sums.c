#include "node/sums.h"

#include "base/memory.h"
#include "node/node.h"
#include "wire/permit.h"

/* Rounds that are over are never summed again: their links are signed. */
static enum err forget_rounds_before(struct node *node, const struct plan *plan)
{
    struct query *query;
    if (store_query(node->store,
                    "UPDATE attempts SET summed = NULL"
                    " WHERE study = ? AND round < ? AND summed NOT NULL",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, plan->study, STUDY_BYTES);
    query_int(query, 2, (int64_t)plan->round);
    return query_run(query);
}

static enum err keep(struct node *node, const struct attempt *attempt)
{
    struct query *query;
    struct bytes keys = {0};
    if (store_query(node->store, "UPDATE attempts SET summed = ? WHERE plan = ?",
                    &query) != ERR_OK)
        return err_code();
    attempt_survivor_keys(attempt, &keys);
    query_blob(query, 1, keys.data, keys.size);
    query_blob(query, 2, attempt_context(attempt), HASH_BYTES);
    enum err result = query_run(query);
    bytes_free(&keys);
    return result;
}

enum err sums_note(struct node *node, const struct attempt *attempt)
{
    bool own;
    if (store_join(node->store, &own) != ERR_OK)
        return err_code();
    enum err result = keep(node, attempt);
    if (result == ERR_OK)
        result = forget_rounds_before(node, attempt_plan(attempt));
    return store_leave(node->store, own, result);
}

size_t sums_apart(const struct plan *plan, const struct keys *summed)
{
    size_t common = 0;
    for (size_t i = 0; i < summed->count; i++)
        common += terms_include(&plan->participants, summed->items + i * KEY_BYTES);
    size_t left_out = summed->count - common;
    if (left_out == 0 && plan->participants.count == common && plan->survivors == common)
        return 0;
    size_t beside = plan->survivors > common ? plan->survivors - common : 0;
    return left_out + beside > 0 ? left_out + beside : 1;
}

enum err sums_check(struct node *node, const struct plan *plan)
{
    struct query *query;
    bool row;
    if (store_query(node->store,
                    "SELECT attempt, summed FROM attempts"
                    " WHERE study = ? AND round = ? AND summed NOT NULL ORDER BY attempt",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, plan->study, STUDY_BYTES);
    query_int(query, 2, (int64_t)plan->round);
    enum err result;
    while ((result = query_step(query, &row)) == ERR_OK && row) {
        struct keys summed;
        size_t size;
        summed.items = query_get_blob(query, 1, &size);
        summed.count = size / KEY_BYTES;
        if (permit_difference(node->policy, plan, (uint32_t)query_get_int(query, 0),
                              sums_apart(plan, &summed)) != REASON_NONE) {
            result = err_code();
            break;
        }
    }
    query_reset(query);
    return result;
}
