#include "courses.h"

#include <glob.h>

#include <cvodes/cvodes.h>
#include <nvector/nvector_serial.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunmatrix/sunmatrix_dense.h>

#include "base/memory.h"
#include "course.h"
#include "numerics/ode.h"
#include "oracle_course.h"

void courses_cover(const struct courses_one *courses, size_t count, const char *folder)
{
    glob_t found;
    char *pattern = mem_format("%s/models/%s/*.twin", SOURCE_DIR, folder);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    mem_free(pattern);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        bool known = false;
        for (size_t k = 0; k < count && !known; k++) {
            char *path = mem_format("%s/models/%s.twin", SOURCE_DIR, courses[k].model);
            known = strcmp(path, found.gl_pathv[i]) == 0;
            mem_free(path);
        }
        if (!known)
            fail_msg("%s is in no course", found.gl_pathv[i]);
    }
    assert_int_equal(found.gl_pathc, count);
    globfree(&found);
}

static size_t times_of(const struct courses_one *one)
{
    size_t count = 0;
    while (count < COURSES_TIMES_MAX && one->times[count] > 0)
        count++;
    return count;
}

/* --- differences ----------------------------------------------------------------------
 */

/* Of models that begin in a steady state (qt), or have a turn or a bend at a state's
 * threshold, where the oracle does not stop, its differences are rougher than the
 * derivatives. */
static double share_of(const struct model *model)
{
    static const char *const rough[] = {"qt", "cell", "glucose"};
    for (size_t i = 0; i < sizeof rough / sizeof *rough; i++)
        if (strcmp(model_name(model), rough[i]) == 0)
            return 1e-6;
    return 1e-8;
}

/* Derivatives in small steps are held to that share of themselves, or, where they pass
 * through zero, of a thousandth of the prediction per unit of the parameter's logarithm.
 */
static void check_course(struct course *course, const double *times, size_t count)
{
    size_t p = course->layout.p, d = p + course->layout.q;
    size_t n = count * course_readings(course);
    double *f = mem_new(n, sizeof *f), *jacobian = mem_new(n * d, sizeof *jacobian);
    long double *slope = mem_new(n, sizeof *slope);
    double phi[MODEL_PARAMETERS_MAX] = {0};
    course_transformed(course, phi);
    course_read_all(course, times, count);
    assert_int_equal(twin_measurements(course->twin), n);
    const struct engine_options options = {ENGINE_LANES, 1e-12};
    struct engine *engine = engine_new(course->model, &course->layout, &options);
    assert_ok(twin_predict(engine, course->twin, phi, phi + p, f, jacobian));
    engine_destroy(&engine);
    double share = share_of(course->model);
    double largest = 0; /* below its twelfth decimal the oracle has noise of its own */
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(f[i]));
    for (size_t a = 0; a < d; a++) {
        oracle_difference(course, phi, a, times, count, slope);
        for (size_t i = 0; i < n; i++) {
            double expected = (double)slope[i];
            double allowed =
                share * (fabs(expected) + 1e-3 * fabs(f[i])) + 1e-12 * largest;
            if (!(fabs(jacobian[i * d + a] - expected) <= allowed))
                fail_msg("%s: d f[%zu] by %s is %.12g, differences say %.12g",
                         model_name(course->model), i,
                         model_parameter(course->model, course_learned(course, a))->name,
                         jacobian[i * d + a], expected);
        }
    }
    mem_free(f);
    mem_free(jacobian);
    mem_free(slope);
}

void courses_agree_with_differences(const struct courses_one *courses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct course course;
        course_open(&course, courses[i].model, courses[i].set, courses[i].doses);
        check_course(&course, courses[i].times, times_of(&courses[i]));
        course_close(&course);
    }
}

/* --- lanes and CVODES ------------------------------------------------------------------
 */

/* Solvers that share nothing but the program, both of the lanes' methods and CVODES:
 * values and derivatives at every time of every course. */
static void compare_solvers(struct course *course, const double *times, size_t count)
{
    size_t p = course->layout.p, d = p + course->layout.q;
    size_t n = count * course_readings(course);
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_BDF,
                                                 ENGINE_ROSENBROCK};
    double *f[3], *jacobian[3], phi[MODEL_PARAMETERS_MAX] = {0}, largest = 0;
    course_transformed(course, phi);
    course_read_all(course, times, count);
    for (size_t i = 0; i < 3; i++) {
        struct engine_options options = {solvers[i], 1e-11};
        struct engine *engine = engine_new(course->model, &course->layout, &options);
        f[i] = mem_new(n, sizeof(double));
        jacobian[i] = mem_new(n * d, sizeof(double));
        assert_ok(twin_predict(engine, course->twin, phi, phi + p, f[i], jacobian[i]));
        engine_destroy(&engine);
    }
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(f[0][i]));
    for (size_t i = 0; i < 2 * n; i++) {
        size_t ours = i < n ? 0 : 2, at = i % n;
        assert_near(f[ours][at], f[1][at], 1e-8 * fabs(f[1][at]) + 1e-11 * largest);
        for (size_t a = 0; a < d; a++)
            assert_near(jacobian[ours][at * d + a], jacobian[1][at * d + a],
                        1e-7 * (fabs(jacobian[1][at * d + a]) + fabs(f[1][at])) +
                            1e-10 * largest);
    }
    for (size_t i = 0; i < 3; i++) {
        mem_free(f[i]);
        mem_free(jacobian[i]);
    }
}

void courses_agree_between_solvers(const struct courses_one *courses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct course course;
        course_open(&course, courses[i].model, courses[i].set, courses[i].doses);
        compare_solvers(&course, courses[i].times, times_of(&courses[i]));
        course_close(&course);
    }
}

/* --- CVODES' own sensitivities ---------------------------------------------------------
 *
 * CVODES can difference a right-hand side along parameters by itself. Both start from
 * where a model's course is half way, with no derivative yet, and nothing is given any
 * more. */

struct own {
    const struct course *course;
    struct evaluator *evaluator;
    double phi[MODEL_PARAMETERS_MAX], scale[MODEL_PARAMETERS_MAX];
    double covariates[MODEL_COVARIATES_MAX];
};

static void own_parameters(struct own *own, double *parameters)
{
    const struct course *course = own->course;
    for (size_t i = 0; i < model_parameters(course->model); i++)
        parameters[i] = course->parameters[i];
    for (size_t a = 0; a < course->layout.p + course->layout.q; a++) {
        size_t at = course_learned(course, a);
        parameters[at] = transform_back(model_parameter(course->model, at), own->phi[a]);
    }
}

static int own_rate(sunrealtype t, N_Vector x, N_Vector dxdt, void *user)
{
    struct own *own = user;
    double parameters[MODEL_PARAMETERS_MAX];
    own_parameters(own, parameters);
    evaluator_individual(own->evaluator, parameters, own->covariates);
    return evaluator_rate(own->evaluator, t, NV_DATA_S(x), NV_DATA_S(dxdt));
}

/* s [directions][states] from t to `to` by CVODES alone. The square root of the relative
 * tolerance is the share by which it moves a parameter: a finer tolerance would be worse.
 */
static void own_run(struct own *own, size_t n, size_t d, double t, double to,
                    const double *x0, double *s)
{
    SUNContext sundials;
#if SUNDIALS_VERSION_MAJOR >= 7
    assert_int_equal(SUNContext_Create(SUN_COMM_NULL, &sundials), 0);
#else
    assert_int_equal(SUNContext_Create(NULL, &sundials), 0);
#endif
    N_Vector x = N_VNew_Serial((sunindextype)n, sundials);
    N_Vector *along = N_VCloneVectorArray((int)d, x);
    N_Vector *loose = N_VCloneVectorArray((int)d, x), absolute = N_VClone(x);
    SUNMatrix matrix = SUNDenseMatrix((sunindextype)n, (sunindextype)n, sundials);
    SUNLinearSolver linear = SUNLinSol_Dense(x, matrix, sundials);
    void *cvodes = CVodeCreate(CV_BDF, sundials);
    for (size_t i = 0; i < n; i++) {
        NV_DATA_S(x)[i] = x0[i];
        NV_DATA_S(absolute)[i] = 1e-13 * (fabs(x0[i]) + 1e-6);
    }
    for (size_t k = 0; k < d; k++) {
        N_VConst(0, along[k]);
        N_VScale(1e3, absolute, loose[k]);
    }
    assert_int_equal(CVodeInit(cvodes, own_rate, t, x), 0);
    assert_int_equal(CVodeSetUserData(cvodes, own), 0);
    assert_int_equal(CVodeSVtolerances(cvodes, 1e-8, absolute), 0);
    assert_int_equal(CVodeSetLinearSolver(cvodes, linear, matrix), 0);
    assert_int_equal(CVodeSetMaxNumSteps(cvodes, 1000000), 0);
    assert_int_equal(CVodeSetMaxHnilWarns(cvodes, -1), 0);
    assert_int_equal(CVodeSensInit(cvodes, (int)d, CV_STAGGERED, NULL, along), 0);
    assert_int_equal(CVodeSetSensParams(cvodes, own->phi, own->scale, NULL), 0);
    assert_int_equal(CVodeSetSensDQMethod(cvodes, CV_CENTERED, 0), 0);
    assert_int_equal(CVodeSensSVtolerances(cvodes, 1e-8, loose), 0);
    assert_int_equal(CVodeSetSensErrCon(cvodes, SUNTRUE), 0);
    double reached;
    assert_true(CVode(cvodes, to, x, &reached, CV_NORMAL) >= 0);
    assert_true(CVodeGetSens(cvodes, &reached, along) >= 0);
    for (size_t k = 0; k < d; k++)
        memcpy(s + k * n, NV_DATA_S(along[k]), n * sizeof *s);
    CVodeFree(&cvodes);
    SUNLinSolFree(linear);
    SUNMatDestroy(matrix);
    N_VDestroyVectorArray(along, (int)d);
    N_VDestroyVectorArray(loose, (int)d);
    N_VDestroy(absolute);
    N_VDestroy(x);
    SUNContext_Free(&sundials);
}

static int our_rate(void *context, double t, const double *x, double *dxdt)
{
    return evaluator_rate(((struct own *)context)->evaluator, t, x, dxdt);
}

static int our_directions(void *context, double t, const double *x, const double *s,
                          double *dxdt, double *dsdt)
{
    return evaluator_rate_directions(((struct own *)context)->evaluator, t, x, s, dxdt,
                                     dsdt);
}

static int our_jacobian(void *context, double t, const double *x, double *dfdx)
{
    return evaluator_jacobian(((struct own *)context)->evaluator, t, x, dfdx);
}

/* The same by the evaluator's derivatives and numerics/ode. */
static void our_run(struct own *own, size_t n, size_t d, double t, double to,
                    const double *x0, double *s)
{
    double parameters[MODEL_PARAMETERS_MAX];
    double *x = mem_copy(x0, n * sizeof *x0), *scale = mem_new(n, sizeof *scale);
    for (size_t i = 0; i < n; i++)
        scale[i] = fabs(x0[i]) + 1e-6;
    own_parameters(own, parameters);
    evaluator_individual(own->evaluator, parameters, own->covariates);
    struct ode_system system = {n, d, our_rate, our_directions, our_jacobian, own};
    struct ode_options options = {ODE_BDF, 1e-11, 1e-13, 1000000, scale};
    struct ode *ode;
    assert_ok(ode_new(&system, &options, &ode));
    memset(s, 0, n * d * sizeof *s);
    assert_ok(ode_restart(ode, t, x, s));
    assert_ok(ode_advance(ode, to, to, x, s));
    ode_destroy(&ode);
    mem_free(scale);
    mem_free(x);
}

static void compare_with_own(struct course *course, double t, double to)
{
    size_t n = model_states(course->model), d = course->layout.p + course->layout.q;
    struct own own = {.course = course, .evaluator = evaluator_new(course->model, true)};
    double *x0 = mem_new(n, sizeof *x0), *theirs = mem_new(n * d, sizeof *theirs);
    double *ours = mem_new(n * d, sizeof *ours);
    for (size_t i = 0; i < n; i++) {
        double *one = course_run(course, model_state(course->model, i)->name, t, 1, 1);
        x0[i] = *one;
        mem_free(one);
    }
    for (size_t i = 0; i < model_covariates(course->model); i++)
        own.covariates[i] = model_covariate(course->model, i)->default_value;
    course_transformed(course, own.phi);
    for (size_t a = 0; a < d; a++) {
        assert_int_equal(model_direction(course->model, a), course_learned(course, a));
        own.scale[a] = 1;
    }
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(x0[i]));
    own_run(&own, n, d, t, to, x0, theirs);
    our_run(&own, n, d, t, to, x0, ours);
    for (size_t k = 0; k < d; k++)
        for (size_t i = 0; i < n; i++) {
            double expected = theirs[k * n + i];
            /* Their differences are of values right to 1e-8. */
            double allowed =
                1e-6 * (fabs(expected) + 5e-3 * fabs(x0[i])) + 1e-12 * largest;
            if (!(fabs(ours[k * n + i] - expected) <= allowed))
                fail_msg("%s: d %s by direction %zu is %.12g, CVODES alone says %.12g",
                         model_name(course->model), model_state(course->model, i)->name,
                         k, ours[k * n + i], expected);
        }
    evaluator_destroy(&own.evaluator);
    mem_free(x0);
    mem_free(theirs);
    mem_free(ours);
}

void courses_agree_with_cvodes_alone(const struct courses_one *courses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct course course;
        size_t times = times_of(&courses[i]);
        course_open(&course, courses[i].model, courses[i].set, courses[i].doses);
        double t = courses[i].times[times / 2];
        if (model_states(course.model))
            compare_with_own(&course, t, t + 0.25 * courses[i].times[times - 1]);
        course_close(&course);
    }
}
