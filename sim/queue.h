#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include "model/model.h"
#include "sim/tallied.h"

/* queue - stays, one by one: a model's wards and departments as a simulation of events.
 *
 * A model declares its stations by the names of quantities; its equations are the fluid
 * of the same. Of a station X:
 *
 *     X_rate1       1/time: the stay's first phase ends; makes X a station
 *     X_second      probability of a second phase (0), X_rate2 its rate
 *     X_arrivals    per time, from outside (0)
 *     X_servers     beds or staff (as many as come)
 *     X_places      of everybody there, served or not: beyond, who comes from outside is
 *                   turned away, who comes from another station blocks a server there (no
 * end) X_to_Y        share that goes on to Y, a station further down in the file (0)
 *
 * Quantities without states; arrivals, servers, places, shares may depend on time, and
 * rates are those of the moment at which a phase begins. Servers and places are looked at
 * four times an hour; who is being served when servers become fewer stays to the end.
 * First come, first served. Arrivals are a Poisson process, by thinning. Seeded: the same
 * seed, the same stays everywhere. It keeps no stay when it is over. Called by
 * sim/command_ward. */

struct queue;

#define QUEUE_STATIONS_MAX ((size_t)8)
#define QUEUE_REPLICATIONS_MAX ((size_t)1000)
#define QUEUE_DAYS_MAX 20000.0           /* with those before they count */
#define QUEUE_HERE_MAX ((size_t)1000000) /* at once: more is a queue without an end */

/* ERR_NOT_FOUND when the model declares no station, ERR_FORMAT when one is not whole. The
 * model must outlive it. */
enum err queue_new(const struct model *model, struct queue **queue);
void queue_destroy(struct queue **queue);
size_t queue_stations(const struct queue *queue);
const char *queue_station(const struct queue *queue, size_t index);

struct queue_design {
    const double *parameters, *covariates; /* of the model, natural scale; constant */
    double days, warm_up;                  /* days that count, and those before them */
    size_t replications;
    uint64_t seed;
    bool (*progress)(void *context, double share); /* false: stop; may be NULL */
    void *context;
};

/* Of each station: mean of the replications, and its standard error (NaN for one). A
 * share or a mean of nothing is NaN. */
struct queue_result {
    double mean[QUEUE_STATIONS_MAX][TALLIED_MEASURES];
    double se[QUEUE_STATIONS_MAX][TALLIED_MEASURES];
};

/* ERR_RANGE for a rate or share that cannot be and for a queue without an end,
 * ERR_INTERRUPTED. */
enum err queue_run(const struct queue *queue, const struct queue_design *design,
                   struct queue_result *result);

#endif
