/* Doses by genotype. */

#include "folder.h"
#include "course.h"
#include "spreads.h"

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

#define IWPC                                                                             \
    "International Warfarin Pharmacogenetics Consortium, N Engl J Med 360:753, 2009"
#define HALF_LIFE_OF_S "warfarin 10 mg @ 0 h", "Cs", HALF_LIFE, 100, 100, 200
#define GAGE                                                                             \
    "Gage et al., Clin Pharmacol Ther 84:326, 2008, of which the head says a quarter "   \
    "less"
#define LINDH                                                                            \
    "Lindh et al., Eur J Clin Pharmacol 65:365, 2009, meta-analysis: 19.6, 33.7, 36.0, " \
    "56.7, 78.1 % less for *1/*2, *1/*3, *2/*2, *2/*3, *3/*3"
#define TWICE "two structures, fitted to two groups, come to the same doses"
/* mg a week, as seven times the label's daily doses. */
#define LABEL(low, high)                                                                 \
    "", "weekly", OUTCOME, 0, 1, 1, ((low)*0.9 + (high)*1.2) / 2,                        \
        ((high)*1.2 - (low)*0.9) / 2, 0,                                                 \
        "label of warfarin (FDA, 2010), doses by CYP2C9 and VKORC1"

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

    /* Half-lives of S-warfarin by CYP2C9, and each reduction of the clearance of 2007. */
    {"genes/warfarin_inr", "", HALF_LIFE_OF_S, 28.5, 0.05, 0, HAMBERG},
    {"genes/warfarin_inr", "CYP2=1", HALF_LIFE_OF_S, 37.8, 0.05, 0, HAMBERG},
    {"genes/warfarin_inr", "CYP3=1", HALF_LIFE_OF_S, 45.8, 0.05, 0, HAMBERG},
    {"genes/warfarin_inr", "CYP2=2", HALF_LIFE_OF_S, 56.4, 0.05, 0, HAMBERG},
    {"genes/warfarin_inr", "CYP2=1 CYP3=1", HALF_LIFE_OF_S, 76.2, 0.05, 0, HAMBERG},
    {"genes/warfarin_inr", "CYP3=2", HALF_LIFE_OF_S, 117.4, 0.05, 0, HAMBERG},
    {EARLIER, "CYP3=1", "warfarin 10 mg @ 0 h", "Cs", AREA, 0, 0.1, 3000,
     5 / 0.314 / (1 - 0.453), 5e-3, 0, "Hamberg et al. 2007: 45.3 % less"},
    /* The label's table: the dose of a week is within its range, or at most a fifth of
       its end off. */
    {"genes/warfarin_inr", "VKA=0", LABEL(35, 49)},
    {"genes/warfarin_inr", "VKA=0 CYP2=1", LABEL(35, 49)},
    {"genes/warfarin_inr", "VKA=0 CYP3=1", LABEL(21, 28)},
    {"genes/warfarin_inr", "VKA=0 CYP2=2", LABEL(21, 28)},
    {"genes/warfarin_inr", "VKA=0 CYP2=1 CYP3=1", LABEL(21, 28)},
    {"genes/warfarin_inr", "VKA=0 CYP3=2", LABEL(3.5, 14)},
    {"genes/warfarin_inr", "VKA=1", LABEL(35, 49)},
    {"genes/warfarin_inr", "VKA=1 CYP2=1", LABEL(21, 28)},
    {"genes/warfarin_inr", "VKA=1 CYP3=1", LABEL(21, 28)},
    {"genes/warfarin_inr", "VKA=1 CYP2=2", LABEL(21, 28)},
    {"genes/warfarin_inr", "VKA=1 CYP2=1 CYP3=1", LABEL(3.5, 14)},
    {"genes/warfarin_inr", "VKA=1 CYP3=2", LABEL(3.5, 14)},
    {"genes/warfarin_inr", "VKA=2", LABEL(21, 28)},
    {"genes/warfarin_inr", "VKA=2 CYP2=1", LABEL(21, 28)},
    {"genes/warfarin_inr", "VKA=2 CYP3=1", LABEL(3.5, 14)},
    {"genes/warfarin_inr", "VKA=2 CYP2=2", LABEL(3.5, 14)},
    {"genes/warfarin_inr", "VKA=2 CYP2=1 CYP3=1", LABEL(3.5, 14)},
    {"genes/warfarin_inr", "VKA=2 CYP3=2", LABEL(3.5, 14)},
    {"genes/warfarin_inr", "CYP2=1", "", "weekly", OUTCOME, 0, 1, 1, 53.9 * 0.804, 3.5, 0,
     LINDH},
    {"genes/warfarin_inr", "CYP3=1", "", "weekly", OUTCOME, 0, 1, 1, 53.9 * 0.663, 3.5, 0,
     LINDH},
    {"genes/warfarin_inr", "CYP2=1 CYP3=1", "", "weekly", OUTCOME, 0, 1, 1, 53.9 * 0.433,
     3.5, 0, LINDH},
    {"genes/warfarin_inr", "CYP3=2", "", "weekly", OUTCOME, 0, 1, 1, 53.9 * 0.219, 2, 0,
     LINDH},
    {"genes/warfarin_inr", "CYP2=2", "", "weekly", OUTCOME, 0, 1, 1, 53.9 * 0.506, 0.1, 0,
     LINDH ", of which the head says 49 % for 36"},
    /* Half-lives of the two recipes. */
    {"genes/metoprolol_cyp2d6", "", "oral 100 mg @ 0 h", "Cp", HALF_LIFE, 12, 12, 24, 3.5,
     0.5, 0, "label of metoprolol: 3 to 4 h"},
    {"genes/escitalopram_cyp2c19", "", "oral 10 mg @ 0 h", "Cp", HALF_LIFE, 48, 48, 96,
     29.5, 2.5, 0, "label of escitalopram: 27 to 32 h"},
    {"genes/escitalopram_cyp2c19", "", "oral 10 mg @ 0 h every 24 h 80 times", "usual",
     OUTCOME, 0, 1, 1920, 50 * 0.3244, 0.5, 0,
     "label of escitalopram: 50 nmol/L (324.4 g/mol) under 10 mg a day"},
    /* The consortium's regression: squares of 6.1496, 5.2819 and 4.4522 for GG, GA and
       AA. */
    {"genes/warfarin_inr", "VKA=1", "", "weekly", OUTCOME, 0, 1, 1, 53.9 * 27.90 / 37.82,
     0.5, 0, IWPC},
    {"genes/warfarin_inr", "VKA=2", "", "weekly", OUTCOME, 0, 1, 1, 53.9 * 19.82 / 37.82,
     4, 0, IWPC},
    {"genes/warfarin_inr", "VKA=1", "", "weekly", OUTCOME, 0, 1, 1, 27.90 / 0.7, 0.5, 0,
     IWPC ", of which the head says 30 % less"},
    /* And Gage's: exp(1.7348), exp(1.4110) and exp(1.0872) mg a day at 71 years, 170 cm,
       70 kg and an INR of 2.5. */
    {"genes/warfarin_inr", "VKA=0", "", "weekly", OUTCOME, 0, 1, 1, 39.68 / 0.74, 0.5, 0,
     GAGE},
    {"genes/warfarin_inr", "VKA=1", "", "weekly", OUTCOME, 0, 1, 1, 28.70 / 0.74, 1, 0,
     GAGE},
    {"genes/warfarin_inr", "VKA=2", "", "weekly", OUTCOME, 0, 1, 1, 20.76 / 0.74, 3, 0,
     GAGE},
    {EARLIER, "VKA=0", "", "weekly", OUTCOME, 0, 1, 1, 53.9, 1.5, 0, TWICE},
    {EARLIER, "VKA=1", "", "weekly", OUTCOME, 0, 1, 1, 39.6, 4, 0, TWICE},
    {EARLIER, "VKA=2", "", "weekly", OUTCOME, 0, 1, 1, 25.3, 1.5, 0, TWICE},
    {"genes/warfarin_inr", "", HALF_LIFE_OF_S, 32, 11, 0,
     "label of warfarin: S-warfarin 21 to 43 h"},
    /* Peaks, and the first day beside the last: it accumulates 2.2- to 2.5-fold. */
    {"genes/escitalopram_cyp2c19", "", "oral 10 mg @ 0 h", "Cp", TIME_OF_LARGEST, 0, 0.05,
     12, 5, 1, 0, "label of escitalopram: about 5 h"},
    {"genes/escitalopram_cyp2c19", "", "oral 10 mg @ 0 h", "usual", OUTCOME, 0, 1, 24,
     10e3 / 26 / 24 / 2.35, 0.45, 0, "label of escitalopram: 2.2 to 2.5-fold"},
    {"genes/metoprolol_cyp2d6", "", "oral 100 mg @ 0 h", "peak_at", OUTCOME, 0, 1, 24,
     1.75, 0.35, 0, "label of metoprolol: 1.5 to 2 h"},
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

/* What INRs on so many days tell of clearance and sensitivity, and of their product,
 * which is the dose that is required. */
#define DAYS(what) what " 24,48,72,96,120,168,240,336,504,672"
#define HAMBERG_SPREADS HAMBERG ": expected information, error 0.20, in the file"
#define INR_SPREADS                                                                      \
    "genes/warfarin_inr", "VKA=1", "warfarin 5 mg @ 0 h every 24 h 29 times"

static const struct spread spreads[] = {
    {INR_SPREADS, "INR 72,120,168", "CL 0.27; EC50 0.27; CL*EC50 0.26", 0.015,
     HAMBERG_SPREADS},
    {INR_SPREADS, "INR 72,120,168,240,336", "CL 0.26; EC50 0.25; CL*EC50 0.18", 0.015,
     HAMBERG_SPREADS},
    {INR_SPREADS, "INR 72,120,168,240,336,504,672", "CL 0.25; EC50 0.25; CL*EC50 0.14",
     0.015, HAMBERG_SPREADS},
    /* At its own study: 97 and 89 % of the transit times' variances are left. */
    {INR_SPREADS, DAYS("INR") ";" DAYS("level"),
     "CL 0.03; EC50 0.132; MTT1 0.1477; MTT2 0.2837", 0.012, "the model's head"},
};

static void genes__inr_tells_the_dose_and_not_its_factors(void **state)
{
    (void)state;
    spreads_check(spreads, FOLDER_COUNT(spreads));
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
