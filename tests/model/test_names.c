#include "check.h"

#include "language.h"
#include "model_impl.h"

static struct syntax *resolved(const char *body)
{
    char text[4000];
    struct syntax *syntax;
    snprintf(text, sizeof text, HEAD "%s", body);
    assert_ok(syntax_parse(text, strlen(text), "f", &syntax));
    assert_ok(names_check(syntax));
    assert_ok(names_resolve(syntax));
    return syntax;
}

static void names__quantities_come_in_an_order_that_works(void **state)
{
    (void)state;
    struct syntax *s = resolved("[equations]\na = b + d\nb = c*2\nc = 3\nd = b + c\n");
    size_t at[4];
    for (size_t i = 0; i < 4; i++)
        at[s->order[i]] = i;
    assert_true(at[2] < at[1] && at[1] < at[3] && at[3] < at[0]);
    syntax_destroy(&s);
}

static void names__stand_for_what_is_declared_anywhere(void **state)
{
    (void)state;
    struct syntax *s = resolved("[equations]\nq = CL*WT*A*time*pi\nd/dt(A) = q\n"
                                "[covariates]\nWT kg\n[parameters]\nCL = 1 L/h fixed\n"
                                "[doses]\nx -> A mg\n");
    const struct expr *product = s->quantities[0].expr;
    static const enum symbol_kind kinds[] = {SYMBOL_PI, SYMBOL_TIME, SYMBOL_STATE,
                                             SYMBOL_COVARIATE};
    for (size_t i = 0; i < 4; i++, product = product->arguments[0])
        assert_int_equal(product->arguments[1]->symbol, kinds[i]);
    assert_int_equal(product->symbol, SYMBOL_PARAMETER);
    assert_int_equal(s->states[0].rate->symbol, SYMBOL_QUANTITY);
    assert_int_equal(s->inputs[0].into, 0);
    syntax_destroy(&s);
}

static void names__know_what_depends_on_states_and_time(void **state)
{
    (void)state;
    struct syntax *s =
        resolved("[equations]\na = b\nb = A + c\nc = 2*d\nd = time\ne = 1\n"
                 "d/dt(A) = 0\n");
    static const struct {
        bool state, time;
    } uses[] = {{true, true}, {true, true}, {false, true}, {false, true}, {false, false}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(s->quantities[i].uses_state, uses[i].state);
        assert_int_equal(s->quantities[i].uses_time, uses[i].time);
    }
    syntax_destroy(&s);
}

/* As many as there may be, each needing the next at the far end of a long sum: the depth
 * of the walk is that of quantities, not of formulas times quantities. */
static void names__long_chains_are_walked(void **state)
{
    (void)state;
    struct bytes text = {0};
    bytes_append(&text, HEAD "[equations]\n", strlen(HEAD "[equations]\n"));
    for (size_t i = 0; i < MODEL_QUANTITIES_MAX; i++) {
        char line[400];
        int size = snprintf(line, sizeof line, "q%zu = q%zu", i, i + 1);
        if (i + 1 == MODEL_QUANTITIES_MAX)
            size = snprintf(line, sizeof line, "q%zu = 1", i);
        for (int k = 0; k < 50; k++)
            size += snprintf(line + size, sizeof line - (size_t)size, "+1");
        line[size] = '\n';
        bytes_append(&text, line, (size_t)size + 1);
    }
    struct syntax *s;
    assert_ok(syntax_parse((const char *)text.data, text.size, "f", &s));
    assert_ok(names_resolve(s));
    assert_int_equal(s->order[0], MODEL_QUANTITIES_MAX - 1);
    syntax_destroy(&s);
    bytes_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names__quantities_come_in_an_order_that_works),
        cmocka_unit_test(names__stand_for_what_is_declared_anywhere),
        cmocka_unit_test(names__know_what_depends_on_states_and_time),
        cmocka_unit_test(names__long_chains_are_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
