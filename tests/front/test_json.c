#include "front/json.h"

#include "base/memory.h"

#include "check.h"

static struct json *parsed(const char *text)
{
    struct json *json = NULL;
    assert_ok(json_parse(text, strlen(text), &json));
    return json;
}

static void check_format(struct json *json, const char *expected)
{
    char *text = json_format(json);
    assert_string_equal(text, expected);
    mem_free(text);
    json_destroy(&json);
    assert_null(json);
}

static void json__keeps_the_order_of_keys(void **state)
{
    (void)state;
    struct json *json = json_new_object();
    json_set_integer(json, "zeta", -9223372036854775807 - 1);
    json_set_text(json, "alpha", "a \"quoted\" line\n");
    json_set_boolean(json, "mid", true);
    json_set(json, "list", json_new_array());
    json_add(json_get(json, "list"), json_new_null());
    json_add(json_get(json, "list"), json_new_object());
    json_set_text(json, "none", NULL);
    json_set_integer(json, "zeta", 7); /* set again: the place stays */
    check_format(json,
                 "{\"zeta\": 7, \"alpha\": \"a \\\"quoted\\\" line\\n\", \"mid\": true, "
                 "\"list\": [null, {}], \"none\": null}");
}

static void json__reals_read_back_bit_for_bit(void **state)
{
    (void)state;
    const double values[] = {0.1,  1.0 / 3,   -0.0, 5e-324, 1.7976931348623157e308,
                             1e23, 123456789, 2.5,  1e-7,   9007199254740993.0};
    size_t count = sizeof values / sizeof *values;
    struct json *json = json_new_object();
    json_set_reals(json, "values", values, count);
    char *text = json_format(json);
    struct json *again = parsed(text), *list = json_get(again, "values");
    assert_int_equal(json_count(list), count);
    for (size_t i = 0; i < count; i++) {
        double value = json_as_real(json_at(list, i));
        assert_memory_equal(&value, &values[i], sizeof value);
    }
    mem_free(text);
    json_destroy(&json);
    json_destroy(&again);
}

static void json__bytes_are_hexadecimal_digits(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x00, 0x0f, 0xa0, 0xff};
    struct json *json = json_new_object();
    json_set_hex(json, "all", bytes, sizeof bytes);
    json_set_hex(json, "none", bytes, 0);
    json_set_hex(json, "unknown", NULL, sizeof bytes);
    check_format(json, "{\"all\": \"000fa0ff\", \"none\": \"\", \"unknown\": null}");
}

static void json__what_is_not_finite_is_null(void **state)
{
    (void)state;
    struct json *json = json_new_object();
    const double values[] = {NAN, INFINITY, -INFINITY, 0.5};
    json_set_reals(json, "values", values, 4);
    json_set_real(json, "nan", NAN);
    check_format(json, "{\"values\": [null, null, null, 0.5], \"nan\": null}");
}

static void json__bytes_that_are_not_utf8_are_replaced(void **state)
{
    (void)state;
    struct json *json = json_new_array();
    json_add(json, json_new_text("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
    json_add(json, json_new_text("caf\xe9"));          /* Latin-1 */
    json_add(json, json_new_text("\xc0\xaf"));         /* overlong */
    json_add(json, json_new_text("\xed\xa0\x80!"));    /* surrogate */
    json_add(json, json_new_text("\xf4\x90\x80\x80")); /* above U+10FFFF */
    json_add(json, json_new_text("\xe2\x82"));         /* cut */
    const char *expected[] = {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
                              "caf\xef\xbf\xbd",
                              "\xef\xbf\xbd\xef\xbf\xbd",
                              "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!",
                              "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
                              "\xef\xbf\xbd\xef\xbf\xbd"};
    for (size_t i = 0; i < json_count(json); i++)
        assert_string_equal(json_as_text(json_at(json, i)), expected[i]);
    json_destroy(&json);
    json = json_new_object();
    json_set_integer(json, "caf\xe9", 1); /* a key as well */
    check_format(json, "{\"caf\xef\xbf\xbd\": 1}");
}

static void json__print_indents_and_ends_the_line(void **state)
{
    (void)state;
    struct json *json = parsed("{\"a\": [1, 2.5], \"b\": {}}");
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    json_print(json, stream);
    fclose(stream);
    assert_string_equal(text, "{\n  \"a\": [\n    1,\n    2.5\n  ],\n  \"b\": {}\n}\n");
    free(text);
    json_destroy(&json);
}

static void json__parse_refuses_with_the_line_and_without_the_value(void **state)
{
    (void)state;
    const struct {
        const char *text, *part;
    } wrong[] = {
        {"{\"a\": 1,\n\"b\": 120x}", "line 2"},
        {"{\"a\": 1, \"a\": 2}", "a key occurs twice"},
        {"[1, 2", "line 1"},
        {"{\"a\": 1} {\"b\": 2}", "line 1"},
        {"{'a': 1}", "line 1"},
        {"[1,]", "line 1"},
        {"[NaN]", "line 1"},
        {"[1e999]", "line 1"},
        {"[\"\xff\"]", "line 1"},
        {"", "line 1"},
        {"[\"a\\u0000b\"]", "line 1"},
        {"[1 \"120\"]", "line 1"},
        {"[01]", "line 1"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct json *json = NULL;
        assert_refused(ERR_FORMAT, wrong[i].part,
                       json_parse(wrong[i].text, strlen(wrong[i].text), &json));
        assert_null(json);
        assert_null(strstr(err_text(), "120"));
    }
    struct json *json = NULL; /* no further than `size` */
    assert_ok(json_parse("[1] and no json", 3, &json));
    json_destroy(&json);
    char deep[10001]; /* refused, not a full stack */
    memset(deep, '[', 10000);
    assert_refused(ERR_FORMAT, "depth", json_parse(deep, 10000, &json));
}

static void json__reading_answers_for_what_is_not_there(void **state)
{
    (void)state;
    struct json *json = parsed("{\"n\": 3, \"x\": 2.5, \"t\": \"text\", \"l\": [1]}");
    assert_true(json_get_real(json, "n") == 3 && json_get_real(json, "x") == 2.5);
    assert_true(isnan(json_get_real(json, "t")) && isnan(json_get_real(json, "none")));
    assert_string_equal(json_get_text(json, "t"), "text");
    assert_null(json_get_text(json, "n"));
    assert_null(json_get(json, "none"));
    assert_null(json_get(json_get(json, "l"), "n"));
    assert_null(json_at(json_get(json, "l"), 1));
    assert_int_equal(json_count(json), 4);
    assert_int_equal(json_count(json_get(json, "l")), 1);
    assert_int_equal(json_count(json_get(json, "n")), 0);
    json_destroy(&json);
    json = parsed("[{\"t\": \"four\"}, {\"t\": \"sixsix\"}, {\"t\": 123456789}, 7]");
    assert_int_equal(json_widest(json, "t", 5), 6);
    assert_int_equal(json_widest(json, "t", 9), 9);
    json_destroy(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json__keeps_the_order_of_keys),
        cmocka_unit_test(json__reals_read_back_bit_for_bit),
        cmocka_unit_test(json__bytes_are_hexadecimal_digits),
        cmocka_unit_test(json__what_is_not_finite_is_null),
        cmocka_unit_test(json__bytes_that_are_not_utf8_are_replaced),
        cmocka_unit_test(json__print_indents_and_ends_the_line),
        cmocka_unit_test(json__parse_refuses_with_the_line_and_without_the_value),
        cmocka_unit_test(json__reading_answers_for_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
