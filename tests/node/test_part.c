#include "check.h"
#include "others.h"

#include <sys/wait.h>

#include "base/log.h"
#include "fault.h"
#include "node/consent.h"
#include "node/newest.h"
#include "node/pace.h"
#include "node/part.h"
#include "node/preview.h"
#include "node/serve.h"
#include "privacy/accountant.h"
#include "privacy/fixedpoint.h"
#include "wire/heads.h"

/* Enter a plan and play until the input is charged and ready to leave. */
static enum err charge(struct hospital *h, const struct plan *plan)
{
    struct part *part;
    struct others others;
    enum err result = enter(h, plan, &part);
    if (result != ERR_OK)
        return result;
    others_enter(h, plan, &others);
    for (int phase = 0; result == ERR_OK && phase < PHASE_MASK; phase++)
        result = play_phase(h, part, &others);
    part_destroy(&part);
    others_leave(&others);
    return result;
}

/* --- what is sent
 * ------------------------------------------------------------------------- */

static void part__is_in_the_sum_and_charged_to_everybody_once(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct part *part;
    struct others others;
    struct ledger_entry entry;
    uint64_t patients, round;
    uint32_t attempt;
    double spent;
    hospital_patients(h, PATIENTS);
    assert_ok(enter(h, &plan, &part));
    others_enter(h, &plan, &others);
    for (int phase = 0; phase < PHASE_END; phase++) {
        assert_int_equal(attempt_phase(part_attempt(part)), phase);
        assert_int_equal(ledger_length(h->node->ledger), phase >= PHASE_MASK);
        assert_int_equal(hospital_entries(h, AUDIT_RELEASE), phase >= PHASE_MASK);
        assert_ok(play_phase(h, part, &others));
    }
    assert_true(attempt_succeeded(part_attempt(part)));
    assert_true(collection_succeeded(others.collection));
    const uint64_t *sum = collection_sum(others.collection);
    double square = 0;
    for (size_t i = 0; i < plan.dimension; i++) {
        double own = (double)(int64_t)(sum[i] - 7 * (HOSPITALS - 1));
        square += own * own;
    }
    /* six patients of at most norm_max, and noise of 2^20 in each number */
    double most = PATIENTS * (double)plan.norm_max + 8 * 0x1p20 * sqrt(plan.dimension);
    assert_true(sqrt(square) < most && square > 0);
    assert_int_equal(ledger_length(h->node->ledger), 1);
    assert_ok(ledger_read(h->node->ledger, 0, &entry, &patients));
    assert_int_equal(patients, PATIENTS);
    assert_near(entry.noise_multiplier, MULTIPLIER, 0);
    assert_ok(ledger_spent_most(h->node->ledger, NULL, &spent));
    assert_relative(spent, 1 / (MULTIPLIER * MULTIPLIER), 1e-12);
    assert_ok(node_exchange_last(h->node, plan.study, &round, &attempt));
    assert_int_equal(round, 1);
    assert_int_equal(attempt, 1);
    part_destroy(&part);
    others_leave(&others);
    node_study_destroy(&study);
}

/* Consent counts when the input is computed, in the step that charges for it: whoever has
 * withdrawn or was erased by then is in neither, also in an attempt entered before; later
 * is too late. */
static void part__who_has_withdrawn_by_then_is_not_in_the_sum(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    const struct consent_decision asks = {"patient", 1000, NOW};
    const char *early = HOSPITAL_PATIENT(2), *gone = HOSPITAL_PATIENT(5),
               *late = HOSPITAL_PATIENT(4);
    struct consent_erased erased;
    struct plan plan = hospital_plan(h);
    struct part *part;
    struct others others;
    struct patient *patients;
    size_t count, changed;
    hospital_patients(h, PATIENTS + 1);
    assert_ok(patients_list(h->node, &patients, &count));
    assert_ok(enter(h, &plan, &part));
    others_enter(h, &plan, &others);
    assert_ok(play_phase(h, part, &others));
    assert_ok(consent_decide(h->node, &early, 1, CONSENT_WITHDRAWN, &asks, &changed));
    assert_ok(consent_erase(h->node, gone, &asks, &erased));
    for (int phase = 1; phase < PHASE_END; phase++) {
        assert_ok(play_phase(h, part, &others));
        if (phase == PHASE_SHARE)
            assert_ok(
                consent_decide(h->node, &late, 1, CONSENT_WITHDRAWN, &asks, &changed));
    }
    assert_true(attempt_succeeded(part_attempt(part)));
    for (size_t i = 0; i < count; i++) {
        bool charged;
        assert_ok(ledger_charged(h->node->ledger, 0, patients[i].pseudonym, &charged));
        assert_int_equal(charged, strcmp(patients[i].name, early) != 0 &&
                                      strcmp(patients[i].name, gone) != 0);
    }
    patients_free(patients, count);
    part_destroy(&part);
    others_leave(&others);
    node_study_destroy(&study);
}

/* When too few are left after others withdrew, nothing is sent and nothing charged. */
static void part__stops_when_too_few_are_left(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    const struct consent_decision asks = {"patient", 1000, NOW};
    const char *people[] = {HOSPITAL_PATIENT(1), HOSPITAL_PATIENT(2)};
    struct plan plan = hospital_plan(h);
    struct part *part;
    struct others others;
    size_t changed;
    hospital_patients(h, PATIENTS);
    assert_ok(enter(h, &plan, &part));
    others_enter(h, &plan, &others);
    assert_ok(play_phase(h, part, &others));
    assert_ok(consent_decide(h->node, people, 2, CONSENT_WITHDRAWN, &asks, &changed));
    assert_refused(ERR_DENIED, "patients at least 5; here are 4",
                   play_phase(h, part, &others));
    assert_int_equal(attempt_phase(part_attempt(part)), PHASE_END);
    assert_int_equal(ledger_length(h->node->ledger), 0);
    part_destroy(&part);
    others_leave(&others);
    plan.attempt = 2;
    refuses(h, &plan, "patients at least 5; here are 4");
    node_study_destroy(&study);
}

/* Told to wait it stays where it is; asked again it says the same; refused it gives up.
 */
static void part__waits_when_told_and_gives_up_when_refused(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct part *part;
    struct node_exchange exchange;
    struct part_wait wait = {0};
    struct bytes first = {0}, again = {0}, body = {0}, answer = {0};
    struct arena *arena = arena_new(1 << 20);
    hospital_patients(h, PATIENTS);
    assert_ok(enter(h, &plan, &part));
    assert_ok(part_ask(part, &exchange, &first));
    assert_ok(
        codec_encode_waiting(&(struct waiting){1234, "three more hospitals"}, &body));
    hospital_answer(h, &first, MESSAGE_WAIT, &body, &answer);
    assert_ok(part_take(part, &exchange, &answer, &wait));
    assert_int_equal(wait.retry_after_ms, 1234);
    assert_string_equal(wait.what_for, "three more hospitals");
    assert_int_equal(attempt_phase(part_attempt(part)), PHASE_ADVERTISE);
    assert_ok(part_ask(part, &exchange, &again));
    struct envelope one = hospital_envelope(&first, arena);
    struct envelope other = hospital_envelope(&again, arena);
    assert_int_equal(one.body.size, other.body.size);
    assert_memory_equal(one.body.data, other.body.data, one.body.size);
    body.size = 0;
    assert_ok(codec_encode_refusal(&(struct refusal){REASON_ABANDONED, ""}, &body));
    hospital_answer(h, &again, MESSAGE_REFUSAL, &body, &answer);
    assert_refused(ERR_STATE, reason_sentence(REASON_ABANDONED),
                   part_take(part, &exchange, &answer, &wait));
    assert_int_equal(attempt_phase(part_attempt(part)), PHASE_END);
    assert_false(attempt_succeeded(part_attempt(part)));
    assert_int_equal(part_tell(part, &exchange, &first), ERR_STATE); /* it knows */
    part_destroy(&part);
    node_study_destroy(&study);
    bytes_free(&first);
    bytes_free(&again);
    bytes_free(&body);
    bytes_free(&answer);
    arena_destroy(&arena);
}

/* An attempt that ends for what the node was told: the coordinator hears why, in a
 * message of that attempt. */
static void part__tells_why_it_has_left(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct part *part;
    struct node_exchange exchange;
    struct part_wait wait;
    struct bytes frame = {0}, answer = {0},
                 nonsense = {.data = (uint8_t *)"?", .size = 1};
    struct arena *arena = arena_new(1 << 16);
    struct refusal refusal;
    hospital_patients(h, PATIENTS);
    assert_ok(enter(h, &plan, &part));
    assert_ok(part_ask(part, &exchange, &frame));
    hospital_answer(h, &frame, MESSAGE_BUNDLE, &nonsense, &answer);
    assert_int_not_equal(part_take(part, &exchange, &answer, &wait), ERR_OK);
    frame.size = 0;
    assert_ok(part_tell(part, &exchange, &frame));
    struct envelope said = hospital_envelope(&frame, arena);
    assert_int_equal(said.kind, MESSAGE_REFUSAL);
    assert_memory_equal(said.study, plan.study, STUDY_BYTES);
    assert_int_equal(said.round, plan.round);
    assert_int_equal(said.attempt, plan.attempt);
    assert_ok(codec_decode_refusal(said.body, arena, &refusal));
    assert_int_equal(refusal.reason, REASON_MALFORMED);
    assert_string_equal(refusal.detail, "");
    arena_destroy(&arena);
    bytes_free(&frame);
    bytes_free(&answer);
    part_destroy(&part);
    node_study_destroy(&study);
}

/* Have a plan signed by `by` refused; what is told of it to the coordinator. */
static enum reason declined(struct hospital *h, const struct identity *by,
                            const struct plan *plan)
{
    struct bytes bytes = {0}, frame = {0};
    uint8_t hash[HASH_BYTES];
    struct part *part;
    struct part_refusal refusal = {0};
    struct node_exchange exchange;
    struct refusal told = {REASON_NONE, ""};
    struct arena *arena = arena_new(1 << 16);
    assert_ok(plan_sign(by, plan, &bytes, hash));
    assert_int_not_equal(part_new(h->node, &h->clock, h->c->terms.study,
                                  codec_view(&bytes), NULL, &part, &refusal),
                         ERR_OK);
    enum err result =
        part_decline(h->node, h->c->terms.study, &refusal, &exchange, &frame);
    assert_int_equal(result, refusal.reason == REASON_NONE ? ERR_STATE : ERR_OK);
    if (result == ERR_OK) {
        struct envelope said = hospital_envelope(&frame, arena);
        assert_int_equal(said.kind, MESSAGE_REFUSAL);
        assert_memory_equal(said.study, h->c->terms.study, STUDY_BYTES);
        assert_int_equal(said.round, plan->round);
        assert_int_equal(said.attempt, plan->attempt);
        assert_ok(codec_decode_refusal(said.body, arena, &told));
        assert_string_equal(told.detail, ""); /* the reason's number, and nothing else */
    }
    assert_int_equal(told.reason, refusal.reason);
    arena_destroy(&arena);
    bytes_free(&bytes);
    bytes_free(&frame);
    return refusal.reason;
}

/* A plan that is not entered: the coordinator hears which reason of the closed list it
 * is, for the attempt of that plan, and nothing of what another may have signed. */
static void part__tells_why_it_does_not_enter(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    const struct identity *by = h->c->coordinator;
    struct plan plan = hospital_plan(h);
    struct others others;
    struct part *part;
    uint8_t head[HASH_BYTES] = "invented";
    hospital_patients(h, PATIENTS);
    assert_int_equal(declined(h, h->c->hospitals[1], &plan), REASON_NONE);
    plan.deadline = NOW;
    assert_int_equal(declined(h, by, &plan), REASON_LATE);
    plan = hospital_plan(h);
    plan.step *= 2;
    assert_int_equal(declined(h, by, &plan), REASON_WRONG_TERMS);
    plan = hospital_plan(h);
    hospital_policy_line(h, "hospitals_min", "1000");
    assert_int_equal(declined(h, by, &plan), REASON_POLICY);
    hospital_policy_line(h, "patients_min", "7");
    assert_int_equal(declined(h, by, &plan), REASON_POLICY);
    hospital_policy_line(h, "period_epsilon_max", "0.001");
    assert_int_equal(declined(h, by, &plan), REASON_BUDGET);
    hospital_policy(h, NULL);
    assert_ok(enter(h, &plan, &part)); /* as it is */
    assert_int_equal(declined(h, by, &plan), REASON_STALE_ATTEMPT);
    others_enter(h, &plan, &others);
    for (enum phase phase = 0; phase < PHASE_UNMASK; phase++)
        assert_ok(play_phase(h, part, &others));
    part_destroy(&part);
    others_leave(&others);
    plan.attempt = 2; /* a sum of all five may be out, and this one of four could */
    assert_int_equal(declined(h, by, &plan), REASON_DIFFERENCE);
    h->now += 1000000000;
    plan.deadline = h->now + 1;
    assert_int_equal(declined(h, by, &plan), REASON_POLICY_EXPIRED);
    h->now = NOW;
    assert_ok(newest_keep(h->node, 9, head));
    assert_int_equal(declined(h, by, &plan), REASON_LEDGER_BEHIND);
    node_study_destroy(&study);
}

/* The link that publishes a sum names the survivors this hospital confirmed, or the
 * coordinator made another sum. */
static void part__knows_a_link_over_other_survivors(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct part *part;
    struct others others;
    bool fresh, contradicted;
    hospital_patients(h, PATIENTS);
    assert_ok(enter(h, &plan, &part));
    others_enter(h, &plan, &others);
    for (int phase = 0; phase < PHASE_END; phase++)
        assert_ok(play_phase(h, part, &others));
    for (int right = 0; right < 2; right++) {
        struct bytes link = {0};
        uint8_t hash[HASH_BYTES];
        struct chain_link fields = {.round = 1, .contributions = HOSPITALS};
        memcpy(fields.study, plan.study, STUDY_BYTES);
        memcpy(fields.previous, h->c->terms_hash, HASH_BYTES);
        memcpy(fields.plan, attempt_context(part_attempt(part)), HASH_BYTES);
        memcpy(fields.survivors, attempt_survivors(part_attempt(part)), HASH_BYTES);
        fields.survivors[0] ^= !right;
        fields.prior = codec_view(&h->prior_bytes);
        assert_ok(chain_sign(h->c->coordinator, &fields, &link, hash));
        enum err result =
            node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted);
        assert_int_equal(result == ERR_OK, right);
        assert_int_equal(fresh, right);
        assert_int_equal(contradicted, !right);
        bytes_free(&link);
    }
    part_destroy(&part);
    others_leave(&others);
    node_study_destroy(&study);
}

/* The ledger that was charged is countersigned, or the attempt does not count as done. */
static void part__believes_only_a_receipt_of_its_own_ledger(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct node_exchange exchange;
    struct part_wait wait;
    struct bytes frame = {0}, body = {0}, answer = {0};
    hospital_patients(h, PATIENTS);
    /* All of whom stay: after each end the same sum may be asked for. */
    plan.survivors = HOSPITALS;
    assert_ok(noise_step(MULTIPLIER / noise_pooled(plan_shares(&plan)), &plan.step));
    for (int wrong = 0; wrong < 4; wrong++) {
        struct part *part;
        struct others others;
        struct receipt receipt = {0};
        plan.attempt = (uint32_t)wrong + 1;
        assert_ok(enter(h, &plan, &part));
        others_enter(h, &plan, &others);
        for (int phase = 0; phase < PHASE_UNMASK; phase++)
            assert_ok(play_phase(h, part, &others));
        frame.size = 0, body.size = 0;
        assert_ok(part_ask(part, &exchange, &frame));
        memcpy(receipt.plan, attempt_context(part_attempt(part)), HASH_BYTES);
        receipt.ledger_length = ledger_length(h->node->ledger) + (wrong == 1);
        ledger_head(h->node->ledger, receipt.ledger_head);
        receipt.ledger_head[0] ^= wrong == 2;
        receipt.plan[0] ^= wrong == 3;
        assert_ok(codec_encode_receipt(&receipt, &body));
        hospital_answer(h, &frame, MESSAGE_RECEIPT, &body, &answer);
        enum err result = part_take(part, &exchange, &answer, &wait);
        assert_int_equal(result == ERR_OK, wrong == 0);
        assert_int_equal(attempt_succeeded(part_attempt(part)), wrong == 0);
        part_destroy(&part);
        others_leave(&others);
    }
    bytes_free(&frame);
    bytes_free(&body);
    bytes_free(&answer);
    node_study_destroy(&study);
}

/* --- what is not, docs/protocol.md section 5, "Plan"
 * --------------------------------------- */

/* A roster of version 2 in use: without the last member, with the one before expired. */
static void take_second_roster(struct hospital *h)
{
    struct bytes bytes = {0};
    struct roster *replaced;
    struct roster_fields fields = h->c->fields;
    fields.version = 2;
    memcpy(fields.previous, roster_hash(h->c->roster), HASH_BYTES);
    h->c->members[HOSPITALS - 2].valid_to = NOW;
    fields.members.count = HOSPITALS - 1;
    assert_ok(roster_sign(h->c->governance, &fields, &bytes));
    assert_ok(node_roster(h->node, codec_view(&bytes), &replaced));
    roster_destroy(&replaced);
    bytes_free(&bytes);
}

static void part__refuses_a_plan_at_every_step(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    const struct plan good = hospital_plan(h);
    struct plan plan = good;
    struct keys strangers;
    uint8_t keys[HOSPITALS * KEY_BYTES];
    hospital_patients(h, PATIENTS);
#define WRONG(change, reason)                                                            \
    change;                                                                              \
    refuses(h, &plan, reason_sentence(REASON_##reason));                                 \
    plan = good
    WRONG(plan.study[0] ^= 1, UNKNOWN_STUDY);
    WRONG(plan.terms[0] ^= 1, WRONG_TERMS);
    WRONG(plan.roster[0] ^= 1, STALE_ROSTER);
    WRONG(plan.round = 4, WRONG_ROUND); /* the study has three */
    WRONG(plan.deadline = NOW, LATE);
    WRONG(plan.round = 2, WRONG_ROUND); /* no link yet */
    WRONG(plan.chain_head[0] ^= 1, WRONG_CHAIN);
    WRONG(plan.survivors = 2, WRONG_TERMS);
    WRONG(plan.survivors = 3, WEAK_PLAN);
    WRONG(plan.quorum = 3, WEAK_PLAN);
    WRONG(plan.threshold = 1, WEAK_PLAN);
    WRONG(plan.degree = 3, WEAK_PLAN);
    memcpy(keys, h->c->keys, sizeof keys);
    keys[sizeof keys - 1] ^= 1;
    strangers = (struct keys){keys, HOSPITALS};
    WRONG(plan.participants = strangers, WRONG_TERMS);
    strangers = (struct keys){h->c->keys + KEY_BYTES, HOSPITALS - 1};
    WRONG(plan.participants = strangers, NOT_PARTICIPANT);
    WRONG(plan.dimension++, WRONG_LENGTH);
    WRONG(plan.norm_max++, WRONG_TERMS);
    WRONG(plan.noise_multiplier = nextafter(MULTIPLIER, 0), WRONG_TERMS);
    WRONG(plan.noise_log2--, WRONG_TERMS);
    WRONG(plan.noise_multiplier *= 2, WRONG_TERMS); /* true only with half the norm */
#undef WRONG
    plan.step *= 2;
    refuses(h, &plan, "the plan's step does not follow from its noise");
    plan = good;
    take_second_roster(h);
    memcpy(plan.roster, roster_hash(h->node->consortium.roster), HASH_BYTES);
    refuses(h, &plan, reason_sentence(REASON_EXPIRED));
    h->now = NOW - 1;
    refuses(h, &plan, reason_sentence(REASON_NOT_IN_ROSTER));
    assert_int_equal(hospital_entries(h, AUDIT_REFUSAL), 22); /* one for each of these */
    plan.participants.count = HOSPITALS - 1; /* and without the one who left, yes */
    plan.degree = HOSPITALS - 2;
    struct part *part;
    assert_ok(enter(h, &plan, &part));
    part_destroy(&part);
    node_study_destroy(&study);
}

static void part__never_enters_an_attempt_twice(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes link = {0};
    struct part *part;
    uint8_t head[HASH_BYTES];
    bool fresh, contradicted;
    hospital_patients(h, PATIENTS);
    plan.attempt = 2;
    assert_ok(enter(h, &plan, &part));
    part_destroy(&part);
    for (int restarted = 0; restarted < 2; restarted++) {
        refuses(h, &plan, reason_sentence(REASON_STALE_ATTEMPT));
        plan.deadline++; /* another plan for an attempt that was entered, or an older one
                          */
        refuses(h, &plan, reason_sentence(REASON_STALE_ATTEMPT));
        plan.attempt = 1;
        refuses(h, &plan, reason_sentence(REASON_STALE_ATTEMPT));
        plan.attempt = 2;
        node_study_destroy(&study);
        hospital_restart(h);
        study = hospital_opened(h);
    }
    plan.attempt = 3;
    assert_ok(charge(h, &plan));
    plan.attempt = 4; /* a second charge */
    assert_ok(charge(h, &plan));
    assert_int_equal(ledger_length(h->node->ledger), 2);
    hospital_link(h, 1, h->c->terms_hash, 0.5, &link, head);
    assert_ok(
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));
    memcpy(plan.chain_head, head, HASH_BYTES);
    plan.round = 2;
    plan.attempt = 1;
    assert_ok(enter(h, &plan, &part));
    part_destroy(&part);
    plan.round = 1;
    plan.attempt = 5;
    refuses(h, &plan, reason_sentence(REASON_WRONG_ROUND));
    node_study_destroy(&study);
    bytes_free(&link);
}

static void part__believes_only_the_coordinators_plan(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes bytes = {0};
    struct part *part;
    uint8_t hash[HASH_BYTES];
    hospital_patients(h, PATIENTS);
    assert_ok(plan_sign(h->c->governance, &plan, &bytes, hash));
    assert_refused(
        ERR_VERIFY, "",
        part_new(h->node, &h->clock, plan.study, codec_view(&bytes), NULL, &part, NULL));
    bytes.size /= 2;
    assert_refused(
        ERR_FORMAT, "",
        part_new(h->node, &h->clock, plan.study, codec_view(&bytes), NULL, &part, NULL));
    assert_int_equal(attempts_entered(h), 0);
    node_study_destroy(&study);
    bytes_free(&bytes);
}

static void part__the_hospital_decides(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    node_study_destroy(&study);
    plan.noise_log2++;
    refuses(h, &plan, "noise_log2 is 21; this node draws 20");
    plan.noise_log2--;
    assert_ok(node_studies_decide(h->node, h->c->terms.study, STUDY_DECLINED, NOW));
    refuses(h, &plan, "not approved");
    assert_ok(node_studies_decide(h->node, h->c->terms.study, STUDY_APPROVED, NOW));
    hospital_patients(h, 4);
    refuses(h, &plan, "patients at least 5; here are 4");
    const struct officers_line colluders[] = {
        {"patients_min", "1"}, {"colluders_min", "2"}, {NULL, NULL}};
    hospital_policy(h, colluders);
    refuses(h, &plan,
            "colluding hospitals allowed for at least 2; the study allows for 1");
    const struct officers_line survivors[] = {
        {"patients_min", "1"}, {"survivors_min", "4"}, {NULL, NULL}};
    hospital_policy(h, survivors);
    refuses(h, &plan, "hospitals in every sum at least 4; the study allows 3");
    assert_ok(node_studies_distrust(h->node, h->c->terms.study, "two tongues", NOW));
    refuses(h, &plan, "not approved");
}

/* Every message of a round has the size that was shown before. */
static void part__sends_what_the_preview_showed(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct preview preview;
    struct part *part;
    struct others others;
    struct node_exchange exchange;
    struct bytes frame = {0};
    hospital_patients(h, PATIENTS);
    const struct crowd_progress silent = {0};
    assert_ok(preview_make(h->node, study, &h->clock, &silent, &preview));
    assert_int_equal(preview.plan.norm_max, plan.norm_max);
    assert_true(preview.plan.step == plan.step);
    assert_ok(node_exchange_ask(h->node, &exchange, study, &frame));
    assert_int_equal(preview.messages[0].size, frame.size);
    assert_ok(enter(h, &plan, &part));
    others_enter(h, &plan, &others);
    for (int phase = 0; phase < PHASE_END; phase++) {
        frame.size = 0;
        assert_ok(part_ask(part, &exchange, &frame));
        if (preview.messages[1 + phase].size != frame.size)
            fail_msg("%s: %zu bytes, %zu were shown", preview.messages[1 + phase].name,
                     frame.size, preview.messages[1 + phase].size);
        assert_ok(play_phase(h, part, &others));
    }
    bytes_free(&frame);
    part_destroy(&part);
    others_leave(&others);
    node_study_destroy(&study);
}

/* Attempt after attempt until the budget is spent: as many as the accountant says. */
static void part__stops_when_the_budget_is_spent(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct discretisation one, all = {0};
    uint32_t expected = 0;
    double mu;
    assert_ok(accountant_discretisation(plan.dimension, NOISE_LOG2, 1, &one));
    do {
        expected++;
        all.epsilon += one.epsilon;
        all.log_delta += one.log_delta;
        assert_ok(accountant_mu_within(1, 1e-6, &all, &mu));
    } while (expected / (MULTIPLIER * MULTIPLIER) <= mu * mu);
    hospital_patients(h, PATIENTS);
    node_study_destroy(&study);
    hospital_policy_line(h, "attempts_max", "4");
    for (plan.attempt = 1; plan.attempt < 5; plan.attempt++)
        assert_ok(charge(h, &plan));
    refuses(h, &plan,
            "attempts at a round at most 4; patients paid for round 1 so often: 4");
    hospital_policy_line(h, "attempts_max", "100");
    study = hospital_opened(h);
    for (; plan.attempt < expected; plan.attempt++)
        assert_ok(charge(h, &plan));
    refuses(h, &plan, "the privacy budget is spent: 0 of 6 patients");
    assert_in_range(expected, 5, 20);
    node_study_destroy(&study);
}

/* --- killed between any two writes
 * ---------------------------------------------------------- */

/* In a process of its own: open the home, take part, send the masked input through the
 * pipe and die at once, as if the power failed the moment it was on its way. `at`: the
 * call that changes a file at which the process is killed before. */
static void take_part_and_die(struct hospital *h, const struct plan *plan, int at,
                              int told)
{
    struct part *part;
    struct others others;
    struct node_exchange exchange;
    struct bytes frame = {0};
    hospital_restart(h);
    others_enter(h, plan, &others);
    fault_arm(FAULT_ANY, at, at % 2 ? FAULT_KILL_HALF : FAULT_KILL);
    enum err result = enter(h, plan, &part);
    for (int phase = 0; result == ERR_OK && phase < PHASE_MASK; phase++)
        result = play_phase(h, part, &others);
    if (result != ERR_OK || part_ask(part, &exchange, &frame) != ERR_OK)
        _exit(1);
    fault_disarm();
    for (size_t sent = 0; sent < frame.size;) {
        ssize_t some = write(told, frame.data + sent, frame.size - sent);
        if (some < 0)
            _exit(2);
        sent += (size_t)some;
    }
    kill(getpid(), SIGKILL);
}

/* Whether the process got as far as sending. */
static bool die_at(struct hospital *h, const struct plan *plan, int at)
{
    int told[2], status;
    uint8_t some[4096];
    size_t sent = 0;
    node_destroy(&h->node);
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(told[0]);
        take_part_and_die(h, plan, at, told[1]);
    }
    close(told[1]);
    for (ssize_t size; (size = read(told[0], some, sizeof some)) > 0;)
        sent += (size_t)size;
    close(told[0]);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_ok(node_open(h->folder, &h->node));
    return sent > 0;
}

/* Nothing leaves that was not charged before, whenever the process dies; and an attempt
 * that was entered is never entered again. */
static void part__leaves_only_when_the_charge_is_on_the_disk(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    size_t unsent_but_charged = 0, entered_unpaid = 0;
    bool done = false;
    hospital_patients(h, PATIENTS);
    node_study_destroy(&study);
    for (int at = 0; !done; at++) {
        uint64_t before = ledger_length(h->node->ledger);
        size_t entered = attempts_entered(h);
        done = die_at(h, &plan, at);
        uint64_t after = ledger_length(h->node->ledger);
        assert_in_range(after - before, 0, 1);
        if (done)
            assert_int_equal(after, before + 1);
        if (after > before)
            assert_int_equal(attempts_entered(h), entered + 1);
        unsent_but_charged += !done && after > before;
        if (attempts_entered(h) > entered) {
            entered_unpaid += after == before;
            refuses(h, &plan, reason_sentence(REASON_STALE_ATTEMPT));
            plan.attempt++; /* of another attempt, then */
        }
        assert_true(at < 200);
    }
    assert_true(entered_unpaid > 0);
    assert_true(unsent_but_charged > 0); /* the moment between commit and sending, too */
}

/* A disk that does not sync: nothing to send, and another attempt can be entered. */
static void part__a_failed_sync_sends_nothing(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct part *part;
    struct others others;
    hospital_patients(h, PATIENTS);
    node_study_destroy(&study);
    hospital_restart(h);
    fault_arm(FAULT_SYNC, 0, EIO);
    assert_refused(ERR_STORAGE, "", enter(h, &plan, &part));
    fault_disarm();
    hospital_restart(h);
    plan.attempt = 2;
    assert_ok(enter(h, &plan, &part));
    others_enter(h, &plan, &others);
    for (int phase = 0; phase < PHASE_SHARE; phase++)
        assert_ok(play_phase(h, part, &others));
    fault_arm(FAULT_SYNC, 0, EIO);
    assert_refused(ERR_STORAGE, "", play_phase(h, part, &others));
    fault_disarm();
    assert_int_equal(attempt_phase(part_attempt(part)), PHASE_END);
    part_destroy(&part);
    others_leave(&others);
    hospital_restart(h);
    assert_int_equal(ledger_length(h->node->ledger), 0);
    plan.attempt = 3;
    assert_ok(charge(h, &plan));
    assert_int_equal(ledger_length(h->node->ledger), 1);
}

/* What somebody has signed of a ledger of `length`, as others remind its owner of it. */
static void remember(const struct identity *signer, uint64_t length, const uint8_t *head)
{
    const uint8_t nobody[KEY_BYTES] = {0};
    struct poll poll = {.ledger_length = length};
    memcpy(poll.ledger_head, head, HASH_BYTES);
    assert_ok(heads_sign(signer, NULL, &poll));
    const struct heads heads = heads_shown(&poll, nobody);
    heads_note_write(&heads, reminder);
}

/* One honest neighbour is enough, and the coordinator cannot help it: a hospital that put
 * an older store back charges nothing, sends nothing, and enters nothing any more. */
static void part__hears_from_a_neighbour_that_its_ledger_is_old(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    const uint8_t newer[HASH_BYTES] = "of the store that was lost";
    hospital_patients(h, PATIENTS);
    remember(h->c->hospitals[0], 1, newer);
    assert_refused(ERR_VERIFY, "another hospital has seen one of 1 entries",
                   charge(h, &plan));
    assert_non_null(strstr(err_hint_text(), "put the newest store back"));
    assert_int_equal(ledger_length(h->node->ledger), 0);
    assert_int_equal(hospital_entries(h, AUDIT_RELEASE), 0);
    assert_int_equal(hospital_entries(h, AUDIT_REFUSAL), 1);
    memset(reminder, 0, sizeof reminder);
    hospital_restart(h); /* it does not forget */
    plan.attempt = 2;
    refuses(h, &plan, "another hospital has seen one of 1 entries");
    struct json *alarms = node_serve_alarms(h->node);
    assert_int_equal(json_count(alarms), 1);
    json_destroy(&alarms);
    node_study_destroy(&study);
}

/* What is on the chain, or was signed by somebody else, stops nobody. */
static void part__heeds_no_reminder_but_its_own(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    uint8_t head[HASH_BYTES] = "invented";
    hospital_patients(h, PATIENTS);
    remember(h->c->hospitals[2], 9, head);
    assert_ok(charge(h, &plan));
    remember(h->c->hospitals[0], 9, head);
    reminder[0]++; /* another length than was signed */
    plan.attempt = 2;
    assert_ok(charge(h, &plan));
    assert_ok(ledger_head_at(h->node->ledger, 1, head));
    remember(h->c->hospitals[0], 1, head);
    plan.attempt = 3;
    assert_ok(charge(h, &plan));
    assert_int_equal(ledger_length(h->node->ledger), 3);
    memset(reminder, 0, sizeof reminder);
    node_study_destroy(&study);
}

/* --- what is logged
 * ----------------------------------------------------------------------- */

/* Patients whose every field is found nowhere else: one as ever, one at her bounds, one
 * far beyond them. */
static void import_marked(struct hospital *h)
{
    static const char table[] = "ID,TIME,SBP,AGE\n"
                                "marked1Qx7,0,131.41592,61.803398875\n"
                                "marked2Qx7,1234.5678,131.41592,61.803398875\n"
                                "marked3Qx7,0,1e-9,61803.398875\n";
    struct dataset *dataset;
    struct patients_import report;
    const uint8_t hash[HASH_BYTES] = {7};
    char *path = scratch_path(h->directory, "marked.csv");
    assert_ok(file_write(path, table, sizeof table - 1, 0600));
    assert_ok(dataset_read(path, NULL, h->model, &dataset));
    assert_ok(patients_import(h->node, dataset, "marked.csv", hash, NOW, false, NULL,
                              NULL, &report));
    assert_int_equal(report.patients_new, 3);
    dataset_destroy(&dataset);
    free(path);
}

static const char *mark_in(const char *text)
{
    static const char *const marks[] = {"Qx7", "131.41", "61.80", "1234.567"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strstr(text, marks[i]))
            return marks[i];
    return NULL;
}

/* Everything an attempt logs, down to the last detail, and every error on its way as the
 * daemon logs it: nothing in it is a patient's. */
static void part__logs_nothing_of_a_patient(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    const struct consent_decision asks = {"patient", 1000, NOW};
    const char *people[] = {"marked1Qx7", "marked2Qx7"}, *nobody[] = {"marked4Qx7"};
    struct plan plan = hospital_plan(h);
    size_t size = 0, changed;
    char *text = NULL;
    FILE *stream = open_memstream(&text, &size);
    log_setup(stream, LOG_LEVEL_DEBUG, &h->clock);
    import_marked(h);
    hospital_patients(h, 3);
    log_event(LOG_LEVEL_INFO, "it", "is=heard");
    assert_ok(charge(h, &plan));
    plan.attempt = 2;
    assert_ok(consent_decide(h->node, people, 2, CONSENT_WITHDRAWN, &asks, &changed));
    assert_int_not_equal(charge(h, &plan), ERR_OK); /* patients at least 5; here are 4 */
    log_error(LOG_LEVEL_ERROR, "refused");
    assert_int_not_equal(
        consent_decide(h->node, nobody, 1, CONSENT_WITHDRAWN, &asks, &changed), ERR_OK);
    log_setup(stderr, LOG_LEVEL_INFO, &clock_machine);
    fclose(stream);
    assert_non_null(strstr(text, "is=heard"));
    assert_non_null(strstr(text, "here are 4"));
    if (mark_in(text))
        fail_msg("%s stands in the log", mark_in(text)); /* and not in the suite's */
    assert_non_null(mark_in("patient=marked2Qx7"));
    free(text);
    node_study_destroy(&study);
}

/* A clock that leaps by this between two looks, as if there were work between them. */
static uint64_t leap_ms;

static uint64_t leaping(void *context)
{
    static uint64_t now;
    (void)context;
    return now += leap_ms;
}

static size_t alarms_with(struct hospital *h, const char *words)
{
    struct json *alarms = node_serve_alarms(h->node);
    size_t count = 0;
    for (size_t i = 0; i < json_count(alarms); i++)
        count += strstr(json_as_text(json_at(alarms, i)), words) != NULL;
    json_destroy(&alarms);
    return count;
}

/* For as long as it does, over restarts, until a sum fits; and it is sent all the same.
 */
static void part__computing_longer_than_a_slot_is_an_alarm(void **state)
{
    struct hospital *h = *state;
    struct plan plan = hospital_plan(h);
    struct node_study *study = hospital_approved(h);
    const uint64_t slot_ms = 1000 * (uint64_t)conf_integer(h->node->conf, "slot_seconds");
    const uint64_t leaps[] = {slot_ms, slot_ms + 1, 3 * slot_ms, 1, 2 * slot_ms};
    const size_t alarms[] = {0, 1, 1, 0, 1};
    node_study_destroy(&study);
    hospital_patients(h, PATIENTS);
    h->clock.steady_ms = leaping;
    for (size_t i = 0; i < 5; i++) {
        leap_ms = leaps[i];
        assert_ok(charge(h, &plan));
        plan.attempt++;
        assert_int_equal(
            alarms_with(h, "sum of pressure takes longer than a slot of 10 s"),
            alarms[i]);
        hospital_restart(h);
        assert_int_equal(alarms_with(h, "longer than a slot"), alarms[i]);
    }
}

static void part__a_sum_that_came_too_late_is_an_alarm(void **state)
{
    struct hospital *h = *state;
    assert_ok(node_pace_answered(h->node, "pressure", false));
    assert_int_equal(alarms_with(h, ""), 0);
    assert_ok(node_pace_answered(h->node, "pressure", true));
    assert_int_equal(alarms_with(h, "sum of pressure came when the coordinator had"), 1);
    assert_ok(node_pace_computed(h->node, "pressure", 10001));
    assert_int_equal(alarms_with(h, ""), 2);
    hospital_restart(h);
    assert_ok(node_pace_answered(h->node, "pressure", false));
    assert_int_equal(alarms_with(h, ""), 1);
}

static void part__leaves_at_slots_of_the_clock(void **state)
{
    (void)state;
    for (uint64_t slot = 1; slot < 100; slot++)
        for (uint64_t wall = NOW; wall < NOW + 250; wall++) {
            uint64_t due = part_slot(wall, slot);
            assert_int_equal(due % slot, 0);
            assert_true(due > wall && due - wall <= slot);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(part__leaves_at_slots_of_the_clock),
        IN_HOSPITAL(part__is_in_the_sum_and_charged_to_everybody_once),
        IN_HOSPITAL(part__who_has_withdrawn_by_then_is_not_in_the_sum),
        IN_HOSPITAL(part__stops_when_too_few_are_left),
        IN_HOSPITAL(part__waits_when_told_and_gives_up_when_refused),
        IN_HOSPITAL(part__tells_why_it_has_left),
        IN_HOSPITAL(part__tells_why_it_does_not_enter),
        IN_HOSPITAL(part__logs_nothing_of_a_patient),
        IN_HOSPITAL(part__knows_a_link_over_other_survivors),
        IN_HOSPITAL(part__believes_only_a_receipt_of_its_own_ledger),
        IN_HOSPITAL(part__refuses_a_plan_at_every_step),
        IN_HOSPITAL(part__never_enters_an_attempt_twice),
        IN_HOSPITAL(part__believes_only_the_coordinators_plan),
        IN_HOSPITAL(part__the_hospital_decides),
        IN_HOSPITAL(part__sends_what_the_preview_showed),
        IN_HOSPITAL(part__stops_when_the_budget_is_spent),
        IN_HOSPITAL(part__leaves_only_when_the_charge_is_on_the_disk),
        IN_HOSPITAL(part__a_failed_sync_sends_nothing),
        IN_HOSPITAL(part__hears_from_a_neighbour_that_its_ledger_is_old),
        IN_HOSPITAL(part__heeds_no_reminder_but_its_own),
        IN_HOSPITAL(part__computing_longer_than_a_slot_is_an_alarm),
        IN_HOSPITAL(part__a_sum_that_came_too_late_is_an_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
