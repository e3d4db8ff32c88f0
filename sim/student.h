#ifndef SIM_STUDENT_H
#define SIM_STUDENT_H

/* student - the distribution of Student's t, for any real number of degrees of freedom
 * above 0, as Welch's test has them.
 *
 * By the continued fraction of the incomplete beta function (Abramowitz and
 * Stegun, 26.5.8 and 26.7.1). It knows no sample: sim/trial does. Errors are below 1e-12;
 * NaN gives NaN. */

/* P(|T| >= |t|). */
double student_two_sided(double dof, double t);

/* The t >= 0 with P(|T| >= t) = p, for 0 < p <= 1. */
double student_quantile(double dof, double p);

#endif
