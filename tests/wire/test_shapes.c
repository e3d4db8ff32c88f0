#include "shapes.h"

#include "check.h"

static void shapes__and_the_schema_have_the_same_fields(void **state)
{
    (void)state;
    assert_ok(shapes_agree());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes__and_the_schema_have_the_same_fields),
    };
    return cmocka_run_group_tests_name("shapes", tests, NULL, NULL);
}
