#include "trial.h"

#include "numerics/linalg.h"
#include "virtual.h"

static const char line_text[] = "model line version 1 \"a straight line\"\ntime a\n"
                                "[parameters]\n"
                                "a = 150 cm (-999, 999) normal sd 8 cm\n"
                                "b = 6 cm/a (-99, 99) normal sd 1.7 cm/a\n"
                                "[population]\ncorrelated a, b 0.6\n"
                                "[equations]\nheight = a + b*time\n"
                                "[observations]\nseen : height ~ add(0.7 cm)\n";

static struct record *line_record(void)
{
    static const double times[] = {-1, -0.3, 0.2, 0.9}, values[] = {138, 143, 147, 155};
    struct record *record = record_new("1", "a");
    for (size_t i = 0; i < 4; i++)
        assert_ok(record_measurement(record, times[i], "seen", "cm", values[i],
                                     CENSORED_NOT, i));
    return record;
}

/* In a linear model the mode, its covariance and the marginal likelihood are the textbook
 * ones: y ~ N(F m, F Omega F' + s^2 I). */
static void fit__of_a_line_is_exact(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, line_text);
    struct record *record = line_record();
    trial_take(&trial, record);
    struct prior *prior;
    assert_ok(prior_from_model(trial.model, &prior));
    struct fit *fit;
    assert_ok(fit_new(trial.engine, trial.twins[0], prior, &fit));
    assert_true(fit->converged);
    double v[16], r[4], vr[4], log_det, square = 0, f[8];
    for (size_t i = 0; i < 4; i++) {
        const struct twin_measurement *y = twin_measurement(trial.twins[0], i);
        f[2 * i] = 1;
        f[2 * i + 1] = y->time;
        vr[i] = r[i] = y->value - 150 - 6 * y->time;
    }
    double fo[8];
    linalg_multiply(4, 2, 2, f, prior->omega, fo);
    linalg_multiply_nt(4, 2, 4, fo, f, v);
    for (size_t i = 0; i < 4; i++)
        v[5 * i] += 0.49;
    assert_ok(linalg_spd_solve(4, v, 1, vr));
    for (size_t i = 0; i < 4; i++)
        square += r[i] * vr[i];
    assert_ok(linalg_cholesky(4, v));
    log_det = linalg_lower_log_det(4, v);
    assert_relative(fit->minus2_log_likelihood, 4 * log(2 * M_PI) + log_det + square,
                    1e-11);
    for (size_t a = 0; a < 2; a++) {
        double mode = a ? 6 : 150;
        for (size_t i = 0; i < 4; i++)
            mode += fo[2 * i + a] * vr[i];
        assert_relative(fit->phi[a], mode, 1e-10);
    }
    struct moments *moments;
    assert_ok(fit_moments(trial.engine, trial.twins[0], prior, fit, &moments));
    assert_near(moments->skew, 0, 1e-12);
    moments_destroy(&moments);
    fit_destroy(&fit);
    prior_destroy(&prior);
    record_destroy(&record);
    trial_clear(&trial);
}

static void fit__without_measurements_is_the_prior(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, line_text);
    struct record *record = record_new("1", "a");
    trial_take(&trial, record);
    struct prior *prior;
    assert_ok(prior_from_model(trial.model, &prior));
    struct fit *fit;
    assert_ok(fit_new(trial.engine, trial.twins[0], prior, &fit));
    assert_true(fit->converged);
    assert_near(fit->phi[0], 150, 1e-12);
    assert_near(fit->minus2_log_likelihood, 0, 1e-12);
    for (size_t i = 0; i < 4; i++)
        assert_near(fit->covariance[i], prior->omega[i], 1e-12);
    fit_destroy(&fit);
    prior_destroy(&prior);
    record_destroy(&record);
    trial_clear(&trial);
}

/* Theophylline at the published FOCEI estimates, patient by patient: individual estimates
 * and contributions that another program (nlmixr2) computed, its OBJI without log 2 pi.
 */
static void fit__of_theophylline_agrees_with_another_program(void **state)
{
    (void)state;
    static const char text[] = "model theoph version 1 \"t\"\ntime h\n"
                               "[parameters]\n"
                               "ka = 1.588799 1/h (0.01, 99) lognormal sd 0.6343028\n"
                               "CL = 2.749447 L/h (0.01, 99) lognormal sd 0.2630893\n"
                               "V = 31.80107 L (0.1, 999) lognormal sd 0.1387443\n"
                               "[doses]\noral -> depot mg\n"
                               "[equations]\nd/dt(depot) = -ka*depot\n"
                               "d/dt(central) = ka*depot - CL/V*central\n"
                               "Cp = central/V\n"
                               "[observations]\nlevel : Cp ~ add(0.69362 mg/L)\n";
    static const double expected[12][4] = {{1.733342, 1.711846, 29.03155, 12.58544},
                                           {1.938619, 3.178101, 31.96738, 17.92579},
                                           {2.306716, 2.829464, 33.53919, 0.272467},
                                           {1.19962, 2.701506, 31.39115, 11.03559},
                                           {1.523348, 2.367679, 27.55003, 29.22699},
                                           {1.081768, 3.990145, 38.61503, 7.737662},
                                           {0.7349377, 3.18404, 33.60888, 2.17037},
                                           {1.344808, 3.243284, 34.92871, 6.984562},
                                           {6.217581, 2.878693, 31.79997, 8.421027},
                                           {0.7639438, 1.878011, 26.77671, 7.86673},
                                           {3.382227, 3.668293, 36.46339, 3.363518},
                                           {0.9453929, 2.427434, 25.98545, 9.213773}};
    struct trial trial;
    trial_model(&trial, text);
    trial_read(&trial, "theoph/data.csv", NULL);
    struct prior *prior;
    assert_ok(prior_from_model(trial.model, &prior));
    assert_int_equal(trial.count, 12);
    for (size_t i = 0; i < 12; i++) {
        struct fit *fit;
        assert_ok(fit_new(trial.engine, trial.twins[i], prior, &fit));
        for (size_t a = 0; a < 3; a++)
            assert_relative(exp(fit->phi[a]), expected[i][a], 2e-3);
        double objective = fit->minus2_log_likelihood - (double)fit->n * log(2 * M_PI);
        assert_near(objective, expected[i][3], 5e-3);
        fit_destroy(&fit);
    }
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* A lag that starts on the wrong side of the first measurements predicts nothing there
 * and has no slope towards the right side. */
static void fit__finds_the_mode_on_the_other_side_of_a_measurement(void **state)
{
    (void)state;
    static const char text[] = "model lagged version 1 \"t\"\ntime h\n"
                               "[parameters]\n"
                               "k = 0.2 1/h (0.01, 9) lognormal sd 0.3\n"
                               "tl = 1.5 h (0.01, 9) lognormal sd 0.7\n"
                               "[doses]\niv -> x mg lag tl\n"
                               "[equations]\nd/dt(x) = -k*x\n"
                               "[observations]\nseen : x ~ add(2 mg)\n";
    struct trial trial;
    trial_model(&trial, text);
    struct record *record = record_new("1", "h");
    assert_ok(record_dose(record, 0, "iv", "mg", 100, 0, 0));
    for (size_t i = 1; i <= 4; i++)
        assert_ok(record_measurement(record, (double)i, "seen", NULL,
                                     100 * exp(-0.2 * ((double)i - 0.8)), CENSORED_NOT,
                                     i));
    trial_take(&trial, record);
    struct prior *prior;
    assert_ok(prior_from_model(trial.model, &prior));
    struct fit *fit;
    assert_ok(fit_new(trial.engine, trial.twins[0], prior, &fit));
    assert_true(fit->converged);
    assert_near(exp(fit->phi[1]), 0.8, 0.05);
    fit_destroy(&fit);
    prior_destroy(&prior);
    record_destroy(&record);
    trial_clear(&trial);
}

/* Two modes with different curvatures: as the typical value moves, -2 log L goes from the
 * one to the other without a jump, because the one that holds more probability counts.
 * By the higher mode it would jump by 0.7. */
static void fit__passes_from_one_mode_to_another_without_a_jump(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, "model two version 1 \"t\"\ntime h\n[parameters]\n"
                        "a = 0 1 (-99, 99) normal sd 1\n"
                        "[equations]\nf = if(a > 0, a^2/2, a^2)\n"
                        "[observations]\nseen : f ~ add(0.5 1)\n");
    struct record *record = record_new("1", "a");
    assert_ok(record_measurement(record, 0, "seen", NULL, 1, CENSORED_NOT, 0));
    trial_take(&trial, record);
    struct prior *prior;
    assert_ok(prior_from_model(trial.model, &prior));
    double before = NAN, mode = NAN, most = 0;
    size_t jumps = 0;
    for (double typical = -0.995; typical < 1; typical += 0.01) {
        struct fit *fit;
        prior->effects[0] = typical;
        assert_ok(fit_new(trial.engine, trial.twins[0], prior, &fit));
        assert_true(fit->converged);
        if (isfinite(mode)) {
            most = fmax(most, fabs(fit->minus2_log_likelihood - before));
            jumps += fabs(fit->phi[0] - mode) > 1;
        }
        before = fit->minus2_log_likelihood;
        mode = fit->phi[0];
        fit_destroy(&fit);
    }
    assert_int_equal(jumps, 1);
    assert_true(most < 0.05);
    prior_destroy(&prior);
    record_destroy(&record);
    trial_clear(&trial);
}

static void fit__that_fails_stays_on_the_prior_and_says_so(void **state)
{
    (void)state;
    static const char text[] = "model bad version 1 \"t\"\ntime h\n"
                               "[parameters]\n"
                               "a = 2 1 (0.01, 9) lognormal sd 0.3\n"
                               "[equations]\nf = ln(a - time/(1 h))\n"
                               "[observations]\nseen : f ~ add(1 1)\n";
    struct trial trial;
    trial_model(&trial, text);
    struct record *record = record_new("1", "h");
    assert_ok(record_measurement(record, 3, "seen", NULL, 1, CENSORED_NOT, 0));
    trial_take(&trial, record);
    struct prior *prior;
    assert_ok(prior_from_model(trial.model, &prior));
    struct fit *fit;
    assert_ok(fit_new(trial.engine, trial.twins[0], prior, &fit));
    assert_false(fit->converged);
    assert_non_null(strstr(fit->reason, "not finite"));
    assert_near(fit->phi[0], log(2), 0);
    assert_near(fit->covariance[0], 0.09, 1e-15);
    struct moments *moments;
    assert_ok(fit_moments(trial.engine, trial.twins[0], prior, fit, &moments));
    assert_near(moments->z[0], 0, 0);
    assert_near(moments->w[0], 1, 0);
    assert_near(moments->posterior[0], 1, 0);
    moments_destroy(&moments);
    fit_destroy(&fit);
    prior_destroy(&prior);
    record_destroy(&record);
    trial_clear(&trial);
}

/* A blood sample before the first dose is below the limit, whatever the errors: it says
 * nothing, and everything else what it says without. */
static void fit__before_a_dose_there_is_nothing(void **state)
{
    (void)state;
    static const char *const errors[] = {"prop(0.2)", "lognormal(0.2)",
                                         "lognormal(0.2) correlated over 2 h"};
    for (size_t i = 0; i < 3; i++) {
        char *text = mem_format("model blood version 1\ntime h\n[parameters]\n"
                                "k = 0.3 1/h lognormal sd 0.4\n"
                                "[doses]\niv -> A mg\n[equations]\nd/dt(A) = -k*A\n"
                                "[observations]\nlevel : A ~ %s lloq 0.1 mg\n",
                                errors[i]);
        struct trial trial;
        struct fit *fits[2];
        struct moments *moments[2];
        struct prior *prior;
        trial_model(&trial, text);
        assert_ok(prior_from_model(trial.model, &prior));
        for (size_t with = 0; with < 2; with++) {
            struct record *record = record_new("1", "h");
            assert_ok(record_dose(record, 1, "iv", NULL, 10, -1, 2));
            if (with)
                assert_ok(
                    record_measurement(record, 0.5, "level", NULL, 0, CENSORED_NOT, 1));
            assert_ok(record_measurement(record, 3, "level", NULL, 6, CENSORED_NOT, 3));
            record_sort(record);
            trial_take(&trial, record);
            assert_ok(fit_new(trial.engine, trial.twins[with], prior, &fits[with]));
            assert_true(fits[with]->converged);
            assert_ok(fit_moments(trial.engine, trial.twins[with], prior, fits[with],
                                  &moments[with]));
            record_destroy(&record);
        }
        assert_relative(fits[1]->phi[0], fits[0]->phi[0], 1e-9);
        assert_relative(fits[1]->covariance[0], fits[0]->covariance[0], 1e-9);
        assert_relative(moments[1]->residual_score[0], moments[0]->residual_score[0],
                        1e-8);
        assert_relative(moments[1]->residual_information[0],
                        moments[0]->residual_information[0], 1e-8);
        for (size_t with = 0; with < 2; with++) {
            fit_destroy(&fits[with]);
            moments_destroy(&moments[with]);
        }
        prior_destroy(&prior);
        trial_clear(&trial);
        mem_free(text);
    }
}

/* --- a crowd ------------------------------------------------------------------------ */

/* An oral drug whose lag moves doses, with a limit of detection: searches of many
 * lengths. */
static const char oral_text[] =
    "model oral version 1 \"t\"\ntime h\n"
    "[parameters]\n"
    "ka = 1.6 1/h (0.01, 99) lognormal sd 0.6\n"
    "CL = 2.7 L/h (0.01, 99) lognormal sd 0.3\n"
    "tl = 0.3 h (0.01, 9) lognormal sd 0.3\n"
    "V = 32 L (0.1, 999) estimated log\n"
    "[doses]\noral -> depot mg lag tl\n"
    "[equations]\nd/dt(depot) = -ka*depot\n"
    "d/dt(central) = ka*depot - CL/V*central\n"
    "Cp = central/V\n"
    "[observations]\n"
    "level : Cp ~ combined2(add 0.3 mg/L, prop 0.1) lloq 1 mg/L\n";

/* Patients in an order; what they gave, by patient. */
struct gathering {
    const struct trial *trial;
    const size_t *order;
    size_t next, most; /* gives up after so many */
    size_t done, unfinished;
    struct fit *fits[12];
    struct moments *moments[12];
};

static bool gather_next(void *context, struct fit_patient *patient)
{
    struct gathering *g = context;
    if (g->next == g->trial->count)
        return false;
    size_t i = g->order ? g->order[g->next] : g->next;
    patient->twin = g->trial->twins[i];
    patient->owner = &g->fits[i];
    g->next++;
    return true;
}

static bool gather_done(void *context, struct fit_patient *patient)
{
    struct gathering *g = context;
    struct fit **at = patient->owner;
    *at = patient->fit;
    g->moments[at - g->fits] = patient->moments;
    if (!patient->moments)
        g->unfinished++;
    return ++g->done < g->most;
}

static void gather(struct engine *engine, const struct prior *prior, struct gathering *g)
{
    const struct fit_crowd crowd = {prior, true, gather_next, gather_done, g};
    fit_crowd(engine, &crowd);
}

static void gathering_clear(struct gathering *g)
{
    for (size_t i = 0; i < 12; i++) {
        fit_destroy(&g->fits[i]);
        moments_destroy(&g->moments[i]);
    }
}

static void same_patient(const struct prior *prior, const struct fit *a,
                         const struct fit *b, const struct moments *c,
                         const struct moments *d)
{
    size_t p = prior->p, q = prior->q, m = prior->m;
    assert_true(a->converged && b->converged);
    assert_int_equal(a->evaluations, b->evaluations);
    assert_memory_equal(a->phi, b->phi, p * sizeof(double));
    assert_memory_equal(a->covariance, b->covariance, p * p * sizeof(double));
    assert_memory_equal(&a->objective, &b->objective, sizeof(double));
    assert_memory_equal(&a->minus2_log_likelihood, &b->minus2_log_likelihood,
                        sizeof(double));
    assert_memory_equal(c->z, d->z, p * sizeof(double));
    assert_memory_equal(c->w, d->w, p * p * sizeof(double));
    assert_memory_equal(c->residual_score, d->residual_score, m * sizeof(double));
    assert_memory_equal(c->residual_shape, d->residual_shape, m * p * p * sizeof(double));
    assert_memory_equal(c->population_score, d->population_score, q * sizeof(double));
    assert_memory_equal(&c->skew, &d->skew, sizeof(double));
}

/* Every bit of a patient is the same alone, in a crowd, and in a crowd of another order;
 * with lanes and, on the same path, one place at a time by CVODES. */
static void fit__of_a_patient_depends_on_nobody_else(void **state)
{
    (void)state;
    static const size_t order[] = {7, 2, 11, 0, 5, 9, 1, 10, 3, 8, 6, 4};
    struct trial trial;
    struct prior *prior;
    trial_model(&trial, oral_text);
    trial_read(&trial, "theoph/data.csv", NULL);
    assert_ok(prior_from_model(trial.model, &prior));
    for (int solver = ENGINE_LANES; solver <= ENGINE_BDF; solver++) {
        struct engine_options options = {(enum engine_solver)solver, 1e-7};
        struct engine *engine = engine_new(trial.model, &trial.layout, &options);
        struct gathering forth = {.trial = &trial, .most = 13}, mixed = forth;
        mixed.order = order;
        gather(engine, prior, &forth);
        gather(engine, prior, &mixed);
        assert_int_equal(forth.unfinished + mixed.unfinished, 0);
        for (size_t i = 0; i < trial.count; i++) {
            struct fit *fit;
            struct moments *moments;
            assert_ok(fit_new(engine, trial.twins[i], prior, &fit));
            assert_ok(fit_moments(engine, trial.twins[i], prior, fit, &moments));
            same_patient(prior, fit, forth.fits[i], moments, forth.moments[i]);
            same_patient(prior, fit, mixed.fits[i], moments, mixed.moments[i]);
            fit_destroy(&fit);
            moments_destroy(&moments);
        }
        gathering_clear(&forth);
        gathering_clear(&mixed);
        engine_destroy(&engine);
    }
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* Whoever gives up gets everybody back, and the engine goes on as if nothing had been. */
static void fit__crowds_can_be_given_up(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    trial_model(&trial, oral_text);
    trial_read(&trial, "theoph/data.csv", NULL);
    assert_ok(prior_from_model(trial.model, &prior));
    struct gathering all = {.trial = &trial, .most = 13},
                     some = {.trial = &trial, .most = 2};
    gather(trial.engine, prior, &some);
    assert_true(some.unfinished > 0);
    assert_int_equal(some.done, some.next);
    gather(trial.engine, prior, &all);
    assert_int_equal(all.done, 12);
    for (size_t i = 0; i < 12; i++)
        if (some.moments[i])
            same_patient(prior, some.fits[i], all.fits[i], some.moments[i],
                         all.moments[i]);
    gathering_clear(&some);
    gathering_clear(&all);
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* --- virtual patients --------------------------------------------------------------- */

static size_t virtual_count = 150; /* 2,000 at night */
static double day[288];

static void day_open(struct virtual_study *study)
{
    for (size_t i = 0; i < 288; i++)
        day[i] = 5 * (double)(i + 1);
    virtual_open(study, SOURCE_DIR "/bench/hovorka.twin", virtual_glucose_day,
                 virtual_count, 0.5, day, 288);
}

/* Fits of the whole study, each from a place of its own. */
struct starts {
    const struct virtual_study *study;
    double (*from)[MODEL_PARAMETERS_MAX]; /* phi; NULL: B x */
    size_t next;
    struct fit **fits;
};

static bool start_next(void *context, struct fit_patient *patient)
{
    struct starts *starts = context;
    if (starts->next == starts->study->count)
        return false;
    patient->twin = starts->study->twins[starts->next];
    patient->start = starts->from ? starts->from[starts->next] : NULL;
    patient->owner = &starts->fits[starts->next++];
    return true;
}

static bool start_done(void *context, struct fit_patient *patient)
{
    (void)context;
    *(struct fit **)patient->owner = patient->fit;
    return true;
}

static struct fit **fit_from(const struct virtual_study *study, double tolerance,
                             double (*from)[MODEL_PARAMETERS_MAX])
{
    const struct engine_options options = {.tolerance = tolerance};
    struct engine *engine = engine_new(study->model, &study->layout, &options);
    struct starts starts = {study, from, 0, mem_new(study->count, sizeof(struct fit *))};
    const struct fit_crowd crowd = {study->prior, false, start_next, start_done, &starts};
    fit_crowd(engine, &crowd);
    engine_destroy(&engine);
    return starts.fits;
}

static void fits_free(const struct virtual_study *study, struct fit **fits)
{
    for (size_t i = 0; i < study->count; i++)
        fit_destroy(&fits[i]);
    mem_free(fits);
}

/* How many did not come to the lower of two modes, or to one at all. */
static size_t count_elsewhere(const struct virtual_study *study, struct fit **fits,
                              struct fit **others)
{
    size_t elsewhere = 0;
    for (size_t i = 0; i < study->count; i++)
        elsewhere +=
            !fits[i]->converged || !(fits[i]->objective < others[i]->objective + 1e-2);
    return elsewhere;
}

/* From the prior's centre every one comes to where it comes from the truth, or lower;
 * from three of the prior's standard deviations away nearly all do. */
static void fit__of_virtual_patients_converges(void **state)
{
    (void)state;
    struct virtual_study study;
    day_open(&study);
    size_t p = study.layout.p;
    double(*truth)[MODEL_PARAMETERS_MAX] = mem_new(study.count, sizeof *truth);
    double(*far)[MODEL_PARAMETERS_MAX] = mem_new(study.count, sizeof *far);
    for (size_t i = 0; i < study.count; i++)
        for (size_t a = 0; a < p; a++) {
            size_t k = study.layout.individual[a];
            const struct model_parameter *one = model_parameter(study.model, k);
            double drawn = normal_quantile(virtual_uniform(&study));
            truth[i][a] = transform_forward(one, study.truth[i][k]);
            far[i][a] =
                transform_forward(one, one->typical) + 3 * one->between_sd * drawn;
        }
    struct fit **from_centre = fit_from(&study, 1e-6, NULL),
               **from_truth = fit_from(&study, 1e-6, truth),
               **from_far = fit_from(&study, 1e-6, far);
    size_t missed = count_elsewhere(&study, from_centre, from_truth),
           strayed = count_elsewhere(&study, from_far, from_centre);
    print_message(
        "%zu virtual patients: %zu not at the mode from the prior's centre, %zu "
        "from three standard deviations away\n",
        study.count, missed, strayed);
    assert_int_equal(missed, 0);
    assert_true((double)strayed <= 0.03 * (double)study.count);
    fits_free(&study, from_centre);
    fits_free(&study, from_truth);
    fits_free(&study, from_far);
    mem_free(truth);
    mem_free(far);
    virtual_close(&study);
}

/* A solver's tolerance of 1e-4 moves a mode by less than 0.02 of its posterior standard
 * deviations, and these by less than 2 %. */
static void fit__tolerates_a_coarse_solver(void **state)
{
    (void)state;
    struct virtual_study study;
    day_open(&study);
    size_t p = study.layout.p;
    double most = 0, spread = 0;
    struct fit **coarse = fit_from(&study, 1e-4, NULL),
               **fine = fit_from(&study, 1e-9, NULL);
    for (size_t i = 0; i < study.count; i++) {
        assert_true(coarse[i]->converged && fine[i]->converged);
        for (size_t a = 0; a < p; a++) {
            double sd = sqrt(fine[i]->covariance[a * (p + 1)]);
            most = fmax(most, fabs(coarse[i]->phi[a] - fine[i]->phi[a]) / sd);
            spread =
                fmax(spread, fabs(sqrt(coarse[i]->covariance[a * (p + 1)]) / sd - 1));
        }
    }
    print_message("off by at most %.4f posterior standard deviations, these by %.2f %%\n",
                  most, 100 * spread);
    assert_true(most < 0.02);
    assert_true(spread < 0.02);
    fits_free(&study, coarse);
    fits_free(&study, fine);
    virtual_close(&study);
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "nightly") == 0)
        virtual_count = 2000;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit__of_a_line_is_exact),
        cmocka_unit_test(fit__without_measurements_is_the_prior),
        cmocka_unit_test(fit__of_theophylline_agrees_with_another_program),
        cmocka_unit_test(fit__finds_the_mode_on_the_other_side_of_a_measurement),
        cmocka_unit_test(fit__passes_from_one_mode_to_another_without_a_jump),
        cmocka_unit_test(fit__that_fails_stays_on_the_prior_and_says_so),
        cmocka_unit_test(fit__before_a_dose_there_is_nothing),
        cmocka_unit_test(fit__of_a_patient_depends_on_nobody_else),
        cmocka_unit_test(fit__crowds_can_be_given_up),
        cmocka_unit_test(fit__of_virtual_patients_converges),
        cmocka_unit_test(fit__tolerates_a_coarse_solver),
    };
    return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
