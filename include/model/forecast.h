#ifndef MODEL_FORECAST_H
#define MODEL_FORECAST_H

#include "model/posterior.h"

/* forecast - what a patient's next measurements will be, from those so far and a prior,
 * and how far such forecasts turn out to be off.
 *
 * Where the posterior is normal (the mode phi_hat and its covariance V) a new measurement
 * has the centre f(phi_hat) and the variance f' V f'^T + g^2: what is not known of the
 * patient, carried through the model's derivatives, and the residual error; where errors
 * are correlated in time (model/observe), the last one of the same quantity goes on into
 * it. In a linear model with a constant residual error this is exact, the best linear
 * unbiased prediction; otherwise it is linearised at the mode. Where the posterior is not
 * normal it is one of its draws and the residual error: the mixture of as many normal
 * distributions as there are draws, of which centre and interval are quantiles. The
 * prior's own standard errors are not in it: an interval from a prior that few patients
 * taught is too narrow, and its coverage shows it. It decides nothing and treats nobody.
 * Called by node/ and sim/. */

#define FORECAST_LEVELS 2
extern const double forecast_level[FORECAST_LEVELS]; /* 0.80 and 0.95 */

struct forecast_point {
    double time;        /* model units */
    size_t observation; /* of the model */
    double centre;      /* the median, in the observation's unit; of a binary one the mean */
    double sd;          /* of a new measurement; of its logarithm for lognormal ones */
    /* A measurement falls in [low, high] with probability forecast_level; NaN for binary
     * ones, whose centre is a probability. */
    double low[FORECAST_LEVELS], high[FORECAST_LEVELS];
};

struct forecast {
    size_t count;
    struct forecast_point *points; /* [count] */
};

/* `posterior` is that of `known`, and `whole` the same record with further measurements
 * after them (record_known makes `known` of it). One point for each of those further
 * ones; their values are not read. ERR_RANGE for one earlier than what is known,
 * ERR_NUMERIC when the model has no prediction at one of them; a fit that failed
 * forecasts from the prior. Caller destroys. */
enum err forecast_new(struct engine *engine, const struct twin *known,
                      const struct posterior *posterior, const struct twin *whole,
                      const struct prior *prior, struct forecast **forecast);
void forecast_destroy(struct forecast **forecast);

/* How forecasts of one observation turned out. Errors are on the scale of the residual
 * error: differences of logarithms for lognormal ones, probabilities for binary ones. */
struct forecast_score {
    size_t count;
    double squares, sizes;          /* sums of squared and of absolute errors */
    size_t within[FORECAST_LEVELS]; /* so many fell into the interval */
};

/* Censored measurements do not count: their error is not known. */
void forecast_judge(const struct forecast_point *point, const struct model *model,
                    const struct twin_measurement *measurement,
                    struct forecast_score *score);

#endif
