#include "numerics/lanes.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "check.h"
#include "curves.h"

/* Oscillators with a damping of their own, driven from a time of their own on: lane by
 * lane another problem. y0' = y1, y1' = -w^2 y0 - c y1 + u. */
struct oscillators {
    double stage[2 * LANES];
    double w[LANES], c[LANES], u[LANES];
    size_t calls;
};

static void oscillate(void *context, const double *t, double *dydt)
{
    struct oscillators *o = context;
    (void)t;
    o->calls++;
    for (size_t l = 0; l < LANES; l++) {
        dydt[l] = o->stage[LANES + l];
        dydt[LANES + l] =
            -o->w[l] * o->w[l] * o->stage[l] - o->c[l] * o->stage[LANES + l] + o->u[l];
    }
}

static struct lanes *oscillators_new(struct oscillators *o, double tolerance,
                                     enum simd simd, size_t steps_max)
{
    static const size_t end[] = {2};
    memset(o, 0, sizeof *o);
    struct lanes_system system = {.rows = 2,
                                  .group_end = end,
                                  .groups = 1,
                                  .rate = oscillate,
                                  .stage = o->stage,
                                  .context = o,
                                  .relative_tolerance = tolerance,
                                  .steps_max = steps_max};
    return lanes_new(&system, simd);
}

static void begin(struct lanes *lanes, struct oscillators *o, size_t lane, double w,
                  double c, double wall, double tolerance)
{
    double y[2] = {1, 0}, absolute[2] = {tolerance, tolerance};
    o->w[lane] = w;
    o->c[lane] = c;
    lanes_begin(lanes, lane, 0, y, absolute);
    lanes_go(lanes, lane, wall);
}

/* y0 of a damped oscillator from 1 at rest. */
static double damped(double w, double c, double t)
{
    double d = c / 2, v = sqrt(w * w - d * d);
    return exp(-d * t) * (cos(v * t) + d / v * sin(v * t));
}

static void lanes__follow_the_closed_form(void **state)
{
    (void)state;
    static const double tolerances[] = {1e-4, 1e-7, 1e-10};
    for (size_t i = 0; i < 3; i++) {
        struct oscillators o;
        struct lanes *lanes = oscillators_new(&o, tolerances[i], simd_best(), 100000);
        size_t moving = LANES;
        for (size_t l = 0; l < LANES; l++)
            begin(lanes, &o, l, 1 + (double)l, 0.1 * (double)l, 10 + (double)l,
                  tolerances[i]);
        while (moving) {
            lanes_step(lanes);
            moving = 0;
            for (size_t l = 0; l < LANES; l++)
                moving += lanes_states(lanes)[l] == LANE_MOVING;
        }
        for (size_t l = 0; l < LANES; l++) {
            double y[2];
            assert_int_equal(lanes_states(lanes)[l], LANE_ARRIVED);
            assert_true(lanes_times(lanes)[l] == 10 + (double)l);
            lanes_values(lanes, l, y);
            double truth = damped(1 + (double)l, 0.1 * (double)l, 10 + (double)l);
            assert_near(y[0], truth, 300 * tolerances[i]);
        }
        lanes_destroy(&lanes);
    }
}

/* Inside every step, at a time of each lane's own. */
static void lanes__are_right_between_the_ends_of_a_step(void **state)
{
    (void)state;
    struct oscillators o;
    struct lanes *lanes = oscillators_new(&o, 1e-8, simd_best(), 100000);
    for (size_t l = 0; l < LANES; l++)
        begin(lanes, &o, l, 1 + (double)l, 0.05, 20, 1e-8);
    double last[LANES] = {0};
    size_t stood = 0;
    for (size_t i = 0; i < 300; i++) {
        double t[LANES];
        lanes_step(lanes);
        for (size_t l = 0; l < LANES; l++) {
            double share = (double)((i + l) % 9) / 8;
            t[l] = last[l] + share * (lanes_times(lanes)[l] - last[l]);
        }
        lanes_between(lanes, t, &(size_t){0}, 1);
        for (size_t l = 0; l < LANES; l++) {
            bool moved = lanes_times(lanes)[l] > last[l];
            if (moved)
                assert_near(o.stage[l], damped(1 + (double)l, 0.05, t[l]), 3e-7);
            last[l] = lanes_times(lanes)[l];
        }
        stood += curves_agree(lanes, o.stage, 2);
    }
    assert_in_range(stood, 100, 300 * LANES);
    lanes_destroy(&lanes);
}

/* Carries one problem in `lane`, the others doing something else, and what comes out. */
static void carry(size_t lane, enum simd simd, bool company, double *y, size_t *steps)
{
    struct oscillators o;
    struct lanes *lanes = oscillators_new(&o, 1e-7, simd, 100000);
    for (size_t l = 0; l < LANES && company; l++)
        begin(lanes, &o, l, 0.3 + 5 * (double)l, 1, 1 + 3 * (double)l, 1e-9);
    begin(lanes, &o, lane, 2, 0.3, 7, 1e-7);
    while (lanes_states(lanes)[lane] == LANE_MOVING)
        lanes_step(lanes);
    lanes_values(lanes, lane, y);
    y[0] += 1; /* a jump, and on */
    lanes_jump(lanes, lane, y);
    o.u[lane] = 3;
    lanes_go(lanes, lane, 11);
    while (lanes_states(lanes)[lane] == LANE_MOVING)
        lanes_step(lanes);
    lanes_values(lanes, lane, y);
    *steps = lanes_steps(lanes, lane);
    lanes_destroy(&lanes);
}

static void lanes__do_not_feel_each_other_or_the_machine(void **state)
{
    (void)state;
    double first[2], y[2];
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

/* A problem without end fails at its bound, and its neighbours do not notice. */
static void lanes__fail_one_by_one(void **state)
{
    (void)state;
    struct oscillators o;
    struct lanes *lanes = oscillators_new(&o, 1e-7, simd_best(), 200);
    begin(lanes, &o, 1, 1e4, 0, 1000, 1e-7); /* too fast */
    begin(lanes, &o, 2, 1, 0.5, 5, 1e-7);
    begin(lanes, &o, 3, NAN, 0, 5, 1e-7);
    for (size_t i = 0; i < 300; i++)
        lanes_step(lanes);
    assert_int_equal(lanes_states(lanes)[0], LANE_IDLE);
    assert_int_equal(lanes_states(lanes)[1], LANE_FAILED);
    assert_int_equal(lanes_states(lanes)[2], LANE_ARRIVED);
    assert_int_equal(lanes_states(lanes)[3], LANE_FAILED);
    double y[2];
    lanes_values(lanes, 2, y);
    assert_near(y[0], damped(1, 0.5, 5), 1e-5);
    lanes_destroy(&lanes);
}

/* A rate that jumps at 4.4 and 5, and one that grows beyond all bounds: x' = w x^2. */
static void jump(void *context, const double *t, double *dydt)
{
    struct oscillators *o = context;
    for (size_t l = 0; l < LANES; l++) {
        dydt[l] = t[l] > 5 ? 0 : t[l] > 4.4 ? 1e8 : -1;
        dydt[LANES + l] = o->w[l] * o->stage[LANES + l] * o->stage[LANES + l];
    }
}

/* A jump that no step is short enough for is passed by one of the shortest, as exactly as
 * time is known; what has no end is not. */
static void lanes__pass_a_jump_that_time_does_not_resolve(void **state)
{
    (void)state;
    static const size_t end[] = {2};
    struct oscillators o = {.w = {0, 0.19}};
    struct lanes_system system = {.rows = 2,
                                  .group_end = end,
                                  .groups = 1,
                                  .rate = jump,
                                  .stage = o.stage,
                                  .context = &o,
                                  .relative_tolerance = 1e-12,
                                  .steps_max = 5000};
    struct lanes *lanes = lanes_new(&system, simd_best());
    double y[2] = {1, 1}, absolute[2] = {1e-15, 1e-15};
    for (size_t l = 0; l < 2; l++) {
        lanes_begin(lanes, l, 4, y, absolute);
        lanes_go(lanes, l, l ? 12 : 6);
    }
    while (lanes_states(lanes)[0] == LANE_MOVING || lanes_states(lanes)[1] == LANE_MOVING)
        lanes_step(lanes);
    assert_int_equal(lanes_states(lanes)[0], LANE_ARRIVED);
    lanes_values(lanes, 0, y);
    assert_near(y[0], 0.6e8 + 0.6, 1e-2);
    assert_int_equal(lanes_states(lanes)[1], LANE_FAILED);
    assert_near(lanes_times(lanes)[1], 4 + 1 / 0.19, 1e-6);
    assert_true(lanes_steps(lanes, 1) < 4000);
    lanes_destroy(&lanes);
}

/* x' = -100 (x - 0) at rest with a sensitivity that grows past the stability limit unless
 * it takes part in the error test. */
static double stage_of_two[2 * LANES];

static void rest(void *context, const double *t, double *dydt)
{
    (void)context, (void)t;
    for (size_t l = 0; l < LANES; l++) {
        dydt[l] = -100 * stage_of_two[l];
        dydt[LANES + l] = -100 * stage_of_two[LANES + l] + 1;
    }
}

static void lanes__test_every_group(void **state)
{
    (void)state;
    static const size_t end[] = {1, 2};
    struct lanes_system system = {.rows = 2,
                                  .group_end = end,
                                  .groups = 2,
                                  .rate = rest,
                                  .stage = stage_of_two,
                                  .relative_tolerance = 1e-6,
                                  .steps_max = 10000};
    struct lanes *lanes = lanes_new(&system, simd_best());
    double y[2] = {0, 0}, absolute[2] = {1e-9, 1e-9};
    lanes_begin(lanes, 4, 0, y, absolute);
    lanes_go(lanes, 4, 100);
    while (lanes_states(lanes)[4] == LANE_MOVING)
        lanes_step(lanes);
    assert_int_equal(lanes_states(lanes)[4], LANE_ARRIVED);
    lanes_values(lanes, 4, y);
    assert_near(y[1], 0.01, 1e-7);
    lanes_destroy(&lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes__follow_the_closed_form),
        cmocka_unit_test(lanes__are_right_between_the_ends_of_a_step),
        cmocka_unit_test(lanes__do_not_feel_each_other_or_the_machine),
        cmocka_unit_test(lanes__fail_one_by_one),
        cmocka_unit_test(lanes__pass_a_jump_that_time_does_not_resolve),
        cmocka_unit_test(lanes__test_every_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
