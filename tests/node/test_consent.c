#include "node/consent.h"

#include <sys/wait.h>

#include "canary.h"
#include "fault.h"
#include "older.h"

#define USER 1000

static const struct consent_decision signed_now = {"signed", USER, 1764000000},
                                     patient_asks = {"patient", USER, 1764000100},
                                     renewed = {"renewed", USER, 1764000200};

static size_t count_of(struct canary *h, const char *sql)
{
    struct query *query;
    bool row;
    assert_ok(store_query(h->node->store, sql, &query));
    assert_ok(query_step(query, &row));
    size_t count = (size_t)query_get_int(query, 0);
    query_reset(query);
    return count;
}

static enum err decide(struct canary *h, const char *name, enum consent state,
                       const struct consent_decision *decision)
{
    size_t changed;
    return consent_decide(h->node, &name, 1, state, decision, &changed);
}

static size_t usable(struct canary *h)
{
    struct patient *patients;
    size_t count;
    assert_ok(patients_list(h->node, &patients, &count));
    patients_free(patients, count);
    return count;
}

/* --- withdrawing
 * ------------------------------------------------------------------------------- */

static void consent__who_has_withdrawn_is_used_for_nothing(void **state)
{
    struct canary *h = *state;
    struct record *record;
    canary_import_table(h);
    int64_t anna = canary_id(h, "anna");
    assert_int_equal(usable(h), 3);
    assert_ok(decide(h, "anna", CONSENT_WITHDRAWN, &patient_asks));
    assert_int_equal(usable(h), 2);
    assert_refused(ERR_DENIED, "withdrawn", patients_record(h->node, anna, &record));
    assert_ok(patients_disclose(h->node, anna, &record)); /* the person's right */
    assert_int_equal(record->measurement_count, 1);
    record_destroy(&record);
    node_destroy(&h->node);
    assert_ok(node_open(h->folder, &h->node));
    assert_int_equal(usable(h), 2);
    assert_ok(decide(h, "anna", CONSENT_IN, &renewed));
    assert_int_equal(usable(h), 3);
    assert_ok(patients_record(h->node, anna, &record));
    record_destroy(&record);
}

static void consent__lists_are_taken_whole_or_not_at_all(void **state)
{
    struct canary *h = *state;
    const char *people[] = {"anna", "bert", "nobody-here"};
    size_t changed;
    canary_import_table(h);
    assert_refused(
        ERR_NOT_FOUND, "patient 3 of the list",
        consent_decide(h->node, people, 3, CONSENT_WITHDRAWN, &patient_asks, &changed));
    assert_null(strstr(err_text(), "nobody-here"));
    assert_int_equal(usable(h), 3);
    assert_ok(
        consent_decide(h->node, people, 2, CONSENT_WITHDRAWN, &patient_asks, &changed));
    assert_int_equal(changed, 2);
    assert_int_equal(usable(h), 1);
    assert_ok(
        consent_decide(h->node, people, 2, CONSENT_WITHDRAWN, &patient_asks, &changed));
    assert_int_equal(changed, 0);
}

static void consent__reasons_are_a_closed_list(void **state)
{
    struct canary *h = *state;
    const struct consent_decision free_text = {"moved to Berlin", USER, 1};
    struct consent_erased erased;
    canary_import_table(h);
    assert_refused(ERR_USAGE, "not a reason",
                   decide(h, "anna", CONSENT_WITHDRAWN, &free_text));
    assert_null(strstr(err_text(), "Berlin"));
    assert_refused(ERR_USAGE, "not a reason",
                   decide(h, "anna", CONSENT_WITHDRAWN, &signed_now));
    assert_refused(ERR_USAGE, "not a reason",
                   consent_erase(h->node, "anna", &signed_now, &erased));
    assert_int_equal(usable(h), 3);
    for (int s = 0; s < CONSENT_STATES; s++) {
        const struct consent_reason *reason;
        size_t count = 0;
        for (; (reason = consent_reason_at((enum consent)s, count)); count++)
            assert_ok(consent_reason_check((enum consent)s, reason->code));
        assert_true(count >= 3);
    }
}

/* Daily exports go on, whoever withdrew; and once consent is back, the same file brings
 * what was left out. */
static void consent__an_import_adds_nothing_to_who_has_withdrawn(void **state)
{
    struct canary *h = *state;
    struct patients_import report;
    const char *more = "ID,TIME,AMT,CP,WT\nanna,9,.,1.25,70\nbert,9,.,1.5,80\n";
    canary_import_table(h);
    assert_ok(decide(h, "anna", CONSENT_WITHDRAWN, &patient_asks));
    assert_ok(canary_import(h, more, &report));
    assert_int_equal(report.patients_withdrawn, 1);
    assert_int_equal(report.patients_known, 2);
    assert_int_equal(report.rows_new, 2); /* a value and a weight */
    assert_int_equal(usable(h), 2);
    assert_ok(decide(h, "anna", CONSENT_IN, &renewed));
    assert_ok(canary_import(h, more, &report));
    assert_false(report.repeated);
    assert_int_equal(report.patients_withdrawn, 0);
    assert_int_equal(report.rows_new, 2);
}

/* --- erasing
 * ------------------------------------------------------------------------------- */

static void consent__the_erased_come_back_only_when_they_agree(void **state)
{
    struct canary *h = *state;
    struct patients_import report;
    struct consent_erased erased;
    struct patient *patients;
    size_t count;
    double before, after;
    canary_import_table(h);
    canary_charge(h->node, 1);
    canary_charge(h->node, 2);
    assert_ok(consent_erase(h->node, "bert", &patient_asks, &erased));
    assert_int_equal(erased.rows, 3); /* a dose, a weight, a measurement */
    assert_int_equal(erased.releases, 2);
    assert_relative(erased.loss.mu, sqrt(2) / 40, 1e-9);
    assert_ok(ledger_spent(h->node->ledger, erased.pseudonym, &before));
    assert_int_equal(usable(h), 2);
    assert_refused(ERR_DENIED, "patient 3 of the file was erased here",
                   canary_import(h, canary_table, &report));
    assert_null(strstr(err_text(), "bert"));
    assert_refused(ERR_STATE, "erased",
                   decide(h, "bert", CONSENT_WITHDRAWN, &patient_asks));
    assert_refused(ERR_NOT_FOUND, "no record",
                   consent_erase(h->node, "bert", &patient_asks, &erased));
    assert_ok(decide(h, "bert", CONSENT_IN, &renewed));
    assert_int_equal(usable(h), 2);
    assert_ok(canary_import(h, canary_table, &report));
    assert_int_equal(report.patients_new, 1);
    assert_int_equal(report.rows_new, 3);
    assert_ok(patients_list(h->node, &patients, &count));
    assert_int_equal(count, 3);
    assert_string_equal(patients[2].name, "bert");
    assert_memory_equal(patients[2].pseudonym, erased.pseudonym, LEDGER_PSEUDONYM_BYTES);
    assert_ok(ledger_spent(h->node->ledger, patients[2].pseudonym, &after));
    assert_true(after == before && after > 0); /* nobody's budget is refilled */
    patients_free(patients, count);
}

static void consent__erasing_leaves_nothing_in_the_pages(void **state)
{
    struct canary *h = *state;
    struct consent_erased erased;
    canary_import_table(h);
    assert_int_equal(canary_markers(h), 5 + 3);
    assert_ok(consent_erase(h->node, CANARY, &patient_asks, &erased));
    assert_int_equal(canary_markers(h), 0);
    assert_int_equal(count_of(h, "SELECT count(*) FROM patients"), 2);
    assert_int_equal(count_of(h, "SELECT count(*) FROM measurements"), 2);
    assert_int_equal(count_of(h, "SELECT count(*) FROM imports"), 0);
}

static void fill_with_a_twin(struct node *node)
{
    assert_ok(store_execute(node->store,
                            "INSERT INTO patients (id, name, pseudonym, time_unit, added)"
                            " VALUES (1, 'anna', randomblob(16), 'h', 1)"));
    assert_ok(store_execute(node->store,
                            "INSERT INTO twins (patient, model, prior, fitted, converged,"
                            " minus2_log_likelihood, phi, covariance)"
                            " VALUES (1, x'00', x'00', 1, 1, 2.5, '" CANARY
                            "', zeroblob(20000))"));
}

/* Twins were kept once; the pages that held them are overwritten, too. */
static void consent__nothing_is_left_of_the_twins_of_an_older_store(void **state)
{
    struct canary *h = *state;
    struct bytes before = {0};
    node_destroy(&h->node);
    free(h->folder);
    h->folder = scratch_path(h->directory, "older");
    older_home(h->folder, "DROP TABLE twins", fill_with_a_twin);
    char *store = file_join(h->folder, "gemel-node.db");
    char *path = file_join(h->folder, "store.key");
    void *key;
    assert_ok(file_read_secret(path, STORE_KEY_BYTES, &key));
    pages_decrypt(store, key, &before);
    secret_free(key);
    free(store);
    free(path);
    assert_int_equal(canary_count(&before), 1);
    assert_ok(node_open(h->folder, &h->node));
    assert_int_equal(usable(h), 1);
    assert_int_equal(canary_markers(h), 0);
    bytes_free(&before);
}

/* Many rows, so that pages are split, freed and used again. */
static void consent__erasing_a_long_record_leaves_nothing(void **state)
{
    struct canary *h = *state;
    struct patients_import report;
    struct consent_erased erased;
    struct bytes text = {0};
    const char *first = "ID,TIME,AMT,CP,WT\nanna,0,100,.,70\n";
    bytes_append(&text, first, strlen(first));
    for (int i = 0; i < 2000; i++) {
        char *row = mem_format(CANARY ",%d.5,.,131.41592,61.803398875\n", i);
        bytes_append(&text, row, strlen(row));
        mem_free(row);
    }
    bytes_u8(&text, 0);
    assert_ok(canary_import(h, (const char *)text.data, &report));
    bytes_free(&text);
    assert_int_equal(canary_markers(h), 3 + 1); /* name, value and weight */
    assert_ok(consent_erase(h->node, CANARY, &patient_asks, &erased));
    assert_int_equal(erased.rows, 2001);
    assert_int_equal(canary_markers(h), 0);
}

/* Killed at any call that changes a file, the patient is there whole or gone whole. */
static void consent__a_killed_erasure_is_whole_or_not_at_all(void **state)
{
    struct canary *h = *state;
    int64_t id;
    bool gone = false;
    size_t whole = 0;
    canary_import_table(h);
    node_destroy(&h->node);
    for (int call = 0; !gone; call++) {
        pid_t child = fork();
        if (child == 0) {
            struct node *node;
            struct consent_erased erased;
            if (node_open(h->folder, &node) != ERR_OK)
                _exit(1);
            fault_arm(FAULT_ANY, call, call % 2 ? FAULT_KILL_HALF : FAULT_KILL);
            _exit(consent_erase(node, CANARY, &patient_asks, &erased) == ERR_OK ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) || (WIFEXITED(status) && !WEXITSTATUS(status)));
        assert_ok(node_open(h->folder, &h->node));
        gone = patients_find(h->node, CANARY, &id) != ERR_OK;
        assert_int_equal(count_of(h, "SELECT count(*) FROM measurements"), gone ? 2 : 3);
        assert_int_equal(count_of(h, "SELECT count(*) FROM consents"), gone ? 1 : 0);
        whole += !gone;
        node_destroy(&h->node);
    }
    assert_true(whole >= 5); /* it was killed on the way */
    assert_ok(node_open(h->folder, &h->node));
}

/* --- listing
 * ------------------------------------------------------------------------------- */

static void consent__lists_say_who_when_and_why(void **state)
{
    struct canary *h = *state;
    struct consent_line *lines;
    struct consent_erased erased;
    size_t count;
    canary_import_table(h);
    assert_ok(decide(h, "anna", CONSENT_WITHDRAWN, &patient_asks));
    assert_ok(consent_erase(h->node, "bert", &patient_asks, &erased));
    assert_ok(consent_list(h->node, 7, &lines, &count));
    assert_int_equal(count, 3);
    assert_string_equal(lines[0].name, "anna");
    assert_int_equal(lines[0].state, CONSENT_WITHDRAWN);
    assert_string_equal(lines[0].reason, "patient");
    assert_int_equal(lines[0].user, USER);
    assert_int_equal(lines[0].decided, patient_asks.wall);
    assert_int_equal(lines[1].state, CONSENT_IN);
    assert_null(lines[1].reason);
    assert_null(lines[2].name);
    assert_memory_equal(lines[2].pseudonym, erased.pseudonym, LEDGER_PSEUDONYM_BYTES);
    consent_lines_free(lines, count);
    assert_ok(consent_list(h->node, 1u << CONSENT_ERASED, &lines, &count));
    assert_int_equal(count, 1);
    consent_lines_free(lines, count);
}

#define IN_HOME(test)                                                                    \
    cmocka_unit_test_setup_teardown(test, canary_set_up, canary_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOME(consent__who_has_withdrawn_is_used_for_nothing),
        IN_HOME(consent__lists_are_taken_whole_or_not_at_all),
        IN_HOME(consent__reasons_are_a_closed_list),
        IN_HOME(consent__an_import_adds_nothing_to_who_has_withdrawn),
        IN_HOME(consent__the_erased_come_back_only_when_they_agree),
        IN_HOME(consent__erasing_leaves_nothing_in_the_pages),
        IN_HOME(consent__nothing_is_left_of_the_twins_of_an_older_store),
        IN_HOME(consent__erasing_a_long_record_leaves_nothing),
        IN_HOME(consent__a_killed_erasure_is_whole_or_not_at_all),
        IN_HOME(consent__lists_say_who_when_and_why),
    };
    return cmocka_run_group_tests_name("consent", tests, NULL, NULL);
}
