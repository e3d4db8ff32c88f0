#include "check.h"

#include "parser.h"

/* A parser at the first token of `text`; its syntax ends it. */
static struct parser parser_at(const char *text)
{
    struct syntax *s = mem_new(1, sizeof *s);
    s->arena = arena_new(4096);
    s->source = (struct source){text, "f", strlen(text)};
    struct parser parser = {.syntax = s, .lexer = {.source = &s->source}};
    assert_ok(parser_advance(&parser));
    return parser;
}

static void parser__takes_what_statements_are_made_of(void **state)
{
    (void)state;
    struct parser parser = parser_at("CL -2.5 35 % L/h (\"a label\")");
    const char *name, *label;
    struct unit_text unit;
    size_t at;
    double number, share;
    assert_ok(parser_take_name(&parser, "a name", &name, &at));
    assert_string_equal(name, "CL");
    assert_int_equal(at, 0);
    assert_ok(parser_take_number(&parser, "a number", &number));
    assert_near(number, -2.5, 0);
    assert_ok(parser_take_share(&parser, "a number", &share));
    assert_near(share, 0.35, 1e-15);
    assert_ok(parser_take_unit(&parser, false, &unit));
    assert_string_equal(unit.text, "L/h");
    assert_ok(parser_take_sign(&parser, "(", "'('"));
    assert_ok(parser_take_label(&parser, &label));
    assert_string_equal(label, "a label");
    assert_ok(parser_take_sign(&parser, ")", "')'"));
    assert_ok(parser_take_line_end(&parser));
    syntax_destroy(&parser.syntax);
}

/* Where a unit may stand; in a formula (`atom`) an operator goes on with the formula. */
static void parser__knows_where_a_unit_begins(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool line, atom;
    } rows[] = {
        {"mg", true, true},      {"[iU]", true, true},        {"%", true, true},
        {"/h", true, false},     {"1/h", true, false},        {"{beats}", true, false},
        {"(mg/L)", true, false}, {"(0.05, 2)", false, false}, {"fixed", false, false},
        {"lloq", false, false},  {"\"mg\"", false, false},    {"", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct parser parser = parser_at(rows[i].text);
        if (parser_at_unit(&parser, false) != rows[i].line ||
            parser_at_unit(&parser, true) != rows[i].atom)
            fail_msg("a unit at \"%s\"", rows[i].text);
        syntax_destroy(&parser.syntax);
    }
}

static void parser__refuses_with_what_it_found(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says, *hint;
    } rows[] = {
        {"ka = 1", "E1002: expected a number, found 'ka'", ""},
        {"", "E1002: expected a number, found the end of the text", ""},
        {"\nka", "E1002: expected a number, found the end of the line", ""},
        {"lognormel", "E1002: expected a number, found 'lognormel'", "lognormal"},
        {"? 3", "E1001: '?' has no meaning here", ""},
        {"\"open", "E1003: the label that begins here", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct parser parser = parser_at(rows[i].text);
        double number;
        assert_refused(ERR_FORMAT, rows[i].says,
                       parser_take_number(&parser, "a number", &number));
        if (!strstr(err_hint_text(), rows[i].hint))
            fail_msg("\"%s\" is no hint at %s", err_hint_text(), rows[i].hint);
        syntax_destroy(&parser.syntax);
    }
}

static void parser__names_are_bounded(void **state)
{
    (void)state;
    char text[MODEL_NAME_MAX + 2] = {0};
    const char *name;
    size_t at;
    memset(text, 'a', MODEL_NAME_MAX + 1);
    struct parser parser = parser_at(text);
    assert_refused(ERR_FORMAT, "E2008", parser_take_name(&parser, "a name", &name, &at));
    syntax_destroy(&parser.syntax);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parser__takes_what_statements_are_made_of),
        cmocka_unit_test(parser__knows_where_a_unit_begins),
        cmocka_unit_test(parser__refuses_with_what_it_found),
        cmocka_unit_test(parser__names_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
