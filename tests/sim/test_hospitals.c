#include "sim/hospitals.h"

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "scratch.h"

static const char model_text[] = "model m version 1 \"t\"\ntime h\n"
                                 "[parameters]\na = 1 1 normal sd 1\n"
                                 "[equations]\nf = a\n"
                                 "[observations]\ny : f ~ add(1)\n";

/* anna, bert, cleo and dora. */
static struct dataset *four_people(void *state, struct model **model)
{
    static const char table[] = "ID,TIME,y\nanna,0,1\nbert,0,1\ncleo,0,1\ndora,0,1\n";
    char *csv = scratch_path(state, "t.csv");
    struct dataset *dataset;
    assert_ok(file_write(csv, table, strlen(table), 0600));
    assert_ok(model_parse(model_text, strlen(model_text), "m", model));
    assert_ok(dataset_read(csv, NULL, *model, &dataset));
    free(csv);
    return dataset;
}

static void hospitals__are_numbered_by_name(void **state)
{
    static const char labels[] =
        "ID,WHERE\ndora,H2\nzoe,H1\nanna,H10\ncleo,H2\nbert,H9\n";
    char *where = scratch_path(*state, "h.csv");
    struct model *model;
    struct dataset *dataset = four_people(*state, &model);
    size_t hospital[4], count;
    char **names;
    assert_ok(file_write(where, labels, strlen(labels), 0600));
    assert_ok(hospitals_read(dataset, where, "WHERE", hospital, &count, &names));
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "H2");
    assert_string_equal(names[1], "H9");
    assert_string_equal(names[2], "H10");
    const size_t expected[] = {2, 1, 0, 0};
    assert_memory_equal(hospital, expected, sizeof expected);
    for (size_t h = 0; h < count; h++)
        mem_free(names[h]);
    mem_free(names);
    assert_refused(ERR_NOT_FOUND, "NONE",
                   hospitals_read(dataset, where, "NONE", hospital, &count, NULL));
    dataset_destroy(&dataset);
    model_destroy(&model);
    free(where);
}

static void hospitals__are_dealt_patients_in_turn(void **state)
{
    struct model *model;
    struct dataset *dataset = four_people(*state, &model);
    size_t hospital[4], count;
    char **names;
    assert_ok(hospitals_read(dataset, "3", NULL, hospital, &count, &names));
    const size_t expected[] = {0, 1, 2, 0};
    assert_int_equal(count, 3);
    assert_memory_equal(hospital, expected, sizeof expected);
    assert_string_equal(names[2], "H3");
    for (size_t h = 0; h < count; h++)
        mem_free(names[h]);
    mem_free(names);
    static const char *const none[] = {"0", "5", "99999999999999999999"};
    for (size_t i = 0; i < 3; i++)
        assert_refused(ERR_USAGE, "with 4 patients",
                       hospitals_read(dataset, none[i], NULL, hospital, &count, NULL));
    assert_refused(ERR_USAGE, "--column",
                   hospitals_read(dataset, "2", "WHERE", hospital, &count, NULL));
    assert_refused(ERR_NOT_FOUND, "h.csv",
                   hospitals_read(dataset, "h.csv", NULL, hospital, &count, NULL));
    assert_non_null(strstr(err_hint_text(), "a number of hospitals"));
    dataset_destroy(&dataset);
    model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hospitals__are_numbered_by_name, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(hospitals__are_dealt_patients_in_turn,
                                        scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests_name("hospitals", tests, NULL, NULL);
}
