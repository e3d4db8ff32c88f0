#include "node/patients.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "node/consent.h"
#include "node/person.h"
#include "node/rows.h"
#include "node/signals.h"
#include "privacy/random.h"

const char *const patients_tables[] = {"doses",   "covariates",   "measurements",
                                       "signals", "patient_keys", NULL};

/* --- in
 * ---------------------------------------------------------------------------------- */

static enum err import_known(struct node *node, const uint8_t hash[HASH_BYTES],
                             bool *known)
{
    struct query *query;
    if (store_query(node->store, "SELECT 1 FROM imports WHERE hash = ?", &query) !=
        ERR_OK)
        return err_code();
    query_blob(query, 1, hash, HASH_BYTES);
    enum err result = query_step(query, known);
    query_reset(query);
    return result;
}

enum err patients_find(struct node *node, const char *name, int64_t *id)
{
    struct query *query;
    bool row;
    if (store_query(node->store, "SELECT id FROM patients WHERE name = ?", &query) !=
        ERR_OK)
        return err_code();
    query_text(query, 1, name);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row) {
        err_set(ERR_NOT_FOUND, "there is no patient of that name");
        return err_hint("`gemel-node patients list` names those who are here");
    }
    *id = query_get_int(query, 0);
    query_reset(query);
    return ERR_OK;
}

static enum err check_time_unit(struct node *node, int64_t id, const char *time_unit,
                                size_t index)
{
    struct person person;
    if (person_read(node, id, &person) != ERR_OK)
        return err_code();
    enum err result = ERR_OK;
    if (strcmp(person.time_unit, time_unit) != 0) {
        err_set(ERR_RANGE, "patient %zu of the file counts time in %s, the store in %s",
                index + 1, time_unit, person.time_unit);
        result = err_hint("if it is the same person, count the file's time in %s and say "
                          "so in a spec (docs/formats.md); if not, one of them needs "
                          "another ID",
                          person.time_unit);
    }
    person_clear(&person);
    return result;
}

static enum err add_patient(struct node *node, const struct record *record,
                            const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES],
                            uint64_t wall, int64_t *id)
{
    struct query *query;
    if (store_query(node->store,
                    "INSERT INTO patients (name, pseudonym, time_unit, added, packed)"
                    " VALUES (?, ?, ?, ?, 0)",
                    &query) != ERR_OK)
        return err_code();
    query_text(query, 1, record->patient);
    query_blob(query, 2, pseudonym, LEDGER_PSEUDONYM_BYTES);
    query_text(query, 3, record->time_unit);
    query_int(query, 4, (int64_t)wall);
    if (query_run(query) != ERR_OK)
        return err_code();
    *id = store_last_row(node->store);
    return ERR_OK;
}

/* Somebody without a record here: new, or erased before. The latter keep the pseudonym
 * under which their budget was spent. */
static enum err admit(struct node *node, const struct record *record, size_t index,
                      uint64_t wall, int64_t *id)
{
    struct consent_known person;
    if (consent_recall(node, record->patient, &person) != ERR_OK)
        return err_code();
    if (person.never_seen) {
        random_bytes(person.pseudonym, sizeof person.pseudonym);
    } else if (person.state != CONSENT_IN) {
        err_set(ERR_DENIED, "patient %zu of the file was erased here", index + 1);
        return err_hint("take that patient's rows out of the file; if consent was given "
                        "anew: gemel-node patients consent ID --state in");
    }
    return add_patient(node, record, person.pseudonym, wall, id);
}

/* `id` 0: known, and to be left out. */
static enum err find_or_add(struct node *node, const struct record *record, size_t index,
                            uint64_t wall, struct patients_import *report, int64_t *id)
{
    enum consent state;
    enum err result = patients_find(node, record->patient, id);
    if (result == ERR_NOT_FOUND) {
        report->patients_new++;
        return admit(node, record, index, wall, id);
    }
    if (result != ERR_OK || consent_of(node, *id, &state) != ERR_OK)
        return err_code();
    report->patients_known++;
    if (state == CONSENT_IN)
        return check_time_unit(node, *id, record->time_unit, index);
    report->patients_withdrawn++;
    *id = 0;
    return ERR_OK;
}

/* Its rows, and what the engine reads of them. */
static enum err add_record(struct node *node, int64_t patient, bool fresh,
                           const struct record *record, size_t index,
                           struct patients_import *report)
{
    struct rows_added rows;
    if (rows_add(node, patient, fresh, record, &rows) != ERR_OK)
        return err_wrap("patient %zu of the file", index + 1);
    report->rows_new += rows.added;
    report->rows_known += rows.known;
    return signals_follow(node, patient, rows.spans);
}

static enum err note_import(struct node *node, const char *name,
                            const uint8_t hash[HASH_BYTES], uint64_t wall,
                            const struct dataset *dataset)
{
    struct query *query;
    if (store_query(node->store,
                    "INSERT INTO imports (file, hash, imported, rows, patients)"
                    " VALUES (?, ?, ?, ?, ?)",
                    &query) != ERR_OK)
        return err_code();
    query_text(query, 1, name);
    query_blob(query, 2, hash, HASH_BYTES);
    query_int(query, 3, (int64_t)wall);
    query_int(query, 4, (int64_t)dataset_rows(dataset));
    query_int(query, 5, (int64_t)dataset_patients(dataset));
    return query_run(query);
}

/* The file by its hash: its name may be a patient's. */
static enum err audit_import(struct node *node, const uint8_t hash[HASH_BYTES],
                             uint64_t wall, const struct patients_import *counts)
{
    const struct audit_entry entry = {.kind = AUDIT_IMPORT, .wall = wall, .object = hash};
    return audit_write(node->store, &entry,
                       "%zu patients new, %zu known; %zu rows stored, %zu held already",
                       counts->patients_new, counts->patients_known, counts->rows_new,
                       counts->rows_known);
}

static enum err import_all(struct node *node, const struct dataset *dataset,
                           uint64_t wall, bool (*progress)(void *, size_t, size_t),
                           void *context, struct patients_import *report)
{
    size_t count = dataset_patients(dataset);
    for (size_t i = 0; i < count; i++) {
        struct record *record = dataset_record(dataset, i);
        int64_t id;
        record_sort(record);
        size_t known = report->patients_known;
        if (find_or_add(node, record, i, wall, report, &id) != ERR_OK)
            return err_code();
        bool fresh = known == report->patients_known;
        if (id != 0 && add_record(node, id, fresh, record, i, report) != ERR_OK)
            return err_code();
        if (progress && !progress(context, i + 1, count))
            return err_set(ERR_INTERRUPTED, "interrupted; nothing was stored");
    }
    return ERR_OK;
}

enum err patients_import(struct node *node, const struct dataset *dataset,
                         const char *name, const uint8_t hash[HASH_BYTES], uint64_t wall,
                         bool dry_run,
                         bool (*progress)(void *context, size_t done, size_t total),
                         void *context, struct patients_import *report)
{
    struct patients_import counts = {0};
    if (store_begin(node->store) != ERR_OK)
        return err_code();
    bool known;
    enum err result = import_known(node, hash, &known);
    /* A known file, too: with another model or spec other columns of it count. */
    if (result == ERR_OK)
        result = import_all(node, dataset, wall, progress, context, &counts);
    bool brought = counts.patients_new + counts.rows_new > 0;
    if (result == ERR_OK && !known && counts.patients_withdrawn == 0)
        result = note_import(node, name, hash, wall, dataset);
    if (result == ERR_OK && (brought || !known))
        result = audit_import(node, hash, wall, &counts);
    counts.repeated = known && !brought;
    counts.read_otherwise = known && brought;
    if (result != ERR_OK || dry_run) {
        store_rollback(node->store);
    } else {
        result = store_commit(node->store);
    }
    if (result == ERR_OK)
        *report = counts;
    return result;
}

enum err patients_repack(struct node *node, bool (*progress)(void *, size_t, size_t),
                         void *context, size_t *patients)
{
    const struct audit_entry entry = {.kind = AUDIT_IMPORT};
    bool own;
    if (store_join(node->store, &own) != ERR_OK)
        return err_code();
    enum err result = signals_repack(node, progress, context, patients);
    if (result == ERR_OK)
        result = audit_write(
            node->store, &entry,
            "the signals of %zu patients were packed anew from their rows", *patients);
    return store_leave(node->store, own, result);
}

/* --- out
 * --------------------------------------------------------------------------------- */

static enum err count_rows(struct node *node, const char *sql, size_t *count)
{
    struct query *query;
    bool row;
    if (store_query(node->store, sql, &query) != ERR_OK ||
        query_step(query, &row) != ERR_OK)
        return err_code();
    *count = (size_t)query_get_int(query, 0);
    query_reset(query);
    return ERR_OK;
}

enum err patients_count(struct node *node, size_t *count)
{
    return count_rows(node, "SELECT count(*) FROM patients", count);
}

enum err patients_measurements(struct node *node, size_t *count)
{
    return count_rows(node, "SELECT count(*) FROM measurements", count);
}

static enum err list(struct node *node, const char *sql, struct patient **patients,
                     size_t *count)
{
    struct query *query;
    struct patient *all = NULL;
    size_t used = 0, room = 0;
    bool row = true;
    enum err result = store_query(node->store, sql, &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        size_t size;
        const void *pseudonym = query_get_blob(query, 2, &size);
        if (used == NODE_PATIENTS_MAX || size != LEDGER_PSEUDONYM_BYTES) {
            result = err_set(ERR_STORAGE, "the patients' table does not hold together");
            query_reset(query);
            break;
        }
        MEM_GROW(all, used + 1, &room);
        all[used].id = query_get_int(query, 0);
        all[used].name = mem_text(query_get_text(query, 1));
        memcpy(all[used++].pseudonym, pseudonym, LEDGER_PSEUDONYM_BYTES);
    }
    if (result != ERR_OK) {
        patients_free(all, used);
        return result;
    }
    *patients = all;
    *count = used;
    return ERR_OK;
}

enum err patients_list(struct node *node, struct patient **patients, size_t *count)
{
    return list(node,
                "SELECT id, name, pseudonym FROM patients"
                " WHERE " CONSENT_GIVEN " ORDER BY id",
                patients, count);
}

enum err patients_everybody(struct node *node, struct patient **patients, size_t *count)
{
    return list(node, "SELECT id, name, pseudonym FROM patients ORDER BY id", patients,
                count);
}

void patients_free(struct patient *patients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free((char *)patients[i].name);
    mem_free(patients);
}

enum err patients_disclose(struct node *node, int64_t id, struct record **record)
{
    static const struct rows_span all[RECORD_KINDS] = {ROWS_ALL, ROWS_ALL, ROWS_ALL};
    struct person person;
    if (person_read(node, id, &person) != ERR_OK)
        return err_code();
    struct record *found = record_new(person.name, person.time_unit);
    person_clear(&person);
    if (rows_read(node, id, all, found) != ERR_OK) {
        record_destroy(&found);
        return err_code();
    }
    *record = found;
    return ERR_OK;
}

enum err patients_record(struct node *node, int64_t id, struct record **record)
{
    enum consent state;
    if (consent_of(node, id, &state) != ERR_OK)
        return err_code();
    if (state != CONSENT_IN) {
        err_set(ERR_DENIED, "the patient has withdrawn consent");
        return err_hint(
            "the record may be disclosed, not used: gemel-node patients show");
    }
    return signals_record(node, id, record);
}
