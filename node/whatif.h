#ifndef NODE_WHATIF_H
#define NODE_WHATIF_H

#include "front/cli.h"
#include "front/plot.h"
#include "model/posterior.h"

/* whatif - what the plan on record, and others, would lead to for one patient, as
 * `gemel-node whatif --json` prints it (docs/formats.md, "What if"), and that object
 * shown.
 *
 * The twin is fitted to what is known, as for a forecast; every alternative is carried
 * through the same draws of what is not known of the patient (model/draw), and what its
 * course comes to (model/outcome) from now until the last of the times is summed up over
 * them. It ranks; it decides nothing and treats nobody. Called by
 * node/command_whatif and node/outlook. */

#define WHATIF_TIMES_MAX ((size_t)2000)
#define WHATIF_DRAWS_MIN ((size_t)20)
#define WHATIF_DRAWS_MAX ((size_t)100000)
#define WHATIF_WANTS_MAX ((size_t)20)

struct whatif_question {
    const struct model *model;
    const struct prior_layout *layout;
    const struct prior *prior;
    const struct record *record; /* sorted */
    double until; /* measurements later than this are not used, and it is now; INFINITY:
                     all, and now is the last of them */
    const double *times; /* [time_count] to look at, ascending, none before now */
    size_t time_count;
    const char *const *doses, *const *sets; /* as in node/alternatives */
    size_t dose_count, set_count;
    const char *sweep;
    const char *const *wants; /* [want_count] conditions, as under [plausible] */
    size_t want_count;
    size_t draws;
    const struct posterior *posterior; /* of what is known; NULL: find out */
    bool (*progress)(void *context, size_t done, size_t total); /* false: stop */
    void *context;
};

/* Errors are those of alternatives_new, of a text with a condition that is none, and
 * ERR_NUMERIC for a course that cannot be computed at the mode. */
enum err whatif_json(const struct whatif_question *question, struct json **json);

/* Of the plan on record alone, a list as the `outcomes` of an alternative. */
enum err whatif_planned(const struct whatif_question *question, struct json **outcomes);

/* What a posterior is like, as `posterior` of a forecast and of alternatives, and that in
 * a line on stdout where it is not normal. */
struct json *whatif_posterior(const struct posterior *posterior);
void whatif_print_posterior(const struct json *json);

/* Tables on stdout. */
void whatif_print(const struct cli *cli, const struct json *json);

/* An observation's course under the plan on record and the best of the others. NULL for
 * one that the model does not have. Caller destroys. */
struct plot *whatif_plot(const struct json *json, const char *quantity);

#endif
