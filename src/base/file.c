#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

/* The refusal that fits errno, naming the path. */
static enum err refuse(const char *what, const char *path)
{
    enum err code = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_STORAGE;
    return err_set(code, "cannot %s %s: %s", what, path, strerror(errno));
}

/* Up to `size` bytes, fewer only at the end of the file; -1 with errno. */
static ssize_t read_fully(int fd, void *data, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, (char *)data + done, size - done);
        if (got == 0)
            break;
        if (got > 0)
            done += (size_t)got;
        else if (errno != EINTR)
            return -1;
    }
    return (ssize_t)done;
}

static int write_fully(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = write(fd, (const char *)data + done, size - done);
        if (put > 0)
            done += (size_t)put;
        else if (put < 0 && errno != EINTR)
            return -1;
    }
    return 0;
}

enum err file_read(const char *path, size_t size_max, struct bytes *bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refuse("open", path);
    struct bytes whole = {0};
    uint8_t part[16384];
    ssize_t got;
    while ((got = read_fully(fd, part, sizeof part)) > 0 && whole.size <= size_max)
        bytes_append(&whole, part, (size_t)got);
    enum err err = ERR_OK;
    if (got < 0)
        err = refuse("read", path);
    else if (whole.size > size_max)
        err = err_set(ERR_RANGE, "%s is larger than the limit of %zu bytes", path,
                      size_max);
    else
        bytes_append(bytes, whole.data, whole.size);
    close(fd);
    bytes_free(&whole);
    bytes_wipe(part, sizeof part);
    return err;
}

enum err file_sync_entry(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = !slash          ? mem_text(".")
                      : slash == path ? mem_text("/")
                                      : mem_text_n(path, (size_t)(slash - path));
    enum err err = ERR_OK;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL)) /* EINVAL: nothing to sync there */
        err = refuse("sync the directory", directory);
    if (fd >= 0)
        close(fd);
    mem_free(directory);
    return err;
}

/* The whole content, synced, under a name of its own beside `path`. Caller frees and
 * removes or renames `*beside`. */
static enum err write_beside(const char *path, const void *data, size_t size, mode_t mode,
                             char **beside)
{
    *beside = mem_format("%s.new-XXXXXX", path);
    int fd = mkostemp(*beside, O_CLOEXEC);
    if (fd < 0) {
        enum err err = refuse("create", path);
        mem_free(*beside);
        return err;
    }
    bool failed = write_fully(fd, data, size) || fchmod(fd, mode) || fsync(fd);
    int why = errno;
    if (close(fd) != 0 && !failed) {
        failed = true;
        why = errno;
    }
    if (!failed)
        return ERR_OK;
    unlink(*beside);
    mem_free(*beside);
    errno = why;
    return refuse("write", path);
}

enum err file_write(const char *path, const void *data, size_t size, mode_t mode)
{
    char *beside;
    enum err err = write_beside(path, data, size, mode, &beside);
    if (err)
        return err;
    if (rename(beside, path) != 0) {
        err = refuse("write", path);
        unlink(beside);
    }
    mem_free(beside);
    return err ? err : file_sync_entry(path);
}

enum err file_create(const char *path, const void *data, size_t size, mode_t mode)
{
    char *beside;
    enum err err = write_beside(path, data, size, mode, &beside);
    if (err)
        return err;
    /* link refuses an existing name atomically; rename would replace it. */
    if (link(beside, path) != 0)
        err = errno == EEXIST ? err_set(ERR_STATE, "%s exists already", path)
                              : refuse("create", path);
    unlink(beside);
    mem_free(beside);
    return err ? err : file_sync_entry(path);
}

static enum err check_secret(int fd, const char *path, size_t size)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return refuse("examine", path);
    if (!S_ISREG(about.st_mode))
        return err_set(ERR_KEY, "%s is not a regular file", path);
    if (about.st_mode & 077) {
        err_set(ERR_KEY, "%s may be read or changed by others than its owner (mode %04o)",
                path, (unsigned)(about.st_mode & 07777));
        return err_hint("chmod 0400 %s", path);
    }
    if ((uintmax_t)about.st_size != size)
        return err_set(ERR_KEY, "%s holds %jd bytes, expected %zu", path,
                       (intmax_t)about.st_size, size);
    return ERR_OK;
}

enum err file_read_secret(const char *path, size_t size, void **secret)
{
    /* NONBLOCK: opening a pipe must not hang before we can refuse it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return refuse("open", path);
    void *room = NULL;
    enum err err = check_secret(fd, path, size);
    if (!err)
        err = secret_new(size, &room);
    if (!err && read_fully(fd, room, size) != (ssize_t)size)
        err = err_set(ERR_STORAGE, "%s could not be read to its end", path);
    close(fd);
    if (err)
        secret_free(room);
    else
        *secret = room;
    return err;
}

bool file_exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0;
}

enum err file_make_directory(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) == 0 ? file_sync_entry(path) : refuse("set up", path);
    if (errno != EEXIST)
        return refuse("create the directory", path);
    struct stat about;
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode))
        return err_set(ERR_STORAGE, "%s is there and is not a directory", path);
    return ERR_OK;
}

char *file_join(const char *directory, const char *name)
{
    size_t size = strlen(directory);
    const char *slash = size == 0 || directory[size - 1] == '/' ? "" : "/";
    return mem_format("%s%s%s", directory, slash, name);
}
