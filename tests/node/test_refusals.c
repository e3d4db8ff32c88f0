#include "check.h"
#include "hospital.h"

#include "node/part.h"

/* refusals - whatever a coordinator tries, the hospital's people find it in the audit
 * record, once for each thing tried, however often it is tried. */

/* Exactly one more entry of a kind than `before`, and none of the other. */
static void one_more(struct hospital *h, size_t refusals, size_t distrusts)
{
    assert_int_equal(hospital_entries(h, AUDIT_REFUSAL), refusals);
    assert_int_equal(hospital_entries(h, AUDIT_DISTRUST), distrusts);
}

/* One question and the coordinator's answer to it. */
static enum err tell(struct hospital *h, struct node_study *study, struct reply reply)
{
    struct node_exchange exchange;
    struct node_exchange_news news = {0};
    struct bytes frame = {0}, answer = {0};
    reply.waiting = "nothing";
    reply.now = NOW;
    assert_ok(node_exchange_ask(h->node, &exchange, study, &frame));
    hospital_reply(h, &frame, &reply, &answer);
    enum err err =
        node_exchange_take(h->node, &h->clock, &exchange, study, &answer, &news);
    node_exchange_news_clear(&news);
    bytes_free(&frame);
    bytes_free(&answer);
    return err;
}

static enum err offer(struct hospital *h, const struct plan *plan, struct part **part)
{
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    assert_ok(plan_sign(h->c->coordinator, plan, &bytes, hash));
    enum err err = part_new(h->node, &h->clock, h->c->terms.study, codec_view(&bytes),
                            NULL, part, NULL);
    bytes_free(&bytes);
    return err;
}

/* A model that is not the one the terms name. */
static void refusals__another_model(void **state)
{
    struct hospital *h = *state;
    struct terms *terms = &h->c->terms;
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    terms->model_hash[0] ^= 1;
    assert_ok(terms_sign(h->c->coordinator, terms, &bytes, hash));
    struct view view = codec_view(&bytes);
    for (int again = 0; again < 2; again++) {
        assert_refused(ERR_VERIFY, "is not the one its hash names",
                       tell(h, NULL, (struct reply){.terms = {&view, 1}}));
        one_more(h, 1, 0);
    }
    bytes.size = 0; /* other terms, as wrong, are another thing tried */
    terms->issued++;
    assert_ok(terms_sign(h->c->coordinator, terms, &bytes, hash));
    view = codec_view(&bytes);
    assert_refused(ERR_VERIFY, "is not the one its hash names",
                   tell(h, NULL, (struct reply){.terms = {&view, 1}}));
    one_more(h, 2, 0);
    bytes_free(&bytes);
}

/* A roster beside the one in force, and the one before it. */
static void refusals__a_forked_and_an_older_roster(void **state)
{
    struct hospital *h = *state;
    struct roster_fields fields = h->c->fields;
    struct bytes fork = {0}, second = {0};
    fields.issued++;
    assert_ok(roster_sign(h->c->governance, &fields, &fork));
    for (int again = 0; again < 2; again++) {
        assert_int_not_equal(tell(h, NULL, (struct reply){.roster = codec_view(&fork)}),
                             ERR_OK);
        one_more(h, 1, 0);
    }
    fields.version = 2;
    memcpy(fields.previous, roster_hash(h->c->roster), HASH_BYTES);
    assert_ok(roster_sign(h->c->governance, &fields, &second));
    assert_ok(tell(h, NULL, (struct reply){.roster = codec_view(&second)}));
    assert_int_equal(hospital_entries(h, AUDIT_ROSTER), 2);
    for (int again = 0; again < 2; again++) {
        assert_int_not_equal(
            tell(h, NULL, (struct reply){.roster = codec_view(&h->c->roster_bytes)}),
            ERR_OK);
        one_more(h, 2, 0);
    }
    bytes_free(&fork);
    bytes_free(&second);
}

/* Two priors for one round: the end of trust, and one entry of its own kind. */
static void refusals__two_priors(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct bytes one = {0}, other = {0};
    uint8_t head[HASH_BYTES];
    hospital_link(h, 1, h->c->terms_hash, 0.1, &one, head);
    hospital_link(h, 1, h->c->terms_hash, 0.2, &other, head);
    struct view view = codec_view(&one);
    assert_ok(tell(h, study, (struct reply){.links = {&view, 1}}));
    view = codec_view(&other);
    assert_refused(ERR_VERIFY, reason_sentence(REASON_EQUIVOCATION),
                   tell(h, study, (struct reply){.links = {&view, 1}}));
    one_more(h, 0, 1);
    node_study_destroy(&study);
    bytes_free(&one);
    bytes_free(&other);
}

/* An answer to another question. */
static void refusals__an_answer_replayed(void **state)
{
    struct hospital *h = *state;
    struct node_exchange exchange;
    struct node_exchange_news news = {0};
    struct bytes frame = {0}, answer = {0};
    const struct reply reply = {.waiting = "nothing", .now = NOW};
    assert_ok(node_exchange_ask(h->node, &exchange, NULL, &frame));
    hospital_reply(h, &frame, &reply, &answer);
    for (int again = 0; again < 3; again++) {
        frame.size = 0;
        assert_ok(node_exchange_ask(h->node, &exchange, NULL, &frame));
        assert_refused(
            ERR_VERIFY, reason_sentence(REASON_WRONG_NONCE),
            node_exchange_take(h->node, &h->clock, &exchange, NULL, &answer, &news));
        one_more(h, 1, 0);
    }
    bytes_free(&frame);
    bytes_free(&answer);
}

/* The plan of an attempt that was entered, and one with less noise. */
static void refusals__a_plan_replayed_or_weakened(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct part *part;
    hospital_patients(h, PATIENTS);
    assert_ok(offer(h, &plan, &part));
    part_destroy(&part);
    one_more(h, 0, 0);
    for (int again = 0; again < 2; again++) {
        assert_refused(ERR_STATE, reason_sentence(REASON_STALE_ATTEMPT),
                       offer(h, &plan, &part));
        one_more(h, 1, 0);
    }
    plan.attempt = 2;
    plan.noise_multiplier = MULTIPLIER / 2;
    for (int again = 0; again < 2; again++) {
        assert_refused(ERR_DENIED, reason_sentence(REASON_WRONG_TERMS),
                       offer(h, &plan, &part));
        one_more(h, 2, 0);
    }
    node_study_destroy(&study);
}

/* Asked for what belongs to another phase, as whoever wants both kinds of share must. */
static void refusals__another_phase(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct part *part;
    struct node_exchange exchange;
    struct part_wait wait;
    struct bytes frame = {0}, answer = {0}, body = {0};
    static const uint8_t input[WIRE_SIGNED_SMALL_MIN];
    const struct view view = {input, sizeof input};
    const struct survivors survivors = {{&view, 1}};
    hospital_patients(h, PATIENTS);
    assert_ok(offer(h, &plan, &part));
    assert_ok(codec_encode_survivors(&survivors, &body));
    for (int again = 0; again < 2; again++) {
        if (part_ask(part, &exchange, &frame) == ERR_OK)
            hospital_answer(h, &frame, MESSAGE_SURVIVORS, &body, &answer);
        assert_int_not_equal(part_take(part, &exchange, &answer, &wait), ERR_OK);
        assert_int_equal(attempt_phase(part_attempt(part)), PHASE_END);
    }
    one_more(h, 1, 0);
    part_destroy(&part);
    node_study_destroy(&study);
    bytes_free(&frame);
    bytes_free(&answer);
    bytes_free(&body);
}

/* Sums over fewer and fewer hospitals of the same round, to be subtracted from each
 * other. */
static void refusals__one_round_too_often(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct part *part;
    const uint32_t most = 3;
    hospital_policy_line(h, "attempts_max", "3");
    hospital_patients(h, PATIENTS);
    for (uint32_t attempt = 1; attempt <= most; attempt++) {
        struct ledger_entry entry = {.round = 1,
                                     .attempt = attempt,
                                     .noise_multiplier = MULTIPLIER,
                                     .dimension = 1,
                                     .noise_log2 = NOISE_LOG2};
        memcpy(entry.study, plan.study, STUDY_BYTES);
        assert_ok(store_begin(h->node->store));
        assert_ok(ledger_charge(h->node->ledger, &entry, NULL, 0, 1));
        assert_ok(store_commit(h->node->store));
    }
    plan.participants.count--;
    plan.degree--;
    for (uint32_t attempt = 1; attempt <= 2; attempt++) {
        plan.attempt = most + attempt;
        for (int again = 0; again < 2; again++) {
            assert_refused(ERR_DENIED, "attempts at a round at most 3",
                           offer(h, &plan, &part));
            one_more(h, attempt, 0);
        }
    }
    node_study_destroy(&study);
}

/* What others did wrong is not confused with a disk or a network that failed. */
static void refusals__a_failure_is_none(void **state)
{
    struct hospital *h = *state;
    const struct audit_entry about = {.wall = NOW};
    static const enum err failures[] = {ERR_GONE, ERR_INTERRUPTED, ERR_NUMERIC};
    for (size_t i = 0; i < 3; i++) {
        err_set(failures[i], "it did not work");
        assert_int_equal(node_refuse(h->node, &about), failures[i]);
    }
    one_more(h, 0, 0);
    err_set(ERR_DENIED, "no");
    err_hint("ask again");
    assert_refused(ERR_DENIED, "no", node_refuse(h->node, &about));
    assert_string_equal(err_hint_text(), "ask again");
    one_more(h, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(refusals__another_model),
        IN_HOSPITAL(refusals__a_forked_and_an_older_roster),
        IN_HOSPITAL(refusals__two_priors),
        IN_HOSPITAL(refusals__an_answer_replayed),
        IN_HOSPITAL(refusals__a_plan_replayed_or_weakened),
        IN_HOSPITAL(refusals__another_phase),
        IN_HOSPITAL(refusals__one_round_too_often),
        IN_HOSPITAL(refusals__a_failure_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
