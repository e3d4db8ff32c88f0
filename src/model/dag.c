/* dag - hash-consed nodes, folding and simplification. Called by all stages of
 * the compiler. */

#include "dag.h"

#include <string.h>

#include "operation.h"

#define WHOLE_POWER_MAX 8

/* --- nodes ---------------------------------------------------------------------- */

size_t op_arity(enum op op)
{
    if (op <= OP_SENSITIVITY)
        return 0;
    return op <= OP_NOT ? 1 : op <= OP_STEEP ? 2 : 3;
}

static uint64_t node_hash(const struct node *node)
{
    uint64_t bits, hash = (uint64_t)node->op;
    memcpy(&bits, &node->number, sizeof bits);
    const uint64_t parts[] = {node->a, node->b, node->c, bits};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        hash = (hash ^ parts[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}

static bool node_same(const struct node *x, const struct node *y)
{
    return x->op == y->op && x->a == y->a && x->b == y->b && x->c == y->c &&
           memcmp(&x->number, &y->number, sizeof x->number) == 0;
}

static uint32_t *node_slot(const struct dag *dag, const struct node *node)
{
    size_t at = node_hash(node) & (dag->slot_count - 1);
    while (dag->slots[at] != NODE_NONE && !node_same(&dag->nodes[dag->slots[at]], node))
        at = (at + 1) & (dag->slot_count - 1);
    return &dag->slots[at];
}

static void slots_grow(struct dag *dag)
{
    dag->slot_count = dag->slot_count ? dag->slot_count * 2 : 1024;
    dag->slots = mem_resize(dag->slots, dag->slot_count, sizeof *dag->slots);
    memset(dag->slots, 0xff, dag->slot_count * sizeof *dag->slots);
    for (size_t i = 0; i < dag->count; i++)
        *node_slot(dag, &dag->nodes[i]) = (uint32_t)i;
}

static enum run_class leaf_class(const struct dag *dag, const struct node *node)
{
    switch (node->op) {
    case OP_NUMBER:
        return CLASS_CONSTANT;
    case OP_PARAMETER:
        return CLASS_INDIVIDUAL;
    case OP_COVARIATE:
        return dag->model->covariates[node->a].hold == COVARIATE_CONSTANT
                   ? CLASS_INDIVIDUAL
                   : CLASS_COVARIATE;
    case OP_DRIFT:
    case OP_SINCE:
        return CLASS_COVARIATE;
    default:
        return CLASS_MOVING;
    }
}

static bool can_be_steep(enum op op)
{
    return op == OP_DIVIDE || op == OP_POWER || op == OP_LN || op == OP_LOG10 ||
           op == OP_LOGIT;
}

/* What a node inherits of its arguments. A quotient by what rests is as finite as that.
 */
static void inherit(const struct dag *dag, struct node *node)
{
    const uint32_t arguments[] = {node->a, node->b, node->c};
    for (size_t i = 0; i < op_arity(node->op); i++) {
        const struct node *argument = &dag->nodes[arguments[i]];
        if (argument->class > node->class)
            node->class = argument->class;
        node->feels |= argument->feels;
        node->steep |= argument->steep;
    }
    bool rests = node->op == OP_DIVIDE && dag->nodes[node->b].class < CLASS_MOVING;
    if (can_be_steep(node->op) && node->class == CLASS_MOVING && !rests)
        node->steep = true;
}

/* This node, an existing one if there is one. */
static uint32_t intern(struct dag *dag, struct node node)
{
    if (dag->count * 2 >= dag->slot_count)
        slots_grow(dag);
    uint32_t *slot = node_slot(dag, &node);
    if (*slot != NODE_NONE)
        return *slot;
    if (dag->count >= NODES_MAX) {
        dag->full = true;
        return NODE_ZERO;
    }
    if (op_arity(node.op) == 0)
        node.class = leaf_class(dag, &node);
    node.feels = node.op == OP_STATE;
    inherit(dag, &node);
    MEM_GROW(dag->nodes, dag->count + 1, &dag->capacity);
    dag->nodes[dag->count] = node;
    return *slot = (uint32_t)dag->count++;
}

void dag_init(struct dag *dag, const struct model *model)
{
    *dag = (struct dag){.model = model};
    dag_number(dag, 0);
}

void dag_clear(struct dag *dag)
{
    mem_free(dag->nodes);
    mem_free(dag->slots);
    *dag = (struct dag){0};
}

/* There is one zero: -0 would be another node. */
uint32_t dag_number(struct dag *dag, double value)
{
    return intern(dag, (struct node){.op = OP_NUMBER, .number = value == 0 ? 0 : value});
}

uint32_t dag_leaf(struct dag *dag, enum op op, size_t a, size_t b)
{
    return intern(dag, (struct node){.op = op, .a = (uint32_t)a, .b = (uint32_t)b});
}

bool dag_is_number(const struct dag *dag, uint32_t at, double value)
{
    return dag->nodes[at].op == OP_NUMBER && dag->nodes[at].number == value;
}

void dag_need(const struct dag *dag, const uint32_t *roots, size_t count, bool *needed)
{
    for (size_t i = 0; i < count; i++)
        needed[roots[i]] = true;
    for (size_t i = dag->count; i-- > 0;) {
        const struct node *node = &dag->nodes[i];
        const uint32_t arguments[] = {node->a, node->b, node->c};
        for (size_t k = 0; needed[i] && k < op_arity(node->op); k++)
            needed[arguments[k]] = true;
    }
}

/* a + b or a - b, of which `product` is b if `right`, else a. */
static void fuse(struct node *sum, const struct node *product, bool right)
{
    enum op difference = right ? OP_FNMA : OP_FMS;
    sum->op = sum->op == OP_ADD ? OP_FMA : difference;
    sum->c = right ? sum->a : sum->b;
    sum->a = product->a;
    sum->b = product->b;
}

/* Of two products the later one: sums grow to the right, and then each step fuses. */
void dag_fuse(struct dag *dag, size_t formulas)
{
    for (size_t i = 0; i < dag->count; i++) {
        struct node *sum = &dag->nodes[i];
        if (sum->op != OP_ADD && sum->op != OP_SUBTRACT)
            continue;
        bool left = dag->nodes[sum->a].op == OP_MULTIPLY;
        bool right = dag->nodes[sum->b].op == OP_MULTIPLY;
        bool later = right && (!left || sum->b > sum->a);
        if ((left || right) && !(left && right && i < formulas))
            fuse(sum, &dag->nodes[later ? sum->b : sum->a], later);
    }
}

/* --- simplification
 * ---------------------------------------------------------------------
 *
 * Identities of real arithmetic that save work, let two formulas share it, or move it to
 * where it runs less often. A factor of the literal 0 makes 0, whatever the other. */

uint32_t dag_build1(struct dag *dag, enum op op, uint32_t a)
{
    return dag_build(dag, op, a, 0, 0);
}

uint32_t dag_build2(struct dag *dag, enum op op, uint32_t a, uint32_t b)
{
    return dag_build(dag, op, a, b, 0);
}

/* p x + q x is (p + q) x where p and q rest. */
static uint32_t simplify_common(struct dag *dag, enum op op, uint32_t a, uint32_t b)
{
    struct node left = dag->nodes[a], right = dag->nodes[b];
    if (a == b || left.op != OP_MULTIPLY || right.op != OP_MULTIPLY ||
        left.b != right.b || dag->nodes[left.a].class >= left.class ||
        dag->nodes[right.a].class >= right.class)
        return NODE_NONE;
    return dag_build2(dag, OP_MULTIPLY, dag_build2(dag, op, left.a, right.a), left.b);
}

static uint32_t simplify_sum(struct dag *dag, enum op op, uint32_t a, uint32_t b)
{
    const struct node *left = &dag->nodes[a], *right = &dag->nodes[b];
    if (b == NODE_ZERO)
        return a;
    if (a == NODE_ZERO)
        return op == OP_ADD ? b : dag_build1(dag, OP_NEGATE, b);
    if (right->op == OP_NEGATE)
        return dag_build2(dag, op == OP_ADD ? OP_SUBTRACT : OP_ADD, a, right->a);
    if (left->op == OP_NEGATE)
        return op == OP_ADD
                   ? dag_build2(dag, OP_SUBTRACT, b, left->a)
                   : dag_build1(dag, OP_NEGATE, dag_build2(dag, OP_ADD, left->a, b));
    return simplify_common(dag, op, a, b);
}

/* p (q r) is (p q) r where that lets p q be computed less often than q r. */
static uint32_t simplify_factors(struct dag *dag, uint32_t a, uint32_t b)
{
    struct node left = dag->nodes[a], right = dag->nodes[b];
    if (right.op != OP_MULTIPLY || left.class >= right.class ||
        dag->nodes[right.a].class >= right.class)
        return NODE_NONE;
    uint32_t factor = dag_build2(dag, OP_MULTIPLY, a, right.a);
    return dag_build2(dag, OP_MULTIPLY, factor, right.b);
}

static uint32_t simplify_product(struct dag *dag, uint32_t a, uint32_t b)
{
    if (dag->nodes[b].class < dag->nodes[a].class) { /* what rests stands left */
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    const struct node *left = &dag->nodes[a], *right = &dag->nodes[b];
    if (dag_is_number(dag, a, 0))
        return a;
    if (dag_is_number(dag, a, 1))
        return b;
    if (dag_is_number(dag, a, -1))
        return dag_build1(dag, OP_NEGATE, b);
    if (left->op == OP_NEGATE)
        return dag_build1(dag, OP_NEGATE, dag_build2(dag, OP_MULTIPLY, left->a, b));
    if (right->op == OP_NEGATE)
        return dag_build1(dag, OP_NEGATE, dag_build2(dag, OP_MULTIPLY, a, right->a));
    return simplify_factors(dag, a, b);
}

/* Quotients of what depends on states share reciprocals; others keep their exact value,
 * because a floor or a comparison with time can hang on the last bit. */
static uint32_t simplify_quotient(struct dag *dag, uint32_t a, uint32_t b)
{
    const struct node *left = &dag->nodes[a], *right = &dag->nodes[b];
    if (dag_is_number(dag, b, 1))
        return a;
    if (left->op == OP_NEGATE)
        return dag_build1(dag, OP_NEGATE, dag_build2(dag, OP_DIVIDE, left->a, b));
    if ((left->feels || right->feels) && !dag_is_number(dag, a, 1))
        return dag_build2(dag, OP_MULTIPLY,
                          dag_build2(dag, OP_DIVIDE, dag_number(dag, 1), b), a);
    return NODE_NONE;
}

/* Small whole powers are products: x^5 is (x^2)^2 x. */
static uint32_t simplify_power(struct dag *dag, uint32_t a, uint32_t b)
{
    double exponent = dag->nodes[b].number;
    if (dag->nodes[b].op != OP_NUMBER)
        return NODE_NONE;
    if (exponent == 0)
        return dag_number(dag, 1);
    if (exponent == 1)
        return a;
    if (exponent == 0.5)
        return dag_build1(dag, OP_SQRT, a);
    if (exponent != floor(exponent) || fabs(exponent) > WHOLE_POWER_MAX)
        return NODE_NONE;
    if (exponent < 0)
        return dag_build2(dag, OP_DIVIDE, dag_number(dag, 1),
                          dag_build2(dag, OP_POWER, a, dag_number(dag, -exponent)));
    uint32_t half = dag_build2(dag, OP_POWER, a, dag_number(dag, floor(exponent / 2)));
    uint32_t even = dag_build2(dag, OP_MULTIPLY, half, half);
    return fmod(exponent, 2) == 0 ? even : dag_build2(dag, OP_MULTIPLY, even, a);
}

static bool is_condition(enum op op)
{
    return op == OP_NOT || (op >= OP_LESS && op <= OP_OR);
}

/* The node an operation comes down to, NODE_NONE if it has to be done. */
static uint32_t simplify(struct dag *dag, enum op op, uint32_t a, uint32_t b, uint32_t c)
{
    const struct node *left = &dag->nodes[a];
    switch (op) {
    case OP_NEGATE:
        if (left->op == OP_NEGATE)
            return left->a;
        return left->op == OP_SUBTRACT ? dag_build2(dag, OP_SUBTRACT, left->b, left->a)
                                       : NODE_NONE;
    case OP_ADD:
    case OP_SUBTRACT:
        return simplify_sum(dag, op, a, b);
    case OP_MULTIPLY:
        return simplify_product(dag, a, b);
    case OP_DIVIDE:
        return simplify_quotient(dag, a, b);
    case OP_POWER:
        return simplify_power(dag, a, b);
    case OP_MIN:
    case OP_MAX:
        return a == b ? a : NODE_NONE;
    case OP_SELECT:
        if (left->op == OP_NUMBER)
            return left->number != 0 ? b : c;
        if (is_condition(left->op) && dag_is_number(dag, b, 1) && c == NODE_ZERO)
            return a;
        return b == c ? b : NODE_NONE;
    default:
        return NODE_NONE;
    }
}

static bool commutes(enum op op)
{
    return op == OP_ADD || op == OP_MULTIPLY || op == OP_EQUAL || op == OP_UNEQUAL ||
           op == OP_AND || op == OP_OR;
}

uint32_t dag_build(struct dag *dag, enum op op, uint32_t a, uint32_t b, uint32_t c)
{
    size_t count = op_arity(op);
    const uint32_t arguments[] = {a, b, c};
    double values[3] = {0};
    bool known = true;
    for (size_t i = 0; i < count; i++) {
        known &= dag->nodes[arguments[i]].op == OP_NUMBER;
        values[i] = dag->nodes[arguments[i]].number;
    }
    if (known)
        return dag_number(dag, operation_value(op, values[0], values[1], values[2]));
    uint32_t same = simplify(dag, op, a, b, c);
    if (same != NODE_NONE)
        return same;
    const struct node *left = &dag->nodes[a], *right = &dag->nodes[b];
    bool swap = commutes(op) &&
                (right->class < left->class || (right->class == left->class && a > b));
    return intern(dag,
                  (struct node){.op = op, .a = swap ? b : a, .b = swap ? a : b, .c = c});
}
