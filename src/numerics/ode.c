#include "numerics/ode.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include <cvodes/cvodes.h>
#include <nvector/nvector_serial.h>
#include <sundials/sundials_config.h>
#include <sundials/sundials_dense.h>
#include <sundials/sundials_linearsolver.h>
#include <sunmatrix/sunmatrix_dense.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

#include "base/memory.h"

#define STATES_MAX ((size_t)10000)
#define DIRECTIONS_MAX ((size_t)1000)

/* CVODES refuses to begin an interval shorter than a few ulps of its ends. */
#define INTERVAL_ULPS 8

/* States and sensitivities are one vector y = (x, s_1, ..., s_d): the states first, then
 * each direction's column, as the callbacks want them. One corrector serves all of them
 * (the simultaneous corrector of Maly and Petzold, Appl. Numer. Math. 20:57, 1996): its
 * matrix is I - gamma df/dx, once for every block. CVODES' own sensitivities do the same
 * with d + 1 vectors, whose handling costs more than the models of this house do. */
struct ode {
    struct ode_system system;
    struct ode_options options;
    size_t length; /* of y */

    SUNContext sundials;
    void *cvodes;
    N_Vector y, absolute, dense; /* dense: ode_within's room */
    SUNMatrix matrix;            /* of one block */
    SUNLinearSolver linear;
    SUNNonlinearSolver nonlinear;
    sunindextype *pivots; /* [states] */
    double *jacobian;     /* [states][states] */

    bool scaled; /* CVODES knows the present scales */
    double t_start;
    size_t steps_before; /* of earlier restarts */
};

/* --- what CVODES calls ---------------------------------------------------------- */

/* 0, or 1 (try a smaller step), as CVODES wants it. */
static int verdict(int said, size_t count, const double *values)
{
    for (size_t i = 0; i < count && !said; i++)
        said = !isfinite(values[i]);
    return said != 0;
}

static int on_rate(sunrealtype t, N_Vector y, N_Vector dydt, void *user)
{
    struct ode *ode = user;
    const struct ode_system *system = &ode->system;
    const double *x = NV_DATA_S(y);
    double *out = NV_DATA_S(dydt);
    size_t n = system->states;
    int said = system->directions
                   ? system->rate_directions(system->context, t, x, x + n, out, out + n)
                   : system->rate(system->context, t, x, out);
    return verdict(said, ode->length, out);
}

static int on_jacobian(sunrealtype t, N_Vector y, N_Vector dydt, SUNMatrix matrix,
                       void *user, N_Vector work1, N_Vector work2, N_Vector work3)
{
    (void)dydt, (void)work1, (void)work2, (void)work3;
    struct ode *ode = user;
    size_t n = ode->system.states;
    int said = ode->system.jacobian(ode->system.context, t, NV_DATA_S(y), ode->jacobian);
    said = verdict(said, n * n, ode->jacobian);
    for (size_t j = 0; j < n && !said; j++) {
        double *column = SUNDenseMatrix_Column(matrix, (sunindextype)j);
        for (size_t i = 0; i < n; i++)
            column[i] = ode->jacobian[i * n + j];
    }
    return said;
}

/* The linear solver: one LU factorisation, solved for every block. */
static SUNLinearSolver_Type block_type(SUNLinearSolver linear)
{
    (void)linear;
    return SUNLINEARSOLVER_DIRECT;
}

static int block_setup(SUNLinearSolver linear, SUNMatrix matrix)
{
    struct ode *ode = linear->content;
    sunindextype n = (sunindextype)ode->system.states;
    sunindextype bad =
        SUNDlsMat_denseGETRF(SUNDenseMatrix_Cols(matrix), n, n, ode->pivots);
    return bad ? SUNLS_LUFACT_FAIL : 0;
}

static int block_solve(SUNLinearSolver linear, SUNMatrix matrix, N_Vector to,
                       N_Vector from, sunrealtype tolerance)
{
    (void)tolerance;
    struct ode *ode = linear->content;
    size_t n = ode->system.states;
    double *out = NV_DATA_S(to);
    if (to != from)
        memcpy(out, NV_DATA_S(from), ode->length * sizeof(double));
    for (size_t at = 0; at < ode->length; at += n)
        SUNDlsMat_denseGETRS(SUNDenseMatrix_Cols(matrix), (sunindextype)n, ode->pivots,
                             out + at);
    return 0;
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

/* The one that goes to its logger, and so to standard output: that a step changes no
 * time. */
static bool messages_off(struct ode *ode)
{
    return ode->cvodes && !CVodeSetMaxHnilWarns(ode->cvodes, -1);
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

/* --- begin and end -------------------------------------------------------------- */

static enum err options_check(const struct ode_system *system,
                              const struct ode_options *options)
{
    if (system->states == 0 || system->states > STATES_MAX)
        return err_set(ERR_RANGE, "a system of %zu states outside [1, %zu]",
                       system->states, STATES_MAX);
    if (system->directions > DIRECTIONS_MAX)
        return err_set(ERR_RANGE, "a system of %zu directions, at most %zu",
                       system->directions, DIRECTIONS_MAX);
    if (options->method == ODE_BDF && !system->jacobian)
        return err_set(ERR_RANGE, "BDF without a Jacobian");
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

/* Newton with the blocks' matrix for BDF, plain functional iteration for Adams. */
static bool solver_attach(struct ode *ode)
{
    if (ode->options.method == ODE_ADAMS) {
        ode->nonlinear = SUNNonlinSol_FixedPoint(ode->y, 0, ode->sundials);
        return ode->nonlinear && !CVodeSetNonlinearSolver(ode->cvodes, ode->nonlinear);
    }
    sunindextype n = (sunindextype)ode->system.states;
    ode->pivots = mem_new(ode->system.states, sizeof *ode->pivots);
    ode->matrix = SUNDenseMatrix(n, n, ode->sundials);
    ode->linear = SUNLinSolNewEmpty(ode->sundials);
    if (!ode->matrix || !ode->linear)
        return false;
    ode->linear->content = ode;
    ode->linear->ops->gettype = block_type;
    ode->linear->ops->setup = block_setup;
    ode->linear->ops->solve = block_solve;
    return !CVodeSetLinearSolver(ode->cvodes, ode->linear, ode->matrix) &&
           !CVodeSetJacFn(ode->cvodes, on_jacobian);
}

static bool tolerances_set(struct ode *ode)
{
    ode->scaled =
        !CVodeSVtolerances(ode->cvodes, ode->options.relative_tolerance, ode->absolute);
    return ode->scaled;
}

static bool cvodes_new(struct ode *ode)
{
    if (!context_open(ode))
        return false;
    ode->y = N_VNew_Serial((sunindextype)ode->length, ode->sundials);
    ode->absolute = N_VNew_Serial((sunindextype)ode->length, ode->sundials);
    ode->dense = N_VNew_Serial((sunindextype)ode->length, ode->sundials);
    ode->cvodes =
        CVodeCreate(ode->options.method == ODE_BDF ? CV_BDF : CV_ADAMS, ode->sundials);
    if (!ode->y || !ode->absolute || !ode->dense || !messages_off(ode))
        return false;
    memset(NV_DATA_S(ode->y), 0, ode->length * sizeof(double));
    ode_scale(ode, ode->options.state_scale);
    return !CVodeInit(ode->cvodes, on_rate, 0, ode->y) &&
           !CVodeSetUserData(ode->cvodes, ode) && tolerances_set(ode) &&
           solver_attach(ode);
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
    out->length = system->states * (1 + system->directions);
    out->jacobian = mem_new(system->states * system->states, sizeof(double));
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
    if (gone->cvodes)
        CVodeFree(&gone->cvodes);
    if (gone->nonlinear)
        SUNNonlinSolFree(gone->nonlinear);
    if (gone->linear)
        SUNLinSolFreeEmpty(gone->linear);
    if (gone->matrix)
        SUNMatDestroy(gone->matrix);
    if (gone->absolute)
        N_VDestroy(gone->absolute);
    if (gone->dense)
        N_VDestroy(gone->dense);
    if (gone->y)
        N_VDestroy(gone->y);
    if (gone->sundials)
        SUNContext_Free(&gone->sundials);
    mem_free(gone->pivots);
    mem_free(gone->jacobian);
    mem_free(gone);
    *ode = NULL;
}

void ode_scale(struct ode *ode, const double *state_scale)
{
    double *absolute = NV_DATA_S(ode->absolute);
    size_t n = ode->system.states;
    for (size_t i = 0; i < ode->length; i++)
        absolute[i] =
            ode->options.absolute_tolerance * (state_scale ? state_scale[i % n] : 1);
    ode->scaled = false;
}

/* --- moving --------------------------------------------------------------------- */

static size_t steps_since_restart(const struct ode *ode)
{
    long steps = 0;
    CVodeGetNumSteps(ode->cvodes, &steps);
    return (size_t)steps;
}

enum err ode_restart(struct ode *ode, double t, const double *x, const double *s)
{
    size_t n = ode->system.states;
    double *y = NV_DATA_S(ode->y);
    ode->steps_before += steps_since_restart(ode);
    ode->t_start = t;
    memcpy(y, x, n * sizeof(double));
    if (ode->length > n)
        memcpy(y + n, s, (ode->length - n) * sizeof(double));
    if (verdict(0, ode->length, y))
        return err_set(ERR_NUMERIC, "the values at time %g are not finite", t);
    if (CVodeReInit(ode->cvodes, t, ode->y) || (!ode->scaled && !tolerances_set(ode)))
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
        flag = CVode(ode->cvodes, t, ode->y, &reached, CV_NORMAL);
    return flag;
}

enum err ode_advance(struct ode *ode, double t, double t_stop, double *x, double *s)
{
    size_t n = ode->system.states;
    const double *y = NV_DATA_S(ode->y);
    assert(t >= ode->t_start && t_stop >= t);
    double ulps = INTERVAL_ULPS * DBL_EPSILON * fmax(fabs(t), fabs(ode->t_start));
    if (t - ode->t_start <= ulps) { /* a step may have been made since */
        ode_within(ode, t, x, s);
        return ERR_OK;
    }
    int flag = carry(ode, t, t_stop);
    if (flag < 0)
        return refuse(ode, flag, t);
    memcpy(x, y, n * sizeof(double));
    if (ode->length > n)
        memcpy(s, y + n, (ode->length - n) * sizeof(double));
    return ERR_OK;
}

enum err ode_step(struct ode *ode, double t_stop, double *reached)
{
    double ulps = INTERVAL_ULPS * DBL_EPSILON * fmax(fabs(t_stop), fabs(ode->t_start));
    *reached = t_stop;
    if (t_stop - ode->t_start <= ulps)
        return ERR_OK;
    if (steps_since_restart(ode) >= ode->options.steps_max)
        return refuse(ode, CV_TOO_MUCH_WORK, t_stop);
    int flag = CVodeSetStopTime(ode->cvodes, t_stop);
    if (flag >= 0)
        flag = CVode(ode->cvodes, t_stop, ode->y, reached, CV_ONE_STEP);
    return flag < 0 ? refuse(ode, flag, t_stop) : ERR_OK;
}

void ode_within(const struct ode *ode, double t, double *x, double *s)
{
    size_t n = ode->system.states;
    const double *y = NV_DATA_S(ode->y);
    if (steps_since_restart(ode) && CVodeGetDky(ode->cvodes, t, 0, ode->dense) == 0)
        y = NV_DATA_S(ode->dense);
    memcpy(x, y, n * sizeof(double));
    if (s && ode->length > n)
        memcpy(s, y + n, (ode->length - n) * sizeof(double));
}

size_t ode_steps(const struct ode *ode)
{
    return ode->steps_before + steps_since_restart(ode);
}
