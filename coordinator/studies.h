#ifndef COORDINATOR_STUDIES_H
#define COORDINATOR_STUDIES_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/coordinator.h"
#include "model/prior.h"
#include "model/statistic.h"
#include "wire/archive.h"
#include "wire/terms.h"

/* studies - terms made and signed here, and the chain of priors each has published.
 *
 * Terms never change once signed. It does not learn (coordinator/rounds does) and does
 * not talk (coordinator/exchange does). */

struct coord_study_request {
    const char *name, *purpose;
    const struct model *model;
    const struct prior *prior; /* NULL: the model file's own start */
    double epsilon, delta;
    double budget_ratio; /* budget of a round over that of the next, in (0, 1] */
    uint32_t rounds, hospitals_min;
};

/* Sign the terms for all members of the roster and keep them, open. ERR_STATE for a name
 * in use or without a roster. */
enum err coord_studies_create(struct coordinator *coordinator,
                              const struct coord_study_request *request, uint64_t wall,
                              uint8_t number[STUDY_BYTES]);

struct coord_study {
    struct arena *arena;
    struct terms terms; /* points into the arena */
    uint8_t hash[HASH_BYTES];
    bool open; /* false: finished or closed */
    char state[ARCHIVE_STATE_SIZE];
    struct model *model;
    struct prior_layout layout;
    struct statistic statistic;
    struct chain chain;
    struct prior *prior; /* of the chain's head, or the terms' */

    struct coord_study *next; /* kept open as well */
    bool outdated;            /* changed in the store since */
};

/* The study as it stands. It is read and checked once, then kept with the coordinator,
 * whose lock keeps everybody else from the store, until a call below changes it. What was
 * handed out lives until the same study is opened again after such a change.
 * ERR_NOT_FOUND. */
enum err coord_studies_open(struct coordinator *coordinator,
                            const uint8_t number[STUDY_BYTES],
                            const struct coord_study **study);

/* As archive_find. */
enum err coord_studies_find(struct coordinator *coordinator, const char *text,
                            uint8_t number[STUDY_BYTES]);
enum err coord_studies_set_state(struct coordinator *coordinator,
                                 const uint8_t number[STUDY_BYTES],
                                 const char *state); /* "open", "finished", "closed" */

/* A published round, as learning needs all of them again: the prior its patients were
 * fitted under, the real sum and the noise in each of its numbers. */
struct coord_study_round {
    struct prior *prior;
    double *sum; /* [dimension] */
    double noise_stddev;
};

/* All rounds published so far; caller frees with coord_studies_rounds_free. */
enum err coord_studies_rounds(struct coordinator *coordinator,
                              const struct coord_study *study,
                              struct coord_study_round **rounds, size_t *count);
void coord_studies_rounds_free(struct coord_study_round *rounds, size_t count);

/* Sign the link that publishes a prior and store it with what it was learned from and a
 * report for people; inside the caller's transaction. The last round finishes the study.
 */
enum err coord_studies_publish(struct coordinator *coordinator,
                               const struct coord_study *study,
                               const struct chain_link *link,
                               const struct coord_study_round *round, const char *report);

/* The report kept with round `round`; caller frees. ERR_NOT_FOUND. */
enum err coord_studies_report(struct coordinator *coordinator,
                              const uint8_t number[STUDY_BYTES], uint64_t round,
                              char **report);

/* The signed links after `from`, at most `most`; caller frees the bytes and the views. */
enum err coord_studies_links(struct coordinator *coordinator,
                             const uint8_t number[STUDY_BYTES], uint64_t from,
                             size_t most, struct bytes *storage, struct view *links,
                             size_t *count);
/* Head after `length` links. */
enum err coord_studies_head_at(struct coordinator *coordinator,
                               const struct coord_study *study, uint64_t length,
                               uint8_t head[HASH_BYTES]);

#endif
