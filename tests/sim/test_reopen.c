/* reopen - a coordinator that opens rounds again: the same attempt with other numbers,
 * one that has ended, and attempt after attempt among hospitals that differ by one, so
 * that their sums could be compared. A node gives one answer to an attempt, pays for
 * every input that leaves, never sends the same noise twice, gives shares for sums of one
 * round over the same hospitals only, and stops. */

#include <math.h>

#include "digest.h"
#include "privacy/fixedpoint.h"

#include "../node/others.h"

/* --- what is done to the plan of an attempt that was entered
 * -------------------------------- */

static void as_it_was(struct plan *plan)
{
    (void)plan;
}
static void later(struct plan *plan)
{
    plan->deadline++;
}
static void tighter(struct plan *plan)
{
    plan->norm_max--;
}
static void noisier(struct plan *plan)
{
    plan->noise_multiplier *= 2;
}
static void larger_quorum(struct plan *plan)
{
    plan->quorum++;
}
static void larger_threshold(struct plan *plan)
{
    plan->threshold++;
}
static void more_survivors(struct plan *plan)
{
    plan->survivors++;
}
static void other_step(struct plan *plan)
{
    plan->step /= 2;
}
static void one_hospital_less(struct plan *plan)
{
    plan->participants.count--;
    plan->degree--;
}
static void attempt_before(struct plan *plan)
{
    plan->attempt--;
}

static void (*const changes[])(struct plan *plan) = {
    as_it_was,        later,          tighter,    noisier,           larger_quorum,
    larger_threshold, more_survivors, other_step, one_hospital_less, attempt_before};
enum { CHANGES = sizeof changes / sizeof *changes };

/* However it changes, and whether the node was restarted or not: refused for this reason,
 * with nothing entered, charged or written. */
static size_t refuses_all(struct hospital *h, const struct plan *plan, enum reason reason)
{
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    size_t tried = 0;
    for (int restarted = 0; restarted < 2; restarted++) {
        digest_node(h->node, before);
        for (size_t i = 0; i < CHANGES; i++, tried++) {
            struct plan changed = *plan;
            changes[i](&changed);
            refuses(h, &changed, reason_sentence(reason));
        }
        digest_node(h->node, after);
        assert_memory_equal(before, after, HASH_BYTES);
        hospital_restart(h);
    }
    return tried;
}

/* --- one answer to an attempt
 * --------------------------------------------------------------- */

/* Asked again and again in a phase, the node says the same, byte for byte. */
static void says_the_same(const struct part *part)
{
    struct bytes first = {0}, again = {0};
    struct arena *arena = arena_new(1 << 20);
    struct node_exchange exchange;
    assert_ok(part_ask(part, &exchange, &first));
    struct envelope one = hospital_envelope(&first, arena);
    for (int i = 0; i < 3; i++) {
        again.size = 0;
        assert_ok(part_ask(part, &exchange, &again));
        struct envelope other = hospital_envelope(&again, arena);
        assert_int_equal(one.body.size, other.body.size);
        assert_memory_equal(one.body.data, other.body.data, one.body.size);
    }
    arena_destroy(&arena);
    bytes_free(&first);
    bytes_free(&again);
}

/* Play a plan until the attempt would go beyond `last`; whether that gave a sum. */
static bool play_until(struct hospital *h, const struct plan *plan, enum phase last,
                       int64_t *own)
{
    struct part *part;
    struct others others;
    assert_ok(enter(h, plan, &part));
    others_enter(h, plan, &others);
    for (enum phase phase = 0; phase < last; phase++) {
        says_the_same(part);
        assert_ok(play_phase(h, part, &others));
    }
    bool summed = collection_succeeded(others.collection);
    if (summed && own) {
        fixedpoint_signed(collection_sum(others.collection), plan->dimension, own);
        for (size_t i = 0; i < plan->dimension; i++)
            own[i] -= 7 * ((int64_t)plan->participants.count - 1);
    }
    part_destroy(&part);
    others_leave(&others);
    return summed;
}

/* Entered and lost before anything left; lost with its input on the way; ended with a
 * sum; and the sum published. */
static void reopen__an_attempt_is_answered_once(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes link = {0};
    uint8_t head[HASH_BYTES];
    bool fresh, contradicted;
    size_t tried = 0;
    hospital_patients(h, PATIENTS);
    static const enum phase lasts[] = {PHASE_ADVERTISE, PHASE_MASK, PHASE_END};
    for (size_t i = 0; i < 3; i++) {
        plan.attempt = 2 + (uint32_t)i;
        assert_int_equal(play_until(h, &plan, lasts[i], NULL), lasts[i] == PHASE_END);
        assert_int_equal(ledger_length(h->node->ledger), i);
        tried += refuses_all(h, &plan, REASON_STALE_ATTEMPT);
    }
    node_study_destroy(&study);
    study = hospital_opened(h);
    hospital_link(h, 1, h->c->terms_hash, 0.05, &link, head);
    assert_ok(
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));
    plan.attempt = 20; /* a new number for a round that is published */
    tried += refuses_all(h, &plan, REASON_WRONG_ROUND);
    print_message("%zu plans refused\n", tried);
    assert_true(tried >= 30);
    assert_int_equal(ledger_length(h->node->ledger), 2);
    node_study_destroy(&study);
    bytes_free(&link);
}

/* --- sums to compare
 * -------------------------------------------------------------------------- */

enum { SCHEDULES = 20, ATTEMPTS = 7, ATTEMPTS_MAX = 5 };

/* Without hospital `missing`, all others of which must stay. */
static struct plan plan_without(const struct hospital *h, size_t missing, uint8_t *keys)
{
    struct plan plan = hospital_plan(h);
    size_t count = 0;
    for (size_t i = 0; i < HOSPITALS; i++)
        if (i != missing)
            memcpy(keys + KEY_BYTES * count++, h->c->keys + i * KEY_BYTES, KEY_BYTES);
    plan.participants = (struct keys){keys, count};
    plan.quorum = 3;
    plan.degree = (uint32_t)count - 1;
    return plan;
}

/* Squared differences of two sums, less what the coordinator and all others know: each
 * has this hospital's noise of its own. */
struct differences {
    double squares;
    size_t count, refused;
};

static void compare(const int64_t *one, const int64_t *other, size_t count,
                    struct differences *differences)
{
    for (size_t i = 0; i < count; i++)
        differences->squares += pow(ldexp((double)(one[i] - other[i]), -NOISE_LOG2), 2);
    differences->count += count;
}

/* One schedule: whom to leave out and when to give up, attempt after attempt. Once shares
 * have left, a sum over others is refused, and the same ones are asked for instead. */
static size_t schedule(struct hospital *h, size_t which, struct differences *differences)
{
    static const enum phase lasts[] = {PHASE_END, PHASE_MASK, PHASE_END, PHASE_SHARE,
                                       PHASE_UNMASK};
    uint8_t keys[HOSPITALS * KEY_BYTES];
    int64_t *own[2] = {mem_new(h->c->terms.dimension, sizeof(int64_t)),
                       mem_new(h->c->terms.dimension, sizeof(int64_t))};
    uint64_t inputs = 0;
    size_t sums = 0, told = 0; /* whom the sum leaves out that may be out; 0: none yet */
    for (uint32_t attempt = 1; attempt <= ATTEMPTS; attempt++) {
        size_t left_out = 1 + (which + attempt) % (HOSPITALS - 1);
        struct plan plan = plan_without(h, left_out, keys);
        enum phase last = lasts[(which / HOSPITALS + attempt) % 5];
        plan.attempt = attempt;
        if (inputs == ATTEMPTS_MAX) {
            refuses(h, &plan, "attempts at a round at most 5");
            continue;
        }
        if (told && told != left_out) {
            refuses(h, &plan, "could differ by 2");
            plan = plan_without(h, told, keys);
            plan.attempt = attempt;
            differences->refused++;
        }
        bool summed = play_until(h, &plan, last, own[0]);
        inputs += last >= PHASE_MASK;
        if (last >= PHASE_UNMASK && !told)
            told = left_out;
        assert_int_equal(ledger_length(h->node->ledger), inputs);
        if (!summed)
            continue;
        if (sums++)
            compare(own[0], own[1], h->c->terms.dimension, differences);
        memcpy(own[1], own[0], h->c->terms.dimension * sizeof(int64_t));
    }
    double spent;
    assert_ok(ledger_spent_most(h->node->ledger, NULL, &spent));
    assert_relative(spent, (double)inputs / (MULTIPLIER * MULTIPLIER), 1e-9);
    mem_free(own[0]);
    mem_free(own[1]);
    return sums;
}

static void reopen__sums_of_a_round_are_paid_and_of_the_same_hospitals(void **state)
{
    (void)state;
    size_t sums = 0;
    struct differences all = {0};
    for (size_t which = 0; which < SCHEDULES; which++) {
        void *set_up;
        assert_int_equal(hospital_set_up(&set_up), 0);
        struct hospital *h = set_up;
        struct node_study *study = hospital_approved(h);
        node_study_destroy(&study);
        hospital_patients(h, PATIENTS);
        sums += schedule(h, which, &all);
        hospital_tear_down(&set_up);
    }
    double variance = all.squares / (double)all.count;
    print_message("%d schedules, %zu sums; variance of %zu differences: %.2f\n",
                  SCHEDULES, sums, all.count, variance);
    assert_true(sums >= 2 * SCHEDULES && all.count >= 250 && all.refused >= SCHEDULES);
    /* Twice one noise's, with fresh draws: off by so much once in 10^8. */
    assert_near(variance, 2, 2 * 5.7 * sqrt(2.0 / (double)all.count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(reopen__an_attempt_is_answered_once),
        cmocka_unit_test(reopen__sums_of_a_round_are_paid_and_of_the_same_hospitals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
