#include "study.h"

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

static const char pressure[] =
    "model pressure version 1 \"t\"\ntime a\n"
    "[parameters]\n"
    "level = 240 mm[Hg] (10, 999) lognormal sd 0.2 on AGE, MALE\n"
    "slope = 0.05 1 (-9, 9) normal sd 0.05 on AGE, MALE\n"
    "[population]\ncorrelated level, slope 0\n"
    "[covariates]\nAGE a centre 60 scale 40\nMALE 1\n"
    "[equations]\nP = level*exp(slope*time/(10 a))\n"
    "[observations]\nSBP : P ~ lognormal(0.25)\n";

/* nlme, ML: -2 log L 725.9677; estimates and standard errors of fixed effects. */
static void learn_exact__fits_a_line_as_nlme_does(void **state)
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
static void learn_exact__fits_theophylline_as_focei_does(void **state)
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
static void learn_exact__fits_blood_pressure_as_nlme_does(void **state)
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

/* Rounds that all turn out worse than the first: steps from it become shorter and
 * shorter, and in the end its prior comes back with a sentence and without a claim. */
static void learn_exact__gives_the_best_prior_back_when_nothing_is_better(void **state)
{
    (void)state;
    struct study study;
    study_begin(&study, boys, "oxboys/data.csv");
    size_t likelihood = study.statistic.offset[STATISTIC_LIKELIHOOD];
    double gone = INFINITY;
    study_run(&study, 1);
    for (size_t i = 0; i < 20 && !study.report.stalled; i++) {
        double way = fabs(study.prior->effects[0] - study.rounds[0].prior->effects[0]);
        assert_true(way <= 0.5 * gone);
        gone = way;
        double *sum =
            mem_copy(study.rounds[0].sum, study.statistic.dimension * sizeof *sum);
        sum[likelihood] += 5;
        study.rounds[study.count++] = (struct learn_round){study.prior, sum, 0};
        assert_ok(learn_step(study.trial.model, &study.trial.layout, &study.statistic,
                             study.rounds, study.count, &study_exactly, &study.prior,
                             &study.report));
        assert_false(study.report.converged);
        assert_int_equal(study.report.best, 0);
    }
    assert_true(study.report.stalled);
    assert_non_null(strstr(study.report.reason, "nothing better than round 1"));
    assert_near(study.prior->effects[0], study.rounds[0].prior->effects[0], 0);
    assert_true(study.prior->standard_error[0] > 0);
    study_end(&study);
}

/* Rounds of which each is a little better than the one before, and all are of little use:
 * a dozen that gained less than 0.05 end it. */
static void learn_exact__does_not_crawl_on(void **state)
{
    (void)state;
    struct study study;
    study_begin(&study, boys, "oxboys/data.csv");
    size_t likelihood = study.statistic.offset[STATISTIC_LIKELIHOOD];
    study_run(&study, 1);
    while (study.count < 30 && !study.report.stalled) {
        double *sum =
            mem_copy(study.rounds[0].sum, study.statistic.dimension * sizeof *sum);
        sum[likelihood] -= 0.004 * (double)study.count;
        study.rounds[study.count++] = (struct learn_round){study.prior, sum, 0};
        assert_ok(learn_step(study.trial.model, &study.trial.layout, &study.statistic,
                             study.rounds, study.count, &study_exactly, &study.prior,
                             &study.report));
    }
    assert_int_equal(study.count, 13);
    assert_false(study.report.converged);
    assert_non_null(strstr(study.report.reason, "hardly anything better than round 13"));
    study_end(&study);
}

/* A spread that the patients do not have goes to nothing in a few rounds, and the other
 * numbers are not led astray by the part of the step that cannot be gone. */
static void learn_exact__takes_a_spread_to_nothing(void **state)
{
    (void)state;
    struct study study;
    study_begin(&study,
                "model even version 1 \"t\"\ntime h\n[parameters]\n"
                "a = 10 1 (-99, 99) normal sd 3\n"
                "b = 1 1 (-9, 9) normal sd 2\n"
                "[equations]\nf = a + b*time/(1 h)\n"
                "[observations]\nseen : f ~ add(1 1)\n",
                NULL);
    struct record *records[12];
    for (size_t i = 0; i < 12; i++) {
        records[i] = record_new("x", "h");
        for (size_t j = 0; j < 6; j++) /* residuals without a slope of their own */
            assert_ok(record_measurement(records[i], (double)j, "seen", NULL,
                                         8 + (double)(i % 4) + 0.5 * (double)j +
                                             (j % 2 == i % 2 ? 0.4 : -0.4),
                                         CENSORED_NOT, j));
        trial_take(&study.trial, records[i]);
    }
    study_run(&study, 12);
    assert_true(study.report.converged);
    for (size_t i = 1; i < study.count; i++)
        assert_true(
            study.rounds[i].sum[study.statistic.offset[STATISTIC_LIKELIHOOD]] <
            study.rounds[i - 1].sum[study.statistic.offset[STATISTIC_LIKELIHOOD]]);
    assert_true(sqrt(study.prior->omega[3]) < 0.05);
    assert_near(study.prior->effects[0], 9.5, 0.05);
    assert_near(study.prior->effects[1], 0.5, 0.02);
    study_end(&study);
    for (size_t i = 0; i < 12; i++)
        record_destroy(&records[i]);
}

/* Of volume and availability only the ratio is known, and the start has an availability
 * of 0.9: no round goes past 1 with it, or farther than it may, and the ratio is found.
 */
static void learn_exact__keeps_to_bounds_what_is_not_identified(void **state)
{
    (void)state;
    struct study study;
    study_begin(&study,
                "model share version 1 \"t\"\ntime h\n[parameters]\n"
                "V = 60 1 (0.1, 999) lognormal sd 0.3\n"
                "F = 0.9 1 (0, 1) estimated\n"
                "[equations]\nf = 100*F/V*exp(-time/(4 h))\n"
                "[observations]\nseen : f ~ lognormal(0.3)\n",
                NULL);
    struct record *records[9];
    for (size_t i = 0; i < 9; i++) {
        double level = log(5) + 0.1 * ((double)i - 4);
        records[i] = record_new("x", "h");
        for (size_t j = 0; j < 5; j++)
            assert_ok(record_measurement(
                records[i], (double)j, "seen", NULL,
                exp(level - (double)j / 4 + 0.1 * (double)((j + i) % 3) - 0.1),
                CENSORED_NOT, j));
        trial_take(&study.trial, records[i]);
    }
    study_run(&study, 20);
    assert_true(study.report.converged);
    for (size_t i = 0; i < study.count; i++) {
        const struct prior *prior = study.rounds[i].prior,
                           *next = i + 1 < study.count ? study.rounds[i + 1].prior
                                                       : study.prior;
        assert_true(next->population[0] < 1e-6);
        assert_true(fabs(next->population[0] - prior->population[0]) < 1.6);
        assert_true(fabs(next->effects[0] - prior->effects[0]) < 1.6);
    }
    assert_near(study.prior->population[0] - study.prior->effects[0], log(0.05), 0.02);
    study_end(&study);
    for (size_t i = 0; i < 9; i++)
        record_destroy(&records[i]);
}

/* Keep of the patients the first twelve whose index modulo 400 is `from` or the next. */
static void keep_twelve(struct trial *trial, size_t from)
{
    size_t kept = 0;
    for (size_t i = 0; i < trial->count; i++) {
        if (kept < 12 && i % 400 >= from && i % 400 < from + 2)
            trial->twins[kept++] = trial->twins[i];
        else
            twin_destroy(&trial->twins[i]);
    }
    trial->count = kept;
}

/* Of twelve people correlations run to 1 or -1. The model is linear: maximum likelihood
 * by simplex over the factor of Omega and the residual, effects profiled, is beside it.
 */
static void learn_exact__reaches_a_correlation_of_one(void **state)
{
    (void)state;
    static const struct {
        size_t from;
        double expected;
    } draws[] = {{30, 242.7852}, {270, 373.8561}, {300, 374.5172}, {330, 301.0360}};
    static const struct learn_options options = {LEARN_PATIENTS_MIN, LEARN_TOLERANCE};
    for (size_t d = 0; d < 4; d++) {
        struct study study;
        study_begin(&study, pressure, "nafld_bp/data.csv");
        keep_twelve(&study.trial, draws[d].from);
        double least = INFINITY;
        for (bool done = false; !done && study.count < 40;) {
            double *sum = trial_sum(&study.trial, study.prior, &study.statistic);
            study.rounds[study.count++] = (struct learn_round){study.prior, sum, 0};
            least = fmin(least, sum[study.statistic.offset[STATISTIC_LIKELIHOOD]]);
            assert_ok(learn_step(study.trial.model, &study.trial.layout, &study.statistic,
                                 study.rounds, study.count, &options, &study.prior,
                                 &study.report));
            done = study.report.converged || study.report.stalled;
        }
        assert_true(study.report.converged);
        assert_near(least, draws[d].expected, 0.1);
        study_end(&study);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learn_exact__fits_a_line_as_nlme_does),
        cmocka_unit_test(learn_exact__fits_theophylline_as_focei_does),
        cmocka_unit_test(learn_exact__fits_blood_pressure_as_nlme_does),
        cmocka_unit_test(learn_exact__gives_the_best_prior_back_when_nothing_is_better),
        cmocka_unit_test(learn_exact__does_not_crawl_on),
        cmocka_unit_test(learn_exact__takes_a_spread_to_nothing),
        cmocka_unit_test(learn_exact__keeps_to_bounds_what_is_not_identified),
        cmocka_unit_test(learn_exact__reaches_a_correlation_of_one),
    };
    return cmocka_run_group_tests_name("learn_exact", tests, NULL, NULL);
}
