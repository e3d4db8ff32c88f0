#ifndef TESTS_SUPPORT_FAULT_H
#define TESTS_SUPPORT_FAULT_H

/* fault - a disk that refuses, or a process that dies, at the n-th call that changes a
 * file.
 *
 * Include it in one file of a test program: it defines the libc calls by which base/file
 * and SQLite change files, and the linker puts these in front of the library's, also for
 * calls out of SQLCipher. Nothing of it is in the product. Standard streams are left
 * alone.
 *
 *   fault_arm(FAULT_SYNC, 2, EIO);   the third sync from now fails once with EIO
 *   fault_arm(FAULT_ANY, 7, FAULT_KILL);
 *   fault_arm_for_ever(FAULT_ANY, 7, ENOSPC);   and every one after it
 *   fault_disarm();                  returns how many calls were seen since arming
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum {
    FAULT_WRITE = 1,
    FAULT_SYNC = 2,
    FAULT_SHRINK = 4,
    FAULT_UNLINK = 8,
    FAULT_ANY = 15,
    FAULT_NAME = 16 /* rename and link; not among FAULT_ANY */
};

#define FAULT_KILL (-1)      /* kill -9 instead of an error */
#define FAULT_KILL_HALF (-2) /* the same after half of a write */
#define FAULT_SHORT (-3)     /* a write takes half, and says so; other calls succeed */
#define FAULT_NEVER 0        /* only count */

static struct {
    int kinds, left, how, seen;
    bool for_ever;
} fault;

static inline void fault_arm(int kinds, int after, int how)
{
    fault.kinds = kinds;
    fault.left = after;
    fault.how = how;
    fault.seen = 0;
    fault.for_ever = false;
}

static inline void fault_arm_for_ever(int kinds, int after, int how)
{
    fault_arm(kinds, after, how);
    fault.for_ever = true;
}

static inline int fault_disarm(void)
{
    int seen = fault.seen;
    fault_arm(0, 0, FAULT_NEVER);
    return seen;
}

/* Counts the call; true with errno set when it is the one to fail. */
static bool fault_strikes(int kind)
{
    if (!(fault.kinds & kind))
        return false;
    fault.seen++;
    if (fault.how == FAULT_NEVER || fault.left == -1)
        return false;
    if (fault.left > 0) {
        fault.left--;
        return false;
    }
    if (!fault.for_ever)
        fault.left = -1;
    if (fault.how == FAULT_SHORT)
        return false;
    if (fault.how < 0)
        kill(getpid(), SIGKILL);
    errno = fault.how;
    return true;
}

/* What a write takes: the half of it when it is the one to be cut short. */
static inline size_t fault_taken(size_t size)
{
    bool cut = fault.how == FAULT_SHORT && fault.left == 0 &&
               (fault.kinds & FAULT_WRITE) && size > 1;
    return cut ? size / 2 : size;
}

ssize_t write(int fd, const void *data, size_t size)
{
    size_t taken = fd > 2 ? fault_taken(size) : size;
    if (fd > 2 && fault.how == FAULT_KILL_HALF && fault.left == 0 &&
        (fault.kinds & FAULT_WRITE))
        syscall(SYS_write, fd, data, size / 2);
    if (fd > 2 && fault_strikes(FAULT_WRITE))
        return -1;
    return syscall(SYS_write, fd, data, taken);
}

static inline ssize_t fault_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    size_t taken = fault_taken(size);
    if (fault.how == FAULT_KILL_HALF && fault.left == 0 && (fault.kinds & FAULT_WRITE))
        syscall(SYS_pwrite64, fd, data, size / 2, offset);
    return fault_strikes(FAULT_WRITE) ? -1
                                      : syscall(SYS_pwrite64, fd, data, taken, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return fault_pwrite(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    return fault_pwrite(fd, data, size, offset);
}

int fsync(int fd)
{
    return fault_strikes(FAULT_SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return fault_strikes(FAULT_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size)
{
    return fault_strikes(FAULT_SHRINK) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off_t size)
{
    return fault_strikes(FAULT_SHRINK) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int rename(const char *from, const char *to)
{
    return fault_strikes(FAULT_NAME)
               ? -1
               : (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int link(const char *from, const char *to)
{
    return fault_strikes(FAULT_NAME)
               ? -1
               : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
    return fault_strikes(FAULT_UNLINK) ? -1 : (int)syscall(SYS_unlink, path);
}

#endif
