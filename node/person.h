#ifndef NODE_PERSON_H
#define NODE_PERSON_H

#include <stdbool.h>

#include "node/node.h"

/* person - one patient's own row of the store: who it is, how they count time, and what the
 * checksums of their signals add up to.
 *
 * It knows neither rows (node/rows) nor consent (node/consent). Called by node/signals and
 * node/patients. */

struct person {
    int64_t id;
    char *name; /* the hospital's identifier; never leaves it */
    char *time_unit;
    double day; /* how long it is in that unit */
    uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES];
    bool packed;  /* false: older than signals, or more rows than a record holds */
    uint64_t sum; /* of their blobs' checksums, modulo 2^64 */
};

/* Cleared by the caller; nothing to clear after an error. ERR_NOT_FOUND. */
enum err person_read(struct node *node, int64_t id, struct person *person);
void person_clear(struct person *person);

/* Write `packed` and `sum` back, which is all of it that changes. */
enum err person_keep(struct node *node, const struct person *person);

#endif
