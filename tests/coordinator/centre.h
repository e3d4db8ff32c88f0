#ifndef TESTS_COORDINATOR_CENTRE_H
#define TESTS_COORDINATOR_CENTRE_H

/* centre - the coordinator of the wire tests' consortium, in a store of its own, and the
 * hospitals' keys in the test's hand, so that the test can say anything in their names.
 */

#include "base/clock.h"
#include "base/memory.h"
#include "consortium.h"
#include "coordinator/exchange.h"
#include "scratch.h"

static const char line_text[] = "model line version 1 \"t\"\n"
                                "time a\n"
                                "[parameters]\n"
                                "level = 4.8 1 normal sd 0.15 on AGE\n"
                                "[covariates]\n"
                                "AGE a centre 60 scale 40\n"
                                "[equations]\n"
                                "f = exp(level)*1 mm[Hg]\n"
                                "[observations]\n"
                                "SBP : f ~ lognormal(0.15)\n";

struct centre {
    struct consortium *c;
    void *directory;
    char *folder;
    struct coordinator *coordinator;
    uint64_t now;
    struct clock clock;
    struct model *model;
    uint8_t number[STUDY_BYTES]; /* of the study, once there is one */
};

static inline uint64_t centre_wall(void *context)
{
    return ((struct centre *)context)->now;
}

static inline void centre_restart(struct centre *s)
{
    coordinator_destroy(&s->coordinator);
    assert_ok(coordinator_open(s->folder, &s->coordinator));
}

static inline int centre_set_up(void **state)
{
    struct centre *s = mem_new(1, sizeof *s);
    void *consortium;
    if (scratch_setup(&s->directory) != 0 || consortium_set_up(&consortium) != 0)
        return -1;
    s->c = consortium;
    s->now = NOW;
    s->clock = (struct clock){centre_wall, centre_wall, s};
    s->folder = scratch_path(s->directory, "home");
    assert_ok(model_parse(line_text, strlen(line_text), "line", &s->model));
    assert_ok(coordinator_create(s->folder, s->c->fields.consortium_name,
                                 s->c->fields.endpoint, s->c->governance_key,
                                 &s->coordinator));
    assert_ok(home_set(s->coordinator->home, "identity",
                       identity_secret(s->c->coordinator), IDENTITY_SECRET_BYTES));
    centre_restart(s);
    *state = s;
    return 0;
}

static inline int centre_tear_down(void **state)
{
    struct centre *s = *state;
    void *consortium = s->c;
    coordinator_destroy(&s->coordinator);
    model_destroy(&s->model);
    free(s->folder);
    int failed = scratch_teardown(&s->directory);
    consortium_tear_down(&consortium);
    mem_free(s);
    return failed;
}

#define IN_CENTRE(name)                                                                  \
    cmocka_unit_test_setup_teardown(name, centre_set_up, centre_tear_down)

/* Take the roster of `version` with the first `count` hospitals into force. */
static inline void centre_roster(struct centre *s, uint64_t version, size_t count)
{
    struct bytes bytes = {0};
    struct roster_fields fields = s->c->fields;
    fields.version = version;
    fields.members.count = count;
    if (version > 1)
        memcpy(fields.previous, roster_hash(s->coordinator->roster), HASH_BYTES);
    assert_ok(roster_sign(s->c->governance, &fields, &bytes));
    assert_ok(coordinator_roster(s->coordinator, codec_view(&bytes)));
    bytes_free(&bytes);
}

static inline struct coord_study_request centre_request(const struct centre *s)
{
    return (struct coord_study_request){.name = "pressure",
                                        .purpose = "",
                                        .model = s->model,
                                        .epsilon = 1,
                                        .delta = 1e-6,
                                        .budget_ratio = 0.5,
                                        .rounds = 2,
                                        .hospitals_min = 3};
}

/* A roster of five and a study of two rounds. */
static inline void centre_study(struct centre *s)
{
    struct coord_study_request request = centre_request(s);
    if (!s->coordinator->roster)
        centre_roster(s, 1, HOSPITALS);
    assert_ok(coord_studies_create(s->coordinator, &request, s->now, s->number));
}

/* --- a hospital's mouth ----------------------------------------------------------------
 */

/* An empty poll about the study in `number` (zeros: none) at the chain's beginning. */
static inline struct poll centre_poll(const struct centre *s)
{
    struct poll poll = {.roster_version = 1};
    const struct coord_study *study;
    memcpy(poll.roster_hash, roster_hash(s->coordinator->roster), HASH_BYTES);
    if (!bytes_are_zero(s->number, STUDY_BYTES)) {
        assert_ok(coord_studies_open(s->coordinator, s->number, &study));
        memcpy(poll.chain_head, study->hash, HASH_BYTES);
    }
    return poll;
}

static inline struct envelope centre_envelope(const struct centre *s,
                                              enum message_kind kind)
{
    struct envelope envelope = {.kind = kind};
    memcpy(envelope.consortium, s->coordinator->consortium, HASH_BYTES);
    memcpy(envelope.recipient, s->c->coordinator_key, KEY_BYTES);
    memcpy(envelope.study, s->number, STUDY_BYTES);
    memset(envelope.nonce, 5, NONCE_BYTES);
    return envelope;
}

/* What came back. Views lie in the arena. */
struct said {
    struct arena *arena;
    struct bytes answer;
    struct coord_exchange_outcome outcome;
    struct envelope envelope;
    enum reason reason; /* of a refusal */
    struct reply reply;
    struct receipt receipt;
};

static inline void said_clear(struct said *said)
{
    if (said->arena)
        arena_destroy(&said->arena);
    bytes_free(&said->answer);
    *said = (struct said){0};
}

/* Hand a frame in as from hospital `from`'s connection and read the answer, which must be
 * signed by the coordinator. */
static inline void centre_hear(struct centre *s, size_t from, const struct bytes *frame,
                               struct said *said)
{
    struct signed_bytes parts;
    struct refusal refusal;
    said_clear(said);
    said->arena = arena_new(16 << 20);
    assert_ok(coord_exchange_answer(s->coordinator, &s->clock, s->c->curves[from], frame,
                                    &said->answer, &said->outcome));
    if (!said->answer.size)
        return;
    assert_ok(codec_decode_signed_bytes(codec_view(&said->answer), said->arena, &parts));
    assert_ok(codec_decode_envelope(parts.object, said->arena, &said->envelope));
    assert_ok(identity_verify(s->c->coordinator_key, envelope_tag(said->envelope.kind),
                              parts.object.data, parts.object.size, parts.signature));
    if (said->envelope.kind == MESSAGE_REFUSAL) {
        assert_ok(codec_decode_refusal(said->envelope.body, said->arena, &refusal));
        assert_ok(reason_from_number(refusal.reason, &said->reason));
    } else if (said->envelope.kind == MESSAGE_REPLY) {
        assert_ok(codec_decode_reply(said->envelope.body, said->arena, &said->reply));
    } else {
        assert_int_equal(said->envelope.kind, MESSAGE_RECEIPT);
        assert_ok(codec_decode_receipt(said->envelope.body, said->arena, &said->receipt));
    }
    if (said->envelope.kind != MESSAGE_REPLY) /* one may say that a ledger is behind */
        assert_int_equal(said->reason, said->outcome.reason);
}

static inline void centre_ask(struct centre *s, size_t from, const struct poll *poll,
                              struct said *said)
{
    struct bytes body = {0}, frame = {0};
    struct envelope envelope = centre_envelope(s, MESSAGE_POLL);
    assert_ok(codec_encode_poll(poll, &body));
    envelope.body = codec_view(&body);
    assert_ok(envelope_seal(s->c->hospitals[from], &envelope, &frame));
    centre_hear(s, from, &frame, said);
    bytes_free(&body);
    bytes_free(&frame);
}

/* Hospitals 0 to `count` - 1 ask about the study, which is how they join. */
static inline void centre_join(struct centre *s, size_t count)
{
    struct said said = {0};
    struct poll poll = centre_poll(s);
    for (size_t i = 0; i < count; i++)
        centre_ask(s, i, &poll, &said);
    said_clear(&said);
}

static inline enum rounds_outcome centre_advance(struct centre *s)
{
    const struct coord_study *study;
    enum rounds_outcome outcome;
    char told[256];
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    assert_ok(rounds_advance(s->coordinator, &s->clock, study, &outcome, told));
    return outcome;
}

/* The attempt in progress; its plan points into the arena. */
static inline struct coord_attempt centre_attempt(struct centre *s, struct arena *arena)
{
    const struct coord_study *study;
    struct coord_attempt attempt;
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    assert_ok(rounds_current(s->coordinator, study, arena, &attempt));
    bytes_free(&attempt.signed_plan);
    return attempt;
}

/* What hospital `from` would contribute to an attempt: `value` in every number. */
struct part {
    struct envelope envelope;
    struct contribution contribution;
    uint64_t *vector;
};

static inline struct part centre_part(const struct centre *s,
                                      const struct coord_attempt *attempt, uint64_t value)
{
    struct part part = {.envelope = centre_envelope(s, MESSAGE_CONTRIBUTION),
                        .contribution = {.ledger_length = attempt->plan.round},
                        .vector = mem_new(attempt->plan.dimension + 1, sizeof(uint64_t))};
    part.envelope.round = attempt->plan.round;
    part.envelope.attempt = attempt->plan.attempt;
    memcpy(part.contribution.plan, attempt->hash, HASH_BYTES);
    memset(part.contribution.ledger_head, (int)attempt->plan.round, HASH_BYTES);
    for (size_t i = 0; i <= attempt->plan.dimension; i++)
        part.vector[i] = value;
    part.contribution.vector = (struct words){part.vector, attempt->plan.dimension};
    return part;
}

static inline void centre_frame(const struct centre *s, size_t from,
                                const struct part *part, struct bytes *frame)
{
    struct bytes body = {0};
    struct envelope envelope = part->envelope;
    frame->size = 0;
    assert_ok(codec_encode_contribution(&part->contribution, &body));
    envelope.body = codec_view(&body);
    assert_ok(envelope_seal(s->c->hospitals[from], &envelope, frame));
    bytes_free(&body);
}

static inline void centre_send(struct centre *s, size_t from, const struct part *part,
                               struct said *said)
{
    struct bytes frame = {0};
    centre_frame(s, from, part, &frame);
    centre_hear(s, from, &frame, said);
    bytes_free(&frame);
}

/* Hospitals 0 to `count` - 1 contribute to the attempt in progress. */
static inline void centre_contribute(struct centre *s, size_t count, uint64_t value)
{
    struct arena *arena = codec_arena(WIRE_PLAN_MAX);
    struct coord_attempt attempt = centre_attempt(s, arena);
    struct said said = {0};
    for (size_t i = 0; i < count; i++) {
        struct part part = centre_part(s, &attempt, value + i);
        centre_send(s, i, &part, &said);
        assert_true(said.outcome.stored);
        mem_free(part.vector);
    }
    said_clear(&said);
    arena_destroy(&arena);
}

#endif
