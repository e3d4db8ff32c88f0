#include "trial.h"

static const char theophylline[] = "model theoph version 1 \"t\"\ntime h\n"
                                   "[parameters]\n"
                                   "ka = 3 1/h (0.01, 99) lognormal sd 1.2\n"
                                   "CL = 5.5 L/h (0.01, 99) lognormal sd 0.5\n"
                                   "V = 64 L (0.1, 999) lognormal sd 0.3\n"
                                   "[doses]\noral -> depot mg\n"
                                   "[equations]\nd/dt(depot) = -ka*depot\n"
                                   "d/dt(central) = ka*depot - CL/V*central\n"
                                   "Cp = central/V\n"
                                   "[observations]\nlevel : Cp ~ add(1.4 mg/L)\n";

static const char boys[] = "model boys version 1 \"t\"\ntime a\n"
                           "[parameters]\n"
                           "a = 75 cm (-999, 999) normal sd 16 cm\n"
                           "b = 13 cm/a (-99, 99) normal sd 0.8 cm/a\n"
                           "[population]\ncorrelated a, b 0\n"
                           "[equations]\nH = a + b*time\n"
                           "[observations]\nheight : H ~ add(1.3 cm)\n";

static const char pressure[] =
    "model pressure version 1 \"t\"\ntime a\n"
    "[parameters]\n"
    "level = 240 mm[Hg] (10, 999) lognormal sd 0.2 on AGE, MALE\n"
    "slope = 0.05 1 (-9, 9) normal sd 0.05 on AGE, MALE\n"
    "[population]\ncorrelated level, slope 0\n"
    "[covariates]\nAGE a centre 60 scale 40\nMALE 1\n"
    "[equations]\nP = level*exp(slope*time/(10 a))\n"
    "[observations]\nSBP : P ~ lognormal(0.25)\n";

/* Rounds until converged, at most `most`; the last prior (NULL statistic sums freed). */
struct study {
    struct trial trial;
    struct statistic statistic;
    struct learn_round rounds[40];
    size_t count;
    struct learn_report report;
    struct prior *prior; /* the newest */
};

static void study_begin(struct study *study, const char *text, const char *data)
{
    memset(study, 0, sizeof *study);
    trial_model(&study->trial, text);
    trial_read(&study->trial, data, NULL);
    statistic_layout(&study->trial.layout, true, &study->statistic);
    assert_ok(prior_from_model(study->trial.model, &study->prior));
}

static void study_run(struct study *study, size_t most)
{
    struct trial *trial = &study->trial;
    while (study->count < most && !study->report.converged) {
        double *sum = trial_sum(trial, study->prior, &study->statistic);
        study->rounds[study->count++] = (struct learn_round){study->prior, sum, 0};
        assert_ok(learn_step(trial->model, &trial->layout, &study->statistic,
                             study->rounds, study->count, NULL, &study->prior,
                             &study->report));
    }
}

static void study_end(struct study *study)
{
    for (size_t i = 0; i < study->count; i++) {
        struct prior *prior = (struct prior *)study->rounds[i].prior;
        prior_destroy(&prior);
        mem_free((double *)study->rounds[i].sum);
    }
    prior_destroy(&study->prior);
    trial_clear(&study->trial);
}

/* nlme, ML: -2 log L 725.9677; estimates and standard errors of fixed effects. */
static void learn__fits_a_line_as_nlme_does(void **state)
{
    (void)state;
    struct study study;
    study_begin(&study, boys, "oxboys/data.csv");
    study_run(&study, 8);
    assert_true(study.report.converged);
    assert_near(study.report.minus2_log_likelihood, 725.9677, 1e-3);
    const struct prior *prior = study.prior;
    assert_near(prior->effects[0], 149.3718, 1e-3);
    assert_near(prior->effects[1], 6.525467, 1e-4);
    assert_relative(sqrt(prior->omega[0]), 7.924031, 1e-3);
    assert_relative(sqrt(prior->omega[3]), 1.646725, 1e-3);
    assert_relative(prior->omega[1] / sqrt(prior->omega[0] * prior->omega[3]), 0.642,
                    2e-3);
    assert_relative(exp(prior->residual[0]), 0.6598891, 1e-3);
    /* nlme divides by n - 1 where ML has n: 26 boys. */
    assert_relative(prior->standard_error[0], 1.561, 0.02);
    assert_relative(prior->standard_error[1], 0.3312, 0.02);
    assert_false(study.report.laplace_doubtful);
    study_end(&study);
}

/* nlmixr2, FOCEI: 359.4037. */
static void learn__fits_theophylline_as_focei_does(void **state)
{
    (void)state;
    struct study study;
    study_begin(&study, theophylline, "theoph/data.csv");
    study_run(&study, 8);
    assert_true(study.report.converged);
    assert_near(study.report.minus2_log_likelihood, 359.4037, 2e-3);
    static const double typical[] = {0.46298, 1.0114, 3.4595},
                        sd2[] = {0.40234, 0.069216, 0.01925};
    for (size_t a = 0; a < 3; a++) {
        assert_near(study.prior->effects[a], typical[a], 5e-3);
        assert_relative(study.prior->omega[4 * a], sd2[a], 0.01);
    }
    assert_near(study.prior->omega[1], 0, 0);
    assert_relative(exp(study.prior->residual[0]), 0.69362, 3e-3);
    study_end(&study);
}

/* nlme on log SBP: 12645.98901, plus the Jacobian. 7,023 people. */
static void learn__fits_blood_pressure_as_nlme_does(void **state)
{
    (void)state;
    struct study study;
    study_begin(&study, pressure, "nafld_bp/data.csv");
    study_run(&study, 9);
    double jacobian = 0;
    for (size_t i = 0; i < study.trial.count; i++)
        for (size_t j = 0; j < twin_measurements(study.trial.twins[i]); j++)
            jacobian += log(twin_measurement(study.trial.twins[i], j)->value);
    assert_near(-study.report.minus2_log_likelihood / 2 + jacobian, 12645.98901, 2e-3);
    static const double effects[] = {4.881584,  0.049798,  -0.015661,
                                     -0.023604, -0.069320, -0.013731};
    for (size_t i = 0; i < 6; i++)
        assert_near(study.prior->effects[i], effects[i], 2e-4);
    assert_relative(sqrt(study.prior->omega[0]), 0.092853, 1e-3);
    assert_relative(sqrt(study.prior->omega[3]), 0.082560, 1e-3);
    study_end(&study);
}

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
        cmocka_unit_test(learn__fits_a_line_as_nlme_does),
        cmocka_unit_test(learn__fits_theophylline_as_focei_does),
        cmocka_unit_test(learn__fits_blood_pressure_as_nlme_does),
        cmocka_unit_test(learn__does_not_care_who_adds_up),
        cmocka_unit_test(learn__refuses_and_holds),
    };
    return cmocka_run_group_tests_name("learn", tests, NULL, NULL);
}
