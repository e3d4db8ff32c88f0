#ifndef BASE_THREADS_H
#define BASE_THREADS_H

#include <stddef.h>

/* threads - the same work by several threads at once, for whoever has divided it. */

#define THREADS_MAX ((size_t)64)

/* So many as are asked for, or one a processor if 0; at least 1, at most THREADS_MAX. */
size_t threads_wanted(size_t asked);

/* Do work(context, 0) to work(context, count - 1), each once, at the same time as far as
 * the system has threads, and return when all are done. The caller's thread works too, so
 * that none at all is enough. */
typedef void threads_work(void *context, size_t index);
void threads_run(size_t count, threads_work *work, void *context);

#endif
