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

static void enter_all(struct centre *s)
{
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
}

/* What came out is the exact sum of what hospitals 0 to `count` - 1 put in. */
static void assert_exact(struct centre *s, size_t count)
{
    struct arena *arena = codec_arena(WIRE_CHAIN_LINK_MAX);
    uint8_t sum[HASH_BYTES];
    centre_sum(s, count, centre_plan(s)->dimension, sum);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    struct chain_link link = centre_link(s, 1, arena);
    assert_memory_equal(link.sum, sum, HASH_BYTES);
    assert_int_equal(link.contributions, count);
    arena_destroy(&arena);
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

/* An envelope's bytes, spoilt, then signed by a stranger: what is refused for its
 * envelope is refused for that, though the body is nonsense and the sender nobody. With
 * the 24 of transport__bz5_no_other_mechanism_or_version_is_spoken 36 cases. */
static void exchange__bz5_refuses_before_it_reads_a_body(void **state)
{
    static const struct {
        const char *name;
        size_t at, cut, size; /* where, how many bytes go and how many come */
        uint8_t bytes[12];
        enum reason reason;
    } cases[] = {
        /* 08 version 10 kind 1a 20 consortium ... 52 01 body; SIZE_MAX: at the end */
        {"version 0", 1, 1, 1, {0}, REASON_BAD_VERSION},
        {"version 2", 1, 1, 1, {2}, REASON_BAD_VERSION},
        {"version 2^32 - 1", 1, 1, 5, {255, 255, 255, 255, 15}, REASON_BAD_VERSION},
        {"version 1 in two bytes", 1, 1, 2, {129, 0}, REASON_MALFORMED},
        {"the retired kind", 3, 1, 1, {3}, REASON_WRONG_KIND},
        {"a kind to come", 3, 1, 1, {31}, REASON_WRONG_KIND},
        {"an answer's kind", 3, 1, 1, {2}, REASON_WRONG_KIND},
        {"a kind out of limits", 3, 1, 1, {32}, REASON_MALFORMED},
        {"a negative kind",
         3,
         1,
         10,
         {255, 255, 255, 255, 255, 255, 255, 255, 255, 1},
         REASON_MALFORMED},
        {"an unknown field", SIZE_MAX, 0, 2, {0x58, 1}, REASON_MALFORMED},
        {"a group", SIZE_MAX, 0, 2, {0x5b, 0x5c}, REASON_MALFORMED},
        {"the kind twice", 4, 0, 2, {0x10, 1}, REASON_MALFORMED},
    };
    struct centre *s = *state;
    centre_roster(s, 1, HOSPITALS);
    struct envelope fields = centre_envelope(s, MESSAGE_POLL);
    fields.body = (struct view){(const uint8_t *)"?", 1};
    struct bytes sealed = {0};
    struct arena *arena = codec_arena(1000);
    struct signed_bytes parts;
    assert_ok(envelope_seal(s->c->stranger, &fields, &sealed));
    assert_ok(codec_decode_signed_bytes(codec_view(&sealed), arena, &parts));
    struct view object = parts.object;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coord_exchange_outcome outcome;
        struct bytes spoilt = {0}, frame = {0}, answer = {0};
        size_t at = cases[i].at < object.size ? cases[i].at : object.size;
        bytes_append(&spoilt, object.data, at);
        bytes_append(&spoilt, cases[i].bytes, cases[i].size);
        at += cases[i].cut;
        bytes_append(&spoilt, object.data + at, object.size - at);
        parts.object = codec_view(&spoilt);
        assert_ok(identity_sign(s->c->stranger, envelope_tag(MESSAGE_POLL), spoilt.data,
                                spoilt.size, parts.signature));
        assert_ok(codec_encode_signed_bytes(&parts, &frame));
        assert_ok(coord_exchange_answer(s->coordinator, &s->clock, s->c->curves[0],
                                        &frame, &answer, &outcome));
        if (outcome.reason != cases[i].reason || outcome.stored || outcome.waiting)
            fail_msg("%s: %s", cases[i].name, reason_name(outcome.reason));
        bytes_free(&spoilt);
        bytes_free(&frame);
        bytes_free(&answer);
    }
    bytes_free(&sealed);
    arena_destroy(&arena);
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

/* Poll as one who has entered attempt `attempt` of round `round` and holds no link. */
static void poll_again(struct centre *s, size_t from, uint64_t round, uint32_t attempt,
                       struct said *said)
{
    struct bytes body = {0};
    struct envelope envelope = centre_envelope(s, MESSAGE_POLL);
    struct poll poll = centre_poll(s);
    poll.ledger_length = s->hospitals[from].charged;
    memset(poll.ledger_head, (int)poll.ledger_length, HASH_BYTES);
    envelope.round = round;
    envelope.attempt = attempt;
    assert_ok(heads_sign(s->c->hospitals[from], s->number, &poll));
    assert_ok(codec_encode_poll(&poll, &body));
    envelope.body = codec_view(&body);
    centre_send(s, from, &envelope, said);
    bytes_free(&body);
}

/* What one hospital signs of how far it has come the others hear, and it itself does not. */
static void exchange__heads_are_repeated_to_the_others(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    struct heads heads;
    centre_opened(s); /* all five have asked */
    s->hospitals[3].charged = 9;
    poll_again(s, 3, 0, 0, &said);
    for (size_t asker = 0; asker < HOSPITALS; asker++) {
        poll_again(s, asker, 0, 0, &said);
        assert_int_equal(said.reply.heads.count, HOSPITALS - 1);
        for (size_t i = 0; i < HOSPITALS - 1; i++) {
            size_t of = (asker + 1 + i) % HOSPITALS; /* the least after the greatest */
            assert_ok(heads_read(said.reply.heads.items[i], &heads));
            assert_memory_equal(heads.member, s->c->keys + of * KEY_BYTES, KEY_BYTES);
            assert_ok(heads_verify(&heads, s->number));
            assert_int_equal(heads.ledger_length, of == 3 ? 9 : 0);
        }
    }
    centre_restart(s);
    poll_again(s, 0, 0, 0, &said);
    assert_int_equal(said.reply.heads.count, HOSPITALS - 1);
    said_clear(&said);
}

/* Nor are heads repeated that their member did not sign. */
static void exchange__heads_are_signed_by_the_asker(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    struct bytes body = {0};
    centre_study(s);
    for (int wrong = 0; wrong < 3; wrong++) {
        struct envelope envelope = centre_envelope(s, MESSAGE_POLL);
        struct poll poll = centre_poll(s);
        assert_ok(heads_sign(s->c->hospitals[wrong == 0], s->number, &poll));
        poll.chain_signature[5] ^= wrong == 1;
        poll.ledger_signature[5] ^= wrong == 2;
        body.size = 0;
        assert_ok(codec_encode_poll(&poll, &body));
        envelope.body = codec_view(&body);
        centre_send(s, 0, &envelope, &said);
        assert_int_equal(said.reason, REASON_BAD_SIGNATURE);
        assert_int_equal(centre_count(s, "SELECT count(*) FROM joined"), 0);
    }
    bytes_free(&body);
    said_clear(&said);
}

static void exchange__a_plan_comes_once_and_after_all_links(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_opened(s);
    poll_again(s, 0, 0, 0, &said);
    assert_true(said.reply.plan.size > 0);
    enter_all(s);
    poll_again(s, 4, 1, 1,
               &said); /* has entered and lost its part: it gets no other, and */
    assert_int_equal(said.reply.plan.size, 0); /* nobody waits for it */
    centre_speak(s, 1);
    poll_again(s, 1, 0, 0, &said);
    assert_true(said.reply.plan.size > 0);
    assert_string_equal(said.reply.waiting,
                        "round 1 of 2, attempt 1, phase advertise: 1 of 4 hospitals "
                        "answered");
    for (size_t i = 1; i < HOSPITALS - 1; i++) {
        struct envelope message = centre_message(s, i);
        centre_send(s, i, &message, &said);
    }
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    poll_again(s, 1, 0, 0, &said); /* nobody can enter any more */
    assert_int_equal(said.reply.plan.size, 0);
    said_clear(&said);
}

static void exchange__a_plan_continues_the_last_link(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_opened(s);
    centre_play(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    poll_again(s, 0, 1, 1, &said);
    assert_int_equal(said.reply.links.count, 1);
    assert_true(said.reply.plan.size > 0);
    said_clear(&said);
}

static void exchange__a_shorter_ledger_gets_the_longer_head_and_nothing_else(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_opened(s);
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

/* --- messages of a phase: once and again
 * ------------------------------------------------------------- */

/* The frame again, at once and after a restart, and the same body in another frame:
 * nothing is counted anew. */
static void assert_repeats(struct centre *s, const struct bytes *frame,
                           const struct said *first)
{
    struct said again = {0};
    size_t received = collection_received(centre_collection(s));
    for (int restarted = 0; restarted < 2; restarted++) {
        centre_hear(s, 0, frame, &again);
        assert_false(again.outcome.stored);
        assert_int_equal(again.answer.size, first->answer.size);
        assert_memory_equal(again.answer.data, first->answer.data, first->answer.size);
        centre_restart(s);
    }
    struct envelope message = centre_message(s, 0);
    message.nonce[0] ^= 1;
    centre_send(s, 0, &message, &again);
    assert_false(again.outcome.stored);
    assert_int_equal(again.envelope.kind, first->envelope.kind);
    assert_memory_equal(again.envelope.nonce, message.nonce, NONCE_BYTES);
    assert_int_equal(collection_received(centre_collection(s)), received);
    said_clear(&again);
}

/* Any other body of the same kind. */
static void assert_answered(struct centre *s)
{
    struct said said = {0};
    struct bytes body = {0};
    struct envelope message = centre_message(s, 0);
    bytes_append(&body, message.body.data, message.body.size);
    body.data[body.size - 1] ^= 1;
    message.body = codec_view(&body);
    centre_send(s, 0, &message, &said);
    assert_int_equal(said.reason, REASON_ANSWERED);
    assert_false(said.outcome.stored);
    bytes_free(&body);
    said_clear(&said);
}

static void exchange__the_same_message_again_gets_the_same_answer(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    struct bytes frame = {0};
    centre_opened(s);
    enter_all(s);
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        struct envelope message = centre_message(s, 0);
        frame.size = 0;
        assert_ok(envelope_seal(s->c->hospitals[0], &message, &frame));
        centre_hear(s, 0, &frame, &said);
        assert_true(said.outcome.stored);
        assert_int_equal(said.envelope.kind, MESSAGE_WAIT);
        assert_int_equal(said.waiting.retry_after_ms, 10000);
        assert_non_null(strstr(said.waiting.what_for, ": 1 of 5 hospitals answered"));
        assert_non_null(strstr(said.waiting.what_for, phase_name(phase)));
        assert_repeats(s, &frame, &said);
        assert_answered(s);
        for (size_t i = 1; i < HOSPITALS; i++)
            centre_say(s, i, &said);
        assert_int_equal(centre_advance(s), ROUNDS_MOVED);
        centre_hear(s, 0, &frame, &said);
        assert_int_equal(said.envelope.kind, phase_answer(phase));
        s->now = centre_plan(s)->deadline; /* what was taken in time stays taken */
        assert_repeats(s, &frame, &said);
        assert_answered(s);
        s->now = NOW;
        centre_listen(s, HOSPITALS);
    }
    assert_exact(s, HOSPITALS);
    bytes_free(&frame);
    said_clear(&said);
}

/* It names the message and countersigns the ledger, also once the sum is published, and
 * until this process or the attempt is another. */
static void exchange__a_receipt_names_message_and_ledger(void **state)
{
    struct centre *s = *state;
    struct said said = {0}, again = {0};
    struct bytes frame = {0};
    uint8_t hash[HASH_BYTES], head[HASH_BYTES];
    centre_opened(s);
    enter_all(s);
    for (enum phase phase = 0; phase < PHASE_UNMASK; phase++)
        centre_phase(s, HOSPITALS);
    struct envelope message = centre_message(s, 0);
    assert_ok(envelope_seal(s->c->hospitals[0], &message, &frame));
    centre_speak(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    centre_hear(s, 0, &frame, &said);
    assert_ok(envelope_hash(codec_view(&frame), hash));
    assert_memory_equal(said.receipt.message, hash, HASH_BYTES);
    assert_memory_equal(said.receipt.plan, collection_context(centre_collection(s)),
                        HASH_BYTES);
    assert_int_equal(said.receipt.ledger_length, 1);
    memset(head, 1, HASH_BYTES);
    assert_memory_equal(said.receipt.ledger_head, head, HASH_BYTES);
    assert_exact(s, HOSPITALS);
    centre_hear(s, 0, &frame, &again);
    assert_int_equal(again.answer.size, said.answer.size);
    assert_memory_equal(again.answer.data, said.answer.data, said.answer.size);
    centre_restart(s); /* its number is what is left to know it by */
    centre_hear(s, 0, &frame, &again);
    assert_int_equal(again.reason, REASON_LATE);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    centre_hear(s, 0, &frame, &again);
    assert_int_equal(again.reason, REASON_WRONG_ROUND);
    bytes_free(&frame);
    said_clear(&said);
    said_clear(&again);
}

/* --- messages of a phase: refused
 * --------------------------------------------------------------------- */

/* Every step's refusal, each with whatever a later step would refuse wrong as well. */
static void exchange__messages_are_of_the_attempt_in_progress(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    for (size_t i = 0; i < HOSPITALS; i++)
        s->c->members[i].valid_to = NOW + 1000000;
    centre_study(s);
    centre_join(s, HOSPITALS - 1); /* the last one does not take part */
    s->now += 604800;
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    assert_int_equal(centre_plan(s)->participants.count, HOSPITALS - 1);
    for (size_t i = 0; i < HOSPITALS - 1; i++)
        centre_enter(s, i);
    const struct envelope good = centre_message(s, 0);
    struct envelope wrong = good;
#define WRONG(from, change, code)                                                        \
    change;                                                                              \
    centre_send(s, from, &wrong, &said);                                                 \
    assert_int_equal(said.reason, REASON_##code);                                        \
    assert_false(said.outcome.stored);                                                   \
    wrong = good
    WRONG(HOSPITALS - 1, wrong.study[0] ^= 1, UNKNOWN_STUDY);
    WRONG(HOSPITALS - 1, wrong.round++, NOT_PARTICIPANT);
    WRONG(0, wrong.round++; wrong.attempt++, WRONG_ROUND);
    WRONG(0, wrong.attempt++, STALE_ATTEMPT);
    WRONG(1, (void)0, BAD_SIGNATURE); /* hospital 0's advert in another's name */
#undef WRONG
    assert_int_equal(collection_received(centre_collection(s)), 0);
    said_clear(&said);
}

static void exchange__strangers_to_the_terms_do_not_take_part(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_roster(s, 1, HOSPITALS - 1);
    centre_study(s);
    centre_roster(s, 2, HOSPITALS); /* the last hospital comes after the study */
    struct envelope message = centre_envelope(s, MESSAGE_ADVERT);
    message.body = (struct view){(const uint8_t *)"?", 1};
    centre_send(s, HOSPITALS - 1, &message, &said);
    assert_int_equal(said.reason, REASON_NOT_PARTICIPANT);
    centre_send(s, 0, &message, &said); /* there is no plan yet */
    assert_int_equal(said.reason, REASON_WRONG_ROUND);
    said_clear(&said);
}

/* Closed while an attempt is in progress: nothing more is taken, and it is not forgotten,
 * should people open the study again. */
static void exchange__a_closed_study_takes_nothing(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_opened(s);
    enter_all(s);
    centre_speak(s, 2);
    assert_ok(coord_studies_set_state(s->coordinator, s->number, "closed"));
    for (int restarted = 0; restarted < 2; restarted++) {
        for (size_t i = 0; i < HOSPITALS; i++) {
            struct envelope message = centre_message(s, i);
            centre_send(s, i, &message, &said);
            assert_int_equal(said.reason, REASON_STUDY_CLOSED);
            assert_false(said.outcome.stored);
        }
        assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
        centre_restart(s);
    }
    assert_ok(coord_studies_set_state(s->coordinator, s->number, "open"));
    for (size_t i = 2; i < HOSPITALS; i++)
        centre_say(s, i, &said);
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    centre_listen(s, HOSPITALS);
    for (enum phase phase = PHASE_SHARE; phase < PHASE_END; phase++)
        centre_phase(s, HOSPITALS);
    assert_exact(s, HOSPITALS);
    said_clear(&said);
}

/* A hospital in two studies charges for one while it waits in the other. */
static void exchange__what_was_taken_is_never_behind(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_opened(s);
    enter_all(s);
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        centre_say(s, 0, &said);
        s->hospitals[0].charged++; /* for another study's input */
        poll_again(s, 0, 0, 0, &said);
        assert_int_equal(said.outcome.reason, REASON_NONE);
        centre_say(s, 0, &said);
        assert_int_equal(said.envelope.kind, MESSAGE_WAIT);
        assert_false(said.outcome.stored);
        for (size_t i = 1; i < HOSPITALS; i++)
            centre_say(s, i, &said);
        assert_int_equal(centre_advance(s), ROUNDS_MOVED);
        centre_listen(s, HOSPITALS);
    }
    assert_exact(s, HOSPITALS);
    said_clear(&said);
}

/* The message of hospital 0's phase with another body. */
static void refused_body(struct centre *s, const struct bytes *body, enum reason reason)
{
    struct said said = {0};
    struct envelope message = centre_message(s, 0);
    message.body = codec_view(body);
    centre_send(s, 0, &message, &said);
    assert_int_equal(said.reason, reason);
    assert_false(said.outcome.stored);
    assert_int_equal(collection_received(centre_collection(s)), 0);
    said_clear(&said);
}

/* What is wrong with a message of any phase: not to be read, another's, of a phase that
 * is to come. */
static void refused_alike(struct centre *s, enum phase phase)
{
    struct said said = {0};
    struct bytes other = {0};
    struct view body = centre_message(s, 1).body;
    refused_body(s, &(struct bytes){.data = (uint8_t *)"?", .size = 1}, REASON_MALFORMED);
    bytes_append(&other, body.data, body.size);
    if (phase != PHASE_UNMASK) /* which is signed by its envelope alone */
        refused_body(s, &other, REASON_BAD_SIGNATURE);
    for (enum phase later = phase + 1; later < PHASE_END; later++) {
        struct envelope message = centre_message(s, 0);
        message.kind = phase_question(later);
        centre_send(s, 0, &message, &said);
        assert_int_equal(said.reason, REASON_WRONG_PHASE);
    }
    bytes_free(&other);
    said_clear(&said);
}

/* Change something of a decoded message, encode it, have it refused, decode it anew. */
#define WRONG(change, code)                                                              \
    change;                                                                              \
    body.size = 0;                                                                       \
    ENCODE;                                                                              \
    refused_body(s, &body, REASON_##code);                                               \
    DECODE

static void wrong_adverts(struct centre *s, struct arena *arena)
{
    struct bytes body = {0};
    struct view good = centre_message(s, 0).body;
    struct advert advert;
#define DECODE assert_ok(phase_read_advert(good, arena, &advert))
#define ENCODE assert_ok(phase_sign_advert(s->c->hospitals[0], &advert, &body))
    DECODE;
    WRONG(advert.plan[0] ^= 1, WRONG_PLAN);
#undef DECODE
#undef ENCODE
    body.size = 0;
    bytes_append(&body, good.data, good.size);
    body.data[body.size - 1] ^= 1;
    refused_body(s, &body, REASON_BAD_SIGNATURE);
    bytes_free(&body);
}

static void wrong_shares(struct centre *s, struct arena *arena)
{
    struct bytes body = {0}, dealt = {0};
    struct view good = centre_message(s, 0).body;
    struct shares shares;
    struct dealing dealing;
#define DECODE                                                                           \
    assert_ok(codec_decode_shares(good, arena, &shares));                                \
    assert_ok(phase_read_dealing(shares.dealing, arena, &dealing))
#define ENCODE                                                                           \
    dealt.size = 0;                                                                      \
    assert_ok(phase_sign_dealing(s->c->hospitals[0], &dealing, &dealt));                 \
    shares.dealing = codec_view(&dealt);                                                 \
    assert_ok(codec_encode_shares(&shares, &body))
    DECODE;
    WRONG(dealing.plan[0] ^= 1; dealing.bundle[0] ^= 1, WRONG_PLAN);
    WRONG(dealing.bundle[0] ^= 1; shares.parcels.count--, WRONG_BUNDLE);
    WRONG(shares.parcels.count--; dealing.parcels_hash[0] ^= 1, WRONG_LENGTH);
    WRONG(dealing.parcels_hash[0] ^= 1, BAD_SIGNATURE);
    WRONG(((uint8_t *)shares.parcels.items[2].data)[9] ^= 1, BAD_SIGNATURE);
#undef DECODE
#undef ENCODE
    bytes_free(&body);
    bytes_free(&dealt);
}

static void wrong_inputs(struct centre *s, struct arena *arena)
{
    struct bytes body = {0}, claim = {0};
    struct view good = centre_message(s, 0).body;
    struct masked_input masked;
    struct input input;
#define DECODE                                                                           \
    assert_ok(codec_decode_masked_input(good, arena, &masked));                          \
    assert_ok(phase_read_input(masked.input, arena, &input))
#define ENCODE                                                                           \
    claim.size = 0;                                                                      \
    assert_ok(phase_sign_input(s->c->hospitals[0], &input, &claim));                     \
    masked.input = codec_view(&claim);                                                   \
    assert_ok(codec_encode_masked_input(&masked, &body))
    DECODE;
    WRONG(input.plan[0] ^= 1; input.bundle[0] ^= 1, WRONG_PLAN);
    WRONG(input.bundle[0] ^= 1; input.dealers[0] ^= 1, WRONG_BUNDLE);
    WRONG(input.dealers[0] ^= 1; masked.vector.count--, WRONG_DEALERS);
    WRONG(masked.vector.count--, WRONG_LENGTH);
    WRONG(((uint64_t *)masked.vector.items)[3]++, BAD_SIGNATURE);
    WRONG(input.vector_hash[0] ^= 1, BAD_SIGNATURE);
#undef DECODE
#undef ENCODE
    bytes_free(&body);
    bytes_free(&claim);
}

static void wrong_confirms(struct centre *s, struct arena *arena)
{
    struct bytes body = {0};
    struct view good = centre_message(s, 0).body;
    struct confirm confirm;
#define DECODE assert_ok(phase_read_confirm(good, arena, &confirm))
#define ENCODE assert_ok(phase_sign_confirm(s->c->hospitals[0], &confirm, &body))
    DECODE;
    WRONG(confirm.plan[0] ^= 1; confirm.bundle[0] ^= 1, WRONG_PLAN);
    WRONG(confirm.bundle[0] ^= 1; confirm.dealers[0] ^= 1, WRONG_BUNDLE);
    WRONG(confirm.dealers[0] ^= 1; confirm.survivors[0] ^= 1, WRONG_DEALERS);
    WRONG(confirm.survivors[0] ^= 1, WRONG_SURVIVORS);
#undef DECODE
#undef ENCODE
    bytes_free(&body);
}

static void wrong_unmasks(struct centre *s, struct arena *arena)
{
    struct bytes body = {0};
    struct view good = centre_message(s, 0).body;
    struct unmask unmask;
#define DECODE assert_ok(codec_decode_unmask(good, arena, &unmask))
#define ENCODE assert_ok(codec_encode_unmask(&unmask, &body))
    DECODE;
    WRONG(unmask.plan[0] ^= 1; unmask.survivors[0] ^= 1, WRONG_PLAN);
    WRONG(unmask.survivors[0] ^= 1; unmask.self_shares.count--, WRONG_SURVIVORS);
    WRONG(unmask.self_shares.count--, WRONG_LENGTH);
    WRONG(unmask.mask_shares = unmask.self_shares, WRONG_LENGTH); /* never both */
    WRONG(memset((uint8_t *)unmask.self_shares.items[0].data, 255, KEY_BYTES), BAD_SHARE);
#undef DECODE
#undef ENCODE
    bytes_free(&body);
}
#undef WRONG

/* Whatever is wrong is refused for what it is and changes nothing: the attempt ends with
 * the exact sum. */
static void exchange__messages_of_a_phase_are_refused_at_every_step(void **state)
{
    static void (*const wrong[])(struct centre * s, struct arena * arena) = {
        wrong_adverts, wrong_shares, wrong_inputs, wrong_confirms, wrong_unmasks};
    struct centre *s = *state;
    centre_opened(s);
    enter_all(s);
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        struct arena *arena = arena_new(1 << 20);
        refused_alike(s, phase);
        wrong[phase](s, arena);
        centre_phase(s, HOSPITALS);
        arena_destroy(&arena);
    }
    assert_exact(s, HOSPITALS);
}

/* A refusal by a hospital, with `reason` and `detail`, of the attempt it is in. */
static void give_up(struct centre *s, size_t from, uint32_t reason, const char *detail,
                    struct said *said)
{
    struct bytes body = {0};
    struct envelope envelope = centre_message(s, from);
    assert_ok(codec_encode_refusal(&(struct refusal){reason, (char *)detail}, &body));
    envelope.kind = MESSAGE_REFUSAL;
    envelope.body = codec_view(&body);
    centre_send(s, from, &envelope, said);
    bytes_free(&body);
}

/* A hospital that says why it left is not waited for, and its people's question, whose
 * share it was, has reached the operator's. The word of one member proves nothing: the
 * accused stays in. */
static void exchange__who_leaves_says_why(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    char key[2 * KEY_BYTES + 1];
    centre_opened(s);
    enter_all(s);
    centre_phase(s, HOSPITALS);
    centre_phase(s, HOSPITALS);
    bytes_to_hex(s->c->keys + 2 * KEY_BYTES, KEY_BYTES, key);
    give_up(s, 4, 99, key, &said);
    assert_int_equal(said.reason, REASON_MALFORMED);
    assert_int_equal(collection_expected(centre_collection(s)), HOSPITALS);
    give_up(s, 4, REASON_BAD_PARCEL, "Chur", &said);
    assert_string_equal(said.outcome.accused, "?");
    for (int again = 0; again < 2; again++) {
        give_up(s, 4, REASON_BAD_PARCEL, key, &said);
        assert_int_equal(said.reason, REASON_NONE);
        assert_int_equal(said.envelope.kind, MESSAGE_WAIT);
        assert_false(said.outcome.waiting);
        assert_int_equal(said.outcome.gave_up, REASON_BAD_PARCEL);
        assert_string_equal(said.outcome.member, s->c->members[4].name);
        assert_string_equal(said.outcome.accused, s->c->members[2].name);
    }
    assert_int_equal(centre_count(s, "SELECT count(*) FROM audit WHERE kind = 'refusal'"
                                     " AND sentence LIKE '%does not open, it says of %'"),
                     1); /* once, however often it is said */
    assert_int_equal(collection_expected(centre_collection(s)), 4);
    for (enum phase phase = PHASE_MASK; phase < PHASE_END; phase++) {
        centre_speak(s, 4);
        assert_int_equal(centre_advance(s), ROUNDS_MOVED); /* without waiting */
        centre_listen(s, 4);
    }
    assert_exact(s, 4);
    give_up(s, 4, REASON_BAD_PARCEL, key, &said); /* too late to matter, and no fault */
    assert_int_equal(said.reason, REASON_NONE);
    said_clear(&said);
}

/* Who misses a phase has missed all that follow. */
static void exchange__who_came_too_late_has_dropped_out(void **state)
{
    struct centre *s = *state;
    struct said said = {0};
    centre_opened(s);
    enter_all(s);
    centre_phase(s, HOSPITALS);
    struct envelope message = centre_message(s, HOSPITALS - 1); /* its shares */
    for (enum phase phase = PHASE_SHARE; phase < PHASE_END; phase++) {
        centre_phase(s, phase == PHASE_UNMASK ? 3 : 4);
        for (enum phase sent = PHASE_SHARE; sent <= phase + 1 && sent < PHASE_END;
             sent++) {
            message.kind = phase_question(sent);
            centre_send(s, HOSPITALS - 1, &message, &said);
            assert_int_equal(said.reason, REASON_LATE);
        }
    }
    message = centre_message(s, 3); /* its unmasking, which was not waited for */
    centre_send(s, 3, &message, &said);
    assert_int_equal(said.reason, REASON_LATE);
    assert_exact(s, 4);
    said_clear(&said);
}

/* --- killed between any two writes
 * --------------------------------------------------------- */

/* In a process of its own: take the message as coordinator/serve does, send the answer
 * through the pipe, die. */
static void answer_and_die(struct centre *s, const struct bytes *frame, int at, int told)
{
    struct bytes answer = {0};
    struct coord_exchange_outcome outcome;
    centre_restart(s);
    fault_arm(FAULT_ANY, at, at % 2 ? FAULT_KILL_HALF : FAULT_KILL);
    if (store_begin(s->coordinator->store) != ERR_OK ||
        coord_exchange_answer(s->coordinator, &s->clock, s->c->curves[0], frame, &answer,
                              &outcome) != ERR_OK ||
        store_commit(s->coordinator->store) != ERR_OK)
        _exit(1);
    fault_disarm();
    if (write(told, answer.data, answer.size) != (ssize_t)answer.size)
        _exit(2);
    kill(getpid(), SIGKILL);
}

/* Whether an answer came before it died. */
static bool answered_before_death(struct centre *s, const struct bytes *frame, int at)
{
    int told[2], status;
    uint8_t answer[1024];
    coordinator_destroy(&s->coordinator);
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(told[0]);
        answer_and_die(s, frame, at, told[1]);
    }
    close(told[1]);
    ssize_t size = read(told[0], answer, sizeof answer);
    close(told[0]);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_ok(coordinator_open(s->folder, &s->coordinator));
    return size > 0;
}

/* An answer exists only for what is kept; what was kept unseen is counted once. */
static void exchange__an_answer_exists_only_for_what_is_kept(void **state)
{
    struct centre *s = *state;
    struct bytes frame = {0};
    size_t killed = 0;
    centre_opened(s);
    enter_all(s);
    for (enum phase phase = 0; phase < PHASE_MASK; phase++)
        centre_phase(s, HOSPITALS);
    struct envelope message = centre_message(s, 0);
    assert_ok(envelope_seal(s->c->hospitals[0], &message, &frame));
    size_t received = 0;
    for (int at = 0; !received; at++, killed++) {
        bool told = answered_before_death(s, &frame, at);
        received = collection_received(centre_collection(s));
        assert_int_equal(centre_count(s, "SELECT count(*) FROM collected"),
                         PHASE_MASK * (HOSPITALS + 1) + (int)received);
        assert_int_equal(centre_count(s, "SELECT count(*) FROM heads"), received);
        if (told)
            assert_int_equal(received, 1);
        assert_true(at < 200);
    }
    assert_true(killed > 5);
    struct said said = {0};
    for (size_t i = 0; i < HOSPITALS; i++) { /* hospital 0 may not know */
        centre_say(s, i, &said);
        assert_int_equal(said.outcome.stored, i > 0);
    }
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    centre_listen(s, HOSPITALS);
    centre_phase(s, HOSPITALS);
    centre_phase(s, HOSPITALS);
    assert_exact(s, HOSPITALS);
    bytes_free(&frame);
    said_clear(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CENTRE(exchange__frames_are_opened_in_order),
        IN_CENTRE(exchange__bz5_refuses_before_it_reads_a_body),
        IN_CENTRE(exchange__before_the_first_roster_nobody_belongs),
        IN_CENTRE(exchange__an_answer_repeats_the_question),
        IN_CENTRE(exchange__news_are_what_the_node_lacks),
        IN_CENTRE(exchange__polls_about_a_study_are_refused_in_order),
        IN_CENTRE(exchange__heads_are_repeated_to_the_others),
        IN_CENTRE(exchange__heads_are_signed_by_the_asker),
        IN_CENTRE(exchange__a_plan_comes_once_and_after_all_links),
        IN_CENTRE(exchange__a_plan_continues_the_last_link),
        IN_CENTRE(exchange__a_shorter_ledger_gets_the_longer_head_and_nothing_else),
        IN_CENTRE(exchange__the_same_message_again_gets_the_same_answer),
        IN_CENTRE(exchange__a_receipt_names_message_and_ledger),
        IN_CENTRE(exchange__messages_are_of_the_attempt_in_progress),
        IN_CENTRE(exchange__strangers_to_the_terms_do_not_take_part),
        IN_CENTRE(exchange__a_closed_study_takes_nothing),
        IN_CENTRE(exchange__what_was_taken_is_never_behind),
        IN_CENTRE(exchange__messages_of_a_phase_are_refused_at_every_step),
        IN_CENTRE(exchange__who_leaves_says_why),
        IN_CENTRE(exchange__who_came_too_late_has_dropped_out),
        IN_CENTRE(exchange__an_answer_exists_only_for_what_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
