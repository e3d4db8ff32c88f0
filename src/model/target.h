#ifndef MODEL_TARGET_H
#define MODEL_TARGET_H

#include <stdint.h>

#include "model/observe.h"
#include "model/prior.h"
#include "model/twin.h"
#include "twin_impl.h"

/* target - what a fit minimises: O of one patient under a prior, in the whitened
 * coordinates z = L^-1 (phi - B x) of the prior's factor L, where the prior is a standard
 * normal.
 *
 * It turns what an engine answers about a twin into O, half its slope and its expected
 * curvature A by z (fit.h). It searches nothing (search), and solves nothing (twin).
 * Called by moments and fit. */

struct target {
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *prior;
    const struct twin *twin;
    size_t p, q, n;     /* p with the effects of occasions: layout's p + r */
    struct prior whole; /* of all p effects: omega and factor; otherwise the prior's */
    double *centre;     /* B x [p], 0 of occasions */
    struct tally_error *errors; /* [observations] */
    struct tally_subject subject;
};

void target_init(struct target *target, struct engine *engine, const struct twin *twin,
                 const struct prior *prior);
void target_clear(struct target *target);

void target_phi(const struct target *target, const double *z, double *phi);
/* The other way, in place; ERR_NUMERIC when the factor is singular. */
enum err target_whiten(const struct target *target, double *phi);

/* O near a place. */
struct point {
    enum err err; /* not ERR_OK: not a place where the model can be evaluated */
    double objective;
    double *gradient;  /* [p] half of dO/dz; */
    double *curvature; /* A [p][p] */
};
struct point point_new(size_t p);
void point_clear(struct point *point);

/* From an engine's sums at z, with derivatives; or the objective alone from those
 * without. */
void target_point(const struct target *target, const double *z, const double *sums,
                  struct point *point);
double target_objective(const struct target *target, const double *z, const double *sums);

/* The same, and everything measurement by measurement. Where errors are correlated, the
 * derivative by a prediction and its information are of all measurements whose
 * likelihood it is in, and `shared` is the information on it and on the prediction
 * `before` it together. */
struct detail {
    struct point point;
    double *f;                 /* [n] */
    double *jacobian;          /* [n][p + q]: by z, then by gamma */
    struct observed *observed; /* [n] */
    size_t *before;            /* [n]; DETAIL_FIRST: none. NULL: there can be none */
    double *shared;            /* [n] */
};
#define DETAIL_FIRST SIZE_MAX
struct detail detail_new(const struct target *target);
void detail_clear(struct detail *detail);

/* `detail` has f at z and its derivatives by phi and gamma, from an engine. ERR_NUMERIC
 * where one of them cannot be used. */
enum err target_detail(const struct target *target, const double *z,
                       struct detail *detail);

/* All of `detail` but f and jacobian anew, under other residual errors [observations]. */
enum err target_weigh(const struct target *target, const struct tally_error *errors,
                      const double *z, struct detail *detail);

#endif
