#ifndef TESTS_SUPPORT_LOOK_H
#define TESTS_SUPPORT_LOOK_H

/* look - for the canaries' fields (marks.h) in every file under a folder.
 *
 * Not looked into are tables, from which they come (*.csv), and what is kept under a name
 * beginning with "shown": what commands print whose use is to show a record. Called by
 * scratch_teardown, the transcripts, and tests/marks.c, which is what shells call. */

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "marks.h"

static inline bool look_is_table(const char *path)
{
    const char *shown = strstr(path, "/shown"), *end = strrchr(path, '.');
    return shown || (end && strcmp(end, ".csv") == 0);
}

/* What was found, and how much was looked into. */
static struct {
    size_t files, bytes, found;
} looked;

static inline int look_into(const char *path, const struct stat *about, int kind,
                            struct FTW *where)
{
    (void)where;
    if (kind != FTW_F || !S_ISREG(about->st_mode) || about->st_size == 0 ||
        look_is_table(path))
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = (size_t)about->st_size;
    char *data = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        close(fd);
    if (data == MAP_FAILED)
        return 0; /* gone meanwhile */
    const char *mark = marks_in(data, size);
    if (mark)
        fprintf(stderr, "%s: %s\n", path, mark);
    looked.found += mark != NULL;
    looked.files++;
    looked.bytes += size;
    munmap(data, size);
    return 0;
}

/* How many files under the folder (or this file) have a mark; each is said. */
static inline size_t look_under(const char *folder)
{
    size_t before = looked.found;
    nftw(folder, look_into, 16, FTW_PHYS);
    return looked.found - before;
}

/* One line a process or folder for the end of the suite, which adds them up:
 * TMPDIR/looked.
 */
static inline void look_note(void)
{
    char line[64], *path;
    const char *under = getenv("TMPDIR");
    if (!under || looked.files == 0 || asprintf(&path, "%s/looked", under) < 0)
        return;
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC); /* there in a suite only */
    int size = snprintf(line, sizeof line, "files %zu %zu\n", looked.files, looked.bytes);
    if (fd >= 0 && write(fd, line, (size_t)size) == size)
        looked.files = looked.bytes = 0;
    if (fd >= 0)
        close(fd);
    free(path);
}

#endif
