/* Glucose, weight and insulin. */

#include "base/csv.h"
#include "base/memory.h"
#include "course.h"
#include "folder.h"
#include "spreads.h"
#include "trial.h"

#define GLUCOSE                                                                          \
    "diabetes/glucose",                                                                  \
        "SI=7.14e-4 SG=0.025 kabs=0.012 kempt=0.18 kd=0.026 ka2=0.014 BW=70"
#define REPLAY "ReplayBG (Cappon et al. 2023) with its code's values, run independently"
#define ADULT_1                                                                          \
    "BW=102.32 EGPb=2.2758 Gb=138.56 Ib=100.25 kabs=.08906 kmax=.046122 "                \
    "kmin=.0037927 b=.70391 d=.21057 Vg=1.9152 Vi=.054906 k1=.058138 "                   \
    "k2=.087114 Vmx=.031319 Km0=253.52 p2u=.027802 m1=.15446 CL=1.2642 "                 \
    "ki=.0046374 kp2=.00469 kp3=.01208 kd=.0152 ka1=.0019 ka2=.0078 "                    \
    "ksc=.0766 "
#define ADULT_4                                                                          \
    "BW=63.0 EGPb=2.986775436 Gb=150.6888823 Ib=83.69716464 kabs=.080911441 "            \
    "kmax=.058161342 kmin=.00861298 b=.637997241 d=.092495502 "                          \
    "Vg=1.886280201 Vi=.07945256 k1=.093572522 k2=.119405713 Vmx=.1086259 "              \
    "Km0=246.8818868 p2u=.042193533 m1=.337462722 CL=1.06076595 "                        \
    "ki=.010115704 kp2=.003087739 kp3=.005633774 kd=.0207 ka1=.0038 "                    \
    "ka2=.014 ksc=.0776 "
#define ADULT_7                                                                          \
    "BW=91.229 EGPb=2.8732 Gb=135.26 Ib=118.61 kabs=.58034 kmax=.032851 "                \
    "kmin=.013232 b=.93322 d=.10058 Vg=1.847 Vi=.06621 k1=.091015 k2=.11462 "            \
    "Vmx=.10286 Km0=212.78 p2u=.04091 m1=.28169 CL=1.1563 ki=.01011 "                    \
    "kp2=.0024355 kp3=.0069361 kd=.0151 ka1=.0029 ka2=.0133 ksc=.0958 "
#define PADOVA "Dalla Man et al. 2007 with simglucose's subjects, run independently"
#define FACTOR "correction factor of simglucose's table of doses, a rule of thumb"
#define HOVORKA "Hovorka et al., Physiol Meas 25:905, 2004; steady state solved apart"
#define BRETON "Breton 2008 in this form, run independently"
#define YARDLEY "Yardley et al. 2013, Riddell et al. 2017: 50 to 60 mg/dL in 45 min"
#define TRIAL                                                                            \
    "YEARLY=1 DIET=0 DIET=1@1e-6 TRIAL=0 TRIAL=1@42 RELIEF=0 RELIEF=1@42 "               \
    "RELIEF=0.5@190 "                                                                    \
    "RELIEF=0@191"
#define WHIG "Choy et al. 2016 by its open port, run independently"
#define CHOY "Choy et al., CPT Pharmacometrics Syst Pharmacol 5:11, 2016: the cohort"
#define UKPDS "UKPDS: about 0.2 points a year"
#define ADAG "Nathan et al., Diabetes Care 31:1473, 2008: 28.7 A1c - 46.7"
#define SHERIFALI "Sherifali et al., Diabetes Care 33:1859, 2010: 0.5 to 1.25 points"
#define STEADY "closed form: steady state"

#define RIDDLE                                                                           \
    "Riddle, Rosenstock and Gerich, Diabetes Care 26:3080, 2003: 198 to 117 mg/dL"
#define LOOK "Look AHEAD, Diabetes Care 30:1374, 2007: 8.6 % of weight, 7.3 to 6.6 %"
#define KOVATCHEV "Kovatchev et al. 1997: 10 (1.509 (ln(G)^1.084 - 5.381))^2"
#define UKPDS_16                                                                         \
    "UKPDS 16, Diabetes 44:1249, 1995: beta-cell function from 51 to 28 % in five "      \
    "years, "                                                                            \
    "on diet"
#define HIRST                                                                            \
    "Hirst et al., Diabetes Care 35:446, 2012: metformin alone, 1.12 points (0.92 to "   \
    "1.32)"
#define RODEN                                                                            \
    "Roden et al., Lancet Diabetes Endocrinol 1:208, 2013: empagliflozin in 24 weeks, "  \
    "1.1 mmol/L and 1.9 kg"
#define SORLI                                                                            \
    "Sorli et al., Lancet Diabetes Endocrinol 5:251, 2017: semaglutide in 30 weeks, "    \
    "3.5 "                                                                               \
    "kg more than placebo"
#define BERGMAN "Bergman et al. 1979: closed form"

static const struct figure figures[] = {
    /* Glucose: ReplayBG with its code's values, 70 kg, 1 U/h. */
    {GLUCOSE, "", "G", VALUE, 1440, 1, 1440, 119.13, 1e-7, 0, STEADY},
    {GLUCOSE, "insulin 1 U @ 0 min", "X", AREA, 0, 1, 1440, 0.5948, 0.006, 0, REPLAY},
    {GLUCOSE, "insulin 1 U @ 0 min", "Ip", TIME_OF_LARGEST, 0, 1, 300, 70, 5, 0, REPLAY},
    {GLUCOSE, "insulin 1 U @ 0 min", "G", SMALLEST, 0, 1, 400, 108.9, 0.3, 0, REPLAY},
    {GLUCOSE, "insulin 1 U @ 0 min", "G", TIME_OF_SMALLEST, 0, 1, 400, 185, 5, 0, REPLAY},
    {"diabetes/glucose", "BW=70", "insulin 1 U @ 0 min", "G", RANGE, 0, 1, 600, 16.3, 0.1,
     0, "the model's head: 16 mg/dL a unit, by rules of thumb 45"},
    {GLUCOSE, "meal 60 g @ 0 min", "G", LARGEST, 0, 1, 360, 247.0, 1, 0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min", "G", TIME_OF_LARGEST, 0, 1, 360, 75, 2.5, 0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min", "G", VALUE, 360, 1, 360, 127.2, 1, 0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min; insulin 6 U @ 0 min", "G", LARGEST, 0, 1, 360, 220.0, 1,
     0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min; insulin 6 U @ 0 min", "G", TIME_OF_LARGEST, 0, 1, 360,
     60, 2.5, 0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min; insulin 6 U @ 0 min", "G", SMALLEST, 0, 1, 600, 91.9, 1,
     0, REPLAY},
    {GLUCOSE, "meal 60 g @ 0 min; insulin 6 U @ 0 min", "G", TIME_OF_SMALLEST, 0, 1, 600,
     270, 5, 0, REPLAY},
    /* Exercise: 45 min at 60 beats a minute above rest. */
    {GLUCOSE, "exercise 2700 1 @ 0 min", "G", VALUE, 45, 1, 45, 69.7, 0.3, 0, BRETON},
    {GLUCOSE, "exercise 2700 1 @ 0 min", "G", VALUE, 405, 1, 405, 119.13 - 8, 0.3, 0,
     BRETON},
    {"diabetes/glucose", "", "exercise 2700 1 @ 0 min", "G", VALUE, 45, 1, 45,
     119.13 - 55, 5, 0, YARDLEY},
    /* UVA/Padova: adults 1, 4 and 7 of simglucose. The correction factor is a rule of
       thumb. */
    {"diabetes/padova", ADULT_1, "insulin 1 U @ 0 min", "G", SMALLEST, 0, 1, 900,
     138.56 - 9.4, 0.2, 0, PADOVA},
    {"diabetes/padova", ADULT_1, "insulin 1 U @ 0 min", "G", RANGE, 0, 1, 900, 8.8,
     0.4 * 8.8, 0, FACTOR},
    {"diabetes/padova", ADULT_1, "insulin 1 U @ 0 min", "I", TIME_OF_LARGEST, 0, 1, 900,
     75, 5, 0, PADOVA},
    {"diabetes/padova", ADULT_1 "D=60",
     "meal 60 g @ 0 min for 12 min; insulin 6.0 U @ 0 min", "G", LARGEST, 0, 1, 600,
     194.0, 0.5, 0, PADOVA},
    {"diabetes/padova", ADULT_1 "D=60",
     "meal 60 g @ 0 min for 12 min; insulin 6.0 U @ 0 min", "G", TIME_OF_LARGEST, 0, 1,
     600, 65, 2.5, 0, PADOVA},
    {"diabetes/padova", ADULT_1 "D=60",
     "meal 60 g @ 0 min for 12 min; insulin 6.0 U @ 0 min", "G", VALUE, 360, 1, 360,
     138.56, 40, 0, PADOVA},
    {"diabetes/padova", ADULT_1 "D=75", "meal 75 g @ 0 min for 15 min", "G", LARGEST, 0,
     1, 600, 250.4, 1, 0, PADOVA},
    {"diabetes/padova", ADULT_1 "D=75", "meal 75 g @ 0 min for 15 min", "G",
     TIME_OF_LARGEST, 0, 1, 600, 250, 2.5, 0, PADOVA},
    {"diabetes/padova", ADULT_4, "insulin 1 U @ 0 min", "G", SMALLEST, 0, 1, 900,
     150.6888823 - 40.9, 0.2, 0, PADOVA},
    {"diabetes/padova", ADULT_4, "insulin 1 U @ 0 min", "G", RANGE, 0, 1, 900, 42.7,
     0.4 * 42.7, 0, FACTOR},
    {"diabetes/padova", ADULT_4, "insulin 1 U @ 0 min", "I", TIME_OF_LARGEST, 0, 1, 900,
     45, 5, 0, PADOVA},
    {"diabetes/padova", ADULT_4 "D=60",
     "meal 60 g @ 0 min for 12 min; insulin 3.75 U @ 0 min", "G", LARGEST, 0, 1, 600,
     222.8, 0.5, 0, PADOVA},
    {"diabetes/padova", ADULT_4 "D=60",
     "meal 60 g @ 0 min for 12 min; insulin 3.75 U @ 0 min", "G", TIME_OF_LARGEST, 0, 1,
     600, 50, 2.5, 0, PADOVA},
    {"diabetes/padova", ADULT_4 "D=60",
     "meal 60 g @ 0 min for 12 min; insulin 3.75 U @ 0 min", "G", VALUE, 360, 1, 360,
     150.6888823, 40, 0, PADOVA},
    {"diabetes/padova", ADULT_4 "D=75", "meal 75 g @ 0 min for 15 min", "G", LARGEST, 0,
     1, 600, 339.1, 1, 0, PADOVA},
    {"diabetes/padova", ADULT_4 "D=75", "meal 75 g @ 0 min for 15 min", "G",
     TIME_OF_LARGEST, 0, 1, 600, 230, 2.5, 0, PADOVA},
    {"diabetes/padova", ADULT_7, "insulin 1 U @ 0 min", "G", SMALLEST, 0, 1, 900,
     135.26 - 36.4, 0.2, 0, PADOVA},
    {"diabetes/padova", ADULT_7, "insulin 1 U @ 0 min", "G", RANGE, 0, 1, 900, 26.2,
     0.4 * 26.2, 0, FACTOR},
    {"diabetes/padova", ADULT_7, "insulin 1 U @ 0 min", "I", TIME_OF_LARGEST, 0, 1, 900,
     55, 5, 0, PADOVA},
    {"diabetes/padova", ADULT_7 "D=60",
     "meal 60 g @ 0 min for 12 min; insulin 2.73 U @ 0 min", "G", LARGEST, 0, 1, 600,
     166.5, 0.5, 0, PADOVA},
    {"diabetes/padova", ADULT_7 "D=60",
     "meal 60 g @ 0 min for 12 min; insulin 2.73 U @ 0 min", "G", TIME_OF_LARGEST, 0, 1,
     600, 70, 2.5, 0, PADOVA},
    {"diabetes/padova", ADULT_7 "D=60",
     "meal 60 g @ 0 min for 12 min; insulin 2.73 U @ 0 min", "G", VALUE, 360, 1, 360,
     135.26, 40, 0, PADOVA},
    {"diabetes/padova", ADULT_7 "D=75", "meal 75 g @ 0 min for 15 min", "G", LARGEST, 0,
     1, 600, 277.2, 1, 0, PADOVA},
    {"diabetes/padova", ADULT_7 "D=75", "meal 75 g @ 0 min for 15 min", "G",
     TIME_OF_LARGEST, 0, 1, 600, 225, 2.5, 0, PADOVA},
    /* WHIG: medians of the cohort, the trial, and years without change of weight. */
    {"diabetes/type2", "", "", "FPG", VALUE, 0, 1, 0, 7.46, 0.01, 0, WHIG},
    {"diabetes/type2", "", "", "FPG", VALUE, 0, 1, 0, 7.6, 0.2, 0, CHOY},
    {"diabetes/type2", "", "", "FSI", VALUE, 0, 1, 0, 18.84, 0.01, 0, WHIG},
    {"diabetes/type2", "", "", "FSI", VALUE, 0, 1, 0, 17.8, 1.1, 0, CHOY},
    {"diabetes/type2", "", "", "A1c", VALUE, 0, 1, 0, 6.5, 0.01, 0, WHIG},
    {"diabetes/type2", "", "", "A1c", VALUE, 0, 1, 0, 6.7, 0.25, 0, CHOY},
    {"diabetes/type2", TRIAL, "", "W", VALUE, 365, 1, 365, 99.81, 0.05, 0, WHIG},
    {"diabetes/type2", TRIAL, "", "W", VALUE, 469, 1, 469, 100.31, 0.05, 0, WHIG},
    {"diabetes/type2", TRIAL, "", "W", VALUE, 469, 1, 469, 99.9, 0.5, 0, CHOY},
    {"diabetes/type2", TRIAL, "", "FPG", VALUE, 190, 1, 190, 6.91, 0.01, 0, WHIG},
    {"diabetes/type2", TRIAL, "", "A1c", VALUE, 190, 1, 190, 6.05, 0.01, 0, WHIG},
    {"diabetes/type2", "", "", "A1c", VALUE, 365, 1, 365, 6.61, 0.02, 0, WHIG},
    {"diabetes/type2", "", "", "A1c", VALUE, 1095, 1, 1095, 6.9, 0.02, 0, WHIG},
    {"diabetes/type2", "", "", "A1c", VALUE, 1825, 1, 1825, 7.3, 0.02, 0, WHIG},
    {"diabetes/type2", "", "", "A1c", VALUE, 3650, 1, 3650, 8.97, 0.02, 0, WHIG},
    {"diabetes/type2", "", "", "A1c", VALUE, 1825, 1, 1825, 6.50 + 5 * 0.2, 0.25, 0,
     UKPDS},
    {"diabetes/type2", "b0=1.17 rb=0", "", "A1c", VALUE, 0, 1, 0, 8.1, 0.01, 0, WHIG},
    {"diabetes/type2", "b0=1.17 rb=0", "", "eAG", VALUE, 0, 1, 0, 28.7 * 8.1002429 - 46.7,
     1e-4, 0, ADAG},
    {"diabetes/type2", "b0=1.17 rb=0 GOAL=-10 CARBS=1 CARBS=0.963@1e-6", "", "A1c", VALUE,
     182.5, 1, 182.5, 7.41, 0.02, 0, WHIG},
    {"diabetes/type2", "b0=1.17 rb=0 GOAL=-10 CARBS=1 CARBS=0.963@1e-6", "", "A1c", VALUE,
     365, 1, 365, 7.25, 0.02, 0, WHIG},
    {"diabetes/type2", "b0=1.17 rb=0 GOAL=-10 CARBS=1 CARBS=0.963@1e-6", "", "A1c", VALUE,
     730, 1, 730, 7.2, 0.02, 0, WHIG},
    {"diabetes/type2", "b0=1.17 rb=0 MET=0 MET=1@1e-6", "", "A1c", VALUE, 730, 1, 730,
     8.10 - 1.0, 0.1, 0, SHERIFALI},
    {"diabetes/type2", "b0=1.17 rb=0 SU=0 SU=1@1e-6", "", "A1c", VALUE, 730, 1, 730,
     8.10 - 1.0, 0.1, 0, SHERIFALI},
    {"diabetes/type2", "b0=1.17 rb=0 DPP=0 DPP=1@1e-6", "", "A1c", VALUE, 730, 1, 730,
     8.10 - 0.7, 0.1, 0, SHERIFALI},
    {"diabetes/type2", "b0=1.17 rb=0 GLP=0 GLP=1@1e-6", "", "A1c", VALUE, 730, 1, 730,
     8.10 - 1.1, 0.1, 0, SHERIFALI},
    {"diabetes/type2", "b0=1.17 rb=0 SGLT=0 SGLT=1@1e-6", "", "A1c", VALUE, 730, 1, 730,
     8.10 - 0.7, 0.1, 0, SHERIFALI},
    {"diabetes/type2", "b0=1.17 rb=0 MET=0 MET=1@1e-6", "", "on_metformin", VALUE, 14, 1,
     14, 1 - 0.36787944, 1e-6, 0, "closed form: one lag"},
    /* Hovorka et al. 2004: 6.68 mU/min keep 5 mmol/L; 6.429 keep 6. */
    {"../bench/hovorka", "basal=6.68 G0=5", "", "G", VALUE, 12000, 1, 12000, 5, 0.01, 0,
     HOVORKA},
    {"../bench/hovorka", "basal=6.429 G0=5", "", "G", VALUE, 12000, 1, 12000, 6, 0.005, 0,
     HOVORKA},
    /* Outcomes of a sensor: a glucose that stays. */
    {"diabetes/glucose", "Gb=154", "", "GMI", OUTCOME, 0, 1, 1440, 6.99, 0.005, 0,
     "Bergenstal et al. 2018: 3.31 + 0.02392 of the mean in mg/dL"},
    {"diabetes/glucose", "Gb=112.5", "", "LBGI", OUTCOME, 0, 1, 1440, 0, 0.002, 0,
     "Kovatchev et al. 1997: no risk at 112.5 mg/dL, 100 at 20 and at 600"},
    {"diabetes/glucose", "Gb=112.5", "", "HBGI", OUTCOME, 0, 1, 1440, 0, 0.002, 0,
     "Kovatchev et al. 1997: no risk at 112.5 mg/dL, 100 at 20 and at 600"},
    {"diabetes/glucose", "Gb=20", "", "LBGI", OUTCOME, 0, 1, 1440, 100, 0.1, 0,
     "Kovatchev et al. 1997: no risk at 112.5 mg/dL, 100 at 20 and at 600"},
    {"diabetes/glucose", "Gb=600", "", "HBGI", OUTCOME, 0, 1, 1440, 100, 0.3, 0,
     "Kovatchev et al. 1997: no risk at 112.5 mg/dL, 100 at 20 and at 600"},
    {"diabetes/glucose", "Gb=154", "", "tir", OUTCOME, 0, 1, 1440, 100, 1e-09, 0,
     "in range"},
    {"diabetes/glucose", "Gb=260", "", "very_high", OUTCOME, 0, 1, 1440, 100, 1e-09, 0,
     "above 250"},
    {"diabetes/type2", "b0=1.17 rb=0 GOAL=-10 CARBS=1 CARBS=0.963@1e-6", "", "at_6mo",
     OUTCOME, 0, 1, 730, 7.41, 0.02, 0, WHIG},
    {"diabetes/type2", "b0=1.17 rb=0 GOAL=-10 CARBS=1 CARBS=0.963@1e-6", "", "at_12mo",
     OUTCOME, 0, 1, 730, 7.25, 0.02, 0, WHIG},
    {"diabetes/type2", "", "", "IFCC", OUTCOME, 0, 1, 1, 10.93 * 6.50 - 23.5, 0.1, 0,
     "Hoelzel et al., Clin Chem 50:166, 2004: 10.93 A1c - 23.5"},

    /* Insulin in plasma after a unit; what HbA1c of 8.1 % is made of; 7 % is 154 mg/dL.
     */
    {GLUCOSE, "insulin 1 U @ 0 min", "Ip", RANGE, 0, 1, 300, 5.6 * 0.135, 0.05 * 0.135, 0,
     REPLAY},
    {"diabetes/type2", "b0=1.17", "", "B", VALUE, 0, 1, 0, 0.237, 5e-4, 0, WHIG},
    {"diabetes/type2", "b0=1.17", "", "FPG", VALUE, 0, 1, 0, 10.65, 0.005, 0, WHIG},
    {"diabetes/type2", "b0=0.2805408652078055", "", "A1c", VALUE, 0, 1, 0, 7, 1e-9, 0,
     STEADY},
    {"diabetes/type2", "b0=0.2805408652078055", "", "eAG", VALUE, 0, 1, 0, 154.2, 1e-6, 0,
     ADAG},
    {"diabetes/type2", "b0=0.2805408652078055", "", "IFCC", OUTCOME, 0, 1, 1e-3, 53, 0.05,
     0, "Hoelzel et al. 2004: 7 % is 53 mmol/mol"},
    {"diabetes/type2", "is0=-5 b0=-8", "", "FPG", VALUE, 0, 1, 0, 4.5, 0.01, 0,
     "HOMA: 4.5 mmol/L and 7.8 uU/mL of who is normal"},
    {"diabetes/type2", "is0=-5 b0=-8", "", "FSI", VALUE, 0, 1, 0, 7.8, 0.05, 0,
     "HOMA: 4.5 mmol/L and 7.8 uU/mL of who is normal"},
    {"diabetes/type2", "GOAL=-10", "", "W", VALUE, 96.9, 1, 96.9, 99, 1e-4, 0,
     "half of the way in a half-life"},
    {"diabetes/type2", "b0=1.17 rb=0 CARBS=1 CARBS=0.8@1e-6", "", "A1c", VALUE, 91, 1, 91,
     7.5555013, 1e-5, 0, "three transits summed: three months see 98.8 % of a step"},
    /* Indices of glucose as published: 22.5 at 50 and at 250 mg/dL, and alike at 70 and
       180. */
    {"diabetes/type2", "b0=0.62 W0=100.5 GOAL=-9.3", "", "A1c", VALUE, 0, 1, 0, 7.3, 0.05,
     0, LOOK},
    {"diabetes/type2", "b0=0.62 W0=100.5 GOAL=-9.3", "", "lost", OUTCOME, 0, 1, 365, 8.6,
     0.05, 0, LOOK},
    {"diabetes/type2", "b0=0.62 W0=100.5 GOAL=-9.3", "", "gain", OUTCOME, 0, 1, 365, 0.4,
     0.05, 0, LOOK ", of which the head says two thirds"},
    {"diabetes/glucose", "Gb=150", "", "GMI", OUTCOME, 0, 1, 1440, 6.9, 0.005, 0,
     "Bergenstal et al. 2018, table: 150 mg/dL are 6.9 %"},
    {"diabetes/glucose", "Gb=200", "", "GMI", OUTCOME, 0, 1, 1440, 8.1, 0.01, 0,
     "Bergenstal et al. 2018, table: 200 mg/dL are 8.1 %"},
    {"diabetes/glucose", "Gb=50", "", "LBGI", OUTCOME, 0, 1, 1440, 22.5, 0.01, 0,
     KOVATCHEV},
    {"diabetes/glucose", "Gb=70", "", "LBGI", OUTCOME, 0, 1, 1440, 7.755, 0.001, 0,
     KOVATCHEV},
    {"diabetes/glucose", "Gb=180", "", "HBGI", OUTCOME, 0, 1, 1440, 7.729, 0.001, 0,
     KOVATCHEV},
    {"diabetes/glucose", "Gb=250", "", "HBGI", OUTCOME, 0, 1, 1440, 22.436, 0.001, 0,
     KOVATCHEV},
    /* The minimal model: without insulin's action by glucose alone; where insulin stays
       high. */
    {"diabetes/minimal", "INS=11", "", "G", VALUE, 40, 1, 40, 92 + 188 * 0.36787944, 1e-5,
     0, BERGMAN},
    {"diabetes/minimal", "INS=50", "", "G", VALUE, 3000, 1, 3000,
     0.025 * 92 / (0.025 + 6e-4 * 39), 1e-5, 0, BERGMAN},
    {"diabetes/minimal", "INS=11", "", "fall", OUTCOME, 0, 1, 180, 1.228352, 1e-4, 0,
     BERGMAN ": KG of glucose effectiveness alone"},

    /* Years on diet alone; medicines as their trials had them. */
    {"diabetes/type2", "", "", "B", VALUE, 1826, 1, 1826, 0.6096878 * 28 / 51, 0.04, 0,
     UKPDS_16},
    {"diabetes/type2", "b0=1.17 rb=0 MET=0 MET=1@1e-6", "", "gain", OUTCOME, 0, 1, 365,
     1.12, 0.2, 0, HIRST},
    {"diabetes/type2", "b0=1.17 rb=0 SGLT=0 SGLT=1@1e-6", "", "FPG", RANGE, 0, 1, 168,
     1.1, 0.3, 0, RODEN},
    {"diabetes/type2", "b0=1.17 rb=0 SGLT=0 SGLT=1@1e-6", "", "lost", OUTCOME, 0, 1, 168,
     1.9, 0.5, 0, RODEN},
    {"diabetes/type2", "b0=1.17 rb=0 GLP=0 GLP=1@1e-6", "", "lost", OUTCOME, 0, 1, 210,
     3.5, 0.8, 0, SORLI},

    /* Basal insulin, 47.2 U a day: from 11.0 to 6.5 mmol/L. */
    {"diabetes/type2", "rb=0 b0=1.275", "", "FPG", VALUE, 0, 1, 0, 11.0, 0.005, 0,
     RIDDLE},
    {"diabetes/type2", "rb=0 b0=1.275 BASAL=0 BASAL=47.2@1e-6", "", "FPG", VALUE, 400, 1,
     400, 6.5, 0.02, 0, RIDDLE},
};

static const struct courses_one courses[] = {
    {"diabetes/minimal", "INS=40", "", {5, 20, 60, 150}},
    {"diabetes/type2",
     "b0=1.17 GOAL=-8 MET=1 BASAL=10@100 SGLT=1@200 CARBS=0.8@200",
     "",
     {30, 100, 150, 300}},
    {"diabetes/glucose",
     "BW=81 basal=1.1 usual=0.9 RISE=3",
     "meal 60 g @ 0 min; insulin 4 U @ 10 min; meal 20 g @ 100 min for 5 min; "
     "exercise 1200 1 @ 120 min for 20 min",
     {4, 9, 30, 60, 101, 180, 360}},
    {"diabetes/padova",
     "D=60",
     "meal 60 g @ 0 min for 12 min; insulin 5 U @ 0 min",
     {4, 12, 60, 200}},
};

/* --- the thirty subjects of simglucose ------------------------------------------------
 */

#define FIXTURE SOURCE_DIR "/tests/data/simglucose/"

struct table {
    char **names, **fields; /* fields [rows][columns] */
    size_t columns, field_count, name_capacity, field_capacity;
};

static enum err table_header(void *context, size_t line, size_t count,
                             const char *const *fields)
{
    struct table *table = context;
    (void)line;
    for (size_t i = 0; i < count; i++) {
        MEM_GROW(table->names, table->columns + 1, &table->name_capacity);
        table->names[table->columns++] = mem_text(fields[i]);
    }
    return ERR_OK;
}

static enum err table_row(void *context, size_t line, size_t count,
                          const char *const *fields)
{
    struct table *table = context;
    (void)line;
    for (size_t i = 0; i < count; i++) {
        MEM_GROW(table->fields, table->field_count + 1, &table->field_capacity);
        table->fields[table->field_count++] = mem_text(fields[i]);
    }
    return ERR_OK;
}

static void table_open(struct table *table, const char *path)
{
    *table = (struct table){0};
    assert_ok(csv_read(path, table_header, table_row, table));
}

static void table_close(struct table *table)
{
    for (size_t i = 0; i < table->columns; i++)
        mem_free(table->names[i]);
    for (size_t i = 0; i < table->field_count; i++)
        mem_free(table->fields[i]);
    mem_free(table->names);
    mem_free(table->fields);
}

static const char *table_text(const struct table *table, size_t row, const char *name)
{
    for (size_t i = 0; i < table->columns; i++)
        if (strcmp(table->names[i], name) == 0)
            return table->fields[row * table->columns + i];
    fail_msg("no column '%s'", name);
    return "";
}

static double table_number(const struct table *table, size_t row, const char *name)
{
    return strtod(table_text(table, row, name), NULL);
}

/* Its parameters, all of them from the table; the clearance from m2, because adult 4 has
 * another CL there than its m2 and m4 come from. */
static void subject_open(struct course *course, const struct table *subjects, size_t row)
{
    course_open(course, "diabetes/padova", "", "");
    for (size_t i = 0; i < model_parameters(course->model); i++)
        course->parameters[i] =
            table_number(subjects, row, model_parameter(course->model, i)->name);
    double m2 = table_number(subjects, row, "m2"), hepatic = 0.6;
    double volume = table_number(subjects, row, "Vi") * table_number(subjects, row, "BW");
    course_set(course, "CL", m2 * hepatic * volume * 5 / 3, 0);
}

/* The twin anew, for what its record has come to hold. */
static void subject_again(struct course *course)
{
    twin_destroy(&course->twin);
    record_sort(course->record);
    assert_ok(twin_new(course->model, &course->layout, course->record, &course->twin));
}

static double subject_value(struct course *course, const char *output, double t)
{
    double *one = course_run(course, output, t, 1, 1), value = *one;
    mem_free(one);
    return value;
}

static size_t model_width(const struct model *model)
{
    return model_states(model) + model_derived(model) + model_observations(model);
}

/* The states of simglucose, in its order. */
static const char *const states_there[] = {"solid", "liquid", "gut", "Gp", "Gt",
                                           "Ip",    "X",      "I1",  "Id", "Il",
                                           "skin1", "skin2",  "Gs"};

/* Nothing moves at the start: every rate is 0 to 1e-8. */
static void subject_is_at_rest(const struct course *course)
{
    double x[MODEL_STATES_MAX], rates[MODEL_STATES_MAX];
    double covariates[MODEL_COVARIATES_MAX] = {0};
    for (size_t i = 0; i < model_covariates(course->model); i++)
        covariates[i] = model_covariate(course->model, i)->default_value;
    struct evaluator *evaluator = evaluator_new(course->model, false);
    evaluator_individual(evaluator, course->parameters, covariates);
    assert_ok(evaluator_initial(evaluator, 0, x, NULL));
    assert_int_equal(evaluator_rate(evaluator, 0, x, rates), 0);
    for (size_t i = 0; i < model_states(course->model); i++)
        assert_near(rates[i], 0, 1e-8);
    evaluator_destroy(&evaluator);
}

static void diabetes__the_thirty_subjects_rest(void **state)
{
    (void)state;
    struct table subjects;
    table_open(&subjects, FIXTURE "subjects.csv");
    size_t count = subjects.field_count / subjects.columns;
    assert_int_equal(count, 30);
    for (size_t row = 0; row < count; row++) {
        struct course course;
        subject_open(&course, &subjects, row);
        subject_is_at_rest(&course);
        double *rest = mem_new(2 * model_width(course.model), sizeof *rest);
        assert_ok(twin_simulate(course.engine, course.twin, course.parameters,
                                (const double[]){0, 1440}, 2, rest));
        assert_relative(subject_value(&course, "rate", 0),
                        table_number(&subjects, row, "u2ss"), 1e-9);
        for (size_t i = 0; i < 2 * 13; i++) {
            char name[16];
            snprintf(name, sizeof name, "x0_%zu", i % 13 + 1);
            double expected = table_number(&subjects, row, name);
            size_t at = course_column(&course, states_there[i % 13]);
            assert_near(rest[at + i / 13 * model_width(course.model)], expected,
                        1e-8 * (10 + expected));
        }
        mem_free(rest);
        course_close(&course);
    }
    table_close(&subjects);
}

/* A meal as the simulator feeds it: 5 g in each minute and what remains in the last; the
 * size that slows the stomach grows with it. */
static void feed(struct course *course, double t, double grams)
{
    subject_again(course);
    double before =
        (subject_value(course, "solid", t) + subject_value(course, "liquid", t)) / 1000;
    for (double eaten = 0; eaten < grams; t++) {
        double now = fmin(5, grams - eaten);
        size_t order = (size_t)t;
        eaten += now;
        assert_ok(record_dose(course->record, t, "meal", "g", now, 1, order));
        assert_ok(record_covariate(course->record, t, "D", "g", before + eaten, order));
    }
}

/* A child of the simulator is extreme: 75 g take child#001 to 535 mg/dL. */
static void diabetes__a_child_rises_far(void **state)
{
    (void)state;
    struct table subjects;
    struct course course;
    table_open(&subjects, FIXTURE "subjects.csv");
    size_t row = 0;
    while (strcmp(table_text(&subjects, row, "Name"), "child#001") != 0)
        row++;
    subject_open(&course, &subjects, row);
    feed(&course, 0, 75);
    subject_again(&course);
    double *glucose = course_run(&course, "G", 0, 1, 601), most = 0;
    for (size_t i = 0; i < 601; i++)
        most = fmax(most, glucose[i]);
    assert_near(most, 535, 1);
    mem_free(glucose);
    course_close(&course);
    table_close(&subjects);
}

static void diabetes__the_thirty_subjects_go_where_the_simulator_went(void **state)
{
    (void)state;
    static const struct {
        double time, grams, units;
    } meals[] = {{60, 45, 2.5}, {360, 70, 4}, {720, 80, 4.5}};
    struct table subjects, trajectories;
    table_open(&subjects, FIXTURE "subjects.csv");
    table_open(&trajectories, FIXTURE "trajectories.csv");
    size_t there = 0, steps = 25;
    for (size_t row = 0; row < subjects.field_count / subjects.columns; row++) {
        struct course course;
        const char *name = table_text(&subjects, row, "Name");
        double share = strstr(name, "child") ? 0.5 : strstr(name, "adol") ? 0.75 : 1;
        subject_open(&course, &subjects, row);
        for (size_t i = 0; i < 3; i++) {
            feed(&course, meals[i].time, share * meals[i].grams);
            assert_ok(record_dose(course.record, meals[i].time, "insulin", "[iU]",
                                  share * meals[i].units, 1, 10000 + i));
        }
        subject_again(&course);
        double *cgm = course_run(&course, "cgm", 0, 60, steps);
        double *insulin = course_run(&course, "Ip", 0, 60, steps);
        for (size_t k = 0; k < steps; k++, there++) {
            assert_string_equal(table_text(&trajectories, there, "Name"), name);
            assert_near(table_number(&trajectories, there, "TIME"), 60 * (double)k, 0);
            assert_near(cgm[k], table_number(&trajectories, there, "GSUB"), 1e-2);
            assert_near(insulin[k], table_number(&trajectories, there, "IP"), 1e-3);
        }
        mem_free(cgm);
        mem_free(insulin);
        course_close(&course);
    }
    table_close(&subjects);
    table_close(&trajectories);
}

/* --- a twin of patients it was not built for ------------------------------------------
 */

/* Two days of one of the simulator's patients, with a bolus by his own carbohydrate
 * ratio. */
static const struct {
    double time, grams;
} eaten[] = {{420, 50}, {780, 70}, {1140, 60}, {1860, 40}, {2190, 80}, {2610, 50}};

static double *two_days(const struct table *subjects, size_t row, double *usual)
{
    struct course course;
    subject_open(&course, subjects, row);
    *usual = subject_value(&course, "usual", 0);
    for (size_t i = 0; i < FOLDER_COUNT(eaten); i++) {
        feed(&course, eaten[i].time, eaten[i].grams);
        assert_ok(record_dose(course.record, eaten[i].time, "insulin", "[iU]",
                              eaten[i].grams / table_number(subjects, row, "CR"), 1,
                              10000 + i));
    }
    subject_again(&course);
    double *cgm = course_run(&course, "cgm", 0, 15, 193);
    course_close(&course);
    return cgm;
}

/* The same two days as the small twin knows them, and the sensor of the first. */
static void open_small(struct course *course, const struct table *subjects, size_t row,
                       double usual, const double *cgm)
{
    char set[120];
    snprintf(set, sizeof set, "BW=%g basal=%.9g usual=%.9g",
             table_number(subjects, row, "BW"), usual, usual);
    course_open(course, "diabetes/glucose", set, "");
    for (size_t i = 0; i < FOLDER_COUNT(eaten); i++) {
        double t = eaten[i].time, grams = eaten[i].grams;
        assert_ok(record_dose(course->record, t, "meal", "g", grams, grams / 5, i));
        assert_ok(record_dose(course->record, t, "insulin", "[iU]",
                              grams / table_number(subjects, row, "CR"), 1, 100 + i));
    }
    for (size_t k = 1; k <= 96; k++)
        assert_ok(record_measurement(course->record, 15 * (double)k, "cgm", "mg/dL",
                                     cgm[k], CENSORED_NOT, 1000 + k));
    subject_again(course);
}

/* Root mean square of what the second day has and the twin says. */
static double second_day(struct course *course, const double *cgm)
{
    double *said = course_run(course, "cgm", 0, 15, 193), sum = 0;
    for (size_t k = 97; k < 193; k++)
        sum += (said[k] - cgm[k]) * (said[k] - cgm[k]);
    mem_free(said);
    return sqrt(sum / 96);
}

static void take_mode(struct course *course)
{
    struct prior *prior;
    struct fit *fit;
    assert_ok(prior_from_model(course->model, &prior));
    assert_ok(prior_factor(prior, NULL));
    assert_ok(fit_new(course->engine, course->twin, prior, &fit));
    assert_true(fit->converged);
    for (size_t a = 0; a < prior->p; a++) {
        size_t at = course->layout.individual[a];
        course->parameters[at] =
            transform_back(model_parameter(course->model, at), fit->phi[a]);
    }
    fit_destroy(&fit);
    prior_destroy(&prior);
}

/* Five numbers, learned from a day of a sensor, and twenty-five that made it: the next
 * day, with other meals, is foretold to 26 mg/dL where what holds for everybody is 46
 * off, and better in eight of the ten adults. */
static void diabetes__a_day_of_a_sensor_foretells_the_next(void **state)
{
    (void)state;
    struct table subjects;
    double before = 0, after = 0;
    size_t adults = 0, better = 0;
    table_open(&subjects, FIXTURE "subjects.csv");
    for (size_t row = 0; row < subjects.field_count / subjects.columns; row++) {
        struct course course;
        double usual;
        if (!strstr(table_text(&subjects, row, "Name"), "adult"))
            continue;
        double *cgm = two_days(&subjects, row, &usual);
        open_small(&course, &subjects, row, usual, cgm);
        double prior = second_day(&course, cgm);
        take_mode(&course);
        double fitted = second_day(&course, cgm);
        before += prior;
        after += fitted;
        better += fitted < prior;
        adults++;
        mem_free(cgm);
        course_close(&course);
    }
    assert_int_equal(adults, 10);
    assert_near(before / 10, 46.4, 1);
    assert_near(after / 10, 26.3, 1);
    assert_true(better >= 8);
    table_close(&subjects);
}

/* --- one morning ----------------------------------------------------------------------
 */

/* Least squares by another program (R: deSolve and optim) on the 20 samples from 8 min
 * on: sd 4.0475, -2 log L 108.2191. Without a prior to speak of, the mode is there. */
static void diabetes__minimal_model_agrees_with_least_squares(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double expected;
    } rows[] = {
        {"SG", 0.01889167}, {"p2", 0.02140867}, {"SI", 8.070692e-4}, {"G0", 261.2293}};
    struct trial trial = {0};
    struct prior *prior;
    struct fit *fit;
    assert_ok(model_load(SOURCE_DIR "/models/diabetes/minimal.twin", &trial.model));
    assert_ok(prior_layout(trial.model, &trial.layout));
    trial.engine = engine_new(trial.model, &trial.layout, NULL);
    trial_read(&trial, "fsigt/data.csv", NULL);
    assert_int_equal(trial.count, 1);
    assert_int_equal(twin_measurements(trial.twins[0]), 20);
    assert_ok(prior_from_model(trial.model, &prior));
    for (size_t a = 0; a < prior->p; a++)
        prior->omega[a * prior->p + a] = 400;
    prior->residual[0] = log(3.6202375);
    assert_ok(prior_factor(prior, NULL));
    assert_ok(fit_new(trial.engine, trial.twins[0], prior, &fit));
    assert_true(fit->converged);
    for (size_t a = 0; a < prior->p; a++) {
        const struct model_parameter *one =
            model_parameter(trial.model, trial.layout.individual[a]);
        assert_string_equal(one->name, rows[a].name);
        assert_relative(exp(fit->phi[a]), rows[a].expected, 1e-3);
    }
    assert_near(fit->objective, 108.2191, 0.002);
    fit_destroy(&fit);
    prior_destroy(&prior);
    trial_clear(&trial);
}

/* --- what readings tell ---------------------------------------------------------------
 */

#define THREE_DAYS                                                                       \
    "meal 50 g @ 420 min every 1440 min 3 times;meal 70 g @ 780 min every 1440 min 3 "   \
    "times;meal 60 g @ 1140 min every 1440 min 3 times;insulin 5 U @ 420 min every "     \
    "1440 min 3 times;insulin 7 U @ 780 min every 1440 min 3 times;insulin 6 U @ 1140 "  \
    "min every 1440 min 3 times"

static const struct spread spreads[] = {
    {"diabetes/glucose", "BW=70", THREE_DAYS, "cgm 30:30:4320",
     "SI 0.01; SG 0.03; kabs 0.04", 0.005, "the model's head"},
    {"diabetes/glucose", "BW=70", THREE_DAYS, "cgm 30:30:4320", "Gb 1.3", 0.05,
     "the model's head"},
};

static void diabetes__a_sensor_tells_what_is_learned(void **state)
{
    (void)state;
    spreads_check(spreads, FOLDER_COUNT(spreads));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diabetes__the_thirty_subjects_rest),
        cmocka_unit_test(diabetes__a_child_rises_far),
        cmocka_unit_test(diabetes__a_sensor_tells_what_is_learned),
        cmocka_unit_test(diabetes__a_day_of_a_sensor_foretells_the_next),
        cmocka_unit_test(diabetes__minimal_model_agrees_with_least_squares),
        cmocka_unit_test(diabetes__the_thirty_subjects_go_where_the_simulator_went),
    };
    return folder_run(&(struct folder){
        .name = "diabetes",
        .figures = figures,
        .figure_count = FOLDER_COUNT(figures),
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
        .tests = tests,
        .test_count = FOLDER_COUNT(tests),
    });
}
