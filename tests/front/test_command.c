#include "front/command.h"

#include "check.h"
#include "table.h"

enum err table_run(struct cli *cli)
{
    (void)cli;
    return ERR_OK;
}

static void command__finds_by_words(void **state)
{
    (void)state;
    assert_ptr_equal(command_find(&table, "model check"), &table_commands[1]);
    assert_ptr_equal(command_find(&table, "help"), &command_help);
    assert_null(command_find(&table, "model"));
    assert_true(command_opens(&table, "") && command_opens(&table, "model") &&
                command_opens(&table, "budget"));
    assert_false(command_opens(&table, "mode") || command_opens(&table, "init") ||
                 command_opens(&table, "model check"));
}

static void command__options_are_its_own_and_the_common_ones(void **state)
{
    (void)state;
    const struct cli_command *check = &table_commands[1];
    assert_ptr_equal(command_option(check, "level"), &table_options[0]);
    assert_ptr_equal(command_option_letter(check, 'l'), &table_options[0]);
    assert_non_null(command_option(check, "json"));
    assert_non_null(command_option(NULL, "directory"));
    assert_null(command_option(NULL, "level"));
    assert_null(command_option_letter(check, '\0')); /* options without a letter */
    assert_int_equal(command_option_count(check), command_option_count(NULL) + 3);
}

static void command__counts_and_names_arguments(void **state)
{
    (void)state;
    const struct {
        const char *list;
        size_t least, most;
        const char *third; /* name of argument 2 */
    } lists[] = {{"", 0, 0, ""},
                 {"FILE", 1, 1, ""},
                 {"FILE OUT", 2, 2, ""},
                 {"FILE...", 1, SIZE_MAX, "FILE"},
                 {"[ID]...", 0, SIZE_MAX, "ID"},
                 {"A [B] [CD]", 1, 3, "CD"}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct cli_command command = {.arguments = lists[i].list};
        size_t least, most, size;
        command_arguments(&command, &least, &most);
        assert_int_equal(least, lists[i].least);
        assert_int_equal(most, lists[i].most);
        const char *name = command_argument(&command, 2, &size);
        assert_int_equal(size, strlen(lists[i].third));
        assert_memory_equal(name, lists[i].third, size);
    }
}

static void refuse(struct cli_command command, const char *part)
{
    struct cli_command commands[] = {
        {.words = "first", .arguments = "", .summary = "the first", .run = table_run},
        command};
    struct cli_program program = {"tool", "a tool", commands, 2};
    assert_refused(ERR_USAGE, part, command_check(&program));
}

static void command__check_refuses_a_table_that_cannot_be_used(void **state)
{
    (void)state;
    assert_ok(command_check(&table));
    struct cli_command good = {
        .words = "go", .arguments = "", .summary = "go", .run = table_run};
    struct cli_command bad = good;
    bad.words = "first";
    refuse(bad, "two commands 'first'");
    bad.words = "help";
    refuse(bad, "two commands 'help'");
    bad.words = "go  on";
    refuse(bad, "no usable words");
    bad = good, bad.summary = "two\nlines";
    refuse(bad, "no summary");
    bad = good, bad.run = NULL;
    refuse(bad, "does nothing");
    const char *lists[] = {"file", "[FILE", "A... B", "[A] B", "A,B", NULL};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        bad = good, bad.arguments = lists[i];
        refuse(bad, "argument");
    }
    struct cli_option options[] = {{.name = "out", .letter = 'o', .help = "where to"},
                                   {.name = "json", .help = "taken"}};
    bad = good, bad.options = options, bad.option_count = 2;
    refuse(bad, "--json and --json cannot be told apart");
    options[1] =
        (struct cli_option){.name = "over", .letter = 'q', .help = "letter taken"};
    refuse(bad, "--over and --quiet");
    options[1] = (struct cli_option){.name = "over", .help = ""};
    refuse(bad, "no line of help");
    options[1] = (struct cli_option){.name = "over", .help = "a flag", .required = true};
    refuse(bad, "neither required");
    options[1] = (struct cli_option){.name = "over long", .help = "two words"};
    refuse(bad, "no usable name");
}

static void command__near_misses(void **state)
{
    (void)state;
    const char *names[] = {"import", "init", "status", "calibrate", "hospitals"};
    const struct {
        const char *typed, *meant;
    } misses[] = {{"improt", "import"},
                  {"imort", "import"},
                  {"statuss", "status"},
                  {"calib", "calibrate"},
                  {"hospital", "hospitals"},
                  {"xyzzy", NULL},
                  {"ini", "init"},
                  {"", NULL},
                  {"callibrate", "calibrate"},
                  {"in", NULL}};
    for (size_t i = 0; i < sizeof misses / sizeof *misses; i++) {
        const char *best = command_nearest(misses[i].typed, names, 5);
        if (misses[i].meant)
            assert_string_equal(best, misses[i].meant);
        else
            assert_null(best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command__finds_by_words),
        cmocka_unit_test(command__options_are_its_own_and_the_common_ones),
        cmocka_unit_test(command__counts_and_names_arguments),
        cmocka_unit_test(command__check_refuses_a_table_that_cannot_be_used),
        cmocka_unit_test(command__near_misses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
