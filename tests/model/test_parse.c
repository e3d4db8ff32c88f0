#include "check.h"

#include "language.h"
#include "model_impl.h"

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

static void parse__size_is_bounded(void **state)
{
    (void)state;
    char *large = mem_new(MODEL_TEXT_MAX + 2, 1);
    struct syntax *s;
    memset(large, 'a', MODEL_TEXT_MAX + 1);
    assert_refused(ERR_FORMAT, "E1006", syntax_parse(large, MODEL_TEXT_MAX + 1, "f", &s));
    mem_free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__takes_what_editors_make_of_a_text),
        cmocka_unit_test(parse__size_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
