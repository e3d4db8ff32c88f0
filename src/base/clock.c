#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t machine_wall(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec;
}

/* BOOTTIME goes on while the machine sleeps, so a deadline cannot outlive the night in a
 * suspended laptop. */
static uint64_t machine_steady_ms(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const struct clock clock_machine = {machine_wall, machine_steady_ms, NULL};

uint64_t clock_wall(const struct clock *clock)
{
    return clock->wall(clock->context);
}

uint64_t clock_steady_ms(const struct clock *clock)
{
    return clock->steady_ms(clock->context);
}

#define WALL_MAX 253402300799u /* 9999-12-31T23:59:59Z: the last that fits the text */

void clock_text(uint64_t wall, char text[CLOCK_TEXT_SIZE])
{
    time_t seconds = (time_t)(wall < WALL_MAX ? wall : WALL_MAX);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
}
