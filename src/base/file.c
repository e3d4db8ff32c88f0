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

struct file_out {
    char *path, *beside; /* written under a name of its own first; NULL: in its place */
    char *before;        /* another name of what was there; NULL: nothing, or not kept */
    int fd;              /* -1: synced and closed */
};

enum err file_out_new(const char *path, mode_t mode, struct file_out **out)
{
    char *beside = mem_format("%s.new-XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        enum err err = refuse("create", path);
        mem_free(beside);
        return err;
    }
    *out = mem_new(1, sizeof **out);
    **out = (struct file_out){.path = mem_text(path), .beside = beside, .fd = fd};
    if (fchmod(fd, mode) == 0)
        return ERR_OK;
    enum err err = refuse("write", path);
    file_out_drop(out);
    return err;
}

enum err file_out_add(struct file_out *out, const void *data, size_t size)
{
    return write_fully(out->fd, data, size) ? refuse("write", out->path) : ERR_OK;
}

void file_out_drop(struct file_out **out)
{
    if (!*out)
        return;
    if ((*out)->fd >= 0)
        close((*out)->fd);
    if ((*out)->beside)
        unlink((*out)->beside);
    if ((*out)->before)
        unlink((*out)->before);
    mem_free((*out)->beside);
    mem_free((*out)->before);
    mem_free((*out)->path);
    mem_free(*out);
    *out = NULL;
}

static enum err out_sync(struct file_out *out)
{
    bool failed = fsync(out->fd) != 0;
    int why = errno;
    if (close(out->fd) != 0 && !failed) {
        failed = true;
        why = errno;
    }
    out->fd = -1;
    errno = why;
    return failed ? refuse("write", out->path) : ERR_OK;
}

enum err file_out_keep(struct file_out **out)
{
    struct file_out *o = *out;
    enum err err = out_sync(o);
    /* link refuses an existing name atomically; rename would replace it. */
    if (!err && link(o->beside, o->path) != 0)
        err = errno == EEXIST ? err_set(ERR_STATE, "%s exists already", o->path)
                              : refuse("create", o->path);
    char *path = mem_text(o->path);
    file_out_drop(out);
    if (!err)
        err = file_sync_entry(path);
    mem_free(path);
    return err;
}

/* Under its name instead of what is there. */
static enum err take_place(struct file_out *out)
{
    if (rename(out->beside, out->path) != 0)
        return refuse("write", out->path);
    mem_free(out->beside); /* nothing is left to remove */
    out->beside = NULL;
    return ERR_OK;
}

enum err file_write(const char *path, const void *data, size_t size, mode_t mode)
{
    struct file_out *out;
    enum err err = file_out_new(path, mode, &out);
    if (err)
        return err;
    err = file_out_add(out, data, size);
    if (!err)
        err = out_sync(out);
    if (!err)
        err = take_place(out);
    file_out_drop(&out);
    return err ? err : file_sync_entry(path);
}

/* Written and synced beside its place, with a second name for what is there. */
static enum err prepare(const struct file_content *file, mode_t mode,
                        struct file_out **out)
{
    enum err err = file_out_new(file->path, mode, out);
    if (err)
        return err;
    err = file_out_add(*out, file->data, file->size);
    if (!err)
        err = out_sync(*out);
    if (err)
        return err;
    char *before = mem_format("%s.old", (*out)->beside);
    if (link(file->path, before) == 0)
        (*out)->before = before;
    else if (errno != ENOENT)
        err = refuse("replace", file->path);
    if (err || !(*out)->before)
        mem_free(before);
    return err;
}

static void put_back(struct file_out *out)
{
    if (out->beside)
        return; /* it did not come to that */
    if (!out->before)
        unlink(out->path);
    else if (rename(out->before, out->path) == 0) {
        mem_free(out->before);
        out->before = NULL;
    }
}

enum err file_write_all(const struct file_content *files, size_t count, mode_t mode)
{
    struct file_out **outs = mem_new(count, sizeof *outs);
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < count; i++)
        err = prepare(&files[i], mode, &outs[i]);
    size_t placed = 0;
    while (!err && placed < count && !(err = take_place(outs[placed])))
        placed++;
    for (size_t i = 0; err && i < placed; i++)
        put_back(outs[i]);
    for (size_t i = 0; i < count; i++)
        file_out_drop(&outs[i]);
    mem_free(outs);
    for (size_t i = 0; !err && i < count; i++)
        err = file_sync_entry(files[i].path);
    return err;
}

enum err file_create(const char *path, const void *data, size_t size, mode_t mode)
{
    struct file_out *out;
    enum err err = file_out_new(path, mode, &out);
    if (err)
        return err;
    err = file_out_add(out, data, size);
    if (!err)
        return file_out_keep(&out);
    file_out_drop(&out);
    return err;
}

struct file_in {
    char *path;
    int fd;
};

enum err file_in_new(const char *path, struct file_in **in)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refuse("open", path);
    *in = mem_new(1, sizeof **in);
    **in = (struct file_in){mem_text(path), fd};
    return ERR_OK;
}

enum err file_in_read(struct file_in *in, void *data, size_t size, size_t *got)
{
    ssize_t done = read_fully(in->fd, data, size);
    if (done < 0)
        return refuse("read", in->path);
    *got = (size_t)done;
    return ERR_OK;
}

void file_in_destroy(struct file_in **in)
{
    if (!*in)
        return;
    close((*in)->fd);
    mem_free((*in)->path);
    mem_free(*in);
    *in = NULL;
}

static enum err check_mode(const char *path, const struct stat *about, mode_t others)
{
    if (!(about->st_mode & others))
        return ERR_OK;
    err_set(ERR_KEY, "%s may be read or changed by others than its owner (mode %04o)",
            path, (unsigned)(about->st_mode & 07777));
    return err_hint("chmod 0400 %s", path);
}

static enum err check_secret(int fd, const char *path, size_t size, mode_t others)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return refuse("examine", path);
    if (!S_ISREG(about.st_mode))
        return err_set(ERR_KEY, "%s is not a regular file", path);
    if (check_mode(path, &about, others) != ERR_OK)
        return err_code();
    if ((uintmax_t)about.st_size != size)
        return err_set(ERR_KEY, "%s holds %jd bytes, expected %zu", path,
                       (intmax_t)about.st_size, size);
    return ERR_OK;
}

static enum err read_secret(const char *path, size_t size, mode_t others, void **secret)
{
    /* NONBLOCK: opening a pipe must not hang before we can refuse it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return refuse("open", path);
    void *room = NULL;
    enum err err = check_secret(fd, path, size, others);
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

enum err file_read_secret(const char *path, size_t size, void **secret)
{
    return read_secret(path, size, 077, secret);
}

enum err file_read_credential(const char *path, size_t size, void **secret)
{
    return read_secret(path, size, 037, secret);
}

enum err file_read_secret_from(int fd, size_t size, void **secret)
{
    char name[40];
    struct stat about;
    uint8_t more;
    void *room = NULL;
    snprintf(name, sizeof name, "descriptor %d", fd);
    if (fstat(fd, &about) != 0)
        return err_set(ERR_KEY, "%s is not open", name);
    enum err err = ERR_OK;
    if (S_ISREG(about.st_mode))
        err = check_mode(name, &about, 077);
    else if (!S_ISFIFO(about.st_mode) && !S_ISSOCK(about.st_mode))
        err = err_set(ERR_KEY, "%s is neither a pipe nor a file", name);
    if (!err)
        err = secret_new(size, &room);
    if (!err && read_fully(fd, room, size) != (ssize_t)size)
        err = err_set(ERR_KEY, "%s holds less than %zu bytes", name, size);
    if (!err && read_fully(fd, &more, 1) != 0)
        err = err_set(ERR_KEY, "%s holds more than %zu bytes", name, size);
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

enum err file_program_folder(char **folder)
{
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    if (size < 0)
        return err_set(ERR_STORAGE, "/proc/self/exe: %s", strerror(errno));
    path[size] = '\0';
    char *slash = strrchr(path, '/');
    *(slash ? slash : path) = '\0';
    *folder = mem_text(path);
    return ERR_OK;
}
