#ifndef TESTS_MODEL_SHAPES_H
#define TESTS_MODEL_SHAPES_H

/* shapes - posteriors that are not normal, of two parameters a and b, standard normal
 * beforehand, and what is true of them by a grid: for the tests of posterior, temper,
 * draw and forecast. */

#include <math.h>

#include "base/normal.h"
#include "check.h"
#include "model/posterior.h"
#include "trial.h"

struct shape {
    const char *formula; /* of the first reading; the second is a + 10 */
    double (*of)(double a, double b);
    double value, sd; /* measured at 0 h */
};

static inline double shape_two_modes(double a, double b)
{
    return a * a + b;
}
static inline double shape_kink(double a, double b)
{
    return (a > 0.5 ? 4 * (a - 0.5) : 0) + 0.2 * b;
}
/* Of two rates in a row the slower one decides: an L. */
static inline double shape_bend(double a, double b)
{
    return 1 / (1 / exp(2 * a) + 1 / exp(2 * b));
}
static inline double shape_line(double a, double b)
{
    return a - 0.5 * b;
}

static const struct shape shapes[] = {
    {"a*a + b", shape_two_modes, 2.5, 0.3},
    {"if(a > 0.5, 4*(a - 0.5), 0) + 0.2*b", shape_kink, 0.2, 0.3},
    {"1/(1/exp(2*a) + 1/exp(2*b))", shape_bend, 0.3, 0.05},
    {"a - 0.5*b", shape_line, 1.2, 0.4},
};
#define SHAPES (sizeof shapes / sizeof *shapes)
#define SHAPES_ODD (SHAPES - 1) /* all but the last, which is normal */

/* The prior of a is shifted a little, so that two modes are not alike. */
#define SHAPE_SHIFT 0.2

static inline void shape_open(struct trial *trial, const struct shape *shape)
{
    char *text = mem_format("model m version 1 \"t\"\ntime h\n[parameters]\n"
                            "a = %g 1 normal sd 1\nb = 0 1 normal sd 1\n[equations]\n"
                            "f = if(time < 1 h, %s, a + 10)\n"
                            "[observations]\nlevel : f ~ add(%g)\n",
                            SHAPE_SHIFT, shape->formula, shape->sd);
    struct record *record = record_new("1", "h");
    trial_model(trial, text);
    assert_ok(
        record_measurement(record, 0, "level", NULL, shape->value, CENSORED_NOT, 0));
    trial_take(trial, record);
    record_destroy(&record);
    mem_free(text);
}

static inline struct posterior *shape_posterior(struct trial *trial, size_t wanted)
{
    struct prior *prior;
    struct fit *fit;
    assert_ok(prior_from_model(trial->model, &prior));
    assert_ok(fit_new(trial->engine, trial->twins[0], prior, &fit));
    struct posterior *posterior =
        posterior_new(trial->engine, trial->twins[0], prior, fit, wanted);
    prior_destroy(&prior);
    return posterior;
}

/* By the grid: the probability that `is` holds, of (a, b). */
static inline double shape_probability(const struct shape *shape,
                                       double (*is)(double a, double b, double x),
                                       double x)
{
    double all = 0, part = 0, h = 0.01;
    for (int i = -600; i < 600; i++)
        for (int j = -600; j < 600; j++) {
            double a = h * (i + 0.5), b = h * (j + 0.5);
            double e = (shape->value - shape->of(a, b)) / shape->sd;
            double own = exp(-0.5 * (e * e + (a - SHAPE_SHIFT) * (a - SHAPE_SHIFT) + b * b));
            all += own;
            part += own * is(a, b, x);
        }
    return part / all;
}

static inline double shape_a_below(double a, double b, double x)
{
    (void)b;
    return a < x;
}
static inline double shape_b_below(double a, double b, double x)
{
    (void)a;
    return b < x;
}

/* Four standard errors of a share of so many independent draws. */
static inline double shape_error(double probability, double draws)
{
    return 4 * sqrt(probability * (1 - probability) / draws) + 1e-3;
}

#endif
