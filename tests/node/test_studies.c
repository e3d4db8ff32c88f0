#include "check.h"
#include "hospital.h"

#include "wire/archive.h"

static size_t studies_held(struct hospital *h)
{
    uint8_t(*numbers)[STUDY_BYTES];
    size_t count;
    assert_ok(archive_list(h->node->store, &numbers, &count));
    mem_free(numbers);
    return count;
}

static enum err offer(struct hospital *h, bool *fresh)
{
    return node_studies_offer(h->node, codec_view(&h->c->terms_bytes), NOW, fresh);
}

/* Sign the terms as they now stand and offer them. */
static enum err offer_signed(struct hospital *h, const struct identity *signer)
{
    bool fresh = true;
    h->c->terms_bytes.size = 0;
    assert_ok(terms_sign(signer, &h->c->terms, &h->c->terms_bytes, h->c->terms_hash));
    enum err err = offer(h, &fresh);
    if (err != ERR_OK)
        assert_false(fresh);
    return err;
}

static void studies__an_offer_is_kept_once_and_waits_for_a_person(void **state)
{
    struct hospital *h = *state;
    bool fresh = false;
    assert_ok(offer(h, &fresh));
    assert_true(fresh);
    assert_ok(offer(h, &fresh));
    assert_false(fresh);
    assert_int_equal(studies_held(h), 1);
    hospital_restart(h);
    struct node_study *study = hospital_opened(h);
    assert_int_equal(study->state, STUDY_OFFERED);
    assert_memory_equal(study->hash, h->c->terms_hash, HASH_BYTES);
    assert_int_equal(study->chain.length, 0);
    assert_memory_equal(study->chain.head, h->c->terms_hash, HASH_BYTES);
    assert_near(study->prior->effects[0], h->prior->effects[0], 0);
    node_study_destroy(&study);
}

/* So many wait for a decision; the next is left where it is, on record once however often
 * it is made, and taken when there is room. */
static void studies__offers_fill_no_disk(void **state)
{
    struct hospital *h = *state;
    for (int i = 0; i < STUDIES_OFFERED_MAX; i++) {
        h->c->terms.study[1] = (uint8_t)i;
        assert_ok(offer_signed(h, h->c->coordinator));
    }
    assert_int_equal(studies_held(h), STUDIES_OFFERED_MAX);
    for (uint8_t beyond = 1; beyond <= 3; beyond++) {
        h->c->terms.study[1] = 0xff - beyond;
        for (int again = 0; again < 2; again++)
            assert_ok(offer_signed(h, h->c->coordinator));
        assert_int_equal(studies_held(h), STUDIES_OFFERED_MAX);
        assert_int_equal(hospital_entries(h, AUDIT_REFUSAL), beyond);
    }
    uint8_t number[STUDY_BYTES];
    memcpy(number, h->c->terms.study, STUDY_BYTES);
    number[1] = 7;
    assert_ok(node_studies_decide(h->node, number, STUDY_DECLINED, NOW));
    assert_ok(offer_signed(h, h->c->coordinator));
    assert_int_equal(studies_held(h), STUDIES_OFFERED_MAX + 1);
}

static void studies__other_terms_under_a_known_number_are_refused(void **state)
{
    struct hospital *h = *state;
    bool fresh;
    uint8_t first[HASH_BYTES];
    memcpy(first, h->c->terms_hash, HASH_BYTES);
    assert_ok(offer(h, &fresh));
    h->c->terms.epsilon = 2;
    assert_refused(ERR_VERIFY, "offers other terms", offer_signed(h, h->c->coordinator));
    struct node_study *study = hospital_opened(h);
    assert_memory_equal(study->hash, first, HASH_BYTES);
    node_study_destroy(&study);
}

static void studies__terms_it_could_not_carry_out_are_not_kept(void **state)
{
    struct hospital *h = *state;
    struct terms *terms = &h->c->terms;
    const struct terms good = *terms;
#define WRONG(change, signer, code, part)                                                \
    change;                                                                              \
    assert_refused(code, part, offer_signed(h, signer));                                 \
    *terms = good
    WRONG((void)0, h->c->stranger, ERR_VERIFY, "");
    WRONG(terms->consortium[0] ^= 1, h->c->coordinator, ERR_DENIED, "another consortium");
    WRONG(terms->model_hash[0] ^= 1, h->c->coordinator, ERR_VERIFY, "its hash names");
    char asked[32];
    snprintf(asked, sizeof asked, "version %u of", terms->statistic + 1);
    WRONG(terms->statistic++, h->c->coordinator, ERR_VERIFY, asked);
    WRONG(terms->dimension++, h->c->coordinator, ERR_VERIFY, "numbers, its model gives");
    WRONG(terms->model.size /= 2, h->c->coordinator, ERR_FORMAT, "");
    WRONG(terms->prior.size--, h->c->coordinator, ERR_FORMAT, "");
    WRONG(terms->participants.items += KEY_BYTES; terms->participants.count--,
                                                  h->c->coordinator, ERR_DENIED,
                                                  "not a participant");
#undef WRONG
    assert_int_equal(studies_held(h), 0);
    assert_ok(offer_signed(h, h->c->coordinator));
}

static void studies__are_found_by_name_and_number(void **state)
{
    struct hospital *h = *state;
    bool fresh;
    uint8_t number[STUDY_BYTES];
    assert_ok(offer(h, &fresh));
    assert_ok(node_studies_find(h->node, "pressure", number));
    assert_memory_equal(number, h->c->terms.study, STUDY_BYTES);
    assert_ok(node_studies_find(h->node, "5a5a", number));
    assert_refused(ERR_NOT_FOUND, "no study is called nothing",
                   node_studies_find(h->node, "nothing", number));
    assert_non_null(strstr(err_hint_text(), "gemel-node study fetch"));
}

static void studies__a_decision_can_change_but_distrust_stays(void **state)
{
    struct hospital *h = *state;
    static const enum node_study_state decisions[] = {STUDY_APPROVED, STUDY_DECLINED,
                                                      STUDY_APPROVED};
    const uint8_t *number = h->c->terms.study;
    bool fresh;
    assert_refused(ERR_NOT_FOUND, "no such study",
                   node_studies_decide(h->node, number, STUDY_APPROVED, NOW));
    assert_ok(offer(h, &fresh));
    for (size_t i = 0; i < 3; i++) {
        assert_ok(node_studies_decide(h->node, number, decisions[i], NOW));
        struct node_study *study = hospital_opened(h);
        assert_int_equal(study->state, decisions[i]);
        node_study_destroy(&study);
    }
    assert_ok(node_studies_distrust(h->node, number, "two tongues", NOW));
    assert_refused(ERR_VERIFY, "contradicted itself",
                   node_studies_decide(h->node, number, STUDY_APPROVED, NOW));
    /* the offer again does not begin anew */
    assert_ok(offer(h, &fresh));
    assert_false(fresh);
    struct node_study *study = hospital_opened(h);
    assert_int_equal(study->state, STUDY_DISTRUSTED);
    node_study_destroy(&study);
}

static void studies__known_ones_are_named_in_ascending_order(void **state)
{
    struct hospital *h = *state;
    struct bytes known = {0};
    for (uint8_t i = 0; i < 5; i++) {
        h->c->terms.study[0] = i;
        assert_ok(offer_signed(h, h->c->coordinator));
    }
    assert_ok(node_studies_known(h->node, &known));
    assert_int_equal(known.size, 5 * HASH_BYTES);
    for (size_t i = 1; i < 5; i++)
        assert_true(memcmp(known.data + (i - 1) * HASH_BYTES, known.data + i * HASH_BYTES,
                           HASH_BYTES) < 0);
    bytes_free(&known);
}

/* What the policy's lines are held against is tests/wire/test_permit's; here, that they
 * are, and that nothing is permitted without a policy. */
static void studies__the_policy_permits_or_does_not(void **state)
{
    struct hospital *h = *state;
    bool fresh;
    assert_ok(offer(h, &fresh));
    struct node_study *study = hospital_opened(h);
    assert_int_equal(node_studies_permit(h->node, study, NOW), REASON_NONE);
    hospital_policy_line(h, "survivors_min", "4");
    assert_int_equal(node_studies_permit(h->node, study, NOW), REASON_POLICY);
    assert_non_null(strstr(err_text(), "every sum at least 4; the study allows 3"));
    policy_destroy(&h->node->policy);
    assert_int_equal(node_studies_permit(h->node, study, NOW), REASON_NO_POLICY);
    assert_non_null(strstr(err_hint_text(), "gemel-node policy new"));
    node_study_destroy(&study);
}

/* Every plan that a node accepts for the terms, with the largest norm that goes with it:
 * against everybody else the own noise alone is never less than what the study states. */
static void studies__state_the_least_that_is_left_against_all_others(void **state)
{
    struct hospital *h = *state;
    struct terms *terms = &h->c->terms;
    terms->norm_max = WIRE_NORM_MAX; /* as loose as they may be */
    struct plan plan = hospital_plan(h);
    const struct plan_context context = {.terms = terms,
                                         .terms_hash = h->c->terms_hash,
                                         .roster = h->c->roster,
                                         .chain_head = h->c->terms_hash,
                                         .own_key = h->node->key,
                                         .now = NOW};
    double stated = node_study_epsilon_alone(terms), most = 0;
    int accepted = 0;
    for (uint32_t members = 1; members <= terms->participants.count; members++)
        for (uint32_t survivors = 1; survivors <= members; survivors++)
            for (uint32_t colluders = 0; colluders < survivors; colluders++) {
                double mu2 = 0, epsilon;
                plan.participants.count = members;
                plan.degree = members - 1;
                plan.survivors = plan.quorum = survivors;
                plan.colluders = colluders;
                for (size_t t = 0; t < terms->rounds; t++) {
                    plan.noise_multiplier = terms->noise_multipliers.items[t];
                    assert_ok(noise_norm_max(plan.noise_multiplier, survivors - colluders,
                                             &plan.norm_max));
                    if (t == 0 && plan_check(&plan, &context) != REASON_NONE)
                        break;
                    mu2 += pow(plan_local_multiplier(&plan), -2);
                }
                accepted += mu2 > 0;
                assert_ok(accountant_epsilon(sqrt(mu2), terms->delta, &epsilon));
                most = fmax(most, epsilon);
                assert_true(epsilon <= stated);
            }
    assert_in_range((uint64_t)accepted, 2, 20);
    assert_relative(most, stated, 1e-4); /* and one of them leaves no more */
}

static void studies__move_along_the_chain_and_stay_there(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct bytes first = {0}, second = {0};
    uint8_t head[HASH_BYTES];
    bool fresh, contradicted;
    hospital_link(h, 1, h->c->terms_hash, 0.5, &first, head);
    hospital_link(h, 2, head, 0.75, &second, head);
    assert_ok(
        node_studies_extend(h->node, study, codec_view(&first), &fresh, &contradicted));
    assert_true(fresh);
    assert_near(study->prior->effects[0], h->prior->effects[0] + 0.5, 0);
    assert_ok(
        node_studies_extend(h->node, study, codec_view(&second), &fresh, &contradicted));
    assert_ok(
        node_studies_extend(h->node, study, codec_view(&first), &fresh, &contradicted));
    assert_false(fresh || contradicted); /* held already: the chain is not shortened */
    node_study_destroy(&study);
    hospital_restart(h);
    study = hospital_opened(h);
    assert_int_equal(study->chain.length, 2);
    assert_memory_equal(study->chain.head, head, HASH_BYTES);
    assert_near(study->prior->effects[0], h->prior->effects[0] + 0.75, 0);
    node_study_destroy(&study);
    bytes_free(&first);
    bytes_free(&second);
}

static void studies__links_that_do_not_continue_are_refused(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct bytes link = {0};
    uint8_t head[HASH_BYTES], other[HASH_BYTES] = {7};
    bool fresh, contradicted;
#define WRONG(round, previous, part)                                                     \
    link.size = 0;                                                                       \
    hospital_link(h, round, previous, 0.5, &link, head);                                 \
    assert_refused(                                                                      \
        ERR_##part, "",                                                                  \
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));  \
    assert_false(fresh || contradicted);                                                 \
    assert_int_equal(study->chain.length, 0)
    WRONG(2, h->c->terms_hash, STATE); /* WRONG_ROUND */
    WRONG(1, other, VERIFY);           /* WRONG_CHAIN */
    h->c->terms.study[0] ^= 1;
    WRONG(1, h->c->terms_hash, NOT_FOUND); /* UNKNOWN_STUDY */
    h->c->terms.study[0] ^= 1;
#undef WRONG
    link.size = 0;
    hospital_link(h, 1, h->c->terms_hash, 0.5, &link, head);
    link.data[link.size - 1] ^= 1; /* of the signature */
    assert_refused(
        ERR_VERIFY, "signature",
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));
    assert_false(fresh || contradicted);
    /* of another study, at a round that is held */
    link.size = 0;
    hospital_link(h, 1, h->c->terms_hash, 0.5, &link, head);
    assert_ok(
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));
    link.size = 0;
    h->c->terms.study[0] ^= 1;
    hospital_link(h, 1, h->c->terms_hash, 0.5, &link, head);
    assert_refused(
        ERR_NOT_FOUND, "no such study",
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));
    node_study_destroy(&study);
    bytes_free(&link);
}

static void studies__a_second_link_for_a_round_is_a_contradiction(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct bytes link = {0};
    uint8_t head[HASH_BYTES];
    bool fresh, contradicted;
    hospital_link(h, 1, h->c->terms_hash, 0.5, &link, head);
    assert_ok(
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));
    link.size = 0;
    hospital_link(h, 1, h->c->terms_hash, 0.25, &link, head);
    assert_refused(
        ERR_VERIFY, "two different priors claim the same place",
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));
    assert_true(contradicted);
    assert_near(study->prior->effects[0], h->prior->effects[0] + 0.5, 0);
    node_study_destroy(&study);
    bytes_free(&link);
}

/* Terms and links are checked when they are used, whoever wrote them into the store. */
static void studies__no_byte_in_the_store_is_believed(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct bytes link = {0};
    uint8_t head[HASH_BYTES];
    bool fresh, contradicted, row;
    hospital_link(h, 1, h->c->terms_hash, 0.5, &link, head);
    assert_ok(
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));
    node_study_destroy(&study);
    static const char *const places[][2] = {{"studies", "terms"}, {"links", "link"}};
    for (size_t place = 0; place < sizeof places / sizeof *places; place++) {
        char *select = mem_format("SELECT %s FROM %s", places[place][1], places[place][0]);
        char *update =
            mem_format("UPDATE %s SET %s = ?", places[place][0], places[place][1]);
        struct query *query;
        struct bytes kept = {0};
        size_t size;
        assert_ok(store_query(h->node->store, select, &query));
        assert_ok(query_step(query, &row));
        const void *data = query_get_blob(query, 0, &size);
        bytes_append(&kept, data, size);
        query_reset(query);
        assert_true(kept.size >= HASH_BYTES);
        for (size_t at = 0; at <= kept.size; at++) { /* the last time nothing */
            if (at < kept.size)
                kept.data[at] ^= (uint8_t)(1 << at % 8);
            assert_ok(store_query(h->node->store, update, &query));
            query_blob(query, 1, kept.data, kept.size);
            assert_ok(query_run(query));
            enum err err = node_studies_open(h->node, h->c->terms.study, &study);
            if ((err == ERR_OK) != (at == kept.size))
                fail_msg("%s, byte %zu of %zu: %s", places[place][0], at, kept.size,
                         err_name(err));
            if (err == ERR_OK)
                node_study_destroy(&study);
            else
                kept.data[at] ^= (uint8_t)(1 << at % 8);
        }
        bytes_free(&kept);
        mem_free(select);
        mem_free(update);
    }
    bytes_free(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(studies__an_offer_is_kept_once_and_waits_for_a_person),
        IN_HOSPITAL(studies__offers_fill_no_disk),
        IN_HOSPITAL(studies__other_terms_under_a_known_number_are_refused),
        IN_HOSPITAL(studies__terms_it_could_not_carry_out_are_not_kept),
        IN_HOSPITAL(studies__are_found_by_name_and_number),
        IN_HOSPITAL(studies__a_decision_can_change_but_distrust_stays),
        IN_HOSPITAL(studies__known_ones_are_named_in_ascending_order),
        IN_HOSPITAL(studies__the_policy_permits_or_does_not),
        IN_HOSPITAL(studies__state_the_least_that_is_left_against_all_others),
        IN_HOSPITAL(studies__move_along_the_chain_and_stay_there),
        IN_HOSPITAL(studies__links_that_do_not_continue_are_refused),
        IN_HOSPITAL(studies__no_byte_in_the_store_is_believed),
        IN_HOSPITAL(studies__a_second_link_for_a_round_is_a_contradiction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
