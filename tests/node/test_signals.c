#include "node/signals.h"

#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "fault.h"
#include "node/packed.h"
#include "node/patients.h"
#include "older.h"
#include "scratch.h"

struct place {
    void *directory;
    char *folder;
    struct node *node;
};

static int set_up(void **state)
{
    struct place *p = mem_new(1, sizeof *p);
    if (scratch_setup(&p->directory) != 0)
        return -1;
    p->folder = scratch_path(p->directory, "home");
    assert_ok(node_create(p->folder, "St Anna", &p->node));
    assert_ok(store_begin(p->node->store)); /* one disk write a test, not a thousand */
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    node_destroy(&p->node);
    free(p->folder);
    int failed = scratch_teardown(&p->directory);
    mem_free(p);
    return failed;
}

/* --- a store's records
 * -------------------------------------------------------------------------- */

static void execute(struct node *node, const char *sql)
{
    assert_ok(store_execute(node->store, sql));
}

static int64_t number(struct node *node, const char *sql)
{
    struct query *query;
    bool row;
    assert_ok(store_query(node->store, sql, &query));
    assert_ok(query_step(query, &row));
    assert_true(row);
    int64_t value = query_get_int(query, 0);
    query_reset(query);
    return value;
}

/* A patient without rows. `id` is the pseudonym's last byte, too. */
static void admit(struct node *node, int64_t id, const char *time_unit)
{
    struct query *query;
    char *name = mem_format("canary%lldQx7", (long long)id);
    uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES] = {0xab, 0xcd};
    pseudonym[LEDGER_PSEUDONYM_BYTES - 1] = (uint8_t)id;
    assert_ok(store_query(node->store,
                          "INSERT INTO patients (id, name, pseudonym, time_unit, added,"
                          " packed) VALUES (?, ?, ?, ?, 1, 0)",
                          &query));
    query_int(query, 1, id);
    query_text(query, 2, name);
    query_blob(query, 3, pseudonym, sizeof pseudonym);
    query_text(query, 4, time_unit);
    assert_ok(query_run(query));
    mem_free(name);
}

/* As importing does. */
static void add(struct node *node, int64_t patient, struct record *record)
{
    struct rows_added added;
    record_sort(record);
    assert_ok(rows_add(node, patient, false, record, &added));
    assert_ok(signals_follow(node, patient, added.spans));
}

/* So many measurements of SBP at each of these times. */
static void add_times(struct node *node, int64_t patient, const double *times,
                      size_t count, size_t of_each)
{
    struct record *record = record_new("p", "h");
    for (size_t i = 0; i < count * of_each; i++)
        assert_ok(record_measurement(record, times[i % count], "SBP", "mm[Hg]",
                                     100 + (double)i / 10, CENSORED_NOT, i));
    add(node, patient, record);
    record_destroy(&record);
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What the engine reads is what people read, to the bit; gives the number of rows. */
static size_t check_same(struct node *node, int64_t patient)
{
    struct record *packed, *rows;
    size_t all = 0;
    assert_ok(patients_record(node, patient, &packed));
    assert_ok(patients_disclose(node, patient, &rows));
    assert_string_equal(packed->patient, rows->patient);
    assert_string_equal(packed->time_unit, rows->time_unit);
    for (enum record_kind kind = 0; kind < RECORD_KINDS; kind++) {
        size_t count = record_rows(rows, kind);
        assert_int_equal(record_rows(packed, kind), count);
        for (size_t i = 0; i < count; i++) {
            const struct record_row a = record_row(packed, kind, i);
            const struct record_row b = record_row(rows, kind, i);
            if (!same_bits(a.time, b.time) || !same_bits(a.value, b.value) ||
                !same_bits(a.extra, b.extra) || a.order != b.order ||
                !same_text(a.name, b.name) || !same_text(a.unit, b.unit))
                fail_msg("kind %d, row %zu of %zu is another", (int)kind, i, count);
        }
        all += count;
    }
    record_destroy(&packed);
    record_destroy(&rows);
    return all;
}

static void check_all(struct node *node, size_t expected)
{
    size_t patients;
    assert_ok(signals_check(node, NULL, NULL, &patients));
    assert_int_equal(patients, expected);
}

/* --- the same record
 * ---------------------------------------------------------------------------- */

static uint64_t chance = 1;

static uint64_t draw(uint64_t below)
{
    chance = chance * 6364136223846793005u + 1442695040888963407u;
    return (chance >> 33) % below;
}

/* Rows of some days around 0, many at one time, of the same ranks as in other files. */
static struct record *draw_record(double day)
{
    static const char *const names[] = {"SBP", "DBP", "oral", "WT", "A", "a", "Ab"};
    static const char *const units[] = {"mm[Hg]", NULL, "kg", "mg"};
    struct record *record = record_new("p", "h");
    size_t days = 1 + draw(12), most = 1 + draw(250);
    for (size_t i = draw(most); i > 0; i--) {
        enum record_kind kind = (enum record_kind)draw(RECORD_KINDS);
        struct record_row row = {.time =
                                     day * ((double)draw(16 * days) / 8 - (double)days),
                                 .name = names[draw(7)],
                                 .unit = units[draw(4)],
                                 .value = (double)draw(900) / (draw(2) ? 10 : 7),
                                 .order = (size_t)draw(5)};
        if (kind == RECORD_DOSE)
            row.extra = draw(2) ? -1 : (double)draw(8) / 4;
        if (kind == RECORD_MEASUREMENT)
            row.extra = (double)draw(3);
        assert_ok(record_add(record, kind, &row));
    }
    return record;
}

static void signals__give_the_record_that_rows_give(void **state)
{
    static const char *const units[] = {"h", "d", "min", "a", "wk", "s", "1"};
    static const double day[] = {24, 1, 1440, 1 / 365.25, 1.0 / 7, 86400, 3};
    struct place *p = *state;
    size_t rows = 0, parted = 0;
    for (int64_t id = 1; id <= 7; id++) {
        admit(p->node, id, units[id - 1]);
        assert_int_equal(check_same(p->node, id), 0);
        for (int file = 0; file < 24; file++) {
            struct record *record = draw_record(day[id - 1]);
            add(p->node, id, record);
            record_destroy(&record);
            rows = check_same(p->node, id);
            if (file % 4 == 3)
                check_all(p->node, (size_t)id);
        }
        assert_in_range(rows, 700, 3000); /* in several runs of each kind */
    }
    parted = (size_t)number(p->node, "SELECT count(*) FROM signals");
    assert_in_range(parted, 300, 3000);
    assert_int_equal(number(p->node, "SELECT max(part) FROM signals"), 0);
}

/* What "of equal time and rank" means: by name, then as they were put in. */
static void signals__stand_in_one_order(void **state)
{
    struct place *p = *state;
    const char *const names[] = {"b", "a", "b", "B"};
    struct record *found;
    admit(p->node, 1, "h");
    for (size_t i = 0; i < 4; i++) {
        struct record *record = record_new("p", "h");
        assert_ok(record_measurement(record, 3, names[i], NULL, (double)(4 - i),
                                     CENSORED_NOT, 9));
        add(p->node, 1, record);
        record_destroy(&record);
    }
    assert_int_equal(check_same(p->node, 1), 4);
    assert_ok(patients_record(p->node, 1, &found));
    const double expected[] = {1, 3, 4, 2}; /* B, a, b, b */
    for (size_t i = 0; i < 4; i++)
        assert_near(found->measurements[i].value, expected[i], 0);
    record_destroy(&found);
}

/* --- days
 * ---------------------------------------------------------------------------------- */

static void days_are(struct node *node, int64_t patient, const int64_t *days,
                     size_t count)
{
    struct query *query;
    bool row;
    assert_ok(store_query(
        node->store, "SELECT day FROM signals WHERE patient = ? ORDER BY day", &query));
    query_int(query, 1, patient);
    for (size_t i = 0; i < count; i++) {
        assert_ok(query_step(query, &row));
        assert_true(row);
        assert_int_equal(query_get_int(query, 0), days[i]);
    }
    assert_ok(query_step(query, &row));
    assert_false(row);
}

/* Down, not towards 0: half a day before 0 is the day before. */
static void signals__begin_their_days_at_midnight(void **state)
{
    struct place *p = *state;
    const double hours[] = {-24.5, -24, -0.5, 0, 23.999, 24};
    const double years[] = {-1 / 365.25, 0, 1, 1e300};
    admit(p->node, 1, "h");
    add_times(p->node, 1, hours, 6, SIGNALS_RUN);
    days_are(p->node, 1, (const int64_t[]){-2, -1, 0, 1}, 4);
    admit(p->node, 2, "a");
    add_times(p->node, 2, years, 4, SIGNALS_RUN);
    days_are(p->node, 2, (const int64_t[]){-1, 0, 365, (int64_t)1 << 40}, 4);
    admit(p->node, 3, "furlong"); /* all before 0, and all after */
    add_times(p->node, 3, hours, 6, SIGNALS_RUN);
    days_are(p->node, 3, (const int64_t[]){-1, 0}, 2);
    for (int64_t id = 1; id <= 3; id++)
        check_same(p->node, id);
    check_all(p->node, 3);
}

/* Whether a number times a day is in that day is a matter of rounding. */
static void signals__know_the_day_of_every_midnight(void **state)
{
    static const char *const units[] = {"a", "wk", "h"};
    static const double day[] = {1 / 365.25, 1.0 / 7, 24};
    struct place *p = *state;
    for (int64_t id = 1; id <= 3; id++) {
        double times[3];
        admit(p->node, id, units[id - 1]);
        for (int64_t i = 0; i < 150; i++) {
            double midnight = (double)(i * i - 4000) * day[id - 1];
            times[0] = nextafter(midnight, -INFINITY);
            times[1] = midnight;
            times[2] = nextafter(midnight, INFINITY);
            add_times(p->node, id, times + i % 3, 1, 1); /* one after the other */
            add_times(p->node, id, times, 3, 1 + (size_t)i % 40);
        }
        check_same(p->node, id);
    }
    check_all(p->node, 3);
}

static void signals__are_written_anew_where_rows_changed_only(void **state)
{
    struct place *p = *state;
    const double times[] = {1, 30, 60};
    admit(p->node, 1, "h");
    admit(p->node, 2, "h");
    add_times(p->node, 2, times, 3, SIGNALS_RUN);
    add_times(p->node, 1, times, 3, SIGNALS_RUN);
    execute(p->node, "UPDATE signals SET rowid = 100 + rowid");
    add_times(p->node, 1, (const double[]){31}, 1, 1);
    assert_int_equal(number(p->node, "SELECT count(*) FROM signals WHERE rowid > 100"
                                     " AND rowid < 107"),
                     5);
    assert_int_equal(number(p->node, "SELECT day FROM signals WHERE rowid < 100"
                                     " OR rowid >= 107"),
                     1);
    check_same(p->node, 1);
    check_all(p->node, 2);
}

/* Days with few rows share a blob, whichever of them came first: cut as from the
 * beginning. */
static void signals__share_a_blob_when_they_are_few(void **state)
{
    struct place *p = *state;
    double times[400];
    admit(p->node, 1, "d");
    admit(p->node, 2, "d");
    for (size_t i = 0; i < 400; i++)
        times[i] = (double)(i * 7 % 400);
    add_times(p->node, 1, times, 400, 1);
    days_are(p->node, 1, (const int64_t[]){0, SIGNALS_RUN}, 2);
    for (size_t i = 0; i < 400; i += 10)
        add_times(p->node, 2, times + i, 10, 1);
    days_are(p->node, 2, (const int64_t[]){0, SIGNALS_RUN}, 2);
    add_times(p->node, 2, (const double[]){-3, 3, 300}, 3, 1); /* -3: a day later */
    days_are(p->node, 2, (const int64_t[]){-3, SIGNALS_RUN - 2}, 2);
    check_same(p->node, 2);
    check_all(p->node, 2);
}

/* --- damage
 * ---------------------------------------------------------------------------------- */

/* Three patients, each with two signals on three days, and a dose. */
#define ROWS_OF_EACH (3 * SIGNALS_RUN + 1)
static void three_patients(struct node *node)
{
    struct record *record = record_new("p", "h");
    for (size_t i = 0; i < 3 * SIGNALS_RUN; i++)
        assert_ok(record_measurement(
            record, 10 * (double)(i % 6) - 15 + (double)(i / 6) / 64,
            i % 2 ? "SBP" : "DBP", "mm[Hg]", 131.41592, CENSORED_NOT, i));
    assert_ok(record_dose(record, -15, "oral", "mg", 271.828125, -1, 9));
    for (int64_t id = 1; id <= 3; id++) {
        admit(node, id, "h");
        add(node, id, record);
    }
    record_destroy(&record);
    check_all(node, 3);
}

/* The record of the second patient is refused and the check says whose and of which day
 * they are; anew from the rows all is well. */
static void damaged(struct node *node, const char *what, int line)
{
    struct record *record;
    size_t patients;
    enum err result = patients_record(node, 2, &record);
    if (result != ERR_STORAGE || !strstr(err_hint_text(), "audit verify"))
        fail_msg("line %d: the engine was given a record that is damaged", line);
    assert_refused(ERR_STORAGE, "a patient's record does not hold",
                   patients_record(node, 2, &record));
    assert_null(strstr(err_text(), "abcd")); /* what the daemon logs has no pseudonym */
    check_same(node, 1);
    assert_refused(ERR_VERIFY, what, signals_check(node, NULL, NULL, &patients));
    assert_non_null(strstr(err_text(), "patient abcd0000000000000000000000000002: "));
    assert_non_null(strstr(err_hint_text(), "gemel-node patients repack"));
    assert_ok(patients_repack(node, NULL, NULL, &patients));
    assert_int_equal(check_same(node, 2), ROWS_OF_EACH);
    check_all(node, 3);
}

static void signals__that_are_damaged_are_refused(void **state)
{
    static const struct {
        const char *sql, *what;
    } damages[] = {
        {"DELETE FROM signals WHERE patient = 2 AND kind = 2 AND day = -1",
         "the measurements from day -1"},
        {"DELETE FROM signals WHERE patient = 2 AND kind = 2 AND day = 1",
         "the measurements from day 1"},
        {"DELETE FROM signals WHERE patient = 2 AND kind = 0", "the doses from day -1"},
        {"DELETE FROM signals WHERE patient = 2", "the doses from day -1"},
        {"UPDATE signals SET day = 7 WHERE patient = 2 AND day = 1",
         "the measurements from day 1"},
        {"UPDATE signals SET name = 'SBq' WHERE patient = 2 AND name = 'SBP'",
         "the measurements from day -1"},
        {"UPDATE signals SET kind = 1 WHERE patient = 2 AND kind = 0",
         "the doses from day -1"},
        {"UPDATE signals SET kind = 9 WHERE patient = 2 AND kind = 0",
         "the doses from day -1"},
        {"UPDATE signals SET part = 1 WHERE patient = 2 AND day = 1",
         "the measurements from day 1"},
        {"UPDATE signals SET packed = x'' WHERE patient = 2 AND day = 1",
         "the measurements from day 1"},
        {"UPDATE signals SET packed = substr(packed, 1, 40) WHERE patient = 2",
         "the doses from day -1"},
        {"UPDATE signals SET packed = (SELECT packed FROM signals WHERE patient = 1 AND"
         " kind = 0) WHERE patient = 2 AND kind = 0",
         "the doses from day -1"},
        {"INSERT INTO signals SELECT 2, kind, 5, name, part, packed FROM signals"
         " WHERE patient = 2 AND kind = 0",
         "the doses from day 5"},
        {"UPDATE patients SET packed = packed + 1 WHERE id = 2", "sum of the checksums"},
        {"UPDATE patients SET packed = NULL WHERE id = 2", "are not packed"},
    };
    struct place *p = *state;
    three_patients(p->node);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        execute(p->node, damages[i].sql);
        damaged(p->node, damages[i].what, (int)i);
    }
}

static void take_blob(struct node *node, struct bytes *blob)
{
    struct query *query;
    bool row;
    size_t size;
    assert_ok(store_query(node->store,
                          "SELECT packed FROM signals WHERE patient = 2 AND day = 1"
                          " AND name = 'SBP'",
                          &query));
    assert_ok(query_step(query, &row));
    const void *packed = query_get_blob(query, 0, &size);
    bytes_append(blob, packed, size);
    query_reset(query);
}

static void put_blob(struct node *node, const struct bytes *blob)
{
    struct query *query;
    assert_ok(store_query(node->store,
                          "UPDATE signals SET packed = ? WHERE patient = 2 AND day = 1"
                          " AND name = 'SBP'",
                          &query));
    query_blob(query, 1, blob->data, blob->size);
    assert_ok(query_run(query));
}

static void signals__are_refused_with_any_byte_changed(void **state)
{
    struct place *p = *state;
    struct record *record;
    struct bytes blob = {0};
    three_patients(p->node);
    take_blob(p->node, &blob);
    for (size_t i = 0; i < blob.size; i++) {
        blob.data[i] ^= (uint8_t)(1 + i % 255);
        put_blob(p->node, &blob);
        assert_refused(ERR_STORAGE, "does not hold",
                       patients_record(p->node, 2, &record));
        blob.data[i] ^= (uint8_t)(1 + i % 255);
    }
    put_blob(p->node, &blob);
    check_same(p->node, 2);
    bytes_free(&blob);
}

/* An old page put back: every blob is whole and in its place, one is of before. */
static void signals__of_before_are_refused(void **state)
{
    struct place *p = *state;
    struct bytes blob = {0};
    struct record *record = record_new("p", "h");
    three_patients(p->node);
    take_blob(p->node, &blob);
    assert_ok(record_measurement(record, 35, "SBP", "mm[Hg]", 1, CENSORED_NOT, 6));
    add(p->node, 2, record);
    record_destroy(&record);
    put_blob(p->node, &blob);
    assert_refused(ERR_STORAGE, "missing or old", patients_record(p->node, 2, &record));
    execute(p->node, "DELETE FROM measurements WHERE patient = 2 AND value = 1");
    damaged(p->node, "sum of the checksums", __LINE__);
    bytes_free(&blob);
}

/* Rows that somebody changed past this program: the engine goes on as before, and the
 * check says so. */
static void signals__that_rows_have_left_are_found(void **state)
{
    static const char *const changes[] = {
        "UPDATE measurements SET value = value + 1e-13 WHERE patient = 2 AND time = 5",
        "UPDATE measurements SET unit = NULL WHERE patient = 2 AND time = 5",
        "UPDATE measurements SET censoring = 1 WHERE patient = 2 AND time = 5",
        "UPDATE measurements SET rank = 77 WHERE patient = 2 AND time = 5",
        "UPDATE measurements SET quantity = 'X' WHERE patient = 2 AND time = 5",
        "UPDATE measurements SET time = 6 WHERE patient = 2 AND time = 5",
        "DELETE FROM measurements WHERE patient = 2 AND time = 6",
    };
    struct place *p = *state;
    size_t patients;
    three_patients(p->node);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        execute(p->node, changes[i]);
        assert_refused(ERR_VERIFY, "000002: the measurements from day 0",
                       signals_check(p->node, NULL, NULL, &patients));
        assert_ok(patients_repack(p->node, NULL, NULL, &patients));
        check_same(p->node, 2);
        check_all(p->node, 3);
    }
    execute(p->node, "UPDATE measurements SET value = 7");
    assert_refused(ERR_VERIFY,
                   "000001: the measurements from day -1 are not packed as "
                   "their rows are; so it is with 2 more",
                   signals_check(p->node, NULL, NULL, &patients));
}

/* --- stores of before
 * ------------------------------------------------------------------------- */

static void fill_old_home(struct node *node)
{
    for (int64_t id = 1; id <= 4; id++) {
        char *sql =
            mem_format("INSERT INTO patients (id, name, pseudonym, time_unit, added)"
                       " VALUES (%lld, 'canary%lldQx7', randomblob(16), '%s', 1)",
                       (long long)id, (long long)id, id == 2 ? "d" : "h");
        execute(node, sql);
        mem_free(sql);
        struct rows_added added;
        struct record *record = draw_record(id == 2 ? 1 : 24);
        record_sort(record);
        if (id != 3) /* has no rows */
            assert_ok(rows_add(node, id, true, record, &added));
        record_destroy(&record);
    }
    /* And one that no record holds. */
    execute(node, "INSERT INTO measurements (patient, time, quantity, value, censoring,"
                  " rank) VALUES (4, 1, 'SBP', 120, 0, 9007199254740993)");
}

static void signals__are_packed_when_an_old_store_is_opened(void **state)
{
    struct place *p = *state;
    struct record *record;
    size_t patients;
    char *folder = scratch_path(p->directory, "old");
    node_destroy(&p->node);
    older_home(folder, "signals", fill_old_home);
    for (int opened = 0; opened < 2; opened++) {
        assert_ok(node_open(folder, &p->node));
        assert_true(check_same(p->node, 1) > 0);
        assert_true(check_same(p->node, 2) > 0);
        assert_int_equal(check_same(p->node, 3), 0);
        assert_refused(ERR_STORAGE, "not packed", patients_record(p->node, 4, &record));
        assert_ok(patients_disclose(p->node, 4, &record));
        record_destroy(&record);
        assert_refused(ERR_VERIFY, "not packed",
                       signals_check(p->node, NULL, NULL, &patients));
        node_destroy(&p->node);
    }
    assert_ok(node_open(folder, &p->node));
    execute(p->node, "DELETE FROM measurements WHERE rank > 9007199254740992");
    assert_ok(patients_repack(p->node, NULL, NULL, &patients));
    check_same(p->node, 4);
    check_all(p->node, 4);
    free(folder);
}

/* The disk refuses at any call of that opening, or the process dies: the next one finds
 * the old store or the new one. */
static void signals__of_an_old_store_survive_a_bad_disk(void **state)
{
    struct place *p = *state;
    struct record *record;
    struct bytes before = {0};
    char *folder = scratch_path(p->directory, "old");
    char *path = file_join(folder, "gemel-node.db");
    int status = 1, at = 0, refused = 0;
    node_destroy(&p->node);
    older_home(folder, "signals", fill_old_home);
    assert_ok(file_read(path, (size_t)1 << 26, &before));
    for (; status != 0; at++) {
        assert_ok(file_write(path, before.data, before.size, 0600));
        pid_t child = fork();
        if (child == 0) {
            fault_arm(FAULT_ANY | FAULT_NAME, at, at % 2 ? FAULT_KILL : EIO);
            enum err result = node_open(folder, &p->node);
            _exit(result != ERR_OK || fault_disarm() > at);
        }
        waitpid(child, &status, 0);
        refused += status != 0;
        assert_ok(node_open(folder, &p->node));
        assert_true(check_same(p->node, 1) + check_same(p->node, 2) > 0);
        assert_refused(ERR_STORAGE, "not packed", patients_record(p->node, 4, &record));
        assert_int_equal(number(p->node, "SELECT count(*) FROM patients"), 4);
        node_destroy(&p->node);
    }
    assert_true(refused == at - 1 && refused > 20);
    bytes_free(&before);
    mem_free(path);
    free(folder);
}

/* Blobs of another version are made anew; as long as they are of this one, nobody looks.
 */
static void signals__of_another_version_are_packed_anew(void **state)
{
    static const uint8_t other[4] = {PACKED_VERSION + 1};
    struct place *p = *state;
    three_patients(p->node);
    for (int again = 0; again < 2; again++) {
        execute(p->node, "UPDATE signals SET packed = x'02' WHERE patient = 2");
        if (again)
            assert_ok(home_set(p->node->home, "signals_format", other, sizeof other));
        if (store_in_transaction(p->node->store))
            assert_ok(store_commit(p->node->store));
        node_destroy(&p->node);
        assert_ok(node_open(p->folder, &p->node));
        if (again)
            check_same(p->node, 2);
        else
            damaged(p->node, "the doses from day -1", __LINE__);
    }
    check_all(p->node, 3);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(signals__give_the_record_that_rows_give),
        IN_PLACE(signals__stand_in_one_order),
        IN_PLACE(signals__begin_their_days_at_midnight),
        IN_PLACE(signals__know_the_day_of_every_midnight),
        IN_PLACE(signals__are_written_anew_where_rows_changed_only),
        IN_PLACE(signals__share_a_blob_when_they_are_few),
        IN_PLACE(signals__that_are_damaged_are_refused),
        IN_PLACE(signals__are_refused_with_any_byte_changed),
        IN_PLACE(signals__of_before_are_refused),
        IN_PLACE(signals__that_rows_have_left_are_found),
        IN_PLACE(signals__are_packed_when_an_old_store_is_opened),
        IN_PLACE(signals__of_an_old_store_survive_a_bad_disk),
        IN_PLACE(signals__of_another_version_are_packed_anew),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
