#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdio.h>

#include "base/clock.h"

/* log - what the daemons say while they run: one line an event on stderr, `key=value`.
 *
 * Only the programs call it (node/, coordinator/, sim/). It is not the audit trail and
 * not a command's answer. No patient's identifier or value ever goes in: say counts.
 * Under systemd (JOURNAL_STREAM set) lines carry <N> priorities and no time. */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_setup(FILE *stream, enum log_level level, const struct clock *clock);

/* log_event(LOG_LEVEL_INFO, "round.sent", "study=%s round=%u", name, round): values with
 * spaces, quotes or control characters are the caller's to pass through log_quote. */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The last error of this thread as an event: code, sentence and hint, quoted. */
void log_error(enum log_level level, const char *event);

/* Quoted and escaped when it needs to be; at most 500 bytes; caller frees. */
char *log_quote(const char *text);

#endif
