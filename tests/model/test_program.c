#include "model_impl.h"

#include "check.h"

/* Trees are built by hand here, so that the stage is seen alone. They leak into one pool
 * that is emptied after each test. */

static struct arena *pool;
static struct model *model;

static struct expr *node(enum op op, struct expr *a, struct expr *b, struct expr *c)
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

static struct expr *num(double value)
{
    struct expr *out = node(OP_NUMBER, NULL, NULL, NULL);
    out->number = value;
    return out;
}

static struct expr *name(enum symbol_kind symbol, size_t index)
{
    struct expr *out = node(OP_NAME, NULL, NULL, NULL);
    out->symbol = symbol;
    out->index = index;
    return out;
}

static struct expr *par(size_t index)
{
    return name(SYMBOL_PARAMETER, index);
}

static struct expr *state(size_t index)
{
    return name(SYMBOL_STATE, index);
}

static struct expr *covariate(size_t index)
{
    return name(SYMBOL_COVARIATE, index);
}

static struct expr *now(void)
{
    return name(SYMBOL_TIME, 0);
}

static struct expr *two(enum op op, struct expr *a, struct expr *b)
{
    return node(op, a, b, NULL);
}

static struct expr *one(enum op op, struct expr *a)
{
    return node(op, a, NULL, NULL);
}

/* Three learned parameters, a fixed one, a covariate of each hold; one state, one
 * observation; all formulas 0 until a test says otherwise. */
static int setup(void **unused)
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
    syntax->state_count = 1;
    syntax->states[0].rate = num(0);
    syntax->observation_count = 1;
    syntax->observations[0].expr = num(0);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    program_destroy(&model->program);
    mem_free(model->syntax);
    mem_free(model);
    arena_destroy(&pool);
    return 0;
}

/* The lists of d/dt(state 0) = rate. */
static const struct program *compiled(struct expr *rate)
{
    model->syntax->states[0].rate = rate;
    program_destroy(&model->program);
    assert_ok(program_new(model, &model->program));
    return model->program;
}

static size_t count_of(const struct list *list, enum op op)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += list->instructions[i].op == op;
    return count;
}

static double constant(const struct program *program)
{
    assert_int_equal(program->rate.count, 0);
    assert_int_equal(program->individual.count, 0);
    return program->constants[program->rates[0]];
}

/* (k x + k x) * (x k): one product, whatever the order of the factors. */
static void program__computes_shared_parts_once(void **unused)
{
    (void)unused;
    struct expr *kx = two(OP_MULTIPLY, par(0), state(0));
    struct expr *again = two(OP_MULTIPLY, par(0), state(0));
    struct expr *turned = two(OP_MULTIPLY, state(0), par(0));
    const struct program *p =
        compiled(two(OP_MULTIPLY, two(OP_ADD, kx, again), one(OP_EXP, turned)));
    assert_int_equal(count_of(&p->rate, OP_MULTIPLY), 2);
    assert_int_equal(count_of(&p->rate, OP_STATE), 1);
    /* -k x and k x share the product as well. */
    struct expr *loss = two(OP_MULTIPLY, one(OP_NEGATE, par(0)), state(0));
    p = compiled(two(OP_ADD, loss, one(OP_EXP, kx)));
    assert_int_equal(count_of(&p->rate, OP_MULTIPLY), 1);
    assert_int_equal(count_of(&p->rate, OP_SUBTRACT), 1);
    assert_int_equal(count_of(&p->rate, OP_NEGATE), 0);
}

static void program__a_quantity_used_twice_is_one_register(void **unused)
{
    (void)unused;
    struct syntax *syntax = model->syntax;
    syntax->quantity_count = 1;
    syntax->quantities[0].expr = two(OP_DIVIDE, state(0), par(1));
    struct expr *c = name(SYMBOL_QUANTITY, 0);
    syntax->observations[0].expr = c;
    const struct program *p = compiled(one(OP_NEGATE, two(OP_MULTIPLY, c, c)));
    assert_int_equal(count_of(&p->rate, OP_DIVIDE), 1);
    assert_int_equal(p->observed[0], p->derived[0]);
    assert_int_equal(p->observe.count, 2); /* the state and the division */
}

static void program__hoists_by_what_a_formula_depends_on(void **unused)
{
    (void)unused;
    /* exp(p0 * c0) * (c1 + p1) * (x + t + c2) */
    struct expr *fixed = one(OP_EXP, two(OP_MULTIPLY, par(0), covariate(0)));
    struct expr *stepping = two(OP_ADD, covariate(1), par(1));
    struct expr *moving = two(OP_ADD, two(OP_ADD, state(0), now()), covariate(2));
    const struct program *p =
        compiled(two(OP_MULTIPLY, two(OP_MULTIPLY, fixed, stepping), moving));
    assert_int_equal(count_of(&p->individual, OP_EXP), 1);
    assert_int_equal(count_of(&p->individual, OP_PARAMETER), 2);
    assert_int_equal(count_of(&p->individual, OP_COVARIATE), 1);
    assert_int_equal(p->individual.count, 5);
    assert_int_equal(count_of(&p->covariate, OP_COVARIATE), 1);
    assert_int_equal(count_of(&p->covariate, OP_ADD), 1);
    assert_int_equal(count_of(&p->covariate, OP_MULTIPLY), 1);
    assert_int_equal(count_of(&p->rate, OP_LINEAR), 1);
    assert_int_equal(p->rate.count, 6);
    assert_int_equal(p->init.count + p->observe.count + p->input.count, 0);
}

static void program__folds_constants_and_drops_what_does_nothing(void **unused)
{
    (void)unused;
    struct expr *x = state(0);
    assert_near(constant(compiled(one(OP_EXP, two(OP_DIVIDE, num(1), num(4))))),
                exp(0.25), 0);
    assert_near(constant(compiled(two(OP_MULTIPLY, num(0), x))), 0, 0);
    assert_near(constant(compiled(two(OP_POWER, x, num(0)))), 1, 0);
    struct expr *same[] = {
        two(OP_ADD, x, num(0)),
        two(OP_SUBTRACT, x, num(0)),
        two(OP_MULTIPLY, num(1), x),
        two(OP_DIVIDE, x, num(1)),
        two(OP_POWER, x, num(1)),
        one(OP_NEGATE, one(OP_NEGATE, x)),
        two(OP_MIN, x, x),
        node(OP_SELECT, num(1), x, num(7)),
        node(OP_SELECT, two(OP_LESS, now(), num(3)), x, x),
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_int_equal(compiled(same[i])->rate.count, 1);
    const struct program *p = compiled(two(OP_POWER, x, num(2)));
    assert_int_equal(count_of(&p->rate, OP_POWER), 0);
    assert_int_equal(count_of(&p->rate, OP_MULTIPLY), 1);
    assert_int_equal(count_of(&compiled(two(OP_POWER, x, num(0.5)))->rate, OP_SQRT), 1);
    /* An inserted factor joins a factor that is there. */
    x->factor = 1000;
    p = compiled(two(OP_MULTIPLY, num(0.001), x));
    assert_int_equal(p->rate.count, 1);
}

static unsigned live_at(const struct program *p, enum op op, enum tangent kind)
{
    for (size_t i = 0; i < p->rate.count; i++)
        if (p->rate.instructions[i].op == op)
            return p->rate.instructions[i].live[kind];
    fail_msg("no such operation");
    return 0;
}

static void program__knows_structural_zeros_of_derivatives(void **unused)
{
    (void)unused;
    const struct program *p = compiled(two(OP_MULTIPLY, par(0), state(0)));
    assert_int_equal(live_at(p, OP_MULTIPLY, TANGENT_DIRECTIONS),
                     LIVE_RESULT | LIVE_A | LIVE_B);
    unsigned along_states = live_at(p, OP_MULTIPLY, TANGENT_STATES);
    assert_true(along_states == (LIVE_RESULT | LIVE_A) ||
                along_states == (LIVE_RESULT | LIVE_B));
    /* A fixed parameter is a number that has not been read yet. */
    p = compiled(two(OP_MULTIPLY, par(3), now()));
    assert_int_equal(live_at(p, OP_MULTIPLY, TANGENT_DIRECTIONS), 0);
    /* Nothing passes through a condition or a floor. */
    p = compiled(node(OP_SELECT, two(OP_LESS, state(0), par(0)), now(), num(1)));
    assert_int_equal(live_at(p, OP_LESS, TANGENT_DIRECTIONS), 0);
    assert_int_equal(live_at(p, OP_SELECT, TANGENT_DIRECTIONS), 0);
    p = compiled(one(OP_FLOOR, state(0)));
    assert_int_equal(live_at(p, OP_FLOOR, TANGENT_STATES), 0);
}

static void program__finds_conditions_on_time(void **unused)
{
    (void)unused;
    struct expr *early = two(OP_LESS, now(), num(3));
    struct expr *late = two(OP_GREATER, two(OP_SUBTRACT, now(), par(0)), num(3));
    struct expr *same = two(OP_LESS_EQUAL, now(), num(3));
    struct expr *daily = two(OP_LESS, two(OP_MOD, now(), num(24)), num(8));
    struct expr *of_state = two(OP_LESS, two(OP_ADD, now(), state(0)), num(3));
    struct expr *by_step = two(OP_LESS, now(), covariate(1));
    assert_int_equal(compiled(node(OP_SELECT, early, num(1), num(2)))->switching_count,
                     1);
    assert_int_equal(compiled(node(OP_SELECT, two(OP_AND, early, same), num(1), num(2)))
                         ->switching_count,
                     1);
    const struct program *p =
        compiled(two(OP_ADD, node(OP_SELECT, early, num(1), num(2)),
                     node(OP_SELECT, late, num(1), two(OP_MAX, now(), par(1)))));
    assert_int_equal(p->switching_count, 3);
    p = compiled(node(OP_SELECT, daily, num(1), num(2)));
    assert_int_equal(p->switching_count, 2); /* mod's own turn, and 8 hours later */
    assert_true(p->switchings[0].periodic && p->switchings[1].periodic);
    p = compiled(node(OP_SELECT, of_state, num(1), num(2)));
    assert_int_equal(p->switching_count, 0);
    p = compiled(node(OP_SELECT, by_step, num(1), num(2)));
    assert_int_equal(p->switching_count, 0);
}

/* Formulas that share parts have 2^300 ways through them and 300 registers. */
static void program__is_not_caught_in_shared_formulas(void **unused)
{
    (void)unused;
    struct syntax *syntax = model->syntax;
    syntax->quantity_count = 300;
    syntax->quantities[0].expr = two(OP_MULTIPLY, now(), par(0));
    for (size_t i = 1; i < 300; i++) {
        struct expr *last = name(SYMBOL_QUANTITY, i - 1);
        syntax->quantities[i].expr = two(OP_ADD, last, two(OP_MULTIPLY, last, par(1)));
        syntax->order[i] = i;
    }
    struct expr *far = two(OP_LESS, name(SYMBOL_QUANTITY, 299), num(1));
    const struct program *p = compiled(node(OP_SELECT, far, num(1), num(2)));
    assert_in_range(p->registers, 600, 1000);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(program__computes_shared_parts_once),
        TEST(program__a_quantity_used_twice_is_one_register),
        TEST(program__hoists_by_what_a_formula_depends_on),
        TEST(program__folds_constants_and_drops_what_does_nothing),
        TEST(program__knows_structural_zeros_of_derivatives),
        TEST(program__finds_conditions_on_time),
        TEST(program__is_not_caught_in_shared_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
