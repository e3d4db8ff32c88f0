#include "check.h"

#include "base/memory.h"

#include "language.h"
#include "model/model.h"

static void model__hash_is_of_the_canonical_text(void **state)
{
    (void)state;
    struct model *a, *b, *c;
    uint8_t hash_a[HASH_BYTES], hash_b[HASH_BYTES], hash_c[HASH_BYTES];
    assert_ok(model_parse(oral_text, strlen(oral_text), "a", &a));
    const char *text = model_canonical(a);
    assert_ok(model_parse(text, strlen(text), "b", &b));
    model_hash(a, hash_a);
    model_hash(b, hash_b);
    assert_memory_equal(hash_a, hash_b, HASH_BYTES);
    assert_string_equal(text, model_canonical(b));
    assert_ok(model_parse(glucose_text, strlen(glucose_text), "c", &c));
    model_hash(c, hash_c);
    assert_memory_not_equal(hash_a, hash_c, HASH_BYTES);
    model_destroy(&a);
    model_destroy(&b);
    model_destroy(&c);
}

static void model__answers_what_the_text_says(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(model_parse(oral_text, strlen(oral_text), "a", &m));
    assert_string_equal(model_name(m), "theo_oral");
    assert_int_equal(model_version(m), 2);
    assert_string_equal(model_time_unit(m), "h");
    assert_int_equal(model_parameters(m), 5);
    assert_int_equal(model_states(m), 2);
    assert_string_equal(model_derived_at(m, 2)->name, "Cp");
    assert_string_equal(model_observation(m, 0)->loinc, "4049-3");
    char *text = model_describe(m, true);
    static const char *const said[] = {"central",    "0.05 .. 200", "lognormal sd 0.33",
                                       "default 70", "locf",        "LOINC 4049-3"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!strstr(text, said[i]))
            fail_msg("not said: %s", said[i]);
    assert_null(strstr(text, " \n"));
    assert_null(strstr(text, "\n\n"));
    mem_free(text);
    model_destroy(&m);
}

static void model__transforms_go_there_and_back(void **state)
{
    (void)state;
    struct model *m;
    assert_ok(model_parse(oral_text, strlen(oral_text), "a", &m));
    for (size_t i = 0; i < model_parameters(m); i++) {
        const struct model_parameter *p = model_parameter(m, i);
        double phi = transform_forward(p, p->typical);
        assert_relative(transform_back(p, phi), p->typical, 1e-14);
    }
    model_destroy(&m);
}

/* In the unit of what is tried, whatever unit the line is written in. */
static void model__ranges_say_what_may_be_tried(void **state)
{
    (void)state;
    static const char text[] = "model tried version 1 \"t\"\n"
                               "time h\n"
                               "[parameters]\n"
                               "CL = 3 L/h lognormal sd 0.3\n"
                               "V = 30 L lognormal sd 0.3\n"
                               "[covariates]\n"
                               "WT kg\n"
                               "[doses]\n"
                               "pill -> A mg\n"
                               "[equations]\n"
                               "d/dt(A) = -CL*WT/70[kg]/V*A\n"
                               "[observations]\n"
                               "c : A/V ~ add(0.1 mg/L)\n"
                               "[what-if]\n"
                               "WT range 40 .. 120 kg\n"
                               "pill range 0 .. 2 g step 0.5\n"
                               "CL range 10 .. 100 mL/min step 5\n";
    struct model *m;
    assert_ok(model_parse(text, strlen(text), "tried", &m));
    assert_int_equal(model_ranges(m), 3);
    const struct model_range *weight = model_range(m, 0), *dose = model_range(m, 1),
                             *clearance = model_range(m, 2);
    assert_int_equal(weight->of, RANGE_OF_COVARIATE);
    assert_string_equal(model_covariate(m, weight->index)->name, "WT");
    assert_near(weight->low, 40, 0);
    assert_near(weight->high, 120, 0);
    assert_near(weight->step, 0, 0);
    assert_int_equal(dose->of, RANGE_OF_INPUT);
    assert_string_equal(model_input(m, dose->index)->name, "pill");
    assert_string_equal(dose->unit, "mg");
    assert_near(dose->high, 2000, 0);
    char *listing = model_describe(m, false);
    assert_non_null(strstr(listing, "0 .. 2000 in steps of 500"));
    mem_free(listing);
    assert_near(dose->step, 500, 0);
    assert_int_equal(clearance->of, RANGE_OF_PARAMETER);
    assert_int_equal(clearance->index, 0);
    assert_string_equal(clearance->unit, "L/h");
    assert_near(clearance->low, 0.6, 1e-15); /* 10 mL/min = 600 mL/h */
    assert_near(clearance->high, 6, 1e-14);
    assert_near(clearance->step, 0.3, 1e-15);
    model_destroy(&m);
    assert_ok(model_parse(oral_text, strlen(oral_text), "a", &m));
    assert_int_equal(model_ranges(m), 0);
    model_destroy(&m);
}

static void model__explains_its_numbers(void **state)
{
    (void)state;
    assert_non_null(strstr(model_explain("E3001"), "dimension"));
    assert_null(model_explain("E9999"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model__hash_is_of_the_canonical_text),
        cmocka_unit_test(model__answers_what_the_text_says),
        cmocka_unit_test(model__transforms_go_there_and_back),
        cmocka_unit_test(model__ranges_say_what_may_be_tried),
        cmocka_unit_test(model__explains_its_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
