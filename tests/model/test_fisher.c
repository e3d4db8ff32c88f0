#include "trial.h"

#include "fisher.h"

/* Everything at once: correlated effects, covariates, a combined and a lognormal
 * residual, a value below its limit, a parameter without random effect, a curved
 * prediction. */
static const char text[] = "model all version 1 \"t\"\ntime h\n"
                           "[parameters]\n"
                           "A = 20 1 (0.1, 999) lognormal sd 0.3 on W\n"
                           "k = 0.3 1/h (0.01, 9) lognormal sd 0.4\n"
                           "s = 1 1 (-9, 9) normal sd 0.5 on W\n"
                           "c = 0.5 1 estimated log\n"
                           "[population]\ncorrelated A, k -0.3\n"
                           "[covariates]\nW 1\n"
                           "[equations]\n"
                           "f = A*exp(-k*time) + c\n"
                           "g = exp(s)*(1 + c*time/(1 h))\n"
                           "[observations]\n"
                           "first : f ~ combined2(add 0.4 1, prop 0.1) lloq 1.5 1\n"
                           "second : g ~ lognormal(0.2)\n";

static double noise(uint64_t *seed)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(*seed >> 11) * 0x1p-53;
    }
    return sum;
}

static void draw(struct trial *trial, struct record **records, size_t count)
{
    uint64_t seed = 5;
    for (size_t i = 0; i < count; i++) {
        struct record *r = records[i] = record_new("x", "h");
        double w = (double)(i % 3) / 2 - 0.5, a = 22 * exp(0.35 * noise(&seed) + 0.2 * w);
        double k = 0.28 * exp(0.35 * noise(&seed)),
               s = 0.8 + 0.6 * noise(&seed) + 0.5 * w;
        assert_ok(record_covariate(r, 0, "W", NULL, w, 0));
        for (size_t j = 0; j < 7; j++) {
            double t = 0.5 + 1.7 * (double)j;
            double f = (a * exp(-k * t) + 0.6) * (1 + 0.12 * noise(&seed));
            double g = exp(s) * (1 + 0.6 * t) * exp(0.25 * noise(&seed));
            assert_ok(record_measurement(r, t, "first", NULL, f, CENSORED_NOT, 2 * j));
            if (j % 3 == i % 3)
                assert_ok(
                    record_measurement(r, t, "second", NULL, g, CENSORED_NOT, 2 * j + 1));
        }
        record_sort(r);
        trial_take(trial, r);
    }
}

/* The score of the sum under `prior`, every number of it, against central differences of
 * the marginal likelihood itself: every fit is made anew on either side. */
static void check_score(struct trial *trial, const struct prior *prior, size_t numbers)
{
    struct statistic statistic;
    statistic_layout(&trial->layout, true, &statistic);
    double *sum = trial_sum(trial, prior, &statistic);
    struct space space;
    struct view view;
    space_init(&space, &trial->layout);
    assert_int_equal(space.count, numbers);
    assert_ok(view_init(&view, &statistic, prior, sum));
    assert_near(view.patients, (double)trial->count, 1e-12);
    assert_near(view.failed, 0, 0);
    double *score = mem_new(space.count, sizeof *score), h = 1e-4;
    fisher_score(&space, &view, score);
    for (size_t i = 0; i < space.count; i++) {
        const struct number *one = &space.numbers[i];
        double cost[2];
        for (int side = 0; side < 2; side++) {
            struct prior *moved = prior_copy(prior);
            *space_place(&space, moved, i) += side ? h : -h;
            if (one->kind == NUMBER_COVARIANCE)
                moved->omega[one->b * prior->p + one->a] =
                    moved->omega[one->a * prior->p + one->b];
            cost[side] = trial_cost(trial, moved);
            prior_destroy(&moved);
        }
        double expected = -0.5 * (cost[1] - cost[0]) / (2 * h);
        if (!(fabs(score[i] - expected) <= 2e-5 * (1 + fabs(expected))))
            fail_msg("number %zu: %.9g, differences give %.9g", i, score[i], expected);
    }
    struct prior *same = prior_copy(prior);
    assert_relative(view.likelihood, trial_cost(trial, same), 1e-12);
    prior_destroy(&same);
    mem_free(score);
    mem_free(sum);
    view_clear(&view);
    space_clear(&space);
}

static void fisher__score_is_the_derivative_of_the_likelihood(void **state)
{
    (void)state;
    enum { N = 9 };
    struct record *records[N];
    struct trial trial;
    trial_model(&trial, text);
    draw(&trial, records, N);
    struct prior *prior;
    assert_ok(prior_from_model(trial.model, &prior));
    prior->effects[1] = 0.15;
    double rotation[] = {0.6, 0.8, 0, -0.8, 0.6, 0, 0, 0, 1};
    assert_ok(prior_factor(prior, rotation)); /* the whitening must not matter */
    check_score(&trial, prior, 5 + 4 + 3 + 1);
    prior_destroy(&prior);
    trial_clear(&trial);
    for (size_t i = 0; i < N; i++)
        record_destroy(&records[i]);
}

/* Three answers, all alike or not: the mean of the posterior is more than a standard
 * deviation from its mode, Laplace's likelihood is poor, and its score is right. */
static void fisher__score_of_sparse_answers_is_right(void **state)
{
    (void)state;
    enum { N = 4 };
    struct record *records[N];
    struct trial trial;
    trial_model(&trial, "model yes version 1 \"t\"\ntime h\n[parameters]\n"
                        "level = -2 1 normal sd 6\n"
                        "[equations]\np = expit(level)\n"
                        "[observations]\nseen : p ~ bernoulli\n");
    for (size_t i = 0; i < N; i++) {
        records[i] = record_new("x", "h");
        for (size_t j = 0; j < 3; j++)
            assert_ok(record_measurement(records[i], (double)j, "seen", NULL, j < i,
                                         CENSORED_NOT, j));
        trial_take(&trial, records[i]);
    }
    struct prior *prior;
    assert_ok(prior_from_model(trial.model, &prior));
    check_score(&trial, prior, 1 + 1);
    prior_destroy(&prior);
    trial_clear(&trial);
    for (size_t i = 0; i < N; i++)
        record_destroy(&records[i]);
}

/* A balanced line, where the information is known: per patient F' V^-1 F for B and
 * tr(V^-1 F E F' V^-1 F E' F') / 2 for Omega, V = F Omega F' + s^2 I. One patient, so
 * that products of means are means of products. */
static void fisher__information_of_a_line_is_exact(void **state)
{
    (void)state;
    struct trial trial;
    trial_model(&trial, "model line version 1 \"t\"\ntime h\n[parameters]\n"
                        "a = 1 1 (-9, 9) normal sd 2\n"
                        "[equations]\nf = a\n[observations]\nseen : f ~ add(3 1)\n");
    struct record *record = record_new("x", "h");
    for (size_t j = 0; j < 5; j++)
        assert_ok(
            record_measurement(record, (double)j, "seen", NULL, 2, CENSORED_NOT, j));
    trial_take(&trial, record);
    struct prior *prior;
    assert_ok(prior_from_model(trial.model, &prior));
    struct statistic statistic;
    statistic_layout(&trial.layout, true, &statistic);
    double *sum = trial_sum(&trial, prior, &statistic), j[9];
    struct space space;
    struct view view;
    space_init(&space, &trial.layout);
    assert_ok(view_init(&view, &statistic, prior, sum));
    fisher_information(&space, &view, j);
    /* Of the mean of five: variance 4 + 9 / 5; within: four degrees of freedom. */
    double v = 4 + 9.0 / 5, dv = 2 * 9.0 / 5; /* dv by log s */
    assert_relative(j[0], 1 / v, 1e-8);
    assert_near(j[1], 0, 0);
    assert_relative(j[4], 0.5 / (v * v), 1e-8);
    assert_relative(j[5], 0.5 * dv / (v * v), 1e-8);
    assert_relative(j[8], 0.5 * dv * dv / (v * v) + 2 * 4.0, 1e-8);
    mem_free(sum);
    view_clear(&view);
    space_clear(&space);
    prior_destroy(&prior);
    record_destroy(&record);
    trial_clear(&trial);
}

/* Lines through readings of two kinds, with a covariate and a bend that all share:
 * unequal patients, so that nothing holds for means alone. */
static const char lines[] = "model lines version 1 \"t\"\ntime h\n"
                            "[parameters]\n"
                            "a = 10 1 (-99, 99) normal sd 3 on W\n"
                            "b = 1 1 (-9, 9) normal sd 0.8 on W\n"
                            "c = 0.1 1 (-9, 9) estimated identity\n"
                            "[population]\ncorrelated a, b 0.3\n"
                            "[covariates]\nW 1\n"
                            "[equations]\n"
                            "f = a + b*time/(1 h) + c*(time/(1 h))^2\n"
                            "[observations]\n"
                            "first : f ~ add(1 1)\n"
                            "second : a - b ~ add(2 1)\n";

static void draw_lines(struct trial *trial, struct record **records, size_t count)
{
    uint64_t seed = 11;
    for (size_t i = 0; i < count; i++) {
        struct record *r = records[i] = record_new("x", "h");
        double w = (double)(i % 3) / 2 - 0.5, a = 11 + 3 * noise(&seed) + w;
        double b = 0.5 + 0.9 * noise(&seed);
        assert_ok(record_covariate(r, 0, "W", NULL, w, 0));
        for (size_t j = 0; j < 1 + i % 4; j++) {
            double t = 0.4 * (double)(i % 5) + (double)j;
            assert_ok(record_measurement(r, t, "first", NULL,
                                         a + b * t + 0.2 * t * t + 1.2 * noise(&seed),
                                         CENSORED_NOT, 2 * j));
            assert_ok(record_measurement(r, t, "second", NULL, a - b + 1.5 * noise(&seed),
                                         CENSORED_NOT, 2 * j + 1));
        }
        record_sort(r);
        trial_take(trial, r);
    }
}

static void score_at(struct trial *trial, const struct space *space, struct prior *prior,
                     double *score)
{
    struct statistic statistic;
    struct view view;
    statistic_layout(&trial->layout, true, &statistic);
    assert_ok(prior_factor(prior, NULL));
    double *sum = trial_sum(trial, prior, &statistic);
    assert_ok(view_init(&view, &statistic, prior, sum));
    fisher_score(space, &view, score);
    view_clear(&view);
    mem_free(sum);
}

/* Every curvature of a model that is linear is the derivative of its score, but for those
 * of residuals with the rest, which keep their expectation. */
static void check_curvature(struct trial *trial, const struct space *space,
                            const struct prior *prior, const double *curvature)
{
    size_t n = space->count;
    double *up = mem_new(n, sizeof *up), *down = mem_new(n, sizeof *down), h = 1e-4;
    for (size_t e = 0; e < n; e++) {
        for (int side = 0; side < 2; side++) {
            const struct number *one = &space->numbers[e];
            struct prior *moved = prior_copy(prior);
            *space_place(space, moved, e) += side ? -h : h;
            if (one->kind == NUMBER_COVARIANCE)
                moved->omega[one->b * prior->p + one->a] =
                    moved->omega[one->a * prior->p + one->b];
            score_at(trial, space, moved, side ? down : up);
            prior_destroy(&moved);
        }
        for (size_t f = 0; f < n; f++) {
            bool residual = space->numbers[e].kind == NUMBER_RESIDUAL;
            double expected = (down[f] - up[f]) / (2 * h), got = curvature[f * n + e];
            if (residual != (space->numbers[f].kind == NUMBER_RESIDUAL))
                continue;
            if (!(fabs(got - expected) <= 1e-5 * (1 + fabs(expected))))
                fail_msg("numbers %zu, %zu: %.9g, differences give %.9g", f, e, got,
                         expected);
        }
    }
    mem_free(up);
    mem_free(down);
}

static void fisher__curvature_is_the_derivative_of_the_score(void **state)
{
    (void)state;
    enum { N = 13 };
    struct record *records[N];
    struct trial trial;
    struct prior *prior;
    struct statistic statistic;
    struct space space;
    struct view view;
    trial_model(&trial, lines);
    draw_lines(&trial, records, N);
    assert_ok(prior_from_model(trial.model, &prior));
    double rotation[] = {0.6, 0.8, -0.8, 0.6}; /* the whitening must not matter */
    assert_ok(prior_factor(prior, rotation));
    statistic_layout(&trial.layout, true, &statistic);
    space_init(&space, &trial.layout);
    assert_int_equal(space.count, 4 + 3 + 2 + 1);
    double *sum = trial_sum(&trial, prior, &statistic), curvature[100], later[100];
    double effects[] = {0, 0, 0, 0};
    assert_ok(view_init(&view, &statistic, prior, sum));
    fisher_curvature(&space, &view, effects, curvature);
    check_curvature(&trial, &space, prior, curvature);
    /* What it will be between effects and covariances after a step of the effects. */
    const double step[] = {0.7, -0.4, 0.2, 0.5};
    fisher_curvature(&space, &view, step, later);
    view_clear(&view);
    mem_free(sum);
    for (size_t i = 0; i < 4; i++)
        prior->effects[i] += step[i];
    sum = trial_sum(&trial, prior, &statistic);
    assert_ok(view_init(&view, &statistic, prior, sum));
    fisher_curvature(&space, &view, effects, curvature);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 4; j < 7; j++)
            assert_near(later[i * 10 + j], curvature[i * 10 + j], 1e-7);
    view_clear(&view);
    mem_free(sum);
    space_clear(&space);
    prior_destroy(&prior);
    trial_clear(&trial);
    for (size_t i = 0; i < N; i++)
        record_destroy(&records[i]);
}

/* In the private form scores of z come scaled, and are read without. */
static void fisher__takes_the_scale_off_private_scores(void **state)
{
    (void)state;
    struct prior_layout layout = {.p = 2, .k = 1};
    struct statistic statistic;
    struct view plain, scaled;
    statistic_layout(&layout, false, &statistic);
    struct prior *prior = prior_new(&layout);
    prior->omega[0] = prior->omega[3] = 1;
    assert_ok(prior_factor(prior, NULL));
    double *sum = mem_new(statistic.dimension, sizeof *sum);
    for (size_t i = 0; i < statistic.dimension; i++)
        sum[i] = 1 + (double)i;
    assert_ok(view_init(&plain, &statistic, prior, sum));
    prior->scale[0] = 2;
    assert_ok(view_init(&scaled, &statistic, prior, sum));
    const double both[] = {4, 2, 2, 1};
    assert_relative(plain.effect_score[0], 2 * scaled.effect_score[0], 1e-14);
    assert_relative(plain.effect_score[1], scaled.effect_score[1], 1e-14);
    for (size_t i = 0; i < 4; i++) {
        assert_relative(plain.omega_score[i], both[i] * scaled.omega_score[i], 1e-14);
        assert_near(plain.information[i], scaled.information[i], 0);
    }
    view_clear(&plain);
    view_clear(&scaled);
    mem_free(sum);
    prior_destroy(&prior);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fisher__score_is_the_derivative_of_the_likelihood),
        cmocka_unit_test(fisher__score_of_sparse_answers_is_right),
        cmocka_unit_test(fisher__information_of_a_line_is_exact),
        cmocka_unit_test(fisher__curvature_is_the_derivative_of_the_score),
        cmocka_unit_test(fisher__takes_the_scale_off_private_scores),
    };
    return cmocka_run_group_tests_name("fisher", tests, NULL, NULL);
}
