#include "innovation.h"

#include "base/normal.h"
#include "numerics/linalg.h"
#include "scores.h"
#include "study.h"

static const char boys_text[] = "model boys version 1 \"t\"\ntime a\n"
                                "[parameters]\n"
                                "a = 149 cm (-999, 999) normal sd 8 cm\n"
                                "b = 6.5 cm/a (-99, 99) normal sd 1.7 cm/a\n"
                                "[population]\ncorrelated a, b 0.6\n"
                                "[equations]\nH = a + b*time\n"
                                "[observations]\n"
                                "height : H ~ add(0.7 cm) correlated over 0.4 a\n";

#define ORAL_TEXT(error)                                                                 \
    "model oral version 1 \"t\"\ntime h\n"                                               \
    "[parameters]\n"                                                                     \
    "ka = 1.5 1/h (0.01, 99) lognormal sd 0.6\n"                                         \
    "CL = 2.7 L/h (0.01, 99) lognormal sd 0.3\n"                                         \
    "V = 32 L (0.1, 999) estimated log\n"                                                \
    "[doses]\noral -> depot mg\n"                                                        \
    "[equations]\nd/dt(depot) = -ka*depot\n"                                             \
    "d/dt(central) = ka*depot - CL/V*central\n"                                          \
    "Cp = central/V\n"                                                                   \
    "[observations]\nlevel : Cp ~ " error "\n"

static const char oral_text[] =
    ORAL_TEXT("combined2(add 0.3 mg/L, prop 0.1) correlated over 2 h");
static const char limit_text[] =
    ORAL_TEXT("combined2(add 0.3 mg/L, prop 0.1) correlated over 2 h lloq 2 mg/L");
static const char forgetful_text[] =
    ORAL_TEXT("combined2(add 0.3 mg/L, prop 0.1) correlated over 0.0001 h");
static const char plain_text[] = ORAL_TEXT("combined2(add 0.3 mg/L, prop 0.1)");

/* A -2 log L of all, by whole covariances, is least at the prior by typical values and
 * residuals: the slope that is left is less than two tenths of a standard error. */
typedef double dense(const struct trial *trial, const struct prior *prior);

static void is_least(dense *cost, const struct trial *trial, struct prior *prior)
{
    double least = cost(trial, prior);
    double *numbers[] = {&prior->effects[0], &prior->effects[prior->k],
                         &prior->residual[0], &prior->residual[1]};
    for (size_t i = 0; i < 4; i++) {
        double h = i < 2 ? 1e-2 : 1e-3, at = *numbers[i];
        *numbers[i] = at + h;
        double up = cost(trial, prior);
        *numbers[i] = at - h;
        double down = cost(trial, prior);
        *numbers[i] = at;
        double curve = (up - 2 * least + down) / (h * h);
        assert_true(curve > 0);
        assert_true(fabs(up - down) / (2 * h) < 0.2 * sqrt(2 * curve));
    }
}

/* -2 log L of all boys by their whole covariance. */
static double dense_boys(const struct trial *trial, const struct prior *prior)
{
    double total = 0, sd = exp(prior->residual[0]), tau = exp(prior->residual[1]);
    for (size_t i = 0; i < trial->count; i++) {
        size_t n = twin_measurements(trial->twins[i]);
        double *v = mem_new(n * n, sizeof *v), *r = mem_new(n, sizeof *r);
        for (size_t j = 0; j < n; j++) {
            const struct twin_measurement *y = twin_measurement(trial->twins[i], j);
            r[j] = y->value - prior->effects[0] - prior->effects[prior->k] * y->time;
            for (size_t k = 0; k < n; k++) {
                double s = twin_measurement(trial->twins[i], k)->time;
                v[j * n + k] = prior->omega[0] + prior->omega[1] * (y->time + s) +
                               prior->omega[3] * y->time * s +
                               sd * sd * exp(-fabs(y->time - s) / tau);
            }
        }
        assert_ok(linalg_cholesky(n, v));
        total += (double)n * log(2 * M_PI) + linalg_lower_log_det(n, v);
        linalg_lower_solve(n, v, 1, r);
        for (size_t j = 0; j < n; j++)
            total += r[j] * r[j];
        mem_free(v), mem_free(r);
    }
    return total;
}

/* A normal deviate. */
static double deviate(uint64_t *stream)
{
    *stream = *stream * 6364136223846793005u + 1442695040888963407u;
    return normal_quantile(((double)(*stream >> 11) + 0.5) * 0x1p-53);
}

/* Forty boys of the text, their errors as it says, of a fixed stream. */
static void draw_boys(struct trial *trial)
{
    uint64_t stream = 1;
    for (size_t i = 0; i < 40; i++) {
        struct record *record = record_new("boy", "a");
        double u = deviate(&stream), e = deviate(&stream);
        double a = 149 + 8 * u, b = 6.5 + 1.7 * (0.6 * u + 0.8 * deviate(&stream));
        double rho = exp(-0.25 / 0.4);
        for (size_t j = 0; j < 13; j++) {
            double t = -1 + 0.25 * (double)j;
            assert_ok(record_measurement(record, t, "height", "cm", a + b * t + 0.7 * e,
                                         CENSORED_NOT, j));
            e = rho * e + sqrt(1 - rho * rho) * deviate(&stream);
        }
        trial_take(trial, record);
        record_destroy(&record);
    }
}

/* A linear model is exact: the rounds end at a prior from which the likelihood, by whole
 * covariances, falls in every direction, and its curvature there gives the standard
 * errors that are stated for the residual error. */
static void innovation__of_a_linear_model_ends_at_maximum_likelihood(void **state)
{
    (void)state;
    struct study study;
    study_begin(&study, boys_text, NULL);
    draw_boys(&study.trial);
    study_run(&study, 40);
    assert_true(study.report.converged);
    assert_true(study.count <= 6);
    struct prior *prior = study.prior;
    double least = dense_boys(&study.trial, prior);
    assert_near(trial_cost(&study.trial, prior), least, 1e-6);
    assert_near(prior->residual[0], log(0.7), 0.15); /* 520 errors, about 260 new */
    assert_near(prior->residual[1], log(0.4), 0.35);
    is_least(dense_boys, &study.trial, prior);
    study_end(&study);
}

/* Of quantified values and censored ones. */
static void scores_of_theophylline_agree(const char *text)
{
    struct trial trial;
    struct prior *prior;
    struct moments *moments;
    struct fit *fit;
    trial_model(&trial, text);
    trial_read(&trial, "theoph/data.csv", NULL);
    assert_ok(prior_from_model(trial.model, &prior));
    assert_int_equal(prior->m, 3);
    const struct twin *twin = trial.twins[5];
    assert_ok(fit_new(trial.engine, twin, prior, &fit));
    assert_ok(fit_moments(trial.engine, twin, prior, fit, &moments));
    scores_agree(&trial, twin, prior, moments);
    moments_destroy(&moments);
    fit_destroy(&fit);
    prior_destroy(&prior);
    trial_clear(&trial);
}

static void innovation__scores_are_those_of_the_likelihood(void **state)
{
    (void)state;
    scores_of_theophylline_agree(oral_text);
    scores_of_theophylline_agree(limit_text);
}

/* One person's residual covariance R, or its derivative by the logarithms, with g at the
 * prediction f. */
static void covariance_at(const struct trial *trial, const struct twin *twin,
                          const struct prior *prior, const double *f, double *r)
{
    size_t n = twin_measurements(twin);
    struct residual residual;
    prior_residual(trial->model, &trial->layout, prior, 0, &residual);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double dt = twin_measurement(twin, i)->time - twin_measurement(twin, j)->time;
            r[i * n + j] = observe_sd(&residual, f[i]) * observe_sd(&residual, f[j]) *
                           exp(-fabs(dt) / residual.correlation_time);
        }
}

#define MOST 12

/* tr M R_k M R_l / 2 with M = R^-1 - R^-1 F V F' R^-1, everything dense; and with Omega V
 * F' R^-1 R_l R^-1 F V / 2. */
static void innovation__information_is_the_trace_form(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    struct moments *moments;
    struct fit *fit;
    trial_model(&trial, oral_text);
    trial_read(&trial, "theoph/data.csv", NULL);
    assert_ok(prior_from_model(trial.model, &prior));
    const struct twin *twin = trial.twins[5];
    assert_ok(fit_new(trial.engine, twin, prior, &fit));
    assert_ok(fit_moments(trial.engine, twin, prior, fit, &moments));
    size_t n = twin_measurements(twin);
    assert_true(n <= MOST);
    double f[MOST], jacobian[MOST * 3], by_z[MOST * 2], r[MOST * MOST], m[MOST * MOST];
    double moved[3][MOST * MOST], half[MOST * MOST], rf[MOST * 2], vf[2 * MOST];
    assert_ok(twin_predict(trial.engine, twin, fit->phi, prior->population, f, jacobian));
    for (size_t j = 0; j < n; j++)
        for (size_t a = 0; a < 2; a++)
            by_z[j * 2 + a] = jacobian[j * 3] * prior->factor[a] +
                              jacobian[j * 3 + 1] * prior->factor[2 + a];
    covariance_at(&trial, twin, prior, f, r);
    assert_ok(linalg_spd_inverse(n, r, m));
    linalg_multiply(n, n, 2, m, by_z, rf);
    linalg_multiply_nt(2, 2, n, moments->posterior, rf, vf);
    linalg_multiply(n, 2, n, rf, vf, half);
    for (size_t l = 0; l < 3; l++) {
        double other[MOST * MOST], h = 1e-5;
        prior->residual[l] += h;
        covariance_at(&trial, twin, prior, f, moved[l]);
        prior->residual[l] -= 2 * h;
        covariance_at(&trial, twin, prior, f, other);
        prior->residual[l] += h;
        for (size_t i = 0; i < n * n; i++)
            moved[l][i] = (moved[l][i] - other[i]) / (2 * h);
        /* V F' R^-1 R_l R^-1 F V / 2 */
        double left[2 * MOST], shape[4];
        linalg_multiply(2, n, n, vf, moved[l], left);
        linalg_multiply_nt(2, n, 2, left, vf, shape);
        for (size_t i = 0; i < 4; i++)
            assert_near(moments->residual_shape[l * 4 + i], shape[i] / 2, 1e-6);
    }
    for (size_t i = 0; i < n * n; i++)
        m[i] -= half[i];
    for (size_t l = 0; l < 3; l++) {
        double product[MOST * MOST], mean = 0;
        linalg_multiply(n, n, n, m, moved[l], product);
        memcpy(moved[l], product, sizeof product);
        for (size_t i = 0; i < n; i++)
            mean += product[i * n + i] / 2;
        assert_near(moments->residual_squares[l], mean, 1e-6);
    }
    for (size_t k = 0; k < 3; k++)
        for (size_t l = 0; l < 3; l++) {
            double want = 0;
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                    want += moved[k][i * n + j] * moved[l][j * n + i] / 2;
            assert_near(moments->residual_information[k * 3 + l], want, 1e-6);
        }
    moments_destroy(&moments);
    fit_destroy(&fit);
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* The observed information of a linear model: second differences of its likelihood. */
static void innovation__curvature_is_the_likelihoods(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    double got[4] = {0}, h = 1e-3;
    trial_model(&trial, boys_text);
    trial_read(&trial, "oxboys/data.csv", NULL);
    assert_ok(prior_from_model(trial.model, &prior));
    for (size_t i = 0; i < trial.count; i++) {
        struct fit *fit;
        struct moments *moments;
        assert_ok(fit_new(trial.engine, trial.twins[i], prior, &fit));
        assert_ok(fit_moments(trial.engine, trial.twins[i], prior, fit, &moments));
        for (size_t l = 0; l < 4; l++)
            got[l] += moments->residual_curvature[l];
        moments_destroy(&moments);
        fit_destroy(&fit);
    }
    for (size_t k = 0; k < 2; k++)
        for (size_t l = 0; l < 2; l++) {
            double sum = 0;
            for (int i = 0; i < 4; i++) {
                double a = i & 1 ? h : -h, b = i & 2 ? h : -h;
                prior->residual[k] += a;
                prior->residual[l] += b;
                sum += (a * b > 0 ? 1 : -1) * dense_boys(&trial, prior);
                prior->residual[k] -= a;
                prior->residual[l] -= b;
            }
            assert_relative(got[k * 2 + l], 0.5 * sum / (4 * h * h), 1e-4);
        }
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* Errors that forget at once have the moments of errors that are not correlated, and
 * nothing to say of a time. */
static void innovation__of_what_forgets_is_what_never_remembered(void **state)
{
    (void)state;
    const char *texts[] = {plain_text, forgetful_text};
    struct moments *moments[2];
    for (size_t i = 0; i < 2; i++) {
        struct trial trial;
        struct prior *prior;
        struct fit *fit;
        trial_model(&trial, texts[i]);
        trial_read(&trial, "theoph/data.csv", NULL);
        assert_ok(prior_from_model(trial.model, &prior));
        assert_ok(fit_new(trial.engine, trial.twins[2], prior, &fit));
        assert_ok(fit_moments(trial.engine, trial.twins[2], prior, fit, &moments[i]));
        fit_destroy(&fit);
        prior_destroy(&prior);
        trial_clear(&trial);
    }
    for (size_t k = 0; k < 2; k++) {
        assert_near(moments[1]->residual_score[k], moments[0]->residual_score[k], 1e-6);
        assert_near(moments[1]->residual_squares[k], moments[0]->residual_squares[k],
                    1e-7);
        for (size_t l = 0; l < 2; l++)
            assert_near(moments[1]->residual_information[k * 3 + l],
                        moments[0]->residual_information[k * 2 + l], 1e-7);
        for (size_t i = 0; i < 4; i++)
            assert_near(moments[1]->residual_shape[k * 4 + i],
                        moments[0]->residual_shape[k * 4 + i], 1e-7);
    }
    assert_near(moments[1]->residual_score[2], 0, 1e-6);
    assert_near(moments[1]->residual_information[8], 0, 1e-12);
    moments_destroy(&moments[0]);
    moments_destroy(&moments[1]);
}

/* --- occasions ---------------------------------------------------------------------- */

static const char nested_text[] = "model nested version 1 \"t\"\ntime d\n"
                                  "[parameters]\n"
                                  "a = 10 mg/L normal sd 2 occasions 3 per 1 d sd 1\n"
                                  "b = 1 mg/L/d normal sd 0.3\n"
                                  "[population]\ncorrelated a, b 0.2\n"
                                  "[equations]\nf = a + b*time\n"
                                  "[observations]\nlevel : f ~ add(0.5 mg/L)\n";

/* -2 log L of people whose level is off on each of three days, by whole covariances. */
static double dense_nested(const struct trial *trial, const struct prior *prior)
{
    double total = 0, error = exp(2 * prior->residual[0]),
           day = exp(2 * prior->residual[1]);
    for (size_t i = 0; i < trial->count; i++) {
        size_t n = twin_measurements(trial->twins[i]);
        double *v = mem_new(n * n, sizeof *v), *r = mem_new(n, sizeof *r);
        for (size_t j = 0; j < n; j++) {
            const struct twin_measurement *y = twin_measurement(trial->twins[i], j);
            r[j] = y->value - prior->effects[0] - prior->effects[prior->k] * y->time;
            for (size_t k = 0; k < n; k++) {
                double s = twin_measurement(trial->twins[i], k)->time;
                v[j * n + k] = prior->omega[0] + prior->omega[1] * (y->time + s) +
                               prior->omega[3] * y->time * s +
                               (floor(y->time) == floor(s) ? day : 0) +
                               (j == k ? error : 0);
            }
        }
        assert_ok(linalg_cholesky(n, v));
        total += (double)n * log(2 * M_PI) + linalg_lower_log_det(n, v);
        linalg_lower_solve(n, v, 1, r);
        for (size_t j = 0; j < n; j++)
            total += r[j] * r[j];
        mem_free(v), mem_free(r);
    }
    return total;
}

/* Forty people of the text, some of whom miss the last day. */
static void draw_nested(struct trial *trial)
{
    uint64_t stream = 7;
    for (size_t i = 0; i < 40; i++) {
        struct record *record = record_new("one", "d");
        double u = deviate(&stream), off = 0;
        double a = 10 + 2 * u, b = 1 + 0.3 * (0.2 * u + sqrt(0.96) * deviate(&stream));
        for (size_t j = 0; j < (i % 3 ? 12u : 8u); j++) {
            double t = 0.125 + 0.25 * (double)j;
            if (j % 4 == 0)
                off = deviate(&stream);
            assert_ok(record_measurement(record, t, "level", "mg/L",
                                         a + off + b * t + 0.5 * deviate(&stream),
                                         CENSORED_NOT, j));
        }
        trial_take(trial, record);
        record_destroy(&record);
    }
}

/* Nested random effects, linear: likelihood, rounds and curvature are exact. */
static void innovation__of_nested_effects_ends_at_maximum_likelihood(void **state)
{
    (void)state;
    struct study study;
    double got[4] = {0}, h = 1e-3;
    study_begin(&study, nested_text, NULL);
    draw_nested(&study.trial);
    assert_int_equal(study.prior->p, 2); /* not with occasions */
    assert_int_equal(study.prior->m, 2);
    study_run(&study, 40);
    assert_true(study.report.converged);
    assert_true(study.count <= 6);
    struct prior *prior = study.prior;
    double least = dense_nested(&study.trial, prior);
    assert_near(trial_cost(&study.trial, prior), least, 1e-6);
    is_least(dense_nested, &study.trial, prior);
    for (size_t i = 0; i < study.trial.count; i++) {
        struct fit *fit;
        struct moments *moments;
        const struct twin *twin = study.trial.twins[i];
        assert_ok(fit_new(study.trial.engine, twin, prior, &fit));
        assert_int_equal(fit->p, 5);
        assert_ok(fit_moments(study.trial.engine, twin, prior, fit, &moments));
        for (size_t l = 0; l < 4; l++)
            got[l] += moments->residual_curvature[l];
        moments_destroy(&moments);
        fit_destroy(&fit);
    }
    for (size_t k = 0; k < 2; k++)
        for (size_t l = 0; l < 2; l++) {
            double sum = 0;
            for (int i = 0; i < 4; i++) {
                double a = i & 1 ? h : -h, b = i & 2 ? h : -h;
                prior->residual[k] += a;
                prior->residual[l] += b;
                sum += (a * b > 0 ? 1 : -1) * dense_nested(&study.trial, prior);
                prior->residual[k] -= a;
                prior->residual[l] -= b;
            }
            assert_near(got[k * 2 + l], 0.5 * sum / (4 * h * h), 1e-4 * fabs(got[0]));
        }
    study_end(&study);
}

#define OCCASIONS_TEXT                                                                   \
    "model oral version 1 \"t\"\ntime h\n"                                               \
    "[parameters]\n"                                                                     \
    "ka = 1.5 1/h (0.01, 99) lognormal sd 0.6 occasions 3 per 2 d sd 0.3\n"              \
    "CL = 2.7 L/h (0.01, 99) lognormal sd 0.3 occasions 4 per 5 h sd 0.2\n"              \
    "V = 32 L (0.1, 999) estimated log\n"                                                \
    "[doses]\noral -> depot mg\n"                                                        \
    "[equations]\nd/dt(depot) = -ka*depot\n"                                             \
    "d/dt(central) = ka*depot - CL/V*central\n"                                          \
    "Cp = central/V\n"                                                                   \
    "[observations]\nlevel : Cp ~ combined2(add 0.3 mg/L, prop 0.1)"

/* As of correlated errors: differences of the likelihood of a model that is not linear.
 */
static void innovation__scores_of_occasions_are_those_of_the_likelihood(void **state)
{
    (void)state;
    static const char *const texts[] = {OCCASIONS_TEXT "\n", OCCASIONS_TEXT
                                        " correlated over 2 h lloq 2 mg/L\n"};
    for (size_t t = 0; t < 2; t++) {
        struct trial trial;
        struct prior *prior;
        struct moments *moments;
        struct fit *fit;
        trial_model(&trial, texts[t]);
        struct record *record = record_new("1", "h");
        static const double times[] = {0.5, 1.2, 3, 4.5, 6, 8, 11, 14, 18};
        static const double values[] = {5.2, 8.1, 8.3, 6.4, 6.9, 5.1, 4.6, 3.0, 2.9};
        assert_ok(record_dose(record, 0, "oral", "mg", 320, 0, 0));
        for (size_t j = 0; j < 9; j++)
            assert_ok(record_measurement(record, times[j], "level", "mg/L", values[j],
                                         CENSORED_NOT, 1 + j));
        trial_take(&trial, record);
        record_destroy(&record);
        assert_ok(prior_from_model(trial.model, &prior));
        assert_int_equal(prior->m, 4 + t);
        const struct twin *twin = trial.twins[0];
        assert_ok(fit_new(trial.engine, twin, prior, &fit));
        assert_ok(fit_moments(trial.engine, twin, prior, fit, &moments));
        scores_agree(&trial, twin, prior, moments);
        /* what no reading is of teaches nothing: the second and third ka */
        assert_near(fit->phi[3], 0, 1e-9);
        assert_near(fit->phi[4], 0, 1e-9);
        assert_near(fit->covariance[3 * fit->p + 3], 0.09, 1e-12);
        moments_destroy(&moments);
        fit_destroy(&fit);
        prior_destroy(&prior);
        trial_clear(&trial);
    }
}

/* Of nested effects: tr S^-1 S_k S^-1 S_l / 2 with S the whole covariance of a person's
 * readings, and with the parameters' own, along E, tr of the shape times E. */
static void innovation__information_of_occasions_is_the_trace_form(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    struct fit *fit;
    struct moments *moments;
    trial_model(&trial, nested_text);
    draw_nested(&trial);
    assert_ok(prior_from_model(trial.model, &prior));
    assert_ok(prior_factor(prior, NULL));
    const struct twin *twin = trial.twins[1];
    size_t n = twin_measurements(twin);
    assert_int_equal(n, MOST);
    double v[MOST * MOST], inverse[MOST * MOST], moved[5][MOST * MOST];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double t = twin_measurement(twin, i)->time,
                   s = twin_measurement(twin, j)->time;
            const double *l = prior->factor;
            double a[] = {l[0] + l[2] * t, l[1] + l[3] * t},
                   b[] = {l[0] + l[2] * s, l[1] + l[3] * s};
            size_t at = i * n + j;
            moved[0][at] = i == j ? 2 * 0.25 : 0;
            moved[1][at] = floor(t) == floor(s) ? 2 : 0;
            moved[2][at] = a[0] * b[0];
            moved[3][at] = a[0] * b[1] + a[1] * b[0];
            moved[4][at] = a[1] * b[1];
            v[at] = moved[0][at] / 2 + moved[1][at] / 2 + moved[2][at] + moved[4][at];
        }
    assert_ok(linalg_spd_inverse(n, v, inverse));
    for (size_t k = 0; k < 5; k++) {
        double product[MOST * MOST];
        linalg_multiply(n, n, n, inverse, moved[k], product);
        memcpy(moved[k], product, sizeof product);
    }
    assert_ok(fit_new(trial.engine, twin, prior, &fit));
    assert_ok(fit_moments(trial.engine, twin, prior, fit, &moments));
    for (size_t k = 0; k < 2; k++)
        for (size_t l = 0; l < 5; l++) {
            double want = 0;
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                    want += moved[k][i * n + j] * moved[l][j * n + i] / 2;
            const double *shape = moments->residual_shape + k * 4;
            double got = l < 2    ? moments->residual_information[k * 2 + l]
                         : l == 3 ? shape[1] + shape[2]
                                  : shape[l == 2 ? 0 : 3];
            assert_near(got, want, 1e-9 * (1 + fabs(want)));
        }
    double mean = 0;
    for (size_t i = 0; i < n; i++)
        mean += moved[1][i * n + i] / 2;
    assert_near(moments->residual_squares[1], mean, 1e-9);
    moments_destroy(&moments);
    fit_destroy(&fit);
    prior_destroy(&prior);
    trial_clear(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(innovation__of_a_linear_model_ends_at_maximum_likelihood),
        cmocka_unit_test(innovation__scores_are_those_of_the_likelihood),
        cmocka_unit_test(innovation__information_is_the_trace_form),
        cmocka_unit_test(innovation__curvature_is_the_likelihoods),
        cmocka_unit_test(innovation__of_what_forgets_is_what_never_remembered),
        cmocka_unit_test(innovation__of_nested_effects_ends_at_maximum_likelihood),
        cmocka_unit_test(innovation__scores_of_occasions_are_those_of_the_likelihood),
        cmocka_unit_test(innovation__information_of_occasions_is_the_trace_form),
    };
    return cmocka_run_group_tests_name("innovation", tests, NULL, NULL);
}
