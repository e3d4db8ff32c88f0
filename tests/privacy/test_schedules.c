/* Random schedules against an accountant that shares no code with the ledger's: studies
 * at the same time, attempts, patients who drop out when they cannot pay, crashes. What
 * the ledger states of any patient is never below what the closed form says of the
 * releases that patient was in, and at most 1 % above; nobody passes the cap.
 *
 * The accountant keeps, for every patient, the multipliers of the releases that were
 * committed, and knows one formula (Balle and Wang 2018, theorem 8): delta(epsilon) of
 * Gaussian noise with mu^2 = sum 1/z^2, in 64-bit mantissas. */

#include "base/memory.h"
#include "check.h"
#include "privacy/ledger.h"
#include "privacy/random.h"
#include "scratch.h"

#define SCHEDULES 10000
#define STORES 400 /* schedules follow each other in one store, with patients of their own */
#define PATIENTS 5
#define STUDIES 3
#define STEPS_MAX 8
#define DELTA 1e-6

static const uint8_t KEY[STORE_KEY_BYTES] = {7};
static const char *const MIGRATIONS[] = {LEDGER_SCHEMA, LEDGER_SCHEMA_REANCHORS};
static const struct store_schema SCHEMA = {"gemel-test", MIGRATIONS, 2};

int fsync(int fd)
{
    return fd < 0;
}
int fdatasync(int fd)
{
    return fd < 0;
}

/* --- the accountant --- */

struct account {
    double multipliers[STEPS_MAX];
    size_t count;
};

static long double mu2_of(const struct account *account)
{
    long double sum = 0;
    for (size_t i = 0; i < account->count; i++)
        sum += 1 / ((long double)account->multipliers[i] * account->multipliers[i]);
    return sum;
}

static long double phi(long double x)
{
    return erfcl(-x / sqrtl(2)) / 2;
}

static long double epsilon_of(long double mu)
{
    long double low = 0, high = 100;
    if (mu == 0)
        return 0;
    for (int i = 0; i < 90; i++) {
        long double at = (low + high) / 2;
        long double delta = phi(-at / mu + mu / 2) - expl(at) * phi(-at / mu - mu / 2);
        *(delta > DELTA ? &low : &high) = at;
    }
    return high;
}

/* --- the ledger's side --- */

struct books {
    char *path;
    struct store *store;
    struct ledger *ledger;
    struct random *random;
    uint64_t schedule;
    struct account accounts[PATIENTS];
    double cap;
    uint64_t round[STUDIES];
    uint32_t attempt[STUDIES];
    size_t left_out, crashes, charges; /* of all schedules */
};

static uint64_t below(struct books *b, uint64_t bound)
{
    return random_bits(b->random, 30) % bound;
}

static void pseudonym_of(const struct books *b, size_t patient, uint8_t *pseudonym)
{
    memset(pseudonym, 0, LEDGER_PSEUDONYM_BYTES);
    memcpy(pseudonym, &b->schedule, sizeof b->schedule);
    pseudonym[LEDGER_PSEUDONYM_BYTES - 1] = (uint8_t)patient;
}

static void open_books(struct books *b)
{
    assert_ok(store_open(b->path, KEY, &SCHEMA, &b->store));
    assert_ok(ledger_new(b->store, &b->ledger));
}

static void close_books(struct books *b)
{
    ledger_destroy(&b->ledger);
    store_destroy(&b->store);
}

/* Charge everybody of `crowd` who can pay, as node/part does. Returns who was. */
static size_t charge(struct books *b, const struct ledger_entry *entry,
                     const size_t *crowd, size_t count, size_t *charged)
{
    uint8_t all[PATIENTS][LEDGER_PSEUDONYM_BYTES], paying[PATIENTS][LEDGER_PSEUDONYM_BYTES];
    bool affordable[PATIENTS];
    size_t payers = 0;
    for (size_t i = 0; i < count; i++)
        pseudonym_of(b, crowd[i], all[i]);
    assert_ok(ledger_affordable(b->ledger, entry,
                                (const uint8_t(*)[LEDGER_PSEUDONYM_BYTES])all, count,
                                b->cap, affordable));
    for (size_t i = 0; i < count; i++)
        if (affordable[i]) {
            memcpy(paying[payers], all[i], LEDGER_PSEUDONYM_BYTES);
            charged[payers++] = crowd[i];
        } else {
            /* left out only who could not pay, but for rounding */
            long double then = mu2_of(&b->accounts[crowd[i]]) +
                               1 / ((long double)entry->noise_multiplier *
                                    entry->noise_multiplier);
            assert_true(then > b->cap * (1 - 1e-12L));
            b->left_out++;
        }
    assert_ok(ledger_charge(b->ledger, entry,
                            (const uint8_t(*)[LEDGER_PSEUDONYM_BYTES])paying, payers,
                            b->cap));
    return payers;
}

/* One step of a schedule: another attempt or the next round of one of the studies. It may
 * die before its commit, after it, or not at all. */
static void step(struct books *b)
{
    size_t study = below(b, STUDIES), crowd[PATIENTS], charged[PATIENTS], count = 0;
    struct ledger_entry entry = {.wall = 1764000000, .dimension = 35, .noise_log2 = 20};
    for (size_t i = 0; i < PATIENTS; i++)
        if (below(b, 4) != 0)
            crowd[count++] = i;
    if (below(b, 3) == 0)
        b->attempt[study]++;
    else
        b->round[study]++, b->attempt[study] = 0;
    memcpy(entry.study, &b->schedule, sizeof b->schedule);
    entry.study[LEDGER_STUDY_BYTES - 1] = (uint8_t)study;
    entry.round = b->round[study];
    entry.attempt = b->attempt[study];
    entry.noise_multiplier = 1 + (double)below(b, 1 << 20) * 0x1p-16;
    assert_ok(store_begin(b->store));
    size_t payers = charge(b, &entry, crowd, count, charged);
    size_t fate = below(b, 16);
    if (fate == 0) {
        store_rollback(b->store);
        assert_ok(ledger_reload(b->ledger));
    } else if (fate > 1) {
        assert_ok(store_commit(b->store));
    }
    if (fate > 1)
        for (size_t i = 0; i < payers; i++) {
            struct account *account = &b->accounts[charged[i]];
            account->multipliers[account->count++] = entry.noise_multiplier;
        }
    if (fate >= 1 && fate <= 2) { /* dies, before its commit or after */
        close_books(b);
        open_books(b);
    }
    b->crashes += fate <= 2;
    b->charges += fate > 1;
}

/* What the ledger states, beside the accountant's own figure. */
static void compare(struct books *b)
{
    struct discretisation lattice;
    assert_ok(ledger_discretisation(b->ledger, &lattice));
    for (size_t i = 0; i < PATIENTS; i++) {
        uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES];
        struct privacy_loss loss;
        double mu2;
        pseudonym_of(b, i, pseudonym);
        assert_ok(ledger_spent(b->ledger, pseudonym, &mu2));
        assert_ok(accountant_loss(mu2, &lattice, DELTA, &loss));
        long double truth2 = mu2_of(&b->accounts[i]), truth = epsilon_of(sqrtl(truth2));
        bool held = mu2 >= truth2 * (1 - 1e-18L) && mu2 <= b->cap &&
                    loss.epsilon >= truth * (1 - 1e-12L) &&
                    loss.epsilon <= truth * 1.01L + 1e-6L;
        if (!held)
            fail_msg("schedule %llu, patient %zu: mu^2 %.17g, truth %.17Lg; epsilon "
                     "%.17g, truth %.17Lg",
                     (unsigned long long)b->schedule, i, mu2, truth2, loss.epsilon,
                     truth);
    }
}

static void schedule(struct books *b)
{
    size_t steps = 1 + below(b, STEPS_MAX);
    double epsilon = 0.5 + (double)below(b, 16) / 8, mu;
    memset(b->accounts, 0, sizeof b->accounts);
    memset(b->round, 0, sizeof b->round);
    memset(b->attempt, 0, sizeof b->attempt);
    assert_ok(accountant_mu(epsilon, DELTA, &mu));
    b->cap = mu * mu;
    for (size_t i = 0; i < steps; i++)
        step(b);
    compare(b);
}

static void schedules__are_never_charged_too_little_nor_much_too_much(void **state)
{
    struct books b = {0};
    uint8_t seed[RANDOM_SEED_BYTES] = "schedules";
    b.random = random_new_seeded(seed);
    for (size_t at = 0; at < STORES; at++) {
        char *name = mem_format("store-%zu", at);
        b.path = scratch_path(*state, name);
        assert_ok(store_create(b.path, KEY, &SCHEMA, &b.store));
        assert_ok(ledger_new(b.store, &b.ledger));
        for (size_t i = 0; i < SCHEDULES / STORES; i++, b.schedule++)
            schedule(&b);
        close_books(&b);
        free(b.path);
        mem_free(name);
    }
    print_message("%zu charges, %zu crashes, %zu times a patient was left out\n",
                  b.charges, b.crashes, b.left_out);
    assert_true(b.charges > 3 * SCHEDULES && b.crashes > SCHEDULES / 4 &&
                b.left_out > SCHEDULES / 4);
    random_destroy(&b.random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            schedules__are_never_charged_too_little_nor_much_too_much, scratch_setup,
            scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
