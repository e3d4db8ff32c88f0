#include "wire/archive.h"

#include "check.h"
#include "consortium.h"
#include "scratch.h"

/* A store with the two tables as both programs have them, and columns of one's own. */
static const char tables[] =
    "CREATE TABLE studies (study BLOB PRIMARY KEY NOT NULL, hash BLOB NOT NULL,"
    " name TEXT NOT NULL, terms BLOB NOT NULL, state TEXT NOT NULL, own INTEGER);"
    "CREATE TABLE links (study BLOB NOT NULL, round INTEGER NOT NULL, own INTEGER,"
    " link BLOB NOT NULL, PRIMARY KEY (study, round));";
static const char *const migrations[] = {tables};
static const struct store_schema schema = {"archive-test", migrations, 1};
static const uint8_t store_key[STORE_KEY_BYTES] = {1, 2, 3};

struct fixture {
    struct consortium *c;
    void *directory;
    char *path;
    struct store *store;
};

static int set_up(void **state)
{
    struct fixture *f = mem_new(1, sizeof *f);
    void *consortium;
    if (scratch_setup(&f->directory) != 0 || consortium_set_up(&consortium) != 0)
        return -1;
    f->c = consortium;
    f->path = scratch_path(f->directory, "store.db");
    *state = f;
    return store_create(f->path, store_key, &schema, &f->store) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    void *consortium = f->c;
    store_destroy(&f->store);
    free(f->path);
    consortium_tear_down(&consortium);
    int failed = scratch_teardown(&f->directory);
    mem_free(f);
    return failed;
}

static void put_study(struct fixture *f, const uint8_t *number, size_t size,
                      const char *name)
{
    struct query *query;
    assert_ok(store_query(f->store,
                          "INSERT INTO studies (study, hash, name, terms, state)"
                          " VALUES (?, ?, ?, ?, 'offered')",
                          &query));
    query_blob(query, 1, number, size);
    query_blob(query, 2, f->c->terms_hash, HASH_BYTES);
    query_text(query, 3, name);
    query_blob(query, 4, f->c->terms_bytes.data, f->c->terms_bytes.size);
    assert_ok(query_run(query));
}

/* Sign the link of `round` after `previous`, keep it as the link of `kept_as`; its hash.
 */
static void put_link(struct fixture *f, const uint8_t *previous, uint64_t round,
                     uint64_t kept_as, const char *prior, uint8_t hash[HASH_BYTES])
{
    struct chain_link link = {.round = round,
                              .contributions = 3,
                              .prior = {(const uint8_t *)prior, strlen(prior)}};
    struct bytes bytes = {0};
    struct query *query;
    memcpy(link.study, f->c->terms.study, STUDY_BYTES);
    memcpy(link.previous, previous, HASH_BYTES);
    assert_ok(chain_sign(f->c->coordinator, &link, &bytes, hash));
    assert_ok(store_query(
        f->store, "REPLACE INTO links (study, round, link) VALUES (?, ?, ?)", &query));
    query_blob(query, 1, link.study, STUDY_BYTES);
    query_int(query, 2, (int64_t)kept_as);
    query_blob(query, 3, bytes.data, bytes.size);
    assert_ok(query_run(query));
    bytes_free(&bytes);
}

static void archive__lists_in_order_of_arrival(void **state)
{
    struct fixture *f = *state;
    static const uint8_t three[3][STUDY_BYTES] = {{9}, {1}, {5}};
    uint8_t(*numbers)[STUDY_BYTES];
    size_t count;
    assert_ok(archive_list(f->store, &numbers, &count));
    assert_int_equal(count, 0);
    mem_free(numbers);
    for (size_t i = 0; i < 3; i++)
        put_study(f, three[i], STUDY_BYTES, "same");
    assert_ok(archive_list(f->store, &numbers, &count));
    assert_int_equal(count, 3);
    assert_memory_equal(numbers, three, sizeof three);
    mem_free(numbers);
}

static void archive__finds_by_name_or_first_digits(void **state)
{
    struct fixture *f = *state;
    static const uint8_t one[STUDY_BYTES] = {0xab, 0xcd, 0x01},
                         two[STUDY_BYTES] = {0xab, 0xcd, 0x02};
    uint8_t number[STUDY_BYTES];
    put_study(f, one, STUDY_BYTES, "pressure");
    put_study(f, two, STUDY_BYTES, "growth");
    assert_ok(archive_find(f->store, "growth", number));
    assert_memory_equal(number, two, STUDY_BYTES);
    assert_ok(archive_find(f->store, "abcd01", number));
    assert_memory_equal(number, one, STUDY_BYTES);
    assert_refused(ERR_RANGE, "2 studies are called abcd",
                   archive_find(f->store, "abcd", number));
    assert_string_equal(err_hint_text(),
                        "use the first digits of its number, as `study list` shows it");
    assert_refused(ERR_NOT_FOUND, "no study is called abc",
                   archive_find(f->store, "abc", number)); /* too few digits */
    assert_refused(ERR_NOT_FOUND, "no study is called ABCD01",
                   archive_find(f->store, "ABCD01", number));
    assert_refused(ERR_NOT_FOUND, "no study is called ",
                   archive_find(f->store, "", number));
}

static void archive__terms_come_back_as_signed(void **state)
{
    struct fixture *f = *state;
    struct bytes terms = {0};
    char name[ARCHIVE_STATE_SIZE];
    assert_refused(ERR_NOT_FOUND, "no such study",
                   archive_terms(f->store, f->c->terms.study, &terms, name));
    assert_int_equal(terms.size, 0);
    put_study(f, f->c->terms.study, STUDY_BYTES, "pressure");
    assert_ok(archive_terms(f->store, f->c->terms.study, &terms, name));
    assert_string_equal(name, "offered");
    assert_int_equal(terms.size, f->c->terms_bytes.size);
    assert_memory_equal(terms.data, f->c->terms_bytes.data, terms.size);
    bytes_free(&terms);
}

static void archive__the_chain_ends_at_the_newest_prior(void **state)
{
    struct fixture *f = *state;
    struct chain chain = chain_start(&f->c->terms, f->c->terms_hash);
    uint8_t head[HASH_BYTES];
    struct bytes prior = {0};
    bytes_append(&prior, "start", 5);
    assert_ok(archive_chain(f->store, f->c->coordinator_key, &chain, &prior));
    assert_int_equal(chain.length, 0);
    assert_memory_equal(prior.data, "start", 5);
    put_link(f, f->c->terms_hash, 1, 1, "first", head);
    put_link(f, head, 2, 2, "second", head);
    assert_ok(archive_chain(f->store, f->c->coordinator_key, &chain, &prior));
    assert_int_equal(chain.length, 2);
    assert_memory_equal(chain.head, head, HASH_BYTES);
    assert_int_equal(prior.size, 6);
    assert_memory_equal(prior.data, "second", 6);
    bytes_free(&prior);
}

static void archive__refuses_links_that_do_not_continue(void **state)
{
    struct fixture *f = *state;
    const struct chain start = chain_start(&f->c->terms, f->c->terms_hash);
    struct chain chain = start;
    uint8_t first[HASH_BYTES], second[HASH_BYTES];
    struct bytes prior = {0};
    put_link(f, f->c->terms_hash, 1, 1, "first", first);
    put_link(f, f->c->terms_hash, 2, 2, "beside it", second);
    assert_refused(ERR_VERIFY, "link 2",
                   archive_chain(f->store, f->c->coordinator_key, &chain, &prior));
    put_link(f, first, 3, 2, "one left out", second);
    assert_int_not_equal(archive_chain(f->store, f->c->coordinator_key, &chain, &prior),
                         ERR_OK);
    put_link(f, first, 2, 2, "second", second);
    assert_refused(ERR_VERIFY, "link 1",
                   archive_chain(f->store, f->c->stranger_key, &chain, &prior));
    assert_ok(store_execute(f->store, "UPDATE links SET link = x'0a' WHERE round = 2"));
    assert_refused(ERR_FORMAT, "link 2",
                   archive_chain(f->store, f->c->coordinator_key, &chain, &prior));
    assert_memory_equal(&chain, &start, sizeof chain);
    assert_int_equal(prior.size, 0);
}

int main(void)
{
#define IN_STORE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_STORE(archive__lists_in_order_of_arrival),
        IN_STORE(archive__finds_by_name_or_first_digits),
        IN_STORE(archive__terms_come_back_as_signed),
        IN_STORE(archive__the_chain_ends_at_the_newest_prior),
        IN_STORE(archive__refuses_links_that_do_not_continue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
