/* switching - conditions on time alone, which the solver stops at: where they switch, as
 * nodes of the dag. Called by program.c. */

#include "dag.h"

/* A condition on time alone has few operations; formulas that share parts could have more
 * ways through them than can be walked. */
#define PATIENCE 1000

struct search {
    struct dag *dag;
    size_t patience; /* steps left */
};

/* slope t + offset, both registers that do not move. */
struct affine {
    bool holds;
    uint32_t slope, offset;
};

static struct affine affine_of(struct search *search, uint32_t at);

static struct affine affine_linear(struct search *search, enum op op, struct affine x,
                                   struct affine y)
{
    return (struct affine){true, dag_build2(search->dag, op, x.slope, y.slope),
                           dag_build2(search->dag, op, x.offset, y.offset)};
}

static struct affine affine_scaled(struct search *search, enum op op, struct affine x,
                                   uint32_t by)
{
    return (struct affine){true, dag_build2(search->dag, op, x.slope, by),
                           dag_build2(search->dag, op, x.offset, by)};
}

static struct affine affine_operation(struct search *search, const struct node *node)
{
    struct affine none = {false, 0, 0}, x = affine_of(search, node->a);
    if (!x.holds)
        return none;
    if (node->op == OP_NEGATE)
        return (struct affine){true, dag_build1(search->dag, OP_NEGATE, x.slope),
                               dag_build1(search->dag, OP_NEGATE, x.offset)};
    struct affine y = affine_of(search, node->b);
    if (!y.holds)
        return none;
    bool x_rests = dag_is_number(search->dag, x.slope, 0),
         y_rests = dag_is_number(search->dag, y.slope, 0);
    switch (node->op) {
    case OP_ADD:
    case OP_SUBTRACT:
        return affine_linear(search, node->op, x, y);
    case OP_MULTIPLY:
        if (y_rests)
            return affine_scaled(search, OP_MULTIPLY, x, y.offset);
        return x_rests ? affine_scaled(search, OP_MULTIPLY, y, x.offset) : none;
    default: /* OP_DIVIDE */
        return y_rests ? affine_scaled(search, OP_DIVIDE, x, y.offset) : none;
    }
}

static struct affine affine_of(struct search *search, uint32_t at)
{
    struct node node = search->dag->nodes[at];
    if (search->patience == 0)
        return (struct affine){false, 0, 0};
    search->patience--;
    if (node.class <= CLASS_INDIVIDUAL)
        return (struct affine){true, NODE_ZERO, at};
    switch (node.op) {
    case OP_TIME:
        return (struct affine){true, dag_number(search->dag, 1), NODE_ZERO};
    case OP_NEGATE:
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_MULTIPLY:
    case OP_DIVIDE:
        return affine_operation(search, &node);
    default:
        return (struct affine){false, 0, 0};
    }
}

/* Where x - y changes sign; where x = mod(u, T) meets y: (u - y) / T is whole. */
static struct condition switching_of(struct search *search, uint32_t x, uint32_t y)
{
    struct node left = search->dag->nodes[x];
    struct condition none = {NODE_NONE, NODE_NONE, false};
    if (left.op == OP_MOD && left.class == CLASS_MOVING) {
        struct affine u = affine_of(search, left.a), to = affine_of(search, y);
        struct affine period = affine_of(search, left.b);
        if (!u.holds || !to.holds || !period.holds ||
            !dag_is_number(search->dag, period.slope, 0))
            return none;
        struct affine turns = affine_linear(search, OP_SUBTRACT, u, to);
        turns = affine_scaled(search, OP_DIVIDE, turns, period.offset);
        return (struct condition){turns.slope, turns.offset, true};
    }
    struct affine from = affine_of(search, x), to = affine_of(search, y);
    if (!from.holds || !to.holds)
        return none;
    struct affine gap = affine_linear(search, OP_SUBTRACT, from, to);
    return (struct condition){gap.slope, gap.offset, false};
}

static struct condition node_switching(struct search *search, const struct node *node)
{
    struct condition none = {NODE_NONE, NODE_NONE, false};
    uint32_t zero = NODE_ZERO;
    switch (node->op) {
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_EQUAL:
    case OP_UNEQUAL:
    case OP_MIN:
    case OP_MAX: {
        bool turned = search->dag->nodes[node->b].op == OP_MOD;
        return turned ? switching_of(search, node->b, node->a)
                      : switching_of(search, node->a, node->b);
    }
    case OP_ABS:
        return switching_of(search, node->a, zero);
    case OP_FLOOR: {
        struct affine u = affine_of(search, node->a);
        return u.holds ? (struct condition){u.slope, u.offset, true} : none;
    }
    case OP_MOD: {
        struct affine u = affine_of(search, node->a), period = affine_of(search, node->b);
        if (!u.holds || !period.holds || !dag_is_number(search->dag, period.slope, 0))
            return none;
        struct affine turns = affine_scaled(search, OP_DIVIDE, u, period.offset);
        return (struct condition){turns.slope, turns.offset, true};
    }
    default:
        return none;
    }
}

static bool is_known(const struct condition *all, size_t count,
                     const struct condition *one)
{
    for (size_t k = 0; k < count; k++)
        if (all[k].slope == one->slope && all[k].offset == one->offset &&
            all[k].periodic == one->periodic)
            return true;
    return false;
}

size_t switching_find(struct dag *dag, const bool *needed, size_t count,
                      struct condition **conditions)
{
    size_t capacity = 0, found = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct node node = dag->nodes[i];
        if (!needed[i] || node.class != CLASS_MOVING)
            continue;
        struct search search = {dag, PATIENCE};
        struct condition one = node_switching(&search, &node);
        if (one.slope == NODE_NONE || dag_is_number(dag, one.slope, 0) ||
            is_known(*conditions, found, &one))
            continue;
        MEM_GROW(*conditions, found + 1, &capacity);
        (*conditions)[found++] = one;
    }
    return found;
}
