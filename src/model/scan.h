#ifndef MODEL_SCAN_H
#define MODEL_SCAN_H

#include "sight.h"

/* scan - looks at all of one course for what its model declares under [outcomes] and
 * [plausible], and keeps what every functional has seen of each of its windows.
 *
 * It knows no solver. Whoever carries the course says how far one polynomial of time
 * leads (scan_open), and shows what there is on the way: the scan asks for a piece, at
 * Kronrod's 15 points and its ends, and takes it, or, where what is looked at is not
 * smooth enough for the rule to be right, asks for its halves. Extremes and the moments
 * at which conditions turn are searched for inside a piece, by looks at times of their
 * own.
 *
 * Or it looks for readings that are made of functionals, each of a window of its own, and
 * with derivatives along directions. An extreme's is that of what is looked at where it
 * is (at a time that moves: and the trend there times that; at a kink what both sides of
 * it make of the place where they meet), an integral's the integral of the derivative,
 * and what a moving end or jump adds.
 *
 * Called by feed.c, which shows eight courses at once, ensemble.c and outcome.c. */

struct scan;

/* Of a course from `start` until `until`. */
struct scan *scan_new(const struct model *model, double start, double until);
void scan_destroy(struct scan **scan);

/* Of readings, with derivatives along so many directions. For any number of runs. */
struct scan *scan_of_readings(const struct model *model, size_t directions);
/* A run from `start` until its last reading; then the windows of each observation, in
 * order of its readings; then it is ready. `d_from` [directions]. */
void scan_readings(struct scan *scan, double start, double until);
void scan_reading(struct scan *scan, size_t observation, double from, double to,
                  const double *d_from);
void scan_ready(struct scan *scan);
/* Nobody looks at anything before this; -inf: scan_open with what comes next. */
double scan_quiet(struct scan *scan);
/* At time t, until which all has been seen, something happens that moves with the
 * directions, d_t, and makes what is looked at `after` of `before` [sight_width]. */
void scan_moves(struct scan *scan, double t, const double *d_t, const double *before,
                const double *after);
/* What the functionals of an observation have come to at its next reading (NaN: its
 * window was not all within the course), and with derivatives: values of all functionals,
 * slopes of the watched, each [directions], of which it sets its own. */
void scan_read(struct scan *scan, size_t observation, double *values, double *slopes);

/* A run begins, maybe anew by another method. */
void scan_begin(struct scan *scan);
/* The course is smooth until `to`, with the parameters and covariates that the evaluator
 * knows; what comes before `start` is nobody's. Windows are made of those at `start`. */
void scan_open(struct scan *scan, struct evaluator *evaluator, double to);
/* The times at which to show it next; false: nobody looks at the rest of what is open. */
bool scan_asks(struct scan *scan, double *t /* [SIGHT_SAMPLES] */);
/* The functionals that look at this, onto wanted [functionals]: of others it wants no
 * rules, and of all but the watched no values if it is of readings. */
void scan_wants(const struct scan *scan, bool *wanted);
bool scan_is_of_readings(const struct scan *scan);
void scan_see(struct scan *scan, const struct sight *sight);
/* ERR_NUMERIC when what it looks at was not finite somewhere, ERR_RANGE for windows that
 * make no sense: the run may end. */
enum err scan_refuses(const struct scan *scan);
/* The run has ended: what it comes to. */
void scan_end(struct scan *scan, struct evaluator *evaluator);

/* What scan_end has found: of each outcome one value, or one for every whole period. */
struct window_value {
    double from, to, value; /* NaN: the window is not all within the course, or what is
                               asked for never happens */
};
size_t scan_windows(const struct scan *scan, size_t outcome);
struct window_value scan_window(const struct scan *scan, size_t outcome, size_t window);
bool scan_plausible(const struct scan *scan, size_t line);

#endif
