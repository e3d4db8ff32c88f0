#include "model/example.h"

#include <string.h>

#include "check.h"

static enum err reading(const char *text, struct example *example)
{
    return example_read(text, strlen(text), "Example", example);
}

static void example__is_the_options_below_its_line(void **state)
{
    (void)state;
    struct example e;
    assert_ok(
        reading("# What it is.\n# Example: by mouth\n#   --dose 'oral 320 mg @ 0 h'\n"
                "#   --at   0:1:24\n#   --show\n#\n# More.\n#   --not one\nmodel m\n",
                &e));
    assert_string_equal(e.caption, "by mouth");
    assert_int_equal(e.count, 3);
    assert_string_equal(e.options[0].name, "dose");
    assert_string_equal(e.options[0].value, "oral 320 mg @ 0 h");
    assert_string_equal(e.options[1].name, "at");
    assert_string_equal(e.options[1].value, "0:1:24");
    assert_string_equal(e.options[2].name, "show");
    assert_string_equal(e.options[2].value, "");
    example_clear(&e);
}

static void example__is_looked_for_in_the_head_only(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "model m\n# Example: x\n#   --at 1\n",
                                        "# no such thing\n\n# Example: x\n", "#"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct example e;
        assert_ok(reading(texts[i], &e));
        assert_null(e.caption);
        assert_int_equal(e.count, 0);
        example_clear(&e);
    }
}

static void example__names_the_line_that_is_no_option(void **state)
{
    (void)state;
    struct example e;
    assert_refused(ERR_FORMAT, "line 3",
                   reading("# Example: x\n#   --at 1\n#   dose it\n", &e));
    assert_refused(ERR_FORMAT, "line 2", reading("# Example: x\n#   --dose 'oral\n", &e));
    assert_refused(ERR_FORMAT, "line 2", reading("# Example: x\n#   --dose '\n", &e));
}

static void example__is_what_stands_below_its_heading(void **state)
{
    (void)state;
    static const char text[] =
        "# Example: a\n#   --at 1\n# Study: b\n#   --at 2\n#   --observe y\n";
    struct example e;
    assert_ok(example_read(text, strlen(text), "Study", &e));
    assert_string_equal(e.caption, "b");
    assert_int_equal(e.count, 2);
    assert_string_equal(e.options[0].value, "2");
    example_clear(&e);
    assert_ok(example_read(text, strlen(text), "Example", &e));
    assert_int_equal(e.count, 1);
    example_clear(&e);
}

static void example__names_no_file(void **state)
{
    (void)state;
    static const char *const names[] = {"output", "out",   "truth", "model",
                                        "a",      "doses", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct example e;
        char text[100];
        snprintf(text, sizeof text, "# Example: x\n#   --%s /tmp/x\n", names[i]);
        assert_refused(ERR_FORMAT, "line 2", reading(text, &e));
        assert_null(e.options);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example__is_the_options_below_its_line),
        cmocka_unit_test(example__is_what_stands_below_its_heading),
        cmocka_unit_test(example__names_no_file),
        cmocka_unit_test(example__is_looked_for_in_the_head_only),
        cmocka_unit_test(example__names_the_line_that_is_no_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
