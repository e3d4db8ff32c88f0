#ifndef BASE_NORMAL_H
#define BASE_NORMAL_H

/* normal - the standard normal distribution far into its tails.
 *
 * phi is its density and Phi its distribution function. It draws nothing and knows no
 * mean and no variance: the caller standardises. Called by privacy/accountant for the
 * privacy curve, and on the model floor for censored measurements and interval coverage.
 * Relative errors are below 1e-14 wherever the result is a normal double, given long
 * double of 64 mantissa bits or more; NaN gives NaN. Definitions as in Abramowitz and
 * Stegun, 26.2. */

double normal_cdf(double x);     /* Phi(x) */
double normal_log_cdf(double x); /* log Phi(x), also where Phi(x) underflows */

/* The x with Phi(x) = p for 0 <= p <= 1: -inf at 0, +inf at 1, NaN outside. */
double normal_quantile(double p);

/* Mills' ratio (1 - Phi(x)) / phi(x): about 1/x for large x, +inf below -38. */
double normal_mills(double x);

/* phi(x) / Phi(x), the derivative of log Phi: about -x for very negative x. */
double normal_inverse_mills(double x);

#endif
