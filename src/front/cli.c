#include "front/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arguments.h"
#include "completion.h"
#include "interrupt.h"
#include "manual.h"
#include "terminal.h"

#include "base/clock.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/memory.h"
#include "front/sketch.h"

struct cli {
    const struct cli_program *program;
    struct arguments arguments;
    char *const *line; /* [line_count] as typed, without the program's name */
    size_t line_count;
    uint32_t user;
    struct json *result;
    struct terminal out;
    struct progress progress; /* its stream and terminal are those of all talk */
    bool json, silent;
    bool partial, problems;
    FILE *said; /* where talk goes while another process is answered; else NULL */
    struct cli_made {
        char *option, *ending;
        struct bytes bytes;
    } files[CLI_FILES_MAX];
    size_t file_count;
};

enum {
    EXIT_USAGE = 2,
    EXIT_PARTIAL = 3,
    EXIT_PROBLEMS = 8,
    EXIT_READER_LEFT = 141, /* as a shell has it of who dies of SIGPIPE */
};

static int exit_code(enum err err)
{
    switch (err) {
    case ERR_OK:
        return EXIT_SUCCESS;
    case ERR_USAGE:
        return EXIT_USAGE;
    case ERR_NOT_FOUND:
        return 4;
    case ERR_DENIED:
        return 5;
    case ERR_VERIFY:
        return 6;
    case ERR_GONE:
        return 7;
    case ERR_CONFIG:
        return 9;
    case ERR_UNINITIALISED:
        return 10;
    case ERR_LOCKED:
        return 11;
    case ERR_KEY:
        return 12;
    case ERR_INTERRUPTED:
        return 130;
    case ERR_RANGE:
    case ERR_FORMAT:
    case ERR_STATE:
    case ERR_STORAGE:
    case ERR_NUMERIC:
        break;
    }
    return EXIT_FAILURE;
}

/* --- what a running command asks
 * -------------------------------------------------------------- */

size_t cli_arguments(const struct cli *cli)
{
    return cli->arguments.count;
}

const char *cli_argument(const struct cli *cli, size_t index)
{
    return index < cli->arguments.count ? cli->arguments.texts[index] : NULL;
}

/* An option outside the command's table is a bug of the program. */
static const char *value_of(const struct cli *cli, const char *option, size_t index)
{
    if (!command_option(cli->arguments.command, option))
        abort();
    return arguments_value(&cli->arguments, option, index);
}

bool cli_given(const struct cli *cli, const char *option)
{
    return cli_repeats(cli, option) > 0;
}

const char *cli_text(const struct cli *cli, const char *option, const char *preset)
{
    const char *value = value_of(cli, option, 0);
    return value ? value : preset;
}

size_t cli_repeats(const struct cli *cli, const char *option)
{
    (void)value_of(cli, option, 0);
    return arguments_repeats(&cli->arguments, option);
}

const char *cli_text_at(const struct cli *cli, const char *option, size_t index)
{
    return value_of(cli, option, index);
}

enum err cli_suggest(struct cli *cli, const char *option, const char *value)
{
    return arguments_suggest(&cli->arguments, option, value);
}

static enum err out_of_range(const char *option, const char *value, const char *low,
                             const char *high)
{
    if (!*low)
        return err_set(ERR_USAGE, "--%s: %s is more than %s", option, value, high);
    if (!*high)
        return err_set(ERR_USAGE, "--%s: %s is less than %s", option, value, low);
    return err_set(ERR_USAGE, "--%s: %s is not between %s and %s", option, value, low,
                   high);
}

enum err cli_real(const struct cli *cli, const char *option, double preset, double low,
                  double high, double *value)
{
    const char *text = value_of(cli, option, 0);
    if (!text) {
        *value = preset;
        return ERR_OK;
    }
    double real;
    if (csv_real(text, &real))
        return err_set(ERR_USAGE, "--%s: '%s' is %s", option, text, err_text());
    if (real < low || real > high) {
        char low_text[32] = "", high_text[32] = "";
        if (isfinite(low))
            snprintf(low_text, sizeof low_text, "%.15g", low);
        if (isfinite(high))
            snprintf(high_text, sizeof high_text, "%.15g", high);
        return out_of_range(option, text, low_text, high_text);
    }
    *value = real;
    return ERR_OK;
}

enum err cli_integer(const struct cli *cli, const char *option, int64_t preset,
                     int64_t low, int64_t high, int64_t *value)
{
    const char *text = value_of(cli, option, 0);
    if (!text) {
        *value = preset;
        return ERR_OK;
    }
    long long whole;
    if (csv_integer(text, &whole))
        return err_set(ERR_USAGE, "--%s: '%s' is %s", option, text, err_text());
    if (whole < low || whole > high) {
        char low_text[32] = "", high_text[32] = "";
        if (low != INT64_MIN)
            snprintf(low_text, sizeof low_text, "%lld", (long long)low);
        if (high != INT64_MAX)
            snprintf(high_text, sizeof high_text, "%lld", (long long)high);
        return out_of_range(option, text, low_text, high_text);
    }
    *value = whole;
    return ERR_OK;
}

const char *cli_directory(const struct cli *cli)
{
    return cli_text(cli, "directory", ".");
}

bool cli_is_json(const struct cli *cli)
{
    return cli->json;
}

uint32_t cli_user(const struct cli *cli)
{
    return cli->user;
}

size_t cli_line(const struct cli *cli, char *const **words)
{
    *words = cli->line;
    return cli->line_count;
}

#define SKETCH_ROWS 20
#define ANSWER_BYTES_MAX 256

enum err cli_ask(struct cli *cli, const char *question, const char *expected)
{
    char answer[ANSWER_BYTES_MAX];
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return err_set(ERR_USAGE, "there is no terminal at which to ask");
    progress_clear(&cli->progress);
    fprintf(stderr, "%s ", question);
    if (!fgets(answer, sizeof answer, stdin))
        *answer = '\0';
    answer[strcspn(answer, "\r\n")] = '\0';
    if (strcasecmp(answer, expected) == 0)
        return ERR_OK;
    return err_set(ERR_INTERRUPTED, "not confirmed; nothing was changed");
}

/* --- what it says
 * ------------------------------------------------------------------------------- */

void cli_result(struct cli *cli, struct json *result)
{
    json_destroy(&cli->result);
    cli->result = result;
}

void cli_say(struct cli *cli, const char *format, ...)
{
    FILE *talk = cli->said ? cli->said : stderr;
    if (cli->silent && !cli->said)
        return;
    progress_clear(&cli->progress);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(talk, format, arguments);
    va_end(arguments);
    fputc('\n', talk);
}

void cli_partial(struct cli *cli)
{
    cli->partial = true;
}

void cli_problems(struct cli *cli)
{
    cli->problems = true;
}

void cli_progress(struct cli *cli, const char *label, uint64_t done, uint64_t total)
{
    if (cli->silent)
        return;
    progress_move(&cli->progress, clock_steady_ms(&clock_machine), label, done, total);
}

bool cli_interrupted(void)
{
    return interrupt_came();
}

int cli_interrupt_fd(void)
{
    return interrupt_descriptor();
}

static const char *style_code(bool colour, enum cli_style style)
{
    static const char *const codes[] = {"\033[0m", "\033[1m", "\033[2m", "\033[32m",
                                        "\033[31m"};
    return colour ? codes[style] : "";
}

const char *cli_style(const struct cli *cli, enum cli_style style)
{
    return style_code(cli->out.colour, style);
}

size_t cli_width(const struct cli *cli)
{
    return cli->out.width;
}

/* --- the command that every program has
 * --------------------------------------------------------- */

static void explain(struct cli *cli, const char *words)
{
    if (cli->json)
        cli_result(cli, manual_json(cli->program, words));
    else if (arguments_have(&cli->arguments, "man"))
        manual_page(stdout, cli->program, words);
    else
        manual_help(stdout, cli->program, words, cli->out.width);
}

/* What a shell asks for: on stdout as it is, or as one text of an object. */
static enum err complete(struct cli *cli, const char *shell)
{
    const struct arguments *arguments = &cli->arguments;
    char *text = NULL;
    size_t size;
    FILE *out = cli->json ? open_memstream(&text, &size) : stdout;
    enum err err = ERR_OK;
    if (!out)
        abort();
    if (shell)
        err = completion_script(out, cli->program, shell);
    else
        completion_candidates(out, cli->program, arguments->count, arguments->texts);
    if (cli->json) {
        struct json *result = json_new_object();
        fclose(out);
        json_set_text(result, "completion", text);
        cli_result(cli, result);
        free(text);
    }
    return err;
}

static enum err run_help(struct cli *cli)
{
    const struct arguments *arguments = &cli->arguments;
    const char *shell = cli_text(cli, "completion", NULL);
    if (shell || cli_given(cli, "complete"))
        return complete(cli, cli_given(cli, "complete") ? NULL : shell);
    /* The words are read as if they were typed with --help, so that near misses are
     * named. */
    char **argv = mem_new(arguments->count + 3, sizeof *argv);
    argv[0] = mem_text(cli->program->name);
    for (size_t i = 0; i < arguments->count; i++)
        argv[i + 1] = mem_text(arguments->texts[i]);
    argv[arguments->count + 1] = mem_text("--help");
    struct arguments meant;
    enum err err = arguments_read(cli->program, (int)arguments->count + 2, argv, &meant);
    if (!err && meant.count)
        err = err_set(ERR_USAGE, "'%s' is a whole command; '%s' is no word of it",
                      meant.words, meant.texts[0]);
    if (!err)
        explain(cli, meant.words);
    for (size_t i = 0; i < arguments->count + 2; i++)
        mem_free(argv[i]);
    mem_free(argv);
    arguments_free(&meant);
    return err;
}

static void print_version(struct cli *cli)
{
    if (cli->json) {
        struct json *result = json_new_object();
        json_set_text(result, "program", cli->program->name);
        json_set_text(result, "version", GEMEL_VERSION);
        cli_result(cli, result);
    } else {
        printf("%s %s\n", cli->program->name, GEMEL_VERSION);
    }
}

/* --- from the command line to the exit code
 * ------------------------------------------------------- */

static struct json *error_json(enum err err)
{
    struct json *inside = json_new_object();
    json_set_text(inside, "code", err_name(err));
    json_set_text(inside, "message", err_text());
    json_set_text(inside, "hint", *err_hint_text() ? err_hint_text() : NULL);
    return inside;
}

static void print_error(struct cli *cli, enum err err)
{
    progress_clear(&cli->progress);
    if (cli->json) {
        struct json *object = json_new_object();
        json_set(object, "error", error_json(err));
        json_print(object, stderr);
        json_destroy(&object);
        return;
    }
    bool colour = cli->progress.terminal.colour;
    fprintf(stderr, "%serror:%s %s\n", style_code(colour, CLI_BAD),
            style_code(colour, CLI_PLAIN), err_text());
    if (*err_hint_text())
        fprintf(stderr, "%shint:%s %s\n", style_code(colour, CLI_BOLD),
                style_code(colour, CLI_PLAIN), err_hint_text());
}

/* A file that is opened while 0, 1 or 2 is free would take its place, and what is printed
 * would end in it: hold the places, with descriptors that refuse. A closed pipe is an
 * error of the write, not the end of the process. */
static void prepare_streams(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i <= STDERR_FILENO; i++) {
        if (fcntl(i, F_GETFD) < 0 &&
            open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY) != i)
            abort();
    }
}

/* Whether errors are one object must be known even when the line cannot be read. */
static bool asks_for_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

static enum err run(struct cli *cli, int argc, char **argv)
{
    enum err err = command_check(cli->program);
    if (err)
        return err;
    err = arguments_read(cli->program, argc, argv, &cli->arguments);
    if (err)
        return err;
    struct arguments *arguments = &cli->arguments;
    bool quiet = arguments_have(arguments, "quiet");
    cli->silent = quiet || (cli->json && !cli->progress.terminal.is_terminal);
    if (arguments_have(arguments, "version")) {
        print_version(cli);
        return ERR_OK;
    }
    if (!arguments->command || arguments_have(arguments, "help")) {
        explain(cli, arguments->words);
        return ERR_OK;
    }
    if (!cli->silent && cli->progress.terminal.is_terminal)
        interrupt_say();
    return arguments->command == &command_help ? run_help(cli)
                                               : arguments->command->run(cli);
}

/* What is printed from now on goes to `instead`, which is closed, until show_stdout. */
static int turn_stdout(int instead)
{
    int kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    fflush(stdout);
    if (kept < 0 || instead < 0 || dup2(instead, STDOUT_FILENO) < 0)
        abort(); /* not two descriptors left */
    close(instead);
    return kept;
}

/* While a command runs with --json, what it prints goes nowhere: stdout has the object
 * and nothing else, whatever a command forgets. */
static int hide_stdout(void)
{
    return turn_stdout(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

/* Into memory: to be read from the descriptor. */
static int catch_stdout(int *caught)
{
    int memory = memfd_create("stdout", MFD_CLOEXEC);
    *caught = memory < 0 ? -1 : fcntl(memory, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return turn_stdout(memory);
}

static void read_caught(int caught, struct bytes *text)
{
    off_t size = lseek(caught, 0, SEEK_END);
    for (off_t at = 0; at < size;) {
        uint8_t some[65536];
        ssize_t got = pread(caught, some, sizeof some, at);
        if (got <= 0)
            break;
        bytes_append(text, some, (size_t)got);
        at += got;
    }
    bytes_u8(text, '\0');
    close(caught);
}

static void show_stdout(int kept)
{
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
}

static void print_result(struct cli *cli)
{
    if (!cli->result)
        cli->result = json_new_object();
    json_print(cli->result, stdout);
}

/* Everything printed so far has reached its file, or says why not. */
static enum err flush_result(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return ERR_OK;
    return err_set(ERR_STORAGE, "the result could not be written to standard output: %s",
                   errno ? strerror(errno) : "an earlier write failed");
}

/* Whoever read what is printed has had enough, as `| head` has: no news, and no failure
 * that anybody has to see to. */
static bool reader_left(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

static int code_of(const struct cli *cli, enum err err)
{
    int code = exit_code(err);
    if (!code && (cli->partial || cli->problems))
        code = cli->problems ? EXIT_PROBLEMS : EXIT_PARTIAL;
    return code;
}

/* --- files
 * ----------------------------------------------------------------------------------------
 */

void cli_file(struct cli *cli, const char *option, const char *ending,
              struct bytes *bytes)
{
    if (cli->file_count == CLI_FILES_MAX)
        abort();
    cli->files[cli->file_count++] =
        (struct cli_made){mem_text(option), mem_text(ending), *bytes};
    *bytes = (struct bytes){0};
}

static void free_files(struct cli *cli)
{
    for (size_t i = 0; i < cli->file_count; i++) {
        bytes_free(&cli->files[i].bytes);
        mem_free(cli->files[i].option);
        mem_free(cli->files[i].ending);
    }
    cli->file_count = 0;
}

static enum err write_named(const struct cli_made *files, char *const *paths,
                            size_t count)
{
    struct file_content contents[CLI_FILES_MAX];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++)
            if (strcmp(paths[i], paths[j]) == 0)
                return err_set(ERR_USAGE, "two files would be written to %s", paths[i]);
        contents[i] =
            (struct file_content){paths[i], files[i].bytes.data, files[i].bytes.size};
    }
    return file_write_all(contents, count, 0600);
}

enum err cli_write_files(struct cli *cli)
{
    struct cli_made named[CLI_FILES_MAX];
    char *paths[CLI_FILES_MAX];
    size_t count = 0;
    if (cli->said)
        return ERR_OK;
    for (size_t i = 0; i < cli->file_count; i++) {
        const struct cli_made *file = &cli->files[i];
        const char *path = cli_text(cli, file->option, NULL);
        if (path) {
            paths[count] = mem_format("%s%s", path, file->ending);
            named[count++] = *file;
        } else if (!cli->json) {
            fwrite(file->bytes.data, 1, file->bytes.size, stdout);
        }
    }
    enum err err = count ? write_named(named, paths, count) : ERR_OK;
    for (size_t i = 0; i < count; i++)
        mem_free(paths[i]);
    free_files(cli);
    return err;
}

/* The files of an answer, in hexadecimal digits; takes what was made. */
static struct json *files_json(struct cli *cli)
{
    struct json *list = json_new_array();
    for (size_t i = 0; i < cli->file_count; i++) {
        const struct cli_made *file = &cli->files[i];
        struct json *json = json_new_object();
        char *digits = mem_new(2 * file->bytes.size + 1, 1);
        bytes_to_hex(file->bytes.data, file->bytes.size, digits);
        json_set_text(json, "option", file->option);
        json_set_text(json, "ending", file->ending);
        json_set_text(json, "bytes", digits);
        json_add(list, json);
        mem_free(digits);
    }
    free_files(cli);
    return list;
}

/* The command's option of this name whose value is a file's; NULL: it has none. */
static const struct cli_option *file_option(const struct cli *cli, const char *name)
{
    const struct cli_command *command = cli->arguments.command;
    for (size_t i = 0; name && i < command->option_count; i++)
        if (command->options[i].value && strcmp(command->options[i].value, "FILE") == 0 &&
            strcmp(command->options[i].name, name) == 0)
            return &command->options[i];
    return NULL;
}

/* What stands behind a name that was typed, whoever answers: an ending of letters. */
static bool is_ending(const char *ending)
{
    return ending && (!*ending || (*ending == '.' && strlen(ending) <= 8 &&
                                   strspn(ending + 1, "abcdefghijklmnopqrstuvwxyz") ==
                                       strlen(ending + 1)));
}

static enum err take_file(struct cli *cli, const struct json *json)
{
    const char *name = json_get_text(json, "option"),
               *ending = json_get_text(json, "ending"),
               *digits = json_get_text(json, "bytes");
    const struct cli_option *option = file_option(cli, name);
    if (!option || !is_ending(ending) || !digits || cli->file_count == CLI_FILES_MAX)
        return err_set(ERR_FORMAT, "the daemon's answer has a file nobody asked for");
    struct bytes bytes = {0};
    size_t size = strlen(digits) / 2;
    bytes_reserve(&bytes, size + 1);
    enum err err = bytes_from_hex(digits, bytes.data, size);
    bytes.size = size;
    if (err == ERR_OK)
        cli_file(cli, option->name, ending, &bytes);
    bytes_free(&bytes);
    return err;
}

/* --- one process for another
 * ---------------------------------------------------------------------- */

/* The command's own options that were given a value. */
static void given_values(const struct arguments *arguments, struct bytes *names)
{
    const struct cli_command *command = arguments->command;
    for (size_t i = 0; command && i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        if (!option->value || !arguments_have(arguments, option->name))
            continue;
        bytes_append(names, option->name, strlen(option->name));
        bytes_u8(names, ' ');
    }
    bytes_u8(names, '\0');
}

static enum err run_for(struct cli *cli, char **argv, cli_permit *permit, void *context)
{
    struct arguments *arguments = &cli->arguments;
    enum err err =
        arguments_read(cli->program, (int)cli->line_count + 1, argv, arguments);
    if (!err &&
        (!arguments->command || arguments->command == &command_help ||
         arguments_have(arguments, "help") || arguments_have(arguments, "version")))
        err = err_set(ERR_USAGE, "that is no command to be run for others");
    struct bytes options = {0};
    given_values(arguments, &options);
    if (!err)
        err = permit(context, arguments->words, (const char *)options.data, cli->user);
    bytes_free(&options);
    return err ? err : arguments->command->run(cli);
}

/* What came of it: with --json the object, else what was printed and said. */
static struct json *answer_of(struct cli *cli, enum err err, const char *printed,
                              const char *said)
{
    struct json *answer = json_new_object();
    json_set_integer(answer, "exit", code_of(cli, err));
    if (err)
        json_set(answer, "error", error_json(err));
    if (!cli->json) {
        json_set_text(answer, "text", printed);
        json_set_text(answer, "said", said);
    } else if (!err) {
        json_set(answer, "result", cli->result ? cli->result : json_new_object());
        cli->result = NULL;
    }
    if (!err && cli->file_count)
        json_set(answer, "files", files_json(cli));
    return answer;
}

char *cli_answer(const struct cli *running, char *const *words, size_t count,
                 uint32_t user, cli_permit *permit, void *context)
{
    char **argv = mem_new(count + 2, sizeof *argv);
    struct bytes printed = {0};
    char *said;
    size_t said_size;
    int caught;
    argv[0] = (char *)running->program->name;
    for (size_t i = 0; i < count; i++)
        argv[i + 1] = words[i];
    struct cli cli = {.program = running->program,
                      .line = words,
                      .line_count = count,
                      .user = user,
                      .json = asks_for_json((int)count + 1, argv),
                      .silent = true,
                      .said = open_memstream(&said, &said_size),
                      .out = {.width = running->out.width}};
    cli.progress.stream = stderr;
    int kept = catch_stdout(&caught);
    enum err err = run_for(&cli, argv, permit, context);
    show_stdout(kept);
    read_caught(caught, &printed);
    fclose(cli.said);
    struct json *answer = answer_of(&cli, err, (const char *)printed.data, said);
    char *text = json_format(answer);
    json_destroy(&answer);
    json_destroy(&cli.result);
    free_files(&cli);
    bytes_wipe(printed.data, printed.size);
    bytes_free(&printed);
    free(said);
    arguments_free(&cli.arguments);
    mem_free(argv);
    return text;
}

static enum err take_error(const struct json *error)
{
    const char *code = json_get_text(error, "code"), *hint = json_get_text(error, "hint");
    const char *message = json_get_text(error, "message");
    enum err err = ERR_STATE;
    for (int i = ERR_OK + 1; code && i <= ERR_INTERRUPTED; i++)
        if (strcmp(code, err_name((enum err)i)) == 0)
            err = (enum err)i;
    err_set(err, "%s", message ? message : "the daemon refused");
    return hint ? err_hint("%s", hint) : err;
}

/* What the command printed and said, as if it had done so here. */
static void take_text(struct cli *cli, const struct json *answer)
{
    const char *text = json_get_text(answer, "text"),
               *said = json_get_text(answer, "said");
    if (text)
        fputs(text, stdout);
    fflush(stdout); /* before the talk, wherever that goes */
    if (said && *said && !cli->silent)
        fputs(said, stderr);
}

enum err cli_take_answer(struct cli *cli, const char *answer, size_t size,
                         struct json **result)
{
    struct json *whole;
    if (json_parse(answer, size, &whole) != ERR_OK)
        return err_wrap("the daemon's answer");
    const struct json *error = json_get(whole, "error"), *own = json_get(whole, "result");
    *result = NULL;
    take_text(cli, whole);
    enum err err = error ? take_error(error) : ERR_OK;
    if (!err && !own && !json_get(whole, "text"))
        err = err_set(ERR_FORMAT,
                      "the daemon's answer has neither result nor text nor error");
    const struct json *files = json_get(whole, "files");
    for (size_t i = 0; !err && i < json_count(files); i++)
        err = take_file(cli, json_at(files, i));
    if (!err) {
        double code = json_get_real(whole, "exit");
        cli->partial |= code == EXIT_PARTIAL;
        cli->problems |= code == EXIT_PROBLEMS;
    }
    if (!err && own) {
        char *text = json_format(own);
        err = json_parse(text, strlen(text), result);
        free(text);
    }
    json_destroy(&whole);
    return err;
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
    mem_keep_private();
    prepare_streams();
    interrupt_watch(); /* before anything that takes time: who stops us early is heard */
    struct cli cli = {.program = program,
                      .line = argv + 1,
                      .line_count = argc > 0 ? (size_t)argc - 1 : 0,
                      .user = (uint32_t)getuid(),
                      .json = asks_for_json(argc, argv),
                      .out = terminal_of(STDOUT_FILENO)};
    cli.progress.stream = stderr;
    cli.progress.terminal = terminal_of(STDERR_FILENO);
    int kept = cli.json ? hide_stdout() : -1;
    enum err err = run(&cli, argc, argv);
    progress_clear(&cli.progress);
    if (cli.json)
        show_stdout(kept);
    if (!err && cli.json)
        print_result(&cli);
    enum err flushed = err ? ERR_OK : flush_result();
    fflush(stdout); /* what was printed comes before what went wrong */
    bool left = flushed && reader_left();
    if ((err || flushed) && !left)
        print_error(&cli, err ? err : flushed);
    int code = left ? EXIT_READER_LEFT : code_of(&cli, err ? err : flushed);
    free_files(&cli);
    json_destroy(&cli.result);
    arguments_free(&cli.arguments);
    return code;
}

void cli_sketch(const struct cli *cli, const struct plot *plot)
{
    struct sketch_paper paper = {cli_width(cli), SKETCH_ROWS, cli->out.unicode,
                                 *cli_style(cli, CLI_BOLD) != '\0'};
    char *text = sketch_plot(plot, &paper);
    fputs(text, stdout);
    free(text);
}
