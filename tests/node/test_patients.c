#include "node/patients.h"

#include "base/bytes.h"
#include "base/file.h"
#include "check.h"
#include "node/signals.h"
#include "scratch.h"

static const char years[] = "model bp version 1 \"t\"\ntime a\n"
                            "[parameters]\nlevel = 4.8 1 normal sd 0.15\n"
                            "[covariates]\nAGE a centre 60 scale 40\n"
                            "[equations]\np = exp(level)*1 mm[Hg]\n"
                            "[observations]\nSBP : p ~ lognormal(0.15)\n";

static struct node *node_in(void *state)
{
    struct node *node;
    char *folder = scratch_path(state, "home");
    assert_ok(node_create(folder, "St Anna", &node));
    free(folder);
    return node;
}

/* Goes on until so many are done. */
static bool to_the(void *context, size_t done, size_t total)
{
    assert_in_range(done, 1, total);
    return done < *(const size_t *)context;
}

/* Import a table written here, until so many patients are stored (0: all). `model`: the
 * text whose unit of time it counts in. */
static enum err import_until(void *state, struct node *node, const char *model,
                             const char *table, bool dry_run, size_t until,
                             struct patients_import *report)
{
    char *csv = scratch_path(state, "t.csv"), *twin = scratch_path(state, "t.twin");
    struct model *loaded;
    struct dataset *dataset;
    uint8_t hash[HASH_BYTES];
    assert_ok(file_write(csv, table, strlen(table), 0600));
    assert_ok(file_write(twin, model, strlen(model), 0600));
    assert_ok(model_load(twin, &loaded));
    assert_ok(dataset_read(csv, NULL, loaded, &dataset));
    dataset_state_units(dataset, loaded);
    bytes_hash("gemel/import/1", table, strlen(table), hash);
    *report = (struct patients_import){0};
    enum err err = patients_import(node, dataset, "t.csv", hash, 1, dry_run,
                                   until ? to_the : NULL, &until, report);
    dataset_destroy(&dataset);
    model_destroy(&loaded);
    free(csv);
    free(twin);
    return err;
}

static enum err import(void *state, struct node *node, const char *model,
                       const char *table, bool dry_run, struct patients_import *report)
{
    return import_until(state, node, model, table, dry_run, 0, report);
}

static void holds(struct node *node, size_t patients, size_t measurements)
{
    size_t count;
    assert_ok(patients_count(node, &count));
    assert_int_equal(count, patients);
    assert_ok(patients_measurements(node, &count));
    assert_int_equal(count, measurements);
    assert_ok(signals_check(node, NULL, NULL, &count)); /* the engine's follow */
    assert_int_equal(count, patients);
}

static const char two_people[] =
    "ID,TIME,SBP,AGE\n"
    "canary1Qx7,0,120,50\ncanary1Qx7,1,125,50\ncanary1Qx7,2,130,50\n"
    "canary2Qx7,0,131.41592,60\n";

static void patients__a_file_imported_again_changes_nothing(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    assert_ok(import(*state, node, years, two_people, false, &report));
    assert_false(report.repeated);
    assert_int_equal(report.patients_new, 2);
    assert_int_equal(report.rows_new, 4 + 2); /* each person's age once */
    holds(node, 2, 4);
    assert_ok(import(*state, node, years, two_people, false, &report));
    assert_true(report.repeated);
    assert_int_equal(report.rows_new + report.patients_new, 0);
    holds(node, 2, 4);
    node_destroy(&node);
}

/* Another file (its bytes differ) with the same people, in another order. */
static void patients__the_same_rows_in_another_file_change_nothing(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    assert_ok(import(*state, node, years, two_people, false, &report));
    assert_ok(import(*state, node, years,
                     "ID,TIME,SBP,AGE\ncanary2Qx7,0,131.41592,60\ncanary1Qx7,0,120,"
                     "50\ncanary1Qx7,1,125,50\n"
                     "canary1Qx7,2,130,50\n",
                     false, &report));
    assert_false(report.repeated);
    assert_int_equal(report.patients_known, 2);
    assert_int_equal(report.patients_new + report.rows_new, 0);
    assert_int_equal(report.rows_known, 6);
    holds(node, 2, 4);
    node_destroy(&node);
}

static void patients__overlapping_files_give_their_union(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    int64_t id;
    struct record *record;
    assert_ok(import(*state, node, years, two_people, false, &report));
    assert_ok(import(
        *state, node, years,
        "ID,TIME,SBP,AGE\ncanary1Qx7,1,125,50\ncanary1Qx7,2,131,50\ncanary1Qx7,3,135,50\n"
        "carl,0,150,70\n",
        false, &report));
    assert_int_equal(report.patients_new, 1);
    assert_int_equal(report.patients_known, 1);
    holds(node, 3, 7); /* at time 2 two values: both were measured */
    assert_ok(patients_find(node, "canary1Qx7", &id));
    assert_ok(patients_record(node, id, &record));
    const double times[] = {0, 1, 2, 2, 3};
    double sum = 0;
    assert_int_equal(record->measurement_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_near(record->measurements[i].time, times[i], 0);
        sum += record->measurements[i].value;
    }
    assert_near(sum, 120 + 125 + 130 + 131 + 135, 0);
    record_destroy(&record);
    node_destroy(&node);
}

/* Two like readings in a file were two readings; the file with three brings one more. */
static void patients__rows_alike_are_as_many_as_the_fullest_file_says(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    const char *tables[] = {
        "ID,TIME,SBP,AGE\na,0,120,50\na,0,120,50\n",
        "ID,TIME,SBP,AGE\na,0,120,50\na,0,120,50\na,0,120,50\n",
        "ID,TIME,SBP,AGE\na,0,120,50\n",
    };
    const size_t held[] = {2, 3, 3};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(import(*state, node, years, tables[i], false, &report));
        holds(node, 1, held[i]);
    }
    node_destroy(&node);
}

/* One table, two models: what the second one names is not lost because the file is known.
 */
static void patients__a_known_file_is_read_for_another_model(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    const char *table = "ID,TIME,SBP,PULSE,AGE\na,0,120,61,50\na,1,125,64,50\n";
    char pulse[sizeof years + 100];
    snprintf(pulse, sizeof pulse, "%s", years);
    for (char *at; (at = strstr(pulse, "SBP"));) {
        memmove(at + 5, at + 3, strlen(at + 3) + 1);
        memcpy(at, "PULSE", 5);
    }
    assert_ok(import(*state, node, years, table, false, &report));
    assert_int_equal(report.rows_new, 3); /* and an age */
    assert_ok(import(*state, node, pulse, table, false, &report));
    assert_false(report.repeated);
    assert_true(report.read_otherwise);
    assert_int_equal(report.rows_new, 2);
    holds(node, 1, 4);
    assert_ok(import(*state, node, pulse, table, false, &report));
    assert_true(report.repeated);
    assert_false(report.read_otherwise);
    holds(node, 1, 4);
    node_destroy(&node);
}

/* Interrupted at the first of two patients: it is as if nobody had begun. */
static void patients__an_import_that_is_stopped_stores_nothing(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    assert_refused(ERR_INTERRUPTED, "nothing was stored",
                   import_until(*state, node, years, two_people, false, 1, &report));
    holds(node, 0, 0);
    assert_ok(import_until(*state, node, years, two_people, false, 3, &report));
    holds(node, 2, 4);
    size_t repacked, first = 1;
    assert_refused(ERR_INTERRUPTED, "nothing was changed",
                   patients_repack(node, to_the, &first, &repacked));
    assert_ok(patients_repack(node, NULL, NULL, &repacked));
    assert_int_equal(repacked, 2);
    node_destroy(&node);
}

/* The second patient of the file is refused after the first one was stored. */
static void patients__a_refused_file_leaves_nothing_behind(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    char days[sizeof years];
    const char *table = "ID,TIME,SBP,AGE\nnew,0,111,40\ncanary1Qx7,9,122,50\n";
    memcpy(days, years, sizeof years);
    memcpy(strstr(days, "time a"), "time d", 6);
    assert_ok(import(*state, node, years, two_people, false, &report));
    assert_refused(ERR_RANGE, "patient 2 of the file counts time in d",
                   import(*state, node, days, table, false, &report));
    assert_non_null(strstr(err_hint_text(), "count the file's time in a"));
    assert_null(strstr(err_text(), "canary1Qx7")); /* names stay out of sentences */
    holds(node, 2, 4);
    assert_ok(import(*state, node, years, table, false, &report));
    assert_false(report.repeated); /* the refusal did not note the file either */
    holds(node, 3, 6);
    node_destroy(&node);
}

/* What no record could hold would be in the store and open to nobody. */
static void patients__more_rows_than_a_record_holds_are_refused(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    const char *next = "ID,TIME,SBP,AGE\nnew,0,111,40\ncanary1Qx7,9,122,50\n";
    size_t before, after;
    assert_ok(import(*state, node, years, two_people, false, &report));
    assert_ok(store_execute(
        node->store,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
        "999997)"
        " INSERT INTO measurements (patient, time, quantity, unit, value, rank, "
        "censoring)"
        " SELECT (SELECT id FROM patients WHERE name = 'canary1Qx7'), 3 + i / 1e6, 'SBP',"
        " 'mm[Hg]', 120, 0, 0 FROM n"));
    assert_ok(patients_measurements(node, &before));
    assert_refused(ERR_RANGE, "patient 2 of the file: more than 1000000 measurements",
                   import(*state, node, years, next, false, &report));
    assert_null(strstr(err_text(), "canary1Qx7"));
    assert_non_null(strstr(err_hint_text(), "thinned out"));
    assert_ok(patients_measurements(node, &after));
    assert_int_equal(after, before);
    node_destroy(&node);
}

static void patients__a_dry_run_counts_and_stores_nothing(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    assert_ok(import(*state, node, years, two_people, true, &report));
    assert_int_equal(report.patients_new, 2);
    assert_int_equal(report.rows_new, 6);
    holds(node, 0, 0);
    assert_ok(import(*state, node, years, two_people, false, &report));
    assert_false(report.repeated);
    holds(node, 2, 4);
    node_destroy(&node);
}

/* The ledger knows patients by pseudonym: one a patient, the same for ever. */
static void patients__keep_their_pseudonyms(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    struct patient *before, *after;
    size_t count, again;
    char *folder = scratch_path(*state, "home");
    assert_ok(import(*state, node, years, two_people, false, &report));
    assert_ok(patients_list(node, &before, &count));
    node_destroy(&node);
    assert_ok(node_open(folder, &node));
    assert_ok(import(*state, node, years,
                     "ID,TIME,SBP,AGE\ncanary2Qx7,5,141,60\ncanary1Qx7,5,1,50\n", false,
                     &report));
    assert_ok(patients_list(node, &after, &again));
    assert_int_equal(count, 2);
    assert_int_equal(again, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(before[i].name, after[i].name);
        assert_memory_equal(before[i].pseudonym, after[i].pseudonym,
                            LEDGER_PSEUDONYM_BYTES);
    }
    assert_memory_not_equal(after[0].pseudonym, after[1].pseudonym,
                            LEDGER_PSEUDONYM_BYTES);
    patients_free(before, count);
    patients_free(after, again);
    node_destroy(&node);
    free(folder);
}

static void patients__unknown_ones_are_not_found(void **state)
{
    struct node *node = node_in(*state);
    struct record *record;
    int64_t id;
    assert_refused(ERR_NOT_FOUND, "no patient", patients_find(node, "zoe", &id));
    assert_refused(ERR_NOT_FOUND, "no patient", patients_record(node, 7, &record));
    node_destroy(&node);
}

/* A record outlives the model that it came with: another one may have another unit under
 * the same name. Rows of before, without a unit, are still the same rows. */
static void patients__keep_the_units_that_were_meant(void **state)
{
    struct node *node = node_in(*state);
    struct patients_import report;
    struct record *record;
    int64_t id;
    size_t patients;
    const char *more = "ID,TIME,SBP,AGE\ncanary1Qx7,0,120,50\ncanary1Qx7,9,99,50\n";
    assert_ok(import(*state, node, years, two_people, false, &report));
    assert_ok(patients_find(node, "canary1Qx7", &id));
    assert_ok(patients_record(node, id, &record));
    assert_string_equal(record->measurements[0].unit, "mm[Hg]");
    assert_string_equal(record->covariates[0].unit, "a");
    record_destroy(&record);
    assert_ok(store_begin(node->store));
    assert_ok(store_execute(node->store, "UPDATE measurements SET unit = NULL"));
    assert_ok(store_execute(node->store, "UPDATE covariates SET unit = NULL"));
    assert_ok(store_commit(node->store));
    assert_ok(patients_repack(node, NULL, NULL, &patients));
    assert_ok(import(*state, node, years, more, false, &report));
    assert_int_equal(report.rows_new, 1);
    assert_ok(patients_record(node, id, &record));
    assert_null(record->measurements[0].unit);
    assert_string_equal(record->measurements[3].unit, "mm[Hg]");
    record_destroy(&record);
    node_destroy(&node);
}

#define IN_SCRATCH(test)                                                                 \
    cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(patients__a_file_imported_again_changes_nothing),
        IN_SCRATCH(patients__the_same_rows_in_another_file_change_nothing),
        IN_SCRATCH(patients__overlapping_files_give_their_union),
        IN_SCRATCH(patients__keep_the_units_that_were_meant),
        IN_SCRATCH(patients__rows_alike_are_as_many_as_the_fullest_file_says),
        IN_SCRATCH(patients__a_known_file_is_read_for_another_model),
        IN_SCRATCH(patients__an_import_that_is_stopped_stores_nothing),
        IN_SCRATCH(patients__a_refused_file_leaves_nothing_behind),
        IN_SCRATCH(patients__more_rows_than_a_record_holds_are_refused),
        IN_SCRATCH(patients__a_dry_run_counts_and_stores_nothing),
        IN_SCRATCH(patients__keep_their_pseudonyms),
        IN_SCRATCH(patients__unknown_ones_are_not_found),
    };
    return cmocka_run_group_tests_name("patients", tests, NULL, NULL);
}
