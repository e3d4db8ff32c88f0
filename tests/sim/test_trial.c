#include "check.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "model/library.h"
#include "model/regimen.h"
#include "sim/trial.h"

/* A normal outcome of standard deviation 2, which `treated` raises by its own number; and
 * the area under a curve, which is dose/CL. */
static const char normal_text[] = "model shift version 1\ntime h\n"
                                  "[parameters]\na = 10 1 normal sd 2\n"
                                  "[covariates]\ntreated 1 locf default 0\n"
                                  "GENE 1 default 0\n"
                                  "[equations]\ny = a + treated + 5*GENE\n"
                                  "[observations]\nseen : y ~ add(1)\n"
                                  "[outcomes]\nvalue = end(y)\n"
                                  "never = first(y > 14)\n"
                                  "daily = mean(y) per 1 h\n";
static const char area_text[] = "model area version 1\ntime h\n"
                                "[parameters]\n"
                                "CL = 5 L/h (0.1, 100) lognormal sd 0.4\n"
                                "V = 10 L (1, 100) lognormal sd 0.3\n"
                                "[doses]\niv -> A mg\n"
                                "[equations]\nd/dt(A) = -CL/V*A\nC = A/V\n"
                                "[observations]\nlevel : C ~ prop(0.1)\n"
                                "[outcomes]\nAUC = auc(C) unit mg*h/L\n";

struct asked {
    const char *arms[32]; /* until NULL */
    size_t patients, trials, of, threads;
    enum trial_endpoint endpoint;
    double visits[8];
    size_t visit_count;
    double dropout, until;
    uint64_t seed;
    const struct cohort_covariate *covariates;
};

static struct model *parse(const char *text)
{
    struct model *model;
    assert_ok(model_parse(text, strlen(text), "m", &model));
    return model;
}

static enum err run(const struct model *model, const struct asked *asked,
                    struct trial *trial)
{
    static const struct cohort_covariate nothing[MODEL_COVARIATES_MAX];
    struct arms arms = {0};
    struct record *doses = record_new("cohort", "h");
    const double times[] = {0, asked->until};
    const bool observed[8] = {false};
    for (size_t i = 0; asked->arms[i]; i++)
        assert_ok(arms_add(&arms, model, asked->arms[i]));
    const struct cohort_design cohort = {
        .patients = asked->patients,
        .doses = doses,
        .times = times,
        .time_count = 2,
        .observed = observed,
        .covariates = asked->covariates ? asked->covariates : nothing,
        .seed = asked->seed,
        .plausible = true,
    };
    const struct trial_design design = {
        .cohort = &cohort,
        .arms = &arms,
        .endpoint = asked->endpoint,
        .of = asked->of,
        .visits = asked->visits,
        .visit_count = asked->visit_count,
        .trials = asked->trials,
        .dropout = asked->dropout,
        .threads = asked->threads,
    };
    enum err err = trial_run(model, &design, trial);
    arms_free(&arms);
    record_destroy(&doses);
    return err;
}

/* Common random numbers: what is the same for everybody differs by nothing at all. */
static void trial__arms_that_are_alike_do_not_differ(void **state)
{
    (void)state;
    struct model *model = parse(area_text);
    struct trial trial;
    const struct asked asked = {.arms = {"a: iv 100 mg @ 0 h", "b: iv 100 mg @ 0 h"},
                                .patients = 600,
                                .trials = 1,
                                .until = 24,
                                .seed = 3};
    assert_ok(run(model, &asked, &trial));
    assert_int_equal(trial.differences[1].pairs, 600);
    assert_true(trial.differences[1].paired == 0 && trial.differences[1].paired_se == 0);
    assert_true(trial.means[0].mean == trial.means[1].mean && trial.means[0].sd > 1);
    assert_true(trial.differences[1].difference != 0); /* other patients */
    assert_int_equal(trial.differences[1].patients, 300);
    assert_int_equal(trial.differences[1].others, 300);
    model_destroy(&model);
}

/* AUC = dose/CL, so that a dose 1.5 times as large has an area 1.5 times as large in
 * everybody; and over patients 100 mg give 20 mg*h/L exp(0.4^2/2) on average. */
static void trial__areas_are_dose_over_clearance(void **state)
{
    (void)state;
    struct model *model = parse(area_text);
    struct trial trial;
    const struct asked asked = {
        .arms = {"a: iv 100 mg @ 0 h", "b: iv 150 mg @ 0 h", "c: iv 0.1 g @ 0 h; CL=5"},
        .patients = 4000,
        .trials = 1,
        .until = 500,
        .seed = 3};
    assert_ok(run(model, &asked, &trial));
    assert_true(trial.from == 0 && trial.until == 500);
    assert_relative(trial.means[1].mean, 1.5 * trial.means[0].mean, 1e-7);
    assert_relative(trial.means[1].sd, 1.5 * trial.means[0].sd, 1e-7);
    assert_relative(trial.differences[1].paired, 0.5 * trial.means[0].mean, 1e-7);
    assert_relative(trial.differences[1].paired_se, 0.5 * trial.means[0].sd / sqrt(4000),
                    1e-7);
    assert_near(trial.means[0].mean, 20 * exp(0.08), 4 * trial.means[0].sd / sqrt(4000));
    assert_relative(trial.means[2].mean, 20.0, 1e-7); /* everybody's clearance is 5 L/h */
    assert_near(trial.means[2].sd, 0, 1e-6);
    model_destroy(&model);
}

/* 4,000 trials of 12 in which nothing happens: one in twenty says that something did,
 * also when they are so small that a normal quantile in place of t's made it 8 %. */
static void trial__cries_wolf_one_time_in_twenty(void **state)
{
    (void)state;
    struct model *model = parse(normal_text);
    struct trial trial;
    const struct asked asked = {.arms = {"a:", "b: treated=0"},
                                .patients = 12,
                                .trials = 4000,
                                .until = 1,
                                .seed = 5};
    assert_ok(run(model, &asked, &trial));
    double share = (double)trial.differences[1].significant / 4000;
    print_message("type-I error %.4f\n", share);
    assert_near(share, 0.05, 0.01);
    model_destroy(&model);
}

/* An effect of one standard deviation, 17 in each arm: a t test at 5 % finds it 80.7
 * times in 100 (noncentral t of 32 degrees around sqrt(17/2); Cohen 1988 has 17 for
 * 0.80). 3,000 trials: a standard error of 0.72 %. Nobody's difference in both arms is
 * other than that effect. */
static void trial__power_is_that_of_theory(void **state)
{
    (void)state;
    struct model *model = parse(normal_text);
    struct trial trial;
    const struct asked asked = {.arms = {"control:", "treated: treated=2"},
                                .patients = 34,
                                .trials = 3000,
                                .until = 1,
                                .seed = 5};
    assert_ok(run(model, &asked, &trial));
    double share = (double)trial.differences[1].significant / 3000;
    print_message("power %.4f\n", share);
    assert_near(share, 0.807, 3 * 0.0072);
    assert_near(trial.differences[1].paired, 2, 1e-12);
    assert_near(trial.differences[1].paired_se, 0, 1e-12);
    model_destroy(&model);
}

/* Half leave until the end, whatever their arm, and nobody else is anybody else. */
static void trial__whoever_leaves_counts_in_no_trial(void **state)
{
    (void)state;
    struct model *model = parse(normal_text);
    struct trial all, some;
    struct asked asked = {.arms = {"a:", "b: treated=2"},
                          .patients = 4000,
                          .trials = 1,
                          .until = 10,
                          .seed = 5};
    assert_ok(run(model, &asked, &all));
    asked.dropout = log(2) / 10;
    assert_ok(run(model, &asked, &some));
    assert_memory_equal(all.means, some.means, sizeof all.means);
    assert_int_equal(all.differences[1].patients, 2000);
    assert_near((double)some.differences[1].patients, 1000, 4 * sqrt(500));
    assert_near((double)some.differences[1].others, 1000, 4 * sqrt(500));
    assert_near(some.differences[1].difference, 2, 4 * sqrt(4. / 1000 + 4. / 1000));
    assert_true(some.differences[1].low < 2 && some.differences[1].high > 2);
    model_destroy(&model);
}

/* What never happens is no value. GENE has two alleles of a frequency of 0.3. */
static void trial__tells_who_has_no_value_and_whom_nobody_thought_of(void **state)
{
    (void)state;
    struct model *model = parse(normal_text);
    struct trial trial;
    const struct cohort_covariate covariates[] = {{COHORT_FIXED, 0, 0, 0},
                                                  {COHORT_BINOMIAL, 2, 0.3, 0}};
    const struct asked asked = {
        .arms = {"a:", "b if GENE=0: treated=100", "b if GENE=2: treated=100"},
        .patients = 4000,
        .trials = 1,
        .of = 1,
        .until = 1,
        .seed = 5,
        .covariates = covariates};
    assert_ok(run(model, &asked, &trial));
    /* Phi(-2) of those without the allele, Phi(1/2) of those with one, Phi(3) with two */
    double expected = 0.49 * 0.02275 + 0.42 * 0.69146 + 0.09 * 0.99865;
    assert_near((double)trial.means[0].patients / 4000, expected,
                4 * sqrt(expected * (1 - expected) / 4000));
    assert_near((double)trial.means[1].met / 4000, 0.58, 4 * sqrt(0.58 * 0.42 / 4000));
    assert_int_equal(trial.means[0].met, 4000);
    assert_true(trial.means[1].patients >= trial.means[1].met);
    model_destroy(&model);
}

static void trial__is_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    struct model *model = parse(area_text);
    struct trial trials[3];
    static const size_t threads[] = {1, 3, 8};
    for (size_t i = 0; i < 3; i++) {
        struct asked asked = {.arms = {"a: iv 100 mg @ 0 h", "b: iv 150 mg @ 0 h"},
                              .patients = 70,
                              .trials = 10,
                              .until = 24,
                              .seed = 3,
                              .threads = threads[i]};
        assert_ok(run(model, &asked, &trials[i]));
        assert_memory_equal(&trials[i], &trials[0], sizeof trials[0]);
    }
    model_destroy(&model);
}

/* Doses a day in steps of half a milligram that keep the INR at 2.5 on average, by VKORC1
 * and CYP2C9 (the model's `weekly` at 71 years), against 5 mg for everybody: what that
 * does to the time with an INR of 2 to 3 in four weeks. Genes as `drawn` says. */
static void run_warfarin(const char *const drawn[3], size_t patients, struct trial *trial)
{
    static const double daily[6][3] = {
        /* CYP2C9 11, 12, 13, 22, 23, 33; VKORC1 GG, GA, AA */
        {7.5, 5.5, 3.5}, {6, 4.5, 2.5}, {5, 3.5, 2}, {4, 3, 2}, {3, 2, 1.5}, {2, 1.5, 1}};
    static const int variants[6][2] = {{0, 0}, {1, 0}, {0, 1}, {2, 0}, {1, 1}, {0, 2}};
    struct bytes text = {0};
    struct asked asked = {.patients = patients, .trials = 1, .until = 672, .seed = 1};
    struct cohort_covariate covariates[MODEL_COVARIATES_MAX];
    char lines[18][120];
    assert_ok(library_read("genes/warfarin_inr", &text));
    char *source = mem_text_n((const char *)text.data, text.size);
    struct model *model = parse(source);
    for (size_t c = 0; c < model_covariates(model); c++)
        covariates[c] =
            (struct cohort_covariate){.a = model_covariate(model, c)->default_value};
    for (size_t i = 0; i < 3; i++) {
        struct cohort_covariate one;
        size_t index;
        assert_ok(cohort_covariate(model, drawn[i], &index, &one));
        covariates[index] = one;
    }
    asked.covariates = covariates;
    asked.arms[0] = "fixed: warfarin 5 mg @ 0 h every 24 h 28 times";
    for (size_t i = 0; i < 18; i++) {
        snprintf(lines[i], sizeof lines[i],
                 "guided if CYP2=%d and CYP3=%d and VKA=%zu: "
                 "warfarin %g mg @ 0 h every 24 h 28 times",
                 variants[i / 3][0], variants[i / 3][1], i % 3, daily[i / 3][i % 3]);
        asked.arms[i + 1] = lines[i];
    }
    while (strcmp(model_outcome(model, asked.of)->name, "in_range") != 0)
        asked.of++;
    assert_ok(run(model, &asked, trial));
    const struct trial_difference *d = &trial->differences[1];
    print_message("in range: %.1f %% and %.1f %%, %+.2f (%.2f)\n", trial->means[0].mean,
                  trial->means[1].mean, d->paired, d->paired_se);
    assert_int_equal(trial->means[1].met, patients); /* every genotype has a dose */
    model_destroy(&model);
    mem_free(source);
    bytes_free(&text);
}

/* Two sensitive VKORC1 alleles and one slow CYP2C9: 5 mg are far too much. */
static void trial__genotypes_shift_time_in_range(void **state)
{
    (void)state;
    static const char *const drawn[] = {"VKA 2", "CYP2 0", "CYP3 1"};
    struct trial trial;
    run_warfarin(drawn, 100, &trial);
    assert_true(trial.differences[1].paired > 4 * trial.differences[1].paired_se);
    assert_true(trial.differences[1].p < 0.01);
}

/* Everybody, of European gene frequencies: VKORC1 A 0.39, CYP2C9 *2 0.12 and *3 0.07.
 * What genes do not explain, a standard deviation of 0.54 of the logarithm of the dose
 * that is needed, is much more than what they do. */
static void trial__genotypes_shift_time_in_range_of_everybody(void **state)
{
    (void)state;
    static const char *const drawn[] = {"VKA binomial 2 0.39", "CYP2 binomial 2 0.12",
                                        "CYP3 binomial 2-CYP2 0.0795"};
    struct trial trial;
    run_warfarin(drawn, 3000, &trial);
    assert_true(trial.differences[1].paired > 4 * trial.differences[1].paired_se);
}

/* y has a standard deviation of 2, what is read of it an error of 1: a reading has the
 * root of 5, a change from one visit to another the root of 2 and nothing of the person.
 * An effect of 2 is found by 71.53 of 100 trials with 17 in each arm (noncentral t), not
 * by the 80.7 of the truth. */
static void trial__readings_have_errors(void **state)
{
    (void)state;
    struct model *model = parse(normal_text);
    struct trial trial;
    struct asked asked = {.arms = {"control:", "treated: treated=2"},
                          .patients = 34,
                          .trials = 3000,
                          .until = 1,
                          .seed = 5,
                          .endpoint = TRIAL_READING,
                          .visits = {0.25, 1},
                          .visit_count = 2};
    assert_ok(run(model, &asked, &trial));
    double count = 34 * 3000, share = (double)trial.differences[1].significant / 3000;
    print_message("power %.4f, sd %.4f\n", share, trial.means[0].sd);
    assert_near(share, 0.7153, 3 * 0.0082);
    assert_near(trial.means[0].mean, 10, 4 * sqrt(5 / count));
    assert_near(trial.means[0].sd, sqrt(5), 4 * sqrt(5 / (2 * count)));
    assert_near(trial.differences[1].paired, 2, 1e-9); /* errors are the same */
    asked.endpoint = TRIAL_CHANGE;
    assert_ok(run(model, &asked, &trial));
    assert_near(trial.means[0].mean, 0, 4 * sqrt(2 / count));
    assert_near(trial.means[0].sd, sqrt(2), 4 * sqrt(2 / (2 * count)));
    model_destroy(&model);
}

/* Who reads below 10 gets one more: half of them do, and those are low, so that y then
 * has the variance 4 + 1/4 - 2 phi(0) 4/sqrt(5). A second visit sees what the first has
 * done: who is read low twice gets two. */
static void trial__rules_go_by_readings(void **state)
{
    (void)state;
    struct model *model = parse(normal_text);
    struct trial trial;
    struct asked asked = {.arms = {"a:", "b: treated + 1 if seen<10"},
                          .patients = 6000,
                          .trials = 1,
                          .until = 1,
                          .seed = 5,
                          .visits = {0.5},
                          .visit_count = 1};
    assert_ok(run(model, &asked, &trial));
    double variance = 4.25 - 8 * 0.3989422804014327 / sqrt(5);
    print_message("by a rule %.4f, sd %.4f\n", trial.means[1].mean, trial.means[1].sd);
    assert_near(trial.means[1].mean, 10.5, 4 * sqrt(variance / 6000));
    assert_near(trial.means[1].sd, sqrt(variance), 0.06);
    assert_near((double)trial.means[1].changed / 6000, 0.5, 4 * sqrt(0.25 / 6000));
    assert_near(trial.differences[1].paired, (double)trial.means[1].changed / 6000, 1e-9);
    assert_int_equal(trial.means[0].changed, 0);
    /* Integrated over y apart. */
    asked.visits[1] = 0.75;
    asked.visit_count = 2;
    assert_ok(run(model, &asked, &trial));
    assert_near(trial.differences[1].paired, 0.89405, 4 * sqrt(0.7 / 6000));
    model_destroy(&model);
}

/* Doses of 100 mg at 0, 24, 48 and 72 h, halved at 24 and 48: 100, 50, 25 and 25 mg, as a
 * visit comes before the dose of its time. */
static void trial__a_visit_comes_before_the_dose(void **state)
{
    (void)state;
    struct model *model = parse(area_text);
    struct trial trial;
    struct asked asked = {
        .arms = {"a: iv 200 mg @ 0 h",
                 "b: iv 100 mg @ 0 h every 24 h 4 times; iv * 0.5 if level>0",
                 /* 50 L/h and 10 L: nothing is left of a dose after a day */
                 "c: CL=50; V=10; iv 100 mg @ 0 h every 24 h 4 times; iv * 0.5 if "
                 "level>1"},
        .patients = 60,
        .trials = 1,
        .until = 2000,
        .seed = 3,
        .visits = {24, 48},
        .visit_count = 2};
    assert_ok(run(model, &asked, &trial));
    assert_relative(trial.means[1].mean, trial.means[0].mean, 1e-7);
    assert_near(trial.differences[1].paired_se, 0, 1e-6);
    assert_int_equal(trial.means[1].changed, 60);
    assert_int_equal(trial.means[2].changed, 0);
    assert_relative(trial.means[2].mean, 400.0 / 50, 1e-7);
    model_destroy(&model);
}

/* Arms with the same rules differ by nothing, on any threads, and who gets doses by INR
 * is longer in range than who gets what everybody gets. */
static void trial__by_inr_is_better_than_by_habit(void **state)
{
    (void)state;
    struct bytes text = {0};
    struct trial trials[2];
    assert_ok(library_read("genes/warfarin_inr", &text));
    char *source = mem_text_n((const char *)text.data, text.size);
    struct model *model = parse(source);
    struct cohort_covariate covariates[MODEL_COVARIATES_MAX];
    struct asked asked = {
        .arms = {"fixed: warfarin 5 mg @ 0 h every 24 h 28 times",
                 "by INR: warfarin 5 mg @ 0 h every 24 h 28 times; warfarin * 1.2 if "
                 "INR<2; warfarin * 0.8 if INR>3",
                 "again: warfarin 5 mg @ 0 h every 24 h 28 times; warfarin * 1.2 if "
                 "INR<2; warfarin * 0.8 if INR>3"},
        .patients = 21,
        .trials = 1,
        .until = 672,
        .seed = 1,
        .covariates = covariates,
        .visits = {72, 168, 264, 360, 456, 552},
        .visit_count = 6};
    for (size_t c = 0; c < model_covariates(model); c++)
        covariates[c] =
            (struct cohort_covariate){.a = model_covariate(model, c)->default_value};
    while (strcmp(model_outcome(model, asked.of)->name, "in_range_late") != 0)
        asked.of++;
    for (size_t i = 0; i < 2; i++) {
        asked.threads = 1 + 2 * i;
        assert_ok(run(model, &asked, &trials[i]));
    }
    const struct trial_difference *d = trials[0].differences;
    print_message("by INR: %+.1f (%.1f)\n", d[1].paired, d[1].paired_se);
    assert_true(d[1].paired > 3 * d[1].paired_se);
    assert_true(d[2].paired == d[1].paired && trials[0].means[1].sd > 0);
    assert_memory_equal(&trials[0], &trials[1], sizeof trials[0]);
    model_destroy(&model);
    mem_free(source);
    bytes_free(&text);
}

static void trial__refuses_what_makes_no_sense(void **state)
{
    (void)state;
    struct model *model = parse(normal_text);
    struct trial trial;
    struct asked asked = {.arms = {"a:"}, .patients = 8, .trials = 1, .until = 2};
    assert_refused(ERR_USAGE, "two arms or more, not 1", run(model, &asked, &trial));
    asked.arms[1] = "b: treated=1";
    asked.of = 2;
    assert_refused(ERR_USAGE, "daily has a value for every period",
                   run(model, &asked, &trial));
    asked.of = 0;
    asked.patients = 3;
    assert_refused(ERR_RANGE, "fewer than two for each arm", run(model, &asked, &trial));
    asked.patients = 8;
    asked.until = 0;
    assert_refused(ERR_USAGE, "a beginning and an end", run(model, &asked, &trial));
    asked.until = 2;
    asked.trials = TRIAL_PATIENTS_MAX;
    assert_refused(ERR_RANGE, "more than", run(model, &asked, &trial));
    asked.trials = 1;
    asked.arms[1] = "b: treated = 1 if seen<10";
    assert_refused(ERR_USAGE, "arm b has rules for visits, and nobody is seen",
                   run(model, &asked, &trial));
    asked.arms[1] = "b: treated=1";
    asked.endpoint = TRIAL_READING;
    assert_refused(ERR_USAGE, "nobody is seen", run(model, &asked, &trial));
    asked.visits[0] = 3;
    asked.visit_count = 1;
    assert_refused(ERR_USAGE, "a visit at 3 is not between 0 and 2 h",
                   run(model, &asked, &trial));
    asked.visits[0] = 1;
    asked.endpoint = TRIAL_CHANGE;
    assert_refused(ERR_USAGE, "from a first visit to a last", run(model, &asked, &trial));
    model_destroy(&model);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trial__arms_that_are_alike_do_not_differ),
        cmocka_unit_test(trial__areas_are_dose_over_clearance),
        cmocka_unit_test(trial__cries_wolf_one_time_in_twenty),
        cmocka_unit_test(trial__power_is_that_of_theory),
        cmocka_unit_test(trial__whoever_leaves_counts_in_no_trial),
        cmocka_unit_test(trial__tells_who_has_no_value_and_whom_nobody_thought_of),
        cmocka_unit_test(trial__is_the_same_for_any_number_of_threads),
        cmocka_unit_test(trial__genotypes_shift_time_in_range),
        cmocka_unit_test(trial__readings_have_errors),
        cmocka_unit_test(trial__rules_go_by_readings),
        cmocka_unit_test(trial__a_visit_comes_before_the_dose),
        cmocka_unit_test(trial__by_inr_is_better_than_by_habit),
        cmocka_unit_test(trial__refuses_what_makes_no_sense),
    };
    const struct CMUnitTest long_tests[] = {
        cmocka_unit_test(trial__genotypes_shift_time_in_range_of_everybody),
    };
    if (count == 2 && strcmp(arguments[1], "nightly") == 0)
        return cmocka_run_group_tests(long_tests, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
