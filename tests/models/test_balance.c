/* balance - what is given, comes or is there goes nowhere: with elimination, growth and
 * clearance switched off the amounts of a model add up to what went in, and people who
 * came are there or gone. To 1e-9, whatever the solver's tolerance: the sums are
 * invariants, which every step keeps. tests/models/test_heart.c has the blood,
 * tests/models/test_prevention.c energy and weight. */

#include "base/memory.h"
#include "course.h"

struct balance {
    const char *model, *set, *doses;
    const char *amounts; /* separated by blanks; -NAME: taken away */
    double from, to;     /* behind the last dose's end */
    double total;
};

static const struct balance balances[] = {
    {"drugs/carboplatin", "own=0", "carboplatin 500 mg @ 0 h", "central", 1, 48, 500},
    {"drugs/effect_compartment", "CL=0", "iv 40 mg @ 0 min", "central", 1, 90, 40},
    {"drugs/indirect_response_1", "CL=0", "iv 200 mg @ 0 h", "central", 1, 72, 200},
    {"drugs/indirect_response_2", "CL=0", "iv 200 mg @ 0 h", "central", 1, 72, 200},
    {"drugs/indirect_response_3", "CL=0", "iv 200 mg @ 0 h", "central", 1, 72, 200},
    {"drugs/indirect_response_4", "CL=0", "iv 200 mg @ 0 h", "central", 1, 72, 200},
    {"drugs/one_compartment_iv", "CL=0", "iv 250 mg @ 0 h every 8 h 3 times", "central",
     17, 48, 750},
    {"drugs/one_compartment_oral", "CL=0", "oral 60 mg @ 0 h", "depot central", 1, 48,
     60e3},
    {"drugs/remifentanil", "CL=0", "infusion 1 mg @ 0 min for 10 min",
     "central fast slow", 11, 60, 1000},
    {"drugs/theophylline", "CL=0", "oral 320 mg @ 0 h every 12 h 3 times",
     "depot central", 24, 72, 960},
    {"drugs/transit_absorption", "CL=0", "oral 100 mg @ 0 h",
     "transit0 transit1 transit2 transit3 gut central", 1, 24, 100},
    {"drugs/two_compartment_infusion", "CL=0", "infusion 60 mg @ 0 h for 1 h",
     "central peripheral", 2, 72, 60e3},
    {"drugs/two_compartment_oral", "CL=0", "oral 100 mg @ 0 h",
     "depot central peripheral", 1, 36, 100},
    {"drugs/two_compartment_saturable", "VM=0", "bolus 40 mg @ 0 h", "central peripheral",
     1, 96, 40e3},
    {"drugs/warfarin", "CL=0", "oral 100 mg @ 0 h", "depot central", 1, 72, 100},
    {"drugs/warfarin_nolag", "CL=0", "oral 100 mg @ 0 h", "depot central", 1, 72, 100},
    {"drugs/warfarin_pkpd", "CL=0", "oral 100 mg @ 0 h", "depot gut central", 1, 72, 100},
    {"genes/escitalopram_cyp2c19", "CL=0", "oral 10 mg @ 0 h every 24 h 3 times",
     "depot central", 48, 96, 30},
    {"genes/metoprolol_cyp2d6", "CL=0", "oral 100 mg @ 0 h", "depot central", 1, 24, 100},
    {"genes/warfarin_inr", "CL=0", "warfarin 5 mg @ 0 h", "depot central", 1, 72, 2.5},
    {"genes/warfarin_inr_2007", "CL=0", "warfarin 5 mg @ 0 h", "depot central peripheral",
     1, 72, 2.5},
    {"heart/qt", "CL=0", "oral 160 mg @ 0 h", "depot central", 1, 24, 160},
    {"diabetes/glucose", "kabs=0", "meal 60 g @ 0 min", "q1 q2 qg", 20, 300, 60},
    {"diabetes/padova", "D=60 kabs=0", "meal 60 g @ 0 min for 12 min", "solid liquid gut",
     15, 300, 60e3},
    {"oncology/docetaxel", "CL=0", "docetaxel 135 mg @ 0 d", "centre second third", 1, 14,
     135},
    {"oncology/leucocytes", "CLI=0", "paclitaxel 410 umol @ 0 h", "centre second", 4, 96,
     410},
    {"oncology/neutropenia", "CL=0", "docetaxel 180 mg @ 0 h", "centre second third", 2,
     96, 180},
    {"oncology/radiotherapy", "Td=1e30 Tc=1e30", "radiation 2 Gy @ 0 d every 1 d 5 times",
     "V D", 5, 60, 30},
    {"oncology/xenograft", "lambda0=0 k1=0 C=600", "", "growing dying1 dying2 dying3", 1,
     30, 0.0525},
    /* People: who came, less who left, less who is there, is who was there. */
    {"hospital/ward", "census=10 surge=1.3 week=0.4", "", "came -gone -first -second", 1,
     30, -10},
    {"hospital/emergency", "staff=8 extra=2 surge=1.2", "", "came -gone -number", 1, 72,
     -4},
    {"hospital/flow", "surge=1.2", "", "came -gone -everybody", 1, 168,
     -(2.4 + 21.6 + 2.808)},
};

#define TIMES 9

static void add(struct course *course, const struct balance *one, const char *name,
                double *sums)
{
    double sign = *name == '-' ? -1 : 1, step = (one->to - one->from) / (TIMES - 1);
    /* Time 0 first: a course without doses would begin at the first time asked for. */
    const struct model *model = course->model;
    size_t width = model_states(model) + model_derived(model) + model_observations(model);
    size_t column = course_column(course, name + (sign < 0));
    double times[1 + TIMES] = {0};
    double *rows = mem_new((1 + TIMES) * width, sizeof *rows);
    for (size_t i = 0; i < TIMES; i++)
        times[1 + i] = one->from + step * (double)i;
    assert_ok(twin_simulate(course->engine, course->twin, course->parameters, times,
                            1 + TIMES, rows));
    for (size_t i = 0; i < TIMES; i++)
        sums[i] += sign * rows[(1 + i) * width + column];
    mem_free(rows);
}

static void balance__nothing_is_lost_and_nothing_made(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t b = 0; b < sizeof balances / sizeof *balances; b++) {
        const struct balance *one = &balances[b];
        struct course course;
        double sums[TIMES] = {0};
        course_open(&course, one->model, one->set, one->doses);
        char *text = mem_text(one->amounts), *rest = text, *word;
        while ((word = strtok_r(rest, " ", &rest)))
            add(&course, one, word, sums);
        mem_free(text);
        for (size_t i = 0; i < TIMES; i++)
            if (!(fabs(sums[i] - one->total) <= 1e-9 * fabs(one->total))) {
                print_error("%s: %.12g of %.12g\n", one->model, sums[i], one->total);
                wrong++;
            }
        course_close(&course);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(balance__nothing_is_lost_and_nothing_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
