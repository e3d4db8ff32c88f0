#include "base/memory.h"
#include "check.h"
#include "curves.h"
#include "lanes_impl.h"

/* A pendulum driven at a rate of its own in each lane, with its sensitivity to that
 * rate's logarithm: y0' = y1, y1' = -sin y0 + 0.3 cos(w t), s0' = s1, s1' = -cos(y0) s0 -
 * 0.3 w t sin(w t). */
struct pendulums {
    double stage[4 * LANES], w[LANES], push[LANES];
};

static void swing(void *context, const double *t, double *dydt)
{
    const struct pendulums *p = context;
    const double *y = p->stage;
    for (size_t l = 0; l < LANES; l++) {
        double turn = p->w[l] * t[l];
        dydt[l] = y[LANES + l];
        dydt[LANES + l] = -sin(y[l]) + 0.3 * cos(turn) + p->push[l];
        dydt[2 * LANES + l] = y[3 * LANES + l];
        dydt[3 * LANES + l] = -cos(y[l]) * y[2 * LANES + l] - 0.3 * turn * sin(turn);
    }
}

static struct lanes *pendulums_new(struct pendulums *p, enum lanes_method method,
                                   double step, enum simd simd)
{
    static const size_t end[] = {2, 4};
    memset(p, 0, sizeof *p);
    for (size_t l = 0; l < LANES; l++)
        p->w[l] = 1.5;
    struct lanes_system system = {.method = method,
                                  .rows = 4,
                                  .group_end = end,
                                  .groups = 2,
                                  .rate = swing,
                                  .stage = p->stage,
                                  .context = p,
                                  .relative_tolerance = 1e-13,
                                  .step = step,
                                  .steps_max = 1000000};
    return lanes_new(&system, simd);
}

static const size_t all[] = {0, 1, 2, 3};

/* Where it is at 7.3, inside a step, and at 10.1, a wall, with a push of 0.2 from 3.333
 * on. */
static void pushed(enum lanes_method method, double step, size_t lane, enum simd simd,
                   bool company, double *inside, double *end)
{
    struct pendulums p;
    struct lanes *lanes = pendulums_new(&p, method, step, simd);
    double y[4] = {1, 0, 0, 0}, tiny[4] = {1e-13, 1e-13, 1e-13, 1e-13}, at[LANES];
    for (size_t l = 0; l < LANES && company; l++) {
        p.w[l] = 0.3 + (double)l;
        lanes_begin(lanes, l, 0.1 * (double)l, y, tiny);
        lanes_go(lanes, l, 2 + 5 * (double)l);
    }
    p.w[lane] = 1.5;
    lanes_begin(lanes, lane, 0.05, y, tiny);
    lanes_go(lanes, lane, 3.333);
    while (lanes_states(lanes)[lane] == LANE_MOVING)
        lanes_step(lanes);
    lanes_values(lanes, lane, y);
    p.push[lane] = 0.2;
    lanes_jump(lanes, lane, y);
    lanes_go(lanes, lane, 10.1);
    for (size_t l = 0; l < LANES; l++)
        at[l] = 7.3;
    for (bool seen = false; lanes_states(lanes)[lane] == LANE_MOVING;) {
        lanes_step(lanes);
        if (lanes_times(lanes)[lane] < 7.3 || seen)
            continue;
        seen = true;
        assert_in_range(curves_agree(lanes, p.stage, 4), 1, LANES);
        lanes_between(lanes, at, all, 4);
        for (size_t r = 0; r < 4; r++)
            inside[r] = p.stage[r * LANES + lane];
    }
    assert_int_equal(lanes_states(lanes)[lane], LANE_ARRIVED);
    assert_true(lanes_times(lanes)[lane] == 10.1);
    lanes_values(lanes, lane, end);
    lanes_destroy(&lanes);
}

/* Halving the step divides all errors by 16, across a wall inside a step, for
 * sensitivities, at a step's end and inside. */
static void classic__has_order_4(void **state)
{
    (void)state;
    double inside[3][4], end[3][4];
    pushed(LANES_TSITOURAS, 0, 0, simd_best(), false, inside[0], end[0]);
    pushed(LANES_CLASSIC, 0.04, 0, simd_best(), false, inside[1], end[1]);
    pushed(LANES_CLASSIC, 0.02, 0, simd_best(), false, inside[2], end[2]);
    for (size_t r = 0; r < 4; r++) {
        double coarse = fabs(end[1][r] - end[0][r]), fine = fabs(end[2][r] - end[0][r]);
        assert_near(log2(coarse / fine), 4, 0.4);
        assert_true(fine < 1e-6);
        coarse = fabs(inside[1][r] - inside[0][r]);
        fine = fabs(inside[2][r] - inside[0][r]);
        assert_true(fine < 1e-6 && log2(coarse / fine) > 3.3);
    }
}

static void classic__lanes_do_not_feel_each_other_or_the_machine(void **state)
{
    (void)state;
    double inside[2][4], end[2][4];
    pushed(LANES_CLASSIC, 0.04, 0, SIMD_SCALAR, false, inside[0], end[0]);
    for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++)
        for (size_t lane = 0; lane < LANES; lane++)
            for (int company = 0; company < 2; company++) {
                pushed(LANES_CLASSIC, 0.04, lane, simd, company, inside[1], end[1]);
                assert_memory_equal(inside[1], inside[0], sizeof inside[0]);
                assert_memory_equal(end[1], end[0], sizeof end[0]);
            }
}

/* However often it is stopped, its steps end where they would have: by a wall on a step's
 * end nothing changes, not even a bit. */
static void classic__steps_stay_on_their_grid(void **state)
{
    (void)state;
    double y[2][4], start[4] = {1, 0, 0, 0}, tiny[4] = {0};
    size_t steps[2];
    for (size_t stopped = 0; stopped < 2; stopped++) {
        struct pendulums p;
        struct lanes *lanes = pendulums_new(&p, LANES_CLASSIC, 0.002, simd_best());
        lanes_begin(lanes, 3, 0, start, tiny);
        for (size_t i = stopped ? 1 : 1000; i <= 1000; i++) {
            lanes_go(lanes, 3, (double)i * 0.01);
            while (lanes_states(lanes)[3] == LANE_MOVING)
                lanes_step(lanes);
        }
        steps[stopped] = lanes_steps(lanes, 3);
        lanes_values(lanes, 3, y[stopped]);
        lanes_destroy(&lanes);
    }
    assert_int_equal(steps[0], 5000);
    assert_int_equal(steps[1], 5000);
    for (size_t r = 0; r < 4; r++)
        assert_near(y[1][r], y[0][r], 1e-13);
}

/* What is not finite fails at once, and its neighbour does not notice. */
static void classic__fails_where_it_is_not_finite(void **state)
{
    (void)state;
    struct pendulums p;
    struct lanes *lanes = pendulums_new(&p, LANES_CLASSIC, 0.1, simd_best());
    double start[4] = {1, 0, 0, 0}, tiny[4] = {0};
    lanes_begin(lanes, 0, 0, start, tiny);
    lanes_begin(lanes, 1, 0, start, tiny);
    lanes_go(lanes, 0, 1);
    lanes_go(lanes, 1, 1);
    p.push[1] = INFINITY;
    for (size_t i = 0; i < 10; i++)
        lanes_step(lanes);
    assert_int_equal(lanes_states(lanes)[0], LANE_ARRIVED);
    assert_int_equal(lanes_states(lanes)[1], LANE_FAILED);
    lanes_destroy(&lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classic__has_order_4),
        cmocka_unit_test(classic__lanes_do_not_feel_each_other_or_the_machine),
        cmocka_unit_test(classic__steps_stay_on_their_grid),
        cmocka_unit_test(classic__fails_where_it_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
