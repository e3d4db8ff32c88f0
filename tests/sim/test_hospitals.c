#include "sim/hospitals.h"

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "scratch.h"

static void hospitals__are_numbered_by_name(void **state)
{
    static const char model_text[] = "model m version 1 \"t\"\ntime h\n"
                                     "[parameters]\na = 1 1 normal sd 1\n"
                                     "[equations]\nf = a\n"
                                     "[observations]\ny : f ~ add(1)\n";
    static const char table[] = "ID,TIME,y\nanna,0,1\nbert,0,1\ncleo,0,1\ndora,0,1\n";
    static const char labels[] =
        "ID,WHERE\ndora,H2\nzoe,H1\nanna,H10\ncleo,H2\nbert,H9\n";
    char *csv = scratch_path(*state, "t.csv"), *where = scratch_path(*state, "h.csv");
    struct model *model;
    struct dataset *dataset;
    size_t hospital[4], count;
    char **names;
    assert_ok(file_write(csv, table, strlen(table), 0600));
    assert_ok(file_write(where, labels, strlen(labels), 0600));
    assert_ok(model_parse(model_text, strlen(model_text), "m", &model));
    assert_ok(dataset_read(csv, NULL, model, &dataset));
    assert_ok(hospitals_read(dataset, where, "WHERE", hospital, &count, &names));
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "H2");
    assert_string_equal(names[1], "H9");
    assert_string_equal(names[2], "H10");
    const size_t expected[] = {2, 1, 0, 0}; /* anna, bert, cleo, dora */
    assert_memory_equal(hospital, expected, sizeof expected);
    for (size_t h = 0; h < count; h++)
        mem_free(names[h]);
    mem_free(names);
    assert_refused(ERR_NOT_FOUND, "NONE",
                   hospitals_read(dataset, where, "NONE", hospital, &count, NULL));
    dataset_destroy(&dataset);
    model_destroy(&model);
    free(csv);
    free(where);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hospitals__are_numbered_by_name, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests_name("hospitals", tests, NULL, NULL);
}
