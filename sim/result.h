#ifndef SIM_RESULT_H
#define SIM_RESULT_H

#include "front/cli.h"
#include "front/json.h"
#include "sim/estimate.h"

/* result - what an estimate says: as one JSON object, as a table for people, and as a
 * file of every patient's parameters. Forms: docs/formats.md, "Estimate" and "Individuals
 * file". Called by sim/command_estimate. */

struct json *result_json(const struct model *model, const struct estimate *estimate,
                         double delta);
void result_print(struct cli *cli, const struct model *model,
                  const struct estimate *estimate, double delta);

/* What should stop a reader from believing it, on stderr: Laplace known to fail, fits
 * that failed, no convergence, parameters that the records do not identify. */
void result_warn(struct cli *cli, const struct model *model,
                 const struct estimate *estimate, bool noisy);

/* The prior in the form that `gemel-node forecast --prior` reads. */
enum err result_prior(const char *path, const struct estimate *estimate);

/* ID and every individual parameter of every patient, natural scale, at the estimate, by
 * so many threads; 0: one a processor. */
enum err result_individuals(const char *path, const struct model *model,
                            const struct dataset *dataset,
                            const struct estimate *estimate, size_t threads);

#endif
