#include "wire/envelope.h"

#include "check.h"
#include "consortium.h"

static const uint8_t nonce[NONCE_BYTES] = "a nonce of 16 b";

/* The frame of a poll from hospital 0 to the coordinator. */
static struct envelope poll_fields(const struct consortium *c, struct bytes *body)
{
    struct poll poll = {.ledger_length = 4};
    struct envelope envelope = {.kind = MESSAGE_POLL, .round = 1, .attempt = 2};
    body->size = 0;
    assert_ok(codec_encode_poll(&poll, body));
    memcpy(envelope.consortium, roster_consortium(c->roster), HASH_BYTES);
    memcpy(envelope.recipient, c->coordinator_key, KEY_BYTES);
    memcpy(envelope.study, c->terms.study, STUDY_BYTES);
    memcpy(envelope.nonce, nonce, NONCE_BYTES);
    envelope.body = codec_view(body);
    return envelope;
}

struct setting {
    struct roster_gate gate;
    struct envelope_rule rule;
};

/* What the coordinator insists on, for a connection by hospital 0's CURVE key. */
static void coordinators_rule(const struct consortium *c, struct setting *setting)
{
    setting->gate = (struct roster_gate){c->roster, c->curves[0], NOW};
    setting->rule = (struct envelope_rule){
        .kinds = 1u << MESSAGE_POLL, .admit = roster_admits, .who = &setting->gate};
    memcpy(setting->rule.consortium, roster_consortium(c->roster), HASH_BYTES);
    memcpy(setting->rule.recipient, c->coordinator_key, KEY_BYTES);
}

static enum reason opens(const struct envelope_rule *rule, const struct bytes *frame,
                         struct envelope *envelope)
{
    struct arena *arena = codec_arena(frame->size);
    enum reason reason = envelope_open(rule, codec_view(frame), arena, envelope);
    envelope->body = (struct view){0};
    arena_destroy(&arena);
    return reason;
}

static void envelope__a_sealed_message_opens_for_its_recipient(void **state)
{
    const struct consortium *c = *state;
    struct setting setting;
    struct bytes body = {0}, frame = {0};
    struct envelope sent = poll_fields(c, &body), got;
    struct poll poll;
    coordinators_rule(c, &setting);
    assert_ok(envelope_seal(c->hospitals[0], &sent, &frame));
    struct arena *arena = codec_arena(frame.size);
    assert_int_equal(envelope_open(&setting.rule, codec_view(&frame), arena, &got),
                     REASON_NONE);
    assert_memory_equal(got.sender, c->keys, KEY_BYTES);
    assert_memory_equal(got.nonce, nonce, NONCE_BYTES);
    assert_int_equal(got.version, 1);
    assert_int_equal(got.attempt, 2);
    assert_ok(codec_decode_poll(got.body, arena, &poll));
    assert_int_equal(poll.ledger_length, 4);
    arena_destroy(&arena);
    bytes_free(&body);
    bytes_free(&frame);
}

/* One thing wrong at a time, in the order in which docs/protocol.md says they are looked
 * at: each frame is also wrong in everything that is looked at later. */
static void envelope__checks_come_in_the_documented_order(void **state)
{
    const struct consortium *c = *state;
    struct setting setting;
    struct bytes body = {0}, frame = {0};
    struct envelope got;
    coordinators_rule(c, &setting);
    setting.rule.nonce = (const uint8_t *)"not this nonce..";
    static const enum reason expected[] = {REASON_WRONG_CONSORTIUM,
                                           REASON_WRONG_RECIPIENT,
                                           REASON_WRONG_KIND,
                                           REASON_NOT_IN_ROSTER,
                                           REASON_BAD_SIGNATURE,
                                           REASON_WRONG_NONCE,
                                           REASON_NONE};
    for (size_t right = 0; right < 7; right++) {
        struct envelope sent = poll_fields(c, &body);
        if (right < 1)
            sent.consortium[0] ^= 1;
        if (right < 2)
            sent.recipient[31] ^= 1;
        if (right < 3)
            sent.kind = MESSAGE_ADVERT;
        if (right == 6)
            setting.rule.nonce = nonce;
        frame.size = 0;
        assert_ok(
            envelope_seal(right < 4 ? c->stranger : c->hospitals[0], &sent, &frame));
        if (right < 5)
            frame.data[frame.size - 1] ^= 1;
        assert_int_equal(opens(&setting.rule, &frame, &got), expected[right]);
    }
    bytes_free(&body);
    bytes_free(&frame);
}

static void envelope__another_version_is_said_to_be_one(void **state)
{
    const struct consortium *c = *state;
    struct setting setting;
    struct bytes body = {0}, frame = {0}, answer = {0};
    struct envelope sent = poll_fields(c, &body), got;
    coordinators_rule(c, &setting);
    assert_ok(envelope_seal(c->hospitals[0], &sent, &frame));
    uint8_t *version = frame.data + 1 + 2 + 1; /* tag, length in two bytes, tag */
    assert_int_equal(*version, 1);
    *version = 2;
    assert_int_equal(opens(&setting.rule, &frame, &got), REASON_BAD_VERSION);
    /* and can still be answered */
    assert_ok(envelope_refuse(c->coordinator, codec_view(&frame), REASON_BAD_VERSION, "",
                              &answer));
    version[-1] = 0x10; /* another field comes first */
    assert_int_equal(opens(&setting.rule, &frame, &got), REASON_MALFORMED);
    bytes_free(&body);
    bytes_free(&frame);
    bytes_free(&answer);
}

static void envelope__a_kind_that_does_not_exist_is_never_expected(void **state)
{
    const struct consortium *c = *state;
    struct setting setting;
    struct bytes body = {0}, frame = {0}, object = {0};
    struct envelope sent = poll_fields(c, &body), got;
    coordinators_rule(c, &setting);
    setting.rule.kinds = UINT32_MAX;
    size_t unknown = 0;
    for (uint32_t kind = 3; kind < 32; kind++) {
        if (envelope_tag(kind)) /* one that exists */
            continue;
        unknown++;
        sent.kind = kind;
        assert_refused(ERR_RANGE, "kind", envelope_seal(c->hospitals[0], &sent, &frame));
        sent.version = WIRE_VERSION;
        memcpy(sent.sender, c->keys, KEY_BYTES);
        object.size = 0, frame.size = 0;
        assert_ok(codec_encode_envelope(&sent, &object));
        assert_ok(
            envelope_sign(c->hospitals[0], "gemel/poll/1", codec_view(&object), &frame));
        assert_int_equal(opens(&setting.rule, &frame, &got), REASON_WRONG_KIND);
        frame.size = 0;
    }
    assert_int_equal(unknown, 29 - 12); /* 4, 5, and 16 to 25 exist */
    bytes_free(&body);
    bytes_free(&frame);
    bytes_free(&object);
}

/* A signature for one kind cannot be shown as another's, nor an object's as a message's.
 */
static void envelope__a_signature_is_of_one_kind(void **state)
{
    const struct consortium *c = *state;
    struct bytes object = {0}, bytes = {0};
    struct view view;
    bytes_append(&object, "an object", 9);
    assert_ok(envelope_sign(c->governance, "gemel/terms/1", codec_view(&object), &bytes));
    struct arena *arena = codec_arena(bytes.size);
    assert_ok(envelope_verify(c->governance_key, "gemel/terms/1", codec_view(&bytes),
                              arena, &view));
    assert_memory_equal(view.data, "an object", 9);
    assert_int_equal(envelope_verify(c->governance_key, "gemel/plan/1",
                                     codec_view(&bytes), arena, &view),
                     ERR_VERIFY);
    assert_int_equal(envelope_verify(c->coordinator_key, "gemel/terms/1",
                                     codec_view(&bytes), arena, &view),
                     ERR_VERIFY);
    arena_destroy(&arena);
    bytes_free(&object);
    bytes_free(&bytes);
}

static void envelope__no_byte_of_a_frame_may_change(void **state)
{
    const struct consortium *c = *state;
    struct setting setting;
    struct bytes body = {0}, frame = {0};
    struct envelope sent = poll_fields(c, &body), got;
    coordinators_rule(c, &setting);
    setting.rule.nonce = nonce;
    assert_ok(envelope_seal(c->hospitals[0], &sent, &frame));
    uint32_t seen = 0;
    for (size_t at = 0; at < frame.size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            frame.data[at] ^= (uint8_t)(1u << bit);
            enum reason reason = opens(&setting.rule, &frame, &got);
            assert_int_not_equal(reason, REASON_NONE);
            seen |= 1u << reason;
            frame.data[at] ^= (uint8_t)(1u << bit);
        }
    /* the change of a body or of the numbers is left to the signature */
    assert_true(seen >> REASON_BAD_SIGNATURE & 1);
    for (size_t cut = 0; cut < frame.size; cut++) {
        struct bytes part = {frame.data, cut, cut};
        assert_int_equal(opens(&setting.rule, &part, &got), REASON_MALFORMED);
    }
    bytes_free(&body);
    bytes_free(&frame);
}

static void envelope__the_gate_knows_key_time_and_connection(void **state)
{
    const struct consortium *c = *state;
    struct setting setting;
    struct bytes body = {0}, frame = {0};
    struct envelope sent = poll_fields(c, &body), got;
    coordinators_rule(c, &setting);
    assert_ok(envelope_seal(c->hospitals[0], &sent, &frame));
    assert_int_equal(opens(&setting.rule, &frame, &got), REASON_NONE);
    setting.gate.curve = c->curves[1];
    assert_int_equal(opens(&setting.rule, &frame, &got), REASON_WRONG_LINK);
    setting.gate.now = NOW + 100000;
    assert_int_equal(opens(&setting.rule, &frame, &got), REASON_EXPIRED);
    setting.gate.now = NOW - 1001;
    assert_int_equal(opens(&setting.rule, &frame, &got), REASON_EXPIRED);
    setting.gate.now = NOW + 99999;
    setting.gate.curve = c->curves[0];
    assert_int_equal(opens(&setting.rule, &frame, &got), REASON_NONE);
    bytes_free(&body);
    bytes_free(&frame);
}

static void open_answer(const struct consortium *c, const struct bytes *answer,
                        enum message_kind kind, struct arena *arena,
                        struct envelope *envelope)
{
    struct envelope_rule rule = {.kinds = 1u << kind,
                                 .nonce = nonce,
                                 .admit = envelope_pinned,
                                 .who = c->coordinator_key};
    memcpy(rule.consortium, roster_consortium(c->roster), HASH_BYTES);
    memcpy(rule.recipient, c->keys, KEY_BYTES);
    assert_int_equal(envelope_open(&rule, codec_view(answer), arena, envelope),
                     REASON_NONE);
    assert_memory_equal(envelope->study, c->terms.study, STUDY_BYTES);
    assert_int_equal(envelope->round, 1);
    assert_int_equal(envelope->attempt, 2);
    rule.who = c->governance_key;
    struct envelope other;
    assert_int_equal(envelope_open(&rule, codec_view(answer), arena, &other),
                     REASON_UNKNOWN_SENDER);
}

static void envelope__answers_go_back_to_who_asked(void **state)
{
    const struct consortium *c = *state;
    struct setting setting;
    struct bytes body = {0}, frame = {0}, answer = {0};
    struct envelope sent = poll_fields(c, &body), got, back;
    struct arena *arena = arena_new(1 << 20);
    coordinators_rule(c, &setting);
    assert_ok(envelope_seal(c->hospitals[0], &sent, &frame));
    assert_int_equal(envelope_open(&setting.rule, codec_view(&frame), arena, &got),
                     REASON_NONE);
    struct reply reply = {.waiting = "the others", .now = NOW};
    body.size = 0;
    assert_ok(codec_encode_reply(&reply, &body));
    assert_ok(envelope_answer(c->coordinator, &got, MESSAGE_REPLY, &body, &answer));
    open_answer(c, &answer, MESSAGE_REPLY, arena, &back);
    assert_ok(codec_decode_reply(back.body, arena, &reply));
    assert_string_equal(reply.waiting, "the others");
    arena_destroy(&arena);
    bytes_free(&body);
    bytes_free(&frame);
    bytes_free(&answer);
}

static void envelope__a_refusal_answers_whatever_has_an_envelope(void **state)
{
    const struct consortium *c = *state;
    struct bytes body = {0}, frame = {0}, answer = {0};
    struct envelope sent = poll_fields(c, &body), back;
    struct refusal refusal;
    struct arena *arena = arena_new(1 << 20);
    assert_ok(envelope_seal(c->hospitals[0], &sent, &frame));
    frame.data[frame.size - 1] ^= 1; /* the signature */
    assert_ok(envelope_refuse(c->coordinator, codec_view(&frame), REASON_BAD_SIGNATURE,
                              "it does not hold", &answer));
    open_answer(c, &answer, MESSAGE_REFUSAL, arena, &back);
    assert_ok(codec_decode_refusal(back.body, arena, &refusal));
    assert_int_equal(refusal.reason, REASON_BAD_SIGNATURE);
    assert_string_equal(refusal.detail, "it does not hold");
    answer.size = 0; /* what cannot be said is left out */
    assert_ok(envelope_refuse(c->coordinator, codec_view(&frame), REASON_BUSY, "\x1b[2J",
                              &answer));
    open_answer(c, &answer, MESSAGE_REFUSAL, arena, &back);
    assert_ok(codec_decode_refusal(back.body, arena, &refusal));
    assert_string_equal(refusal.detail, "");
    answer.size = 0;
    frame.size--;
    assert_int_equal(envelope_refuse(c->coordinator, codec_view(&frame), REASON_MALFORMED,
                                     "", &answer),
                     ERR_FORMAT);
    assert_int_equal(answer.size, 0);
    arena_destroy(&arena);
    bytes_free(&body);
    bytes_free(&frame);
    bytes_free(&answer);
}

static void envelope__names_a_message_by_what_was_signed(void **state)
{
    const struct consortium *c = *state;
    struct bytes body = {0}, frame = {0};
    struct envelope sent = poll_fields(c, &body);
    uint8_t one[HASH_BYTES], other[HASH_BYTES];
    assert_ok(envelope_seal(c->hospitals[0], &sent, &frame));
    assert_ok(envelope_hash(codec_view(&frame), one));
    frame.data[frame.size - 1] ^= 1; /* another signature, the same message */
    assert_ok(envelope_hash(codec_view(&frame), other));
    assert_memory_equal(one, other, HASH_BYTES);
    frame.data[frame.size - 70] ^= 1; /* the last byte of the object */
    assert_ok(envelope_hash(codec_view(&frame), other));
    assert_memory_not_equal(one, other, HASH_BYTES);
    envelope_consortium("Gemel test", c->governance_key, one);
    assert_memory_equal(one, roster_consortium(c->roster), HASH_BYTES);
    envelope_consortium("Gemel tesu", c->governance_key, other);
    assert_memory_not_equal(one, other, HASH_BYTES);
    bytes_free(&body);
    bytes_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(envelope__a_sealed_message_opens_for_its_recipient),
        TEST_WITH_CONSORTIUM(envelope__checks_come_in_the_documented_order),
        TEST_WITH_CONSORTIUM(envelope__another_version_is_said_to_be_one),
        TEST_WITH_CONSORTIUM(envelope__a_kind_that_does_not_exist_is_never_expected),
        TEST_WITH_CONSORTIUM(envelope__a_signature_is_of_one_kind),
        TEST_WITH_CONSORTIUM(envelope__no_byte_of_a_frame_may_change),
        TEST_WITH_CONSORTIUM(envelope__the_gate_knows_key_time_and_connection),
        TEST_WITH_CONSORTIUM(envelope__answers_go_back_to_who_asked),
        TEST_WITH_CONSORTIUM(envelope__a_refusal_answers_whatever_has_an_envelope),
        TEST_WITH_CONSORTIUM(envelope__names_a_message_by_what_was_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
