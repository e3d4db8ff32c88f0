/* Pressures, volumes, coronary flow and the electrocardiogram. */

#include "base/memory.h"
#include "course.h"
#include "folder.h"

/* The 21st beat, in 400 steps. */
#define BEAT(period) 20 * (period), (period) / 400, 21 * (period)
#define BEATS 0, 1, 21 * 60.0 / 70
#define BEAT_70 BEAT(60.0 / 70)
#define READ_70 21.3 * 60 / 70, 1, 21.3 * 60 / 70
#define BEAT_100 BEAT(0.6)
#define BEAT_120 BEAT(0.5)

#define H8 "the equations run independently, 857 Runge-Kutta steps a beat"
#define ASE                                                                              \
    "Lang et al., J Am Soc Echocardiogr 28:1, 2015: EDV 62 to 150 mL, SV 60 to 100, EF " \
    "60 %"
#define CATHETER "textbook: PA mean 14, wedge 6 to 12, right atrium 2 to 6"
#define ASGUIDE "guidelines: 30 to 40 mm[Hg] at 1.0 cm2"

#define ZOGHBI "Zoghbi et al., J Am Soc Echocardiogr 30:303, 2017: "
#define SEVERE_MR ZOGHBI "severe from 0.40 cm2, 60 mL a beat, 50 % on"
#define MODERATE_MR ZOGHBI "moderate from 0.20 cm2, 30 mL a beat, 30 % on"
#define MODERATE_AR ZOGHBI "grade III from 0.20 cm2, 45 mL a beat, 40 % on"
#define SEVERE_AR ZOGHBI "severe from 0.30 cm2, 60 mL a beat, 50 % on"
#define A_BEAT(volume) (volume) * 70 / 60.0 /* at 70 a minute, in mL/s */

#define YOUNG "Young and Tsai 1973, flow solved independently"
#define FAME                                                                             \
    "Tonino et al., J Am Coll Cardiol 55:2816, 2010: FFR 0.80 at 50 to 60 %, below "     \
    "beyond 70"
#define MCSHARRY "McSharry et al. 2003, run independently"
#define MITCHELL "Mitchell and Schaeffer 2003: closed form"
#define STROKES                                                                          \
    "Mitchell and Schaeffer 2003, run independently, up- and downstroke included"
#define FRIDERICIA "Fridericia, Acta Med Scand 53:469, 1920"
#define TANAKA "Tanaka et al., J Am Coll Cardiol 37:153, 2001: 208 - 0.7 age"
#define KARVONEN "a share of the reserve between rest and the largest rate"
#define LAG "closed form: one time constant leaves 1/e"
#define HALF_WORK "work 0.5 1 @ 2 min;work 0 1 @ 10 min"
#define SOTALOL "label of sotalol: QTc 10 to 40 ms more"

#define BAZETT "Bazett, Heart 7:353, 1920: by the square root of the cycle"
#define KERN "Kern et al., J Am Coll Cardiol 28:1154, 1996"
#define RESOLVE                                                                          \
    "Jeremias et al., J Am Coll Cardiol 63:1253, 2014: 0.92 at rest for an FFR of 0.80"
#define GOULD "Gould, Lipscomb and Hamilton, Am J Cardiol 33:87, 1974"

static const struct figure figures[] = {
    /* A healthy adult at 70 a minute; what echocardiography and catheters publish. */
    {"heart/circulation", "", "", "Pao", LARGEST, BEAT_70, 120.2, 0.1, 0, H8},
    {"heart/circulation", "", "", "Pao", SMALLEST, BEAT_70, 78.0, 0.3, 0, H8},
    {"heart/circulation", "", "", "Pao", MEAN, BEAT_70, 99.0, 0.1, 0, H8},
    {"heart/circulation", "", "", "Vlv", LARGEST, BEAT_70, 124.5, 0.1, 0, H8},
    {"heart/circulation", "", "", "Vlv", SMALLEST, BEAT_70, 48.7, 0.1, 0, H8},
    {"heart/circulation", "", "", "Vlv", RANGE, BEAT_70, 75.8, 0.1, 0, H8},
    {"heart/circulation", "", "", "Vlv", FRACTION, BEAT_70, 0.609, 0.0005, 0, H8},
    {"heart/circulation", "", "", "flow", MEAN, BEAT_70, 5.31, 0.01, 0, H8},
    {"heart/circulation", "", "", "Pla", MEAN, BEAT_70, 8.2, 0.05, 0, H8},
    {"heart/circulation", "", "", "Pra", MEAN, BEAT_70, 4.0, 0.05, 0, H8},
    {"heart/circulation", "", "", "Ppr", LARGEST, BEAT_70, 23.7, 0.1, 0, H8},
    {"heart/circulation", "", "", "Ppr", SMALLEST, BEAT_70, 9.7, 0.1, 0, H8},
    {"heart/circulation", "", "", "Ppr", MEAN, BEAT_70, 15.4, 0.1, 0, H8},
    {"heart/circulation", "", "", "Plv", VALUE, BEAT_70, 8.2, 0.1, 0, H8},
    {"heart/circulation", "", "", "Vrv", FRACTION, BEAT_70, 0.54, 0.005, 0, H8},
    /* A cuff and an echo say the same, of the beat before them. */
    {"heart/circulation", "", "", "systolic", VALUE, READ_70, 120.2, 0.1, 0, H8},
    {"heart/circulation", "", "", "diastolic", VALUE, READ_70, 78.0, 0.3, 0, H8},
    {"heart/circulation", "", "", "mean", VALUE, READ_70, 99.0, 0.1, 0, H8},
    {"heart/circulation", "SBV=717", "", "mean", VALUE, READ_70, 74.2, 0.3, 0, H8},
    {"heart/circulation", "", "", "echo_EDV", VALUE, READ_70, 124.5, 0.1, 0, H8},
    {"heart/circulation", "", "", "echo_ESV", VALUE, READ_70, 48.7, 0.1, 0, H8},
    {"heart/circulation", "", "", "echo_EF", VALUE, READ_70, 60.9, 0.05, 0, H8},
    {"heart/circulation", "", "", "Fao", TIME_ABOVE, BEAT_70, 0.246, 0.003, 0, H8},
    {"heart/circulation", "", "", "Pao", LARGEST, BEAT_70, 120, 1, 0, "textbook: 120/80"},
    {"heart/circulation", "", "", "Pao", SMALLEST, BEAT_70, 80, 2.5, 0,
     "textbook: 120/80"},
    {"heart/circulation", "", "", "Vlv", LARGEST, BEAT_70, 106, 44, 0, ASE},
    {"heart/circulation", "", "", "Vlv", RANGE, BEAT_70, 80, 20, 0, ASE},
    {"heart/circulation", "", "", "Vlv", FRACTION, BEAT_70, 0.6, 0.05, 0, ASE},
    {"heart/circulation", "", "", "flow", MEAN, BEAT_70, 6, 2, 0, ASE},
    {"heart/circulation", "", "", "Ppr", MEAN, BEAT_70, 14, 3, 0, CATHETER},
    {"heart/circulation", "", "", "Pla", MEAN, BEAT_70, 9, 3, 0, CATHETER},
    {"heart/circulation", "", "", "Pra", MEAN, BEAT_70, 4, 2, 0, CATHETER},
    /* 100 a minute, and nothing else. */
    {"heart/circulation", "HR=100", "", "Pao", LARGEST, BEAT_100, 118.9, 0.1, 0, H8},
    {"heart/circulation", "HR=100", "", "Pao", SMALLEST, BEAT_100, 86.3, 0.3, 0, H8},
    {"heart/circulation", "HR=100", "", "Vlv", LARGEST, BEAT_100, 103, 0.6, 0, H8},
    {"heart/circulation", "HR=100", "", "Vlv", SMALLEST, BEAT_100, 48, 0.6, 0, H8},
    {"heart/circulation", "HR=100", "", "Vlv", FRACTION, BEAT_100, 0.53, 0.005, 0, H8},
    {"heart/circulation", "HR=100", "", "flow", MEAN, BEAT_100, 5.48, 0.01, 0, H8},
    {"heart/circulation", "HR=100", "", "Pla", MEAN, BEAT_100, 8.6, 0.06, 0, H8},
    {"heart/circulation", "HR=100", "", "Pra", MEAN, BEAT_100, 4.1, 0.06, 0, H8},
    /* Hypertension. */
    {"heart/circulation", "RSYS=1.421 CSA=0.954", "", "Pao", LARGEST, BEAT_70, 161.8, 0.1,
     0, H8},
    {"heart/circulation", "RSYS=1.421 CSA=0.954", "", "Pao", SMALLEST, BEAT_70, 100.2,
     0.3, 0, H8},
    {"heart/circulation", "RSYS=1.421 CSA=0.954", "", "Vlv", LARGEST, BEAT_70, 138, 0.6,
     0, H8},
    {"heart/circulation", "RSYS=1.421 CSA=0.954", "", "Vlv", SMALLEST, BEAT_70, 64, 0.6,
     0, H8},
    {"heart/circulation", "RSYS=1.421 CSA=0.954", "", "Vlv", FRACTION, BEAT_70, 0.54,
     0.005, 0, H8},
    {"heart/circulation", "RSYS=1.421 CSA=0.954", "", "flow", MEAN, BEAT_70, 5.2, 0.01, 0,
     H8},
    {"heart/circulation", "RSYS=1.421 CSA=0.954", "", "Pla", MEAN, BEAT_70, 9.0, 0.06, 0,
     H8},
    {"heart/circulation", "RSYS=1.421 CSA=0.954", "", "Pra", MEAN, BEAT_70, 3.9, 0.06, 0,
     H8},
    /* Weak heart, and with its fluid retained. */
    {"heart/circulation", "ELVM=0.9", "", "Pao", LARGEST, BEAT_70, 96, 0.6, 0, H8},
    {"heart/circulation", "ELVM=0.9", "", "Pao", SMALLEST, BEAT_70, 62, 0.6, 0, H8},
    {"heart/circulation", "ELVM=0.9", "", "Vlv", LARGEST, BEAT_70, 174, 0.6, 0, H8},
    {"heart/circulation", "ELVM=0.9", "", "Vlv", SMALLEST, BEAT_70, 114, 0.6, 0, H8},
    {"heart/circulation", "ELVM=0.9", "", "Vlv", FRACTION, BEAT_70, 0.345, 0.005, 0, H8},
    {"heart/circulation", "ELVM=0.9", "", "flow", MEAN, BEAT_70, 4.2, 0.01, 0, H8},
    {"heart/circulation", "ELVM=0.9", "", "Pla", MEAN, BEAT_70, 10.8, 0.06, 0, H8},
    {"heart/circulation", "ELVM=0.9", "", "Pra", MEAN, BEAT_70, 3.3, 0.06, 0, H8},
    {"heart/circulation", "ELVM=0.9 SBV=1267", "", "Pao", LARGEST, BEAT_70, 125, 0.6, 0,
     H8},
    {"heart/circulation", "ELVM=0.9 SBV=1267", "", "Pao", SMALLEST, BEAT_70, 81, 0.6, 0,
     H8},
    {"heart/circulation", "ELVM=0.9 SBV=1267", "", "Vlv", LARGEST, BEAT_70, 222, 0.6, 0,
     H8},
    {"heart/circulation", "ELVM=0.9 SBV=1267", "", "Vlv", SMALLEST, BEAT_70, 145, 0.6, 0,
     H8},
    {"heart/circulation", "ELVM=0.9 SBV=1267", "", "Vlv", FRACTION, BEAT_70, 0.349, 0.005,
     0, H8},
    {"heart/circulation", "ELVM=0.9 SBV=1267", "", "flow", MEAN, BEAT_70, 5.43, 0.01, 0,
     H8},
    {"heart/circulation", "ELVM=0.9 SBV=1267", "", "Pla", MEAN, BEAT_70, 14.3, 0.06, 0,
     H8},
    {"heart/circulation", "ELVM=0.9 SBV=1267", "", "Pra", MEAN, BEAT_70, 4.4, 0.06, 0,
     H8},
    {"heart/circulation", "ELVM=0.9 SBV=1267", "", "Ppr", LARGEST, BEAT_70, 30.6, 0.1, 0,
     H8},
    {"heart/circulation", "ELVM=0.9 SBV=1267", "", "Ppr", SMALLEST, BEAT_70, 15.8, 0.1, 0,
     H8},
    /* Stiff heart. */
    {"heart/circulation", "ELVm=0.144 SBV=1167", "", "Pao", LARGEST, BEAT_70, 123, 0.6, 0,
     H8},
    {"heart/circulation", "ELVm=0.144 SBV=1167", "", "Pao", SMALLEST, BEAT_70, 80, 0.6, 0,
     H8},
    {"heart/circulation", "ELVm=0.144 SBV=1167", "", "Vlv", LARGEST, BEAT_70, 127, 0.6, 0,
     H8},
    {"heart/circulation", "ELVm=0.144 SBV=1167", "", "Vlv", SMALLEST, BEAT_70, 50, 0.6, 0,
     H8},
    {"heart/circulation", "ELVm=0.144 SBV=1167", "", "Vlv", FRACTION, BEAT_70, 0.61,
     0.005, 0, H8},
    {"heart/circulation", "ELVm=0.144 SBV=1167", "", "flow", MEAN, BEAT_70, 5.43, 0.01, 0,
     H8},
    {"heart/circulation", "ELVm=0.144 SBV=1167", "", "Pla", MEAN, BEAT_70, 14.2, 0.06, 0,
     H8},
    {"heart/circulation", "ELVm=0.144 SBV=1167", "", "Ppr", LARGEST, BEAT_70, 30.6, 0.1,
     0, H8},
    {"heart/circulation", "ELVm=0.144 SBV=1167", "", "Ppr", SMALLEST, BEAT_70, 15.7, 0.1,
     0, H8},
    {"heart/circulation", "ELVm=0.144 SBV=1167", "", "Plv", VALUE, BEAT_70, 16.9, 0.1, 0,
     H8},
    /* Narrow aortic valve: mean and peak gradient, and the area by Gorlin, which is
     * within a tenth of the orifice times 50/44.3. */
    {"heart/circulation", "AVA=2.0", "", "gradient", MEAN_ABOVE, BEAT_70, 12.2, 0.5, 0,
     H8},
    {"heart/circulation", "AVA=2.0", "", "gradient", LARGEST, BEAT_70, 27, 0.6, 0, H8},
    {"heart/circulation", "AVA=2.0", "", "Vlv", FRACTION, BEAT_70, 0.607, 0.0005, 0, H8},
    {"heart/circulation", "AVA=2.0", "", "flow", MEAN, BEAT_70, 5.3, 0.01, 0, H8},
    {"heart/circulation", "AVA=1.5", "", "gradient", MEAN_ABOVE, BEAT_70, 19.8, 0.5, 0,
     H8},
    {"heart/circulation", "AVA=1.5", "", "gradient", LARGEST, BEAT_70, 39, 0.6, 0, H8},
    {"heart/circulation", "AVA=1.0", "", "gradient", MEAN_ABOVE, BEAT_70, 36.6, 0.5, 0,
     H8},
    {"heart/circulation", "AVA=1.0", "", "gradient", LARGEST, BEAT_70, 62, 0.6, 0, H8},
    {"heart/circulation", "AVA=0.8", "", "gradient", MEAN_ABOVE, BEAT_70, 49.8, 0.5, 0,
     H8},
    {"heart/circulation", "AVA=0.8", "", "gradient", LARGEST, BEAT_70, 80, 0.6, 0, H8},
    {"heart/circulation", "AVA=0.6", "", "gradient", MEAN_ABOVE, BEAT_70, 71.5, 0.5, 0,
     H8},
    {"heart/circulation", "AVA=0.6", "", "gradient", LARGEST, BEAT_70, 111, 0.6, 0, H8},
    {"heart/circulation", "AVA=0.6", "", "Vlv", FRACTION, BEAT_70, 0.5329999999999999,
     0.0005, 0, H8},
    {"heart/circulation", "AVA=0.6", "", "flow", MEAN, BEAT_70, 5.04, 0.01, 0, H8},
    {"heart/circulation", "AVA=1.0", "", "gradient", MEAN_ABOVE, BEAT_70, 35, 5, 0,
     ASGUIDE},
    /* Leaking mitral valve: what goes back is of all that leaves 20.5, 34.1, 50.1 %. */
    {"heart/circulation", "MR=5", "", "Vlv", FRACTION, BEAT_70, 0.68, 0.005, 0, H8},
    {"heart/circulation", "MR=5", "", "flow", MEAN, BEAT_70, 5.03, 0.01, 0, H8},
    {"heart/circulation", "MR=5", "", "Pla", MEAN, BEAT_70, 9.3, 0.06, 0, H8},
    {"heart/circulation", "MR=5", "", "Rmi", MEAN, BEAT_70,
     5.03 * 1000 / 60 * 0.205 / 0.795, 0.01 * 5.03 * 1000 / 60, 0, H8},
    {"heart/circulation", "MR=10", "", "Vlv", FRACTION, BEAT_70, 0.74, 0.005, 0, H8},
    {"heart/circulation", "MR=10", "", "flow", MEAN, BEAT_70, 4.79, 0.01, 0, H8},
    {"heart/circulation", "MR=10", "", "Pla", MEAN, BEAT_70, 10.3, 0.06, 0, H8},
    {"heart/circulation", "MR=10", "", "Rmi", MEAN, BEAT_70,
     4.79 * 1000 / 60 * 0.341 / 0.659, 0.01 * 4.79 * 1000 / 60, 0, H8},
    {"heart/circulation", "MR=20", "", "Vlv", FRACTION, BEAT_70, 0.83, 0.005, 0, H8},
    {"heart/circulation", "MR=20", "", "flow", MEAN, BEAT_70, 4.39, 0.01, 0, H8},
    {"heart/circulation", "MR=20", "", "Pla", MEAN, BEAT_70, 11.9, 0.06, 0, H8},
    {"heart/circulation", "MR=20", "", "Rmi", MEAN, BEAT_70,
     4.39 * 1000 / 60 * 0.501 / 0.499, 0.01 * 4.39 * 1000 / 60, 0, H8},
    /* Leaking aortic valve: 16, 24, 38 % of what was ejected. */
    {"heart/circulation", "AR=3", "", "Pao", LARGEST, BEAT_70, 122, 0.6, 0, H8},
    {"heart/circulation", "AR=3", "", "Pao", SMALLEST, BEAT_70, 71.5, 0.6, 0, H8},
    {"heart/circulation", "AR=3", "", "Vlv", LARGEST, BEAT_70, 137, 0.6, 0, H8},
    {"heart/circulation", "AR=3", "", "Rao", MEAN, BEAT_70,
     5.176 * 1000 / 60 * 0.163 / 0.837, 0.01 * 5.176 * 1000 / 60, 0, H8},
    {"heart/circulation", "AR=5", "", "Pao", LARGEST, BEAT_70, 122, 0.6, 0, H8},
    {"heart/circulation", "AR=5", "", "Pao", SMALLEST, BEAT_70, 67, 0.6, 0, H8},
    {"heart/circulation", "AR=5", "", "Vlv", LARGEST, BEAT_70, 145, 0.6, 0, H8},
    {"heart/circulation", "AR=5", "", "Rao", MEAN, BEAT_70,
     5.095 * 1000 / 60 * 0.243 / 0.757, 0.01 * 5.095 * 1000 / 60, 0, H8},
    {"heart/circulation", "AR=10", "", "Pao", LARGEST, BEAT_70, 124, 0.6, 0, H8},
    {"heart/circulation", "AR=10", "", "Pao", SMALLEST, BEAT_70, 58, 0.6, 0, H8},
    {"heart/circulation", "AR=10", "", "Vlv", LARGEST, BEAT_70, 163, 0.6, 0, H8},
    {"heart/circulation", "AR=10", "", "Rao", MEAN, BEAT_70,
     4.902 * 1000 / 60 * 0.383 / 0.617, 0.01 * 4.902 * 1000 / 60, 0, H8},
    /* Narrow mitral valve. */
    {"heart/circulation", "MVA=1", "", "Pao", LARGEST, BEAT_70, 95, 0.6, 0, H8},
    {"heart/circulation", "MVA=1", "", "Pao", SMALLEST, BEAT_70, 62, 0.6, 0, H8},
    {"heart/circulation", "MVA=1", "", "Vlv", LARGEST, BEAT_70, 101, 0.6, 0, H8},
    {"heart/circulation", "MVA=1", "", "Vlv", SMALLEST, BEAT_70, 41, 0.6, 0, H8},
    {"heart/circulation", "MVA=1", "", "flow", MEAN, BEAT_70, 4.21, 0.01, 0, H8},
    {"heart/circulation", "MVA=1", "", "Pla", MEAN, BEAT_70, 13.4, 0.06, 0, H8},
    {"heart/circulation", "MVA=1", "", "Ppr", LARGEST, BEAT_70, 26, 0.5, 0, H8},
    {"heart/circulation", "MVA=1", "", "Ppr", SMALLEST, BEAT_70, 15, 0.5, 0, H8},
    /* A bleeding of 250 mL, without and with reflex. */
    {"heart/circulation", "SBV=717", "", "Pao", LARGEST, BEAT_70, 90, 0.6, 0, H8},
    {"heart/circulation", "SBV=717", "", "Pao", SMALLEST, BEAT_70, 58, 0.6, 0, H8},
    {"heart/circulation", "SBV=717", "", "Vlv", LARGEST, BEAT_70, 96, 0.6, 0, H8},
    {"heart/circulation", "SBV=717", "", "Vlv", SMALLEST, BEAT_70, 39, 0.6, 0, H8},
    {"heart/circulation", "SBV=717", "", "flow", MEAN, BEAT_70, 3.99, 0.01, 0, H8},
    {"heart/circulation", "SBV=717", "", "Pla", MEAN, BEAT_70, 6.0, 0.06, 0, H8},
    {"heart/circulation", "SBV=717", "", "Pra", MEAN, BEAT_70, 2.9, 0.06, 0, H8},
    /* Whose beats are 0.744 s, not 60/70: over forty of them. */
    {"heart/circulation", "SBV=717 REFLEX=1", "", "Pao", MEAN, 50, 0.01, 50 + 40 * 0.744,
     85.0, 0.1, 0, "reflex: four tenths of the fall are made up, run independently"},
    /* Exercise. */
    {"heart/circulation", "HR=120 EX=1.6 RX=0.55 SBV=1217", "", "Pao", LARGEST, BEAT_120,
     112, 0.6, 0, H8},
    {"heart/circulation", "HR=120 EX=1.6 RX=0.55 SBV=1217", "", "Pao", SMALLEST, BEAT_120,
     70, 0.6, 0, H8},
    {"heart/circulation", "HR=120 EX=1.6 RX=0.55 SBV=1217", "", "Vlv", LARGEST, BEAT_120,
     98, 0.6, 0, H8},
    {"heart/circulation", "HR=120 EX=1.6 RX=0.55 SBV=1217", "", "Vlv", SMALLEST, BEAT_120,
     31, 0.6, 0, H8},
    {"heart/circulation", "HR=120 EX=1.6 RX=0.55 SBV=1217", "", "Vlv", FRACTION, BEAT_120,
     0.69, 0.005, 0, H8},
    {"heart/circulation", "HR=120 EX=1.6 RX=0.55 SBV=1217", "", "flow", MEAN, BEAT_120,
     8.1, 0.05, 0, H8},
    /* Flow reserve by narrowing (Young and Tsai), 3 mm; and 3.5 mm with the same muscle.
     */
    {"heart/coronary", "narrow=0.3", "", "FFR", VALUE, 0, 1, 0, 0.963, 6e-4, 0, YOUNG},
    {"heart/coronary", "narrow=0.3 rest=3.5", "", "CFR", VALUE, 0, 1, 0, 3.39, 6e-3, 0,
     YOUNG},
    {"heart/coronary", "narrow=0.3 D0=3.5 Rm=27.473", "", "FFR", VALUE, 0, 1, 0, 0.971,
     1.2e-3, 0, YOUNG},
    {"heart/coronary", "narrow=0.4", "", "FFR", VALUE, 0, 1, 0, 0.92, 6e-4, 0, YOUNG},
    {"heart/coronary", "narrow=0.4 rest=3.5", "", "CFR", VALUE, 0, 1, 0, 3.26, 6e-3, 0,
     YOUNG},
    {"heart/coronary", "narrow=0.4 D0=3.5 Rm=27.473", "", "FFR", VALUE, 0, 1, 0, 0.934,
     1.2e-3, 0, YOUNG},
    {"heart/coronary", "narrow=0.5", "", "FFR", VALUE, 0, 1, 0, 0.832, 6e-4, 0, YOUNG},
    {"heart/coronary", "narrow=0.5 rest=3.5", "", "CFR", VALUE, 0, 1, 0, 2.99, 6e-3, 0,
     YOUNG},
    {"heart/coronary", "narrow=0.5 D0=3.5 Rm=27.473", "", "FFR", VALUE, 0, 1, 0, 0.857,
     1.2e-3, 0, YOUNG},
    {"heart/coronary", "narrow=0.6", "", "FFR", VALUE, 0, 1, 0, 0.674, 6e-4, 0, YOUNG},
    {"heart/coronary", "narrow=0.6 rest=3.5", "", "CFR", VALUE, 0, 1, 0, 2.51, 6e-3, 0,
     YOUNG},
    {"heart/coronary", "narrow=0.6 D0=3.5 Rm=27.473", "", "FFR", VALUE, 0, 1, 0, 0.71,
     1.2e-3, 0, YOUNG},
    {"heart/coronary", "narrow=0.7", "", "FFR", VALUE, 0, 1, 0, 0.447, 6e-4, 0, YOUNG},
    {"heart/coronary", "narrow=0.7 rest=3.5", "", "CFR", VALUE, 0, 1, 0, 1.89, 6e-3, 0,
     YOUNG},
    {"heart/coronary", "narrow=0.7 D0=3.5 Rm=27.473", "", "FFR", VALUE, 0, 1, 0, 0.487,
     1.2e-3, 0, YOUNG},
    {"heart/coronary", "narrow=0.8", "", "FFR", VALUE, 0, 1, 0, 0.212, 6e-4, 0, YOUNG},
    {"heart/coronary", "narrow=0.8 rest=3.5", "", "CFR", VALUE, 0, 1, 0, 1.34, 6e-3, 0,
     YOUNG},
    {"heart/coronary", "narrow=0.8 D0=3.5 Rm=27.473", "", "FFR", VALUE, 0, 1, 0, 0.24,
     1.2e-3, 0, YOUNG},
    {"heart/coronary", "narrow=0.55", "", "FFR", VALUE, 0, 1, 0, 0.8, 0.06, 0, FAME},
    {"heart/coronary", "narrow=0.72", "", "FFR", VALUE, 0, 1, 0, 0.4, 0.4, 0, FAME},
    {"heart/coronary", "narrow=0.7 STENT=1", "", "FFR", VALUE, 0, 1, 0, 0.98, 0.02, 0,
     FAME},
    /* Two lesions in series are worse than either; disease of the muscle hides one. */
    {"heart/coronary", "narrow=0.5 SECOND=0.5", "", "FFR", VALUE, 0, 1, 0, 0.7310, 1e-4,
     0, YOUNG},
    {"heart/coronary", "narrow=0.6 Rm=48.57", "", "FFR", VALUE, 0, 1, 0, 0.8388, 1e-4, 0,
     YOUNG},
    /* The electrocardiogram, from 0.4 s before the 21st R to 0.6 s after it. */
    {"heart/ecg", "HR=60 breath=0", "", "z", TIME_OF_LARGEST, 20.0 - 0.05, 0.001,
     20.0 + 0.05, 20.0, 1e-3, 0, MCSHARRY},
    {"heart/ecg", "HR=60 breath=0", "", "z", TIME_OF_LARGEST, 20.0 + 0.1, 0.001,
     20.0 + 0.35, 20.0 + 0.276, 1.5e-3, 0, MCSHARRY},
    {"heart/ecg", "HR=60 breath=0", "", "z", TIME_OF_LARGEST, 20.0 - 0.22, 0.001,
     20.0 - 0.09, 20.0 - 0.195, 1.5e-3, 0, MCSHARRY},
    {"heart/ecg", "HR=75 breath=0", "", "z", TIME_OF_LARGEST, 16.0 - 0.05, 0.001,
     16.0 + 0.05, 16.0, 1e-3, 0, MCSHARRY},
    {"heart/ecg", "HR=75 breath=0", "", "z", TIME_OF_LARGEST, 16.0 + 0.1, 0.001,
     16.0 + 0.35, 16.0 + 0.233, 1.5e-3, 0, MCSHARRY},
    {"heart/ecg", "HR=75 breath=0", "", "z", TIME_OF_LARGEST, 16.0 - 0.22, 0.001,
     16.0 - 0.09, 16.0 - 0.165, 1.5e-3, 0, MCSHARRY},
    {"heart/ecg", "HR=100 breath=0", "", "z", TIME_OF_LARGEST, 12.0 - 0.05, 0.001,
     12.0 + 0.05, 12.0, 1e-3, 0, MCSHARRY},
    {"heart/ecg", "HR=100 breath=0", "", "z", TIME_OF_LARGEST, 12.0 + 0.1, 0.001,
     12.0 + 0.35, 12.0 + 0.187, 1.5e-3, 0, MCSHARRY},
    {"heart/ecg", "HR=100 breath=0", "", "z", TIME_OF_LARGEST, 12.0 - 0.22, 0.001,
     12.0 - 0.09, 12.0 - 0.133, 1.5e-3, 0, MCSHARRY},
    {"heart/ecg", "HR=60 breath=0", "", "R_wave", OUTCOME, 0, 1, 2, 1.09, 0.005, 0,
     "z of 0.0419 times the gain"},
    {"heart/ecg", "", "", "z", LARGEST, 19.5, 0.001, 25, 0.045, 0.002, 0, MCSHARRY},
    {"heart/ecg", "", "", "z", SMALLEST, 19.5, 0.001, 25, -0.019, 0.003, 0, MCSHARRY},
    /* The cell: longest possible, and with its strokes at three cycles. */
    {"heart/cell", "", "", "longest", VALUE, 0, 1, 0, 241.4, 0.05, 0, MITCHELL},
    {"heart/cell", "CYCLE=1000", "", "v", TIME_ABOVE, 10000, 0.5, 11000, 284, 1, 0.13,
     STROKES},
    {"heart/cell", "CYCLE=600", "", "v", TIME_ABOVE, 6000, 0.5, 6600, 276, 1, 0.13,
     STROKES},
    {"heart/cell", "CYCLE=400", "", "v", TIME_ABOVE, 4000, 0.5, 4400, 245, 1, 0.13,
     STROKES},
    /* The same as outcomes, which are searched for: of the last of 41 beats, or of each.
     */
    {"heart/circulation", "", "", "SBP", OUTCOME, BEATS, 120.2, 0.06, 0, H8},
    {"heart/circulation", "", "", "DBP", OUTCOME, BEATS, 78, 0.05, 0, H8},
    {"heart/circulation", "", "", "MAP", OUTCOME, BEATS, 99, 0.06, 0, H8},
    {"heart/circulation", "", "", "EDV", OUTCOME, BEATS, 124.5, 0.06, 0, H8},
    {"heart/circulation", "", "", "ESV", OUTCOME, BEATS, 48.7, 0.05, 0, H8},
    {"heart/circulation", "", "", "SV", OUTCOME, BEATS, 75.8, 0.05, 0, H8},
    {"heart/circulation", "", "", "EF", OUTCOME, BEATS, 60.9, 0.05, 0, H8},
    {"heart/circulation", "", "", "CO", OUTCOME, BEATS, 5.31, 0.006, 0, H8},
    {"heart/circulation", "", "", "LAP", OUTCOME, BEATS, 8.2, 0.05, 0, H8},
    {"heart/circulation", "", "", "RAP", OUTCOME, BEATS, 4, 0.05, 0, H8},
    {"heart/circulation", "", "", "PAP", OUTCOME, BEATS, 15.4, 0.05, 0, H8},
    {"heart/circulation", "", "", "ejection", OUTCOME, BEATS, 246, 1, 0, H8},
    {"heart/circulation", "", "", "leak_aortic", OUTCOME, BEATS, 0, 1e-09, 0, H8},
    {"heart/circulation", "", "", "EF_beat", OUTCOME, BEATS, 60.9, 0.05, 0,
     H8 ", the last beat of each beat"},
    {"heart/circulation", "", "", "SBP_beat", OUTCOME, BEATS, 120.2, 0.06, 0,
     H8 ", the last beat of each beat"},
    {"heart/circulation", "AVA=1.0 MR=0", "", "gradient_mean", OUTCOME, BEATS, 36.6, 0.5,
     0, H8},
    {"heart/circulation", "AVA=1.0 MR=0", "", "gradient_peak", OUTCOME, BEATS, 62, 0.6, 0,
     H8},
    {"heart/circulation", "MR=5", "", "leak_mitral", OUTCOME, BEATS, 20.5, 0.1, 0, H8},
    {"heart/circulation", "AR=3", "", "leak_aortic", OUTCOME, BEATS, 16, 0.5, 0, H8},
    /* What an orifice of so many cm2 leaks, K being 50 for each: by share and by beat. */
    {"heart/circulation", "MR=20", "", "leak_mitral", OUTCOME, BEATS, 50, 2, 0,
     SEVERE_MR},
    {"heart/circulation", "MR=20", "", "Rmi", MEAN, BEAT_70, A_BEAT(60), A_BEAT(5), 0,
     SEVERE_MR},
    {"heart/circulation", "MR=10", "", "leak_mitral", OUTCOME, BEATS, 30, 5, 0,
     MODERATE_MR},
    {"heart/circulation", "MR=10", "", "Rmi", MEAN, BEAT_70, A_BEAT(30), A_BEAT(6), 0,
     MODERATE_MR},
    {"heart/circulation", "AR=10", "", "leak_aortic", OUTCOME, BEATS, 40, 3, 0,
     MODERATE_AR},
    {"heart/circulation", "AR=10", "", "Rao", MEAN, BEAT_70, A_BEAT(45), A_BEAT(3), 0,
     MODERATE_AR},
    {"heart/circulation", "AR=15", "", "leak_aortic", OUTCOME, BEATS, 50, 3, 0,
     SEVERE_AR},
    {"heart/circulation", "AR=15", "", "Rao", MEAN, BEAT_70, A_BEAT(60), A_BEAT(3), 0,
     SEVERE_AR},
    {"heart/circulation", "AVA=0.8", "", "gradient_mean", OUTCOME, BEATS, 49.4, 2, 0,
     "Mack et al., N Engl J Med 380:1695, 2019: 0.8 cm2 and 49.4 mm[Hg]"},
    {"heart/circulation", "HR=100", "", "flow", MEAN, BEAT_100, 5.31, 0.3, 0,
     "Ross, Linhart and Braunwald, Circulation 32:549, 1965: paced at rest, same output"},
    {"heart/coronary", "narrow=0.7", "", "reserve", OUTCOME, 0, 1, 1, 0.447, 5e-4, 0,
     YOUNG},
    {"heart/coronary", "narrow=0.7 rest=3.5", "", "multiple", OUTCOME, 0, 1, 1, 1.89,
     5e-3, 0, YOUNG},
    {"heart/coronary", "narrow=0.7 STENT=1", "", "reserve", OUTCOME, 0, 1, 1, 0.98, 0.02,
     0, FAME},
    {"heart/ecg", "HR=60 breath=0", "", "R_to_T", OUTCOME, 0, 1, 2, 276, 1.5, 0,
     MCSHARRY},
    {"heart/ecg", "HR=60 breath=0", "", "P_to_R", OUTCOME, 0, 1, 2, 195, 1.5, 0,
     MCSHARRY},
    {"heart/ecg", "HR=75 breath=0", "", "R_to_T", OUTCOME, 0, 1, 2, 233, 1.5, 0,
     MCSHARRY},
    {"heart/ecg", "HR=75 breath=0", "", "P_to_R", OUTCOME, 0, 1, 2, 165, 1.5, 0,
     MCSHARRY},
    {"heart/ecg", "HR=100 breath=0", "", "R_to_T", OUTCOME, 0, 1, 2, 187, 1.5, 0,
     MCSHARRY},
    {"heart/ecg", "HR=100 breath=0", "", "P_to_R", OUTCOME, 0, 1, 2, 133, 1.5, 0,
     MCSHARRY},
    {"heart/cell", "CYCLE=1000", "", "APD", OUTCOME, 0, 1, 6000, 287, 1.5, 0, STROKES},
    {"heart/qt", "tclose=150 topen=120 HR=60", "", "APD", VALUE, 5, 1, 5, 241, 0.6, 0,
     MITCHELL},
    {"heart/qt", "tclose=150 topen=120 HR=100", "", "APD", VALUE, 5, 1, 5, 236, 0.6, 0,
     MITCHELL},
    {"heart/qt", "tclose=150 topen=120 HR=150", "", "APD", VALUE, 5, 1, 5, 214, 0.6, 0,
     MITCHELL},
    {"heart/qt", "HR=60", "", "APD", VALUE, 5, 1, 5, 299, 1.5, 0, MITCHELL},
    /* At 60 a minute QTc is QT; in between it is QT over the cube root of the cycle. */
    {"heart/qt", "HR=60", "", "QTcF", VALUE, 5, 1, 5, 400, 5, 0, FRIDERICIA},
    {"heart/qt", "HR=60", "oral 160 mg @ 5 h every 12 h 6 times", "QT", RANGE, 5, 0.1, 77,
     25, 15, 0, SOTALOL},
    /* Heart rate: rest and the largest rate; half of the reserve, which is reached and
     * left to 1/e in one time constant each; more than all of it is all of it. */
    {"heart/heart_rate", "", "", "HR", RANGE, 0, 1, 60, 0, 1e-9, 0, "rest is at rest"},
    {"heart/heart_rate", "AGE=60", "", "HRmax", VALUE, 0, 1, 0, 166, 1e-9, 0, TANAKA},
    {"heart/heart_rate", "rest=65", HALF_WORK, "HR", VALUE, 9, 1, 9, 122.5, 1e-3, 0,
     KARVONEN},
    {"heart/heart_rate", "rest=65", HALF_WORK, "HR", VALUE, 2 + 37 / 60.0, 1,
     2 + 37 / 60.0, 122.5 - 57.5 / M_E, 1e-5, 0, LAG},
    {"heart/heart_rate", "rest=65", HALF_WORK, "HR", VALUE, 10 + 75 / 60.0, 1,
     10 + 75 / 60.0, 65 + 57.5 / M_E, 1e-3, 0, LAG},
    {"heart/heart_rate", "AGE=48", "work 1 1 @ 0 min; work 0 1 @ 20 min", "HR", RANGE, 20,
     1, 21, 60, 1, 0, "Jouven et al. 2005: 25 to 40, of which the head says 60"},
    {"heart/heart_rate", "AGE=40 rest=60", "work 0.7 1 @ 0 min", "HR", VALUE, 20, 1, 20,
     144, 1e-3, 0, KARVONEN ": 70 % of 120 above 60"},
    {"heart/heart_rate", "WORK=0.6", "work 0.9 1 @ 0 min", "HR", LARGEST, 0, 1, 30, 180,
     1e-6, 0, KARVONEN},

    /* Pressures with a narrow and with a leaking valve. */
    {"heart/circulation", "AVA=2.0", "", "Pao", LARGEST, BEAT_70, 120, 0.6, 0, H8},
    {"heart/circulation", "AVA=0.6", "", "Pao", LARGEST, BEAT_70, 113, 0.6, 0, H8},
    {"heart/circulation", "MR=5", "", "Pao", LARGEST, BEAT_70, 116, 0.6, 0, H8},
    {"heart/circulation", "MR=20", "", "Pao", LARGEST, BEAT_70, 105, 0.6, 0, H8},
    /* Flow under dilation falls from about half of the diameter on, that at rest from
       about 85 %. */
    {"heart/coronary", "narrow=0.01 rest=3.5", "", "CFR", VALUE, 0, 1, 0, 3.5, 0.05, 0,
     GOULD},
    {"heart/coronary", "narrow=0.01", "", "FFR", VALUE, 0, 1, 0, 1, 0.01, 0,
     "no narrowing, no loss"},
    {"heart/coronary", "narrow=0.3", "", "Q", VALUE, 0, 1, 0, 3.5, 0.05 * 3.5, 0, GOULD},
    /* Who has coronary disease: reserve of a healthy artery and behind a narrowing, and
       the ratio at rest that goes with an FFR of 0.80. */
    {"heart/coronary", "narrow=0.01", "", "CFR", VALUE, 0, 1, 0, 2.5, 0.05, 0, KERN},
    {"heart/coronary", "narrow=0.6", "", "multiple", OUTCOME, 0, 1, 1, 1.8, 0.15, 0,
     KERN ", 1.8 behind more than 50 %"},
    {"heart/coronary", "narrow=0.52501", "", "reserve", OUTCOME, 0, 1, 1, 0.80, 5e-4, 0,
     RESOLVE},
    {"heart/coronary", "narrow=0.52501", "", "at_rest", OUTCOME, 0, 1, 1, 0.92, 0.02, 0,
     RESOLVE},
    {"heart/coronary", "narrow=0.52501", "", "multiple", OUTCOME, 0, 1, 1, 2.0, 0.2, 0,
     "a reserve of 2.0, by which flow is judged, goes with an FFR of 0.80"},
    {"heart/coronary", "narrow=0.7", "", "Q", VALUE, 0, 1, 0, 1.45, 0.01, 0, YOUNG},
    {"heart/coronary", "narrow=0.7 rest=3.5", "", "Qrest", VALUE, 0, 1, 0, 1, 0.25, 0,
     GOULD},
    /* QT goes with the cube root of the cycle, and a blocker does more at a slow rate. */
    {"heart/qt", "HR=50", "", "QT", VALUE, 1, 1, 1, 425.06, 7.5, 0, FRIDERICIA},
    {"heart/qt", "HR=75", "", "QT", VALUE, 1, 1, 1, 371.33, 7.5, 0, FRIDERICIA},
    {"heart/qt", "HR=100", "", "QT", VALUE, 1, 1, 1, 337.37, 7.5, 0, FRIDERICIA},
    {"heart/qt", "HR=120", "", "QT", VALUE, 1, 1, 1, 317.48, 7.5, 0, FRIDERICIA},
    {"heart/qt", "HR=120", "", "longest", OUTCOME, 0, 1, 5, 400, 10, 0, FRIDERICIA},
    {"heart/qt", "HR=60", "oral 160 mg @ 5 h every 12 h 6 times", "rise", OUTCOME, 0, 1,
     77, 30, 0.5, 0, SOTALOL ", to 30 of which it is calibrated"},
    {"heart/qt", "HR=100", "oral 160 mg @ 5 h every 12 h 6 times", "QT", RANGE, 5, 0.1,
     77, 20, 2, 0, "reverse use dependence: two thirds of what it does at 60"},
    {"heart/qt", "", "oral 160 mg @ 0 h", "Cp", HALF_LIFE, 24, 24, 48, 12, 0.5, 0,
     "label of sotalol: about 12 h"},
    {"heart/qt", "", "oral 160 mg @ 0 h", "Cp", TIME_OF_LARGEST, 0, 0.05, 12, 3.25, 0.75,
     0, "label of sotalol: peak after 2.5 to 4 h"},
    /* Bazett's correction is the same at 60 and more at 100 a minute. */
    {"heart/qt", "HR=60", "", "QTcB", VALUE, 1, 1, 1, 400, 0.5, 0, BAZETT},
    {"heart/qt", "HR=100", "", "QTcB", VALUE, 1, 1, 1, 337.37 / 0.7745967, 9, 0, BAZETT},
};

static const struct courses_one courses[] = {
    {"heart/coronary", "D0=3.2 SECOND=0.4 PA=95", "", {1}},
    {"heart/ecg", "HR=75", "", {0.45}},
    {"heart/cell", "CYCLE=500 C=0.5", "", {1, 10, 100, 300}},
    {"heart/qt", "HR=60 HR=80@2", "oral 160 mg @ 1 h", {0.5, 2, 3}},
    {"heart/heart_rate", "AGE=50 WORK=0.2 WORK=0@3", "work 0.4 1 @ 1 min", {0.5, 2, 3.5}},
    {"heart/circulation",
     "HR=200 AVA=1.2 AR=4 MR=3 REFLEX=0.1",
     "fluid 300 mL @ 0.1 s for 1 s",
     {0.05, 0.15}},
};

/* What leaves a chamber enters the next. */
static void heart__no_blood_is_lost(void **state)
{
    (void)state;
    struct course course;
    course_open(&course, "heart/circulation", "AR=5 MR=5 REFLEX=1 HR=90 HR=60@20", "");
    double *blood = course_run(&course, "blood", 0, 0.5, 121);
    for (size_t i = 0; i < 121; i++)
        assert_relative(blood[i], 967.0 + 40, 1e-9);
    mem_free(blood);
    course_close(&course);
}

/* The area by Gorlin's formula, of stroke volume, time of ejection and mean gradient, is
 * within a tenth of the orifice: his constant is 44.3, the model's 50. */
static void heart__gorlin_finds_the_orifice(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        double orifice, gorlin;
    } rows[] = {{"AVA=2.0", 2.0, 1.98},
                {"AVA=1.5", 1.5, 1.54},
                {"AVA=1.0", 1.0, 1.06},
                {"AVA=0.8", 0.8, 0.86},
                {"AVA=0.6", 0.6, 0.65}};
    for (size_t i = 0; i < FOLDER_COUNT(rows); i++) {
        struct course course;
        double step = 60.0 / 70 / 400, volume = 0, time = 0, gradient = 0;
        course_open(&course, "heart/circulation", rows[i].set, "");
        double *flow = course_run(&course, "Fao", 40 * 60.0 / 70, step, 400);
        double *loss = course_run(&course, "gradient", 40 * 60.0 / 70, step, 400);
        for (size_t k = 0; k < 400; k++) {
            volume += step * flow[k];
            gradient += step * loss[k];
            time += flow[k] > 0 ? step : 0;
        }
        double area = volume / time / (44.3 * sqrt(gradient / time));
        assert_near(area, rows[i].gorlin, 0.02);
        assert_near(area, rows[i].orifice, 0.1 * rows[i].orifice);
        mem_free(flow);
        mem_free(loss);
        course_close(&course);
    }
}

/* Of people who carry a watch for 51 weeks one in five has a week in which the rate at
 * rest changes by 10 (Quer et al. 2020), if it goes at random. */
static void heart__rate_at_rest_drifts_as_watches_see(void **state)
{
    (void)state;
    struct course course;
    course_open(&course, "heart/heart_rate", "", "");
    const struct model_parameter *rest = model_parameter(course.model, 0);
    assert_string_equal(rest->name, "rest");
    assert_near(rest->typical, 65.5, 1e-9);
    assert_near(rest->typical * rest->between_sd, 7.7, 0.05);
    double week = rest->typical * rest->drift * sqrt(7 * 1440);
    double once = erfc(10 / week / sqrt(2));
    assert_near(1 - pow(1 - once, 51), 0.20, 0.02);
    course_close(&course);
}

/* Mitral flow has an early peak and one of the atrium, 1.29 times as low. */
static void heart__fills_early_and_by_its_atrium(void **state)
{
    (void)state;
    struct course course;
    double period = 60.0 / 70, step = period / 800, early = 0, late = 0;
    course_open(&course, "heart/circulation", "", "");
    double *flow = course_run(&course, "Fmi", 40 * period, step, 800);
    for (size_t k = 0; k < 800; k++) {
        double *peak = step * (double)k < period - 0.16 ? &early : &late;
        *peak = fmax(*peak, flow[k]);
    }
    assert_near(early / late, 1.29, 0.01);
    mem_free(flow);
    course_close(&course);
}

/* Lanes and CVODES have the same of a cuff and an echo, derivatives as well. */
static void heart__cuff_and_echo_are_read_by_both_solvers(void **state)
{
    (void)state;
    enum { MOST = 16 };
    struct course course;
    double phi[MODEL_PARAMETERS_MAX] = {0}, f[2][MOST], slopes[2][MOST * 8];
    course_open(&course, "heart/circulation", "HR=80 AVA=1.5 MR=2", "");
    size_t n = 0, p = course.layout.p;
    for (size_t o = 0; o < model_observations(course.model); o++)
        if (model_looks_back(course.model, o))
            assert_ok(record_measurement(course.record, 2,
                                         model_observation(course.model, o)->name, NULL,
                                         1, CENSORED_NOT, n++));
    assert_int_equal(n, 6);
    twin_destroy(&course.twin);
    record_sort(course.record);
    assert_ok(twin_new(course.model, &course.layout, course.record, &course.twin));
    course_transformed(&course, phi);
    for (size_t way = 0; way < 2; way++) {
        const struct engine_options options = {way ? ENGINE_BDF : ENGINE_LANES, 1e-10};
        struct engine *engine = engine_new(course.model, &course.layout, &options);
        assert_ok(twin_predict(engine, course.twin, phi, phi + p, f[way], slopes[way]));
        engine_destroy(&engine);
    }
    for (size_t i = 0; i < n; i++) {
        assert_relative(f[0][i], f[1][i], 1e-7);
        for (size_t a = 0; a < p; a++)
            assert_near(slopes[0][i * p + a], slopes[1][i * p + a], 1e-6 * fabs(f[1][i]));
    }
    course_close(&course);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heart__no_blood_is_lost),
        cmocka_unit_test(heart__rate_at_rest_drifts_as_watches_see),
        cmocka_unit_test(heart__gorlin_finds_the_orifice),
        cmocka_unit_test(heart__fills_early_and_by_its_atrium),
        cmocka_unit_test(heart__cuff_and_echo_are_read_by_both_solvers),
    };
    return folder_run(&(struct folder){
        .name = "heart",
        .figures = figures,
        .figure_count = FOLDER_COUNT(figures),
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
        .tests = tests,
        .test_count = FOLDER_COUNT(tests),
    });
}
