#include "check.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "scratch.h"
#include "sim/process.h"

/* A shell stands for our programs: it prints and ends as it is told. */
#define SHELL(script) ((const char *const[]){"sh", "-c", script, NULL})

static void process__gives_what_was_printed(void **state)
{
    (void)state;
    struct bytes text = {0};
    assert_ok(process_run("/bin", SHELL("echo one; echo talk >&2; printf two"), &text));
    assert_int_equal(text.size, 7);
    assert_memory_equal(text.data, "one\ntwo", 7);
    assert_ok(process_run("/bin", SHELL("read line || echo nothing to read"), &text));
    assert_memory_equal(text.data, "nothing to read\n", 16);
    bytes_free(&text);
}

static void process__takes_what_a_check_found(void **state)
{
    (void)state;
    struct bytes output = {0};
    assert_ok(process_run("/bin", SHELL("echo 'ALARM slow'; exit 8"), &output));
    assert_int_equal(output.size, strlen("ALARM slow\n"));
    assert_memory_equal(output.data, "ALARM slow\n", output.size);
    bytes_free(&output);
}

static void process__passes_on_a_childs_refusal(void **state)
{
    (void)state;
    static const struct {
        const char *script, *says, *hint;
        enum err code;
    } rows[] = {
        {"echo 'error: no such study' >&2; echo 'hint: ask' >&2; exit 4",
         "sh: no such study", "ask", ERR_NOT_FOUND},
        {"echo 'error: first' >&2; echo 'error: last' >&2; exit 5", "sh: last", "",
         ERR_DENIED},
        {"exit 7", "sh ended with code 7", "", ERR_GONE},
        {"exit 11", "sh ended with code 11", "", ERR_LOCKED},
        {"exit 1", "sh ended with code 1", "", ERR_STATE},
        {"kill -9 $$", "sh was ended by signal 9", "", ERR_STATE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_refused(rows[i].code, rows[i].says,
                       process_run("/bin", SHELL(rows[i].script), NULL));
        assert_string_equal(err_hint_text(), rows[i].hint);
    }
    assert_refused(
        ERR_NOT_FOUND, "/bin/no-such-program",
        process_run("/bin", (const char *const[]){"no-such-program", NULL}, NULL));
}

static bool ends_within(struct process *process, int ms, enum err *err)
{
    const struct timespec step = {0, 10000000};
    bool ended = false;
    for (int i = 0; i < ms / 10; i++) {
        *err = process_poll(process, &ended);
        if (ended)
            return true;
        nanosleep(&step, NULL);
    }
    return false;
}

static void process__is_watched_and_stopped(void **state)
{
    char *log = scratch_path(*state, "log");
    struct process *process;
    struct bytes text = {0};
    enum err err;
    assert_ok(process_start("/bin", SHELL("echo up; exit 0"), log, &process));
    assert_true(ends_within(process, 5000, &err));
    assert_int_equal(err, ERR_OK);
    process_stop(&process);
    assert_null(process);
    assert_ok(process_start("/bin", SHELL("echo 'error: the port is taken' >&2; exit 9"),
                            log, &process));
    assert_true(ends_within(process, 5000, &err));
    assert_int_equal(err, ERR_CONFIG);
    assert_non_null(strstr(err_text(), "the port is taken"));
    process_stop(&process);
    assert_ok(file_read(log, 1000, &text));
    assert_memory_equal(text.data, "up\n", 3); /* appended to, never cut */

    /* A terminal's Ctrl-C is for us: the child is in a group of its own. */
    assert_ok(
        process_run("/bin", SHELL("test \"$(cut -d' ' -f5 /proc/$$/stat)\" = $$"), NULL));
    assert_ok(process_start("/bin", SHELL("exec sleep 600"), log, &process));
    assert_false(ends_within(process, 50, &err));
    time_t before = time(NULL);
    process_stop(&process);
    assert_true(time(NULL) - before < 5); /* it heeds SIGTERM */
    process_stop(&process);
    bytes_free(&text);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process__gives_what_was_printed),
        cmocka_unit_test(process__takes_what_a_check_found),
        cmocka_unit_test(process__passes_on_a_childs_refusal),
        cmocka_unit_test_setup_teardown(process__is_watched_and_stopped, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
