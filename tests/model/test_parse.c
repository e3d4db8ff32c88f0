#include "check.h"

#include "language.h"
#include "model_impl.h"

static void parse__takes_every_kind_of_line(void **state)
{
    (void)state;
    struct syntax *s;
    assert_ok(syntax_parse(oral_text, strlen(oral_text), "oral", &s));
    assert_string_equal(s->name, "theo_oral");
    assert_int_equal(s->version, 2);
    assert_int_equal(s->parameter_count, 5);
    assert_string_equal(s->parameters[0].unit.text, "L/h");
    assert_int_equal(s->parameters[0].transform, TRANSFORM_LOG);
    assert_true(s->parameters[0].spread_is_cv);
    assert_string_equal(s->parameters[2].on[0].name, "WT");
    assert_int_equal(s->parameters[4].spread, SPREAD_POPULATION);
    assert_int_equal(s->quantity_count, 3);
    assert_int_equal(s->state_count, 2);
    assert_int_equal(s->input_count, 2);
    assert_non_null(s->inputs[0].lag);
    assert_string_equal(s->observations[0].additive_unit.text, "ug/L");
    assert_string_equal(s->observations[0].loinc, "4049-3");
    syntax_destroy(&s);
    assert_ok(syntax_parse(glucose_text, strlen(glucose_text), "glucose", &s));
    assert_string_equal(s->observations[0].loinc, "105272-9, 99504-3");
    assert_near(s->observations[0].high, 22.2, 0);
    assert_string_equal(s->inputs[0].from.text, "[iU]");
    syntax_destroy(&s);
}

/* a - b - c, a/b*c, -a^2, 2^3^2, not a and b: as in mathematics and in the field's tools.
 */
static void parse__binds_as_mathematics_does(void **state)
{
    (void)state;
    const struct {
        const char *formula, *printed;
    } rows[] = {
        {"(a - b) - c", "a - b - c"},
        {"a - (b - c)", "a - (b - c)"},
        {"(a/b)*c", "a/b*c"},
        {"a/(b*c)", "a/(b*c)"},
        {"-(a^2)", "-a^2"},
        {"(-a)^2", "(-a)^2"},
        {"a^(b^c)", "a^b^c"},
        {"(a^b)^c", "(a^b)^c"},
        {"a^-b", "a^-b"},
        {"a*-b", "a*-b"},
        {"(a + b)*c", "(a + b)*c"},
        {"((a))", "a"},
        {"a--b", "a - -b"},
        {"if(a < b and not (c == 1), a, b)", "if(a < b and not c == 1, a, b)"},
        {"piecewise(a, time < 3 h, b)", "piecewise(a, time < 3 h, b)"},
        {"(WT/70 kg)^0.75", "(WT/70 kg)^0.75"},
        {"5 [mg/L] + a", "5 [mg/L] + a"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400], expected[400];
        struct syntax *s;
        snprintf(text, sizeof text, HEAD "[equations]\nq = %s\n", rows[i].formula);
        snprintf(expected, sizeof expected, "q = %s\n", rows[i].printed);
        assert_ok(syntax_parse(text, strlen(text), "f", &s));
        char *printed = syntax_print(s);
        if (!strstr(printed, expected))
            fail_msg("%s printed as %s", rows[i].formula, printed);
        mem_free(printed);
        syntax_destroy(&s);
    }
}

static void parse__refuses_with_number_and_place(void **state)
{
    (void)state;
    const struct {
        const char *body, *says;
    } rows[] = {
        {"[parameters]\nCL = 2.8\n", "f:4:9: E1002"},
        {"[parameters]\nCL = 2.8 L/h lognormal 0.3\n", "E1002"},
        {"[parameters]\nCL = 2.8 L/h lognormal cv 0.3 fixed\n", "f:4:31: E1002"},
        {"[parameters]\nCL = 2.8 litres\n", "f:4:10: E3004"},
        {"[parameter]\n", "f:3:1: E1007"},
        {"[doses]\n[doses]\n", "f:4:1: E1007"},
        {"CL = 1 L\n", "E1008"},
        {"[equations]\nq = a ** 2\n", "f:4:7: E1009"},
        {"[equations]\nq = log(a)\n", "f:4:5: E1009"},
        {"[equations]\nq = a && b\n", "E1009"},
        {"[equations]\nq = gamma(a)\n", "f:4:5: E2006"},
        {"[equations]\nq = exp(a, b)\n", "f:4:5: E2007"},
        {"[equations]\nq = a < b < c\n", "E1002"},
        {"[equations]\nq = (a + b\n", "E1002"},
        {"[equations]\nq = a +\n", "E1002"},
        {"[equations]\nq = 3 @\n", "E1001"},
        {"[equations]\nq = a \"label\n", "E1003"},
        {"[equations]\nd/dx(A) = a\n", "E1002"},
        {"[observations]\ny : a ~ gaussian(1)\n", "E1002"},
        {"[parameters]"
         "\nx23456789012345678901234567890123456789012345678901234567890123456 = 1 "
         "L\n",
         "E2008"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[600];
        struct syntax *s;
        snprintf(text, sizeof text, HEAD "%s", rows[i].body);
        assert_refused(ERR_FORMAT, rows[i].says,
                       syntax_parse(text, strlen(text), "f", &s));
    }
    struct syntax *s;
    assert_refused(ERR_FORMAT, "E1008", syntax_parse("", 0, "f", &s));
    assert_refused(ERR_FORMAT, "E1008", syntax_parse("time h\n", 7, "f", &s));
}

static void parse__depth_and_size_are_bounded(void **state)
{
    (void)state;
    char *deep = mem_new(MODEL_TEXT_MAX + 2, 1);
    struct syntax *s;
    size_t at = (size_t)sprintf(deep, HEAD "[equations]\nq = ");
    memset(deep + at, '(', 5000);
    assert_refused(ERR_FORMAT, "E1005", syntax_parse(deep, at + 5000, "f", &s));
    for (size_t i = 0; i < 5000; i++)
        memcpy(deep + at + 2 * i, "-a" + (i == 4999), 2);
    memset(deep + at, '-', 5000);
    assert_refused(ERR_FORMAT, "E1005", syntax_parse(deep, at + 5000, "f", &s));
    for (size_t i = 0; i < 5000; i++)
        memcpy(deep + at + 2 * i, "a+", 2);
    assert_refused(ERR_FORMAT, "E1005", syntax_parse(deep, at + 10000, "f", &s));
    memset(deep, 'a', MODEL_TEXT_MAX + 1);
    assert_refused(ERR_FORMAT, "E1006", syntax_parse(deep, MODEL_TEXT_MAX + 1, "f", &s));
    mem_free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__takes_every_kind_of_line),
        cmocka_unit_test(parse__binds_as_mathematics_does),
        cmocka_unit_test(parse__refuses_with_number_and_place),
        cmocka_unit_test(parse__depth_and_size_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
