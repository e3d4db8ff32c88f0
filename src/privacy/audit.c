#include "privacy/audit.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define ENTRY_TAG "gemel/audit/1"
#define DAY_SECONDS ((uint64_t)86400)

const char AUDIT_SCHEMA[] =
    "CREATE TABLE audit ("
    "number INTEGER PRIMARY KEY, wall INTEGER NOT NULL, kind TEXT NOT NULL, "
    "user INTEGER NOT NULL, study BLOB NOT NULL, round INTEGER NOT NULL, "
    "attempt INTEGER NOT NULL, patient BLOB NOT NULL, object BLOB NOT NULL, "
    "sentence TEXT NOT NULL, hash BLOB NOT NULL);"
    "CREATE INDEX audit_of_kind ON audit (kind, wall);"
    "CREATE INDEX audit_of_study ON audit (kind, study, round, attempt);"
    /* Apart from the entries, so that no one page of the file holds both. */
    "CREATE TABLE audit_head (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, "
    "hash BLOB NOT NULL);"
    "CREATE TABLE audit_settings (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)";

#define COLUMNS                                                                          \
    "number, wall, kind, user, study, round, attempt, patient, object, sentence, hash"

static const char *const kind_names[] = {
#define AUDIT_NAME(kind, name) [kind] = name,
    AUDIT_KIND_LIST(AUDIT_NAME)
#undef AUDIT_NAME
};

static const uint8_t none[HASH_BYTES];

static struct {
    bool given;
    uint32_t user;
} acting;

void audit_act_for(const uint32_t *user)
{
    acting.given = user != NULL;
    acting.user = user ? *user : 0;
}

static uint32_t acting_user(void)
{
    return acting.given ? acting.user : (uint32_t)getuid();
}

const char *audit_kind_name(enum audit_kind kind)
{
    return kind_names[kind];
}

enum err audit_kind_from_name(const char *name, enum audit_kind *kind)
{
    for (size_t i = 0; i < AUDIT_KIND_COUNT; i++)
        if (strcmp(name, kind_names[i]) == 0) {
            *kind = (enum audit_kind)i;
            return ERR_OK;
        }
    return err_set(ERR_NOT_FOUND, "the audit record has no entries of the kind %s", name);
}

static void row_hash(const struct audit_row *row, const uint8_t previous[HASH_BYTES],
                     uint8_t hash[HASH_BYTES])
{
    struct bytes body = {0};
    const struct audit_entry *entry = &row->entry;
    bytes_append(&body, previous, HASH_BYTES);
    bytes_u64(&body, row->number);
    bytes_u64(&body, entry->wall);
    bytes_text(&body, kind_names[entry->kind]);
    bytes_u32(&body, row->user);
    bytes_append(&body, entry->study, AUDIT_STUDY_BYTES);
    bytes_u64(&body, entry->round);
    bytes_u32(&body, entry->attempt);
    bytes_append(&body, entry->patient, AUDIT_PATIENT_BYTES);
    bytes_append(&body, entry->object, HASH_BYTES);
    bytes_text(&body, row->sentence);
    bytes_hash(ENTRY_TAG, body.data, body.size, hash);
    bytes_free(&body);
}

/* --- reading
 * ------------------------------------------------------------------------------ */

static const uint8_t *blob_of(struct query *query, int column, size_t size)
{
    size_t found;
    const uint8_t *data = query_get_blob(query, column, &found);
    return found == size ? data : NULL;
}

/* The current row as the entry that must come next. */
static enum err row_read(struct query *query, uint64_t number, struct audit_row *row)
{
    if (query_get_int(query, 0) != (int64_t)number)
        return err_set(ERR_VERIFY, "audit entry %llu is missing or not in its place",
                       (unsigned long long)number);
    int64_t wall = query_get_int(query, 1), user = query_get_int(query, 3),
            round = query_get_int(query, 5), attempt = query_get_int(query, 6);
    const char *kind = query_get_text(query, 2);
    *row = (struct audit_row){
        .number = number,
        .entry = {.wall = (uint64_t)wall,
                  .study = blob_of(query, 4, AUDIT_STUDY_BYTES),
                  .round = (uint64_t)round,
                  .attempt = (uint32_t)attempt,
                  .patient = blob_of(query, 7, AUDIT_PATIENT_BYTES),
                  .object = blob_of(query, 8, HASH_BYTES)},
        .user = (uint32_t)user,
        .sentence = query_get_text(query, 9),
        .hash = blob_of(query, 10, HASH_BYTES),
    };
    row->entry.user = &row->user;
    bool whole = wall >= 0 && round >= 0 && attempt == row->entry.attempt &&
                 user == row->user && kind && row->sentence && row->entry.study &&
                 row->entry.patient && row->entry.object && row->hash &&
                 audit_kind_from_name(kind, &row->entry.kind) == ERR_OK;
    return whole ? ERR_OK
                 : err_set(ERR_VERIFY,
                           "audit entry %llu has a field that no entry can have",
                           (unsigned long long)number);
}

enum err audit_each(struct store *store, uint64_t first, audit_visit *visit,
                    void *context)
{
    struct query *query;
    enum err code = store_query(
        store, "SELECT " COLUMNS " FROM audit WHERE number >= ? ORDER BY number", &query);
    if (code)
        return code;
    query_int(query, 1, (int64_t)first);
    bool found = false;
    for (uint64_t number = first; !(code = query_step(query, &found)) && found;
         number++) {
        struct audit_row row;
        code = row_read(query, number, &row);
        if (!code)
            code = visit(context, &row);
        if (code)
            break;
    }
    if (code && found)
        query_reset(query);
    return code;
}

struct checked {
    uint64_t length;
    uint8_t head[HASH_BYTES];
};

static enum err check_row(void *context, const struct audit_row *row)
{
    struct checked *checked = context;
    uint8_t hash[HASH_BYTES];
    row_hash(row, checked->head, hash);
    if (memcmp(hash, row->hash, HASH_BYTES) != 0)
        return err_set(ERR_VERIFY, "audit entry %llu: its hash does not hold",
                       (unsigned long long)row->number);
    checked->length = row->number;
    memcpy(checked->head, hash, HASH_BYTES);
    return ERR_OK;
}

/* What is kept of the last entry; zeros before the first. */
static enum err head_read(struct store *store, struct checked *head)
{
    struct query *query;
    bool row = false;
    *head = (struct checked){0};
    enum err code =
        store_query(store, "SELECT number, hash FROM audit_head WHERE id = 1", &query);
    if (!code)
        code = query_step(query, &row);
    if (code || !row)
        return code;
    const uint8_t *hash = blob_of(query, 1, HASH_BYTES);
    head->length = (uint64_t)query_get_int(query, 0);
    if (hash)
        memcpy(head->head, hash, HASH_BYTES);
    query_reset(query);
    return ERR_OK;
}

enum err audit_verify(struct store *store, uint64_t *length, uint8_t head[HASH_BYTES])
{
    struct checked checked = {0}, kept;
    enum err code = audit_each(store, 1, check_row, &checked);
    if (!code)
        code = head_read(store, &kept);
    if (code)
        return code;
    if (kept.length > checked.length)
        return err_set(ERR_VERIFY, "audit entry %llu is missing; there were %llu entries",
                       (unsigned long long)checked.length + 1,
                       (unsigned long long)kept.length);
    if (kept.length < checked.length || memcmp(kept.head, checked.head, HASH_BYTES) != 0)
        return err_set(ERR_VERIFY, "audit entry %llu is not the one written last",
                       (unsigned long long)checked.length);
    if (length)
        *length = checked.length;
    if (head)
        memcpy(head, checked.head, HASH_BYTES);
    return ERR_OK;
}

/* --- writing
 * ------------------------------------------------------------------------------ */

/* One line of UTF-8 without control characters. */
static char *clean(const char *text)
{
    size_t size = strlen(text), used = 0;
    char *copy = mem_new(size + 1, 1);
    while (*text && used < AUDIT_SENTENCE_MAX) {
        size_t step = bytes_utf8_size(text, size);
        bool fine = step > 0 && (unsigned char)*text >= ' ' && *text != 0x7f;
        if (used + step > AUDIT_SENTENCE_MAX)
            break;
        if (fine)
            memcpy(copy + used, text, step);
        else
            copy[used] = '?';
        used += fine ? step : 1;
        text += fine ? step : 1;
        size -= fine ? step : 1;
    }
    copy[used] = '\0';
    return copy;
}

static enum err row_insert(struct store *store, const struct audit_row *row)
{
    struct query *query;
    enum err code = store_query(
        store, "INSERT INTO audit (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        &query);
    if (code)
        return code;
    query_int(query, 1, (int64_t)row->number);
    query_int(query, 2, (int64_t)row->entry.wall);
    query_text(query, 3, kind_names[row->entry.kind]);
    query_int(query, 4, row->user);
    query_blob(query, 5, row->entry.study, AUDIT_STUDY_BYTES);
    query_int(query, 6, (int64_t)row->entry.round);
    query_int(query, 7, row->entry.attempt);
    query_blob(query, 8, row->entry.patient, AUDIT_PATIENT_BYTES);
    query_blob(query, 9, row->entry.object, HASH_BYTES);
    query_text(query, 10, row->sentence);
    query_blob(query, 11, row->hash, HASH_BYTES);
    code = query_run(query);
    if (!code)
        code = store_query(
            store, "REPLACE INTO audit_head (id, number, hash) VALUES (1, ?, ?)", &query);
    if (code)
        return code;
    query_int(query, 1, (int64_t)row->number);
    query_blob(query, 2, row->hash, HASH_BYTES);
    return query_run(query);
}

/* The sentence is a clean one. */
static enum err append(struct store *store, const struct audit_entry *entry,
                       const char *sentence)
{
    struct checked last;
    uint8_t hash[HASH_BYTES];
    if (!store_in_transaction(store))
        return err_set(ERR_STATE, "an audit entry outside a transaction");
    if (entry->wall > INT64_MAX || entry->round > INT64_MAX)
        return err_set(ERR_RANGE, "a time or round above 2^63 - 1");
    if (head_read(store, &last) != ERR_OK)
        return err_code();
    struct audit_row row = {.number = last.length + 1,
                            .entry = *entry,
                            .user = entry->user ? *entry->user : acting_user(),
                            .sentence = sentence};
    if (entry->wall == 0)
        row.entry.wall = clock_wall(&clock_machine);
    if (!entry->study)
        row.entry.study = none;
    if (!entry->patient)
        row.entry.patient = none;
    if (!entry->object)
        row.entry.object = none;
    row_hash(&row, last.head, hash);
    row.hash = hash;
    return row_insert(store, &row);
}

/* The same, in a transaction of its own if there is none. */
static enum err append_wherever(struct store *store, const struct audit_entry *entry,
                                const char *sentence)
{
    bool own;
    if (store_join(store, &own) != ERR_OK)
        return err_code();
    return store_leave(store, own, append(store, entry, sentence));
}

__attribute__((format(printf, 1, 0))) static char *sentence_of(const char *format,
                                                               va_list arguments)
{
    char text[4 * AUDIT_SENTENCE_MAX];
    vsnprintf(text, sizeof text, format, arguments);
    return clean(text);
}

enum err audit_write(struct store *store, const struct audit_entry *entry,
                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *sentence = sentence_of(format, arguments);
    va_end(arguments);
    enum err code = append(store, entry, sentence);
    mem_free(sentence);
    return code;
}

enum err audit_write_alone(struct store *store, const struct audit_entry *entry,
                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *sentence = sentence_of(format, arguments);
    va_end(arguments);
    enum err code = append_wherever(store, entry, sentence);
    mem_free(sentence);
    return code;
}

/* --- refusals
 * ----------------------------------------------------------------------------- */

static enum err is_entered(struct store *store, const struct audit_entry *entry,
                           const char *sentence, bool *entered)
{
    struct query *query;
    enum err code = store_query(
        store,
        "SELECT 1 FROM audit WHERE kind = 'refusal' AND study = ? AND round = ?"
        " AND attempt = ? AND object = ? AND sentence = ? LIMIT 1",
        &query);
    if (code)
        return code;
    query_blob(query, 1, entry->study ? entry->study : none, AUDIT_STUDY_BYTES);
    query_int(query, 2, (int64_t)entry->round);
    query_int(query, 3, entry->attempt);
    query_blob(query, 4, entry->object ? entry->object : none, HASH_BYTES);
    query_text(query, 5, sentence);
    code = query_step(query, entered);
    if (!code && *entered)
        query_reset(query);
    return code;
}

static enum err count_today(struct store *store, enum audit_kind kind, uint64_t wall,
                            int64_t *count)
{
    struct query *query;
    bool row;
    uint64_t day = wall - wall % DAY_SECONDS;
    enum err code = store_query(
        store, "SELECT count(*) FROM audit WHERE kind = ? AND wall >= ? AND wall < ?",
        &query);
    if (code)
        return code;
    query_text(query, 1, kind_names[kind]);
    query_int(query, 2, (int64_t)day);
    query_int(query, 3, (int64_t)(day + DAY_SECONDS));
    code = query_step(query, &row);
    if (code)
        return code;
    *count = query_get_int(query, 0);
    query_reset(query);
    return ERR_OK;
}

static enum err omit(struct store *store, uint64_t wall)
{
    int64_t said;
    if (count_today(store, AUDIT_OMITTED, wall, &said) != ERR_OK)
        return err_code();
    if (said > 0)
        return ERR_OK;
    char *sentence = mem_format("%d refusals were entered today; until midnight (UTC) "
                                "others are in the log only",
                                AUDIT_REFUSALS_A_DAY);
    const struct audit_entry entry = {.kind = AUDIT_OMITTED, .wall = wall};
    enum err code = append_wherever(store, &entry, sentence);
    mem_free(sentence);
    return code;
}

enum err audit_refuse(struct store *store, const struct audit_entry *entry,
                      const char *sentence)
{
    bool entered;
    int64_t today;
    char *text = clean(sentence);
    struct audit_entry refusal = *entry;
    refusal.kind = AUDIT_REFUSAL;
    if (refusal.wall == 0)
        refusal.wall = clock_wall(&clock_machine);
    enum err code = is_entered(store, &refusal, text, &entered);
    if (!code && !entered) {
        code = count_today(store, AUDIT_REFUSAL, refusal.wall, &today);
        if (!code)
            code = today < AUDIT_REFUSALS_A_DAY ? append_wherever(store, &refusal, text)
                                                : omit(store, refusal.wall);
    }
    mem_free(text);
    return code;
}

/* --- opening
 * ------------------------------------------------------------------------------ */

static enum err seen_before(struct store *store, const char *name, char **value)
{
    struct query *query;
    bool row;
    *value = NULL;
    enum err code =
        store_query(store, "SELECT value FROM audit_settings WHERE name = ?", &query);
    if (code)
        return code;
    query_text(query, 1, name);
    code = query_step(query, &row);
    if (!code && row) {
        *value = mem_text(query_get_text(query, 0));
        query_reset(query);
    }
    return code;
}

static const char *shown(const char *value)
{
    return *value ? value : "not set";
}

static enum err enter_setting(struct store *store, uint64_t wall, const char *name,
                              const char *before, const char *value)
{
    struct query *query;
    const struct audit_entry entry = {.kind = AUDIT_SETTINGS, .wall = wall};
    enum err code =
        before ? audit_write(store, &entry, "%s was %s, is %s", name, shown(before),
                             shown(value))
               : audit_write(store, &entry, "%s is %s", name, shown(value));
    if (!code)
        code = store_query(
            store, "REPLACE INTO audit_settings (name, value) VALUES (?, ?)", &query);
    if (code)
        return code;
    query_text(query, 1, name);
    query_text(query, 2, value);
    return query_run(query);
}

static enum err enter_settings(struct store *store, const struct conf *conf,
                               uint64_t wall)
{
    const char *name, *value;
    enum err code = ERR_OK;
    for (size_t i = 0; !code && (value = conf_written(conf, i, &name)); i++) {
        char *before;
        code = seen_before(store, name, &before);
        if (!code && (!before || strcmp(before, value) != 0))
            code = enter_setting(store, wall, name, before, value);
        mem_free(before);
    }
    return code;
}

enum err audit_open(struct store *store, const struct conf *conf, uint64_t wall,
                    const uint8_t *object)
{
    uint64_t length;
    const struct audit_entry begin = {
        .kind = AUDIT_BEGIN, .wall = wall, .object = object};
    enum err code = audit_verify(store, &length, NULL);
    if (code)
        return code;
    bool own;
    if (store_join(store, &own) != ERR_OK)
        return err_code();
    if (length == 0)
        code = audit_write(store, &begin, "the record begins");
    if (!code)
        code = enter_settings(store, conf, wall);
    return store_leave(store, own, code);
}
