/* Drugs in general, and the building blocks that a hospital would write itself. */

#include "folder.h"
#include "course.h"
#include "likelihood.h"
#include "peel.h"

#define THEO "drugs/theophylline", "CL=2.8 V=32 ka=1.5"
#define THEO_ONCE THEO, "oral 320 mg @ 0 h", "Cp"
#define THEO_DAILY THEO, "oral 320 mg @ 0 h every 12 h 30 times", "Cp"
#define WARF                                                                             \
    "drugs/warfarin", "CL=0.131 V=8.17 ka=0.875185834 Tlag=0.96", "oral 100 mg @ 0 h",   \
        "Cp"
#define DRIP "drugs/two_compartment_infusion", "CL=4.5 V1=25 Q=6.5 V2=35"
#define DRIP_ONCE DRIP, "infusion 1 g @ 0 h for 1 h", "Cp"
#define DRIP_DAILY DRIP, "infusion 1 g @ 0 h for 1 h every 12 h 30 times", "Cp"
#define GIBALDI "closed form (Gibaldi and Perrier, Pharmacokinetics, 2nd ed., 1982)"
#define MINTO "Minto et al., Anesthesiology 86:10, 1997: area and level by clearance"
#define OREILLY "O'Reilly and Aggeler, Circulation 38:169, 1968, fitted; half-life 43 h"

#define ORAL_TWO "drugs/two_compartment_oral", "", "oral 100 mg @ 0 h", "Cp"
#define RENAL "drugs/one_compartment_iv"
#define COCKCROFT "Cockcroft and Gault, Nephron 16:31, 1976: formula"
#define SAVIC "Savic et al., J Pharmacokinet Pharmacodyn 34:711, 2007: first moment"
#define DAYNEKA "Dayneka, Garg and Jusko, J Pharmacokinet Biopharm 21:457, 1993"
#define CALVERT "Calvert et al. 1989: 5 (90 + 25) = 575 mg"
#define INKER "Inker et al. 2021, worked out apart"

static const struct figure figures[] = {
    /* Theophylline, 320 mg: closed form; Gibaldi and Perrier, Pharmacokinetics, 1982. */
    {THEO_ONCE, LARGEST, 0, 0.05, 8, 8.3860, 5e-5, 0, GIBALDI},
    {THEO_ONCE, TIME_OF_LARGEST, 0, 0.02, 8, 2.0117, 1e-4, 0, GIBALDI},
    {THEO_ONCE, HALF_LIFE, 40, 20, 60, 7.922, 5e-4, 0, GIBALDI},
    {THEO_ONCE, AREA, 0, 0.05, 200, 114.286, 1e-3, 0, GIBALDI},
    {THEO_DAILY, VALUE, 348, 1, 348, 5.7166, 5e-5, 0, GIBALDI},
    {THEO_DAILY, LARGEST, 348, 0.05, 360, 13.2490, 5e-5, 0, GIBALDI},
    {THEO_DAILY, TIME_OF_LARGEST, 348, 0.02, 360, 349.707, 5e-4, 0, GIBALDI},
    {THEO_DAILY, AREA, 348, 0.01, 360, 12 * 9.5238, 1e-3, 0, GIBALDI},
    /* Warfarin with the values of the textbook fit to O'Reilly's data (t1/2 43 h). */
    {WARF, LARGEST, 0, 0.02, 20, 11.360, 5e-4, 0, OREILLY},
    {WARF, TIME_OF_LARGEST, 0, 0.02, 20, 4.655 + 0.96, 5e-4, 0, OREILLY},
    {WARF, HALF_LIFE, 60, 60, 120, 43.23, 5e-3, 0, OREILLY},
    {WARF, VALUE, 0.95, 1, 0.95, 0, 0, 0, OREILLY}, /* not before the lag */
    /* A vancomycin-like infusion of 1 g over 1 h, in ug/L. */
    {DRIP_ONCE, VALUE, 1, 1, 1, 32608.4, 0.05, 0, GIBALDI},
    {DRIP_ONCE, VALUE, 2, 1, 2, 22140.2, 0.05, 0, GIBALDI},
    {DRIP_ONCE, VALUE, 6, 1, 6, 8566.0, 0.05, 0, GIBALDI},
    {DRIP_ONCE, VALUE, 12, 1, 12, 5112.1, 0.05, 0, GIBALDI},
    {DRIP_ONCE, HALF_LIFE, 40, 20, 60, 11.751, 5e-4, 0, GIBALDI},
    {DRIP_DAILY, AREA, 336, 0.01, 360, 444444, 50, 0, GIBALDI},
    {ORAL_TWO, VALUE, 1, 1, 1, 1.06666, 6e-6, 0, GIBALDI},
    {ORAL_TWO, VALUE, 4, 1, 4, 0.83275, 6e-6, 0, GIBALDI},
    {ORAL_TWO, VALUE, 12, 1, 12, 0.15179, 6e-6, 0, GIBALDI},
    {ORAL_TWO, VALUE, 24, 1, 24, 0.06431, 6e-6, 0, GIBALDI},
    {ORAL_TWO, AREA, 0, 0.02, 400, 10, 1e-4, 0, GIBALDI},
    /* A woman of 60 kg, 75 years and 1.2 mg/dL has 38.4 mL/min. */
    {RENAL, "AGE=75 WT=60 SCR=1.2 FEMALE=1", "", "CRCL", VALUE, 0, 1, 0,
     65 * 60 / (72 * 1.2) * 0.85, 1e-9, 0, COCKCROFT},
    {RENAL, "", "iv 100 mg @ 0 h", "Cp", AREA, 0, 0.01, 60, 100 / 4.5, 1e-4, 0, GIBALDI},
    {RENAL, "", "iv 100 mg @ 0 h", "Cp", HALF_LIFE, 4, 4, 8, 2.69557237, 1e-6, 0,
     GIBALDI},
    /* Mean residence: 2 h of transits, 0.5 h of absorption, 5 h of V/CL. */
    {"drugs/transit_absorption", "", "oral 100 mg @ 0 h", "Cp", AREA, 0, 0.02, 200, 10,
     1e-5, 0, SAVIC},
    /* Where a drug that is not lost saturates: the new steady states. */
    {"drugs/indirect_response_1", "CL=0 C50=1e-9", "iv 1 g @ 0 h", "R", VALUE, 100, 1,
     100, 30 * (1 - 0.9), 1e-5, 0, DAYNEKA},
    {"drugs/indirect_response_2", "CL=0 C50=1e-9", "iv 1 g @ 0 h", "R", VALUE, 1000, 1,
     1000, 30 / (1 - 0.9), 1e-5, 0, DAYNEKA},
    {"drugs/indirect_response_3", "CL=0 C50=1e-9", "iv 1 g @ 0 h", "R", VALUE, 100, 1,
     100, 30 * (1 + 3), 1e-5, 0, DAYNEKA},
    {"drugs/indirect_response_4", "CL=0 C50=1e-9", "iv 1 g @ 0 h", "R", VALUE, 100, 1,
     100, 30.0 / (1 + 3), 1e-5, 0, DAYNEKA},
    /* Remifentanil, Minto 1997: 2.6 ug/min keeps 1 ug/L at a clearance of 2.6 L/min, and
     * a milligramme has the area dose / clearance. */
    {"drugs/remifentanil", "", "infusion 13 mg @ 0 min for 5000 min", "Cp", VALUE, 5000,
     1, 5000, 1, 1e-5, 0, MINTO},
    {"drugs/remifentanil", "", "infusion 1 mg @ 0 min for 1 min", "Cp", AREA, 0, 0.05,
     1500, 1000 / 2.6, 0.05, 0, MINTO},
    /* Outcomes. */
    {"drugs/theophylline", "CL=2.8 V=32 ka=1.5", "oral 320 mg @ 0 h", "peak", OUTCOME, 0,
     1, 48, 8.386, 0.0001, 0, "closed form"},
    {"drugs/theophylline", "CL=2.8 V=32 ka=1.5", "oral 320 mg @ 0 h", "peak_at", OUTCOME,
     0, 1, 48, 2.0117, 0.0001, 0, "closed form"},
    {"drugs/theophylline", "CL=2.8 V=32 ka=1.5", "oral 320 mg @ 0 h", "exposure", OUTCOME,
     0, 1, 300, 114.286, 0.001, 0, "dose over clearance"},
    {"drugs/theophylline", "CL=2.8 V=32 ka=1.5", "oral 320 mg @ 0 h every 12 h 30 times",
     "day", OUTCOME, 0, 1, 360, 24 * 9.5238, 0.01, 0, "steady state: mean of 9.5238"},
    {"drugs/effect_compartment", "ke0=0.12", "iv 40 mg @ 0 min", "least_at", OUTCOME, 0,
     1, 120, 15.4033, 0.001, 0, "closed form of a bolus: ln(ke0/k)/(ke0 - k)"},
    {"drugs/emax", "DOSE=15.34", "", "share", OUTCOME, 0, 1, 1, 50, 1e-09, 0,
     "half of the largest at EC50"},
    {"drugs/warfarin", "CL=0.131 V=8.17 ka=0.87518 Tlag=0.96", "oral 100 mg @ 0 h",
     "peak", OUTCOME, 0, 1, 144, 11.36, 0.002, 0, "closed form"},
    {"drugs/warfarin", "CL=0.131 V=8.17 ka=0.87518 Tlag=0.96", "oral 100 mg @ 0 h",
     "peak_at", OUTCOME, 0, 1, 144, 4.655 + 0.96, 0.002, 0, "closed form"},
    {DRIP, "infusion 1 g @ 0 h for 1 h every 12 h 30 times", "day", OUTCOME, 0, 1, 360,
     2e6 / 4.5, 1e-2 * 1e3, 0, "two doses over clearance"},
    {"drugs/carboplatin", "GFR=90", "carboplatin 575 mg @ 0 h", "area", OUTCOME, 0, 1, 96,
     5, 1e-4, 0, CALVERT},
    {"drugs/carboplatin", "GFR=90", "", "dose", OUTCOME, 0, 1, 1, 575, 1e-9, 0, CALVERT},
    {"drugs/carboplatin", "AGE=50 SCR=1.0", "", "eGFR", VALUE, 0, 1, 0, 91.69, 0.01, 0,
     INKER},
    {"drugs/carboplatin", "AGE=50 SCR=0.8 FEMALE=1", "", "eGFR", VALUE, 0, 1, 0, 89.71,
     0.01, 0, INKER},
    {"drugs/carboplatin", "AGE=30 SCR=0.6 FEMALE=1", "", "eGFR", VALUE, 0, 1, 0, 123.76,
     0.01, 0, INKER},

    /* Accumulation: long after the last dose there is 1/(1 - exp(-k T)) = 1.5383 times
       what one dose leaves. */
    {THEO, "oral 320 mg @ 0 h every 12 h 30 times", "Cp", VALUE, 408, 1, 408,
     1.5383 * 0.0557259, 2e-5, 0, GIBALDI},
    /* Times of the peak, ln(ka/k)/(ka - k), and areas, of what else is one compartment.
     */
    {"drugs/warfarin_nolag", "", "oral 100 mg @ 0 h", "peak_at", OUTCOME, 0, 1, 144,
     6.377527, 1e-4, 0, GIBALDI},
    {"drugs/warfarin", "", "oral 100 mg @ 0 h", "Cp", HALF_LIFE, 60, 60, 120, 40, 4, 0,
     "label of warfarin: about 40 h"},
    {"drugs/one_compartment_oral", "", "oral 60 mg @ 0 h", "peak_at", OUTCOME, 0, 1, 72,
     3.042290, 1e-4, 0, GIBALDI},
    {"drugs/one_compartment_oral", "", "oral 60 mg @ 0 h", "exposure", OUTCOME, 0, 1, 400,
     14955.1346, 0.01, 0, GIBALDI ": dose over clearance"},
    {"drugs/one_compartment_iv", "WT=140", "", "half_life", VALUE, 0, 1, 0,
     2.695572 * 1.189207 / 1.741101, 1e-5, 0,
     "allometry: 2^(1 - 0.75), and the clearance of twice the creatinine clearance"},
    /* Michaelis and Menten in one compartment: C0 V/Vmax (Km + C0/2). */
    {"drugs/two_compartment_saturable", "Q=0", "bolus 40 mg @ 0 h", "exposure", OUTCOME,
     0, 1, 1000, 21420.1374, 0.5, 0, GIBALDI},
    /* The area between a response and its baseline is R0 top/k ln(1 + C0/C50). */
    {"drugs/indirect_response_1", "", "iv 200 mg @ 0 h", "effect", OUTCOME, 0, 1, 400,
     593.250636, 1e-3, 0, DAYNEKA},
    {"drugs/indirect_response_3", "", "iv 200 mg @ 0 h", "effect", OUTCOME, 0, 1, 400,
     1977.502120, 1e-3, 0, DAYNEKA},
    /* Under a concentration that stays. */
    {"drugs/warfarin_pkpd", "CL=0", "oral 100 mg @ 0 h", "complex", VALUE, 2000, 1, 2000,
     10.018578, 1e-4, 0, DAYNEKA},
    {"drugs/effect_compartment", "CL=0", "iv 40 mg @ 0 min", "R", VALUE, 500, 1, 500,
     95 * (1 - 0.9 * 0.8), 1e-6, 0, "Hill: twice EC50, squared, is 4/5 of the largest"},
    {"drugs/emax", "DOSE=138.06", "", "share", OUTCOME, 0, 1, 1, 90, 1e-9, 0,
     "nine times EC50 for 90 %"},
    {"drugs/carboplatin", "GFR=100 aim=6", "", "dose", OUTCOME, 0, 1, 1, 750, 1e-9, 0,
     CALVERT},
    {"drugs/carboplatin", "GFR=60 aim=7", "", "dose", OUTCOME, 0, 1, 1, 595, 1e-9, 0,
     CALVERT},
    {"drugs/carboplatin", "AGE=60 SCR=1.2", "", "eGFR", VALUE, 0, 1, 0, 69, 0.5, 0,
     INKER},
    {"drugs/carboplatin", "AGE=60 SCR=1.0 FEMALE=1", "", "eGFR", VALUE, 0, 1, 0, 64.495,
     0.001, 0, INKER},
    {"drugs/carboplatin", "AGE=80 SCR=2.5", "", "eGFR", VALUE, 0, 1, 0, 25.338, 0.001, 0,
     INKER},
    /* Half-lives as labels have them. */
    {"drugs/theophylline", "", "oral 320 mg @ 0 h", "Cp", HALF_LIFE, 24, 12, 36, 8, 2, 0,
     "label of theophylline: 6 to 13 h, healthy adults about 8"},
    {"drugs/theophylline", "", "oral 320 mg @ 0 h", "Cp", AREA, 0, 0.05, 300, 320 / 2.73,
     15, 0, "label of theophylline: 0.65 mL/min/kg, adults who do not smoke"},
    {"drugs/remifentanil", "", "infusion 13 mg @ 0 min for 5000 min", "Cp", VALUE, 5000,
     1, 5000, 2.6 / 2.8, 0.08, 0,
     "label of remifentanil: 40 mL/min/kg, 2.8 L/min at 70 kg"},
    {"drugs/carboplatin", "GFR=100", "carboplatin 500 mg @ 0 h", "Cp", HALF_LIFE, 1, 4, 5,
     1.55, 0.45, 0, "label of carboplatin: 1.1 to 2 h"},
    {"drugs/remifentanil", "", "infusion 1 mg @ 0 min for 1 min", "Cp", HALF_LIFE, 5, 15,
     20, 6.5, 3.5, 0, "label of remifentanil: effective half-life 3 to 10 min"},
    {"drugs/remifentanil", "", "infusion 2400 ug @ 0 min for 180 min", "Cp", HALF_LIFE,
     180, 2.5, 182.5, 3.2, 1.8, 0,
     "Kapila et al., Anesthesiology 83:968, 1995: half in 3.2 min (sd 0.9) after 3 h"},
    {"drugs/warfarin", "", "oral 100 mg @ 0 h", "peak_at", OUTCOME, 0, 1, 144, 3, 1.1, 0,
     "label of warfarin: within 4 h"},
    {RENAL, "", "iv 100 mg @ 0 h", "Cp", HALF_LIFE, 4, 4, 8, 2.5, 0.5, 0,
     "label of gentamicin: 2 to 3 h"},
};

static const struct courses_one courses[] = {
    {"drugs/carboplatin",
     "AGE=50 FEMALE=1 SCR=0.8 SCR=1.1@4",
     "carboplatin 500 mg @ 0 h",
     {0.3, 2, 8}},
    {"drugs/one_compartment_iv",
     "AGE=75 WT=60 SCR=1.2 FEMALE=1",
     "iv 240 mg @ 0 h; iv 240 mg @ 12 h for 1 h",
     {0.25, 1, 6, 12.5, 24}},
    {"drugs/two_compartment_oral", "", "oral 100 mg @ 0 h", {0.5, 4, 12, 48}},
    {"drugs/transit_absorption", "", "oral 100 mg @ 0 h", {0.5, 2, 6, 24}},
    {"drugs/effect_compartment", "", "iv 60 mg @ 0 min", {1, 5, 20, 90}},
    {"drugs/indirect_response_1", "", "iv 100 mg @ 0 h", {1, 6, 24, 48}},
    {"drugs/indirect_response_2", "", "iv 100 mg @ 0 h", {1, 6, 24, 48}},
    {"drugs/indirect_response_3", "", "iv 100 mg @ 0 h", {1, 6, 24, 48}},
    {"drugs/indirect_response_4", "", "iv 100 mg @ 0 h", {1, 6, 24, 48}},
    {"drugs/emax", "DOSE=12", "", {1}},
    {"drugs/remifentanil",
     "",
     "infusion 108 ug @ 0 min for 1.5 min; infusion 600 ug @ 2 min for 10 min",
     {0.5, 1.5, 3, 10, 13, 30, 90}},
    {"drugs/two_compartment_saturable", "", "bolus 40 mg @ 0 h", {0.25, 4, 24, 72}},
    {"drugs/one_compartment_oral", "", "oral 60 mg @ 0 h", {0.25, 2, 12, 48}},
    {"drugs/theophylline",
     "",
     "oral 320 mg @ 0 h; oral 200 mg @ 7 h",
     {0.5, 2, 7, 7.5, 12, 24}},
    {"drugs/two_compartment_infusion",
     "",
     "infusion 60 mg @ 0 h; infusion 30 mg @ 6 h for 2.5 h",
     {0.5, 1, 3, 7, 9, 24}},
    {"drugs/warfarin",
     "Tlag=0.9",
     "oral 100 mg @ 0 h; oral 50 mg @ 24 h",
     {1, 3, 24.5, 25, 60}},
    {"drugs/warfarin_nolag", "", "oral 100 mg @ 0 h", {0.5, 6, 48, 120}},
    {"drugs/warfarin_pkpd",
     "",
     "oral 100 mg @ 0 h; oral 50 mg @ 30 h",
     {0.5, 6, 30, 36, 96}},
};

/* --- building blocks ------------------------------------------------------------------
 *
 * The closed forms of Gibaldi and Perrier, for what a hospital would write itself. */

static const char blocks_text[] =
    "model blocks version 1\n"
    "time h\n"
    "[parameters]\n"
    "CL = 10 L/h lognormal sd 0.3\n"
    "V1 = 50 L lognormal sd 0.3\n"
    "Q = 5 L/h lognormal sd 0.3\n"
    "V2 = 100 L lognormal sd 0.3\n"
    "ka = 1 1/h lognormal sd 0.3\n"
    "F = 0.7 1 (0, 1) logitnormal sd 0.3\n"
    "ke0 = 0.4 1/h lognormal sd 0.3\n"
    "[doses]\n"
    "iv -> one mg\n"
    "oral -> depot mg fraction F\n"
    "iv2 -> central mg\n"
    "oral2 -> depot2 mg\n"
    "first -> t0 mg\n"
    "mm -> saturable mg\n"
    "[equations]\n"
    "d/dt(depot) = -ka*depot\n"
    "d/dt(one) = ka*depot - CL/V1*one\n"
    "d/dt(effect) = ke0*(one/V1 - effect)\n"
    "d/dt(depot2) = -ka*depot2\n"
    "d/dt(central) = ka*depot2 - CL/V1*central - Q/V1*central + Q/V2*peripheral\n"
    "d/dt(peripheral) = Q/V1*central - Q/V2*peripheral\n"
    "d/dt(t0) = -2 [1/h]*t0\n"
    "d/dt(t1) = 2 [1/h]*(t0 - t1)\n"
    "d/dt(t2) = 2 [1/h]*(t1 - t2)\n"
    "d/dt(t3) = 2 [1/h]*(t2 - t3)\n"
    "d/dt(saturable) = -8 [mg/h]*saturable/(30 mg + saturable)\n"
    "d/dt(response) = 6 [mg/h] - 0.3 [1/h]*response init steady unit mg\n"
    "C1 = one/V1\n"
    "C2 = central/V1\n"
    "[observations]\n"
    "o : C1 ~ add(1 mg/L)\n";

static double decay(double k, double t)
{
    return exp(-k * t);
}

static double oral_one(double dose, double ka, double k, double v, double t)
{
    return dose * ka / (v * (ka - k)) * (decay(k, t) - decay(ka, t));
}

/* The two exponents of CL 10, V1 50, Q 5, V2 100. */
static void two_exponents(double *alpha, double *beta)
{
    double k10 = 0.2, k12 = 0.1, k21 = 0.05, sum = k10 + k12 + k21;
    double root = sqrt(sum * sum - 4 * k10 * k21);
    *alpha = (sum + root) / 2;
    *beta = (sum - root) / 2;
}

static double bolus_two(double dose, double t)
{
    double a, b, k21 = 0.05;
    two_exponents(&a, &b);
    return dose / 50 *
           ((a - k21) / (a - b) * decay(a, t) + (k21 - b) / (a - b) * decay(b, t));
}

static double infusion_two(double dose, double duration, double t)
{
    double a, b, k21 = 0.05, on = fmin(t, duration), after = t - on;
    two_exponents(&a, &b);
    return dose / duration / 50 *
           ((a - k21) / (a - b) * (1 - decay(a, on)) / a * decay(a, after) +
            (k21 - b) / (a - b) * (1 - decay(b, on)) / b * decay(b, after));
}

static double oral_two(double dose, double t)
{
    double a, b, ka = 1, k21 = 0.05;
    two_exponents(&a, &b);
    return dose * ka / 50 *
           ((k21 - ka) / ((a - ka) * (b - ka)) * decay(ka, t) +
            (k21 - a) / ((ka - a) * (b - a)) * decay(a, t) +
            (k21 - b) / ((ka - b) * (a - b)) * decay(b, t));
}

static void file(const char *model, const char *dose, const char *output, double t,
                 double expected)
{
    struct course course;
    char *path = mem_format("drugs/%s", model);
    course_open(&course, path, "", dose);
    double *got = course_run(&course, output, t, 1, 1);
    if (!(fabs(*got - expected) <= 1e-6 * fabs(expected)))
        fail_msg("%s: %s after %s at %g: %.12g, closed form %.12g", model, output, dose,
                 t, *got, expected);
    mem_free(got);
    course_close(&course);
    mem_free(path);
}

/* Simpson's rule for what has no closed form but an integral. */
static double integral(double (*f)(double s, double t), double t)
{
    size_t n = 20000;
    double sum = f(0, t) + f(t, t);
    for (size_t i = 1; i < n; i++)
        sum += (i % 2 ? 4 : 2) * f(t * (double)i / (double)n, t);
    return sum * t / (double)n / 3;
}

/* An Erlang distribution of four steps of 2/h each (MTT 2 h), then ka 2, CL/V 0.2. */
static double absorbed(double s, double t)
{
    return 2 * pow(2 * s, 3) / 6 * decay(2, s) * oral_one(100, 2, 0.2, 50, t - s);
}

/* Of a bolus of 100 mg, 2 mg/L, with k 0.1 and kout 0.2: what changes rates at time s,
 * and the integral of that, with C50 0.5 mg/L. */
static double change(double top, double s)
{
    double c = 2 * decay(0.1, s);
    return top * c / (0.5 + c);
}

static double changed(double top, double t)
{
    return top / 0.1 * log((0.5 + 2) / (0.5 + 2 * decay(0.1, t)));
}

static double response_1(double s, double t)
{
    return 0.2 * 30 * (1 - change(0.9, s)) * decay(0.2, t - s);
}

static double response_3(double s, double t)
{
    return 0.2 * 30 * (1 + change(3, s)) * decay(0.2, t - s);
}

/* Where loss changes, what was made at s has lost exp(-kout (t - s - changed)). */
static double response_2(double s, double t)
{
    return 0.2 * 30 * exp(-0.2 * (t - s - changed(0.9, t) + changed(0.9, s)));
}

static double response_4(double s, double t)
{
    return 0.2 * 30 * exp(-0.2 * (t - s + changed(3, t) - changed(3, s)));
}

static void drugs__files_follow_their_closed_forms(void **state)
{
    (void)state;
    static const double times[] = {0.7, 3, 11, 30};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        double t = times[i], on = fmin(t, 2), k = 4.5 / 17.5, rest = decay(0.2, t);
        file("one_compartment_iv", "iv 100 mg @ 0 h for 2 h", "Cp", t,
             100.0 / 2 / 4.5 * (1 - decay(k, on)) * decay(k, t - on));
        file("two_compartment_oral", "oral 100 mg @ 0 h", "Cp", t, oral_two(100, t));
        file("transit_absorption", "oral 100 mg @ 0 h", "Cp", t, integral(absorbed, t));
        file("effect_compartment", "iv 100 mg @ 0 min", "Ce", t,
             10 * 0.12 / (0.12 - 0.03) * (decay(0.03, t) - decay(0.12, t)));
        file("indirect_response_1", "iv 100 mg @ 0 h", "R", t,
             30 * rest + integral(response_1, t));
        file("indirect_response_2", "iv 100 mg @ 0 h", "R", t,
             30 * rest * exp(0.2 * changed(0.9, t)) + integral(response_2, t));
        file("indirect_response_3", "iv 100 mg @ 0 h", "R", t,
             30 * rest + integral(response_3, t));
        file("indirect_response_4", "iv 100 mg @ 0 h", "R", t,
             30 * rest * exp(-0.2 * changed(3, t)) + integral(response_4, t));
    }
}

static void block(const char *dose, const char *output, double t, double expected)
{
    struct course course;
    course_open_text(&course, blocks_text, "", dose);
    double *got = course_run(&course, output, t, 1, 1);
    if (!(fabs(*got - expected) <= 1e-6 * fabs(expected) + 1e-13 * 100))
        fail_msg("%s after %s at %g: %.12g, closed form %.12g", output, dose, t, *got,
                 expected);
    mem_free(got);
    course_close(&course);
}

static void drugs__building_blocks_follow_their_closed_forms(void **state)
{
    (void)state;
    static const double times[] = {0.3, 1, 4, 12, 24};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        double t = times[i], on = fmin(t, 2), transit = 2 * t;
        block("iv 100 mg @ 0 h", "C1", t, 2 * decay(0.2, t));
        block("iv 100 mg @ 0 h for 2 h", "C1", t,
              100.0 / 2 / 10 * (1 - decay(0.2, on)) * decay(0.2, t - on));
        block("oral 100 mg @ 0 h", "C1", t, 0.7 * oral_one(100, 1, 0.2, 50, t));
        block("iv 100 mg @ 0 h", "effect", t,
              2 * 0.4 / (0.4 - 0.2) * (decay(0.2, t) - decay(0.4, t)));
        block("iv2 100 mg @ 0 h", "C2", t, bolus_two(100, t));
        block("iv2 100 mg @ 0 h for 2 h", "C2", t, infusion_two(100, 2, t));
        block("oral2 100 mg @ 0 h", "C2", t, oral_two(100, t));
        block("first 100 mg @ 0 h", "t3", t,
              100 * transit * transit * transit / 6 * decay(2, t));
        block("", "response", t, 20);
    }
    /* Oral two compartments as tabulated. */
    static const double tabulated[][2] = {
        {1, 1.06666}, {4, 0.83275}, {12, 0.15179}, {24, 0.06431}};
    for (size_t i = 0; i < 4; i++)
        assert_near(oral_two(100, tabulated[i][0]), tabulated[i][1], 6e-6);
}

/* Steady state at 12 h: every exponential over 1 - exp(-k 12). */
static void drugs__repeated_doses_reach_the_closed_steady_state(void **state)
{
    (void)state;
    for (double t = 0; t <= 12; t += 3) {
        double k = decay(0.2, t) / (1 - decay(0.2, 12));
        double a = decay(1, t) / (1 - decay(1, 12));
        block("oral 100 mg @ 0 h every 12 h 20 times", "C1", 228 + t,
              0.7 * 100 * 1 / (50 * (1 - 0.2)) * (k - a));
    }
}

/* km ln(A0/A) + A0 - A = vmax t. */
static void drugs__saturable_elimination_keeps_its_integral(void **state)
{
    (void)state;
    for (double t = 1; t < 40; t += 7) {
        struct course course;
        course_open_text(&course, blocks_text, "", "mm 100 mg @ 0 h");
        double *a = course_run(&course, "saturable", t, 1, 1);
        assert_relative(30 * log(100 / *a) + 100 - *a, 8 * t, 1e-6);
        mem_free(a);
        course_close(&course);
    }
}

/* A vancomycin-like drug: 1.223 and 11.751 h. */
static void drugs__two_compartments_have_two_half_lives(void **state)
{
    (void)state;
    struct course course;
    course_open(&course, DRIP, "infusion 1 g @ 0 h for 1 h");
    double *y = course_run(&course, "Cp", 1, 0.1, 601);
    assert_near(peel(y, 601, 0.1, 400, 600), 11.751, 5e-4);
    assert_near(peel(y, 601, 0.1, 0, 20), 1.223, 5e-4);
    mem_free(y);
    course_close(&course);
}

/* nlmixr2, FOCEI: objective 116.804 without n log 2 pi. */
static void fill_theophylline(struct prior *prior)
{
    static const double logs[] = {0.46298, 1.0114, 3.4595};
    static const double variances[] = {0.40234, 0.069216, 0.01925};
    for (size_t i = 0; i < 3; i++) {
        prior->effects[i] = logs[i];
        prior->omega[4 * i] = variances[i];
    }
    prior->residual[0] = log(0.69362);
}

static void drugs__have_the_published_likelihoods(void **state)
{
    (void)state;
    double logs;
    assert_near(
        likelihood("drugs/theophylline", "theoph/data.csv", fill_theophylline, &logs),
        359.4037, 2e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drugs__building_blocks_follow_their_closed_forms),
        cmocka_unit_test(drugs__files_follow_their_closed_forms),
        cmocka_unit_test(drugs__repeated_doses_reach_the_closed_steady_state),
        cmocka_unit_test(drugs__saturable_elimination_keeps_its_integral),
        cmocka_unit_test(drugs__two_compartments_have_two_half_lives),
        cmocka_unit_test(drugs__have_the_published_likelihoods),
    };
    return folder_run(&(struct folder){
        .name = "drugs",
        .figures = figures,
        .figure_count = FOLDER_COUNT(figures),
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
        .tests = tests,
        .test_count = FOLDER_COUNT(tests),
    });
}
