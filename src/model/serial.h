#ifndef MODEL_SERIAL_H
#define MODEL_SERIAL_H

#include "model/observe.h"

/* serial - residual errors that remember: how likely a measurement is given the one
 * before it of the same observation.
 *
 * On the standard scale errors are a stationary Gaussian process with the correlation
 * rho = exp(-dt / tau) (Ornstein and Uhlenbeck 1930; an AR(1) process at any times).
 * It forgets all but its last value, so that
 *
 *     e_j given e_b is normal, mean rho e_b, variance s^2 = 1 - rho^2,
 *
 * and the product of these over the quantified measurements is their joint density, by
 * whatever g changes with f. A censored value is weighed given the last quantified one,
 * and nothing is given it: the factors are true conditional probabilities, so that their
 * scores are unbiased, but their product is not the joint probability of records in which
 * quantified values stand behind censored ones (a composite likelihood; the joint one
 * needs integrals in as many dimensions as there are censored values). It knows no
 * patient. Called by tally and target. */

/* A measurement given the one before: -2 log of its likelihood, its derivatives by both
 * predictions, and the expected information on them (of a censored one the observed). */
struct link {
    double minus2_log_likelihood;
    double d_now, d_before;
    double now, both, before;
};

/* `before`, `dt` before it; NULL for the first. `standard` is the next one's before if
 * this one is quantified, and only then. ERR_NUMERIC as observe. */
enum err serial_link(const struct residual *residual, double value,
                     enum censoring censoring, double prediction,
                     const struct standard *before, double dt, struct standard *standard,
                     struct link *link);

/* The last quantified measurement of every observation, with its slopes. */
struct serial;
struct serial *serial_new(size_t directions);
void serial_destroy(struct serial **serial);
void serial_begin(struct serial *serial, size_t observations); /* none so far */

/* The next measurement of one individual, in order of time, predicted f with `slopes`
 * [directions]: adds to sums as tally.h has them, each `stride` from the next. What
 * cannot be used makes them no numbers. */
void serial_add(struct serial *serial, const struct residual *residual,
                size_t observation, double time, double value, enum censoring censoring,
                double f, const double *slopes, double *sums, size_t stride);

#endif
