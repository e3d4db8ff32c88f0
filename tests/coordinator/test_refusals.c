#include "coordinator/refusals.h"

#include <stdio.h>

#include "check.h"

/* Each reason of each member is told the first time, and a thousand times ten times. */
static void refusals__tells_each_fault_of_each_member_and_fills_no_log(void **state)
{
    (void)state;
    struct refusals *refusals = refusals_new();
    uint64_t last = 0;
    size_t told = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t times = refusals_count(refusals, "Altona", REASON_BAD_SIGNATURE);
        assert_true(times == 0 || times == (last ? 2 * last : 1));
        told += times > 0;
        last = times ? times : last;
    }
    assert_int_equal(told, 10);
    assert_int_equal(last, 512);
    assert_int_equal(refusals_count(refusals, "Altona", REASON_LATE), 1);
    assert_int_equal(refusals_count(refusals, "Bergheim", REASON_BAD_SIGNATURE), 1);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "member %d", i);
        assert_int_equal(refusals_count(refusals, name, REASON_COUNT - 1), 1);
    }
    assert_int_equal(refusals_count(refusals, "Bergheim", REASON_BAD_SIGNATURE), 2);
    refusals_destroy(&refusals);
    refusals_destroy(&refusals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals__tells_each_fault_of_each_member_and_fills_no_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
