/* ordinary - numerics/ode as somebody would write it who takes CVODES by its manual, for
 * the peers of bench/engine: forward sensitivities by CVodeSensInit, corrected together
 * with the states (CV_SIMULTANEOUS) and part of the error test; Newton's iteration with a
 * dense matrix for BDF, functional iteration for Adams. Rates, sensitivities' rates and
 * the Jacobian are the compiled ones that numerics/ode has, as are tolerances. The
 * house's own way, one vector of states and sensitivities, spares what CVODES does for
 * each sensitivity.
 *
 * Instead of numerics/ode.c in a program of the bench's own (bench.cmake). */

#include "numerics/ode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cvodes/cvodes.h>
#include <nvector/nvector_serial.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunmatrix/sunmatrix_dense.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

#include "base/memory.h"

struct ode {
    struct ode_system system;
    struct ode_options options;
    SUNContext sundials;
    void *cvodes;
    N_Vector x, absolute;
    N_Vector *s, *s_absolute; /* [directions]; NULL without */
    SUNMatrix matrix;
    SUNLinearSolver linear;
    SUNNonlinearSolver states_only, together; /* of Adams */
    double *columns, *rates, *dxdt;           /* [directions][states], twice; [states] */
    double *jacobian;                         /* [states][states] */
};

static int verdict(int said, size_t count, const double *values)
{
    for (size_t i = 0; i < count && !said; i++)
        said = !isfinite(values[i]);
    return said != 0;
}

/* --- what CVODES calls ---------------------------------------------------------- */

static int on_rate(sunrealtype t, N_Vector x, N_Vector dxdt, void *user)
{
    struct ode *ode = user;
    double *out = NV_DATA_S(dxdt);
    int said = ode->system.rate(ode->system.context, t, NV_DATA_S(x), out);
    return verdict(said, ode->system.states, out);
}

static int on_sensitivities(int count, sunrealtype t, N_Vector x, N_Vector dxdt,
                            N_Vector *s, N_Vector *dsdt, void *user, N_Vector work1,
                            N_Vector work2)
{
    (void)dxdt, (void)work1, (void)work2;
    struct ode *ode = user;
    size_t n = ode->system.states;
    for (int k = 0; k < count; k++)
        memcpy(ode->columns + (size_t)k * n, NV_DATA_S(s[k]), n * sizeof(double));
    int said = ode->system.rate_directions(ode->system.context, t, NV_DATA_S(x),
                                           ode->columns, ode->dxdt, ode->rates);
    for (int k = 0; k < count; k++)
        memcpy(NV_DATA_S(dsdt[k]), ode->rates + (size_t)k * n, n * sizeof(double));
    return verdict(said, (size_t)count * n, ode->rates);
}

static int on_jacobian(sunrealtype t, N_Vector x, N_Vector dxdt, SUNMatrix matrix,
                       void *user, N_Vector work1, N_Vector work2, N_Vector work3)
{
    (void)dxdt, (void)work1, (void)work2, (void)work3;
    struct ode *ode = user;
    size_t n = ode->system.states;
    int said = ode->system.jacobian(ode->system.context, t, NV_DATA_S(x), ode->jacobian);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            SM_ELEMENT_D(matrix, i, j) = ode->jacobian[i * n + j];
    return verdict(said, n * n, ode->jacobian);
}

/* --- begin and end -------------------------------------------------------------- */

static void must(bool well)
{
    if (!well)
        abort(); /* sizes and tolerances are the engine's */
}

static void solvers_new(struct ode *ode)
{
    int directions = (int)ode->system.directions;
    if (ode->options.method == ODE_ADAMS) {
        ode->states_only = SUNNonlinSol_FixedPoint(ode->x, 0, ode->sundials);
        must(!CVodeSetNonlinearSolver(ode->cvodes, ode->states_only));
        if (directions) {
            ode->together =
                SUNNonlinSol_FixedPointSens(directions + 1, ode->x, 0, ode->sundials);
            must(!CVodeSetNonlinearSolverSensSim(ode->cvodes, ode->together));
        }
        return;
    }
    sunindextype n = (sunindextype)ode->system.states;
    ode->matrix = SUNDenseMatrix(n, n, ode->sundials);
    ode->linear = SUNLinSol_Dense(ode->x, ode->matrix, ode->sundials);
    must(!CVodeSetLinearSolver(ode->cvodes, ode->linear, ode->matrix) &&
         !CVodeSetJacFn(ode->cvodes, on_jacobian));
}

static void tolerances_set(struct ode *ode)
{
    double relative = ode->options.relative_tolerance;
    must(!CVodeSVtolerances(ode->cvodes, relative, ode->absolute));
    if (ode->s)
        must(!CVodeSensSVtolerances(ode->cvodes, relative, ode->s_absolute));
}

enum err ode_new(const struct ode_system *system, const struct ode_options *options,
                 struct ode **ode)
{
    struct ode *out = mem_new(1, sizeof *out);
    size_t n = system->states, d = system->directions;
    out->system = *system;
    out->options = *options;
    out->columns = mem_new(n * d, sizeof(double));
    out->rates = mem_new(n * d, sizeof(double));
    out->dxdt = mem_new(n, sizeof(double));
    out->jacobian = mem_new(n * n, sizeof(double));
    must(!SUNContext_Create(NULL, &out->sundials));
    out->x = N_VNew_Serial((sunindextype)n, out->sundials);
    out->absolute = N_VClone(out->x);
    N_VConst(0, out->x);
    out->cvodes =
        CVodeCreate(options->method == ODE_BDF ? CV_BDF : CV_ADAMS, out->sundials);
    must(!CVodeInit(out->cvodes, on_rate, 0, out->x) &&
         !CVodeSetUserData(out->cvodes, out));
    if (d) {
        out->s = N_VCloneVectorArray((int)d, out->x);
        out->s_absolute = N_VCloneVectorArray((int)d, out->x);
        for (size_t k = 0; k < d; k++)
            N_VConst(0, out->s[k]);
        must(!CVodeSensInit(out->cvodes, (int)d, CV_SIMULTANEOUS, on_sensitivities,
                            out->s) &&
             !CVodeSetSensErrCon(out->cvodes, true));
    }
    ode_scale(out, options->state_scale);
    solvers_new(out);
    *ode = out;
    return ERR_OK;
}

void ode_destroy(struct ode **ode)
{
    struct ode *gone = *ode;
    if (!gone)
        return;
    CVodeFree(&gone->cvodes);
    SUNNonlinSolFree(gone->states_only);
    SUNNonlinSolFree(gone->together);
    SUNLinSolFree(gone->linear);
    SUNMatDestroy(gone->matrix);
    if (gone->s) {
        N_VDestroyVectorArray(gone->s, (int)gone->system.directions);
        N_VDestroyVectorArray(gone->s_absolute, (int)gone->system.directions);
    }
    N_VDestroy(gone->x);
    N_VDestroy(gone->absolute);
    SUNContext_Free(&gone->sundials);
    mem_free(gone->columns);
    mem_free(gone->rates);
    mem_free(gone->dxdt);
    mem_free(gone->jacobian);
    mem_free(gone);
    *ode = NULL;
}

void ode_scale(struct ode *ode, const double *state_scale)
{
    for (size_t i = 0; i < ode->system.states; i++) {
        double one = ode->options.absolute_tolerance * (state_scale ? state_scale[i] : 1);
        NV_Ith_S(ode->absolute, i) = one;
        for (size_t k = 0; k < ode->system.directions; k++)
            NV_Ith_S(ode->s_absolute[k], i) = one;
    }
    tolerances_set(ode);
}

/* --- moving --------------------------------------------------------------------- */

enum err ode_restart(struct ode *ode, double t, const double *x, const double *s)
{
    size_t n = ode->system.states;
    memcpy(NV_DATA_S(ode->x), x, n * sizeof(double));
    for (size_t k = 0; k < ode->system.directions; k++)
        memcpy(NV_DATA_S(ode->s[k]), s + k * n, n * sizeof(double));
    must(!CVodeReInit(ode->cvodes, t, ode->x) &&
         (!ode->s || !CVodeSensReInit(ode->cvodes, CV_SIMULTANEOUS, ode->s)));
    return ERR_OK;
}

enum err ode_advance(struct ode *ode, double t, double t_stop, double *x, double *s)
{
    size_t n = ode->system.states;
    double reached;
    if (CVodeSetMaxNumSteps(ode->cvodes, (long)ode->options.steps_max) < 0 ||
        CVodeSetStopTime(ode->cvodes, t_stop) < 0 ||
        CVode(ode->cvodes, t, ode->x, &reached, CV_NORMAL) < 0 ||
        (ode->s && CVodeGetSens(ode->cvodes, &reached, ode->s) < 0))
        return err_set(ERR_NUMERIC, "CVODES gives up before time %g", t);
    memcpy(x, NV_DATA_S(ode->x), n * sizeof(double));
    for (size_t k = 0; k < ode->system.directions; k++)
        memcpy(s + k * n, NV_DATA_S(ode->s[k]), n * sizeof(double));
    return ERR_OK;
}

/* As outcomes have it: step by step, by its interpolant. */
enum err ode_step(struct ode *ode, double t_stop, double *reached)
{
    if (CVodeSetMaxNumSteps(ode->cvodes, (long)ode->options.steps_max) < 0 ||
        CVodeSetStopTime(ode->cvodes, t_stop) < 0 ||
        CVode(ode->cvodes, t_stop, ode->x, reached, CV_ONE_STEP) < 0)
        return err_set(ERR_NUMERIC, "CVODES gives up before time %g", t_stop);
    return ERR_OK;
}

void ode_within(const struct ode *ode, double t, double *x, double *s)
{
    must(!s && !CVodeGetDky(ode->cvodes, t, 0, ode->x));
    memcpy(x, NV_DATA_S(ode->x), ode->system.states * sizeof(double));
}

size_t ode_steps(const struct ode *ode)
{
    long steps = 0;
    CVodeGetNumSteps(ode->cvodes, &steps);
    return (size_t)steps;
}
