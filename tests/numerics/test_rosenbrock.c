#include <stdbool.h>

#include "base/memory.h"
#include "check.h"
#include "curves.h"
#include "lanes_impl.h"
#include "numerics/ode.h"

/* --- the coefficients, against the conditions of order
 * ------------------------------------
 *
 * Hairer and Wanner II, IV.7, theorem 7.4: for every rooted tree of up to as many nodes,
 * sum_j b_j Phi_j(t) = 1/density(t), where Phi multiplies over a node's branches beta =
 * alpha + Gamma if there is one, alpha if there are several. */

#define S ROSENBROCK_STAGES

/* A tree as the list of its branches, each an earlier tree of the list below. */
static const struct tree {
    size_t nodes, density, branches, branch[4];
} trees[] = {
    {1, 1, 0, {0}},        {2, 2, 1, {0}},       {3, 3, 2, {0, 0}},
    {3, 6, 1, {1}},        {4, 4, 3, {0, 0, 0}}, {4, 8, 2, {0, 1}},
    {4, 12, 1, {2}},       {4, 24, 1, {3}},      {5, 5, 4, {0, 0, 0, 0}},
    {5, 10, 3, {0, 0, 1}}, {5, 15, 2, {0, 2}},   {5, 30, 2, {0, 3}},
    {5, 20, 2, {1, 1}},    {5, 20, 1, {4}},      {5, 40, 1, {5}},
    {5, 60, 1, {6}},       {5, 120, 1, {7}},
};
#define TREES (sizeof trees / sizeof trees[0])

struct butcher {
    double gamma[S][S], alpha[S][S];
};

/* Gamma = (I/gamma - c)^-1, row by row, as that is triangular; alpha = a Gamma. */
static void butcher_of(const struct rosenbrock_method *m, struct butcher *out)
{
    *out = (struct butcher){0};
    for (size_t i = 0; i < S; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = i == j;
            for (size_t k = 0; k < i; k++)
                sum += m->c[i][k] * out->gamma[k][j];
            out->gamma[i][j] = sum * m->gamma;
        }
    for (size_t i = 0; i < S; i++)
        for (size_t j = 0; j < S; j++)
            for (size_t k = 0; k < S; k++)
                out->alpha[i][j] += m->a[i][k] * out->gamma[k][j];
}

static void phi_of(const struct butcher *b, size_t tree, double *phi)
{
    for (size_t i = 0; i < S; i++)
        phi[i] = 1;
    for (size_t k = 0; k < trees[tree].branches; k++) {
        double below[S];
        phi_of(b, trees[tree].branch[k], below);
        for (size_t i = 0; i < S; i++) {
            double sum = 0;
            for (size_t j = 0; j < S; j++) {
                double beta = b->alpha[i][j] + b->gamma[i][j];
                sum += (trees[tree].branches == 1 ? beta : b->alpha[i][j]) * below[j];
            }
            phi[i] *= sum;
        }
    }
}

/* How far weights of the u are from the conditions up to `order` at a part of a step. */
static double misses_by(const struct butcher *b, const double *weights, size_t order,
                        double part)
{
    double most = 0;
    for (size_t tree = 0; tree < TREES; tree++) {
        double phi[S], sum = 0;
        phi_of(b, tree, phi);
        for (size_t i = 0; i < S; i++)
            for (size_t j = 0; j < S; j++)
                sum += weights[i] * b->gamma[i][j] * phi[j];
        double target =
            pow(part, (double)trees[tree].nodes) / (double)trees[tree].density;
        if (trees[tree].nodes <= order)
            most = fmax(most, fabs(sum - target));
    }
    return most;
}

static void rosenbrock__coefficients_meet_the_conditions_of_order_5(void **state)
{
    (void)state;
    struct rosenbrock_method m;
    struct butcher b;
    rosenbrock_method(&m);
    butcher_of(&m, &b);
    for (size_t i = 0; i < S; i++) {
        double node = 0, late = 0;
        for (size_t j = 0; j < S; j++) {
            node += b.alpha[i][j];
            late += b.gamma[i][j];
        }
        assert_near(m.node[i], node, 1e-14);
        assert_near(m.by_time[i], late, 1e-13);
    }
    assert_near(misses_by(&b, m.a[S], 5, 1), 0, 1e-13);
    assert_near(misses_by(&b, m.a[S - 1], 4, 1), 0, 1e-13);
    assert_true(misses_by(&b, m.a[S - 1], 5, 1) > 1e-5); /* an error to estimate */
    for (double part = 0.1; part < 1; part += 0.2) {
        double w[S];
        for (size_t j = 0; j < S; j++)
            w[j] = part * m.a[S][j] +
                   part * (1 - part) *
                       (m.inside[0][j] + part * (m.inside[1][j] + part * m.inside[2][j]));
        assert_near(misses_by(&b, w, 4, part), 0, 1e-9); /* as its digits are */
    }
}

/* --- problems
 * ------------------------------------------------------------------------------
 *
 * Each as a system of states x and sensitivities s, with the derivatives of everything.
 */

#define ROWS_MAX 12
#define SLOPES_MAX 64

struct problem {
    size_t states, directions, rows, slope_count, group_end[4], state[ROWS_MAX];
    struct lanes_entry slopes[SLOPES_MAX];
    /* At one lane: rates; slopes in the order above, by time. */
    void (*rate)(double t, const double *y, double *dydt);
    void (*linear)(double t, const double *y, double *slopes, double *by_time);
    double stage[ROWS_MAX * LANES];
};

static void each_rate(void *context, const double *t, double *dydt)
{
    struct problem *p = context;
    for (size_t l = 0; l < LANES; l++) {
        double y[ROWS_MAX], f[ROWS_MAX];
        for (size_t r = 0; r < p->rows; r++)
            y[r] = p->stage[r * LANES + l];
        p->rate(t[l], y, f);
        for (size_t r = 0; r < p->rows; r++)
            dydt[r * LANES + l] = f[r];
    }
}

static void each_linear(void *context, const double *t, double *out)
{
    struct problem *p = context;
    for (size_t l = 0; l < LANES; l++) {
        double y[ROWS_MAX], d[SLOPES_MAX], late[ROWS_MAX] = {0};
        for (size_t r = 0; r < p->rows; r++)
            y[r] = p->stage[r * LANES + l];
        p->linear(t[l], y, d, late);
        for (size_t i = 0; i < p->slope_count; i++)
            out[i * LANES + l] = d[i];
        for (size_t r = 0; r < p->rows; r++)
            out[(p->slope_count + r) * LANES + l] = late[r];
    }
}

static struct lanes *lanes_of(struct problem *p, enum lanes_method method,
                              double tolerance, enum simd simd)
{
    p->rows = p->states * (1 + p->directions);
    for (size_t r = 0; r < p->rows; r++) {
        p->state[r] = r % p->states;
        p->group_end[r / p->states] = r + 1;
    }
    struct lanes_system system = {.method = method,
                                  .rows = p->rows,
                                  .group_end = p->group_end,
                                  .groups = 1 + p->directions,
                                  .rate = each_rate,
                                  .linear = each_linear,
                                  .stage = p->stage,
                                  .context = p,
                                  .relative_tolerance = tolerance,
                                  .steps_max = 1000000,
                                  .state = p->state,
                                  .slopes = p->slopes,
                                  .slope_count = p->slope_count};
    return lanes_new(&system, simd);
}

/* Robertson's reaction: rates k = (0.04, 3e7, 1e4) and sensitivities by their logarithms.
 */
static const double k1 = 0.04, k2 = 3e7, k3 = 1e4;

static void robertson_rate(double t, const double *y, double *f)
{
    (void)t;
    double a = k1 * y[0], b = k2 * y[1] * y[1], c = k3 * y[1] * y[2];
    const double by[3][3] = {{-a, a, 0}, {0, -b, b}, {c, -c, 0}}; /* f by log k */
    f[0] = -a + c;
    f[1] = a - b - c;
    f[2] = b;
    for (size_t d = 0; d < 3; d++) {
        const double *s = y + 3 + 3 * d;
        double *g = f + 3 + 3 * d;
        double db = 2 * k2 * y[1] * s[1], dc = k3 * (s[1] * y[2] + y[1] * s[2]);
        g[0] = -k1 * s[0] + dc + by[d][0];
        g[1] = k1 * s[0] - db - dc + by[d][1];
        g[2] = db + by[d][2];
    }
}

/* J: (0,0) (0,1) (0,2) (1,0) (1,1) (1,2) (2,1); of a direction's rows the same, by H. */
static void robertson_linear(double t, const double *y, double *d, double *by_time)
{
    (void)t, (void)by_time;
    double b = 2 * k2 * y[1], c1 = k3 * y[2], c2 = k3 * y[1];
    const double j[] = {-k1, c1, c2, k1, -b - c1, -c2, b};
    memcpy(d, j, sizeof j);
    d += 7;
    for (size_t i = 0; i < 3; i++) {
        const double *s = y + 3 + 3 * i;
        double a = i == 0 ? k1 : 0, more_b = i == 1 ? b : 0;
        double p1 = i == 2 ? c1 : 0, p2 = i == 2 ? c2 : 0;
        double db = 2 * k2 * s[1] + more_b;
        double e1 = k3 * s[2] + p1, e2 = k3 * s[1] + p2;
        const double h[] = {-a, e1, e2, a, -db - e1, -e2, db};
        memcpy(d, h, sizeof h);
        d += 7;
    }
}

static struct problem robertson(void)
{
    static const struct lanes_entry entries[] = {{0, 0}, {0, 1}, {0, 2}, {1, 0},
                                                 {1, 1}, {1, 2}, {2, 1}};
    struct problem p = {.states = 3,
                        .directions = 3,
                        .slope_count = 28,
                        .rate = robertson_rate,
                        .linear = robertson_linear};
    for (size_t i = 0; i < 28; i++)
        p.slopes[i] = (struct lanes_entry){entries[i % 7].row + 3 * (uint32_t)(i / 7),
                                           entries[i % 7].column};
    return p;
}

/* Van der Pol's oscillator, y1' = ((1 - y0^2) y1 - y0)/1e-6, states alone. */
static void van_der_pol_rate(double t, const double *y, double *f)
{
    (void)t;
    f[0] = y[1];
    f[1] = ((1 - y[0] * y[0]) * y[1] - y[0]) * 1e6;
}

static void van_der_pol_linear(double t, const double *y, double *d, double *by_time)
{
    (void)t, (void)by_time;
    d[0] = 1;
    d[1] = (-2 * y[0] * y[1] - 1) * 1e6;
    d[2] = (1 - y[0] * y[0]) * 1e6;
}

static struct problem van_der_pol(void)
{
    return (struct problem){.states = 2,
                            .slope_count = 3,
                            .slopes = {{0, 1}, {1, 0}, {1, 1}},
                            .rate = van_der_pol_rate,
                            .linear = van_der_pol_linear};
}

/* Something not stiff and not autonomous, p = 0.7 and its sensitivity:
 * y0' = y1 cos t - p y0^2, y1' = y0 - y1^3 + p sin 2t. */
static void driven_rate(double t, const double *y, double *f)
{
    double p = 0.7;
    f[0] = y[1] * cos(t) - p * y[0] * y[0];
    f[1] = y[0] - y[1] * y[1] * y[1] + p * sin(2 * t);
    f[2] = y[3] * cos(t) - 2 * p * y[0] * y[2] - y[0] * y[0];
    f[3] = y[2] - 3 * y[1] * y[1] * y[3] + sin(2 * t);
}

static void driven_linear(double t, const double *y, double *d, double *by_time)
{
    double p = 0.7;
    const double values[] = {
        -2 * p * y[0],   cos(t), 1, -3 * y[1] * y[1], -2 * p * y[2] - 2 * y[0],
        -6 * y[1] * y[3]};
    const double late[] = {-y[1] * sin(t), 2 * p * cos(2 * t), -y[3] * sin(t),
                           2 * cos(2 * t)};
    memcpy(d, values, sizeof values);
    memcpy(by_time, late, sizeof late);
}

static struct problem driven(void)
{
    return (struct problem){.states = 2,
                            .directions = 1,
                            .slope_count = 6,
                            .slopes = {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {3, 1}},
                            .rate = driven_rate,
                            .linear = driven_linear};
}

/* --- order, as it comes out
 * ------------------------------------------------------------------
 */

/* To t = 4 in steps of that length; what comes out there, and inside a step before. */
static void in_steps(struct problem *p, double h, double *y, double *before)
{
    struct lanes *lanes = lanes_of(p, LANES_ROSENBROCK, 1e3, SIMD_SCALAR);
    const double start[4] = {1, 0.5, 0, 0}, absolute[4] = {1e3, 1e3, 1e3, 1e3};
    static const size_t all[] = {0, 1, 2, 3};
    double at[LANES];
    size_t n = (size_t)(4 / h + 0.5);
    lanes_begin(lanes, 2, 0, start, absolute);
    for (size_t i = 1; i <= n; i++) {
        lanes_go(lanes, 2, i == n ? 4 : (double)i * h);
        while (lanes_states(lanes)[2] == LANE_MOVING)
            lanes_step(lanes);
        for (size_t l = 0; l < LANES; l++)
            at[l] = 2.9;
        if ((double)i * h >= 2.9 && ((double)i - 1) * h < 2.9) {
            lanes_between(lanes, at, all, 4);
            for (size_t r = 0; r < 4; r++)
                before[r] = p->stage[r * LANES + 2];
            assert_int_equal(curves_agree(lanes, p->stage, 4), 1);
        }
    }
    lanes_values(lanes, 2, y);
    assert_in_range(lanes_steps(lanes, 2), n, n + 20);
    lanes_destroy(&lanes);
}

/* Of states and of sensitivities, at the ends of steps 5, inside them at least 4. */
static void rosenbrock__has_order_5_for_sensitivities_too(void **state)
{
    (void)state;
    struct problem p = driven();
    double truth[4], inside[4], y[4], before[4], error[2][2], between[2];
    in_steps(&p, 1.0 / 512, truth, inside);
    for (size_t i = 0; i < 2; i++) {
        in_steps(&p, i ? 1.0 / 64 : 1.0 / 32, y, before);
        error[i][0] = fmax(fabs(y[0] - truth[0]), fabs(y[1] - truth[1]));
        error[i][1] = fmax(fabs(y[2] - truth[2]), fabs(y[3] - truth[3]));
        between[i] = 0;
        for (size_t r = 0; r < 4; r++)
            between[i] = fmax(between[i], fabs(before[r] - inside[r]));
    }
    assert_near(log2(error[0][0] / error[1][0]), 5, 0.3);
    assert_near(log2(error[0][1] / error[1][1]), 5, 0.3);
    assert_true(log2(between[0] / between[1]) > 3.8);
}

/* --- published values
 * ------------------------------------------------------------------------
 */

static size_t carry(struct problem *p, const double *start, const double *absolute,
                    double t, double tolerance, double *y)
{
    struct lanes *lanes = lanes_of(p, LANES_ROSENBROCK, tolerance, simd_best());
    lanes_begin(lanes, 3, 0, start, absolute);
    lanes_go(lanes, 3, t);
    while (lanes_states(lanes)[3] == LANE_MOVING)
        lanes_step(lanes);
    assert_int_equal(lanes_states(lanes)[3], LANE_ARRIVED);
    lanes_values(lanes, 3, y);
    size_t steps = lanes_steps(lanes, 3);
    lanes_destroy(&lanes);
    return steps;
}

/* Mazzia and Magherini, Test Set for Initial Value Problem Solvers (2008), problem ROBER
 * at t = 1e11, where the fastest rate times t is 1e15. */
static void rosenbrock__robertson_as_published(void **state)
{
    (void)state;
    struct problem p = robertson();
    static const double truth[] = {0.2083340149701255e-7, 0.8333360770334713e-13,
                                   0.9999999791665050};
    double y[12], start[12] = {1}, absolute[12];
    for (size_t r = 0; r < 12; r++)
        absolute[r] = 1e-8 * (r % 3 == 1 ? 1e-16 : 1e-10);
    size_t steps = carry(&p, start, absolute, 1e11, 1e-8, y);
    for (size_t i = 0; i < 3; i++)
        assert_relative(y[i], truth[i], 1e-6);
    assert_true(steps < 1500);
    for (size_t d = 0; d < 3; d++) /* amounts are conserved whatever the rates are */
        assert_near(y[3 + 3 * d] + y[4 + 3 * d] + y[5 + 3 * d], 0, 1e-12);
}

/* The same, problem VDPOL at t = 2. */
static void rosenbrock__van_der_pol_as_published(void **state)
{
    (void)state;
    struct problem p = van_der_pol();
    double y[2], start[2] = {2, 0}, absolute[2] = {1e-8, 1e-8};
    size_t steps = carry(&p, start, absolute, 2, 1e-8, y);
    assert_relative(y[0], 0.1706167732170483e1, 1e-6);
    assert_relative(y[1], -0.8928097010247975, 1e-6);
    assert_true(steps < 2500);
}

/* --- against CVODES
 * ----------------------------------------------------------------------------
 */

static int cvodes_rate(void *context, double t, const double *x, const double *s,
                       double *dxdt, double *dsdt)
{
    double y[12], f[12];
    (void)context;
    memcpy(y, x, 3 * sizeof *y);
    memcpy(y + 3, s, 9 * sizeof *y);
    robertson_rate(t, y, f);
    memcpy(dxdt, f, 3 * sizeof *f);
    memcpy(dsdt, f + 3, 9 * sizeof *f);
    return 0;
}

static int cvodes_jacobian(void *context, double t, const double *x, double *dfdx)
{
    double y[12] = {0}, d[28], late[12];
    (void)context;
    memcpy(y, x, 3 * sizeof *y);
    robertson_linear(t, y, d, late);
    const double j[] = {d[0], d[1], d[2], d[3], d[4], d[5], 0, d[6], 0};
    memcpy(dfdx, j, sizeof j);
    return 0;
}

static void rosenbrock__sensitivities_are_those_of_cvodes(void **state)
{
    (void)state;
    struct problem p = robertson();
    const double scale[] = {1, 1e-5, 1};
    struct ode_system system = {.states = 3,
                                .directions = 3,
                                .rate_directions = cvodes_rate,
                                .jacobian = cvodes_jacobian};
    struct ode_options options = {.relative_tolerance = 1e-10,
                                  .absolute_tolerance = 1e-13,
                                  .steps_max = 100000,
                                  .state_scale = scale};
    struct ode *ode;
    double x[3] = {1}, s[9] = {0}, y[12], start[12] = {1}, absolute[12];
    for (size_t r = 0; r < 12; r++)
        absolute[r] = 1e-13 * scale[r % 3];
    assert_ok(ode_new(&system, &options, &ode));
    assert_ok(ode_restart(ode, 0, x, s));
    assert_ok(ode_advance(ode, 40, 40, x, s));
    carry(&p, start, absolute, 40, 1e-10, y);
    for (size_t i = 0; i < 3; i++)
        assert_relative(y[i], x[i], 2e-8);
    for (size_t i = 0; i < 9; i++)
        assert_near(y[3 + i], s[i], 2e-8 * scale[i % 3]);
    ode_destroy(&ode);
}

/* --- the same bits
 * ------------------------------------------------------------------------------
 */

static void alone_or_not(size_t lane, enum simd simd, bool company, double *y,
                         double *inside)
{
    struct problem p = robertson();
    struct lanes *lanes = lanes_of(&p, LANES_ROSENBROCK, 1e-7, simd);
    double start[12] = {1}, other[12] = {0.2, 1e-6, 0.5}, absolute[12], at[LANES];
    static const size_t rows[] = {0, 4, 11};
    for (size_t r = 0; r < 12; r++)
        absolute[r] = 1e-12;
    for (size_t l = 0; l < LANES && company; l++) {
        lanes_begin(lanes, l, 0, other, absolute);
        lanes_go(lanes, l, 1 + 30 * (double)l);
    }
    lanes_begin(lanes, lane, 0, start, absolute);
    lanes_go(lanes, lane, 7);
    while (lanes_states(lanes)[lane] == LANE_MOVING)
        lanes_step(lanes);
    lanes_values(lanes, lane, y);
    y[2] += 0.1; /* a jump, and on */
    lanes_jump(lanes, lane, y);
    lanes_go(lanes, lane, 300);
    while (lanes_states(lanes)[lane] == LANE_MOVING && lanes_times(lanes)[lane] < 40)
        lanes_step(lanes);
    for (size_t l = 0; l < LANES; l++)
        at[l] = 40;
    lanes_between(lanes, at, rows, 3);
    for (size_t i = 0; i < 3; i++)
        inside[i] = p.stage[rows[i] * LANES + lane];
    while (lanes_states(lanes)[lane] == LANE_MOVING)
        lanes_step(lanes);
    lanes_values(lanes, lane, y);
    lanes_destroy(&lanes);
}

static void rosenbrock__lanes_do_not_feel_each_other_or_the_machine(void **state)
{
    (void)state;
    double first[12], y[12], inside[3], first_inside[3];
    alone_or_not(0, SIMD_SCALAR, false, first, first_inside);
    for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++)
        for (size_t lane = 0; lane < LANES; lane++)
            for (int company = 0; company < 2; company++) {
                alone_or_not(lane, simd, company, y, inside);
                assert_memory_equal(y, first, sizeof y);
                assert_memory_equal(inside, first_inside, sizeof inside);
            }
}

/* --- stiffness
 * -----------------------------------------------------------------------------------
 */

/* y' = -c y + its share: c is a lane's own. */
static double pull[LANES], drive[LANES];
static double one_stage[LANES];

static void pulled(void *context, const double *t, double *dydt)
{
    (void)context;
    for (size_t l = 0; l < LANES; l++)
        dydt[l] = -pull[l] * (one_stage[l] - sin(drive[l] * t[l]));
}

static void pulled_linear(void *context, const double *t, double *out)
{
    (void)context, (void)t;
    for (size_t l = 0; l < LANES; l++) {
        out[l] = -pull[l];
        out[LANES + l] = 0;
    }
}

/* What stability holds is given up soon, what accuracy holds is not. */
static void rosenbrock__tsitouras_tells_what_is_stiff(void **state)
{
    (void)state;
    static const size_t end[] = {1};
    struct lanes_system system = {.rows = 1,
                                  .group_end = end,
                                  .groups = 1,
                                  .rate = pulled,
                                  .stage = one_stage,
                                  .relative_tolerance = 1e-6,
                                  .linear = pulled_linear,
                                  .slopes = &(struct lanes_entry){0, 0},
                                  .slope_count = 1,
                                  .steps_max = 1000000,
                                  .stiff_after = 200};
    struct lanes *lanes = lanes_new(&system, simd_best());
    double y[1] = {0}, absolute[1] = {1e-6};
    for (size_t l = 0; l < LANES; l++) {
        pull[l] = l % 2 ? 1e4 : 1;
        drive[l] = l % 2 ? 1 : 300; /* slow and pulled hard, or fast and left alone */
        lanes_begin(lanes, l, 0, y, absolute);
        lanes_go(lanes, l, 40);
    }
    for (bool moving = true; moving;) {
        lanes_step(lanes);
        moving = false;
        for (size_t l = 0; l < LANES; l++)
            moving |= lanes_states(lanes)[l] == LANE_MOVING;
    }
    for (size_t l = 0; l < LANES; l++) {
        assert_int_equal(lanes_states(lanes)[l], l % 2 ? LANE_STIFF : LANE_ARRIVED);
        if (l % 2)
            assert_in_range(lanes_steps(lanes, l), 200, 400);
        else
            assert_true(lanes_steps(lanes, l) > 1000);
    }
    lanes_destroy(&lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rosenbrock__coefficients_meet_the_conditions_of_order_5),
        cmocka_unit_test(rosenbrock__has_order_5_for_sensitivities_too),
        cmocka_unit_test(rosenbrock__robertson_as_published),
        cmocka_unit_test(rosenbrock__van_der_pol_as_published),
        cmocka_unit_test(rosenbrock__sensitivities_are_those_of_cvodes),
        cmocka_unit_test(rosenbrock__lanes_do_not_feel_each_other_or_the_machine),
        cmocka_unit_test(rosenbrock__tsitouras_tells_what_is_stiff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
