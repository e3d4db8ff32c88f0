#include "check.h"
#include "centre.h"

#include "fault.h"

/* --- one after the other
 * ------------------------------------------------------------------------ */

static void attempts__of_a_round_are_counted_from_one(void **state)
{
    struct centre *s = *state;
    uint32_t attempt;
    centre_study(s);
    assert_ok(attempts_next(s->coordinator, s->number, 1, &attempt));
    assert_int_equal(attempt, 1);
    centre_join(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    centre_restart(s);
    assert_ok(attempts_next(s->coordinator, s->number, 1, &attempt));
    assert_int_equal(attempt, 2);
    assert_ok(attempts_next(s->coordinator, s->number, 2, &attempt));
    assert_int_equal(attempt, 1);
    assert_ok(store_execute(s->coordinator->store, "UPDATE attempts SET attempt = 1000"));
    assert_refused(ERR_STATE, "round 1 has had 1000 attempts",
                   attempts_next(s->coordinator, s->number, 1, &attempt));
}

/* --- from the store
 * ----------------------------------------------------------------------------- */

static void attempts__come_back_as_they_were(void **state)
{
    struct centre *s = *state;
    struct coord_attempt *attempt, *again;
    struct bytes plan = {0};
    uint8_t context[HASH_BYTES];
    centre_study(s);
    assert_refused(ERR_NOT_FOUND, "no attempt is in progress",
                   attempts_find(s->coordinator, &s->clock, s->number, &attempt));
    centre_join(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    centre_phase(s, HOSPITALS);
    centre_speak(s, 2);
    assert_ok(attempts_find(s->coordinator, &s->clock, s->number, &attempt));
    struct view signed_plan = collection_signed_plan(attempt->collection);
    bytes_append(&plan, signed_plan.data, signed_plan.size);
    memcpy(context, collection_context(attempt->collection), HASH_BYTES);
    assert_ok(attempts_find(s->coordinator, &s->clock, s->number, &again));
    assert_ptr_equal(attempt, again); /* not read twice */
    centre_restart(s);
    s->steady_ms = 12345;
    assert_ok(attempts_find(s->coordinator, &s->clock, s->number, &attempt));
    assert_true(attempt->open);
    assert_memory_equal(attempt->study, s->number, STUDY_BYTES);
    assert_int_equal(attempt->phase_since_ms, 12345); /* time begins anew */
    assert_true(codec_is(collection_signed_plan(attempt->collection), &plan));
    assert_memory_equal(collection_context(attempt->collection), context, HASH_BYTES);
    assert_int_equal(collection_phase(attempt->collection), PHASE_SHARE);
    assert_int_equal(collection_received(attempt->collection), 2);
    bytes_free(&plan);
}

/* What is in the store is believed no more than what came by the wire. */
static void attempts__whose_messages_were_damaged_do_not_come_back(void **state)
{
    static const char *const damages[][2] = {
        {"UPDATE collected SET body = x'00' WHERE phase = 0 AND place = 3",
         "a kept message"},
        {"UPDATE collected SET place = 2 WHERE phase = 0 AND place = 3",
         "a kept message"},
        {"UPDATE collected SET place = 5 WHERE phase = 0 AND place = 3",
         "of nobody in the plan"},
        {"UPDATE collected SET place = -2 WHERE phase = 0 AND place = 3",
         "of nobody in the plan"},
        {"UPDATE collected SET phase = 5 WHERE phase = 0 AND place = 3",
         "of nobody in the plan"},
        {"UPDATE collected SET phase = -1 WHERE phase = 0 AND place = 3",
         "of nobody in the plan"},
        {"UPDATE collected SET phase = 1 WHERE place = -1",
         "phases were not closed in order"},
        {"DELETE FROM collected WHERE place = -1", "the attempt is in another phase"},
        {"UPDATE attempts SET plan = x'00'", ""},
    };
    struct centre *s = *state;
    struct coord_attempt *attempt;
    centre_opened(s);
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    centre_phase(s, HOSPITALS);
    centre_speak(s, 1);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        centre_restart(s);
        assert_ok(store_begin(s->coordinator->store));
        assert_ok(store_execute(s->coordinator->store, damages[i][0]));
        for (int again = 0; again < 2; again++) { /* half of one is not kept either */
            enum err err = attempts_find(s->coordinator, &s->clock, s->number, &attempt);
            assert_int_not_equal(err, ERR_OK);
            assert_int_not_equal(err, ERR_NOT_FOUND);
            assert_non_null(strstr(err_text(), damages[i][1]));
            assert_null(s->coordinator->attempts);
        }
        store_rollback(s->coordinator->store);
    }
    assert_ok(attempts_find(s->coordinator, &s->clock, s->number, &attempt));
    assert_int_equal(collection_received(attempt->collection), 1);
}

/* --- the end
 * ------------------------------------------------------------------------------------ */

/* A second study with an attempt of its own, beside the first one's. */
static void open_another(struct centre *s, uint8_t first[STUDY_BYTES])
{
    struct coord_study_request request = centre_request(s);
    memcpy(first, s->number, STUDY_BYTES);
    request.name = "another";
    assert_ok(coord_studies_create(s->coordinator, &request, s->now, s->number));
    centre_join(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
}

static void attempts__of_two_studies_are_apart(void **state)
{
    struct centre *s = *state;
    struct coord_attempt *one, *other;
    struct said said = {0};
    uint8_t first[STUDY_BYTES];
    centre_opened(s);
    for (size_t i = 0; i < 3; i++)
        centre_enter(s, i);
    centre_speak(s, 3);
    open_another(s, first);
    centre_enter(s, 0);
    centre_speak(s, 1);
    for (int restarted = 0; restarted < 2; restarted++) {
        assert_ok(attempts_find(s->coordinator, &s->clock, first, &one));
        assert_ok(attempts_find(s->coordinator, &s->clock, s->number, &other));
        assert_int_equal(collection_received(one->collection), 3);
        assert_int_equal(collection_received(other->collection), 1);
        centre_restart(s);
    }
    struct envelope message =
        centre_message(s, 0); /* of one study, said to be the other's */
    memcpy(message.study, first, STUDY_BYTES);
    centre_send(s, 0, &message, &said);
    assert_int_equal(said.reason, REASON_ANSWERED);
    message = centre_message(s, 1);
    centre_send(s, 1, &message, &said);
    assert_int_equal(said.reason, REASON_WRONG_PLAN);
    said_clear(&said);
}

/* Its messages are deleted, and nobody else's; who has not heard can still be told, in
 * this process. */
static void attempts__that_have_ended_are_forgotten(void **state)
{
    struct centre *s = *state;
    struct coord_attempt *attempt, *again;
    uint8_t first[STUDY_BYTES];
    centre_opened(s);
    for (size_t i = 0; i < 3; i++)
        centre_enter(s, i);
    centre_speak(s, 3);
    open_another(s, first);
    centre_enter(s, 0);
    centre_speak(s, 1);
    assert_int_equal(centre_count(s, "SELECT count(*) FROM collected"), 4);
    assert_ok(attempts_find(s->coordinator, &s->clock, first, &attempt));
    assert_ok(attempts_end(attempt, "abandoned"));
    assert_int_equal(centre_count(s, "SELECT count(*) FROM collected"), 1);
    assert_int_equal(
        centre_count(s, "SELECT count(*) FROM attempts WHERE state = 'abandoned'"), 1);
    assert_int_equal(
        centre_count(s, "SELECT count(*) FROM attempts WHERE state = 'open'"), 1);
    assert_ok(attempts_find(s->coordinator, &s->clock, first, &again));
    assert_ptr_equal(attempt, again);
    centre_restart(s);
    assert_refused(ERR_NOT_FOUND, "no attempt is in progress",
                   attempts_find(s->coordinator, &s->clock, first, &attempt));
    assert_ok(attempts_find(s->coordinator, &s->clock, s->number, &attempt));
    assert_int_equal(collection_received(attempt->collection), 1);
}

/* --- a disk that refuses
 * ------------------------------------------------------------------------ */

/* What could not be kept was not taken. After a restart it may turn out to be there after
 * all; said again it is counted once. */
static void attempts__take_nothing_that_is_not_kept(void **state)
{
    struct centre *s = *state;
    struct bytes frame = {0}, answer = {0};
    struct coord_exchange_outcome outcome;
    int failed = 0;
    enum err err;
    centre_opened(s);
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    centre_phase(s, HOSPITALS);
    struct envelope message = centre_message(s, 0); /* shares: nothing else is written */
    assert_ok(envelope_seal(s->c->hospitals[0], &message, &frame));
    do {
        size_t before = collection_received(centre_collection(s));
        fault_arm(FAULT_ANY, failed, EIO);
        err = coord_exchange_answer(s->coordinator, &s->clock, s->c->curves[0], &frame,
                                    &answer, &outcome);
        fault_disarm();
        failed += err != ERR_OK;
        if (err != ERR_OK) {
            assert_int_equal(answer.size, 0);
            assert_false(outcome.stored);
            assert_int_equal(collection_received(centre_collection(s)), before);
        }
        centre_restart(s);
        int64_t kept = centre_count(s, "SELECT count(*) FROM collected WHERE phase = 1");
        assert_true(kept <= 1);
        assert_int_equal(collection_received(centre_collection(s)), kept);
    } while (err != ERR_OK);
    assert_true(failed > 0);
    assert_int_equal(collection_received(centre_collection(s)), 1);
    bytes_free(&frame);
    bytes_free(&answer);
}

/* Nor is a plan in force that was not kept. */
static void attempts__open_when_they_are_kept(void **state)
{
    struct centre *s = *state;
    const struct coord_study *study;
    struct coord_attempt *attempt;
    enum rounds_outcome outcome;
    char told[256];
    centre_study(s);
    centre_join(s, HOSPITALS);
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    fault_arm(FAULT_ANY, 0, EIO);
    assert_int_not_equal(rounds_advance(s->coordinator, &s->clock, study, &outcome, told),
                         ERR_OK);
    fault_disarm();
    assert_null(s->coordinator->attempts);
    centre_restart(s);
    assert_refused(ERR_NOT_FOUND, "no attempt is in progress",
                   attempts_find(s->coordinator, &s->clock, s->number, &attempt));
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CENTRE(attempts__of_a_round_are_counted_from_one),
        IN_CENTRE(attempts__come_back_as_they_were),
        IN_CENTRE(attempts__whose_messages_were_damaged_do_not_come_back),
        IN_CENTRE(attempts__of_two_studies_are_apart),
        IN_CENTRE(attempts__that_have_ended_are_forgotten),
        IN_CENTRE(attempts__take_nothing_that_is_not_kept),
        IN_CENTRE(attempts__open_when_they_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
