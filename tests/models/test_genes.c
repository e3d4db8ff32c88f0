/* Doses by genotype. */

#include "folder.h"
#include "course.h"

#define INR_GA "genes/warfarin_inr", "VKA=1"
#define INR_GA_DAILY INR_GA, "warfarin 5 mg @ 0 h every 24 h 31 times", "INR"
#define INR_AA_DAILY                                                                     \
    "genes/warfarin_inr", "VKA=2 CYP3=1", "warfarin 5 mg @ 0 h every 24 h 31 times", "INR"
#define INR_GG_ONCE "genes/warfarin_inr", "", "warfarin 10 mg @ 0 h", "INR"
#define S_WARFARIN "genes/warfarin_inr", "", "warfarin 10 mg @ 0 h", "Cs"
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
};

static const struct courses_one courses[] = {
    {"genes/warfarin_inr",
     "VKA=1 CYP2=1 AGE=60",
     "warfarin 5 mg @ 0 h every 24 h 4 times",
     {1, 24, 60, 96}},
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
        {"VKA=0 CYP2=1 CYP3=1", 20.2, 0.05},
        {"VKA=0 CYP3=2", 13.1, 0.05},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genes__warfarin_doses_by_genotype),
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
