#ifndef MODEL_OBSERVE_H
#define MODEL_OBSERVE_H

#include "model/model.h"
#include "model/record.h"

/* observe - how likely one measurement is, given the model's prediction and the residual
 * error, with the derivatives a fit and a population step need.
 *
 * It knows no time and no patient. With g^2 the residual variance at prediction f, a
 * quantified value y contributes log(2 pi g^2) + (y - f)^2 / g^2 to -2 log L; a value
 * below (above) a limit contributes -2 log Phi((limit - f) / g) (-2 log Phi((f - limit) /
 * g)), the "M3" method (Beal 2001); a lognormal one that of log y plus its Jacobian 2 log
 * y; a binary one -2 log of its probability. Called by model/fit, model/update. */

struct residual { /* current values of one observation's residual error */
    enum residual_kind kind;
    double additive, proportional;
    double correlation_time; /* model time in which errors forget by e; 0: at once */
};

/* Everything at one measurement. Scores are d(-2 log L), information the expected second
 * derivative of (-2 log L) / 2, which is the Fisher information (for censored values the
 * observed outer product of the first derivative, which is never negative). */
struct observed {
    double minus2_log_likelihood;
    double d_prediction;       /* d(-2LL) / d f */
    double information;        /* expected, with respect to f */
    double d_log_residual[2];  /* d(-2LL) / d log additive, log proportional */
    double dd_log_residual[2]; /* d of d_prediction by each */
    double d_information[2];   /* d of information by each */
    double share[2];           /* d log g / d log additive, proportional at f: 1 and 0
                                  when there is one parameter; 0 for censored ones */
    double variance;           /* g^2 on the scale of f, for the hat matrix */
};

/* ERR_NUMERIC when the prediction cannot be used with this error model (not finite, not
 * positive for a lognormal, outside (0, 1) for a Bernoulli one, variance 0): but that
 * nothing is below a limit is certain, and says nothing. */
enum err observe(const struct residual *residual, double value, enum censoring censoring,
                 double prediction, struct observed *observed);

/* Is it below the limit as nothing is, and with an error that is then nothing, too:
 * before a first dose, or where all that is left is a solver's rounding, to either side
 * of zero? */
bool observe_surely_below(const struct residual *residual, double limit,
                          enum censoring censoring, double prediction);

/* A value, or a limit, on the scale on which errors are standard normal: e = (y - f) / g,
 * of logarithms for a lognormal error. Errors that are correlated in time are so on this
 * scale (src/model/serial.h). */
struct standard {
    double e, d_e;      /* and its derivative by f */
    double slope;       /* 1 / g, by f: what -d_e is expected to be */
    double d_log_g;     /* d log g / df */
    double log_density; /* -2 log of the density of y is this + e^2, were it alone */
};

/* ERR_NUMERIC as observe; never for a binary one. */
enum err observe_standard(const struct residual *residual, double value,
                          double prediction, struct standard *standard);

/* What an error remembers of the one `dt` before it: rho e plus an innovation of sd s =
 * sqrt(1 - rho^2), rho = exp(-dt / tau); and how rho moves with log tau. Where errors are
 * not correlated, or dt is infinite: 0, 1, 0. */
struct memory {
    double rho, s, d_rho;
};
struct memory observe_memory(const struct residual *residual, double dt);

/* Standard deviation of a new measurement around `prediction`, on the scale of the
 * measurement (for lognormal: of its logarithm). */
double observe_sd(const struct residual *residual, double prediction);

#endif
