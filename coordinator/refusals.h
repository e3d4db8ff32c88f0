#ifndef COORDINATOR_REFUSALS_H
#define COORDINATOR_REFUSALS_H

#include <stdint.h>

#include "wire/reason.h"

/* refusals - how often which member was refused for which reason, since the program
 * started.
 *
 * Nobody is shut out for a score: a member that is left out is another sum, so that who
 * belongs is the governance key's decision (docs/protocol.md, section 7). It keeps
 * the log readable, and small whatever a member sends. Called by coordinator/serve. */

struct refusals;

struct refusals *refusals_new(void);
void refusals_destroy(struct refusals **refusals); /* NULL is fine; nulls */

/* Count one refusal of a member, by its name; how many there were if this one is to be
 * told, the 1st, 2nd, 4th, 8th and so on for this reason, else 0. */
uint64_t refusals_count(struct refusals *refusals, const char *member,
                        enum reason reason);

#endif
