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
        {"a^b^c", "a^b^c"},
        {"a - b - c", "a - b - c"},
        {"a/b/c", "a/b/c"},
        {"-a^2", "-a^2"},
        {"if((a < b) == (c < d), a, b)", "if((a < b) == (c < d), a, b)"},
        {"if(not (a < b or c < d) and e < f, a, b)",
         "if(not (a < b or c < d) and e < f, a, b)"},
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

/* Byte order mark, Windows line ends, no line end at the end. */
static void parse__takes_what_editors_make_of_a_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\xef\xbb\xbf" HEAD "[equations]\nq = 1\n",
        "model m version 1 \"t\"\r\ntime h\r\n[equations]\r\nq = 1\r\n",
        HEAD "[equations]\nq = 1",
        "# first\n\n" HEAD "\t[equations]   # none\n\n\n  q\t=\t1 \\\n\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct syntax *s;
        assert_ok(syntax_parse(texts[i], strlen(texts[i]), "f", &s));
        char *printed = syntax_print(s);
        assert_string_equal(printed, "model m version 1  \"t\"\ntime h\n\n[equations]\n"
                                     "q = 1\n");
        mem_free(printed);
        syntax_destroy(&s);
    }
    struct syntax *s;
    assert_refused(ERR_FORMAT, "E1008", syntax_parse("", 0, "f", &s));
    assert_refused(ERR_FORMAT, "E1008", syntax_parse("time h\n", 7, "f", &s));
}

/* A copy of `line` with its %zu replaced. */
static char *numbered(const char *line, size_t number)
{
    const char *at = strstr(line, "%zu");
    return mem_format("%.*s%zu%s", (int)(at - line), line, number, at + 3);
}

static void parse__counts_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *section, *line;
        size_t most;
    } rows[] = {
        {"[parameters]\n", "p%zu = 1 1 fixed\n", MODEL_PARAMETERS_MAX},
        {"[covariates]\n", "c%zu 1\n", MODEL_COVARIATES_MAX},
        {"[equations]\n", "d/dt(x%zu) = 0\n", MODEL_STATES_MAX},
        {"[equations]\n", "q%zu = 0\n", MODEL_QUANTITIES_MAX},
        {"[doses]\n", "d%zu -> x mg\n", MODEL_INPUTS_MAX},
        {"[observations]\n", "y%zu : 1 ~ add(1)\n", MODEL_OBSERVATIONS_MAX},
        {"[what-if]\n", "w%zu range 1 .. 2 mg\n", MODEL_RANGES_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes text = {0};
        bytes_append(&text, HEAD, strlen(HEAD));
        bytes_append(&text, rows[i].section, strlen(rows[i].section));
        for (size_t k = 0; k <= rows[i].most; k++) {
            char *line = numbered(rows[i].line, k);
            struct syntax *s;
            if (k == rows[i].most) {
                assert_ok(syntax_parse((const char *)text.data, text.size, "f", &s));
                syntax_destroy(&s);
            }
            bytes_append(&text, line, strlen(line));
            mem_free(line);
        }
        struct syntax *s;
        assert_refused(ERR_FORMAT, "E4003: more than",
                       syntax_parse((const char *)text.data, text.size, "f", &s));
        bytes_free(&text);
    }
}

static void parse__depth_and_size_are_bounded(void **state)
{
    (void)state;
    char *deep = mem_new(MODEL_TEXT_MAX + 2, 1);
    struct syntax *s;
    size_t at = (size_t)sprintf(deep, HEAD "[equations]\nq = ");
    memset(deep + at, '(', 5000);
    assert_refused(ERR_FORMAT, "E1005", syntax_parse(deep, at + 5000, "f", &s));
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
        cmocka_unit_test(parse__takes_what_editors_make_of_a_text),
        cmocka_unit_test(parse__counts_are_bounded),
        cmocka_unit_test(parse__depth_and_size_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
