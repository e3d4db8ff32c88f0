#include "arguments.h"

#include "check.h"
#include "table.h"

enum err table_run(struct cli *cli)
{
    (void)cli;
    return ERR_OK;
}

static struct arguments last;

/* Reads a line split at spaces ("~" stands for an empty argument). */
static enum err read_line(const char *line)
{
    static char copy[500];
    static char *argv[64];
    int argc = 1;
    char *rest = copy;
    arguments_free(&last);
    snprintf(copy, sizeof copy, "%s", line);
    argv[0] = (char[]){"my-tool"};
    for (char *word; (word = strtok_r(rest, " ", &rest));)
        argv[argc++] = strcmp(word, "~") == 0 ? word + 1 : word;
    return arguments_read(&table, argc, argv, &last);
}

static void arguments__options_stand_anywhere(void **state)
{
    (void)state;
    const char *lines[] = {
        "model check a b --level 3 --fast",
        "model check --level 3 a --fast b",
        "model check --fast --level=3 a b",
        "model check -f -l 3 a b",
        "model check -fl3 a b",
        "model check a -fl 3 b",
        "model check a --level 3 --fast -- b",
        "-q model check a b --level 3 -f",
        "-C x model --quiet check a b -l 3 -f",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_ok(read_line(lines[i]));
        assert_ptr_equal(last.command, &table_commands[1]);
        assert_string_equal(last.words, "model check");
        assert_int_equal(last.count, 2);
        assert_string_equal(last.texts[0], "a");
        assert_string_equal(last.texts[1], "b");
        assert_string_equal(arguments_value(&last, "level", 0), "3");
        assert_true(arguments_have(&last, "fast"));
    }
    assert_string_equal(arguments_value(&last, "directory", 0), "x");
}

static void arguments__values_may_look_like_anything(void **state)
{
    (void)state;
    assert_ok(
        read_line("model check - -5 -.5 ~ --level -3 --set a=b --set=--c --set=x=y=z"));
    assert_int_equal(last.count, 4);
    assert_string_equal(last.texts[0], "-");
    assert_string_equal(last.texts[1], "-5");
    assert_string_equal(last.texts[2], "-.5");
    assert_string_equal(last.texts[3], "");
    assert_string_equal(arguments_value(&last, "level", 0), "-3");
    assert_int_equal(arguments_repeats(&last, "set"), 3);
    assert_string_equal(arguments_value(&last, "set", 0), "a=b");
    assert_string_equal(arguments_value(&last, "set", 1), "--c");
    assert_string_equal(arguments_value(&last, "set", 2), "x=y=z");
    assert_null(arguments_value(&last, "set", 3));
    assert_ok(read_line("model check -- --level --json"));
    assert_int_equal(last.count, 2);
    assert_false(arguments_have(&last, "json"));
    assert_ok(read_line("model check a --set=")); /* empty, but given */
    assert_string_equal(arguments_value(&last, "set", 0), "");
}

static void arguments__the_longest_words_name_the_command(void **state)
{
    (void)state;
    assert_ok(read_line("budget --json"));
    assert_ptr_equal(last.command, &table_commands[3]);
    assert_ok(read_line("budget nafld"));
    assert_ptr_equal(last.command, &table_commands[3]);
    assert_string_equal(last.texts[0], "nafld");
    assert_ok(read_line("budget plan --model a"));
    assert_ptr_equal(last.command, &table_commands[4]);
    assert_ok(read_line("budget -- plan")); /* after the dashes no word is a command's */
    assert_ptr_equal(last.command, &table_commands[3]);
    assert_ok(read_line("model"));
    assert_null(last.command);
    assert_string_equal(last.words, "model");
    assert_ok(read_line(""));
    assert_null(last.command);
}

static void arguments__help_needs_nothing_else(void **state)
{
    (void)state;
    assert_ok(read_line("model check --help"));
    assert_ok(read_line("budget plan -h"));
    assert_ok(read_line("--version"));
    assert_ok(read_line("-h model check"));
    assert_ptr_equal(last.command, &table_commands[1]);
}

static void arguments__refusals_say_what_to_write(void **state)
{
    (void)state;
    const struct {
        const char *line, *sentence, *hint;
    } wrong[] = {
        {"modle", "my-tool has no command 'modle'",
         "did you mean 'my-tool model check'?"},
        {"model chekc a", "no command 'model chekc'",
         "did you mean 'my-tool model check'?"},
        {"check a", "no command 'check'", "did you mean 'my-tool model check'?"},
        {"xyzzy", "no command 'xyzzy'", "'my-tool help' lists"},
        {"~", "no command ''", "'my-tool help' lists"},
        {"model check a --levle 3", "has no option --levle", "did you mean --level?"},
        {"model check a --jsno", "has no option --jsno", "did you mean --json?"},
        {"model check a -level 3", "has no option -level", "did you mean --level?"},
        {"model check a -x", "has no option -x", "'my-tool model check --help' lists"},
        {"init --level 3", "my-tool init has no option --level", "--help' lists"},
        {"--level 3 model check a", "--level stands before", "write the command first"},
        {"model check a --level", "--level needs a value: --level X", ""},
        {"model check a --level --fast", "--level needs a value", "write --level=--fast"},
        {"model check a -l", "--level needs a value", ""},
        {"model check a --fast=yes", "--fast takes no value, but got 'yes'", ""},
        {"model check a --level 1 --level 2", "--level is given twice", ""},
        {"model check", "model check: FILE is missing",
         "usage: my-tool model check FILE..."},
        {"model show a b c", "'c' is one argument too many",
         "usage: my-tool model show FILE"},
        {"budget plan", "budget plan: --model FILE is missing",
         "usage: my-tool budget plan"},
        {"budget nafld plan", "'plan' is one argument too many",
         "usage: my-tool budget ["},
        {"init x", "'x' is one argument too many", "usage: my-tool init [options]"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_refused(ERR_USAGE, wrong[i].sentence, read_line(wrong[i].line));
        if (!strstr(err_hint_text(), wrong[i].hint) ||
            (*err_hint_text() != '\0') != (*wrong[i].hint != '\0'))
            fail_msg("%s: hint \"%s\"", wrong[i].line, err_hint_text());
    }
}

static int free_last(void **state)
{
    (void)state;
    arguments_free(&last);
    return 0;
}

static void arguments__suggestions_yield_to_what_is_typed(void **state)
{
    (void)state;
    assert_ok(read_line("model check a --set x=1"));
    assert_ok(arguments_suggest(&last, "set", "y=2"));
    assert_ok(arguments_suggest(&last, "level", "4"));
    assert_int_equal(arguments_repeats(&last, "set"), 1);
    assert_string_equal(arguments_value(&last, "set", 0), "x=1");
    assert_string_equal(arguments_value(&last, "level", 0), "4");
    assert_refused(ERR_USAGE, "twice", arguments_suggest(&last, "level", "5"));
    assert_refused(ERR_USAGE, "--lever 5 is no option",
                   arguments_suggest(&last, "lever", "5"));
    assert_refused(ERR_USAGE, "no option", arguments_suggest(&last, "level", ""));
    assert_refused(ERR_USAGE, "no option", arguments_suggest(&last, "fast", "1"));
    assert_ok(read_line("model check a"));
    assert_ok(arguments_suggest(&last, "set", "y=2"));
    assert_ok(arguments_suggest(&last, "set", "z=3"));
    assert_string_equal(arguments_value(&last, "set", 1), "z=3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments__options_stand_anywhere),
        cmocka_unit_test(arguments__values_may_look_like_anything),
        cmocka_unit_test(arguments__the_longest_words_name_the_command),
        cmocka_unit_test(arguments__help_needs_nothing_else),
        cmocka_unit_test(arguments__refusals_say_what_to_write),
        cmocka_unit_test(arguments__suggestions_yield_to_what_is_typed),
    };
    return cmocka_run_group_tests(tests, NULL, free_last);
}
