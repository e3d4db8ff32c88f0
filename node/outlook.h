#ifndef NODE_OUTLOOK_H
#define NODE_OUTLOOK_H

#include "front/cli.h"
#include "front/plot.h"
#include "model/forecast.h"

/* outlook - what is to be expected of one patient, as `gemel-node forecast --json` prints
 * it (docs/formats.md, "Forecast"), and that object shown: as a table, and as a picture
 * for terminals and pages. Called by node/command_forecast and sim/. */

#define OUTLOOK_TIMES_MAX ((size_t)10000)

/* Times are in the model's unit. */
struct outlook_question {
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *prior;
    const struct record *record; /* sorted */
    double until;                /* measurements later than this are not used */
    const double *times; /* [time_count] to forecast for, ascending; NULL: whenever */
    size_t time_count;   /* something was measured after `until` */
};

/* ERR_USAGE when there is nothing to forecast or too much, ERR_RANGE for a time before
 * what is known; otherwise as twin_new and forecast_new. */
enum err outlook_json(const struct outlook_question *question, struct json **json);

/* A table on stdout, and a picture of every quantity. */
void outlook_print(const struct cli *cli, const struct json *json);

/* Of one quantity. Caller destroys. */
struct plot *outlook_plot(const struct json *json, const char *quantity,
                          const char *title);

#endif
