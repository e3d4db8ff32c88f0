#ifndef MODEL_TWIN_H
#define MODEL_TWIN_H

#include "model/model.h"
#include "model/prior.h"
#include "model/record.h"

/* twin - one patient seen through a model: the schedule of doses, covariate changes and
 * measurements in the model's units, and the prediction with exact derivatives.
 *
 * It is not a fit: parameters come from outside (model/fit, or a person asking what if).
 * It has no key and no network. Steps stop at every dose, infusion end, covariate change
 * and scheduled break; derivatives jump there as they must: at a time t*(theta) where the
 * right-hand side changes from f- to f+, S+ = S- + (f- - f+) (dt* by theta), plus d(F D)
 * by theta for a dose (Galan, Feehery, Barton 1999). Called by model/fit, node/ and sim/.
 */

struct twin;

struct twin_measurement {
    double time, value; /* model units */
    size_t observation; /* of the model */
    enum censoring censoring;
};

/* Units and names are matched here: a covariate or quantity the model does not know is
 * skipped; a dose never is (ERR_NOT_FOUND), because a lost dose is a wrong twin. A unit
 * of another dimension is ERR_RANGE; a covariate without value and default ERR_NOT_FOUND.
 * More occasions than the model has are ERR_RANGE.
 * Two measurements at one time whose errors are correlated in time are ERR_RANGE.
 * The record is in order (record_sort). The twin holds what it needs of it; `model` must
 * outlive the twin. */
enum err twin_new(const struct model *model, const struct prior_layout *layout,
                  const struct record *record, struct twin **twin);
void twin_destroy(struct twin **twin);

size_t twin_measurements(const struct twin *twin);
const struct twin_measurement *twin_measurement(const struct twin *twin, size_t index);
const double *twin_x(const struct twin *twin); /* [k] scaled covariates at its start */
double twin_start(const struct twin *twin);    /* time of its first row, model units */

/* The machinery that moves twins: evaluator and solver, shared by many twins of one
 * model, used by one thread at a time. `model` and `layout` must outlive it. */
struct engine;

enum engine_solver {
    ENGINE_LANES, /* this house's, many at once, by whichever method suits (numerics/lanes) */
    ENGINE_BDF,   /* CVODES */
    ENGINE_ADAMS, /* CVODES */
    ENGINE_NARROW, /* as ENGINE_LANES, with the next narrower vector registers: to measure
                    */
    ENGINE_ROSENBROCK, /* in lanes, as if everything were stiff: to test and to measure */
};
struct engine_options {
    enum engine_solver solver;
    double tolerance; /* relative; 0 means ENGINE_TOLERANCE */
};
#define ENGINE_TOLERANCE 1e-9

struct engine *engine_new(const struct model *model, const struct prior_layout *layout,
                          const struct engine_options *options /* NULL: defaults */);
/* In lanes, in steps of this length (model time) in place of what the text says: for
 * whoever knows the fastest rate, as of what repeats itself for a long time. What these
 * steps cannot is ERR_NUMERIC, and no other method tries. */
struct engine *engine_new_equal(const struct model *model,
                                const struct prior_layout *layout, double step);
void engine_destroy(struct engine **engine);
const struct model *engine_model(const struct engine *engine);
const struct prior_layout *engine_layout(const struct engine *engine);

/* What its lanes have done so far: problems from their beginnings to their ends, steps
 * and readings in them, and their arithmetic (additions and products, a fused pair as
 * two; whatever else a model's formulas do as one). */
struct engine_work {
    size_t solves, steps, readings;
    double flops;
};
void engine_work(const struct engine *engine, struct engine_work *work);

/* Parameters of one patient, all transformed: phi [p + r] individual, with the r effects
 * of occasions behind, gamma [q] population.
 * Predictions f [n] and, if `jacobian` is not NULL, d f / d(phi, gamma) [n][p + r + q], at
 * the n measurements. ERR_NUMERIC when the solver gives up or a value is not finite. */
enum err twin_predict(struct engine *engine, const struct twin *twin, const double *phi,
                      const double *gamma, double *f, double *jacobian);

/* Many at once, each with its own outcome: the same bits as one by one, in less time.
 * `jacobian` of all or, without derivatives, of none. */
struct twin_point {
    const struct twin *twin;
    const double *phi, *gamma;
    double *f, *jacobian;
    /* [p + r + q] or NULL: does a dose, an infusion's end or a switch move in time with this
     * parameter? There the likelihood can have kinks, and more than one mode: a lag time
     * on either side of a measurement. */
    bool *moving;
    enum err err; /* out */
};
void twin_predict_all(struct engine *engine, struct twin_point *points, size_t count,
                      bool derivatives);

/* Everything at given times (ascending, model time; the run starts at the first of them
 * or at twin_start, whichever is earlier): out [times][states + derived + observations],
 * from natural-scale parameters [model parameters]. At the time of a dose: the value just
 * after it. ERR_RANGE past the last occasion. */
enum err twin_simulate(struct engine *engine, const struct twin *twin,
                       const double *parameters, const double *times, size_t time_count,
                       double *out);

/* Many at once, at the same times. */
struct twin_course {
    const struct twin *twin;
    const double *parameters;
    double *out;
    enum err err; /* out */
};
void twin_simulate_all(struct engine *engine, struct twin_course *courses, size_t count,
                       const double *times, size_t time_count);
/* The same, for whoever wants no readings that look back: these have no value (NaN), and
 * nobody searches the course for them. */
void twin_simulate_present(struct engine *engine, struct twin_course *courses,
                           size_t count, const double *times, size_t time_count);

/* Natural-scale parameters [model parameters] of phi, gamma. */
void twin_parameters(const struct model *model, const struct prior_layout *layout,
                     const double *phi, const double *gamma, double *parameters);

#endif
