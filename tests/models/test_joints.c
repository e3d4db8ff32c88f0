/* Knees and hips. */

#include "folder.h"

#define DONE "operation 1 1 @ 0 d"
#define KNEE "joints/knee", "", DONE
#define HIP "joints/hip", "", DONE
#define CROSS_LINKED "joints/hip", "HXLPE=1", DONE
#define PROMS "English PROMs, 60,160 knees: +15.0 in 6 months, +1.1 to 12"
#define PIJLS "Pijls et al. 2012 and 2018: 0.58 (0.50-0.65) mm, then 0.04, then 0.06"
#define RSA_WEAR "RSA of 10 years: 0.39 mm at 3 months, 0.12 mm/yr; HXLPE 0.21 and 0.02"
#define MIZNER "Mizner et al. 2005: 62 % of the strength lost at 27 days"
#define VUORENMAA "Vuorenmaa et al. 2008: 26 % less than before at three months"
#define ARCHARD "k F L a cycle, by hand"

static const struct figure figures[] = {
    {KNEE, "score", VALUE, 182, 1, 182, 19 + 15.09, 0.05, 0, PROMS},
    {KNEE, "score", RANGE, 182, 1, 364, 1.12, 0.05, 0, PROMS},
    {KNEE, "score", VALUE, 14, 1, 14, 18.3, 0.05, 0, "18 to 20 points"},
    {KNEE, "score", VALUE, 42, 1, 42, 25.6, 0.05, 0, "26 to 28 points"},
    {KNEE, "score", VALUE, 90, 1, 90, 30.7, 0.05, 0, "31 points"},
    {"joints/knee", "", "", "score", VALUE, 365, 1, 365, 19, 1e-12, 0, "no operation"},
    {"joints/knee", "PRE=43 Oend=44", DONE, "score", LARGEST, 0, 1, 2000, 48, 1e-9, 0,
     "no more than 48"},
    {"joints/knee", "PRE=27", DONE, "score", VALUE, 3000, 1, 3000, 35.3 + 3.79, 0.01, 0,
     "NHS PROMs 2017-18, lme4: 3.7907 for 8 points before"},
    {KNEE, "MTPM", VALUE, 182, 1, 182, 0.516, 0.01, 0, PIJLS},
    {KNEE, "MTPM", RANGE, 182, 1, 364, 0.034, 0.01, 0, PIJLS},
    {KNEE, "MTPM", RANGE, 365, 1, 731, 0.05, 0.01, 0, PIJLS},
    {KNEE, "revision", VALUE, 0, 1, 0, 3 + 8 * 0.2498, 0.01, 0,
     "Pijls et al. 2012: 8 points a mm"},
    {"joints/knee", "Ma=1.55", DONE, "revision", VALUE, 0, 1, 0, 3 + 8 * 1.2995, 0.01, 0,
     "Pijls et al. 2012: 8 points a mm"},
    {KNEE, "strength", VALUE, 14, 1, 14, 0.25, 1e-6, 0, MIZNER},
    {KNEE, "strength", VALUE, 27, 1, 27, 0.38, 0.02, 0, MIZNER},
    {KNEE, "strength", VALUE, 91, 1, 91, 0.74, 0.06, 0, VUORENMAA},
    {KNEE, "strength", VALUE, 182, 1, 182, 1.0, 0.05, 0, "back after six months"},
    {"joints/knee", "varus=3", "", "load", VALUE, 0, 1, 0, 2040, 1, 0,
     "Kutzner et al. 2010"},
    {"joints/knee", "varus=3", "", "medial", VALUE, 0, 1, 0, 1469, 1, 0,
     "Kutzner et al. 2010"},
    {"joints/knee", "varus=-5", "", "medial_share", VALUE, 0, 1, 0, 0.40, 1e-9, 0,
     "0.60 + 0.04 a degree"},
    {"joints/knee", "varus=6", "", "medial_share", VALUE, 0, 1, 0, 0.84, 1e-9, 0,
     "0.60 + 0.04 a degree"},
    {"joints/knee", "varus=10", "", "medial_share", VALUE, 0, 1, 0, 1, 1e-9, 0,
     "0.60 + 0.04 a degree"},
    {HIP, "force", VALUE, 0, 1, 0, 971, 0.5, 0, "0.55 x 2.4 x 9.81 x 75 kg"},
    {HIP, "volume_rate", VALUE, 0, 1, 0, 2.5e-6 * 971.19 * 0.0224 * 1e6, 0.01, 0,
     ARCHARD},
    {HIP, "wear_rate", VALUE, 0, 1, 0, 54.3866 / 615.752, 1e-4, 0, ARCHARD},
    {HIP, "penetration", VALUE, 91, 1, 91, 0.381, 0.005, 0, RSA_WEAR},
    {HIP, "penetration", VALUE, 3650, 1, 3650, 1.27, 0.005, 0, RSA_WEAR},
    {"joints/hip", "k=3.3965e-6", DONE, "penetration", VALUE, 3652.5, 1, 3652.5, 1.59,
     0.005, 0, RSA_WEAR},
    {CROSS_LINKED, "penetration", VALUE, 91, 1, 91, 0.197, 0.005, 0, RSA_WEAR},
    {CROSS_LINKED, "wear_rate", VALUE, 0, 1, 0, 0.016, 0.0005, 0, RSA_WEAR},
    {"joints/hip", "head=36", DONE, "volume_rate", VALUE, 0, 1, 0, 54.3866 * 36 / 28,
     0.01, 0, "a head of 36 for 28 mm: volume +28 %"},
    {"joints/hip", "head=36", DONE, "wear_rate", VALUE, 0, 1, 0, 0.0883255 * 28 / 36,
     1e-5, 0, "a head of 36 for 28 mm: depth -22 %"},
    {"joints/hip", "BW=75 BW=60@1000 steps=5475.702 steps=2737.851@2000", DONE, "wear",
     VALUE, 3000, 1, 3000, 0.08832554 / 365.25 * (1000 + 800 + 400), 1e-6, 0,
     "wear is of cycles and weight, not of years"},
    /* Outcomes. */
    {"joints/knee", "", "operation 1 1 @ 0 d", "gain_6mo", OUTCOME, 0, 1, 365, 15.09,
     0.05, 0, PROMS},
    {"joints/knee", "", "operation 1 1 @ 0 d", "revised", OUTCOME, 0, 1, 365,
     3 + 8 * 0.2498, 0.01, 0, PIJLS},
    {"joints/knee", "", "operation 1 1 @ 0 d", "migrated", OUTCOME, 0, 1, 182, 0.516,
     0.01, 0, PIJLS},
    {"joints/knee", "hit=0", "operation 1 1 @ 0 d", "noticed", OUTCOME, 0, 1, 365,
     39.2805, 0.01, 0, "35.3 - 16.3 exp(-t/70 d) is 26"},
    {"joints/knee", "varus=3", "", "carries", OUTCOME, 0, 1, 1, 1469, 1, 0,
     "Kutzner et al. 2010"},
    {"joints/hip", "", "operation 1 1 @ 0 d", "worn_10yr", OUTCOME, 0, 1, 3652, 1.27,
     0.005, 0, RSA_WEAR},
    {"joints/hip", "HXLPE=1", "operation 1 1 @ 0 d", "a_year", OUTCOME, 0, 1, 3652, 0.016,
     0.0005, 0, RSA_WEAR},
    {"joints/hip", "hit=0", "operation 1 1 @ 0 d", "noticed", OUTCOME, 0, 1, 365, 24.8592,
     0.01, 0, "40 - 22 exp(-t/55 d) is 26"},
    {"joints/knee_pain", "slope=-0.2 level=4", "", "mild", OUTCOME, 0, 1, 20, 10, 1e-06,
     0, "a line"},

    {"joints/knee", "BMI=40", DONE, "score", VALUE, 3000, 1, 3000, 35.3 - 1.5, 0.01, 0,
     "0.15 a point of body mass above 30"},
    {"joints/knee", "", "", "medial_share", VALUE, 0, 1, 0, 0.60, 1e-9, 0,
     "0.60 + 0.04 a degree"},
    {KNEE, "bending", VALUE, 45, 1, 45, 115 - 45 * 0.36787944, 1e-5, 0,
     "closed form: one time constant"},
    {HIP, "strength", VALUE, 60, 1, 60, 1.05 - 0.45 * 0.36787944, 1e-5, 0,
     "closed form: one time constant"},
    {HIP, "penetration", VALUE, 0, 1, 0, 0, 1e-12, 0, "new"},
    {"joints/hip", "steps=9500", DONE, "wear_rate", VALUE, 0, 1, 0,
     0.0883255 * 9500 / 5475.702, 1e-5, 0, ARCHARD ": in proportion to steps"},
    {"joints/hip", "BW=82 head=28", DONE, "wear_rate", VALUE, 0, 1, 0, 0.1, 0.03, 0,
     "conventional polyethylene: about 0.1 mm a year"},
    {"joints/hip", "head=32 HXLPE=1", DONE, "volume_rate", VALUE, 0, 1, 0,
     0.18 * 54.3866 * 32 / 28, 0.01, 0, ARCHARD},
    {HIP, "worn_20yr", OUTCOME, 0, 1, 7305, 0.39 + 20 * 0.0883255, 1e-4, 0, ARCHARD},
    {CROSS_LINKED, "a_year", OUTCOME, 0, 1, 3652, 0.025, 0.025, 0,
     "Dumbleton et al. 2002: no osteolysis below 0.05 mm a year"},
    {"joints/hip", "", DONE, "gain", OUTCOME, 0, 1, 182, 22, 1.5, 0,
     "NHS PROMs 2017-18: 22 points in six months"},
};

static const struct courses_one courses[] = {
    {"joints/knee",
     "PRE=24 BMI=36 varus=4 uncemented=1 rehab=0.9",
     DONE,
     {3, 14, 42, 180, 365, 800}},
    {"joints/hip",
     "PRE=14 BW=75 BW=60@400 steps=9000 HXLPE=1",
     DONE,
     {7, 42, 90, 365, 1500}},
    {"joints/oks_by_provider", "PRE=27", "", {1, 2}},
    {"joints/knee_pain", "TRT=1", "", {1, 3, 10}},
};

int main(void)
{
    return folder_run(&(struct folder){
        .name = "joints",
        .figures = figures,
        .figure_count = FOLDER_COUNT(figures),
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
    });
}
