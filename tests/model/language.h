#ifndef TESTS_MODEL_LANGUAGE_H
#define TESTS_MODEL_LANGUAGE_H

/* Two models that use most of the language: the tests of its stages read and break them. */

#define HEAD "model m version 1 \"t\"\ntime h\n"

static const char oral_text[] =
    "model theo_oral version 2   \"Theophylline: one compartment\"\n"
    "time h\n"
    "\n"
    "[parameters]     # name = typical unit (low, high) spread label\n"
    "CL = 2.8   L/h   (0.05, 200)   lognormal cv 0.35   \"clearance\"\n"
    "V  = 32    L     (2, 1000)     lognormal cv 0.20   \"volume\"\n"
    "ka = 1.5   1/h   (0.05, 10)    lognormal cv 0.60   on WT\n"
    "Fo = 0.8   1     (0.05, 1)     logitnormal sd 0.3\n"
    "tl = 0.25  h     estimated log\n"
    "\n"
    "[population]\n"
    "correlated CL, V 0.3\n"
    "\n"
    "[covariates]\n"
    "WT  kg   locf   default 70 centre 70 scale 50\n"
    "\n"
    "[individual]\n"
    "CLi = CL * (WT/70 kg)^0.75\n"
    "Vi  = V  * (WT/70 kg)\n"
    "\n"
    "[doses]\n"
    "oral -> depot    mg   fraction Fo   lag tl\n"
    "iv   -> central  mg   over 30 min\n"
    "\n"
    "[equations]\n"
    "d/dt(depot)   = -ka*depot\n"
    "d/dt(central) =  ka*depot - CLi/Vi*central\n"
    "Cp = central/Vi\n"
    "\n"
    "[observations]\n"
    "level : Cp ~ combined2(add 300 ug/L, prop 0.12)   loinc 4049-3   lloq 0.5 mg/L\n";

static const char glucose_text[] =
    "model glucose_min version 1 \"Minimal model\"\n"
    "time min\n"
    "[parameters]\n"
    "SG = 0.014 1/min (0.001, 0.1) lognormal cv 0.40\n"
    "SI = 7.0e-4 L/mU/min (1e-5, 1e-2) lognormal cv 0.60\n"
    "p2 = 0.020 1/min (0.002, 0.2) lognormal cv 0.40\n"
    "Gb = 6.1 mmol/L (3, 15) lognormal cv 0.15\n"
    "Ib = 10 mU/L fixed\n"
    "VI = 0.12 L/kg fixed\n"
    "ke = 0.138 1/min (0.02, 0.4) lognormal cv 0.30\n"
    "tmaxI = 55 min (20, 150) lognormal cv 0.30\n"
    "[covariates]\n"
    "BW kg locf\n"
    "[doses]\n"
    "insulin_sc -> S1 mU convert from [iU] by 1000\n"
    "[equations]\n"
    "d/dt(S1) = -S1/tmaxI\n"
    "d/dt(S2) = (S1 - S2)/tmaxI\n"
    "d/dt(I)  = S2/(tmaxI*VI*BW) - ke*(I - Ib)       init Ib\n"
    "d/dt(X)  = -p2*X + p2*SI*(I - Ib)\n"
    "d/dt(G)  = -(SG + X)*G + SG*Gb   init Gb\n"
    "[observations]\n"
    "cgm : G ~ combined2(add 0.4 mmol/L, prop 0.08) loinc 105272-9, 99504-3 "
    "limits 2.2 .. 22.2 mmol/L\n"
    "[what-if]\n"
    "insulin_sc range 0 .. 30 [iU] step 0.5\n";

#endif
