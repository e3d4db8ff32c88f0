#include "privacy/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "privacy/noise.h"

/* Lists of patients are kept in parts, so that no value grows with the hospital. */
#define PART_PATIENTS ((size_t)4096)
#define ENTRY_TAG "gemel/ledger/1"
#define PATIENTS_TAG "gemel/ledger-patients/1"

const char LEDGER_SCHEMA[] =
    "CREATE TABLE ledger ("
    "number INTEGER PRIMARY KEY, study BLOB NOT NULL, round INTEGER NOT NULL, "
    "attempt INTEGER NOT NULL, noise_multiplier REAL NOT NULL, wall INTEGER NOT NULL, "
    "dimension INTEGER NOT NULL, noise_log2 INTEGER NOT NULL, "
    "patients INTEGER NOT NULL, hash BLOB NOT NULL, UNIQUE (study, round, attempt));"
    "CREATE TABLE ledger_patients ("
    "number INTEGER NOT NULL, part INTEGER NOT NULL, "
    "pseudonyms BLOB NOT NULL, PRIMARY KEY (number, part)) WITHOUT ROWID";

typedef uint8_t pseudonym_bytes[LEDGER_PSEUDONYM_BYTES];

struct patient {
    pseudonym_bytes pseudonym;
    double mu2;
};

struct line {
    struct ledger_entry entry;
    uint64_t patients;
    uint8_t hash[HASH_BYTES];
};

struct ledger {
    struct store *store;
    struct line *lines; /* lines[i] is entry number i + 1 */
    size_t length, line_room;
    struct patient *patients; /* ascending by pseudonym */
    size_t patient_count;
};

/* A list of pseudonyms, one after the other, ascending and distinct. */
static size_t list_count(const struct bytes *list)
{
    return list->size / LEDGER_PSEUDONYM_BYTES;
}

static const uint8_t *list_at(const struct bytes *list, size_t i)
{
    return list->data + i * LEDGER_PSEUDONYM_BYTES;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, LEDGER_PSEUDONYM_BYTES);
}

static bool list_ascends(const struct bytes *list)
{
    for (size_t i = 1; i < list_count(list); i++)
        if (compare(list_at(list, i - 1), list_at(list, i)) >= 0)
            return false;
    return true;
}

static struct patient *patient_find(const struct ledger *ledger, const uint8_t *pseudonym)
{
    if (ledger->patient_count == 0)
        return NULL;
    return bsearch(pseudonym, ledger->patients, ledger->patient_count,
                   sizeof *ledger->patients, compare);
}

static double spent_by(const struct ledger *ledger, const uint8_t *pseudonym)
{
    const struct patient *patient = patient_find(ledger, pseudonym);
    return patient ? patient->mu2 : 0;
}

/* Make room among the patients for those of the list charged for the first time. */
static void patients_admit(struct ledger *ledger, const struct bytes *list)
{
    size_t fresh = 0, known = ledger->patient_count, count = list_count(list);
    for (size_t i = 0; i < count; i++)
        fresh += !patient_find(ledger, list_at(list, i));
    if (fresh == 0)
        return;
    struct patient *merged = mem_new(known + fresh, sizeof *merged);
    size_t at = 0;
    for (size_t i = 0, j = 0; i < known || j < count; at++) {
        int order = i == known   ? 1
                    : j == count ? -1
                                 : compare(&ledger->patients[i], list_at(list, j));
        if (order <= 0)
            merged[at] = ledger->patients[i++];
        else
            memcpy(merged[at].pseudonym, list_at(list, j), LEDGER_PSEUDONYM_BYTES);
        if (order >= 0)
            j++;
    }
    mem_free(ledger->patients);
    ledger->patients = merged;
    ledger->patient_count = at;
}

static void ledger_append(struct ledger *ledger, const struct line *line,
                          const struct bytes *list)
{
    patients_admit(ledger, list);
    double cost = accountant_cost(line->entry.noise_multiplier);
    for (size_t i = 0; i < list_count(list); i++) {
        struct patient *patient = patient_find(ledger, list_at(list, i));
        patient->mu2 = accountant_sum(patient->mu2, cost);
    }
    MEM_GROW(ledger->lines, ledger->length + 1, &ledger->line_room);
    ledger->lines[ledger->length++] = *line;
}

static void line_hash(const struct ledger *ledger, const struct line *line,
                      const struct bytes *list, uint8_t hash[HASH_BYTES])
{
    uint8_t part[HASH_BYTES];
    struct bytes body = {0};
    ledger_head(ledger, part);
    bytes_append(&body, part, HASH_BYTES);
    bytes_u64(&body, ledger->length + 1);
    bytes_append(&body, line->entry.study, LEDGER_STUDY_BYTES);
    bytes_u64(&body, line->entry.round);
    bytes_u32(&body, line->entry.attempt);
    bytes_f64(&body, line->entry.noise_multiplier);
    bytes_u64(&body, line->entry.wall);
    bytes_u64(&body, line->entry.dimension);
    bytes_u32(&body, line->entry.noise_log2);
    bytes_u64(&body, line->patients);
    bytes_hash(PATIENTS_TAG, list->data, list->size, part);
    bytes_append(&body, part, HASH_BYTES);
    bytes_hash(ENTRY_TAG, body.data, body.size, hash);
    bytes_free(&body);
}

static enum err entry_check(const struct ledger_entry *entry, uint64_t patients)
{
    double z = entry->noise_multiplier;
    if (!(z >= NOISE_MULTIPLIER_MIN && z <= NOISE_MULTIPLIER_MAX))
        return err_set(ERR_RANGE, "noise multiplier %g, expected %g to %g", z,
                       NOISE_MULTIPLIER_MIN, NOISE_MULTIPLIER_MAX);
    if (entry->round > INT64_MAX || entry->wall > INT64_MAX)
        return err_set(ERR_RANGE, "a round or time above 2^63 - 1");
    if (patients > LEDGER_PATIENTS_MAX)
        return err_set(ERR_RANGE, "%llu patients in one release, at most %zu",
                       (unsigned long long)patients, LEDGER_PATIENTS_MAX);
    struct discretisation unused;
    return accountant_discretisation(entry->dimension, entry->noise_log2, 1, &unused);
}

/* --- reading the store
 * ------------------------------------------------------------------- */

/* Append the pseudonyms of entry `number`, in the one way of cutting them into parts. */
static enum err list_read(struct store *store, uint64_t number, uint64_t patients,
                          struct bytes *list)
{
    struct query *query;
    enum err code = store_query(store,
                                "SELECT part, pseudonyms FROM ledger_patients "
                                "WHERE number = ? ORDER BY part",
                                &query);
    if (code)
        return code;
    query_int(query, 1, (int64_t)number);
    bool row = false, whole = true;
    for (int64_t part = 0; !(code = query_step(query, &row)) && row && whole; part++) {
        size_t size = 0, left = (size_t)patients - list_count(list);
        const void *data = query_get_blob(query, 1, &size);
        size_t expected = left < PART_PATIENTS ? left : PART_PATIENTS;
        whole = query_get_int(query, 0) == part && size > 0 &&
                size == expected * LEDGER_PSEUDONYM_BYTES;
        if (whole)
            bytes_append(list, data, size);
    }
    if (row)
        query_reset(query);
    if (code)
        return code;
    if (whole && list_count(list) == patients && list_ascends(list))
        return ERR_OK;
    return err_set(ERR_VERIFY, "ledger entry %llu: its list of patients does not hold",
                   (unsigned long long)number);
}

static bool blob_read(struct query *query, int column, void *data, size_t size)
{
    size_t found = 0;
    const void *view = query_get_blob(query, column, &found);
    if (found == size)
        memcpy(data, view, size);
    return found == size;
}

/* The current row as the entry that must come next. */
static enum err line_read(struct query *query, uint64_t number, struct line *line)
{
    if (query_get_int(query, 0) != (int64_t)number)
        return err_set(ERR_VERIFY, "ledger entry %llu is missing or not in its place",
                       (unsigned long long)number);
    int64_t attempt = query_get_int(query, 3), noise_log2 = query_get_int(query, 7);
    *line = (struct line){
        .entry = {.round = (uint64_t)query_get_int(query, 2),
                  .attempt = (uint32_t)attempt,
                  .noise_multiplier = query_get_real(query, 4),
                  .wall = (uint64_t)query_get_int(query, 5),
                  .dimension = (uint64_t)query_get_int(query, 6),
                  .noise_log2 = (uint32_t)noise_log2},
        .patients = (uint64_t)query_get_int(query, 8),
    };
    bool whole = blob_read(query, 1, line->entry.study, LEDGER_STUDY_BYTES) &&
                 blob_read(query, 9, line->hash, HASH_BYTES) &&
                 line->entry.attempt == attempt && line->entry.noise_log2 == noise_log2;
    if (!whole || entry_check(&line->entry, line->patients))
        return err_set(ERR_VERIFY, "ledger entry %llu has a field that no entry can have",
                       (unsigned long long)number);
    return ERR_OK;
}

static enum err line_verify(struct ledger *ledger, const struct line *line)
{
    struct bytes list = {0};
    uint8_t hash[HASH_BYTES];
    enum err code = list_read(ledger->store, ledger->length + 1, line->patients, &list);
    if (!code) {
        line_hash(ledger, line, &list, hash);
        if (memcmp(hash, line->hash, HASH_BYTES) != 0)
            code = err_set(ERR_VERIFY, "ledger entry %zu: its hash does not hold",
                           ledger->length + 1);
    }
    if (!code)
        ledger_append(ledger, line, &list);
    bytes_free(&list);
    return code;
}

/* Lists of entries that are not there. */
static enum err strays_check(const struct ledger *ledger)
{
    struct query *query;
    enum err code = store_query(ledger->store,
                                "SELECT number FROM ledger_patients "
                                "WHERE number < 1 OR number > ? LIMIT 1",
                                &query);
    if (code)
        return code;
    query_int(query, 1, (int64_t)ledger->length);
    bool row = false;
    code = query_step(query, &row);
    if (code || !row)
        return code;
    long long number = query_get_int(query, 0);
    query_reset(query);
    return err_set(ERR_VERIFY,
                   "ledger entry %lld is missing; its list of patients is not", number);
}

static enum err chain_read(struct ledger *ledger)
{
    struct query *query;
    enum err code = store_query(ledger->store,
                                "SELECT number, study, round, attempt, noise_multiplier, "
                                "wall, dimension, noise_log2, patients, hash "
                                "FROM ledger ORDER BY number",
                                &query);
    bool row = false;
    while (!code && !(code = query_step(query, &row)) && row) {
        struct line line;
        code = line_read(query, ledger->length + 1, &line);
        if (!code)
            code = line_verify(ledger, &line);
    }
    if (code && row)
        query_reset(query);
    return code ? code : strays_check(ledger);
}

/* --- the handle
 * -------------------------------------------------------------------------- */

static void ledger_empty(struct ledger *ledger)
{
    mem_free(ledger->lines);
    mem_free(ledger->patients);
    *ledger = (struct ledger){.store = ledger->store};
}

enum err ledger_reload(struct ledger *ledger)
{
    struct ledger fresh = {.store = ledger->store};
    enum err code = chain_read(&fresh);
    if (code) {
        ledger_empty(&fresh);
        return code;
    }
    ledger_empty(ledger);
    *ledger = fresh;
    return ERR_OK;
}

enum err ledger_new(struct store *store, struct ledger **ledger)
{
    struct ledger *fresh = mem_new(1, sizeof *fresh);
    fresh->store = store;
    enum err code = ledger_reload(fresh);
    if (code)
        ledger_destroy(&fresh);
    else
        *ledger = fresh;
    return code;
}

void ledger_destroy(struct ledger **ledger)
{
    if (!*ledger)
        return;
    ledger_empty(*ledger);
    mem_free(*ledger);
    *ledger = NULL;
}

uint64_t ledger_length(const struct ledger *ledger)
{
    return ledger->length;
}

void ledger_head(const struct ledger *ledger, uint8_t head[HASH_BYTES])
{
    memset(head, 0, HASH_BYTES);
    if (ledger->length > 0)
        memcpy(head, ledger->lines[ledger->length - 1].hash, HASH_BYTES);
}

static enum err past_the_end(const struct ledger *ledger, const char *what,
                             uint64_t value)
{
    return err_set(ERR_NOT_FOUND, "%s %llu of a ledger with %zu entries", what,
                   (unsigned long long)value, ledger->length);
}

enum err ledger_head_at(struct ledger *ledger, uint64_t length, uint8_t head[HASH_BYTES])
{
    if (length > ledger->length)
        return past_the_end(ledger, "length", length);
    memset(head, 0, HASH_BYTES);
    if (length > 0)
        memcpy(head, ledger->lines[length - 1].hash, HASH_BYTES);
    return ERR_OK;
}

enum err ledger_read(struct ledger *ledger, uint64_t index, struct ledger_entry *entry,
                     uint64_t *patients)
{
    if (index >= ledger->length)
        return past_the_end(ledger, "index", index);
    *entry = ledger->lines[index].entry;
    *patients = ledger->lines[index].patients;
    return ERR_OK;
}

/* --- what has been spent
 * ----------------------------------------------------------------- */

enum err ledger_spent(struct ledger *ledger,
                      const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES], double *mu2)
{
    *mu2 = spent_by(ledger, pseudonym);
    return ERR_OK;
}

enum err ledger_patients(struct ledger *ledger, uint64_t index, struct bytes *pseudonyms)
{
    struct bytes list = {0};
    if (index >= ledger->length)
        return past_the_end(ledger, "index", index);
    enum err code =
        list_read(ledger->store, index + 1, ledger->lines[index].patients, &list);
    if (!code)
        bytes_append(pseudonyms, list.data, list.size);
    bytes_free(&list);
    return code;
}

enum err ledger_charged(struct ledger *ledger, uint64_t index,
                        const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES], bool *charged)
{
    struct bytes list = {0};
    enum err code = ledger_patients(ledger, index, &list);
    if (!code)
        *charged = list.size > 0 && bsearch(pseudonym, list.data, list_count(&list),
                                            LEDGER_PSEUDONYM_BYTES, compare);
    bytes_free(&list);
    return code;
}

static double largest(const double *numbers, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = numbers[i] > most ? numbers[i] : most;
    return most;
}

/* Add the cost of entry `index` to the sums of its patients. */
static enum err sums_add(struct ledger *ledger, size_t index, double *sums)
{
    struct bytes list = {0};
    const struct line *line = &ledger->lines[index];
    enum err code = list_read(ledger->store, index + 1, line->patients, &list);
    double cost = accountant_cost(line->entry.noise_multiplier);
    for (size_t i = 0; !code && i < list_count(&list); i++) {
        const struct patient *patient = patient_find(ledger, list_at(&list, i));
        if (!patient) {
            code = err_set(ERR_VERIFY, "ledger entry %zu changed since it was opened",
                           index + 1);
            break;
        }
        double *sum = &sums[patient - ledger->patients];
        *sum = accountant_sum(*sum, cost);
    }
    bytes_free(&list);
    return code;
}

enum err ledger_spent_most(struct ledger *ledger, const uint8_t *study, double *mu2)
{
    double *sums = mem_new(ledger->patient_count, sizeof *sums);
    enum err code = ERR_OK;
    for (size_t i = 0; !study && i < ledger->patient_count; i++)
        sums[i] = ledger->patients[i].mu2;
    for (size_t i = 0; study && !code && i < ledger->length; i++)
        if (memcmp(ledger->lines[i].entry.study, study, LEDGER_STUDY_BYTES) == 0)
            code = sums_add(ledger, i, sums);
    if (!code)
        *mu2 = largest(sums, ledger->patient_count);
    mem_free(sums);
    return code;
}

enum err ledger_discretisation(struct ledger *ledger,
                               struct discretisation *discretisation)
{
    struct discretisation sum = {0};
    for (size_t i = 0; i < ledger->length; i++) {
        const struct ledger_entry *entry = &ledger->lines[i].entry;
        struct discretisation one;
        enum err code =
            accountant_discretisation(entry->dimension, entry->noise_log2, 1, &one);
        if (code)
            return code;
        sum.epsilon += one.epsilon;
        sum.log_delta += one.log_delta;
    }
    *discretisation = sum;
    return ERR_OK;
}

/* --- charging
 * ---------------------------------------------------------------------------- */

static bool can_pay(const struct ledger *ledger, const uint8_t *pseudonym, double cost,
                    double mu2_cap)
{
    return accountant_sum(spent_by(ledger, pseudonym), cost) <= mu2_cap;
}

enum err ledger_affordable(struct ledger *ledger, const struct ledger_entry *entry,
                           const uint8_t (*pseudonyms)[LEDGER_PSEUDONYM_BYTES],
                           size_t count, double mu2_cap, bool *affordable)
{
    enum err code = entry_check(entry, count);
    if (code)
        return code;
    double cost = accountant_cost(entry->noise_multiplier);
    for (size_t i = 0; i < count; i++)
        affordable[i] = can_pay(ledger, pseudonyms[i], cost, mu2_cap);
    return ERR_OK;
}

/* Is the store where this ledger believes it to be, and the release a new one? */
static enum err place_check(const struct ledger *ledger, const struct ledger_entry *entry)
{
    struct query *query;
    bool row = false;
    enum err code =
        store_query(ledger->store, "SELECT coalesce(max(number), 0) FROM ledger", &query);
    if (!code)
        code = query_step(query, &row);
    if (code)
        return code;
    int64_t last = query_get_int(query, 0);
    query_reset(query);
    if (last != (int64_t)ledger->length)
        return err_set(ERR_STATE, "the ledger was rolled back and not read again");
    for (size_t i = 0; i < ledger->length; i++) {
        const struct ledger_entry *other = &ledger->lines[i].entry;
        if (other->round == entry->round && other->attempt == entry->attempt &&
            memcmp(other->study, entry->study, LEDGER_STUDY_BYTES) == 0)
            return err_set(
                ERR_STATE,
                "round %llu, attempt %u of this study is in the ledger already",
                (unsigned long long)entry->round, entry->attempt);
    }
    return ERR_OK;
}

static enum err cap_check(const struct ledger *ledger, const struct ledger_entry *entry,
                          const struct bytes *list, double mu2_cap)
{
    size_t over = 0;
    double cost = accountant_cost(entry->noise_multiplier);
    for (size_t i = 0; i < list_count(list); i++)
        over += !can_pay(ledger, list_at(list, i), cost, mu2_cap);
    if (over == 0)
        return ERR_OK;
    return err_set(ERR_DENIED, "%zu of %zu patients would spend more than mu^2 = %g",
                   over, list_count(list), mu2_cap);
}

static enum err line_write(const struct ledger *ledger, const struct line *line)
{
    struct query *query;
    enum err code =
        store_query(ledger->store,
                    "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &query);
    if (code)
        return code;
    query_int(query, 1, (int64_t)ledger->length + 1);
    query_blob(query, 2, line->entry.study, LEDGER_STUDY_BYTES);
    query_int(query, 3, (int64_t)line->entry.round);
    query_int(query, 4, line->entry.attempt);
    query_real(query, 5, line->entry.noise_multiplier);
    query_int(query, 6, (int64_t)line->entry.wall);
    query_int(query, 7, (int64_t)line->entry.dimension);
    query_int(query, 8, line->entry.noise_log2);
    query_int(query, 9, (int64_t)line->patients);
    query_blob(query, 10, line->hash, HASH_BYTES);
    return query_run(query);
}

static enum err list_write(const struct ledger *ledger, const struct bytes *list)
{
    enum err code = ERR_OK;
    for (size_t at = 0, part = 0; !code && at < list_count(list); part++) {
        size_t left = list_count(list) - at;
        size_t count = left < PART_PATIENTS ? left : PART_PATIENTS;
        struct query *query;
        code = store_query(ledger->store, "INSERT INTO ledger_patients VALUES (?, ?, ?)",
                           &query);
        if (code)
            break;
        query_int(query, 1, (int64_t)ledger->length + 1);
        query_int(query, 2, (int64_t)part);
        query_blob(query, 3, list_at(list, at), count * LEDGER_PSEUDONYM_BYTES);
        code = query_run(query);
        at += count;
    }
    return code;
}

enum err ledger_charge(struct ledger *ledger, const struct ledger_entry *entry,
                       const uint8_t (*pseudonyms)[LEDGER_PSEUDONYM_BYTES], size_t count,
                       double mu2_cap)
{
    if (!store_in_transaction(ledger->store))
        return err_set(ERR_STATE, "a charge outside a transaction");
    enum err code = entry_check(entry, count);
    if (!code)
        code = place_check(ledger, entry);
    if (code)
        return code;
    struct bytes list = {0};
    bytes_append(&list, pseudonyms, count * LEDGER_PSEUDONYM_BYTES);
    if (count > 0)
        qsort(list.data, count, LEDGER_PSEUDONYM_BYTES, compare);
    if (!list_ascends(&list))
        code = err_set(ERR_RANGE, "a patient is listed twice in one release");
    if (!code)
        code = cap_check(ledger, entry, &list, mu2_cap);
    struct line line = {.entry = *entry, .patients = count};
    line_hash(ledger, &line, &list, line.hash);
    if (!code)
        code = line_write(ledger, &line);
    if (!code)
        code = list_write(ledger, &list);
    if (!code)
        ledger_append(ledger, &line, &list);
    bytes_free(&list);
    return code;
}
