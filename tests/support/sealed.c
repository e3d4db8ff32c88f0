/* sealed - no message of a node's has a patient's field: what a test's nodes seal passes
 * here first, before it is encrypted for the wire. Linked into the tests of the roofs
 * (CMakeLists.txt). */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "marks.h"
#include "wire/envelope.h"

enum err __real_envelope_seal(const struct identity *identity,
                              const struct envelope *fields, struct bytes *frame);
enum err __wrap_envelope_seal(const struct identity *identity,
                              const struct envelope *fields, struct bytes *frame);

static size_t messages;

static void note(void)
{
    char *path;
    const char *under = getenv("TMPDIR");
    if (!under || asprintf(&path, "%s/looked", under) < 0)
        return;
    FILE *file = access(path, W_OK) == 0 ? fopen(path, "ae") : NULL;
    if (file) {
        fprintf(file, "messages %zu 0\n", messages);
        fclose(file);
    }
    free(path);
}

enum err __wrap_envelope_seal(const struct identity *identity,
                              const struct envelope *fields, struct bytes *frame)
{
    size_t before = frame->size;
    enum err result = __real_envelope_seal(identity, fields, frame);
    if (result == ERR_OK && marks_in(frame->data + before, frame->size - before)) {
        fprintf(stderr, "a message shows a patient's field\n");
        abort();
    }
    if (messages++ == 0)
        atexit(note);
    return result;
}
