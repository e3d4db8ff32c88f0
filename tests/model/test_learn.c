#include "study.h"

/* The answer depends on the rounds' sums alone: dealt to hospitals and added up again. */
static void learn__does_not_care_who_adds_up(void **state)
{
    (void)state;
    struct study study;
    study_begin(&study, boys, "oxboys/data.csv");
    double *sum = trial_sum(&study.trial, study.prior, &study.statistic);
    double *vector = mem_new(study.statistic.dimension, sizeof *vector);
    double *split = mem_new(study.statistic.dimension, sizeof *split);
    for (size_t part = 0; part < 3; part++)
        for (size_t i = part; i < study.trial.count; i += 3) {
            trial_vector(&study.trial, i, study.prior, &study.statistic, vector);
            for (size_t d = 0; d < study.statistic.dimension; d++)
                split[d] += vector[d];
        }
    struct learn_round one = {study.prior, sum, 0}, two = {study.prior, split, 0};
    struct prior *a, *b;
    assert_ok(learn_step(study.trial.model, &study.trial.layout, &study.statistic, &one,
                         1, NULL, &a, &study.report));
    assert_ok(learn_step(study.trial.model, &study.trial.layout, &study.statistic, &two,
                         1, NULL, &b, &study.report));
    for (size_t i = 0; i < 2; i++)
        assert_relative(a->effects[i], b->effects[i], 1e-12);
    for (size_t i = 0; i < 4; i++)
        assert_relative(a->omega[i], b->omega[i], 1e-11);
    mem_free(sum);
    mem_free(split);
    mem_free(vector);
    prior_destroy(&a);
    prior_destroy(&b);
    study_end(&study);
}

static void learn__refuses_and_holds(void **state)
{
    (void)state;
    struct study study;
    study_begin(&study, boys, "oxboys/data.csv");
    double *sum = trial_sum(&study.trial, study.prior, &study.statistic);
    struct learn_round round = {study.prior, sum, 0};
    struct learn_options options = {.patients_min = 30, .tolerance = 1e-3};
    struct prior *next;
    const struct trial *t = &study.trial;
    assert_ok(learn_step(t->model, &t->layout, &study.statistic, &round, 1, &options,
                         &next, &study.report));
    assert_int_equal(study.report.effects, LEARN_HELD);
    assert_non_null(strstr(study.report.reason, "few"));
    assert_near(next->effects[0], study.prior->effects[0], 0);
    prior_destroy(&next);
    assert_int_equal(learn_step(t->model, &t->layout, &study.statistic, &round, 0, NULL,
                                &next, &study.report),
                     ERR_RANGE);
    sum[2] = NAN;
    assert_refused(ERR_NUMERIC, "not finite",
                   learn_step(t->model, &t->layout, &study.statistic, &round, 1, NULL,
                              &next, &study.report));
    mem_free(sum);
    study_end(&study);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learn__does_not_care_who_adds_up),
        cmocka_unit_test(learn__refuses_and_holds),
    };
    return cmocka_run_group_tests_name("learn", tests, NULL, NULL);
}
