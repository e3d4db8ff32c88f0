#include "check.h"

#include "language.h"
#include "model_impl.h"

static enum err check_text(const char *text, struct model **model)
{
    *model = mem_new(1, sizeof **model);
    if (syntax_parse(text, strlen(text), "f", &(*model)->syntax) != ERR_OK)
        return err_code();
    return model_check(*model);
}

static void release(struct model **model)
{
    syntax_destroy(&(*model)->syntax);
    mem_free((*model)->inserted);
    mem_free(*model);
    *model = NULL;
}

static void check__fills_what_the_model_promises(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text(oral_text, &m));
    assert_int_equal(m->parameters[0].kind, PARAMETER_INDIVIDUAL);
    assert_near(m->parameters[0].between_sd, sqrt(log(1 + 0.35 * 0.35)), 1e-15);
    assert_int_equal(m->parameters[2].covariates, 1);
    assert_int_equal(m->parameters[4].kind, PARAMETER_POPULATION);
    assert_true(m->correlated[0][1] && m->correlated[1][0] && !m->correlated[0][2]);
    assert_near(m->correlation[1][0], 0.3, 0);
    assert_near(m->covariates[0].scale, 50, 0);
    assert_int_equal(m->inputs[1].state, 1);
    assert_near(m->inputs[1].default_duration, 0.5, 1e-15); /* 30 min, in h */
    assert_near(m->observations[0].additive, 0.3, 1e-15);   /* 300 ug/L, in mg/L */
    assert_near(m->observations[0].limit_low, 0.5, 0);
    assert_string_equal(m->states[1].unit, "mg");
    release(&m);
}

static void check__units_are_carried_through(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text(glucose_text, &m));
    double factor;
    assert_ok(unit_convert(m->states[2].unit, "mU/L", &factor));
    assert_near(factor, 1, 1e-15);
    assert_ok(unit_convert(m->states[3].unit, "1/min", &factor));
    assert_near(factor, 1, 1e-15);
    assert_near(m->inputs[0].accepted_factor, 1000, 1e-12);
    assert_string_equal(m->inputs[0].accepted_unit, "[iU]");
    release(&m);
}

/* 1 h + 30 min is 1.5 h: the factor goes where the second one stands. */
static void check__factors_are_inserted_where_units_differ(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text(HEAD "[equations]\nq = 1 h + 30 min\nr = q unit d\n", &m));
    assert_int_equal(m->inserted_count, 2);
    assert_near(m->inserted[0].factor, 1. / 60, 1e-16);
    assert_near(m->inserted[1].factor, 1. / 24, 1e-16);
    assert_near(m->syntax->quantities[0].expr->arguments[1]->factor, 1. / 60, 1e-16);
    release(&m);
}

static void check__quantities_come_in_an_order_that_works(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(check_text(HEAD "[equations]\na = b + 1\nb = c*2\nc = 3\n", &m));
    assert_int_equal(m->syntax->order[0], 2);
    assert_int_equal(m->syntax->order[1], 1);
    assert_int_equal(m->syntax->order[2], 0);
    release(&m);
}

static const struct {
    const char *body, *says;
} mistakes[] = {
    {"[equations]\nq = nothing\n", "f:4:5: E2001"},
    {"[parameters]\nCL = 1 L/h\n[equations]\nq = CLL\n", "E2001"},
    {"[parameters]\na = 1 1\na = 2 1\n", "f:5:1: E2002"},
    {"[parameters]\ntime = 1 1\n", "E2003"},
    {"[parameters]\nexp = 1 1\n", "E2003"},
    {"[equations]\na = b\nb = a\n", "E2004"},
    {"[equations]\na = a + 1\n", "E2004"},
    {"[individual]\nq = time/(1 h)\n", "E2005"},
    {"[equations]\nd/dt(A) = -A/(1 h) init A unit mg\n", "E2005"},
    {"[equations]\nd/dt(A) = 0\n[doses]\nx -> A mg lag time\n", "E2005"},
    {"[equations]\nq = x\nd/dt(A) = -A/(1 h)\n[doses]\nx -> A mg\n", "E2005"},
    {"[parameters]\na = 1 1 normal sd 1\n[population]\ncorrelated a, b\n", "E2001"},
    {"[parameters]\na = 1 1 normal sd 1\nb = 1 1\n[population]\ncorrelated a, b\n",
     "E2009"},
    {"[equations]\nq = 1 mg + 1 h\n", "f:4:12: E3001"},
    {"[equations]\nq = if(1 mg < 1 h, 1, 2)\n", "E3001"},
    {"[equations]\nq = exp(1 mg)\n", "E3002"},
    {"[equations]\nq = 2^(1 h)\n", "E3002"},
    {"[parameters]\nb = 2 1\n[equations]\nq = (2 mg)^b\n", "E3003"},
    {"[equations]\nd/dt(A) = -A*B/(1 h)\nd/dt(B) = -B*A/(1 h)\n", "E3005"},
    {"[equations]\nd/dt(A) = 3 mg unit mg\n", "E3006"},
    {"[equations]\nd/dt(A) = -A/(1 h) unit mmol\n[doses]\nx -> A mg\n", "E3007"},
    {"[equations]\nq = if(3, 1, 2)\n", "E3008"},
    {"[equations]\nq = 1 + (2 < 3)\n", "E3008"},
    {"[parameters]\na = 5 L (6, 7)\n", "E4001"},
    {"[parameters]\na = 5 L (7, 3)\n", "E4001"},
    {"[parameters]\na = -1 L lognormal cv 0.3\n", "E4002"},
    {"[parameters]\na = 1 L lognormal cv 0\n", "E4002"},
    {"[parameters]\na = 0.5 1 logitnormal sd 1\n", "E4002"},
    {"[parameters]\na = 1 L fixed on W\n[covariates]\nW kg\n", "E4002"},
    {"[parameters]\na = 1 1 normal sd 1\nb = 1 1 normal sd 1\n[population]\n"
     "correlated a, b 1\n",
     "E4005"},
    {"[observations]\ny : 1 [mg/L] ~ add(0)\n", "E4006"},
    {"[observations]\ny : 1 [mg/L] ~ add(1 h)\n", "E4006"},
    {"[observations]\ny : 1 [mg/L] ~ add(1)\n", "E4006"},
    {"[observations]\ny : 1 [mg/L] ~ prop(0.1) limits 5 .. 3 mg/L\n", "E4007"},
    {"[observations]\ny : 1 [mg/L] ~ prop(0.1) loinc 4049-4\n", "E4008"},
    {"[covariates]\nW kg scale 0\n", "E4009"},
    {"[what-if]\nW range 0 .. 1 kg\n", "E2001"},
};

static void check__every_mistake_has_its_number_and_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char text[600];
        struct model *m;
        snprintf(text, sizeof text, HEAD "%s", mistakes[i].body);
        enum err err = check_text(text, &m);
        if (err != ERR_FORMAT || !strstr(err_text(), mistakes[i].says))
            fail_msg("%s: expected %s, got %s", mistakes[i].body, mistakes[i].says,
                     err == ERR_OK ? "nothing" : err_text());
        release(&m);
    }
}

static void check__near_names_are_suggested(void **state)
{
    (void)state;
    struct model *m;
    assert_refused(ERR_FORMAT, "E2001",
                   check_text(HEAD "[parameters]\nclearance = 1 L/h\n[equations]\n"
                                   "q = clearence\n",
                              &m));
    assert_string_equal(err_hint_text(), "did you mean clearance?");
    release(&m);
}

/* Every truncation and every replaced byte of a sound text is read or refused, never
 * more: under the sanitizers this is the stages' memory test. */
static void check__damaged_texts_are_read_or_refused(void **state)
{
    (void)state;
    static const char swaps[] = "(\n\"^[9e.\x80~";
    char *text = mem_text(oral_text);
    struct model *m;
    for (size_t i = 0; i < strlen(oral_text); i++) {
        char kept = text[i];
        text[i] = 0;
        check_text(text, &m);
        release(&m);
        text[i] = swaps[i % (sizeof swaps - 1)];
        check_text(text, &m);
        release(&m);
        text[i] = kept;
    }
    assert_ok(check_text(text, &m));
    release(&m);
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check__fills_what_the_model_promises),
        cmocka_unit_test(check__units_are_carried_through),
        cmocka_unit_test(check__factors_are_inserted_where_units_differ),
        cmocka_unit_test(check__quantities_come_in_an_order_that_works),
        cmocka_unit_test(check__every_mistake_has_its_number_and_place),
        cmocka_unit_test(check__near_names_are_suggested),
        cmocka_unit_test(check__damaged_texts_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
