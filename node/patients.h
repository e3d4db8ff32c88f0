#ifndef NODE_PATIENTS_H
#define NODE_PATIENTS_H

#include <stdint.h>

#include "model/dataset.h"
#include "model/record.h"
#include "node/node.h"

/* patients - records in and out of the encrypted store.
 *
 * It does not parse files (model/dataset does) and fits nothing. Importing is all or
 * nothing and idempotent: a row that the store holds already, equal in every field, is
 * not stored twice, however files overlap; rows alike inside one file are as many as the
 * file says. Consent (node/consent) is kept here: who has withdrawn it is in no list and
 * gives no record for use, and who was erased comes in again only after agreeing anew. */

struct patients_import {
    size_t patients_new, patients_known;
    size_t rows_new, rows_known; /* doses, covariates and measurements */
    size_t patients_withdrawn;   /* known, and without consent: their rows are left out */
    bool repeated;       /* this very file was imported before, and has nothing new */
    bool read_otherwise; /* it was, and has: by another model, spec or consent */
};

/* Store every record of `dataset`, read from the file `name` with hash `hash`. `dry_run`:
 * count and roll back. `progress` may be NULL; false stops: ERR_INTERRUPTED. ERR_DENIED
 * gives the place in the file of a person who was erased here. */
enum err patients_import(struct node *node, const struct dataset *dataset,
                         const char *name, const uint8_t hash[HASH_BYTES], uint64_t wall,
                         bool dry_run,
                         bool (*progress)(void *context, size_t done, size_t total),
                         void *context, struct patients_import *report);

/* Make what the engine reads anew from everybody's rows (node/signals), with an entry in
 * the audit record that says so. */
enum err patients_repack(struct node *node,
                         bool (*progress)(void *context, size_t done, size_t total),
                         void *context, size_t *patients);

struct patient {
    int64_t id;
    const char *name;
    uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES];
};

enum err patients_count(struct node *node, size_t *count);
enum err patients_measurements(struct node *node, size_t *count);

/* The tables in which rows are one patient's, by their column `patient`; beside the table
 * patients itself. NULL ends the list. */
extern const char *const patients_tables[];

/* Those who may be used, in order of id. Caller frees with patients_free. */
enum err patients_list(struct node *node, struct patient **patients, size_t *count);
enum err patients_everybody(struct node *node, struct patient **patients, size_t *count);
void patients_free(struct patient *patients, size_t count);

/* One patient's whole record, sorted; caller destroys. ERR_NOT_FOUND. To use: what is
 * packed, ERR_DENIED without consent. To disclose to the person: the rows, whatever they
 * decided. Both are the same to the bit. */
enum err patients_record(struct node *node, int64_t id, struct record **record);
enum err patients_disclose(struct node *node, int64_t id, struct record **record);
enum err patients_find(struct node *node, const char *name, int64_t *id);

#endif
