#ifndef TESTS_COORDINATOR_CENTRE_H
#define TESTS_COORDINATOR_CENTRE_H

/* centre - the coordinator of the wire tests' consortium, in a store of its own, and its
 * hospitals: their keys in the test's hand, so that it can say anything in their names,
 * and each one's real state machine (node/attempt), so that a whole round can be played.
 */

#include "base/clock.h"
#include "base/memory.h"
#include "consortium.h"
#include "coordinator/attempts.h"
#include "coordinator/exchange.h"
#include "entries.h"
#include "wire/heads.h"
#include "node/attempt.h"
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

struct hospital {
    struct random *random;
    struct attempt *attempt; /* NULL: it has entered none */
    uint64_t *integers;      /* [dimension] its last input's, before the masks */
    uint64_t charged;        /* length of its ledger, whose head is this in each byte */
};

struct centre {
    struct consortium *c;
    void *directory;
    char *folder;
    struct coordinator *coordinator;
    uint64_t now, steady_ms;
    struct clock clock;
    struct model *model;
    uint8_t number[STUDY_BYTES]; /* of the study, once there is one */
    struct hospital hospitals[HOSPITALS];
};

static inline uint64_t centre_wall(void *context)
{
    return ((struct centre *)context)->now;
}

static inline uint64_t centre_steady(void *context)
{
    return ((struct centre *)context)->steady_ms;
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
    s->clock = (struct clock){centre_wall, centre_steady, s};
    for (size_t i = 0; i < HOSPITALS; i++) {
        uint8_t seed[HASH_BYTES] = {(uint8_t)i};
        s->hospitals[i].random = random_new_seeded(seed);
    }
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
    for (size_t i = 0; i < HOSPITALS; i++) {
        attempt_destroy(&s->hospitals[i].attempt);
        random_destroy(&s->hospitals[i].random);
        mem_free(s->hospitals[i].integers);
    }
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
    struct waiting waiting;
};

static inline void said_clear(struct said *said)
{
    if (said->arena)
        arena_destroy(&said->arena);
    bytes_free(&said->answer);
    *said = (struct said){0};
}

static inline void said_read(struct said *said)
{
    struct view body = said->envelope.body;
    struct refusal refusal;
    if (said->envelope.kind == MESSAGE_REFUSAL) {
        assert_ok(codec_decode_refusal(body, said->arena, &refusal));
        assert_ok(reason_from_number(refusal.reason, &said->reason));
    } else if (said->envelope.kind == MESSAGE_REPLY) {
        assert_ok(codec_decode_reply(body, said->arena, &said->reply));
    } else if (said->envelope.kind == MESSAGE_RECEIPT) {
        assert_ok(codec_decode_receipt(body, said->arena, &said->receipt));
    } else if (said->envelope.kind == MESSAGE_WAIT) {
        assert_ok(codec_decode_waiting(body, said->arena, &said->waiting));
    }
    if (said->envelope.kind != MESSAGE_REPLY) /* one may say that a ledger is behind */
        assert_int_equal(said->reason, said->outcome.reason);
    assert_int_equal(said->envelope.kind == MESSAGE_WAIT,
                     said->outcome.waiting || said->outcome.gave_up != REASON_NONE);
}

/* Hand a frame in as from hospital `from`'s connection and read the answer, which must be
 * signed by the coordinator. */
static inline void centre_hear(struct centre *s, size_t from, const struct bytes *frame,
                               struct said *said)
{
    struct signed_bytes parts;
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
    said_read(said);
}

static inline void centre_send(struct centre *s, size_t from,
                               const struct envelope *envelope, struct said *said)
{
    struct bytes frame = {0};
    assert_ok(envelope_seal(s->c->hospitals[from], envelope, &frame));
    centre_hear(s, from, &frame, said);
    bytes_free(&frame);
}

static inline void centre_ask(struct centre *s, size_t from, const struct poll *poll,
                              struct said *said)
{
    struct bytes body = {0};
    struct envelope envelope = centre_envelope(s, MESSAGE_POLL);
    struct poll shown = *poll;
    bool about = !bytes_are_zero(s->number, STUDY_BYTES);
    assert_ok(heads_sign(s->c->hospitals[from], about ? s->number : NULL, &shown));
    assert_ok(codec_encode_poll(&shown, &body));
    envelope.body = codec_view(&body);
    centre_send(s, from, &envelope, said);
    bytes_free(&body);
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

/* --- the coordinator's mind
 * ------------------------------------------------------------------- */

static inline enum rounds_outcome centre_advance(struct centre *s)
{
    const struct coord_study *study;
    enum rounds_outcome outcome;
    char told[256];
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    assert_ok(rounds_advance(s->coordinator, &s->clock, study, &outcome, told));
    return outcome;
}

/* A study whose first attempt is open to all five hospitals. */
static inline void centre_opened(struct centre *s)
{
    centre_study(s);
    centre_join(s, HOSPITALS);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
}

static inline size_t centre_entries(const struct centre *s, enum audit_kind kind)
{
    return entries_of(s->coordinator->store, kind);
}

/* The study's attempt, in progress or the last. */
static inline struct collection *centre_collection(struct centre *s)
{
    struct coord_attempt *attempt;
    assert_ok(attempts_find(s->coordinator, &s->clock, s->number, &attempt));
    return attempt->collection;
}

static inline const struct plan *centre_plan(struct centre *s)
{
    return collection_plan(centre_collection(s));
}

static inline int64_t centre_count(struct centre *s, const char *sql)
{
    struct query *query;
    bool row;
    assert_ok(store_query(s->coordinator->store, sql, &query));
    assert_ok(query_step(query, &row));
    int64_t count = query_get_int(query, 0);
    query_reset(query);
    return count;
}

/* The link of a round that was published; it points into the arena. */
static inline struct chain_link centre_link(struct centre *s, uint64_t round,
                                            struct arena *arena)
{
    struct bytes storage = {0};
    struct view view;
    struct chain_link link;
    uint8_t hash[HASH_BYTES];
    size_t count;
    assert_ok(coord_studies_links(s->coordinator, s->number, round - 1, 1, &storage,
                                  &view, &count));
    assert_int_equal(count, 1);
    assert_ok(chain_open(view, s->c->coordinator_key, arena, &link, hash));
    bytes_free(&storage);
    return link;
}

/* --- a hospital's attempt
 * --------------------------------------------------------------------- */

static inline enum err hospital_enter(void *context)
{
    (void)context;
    return ERR_OK;
}

/* Any numbers: what is added up is modulo 2^64. */
static inline enum err hospital_input(void *context, uint64_t *sum)
{
    struct hospital *h = context;
    uint32_t dimension = attempt_plan(h->attempt)->dimension;
    mem_free(h->integers);
    h->integers = mem_new(dimension, sizeof *h->integers);
    for (uint32_t i = 0; i < dimension; i++)
        h->integers[i] = random_u64(h->random);
    memcpy(sum, h->integers, dimension * sizeof *sum);
    return ERR_OK;
}

static inline enum err hospital_charge(void *context, const uint64_t *masked,
                                       uint64_t *length, uint8_t head[HASH_BYTES])
{
    struct hospital *h = context;
    (void)masked;
    *length = ++h->charged;
    memset(head, (int)h->charged, HASH_BYTES);
    return ERR_OK;
}

static inline enum err hospital_commit(void *context)
{
    (void)context;
    return ERR_OK;
}

static inline void hospital_cancel(void *context)
{
    ((struct hospital *)context)->charged--;
}

/* Poll, and enter the attempt of the plan that comes. */
static inline void centre_enter(struct centre *s, size_t from)
{
    struct hospital *h = &s->hospitals[from];
    struct said said = {0};
    struct poll poll = centre_poll(s);
    poll.ledger_length = h->charged;
    memset(poll.ledger_head, (int)h->charged, HASH_BYTES);
    centre_ask(s, from, &poll, &said);
    assert_true(said.reply.plan.size > 0);
    const struct attempt_world world = {
        s->c->hospitals[from], h->random,       hospital_enter,  hospital_input,
        hospital_charge,       hospital_commit, hospital_cancel, h};
    struct attempt_start start = {.signed_plan = said.reply.plan,
                                  .coordinator_key = s->c->coordinator_key,
                                  .ledger_length = h->charged};
    memset(start.ledger_head, (int)h->charged, HASH_BYTES);
    attempt_destroy(&h->attempt);
    assert_ok(attempt_new(&start, &world, &h->attempt));
    said_clear(&said);
}

/* The message of a hospital's phase; its body is the attempt's. */
static inline struct envelope centre_message(const struct centre *s, size_t from)
{
    const struct attempt *attempt = s->hospitals[from].attempt;
    struct envelope envelope = centre_envelope(s, 0);
    envelope.round = attempt_plan(attempt)->round;
    envelope.attempt = attempt_plan(attempt)->attempt;
    assert_ok(attempt_message(attempt, &envelope.kind, &envelope.body));
    return envelope;
}

/* A hospital sends what it has to say in its phase and takes the answer. */
static inline void centre_say(struct centre *s, size_t from, struct said *said)
{
    struct envelope envelope = centre_message(s, from);
    centre_send(s, from, &envelope, said);
    assert_int_equal(said->reason, REASON_NONE);
    assert_ok(attempt_take(s->hospitals[from].attempt, said->envelope.kind,
                           said->envelope.body));
}

/* Hospitals 0 to `count` - 1 send what they have to say in this phase, and wait. */
static inline void centre_speak(struct centre *s, size_t count)
{
    struct said said = {0};
    for (size_t i = 0; i < count; i++) {
        centre_say(s, i, &said);
        assert_true(said.outcome.stored);
        assert_true(said.outcome.waiting);
    }
    said_clear(&said);
}

/* And once the phase is over they are told what it led to. */
static inline void centre_listen(struct centre *s, size_t count)
{
    struct said said = {0};
    for (size_t i = 0; i < count; i++) {
        centre_say(s, i, &said);
        assert_false(said.outcome.stored);
        assert_false(said.outcome.waiting);
    }
    said_clear(&said);
}

/* A phase in which hospitals 0 to `count` - 1 speak: the others are not waited for. */
static inline void centre_phase(struct centre *s, size_t count)
{
    centre_speak(s, count);
    if (count < collection_expected(centre_collection(s))) {
        assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
        s->steady_ms += 86400000;
    }
    assert_int_equal(centre_advance(s), ROUNDS_MOVED);
    centre_listen(s, count);
}

/* Hospitals 0 to `count` - 1 enter the attempt in progress and play it until there is a
 * sum to publish. */
static inline void centre_play(struct centre *s, size_t count)
{
    for (size_t i = 0; i < count; i++)
        centre_enter(s, i);
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        centre_phase(s, count);
    for (size_t i = 0; i < count; i++)
        assert_true(attempt_succeeded(s->hospitals[i].attempt));
}

/* As a link names the sum of what hospitals 0 to `count` - 1 put in last. */
static inline void centre_sum(const struct centre *s, size_t count, uint32_t dimension,
                              uint8_t hash[HASH_BYTES])
{
    uint64_t *sum = mem_new(dimension, sizeof *sum);
    for (size_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < dimension; k++)
            sum[k] += s->hospitals[i].integers[k];
    chain_sum_hash(&(struct words){sum, dimension}, hash);
    mem_free(sum);
}

#endif
