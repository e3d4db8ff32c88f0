#include "check.h"
#include "centre.h"

#include <sys/wait.h>

#include "fault.h"

/* --- opening a frame, docs/protocol.md section 4
 * ---------------------------------------- */

static void refused(struct centre *s, const struct bytes *frame, enum reason reason)
{
    struct said said = {0};
    centre_hear(s, 0, frame, &said);
    assert_int_equal(said.envelope.kind, MESSAGE_REFUSAL);
    assert_int_equal(said.reason, reason);
    assert_false(said.outcome.stored);
    said_clear(&said);
}

/* No question can be read in it, so there is nobody to answer. */
static void dropped(struct centre *s, const struct bytes *frame)
{
    struct coord_exchange_outcome outcome;
    struct bytes answer = {0};
    assert_ok(coord_exchange_answer(s->coordinator, &s->clock, s->c->curves[0], frame,
                                    &answer, &outcome));
    assert_int_equal(answer.size, 0);
    assert_int_equal(outcome.reason, REASON_MALFORMED);
    assert_string_equal(outcome.member, "?");
}

/* Every step's refusal, each with whatever a later step would refuse wrong as well. */
static void exchange__frames_are_opened_in_order(void **state)
{
    struct centre *s = *state;
    struct bytes frame = {0};
    centre_roster(s, 1, HOSPITALS);
    struct envelope wrong = centre_envelope(s, MESSAGE_POLL);
    wrong.body = (struct view){(const uint8_t *)"?", 1};
#define SEAL(signer)                                                                     \
    frame.size = 0;                                                                      \
    assert_ok(envelope_seal(signer, &wrong, &frame))
    dropped(s, &frame);
    SEAL(s->c->hospitals[0]);
    refused(s, &frame, REASON_MALFORMED); /* step 10 */
    frame.data[frame.size - 1] ^= 1;
    refused(s, &frame, REASON_BAD_SIGNATURE);
    SEAL(s->c->hospitals[1]); /* over hospital 0's connection */
    refused(s, &frame, REASON_WRONG_LINK);
    s->now = NOW + 100000;
    refused(s, &frame, REASON_EXPIRED);
    SEAL(s->c->stranger);
    refused(s, &frame, REASON_NOT_IN_ROSTER);
    wrong.kind = MESSAGE_REPLY;
    SEAL(s->c->stranger);
    refused(s, &frame, REASON_WRONG_KIND);
    wrong.recipient[0] ^= 1;
    SEAL(s->c->stranger);
    refused(s, &frame, REASON_WRONG_RECIPIENT);
    wrong.consortium[0] ^= 1;
    SEAL(s->c->stranger);
    refused(s, &frame, REASON_WRONG_CONSORTIUM);
#undef SEAL
    uint8_t *version = memmem(frame.data, 16, "\x08\x01", 2);
    assert_non_null(version);
    version[1] = 2;
    refused(s, &frame, REASON_BAD_VERSION);
    frame.size--;
    dropped(s, &frame);
    bytes_free(&frame);
}

static void exchange__before_the_first_roster_nobody_belongs(void **state)
{
    struct centre *s = *state;
    struct bytes frame = {0};
    struct envelope envelope = centre_envelope(s, MESSAGE_POLL);
    envelope.body = (struct view){(const uint8_t *)"?", 1};
    assert_ok(envelope_seal(s->c->hospitals[0], &envelope, &frame));
    refused(s, &frame, REASON_NOT_IN_ROSTER);
    bytes_free(&frame);
}

static void exchange__an_answer_repeats_the_question(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_study(s);
    struct poll poll = centre_poll(s);
    for (int known = 0; known < 2; known++) { /* a reply, and a refusal */
        centre_ask(s, 2, &poll, &said);
        assert_int_equal(said.envelope.kind, known ? MESSAGE_REFUSAL : MESSAGE_REPLY);
        assert_memory_equal(said.envelope.recipient, s->c->keys + 2 * KEY_BYTES,
                            KEY_BYTES);
        assert_memory_equal(said.envelope.study, s->number, STUDY_BYTES);
        struct envelope asked = centre_envelope(s, MESSAGE_POLL);
        assert_memory_equal(said.envelope.nonce, asked.nonce, NONCE_BYTES);
        s->number[0] ^= 1;
    }
    said_clear(&said);
}

/* --- polls
 * ------------------------------------------------------------------------------ */

static void exchange__news_are_what_the_node_lacks(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_study(s);
    const struct coord_study *study;
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    memset(s->number, 0, STUDY_BYTES);
    struct poll poll = centre_poll(s);
    centre_ask(s, 0, &poll, &said);
    assert_int_equal(said.reply.roster.size, 0);
    assert_int_equal(said.reply.terms.count, 1);
    assert_int_equal(said.reply.now, NOW);
    assert_int_equal(said.reply.plan.size + said.reply.links.count, 0);
    poll.terms_known = (struct keys){study->hash, 1};
    poll.roster_version = 0;
    centre_ask(s, 0, &poll, &said);
    assert_int_equal(said.reply.terms.count, 0);
    assert_int_equal(said.reply.roster.size, roster_bytes(s->coordinator->roster).size);
    poll.terms_known.count = 0;
    assert_ok(coord_studies_set_state(s->coordinator, study->terms.study, "closed"));
    centre_ask(s, 0, &poll, &said);
    assert_int_equal(said.reply.terms.count, 0);
    said_clear(&said);
}

static void exchange__polls_about_a_study_are_refused_in_order(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_roster(s, 1, HOSPITALS - 1); /* the last hospital comes after the study */
    centre_study(s);
    centre_roster(s, 2, HOSPITALS);
    struct poll poll = centre_poll(s), wrong = poll;
    wrong.chain_length = 1;
    s->number[0] ^= 1;
    centre_ask(s, HOSPITALS - 1, &wrong, &said);
    assert_int_equal(said.reason, REASON_UNKNOWN_STUDY);
    s->number[0] ^= 1;
    centre_ask(s, HOSPITALS - 1, &wrong, &said);
    assert_int_equal(said.reason, REASON_NOT_PARTICIPANT);
    centre_ask(s, 0, &wrong, &said); /* longer than what was published */
    assert_int_equal(said.reason, REASON_WRONG_CHAIN);
    wrong = poll;
    wrong.chain_head[0] ^= 1;
    centre_ask(s, 0, &wrong, &said);
    assert_int_equal(said.reason, REASON_WRONG_CHAIN);
    centre_ask(s, 0, &poll, &said);
    assert_int_equal(said.envelope.kind, MESSAGE_REPLY);
    said_clear(&said);
}

static void exchange__a_plan_comes_once_and_after_all_links(void **state)
{
    struct centre *s = *state;
    struct arena *arena = codec_arena(WIRE_PLAN_MAX);
    struct said said = {0};
    centre_study(s);
    struct poll poll = centre_poll(s);
    centre_join(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    centre_ask(s, 0, &poll, &said);
    assert_true(said.reply.plan.size > 0);
    centre_contribute(s, 1, 0);
    poll.ledger_length = 1;
    memset(poll.ledger_head, 1, HASH_BYTES);
    centre_ask(s, 0, &poll, &said); /* has answered */
    assert_int_equal(said.reply.plan.size, 0);
    assert_string_equal(said.reply.waiting,
                        "round 1 of 2, attempt 1: 1 of 5 hospitals answered");
    said_clear(&said);
    arena_destroy(&arena);
}

static void exchange__a_shorter_ledger_gets_the_longer_head_and_nothing_else(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_study(s);
    centre_join(s, HOSPITALS);
    centre_advance(s);
    struct poll poll = centre_poll(s);
    poll.ledger_length = 7;
    memset(poll.ledger_head, 7, HASH_BYTES);
    centre_ask(s, 0, &poll, &said);
    assert_int_equal(said.reply.ledger_length, 0); /* shown before this poll */
    assert_true(said.reply.plan.size > 0);
    centre_restart(s);
    for (int other = 0; other < 2; other++) { /* shorter; as long but different */
        poll.ledger_length = other ? 7 : 6;
        memset(poll.ledger_head, 6, HASH_BYTES);
        centre_ask(s, 0, &poll, &said);
        assert_int_equal(said.outcome.reason, REASON_LEDGER_BEHIND);
        assert_int_equal(said.reply.ledger_length, 7);
        assert_int_equal(said.reply.ledger_head[0], 7);
        assert_int_equal(said.reply.plan.size, 0);
    }
    said_clear(&said);
}

/* --- contributions
 * ------------------------------------------------------------------------ */

static void exchange__the_same_bytes_again_get_the_same_receipt(void **state)
{
    struct centre *s = *state;
    struct arena *arena = codec_arena(WIRE_PLAN_MAX);
    struct said first = {0}, again = {0};
    struct bytes frame = {0};
    uint8_t hash[HASH_BYTES];
    size_t count;
    centre_study(s);
    centre_join(s, HOSPITALS);
    centre_advance(s);
    struct coord_attempt attempt = centre_attempt(s, arena);
    struct part part = centre_part(s, &attempt, 3);
    centre_frame(s, 0, &part, &frame);
    centre_hear(s, 0, &frame, &first);
    assert_true(first.outcome.stored);
    assert_ok(envelope_hash(codec_view(&frame), hash));
    assert_memory_equal(first.receipt.contribution, hash, HASH_BYTES);
    assert_memory_equal(first.receipt.plan, attempt.hash, HASH_BYTES);
    assert_int_equal(first.receipt.ledger_length, 1);
    assert_memory_equal(first.receipt.ledger_head, part.contribution.ledger_head,
                        HASH_BYTES);
    for (int later = 0; later < 3; later++) { /* at once, restarted, after the deadline */
        centre_hear(s, 0, &frame, &again);
        assert_false(again.outcome.stored);
        assert_int_equal(again.answer.size, first.answer.size);
        assert_memory_equal(again.answer.data, first.answer.data, first.answer.size);
        centre_restart(s);
        if (later)
            s->now = attempt.plan.deadline;
    }
    assert_ok(rounds_contributions(s->coordinator, attempt.hash, &count));
    assert_int_equal(count, 1);
    part.vector[0]++; /* other numbers for the same plan */
    centre_send(s, 0, &part, &again);
    assert_int_equal(again.reason, REASON_ANSWERED);
    mem_free(part.vector);
    bytes_free(&frame);
    said_clear(&first);
    said_clear(&again);
    arena_destroy(&arena);
}

static void exchange__contributions_are_refused_at_every_step(void **state)
{
    struct centre *s = *state;
    struct arena *arena = codec_arena(WIRE_PLAN_MAX);
    struct said said = {0};
    size_t count;
    centre_study(s);
    struct poll poll = centre_poll(s);
    centre_join(s, HOSPITALS - 1); /* the last one does not take part */
    s->now += 604800;
    for (size_t i = 0; i < HOSPITALS; i++)
        s->c->members[i].valid_to = s->now + 1000000;
    centre_roster(s, 2, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    struct coord_attempt attempt = centre_attempt(s, arena);
    assert_int_equal(attempt.plan.participants.count, HOSPITALS - 1);
    const struct part good = centre_part(s, &attempt, 0);
    struct part part = good;
#define WRONG(from, change, code)                                                        \
    change;                                                                              \
    centre_send(s, from, &part, &said);                                                  \
    assert_int_equal(said.reason, REASON_##code);                                        \
    assert_false(said.outcome.stored);                                                   \
    part = good
    WRONG(0, part.envelope.study[0] ^= 1, UNKNOWN_STUDY);
    WRONG(HOSPITALS - 1, part.envelope.round++, NOT_PARTICIPANT);
    WRONG(0, part.envelope.round++; part.envelope.attempt++, WRONG_ROUND);
    WRONG(0, part.envelope.attempt++; part.contribution.plan[0] ^= 1, STALE_ATTEMPT);
    WRONG(0, part.contribution.plan[0] ^= 1;
          part.contribution.vector.count--, WRONG_PLAN);
    s->now = attempt.plan.deadline;
    WRONG(0, part.contribution.vector.count--, WRONG_LENGTH);
    WRONG(0, part.contribution.vector.count++, WRONG_LENGTH);
    poll.ledger_length = 9;
    centre_ask(s, 0, &poll, &said);
    WRONG(0, (void)0, LATE);
    s->now--;
    WRONG(0, (void)0, LEDGER_BEHIND);
#undef WRONG
    assert_ok(rounds_contributions(s->coordinator, attempt.hash, &count));
    assert_int_equal(count, 0);
    part.contribution.ledger_length = 10;
    centre_send(s, 0, &part, &said);
    assert_true(said.outcome.stored);
    assert_ok(coord_studies_set_state(s->coordinator, s->number, "closed"));
    centre_send(s, 1, &part, &said);
    assert_int_equal(said.reason, REASON_STUDY_CLOSED);
    mem_free(good.vector);
    said_clear(&said);
    arena_destroy(&arena);
}

static void exchange__without_a_plan_no_round_is_the_right_one(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    struct coord_attempt attempt = {.plan = {.round = 1, .attempt = 1, .dimension = 20}};
    centre_study(s);
    struct part part = centre_part(s, &attempt, 0);
    centre_send(s, 0, &part, &said);
    assert_int_equal(said.reason, REASON_WRONG_ROUND);
    mem_free(part.vector);
    said_clear(&said);
}

/* --- killed between any two writes
 * --------------------------------------------------------- */

/* In a process of its own: take the contribution, send the receipt through the pipe, die.
 */
static void answer_and_die(struct centre *s, const struct bytes *frame, int at, int told)
{
    struct bytes answer = {0};
    struct coord_exchange_outcome outcome;
    centre_restart(s);
    fault_arm(FAULT_ANY, at, at % 2 ? FAULT_KILL_HALF : FAULT_KILL);
    if (coord_exchange_answer(s->coordinator, &s->clock, s->c->curves[0], frame, &answer,
                              &outcome) != ERR_OK)
        _exit(1);
    fault_disarm();
    if (write(told, answer.data, answer.size) != (ssize_t)answer.size)
        _exit(2);
    kill(getpid(), SIGKILL);
}

/* A receipt exists only for what is stored; what was stored unseen is counted once. */
static void exchange__a_receipt_exists_only_for_what_is_stored(void **state)
{
    struct centre *s = *state;
    struct arena *arena = codec_arena(WIRE_PLAN_MAX);
    struct said said = {0};
    struct bytes frame = {0};
    bool done = false;
    size_t count, killed = 0;
    centre_study(s);
    centre_join(s, HOSPITALS);
    centre_advance(s);
    struct coord_attempt attempt = centre_attempt(s, arena);
    struct part part = centre_part(s, &attempt, 3);
    centre_frame(s, 0, &part, &frame);
    for (int at = 0; !done; at++) {
        int told[2], status;
        uint8_t receipt[1024];
        coordinator_destroy(&s->coordinator);
        assert_int_equal(pipe(told), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(told[0]);
            answer_and_die(s, &frame, at, told[1]);
        }
        close(told[1]);
        ssize_t size = read(told[0], receipt, sizeof receipt);
        close(told[0]);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_ok(coordinator_open(s->folder, &s->coordinator));
        assert_ok(rounds_contributions(s->coordinator, attempt.hash, &count));
        done = size > 0;
        if (done)
            assert_int_equal(count, 1);
        killed += !done;
        if (!done && count == 1) { /* stored, but the hospital does not know */
            centre_hear(s, 0, &frame, &said);
            assert_int_equal(said.envelope.kind, MESSAGE_RECEIPT);
            assert_false(said.outcome.stored);
            break;
        }
        assert_true(at < 200);
    }
    assert_true(killed > 5);
    mem_free(part.vector);
    bytes_free(&frame);
    said_clear(&said);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CENTRE(exchange__frames_are_opened_in_order),
        IN_CENTRE(exchange__before_the_first_roster_nobody_belongs),
        IN_CENTRE(exchange__an_answer_repeats_the_question),
        IN_CENTRE(exchange__news_are_what_the_node_lacks),
        IN_CENTRE(exchange__polls_about_a_study_are_refused_in_order),
        IN_CENTRE(exchange__a_plan_comes_once_and_after_all_links),
        IN_CENTRE(exchange__a_shorter_ledger_gets_the_longer_head_and_nothing_else),
        IN_CENTRE(exchange__the_same_bytes_again_get_the_same_receipt),
        IN_CENTRE(exchange__contributions_are_refused_at_every_step),
        IN_CENTRE(exchange__without_a_plan_no_round_is_the_right_one),
        IN_CENTRE(exchange__a_receipt_exists_only_for_what_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
