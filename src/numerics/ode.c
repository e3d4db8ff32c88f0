#include "numerics/ode.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include <cvodes/cvodes.h>
#include <nvector/nvector_serial.h>
#include <sundials/sundials_config.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunmatrix/sunmatrix_dense.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

#include "base/memory.h"

#define STATES_MAX ((size_t)10000)
#define DIRECTIONS_MAX ((size_t)1000)

/* CVODES refuses to begin an interval shorter than a few ulps of its ends. */
#define INTERVAL_ULPS 8

struct ode {
    struct ode_system system;
    struct ode_options options;

    SUNContext sundials;
    void *cvodes;
    N_Vector x, absolute;
    N_Vector *s, *s_absolute; /* [directions], NULL without */
    SUNMatrix matrix;
    SUNLinearSolver linear;
    SUNNonlinearSolver nonlinear, nonlinear_s;

    /* CVODES keeps every direction in a vector of its own; the callbacks see one block.
     */
    double *s_block, *dsdt_block; /* [directions][states] */
    double *x_rate;               /* [states] */
    double *jacobian;             /* [states][states] */

    bool scaled; /* CVODES knows the present scales */
    double t_start;
    size_t steps_before; /* of earlier restarts */
};

/* --- what CVODES calls
 * ------------------------------------------------------------------ */

/* 0, or 1 (try a smaller step), as CVODES wants it. */
static int verdict(int said, size_t count, const double *values)
{
    for (size_t i = 0; i < count && !said; i++)
        said = !isfinite(values[i]);
    return said != 0;
}

static int on_rate(sunrealtype t, N_Vector x, N_Vector dxdt, void *user)
{
    struct ode *ode = user;
    double *out = NV_DATA_S(dxdt);
    int said = ode->system.rate(ode->system.context, t, NV_DATA_S(x), out);
    return verdict(said, ode->system.states, out);
}

static int on_directions(int directions, sunrealtype t, N_Vector x, N_Vector dxdt,
                         N_Vector *s, N_Vector *dsdt, void *user, N_Vector work1,
                         N_Vector work2)
{
    (void)dxdt, (void)work1, (void)work2;
    struct ode *ode = user;
    size_t states = ode->system.states, count = (size_t)directions;
    for (size_t k = 0; k < count; k++)
        memcpy(ode->s_block + k * states, NV_DATA_S(s[k]), states * sizeof(double));
    int said = ode->system.rate_directions(ode->system.context, t, NV_DATA_S(x),
                                           ode->s_block, ode->x_rate, ode->dsdt_block);
    said = verdict(said, count * states, ode->dsdt_block);
    for (size_t k = 0; k < count && !said; k++)
        memcpy(NV_DATA_S(dsdt[k]), ode->dsdt_block + k * states, states * sizeof(double));
    return said;
}

static int on_jacobian(sunrealtype t, N_Vector x, N_Vector dxdt, SUNMatrix matrix,
                       void *user, N_Vector work1, N_Vector work2, N_Vector work3)
{
    (void)dxdt, (void)work1, (void)work2, (void)work3;
    struct ode *ode = user;
    size_t n = ode->system.states;
    int said = ode->system.jacobian(ode->system.context, t, NV_DATA_S(x), ode->jacobian);
    said = verdict(said, n * n, ode->jacobian);
    for (size_t j = 0; j < n && !said; j++) {
        double *column = SUNDenseMatrix_Column(matrix, (sunindextype)j);
        for (size_t i = 0; i < n; i++)
            column[i] = ode->jacobian[i * n + j];
    }
    return said;
}

/* SUNDIALS would print words of its own; ours are made from the code it returns. The
 * library has changed these two calls between its versions 6 and 7. */
#if SUNDIALS_VERSION_MAJOR >= 7
static void on_message(int line, const char *function, const char *file,
                       const char *message, SUNErrCode code, void *user,
                       SUNContext sundials)
{
    (void)line, (void)function, (void)file, (void)message, (void)code, (void)user;
    (void)sundials;
}

static bool context_open(struct ode *ode)
{
    return !SUNContext_Create(SUN_COMM_NULL, &ode->sundials) &&
           !SUNContext_ClearErrHandlers(ode->sundials) &&
           !SUNContext_PushErrHandler(ode->sundials, on_message, NULL);
}

static bool messages_off(struct ode *ode)
{
    return ode->cvodes != NULL;
}
#else
static void on_message(int code, const char *module, const char *function, char *message,
                       void *user)
{
    (void)code, (void)module, (void)function, (void)message, (void)user;
}

static bool context_open(struct ode *ode)
{
    return !SUNContext_Create(NULL, &ode->sundials);
}

static bool messages_off(struct ode *ode)
{
    return ode->cvodes && !CVodeSetErrHandlerFn(ode->cvodes, on_message, NULL);
}
#endif

/* --- begin and end
 * ---------------------------------------------------------------------- */

static enum err options_check(const struct ode_system *system,
                              const struct ode_options *options)
{
    if (system->states == 0 || system->states > STATES_MAX)
        return err_set(ERR_RANGE, "a system of %zu states outside [1, %zu]",
                       system->states, STATES_MAX);
    if (system->directions > DIRECTIONS_MAX)
        return err_set(ERR_RANGE, "a system of %zu directions, at most %zu",
                       system->directions, DIRECTIONS_MAX);
    double relative = options->relative_tolerance, absolute = options->absolute_tolerance;
    if (!(relative >= 1e-14 && relative <= 0.1))
        return err_set(ERR_RANGE, "relative tolerance %g outside [1e-14, 0.1]", relative);
    if (!(absolute > 0 && absolute <= DBL_MAX))
        return err_set(ERR_RANGE, "absolute tolerance %g is not positive", absolute);
    if (options->steps_max == 0 || options->steps_max > INT32_MAX)
        return err_set(ERR_RANGE, "at most %zu steps, outside [1, %d]",
                       options->steps_max, INT32_MAX);
    for (size_t i = 0; options->state_scale && i < system->states; i++)
        if (!(options->state_scale[i] > 0 && options->state_scale[i] <= DBL_MAX))
            return err_set(ERR_RANGE, "scale %g of state %zu is not positive",
                           options->state_scale[i], i);
    return ERR_OK;
}

/* Newton with a dense matrix for BDF (CVODES' own iteration), plain functional iteration
 * for Adams. */
static bool solver_attach(struct ode *ode)
{
    int directions = (int)ode->system.directions;
    if (ode->options.method == ODE_BDF) {
        sunindextype n = (sunindextype)ode->system.states;
        ode->matrix = SUNDenseMatrix(n, n, ode->sundials);
        ode->linear = SUNLinSol_Dense(ode->x, ode->matrix, ode->sundials);
        return ode->matrix && ode->linear &&
               !CVodeSetLinearSolver(ode->cvodes, ode->linear, ode->matrix) &&
               (!ode->system.jacobian || !CVodeSetJacFn(ode->cvodes, on_jacobian));
    }
    ode->nonlinear = SUNNonlinSol_FixedPoint(ode->x, 0, ode->sundials);
    if (!ode->nonlinear || CVodeSetNonlinearSolver(ode->cvodes, ode->nonlinear))
        return false;
    if (directions == 0)
        return true;
    ode->nonlinear_s = SUNNonlinSol_FixedPointSens(directions, ode->x, 0, ode->sundials);
    return ode->nonlinear_s &&
           !CVodeSetNonlinearSolverSensStg(ode->cvodes, ode->nonlinear_s);
}

static bool tolerances_set(struct ode *ode)
{
    double relative = ode->options.relative_tolerance;
    for (size_t k = 0; k < ode->system.directions; k++)
        memcpy(NV_DATA_S(ode->s_absolute[k]), NV_DATA_S(ode->absolute),
               ode->system.states * sizeof(double));
    ode->scaled = !CVodeSVtolerances(ode->cvodes, relative, ode->absolute) &&
                  (ode->system.directions == 0 ||
                   !CVodeSensSVtolerances(ode->cvodes, relative, ode->s_absolute));
    return ode->scaled;
}

static bool vectors_new(struct ode *ode)
{
    size_t n = ode->system.states, d = ode->system.directions;
    ode->x = N_VNew_Serial((sunindextype)n, ode->sundials);
    ode->absolute = N_VNew_Serial((sunindextype)n, ode->sundials);
    if (!ode->x || !ode->absolute)
        return false;
    memset(NV_DATA_S(ode->x), 0, n * sizeof(double));
    ode->x_rate = mem_new(n, sizeof(double));
    ode->jacobian = mem_new(n * n, sizeof(double));
    ode_scale(ode, ode->options.state_scale);
    if (d == 0)
        return true;
    ode->s = N_VCloneVectorArray((int)d, ode->x);
    ode->s_absolute = N_VCloneVectorArray((int)d, ode->x);
    ode->s_block = mem_new(d * n, sizeof(double));
    ode->dsdt_block = mem_new(d * n, sizeof(double));
    for (size_t k = 0; ode->s && k < d; k++)
        memset(NV_DATA_S(ode->s[k]), 0, n * sizeof(double));
    return ode->s && ode->s_absolute;
}

/* Staggered: the states' corrector converges first, on the cheap right-hand side alone;
 * the sensitivities, linear in themselves, then need one or two iterations. */
static bool cvodes_new(struct ode *ode)
{
    if (!context_open(ode) || !vectors_new(ode))
        return false;
    ode->cvodes =
        CVodeCreate(ode->options.method == ODE_BDF ? CV_BDF : CV_ADAMS, ode->sundials);
    if (!messages_off(ode) || CVodeInit(ode->cvodes, on_rate, 0, ode->x) ||
        CVodeSetUserData(ode->cvodes, ode))
        return false;
    if (ode->system.directions && (CVodeSensInit(ode->cvodes, (int)ode->system.directions,
                                                 CV_STAGGERED, on_directions, ode->s) ||
                                   CVodeSetSensErrCon(ode->cvodes, SUNTRUE)))
        return false;
    return tolerances_set(ode) && solver_attach(ode);
}

enum err ode_new(const struct ode_system *system, const struct ode_options *options,
                 struct ode **ode)
{
    enum err err = options_check(system, options);
    if (err != ERR_OK)
        return err;
    struct ode *out = mem_new(1, sizeof *out);
    out->system = *system;
    out->options = *options;
    if (!cvodes_new(out)) {
        ode_destroy(&out);
        return err_set(ERR_NUMERIC, "CVODES refuses a system of %zu states",
                       system->states);
    }
    out->options.state_scale = NULL;
    *ode = out;
    return ERR_OK;
}

void ode_destroy(struct ode **ode)
{
    struct ode *gone = *ode;
    if (!gone)
        return;
    int directions = (int)gone->system.directions;
    if (gone->cvodes)
        CVodeFree(&gone->cvodes);
    if (gone->nonlinear)
        SUNNonlinSolFree(gone->nonlinear);
    if (gone->nonlinear_s)
        SUNNonlinSolFree(gone->nonlinear_s);
    if (gone->linear)
        SUNLinSolFree(gone->linear);
    if (gone->matrix)
        SUNMatDestroy(gone->matrix);
    if (gone->s)
        N_VDestroyVectorArray(gone->s, directions);
    if (gone->s_absolute)
        N_VDestroyVectorArray(gone->s_absolute, directions);
    if (gone->absolute)
        N_VDestroy(gone->absolute);
    if (gone->x)
        N_VDestroy(gone->x);
    if (gone->sundials)
        SUNContext_Free(&gone->sundials);
    mem_free(gone->s_block);
    mem_free(gone->dsdt_block);
    mem_free(gone->x_rate);
    mem_free(gone->jacobian);
    mem_free(gone);
    *ode = NULL;
}

void ode_scale(struct ode *ode, const double *state_scale)
{
    double *absolute = NV_DATA_S(ode->absolute);
    for (size_t i = 0; i < ode->system.states; i++)
        absolute[i] =
            ode->options.absolute_tolerance * (state_scale ? state_scale[i] : 1);
    ode->scaled = false;
}

/* --- moving
 * ----------------------------------------------------------------------------- */

static size_t steps_since_restart(const struct ode *ode)
{
    long steps = 0;
    CVodeGetNumSteps(ode->cvodes, &steps);
    return (size_t)steps;
}

enum err ode_restart(struct ode *ode, double t, const double *x, const double *s)
{
    size_t n = ode->system.states, d = ode->system.directions;
    ode->steps_before += steps_since_restart(ode);
    ode->t_start = t;
    memcpy(NV_DATA_S(ode->x), x, n * sizeof(double));
    for (size_t k = 0; k < d; k++)
        memcpy(NV_DATA_S(ode->s[k]), s + k * n, n * sizeof(double));
    if (verdict(0, n, x) || verdict(0, d * n, s))
        return err_set(ERR_NUMERIC, "the values at time %g are not finite", t);
    if (CVodeReInit(ode->cvodes, t, ode->x) ||
        (d && CVodeSensReInit(ode->cvodes, CV_STAGGERED, ode->s)) ||
        (!ode->scaled && !tolerances_set(ode)))
        return err_set(ERR_NUMERIC, "CVODES does not begin again at time %g", t);
    return ERR_OK;
}

static enum err refuse(const struct ode *ode, int flag, double t)
{
    double reached = ode->t_start;
    CVodeGetCurrentTime(ode->cvodes, &reached);
    switch (flag) {
    case CV_TOO_MUCH_WORK:
        return err_set(ERR_NUMERIC, "%zu steps lead from time %g only to %g, not to %g",
                       ode->options.steps_max, ode->t_start, reached, t);
    case CV_TOO_MUCH_ACC:
        return err_set(ERR_NUMERIC, "at time %g the tolerance is finer than rounding",
                       reached);
    case CV_ERR_FAILURE:
    case CV_CONV_FAILURE:
        return err_set(ERR_NUMERIC, "at time %g no step is small enough for tolerance %g",
                       reached, ode->options.relative_tolerance);
    case CV_RHSFUNC_FAIL:
    case CV_FIRST_RHSFUNC_ERR:
    case CV_REPTD_RHSFUNC_ERR:
    case CV_UNREC_RHSFUNC_ERR:
        return err_set(ERR_NUMERIC, "at time %g a rate is not finite", reached);
    case CV_SRHSFUNC_FAIL:
    case CV_FIRST_SRHSFUNC_ERR:
    case CV_REPTD_SRHSFUNC_ERR:
    case CV_UNREC_SRHSFUNC_ERR:
        return err_set(ERR_NUMERIC, "at time %g a derivative of a rate is not finite",
                       reached);
    default:
        return err_set(ERR_NUMERIC, "CVODES gives up at time %g with code %d", reached,
                       flag);
    }
}

static int carry(struct ode *ode, double t, double t_stop)
{
    size_t left = ode->options.steps_max - steps_since_restart(ode);
    if (left > ode->options.steps_max || left == 0)
        return CV_TOO_MUCH_WORK;
    double reached;
    int flag = CVodeSetMaxNumSteps(ode->cvodes, (long)left);
    if (flag >= 0)
        flag = CVodeSetStopTime(ode->cvodes, t_stop);
    if (flag >= 0)
        flag = CVode(ode->cvodes, t, ode->x, &reached, CV_NORMAL);
    if (flag >= 0 && ode->system.directions)
        flag = CVodeGetSens(ode->cvodes, &reached, ode->s);
    return flag;
}

enum err ode_advance(struct ode *ode, double t, double t_stop, double *x, double *s)
{
    size_t n = ode->system.states, d = ode->system.directions;
    assert(t >= ode->t_start && t_stop >= t);
    double ulps = INTERVAL_ULPS * DBL_EPSILON * fmax(fabs(t), fabs(ode->t_start));
    if (t - ode->t_start > ulps) {
        int flag = carry(ode, t, t_stop);
        if (flag < 0)
            return refuse(ode, flag, t);
    }
    memcpy(x, NV_DATA_S(ode->x), n * sizeof(double));
    for (size_t k = 0; k < d; k++)
        memcpy(s + k * n, NV_DATA_S(ode->s[k]), n * sizeof(double));
    return ERR_OK;
}

size_t ode_steps(const struct ode *ode)
{
    return ode->steps_before + steps_since_restart(ode);
}
