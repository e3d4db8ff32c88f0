#include "check.h"
#include "hospital.h"

/* --- every change has its entry
 * ------------------------------------------------------------------------- */

static void node__what_is_set_up_is_on_record(void **state)
{
    struct hospital *h = *state;
    assert_int_equal(hospital_entries(h, AUDIT_BEGIN), 1);
    assert_true(hospital_entries(h, AUDIT_SETTINGS) >= 5);
    assert_int_equal(hospital_entries(h, AUDIT_POLICY), 1);
    assert_int_equal(hospital_entries(h, AUDIT_CONSORTIUM), 1);
    assert_int_equal(hospital_entries(h, AUDIT_ROSTER), 1);
    hospital_patients(h, 3);
    assert_int_equal(hospital_entries(h, AUDIT_IMPORT), 1);
    hospital_patients(h, 3); /* the same file: nothing changes */
    assert_int_equal(hospital_entries(h, AUDIT_IMPORT), 1);
    size_t settings = hospital_entries(h, AUDIT_SETTINGS);
    hospital_restart(h);
    assert_int_equal(hospital_entries(h, AUDIT_SETTINGS), settings);
    assert_int_equal(hospital_entries(h, AUDIT_BEGIN), 1);
}

static void node__a_setting_that_changes_is_on_record_once(void **state)
{
    struct hospital *h = *state;
    size_t settings = hospital_entries(h, AUDIT_SETTINGS);
    char *path = file_join(h->folder, "gemel-node.yaml");
    assert_ok(file_write(path, "name: Altona\nthreads: 3\npoll_seconds: 7\n", 40, 0600));
    hospital_restart(h);
    hospital_restart(h);
    assert_int_equal(hospital_entries(h, AUDIT_SETTINGS), settings + 2);
    mem_free(path);
}

static void node__decisions_and_priors_are_on_record(void **state)
{
    struct hospital *h = *state;
    struct bytes link = {0};
    uint8_t head[HASH_BYTES];
    bool fresh, contradicted;
    struct node_study *study = hospital_approved(h);
    assert_int_equal(hospital_entries(h, AUDIT_STUDY), 1);
    assert_int_equal(hospital_entries(h, AUDIT_DECISION), 1);
    assert_ok(node_studies_offer(h->node, codec_view(&h->c->terms_bytes), NOW, &fresh));
    assert_int_equal(hospital_entries(h, AUDIT_STUDY), 1);
    hospital_link(h, 1, h->c->terms_hash, 0.1, &link, head);
    for (int again = 0; again < 2; again++)
        assert_ok(node_studies_extend(h->node, study, codec_view(&link), &fresh,
                                      &contradicted));
    assert_int_equal(hospital_entries(h, AUDIT_PRIOR), 1);
    assert_ok(node_studies_decide(h->node, h->c->terms.study, STUDY_DECLINED, NOW));
    assert_int_equal(hospital_entries(h, AUDIT_DECISION), 2);
    assert_ok(node_studies_distrust(h->node, h->c->terms.study, "two tongues", NOW));
    assert_int_equal(hospital_entries(h, AUDIT_DISTRUST), 1);
    assert_int_equal(hospital_entries(h, AUDIT_DECISION), 2);
    node_study_destroy(&study);
    bytes_free(&link);
}

/* --- what is refused at the door
 * ------------------------------------------------------------------------- */

static void refuses_to_open(struct hospital *h, const char *part)
{
    struct node *node = NULL;
    node_destroy(&h->node);
    assert_refused(ERR_VERIFY, part, node_open(h->folder, &node));
    assert_null(node);
}

static void node__an_entry_that_was_changed_stops_it(void **state)
{
    struct hospital *h = *state;
    assert_ok(store_execute(h->node->store,
                            "UPDATE audit SET sentence = 'slot_seconds is 20' WHERE "
                            "sentence = 'slot_seconds is 10'"));
    refuses_to_open(h, "audit entry 3: its hash does not hold");
}

static void node__a_tail_that_was_cut_off_stops_it(void **state)
{
    struct hospital *h = *state;
    uint64_t length;
    assert_ok(audit_verify(h->node->store, &length, NULL));
    char *part = mem_format("audit entry %llu is missing; there were %llu",
                            (unsigned long long)length - 1, (unsigned long long)length);
    assert_ok(store_execute(
        h->node->store,
        "DELETE FROM audit WHERE number >= (SELECT max(number) - 1 FROM audit)"));
    refuses_to_open(h, part);
    mem_free(part);
}

/* Charge a release in the ledger, or enter it in the record, or both. */
static void release(struct hospital *h, uint64_t round, bool charged, bool entered)
{
    struct ledger_entry entry = {.round = round,
                                 .attempt = 1,
                                 .noise_multiplier = MULTIPLIER,
                                 .dimension = 1,
                                 .noise_log2 = NOISE_LOG2};
    const struct audit_entry about = {
        .kind = AUDIT_RELEASE, .study = entry.study, .round = round, .attempt = 1};
    memcpy(entry.study, h->c->terms.study, STUDY_BYTES);
    assert_ok(store_begin(h->node->store));
    if (charged)
        assert_ok(ledger_charge(h->node->ledger, &entry, NULL, 0, 1));
    if (entered)
        assert_ok(audit_write(h->node->store, &about, "it left"));
    assert_ok(store_commit(h->node->store));
}

static void node__a_charge_without_its_release_stops_it(void **state)
{
    struct hospital *h = *state;
    release(h, 1, true, true);
    release(h, 2, true, true);
    hospital_restart(h);
    release(h, 3, true, false);
    refuses_to_open(h, "2 releases, which are not those of the ledger's 3");
}

static void node__a_release_without_its_charge_stops_it(void **state)
{
    struct hospital *h = *state;
    release(h, 1, true, true);
    release(h, 2, false, true);
    refuses_to_open(h, "2 releases, which are not those of the ledger's 1");
}

static void node__a_release_of_another_round_stops_it(void **state)
{
    struct hospital *h = *state;
    release(h, 1, true, true);
    release(h, 2, true, false);
    release(h, 7, false, true);
    refuses_to_open(h, "is not the release of ledger entry 2");
}

/* A store from before there was a record: what its ledger has was charged before. */
static void node__a_record_may_begin_late(void **state)
{
    struct hospital *h = *state;
    release(h, 1, true, false);
    assert_ok(store_execute(h->node->store, "DELETE FROM audit"));
    assert_ok(store_execute(h->node->store, "DELETE FROM audit_head"));
    assert_ok(store_execute(h->node->store, "DELETE FROM policies"));
    hospital_restart(h);
    release(h, 2, true, true);
    hospital_restart(h);
    release(h, 3, true, false);
    refuses_to_open(h, "1 releases, which are not those of the ledger's 3");
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(node__what_is_set_up_is_on_record),
        IN_HOSPITAL(node__a_setting_that_changes_is_on_record_once),
        IN_HOSPITAL(node__decisions_and_priors_are_on_record),
        IN_HOSPITAL(node__an_entry_that_was_changed_stops_it),
        IN_HOSPITAL(node__a_tail_that_was_cut_off_stops_it),
        IN_HOSPITAL(node__a_charge_without_its_release_stops_it),
        IN_HOSPITAL(node__a_release_without_its_charge_stops_it),
        IN_HOSPITAL(node__a_release_of_another_round_stops_it),
        IN_HOSPITAL(node__a_record_may_begin_late),
    };
    if (count > 1)
        cmocka_set_test_filter(arguments[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
