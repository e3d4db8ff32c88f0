#ifndef MODEL_FIT_H
#define MODEL_FIT_H

#include "model/moments.h"
#include "model/prior.h"
#include "model/twin.h"

/* fit - a patient's parameters under a population prior: the maximum a posteriori by
 * damped Gauss-Newton on forward sensitivities, and the Laplace covariance around it.
 *
 * O(phi) = sum of -2 log likelihoods + (phi - B x)' Omega^-1 (phi - B x). The curvature
 * is A = Omega^-1 + sum of information_j f_j' f_j'^T, half the expected Hessian of O; V =
 * A^-1. The Laplace (FOCEI) marginal is O(phi_hat) + log det Omega + log det A (Wang
 * 2007; constants included). It always starts at B x (and, along parameters that move
 * doses or switches in time, one and two standard deviations to either side), so that a
 * result depends on nothing but the record and the prior. Called by model/update, node/
 * and sim/. */

struct fit {
    size_t p, n;        /* p here counts the effects of occasions, too: layout's p + r */
    double *phi;        /* [p] the mode */
    double *covariance; /* V [p][p] */
    double minus2_log_likelihood;
    double objective; /* O at the mode */
    size_t evaluations;
    bool converged; /* false: the patient stays on the prior: phi = B x, V = Omega, and
                       `reason` says why. So does one with a reading that its solver
                       cannot tell from nothing at the mode (src/model/resolution.h) */
    char reason[200];
};

/* Never fails for a patient's sake: a fit that does not come to rest is a value
 * (converged false). Errors are only misuse. Caller destroys. */
enum err fit_new(struct engine *engine, const struct twin *twin,
                 const struct prior *prior, struct fit **fit);
void fit_destroy(struct fit **fit);

/* Many patients at once, each with the bits it would have alone, in less time: a patient's
 * search waits for nobody's. */
struct fit_patient {
    const struct twin *twin; /* until `done` */
    const double *start;     /* [p + r] the phi from which to go to the mode that is there,
                                by one descent; NULL: from B x and elsewhere, with a look
                                around, and so for whatever is learned from */
    void *owner;             /* the caller's */
    struct fit *fit;         /* out; the caller's from `done` on */
    struct moments *moments; /* out, where wanted: NULL where `err` */
    enum err err;            /* of the moments */
};

struct fit_crowd {
    const struct prior *prior;
    bool moments; /* wanted too */
    /* The next patient, when there is room for one; false: there are no more, and it is
     * not asked again. */
    bool (*next)(void *context, struct fit_patient *patient);
    /* One is through, in any order. False: give up. The rest that `next` has given are
     * then handed back unfinished, without what they lack. */
    bool (*done)(void *context, struct fit_patient *patient);
    void *context;
};
void fit_crowd(struct engine *engine, const struct fit_crowd *crowd);

/* Of an array, all from one `start`, if that is not NULL: fits [count]. */
void fit_all(struct engine *engine, const struct prior *prior,
             const struct twin *const *twins, size_t count, const double *start,
             struct fit **fits);

/* Of one. ERR_NUMERIC when the model cannot be evaluated at the mode. A fit that did not
 * converge, or rests on no measurement, teaches that nothing is known. */
enum err fit_moments(struct engine *engine, const struct twin *twin,
                     const struct prior *prior, const struct fit *fit,
                     struct moments **moments);

#endif
