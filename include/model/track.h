#ifndef MODEL_TRACK_H
#define MODEL_TRACK_H

#include "model/fit.h"

/* track - one patient followed reading by reading: what each reading would be, before it
 * is looked at, and what it then says of the states and of the parameters.
 *
 * The continuous-discrete extended Kalman filter (Jazwinski 1970) on z = (x, L, e): the
 * states, how far parameters that differ between patients are off on their transformed
 * scale, and the errors of what is measured with errors correlated in time. Between
 * readings z follows the model and P' = A P + P A' + Q, Q of what drifts
 * (model_parameter.drift) and of noise (model_noise), both to the tolerance; doses,
 * covariates and breaks happen as in a fit (src/model/flow.h). In a linear model with
 * Gaussian errors of constant sd it is exact.
 *
 * It begins as calibration ends: at the last reading that is known, or at the patient's
 * first row if none is, z is the twin's at the mode and P the posterior covariance V of
 * all its parameters carried by the derivatives there; a parameter that is called back
 * has its stationary variance beside. A reading that is predicted to be less than the
 * solver can tell from nothing (src/model/resolution.h) teaches nothing and is said to do
 * so: an lloq or an additive error is the remedy. From there on, what decides a dose or
 * the time of a switch, and what has occasions, is what it is at the mode
 * (src/model/follow.h). Called by node/. */

/* A reading further off than this many of its sd teaches nothing. */
#define TRACK_GATE 4.0

struct track_point { /* one reading */
    double time;
    size_t observation; /* of the model */
    double value;
    enum censoring censoring;
    /* Of a new reading, from all before it; sd of its logarithm for lognormal ones, and
     * NaN where nothing can be told or learned of it. */
    double predicted, sd;
    double
        innovation;  /* (value - predicted) / sd on that scale; NaN for a censored one */
    bool set_aside;  /* beyond the gate, or a limit that is */
    bool unresolved; /* predicted to be less than the solver can tell from nothing */
    /* The same from all that came at least `ahead` before it; NaN where nothing did. */
    double foretold, foretold_sd;
};

struct track_options {
    double tolerance; /* relative; 0: TRACK_TOLERANCE */
    double ahead;     /* model time; 0: nothing is foretold */
};
#define TRACK_TOLERANCE 1e-7

struct track {
    struct fit *fit;                    /* of what is known */
    double start;                       /* where it begins */
    size_t states;                      /* the model's */
    size_t drifts;                      /* parameters that do */
    size_t drift[MODEL_PARAMETERS_MAX]; /* of the model */
    size_t errors, width; /* z: states, drifting parameters, others, errors */
    size_t count;
    struct track_point *points; /* [count] */
    double *mean, *variance;    /* [count][width] of z after each reading */
    double *z, *covariance;     /* [width], [width][width] in the end */
    double *next, *next_sd; /* [observations] `ahead` after the last reading; NaN if not
                               asked for, and of a yes or no */
    double minus2_log_likelihood; /* of the readings that taught something */
    size_t set_aside, unresolved;
};

/* `known` holds what the twin is fitted to, `whole` the same record with the readings
 * after them that are followed, as forecast_new. ERR_RANGE for one earlier than what is
 * known, for a reading that is yes or no, and for a model too large; ERR_NUMERIC when the
 * model has no value somewhere. Caller destroys. */
enum err track_new(struct engine *engine, const struct twin *known,
                   const struct twin *whole, const struct prior *prior,
                   const struct track_options *options /* NULL: defaults */,
                   struct track **track);
void track_destroy(struct track **track);

/* A drifting parameter after reading `point`, natural scale: its median, and with a
 * probability of 95 % between low and high, if what does not drift is right. */
void track_parameter(const struct track *track, const struct model *model,
                     const struct prior_layout *layout, size_t drift, size_t point,
                     double *median, double *low, double *high);

#endif
