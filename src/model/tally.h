#ifndef MODEL_TALLY_H
#define MODEL_TALLY_H

#include "model/observe.h"
#include "model/twin.h"
#include "numerics/lanes.h"
#include "serial.h"

/* tally - what a search wants to know of many predictions: their likelihood, its slope
 * and its information, summed up measurement by measurement, so that no row of
 * derivatives is ever kept.
 *
 * In lanes, one individual in each (tally_add), and for one alone (tally_add_one). An
 * uncensored value with a normal error is weighed for all lanes at once; whatever else
 * there is goes lane by lane through observe, or through serial where errors are
 * correlated. The two forms agree to rounding; each gives
 * the same bits whatever is in the other lanes and whatever the machine has. What cannot
 * be used (not finite, no variance) makes the sums no numbers. Called by ensemble and
 * twin. */

/* The variance of an observation's error at a prediction f: constant + linear |f| +
 * square f^2. `ordinary`: an uncensored value needs no more than that. */
struct tally_error {
    struct residual residual;
    double constant, linear, square;
    double log_constant;
    bool ordinary;
};
void tally_error(const struct residual *residual, struct tally_error *error);

/* One individual's measurements, room for at least one of them, and the errors of all
 * observations. */
struct tally_subject {
    const struct twin_measurement *measurements;
    const double
        *values; /* of them, if all are uncensored and of one observation, or NULL */
    const struct tally_error *errors;
    size_t observations;
    bool serial; /* are errors of one of them correlated? */
};

/* Sums: of -2 log L; of half its slope along each of d directions; of its information,
 * the lower triangle row by row. */
#define TALLY_SUMS(d) (1 + (d) + (d) * ((d) + 1) / 2)
#define TALLY_SLOPE 1
#define TALLY_INFORMATION(d) (1 + (d))

/* Measurement `index`, predicted f with slopes [directions]. `serial`: what was before
 * it, in order of time; may be NULL if the subject is not serial. */
void tally_add_one(const struct tally_subject *subject, size_t index, double f,
                   const double *slopes, size_t directions, struct serial *serial,
                   double *sums);

/* Additions and products of a measurement, a fused pair as two. */
#define TALLY_FLOPS(d) (60 + (d)*3 + (d) * ((d) + 1))

struct tally;
struct tally *tally_new(size_t directions, enum simd simd);
void tally_destroy(struct tally **tally);
void tally_begin(struct tally *tally, size_t lane, const struct tally_subject *subject);

/* One measurement, in order of time, in each lane of a set: first their indices [LANES],
 * then, of these lanes or a part of them at a time, the predictions f [LANES] and slopes
 * [directions] of [LANES]. */
void tally_look(struct tally *tally, lane_set takes, const size_t *index);
void tally_add(struct tally *tally, lane_set takes, const double *f,
               const double *const *slopes);
/* The lane's subject may go. */
void tally_end(struct tally *tally, size_t lane, double *sums);

#endif
