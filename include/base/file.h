#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

/* file - whole files in and out: read with a limit, written so that a crash leaves the old
 * content or the new, never a mixture.
 *
 * It does not know formats, and the encrypted store does its own writing. Called by
 * everybody who touches a path. Errors name the path: ERR_NOT_FOUND, ERR_RANGE for a file
 * larger than `size_max`, ERR_STORAGE for the rest. */

/* Appends to `bytes`, which stays as it was on failure. */
enum err file_read(const char *path, size_t size_max, struct bytes *bytes);

/* Write beside it, sync, rename over it, sync the directory. `mode` as in chmod. */
enum err file_write(const char *path, const void *data, size_t size, mode_t mode);

/* As file_write, but ERR_STATE when the path exists already: for keys and identities. */
enum err file_create(const char *path, const void *data, size_t size, mode_t mode);

/* Several, all or none: every one is on the disk beside its place before the first takes
 * it, and when one cannot, those before it are put back. A crash on the way may leave some
 * new and some old, each whole. */
struct file_content {
    const char *path;
    const void *data;
    size_t size;
};
enum err file_write_all(const struct file_content *files, size_t count, mode_t mode);

/* A file too large to hold, in pieces: it appears under `path`, which must not exist
 * (ERR_STATE), when it is kept, and leaves nothing when it is not. `out` is gone after
 * either. */
struct file_out;
enum err file_out_new(const char *path, mode_t mode, struct file_out **out);
enum err file_out_add(struct file_out *out, const void *data, size_t size);
enum err file_out_keep(struct file_out **out);
void file_out_drop(struct file_out **out); /* NULL is fine; nulls */

/* The same in reading. `got` < `size` only at the end. */
struct file_in;
enum err file_in_new(const char *path, struct file_in **in);
enum err file_in_read(struct file_in *in, void *data, size_t size, size_t *got);
void file_in_destroy(struct file_in **in); /* NULL is fine; nulls */

/* A file of exactly `size` bytes into locked memory (secret_free). ERR_KEY when others than
 * its owner may read it, when it is not a regular file or of another size: keys are 0400. */
enum err file_read_secret(const char *path, size_t size, void **secret);

/* The same of a systemd credential, in whose mode the group's bits are the mask of the
 * list that lets the service's user read it. */
enum err file_read_credential(const char *path, size_t size, void **secret);

/* The same from an open descriptor, a pipe's or a file's, which is closed. */
enum err file_read_secret_from(int fd, size_t size, void **secret);

/* An entry made, renamed or removed is durable only once the directory it stands in is. */
enum err file_sync_entry(const char *path);

bool file_exists(const char *path);
enum err file_make_directory(const char *path, mode_t mode); /* existing one is fine */
char *file_join(const char *directory, const char *name);    /* caller frees */
enum err file_program_folder(char **folder); /* that of the running program; caller frees */

#endif
