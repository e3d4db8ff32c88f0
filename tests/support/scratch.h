#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

/* scratch - a fresh directory for one test, gone afterwards whatever the test left in it.
 *
 *   static void file__reads_back(void **state)
 *   {
 *       char *path = scratch_path(*state, "a");
 *       ...
 *       free(path);
 *   }
 *   cmocka_unit_test_setup_teardown(file__reads_back, scratch_setup, scratch_teardown)
 *
 * It lies under TMPDIR, else /tmp. What is left in it is looked into for patients' fields
 * (look.h) before it goes, and a test that leaves one fails. */

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "look.h"

static inline int scratch_setup(void **state)
{
    const char *under = getenv("TMPDIR");
    char *directory;
    if (asprintf(&directory, "%s/gemel-test-XXXXXX", under && *under ? under : "/tmp") <
        0)
        return -1;
    *state = directory;
    return mkdtemp(directory) ? 0 : -1;
}

static inline int scratch_remove_one(const char *path, const struct stat *about, int kind,
                                     struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline int scratch_teardown(void **state)
{
    char *directory = *state;
    size_t marked = look_under(directory);
    look_note();
    int failed = nftw(directory, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(directory);
    *state = NULL;
    return marked ? -1 : failed;
}

/* <the test's directory>/<name>; free it. */
static inline char *scratch_path(const void *state, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", (const char *)state, name) < 0 ? NULL : path;
}

#endif
