#include "check.h"
#include "centre.h"

#include <sys/wait.h>

#include "fault.h"

static char *waiting(struct centre *s)
{
    static char text[256];
    const struct coord_study *study;
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    assert_ok(rounds_waiting(s->coordinator, study, text));
    return text;
}

static int64_t count_of(struct centre *s, const char *sql)
{
    struct query *query;
    bool row;
    assert_ok(store_query(s->coordinator->store, sql, &query));
    assert_ok(query_step(query, &row));
    int64_t count = query_get_int(query, 0);
    query_reset(query);
    return count;
}

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
    assert_string_equal(waiting(s), "round 1 of 2, attempt 1: 0 of 5 hospitals answered");
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
}

static void rounds__open_without_the_missing_when_patience_ends(void **state)
{
    struct centre *s = *state;
    struct arena *arena = codec_arena(WIRE_PLAN_MAX);
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
    struct coord_attempt attempt = centre_attempt(s, arena);
    assert_int_equal(attempt.plan.participants.count, 3);
    assert_int_equal(attempt.plan.deadline, s->now + 86400);
    arena_destroy(&arena);
}

static void rounds__a_plan_is_one_that_a_node_accepts(void **state)
{
    struct centre *s = *state;
    struct arena *arena = codec_arena(WIRE_PLAN_MAX);
    const struct coord_study *study;
    centre_study(s);
    centre_join(s, HOSPITALS);
    centre_advance(s);
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    struct coord_attempt attempt = centre_attempt(s, arena);
    struct plan_context context = {.terms = &study->terms,
                                   .terms_hash = study->hash,
                                   .roster = s->coordinator->roster,
                                   .chain_head = study->chain.head,
                                   .own_key = s->c->keys,
                                   .now = s->now};
    assert_int_equal(plan_check(&attempt.plan, &context), REASON_NONE);
    arena_destroy(&arena);
}

/* At the deadline: enough answered, a prior; too few, another attempt. */
static void rounds__end_at_the_deadline(void **state)
{
    struct centre *s = *state;
    struct arena *arena = arena_new(1 << 20);
    centre_study(s);
    centre_join(s, HOSPITALS);
    centre_advance(s);
    struct coord_attempt first = centre_attempt(s, arena);
    centre_contribute(s, 2, 0);
    s->now = first.plan.deadline - 1;
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
    s->now = first.plan.deadline;
    assert_int_equal(centre_advance(s), ROUNDS_ABANDONED);
    assert_int_equal(
        count_of(s, "SELECT count(*) FROM contributions WHERE vector != x''"), 0);
    centre_restart(s);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    struct coord_attempt second = centre_attempt(s, arena);
    assert_int_equal(second.plan.round, 1);
    assert_int_equal(second.plan.attempt, 2);
    assert_memory_not_equal(second.hash, first.hash, HASH_BYTES);
    centre_contribute(s, 3, 0);
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING); /* two may still come */
    s->now = second.plan.deadline;
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    arena_destroy(&arena);
}

/* The link names the sum modulo 2^64 of what the hospitals sent. */
static void rounds__publish_the_sum_and_forget_its_parts(void **state)
{
    struct centre *s = *state;
    const struct coord_study *study;
    struct bytes storage = {0};
    struct view view;
    struct chain_link link;
    uint8_t hash[HASH_BYTES], sum_hash[HASH_BYTES];
    uint64_t sum[64];
    size_t count;
    centre_study(s);
    centre_join(s, HOSPITALS);
    centre_advance(s);
    centre_contribute(s, HOSPITALS, UINT64_MAX - 1);
    assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    assert_ok(coord_studies_open(s->coordinator, s->number, &study));
    assert_true(study->terms.dimension <= 64);
    for (size_t i = 0; i < study->terms.dimension; i++)
        sum[i] = 5 * (UINT64_MAX - 1) + 10;
    chain_sum_hash(&(struct words){sum, study->terms.dimension}, sum_hash);
    assert_ok(
        coord_studies_links(s->coordinator, s->number, 0, 1, &storage, &view, &count));
    struct arena *arena = codec_arena(view.size);
    assert_ok(chain_open(view, s->c->coordinator_key, arena, &link, hash));
    assert_memory_equal(link.sum, sum_hash, HASH_BYTES);
    assert_int_equal(link.contributions, HOSPITALS);
    assert_memory_equal(hash, study->chain.head, HASH_BYTES);
    assert_int_equal(count_of(s, "SELECT count(*) FROM contributions"), HOSPITALS);
    assert_int_equal(
        count_of(s, "SELECT count(*) FROM contributions WHERE vector != x''"), 0);
    arena_destroy(&arena);
    bytes_free(&storage);
}

static void rounds__the_last_one_finishes_the_study(void **state)
{
    struct centre *s = *state;
    centre_study(s);
    centre_join(s, HOSPITALS);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(centre_advance(s), ROUNDS_OPENED);
        centre_contribute(s, HOSPITALS, 0);
        assert_int_equal(centre_advance(s), ROUNDS_PUBLISHED);
    }
    assert_string_equal(waiting(s), "the study is finished");
    s->now += 1000000;
    assert_int_equal(centre_advance(s), ROUNDS_NOTHING);
}

static void rounds__a_member_struck_off_is_not_waited_for(void **state)
{
    struct centre *s = *state;
    struct arena *arena = codec_arena(WIRE_PLAN_MAX);
    centre_study(s);
    centre_join(s, HOSPITALS);
    centre_roster(s, 2, HOSPITALS - 1);
    s->now = NOW + 604800;
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    struct coord_attempt attempt = centre_attempt(s, arena);
    assert_int_equal(attempt.plan.participants.count, HOSPITALS - 1);
    assert_memory_equal(attempt.plan.roster, roster_hash(s->coordinator->roster),
                        HASH_BYTES);
    arena_destroy(&arena);
}

/* Link, state of the attempt and what is left of the contributions change together,
 * whenever the process dies; and going on publishes exactly one link. */
static void rounds__publish_all_or_nothing(void **state)
{
    struct centre *s = *state;
    bool done = false;
    int killed = 0;
    centre_study(s);
    centre_join(s, HOSPITALS);
    centre_advance(s);
    centre_contribute(s, HOSPITALS, 7);
    for (int at = 0; !done; at += 1 + at / 8) { /* a transaction of some 60 calls */
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
            _exit(rounds_advance(s->coordinator, &s->clock, study, &outcome, told) !=
                  ERR_OK);
        }
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        killed += WIFSIGNALED(status);
        assert_ok(coordinator_open(s->folder, &s->coordinator));
        int64_t links = count_of(s, "SELECT count(*) FROM links");
        done = links == 1;
        assert_int_equal(
            count_of(s, "SELECT count(*) FROM attempts WHERE state = 'published'"),
            links);
        assert_int_equal(
            count_of(s, "SELECT count(*) FROM contributions WHERE vector != x''"),
            done ? 0 : HOSPITALS);
        assert_true(done || WIFSIGNALED(status));
    }
    assert_true(killed > 5);
    assert_int_equal(centre_advance(s), ROUNDS_OPENED);
    assert_string_equal(waiting(s), "round 2 of 2, attempt 1: 0 of 5 hospitals answered");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CENTRE(rounds__open_when_everybody_has_joined),
        IN_CENTRE(rounds__open_without_the_missing_when_patience_ends),
        IN_CENTRE(rounds__a_plan_is_one_that_a_node_accepts),
        IN_CENTRE(rounds__end_at_the_deadline),
        IN_CENTRE(rounds__publish_the_sum_and_forget_its_parts),
        IN_CENTRE(rounds__the_last_one_finishes_the_study),
        IN_CENTRE(rounds__a_member_struck_off_is_not_waited_for),
        IN_CENTRE(rounds__publish_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
