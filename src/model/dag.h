#ifndef MODEL_DAG_H
#define MODEL_DAG_H

#include "model_impl.h"

/* dag - formulas as one graph without repetitions: a node is an operation on earlier
 * nodes, and asking for the same operation on the same nodes gives the same node. What is
 * known from the text is computed at once, what does nothing is dropped, and factors that
 * rest are multiplied with each other before what moves.
 *
 * It is scaffolding of the compiler (compiler.h): it is gone when the program stands. */

enum run_class {
    CLASS_CONSTANT,   /* known from the text */
    CLASS_INDIVIDUAL, /* parameters and constant covariates */
    CLASS_COVARIATE,  /* covariates that step */
    CLASS_MOVING,     /* time, states, sensitivities */
};

struct node {
    enum op op;
    uint32_t a, b, c; /* nodes; of a leaf `a` is the parameter, covariate, state, mode,
                         and `b` of OP_SENSITIVITY the direction */
    double number;    /* OP_NUMBER */
    enum run_class class;
    bool feels; /* depends on a state */
    bool steep; /* can be infinite, or no number, where its formula has a slope of 0 along
                   what is asked: a root or a quotient at 0 */
};

struct dag {
    const struct model *model;
    struct node *nodes; /* the first is the number 0 */
    size_t count, capacity;
    uint32_t *slots; /* hash table of nodes, NODE_NONE where empty */
    size_t slot_count;
    bool full; /* more nodes were asked for than NODES_MAX: all since are the first */
};

#define NODE_NONE UINT32_MAX
#define NODE_ZERO 0u

/* What the text can make, and its derivatives: 65,536 bytes, at 64 states and parameters.
 */
#define NODES_MAX ((size_t)1 << 21)

static inline uint32_t *nodes_new(size_t count)
{
    return mem_new(count, sizeof(uint32_t)); /* all NODE_ZERO */
}

void dag_init(struct dag *dag, const struct model *model);
void dag_clear(struct dag *dag);

uint32_t dag_number(struct dag *dag, double value);
uint32_t dag_leaf(struct dag *dag, enum op op, size_t a, size_t b);
uint32_t dag_build(struct dag *dag, enum op op, uint32_t a, uint32_t b, uint32_t c);
uint32_t dag_build1(struct dag *dag, enum op op, uint32_t a);
uint32_t dag_build2(struct dag *dag, enum op op, uint32_t a, uint32_t b);
bool dag_is_number(const struct dag *dag, uint32_t at, double value);

/* How many of a, b, c an operation reads. */
size_t op_arity(enum op op);

/* Sums with a product become one operation that rounds once, wherever they are; but a sum
 * or difference of two products among the first `formulas` nodes, which are a text's own:
 * of a a - b b, one product would be rounded and the other not, and its root be no number
 * at a = b. The graph is complete: nothing can be built on it afterwards. */
void dag_fuse(struct dag *dag, size_t formulas);

/* Marks what the roots need, themselves included, in needed [dag->count]. */
void dag_need(const struct dag *dag, const uint32_t *roots, size_t count, bool *needed);

/* --- derivatives (derivative.c) ----------------------------------------------------- */

/* d root / d node of every node up to the root: gains [root + 1], NODE_ZERO where there
 * is none. Backwards, node by node, so that what lies between the root and a quotient is
 * done once for everything below it. Only what `varies` [count of nodes] is asked about.
 */
void derivative_of(struct dag *dag, uint32_t root, const bool *varies, uint32_t *gains);

/* d theta / d phi of a parameter, phi its transform (model.h): 1, theta, or
 * (theta - low)(high - theta)/(high - low). */
uint32_t derivative_of_parameter(struct dag *dag, size_t parameter);

/* slope * along, where nothing times anything is nothing, be it infinite. */
uint32_t derivative_scaled(struct dag *dag, uint32_t slope, uint32_t along);

/* --- conditions (switching.c) ---------------------------------------------------------
 */

/* Switches where slope t + offset is 0, or, if periodic, whenever that is whole. Neither
 * node moves. */
struct condition {
    uint32_t slope, offset;
    bool periodic;
};

/* The conditions, min, max, abs, floor and mod among the needed of the first `count`
 * nodes that hang on time and on what rests for an individual; caller frees. */
size_t switching_find(struct dag *dag, const bool *needed, size_t count,
                      struct condition **conditions);

/* A mode's gap (struct program). */
struct gap {
    uint32_t node, of; /* of the condition that it stands for */
    bool counts;       /* of a floor */
};

/* In the rates, modes in the place of all other conditions, floors and mods that move and
 * can make one jump: not of what changes only when others do, and not where a root is
 * shown to be the same on both sides of equality, as max(x, y) and if(x > y, x, y) are.
 * In what is watched, too; where there are no states, so that a step can be as long as a
 * course, of those alone whose gaps are polynomials of time that a step's looks know all
 * of. Their gaps; caller frees. */
size_t switching_freeze(struct dag *dag, uint32_t *rates, size_t rate_count,
                        uint32_t *watched, size_t watched_count, struct gap **gaps);

/* --- the order of a stream (order.c) --------------------------------------------------
 */

/* What moves of the needed [dag->count], in an order in which it can run: so many nodes;
 * caller frees. */
uint32_t *order_make(const struct dag *dag, const bool *needed, size_t *count);

#endif
