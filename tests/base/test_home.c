#include "check.h"

#include "base/file.h"
#include "base/home.h"
#include "base/memory.h"
#include "scratch.h"

static const struct conf_setting settings[] = {
    {"name", CONF_TEXT, NULL, 0, 0, "a name"},
    {"count", CONF_INTEGER, "3", 0, 9, "a count"},
};
static const char *const migrations[] = {HOME_SCHEMA};
static const struct store_schema schema = {"home-test", migrations, 1};
static const struct home_kind kind = {"gemel-test", settings, 2, &schema};

static void home__is_made_and_opened_again(void **state)
{
    struct home *home;
    struct bytes value = {0};
    char *folder = scratch_path(*state, "h");
    const char *const values[] = {"St Anna", NULL};
    assert_ok(home_create(folder, &kind, values, &home));
    assert_ok(home_set(home, "key", "abc", 3));
    assert_ok(home_set(home, "key", "defg", 4)); /* replaced */
    home_destroy(&home);
    assert_ok(home_open(folder, &kind, &home));
    assert_string_equal(conf_text(home_conf(home), "name"), "St Anna");
    assert_int_equal(conf_integer(home_conf(home), "count"), 3);
    assert_ok(home_get(home, "key", &value));
    assert_int_equal(value.size, 4);
    assert_memory_equal(value.data, "defg", 4);
    assert_refused(ERR_NOT_FOUND, "other", home_get(home, "other", &value));
    assert_int_equal(value.size, 0);
    bytes_free(&value);
    home_destroy(&home);
    free(folder);
}

static void home__one_process_at_a_time(void **state)
{
    struct home *home, *second;
    char *folder = scratch_path(*state, "h");
    const char *const values[] = {"a", NULL};
    assert_ok(home_create(folder, &kind, values, &home));
    assert_refused(ERR_LOCKED, "", home_open(folder, &kind, &second));
    struct conf *conf;
    assert_ok(home_settings(folder, &kind, &conf)); /* that works beside it */
    conf_destroy(&conf);
    home_destroy(&home);
    free(folder);
}

static void home__refuses_what_is_there_or_missing(void **state)
{
    struct home *home;
    char *folder = scratch_path(*state, "h"), *key = file_join(folder, "store.key");
    const char *const values[] = {"a", NULL};
    assert_refused(ERR_UNINITIALISED, "no gemel-test", home_open(folder, &kind, &home));
    assert_non_null(strstr(err_hint_text(), "gemel-test init"));
    assert_ok(home_create(folder, &kind, values, &home));
    home_destroy(&home);
    assert_refused(ERR_STATE, "there already", home_create(folder, &kind, values, &home));
    assert_ok(home_open(folder, &kind, &home)); /* and the refusal changed nothing */
    home_destroy(&home);
    assert_int_equal(chmod(key, 0644), 0);
    assert_refused(ERR_KEY, "", home_open(folder, &kind, &home));
    mem_free(key);
    free(folder);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(home__is_made_and_opened_again),
        TEST(home__one_process_at_a_time),
        TEST(home__refuses_what_is_there_or_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
