/* derivative - the chain rule on a dag. Called by sensitivity.c.
 *
 * Slopes at the edges: a power of 0 with a positive exponent has slope 0 along the
 * exponent (a Hill term before the first dose); |x| at 0 has slope 0; min, max and if
 * have the slope of the branch they take; conditions and steps have none. */

#include "dag.h"

#include <math.h>
#include <string.h>

/* One operation: itself, its arguments, and what the root gains by it. */
struct link {
    struct dag *dag;
    uint32_t v, a, b, c;
    uint32_t gain;
};

static uint32_t one(struct dag *dag)
{
    return dag_number(dag, 1);
}

static uint32_t times(const struct link *link, uint32_t x, uint32_t y)
{
    return dag_build2(link->dag, OP_MULTIPLY, x, y);
}

static uint32_t over(const struct link *link, uint32_t x, uint32_t y)
{
    return dag_build2(link->dag, OP_DIVIDE, x, y);
}

static uint32_t minus(const struct link *link, uint32_t x, uint32_t y)
{
    return dag_build2(link->dag, OP_SUBTRACT, x, y);
}

static uint32_t plus(const struct link *link, uint32_t x, uint32_t y)
{
    return dag_build2(link->dag, OP_ADD, x, y);
}

static uint32_t less(const struct link *link, uint32_t x, uint32_t y)
{
    return dag_build2(link->dag, OP_LESS, x, y);
}

static uint32_t choose(const struct link *link, uint32_t condition, uint32_t x,
                       uint32_t y)
{
    return dag_build(link->dag, OP_SELECT, condition, x, y);
}

uint32_t derivative_scaled(struct dag *dag, uint32_t slope, uint32_t along)
{
    const struct node *x = &dag->nodes[slope], *y = &dag->nodes[along];
    bool moving = x->class == CLASS_MOVING && y->class == CLASS_MOVING;
    bool steep = moving && (x->steep || y->steep);
    return along == NODE_ZERO
               ? NODE_ZERO
               : dag_build2(dag, steep ? OP_STEEP : OP_MULTIPLY, slope, along);
}

/* What the root gains by an argument along which the operation has this slope. */
static uint32_t scaled(const struct link *link, uint32_t slope)
{
    return derivative_scaled(link->dag, slope, link->gain);
}

static uint32_t negative(const struct link *link, uint32_t x)
{
    return dag_build1(link->dag, OP_NEGATE, x);
}

/* b 0^(b - 1), without operations on b: along b it has no slope that could be multiplied
 * with one of 0. */
static uint32_t edge_by_base(const struct link *link)
{
    struct dag *dag = link->dag;
    uint32_t whole = one(dag), infinite = dag_number(dag, INFINITY);
    uint32_t is_one = dag_build2(dag, OP_EQUAL, link->b, whole);
    uint32_t is_zero = dag_build2(dag, OP_EQUAL, link->b, NODE_ZERO);
    uint32_t edge = choose(link, is_one, whole, NODE_ZERO);
    edge = choose(link, less(link, link->b, whole), infinite, edge);
    edge = choose(link, less(link, link->b, NODE_ZERO), dag_number(dag, -INFINITY), edge);
    return choose(link, is_zero, NODE_ZERO, edge);
}

/* a^b along a is b a^b / a, and at a = 0 what b 0^(b - 1) is. */
static uint32_t power_by_base(const struct link *link)
{
    struct dag *dag = link->dag;
    uint32_t inside = times(link, link->b, over(link, link->v, link->a));
    return choose(link, dag_build2(dag, OP_EQUAL, link->a, NODE_ZERO), edge_by_base(link),
                  inside);
}

static uint32_t power_by_exponent(const struct link *link)
{
    struct dag *dag = link->dag;
    uint32_t edge = choose(link, less(link, NODE_ZERO, link->b), NODE_ZERO,
                           dag_number(dag, -INFINITY));
    uint32_t inside = times(link, link->v, dag_build1(dag, OP_LN, link->a));
    return choose(link, dag_build2(dag, OP_EQUAL, link->a, NODE_ZERO), edge, inside);
}

/* Slopes of functions of one argument. */
static uint32_t slope_of(const struct link *link, enum op op)
{
    struct dag *dag = link->dag;
    switch (op) {
    case OP_EXP:
        return link->v;
    case OP_LN:
        return over(link, one(dag), link->a);
    case OP_LOG10:
        return over(link, dag_number(dag, 0.43429448190325182765), link->a);
    case OP_SQRT:
        return over(link, dag_number(dag, 0.5), link->v);
    case OP_ABS:
        return minus(link, less(link, NODE_ZERO, link->a),
                     less(link, link->a, NODE_ZERO));
    case OP_TANH:
        return times(link, minus(link, one(dag), link->v), plus(link, one(dag), link->v));
    case OP_SIN:
        return dag_build1(dag, OP_COS, link->a);
    case OP_COS:
        return negative(link, dag_build1(dag, OP_SIN, link->a));
    case OP_LOGIT:
        return over(link, one(dag), times(link, link->a, minus(link, one(dag), link->a)));
    case OP_EXPIT: /* v (1 - v), without the difference */
        return times(link, link->v,
                     dag_build1(dag, OP_EXPIT, dag_build1(dag, OP_NEGATE, link->a)));
    default: /* OP_FLOOR, OP_NOT */
        return NODE_ZERO;
    }
}

/* What the root gains by each argument of one operation. */
struct gains {
    uint32_t a, b, c;
};

static struct gains product_gains(const struct link *link, enum op op)
{
    struct dag *dag = link->dag;
    uint32_t whole;
    switch (op) {
    case OP_MULTIPLY:
    case OP_STEEP: /* of a derivative that is differentiated again */
        return (struct gains){scaled(link, link->b), scaled(link, link->a), 0};
    case OP_DIVIDE:
        return (struct gains){scaled(link, over(link, one(dag), link->b)),
                              negative(link, scaled(link, over(link, link->v, link->b))),
                              0};
    case OP_POWER:
        return (struct gains){scaled(link, power_by_base(link)),
                              scaled(link, power_by_exponent(link)), 0};
    default: /* OP_MOD */
        whole = dag_build1(dag, OP_FLOOR, over(link, link->a, link->b));
        return (struct gains){link->gain, negative(link, scaled(link, whole)), 0};
    }
}

static struct gains choice_gains(const struct link *link, enum op op)
{
    uint32_t condition = op == OP_MIN   ? less(link, link->a, link->b)
                         : op == OP_MAX ? less(link, link->b, link->a)
                                        : link->a;
    uint32_t then = choose(link, condition, link->gain, NODE_ZERO);
    uint32_t otherwise = choose(link, condition, NODE_ZERO, link->gain);
    return op == OP_SELECT ? (struct gains){0, then, otherwise}
                           : (struct gains){then, otherwise, 0};
}

static struct gains gains_of(const struct link *link, enum op op)
{
    switch (op) {
    case OP_NEGATE:
        return (struct gains){negative(link, link->gain), 0, 0};
    case OP_ADD:
        return (struct gains){link->gain, link->gain, 0};
    case OP_SUBTRACT:
        return (struct gains){link->gain, negative(link, link->gain), 0};
    case OP_MULTIPLY:
    case OP_STEEP:
    case OP_DIVIDE:
    case OP_POWER:
    case OP_MOD:
        return product_gains(link, op);
    case OP_MIN:
    case OP_MAX:
    case OP_SELECT:
        return choice_gains(link, op);
    default:
        if (op_arity(op) == 1)
            return (struct gains){scaled(link, slope_of(link, op)), 0, 0};
        return (struct gains){0, 0, 0}; /* conditions, leaves */
    }
}

static void gain(struct dag *dag, uint32_t *gains, const bool *varies, uint32_t at,
                 uint32_t more)
{
    if (varies[at])
        gains[at] = dag_build2(dag, OP_ADD, gains[at], more);
}

void derivative_of(struct dag *dag, uint32_t root, const bool *varies, uint32_t *gains)
{
    memset(gains, 0, (root + 1) * sizeof *gains);
    if (varies[root])
        gains[root] = one(dag);
    for (uint32_t i = root + 1; i-- > 0 && !dag->full;) {
        struct node node = dag->nodes[i];
        size_t arity = op_arity(node.op);
        if (!gains[i] || arity == 0)
            continue;
        struct link link = {dag, i, node.a, node.b, node.c, gains[i]};
        struct gains more = gains_of(&link, node.op);
        gain(dag, gains, varies, node.a, more.a);
        if (arity > 1)
            gain(dag, gains, varies, node.b, more.b);
        if (arity > 2)
            gain(dag, gains, varies, node.c, more.c);
    }
}

uint32_t derivative_of_parameter(struct dag *dag, size_t parameter)
{
    const struct model_parameter *one_of = &dag->model->parameters[parameter];
    uint32_t theta = dag_leaf(dag, OP_PARAMETER, parameter, 0);
    if (one_of->transform == TRANSFORM_IDENTITY)
        return one(dag);
    if (one_of->transform == TRANSFORM_LOG)
        return theta;
    uint32_t below = dag_build2(dag, OP_SUBTRACT, theta, dag_number(dag, one_of->low));
    uint32_t above = dag_build2(dag, OP_SUBTRACT, dag_number(dag, one_of->high), theta);
    uint32_t width = dag_number(dag, 1 / (one_of->high - one_of->low));
    return dag_build2(dag, OP_MULTIPLY, width,
                      dag_build2(dag, OP_MULTIPLY, below, above));
}
