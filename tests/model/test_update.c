#include "trial.h"

static const char text[] = "model oral version 1 \"t\"\ntime h\n"
                           "[parameters]\n"
                           "ka = 1.5 1/h (0.01, 99) lognormal sd 0.6 on WT\n"
                           "CL = 2.7 L/h (0.01, 99) lognormal sd 0.3\n"
                           "V = 32 L (0.1, 999) estimated log\n"
                           "[covariates]\nWT kg centre 70 scale 20\n"
                           "[doses]\noral -> depot mg\n"
                           "[equations]\nd/dt(depot) = -ka*depot\n"
                           "d/dt(central) = ka*depot - CL/V*central\nCp = central/V\n"
                           "[observations]\n"
                           "level : Cp ~ combined2(add 0.7 mg/L, prop 0.1)\n";

/* Whatever the records and the prior: no private vector is longer than the clipping norm.
 */
static void update__private_vectors_stay_within_the_norm(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, text);
    trial_read(&trial, "theoph/data.csv", NULL);
    struct statistic statistic;
    statistic_layout(&trial.layout, false, &statistic);
    double *vector = mem_new(statistic.dimension, sizeof *vector), longest = 0;
    for (int absurd = 0; absurd < 4; absurd++) {
        struct prior *prior;
        assert_ok(prior_from_model(trial.model, &prior));
        if (absurd == 1)
            prior->effects[0] += 3;
        if (absurd == 2)
            prior->residual[0] = prior->residual[1] = -6;
        if (absurd == 3) {
            for (size_t i = 0; i < 4; i++)
                prior->omega[i] *= 1e-3;
            assert_ok(prior_factor(prior, NULL));
        }
        for (size_t i = 0; i < trial.count; i++) {
            double square = 0;
            trial_vector(&trial, i, prior, &statistic, vector);
            for (size_t d = 0; d < statistic.dimension; d++)
                square += vector[d] * vector[d];
            assert_true(square <= 1 + 1e-9);
            longest = fmax(longest, square);
        }
        prior_destroy(&prior);
    }
    assert_true(longest > 0.8); /* and the room is used */
    mem_free(vector);
    trial_clear(&trial);
}

static void update__of_the_uninformed_counts_and_no_more(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, text);
    for (int exact = 0; exact < 2; exact++) {
        struct statistic s;
        statistic_layout(&trial.layout, exact, &s);
        double *vector = mem_new(s.dimension, sizeof *vector), x[] = {1, 0.5};
        update_uninformed(&s, x, vector);
        double count = vector[s.offset[STATISTIC_COUNT]] / s.factor[STATISTIC_COUNT];
        assert_relative(count, 1.0, 1e-12);
        for (size_t i = 0; i < s.size[STATISTIC_EFFECT_SCORE]; i++)
            assert_near(vector[s.offset[STATISTIC_EFFECT_SCORE] + i], 0, 0);
        if (exact)
            assert_near(vector[s.offset[STATISTIC_LIKELIHOOD] + 2], 1, 0);
        mem_free(vector);
    }
    trial_clear(&trial);
}

/* Level and slope of one to five readings, residual error estimated: linear, so that at
 * the right prior every expectation is known. */
static const char line[] = "model line version 1 \"t\"\ntime h\n"
                           "[parameters]\n"
                           "a = 1 1 (-99, 99) normal sd 0.8 on AGE\n"
                           "b = 0 1 (-99, 99) normal sd 0.6 on AGE\n"
                           "[population]\ncorrelated a, b\n"
                           "[covariates]\nAGE 1 centre 0 scale 1\n"
                           "[equations]\nf = a + b*time/(1 h)\n"
                           "[observations]\ny : f ~ add(0.5 1)\n";
enum { READINGS_MAX = 5 };

static double uniform(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*seed >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t *seed)
{
    double u = uniform(seed);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * uniform(seed));
}

static void vector_of(struct trial *trial, const struct prior *prior,
                      const struct statistic *statistic, size_t readings, double age,
                      const double *y, double *vector)
{
    struct record *record = record_new("line", "h");
    assert_ok(record_covariate(record, 0, "AGE", NULL, age, 0));
    for (size_t j = 0; j < readings; j++)
        assert_ok(
            record_measurement(record, (double)j / 2, "y", NULL, y[j], CENSORED_NOT, j));
    struct twin *twin;
    struct fit *fit;
    assert_ok(twin_new(trial->model, &trial->layout, record, &twin));
    assert_ok(fit_new(trial->engine, twin, prior, &fit));
    assert_true(fit->converged);
    struct moments *moments;
    assert_ok(fit_moments(trial->engine, twin, prior, fit, &moments));
    assert_ok(update_vector(twin, prior, fit, moments, statistic, vector));
    moments_destroy(&moments);
    fit_destroy(&fit);
    twin_destroy(&twin);
    record_destroy(&record);
}

static double square_of(const struct statistic *statistic, const double *vector)
{
    double square = 0;
    for (size_t d = 0; d < statistic->dimension; d++)
        square += vector[d] * vector[d];
    return square;
}

/* Patients of the very prior, with few and many readings, old and young: shortened or
 * cut, their scores are 0 on average. */
static void update__private_scores_vanish_at_the_right_prior(void **state)
{
    (void)state;
    struct trial trial;
    struct statistic s;
    struct prior *prior;
    trial_model(&trial, line);
    statistic_layout(&trial.layout, false, &s);
    assert_ok(prior_from_model(trial.model, &prior));
    double *vector = mem_new(s.dimension, sizeof *vector);
    double *sum = mem_new(s.dimension, sizeof *sum);
    double *squares = mem_new(s.dimension, sizeof *squares);
    enum { MANY = 6000 };
    uint64_t seed = 4;
    prior->scale[1] = 1.6;
    for (size_t i = 0; i < MANY; i++) {
        double a = 1 + 0.8 * normal(&seed), b = 0.6 * normal(&seed), y[READINGS_MAX];
        for (size_t j = 0; j < READINGS_MAX; j++)
            y[j] = a + b * (double)j / 2 + 0.5 * normal(&seed);
        vector_of(&trial, prior, &s, 1 + i % READINGS_MAX, (double)(i % 3) - 1, y,
                  vector);
        assert_true(square_of(&s, vector) <= 1 + 1e-9);
        for (size_t d = 0; d < s.dimension; d++) {
            sum[d] += vector[d];
            squares[d] += vector[d] * vector[d];
        }
    }
    const enum statistic_block scores[] = {STATISTIC_EFFECT_SCORE, STATISTIC_OMEGA_SCORE,
                                           STATISTIC_RESIDUAL_SCORE};
    for (size_t b = 0; b < sizeof scores / sizeof *scores; b++)
        for (size_t i = 0; i < s.size[scores[b]]; i++) {
            size_t d = s.offset[scores[b]] + i;
            assert_true(fabs(sum[d]) < 3.5 * sqrt(squares[d]));
        }
    mem_free(vector);
    mem_free(sum);
    mem_free(squares);
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* Readings off the line, but across level and slope: they move neither, and the reach of
 * the scores of z, which shows in kappa, must be the one of readings on the line. */
static void update__reach_does_not_see_the_residuals(void **state)
{
    (void)state;
    struct trial trial;
    struct statistic s;
    struct prior *prior;
    trial_model(&trial, line);
    statistic_layout(&trial.layout, false, &s);
    assert_ok(prior_from_model(trial.model, &prior));
    double *on = mem_new(s.dimension, sizeof *on),
           *off = mem_new(s.dimension, sizeof *off);
    const double straight[] = {1, 1, 1, 1, 1}, bent[] = {3, -3, 3, 1, 1};
    vector_of(&trial, prior, &s, READINGS_MAX, 0, straight, on);
    vector_of(&trial, prior, &s, READINGS_MAX, 0, bent, off);
    size_t residual = s.offset[STATISTIC_RESIDUAL_SCORE];
    assert_true(off[residual] > on[residual] + 0.1);
    for (size_t i = 0; i < s.size[STATISTIC_OMEGA_SCORE]; i++) {
        size_t d = s.offset[STATISTIC_OMEGA_SCORE] + i;
        assert_near(off[d], on[d], 1e-7);
    }
    mem_free(on);
    mem_free(off);
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* Uphill in a patient's own readings: none is longer than the norm, and some come near.
 */
static void update__no_readings_exceed_the_norm(void **state)
{
    (void)state;
    struct trial trial;
    struct statistic s;
    struct prior *prior;
    trial_model(&trial, line);
    statistic_layout(&trial.layout, false, &s);
    assert_ok(prior_from_model(trial.model, &prior));
    double *vector = mem_new(s.dimension, sizeof *vector), longest = 0;
    uint64_t seed = 12;
    for (size_t start = 0; start < 12; start++) {
        prior->scale[1] = start % 3 ? 1 : 1.8;
        size_t readings = 1 + start % READINGS_MAX;
        double y[READINGS_MAX], next[READINGS_MAX], best = 0, size = 2;
        for (size_t j = 0; j < READINGS_MAX; j++)
            y[j] = 4 * normal(&seed);
        for (int i = 0; i < 150; i++) {
            for (size_t j = 0; j < READINGS_MAX; j++)
                next[j] = y[j] + (i ? size * normal(&seed) : 0);
            vector_of(&trial, prior, &s, readings, start % 2 ? 1 : 0, next, vector);
            double found = square_of(&s, vector);
            assert_true(found <= 1 + 1e-9);
            size = fmax(1e-2, found > best ? 1.5 * size : 0.93 * size);
            if (found <= best)
                continue;
            best = found;
            memcpy(y, next, sizeof y);
        }
        longest = fmax(longest, best);
    }
    assert_true(longest > 0.98);
    mem_free(vector);
    prior_destroy(&prior);
    trial_clear(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update__private_vectors_stay_within_the_norm),
        cmocka_unit_test(update__private_scores_vanish_at_the_right_prior),
        cmocka_unit_test(update__reach_does_not_see_the_residuals),
        cmocka_unit_test(update__no_readings_exceed_the_norm),
        cmocka_unit_test(update__of_the_uninformed_counts_and_no_more),
    };
    return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
