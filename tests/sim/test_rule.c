#include "check.h"

#include "sim/rule.h"

static const char text[] = "model m version 1\ntime h\n"
                           "[parameters]\nk = 0.1 1/h (0.01, 1) lognormal sd 0.3\n"
                           "[covariates]\nTABLETS 1 locf default 0\nAGE year default 50\n"
                           "STAGE 1 locf levels 1, 2, 4 default 1\nFOOD g linear\n"
                           "[doses]\niv -> A mg\noral -> D mg\n"
                           "[equations]\nd/dt(A) = -k*A\nd/dt(D) = -k*D\n"
                           "[observations]\nlevel : A ~ add(1 mg)\npain : D ~ add(1 mg)\n"
                           "[what-if]\niv range 2 .. 20 mg\nTABLETS range 0 .. 3 1\n";

#include "of_text.h"

static enum err read(const char *phrase, struct rule *rule)
{
    char copy[100];
    snprintf(copy, sizeof copy, "%s", phrase);
    return rule_read(model, copy, rule);
}

/* iv: 4 mg at 0, 10 and 0.02 g at 20 h; oral 1 mg at 10 h; TABLETS 1 from 0, 2 from 15
 * h. */
static struct record *patient(void)
{
    struct record *record = record_new("p", "h");
    assert_ok(record_covariate(record, 0, "TABLETS", NULL, 1, 0));
    assert_ok(record_covariate(record, 0, "STAGE", NULL, 2, 1));
    assert_ok(record_covariate(record, 15, "TABLETS", NULL, 2, 2));
    assert_ok(record_dose(record, 0, "iv", "mg", 4, -1, 3));
    assert_ok(record_dose(record, 10, "iv", "mg", 4, -1, 4));
    assert_ok(record_dose(record, 10, "oral", "mg", 1, -1, 5));
    assert_ok(record_dose(record, 20, "iv", "g", 0.004, -1, 6));
    record_sort(record);
    return record;
}

/* The record after a visit at 10 h at which the level reads 5 and nothing reads pain. */
static struct record *visited(const char *phrase, bool *changed)
{
    static const double readings[] = {5, NAN};
    struct record *record = patient();
    struct rule rule;
    *changed = false;
    assert_ok(read(phrase, &rule));
    assert_ok(rule_apply(&rule, model, 10, readings, record, changed));
    return record;
}

/* iv in mg at 0, 10 and 20 h. */
static void expect_doses(const char *phrase, double first, double second, double third)
{
    bool changed;
    struct record *record = visited(phrase, &changed);
    assert_int_equal(changed, second != 4 || third != 4);
    assert_int_equal(record->dose_count, 4);
    assert_near(record->doses[0].amount, first, 1e-12);
    assert_near(record->doses[1].amount, second, 1e-12);
    assert_string_equal(record->doses[2].input, "oral");
    assert_true(record->doses[2].amount == 1);
    assert_near(record->doses[3].amount * 1000, third, 1e-9);
    record_destroy(&record);
}

static void rule__changes_doses_from_the_visit_on(void **state)
{
    (void)state;
    expect_doses("iv * 1.5 if level<6", 4, 6, 6);
    expect_doses("iv + 0.5 mg if level>=5", 4, 4.5, 4.5);
    expect_doses("iv - 1000 ug if level = 5", 4, 3, 3);
    expect_doses("iv = 0.01 g if level <= 5 and level > 4", 4, 10, 10);
    expect_doses("iv * 1.5 if level<5", 4, 4, 4);
    expect_doses("iv * 1.5 if level<6 and level>5", 4, 4, 4);
}

/* What the model lets be tried: 2 to 20 mg. */
static void rule__stays_within_what_may_be_tried(void **state)
{
    (void)state;
    expect_doses("iv * 10 if level<6", 4, 20, 20);
    expect_doses("iv = 0 mg if level<6", 4, 2, 2);
}

static void rule__of_a_reading_that_is_not_there_does_nothing(void **state)
{
    (void)state;
    expect_doses("iv * 2 if pain<1", 4, 4, 4);
    expect_doses("iv * 2 if pain>=1", 4, 4, 4);
}

/* TABLETS before the visit, at it and from 15 h on. */
static void expect_tablets(const char *phrase, size_t rows, double before, double at,
                           double later)
{
    bool changed;
    struct record *record = visited(phrase, &changed);
    double found[3] = {NAN, NAN, NAN};
    size_t count = 0;
    for (size_t i = 0; i < record->covariate_count; i++)
        if (strcmp(record->covariates[i].name, "TABLETS") == 0) {
            assert_true(count < 3);
            found[count++] = record->covariates[i].value;
        }
    assert_int_equal(count, rows);
    assert_true(found[0] == before && found[rows - 1] == later);
    assert_true(rows == 2 || found[1] == at);
    record_destroy(&record);
}

static void rule__changes_a_covariate_from_the_visit_on(void **state)
{
    (void)state;
    expect_tablets("TABLETS + 0.5 if level<6", 3, 1, 1.5, 2.5);
    expect_tablets("TABLETS = 0 if level<6", 3, 1, 0, 0);
    expect_tablets("TABLETS + 2 if level<6", 3, 1, 3, 3); /* may be tried up to 3 */
    expect_tablets("TABLETS + 1 if level>6", 2, 1, 1, 2);
}

static void rule__leaves_a_covariate_that_cannot_be_so(void **state)
{
    (void)state;
    bool changed;
    struct record *record = visited("STAGE + 1 if level<6", &changed); /* 3 is no stage */
    assert_false(changed);
    assert_int_equal(record->covariate_count, 3);
    record_destroy(&record);
    record = visited("STAGE * 2 if level<6", &changed);
    assert_true(changed);
    assert_int_equal(record->covariate_count, 4);
    record_destroy(&record);
}

static void rule__refuses_what_it_does_not_understand(void **state)
{
    (void)state;
    struct rule rule;
    assert_refused(ERR_USAGE, "is not what a rule changes", read("iv if level<6", &rule));
    assert_refused(ERR_USAGE, "is not what a rule changes",
                   read("iv*2 if level<6", &rule));
    assert_refused(ERR_USAGE, "is not what a rule changes",
                   read("iv / 2 if level<6", &rule));
    assert_refused(ERR_NOT_FOUND, "no input or covariate 'k'",
                   read("k * 2 if level<6", &rule));
    assert_refused(ERR_RANGE, "AGE is not held from one value to the next",
                   read("AGE + 1 if level<6", &rule));
    assert_refused(ERR_RANGE, "FOOD is not held from one value to the next",
                   read("FOOD + 1 if level<6", &rule));
    assert_refused(ERR_USAGE, "'x' is not a number", read("iv * x if level<6", &rule));
    assert_refused(ERR_RANGE, "a factor is not negative",
                   read("iv * -1 if level<6", &rule));
    assert_refused(ERR_USAGE, "1 has no unit", read("iv + 1 if level<6", &rule));
    assert_refused(ERR_RANGE, "mL", read("iv + 1 mL if level<6", &rule));
    assert_refused(ERR_USAGE, "a factor has no unit here",
                   read("iv * 2 mg if level<6", &rule));
    assert_refused(ERR_USAGE, "a covariate has no unit here",
                   read("TABLETS + 1 mg if level<6", &rule));
    assert_refused(ERR_NOT_FOUND, "no observation 'AGE'",
                   read("iv * 2 if AGE>60", &rule));
    assert_refused(ERR_USAGE, "'level' is not a condition",
                   read("iv * 2 if level", &rule));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule__changes_doses_from_the_visit_on),
        cmocka_unit_test(rule__stays_within_what_may_be_tried),
        cmocka_unit_test(rule__of_a_reading_that_is_not_there_does_nothing),
        cmocka_unit_test(rule__changes_a_covariate_from_the_visit_on),
        cmocka_unit_test(rule__leaves_a_covariate_that_cannot_be_so),
        cmocka_unit_test(rule__refuses_what_it_does_not_understand),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
