#ifndef FRONT_ARGUMENTS_H
#define FRONT_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "front/command.h"

/* arguments - a command line, read against the table.
 *
 * Options may stand before or after arguments: --name VALUE, --name=VALUE, -n VALUE,
 * -nVALUE, and flags in a row (-qV). `--` ends them. It prints nothing and runs nothing.
 * Texts point into argv. */

struct arguments {
    const struct cli_program *program;
    const struct cli_command *command; /* NULL: `words` name none, or several */
    char *words;                       /* as far as they led: "model", "model check" */
    const char **texts;                /* what is neither word nor option */
    size_t count;
    struct given {
        const struct cli_option *option;
        const char *value; /* NULL for a flag */
        char *suggested;   /* the same, owned; NULL: it was typed */
    } * given;
    size_t given_count;
};

/* ERR_USAGE with a hint. `arguments` is to be freed in either case, and holds what was
 * read until then. With --help or --version nothing need be complete. */
enum err arguments_read(const struct cli_program *program, int argc, char **argv,
                        struct arguments *arguments);

/* An option that counts unless the same one was typed: a copy is taken. ERR_USAGE for one
 * that the command does not have, or not so. */
enum err arguments_suggest(struct arguments *arguments, const char *option,
                           const char *value);
void arguments_free(struct arguments *arguments);

bool arguments_have(const struct arguments *arguments, const char *option);
size_t arguments_repeats(const struct arguments *arguments, const char *option);
/* NULL past the end. */
const char *arguments_value(const struct arguments *arguments, const char *option,
                            size_t index);

#endif
