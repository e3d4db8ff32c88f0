/* switching - conditions in the rates, which the solver stops at: those on time alone
 * with where they switch, as nodes of the dag; in the place of all others modes, which
 * rest until their gaps change sign; and so in what readings of a window look at. Called
 * by compile.c. */

#include "dag.h"
#include "crossing.h"

#include <math.h>
#include <string.h>

/* A condition on time alone has few operations; formulas that share parts could have more
 * ways through them than can be walked. */
#define PATIENCE 1000

#define ORDER_NONE SIZE_MAX

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

/* --- conditions on states --------------------------------------------------------- */

/* Nodes that may be looked at to show that no rate jumps. */
#define PROOF_PATIENCE ((size_t)1 << 24)

struct freezing {
    struct dag *dag;
    size_t count; /* of its nodes, all a text's own */
    const uint32_t *rates, *watched;
    size_t rate_count, watched_count;
    bool *needed, *looked; /* by rates, by what is watched */
    bool *rests;           /* changes at stops and turns of modes alone */
    uint32_t *now;         /* what a node has become */
    struct gap *gaps;
    size_t gap_count, capacity;
    struct dag proofs;
    uint32_t *shown; /* what a node is in a proof */
    bool *part;      /* of the root that it is about */
    size_t patience;
};

/* An operation on what its arguments have been shown to be. */
static uint32_t proof_build(struct dag *proofs, const struct node *node,
                            const uint32_t *shown)
{
    if (node->op == OP_NUMBER)
        return dag_number(proofs, node->number);
    if (op_arity(node->op) == 0)
        return dag_leaf(proofs, node->op, node->a, node->b);
    uint32_t a = shown[node->a], b = shown[node->b], c = shown[node->c];
    bool nothing = (node->op == OP_SUBTRACT && a == b) ||
                   (node->op == OP_DIVIDE && a == NODE_ZERO && b != NODE_ZERO);
    return nothing ? NODE_ZERO : dag_build(proofs, node->op, a, b, c);
}

/* The root where both sides of comparison `at` are the same and it says `holds`;
 * NODE_NONE where something in it is then not finite. */
static uint32_t proof_side(struct freezing *freezing, uint32_t root, uint32_t at,
                           double holds)
{
    const struct node *nodes = freezing->dag->nodes;
    uint32_t a = nodes[at].a, b = nodes[at].b;
    bool keep_b = nodes[b].op == OP_NUMBER || (nodes[a].op != OP_NUMBER && b < a);
    uint32_t kept = keep_b ? b : a, gone = keep_b ? a : b;
    for (uint32_t i = 0; i <= root; i++) {
        if (!freezing->part[i])
            continue;
        const struct node *said =
            &nodes[i == gone && nodes[kept].op == OP_NUMBER ? kept : i];
        if (i == at)
            freezing->shown[i] = dag_number(&freezing->proofs, holds);
        else if (i == gone && kept < gone)
            freezing->shown[i] = freezing->shown[kept];
        else
            freezing->shown[i] = proof_build(&freezing->proofs, said, freezing->shown);
        const struct node *made = &freezing->proofs.nodes[freezing->shown[i]];
        if (made->op == OP_NUMBER && !isfinite(made->number))
            return NODE_NONE;
    }
    return freezing->shown[root];
}

/* What a root is made of; the graph has grown since these arrays were made. */
static void find_part(struct freezing *freezing, uint32_t root)
{
    bool *part = freezing->part;
    memset(part, 0, freezing->count * sizeof *part);
    part[root] = true;
    for (uint32_t i = root + 1; i-- > 0;) {
        const struct node *node = &freezing->dag->nodes[i];
        const uint32_t arguments[] = {node->a, node->b, node->c};
        for (size_t k = 0; part[i] && k < op_arity(node->op); k++)
            part[arguments[k]] = true;
    }
}

/* Can a root jump where both sides of comparison `at` are the same? */
static bool root_can_jump(struct freezing *freezing, uint32_t root, uint32_t at)
{
    size_t count = freezing->count;
    find_part(freezing, root);
    if (!freezing->part[at])
        return false;
    if (freezing->patience < 3 * count || freezing->proofs.full)
        return true;
    freezing->patience -= 3 * count;
    uint32_t side = proof_side(freezing, root, at, 1);
    return side == NODE_NONE || side != proof_side(freezing, root, at, 0);
}

/* Of what order it is in time: 0 rests, ORDER_NONE is no polynomial. */
static size_t order_of(struct search *search, uint32_t at)
{
    struct node node = search->dag->nodes[at];
    if (node.class < CLASS_MOVING || search->patience == 0)
        return node.class < CLASS_MOVING ? 0 : ORDER_NONE;
    search->patience--;
    bool one = node.op == OP_NEGATE, sum = node.op == OP_ADD || node.op == OP_SUBTRACT,
         product = node.op == OP_MULTIPLY || node.op == OP_DIVIDE;
    if (!one && !sum && !product)
        return node.op == OP_TIME ? 1 : ORDER_NONE;
    size_t a = order_of(search, node.a), b = one ? 0 : order_of(search, node.b);
    if (a == ORDER_NONE || b == ORDER_NONE || (node.op == OP_DIVIDE && b > 0))
        return ORDER_NONE;
    return product ? a + b : a > b ? a : b;
}

/* Is there a gap between its arguments of which looks at a step of any length say all
 * (crossing.h)? */
static bool is_plain(struct freezing *freezing, const struct node *node)
{
    struct search search = {freezing->dag, PATIENCE};
    size_t a = order_of(&search, node->a),
           b = node->op == OP_FLOOR ? 0 : order_of(&search, node->b);
    return a < CROSSING_LOOKS && b < CROSSING_LOOKS && (node->op != OP_MOD || b == 0);
}

/* Does it turn in what is watched, other than rates? Where there are no states a step can
 * be as long as a course, and a wave have any number of tops in it. */
static bool is_followed(struct freezing *freezing, uint32_t at)
{
    return freezing->rate_count || is_plain(freezing, &freezing->dag->nodes[at]);
}

/* Can a rate, or something watched? */
static bool can_jump(struct freezing *freezing, uint32_t at)
{
    bool jumps = false;
    for (size_t r = 0; !jumps && r < freezing->rate_count; r++)
        jumps = root_can_jump(freezing, freezing->rates[r], at);
    if (jumps || !is_followed(freezing, at))
        return jumps;
    for (size_t r = 0; !jumps && r < freezing->watched_count; r++)
        jumps = root_can_jump(freezing, freezing->watched[r], at);
    return jumps;
}

/* The leaf for what has this gap, condition `of` first. */
static uint32_t mode_of(struct freezing *freezing, uint32_t of, uint32_t gap, bool counts)
{
    size_t at = 0;
    while (at < freezing->gap_count &&
           (freezing->gaps[at].node != gap || freezing->gaps[at].counts != counts))
        at++;
    if (at == freezing->gap_count) {
        MEM_GROW(freezing->gaps, at + 1, &freezing->capacity);
        freezing->gaps[freezing->gap_count++] = (struct gap){gap, of, counts};
    }
    return dag_leaf(freezing->dag, OP_MODE, at, 0);
}

/* a < b, a <= b, floor(a), mod(a, b), of what their arguments have become. */
static uint32_t frozen(struct freezing *freezing, uint32_t of, uint32_t a, uint32_t b)
{
    struct dag *dag = freezing->dag;
    switch (dag->nodes[of].op) {
    case OP_LESS:
        return mode_of(freezing, of, dag_build2(dag, OP_SUBTRACT, b, a), false);
    case OP_LESS_EQUAL: /* not b < a */
        return dag_build1(
            dag, OP_NOT,
            mode_of(freezing, of, dag_build2(dag, OP_SUBTRACT, a, b), false));
    case OP_FLOOR:
        return mode_of(freezing, of, a, true);
    default: { /* OP_MOD */
        uint32_t turns = mode_of(freezing, of, dag_build2(dag, OP_DIVIDE, a, b), true);
        return dag_build2(dag, OP_SUBTRACT, a, dag_build2(dag, OP_MULTIPLY, b, turns));
    }
    }
}

/* Conditions on time alone switch at stops. */
static bool is_timed(struct freezing *freezing, const struct node *node)
{
    struct search search = {freezing->dag, PATIENCE};
    return node_switching(&search, node).slope != NODE_NONE;
}

static void freeze_node(struct freezing *freezing, uint32_t i)
{
    struct node node = freezing->dag->nodes[i];
    const uint32_t arguments[] = {node.a, node.b, node.c};
    uint32_t now[3] = {0};
    bool rest = op_arity(node.op) > 0, same = true;
    for (size_t k = 0; k < op_arity(node.op); k++) {
        rest &= freezing->rests[arguments[k]];
        now[k] = freezing->now[arguments[k]];
        same &= now[k] == arguments[k];
    }
    bool compares = node.op == OP_LESS || node.op == OP_LESS_EQUAL;
    bool steps = node.op == OP_FLOOR || (node.op >= OP_LESS && node.op <= OP_UNEQUAL);
    freezing->rests[i] = node.class < CLASS_MOVING || rest;
    freezing->now[i] =
        same ? i : dag_build(freezing->dag, node.op, now[0], now[1], now[2]);
    if (freezing->rests[i] || !(steps || node.op == OP_MOD))
        return;
    bool counts = (node.op == OP_FLOOR || node.op == OP_MOD) &&
                  (freezing->needed[i] || is_followed(freezing, i));
    if (is_timed(freezing, &node)) {
        freezing->rests[i] = steps;
    } else if (compares ? can_jump(freezing, i) : counts) {
        freezing->now[i] = frozen(freezing, i, now[0], now[1]);
        freezing->rests[i] = steps;
    }
}

size_t switching_freeze(struct dag *dag, uint32_t *rates, size_t rate_count,
                        uint32_t *watched, size_t watched_count, struct gap **gaps)
{
    size_t nodes = dag->count;
    struct freezing freezing = {.dag = dag,
                                .count = nodes,
                                .rates = rates,
                                .rate_count = rate_count,
                                .watched = watched,
                                .watched_count = watched_count,
                                .needed = mem_new(nodes, sizeof(bool)),
                                .looked = mem_new(nodes, sizeof(bool)),
                                .rests = mem_new(nodes, sizeof(bool)),
                                .now = mem_new(nodes, sizeof(uint32_t)),
                                .shown = mem_new(nodes, sizeof(uint32_t)),
                                .part = mem_new(nodes, sizeof(bool)),
                                .patience = PROOF_PATIENCE};
    dag_init(&freezing.proofs, dag->model);
    dag_need(dag, rates, rate_count, freezing.needed);
    dag_need(dag, watched, watched_count, freezing.looked);
    for (uint32_t i = 0; i < nodes; i++)
        if (freezing.needed[i] || freezing.looked[i])
            freeze_node(&freezing, i);
    for (size_t r = 0; r < rate_count; r++)
        rates[r] = freezing.now[rates[r]];
    for (size_t r = 0; r < watched_count; r++)
        watched[r] = freezing.now[watched[r]];
    dag_clear(&freezing.proofs);
    mem_free(freezing.needed);
    mem_free(freezing.looked);
    mem_free(freezing.rests);
    mem_free(freezing.now);
    mem_free(freezing.shown);
    mem_free(freezing.part);
    *gaps = freezing.gaps;
    return freezing.gap_count;
}
