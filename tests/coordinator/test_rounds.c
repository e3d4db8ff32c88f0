#include "check.h"
#include "centre.h"

#include <sys/wait.h>

#include "fault.h"
#include "node/contribute.h"

static char *waiting(struct centre *s)
{
    static char text[256];
    const struct coord_study *study;
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    assert_ok(rounds_waiting(s->coordinator, &s->clock, study, text));
    return text;
}

/* The chain's link of this round is the exact sum of what hospitals 0 to `count` - 1 put
 * in, and names them as they were told. */
static void assert_published(struct centre *s, uint64_t round, size_t count)
{
    struct arena *arena = codec_arena(WIRE_CHAIN_LINK_MAX);
    const struct coord_study *study;
    uint8_t sum[HASH_BYTES];
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    struct chain_link link = centre_link(s, round, arena);
    centre_sum(s, count, study->terms.dimension, sum);
    assert_memory_equal(link.sum, sum, HASH_BYTES);
    assert_int_equal(link.contributions, count);
    assert_memory_equal(link.survivors, attempt_survivors(s->hospitals[0].attempt),
                        HASH_BYTES);
    assert_memory_equal(link.plan, attempt_context(s->hospitals[0].attempt), HASH_BYTES);
    assert_int_equal(study->chain.length, round);
    assert_int_equal(centre_count(s, "SELECT count(*) FROM collected"), 0);
    arena_destroy(&arena);
}

/* --- opening
 * ------------------------------------------------------------------------------------ */

static void rounds__open_when_everybody_has_joined(void **state)
{
    struct centre *s = *state;
    centre_study(s);
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
    centre_join(s, HOSPITALS - 1);
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
    assert_string_equal(waiting(s), "4 of 5 hospitals have approved the study");
    centre_join(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    assert_string_equal(waiting(s),
                        "round 1 of 2, attempt 1, phase advertise: 0 of 5 hospitals "
                        "answered");
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
}

static void rounds__open_without_the_missing_when_patience_ends(void **state)
{
    struct centre *s = *state;
    for (size_t i = 0; i < HOSPITALS; i++)
        s->c->members[i].valid_to = NOW + 1000000;
    centre_study(s);
    centre_join(s, 2); /* fewer than hospitals_min: never */
    s->now = NOW + 604800;
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
    s->now = NOW;
    centre_join(s, 3);
    s->now = NOW + 604799;
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
    s->now = NOW + 604800;
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    const struct plan *plan = centre_plan(s);
    assert_int_equal(plan->participants.count, 3);
    assert_int_equal(plan->survivors, 3);
    assert_int_equal(plan->deadline, s->now + 86400 + 4 * 300);
    centre_play(s, 3);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_published(s, 1, 3);
}

static void rounds__a_plan_is_one_that_a_node_accepts(void **state)
{
    struct centre *s = *state;
    const struct coord_study *study;
    centre_opened(s);
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    struct plan_context context = {.terms = &study->terms,
                                   .terms_hash = study->hash,
                                   .roster = s->coordinator->roster,
                                   .chain_head = study->chain.head,
                                   .own_key = s->c->keys,
                                   .now = s->now};
    assert_int_equal(plan_check(centre_plan(s), &context), REASON_NONE);
}

/* What hospitals without patients add, all of them together but for as many as may collude:
 * exactly the noise of the plan's multiplier, against what one patient can move. Noise of
 * that size from each, as if it were alone, would drown the sum. */
static void rounds__noise_is_sized_for_all_who_stay(void **state)
{
    struct centre *s = *state;
    enum { DRAWS = 4000 };
    const struct coord_study *study;
    centre_opened(s);
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    const struct plan *plan = centre_plan(s);
    const struct contribute_task task = {.model = s->model,
                                         .layout = &study->layout,
                                         .prior = study->prior,
                                         .step = plan->step,
                                         .norm_max = plan->norm_max,
                                         .random = s->hospitals[0].random,
                                         .threads = 1};
    uint64_t *sum = mem_new(plan->dimension, sizeof *sum);
    double squares = 0, count = (double)DRAWS * plan->dimension;
    for (size_t draw = 0; draw < DRAWS; draw++) {
        double total[64] = {0};
        for (uint32_t i = 0; i < plan->survivors - plan->colluders; i++) {
            struct contribute_report report;
            assert_ok(contribute(&task, sum, &report));
            for (size_t k = 0; k < plan->dimension; k++)
                total[k] += (double)(int64_t)sum[k];
        }
        for (size_t k = 0; k < plan->dimension; k++)
            squares += total[k] * total[k] / count;
    }
    double wanted = plan->noise_multiplier * (double)plan->norm_max;
    assert_relative(squares, wanted * wanted, 4.9 * sqrt(2 / count));
    mem_free(sum);
}

/* --- phases that end by time
 * -------------------------------------------------------------------- */

/* How long a phase lasts at most, and how many it takes: of five, four adverts, dealings
 * and inputs (u_min), a quorum of four, a threshold of three. */
static uint64_t time_of(enum phase phase)
{
    return phase == PHASE_MASK ? 86400000 : 300000;
}

static size_t least_of(enum phase phase)
{
    return phase == PHASE_UNMASK ? 3 : 4;
}

/* The phase in which too few speak, as they find out, once its time is over. */
static void fall_short(struct centre *s, enum phase phase)
{
    struct said said = {0};
    size_t left = least_of(phase) - 1;
    centre_speak(s, left);
    s->steady_ms += time_of(phase) - 1;
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
    s->steady_ms++;
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    assert_int_equal(collection_phase(centre_collection(s)), PHASE_END);
    assert_int_equal(collection_reason(centre_collection(s)), REASON_TOO_FEW);
    assert_int_equal(centre_advance(s), ROUNDS_ABANDONED);
    for (size_t i = 0; i <= left; i++) { /* one of them never spoke */
        struct envelope message = centre_message(s, i);
        centre_send(s, i, &message, &said);
        assert_int_equal(said.reason, REASON_ABANDONED);
    }
    said_clear(&said);
}

/* Enough and the attempt goes on without the others; too few in any phase and it is
 * given up, nothing of it is kept, and the next one opens. */
static void rounds__phases_end_by_time(void **state)
{
    struct centre *s = *state;
    uint8_t before[HASH_BYTES] = {0};
    centre_opened(s);
    for (enum phase last = 0; last < PHASE_END; last++) {
        assert_int_equal(centre_plan(s)->attempt, last + 1);
        assert_memory_not_equal(collection_context(centre_collection(s)), before,
                                HASH_BYTES);
        memcpy(before, collection_context(centre_collection(s)), HASH_BYTES);
        for (size_t i = 0; i < HOSPITALS; i++)
            centre_enter(s, i);
        for (enum phase phase = 0; phase < last; phase++)
            centre_phase(s, least_of(phase));
        fall_short(s, last);
        assert_int_equal(centre_count(s, "SELECT count(*) FROM collected"), 0);
        centre_restart(s);
        assert_int_equal(centre_advance(s), ROUNDS_OPENED);
        assert_int_equal(centre_plan(s)->round, 1);
    }
    /* Two had given their shares for a sum of four: these four again, all of whom stay. */
    const struct plan *plan = centre_plan(s);
    assert_int_equal(plan->participants.count, 4);
    assert_memory_equal(plan->participants.items, s->c->keys, 4 * KEY_BYTES);
    assert_int_equal(plan->survivors, 4);
    for (size_t i = 0; i < 4; i++)
        centre_enter(s, i);
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        centre_phase(s, 4);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_published(s, 1, 4);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED); /* the next round is everybody's */
    assert_int_equal(centre_plan(s)->participants.count, HOSPITALS);
    assert_int_equal(s->hospitals[0].charged, 4); /* in all that got to the inputs */
    assert_int_equal(s->hospitals[4].charged, 0);
}

/* Nobody is there: attempts follow each other more and more slowly, so that their number
 * lasts for years, and not for the three and a half days of a thousand phases. */
static void rounds__open_again_after_longer_and_longer(void **state)
{
    struct centre *s = *state;
    uint64_t ended = 0;
    centre_opened(s);
    for (uint32_t attempt = 1; attempt < 5; attempt++) {
        assert_int_equal(centre_plan(s)->attempt, attempt);
        s->steady_ms += 300000;
        assert_int_equal(centre_advance(s), ROUNDS_MOVED);
        assert_int_equal(centre_advance(s), ROUNDS_ABANDONED);
        ended = s->steady_ms;
        for (uint32_t k = 1; k < attempt; k++) {
            assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
            s->steady_ms += 300000;
        }
        if (attempt > 1) {
            s->steady_ms--;
            assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
            assert_non_null(strstr(waiting(s), "was given up: fewer members than"));
            s->steady_ms++;
        }
        assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    }
    assert_int_equal(s->steady_ms - ended, 900000);
    assert_ok(store_execute(s->coordinator->store,
                            "UPDATE attempts SET attempt = 900 WHERE state = 'open'"));
    s->steady_ms += 300000; /* of attempt 5 */
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    assert_int_equal(centre_advance(s), ROUNDS_ABANDONED);
    s->steady_ms += 1200000;
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    assert_int_equal(centre_plan(s)->attempt, 901);
    s->steady_ms += 300000;
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    assert_int_equal(centre_advance(s), ROUNDS_ABANDONED);
    s->steady_ms += 86400000 - 1; /* a round's time at most */
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
    s->steady_ms++;
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    centre_play(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED); /* a round after a sum: at once */
}

/* Hospital `from` has read the plan, and says why it does not enter. */
static void decline(struct centre *s, size_t from, enum reason why)
{
    struct said said = {0};
    struct bytes body = {0};
    struct envelope envelope = centre_envelope(s, MESSAGE_REFUSAL);
    envelope.round = centre_plan(s)->round;
    envelope.attempt = centre_plan(s)->attempt;
    assert_ok(codec_encode_refusal(&(struct refusal){why, ""}, &body));
    envelope.body = codec_view(&body);
    centre_send(s, from, &envelope, &said);
    assert_int_equal(said.envelope.kind, MESSAGE_WAIT);
    assert_int_equal(said.outcome.gave_up, why);
    struct poll poll = centre_poll(s);
    centre_ask(s, from, &poll, &said);
    assert_int_equal(said.reply.plan.size, 0); /* it is not asked again */
    bytes_free(&body);
    said_clear(&said);
}

/* Who is not in the attempt cannot leave it: nothing of what it says is on record. */
static void not_called(struct centre *s, size_t from)
{
    struct said said = {0};
    struct bytes body = {0};
    struct envelope envelope = centre_envelope(s, MESSAGE_REFUSAL);
    size_t entries = centre_entries(s, AUDIT_REFUSAL);
    envelope.round = centre_plan(s)->round;
    envelope.attempt = centre_plan(s)->attempt;
    assert_ok(codec_encode_refusal(&(struct refusal){REASON_POLICY, ""}, &body));
    envelope.body = codec_view(&body);
    centre_send(s, from, &envelope, &said);
    assert_int_equal(said.reason, REASON_NOT_PARTICIPANT);
    assert_int_equal(centre_entries(s, AUDIT_REFUSAL), entries);
    bytes_free(&body);
    said_clear(&said);
}

static char *told_at_the_end(struct centre *s)
{
    static char told[256];
    const struct coord_study *study;
    enum rounds_outcome outcome;
    assert_int_equal(centre_advance(s), ROUNDS_MOVED); /* no time has passed */
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    assert_ok(rounds_advance(s->coordinator, &s->clock, study, &outcome, told));
    assert_int_equal(outcome, ROUNDS_ABANDONED);
    return told;
}

/* Who says that it does not enter is not waited for: the attempt goes on with the others
 * if they are enough. */
static void rounds__go_on_at_once_without_who_declines(void **state)
{
    struct centre *s = *state;
    centre_opened(s);
    for (size_t i = 0; i < 4; i++)
        centre_enter(s, i);
    centre_speak(s, 4);
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
    decline(s, 4, REASON_POLICY);
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        if (phase != PHASE_ADVERTISE)
            centre_speak(s, 4);
        assert_int_equal(centre_advance(s), ROUNDS_MOVED);
        centre_listen(s, 4);
    }
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_published(s, 1, 4);
    assert_int_equal(centre_advance(s),
                     ROUNDS_OPENED); /* the next round is everybody's */
    assert_int_equal(centre_plan(s)->participants.count, HOSPITALS);
}

/* If they are not, the attempt ends there and then, saying whose decision it was and why,
 * and the next one does without whoever declined, as long as the study's terms let it. */
static void rounds__say_who_declined_and_do_without(void **state)
{
    struct centre *s = *state;
    centre_opened(s);
    centre_enter(s, 0);
    centre_speak(s, 1);
    decline(s, 3, REASON_BUDGET);
    decline(s, 4, REASON_POLICY);
    for (size_t i = 1; i < 3; i++) {
        centre_enter(s, i);
        struct said said = {0};
        centre_say(s, i, &said);
        said_clear(&said);
    }
    assert_string_equal(
        told_at_the_end(s),
        "round 1 attempt 1 abandoned: Dijon stays out: the privacy budget "
        "does not permit it, and 1 more");
    assert_int_equal(centre_count(s, "SELECT count(*) FROM audit WHERE kind = 'abandoned'"
                                     " AND sentence LIKE 'Dijon stays out: the %'"),
                     1);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    const struct plan *plan = centre_plan(s);
    assert_int_equal(plan->attempt, 2);
    assert_int_equal(plan->participants.count, 3);
    assert_memory_equal(plan->participants.items, s->c->keys, 3 * KEY_BYTES);
    not_called(s, 4);
    centre_play(s, 3);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_published(s, 1, 3);
    assert_int_equal(centre_advance(s),
                     ROUNDS_OPENED); /* the next round is everybody's */
    assert_int_equal(centre_plan(s)->participants.count, HOSPITALS);
}

/* With fewer than the terms ask for there is nothing to do but to call all again later:
 * at once the first time, for what they declined may have been the attempt. */
static void rounds__call_who_declined_when_nobody_else_is_left(void **state)
{
    struct centre *s = *state;
    centre_opened(s);
    for (uint32_t attempt = 1; attempt < 3; attempt++) {
        assert_int_equal(centre_plan(s)->attempt, attempt);
        assert_int_equal(centre_plan(s)->participants.count, HOSPITALS);
        for (size_t i = 0; i < HOSPITALS; i++)
            decline(s, i, REASON_NO_POLICY);
        assert_non_null(strstr(told_at_the_end(s), "and 4 more"));
        assert_int_equal(centre_advance(s),
                         attempt == 1 ? ROUNDS_OPENED : ROUNDS_NOTHING);
    }
    assert_string_equal(waiting(s),
                        "round 1 of 2: attempt 2 was given up: Altona stays out: the "
                        "hospital has no policy in force, and 4 more");
    s->steady_ms += 300000;
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    centre_play(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
}

/* Those whom a sum of the round must have again are called again, whatever they say. */
static void rounds__do_not_do_without_who_is_in_a_sum(void **state)
{
    struct centre *s = *state;
    centre_opened(s);
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    for (enum phase phase = 0; phase < PHASE_UNMASK; phase++)
        centre_phase(s, HOSPITALS);
    fall_short(s, PHASE_UNMASK);
    for (uint32_t attempt = 2; attempt < 4; attempt++) {
        assert_int_equal(centre_advance(s), ROUNDS_OPENED);
        assert_int_equal(centre_plan(s)->participants.count, HOSPITALS);
        assert_int_equal(centre_plan(s)->survivors, HOSPITALS);
        decline(s, 2, REASON_BUDGET);
        for (size_t i = 0; i < HOSPITALS; i++)
            if (i != 2) {
                struct said said = {0};
                centre_enter(s, i);
                centre_say(s, i, &said);
                said_clear(&said);
            }
        told_at_the_end(s);
        s->steady_ms += 86400000;
    }
}

/* The plan's own deadline ends whatever phase it is, however late that was opened. */
static void rounds__end_at_the_deadline(void **state)
{
    struct centre *s = *state;
    centre_opened(s);
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    centre_speak(s, 4);
    s->now = centre_plan(s)->deadline - 1;
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
    s->now++;
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    assert_int_equal(collection_phase(centre_collection(s)), PHASE_SHARE);
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    assert_int_equal(centre_advance(s), ROUNDS_ABANDONED);
}

/* --- shares that are wrong
 * ----------------------------------------------------------------------- */

/* Hospital 0's unmasking, with one share of it another scalar. */
static void unmask_wrongly(struct centre *s)
{
    struct said said = {0};
    struct bytes body = {0};
    struct unmask unmask;
    struct envelope message = centre_message(s, 0);
    struct arena *arena = codec_arena(message.body.size);
    assert_ok(codec_decode_unmask(message.body, arena, &unmask));
    ((uint8_t *)unmask.self_shares.items[2].data)[0] ^= 1;
    assert_ok(codec_encode_unmask(&unmask, &body));
    message.body = codec_view(&body);
    centre_send(s, 0, &message, &said);
    assert_true(said.outcome.stored);
    arena_destroy(&arena);
    bytes_free(&body);
    said_clear(&said);
}

static void play_until_unmasking(struct centre *s)
{
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    for (enum phase phase = 0; phase < PHASE_UNMASK; phase++)
        centre_phase(s, HOSPITALS);
}

/* Others' shares make up for it, and who sent it is known, also after a restart. */
static void rounds__put_up_with_a_wrong_share(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    size_t count;
    centre_opened(s);
    play_until_unmasking(s);
    unmask_wrongly(s);
    for (size_t i = 1; i < 4; i++)
        centre_say(s, i, &said);
    s->steady_ms += time_of(PHASE_UNMASK);
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    for (int restarted = 0; restarted < 2; restarted++) {
        const size_t *blamed = collection_blamed(centre_collection(s), &count);
        assert_int_equal(count, 1);
        assert_int_equal(blamed[0], 0);
        centre_restart(s);
    }
    assert_int_equal(centre_entries(s, AUDIT_BLAME), 0);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_int_equal(centre_entries(s, AUDIT_STUDY), 1);
    assert_int_equal(centre_entries(s, AUDIT_PLAN), 1);
    assert_int_equal(centre_entries(s, AUDIT_BLAME), 1);
    assert_int_equal(centre_entries(s, AUDIT_PUBLICATION), 1);
    assert_int_equal(centre_entries(s, AUDIT_ABANDONED), 0);
    assert_published(s, 1, HOSPITALS);
    said_clear(&said);
}

/* With no share to spare nobody can tell which one it is: no sum, another attempt. */
static void rounds__are_abandoned_for_a_share_too_many_wrong(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_opened(s);
    play_until_unmasking(s);
    unmask_wrongly(s);
    for (size_t i = 1; i < 3; i++)
        centre_say(s, i, &said);
    s->steady_ms += time_of(PHASE_UNMASK);
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    assert_int_equal(collection_reason(centre_collection(s)), REASON_BAD_SHARE);
    assert_null(collection_sum(centre_collection(s)));
    centre_restart(s);
    assert_int_equal(collection_reason(centre_collection(s)), REASON_BAD_SHARE);
    assert_int_equal(centre_advance(s), ROUNDS_ABANDONED);
    assert_int_equal(centre_count(s, "SELECT count(*) FROM links"), 0);
    assert_int_equal(centre_count(s, "SELECT count(*) FROM collected"), 0);
    assert_int_equal(centre_entries(s, AUDIT_ABANDONED), 1);
    assert_int_equal(centre_entries(s, AUDIT_PUBLICATION), 0);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    assert_int_equal(centre_entries(s, AUDIT_PLAN), 2);
    assert_int_equal(centre_plan(s)->attempt, 2);
    said_clear(&said);
}

/* --- from messages to a link
 * -------------------------------------------------------------------- */

/* The link names the sum modulo 2^64 of what the hospitals put in, and nothing that led
 * to it is left. */
static void rounds__publish_the_sum_and_forget_its_parts(void **state)
{
    struct centre *s = *state;
    const struct coord_study *study;
    centre_opened(s);
    centre_play(s, HOSPITALS);
    assert_true(centre_count(s, "SELECT count(*) FROM collected") > 0);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_published(s, 1, HOSPITALS);
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    assert_int_equal(study->chain.length, 1);
}

/* The process ends and comes back before every message and every step. */
static void rounds__survive_a_restart_between_any_two_messages(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_opened(s);
    for (size_t i = 0; i < HOSPITALS; i++) {
        centre_restart(s);
        centre_enter(s, i);
    }
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        for (size_t i = 0; i < HOSPITALS; i++) {
            centre_restart(s);
            assert_int_equal(collection_phase(centre_collection(s)), phase);
            assert_int_equal(collection_received(centre_collection(s)), i);
            centre_say(s, i, &said);
            assert_true(said.outcome.stored);
        }
        centre_restart(s);
        assert_int_equal(centre_advance(s), ROUNDS_MOVED);
        for (size_t i = 0; i < HOSPITALS; i++) {
            centre_restart(s);
            centre_say(s, i, &said);
            assert_false(said.outcome.waiting);
        }
    }
    centre_restart(s);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_published(s, 1, HOSPITALS);
    centre_restart(s);
    assert_published(s, 1, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    said_clear(&said);
}

/* The same with somebody who leaves before each phase, whose masks are made up for. */
static void rounds__survive_a_restart_and_a_dropout(void **state)
{
    struct centre *s = *state;
    struct coord_study_request request = centre_request(s);
    request.rounds = PHASE_END;
    centre_roster(s, 1, HOSPITALS);
    assert_ok(coord_studies_create(s->coordinator, &request, s->now, s->number));
    centre_join(s, HOSPITALS);
    for (enum phase leaves = 0; leaves < PHASE_END; leaves++) {
        assert_int_equal(centre_advance(s), ROUNDS_OPENED);
        for (size_t i = 0; i < HOSPITALS; i++)
            centre_enter(s, i);
        for (enum phase phase = 0; phase < PHASE_END; phase++) {
            size_t count = phase < leaves ? HOSPITALS : HOSPITALS - 1;
            centre_restart(s);
            centre_speak(s, count);
            centre_restart(s);
            assert_int_equal(collection_phase(centre_collection(s)), phase);
            s->steady_ms += 86400000; /* since this process looked */
            assert_int_equal(centre_advance(s), ROUNDS_MOVED);
            centre_restart(s);
            centre_listen(s, count);
        }
        centre_restart(s);
        assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
        assert_published(s, leaves + 1, leaves > PHASE_MASK ? HOSPITALS : HOSPITALS - 1);
        centre_restart(s);
    }
    assert_string_equal(waiting(s), "the study is finished");
}

static void rounds__the_last_one_finishes_the_study(void **state)
{
    struct centre *s = *state;
    centre_study(s);
    centre_join(s, HOSPITALS);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(centre_advance(s), ROUNDS_OPENED);
        centre_play(s, HOSPITALS);
        assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
        assert_published(s, (uint64_t)round + 1, HOSPITALS);
    }
    assert_string_equal(waiting(s), "the study is finished");
    s->now += 1000000;
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
}

static void rounds__a_member_struck_off_is_not_waited_for(void **state)
{
    struct centre *s = *state;
    centre_study(s);
    centre_join(s, HOSPITALS);
    centre_roster(s, 2, HOSPITALS - 1);
    s->now = NOW + 604800;
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    const struct plan *plan = centre_plan(s);
    assert_int_equal(plan->participants.count, HOSPITALS - 1);
    assert_memory_equal(plan->roster, roster_hash(s->coordinator->roster), HASH_BYTES);
}

/* Shares have left for a sum that is lost; one whose input was in it is struck off before
 * it can be made again. Any other sum would give that one away, so none is asked for. */
static void rounds__never_ask_for_a_sum_beside_one_that_may_be_out(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_opened(s);
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    for (enum phase phase = 0; phase < PHASE_UNMASK; phase++)
        centre_phase(s, HOSPITALS);
    centre_say(s, 0, &said);
    s->steady_ms += time_of(PHASE_UNMASK);
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    assert_int_equal(centre_advance(s), ROUNDS_ABANDONED);
    centre_roster(s, 2, HOSPITALS - 1);
    centre_restart(s);
    for (int i = 0; i < 3; i++) {
        s->steady_ms += 86400000;
        assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
    }
    assert_non_null(strstr(waiting(s), "with the same 5 hospitals, of whom 1 are not"));
    centre_roster(s, 3, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    assert_int_equal(centre_plan(s)->participants.count, HOSPITALS);
    assert_int_equal(centre_plan(s)->survivors, HOSPITALS);
    said_clear(&said);
}

/* --- killed between any two writes
 * ---------------------------------------------------------------- */

/* In a process of its own: take the next step with the study, and die at the `at`-th call
 * that changes a file. Whether it died. */
static bool advance_and_die(struct centre *s, int at)
{
    int status;
    coordinator_destroy(&s->coordinator);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct coord_study *study;
        enum rounds_outcome outcome;
        char told[256];
        centre_restart(s);
        if (coord_studies_open(s->coordinator, s->number, &study) != ERR_OK)
            _exit(1);
        fault_arm(FAULT_ANY, at, at % 2 ? FAULT_KILL_HALF : FAULT_KILL);
        _exit(rounds_advance(s->coordinator, &s->clock, study, &outcome, told) != ERR_OK);
    }
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    assert_ok(coordinator_open(s->folder, &s->coordinator));
    return WIFSIGNALED(status);
}

/* Link, state of the attempt and what is left of its messages change together, whenever
 * the process dies; and going on publishes exactly one link. */
static void rounds__publish_all_or_nothing(void **state)
{
    struct centre *s = *state;
    bool done = false;
    int killed = 0;
    centre_opened(s);
    centre_play(s, HOSPITALS);
    int64_t kept = centre_count(s, "SELECT count(*) FROM collected");
    assert_int_equal(kept, PHASE_END * (HOSPITALS + 1));
    for (int at = 0; !done; at += 1 + at / 8) { /* a transaction of some 60 calls */
        bool died = advance_and_die(s, at);
        killed += died;
        int64_t links = centre_count(s, "SELECT count(*) FROM links");
        done = links == 1;
        assert_int_equal(
            centre_count(s, "SELECT count(*) FROM attempts WHERE state = 'published'"),
            links);
        assert_int_equal(centre_count(s, "SELECT count(*) FROM collected"),
                         done ? 0 : kept);
        assert_true(done || died);
    }
    assert_true(killed > 5);
    assert_published(s, 1, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    assert_string_equal(waiting(s),
                        "round 2 of 2, attempt 1, phase advertise: 0 of 5 hospitals "
                        "answered");
}

/* A phase has ended or has not, for everybody and for good. */
static void rounds__close_each_phase_once(void **state)
{
    struct centre *s = *state;
    int killed = 0;
    centre_opened(s);
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        centre_speak(s, HOSPITALS);
        bool closed = false;
        for (int at = 0; !closed; at += 3) {
            bool died = advance_and_die(s, at);
            killed += died;
            int64_t closes =
                centre_count(s, "SELECT count(*) FROM collected WHERE place = -1");
            closed = collection_phase(centre_collection(s)) == phase + 1;
            assert_int_equal(closes, phase + closed);
            assert_true(closed || died);
        }
        centre_listen(s, HOSPITALS);
    }
    assert_true(killed > 5);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_published(s, 1, HOSPITALS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CENTRE(rounds__open_when_everybody_has_joined),
        IN_CENTRE(rounds__open_without_the_missing_when_patience_ends),
        IN_CENTRE(rounds__a_plan_is_one_that_a_node_accepts),
        IN_CENTRE(rounds__noise_is_sized_for_all_who_stay),
        IN_CENTRE(rounds__phases_end_by_time),
        IN_CENTRE(rounds__open_again_after_longer_and_longer),
        IN_CENTRE(rounds__go_on_at_once_without_who_declines),
        IN_CENTRE(rounds__say_who_declined_and_do_without),
        IN_CENTRE(rounds__call_who_declined_when_nobody_else_is_left),
        IN_CENTRE(rounds__do_not_do_without_who_is_in_a_sum),
        IN_CENTRE(rounds__end_at_the_deadline),
        IN_CENTRE(rounds__put_up_with_a_wrong_share),
        IN_CENTRE(rounds__are_abandoned_for_a_share_too_many_wrong),
        IN_CENTRE(rounds__publish_the_sum_and_forget_its_parts),
        IN_CENTRE(rounds__survive_a_restart_between_any_two_messages),
        IN_CENTRE(rounds__survive_a_restart_and_a_dropout),
        IN_CENTRE(rounds__the_last_one_finishes_the_study),
        IN_CENTRE(rounds__a_member_struck_off_is_not_waited_for),
        IN_CENTRE(rounds__never_ask_for_a_sum_beside_one_that_may_be_out),
        IN_CENTRE(rounds__publish_all_or_nothing),
        IN_CENTRE(rounds__close_each_phase_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
