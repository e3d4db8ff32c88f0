#include "front/cli.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "table.h"

/* What the one command of these tests does is the test's to say. */
static enum err (*deed)(struct cli *cli);

enum err table_run(struct cli *cli)
{
    return deed(cli);
}

static struct {
    int code;
    char out[8000], err[8000];
} got;

static void read_back(FILE *file, char *text, size_t size)
{
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

/* Runs a line (split at spaces) in a child, printing to `descriptor`; -1: it is kept. */
static void run_to(int descriptor, const char *line, enum err (*doing)(struct cli *))
{
    FILE *out = tmpfile(), *err = tmpfile();
    deed = doing;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char copy[300], *rest = copy, *argv[32] = {(char[]){"my-tool"}};
        int argc = 1;
        snprintf(copy, sizeof copy, "%s", line);
        for (char *word; (word = strtok_r(rest, " ", &rest));)
            argv[argc++] = word;
        dup2(descriptor >= 0 ? descriptor : fileno(out), STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        exit(cli_main(&table, argc, argv));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    got.code = WEXITSTATUS(status);
    read_back(out, got.out, sizeof got.out);
    read_back(err, got.err, sizeof got.err);
}

static void run(const char *line, enum err (*doing)(struct cli *))
{
    run_to(-1, line, doing);
}

static enum err say_and_print(struct cli *cli)
{
    cli_say(cli, "working in %s", cli_directory(cli));
    struct json *result = json_new_object();
    json_set_integer(result, "arguments", (int64_t)cli_arguments(cli));
    cli_result(cli, result);
    if (!cli_is_json(cli))
        printf("%zu arguments\n", cli_arguments(cli));
    return ERR_OK;
}

/* What cannot be undone is confirmed at a terminal, letter for letter, or not done. */
static enum err ask_for_anna(struct cli *cli)
{
    return cli_ask(cli, "Which one?", "Anna");
}

/* A chroot without /dev/pts gives terminals on which nothing arrives. */
static void skip_without_terminals(void)
{
    int terminal;
    char heard = 0;
    fflush(NULL);
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    if (child == 0)
        _exit(write(STDOUT_FILENO, "x", 1) == 1 ? 0 : 1);
    if (child > 0) {
        (void)!read(terminal, &heard, 1);
        waitpid(child, NULL, 0);
        close(terminal);
    }
    if (heard != 'x') {
        print_message("skipped: no terminal works here; is /dev/pts mounted?\n");
        skip();
    }
}

static int answer_at_terminal(const char *typed)
{
    int terminal, status;
    char said[100] = "";
    deed = ask_for_anna;
    fflush(NULL);
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);
    if (child == 0)
        exit(cli_main(&table, 4, (char *[]){"my-tool", "model", "check", "a", NULL}));
    assert_true(read(terminal, said, sizeof said - 1) > 0);
    assert_non_null(strstr(said, "Which one?"));
    assert_int_equal(write(terminal, typed, strlen(typed)), strlen(typed));
    while (read(terminal, said, sizeof said) > 0)
        ;
    assert_int_equal(waitpid(child, &status, 0), child);
    close(terminal);
    return WEXITSTATUS(status);
}

static void cli__asks_before_what_cannot_be_undone(void **state)
{
    (void)state;
    skip_without_terminals();
    assert_int_equal(answer_at_terminal("anna\n"), 0);
    assert_int_equal(answer_at_terminal("ann\n"), 130);
    assert_int_equal(answer_at_terminal("anna2\n"), 130);
    assert_int_equal(answer_at_terminal("\n"), 130);
    assert_int_equal(answer_at_terminal("\4"), 130); /* the end of the input */
    run("model check a", ask_for_anna);
    assert_int_equal(got.code, 2);
    assert_non_null(strstr(got.err, "no terminal"));
}

static void cli__results_and_talk_keep_apart(void **state)
{
    (void)state;
    run("model check a b -C place", say_and_print);
    assert_int_equal(got.code, 0);
    assert_string_equal(got.out, "2 arguments\n");
    assert_string_equal(got.err, "working in place\n");
    run("model check a b --quiet", say_and_print);
    assert_string_equal(got.out, "2 arguments\n");
    assert_string_equal(got.err, "");
    run("model check a b --json", say_and_print);
    assert_string_equal(got.out, "{\n  \"arguments\": 2\n}\n");
    assert_string_equal(got.err, "");
}

static enum err failing;
static enum err refuse(struct cli *cli)
{
    cli_result(cli, json_new_object());
    err_set(failing, "no \"luck\" today");
    return err_hint("try tomorrow");
}

static enum err print_without_asking(struct cli *cli)
{
    (void)cli;
    printf("for people\n");
    return ERR_OK;
}

static enum err print_and_fail(struct cli *cli)
{
    printf("for people\n");
    cli_result(cli, json_new_object());
    return err_set(ERR_STATE, "no");
}

static void cli__with_json_stdout_has_one_object_and_nothing_else(void **state)
{
    (void)state;
    run("init --json", print_without_asking);
    assert_int_equal(got.code, 0);
    assert_string_equal(got.out, "{}\n");
    assert_string_equal(got.err, "");
    run("init --json", print_and_fail);
    assert_int_equal(got.code, 1);
    assert_string_equal(got.out, "");
    run("help --completion bash --json", NULL);
    assert_int_equal(got.code, 0);
    assert_ptr_equal(strstr(got.out, "{\n  \"completion\": "), got.out);
    run("init", print_without_asking);
    assert_string_equal(got.out, "for people\n");
}

/* A process that is stopped as early as it can be asked ends by its own will. */
static void cli__listens_before_anything_else(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char *argv[] = {(char[]){"my-tool"}, (char[]){"--version"}, NULL};
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        cli_main(&table, 2, argv);
        raise(SIGTERM);
        _exit(42);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

static void cli__errors_have_their_exit_code_and_a_hint(void **state)
{
    (void)state;
    const struct {
        enum err err;
        int code;
    } codes[] = {{ERR_RANGE, 1},  {ERR_FORMAT, 1},         {ERR_NOT_FOUND, 4},
                 {ERR_DENIED, 5}, {ERR_VERIFY, 6},         {ERR_STATE, 1},
                 {ERR_GONE, 7},   {ERR_STORAGE, 1},        {ERR_LOCKED, 11},
                 {ERR_KEY, 12},   {ERR_NUMERIC, 1},        {ERR_USAGE, 2},
                 {ERR_CONFIG, 9}, {ERR_UNINITIALISED, 10}, {ERR_INTERRUPTED, 130}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        failing = codes[i].err;
        run("init", refuse);
        assert_int_equal(got.code, codes[i].code);
        assert_string_equal(got.out, "");
        assert_string_equal(got.err, "error: no \"luck\" today\nhint: try tomorrow\n");
    }
    failing = ERR_DENIED;
    run("init --json", refuse);
    assert_int_equal(got.code, 5);
    assert_string_equal(got.out, "");
    assert_string_equal(got.err, "{\n  \"error\": {\n    \"code\": \"ERR_DENIED\",\n"
                                 "    \"message\": \"no \\\"luck\\\" today\",\n"
                                 "    \"hint\": \"try tomorrow\"\n  }\n}\n");
}

static void cli__usage_errors_follow_json_too(void **state)
{
    (void)state;
    run("inti", NULL);
    assert_int_equal(got.code, 2);
    assert_string_equal(got.err, "error: my-tool has no command 'inti'\n"
                                 "hint: did you mean 'my-tool init'?\n");
    run("init --bogus --json", NULL);
    assert_int_equal(got.code, 2);
    assert_non_null(strstr(got.err, "\"code\": \"ERR_USAGE\""));
}

static enum err part(struct cli *cli)
{
    cli_partial(cli);
    if (cli_given(cli, "fast"))
        cli_problems(cli);
    return ERR_OK;
}

static void cli__partial_and_problems_have_codes(void **state)
{
    (void)state;
    run("model check a", part);
    assert_int_equal(got.code, 3);
    run("model check a -f", part);
    assert_int_equal(got.code, 8);
}

static enum err read_level(struct cli *cli)
{
    double real = 0;
    enum err err = cli_real(cli, "level", 1, 0.5, 5, &real);
    if (!err)
        printf("%g\n", real);
    return err;
}

static enum err read_count(struct cli *cli)
{
    int64_t whole = 0;
    enum err err = cli_integer(cli, "level", 7, -3, INT64_MAX, &whole);
    if (!err)
        printf("%lld\n", (long long)whole);
    return err;
}

static void cli__numbers_are_strict_and_limited(void **state)
{
    (void)state;
    const struct {
        enum err (*read)(struct cli *cli);
        const char *line, *out, *err;
    } lines[] = {
        {read_level, "model check a", "1\n", ""},
        {read_level, "model check a -l 5", "5\n", ""},
        {read_level, "model check a -l 5e-1", "0.5\n", ""},
        {read_level, "model check a -l 5.1", "", "--level: 5.1 is not between 0.5 and 5"},
        {read_level, "model check a -l 1x", "", "--level: '1x' is not a number"},
        {read_level, "model check a -l nan", "", "'nan' is not a number"},
        {read_level, "model check a -l inf", "", "'inf' is not a number"},
        {read_level, "model check a -l 0x1", "", "'0x1' is not a number"},
        {read_level, "model check a -l 1e999", "", "'1e999' is a number too large"},
        {read_level, "model check a --level=", "", "'' is not a number"},
        {read_level, "model check a -l 1,5", "", "'1,5' is not a number"},
        {read_count, "model check a", "7\n", ""},
        {read_count, "model check a -l 9223372036854775807", "9223372036854775807\n", ""},
        {read_count, "model check a -l 9223372036854775808", "",
         "is a whole number too large"},
        {read_count, "model check a -l -4", "", "--level: -4 is less than -3"},
        {read_count, "model check a -l 2.0", "", "'2.0' is not a whole number"},
        {read_count, "model check a -l 1e3", "", "'1e3' is not a whole number"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        run(lines[i].line, lines[i].read);
        assert_string_equal(got.out, lines[i].out);
        assert_int_equal(got.code, *lines[i].err ? 2 : 0);
        assert_non_null(strstr(got.err, lines[i].err));
    }
}

static enum err ask_options(struct cli *cli)
{
    printf("%s %s %d\n", cli_text(cli, "level", "none"), cli_text_at(cli, "set", 1),
           (int)cli_repeats(cli, "set"));
    printf("%s %d\n", cli_argument(cli, 0), cli_argument(cli, 1) == NULL);
    return ERR_OK;
}

static void cli__options_and_arguments_are_at_hand(void **state)
{
    (void)state;
    run("model check --set a=1 file --set b=2", ask_options);
    assert_string_equal(got.out, "none b=2 2\nfile 1\n");
}

static void cli__a_result_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY);
    run_to(full, "model check a", say_and_print);
    assert_int_equal(got.code, 1);
    assert_non_null(strstr(got.err, "error: the result could not be written to standard "
                                    "output: No space left on device"));
    run_to(full, "help", NULL);
    assert_int_equal(got.code, 1);
    run_to(full, "model check a --json", say_and_print);
    assert_int_equal(got.code, 1);
    assert_non_null(strstr(got.err, "\"code\": \"ERR_STORAGE\""));
    close(full);
}

/* As `| head` leaves: nothing is said, and a shell sees what it sees of any program. */
static void cli__a_reader_that_left_is_no_news(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    run_to(ends[1], "model check a", say_and_print);
    assert_int_equal(got.code, 141);
    assert_null(strstr(got.err, "error"));
    run_to(ends[1], "model check a --json", say_and_print);
    close(ends[1]);
    assert_int_equal(got.code, 141);
    assert_null(strstr(got.err, "error"));
}

static enum err open_a_file(struct cli *cli)
{
    (void)cli;
    FILE *file = tmpfile(); /* must not become descriptor 1 */
    printf("a result\n");
    fflush(stdout);
    fseek(file, 0, SEEK_END);
    return ftell(file) == 0 ? ERR_OK : err_set(ERR_RANGE, "printed into a file");
}

static void cli__closed_streams_are_not_reused(void **state)
{
    (void)state;
    fflush(NULL);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        char *argv[] = {(char[]){"my-tool"}, (char[]){"init"}};
        deed = open_a_file;
        dup2(ends[1], STDERR_FILENO);
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        exit(cli_main(&table, 2, argv));
    }
    close(ends[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    char said[300] = "";
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    close(ends[0]);
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_non_null(strstr(said, "could not be written"));
}

static enum err interrupted(struct cli *cli)
{
    (void)cli;
    raise(SIGINT);
    return cli_interrupted() ? err_set(ERR_INTERRUPTED, "stopped; 3 rounds are kept")
                             : ERR_OK;
}

static void cli__an_interrupted_command_says_what_is_kept(void **state)
{
    (void)state;
    run("init", interrupted);
    assert_int_equal(got.code, 130);
    assert_string_equal(got.err, "error: stopped; 3 rounds are kept\n");
}

static void cli__help_comes_in_all_forms(void **state)
{
    (void)state;
    const char *same[] = {"help model check", "model check --help", "model check -h",
                          "--help model check"};
    for (size_t i = 0; i < 4; i++) {
        run(same[i], NULL);
        assert_int_equal(got.code, 0);
        assert_non_null(
            strstr(got.out, "usage: my-tool model check FILE... [options]\n"));
    }
    const char *list[] = {"", "help", "--help"};
    for (size_t i = 0; i < 3; i++) {
        run(list[i], NULL);
        assert_int_equal(got.code, 0);
        assert_non_null(strstr(got.out, "usage: my-tool COMMAND"));
    }
    run("model", NULL);
    assert_non_null(strstr(got.out, "usage: my-tool model COMMAND"));
    run("--version", NULL);
    assert_string_equal(got.out, "my-tool " GEMEL_VERSION "\n");
    run("help --man", NULL);
    assert_non_null(strstr(got.out, ".SS model check\n"));
    run("help model --json", NULL);
    assert_non_null(strstr(got.out, "\"words\": \"model show\""));
    run("help --completion bash", NULL);
    assert_non_null(strstr(got.out, "complete -o default -F _my_tool my-tool\n"));
    run("help --complete -- model ch", NULL);
    assert_string_equal(got.out, "check\tcheck a model\n");
    run("help modle", NULL);
    assert_int_equal(got.code, 2);
    assert_non_null(strstr(got.err, "did you mean 'my-tool model check'?"));
    run("help init more", NULL);
    assert_int_equal(got.code, 2);
    assert_non_null(strstr(got.err, "'more' is no word of it"));
}

static enum err style(struct cli *cli)
{
    printf("<%sgood%s %zu>\n", cli_style(cli, CLI_GOOD), cli_style(cli, CLI_PLAIN),
           cli_width(cli));
    return err_set(ERR_STATE, "red");
}

/* Runs it on a terminal of 100 columns and returns all that came there. */
static const char *on_terminal(const char *term, const char *no_colour)
{
    static char said[2000];
    struct winsize window = {.ws_row = 30, .ws_col = 100};
    int terminal;
    deed = style;
    fflush(NULL);
    pid_t child = forkpty(&terminal, NULL, NULL, &window);
    if (child == 0) {
        char *argv[] = {(char[]){"my-tool"}, (char[]){"init"}};
        setenv("TERM", term, 1);
        setenv("NO_COLOR", no_colour, 1);
        exit(cli_main(&table, 2, argv));
    }
    size_t size = 0;
    for (ssize_t more; size < sizeof said - 1 &&
                       (more = read(terminal, said + size, sizeof said - 1 - size)) > 0;)
        size += (size_t)more;
    said[size] = '\0';
    close(terminal);
    waitpid(child, NULL, 0);
    return said;
}

static void cli__colour_is_for_terminals_that_want_it(void **state)
{
    (void)state;
    skip_without_terminals();
    assert_string_equal(on_terminal("xterm", ""), "<\033[32mgood\033[0m 100>\r\n"
                                                  "\033[31merror:\033[0m red\r\n");
    assert_string_equal(on_terminal("xterm", "1"), "<good 100>\r\nerror: red\r\n");
    assert_string_equal(on_terminal("dumb", ""), "<good 100>\r\nerror: red\r\n");
    run("init", style);
    assert_string_equal(got.out, "<good 80>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cli__results_and_talk_keep_apart),
        cmocka_unit_test(cli__asks_before_what_cannot_be_undone),
        cmocka_unit_test(cli__with_json_stdout_has_one_object_and_nothing_else),
        cmocka_unit_test(cli__listens_before_anything_else),
        cmocka_unit_test(cli__errors_have_their_exit_code_and_a_hint),
        cmocka_unit_test(cli__usage_errors_follow_json_too),
        cmocka_unit_test(cli__partial_and_problems_have_codes),
        cmocka_unit_test(cli__numbers_are_strict_and_limited),
        cmocka_unit_test(cli__options_and_arguments_are_at_hand),
        cmocka_unit_test(cli__a_result_that_cannot_be_written_is_a_failure),
        cmocka_unit_test(cli__a_reader_that_left_is_no_news),
        cmocka_unit_test(cli__closed_streams_are_not_reused),
        cmocka_unit_test(cli__an_interrupted_command_says_what_is_kept),
        cmocka_unit_test(cli__colour_is_for_terminals_that_want_it),
        cmocka_unit_test(cli__help_comes_in_all_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
