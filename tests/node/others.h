#ifndef TESTS_NODE_OTHERS_H
#define TESTS_NODE_OTHERS_H

/* others - attempts of the hospital with four others and a coordinator, which are bare
 * state machines in the test's hand. */

#include "coordinator/collection.h"
#include "hospital.h"
#include "node/part.h"
#include "sim/agreeable.h"

/* Sign a plan and enter it. */
static inline enum err enter(struct hospital *h, const struct plan *plan,
                             struct part **part)
{
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    assert_ok(plan_sign(h->c->coordinator, plan, &bytes, hash));
    enum err err = part_new(h->node, &h->clock, h->c->terms.study, codec_view(&bytes),
                            NULL, part, NULL);
    bytes_free(&bytes);
    return err;
}

static inline size_t attempts_entered(struct hospital *h)
{
    struct query *query;
    bool row;
    assert_ok(store_query(h->node->store, "SELECT count(*) FROM attempts", &query));
    assert_ok(query_step(query, &row));
    size_t count = (size_t)query_get_int(query, 0);
    query_reset(query);
    return count;
}

/* Refused with nothing entered and nothing charged, and on record once. */
static inline void refuses(struct hospital *h, const struct plan *plan,
                           const char *sentence)
{
    struct part *part;
    uint64_t before = ledger_length(h->node->ledger);
    size_t entered = attempts_entered(h);
    assert_int_not_equal(enter(h, plan, &part), ERR_OK);
    if (!strstr(err_text(), sentence))
        fail_msg("\"%s\" does not say \"%s\"", err_text(), sentence);
    assert_null(part);
    size_t refusals = hospital_entries(h, AUDIT_REFUSAL);
    assert_true(refusals > 0);
    assert_int_not_equal(enter(h, plan, &part), ERR_OK);
    assert_int_equal(hospital_entries(h, AUDIT_REFUSAL), refusals);
    assert_int_equal(ledger_length(h->node->ledger), before);
    assert_int_equal(attempts_entered(h), entered);
}

/* --- the others, and the coordinator
 * ------------------------------------------------------- */

/* Hospitals 1 to 4 as bare state machines, whose numbers are all 7. */
struct others {
    struct collection *collection;
    struct random *random;
    struct agreeable worlds[HOSPITALS];
    struct attempt *attempts[HOSPITALS]; /* the first is the part's, NULL: not in it */
};

/* What hospital 1 reminds hospital 0 of; zeros: nothing. */
static uint8_t reminder[PAIRKEY_NOTE_BYTES];

static inline enum err other_gives(void *context, uint64_t *sum)
{
    const struct hospital *h = context;
    for (size_t i = 0; i < h->c->terms.dimension; i++)
        sum[i] = 7;
    return ERR_OK;
}

static inline void other_tells(void *context, const uint8_t member[KEY_BYTES],
                               uint8_t note[PAIRKEY_NOTE_BYTES])
{
    const struct hospital *h = context;
    if (memcmp(member, h->c->keys, KEY_BYTES) == 0)
        memcpy(note, reminder, sizeof reminder);
}

static inline void others_enter(struct hospital *h, const struct plan *plan,
                                struct others *o)
{
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES], seed[RANDOM_SEED_BYTES] = {1};
    *o = (struct others){.random = random_new_seeded(seed)};
    assert_ok(plan_sign(h->c->coordinator, plan, &bytes, hash));
    assert_ok(
        collection_new(codec_view(&bytes), h->c->coordinator_key, NULL, &o->collection));
    for (size_t i = 1; i < HOSPITALS; i++) {
        if (!terms_include(&plan->participants, h->c->keys + i * KEY_BYTES))
            continue;
        o->worlds[i] = (struct agreeable){.input = other_gives, .context = h};
        const struct attempt_world world =
            agreeable_world(&o->worlds[i], h->c->hospitals[i], o->random);
        struct attempt_start start = {.signed_plan = codec_view(&bytes),
                                      .coordinator_key = h->c->coordinator_key};
        if (i == 1)
            start.notes = (struct attempt_notes){other_tells, NULL, h};
        assert_ok(attempt_new(&start, &world, &o->attempts[i]));
    }
    bytes_free(&bytes);
}

static inline void others_leave(struct others *o)
{
    for (size_t i = 1; i < HOSPITALS; i++)
        attempt_destroy(&o->attempts[i]);
    collection_destroy(&o->collection);
    random_destroy(&o->random);
}

static inline void take(struct hospital *h, struct others *o, size_t from, uint32_t kind,
                        struct view body)
{
    bool fresh;
    enum err failure;
    assert_int_equal(collection_take(o->collection, h->c->keys + from * KEY_BYTES, kind,
                                     body, &fresh, &failure),
                     REASON_NONE);
    assert_true(fresh);
}

static inline void write_receipt(struct hospital *h, struct others *o, size_t to,
                                 struct bytes *body)
{
    static const uint8_t unsealed[HASH_BYTES];
    struct arena *arena = arena_new(1 << 16);
    struct input input;
    assert_ok(
        collection_input(o->collection, h->c->keys + to * KEY_BYTES, arena, &input));
    assert_ok(phase_receipt(&input, unsealed, body));
    arena_destroy(&arena);
}

static inline uint32_t answer_of(struct hospital *h, struct others *o, size_t to,
                                 uint32_t kind, struct bytes *body)
{
    uint32_t answer;
    assert_ok(collection_answer(o->collection, h->c->keys + to * KEY_BYTES, kind, &answer,
                                body));
    if (answer == MESSAGE_RECEIPT)
        write_receipt(h, o, to, body);
    return answer;
}

/* One phase: everybody asks, the phase is closed, everybody takes the answer. */
static inline enum err play_phase(struct hospital *h, struct part *part, struct others *o)
{
    struct node_exchange exchange;
    struct part_wait wait;
    struct bytes frame = {0}, body = {0}, answer = {0};
    struct arena *arena = arena_new(1 << 20);
    bool moved;
    uint32_t kind;
    struct view view;
    assert_ok(part_ask(part, &exchange, &frame));
    struct envelope asked = hospital_envelope(&frame, arena);
    take(h, o, 0, asked.kind, asked.body);
    for (size_t i = 1; i < HOSPITALS; i++) {
        if (!o->attempts[i])
            continue;
        assert_ok(attempt_message(o->attempts[i], &kind, &view));
        take(h, o, i, kind, view);
    }
    assert_ok(collection_advance(o->collection, false, &moved));
    assert_true(moved);
    for (size_t i = 1; i < HOSPITALS; i++) {
        if (!o->attempts[i])
            continue;
        uint32_t answered = answer_of(h, o, i, asked.kind, &body);
        assert_ok(attempt_take(o->attempts[i], answered, codec_view(&body)));
    }
    uint32_t answered = answer_of(h, o, 0, asked.kind, &body);
    hospital_answer(h, &frame, answered, &body, &answer);
    enum err result = part_take(part, &exchange, &answer, &wait);
    bytes_free(&frame);
    bytes_free(&body);
    bytes_free(&answer);
    arena_destroy(&arena);
    return result;
}

#endif
