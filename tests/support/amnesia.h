#ifndef TESTS_SUPPORT_AMNESIA_H
#define TESTS_SUPPORT_AMNESIA_H

/* amnesia - a disk that forgets, at the n-th call, what nobody synced: an SQLite VFS.
 *
 * Include it in one file of a test program. amnesia_install makes it SQLite's own for
 * every store opened afterwards. It keeps each file twice, as the process sees it and as
 * the platter holds it:
 *
 *   a sync copies the one to the other, and makes the entry of a new file durable;
 *   when the power fails, every 512-byte sector in which they differ survives with
 *   probability 1/2, and so does a change of size;
 *   a removed file comes back with probability 1/2 unless its directory was synced, by
 *   the removal itself or by the first sync of a new file;
 *   a new file that was never synced is gone with probability 1/2.
 *
 *   amnesia_arm(n);          the power fails at the n-th call that changes something
 *   amnesia_fail(&disk);     now at the latest; what every file was on either side
 *   amnesia_leave(&disk, &coins);  the real files become one of what can survive
 *
 * Each of those chances is a coin, taken in order: amnesia_toss fills them from a seed,
 * and whoever sets them himself can have every state that a disk may be left in.
 *
 * What SQLite asks of a VFS: https://www.sqlite.org/c3ref/io_methods.html. Whole sectors
 * survive or do not: a sector torn in its middle is not in the model. */

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"

#define AMNESIA_SECTOR 512
#define AMNESIA_FILES 4
#define AMNESIA_BYTES_MAX ((size_t)1 << 26)
#define AMNESIA_COINS 4096
#define AMNESIA_NEVER (-1)

/* One path: what the process sees, what the platter has. */
struct amnesia_file {
    char *path;
    bool there, entry; /* seen; entry durable */
    struct bytes seen, platter;
    bool removed; /* `platter` is of a file whose removal is not durable yet */
};

/* An opened one, as SQLite holds it. */
struct amnesia_handle {
    sqlite3_file base;
    struct amnesia_file *file;
    bool remove;
};

/* All files when the power failed. */
struct amnesia_disk {
    struct amnesia_file files[AMNESIA_FILES];
};

/* What survives; `taken`: how many of them there was a use for. */
struct amnesia_coins {
    bool side[AMNESIA_COINS];
    size_t taken;
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    struct amnesia_file files[AMNESIA_FILES];
    int left, calls; /* until the power fails; since arming */
    bool failed;
} amnesia;

static inline void amnesia_toss(struct amnesia_coins *coins, uint64_t seed)
{
    for (size_t i = 0; i < AMNESIA_COINS; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u); /* splitmix64 */
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        coins->side[i] = (z ^ (z >> 31)) >> 63;
    }
}

static inline bool amnesia_coin(struct amnesia_coins *coins)
{
    if (coins->taken == AMNESIA_COINS)
        abort();
    return coins->side[coins->taken++];
}

/* Counts a call that changes something; true once there is no power. */
static inline bool amnesia_strikes(void)
{
    amnesia.calls += !amnesia.failed;
    if (!amnesia.failed && amnesia.left != AMNESIA_NEVER && amnesia.left-- == 0)
        amnesia.failed = true;
    return amnesia.failed;
}

static inline void amnesia_copy(struct bytes *to, const struct bytes *from)
{
    to->size = 0;
    bytes_append(to, from->data, from->size);
}

/* New bytes are zeros. */
static inline void amnesia_resize(struct bytes *bytes, size_t size)
{
    while (bytes->size < size) {
        static const uint8_t zeros[AMNESIA_SECTOR];
        size_t more = size - bytes->size;
        bytes_append(bytes, zeros, more < sizeof zeros ? more : sizeof zeros);
    }
    bytes->size = size;
}

/* --- the files --- */

static inline struct amnesia_file *amnesia_find(const char *path)
{
    struct amnesia_file *file = amnesia.files;
    while (file->path && strcmp(file->path, path) != 0)
        if (++file == amnesia.files + AMNESIA_FILES)
            abort();
    if (!file->path) {
        file->path = strdup(path);
        file->there = file->entry = file_exists(path);
        if (file->there && file_read(path, AMNESIA_BYTES_MAX, &file->platter))
            abort();
        amnesia_copy(&file->seen, &file->platter);
    }
    return file;
}

static inline void amnesia_remove(struct amnesia_file *file, bool durable)
{
    file->removed = file->entry && !durable;
    if (!file->removed)
        file->platter.size = 0;
    file->there = file->entry = false;
    file->seen.size = 0;
}

/* What of one file is there when the power is back: appended to `left`; false: nothing.
 */
static inline bool amnesia_survives(const struct amnesia_file *file,
                                    struct amnesia_coins *coins, struct bytes *left)
{
    bool unsure = file->removed || (file->there && !file->entry);
    if (unsure ? amnesia_coin(coins) : !file->entry)
        return false;
    bytes_append(left, file->platter.data, file->platter.size);
    if (file->removed)
        return true;
    size_t before = file->platter.size, size = file->seen.size;
    for (size_t at = 0; at < size; at += AMNESIA_SECTOR) {
        size_t some = size - at < AMNESIA_SECTOR ? size - at : AMNESIA_SECTOR;
        bool same = at + some <= before &&
                    memcmp(file->seen.data + at, file->platter.data + at, some) == 0;
        if (same || !amnesia_coin(coins))
            continue;
        if (left->size < at + some)
            amnesia_resize(left, at + some);
        memcpy(left->data + at, file->seen.data + at, some);
    }
    if (size < before && amnesia_coin(coins))
        left->size = size;
    return true;
}

static inline void amnesia_free(struct amnesia_disk *disk)
{
    for (size_t i = 0; i < AMNESIA_FILES; i++) {
        free(disk->files[i].path);
        bytes_free(&disk->files[i].seen);
        bytes_free(&disk->files[i].platter);
    }
    *disk = (struct amnesia_disk){0};
}

/* The power fails, if it has not yet. Stores opened before must be destroyed first; what
 * is opened afterwards is a real file again. amnesia_free frees the disk. */
static inline void amnesia_fail(struct amnesia_disk *disk)
{
    memcpy(disk->files, amnesia.files, sizeof disk->files);
    memset(amnesia.files, 0, sizeof amnesia.files);
    amnesia.left = AMNESIA_NEVER;
}

/* The real files become what the coins let survive. */
static inline void amnesia_leave(const struct amnesia_disk *disk,
                                 struct amnesia_coins *coins)
{
    coins->taken = 0;
    for (size_t i = 0; i < AMNESIA_FILES && disk->files[i].path; i++) {
        struct bytes left = {0};
        const char *path = disk->files[i].path;
        unlink(path);
        if (amnesia_survives(&disk->files[i], coins, &left)) {
            FILE *real = fopen(path, "wb");
            if (!real ||
                (left.size && fwrite(left.data, 1, left.size, real) != left.size) ||
                fclose(real))
                abort();
        }
        bytes_free(&left);
    }
}

/* The power fails at the call `after` from now; AMNESIA_NEVER: only count. Returns the
 * calls since the last arming. */
static inline int amnesia_arm(int after)
{
    int calls = amnesia.calls;
    amnesia.left = after;
    amnesia.calls = 0;
    amnesia.failed = false;
    return calls;
}

/* --- SQLite's side --- */

static inline struct amnesia_file *amnesia_of(sqlite3_file *handle)
{
    return ((struct amnesia_handle *)handle)->file;
}

static int amnesia_close(sqlite3_file *handle)
{
    if (((struct amnesia_handle *)handle)->remove && !amnesia.failed)
        amnesia_remove(amnesia_of(handle), false);
    return SQLITE_OK;
}

static int amnesia_read(sqlite3_file *handle, void *to, int size, sqlite3_int64 at)
{
    const struct bytes *seen = &amnesia_of(handle)->seen;
    size_t from = (size_t)at, want = (size_t)size;
    size_t have = from >= seen->size         ? 0
                  : seen->size - from < want ? seen->size - from
                                             : want;
    if (amnesia.failed)
        return SQLITE_IOERR_READ;
    if (have > 0)
        memcpy(to, seen->data + from, have);
    memset((char *)to + have, 0, want - have);
    return have == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int amnesia_write(sqlite3_file *handle, const void *from, int size,
                         sqlite3_int64 at)
{
    struct bytes *seen = &amnesia_of(handle)->seen;
    size_t end = (size_t)at + (size_t)size;
    if (amnesia_strikes())
        return SQLITE_IOERR_WRITE;
    if (seen->size < end)
        amnesia_resize(seen, end);
    memcpy(seen->data + at, from, (size_t)size);
    return SQLITE_OK;
}

static int amnesia_truncate(sqlite3_file *handle, sqlite3_int64 size)
{
    if (amnesia_strikes())
        return SQLITE_IOERR_TRUNCATE;
    amnesia_resize(&amnesia_of(handle)->seen, (size_t)size);
    return SQLITE_OK;
}

/* The first sync of a new file syncs its directory, as SQLite's own VFS does: then
 * removals before it are durable, too. */
static int amnesia_sync(sqlite3_file *handle, int flags)
{
    (void)flags;
    struct amnesia_file *file = amnesia_of(handle);
    if (amnesia_strikes())
        return SQLITE_IOERR_FSYNC;
    amnesia_copy(&file->platter, &file->seen);
    for (size_t i = 0; !file->entry && i < AMNESIA_FILES; i++)
        if (amnesia.files[i].removed)
            amnesia.files[i].removed = false;
    file->entry = true;
    return SQLITE_OK;
}

static int amnesia_size(sqlite3_file *handle, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)amnesia_of(handle)->seen.size;
    return SQLITE_OK;
}

/* One process has the disk to itself. */
static int amnesia_lock(sqlite3_file *handle, int level)
{
    (void)handle;
    (void)level;
    return SQLITE_OK;
}

static int amnesia_reserved(sqlite3_file *handle, int *held)
{
    (void)handle;
    *held = 0;
    return SQLITE_OK;
}

static int amnesia_control(sqlite3_file *handle, int operation, void *argument)
{
    (void)handle;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int amnesia_sector(sqlite3_file *handle)
{
    (void)handle;
    return AMNESIA_SECTOR;
}

static int amnesia_promises(sqlite3_file *handle)
{
    (void)handle;
    return 0;
}

static const sqlite3_io_methods amnesia_methods = {
    .iVersion = 1,
    .xClose = amnesia_close,
    .xRead = amnesia_read,
    .xWrite = amnesia_write,
    .xTruncate = amnesia_truncate,
    .xSync = amnesia_sync,
    .xFileSize = amnesia_size,
    .xLock = amnesia_lock,
    .xUnlock = amnesia_lock,
    .xCheckReservedLock = amnesia_reserved,
    .xFileControl = amnesia_control,
    .xSectorSize = amnesia_sector,
    .xDeviceCharacteristics = amnesia_promises,
};

static int amnesia_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *handle,
                        int flags, int *taken)
{
    (void)vfs;
    struct amnesia_handle *opened = (struct amnesia_handle *)handle;
    *opened = (struct amnesia_handle){0};
    if (!path || amnesia.failed)
        return SQLITE_CANTOPEN;
    struct amnesia_file *file = amnesia_find(path);
    if (!file->there && !(flags & SQLITE_OPEN_CREATE))
        return SQLITE_CANTOPEN;
    if (!file->there && amnesia_strikes())
        return SQLITE_CANTOPEN;
    if (!file->there && !file->removed)
        file->platter.size = 0;
    file->there = true;
    opened->file = file;
    opened->remove = flags & SQLITE_OPEN_DELETEONCLOSE;
    opened->base.pMethods = &amnesia_methods;
    if (taken)
        *taken = flags;
    return SQLITE_OK;
}

static int amnesia_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
    (void)vfs;
    struct amnesia_file *file = amnesia_find(path);
    if (amnesia_strikes())
        return SQLITE_IOERR_DELETE;
    if (!file->there)
        return SQLITE_IOERR_DELETE_NOENT;
    amnesia_remove(file, sync_directory);
    return SQLITE_OK;
}

static int amnesia_access(sqlite3_vfs *vfs, const char *path, int flags, int *answer)
{
    (void)vfs;
    (void)flags;
    if (amnesia.failed)
        return SQLITE_IOERR_ACCESS;
    const struct amnesia_file *file = amnesia_find(path);
    /* SQLite's own VFS takes an empty file for none. */
    *answer = file->there && (flags != SQLITE_ACCESS_EXISTS || file->seen.size > 0);
    return SQLITE_OK;
}

static inline void amnesia_install(void)
{
    amnesia.real = sqlite3_vfs_find(NULL);
    amnesia.vfs = *amnesia.real;
    amnesia.vfs.zName = "amnesia";
    amnesia.vfs.szOsFile = sizeof(struct amnesia_handle);
    amnesia.vfs.xOpen = amnesia_open;
    amnesia.vfs.xDelete = amnesia_delete;
    amnesia.vfs.xAccess = amnesia_access;
    amnesia.left = AMNESIA_NEVER;
    sqlite3_vfs_register(&amnesia.vfs, 1);
}

static inline void amnesia_uninstall(void)
{
    struct amnesia_disk disk;
    sqlite3_vfs_unregister(&amnesia.vfs);
    amnesia_fail(&disk);
    amnesia_free(&disk);
}

#endif
