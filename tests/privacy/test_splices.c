/* Any page of a ledger's store exchanged with any of its earlier versions: SQLCipher
 * authenticates a page and its number, not its age, so an old one opens; the ledger
 * refuses. SQLite rewrites a page now and then without changing what is in it (a balanced
 * tree's neighbours); such a version is no older, and then the store has to be whole.
 *
 * `test_splices nightly` tries every version of every page, otherwise the oldest, the
 * newest and some between. */

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "privacy/ledger.h"
#include "privacy/random.h"
#include "scratch.h"

#define PAGE 4096
#define ENTRIES 1000
#define SESSION 90 /* entries between two openings of the store */
#define BETWEEN 2  /* versions tried besides a page's oldest and newest */

static const uint8_t KEY[STORE_KEY_BYTES] = {7};
static const char *const STEPS[] = {LEDGER_SCHEMA, LEDGER_SCHEMA_REANCHORS};
static const struct store_schema SCHEMA = {"gemel-test", STEPS, 2};

static bool every_version;

/* Nothing of this depends on the disk, and a thousand syncs take their time. */
int fsync(int fd)
{
    return fd < 0;
}
int fdatasync(int fd)
{
    return fd < 0;
}

/* A page as it was before a commit. */
struct version {
    size_t page;
    uint8_t bytes[PAGE];
};

struct history {
    struct version *versions;
    size_t count, room;
    struct bytes now;
};

static void charge(struct store *store, struct ledger *ledger, uint64_t round)
{
    uint8_t who[5][LEDGER_PSEUDONYM_BYTES] = {{0}};
    struct ledger_entry entry = {.study = {1},
                                 .round = round,
                                 .noise_multiplier = 400,
                                 .wall = 1764000000 + round,
                                 .dimension = 35,
                                 .noise_log2 = 20};
    random_bytes(entry.nonce, LEDGER_NONCE_BYTES);
    for (uint8_t i = 0; i < 5; i++)
        who[i][0] = (uint8_t)(i + round % 3);
    assert_ok(store_begin(store));
    assert_ok(ledger_charge(ledger, &entry, (const uint8_t(*)[LEDGER_PSEUDONYM_BYTES])who,
                            5, 100));
    assert_ok(store_commit(store));
}

/* Keep every page that the last commit has changed as it was before. */
static void keep(struct history *history, const char *path)
{
    struct bytes next = {0};
    assert_ok(file_read(path, 1 << 26, &next));
    for (size_t at = 0; at + PAGE <= history->now.size; at += PAGE) {
        if (memcmp(history->now.data + at, next.data + at, PAGE) == 0)
            continue;
        MEM_GROW(history->versions, history->count + 1, &history->room);
        struct version *version = &history->versions[history->count++];
        version->page = at / PAGE;
        memcpy(version->bytes, history->now.data + at, PAGE);
    }
    bytes_free(&history->now);
    history->now = next;
}

static void grow(const char *path, struct history *history, uint8_t head[HASH_BYTES])
{
    struct store *store = NULL;
    struct ledger *ledger = NULL;
    assert_ok(store_create(path, KEY, &SCHEMA, &store));
    store_destroy(&store);
    assert_ok(file_read(path, 1 << 26, &history->now));
    for (uint64_t round = 1; round <= ENTRIES; round++) {
        if (!store) {
            assert_ok(store_open(path, KEY, &SCHEMA, &store));
            assert_ok(ledger_new(store, &ledger));
        }
        charge(store, ledger, round);
        keep(history, path);
        ledger_head(ledger, head);
        if (round % SESSION == 0 || round == ENTRIES) {
            ledger_destroy(&ledger);
            store_destroy(&store);
        }
    }
}

/* What opens is whole, is the same ledger, and goes on. */
static enum err open_ledger(const char *path, const uint8_t head[HASH_BYTES])
{
    struct store *store = NULL;
    struct ledger *ledger = NULL;
    enum err code = store_open(path, KEY, &SCHEMA, &store);
    if (!code)
        code = ledger_new(store, &ledger);
    if (!code) {
        uint8_t now[HASH_BYTES];
        ledger_head(ledger, now);
        assert_memory_equal(now, head, HASH_BYTES);
        assert_int_equal(ledger_length(ledger), ENTRIES);
        code = store_check(store); /* what it sees depends on the library's version */
    }
    if (!code) {
        charge(store, ledger, ENTRIES + 1);
        assert_ok(ledger_reload(ledger));
        assert_ok(store_check(store));
    }
    ledger_destroy(&ledger);
    store_destroy(&store);
    return code;
}

/* The store as it is now, with one page as it was. */
static void write_store(const char *path, const struct history *history,
                        const struct version *version)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(history->now.data, 1, history->now.size, file),
                     history->now.size);
    if (version) {
        assert_int_equal(fseek(file, (long)(version->page * PAGE), SEEK_SET), 0);
        assert_int_equal(fwrite(version->bytes, 1, PAGE, file), PAGE);
    }
    assert_int_equal(fclose(file), 0);
}

/* Is it the page's oldest or newest version, or one of some between? */
static bool chosen(const struct history *history, size_t index)
{
    size_t place = 0, count = 0;
    for (size_t i = 0; i < history->count; i++) {
        bool same = history->versions[i].page == history->versions[index].page;
        place += same && i < index;
        count += same;
    }
    return every_version || place == 0 || place + 1 == count ||
           place % (count / (BETWEEN + 1) + 1) == 1;
}

static void splices__of_any_page_are_refused(void **state)
{
    char *path = scratch_path(*state, "store");
    struct history history = {0};
    uint8_t head[HASH_BYTES];
    grow(path, &history, head);
    size_t pages = history.now.size / PAGE, refused = 0, same = 0, once = 0;
    for (size_t i = 0; i < history.count; i++) {
        if (!chosen(&history, i))
            continue;
        write_store(path, &history, &history.versions[i]);
        enum err code = open_ledger(path, head);
        if (code && code != ERR_VERIFY && code != ERR_STORAGE)
            fail_msg("version %zu, page %zu of %zu: %s", i,
                     history.versions[i].page + 1, pages, err_name(code));
        refused += code != ERR_OK;
        same += code == ERR_OK;
    }
    write_store(path, &history, NULL);
    assert_ok(open_ledger(path, head));
    for (size_t page = 0; page < pages; page++) {
        bool changed = false;
        for (size_t i = 0; i < history.count; i++)
            changed |= history.versions[i].page == page;
        once += !changed; /* nothing to exchange it with */
    }
    print_message("%zu pages, %zu earlier versions; %zu refused, %zu of the same content\n",
                  pages, history.count, refused, same);
    assert_true(pages > 40 && once < 8 && refused > pages && same < refused / 8);
    mem_free(history.versions);
    bytes_free(&history.now);
    free(path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(splices__of_any_page_are_refused, scratch_setup,
                                        scratch_teardown),
    };
    every_version = argc > 1 && strcmp(argv[1], "nightly") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
