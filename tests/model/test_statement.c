#include "check.h"

#include "language.h"
#include "model_impl.h"

static void statement__takes_every_kind_of_line(void **state)
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

/* A copy of `line` with its %zu replaced. */
static char *numbered(const char *line, size_t number)
{
    const char *at = strstr(line, "%zu");
    return mem_format("%.*s%zu%s", (int)(at - line), line, number, at + 3);
}

static void statement__counts_are_bounded(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statement__takes_every_kind_of_line),
        cmocka_unit_test(statement__counts_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
