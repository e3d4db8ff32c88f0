#include "check.h"

static void err__set_wrap_and_hint_build_one_sentence(void **state)
{
    (void)state;
    assert_int_equal(err_set(ERR_RANGE, "clipping norm %g outside [0, 1]", -3.0), ERR_RANGE);
    assert_int_equal(err_hint("norms are positive"), ERR_RANGE);
    assert_int_equal(err_wrap("round %d", 12), ERR_RANGE);
    assert_string_equal(err_text(), "round 12: clipping norm -3 outside [0, 1]");
    assert_string_equal(err_hint_text(), "norms are positive");
    err_set(ERR_STATE, "next");
    assert_string_equal(err_hint_text(), "");
    assert_int_equal(err_code(), ERR_STATE);
}

static void err__set_may_quote_its_own_text(void **state)
{
    (void)state;
    err_set(ERR_FORMAT, "inner");
    err_set(ERR_CONFIG, "outer of %s", err_text());
    assert_string_equal(err_text(), "outer of inner");
}

static void err__long_sentences_are_cut(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(ERR_FORMAT, "%s", text);
    err_wrap("%s", text);
    assert_int_equal(strlen(err_text()), 1000);
}

static void err__every_code_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(err_name(ERR_OK), "ERR_OK");
    for (int code = ERR_OK + 1; code <= ERR_INTERRUPTED; code++)
        assert_memory_equal(err_name((enum err)code), "ERR_", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(err__set_wrap_and_hint_build_one_sentence),
        cmocka_unit_test(err__set_may_quote_its_own_text),
        cmocka_unit_test(err__long_sentences_are_cut),
        cmocka_unit_test(err__every_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
