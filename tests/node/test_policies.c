#include "check.h"
#include "hospital.h"

#include "node/part.h"

#define DAY 86400

static enum err install(struct hospital *h, const struct officers_line *lines,
                        unsigned signers)
{
    struct bytes file = {0};
    hospital_policy_file(h, lines, signers, &file);
    enum err result = policies_install(h->node, "x.policy", file.data, file.size, h->now);
    bytes_free(&file);
    return result;
}

static enum err install_line(struct hospital *h, const char *name, const char *value,
                             unsigned signers)
{
    const struct officers_line lines[] = {{name, value}, {NULL, NULL}};
    return install(h, lines, signers);
}

static void policies__the_first_pins_its_officers(void **state)
{
    struct hospital *h = *state;
    char *folder = scratch_path(h->directory, "fresh"), key[2 * KEY_BYTES + 1];
    node_destroy(&h->node);
    assert_ok(node_create(folder, h->c->members[0].name, &h->node));
    h->policy = 0;
    assert_int_equal(policies_now(h->node, NOW), REASON_NO_POLICY);
    assert_refused(ERR_DENIED, "2 officers must sign the policy, 1 did",
                   install(h, NULL, 1));
    assert_refused(ERR_VERIFY, "no officer's",
                   install(h, NULL, 1 | 1u << OFFICERS_STRANGER));
    assert_int_equal(policies_now(h->node, NOW), REASON_NO_POLICY);
    assert_ok(install(h, NULL, 5));
    h->policy = 1;
    assert_int_equal(policies_now(h->node, NOW), REASON_NONE);
    /* officers of another policy, although it is signed by all whom it names */
    officers_key(OFFICERS_STRANGER, key);
    assert_refused(ERR_VERIFY, "no officer's",
                   install_line(h, "officer_1", key, 2 | 1u << OFFICERS_STRANGER));
    node_destroy(&h->node);
    assert_ok(node_open(folder, &h->node));
    assert_int_equal(policy_version(h->node->policy), 1);
    free(folder);
}

static void policies__a_looser_one_needs_two(void **state)
{
    struct hospital *h = *state;
    assert_refused(ERR_DENIED, "2 officers must sign it, 1 did",
                   install_line(h, "patients_min", "4", 1));
    assert_int_equal(policy_version(h->node->policy), 1);
    assert_ok(install_line(h, "patients_min", "6", 2)); /* stricter: anyone of them */
    h->policy = 2;
    assert_ok(install_line(h, "patients_min", "4", 6));
    h->policy = 0;
    assert_refused(ERR_STATE, "version 3 is in force", install(h, NULL, 3));
    hospital_restart(h);
    assert_int_equal(policy_version(h->node->policy), 3);
    assert_int_equal(conf_integer(policy_lines(h->node->policy), "patients_min"), 4);
}

static void policies__are_of_this_hospital(void **state)
{
    struct hospital *h = *state;
    assert_refused(ERR_DENIED, "it is for Bergheim, this node is Altona",
                   install_line(h, "hospital", "Bergheim", 3));
}

/* A clock set back brings no policy back, in this process or the next. */
static void policies__time_does_not_go_back(void **state)
{
    struct hospital *h = *state;
    uint64_t end = policy_end(h->node->policy);
    assert_int_equal(policies_now(h->node, end - 2 * DAY), REASON_NONE);
    hospital_restart(h);
    assert_int_equal(policies_now(h->node, NOW), REASON_NONE);
    assert_int_equal(policies_now(h->node, end), REASON_POLICY_EXPIRED);
    assert_int_equal(policies_now(h->node, NOW), REASON_POLICY_EXPIRED);
    hospital_restart(h);
    assert_int_equal(policies_now(h->node, NOW), REASON_POLICY_EXPIRED);
    /* one officer does not begin the time anew, two do */
    assert_refused(ERR_DENIED, "it ended with", install(h, NULL, 1));
    assert_ok(install(h, NULL, 3));
    h->policy++;
    assert_int_equal(policies_now(h->node, NOW), REASON_NONE);
    h->now = end;
    assert_refused(ERR_DENIED, "it ended with", install(h, NULL, 3));
}

/* Time that was only seen counts as well: to the hour. */
static void policies__remember_the_latest_time(void **state)
{
    struct hospital *h = *state;
    uint64_t end = policy_end(h->node->policy);
    assert_int_equal(policies_now(h->node, end - 3 * DAY), REASON_NONE);
    hospital_restart(h);
    assert_ok(install_line(h, "expires", "2026-12-30", 1));
    h->policy++;
    assert_int_equal(policies_now(h->node, NOW), REASON_NONE);
    assert_refused(ERR_DENIED, "it ended with",
                   install_line(h, "expires", "2026-12-28", 1));
}

/* Whoever can write into the store but has no officer's key. */
static void policies__the_store_is_not_believed(void **state)
{
    struct hospital *h = *state;
    static const char *const statements[] = {
        "UPDATE policies SET policy = CAST(replace(CAST(policy AS TEXT), 'patients_min: "
        "5',"
        " 'patients_min: 1') AS BLOB) WHERE version = 2",
        "UPDATE policies SET version = 3 WHERE version = 2",
        "DELETE FROM policies WHERE version = 1",
        "UPDATE policies SET policy = (SELECT policy FROM policies WHERE version = 1)",
        "DELETE FROM policies WHERE version = 2",
        "DELETE FROM policies",
    };
    assert_ok(install_line(h, "quorum_min", "4", 1));
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        assert_ok(store_begin(h->node->store));
        assert_ok(store_execute(h->node->store, statements[i]));
        policy_destroy(&h->node->policy);
        assert_refused(ERR_VERIFY, "policy in the store", policies_open(h->node));
        store_rollback(h->node->store);
    }
    policy_destroy(&h->node->policy);
    assert_ok(policies_open(h->node));
    assert_int_equal(policy_version(h->node->policy), 2);
}

static void policies__are_on_record(void **state)
{
    struct hospital *h = *state;
    size_t before = hospital_entries(h, AUDIT_POLICY);
    size_t refused = hospital_entries(h, AUDIT_REFUSAL);
    assert_int_equal(before, 1);
    assert_int_equal(install_line(h, "patients_min", "4", 1), ERR_DENIED);
    assert_int_equal(hospital_entries(h, AUDIT_REFUSAL), refused + 1);
    assert_ok(install_line(h, "patients_min", "6", 1));
    assert_int_equal(hospital_entries(h, AUDIT_POLICY), 2);
}

/* Whoever edits the settings takes the policy out of force, not another one into it. */
static void policies__a_node_of_another_name_has_none(void **state)
{
    struct hospital *h = *state;
    char *path = file_join(h->folder, "gemel-node.yaml");
    assert_ok(file_write(path, "name: Bergheim\n", 15, 0600));
    hospital_restart(h);
    assert_int_equal(policies_now(h->node, NOW), REASON_POLICY);
    assert_non_null(strstr(err_text(), "it is for Altona, this node is Bergheim"));
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(policies__the_first_pins_its_officers),
        IN_HOSPITAL(policies__a_looser_one_needs_two),
        IN_HOSPITAL(policies__are_of_this_hospital),
        IN_HOSPITAL(policies__time_does_not_go_back),
        IN_HOSPITAL(policies__remember_the_latest_time),
        IN_HOSPITAL(policies__the_store_is_not_believed),
        IN_HOSPITAL(policies__are_on_record),
        IN_HOSPITAL(policies__a_node_of_another_name_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
