/* roofs - node/ and coordinator/ in one program, as gemel-sim has them: their names do
 * not meet. roofs.h, which the build writes, includes every header of both; the program
 * is linked from all of both libraries. That it compiles and links is most of the test.
 */

#include "check.h"
#include "scratch.h"

#include "roofs.h"

static void roofs__one_process_keeps_a_home_of_each(void **state)
{
    static const uint8_t governance[KEY_BYTES] = {1};
    char *ours = scratch_path(*state, "coordinator"),
         *theirs = scratch_path(*state, "node");
    struct coordinator *coordinator;
    struct node *node;
    uint8_t(*numbers)[STUDY_BYTES];
    size_t count;
    assert_ok(coordinator_create(ours, "one", "tcp://127.0.0.1:7400", governance,
                                 &coordinator));
    assert_ok(node_create(theirs, "two", &node));
    assert_ok(archive_list(coordinator->store, &numbers, &count));
    assert_int_equal(count, 0);
    assert_ok(archive_list(node->store, &numbers, &count));
    assert_int_equal(count, 0);
    coordinator_destroy(&coordinator);
    node_destroy(&node);
    free(ours);
    free(theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(roofs__one_process_keeps_a_home_of_each,
                                        scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
