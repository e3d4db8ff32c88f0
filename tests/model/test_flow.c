#include "flow.h"

#include <math.h>

#include "base/memory.h"
#include "check.h"

/* One compartment: a bolus with bioavailability and lag, an infusion with an estimated
 * duration, a covariate that steps, a switch at an estimated time. */
static const char text[] = "model flow version 1\n"
                           "time h\n"
                           "[parameters]\n"
                           "k = 0.4 1/h lognormal sd 0.3\n"
                           "F = 0.7 1 (0, 1) logitnormal sd 0.3\n"
                           "tl = 0.5 h lognormal sd 0.3\n"
                           "T = 2 h lognormal sd 0.3\n"
                           "t0 = 9 h lognormal sd 0.3\n"
                           "[covariates]\n"
                           "q 1 locf default 1\n"
                           "[doses]\n"
                           "oral -> x mg fraction F lag tl\n"
                           "drip -> x mg over T\n"
                           "[equations]\n"
                           "d/dt(x) = -k*q*x + if(time > t0, 3 [mg/h], 0 [mg/h])\n"
                           "[observations]\n"
                           "o : x ~ add(0.1 mg)\n";

/* x at t from what each part leaves, for any parameters: k, F, tl, T, t0. */
static double closed(const double *p, double t)
{
    double x = 0;
    /* exp(-integral of k q), where q is 2 from 6 on */
    double decay_to = p[0] * (t < 6 ? t : 6 + 2 * (t - 6));
    double given = 1 + p[2];
    if (t >= given)
        x += p[1] * 100 * exp(p[0] * given - decay_to);
    double end = 3 + p[3], until = t < end ? t : end; /* 60 mg over T from 3 on, q = 1 */
    if (t > 3)
        x += 60 / p[3] / p[0] * (exp(p[0] * until - decay_to) - exp(p[0] * 3 - decay_to));
    if (t > p[4])
        x += 3 / (2 * p[0]) * (1 - exp(-2 * p[0] * (t - p[4])));
    return x;
}

static enum err read(struct run *run, size_t index, void *context)
{
    double *rows = context;
    rows[index * 6] = run->flow->x[0];
    for (size_t k = 0; k < 5; k++)
        rows[index * 6 + 1 + k] = run->flow->s[k];
    return ERR_OK;
}

static double slope(const double *parameters, size_t k, double t)
{
    double moved[5], h = 1e-5, f[2];
    for (int side = 0; side < 2; side++) {
        memcpy(moved, parameters, sizeof moved);
        double by = side ? -h : h;
        if (k == 1) { /* the logit of F */
            double phi = log(moved[1] / (1 - moved[1])) + by;
            moved[1] = 1 / (1 + exp(-phi));
        } else {
            moved[k] *= exp(by);
        }
        f[side] = closed(moved, t);
    }
    return (f[0] - f[1]) / (2 * h);
}

/* States and sensitivities before, at and after everything that happens. */
static void flow__follows_the_closed_form(void **state)
{
    (void)state;
    struct model *model;
    assert_ok(model_parse(text, strlen(text), "flow.twin", &model));
    struct dose doses[] = {{1, 100, -1, 0, 1}, {3, 60, -1, 1, 2}};
    struct change change = {6, 2, 0, 3};
    double covariates[] = {1}, parameters[] = {0.4, 0.7, 0.5, 2, 9};
    struct schedule schedule = {model, doses, 2, &change, 1, covariates};
    static const double times[] = {0.5, 1.4, 1.6, 2.9, 3.1, 4.9, 5.1, 6, 8, 10, 12};
    size_t count = sizeof times / sizeof times[0];
    double *rows = mem_new(count * 6, sizeof *rows);
    struct flow flow;
    struct run run;
    flow_init(&flow, model, true);
    flow_solver(&flow, ODE_BDF, 1e-11);
    assert_int_equal(flow.directions, 5);
    assert_ok(run_begin(&run, &flow, &schedule, parameters, 0));
    assert_ok(run_plan(&run, times, NULL, count));
    assert_ok(run_all(&run, read, rows));
    for (size_t i = 0; i < count; i++) {
        assert_near(rows[i * 6], closed(parameters, times[i]), 1e-7);
        for (size_t k = 0; k < 5; k++)
            assert_near(rows[i * 6 + 1 + k], slope(parameters, k, times[i]), 1e-6);
    }
    assert_false(flow.moving[0] || flow.moving[1]);
    assert_true(flow.moving[2] && flow.moving[3] && flow.moving[4]);
    run_clear(&run);
    flow_clear(&flow);
    mem_free(rows);
    model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow__follows_the_closed_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
