#ifndef WIRE_ARCHIVE_H
#define WIRE_ARCHIVE_H

#include "base/store.h"
#include "wire/chain.h"

/* archive - the studies and published links that a program keeps in its store, read back.
 *
 * Both sides keep them alike: a table `studies` with the columns study, hash, name, terms
 * and state, a table `links` with study, round and link. Each program's schema makes
 * them, with columns of its own beside these, and each program writes them. What is read
 * is checked as it was when it came, because a store can be damaged. It does not know
 * what a state means or what a prior says. Called by node/ and coordinator/. */

#define ARCHIVE_STATE_SIZE 16

/* Numbers of all studies in order of arrival; caller frees. */
enum err archive_list(struct store *store, uint8_t (**numbers)[STUDY_BYTES],
                      size_t *count);

/* A study by its name or by the first digits of its number, four at least. ERR_NOT_FOUND;
 * ERR_RANGE, with a hint, when several are called so. */
enum err archive_find(struct store *store, const char *text, uint8_t number[STUDY_BYTES]);

/* Append a study's signed terms; `state` as the program spells it. ERR_NOT_FOUND. */
enum err archive_terms(struct store *store, const uint8_t number[STUDY_BYTES],
                       struct bytes *terms, char state[ARCHIVE_STATE_SIZE]);

/* Move `chain`, which stands at the study's terms, along all its links; `prior` becomes
 * the newest one, and is left alone where there is no link. ERR_VERIFY and ERR_FORMAT for
 * a link that does not continue the one before; then both are as before. */
enum err archive_chain(struct store *store, const uint8_t coordinator_key[KEY_BYTES],
                       struct chain *chain, struct bytes *prior);

#endif
