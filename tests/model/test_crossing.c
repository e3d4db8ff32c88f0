/* Rates that jump where states, or what moves otherwise, come to a threshold: values and
 * derivatives against closed forms, by every solver. */

#include "crossing.h"

#include "course.h"

/* --- by every solver -------------------------------------------------------------------
 */

#define WAYS 5
static const char *const way_names[WAYS] = {"lanes", "Rosenbrock", "BDF", "Adams", "rk4"};

static struct engine *engine_of(const struct course *course, size_t way)
{
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_ROSENBROCK,
                                                 ENGINE_BDF, ENGINE_ADAMS};
    struct engine_options options = {solvers[way % 4], 1e-11};
    return way == 4 ? engine_new_equal(course->model, &course->layout, 1e-3)
                    : engine_new(course->model, &course->layout, &options);
}

typedef long double closed_function(const long double *parameters, double t);

static long double back(const struct model_parameter *parameter, long double phi)
{
    return parameter->transform == TRANSFORM_LOG ? expl(phi) : phi;
}

/* The closed form's derivative along transformed parameter a: a difference of order 4. */
static double slope_of(const struct course *course, closed_function *closed,
                       const double *phi, size_t a, double t)
{
    static const long double weights[] = {1, -8, 0, 8, -1};
    long double at[MODEL_PARAMETERS_MAX], sum = 0, h = 1e-4L;
    size_t p = course->layout.p;
    for (int side = -2; side <= 2; side++) {
        for (size_t i = 0; i < p; i++)
            at[i] = back(model_parameter(course->model, i),
                         (long double)phi[i] + (i == a ? side * h : 0));
        sum += weights[side + 2] * closed(at, t);
    }
    return (double)(sum / (12 * h));
}

static void check_slopes(const struct course *course, closed_function *closed,
                         const double *phi, const double *jacobian, size_t reading,
                         double t, const char *way)
{
    size_t p = course->layout.p;
    for (size_t a = 0; a < p; a++) {
        double ours = jacobian[reading * p + a],
               theirs = slope_of(course, closed, phi, a, t);
        if (!(fabs(ours - theirs) <= 1e-8 * (1 + fabs(theirs))))
            fail_msg("%s by %s at %g: %.12g by the closed form, %.12g by %s",
                     model_name(course->model), model_parameter(course->model, a)->name,
                     t, theirs, ours, way);
    }
}

/* A text with one observation, which begins at the first reading, its parameters all
 * individual and in the order of the closed form's. */
static void check_closed(const char *text, const char *set, closed_function *closed,
                         const double *times, size_t count)
{
    struct course course;
    double phi[MODEL_PARAMETERS_MAX], f[32], jacobian[32 * 8];
    long double at[MODEL_PARAMETERS_MAX];
    course_open_text(&course, text, set, "");
    course_read_all(&course, times, count);
    size_t p = course.layout.p;
    course_transformed(&course, phi);
    for (size_t i = 0; i < p; i++)
        at[i] = back(model_parameter(course.model, i), (long double)phi[i]);
    for (size_t way = 0; way < WAYS; way++) {
        struct engine *engine = engine_of(&course, way);
        assert_ok(twin_predict(engine, course.twin, phi, NULL, f, jacobian));
        for (size_t i = 0; i < count; i++) {
            double expected = (double)closed(at, times[i]);
            if (!(fabs(f[i] - expected) <= 1e-9 * (1 + fabs(expected))))
                fail_msg("%s at %g: %.12g by the closed form, %.12g by %s",
                         model_name(course.model), times[i], expected, f[i],
                         way_names[way]);
            check_slopes(&course, closed, phi, jacobian, i, times[i], way_names[way]);
        }
        engine_destroy(&engine);
    }
    course_close(&course);
}

/* --- thresholds
 * ------------------------------------------------------------------------- */

/* y falls at rate a above c, and at rate b below. */
static const char two_rates[] = "model two_rates version 1\ntime h\n[parameters]\n"
                                "y0 = 8 mg (1, 99) lognormal sd 0.2\n"
                                "a = 1.2 1/h (0.1, 9) lognormal sd 0.2\n"
                                "b = 0.3 1/h (0.1, 9) lognormal sd 0.2\n"
                                "c = 3 mg (0.1, 9) lognormal sd 0.2\n"
                                "[equations]\n"
                                "d/dt(y) = if(y > c, -a, -b)*y init y0\n"
                                "[observations]\nseen : y ~ add(0.1 mg)\n";

static long double two_rates_closed(const long double *p, double t)
{
    long double crossing = logl(p[0] / p[3]) / p[1];
    return t < crossing ? p[0] * expl(-p[1] * t) : p[3] * expl(-p[2] * (t - crossing));
}

static void crossing__of_a_threshold_jumps_derivatives(void **state)
{
    (void)state;
    static const double times[] = {0, 0.2, 0.5, 0.9, 1.1, 1.5, 3, 8};
    check_closed(two_rates, "", two_rates_closed, times, 8);
}

/* Weight g downwards, and below c a force upwards, f: parabolas, up and down for ever. */
static const char bounces[] = "model bounces version 1\ntime s\n[parameters]\n"
                              "x0 = 2 m (1, 9) lognormal sd 0.1\n"
                              "g = 9 m/s2 (1, 99) lognormal sd 0.1\n"
                              "f = 40 m/s2 (1, 99) lognormal sd 0.1\n"
                              "c = 0.5 m (0.1, 9) lognormal sd 0.1\n"
                              "[equations]\n"
                              "d/dt(x) = v init x0\n"
                              "d/dt(v) = if(x < c, f, 0 [m/s2]) - g unit m/s\n"
                              "[observations]\nseen : x ~ add(0.1 m)\n";

static long double bounces_closed(const long double *p, double t)
{
    long double fall = sqrtl(2 * (p[0] - p[3]) / p[1]), speed = p[1] * fall,
                push = p[2] - p[1], under = 2 * speed / push;
    long double u = fmodl(t, 2 * fall + under);
    if (u < fall)
        return p[0] - p[1] * u * u / 2;
    u -= fall;
    if (u < under)
        return p[3] - speed * u + push * u * u / 2;
    u -= under;
    return p[3] + speed * u - p[1] * u * u / 2;
}

static void crossing__again_and_again(void **state)
{
    (void)state;
    static const double times[] = {0, 0.3, 0.7, 1.1, 1.6, 2.3, 3.1, 4.2, 5.3};
    check_closed(bounces, "", bounces_closed, times, 9);
}

/* Whole numbers of what a state has come to, up and, from `turn` on, down again. */
static const char counts[] = "model counts version 1\ntime h\n[parameters]\n"
                             "r = 1.3 1/h (0.1, 9) lognormal sd 0.1\n"
                             "q = 0.8 1 (0.1, 9) lognormal sd 0.1\n"
                             "[equations]\n"
                             "d/dt(x) = if(time < 3.3 h, r, -2*r) init 0.4\n"
                             "d/dt(y) = (floor(x) + 3*mod(x, q))/1 h\n"
                             "[observations]\nseen : y ~ add(0.1)\n";

/* Of x = from + slope t: the integrals of floor(x) and of mod(x, q). */
static long double counted(long double from, long double slope, long double t,
                           long double q, bool whole)
{
    long double sum = 0, now = 0, unit = whole ? 1 : q;
    while (now < t) {
        long double x = from + slope * now, turns = x / unit;
        long double n = slope > 0 ? floorl(turns + 1e-12L) : ceill(turns - 1e-12L) - 1;
        long double edge = slope > 0 ? (n + 1) * unit : n * unit;
        long double then = fminl(t, now + (edge - x) / slope), h = then - now;
        sum += whole ? n * h : (x - n * q) * h + slope * h * h / 2;
        now = then;
    }
    return sum;
}

static long double counts_closed(const long double *p, double t)
{
    long double first = t < 3.3 ? (long double)t : 3.3, r = p[0], q = p[1];
    long double y =
        counted(0.4, r, first, q, true) + 3 * counted(0.4, r, first, q, false);
    long double x = 0.4 + r * first, rest = t - first;
    return y + counted(x, -2 * r, rest, q, true) + 3 * counted(x, -2 * r, rest, q, false);
}

static void crossing__of_whole_numbers(void **state)
{
    (void)state;
    static const double times[] = {0, 0.3, 0.9, 1.7, 2.8, 3.5, 4.1, 5.2, 7};
    check_closed(counts, "", counts_closed, times, 9);
}

/* A covariate that moves from 1 to 4 in 6 hours, and a wave of time: neither is a state.
 */
static const char moving[] = "model moving version 1\ntime h\n[parameters]\n"
                             "c = 2.2 1 (0.1, 9) lognormal sd 0.1\n"
                             "s = 0.3 1 (0.01, 0.9) lognormal sd 0.1\n"
                             "k = 0.5 1/h (0.1, 9) lognormal sd 0.1\n"
                             "[covariates]\nW 1 linear\n"
                             "[equations]\n"
                             "d/dt(y) = if(W >= c, k, 2*k) + if(sin(2*pi*time/8 h) <= s, "
                             "k, 0 [1/h])\n"
                             "[observations]\nseen : y ~ add(0.1)\n";

static long double moving_closed(const long double *p, double t)
{
    const long double wave = 4 / acosl(-1.0L), up = wave * asinl(p[1]), down = 4 - up;
    long double crossing = (p[0] - 1) * 2, high = 0;
    for (int n = 0; n < 2; n++)
        high += fmaxl(0, fminl(t, 8 * n + down) - (8 * n + up));
    return p[2] * (t + fminl(t, crossing) + t - high);
}

static void crossing__of_what_is_no_state(void **state)
{
    (void)state;
    static const double times[] = {0.2, 1, 2.9, 3.7, 5, 8.2, 9, 12.5};
    check_closed(moving, "W=1@0 W=4@6", moving_closed, times, 8);
}

/* Begun in a steady state, on this side of the threshold that a dose then takes it over.
 */
static const char steady[] = "model steady version 1\ntime h\n[parameters]\n"
                             "k = 0.7 1/h (0.1, 9) lognormal sd 0.1\n"
                             "c = 3 1 (0.1, 9) lognormal sd 0.1\n"
                             "r = 1 1/h (0.1, 9) lognormal sd 0.1\n"
                             "[doses]\nd -> y 1\n"
                             "[equations]\n"
                             "d/dt(y) = r - if(y < c, k, 3*k)*y init steady\n"
                             "[observations]\nseen : y ~ add(0.1)\n";

static long double steady_closed(const long double *p, double t)
{
    long double rest = p[2] / p[0], low = rest / 3, y = rest + 10;
    if (t < 1)
        return rest;
    long double crossing = logl((y - low) / (p[1] - low)) / (3 * p[0]), u = t - 1;
    return u < crossing ? low + (y - low) * expl(-3 * p[0] * u)
                        : rest + (p[1] - rest) * expl(-p[0] * (u - crossing));
}

static void crossing__after_a_dose(void **state)
{
    (void)state;
    static const double times[] = {0.5, 1.2, 1.5, 1.9, 3, 6};
    struct course course;
    course_open_text(&course, steady, "", "d 10 1 @ 1 h");
    course_read_all(&course, times, 6);
    double phi[MODEL_PARAMETERS_MAX], f[6], jacobian[6 * 8];
    course_transformed(&course, phi);
    for (size_t way = 0; way < WAYS; way++) {
        struct engine *engine = engine_of(&course, way);
        assert_ok(twin_predict(engine, course.twin, phi, NULL, f, jacobian));
        for (size_t i = 0; i < 6; i++)
            check_slopes(&course, steady_closed, phi, jacobian, i, times[i],
                         way_names[way]);
        engine_destroy(&engine);
    }
    course_close(&course);
}

/* What the rates lead back to at once has no solution on either side. It is said which
 * condition that is, and where it is written. */
static void crossing__that_cannot_go_on_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"d/dt(y) = if(y < 1, k, -2*k) init 0\n",
                                        "d/dt(y) = if(y + 0.5 > 1.5, -2*k, k) init 0\n",
                                        "pull = if(y <= 1, 1, -2)\n"
                                        "d/dt(y) = k*pull init 0\n"};
    static const char *const said[] = {
        "'y < 1' turns, in d/dt(y), and the rates lead back",
        "'y + 0.5 > 1.5' turns, in d/dt(y), and the rates lead back",
        "'y <= 1' turns, in pull, and the rates lead back"};
    static const double times[] = {0, 4};
    for (size_t i = 0; i < 3; i++) {
        struct course course;
        double phi[MODEL_PARAMETERS_MAX], f[2], jacobian[2];
        char *text = mem_format("model stuck version 1\ntime h\n[parameters]\n"
                                "k = 0.7 1/h (0.1, 9) lognormal sd 0.1\n"
                                "[equations]\n%s[observations]\nseen : y ~ add(0.1)\n",
                                texts[i]);
        course_open_text(&course, text, "", "");
        mem_free(text);
        course_read_all(&course, times, 2);
        course_transformed(&course, phi);
        for (size_t way = 0; way < WAYS; way++) {
            struct engine *engine = engine_of(&course, way);
            assert_refused(ERR_NUMERIC, said[i],
                           twin_predict(engine, course.twin, phi, NULL, f, jacobian));
            assert_refused(ERR_NUMERIC, said[i],
                           twin_predict(engine, course.twin, phi, NULL, f, NULL));
            engine_destroy(&engine);
        }
        course_close(&course);
    }
}

/* Three that turn at one time, as their bounds are the same now: each moves what it turns
 * by its own. */
static void crossing__of_three_at_once_moves_by_all(void **state)
{
    (void)state;
    static const char text[] =
        "model three version 1\ntime h\n[parameters]\n"
        "a = 2 1/h (0.1, 9) lognormal sd 0.1\nL = 1.3 1 (0.1, 9) lognormal sd 0.1\n"
        "M = 1.3 1 (0.1, 9) lognormal sd 0.1\nN = 1.3 1 (0.1, 9) lognormal sd 0.1\n"
        "[equations]\nd/dt(x) = 1 [1/h] - 0.2 [1/h]*x*x init 0\n"
        "d/dt(y) = if(x > L, a, 0) + if(x < M, 3*a, 0) init 0\n"
        "d/dt(z) = if(x >= N, y, 0)*1 [1/h] init 0\n"
        "[observations]\nseen : y ~ add(0.1)\nfar : z ~ add(0.1)\n";
    static const double times[] = {0, 3};
    struct course course;
    double phi[MODEL_PARAMETERS_MAX], f[4], jacobian[16];
    course_open_text(&course, text, "", "");
    course_read_all(&course, times, 2);
    for (size_t k = 0; k < 4; k++)
        phi[k] = log(course.parameters[k]);
    for (size_t way = 0; way < WAYS; way++) {
        struct engine *engine = engine_of(&course, way);
        double w = sqrt(0.2), t = atanh(w * 1.3) / w, speed = 1 - 0.2 * 1.69;
        assert_ok(twin_predict(engine, course.twin, phi, NULL, f, jacobian));
        const double y[] = {2 * (3 - t) + 6 * t, -2 * 1.3 / speed, 6 * 1.3 / speed, 0};
        assert_near(f[2], y[0], 1e-7);
        for (size_t k = 0; k < 4; k++)
            assert_near(jacobian[8 + k], k ? y[k] : y[0], 1e-6);
        assert_near(jacobian[15], -6 * t * 1.3 / speed, 1e-6);
        engine_destroy(&engine);
    }
    course_close(&course);
}

/* Thirteen of them beside each other, each with turns of its own, and alone; on this kind
 * of machine and on the next narrower one: the same bits. */
static void crossing__depends_on_nobody_else(void **state)
{
    (void)state;
    enum { PEOPLE = 13, READS = 9, MOST = 4 };
    static const double times[READS] = {0, 0.3, 0.7, 1.1, 1.6, 2.3, 3.1, 4.2, 5.3};
    double phi[PEOPLE][MOST], f[2][PEOPLE][READS], jacobian[2][PEOPLE][READS * MOST];
    struct twin_point points[2][PEOPLE];
    struct course course;
    course_open_text(&course, bounces, "", "");
    course_read_all(&course, times, READS);
    for (size_t i = 0; i < PEOPLE; i++)
        for (size_t k = 0; k < MOST; k++)
            phi[i][k] = log(model_parameter(course.model, k)->typical) +
                        0.1 * sin((double)(5 * i + 2 * k));
    for (size_t way = 0; way < 2; way++)
        for (size_t i = 0; i < PEOPLE; i++)
            points[way][i] = (struct twin_point){
                course.twin, phi[i], NULL, f[way][i], jacobian[way][i], NULL, ERR_OK};
    for (size_t round = 0; round < 2; round++) {
        struct engine_options options = {round ? ENGINE_NARROW : ENGINE_LANES, 1e-8};
        struct engine *engine = engine_new(course.model, &course.layout, &options);
        twin_predict_all(engine, points[round], PEOPLE, true);
        for (size_t i = 0; i < PEOPLE && round; i++) {
            assert_ok(points[0][i].err);
            assert_memory_equal(f[0][i], f[1][i], sizeof f[0][i]);
            assert_memory_equal(jacobian[0][i], jacobian[1][i], sizeof jacobian[0][i]);
            twin_predict_all(engine, &points[1][i], 1, true);
            assert_memory_equal(f[0][i], f[1][i], sizeof f[0][i]);
            assert_memory_equal(jacobian[0][i], jacobian[1][i], sizeof jacobian[0][i]);
        }
        engine_destroy(&engine);
    }
    course_close(&course);
}

/* What a gap does in a step, by its share, and whether it may leave 0 .. 1 there. */
static double far_off(double s)
{
    return 0.5 + 0.1 * s;
}
static double goes_out(double s)
{
    return 0.9 + 0.2 * s;
}
static double dips_between(double s)
{
    return 0.5 * (s - 0.6) * (s - 0.6) - 1e-6;
}
static double wiggles(double s)
{
    return 0.03 + 0.02 * cos(12 * s);
}
static double comes_near(double s)
{
    return 0.3 - 0.28 * s;
}
static double begins_on_the_end(double s)
{
    return s / 2;
}
static double is_nothing(double s)
{
    return s > 0.7 ? NAN : 0.5;
}

/* Of eight lanes with other gaps, each by itself; places are shares of the step. */
static void crossing__is_seen_in_all_lanes_alike(void **state)
{
    (void)state;
    static const struct {
        double (*gap)(double s);
        bool may;
    } lanes[LANES] = {{far_off, false},   {goes_out, true},    {dips_between, true},
                      {wiggles, true},    {comes_near, false}, {begins_on_the_end, false},
                      {is_nothing, true}, {far_off, false}};
    double from[LANES], to[LANES], gaps[CROSSING_LOOKS * LANES];
    lane_set expected = 0;
    EACH_LANE
    {
        struct mode_span span = {1e-3, 1 - 1e-3, 1e-3};
        from[l] = span.from - span.slack;
        to[l] = span.to + span.slack;
        for (size_t i = 0; i < CROSSING_LOOKS; i++)
            gaps[i * LANES + l] = lanes[l].gap(crossing_places[i]);
        expected |= (lane_set)lanes[l].may << l;
        assert_int_equal(crossing_may(&span, gaps + l, LANES), lanes[l].may);
    }
    for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++)
        assert_int_equal(crossing_may_in(from, to, gaps, LANES, simd), expected);
}

/* --- proof
 * ------------------------------------------------------------------------------
 */

static double chance_of(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (double)(*state >> 12) * 0x1p-51 - 1;
}

static double quartic(const double *c, double s)
{
    return c[0] + s * (c[1] + s * (c[2] + s * (c[3] + s * c[4])));
}

/* Whatever polynomial of order 4 is said to stay does; and few that do are doubted. */
static void crossing__is_excluded_by_proof(void **state)
{
    (void)state;
    uint64_t chance = 88172645463325252u;
    size_t stays = 0, doubted = 0, leaves = 0;
    for (size_t n = 0; n < 20000; n++) {
        double c[5], gaps[CROSSING_LOOKS], least = INFINITY, most = -INFINITY;
        for (size_t i = 0; i < 5; i++)
            c[i] = chance_of(&chance);
        for (int i = 0; i <= 1000; i++) {
            least = fmin(least, quartic(c, i / 1000.));
            most = fmax(most, quartic(c, i / 1000.));
        }
        double level = least + 0.2 * chance_of(&chance) * (most - least);
        if (!(c[0] > level))
            continue;
        for (size_t i = 0; i < CROSSING_LOOKS; i++)
            gaps[i] = quartic(c, crossing_places[i]);
        const struct mode_span span = {level, INFINITY, 0};
        bool may = crossing_may(&span, gaps, 1);
        if (least < level)
            assert_true(may);
        leaves += least < level;
        stays += least >= level;
        doubted += may && least >= level;
    }
    assert_true(leaves > 5000 && stays > 5000 && 4 * doubted < stays);
}

/* A step over all of it, as this course is no harder than its method: below the threshold
 * for a hundredth of that, which its length is known by. */
static const char dips[] = "model dips version 1\ntime h\n[parameters]\n"
                           "L = 1.04 1 (1, 9) lognormal sd 0.1\n"
                           "r = 2 1/h (0.1, 9) lognormal sd 0.1\n[equations]\n"
                           "t = time/1 [h]\n"
                           "d/dt(x) = 2*(t - 13.3)*1 [1/h] init 177.89\n"
                           "d/dt(y) = if(x < L, r, 0 [1/h])\n"
                           "[observations]\nseen : y ~ add(0.1)\n";

static void crossing__of_what_only_dips(void **state)
{
    (void)state;
    static const double times[] = {0, 12, 40};
    struct course course;
    double phi[MODEL_PARAMETERS_MAX], f[3], jacobian[3 * 2];
    course_open_text(&course, dips, "", "");
    course_read_all(&course, times, 3);
    course_transformed(&course, phi);
    double level = exp(phi[0]), rate = exp(phi[1]), under = 2 * sqrt(level - 1);
    for (size_t way = 0; way < 2; way++) {
        struct engine *engine = engine_of(&course, way);
        assert_ok(twin_predict(engine, course.twin, phi, NULL, f, jacobian));
        assert_near(f[1], 0, 0);
        assert_near(f[2], rate * under, 1e-8);
        assert_near(jacobian[4], level * rate * 2 / under, 1e-7);
        assert_near(jacobian[5], rate * under, 1e-8);
        engine_destroy(&engine);
    }
    course_close(&course);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crossing__of_a_threshold_jumps_derivatives),
        cmocka_unit_test(crossing__again_and_again),
        cmocka_unit_test(crossing__of_whole_numbers),
        cmocka_unit_test(crossing__of_what_is_no_state),
        cmocka_unit_test(crossing__after_a_dose),
        cmocka_unit_test(crossing__that_cannot_go_on_is_refused),
        cmocka_unit_test(crossing__of_three_at_once_moves_by_all),
        cmocka_unit_test(crossing__depends_on_nobody_else),
        cmocka_unit_test(crossing__is_seen_in_all_lanes_alike),
        cmocka_unit_test(crossing__is_excluded_by_proof),
        cmocka_unit_test(crossing__of_what_only_dips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
