#include "sim/tallied.h"

#include <math.h>

#include "base/memory.h"

#define NUMBERS ((size_t)1024)
#define WAITS ((size_t)2200)
#define WAIT_LEAST 1e-4 /* h */
#define WAIT_RATIO 1.01

const char *const tallied_name[TALLIED_MEASURES] = {
    "arrivals_per_day", "turned_away", "full",       "present",    "served",
    "occupancy",        "peak",        "present_50", "present_95", "present_99",
    "waited",           "wait_hours",  "wait_95",    "over_4h",    "boarded_hours"};

struct tallied {
    double begin, last, hours;
    double time, present, served, servers, full; /* integrals, of the unit of time */
    double numbers[NUMBERS];                     /* time with so many there */
    double by_hour[24], time_of_hour[24];
    double outside, turned, arrivals;
    double waits[WAITS], began, waited, wait_sum; /* hours */
    double left, over_4h, boarded;
};

struct tallied *tallied_new(double begin, double hours)
{
    struct tallied *t = mem_new(1, sizeof *t);
    t->begin = begin;
    t->hours = hours;
    return t;
}

void tallied_destroy(struct tallied **tallied)
{
    mem_free(*tallied);
    *tallied = NULL;
}

void tallied_until(struct tallied *t, double now, size_t here, size_t served,
                   double servers, bool full)
{
    double since = fmax(t->last, t->begin), dt = now - since;
    t->last = now;
    if (!(dt > 0))
        return;
    size_t hour = (size_t)fmod((since + dt / 2) * t->hours, 24);
    t->time += dt;
    t->present += dt * (double)here;
    t->served += dt * (double)served;
    t->servers += dt * servers;
    t->full += full ? dt : 0;
    t->numbers[here < NUMBERS ? here : NUMBERS - 1] += dt;
    t->by_hour[hour] += dt * (double)here;
    t->time_of_hour[hour] += dt;
}

void tallied_outside(struct tallied *t, bool turned_away)
{
    t->outside++;
    t->turned += turned_away;
}

void tallied_arrival(struct tallied *t)
{
    t->arrivals++;
}

void tallied_wait(struct tallied *t, double wait)
{
    double hours = wait * t->hours;
    double bin =
        hours > WAIT_LEAST ? 1 + floor(log(hours / WAIT_LEAST) / log(WAIT_RATIO)) : 0;
    t->waits[bin < (double)WAITS ? (size_t)bin : WAITS - 1]++;
    t->began++;
    t->waited += wait > 0;
    t->wait_sum += hours;
}

void tallied_left(struct tallied *t, double there, double boarded)
{
    t->left++;
    t->over_4h += there * t->hours > 4;
    t->boarded += boarded * t->hours;
}

/* The bin that a share of the whole reaches to. */
static size_t reaches(const double *bins, size_t count, double whole, double share)
{
    double sum = 0;
    size_t i = 0;
    while (i + 1 < count && (sum += bins[i]) < share * whole)
        i++;
    return i;
}

void tallied_measures(const struct tallied *t, double m[TALLIED_MEASURES])
{
    size_t wait = reaches(t->waits, WAITS, t->began, 0.95);
    double peak = 0;
    for (size_t i = 0; i < 24; i++)
        peak =
            fmax(peak, t->time_of_hour[i] > 0 ? t->by_hour[i] / t->time_of_hour[i] : 0);
    m[TALLIED_ARRIVALS] = t->arrivals / (t->time * t->hours / 24);
    m[TALLIED_TURNED] = t->turned / t->outside;
    m[TALLIED_FULL] = t->full / t->time;
    m[TALLIED_PRESENT] = t->present / t->time;
    m[TALLIED_SERVED] = t->served / t->time;
    m[TALLIED_OCCUPANCY] = t->served / t->servers;
    m[TALLIED_PEAK] = peak;
    m[TALLIED_P50] = (double)reaches(t->numbers, NUMBERS, t->time, 0.50);
    m[TALLIED_P95] = (double)reaches(t->numbers, NUMBERS, t->time, 0.95);
    m[TALLIED_P99] = (double)reaches(t->numbers, NUMBERS, t->time, 0.99);
    m[TALLIED_WAITED] = t->waited / t->began;
    m[TALLIED_WAIT] = t->wait_sum / t->began;
    m[TALLIED_WAIT_95] = wait ? WAIT_LEAST * pow(WAIT_RATIO, (double)wait - 0.5) : 0;
    m[TALLIED_OVER_4H] = t->over_4h / t->left;
    m[TALLIED_BOARDED] = t->boarded / t->left;
}
