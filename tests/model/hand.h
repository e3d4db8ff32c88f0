#ifndef TESTS_MODEL_HAND_H
#define TESTS_MODEL_HAND_H

/* hand - checked trees and a model built by hand, so that a stage of the compiler is seen
 * alone. They leak into one pool that is emptied after each test. */

#include "check.h"
#include "model_impl.h"

static struct arena *pool;
static struct model *model;

static inline struct expr *node(enum op op, struct expr *a, struct expr *b,
                                struct expr *c)
{
    struct expr *out = arena_take(pool, sizeof *out);
    struct expr *arguments[] = {a, b, c};
    *out = (struct expr){.op = op, .factor = 1};
    out->arguments = arena_take(pool, sizeof arguments);
    while (out->count < 3 && arguments[out->count]) {
        out->arguments[out->count] = arguments[out->count];
        out->count++;
    }
    return out;
}

static inline struct expr *num(double value)
{
    struct expr *out = node(OP_NUMBER, NULL, NULL, NULL);
    out->number = value;
    return out;
}

static inline struct expr *name(enum symbol_kind symbol, size_t index)
{
    struct expr *out = node(OP_NAME, NULL, NULL, NULL);
    out->symbol = symbol;
    out->index = index;
    return out;
}

static inline struct expr *par(size_t index)
{
    return name(SYMBOL_PARAMETER, index);
}

static inline struct expr *state(size_t index)
{
    return name(SYMBOL_STATE, index);
}

static inline struct expr *covariate(size_t index)
{
    return name(SYMBOL_COVARIATE, index);
}

static inline struct expr *now(void)
{
    return name(SYMBOL_TIME, 0);
}

static inline struct expr *two(enum op op, struct expr *a, struct expr *b)
{
    return node(op, a, b, NULL);
}

static inline struct expr *one(enum op op, struct expr *a)
{
    return node(op, a, NULL, NULL);
}

/* Three learned parameters, a fixed one, a covariate of each hold; two states, one
 * observation; all formulas 0 until a test says otherwise. */
static inline int setup(void **unused)
{
    (void)unused;
    pool = arena_new((size_t)1 << 20);
    model = mem_new(1, sizeof *model);
    struct syntax *syntax = model->syntax = mem_new(1, sizeof *syntax);
    syntax->name = "hand";
    syntax->parameter_count = 4;
    for (size_t i = 0; i < 4; i++)
        model->parameters[i].kind = i < 3 ? PARAMETER_INDIVIDUAL : PARAMETER_FIXED;
    syntax->covariate_count = 3;
    model->covariates[0].hold = COVARIATE_CONSTANT;
    model->covariates[1].hold = COVARIATE_LOCF;
    model->covariates[2].hold = COVARIATE_LINEAR;
    syntax->state_count = 2;
    syntax->states[0].rate = num(0);
    syntax->states[1].rate = num(0);
    syntax->observation_count = 1;
    syntax->observations[0].expr = num(0);
    return 0;
}

static inline int teardown(void **unused)
{
    (void)unused;
    program_destroy(&model->program);
    mem_free(model->syntax);
    mem_free(model);
    arena_destroy(&pool);
    return 0;
}

/* The program of d/dt(state 0) = rate. */
static inline const struct program *compiled(struct expr *rate)
{
    model->syntax->states[0].rate = rate;
    program_destroy(&model->program);
    assert_ok(program_new(model, &model->program));
    return model->program;
}

static inline size_t count_of(const struct stream *stream, enum op op)
{
    size_t count = 0;
    for (size_t i = 0; i < stream->count; i++)
        count += stream->instructions[i].op == op;
    return count;
}

/* Every register is written before it is read, and a stream's own registers are few. */
static inline void check_stream(const struct program *p, const struct stream *stream)
{
    bool *written = mem_new(p->registers, sizeof *written);
    for (size_t i = 0; i < p->rest; i++)
        written[i] = true;
    for (size_t i = 0; i < stream->count; i++) {
        const struct instruction *at = &stream->instructions[i];
        const uint32_t read[] = {at->a, at->b, at->c};
        for (size_t k = 0; k < 3; k++)
            assert_true(read[k] < p->registers && written[read[k]]);
        assert_in_range(at->to, p->rest, p->registers - 1);
        written[at->to] = true;
    }
    for (size_t i = 0; i < stream->result_count; i++)
        assert_true(written[stream->results[i]]);
    mem_free(written);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

#endif
