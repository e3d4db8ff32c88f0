#include "base/memory.h"
#include "check.h"
#include "lanes_impl.h"

/* A drug from a depot into a compartment, an infusion u into that, and the derivatives of
 * both by ka: a' = -ka a, b' = ka a - ke b + u, s' = -ka s - a, r' = ka s + a - ke r. */
struct drugs {
    double stage[4 * LANES], ka[LANES], ke[LANES], u[LANES];
};

static const size_t all[] = {0, 1, 2, 3};

static void flow(void *context, const double *t, double *dydt)
{
    const struct drugs *d = context;
    const double *y = d->stage;
    (void)t;
    EACH_LANE
    {
        double a = y[l], b = y[LANES + l], s = y[2 * LANES + l], r = y[3 * LANES + l];
        dydt[l] = -d->ka[l] * a;
        dydt[LANES + l] = d->ka[l] * a - d->ke[l] * b + d->u[l];
        dydt[2 * LANES + l] = -d->ka[l] * s - a;
        dydt[3 * LANES + l] = d->ka[l] * s + a - d->ke[l] * r;
    }
}

static struct lanes *drugs_new_by(enum lanes_method method, struct drugs *d,
                                  double tolerance, enum simd simd)
{
    static const size_t end[] = {2, 4};
    memset(d, 0, sizeof *d);
    struct lanes_system system = {.method = method,
                                  .rows = 4,
                                  .group_end = end,
                                  .groups = 2,
                                  .rate = flow,
                                  .stage = d->stage,
                                  .context = d,
                                  .relative_tolerance = tolerance,
                                  .steps_max = 100000};
    return lanes_new(&system, simd);
}

static struct lanes *drugs_new(struct drugs *d, double tolerance, enum simd simd)
{
    return drugs_new_by(LANES_SERIES, d, tolerance, simd);
}

/* From a and b on, without a derivative yet. */
static void by_formula(double ka, double ke, double u, const double *from, double t,
                       double *y)
{
    double fast = exp(-ka * t), slow = exp(-ke * t), gap = ka - ke;
    y[0] = from[0] * fast;
    y[1] = from[1] * slow + u / ke * (1 - slow) + from[0] * ka / gap * (slow - fast);
    y[2] = -from[0] * t * fast;
    y[3] = from[0] * (-ke / (gap * gap) * (slow - fast) + ka / gap * t * fast);
}

static void begin(struct lanes *lanes, struct drugs *d, size_t lane, double ka, double ke,
                  double t, double tolerance)
{
    double y[4] = {100, 5, 0, 0}, absolute[4];
    for (size_t r = 0; r < 4; r++)
        absolute[r] = 1e-5 * 100 * tolerance;
    d->ka[lane] = ka;
    d->ke[lane] = ke;
    lanes_begin(lanes, lane, t, y, absolute);
}

/* At every step's ends and inside, for rates that differ by lane, some of them a
 * thousandfold, and with an inflow; to within a few times what is asked for, of what
 * there was at first. */
static void series__follows_the_closed_form(void **state)
{
    (void)state;
    static const double tolerances[] = {1e-4, 1e-7, 1e-10}, from[] = {100, 5};
    for (size_t i = 0; i < 3; i++) {
        struct drugs d;
        struct lanes *lanes = drugs_new(&d, tolerances[i], simd_best());
        double last[LANES], allowed = 20 * tolerances[i] * 100, t[LANES], y[4];
        for (size_t l = 0; l < LANES; l++) {
            d.u[l] = l % 2 ? 3 * (double)l : 0;
            begin(lanes, &d, l, 0.7 + (double)l, l == 7 ? 0.007 : 0.1, 2, tolerances[i]);
            lanes_go(lanes, l, 26 + (double)l);
            last[l] = 2;
        }
        for (size_t n = 0; n < 100; n++) {
            lanes_step(lanes);
            EACH_LANE t[l] =
                last[l] + (double)((n + l) % 5) / 4 * (lanes_times(lanes)[l] - last[l]);
            lanes_between(lanes, t, all, 4);
            for (size_t l = 0; l < LANES; l++) {
                by_formula(d.ka[l], d.ke[l], d.u[l], from, t[l] - 2, y);
                for (size_t r = 0; r < 4; r++)
                    assert_near(d.stage[r * LANES + l], y[r], allowed);
                last[l] = lanes_times(lanes)[l];
            }
        }
        for (size_t l = 0; l < LANES; l++) {
            assert_int_equal(lanes_states(lanes)[l], LANE_ARRIVED);
            assert_true(last[l] == 26 + (double)l);
        }
        lanes_destroy(&lanes);
    }
}

static size_t steps_of(enum lanes_method method, double tolerance)
{
    struct drugs d;
    struct lanes *lanes = drugs_new_by(method, &d, tolerance, simd_best());
    begin(lanes, &d, 0, 2, 0.1, 0, tolerance);
    lanes_go(lanes, 0, 24);
    while (lanes_states(lanes)[0] == LANE_MOVING)
        lanes_step(lanes);
    assert_int_equal(lanes_states(lanes)[0], LANE_ARRIVED);
    size_t steps = lanes_steps(lanes, 0);
    lanes_destroy(&lanes);
    return steps;
}

/* A step has twenty rates where one of Tsitouras' pair has six. */
static void series__takes_few_steps_however_tight(void **state)
{
    (void)state;
    size_t loose = steps_of(LANES_SERIES, 1e-4), tight = steps_of(LANES_SERIES, 1e-10);
    assert_in_range(loose * 4, 1, steps_of(LANES_TSITOURAS, 1e-4));
    assert_in_range(tight * 30, 1, steps_of(LANES_TSITOURAS, 1e-10));
    assert_in_range(tight, loose, 2 * loose);
}

/* Carries one problem in `lane`, another infusion from 5 on, the others doing something
 * else. */
static void carry(size_t lane, enum simd simd, bool company, double *y, size_t *steps)
{
    struct drugs d;
    struct lanes *lanes = drugs_new(&d, 1e-7, simd);
    for (size_t l = 0; l < LANES && company; l++) {
        begin(lanes, &d, l, 0.3 + 5 * (double)l, 0.01, (double)l, 1e-9);
        lanes_go(lanes, l, 1 + 7 * (double)l);
    }
    begin(lanes, &d, lane, 2, 0.3, 0, 1e-7);
    lanes_go(lanes, lane, 5);
    while (lanes_states(lanes)[lane] == LANE_MOVING)
        lanes_step(lanes);
    lanes_values(lanes, lane, y);
    d.u[lane] = 11;
    y[0] += 50;
    lanes_jump(lanes, lane, y);
    lanes_go(lanes, lane, 9);
    while (lanes_states(lanes)[lane] == LANE_MOVING)
        lanes_step(lanes);
    lanes_values(lanes, lane, y);
    *steps = lanes_steps(lanes, lane);
    lanes_destroy(&lanes);
}

static void series__lanes_do_not_feel_each_other_or_the_machine(void **state)
{
    (void)state;
    double first[4], y[4];
    size_t first_steps, steps;
    carry(0, SIMD_SCALAR, false, first, &first_steps);
    for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++)
        for (size_t lane = 0; lane < LANES; lane++)
            for (int company = 0; company < 2; company++) {
                carry(lane, simd, company, y, &steps);
                assert_memory_equal(y, first, sizeof y);
                assert_int_equal(steps, first_steps);
            }
}

/* What rests at its wall's other side is known by then. */
static void series__a_jump_and_another_inflow_begin_a_piece(void **state)
{
    (void)state;
    double y[4], middle[4], end[4], from[2] = {100, 5};
    size_t steps;
    carry(3, simd_best(), true, y, &steps);
    by_formula(2, 0.3, 0, from, 5, middle);
    double second[2] = {middle[0] + 50, middle[1]};
    by_formula(2, 0.3, 11, second, 4, end);
    for (size_t r = 0; r < 2; r++)
        assert_near(y[r], end[r], 2e-5);
}

/* What an infusion brings in a moment, and the rest of the day: of a rate that the moment
 * hardly changes, the next powers are rounding. */
static void series__goes_on_well_after_a_short_piece(void **state)
{
    (void)state;
    struct drugs d;
    struct lanes *lanes = drugs_new(&d, 1e-9, simd_best());
    double y[4], truth[4], from[2] = {100, 5};
    d.u[4] = 1000;
    begin(lanes, &d, 4, 2, 0.1, 0, 1e-9);
    for (size_t i = 0; i < 2; i++) {
        lanes_go(lanes, 4, i ? 24 : 1e-9);
        while (lanes_states(lanes)[4] == LANE_MOVING)
            lanes_step(lanes);
        lanes_values(lanes, 4, y);
        if (i == 0)
            lanes_jump(lanes, 4, y);
    }
    by_formula(2, 0.1, 1000, from, 24, truth);
    for (size_t r = 0; r < 4; r++)
        assert_near(y[r], truth[r], 1e-8 * 9000);
    lanes_destroy(&lanes);
}

/* y0' = y1, y1' = -y0. From (1, 0) every other power is all of y0, which may be far off
 * here, and the next all of y1, which may not. */
static void turn(void *context, const double *t, double *dydt)
{
    const double *y = context;
    (void)t;
    EACH_LANE
    {
        dydt[l] = y[LANES + l];
        dydt[LANES + l] = -y[l];
    }
}

static void series__is_not_taken_in_by_powers_of_nothing(void **state)
{
    (void)state;
    static const size_t end[] = {1, 2}; /* each by itself */
    double stage[2 * LANES] = {0}, y[2] = {1, 0}, allowed[2] = {1e-4, 1e-12};
    struct lanes_system system = {.method = LANES_SERIES,
                                  .rows = 2,
                                  .group_end = end,
                                  .groups = 2,
                                  .rate = turn,
                                  .stage = stage,
                                  .context = stage,
                                  .relative_tolerance = 1e-14,
                                  .steps_max = 1000};
    struct lanes *lanes = lanes_new(&system, simd_best());
    lanes_begin(lanes, 2, 0, y, allowed);
    lanes_go(lanes, 2, 5);
    while (lanes_states(lanes)[2] == LANE_MOVING)
        lanes_step(lanes);
    lanes_values(lanes, 2, y);
    assert_near(y[0], cos(5), 1e-10);
    assert_near(y[1], -sin(5), 1e-10);
    lanes_destroy(&lanes);
}

/* To its wall at once, however far that is. */
static void series__what_rests_takes_one_step(void **state)
{
    (void)state;
    struct drugs d;
    struct lanes *lanes = drugs_new(&d, 1e-9, simd_best());
    double nothing[4] = {0}, tiny[4] = {1e-9, 1e-9, 1e-9, 1e-9}, y[4];
    d.ka[5] = d.ke[5] = 1;
    lanes_begin(lanes, 5, 0, nothing, tiny);
    lanes_go(lanes, 5, 1e6);
    lanes_step(lanes);
    assert_int_equal(lanes_states(lanes)[5], LANE_ARRIVED);
    lanes_values(lanes, 5, y);
    for (size_t r = 0; r < 4; r++)
        assert_true(y[r] == 0);
    lanes_destroy(&lanes);
}

/* So long a wait that the first powers are beyond all numbers is tried in shorter steps;
 * what then takes very many is for another method; what is no number fails. Nobody else
 * notices. */
static void series__gives_up_what_is_not_for_it(void **state)
{
    (void)state;
    struct drugs d;
    struct lanes *lanes = drugs_new(&d, 1e-6, simd_best());
    const enum lane_state *states = lanes_states(lanes);
    begin(lanes, &d, 0, 1e5, 0.1, 0, 1e-6);
    lanes_go(lanes, 0, 1e20);
    begin(lanes, &d, 1, 2, 0.1, 0, 1e-6);
    d.u[1] = NAN;
    lanes_go(lanes, 1, 10);
    begin(lanes, &d, 2, 2, 0.1, 0, 1e-6);
    lanes_go(lanes, 2, 10);
    for (size_t i = 0; i < 10000 && states[0] == LANE_MOVING; i++)
        lanes_step(lanes);
    assert_int_equal(states[0], LANE_STIFF);
    assert_in_range(lanes_steps(lanes, 0), 1000, 1100);
    assert_int_equal(states[1], LANE_FAILED);
    assert_int_equal(states[2], LANE_ARRIVED);
    lanes_destroy(&lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series__follows_the_closed_form),
        cmocka_unit_test(series__takes_few_steps_however_tight),
        cmocka_unit_test(series__lanes_do_not_feel_each_other_or_the_machine),
        cmocka_unit_test(series__a_jump_and_another_inflow_begin_a_piece),
        cmocka_unit_test(series__goes_on_well_after_a_short_piece),
        cmocka_unit_test(series__is_not_taken_in_by_powers_of_nothing),
        cmocka_unit_test(series__what_rests_takes_one_step),
        cmocka_unit_test(series__gives_up_what_is_not_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
