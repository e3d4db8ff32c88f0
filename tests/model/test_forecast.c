#include "shapes.h"
#include "trial.h"

#include "base/file.h"
#include "base/normal.h"
#include "model/forecast.h"
#include "model/observe.h"
#include "numerics/linalg.h"

/* A model of the house. */
static void house_model(struct trial *trial, const char *name)
{
    char *path = mem_format("%s/models/%s.twin", SOURCE_DIR, name);
    *trial = (struct trial){0};
    assert_ok(model_load(path, &trial->model));
    assert_ok(prior_layout(trial->model, &trial->layout));
    trial->engine = engine_new(trial->model, &trial->layout, NULL);
    mem_free(path);
}

/* A normal deviate of a fixed stream. */
static double draw(uint64_t *stream)
{
    *stream = *stream * 6364136223846793005u + 1442695040888963407u;
    return normal_quantile(((double)(*stream >> 11) + 0.5) / 9007199254740992.0);
}

static struct forecast *forecast_of(struct trial *trial, const struct record *record,
                                    size_t known, const struct prior *prior,
                                    struct twin **whole)
{
    struct record *first = record_known(record, known);
    struct twin *before;
    struct forecast *forecast;
    assert_ok(twin_new(trial->model, &trial->layout, first, &before));
    assert_ok(twin_new(trial->model, &trial->layout, record, whole));
    struct posterior *posterior = trial_normal(trial, before, prior);
    assert_ok(forecast_new(trial->engine, before, posterior, *whole, prior, &forecast));
    posterior_destroy(&posterior);
    twin_destroy(&before);
    record_destroy(&first);
    return forecast;
}

/* --- a straight line: kriging ------------------------------------------------------ */

#define READINGS ((size_t)6)
static const double line_times[READINGS] = {-8, -3.5, -1, 0.5, 4, 9};
static const double line_values[READINGS] = {118, 131, 126, 142, 139, 155};

static struct record *line_record(void)
{
    struct record *record = record_new("1", "a");
    assert_ok(record_covariate(record, -8, "AGE", "a", 71, 0));
    assert_ok(record_covariate(record, -8, "MALE", NULL, 1, 1));
    for (size_t i = 0; i < READINGS; i++)
        assert_ok(record_measurement(record, line_times[i], "SBP", "mm[Hg]",
                                     line_values[i], CENSORED_NOT, 2 + i));
    return record;
}

/* Covariance of two readings' logarithms without their residual errors. */
static double between(const struct prior *prior, double s, double t)
{
    const double *o = prior->omega;
    return o[0] + o[1] * (s + t) / 10 + o[3] * s * t / 100;
}

/* Log readings are jointly normal, so the best prediction of one from others and its
 * variance are those of kriging, from the covariance of readings alone: no twin, no mode,
 * no derivative. */
static void forecast__of_a_line_is_kriging(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    house_model(&trial, "prevention/blood_pressure");
    assert_ok(prior_from_model(trial.model, &prior));
    const double effects[] = {4.88, 0.05, -0.016, -0.024, -0.069, -0.014};
    const double omega[] = {0.0086, 0.0027, 0.0027, 0.0068};
    memcpy(prior->effects, effects, sizeof effects);
    memcpy(prior->omega, omega, sizeof omega);
    prior->residual[0] = log(0.126);
    assert_ok(prior_factor(prior, NULL));
    double level = 4.88 + 0.05 * 11 / 40 - 0.016;
    double slope = -0.024 - 0.069 * 11 / 40 - 0.014;
    struct record *record = line_record();
    for (size_t known = 0; known < READINGS; known++) {
        struct twin *whole;
        struct forecast *forecast = forecast_of(&trial, record, known, prior, &whole);
        assert_int_equal(forecast->count, READINGS - known);
        for (size_t j = known; j < READINGS; j++) {
            const struct forecast_point *point = &forecast->points[j - known];
            double v[READINGS * READINGS], w[READINGS], c[READINGS];
            for (size_t a = 0; a < known; a++) {
                c[a] = w[a] = between(prior, line_times[a], line_times[j]);
                for (size_t b = 0; b < known; b++)
                    v[a * known + b] = between(prior, line_times[a], line_times[b]) +
                                       (a == b ? 0.126 * 0.126 : 0);
            }
            if (known)
                assert_ok(linalg_spd_solve(known, v, 1, w));
            double mean = level + slope * line_times[j] / 10;
            double variance =
                between(prior, line_times[j], line_times[j]) + 0.126 * 0.126;
            for (size_t a = 0; a < known; a++) {
                mean += w[a] * (log(line_values[a]) - level - slope * line_times[a] / 10);
                variance -= w[a] * c[a];
            }
            assert_relative(point->centre, exp(mean), 1e-9);
            assert_relative(point->sd, sqrt(variance), 1e-9);
            assert_relative(point->low[0], exp(mean - 1.2815515655446004 * point->sd),
                            1e-9);
            assert_relative(point->high[1], exp(mean + 1.9599639845400545 * point->sd),
                            1e-9);
        }
        forecast_destroy(&forecast);
        twin_destroy(&whole);
    }
    record_destroy(&record);
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* The same where errors remember one another, of a line whose error has any size: what is
 * not new in the next one is known, too. */
static void forecast__of_errors_that_remember_is_kriging(void **state)
{
    (void)state;
    static const char text[] = "model line version 1 \"t\"\ntime a\n"
                               "[parameters]\n"
                               "a = 120 cm normal sd 9 cm\n"
                               "b = 2 cm/a normal sd 0.8 cm/a\n"
                               "[population]\ncorrelated a, b 0.3\n"
                               "[equations]\nH = a + b*time\n"
                               "[observations]\n"
                               "height : H ~ add(6 cm) correlated over 3 a\n";
    struct trial trial;
    struct prior *prior;
    trial_model(&trial, text);
    assert_ok(prior_from_model(trial.model, &prior));
    struct record *record = record_new("1", "a");
    for (size_t i = 0; i < READINGS; i++)
        assert_ok(record_measurement(record, line_times[i], "height", "cm",
                                     line_values[i], CENSORED_NOT, i));
    for (size_t known = 0; known < READINGS; known++) {
        struct twin *whole;
        struct forecast *forecast = forecast_of(&trial, record, known, prior, &whole);
        for (size_t j = known; j < READINGS; j++) {
            double v[(READINGS + 1) * (READINGS + 1)], w[READINGS], c[READINGS];
            size_t n = known;
            for (size_t a = 0; a <= n; a++)
                for (size_t b = 0; b <= n; b++) {
                    double s = line_times[a < n ? a : j], t = line_times[b < n ? b : j];
                    v[a * (n + 1) + b] = prior->omega[0] + prior->omega[1] * (s + t) +
                                         prior->omega[3] * s * t +
                                         36 * exp(-fabs(s - t) / 3);
                }
            double mean = 120 + 2 * line_times[j], variance = v[(n + 1) * (n + 1) - 1];
            double known_v[READINGS * READINGS];
            for (size_t a = 0; a < n; a++) {
                c[a] = w[a] = v[a * (n + 1) + n];
                memcpy(known_v + a * n, v + a * (n + 1), n * sizeof *v);
            }
            if (n)
                assert_ok(linalg_spd_solve(n, known_v, 1, w));
            for (size_t a = 0; a < n; a++) {
                mean += w[a] * (line_values[a] - 120 - 2 * line_times[a]);
                variance -= w[a] * c[a];
            }
            assert_relative(forecast->points[j - known].centre, mean, 1e-9);
            assert_relative(forecast->points[j - known].sd, sqrt(variance), 1e-9);
        }
        forecast_destroy(&forecast);
        twin_destroy(&whole);
    }
    record_destroy(&record);
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* The derivatives that carry what is not known of the patient: those of f + g rho e, by
 * differences of the centre itself. */
static double centre_at(struct trial *trial, struct record *record, struct prior *prior,
                        double shift, double *sd)
{
    struct twin *whole;
    prior->effects[0] += shift; /* all there is: the spread is nearly nothing */
    struct forecast *forecast = forecast_of(trial, record, 1, prior, &whole);
    prior->effects[0] -= shift;
    double centre = forecast->points[0].centre;
    *sd = forecast->points[0].sd;
    forecast_destroy(&forecast);
    twin_destroy(&whole);
    return centre;
}

static void forecast__carries_what_is_remembered(void **state)
{
    (void)state;
    static const char *const errors[] = {"combined2(add 0.5 mg/L, prop 0.2)",
                                         "lognormal(0.3)"};
    for (size_t i = 0; i < 2; i++) {
        char *text =
            mem_format("model fall version 1 \"t\"\ntime h\n"
                       "[parameters]\na = 8 mg/L (0.1, 99) lognormal sd 0.00001\n"
                       "[equations]\nC = a*exp(-0.2*time/1 h)\n"
                       "[observations]\nlevel : C ~ %s correlated over 4 h\n",
                       errors[i]);
        struct trial trial;
        struct prior *prior;
        double sd, wide, h = 1e-5;
        trial_model(&trial, text);
        assert_ok(prior_from_model(trial.model, &prior));
        struct record *record = record_new("1", "h");
        assert_ok(record_measurement(record, 1, "level", "mg/L", 9, CENSORED_NOT, 0));
        assert_ok(record_measurement(record, 3, "level", "mg/L", 1, CENSORED_NOT, 1));
        double f = 8 * exp(-0.6), f1 = 8 * exp(-0.2), rho = exp(-0.5), s2 = 1 - rho * rho;
        double g = i ? 0.3 : sqrt(0.25 + 0.04 * f * f),
               g1 = i ? 0.3 : sqrt(0.25 + 0.04 * f1 * f1);
        double e = i ? log(9 / f1) / g1 : (9 - f1) / g1;
        double centre = centre_at(&trial, record, prior, 0, &sd);
        assert_relative(centre, i ? f * exp(g * rho * e) : f + g * rho * e, 1e-8);
        assert_relative(sd, g * sqrt(s2), 1e-6);
        double slope = (centre_at(&trial, record, prior, h, &wide) -
                        centre_at(&trial, record, prior, -h, &wide)) /
                       (2 * h);
        prior->omega[0] = 1e-4; /* now something is not known; the mode moves a little */
        assert_ok(prior_factor(prior, NULL));
        struct twin *whole;
        struct forecast *forecast = forecast_of(&trial, record, 1, prior, &whole);
        struct record *first = record_known(record, 1);
        struct twin *known;
        assert_ok(twin_new(trial.model, &trial.layout, first, &known));
        struct posterior *posterior = trial_normal(&trial, known, prior);
        double v = posterior->fit->covariance[0];
        f = exp(posterior->fit->phi[0] - 0.6);
        posterior_destroy(&posterior);
        twin_destroy(&known);
        record_destroy(&first);
        g = i ? 0.3 : sqrt(0.25 + 0.04 * f * f);
        double carried = i ? slope * slope / (centre * centre) : slope * slope;
        assert_relative(pow(forecast->points[0].sd, 2) - g * g * s2, carried * v, 2e-2);
        forecast_destroy(&forecast);
        twin_destroy(&whole);
        record_destroy(&record);
        prior_destroy(&prior);
        trial_clear(&trial);
        mem_free(text);
    }
}

/* --- drawn patients: how often intervals hold -------------------------------------- */

#define SAMPLES ((size_t)7)

/* Somebody whom the prior describes, with readings as the residual error makes them. */
static struct record *drawn(struct trial *trial, const struct prior *prior,
                            uint64_t *stream)
{
    static const double times[SAMPLES] = {0.5, 1.5, 3, 6, 9, 14, 24};
    double phi[3], z[3], f[SAMPLES];
    struct record *record = record_new("1", "h");
    struct twin *twin;
    assert_ok(record_dose(record, 0, "oral", "mg", 320, 0, 0));
    for (size_t i = 0; i < SAMPLES; i++)
        assert_ok(record_measurement(record, times[i], "level", "mg/L", 1, CENSORED_NOT,
                                     1 + i));
    for (size_t a = 0; a < 3; a++)
        z[a] = draw(stream);
    for (size_t a = 0; a < 3; a++) {
        phi[a] = prior->effects[a * prior->k];
        for (size_t b = 0; b < 3; b++)
            phi[a] += prior->factor[a * 3 + b] * z[b];
    }
    assert_ok(twin_new(trial->model, &trial->layout, record, &twin));
    assert_ok(twin_predict(trial->engine, twin, phi, prior->population, f, NULL));
    for (size_t i = 0; i < SAMPLES; i++)
        record->measurements[i].value = f[i] + exp(prior->residual[0]) * draw(stream);
    twin_destroy(&twin);
    return record;
}

/* 500 people: an interval of 80 % holds for 0.8 +- 0.018 of them, one of 95 % for 0.95 +-
 * 0.010; without the residual error, or without what is unknown of the patient, for far
 * fewer. */
static void forecast__intervals_hold_as_often_as_they_say(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    uint64_t stream = 20;
    house_model(&trial, "drugs/theophylline");
    assert_ok(prior_from_model(trial.model, &prior));
    struct forecast_score scores[2] = {0}; /* the next reading, the last */
    for (size_t i = 0; i < 500; i++) {
        struct record *record = drawn(&trial, prior, &stream);
        struct twin *whole;
        struct forecast *forecast = forecast_of(&trial, record, 3, prior, &whole);
        forecast_judge(&forecast->points[0], trial.model, twin_measurement(whole, 3),
                       &scores[0]);
        forecast_judge(&forecast->points[SAMPLES - 4], trial.model,
                       twin_measurement(whole, SAMPLES - 1), &scores[1]);
        forecast_destroy(&forecast);
        twin_destroy(&whole);
        record_destroy(&record);
    }
    for (size_t s = 0; s < 2; s++) {
        assert_int_equal(scores[s].count, 500);
        assert_near((double)scores[s].within[0] / 500, 0.80, 3 * 0.018);
        assert_near((double)scores[s].within[1] / 500, 0.95, 3 * 0.010);
        assert_true(scores[s].sizes / 500 < sqrt(scores[s].squares / 500));
    }
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* --- the rest ---------------------------------------------------------------------- */

static void forecast__judges_on_the_scale_of_the_error(void **state)
{
    (void)state;
    struct trial trial;
    house_model(&trial, "prevention/blood_pressure");
    struct forecast_point point = {.centre = 100, .low = {90, 80}, .high = {110, 125}};
    struct twin_measurement measured = {.value = 120};
    struct forecast_score score = {0};
    forecast_judge(&point, trial.model, &measured, &score);
    assert_int_equal(score.count, 1);
    assert_near(score.sizes, log(1.2), 1e-15);
    assert_near(score.squares, log(1.2) * log(1.2), 1e-15);
    assert_int_equal(score.within[0], 0);
    assert_int_equal(score.within[1], 1);
    measured.censoring = CENSORED_ABOVE;
    forecast_judge(&point, trial.model, &measured, &score);
    assert_int_equal(score.count, 1);
    trial_clear(&trial);
}

static void forecast__of_yes_or_no_is_a_probability(void **state)
{
    (void)state;
    static const char text[] = "model binary version 1 \"t\"\ntime mo\n"
                               "[parameters]\nlevel = -2 1 normal sd 1\n"
                               "[equations]\np = 1/(1 + exp(-level))\n"
                               "[observations]\nwell : p ~ bernoulli\n";
    struct trial trial;
    struct prior *prior;
    struct twin *whole;
    trial_model(&trial, text);
    assert_ok(prior_from_model(trial.model, &prior));
    struct record *record = record_new("1", "mo");
    assert_ok(record_measurement(record, 1, "well", NULL, 1, CENSORED_NOT, 0));
    struct forecast *forecast = forecast_of(&trial, record, 0, prior, &whole);
    assert_near(forecast->points[0].centre, 1 / (1 + exp(2)), 1e-12);
    assert_true(isnan(forecast->points[0].low[0]));
    struct forecast_score score = {0};
    forecast_judge(forecast->points, trial.model, twin_measurement(whole, 0), &score);
    assert_near(score.sizes, 1 - 1 / (1 + exp(2)), 1e-12);
    assert_int_equal(score.within[1], 0);
    forecast_destroy(&forecast);
    twin_destroy(&whole);
    record_destroy(&record);
    prior_destroy(&prior);
    trial_clear(&trial);
}

static void forecast__looks_ahead_only(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    struct twin *known, *whole;
    struct forecast *forecast;
    house_model(&trial, "prevention/blood_pressure");
    assert_ok(prior_from_model(trial.model, &prior));
    struct record *record = line_record(), *first = record_known(record, 3);
    assert_ok(twin_new(trial.model, &trial.layout, first, &known));
    /* The same three, and one before the last of them. */
    assert_ok(record_measurement(first, -2, "SBP", NULL, 120, CENSORED_NOT, 9));
    record_sort(first);
    assert_ok(twin_new(trial.model, &trial.layout, first, &whole));
    struct posterior *posterior = trial_normal(&trial, known, prior);
    assert_refused(ERR_RANGE, "before what is known",
                   forecast_new(trial.engine, known, posterior, whole, prior, &forecast));
    posterior_destroy(&posterior);
    twin_destroy(&whole);
    twin_destroy(&known);
    record_destroy(&first);
    record_destroy(&record);
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* --- where the posterior is not normal ---------------------------------------------- */

/* Of a reading a + 10 with the error of the first one, 0.3. */
static double reading_below(double a, double b, double x)
{
    (void)b;
    return 0.5 * erfc((a + 10 - x) / (0.3 * sqrt(2.0)));
}

/* What is below the quantiles of a forecast, by the integral. */
static void forecast__of_two_modes_is_a_mixture(void **state)
{
    (void)state;
    struct trial trial;
    struct prior *prior;
    struct twin *whole;
    struct forecast *forecast;
    shape_open(&trial, &shapes[0]);
    assert_ok(prior_from_model(trial.model, &prior));
    struct record *record = record_new("1", "h");
    assert_ok(record_measurement(record, 0, "level", NULL, shapes[0].value, CENSORED_NOT,
                                 0));
    assert_ok(record_measurement(record, 2, "level", NULL, 1, CENSORED_NOT, 1));
    assert_ok(twin_new(trial.model, &trial.layout, record, &whole));
    struct posterior *posterior = shape_posterior(&trial, 1000);
    assert_ok(forecast_new(trial.engine, trial.twins[0], posterior, whole, prior,
                           &forecast));
    assert_int_equal(forecast->count, 1);
    const struct forecast_point *point = &forecast->points[0];
    const double at[] = {point->low[1], point->low[0], point->centre, point->high[0],
                         point->high[1]};
    static const double below[] = {0.025, 0.1, 0.5, 0.9, 0.975};
    for (size_t q = 0; q < 5; q++)
        assert_near(shape_probability(&shapes[0], reading_below, at[q]), below[q],
                    1.5 * shape_error(below[q], posterior->effective));
    assert_true(point->low[0] < 9 && point->high[0] > 11); /* one on either side */
    assert_true(point->sd > 1 && point->sd < 2);
    forecast_destroy(&forecast);
    posterior_destroy(&posterior);
    twin_destroy(&whole);
    record_destroy(&record);
    prior_destroy(&prior);
    trial_clear(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forecast__of_a_line_is_kriging),
        cmocka_unit_test(forecast__of_errors_that_remember_is_kriging),
        cmocka_unit_test(forecast__carries_what_is_remembered),
        cmocka_unit_test(forecast__intervals_hold_as_often_as_they_say),
        cmocka_unit_test(forecast__judges_on_the_scale_of_the_error),
        cmocka_unit_test(forecast__of_yes_or_no_is_a_probability),
        cmocka_unit_test(forecast__looks_ahead_only),
        cmocka_unit_test(forecast__of_two_modes_is_a_mixture),
    };
    return cmocka_run_group_tests_name("forecast", tests, NULL, NULL);
}
