#include "check.h"
#include "hospital.h"

#include "node/preview.h"

static const struct crowd_progress silent;

static enum err preview(struct hospital *h, struct preview *made)
{
    struct node_study *study = hospital_opened(h);
    enum err result = preview_make(h->node, study, &h->clock, &silent, made);
    node_study_destroy(&study);
    return result;
}

static enum err permits(struct hospital *h)
{
    struct node_study *study = hospital_opened(h);
    enum err result = preview_permits(h->node, study, &h->clock);
    node_study_destroy(&study);
    return result;
}

static void offer(struct hospital *h)
{
    bool fresh;
    assert_ok(node_studies_offer(h->node, codec_view(&h->c->terms_bytes), NOW, &fresh));
}

static void preview__is_of_the_next_round_and_changes_nothing(void **state)
{
    struct hospital *h = *state;
    struct preview first, second;
    offer(h);
    hospital_patients(h, PATIENTS);
    uint64_t entries;
    assert_ok(audit_verify(h->node->store, &entries, NULL));
    assert_ok(preview(h, &first));
    assert_ok(preview(h, &second));
    assert_int_equal(first.round, 1);
    assert_int_equal(first.patients, PATIENTS);
    assert_int_equal(first.report.converged, PATIENTS);
    assert_int_equal(first.plan.survivors, 4);
    assert_int_equal(first.plan.quorum, 4);
    /* masked: not the same twice */
    assert_int_equal(first.word_count, PREVIEW_WORDS);
    assert_true(memcmp(first.words, second.words, sizeof first.words) != 0);
    struct node_study *study = hospital_opened(h);
    assert_int_equal(study->state, STUDY_OFFERED);
    node_study_destroy(&study);
    uint64_t after;
    assert_ok(audit_verify(h->node->store, &after, NULL));
    assert_int_equal(after, entries);
    assert_int_equal(ledger_length(h->node->ledger), 0);
}

/* Three rounds of multiplier 12 are mu^2 = 3 / 144; five attempts at each would be five
 * times that, more than epsilon 1 at 1e-6 allows; five hospitals less one colluder are
 * four noises at most. */
static void preview__costs_are_the_accountants(void **state)
{
    struct hospital *h = *state;
    struct preview made;
    double epsilon, cap;
    offer(h);
    hospital_patients(h, PATIENTS);
    assert_ok(preview(h, &made));
    assert_ok(accountant_mu(1, 1e-6, &cap));
    const struct {
        const struct preview_cost *cost;
        double mu;
    } rows[] = {{&made.next, 1 / 12.},
                {&made.study, sqrt(3 / 144.)},
                {&made.attempts, cap},
                {&made.alone, sqrt(4 * 3 / 144.)}};
    for (size_t i = 0; i < 4; i++) {
        assert_relative(rows[i].cost->mu, rows[i].mu, 1e-6);
        for (size_t j = 0; j < PREVIEW_DELTAS; j++) {
            assert_ok(accountant_epsilon(rows[i].mu, preview_deltas[j], &epsilon));
            assert_relative(rows[i].cost->epsilon[j], epsilon, 1e-4);
        }
    }
    hospital_policy_line(h, "attempts_max", "1");
    assert_ok(preview(h, &made));
    assert_relative(made.attempts.mu, sqrt(3 / 144.), 1e-9);
}

static void preview__refuses_what_a_round_would_refuse(void **state)
{
    struct hospital *h = *state;
    struct preview made = {.round = 99};
    offer(h);
    hospital_patients(h, 4);
    assert_refused(ERR_DENIED, "patients at least 5; here are 4", preview(h, &made));
    assert_refused(ERR_DENIED, "patients at least 5; here are 4", permits(h));
    hospital_patients(h, PATIENTS);
    assert_ok(permits(h));
    hospital_policy_line(h, "quorum_min", "5");
    assert_refused(ERR_DENIED, "confirming a sum at least 5; the plan has 4",
                   preview(h, &made));
    assert_refused(ERR_DENIED, "confirming a sum at least 5", permits(h));
    assert_int_equal(made.round, 99);
}

static void preview__has_words_for_every_block(void **state)
{
    (void)state;
    for (int block = 0; block < STATISTIC_BLOCKS; block++)
        assert_true(strlen(preview_block((enum statistic_block)block)) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(preview__is_of_the_next_round_and_changes_nothing),
        IN_HOSPITAL(preview__costs_are_the_accountants),
        IN_HOSPITAL(preview__refuses_what_a_round_would_refuse),
        cmocka_unit_test(preview__has_words_for_every_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
