#ifndef MODEL_COMPILER_H
#define MODEL_COMPILER_H

#include "dag.h"

/* compiler - what the stages from a checked text to its program hand on to each other, in
 * the order in which program.c calls them:
 *
 *   compile.c      formulas to nodes of one graph, with their switches and modes
 *   sensitivity.c  nodes for derivatives, along directions, by time, and of derivatives
 *   order.c        the order in which a stream runs (dag.h)
 *   registers.c    where every node's value stands, and so the streams
 *
 * It is scaffolding, as the graph is: it is gone when the program stands. */

/* Nodes of the graph that the program promises to whoever runs it. */
struct roots {
    size_t states, directions, observations, inputs /* times MODIFIERS */, quantities,
        jumps, functionals, outcomes;
    uint32_t course[MODEL_FUNCTIONALS_MAX + 2 * MODEL_COMPARISONS_MAX];
    uint32_t window[4 * MODEL_OUTCOMES_MAX], outcome[2 * MODEL_OUTCOMES_MAX];
    uint32_t watched[MODEL_FUNCTIONALS_MAX]; /* of the course, what observations */
    uint32_t *watched_by_state, *watched_by; /* are made of: [states], [directions] */
    uint32_t watched_by_time[MODEL_FUNCTIONALS_MAX];
    uint32_t reach[MODEL_OBSERVATIONS_MAX], *reach_by; /* [observations][directions] */
    size_t periods;                                    /* none or one */
    uint32_t period[1], *period_by;                    /* [periods], [directions] */
    uint32_t *jump, *jump_by_state, *jump_by; /* [jumps], [states], [directions] */
    uint32_t *rate, *init, *observe, *input, *derive;
    uint32_t *rate_by_state;                      /* [states][states] */
    uint32_t *observe_by_state;                   /* [observations][states] */
    uint32_t *rate_by, *init_by;                  /* [states][directions] */
    uint32_t *observe_by, *input_by;              /* likewise */
    uint32_t *switch_slope_by, *switch_offset_by; /* [switchings][directions] */
    uint32_t *gap, *gap_by_time, *gap_by_state,
        *gap_by;                                   /* [modes], [states], [directions] */
    uint32_t *sensitivity_rate, *sensitivity_init; /* [sensitivities] */
    uint32_t *jacobian;                            /* [entries] */
    uint32_t *bend;                                /* [bends] */
    uint32_t *rate_by_time, *sensitivity_by_time;  /* [states], [sensitivities] */
};

struct compiler {
    struct dag *dag;
    struct program *program;
    struct roots roots;
    struct condition *conditions; /* [program->switching_count] */
    uint32_t *quantities;         /* nodes */
    uint32_t *registers;          /* [dag->count], NODE_NONE where none yet */
    bool *bare, *sloped;          /* [dag->count] needed without, with derivatives */
    bool linear;                  /* second derivatives are there */
};

/* Everything but derivatives, into roots and conditions. ERR_RANGE where outcomes compare
 * too often. */
enum err compile_formulas(struct compiler *compiler);

/* The derivatives of all that, and which sensitivities there are. Second derivatives are
 * left away where they would be too many (compiler->linear). */
void sensitivity_derive(struct compiler *compiler);

/* The streams of the program, and its registers: the graph is complete. */
void registers_place(struct compiler *compiler);

#endif
