#include "privacy/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "privacy/noise.h"

/* Lists of patients are kept in parts, so that no value grows with the hospital. */
#define PART_PATIENTS ((size_t)4096)
#define ENTRY_TAG "gemel/ledger/2"
#define ENTRY_TAG_BEFORE_NONCES "gemel/ledger/1"
#define PATIENTS_TAG "gemel/ledger-patients/1"
#define REANCHOR_TAG "gemel/ledger-reanchor/1"

const char LEDGER_SCHEMA[] =
    "CREATE TABLE ledger ("
    "number INTEGER PRIMARY KEY, study BLOB NOT NULL, round INTEGER NOT NULL, "
    "attempt INTEGER NOT NULL, noise_multiplier REAL NOT NULL, wall INTEGER NOT NULL, "
    "dimension INTEGER NOT NULL, noise_log2 INTEGER NOT NULL, "
    "patients INTEGER NOT NULL, hash BLOB NOT NULL);"
    "CREATE TABLE ledger_patients ("
    "number INTEGER NOT NULL, part INTEGER NOT NULL, "
    "pseudonyms BLOB NOT NULL, PRIMARY KEY (number, part)) WITHOUT ROWID";

/* Entries up to `since`, if there is one, were written before there were stamps. */
const char LEDGER_SCHEMA_REANCHORS[] =
    "ALTER TABLE ledger ADD COLUMN nonce BLOB;"
    "CREATE TABLE ledger_reanchors ("
    "number INTEGER PRIMARY KEY, signed BLOB NOT NULL, hash BLOB NOT NULL);"
    "CREATE TABLE ledger_stamps (since INTEGER NOT NULL);"
    "INSERT INTO ledger_stamps SELECT number FROM ledger ORDER BY number DESC LIMIT 1";

typedef uint8_t pseudonym_bytes[LEDGER_PSEUDONYM_BYTES];

struct patient {
    pseudonym_bytes pseudonym;
    double mu2;
};

/* A charge: an entry of this chain, or a claim of a re-anchoring. */
struct line {
    uint64_t number; /* of the entry; for a claim that of its own chain */
    struct ledger_entry entry;
    uint64_t patients; /* LEDGER_EVERYBODY: a claim */
    uint8_t hash[HASH_BYTES];
};

/* A claim that costs nothing, or an entry of this chain that re-anchors it. */
struct mark {
    uint64_t number;
    uint8_t hash[HASH_BYTES];
    bool own; /* of this chain */
};

struct ledger {
    struct store *store;
    struct line *lines; /* this chain's ascending, claims before what they led to */
    size_t line_count, line_room;
    struct mark *marks;
    size_t mark_count, mark_room;
    uint64_t length; /* the last number of this chain, and its hash; 0 and zeros: none */
    uint8_t head[HASH_BYTES];
    struct patient *patients; /* ascending by pseudonym */
    size_t patient_count;
    double everybody; /* mu^2 that all claims cost, whoever it is */
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
    return patient ? patient->mu2 : ledger->everybody;
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
        if (order <= 0) {
            merged[at] = ledger->patients[i++];
        } else {
            memcpy(merged[at].pseudonym, list_at(list, j), LEDGER_PSEUDONYM_BYTES);
            merged[at].mu2 = ledger->everybody;
        }
        if (order >= 0)
            j++;
    }
    mem_free(ledger->patients);
    ledger->patients = merged;
    ledger->patient_count = at;
}

static void line_keep(struct ledger *ledger, const struct line *line)
{
    MEM_GROW(ledger->lines, ledger->line_count + 1, &ledger->line_room);
    ledger->lines[ledger->line_count++] = *line;
}

static void head_keep(struct ledger *ledger, uint64_t number, const uint8_t *hash)
{
    ledger->length = number;
    memcpy(ledger->head, hash, HASH_BYTES);
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
    line_keep(ledger, line);
    head_keep(ledger, line->number, line->hash);
}

static void mark_keep(struct ledger *ledger, uint64_t number, const uint8_t *hash,
                      bool own)
{
    MEM_GROW(ledger->marks, ledger->mark_count + 1, &ledger->mark_room);
    struct mark *mark = &ledger->marks[ledger->mark_count++];
    *mark = (struct mark){.number = number, .own = own};
    memcpy(mark->hash, hash, HASH_BYTES);
}

static struct line line_of_claim(const struct reanchor_claim *claim, uint64_t wall)
{
    struct line line = {.number = claim->length,
                        .entry = {.round = claim->length,
                                  .noise_multiplier = claim->noise_multiplier,
                                  .wall = wall,
                                  .dimension = claim->dimension,
                                  .noise_log2 = claim->noise_log2},
                        .patients = LEDGER_EVERYBODY};
    memcpy(line.hash, claim->head, HASH_BYTES);
    return line;
}

/* Charge the claims to everybody, those who will be charged for the first time later
 * included: nobody knows whom the lost entries named. */
static void claims_append(struct ledger *ledger, const struct reanchor *reanchor,
                          const uint8_t *hash)
{
    for (size_t i = 0; i < reanchor->claim_count; i++) {
        const struct reanchor_claim *claim = &reanchor->claims[i];
        if (claim->noise_multiplier == 0) {
            mark_keep(ledger, claim->length, claim->head, false);
            continue;
        }
        double cost = accountant_cost(claim->noise_multiplier);
        ledger->everybody = accountant_sum(ledger->everybody, cost);
        for (size_t j = 0; j < ledger->patient_count; j++)
            ledger->patients[j].mu2 = accountant_sum(ledger->patients[j].mu2, cost);
        struct line line = line_of_claim(claim, reanchor->issued);
        line_keep(ledger, &line);
    }
    mark_keep(ledger, reanchor->number, hash, true);
    head_keep(ledger, reanchor->number, hash);
}

static void line_hash(const struct ledger *ledger, const struct line *line,
                      const struct bytes *list, uint8_t hash[HASH_BYTES])
{
    uint8_t part[HASH_BYTES];
    struct bytes body = {0};
    bytes_append(&body, ledger->head, HASH_BYTES);
    bytes_u64(&body, line->number);
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
    bool drawn = !bytes_are_zero(line->entry.nonce, LEDGER_NONCE_BYTES);
    if (drawn)
        bytes_append(&body, line->entry.nonce, LEDGER_NONCE_BYTES);
    bytes_hash(drawn ? ENTRY_TAG : ENTRY_TAG_BEFORE_NONCES, body.data, body.size, hash);
    bytes_free(&body);
}

/* What is written on the store's first page with an entry. */
static uint32_t stamp_of(const uint8_t hash[HASH_BYTES])
{
    return (uint32_t)hash[0] | (uint32_t)hash[1] << 8 | (uint32_t)hash[2] << 16 |
           (uint32_t)(hash[3] & 0x7f) << 24;
}

static void reanchor_hash(const struct ledger *ledger, uint64_t number,
                          const void *written, size_t size, uint8_t hash[HASH_BYTES])
{
    struct bytes body = {0};
    bytes_append(&body, ledger->head, HASH_BYTES);
    bytes_u64(&body, number);
    bytes_field(&body, written, size);
    bytes_hash(REANCHOR_TAG, body.data, body.size, hash);
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
        .number = number,
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
    if (whole && !query_get_null(query, 10))
        whole = blob_read(query, 10, line->entry.nonce, LEDGER_NONCE_BYTES);
    if (!whole || entry_check(&line->entry, line->patients))
        return err_set(ERR_VERIFY, "ledger entry %llu has a field that no entry can have",
                       (unsigned long long)number);
    return ERR_OK;
}

static enum err line_verify(struct ledger *ledger, const struct line *line)
{
    struct bytes list = {0};
    uint8_t hash[HASH_BYTES];
    enum err code = list_read(ledger->store, line->number, line->patients, &list);
    if (!code) {
        line_hash(ledger, line, &list, hash);
        if (memcmp(hash, line->hash, HASH_BYTES) != 0)
            code = err_set(ERR_VERIFY, "ledger entry %llu: its hash does not hold",
                           (unsigned long long)line->number);
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

/* Is it about this ledger as it stands, and can its claims be entries? */
static enum err reanchor_fits(const struct ledger *ledger,
                              const struct reanchor *reanchor)
{
    if (reanchor->after != ledger->length ||
        memcmp(reanchor->head, ledger->head, HASH_BYTES) != 0)
        return err_set(ERR_STATE,
                       "the re-anchoring is of a ledger with another last entry than "
                       "number %llu",
                       (unsigned long long)ledger->length);
    for (size_t i = 0; i < reanchor->claim_count; i++) {
        const struct reanchor_claim *claim = &reanchor->claims[i];
        struct line line = line_of_claim(claim, reanchor->issued);
        if (claim->noise_multiplier != 0 && entry_check(&line.entry, 0) != ERR_OK)
            return err_wrap("the claimed entry %llu", (unsigned long long)claim->length);
    }
    return reanchor_check(reanchor);
}

/* The entry that re-anchors this ledger behind its present end, if there is one. */
static enum err reanchor_follow(struct ledger *ledger, struct query *query, bool *row)
{
    size_t size;
    uint8_t kept[HASH_BYTES], hash[HASH_BYTES];
    struct reanchor reanchor = {0};
    uint64_t number = (uint64_t)query_get_int(query, 0);
    const void *written = query_get_blob(query, 1, &size);
    enum err code = reanchor_read(written, size, &reanchor);
    if (code || reanchor.after > ledger->length) { /* later: after other entries */
        reanchor_clear(&reanchor);
        return code ? err_set(ERR_VERIFY, "ledger entry %llu: not a re-anchoring",
                              (unsigned long long)number)
                    : ERR_OK;
    }
    code = reanchor_fits(ledger, &reanchor);
    if (!code) {
        reanchor_hash(ledger, number, written, size, hash);
        if (number != reanchor.number || !blob_read(query, 2, kept, HASH_BYTES) ||
            memcmp(kept, hash, HASH_BYTES) != 0)
            code = err_set(ERR_VERIFY, "its hash does not hold");
    }
    if (!code)
        claims_append(ledger, &reanchor, hash);
    reanchor_clear(&reanchor);
    if (code) {
        char why[256];
        snprintf(why, sizeof why, "%s", err_text());
        return err_set(ERR_VERIFY, "ledger entry %llu, a re-anchoring: %s",
                       (unsigned long long)number, why);
    }
    return query_step(query, row);
}

/* The last entry before there were stamps; 0: there was none. */
static enum err read_since(struct store *store, uint64_t *since)
{
    struct query *query;
    bool row = false;
    *since = 0;
    if (store_query(store, "SELECT since FROM ledger_stamps", &query) != ERR_OK ||
        query_step(query, &row) != ERR_OK)
        return err_code();
    if (row)
        *since = (uint64_t)query_get_int(query, 0);
    query_reset(query);
    return ERR_OK;
}

/* The stamp follows from the head: an older first page has another one. */
static enum err stamp_check(const struct ledger *ledger)
{
    uint32_t stamp;
    uint64_t since;
    if (read_since(ledger->store, &since) != ERR_OK ||
        store_stamped(ledger->store, &stamp) != ERR_OK)
        return err_code();
    if (stamp == (ledger->length > since ? stamp_of(ledger->head) : 0))
        return ERR_OK;
    return err_set(ERR_VERIFY, "the first page of the store is not the one that was "
                               "written with the ledger's last entry");
}

/* Both tables side by side: a re-anchoring comes before the entry with the next number. */
static enum err chain_follow(struct ledger *ledger, struct query *charges,
                             struct query *reanchors)
{
    bool row = false, more = false;
    enum err code = query_step(reanchors, &more);
    while (!code && !(code = query_step(charges, &row))) {
        uint64_t before = 0;
        while (!code && more && before != ledger->length + 1) {
            before = ledger->length + 1;
            code = reanchor_follow(ledger, reanchors, &more);
        }
        if (code || !row)
            break;
        struct line line;
        code = line_read(charges, ledger->length + 1, &line);
        if (!code)
            code = line_verify(ledger, &line);
    }
    if (!code && more)
        code = err_set(ERR_VERIFY, "ledger entry %lld, a re-anchoring, follows nothing",
                       (long long)query_get_int(reanchors, 0));
    if (row)
        query_reset(charges);
    if (more)
        query_reset(reanchors);
    return code;
}

static enum err chain_read(struct ledger *ledger)
{
    struct query *charges, *reanchors;
    enum err code = store_query(ledger->store,
                                "SELECT number, study, round, attempt, noise_multiplier, "
                                "wall, dimension, noise_log2, patients, hash, nonce "
                                "FROM ledger ORDER BY number",
                                &charges);
    if (!code)
        code = store_query(ledger->store,
                           "SELECT number, signed, hash FROM ledger_reanchors "
                           "ORDER BY number",
                           &reanchors);
    if (!code)
        code = chain_follow(ledger, charges, reanchors);
    if (!code)
        code = strays_check(ledger);
    return code ? code : stamp_check(ledger);
}

/* --- the handle
 * -------------------------------------------------------------------------- */

static void ledger_empty(struct ledger *ledger)
{
    mem_free(ledger->lines);
    mem_free(ledger->marks);
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

uint64_t ledger_count(const struct ledger *ledger)
{
    return ledger->line_count;
}

void ledger_head(const struct ledger *ledger, uint8_t head[HASH_BYTES])
{
    memcpy(head, ledger->head, HASH_BYTES);
}

static enum err past_the_end(const struct ledger *ledger, const char *what,
                             uint64_t value)
{
    return err_set(ERR_NOT_FOUND, "%s %llu of a ledger with %llu entries", what,
                   (unsigned long long)value, (unsigned long long)ledger->length);
}

/* The hash of this chain's entry `number`, NULL where there is none. Claims stand among
 * the lines, so they are gone through: some 10,000 at the most, and seldom. */
static const uint8_t *own_head(const struct ledger *ledger, uint64_t number)
{
    for (size_t i = ledger->line_count; i-- > 0;)
        if (ledger->lines[i].number == number &&
            ledger->lines[i].patients != LEDGER_EVERYBODY)
            return ledger->lines[i].hash;
    for (size_t i = 0; i < ledger->mark_count; i++)
        if (ledger->marks[i].own && ledger->marks[i].number == number)
            return ledger->marks[i].hash;
    return NULL;
}

enum err ledger_head_at(struct ledger *ledger, uint64_t length, uint8_t head[HASH_BYTES])
{
    const uint8_t *hash = own_head(ledger, length);
    if (!hash && length > 0)
        return past_the_end(ledger, "length", length);
    memset(head, 0, HASH_BYTES);
    if (hash)
        memcpy(head, hash, HASH_BYTES);
    return ERR_OK;
}

/* Which number has that hash, 0 when none has. */
static uint64_t own_number(const struct ledger *ledger, const uint8_t *hash)
{
    for (size_t i = 0; i < ledger->line_count; i++)
        if (ledger->lines[i].patients != LEDGER_EVERYBODY &&
            memcmp(ledger->lines[i].hash, hash, HASH_BYTES) == 0)
            return ledger->lines[i].number;
    for (size_t i = 0; i < ledger->mark_count; i++)
        if (ledger->marks[i].own &&
            memcmp(ledger->marks[i].hash, hash, HASH_BYTES) == 0)
            return ledger->marks[i].number;
    return 0;
}

enum err ledger_index_after(const struct ledger *ledger, const uint8_t head[HASH_BYTES],
                            uint64_t *index)
{
    uint64_t number = own_number(ledger, head), at = 0;
    if (number == 0 && !bytes_are_zero(head, HASH_BYTES))
        return err_set(ERR_NOT_FOUND, "no entry of the ledger has this hash");
    for (size_t i = 0; i < ledger->line_count; i++)
        if (ledger->lines[i].patients != LEDGER_EVERYBODY &&
            ledger->lines[i].number <= number)
            at = i + 1;
    *index = at;
    return ERR_OK;
}

bool ledger_accounts(const struct ledger *ledger, uint64_t length,
                     const uint8_t head[HASH_BYTES])
{
    if (length == 0)
        return bytes_are_zero(head, HASH_BYTES);
    for (size_t i = ledger->line_count; i-- > 0;)
        if (ledger->lines[i].number == length &&
            memcmp(ledger->lines[i].hash, head, HASH_BYTES) == 0)
            return true;
    for (size_t i = 0; i < ledger->mark_count; i++)
        if (ledger->marks[i].number == length &&
            memcmp(ledger->marks[i].hash, head, HASH_BYTES) == 0)
            return true;
    return false;
}

static int by_length(const void *a, const void *b)
{
    const struct reanchor_claim *x = a, *y = b;
    if (x->length != y->length)
        return x->length < y->length ? -1 : 1;
    return memcmp(x->head, y->head, HASH_BYTES);
}

void ledger_claims(const struct ledger *ledger, struct reanchor_claim **claims,
                   size_t *count)
{
    size_t at = 0;
    struct reanchor_claim *list =
        mem_new(ledger->line_count + ledger->mark_count, sizeof *list);
    for (size_t i = 0; i < ledger->line_count; i++, at++) {
        const struct line *line = &ledger->lines[i];
        list[at] = (struct reanchor_claim){
            .length = line->number,
            .noise_multiplier = line->entry.noise_multiplier,
            .dimension = line->entry.dimension,
            .noise_log2 = line->entry.noise_log2,
        };
        memcpy(list[at].head, line->hash, HASH_BYTES);
    }
    for (size_t i = 0; i < ledger->mark_count; i++, at++) {
        list[at].length = ledger->marks[i].number;
        memcpy(list[at].head, ledger->marks[i].hash, HASH_BYTES);
    }
    qsort(list, at, sizeof *list, by_length);
    *claims = list;
    *count = at;
}

enum err ledger_read(struct ledger *ledger, uint64_t index, struct ledger_entry *entry,
                     uint64_t *patients)
{
    if (index >= ledger->line_count)
        return past_the_end(ledger, "index", index);
    *entry = ledger->lines[index].entry;
    *patients = ledger->lines[index].patients;
    return ERR_OK;
}

uint64_t ledger_number(const struct ledger *ledger, uint64_t index)
{
    return index < ledger->line_count ? ledger->lines[index].number : 0;
}

enum err ledger_reanchored(struct ledger *ledger, uint64_t after,
                           struct reanchor *reanchor, uint8_t head[HASH_BYTES])
{
    struct query *query;
    bool row = false;
    size_t size;
    if (store_query(ledger->store,
                    "SELECT signed, hash FROM ledger_reanchors WHERE number > ? "
                    "ORDER BY number LIMIT 1",
                    &query) != ERR_OK)
        return err_code();
    query_int(query, 1, (int64_t)after);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return past_the_end(ledger, "a re-anchoring after entry", after);
    const void *written = query_get_blob(query, 0, &size);
    enum err code = reanchor_read(written, size, reanchor);
    if (!code && !blob_read(query, 1, head, HASH_BYTES)) {
        reanchor_clear(reanchor);
        code = err_set(ERR_VERIFY, "a re-anchoring changed since the ledger was opened");
    }
    query_reset(query);
    return code;
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
    if (index >= ledger->line_count)
        return past_the_end(ledger, "index", index);
    const struct line *line = &ledger->lines[index];
    if (line->patients == LEDGER_EVERYBODY)
        return ERR_OK;
    enum err code = list_read(ledger->store, line->number, line->patients, &list);
    if (!code)
        bytes_append(pseudonyms, list.data, list.size);
    bytes_free(&list);
    return code;
}

enum err ledger_charged(struct ledger *ledger, uint64_t index,
                        const uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES], bool *charged)
{
    if (index < ledger->line_count &&
        ledger->lines[index].patients == LEDGER_EVERYBODY) {
        *charged = true;
        return ERR_OK;
    }
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
    enum err code = list_read(ledger->store, line->number, line->patients, &list);
    double cost = accountant_cost(line->entry.noise_multiplier);
    for (size_t i = 0; !code && i < list_count(&list); i++) {
        const struct patient *patient = patient_find(ledger, list_at(&list, i));
        if (!patient) {
            code = err_set(ERR_VERIFY, "ledger entry %llu changed since it was opened",
                           (unsigned long long)line->number);
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
    for (size_t i = 0; study && !code && i < ledger->line_count; i++)
        if (ledger->lines[i].patients != LEDGER_EVERYBODY &&
            memcmp(ledger->lines[i].entry.study, study, LEDGER_STUDY_BYTES) == 0)
            code = sums_add(ledger, i, sums);
    if (!code)
        *mu2 = largest(sums, ledger->patient_count);
    if (!code && !study && ledger->patient_count == 0)
        *mu2 = ledger->everybody;
    mem_free(sums);
    return code;
}

enum err ledger_discretisation(struct ledger *ledger,
                               struct discretisation *discretisation)
{
    struct discretisation sum = {0};
    for (size_t i = 0; i < ledger->line_count; i++) {
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

/* Is the store where this ledger believes it to be? */
static enum err store_agrees(const struct ledger *ledger)
{
    struct query *query;
    bool row = false;
    enum err code = store_query(ledger->store,
                                "SELECT max((SELECT coalesce(max(number), 0) FROM ledger),"
                                " (SELECT coalesce(max(number), 0) FROM ledger_reanchors))",
                                &query);
    if (!code)
        code = query_step(query, &row);
    if (code)
        return code;
    int64_t last = query_get_int(query, 0);
    query_reset(query);
    if (last != (int64_t)ledger->length)
        return err_set(ERR_STATE, "the ledger was rolled back and not read again");
    return ERR_OK;
}

/* Is it a release that was not charged before? */
static enum err fresh_check(const struct ledger *ledger, const struct ledger_entry *entry)
{
    for (size_t i = 0; i < ledger->line_count; i++) {
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
                    "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    &query);
    if (code)
        return code;
    query_int(query, 1, (int64_t)line->number);
    query_blob(query, 2, line->entry.study, LEDGER_STUDY_BYTES);
    query_int(query, 3, (int64_t)line->entry.round);
    query_int(query, 4, line->entry.attempt);
    query_real(query, 5, line->entry.noise_multiplier);
    query_int(query, 6, (int64_t)line->entry.wall);
    query_int(query, 7, (int64_t)line->entry.dimension);
    query_int(query, 8, line->entry.noise_log2);
    query_int(query, 9, (int64_t)line->patients);
    query_blob(query, 10, line->hash, HASH_BYTES);
    query_blob(query, 11, line->entry.nonce, LEDGER_NONCE_BYTES);
    code = query_run(query);
    return code ? code : store_stamp(ledger->store, stamp_of(line->hash));
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
        code = store_agrees(ledger);
    if (!code)
        code = fresh_check(ledger, entry);
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
    struct line line = {
        .number = ledger->length + 1, .entry = *entry, .patients = count};
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

/* --- re-anchoring
 * ---------------------------------------------------------------------------- */

static enum err reanchor_keep(const struct ledger *ledger, uint64_t number,
                              const struct bytes *written, const uint8_t *hash)
{
    struct query *query;
    enum err code = store_query(ledger->store,
                                "INSERT INTO ledger_reanchors VALUES (?, ?, ?)", &query);
    if (code)
        return code;
    query_int(query, 1, (int64_t)number);
    query_blob(query, 2, written->data, written->size);
    query_blob(query, 3, hash, HASH_BYTES);
    code = query_run(query);
    return code ? code : store_stamp(ledger->store, stamp_of(hash));
}

enum err ledger_reanchor(struct ledger *ledger, const struct reanchor *reanchor)
{
    if (!store_in_transaction(ledger->store))
        return err_set(ERR_STATE, "a re-anchoring outside a transaction");
    enum err code = store_agrees(ledger);
    if (!code)
        code = reanchor_fits(ledger, reanchor);
    if (code)
        return code;
    struct bytes written = {0};
    uint8_t hash[HASH_BYTES];
    reanchor_write(reanchor, &written);
    reanchor_hash(ledger, reanchor->number, written.data, written.size, hash);
    code = reanchor_keep(ledger, reanchor->number, &written, hash);
    bytes_free(&written);
    if (!code)
        claims_append(ledger, reanchor, hash);
    return code;
}

/* A store of before there were stamps has no table that says since when. */
static enum err has_stamps(struct store *store, bool *has)
{
    struct query *query;
    bool row = false;
    if (store_query(store, "SELECT 1 FROM sqlite_master WHERE name = 'ledger_stamps'",
                    &query) != ERR_OK ||
        query_step(query, &row) != ERR_OK)
        return err_code();
    query_reset(query);
    *has = row;
    return ERR_OK;
}

enum err ledger_restamp(struct store *store)
{
    struct query *query;
    bool row = false, has = false;
    uint64_t since, number = 0;
    uint8_t hash[HASH_BYTES];
    if (has_stamps(store, &has) != ERR_OK)
        return err_code();
    if (!has)
        return ERR_OK;
    if (read_since(store, &since) != ERR_OK ||
        store_query(store,
                    "SELECT number, hash FROM ledger UNION ALL "
                    "SELECT number, hash FROM ledger_reanchors ORDER BY number DESC",
                    &query) != ERR_OK ||
        query_step(query, &row) != ERR_OK)
        return err_code();
    if (row && blob_read(query, 1, hash, HASH_BYTES))
        number = (uint64_t)query_get_int(query, 0);
    query_reset(query);
    return number > since ? store_stamp(store, stamp_of(hash)) : ERR_OK;
}
