#include "privacy/ledger.h"

#include <math.h>
#include <stdbool.h>

#include "base/memory.h"
#include "check.h"
#include "golden.h"
#include "privacy/random.h"
#include "scratch.h"

typedef uint8_t pseudonym[LEDGER_PSEUDONYM_BYTES];

static const uint8_t KEY[STORE_KEY_BYTES] = {7};
static const char *const STEPS[] = {LEDGER_SCHEMA, LEDGER_SCHEMA_REANCHORS};
static const struct store_schema SCHEMA = {"gemel-test", STEPS, 2};
static const uint8_t seed[RANDOM_SEED_BYTES] = "ledger";

struct fixture {
    void *folder;
    char *path;
    struct store *store;
    struct ledger *ledger;
};

static int setup(void **state)
{
    struct fixture *fixture = mem_new(1, sizeof *fixture);
    scratch_setup(&fixture->folder);
    fixture->path = scratch_path(fixture->folder, "store");
    assert_ok(store_create(fixture->path, KEY, &SCHEMA, &fixture->store));
    assert_ok(ledger_new(fixture->store, &fixture->ledger));
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    ledger_destroy(&fixture->ledger);
    store_destroy(&fixture->store);
    free(fixture->path);
    int failed = scratch_teardown(&fixture->folder);
    mem_free(fixture);
    return failed;
}

/* Close and open the file: everything is read from it again. */
static void reopen(struct fixture *fixture)
{
    ledger_destroy(&fixture->ledger);
    store_destroy(&fixture->store);
    assert_ok(store_open(fixture->path, KEY, &SCHEMA, &fixture->store));
    assert_ok(ledger_new(fixture->store, &fixture->ledger));
}

static struct ledger_entry release(uint64_t round, double noise_multiplier)
{
    struct ledger_entry entry = {.round = round,
                                 .noise_multiplier = noise_multiplier,
                                 .wall = 1764000000,
                                 .dimension = 35,
                                 .noise_log2 = 20};
    memset(entry.study, 'S', sizeof entry.study);
    return entry;
}

static void name(pseudonym out, uint64_t patient)
{
    memset(out, 0, LEDGER_PSEUDONYM_BYTES);
    for (size_t i = 0; i < 8; i++)
        out[7 - i] = (uint8_t)(patient >> (8 * i));
}

/* Patients first, first + 1, ... in descending order. Caller frees. */
static pseudonym *names(uint64_t first, size_t count)
{
    pseudonym *list = mem_new(count, sizeof *list);
    for (size_t i = 0; i < count; i++)
        name(list[count - 1 - i], first + i);
    return list;
}

static enum err charge(struct fixture *fixture, const struct ledger_entry *entry,
                       uint64_t first, size_t count, double mu2_cap)
{
    pseudonym *list = names(first, count);
    assert_ok(store_begin(fixture->store));
    enum err code =
        ledger_charge(fixture->ledger, entry, (const pseudonym *)list, count, mu2_cap);
    assert_ok(store_commit(fixture->store));
    mem_free(list);
    return code;
}

static double spent(struct fixture *fixture, uint64_t patient)
{
    pseudonym who;
    double mu2 = -1;
    name(who, patient);
    assert_ok(ledger_spent(fixture->ledger, who, &mu2));
    return mu2;
}

static void head_is(struct fixture *fixture, const char *expected)
{
    uint8_t head[HASH_BYTES];
    char text[2 * HASH_BYTES + 1];
    ledger_head(fixture->ledger, head);
    bytes_to_hex(head, sizeof head, text);
    assert_string_equal(text, expected);
}

/* The hashes are by another implementation, written from docs/formats.md. */
static void ledger__chains_as_its_format_says(void **state)
{
    struct fixture *fixture = *state;
    head_is(fixture, "00000000000000000000000000000000"
                     "00000000000000000000000000000000");
    pseudonym list[3];
    memset(list[0], 9, sizeof list[0]);
    memset(list[1], 3, sizeof list[1]);
    memset(list[2], 5, sizeof list[2]);
    struct ledger_entry entry = release(7, 4);
    assert_ok(store_begin(fixture->store));
    assert_ok(ledger_charge(fixture->ledger, &entry, (const pseudonym *)list, 3, 1));
    head_is(fixture, "0ac5117ee446a78d1f9284654bb92d33"
                     "813708864809558d0af15762c4cbfb6d");
    entry = release(8, 13.36);
    entry.attempt = 1;
    entry.wall += 300;
    memset(entry.nonce, 'N', sizeof entry.nonce);
    assert_ok(
        ledger_charge(fixture->ledger, &entry, (const pseudonym *)(list + 2), 1, 1));
    assert_ok(store_commit(fixture->store));
    for (int i = 0; i < 2; i++, reopen(fixture)) {
        head_is(fixture, "6cb9e82b026c8daca8c015c5c8992866"
                         "b5eabf5c9bcef493496fb1296eb68782");
        assert_int_equal(ledger_length(fixture->ledger), 2);
        uint8_t head[HASH_BYTES], first[HASH_BYTES];
        assert_ok(ledger_head_at(fixture->ledger, 0, head));
        assert_true(head[0] == 0);
        assert_ok(ledger_head_at(fixture->ledger, 1, first));
        assert_true(first[0] == 0x0a && first[1] == 0xc5);
        assert_refused(ERR_NOT_FOUND, "length 3",
                       ledger_head_at(fixture->ledger, 3, head));
    }
}

static void ledger__tells_what_was_charged_to_whom(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_entry first = release(1, 4), second = release(2, 2), other = first;
    other.study[3] = 'T';
    assert_ok(charge(fixture, &first, 10, 5000, 10));  /* 10 .. 5009: two parts */
    assert_ok(charge(fixture, &second, 5000, 20, 10)); /* 5000 .. 5019 */
    assert_ok(charge(fixture, &other, 3, 1, 10));
    struct ledger_entry nobody = release(3, 1);
    assert_ok(charge(fixture, &nobody, 0, 0, 10));
    for (int i = 0; i < 2; i++, reopen(fixture)) {
        assert_true(spent(fixture, 9) == 0);
        assert_true(spent(fixture, 10) == 0.0625);
        assert_true(spent(fixture, 4999) == 0.0625);
        assert_true(spent(fixture, 5005) == 0.3125);
        assert_true(spent(fixture, 5010) == 0.25);
        double most = 0;
        assert_ok(ledger_spent_most(fixture->ledger, NULL, &most));
        assert_true(most == 0.3125);
        assert_ok(ledger_spent_most(fixture->ledger, first.study, &most));
        assert_true(most == 0.3125);
        assert_ok(ledger_spent_most(fixture->ledger, other.study, &most));
        assert_true(most == 0.0625);
        assert_ok(ledger_spent_most(fixture->ledger, (const uint8_t *)"0123456789abcdef",
                                    &most));
        assert_true(most == 0);
        struct ledger_entry entry;
        uint64_t patients = 0;
        assert_ok(ledger_read(fixture->ledger, 1, &entry, &patients));
        assert_true(entry.round == 2 && entry.noise_multiplier == 2 && patients == 20);
        assert_refused(ERR_NOT_FOUND, "index 4",
                       ledger_read(fixture->ledger, 4, &entry, &patients));
        const uint64_t who[] = {10, 5005, 5015, 3};
        const bool expected[4][4] = {
            {1, 0, 0, 0}, {1, 1, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}};
        for (size_t p = 0; p < 4; p++)
            for (uint64_t at = 0; at < 4; at++) {
                pseudonym out;
                bool charged;
                name(out, who[p]);
                assert_ok(ledger_charged(fixture->ledger, at, out, &charged));
                assert_true(charged == expected[p][at]);
                struct bytes list = {0};
                assert_ok(ledger_patients(fixture->ledger, at, &list));
                bool listed = false;
                for (size_t k = 0; k < list.size; k += sizeof out)
                    listed |= memcmp(list.data + k, out, sizeof out) == 0;
                assert_true(listed == charged);
                bytes_free(&list);
            }
        struct discretisation all, one;
        assert_ok(ledger_discretisation(fixture->ledger, &all));
        assert_ok(accountant_discretisation(35, 20, 1, &one));
        assert_relative(all.epsilon, 4 * one.epsilon, 1e-14);
        assert_relative(all.log_delta, 4 * one.log_delta, 1e-14);
    }
}

/* At the cap to the last bit: costs of 1/16 under a cap of 3/16. Refusing changes
 * nothing, however often. */
static void ledger__refuses_at_the_cap_and_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t round = 1; round <= 3; round++) {
        struct ledger_entry entry = release(round, 4);
        assert_ok(charge(fixture, &entry, 1, 8, 0.1875));
    }
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    ledger_head(fixture->ledger, before);
    struct ledger_entry fourth = release(4, 4);
    pseudonym *list = names(5, 8); /* 5 .. 8 are at the cap, 9 .. 12 fresh */
    bool affordable[8];
    assert_ok(ledger_affordable(fixture->ledger, &fourth, (const pseudonym *)list, 8,
                                0.1875, affordable));
    for (size_t i = 0; i < 8; i++)
        assert_true(affordable[i] == (i < 4)); /* listed from 12 down */
    mem_free(list);
    for (int i = 0; i < 3; i++)
        assert_refused(ERR_DENIED, "4 of 8 patients",
                       charge(fixture, &fourth, 5, 8, 0.1875));
    assert_refused(ERR_DENIED, "patients", charge(fixture, &fourth, 50, 1, NAN));
    assert_refused(ERR_DENIED, "patients",
                   charge(fixture, &fourth, 50, 1, nextafter(0.0625, 0)));
    struct ledger_entry third = release(3, 4);
    assert_refused(ERR_STATE, "round 3, attempt 0", charge(fixture, &third, 50, 1, 1));
    for (int i = 0; i < 2; i++, reopen(fixture)) {
        ledger_head(fixture->ledger, after);
        assert_memory_equal(before, after, HASH_BYTES);
        assert_int_equal(ledger_length(fixture->ledger), 3);
        assert_true(spent(fixture, 9) == 0);
        assert_true(spent(fixture, 5) == 0.1875);
    }
    third.attempt = 1; /* a retry is a new charge */
    assert_ok(charge(fixture, &third, 9, 1, 0.1875));
}

static void ledger__refuses_what_no_entry_may_be(void **state)
{
    struct fixture *fixture = *state;
    const double wrong[] = {0, -1, NAN, INFINITY, 0x1p-31, 0x1p20};
    struct ledger_entry entry;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        entry = release(1, wrong[i]);
        assert_refused(ERR_RANGE, "multiplier", charge(fixture, &entry, 1, 1, 9));
    }
    entry = release((uint64_t)1 << 63, 1);
    assert_refused(ERR_RANGE, "round", charge(fixture, &entry, 1, 1, 9));
    entry = release(1, 1);
    entry.dimension = 0;
    assert_refused(ERR_RANGE, "0 numbers", charge(fixture, &entry, 1, 1, 9));
    entry.dimension = 1;
    entry.noise_log2 = 1;
    assert_refused(ERR_RANGE, "2^1", charge(fixture, &entry, 1, 1, 9));
    entry = release(1, 1);
    assert_refused(ERR_RANGE, "patients in one",
                   ledger_affordable(fixture->ledger, &entry, NULL,
                                     LEDGER_PATIENTS_MAX + 1, 9, NULL));
    pseudonym twice[2] = {{1}, {1}};
    assert_refused(
        ERR_STATE, "transaction",
        ledger_charge(fixture->ledger, &entry, (const pseudonym *)twice, 1, 9));
    assert_ok(store_begin(fixture->store));
    assert_refused(
        ERR_RANGE, "twice",
        ledger_charge(fixture->ledger, &entry, (const pseudonym *)twice, 2, 9));
    store_rollback(fixture->store);
    reopen(fixture);
    assert_int_equal(ledger_length(fixture->ledger), 0);
}

static void ledger__notices_a_rollback(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_entry first = release(1, 4), second = release(2, 4);
    assert_ok(charge(fixture, &first, 1, 3, 1));
    pseudonym who[1] = {{9}};
    assert_ok(store_begin(fixture->store));
    assert_ok(ledger_charge(fixture->ledger, &second, (const pseudonym *)who, 1, 1));
    store_rollback(fixture->store);
    assert_refused(ERR_STATE, "rolled back", charge(fixture, &second, 1, 1, 1));
    assert_ok(ledger_reload(fixture->ledger));
    assert_int_equal(ledger_length(fixture->ledger), 1);
    assert_ok(charge(fixture, &second, 1, 1, 1));
    reopen(fixture);
    assert_true(spent(fixture, 1) == 0.125);
}

/* Sums against 64-bit mantissas: never below, and above by no more than rounding. */
static void ledger__adds_up_never_below_the_truth(void **state)
{
    struct fixture *fixture = *state;
    enum { PATIENTS = 40, ROUNDS = 60 };
    struct random *random = random_new_seeded(seed);
    long double truth[PATIENTS] = {0};
    assert_ok(store_begin(fixture->store));
    for (uint64_t round = 0; round < ROUNDS; round++) {
        double z = 0.5 + (double)random_bits(random, 50) * 0x1p-44;
        struct ledger_entry entry = release(round, z);
        pseudonym list[PATIENTS];
        size_t count = 0;
        for (uint64_t patient = 0; patient < PATIENTS; patient++)
            if (random_bits(random, 1)) {
                name(list[count++], patient);
                truth[patient] += 1 / ((long double)z * z);
            }
        assert_ok(
            ledger_charge(fixture->ledger, &entry, (const pseudonym *)list, count, 1e3));
    }
    assert_ok(store_commit(fixture->store));
    for (int i = 0; i < 2; i++, reopen(fixture))
        for (uint64_t patient = 0; patient < PATIENTS; patient++) {
            long double off = (long double)spent(fixture, patient) - truth[patient];
            assert_true(off >= -1e-18L * ROUNDS * truth[patient]);
            assert_true(off <= 3e-16L * ROUNDS * truth[patient]);
        }
    random_destroy(&random);
}

static void ledger__follows_every_golden_row(void **state)
{
    struct fixture *fixture = *state;
    struct golden golden = golden_open("ledger_gdp.csv");
    uint64_t round = 0, patient = 0;
    while (golden_next(&golden)) {
        patient += golden_number(&golden, "step") == 1;
        struct ledger_entry entry =
            release(++round, golden_number(&golden, "noise_multiplier_sigma_over_Delta"));
        assert_ok(charge(fixture, &entry, patient, 1, 100));
        assert_relative(spent(fixture, patient), golden_number(&golden, "sum_mu_squared"),
                        1e-11);
    }
    assert_int_equal(golden.rows, 30);
    assert_int_equal(patient, 5);
}

/* What the accountant plans for a cap fits under it, and one round more does not. */
static void ledger__accepts_exactly_the_planned_rounds(void **state)
{
    struct fixture *fixture = *state;
    const double epsilons[] = {0.1, 1, 8};
    const uint32_t rounds[] = {1, 7, 100};
    uint64_t patient = 0;
    assert_ok(store_begin(fixture->store));
    for (size_t e = 0; e < 3; e++)
        for (size_t r = 0; r < 3; r++, patient++) {
            double mu = 0, z = 0;
            assert_ok(accountant_mu(epsilons[e], 1e-6, &mu));
            assert_ok(accountant_noise_multiplier(epsilons[e], 1e-6, rounds[r], &z));
            pseudonym who[1];
            name(who[0], patient);
            for (uint32_t t = 0; t <= rounds[r]; t++) {
                struct ledger_entry entry = release(1000 * patient + t, z);
                enum err code = ledger_charge(fixture->ledger, &entry,
                                              (const pseudonym *)who, 1, mu * mu);
                assert_true(code == (t < rounds[r] ? ERR_OK : ERR_DENIED));
            }
        }
    store_rollback(fixture->store);
}

static void tampered(struct fixture *fixture, const char *sql, const char *part)
{
    struct ledger *ledger = NULL;
    assert_ok(store_begin(fixture->store));
    char *statements = mem_text(sql), *rest = statements;
    for (char *statement; (statement = strsep(&rest, ";"));)
        if (statement[strspn(statement, " ")] && store_execute(fixture->store, statement))
            fail_msg("%s: %s", statement, err_text());
    mem_free(statements);
    if (ledger_new(fixture->store, &ledger) != ERR_VERIFY)
        fail_msg("%s: not noticed", sql);
    if (!strstr(err_text(), part))
        fail_msg("%s: \"%s\" does not say \"%s\"", sql, err_text(), part);
    assert_null(ledger);
    assert_refused(ERR_VERIFY, part, ledger_reload(fixture->ledger));
    store_rollback(fixture->store);
    assert_ok(ledger_reload(fixture->ledger));
}

#define SWAP(table, a, b)                                                                \
    "UPDATE " table " SET number = -1 WHERE number = " a "; UPDATE " table               \
    " SET number = " a " WHERE number = " b "; UPDATE " table " SET number = " b         \
    " WHERE number = -1; "
#define SHIFT(table, from, by)                                                           \
    "UPDATE " table " SET number = number + 100 WHERE number >= " from "; UPDATE " table \
    " SET number = number - 100 " by " WHERE number > 100; "

static const char *const changes[][2] = {
    {"UPDATE ledger SET study = x'00' WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET study = zeroblob(16) WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET round = 9 WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET round = -1 WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET attempt = 1 WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET attempt = 4294967296 WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET noise_multiplier = 8 WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET noise_multiplier = 'x' WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET wall = 0 WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET dimension = 36 WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET noise_log2 = 21 WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET nonce = zeroblob(16) WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET nonce = NULL WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET nonce = zeroblob(15) WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET patients = 4999 WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET patients = -1 WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET hash = zeroblob(32) WHERE number = 3", "entry 3"},
    {"UPDATE ledger SET hash = zeroblob(32) WHERE number = 6", "entry 6"},
    {"UPDATE ledger SET number = 7 WHERE number = 3", "entry 3"},
    {"DELETE FROM ledger WHERE number = 1", "entry 1"},
    {"DELETE FROM ledger WHERE number = 3", "entry 3"},
    {"DELETE FROM ledger WHERE number = 6", "entry 6"},
    {"DELETE FROM ledger", "entry 1"},
    {"DELETE FROM ledger WHERE number = 3; DELETE FROM ledger_patients WHERE number "
     "= 3; " SHIFT("ledger", "4", "- 1") SHIFT("ledger_patients", "4", "- 1"),
     "entry 3"},
    {"INSERT INTO ledger SELECT 0, study, 50, 0, noise_multiplier, wall, dimension, "
     "noise_log2, 0, hash, nonce FROM ledger WHERE number = 1",
     "entry 1"},
    {"INSERT INTO ledger SELECT 7, study, 50, 0, noise_multiplier, wall, dimension, "
     "noise_log2, 0, hash, nonce FROM ledger WHERE number = 1",
     "entry 7"},
    {SHIFT("ledger", "3", "+ 1")
         SHIFT("ledger_patients", "3",
               "+ 1") "INSERT INTO ledger SELECT 3, study, 50, 0, noise_multiplier, "
                      "wall, dimension, noise_log2, 0, hash, nonce FROM ledger WHERE number "
                      "= 2",
     "entry 3"},
    {SWAP("ledger", "4", "5"), "entry 4"},
    {SWAP("ledger", "4", "5") SWAP("ledger_patients", "4", "5"), "entry 4"},
    {SWAP("ledger_patients", "4", "5"), "entry 4"},
    {"DELETE FROM ledger_patients WHERE number = 4", "entry 4"},
    {"DELETE FROM ledger_patients WHERE number = 3 AND part = 1", "entry 3"},
    {"DELETE FROM ledger_patients WHERE number = 3 AND part = 0", "entry 3"},
    {"UPDATE ledger_patients SET part = 2 WHERE number = 3 AND part = 1", "entry 3"},
    {"UPDATE ledger_patients SET part = 1 - part WHERE number = 4", "entry 4"},
    {"UPDATE ledger_patients SET pseudonyms = substr(pseudonyms, 17) WHERE number = "
     "4",
     "entry 4"},
    {"UPDATE ledger_patients SET pseudonyms = zeroblob(16) || substr(pseudonyms, 17) "
     "WHERE number = 4",
     "entry 4"},
    {"UPDATE ledger_patients SET pseudonyms = zeroblob(320) WHERE number = 4",
     "entry 4"},
    {"INSERT INTO ledger_patients VALUES (4, 1, zeroblob(16))", "entry 4"},
    {"INSERT INTO ledger_patients VALUES (4, 1, zeroblob(0))", "entry 4"},
    {"INSERT INTO ledger_patients VALUES (7, 0, zeroblob(16))", "entry 7"},
    {"INSERT INTO ledger_patients VALUES (0, 0, zeroblob(16))", "entry 0"},
};

static void ledger__notices_every_change(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t round = 1; round <= 6; round++) {
        struct ledger_entry entry = release(round, 4);
        entry.nonce[3] = 7;
        assert_ok(charge(fixture, &entry, 100 * round, round == 3 ? 5000 : 20, 1));
    }
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        tampered(fixture, changes[i][0], changes[i][1]);
    reopen(fixture);
    assert_int_equal(ledger_length(fixture->ledger), 6);
}

/* An entry whose hash holds, by who knows the format and writes the store: `list` is what
 * stands in it, whatever its order. */
static void forge(struct fixture *fixture, const struct ledger_entry *entry,
                  const pseudonym *list, uint64_t count)
{
    struct bytes body = {0};
    uint8_t hash[HASH_BYTES];
    struct query *query;
    uint64_t number = ledger_length(fixture->ledger) + 1;
    ledger_head(fixture->ledger, hash);
    bytes_append(&body, hash, sizeof hash);
    bytes_u64(&body, number);
    bytes_append(&body, entry->study, sizeof entry->study);
    bytes_u64(&body, entry->round);
    bytes_u32(&body, entry->attempt);
    bytes_f64(&body, entry->noise_multiplier);
    bytes_u64(&body, entry->wall);
    bytes_u64(&body, entry->dimension);
    bytes_u32(&body, entry->noise_log2);
    bytes_u64(&body, count);
    bytes_hash("gemel/ledger-patients/1", list, count * sizeof *list, hash);
    bytes_append(&body, hash, sizeof hash);
    bytes_hash("gemel/ledger/1", body.data, body.size, hash);
    bytes_free(&body);
    const uint32_t stamp = (uint32_t)hash[0] | (uint32_t)hash[1] << 8 |
                           (uint32_t)hash[2] << 16 | (uint32_t)(hash[3] & 127) << 24;
    assert_ok(store_query(fixture->store,
                          "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                          &query));
    const int64_t numbers[] = {(int64_t)number,
                               0,
                               (int64_t)entry->round,
                               entry->attempt,
                               0,
                               (int64_t)entry->wall,
                               (int64_t)entry->dimension,
                               entry->noise_log2,
                               (int64_t)count};
    for (int i = 0; i < 9; i++)
        query_int(query, i + 1, numbers[i]);
    query_blob(query, 2, entry->study, sizeof entry->study);
    query_real(query, 5, entry->noise_multiplier);
    query_blob(query, 10, hash, sizeof hash);
    assert_ok(query_run(query));
    assert_ok(store_query(fixture->store, "INSERT INTO ledger_patients VALUES (?, 0, ?)",
                          &query));
    query_int(query, 1, (int64_t)number);
    query_blob(query, 2, list, count * sizeof *list);
    assert_ok(query_run(query));
    assert_ok(store_stamp(fixture->store, stamp));
}

static void ledger__refuses_forms_that_it_never_writes(void **state)
{
    struct fixture *fixture = *state;
    const pseudonym sorted[] = {{1}, {2}}, unsorted[] = {{2}, {1}}, twice[] = {{1}, {1}};
    struct ledger_entry good = release(1, 4), costless = release(1, 0x1p40);
    struct {
        const struct ledger_entry *entry;
        const pseudonym *list;
        enum err expected;
    } forgeries[] = {{&good, sorted, ERR_OK}, /* the forger knows the format */
                     {&good, unsorted, ERR_VERIFY},
                     {&good, twice, ERR_VERIFY},
                     {&costless, sorted, ERR_VERIFY}};
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        struct ledger *ledger = NULL;
        assert_ok(store_begin(fixture->store));
        forge(fixture, forgeries[i].entry, forgeries[i].list, 2);
        assert_int_equal(ledger_new(fixture->store, &ledger), forgeries[i].expected);
        ledger_destroy(&ledger);
        store_rollback(fixture->store);
    }
}

/* A tail cut off whole leaves a chain that holds: only a head kept outside shows it. */
static void ledger__shows_a_cut_tail_to_who_kept_a_head(void **state)
{
    struct fixture *fixture = *state;
    uint8_t kept[HASH_BYTES], now[HASH_BYTES];
    uint32_t stamp = 0;
    for (uint64_t round = 1; round <= 3; round++) {
        if (round == 3)
            assert_ok(store_stamped(fixture->store, &stamp));
        struct ledger_entry entry = release(round, 4);
        assert_ok(charge(fixture, &entry, 1, 5, 1));
    }
    ledger_head(fixture->ledger, kept);
    assert_true(ledger_accounts(fixture->ledger, 3, kept));
    assert_ok(store_begin(fixture->store));
    assert_ok(store_execute(fixture->store, "DELETE FROM ledger WHERE number = 3"));
    assert_ok(
        store_execute(fixture->store, "DELETE FROM ledger_patients WHERE number = 3"));
    assert_refused(ERR_VERIFY, "first page", ledger_reload(fixture->ledger));
    assert_ok(store_stamp(fixture->store, stamp));
    assert_ok(store_commit(fixture->store));
    reopen(fixture);
    assert_false(ledger_accounts(fixture->ledger, 3, kept));
    assert_refused(ERR_NOT_FOUND, "length 3", ledger_head_at(fixture->ledger, 3, now));
    struct ledger_entry other = release(3, 400);
    assert_ok(charge(fixture, &other, 1, 5, 1)); /* grown again to the same length */
    assert_ok(ledger_head_at(fixture->ledger, 3, now));
    assert_memory_not_equal(kept, now, HASH_BYTES);
    assert_false(ledger_accounts(fixture->ledger, 3, kept));
}

/* --- re-anchored
 * -------------------------------------------------------------------- */

/* Two claims behind a ledger of two entries: one that cost 1/4 and one that cost nothing.
 */
static struct reanchor claimed(struct fixture *fixture)
{
    struct reanchor reanchor = {
        .after = 2, .number = 6, .issued = 1764000999, .claim_count = 2};
    ledger_head(fixture->ledger, reanchor.head);
    reanchor.claims = mem_new(2, sizeof *reanchor.claims);
    reanchor.claims[0] = (struct reanchor_claim){4, {0xc4}, 2, 35, 20};
    reanchor.claims[1] = (struct reanchor_claim){5, {0xc5}, 0, 0, 0};
    return reanchor;
}

static void sign(struct reanchor *reanchor)
{
    reanchor->signature_count = 0;
    for (uint8_t i = 1; i <= 2; i++) {
        const uint8_t secret[IDENTITY_SECRET_BYTES] = {i};
        struct identity *officer;
        assert_ok(identity_read(secret, &officer));
        assert_ok(reanchor_sign(reanchor, officer));
        identity_destroy(&officer);
    }
}

static enum err reanchor(struct fixture *fixture, const struct reanchor *reanchor)
{
    assert_ok(store_begin(fixture->store));
    enum err code = ledger_reanchor(fixture->ledger, reanchor);
    assert_ok(store_commit(fixture->store));
    return code;
}

static void ledger__reanchored_charges_everybody_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_entry first = release(1, 4), second = release(2, 4);
    assert_ok(charge(fixture, &first, 1, 3, 1));
    assert_ok(charge(fixture, &second, 2, 3, 1));
    struct reanchor claims = claimed(fixture);
    sign(&claims);
    assert_ok(reanchor(fixture, &claims));
    for (int i = 0; i < 2; i++, reopen(fixture)) {
        assert_int_equal(ledger_length(fixture->ledger), 6);
        assert_int_equal(ledger_count(fixture->ledger), 3);
        assert_true(spent(fixture, 1) == 0.0625 + 0.25);
        assert_true(spent(fixture, 3) == 0.125 + 0.25);
        assert_true(spent(fixture, 99) == 0.25); /* whoever it is */
        assert_true(ledger_accounts(fixture->ledger, 4, claims.claims[0].head));
        assert_true(ledger_accounts(fixture->ledger, 5, claims.claims[1].head));
        assert_false(ledger_accounts(fixture->ledger, 5, claims.claims[0].head));
        uint8_t head[HASH_BYTES];
        ledger_head(fixture->ledger, head);
        assert_true(ledger_accounts(fixture->ledger, 6, head));
        assert_refused(ERR_NOT_FOUND, "length 4",
                       ledger_head_at(fixture->ledger, 4, head));
        struct ledger_entry entry;
        uint64_t patients;
        bool charged;
        assert_ok(ledger_read(fixture->ledger, 2, &entry, &patients));
        assert_true(patients == LEDGER_EVERYBODY && entry.noise_multiplier == 2);
        assert_ok(ledger_charged(fixture->ledger, 2, (const uint8_t[16]){77}, &charged));
        assert_true(charged);
        double most;
        assert_ok(ledger_spent_most(fixture->ledger, NULL, &most));
        assert_true(most == 0.375);
        assert_ok(ledger_spent_most(fixture->ledger, first.study, &most));
        assert_true(most == 0.125);
    }
    struct ledger_entry third = release(3, 4);
    assert_refused(ERR_DENIED, "1 of 4", charge(fixture, &third, 3, 4, 0.375));
    assert_ok(charge(fixture, &third, 4, 4, 0.375));
    reopen(fixture);
    assert_int_equal(ledger_length(fixture->ledger), 7);
    assert_true(spent(fixture, 7) == 0.3125);
    assert_refused(ERR_STATE, "another last entry", reanchor(fixture, &claims));
    reanchor_clear(&claims);
}

static void ledger__is_reanchored_by_two_signatures_about_it(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_entry first = release(1, 4), second = release(2, 4);
    assert_ok(charge(fixture, &first, 1, 3, 1));
    struct reanchor claims = claimed(fixture);
    sign(&claims);
    assert_refused(ERR_STATE, "another last entry than number 1",
                   reanchor(fixture, &claims));
    assert_ok(charge(fixture, &second, 2, 3, 1));
    assert_refused(ERR_STATE, "another last entry", reanchor(fixture, &claims));
    ledger_head(fixture->ledger, claims.head);
    assert_refused(ERR_VERIFY, "signature", reanchor(fixture, &claims));
    claims.signature_count = 1;
    assert_refused(ERR_VERIFY, "needs 2", reanchor(fixture, &claims));
    claims.claims[0].noise_multiplier = 0x1p40;
    sign(&claims);
    assert_refused(ERR_RANGE, "the claimed entry 4", reanchor(fixture, &claims));
    claims.claims[0].noise_multiplier = 2;
    sign(&claims);
    assert_refused(ERR_STATE, "transaction", ledger_reanchor(fixture->ledger, &claims));
    reopen(fixture);
    assert_int_equal(ledger_length(fixture->ledger), 2);
    assert_ok(reanchor(fixture, &claims));
    struct ledger_entry third = release(3, 4);
    assert_ok(charge(fixture, &third, 1, 1, 1));
    const char *forms[][2] = {
        {"DELETE FROM ledger_reanchors", "entry 3"},
        {"UPDATE ledger_reanchors SET number = 5", "entry 5"},
        {"UPDATE ledger_reanchors SET hash = zeroblob(32)", "entry 6"},
        {"UPDATE ledger_reanchors SET signed = substr(signed, 2)", "entry 6"},
        {"UPDATE ledger_reanchors SET signed = zeroblob(400)", "entry 6"},
        {"INSERT INTO ledger_reanchors SELECT 9, signed, hash FROM ledger_reanchors",
         "entry 9"},
        {"DELETE FROM ledger WHERE number = 2", "entry 2"},
        {"UPDATE ledger SET number = 3 WHERE number = 7", "entry 7"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        tampered(fixture, forms[i][0], forms[i][1]);
    reanchor_clear(&claims);
}

/* One byte of a blob, a number or a real, as SQL writes it; caller frees. */
static char *flipped(struct query *query, int column, size_t byte)
{
    size_t size;
    const uint8_t *blob;
    int64_t whole;
    double real;
    char *digits, *literal;
    uint8_t *copy;
    switch (query_get_kind(query, column)) {
    case QUERY_INT:
        whole = query_get_int(query, column) ^ (int64_t)((uint64_t)1 << (8 * byte + byte));
        return mem_format("%lld", (long long)whole);
    case QUERY_REAL:
        real = query_get_real(query, column);
        ((uint8_t *)&real)[byte] ^= (uint8_t)(1 << byte);
        return isfinite(real) ? mem_format("%.17g", real) : mem_text("9e999");
    default:
        blob = query_get_blob(query, column, &size);
        copy = mem_copy(blob, size);
        copy[byte] ^= (uint8_t)(1 << byte % 8);
        digits = mem_new(2 * size + 1, 1);
        bytes_to_hex(copy, size, digits);
        literal = mem_format("x'%s'", digits);
        mem_free(digits);
        mem_free(copy);
        return literal;
    }
}

static size_t size_of(struct query *query, int column)
{
    size_t size = 8;
    if (query_get_kind(query, column) == QUERY_BLOB)
        query_get_blob(query, column, &size);
    return size - (query_get_kind(query, column) == QUERY_INT); /* 2^63 is no literal */
}

/* Every byte of every column of a table's rows, each time as the only change; how many. */
static size_t harm_table(struct fixture *fixture, const char *table)
{
    size_t count = 0;
    struct query *query;
    bool row = true;
    for (int64_t number = 1; number <= 7; number++)
        for (int column = 0, columns = 1; column < columns; column++)
            for (size_t byte = 0, size = 1; byte < size; byte++) {
                char *select = mem_format("SELECT * FROM %s WHERE number = %lld", table,
                                          (long long)number);
                assert_ok(store_query(fixture->store, select, &query));
                mem_free(select);
                assert_ok(query_step(query, &row));
                if (!row)
                    break; /* no entry of this kind has that number */
                columns = query_columns(query);
                size = size_of(query, column);
                char *value = flipped(query, column, byte);
                char *sql =
                    mem_format("UPDATE %s SET %s = %s WHERE number = %lld", table,
                               query_column_name(query, column), value, (long long)number);
                query_reset(query);
                tampered(fixture, sql, "entry ");
                mem_free(value);
                mem_free(sql);
                count++;
            }
    return count;
}

static void ledger__notices_every_byte(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_entry entries[] = {release(1, 4), release(2, 4), release(3, 4.25)};
    for (size_t i = 0; i < 3; i++)
        memset(entries[i].nonce, 'n', LEDGER_NONCE_BYTES);
    assert_ok(charge(fixture, &entries[0], 1, 3, 1));
    assert_ok(charge(fixture, &entries[1], 2, 3, 1));
    struct reanchor claims = claimed(fixture);
    sign(&claims);
    assert_ok(reanchor(fixture, &claims));
    assert_ok(charge(fixture, &entries[2], 4, 4, 1));
    /* three entries, their lists, and a re-anchoring of two claims and two signatures */
    assert_int_equal(harm_table(fixture, "ledger"), 3 * (6 * 7 + 8 + 16 + 32 + 16) + 3 * 7);
    assert_int_equal(harm_table(fixture, "ledger_patients"), 3 * 2 * 7 + 16 * (3 + 3 + 4));
    assert_true(harm_table(fixture, "ledger_reanchors") > 7 + 32 + 400);
    reopen(fixture);
    assert_int_equal(ledger_length(fixture->ledger), 7);
    reanchor_clear(&claims);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ledger__chains_as_its_format_says),
        TEST(ledger__tells_what_was_charged_to_whom),
        TEST(ledger__refuses_at_the_cap_and_changes_nothing),
        TEST(ledger__refuses_what_no_entry_may_be),
        TEST(ledger__notices_a_rollback),
        TEST(ledger__adds_up_never_below_the_truth),
        TEST(ledger__follows_every_golden_row),
        TEST(ledger__accepts_exactly_the_planned_rounds),
        TEST(ledger__notices_every_change),
        TEST(ledger__refuses_forms_that_it_never_writes),
        TEST(ledger__shows_a_cut_tail_to_who_kept_a_head),
        TEST(ledger__reanchored_charges_everybody_and_goes_on),
        TEST(ledger__is_reanchored_by_two_signatures_about_it),
        TEST(ledger__notices_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
