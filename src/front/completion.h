#ifndef FRONT_COMPLETION_H
#define FRONT_COMPLETION_H

#include <stddef.h>
#include <stdio.h>

#include "front/command.h"

/* completion - a few lines for the shell, which ask the program itself what could follow.
 */

/* ERR_USAGE for a shell other than bash, zsh and fish. */
enum err completion_script(FILE *out, const struct cli_program *program,
                           const char *shell);

/* Candidates for the last of `words` (the line after the program's name; it may be ""),
 * one a line, with a tab and a sentence. None where a file name or a free value is
 * expected. */
void completion_candidates(FILE *out, const struct cli_program *program, size_t count,
                           const char *const *words);

#endif
