#ifndef TESTS_MODELS_FOLDER_H
#define TESTS_MODELS_FOLDER_H

/* folder - the tests of one folder of models: its figures, its courses, and what is
 * particular to it. */

#include "courses.h"
#include "figures.h"

struct folder {
    const char *name;
    const struct figure *figures;
    size_t figure_count;
    const struct courses_one *courses;
    size_t course_count;
    const struct CMUnitTest *tests; /* its own, besides those that every folder has */
    size_t test_count;
};

#define FOLDER_COUNT(array) (sizeof(array) / sizeof *(array))

/* What main returns. */
int folder_run(const struct folder *folder);

#endif
