/* The power fails at each call of a node's life that changes the store's files, and what
 * was not synced is lost or not, sector by sector (tests/support/amnesia.h): a charge
 * that was acknowledged is there, an import is there whole or not at all, and the store
 * opens again. And once more at each call of the recovery.
 *
 *   test_node_power           seven states of the disk after each call, drawn
 *   test_node_power nightly   every state, or hundreds, as `states_of` has it */

#include "check.h"
#include "hospital.h"

#include "amnesia.h"
#include "node/signals.h"
#include "privacy/accountant.h"

#define CHARGED_BEFORE 3
#define CHARGES 6 /* tried in one life of the node */
#define NEWCOMERS 12

#define IN_DOUBT_FEW 8 /* sectors and entries of which every combination is tried */
#define DRAWN 64
#define DRAWN_AGAIN 8

static bool nightly;

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

/* Where a life and a recovery ended, and which of the states of the disk that left. */
struct ending {
    int call, again; /* AMNESIA_NEVER: not again */
    size_t state;
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

static void complain(const struct ending *ending, const char *what)
{
    fail_msg("call %d, call %d of the recovery, state %zu: %s", ending->call,
             ending->again, ending->state, what);
}

/* The power is back for good: what must be there is. */
static void check(struct power *p, const struct told *told, const struct ending *ending)
{
    struct node *node;
    struct amnesia_disk disk;
    size_t patients, measurements;
    double spent;
    amnesia_arm(AMNESIA_NEVER);
    if (node_open(p->h->folder, &node) != ERR_OK)
        complain(ending, err_text());
    uint64_t least = CHARGED_BEFORE + told->charges, length = ledger_length(node->ledger);
    if (length < least || length > least + 1)
        complain(ending, "a charge that was acknowledged is not there, or one too many");
    assert_ok(ledger_spent_most(node->ledger, NULL, &spent));
    assert_relative(spent, (double)length / (MULTIPLIER * MULTIPLIER), 1e-12);
    assert_ok(patients_count(node, &patients));
    assert_ok(patients_measurements(node, &measurements));
    size_t imported = patients > PATIENTS;
    if ((told->import && !imported) || patients != PATIENTS + imported * NEWCOMERS ||
        measurements != PATIENTS + imported * 3 * NEWCOMERS)
        complain(ending, "an import is not there, or a part of one");
    assert_ok(store_check(node->store));
    if (signals_check(node, NULL, NULL, &patients) != ERR_OK)
        complain(ending, err_text());
    node_destroy(&node);
    amnesia_fail(&disk);
    amnesia_free(&disk);
}

static void begin_anew(struct power *p)
{
    FILE *file = fopen(p->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(p->before.data, 1, p->before.size, file), p->before.size);
    assert_int_equal(fclose(file), 0);
    unlink(p->journal);
}

/* A life in which the power fails at this call; true: it came to its end before. */
static bool live_until(struct power *p, int call, struct told *told,
                       struct amnesia_disk *disk)
{
    begin_anew(p);
    amnesia_arm(call);
    *told = live(p);
    amnesia_fail(disk);
    return amnesia_arm(AMNESIA_NEVER) <= call;
}

/* How many are tried of the states of a disk with so much in doubt: all, or none of it
 * survives, everything, each alone, all but each, and DRAWN. */
static size_t states_of(size_t doubts)
{
    if (!nightly)
        return 7;
    return doubts <= IN_DOUBT_FEW ? (size_t)1 << doubts : 2 + 2 * doubts + DRAWN;
}

static void choose(struct amnesia_coins *coins, size_t doubts, int call, size_t state)
{
    if (!nightly || (doubts > IN_DOUBT_FEW && state >= 2 + 2 * doubts)) {
        amnesia_toss(coins, (uint64_t)call << 32 | state);
        return;
    }
    for (size_t i = 0; i < AMNESIA_COINS; i++)
        if (doubts <= IN_DOUBT_FEW)
            coins->side[i] = i < doubts && state >> i & 1;
        else
            coins->side[i] = state % 2 != (state >= 2 && i == state / 2 - 1);
}

static void power__lost_at_any_call_loses_nothing_acknowledged(void **state)
{
    struct power *p = *state;
    struct ending ending = {.again = AMNESIA_NEVER};
    struct amnesia_coins coins;
    size_t tried = 0, all = 0;
    for (bool whole = false; !whole; ending.call++) {
        struct told told;
        struct amnesia_disk disk;
        whole = live_until(p, ending.call, &told, &disk);
        assert_true(!whole || (told.charges == CHARGES && told.import));
        memset(coins.side, true, sizeof coins.side);
        amnesia_leave(&disk, &coins);
        size_t doubts = coins.taken, states = states_of(doubts);
        for (ending.state = 0; ending.state < states; ending.state++) {
            choose(&coins, doubts, ending.call, ending.state);
            amnesia_leave(&disk, &coins);
            check(p, &told, &ending);
        }
        amnesia_free(&disk);
        tried += states;
        all += doubts <= IN_DOUBT_FEW;
    }
    print_message("%d calls, after %zu of them at most %d sectors in doubt; %zu states\n",
                  ending.call - 1, all, IN_DOUBT_FEW, tried);
    assert_in_range(ending.call, 80, 2000);
}

/* The recovery of one state, which is when a journal is played back, with the power
 * failing at each of its calls; returns how many those are. */
static int fail_again(struct power *p, const struct amnesia_disk *disk,
                      const struct told *told, int call)
{
    struct ending ending = {.call = call};
    struct amnesia_coins coins;
    for (bool recovered = false; !recovered; ending.again++) {
        struct amnesia_disk second;
        struct node *node = NULL;
        amnesia_toss(&coins, (uint64_t)call);
        amnesia_leave(disk, &coins);
        amnesia_arm(ending.again);
        enum err result = node_open(p->h->folder, &node);
        node_destroy(&node);
        amnesia_fail(&second);
        recovered = amnesia_arm(AMNESIA_NEVER) <= ending.again;
        assert_true(!recovered || result == ERR_OK);
        for (ending.state = 0; ending.state < (nightly ? DRAWN_AGAIN : 1);
             ending.state++) {
            amnesia_toss(&coins, (uint64_t)ending.again << 32 | ending.state);
            amnesia_leave(&second, &coins);
            check(p, told, &ending);
        }
        amnesia_free(&second);
    }
    return ending.again - 1;
}

static void power__lost_again_during_recovery_loses_nothing_acknowledged(void **state)
{
    struct power *p = *state;
    int recoveries = 0, calls = 0, step = nightly ? 1 : 11;
    bool whole = false;
    for (int call = 0; !whole; call += step) {
        struct told told;
        struct amnesia_disk disk;
        whole = live_until(p, call, &told, &disk);
        int some = fail_again(p, &disk, &told, call);
        recoveries += some > 0;
        calls += some;
        amnesia_free(&disk);
    }
    print_message("%d recoveries of %d calls\n", recoveries, calls);
    assert_true(calls > 10 * recoveries && recoveries > 3);
}

#define WITH_POWER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        WITH_POWER(power__lost_at_any_call_loses_nothing_acknowledged),
        WITH_POWER(power__lost_again_during_recovery_loses_nothing_acknowledged),
    };
    nightly = argc > 1 && strcmp(argv[1], "nightly") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
