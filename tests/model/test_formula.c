#include "check.h"

#include "language.h"
#include "model_impl.h"

/* a - b - c, a/b*c, -a^2, 2^3^2, not a and b: as in mathematics and in the field's tools.
 */
static void formula__binds_as_mathematics_does(void **state)
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

static void formula__depth_is_bounded(void **state)
{
    (void)state;
    char deep[11000];
    struct syntax *s;
    size_t at = (size_t)sprintf(deep, HEAD "[equations]\nq = ");
    memset(deep + at, '(', 5000);
    assert_refused(ERR_FORMAT, "E1005", syntax_parse(deep, at + 5000, "f", &s));
    memset(deep + at, '-', 5000);
    assert_refused(ERR_FORMAT, "E1005", syntax_parse(deep, at + 5000, "f", &s));
    for (size_t i = 0; i < 5000; i++)
        memcpy(deep + at + 2 * i, "a+", 2);
    assert_refused(ERR_FORMAT, "E1005", syntax_parse(deep, at + 10000, "f", &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formula__binds_as_mathematics_does),
        cmocka_unit_test(formula__depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
