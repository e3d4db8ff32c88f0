#include "base/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"

#include "check.h"
#include "fault.h"
#include "scratch.h"

static const uint8_t KEY[STORE_KEY_BYTES] = {1, 2, 3}, OTHER_KEY[STORE_KEY_BYTES] = {9};

static const char *const STEPS[] = {
    ("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE, real REAL, blob "
     "BLOB);"
     "CREATE INDEX thing_real ON thing (real)"),
    "CREATE TABLE part (thing INTEGER NOT NULL REFERENCES thing (id), count INTEGER)",
    "ALTER TABLE part ADD COLUMN note TEXT; INSERT INTO thing (name) VALUES ('migrated')",
};
static const struct store_schema V1 = {"gemel-test", STEPS, 1},
                                 V2 = {"gemel-test", STEPS, 2},
                                 V3 = {"gemel-test", STEPS, 3},
                                 FOREIGN = {"gemel-other", STEPS, 1};

static int64_t ask_number(struct store *store, const char *sql)
{
    struct query *query;
    bool row;
    assert_ok(store_query(store, sql, &query));
    assert_ok(query_step(query, &row));
    assert_true(row);
    int64_t number = query_get_int(query, 0);
    query_reset(query);
    return number;
}

static struct store *created(const char *path, const struct store_schema *schema)
{
    struct store *store = NULL;
    assert_ok(store_create(path, KEY, schema, &store));
    return store;
}

static struct store *opened(const char *path, const struct store_schema *schema)
{
    struct store *store = NULL;
    assert_ok(store_open(path, KEY, schema, &store));
    return store;
}

static void insert_many(struct store *store, int count)
{
    struct query *query;
    char blob[900];
    memset(blob, 'b', sizeof blob);
    assert_ok(store_query(store, "INSERT INTO thing (blob) VALUES (?1)", &query));
    for (int i = 0; i < count; i++) {
        query_blob(query, 1, blob, sizeof blob);
        assert_ok(query_run(query));
    }
}

static void store__keeps_what_it_is_given(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    struct query *query;
    assert_ok(store_query(store, "INSERT INTO thing VALUES (?1, ?2, ?3, ?4)", &query));
    const double reals[] = {0.1, -1e308, 5e-324, INFINITY, NAN, -INFINITY};
    for (int i = 0; i < 6; i++) {
        query_int(query, 1, i == 0 ? INT64_MIN : i);
        query_text(query, 2,
                   i == 1   ? NULL
                   : i == 2 ? ""
                            : (char[]){'a', (char)('0' + i), 0});
        query_real(query, 3, reals[i]);
        if (i == 3)
            query_null(query, 4);
        else
            query_blob(query, 4, i == 4 ? NULL : "\0\1\xff", i == 4 ? 0 : 3);
        assert_ok(query_run(query));
    }
    assert_int_equal(store_last_row(store), 5);
    store_destroy(&store);
    assert_null(store);
    store_destroy(&store);

    store = opened(path, &V1);
    assert_ok(store_query(store, "SELECT * FROM thing ORDER BY id", &query));
    for (int i = 0; i < 6; i++) {
        bool row;
        size_t size = 77;
        assert_ok(query_step(query, &row));
        assert_true(row);
        assert_true(query_get_int(query, 0) == (i == 0 ? INT64_MIN : i));
        if (i == 1)
            assert_null(query_get_text(query, 1));
        else
            assert_int_equal(strlen(query_get_text(query, 1)), i == 2 ? 0 : 2);
        assert_int_equal(query_get_null(query, 2), isnan(reals[i]));
        double real = query_get_real(query, 2);
        assert_true(isnan(reals[i]) ? isnan(real) : real == reals[i]);
        const void *blob = query_get_blob(query, 3, &size);
        assert_int_equal(query_get_null(query, 3), i == 3);
        assert_int_equal(size, i == 3 || i == 4 ? 0 : 3);
        if (size)
            assert_memory_equal(blob, "\0\1\xff", 3);
    }
    bool row = true;
    assert_ok(query_step(query, &row));
    assert_false(row);
    store_destroy(&store);
    free(path);
}

static void query__is_the_same_for_the_same_text_and_comes_clean(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    struct query *first, *again, *other;
    char text[] = "SELECT ?1, ?2";
    assert_ok(store_query(store, "SELECT ?1, ?2", &first));
    query_int(first, 1, 5);
    query_int(first, 9, 5);
    bool row;
    assert_refused(ERR_STORAGE, "a parameter", query_step(first, &row));
    assert_ok(store_query(store, "SELECT 7", &other));
    assert_ok(store_query(store, text, &again));
    assert_ptr_equal(first, again);
    assert_ok(query_step(again, &row));
    assert_true(query_get_null(again, 0));
    char *large = mem_new(STORE_VALUE_BYTES_MAX + 1, 1);
    assert_ok(store_query(store, text, &again));
    query_blob(again, 1, large, STORE_VALUE_BYTES_MAX + 1);
    assert_refused(ERR_STORAGE, "too large", query_run(again));
    mem_free(large);
    assert_refused(ERR_STORAGE, "no such table: nowhere",
                   store_execute(store, "SELECT * FROM nowhere"));
    assert_refused(ERR_STORAGE, "not one statement",
                   store_execute(store, "SELECT 1; SELECT 2"));
    assert_refused(ERR_STORAGE, "not one statement", store_execute(store, ""));
    assert_ok(store_execute(store, "SELECT 1 ; \n"));
    assert_ok(store_execute(store, "INSERT INTO thing (name) VALUES ('a'), ('b')"));
    assert_int_equal(store_rows_changed(store), 2);
    assert_refused(ERR_STORAGE, "UNIQUE constraint failed: thing.name",
                   store_execute(store, "INSERT INTO thing (name) VALUES ('a')"));
    store_destroy(&store);
    free(path);
}

static void store__file_is_private_and_appears_alone(void **state)
{
    char *path = scratch_path(*state, "s");
    mode_t old = umask(0);
    struct store *store = created(path, &V1);
    assert_ok(store_begin(store));
    insert_many(store, 1);
    umask(old);
    struct stat about;
    char *journal = mem_format("%s-journal", path);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(stat(journal, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_ok(store_commit(store));
    store_destroy(&store);
    DIR *directory = opendir(*state);
    int entries = 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        entries += entry->d_name[0] != '.';
    closedir(directory);
    assert_int_equal(entries, 1);
    assert_refused(ERR_STATE, "exists already", store_create(path, KEY, &V1, &store));
    mem_free(journal);
    free(path);
}

static void store__says_who_cannot_open_it_and_why(void **state)
{
    char *path = scratch_path(*state, "s"), *missing = scratch_path(*state, "no/such");
    char *plain = scratch_path(*state, "plain"), *empty = scratch_path(*state, "empty");
    struct store *store = created(path, &V2);
    store_destroy(&store);
    assert_refused(ERR_NOT_FOUND, missing, store_open(missing, KEY, &V1, &store));
    assert_refused(ERR_NOT_FOUND, missing, store_create(missing, KEY, &V1, &store));
    assert_refused(ERR_STORAGE, "regular", store_open(*state, KEY, &V1, &store));
    assert_refused(ERR_KEY, "does not open", store_open(path, OTHER_KEY, &V2, &store));
    assert_refused(ERR_STATE, "belongs to gemel-test, not to gemel-other",
                   store_open(path, KEY, &FOREIGN, &store));
    assert_refused(ERR_STATE, "has schema 2; this program knows 1",
                   store_open(path, KEY, &V1, &store));
    assert_ok(file_write(empty, "", 0, 0600));
    assert_refused(ERR_STORAGE, "cut short", store_open(empty, KEY, &V1, &store));
    uint8_t page[4096] = "SQLite format 3";
    assert_ok(file_write(plain, page, sizeof page, 0600));
    assert_refused(ERR_STATE, "plain SQLite", store_open(plain, KEY, &V1, &store));
    assert_null(store);
    store = opened(path, &V2); /* none of it did any harm */
    store_destroy(&store);
    free(path);
    free(missing);
    free(plain);
    free(empty);
}

static void store__relative_names_are_files(void **state)
{
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(*state), 0);
    struct store *store = created(":memory:", &V1);
    assert_true(file_exists(":memory:"));
    store_destroy(&store);
    store = created("file:x?mode=memory", &V1);
    assert_true(file_exists("file:x?mode=memory"));
    store_destroy(&store);
    assert_int_equal(chdir(here), 0);
}

static void store__migrates_forward_or_not_at_all(void **state)
{
    static const char *const broken[] = {
        "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE, real REAL, blob "
        "BLOB)",
        "CREATE TABLE half (x); INSERT INTO half VALUES (1); INSERT INTO no_table VALUES "
        "(1)",
        "CREATE TABLE never (x)",
    };
    static const char *const leaving[] = {"CREATE TABLE thing (x)",
                                          "CREATE TABLE half (x); COMMIT; SELECT 1"};
    const struct store_schema bad = {"gemel-test", broken, 3},
                              out = {"gemel-test", leaving, 2};
    char *path = scratch_path(*state, "s"), *fresh = scratch_path(*state, "fresh");
    struct store *store = created(path, &V1);
    insert_many(store, 3);
    store_destroy(&store);
    assert_refused(ERR_STORAGE, "migration 2 of 3", store_open(path, KEY, &bad, &store));
    assert_non_null(strstr(err_text(), "no_table"));
    assert_refused(ERR_STORAGE, "ends the transaction",
                   store_create(fresh, KEY, &out, &store));
    assert_refused(ERR_STORAGE, "migration 2 of 3",
                   store_create(fresh, KEY, &bad, &store));
    assert_false(file_exists(fresh));
    store = opened(path, &V1); /* still version 1 */
    assert_int_equal(ask_number(store, "SELECT count(*) FROM thing"), 3);
    assert_int_equal(ask_number(store, "SELECT count(*) FROM sqlite_master WHERE "
                                       "name = 'half'"),
                     0);
    store_destroy(&store);
    store = opened(path, &V3);
    assert_int_equal(ask_number(store, "SELECT count(*) FROM thing"), 4);
    assert_ok(store_execute(store, "INSERT INTO part (thing, note) VALUES (1, 'x')"));
    store_destroy(&store);
    store = opened(path, &V3); /* and not once more */
    assert_int_equal(ask_number(store, "SELECT count(*) FROM thing"), 4);
    store_destroy(&store);
    free(path);
    free(fresh);
}

static void store__keeps_foreign_keys(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V2);
    assert_refused(ERR_STORAGE, "FOREIGN KEY",
                   store_execute(store, "INSERT INTO part (thing) VALUES (12345)"));
    store_destroy(&store);
    free(path);
}

static void store__authoriser_leaves_rows_and_transactions(void **state)
{
    static const char *const refused[] = {
        "ATTACH 'x' AS x",
        "DETACH main",
        "PRAGMA key = 'x'",
        "PRAGMA synchronous = OFF",
        "PRAGMA journal_mode = MEMORY",
        "PRAGMA user_version",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA writable_schema = ON",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "CREATE TEMPORARY VIEW x AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "CREATE INDEX x ON thing (name)",
        "CREATE VIRTUAL TABLE x USING fts3(y)",
        "CREATE VIRTUAL TABLE x USING rtree(a, b, c)",
        "CREATE TRIGGER x AFTER INSERT ON thing BEGIN SELECT 1; END",
        "DROP TABLE thing",
        "DROP INDEX thing_real",
        "ALTER TABLE thing RENAME TO x",
        "ALTER TABLE thing ADD COLUMN x",
        "REINDEX",
        "ANALYZE",
        "VACUUM",
        "SAVEPOINT x",
        "SELECT fts3_tokenizer('simple')",
        "SELECT load_extension('x')",
        "SELECT LOAD_EXTENSION('x')",
        "SELECT sqlcipher_export('main')",
        "INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 2, '')",
        "DELETE FROM sqlite_master",
        "UPDATE sqlite_master SET sql = ''",
    };
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (store_execute(store, refused[i]) != ERR_STORAGE)
            fail_msg("\"%s\" is not refused: %s", refused[i], err_text());
    assert_ok(store_begin(store));
    assert_ok(store_execute(store, "INSERT INTO thing (name) VALUES ('a')"));
    assert_ok(store_execute(store, "UPDATE thing SET real = 2 WHERE name = 'a'"));
    assert_int_equal(ask_number(store, "SELECT max(real) FROM thing"), 2);
    assert_int_equal(ask_number(store,
                                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT "
                                "i + 1 FROM n WHERE i < 9) SELECT sum(i) FROM n"),
                     45);
    assert_ok(store_execute(store, "DELETE FROM thing"));
    assert_ok(store_commit(store));
    assert_ok(store_check(store));
    assert_refused(ERR_STORAGE, "", store_execute(store, "PRAGMA user_version"));
    store_destroy(&store);
    free(path);
}

static void store__statements_are_bounded(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    assert_refused(ERR_STORAGE, "", store_execute(store, "SELECT ?51"));
    assert_refused(ERR_STORAGE, "too large",
                   store_execute(store, "SELECT 1+1+1+1+1+1+1+1+1+1+1+1"));
    assert_refused(ERR_STORAGE, "too many terms",
                   store_execute(store,
                                 "SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT "
                                 "4"));
    char *sql = mem_new(200001, 1);
    memset(sql, ' ', 200000);
    memcpy(sql, "SELECT", 6);
    sql[199999] = '1';
    assert_int_equal(store_execute(store, sql), ERR_STORAGE);
    mem_free(sql);
    assert_int_equal(store_execute(store, "SELECT zeroblob(16777217)"), ERR_STORAGE);
    store_destroy(&store);
    free(path);
}

static void store__transaction_is_whole(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    assert_false(store_in_transaction(store));
    assert_refused(ERR_STATE, "no transaction", store_commit(store));
    store_rollback(store);
    assert_ok(store_begin(store));
    assert_true(store_in_transaction(store));
    assert_refused(ERR_STATE, "open already", store_begin(store));
    insert_many(store, 2);
    store_rollback(store);
    assert_false(store_in_transaction(store));
    assert_int_equal(ask_number(store, "SELECT count(*) FROM thing"), 0);
    assert_ok(store_begin(store));
    insert_many(store, 3);
    assert_ok(store_commit(store));
    assert_ok(store_begin(store));
    insert_many(store, 4);
    struct query *open_loop;
    bool row;
    assert_ok(store_query(store, "SELECT id FROM thing", &open_loop));
    assert_ok(query_step(open_loop, &row));
    store_destroy(&store);
    store = opened(path, &V1);
    assert_int_equal(ask_number(store, "SELECT count(*) FROM thing"), 3);
    store_destroy(&store);
    free(path);
}

/* Exit status of a child that tries to open: the enum err it got. */
static enum err open_in_child(const char *path)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *store = NULL;
        enum err err = store_open(path, KEY, &V1, &store);
        if (err && !strstr(err_text(), path))
            _exit(99);
        store_destroy(&store);
        _exit((int)err);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    return (enum err)WEXITSTATUS(status);
}

/* Joined, it is the caller's to end; otherwise it ends as the result says. */
static void store__a_joined_transaction_is_the_callers(void **state)
{
    char *path = scratch_path(*state, "store");
    struct store *store = created(path, &V1);
    bool own;
    assert_ok(store_join(store, &own));
    assert_true(own);
    assert_ok(store_leave(store, own, ERR_OK));
    assert_false(store_in_transaction(store));
    assert_ok(store_join(store, &own));
    assert_int_equal(store_leave(store, own, ERR_DENIED), ERR_DENIED);
    assert_false(store_in_transaction(store));
    assert_ok(store_begin(store));
    assert_ok(store_join(store, &own));
    assert_false(own);
    assert_ok(store_leave(store, own, ERR_OK));
    assert_int_equal(store_leave(store, own, ERR_DENIED), ERR_DENIED);
    assert_true(store_in_transaction(store));
    store_destroy(&store);
    free(path);
}

static void store__is_for_one_process_and_one_opener(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1), *second = NULL;
    assert_int_equal(open_in_child(path), ERR_LOCKED);
    assert_refused(ERR_LOCKED, path, store_open(path, KEY, &V1, &second));
    assert_int_equal(open_in_child(path), ERR_LOCKED); /* the refusal dropped no lock */
    insert_many(store, 1);
    assert_int_equal(open_in_child(path), ERR_LOCKED);
    store_destroy(&store);
    assert_int_equal(open_in_child(path), ERR_OK);
    free(path);
}

static void store__of_two_openers_at_once_one_gets_it(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    store_destroy(&store);
    for (int round = 0; round < 10; round++) {
        int gate[2], hold[2], winners = 0;
        pid_t children[2];
        assert_int_equal(pipe(gate) | pipe(hold), 0);
        for (int i = 0; i < 2; i++)
            if ((children[i] = fork()) == 0) {
                char byte;
                close(gate[1]);
                close(hold[1]);
                if (read(gate[0], &byte, 1) < 0)
                    _exit(99);
                enum err err = store_open(path, KEY, &V1, &store);
                if (!err && read(hold[0], &byte, 1) < 0)
                    _exit(99);
                _exit((int)err);
            }
        close(gate[1]); /* both start */
        int status;
        pid_t loser = waitpid(-1, &status, 0); /* the winner holds it till we say so */
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), ERR_LOCKED);
        close(hold[1]);
        waitpid(loser == children[0] ? children[1] : children[0], &status, 0);
        winners += WIFEXITED(status) && WEXITSTATUS(status) == ERR_OK;
        assert_int_equal(winners, 1);
        close(gate[0]);
        close(hold[0]);
    }
    free(path);
}

/* Killed with kill -9 at every call that changes a file, at its begin or in its middle:
 * the transaction is there whole or not at all, there if it was acknowledged, and every
 * page holds. 1,500 rows overflow the page cache, so pages reach the file before the
 * commit. */
static void store__killed_at_every_write_keeps_whole_transactions(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    insert_many(store, 2);
    store_destroy(&store);
    const int rows[] = {3, 4000};
    int deaths = 0, before = 2;
    for (int size = 0; size < 2; size++) {
        bool survived = false;
        for (int at = 0; !survived; at += size == 0 ? 1 : 397) {
            int told[2];
            assert_int_equal(pipe(told), 0);
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                store = opened(path, &V1);
                fault_arm(FAULT_ANY, at, at % 2 ? FAULT_KILL_HALF : FAULT_KILL);
                if (store_begin(store))
                    _exit(1);
                insert_many(store, rows[size]);
                if (store_commit(store))
                    _exit(1);
                fault_disarm();
                _exit(write(told[1], "c", 1) != 1);
            }
            int status;
            char byte;
            waitpid(child, &status, 0);
            close(told[1]);
            survived = read(told[0], &byte, 1) == 1;
            close(told[0]);
            assert_true(WIFSIGNALED(status) || survived);
            deaths += WIFSIGNALED(status);
            store = opened(path, &V1);
            int now = (int)ask_number(store, "SELECT count(*) FROM thing");
            assert_true(now == before + rows[size] || (now == before && !survived));
            assert_ok(store_check(store));
            store_destroy(&store);
            before = now;
        }
    }
    assert_in_range(deaths, 10, 200);
    free(path);
}

/* The same with a disk that refuses one call: a refusal is said, and what was
 * acknowledged is there after reopening. */
static void store__refusing_disk_is_reported_and_loses_nothing(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    insert_many(store, 2);
    store_destroy(&store);
    const int errors[] = {EIO, ENOSPC};
    int before = 2, refusals = 0;
    for (int which = 0; which < 2; which++) {
        bool reached = true;
        for (int at = 0; reached; at++) {
            store = opened(path, &V1);
            assert_ok(store_begin(store));
            insert_many(store, 3);
            fault_arm(FAULT_WRITE | FAULT_SYNC, at, errors[which]);
            enum err err = store_commit(store);
            reached = fault_disarm() > at;
            assert_false(store_in_transaction(store));
            if (err) {
                refusals++;
                assert_int_equal(err, ERR_STORAGE);
                assert_non_null(strstr(err_text(), path));
            }
            store_destroy(&store);
            store = opened(path, &V1);
            int now = (int)ask_number(store, "SELECT count(*) FROM thing");
            assert_true(now == before + 3 || (err && now == before));
            assert_ok(store_check(store));
            store_destroy(&store);
            before = now;
        }
    }
    assert_in_range(refusals, 6, 100);
    free(path);
}

/* A folder that may be read and not written: said in words, not in SQL. */
static void store__that_may_not_be_written_says_so(void **state)
{
    char *folder = scratch_path(*state, "f"), *path = scratch_path(*state, "f/s");
    assert_ok(file_make_directory(folder, 0700));
    struct store *store = created(path, &V1);
    store_destroy(&store);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (chmod(*state, 0755) != 0 || chown(path, 65534, 0) != 0 ||
                               chown(folder, 65534, 0) != 0 || setuid(65534) != 0))
            _exit(2);
        if (chmod(folder, 0500) != 0)
            _exit(3);
        store = opened(path, &V1);
        enum err err = store_begin(store);
        if (err == ERR_OK)
            err = store_execute(store, "INSERT INTO thing (name) VALUES (1)");
        bool clear = strstr(err_text(), "may not be written") &&
                     !strstr(err_text(), "INSERT") &&
                     strstr(err_hint_text(), "owns the folder");
        _exit(err == ERR_STORAGE && clear ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(folder, 0700), 0);
    free(path);
    free(folder);
}

static void store__asks_nothing_more_of_a_disk_that_did_not_sync(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    assert_ok(store_begin(store));
    insert_many(store, 3);
    fault_arm(FAULT_SYNC, 0, EIO);
    assert_refused(ERR_STORAGE, "s refuses: disk I/O error", store_commit(store));
    fault_disarm();
    assert_refused(ERR_STORAGE, "refused to sync", store_begin(store));
    assert_refused(ERR_STORAGE, "refused to sync",
                   store_execute(store, "SELECT count(*) FROM thing"));
    store_destroy(&store);
    store = opened(path, &V1);
    assert_int_equal(ask_number(store, "SELECT count(*) FROM thing"), 0);
    store_destroy(&store);
    free(path);
}

static void store__runs_nothing_outside_a_transaction_that_fell_apart(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    assert_ok(store_begin(store));
    fault_arm(FAULT_WRITE, 0, ENOSPC); /* strikes when the page cache overflows */
    struct query *query;
    enum err err = store_query(store, "INSERT INTO thing (blob) VALUES (?1)", &query);
    for (int i = 0; !err && i < 10000; i++) {
        query_blob(query, 1, (char[3000]){0}, 3000);
        err = query_run(query);
    }
    fault_disarm();
    assert_int_equal(err, ERR_STORAGE);
    assert_non_null(strstr(err_text(), "the disk that holds"));
    assert_non_null(strstr(err_text(), " is full"));
    assert_null(strstr(err_text(), "INSERT"));
    assert_refused(ERR_STORAGE, "rolled back",
                   store_execute(store, "INSERT INTO thing (name) VALUES ('stray')"));
    assert_int_equal(store_commit(store), ERR_STORAGE);
    assert_int_equal(ask_number(store, "SELECT count(*) FROM thing"), 0);
    assert_ok(store_execute(store, "INSERT INTO thing (name) VALUES ('next')"));
    store_destroy(&store);
    free(path);
}

static void store__damage_is_noticed(void **state)
{
    char *path = scratch_path(*state, "s");
    struct store *store = created(path, &V1);
    insert_many(store, 50);
    store_destroy(&store);
    struct bytes whole = {0};
    assert_ok(file_read(path, 1 << 24, &whole));
    assert_int_equal(whole.size % 4096, 0);
    for (size_t at = 3; at < whole.size; at += 1333) {
        whole.data[at] ^= 0x10;
        assert_ok(file_write(path, whole.data, whole.size, 0600));
        whole.data[at] ^= 0x10;
        enum err err = store_open(path, KEY, &V1, &store);
        if (!err)
            err = store_check(store);
        if (err != (at < 4096 ? ERR_KEY : ERR_STORAGE))
            fail_msg("byte %zu: %s: %s", at, err_name(err), err ? err_text() : "");
        store_destroy(&store);
    }
    for (size_t size = 0; size < whole.size; size += 1024) {
        assert_ok(file_write(path, whole.data, size, 0600));
        enum err err = store_open(path, KEY, &V1, &store);
        if (!err)
            err = store_check(store);
        if (err != ERR_STORAGE)
            fail_msg("cut to %zu: %s: %s", size, err_name(err), err_text());
        store_destroy(&store);
    }
    assert_ok(file_write(path, whole.data, whole.size, 0600));
    store = opened(path, &V1);
    assert_ok(store_check(store));
    store_destroy(&store);
    bytes_free(&whole);
    free(path);
}

/* An unclean end leaves a journal; the next opener reads every page before it believes.
 */
static void store__after_an_unclean_end_everything_is_checked(void **state)
{
    char *path = scratch_path(*state, "s"), *journal = mem_format("%s-journal", path);
    struct store *store = created(path, &V1);
    insert_many(store, 50);
    store_destroy(&store);
    struct bytes whole = {0};
    assert_ok(file_read(path, 1 << 24, &whole));
    whole.data[whole.size - 4000] ^= 1;
    assert_ok(file_write(path, whole.data, whole.size, 0600));
    store = opened(path, &V1); /* the damaged page is not looked at */
    store_destroy(&store);
    assert_ok(file_write(journal, whole.data, 512, 0600));
    assert_refused(ERR_STORAGE, "damaged", store_open(path, KEY, &V1, &store));
    assert_non_null(strstr(err_hint_text(), "backup"));
    bytes_free(&whole);
    mem_free(journal);
    free(path);
}

static bool bytes_contain(const struct bytes *bytes, const char *text)
{
    return memmem(bytes->data, bytes->size, text, strlen(text)) != NULL;
}

static void store__no_plaintext_reaches_the_disk(void **state)
{
    char *path = scratch_path(*state, "s"), *journal = mem_format("%s-journal", path);
    struct store *store = created(path, &V1);
    struct query *query;
    for (int pass = 0; pass < 2;
         pass++) { /* the second puts the first into the journal */
        assert_ok(store_begin(store));
        assert_ok(
            store_query(store, "INSERT INTO thing (name, blob) VALUES (?1, ?2)", &query));
        for (int i = 0; i < 3000; i++) {
            char *name = mem_format("CANARY-PATIENT-%d-%d", pass, i);
            query_text(query, 1, name);
            query_blob(query, 2, (char[1000]){"CANARY-BLOB"}, 1000);
            assert_ok(query_run(query));
            mem_free(name);
        }
        if (pass == 1)
            assert_ok(store_execute(store, "UPDATE thing SET name = name || 'x'"));
        struct bytes file = {0}, log = {0};
        assert_ok(file_read(path, 1 << 26, &file));
        assert_ok(file_read(journal, 1 << 26, &log));
        assert_true(file.size > 1000000 && log.size > 512);
        assert_false(bytes_contain(&file, "CANARY") || bytes_contain(&file, "thing"));
        assert_false(bytes_contain(&log, "CANARY") || bytes_contain(&log, "thing"));
        assert_false(bytes_contain(&file, "SQLite format 3"));
        bytes_free(&file);
        bytes_free(&log);
        assert_ok(store_commit(store));
    }
    store_destroy(&store);
    mem_free(journal);
    free(path);
}

static void store__library_is_named(void **state)
{
    (void)state;
    unsigned cipher = 0, major = 0, minor = 0;
    const char *lite = strstr(store_library(), ", SQLite ");
    assert_non_null(lite);
    assert_int_equal(sscanf(store_library(), "SQLCipher %u.", &cipher), 1);
    assert_int_equal(sscanf(lite, ", SQLite %u.%u", &major, &minor), 2);
    assert_true(cipher >= 3 && major == 3 && minor >= 15);
    assert_ptr_equal(store_library(), store_library());
}

#define IN_SCRATCH(test)                                                                 \
    cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(store__keeps_what_it_is_given),
        IN_SCRATCH(query__is_the_same_for_the_same_text_and_comes_clean),
        IN_SCRATCH(store__file_is_private_and_appears_alone),
        IN_SCRATCH(store__says_who_cannot_open_it_and_why),
        IN_SCRATCH(store__relative_names_are_files),
        IN_SCRATCH(store__migrates_forward_or_not_at_all),
        IN_SCRATCH(store__keeps_foreign_keys),
        IN_SCRATCH(store__authoriser_leaves_rows_and_transactions),
        IN_SCRATCH(store__statements_are_bounded),
        IN_SCRATCH(store__transaction_is_whole),
        IN_SCRATCH(store__a_joined_transaction_is_the_callers),
        IN_SCRATCH(store__is_for_one_process_and_one_opener),
        IN_SCRATCH(store__of_two_openers_at_once_one_gets_it),
        IN_SCRATCH(store__killed_at_every_write_keeps_whole_transactions),
        IN_SCRATCH(store__refusing_disk_is_reported_and_loses_nothing),
        IN_SCRATCH(store__that_may_not_be_written_says_so),
        IN_SCRATCH(store__asks_nothing_more_of_a_disk_that_did_not_sync),
        IN_SCRATCH(store__runs_nothing_outside_a_transaction_that_fell_apart),
        IN_SCRATCH(store__damage_is_noticed),
        IN_SCRATCH(store__after_an_unclean_end_everything_is_checked),
        IN_SCRATCH(store__no_plaintext_reaches_the_disk),
        cmocka_unit_test(store__library_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
