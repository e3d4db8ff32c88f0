#include "check.h"

#include <unistd.h>

#include "base/csv.h"
#include "base/memory.h"
#include "model/dataset.h"
#include "model/regimen.h"
#include "sim/cohort.h"

/* No states, so that thousands are drawn in no time; every kind of observation. */
static const char still_text[] = "model still version 1 \"t\"\n"
                                 "time h\n"
                                 "[parameters]\n"
                                 "a = 10 mg/L (0.1, 1000) lognormal sd 0.4 on WT\n"
                                 "b = 0.5 mg/L normal sd 0.2\n"
                                 "c = 0.3 1 (0, 1) logitnormal sd 0.8\n"
                                 "[population]\n"
                                 "correlated a, b 0.6\n"
                                 "[covariates]\n"
                                 "WT kg centre 70 scale 50 default 70\n"
                                 "MALE 1 default 1\n"
                                 "[equations]\n"
                                 "f = a + 0.000001*b\n"
                                 "p = c\n"
                                 "[observations]\n"
                                 "plain : f ~ add(2 mg/L) lloq 5 mg/L\n"
                                 "log : f ~ lognormal(0.1)\n"
                                 "well : p ~ bernoulli\n";

static const char oral_text[] = "model oral version 1 \"t\"\n"
                                "time h\n"
                                "[parameters]\n"
                                "k = 0.1 1/h (0.01, 1) lognormal sd 0.3\n"
                                "V = 10 L (1, 100) lognormal sd 0.3\n"
                                "[doses]\n"
                                "oral -> depot mg\n"
                                "iv -> central mg\n"
                                "[equations]\n"
                                "d/dt(depot) = -k*depot\n"
                                "d/dt(central) = k*depot - k*central\n"
                                "Cp = central/V unit mg/L\n"
                                "[observations]\n"
                                "level : Cp ~ prop(0.1)\n";

#define PATIENTS 4000

struct drawn {
    char table[64], truth[64];
};

static struct drawn draw(const struct model *model, size_t patients, uint64_t seed,
                         const struct cohort_covariate *covariates, const char *dose)
{
    struct drawn drawn = {"/tmp/cohort_XXXXXX", "/tmp/cohort_XXXXXX"};
    FILE *table = fdopen(mkstemp(drawn.table), "w"),
         *truth = fdopen(mkstemp(drawn.truth), "w");
    struct record *doses = record_new("cohort", "h");
    const double times[] = {0, 1, 24};
    const bool observed[] = {true, true, true};
    if (dose && *dose)
        assert_ok(regimen_dose(dose, 0, doses));
    struct cohort_design design = {
        .patients = patients,
        .doses = doses,
        .times = times,
        .time_count = dose ? 3 : 1,
        .observed = observed,
        .covariates = covariates,
        .seed = seed,
    };
    assert_ok(cohort_draw(model, &design, table, truth, NULL, NULL));
    fclose(table), fclose(truth);
    record_destroy(&doses);
    return drawn;
}

static void forget(struct drawn *drawn)
{
    unlink(drawn->table);
    unlink(drawn->truth);
}

static struct model *parse(const char *text)
{
    struct model *model;
    assert_ok(model_parse(text, strlen(text), "text", &model));
    return model;
}

/* Columns a, b, c of the truth. */
struct truths {
    double value[PATIENTS][3];
    size_t count;
};

static enum err see_header(void *context, size_t line, size_t count,
                           const char *const *fields)
{
    (void)context, (void)line;
    assert_int_equal(count, 4);
    assert_string_equal(fields[1], "a");
    return ERR_OK;
}

static enum err take(void *context, size_t line, size_t count, const char *const *fields)
{
    struct truths *truths = context;
    (void)line, (void)count;
    for (size_t i = 0; i < 3; i++)
        assert_ok(csv_real(fields[i + 1], &truths->value[truths->count][i]));
    truths->count++;
    return ERR_OK;
}

/* A mean and a variance of `count` normal numbers, each within five of its own sds. */
static void assert_moments(const double *x, size_t count, double mean, double sd)
{
    double sum = 0, square = 0, n = (double)count;
    for (size_t i = 0; i < count; i++)
        sum += x[i];
    for (size_t i = 0; i < count; i++)
        square += (x[i] - sum / n) * (x[i] - sum / n);
    assert_near(sum / n, mean, 5 * sd / sqrt(n));
    assert_near(square / n, sd * sd, 5 * sd * sd * sqrt(2 / n));
}

static void cohort__draws_parameters_from_the_prior(void **state)
{
    (void)state;
    struct model *model = parse(still_text);
    const struct cohort_covariate covariates[] = {{COHORT_FIXED, 70, 0, 0},
                                                  {COHORT_FIXED, 1, 0, 0}};
    struct drawn drawn = draw(model, PATIENTS, 1, covariates, NULL);
    struct truths *truths = calloc(1, sizeof *truths);
    double *x = calloc(PATIENTS, sizeof *x), *y = calloc(PATIENTS, sizeof *y),
           *z = calloc(PATIENTS, sizeof *z);
    assert_ok(csv_read(drawn.truth, see_header, take, truths));
    assert_int_equal(truths->count, PATIENTS);
    double cross = 0;
    for (size_t i = 0; i < PATIENTS; i++) {
        const double *one = truths->value[i];
        x[i] = log(one[0]);
        y[i] = one[1];
        z[i] = log(one[2] / (1 - one[2]));
        cross += (x[i] - log(10)) / 0.4 * (y[i] - 0.5) / 0.2;
    }
    assert_moments(x, PATIENTS, log(10), 0.4);
    assert_moments(y, PATIENTS, 0.5, 0.2);
    assert_moments(z, PATIENTS, log(0.3 / 0.7), 0.8);
    assert_near(cross / PATIENTS, 0.6, 5 * sqrt((1 + 0.36) / PATIENTS));
    free(x), free(y), free(z), free(truths);
    forget(&drawn);
    model_destroy(&model);
}

static void cohort__draws_measurements_around_the_truth(void **state)
{
    (void)state;
    struct model *model = parse(still_text);
    const struct cohort_covariate covariates[] = {{COHORT_NORMAL, 70, 10, 0},
                                                  {COHORT_BERNOULLI, 0.3, 0, 0}};
    struct drawn drawn = draw(model, PATIENTS, 2, covariates, NULL);
    struct truths *truths = calloc(1, sizeof *truths);
    struct dataset *dataset;
    assert_ok(csv_read(drawn.truth, see_header, take, truths));
    assert_ok(dataset_read(drawn.table, NULL, model, &dataset)); /* no spec is needed */
    assert_int_equal(dataset_patients(dataset), PATIENTS);
    assert_int_equal(dataset_measurements(dataset), 3 * PATIENTS);
    assert_int_equal(dataset_notes(dataset), 0);
    double *weight = calloc(PATIENTS, sizeof *weight),
           *plain = calloc(PATIENTS, sizeof *plain),
           *logs = calloc(PATIENTS, sizeof *logs), male = 0, well = 0, likely = 0;
    size_t plains = 0, below = 0;
    for (size_t i = 0; i < PATIENTS; i++) {
        const struct record *r = dataset_record(dataset, i);
        const double *truth = truths->value[i];
        assert_string_equal(r->covariates[0].name, "MALE"); /* of one row, by name */
        male += r->covariates[0].value;
        weight[i] = r->covariates[1].value;
        for (size_t j = 0; j < 3; j++) {
            const struct record_measurement *m = &r->measurements[j];
            if (strcmp(m->quantity, "log") == 0)
                logs[i] = log(m->value / truth[0]);
            else if (strcmp(m->quantity, "well") == 0)
                well += m->value, likely += truth[2];
            else if (m->censoring == CENSORED_BELOW)
                below += m->value == 5;
            else if (truth[0] > 15) /* so far above the limit that none is cut off */
                plain[plains++] = m->value - truth[0];
        }
    }
    assert_moments(weight, PATIENTS, 70, 10);
    assert_near(male / PATIENTS, 0.3, 5 * sqrt(0.21 / PATIENTS));
    assert_moments(logs, PATIENTS, 0, 0.1);
    assert_moments(plain, plains, 0, 2);
    assert_in_range(below, 100, 600);
    assert_near(well / PATIENTS, likely / PATIENTS, 5 * sqrt(0.25 / PATIENTS));
    free(weight), free(plain), free(logs), free(truths);
    dataset_destroy(&dataset);
    forget(&drawn);
    model_destroy(&model);
}

/* Errors of one standard deviation, of which neighbours an hour apart share exp(-1/2). */
static void cohort__draws_errors_that_remember(void **state)
{
    (void)state;
    struct model *model = parse("model m version 1 \"t\"\ntime h\n[parameters]\n"
                                "a = 10 mg/L normal sd 0.000001\n"
                                "[observations]\n"
                                "plain : a ~ add(2 mg/L) correlated over 2 h\n");
    struct drawn drawn = draw(model, PATIENTS, 4, NULL, "");
    struct dataset *dataset;
    double *first = calloc(PATIENTS, sizeof *first),
           *next = calloc(PATIENTS, sizeof *next), *last = calloc(PATIENTS, sizeof *last);
    assert_ok(dataset_read(drawn.table, NULL, model, &dataset));
    for (size_t i = 0; i < PATIENTS; i++) {
        const struct record_measurement *m = dataset_record(dataset, i)->measurements;
        double rho = exp(-0.5);
        first[i] = m[0].value - 10;
        next[i] = (m[1].value - 10 - rho * first[i]) / sqrt(1 - rho * rho);
        last[i] = m[2].value - 10;
    }
    assert_moments(first, PATIENTS, 0, 2);
    assert_moments(next, PATIENTS, 0, 2);
    assert_moments(last, PATIENTS, 0, 2);
    double cross[2] = {0};
    for (size_t i = 0; i < PATIENTS; i++) {
        cross[0] += first[i] * next[i] / (4 * PATIENTS);
        cross[1] += first[i] * last[i] / (4 * PATIENTS);
    }
    assert_near(cross[0], 0, 5 / sqrt(PATIENTS));
    assert_near(cross[1], 0, 5 / sqrt(PATIENTS)); /* 24 hours later */
    free(first), free(next), free(last);
    dataset_destroy(&dataset);
    forget(&drawn);
    model_destroy(&model);
}

/* What a day is off has its sd, and days have nothing in common but the patient. */
static void cohort__draws_occasions(void **state)
{
    (void)state;
    struct model *model = parse("model m version 1 \"t\"\ntime h\n[parameters]\n"
                                "a = 10 mg/L normal sd 2 occasions 2 per 12 h sd 1.5\n"
                                "[observations]\n"
                                "plain : a ~ add(0.000001 mg/L)\n");
    struct drawn drawn = draw(model, PATIENTS, 5, NULL, "");
    struct dataset *dataset;
    double *day = calloc(PATIENTS, sizeof *day), *apart = calloc(PATIENTS, sizeof *apart);
    assert_ok(dataset_read(drawn.table, NULL, model, &dataset));
    for (size_t i = 0; i < PATIENTS; i++) {
        const struct record_measurement *m = dataset_record(dataset, i)->measurements;
        assert_near(m[0].value, m[1].value, 1e-4); /* an hour later, the same half day */
        day[i] = m[0].value - 10;
        apart[i] = m[2].value - m[0].value;
    }
    assert_moments(day, PATIENTS, 0, 2.5);
    assert_moments(apart, PATIENTS, 0, 1.5 * sqrt(2));
    free(day), free(apart);
    dataset_destroy(&dataset);
    forget(&drawn);
    model_destroy(&model);
}

static void cohort__doses_come_with_the_measurements(void **state)
{
    (void)state;
    struct model *model = parse(oral_text);
    struct drawn drawn =
        draw(model, 10, 3, NULL, "iv 0.1 g @ 0 h for 30 min every 12 h 3 times");
    struct dataset *dataset;
    assert_ok(dataset_read(drawn.table, NULL, model, &dataset));
    assert_int_equal(dataset_patients(dataset), 10);
    assert_int_equal(dataset_doses(dataset), 30);
    assert_int_equal(dataset_measurements(dataset), 30);
    const struct record *r = dataset_record(dataset, 9);
    assert_string_equal(r->patient, "10");
    assert_string_equal(r->doses[2].input, "iv");
    assert_near(r->doses[2].amount, 100, 1e-9); /* mg, as the column is read */
    assert_near(r->doses[2].time, 24, 0);
    assert_near(r->doses[2].duration, 0.5, 0);
    assert_true(r->measurements[1].value > 0);
    dataset_destroy(&dataset);
    forget(&drawn);
    model_destroy(&model);
}

static void cohort__the_seed_decides(void **state)
{
    (void)state;
    struct model *model = parse(oral_text);
    char *text[3];
    for (size_t i = 0; i < 3; i++) {
        struct drawn drawn = draw(model, 20, i == 2 ? 6 : 5, NULL, "oral 10 mg @ 0 h");
        FILE *file = fopen(drawn.table, "r");
        text[i] = calloc(1, 20000);
        assert_true(fread(text[i], 1, 19999, file) > 100);
        fclose(file);
        forget(&drawn);
    }
    assert_string_equal(text[0], text[1]);
    assert_string_not_equal(text[0], text[2]);
    free(text[0]), free(text[1]), free(text[2]);
    model_destroy(&model);
}

static void cohort__reads_how_covariates_are_drawn(void **state)
{
    (void)state;
    static const struct {
        const char *phrase;
        struct cohort_covariate how;
    } good[] = {
        {"WT 80.5", {COHORT_FIXED, 80.5, 0, 0}},
        {" WT  normal 70 12", {COHORT_NORMAL, 70, 12, 0}},
        {"WT uniform -1 1", {COHORT_UNIFORM, -1, 1, 0}},
        {"WT bernoulli 1", {COHORT_BERNOULLI, 1, 0, 0}},
        {"WT binomial 2 0.39", {COHORT_BINOMIAL, 2, 0.39, 0}},
    };
    static const char *const bad[] = {"",
                                      "WT",
                                      "WT x",
                                      "WT normal 70",
                                      "WT normal 70 -1",
                                      "WT uniform 2 1",
                                      "WT bernoulli 1.5",
                                      "WT bernoulli 0.5 1",
                                      "WT binomial 2",
                                      "WT binomial 2.5 0.5",
                                      "WT binomial 2 1.5",
                                      "WT poisson 3",
                                      "WT normal 70 12 9"};
    struct model *model = parse(still_text);
    struct cohort_covariate how;
    size_t index;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(cohort_covariate(model, good[i].phrase, &index, &how));
        assert_int_equal(index, 0);
        assert_int_equal(how.kind, good[i].how.kind);
        assert_near(how.a, good[i].how.a, 0);
        assert_near(how.b, good[i].how.b, 0);
        assert_int_equal(how.taken, 0);
    }
    assert_ok(cohort_covariate(model, "MALE binomial 2-WT 0.4", &index, &how));
    assert_true(index == 1 && how.kind == COHORT_BINOMIAL && how.taken == 1);
    assert_true(how.a == 2 && how.b == 0.4);
    assert_refused(ERR_NOT_FOUND, "no covariate 'MALE' before WT",
                   cohort_covariate(model, "WT binomial 2-MALE 0.4", &index, &how));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(ERR_USAGE, "is not how a covariate is drawn",
                       cohort_covariate(model, bad[i], &index, &how));
    assert_refused(ERR_NOT_FOUND, "no covariate 'HT'",
                   cohort_covariate(model, "HT 180", &index, &how));
    model_destroy(&model);
}

struct alleles {
    size_t count[3][3]; /* of the two variants */
};

static enum err count_alleles(void *context, const struct cohort_patient *patient)
{
    struct alleles *alleles = context;
    const double *variants = patient->covariates;
    assert_true(variants[0] + variants[1] <= 2);
    alleles->count[(size_t)variants[0]][(size_t)variants[1]]++;
    return ERR_OK;
}

/* A gene of three alleles, of frequencies 0.3, 0.2 and 0.5, after Hardy and Weinberg: the
 * second variant is one of what the first has left with 0.2/0.7. */
static void cohort__draws_genotypes(void **state)
{
    (void)state;
    struct model *model = parse(still_text);
    struct cohort_covariate covariates[2];
    struct alleles alleles = {0};
    const double times[] = {0}, f[] = {0.3, 0.2, 0.5};
    const bool observed[3] = {false};
    size_t index;
    assert_ok(cohort_covariate(model, "WT binomial 2 0.3", &index, &covariates[0]));
    assert_ok(cohort_covariate(model, "MALE binomial 2-WT 0.2857142857", &index,
                               &covariates[1]));
    struct record *doses = record_new("cohort", "h");
    const struct cohort_design design = {.patients = PATIENTS,
                                         .doses = doses,
                                         .times = times,
                                         .time_count = 1,
                                         .observed = observed,
                                         .covariates = covariates,
                                         .seed = 2};
    assert_ok(cohort_each(model, &design, count_alleles, &alleles));
    for (size_t a = 0; a <= 2; a++)
        for (size_t b = 0; a + b <= 2; b++) {
            double ways = (a == 1) + (b == 1) + (a + b == 1) > 1 ? 2 : 1;
            double p = ways * pow(f[0], (double)a) * pow(f[1], (double)b) *
                       pow(f[2], (double)(2 - a - b));
            assert_near((double)alleles.count[a][b] / PATIENTS, p,
                        4 * sqrt(p * (1 - p) / PATIENTS));
        }
    record_destroy(&doses);
    model_destroy(&model);
}

/* Doses of a day: the level is what is taken. */
static const char taken_text[] = "model taken version 1 \"t\"\n"
                                 "time d\n"
                                 "[parameters]\n"
                                 "a = 1 1 lognormal sd 1e-6\n"
                                 "[covariates]\n"
                                 "daily mg locf default 0\n"
                                 "WT kg default 70\n"
                                 "[equations]\n"
                                 "level = a*daily\n"
                                 "[observations]\n"
                                 "seen : level ~ add(1e-6 mg)\n";

/* 0 at first, then drawn at noon of the second day, then 7. */
static enum err look_at_levels(void *context, const struct cohort_patient *patient)
{
    const struct record *record = patient->record;
    double *sums = context, second = record->measurements[2].value;
    assert_int_equal(record->measurement_count, 5);
    assert_near(record->measurements[0].value, 0, 1e-4);
    assert_near(record->measurements[1].value, 0, 1e-4);
    assert_near(record->measurements[3].value, second, 1e-3);
    assert_near(record->measurements[4].value, 7, 1e-3);
    assert_true(second >= 19.99 && second <= 40.01);
    sums[0] += second / 50;
    sums[1] += (second - 30) * (second - 30) / 50;
    return ERR_OK;
}

static void cohort__covariates_change_in_time(void **state)
{
    (void)state;
    struct model *model = parse(taken_text);
    const struct cohort_covariate covariates[] = {{COHORT_FIXED, 0, 0, 0},
                                                  {COHORT_FIXED, 70, 0, 0}};
    struct cohort_change changes[2], refused;
    assert_ok(cohort_change(model, "daily uniform 20 40 @ 36 h", &changes[0]));
    assert_near(changes[0].time, 1.5, 1e-12);
    assert_ok(cohort_change(model, "daily 7 @ 4 d", &changes[1]));
    assert_refused(ERR_RANGE, "has WT constant",
                   cohort_change(model, "WT 80 @ 4 d", &refused));
    assert_refused(ERR_USAGE, "is not a time",
                   cohort_change(model, "daily 7 @ 4 mg", &refused));
    assert_refused(ERR_USAGE, "is not a time",
                   cohort_change(model, "daily 7 @ d", &refused));
    const double times[] = {0, 1, 2, 3, 4};
    const bool observed[] = {true};
    struct record *doses = record_new("cohort", "d");
    const struct cohort_design design = {.patients = 50,
                                         .doses = doses,
                                         .times = times,
                                         .time_count = 5,
                                         .observed = observed,
                                         .covariates = covariates,
                                         .changes = changes,
                                         .change_count = 2,
                                         .seed = 1};
    double sums[2] = {0};
    assert_ok(cohort_each(model, &design, look_at_levels, sums));
    assert_near(sums[0], 30, 4);
    assert_near(sums[1], 400.0 / 12, 16);

    /* And the table is read back as the same. */
    char path[] = "/tmp/cohort_XXXXXX";
    FILE *table = fdopen(mkstemp(path), "w");
    struct dataset *dataset;
    assert_ok(cohort_draw(model, &design, table, NULL, NULL, NULL));
    fclose(table);
    assert_ok(dataset_read(path, NULL, model, &dataset));
    assert_int_equal(dataset_patients(dataset), 50);
    for (size_t i = 0; i < 50; i++) {
        const struct record *r = dataset_record(dataset, i);
        double daily = 0;
        assert_int_equal(r->measurement_count, 5);
        for (size_t c = 0; c < r->covariate_count; c++) {
            const struct record_covariate *one = &r->covariates[c];
            if (strcmp(one->name, "daily") != 0)
                continue;
            daily = one->value;
            assert_true(one->time < 1.5 ? daily == 0
                        : one->time < 4 ? daily > 19
                                        : daily == 7);
        }
        assert_true(daily == 7);
    }
    dataset_destroy(&dataset);
    unlink(path);
    record_destroy(&doses);
    model_destroy(&model);
}

struct kept {
    size_t count;
    double largest;
};

static enum err keep_rate(void *context, const struct cohort_patient *patient)
{
    struct kept *kept = context;
    kept->count++;
    kept->largest = fmax(kept->largest, patient->parameters[0]);
    return ERR_OK;
}

/* k is log-normal around 0.1 with sd 0.3; whoever keeps less than e^-1 of a dose after 10
 * h, that is k > 0.1, half of them, is drawn anew: the others are the lower half. */
static void cohort__implausible_patients_are_drawn_anew(void **state)
{
    (void)state;
    const char *text = "model m version 1\ntime h\n"
                       "[parameters]\nk = 0.1 1/h (0.01, 1) lognormal sd 0.3\n"
                       "[doses]\niv -> A mg\n[equations]\nd/dt(A) = -k*A\n"
                       "[observations]\nleft : A ~ add(1 mg)\n"
                       "[plausible]\nend(A)/max(A) > exp(-1)\n";
    struct model *model;
    assert_ok(model_parse(text, strlen(text), "m", &model));
    struct record *doses = record_new("cohort", "h");
    assert_ok(regimen_dose("iv 100 mg @ 0 h", 0, doses));
    const double times[] = {0, 10};
    const bool observed[] = {true};
    size_t rejected = 0;
    struct kept kept = {0};
    struct cohort_design design = {.patients = 1000,
                                   .doses = doses,
                                   .times = times,
                                   .time_count = 2,
                                   .observed = observed,
                                   .seed = 5,
                                   .plausible = true,
                                   .rejected = &rejected};
    assert_ok(cohort_each(model, &design, keep_rate, &kept));
    assert_int_equal(kept.count, 1000);
    assert_true(kept.largest <= 0.1 && kept.largest > 0.0999);
    assert_near((double)rejected, 1000, 150); /* geometric: sd 45 */
    design.plausible = false;
    kept = (struct kept){0};
    assert_ok(cohort_each(model, &design, keep_rate, &kept));
    assert_true(kept.largest > 0.15);
    model_destroy(&model);
    const char *never = "[plausible]\nend(A) > 101 mg\n";
    char *spoilt =
        mem_format("%.*s%s", (int)(strstr(text, "[plausible]") - text), text, never);
    assert_ok(model_parse(spoilt, strlen(spoilt), "m", &model));
    design.plausible = true;
    assert_refused(ERR_RANGE, "patient 1: none of 1000 draws is plausible",
                   cohort_each(model, &design, keep_rate, &kept));
    mem_free(spoilt);
    model_destroy(&model);
    record_destroy(&doses);
}

struct listed {
    double rate[500], left[500];
    size_t count;
};

static enum err list_patient(void *context, const struct cohort_patient *patient)
{
    struct listed *listed = context;
    assert_int_equal(patient->id, listed->count + 1); /* in order */
    listed->rate[listed->count] = patient->parameters[0];
    listed->left[listed->count++] = patient->record->measurements[1].value;
    return ERR_OK;
}

/* Blocks of a larger cohort are computed side by side, and who is drawn anew in one of
 * them has draws of his own: the first patients are those of a small cohort, to the bit.
 */
static void cohort__larger_ones_begin_like_small_ones(void **state)
{
    (void)state;
    const char *text = "model m version 1\ntime h\n"
                       "[parameters]\nk = 0.1 1/h (0.01, 1) lognormal sd 0.3\n"
                       "[doses]\niv -> A mg\n[equations]\nd/dt(A) = -k*A\n"
                       "[observations]\nleft : A ~ add(1 mg)\n"
                       "[plausible]\nend(A)/max(A) > exp(-1)\n";
    static const size_t counts[] = {30, 150, 500};
    static struct listed listed[3];
    size_t rejected[3] = {0};
    struct model *model;
    assert_ok(model_parse(text, strlen(text), "m", &model));
    struct record *doses = record_new("cohort", "h");
    assert_ok(regimen_dose("iv 100 mg @ 0 h", 0, doses));
    const double times[] = {0, 10};
    const bool observed[] = {true};
    for (size_t i = 0; i < 3; i++) {
        struct cohort_design design = {.patients = counts[i],
                                       .doses = doses,
                                       .times = times,
                                       .time_count = 2,
                                       .observed = observed,
                                       .seed = 6,
                                       .plausible = true,
                                       .rejected = &rejected[i]};
        assert_ok(cohort_each(model, &design, list_patient, &listed[i]));
        assert_int_equal(listed[i].count, counts[i]);
        for (size_t k = 0; i > 0 && k < counts[i - 1]; k++) {
            assert_true(listed[i].rate[k] == listed[i - 1].rate[k]);
            assert_true(listed[i].left[k] == listed[i - 1].left[k]);
        }
    }
    assert_true(rejected[0] > 10 && rejected[1] > rejected[0]);
    record_destroy(&doses);
    model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cohort__larger_ones_begin_like_small_ones),
        cmocka_unit_test(cohort__draws_parameters_from_the_prior),
        cmocka_unit_test(cohort__draws_measurements_around_the_truth),
        cmocka_unit_test(cohort__draws_errors_that_remember),
        cmocka_unit_test(cohort__draws_occasions),
        cmocka_unit_test(cohort__doses_come_with_the_measurements),
        cmocka_unit_test(cohort__the_seed_decides),
        cmocka_unit_test(cohort__draws_genotypes),
        cmocka_unit_test(cohort__covariates_change_in_time),
        cmocka_unit_test(cohort__reads_how_covariates_are_drawn),
        cmocka_unit_test(cohort__implausible_patients_are_drawn_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
