#ifndef WIRE_GRAPH_H
#define WIRE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* graph - who masks with whom: everybody, or in large consortia a random Harary graph
 * (Bell et al. 2020, ePrint 2020/704).
 *
 * The ring of a Harary graph is a permutation drawn from a public seed, which the members
 * make together by commit and reveal, so that nobody chooses their neighbours. Members
 * are indices into the sorted list of those who advertised. Called by node/ and
 * coordinator/; both come to the same graph. */

#define GRAPH_SEED_BYTES 32

struct graph;

/* `degree` >= count - 1: complete, `seed` unused (may be NULL). Otherwise `degree` is
 * even and at least 2, and a member's neighbours are the degree/2 next on the ring on
 * either side. ERR_RANGE for no members and for another degree.
 *
 * The ring: members in order, then for i = count - 1 down to 1 exchange the members at
 * positions i and j, j uniform on 0 .. i: of the next 64-bit little-endian word of the
 * ChaCha20 keystream (key `seed`, nonce 0, counter from 0) the lowest bits, as many as i
 * has; a number above i is thrown away and the next word taken. */
enum err graph_new(uint32_t count, uint32_t degree, const uint8_t seed[GRAPH_SEED_BYTES],
                   struct graph **graph);
void graph_destroy(struct graph **graph); /* NULL is fine; nulls */

uint32_t graph_count(const struct graph *graph);

/* The indices of a member's neighbours, ascending, never its own; made when first asked
 * for, so that a graph belongs to one thread, and valid as long as the graph. A member at
 * or above the graph's count is a bug and aborts. */
const uint32_t *graph_neighbours(const struct graph *graph, uint32_t member,
                                 size_t *count);
bool graph_adjacent(const struct graph *graph, uint32_t a, uint32_t b);
/* How many of a member's neighbours stand before `other` in that order: where something
 * lies that there is one of for each. */
size_t graph_slot(const struct graph *graph, uint32_t member, uint32_t other);

/* Whether a plan for `count` members, a degree and a threshold t keep these
 * probabilities: exposed  2^-41 that some honest member has t or more corrupt neighbours,
 * who together know its secrets; split    2^-41 that the honest survivors are not
 * connected, so that their sum comes apart into sums of fewer; starved  2^-20 that some
 * member has fewer than t surviving neighbours, so that the attempt fails. `corrupt`
 * members are so before the seed is known. `dropped` others are missing: for the first
 * two the coordinator chooses them, before the graph is drawn or looking at it; for the
 * last it is chance. A confirmation round is assumed, so that all members have one view
 * of who dropped. */
bool graph_suffices(uint32_t count, uint32_t corrupt, uint32_t dropped, uint32_t degree,
                    uint32_t threshold);

/* The smallest degree that suffices, with a threshold of more than half of it where that
 * suffices, or else the least that does. ERR_RANGE: none below count - 1; the two are
 * then unchanged. */
enum err graph_parameters(uint32_t count, uint32_t corrupt, uint32_t dropped,
                          uint32_t *degree, uint32_t *threshold);

/* The bounds themselves, as log2 of a probability or above; src/wire/README.md derives
 * them. Exposed: up to `withheld` of the `count` members are kept from advertising.
 * Split: `random` members are gone wherever the ring has put them and `chosen` ones where
 * the coordinator wishes. */
double graph_log2_exposed(uint32_t count, uint32_t withheld, uint32_t corrupt,
                          uint32_t degree, uint32_t threshold);
double graph_log2_split(uint32_t count, uint32_t random, uint32_t chosen,
                        uint32_t degree);
double graph_log2_starved(uint32_t count, uint32_t dropped, uint32_t degree,
                          uint32_t threshold);

#endif
