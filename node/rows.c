#include "node/rows.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

/* Columns and parameters are in the same order everywhere, `extra` last: a dose's
 * duration, a measurement's censoring. A row of before, when an import left the model's
 * unit out, is the same as one that has it. */
static const struct table {
    const char *insert, *count, *select, *name;
} tables[RECORD_KINDS] = {
    [RECORD_DOSE] =
        {"INSERT INTO doses (patient, time, input, unit, amount, rank, duration)"
         " VALUES (?, ?, ?, ?, ?, ?, ?)",
         "SELECT count(*) FROM doses WHERE patient = ?1 AND time = ?2 AND input = ?3"
         " AND (unit IS ?4 OR unit IS NULL) AND amount = ?5 AND duration = ?7",
         "SELECT time, input, unit, amount, rank, duration FROM doses"
         " WHERE patient = ? AND time BETWEEN ? AND ? ORDER BY time, rank, id",
         "doses"},
    [RECORD_COVARIATE] =
        {"INSERT INTO covariates (patient, time, name, unit, value, rank)"
         " VALUES (?, ?, ?, ?, ?, ?)",
         "SELECT count(*) FROM covariates WHERE patient = ?1 AND time = ?2 AND name = ?3"
         " AND (unit IS ?4 OR unit IS NULL) AND value = ?5",
         "SELECT time, name, unit, value, rank, 0 FROM covariates"
         " WHERE patient = ? AND time BETWEEN ? AND ? ORDER BY time, rank, id",
         "covariates"},
    [RECORD_MEASUREMENT] = {
        "INSERT INTO measurements (patient, time, quantity, unit, value, rank, "
        "censoring) VALUES (?, ?, ?, ?, ?, ?, ?)",
        "SELECT count(*) FROM measurements WHERE patient = ?1 AND time = ?2"
        " AND quantity = ?3 AND (unit IS ?4 OR unit IS NULL) AND value = ?5"
        " AND censoring = ?7",
        "SELECT time, quantity, unit, value, rank, censoring FROM measurements"
        " WHERE patient = ? AND time BETWEEN ? AND ? ORDER BY time, rank, id",
        "measurements"}};

/* --- in
 * ---------------------------------------------------------------------------------- */

static void bind(struct query *query, enum record_kind kind, int64_t patient,
                 const struct record_row *row)
{
    query_int(query, 1, patient);
    query_real(query, 2, row->time);
    query_text(query, 3, row->name);
    query_text(query, 4, row->unit);
    query_real(query, 5, row->value);
    if (kind == RECORD_DOSE)
        query_real(query, 7, row->extra);
    if (kind == RECORD_MEASUREMENT)
        query_int(query, 7, (int64_t)row->extra);
}

static bool same_row(const struct record_row *a, const struct record_row *b)
{
    bool same_unit =
        a->unit && b->unit ? strcmp(a->unit, b->unit) == 0 : a->unit == b->unit;
    return a->time == b->time && a->value == b->value && a->extra == b->extra &&
           strcmp(a->name, b->name) == 0 && same_unit;
}

/* A kind's rows of the record on their way in. They are sorted by time, so that what is
 * like rows[index] is looked for among those of the same time only. */
struct incoming {
    enum record_kind kind;
    const struct record *record;
    bool *added; /* [rows] */
};

/* How many rows like this one stand before it, and how many of them were added. */
static void count_before(const struct incoming *in, size_t index,
                         const struct record_row *row, int64_t *before, int64_t *added)
{
    *before = *added = 0;
    for (size_t i = index; i-- > 0;) {
        const struct record_row other = record_row(in->record, in->kind, i);
        if (other.time != row->time)
            return;
        if (same_row(&other, row))
            ++*before, *added += in->added[i];
    }
}

static enum err count_held(struct node *node, enum record_kind kind, int64_t patient,
                           const struct record_row *row, int64_t *held)
{
    struct query *query;
    bool found;
    if (store_query(node->store, tables[kind].count, &query) != ERR_OK)
        return err_code();
    bind(query, kind, patient, row);
    if (query_step(query, &found) != ERR_OK)
        return err_code();
    *held = query_get_int(query, 0);
    query_reset(query);
    return ERR_OK;
}

static enum err insert(struct node *node, enum record_kind kind, int64_t patient,
                       const struct record_row *row)
{
    struct query *query;
    if (store_query(node->store, tables[kind].insert, &query) != ERR_OK)
        return err_code();
    bind(query, kind, patient, row);
    query_int(query, 6, (int64_t)row->order);
    return query_run(query);
}

/* Unless the store held as many of its like, before this file, as the file has shown up
 * to here: what this file added is not mistaken for older ones. */
static enum err add_row(struct node *node, int64_t patient, bool fresh,
                        const struct incoming *in, size_t index, struct rows_added *rows)
{
    const struct record_row row = record_row(in->record, in->kind, index);
    struct rows_span *span = &rows->spans[in->kind];
    int64_t held = 0, before, added;
    if (!fresh) {
        if (count_held(node, in->kind, patient, &row, &held) != ERR_OK)
            return err_code();
        count_before(in, index, &row, &before, &added);
        if (before < held - added) {
            rows->known++;
            return ERR_OK;
        }
    }
    in->added[index] = true;
    rows->added++;
    span->first = fmin(span->first, row.time);
    span->last = fmax(span->last, row.time);
    return insert(node, in->kind, patient, &row);
}

/* More would be a record that nobody can read whole. */
static enum err check_room(struct node *node, enum record_kind kind, int64_t patient)
{
    char *sql = mem_format("SELECT 1 FROM %s WHERE patient = ? LIMIT 1 OFFSET %zu",
                           tables[kind].name, RECORD_ROWS_MAX);
    struct query *query;
    bool over = false;
    enum err result = store_query(node->store, sql, &query);
    mem_free(sql);
    if (result != ERR_OK)
        return result;
    query_int(query, 1, patient);
    result = query_step(query, &over);
    query_reset(query);
    if (result != ERR_OK || !over)
        return result;
    err_set(ERR_RANGE, "more than %zu %s with those in the store", RECORD_ROWS_MAX,
            tables[kind].name);
    return err_hint("what varies slower than it is sampled can be thinned out, say to a "
                    "value a minute, before it is imported");
}

enum err rows_add(struct node *node, int64_t patient, bool fresh,
                  const struct record *record, struct rows_added *added)
{
    enum err result = ERR_OK;
    *added = (struct rows_added){.spans = {ROWS_NONE, ROWS_NONE, ROWS_NONE}};
    for (enum record_kind kind = 0; kind < RECORD_KINDS; kind++) {
        size_t count = record_rows(record, kind);
        const struct incoming in = {kind, record, mem_new(count, sizeof(bool))};
        for (size_t i = 0; result == ERR_OK && i < count; i++)
            result = add_row(node, patient, fresh, &in, i, added);
        if (result == ERR_OK && !fresh && added->spans[kind].first <= added->spans[kind].last)
            result = check_room(node, kind, patient);
        mem_free(in.added);
    }
    return result;
}

/* --- out
 * --------------------------------------------------------------------------------- */

static enum err read_kind(struct node *node, enum record_kind kind, int64_t patient,
                          const struct rows_span *span, struct record *record)
{
    struct query *query;
    bool found;
    if (store_query(node->store, tables[kind].select, &query) != ERR_OK)
        return err_code();
    query_int(query, 1, patient);
    query_real(query, 2, span->first);
    query_real(query, 3, span->last);
    enum err result;
    while ((result = query_step(query, &found)) == ERR_OK && found) {
        const struct record_row row = {
            query_get_real(query, 0), query_get_text(query, 1),
            query_get_text(query, 2), query_get_real(query, 3),
            query_get_real(query, 5), (size_t)query_get_int(query, 4)};
        if ((result = record_add(record, kind, &row)) != ERR_OK)
            break;
    }
    query_reset(query);
    return result;
}

enum err rows_read(struct node *node, int64_t patient,
                   const struct rows_span spans[RECORD_KINDS], struct record *record)
{
    for (enum record_kind kind = 0; kind < RECORD_KINDS; kind++)
        if (spans[kind].first <= spans[kind].last &&
            read_kind(node, kind, patient, &spans[kind], record) != ERR_OK)
            return err_code();
    record_sort(record);
    return ERR_OK;
}
