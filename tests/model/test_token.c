#include "check.h"

#include "model_impl.h"

static void token__reads_numbers_signs_and_words(void **state)
{
    (void)state;
    static const char text[] = "ka2 -> 7.0e-4 <= \"a b\" # rest\n..";
    const struct source source = {text, "f", sizeof text - 1};
    struct lexer lexer = {.source = &source};
    const enum token_kind kinds[] = {TOKEN_WORD,  TOKEN_SIGN,    TOKEN_NUMBER, TOKEN_SIGN,
                                     TOKEN_LABEL, TOKEN_NEWLINE, TOKEN_SIGN,   TOKEN_END};
    struct token token;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_ok(token_next(&lexer, &token));
        assert_int_equal(token.kind, kinds[i]);
        if (i == 2)
            assert_near(token.number, 7.0e-4, 0);
        if (i == 3)
            assert_string_equal(token.sign, "<=");
    }
}

static void token__a_line_goes_on_inside_parentheses(void **state)
{
    (void)state;
    const struct source source = {"(1\n2)\n", "f", 6};
    struct lexer lexer = {.source = &source};
    struct token token;
    const enum token_kind kinds[] = {TOKEN_SIGN, TOKEN_NUMBER, TOKEN_NUMBER, TOKEN_SIGN,
                                     TOKEN_NEWLINE};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_ok(token_next(&lexer, &token));
        assert_int_equal(token.kind, kinds[i]);
    }
}

static void token__refusals_name_the_place(void **state)
{
    (void)state;
    const struct source source = {"time h\nka = 1x2\n", "a.twin", 16};
    struct lexer lexer = {.source = &source, .at = 12};
    struct token token;
    assert_refused(ERR_FORMAT, "a.twin:2:6: E1004", token_next(&lexer, &token));
    assert_non_null(strstr(err_text(), "ka = 1x2\n     ^"));
}

static void token__what_is_not_text_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *text, *says;
    } rows[] = {{"a\xff", "E1001"},
                {"a\x01", "E1001"},
                {"a\xe2\x80\xae", "E1001"},
                {"a\rb", "E1001"},
                {"\xc0\x80", "E1001"},
                {"\xed\xa0\x80", "E1001"},
                {"# \xc2\x9b"
                 "31m",
                 "control character 9b"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct source source = {rows[i].text, "f", strlen(rows[i].text)};
        assert_refused(ERR_FORMAT, rows[i].says, source_check(&source));
    }
    const struct source nothing = {"a\0b", "f", 3};
    assert_refused(ERR_FORMAT, "control character 00", source_check(&nothing));
    struct source fine = {"\xc2\xb5g\r\n\t", "f", 7};
    fine.size = strlen(fine.text);
    assert_ok(source_check(&fine));
}

/* A refusal is read on a terminal: of its line nothing reaches it that a terminal obeys
 * or cannot read. */
static void token__shows_only_what_can_be_read(void **state)
{
    (void)state;
    static const char text[] = "q\t= 2 \x1b[31m \xff \xc2\x9b \xe2\x80\xae \xc2\xb5g";
    const struct source source = {text, "f", sizeof text - 1};
    assert_refused(ERR_FORMAT, "1:7: E1001: control character 1b", source_check(&source));
    assert_non_null(strstr(err_text(), "\nq = 2 ?[31m ? ? ? \xc2\xb5g\n      ^"));
}

static void token__every_error_has_a_paragraph(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODEL_ERROR_COUNT; i++) {
        assert_int_equal(model_error_name(i)[0], 'E');
        assert_true(strlen(model_error_paragraph(i)) > 40);
    }
    assert_null(model_error_name(MODEL_ERROR_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token__reads_numbers_signs_and_words),
        cmocka_unit_test(token__a_line_goes_on_inside_parentheses),
        cmocka_unit_test(token__refusals_name_the_place),
        cmocka_unit_test(token__what_is_not_text_is_refused),
        cmocka_unit_test(token__shows_only_what_can_be_read),
        cmocka_unit_test(token__every_error_has_a_paragraph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
