#ifndef NODE_BEDSIDE_H
#define NODE_BEDSIDE_H

#include "model/record.h"
#include "node/basis.h"

/* bedside - a question about one patient's twin, as commands ask it: with the model and
 * prior that the command line names, of the patient that its first argument names; beside
 * a running daemon, which holds the store, by the daemon. Called by command_forecast,
 * command_watch and command_whatif. */

/* The question itself: `record` is all of the patient's; the answer is the caller's. */
typedef enum err bedside_question(struct cli *cli, const struct basis *basis,
                                  const struct record *record, struct json **answer);

/* The answer with `prior` and `prior_hash`; ERR_NOT_FOUND for nobody, else the question's
 * or the daemon's error. */
enum err bedside_ask(struct cli *cli, bedside_question *question, struct json **answer);

#endif
