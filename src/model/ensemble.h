#ifndef MODEL_ENSEMBLE_H
#define MODEL_ENSEMBLE_H

#include "flow.h"
#include "numerics/lanes.h"
#include "scan.h"
#include "tally.h"

/* ensemble - carries many individuals through one model at once, LANES at a time: a lane
 * that is through with one takes the next.
 *
 * Between stops the block of lanes steps (numerics/lanes) over the program's streams
 * (vector.h); at a stop its one lane becomes a flow, to which happens what flow.h says,
 * and goes on. An individual's result depends in no bit on its lane, its neighbours, its
 * place in the queue or the kind of machine. Used by one thread at a time. Called by
 * twin.c. */

/* What is asked about one individual. */
struct request {
    const struct schedule *schedule;
    const double *parameters; /* natural scale */
    double start;
    const double *reads; /* [read_count] times, ascending */
    const size_t *read_order;
    size_t read_count;
    const size_t *observation; /* [read_count] which at each; NULL: everything there is */
    bool present; /* of everything: but what looks back, which has no value (NaN) */

    /* The answer is one of these. Of one observation at each time: f [read_count], and
     * with derivatives d_f [read_count][d], or, without them, where `off` [read_count] is
     * there, how far each can be off (resolution.h). Everything: f [read_count][states +
     * derived + observations]. What the measurements of a subject say together: sums
     * [TALLY_SUMS(d)], d being 0 without derivatives. Or, without derivatives, what a
     * scan sees of the whole course, until the only reading. */
    double *f, *d_f, *off;
    const struct tally_subject *subject;
    double *sums;
    struct scan *scan;

    bool *moving; /* [d] or NULL: whether some stop's time depends on a direction */
    /* For the method that is for stiff ones. Set beforehand by whoever knows, as from an
     * earlier request about the same individual, and afterwards if it was found so. */
    bool stiff;
    /* Not ERR_OK: this method cannot, or not everywhere finite. The answer is nothing,
     * and err_text() says why while `done` is called. */
    enum err err;
    struct request *behind; /* the engine's */
};

/* Where requests come from, and where they go with their answers. */
struct supply {
    struct request *(*next)(void *context); /* NULL: none, for now */
    /* The request is the caller's again; from now on `next` may have others. */
    void (*done)(void *context, struct request *request);
    void *context;
};

struct ensemble;

/* `model` must outlive it. LANES_TSITOURAS gives up what is stiff, and
 * LANES_ROSENBROCK is for that, if the program has what it takes; LANES_CLASSIC, for
 * models whose text gives a step, and for those without states, where one step leads from
 * stop to stop. LANES_SERIES is for models whose rates are affine between stops, and for
 * requests without a scan. */
struct ensemble *ensemble_new(const struct model *model, enum lanes_method method,
                              bool derivatives, double tolerance, enum simd simd);
/* LANES_CLASSIC in steps of this length whatever the text says, as many as it takes. */
struct ensemble *ensemble_new_equal(const struct model *model, double step,
                                    bool derivatives, double tolerance, enum simd simd);
bool ensemble_takes_series(const struct model *model);
bool ensemble_takes_stiff(const struct model *model);
void ensemble_destroy(struct ensemble **ensemble);

/* What all requests so far have taken: steps, refused ones too, and readings, by lane;
 * and the additions, products and whatever else streams do, a fused pair as two, of those
 * lanes alone. */
struct ensemble_work {
    size_t requests, steps, readings;
    double flops;
};
struct ensemble_work ensemble_work(const struct ensemble *ensemble);

/* Until there is no request left, and none in a lane. */
void ensemble_run(struct ensemble *ensemble, const struct supply *supply);

#endif
