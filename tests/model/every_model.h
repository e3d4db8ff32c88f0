#ifndef TESTS_MODEL_EVERY_MODEL_H
#define TESTS_MODEL_EVERY_MODEL_H

/* every_model - each model whose file matches a pattern (as in glob(3), from the root of
 * the sources), one after the other; how many there were. */

#include "check.h"

#include <glob.h>

#include "base/memory.h"
#include "model/model.h"

static inline size_t every_model(const char *pattern, void (*visit)(struct model *))
{
    glob_t found;
    char *from_root = mem_format("%s/%s", SOURCE_DIR, pattern);
    assert_int_equal(glob(from_root, 0, NULL, &found), 0);
    mem_free(from_root);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct model *each;
        assert_ok(model_load(found.gl_pathv[i], &each));
        visit(each);
        model_destroy(&each);
    }
    size_t count = found.gl_pathc;
    globfree(&found);
    return count;
}

#endif
