#include "check.h"

#include "base/memory.h"
#include "model/learn.h"
#include "model/update.h"

/* Virtual people whose level is N(2, 0.5^2), each read three times with error 0.4; the file's
 * start is off: level 1.6, spread 0.8, error 0.6. */
static const char text[] = "model w version 1\ntime h\n[parameters]\n"
                           "a = 1.6 1 normal sd 0.8\n[equations]\ny = a\n"
                           "[observations]\nv : y ~ add(0.6)\n";

#define PEOPLE 1500
#define ROUNDS 6

static uint64_t state_of_draws;

static double normal(void)
{
    double u[2];
    for (size_t i = 0; i < 2; i++) { /* Knuth's MMIX generator, top bits */
        state_of_draws = state_of_draws * 6364136223846793005u + 1442695040888963407u;
        u[i] = ((double)(state_of_draws >> 11) + 0.5) * 0x1p-53;
    }
    return sqrt(-2 * log(u[0])) * cos(2 * acos(-1) * u[1]);
}

struct study {
    struct model *model;
    struct prior_layout layout;
    struct statistic statistic;
    struct engine *engine;
    struct twin *twins[PEOPLE];
    struct prior *priors[ROUNDS + 1];
    struct learn_round rounds[ROUNDS];
    struct learn_report report;
};

static struct study *study_new(void)
{
    struct study *s = mem_new(1, sizeof *s);
    state_of_draws = 7;
    assert_ok(model_parse(text, strlen(text), "w", &s->model));
    assert_ok(prior_layout(s->model, &s->layout));
    statistic_layout(&s->layout, false, &s->statistic);
    s->engine = engine_new(s->model, &s->layout, NULL);
    assert_ok(prior_from_model(s->model, &s->priors[0]));
    for (size_t i = 0; i < PEOPLE; i++) {
        struct record *record = record_new("p", "h");
        double level = 2 + 0.5 * normal();
        for (size_t j = 0; j < 3; j++)
            assert_ok(record_measurement(record, (double)j, "v", "1",
                                         level + 0.4 * normal(), CENSORED_NOT, j));
        assert_ok(twin_new(s->model, &s->layout, record, &s->twins[i]));
        record_destroy(&record);
    }
    return s;
}

static void study_destroy(struct study *s)
{
    for (size_t i = 0; i < PEOPLE; i++)
        twin_destroy(&s->twins[i]);
    for (size_t i = 0; i <= ROUNDS; i++)
        prior_destroy(&s->priors[i]);
    for (size_t i = 0; i < ROUNDS; i++)
        mem_free((double *)s->rounds[i].sum);
    engine_destroy(&s->engine);
    model_destroy(&s->model);
    mem_free(s);
}

static void run(struct study *s, double noise)
{
    size_t dimension = s->statistic.dimension;
    double *vector = mem_new(dimension, sizeof *vector);
    for (size_t round = 0; round < ROUNDS; round++) {
        double *sum = mem_new(dimension, sizeof *sum);
        for (size_t i = 0; i < PEOPLE; i++) {
            struct fit *fit;
            assert_ok(fit_new(s->engine, s->twins[i], s->priors[round], &fit));
            assert_ok(update_vector(s->engine, s->twins[i], s->priors[round], fit,
                                    &s->statistic, vector));
            for (size_t j = 0; j < dimension; j++)
                sum[j] += vector[j];
            fit_destroy(&fit);
        }
        for (size_t j = 0; j < dimension; j++)
            sum[j] += noise * normal();
        s->rounds[round] = (struct learn_round){s->priors[round], sum, noise};
        assert_ok(learn_step(s->model, &s->layout, &s->statistic, s->rounds, round + 1,
                             NULL, &s->priors[round + 1], &s->report));
    }
    mem_free(vector);
}

/* Under noise of a tenth of a patient's bound times the root of their number, level, spread
 * and error come out within four of their stated standard errors. */
static void weigh__noisy_rounds_find_the_truth_within_their_errors(void **state)
{
    (void)state;
    struct study *s = study_new();
    run(s, 4);
    const struct prior *last = s->priors[ROUNDS];
    const double *se = last->standard_error; /* effect, residual, between sd */
    assert_near(last->effects[0], 2, 4 * se[0]);
    assert_near(exp(last->residual[0]), 0.4, 4 * 0.4 * se[1]);
    assert_near(sqrt(last->omega[0]), 0.5, 4 * se[2]);
    assert_true(se[0] > 0.5 / sqrt(PEOPLE)); /* no better than without noise */
    assert_true(se[0] < 0.2 && se[1] < 0.5 && se[2] < 0.3);
    assert_near(s->report.patients, PEOPLE, 5 * 4 / s->statistic.factor[STATISTIC_COUNT]);
    study_destroy(s);
}

/* Where noise would decide, the prior stays what it was, and the report says so. */
static void weigh__what_noise_swamps_is_held(void **state)
{
    (void)state;
    struct study *s = study_new();
    run(s, 1e5);
    const struct prior *first = s->priors[0], *last = s->priors[ROUNDS];
    assert_near(last->effects[0], first->effects[0], 0.8);
    assert_relative(last->omega[0], first->omega[0], 0.5);
    assert_int_not_equal(s->report.covariance, LEARN_MOVED);
    assert_true(strlen(s->report.reason) > 0);
    study_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weigh__noisy_rounds_find_the_truth_within_their_errors),
        cmocka_unit_test(weigh__what_noise_swamps_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
