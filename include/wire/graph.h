#ifndef WIRE_GRAPH_H
#define WIRE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* graph - who masks with whom: everybody.
 *
 * Members are indices into the sorted list of those who advertised. Called by node/ and
 * coordinator/; both come to the same graph. */

#define GRAPH_SEED_BYTES 32

struct graph;

/* `degree` >= count - 1: complete, `seed` unused (may be NULL). ERR_RANGE for no members
 * and for any other degree. */
enum err graph_new(uint32_t count, uint32_t degree, const uint8_t seed[GRAPH_SEED_BYTES],
                   struct graph **graph);
void graph_destroy(struct graph **graph); /* NULL is fine; nulls */

uint32_t graph_count(const struct graph *graph);

/* The indices of a member's neighbours, ascending, never its own; valid as long as the
 * graph. A member at or above the graph's count is a bug and aborts. */
const uint32_t *graph_neighbours(const struct graph *graph, uint32_t member,
                                 size_t *count);
bool graph_adjacent(const struct graph *graph, uint32_t a, uint32_t b);

#endif
