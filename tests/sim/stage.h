#ifndef TESTS_SIM_STAGE_H
#define TESTS_SIM_STAGE_H

/* stage - five members and a coordinator that shows them what the test likes. */

#include "base/memory.h"
#include "check.h"
#include "sim/liar.h"

/* Five members of whom the last is the coordinator's: q = 4, t = 3, u_min = 4. */
enum { N = 5, COLLUDER = 4 };
#define ALL 0x1fu
#define WITHOUT(member) (ALL & ~(1u << (member)))
static const struct liar_view honest = {ALL, ALL, ALL, ALL};

struct stage {
    struct rehearsal *r;
    struct liar *liar;
};

static inline struct stage stage_of(uint32_t members, uint32_t colluders,
                                    uint64_t corrupt, uint64_t seed)
{
    struct stage s;
    struct quorum quorum;
    assert_ok(quorum_choose(members, colluders, 0, &quorum));
    assert_ok(rehearsal_new(&quorum, 3, seed, &s.r));
    assert_ok(rehearsal_sign_plan(s.r, 1, 1));
    s.liar = liar_new(s.r, corrupt);
    return s;
}

static inline struct stage five(void)
{
    struct stage s = stage_of(N, 1, 1u << COLLUDER, 1);
    assert_ok(liar_enter_all(s.liar));
    return s;
}

/* Five of whom everybody has been told the truth up to the answer that ends `last`. */
static inline struct stage five_after(enum phase last)
{
    struct stage s = five();
    assert_int_equal(liar_lead(s.liar, 0, ALL, &honest, last), REASON_NONE);
    return s;
}

static inline void leave(struct stage *s)
{
    liar_destroy(&s->liar);
    rehearsal_destroy(&s->r);
}

static inline void assert_nothing_out(struct stage *s)
{
    size_t smallest;
    assert_int_equal(spoils_bared(s->liar->spoils), 0);
    assert_int_equal(spoils_sums(s->liar->spoils, &smallest), 0);
}

/* At most the one sum that the protocol is for. */
static inline void assert_one_sum(struct stage *s, const char *where, uint64_t seed)
{
    const struct quorum *quorum = &s->r->quorum;
    size_t smallest, sums = spoils_sums(s->liar->spoils, &smallest);
    if (spoils_bared(s->liar->spoils) || spoils_sums_differ(s->liar->spoils) ||
        (sums && smallest < quorum->survivors - quorum->colluders))
        fail_msg("%s, seed %llu: %zu bared, %zu sums, the smallest of %zu", where,
                 (unsigned long long)seed, spoils_bared(s->liar->spoils), sums, smallest);
}

/* The plan that is signed next, changed. */
static inline void change_plan(struct rehearsal *r, void (*change)(struct plan *plan))
{
    struct plan plan;
    uint8_t hash[HASH_BYTES];
    struct arena *arena = codec_arena(r->signed_plan.size);
    struct bytes changed = {0};
    assert_ok(rehearsal_sign_plan(r, 1, 1));
    assert_ok(
        plan_open(codec_view(&r->signed_plan), r->coordinator_key, arena, &plan, hash));
    change(&plan);
    assert_ok(plan_sign(r->coordinator, &plan, &changed, hash));
    bytes_free(&r->signed_plan);
    r->signed_plan = changed;
    arena_destroy(&arena);
}

#endif
