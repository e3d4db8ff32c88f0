#include "manual.h"

#include "base/memory.h"

#include "check.h"
#include "table.h"

enum err table_run(struct cli *cli)
{
    (void)cli;
    return ERR_OK;
}

static char *written(void (*write)(FILE *out, const char *words, size_t width),
                     const char *words, size_t width)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    write(out, words, width);
    fclose(out);
    return text;
}

static void help(FILE *out, const char *words, size_t width)
{
    manual_help(out, &table, words, width);
}

static void page(FILE *out, const char *words, size_t width)
{
    (void)width;
    manual_page(out, &table, words);
}

static void manual__lists_the_commands(void **state)
{
    (void)state;
    char *text = written(help, "", 80);
    assert_string_equal(text, "usage: my-tool COMMAND [arguments] [options]\n"
                              "\n"
                              "a tool that is only tested\n"
                              "\n"
                              "commands:\n"
                              "  init         set a place up\n"
                              "  model check  check a model\n"
                              "  model show   show a model\n"
                              "  budget       what is left\n"
                              "  budget plan  what a study would cost\n"
                              "  help         explain a command\n"
                              "\n"
                              "'my-tool help COMMAND' explains one.\n");
    free(text);
    text = written(help, "model", 80);
    assert_string_equal(text, "usage: my-tool model COMMAND [arguments] [options]\n"
                              "\n"
                              "commands:\n"
                              "  model check  check a model\n"
                              "  model show   show a model\n"
                              "\n"
                              "'my-tool help COMMAND' explains one.\n");
    free(text);
}

static void manual__explains_a_command(void **state)
{
    (void)state;
    char *text = written(help, "model check", 66);
    assert_string_equal(
        text, "usage: my-tool model check FILE... [options]\n"
              "\n"
              "check a model\n"
              "\n"
              "examples:\n"
              "  tool model check a.twin\n"
              "  tool model check --level 2 b.twin\n"
              "\n"
              "It reads the file and checks the units of every expression, then\n"
              "says what is wrong.\n"
              "\n"
              "  kept -- as it is\n"
              ".dot\n"
              "\n"
              "The end.\n"
              "\n"
              "options:\n"
              "  -l, --level X        how loud, 0 to 5; preset 1\n"
              "  --set NAME=VALUE     change a value before the beginning, in the\n"
              "                       unit that the file gives it (may be\n"
              "                       repeated)\n"
              "  -f, --fast           leave the slow parts out\n"
              "  -C, --directory DIR  work in DIR, not in .\n"
              "  --json               the result as one JSON object\n"
              "  -q, --quiet          no talk and no progress on stderr\n"
              "  -h, --help           explain the command and stop\n"
              "  -V, --version        print the version and stop\n");
    free(text);
    text = written(help, "budget", 80); /* a command that also begins longer ones */
    assert_non_null(strstr(text, "usage: my-tool budget [STUDY] [options]\n"));
    assert_non_null(
        strstr(text, "\ncommands:\n  budget       what is left\n  budget plan"));
    free(text);
}

static void manual__lines_keep_within_the_width(void **state)
{
    (void)state;
    for (size_t width = 50; width < 120; width += 7) {
        char *text = written(help, "model check", width), *rest = text;
        for (char *line; (line = strsep(&rest, "\n"));)
            assert_true(strlen(line) <= (width < 100 ? width : 100));
        free(text);
    }
}

static void manual__page_escapes_what_roff_would_obey(void **state)
{
    (void)state;
    char *text = written(page, "model check", 0);
    assert_non_null(strstr(text, ".TH \"my\\-tool\\-model\\-check\" 1 "));
    assert_non_null(
        strstr(text, "\n.SH NAME\nmy\\-tool\\-model\\-check \\- check a model\n"));
    assert_non_null(strstr(text, "\n  kept \\-\\- as it is\n"));
    assert_non_null(strstr(text, "\n\\&.dot\n"));
    assert_non_null(strstr(text, ".B \\-l, \\-\\-level X\n"));
    assert_non_null(strstr(text, "\n.SH EXIT STATUS\n"));
    free(text);
    text = written(page, "", 0);
    for (size_t i = 0; i < command_count(&table); i++) {
        char *title = mem_format("\n.SS %s\n", command_at(&table, i)->words);
        assert_non_null(strstr(text, title));
        mem_free(title);
    }
    free(text);
}

static void manual__json_holds_the_whole_table(void **state)
{
    (void)state;
    struct json *object = manual_json(&table, "");
    struct json *commands = json_get(object, "commands");
    assert_string_equal(json_get_text(object, "program"), "my-tool");
    assert_int_equal(json_count(commands), table.command_count + 1);
    struct json *check = json_at(commands, 1);
    assert_string_equal(json_get_text(check, "words"), "model check");
    assert_string_equal(json_get_text(check, "arguments"), "FILE...");
    struct json *options = json_get(check, "options");
    assert_int_equal(json_count(options), 8);
    assert_string_equal(json_get_text(json_at(options, 0), "name"), "level");
    assert_string_equal(json_get_text(json_at(options, 0), "letter"), "l");
    json_destroy(&object);
    object = manual_json(&table, "model");
    assert_int_equal(json_count(json_get(object, "commands")), 2);
    json_destroy(&object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manual__lists_the_commands),
        cmocka_unit_test(manual__explains_a_command),
        cmocka_unit_test(manual__lines_keep_within_the_width),
        cmocka_unit_test(manual__page_escapes_what_roff_would_obey),
        cmocka_unit_test(manual__json_holds_the_whole_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
