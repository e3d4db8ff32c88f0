#ifndef WIRE_PERMIT_H
#define WIRE_PERMIT_H

#include "privacy/accountant.h"
#include "wire/policy.h"
#include "wire/reason.h"

/* permit - whether a policy lets a hospital do something: approve terms, carry out a
 * plan, send once more.
 *
 * A refusal is NO_POLICY, POLICY_EXPIRED, BUDGET or POLICY, and its sentence names the
 * policy's line and the number that is against it. It computes nothing about patients and
 * changes nothing. Whether the signed objects agree with each other is wire/terms'.
 * Called by node/. */

/* That there is one (NULL: there is not) and that it has not ended at `now`. */
enum reason permit_now(const struct policy *policy, uint64_t now);

/* Terms whose hash is `hash`: an approved study, on these floors, all rounds together and
 * in any period within the caps, and not more than they themselves state (WRONG_TERMS). */
enum reason permit_terms(const struct policy *policy, const struct terms *terms,
                         const uint8_t hash[HASH_BYTES]);

/* The numbers of a plan for terms that are permitted. */
enum reason permit_plan(const struct policy *policy, const struct plan *plan);

/* So many patients in a release; so many attempts at `round` charged for before. */
enum reason permit_patients(const struct policy *policy, size_t patients);
enum reason permit_attempts(const struct policy *policy, uint64_t round, size_t charged);

/* A sum that the plan can end with differs by `apart` hospitals, at the least, from that
 * of attempt `other` at the same round, which may be out: none, or as many as any sum has
 * to have, two of them honest. */
enum reason permit_difference(const struct policy *policy, const struct plan *plan,
                              uint32_t other, size_t apart);

/* The mu^2 that the caps allow releases whose correction for the lattice is `lattice`
 * together: all of them, and those of one period. ERR_RANGE when the correction alone is
 * more. */
enum err permit_cap(const struct policy *policy, const struct discretisation *lattice,
                    double *mu2);
enum err permit_period_cap(const struct policy *policy,
                           const struct discretisation *lattice, double *mu2);

/* Releases [count] one after the other, the last of them not made yet, as mu^2 and with
 * their correction together: within the cap of a period? Whoever was in all of them is
 * meant, so nobody's are more. */
enum reason permit_period(const struct policy *policy, double mu2,
                          const struct discretisation *lattice);

#endif
