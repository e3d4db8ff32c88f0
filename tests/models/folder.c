#include "folder.h"

#include "base/memory.h"

static void folder__reproduces_published_figures(void **state)
{
    const struct folder *folder = *state;
    figures_check(folder->figures, folder->figure_count);
}

static void folder__every_model_has_a_course(void **state)
{
    const struct folder *folder = *state;
    courses_cover(folder->courses, folder->course_count, folder->name);
}

static void folder__derivatives_agree_with_differences_in_extended_precision(void **state)
{
    const struct folder *folder = *state;
    courses_agree_with_differences(folder->courses, folder->course_count);
}

static void folder__lanes_agree_with_cvodes(void **state)
{
    const struct folder *folder = *state;
    courses_agree_between_solvers(folder->courses, folder->course_count);
}

static void folder__derivatives_agree_with_those_of_cvodes_alone(void **state)
{
    const struct folder *folder = *state;
    courses_agree_with_cvodes_alone(folder->courses, folder->course_count);
}

int folder_run(const struct folder *folder)
{
    const struct CMUnitTest common[] = {
        cmocka_unit_test(folder__reproduces_published_figures),
        cmocka_unit_test(folder__every_model_has_a_course),
        cmocka_unit_test(
            folder__derivatives_agree_with_differences_in_extended_precision),
        cmocka_unit_test(folder__lanes_agree_with_cvodes),
        cmocka_unit_test(folder__derivatives_agree_with_those_of_cvodes_alone),
    };
    size_t count = FOLDER_COUNT(common) + folder->test_count;
    struct CMUnitTest *tests = mem_new(count, sizeof *tests);
    memcpy(tests, common, sizeof common);
    for (size_t i = 0; i < FOLDER_COUNT(common); i++) {
        void *own;
        memcpy(&own, &folder, sizeof own); /* cmocka takes no const */
        tests[i].initial_state = own;
    }
    if (folder->test_count)
        memcpy(tests + FOLDER_COUNT(common), folder->tests,
               folder->test_count * sizeof *tests);
    int failed = _cmocka_run_group_tests(folder->name, tests, count, NULL, NULL);
    mem_free(tests);
    return failed;
}
