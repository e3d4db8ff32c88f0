#include "check.h"

#include "base/memory.h"
#include "course.h"
#include "model/twin.h"

/* One compartment with everything that moves stops: a lag, a bioavailability, an infusion
 * whose duration is a parameter, a feed that a parameter switches off. */
static const char moving_text[] = "model moving version 1 \"stops that move\"\n"
                                  "time h\n"
                                  "[parameters]\n"
                                  "CL = 2.8 L/h (0.05, 200) lognormal sd 0.3\n"
                                  "V = 32 L (2, 1000) lognormal sd 0.2\n"
                                  "ka = 1.5 1/h (0.05, 10) lognormal sd 0.6\n"
                                  "Fo = 0.8 1 (0, 1) logitnormal sd 0.3\n"
                                  "tl = 0.4 h (0.01, 5) lognormal sd 0.3\n"
                                  "D0 = 2.5 h (0.1, 10) lognormal sd 0.2\n"
                                  "T0 = 7.3 h estimated log\n"
                                  "R0 = 12 mg/h fixed\n"
                                  "[doses]\n"
                                  "oral -> depot mg fraction Fo lag tl\n"
                                  "iv -> central mg over D0\n"
                                  "[equations]\n"
                                  "feed = if(time < T0, R0, 0)\n"
                                  "d/dt(depot) = -ka*depot\n"
                                  "d/dt(central) = feed + ka*depot - CL/V*central\n"
                                  "Cp = central/V\n"
                                  "[observations]\n"
                                  "level : Cp ~ add(0.3 mg/L)\n";

/* Its solution by superposition, in extended precision; logarithms of CL, V, ka, the
 * logit of Fo, logarithms of tl, D0, T0. */
static long double moving_level(const long double *phi, long double t)
{
    long double cl = expl(phi[0]), v = expl(phi[1]), ka = expl(phi[2]), k = cl / v;
    long double fraction = 1 / (1 + expl(-phi[3])), lag = expl(phi[4]);
    long double level = 0;
    static const double oral[][2] = {{0, 300}, {6, 200}};
    for (int i = 0; i < 2; i++) {
        long double u = t - oral[i][0] - lag;
        if (u > 0)
            level += fraction * oral[i][1] * ka / (v * (ka - k)) *
                     (expl(-k * u) - expl(-ka * u));
    }
    const long double rates[] = {100 / expl(phi[5]), 12, 60};
    const long double starts[] = {3, 0, 10}, lasts[] = {expl(phi[5]), expl(phi[6]), 1.5L};
    for (int i = 0; i < 3; i++) {
        long double u = t - starts[i], on = fminl(u, lasts[i]);
        if (u > 0)
            level += rates[i] / cl * (1 - expl(-k * on)) * expl(-k * (u - on));
    }
    return level;
}

static const double moving_times[] = {0.2, 0.5, 1, 2.9, 3.5, 5.4, 5.6, 6.3, 7, 8, 12, 24};
#define MOVING_TIMES (sizeof moving_times / sizeof *moving_times)

static struct model *parse(const char *text)
{
    struct model *model;
    assert_ok(model_parse(text, strlen(text), "test", &model));
    return model;
}

static struct record *moving_record(void)
{
    struct record *record = record_new("1", "h");
    assert_ok(record_dose(record, 0, "oral", "mg", 300, 0, 0));
    assert_ok(record_dose(record, 3, "iv", "mg", 100, -1, 1));
    assert_ok(record_dose(record, 6, "oral", "g", 0.2, 0, 2));
    assert_ok(record_dose(record, 10, "iv", "mg", 90, 1.5, 3));
    for (size_t i = 0; i < MOVING_TIMES; i++)
        assert_ok(record_measurement(record, moving_times[i], "level", "mg/L", 1,
                                     CENSORED_NOT, 4 + i));
    record_sort(record);
    return record;
}

static void twin__derivatives_are_right_across_every_stop(void **state)
{
    (void)state;
    struct model *model = parse(moving_text);
    struct prior_layout layout;
    assert_ok(prior_layout(model, &layout));
    struct record *record = moving_record();
    struct twin *twin;
    assert_ok(twin_new(model, &layout, record, &twin));
    struct engine *engine = engine_new(model, &layout, NULL);
    struct prior *prior;
    assert_ok(prior_from_model(model, &prior));
    assert_int_equal(layout.p, 6);
    assert_int_equal(layout.q, 1);
    double f[MOVING_TIMES], jacobian[MOVING_TIMES * 7], phi[7];
    for (size_t a = 0; a < 6; a++)
        phi[a] = prior->effects[a];
    phi[6] = prior->population[0];
    bool moving[7];
    struct twin_point point = {twin, phi, phi + 6, f, jacobian, moving, ERR_NUMERIC};
    twin_predict_all(engine, &point, 1, true);
    assert_ok(point.err);
    for (size_t i = 0; i < MOVING_TIMES; i++) {
        long double at[7], h = 1e-6L;
        for (size_t a = 0; a < 7; a++)
            at[a] = phi[a];
        assert_relative(f[i], (double)moving_level(at, moving_times[i]), 1e-7);
        for (size_t a = 0; a < 7; a++) {
            at[a] = phi[a] + h;
            long double up = moving_level(at, moving_times[i]);
            at[a] = phi[a] - h;
            long double down = moving_level(at, moving_times[i]);
            at[a] = phi[a];
            double expected = (double)((up - down) / (2 * h));
            assert_near(jacobian[i * 7 + a], expected, 1e-6 * fabs(expected) + 1e-7);
        }
    }
    for (size_t a = 0; a < 7; a++)
        assert_int_equal(moving[a], a >= 4);
    double without[MOVING_TIMES];
    assert_ok(twin_predict(engine, twin, phi, phi + 6, without, NULL));
    for (size_t i = 0; i < MOVING_TIMES; i++)
        assert_relative(without[i], f[i], 1e-6);
    prior_destroy(&prior);
    engine_destroy(&engine);
    twin_destroy(&twin);
    record_destroy(&record);
    model_destroy(&model);
}

/* --- what is stiff
 * ----------------------------------------------------------------------- */

/* Friberg's chain (J Clin Oncol 20:4713, 2002) under a drug with a half-life of a minute.
 */
static const char chain_text[] =
    "model chain version 1 \"stiff\"\ntime h\n"
    "[parameters]\n"
    "ke = 41.6 1/h (1, 500) lognormal sd 0.3\n"
    "BA = 5.05 10^9/L (0.5, 50) lognormal sd 0.4\n"
    "MTT = 88.7 h (10, 500) lognormal sd 0.15\n"
    "SL = 8.58 1/mg (0.1, 500) lognormal sd 0.3\n"
    "g = 0.161 1 (0.01, 2) lognormal sd 0.1\n"
    "[doses]\ndrug -> A mg over 1 h\n"
    "[equations]\n"
    "ktr = 4/MTT\n"
    "d/dt(A) = -ke*A\n"
    "d/dt(P) = ktr*P*((1 - SL*A)*(BA/C)^g - 1) init BA\n"
    "d/dt(T1) = ktr*(P - T1) init BA\nd/dt(T2) = ktr*(T1 - T2) init BA\n"
    "d/dt(T3) = ktr*(T2 - T3) init BA\nd/dt(C) = ktr*(T3 - C) init BA\n"
    "[observations]\nseen : C ~ prop(0.2)\n";

/* A cell of the heart's muscle (Mitchell and Schaeffer, Bull Math Biol 65:767, 2003), its
 * gate made smooth; each dose is a stimulus of a millisecond. */
static const char cell_text[] =
    "model cell version 1 \"stiff\"\ntime s\n"
    "[parameters]\n"
    "tin = 0.3 ms (0.01, 10) lognormal sd 0.1\n"
    "tout = 6 ms (0.1, 100) lognormal sd 0.1\n"
    "topen = 120 ms (1, 1000) lognormal sd 0.1\n"
    "tclose = 150 ms (1, 1000) lognormal sd 0.1\n"
    "[doses]\ndrug -> v 1 over 1 ms\n"
    "[equations]\n"
    "gate = expit((v - 0.13)/0.02)\n"
    "d/dt(v) = h*v^2*(1 - v)/tin - v/tout unit 1\n"
    "d/dt(h) = (1 - gate)*(1 - h)/topen - gate*h/tclose init 1\n"
    "[observations]\nseen : h ~ add(1)\n";

/* A reliever that acts for minutes over an airway that changes in days. */
static const char airway_text[] = "model airway version 1 \"stiff\"\ntime h\n"
                                  "[parameters]\n"
                                  "ko = 4.6 1/h (0.1, 100) lognormal sd 0.3\n"
                                  "kin = 0.0058 1/h (1e-5, 1) lognormal sd 0.3\n"
                                  "E50 = 20 ug (1, 1000) lognormal sd 0.3\n"
                                  "Emax = 0.4 1 (0.01, 2) lognormal sd 0.2\n"
                                  "[doses]\ndrug -> S ug\n"
                                  "[equations]\n"
                                  "d/dt(S) = -60*ko*S\n"
                                  "relief = Emax*S/(E50 + S)\n"
                                  "d/dt(B) = 60*ko*(relief - B) unit 1\n"
                                  "d/dt(M) = kin*(1 - M - B) init 1 unit 1\n"
                                  "[observations]\nseen : M*(1 + B) ~ add(1)\n";

static struct record *stiff_record(const char *time_unit, const char *unit, double amount,
                                   double period)
{
    struct record *record = record_new("1", time_unit);
    for (size_t i = 0; i < 4; i++)
        assert_ok(record_dose(record, period * (double)i, "drug", unit, amount, -1, i));
    for (size_t i = 0; i < 20; i++)
        assert_ok(record_measurement(record, period * (0.013 + 0.21 * (double)i), "seen",
                                     NULL, 1, CENSORED_NOT, 4 + i));
    record_sort(record);
    return record;
}

/* By lanes that find out, by those for what is stiff, and by CVODES; and how much of it
 * the first did. */
static struct engine_work check_stiff(const char *text, struct record *record)
{
    static const enum engine_solver solvers[] = {ENGINE_BDF, ENGINE_LANES,
                                                 ENGINE_ROSENBROCK};
    struct model *model = parse(text);
    struct prior_layout layout;
    struct prior *prior;
    struct twin *twin;
    struct engine_work work = {0};
    assert_ok(prior_layout(model, &layout));
    assert_ok(prior_from_model(model, &prior));
    assert_ok(twin_new(model, &layout, record, &twin));
    double f[3][20], slopes[3][20 * 8], largest = 0;
    for (size_t i = 0; i < 3; i++) {
        struct engine_options options = {solvers[i], 1e-10};
        struct engine *engine = engine_new(model, &layout, &options);
        assert_ok(twin_predict(engine, twin, prior->effects, NULL, f[i], slopes[i]));
        if (solvers[i] == ENGINE_LANES)
            engine_work(engine, &work);
        engine_destroy(&engine);
    }
    for (size_t i = 0; i < 20; i++)
        largest = fmax(largest, fabs(f[0][i]));
    for (size_t way = 1; way < 3; way++)
        for (size_t i = 0; i < 20; i++) {
            assert_near(f[way][i], f[0][i], 1e-7 * largest);
            for (size_t k = 0; k < layout.p; k++)
                assert_near(slopes[way][i * layout.p + k], slopes[0][i * layout.p + k],
                            1e-6 * largest);
        }
    prior_destroy(&prior);
    twin_destroy(&twin);
    record_destroy(&record);
    model_destroy(&model);
    return work;
}

/* What is found to be stiff is begun by one method and done by the other; the cell is
 * not, at this tolerance. */
static void twin__what_is_stiff_goes_through_lanes_as_through_cvodes(void **state)
{
    (void)state;
    struct engine_work work = check_stiff(chain_text, stiff_record("h", "mg", 5, 504));
    assert_int_equal(work.solves, 2);
    assert_in_range(work.steps, 3000, 9000);
    work = check_stiff(airway_text, stiff_record("h", "ug", 200, 120));
    assert_int_equal(work.solves, 2);
    assert_in_range(work.steps, 3000, 9000);
    work = check_stiff(cell_text, stiff_record("s", "1", 0.3, 0.8));
    assert_int_equal(work.solves, 1);
}

/* x' = a W1(t) + W2(t): W1 and W2 interpolated between records at different times, W3
 * held: x(t) is the sum of two areas of trapezoids and one of steps. */
static void twin__covariates_move_as_declared(void **state)
{
    (void)state;
    struct model *model = parse("model areas version 1 \"areas\"\ntime h\n"
                                "[parameters]\na = 2 1 (0.1, 10) lognormal sd 0.1\n"
                                "[covariates]\nW1 1 linear\nW2 1 linear\nW3 1 locf\n"
                                "[equations]\nd/dt(x) = (a*W1 + W2 + W3)/(1 h)\n"
                                "[observations]\nseen : x ~ add(1 1)\n");
    struct prior_layout layout;
    assert_ok(prior_layout(model, &layout));
    struct record *record = record_new("1", "h");
    static const double rows[][3] = {/* covariate, time, value */
                                     {1, 0, 1}, {2, 0, 10}, {3, 0, 5}, {1, 2, 3},
                                     {2, 3, 4}, {3, 3, 7},  {1, 5, 0}, {2, 6, 16}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[3] = {'W', (char)('0' + (int)rows[i][0]), 0};
        assert_ok(record_covariate(record, rows[i][1], name, NULL, rows[i][2], i));
    }
    static const double times[] = {2, 4, 6, 8};
    for (size_t i = 0; i < 4; i++)
        assert_ok(
            record_measurement(record, times[i], "seen", NULL, 0, CENSORED_NOT, 20 + i));
    record_sort(record);
    struct twin *twin;
    assert_ok(twin_new(model, &layout, record, &twin));
    struct engine *engine = engine_new(model, &layout, NULL);
    double phi = log(2), f[4], jacobian[4];
    assert_ok(twin_predict(engine, twin, &phi, NULL, f, jacobian));
    /* W1: 0..2 area 4, 2..5 from 3 to 0 area 4.5, then 0: at 4: 4 + 2 * (3 + 1) / 2 = 8.
     */
    assert_relative(f[0], 2 * 4.0 + (10 + 6) + 10, 1e-7);
    assert_relative(f[1], 2 * 8 + 21 + (4 + 8) / 2.0 + 22, 1e-7);
    assert_relative(f[2], 2 * 8.5 + 21 + 30 + 36, 1e-7);
    assert_relative(f[3], 2 * 8.5 + 21 + 30 + 32 + 50, 1e-7);
    assert_relative(jacobian[2], 2 * 8.5, 1e-7);
    engine_destroy(&engine);
    twin_destroy(&twin);
    record_destroy(&record);
    model_destroy(&model);
}

static const char bolus_text[] = "model bolus version 1 \"one pool\"\ntime h\n"
                                 "[parameters]\nk = 0.1 1/h (0.01, 1) lognormal sd 0.3\n"
                                 "[doses]\niv -> x mg\n"
                                 "[equations]\nd/dt(x) = -k*x\n"
                                 "[observations]\n"
                                 "seen : x ~ add(1 mg) limits 2 .. 80 mg\n";

static void twin__rows_at_one_time_keep_their_order(void **state)
{
    (void)state;
    struct model *model = parse(bolus_text);
    struct prior_layout layout;
    assert_ok(prior_layout(model, &layout));
    struct record *record = record_new("1", "min");
    assert_ok(record_measurement(record, 0, "seen", NULL, 5, CENSORED_NOT, 0));
    assert_ok(record_dose(record, 0, "iv", "mg", 50, 0, 1));
    assert_ok(record_measurement(record, 0, "seen", "ug", 50000, CENSORED_NOT, 2));
    assert_ok(record_measurement(record, 60, "seen", NULL, 1, CENSORED_NOT, 3));
    assert_ok(record_measurement(record, 60, "other", NULL, 1, CENSORED_NOT, 4));
    assert_ok(record_measurement(record, 60, "seen", NULL, 90, CENSORED_NOT, 5));
    struct twin *twin;
    assert_ok(twin_new(model, &layout, record, &twin));
    assert_int_equal(twin_measurements(twin), 4); /* "other" is no observation */
    assert_near(twin_measurement(twin, 1)->value, 50, 1e-12);
    assert_near(twin_measurement(twin, 2)->time, 1, 1e-12);
    assert_int_equal(twin_measurement(twin, 2)->censoring, CENSORED_BELOW);
    assert_near(twin_measurement(twin, 2)->value, 2, 0);
    assert_int_equal(twin_measurement(twin, 3)->censoring, CENSORED_ABOVE);
    assert_near(twin_measurement(twin, 3)->value, 80, 0);
    struct engine *engine = engine_new(model, &layout, NULL);
    double phi = log(0.1), f[4];
    assert_ok(twin_predict(engine, twin, &phi, NULL, f, NULL));
    assert_near(f[0], 0, 0);
    assert_near(f[1], 50, 0);
    assert_relative(f[2], 50 * exp(-0.1), 1e-8);
    engine_destroy(&engine);
    twin_destroy(&twin);
    record_destroy(&record);
    model_destroy(&model);
}

static void twin__simulates_between_and_beyond_the_rows(void **state)
{
    (void)state;
    struct model *model = parse(bolus_text);
    struct prior_layout layout;
    assert_ok(prior_layout(model, &layout));
    struct record *record = record_new("1", "h");
    assert_ok(record_dose(record, 1, "iv", "mg", 50, 0, 0));
    struct twin *twin;
    assert_ok(twin_new(model, &layout, record, &twin));
    struct engine *engine = engine_new(model, &layout, NULL);
    static const double times[] = {0, 1, 2, 11};
    double parameters[] = {0.2}, out[8];
    assert_ok(twin_simulate(engine, twin, parameters, times, 4, out));
    for (size_t i = 0; i < 4; i++) {
        double expected = times[i] < 1 ? 0 : 50 * exp(-0.2 * (times[i] - 1));
        assert_near(out[2 * i], expected,
                    1e-7 * 50); /* the state, then the observation */
        assert_near(out[2 * i + 1], expected, 1e-7 * 50);
    }
    engine_destroy(&engine);
    twin_destroy(&twin);
    record_destroy(&record);
    model_destroy(&model);
}

/* Two pools under fractions of 2 Gy a day (Fowler, Br. J. Radiol. 62:679, 1989): between
 * them exponentials, at each V to V s and D to D + V (1 - s). */
static const char radiation_text[] =
    "model rt version 1 \"rt\"\ntime d\n"
    "[parameters]\nalpha = 0.25 1/Gy (0.01, 1) lognormal sd 0.3\n"
    "ab = 10 Gy (1, 30) lognormal sd 0.2\n"
    "Tc = 25 d (3, 200) lognormal sd 0.4\nTd = 20 d (3, 200) lognormal sd 0.1\n"
    "[doses]\n"
    "radiation Gy : V = V*exp(-alpha*dose*(1 + dose/ab)), "
    "D = D + V*(1 - exp(-alpha*dose*(1 + dose/ab)))\n"
    "[equations]\n"
    "d/dt(V) = ln(2)/Td*V init 30 mL\nd/dt(D) = -ln(2)/Tc*D unit mL\n"
    "[observations]\nvolume : V + D ~ add(1 mL)\n";

static long double radiation_volume(const long double *phi, long double t)
{
    long double alpha = expl(phi[0]), ab = expl(phi[1]);
    long double dead = logl(2) / expl(phi[2]), grows = logl(2) / expl(phi[3]);
    long double survive = expl(-alpha * 2 * (1 + 2 / ab)), viable = 30, doomed = 0;
    for (int day = 0; day <= 5 && (long double)day <= t; day++) {
        long double rest = (day < 5 && day + 1 <= t ? day + 1 : t) - day;
        doomed = (doomed + viable * (1 - survive)) * expl(-dead * rest);
        viable = viable * survive * expl(grows * rest);
    }
    return viable + doomed;
}

static void twin__doses_that_move_what_is_there(void **state)
{
    (void)state;
    static const double times[] = {0.5, 1.5, 2.9, 5.5, 40};
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_BDF, ENGINE_ADAMS};
    struct model *model = parse(radiation_text);
    struct prior_layout layout;
    struct twin *twin;
    assert_ok(prior_layout(model, &layout));
    struct record *record = record_new("1", "d");
    for (size_t i = 0; i < 6; i++)
        assert_ok(record_dose(record, (double)i, "radiation", "cGy", 200, -1, i));
    for (size_t i = 0; i < 5; i++)
        assert_ok(
            record_measurement(record, times[i], "volume", "mL", 1, CENSORED_NOT, i));
    record_sort(record);
    assert_ok(twin_new(model, &layout, record, &twin));
    double phi[] = {log(0.25), log(10), log(25), log(20)}, f[5], slopes[5 * 4];
    for (size_t s = 0; s < 3; s++) {
        struct engine_options options = {solvers[s], 1e-10};
        struct engine *engine = engine_new(model, &layout, &options);
        assert_ok(twin_predict(engine, twin, phi, NULL, f, slopes));
        for (size_t i = 0; i < 5; i++) {
            long double at[4] = {phi[0], phi[1], phi[2], phi[3]}, h = 1e-4L;
            assert_near(f[i], (double)radiation_volume(at, times[i]), 30 * 1e-8);
            for (size_t k = 0; k < 4; k++) {
                at[k] = phi[k] + h;
                long double up = radiation_volume(at, times[i]);
                at[k] = phi[k] - h;
                long double slope = (up - radiation_volume(at, times[i])) / (2 * h);
                at[k] = phi[k];
                assert_near(slopes[i * 4 + k], (double)slope, 30 * 1e-7);
            }
        }
        engine_destroy(&engine);
    }
    twin_destroy(&twin);
    record_destroy(&record);
    record = record_new("1", "d");
    assert_ok(record_dose(record, 0, "radiation", "Gy", 2, 0.1, 0));
    assert_refused(ERR_RANGE, "a dose of 'radiation' takes no time",
                   twin_new(model, &layout, record, &twin));
    record_destroy(&record);
    model_destroy(&model);
}

/* A pulse of T/3 in each period T into what decays at rate k: in the end the value at a
 * phase u is a geometric series. Two periods before 0 it is 5, of which a part is left.
 */
static const char beat_text[] = "model beat version 1\ntime s\n[parameters]\n"
                                "T = 0.8 s (0.1, 9) lognormal sd 0.2\n"
                                "k = 1.5 1/s (0.1, 9) lognormal sd 0.2\n"
                                "[equations]\n"
                                "d/dt(P) = if(mod(time, T) < T/3, 1, 0)*1 [1/s] - k*P "
                                "init 5\n"
                                "periodic T after 2 periods\n"
                                "[observations]\np : P ~ add(1 1)\n";

static long double beat_value(const long double *phi, long double t)
{
    long double period = expl(phi[0]), k = expl(phi[1]), on = period / 3;
    long double u = t - period * floorl(t / period);
    long double end = (1 - expl(-k * on)) / k / (1 - expl(-k * period)); /* of a pulse */
    long double begin = end * expl(-k * (period - on));
    long double left = (5 - begin) * expl(-k * (2 * period + t));
    return left + (u < on ? begin * expl(-k * u) + (1 - expl(-k * u)) / k
                          : end * expl(-k * (u - on)));
}

static void twin__periodic_courses_begin_where_they_repeat(void **state)
{
    (void)state;
    static const double times[] = {0, 0.1, 0.5, 1.7, 3.3};
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_BDF, ENGINE_ADAMS};
    struct model *model = parse(beat_text);
    struct prior_layout layout;
    struct twin *twin;
    assert_ok(prior_layout(model, &layout));
    struct record *record = record_new("1", "s");
    for (size_t i = 0; i < 5; i++)
        assert_ok(record_measurement(record, times[i], "p", NULL, 1, CENSORED_NOT, i));
    assert_ok(twin_new(model, &layout, record, &twin));
    double phi[] = {log(0.8), log(1.5)}, f[5], slopes[5 * 2];
    for (size_t s = 0; s < 3; s++) {
        struct engine_options options = {solvers[s], 1e-11};
        struct engine *engine = engine_new(model, &layout, &options);
        assert_ok(twin_predict(engine, twin, phi, NULL, f, slopes));
        for (size_t i = 0; i < 5; i++) {
            long double at[2] = {phi[0], phi[1]}, h = 1e-5L;
            assert_near(f[i], (double)beat_value(at, times[i]), 1e-8);
            for (size_t k = 0; k < 2 && i > 0; k++) { /* at 0 a pulse begins */
                at[k] = phi[k] + h;
                long double up = beat_value(at, times[i]);
                at[k] = phi[k] - h;
                long double slope = (up - beat_value(at, times[i])) / (2 * h);
                at[k] = phi[k];
                assert_near(slopes[i * 2 + k], (double)slope, 1e-7);
            }
        }
        engine_destroy(&engine);
    }
    twin_destroy(&twin);
    record_destroy(&record);
    model_destroy(&model);
}

static const char genes_text[] =
    "model g version 1 \"g\"\ntime h\n"
    "[parameters]\nk = 1 1 (0.01, 9) lognormal sd 0.3\n"
    "[covariates]\nGENE 1 levels 11 = \"*1/*1\", 13, -2 = \"none\"\nALLELES 1\n"
    "[equations]\n"
    "q = table(GENE, \"none\": k*7, 13: k/4, \"*1/*1\": k + 1)\n"
    "r = table(ALLELES, 0: 5 mg, 1: 2.5 ug, else: 7 mg)\n"
    "[observations]\nseen : q ~ add(1 1)\n";

static void twin__refuses_what_would_be_another_patient(void **state)
{
    (void)state;
    struct model *model = parse(bolus_text);
    struct prior_layout layout;
    assert_ok(prior_layout(model, &layout));
    struct twin *twin;
    struct record *record = record_new("1", "h");
    assert_ok(record_dose(record, 0, "oral", "mg", 50, 0, 0));
    assert_refused(ERR_NOT_FOUND, "'oral'", twin_new(model, &layout, record, &twin));
    record_destroy(&record);
    record = record_new("1", "h");
    assert_ok(record_dose(record, 0, "iv", "mmol", 50, 0, 0));
    assert_refused(ERR_RANGE, "mmol", twin_new(model, &layout, record, &twin));
    record_destroy(&record);
    model_destroy(&model);
    model = parse("model c version 1 \"c\"\ntime h\n"
                  "[parameters]\nk = 1 1/kg (0.01, 9) lognormal sd 0.3\n[covariates]\n"
                  "WT kg\n[equations]\nm = k*WT\n[observations]\nseen : m ~ add(1 1)\n");
    assert_ok(prior_layout(model, &layout));
    record = record_new("1", "h");
    assert_refused(ERR_NOT_FOUND, "'WT'", twin_new(model, &layout, record, &twin));
    record_destroy(&record);
    model_destroy(&model);
    model = parse("model c version 1 \"c\"\ntime h\n"
                  "[parameters]\nk = 1 1 (0.01, 9) lognormal sd 0.3\n"
                  "[observations]\nseen : k ~ add(1 1) correlated over 1 h\n"
                  "free : k ~ add(1 1)\n");
    assert_ok(prior_layout(model, &layout));
    record = record_new("1", "h");
    for (size_t i = 0; i < 2; i++) {
        assert_ok(record_measurement(record, 1, "free", "1", 1, CENSORED_NOT, i));
        assert_ok(
            record_measurement(record, 1, i ? "seen" : "free", "1", 1, CENSORED_NOT, i));
    }
    assert_ok(twin_new(model, &layout, record, &twin));
    twin_destroy(&twin);
    assert_ok(record_measurement(record, 1, "seen", "1", 1, CENSORED_NOT, 4));
    assert_refused(ERR_RANGE, "seen is measured twice",
                   twin_new(model, &layout, record, &twin));
    record_destroy(&record);
    model_destroy(&model);
    model = parse(genes_text);
    assert_ok(prior_layout(model, &layout));
    record = record_new("1", "h");
    assert_ok(record_covariate(record, 0, "GENE", NULL, 12, 0));
    assert_refused(ERR_RANGE, "a value of covariate 'GENE' is none of its levels",
                   twin_new(model, &layout, record, &twin));
    record_destroy(&record);
    model_destroy(&model);
}

/* --- occasions ---------------------------------------------------------------------- */

static const char occasions_text[] =
    "model occasions version 1 \"t\"\ntime h\n"
    "[parameters]\n"
    "k = 0.3 1/h (0.01, 9) lognormal sd 0.3 occasions 3 per 2 h sd 0.2\n"
    "b = 0.6 1 (0.1, 0.9) logitnormal sd 0.4 occasions 2 by VISIT sd 0.5\n"
    "c = 2 mg normal sd 0.4 mg occasions 2 by VISIT sd 700 ug\n"
    "[covariates]\nVISIT 1 locf\n"
    "[doses]\niv -> A mg\n"
    "[equations]\nd/dt(A) = -k*A\n"
    "[observations]\nlevel : b*A + c ~ add(0.3 mg)\n";

#define OCCASIONS_TIMES 8
static const double occasions_times[OCCASIONS_TIMES] = {-1,  0.5, 1.9, 2.5,
                                                        3.5, 4.5, 5.5, 6};

/* Its solution; k, b and c, then what they are off: k by three, b by two, c by two. A
 * dose of 100 at -1, the second visit from 3 on. */
static double occasions_level(const double *phi, double t)
{
    static const double ends[] = {2, 4, INFINITY};
    double area = 0, from = -1;
    for (size_t i = 0; i < 3; i++) {
        double to = fmin(t, ends[i]);
        if (to > from)
            area += exp(phi[0] + phi[3 + i]) * (to - from);
        from = fmax(from, to);
    }
    size_t visit = t >= 3;
    double b = 0.1 + 0.8 / (1 + exp(-phi[1] - phi[6 + visit]));
    return b * 100 * exp(-area) + phi[2] + phi[8 + visit];
}

static struct record *occasions_record(double second)
{
    struct record *record = record_new("1", "h");
    assert_ok(record_dose(record, -1, "iv", "mg", 100, 0, 0));
    assert_ok(record_covariate(record, -1, "VISIT", NULL, 1, 1));
    assert_ok(record_covariate(record, 3, "VISIT", NULL, second, 2));
    for (size_t i = 0; i < OCCASIONS_TIMES; i++)
        assert_ok(record_measurement(record, occasions_times[i], "level", "mg", 9,
                                     CENSORED_NOT, 3 + i));
    record_sort(record);
    return record;
}

static void twin__parameters_vary_between_occasions(void **state)
{
    (void)state;
    struct model *model = parse(occasions_text);
    struct prior_layout layout;
    struct twin *twin;
    struct record *record = occasions_record(2);
    assert_ok(prior_layout(model, &layout));
    assert_int_equal(layout.p, 3);
    assert_int_equal(layout.r, 7);
    assert_int_equal(layout.m, 4);
    assert_string_equal(model_parameter(model, layout.occasional[3])->name, "b.1");
    assert_ok(twin_new(model, &layout, record, &twin));
    double beyond[] = {0, 6.1}, parameters[10] = {0.3, 0.6, 2}, out[4];
    struct engine *lanes = engine_new(model, &layout, NULL);
    assert_refused(ERR_RANGE, "more than the 3 occasions",
                   twin_simulate(lanes, twin, parameters, beyond, 2, out));
    assert_ok(twin_simulate(lanes, twin, parameters, beyond, 1, out));
    engine_destroy(&lanes);
    double phi[10] = {log(0.3), 0.4, 2, 0.2, -0.1, 0.3, 0.2, -0.5, 0.4, -0.8};
    for (int solver = ENGINE_LANES; solver <= ENGINE_BDF; solver++) {
        struct engine_options options = {(enum engine_solver)solver, 0};
        struct engine *engine = engine_new(model, &layout, &options);
        double f[OCCASIONS_TIMES], jacobian[OCCASIONS_TIMES * 10];
        assert_ok(twin_predict(engine, twin, phi, NULL, f, jacobian));
        for (size_t i = 0; i < OCCASIONS_TIMES; i++) {
            assert_relative(f[i], occasions_level(phi, occasions_times[i]), 1e-7);
            for (size_t a = 0; a < 10; a++) {
                double h = 1e-5, at = phi[a];
                phi[a] = at + h;
                double up = occasions_level(phi, occasions_times[i]);
                phi[a] = at - h;
                double down = occasions_level(phi, occasions_times[i]);
                phi[a] = at;
                assert_near(jacobian[i * 10 + a], (up - down) / (2 * h), 1e-5);
            }
        }
        engine_destroy(&engine);
    }
    twin_destroy(&twin);
    record_destroy(&record);
    record = occasions_record(3);
    assert_refused(ERR_RANGE, "more than the 2 occasions that model occasions has for b",
                   twin_new(model, &layout, record, &twin));
    record_destroy(&record);
    record = occasions_record(1.5);
    assert_refused(ERR_RANGE, "more than the 2", twin_new(model, &layout, record, &twin));
    record_destroy(&record);
    record = occasions_record(2);
    assert_ok(record_measurement(record, 6.1, "level", "mg", 9, CENSORED_NOT, 20));
    assert_refused(ERR_RANGE, "more than the 3 occasions that model occasions has for k",
                   twin_new(model, &layout, record, &twin));
    record_destroy(&record);
    model_destroy(&model);
}

/* Each row by its number or its label, in its own unit; what is left by else. */
static void twin__tables_give_each_value_its_own(void **state)
{
    (void)state;
    static const double rows[][4] = {/* GENE, ALLELES, q, r */
                                     {11, 0, 3, 5},
                                     {13, 1, 0.5, 0.0025},
                                     {-2, 2, 14, 7},
                                     {-2, -1, 14, 7}};
    struct model *model = parse(genes_text);
    struct prior_layout layout;
    assert_ok(prior_layout(model, &layout));
    struct engine *engine = engine_new(model, &layout, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record *record = record_new("1", "h");
        struct twin *twin;
        double parameters[] = {2}, time = 0, out[3];
        assert_ok(record_covariate(record, 0, "GENE", NULL, rows[i][0], 0));
        assert_ok(record_covariate(record, 0, "ALLELES", NULL, rows[i][1], 1));
        assert_ok(twin_new(model, &layout, record, &twin));
        assert_ok(twin_simulate(engine, twin, parameters, &time, 1, out));
        assert_near(out[0], rows[i][2], 1e-15);
        assert_near(out[1], rows[i][3], 1e-15);
        twin_destroy(&twin);
        record_destroy(&record);
    }
    engine_destroy(&engine);
    model_destroy(&model);
}

/* --- without states
 * --------------------------------------------------------------------- */

/* A formula of time, of a covariate that moves and of one that steps: lanes come to the
 * very bits that one at a time gives, eight and more at once. */
static void twin__formulas_go_through_lanes(void **state)
{
    (void)state;
    struct model *model = parse("model formula version 1\ntime h\n"
                                "[parameters]\n"
                                "E0 = 5 1 (0.1, 100) lognormal sd 0.3\n"
                                "k = 0.2 1/h (0.01, 10) lognormal sd 0.4\n"
                                "on = 4 h (0.1, 20) lognormal sd 0.2\n"
                                "[covariates]\nW 1 linear\nD 1 locf default 0\n"
                                "[equations]\n"
                                "effect = if(time < on, 0, D*(1 - exp(-k*(time - on))))\n"
                                "[observations]\nseen : E0*W + effect ~ add(1)\n"
                                "other : ln(E0) ~ prop(0.1)\n");
    enum { SEEN = 12, EACH = 11 };
    double f[2][EACH][SEEN], slopes[2][EACH][SEEN * 3], phi[EACH][3];
    struct prior_layout layout;
    struct prior *prior;
    struct twin *twin;
    struct record *record = record_new("1", "h");
    for (size_t i = 0; i < SEEN; i++)
        assert_ok(record_measurement(record, 0.9 * (double)i, i % 3 ? "seen" : "other",
                                     NULL, 1, CENSORED_NOT, i));
    for (size_t i = 0; i < 4; i++) {
        assert_ok(record_covariate(record, 3 * (double)i, "W", NULL, 1 + 0.3 * (double)i,
                                   20 + i));
        assert_ok(
            record_covariate(record, 2.5 * (double)i, "D", NULL, (double)i, 30 + i));
    }
    record_sort(record);
    assert_ok(prior_layout(model, &layout));
    assert_ok(prior_from_model(model, &prior));
    assert_ok(twin_new(model, &layout, record, &twin));
    for (size_t way = 0; way < 2; way++) {
        struct engine_options options = {way ? ENGINE_LANES : ENGINE_BDF, 0};
        struct engine *engine = engine_new(model, &layout, &options);
        struct twin_point points[EACH];
        struct engine_work work;
        for (size_t i = 0; i < EACH; i++) {
            for (size_t k = 0; k < 3; k++)
                phi[i][k] = prior->effects[k] + 0.1 * sin((double)(5 * i + k));
            points[i] = (struct twin_point){twin,           phi[i], NULL,       f[way][i],
                                            slopes[way][i], NULL,   ERR_NUMERIC};
        }
        twin_predict_all(engine, points, EACH, true);
        for (size_t i = 0; i < EACH; i++)
            assert_ok(points[i].err);
        engine_work(engine, &work);
        assert_int_equal(work.solves, way ? EACH : 0);
        engine_destroy(&engine);
    }
    assert_memory_equal(f[1], f[0], sizeof f[0]);
    assert_memory_equal(slopes[1], slopes[0], sizeof slopes[0]);
    assert_near(f[1][0][1], exp(phi[0][0]) * 1.09, 1e-12);
    prior_destroy(&prior);
    twin_destroy(&twin);
    record_destroy(&record);
    model_destroy(&model);
}

/* --- steps of one length
 * ------------------------------------------------------------------ */

/* The cell in steps of its text's own, with stimuli at times of a parameter's between
 * them: as CVODES does it, to what steps of order 4 can do; half of them, 16 times
 * better. */
static void twin__steps_of_a_text_are_of_order_4(void **state)
{
    (void)state;
    static const char *const lines[] = {"", "solver rk4 step 0.05 ms\n",
                                        "solver rk4 step 0.025 ms\n",
                                        "solver rk4 step 100 ms\n"};
    static const double steps[] = {0, 5e-5, 2.5e-5, 0.1};
    double f[4][20], slopes[4][20 * 8], worst[4] = {0}, worst_slope[4] = {0};
    struct record *record = stiff_record("s", "1", 0.3, 0.8);
    for (size_t i = 0; i < 4; i++) {
        char *text = mem_format("model cell version 1\ntime s\n%s%s", lines[i],
                                strstr(cell_text, "[parameters]"));
        struct model *model = parse(text);
        struct prior_layout layout;
        struct prior *prior;
        struct twin *twin;
        struct engine_options options = {i ? ENGINE_LANES : ENGINE_BDF, 1e-11};
        struct engine_work work;
        assert_near(model_step(model), steps[i], 1e-15);
        assert_ok(prior_layout(model, &layout));
        assert_ok(prior_from_model(model, &prior));
        assert_ok(twin_new(model, &layout, record, &twin));
        struct engine *engine = engine_new(model, &layout, &options);
        assert_ok(twin_predict(engine, twin, prior->effects, NULL, f[i], slopes[i]));
        engine_work(engine, &work);
        if (i == 1) /* 3.2024 s, and a cut step more at each stimulus and at its end */
            assert_in_range(work.steps, 64048, 64060);
        for (size_t j = 0; j < 20; j++)
            worst[i] = fmax(worst[i], fabs(f[i][j] - f[0][j]));
        for (size_t j = 0; j < 20 * layout.p; j++)
            worst_slope[i] = fmax(worst_slope[i], fabs(slopes[i][j] - slopes[0][j]));
        engine_destroy(&engine);
        prior_destroy(&prior);
        twin_destroy(&twin);
        model_destroy(&model);
        mem_free(text);
    }
    assert_true(worst[1] < 1e-8 && worst_slope[1] < 1e-7);
    assert_true(worst[2] < worst[1] / 10 && worst_slope[2] < worst_slope[1] / 2);
    /* Steps that lead to what is not finite are left to the other method. */
    assert_true(worst[3] < 1e-7 && worst_slope[3] < 1e-6);
    record_destroy(&record);
}

/* One twin in steps of a length that was asked for, at one time: [states + ...]. */
static enum err in_equal_steps(const struct course *course, double step, double at,
                               double *row)
{
    struct engine *engine = engine_new_equal(course->model, &course->layout, step);
    enum err err = twin_simulate(engine, course->twin, course->parameters, &at, 1, row);
    engine_destroy(&engine);
    return err;
}

/* z after a step is z (1 - h + h^2/2 - h^3/6 + h^4/24), whatever the text says of steps;
 * what grows beyond all bounds in them is left to no other method. */
static void twin__takes_the_steps_it_is_asked_for(void **state)
{
    (void)state;
    struct course course;
    double row[3];
    course_open_text(&course,
                     "model falling version 1\n"
                     "time s\n"
                     "solver rk4 step 1 ms\n"
                     "[parameters]\n"
                     "k = 1 1/s lognormal sd 0.3\n"
                     "[equations]\n"
                     "d/dt(z) = -k*z init 1 unit 1\n"
                     "[observations]\n"
                     "o : z ~ add(0.1)\n",
                     "", "");
    double h = 0.3, factor = 1 - h + h * h / 2 - h * h * h / 6 + h * h * h * h / 24;
    assert_ok(in_equal_steps(&course, h, 7 * h, row));
    assert_relative(row[0], pow(factor, 7), 1e-14);
    assert_refused(ERR_NUMERIC, "a step of 100", in_equal_steps(&course, 100, 1e5, row));
    course_close(&course);
}

/* Twenty beats in steps of 2 ms. */
static void twin__carries_a_heart_in_equal_steps(void **state)
{
    (void)state;
    static const char *const states[] = {"Vla", "Vlv", "Vsa", "Vsv", "Vra", "Vrv"};
    double row[256];
    struct course course;
    course_open(&course, "heart/circulation", "HR=75", "");
    assert_ok(in_equal_steps(&course, 0.002, 16, row));
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        double *there = course_run(&course, states[i], 16, 1, 1);
        assert_near(row[course_column(&course, states[i])], *there, 2e-3);
        mem_free(there);
    }
    course_close(&course);
}

/* A start from which rates run away at first, down to one rest or up to another: a steady
 * start is the rest to which they lead, whatever the threshold. */
static void twin__steady_starts_are_where_rates_lead(void **state)
{
    (void)state;
    static const char text[] = "model rests version 1\ntime h\n[parameters]\n"
                               "c = 0.7 1 (0.01, 9) lognormal sd 0.3\n[equations]\n"
                               "d/dt(x) = 1 [1/h]*(2*tanh(x - c) - 0.6*x) %s unit 1\n"
                               "[observations]\nseen : x ~ add(0.1)\n";
    char *ways[2] = {mem_format(text, "init steady"), mem_format(text, "init 1")};
    static const double times[] = {0, 200};
    struct course courses[2];
    for (size_t i = 0; i < 2; i++)
        course_open_text(&courses[i], ways[i], "", "");
    size_t up = 0, count = 300;
    for (size_t i = 0; i < count; i++) {
        double rests[2][2 * 2];
        for (size_t way = 0; way < 2; way++) {
            courses[way].parameters[0] = 0.4 + 0.002 * (double)i;
            assert_ok(twin_simulate(courses[way].engine, courses[way].twin,
                                    courses[way].parameters, times, 2, rests[way]));
        }
        assert_near(rests[0][0], rests[1][2], 1e-7);
        up += rests[0][0] > 0;
    }
    assert_true(up > count / 4 && up < 3 * count / 4);
    for (size_t i = 0; i < 2; i++) {
        course_close(&courses[i]);
        mem_free(ways[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twin__derivatives_are_right_across_every_stop),
        cmocka_unit_test(twin__covariates_move_as_declared),
        cmocka_unit_test(twin__rows_at_one_time_keep_their_order),
        cmocka_unit_test(twin__simulates_between_and_beyond_the_rows),
        cmocka_unit_test(twin__doses_that_move_what_is_there),
        cmocka_unit_test(twin__periodic_courses_begin_where_they_repeat),
        cmocka_unit_test(twin__steady_starts_are_where_rates_lead),
        cmocka_unit_test(twin__tables_give_each_value_its_own),
        cmocka_unit_test(twin__refuses_what_would_be_another_patient),
        cmocka_unit_test(twin__what_is_stiff_goes_through_lanes_as_through_cvodes),
        cmocka_unit_test(twin__steps_of_a_text_are_of_order_4),
        cmocka_unit_test(twin__takes_the_steps_it_is_asked_for),
        cmocka_unit_test(twin__carries_a_heart_in_equal_steps),
        cmocka_unit_test(twin__parameters_vary_between_occasions),
        cmocka_unit_test(twin__formulas_go_through_lanes),
    };
    return cmocka_run_group_tests_name("twin", tests, NULL, NULL);
}
