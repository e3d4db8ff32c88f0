/* sums - a coordinator that lets an attempt end without a sum, or says so, and asks for
 * another at the same round with one hospital less or more, to subtract: refused before
 * anything is entered or charged, from the moment at which shares may have left. */

#include "check.h"
#include "others.h"

#include "node/sums.h"

static const char too_near[] = "could differ by ";

/* Play `plan` until shares are about to leave for it, or, `confirmed` only, just before.
 */
static void play(struct hospital *h, const struct plan *plan, bool confirmed)
{
    struct part *part;
    struct others others;
    assert_ok(enter(h, plan, &part));
    others_enter(h, plan, &others);
    for (enum phase phase = 0; phase < (confirmed ? PHASE_CONFIRM : PHASE_UNMASK);
         phase++)
        assert_ok(play_phase(h, part, &others));
    part_destroy(&part);
    others_leave(&others);
}

/* A sound plan of hospitals `who` (bits), of whom `stay` must stay. */
static struct plan plan_of(const struct hospital *h, unsigned who, uint32_t stay,
                           uint32_t attempt, uint8_t *keys)
{
    struct plan plan = hospital_plan(h);
    size_t count = 0;
    for (size_t i = 0; i < HOSPITALS; i++)
        if (who & 1u << i)
            memcpy(keys + KEY_BYTES * count++, h->c->keys + i * KEY_BYTES, KEY_BYTES);
    plan.participants = (struct keys){keys, count};
    plan.attempt = attempt;
    plan.quorum = (uint32_t)(count + plan.colluders) / 2 + 1;
    plan.survivors = stay;
    plan.degree = (uint32_t)count - 1;
    assert_ok(noise_step(MULTIPLIER / noise_pooled(plan_shares(&plan)), &plan.step));
    assert_ok(noise_norm_max(MULTIPLIER, plan_shares(&plan), &plan.norm_max));
    if (plan.norm_max > h->c->terms.norm_max)
        plan.norm_max = h->c->terms.norm_max;
    return plan;
}

static void accepts(struct hospital *h, const struct plan *plan)
{
    struct part *part = NULL;
    assert_ok(enter(h, plan, &part));
    part_destroy(&part);
}

/* After a sum over all five: whoever is left out, and whoever may be, could be had. After
 * a restart as well. */
static void sums__of_a_round_are_of_the_same_hospitals(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    uint8_t keys[HOSPITALS * KEY_BYTES];
    hospital_patients(h, PATIENTS);
    struct plan plan = plan_of(h, 31, 4, 1, keys);
    play(h, &plan, false);
    for (int restarted = 0; restarted < 2; restarted++) {
        for (size_t missing = 1; missing < HOSPITALS; missing++) {
            plan = plan_of(h, 31 & ~(1u << missing), 4, 2, keys);
            refuses(h, &plan, too_near);
        }
        plan = plan_of(h, 7, 3, 2, keys); /* two */
        refuses(h, &plan, "could differ by 2");
        plan = plan_of(h, 31, 4, 2, keys); /* one may still leave on the way */
        refuses(h, &plan, "could differ by 1");
        hospital_restart(h);
    }
    plan = plan_of(h, 31, 5, 3, keys);
    play(h, &plan, false);
    plan.attempt = 4;
    accepts(h, &plan);
    node_study_destroy(&study);
}

/* After a sum over four: the fifth beside them could be had. */
static void sums__do_not_grow_by_one(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    uint8_t keys[HOSPITALS * KEY_BYTES];
    hospital_patients(h, PATIENTS);
    struct plan plan = plan_of(h, 15, 4, 1, keys);
    play(h, &plan, false);
    plan = plan_of(h, 31, 4, 2, keys);
    refuses(h, &plan, "could differ by 1");
    plan = plan_of(h, 31, 5, 2, keys);
    refuses(h, &plan, "could differ by 1");
    plan = plan_of(h, 29, 4, 2, keys); /* one for another */
    refuses(h, &plan, "could differ by 2");
    plan = plan_of(h, 15, 4, 2, keys);
    accepts(h, &plan);
    node_study_destroy(&study);
}

/* An attempt that was lost before shares left gives nothing to subtract from. */
static void sums__that_cannot_be_out_bind_nobody(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    uint8_t keys[HOSPITALS * KEY_BYTES];
    hospital_patients(h, PATIENTS);
    struct plan plan = plan_of(h, 31, 4, 1, keys);
    play(h, &plan, true);
    plan = plan_of(h, 15, 4, 2, keys);
    accepts(h, &plan);
    node_study_destroy(&study);
}

/* Another round is another sum, under another prior; what was kept of the one before is
 * gone once shares of the next have left. */
static void sums__of_another_round_are_others(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct bytes link = {0};
    uint8_t keys[HOSPITALS * KEY_BYTES], head[HASH_BYTES];
    bool fresh, contradicted, row;
    struct query *query;
    hospital_patients(h, PATIENTS);
    struct plan plan = plan_of(h, 31, 4, 1, keys);
    play(h, &plan, false);
    hospital_link(h, 1, h->c->terms_hash, 0.05, &link, head);
    assert_ok(
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));
    plan = plan_of(h, 15, 4, 1, keys);
    plan.round = 2;
    memcpy(plan.chain_head, head, HASH_BYTES);
    play(h, &plan, false);
    assert_ok(store_query(h->node->store,
                          "SELECT round FROM attempts WHERE summed NOT NULL", &query));
    assert_ok(query_step(query, &row));
    assert_true(row);
    assert_int_equal(query_get_int(query, 0), 2);
    assert_ok(query_step(query, &row));
    assert_false(row);
    query_reset(query);
    node_study_destroy(&study);
    bytes_free(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(sums__of_a_round_are_of_the_same_hospitals),
        IN_HOSPITAL(sums__do_not_grow_by_one),
        IN_HOSPITAL(sums__that_cannot_be_out_bind_nobody),
        IN_HOSPITAL(sums__of_another_round_are_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
