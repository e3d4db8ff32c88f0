#ifndef FRONT_CLI_H
#define FRONT_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/err.h"
#include "front/command.h"
#include "front/json.h"
#include "front/plot.h"

/* cli - what a program's main calls, and what its running command asks and says.
 *
 * The table of front/command.h goes in; parsing, help, completion, man pages, errors and
 * exit codes come out. Results go to stdout, talk to stderr; `error:` and `hint:` come
 * from base/err. With --json the result is one JSON object on stdout and an error one on
 * stderr,
 * {"error": {"code", "message", "hint"}}; talk is then kept to a terminal, so that a
 * captured stderr holds nothing else. It knows no command of ours. */

struct cli;

/* Parse, run, print the error if any, return the exit code of docs/formats.md "Exit
 * codes": 0 done, 1 failed, 2 usage, 3 done in part, 4 not found, 5 refused by policy or
 * budget, 6 verification failed, 7 peer not reachable, 8 checks found problems, 9
 * configuration, 10 not initialised, 11 locked by another process, 12 wrong key, 130
 * interrupted. A result that cannot be written (full disk, closed pipe) is a failure.
 * Call it once a process. */
int cli_main(const struct cli_program *program, int argc, char **argv);

/* --- what a running command asks
 * ---------------------------------------------------------- */

size_t cli_arguments(const struct cli *cli);
const char *cli_argument(const struct cli *cli, size_t index); /* NULL past the end */

bool cli_given(const struct cli *cli, const char *option);
const char *cli_text(const struct cli *cli, const char *option, const char *preset);
size_t cli_repeats(const struct cli *cli, const char *option);
const char *cli_text_at(const struct cli *cli, const char *option, size_t index);
/* Strict numbers, limits included; ERR_USAGE names option, value and limits. Asking for
 * an option that the command does not have is a bug and aborts. */
enum err cli_real(const struct cli *cli, const char *option, double preset, double low,
                  double high, double *value);
enum err cli_integer(const struct cli *cli, const char *option, int64_t preset,
                     int64_t low, int64_t high, int64_t *value);

/* An option that counts unless the same one was typed, as if it had been: from a file, say,
 * that suggests it. A copy is taken. ERR_USAGE for one that the command does not have. */
enum err cli_suggest(struct cli *cli, const char *option, const char *value);

const char *cli_directory(const struct cli *cli); /* -C DIR; "." */
uint32_t cli_user(const struct cli *cli); /* of the machine, in whose name it runs */

/* --- one process for another
 * ------------------------------------------------------------------ */

/* The command line as it was typed, without the program's name; owned by the cli. */
size_t cli_line(const struct cli *cli, char *const **words);

/* Whether `user` may run the command of these words, with a value to these of its options
 * (their names, a space behind each); an error says why not. */
typedef enum err cli_permit(void *context, const char *words, const char *options,
                            uint32_t user);

/* While a command of the same program runs: run another one, of this line, for somebody
 * else. Gives one JSON object, {"exit", "result", "files", "error"} where the line has
 * --json, else with what the command printed and said, {"exit", "text", "said", "files",
 * "error"}; caller frees. */
char *cli_answer(const struct cli *running, char *const *words, size_t count,
                 uint32_t user, cli_permit *permit, void *context);

/* Take such an answer as one's own: what was printed and said, error, exit code, and files
 * for cli_write_files. The result, if there is one, is the caller's to show. */
enum err cli_take_answer(struct cli *cli, const char *answer, size_t size,
                         struct json **result);
bool cli_is_json(const struct cli *cli);

/* Somebody at the terminal has to type `expected` (any case) before what cannot be undone
 * is done; `question` says what that is. ERR_INTERRUPTED for any other answer. ERR_USAGE
 * where nobody can be asked: the command then wants an option instead. */
enum err cli_ask(struct cli *cli, const char *question, const char *expected);

/* --- what it says
 * --------------------------------------------------------------------------- */

/* The result of the command in JSON mode: printed once, at the end; takes it. A command
 * that sets none has an empty object; whatever else it prints is dropped. In text mode
 * the object is dropped: print with printf. */
void cli_result(struct cli *cli, struct json *result);

/* A file that the command makes: under the name given with `option`, and this ending of
 * it ("" or as ".sig"). Takes the bytes. At most CLI_FILES_MAX. */
#define CLI_FILES_MAX 4
void cli_file(struct cli *cli, const char *option, const char *ending,
              struct bytes *bytes);

/* Write them, all or none (file_write_all, mode 0600); one whose option is not given to
 * stdout, but not with --json. Run for another process, nothing is written here: that
 * process does it, by the names on its own line and with its own rights. */
enum err cli_write_files(struct cli *cli);

/* Talk on stderr; silent with --quiet. */
void cli_say(struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Done in part: exit code 3 (some records rejected); problems found: 8. */
void cli_partial(struct cli *cli);
void cli_problems(struct cli *cli);

/* A bar on a terminal (after 1 s, 10 Hz), a line every 30 s elsewhere, nothing with
 * --quiet; label is a few words; done == total ends it. Call it as often as you like. */
void cli_progress(struct cli *cli, const char *label, uint64_t done, uint64_t total);

/* Ctrl-C or SIGTERM: true from the first on (the second ends the process). Long work asks
 * and returns err_set(ERR_INTERRUPTED, ...) saying what was kept. The descriptor becomes
 * readable at the same time and stays so: poll it, do not read it. */
bool cli_interrupted(void);
int cli_interrupt_fd(void);

/* Styling of stdout, empty strings where colour is off (no terminal, NO_COLOR,
 * TERM=dumb). Never the only sign of anything: add a word. */
enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_GOOD, CLI_BAD };
const char *cli_style(const struct cli *cli, enum cli_style style);
size_t
cli_width(const struct cli *cli); /* columns of stdout; 80 where it is no terminal */

/* A picture on stdout, as wide as that is. */
void cli_sketch(const struct cli *cli, const struct plot *plot);

#endif
