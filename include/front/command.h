#ifndef FRONT_COMMAND_H
#define FRONT_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* command - the table of a program's commands, and how to look things up in it.
 *
 * One table is behind parsing, help, completion and man pages, so they cannot disagree.
 * Every program also has the command `help`, and every command the options --help,
 * --version,
 * --json, --quiet and -C DIR, without saying so. Nothing here is owned or changed: tables
 * are constants of the programs. */

struct cli;

struct cli_option {
    const char *name;  /* "hospitals" for --hospitals */
    char letter;       /* 'o' for -o; 0: none */
    const char *value; /* "FILE", "N"; NULL: a flag */
    const char *help;  /* one line; states the preset */
    bool required, repeated;
};

struct cli_command {
    const char *words; /* "model check", "init" */
    const char
        *arguments;      /* "FILE", "[ID]...", "FILE OUT": upper-case words, optional ones
                            in brackets, a repeated last one with dots; "" for none */
    const char *summary; /* one line */
    const char *text;    /* paragraphs for help and the man page */
    const char *examples; /* lines as typed, without the prompt; a test runs them */
    const struct cli_option *options;
    size_t option_count;
    enum err (*run)(struct cli *cli);
};

struct cli_program {
    const char *name, *summary;
    const struct cli_command *commands;
    size_t command_count;
};

/* ERR_USAGE with the fault of a table that could not be used: two commands or options of
 * one name, an argument list that does not parse, a missing sentence. Programs' tests
 * call it. */
enum err command_check(const struct cli_program *program);

/* --- looking up, `help` and the options of every command included
 * ---------------------------- */

extern const struct cli_command command_help;

size_t command_count(const struct cli_program *program);
const struct cli_command *command_at(const struct cli_program *program, size_t index);
/* The command of exactly these words; NULL: none. */
const struct cli_command *command_find(const struct cli_program *program,
                                       const char *words);
/* Do `words` begin the words of a longer command? "" does. */
bool command_opens(const struct cli_program *program, const char *words);

/* Of one command: its own options first. `command` NULL: the common ones alone. */
size_t command_option_count(const struct cli_command *command);
const struct cli_option *command_option_at(const struct cli_command *command,
                                           size_t index);
const struct cli_option *command_option(const struct cli_command *command,
                                        const char *name);
const struct cli_option *command_option_letter(const struct cli_command *command,
                                               char letter);

/* How many arguments it takes; `most` is SIZE_MAX for a repeated last one. */
void command_arguments(const struct cli_command *command, size_t *least, size_t *most);
/* The index-th word of the argument list without brackets and dots, the repeated last one
 * for any further index; size 0: past the end. */
const char *command_argument(const struct cli_command *command, size_t index,
                             size_t *size);

/* Which of `names` was meant by `typed`: one that it begins, or base/spelling's nearest.
 * NULL: none is near. */
const char *command_nearest(const char *typed, const char *const *names, size_t count);

#endif
