#ifndef NODE_SIGNALS_H
#define NODE_SIGNALS_H

#include "model/record.h"
#include "node/node.h"
#include "node/rows.h"

/* signals - patients' records as the engine reads them: the packed rows (node/packed) of
 * every signal and day, in a table of their own beside the rows (node/rows).
 *
 * Days with few rows share a blob: a run is as many days as hold SIGNALS_RUN rows of a
 * kind together. A day is 24 hours of the patient's own time, from midnight of day 0 at
 * time 0; what is before is day -1.
 *
 * Rows are the truth and this follows them: whoever changes a patient's rows calls
 * signals_follow before it commits. Checked twice: what is read must be whole, in number
 * and in every bit (each blob's checksum, and their sum with the patient), or the record
 * is refused; and signals_check makes all of it again from the rows and compares. Called
 * by node/patients and node/node. */

#define SIGNALS_RUN 256

extern const char SIGNALS_SCHEMA[];

/* At the opening of a store: pack everything that another version of the program left,
 * or none. */
enum err signals_open(struct node *node);

/* Pack anew the runs in which rows were put in or changed, in the caller's transaction.
 */
enum err signals_follow(struct node *node, int64_t patient,
                        const struct rows_span spans[RECORD_KINDS]);

/* A patient's whole record, in order; caller destroys. ERR_NOT_FOUND; ERR_STORAGE when it
 * does not hold. */
enum err signals_record(struct node *node, int64_t patient, struct record **record);

/* All patients' blobs beside their rows: ERR_VERIFY names the first patient, by
 * pseudonym, kind and day, whose are not those of the rows. `progress` may be NULL. */
typedef bool signals_progress(void *context, size_t done, size_t total); /* false: stop */
enum err signals_check(struct node *node, signals_progress *progress, void *context,
                       size_t *patients);

/* Make all of them anew from the rows, in the caller's transaction or one of its own. */
enum err signals_repack(struct node *node, signals_progress *progress, void *context,
                        size_t *patients);

#endif
