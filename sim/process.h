#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

/* process - the consortium's programs as children of this one: run to their end, or
 * started and watched.
 *
 * It knows our programs' exit codes and their `error:` and `hint:` lines, and hands a
 * child's refusal on as its own. Programs are looked for beside this one. A child dies
 * with its parent. Called by sim/consortium. */

#define PROCESS_OUTPUT_MAX ((size_t)1 << 20)
#define PROCESS_ARGUMENTS_MAX 40

/* Run `arguments[0]` of `folder` with the rest (NULL at the end) and wait. `output`
 * (may be NULL) is replaced by what it printed. A refusal is the child's own sentence
 * with its name before it, under the code that its exit code stands for. A check that found
 * problems is none: the output says what it found. */
enum err process_run(const char *folder, const char *const *arguments,
                     struct bytes *output);

struct process;

/* Start it; both its streams are appended to the file `log`. */
enum err process_start(const char *folder, const char *const *arguments, const char *log,
                       struct process **process);

/* Has it ended? A refusal as in process_run, its sentence read from the log. */
enum err process_poll(struct process *process, bool *ended);

/* SIGTERM, five seconds, SIGKILL; and forget. NULL is fine. */
void process_stop(struct process **process);

#endif
