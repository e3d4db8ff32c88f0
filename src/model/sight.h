#ifndef MODEL_SIGHT_H
#define MODEL_SIGHT_H

#include "model_impl.h"

/* sight - a piece of a course as it was looked at: what the functionals of a model look
 * at there, at Kronrod's 15 points and its ends, and what that says of the piece.
 *
 * Integrals come of the samples; extremes and the moments at which conditions turn are
 * searched for between them, by looks at times of their own. The piece has to be smooth:
 * Gauss' rule and Kronrod's agree (scan.c). It knows no solver, window or patient. Called
 * by scan.c and feed.c. */

#define SIGHT_SAMPLES ((size_t)17)

/* What the samples of a value say together: integrals over the piece by both rules, what
 * may be hidden from both at its ends, the largest size (no number where one sample is
 * none) and the extremes. */
enum sight_rule {
    RULE_GAUSS,
    RULE_KRONROD,
    RULE_ENDS,
    RULE_SIZE,
    RULE_LOW,
    RULE_HIGH,
    RULES
};

struct sight {
    const struct model *model;
    const double *t;      /* [SIGHT_SAMPLES] */
    const double *values; /* [sight_width][SIGHT_SAMPLES][LANES], of which the first */
    const double *rules;  /* [sight_ruled][RULES][LANES], likewise: sight_rules of them */
    /* Values [sight_width] at any other time of it. */
    void (*look)(void *context, double t, double *values);
    void *context;
    double *probe; /* [sight_width] room */
    /* Derivatives of what the watched look at, each [directions], at any time of it, and
     * how fast it changes in time [watched]; NULL: nobody asks. */
    void (*slopes)(void *context, double t, double *slopes);
    void (*trends)(void *context, double t, double *trends);
};

/* What functionals look at, then the two sides of every comparison. */
size_t sight_width(const struct model *model);
/* Those of which there are rules: what functionals look at, then the left side of each
 * comparison minus its right. */
size_t sight_ruled(const struct model *model);

/* When to look at a piece: t [SIGHT_SAMPLES]. */
void sight_times(double a, double b, double *t);
/* Of all lanes at once: t [SIGHT_SAMPLES][LANES], values and rules as above, of those
 * functionals alone that are wanted [functionals] and their comparisons. */
void sight_rules(const struct model *model, const bool *wanted, const double *t,
                 const double *values, double *rules, enum simd simd);

double sight_value(const struct sight *sight, size_t value, size_t sample);
double sight_rule(const struct sight *sight, size_t ruled, enum sight_rule rule);
/* Integral of (value - shift)^2, by Kronrod's rule. */
double sight_squares(const struct sight *sight, size_t value, double shift);

/* Of all derivatives [count] that `slopes` gives: integrals, how far they can be off and,
 * of earlier pieces too, the largest size; room [count]. */
struct sight_sums {
    double integral, off, size;
    double first, last; /* what `off` is made of */
};
void sight_slopes(const struct sight *sight, size_t count, double *room,
                  struct sight_sums *sums);
/* The least of sign * what a functional looks at, if it is less than what is there. */
struct lowest {
    double value, time;
};
void sight_least(const struct sight *sight, size_t functional, double sign,
                 struct lowest *lowest);

/* From when to when a functional's condition holds, in order: how often, of these. */
#define SIGHT_STRETCHES_MAX (3 * SIGHT_SAMPLES)
struct stretch {
    double from, to;
};
size_t sight_holds(const struct sight *sight, size_t functional,
                   struct stretch *holds /* [SIGHT_STRETCHES_MAX] */);

#endif
