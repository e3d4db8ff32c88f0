#ifndef SIM_HELDOUT_H
#define SIM_HELDOUT_H

#include "model/dataset.h"
#include "model/forecast.h"

/* heldout - how well priors forecast people who taught them nothing.
 *
 * Of every such person the last measurement of each quantity is forecast from their first
 * 0, 1, ... HELDOUT_KNOWN_MOST measurements (doses and covariates are known throughout).
 * People without a measurement after those do not count, so that every number of a table
 * is about the same measurements. Called by sim/command_run. */

#define HELDOUT_KNOWN_MOST ((size_t)2)

/* Keep `count` patients out of the hospitals, evenly over the data set and never from
 * hospital `spared`: theirs in `hospital` [patients] becomes HOSPITAL_NONE. ERR_RANGE
 * when that would leave one of the other hospitals without patients. */
enum err heldout_choose(size_t *hospital, size_t patients, size_t hospitals,
                        size_t spared, size_t count);

struct heldout {
    size_t observations;
    struct forecast_score *scores; /* [HELDOUT_KNOWN_MOST + 1][observations] */
    size_t failed;                 /* forecasts that could not be made; the first: */
    char reason[200];
};

/* Under one prior, everybody whose `hospital` is HOSPITAL_NONE. `go_on`, unless NULL, is
 * asked after every patient; its false is ERR_INTERRUPTED. */
enum err heldout_judge(const struct model *model, const struct prior *prior,
                       const struct dataset *dataset, const size_t *hospital,
                       bool (*go_on)(void *context, size_t done, size_t total),
                       void *context, struct heldout *heldout);
void heldout_clear(struct heldout *heldout);

#endif
