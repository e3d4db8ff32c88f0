#include "check.h"

#include "language.h"
#include "model_impl.h"

/* A checked model of HEAD and `body`; release by model_done. */
static struct model *checked(const char *body)
{
    char text[4000];
    struct model *model = mem_new(1, sizeof *model);
    snprintf(text, sizeof text, HEAD "%s", body);
    assert_ok(syntax_parse(text, strlen(text), "f", &model->syntax));
    assert_ok(model_check(model));
    return model;
}

static void model_done(struct model *model)
{
    syntax_destroy(&model->syntax);
    mem_free(model->inserted);
    mem_free(model);
}

/* The unit of each formula, worked out by hand. */
static void measure__finds_the_unit_of_every_operation(void **state)
{
    (void)state;
    static const struct {
        const char *formula, *unit;
    } rows[] = {
        {"1 mg + 2 ug", "mg"},
        {"-(3 L/2 h)", "L/h"},
        {"3 [mg/L]*2 L", "mg"},
        {"2*3", "1"},
        {"(4 m2)^0.5", "m"},
        {"(2 kg)^(3/4)", "kg^0.75"},
        {"(2 m)^-2", "1/m^2"},
        {"sqrt(4 [mm[Hg]^2*s^4])", "mm[Hg]*s2"},
        {"abs(-3 mg)", "mg"},
        {"max(0, 3 h, 5 min)", "h"},
        {"mod(time, 1 d)", "h"},
        {"if(time > 60 min, 0, 3 mg)", "mg"},
        {"piecewise(0, time < 1 h, 2 ug, time < 2 h, 3 mg)", "ug"},
        {"exp(30 min/1 h)", "1"},
        {"5 %", "%"},
        {"5 %*3 mg", "%*mg"},
        {"0*3 mg + 2 mmol", "mmol"},
        {"1 [mg]*60 min/1 h", "mg"},
        {"(1 kg)*1 [mg/kg]", "mg"},
        {"1 [mg/kg/min]*70 kg", "mg/min"},
        {"2^3", "1"},
        {"(3 mg/2 ug)^0.5", "1"},
        {"pi*1 m", "m"},
        {"floor(time/1 d)", "1"},
        {"time > 3 h and not time > 5 h", "1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[200];
        struct unit expected, got;
        snprintf(body, sizeof body, "[equations]\nq = %s\n", rows[i].formula);
        struct model *model = checked(body);
        const char *text = model->derived[0].unit;
        assert_ok(unit_parse(rows[i].unit, strlen(rows[i].unit), &expected));
        assert_ok(unit_parse(text, strlen(text), &got));
        double factor = NAN;
        if (unit_factor(&got, &expected, &factor) != ERR_OK || factor != 1)
            fail_msg("%s is in %s, not in %s (factor %g)", rows[i].formula, text,
                     rows[i].unit, factor);
        model_done(model);
    }
}

/* 1 h + 30 min is 1.5 h: the factor goes where the second one stands. */
static void measure__factors_are_inserted_where_units_differ(void **state)
{
    (void)state;
    struct model *m = checked("[equations]\nr = q unit d\nq = 1 h + 30 min\n");
    assert_int_equal(m->inserted_count, 2);
    /* in the order of the text, though q is measured first */
    assert_near(m->inserted[0].factor, 1. / 24, 1e-16);
    assert_near(m->inserted[1].factor, 1. / 60, 1e-16);
    assert_string_equal(m->inserted[1].from, "min");
    assert_string_equal(m->inserted[1].to, "h");
    assert_near(m->syntax->quantities[1].expr->arguments[1]->factor, 1. / 60, 1e-16);
    model_done(m);
}

/* mg and ug, h and min, L and mL in one model: what is computed is what a pharmacist
 * would. Rate of a: 2 L/h over 500 mL is 4 1/h; the sum below is 1.002 mg. */
static void measure__mixed_units_cost_nothing_but_a_factor(void **state)
{
    (void)state;
    struct model *m = checked("[parameters]\nCL = 2 L/h fixed\nV = 500 mL fixed\n"
                              "[doses]\nx -> A ug\n"
                              "[equations]\nd/dt(A) = -CL/V*A\nc = A/V\n"
                              "[observations]\ny : c ~ prop(0.1) unit mg/L\n");
    const struct expr *rate = m->syntax->states[0].rate;
    assert_string_equal(m->states[0].unit, "ug");
    assert_relative(rate->factor, 1000., 1e-15); /* L to mL */
    assert_string_equal(m->derived[0].unit, "ug/mL");
    assert_relative(m->syntax->observations[0].expr->factor, 1., 1e-15);
    model_done(m);
}

static void measure__states_take_their_unit_from_what_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *body, *unit;
    } rows[] = {
        {"[equations]\nd/dt(A) = 0 unit mg\n", "mg"},
        {"[equations]\nd/dt(A) = -A/(1 h)\n[doses]\nx -> A mg\n", "mg"},
        {"[equations]\nd/dt(A) = -A/(1 h) init 5 [mg/L]\n", "mg/L"},
        {"[equations]\nd/dt(A) = 3 [mg/min] - A/(1 h)\n", "mg"},
        {"[equations]\nd/dt(A) = sqrt(4 [mg2/h2])\n", "mg"},
        {"[equations]\nd/dt(A) = (2 mg)^2/(1 [mg*h])\n", "mg"},
        {"[equations]\nd/dt(A) = B/(1 h)\nd/dt(B) = -B/(1 h) init 2 mg\n", "mg"},
        {"[equations]\nd/dt(A) = r\nr = B/(1 h)\nd/dt(B) = 0 unit mg\n", "mg"},
        {"[equations]\nd/dt(A) = -A/(1 h)\n[doses]\nx -> A mg/m2 fraction S\n"
         "[covariates]\nS m2\n",
         "mg"},
        {"[equations]\nd/dt(A) = -A/(1 h)\n[doses]\nx -> A mg fraction 1/V\n"
         "[individual]\nV = 2*U\n[parameters]\nU = 3 L fixed\n",
         "mg/L"},
        {"[equations]\nd/dt(A) = -A/(1 h)\n[doses]\nx -> A mg fraction 50 %\n", "mg"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct model *model = checked(rows[i].body);
        assert_string_equal(model->states[0].unit, rows[i].unit);
        model_done(model);
    }
}

static void measure__places_are_those_of_the_part_that_does_not_fit(void **state)
{
    (void)state;
    const char *text = HEAD "[equations]\nq = 1 mg + (2*3 h)/4\n";
    struct model *model = mem_new(1, sizeof *model);
    assert_ok(syntax_parse(text, strlen(text), "f", &model->syntax));
    assert_refused(ERR_FORMAT, "f:4:13: E3001: this is in h, where + needs mg\n",
                   model_check(model));
    model_done(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measure__finds_the_unit_of_every_operation),
        cmocka_unit_test(measure__factors_are_inserted_where_units_differ),
        cmocka_unit_test(measure__mixed_units_cost_nothing_but_a_factor),
        cmocka_unit_test(measure__states_take_their_unit_from_what_is_known),
        cmocka_unit_test(measure__places_are_those_of_the_part_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
