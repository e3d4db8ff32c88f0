#ifndef SIM_TALLIED_H
#define SIM_TALLIED_H

#include <stdbool.h>
#include <stddef.h>

/* tallied - what is counted at one station of sim/queue: integrals over time, how long
 * was waited, who was turned away; and the measures of them.
 *
 * Memory does not grow with time: waits go into bins 1 % wide (0.0001 h and up), numbers
 * present into bins of one (from 1,023 on, one bin). What happens before `begin` does not
 * count. Called by sim/queue. */

enum tallied_measure {
    TALLIED_ARRIVALS,  /* from outside and from other stations, a day */
    TALLIED_TURNED,    /* share of those from outside that is turned away */
    TALLIED_FULL,      /* share of time with no server, or no place, free */
    TALLIED_PRESENT,   /* mean number there */
    TALLIED_SERVED,    /* mean number being served */
    TALLIED_OCCUPANCY, /* of the servers there are */
    TALLIED_PEAK, /* mean number there at the hour of the day at which it is largest */
    TALLIED_P50,  /* percentiles of the number there, over time */
    TALLIED_P95,
    TALLIED_P99,
    TALLIED_WAITED,  /* share that waited to be served */
    TALLIED_WAIT,    /* mean, h, of all */
    TALLIED_WAIT_95, /* h */
    TALLIED_OVER_4H, /* share that was there longer than 4 h */
    TALLIED_BOARDED, /* mean time of a stay, h, for want of a place further down */
    TALLIED_MEASURES
};
extern const char *const tallied_name[TALLIED_MEASURES];

struct tallied;

/* `hours`: of the unit of time in which it is told. */
struct tallied *tallied_new(double begin, double hours);
void tallied_destroy(struct tallied **tallied);

/* So it was since the last call until `now`, never across an hour of the day. */
void tallied_until(struct tallied *tallied, double now, size_t here, size_t served,
                   double servers, bool full);

void tallied_outside(struct tallied *tallied, bool turned_away);
void tallied_arrival(struct tallied *tallied);
void tallied_wait(struct tallied *tallied, double wait);
void tallied_left(struct tallied *tallied, double there, double boarded);

void tallied_measures(const struct tallied *tallied, double measures[TALLIED_MEASURES]);

#endif
