#include "node/signals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "node/packed.h"
#include "node/person.h"

/* `packed` of a patient: the sum of their blobs' checksums, modulo 2^64; NULL while there
 * are none because the rows are more than a record holds. */
const char SIGNALS_SCHEMA[] =
    "CREATE TABLE signals (patient INTEGER NOT NULL REFERENCES patients,"
    " kind INTEGER NOT NULL, day INTEGER NOT NULL, name TEXT NOT NULL,"
    " part INTEGER NOT NULL, packed BLOB NOT NULL,"
    " PRIMARY KEY (patient, kind, day, name, part));"
    "ALTER TABLE patients ADD COLUMN packed INTEGER;";

#define FORMAT_NAME "signals_format" /* a named value: u32, the version of all blobs */
#define DAY_LAST ((int64_t)1 << 40)  /* days further off are this one */

static const char *const kinds[RECORD_KINDS] = {"doses", "covariates", "measurements"};
static const struct rows_span everything[RECORD_KINDS] = {ROWS_ALL, ROWS_ALL, ROWS_ALL};

/* --- days
 * ---------------------------------------------------------------------------------- */

struct days {
    int64_t first, last;
};

static int64_t day_of(const struct person *person, double time)
{
    double day = floor(time / person->day);
    const double last = (double)DAY_LAST;
    return (int64_t)(day < -last ? -last : day > last ? last : day);
}

/* Times between which all rows of these days stand, and a few more at both ends: which
 * day a row at midnight belongs to is for day_of to say. */
static struct rows_span span_of(const struct person *person, struct days days)
{
    const double more = person->day / 1000; /* rounding takes less, up to DAY_LAST */
    struct rows_span span = ROWS_ALL;
    if (days.first > -DAY_LAST)
        span.first = (double)days.first * person->day - more;
    if (days.last < DAY_LAST)
        span.last = ((double)days.last + 1) * person->day + more;
    return span;
}

/* --- rows to blobs
 * ------------------------------------------------------------------------- */

typedef enum err take_packed(void *context, const struct packed_key *key,
                             const struct bytes *packed);

struct packing {
    const struct person *person;
    const struct record *record;
    enum record_kind kind;
    take_packed *take;
    void *context;
};

/* Where the run of days ends that begins with row `from`: at a midnight, once it is long
 * enough. */
static size_t run_end(const struct packing *p, size_t from, size_t count)
{
    int64_t day = day_of(p->person, record_row(p->record, p->kind, from).time);
    for (size_t i = from + 1; i < count; i++) {
        int64_t next = day_of(p->person, record_row(p->record, p->kind, i).time);
        if (next != day && i - from >= SIGNALS_RUN)
            return i;
        day = next;
    }
    return count;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of rows [from, to), each once, in the order of their bytes. */
static size_t names_of(const struct packing *p, size_t from, size_t to,
                       const char **names)
{
    size_t count = 0;
    for (size_t i = from; i < to; i++) {
        const char *name = record_row(p->record, p->kind, i).name;
        size_t at = 0;
        while (at < count && names[at] != name) /* a record has each text once */
            at++;
        if (at == count)
            names[count++] = name;
    }
    qsort(names, count, sizeof *names, by_name);
    return count;
}

static enum err pack_signal(const struct packing *p, int64_t day, const char *name,
                            const struct record_row *rows, size_t count)
{
    enum err result = ERR_OK;
    struct packed_key key = {p->person->id, p->kind, name, day, 0};
    for (size_t at = 0; result == ERR_OK && at < count; at += PACKED_ROWS_MAX) {
        size_t some = count - at < PACKED_ROWS_MAX ? count - at : PACKED_ROWS_MAX;
        struct bytes packed = {0};
        result = packed_write(&key, rows + at, some, &packed);
        if (result == ERR_OK)
            result = p->take(p->context, &key, &packed);
        bytes_free(&packed);
        key.part++;
    }
    return result;
}

static enum err pack_run(const struct packing *p, size_t from, size_t to)
{
    enum err result = ERR_OK;
    int64_t day = day_of(p->person, record_row(p->record, p->kind, from).time);
    const char **names = mem_new(to - from, sizeof *names);
    struct record_row *rows = mem_new(to - from, sizeof *rows);
    size_t count = names_of(p, from, to, names);
    for (size_t n = 0; result == ERR_OK && n < count; n++) {
        size_t used = 0;
        for (size_t i = from; i < to; i++) {
            rows[used] = record_row(p->record, p->kind, i);
            used += rows[used].name == names[n];
        }
        result = pack_signal(p, day, names[n], rows, used);
    }
    mem_free(names);
    mem_free(rows);
    return result;
}

/* The rows of these days: [from, to). */
static void rows_of(const struct packing *p, struct days days, size_t *from, size_t *to)
{
    *to = record_rows(p->record, p->kind);
    *from = 0;
    while (*from < *to &&
           day_of(p->person, record_row(p->record, p->kind, *from).time) < days.first)
        ++*from;
    while (*from < *to &&
           day_of(p->person, record_row(p->record, p->kind, *to - 1).time) > days.last)
        --*to;
}

/* Blobs of all rows of a kind in these days, of which the first begins a run, in the
 * order of the table's key. */
static enum err pack_days(const struct packing *p, struct days days)
{
    size_t from, to, next;
    enum err result = ERR_OK;
    rows_of(p, days, &from, &to);
    for (; result == ERR_OK && from < to; from = next) {
        next = run_end(p, from, to);
        result = pack_run(p, from, next);
    }
    return result;
}

/* Whether the last run of these days is long enough, so that another one begins after. */
static bool is_closed(const struct packing *p, struct days days)
{
    size_t from, to, next, last = 0;
    rows_of(p, days, &from, &to);
    for (; from < to; from = next) {
        next = run_end(p, from, to);
        last = next - from;
    }
    return last >= SIGNALS_RUN;
}

/* --- following
 * ------------------------------------------------------------------------------ */

struct following {
    struct node *node;
    struct person person;
};

static enum err put_blob(void *context, const struct packed_key *key,
                         const struct bytes *packed)
{
    struct following *f = context;
    struct query *query;
    if (store_query(f->node->store,
                    "INSERT INTO signals (patient, kind, day, name, part, packed)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    &query) != ERR_OK)
        return err_code();
    query_int(query, 1, key->patient);
    query_int(query, 2, key->kind);
    query_int(query, 3, key->day);
    query_text(query, 4, key->name);
    query_int(query, 5, key->part);
    query_blob(query, 6, packed->data, packed->size);
    f->person.sum += packed_checksum(packed->data, packed->size);
    return query_run(query);
}

static enum err ask_days(struct following *f, const char *sql, enum record_kind kind,
                         struct days days, struct query **query)
{
    if (store_query(f->node->store, sql, query) != ERR_OK)
        return err_code();
    query_int(*query, 1, f->person.id);
    query_int(*query, 2, kind);
    query_int(*query, 3, days.first);
    query_int(*query, 4, days.last);
    return ERR_OK;
}

/* Take the blobs of these days away. */
static enum err drop_blobs(struct following *f, enum record_kind kind, struct days days)
{
    struct query *query;
    bool row;
    size_t size;
    if (ask_days(f,
                 "SELECT packed FROM signals"
                 " WHERE patient = ? AND kind = ? AND day BETWEEN ? AND ?",
                 kind, days, &query) != ERR_OK)
        return err_code();
    enum err result;
    while ((result = query_step(query, &row)) == ERR_OK && row) {
        const void *packed = query_get_blob(query, 0, &size);
        f->person.sum -= packed_checksum(packed, size);
    }
    if (result == ERR_OK)
        result = ask_days(f,
                          "DELETE FROM signals"
                          " WHERE patient = ? AND kind = ? AND day BETWEEN ? AND ?",
                          kind, days, &query);
    return result == ERR_OK ? query_run(query) : result;
}

/* A day of the table, or `otherwise` where there is none. */
static enum err ask_day(struct following *f, const char *sql, enum record_kind kind,
                        int64_t day, int64_t otherwise, int64_t *found)
{
    struct query *query;
    bool row;
    if (store_query(f->node->store, sql, &query) != ERR_OK)
        return err_code();
    query_int(query, 1, f->person.id);
    query_int(query, 2, kind);
    query_int(query, 3, day);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    *found = query_get_null(query, 0) ? otherwise : query_get_int(query, 0);
    query_reset(query);
    return ERR_OK;
}

/* Whole runs around the rows of the span. */
static enum err runs_around(struct following *f, enum record_kind kind,
                            const struct rows_span *span, struct days *days)
{
    int64_t first = day_of(&f->person, span->first), after;
    if (ask_day(
            f, "SELECT max(day) FROM signals WHERE patient = ? AND kind = ? AND day <= ?",
            kind, first, first, &days->first) != ERR_OK ||
        ask_day(f,
                "SELECT min(day) FROM signals WHERE patient = ? AND kind = ? AND day > ?",
                kind, day_of(&f->person, span->last), DAY_LAST + 1, &after) != ERR_OK)
        return err_code();
    days->last = after - 1;
    return ERR_OK;
}

static enum err read_days(struct following *f, enum record_kind kind, struct days days,
                          struct record **record)
{
    struct rows_span spans[RECORD_KINDS] = {ROWS_NONE, ROWS_NONE, ROWS_NONE};
    spans[kind] = span_of(&f->person, days);
    record_destroy(record);
    *record = record_new("", f->person.time_unit);
    return rows_read(f->node, f->person.id, spans, *record);
}

/* What comes after the runs around stays as it is, if the last of them is as long as a
 * run must be; else all that follows is cut anew. */
static enum err follow_kind(struct following *f, enum record_kind kind,
                            const struct rows_span *span)
{
    struct days days;
    struct record *record = NULL;
    enum err result = runs_around(f, kind, span, &days);
    if (result == ERR_OK)
        result = read_days(f, kind, days, &record);
    struct packing packing = {&f->person, record, kind, put_blob, f};
    if (result == ERR_OK && days.last < DAY_LAST && !is_closed(&packing, days)) {
        days.last = DAY_LAST;
        result = read_days(f, kind, days, &record);
        packing.record = record;
    }
    if (result == ERR_OK)
        result = drop_blobs(f, kind, days);
    if (result == ERR_OK)
        result = pack_days(&packing, days);
    record_destroy(&record);
    return result;
}

static enum err follow(struct following *f, const struct rows_span spans[RECORD_KINDS])
{
    for (enum record_kind kind = 0; kind < RECORD_KINDS; kind++)
        if (spans[kind].first <= spans[kind].last &&
            follow_kind(f, kind, &spans[kind]) != ERR_OK)
            return err_code();
    return person_keep(f->node, &f->person);
}

static enum err drop_all(struct following *f)
{
    struct query *query;
    f->person.sum = 0;
    if (store_query(f->node->store, "DELETE FROM signals WHERE patient = ?", &query) !=
        ERR_OK)
        return err_code();
    query_int(query, 1, f->person.id);
    return query_run(query);
}

static enum err repack(struct following *f)
{
    f->person.packed = true;
    return drop_all(f) == ERR_OK ? follow(f, everything) : err_code();
}

enum err signals_follow(struct node *node, int64_t patient,
                        const struct rows_span spans[RECORD_KINDS])
{
    struct following f = {.node = node};
    if (person_read(node, patient, &f.person) != ERR_OK)
        return err_code();
    enum err result = f.person.packed ? follow(&f, spans) : repack(&f);
    person_clear(&f.person);
    return result;
}

/* --- all of them
 * ------------------------------------------------------------------------------ */

static enum err list_ids(struct node *node, int64_t **ids, size_t *count)
{
    struct query *query;
    size_t room = 0;
    bool row;
    *ids = NULL, *count = 0;
    enum err result =
        store_query(node->store, "SELECT id FROM patients ORDER BY id", &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        MEM_GROW(*ids, *count + 1, &room);
        (*ids)[(*count)++] = query_get_int(query, 0);
    }
    return result;
}

/* Whoever has more rows than a record holds stays without blobs, and is said so when the
 * record is asked for: nobody else's store stays shut for that. */
static enum err repack_one(struct node *node, int64_t id)
{
    struct following f = {.node = node};
    if (person_read(node, id, &f.person) != ERR_OK)
        return err_code();
    enum err result = repack(&f);
    if (result == ERR_RANGE) {
        f.person.packed = false;
        result = drop_all(&f);
        if (result == ERR_OK)
            result = person_keep(node, &f.person);
    }
    person_clear(&f.person);
    return result;
}

static enum err repack_all(struct node *node, signals_progress *progress, void *context,
                           size_t *patients)
{
    int64_t *ids;
    struct bytes format = {0};
    enum err result = list_ids(node, &ids, patients);
    for (size_t i = 0; result == ERR_OK && i < *patients; i++) {
        result = repack_one(node, ids[i]);
        if (result == ERR_OK && progress && !progress(context, i + 1, *patients))
            result = err_set(ERR_INTERRUPTED, "interrupted; nothing was changed");
    }
    mem_free(ids);
    bytes_u32(&format, PACKED_VERSION);
    if (result == ERR_OK)
        result = home_set(node->home, FORMAT_NAME, format.data, format.size);
    bytes_free(&format);
    return result;
}

enum err signals_repack(struct node *node, signals_progress *progress, void *context,
                        size_t *patients)
{
    bool own;
    if (store_join(node->store, &own) != ERR_OK)
        return err_code();
    return store_leave(node->store, own, repack_all(node, progress, context, patients));
}

/* A store of before, when it is first opened: a line now and then, if it is a large one.
 */
static bool say_packed(void *context, size_t done, size_t total)
{
    (void)context;
    if (done % 10000 == 0)
        log_event(LOG_LEVEL_INFO, "signals.packed", "patients=%zu of=%zu", done, total);
    return true;
}

enum err signals_open(struct node *node)
{
    struct bytes format = {0};
    uint32_t version = 0;
    size_t patients;
    enum err result = home_get(node->home, FORMAT_NAME, &format);
    struct cursor cursor = {format.data, format.size, 0};
    if (result == ERR_OK)
        result = cursor_u32(&cursor, &version);
    bytes_free(&format);
    if (result != ERR_OK && result != ERR_NOT_FOUND)
        return result;
    return version == PACKED_VERSION ? ERR_OK
                                     : signals_repack(node, say_packed, NULL, &patients);
}

/* --- out
 * ---------------------------------------------------------------------------------- */

static enum err ask_blobs(struct node *node, int64_t patient, struct query **query)
{
    if (store_query(node->store,
                    "SELECT kind, day, name, part, packed FROM signals WHERE patient = ?"
                    " ORDER BY kind, day, name, part",
                    query) != ERR_OK)
        return err_code();
    query_int(*query, 1, patient);
    return ERR_OK;
}

/* Its name is valid until the next step. */
static struct packed_key key_of(struct query *query, int64_t patient)
{
    int64_t kind = query_get_int(query, 0);
    return (struct packed_key){
        patient, kind >= 0 && kind < RECORD_KINDS ? (enum record_kind)kind : RECORD_KINDS,
        query_get_text(query, 2), query_get_int(query, 1),
        (uint32_t)query_get_int(query, 3)};
}

static enum err read_blobs(struct node *node, int64_t patient, struct record *record,
                           uint64_t *sum)
{
    struct query *query;
    bool row;
    size_t size;
    *sum = 0;
    if (ask_blobs(node, patient, &query) != ERR_OK)
        return err_code();
    enum err result;
    while ((result = query_step(query, &row)) == ERR_OK && row) {
        const struct packed_key key = key_of(query, patient);
        const void *packed = query_get_blob(query, 4, &size);
        if ((result = packed_read(&key, packed, size, record)) != ERR_OK)
            break;
        *sum += packed_checksum(packed, size);
    }
    query_reset(query);
    return result;
}

static enum err whole_record(struct node *node, const struct person *person,
                             struct record *record)
{
    uint64_t sum;
    if (!person->packed)
        return err_set(ERR_STORAGE, "the rows are not packed");
    if (read_blobs(node, person->id, record, &sum) != ERR_OK)
        return err_code();
    if (sum != person->sum)
        return err_set(ERR_STORAGE, "the packed rows of a day are missing or old ones");
    record_sort(record);
    return ERR_OK;
}

enum err signals_record(struct node *node, int64_t patient, struct record **record)
{
    struct person person;
    if (person_read(node, patient, &person) != ERR_OK)
        return err_code();
    struct record *found = record_new(person.name, person.time_unit);
    enum err result = whole_record(node, &person, found);
    person_clear(&person);
    if (result == ERR_OK) {
        *record = found;
        return ERR_OK;
    }
    record_destroy(&found);
    if (result == ERR_STORAGE) {
        err_wrap("a patient's record does not hold");
        err_hint("whose it is: gemel-node audit verify");
    }
    return result;
}

/* --- checking
 * ------------------------------------------------------------------------------- */

/* Blobs as they should be beside those of the table, which come in the same order. */
struct comparing {
    struct query *query;
    uint64_t sum;
};

static enum err differ(int64_t kind, int64_t day)
{
    return err_set(ERR_VERIFY, "the %s from day %lld are not packed as their rows are",
                   kind >= 0 && kind < RECORD_KINDS ? kinds[kind] : "rows of no kind",
                   (long long)day);
}

static enum err compare_blob(void *context, const struct packed_key *key,
                             const struct bytes *packed)
{
    struct comparing *c = context;
    bool row;
    size_t size;
    if (query_step(c->query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return differ(key->kind, key->day);
    const struct packed_key held = key_of(c->query, key->patient);
    const void *data = query_get_blob(c->query, 4, &size);
    c->sum += packed_checksum(data, size);
    if (held.kind < key->kind || (held.kind == key->kind && held.day < key->day))
        return differ(held.kind, held.day);
    if (held.kind != key->kind || held.day != key->day || held.part != key->part ||
        strcmp(held.name, key->name) != 0 || size != packed->size ||
        memcmp(data, packed->data, size) != 0)
        return differ(key->kind, key->day);
    return ERR_OK;
}

static enum err compare_all(struct comparing *c, const struct person *person,
                            const struct record *record)
{
    static const struct days all = {-DAY_LAST, DAY_LAST};
    bool row;
    for (enum record_kind kind = 0; kind < RECORD_KINDS; kind++) {
        const struct packing packing = {person, record, kind, compare_blob, c};
        if (pack_days(&packing, all) != ERR_OK)
            return err_code();
    }
    if (query_step(c->query, &row) != ERR_OK)
        return err_code();
    if (row)
        return differ(query_get_int(c->query, 0), query_get_int(c->query, 1));
    return c->sum == person->sum
               ? ERR_OK
               : err_set(ERR_VERIFY, "the sum of the checksums is another");
}

static enum err compare_person(struct node *node, int64_t id)
{
    struct comparing c = {0};
    struct person person;
    if (person_read(node, id, &person) != ERR_OK)
        return err_code();
    struct record *record = record_new("", person.time_unit);
    enum err result = rows_read(node, id, everything, record);
    if (result == ERR_OK && !person.packed)
        result = err_set(ERR_VERIFY, "the rows are not packed");
    if (result == ERR_OK)
        result = ask_blobs(node, id, &c.query);
    if (result == ERR_OK) {
        result = compare_all(&c, &person, record);
        query_reset(c.query);
    }
    record_destroy(&record);
    person_clear(&person);
    return result == ERR_RANGE ? err_set(ERR_VERIFY, "%s, not packed", err_text())
                               : result;
}

/* In the name of the last error, which is about this patient and `others` more. */
static enum err name_person(struct node *node, int64_t id, const char *what,
                            size_t others)
{
    struct person person;
    char hex[2 * LEDGER_PSEUDONYM_BYTES + 1];
    if (person_read(node, id, &person) != ERR_OK)
        return err_code();
    bytes_to_hex(person.pseudonym, sizeof person.pseudonym, hex);
    person_clear(&person);
    if (others)
        err_set(ERR_VERIFY, "patient %s: %s; so it is with %zu more", hex, what, others);
    else
        err_set(ERR_VERIFY, "patient %s: %s", hex, what);
    return err_hint("rows are the truth; to pack all of them anew: "
                    "gemel-node patients repack");
}

enum err signals_check(struct node *node, signals_progress *progress, void *context,
                       size_t *patients)
{
    int64_t *ids, first = 0;
    size_t differing = 0;
    char *what = NULL;
    enum err result = list_ids(node, &ids, patients);
    for (size_t i = 0; result == ERR_OK && i < *patients; i++) {
        result = compare_person(node, ids[i]);
        if (result == ERR_VERIFY && differing++ == 0) {
            first = ids[i];
            what = mem_text(err_text());
        }
        result = result == ERR_VERIFY ? ERR_OK : result;
        if (result == ERR_OK && progress && !progress(context, i + 1, *patients))
            result = err_set(ERR_INTERRUPTED, "interrupted; not everything was compared");
    }
    if (result == ERR_OK && differing)
        result = name_person(node, first, what, differing - 1);
    mem_free(what);
    mem_free(ids);
    return result;
}
