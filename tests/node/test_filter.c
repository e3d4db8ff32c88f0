/* Several studies at once at one hospital, whose patients came at different times: whoever
 * has spent what the policy permits is left out of the next release, whichever study's
 * it is, and the others go on. Through the node's own part in real attempts, against a
 * second account kept here: by patient, as a sum of 1 / multiplier^2. */

#include "check.h"
#include "others.h"

#include "privacy/accountant.h"

#define STUDIES 2
#define CROWD 14 /* in the end */
#define STEPS 48

struct course {
    struct terms terms;
    double multipliers[3];
    uint8_t hash[HASH_BYTES];
    struct plan plan;
    struct part *part;
    struct others others;
};

struct place {
    struct hospital *h;
    struct course courses[STUDIES];
    size_t crowd; /* who is here by now */
    double spent[CROWD], cost;
    struct discretisation lattice; /* of all releases so far */
    size_t releases, refusals, left_out;
};

static const double multipliers[STUDIES] = {MULTIPLIER, 16};
static const char *const names[STUDIES] = {"pressure", "slope"};

/* A study of the hospital's model under terms of its own. */
static void offer(struct place *p, size_t which)
{
    struct hospital *h = p->h;
    struct course *course = &p->courses[which];
    struct bytes bytes = {0};
    bool fresh;
    course->terms = h->c->terms;
    course->terms.name = names[which];
    memset(course->terms.study, 0x5a + (int)which, STUDY_BYTES);
    for (size_t i = 0; i < 3; i++)
        course->multipliers[i] = multipliers[which];
    course->terms.noise_multipliers = (struct reals){course->multipliers, 3};
    assert_ok(noise_norm_max(multipliers[which], 3, &course->terms.norm_max));
    assert_ok(terms_sign(h->c->coordinator, &course->terms, &bytes, course->hash));
    assert_ok(node_studies_offer(h->node, codec_view(&bytes), NOW, &fresh));
    assert_ok(
        node_studies_decide(h->node, course->terms.study, STUDY_APPROVED, NOW));
    course->plan = hospital_plan(h);
    course->plan.attempt = 0;
    course->plan.noise_multiplier = multipliers[which];
    course->plan.norm_max = course->terms.norm_max;
    course->plan.survivors = HOSPITALS; /* all stay: the same sum may be asked for again */
    assert_ok(noise_step(multipliers[which] / noise_pooled(plan_shares(&course->plan)),
                         &course->plan.step));
    memcpy(course->plan.study, course->terms.study, STUDY_BYTES);
    memcpy(course->plan.terms, course->hash, HASH_BYTES);
    memcpy(course->plan.chain_head, course->hash, HASH_BYTES);
    bytes_free(&bytes);
}

static void permit_both(struct hospital *h)
{
    struct officers_study studies[STUDIES];
    const struct officers_line lines[] = {
        {"attempts_max", "100"}, {"period_releases", "1"}, {NULL, NULL}};
    for (size_t i = 0; i < STUDIES; i++)
        studies[i] = (struct officers_study){names[i], h->c->terms.purpose,
                                             h->c->terms.model_hash, NULL,
                                             h->c->terms.statistic};
    const struct officers_policy policy = {
        h->c->members[0].name, h->policy + 1, lines, studies, STUDIES, 3};
    struct bytes file = {0};
    officers_file(&policy, &file);
    assert_ok(policies_install(h->node, "x.policy", file.data, file.size, h->now));
    bytes_free(&file);
}

static int set_up(void **state)
{
    void *hospital;
    if (hospital_set_up(&hospital) != 0)
        return -1;
    struct place *p = mem_new(1, sizeof *p);
    p->h = hospital;
    permit_both(p->h);
    for (size_t i = 0; i < STUDIES; i++)
        offer(p, i);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    void *hospital = p->h;
    mem_free(p);
    return hospital_tear_down(&hospital);
}

/* --- the second account
 * -------------------------------------------------------------------------- */

/* Who can pay for a release of this study now; how many. */
static size_t payers(const struct place *p, size_t which, bool pays[CROWD])
{
    struct discretisation one, all = p->lattice;
    double mu;
    size_t count = 0;
    assert_ok(accountant_discretisation(p->courses[which].plan.dimension, NOISE_LOG2, 1,
                                        &one));
    all.epsilon += one.epsilon;
    all.log_delta += one.log_delta;
    assert_ok(accountant_mu_within(1, 1e-6, &all, &mu));
    for (size_t i = 0; i < p->crowd; i++) {
        double after = p->spent[i] + 1 / (multipliers[which] * multipliers[which]);
        pays[i] = after <= mu * mu;
        count += pays[i];
    }
    return count;
}

/* The last entry of the ledger is this study's, charged to those and nobody else. */
static void check_charged(struct place *p, size_t which, const bool pays[CROWD],
                          size_t count)
{
    struct hospital *h = p->h;
    struct ledger_entry entry;
    struct patient *patients;
    struct discretisation one;
    uint64_t charged_to, last = ledger_length(h->node->ledger) - 1;
    size_t there;
    assert_int_equal(last, p->releases);
    assert_ok(ledger_read(h->node->ledger, last, &entry, &charged_to));
    assert_memory_equal(entry.study, p->courses[which].terms.study, STUDY_BYTES);
    assert_int_equal(charged_to, count);
    assert_ok(patients_list(h->node, &patients, &there));
    assert_int_equal(there, p->crowd);
    for (size_t i = 0; i < there; i++) {
        size_t who = (size_t)atoi(patients[i].name + strlen("canary"));
        bool charged;
        double spent;
        assert_ok(ledger_charged(h->node->ledger, last, patients[i].pseudonym, &charged));
        assert_int_equal(charged, pays[who]);
        if (charged)
            p->spent[who] += 1 / (multipliers[which] * multipliers[which]);
        assert_ok(ledger_spent(h->node->ledger, patients[i].pseudonym, &spent));
        assert_true(spent >= p->spent[who] * (1 - 1e-14)); /* never below */
        assert_true(spent <= p->spent[who] * (1 + 1e-12));
    }
    patients_free(patients, there);
    assert_ok(accountant_discretisation(entry.dimension, NOISE_LOG2, 1, &one));
    p->lattice.epsilon += one.epsilon;
    p->lattice.log_delta += one.log_delta;
    p->left_out += p->crowd - count;
    p->releases++;
}

/* --- attempts
 * ------------------------------------------------------------------------------------ */

static enum err begin(struct place *p, size_t which)
{
    struct course *course = &p->courses[which];
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    course->plan.attempt++;
    assert_ok(plan_sign(p->h->c->coordinator, &course->plan, &bytes, hash));
    enum err result = part_new(p->h->node, &p->h->clock, course->plan.study,
                               codec_view(&bytes), NULL, &course->part, NULL);
    bytes_free(&bytes);
    if (result == ERR_OK)
        others_enter(p->h, &course->plan, &course->others);
    return result;
}

/* To the end, or to where too few can pay. */
static void go_on(struct place *p, size_t which, size_t *sums)
{
    struct course *course = &p->courses[which];
    bool pays[CROWD] = {false};
    size_t count = payers(p, which, pays);
    enum err result = ERR_OK;
    for (int phase = 0; result == ERR_OK && phase < PHASE_END; phase++)
        result = play_phase(p->h, course->part, &course->others);
    if (count >= 5) {
        assert_ok(result);
        assert_true(collection_succeeded(course->others.collection));
        check_charged(p, which, pays, count);
        ++*sums;
    } else {
        assert_refused(ERR_DENIED, "the privacy budget is spent", result);
        assert_int_equal(ledger_length(p->h->node->ledger), p->releases);
        p->refusals++;
    }
    part_destroy(&course->part);
    others_leave(&course->others);
}

static void filter__leaves_out_who_has_spent_and_goes_on(void **state)
{
    struct place *p = *state;
    bool pays[CROWD] = {false};
    size_t sums[STUDIES] = {0};
    for (size_t step = 0; step < STEPS; step++) {
        size_t first = step % STUDIES;
        bool both = step % 3 == 1; /* at once */
        if (step % 8 == 0 && step < 40) {
            p->crowd = step == 0 ? 6 : step < 24 ? 9 : CROWD;
            hospital_patients(p->h, p->crowd);
        }
        for (size_t i = 0; i < 1u + both; i++) {
            size_t which = (first + i) % STUDIES;
            enum err result = begin(p, which);
            if (payers(p, which, pays) < 5) {
                assert_refused(ERR_DENIED, "the privacy budget is spent", result);
                p->refusals++;
            } else {
                assert_ok(result);
            }
        }
        for (size_t i = 0; i < 1u + both; i++)
            if (p->courses[(first + i) % STUDIES].part)
                go_on(p, (first + i) % STUDIES, &sums[(first + i) % STUDIES]);
        if (step % 7 == 6)
            hospital_restart(p->h);
    }
    printf("%zu and %zu sums, %zu times somebody left out, %zu refusals\n", sums[0], sums[1],
           p->left_out, p->refusals);
    assert_true(sums[0] > 5 && sums[1] > 5);
    assert_true(p->left_out > 20);
    assert_true(p->refusals > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(filter__leaves_out_who_has_spent_and_goes_on,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
