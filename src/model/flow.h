#ifndef MODEL_FLOW_H
#define MODEL_FLOW_H

#include "crossing.h"
#include "model/model.h"
#include "numerics/ode.h"

/* flow - one patient's way through time: what happens when, and what it does to states
 * and sensitivities. What lies between two happenings is the solver's: CVODES here
 * (run_all), or lanes (ensemble.h).
 *
 * Called by ensemble.c and twin.c. */

/* --- what happens to a patient, in model units ----------------------------------------
 */

struct dose {
    double time, amount,
        duration; /* model time and state unit; < 0: the input's default */
    size_t input, order;
};

struct change { /* a covariate takes a new value */
    double time, value;
    size_t covariate, order;
};

struct schedule {
    const struct model *model;
    struct dose *doses;
    size_t dose_count;
    struct change *changes; /* by time */
    size_t change_count;
    double *covariates; /* [covariates] at the start */
};

/* --- the present -----------------------------------------------------------------------
 */

struct flow {
    size_t directions;
    struct evaluator *evaluator;
    struct ode *ode; /* NULL without states, and where lanes carry */
    const struct model *model;
    double *inflow;   /* [states] sum of running infusions; behind it */
    double *d_inflow; /* [directions][states] */
    double *x, *s; /* the present state: [states], and behind it [directions][states] */
    double *scale; /* [states] sizes, for absolute tolerances */
    double t;
    bool *moving; /* [directions] some stop of this run moves along them */
    bool settled; /* the solver knows the present state */
    bool changed; /* what rests between stops (evaluator_rest) has, since this was cleared
                   */

    double *room; /* of the present run */
    size_t room_size;
    struct stop *stops;
    size_t stops_size;

    struct watch watch; /* of `ode` */
};

/* How much finer than the relative tolerance the absolute one is, in units of a state's
 * own size: small enough that a tail four decades down is still right to four digits. */
#define ABSOLUTE_FRACTION 1e-5

void flow_init(struct flow *flow, const struct model *model, bool derivatives);
/* CVODES for it; needs states. */
void flow_solver(struct flow *flow, enum ode_method method, double tolerance);
void flow_clear(struct flow *flow);
/* dx/dt at t and x, with what runs in; returns 1 when it is not finite. */
int flow_rate(struct flow *flow, double t, const double *x, double *dxdt);

/* --- one run
 * ---------------------------------------------------------------------------- */

enum stop_kind { STOP_COVARIATE, STOP_DOSE, STOP_END, STOP_BREAK };

struct stop {
    double time;
    enum stop_kind kind;
    size_t order; /* among equal times, after the kind's precedence */
    size_t index; /* dose, change or break */
};

/* A dose under the present parameters. */
struct delivery {
    struct input_modifiers modifiers;
    double duration;
    double *d_fraction, *d_start, *d_duration; /* [directions] */
};

struct run {
    struct flow *flow;
    const struct schedule *schedule;
    struct stop *stops; /* everything but readings, up to the last of these; flow's */
    size_t stop_count;
    const double *reads; /* the caller's */
    const size_t *read_order;
    size_t read_count;
    size_t stop, read; /* the next of each */
    size_t read_until; /* the first reading that does not come before the next stop */
    double start, last;
    struct delivery *deliveries; /* in flow's room, as all that has no other owner */
    double *derivatives;         /* what the deliveries point into */
    double *breaks;   /* [break_count] at which the rate switches by itself, ascending */
    double *d_breaks; /* [break_count][directions] */
    size_t break_count;
    double *covariates, *slopes, *since; /* value and slope of each from `since` on */
    double *before, *after;              /* [states] rates on both sides of a jump */
    double *d_turn;                      /* [directions] of the time of the last turn */
};

/* From `start` with these parameters, natural scale. A flow has one run at a time.
 * run_clear afterwards, whatever comes. */
enum err run_begin(struct run *run, struct flow *flow, const struct schedule *schedule,
                   const double *parameters, double start);
/* All stops up to the last of the readings, which the caller keeps: their times,
 * ascending, and the rows of the record they stand in (NULL: after everything at their
 * time). */
enum err run_plan(struct run *run, const double *reads, const size_t *read_order,
                  size_t read_count);
static inline bool run_ended(const struct run *run)
{
    return run->stop == run->stop_count && run->read == run->read_count;
}

/* Is a reading the next thing? Its caller moves `read` on. */
static inline bool run_reads(const struct run *run)
{
    return run->read < run->read_until;
}

/* When the system next changes, or the last reading is: no step goes beyond. */
static inline double run_wall(const struct run *run)
{
    return run->stop < run->stop_count ? run->stops[run->stop].time
                                       : run->reads[run->read_count - 1];
}

/* When the next thing is, stop or reading. */
static inline double run_next(const struct run *run)
{
    return run_reads(run) ? run->reads[run->read] : run_wall(run);
}

/* What the next stop does to the flow, which is at its time. */
enum err run_stop(struct run *run);
/* How the time of that depends on the directions, d_time [directions]; does it? */
bool run_stop_moves(const struct run *run, double *d_time);

/* Before the run: covariates as they will be just before a time, the first time from
 * `change` 0 on, then further; and back to the beginning. */
void run_look_forward(struct run *run, double time, size_t *change);
void run_look_back(struct run *run);
/* How much later than the present a mode turns, by its gap and how fast that changes. */
double run_early(struct run *run, const struct crossing *crossing);
/* It turns, now, and whatever has come out of its span with it. ERR_NUMERIC where the
 * rates then lead back to where it was. */
enum err run_turn(struct run *run, const struct crossing *crossing);
/* It alone, and what hangs on it; and then, is there another one, that is late? */
enum err run_turn_one(struct run *run, const struct crossing *crossing);
bool run_late(struct run *run, struct crossing *crossing);
void run_clear(struct run *run);

/* For whoever makes the solver's steps himself, as feed.c: its steps begin anew. */
enum err flow_restart(struct flow *flow);
/* To where the watch says that something turns. */
enum err run_to_turn(struct run *run);

/* Where a reading goes: called with the flow at its time. */
typedef enum err read_function(struct run *run, size_t index, void *context);

/* Everything, with the flow's own solver. */
enum err run_all(struct run *run, read_function *read, void *context);

#endif
