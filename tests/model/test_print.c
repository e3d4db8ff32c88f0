#include "check.h"

#include "language.h"
#include "model_impl.h"

static char *canonical(const char *text)
{
    struct syntax *s;
    assert_ok(syntax_parse(text, strlen(text), "f", &s));
    char *printed = syntax_print(s);
    syntax_destroy(&s);
    return printed;
}

static void print__canonical_text_is_a_fixed_point(void **state)
{
    (void)state;
    const char *const texts[] = {oral_text, glucose_text};
    for (size_t i = 0; i < 2; i++) {
        char *once = canonical(texts[i]), *again = canonical(once);
        assert_string_equal(once, again);
        assert_null(strchr(once, '#'));
        mem_free(once);
        mem_free(again);
    }
}

static void print__spacing_and_comments_do_not_matter(void **state)
{
    (void)state;
    char *a = canonical("model m version 1 \"t\"\ntime h\n[equations]\nq=1+2 # sum\n");
    char *b =
        canonical("model m   version 1 \"t\"\n\n\ntime h\n\n[equations]\n q = (1\n+2)");
    assert_string_equal(a, b);
    mem_free(a);
    mem_free(b);
}

static void print__numbers_read_back(void **state)
{
    (void)state;
    const double numbers[] = {0.1, 1.0 / 3, 7.0e-4, 1e300, 123456789, 5.5508, -2.5e-8};
    char text[NUMBER_TEXT_MAX];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        number_print(numbers[i], text);
        assert_true(strtod(text, NULL) == numbers[i]);
    }
    number_print(0.1, text);
    assert_string_equal(text, "0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print__canonical_text_is_a_fixed_point),
        cmocka_unit_test(print__spacing_and_comments_do_not_matter),
        cmocka_unit_test(print__numbers_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
