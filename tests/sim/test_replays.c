/* replays - every question a hospital can ask, in a place where it does not belong:
 * again, too early, too late, in another attempt, round, study, consortium or name, over
 * another's connection, sent back to who sent it, by a key that is out of the roster.
 * Refused for what it is, with store and attempt as they were; the same bytes in their
 * own place get the same answer, and count once. */

#include "digest.h"

#include "../coordinator/centre.h"

/* Hospital SENDER's questions are replayed. */
enum { SENDER = 0, OTHER = 1, POLL_AT = PHASE_END, KINDS };

struct replays {
    struct centre *s;
    struct bytes frames[KINDS]; /* a phase's, and the poll's */
    struct bytes bodies[KINDS];
    struct envelope envelopes[KINDS];
    size_t tried;
};

static void digest(struct centre *s, uint8_t hash[HASH_BYTES])
{
    uint8_t all[2 * HASH_BYTES] = {0};
    digest_file(s->folder, "gemel-coordinator.db", all);
    if (s->coordinator->attempts)
        digest_collection(s->coordinator->attempts->collection, all + HASH_BYTES);
    bytes_hash("coordinator", all, sizeof all, hash);
}

static void seal(const struct identity *sender, const struct envelope *envelope,
                 struct bytes *frame)
{
    frame->size = 0;
    assert_ok(envelope_seal(sender, envelope, frame));
}

static void expect(struct replays *r, size_t from, const struct bytes *frame,
                   enum reason reason, const char *what, size_t kind)
{
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    struct said said = {0};
    digest(r->s, before);
    centre_hear(r->s, from, frame, &said);
    if (said.reason != reason)
        fail_msg("%s, kind %zu: %s, not %s", what, kind, reason_name(said.reason),
                 reason_name(reason));
    assert_false(said.outcome.stored);
    digest(r->s, after);
    assert_memory_equal(before, after, HASH_BYTES);
    said_clear(&said);
    r->tried++;
}

/* The question with something changed, sealed anew by `signer`. */
static void expect_changed(struct replays *r, size_t from, const struct identity *signer,
                           const struct envelope *changed, enum reason reason,
                           const char *what, size_t kind)
{
    struct bytes frame = {0};
    seal(signer, changed, &frame);
    expect(r, from, &frame, reason, what, kind);
    bytes_free(&frame);
}

/* Keep a question as it is sent, for later. */
static void keep(struct replays *r, size_t kind, struct envelope envelope)
{
    bytes_free(&r->bodies[kind]);
    bytes_append(&r->bodies[kind], envelope.body.data, envelope.body.size);
    envelope.body = codec_view(&r->bodies[kind]);
    memcpy(envelope.nonce, "nonce of a kind", 15);
    envelope.nonce[15] = (uint8_t)kind;
    r->envelopes[kind] = envelope;
    seal(r->s->c->hospitals[SENDER], &envelope, &r->frames[kind]);
}

/* Before it has been said: where it does not belong. */
static void displace(struct replays *r, size_t kind)
{
    const struct identity *sender = r->s->c->hospitals[SENDER];
    const struct envelope good = r->envelopes[kind];
    struct envelope bad = good;
    expect(r, OTHER, &r->frames[kind], REASON_WRONG_LINK, "another's connection", kind);
    bad.consortium[3] ^= 1;
    expect_changed(r, SENDER, sender, &bad, REASON_WRONG_CONSORTIUM, "consortium", kind);
    bad = good;
    memcpy(bad.recipient, r->s->c->keys + SENDER * KEY_BYTES, KEY_BYTES);
    expect_changed(r, SENDER, sender, &bad, REASON_WRONG_RECIPIENT, "to itself", kind);
    bad = good;
    bad.study[3] ^= 1;
    expect_changed(r, SENDER, sender, &bad, REASON_UNKNOWN_STUDY, "another study", kind);
    expect_changed(r, SENDER, r->s->c->stranger, &good, REASON_NOT_IN_ROSTER,
                   "a stranger", kind);
    if (kind == POLL_AT)
        return;
    bad = good;
    bad.round++;
    expect_changed(r, SENDER, sender, &bad, REASON_WRONG_ROUND, "another round", kind);
    bad = good;
    bad.attempt++;
    expect_changed(r, SENDER, sender, &bad, REASON_STALE_ATTEMPT, "another attempt",
                   kind);
    if (kind != PHASE_UNMASK) /* which nothing but its envelope signs */
        expect_changed(r, OTHER, r->s->c->hospitals[OTHER], &good, REASON_BAD_SIGNATURE,
                       "in another's name", kind);
    for (enum phase later = (enum phase)kind + 1; later < PHASE_END; later++) {
        bad = good;
        bad.kind = phase_question(later);
        expect_changed(r, SENDER, sender, &bad, REASON_WRONG_PHASE, "too early", kind);
    }
}

/* The same bytes again: the same answer but for when to ask again, and nothing new. The
 * answer, sent back to the coordinator, is nobody's question. */
static void repeat(struct replays *r, size_t kind, enum message_kind answer)
{
    struct said said = {0}, again = {0};
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    centre_hear(r->s, SENDER, &r->frames[kind], &said);
    digest(r->s, before);
    centre_hear(r->s, SENDER, &r->frames[kind], &again);
    digest(r->s, after);
    assert_memory_equal(before, after, HASH_BYTES);
    assert_int_equal(again.envelope.kind, answer);
    assert_false(again.outcome.stored);
    assert_int_equal(again.answer.size, said.answer.size);
    assert_memory_equal(again.answer.data, said.answer.data, said.answer.size);
    expect(r, SENDER, &again.answer, REASON_WRONG_RECIPIENT, "sent back", kind);
    said_clear(&said);
    said_clear(&again);
    r->tried++;
}

/* A phase of the first attempt. In the last, too few are left. */
static void replay_in_phase(struct replays *r, enum phase phase)
{
    struct centre *s = r->s;
    size_t speakers = phase == PHASE_UNMASK ? 2 : HOSPITALS;
    struct said said = {0};
    keep(r, phase, centre_message(s, SENDER));
    displace(r, phase);
    for (size_t i = 0; i < speakers; i++)
        centre_say(s, i, &said);
    said_clear(&said);
    repeat(r, phase, MESSAGE_WAIT);
    if (speakers < HOSPITALS)
        s->steady_ms += 86400000;
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    if (phase == PHASE_UNMASK)
        return;
    centre_listen(s, HOSPITALS);
    for (size_t past = 0; past <= phase; past++)
        repeat(r, past, phase_answer((enum phase)past));
}

/* Questions of the attempt before, as they were, and numbered as of this one. */
static void replay_in_attempt(struct replays *r, enum phase phase, enum reason as_it_was)
{
    const struct plan *plan = centre_plan(r->s);
    for (size_t kind = 0; kind < POLL_AT; kind++) {
        struct envelope anew = r->envelopes[kind];
        expect(r, SENDER, &r->frames[kind], as_it_was, "of an attempt before", kind);
        anew.round = plan->round;
        anew.attempt = plan->attempt;
        enum reason reason = kind > phase    ? REASON_WRONG_PHASE
                             : kind == phase ? REASON_WRONG_PLAN
                                             : REASON_ANSWERED;
        expect_changed(r, SENDER, r->s->c->hospitals[SENDER], &anew, reason, "renumbered",
                       kind);
    }
}

static void play_again(struct replays *r, enum reason as_it_was)
{
    struct centre *s = r->s;
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        replay_in_attempt(r, phase, as_it_was);
        centre_phase(s, HOSPITALS);
    }
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
}

static void leave(struct replays *r)
{
    for (size_t i = 0; i < KINDS; i++) {
        bytes_free(&r->frames[i]);
        bytes_free(&r->bodies[i]);
    }
}

static void ask_first(struct replays *r)
{
    struct bytes body = {0};
    struct envelope envelope = centre_envelope(r->s, MESSAGE_POLL);
    struct poll poll = centre_poll(r->s);
    assert_ok(codec_encode_poll(&poll, &body));
    envelope.body = codec_view(&body);
    keep(r, POLL_AT, envelope);
    displace(r, POLL_AT);
    bytes_free(&body);
}

static void replays__are_refused_or_get_the_same_answer(void **state)
{
    struct replays r = {.s = *state};
    struct centre *s = r.s;
    centre_opened(s);
    ask_first(&r);
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        replay_in_phase(&r, phase);
    assert_int_equal(centre_advance(s), ROUNDS_ABANDONED);
    expect(&r, SENDER, &r.frames[PHASE_UNMASK], REASON_ABANDONED, "given up",
           PHASE_UNMASK);
    play_again(&r, REASON_STALE_ATTEMPT);
    print_message("%zu replays\n", r.tried);
    assert_true(r.tried >= 60);
    leave(&r);
}

/* A key that the roster lost, also in the middle of an attempt: nothing it signed counts
 * any more. */
static void replays__by_a_key_that_was_struck_off_are_refused(void **state)
{
    struct replays r = {.s = *state};
    struct centre *s = r.s;
    struct bytes bytes = {0};
    struct roster_fields fields = s->c->fields;
    centre_opened(s);
    ask_first(&r);
    for (size_t i = 0; i < HOSPITALS; i++)
        centre_enter(s, i);
    for (enum phase phase = 0; phase < PHASE_CONFIRM; phase++)
        replay_in_phase(&r, phase);
    fields.version = 2;
    memcpy(fields.previous, roster_hash(s->coordinator->roster), HASH_BYTES);
    fields.members.items++; /* all but SENDER */
    fields.members.count--;
    assert_ok(roster_sign(s->c->governance, &fields, &bytes));
    assert_ok(coordinator_roster(s->coordinator, codec_view(&bytes)));
    for (size_t kind = 0; kind < KINDS; kind++)
        if (r.frames[kind].size)
            expect(&r, SENDER, &r.frames[kind], REASON_NOT_IN_ROSTER, "an old key", kind);
    bytes_free(&bytes);
    leave(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CENTRE(replays__are_refused_or_get_the_same_answer),
        IN_CENTRE(replays__by_a_key_that_was_struck_off_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
