#include "check.h"

#include <unistd.h>

#include "base/memory.h"
#include "sim/estimate.h"

#define THEOPH SOURCE_DIR "/tests/data/theoph/"
#define OXBOYS SOURCE_DIR "/tests/data/oxboys/"
#define NAFLD SOURCE_DIR "/tests/data/nafld_bp/"
#define SHARED SOURCE_DIR "/../shared/data/"

static const char boys_text[] = "model boys version 1 \"t\"\n"
                                "time a\n"
                                "[parameters]\n"
                                "level = 150 cm normal sd 10\n"
                                "slope = 6 cm normal sd 2\n"
                                "[population]\n"
                                "correlated level, slope\n"
                                "[equations]\n"
                                "f = level + slope*time/(1 a)\n"
                                "[observations]\n"
                                "height : f ~ add(1 cm)\n";

static const char emax_text[] = "model emax version 1 \"t\"\n"
                                "time h\n"
                                "[parameters]\n"
                                "E0 = 20 1 (0.1, 1000) lognormal sd 0.4\n"
                                "Emax = 100 1 (0.1, 10000) lognormal sd 0.5\n"
                                "EC50 = 12 mg (0.01, 1000) lognormal sd 0.3\n"
                                "[population]\n"
                                "correlated Emax, EC50\n"
                                "[covariates]\n"
                                "DOSE mg locf\n"
                                "[equations]\n"
                                "f = E0 + Emax*DOSE/(EC50 + DOSE)\n"
                                "[observations]\n"
                                "effect : f ~ add(5)\n";

static struct model *load(const char *name)
{
    struct model *model;
    char *path = mem_format("%s/models/%s", SOURCE_DIR, name);
    assert_ok(model_load(path, &model));
    mem_free(path);
    return model;
}

static struct model *parse(const char *text)
{
    struct model *model;
    assert_ok(model_parse(text, strlen(text), "text", &model));
    return model;
}

static struct dataset *table(const struct model *model, const char *path)
{
    struct dataset *dataset;
    assert_ok(dataset_read(path, NULL, model, &dataset));
    return dataset;
}

static const struct estimate_watch nobody;

static struct estimate_options options(uint32_t rounds)
{
    return (struct estimate_options){
        .delta = 1e-6, .rounds = rounds, .start_factor = 1, .threads = 1};
}

/* The whole prior as bytes: what "the same" means here. */
static struct bytes fingerprint(const struct estimate *e)
{
    struct bytes bytes = {0};
    prior_write(e->prior, &bytes);
    bytes_f64(&bytes, e->minus2_log_likelihood);
    return bytes;
}

static size_t *by_label(const struct dataset *dataset, const char *path,
                        const char *column, size_t *hospitals)
{
    char **labels;
    size_t count = dataset_patients(dataset), *hospital = calloc(count, sizeof *hospital);
    assert_ok(dataset_labels(dataset, path, column, &labels));
    *hospitals = 0;
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        while (strcmp(labels[first], labels[i]) != 0)
            first++;
        hospital[i] = first == i ? (*hospitals)++ : hospital[first];
    }
    for (size_t i = 0; i < count; i++)
        mem_free(labels[i]);
    mem_free(labels);
    return hospital;
}

/* Every split, and every number of threads, gives the pooled bits after the same rounds.
 */
static void splits_change_no_bit(const struct model *model, const char *data,
                                 const char *hospitals_path, const char *const *columns,
                                 uint32_t rounds)
{
    struct dataset *dataset = table(model, data);
    size_t count = dataset_patients(dataset), hospitals;
    size_t *alone = calloc(count, sizeof *alone);
    struct estimate_options o = options(rounds);
    struct estimate e;
    assert_ok(estimate_run(model, dataset, alone, 1, &o, &nobody, &e));
    struct bytes pooled = fingerprint(&e);
    estimate_clear(&e);
    for (size_t i = 0; columns[i]; i++) {
        size_t *hospital = by_label(dataset, hospitals_path, columns[i], &hospitals);
        o.threads = i + 1;
        assert_true(hospitals > 1);
        assert_ok(estimate_run(model, dataset, hospital, hospitals, &o, &nobody, &e));
        struct bytes split = fingerprint(&e);
        assert_int_equal(split.size, pooled.size);
        assert_memory_equal(split.data, pooled.data, pooled.size);
        bytes_free(&split);
        estimate_clear(&e);
        free(hospital);
    }
    bytes_free(&pooled);
    dataset_destroy(&dataset);
    free(alone);
}

static void estimate__any_split_gives_the_pooled_bits(void **state)
{
    (void)state;
    static const char *const all[] = {"H_EQUAL", "H_SKEW", "H_UNBAL", NULL};
    static const char *const people[] = {"H_UNBAL", "H_SKEW", NULL};
    struct model *theophylline = load("drugs/theophylline.twin"),
                 *pressure = load("prevention/blood_pressure.twin"),
                 *boys = parse(boys_text);
    splits_change_no_bit(theophylline, THEOPH "data.csv", THEOPH "hospitals.csv", all, 2);
    splits_change_no_bit(pressure, NAFLD "data.csv", NAFLD "hospitals.csv", people, 3);
    splits_change_no_bit(boys, OXBOYS "data.csv", OXBOYS "hospitals.csv", all, 8);
    model_destroy(&theophylline);
    model_destroy(&pressure);
    model_destroy(&boys);
}

/* The same patients in another order of the file. */
static void estimate__the_order_of_patients_changes_no_bit(void **state)
{
    (void)state;
    char forth[] = "/tmp/estimate_XXXXXX", back[] = "/tmp/estimate_XXXXXX";
    FILE *a = fdopen(mkstemp(forth), "w"), *b = fdopen(mkstemp(back), "w");
    fprintf(a, "ID,TIME,height\n"), fprintf(b, "ID,TIME,height\n");
    for (int i = 0; i < 20; i++)
        for (int j = 0; j < 4; j++) {
            int k = 19 - i;
            fprintf(a, "%d,%d,%d\n", i, j, 140 + i + (5 + i % 3) * j + (i * j) % 2);
            fprintf(b, "%d,%d,%d\n", k, j, 140 + k + (5 + k % 3) * j + (k * j) % 2);
        }
    fclose(a), fclose(b);
    struct model *model = parse(boys_text);
    size_t alone[20] = {0};
    struct estimate_options o = options(30);
    struct bytes print[2];
    for (size_t i = 0; i < 2; i++) {
        struct dataset *dataset = table(model, i ? back : forth);
        unlink(i ? back : forth);
        struct estimate e;
        assert_ok(estimate_run(model, dataset, alone, 1, &o, &nobody, &e));
        assert_true(e.converged);
        print[i] = fingerprint(&e);
        estimate_clear(&e);
        dataset_destroy(&dataset);
    }
    assert_memory_equal(print[0].data, print[1].data, print[0].size);
    bytes_free(&print[0]), bytes_free(&print[1]);
    model_destroy(&model);
}

static double effect(const struct estimate *e, size_t row, size_t column)
{
    return e->prior->effects[row * e->prior->k + column];
}

static double between_sd(const struct estimate *e, size_t row)
{
    return sqrt(e->prior->omega[row * e->prior->p + row]);
}

static struct estimate pooled_rounds(const struct model *model, const char *path,
                                     double factor, uint32_t rounds)
{
    struct dataset *dataset = table(model, path);
    size_t *alone = calloc(dataset_patients(dataset), sizeof *alone);
    struct estimate_options o = options(rounds);
    struct estimate e;
    o.start_factor = factor;
    o.threads = 0;
    assert_ok(estimate_run(model, dataset, alone, 1, &o, &nobody, &e));
    assert_false(e.last.laplace_doubtful);
    free(alone);
    dataset_destroy(&dataset);
    return e;
}

/* To the end, after eight rounds from a start off by a factor of 2 came within 0.1 of it.
 */
static struct estimate pooled(const struct model *model, const char *path)
{
    struct estimate early = pooled_rounds(model, path, 2, 8),
                    e = pooled_rounds(model, path, 1, ESTIMATE_ROUNDS_EXACT);
    assert_true(e.converged);
    assert_near(early.minus2_log_likelihood, e.minus2_log_likelihood, 0.1);
    estimate_clear(&early);
    return e;
}

/* nlme::lme, maximum likelihood (tests/data/README.md): linear, hence exact. -2 log L of
 * nafld_bp is of log SBP there, so the Jacobian 2 sum log SBP = 242193.08049890 is added.
 */
static void estimate__linear_models_reach_the_exact_likelihood(void **state)
{
    (void)state;
    struct model *model = parse(boys_text);
    struct estimate e = pooled(model, OXBOYS "data.csv");
    assert_near(e.minus2_log_likelihood, 725.9677, 1e-3);
    assert_relative(effect(&e, 0, 0), 149.37, 1e-4);
    assert_relative(effect(&e, 1, 0), 6.5255, 1e-4);
    assert_relative(between_sd(&e, 0), 7.924, 1e-3);
    assert_relative(between_sd(&e, 1), 1.6467, 1e-3);
    assert_relative(exp(e.prior->residual[0]), 0.65989, 1e-3);
    estimate_clear(&e);
    model_destroy(&model);

    model = load("prevention/blood_pressure.twin");
    e = pooled(model, NAFLD "data.csv");
    assert_near(e.minus2_log_likelihood, -2 * 12645.98901 + 242193.08049890, 2e-3);
    static const double effects[] = {4.881584,  0.049798,  -0.015661,
                                     -0.023604, -0.069320, -0.013731};
    for (size_t i = 0; i < 6; i++)
        assert_near(e.prior->effects[i], effects[i], 1e-4);
    assert_relative(between_sd(&e, 0), 0.092853, 1e-3);
    assert_relative(between_sd(&e, 1), 0.082560, 2e-3);
    assert_near(e.prior->omega[1] / (between_sd(&e, 0) * between_sd(&e, 1)), 0.352, 2e-3);
    assert_relative(exp(e.prior->residual[0]), 0.125954, 1e-4);
    estimate_clear(&e);
    model_destroy(&model);
}

/* nlmixr2, FOCEI, additive error: OBJF 116.80, -2 log L 359.4037. */
static void estimate__theophylline_reaches_the_published_fit(void **state)
{
    (void)state;
    struct model *model = load("drugs/theophylline.twin");
    struct estimate e = pooled(model, THEOPH "data.csv");
    assert_near(e.minus2_log_likelihood, 359.4037, 0.01);
    static const double logs[] = {0.46298, 1.0114, 3.4595},
                        sds[] = {0.6343, 0.2631, 0.13874};
    for (size_t i = 0; i < 3; i++) {
        assert_near(effect(&e, i, 0), logs[i], 0.01);
        assert_relative(between_sd(&e, i), sds[i], 0.01);
    }
    assert_relative(exp(e.prior->residual[0]), 0.69362, 0.01);
    assert_int_equal(e.measurements, 132);
    assert_int_equal(e.failed, 0);
    estimate_clear(&e);
    model_destroy(&model);
}

/* saemix, -2 log L by importance sampling (its own error is about 0.5): Laplace has to
 * come within a unit of it. */
static void estimate__emax_agrees_with_importance_sampling(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        double reference;
    } trials[] = {{SHARED "pd_emax/data_PD1.csv", 2465.6858},
                  {SHARED "pd_emax/data_PD2.csv", 2397.3847}};
    struct model *model = parse(emax_text);
    for (size_t i = 0; i < 2; i++) {
        if (access(trials[i].path, R_OK) != 0) {
            print_message("%s is not here: not fitted\n", trials[i].path);
            continue;
        }
        struct estimate e = pooled(model, trials[i].path);
        assert_true(e.minus2_log_likelihood < trials[i].reference + 1);
        estimate_clear(&e);
    }
    model_destroy(&model);
}

static void count_backward(void *context, uint32_t round, double multiplier,
                           const struct learn_report *report)
{
    (void)round, (void)multiplier;
    *(size_t *)context += report->stepped_back;
}

/* Sparse answers, where steps often go wrong: however many rounds there are, more of them
 * never give a worse prior, and the stated likelihood is the returned prior's. */
static void estimate__returns_the_best_of_its_rounds(void **state)
{
    (void)state;
    char path[] = "/tmp/estimate_XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fprintf(file, "ID,TIME,well\n");
    for (int i = 0; i < 200; i++) /* 110 never yes, 17 once, 13 twice, 60 always */
        for (int j = 0; j < 3; j++)
            fprintf(file, "%d,%d,%d\n", i, j, j < (i >= 110) + (i >= 127) + (i >= 140));
    fclose(file);
    struct model *model = parse("model answers version 1 \"t\"\ntime mo\n[parameters]\n"
                                "level = -2 1 normal sd 5\n"
                                "[equations]\np = expit(level)\n"
                                "[observations]\nwell : p ~ bernoulli\n");
    struct dataset *dataset = table(model, path);
    unlink(path); /* read, and gone whatever fails below */
    size_t alone[200] = {0}, backward = 0;
    double before = INFINITY;
    for (uint32_t rounds = 1; rounds <= 12; rounds++) {
        struct estimate_options o = options(rounds);
        struct estimate_watch watch = {.learned = count_backward, .context = &backward};
        struct estimate e;
        o.start_factor = 2;
        assert_ok(estimate_run(model, dataset, alone, 1, &o, &watch, &e));
        assert_true(e.minus2_log_likelihood <= before + LEARN_TOLERANCE);
        before = e.minus2_log_likelihood;
        estimate_clear(&e);
    }
    assert_true(backward > 0);
    dataset_destroy(&dataset);
    model_destroy(&model);
}

/* Nothing differs between patients: the likelihood is that of least squares over all
 * readings. */
static void estimate__without_differences_is_least_squares(void **state)
{
    (void)state;
    struct model *model = parse("model same version 1 \"t\"\ntime a\n[parameters]\n"
                                "level = 75 cm (-999, 999) estimated\n"
                                "slope = 13 cm (-99, 99) estimated\n"
                                "[equations]\nf = level + slope*time/(1 a)\n"
                                "[observations]\nheight : f ~ add(1 cm)\n");
    struct dataset *dataset = table(model, OXBOYS "data.csv");
    size_t alone[26] = {0};
    struct estimate_options o = options(30);
    struct estimate e;
    assert_ok(estimate_run(model, dataset, alone, 1, &o, &nobody, &e));
    assert_true(e.converged);
    double n = 0, t = 0, y = 0, tt = 0, ty = 0, yy = 0;
    for (size_t i = 0; i < dataset_patients(dataset); i++) {
        const struct record *record = dataset_record(dataset, i);
        for (size_t j = 0; j < record->measurement_count; j++) {
            const struct record_measurement *one = &record->measurements[j];
            n++;
            t += one->time;
            y += one->value;
            tt += one->time * one->time;
            ty += one->time * one->value;
            yy += one->value * one->value;
        }
    }
    double slope = (ty - t * y / n) / (tt - t * t / n), level = (y - slope * t) / n;
    double variance = (yy - level * y - slope * ty) / n;
    assert_relative(e.prior->population[0], level, 1e-4);
    assert_relative(e.prior->population[1], slope, 1e-3);
    assert_relative(e.minus2_log_likelihood, n * (log(2 * M_PI * variance) + 1), 1e-6);
    estimate_clear(&e);
    dataset_destroy(&dataset);
    model_destroy(&model);
}

/* A table of a few people's heights, and what becomes of its fit. */
static struct estimate fit_table(const char *text, const char *rows)
{
    char path[] = "/tmp/estimate_XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fprintf(file, "ID,TIME,height\n%s", rows);
    fclose(file);
    struct model *model = parse(text);
    struct dataset *dataset = table(model, path);
    unlink(path); /* read, and gone whatever fails below */
    size_t alone[8] = {0};
    struct estimate_options o = options(30);
    struct estimate e;
    assert_ok(estimate_run(model, dataset, alone, 1, &o, &nobody, &e));
    assert_true(isfinite(e.minus2_log_likelihood) == (e.failed < e.patients));
    dataset_destroy(&dataset);
    model_destroy(&model);
    return e;
}

/* Records from which little or nothing can be learned: an end before the last round, and
 * a plain sentence where there is no fit. */
static void estimate__poor_records_end_in_a_sentence(void **state)
{
    (void)state;
    struct estimate e =
        fit_table(boys_text, "1,0,150\n1,1,156\n1,2,162\n"); /* one patient */
    assert_int_equal(e.rounds, 1);
    assert_string_equal(e.last.reason, "too few patients to learn from");
    assert_false(e.converged);
    estimate_clear(&e);
    e = fit_table(boys_text, "1,0,150\n2,0,155\n3,0,149\n4,0,160\n"); /* one value each */
    assert_true(e.converged);
    estimate_clear(&e);
    e = fit_table(boys_text, "1,0,150\n2,0,155\n"); /* two values */
    assert_true(e.converged);
    estimate_clear(&e);
    e = fit_table(boys_text, "1,0,150\n1,1,156\n1,2,162\n2,0,140\n2,1,147\n2,2,154\n"
                             "3,0,145\n3,1,150\n3,2,155\n"); /* on their lines exactly */
    assert_false(e.converged);
    assert_non_null(strstr(e.last.reason, "goes to nothing"));
    assert_true(e.rounds < 30);
    estimate_clear(&e);
    e = fit_table("model bad version 1 \"t\"\ntime a\n[parameters]\n"
                  "a = 2 1 (0.01, 9) lognormal sd 0.3\n"
                  "[equations]\nf = ln(a - 9*time/(1 a))\n"
                  "[observations]\nheight : f ~ add(1 1)\n",
                  "1,1,150\n2,1,155\n3,1,149\n"); /* cannot be evaluated */
    assert_int_equal(e.failed, 3);
    assert_false(e.converged);
    assert_string_equal(e.last.reason, "no patient could be fitted");
    estimate_clear(&e);
}

/* P(privacy loss above epsilon) of Gaussian noise, by the closed form of Balle and Wang.
 */
static double delta_of(double mu, double epsilon)
{
    double a = -epsilon / mu + mu / 2, b = -epsilon / mu - mu / 2;
    return erfc(-a / sqrt(2)) / 2 - exp(epsilon) * erfc(-b / sqrt(2)) / 2;
}

static void estimate__noise_costs_what_equal_rounds_would(void **state)
{
    (void)state;
    struct model *model = load("prevention/blood_pressure.twin");
    struct dataset *dataset = table(model, NAFLD "data.csv");
    size_t hospitals,
        *hospital = by_label(dataset, NAFLD "hospitals.csv", "H_UNBAL", &hospitals);
    struct estimate_options o = options(4);
    struct estimate a, b, c;
    o.noise_multiplier = 2;
    o.seed = 1;
    o.threads = 0;
    assert_ok(estimate_run(model, dataset, hospital, hospitals, &o, &nobody, &a));
    assert_int_equal(a.rounds, 4);
    assert_relative(a.mu, sqrt(4) / 2, 1e-9);
    assert_relative(delta_of(a.mu, a.epsilon), 1e-6, 1e-3);
    /* Geometric shares: the last of four rounds has 0.4 / (1 - 0.6^4) of mu^2, and the
     * noise of five hospitals adds up. */
    assert_relative(a.noise_stddev, sqrt(5 * (1 - pow(0.6, 4)) / 0.4), 1e-9);
    assert_ok(estimate_run(model, dataset, hospital, hospitals, &o, &nobody, &b));
    o.seed = 2;
    assert_ok(estimate_run(model, dataset, hospital, hospitals, &o, &nobody, &c));
    struct bytes first = fingerprint(&a), same = fingerprint(&b), other = fingerprint(&c);
    assert_memory_equal(first.data, same.data, first.size);
    assert_memory_not_equal(first.data, other.data, first.size);
    /* Thousands of people and an epsilon of about 5: near the pooled fit, and the exact
     * likelihood says how near. */
    assert_near(effect(&a, 0, 0), 4.8816, 0.015);
    assert_true(a.minus2_log_likelihood > 216901.1);
    assert_true(a.minus2_log_likelihood < 216901.1 + 1000);
    bytes_free(&first), bytes_free(&same), bytes_free(&other);
    estimate_clear(&a), estimate_clear(&b), estimate_clear(&c);
    free(hospital);
    dataset_destroy(&dataset);
    model_destroy(&model);
}

static bool at_once(void *context)
{
    return ++*(size_t *)context > 30;
}

/* Numbers far too large for the finest grade are summed at a coarser one; an interruption
 * and a privacy that would protect nobody are refused. */
static void estimate__refuses_or_copes(void **state)
{
    (void)state;
    struct model *model = parse(boys_text);
    struct dataset *dataset = table(model, OXBOYS "data.csv");
    size_t alone[26] = {0}, calls = 0;
    struct estimate_options o = options(1);
    struct estimate e;
    o.start_factor = 100;
    assert_ok(estimate_run(model, dataset, alone, 1, &o, &nobody, &e));
    estimate_clear(&e);
    o.start_factor = 0.01;
    assert_ok(estimate_run(model, dataset, alone, 1, &o, &nobody, &e));
    estimate_clear(&e);
    const struct estimate_watch watch = {.interrupted = at_once, .context = &calls};
    o = options(5);
    assert_refused(ERR_INTERRUPTED, "round 2",
                   estimate_run(model, dataset, alone, 1, &o, &watch, &e));
    o.noise_multiplier = 1e-3;
    assert_refused(ERR_RANGE, "",
                   estimate_run(model, dataset, alone, 1, &o, &nobody, &e));
    dataset_destroy(&dataset);
    model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimate__any_split_gives_the_pooled_bits),
        cmocka_unit_test(estimate__the_order_of_patients_changes_no_bit),
        cmocka_unit_test(estimate__linear_models_reach_the_exact_likelihood),
        cmocka_unit_test(estimate__theophylline_reaches_the_published_fit),
        cmocka_unit_test(estimate__emax_agrees_with_importance_sampling),
        cmocka_unit_test(estimate__returns_the_best_of_its_rounds),
        cmocka_unit_test(estimate__without_differences_is_least_squares),
        cmocka_unit_test(estimate__poor_records_end_in_a_sentence),
        cmocka_unit_test(estimate__noise_costs_what_equal_rounds_would),
        cmocka_unit_test(estimate__refuses_or_copes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
