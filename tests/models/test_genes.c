/* Doses by genotype. */

#include "folder.h"
#include "course.h"
#include "model/fit.h"

#define INR_GA "genes/warfarin_inr", "VKA=1"
#define INR_GA_DAILY INR_GA, "warfarin 5 mg @ 0 h every 24 h 31 times", "INR"
#define INR_AA_DAILY                                                                     \
    "genes/warfarin_inr", "VKA=2 CYP3=1", "warfarin 5 mg @ 0 h every 24 h 31 times", "INR"
#define INR_GG_ONCE "genes/warfarin_inr", "", "warfarin 10 mg @ 0 h", "INR"
#define S_WARFARIN "genes/warfarin_inr", "", "warfarin 10 mg @ 0 h", "Cs"
#define STEADY_2007 "warfarin 1250 mg @ 0 h for 6000 h", "INR", VALUE, 6000, 1, 6000
#define EARLIER "genes/warfarin_inr_2007"
#define ONCE "oral 100 mg @ 0 h", "Cp", AREA, 0, 0.05
#define DAILY "oral 10 mg @ 0 h every 24 h 80 times", "Cp", AREA, 1896, 0.02, 1920
#define HAMBERG_2007 "Hamberg et al. 2007, steady state by hand"
#define BLAKE "dose over clearance; Blake et al. 2013: 4.9-fold without CYP2D6"
#define JUKIC "dose over clearance; Jukic et al. 2018"
#define HAMBERG "Hamberg et al., Clin Pharmacol Ther 87:727, 2010"

static const struct figure figures[] = {
    /* INR by genotype (Hamberg 2010), 71 years. */
    {INR_GA_DAILY, VALUE, 24, 1, 24, 1.14, 0.01, 0, HAMBERG},
    {INR_GA_DAILY, VALUE, 72, 1, 72, 1.56, 0.01, 0, HAMBERG},
    {INR_GA_DAILY, VALUE, 120, 1, 120, 1.87, 0.01, 0, HAMBERG},
    {INR_GA_DAILY, VALUE, 168, 1, 168, 2.07, 0.01, 0, HAMBERG},
    {INR_GA_DAILY, VALUE, 336, 1, 336, 2.30, 0.01, 0, HAMBERG},
    {INR_GA_DAILY, VALUE, 720, 1, 720, 2.32, 0.01, 0, HAMBERG},
    {INR_AA_DAILY, VALUE, 72, 1, 72, 2.13, 0.01, 0, HAMBERG},
    {INR_AA_DAILY, VALUE, 120, 1, 120, 2.89, 0.01, 0, HAMBERG},
    {INR_AA_DAILY, VALUE, 168, 1, 168, 3.46, 0.01, 0, HAMBERG},
    {INR_AA_DAILY, VALUE, 336, 1, 336, 4.27, 0.01, 0, HAMBERG},
    {INR_AA_DAILY, VALUE, 720, 1, 720, 4.39, 0.01, 0, HAMBERG},
    {INR_GG_ONCE, VALUE, 24, 1, 24, 1.21, 0.01, 0, HAMBERG},
    {INR_GG_ONCE, VALUE, 48, 1, 48, 1.32, 0.01, 0, HAMBERG},
    {INR_GG_ONCE, VALUE, 72, 1, 72, 1.27, 0.01, 0, HAMBERG},
    {S_WARFARIN, LARGEST, 0, 0.02, 12, 0.331, 1e-3, 0, HAMBERG},
    {S_WARFARIN, TIME_OF_LARGEST, 0, 0.02, 12, 2.23, 1e-2, 0, HAMBERG},
    {S_WARFARIN, AREA, 0, 0.05, 600, 14.37, 5e-3, 0, HAMBERG},
    {"genes/warfarin_inr", "", "warfarin 5 mg @ 0 h every 24 h 31 times", "Cs", AREA, 696,
     0.02, 720, 24 * 0.2993, 24e-3, 0, HAMBERG},
    {"genes/warfarin_inr", "VKA=1 other=0.6", "warfarin 5 mg @ 0 h for 24 h", "Cs", AREA,
     0, 0.25, 1000, 2.5 / 0.348 / 0.6, 1e-3, 0, "amiodarone: clearance times 0.6"},
    /* The structure of 2007. */
    {EARLIER, "VKA=0", STEADY_2007, 1.97178, 5e-5, 0, HAMBERG_2007},
    {EARLIER, "VKA=1", STEADY_2007, 2.45568, 5e-5, 0, HAMBERG_2007},
    {EARLIER, "VKA=2", STEADY_2007, 2.93074, 5e-5, 0, HAMBERG_2007},
    {EARLIER, "VKA=1 CYP3=1 AGE=60", STEADY_2007, 3.26952, 5e-5, 0, HAMBERG_2007},
    {EARLIER, "CYP2=1", "warfarin 10 mg @ 0 h", "Cs", AREA, 0, 0.1, 2000,
     5 / 0.314 / (1 - 0.315), 5e-3, 0, "Hamberg et al. 2007: clearance 31.5 % less"},
    {EARLIER, "CYP2=2", "warfarin 10 mg @ 0 h", "Cs", AREA, 0, 0.1, 4000,
     5 / 0.314 / (1 - 0.722), 5e-3, 0, "Hamberg et al. 2007: 72.2 % less"},
    {EARLIER, "CYP2=1 CYP3=1", "warfarin 10 mg @ 0 h", "Cs", AREA, 0, 0.1, 4000,
     5 / 0.314 / (1 - 0.690), 5e-3, 0, "Hamberg et al. 2007: 69.0 % less"},
    {EARLIER, "CYP3=2", "warfarin 10 mg @ 0 h", "Cs", AREA, 0, 0.1, 6000,
     5 / 0.314 / (1 - 0.852), 5e-3, 0, "Hamberg et al. 2007: 85.2 % less"},
    /* The recipe. */
    {"genes/metoprolol_cyp2d6", "", ONCE, 200, 100e3 / 120, 0.05, 0, BLAKE},
    {"genes/metoprolol_cyp2d6", "score=0", ONCE, 400, 4.9 * 100e3 / 120, 2, 0, BLAKE},
    {"genes/metoprolol_cyp2d6", "score=1", ONCE, 300, 100e3 / 120 / (0.204 + 0.398), 0.5,
     0, BLAKE},
    {"genes/escitalopram_cyp2c19", "CLASS=0", DAILY, 3.3 * 10e3 / 26, 0.05, 0, JUKIC},
    {"genes/escitalopram_cyp2c19", "CLASS=1", DAILY, 1.6 * 10e3 / 26, 0.05, 0, JUKIC},
    {"genes/escitalopram_cyp2c19", "", DAILY, 10e3 / 26, 0.05, 0, JUKIC},
    {"genes/escitalopram_cyp2c19", "CLASS=3", DAILY, 0.9 * 10e3 / 26, 0.05, 0, JUKIC},
    {"genes/escitalopram_cyp2c19", "CLASS=4", DAILY, 0.8 * 10e3 / 26, 0.05, 0, JUKIC},
    /* Doses by genotype in closed form; the test below holds the same to the course. */
    {"genes/warfarin_inr", "VKA=0", "", "weekly", OUTCOME, 0, 1, 1, 53.9, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=1", "", "weekly", OUTCOME, 0, 1, 1, 39.6, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=2", "", "weekly", OUTCOME, 0, 1, 1, 25.3, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=0 CYP2=1", "", "weekly", OUTCOME, 0, 1, 1, 40.6, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=1 CYP2=1", "", "weekly", OUTCOME, 0, 1, 1, 29.8, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=2 CYP2=1", "", "weekly", OUTCOME, 0, 1, 1, 19.0, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=0 CYP3=1", "", "weekly", OUTCOME, 0, 1, 1, 33.5, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=1 CYP3=1", "", "weekly", OUTCOME, 0, 1, 1, 24.6, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=2 CYP3=1", "", "weekly", OUTCOME, 0, 1, 1, 15.7, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=0 CYP2=2", "", "weekly", OUTCOME, 0, 1, 1, 27.3, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=1 CYP2=2", "", "weekly", OUTCOME, 0, 1, 1, 20.0, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=2 CYP2=2", "", "weekly", OUTCOME, 0, 1, 1, 12.8, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=0 CYP2=1 CYP3=1", "", "weekly", OUTCOME, 0, 1, 1, 20.2,
     0.05, 0, HAMBERG},
    {"genes/warfarin_inr", "VKA=1 CYP2=1 CYP3=1", "", "weekly", OUTCOME, 0, 1, 1, 14.8,
     0.05, 0, HAMBERG},
    {"genes/warfarin_inr", "VKA=2 CYP2=1 CYP3=1", "", "weekly", OUTCOME, 0, 1, 1, 9.4,
     0.05, 0, HAMBERG},
    {"genes/warfarin_inr", "VKA=0 CYP3=2", "", "weekly", OUTCOME, 0, 1, 1, 13.1, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=1 CYP3=2", "", "weekly", OUTCOME, 0, 1, 1, 9.6, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=2 CYP3=2", "", "weekly", OUTCOME, 0, 1, 1, 6.1, 0.05, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=1 AGE=50", "", "weekly", OUTCOME, 0, 1, 1, 44.4, 0.1, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=1 AGE=60", "", "weekly", OUTCOME, 0, 1, 1, 42.1, 0.1, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=1 AGE=80", "", "weekly", OUTCOME, 0, 1, 1, 37.6, 0.1, 0,
     HAMBERG},
    {"genes/warfarin_inr", "VKA=1 other=0.6", "", "weekly", OUTCOME, 0, 1, 1, 39.6 * 0.6,
     0.05, 0, HAMBERG},
    {"genes/warfarin_inr", "VKA=1", "warfarin 5 mg @ 0 h every 24 h 31 times", "late",
     OUTCOME, 0, 1, 720, 2.32, 0.01, 0, HAMBERG},
    {"genes/warfarin_inr", "VKA=2 CYP3=1", "warfarin 5 mg @ 0 h every 24 h 31 times",
     "highest", OUTCOME, 0, 1, 720, 4.39, 0.01, 0, HAMBERG},
    {"genes/warfarin_inr", "VKA=1", "warfarin 5 mg @ 0 h every 24 h 31 times",
     "in_range_late", OUTCOME, 0, 1, 720, 100, 1e-06, 0, HAMBERG ": 2.30 to 2.32"},
    {"genes/warfarin_inr", "VKA=2 CYP3=1", "warfarin 5 mg @ 0 h every 24 h 31 times",
     "in_range_late", OUTCOME, 0, 1, 720, 0, 1e-06, 0, HAMBERG ": above 4"},
    {"genes/warfarin_inr_2007", "VKA=1", "warfarin 1291.578 mg @ 0 h for 6000 h", "late",
     OUTCOME, 0, 1, 6000, 2.5, 0.001, 0,
     "the dose that its own `weekly` gives: 36.1642 mg"},
    {"genes/warfarin_inr_2007", "VKA=1", "", "weekly", OUTCOME, 0, 1, 1, 36.1642, 0.0001,
     0, HAMBERG_2007},
    {"genes/metoprolol_cyp2d6", "score=0", "oral 100 mg @ 0 h", "same_as", OUTCOME, 0, 1,
     24, 4.9, 0.005, 0, BLAKE},
    {"genes/escitalopram_cyp2c19", "CLASS=0", "oral 10 mg @ 0 h every 24 h 80 times",
     "usual", OUTCOME, 0, 1, 1920, 3.3 * 10e3 / 26 / 24, 0.01, 0, JUKIC},
    {"genes/escitalopram_cyp2c19", "", "oral 10 mg @ 0 h every 24 h 80 times", "usual",
     OUTCOME, 0, 1, 1920, 10e3 / 26 / 24, 0.01, 0, JUKIC},
};

static const struct courses_one courses[] = {
    {"genes/warfarin_inr",
     "VKA=1 CYP2=1 AGE=60",
     "warfarin 5 mg @ 0 h every 24 h 4 times",
     {1, 24, 60, 96}},
    {EARLIER,
     "VKA=1 CYP2=1 AGE=60",
     "warfarin 5 mg @ 0 h every 24 h 4 times",
     {1, 24, 60, 96}},
    {"genes/metoprolol_cyp2d6", "score=0.5", "oral 100 mg @ 0 h", {0.5, 3, 12}},
    {"genes/escitalopram_cyp2c19", "CLASS=1", "oral 10 mg @ 0 h", {1, 12, 60}},
};

/* The weekly dose (mg of the racemate) that holds an INR of 2.5, by genotype: what the
 * ordering of the FDA label's table comes down to in this model. */
static void genes__warfarin_doses_by_genotype(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        double weekly, rounding;
    } rows[] = {
        {"VKA=0", 53.9, 0.05},
        {"VKA=1", 39.6, 0.05},
        {"VKA=2", 25.3, 0.05},
        {"VKA=0 CYP2=1", 40.6, 0.05},
        {"VKA=1 CYP2=1", 29.8, 0.05},
        {"VKA=2 CYP2=1", 19.0, 0.05},
        {"VKA=0 CYP3=1", 33.5, 0.05},
        {"VKA=1 CYP3=1", 24.6, 0.05},
        {"VKA=2 CYP3=1", 15.7, 0.05},
        {"VKA=0 CYP2=2", 27.3, 0.05},
        {"VKA=1 CYP2=2", 20.0, 0.05},
        {"VKA=2 CYP2=2", 12.8, 0.05},
        {"VKA=0 CYP2=1 CYP3=1", 20.2, 0.05},
        {"VKA=1 CYP2=1 CYP3=1", 14.8, 0.05},
        {"VKA=2 CYP2=1 CYP3=1", 9.4, 0.05},
        {"VKA=0 CYP3=2", 13.1, 0.05},
        {"VKA=1 CYP3=2", 9.6, 0.05},
        {"VKA=2 CYP3=2", 6.1, 0.05},
        {"VKA=1 AGE=50", 44.4, 0.1},
        {"VKA=1 AGE=60", 42.1, 0.1},
        {"VKA=1 AGE=80", 37.6, 0.1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct course course;
        char dose[80];
        snprintf(dose, sizeof dose, "warfarin %g mg @ 0 h for 6000 h",
                 rows[i].weekly / 168 * 6000);
        course_open(&course, "genes/warfarin_inr", rows[i].set, dose);
        double *inr = course_run(&course, "INR", 6000, 1, 1);
        /* d INR / d log dose is at most g times the distance from the baseline. */
        double slack = 1.15 * 1.5 * rows[i].rounding / rows[i].weekly;
        assert_near(*inr, 2.5, slack + 1e-3);
        mem_free(inr);
        course_close(&course);
    }
}

/* What INRs on so many days tell of clearance and sensitivity: standard deviations around
 * a patient who is just the typical one, and of the logarithm of their product. */
static void genes__inr_tells_the_dose_and_not_its_factors(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        double clearance, sensitivity, product;
    } rows[] = {{3, 0.27, 0.27, 0.26}, {5, 0.26, 0.25, 0.18}, {7, 0.25, 0.25, 0.14}};
    static const double days[] = {3, 5, 7, 10, 14, 21, 28};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct course course;
        struct prior *prior;
        struct fit *fit;
        course_open(&course, "genes/warfarin_inr", "VKA=1",
                    "warfarin 5 mg @ 0 h every 24 h 29 times");
        for (size_t k = 0; k < rows[i].count; k++) {
            double *inr = course_run(&course, "INR", 24 * days[k], 1, 1);
            assert_ok(record_measurement(course.record, 24 * days[k], "INR", NULL, *inr,
                                         CENSORED_NOT, 100000 + k));
            mem_free(inr);
        }
        twin_destroy(&course.twin);
        record_sort(course.record);
        assert_ok(twin_new(course.model, &course.layout, course.record, &course.twin));
        assert_ok(prior_from_model(course.model, &prior));
        assert_ok(fit_new(course.engine, course.twin, prior, &fit));
        assert_true(fit->converged);
        double cl = fit->covariance[0], ec = fit->covariance[fit->p + 1];
        assert_near(sqrt(cl), rows[i].clearance, 0.01);
        assert_near(sqrt(ec), rows[i].sensitivity, 0.015);
        assert_near(sqrt(cl + ec + 2 * fit->covariance[1]), rows[i].product, 0.01);
        fit_destroy(&fit);
        prior_destroy(&prior);
        course_close(&course);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genes__warfarin_doses_by_genotype),
        cmocka_unit_test(genes__inr_tells_the_dose_and_not_its_factors),
    };
    return folder_run(&(struct folder){
        .name = "genes",
        .figures = figures,
        .figure_count = FOLDER_COUNT(figures),
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
        .tests = tests,
        .test_count = FOLDER_COUNT(tests),
    });
}
