/* library - what every model of the house says of itself: its question, its sources,
 * where each number comes from, what is learned and why, within which bounds, what its
 * courses come to, what may be tried, and under which codes its readings are found. */

#include "model/library.h"

#include <math.h>
#include <string.h>

#include "check.h"
#include "example_course.h"
#include "model/model.h"
#include "model/outcome.h"

/* Models in which nothing may be tried: what they are instead. */
static const struct {
    const char *model, *reason;
} unchangeable[] = {
    {"joints/oks_by_provider", "a table of providers: what differs is who they are"},
    {"lungs/cystic_fibrosis", "a table of centres, before treatment"},
    {"lungs/peak_flow_meters", "two meters side by side"},
    {"lungs/spirometry", "reference values: age and height stay"},
    {"lungs/spirometry_gli", "reference values: age and height stay"},
    {"prevention/blood_pressure", "routine readings: nothing was changed in them"},
    {"prevention/cuff", "three readings in a row"},
    {"prevention/cuff_devices", "two devices side by side"},
    {"prevention/growth", "growth that nobody steers"},
    {"prevention/pressure_day", "a day as it is; pressure_plan changes it"},
    {"prevention/steps", "a count"},
};

#define DRUG "of any drug: whoever copies the block states the drug's code"
#define MOMENT "at a moment of a beat or breath: codes are of the whole of one"
#define NONE "LOINC has none that is known here"
#define HOUSE "of a hospital, not of a person"
#define MOUSE "of a mouse"
#define EVENT "an event: a diagnosis, which other codes state"
#define BOTH "the other device's code: one code cannot tell two apart"

/* Readings without a code of LOINC's, and why. */
static const struct {
    const char *model, *reading, *reason;
} uncoded[] = {
    {"drugs/effect_compartment", "level", DRUG},
    {"drugs/effect_compartment", "response", DRUG},
    {"drugs/indirect_response_1", "level", DRUG},
    {"drugs/indirect_response_1", "response", DRUG},
    {"drugs/indirect_response_2", "level", DRUG},
    {"drugs/indirect_response_2", "response", DRUG},
    {"drugs/indirect_response_3", "level", DRUG},
    {"drugs/indirect_response_3", "response", DRUG},
    {"drugs/indirect_response_4", "level", DRUG},
    {"drugs/indirect_response_4", "response", DRUG},
    {"drugs/emax", "response", DRUG},
    {"drugs/one_compartment_iv", "level", DRUG},
    {"drugs/one_compartment_oral", "level", DRUG},
    {"drugs/transit_absorption", "level", DRUG},
    {"drugs/two_compartment_infusion", "level", DRUG},
    {"drugs/two_compartment_oral", "level", DRUG},
    {"drugs/two_compartment_saturable", "level", DRUG},
    {"drugs/carboplatin", "platinum", NONE},
    {"drugs/remifentanil", "level", NONE},
    {"genes/metoprolol_cyp2d6", "level", NONE},
    {"genes/warfarin_inr", "level", NONE},
    {"genes/warfarin_inr_2007", "level", NONE},
    {"heart/cell", "voltage", "of a cell, not of a person"},
    {"heart/circulation", "arterial", MOMENT},
    {"heart/circulation", "volume", MOMENT},
    {"heart/circulation", "atrium", MOMENT},
    {"heart/circulation", "flow", MOMENT},
    {"heart/coronary", "ffr", NONE},
    {"heart/coronary", "resting", NONE},
    {"heart/coronary", "cfr", NONE},
    {"heart/coronary", "angiography", NONE},
    {"heart/ecg", "lead_II", MOMENT},
    {"heart/qt", "level", NONE},
    {"hospital/ambulance", "minutes", HOUSE},
    {"hospital/emergency", "arrivals", HOUSE},
    {"hospital/emergency", "present", HOUSE},
    {"hospital/emergency", "length", HOUSE},
    {"hospital/flow", "in_emergency", HOUSE},
    {"hospital/flow", "on_ward", HOUSE},
    {"hospital/flow", "in_icu", HOUSE},
    {"hospital/length_of_stay", "stay", HOUSE},
    {"hospital/ward", "admissions", HOUSE},
    {"hospital/ward", "patients", HOUSE},
    {"hospital/ward", "length", HOUSE},
    {"joints/hip", "ohs", NONE},
    {"joints/hip", "head_penetration", NONE},
    {"joints/hip", "abductors", NONE},
    {"joints/knee", "oks", NONE},
    {"joints/knee", "mtpm", NONE},
    {"joints/knee", "quadriceps", NONE},
    {"joints/knee", "flexion", NONE},
    {"joints/knee_pain", "pain", "a scale of 1 to 5; LOINC's are of 0 to 10"},
    {"joints/oks_by_provider", "OKS", NONE},
    {"lungs/breathing", "airflow", MOMENT},
    {"lungs/breathing", "volume", MOMENT},
    {"lungs/oscillometry", "r5", NONE},
    {"lungs/oscillometry", "r20", NONE},
    {"lungs/oscillometry", "x5", NONE},
    {"lungs/ozone", "fall", NONE},
    {"lungs/peak_flow_meters", "wright", BOTH},
    {"oncology/chemoradiation", "volume", NONE},
    {"oncology/docetaxel", "docetaxel_level", NONE},
    {"oncology/neutropenia", "docetaxel_level", NONE},
    {"oncology/radiotherapy", "volume", NONE},
    {"oncology/xenograft", "weight", MOUSE},
    {"prevention/cuff_devices", "observer", BOTH},
    {"prevention/cuff_devices", "machine", BOTH},
    {"prevention/lifestyle", "event", EVENT},
    {"prevention/risk_framingham", "event", EVENT},
    {"prevention/risk_hypertension", "hypertension", EVENT},
    {"prevention/risk_pce", "event", EVENT},
    {"prevention/risk_prevent", "attack", EVENT},
    {"prevention/risk_prevent", "event", EVENT},
    {"prevention/risk_prevent", "failure", EVENT},
    {"prevention/risk_score2", "event", EVENT},
    {"prevention/risk_score2_diabetes", "event", EVENT},
    {"prevention/risk_score2_op", "event", EVENT},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef bool rule(const char *name, const char *text, const struct model *model);

/* A rule over the whole library, so that all that break it are named at once. */
static void each(const char *what, rule *holds)
{
    size_t broken = 0;
    for (size_t i = 0; i < library_models(); i++) {
        const struct library_model *one = library_model(i);
        struct model *model;
        assert_ok(model_parse(one->text, strlen(one->text), one->name, &model));
        if (!holds(one->name, one->text, model)) {
            print_error("%s: %s\n", one->name, what);
            broken++;
        }
        model_destroy(&model);
    }
    assert_int_equal(broken, 0);
}

static bool asks(const char *name, const char *text, const struct model *model)
{
    (void)name;
    (void)text;
    return *model_question(model) != '\0';
}

static void library__every_model_has_a_question(void **state)
{
    (void)state;
    each("no question", asks);
}

static bool has_source(const char *name, const char *text, const struct model *model)
{
    (void)name;
    (void)text;
    return model_sources(model) > 0;
}

static void library__every_model_has_a_source(void **state)
{
    (void)state;
    each("no source", has_source);
}

/* The comment at the head, which ends where the text begins. */
static bool explains(const char *name, const char *text, const struct model *model)
{
    (void)name;
    (void)model;
    const char *learned = strstr(text, "Learned"), *end = strstr(text, "\nmodel ");
    return learned && end && learned < end;
}

static void library__every_head_says_what_is_learned(void **state)
{
    (void)state;
    each("the head does not say what is Learned", explains);
}

static bool is_marked(const char *name, const char *text, const struct model *model)
{
    (void)text;
    bool all = true;
    for (size_t i = 0; i < model_parameters(model); i++) {
        const struct model_parameter *one = model_parameter(model, i);
        if (one->kind == PARAMETER_OCCASION || one->provenance != PROVENANCE_UNSAID)
            continue;
        print_error("%s: %s\n", name, one->name);
        all = false;
    }
    return all;
}

static void library__every_parameter_says_where_it_comes_from(void **state)
{
    (void)state;
    each("a parameter is neither published nor calibrated nor wide", is_marked);
}

/* Bounds on what is learned or, where a number may be anything, a line of [plausible]. */
static bool is_bounded(const char *name, const char *text, const struct model *model)
{
    (void)text;
    bool all = true;
    for (size_t i = 0; i < model_parameters(model); i++) {
        const struct model_parameter *one = model_parameter(model, i);
        bool learned =
            one->kind == PARAMETER_INDIVIDUAL || one->kind == PARAMETER_POPULATION;
        if (!learned || (isfinite(one->low) && isfinite(one->high)))
            continue;
        print_error("%s: %s\n", name, one->name);
        all = false;
    }
    return all || model_plausibles(model) > 0;
}

static void library__what_is_learned_is_bounded(void **state)
{
    (void)state;
    each("what is learned has no bounds, and nothing is plausible", is_bounded);
}

static bool has_outcomes(const char *name, const char *text, const struct model *model)
{
    (void)name;
    (void)text;
    return model_outcomes(model) > 0 || (!model_moves(model) && !model_ranges(model));
}

static void library__a_course_has_outcomes(void **state)
{
    (void)state;
    each("no outcomes", has_outcomes);
}

static bool can_change(const char *name, const char *text, const struct model *model)
{
    (void)text;
    bool excused = false;
    for (size_t i = 0; i < COUNT(unchangeable); i++)
        excused = excused || strcmp(unchangeable[i].model, name) == 0;
    return excused == (model_ranges(model) == 0);
}

static void library__something_may_be_tried(void **state)
{
    (void)state;
    each("nothing may be tried, or it may and is excused", can_change);
}

static bool is_coded(const char *name, const char *text, const struct model *model)
{
    (void)text;
    bool all = true;
    for (size_t i = 0; i < model_observations(model); i++) {
        const struct model_observation *one = model_observation(model, i);
        bool excused = false, coded = one->loinc && *one->loinc;
        for (size_t k = 0; k < COUNT(uncoded); k++)
            excused = excused || (strcmp(uncoded[k].model, name) == 0 &&
                                  strcmp(uncoded[k].reading, one->name) == 0);
        if (coded != excused)
            continue;
        print_error("%s: %s\n", name, one->name);
        all = false;
    }
    return all;
}

static void library__readings_have_codes(void **state)
{
    (void)state;
    each("a reading has no code, or has one and is excused", is_coded);
}

/* LOINC's check digit: Luhn's, over the digits from the right. */
static bool is_checked(const char *code, size_t size)
{
    unsigned sum = 0, place = 0;
    if (size < 3 || code[size - 2] != '-')
        return false;
    for (size_t i = size - 2; i-- > 0; place++) {
        if (code[i] < '0' || code[i] > '9')
            return false;
        unsigned digit = (unsigned)(code[i] - '0') * (place % 2 ? 1 : 2);
        sum += digit / 10 + digit % 10;
    }
    return code[size - 1] == (char)('0' + (10 - sum % 10) % 10);
}

static bool are_codes(const char *name, const char *text, const struct model *model)
{
    (void)text;
    bool all = true;
    for (size_t i = 0; i < model_observations(model); i++) {
        const char *at = model_observation(model, i)->loinc;
        while (at && *at) {
            size_t size = strcspn(at, ", ");
            if (size && !is_checked(at, size)) {
                print_error("%s: %.*s\n", name, (int)size, at);
                all = false;
            }
            at += size + strspn(at + size, ", ");
        }
    }
    return all;
}

static void library__codes_have_their_check_digit(void **state)
{
    (void)state;
    each("not a code of LOINC's", are_codes);
}

/* Every excuse is somebody's: the two tables name models and readings that there are. */
static void library__excuses_are_of_what_there_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(unchangeable); i++) {
        struct model *model;
        assert_ok(library_load(unchangeable[i].model, &model));
        assert_true(*unchangeable[i].reason);
        model_destroy(&model);
    }
    for (size_t i = 0; i < COUNT(uncoded); i++) {
        struct model *model;
        bool found = false;
        assert_ok(library_load(uncoded[i].model, &model));
        for (size_t k = 0; k < model_observations(model); k++)
            found = found ||
                    strcmp(model_observation(model, k)->name, uncoded[i].reading) == 0;
        if (!found)
            fail_msg("%s has no reading %s", uncoded[i].model, uncoded[i].reading);
        model_destroy(&model);
    }
}

/* Outcomes are to be had of each model's own example, nothing that is called implausible
 * is shown, and no line of [outcomes] is without end. */
static void library__examples_come_to_something_plausible(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < library_models(); i++) {
        struct course course;
        struct outcomes *outcomes;
        struct example_course example = example_course_read(library_model(i));
        course_open_text(&course, library_model(i)->text, example.set, example.doses);
        assert_ok(outcomes_new(course.engine, course.twin, course.parameters,
                               example.from, example.until, &outcomes));
        size_t finite = 0, infinite = 0;
        for (size_t k = 0; k < model_outcomes(course.model); k++)
            for (size_t w = 0; w < outcomes->of[k].count; w++) {
                finite += isfinite(outcomes->of[k].values[w]) != 0;
                infinite += isinf(outcomes->of[k].values[w]) != 0;
            }
        bool is_right = outcomes_plausible(course.model, outcomes) && !infinite &&
                        (finite || !model_outcomes(course.model));
        if (!is_right)
            print_error("%s\n", library_model(i)->name);
        wrong += !is_right;
        outcomes_destroy(course.model, &outcomes);
        course_close(&course);
        example_course_free(&example);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(library__every_model_has_a_question),
        cmocka_unit_test(library__every_model_has_a_source),
        cmocka_unit_test(library__every_head_says_what_is_learned),
        cmocka_unit_test(library__every_parameter_says_where_it_comes_from),
        cmocka_unit_test(library__what_is_learned_is_bounded),
        cmocka_unit_test(library__a_course_has_outcomes),
        cmocka_unit_test(library__something_may_be_tried),
        cmocka_unit_test(library__readings_have_codes),
        cmocka_unit_test(library__codes_have_their_check_digit),
        cmocka_unit_test(library__excuses_are_of_what_there_is),
        cmocka_unit_test(library__examples_come_to_something_plausible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
