#include "numerics/ode.h"

#include "check.h"

/* The systems below know their parameters; directions are along each of them in turn. */

/* --- one-compartment oral: a chain with a closed form ---------------------------------
 */

struct chain {
    double ka, k;
    double latest; /* at which the rate was asked for */
};

static int chain_rate(void *context, double t, const double *x, double *dxdt)
{
    struct chain *chain = context;
    chain->latest = fmax(chain->latest, t);
    dxdt[0] = -chain->ka * x[0];
    dxdt[1] = chain->ka * x[0] - chain->k * x[1];
    return 0;
}

static int chain_directions(void *context, double t, const double *x, const double *s,
                            double *dxdt, double *dsdt)
{
    const struct chain *chain = context;
    const double *by_ka = s, *by_k = s + 2;
    chain_rate(context, t, x, dxdt);
    dsdt[0] = -chain->ka * by_ka[0] - x[0];
    dsdt[1] = chain->ka * by_ka[0] - chain->k * by_ka[1] + x[0];
    dsdt[2] = -chain->ka * by_k[0];
    dsdt[3] = chain->ka * by_k[0] - chain->k * by_k[1] - x[1];
    return 0;
}

static int chain_jacobian(void *context, double t, const double *x, double *dfdx)
{
    const struct chain *chain = context;
    (void)t, (void)x;
    dfdx[0] = -chain->ka;
    dfdx[1] = 0;
    dfdx[2] = chain->ka;
    dfdx[3] = -chain->k;
    return 0;
}

/* Amount in the second compartment and its derivatives by ka and k after a dose of 1. */
static void chain_exact(const struct chain *chain, double t, double out[3])
{
    double ka = chain->ka, k = chain->k, d = ka - k;
    double ea = exp(-ka * t), e = exp(-k * t);
    out[0] = ka / d * (e - ea);
    out[1] = -k / (d * d) * (e - ea) + ka / d * t * ea;
    out[2] = ka / (d * d) * (e - ea) - ka / d * t * e;
}

static struct ode *chain_new(struct chain *chain, enum ode_method method)
{
    struct ode_system system = {
        2,    2, chain_rate, chain_directions, method == ODE_BDF ? chain_jacobian : NULL,
        chain};
    struct ode_options options = {method, 1e-10, 1e-13, 100000, NULL};
    struct ode *ode;
    assert_ok(ode_new(&system, &options, &ode));
    return ode;
}

static void chain_follows_closed_form(enum ode_method method)
{
    struct chain chain = {.ka = 1.5, .k = 0.0875};
    struct ode *ode = chain_new(&chain, method);
    double x[2] = {1, 0}, s[4] = {0};
    assert_ok(ode_restart(ode, 0, x, s));
    static const double times[] = {0, 0.25, 0.5, 2, 2, 9, 24};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        double exact[3];
        assert_ok(ode_advance(ode, times[i], 24, x, s));
        chain_exact(&chain, times[i], exact);
        assert_near(x[1], exact[0], 1e-8);
        assert_near(s[1], exact[1], 1e-8);
        assert_near(s[3], exact[2], 1e-7);
    }
    assert_true(chain.latest <= 24);
    assert_in_range(ode_steps(ode), 20, 5000);
    ode_destroy(&ode);
    assert_null(ode);
}

static void ode__follows_the_closed_form_with_derivatives(void **state)
{
    (void)state;
    chain_follows_closed_form(ODE_BDF);
    chain_follows_closed_form(ODE_ADAMS);
}

static void ode__never_looks_past_the_stop(void **state)
{
    (void)state;
    struct chain chain = {.ka = 1.5, .k = 0.0875};
    for (enum ode_method method = ODE_BDF; method <= ODE_ADAMS; method++) {
        struct ode *ode = chain_new(&chain, method);
        double x[2] = {1, 0}, s[4] = {0};
        for (double stop = 3; stop < 10; stop += 1.25) {
            chain.latest = 0;
            assert_ok(ode_restart(ode, stop - 1.25, x, s));
            assert_ok(ode_advance(ode, stop - 0.5, stop, x, s));
            assert_ok(ode_advance(ode, stop, stop, x, s));
            assert_ok(ode_advance(ode, stop, stop, x, s));
            assert_true(chain.latest <= stop);
        }
        ode_destroy(&ode);
    }
}

/* Doses at 0, 12, ... 60 into the first compartment: superposition of the closed form. */
/* All of a solution, step by step: every place in a step is as good as its end. */
static void ode__shows_what_lies_within_its_steps(void **state)
{
    (void)state;
    static const enum ode_method methods[] = {ODE_BDF, ODE_ADAMS};
    for (size_t m = 0; m < 2; m++) {
        struct chain chain = {1.5, 0.1, 0};
        struct ode *ode = chain_new(&chain, methods[m]);
        double start[2] = {1, 0}, s[4] = {0}, x[2], expected[3], t = 0, reached;
        size_t steps = 0;
        assert_ok(ode_restart(ode, 0, start, s));
        ode_within(ode, 0, x, NULL);
        assert_near(x[0], 1, 0);
        for (; t < 10; steps++, t = reached) {
            assert_ok(ode_step(ode, 10, &reached));
            assert_true(reached > t && reached <= 10 && chain.latest <= 10);
            for (int i = 0; i <= 8; i++) {
                double at = t + (reached - t) * i / 8;
                ode_within(ode, at, x, NULL);
                chain_exact(&chain, at, expected);
                assert_near(x[0], exp(-1.5 * at), 1e-8);
                assert_near(x[1], expected[0], 1e-8);
            }
        }
        assert_in_range(steps, 20, 2000);
        assert_int_equal(ode_steps(ode), steps);
        assert_ok(ode_restart(ode, 10, x, s));
        assert_ok(ode_step(ode, 10, &reached)); /* of no length */
        assert_near(reached, 10, 0);
        ode_within(ode, 10, expected, NULL);
        assert_near(expected[1], x[1], 0);
        ode_destroy(&ode);
    }
}

static void ode__restarts_carry_doses(void **state)
{
    (void)state;
    struct chain chain = {.ka = 1.5, .k = 0.0875};
    struct ode *ode = chain_new(&chain, ODE_BDF);
    double x[2] = {0}, s[4] = {0}, sum[3] = {0};
    for (int dose = 0; dose < 6; dose++) {
        x[0] += 1;
        assert_ok(ode_restart(ode, 12 * dose, x, s));
        assert_ok(ode_advance(ode, 12 * (dose + 1), 12 * (dose + 1), x, s));
    }
    for (int dose = 0; dose < 6; dose++) {
        double one[3];
        chain_exact(&chain, 72 - 12 * dose, one);
        for (int i = 0; i < 3; i++)
            sum[i] += one[i];
    }
    assert_relative(x[1], sum[0], 1e-8);
    assert_relative(s[1], sum[1], 1e-6);
    assert_relative(s[3], sum[2], 1e-8);
    ode_destroy(&ode);
}

/* An interval of one ulp is not an error, and moves nothing. */
static void ode__accepts_an_interval_of_no_length(void **state)
{
    (void)state;
    struct chain chain = {.ka = 1.5, .k = 0.0875};
    struct ode *ode = chain_new(&chain, ODE_BDF);
    double x[2] = {1, 0.5}, s[4] = {0}, t = 1000;
    assert_ok(ode_restart(ode, t, x, s));
    assert_ok(ode_advance(ode, nextafter(t, INFINITY), nextafter(t, INFINITY), x, s));
    assert_true(x[0] == 1 && x[1] == 0.5);
    ode_destroy(&ode);
}

/* Also where the solver has already looked further. */
static void ode__stands_where_it_began_after_a_step(void **state)
{
    (void)state;
    static const enum ode_method methods[] = {ODE_BDF, ODE_ADAMS};
    for (size_t m = 0; m < 2; m++) {
        struct chain chain = {.ka = 1.5, .k = 0.0875};
        struct ode *ode = chain_new(&chain, methods[m]);
        double x[2] = {1, 0.5}, s[4] = {0}, reached;
        assert_ok(ode_restart(ode, 0, x, s));
        assert_ok(ode_step(ode, 10, &reached));
        assert_true(reached > 0);
        assert_ok(ode_advance(ode, 0, 10, x, s));
        assert_near(x[0], 1, 1e-15);
        assert_near(x[1], 0.5, 1e-15);
        assert_near(s[1], 0, 1e-15);
        ode_destroy(&ode);
    }
}

/* --- Robertson's stiff kinetics
 * ---------------------------------------------------------
 *
 * Values at 0.4 and 40: Mazzia and Magherini, Test Set for IVP Solvers, problem ROBER;
 * derivatives at 0.4 by the three rate constants: CVODES example cvsRoberts_FSA_dns. */

static double robertson[3] = {0.04, 1e4, 3e7};

static int robertson_rate(void *context, double t, const double *x, double *dxdt)
{
    const double *p = context;
    (void)t;
    dxdt[0] = -p[0] * x[0] + p[1] * x[1] * x[2];
    dxdt[2] = p[2] * x[1] * x[1];
    dxdt[1] = -dxdt[0] - dxdt[2];
    return 0;
}

static int robertson_directions(void *context, double t, const double *x, const double *s,
                                double *dxdt, double *dsdt)
{
    const double *p = context;
    const double by_p0[3] = {-x[0], x[1] * x[2], 0}, by_p2[3] = {0, 0, x[1] * x[1]};
    robertson_rate(context, t, x, dxdt);
    for (size_t k = 0; k < 3; k++, s += 3, dsdt += 3) {
        dsdt[0] = -p[0] * s[0] + p[1] * (s[1] * x[2] + x[1] * s[2]);
        dsdt[0] += k < 2 ? by_p0[k] : 0;
        dsdt[2] = p[2] * 2 * x[1] * s[1] + by_p2[k];
        dsdt[1] = -dsdt[0] - dsdt[2];
    }
    return 0;
}

static int robertson_jacobian(void *context, double t, const double *x, double *dfdx)
{
    const double *p = context;
    (void)t;
    const double rows[2][3] = {{-p[0], p[1] * x[2], p[1] * x[1]},
                               {0, 2 * p[2] * x[1], 0}};
    for (size_t j = 0; j < 3; j++) {
        dfdx[j] = rows[0][j];
        dfdx[6 + j] = rows[1][j];
        dfdx[3 + j] = -rows[0][j] - rows[1][j];
    }
    return 0;
}

static void ode__solves_robertson_with_typical_sizes(void **state)
{
    (void)state;
    struct ode_system system = {
        3, 3, robertson_rate, robertson_directions, robertson_jacobian, robertson};
    const double scale[3] = {1, 1e-5, 1};
    struct ode_options options = {ODE_BDF, 1e-9, 1e-12, 100000, scale};
    struct ode *ode;
    assert_ok(ode_new(&system, &options, &ode));
    double x[3] = {1, 0, 0}, s[9] = {0};
    assert_ok(ode_restart(ode, 0, x, s));
    assert_ok(ode_advance(ode, 0.4, 40, x, s));
    static const double early[3] = {0.9851721138635, 0.3386395382e-4, 0.1479402227e-1};
    static const double slopes[9] = {-3.5595e-01, 3.9025e-04,  3.5556e-01,
                                     9.5431e-08,  -2.1309e-10, -9.5218e-08,
                                     -1.5833e-11, -5.2900e-13, 1.6362e-11};
    for (size_t i = 0; i < 3; i++)
        assert_relative(x[i], early[i], 1e-7);
    for (size_t i = 0; i < 9; i++)
        assert_relative(s[i], slopes[i], 2e-4);
    assert_ok(ode_advance(ode, 40, 40, x, s));
    static const double late[3] = {0.7158270688, 0.9185534765e-5, 0.2841637457};
    for (size_t i = 0; i < 3; i++)
        assert_relative(x[i], late[i], 1e-7);
    ode_destroy(&ode);
}

/* A state of size 1e-9 keeps its digits once its size is known, and not before. */
static void ode__scale_decides_what_small_means(void **state)
{
    (void)state;
    struct chain chain = {.ka = 1.5, .k = 0.0875};
    struct ode_system system = {2, 0, chain_rate, NULL, chain_jacobian, &chain};
    struct ode_options options = {ODE_BDF, 1e-9, 1e-7, 100000, NULL};
    struct ode *ode;
    assert_ok(ode_new(&system, &options, &ode));
    double exact[3], error[2];
    chain_exact(&chain, 9, exact);
    for (int known = 0; known < 2; known++) {
        static const double scale[2] = {1e-9, 1e-9};
        double x[2] = {1e-9, 0};
        if (known)
            ode_scale(ode, scale);
        assert_ok(ode_restart(ode, 0, x, NULL));
        assert_ok(ode_advance(ode, 9, 9, x, NULL));
        error[known] = fabs(x[1] / (1e-9 * exact[0]) - 1);
    }
    assert_true(error[0] > 1e-3);
    assert_true(error[1] < 1e-6);
    ode_destroy(&ode);
}

/* --- refusals ------------------------------------------------------------------- */

static int blow_up(void *context, double t, const double *x, double *dxdt)
{
    (void)context, (void)t;
    dxdt[0] = x[0] * x[0]; /* infinite at t = 1 from x = 1 */
    return 0;
}

static int not_a_number(void *context, double t, const double *x, double *dxdt)
{
    (void)context, (void)x;
    dxdt[0] = t > 0.5 ? NAN : 1;
    return 0;
}

static int always_refuses(void *context, double t, const double *x, double *dxdt)
{
    (void)context, (void)t, (void)x;
    dxdt[0] = 0;
    return 1;
}

static int flat(void *context, double t, const double *x, double *dfdx)
{
    (void)context, (void)t, (void)x;
    dfdx[0] = 0;
    return 0;
}

static void ode__gives_up_with_a_sentence(void **state)
{
    (void)state;
    static int (*const rates[])(void *, double, const double *,
                                double *) = {blow_up, not_a_number, always_refuses};
    for (size_t i = 0; i < 3; i++) {
        struct ode_system system = {1, 0, rates[i], NULL, flat, NULL};
        struct ode_options options = {ODE_BDF, 1e-8, 1e-10, 500, NULL};
        struct ode *ode;
        double x[1] = {1};
        assert_ok(ode_new(&system, &options, &ode));
        assert_ok(ode_restart(ode, 0, x, NULL));
        assert_refused(ERR_NUMERIC, "time", ode_advance(ode, 2, 2, x, NULL));
        /* A restart mends it. */
        x[0] = i == 0 ? -1 : 1;
        assert_ok(ode_restart(ode, 0, x, NULL));
        if (i < 2)
            assert_ok(ode_advance(ode, 0.25, 0.25, x, NULL));
        x[0] = NAN;
        assert_refused(ERR_NUMERIC, "not finite", ode_restart(ode, 0, x, NULL));
        ode_destroy(&ode);
    }
}

static void ode__steps_are_counted_over_all_calls_since_the_restart(void **state)
{
    (void)state;
    struct chain chain = {.ka = 1.5, .k = 0.0875};
    struct ode_system system = {2, 0, chain_rate, NULL, chain_jacobian, &chain};
    struct ode_options options = {ODE_BDF, 1e-10, 1e-13, 60, NULL};
    struct ode *ode;
    assert_ok(ode_new(&system, &options, &ode));
    double x[2] = {1, 0};
    assert_ok(ode_restart(ode, 0, x, NULL));
    enum err err = ERR_OK;
    for (int i = 1; i <= 240 && err == ERR_OK; i++)
        err = ode_advance(ode, i * 0.1, 24, x, NULL);
    assert_int_equal(err, ERR_NUMERIC);
    assert_non_null(strstr(err_text(), "60 steps"));
    assert_in_range(ode_steps(ode), 59, 60);
    ode_destroy(&ode);
}

static void ode__refuses_what_makes_no_sense(void **state)
{
    (void)state;
    struct chain chain = {.ka = 1.5, .k = 0.0875};
    struct ode_system good = {2, 2, chain_rate, chain_directions, chain_jacobian, &chain};
    struct ode_options fine = {ODE_BDF, 1e-8, 1e-10, 500, NULL};
    const double scale[2] = {1, 0};
    struct ode *ode = NULL;
    struct ode_system system = good;
    system.states = 0;
    assert_refused(ERR_RANGE, "0 states", ode_new(&system, &fine, &ode));
    system = good;
    system.directions = 100000;
    assert_refused(ERR_RANGE, "directions", ode_new(&system, &fine, &ode));
    system = good;
    system.jacobian = NULL;
    assert_refused(ERR_RANGE, "Jacobian", ode_new(&system, &fine, &ode));
    struct ode_options options = fine;
    options.relative_tolerance = NAN;
    assert_refused(ERR_RANGE, "relative", ode_new(&good, &options, &ode));
    options = fine;
    options.absolute_tolerance = 0;
    assert_refused(ERR_RANGE, "absolute", ode_new(&good, &options, &ode));
    options = fine;
    options.steps_max = 0;
    assert_refused(ERR_RANGE, "steps", ode_new(&good, &options, &ode));
    options = fine;
    options.state_scale = scale;
    assert_refused(ERR_RANGE, "scale", ode_new(&good, &options, &ode));
    assert_null(ode);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ode__follows_the_closed_form_with_derivatives),
        cmocka_unit_test(ode__never_looks_past_the_stop),
        cmocka_unit_test(ode__shows_what_lies_within_its_steps),
        cmocka_unit_test(ode__restarts_carry_doses),
        cmocka_unit_test(ode__accepts_an_interval_of_no_length),
        cmocka_unit_test(ode__stands_where_it_began_after_a_step),
        cmocka_unit_test(ode__solves_robertson_with_typical_sizes),
        cmocka_unit_test(ode__scale_decides_what_small_means),
        cmocka_unit_test(ode__gives_up_with_a_sentence),
        cmocka_unit_test(ode__steps_are_counted_over_all_calls_since_the_restart),
        cmocka_unit_test(ode__refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
