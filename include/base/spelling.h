#ifndef BASE_SPELLING_H
#define BASE_SPELLING_H

#include <stddef.h>

/* spelling - which known word somebody may have meant: for "did you mean".
 *
 * It does not correct anything. Distances are those of Damerau and Levenshtein (optimal
 * string alignment) in half edits: a letter inserted, removed, changed or swapped with
 * its neighbour counts 2, a letter in the other case 1. Bytes, not characters; words
 * longer than SPELLING_WORD_MAX are far from everything. Called by whoever reads names.
 */

#define SPELLING_WORD_MAX ((size_t)64)
#define SPELLING_FAR ((size_t)1000)

size_t spelling_distance(const char *a, size_t a_size, const char *b, size_t b_size);

/* The first of the nearest `names`; NULL when none is within a third of the word's length
 * (at least one edit). */
const char *spelling_nearest(const char *word, const char *const *names, size_t count);

#endif
