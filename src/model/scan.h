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
 * own. Called by feed.c, which shows eight courses at once, and outcome.c. */

struct scan;

/* Of a course from `start` until `until`. */
struct scan *scan_new(const struct model *model, double start, double until);
void scan_destroy(struct scan **scan);

/* A run begins, maybe anew by another method. */
void scan_begin(struct scan *scan);
/* The course is smooth until `to`, with the parameters and covariates that the evaluator
 * knows; what comes before `start` is nobody's. Windows are made of those at `start`. */
void scan_open(struct scan *scan, struct evaluator *evaluator, double to);
/* The times at which to show it next; false: nobody looks at the rest of what is open. */
bool scan_asks(struct scan *scan, double *t /* [SIGHT_SAMPLES] */);
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
