#ifndef FRONT_MANUAL_H
#define FRONT_MANUAL_H

#include <stdio.h>

#include "front/command.h"
#include "front/json.h"

/* manual - the table in words: help on a terminal, a page for man, an object for
 * programs. */

/* `words`: of a command, or "" or "model" for a list of the commands that they begin. */
void manual_help(FILE *out, const struct cli_program *program, const char *words,
                 size_t width);
void manual_page(FILE *out, const struct cli_program *program, const char *words);
struct json *manual_json(const struct cli_program *program, const char *words);

#endif
