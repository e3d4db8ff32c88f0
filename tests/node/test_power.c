/* The power fails at any call that changes the store's files, and what was not synced is
 * lost or not, sector by sector (tests/support/amnesia.h): a charge that was acknowledged
 * is there, an import is there whole or not at all, and the store opens again.
 *
 * `test_node_power nightly` tries fifty times as many states. */

#include "check.h"
#include "hospital.h"

#include "amnesia.h"
#include "node/signals.h"
#include "privacy/accountant.h"

#define CHARGED_BEFORE 3
#define CHARGES 6 /* tried in one life of the node */
#define NEWCOMERS 12

static int states = 2000, pairs = 200;

struct power {
    struct hospital *h;
    char *path, *journal;
    struct bytes before; /* the store's file, as every life begins */
    struct dataset *newcomers;
};

/* What a life was told to be done. */
struct told {
    uint64_t charges;
    bool import;
};

static struct dataset *newcomers(struct hospital *h)
{
    struct bytes table = {0};
    struct dataset *dataset;
    char *path = scratch_path(h->directory, "newcomers.csv");
    bytes_append(&table, "ID,TIME,SBP,AGE\n", 16);
    for (size_t i = 0; i < 3 * NEWCOMERS; i++) {
        char *row =
            mem_format("canary9%zuQx7,%zu,%zu,%zu\n", i / 3, i % 3, 100 + i, 40 + i / 3);
        bytes_append(&table, row, strlen(row));
        mem_free(row);
    }
    assert_ok(file_write(path, table.data, table.size, 0600));
    assert_ok(dataset_read(path, NULL, h->model, &dataset));
    bytes_free(&table);
    free(path);
    return dataset;
}

static int set_up(void **state)
{
    void *hospital;
    if (hospital_set_up(&hospital) != 0)
        return -1;
    struct power *p = mem_new(1, sizeof *p);
    p->h = hospital;
    p->path = file_join(p->h->folder, "gemel-node.db");
    p->journal = file_join(p->h->folder, "gemel-node.db-journal");
    hospital_patients(p->h, PATIENTS);
    p->newcomers = newcomers(p->h);
    for (uint64_t round = 1; round <= CHARGED_BEFORE; round++)
        assert_ok(hospital_charge(p->h->node, round, MULTIPLIER));
    node_destroy(&p->h->node);
    assert_ok(file_read(p->path, AMNESIA_BYTES_MAX, &p->before));
    amnesia_install();
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct power *p = *state;
    void *hospital = p->h;
    amnesia_uninstall();
    dataset_destroy(&p->newcomers);
    bytes_free(&p->before);
    mem_free(p->path);
    mem_free(p->journal);
    mem_free(p);
    return hospital_tear_down(&hospital);
}

/* A node's life from opening its home to the end of the power, or of its work. */
static struct told live(struct power *p)
{
    struct told told = {0};
    struct node *node = NULL;
    struct patients_import report;
    enum err result = node_open(p->h->folder, &node);
    for (uint64_t i = 0; result == ERR_OK && i < CHARGES; i++) {
        if (i == CHARGES / 2) {
            result = patients_import(node, p->newcomers, "newcomers.csv",
                                     (const uint8_t[HASH_BYTES]){1}, NOW, false, NULL,
                                     NULL, &report);
            told.import = result == ERR_OK;
        }
        if (result == ERR_OK)
            result = hospital_charge(node, CHARGED_BEFORE + 1 + i, MULTIPLIER);
        told.charges += result == ERR_OK;
    }
    node_destroy(&node);
    return told;
}

/* The power is back for good: what must be there is. */
static void check(struct power *p, const struct told *told, int at, uint64_t seed)
{
    struct node *node;
    size_t patients, measurements;
    double spent;
    amnesia_arm(AMNESIA_NEVER, 0);
    if (node_open(p->h->folder, &node) != ERR_OK)
        fail_msg("call %d, seed %llu: %s", at, (unsigned long long)seed, err_text());
    uint64_t least = CHARGED_BEFORE + told->charges, length = ledger_length(node->ledger);
    if (length < least || length > least + 1)
        fail_msg("call %d, seed %llu: %llu charges were acknowledged, %llu are there", at,
                 (unsigned long long)seed, (unsigned long long)least,
                 (unsigned long long)length);
    assert_ok(ledger_spent_most(node->ledger, NULL, &spent));
    assert_relative(spent, (double)length / (MULTIPLIER * MULTIPLIER), 1e-12);
    assert_ok(patients_count(node, &patients));
    assert_ok(patients_measurements(node, &measurements));
    size_t imported = patients > PATIENTS;
    if ((told->import && !imported) || patients != PATIENTS + imported * NEWCOMERS ||
        measurements != PATIENTS + imported * 3 * NEWCOMERS)
        fail_msg("call %d, seed %llu: an import %s; %zu patients, %zu measurements", at,
                 (unsigned long long)seed, told->import ? "was acknowledged" : "began",
                 patients, measurements);
    assert_ok(store_check(node->store));
    if (signals_check(node, NULL, NULL, &patients) != ERR_OK)
        fail_msg("call %d, seed %llu: %s", at, (unsigned long long)seed, err_text());
    node_destroy(&node);
    amnesia_fail();
}

static void begin_anew(struct power *p)
{
    FILE *file = fopen(p->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(p->before.data, 1, p->before.size, file), p->before.size);
    assert_int_equal(fclose(file), 0);
    unlink(p->journal);
}

/* How many calls a whole life makes. */
static int calls_of_a_life(struct power *p)
{
    begin_anew(p);
    amnesia_arm(AMNESIA_NEVER, 0);
    struct told told = live(p);
    int calls = amnesia_arm(AMNESIA_NEVER, 0);
    assert_int_equal(told.charges, CHARGES);
    assert_true(told.import);
    amnesia_fail();
    check(p, &told, calls, 0);
    return calls;
}

static void power__lost_at_any_call_loses_nothing_acknowledged(void **state)
{
    struct power *p = *state;
    int calls = calls_of_a_life(p), complete = 0;
    assert_in_range(calls, 80, 2000);
    for (int i = 0; i < states; i++) {
        int at = i % (calls + 1);
        uint64_t seed = (uint64_t)i + 1;
        begin_anew(p);
        amnesia_arm(at, seed);
        struct told told = live(p);
        amnesia_fail();
        complete += told.charges == CHARGES;
        check(p, &told, at, seed);
    }
    assert_true(complete < states / 10);
}

/* And once more while the store is being recovered, which is when a journal is played
 * back. */
static void power__lost_again_during_recovery_loses_nothing_acknowledged(void **state)
{
    struct power *p = *state;
    int calls = calls_of_a_life(p), recovering = 0;
    for (int i = 0; i < pairs; i++) {
        int at = (int)((unsigned)i * 37u % (unsigned)calls);
        uint64_t seed = (uint64_t)i + 1;
        begin_anew(p);
        amnesia_arm(at, seed);
        struct told told = live(p);
        amnesia_fail();
        struct node *node = NULL;
        amnesia_arm(i % 11, ~seed);
        recovering += node_open(p->h->folder, &node) != ERR_OK;
        node_destroy(&node);
        amnesia_fail();
        check(p, &told, at, seed);
    }
    assert_true(recovering > pairs / 10);
}

#define WITH_POWER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_POWER(power__lost_at_any_call_loses_nothing_acknowledged),
        WITH_POWER(power__lost_again_during_recovery_loses_nothing_acknowledged),
    };
    if (argc > 1 && strcmp(argv[1], "nightly") == 0)
        states *= 50, pairs *= 100;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
