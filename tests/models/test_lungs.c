/* Asthma, ozone and the mechanics of breathing. */

#include "folder.h"
#include "course.h"

#define DIARY "lungs/asthma_diary"
#define TEN (10.0 / 24)
#define CALIBRATED "the effect that the constants were calibrated to, in the file"
#define SZEFLER "fluticasone, 1461 people, PMID 10329810: +36 L/min, half after 3 to 7 d"
#define STEROID DIARY, "ICS=0 ICS=400@0.001", ""
#define RELIEVED DIARY, "", "saba 200 ug @ 0 d"
#define MCDONNELL "McDonnell et al. 2012, and chamber studies of 6.6 h"
#define OTIS "Otis et al. 1956: complex admittance of two units"
#define HANKINSON "Hankinson et al. 1999"
#define GLI "lungs/spirometry_gli"
#define BOWERMAN                                                                         \
    "Bowerman et al. 2023: its formula and the row of its table, worked out apart"
#define MEAD "impedance of the network in complex numbers"

/* Six times 50 minutes of work and 10 of rest, 35 for lunch after the third. */
#define CHAMBER_DAY(level)                                                               \
    "O3=" level " VENT=20 VENT=6.5@50 VENT=20@60 VENT=6.5@110 VENT=20@120 "              \
    "VENT=6.5@170 VENT=20@215 VENT=6.5@265 VENT=20@275 VENT=6.5@325 VENT=20@335 "        \
    "VENT=6.5@385"
#define CHAMBER(level)                                                                   \
    "lungs/ozone", CHAMBER_DAY(level), "", "typical", VALUE, 395, 1, 395
#define UNEVEN(rate) "lungs/breathing", "R=8 u=1.2 rate=" rate, ""
#define ASTHMATIC "R=2.6 Rp=3.5 Cp=0.03"

static const struct figure figures[] = {
    /* The diary: at 10:00 the hour of the day counts for nothing. */
    {DIARY, "", "", "FEV1", VALUE, TEN, 1, TEN, 3.216, 0.005, 0, CALIBRATED},
    {DIARY, "Ib=1e-9", "", "FEV1", VALUE, TEN, 1, TEN, 3.770, 0.005, 0, CALIBRATED},
    {DIARY, "", "", "pef", VALUE, TEN, 1, TEN, 502, 0.5, 0, CALIBRATED},
    {DIARY, "Ib=1e-9", "", "pef", VALUE, TEN, 1, TEN, 588, 0.5, 0, CALIBRATED},
    {DIARY, "", "", "ratio", VALUE, 0, 1, 0, 0.715, 0.0005, 0, CALIBRATED},
    {DIARY, "Ib=1e-9", "", "ratio", VALUE, 0, 1, 0, 0.838, 0.0005, 0, CALIBRATED},
    {STEROID, "PEF_day", VALUE, 60, 1, 60, 501.7 + 39, 0.5, 0, SZEFLER},
    {STEROID, "FEV1_day", VALUE, 60, 1, 60, 3.2158 * 1.077, 0.002, 0, SZEFLER},
    {STEROID, "PEF_day", LAST_RISE_THROUGH, 0, 0.01, 60, 4.5, 0.2, 501.66 + 39.05 / 2,
     SZEFLER},
    {STEROID, "PEF_day", LAST_RISE_THROUGH, 0, 0.01, 60, 10.7, 0.2, 501.66 + 39.05 * 0.9,
     SZEFLER},
    {RELIEVED, "FEV1_day", VALUE, 0.25 / 24, 1, 0.25 / 24, 3.2158 * 1.126, 0.003 * 3.2158,
     0, CALIBRATED},
    {RELIEVED, "FEV1_day", VALUE, 0.5 / 24, 1, 0.5 / 24, 3.2158 * 1.130, 0.003 * 3.2158,
     0, CALIBRATED},
    {RELIEVED, "FEV1_day", VALUE, 4.0 / 24, 1, 4.0 / 24, 3.2158 * 1.091, 0.003 * 3.2158,
     0, CALIBRATED},
    {RELIEVED, "FEV1_day", VALUE, 6.0 / 24, 1, 6.0 / 24, 3.2158 * 1.067, 0.003 * 3.2158,
     0, CALIBRATED},
    {DIARY, "", "", "pef", RANGE, 0, 1 / 240.0, 1, 0.200 * 499.5, 0.003 * 499.5, 0,
     CALIBRATED},
    {DIARY, "Ib=0.1", "", "pef", RANGE, 0, 1 / 240.0, 1, 0.055 * 578.7, 0.003 * 578.7, 0,
     CALIBRATED},
    {DIARY, "", "", "pef", TIME_OF_SMALLEST, 0, 1 / 240.0, 1, 4 / 24.0, 0.01, 0,
     CALIBRATED},
    {DIARY, "pollen=0 pollen=100@0.001", "", "FEV1_day", VALUE, 7, 1, 7,
     3.2158 * (1 - 0.063), 0.001 * 3.2158, 0, CALIBRATED},
    {DIARY, "ICS=400 pollen=0 pollen=100@0.001", "", "FEV1_day", VALUE, 7, 1, 7,
     3.4651 * (1 - 0.035), 0.001 * 3.4651, 0, CALIBRATED},
    {DIARY, "PM25=10", "", "PEF_day", VALUE, 5, 1, 5, 501.66 - 1.01, 0.02, 0,
     "Edginton et al. 2021: -1.02 (0.24 to 1.79)"},
    {DIARY, "PM25=0 PM25=10@0.001", "", "PEF_day", VALUE, 2, 1, 2, 501.66 - 0.46, 0.02, 0,
     "Edginton et al. 2021, after 2 d"},
    /* Ozone: the median is exp(-0.937/2) = 0.626 of the published mean, as computed by
     * the closed form of a dose under piecewise constant air. */
    {CHAMBER("0.06"), 1.9955, 1e-4, 0, MCDONNELL ": mean 1.8 to 3.3 %"},
    {CHAMBER("0.07"), 2.8980, 1e-4, 0, MCDONNELL ": mean 5 to 6 %"},
    {CHAMBER("0.08"), 3.9270, 1e-4, 0, MCDONNELL ": mean 6 to 7.5 %"},
    {CHAMBER("0.1"), 6.0802, 1e-4, 0, MCDONNELL ": mean 8 to 13 %"},
    {CHAMBER("0.12"), 7.8564, 1e-4, 0, MCDONNELL ": mean 13 %"},
    {"lungs/ozone", "O3=0.08 AGE=55", "", "lost", VALUE, 395, 1, 395, 0, 1e-12, 0,
     "no effect from 55 years"},
    /* Mechanics. */
    {"lungs/breathing", "u=0.2", "", "size", VALUE, 0, 1, 0, 0.23737265370910132, 1e-9, 0,
     OTIS},
    {"lungs/breathing", "u=0.2", "", "V", RANGE, 40, 0.01, 44, 2 * 0.23737265, 1e-5, 0,
     OTIS},
    {UNEVEN("15"), "Rdyn", VALUE, 0, 1, 0, 6.047995865386854, 1e-9, 0, OTIS},
    {UNEVEN("15"), "Cdyn", VALUE, 0, 1, 0, 0.06319227321719229, 1e-9, 0, OTIS},
    {UNEVEN("15"), "V", RANGE, 80, 0.01, 84, 2 * 0.1354471570965, 1e-5, 0, OTIS},
    {UNEVEN("60"), "V", RANGE, 80, 0.01, 81, 2 * 0.0754594558594, 1e-5, 0, OTIS},
    {"lungs/breathing", "u=1e-9 swing=0 start=0.5", "", "V", HALF_LIFE, 0, 1, 1,
     0.2 * 0.69314718, 1e-6, 0, "passive expiration: R C ln 2"},
    {"lungs/breathing", "R=8 u=1.2 rate=15 swing=12 peep=7", "", "flow", AREA, 80, 0.005,
     84, 0, 1e-7, 0, "over a breath what flowed in flowed out"},
    {"lungs/oscillometry", "Rp=0.6", "", "R5", VALUE, 0, 1, 0, 2.3414258976622944, 1e-9,
     0, MEAD},
    {"lungs/oscillometry", "Rp=0.6", "", "fall", VALUE, 0, 1, 0, 0.04, 0.005, 0, MEAD},
    {"lungs/oscillometry", "Rp=0.6", "", "X5", VALUE, 0, 1, 0, -0.04082784220842234, 1e-9,
     0, MEAD},
    {"lungs/oscillometry", "Rp=0.6 frequency=5.293091062758742", "", "reactance", VALUE,
     0, 1, 0, 0, 1e-9, 0, MEAD},
    {"lungs/oscillometry", ASTHMATIC, "", "R5", VALUE, 0, 1, 0, 4.9682433068274605, 1e-9,
     0, MEAD},
    {"lungs/oscillometry", ASTHMATIC, "", "fall", VALUE, 0, 1, 0, 1.57, 0.005, 0, MEAD},
    {"lungs/oscillometry", ASTHMATIC, "", "X5", VALUE, 0, 1, 0, -1.4782801425067813, 1e-9,
     0, MEAD},
    {"lungs/oscillometry", ASTHMATIC " frequency=19.704342743402", "", "reactance", VALUE,
     0, 1, 0, 0, 1e-9, 0, MEAD},
    {"lungs/spirometry", "MALE=1 AGE=40 HT=178", "", "fev1", VALUE, 0, 1, 0, 4.22, 0.005,
     0, HANKINSON},
    {"lungs/spirometry", "MALE=1 AGE=40 HT=178", "", "fvc", VALUE, 0, 1, 0, 5.31, 0.005,
     0, HANKINSON},
    {"lungs/spirometry", "MALE=1 AGE=40 HT=178", "", "pef", VALUE, 0, 1, 0, 611, 0.5, 0,
     HANKINSON},
    {"lungs/spirometry", "AGE=40 HT=165", "", "fev1", VALUE, 0, 1, 0, 3.11, 0.005, 0,
     HANKINSON},
    {"lungs/spirometry", "AGE=40 HT=165", "", "fvc", VALUE, 0, 1, 0, 3.81, 0.005, 0,
     HANKINSON},
    {"lungs/spirometry", "AGE=40 HT=165", "", "pef", VALUE, 0, 1, 0, 427, 0.5, 0,
     HANKINSON},
    /* The median of 40 years is a row of the table; other ages lie between rows here. */
    {GLI, "MALE=1 HT=175", "", "M_FEV1", VALUE, 0, 1, 0, 3.83546, 1e-4, 0, BOWERMAN},
    {GLI, "MALE=1 HT=175", "", "M_FVC", VALUE, 0, 1, 0, 4.5 / 0.9577, 3e-4, 0,
     "package pyspiro: 4.5 L are 95.77 %"},
    {GLI, "MALE=1 HT=175", "", "lowest_FEV1", VALUE, 0, 1, 0, 2.93880, 1e-4, 0, BOWERMAN},
    {GLI, "MALE=1 HT=175 z_FEV1=-1.645", "", "limit_FEV1", OUTCOME, 0, 1, 1, 100, 1e-9, 0,
     "the lower limit is where z is -1.645"},
    {GLI, "MALE=1 HT=175", "", "share_FEV1", OUTCOME, 0, 1, 1, 100, 1e-9, 0,
     "z is 0 at the median"},
    {GLI, "AGE=32.5 HT=165", "", "M_FEV1", VALUE, 0, 1, 0, 3.09898, 0.0033 * 3.1, 0,
     BOWERMAN},
    {GLI, "AGE=32.5 HT=165", "", "M_FVC", VALUE, 0, 1, 0, 3.66968, 0.0033 * 3.7, 0,
     BOWERMAN},
    {GLI, "AGE=32.5 HT=165", "", "lowest_FEV1", VALUE, 0, 1, 0, 2.37471, 0.005 * 2.4, 0,
     BOWERMAN},
    {GLI, "MALE=1 AGE=62.5 HT=172", "", "M_FEV1", VALUE, 0, 1, 0, 3.04437, 0.0033 * 3, 0,
     BOWERMAN},
    {GLI, "MALE=1 AGE=62.5 HT=172", "", "M_FVC", VALUE, 0, 1, 0, 3.90590, 0.0033 * 3.9, 0,
     BOWERMAN},
    {GLI, "MALE=1 AGE=8 HT=128", "", "M_FEV1", VALUE, 0, 1, 0, 1.57035, 0.0033 * 1.6, 0,
     BOWERMAN},
    {GLI, "MALE=1 AGE=8 HT=128", "", "M_FVC", VALUE, 0, 1, 0, 1.78050, 0.0033 * 1.8, 0,
     BOWERMAN},
    {GLI, "AGE=13 HT=157", "", "M_FEV1", VALUE, 0, 1, 0, 2.66761, 0.0033 * 2.7, 0,
     BOWERMAN},
    {GLI, "AGE=13 HT=157", "", "M_FVC", VALUE, 0, 1, 0, 3.00388, 0.0033 * 3, 0, BOWERMAN},
    {GLI, "AGE=85 HT=155", "", "M_FEV1", VALUE, 0, 1, 0, 1.65839, 2e-4, 0, BOWERMAN},
    {GLI, "AGE=85 HT=155", "", "lowest_FVC", VALUE, 0, 1, 0, 1.48536, 2e-4, 0, BOWERMAN},
    {"lungs/ozone", CHAMBER_DAY("0.04"), "", "typical", VALUE, 395, 1, 395, 0, 1, 0,
     "Adams 2006, chamber of 6.6 h: no loss at 0.04 ppm"},
    /* Outcomes. */
    {"lungs/asthma_diary", "", "", "swing", OUTCOME, 4, 1, 5, 20.0, 0.3, 0, CALIBRATED},
    {"lungs/asthma_diary", "Ib=0.1", "", "swing", OUTCOME, 4, 1, 5, 5.5, 0.3, 0,
     CALIBRATED},
    {"lungs/asthma_diary", "Ib=0.1 A0=0 A1=0", "", "controlled", OUTCOME, 0, 1, 5, 100,
     1e-06, 0, "the personal best is that of I = 0.1"},
    {"lungs/asthma_diary", "Ib=0.1 A0=0 A1=0", "", "lowest", OUTCOME, 0, 1, 5, 578.771,
     0.05, 0, "formula of a forced expiration"},
    {"lungs/breathing", "u=1e-9 rate=15 swing=5 R=2", "", "tidal", OUTCOME, 0, 1, 12,
     0.477014, 2e-4, 0, OTIS ": one unit"},
    {"lungs/breathing", "u=1e-9 rate=15 swing=5", "", "slow_share", OUTCOME, 0, 1, 12, 50,
     0.0001, 0, "even units"},
    {"lungs/ozone", "O3=0.08 VENT=20", "", "dose", OUTCOME, 0, 1, 2000, 350.257, 0.4, 0,
     "closed form of the dose"},
    {"lungs/oscillometry", "R=2.6 Rp=3.5 Cp=0.03", "", "small", OUTCOME, 0, 1, 1, 1.57,
     0.005, 0, MEAD},
    {"lungs/oscillometry", "R=2.6 Rp=3.5 Cp=0.03", "", "stiff", OUTCOME, 0, 1, 1, -1.48,
     0.005, 0, MEAD},

    /* Steroid: 80 to 90 % of its effect by 200 to 250 ug a day. */
    {DIARY, "ICS=0 ICS=200@0.001", "", "A", VALUE, 60, 1, 60, 0.85, 0.05, 0,
     "80 to 90 % by 200 to 250 ug/d"},
    {DIARY, "ICS=0 ICS=250@0.001", "", "A", VALUE, 60, 1, 60, 0.85, 0.05, 0,
     "80 to 90 % by 200 to 250 ug/d"},
    /* FEV1/FVC, which that paper predicts by itself: 88.066 - 0.2066 a and 90.809 -
       0.2125 a %. */
    {"lungs/spirometry", "MALE=1 AGE=40 HT=178", "", "ratio", VALUE, 0, 1, 0, 0.79802,
     0.01, 0, HANKINSON},
    {"lungs/spirometry", "AGE=40 HT=165", "", "ratio", VALUE, 0, 1, 0, 0.82309, 0.01, 0,
     HANKINSON},
    /* Slow breaths see the compliance, fast ones the resistances side by side; PEEP holds
       C times itself. */
    {"lungs/breathing", "rate=0.01", "", "Cdyn", VALUE, 0, 1, 0, 0.1, 1e-7, 0, OTIS},
    {"lungs/breathing", "rate=100000", "", "Rdyn", VALUE, 0, 1, 0, 2 / 1.1276259652, 1e-6,
     0, OTIS},
    {"lungs/breathing", "rate=1", "", "tidal", OUTCOME, 0, 1, 180, 0.5, 0.0005, 0,
     OTIS ": slow, C times the pressure"},
    {"lungs/breathing", "rate=15 peep=10", "", "V", MEAN, 80, 0.01, 84, 0.1 * (10 + 2.5),
     1e-6, 0, OTIS},
};

static const struct courses_one courses[] = {
    {"lungs/asthma_diary",
     "pollen=20 ICS=0 ICS=400@2 pollen=90@3 PM25=15",
     "saba 200 ug @ 1 d; saba 400 ug @ 2.25 d",
     {0.3, 1.02, 1.5, 2.27, 4.1, 9.6}},
    {"lungs/ozone", "O3=0.12 VENT=20 VENT=6.5@50 VENT=20@60", "", {90, 150, 300}},
    {"lungs/breathing", "R=6 peep=3", "", {0.3, 1.1, 2.6, 7}},
    {"lungs/oscillometry", "", "", {1}},
    {"lungs/spirometry", "MALE=1 AGE=61", "", {1}},
    {GLI, "MALE=1 AGE=61.3", "", {1}},
    {"lungs/peak_flow_meters", "", "", {1}},
    {"lungs/cystic_fibrosis", "TRT=1", "", {1, 2}},
};

/* Of people with a factor drawn from the model's spread, 17 % lose more than 10 % of FEV1
 * at 0.08 ppm. The mean loss is 6.3 % there, which makes 0.937 a variance, not an sd; at
 * the other concentrations it is what virtual people of an independent run lost, within a
 * tenth, and what chambers published but for 0.07 ppm, where it is low. */
static void lungs__ozone_differs_between_people_as_in_chambers(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        double mean, low, high; /* published */
    } rows[] = {{CHAMBER_DAY("0.06"), 3.2, 1.8, 3.3},
                {CHAMBER_DAY("0.07"), 4.7, 4.5, 6},
                {CHAMBER_DAY("0.08"), 6.3, 6, 7.5},
                {CHAMBER_DAY("0.10"), 9.8, 8, 13},
                {CHAMBER_DAY("0.12"), 12.6, 12, 14}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct course course;
        course_open(&course, "lungs/ozone", rows[i].set, "");
        double *typical = course_run(&course, "typical", 395, 1, 1);
        double sd = model_parameter(course.model, 0)->between_sd;
        double mean = *typical * exp(sd * sd / 2);
        assert_string_equal(model_parameter(course.model, 0)->name, "response");
        assert_near(mean, rows[i].mean, 0.1);
        assert_true(mean >= rows[i].low && mean <= rows[i].high);
        if (i == 2)
            assert_near(erfc(log(10 / *typical) / sd / sqrt(2)) / 2, 0.17, 0.005);
        mem_free(typical);
        course_close(&course);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lungs__ozone_differs_between_people_as_in_chambers),
    };
    return folder_run(&(struct folder){
        .name = "lungs",
        .figures = figures,
        .figure_count = FOLDER_COUNT(figures),
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
        .tests = tests,
        .test_count = FOLDER_COUNT(tests),
    });
}
