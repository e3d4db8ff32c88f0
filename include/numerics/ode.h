#ifndef NUMERICS_ODE_H
#define NUMERICS_ODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* ode - carry a system x' = f(t, x) and its forward sensitivities S' = (df/dx) S + df/dp
 * from one time to the next within a tolerance. The only door to SUNDIALS CVODES
 * (Hindmarsh et al., ACM TOMS 31:363, 2005).
 *
 * Between two calls of ode_restart the right-hand side is smooth: whoever has jumps
 * (doses, infusion ends, switches at known times) restarts at each of them. It knows
 * nothing of patients or parameters. Called by model/twin. */

/* The problem. `s` and `dsdt` are [direction][state]: direction k's column is
 * s + k * states. A callback returns 0, or 1 for "not here, try a smaller step" (a NaN, a
 * negative volume); values that are not finite count as 1. */
struct ode_system {
    size_t states, directions; /* directions 0: states only */
    int (*rate)(void *context, double t, const double *x, double *dxdt);
    int (*rate_directions)(void *context, double t, const double *x, const double *s,
                           double *dxdt, double *dsdt); /* both at once */
    int (*jacobian)(void *context, double t, const double *x,
                    double *dfdx /* [row][col] */); /* of ODE_BDF; else may be NULL */
    void *context;
};

enum ode_method { ODE_BDF, ODE_ADAMS };

struct ode_options {
    enum ode_method method;
    double relative_tolerance; /* of states and of sensitivities */
    double absolute_tolerance; /* of both: a direction is taken to be of order one, as the
                                  logarithm of a parameter is */
    size_t steps_max;          /* between two restarts; then ERR_NUMERIC */
    const double *state_scale; /* [states] typical sizes that multiply the absolute
                                  tolerance, copied; NULL: 1 */
};

struct ode;

/* ERR_RANGE for sizes, tolerances or scales that make no sense. */
enum err ode_new(const struct ode_system *system, const struct ode_options *options,
                 struct ode **ode);
void ode_destroy(struct ode **ode);

/* Begin (again) at t with these values; x [states], s [directions][states] are copied. */
enum err ode_restart(struct ode *ode, double t, const double *x, const double *s);

/* Values at `t` >= the last time asked for since the restart, never evaluating f beyond
 * `t_stop` >= t, which stays the same until the next restart. ERR_NUMERIC with a sentence
 * (time, reason) when the steps run out or the error test keeps failing; only a restart
 * helps then. The sensitivities take part in the error test. */
enum err ode_advance(struct ode *ode, double t, double t_stop, double *x, double *s);

/* For whoever looks at all of a solution: one step of the solver's own towards `t_stop`,
 * which it never passes; `reached` is where it ends. ERR_NUMERIC as of ode_advance. */
enum err ode_step(struct ode *ode, double t_stop, double *reached);
/* Values x, and s (may be NULL), anywhere in that step, by the solver's own interpolant.
 */
void ode_within(const struct ode *ode, double t, double *x, double *s);

/* Other typical sizes of the states ([states], positive, copied), from the next restart
 * on. */
void ode_scale(struct ode *ode, const double *state_scale);

size_t ode_steps(const struct ode *ode); /* internal steps since ode_new */

#endif
