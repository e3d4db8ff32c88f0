#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* clock - time as an argument: the machine's, or a test's.
 *
 * Whoever decides by time takes a `const struct clock *`, so that a whole consortium can run
 * under a virtual clock. Wall time may jump; deadlines are kept on the steady one. */

struct clock {
    uint64_t (*wall)(void *context);      /* Unix seconds */
    uint64_t (*steady_ms)(void *context); /* milliseconds that never go back */
    void *context;
};

extern const struct clock clock_machine;

uint64_t clock_wall(const struct clock *clock);
uint64_t clock_steady_ms(const struct clock *clock);

/* "2026-11-24T21:03:00Z" */
#define CLOCK_TEXT_SIZE 21
void clock_text(uint64_t wall, char text[CLOCK_TEXT_SIZE]);

#endif
