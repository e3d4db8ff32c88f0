#include "base/conf.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"

#include "check.h"
#include "scratch.h"

static const struct conf_setting SETTINGS[] = {
    {"name", CONF_TEXT, NULL, 0, 0, "What the hospital is called."},
    {"port", CONF_INTEGER, "7411", 1, 65535, "Where to listen."},
    {"ratio", CONF_REAL, "0.5", 0, 1, "A share."},
    {"verbose", CONF_BOOLEAN, "false", 0, 0, "Whether to say more."},
    {"store", CONF_PATH, "data/store", 0, 0, "Where the store is."},
    {"offset", CONF_INTEGER, "-3", 0, 0, "Any whole number."},
};
#define COUNT (sizeof SETTINGS / sizeof *SETTINGS)

static enum err read_text(void *state, const char *text, size_t size, struct conf **conf)
{
    char *path = scratch_path(state, "x.yaml");
    assert_ok(file_write(path, text, size, 0600));
    enum err err = conf_read(path, SETTINGS, COUNT, conf);
    free(path);
    return err;
}

static void conf__gives_what_is_set_and_presets_for_the_rest(void **state)
{
    struct conf *conf = NULL;
    const char text[] =
        "# a comment\nname: St. Mary's # here\nport: 80\n\nratio: 2.5e-1\n";
    assert_ok(read_text(*state, text, strlen(text), &conf));
    assert_string_equal(conf_text(conf, "name"), "St. Mary's");
    assert_int_equal(conf_integer(conf, "port"), 80);
    assert_true(conf_real(conf, "ratio") == 0.25);
    assert_false(conf_boolean(conf, "verbose"));
    assert_string_equal(conf_text(conf, "store"), "data/store");
    assert_int_equal(conf_integer(conf, "offset"), -3);
    conf_destroy(&conf);
    assert_null(conf);
    conf_destroy(&conf);
    const char flow[] = "{name: '7', port: \"9\", verbose: true}";
    assert_ok(read_text(*state, flow, strlen(flow), &conf));
    assert_string_equal(conf_text(conf, "name"), "7");
    assert_int_equal(conf_integer(conf, "port"), 9);
    assert_true(conf_boolean(conf, "verbose"));
    conf_destroy(&conf);
}

/* A part of a file counts its lines from the file's beginning. */
static void conf__knows_the_line_of_every_setting(void **state)
{
    struct conf *conf = NULL;
    const char text[] = "# here\nname: 'a'\n\nport: 080\n";
    (void)state;
    assert_ok(conf_parse("part", 10, text, strlen(text), SETTINGS, COUNT, &conf));
    assert_int_equal(conf_line(conf, "name"), 12);
    assert_int_equal(conf_line(conf, "port"), 14);
    assert_int_equal(conf_line(conf, "ratio"), 0); /* a preset */
    assert_string_equal(conf_value(conf, "port"), "080");
    assert_int_equal(conf_integer(conf, "port"), 80);
    assert_string_equal(conf_value(conf, "ratio"), "0.5");
    conf_destroy(&conf);
    const char wrong[] = "name: a\nport: x\n", twice[] = "name: a\nport: 1\nport: 2\n";
    assert_refused(ERR_CONFIG, "part, line 12: 'port' takes a whole number",
                   conf_parse("part", 10, wrong, strlen(wrong), SETTINGS, COUNT, &conf));
    assert_refused(ERR_CONFIG, "part, line 13: 'port' is set twice",
                   conf_parse("part", 10, twice, strlen(twice), SETTINGS, COUNT, &conf));
    assert_null(conf);
}

static void conf__refuses_with_file_line_and_setting(void **state)
{
    const char *rows[][3] = {
        {"name: a\n\nprot: 3\n", "x.yaml, line 3: 'prot' is not a setting",
         "mean 'port'"},
        {"name: a\nPort: 3\n", "line 2: 'Port' is not a setting", "mean 'port'"},
        {"name: a\nxyzzy: 3\n", "line 2: 'xyzzy' is not a setting", ""},
        {"name: a\nport: 3\n# port: 4\nport : 5\n", "line 4: 'port' is set twice", ""},
        {"port: 3\n", "x.yaml: 'name' must be given: What the hospital is called.", ""},
        {"", "'name' must be given", ""},
        {"# nothing\n", "'name' must be given", ""},
        {"name: a\nport: 1x\n",
         "line 2: 'port' takes a whole number from 1 to 65535, not '1x'", ""},
        {"name: a\nport: 0\n", "not '0'", ""},
        {"name: a\nport: 65536\n", "not '65536'", ""},
        {"name: a\nport: 0x10\n", "not '0x10'", ""},
        {"name: a\nport: 1.0\n", "not '1.0'", ""},
        {"name: a\nport:\n", "line 2: 'port' takes a whole number", ""},
        {"name: a\nport: ~\n", "not '~'", ""},
        {"name: a\noffset: 99999999999999999999\n", "takes a whole number, not", ""},
        {"name: a\nratio: 1.5\n", "'ratio' takes a number from 0 to 1, not '1.5'", ""},
        {"name: a\nratio: nan\n", "not 'nan'", ""},
        {"name: a\nratio: .inf\n", "not '.inf'", ""},
        {"name: a\nverbose: yes\n", "line 2: 'verbose' takes true or false, not 'yes'",
         ""},
        {"name: a\nstore: ''\n", "'store' takes a path", ""},
        {"name: |\n  a\n  b\n", "line 1: 'name' takes text on one line", ""},
        {"name: a\nport: [1, 2]\n", "line 2: 'port' takes one value", ""},
        {"name: a\nport: {x: 1}\n", "line 2: 'port' takes one value", ""},
        {"- a\n- b\n", "x.yaml: not lines of 'name: value'", ""},
        {"just words\n", "not lines of 'name: value'", ""},
        {"name: &x a\nstore: *x\n", "aliases", ""},
        {"name: a\n---\nname: b\n", "gnoring documents after first", ""},
        {"name: a\n  port: 3\n", "x.yaml, line 1: mapping values", ""},
        {"name: a\n\tport: 3\n", "tab", ""},
        {"name: \"a\n", "x.yaml", ""},
        {"name: \xff\n", "x.yaml: invalid leading UTF-8", ""},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "x.yaml", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conf *conf = NULL;
        assert_refused(ERR_CONFIG, rows[i][1],
                       read_text(*state, rows[i][0], strlen(rows[i][0]), &conf));
        assert_non_null(strstr(err_hint_text(), rows[i][2]));
        if (!*rows[i][2])
            assert_string_equal(err_hint_text(), "");
        assert_null(conf);
    }
}

static void conf__bounds_files_and_values(void **state)
{
    struct conf *conf = NULL;
    char *path = scratch_path(*state, "missing"), *text = mem_new(70000, 1);
    assert_refused(ERR_NOT_FOUND, path, conf_read(path, SETTINGS, COUNT, &conf));
    memset(text, '#', 70000);
    assert_refused(ERR_RANGE, "65536", read_text(*state, text, 70000, &conf));
    memset(text, 'a', 70000);
    memcpy(text, "name: ", 6);
    assert_refused(ERR_CONFIG, "at most 4096 bytes",
                   read_text(*state, text, 5000, &conf));
    memcpy(text, "port: ", 6);
    assert_int_equal(read_text(*state, text, 4000, &conf), ERR_CONFIG);
    assert_true(strlen(err_text()) < 300);
    assert_refused(ERR_CONFIG, "x.yaml", read_text(*state, "name: a\0b\n", 10, &conf));
    mem_free(text);
    free(path);
}

/* Any damage is a refusal or a reading, never a crash. */
static void conf__survives_damage(void **state)
{
    const char good[] = "# c\nname: 'a b'\nport: 80\nratio: 1e-3\nstore: \"x\\u00e9\"\n";
    uint32_t random = 7;
    for (int i = 0; i < 2000; i++) {
        char text[sizeof good];
        memcpy(text, good, sizeof good);
        for (int flips = 0; flips <= i % 3; flips++) {
            random = random * 1664525u + 1013904223u;
            text[(random >> 8) % (sizeof good - 1)] = (char)(random >> 24);
        }
        struct conf *conf = NULL;
        enum err err = read_text(*state, text, sizeof good - 1, &conf);
        assert_true(err == ERR_OK || err == ERR_CONFIG);
        conf_destroy(&conf);
    }
}

static void conf__reads_what_it_writes(void **state)
{
    const char *values[COUNT] = {
        "it's: a #name \\ \"é\"", "81", "1", "true", "/a b/c", NULL};
    char *text = conf_write(SETTINGS, COUNT, values);
    struct conf *conf = NULL;
    assert_ok(read_text(*state, text, strlen(text), &conf));
    assert_string_equal(conf_text(conf, "name"), values[0]);
    assert_int_equal(conf_integer(conf, "port"), 81);
    assert_true(conf_real(conf, "ratio") == 1);
    assert_true(conf_boolean(conf, "verbose"));
    assert_string_equal(conf_text(conf, "store"), "/a b/c");
    assert_int_equal(conf_integer(conf, "offset"), -3);
    for (size_t i = 0; i < COUNT; i++) {
        const char *name;
        assert_non_null(strstr(text, SETTINGS[i].sentence));
        assert_string_equal(conf_written(conf, i, &name), values[i] ? values[i] : "-3");
        assert_string_equal(name, SETTINGS[i].name);
    }
    const char *past;
    assert_null(conf_written(conf, COUNT, &past));
    assert_non_null(strstr(text, "# a whole number from 1 to 65535\nport: 81\n"));
    mem_free(text);
    conf_destroy(&conf);
    text = conf_write(SETTINGS, COUNT, NULL);
    assert_refused(ERR_CONFIG, "'name' must be given",
                   read_text(*state, text, strlen(text), &conf));
    mem_free(text);
}

static void conf__asking_for_what_is_not_in_the_table_aborts(void **state)
{
    const char *const names[] = {"nothing", "port"};
    struct conf *conf = NULL;
    assert_ok(read_text(*state, "name: a", 7, &conf));
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct rlimit none = {0, 0};
            setrlimit(RLIMIT_CORE, &none);
            signal(SIGABRT, SIG_DFL);
            conf_text(conf, names[i]);
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
    conf_destroy(&conf);
}

#define IN_SCRATCH(test)                                                                 \
    cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(conf__gives_what_is_set_and_presets_for_the_rest),
        IN_SCRATCH(conf__knows_the_line_of_every_setting),
        IN_SCRATCH(conf__refuses_with_file_line_and_setting),
        IN_SCRATCH(conf__bounds_files_and_values),
        IN_SCRATCH(conf__survives_damage),
        IN_SCRATCH(conf__reads_what_it_writes),
        IN_SCRATCH(conf__asking_for_what_is_not_in_the_table_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
