#include "privacy/anchor.h"

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "scratch.h"

static const uint8_t KEY[STORE_KEY_BYTES] = {7};
static const uint8_t SECRET[IDENTITY_SECRET_BYTES] = {1};
static const char *const STEPS[] = {LEDGER_SCHEMA, LEDGER_SCHEMA_REANCHORS};
static const struct store_schema SCHEMA = {"gemel-test", STEPS, 2};

struct fixture {
    void *folder;
    char *path, *store_path;
    struct store *store;
    struct ledger *ledger;
    struct identity *node;
    uint8_t key[IDENTITY_KEY_BYTES];
};

static int setup(void **state)
{
    struct fixture *fixture = mem_new(1, sizeof *fixture);
    scratch_setup(&fixture->folder);
    fixture->path = scratch_path(fixture->folder, "anchor");
    fixture->store_path = scratch_path(fixture->folder, "store");
    assert_ok(store_create(fixture->store_path, KEY, &SCHEMA, &fixture->store));
    assert_ok(ledger_new(fixture->store, &fixture->ledger));
    assert_ok(identity_read(SECRET, &fixture->node));
    identity_public(fixture->node, fixture->key);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    ledger_destroy(&fixture->ledger);
    store_destroy(&fixture->store);
    identity_destroy(&fixture->node);
    free(fixture->path);
    free(fixture->store_path);
    int failed = scratch_teardown(&fixture->folder);
    mem_free(fixture);
    return failed;
}

static void charge(struct fixture *fixture, uint64_t round)
{
    static const uint8_t who[1][LEDGER_PSEUDONYM_BYTES] = {{1}};
    struct ledger_entry entry = {.study = {1},
                                 .round = round,
                                 .noise_multiplier = 4,
                                 .dimension = 35,
                                 .noise_log2 = 20};
    assert_ok(store_begin(fixture->store));
    assert_ok(ledger_charge(fixture->ledger, &entry, who, 1, 100));
    assert_ok(store_commit(fixture->store));
}

static void anchor__holds_every_entry_without_its_patients(void **state)
{
    struct fixture *fixture = *state;
    struct anchor anchor;
    for (uint64_t length = 0; length < 4; length++) {
        uint8_t head[HASH_BYTES];
        assert_ok(anchor_write(fixture->path, fixture->ledger, fixture->node));
        assert_ok(anchor_read(fixture->path, fixture->key, &anchor));
        assert_int_equal(anchor.count, length);
        ledger_head(fixture->ledger, head);
        assert_true(anchor_has(&anchor, length, head));
        head[0] ^= 1;
        assert_false(anchor_has(&anchor, length, head));
        if (length > 0)
            assert_true(anchor.entries[length - 1].noise_multiplier == 4);
        assert_int_equal(anchor_lost(&anchor, fixture->ledger, NULL), 0);
        anchor_clear(&anchor);
        charge(fixture, length + 1);
    }
}

/* Bytes are of the armour, of the node, or signed. */
static void anchor__shows_every_changed_byte(void **state)
{
    struct fixture *fixture = *state;
    struct bytes text = {0};
    struct anchor anchor;
    charge(fixture, 1);
    assert_ok(anchor_write(fixture->path, fixture->ledger, fixture->node));
    assert_ok(file_read(fixture->path, 1 << 16, &text));
    for (size_t at = 0; at + 1 < text.size; at++) {
        if (text.data[at] == '\n')
            continue;
        text.data[at] ^= 1;
        assert_ok(file_write(fixture->path, text.data, text.size, 0600));
        if (anchor_read(fixture->path, fixture->key, &anchor) != ERR_VERIFY)
            fail_msg("byte %zu of %zu can be changed", at, text.size);
        text.data[at] ^= 1;
    }
    for (size_t size = 0; size + 1 < text.size; size += 7) {
        assert_ok(file_write(fixture->path, text.data, size, 0600));
        assert_refused(ERR_VERIFY, fixture->path,
                       anchor_read(fixture->path, fixture->key, &anchor));
    }
    bytes_free(&text);
}

static void anchor__is_of_one_key(void **state)
{
    struct fixture *fixture = *state;
    struct anchor anchor;
    uint8_t other[IDENTITY_KEY_BYTES];
    memcpy(other, fixture->key, sizeof other);
    other[5] ^= 1;
    assert_refused(ERR_NOT_FOUND, fixture->path,
                   anchor_read(fixture->path, fixture->key, &anchor));
    assert_ok(anchor_write(fixture->path, fixture->ledger, fixture->node));
    assert_refused(ERR_VERIFY, "another key",
                   anchor_read(fixture->path, other, &anchor));
}

/* An older copy of the store lacks what was charged since, whatever it was charged with
 * after that. */
static void anchor__knows_what_a_restored_store_has_lost(void **state)
{
    struct fixture *fixture = *state;
    struct bytes yesterday = {0};
    struct anchor anchor;
    struct reanchor_claim lost[5];
    charge(fixture, 1);
    charge(fixture, 2);
    assert_ok(file_read(fixture->store_path, 1 << 24, &yesterday));
    charge(fixture, 3);
    charge(fixture, 4);
    assert_ok(anchor_write(fixture->path, fixture->ledger, fixture->node));
    ledger_destroy(&fixture->ledger);
    store_destroy(&fixture->store);
    assert_ok(file_write(fixture->store_path, yesterday.data, yesterday.size, 0600));
    assert_ok(store_open(fixture->store_path, KEY, &SCHEMA, &fixture->store));
    assert_ok(ledger_new(fixture->store, &fixture->ledger));
    assert_ok(anchor_read(fixture->path, fixture->key, &anchor));
    for (uint64_t more = 0; more < 3; more++) { /* its own 3, 4 and 5 */
        assert_int_equal(anchor_lost(&anchor, fixture->ledger, lost), 2);
        assert_int_equal(lost[0].length, 3);
        assert_int_equal(lost[1].length, 4);
        charge(fixture, 10 + more);
    }
    anchor_clear(&anchor);
    bytes_free(&yesterday);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(anchor__holds_every_entry_without_its_patients),
        TEST(anchor__shows_every_changed_byte),
        TEST(anchor__is_of_one_key),
        TEST(anchor__knows_what_a_restored_store_has_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
