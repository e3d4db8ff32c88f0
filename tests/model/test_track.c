#include "trial.h"

#include "base/file.h"
#include "diabetic.h"
#include "model/forecast.h"
#include "model/observe.h"
#include "model/track.h"
#include "numerics/linalg.h"

/* A normal deviate of a fixed stream. */
static double draw(uint64_t *stream)
{
    *stream = *stream * 6364136223846793005u + 1442695040888963407u;
    return normal_quantile(((double)(*stream >> 11) + 0.5) / 9007199254740992.0);
}

static const struct track_options exactly = {.tolerance = 1e-12};

/* The record's readings after the first `known` followed. */
static enum err try_follow(struct trial *trial, const struct record *record, size_t known,
                           const struct track_options *options, struct track **track)
{
    struct record *first = record_known(record, known);
    struct twin *before, *whole;
    struct prior *prior;
    assert_ok(prior_from_model(trial->model, &prior));
    assert_ok(twin_new(trial->model, &trial->layout, first, &before));
    assert_ok(twin_new(trial->model, &trial->layout, record, &whole));
    enum err err = track_new(trial->engine, before, whole, prior, options, track);
    twin_destroy(&before);
    twin_destroy(&whole);
    record_destroy(&first);
    prior_destroy(&prior);
    return err;
}

static struct track *follow(struct trial *trial, const struct record *record,
                            size_t known, const struct track_options *options)
{
    struct track *track;
    assert_ok(try_follow(trial, record, known, options, &track));
    return track;
}

/* A course that begins periods before its first row, which is the first that is read. */
static void track__begins_where_a_course_repeats_itself(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, "model lead version 1\ntime h\n[parameters]\n"
                        "k = 0.2 1/h (0.01, 9) lognormal sd 0.3\n"
                        "[equations]\nd/dt(A) = 1 [mg/h] - k*A init 0\n"
                        "periodic 1 h after 7 periods\n"
                        "[observations]\ny : A ~ add(0.5 mg)\n");
    struct record *record = record_new("1", "h");
    assert_ok(record_measurement(record, 2, "y", NULL, 4, CENSORED_NOT, 0));
    struct track *track = follow(&trial, record, 0, NULL);
    double left = exp(-0.2 * 7), level = 5 * (1 - left), by = 7 * left - level;
    assert_near(track->start, 2, 0);
    assert_near(track->points[0].predicted, level, 1e-8);
    assert_near(track->points[0].sd, sqrt(0.25 + 0.09 * by * by), 1e-8);
    track_destroy(&track);
    record_destroy(&record);
    trial_clear(&trial);
}

/* --- linear and Gaussian: the joint normal distribution of all readings
 * -----------------
 *
 * x' = -a (x - b - L) with noise, L' = -L/tau with noise, x(0) = b ~ N(10, 2^2), L(0) = b
 * - 10 beside L's stationary variance; readings of x. With z = (x, L) and Phi(t) = exp(A
 * t) cov(z(t), z(s)) = Phi(t - s) Sigma(s), Sigma(s) = Phi P0 Phi' + int Phi Q Phi', all
 * of sums of exponentials. */

#define A 0.7
#define READINGS ((size_t)9)
static const double times[READINGS] = {0, 0.4, 0.5, 2, 3.7, 4, 9, 9.01, 14};

struct line { /* of what the model says */
    const char *drift, *error;
    double back, noise, drift_sd, sd, correlation; /* back 0: random walk */
};

static double integral(double rate, double t) /* of exp(-rate s) from 0 to t */
{
    return rate > 0 ? -expm1(-rate * t) / rate : t;
}

static void transition(const struct line *line, double t, double phi[2][2])
{
    double c = line->back > 0 ? 1 / line->back : 0;
    phi[0][0] = exp(-A * t);
    phi[0][1] = A * (exp(-c * t) - exp(-A * t)) / (A - c);
    phi[1][0] = 0;
    phi[1][1] = exp(-c * t);
}

static void variance_at(const struct line *line, double t, double sigma[2][2])
{
    double c = line->back > 0 ? 1 / line->back : 0, k = A / (A - c);
    double q = line->drift_sd * line->drift_sd, phi[2][2];
    double begin[2][2] = {{4, 4}, {4, 4 + q * line->back / 2}};
    transition(line, t, phi);
    for (size_t i = 0; i < 4; i++) {
        sigma[i / 2][i % 2] = 0;
        for (size_t j = 0; j < 4; j++)
            sigma[i / 2][i % 2] +=
                phi[i / 2][j / 2] * begin[j / 2][j % 2] * phi[i % 2][j % 2];
    }
    sigma[0][0] +=
        line->noise * line->noise * integral(2 * A, t) +
        q * k * k * (integral(2 * c, t) - 2 * integral(A + c, t) + integral(2 * A, t));
    sigma[0][1] += q * k * (integral(2 * c, t) - integral(A + c, t));
    sigma[1][0] = sigma[0][1];
    sigma[1][1] += q * integral(2 * c, t);
}

/* cov(z(t), z(s)), t >= s. */
static void covariance(const struct line *line, double t, double s, double out[2][2])
{
    double phi[2][2], sigma[2][2];
    transition(line, t - s, phi);
    variance_at(line, s, sigma);
    for (size_t i = 0; i < 4; i++)
        out[i / 2][i % 2] =
            phi[i / 2][0] * sigma[0][i % 2] + phi[i / 2][1] * sigma[1][i % 2];
}

/* 6 at 1 h at once, 8 from 2.5 h to 4.5 h, on top of 10. */
static double mean_at(double t)
{
    double out = 10;
    out += t >= 1 ? 6 * exp(-A * (t - 1)) : 0;
    double on = fmin(fmax(t - 2.5, 0), 2), since = fmax(t - 4.5, 0);
    return out + 8 / 2.0 * integral(A, on) * exp(-A * since);
}

/* Readings as their joint distribution has them. */
static struct record *line_record(const double *factor, uint64_t seed, bool logarithm)
{
    struct record *record = record_new("1", "h");
    double e[READINGS];
    assert_ok(record_dose(record, 1, "bolus", "mg/L", 6, 0, 50));
    assert_ok(record_dose(record, 2.5, "bolus", "mg/L", 8, 2, 51));
    for (size_t i = 0; i < READINGS; i++) {
        double value = logarithm ? mean_at(times[i]) / 4 : mean_at(times[i]);
        e[i] = draw(&seed);
        for (size_t j = 0; j <= i; j++)
            value += factor[i * READINGS + j] * e[j];
        assert_ok(record_measurement(record, times[i], "y", NULL,
                                     logarithm ? exp(value) : value, CENSORED_NOT, i));
    }
    record_sort(record);
    return record;
}

static void line_model(struct trial *trial, const struct line *line)
{
    char *text = mem_format(
        "model m version 1 \"t\"\ntime h\n[parameters]\n"
        "b = 10 mg/L normal sd 2 drifts sd %g per 1 h %s\n"
        "[doses]\nbolus -> x mg/L\n"
        "[equations]\nd/dt(x) = -0.7 [1/h]*(x - b) init b noise %g mg/L per 1 h\n"
        "[observations]\ny : %s\n",
        line->drift_sd, line->drift, line->noise, line->error);
    trial_model(trial, text);
    mem_free(text);
}

/* The Cholesky factor of the readings' covariance. */
static void joint(const struct line *line, double *factor)
{
    double by = strstr(line->error, "lognormal") ? 16 : 1;
    for (size_t i = 0; i < READINGS; i++)
        for (size_t j = 0; j <= i; j++) {
            double both[2][2], dt = times[i] - times[j];
            covariance(line, times[i], times[j], both);
            double error = line->correlation > 0 ? exp(-dt / line->correlation) : i == j;
            factor[i * READINGS + j] = factor[j * READINGS + i] =
                both[0][0] / by + line->sd * line->sd * error;
        }
    assert_ok(linalg_cholesky(READINGS, factor));
}

/* Their innovations in units of their sd, and -2 log of their density. */
static double dense(const struct line *line, const struct record *record,
                    const double *factor, double *innovations)
{
    bool logarithm = strstr(line->error, "lognormal") != NULL;
    double sum = linalg_lower_log_det(READINGS, factor) +
                 (double)READINGS * log(2 * 3.14159265358979323846);
    for (size_t i = 0; i < READINGS; i++) {
        double value = record->measurements[i].value;
        innovations[i] =
            logarithm ? log(value) - mean_at(times[i]) / 4 : value - mean_at(times[i]);
        sum += logarithm ? 2 * log(value) : 0;
    }
    linalg_lower_solve(READINGS, factor, 1, innovations);
    for (size_t i = 0; i < READINGS; i++)
        sum += innovations[i] * innovations[i];
    return sum;
}

/* The mean of z at the last time given all readings, and its covariance. */
static void condition(const struct line *line, const double *factor,
                      const double *innovations, double mean[2], double cov[2][2])
{
    double cross[READINGS][2];
    double by = strstr(line->error, "lognormal") ? 4 : 1;
    for (size_t j = 0; j < READINGS; j++) {
        double both[2][2];
        covariance(line, times[READINGS - 1], times[j], both);
        for (size_t i = 0; i < 2; i++)
            cross[j][i] = both[i][0] / by;
    }
    linalg_lower_solve(READINGS, factor, 2, cross[0]);
    variance_at(line, times[READINGS - 1], cov);
    mean[0] = mean_at(times[READINGS - 1]);
    mean[1] = 0;
    for (size_t j = 0; j < READINGS; j++)
        for (size_t i = 0; i < 2; i++) {
            mean[i] += cross[j][i] * innovations[j];
            for (size_t k = 0; k < 2; k++)
                cov[i][k] -= cross[j][i] * cross[j][k];
        }
}

static void track__is_the_joint_distribution_of_linear_models(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"", "x ~ add(0.5 mg/L)", 0, 0.3, 0.8, 0.5, 0},
        {"back over 3 h", "x ~ add(0.5 mg/L)", 3, 0.3, 0.8, 0.5, 0},
        {"", "x ~ add(0.9 mg/L) correlated over 2 h", 0, 0.2, 0.4, 0.9, 2},
        {"back over 30 min", "x ~ add(0.9 mg/L) correlated over 2 h", 0.5, 0.2, 1.4, 0.9,
         2},
        {"back over 5 h", "exp(x/(4 [mg/L])) ~ lognormal(0.2)", 5, 0.3, 0.8, 0.2, 0},
        {"", "exp(x/(4 [mg/L])) ~ lognormal(0.3) correlated over 45 min", 0, 0.3, 0.8,
         0.3, 0.75},
    };
    for (size_t l = 0; l < sizeof lines / sizeof *lines; l++) {
        const struct line *line = &lines[l];
        struct trial trial;
        double factor[READINGS * READINGS], innovations[READINGS], mean[2], cov[2][2];
        line_model(&trial, line);
        joint(line, factor);
        struct record *record =
            line_record(factor, 17 + l, strstr(line->error, "lognormal") != NULL);
        double likelihood = dense(line, record, factor, innovations);
        condition(line, factor, innovations, mean, cov);
        struct track *track = follow(&trial, record, 0, &exactly);
        assert_int_equal(track->count, READINGS);
        assert_int_equal(track->set_aside, 0);
        assert_relative(track->minus2_log_likelihood, likelihood, 1e-10);
        for (size_t i = 0; i < READINGS; i++) {
            assert_near(track->points[i].innovation, innovations[i], 2e-10);
            assert_relative(track->points[i].sd, factor[i * (READINGS + 1)], 1e-10);
        }
        size_t n = track->width;
        assert_int_equal(n, 2 + (line->correlation > 0));
        for (size_t i = 0; i < 2; i++) {
            assert_near(track->z[i], mean[i], 2e-10);
            for (size_t k = 0; k < 2; k++)
                assert_near(track->covariance[i * n + k], cov[i][k], 2e-10);
        }
        track_destroy(&track);
        record_destroy(&record);
        trial_clear(&trial);
    }
}

/* --- without drift: what a calibrated twin foretells
 * -------------------------------------- */

/* Infusions, lags, doses that move what is there, covariates of all kinds, switches in
 * time: and of one reading alone the sd is that of the engine's own derivatives. */
static const char stops_text[] =
    "model m version 1 \"t\"\ntime h\n[parameters]\n"
    "k = 0.4 1/h lognormal sd 0.2 drifts sd 1e-9 per 1 h\n"
    "[covariates]\nW 1 linear default 1\nS 1 locf default 1\n"
    "[doses]\noral -> a mg lag 30 min\ndrip -> b mg over 3 h\n"
    "hit Gy : b = b*exp(-k*dose/(1 [Gy/h])), a = a*0.9\n"
    "[equations]\n"
    "d/dt(a) = -k*W*a init 3 mg\n"
    "d/dt(b) = k*W*a - S*b^2/(b + 1 mg)/(2 h) + if(mod(time, 5 h) < 2 h, k*(1 mg), 0)"
    " + if(a > 1.1 mg, 0.4 [mg/h], 0)\n"
    "[observations]\ny : b^1.5/(1 [mg^1.5]) ~ combined2(add 0.2, prop 0.1)\n"
    "z : a ~ lognormal(0.3)\n";

static struct record *stops_record(double time, const char *quantity)
{
    struct record *record = record_new("1", "h");
    assert_ok(record_covariate(record, 0, "W", NULL, 1, 0));
    assert_ok(record_covariate(record, 3, "W", NULL, 1.6, 1));
    assert_ok(record_covariate(record, 12, "W", NULL, 0.7, 2));
    assert_ok(record_covariate(record, 6, "S", NULL, 0.5, 3));
    assert_ok(record_dose(record, 1, "oral", "mg", 4, -1, 4));
    assert_ok(record_dose(record, 2, "drip", "mg", 5, -1, 5));
    assert_ok(record_dose(record, 4, "hit", "Gy", 0.8, 0, 6));
    assert_ok(record_dose(record, 8.7, "oral", "mg", 2, -1, 7));
    assert_ok(record_measurement(record, time, quantity, NULL, 1.5, CENSORED_NOT, 8));
    record_sort(record);
    return record;
}

static void track__spreads_through_whatever_happens(void **state)
{
    (void)state;
    static const double at[] = {0, 0.5, 1.4, 1.6, 3.3, 3.99, 4, 5.5, 7.1, 9.2, 11, 14};
    struct trial trial;
    trial_model(&trial, stops_text);
    for (size_t i = 0; i < 2 * sizeof at / sizeof *at; i++) {
        struct record *record = stops_record(at[i / 2], i % 2 ? "z" : "y");
        struct twin *twin;
        double f, jacobian, phi = log(0.4);
        assert_ok(twin_new(trial.model, &trial.layout, record, &twin));
        assert_ok(twin_predict(trial.engine, twin, &phi, NULL, &f, &jacobian));
        struct track *track = follow(&trial, record, 0, &exactly);
        double spread = 0.2 * jacobian, variance = 0.04 + 0.01 * f * f;
        if (i % 2)
            variance = 0.09 + spread * spread / (f * f);
        else
            variance += spread * spread;
        assert_near(track->points[0].predicted, f, 1e-7 * fabs(f) + 1e-9);
        assert_relative(track->points[0].sd, sqrt(variance), 1e-7);
        track_destroy(&track);
        twin_destroy(&twin);
        record_destroy(&record);
    }
    trial_clear(&trial);
}

/* A straight line with two unknown numbers: the filter is recursive least squares, each
 * reading foretold as by a twin fitted anew to all before it; with errors that remember,
 * too, and from wherever it begins. */
static void track__is_recursive_least_squares_without_drift(void **state)
{
    (void)state;
    static const char *const errors[] = {"add(1.3 mg)",
                                         "add(1.3 mg) correlated over 2 h"};
    uint64_t seed = 5;
    for (size_t e = 0; e < 2; e++) {
        struct trial trial;
        char *text = mem_format("model m version 1 \"t\"\ntime h\n[parameters]\n"
                                "b = 5 mg normal sd 3 drifts sd 1e-9 per 1 h\n"
                                "s = 2 mg/h normal sd 1\n"
                                "[population]\ncorrelated b, s 0.4\n"
                                "[equations]\nH = b + s*time\n"
                                "[observations]\ny : H ~ %s\n",
                                errors[e]);
        trial_model(&trial, text);
        mem_free(text);
        struct record *record = record_new("1", "h");
        for (size_t i = 0; i < 6; i++)
            assert_ok(record_measurement(record, (double)(i * i) / 4, "y", NULL,
                                         6 + 3.5 * (double)(i * i) / 4 + draw(&seed),
                                         CENSORED_NOT, i));
        struct prior *prior;
        assert_ok(prior_from_model(trial.model, &prior));
        for (size_t known = 0; known < 6; known += 2) {
            struct track *track = follow(&trial, record, known, &exactly);
            for (size_t i = known; i < 6; i++) {
                struct record *first = record_known(record, i);
                struct twin *before, *whole;
                struct forecast *forecast;
                assert_ok(twin_new(trial.model, &trial.layout, first, &before));
                assert_ok(twin_new(trial.model, &trial.layout, record, &whole));
                struct posterior *posterior = trial_normal(&trial, before, prior);
                assert_ok(forecast_new(trial.engine, before, posterior, whole, prior,
                                       &forecast));
                const struct track_point *point = &track->points[i - known];
                assert_near(point->predicted, forecast->points[0].centre, 1e-7);
                assert_near(point->sd, forecast->points[0].sd, 1e-7);
                forecast_destroy(&forecast);
                posterior_destroy(&posterior);
                twin_destroy(&before);
                twin_destroy(&whole);
                record_destroy(&first);
            }
            track_destroy(&track);
        }
        prior_destroy(&prior);
        record_destroy(&record);
        trial_clear(&trial);
    }
}

/* The first reading after what is known is what a forecast says of it, whatever the
 * errors are, and whatever the last of them was. */
static void track__begins_as_a_forecast(void **state)
{
    (void)state;
    static const char *const errors[] = {
        "prop(0.2)", "prop(0.2) correlated over 3 h",
        "combined2(add 0.4 mg, prop 0.1) correlated over 3 h",
        "lognormal(0.2) correlated over 3 h"};
    static const double values[] = {2.5, 2.6, 5.5, 5, 6, 4.5};
    for (size_t e = 0; e < 6 * sizeof errors / sizeof *errors; e++) {
        struct trial trial;
        char *text = mem_format("model m version 1 \"t\"\ntime h\n[parameters]\n"
                                "k = 0.2 1/h lognormal sd 0.5 drifts sd 1e-9 per 1 h\n"
                                "[doses]\niv -> x mg\ndrip -> x mg over 2 h\n"
                                "[equations]\nd/dt(x) = 1 [mg/h] - k*x init 2 mg\n"
                                "[observations]\ny : x ~ %s\n",
                                errors[e / 6]);
        trial_model(&trial, text);
        mem_free(text);
        struct record *record = record_new("1", "h");
        assert_ok(record_dose(record, 2, "iv", "mg", 3, 0, 50));
        assert_ok(record_dose(record, 4.5, "drip", "mg", 3, -1, 51));
        assert_ok(record_dose(record, 6.2, "iv", "mg", 1, 0, 52));
        for (size_t i = 0; i < 6; i++)
            assert_ok(record_measurement(record, 1.2 * (double)i, "y", NULL, values[i],
                                         CENSORED_NOT, i));
        record_sort(record);
        struct record *first = record_known(record, e % 6);
        struct twin *before, *whole;
        struct forecast *forecast;
        struct prior *prior;
        assert_ok(prior_from_model(trial.model, &prior));
        assert_ok(twin_new(trial.model, &trial.layout, first, &before));
        assert_ok(twin_new(trial.model, &trial.layout, record, &whole));
        struct posterior *posterior = trial_normal(&trial, before, prior);
        assert_ok(forecast_new(trial.engine, before, posterior, whole, prior, &forecast));
        struct track *track = follow(&trial, record, e % 6, &exactly);
        assert_relative(track->points[0].predicted, forecast->points[0].centre, 1e-7);
        assert_relative(track->points[0].sd, forecast->points[0].sd, 1e-7);
        track_destroy(&track);
        forecast_destroy(&forecast);
        posterior_destroy(&posterior);
        twin_destroy(&before);
        twin_destroy(&whole);
        prior_destroy(&prior);
        record_destroy(&first);
        record_destroy(&record);
        trial_clear(&trial);
    }
}

/* --- ahead
 * ----------------------------------------------------------------------------------- */

static const char walk_text[] =
    "model m version 1 \"t\"\ntime h\n[parameters]\n"
    "k = 0.5 1/h lognormal sd 0.3 drifts sd 0.2 per 1 h back over 6 h\n"
    "[doses]\niv -> x mg\n"
    "[equations]\nd/dt(x) = 2 [mg/h] - k*x init 4 mg noise 0.2 mg per 1 h\n"
    "[observations]\ny : x ~ combined2(add 0.2 mg, prop 0.05)\n"
    "twice : 2*x ~ add(0.3 mg)\n";

static struct record *walk_record(size_t count, const double *values)
{
    struct record *record = record_new("1", "h");
    assert_ok(record_dose(record, 2.2, "iv", "mg", 3, 0, 99));
    assert_ok(record_dose(record, 4.7, "iv", "mg", 2, 0, 98));
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            assert_ok(record_measurement(record, 0.5 * (double)i, "y", NULL, values[i],
                                         CENSORED_NOT, i));
    record_sort(record);
    return record;
}

/* What was foretold of a reading is what would be predicted, had nothing come since. */
static void track__foretells_what_it_would_predict(void **state)
{
    (void)state;
    double values[12] = {4.1, 4.3, 3.6, 4.2, 4.4, 6.5, 6.0, 5.4, 5.5, 4.9, 6.1, 6.3};
    struct track_options options = {.tolerance = 1e-10, .ahead = 1.5};
    struct trial trial;
    trial_model(&trial, walk_text);
    struct record *record = walk_record(12, values);
    struct track *track = follow(&trial, record, 0, &options);
    for (size_t i = 0; i < 12; i++) {
        double some[12];
        for (size_t j = 0; j < 12; j++)
            some[j] = j + 3 <= i || j == i ? values[j] : NAN;
        struct record *fewer = walk_record(12, some);
        struct track *other = follow(&trial, fewer, 0, &options);
        const struct track_point *last = &other->points[other->count - 1];
        if (i < 3) {
            assert_true(isnan(track->points[i].foretold));
        } else {
            assert_relative(track->points[i].foretold, last->predicted, 1e-8);
            assert_relative(track->points[i].foretold_sd, last->sd, 1e-8);
        }
        track_destroy(&other);
        record_destroy(&fewer);
    }
    record_destroy(&record);
    double longer[15];
    memcpy(longer, values, sizeof values);
    longer[12] = longer[13] = NAN;
    longer[14] = 5;
    record = walk_record(15, longer);
    struct track *other = follow(&trial, record, 0, &options);
    assert_relative(track->next[0], other->points[12].predicted, 1e-8);
    assert_relative(track->next_sd[0], other->points[12].sd, 1e-8);
    assert_relative(track->next[1], 2 * track->next[0], 1e-12);
    track_destroy(&other);
    track_destroy(&track);
    record_destroy(&record);
    trial_clear(&trial);
}

/* --- readings that say less
 * ------------------------------------------------------------------ */

/* Of one unknown number below (above) a limit: mean and variance by Simpson's rule. */
static void track__limits_leave_the_moments_of_what_is_left(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, "model m version 1 \"t\"\ntime h\n[parameters]\n"
                        "b = 5 mg normal sd 3 drifts sd 1e-9 per 1 h\n"
                        "[equations]\nH = b\n"
                        "[observations]\ny : H ~ add(1.3 mg) limits 3 .. 9 mg\n");
    for (int below = 0; below < 2; below++) {
        struct record *record = record_new("1", "h");
        assert_ok(
            record_measurement(record, 1, "y", NULL, below ? 2 : 10, CENSORED_NOT, 0));
        struct track *track = follow(&trial, record, 0, &exactly);
        double sums[3] = {0}, step = 0.01;
        for (int i = -2400; i <= 2400; i++) {
            double b = 5 + step * i, u = (b - 5) / 3;
            double weight = (i == -2400 || i == 2400 ? 1
                             : i % 2                 ? 4
                                                     : 2) *
                            exp(-u * u / 2) *
                            normal_cdf(below ? (3 - b) / 1.3 : (b - 9) / 1.3);
            for (int k = 0; k < 3; k++)
                sums[k] += weight * pow(b - 5, k);
        }
        double mean = sums[1] / sums[0];
        assert_near(track->z[0], mean, 1e-9);
        assert_near(track->covariance[0], sums[2] / sums[0] - mean * mean, 1e-9);
        double chance = sums[0] * step / 3 / (3 * sqrt(2 * 3.14159265358979323846));
        assert_near(track->minus2_log_likelihood, -2 * log(chance), 1e-9);
        assert_true(isnan(track->points[0].innovation));
        track_destroy(&track);
        record_destroy(&record);
    }
    trial_clear(&trial);
}

/* An outlier, and a limit nobody believes, leave everything as it would be without them.
 */
static void track__sets_aside_what_is_far_off(void **state)
{
    (void)state;
    double values[8] = {4.1, 4.3, 3.9, 4.2, 4.4, 6.5, 6.0, 5.4};
    struct trial trial;
    trial_model(&trial, walk_text);
    struct record *clean = walk_record(8, values);
    struct record *record = record_copy(clean);
    assert_ok(record_measurement(record, 1.25, "y", NULL, 9, CENSORED_NOT, 8));
    assert_ok(record_measurement(record, 2.75, "twice", NULL, 30, CENSORED_ABOVE, 9));
    record_sort(record);
    struct track *track = follow(&trial, record, 0, &exactly),
                 *without = follow(&trial, clean, 0, &exactly);
    assert_int_equal(track->set_aside, 2);
    assert_int_equal(without->set_aside, 0);
    assert_true(track->points[3].set_aside && track->points[7].set_aside);
    assert_true(track->points[3].innovation > TRACK_GATE);
    assert_relative(track->minus2_log_likelihood, without->minus2_log_likelihood, 1e-9);
    for (size_t i = 0; i < 2; i++) {
        assert_near(track->z[i], without->z[i], 1e-9);
        assert_near(track->covariance[3 * i], without->covariance[3 * i], 1e-9);
    }
    track_destroy(&track);
    track_destroy(&without);
    record_destroy(&record);
    record_destroy(&clean);
    trial_clear(&trial);
}

/* A reading of far less than there can be: the state ends at 0, not below. */
static void track__positive_states_stay_so(void **state)
{
    (void)state;
    for (int positive = 0; positive < 2; positive++) {
        struct trial trial;
        char *text = mem_format("model m version 1 \"t\"\ntime h\n[equations]\n"
                                "d/dt(x) = -x/(2 h) init 1 mg noise 1 mg per 1 h%s\n"
                                "[observations]\ny : x ~ add(0.3 mg)\n",
                                positive ? " positive" : "");
        trial_model(&trial, text);
        mem_free(text);
        struct record *record = record_new("1", "h");
        assert_ok(record_covariate(record, 0, "none", NULL, 1, 0));
        assert_ok(record_measurement(record, 0, "y", NULL, 1, CENSORED_NOT, 1));
        assert_ok(record_measurement(record, 2, "y", NULL, -1, CENSORED_NOT, 2));
        struct track *track = follow(&trial, record, 0, NULL);
        assert_true(positive ? track->z[0] == 0 : track->z[0] < -0.5);
        track_destroy(&track);
        record_destroy(&record);
        trial_clear(&trial);
    }
}

/* --- what a solver can tell
 * ----------------------------------------------------------------------------- */

#define FALL 0.5 /* 1/h, 10 mg/L at first */

/* One reading, at what is 10^-decades of the first level. */
static struct track *follow_fall(const char *error, double decades, enum censoring how,
                                 double *f)
{
    struct trial trial;
    char *text = mem_format("model fall version 1\ntime h\n[parameters]\n"
                            "k = 0.5 1/h (0.01, 9) lognormal sd 0.3\n"
                            "[doses]\niv -> A mg\n[equations]\nd/dt(A) = -k*A\n"
                            "d/dt(B) = -k*B init 1e-20 mg\n"
                            "[observations]\nlevel : (A - B)/(10 [L]) ~ %s\n",
                            error);
    double t = decades * log(10) / FALL;
    struct record *record = record_new("1", "h");
    *f = 10 * pow(10, -decades);
    trial_model(&trial, text);
    assert_ok(record_dose(record, 0, "iv", NULL, 100, -1, 1));
    assert_ok(record_measurement(record, t, "level", NULL,
                                 how == CENSORED_NOT ? 1.1 * *f : 1e-3, how, 2));
    struct track *track = follow(&trial, record, 0, &(struct track_options){.ahead = 1});
    record_destroy(&record);
    trial_clear(&trial);
    mem_free(text);
    return track;
}

/* What is told is right, by closed forms, and all else moves nothing: however far a level
 * falls below its peak. */
static void track__readings_of_rounding_teach_nothing(void **state)
{
    (void)state;
    static const char *const weak[] = {"prop(0.2)", "lognormal(0.2)",
                                       "combined2(add 1e-18 mg/L, prop 0.2)"};
    for (size_t e = 0; e < sizeof weak / sizeof *weak; e++)
        for (double decades = 0.5; decades < 15; decades += 0.5) {
            double f, turns = decades * log(10);
            struct track *track = follow_fall(weak[e], decades, CENSORED_NOT, &f);
            const struct track_point *point = &track->points[0];
            double sd = (e == 1 ? 1 : f) * sqrt(0.04 + 0.09 * turns * turns);
            assert_int_equal(track->unresolved, point->unresolved);
            assert_false(point->set_aside);
            assert_true(decades > 6 || !point->unresolved);
            assert_true(decades < 11 || point->unresolved);
            if (point->unresolved) {
                assert_true(isnan(point->sd) && isnan(point->innovation));
                assert_true(track->z[2] == 0 && track->minus2_log_likelihood == 0);
                assert_true(isnan(track->next_sd[0]));
            } else {
                assert_near(point->predicted, f, 0.02 * f);
                assert_near(point->sd, sd, 0.05 * sd);
                assert_true(fabs(track->z[2]) > 1e-4);
            }
            track_destroy(&track);
        }
}

/* The same of a level that comes to rest, at 10^-decades of its peak, on the way to which
 * the solver's steps become as long as what it still sees lets them. */
static void track__variances_of_rounding_teach_nothing(void **state)
{
    (void)state;
    for (double decades = 3; decades < 14; decades += 0.5) {
        struct trial trial;
        double f = pow(10, -decades), sd = f * sqrt(0.04 + 0.09);
        char *text = mem_format("model rest version 1\ntime h\n[parameters]\n"
                                "k = 0.5 1/h (0.01, 9) lognormal sd 0.3\n"
                                "[doses]\niv -> A mg\n[equations]\n"
                                "d/dt(A) = %.17g [mg/h] - k*A\n"
                                "[observations]\nlevel : A/(1 [L]) ~ prop(0.2)\n",
                                0.5 * f);
        trial_model(&trial, text);
        for (double t = 50; t < 5000; t *= 9) {
            struct record *record = record_new("1", "h");
            assert_ok(record_dose(record, 0, "iv", NULL, 1, -1, 1));
            assert_ok(record_measurement(record, t, "level", NULL, f, CENSORED_NOT, 2));
            struct track *track = follow(&trial, record, 0, NULL);
            const struct track_point *point = &track->points[0];
            assert_true(decades > 5.5 || !point->unresolved);
            assert_true(decades < 10 || point->unresolved);
            if (!point->unresolved) {
                assert_relative(point->predicted, f, 0.02);
                assert_relative(point->sd, sd, 0.05);
            }
            track_destroy(&track);
            record_destroy(&record);
        }
        trial_clear(&trial);
        mem_free(text);
    }
}

/* As calibration: far below a limit nothing is said, and an error that does not fall with
 * the level is told however far it falls. */
static void track__limits_and_floors_need_no_telling(void **state)
{
    (void)state;
    static const char *const sound[] = {"prop(0.2)", "lognormal(0.2)", "add(1e-3 mg/L)",
                                        "combined2(add 1e-3 mg/L, prop 0.2)"};
    for (size_t e = 0; e < sizeof sound / sizeof *sound; e++)
        for (double decades = 7; decades < 15; decades += 1) {
            double f;
            struct track *track =
                follow_fall(sound[e], decades, e < 2 ? CENSORED_BELOW : CENSORED_NOT, &f);
            assert_int_equal(track->unresolved, 0);
            assert_int_equal(track->set_aside, 0);
            assert_near(track->z[2], 0, e == 1 ? 0.05 : 1e-4);
            track_destroy(&track);
        }
}

/* Before a first dose there is nothing, and so of its error: a reading below a limit is
 * as certain as it is empty, another one cannot be told, and both leave the rest alone.
 */
static void track__before_a_dose_there_is_nothing(void **state)
{
    (void)state;
    static const char *const errors[] = {"prop(0.2)", "lognormal(0.2)"};
    for (size_t e = 0; e < 2; e++) {
        struct trial trial;
        struct track *tracks[3];
        char *text = mem_format("model m version 1\ntime h\n[parameters]\n"
                                "k = 0.5 1/h (0.01, 9) lognormal sd 0.3\n"
                                "[doses]\niv -> A mg\n[equations]\nd/dt(A) = -k*A\n"
                                "[observations]\nlevel : A/(10 [L]) ~ %s\n",
                                errors[e]);
        trial_model(&trial, text);
        for (size_t i = 0; i < 3; i++) {
            struct record *record = record_new("1", "h");
            if (i)
                assert_ok(record_measurement(record, 0, "level", NULL, 0.1,
                                             i == 1 ? CENSORED_BELOW : CENSORED_NOT, 1));
            assert_ok(record_dose(record, 1, "iv", NULL, 100, -1, 2));
            assert_ok(record_measurement(record, 3, "level", NULL, 3, CENSORED_NOT, 3));
            record_sort(record);
            tracks[i] = follow(&trial, record, 0, &exactly);
            assert_int_equal(tracks[i]->unresolved, i == 2);
            assert_near(tracks[i]->z[1], tracks[0]->z[1], 1e-9);
            record_destroy(&record);
        }
        assert_true(fabs(tracks[0]->z[1]) > 0.01);
        for (size_t i = 0; i < 3; i++)
            track_destroy(&tracks[i]);
        trial_clear(&trial);
        mem_free(text);
    }
}

/* --- consistency
 * ------------------------------------------------------------------------------ */

/* A rate that drifts, in a model that is not linear, carried in steps of a hundredth of
 * an hour: what is left of readings is standard normal, one not telling of the next. */
static void track__innovations_are_standard_normal(void **state)
{
    (void)state;
    enum { COUNT = 1200, STEPS = 50 };
    struct trial trial;
    trial_model(&trial, walk_text);
    struct record *record = record_new("1", "h");
    uint64_t seed = 11;
    double h = 0.5 / STEPS, x = 4, l = 0.3 * draw(&seed) + 0.2 * sqrt(3) * draw(&seed);
    for (size_t i = 0; i < COUNT; i++) {
        for (int j = 0; i && j < STEPS; j++) {
            double k = 0.5 * exp(l);
            x += h * (2 - k * x) + 0.2 * sqrt(h) * draw(&seed);
            l += -h * l / 6 + 0.2 * sqrt(h) * draw(&seed);
        }
        double sd = sqrt(0.04 + 0.0025 * x * x);
        assert_ok(record_measurement(record, 0.5 * (double)i, "y", NULL,
                                     x + sd * draw(&seed), CENSORED_NOT, i));
    }
    struct track *track = follow(&trial, record, 0, NULL);
    double squares = 0, sum = 0, next = 0;
    for (size_t i = 0; i < COUNT; i++) {
        double one = track->points[i].innovation;
        squares += one * one;
        sum += one;
        next += i ? one * track->points[i - 1].innovation : 0;
    }
    /* chi-square has the sd sqrt(2 n), the others sqrt(n) */
    assert_int_equal(track->set_aside, 0);
    assert_near(squares, COUNT, 3 * sqrt(2 * COUNT));
    assert_near(sum, 0, 3 * sqrt(COUNT));
    assert_near(next, 0, 3 * sqrt(COUNT));
    double median, low, high, off;
    track_parameter(track, trial.model, &trial.layout, 0, COUNT - 1, &median, &low,
                    &high);
    off = log(0.5 * exp(l) / median) / log(high / median) * 1.96;
    assert_true(fabs(off) < 3 && low < median);
    track_destroy(&track);
    record_destroy(&record);
    trial_clear(&trial);
}

/* --- what is refused
 * --------------------------------------------------------------------------- */

static void track__refuses_what_it_cannot(void **state)
{
    (void)state;
    struct trial trial;
    struct track *track;
    trial_model(&trial, "model m version 1 \"t\"\ntime h\n[parameters]\n"
                        "b = 5 1 lognormal sd 3 drifts sd 1 per 1 h\n"
                        "[observations]\nyes : b/(1 + b) ~ bernoulli\ny : b ~ add(1)\n");
    struct record *record = record_new("1", "h");
    assert_ok(record_measurement(record, 0, "y", NULL, 6, CENSORED_NOT, 0));
    assert_ok(try_follow(&trial, record, 0, &(struct track_options){.ahead = 1}, &track));
    assert_true(isnan(track->next[0]) && track->next[1] > 5);
    track_destroy(&track);
    assert_ok(record_measurement(record, 1, "yes", NULL, 1, CENSORED_NOT, 0));
    assert_refused(ERR_RANGE, "yes is yes or no",
                   try_follow(&trial, record, 0, NULL, &track));
    record_destroy(&record);
    trial_clear(&trial);

    trial_model(&trial,
                "model m version 1 \"t\"\ntime h\n[parameters]\n"
                "b = 5 mg normal sd 3 drifts sd 1 mg per 1 h\n"
                "[equations]\nd/dt(x) = x*x*b/(1 [mg^2*h]) init 1 mg\n"
                "[observations]\ny : x ~ add(1 mg)\nz : x - b ~ lognormal(0.1)\n");
    record = record_new("1", "h");
    assert_ok(record_measurement(record, 0, "y", NULL, 1, CENSORED_NOT, 0));
    assert_ok(record_measurement(record, 5, "y", NULL, 1, CENSORED_NOT, 1));
    assert_refused(ERR_NUMERIC, "", try_follow(&trial, record, 0, NULL, &track));
    record_destroy(&record);
    record = record_new("1", "h");
    assert_ok(record_measurement(record, 0, "z", NULL, 1, CENSORED_NOT, 0));
    assert_refused(ERR_NUMERIC, "", try_follow(&trial, record, 0, NULL, &track));
    struct prior *prior;
    struct twin *first, *other;
    assert_ok(prior_from_model(trial.model, &prior));
    assert_ok(twin_new(trial.model, &trial.layout, record, &first));
    record_destroy(&record);
    record = record_new("1", "h");
    assert_ok(record_measurement(record, 2, "y", NULL, 1, CENSORED_NOT, 0));
    assert_ok(twin_new(trial.model, &trial.layout, record, &other));
    assert_refused(ERR_RANGE, "before what is known",
                   track_new(trial.engine, first, other, prior, NULL, &track));
    twin_destroy(&first);
    twin_destroy(&other);
    prior_destroy(&prior);
    record_destroy(&record);
    trial_clear(&trial);
}

/* Nothing to follow, nothing that moves: still a track. */
static void track__of_nothing_is_empty(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, "model m version 1 \"t\"\ntime h\n[parameters]\n"
                        "b = 5 mg fixed\n[equations]\nH = b\n"
                        "[observations]\ny : H ~ add(2 mg)\n");
    struct record *record = record_new("1", "h");
    struct track *track = follow(&trial, record, 0, NULL);
    assert_int_equal(track->count + track->drifts + track->width, 0);
    track_destroy(&track);
    assert_ok(record_measurement(record, 1, "y", NULL, 7, CENSORED_NOT, 0));
    track = follow(&trial, record, 0, &(struct track_options){.ahead = 3});
    assert_near(track->points[0].innovation, 1, 1e-15);
    assert_near(track->next[0], 5, 0);
    assert_near(track->next_sd[0], 2, 0);
    track_destroy(&track);
    record_destroy(&record);
    trial_clear(&trial);
}

/* --- diabetics (nightly)
 * ----------------------------------------------------------------------- */

enum { PEOPLE = 8, DAYS = 7, CALIBRATION = 3 };
enum filter { PERSISTENCE, OPEN, CONSTANT, DRIFTING, PERSONAL, FILTERS };

struct score {
    size_t count;
    double squares;
};

/* What the filter says of each reading of the last days, so many readings before it. */
static void score_one(struct trial *trial, const struct prior *prior,
                      const struct record *record, enum filter filter, size_t ahead,
                      struct score *score)
{
    size_t n = record->measurement_count, from = CALIBRATION * 48,
           known = filter == PERSONAL ? from : 0;
    struct record *first = record_known(record, known);
    struct track_options options = {.ahead = 5 * (double)ahead};
    struct track *track = NULL;
    struct twin *before, *whole;
    double *f = mem_new(n, sizeof *f), phi[MODEL_PARAMETERS_MAX];
    assert_ok(twin_new(trial->model, &trial->layout, first, &before));
    assert_ok(twin_new(trial->model, &trial->layout, record, &whole));
    for (size_t a = 0; a < prior->p; a++)
        phi[a] = prior->effects[a * prior->k];
    if (filter == OPEN)
        assert_ok(twin_predict(trial->engine, whole, phi, NULL, f, NULL));
    if (filter > OPEN)
        assert_ok(track_new(trial->engine, before, whole, prior, &options, &track));
    for (size_t k = from + 24; k < n; k++) {
        double said = filter == PERSISTENCE ? record->measurements[k - ahead].value
                      : filter == OPEN      ? f[k]
                                            : track->points[k - known].foretold;
        double off = record->measurements[k].value - said;
        score->squares += off * off;
        score->count++;
    }
    track_destroy(&track);
    twin_destroy(&before);
    twin_destroy(&whole);
    record_destroy(&first);
    mem_free(f);
}

/* How far off filters are when the model is not the truth (docs/statistics.md,
 * "Following"). */
static void track__halves_the_error_of_the_last_value(void **state)
{
    (void)state;
    static const char *const names[FILTERS] = {"the last value", "the prior, open loop",
                                               "SI constant", "SI drifts",
                                               "SI drifts, fitted first"};
    struct bytes file = {0};
    static const double published[FILTERS][2] = {
        {32.3, 53.0}, {37.6, 37.6}, {15.8, 19.0}, {15.2, 19.4}, {15.6, 20.0}};
    double rms[FILTERS][2];
    assert_ok(
        file_read(SOURCE_DIR "/models/diabetes/glucose.twin", MODEL_TEXT_MAX, &file));
    for (enum filter filter = 0; filter < FILTERS; filter++) {
        char *text = mem_text_n((const char *)file.data, file.size);
        char *drift = strstr(text, "drifts sd 0.5 per 1 d");
        if (filter == CONSTANT)
            memset(drift, ' ', strlen("drifts sd 0.5 per 1 d"));
        struct trial trial;
        struct prior *prior;
        trial_model(&trial, text);
        assert_ok(prior_from_model(trial.model, &prior));
        struct score scores[2] = {{0}};
        for (uint64_t seed = 1; seed <= PEOPLE; seed++) {
            struct record *record = diabetic_record(seed, DAYS, CALIBRATION);
            for (size_t half = 0; half < 2; half++)
                score_one(&trial, prior, record, filter, 6 + 6 * half, &scores[half]);
            record_destroy(&record);
        }
        for (size_t half = 0; half < 2; half++)
            rms[filter][half] = sqrt(scores[half].squares / (double)scores[half].count);
        print_message("%-24s %5.1f %5.1f mg/dL\n", names[filter], rms[filter][0],
                      rms[filter][1]);
        prior_destroy(&prior);
        trial_clear(&trial);
        mem_free(text);
    }
    bytes_free(&file);
    for (size_t i = 0; i < FILTERS; i++)
        for (size_t half = 0; half < 2; half++)
            assert_near(rms[i][half], published[i][half], 0.2);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest nightly[] = {
        cmocka_unit_test(track__halves_the_error_of_the_last_value),
    };
    if (count > 1 && strcmp(arguments[1], "nightly") == 0)
        return cmocka_run_group_tests(nightly, NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(track__is_the_joint_distribution_of_linear_models),
        cmocka_unit_test(track__spreads_through_whatever_happens),
        cmocka_unit_test(track__is_recursive_least_squares_without_drift),
        cmocka_unit_test(track__begins_as_a_forecast),
        cmocka_unit_test(track__begins_where_a_course_repeats_itself),
        cmocka_unit_test(track__foretells_what_it_would_predict),
        cmocka_unit_test(track__limits_leave_the_moments_of_what_is_left),
        cmocka_unit_test(track__sets_aside_what_is_far_off),
        cmocka_unit_test(track__readings_of_rounding_teach_nothing),
        cmocka_unit_test(track__variances_of_rounding_teach_nothing),
        cmocka_unit_test(track__limits_and_floors_need_no_telling),
        cmocka_unit_test(track__before_a_dose_there_is_nothing),
        cmocka_unit_test(track__positive_states_stay_so),
        cmocka_unit_test(track__innovations_are_standard_normal),
        cmocka_unit_test(track__refuses_what_it_cannot),
        cmocka_unit_test(track__of_nothing_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
