#ifndef MODEL_CROSSING_H
#define MODEL_CROSSING_H

#include "model_impl.h"
#include "numerics/lanes.h"
#include "numerics/ode.h"

/* crossing - finds where a mode turns: where its gap leaves its span for the first time
 * in a step that a solver has made with modes at rest, on that solver's own interpolant.
 *
 * A step is looked at in CROSSING_LOOKS places. The interpolants of lanes are polynomials
 * of order 4, which are known by so many: of a gap that is a sum of states (by what rests
 * or grows evenly) it is proved that it stays in its span, or else its halves are looked
 * at. What is found is what lasts for a thousandth of a step. Of other gaps, and by
 * CVODES, it is as good as that if they come near to such a polynomial. Called by flow.c,
 * feed.c, track.c and ensemble.c. */

#define CROSSING_LOOKS 5
/* As shares of the step: in no rhythm that a gap could have. */
static const double crossing_places[CROSSING_LOOKS] = {0, 0.22, 0.47, 0.74, 1};

struct crossing {
    size_t mode;
    bool up; /* its gap rises through the end of its span */
    double time;
};

/* By what it is in these places, gaps[i * stride]: can it have left its span after the
 * first? If it is a polynomial of order 4, then false is a proof. */
bool crossing_may(const struct mode_span *span, const double *gaps, size_t stride);
/* The same of one mode in all lanes, gaps[i * stride + lane], whose spans end at from and
 * to [LANES], slack included: which of them. */
lane_set crossing_may_in(const double *from, const double *to, const double *gaps,
                         size_t stride, enum simd simd);

/* States x at a time within the step. */
typedef void crossing_look(void *context, double t, double *x);

/* In the step from `begun` on to `end`, of whose modes the evaluator knows; x [states] is
 * room. A crossing is where the gap is at its span's end. */
bool crossing_find(struct evaluator *evaluator, double begun, double end,
                   crossing_look *look, void *context, double *x,
                   struct crossing *crossing);

/* A solver of its own steps that is watched. */
struct watch {
    struct ode *ode; /* NULL: there are no states, and a step is as long as can be */
    struct evaluator *evaluator;
    double *x;    /* room for all that the solver carries */
    double ahead; /* until when it can be asked, up to which nothing turns */
    bool turns;   /* and there this does */
    struct crossing next;
};

/* After a restart at t. */
void watch_begin(struct watch *watch, double t);
/* One step towards the wall. */
enum err watch_step(struct watch *watch, double wall);
/* Steps until the solver can be asked at `to`, or, before it, where something turns;
 * `reached` is either. */
enum err watch_advance(struct watch *watch, double to, double wall, double *reached);

#endif
