#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

#include "check.h"
#include "fault.h"
#include "scratch.h"

static size_t entries(const char *directory)
{
    size_t count = 0;
    DIR *open = opendir(directory);
    while (open && readdir(open))
        count++;
    if (open)
        closedir(open);
    return count - 2;
}

static mode_t mode_of(const char *path)
{
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    return about.st_mode & 07777;
}

static void assert_holds(const char *path, const char *content)
{
    struct bytes bytes = {0};
    assert_ok(file_read(path, 1000, &bytes));
    assert_int_equal(bytes.size, strlen(content));
    if (bytes.size)
        assert_memory_equal(bytes.data, content, bytes.size);
    bytes_free(&bytes);
}

static void file__writes_whole_with_its_mode_and_replaces(void **state)
{
    char *path = scratch_path(*state, "a");
    mode_t old = umask(0);
    assert_ok(file_write(path, "first", 5, 0600));
    assert_int_equal(mode_of(path), 0600);
    umask(0777);
    assert_ok(file_write(path, "", 0, 0644));
    umask(old);
    assert_int_equal(mode_of(path), 0644);
    assert_holds(path, "");
    assert_ok(file_write(path, "a longer text in small writes", 29, 0400));
    assert_holds(path, "a longer text in small writes");
    assert_int_equal(mode_of(path), 0400);
    assert_int_equal(entries(*state), 1);
    free(path);
}

static void file__failed_write_leaves_the_old_content_and_no_litter(void **state)
{
    char *path = scratch_path(*state, "a"), *fresh = scratch_path(*state, "b");
    assert_ok(file_write(path, "old", 3, 0600));
    fault_arm(FAULT_WRITE, 0, ENOSPC);
    assert_refused(ERR_STORAGE, "No space left", file_write(path, "new", 3, 0600));
    fault_arm(FAULT_WRITE, 0, EINTR); /* not a failure: tried again */
    assert_ok(file_write(path, "old", 3, 0600));
    fault_arm(FAULT_SYNC, 0, EIO);
    assert_refused(ERR_STORAGE, path, file_write(path, "new", 3, 0600));
    fault_arm(FAULT_SYNC, 0, EIO);
    assert_refused(ERR_STORAGE, fresh, file_create(fresh, "new", 3, 0600));
    fault_disarm();
    assert_false(file_exists(fresh));
    assert_holds(path, "old");
    assert_int_equal(entries(*state), 1);
    free(path);
    free(fresh);
}

static void file__unsynced_directory_is_reported(void **state)
{
    char *path = scratch_path(*state, "a");
    fault_arm(FAULT_SYNC, 1, EIO); /* the file's own passes, the directory's does not */
    assert_refused(ERR_STORAGE, "sync the directory", file_write(path, "new", 3, 0600));
    fault_disarm();
    free(path);
}

static void file__create_never_replaces(void **state)
{
    char *path = scratch_path(*state, "key"), *link_path = scratch_path(*state, "link");
    assert_ok(file_create(path, "one", 3, 0400));
    assert_int_equal(mode_of(path), 0400);
    assert_refused(ERR_STATE, "exists already", file_create(path, "two", 3, 0400));
    assert_int_equal(symlink("nowhere", link_path), 0);
    assert_refused(ERR_STATE, "exists already", file_create(link_path, "two", 3, 0400));
    assert_holds(path, "one");
    assert_int_equal(entries(*state), 2);
    free(path);
    free(link_path);
}

static void file__read_stops_at_its_limit(void **state)
{
    char *path = scratch_path(*state, "big");
    char *content = mem_new(100000, 1);
    memset(content, 'x', 100000);
    assert_ok(file_write(path, content, 100000, 0600));
    struct bytes bytes = {0};
    bytes_u8(&bytes, 'y');
    assert_refused(ERR_RANGE, "limit of 99999 bytes", file_read(path, 99999, &bytes));
    assert_int_equal(bytes.size, 1);
    assert_ok(file_read(path, 100000, &bytes));
    assert_int_equal(bytes.size, 100001);
    assert_memory_equal(bytes.data + 1, content, 100000);
    /* What says it is endless or claims size 0 is bounded as well. */
    assert_refused(ERR_RANGE, "/dev/zero", file_read("/dev/zero", 1000, &bytes));
    assert_ok(file_read("/proc/self/status", 100000, &bytes));
    bytes_free(&bytes);
    mem_free(content);
    free(path);
}

static void file__says_what_is_missing(void **state)
{
    char *path = scratch_path(*state, "missing"), *below = scratch_path(*state, "a/b");
    struct bytes bytes = {0};
    void *secret = NULL;
    assert_refused(ERR_NOT_FOUND, path, file_read(path, 10, &bytes));
    assert_refused(ERR_NOT_FOUND, path, file_read_secret(path, 10, &secret));
    assert_refused(ERR_STORAGE, "directory", file_read(*state, 10, &bytes));
    assert_false(file_exists(path));
    assert_true(file_exists(*state));
    assert_ok(file_write(path, "", 0, 0600));
    char *through = file_join(path, "x");
    assert_refused(ERR_NOT_FOUND, through, file_read(through, 10, &bytes));
    assert_refused(ERR_NOT_FOUND, below, file_write(below, "", 0, 0600));
    mem_free(through);
    free(path);
    free(below);
}

static void file__secret_must_be_private_regular_and_of_size(void **state)
{
    char *path = scratch_path(*state, "key"), *pipe_path = scratch_path(*state, "pipe");
    void *secret = NULL;
    assert_ok(file_create(path, "0123456789abcdef", 16, 0400));
    assert_ok(file_read_secret(path, 16, &secret));
    assert_memory_equal(secret, "0123456789abcdef", 16);
    secret_free(secret);
    secret = NULL;
    assert_refused(ERR_KEY, "holds 16 bytes, expected 32",
                   file_read_secret(path, 32, &secret));
    const mode_t open_modes[] = {0440, 0404, 0420, 0401, 0666};
    for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        assert_int_equal(chmod(path, open_modes[i]), 0);
        assert_refused(ERR_KEY, "others than its owner",
                       file_read_secret(path, 16, &secret));
        assert_non_null(strstr(err_hint_text(), "chmod 0400"));
    }
    assert_int_equal(mkfifo(pipe_path, 0400), 0);
    assert_refused(ERR_KEY, "not a regular file",
                   file_read_secret(pipe_path, 16, &secret));
    assert_refused(ERR_KEY, "not a regular file", file_read_secret(*state, 16, &secret));
    assert_null(secret);
    free(path);
    free(pipe_path);
}

static void file__directory_is_made_once(void **state)
{
    char *path = scratch_path(*state, "d"), *file = scratch_path(*state, "f");
    mode_t old = umask(0777);
    assert_ok(file_make_directory(path, 0700));
    umask(old);
    assert_int_equal(mode_of(path), 0700);
    assert_ok(file_make_directory(path, 0750));
    assert_int_equal(mode_of(path), 0700);
    assert_ok(file_write(file, "", 0, 0600));
    assert_refused(ERR_STORAGE, "not a directory", file_make_directory(file, 0700));
    free(path);
    free(file);
}

static void file__join_puts_one_slash(void **state)
{
    (void)state;
    const char *rows[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < 3; i++) {
        char *joined = file_join(rows[i][0], rows[i][1]);
        assert_string_equal(joined, rows[i][2]);
        mem_free(joined);
    }
}

/* A child is killed at each call that changes a file, also in the middle of a write: what
 * is found is always one of the two contents, whole. */
static void file__killed_writer_leaves_old_or_new(void **state)
{
    char *path = scratch_path(*state, "a");
    char content[2][3000];
    memset(content[0], 'o', sizeof content[0]);
    memset(content[1], 'n', sizeof content[1]);
    int deaths = 0;
    for (int how = FAULT_KILL_HALF; how <= FAULT_KILL; how++) {
        for (int at = 0; at < 5; at++) {
            assert_ok(file_write(path, content[0], sizeof content[0], 0600));
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                fault_arm(FAULT_ANY, at, how);
                _exit(file_write(path, content[1], sizeof content[1], 0600) != ERR_OK);
            }
            int status;
            waitpid(child, &status, 0);
            assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
            deaths += WIFSIGNALED(status);
            struct bytes bytes = {0};
            assert_ok(file_read(path, 100000, &bytes));
            assert_int_equal(bytes.size, 3000);
            assert_memory_equal(bytes.data, content[bytes.data[0] == 'n'], 3000);
            assert_true(WIFSIGNALED(status) || bytes.data[0] == 'n');
            bytes_free(&bytes);
        }
    }
    assert_int_equal(deaths, 6); /* one write, two syncs; each both ways */
    free(path);
}

/* Of three, the first is there and the others are not; whichever call fails or kills. */
static void file__several_are_written_all_or_none(void **state)
{
    static const int ways[] = {EIO, ENOSPC, FAULT_KILL, FAULT_KILL_HALF};
    char *paths[] = {scratch_path(*state, "a"), scratch_path(*state, "b"),
                     scratch_path(*state, "c")};
    const struct file_content files[] = {
        {paths[0], "new", 3}, {paths[1], "new", 3}, {paths[2], "new", 3}};
    size_t refused = 0;
    for (size_t way = 0; way < 4; way++) {
        bool done = false;
        for (int at = 0; !done; at++) {
            assert_ok(file_write(paths[0], "old", 3, 0600));
            pid_t child = fork();
            if (child == 0) {
                fault_arm(FAULT_WRITE | FAULT_SYNC | FAULT_NAME, at, ways[way]);
                enum err err = file_write_all(files, 3, 0600);
                _exit(fault_disarm() <= at ? 9 : err != ERR_OK);
            }
            int status;
            waitpid(child, &status, 0);
            bool killed = WIFSIGNALED(status);
            done = !killed && WEXITSTATUS(status) == 9;
            struct bytes first = {0};
            assert_ok(file_read(paths[0], 10, &first));
            bool fresh = memcmp(first.data, "new", 3) == 0;
            assert_true(fresh || memcmp(first.data, "old", 3) == 0);
            bytes_free(&first);
            for (size_t i = 1; i < 3 && !killed; i++)
                assert_int_equal(file_exists(paths[i]), fresh);
            assert_true(!done || fresh);
            refused += !done && !fresh;
            char *clean = mem_format("cd %s && rm -f a?* b* c*", (char *)*state);
            assert_true(killed || entries(*state) == (fresh ? 3u : 1u));
            assert_int_equal(system(clean), 0);
            mem_free(clean);
        }
    }
    assert_true(refused > 30);
    assert_refused(ERR_NOT_FOUND, "/none/x",
                   file_write_all((const struct file_content[]){{paths[0], "new", 3},
                                                                {"/none/x", "new", 3}},
                                  2, 0600));
    assert_holds(paths[0], "new");
    for (size_t i = 0; i < 3; i++)
        free(paths[i]);
}

#define IN_SCRATCH(test)                                                                 \
    cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(file__writes_whole_with_its_mode_and_replaces),
        IN_SCRATCH(file__failed_write_leaves_the_old_content_and_no_litter),
        IN_SCRATCH(file__unsynced_directory_is_reported),
        IN_SCRATCH(file__create_never_replaces),
        IN_SCRATCH(file__read_stops_at_its_limit),
        IN_SCRATCH(file__says_what_is_missing),
        IN_SCRATCH(file__secret_must_be_private_regular_and_of_size),
        IN_SCRATCH(file__directory_is_made_once),
        IN_SCRATCH(file__several_are_written_all_or_none),
        cmocka_unit_test(file__join_puts_one_slash),
        IN_SCRATCH(file__killed_writer_leaves_old_or_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
