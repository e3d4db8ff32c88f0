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

/* A file of exactly `size` bytes into locked memory (secret_free). ERR_KEY when others than
 * its owner may read it, when it is not a regular file or of another size: keys are 0400. */
enum err file_read_secret(const char *path, size_t size, void **secret);

/* An entry made, renamed or removed is durable only once the directory it stands in is. */
enum err file_sync_entry(const char *path);

bool file_exists(const char *path);
enum err file_make_directory(const char *path, mode_t mode); /* existing one is fine */
char *file_join(const char *directory, const char *name);    /* caller frees */

#endif
