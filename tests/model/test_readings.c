/* Readings that look back: predictions and derivatives beside closed forms, differences,
 * outcomes and CVODES. */

#include <math.h>
#include <string.h>

#include "check.h"
#include "course.h"
#include "model/outcome.h"
#include "model/track.h"

/* --- closed forms ------------------------------------------------------------------- */

#define FORMULAS                                                                         \
    "model m version 1\ntime h\n[parameters]\n"                                          \
    "a = 3 1 (0.01, 99) lognormal sd 0.3\nk = 0.4 1/h (0.01, 9) lognormal sd 0.3\n"      \
    "tl = 4.3 h (0.01, 99) lognormal sd 0.3\nT = 2 h (0.01, 99) lognormal sd 0.3\n"      \
    "[covariates]\nX 1 locf default 1\n[equations]\nfalls = a*exp(-k*time)*X\n"          \
    "tent = if(time < tl, a*time/tl, a*exp(-k*(time - tl)))\n"                           \
    "step = if(time < tl, a, 2*a)\n[observations]\n"                                     \
    "top : max(falls) over last T ~ add(1)\nlow : min(falls) over last T ~ add(1)\n"     \
    "peak : max(tent) over last T ~ add(1)\n"                                            \
    "average : mean(falls) over last T ~ add(1)\n"                                       \
    "area : auc(step) over last T ~ add(1 h)\n"                                          \
    "share : (max(falls) - min(falls))/max(falls) over last T ~ add(1 %) unit %\n"       \
    "through : k*auc(falls) over last T ~ add(1)\nnow : falls ~ add(1)\n"                \
    "most : max(step) over last T ~ add(1)\n"

/* What a reading at t comes to, and its derivatives by a, k, tl and T; tl is in the
 * window. */
static double expected(size_t observation, const double *theta, double t, double *by)
{
    double a = theta[0], k = theta[1], tl = theta[2], T = theta[3];
    double high = a * exp(-k * (t - T)), low = a * exp(-k * t), area = (high - low) / k;
    double area_k = (-(t - T) * high + t * low) / k - area / k;
    memset(by, 0, 4 * sizeof *by);
    switch (observation) {
    case 0:
        by[0] = high / a, by[1] = -(t - T) * high, by[3] = k * high;
        return high;
    case 1:
        by[0] = low / a, by[1] = -t * low;
        return low;
    case 2:
        by[0] = 1;
        return a;
    case 3:
        by[0] = area / T / a, by[1] = area_k / T, by[3] = high / T - area / (T * T);
        return area / T;
    case 4:
        by[0] = (tl - (t - T)) + 2 * (t - tl), by[2] = -a, by[3] = a;
        return a * by[0];
    case 5:
        by[1] = 100 * T * low / high, by[3] = 100 * k * low / high;
        return 100 * (1 - low / high);
    case 6:
        by[0] = (high - low) / a, by[1] = -(t - T) * high + t * low, by[3] = k * high;
        return high - low;
    case 7:
        by[0] = low / a, by[1] = -t * low;
        return low;
    default:
        by[0] = 2;
        return 2 * a;
    }
}

static void measured(struct course *course, const char *observation, double t)
{
    assert_ok(record_measurement(course->record, t, observation, NULL, 1, CENSORED_NOT,
                                 10000 + course->record->measurement_count));
}

/* The twin again, with what was measured. */
static void renew(struct course *course)
{
    twin_destroy(&course->twin);
    record_sort(course->record);
    assert_ok(twin_new(course->model, &course->layout, course->record, &course->twin));
}

static void readings__of_formulas_are_their_closed_forms(void **state)
{
    (void)state;
    struct course course;
    double phi[4], f[18], jacobian[18][4];
    course_open_text(&course, FORMULAS, "X=1@0", "");
    size_t observations = model_observations(course.model);
    for (size_t i = 0; i < 18; i++)
        measured(&course, model_observation(course.model, i % observations)->name,
                 i < observations ? 5 : 5.5);
    renew(&course);
    for (size_t k = 0; k < 4; k++)
        phi[k] = log(course.parameters[k]);
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_BDF};
    for (size_t s = 0; s < 2; s++) {
        const struct engine_options options = {solvers[s], 0};
        struct engine *engine = engine_new(course.model, &course.layout, &options);
        assert_ok(twin_predict(engine, course.twin, phi, NULL, f, jacobian[0]));
        for (size_t i = 0; i < 18; i++) {
            const struct twin_measurement *one = twin_measurement(course.twin, i);
            double by[4],
                value = expected(one->observation, course.parameters, one->time, by);
            assert_near(f[i], value, 1e-11 * value);
            for (size_t k = 0; k < 4; k++)
                assert_near(jacobian[i][k], by[k] * course.parameters[k],
                            2e-10 * fabs(value));
        }
        engine_destroy(&engine);
    }
    course_close(&course);
}

/* --- thresholds --------------------------------------------------------------------- */

#define THRESHOLDS                                                                       \
    "model m version 1\ntime h\n[parameters]\n"                                          \
    "a = 3 1 (0.01, 99) lognormal sd 0.3\nk = 0.3 1/h (0.01, 9) lognormal sd 0.3\n"      \
    "L = 40 mg (1, 99) lognormal sd 0.3\nT = 4 h (0.01, 99) lognormal sd 0.3\n"          \
    "[doses]\niv -> A mg\n[equations]\nd/dt(A) = -k*A\n[observations]\n"                 \
    "area : auc(if(A > L, a, 2*a)) over last T ~ add(1 h)\n"                             \
    "above : mean(if(A > L, A, 0 [mg])) over last T ~ add(1 mg)\n"                       \
    "counts : auc(floor(A/20 [mg])) over last T ~ add(1 h)\n"                            \
    "apart : mean(abs(A - 1.25*L)) over last T ~ add(1 mg)\n"                            \
    "least : min(if(A > L, A, 5*A)) over last T ~ add(1 mg)\n"

/* 100 mg fall through L, 60 and 40 mg in the window that ends with a reading at t. */
static double crossed(size_t observation, const double *theta, double t, double *by)
{
    double a = theta[0], k = theta[1], L = theta[2], T = theta[3], from = t - T;
    double at = log(100 / L) / k, one = log(100. / 60) / k, two = log(100. / 40) / k;
    double high = 100 * exp(-k * from), over = (high - L) / k;
    double bend = 1.25 * L, there = log(100 / bend) / k, low = 100 * exp(-k * t);
    double first = (high - bend) / k, second = (bend - low) / k, back = bend * there / k;
    double apart = first - bend * (there - from) + bend * (t - there) - second;
    memset(by, 0, 4 * sizeof *by);
    switch (observation) {
    case 0:
        by[0] = at - from + 2 * (t - at), by[1] = a * at / k, by[2] = a / (k * L),
        by[3] = a;
        return a * by[0];
    case 1:
        by[1] = (-from * high - over) / (k * T), by[2] = -1 / (k * T);
        by[3] = (high - over / T) / T;
        return over / T;
    case 2:
        by[1] = -(one + two) / k, by[3] = 3;
        return 3 * (one - from) + 2 * (two - one) + (t - two);
    case 3:
        by[1] = (2 * back - (from * high + first) / k + (second - t * low) / k) / T;
        by[2] = 1.25 * (t + from - 2 * there) / T;
        by[3] = (high - bend - apart / T) / T;
        return apart / T;
    default:
        by[2] = 1;
        return L;
    }
}

/* What is looked at jumps when a state crosses a bound: its time moves, and so does what
 * lies before it and behind. Or it has a kink there: its derivatives jump. */
static void readings__move_with_thresholds(void **state)
{
    (void)state;
    struct course course;
    double phi[4], f[10], jacobian[10][4];
    course_open_text(&course, THRESHOLDS, "", "iv 100 mg @ 0 h");
    for (size_t i = 0; i < 10; i++)
        measured(&course, model_observation(course.model, i % 5)->name, i < 5 ? 5 : 5.25);
    renew(&course);
    for (size_t k = 0; k < 4; k++)
        phi[k] = log(course.parameters[k]);
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_ROSENBROCK,
                                                 ENGINE_BDF};
    for (size_t s = 0; s < 3; s++) {
        const struct engine_options options = {solvers[s], 1e-11};
        double room = solvers[s] == ENGINE_BDF ? 1e-7 : 1e-8;
        struct engine *engine = engine_new(course.model, &course.layout, &options);
        assert_ok(twin_predict(engine, course.twin, phi, NULL, f, jacobian[0]));
        for (size_t i = 0; i < 10; i++) {
            const struct twin_measurement *one = twin_measurement(course.twin, i);
            double by[4],
                value = crossed(one->observation, course.parameters, one->time, by);
            assert_near(f[i], value, room * value);
            for (size_t k = 0; k < 4; k++)
                assert_near(jacobian[i][k], by[k] * course.parameters[k], room * value);
        }
        engine_destroy(&engine);
    }
    course_close(&course);
}

/* A covariate that rises by one an hour until 6, and then falls twice as fast, and a
 * square of time: bounds are learned, and there may be a state as well. */
#define MOVING(equations, more)                                                          \
    "model m version 1\ntime h\n[parameters]\n"                                          \
    "a = 3 1 (0.01, 99) lognormal sd 0.3\nk = 0.3 1/h (0.01, 9) lognormal sd 0.3\n"      \
    "L = 5 1 (0.1, 99) lognormal sd 0.3\nT = 4 h (0.01, 99) lognormal sd 0.3\n"          \
    "P = 2.5 1 (0.1, 99) lognormal sd 0.3\ns = 2.1 1/h (0.1, 9) lognormal sd 0.01\n"     \
    "[covariates]\nX 1 linear\n[equations]\n" equations                                  \
    "[observations]\narea : auc(if(X > L, a, 2*a)) over last T ~ add(1 h)\n"             \
    "above : mean(if(X > L, a*X, 0)) over last T ~ add(1)\n"                             \
    "counts : auc(floor(X/P)) over last T ~ add(1 h)\n"                                  \
    "left : auc(mod(X, P)) over last T ~ add(1 h)\n"                                     \
    "late : mean(if(time*time > 40 [h^2] + s*time*1 [h^2], a, 0)) over last T ~ "        \
    "add(1)\n"                                                                           \
    "most : max(if(X > L, a, -a*X)) over last T ~ add(1)\n"                              \
    "falls : auc(if(X > L, A, 0)) over last T ~ add(1 h)\n" more

#define PI 3.14159265358979323846

/* Of a window that ends at 8 h. */
static double moved(size_t observation, const double *theta, double *by)
{
    double a = theta[0], k = theta[1], L = theta[2], T = theta[3], P = theta[4],
           s = theta[5], from = 8 - T, until = 9 - L / 2, turns = 10 + T - 3.5 * P;
    double root = sqrt(s * s / 4 + 40), late = s / 2 + root;
    double value = 100 / k * (exp(-k * L) - exp(-k * until));
    memset(by, 0, 6 * sizeof *by);
    switch (observation) {
    case 0:
        by[0] = 2 * T - (until - L), by[2] = 1.5 * a, by[3] = 2 * a;
        return a * by[0];
    case 1:
        by[0] = 0.75 * (36 - L * L) / T, by[2] = -1.5 * a * L / T;
        by[3] = -a * by[0] / T;
        return a * by[0];
    case 2:
        by[3] = 1, by[4] = -3.5;
        return turns;
    case 3:
        by[3] = from - P, by[4] = -turns + 3.5 * P;
        return (36 - from * from) / 2 + 8 - P * turns;
    case 4:
        by[0] = (8 - late) / T, by[3] = -a * by[0] / T;
        by[5] = -a / T * (0.5 + s / 4 / root);
        return a * by[0];
    case 5:
        by[0] = 1;
        return a;
    case 7: {
        double w = 0.45 * s, one = 12 / PI * asin(w);
        by[0] = (12 - 2 * one) / T, by[3] = -a * by[0] / T;
        by[5] = -2 * a / T * 12 / PI / sqrt(1 - w * w) * 0.45;
        return a * by[0];
    }
    default:
        by[1] = -value / k + 100 / k * (until * exp(-k * until) - L * exp(-k * L));
        by[2] = -100 * exp(-k * L) - 50 * exp(-k * until);
        return value;
    }
}

/* As states do, so do covariates that move, and powers of time. Bounds of two parameters
 * are met at once, at 5 h. */
static void readings__move_with_covariates(void **state)
{
    (void)state;
    static const char *const texts[] = {
        MOVING("A = 100*exp(-k*time)\n", ""),
        MOVING("d/dt(A) = -k*A init 100\n",
               "wave : mean(if(sin(2*pi*time/24 [h]) > 0.45 [h]*s, a, 0)) over last T ~ "
               "add(1)\n"),
    };
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_ROSENBROCK,
                                                 ENGINE_BDF, ENGINE_ADAMS};
    for (size_t m = 0; m < 2; m++) {
        struct course course;
        double phi[6], f[8], jacobian[8][6];
        course_open_text(&course, texts[m], "X=0@0 X=6@6 X=0@9", "");
        size_t count = model_observations(course.model);
        for (size_t i = 0; i < count; i++)
            measured(&course, model_observation(course.model, i)->name, 8);
        renew(&course);
        for (size_t k = 0; k < 6; k++)
            phi[k] = log(course.parameters[k]);
        for (size_t s = 0; s < 5; s++) {
            const struct engine_options options = {solvers[s % 4], 1e-11};
            double room = s > 1 ? 1e-7 : 1e-8;
            struct engine *engine =
                s < 4 ? engine_new(course.model, &course.layout, &options)
                      : engine_new_equal(course.model, &course.layout, 0.01);
            assert_ok(twin_predict(engine, course.twin, phi, NULL, f, jacobian[0]));
            for (size_t i = 0; i < count; i++) {
                double by[6], value = moved(i, course.parameters, by);
                assert_near(f[i], value, room * value);
                for (size_t k = 0; k < 6; k++)
                    assert_near(jacobian[i][k], by[k] * course.parameters[k],
                                room * (value + fabs(by[k])));
            }
            engine_destroy(&engine);
        }
        course_close(&course);
    }
}

/* --- courses ------------------------------------------------------------------------ */

/* Doses that come late, run for a while that is a parameter, jump at times that move; a
 * window of its own length, rates that switch, a covariate that changes. */
#define COURSES                                                                          \
    "model m version 1\ntime h\n[parameters]\n"                                          \
    "ka = 1.5 1/h (0.1, 20) lognormal sd 0.3\nCL = 2.8 L/h (0.1, 50) lognormal sd 0.3\n" \
    "V = 32 L (1, 500) lognormal sd 0.2\nlag = 0.7 h (0.01, 3) lognormal sd 0.3\n"       \
    "run = 1.3 h (0.1, 9) lognormal sd 0.2\nT = 3 h (0.1, 99) lognormal sd 0.2\n"        \
    "night = 5 h (1, 20) lognormal sd 0.1\n"                                             \
    "[covariates]\nWT 1 locf default 1\n[doses]\noral -> D mg lag lag\n"                 \
    "iv -> C mg lag lag\ndrip -> C mg over run\n"                                        \
    "[equations]\nd/dt(D) = -ka*D\n"                                                     \
    "d/dt(C) = ka*D - CL*WT*if(mod(time, 8 h) < night, 0.5, 1)/V*C unit mg\n"            \
    "level = C/V\n[observations]\n"                                                      \
    "top : max(level) over last T*WT ~ add(1 mg/L)\n"                                    \
    "low : min(level) over last T*WT ~ add(1 mg/L)\n"                                    \
    "average : mean(level) over last T*WT ~ add(1 mg/L)\n"                               \
    "area : auc(level^2) over last T ~ add(1 mg^2*h/L^2)\n"                              \
    "swing : (max(level) - min(level))/mean(level) over last 3 h ~ add(1)\n"             \
    "now : level ~ add(1 mg/L)\n"

#define DIRECTIONS 7
#define PLACES 60

static void open_course(struct course *course)
{
    course_open_text(course, COURSES, "WT=1@0 WT=1.3@9",
                     "oral 320 mg @ 0 h every 7 h 4 times;iv 90 mg @ 11 h;"
                     "drip 120 mg @ 16.2 h");
    for (size_t i = 0; i < PLACES; i++)
        measured(course, model_observation(course->model, i % 6)->name,
                 4.9 + 0.34 * (double)i);
    renew(course);
}

static void predict(struct engine *engine, const struct course *course, const double *phi,
                    double *f, double *jacobian)
{
    assert_ok(twin_predict(engine, course->twin, phi, NULL, f, jacobian));
}

/* By differences of values, along direction k. */
static void differences(struct engine *engine, const struct course *course,
                        const double *phi, size_t k, double *out)
{
    static const double weights[] = {1. / 12, -2. / 3, 0, 2. / 3, -1. / 12};
    double h = 1e-3, f[PLACES], moved[DIRECTIONS];
    memset(out, 0, PLACES * sizeof *out);
    for (int step = -2; step <= 2; step++) {
        memcpy(moved, phi, sizeof moved);
        moved[k] += step * h;
        predict(engine, course, moved, f, NULL);
        for (size_t i = 0; i < PLACES; i++)
            out[i] += weights[step + 2] * f[i] / h;
    }
}

static void readings__have_the_derivatives_that_differences_show(void **state)
{
    (void)state;
    struct course course;
    double phi[DIRECTIONS], f[PLACES], jacobian[PLACES][DIRECTIONS], shown[PLACES];
    open_course(&course);
    course_transformed(&course, phi);
    const struct engine_options tight = {ENGINE_LANES, 1e-12};
    struct engine *engine = engine_new(course.model, &course.layout, &tight);
    predict(engine, &course, phi, f, jacobian[0]);
    for (size_t k = 0; k < DIRECTIONS; k++) {
        differences(engine, &course, phi, k, shown);
        for (size_t i = 0; i < PLACES; i++)
            assert_near(jacobian[i][k], shown[i], 3e-8 * (1 + fabs(f[i])));
    }
    engine_destroy(&engine);
    course_close(&course);
}

static void readings__are_the_same_by_every_method(void **state)
{
    (void)state;
    struct course course;
    double phi[DIRECTIONS], f[PLACES], jacobian[PLACES][DIRECTIONS], other[PLACES],
        slopes[PLACES][DIRECTIONS];
    open_course(&course);
    course_transformed(&course, phi);
    predict(course.engine, &course, phi, f, jacobian[0]);
    const struct engine_options methods[] = {
        {ENGINE_BDF, 1e-13}, {ENGINE_ADAMS, 1e-13}, {ENGINE_ROSENBROCK, 0}};
    for (size_t m = 0; m < 4; m++) {
        struct engine *engine =
            m < 3 ? engine_new(course.model, &course.layout, &methods[m])
                  : engine_new_equal(course.model, &course.layout, 0.01);
        predict(engine, &course, phi, other, slopes[0]);
        for (size_t i = 0; i < PLACES; i++) {
            assert_near(other[i], f[i], 1e-7 * fabs(f[i]));
            for (size_t k = 0; k < DIRECTIONS; k++)
                assert_near(slopes[i][k], jacobian[i][k], 1e-6 * (1 + fabs(f[i])));
        }
        engine_destroy(&engine);
    }
    course_close(&course);
}

/* Many in lanes at once, all at other places: the bits of each alone. */
static void readings__do_not_feel_each_other_or_the_machine(void **state)
{
    (void)state;
    static double phi[16][DIRECTIONS], f[16][PLACES], jacobian[16][PLACES * DIRECTIONS];
    double alone[PLACES], slopes[PLACES * DIRECTIONS];
    struct twin_point points[16];
    struct course course;
    open_course(&course);
    for (size_t i = 0; i < 16; i++) {
        course_transformed(&course, phi[i]);
        for (size_t k = 0; k < DIRECTIONS; k++)
            phi[i][k] += 0.1 * sin((double)(5 * i + 3 * k));
        points[i] = (struct twin_point){course.twin, phi[i], NULL,  f[i],
                                        jacobian[i], NULL,   ERR_OK};
    }
    twin_predict_all(course.engine, points, 16, true);
    const struct engine_options narrow = {ENGINE_NARROW, 0};
    struct engine *other = engine_new(course.model, &course.layout, &narrow);
    for (size_t i = 0; i < 16; i++) {
        assert_ok(points[i].err);
        predict(i % 2 ? other : course.engine, &course, phi[i], alone, slopes);
        assert_memory_equal(alone, f[i], sizeof alone);
        assert_memory_equal(slopes, jacobian[i], sizeof slopes);
    }
    engine_destroy(&other);
    course_close(&course);
}

/* What rises until something turns at a time that parameters decide: no wave's top, but a
 * kink that moves. */
static void readings__peak_where_rates_turn(void **state)
{
    (void)state;
    static const char text[] =
        "model m version 1\ntime h\n[parameters]\na = 5 1 (0.01, 99) lognormal sd 0.3\n"
        "k = 0.4 1/h (0.01, 9) lognormal sd 0.3\nr = 3 1/h (0.01, 99) lognormal sd 0.3\n"
        "[covariates]\nX 1 locf default 1\n[equations]\nd/dt(A) = -k*A*X init a\n"
        "d/dt(C) = if(A > 2, r, -r) init 0\n"
        "[observations]\ntop : max(C) over last 3 h ~ add(1)\n"
        "area : auc(C) over last 3 h ~ add(1 h)\n";
    struct course course;
    double phi[3], f[2], jacobian[2][3];
    course_open_text(&course, text, "X=1@0", "");
    measured(&course, "top", 3.5);
    measured(&course, "area", 3.5);
    renew(&course);
    for (size_t k = 0; k < 3; k++)
        phi[k] = log(course.parameters[k]);
    double t = log(2.5) / 0.4, high = 3 * t;
    double area =
        3 * (t * t - 0.25) / 2 + (3.5 - t) * high - 3 * (3.5 - t) * (3.5 - t) / 2;
    double by_t = 3 * (2 * (3.5 - t)); /* of the area */
    const double slopes[2][3] = {{3 / 0.4, -high, high}, {by_t / 0.4, -by_t * t, area}};
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_BDF,
                                                 ENGINE_ROSENBROCK};
    for (size_t s = 0; s < 3; s++) {
        const struct engine_options options = {solvers[s], 1e-11};
        struct engine *engine = engine_new(course.model, &course.layout, &options);
        assert_ok(twin_predict(engine, course.twin, phi, NULL, f, jacobian[0]));
        for (size_t i = 0; i < 2; i++) {
            assert_near(f[i], i ? area : high, 1e-8);
            for (size_t k = 0; k < 3; k++)
                assert_near(jacobian[i][k], slopes[i][k], 1e-7);
        }
        engine_destroy(&engine);
    }
    course_close(&course);
}

/* --- where two curves meet ---------------------------------------------------------- */

/* Of a rising and a falling curve, as formulas and as states, the greater is least and
 * the lesser greatest where they meet: s*a exp(-k t) = c exp(r t). */
#define MEETINGS                                                                         \
    "model m version 1\ntime h\n[parameters]\n"                                          \
    "a = 5 1 (0.01, 99) lognormal sd 0.3\nk = 0.4 1/h (0.01, 9) lognormal sd 0.3\n"      \
    "c = 0.6 1 (0.01, 99) lognormal sd 0.3\nr = 0.2 1/h (0.01, 9) lognormal sd 0.3\n"    \
    "[covariates]\nX 1 locf default 1\n[equations]\n"                                    \
    "falls = a*exp(-k*time)\nrises = c*exp(r*time)*X\n"                                  \
    "d/dt(F) = -k*F init a\nd/dt(R) = r*R*X init c\n[observations]\n"                    \
    "least : min(max(falls, rises)) over last 3 h ~ add(1)\n"                            \
    "greatest : max(min(1.2*falls, rises)) over last 3 h ~ add(1)\n"                     \
    "valley : min(max(F, R)) over last 3 h ~ add(1)\n"                                   \
    "ridge : max(min(1.2*F, R)) over last 3 h ~ add(1)\n"

/* At that time neither curve's own derivative is the extreme's. */
static double met(double s, const double *theta, double *by)
{
    double a = theta[0], k = theta[1], c = theta[2], r = theta[3];
    double log_ratio = log(s * a / c), value = s * a * exp(-k * log_ratio / (k + r));
    by[0] = value * r / (k + r);
    by[1] = -value * log_ratio * r * k / ((k + r) * (k + r));
    by[2] = value * k / (k + r);
    by[3] = value * log_ratio * r * k / ((k + r) * (k + r));
    return value;
}

static void readings__move_where_two_curves_meet(void **state)
{
    (void)state;
    struct course course;
    double phi[4], f[16], jacobian[16][4];
    course_open_text(&course, MEETINGS, "X=1@0", "");
    for (size_t i = 0; i < 16; i++)
        measured(&course, model_observation(course.model, i % 4)->name,
                 4.6 + 0.25 * (double)(i / 4));
    renew(&course);
    for (size_t k = 0; k < 4; k++)
        phi[k] = log(course.parameters[k]);
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_ROSENBROCK,
                                                 ENGINE_BDF};
    for (size_t s = 0; s < 3; s++) {
        const struct engine_options options = {solvers[s], 1e-11};
        struct engine *engine = engine_new(course.model, &course.layout, &options);
        assert_ok(twin_predict(engine, course.twin, phi, NULL, f, jacobian[0]));
        for (size_t i = 0; i < 16; i++) {
            double by[4], value = met(i % 2 ? 1.2 : 1, course.parameters, by);
            assert_near(f[i], value, 1e-8);
            for (size_t k = 0; k < 4; k++)
                assert_near(jacobian[i][k], by[k], 1e-6);
        }
        engine_destroy(&engine);
    }
    course_close(&course);
}

/* A cuff's lower reading is where the aortic valve opens; nothing moves there but two
 * pressures. */
static void readings__of_a_heart_are_its_differences(void **state)
{
    (void)state;
    static const char *const cuff[] = {"systolic", "diastolic", "echo_EDV", "echo_ESV"};
    struct course course;
    double phi[4], f[12], jacobian[12][4], up[12], down[12];
    course_open(&course, "heart/circulation", "HR=83.7", "");
    for (size_t i = 0; i < 12; i++)
        measured(&course, cuff[i % 4], (double)(i / 4));
    renew(&course);
    course_transformed(&course, phi);
    const struct engine_options tight = {ENGINE_LANES, 1e-11};
    struct engine *engine = engine_new(course.model, &course.layout, &tight);
    assert_ok(twin_predict(engine, course.twin, phi, NULL, f, jacobian[0]));
    for (size_t k = 0; k < 4; k++) {
        double h = 2e-3, middle = phi[k];
        phi[k] = middle + h;
        assert_ok(twin_predict(engine, course.twin, phi, NULL, up, NULL));
        phi[k] = middle - h;
        assert_ok(twin_predict(engine, course.twin, phi, NULL, down, NULL));
        phi[k] = middle;
        for (size_t i = 0; i < 12; i++)
            assert_near(jacobian[i][k], (up[i] - down[i]) / (2 * h), 1e-4 * f[i]);
    }
    engine_destroy(&engine);
    course_close(&course);
}

/* A course has to be as long as what is read of it. */
static void readings__before_there_is_a_window(void **state)
{
    (void)state;
    struct course course;
    double phi[4], f;
    course_open_text(&course, FORMULAS, "X=1@0", "");
    for (size_t k = 0; k < 4; k++)
        phi[k] = log(course.parameters[k]);
    double *rows = course_run(&course, "top", 0, 0.5, 8);
    for (size_t i = 0; i < 8; i++) /* T is 2 h */
        assert_true(isnan(rows[i]) == (i < 4));
    assert_near(rows[5], 3 * exp(-0.4 * 0.5), 1e-12);
    mem_free(rows);
    measured(&course, "top", 1.9);
    renew(&course);
    assert_int_equal(twin_predict(course.engine, course.twin, phi, NULL, &f, NULL),
                     ERR_RANGE);
    assert_string_equal(
        err_text(), "'top' is measured before the course is as long as it looks back");
    phi[3] = log(1.8);
    assert_ok(twin_predict(course.engine, course.twin, phi, NULL, &f, NULL));
    assert_near(f, 3 * exp(-0.4 * 0.1), 1e-12);
    course_close(&course);
}

#define BEATS                                                                            \
    "model beats version 1\ntime s\n[parameters]\nHR = 70 1/min (30, 220) lognormal sd " \
    "0.15\nR = 1 mmHg*s/mL (0.1, 10) lognormal sd 0.3\n"                                 \
    "C = 1.5 mL/mmHg (0.1, 10) lognormal sd 0.3\nSV = 70 mL (10, 200) lognormal sd "     \
    "0.2\n[individual]\nbeat = 1/HR\n[equations]\nphase = mod(time, beat)\n"             \
    "Q = if(phase < 0.35*beat, SV/(0.35*beat)*pi/2*sin(pi*phase/(0.35*beat)), 0)\n"      \
    "d/dt(P) = (Q - P/R)/C init SV*HR*R\nperiodic beat after 20 periods\n"               \
    "[observations]\nsystolic : max(P) over last beat ~ add(5 mmHg)\n"                   \
    "diastolic : min(P) over last beat ~ add(5 mmHg)\n"                                  \
    "mean : mean(P) over last beat ~ add(5 mmHg)\nnow : P ~ add(5 mmHg)\n"               \
    "[outcomes]\nSBP = max(P) over last beat\nDBP = min(P) over last beat\n"             \
    "MAP = mean(P) over last beat\n"

/* Two searches of one course, and a beat that is there before the first row. */
static void readings__are_what_outcomes_are(void **state)
{
    (void)state;
    struct course course;
    struct outcomes *outcomes;
    course_open_text(&course, BEATS, "HR=82", "");
    const char *const names[] = {"systolic", "diastolic", "mean"};
    assert_ok(
        outcomes_new(course.engine, course.twin, course.parameters, 0, 4.321, &outcomes));
    for (size_t i = 0; i < 3; i++) {
        double *seen = course_run(&course, names[i], 0, 4.321, 2);
        assert_near(seen[1], outcomes->of[i].values[0], 1e-9 * seen[1]);
        assert_near(seen[0], seen[1], 1e-4 * seen[1]);
        mem_free(seen);
    }
    outcomes_destroy(course.model, &outcomes);
    course_close(&course);
}

/* Everything else is the same, in lanes to the bit; also in those that had values for
 * such readings before. */
static void readings__that_nobody_wants_have_no_value(void **state)
{
    (void)state;
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_BDF};
    static const double times[] = {0, 0.3, 2.5};
    enum { ROW = 8, LOOK_BACK = 4 };
    struct course course;
    course_open_text(&course, BEATS, "HR=82", "");
    assert_int_equal(course_column(&course, "systolic"), LOOK_BACK);
    assert_int_equal(course_column(&course, "now"), ROW - 1);
    for (size_t s = 0; s < 2; s++) {
        const struct engine_options options = {solvers[s], 0};
        struct engine *engine = engine_new(course.model, &course.layout, &options);
        double all[3][ROW], present[3][ROW];
        struct twin_course one = {course.twin, course.parameters, all[0], ERR_NUMERIC};
        twin_simulate_all(engine, &one, 1, times, 3);
        assert_ok(one.err);
        one.out = present[0];
        twin_simulate_present(engine, &one, 1, times, 3);
        assert_ok(one.err);
        for (size_t i = 0; i < 3; i++)
            for (size_t c = 0; c < ROW; c++) {
                bool looks_back = c >= LOOK_BACK && c < ROW - 1;
                assert_true(isfinite(all[i][c]));
                if (looks_back)
                    assert_true(isnan(present[i][c]));
                else
                    assert_near(present[i][c], all[i][c], s ? 1e-7 : 0);
            }
        engine_destroy(&engine);
    }
    course_close(&course);
}

/* Who follows reading by reading has no past; such a text is followed all the same. */
static void readings__of_windows_are_not_followed(void **state)
{
    (void)state;
    struct course course;
    struct record *first = record_new("1", "s");
    struct twin *known;
    struct prior *prior;
    struct track *track;
    course_open_text(&course, BEATS, "HR=82", "");
    for (size_t i = 0; i < 4; i++)
        measured(&course, i < 3 ? "now" : "systolic", (double)i);
    renew(&course);
    assert_ok(record_measurement(first, 0, "now", NULL, 1, CENSORED_NOT, 0));
    assert_ok(twin_new(course.model, &course.layout, first, &known));
    assert_ok(prior_from_model(course.model, &prior));
    assert_int_equal(track_new(course.engine, known, course.twin, prior, NULL, &track),
                     ERR_RANGE);
    assert_non_null(strstr(err_text(), "systolic looks back over a window"));
    prior_destroy(&prior);
    twin_destroy(&known);
    record_destroy(&first);
    course_close(&course);
}

/* A covariate decides how far, as it is before the reading. */
static void readings__look_back_as_covariates_were(void **state)
{
    (void)state;
    struct course course;
    static const char text[] =
        "model m version 1\ntime h\n[parameters]\na = 1 1 (0.1, 9) lognormal sd 0.1\n"
        "[covariates]\nT h locf\nU h linear\n[equations]\nx = a*time/(1 h)\n"
        "[observations]\nlow : min(x) over last T ~ add(1)\n"
        "least : min(x) over last U ~ add(1)\n";
    course_open_text(&course, text, "T=1@0 T=2@6 T=1.5@7 U=1@0 U=2@10", "");
    double *low = course_run(&course, "low", 5, 1, 4);
    double *least = course_run(&course, "least", 5, 1, 4);
    static const double back[] = {1, 1, 2, 1.5};
    for (size_t i = 0; i < 4; i++) {
        double t = 5 + (double)i;
        assert_near(low[i], t - back[i], 1e-12);
        assert_near(least[i], t - (1 + t / 10), 1e-12);
    }
    mem_free(low);
    mem_free(least);
    course_close(&course);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readings__of_formulas_are_their_closed_forms),
        cmocka_unit_test(readings__move_with_thresholds),
        cmocka_unit_test(readings__move_with_covariates),
        cmocka_unit_test(readings__have_the_derivatives_that_differences_show),
        cmocka_unit_test(readings__are_the_same_by_every_method),
        cmocka_unit_test(readings__do_not_feel_each_other_or_the_machine),
        cmocka_unit_test(readings__peak_where_rates_turn),
        cmocka_unit_test(readings__move_where_two_curves_meet),
        cmocka_unit_test(readings__of_a_heart_are_its_differences),
        cmocka_unit_test(readings__before_there_is_a_window),
        cmocka_unit_test(readings__are_what_outcomes_are),
        cmocka_unit_test(readings__that_nobody_wants_have_no_value),
        cmocka_unit_test(readings__look_back_as_covariates_were),
        cmocka_unit_test(readings__of_windows_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
