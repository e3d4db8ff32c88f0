/* program - checked expressions to one graph of registers without repetitions, and lists
 * of what to run when. Called by model.c. */

#include "model_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "operation.h"

#define NONE UINT32_MAX

/* A condition on time alone has few operations; formulas that share parts could have more
 * ways through them than can be walked. */
#define PATIENCE 1000

/* What the text can make: 65,536 bytes of it, a few registers a character at the most. */
#define REGISTERS_MAX ((size_t)1 << 20)

struct node {
    enum op op;
    uint32_t a, b, c;
    double number; /* OP_NUMBER */
    enum run_class class;
    uint8_t live; /* bit k: has a tangent of kind k */
};

struct graph {
    const struct model *model;
    struct node *nodes;
    size_t count, capacity;
    uint32_t *slots; /* hash table of node numbers, NONE where empty */
    size_t slot_count;
    uint32_t *quantities; /* registers, [quantity] */
    size_t patience;      /* steps left to see whether a condition is one on time alone */
};

/* --- nodes ---------------------------------------------------------------------- */

static size_t arity(enum op op)
{
    if (op <= OP_STATE)
        return 0;
    return op <= OP_NOT ? 1 : op <= OP_MAX ? 2 : 3;
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

static uint32_t *node_slot(const struct graph *graph, const struct node *node)
{
    size_t at = node_hash(node) & (graph->slot_count - 1);
    while (graph->slots[at] != NONE && !node_same(&graph->nodes[graph->slots[at]], node))
        at = (at + 1) & (graph->slot_count - 1);
    return &graph->slots[at];
}

static void slots_grow(struct graph *graph)
{
    graph->slot_count = graph->slot_count ? graph->slot_count * 2 : 1024;
    graph->slots = mem_resize(graph->slots, graph->slot_count, sizeof *graph->slots);
    memset(graph->slots, 0xff, graph->slot_count * sizeof *graph->slots);
    for (size_t i = 0; i < graph->count; i++)
        *node_slot(graph, &graph->nodes[i]) = (uint32_t)i;
}

static enum run_class leaf_class(const struct graph *graph, const struct node *node)
{
    switch (node->op) {
    case OP_NUMBER:
        return CLASS_CONSTANT;
    case OP_PARAMETER:
        return CLASS_INDIVIDUAL;
    case OP_COVARIATE:
        return graph->model->covariates[node->a].hold == COVARIATE_CONSTANT
                   ? CLASS_INDIVIDUAL
                   : CLASS_COVARIATE;
    default:
        return CLASS_MOVING;
    }
}

static uint8_t leaf_live(const struct graph *graph, const struct node *node)
{
    if (node->op == OP_STATE)
        return 1 << TANGENT_DIRECTIONS | 1 << TANGENT_STATES;
    if (node->op == OP_PARAMETER &&
        graph->model->parameters[node->a].kind != PARAMETER_FIXED)
        return 1 << TANGENT_DIRECTIONS;
    return 0;
}

/* Whether tangents pass through argument `i`: not through conditions and steps. */
static bool passes(enum op op, size_t i)
{
    bool step = op == OP_FLOOR || op == OP_NOT || (op >= OP_LESS && op <= OP_OR);
    return !step && !(op == OP_SELECT && i == 0);
}

/* The register of this node, an existing one if there is one. */
static uint32_t intern(struct graph *graph, struct node node)
{
    if (graph->count * 2 >= graph->slot_count)
        slots_grow(graph);
    uint32_t *slot = node_slot(graph, &node);
    if (*slot != NONE)
        return *slot;
    if (arity(node.op) == 0) {
        node.class = leaf_class(graph, &node);
        node.live = leaf_live(graph, &node);
    }
    const uint32_t arguments[] = {node.a, node.b, node.c};
    for (size_t i = 0; i < arity(node.op); i++) {
        const struct node *argument = &graph->nodes[arguments[i]];
        if (argument->class > node.class)
            node.class = argument->class;
        if (passes(node.op, i))
            node.live |= argument->live;
    }
    MEM_GROW(graph->nodes, graph->count + 1, &graph->capacity);
    graph->nodes[graph->count] = node;
    return *slot = (uint32_t)graph->count++;
}

static uint32_t number(struct graph *graph, double value)
{
    return intern(graph, (struct node){.op = OP_NUMBER, .number = value});
}

static uint32_t leaf(struct graph *graph, enum op op, size_t index)
{
    return intern(graph, (struct node){.op = op, .a = (uint32_t)index});
}

static bool is_number(const struct graph *graph, uint32_t at, double value)
{
    return graph->nodes[at].op == OP_NUMBER && graph->nodes[at].number == value;
}

/* --- simplification
 * ---------------------------------------------------------------------
 *
 * Identities of real arithmetic that save work or let two formulas share it. A factor of
 * the literal 0 makes 0, whatever the other factor. */

static uint32_t build(struct graph *graph, enum op op, uint32_t a, uint32_t b,
                      uint32_t c);

static uint32_t build1(struct graph *graph, enum op op, uint32_t a)
{
    return build(graph, op, a, 0, 0);
}

static uint32_t build2(struct graph *graph, enum op op, uint32_t a, uint32_t b)
{
    return build(graph, op, a, b, 0);
}

static uint32_t simplify_sum(struct graph *graph, enum op op, uint32_t a, uint32_t b)
{
    const struct node *right = &graph->nodes[b];
    if (is_number(graph, b, 0))
        return a;
    if (is_number(graph, a, 0))
        return op == OP_ADD ? b : build1(graph, OP_NEGATE, b);
    if (right->op == OP_NEGATE)
        return build2(graph, op == OP_ADD ? OP_SUBTRACT : OP_ADD, a, right->a);
    if (op == OP_ADD && graph->nodes[a].op == OP_NEGATE)
        return build2(graph, OP_SUBTRACT, b, graph->nodes[a].a);
    return NONE;
}

static uint32_t simplify_product(struct graph *graph, uint32_t a, uint32_t b)
{
    if (graph->nodes[b].op == OP_NUMBER) { /* numbers stand left */
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    const struct node *left = &graph->nodes[a], *right = &graph->nodes[b];
    if (is_number(graph, a, 0))
        return a;
    if (is_number(graph, a, 1))
        return b;
    if (is_number(graph, a, -1))
        return build1(graph, OP_NEGATE, b);
    if (left->op == OP_NUMBER && right->op == OP_MULTIPLY &&
        graph->nodes[right->a].op == OP_NUMBER) {
        uint32_t rest = right->b;
        double factor = left->number * graph->nodes[right->a].number;
        return build2(graph, OP_MULTIPLY, number(graph, factor), rest);
    }
    if (left->op == OP_NEGATE)
        return build1(graph, OP_NEGATE, build2(graph, OP_MULTIPLY, left->a, b));
    if (right->op == OP_NEGATE)
        return build1(graph, OP_NEGATE, build2(graph, OP_MULTIPLY, a, right->a));
    return NONE;
}

static uint32_t simplify_power(struct graph *graph, uint32_t a, uint32_t b)
{
    if (is_number(graph, b, 0))
        return number(graph, 1);
    if (is_number(graph, b, 1))
        return a;
    if (is_number(graph, b, 2))
        return build2(graph, OP_MULTIPLY, a, a);
    if (is_number(graph, b, 3))
        return build2(graph, OP_MULTIPLY, build2(graph, OP_MULTIPLY, a, a), a);
    if (is_number(graph, b, 0.5))
        return build1(graph, OP_SQRT, a);
    if (is_number(graph, b, -1))
        return build2(graph, OP_DIVIDE, number(graph, 1), a);
    return NONE;
}

/* The register an operation comes down to, NONE if it has to be done. */
static uint32_t simplify(struct graph *graph, enum op op, uint32_t a, uint32_t b,
                         uint32_t c)
{
    const struct node *left = &graph->nodes[a];
    switch (op) {
    case OP_NEGATE:
        if (left->op == OP_NEGATE)
            return left->a;
        return left->op == OP_SUBTRACT ? build2(graph, OP_SUBTRACT, left->b, left->a)
                                       : NONE;
    case OP_ADD:
    case OP_SUBTRACT:
        return simplify_sum(graph, op, a, b);
    case OP_MULTIPLY:
        return simplify_product(graph, a, b);
    case OP_DIVIDE:
        if (is_number(graph, b, 1))
            return a;
        return left->op == OP_NEGATE
                   ? build1(graph, OP_NEGATE, build2(graph, OP_DIVIDE, left->a, b))
                   : NONE;
    case OP_POWER:
        return simplify_power(graph, a, b);
    case OP_MIN:
    case OP_MAX:
        return a == b ? a : NONE;
    case OP_SELECT:
        if (left->op == OP_NUMBER)
            return left->number != 0 ? b : c;
        return b == c ? b : NONE;
    default:
        return NONE;
    }
}

static bool commutes(enum op op)
{
    return op == OP_ADD || op == OP_MULTIPLY || op == OP_EQUAL || op == OP_UNEQUAL ||
           op == OP_AND || op == OP_OR;
}

static uint32_t build(struct graph *graph, enum op op, uint32_t a, uint32_t b, uint32_t c)
{
    size_t count = arity(op);
    const uint32_t arguments[] = {a, b, c};
    double values[3] = {0};
    bool known = true;
    for (size_t i = 0; i < count; i++) {
        known &= graph->nodes[arguments[i]].op == OP_NUMBER;
        values[i] = graph->nodes[arguments[i]].number;
    }
    if (known)
        return number(graph, operation_value(op, values[0], values[1], values[2]));
    uint32_t same = simplify(graph, op, a, b, c);
    if (same != NONE)
        return same;
    bool swap = commutes(op) && (graph->nodes[b].op == OP_NUMBER ||
                                 (a > b && graph->nodes[a].op != OP_NUMBER));
    return intern(graph,
                  (struct node){.op = op, .a = swap ? b : a, .b = swap ? a : b, .c = c});
}

/* --- expressions ---------------------------------------------------------------- */

static uint32_t compile(struct graph *graph, const struct expr *expr);

static uint32_t compile_name(struct graph *graph, const struct expr *expr)
{
    switch (expr->symbol) {
    case SYMBOL_PARAMETER:
        return leaf(graph, OP_PARAMETER, expr->index);
    case SYMBOL_COVARIATE:
        return leaf(graph,
                    graph->model->covariates[expr->index].hold == COVARIATE_LINEAR
                        ? OP_LINEAR
                        : OP_COVARIATE,
                    expr->index);
    case SYMBOL_QUANTITY:
        return graph->quantities[expr->index];
    case SYMBOL_STATE:
        return leaf(graph, OP_STATE, expr->index);
    case SYMBOL_TIME:
        return leaf(graph, OP_TIME, 0);
    case SYMBOL_PI:
        return number(graph, 3.14159265358979323846);
    default:
        return number(graph, NAN); /* the checker lets no other kind through */
    }
}

/* min and max of many, from the left. */
static uint32_t compile_many(struct graph *graph, const struct expr *expr)
{
    uint32_t all = compile(graph, expr->arguments[0]);
    for (size_t i = 1; i < expr->count; i++)
        all = build2(graph, expr->op, all, compile(graph, expr->arguments[i]));
    return all;
}

/* value, condition, value, condition, ..., last value: from the right. */
static uint32_t compile_piecewise(struct graph *graph, const struct expr *expr)
{
    uint32_t rest = compile(graph, expr->arguments[expr->count - 1]);
    for (size_t i = expr->count - 1; i >= 2; i -= 2) {
        uint32_t value = compile(graph, expr->arguments[i - 2]);
        uint32_t condition = compile(graph, expr->arguments[i - 1]);
        rest = build(graph, OP_SELECT, condition, value, rest);
    }
    return rest;
}

static uint32_t compile_operation(struct graph *graph, const struct expr *expr)
{
    uint32_t arguments[3] = {0};
    for (size_t i = 0; i < arity(expr->op) && i < expr->count; i++)
        arguments[i] = compile(graph, expr->arguments[i]);
    return build(graph, expr->op, arguments[0], arguments[1], arguments[2]);
}

static uint32_t compile_bare(struct graph *graph, const struct expr *expr)
{
    switch (expr->op) {
    case OP_NUMBER:
        return number(graph, expr->number);
    case OP_NAME:
        return compile_name(graph, expr);
    case OP_MIN:
    case OP_MAX:
        return compile_many(graph, expr);
    case OP_PIECEWISE:
        return compile_piecewise(graph, expr);
    case OP_GREATER:
    case OP_GREATER_EQUAL: {
        uint32_t left = compile(graph, expr->arguments[0]);
        uint32_t right = compile(graph, expr->arguments[1]);
        return build2(graph, expr->op == OP_GREATER ? OP_LESS : OP_LESS_EQUAL, right,
                      left);
    }
    default:
        return compile_operation(graph, expr);
    }
}

static uint32_t compile(struct graph *graph, const struct expr *expr)
{
    uint32_t bare = compile_bare(graph, expr);
    if (expr->factor == 1)
        return bare;
    return build2(graph, OP_MULTIPLY, number(graph, expr->factor), bare);
}

/* --- conditions on time --------------------------------------------------------- */

/* slope t + offset, both registers that do not move. */
struct affine {
    bool holds;
    uint32_t slope, offset;
};

static struct affine affine_of(struct graph *graph, uint32_t at);

static struct affine affine_linear(struct graph *graph, enum op op, struct affine x,
                                   struct affine y)
{
    return (struct affine){true, build2(graph, op, x.slope, y.slope),
                           build2(graph, op, x.offset, y.offset)};
}

static struct affine affine_scaled(struct graph *graph, enum op op, struct affine x,
                                   uint32_t by)
{
    return (struct affine){true, build2(graph, op, x.slope, by),
                           build2(graph, op, x.offset, by)};
}

static struct affine affine_operation(struct graph *graph, const struct node *node)
{
    struct affine none = {false, 0, 0}, x = affine_of(graph, node->a);
    if (!x.holds)
        return none;
    if (node->op == OP_NEGATE)
        return (struct affine){true, build1(graph, OP_NEGATE, x.slope),
                               build1(graph, OP_NEGATE, x.offset)};
    struct affine y = affine_of(graph, node->b);
    if (!y.holds)
        return none;
    bool x_rests = is_number(graph, x.slope, 0), y_rests = is_number(graph, y.slope, 0);
    switch (node->op) {
    case OP_ADD:
    case OP_SUBTRACT:
        return affine_linear(graph, node->op, x, y);
    case OP_MULTIPLY:
        if (y_rests)
            return affine_scaled(graph, OP_MULTIPLY, x, y.offset);
        return x_rests ? affine_scaled(graph, OP_MULTIPLY, y, x.offset) : none;
    default: /* OP_DIVIDE */
        return y_rests ? affine_scaled(graph, OP_DIVIDE, x, y.offset) : none;
    }
}

static struct affine affine_of(struct graph *graph, uint32_t at)
{
    struct node node = graph->nodes[at];
    if (graph->patience == 0)
        return (struct affine){false, 0, 0};
    graph->patience--;
    if (node.class <= CLASS_INDIVIDUAL)
        return (struct affine){true, number(graph, 0), at};
    switch (node.op) {
    case OP_TIME:
        return (struct affine){true, number(graph, 1), number(graph, 0)};
    case OP_NEGATE:
    case OP_ADD:
    case OP_SUBTRACT:
    case OP_MULTIPLY:
    case OP_DIVIDE:
        return affine_operation(graph, &node);
    default:
        return (struct affine){false, 0, 0};
    }
}

/* Where x - y changes sign; where x = mod(u, T) meets y: (u - y) / T is whole. */
static struct switching switching_of(struct graph *graph, uint32_t x, uint32_t y)
{
    struct node left = graph->nodes[x];
    struct switching none = {NONE, NONE, false};
    if (left.op == OP_MOD && left.class == CLASS_MOVING) {
        struct affine u = affine_of(graph, left.a), to = affine_of(graph, y);
        struct affine period = affine_of(graph, left.b);
        if (!u.holds || !to.holds || !period.holds || !is_number(graph, period.slope, 0))
            return none;
        struct affine turns = affine_linear(graph, OP_SUBTRACT, u, to);
        turns = affine_scaled(graph, OP_DIVIDE, turns, period.offset);
        return (struct switching){turns.slope, turns.offset, true};
    }
    struct affine from = affine_of(graph, x), to = affine_of(graph, y);
    if (!from.holds || !to.holds)
        return none;
    struct affine gap = affine_linear(graph, OP_SUBTRACT, from, to);
    return (struct switching){gap.slope, gap.offset, false};
}

static struct switching node_switching(struct graph *graph, const struct node *node)
{
    struct switching none = {NONE, NONE, false};
    uint32_t zero = number(graph, 0);
    switch (node->op) {
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_EQUAL:
    case OP_UNEQUAL:
    case OP_MIN:
    case OP_MAX: {
        bool turned = graph->nodes[node->b].op == OP_MOD;
        return turned ? switching_of(graph, node->b, node->a)
                      : switching_of(graph, node->a, node->b);
    }
    case OP_ABS:
        return switching_of(graph, node->a, zero);
    case OP_FLOOR: {
        struct affine u = affine_of(graph, node->a);
        return u.holds ? (struct switching){u.slope, u.offset, true} : none;
    }
    case OP_MOD: {
        struct affine u = affine_of(graph, node->a), period = affine_of(graph, node->b);
        if (!u.holds || !period.holds || !is_number(graph, period.slope, 0))
            return none;
        struct affine turns = affine_scaled(graph, OP_DIVIDE, u, period.offset);
        return (struct switching){turns.slope, turns.offset, true};
    }
    default:
        return none;
    }
}

static void collect_switchings(struct graph *graph, struct program *program,
                               const bool *needed, size_t count)
{
    size_t capacity = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct node node = graph->nodes[i];
        if (!needed[i] || node.class != CLASS_MOVING)
            continue;
        graph->patience = PATIENCE;
        struct switching found = node_switching(graph, &node);
        if (found.slope == NONE || is_number(graph, found.slope, 0))
            continue;
        bool known = false;
        for (size_t k = 0; k < program->switching_count; k++)
            known |= program->switchings[k].slope == found.slope &&
                     program->switchings[k].offset == found.offset &&
                     program->switchings[k].periodic == found.periodic;
        if (known)
            continue;
        MEM_GROW(program->switchings, program->switching_count + 1, &capacity);
        program->switchings[program->switching_count++] = found;
    }
}

/* --- lists ---------------------------------------------------------------------- */

/* Marks what the roots need, themselves included. */
static void need(const struct graph *graph, bool *needed, const uint32_t *roots,
                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        needed[roots[i]] = true;
    for (size_t i = graph->count; i-- > 0;) {
        const struct node *node = &graph->nodes[i];
        const uint32_t arguments[] = {node->a, node->b, node->c};
        for (size_t k = 0; needed[i] && k < arity(node->op); k++)
            needed[arguments[k]] = true;
    }
}

static struct instruction instruction_of(const struct graph *graph, uint32_t at)
{
    const struct node *node = &graph->nodes[at];
    struct instruction out = {
        .op = node->op, .to = at, .a = node->a, .b = node->b, .c = node->c};
    const uint32_t arguments[] = {node->a, node->b, node->c};
    for (size_t kind = 0; kind < TANGENT_KINDS; kind++) {
        unsigned live = node->live >> kind & 1 ? LIVE_RESULT : 0;
        for (size_t i = 0; i < arity(node->op); i++)
            if (passes(node->op, i) && graph->nodes[arguments[i]].live >> kind & 1)
                live |= (unsigned)LIVE_A << i;
        out.live[kind] = (uint8_t)live;
    }
    return out;
}

static struct list list_new(const struct graph *graph, const bool *needed,
                            enum run_class class)
{
    struct list list = {mem_new(graph->count, sizeof *list.instructions), 0};
    for (uint32_t i = 0; i < graph->count; i++)
        if (needed[i] && graph->nodes[i].class == class)
            list.instructions[list.count++] = instruction_of(graph, i);
    list.instructions =
        mem_resize(list.instructions, list.count, sizeof *list.instructions);
    return list;
}

static struct list moving_list(const struct graph *graph, const uint32_t *roots,
                               size_t count)
{
    bool *needed = mem_new(graph->count, sizeof *needed);
    need(graph, needed, roots, count);
    struct list list = list_new(graph, needed, CLASS_MOVING);
    mem_free(needed);
    return list;
}

/* Everything the model promises outside needs, one array of roots after the other. */
static void resting_lists(const struct graph *graph, struct program *program)
{
    const struct syntax *syntax = graph->model->syntax;
    bool *needed = mem_new(graph->count, sizeof *needed);
    need(graph, needed, program->rates, syntax->state_count);
    need(graph, needed, program->inits, syntax->state_count);
    need(graph, needed, program->observed, syntax->observation_count);
    need(graph, needed, program->derived, syntax->quantity_count);
    need(graph, needed, program->inputs[0], MODIFIERS * syntax->input_count);
    for (size_t i = 0; i < program->switching_count; i++) {
        need(graph, needed, &program->switchings[i].slope, 1);
        need(graph, needed, &program->switchings[i].offset, 1);
    }
    program->individual = list_new(graph, needed, CLASS_INDIVIDUAL);
    program->covariate = list_new(graph, needed, CLASS_COVARIATE);
    mem_free(needed);
}

static void lists(struct graph *graph, struct program *program)
{
    const struct syntax *syntax = graph->model->syntax;
    size_t states = syntax->state_count, count = graph->count;
    bool *needed = mem_new(count, sizeof *needed);
    need(graph, needed, program->rates, states);
    collect_switchings(graph, program, needed, count);
    mem_free(needed);
    program->rate = moving_list(graph, program->rates, states);
    program->init = moving_list(graph, program->inits, states);
    program->observe = moving_list(graph, program->observed, syntax->observation_count);
    program->derive = moving_list(graph, program->derived, syntax->quantity_count);
    program->input =
        moving_list(graph, program->inputs[0], MODIFIERS * syntax->input_count);
    resting_lists(graph, program);
}

/* --- the whole ------------------------------------------------------------------ */

static uint32_t compile_or(struct graph *graph, const struct expr *expr, double otherwise)
{
    return expr ? compile(graph, expr) : number(graph, otherwise);
}

/* A steady state is sought from the initial value the text gives, or from 1. */
static void roots(struct graph *graph, struct program *program)
{
    const struct syntax *syntax = graph->model->syntax;
    for (size_t i = 0; i < syntax->quantity_count; i++) {
        size_t at = syntax->order[i];
        graph->quantities[at] = compile(graph, syntax->quantities[at].expr);
        program->derived[at] = graph->quantities[at];
    }
    for (size_t i = 0; i < syntax->state_count; i++) {
        const struct state_line *line = &syntax->states[i];
        program->rates[i] = compile(graph, line->rate);
        program->inits[i] = compile_or(graph, line->init, line->steady ? 1 : 0);
        if (line->steady)
            program->steady[program->steady_count++] = i;
    }
    for (size_t i = 0; i < syntax->observation_count; i++)
        program->observed[i] = compile(graph, syntax->observations[i].expr);
    for (size_t i = 0; i < syntax->input_count; i++) {
        const struct input_line *line = &syntax->inputs[i];
        program->inputs[i][MODIFIER_FRACTION] = compile_or(graph, line->fraction, 1);
        program->inputs[i][MODIFIER_LAG] = compile_or(graph, line->lag, 0);
        program->inputs[i][MODIFIER_DURATION] = compile_or(graph, line->over, 0);
    }
}

static void graph_clear(struct graph *graph)
{
    mem_free(graph->nodes);
    mem_free(graph->slots);
    mem_free(graph->quantities);
}

enum err program_new(const struct model *model, struct program **program)
{
    const struct syntax *syntax = model->syntax;
    struct graph graph = {.model = model};
    struct program *out = mem_new(1, sizeof *out);
    graph.quantities = mem_new(syntax->quantity_count, sizeof(uint32_t));
    out->rates = mem_new(syntax->state_count, sizeof(uint32_t));
    out->inits = mem_new(syntax->state_count, sizeof(uint32_t));
    out->observed = mem_new(syntax->observation_count, sizeof(uint32_t));
    out->derived = mem_new(syntax->quantity_count, sizeof(uint32_t));
    roots(&graph, out);
    lists(&graph, out);
    out->registers = graph.count;
    out->constants = mem_new(graph.count, sizeof(double));
    out->live = mem_new(graph.count, 1);
    for (size_t i = 0; i < graph.count; i++) {
        out->constants[i] = graph.nodes[i].op == OP_NUMBER ? graph.nodes[i].number : 0;
        out->live[i] = graph.nodes[i].live;
    }
    bool fits = graph.count <= REGISTERS_MAX;
    graph_clear(&graph);
    if (!fits) {
        program_destroy(&out);
        return err_set(ERR_RANGE, "model %s needs more than %zu registers", syntax->name,
                       REGISTERS_MAX);
    }
    *program = out;
    return ERR_OK;
}

void program_destroy(struct program **program)
{
    struct program *gone = *program;
    if (!gone)
        return;
    mem_free(gone->constants);
    mem_free(gone->live);
    mem_free(gone->individual.instructions);
    mem_free(gone->covariate.instructions);
    mem_free(gone->rate.instructions);
    mem_free(gone->observe.instructions);
    mem_free(gone->derive.instructions);
    mem_free(gone->init.instructions);
    mem_free(gone->input.instructions);
    mem_free(gone->rates);
    mem_free(gone->inits);
    mem_free(gone->observed);
    mem_free(gone->derived);
    mem_free(gone->switchings);
    mem_free(gone);
    *program = NULL;
}

/* --- listing -------------------------------------------------------------------- */

void listing_add(struct bytes *listing, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    size_t kept = size < 0 ? 0 : (size_t)size;
    bytes_append(listing, line, kept < sizeof line ? kept : sizeof line - 1);
}

static void print_leaf(const struct model *model, const struct instruction *at,
                       struct bytes *listing)
{
    const char *name = at->op == OP_PARAMETER ? model->parameters[at->a].name
                       : at->op == OP_STATE   ? model->states[at->a].name
                       : at->op == OP_TIME    ? "time"
                                              : model->covariates[at->a].name;
    listing_add(listing, "%s", name);
}

/* exp(r1), r1 + 2, if(r1, r2, r3): a constant stands by its value. */
static void print_operation(const struct program *program, const bool *runs,
                            const struct instruction *at, struct bytes *listing)
{
    const uint32_t arguments[] = {at->a, at->b, at->c};
    const char *function = at->op == OP_NEGATE ? "-" : function_name(at->op);
    bool infix =
        arity(at->op) == 2 && at->op != OP_MIN && at->op != OP_MAX && at->op != OP_MOD;
    if (!infix)
        listing_add(listing, "%s(", function);
    for (size_t i = 0; i < arity(at->op); i++) {
        if (i)
            listing_add(listing, "%s%s%s", infix ? " " : ",", infix ? function : "", " ");
        if (runs[arguments[i]])
            listing_add(listing, "r%u", (unsigned)arguments[i]);
        else
            listing_add(listing, "%.10g", program->constants[arguments[i]]);
    }
    if (!infix)
        listing_add(listing, ")");
}

static void print_list(const struct model *model, const char *title,
                       const struct list *list, const bool *runs, struct bytes *listing)
{
    if (list->count)
        listing_add(listing, "%s\n", title);
    for (size_t k = 0; k < list->count; k++) {
        const struct instruction *at = &list->instructions[k];
        listing_add(listing, "  r%u = ", (unsigned)at->to);
        if (at->op <= OP_STATE)
            print_leaf(model, at, listing);
        else
            print_operation(model->program, runs, at, listing);
        listing_add(listing, "\n");
    }
}

void program_print(const struct model *model, struct bytes *listing)
{
    const struct program *program = model->program;
    const struct {
        const char *title;
        const struct list *list;
    } parts[] = {
        {"once for an individual", &program->individual},
        {"when a covariate changes", &program->covariate},
        {"initial values", &program->init},
        {"doses", &program->input},
        {"rates", &program->rate},
        {"observations", &program->observe},
        {"quantities", &program->derive},
    };
    bool *runs = mem_new(program->registers, sizeof *runs);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (size_t k = 0; k < parts[i].list->count; k++)
            runs[parts[i].list->instructions[k].to] = true;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        print_list(model, parts[i].title, parts[i].list, runs, listing);
    mem_free(runs);
}
