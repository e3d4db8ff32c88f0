/* Weight, pressure, risks, steps, growth. */

#include "folder.h"
#include "course.h"
#include "likelihood.h"
#include "spreads.h"

#define WEIGHT "prevention/body_weight"
#define VIGNETTE WEIGHT, "AGE=40 HT=1.8 W0=80 diet=-250", ""
#define MAN_OF_80 WEIGHT, "MALE=1 AGE=50 HT=1.78 W0=80 diet=-23.9006", "", "change", VALUE
#define MAN_OF_100                                                                       \
    WEIGHT, "PAL=1.6 MALE=1 AGE=40 HT=1.8 W0=100 diet=-499.522", "", "change", VALUE
#define PLAN "prevention/pressure_plan"
#define TWICE_A_WEEK(what) what " 0,3,7,10,14,17,21,28,35,42,49,56,63,70,77,84"
#define SALT PLAN, "HTN=1 S0=150 sodium=-1729.2", "", "S", VALUE
#define DAY "prevention/pressure_day", "", "", "S"
#define PCE "prevention/risk_pce", "AGE=55 TC=213 HDL=50 SBP=120 "
#define ILL "AGE=62 TC=240 HDL=45 SBP=150 treated=1 smoker=1 DM=1"
#define GOFF_HAND "coefficients of Goff et al. 2014, worked out apart"
#define FRAMINGHAM "prevention/risk_framingham"
#define SCORE2 "prevention/risk_score2", "AGE=50 smoker=1 SBP=140 TC=5.5 HDL=1.3"
#define REGIONS "SCORE2 working group, Eur Heart J 42:2439, 2021, abstract"
#define REGIONS_HAND "coefficients of SCORE2, worked out apart"
#define TABLE_4 "SCORE2 working group 2021, supplement, table 4"
#define SCORE2_50(set)                                                                   \
    "prevention/risk_score2", "AGE=50 smoker=1 SBP=140 TC=6.3 HDL=1.4 " set
#define OLD(set)                                                                         \
    "prevention/risk_score2_op", "AGE=75 " set, "", "chance", OUTCOME, 0, 1, 1
#define OLD_SMOKER "smoker=1 SBP=140 TC=5.5 HDL=1.3 "
#define OP_HAND "coefficients of SCORE2-OP, worked out apart"
#define TABLE_3 "SCORE2-OP working group 2021, supplement, table 3"
#define HEARTSCORE "the European society's calculator, as tests of RiskScorescvd have it"
#define DIABETIC(set)                                                                    \
    "prevention/risk_score2_diabetes", "SBP=140 TC=5.5 HDL=1.3 " set, "", "chance",      \
        OUTCOME, 0, 1, 1
#define DIABETES_AVERAGE "SCORE2-Diabetes working group 2023, abstract"
#define DIABETES_HAND "coefficients of SCORE2-Diabetes, worked out apart"
#define PREVENT(set, what) "prevention/risk_prevent", set, "", what, OUTCOME, 0, 1, 1
#define PREVENT_WOMAN "AGE=50 SBP=160 treated=1 TC=200 HDL=45 DM=1 GFR=90 BMI=35"
#define PREVENT_SPLINES "AGE=66 SBP=105 TC=230 HDL=38 statin=1 smoker=1 GFR=45 BMI=27"
#define KHAN "Khan et al. 2024, example of the supplement"
#define KHAN_HAND "coefficients of Khan et al. 2024, worked out apart"
#define YOUNG                                                                            \
    "prevention/risk_hypertension", "MALE=1 AGE=45 SBP=120 DBP=80 BMI=27", "", "risk"
#define LIFE "prevention/lifestyle"
#define HALL "Hall et al. 2011"
#define BW "R package bw, vignette; code of the paper"
#define CALERIE "AGE=38 HT=1.69 W0=72 PAL=1.68 diet=-468 diet=-218@182"
#define RAVUSSIN                                                                         \
    "Ravussin et al., J Gerontol A 70:1097, 2015 (CALERIE 2): 8.3 kg in one year, 7.6 "  \
    "in two"
#define MACGREGOR "He and MacGregor 2013: -5.4 mm[Hg] for -4.4 g of salt"
#define NETER "Neter et al. 2003: 1.05 mm[Hg] a kg; ramp behind a lag of 10 d"
#define LAW "Law et al. 2009"
#define SACKS "Sacks et al., N Engl J Med 344:3, 2001: "
#define SHENG "Sheng et al., cosines integrated"
#define GOFF "Goff et al. 2014, table of examples"
#define AGOSTINO "D'Agostino et al. 2008, examples"
#define PARIKH "Parikh et al. 2008"
#define YEARS(n) (365.25 * (n))

static const struct figure figures[] = {
    {VIGNETTE, "W", VALUE, 30, 1, 30, 78.975, 0.005, 0, BW},
    {VIGNETTE, "W", VALUE, 100, 1, 100, 77.408, 0.005, 0, BW},
    {VIGNETTE, "W", VALUE, 365, 1, 365, 73.179, 0.005, 0, BW},
    {VIGNETTE, "F", VALUE, 365, 1, 365, 20.84, 0.005, 0, BW},
    {VIGNETTE, "L", VALUE, 365, 1, 365, 30.60, 0.005, 0, BW},
    {MAN_OF_80, 365, 1, 365, -0.65, 0.02, 0, HALL ": 100 kJ/d is about 1 kg"},
    {MAN_OF_80, 1095, 1, 1095, -1.00, 0.02, 0, HALL ": 95 % in about 3 years"},
    {MAN_OF_80, 3650, 1, 3650, -1.07, 0.02, 0, HALL ": 100 kJ/d is about 1 kg"},
    {MAN_OF_100, 365, 1, 365, -13.06, 0.02, 0, HALL},
    {MAN_OF_100, 1095, 1, 1095, -20.5, 0.02, 0, HALL},
    {MAN_OF_100, 3650, 1, 3650, -21.6, 0.02, 0, HALL},
    {MAN_OF_100, 275, 1, 275, -21.6 / 2, 0.02, 0, HALL ": half in about a year"},
    {MAN_OF_100, 1107, 1, 1107, -21.6 * 0.95, 0.02, 0, HALL ": 95 % in about 3 years"},
    {WEIGHT, "MALE=1 sodium=-1500", "", "change", VALUE, 60, 1, 60, -0.47, 0.01, 0,
     HALL ": half a litre for 1500 mg/d, with the answer of tissue"},
    {WEIGHT, "MALE=1 sodium=-1500", "", "ECF", VALUE, 1.07333, 1, 1.07333,
     20.6275 - 0.5 * (1 - 0.36788), 1e-4, 0, HALL ": time constant 1.07 d"},
    {WEIGHT, "MALE=1 AGE=21 HT=1.74 W0=60.3 PAL=1.7 diet=840", "", "change", VALUE, 100,
     1, 100, 8.1, 2.4, 0,
     "Bouchard et al., N Engl J Med 322:1477, 1990: 84,000 kcal in 100 days, 8.1 kg (sd "
     "2.4)"},
    {WEIGHT, "sleep=5", "", "dEI", VALUE, 0, 1, 0, 192.5, 1e-9, 0,
     "Al Khatib et al. 2017, half of 385 kcal/d"},
    {WEIGHT, "", "", "W", RANGE, 0, 1, 3000, 0, 1e-6, 0, "no change without a change"},
    {SALT, 7, 1, 7, 150 - 2.41, 0.01, 0, MACGREGOR},
    {SALT, 14, 1, 14, 150 - 3.93, 0.01, 0, MACGREGOR},
    {SALT, 28, 1, 28, 150 - 5.05, 0.01, 0, MACGREGOR},
    {SALT, 90, 1, 90, 150 - 5.42, 0.01, 0, MACGREGOR},
    {PLAN, "S0=125 sodium=-1729.2", "", "S", VALUE, 90, 1, 90, 125 - 2.42, 0.01, 0,
     "He and MacGregor 2013: -2.4 mm[Hg] without hypertension"},
    {PLAN, "S0=140 dW=0 dW=-5@180 dW=-5@300", "", "S", VALUE, 90, 1, 90, 140 - 2.22, 0.01,
     0, NETER},
    {PLAN, "S0=140 dW=0 dW=-5@180 dW=-5@300", "", "S", VALUE, 180, 1, 180, 140 - 4.72,
     0.01, 0, NETER},
    {PLAN, "S0=140 dW=0 dW=-5@180 dW=-5@300", "", "S", VALUE, 270, 1, 270, 140 - 5.0,
     0.01, 0, NETER},
    {PLAN, "S0=145 ace=1", "", "S", VALUE, 200, 1, 200, 145 - 8.2, 0.05, 0, LAW},
    {PLAN, "S0=150 ace=1", "", "S", VALUE, 200, 1, 200, 150 - 8.7, 0.05, 0, LAW},
    {PLAN, "S0=150 ace=0.5", "", "S", VALUE, 200, 1, 200, 150 - 6.8, 0.05, 0,
     LAW ": 78 %"},
    {PLAN, "S0=154 ccb=2", "", "S", VALUE, 200, 1, 200, 154 - 9.1 * 1.16, 0.05, 0,
     LAW ": 116 % by two doses"},
    {PLAN, "S0=150 ace=0.5 ccb=0.5 thiazide=0.5", "", "S", VALUE, 200, 1, 200, 150 - 20.4,
     0.05, 0, LAW ": 20.0 by three halves"},
    {PLAN, "S0=154 ccb=0.25", "", "gain", OUTCOME, 0, 1, 200, 4.7, 0.5, 0,
     "Bennett et al., Hypertension 70:85, 2017: a quarter of a dose, 4.7"},
    {PLAN, "S0=154 ace=0.25 ccb=0.25 beta=0.25 thiazide=0.25", "", "gain", OUTCOME, 0, 1,
     200, 20.5, 1.9, 0,
     "Chow et al., Lancet 389:1035, 2017: four quarters, 18.7 to 22.4"},
    {PLAN, "S0=150 D0=95 ace=1", "", "D", VALUE, 200, 1, 200, 95 - 0.55 * 8.7, 0.05, 0,
     LAW},
    {DAY, MEAN, 8 / 24.0, 1 / 480.0, 22 / 24.0, 145.5, 0.05, 0, SHENG},
    {DAY, MEAN, 22 / 24.0, 1 / 480.0, 32 / 24.0, 132.3, 0.05, 0, SHENG ", dip 9.1 %"},
    {DAY, LARGEST, 0, 1 / 480.0, 1, 149.4, 0.05, 0, SHENG},
    {DAY, TIME_OF_LARGEST, 0, 1 / 480.0, 1, 19.2 / 24, 0.004, 0, SHENG},
    {DAY, SMALLEST, 0, 1 / 480.0, 1, 123.9, 0.05, 0, SHENG},
    {DAY, TIME_OF_SMALLEST, 0, 1 / 480.0, 1, 2.5 / 24, 0.004, 0, SHENG},
    {PCE "MALE=1", "", "risk", VALUE, 0, 1, 0, 0.0538, 5e-5, 0, GOFF},
    {PCE "MALE=1 BLACK=1", "", "risk", VALUE, 0, 1, 0, 0.0607, 5e-5, 0, GOFF},
    {PCE "", "", "risk", VALUE, 0, 1, 0, 0.0205, 5e-5, 0, GOFF},
    {PCE "BLACK=1", "", "risk", VALUE, 0, 1, 0, 0.0303, 5e-5, 0, GOFF},
    {"prevention/risk_pce", ILL " MALE=1", "", "risk", VALUE, 0, 1, 0, 0.462579, 1e-6, 0,
     GOFF_HAND},
    {"prevention/risk_pce", ILL "", "", "risk", VALUE, 0, 1, 0, 0.319034, 1e-6, 0,
     GOFF_HAND},
    {"prevention/risk_pce", ILL " BLACK=1", "", "risk", VALUE, 0, 1, 0, 0.536352, 1e-6, 0,
     GOFF_HAND},
    {"prevention/risk_pce", ILL " MALE=1 BLACK=1", "", "risk", VALUE, 0, 1, 0, 0.533165,
     1e-6, 0, GOFF_HAND},
    {FRAMINGHAM, "AGE=61 TC=180 HDL=47 SBP=124 smoker=1", "", "risk", VALUE, 0, 1, 0,
     0.1048, 5e-5, 0, AGOSTINO},
    {FRAMINGHAM, "MALE=1 AGE=53 TC=161 HDL=55 SBP=125 treated=1 DM=1", "", "risk", VALUE,
     0, 1, 0, 0.1562, 5e-5, 0, AGOSTINO},
    {YOUNG, VALUE, 1, 1, 1, 0.0195, 5e-5, 0, PARIKH},
    {YOUNG, VALUE, 2, 1, 2, 0.0424, 5e-5, 0, PARIKH},
    {YOUNG, VALUE, 4, 1, 4, 0.0911, 5e-5, 0, PARIKH},
    {"prevention/risk_hypertension",
     "MALE=1 AGE=55 SBP=132 DBP=86 BMI=31 smoker=1 parents=2", "", "risk", VALUE, 4, 1, 4,
     0.5534, 5e-5, 0, PARIKH},
    /* Years: without a plan the hazard's integral is the score; then it goes by the
       ratios. */
    {LIFE, "AGE=61 TC=180 HDL=47 S0=124 smoker=1", "", "risk", VALUE, YEARS(10), 1,
     YEARS(10), 0.1048, 5e-5, 0, AGOSTINO},
    {LIFE, "MALE=1 AGE=53 TC=161 HDL=55 S0=125 treated=1 DM=1", "", "risk", VALUE,
     YEARS(10), 1, YEARS(10), 0.1562, 5e-5, 0, AGOSTINO},
    {LIFE, "AGE=61 TC=180 HDL=47 S0=124 smoker=1 quit=1", "", "H", VALUE, YEARS(10), 1,
     YEARS(10), 0.11071 * 0.64, 1e-4, 0, "Critchley and Capewell 2003, a factor of 0.64"},
    {LIFE, "AGE=61 TC=180 HDL=47 S0=124 smoker=1 dLDL=-2", "", "H", VALUE, YEARS(10), 1,
     YEARS(10), 0.11071 * 0.6084, 1e-4, 0,
     "Cholesterol Treatment Trialists 2010, 0.78^2"},
    {LIFE, "S0=150 tablets=1", "", "S", VALUE, 200, 1, 200, 150 - 8.7, 0.05, 0, LAW},
    {LIFE, "AGE=40 HT=1.8 W0=80 diet=-250", "", "W", VALUE, 365, 1, 365, 73.179, 0.005, 0,
     BW},
    {LIFE, "MALE=1 AGE=45 HT=1.7 W0=78.03 S0=120 D0=80", "", "hypertension4", VALUE, 0, 1,
     0, 0.0911, 5e-5, 0, PARIKH},
    /* Outcomes. */
    {"prevention/pressure_day", "", "", "sbp_day", OUTCOME, 0, 1, 1, 145.5, 0.05, 0,
     SHENG},
    {"prevention/pressure_day", "", "", "sbp_night", OUTCOME, 0, 1, 1, 132.3, 0.05, 0,
     SHENG},
    {"prevention/pressure_day", "", "", "dip", OUTCOME, 0, 1, 1, 9.1, 0.05, 0, SHENG},
    {"prevention/pressure_day", "", "", "highest", OUTCOME, 0, 1, 1, 149.4, 0.05, 0,
     SHENG},
    {"prevention/pressure_day", "", "", "highest_at", OUTCOME, 0, 1, 1, 19.2 / 24, 0.004,
     0, SHENG},
    {"prevention/pressure_day", "", "", "lowest_at", OUTCOME, 0, 1, 1, 2.5 / 24, 0.004, 0,
     SHENG},
    {"prevention/body_weight", "AGE=40 HT=1.8 W0=80 diet=-250", "", "at_12mo", OUTCOME, 0,
     1, 365, 73.179, 0.005, 0, BW},
    {"prevention/body_weight", "MALE=1 AGE=50 HT=1.78 W0=80 diet=-23.9006", "", "lost",
     OUTCOME, 0, 1, 1096, 1.0, 0.02, 0, HALL ", 100 kJ a day: 1 kg in three years"},
    {"prevention/body_weight", "MALE=1 AGE=50 HT=1.78 W0=80 diet=-10", "", "lost",
     OUTCOME, 0, 1, 3652, 10 / 22.0, 0.03, 0,
     HALL ": 10 kcal a day for each pound, in the end"},
    {"prevention/lifestyle", "AGE=61 TC=180 HDL=47 S0=124 smoker=1", "", "risk_10yr",
     OUTCOME, 0, 1, 3652, 10.48, 0.02, 0, AGOSTINO},
    {"prevention/lifestyle", "AGE=61 TC=180 HDL=47 S0=124 smoker=1", "", "saved_10yr",
     OUTCOME, 0, 1, 3652, 0, 0.001, 0, "no plan, nothing saved"},
    {"prevention/risk_framingham", "AGE=61 TC=180 HDL=47 SBP=124 smoker=1", "", "chance",
     OUTCOME, 0, 1, 1, 10.48, 0.005, 0, AGOSTINO},
    {"prevention/risk_pce", "AGE=55 TC=213 HDL=50 SBP=120 MALE=1", "", "chance", OUTCOME,
     0, 1, 1, 5.38, 0.005, 0, GOFF},
    {"prevention/risk_hypertension", "MALE=1 AGE=45 SBP=120 DBP=80 BMI=27", "",
     "within_1yr", OUTCOME, 0, 1, 4, 1.9, 0.05, 0, PARIKH},
    {"prevention/risk_hypertension", "MALE=1 AGE=45 SBP=120 DBP=80 BMI=27", "",
     "within_2yr", OUTCOME, 0, 1, 4, 4.2, 0.05, 0, PARIKH},
    {"prevention/risk_hypertension", "MALE=1 AGE=45 SBP=120 DBP=80 BMI=27", "",
     "within_4yr", OUTCOME, 0, 1, 4, 9.1, 0.05, 0, PARIKH},
    {"prevention/pressure_plan", "HTN=1 S0=150 sodium=-1729.2", "", "gain", OUTCOME, 0, 1,
     90, 5.42, 0.03, 0, MACGREGOR},
    {"prevention/weight_loss", "last=81.37 lost=102.68 half=141.9 goal=132.71", "",
     "reached", OUTCOME, 0, 1, 365, 141.9, 0.01, 0,
     "half of what is lost, after the time to half"},

    /* The abstract's example, of 50 years: from the region of low to that of very high
       risk. */
    {SCORE2 " MALE=1 REGION=1", "", "chance", OUTCOME, 0, 1, 1, 5.9, 0.05, 0, REGIONS},
    {SCORE2 " MALE=1 REGION=4", "", "chance", OUTCOME, 0, 1, 1, 14.0, 0.05, 0, REGIONS},
    {SCORE2 " REGION=1", "", "chance", OUTCOME, 0, 1, 1, 4.2, 0.05, 0, REGIONS},
    {SCORE2 " REGION=4", "", "chance", OUTCOME, 0, 1, 1, 13.7, 0.05, 0, REGIONS},
    {SCORE2_50("MALE=1 REGION=1"), "", "chance", OUTCOME, 0, 1, 1, 6.3, 0.05, 0, TABLE_4},
    {SCORE2_50("MALE=1 REGION=2"), "", "chance", OUTCOME, 0, 1, 1, 8.1, 0.05, 0, TABLE_4},
    {SCORE2_50("MALE=1 REGION=3"), "", "chance", OUTCOME, 0, 1, 1, 8.8, 0.05, 0, TABLE_4},
    {SCORE2_50("MALE=1 REGION=4"), "", "chance", OUTCOME, 0, 1, 1, 15.1, 0.05, 0,
     TABLE_4},
    {SCORE2_50("REGION=1"), "", "chance", OUTCOME, 0, 1, 1, 4.3, 0.05, 0, TABLE_4},
    {SCORE2_50("REGION=2"), "", "chance", OUTCOME, 0, 1, 1, 5.2, 0.05, 0, TABLE_4},
    {SCORE2_50("REGION=3"), "", "chance", OUTCOME, 0, 1, 1, 7.1, 0.05, 0, TABLE_4},
    {SCORE2_50("REGION=4"), "", "chance", OUTCOME, 0, 1, 1, 14.1, 0.05, 0, TABLE_4},
    /* An older woman who does not smoke. */
    {"prevention/risk_score2", "AGE=67 SBP=155 TC=7.1 HDL=1.0", "", "chance", OUTCOME, 0,
     1, 1, 10.279, 0.001, 0, REGIONS_HAND},
    {OLD(OLD_SMOKER "MALE=1 REGION=1"), 18.6, 0.05, 0, TABLE_3},
    {OLD(OLD_SMOKER "REGION=1"), 15.2, 0.05, 0, TABLE_3},
    {OLD("SBP=140 TC=5.5 HDL=1.3 MALE=1 REGION=1"), 13.3, 0.05, 0, HEARTSCORE},
    {OLD("SBP=110 TC=5 HDL=2 REGION=1"), 6.1, 0.05, 0, HEARTSCORE},
    {OLD(OLD_SMOKER "MALE=1 REGION=2"), 23.9, 0.05, 0, HEARTSCORE},
    {OLD(OLD_SMOKER "REGION=2"), 20.0, 0.05, 0, HEARTSCORE},
    {OLD("smoker=1 SBP=140 TC=6 HDL=1.3 MALE=1 REGION=3"), 29.2, 0.05, 0, HEARTSCORE},
    {OLD("smoker=1 SBP=110 TC=5 HDL=2 REGION=3"), 19.0, 0.05, 0, HEARTSCORE},
    {OLD("smoker=1 SBP=140 TC=6 HDL=1.3 MALE=1 REGION=4"), 40.8, 0.05, 0, HEARTSCORE},
    {OLD("smoker=1 SBP=140 TC=6 HDL=1.3 REGION=4"), 46.2, 0.05, 0, HEARTSCORE},
    {"prevention/risk_score2_op", "AGE=86 DM=1 smoker=1 SBP=170 TC=4 HDL=1 MALE=1", "",
     "chance", OUTCOME, 0, 1, 1, 40.699, 0.001, 0, OP_HAND},
    {"prevention/risk_score2_op", "AGE=86 DM=1 smoker=1 SBP=170 TC=4 HDL=1", "", "chance",
     OUTCOME, 0, 1, 1, 56.191, 0.001, 0, OP_HAND},
    /* Of 60 years, diabetes found now, and found ten years ago and no longer mild. */
    {DIABETIC("MALE=1 HBA1C=50 GFR=90 SINCE=60"), 11, 0.5, 0, DIABETES_AVERAGE},
    {DIABETIC("MALE=1 HBA1C=70 GFR=60 SINCE=50"), 17, 0.5, 0, DIABETES_AVERAGE},
    {DIABETIC("HBA1C=50 GFR=90 SINCE=60"), 8, 0.5, 0, DIABETES_AVERAGE},
    {DIABETIC("HBA1C=70 GFR=60 SINCE=50"), 13, 0.5, 0, DIABETES_AVERAGE},
    {DIABETIC("MALE=1 HBA1C=50 GFR=90 SINCE=60 REGION=1"), 8.4, 0.05, 0, HEARTSCORE},
    {"prevention/risk_score2_diabetes",
     "AGE=55 MALE=1 smoker=1 SBP=150 TC=5.2 HDL=1.1 SINCE=45 HBA1C=64 GFR=75 REGION=3",
     "", "chance", OUTCOME, 0, 1, 1, 24.526, 0.001, 0, DIABETES_HAND},
    {"prevention/risk_score2_diabetes",
     "AGE=66 smoker=1 SBP=150 TC=5.2 HDL=1.1 SINCE=45 HBA1C=64 GFR=75 REGION=4", "",
     "chance", OUTCOME, 0, 1, 1, 61.723, 0.001, 0, DIABETES_HAND},
    {PREVENT(PREVENT_WOMAN, "chance"), 14.7, 0.05, 0, KHAN},
    {PREVENT(PREVENT_WOMAN, "chance_asc"), 9.2, 0.05, 0, KHAN},
    {PREVENT(PREVENT_WOMAN, "chance_hf"), 8.1, 0.05, 0, KHAN},
    {PREVENT(PREVENT_WOMAN " MALE=1", "chance"), 16.3171, 1e-4, 0, KHAN_HAND},
    {PREVENT(PREVENT_WOMAN " MALE=1", "chance_asc"), 10.1944, 1e-4, 0, KHAN_HAND},
    {PREVENT(PREVENT_WOMAN " MALE=1", "chance_hf"), 10.5911, 1e-4, 0, KHAN_HAND},
    {PREVENT(PREVENT_SPLINES " MALE=1", "chance"), 20.3146, 1e-4, 0, KHAN_HAND},
    {PREVENT(PREVENT_SPLINES " MALE=1", "chance_asc"), 12.6081, 1e-4, 0, KHAN_HAND},
    {PREVENT(PREVENT_SPLINES " MALE=1", "chance_hf"), 10.5581, 1e-4, 0, KHAN_HAND},
    {PREVENT(PREVENT_SPLINES, "chance"), 16.8648, 1e-4, 0, KHAN_HAND},
    {PREVENT(PREVENT_SPLINES, "chance_asc"), 9.9134, 1e-4, 0, KHAN_HAND},
    {PREVENT(PREVENT_SPLINES, "chance_hf"), 8.6485, 1e-4, 0, KHAN_HAND},
    /* Both cosines are whole in a day. */
    {DAY, MEAN, 0, 1 / 480.0, 1, 140, 1e-6, 0, SHENG},
    {"prevention/pressure_day", "", "", "D", MEAN, 0, 1 / 480.0, 1, 89.5, 1e-6, 0, SHENG},
    /* Training, diet, sleep. */
    {PLAN, "HTN=1 S0=150 training=1", "", "S", VALUE, 200, 1, 200, 150 - 8.3, 0.05, 0,
     "Cornelissen and Smart 2013: -8.3 in hypertension, -0.8 without"},
    {PLAN, "S0=125 training=1", "", "S", VALUE, 200, 1, 200, 125 - 0.8, 0.05, 0,
     "Cornelissen and Smart 2013: -8.3 in hypertension, -0.8 without"},
    {PLAN, "HTN=1 S0=150 DASH=1", "", "S", VALUE, 200, 1, 200, 150 - 11.4, 0.05, 0,
     "Appel et al. 1997: -11.4 in hypertension, -3.5 without"},
    {PLAN, "S0=125 DASH=1", "", "S", VALUE, 200, 1, 200, 125 - 3.5, 0.05, 0,
     "Appel et al. 1997: -11.4 in hypertension, -3.5 without"},
    /* 77 mmol of sodium less a day, of 142; all 412 people, two in five of them
       hypertensive. */
    {PLAN, "HTN=1 S0=145 DASH=1 sodium=-1770", "", "gain", OUTCOME, 0, 1, 200, 11.5, 2.6,
     0, SACKS "11.5 with DASH and little salt, in hypertension"},
    {PLAN, "S0=128 DASH=1 sodium=-1770", "", "gain", OUTCOME, 0, 1, 200, 7.1, 2.6, 0,
     SACKS "7.1 without"},
    {PLAN, "S0=128 DASH=1 DASH=1@100 sodium=0 sodium=-1770@100", "", "S", RANGE, 99, 1,
     300, 0.45 * 2.48, 0.01, 0, SACKS "salt does 3.0 for 6.7 under DASH"},
    {PLAN, "S0=125 sleep=5", "", "S", VALUE, 200, 1, 200, 125 + 3, 0.05, 0,
     "two to four more, weak"},
    /* What a factor does to the hazard. */
    {LIFE, "S0=150 tablets=1", "", "ratio", VALUE, 300, 1, 300, 0.8235, 1e-3, 0,
     "Ettehad et al. 2016: 0.80 for 10 mm[Hg], here 8.7"},
    {LIFE, "AGE=61 TC=180 HDL=47 S0=124 smoker=1 dA1c=-1", "", "H", VALUE, YEARS(10), 1,
     YEARS(10), 0.11071 * 0.85, 1e-4, 0, "0.85 for 1 % of HbA1c"},
    {"prevention/steps", "usual=7963", "", "weekly", VALUE, 0, 1, 0, 55741, 1e-6, 0,
     "seven days"},
    {"prevention/growth", "", "", "grown", OUTCOME, -1, 1, 1, 13.051, 1e-6, 0,
     "Pinheiro and Bates 2000: 6.5255 a unit of age"},
    {"prevention/weight_loss", "last=81.37 lost=102.68 half=141.9", "", "W", VALUE, 0, 1,
     0, 184.05, 1e-9, 0, "Venables and Ripley 2002: 81.37 and 102.68 kg"},

    /* Two years at 19.5 % less for half of one and 9.1 % less then, and half a year at 45
       % of before, moving 56 % less. */
    {WEIGHT, CALERIE, "", "change", VALUE, 365, 1, 365, -8.3, 1.3, 0, RAVUSSIN},
    {WEIGHT, CALERIE, "", "change", VALUE, 728, 1, 728, -7.6, 1.3, 0, RAVUSSIN},
    {WEIGHT, "MALE=1 AGE=25 HT=1.79 W0=69.4 PAL=2.06 diet=-1920 activity=-0.56", "",
     "change", VALUE, 168, 1, 168, -16.8, 0.6, 0, "Keys et al. 1950: 69.4 to 52.6 kg"},
    /* The mean of 14 readings of 12.85 each is off by 3.4. */
    {PLAN, "S0=135", "", "raised", VALUE, 0, 1, 0, 0.5, 1e-9, 0, "normal integral"},
    {PLAN, "S0=138.4", "", "raised", VALUE, 0, 1, 0, 0.8413, 0.006, 0,
     "normal integral at one sd"},
};

static const struct courses_one courses[] = {
    {WEIGHT,
     "AGE=50 MALE=1 W0=95 diet=-600 sodium=-1000 activity=0.2 sleep=5.5@15",
     "",
     {15, 60}},
    {PLAN,
     "HTN=1 sodium=-1500 ace=0 ace=1@14 ccb=0.5@30 dW=-3 training=1@40",
     "",
     {5, 20, 35, 50, 60}},
    {"prevention/pressure_day", "", "", {0.2, 0.7, 1.3}},
    {LIFE,
     "AGE=58 MALE=1 W0=95 S0=147 smoker=1 diet=-500 sodium=-1500 tablets=2 quit=1@9",
     "",
     {9, 30}},
    {"prevention/risk_pce", "MALE=1 BLACK=1 smoker=1", "", {1}},
    {"prevention/risk_framingham", "treated=1 DM=1", "", {1}},
    {"prevention/risk_score2", "MALE=1 smoker=1 REGION=3", "", {1}},
    {"prevention/risk_score2_op", "smoker=1 DM=1 REGION=3", "", {1}},
    {"prevention/risk_score2_diabetes", "smoker=1 HBA1C=64 REGION=4", "", {1}},
    {"prevention/risk_prevent", "MALE=1 smoker=1 statin=1 treated=1", "", {1}},
    {"prevention/risk_hypertension", "parents=1", "", {0.5, 2, 4}},
    {"prevention/weight_loss", "", "", {10, 100, 250}},
    {"prevention/cuff", "AGE=71 MALE=1", "", {1, 2, 3}},
    {"prevention/cuff_devices", "", "", {1}},
    {"prevention/steps", "", "", {1, 2}},
    {"prevention/blood_pressure", "AGE=71 MALE=1", "", {0.5, 3, 7}},
    {"prevention/growth", "", "", {0.3, 1}},
};

static void pair(struct prior *prior, double sd1, double sd2, double correlation,
                 double residual)
{
    prior->omega[0] = sd1 * sd1;
    prior->omega[3] = sd2 * sd2;
    prior->omega[1] = prior->omega[2] = correlation * sd1 * sd2;
    prior->residual[0] = log(residual);
}

/* nlme::lme on log SBP: level and trend per decade by age and sex. */
static void fill_pressure(struct prior *prior)
{
    static const double effects[] = {4.881584,  0.049798,  -0.015661,
                                     -0.023604, -0.069320, -0.013731};
    assert_int_equal(prior->p * prior->k, 6);
    memcpy(prior->effects, effects, sizeof effects);
    pair(prior, 0.092853, 0.082560, 0.352, 0.125954);
}

/* nlme, maximum likelihood (Pinheiro and Bates, section 3.1, has the same by REML). */
static void fill_growth(struct prior *prior)
{
    prior->effects[0] = 149.3718;
    prior->effects[1] = 6.525467;
    pair(prior, 7.924, 1.6467, 0.642, 0.65989);
}

static void prevention__have_the_published_likelihoods(void **state)
{
    (void)state;
    double logs, cost = likelihood("prevention/blood_pressure", "nafld_bp/data.csv",
                                   fill_pressure, &logs);
    assert_near(-cost / 2 + logs, 12645.98901, 0.01);
    assert_near(likelihood("prevention/growth", "oxboys/data.csv", fill_growth, &logs),
                725.9677, 1e-3);
}

/* One diary: nls has 81.374, 102.684 kg and 141.911 d, with standard
 * errors 2.27, 2.08, 5.30. */
static void prevention__one_diary_decides_where_weight_ends(void **state)
{
    (void)state;
    static const double expected[] = {81.374, 102.684, 141.911},
                        se[] = {2.269, 2.083, 5.295};
    struct trial trial = {0};
    struct prior *prior;
    struct fit *fit;
    assert_ok(model_load(SOURCE_DIR "/models/prevention/weight_loss.twin", &trial.model));
    assert_ok(prior_layout(trial.model, &trial.layout));
    trial.engine = engine_new(trial.model, &trial.layout, NULL);
    trial_read(&trial, "wtloss/data.csv", NULL);
    assert_int_equal(trial.count, 1);
    assert_ok(prior_from_model(trial.model, &prior));
    assert_ok(fit_new(trial.engine, trial.twins[0], prior, &fit));
    assert_true(fit->converged);
    for (size_t i = 0; i < 3; i++) {
        assert_near(exp(fit->phi[i]), expected[i], 0.1 * se[i]);
        assert_near(exp(fit->phi[i]) * sqrt(fit->covariance[i * 3 + i]), se[i],
                    0.1 * se[i]);
    }
    fit_destroy(&fit);
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* What is eaten is spent or kept, and water follows salt: energy and weight balance along
 * a year of a plan, to rounding and the solver's tolerance. */
static void prevention__energy_and_weight_balance(void **state)
{
    (void)state;
    struct course course;
    course_open(&course, WEIGHT, "MALE=1 W0=100 diet=-700 activity=0.1@100", "");
    static const char *const names[] = {"W",  "F",     "L", "ECF", "G",
                                        "EI", "spent", "p", "dG",  "S"};
    double *y[10];
    for (size_t i = 0; i < 10; i++)
        y[i] = course_run(&course, names[i], 0, 7, 53);
    for (size_t k = 0; k < 53; k++) {
        double fat = (1 - y[7][k]) * y[9][k], lean = y[7][k] * y[9][k];
        double made = fat * 179.25 / 9440.73 + lean * 229.45 / 1816.44;
        assert_near(y[0][k], y[1][k] + y[2][k] + y[3][k] + 3.7 * y[4][k], 1e-9 * y[0][k]);
        assert_near(y[5][k], y[6][k] + made + fat + lean + 4206.50 * y[8][k],
                    1e-9 * y[5][k]);
    }
    for (size_t i = 0; i < 10; i++)
        mem_free(y[i]);
    course_close(&course);
}

/* Of 48 readings a day an amplitude has half the information of a mean of them, and its
 * prior's: 1/sqrt(24/12.85^2 + 1/2.4^2). A dip is 1.259 of the one and 0.309 of the
 * other. */
static void prevention__a_day_tells_the_dip(void **state)
{
    (void)state;
    static const struct spread spreads[] = {
        {"prevention/pressure_day", "", "", "sbp 0.0208333333:0.0208333333:1",
         "S24 1.77; S12 1.77", 0.04, "closed form, phases known"},
        {PLAN, "HTN=1 sodium=-1200 ace=0.75 dW=-4", "",
         TWICE_A_WEEK("sbp") ";" TWICE_A_WEEK("dbp"), "gE 0.470; aW 0.382; drug 0.272",
         0.012, "the model's head: 9 and 18 %, and salt, in a hypertensive one, 12"},
    };
    spreads_check(spreads, FOLDER_COUNT(spreads));
    double left = 1 / sqrt(24 / 12.85 / 12.85 + 1 / 2.4 / 2.4);
    assert_near(left, 1.77, 0.01);
    assert_near(left * hypot(1.259, 0.309), 2.3, 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prevention__have_the_published_likelihoods),
        cmocka_unit_test(prevention__one_diary_decides_where_weight_ends),
        cmocka_unit_test(prevention__energy_and_weight_balance),
        cmocka_unit_test(prevention__a_day_tells_the_dip),
    };
    return folder_run(&(struct folder){
        .name = "prevention",
        .figures = figures,
        .figure_count = FOLDER_COUNT(figures),
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
        .tests = tests,
        .test_count = FOLDER_COUNT(tests),
    });
}
