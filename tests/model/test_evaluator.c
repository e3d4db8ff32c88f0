#include "model/model.h"

#include "check.h"
#include "every_model.h"
#include "oracle.h"
#include "vector.h"

static struct model *parsed(const char *text)
{
    struct model *model = NULL;
    assert_ok(model_parse(text, strlen(text), "test.twin", &model));
    return model;
}

/* The i-th of a fixed sequence of numbers in (0, 1) without pattern. */
static double spread(size_t i)
{
    double whole;
    return modf(0.5 + 0.6180339887498949 * (double)(i + 1), &whole);
}

/* d theta / d phi of a direction's parameter, from the derivative of the logistic
 * function at phi. */
static double transform_slope(const struct model *model, size_t direction, double theta)
{
    const struct model_parameter *one =
        model_parameter(model, model_direction(model, direction));
    if (one->transform == TRANSFORM_IDENTITY)
        return 1;
    double e = exp(-transform_forward(one, theta));
    return one->transform == TRANSFORM_LOG
               ? 1 / e
               : (one->high - one->low) * e / ((1 + e) * (1 + e));
}

/* --- against a second evaluator -------------------------------------------------- */

static const char all_functions[] =
    "model all version 1 \"every function of the language\"\n"
    "time h\n"
    "[parameters]\n"
    "a = 1.3 1 (0.1, 10) lognormal sd 0.3\n"
    "b = 0.4 1 (0.1, 0.9) logitnormal sd 0.3\n"
    "c = 2 1/h (-10, 10) normal sd 0.3\n"
    "d = 0.7 1 fixed\n"
    "e = 5 1 (1, 9) estimated log\n"
    "[covariates]\n"
    "wt kg default 70\n"
    "crp 1 locf default 2\n"
    "cov 1 linear default 3\n"
    "[individual]\n"
    "ai = a*(wt/70 kg)^0.75 + expit(c*1 h) - logit(b)\n"
    "[equations]\n"
    "steep = if(x > 0.5 and not (y < 0.2 or x == 3), y^ai, max(x, y, b)) \n"
    "d/dt(x) = -c*x + (exp(-a*x) + ln(e + y) + log10(a + x) + sqrt(b + x^2))/1 h\n"
    "d/dt(y) = c*(tanh(x - y) + sin(a*x) - cos(b*y*d) + abs(x - a) + crp*min(x, a, b))"
    " unit 1\n"
    "d/dt(z) = (floor(e) + mod(x*10, 3) + piecewise(x, y < 0.3, z^2, y < 0.6, x*z) +"
    " steep/(a + cov) + z^3 - 2*z + ai^-1 + (time/1 h)^0.5*cov)/1 h unit 1\n"
    "[observations]\n"
    "o : x + y*steep ~ add(0.1)\n"
    "p : (a + z)/e ~ prop(0.1)\n";

static void oracle_fill(struct oracle *oracle, const struct model *model, size_t round,
                        double *parameters, double *covariates, double *x)
{
    *oracle = (struct oracle){.model = model, .t = 1 + 3 * spread(round)};
    for (size_t i = 0; i < model_parameters(model); i++) {
        const struct model_parameter *one = model_parameter(model, i);
        double phi = transform_forward(one, one->typical);
        parameters[i] =
            one->kind == PARAMETER_FIXED
                ? one->typical
                : transform_back(one, phi + 0.4 * spread(7 * round + i) - 0.2);
        oracle->parameters[i] = parameters[i];
    }
    for (size_t i = 0; i < model_covariates(model); i++)
        oracle->covariates[i] = covariates[i] =
            model_covariate(model, i)->default_value * (0.7 + spread(round + i));
    for (size_t i = 0; i < model_states(model); i++)
        oracle->states[i] = x[i] *= 0.85 + 0.3 * spread(3 * round + i * i);
}

/* Within 1e-8 of a slope along the logarithm of what it is by, or, where it passes
 * through zero, of a thousandth of the value. */
static void check_slope(double ours, double slope, double value)
{
    assert_near(ours, slope, 1e-8 * (fabs(slope) + 1e-3 * fabs(value)) + 1e-18);
}

static void check_slopes(const struct oracle *oracle, const struct expr *expr,
                         const double *by_direction, size_t stride,
                         const double *by_state)
{
    const struct model *model = oracle->model;
    double value = (double)oracle_value(oracle, expr);
    for (size_t k = 0; k < model_directions(model); k++) {
        const long double *place = &oracle->parameters[model_direction(model, k)];
        double slope = (double)oracle_slope(oracle, expr, place) *
                       transform_slope(model, k, (double)*place);
        check_slope(by_direction[k * stride], slope, value);
    }
    for (size_t k = 0; by_state && k < model_states(model); k++) {
        double x = (double)oracle->states[k];
        check_slope(by_state[k] * x,
                    (double)oracle_slope(oracle, expr, &oracle->states[k]) * x, value);
    }
}

/* As if every functional had come to a number of its own, and nothing moved it. */
static void come_to_something(struct evaluator *evaluator, const struct model *model)
{
    double values[MODEL_FUNCTIONALS_MAX];
    double *none =
        mem_new(MODEL_FUNCTIONALS_MAX * (model_directions(model) + 1), sizeof(double));
    for (size_t i = 0; i < MODEL_FUNCTIONALS_MAX; i++)
        values[i] = 1 + 0.1 * (double)i;
    evaluator_functionals(evaluator, values, none);
    mem_free(none);
}

/* Values to rounding, slopes by parameters and by states, of everything but initial
 * values that are steady states and readings that look back (test_readings.c). */
static void check_at(struct evaluator *evaluator, const struct oracle *oracle,
                     const double *x)
{
    const struct model *model = oracle->model;
    size_t n = model_states(model), d = model_directions(model);
    size_t m = model_observations(model), q = model_derived(model);
    double *dxdt = mem_new(3 * n, sizeof(double)), *again = dxdt + n;
    double *dsdt = mem_new(n * d, sizeof(double)), *s = mem_new(n * d, sizeof(double));
    double *dfdx = mem_new(n * n, sizeof(double)), *f = mem_new(m, sizeof(double));
    double *d_f = mem_new(m * d, sizeof(double)), *derived = mem_new(q, sizeof(double));
    double t = (double)oracle->t;
    assert_int_equal(evaluator_rate(evaluator, t, x, again), 0);
    assert_int_equal(evaluator_rate_directions(evaluator, t, x, s, dxdt, dsdt), 0);
    assert_int_equal(evaluator_jacobian(evaluator, t, x, dfdx), 0);
    come_to_something(evaluator, model);
    assert_int_equal(evaluator_outputs(evaluator, t, x, s, f, d_f, derived), 0);
    for (size_t i = 0; i < n; i++) {
        const struct expr *rate = model->syntax->states[i].rate;
        assert_near(dxdt[i], (double)oracle_value(oracle, rate),
                    1e-12 * (1 + fabs(dxdt[i])));
        assert_true(dxdt[i] == again[i]);
        check_slopes(oracle, rate, dsdt + i, n, dfdx + i * n);
    }
    for (size_t i = 0; i < m; i++) {
        const struct expr *expr = model->syntax->observations[i].expr;
        if (model_looks_back(model, i))
            continue;
        assert_near(f[i], (double)oracle_value(oracle, expr), 1e-12 * (1 + fabs(f[i])));
        check_slopes(oracle, expr, d_f + i * d, 1, NULL);
    }
    for (size_t i = 0; i < q; i++) {
        const struct expr *expr = model->syntax->quantities[i].expr;
        assert_near(derived[i], (double)oracle_value(oracle, expr),
                    1e-12 * (1 + fabs(derived[i])));
    }
    double *const all[] = {dxdt, dsdt, s, dfdx, f, d_f, derived};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        mem_free(all[i]);
}

/* States around where they begin, or around `size` where that is 0. */
static void check_model(const struct model *model, double size)
{
    struct evaluator *evaluator = evaluator_new(model, true);
    double parameters[MODEL_PARAMETERS_MAX], covariates[MODEL_COVARIATES_MAX];
    double x[MODEL_STATES_MAX], slopes[MODEL_COVARIATES_MAX] = {0};
    for (size_t round = 0; round < 40; round++) {
        struct oracle oracle;
        for (size_t i = 0; i < model_states(model); i++)
            x[i] = 0;
        oracle_fill(&oracle, model, round, parameters, covariates, x);
        evaluator_individual(evaluator, parameters, covariates);
        if (evaluator_initial(evaluator, 0, x, NULL) != ERR_OK)
            memset(x, 0, sizeof x);
        for (size_t i = 0; i < model_states(model); i++)
            x[i] = x[i] == 0 ? size : x[i];
        oracle_fill(&oracle, model, round, parameters, covariates, x);
        evaluator_covariates(evaluator, (double)oracle.t, covariates, slopes);
        check_at(evaluator, &oracle, x);
    }
    evaluator_destroy(&evaluator);
}

static void evaluator__agrees_with_a_second_evaluator(void **state)
{
    (void)state;
    struct model *model = parsed(all_functions);
    check_model(model, 0.6);
    model_destroy(&model);
}

static void check_at_three(struct model *model)
{
    check_model(model, 3);
}

static void evaluator__agrees_on_every_model(void **state)
{
    (void)state;
    assert_true(every_model("models/*/*.twin", check_at_three) >= 15);
    assert_true(every_model("tests/language/*.twin", check_at_three) >= 6);
}

/* ds/dt = J s + df/dp, whatever s: sensitivities and Jacobian belong together. */
static void evaluator__directions_are_jacobian_times_s_plus_own_part(void **state)
{
    (void)state;
    struct model *model = parsed(all_functions);
    size_t n = model_states(model), d = model_directions(model);
    struct evaluator *evaluator = evaluator_new(model, true);
    struct oracle oracle;
    double parameters[8], covariates[4], x[4], dxdt[4], dfdx[16];
    double s[32] = {0}, own[32], all[32];
    for (size_t i = 0; i < n; i++)
        x[i] = 0.6;
    oracle_fill(&oracle, model, 5, parameters, covariates, x);
    evaluator_individual(evaluator, parameters, covariates);
    evaluator_rate_directions(evaluator, 2, x, s, dxdt, own);
    for (size_t i = 0; i < n * d; i++)
        s[i] = 2 * spread(i) - 1;
    evaluator_rate_directions(evaluator, 2, x, s, dxdt, all);
    evaluator_jacobian(evaluator, 2, x, dfdx);
    for (size_t k = 0; k < d; k++)
        for (size_t i = 0; i < n; i++) {
            double sum = own[k * n + i];
            for (size_t j = 0; j < n; j++)
                sum += dfdx[i * n + j] * s[k * n + j];
            assert_near(all[k * n + i], sum, 1e-12 * (1 + fabs(sum)));
        }
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

/* --- edges ----------------------------------------------------------------------- */

/* Before the first dose a Hill term stands at 0: whatever the exponent, nothing moves,
 * and nothing is infinite. */
static void evaluator__hill_at_zero_has_finite_derivatives(void **state)
{
    (void)state;
    struct model *model = parsed("model hill version 1\n"
                                 "time h\n"
                                 "[parameters]\n"
                                 "g = 1.5 1 lognormal sd 0.3\n"
                                 "ec = 2 mg/L lognormal sd 0.3\n"
                                 "k = 1 1/h lognormal sd 0.3\n"
                                 "[equations]\n"
                                 "d/dt(c) = -k*c unit mg/L\n"
                                 "E = (c/(1 [mg/L]))^g/((ec/(1 [mg/L]))^g +"
                                 " (c/(1 [mg/L]))^g)\n"
                                 "d/dt(r) = k*(E - r)\n"
                                 "[observations]\n"
                                 "o : E ~ add(0.1)\n");
    struct evaluator *evaluator = evaluator_new(model, true);
    for (int i = 0; i < 3; i++) {
        static const double exponents[] = {0.5, 1, 1.5};
        double parameters[3] = {exponents[i], 2, 1}, x[2] = {0}, s[6] = {0};
        double dxdt[2], dsdt[6], dfdx[4], f[1], d_f[3];
        evaluator_individual(evaluator, parameters, NULL);
        assert_int_equal(evaluator_rate_directions(evaluator, 0, x, s, dxdt, dsdt), 0);
        assert_int_equal(evaluator_jacobian(evaluator, 0, x, dfdx), 0);
        assert_int_equal(evaluator_outputs(evaluator, 0, x, s, f, d_f, NULL), 0);
        for (size_t k = 0; k < 6; k++)
            assert_true(dsdt[k] == 0);
        for (size_t k = 0; k < 3; k++)
            assert_true(d_f[k] == 0);
        assert_near(dfdx[2], exponents[i] == 1 ? 0.5 : 0, 0);
    }
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

static void evaluator__says_when_a_value_is_not_finite(void **state)
{
    (void)state;
    struct model *model = parsed("model bad version 1\n"
                                 "time h\n"
                                 "[parameters]\n"
                                 "k = 1 1/h lognormal sd 0.3\n"
                                 "[equations]\n"
                                 "d/dt(x) = k*ln(x) init 1 unit 1\n"
                                 "[observations]\n"
                                 "o : 1/x ~ add(0.1)\n");
    struct evaluator *evaluator = evaluator_new(model, true);
    double parameters[1] = {1}, x[1] = {-1}, s[1] = {1}, out[1], d_out[1];
    evaluator_individual(evaluator, parameters, NULL);
    assert_int_equal(evaluator_rate(evaluator, 0, x, out), 1);
    assert_int_equal(evaluator_rate_directions(evaluator, 0, x, s, out, d_out), 1);
    assert_int_equal(evaluator_jacobian(evaluator, 0, x, d_out), 1);
    x[0] = 0;
    assert_int_equal(evaluator_outputs(evaluator, 0, x, s, out, d_out, NULL), 1);
    x[0] = 2;
    assert_int_equal(evaluator_outputs(evaluator, 0, x, s, out, d_out, NULL), 0);
    assert_int_equal(evaluator_rate(evaluator, 0, x, out), 0);
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

/* --- covariates that move --------------------------------------------------------- */

static void evaluator__follows_stepping_and_sloping_covariates(void **state)
{
    (void)state;
    struct model *model = parsed("model moving version 1\n"
                                 "time h\n"
                                 "[parameters]\n"
                                 "k = 2 1 lognormal sd 0.3\n"
                                 "[covariates]\n"
                                 "w 1\n"
                                 "q 1 locf\n"
                                 "r 1 linear\n"
                                 "[observations]\n"
                                 "o : k*q*w + r ~ add(0.1)\n");
    struct evaluator *evaluator = evaluator_new(model, true);
    double parameters[1] = {2}, covariates[3] = {5, 3, 10};
    double slopes[3] = {0, 0, 0.5}, f, d_f;
    evaluator_individual(evaluator, parameters, covariates);
    evaluator_outputs(evaluator, 0, NULL, NULL, &f, &d_f, NULL);
    assert_near(f, 40, 0);
    assert_near(d_f, 2 * 15, 0);
    covariates[1] = 4;
    evaluator_covariates(evaluator, 8, covariates, slopes);
    evaluator_outputs(evaluator, 12, NULL, NULL, &f, &d_f, NULL);
    assert_near(f, 52, 0);
    assert_near(d_f, 2 * 20, 0);
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

/* --- initial values --------------------------------------------------------------- */

/* A turnover with Michaelis-Menten loss feeding a second pool: kin = vmax r/(km + r)
 * gives r = kin km/(vmax - kin); q follows r from a start that the text gives. */
static void evaluator__solves_steady_states_with_derivatives(void **state)
{
    (void)state;
    struct model *model =
        parsed("model steady version 1\n"
               "time h\n"
               "[parameters]\n"
               "kin = 3 mg/h lognormal sd 0.3\n"
               "vmax = 10 mg/h lognormal sd 0.3\n"
               "km = 5 mg lognormal sd 0.3\n"
               "q0 = 7 mg lognormal sd 0.3\n"
               "kq = 0.2 1/h lognormal sd 0.3\n"
               "[equations]\n"
               "d/dt(r) = kin - vmax*r/(km + r) + kq*(p - q0) init steady"
               " unit mg\n"
               "d/dt(q) = kq*(r - q) init steady\n"
               "d/dt(p) = -kq*p init q0\n"
               "[observations]\n"
               "o : r + q + p ~ add(0.1 mg)\n");
    struct evaluator *evaluator = evaluator_new(model, true);
    double x[3], dx[15];
    for (size_t round = 0; round < 20; round++) {
        double kin = 1 + 8 * spread(round), vmax = 10,
               km = 5e-3 * pow(10, (double)round / 3);
        double parameters[5] = {kin, vmax, km, 7, 0.2};
        evaluator_individual(evaluator, parameters, NULL);
        assert_ok(evaluator_initial(evaluator, 0, x, dx));
        double gap = vmax - kin, r = kin * km / gap;
        double slopes[3] = {km * vmax / (gap * gap), -kin * km / (gap * gap), kin / gap};
        for (size_t i = 0; i < 2; i++) {
            assert_relative(x[i], r, 1e-12);
            for (size_t k = 0; k < 3; k++)
                assert_relative(dx[i * 5 + k], slopes[k] * parameters[k], 1e-11);
            assert_near(dx[i * 5 + 4], 0, 1e-12 * r);
        }
        assert_near(x[2], 7, 0);
        assert_near(dx[2 * 5 + 3], 7, 0);
        /* p - q0 is 0 at the start, but not along q0 alone: r must not feel either. */
        assert_near(dx[3], 0, 1e-12 * r);
    }
    /* Production above the largest possible loss: there is no steady state. */
    double impossible[5] = {12, 10, 5, 7, 0.2};
    evaluator_individual(evaluator, impossible, NULL);
    assert_refused(ERR_NUMERIC, "steady state", evaluator_initial(evaluator, 0, x, dx));
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

/* Nothing grown is an equilibrium too, and the wrong one. */
static void evaluator__does_not_settle_in_an_unstable_equilibrium(void **state)
{
    (void)state;
    struct model *model =
        parsed("model cells version 1\n"
               "time h\n"
               "[parameters]\n"
               "ba = 5 1 lognormal sd 0.3\n"
               "k = 0.05 1/h lognormal sd 0.3\n"
               "g = 0.16 1 lognormal sd 0.3\n"
               "[equations]\n"
               "d/dt(prol) = k*prol*((ba/circ)^g - 1) init steady unit 1\n"
               "d/dt(t1) = k*(prol - t1) init steady unit 1\n"
               "d/dt(circ) = k*(t1 - circ) init steady unit 1\n"
               "[observations]\n"
               "o : circ ~ lognormal(0.1)\n");
    struct evaluator *evaluator = evaluator_new(model, true);
    double x[3], dx[9];
    static const double baselines[] = {0.01, 1, 5, 300};
    for (size_t i = 0; i < 4; i++) {
        double parameters[3] = {baselines[i], 0.05, 0.16};
        evaluator_individual(evaluator, parameters, NULL);
        assert_ok(evaluator_initial(evaluator, 0, x, dx));
        for (size_t k = 0; k < 3; k++) {
            assert_relative(x[k], baselines[i], 1e-10);
            assert_relative(dx[k * 3], baselines[i], 1e-9);
        }
    }
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

static void evaluator__refuses_a_steady_state_that_is_not_one_point(void **state)
{
    (void)state;
    struct model *model = parsed("model closed version 1\n"
                                 "time h\n"
                                 "[parameters]\n"
                                 "k = 0.05 1/h lognormal sd 0.3\n"
                                 "[equations]\n"
                                 "d/dt(x) = k*(y - x) init steady unit 1\n"
                                 "d/dt(y) = k*(x - y) init steady unit 1\n"
                                 "[observations]\n"
                                 "o : x ~ add(0.1)\n");
    struct evaluator *evaluator = evaluator_new(model, true);
    double parameters[1] = {0.05}, x[2], dx[2];
    evaluator_individual(evaluator, parameters, NULL);
    assert_refused(ERR_NUMERIC, "steady state", evaluator_initial(evaluator, 0, x, dx));
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

/* --- doses ------------------------------------------------------------------------ */

static void evaluator__modifiers_of_doses_have_derivatives(void **state)
{
    (void)state;
    struct model *model = parsed("model doses version 1\n"
                                 "time h\n"
                                 "[parameters]\n"
                                 "F = 0.8 1 (0, 1) logitnormal sd 0.3\n"
                                 "tl = 30 min lognormal sd 0.3\n"
                                 "r0 = 50 mg/h lognormal sd 0.3\n"
                                 "k = 1 1/h lognormal sd 0.3\n"
                                 "[covariates]\n"
                                 "WT kg\n"
                                 "[doses]\n"
                                 "oral -> a mg fraction F*WT/70 kg lag tl + 1 h\n"
                                 "drip -> a mg over 100 mg/r0\n"
                                 "shot -> a mg\n"
                                 "[equations]\n"
                                 "d/dt(a) = -k*a\n"
                                 "[observations]\n"
                                 "o : a ~ add(0.1 mg)\n");
    struct evaluator *evaluator = evaluator_new(model, true);
    double covariates[1] = {35};
    double parameters[4] = {0.8, 30, 50, 1}, d_fraction[4], d_lag[4], d_duration[4];
    struct input_modifiers at;
    evaluator_individual(evaluator, parameters, covariates);
    evaluator_input(evaluator, 0, &at, d_fraction, d_lag, d_duration);
    assert_near(at.fraction, 0.4, 1e-15);
    assert_near(at.lag, 1.5, 1e-15);
    assert_near(at.duration, 0, 0);
    assert_near(d_fraction[0], 0.5 * 0.8 * 0.2, 1e-15);
    assert_near(d_lag[1], 30 / 60.0, 1e-15);
    assert_near(d_fraction[1] + d_lag[0] + d_duration[2], 0, 0);
    evaluator_input(evaluator, 1, &at, d_fraction, d_lag, d_duration);
    assert_near(at.duration, 2, 1e-15);
    assert_near(d_duration[2], -0.04 * 50, 1e-14);
    evaluator_input(evaluator, 2, &at, NULL, NULL, NULL);
    assert_true(at.fraction == 1 && at.lag == 0 && at.duration == 0);
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

/* --- scheduled breaks --------------------------------------------------------------- */

static void evaluator__lists_switching_times_with_derivatives(void **state)
{
    (void)state;
    struct model *model =
        parsed("model switching version 1\n"
               "time h\n"
               "[parameters]\n"
               "t0 = 3 h lognormal sd 0.3\n"
               "k = 1 1/h lognormal sd 0.3\n"
               "[equations]\n"
               "d/dt(a) = if(time < 30 min, k, 2*k) + if(2*time > t0 + 1 h, 0/1 h, k) +"
               " if(mod(time, 24 h) < 8 h, k, 0/1 h) unit 1\n"
               "[observations]\n"
               "o : a ~ add(0.1)\n");
    struct evaluator *evaluator = evaluator_new(model, true);
    double parameters[2] = {3, 1};
    const double *times, *d_times;
    size_t count;
    evaluator_individual(evaluator, parameters, NULL);
    assert_ok(evaluator_breaks(evaluator, -1, 50, &count, &times, &d_times));
    static const double expected[] = {0, 0.5, 2, 8, 24, 32, 48};
    assert_int_equal(count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_near(times[i], expected[i], 1e-14);
        assert_near(d_times[i * 2], expected[i] == 2 ? 1.5 : 0, 1e-15);
        assert_near(d_times[i * 2 + 1], 0, 0);
    }
    /* Strictly between: neither end counts. */
    assert_ok(evaluator_breaks(evaluator, 8, 24, &count, &times, &d_times));
    assert_int_equal(count, 0);
    evaluator_destroy(&evaluator);
    evaluator = evaluator_new(model, false);
    evaluator_individual(evaluator, parameters, NULL);
    assert_ok(evaluator_breaks(evaluator, 7, 9, &count, &times, &d_times));
    assert_int_equal(count, 1);
    assert_null(d_times);
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

static void evaluator__keeps_the_branch_of_a_piece_at_its_ends(void **state)
{
    (void)state;
    struct model *model =
        parsed("model pieces version 1\n"
               "time h\n"
               "[parameters]\n"
               "k = 1 1/h lognormal sd 0.3\n"
               "[equations]\n"
               "d/dt(a) = piecewise(k, time < 2 h, 2*k, time <= 4 h, 3*k)"
               " unit 1\n"
               "[observations]\n"
               "o : a ~ add(0.1)\n");
    struct evaluator *evaluator = evaluator_new(model, false);
    static const double ends[] = {-INFINITY, 2, 4, INFINITY};
    double parameters[1] = {1}, x[1] = {0}, rate;
    evaluator_individual(evaluator, parameters, NULL);
    for (size_t i = 0; i < 3; i++) {
        evaluator_between(evaluator, ends[i], ends[i + 1]);
        for (double t = fmax(ends[i], 0); t <= fmin(ends[i + 1], 6); t += 0.5) {
            assert_int_equal(evaluator_rate(evaluator, t, x, &rate), 0);
            assert_near(rate, (double)i + 1, 0);
        }
    }
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

/* A turn a moment after the start is a turn, though what is added to so small a time
 * there takes its last digits: on either side of it the branch is its side's. */
static void evaluator__keeps_the_branch_before_an_early_turn(void **state)
{
    (void)state;
    struct model *model =
        parsed("model early version 1\n"
               "time h\n"
               "[parameters]\n"
               "p = 0.5 h normal sd 0.3\n"
               "[equations]\n"
               "d/dt(a) = if(mod(time + p, 3.37 h) >= 0.75 h, 1 [1/h], 2 [1/h])"
               " unit 1\n"
               "[observations]\n"
               "o : a ~ add(0.1)\n");
    struct evaluator *evaluator = evaluator_new(model, false);
    const double *times, *d_times;
    double x[1] = {0}, rate;
    size_t count;
    for (double early = 0.3; early > 1e-9; early *= 0.7) {
        double p = 0.75 - early;
        evaluator_individual(evaluator, &p, NULL);
        assert_ok(evaluator_breaks(evaluator, 0, 3, &count, &times, &d_times));
        double turn = times[0], ends[] = {0, turn, times[1]};
        assert_near(turn, early, 1e-15);
        for (size_t i = 0; i < 2; i++) {
            evaluator_between(evaluator, ends[i], ends[i + 1]);
            assert_int_equal(evaluator_rate(evaluator, turn, x, &rate), 0);
            assert_near(rate, i ? 1 : 2, 0);
        }
    }
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

static void evaluator__refuses_a_period_without_end(void **state)
{
    (void)state;
    struct model *model = parsed("model fast version 1\n"
                                 "time h\n"
                                 "[parameters]\n"
                                 "T = 1 h lognormal sd 0.3\n"
                                 "[equations]\n"
                                 "d/dt(a) = mod(time, T)/(1 [h2]) unit 1\n"
                                 "[observations]\n"
                                 "o : a ~ add(0.1)\n");
    struct evaluator *evaluator = evaluator_new(model, false);
    double parameters[1] = {1e-7};
    const double *times, *d_times;
    size_t count;
    evaluator_individual(evaluator, parameters, NULL);
    assert_refused(ERR_RANGE, "period",
                   evaluator_breaks(evaluator, 0, 100, &count, &times, &d_times));
    parameters[0] = 0;
    evaluator_individual(evaluator, parameters, NULL);
    assert_refused(ERR_RANGE, "period",
                   evaluator_breaks(evaluator, 0, 100, &count, &times, &d_times));
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

/* --- sizes -------------------------------------------------------------------------- */

static void evaluator__runs_the_largest_model(void **state)
{
    (void)state;
    struct bytes text = {0};
    listing_add(&text, "model chain version 1\ntime h\n[parameters]\n");
    for (int i = 0; i < MODEL_PARAMETERS_MAX; i++)
        listing_add(&text, "k%d = %g 1/h lognormal sd 0.3\n", i, 0.5 + i);
    listing_add(&text, "[equations]\nd/dt(x0) = -k0*x0 init 1 mg\n");
    for (int i = 1; i < MODEL_STATES_MAX; i++)
        listing_add(&text, "d/dt(x%d) = k%d*x%d - k%d*x%d init 1 mg\n", i, i - 1, i - 1,
                    i, i);
    listing_add(&text, "[observations]\no : x63 ~ add(0.1 mg)\n");
    struct model *model = NULL;
    assert_ok(model_parse((char *)text.data, text.size, "chain.twin", &model));
    size_t n = MODEL_STATES_MAX;
    struct evaluator *evaluator = evaluator_new(model, true);
    double *parameters = mem_new(n, sizeof(double)), *x = mem_new(n, sizeof(double));
    double *s = mem_new(n * n, sizeof(double)), *dsdt = mem_new(n * n, sizeof(double));
    double *dfdx = mem_new(n * n, sizeof(double)), *dxdt = mem_new(n, sizeof(double));
    for (size_t i = 0; i < n; i++)
        parameters[i] = model_parameter(model, i)->typical;
    evaluator_individual(evaluator, parameters, NULL);
    assert_ok(evaluator_initial(evaluator, 0, x, s));
    assert_int_equal(evaluator_rate_directions(evaluator, 0, x, s, dxdt, dsdt), 0);
    assert_int_equal(evaluator_jacobian(evaluator, 0, x, dfdx), 0);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            double own = k == i ? -1 : k + 1 == i ? 1 : 0;
            /* all states are 1 */
            assert_near(dsdt[k * n + i], own * parameters[k], 0);
            assert_near(dfdx[i * n + k], own * parameters[k], 0);
        }
    mem_free(parameters);
    mem_free(x);
    mem_free(s);
    mem_free(dsdt);
    mem_free(dfdx);
    mem_free(dxdt);
    bytes_free(&text);
    evaluator_destroy(&evaluator);
    model_destroy(&model);
}

/* --- the rates' own derivatives
 * --------------------------------------------------------- */

/* Somewhere a patient could be, with sensitivities of all sizes, in every lane. */
static void fill_somewhere(const struct model *of, double *registers)
{
    const struct program *p = of->program;
    double parameters[MODEL_PARAMETERS_MAX], covariates[MODEL_COVARIATES_MAX], from, to;
    double slopes[MODEL_COVARIATES_MAX], x[MODEL_STATES_MAX];
    size_t n = model_states(of);
    struct evaluator *evaluator = evaluator_new(of, true);
    for (size_t i = 0; i < model_parameters(of); i++)
        parameters[i] = model_parameter(of, i)->typical;
    for (size_t i = 0; i < model_covariates(of); i++) {
        covariates[i] = model_covariate(of, i)->default_value + 1 + spread(i);
        bool moves = model_covariate(of, i)->hold == COVARIATE_LINEAR;
        slopes[i] = moves ? 0.1 * spread(2 * i) : 0;
    }
    evaluator_individual(evaluator, parameters, covariates);
    evaluator_covariates(evaluator, 1, covariates, slopes);
    if (evaluator_initial(evaluator, 1, x, NULL) != ERR_OK)
        memset(x, 0, sizeof x);
    for (size_t l = 0; l < LANES; l++) {
        for (size_t i = 0; i < p->registers; i++)
            registers[i * LANES + l] = p->image[i];
        evaluator_rest(evaluator, registers + l, LANES, &from, &to);
        registers[p->time * LANES + l] = 1.37;
        for (size_t i = 0; i < n; i++)
            registers[(p->states + i) * LANES + l] =
                x[i] != 0 ? x[i] * (0.9 + 0.2 * spread(i)) : 0.2 + spread(i);
        for (size_t i = 0; i < p->sensitivity_count; i++)
            registers[(p->sensitivities + i) * LANES + l] = 2 * spread(7 * i) - 1;
    }
    evaluator_destroy(&evaluator);
}

/* What `stream` should say of the rates in `rates` by register `by`: differences at two
 * steps, without their error of third order; `how_far` of them. */
static double difference(const struct program *p, const struct stream *rates,
                         const double *registers, uint32_t by, size_t index,
                         double *how_far)
{
    double *r = mem_copy(registers, p->registers * LANES * sizeof *r);
    double step = 1e-4 * (fabs(r[by * LANES]) + 1e-3), at[4];
    static const double steps[] = {1, -1, 0.5, -0.5};
    for (size_t l = 0; l < 4; l++)
        r[by * LANES + l] += steps[l] * step;
    vector_run(rates, r, SIMD_SCALAR);
    for (size_t l = 0; l < 4; l++)
        at[l] = r[rates->results[index] * LANES + l];
    mem_free(r);
    double wide = (at[0] - at[1]) / (2 * step), narrow = (at[2] - at[3]) / step;
    *how_far = fabs(wide - narrow) + 1e-9 * (fabs(at[0]) + fabs(at[1])) / step;
    return narrow + (narrow - wide) / 3;
}

/* Every derivative there is, those that the streams leave out being 0. */
static void check_linear(struct model *of)
{
    const struct program *p = of->program;
    size_t n = model_states(of), rows = n + p->sensitivity_count, at = 0;
    double *registers = lanes_rows_new(p->registers), *r = lanes_rows_new(p->registers);
    double *by = mem_new(rows * (n + 1), sizeof *by);
    if (n == 0 || p->registers > 3000) /* of a model that has no states; and slow here */
        goto out;
    assert_int_equal(p->linear_slopes.result_count,
                     p->jacobian_count + p->bend_count + rows);
    fill_somewhere(of, registers);
    memcpy(r, registers, p->registers * LANES * sizeof *r);
    vector_run(&p->linear_slopes, r, SIMD_SCALAR);
    for (size_t i = 0; i < p->jacobian_count; i++)
        by[p->jacobian_entry[i].row * (n + 1) + p->jacobian_entry[i].column] =
            r[p->linear_slopes.results[at++] * LANES];
    for (size_t i = 0; i < p->bend_count; i++)
        by[(n + p->bend_entry[i].row) * (n + 1) + p->bend_entry[i].column] =
            r[p->linear_slopes.results[at++] * LANES];
    for (size_t i = 0; i < rows; i++)
        by[i * (n + 1) + n] = r[p->linear_slopes.results[at++] * LANES];
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j <= n; j++) {
            uint32_t of_register = j < n ? p->states + (uint32_t)j : p->time;
            double how_far, ours = by[i * (n + 1) + j];
            double theirs =
                difference(p, &p->rate_slopes, registers, of_register, i, &how_far);
            if (!(fabs(ours - theirs) <= how_far + 1e-6 * fabs(theirs)))
                fail_msg("%s: rate %zu by %zu is %.12g, differences say %.12g +- %g",
                         model_name(of), i, j, ours, theirs, how_far);
        }
    /* Without derivatives the same, but for them. */
    memcpy(r, registers, p->registers * LANES * sizeof *r);
    vector_run(&p->linear, r, SIMD_SCALAR);
    assert_int_equal(p->linear.result_count, p->jacobian_count + n);
    for (size_t i = 0; i < p->jacobian_count; i++)
        assert_relative(
            r[p->linear.results[i] * LANES],
            by[p->jacobian_entry[i].row * (n + 1) + p->jacobian_entry[i].column], 1e-12);
    for (size_t i = 0; i < n; i++)
        assert_relative(r[p->linear.results[p->jacobian_count + i] * LANES],
                        by[i * (n + 1) + n], 1e-12);
out:
    mem_free(by);
    lanes_rows_free(registers);
    lanes_rows_free(r);
}

static void program__linear_is_what_differences_say(void **unused)
{
    (void)unused;
    struct model *all = parsed(all_functions);
    check_linear(all);
    model_destroy(&all);
    assert_true(every_model("models/*/*.twin", check_linear) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluator__agrees_with_a_second_evaluator),
        cmocka_unit_test(evaluator__agrees_on_every_model),
        cmocka_unit_test(evaluator__directions_are_jacobian_times_s_plus_own_part),
        cmocka_unit_test(evaluator__hill_at_zero_has_finite_derivatives),
        cmocka_unit_test(evaluator__says_when_a_value_is_not_finite),
        cmocka_unit_test(evaluator__follows_stepping_and_sloping_covariates),
        cmocka_unit_test(evaluator__solves_steady_states_with_derivatives),
        cmocka_unit_test(evaluator__does_not_settle_in_an_unstable_equilibrium),
        cmocka_unit_test(evaluator__refuses_a_steady_state_that_is_not_one_point),
        cmocka_unit_test(evaluator__modifiers_of_doses_have_derivatives),
        cmocka_unit_test(evaluator__lists_switching_times_with_derivatives),
        cmocka_unit_test(evaluator__keeps_the_branch_of_a_piece_at_its_ends),
        cmocka_unit_test(evaluator__keeps_the_branch_before_an_early_turn),
        cmocka_unit_test(evaluator__refuses_a_period_without_end),
        cmocka_unit_test(evaluator__runs_the_largest_model),
        cmocka_unit_test(program__linear_is_what_differences_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
