/* order - the order in which a stream runs. Called by registers.c.
 *
 * Whatever can run next and has the operation of the last goes on; when there is nothing,
 * the operation that most can run of comes. Runs of one operation are decided upon once.
 * What can run first runs first: the steps of one sum stand far apart, between them those
 * of others, and do not wait for each other. */

#include "dag.h"

#include <string.h>

struct order {
    uint32_t *waits_for;       /* [dag->count] arguments that have not run */
    uint32_t *first, *users;   /* users of node i: users[first[i] .. first[i + 1]) */
    uint32_t *ready[OP_COUNT]; /* by operation, a queue */
    size_t ready_first[OP_COUNT], ready_end[OP_COUNT], ready_room[OP_COUNT];
};

static bool runs(const struct dag *dag, const bool *needed, uint32_t at)
{
    const struct node *node = &dag->nodes[at];
    return needed[at] && node->class == CLASS_MOVING && op_arity(node->op) > 0;
}

static void order_users(const struct dag *dag, const bool *needed, struct order *order)
{
    uint32_t *next = nodes_new(dag->count);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < dag->count; i++) {
            const struct node *node = &dag->nodes[i];
            const uint32_t arguments[] = {node->a, node->b, node->c};
            for (size_t k = 0; runs(dag, needed, i) && k < op_arity(node->op); k++) {
                if (!runs(dag, needed, arguments[k]))
                    continue;
                if (pass == 0)
                    order->first[arguments[k] + 1]++;
                else
                    order->users[next[arguments[k]]++] = i;
                order->waits_for[i] += pass == 0;
            }
        }
        if (pass)
            break;
        for (size_t i = 0; i < dag->count; i++)
            order->first[i + 1] += order->first[i];
        order->users = nodes_new(order->first[dag->count]);
        memcpy(next, order->first, dag->count * sizeof *next);
    }
    mem_free(next);
}

static void order_ready(const struct dag *dag, struct order *order, uint32_t at)
{
    enum op op = dag->nodes[at].op;
    MEM_GROW(order->ready[op], order->ready_end[op] + 1, &order->ready_room[op]);
    order->ready[op][order->ready_end[op]++] = at;
}

static size_t ready_count(const struct order *order, enum op op)
{
    return order->ready_end[op] - order->ready_first[op];
}

static enum op order_next(const struct order *order, enum op last)
{
    enum op best = last;
    for (enum op op = 0; ready_count(order, last) == 0 && op < OP_COUNT; op++)
        if (ready_count(order, op) > ready_count(order, best))
            best = op;
    return best;
}

static void order_clear(struct order *order)
{
    mem_free(order->waits_for);
    mem_free(order->first);
    mem_free(order->users);
    for (size_t op = 0; op < OP_COUNT; op++)
        mem_free(order->ready[op]);
}

uint32_t *order_make(const struct dag *dag, const bool *needed, size_t *count)
{
    struct order order = {.waits_for = nodes_new(dag->count),
                          .first = nodes_new(dag->count + 1)};
    uint32_t *nodes = nodes_new(dag->count);
    order_users(dag, needed, &order);
    *count = 0;
    for (uint32_t i = 0; i < dag->count; i++)
        if (runs(dag, needed, i) && order.waits_for[i] == 0)
            order_ready(dag, &order, i);
    for (enum op op = 0;;) {
        op = order_next(&order, op);
        if (ready_count(&order, op) == 0)
            break;
        uint32_t at = order.ready[op][order.ready_first[op]++];
        nodes[(*count)++] = at;
        for (uint32_t k = order.first[at]; k < order.first[at + 1]; k++)
            if (--order.waits_for[order.users[k]] == 0)
                order_ready(dag, &order, order.users[k]);
    }
    order_clear(&order);
    return nodes;
}
