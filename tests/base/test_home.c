#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"

#include "base/file.h"
#include "base/home.h"
#include "base/memory.h"
#include "scratch.h"

static const struct conf_setting settings[] = {
    {"name", CONF_TEXT, NULL, 0, 0, "a name"},
    {"count", CONF_INTEGER, "3", 0, 9, "a count"},
    HOME_KEY_SETTING,
};
static const char *const migrations[] = {HOME_SCHEMA};
static const struct store_schema schema = {"home-test", migrations, 1};
static const struct home_kind kind = {"gemel-test", settings, 3, &schema};

static void home__is_made_and_opened_again(void **state)
{
    struct home *home;
    struct bytes value = {0};
    char *folder = scratch_path(*state, "h");
    const char *const values[] = {"St Anna", NULL, NULL};
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
    const char *const values[] = {"a", NULL, NULL};
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
    const char *const values[] = {"a", NULL, NULL};
    assert_refused(ERR_UNINITIALISED, "no gemel-test", home_open(folder, &kind, &home));
    assert_non_null(strstr(err_hint_text(), "gemel-test help init"));
    assert_ok(home_create(folder, &kind, values, &home));
    home_destroy(&home);
    assert_refused(ERR_STATE, "there already", home_create(folder, &kind, values, &home));
    assert_ok(home_open(folder, &kind, &home)); /* and the refusal changed nothing */
    home_destroy(&home);
    assert_int_equal(chmod(key, 0644), 0);
    assert_refused(ERR_KEY, "", home_open(folder, &kind, &home));
    assert_int_equal(unlink(key), 0);
    assert_refused(ERR_NOT_FOUND, "store.key", home_open(folder, &kind, &home));
    assert_non_null(strstr(err_hint_text(), "put its copy back"));
    mem_free(key);
    free(folder);
}

/* To whoever may not look into a folder it does not look as if nothing were there. */
static void home__of_another_user_is_said_to_be_that(void **state)
{
    struct home *home;
    char *folder = scratch_path(*state, "h");
    const char *const values[] = {"a", NULL, NULL};
    assert_ok(home_create(folder, &kind, values, &home));
    home_destroy(&home);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 ? setuid(65534) != 0 : chmod(folder, 0) != 0)
            _exit(2);
        enum err err = home_open(folder, &kind, &home);
        bool clear = strstr(err_text(), "Permission denied") &&
                     strstr(err_hint_text(), "another user");
        _exit(err == ERR_STORAGE && clear ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(folder, 0700), 0);
    free(folder);
}

/* --- the key
 * ------------------------------------------------------------------------------- */

static const uint8_t handed[STORE_KEY_BYTES] = "another key of thirty-two bytes";

static const char *const from_file[] = {"a", NULL, NULL};

/* A pipe with `size` bytes of the key in it; the descriptor to read from. */
static int pipe_of(const uint8_t *key, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], key, size), size);
    close(ends[1]);
    return ends[0];
}

static void set_source(const char *folder, const char *source)
{
    char *path = file_join(folder, "gemel-test.yaml");
    char *text = mem_format("name: a\nstore_key: %s\n", source);
    assert_ok(file_write(path, text, strlen(text), 0600));
    mem_free(text);
    mem_free(path);
}

static void home__the_key_comes_from_a_descriptor(void **state)
{
    struct home *home;
    char *folder = scratch_path(*state, "h"), *file = file_join(folder, "store.key");
    char *loose = scratch_path(*state, "loose");
    for (int size = 31; size <= 33; size++) {
        uint8_t bytes[33] = {0};
        memcpy(bytes, handed, STORE_KEY_BYTES);
        int fd = pipe_of(bytes, (size_t)size);
        char *source = mem_format("fd:%d", fd);
        const char *const values[] = {"a", NULL, source};
        if (size != STORE_KEY_BYTES) {
            assert_refused(ERR_KEY, size < 32 ? "less than 32" : "more than 32",
                           home_create(folder, &kind, values, &home));
        } else {
            assert_ok(home_create(folder, &kind, values, &home));
            assert_memory_equal(home_key(home), handed, STORE_KEY_BYTES);
            home_destroy(&home);
        }
        assert_int_equal(fcntl(fd, F_GETFD), -1); /* read once and closed */
        mem_free(source);
        if (size == 32)
            break;
    }
    assert_false(file_exists(file)); /* no key beside what it opens */
    assert_ok(file_write(loose, handed, STORE_KEY_BYTES, 0644));
    const char *const sources[] = {"fd:999", "fd:x", "fd:-1", "env:KEY"};
    const enum err refusals[] = {ERR_KEY, ERR_CONFIG, ERR_CONFIG, ERR_CONFIG};
    for (size_t i = 0; i < 4; i++) {
        set_source(folder, sources[i]);
        assert_refused(refusals[i], "", home_open(folder, &kind, &home));
    }
    int fd = open(loose, O_RDONLY);
    char *source = mem_format("fd:%d", fd);
    set_source(folder, source);
    assert_refused(ERR_KEY, "others than its owner", home_open(folder, &kind, &home));
    mem_free(source);
    source = mem_format("fd:%d", pipe_of(handed, STORE_KEY_BYTES));
    set_source(folder, source);
    assert_ok(home_open(folder, &kind, &home));
    home_destroy(&home);
    mem_free(source);
    free(loose);
    mem_free(file);
    free(folder);
}

static void home__the_key_comes_from_a_credential(void **state)
{
    struct home *home;
    char *folder = scratch_path(*state, "h");
    char *credential = scratch_path(*state, "gemel.key");
    const char *const values[] = {"a", NULL, "credential:gemel.key"};
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_refused(ERR_KEY, "systemd gave none",
                   home_create(folder, &kind, values, &home));
    assert_non_null(strstr(err_hint_text(), "LoadCredential"));
    setenv("CREDENTIALS_DIRECTORY", *state, 1);
    assert_refused(ERR_NOT_FOUND, "gemel.key", home_create(folder, &kind, values, &home));
    assert_ok(file_write(credential, handed, STORE_KEY_BYTES, 0440)); /* as with a list */
    assert_ok(home_create(folder, &kind, values, &home));
    assert_memory_equal(home_key(home), handed, STORE_KEY_BYTES);
    home_destroy(&home);
    for (int mode = 0444; mode <= 0460; mode += 0014) {
        assert_int_equal(chmod(credential, (mode_t)mode), 0);
        assert_refused(ERR_KEY, "others than its owner", home_open(folder, &kind, &home));
    }
    set_source(folder, "credential:../h/store.key");
    assert_refused(ERR_CONFIG, "name of a credential", home_open(folder, &kind, &home));
    unsetenv("CREDENTIALS_DIRECTORY");
    free(credential);
    free(folder);
}

/* --- a new key
 * ----------------------------------------------------------------------------- */

static void fill(struct home *home)
{
    uint8_t value[3000];
    memset(value, 0x5a, sizeof value);
    for (int i = 0; i < 12; i++) {
        char name[20];
        snprintf(name, sizeof name, "value %d", i);
        assert_ok(home_set(home, name, value, sizeof value));
    }
}

static void holds_all(struct home *home)
{
    struct bytes value = {0};
    assert_ok(home_get(home, "value 11", &value));
    assert_int_equal(value.size, 3000);
    bytes_free(&value);
    assert_ok(store_check(home_store(home)));
}

static void home__a_new_key_opens_and_the_old_one_does_not(void **state)
{
    struct home *home;
    uint8_t old[STORE_KEY_BYTES];
    char *folder = scratch_path(*state, "h"), *path = file_join(folder, "store.key");
    char *db = file_join(folder, "gemel-test.db");
    struct store *store;
    assert_ok(home_create(folder, &kind, from_file, &home));
    fill(home);
    memcpy(old, home_key(home), sizeof old);
    assert_refused(ERR_LOCKED, "", home_rotate(folder, &kind, NULL));
    home_destroy(&home);
    assert_refused(ERR_STATE, "made here", home_rotate(folder, &kind, "fd:9"));
    assert_ok(home_rotate(folder, &kind, NULL));
    assert_refused(ERR_KEY, "", store_open(db, old, &schema, &store));
    assert_ok(home_open(folder, &kind, &home));
    assert_memory_not_equal(home_key(home), old, sizeof old);
    holds_all(home);
    home_destroy(&home);
    mem_free(db);
    mem_free(path);
    free(folder);
}

static void home__a_new_key_is_handed_in(void **state)
{
    struct home *home;
    static const uint8_t first[STORE_KEY_BYTES] = "the first key of thirty-two byte";
    char *folder = scratch_path(*state, "h");
    char *source = mem_format("fd:%d", pipe_of(first, sizeof first));
    const char *const values[] = {"a", NULL, source};
    assert_ok(home_create(folder, &kind, values, &home));
    fill(home);
    home_destroy(&home);
    mem_free(source);
    static const struct {
        const char *to, *sentence;
        const uint8_t *key;
        enum err refusal;
    } tries[] = {
        {NULL, "comes from elsewhere", NULL, ERR_STATE},
        {"file", "fd:N", NULL, ERR_USAGE},
        {"fd", "the one in use", first, ERR_KEY},
        {"fd", NULL, handed, ERR_OK},
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        char *from = mem_format("fd:%d", pipe_of(first, sizeof first));
        char *to = tries[i].key
                       ? mem_format("fd:%d", pipe_of(tries[i].key, STORE_KEY_BYTES))
                       : NULL;
        set_source(folder, from);
        enum err err = home_rotate(folder, &kind, to ? to : tries[i].to);
        assert_int_equal(err, tries[i].refusal);
        if (err)
            assert_non_null(strstr(err_text(), tries[i].sentence));
        mem_free(to);
        mem_free(from);
    }
    source = mem_format("fd:%d", pipe_of(first, sizeof first));
    set_source(folder, source);
    assert_refused(ERR_KEY, "", home_open(folder, &kind, &home));
    mem_free(source);
    source = mem_format("fd:%d", pipe_of(handed, sizeof handed));
    set_source(folder, source);
    assert_ok(home_open(folder, &kind, &home));
    holds_all(home);
    home_destroy(&home);
    mem_free(source);
    free(folder);
}

/* Killed, or refused by the disk, at any call that changes a file or a name: it opens, it
 * is whole, and it can be rotated. */
static void home__a_rotation_may_end_anywhere(void **state)
{
    static const int ways[] = {FAULT_KILL, FAULT_KILL_HALF, EIO, ENOSPC};
    struct home *home;
    char *folder = scratch_path(*state, "h");
    char *next = file_join(folder, "store.key.next");
    size_t ended = 0;
    assert_ok(home_create(folder, &kind, from_file, &home));
    fill(home);
    home_destroy(&home);
    for (size_t way = 0; way < 4; way++) {
        bool done = false;
        for (int call = 0; !done; call++) {
            pid_t child = fork();
            if (child == 0) {
                fault_arm(FAULT_ANY | FAULT_NAME, call, ways[way]);
                enum err err = home_rotate(folder, &kind, NULL);
                int seen = fault_disarm();
                _exit(err == ERR_OK && seen <= call ? 0 : 1);
            }
            int status;
            waitpid(child, &status, 0);
            assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) < 2);
            done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            ended += !done;
            assert_ok(home_open(folder, &kind, &home));
            holds_all(home);
            assert_false(file_exists(next));
            home_destroy(&home);
        }
    }
    assert_true(ended >= 4 * 15);
    mem_free(next);
    free(folder);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(home__is_made_and_opened_again),
        TEST(home__one_process_at_a_time),
        TEST(home__refuses_what_is_there_or_missing),
        TEST(home__of_another_user_is_said_to_be_that),
        TEST(home__the_key_comes_from_a_descriptor),
        TEST(home__the_key_comes_from_a_credential),
        TEST(home__a_new_key_opens_and_the_old_one_does_not),
        TEST(home__a_new_key_is_handed_in),
        TEST(home__a_rotation_may_end_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
