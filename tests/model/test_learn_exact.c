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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learn_exact__fits_a_line_as_nlme_does),
        cmocka_unit_test(learn_exact__fits_theophylline_as_focei_does),
        cmocka_unit_test(learn_exact__fits_blood_pressure_as_nlme_does),
    };
    return cmocka_run_group_tests_name("learn_exact", tests, NULL, NULL);
}
