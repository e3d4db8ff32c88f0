#ifndef FRONT_TERMINAL_H
#define FRONT_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* terminal - what a stream can show, and a progress line on it.
 *
 * Time is an argument, so that a test can let it pass. */

struct terminal {
    bool is_terminal; /* and we are in its foreground */
    bool colour, unicode;
    size_t width; /* 80 where there is no terminal */
};

struct terminal terminal_of(int descriptor);

/* Progress of one piece of work after the other. {0} is a valid start. */
struct progress {
    FILE *stream;
    struct terminal terminal;
    char label[41];
    bool running, shown; /* work has begun; something of it was printed */
    bool drawn;          /* a bar stands on the terminal's last line */
    uint64_t began_ms, printed_ms, first_done;
};

#define PROGRESS_BAR_AFTER_MS 1000
#define PROGRESS_BAR_EVERY_MS 100
#define PROGRESS_LINE_EVERY_MS 30000

/* `total` 0: not known. done == total ends the work, with a line when any was shown. */
void progress_move(struct progress *progress, uint64_t now_ms, const char *label,
                   uint64_t done, uint64_t total);
/* Take the bar off the screen before something else is printed. */
void progress_clear(struct progress *progress);

#endif
