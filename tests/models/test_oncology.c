/* Chemotherapy and blood. */

#include "folder.h"
#include "course.h"

#define DOCETAXEL "oncology/neutropenia", ""
#define DOCETAXEL_60 DOCETAXEL, "docetaxel 108 mg @ 0 h", "circ"
#define DOCETAXEL_75 DOCETAXEL, "docetaxel 135 mg @ 0 h", "circ"
#define DOCETAXEL_100 DOCETAXEL, "docetaxel 180 mg @ 0 h", "circ"
#define DOCETAXEL_CYCLES DOCETAXEL, "docetaxel 180 mg @ 0 h every 21 d 3 times", "circ"
#define DOCETAXEL_LEVEL "oncology/neutropenia", "CL=38.48", "docetaxel 180 mg @ 0 h", "Cp"
#define PACLITAXEL "closed form: dose / clearance; the state without drug"
#define BRUNO                                                                            \
    "three exponentials of Bruno et al. 1998; label: 4 min, 36 min, 11.1 h, 4.6 mg h/L"
#define KLOFT "Kloft et al. 2006, run independently; label: nadir on day 8"

#define CLARET "Claret et al. 2009: closed form for a constant exposure"
#define REGIMEN "Claret and Friberg together, a sum over doses and an independent run"

static const struct figure figures[] = {
    /* Paclitaxel at clearance 471 L/h: its area, and a system that comes back. */
    {"oncology/leucocytes", "V1I=545 V2I=909 CLI=471", "paclitaxel 410 umol @ 0 h", "Cp",
     AREA, 0, 0.01, 200, 410 / 471.0, 1e-4, 0, PACLITAXEL},
    {"oncology/leucocytes", "", "", "circ", VALUE, 1000, 1, 1000, 7.21, 1e-6, 0,
     PACLITAXEL},
    {"oncology/leucocytes", "", "paclitaxel 410 umol @ 0 h", "circ", VALUE, 4000, 1, 4000,
     7.21, 1e-2, 0, PACLITAXEL},
    /* Docetaxel, 1.8 m2; label: half-lives 4 min, 36 min, 11.1 h, AUC 4.6 mg h/L and
     * 3.7 mg/L at the end of 100 mg/m2 in 1 h, nadir on day 8. */
    {DOCETAXEL_LEVEL, VALUE, 1, 1, 1, 3.58, 0.005, 0, BRUNO},
    {DOCETAXEL_LEVEL, VALUE, 2, 1, 2, 0.2085, 5e-5, 0, BRUNO},
    {DOCETAXEL_LEVEL, VALUE, 4, 1, 4, 0.0624, 5e-5, 0, BRUNO},
    {DOCETAXEL_LEVEL, VALUE, 8, 1, 8, 0.0385, 5e-5, 0, BRUNO},
    {DOCETAXEL_LEVEL, VALUE, 24, 1, 24, 0.0131, 5e-5, 0, BRUNO},
    {DOCETAXEL_LEVEL, HALF_LIFE, 40, 20, 60, 10.3, 0.05, 0, BRUNO},
    {DOCETAXEL_LEVEL, AREA, 0, 0.02, 200, 4.675, 0.005, 0, BRUNO},
    {DOCETAXEL_60, SMALLEST, 0, 1, 504, 0.707, 0.01, 0, KLOFT},
    {DOCETAXEL_75, SMALLEST, 0, 1, 504, 0.450, 0.01, 0, KLOFT},
    {DOCETAXEL_100, SMALLEST, 0, 1, 504, 0.221, 0.01, 0, KLOFT},
    {DOCETAXEL_100, TIME_OF_SMALLEST, 0, 1, 504, 8.5 * 24, 12, 0, KLOFT},
    {DOCETAXEL_60, LAST_RISE_THROUGH, 0, 1, 504, 10.8 * 24, 4.8, 1.5, KLOFT},
    {DOCETAXEL_75, LAST_RISE_THROUGH, 0, 1, 504, 11.8 * 24, 4.8, 1.5, KLOFT},
    {DOCETAXEL_100, LAST_RISE_THROUGH, 0, 1, 504, 12.8 * 24, 4.8, 1.5, KLOFT},
    {DOCETAXEL_60, VALUE, 504, 1, 504, 6.2, 0.1, 0, KLOFT},
    {DOCETAXEL_100, VALUE, 504, 1, 504, 6.8, 0.1, 0, KLOFT},
    {DOCETAXEL, "docetaxel 63 mg @ 0 h every 7 d 9 times", "circ", SMALLEST, 0, 1, 1500,
     0.89, 0.01, 0, KLOFT},
    {DOCETAXEL_CYCLES, SMALLEST, 504, 1, 1008, 0.251, 0.01, 0, KLOFT},
    {DOCETAXEL_CYCLES, SMALLEST, 1008, 1, 1512, 0.251, 0.01, 0, KLOFT},
    /* Tumour size: capecitabine at 3 g a day, 5-FU at 0.956 g a week; nadirs at
     * ln(KD E/KL)/lambda. */
    {"oncology/tumour", "y0=100 E=21", "", "y", VALUE, 6, 1, 6, 77.1, 0.05, 0, CLARET},
    {"oncology/tumour", "y0=100 E=21", "", "y", VALUE, 8, 1, 8, 72.5, 0.05, 0, CLARET},
    {"oncology/tumour", "y0=100 E=21", "", "y", SMALLEST, 0, 0.5, 60, 59.8, 0.05, 0,
     CLARET},
    {"oncology/tumour", "y0=100 E=21", "", "y", TIME_OF_SMALLEST, 0, 0.5, 60, 24.0, 0.06,
     0, CLARET},
    {"oncology/tumour", "y0=100 KL=0.015 KD=0.058 lambda=0.042 E=0.956", "", "y", VALUE,
     6, 1, 6, 81.5, 0.05, 0, CLARET},
    {"oncology/tumour", "y0=100 KL=0.015 KD=0.058 lambda=0.042 E=0.956", "", "y", VALUE,
     8, 1, 8, 77.36, 0.01, 0, CLARET},
    {"oncology/tumour", "y0=100 KL=0.015 KD=0.058 lambda=0.042 E=0.956", "", "y",
     SMALLEST, 0, 0.5, 60, 60.9, 0.05, 0, CLARET},
    {"oncology/tumour", "y0=100 KL=0.015 KD=0.058 lambda=0.042 E=0.956", "", "y",
     TIME_OF_SMALLEST, 0, 0.5, 60, 31.1, 0.06, 0, CLARET},
    {"oncology/tumour", "y0=100 E=0", "", "y", VALUE, 33.007, 1, 33.007, 200, 0.01, 0,
     CLARET},
    /* Regimens: size in week 12, nadir. */
    {"oncology/docetaxel", "y0=100", "docetaxel 108 mg @ 0 d every 21 d 4 times",
     "tumour", VALUE, 84, 1, 84, 92.7, 0.15, 0, REGIMEN},
    {"oncology/docetaxel", "y0=100", "docetaxel 108 mg @ 0 d every 21 d 4 times", "circ",
     SMALLEST, 0, 0.05, 84, 0.71, 0.01, 0, REGIMEN},
    {"oncology/docetaxel", "y0=100", "docetaxel 135 mg @ 0 d every 21 d 4 times",
     "tumour", VALUE, 84, 1, 84, 85.4, 0.15, 0, REGIMEN},
    {"oncology/docetaxel", "y0=100", "docetaxel 135 mg @ 0 d every 21 d 4 times", "circ",
     SMALLEST, 0, 0.05, 84, 0.45, 0.01, 0, REGIMEN},
    {"oncology/docetaxel", "y0=100", "docetaxel 180 mg @ 0 d every 21 d 4 times",
     "tumour", VALUE, 84, 1, 84, 74.5, 0.15, 0, REGIMEN},
    {"oncology/docetaxel", "y0=100", "docetaxel 180 mg @ 0 d every 21 d 4 times", "circ",
     SMALLEST, 0, 0.05, 84, 0.22, 0.01, 0, REGIMEN},
    {"oncology/docetaxel", "y0=100", "docetaxel 63 mg @ 0 d every 7 d 12 times", "tumour",
     VALUE, 84, 1, 84, 74.6, 0.15, 0, REGIMEN},
    {"oncology/docetaxel", "y0=100", "docetaxel 63 mg @ 0 d every 7 d 12 times", "circ",
     SMALLEST, 0, 0.05, 84, 0.89, 0.01, 0, REGIMEN},
    {"oncology/docetaxel", "y0=100", "docetaxel 90 mg @ 0 d every 14 d 6 times", "tumour",
     VALUE, 84, 1, 84, 86.3, 0.15, 0, REGIMEN},
    {"oncology/docetaxel", "y0=100", "docetaxel 90 mg @ 0 d every 14 d 6 times", "circ",
     SMALLEST, 0, 0.05, 84, 0.97, 0.01, 0, REGIMEN},
    {"oncology/docetaxel", "", "docetaxel 108 mg @ 0 d every 21 d 4 times", "circ",
     TIME_BELOW, 0, 0.05, 84, 0, 0.1, 0.5, REGIMEN},
    {"oncology/docetaxel", "", "docetaxel 63 mg @ 0 d every 7 d 12 times", "circ",
     TIME_BELOW, 0, 0.05, 84, 0, 0.1, 0.5, REGIMEN},
};

static const struct courses_one courses[] = {
    {"oncology/tumour", "E=3.825 E=0@1 E=3.825@4 E=0@5", "", {0.5, 3, 4.5, 20}},
    {"oncology/docetaxel",
     "GCSF=0 GCSF=1@2 GCSF=0@9",
     "docetaxel 135 mg @ 0 d; docetaxel 90 mg @ 10 d for 0.02 d",
     {0.02, 0.08, 1, 5, 11, 14}},
    {"oncology/leucocytes",
     "V1I=545 V2I=909 CLI=471",
     "paclitaxel 410 umol @ 0 h; paclitaxel 300 umol @ 504 h for 24 h",
     {1, 3, 24, 192, 330, 510, 700}},
    {"oncology/neutropenia",
     "FEMALE=1 AAG=1.6",
     "docetaxel 150 mg @ 0 h; docetaxel 90 mg @ 240 h for 0.5 h",
     {0.5, 1, 2, 24, 120, 240.25, 330}},
};

/* Normal deviates by Box and Muller from a fixed sequence. */
static double deviate(size_t i)
{
    double whole, u = modf(0.5 + 0.7548776662466927 * (double)(i + 1), &whole);
    double v = modf(0.5 + 0.5698402909980532 * (double)(i + 1), &whole);
    return sqrt(-2 * log(u)) * cos(2 * acos(-1) * v);
}

/* Grade 4 (below 0.5) after docetaxel 100 mg/m2: 75 to 86 % of patients by the label, 70
 * % of 200 virtual ones when the model was set up, Monte Carlo error 6 %. */
static void oncology__docetaxel_gives_grade_four_as_often_as_published(void **state)
{
    (void)state;
    struct course course;
    course_open(&course, "oncology/neutropenia", "", "docetaxel 180 mg @ 0 h");
    size_t grade4 = 0, patients = 300;
    double typical[MODEL_PARAMETERS_MAX];
    memcpy(typical, course.parameters, sizeof typical);
    for (size_t i = 0; i < patients; i++) {
        for (size_t a = 0; a < course.layout.p; a++) {
            size_t at = course.layout.individual[a];
            course.parameters[at] =
                typical[at] * exp(model_parameter(course.model, at)->between_sd *
                                  deviate(i * course.layout.p + a));
        }
        double *circ = course_run(&course, "circ", 100, 4, 75), least = INFINITY;
        for (size_t k = 0; k < 75; k++)
            least = fmin(least, circ[k]);
        grade4 += least < 0.5;
        mem_free(circ);
    }
    assert_near((double)grade4 / (double)patients, 0.70, 0.08);
    course_close(&course);
}

/* 5-FU as it is given: 3.825 g in the first week of four. */
static void oncology__tumour_follows_its_closed_form_through_cycles(void **state)
{
    (void)state;
    struct course course;
    course_open(&course, "oncology/tumour",
                "y0=100 KL=0.015 KD=0.058 lambda=0.042 E=3.825 E=0@1 E=3.825@4 E=0@5 "
                "E=3.825@8 E=0@9",
                "");
    double *y = course_run(&course, "y", 0, 1, 13);
    for (size_t week = 0; week <= 12; week++) {
        double t = (double)week, kill = 0;
        for (double on = 0; on < 12; on += 4)
            if (t > on)
                kill += exp(-0.042 * on) - exp(-0.042 * fmin(t, on + 1));
        assert_relative(y[week], 100 * exp(0.015 * t - 0.058 * 3.825 * kill / 0.042),
                        1e-6);
    }
    mem_free(y);
    course_close(&course);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oncology__tumour_follows_its_closed_form_through_cycles),
        cmocka_unit_test(oncology__docetaxel_gives_grade_four_as_often_as_published),
    };
    return folder_run(&(struct folder){
        .name = "oncology",
        .figures = figures,
        .figure_count = FOLDER_COUNT(figures),
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
        .tests = tests,
        .test_count = FOLDER_COUNT(tests),
    });
}
