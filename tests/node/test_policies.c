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

/* --- a coordinator that lies about what it will do
 * ----------------------------------------------------------------------------- */

static size_t count_of(struct hospital *h, const char *sql)
{
    struct query *query;
    bool row;
    assert_ok(store_query(h->node->store, sql, &query));
    assert_ok(query_step(query, &row));
    size_t count = (size_t)query_get_int(query, 0);
    query_reset(query);
    return count;
}

/* Sign the terms as they stand, whatever is wrong with them: with the double `from` as
 * `to` where the codec would not write it. */
static void sign_terms(struct hospital *h, const double *from, const double *to)
{
    struct bytes object = {0};
    assert_ok(codec_encode_terms(&h->c->terms, &object));
    for (size_t i = 0; from && i + sizeof *from <= object.size; i++)
        if (memcmp(object.data + i, from, sizeof *from) == 0)
            memcpy(object.data + i, to, sizeof *to);
    h->c->terms_bytes.size = 0;
    assert_ok(envelope_sign(h->c->coordinator, "gemel/terms/1", codec_view(&object),
                            &h->c->terms_bytes));
    bytes_hash("gemel/terms/1", object.data, object.size, h->c->terms_hash);
    bytes_free(&object);
}

/* From the offer to the plan through all that the node has, as if a person had approved
 * without looking: refused somewhere, saying so, and nothing is charged or entered. */
static void refuses_all_the_way(struct hospital *h, struct plan plan, const char *says)
{
    struct bytes bytes = {0};
    struct part *part = NULL;
    uint8_t hash[HASH_BYTES];
    bool fresh;
    uint64_t length = ledger_length(h->node->ledger);
    memcpy(plan.terms, h->c->terms_hash, HASH_BYTES);
    memcpy(plan.chain_head, h->c->terms_hash, HASH_BYTES);
    memcpy(plan.study, h->c->terms.study, STUDY_BYTES);
    enum err result =
        node_studies_offer(h->node, codec_view(&h->c->terms_bytes), h->now, &fresh);
    if (result == ERR_OK) {
        assert_ok(
            node_studies_decide(h->node, h->c->terms.study, STUDY_APPROVED, h->now));
        result = plan_sign(h->c->coordinator, &plan, &bytes, hash);
    }
    if (result == ERR_OK)
        result = part_new(h->node, &h->clock, h->c->terms.study, codec_view(&bytes), NULL,
                          &part, NULL);
    if (result == ERR_OK || !strstr(err_text(), says))
        fail_msg("\"%s\" was expected, not \"%s\"", says, err_text());
    assert_null(part);
    assert_int_equal(ledger_length(h->node->ledger), length);
    assert_int_equal(count_of(h, "SELECT count(*) FROM attempts"), 0);
    assert_int_equal(count_of(h, "SELECT count(*) FROM ledger"), 0);
    assert_int_equal(count_of(h, "SELECT count(*) FROM ledger_patients"), 0);
    bytes_free(&bytes);
}

/* Each lie about a study of its own number; what was true before is true again after. */
#define LIE_AS(change, from, to, says)                                                   \
    terms->study[0]++;                                                                   \
    change;                                                                              \
    sign_terms(h, from, to);                                                             \
    refuses_all_the_way(h, plan, says);                                                  \
    lies++;                                                                              \
    study = terms->study[0];                                                             \
    *terms = good;                                                                       \
    terms->study[0] = study;                                                             \
    for (size_t i = 0; i < 3; i++)                                                       \
        h->c->multipliers[i] = MULTIPLIER;                                               \
    memcpy(h->c->keys, keys, sizeof keys);                                               \
    plan = good_plan
#define LIE(change, says) LIE_AS(change, NULL, NULL, says)

static void policies__lies_about_the_study_cost_nobody_anything(void **state)
{
    struct hospital *h = *state;
    struct terms *terms = &h->c->terms;
    const struct plan good_plan = hospital_plan(h);
    const struct terms good = *terms;
    const double twelve = MULTIPLIER, zero = 0, minus = -MULTIPLIER, none = NAN,
                 endless = INFINITY, one = 1;
    struct plan plan = good_plan;
    uint8_t keys[HOSPITALS * KEY_BYTES], study;
    size_t lies = 0;
    memcpy(keys, h->c->keys, sizeof keys);
    hospital_patients(h, 6);
    hospital_policy_line(h, "hospitals_min", "5");
    LIE_AS((void)0, &twelve, &zero, "noise_multipliers");
    LIE_AS((void)0, &twelve, &minus, "noise_multipliers");
    LIE_AS((void)0, &twelve, &none, "noise_multipliers");
    LIE_AS((void)0, &twelve, &endless, "noise_multipliers");
    LIE_AS((void)0, &one, &zero, "epsilon");
    LIE(h->c->multipliers[0] = 1e-3,
        "noise multiplier at least 4; the study has a round");
    LIE(h->c->multipliers[2] = 3.99,
        "noise multiplier at least 4; the study has a round");
    LIE(for (size_t i = 0; i < 3; i++) h->c->multipliers[i] = 4,
        "epsilon at most 1 at delta 1e-6; all rounds of the study together");
    LIE(terms->epsilon = 0.1, "states epsilon 0.1 at delta 1e-06, its noise gives");
    LIE(terms->delta = 1e-20, "at delta 1e-20, its noise gives");
    LIE(terms->norm_max = WIRE_NORM_MAX;
        plan.norm_max = WIRE_NORM_MAX, "norm_max is too large for the noise");
    LIE(terms->noise_log2 = 2, "epsilon at most 1");
    LIE(terms->hospitals_min = 1, "sums of 1 hospitals, 1 of which may collude");
    LIE(terms->hospitals_min = 2, "sums of 2 hospitals, 1 of which may collude");
    LIE(terms->hospitals_min = 6, "5 participants, at least 6");
    LIE(terms->colluders = 5, "sums of 3 hospitals, 5 of which may collude");
    LIE(terms->rounds = 2, "3 noise multipliers for 2 rounds");
    LIE(terms->dimension++, "numbers, its model gives");
    LIE(terms->statistic++, "version");
    LIE(terms->model_hash[0] ^= 1, "its hash names");
    LIE(terms->name = "pressure 2", "approves no study called pressure 2");
    LIE(terms->purpose = "Advertising", "the purpose is");
    LIE(terms->participants.count = 4, "hospitals at least 5; the study has 4");
    LIE(memset(h->c->keys + 4 * KEY_BYTES, 0xff, KEY_BYTES), "not in the current roster");
    LIE(memset(h->c->keys, 0, KEY_BYTES), "not a participant");
    LIE(terms->consortium[0] ^= 1, "another consortium's");
    assert_int_equal(lies, 26);
}

static void policies__lies_about_a_round_cost_nobody_anything(void **state)
{
    struct hospital *h = *state;
    struct terms *terms = &h->c->terms;
    const struct plan good_plan = hospital_plan(h);
    const struct terms good = *terms;
    struct plan plan = good_plan;
    struct policy *held;
    uint8_t keys[HOSPITALS * KEY_BYTES], study;
    size_t lies = 0;
    memcpy(keys, h->c->keys, sizeof keys);
    hospital_patients(h, 6);
    LIE(plan.noise_multiplier = 11.9, "noise_multiplier");
    LIE(plan.norm_max++, "plan: norm_max");
    LIE(plan.step *= 2, "step does not follow from its noise");
    LIE(plan.noise_log2 = 21, "");
    LIE(plan.survivors = 2, "fewer survivors than hospitals_min");
    LIE(plan.survivors = 3, "at least 3 survivors, expected no fewer than the quorum");
    LIE(plan.quorum = 3, "a quorum of 3, expected more than half");
    LIE(plan.threshold = 1, "a threshold of 1");
    LIE(plan.colluders = 5, "");
    LIE(plan.dimension--, "dimension");
    LIE(plan.deadline = h->now, "deadline has passed");
    LIE(plan.roster[0] ^= 1, "newer roster");
    LIE(plan.participants.count = 4, "");
    LIE(plan.round = 3, "round");
    hospital_policy_line(h, "quorum_min", "5");
    LIE((void)0, "hospitals confirming a sum at least 5; the plan has 4");
    hospital_policy_line(h, "threshold_min", "4");
    LIE((void)0, "shares that open a mask at least 4; the plan has 3");
    hospital_policy_line(h, "survivors_min", "4");
    LIE((void)0, "hospitals in every sum at least 4; the study allows 3");
    hospital_policy_line(h, "period_epsilon_max", "0.2");
    LIE((void)0, "epsilon at most 0.2");
    held = h->node->policy;
    h->node->policy = NULL;
    LIE((void)0, "no policy in force");
    h->node->policy = held;
    h->now = policy_end(held);
    LIE(plan.deadline = h->now + 600, "it ended with 2026-12-31");
    assert_int_equal(lies, 20);
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
        IN_HOSPITAL(policies__lies_about_the_study_cost_nobody_anything),
        IN_HOSPITAL(policies__lies_about_a_round_cost_nobody_anything),
        IN_HOSPITAL(policies__a_node_of_another_name_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
