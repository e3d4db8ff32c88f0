#include "sim/commands.h"

/* gemel-sim - a consortium on one machine, and the reference fits beside it. Only here
 * can a sum be made without noise. This table is its whole face. */

#define COUNT(options) (options), sizeof(options) / sizeof *(options)

#define FIT_OPTIONS                                                                        \
    {"model", 0, "MODEL", "the twin's model, with the starting prior", true, false},       \
        {"data", 0, "FILE", "the patients' table (docs/formats.md)", true, false},         \
        {"spec", 0,    "FILE", "what its columns mean, where names are not enough",        \
         false,  false},                                                                   \
        {"individuals", 0,    "FILE", "write every patient's parameters there",            \
         false,         false},                                                            \
        {"save-prior", 0,    "FILE", "write the prior there, for gemel-node forecast",     \
         false,        false},                                                             \
        {"rounds", 0, "N", "at most so many; 60 without noise, 8 with", false, false},     \
        {"start-factor", 0, "F", "start off by this factor, for trials; 1", false, false}, \
    {                                                                                      \
        "threads", 0, "N", "0, the default: one a processor", false, false                 \
    }

#define HOSPITALS_HELP                                                                   \
    "a table of ID and each patient's hospital, or how many there are: patients are "    \
    "then "                                                                              \
    "dealt in turn"

static const struct cli_option pooled_options[] = {FIT_OPTIONS};
static const struct cli_option federate_options[] = {
    FIT_OPTIONS,
    {"hospitals", 0, "WHERE", HOSPITALS_HELP, true, false},
    {"column", 0, "NAME", "the table's column; the first beside ID unless given", false,
     false},
    {"noise-multiplier", 0, "Z",
     "noise over clipping norm in N equal rounds; 0: no privacy", true, false},
    {"delta", 0, "D", "1e-6 unless given", false, false},
    {"seed", 0, "N", "of the simulated noise; 1 unless given", false, false},
};
static const struct cli_option run_options[] = {
    {"model", 0, "MODEL", "the twin's model, with the starting prior", false, false},
    {"data", 0, "FILE", "the patients' table (docs/formats.md)", false, false},
    {"spec", 0, "FILE", "what its columns mean, where names are not enough", false,
     false},
    {"hospitals", 0, "WHERE", HOSPITALS_HELP, false, false},
    {"column", 0, "NAME", "the table's column; the first beside ID unless given", false,
     false},
    {"epsilon", 0, "E", "privacy cost for each patient; 1 unless given", false, false},
    {"delta", 0, "D", "1e-6 unless given", false, false},
    {"rounds", 0, "N", "8 unless given", false, false},
    {"held-out", 0, "N",
     "keep N people out, never of the smallest hospital, and forecast them; 0", false,
     false},
    {"report", 0, "FILE",
     "write what came of it to read: HTML that stands alone, or FILE.pdf", false, false},
    {"nodes", 0, "N", "a load trial instead: one sum among so many nodes, without data",
     false, false},
    {"dimension", 0, "D", "of the load trial: numbers a node; 200", false, false},
    {"degree", 0, "WHICH",
     "of the load trial: complete or sparse graph; what a study would have", false,
     false},
    {"drop", 0, "K", "of the load trial: so many nodes leave before they send; 0", false,
     false},
    {"keep", 0, "DIR", "make this folder, run in it and leave it", false, false},
};
#define PEOPLE_OPTIONS                                                                   \
    {"dose",                                                                             \
     0,                                                                                  \
     "DOSE",                                                                             \
     "'INPUT AMOUNT UNIT @ TIME UNIT [for DURATION UNIT] [every INTERVAL UNIT N "        \
     "times]'",                                                                          \
     false,                                                                              \
     true},                                                                              \
        {"covariate",                                                                    \
         0,                                                                              \
         "HOW",                                                                          \
         "'NAME VALUE', 'NAME normal MEAN SD', 'NAME uniform LOW HIGH', 'NAME "          \
         "bernoulli P' or 'NAME binomial N P' (N-OTHER: fewer by a covariate); with "    \
         "'@ TIME UNIT' behind it, from then on",                                        \
         false,                                                                          \
         true},                                                                          \
    {                                                                                    \
        "seed", 0, "N", "1 unless given: the same seed, the same patients", false, false \
    }

#define DESIGN_OPTIONS                                                                   \
    {                                                                                    \
        "at",    0,                                                                      \
        "TIMES", "when they are measured: FROM:STEP:TO or 0,1,4, in model time",         \
        false,   false},                                                                 \
        {"observe", 0,                                                                   \
         "NAME",    "what is measured; every observation of the model unless given",     \
         false,     true},                                                               \
        PEOPLE_OPTIONS

static const struct cli_option cohort_options[] = {
    {"model", 0, "MODEL", "the twin's model, with the prior to draw from", true, false},
    {"patients", 0, "N", "so many", true, false},
    DESIGN_OPTIONS,
    {"out", 'o', "FILE", "write the table there and not to stdout", false, false},
    {"truth", 0, "FILE", "write every patient's true parameters there", false, false},
};
static const struct cli_option ward_options[] = {
    {"model", 0, "MODEL", "a file or a name of the library, as hospital/emergency", true,
     false},
    {"set", 0, "NAME=VALUE", "a parameter or covariate, in the model's unit", false,
     true},
    {"days", 0, "D", "days that count; 365 unless given", false, false},
    {"warm-up", 0, "D", "days before them; 60 unless given", false, false},
    {"replications", 0, "N", "10 unless given", false, false},
    {"seed", 0, "N", "1 unless given: the same seed, the same stays", false, false},
};
static const struct cli_option calibration_options[] = {
    {"model", 0, "MODEL", "the twin's model, with the prior to draw from", true, false},
    {"patients", 0, "N", "so many; 200 unless given", false, false},
    DESIGN_OPTIONS,
    {"draws", 0, "N",
     "of a posterior that is not normal; 99 unless given; 0: Laplace's counts", false,
     false},
    {"threads", 0, "N", "0, the default: one a processor", false, false},
};

static const struct cli_option trial_options[] = {
    {"model", 0, "MODEL", "the twin's model, with the prior to draw from", true, false},
    {"patients", 0, "N", "of all arms of a trial; 200 unless given", false, false},
    {"arm", 0, "ARM", "'NAME: WHAT; WHAT' or 'NAME if COVARIATE=VALUE and ...: WHAT'",
     true, true},
    {"outcome", 0, "NAME", "compare arms by an outcome of the model, of the true course",
     false, false},
    {"reading", 0, "NAME", "or by what an observation reads at the last visit", false,
     false},
    {"change", 0, "NAME", "or by that, less what it reads at the first", false, false},
    {"visits", 0, "TIMES", "when patients are seen and arms' rules apply, in model time",
     false, false},
    {"at", 0, "TIMES", "a course ends with the last of them, in model time", false,
     false},
    PEOPLE_OPTIONS,
    {"trials", 0, "R", "so many, each with patients of its own; 1 unless given", false,
     false},
    {"dropout", 0, "RATE",
     "hazard of leaving early, a unit of model time; 0 unless given", false, false},
    {"threads", 0, "N", "0, the default: one a processor", false, false},
};

static const struct cli_option beats_options[] = {
    {"model", 0, "MODEL", "one that beats; heart/circulation unless given", false, false},
    {"beats", 0, "N", "so many in all; 700000 unless given", false, false},
    {"patients", 0, "N", "of so many patients; 1000 unless given", false, false},
    {"step", 0, "TIME", "in model time; 0.004 unless given", false, false},
    {"counter", 0, "STATE", "the state that counts beats; 'beat' unless given", false,
     false},
    {"cvodes", 0, "N", "so many of the patients by CVODES, too; 4 unless given", false,
     false},
    {"tolerance", 0, "X", "CVODES' relative tolerance; 1e-5 unless given", false, false},
    {"seed", 0, "N", "1 unless given: the same seed, the same patients", false, false},
};

static const struct cli_command commands[] = {
    {"pooled", "", "fit all patients on one machine: the reference",
     "The same estimator as the consortium's, with all records in one place: Fisher "
     "scoring on the Laplace (FOCEI) likelihood, without noise.",
     "gemel-sim pooled --model theophylline --data "
     "tests/data/theoph/data.csv",
     COUNT(pooled_options), command_pooled},
    {"federate", "", "fit the patients split into hospitals, in memory",
     "Without noise (--noise-multiplier 0) the result equals the pooled fit bit for bit, "
     "whatever the split; that is for trials only. With noise the privacy of N equal "
     "rounds of multiplier Z is dealt out so that most goes to the last ones; every "
     "hospital adds its own noise, and the epsilon printed holds at each by itself.",
     "gemel-sim federate --model theophylline --data "
     "tests/data/theoph/data.csv --hospitals tests/data/theoph/hospitals.csv --column "
     "H_EQUAL --noise-multiplier 0",
     COUNT(federate_options), command_federate},
    {"run", "", "run a whole consortium as real processes on this machine",
     "One gemel-coordinator and a gemel-node for every hospital, each with its own "
     "folder, "
     "keys and encrypted store, over ZeroMQ on 127.0.0.1: set up, enrolled, approved and "
     "served to the last round. The noise is real and differs each time. The prior is "
     "shown beside the fit of all records in one place, and people kept out are forecast "
     "with it, with the model file's own and with what the smallest hospital learns "
     "alone. Everything is "
     "removed afterwards unless it is kept; the keys of governance and officers lie "
     "beside the rest, so a "
     "kept folder is for trials only. With --nodes it is a load trial of the secure sum "
     "alone: the nodes' own protocol, many nodes in each of a few processes, over the "
     "same "
     "sockets to one coordinator, with made-up integers and real noise; it tells the "
     "time, "
     "the coordinator's memory and whether the sum came out.",
     "gemel-sim run --model growth --data "
     "tests/data/oxboys/data.csv "
     "--hospitals "
     "tests/data/oxboys/hospitals.csv --rounds 2 --epsilon 5",
     COUNT(run_options), command_run},
    {"cohort", "", "draw virtual patients from a model's prior, as a table",
     "Parameters from the model's prior, covariates as told (a fixed value, normal, "
     "uniform "
     "or bernoulli; without a word the model's default; again with '@ TIME UNIT' where "
     "they change), measurements with their "
     "residual "
     "error, limits of detection marked as censored. The table is read back by pooled, "
     "federate and gemel-node import without a spec.",
     "gemel-sim cohort --model theophylline --patients 5 --at "
     "0.5,1,2,4,8,24 "
     "--dose 'oral 320 mg @ 0 h'",
     COUNT(cohort_options), command_cohort},
    {"calibration", "", "do a model's twins know how much they know?",
     "Simulation-based calibration: virtual patients are drawn from the model's prior, "
     "as "
     "by cohort, and fitted under it. Where the truth lies in a twin's posterior, as a "
     "rank, is then uniform over patients, and 90 % of the 90 % intervals hold it. "
     "'known' is what the measurements say of a parameter: 0 nothing, 1 everything. "
     "Of effects of occasions each patient gives the rank of one, in turn. "
     "Calibrated means: ranks uniform at p > 0.001 (chi-square) and 85 to 95 % of the "
     "truths in the 90 % intervals; exit code 8 where one is not.",
     "gemel-sim calibration --model theophylline --at "
     "0.5,1,2,4,8,24 --dose 'oral 320 mg @ 0 h'",
     COUNT(calibration_options), command_calibration},
    {"trial", "", "compare arms in virtual patients, and how often a trial would show it",
     "Patients are drawn as by cohort, and each goes through every arm: means, and the "
     "differences from the first arm in the same patients. A trial sees each patient in "
     "one arm, in turn, and compares by Welch's t-test, two-sided; of R trials it is "
     "told "
     "how many have p < 0.05, which is the power, or the error of type I where arms are "
     "alike. What an arm does is doses, as with --dose, in place of those of the same "
     "input that --dose or the model's study gives, and NAME=VALUE of a parameter or "
     "covariate. With 'if' it does so to those whose covariates, as drawn, meet every "
     "condition (= < <= > >=); arms of one name are one arm. Outcomes are of the true "
     "course, unmeasured; whoever drops out counts in no trial. At --visits everybody is "
     "seen, before what is given then, and observations are read with the model's "
     "errors, "
     "the same for a patient in every arm. WHAT may then be a rule, which from the visit "
     "on changes the doses of an input or a covariate within what the model lets be "
     "tried: 'INPUT * 1.2 if OBSERVATION<NUMBER', '+ 0.5 mg', '- 0.5 mg' or '= 5 mg'.",
     "gemel-sim trial --model genes/warfarin_inr --patients 60 --outcome in_range "
     "--covariate 'VKA binomial 2 0.39' "
     "--arm 'fixed: warfarin 5 mg @ 0 h every 24 h 28 times' "
     "--arm 'guided if VKA<2: warfarin 6 mg @ 0 h every 24 h 28 times' "
     "--arm 'guided if VKA=2: warfarin 3.5 mg @ 0 h every 24 h 28 times'\n"
     "gemel-sim trial --model genes/warfarin_inr --patients 60 --visits 72:96:648 "
     "--outcome in_range_late --covariate 'VKA binomial 2 0.39' "
     "--arm 'fixed: warfarin 5 mg @ 0 h every 24 h 28 times' "
     "--arm 'by INR: warfarin 5 mg @ 0 h every 24 h 28 times; warfarin * 1.2 if INR<2; "
     "warfarin * 0.8 if INR>3'\n"
     "gemel-sim trial --model prevention/pressure_plan --patients 200 --visits "
     "0,28,56,84 "
     "--change sbp --covariate 'HTN 1' --arm 'placebo:' --arm 'by reading: ace + 0.5 if "
     "sbp>130'",
     COUNT(trial_options), command_trial},
    {"beats", "", "carry many hearts over many beats",
     "Virtual patients drawn from the model's prior, eight at once, in equal steps of a "
     "Runge-Kutta method of order 4; then some of them by CVODES, for 100 beats each, so "
     "that time and error (of a state after 20 beats, as a share of its size, beside "
     "CVODES at a tolerance of 1e-10) stand side by side. Below, what observations were "
     "in the last beat, averaged over patients.",
     "gemel-sim beats --patients 80 --beats 16000", COUNT(beats_options), command_beats},
    {"ward", "", "run a ward or a department stay by stay",
     "A model of a ward declares arrivals, phases of a stay, servers, places and routes "
     "by "
     "the names of its quantities; its equations are the means of the same. Here its "
     "stays "
     "come, wait, are served, go on and leave one by one: waits, full beds, percentiles "
     "of "
     "how many are there, with standard errors over independent replications, beside "
     "what "
     "the equations say. The same seed gives the same stays.",
     "gemel-sim ward --model hospital/ward --set beds=34 --days 50 --replications 3",
     COUNT(ward_options), command_ward},
};

static const struct cli_program program = {
    "gemel-sim", "a consortium on one machine: reference fits, splits, virtual patients",
    commands, sizeof commands / sizeof *commands};

int main(int argc, char **argv)
{
    return cli_main(&program, argc, argv);
}
