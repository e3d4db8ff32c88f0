#include "check.h"

#include "model/record.h"

static void record__keeps_what_it_is_given(void **state)
{
    (void)state;
    struct record *r = record_new("p", "h");
    char name[] = "oral";
    assert_ok(record_dose(r, 1, name, "mg", 320, -1, 1));
    name[0] = 'x'; /* a copy was taken */
    assert_string_equal(r->doses[0].input, "oral");
    assert_ok(record_measurement(r, 2, "level", NULL, 3, CENSORED_BELOW, 2));
    assert_null(r->measurements[0].unit);
    record_destroy(&r);
    assert_null(r);
    record_destroy(&r);
}

/* A day of a sensor is two texts, not six hundred. */
static void record__keeps_each_text_once(void **state)
{
    (void)state;
    struct record *r = record_new("p", "h");
    char name[] = "level", unit[] = "mg/L";
    for (size_t i = 0; i < 300; i++) {
        char once[] = "level";
        assert_ok(record_measurement(r, (double)i, i % 2 ? name : once, unit, 3,
                                     CENSORED_NOT, i));
    }
    assert_ok(record_dose(r, 0, "level", NULL, 1, 0, 300));
    assert_int_equal(r->word_count, 2);
    assert_ptr_equal(r->doses[0].input, r->measurements[299].quantity);
    assert_ptr_equal(record_word(r, unit), r->measurements[0].unit);
    assert_null(record_word(r, NULL));
    struct record *copy = record_copy(r);
    unit[0] = 'x';
    record_destroy(&r);
    assert_int_equal(copy->word_count, 2);
    assert_string_equal(copy->measurements[7].quantity, "level");
    assert_string_equal(copy->measurements[7].unit, "mg/L");
    record_destroy(&copy);
}

static void record__treats_rows_of_all_kinds_alike(void **state)
{
    (void)state;
    struct record *r = record_new("p", "h"), *copy = record_new("p", "h");
    assert_ok(record_dose(r, 1, "oral", "mg", 320, -1, 4));
    assert_ok(record_covariate(r, -2, "WT", NULL, 70, 5));
    assert_ok(record_measurement(r, 3, "level", "mg/L", 0.1, CENSORED_BELOW, 6));
    for (enum record_kind kind = 0; kind < RECORD_KINDS; kind++) {
        assert_int_equal(record_rows(r, kind), 1);
        const struct record_row row = record_row(r, kind, 0);
        assert_int_equal(row.order, 4 + kind);
        assert_ok(record_add(copy, kind, &row));
    }
    assert_string_equal(copy->doses[0].input, "oral");
    assert_near(copy->doses[0].amount, 320, 0);
    assert_near(copy->doses[0].duration, -1, 0);
    assert_near(copy->covariates[0].time, -2, 0);
    assert_null(copy->covariates[0].unit);
    assert_string_equal(copy->measurements[0].unit, "mg/L");
    assert_int_equal(copy->measurements[0].censoring, CENSORED_BELOW);
    const double none[] = {-1, 0.5, 3, NAN};
    for (size_t i = 0; i < 4; i++) {
        const struct record_row row = {0, "level", NULL, 1, none[i], 0};
        assert_refused(ERR_RANGE, "censoring",
                       record_add(copy, RECORD_MEASUREMENT, &row));
    }
    record_destroy(&copy);
    record_destroy(&r);
}

static void record__sorts_by_time_order_and_name(void **state)
{
    (void)state;
    struct record *r = record_new("p", "h");
    const double times[] = {3, 1, 2, 1, 1};
    const size_t orders[] = {0, 9, 2, 3, 4}, expected[] = {3, 4, 9, 2, 0};
    for (size_t i = 0; i < 5; i++)
        assert_ok(record_covariate(r, times[i], "WT", "kg", 70, orders[i]));
    const char *const names[] = {"b", "a", "B", "a"}, *sorted[] = {"B", "a", "a", "b"};
    const double amounts[] = {3, 1, 2, 4};
    for (size_t i = 0; i < 4; i++)
        assert_ok(record_dose(r, 0, names[i], NULL, amounts[i], 0, 0));
    record_sort(r);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(r->doses[i].input, sorted[i]);
    assert_near(r->doses[1].amount, 1, 0); /* which came first */
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(r->covariates[i].order, expected[i]);
    record_destroy(&r);
}

/* The amount carries the order of arrival. */
static void record__keeps_equal_rows_as_they_came(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (size_t count = 0; count < 70; count++) {
        struct record *r = record_new("p", "h");
        for (size_t i = 0; i < count; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            double time = (double)(seed >> 33 & 7);
            size_t order = seed >> 60 & 3;
            assert_ok(record_dose(r, time, "oral", "mg", (double)i, 0, order));
            assert_ok(
                record_measurement(r, time, "a", "mg", (double)i, CENSORED_NOT, order));
        }
        record_sort(r);
        for (size_t i = 0; i < count; i++)
            assert_true(r->measurements[i].value == r->doses[i].amount);
        for (size_t i = 1; i < count; i++) {
            const struct record_dose *a = &r->doses[i - 1], *b = &r->doses[i];
            assert_true(a->time <= b->time);
            assert_true(a->time < b->time || a->order <= b->order);
            assert_true(a->time < b->time || a->order < b->order ||
                        a->amount < b->amount);
        }
        record_destroy(&r);
    }
}

static void record__a_copy_stands_alone(void **state)
{
    (void)state;
    struct record *r = record_new("p", "h");
    assert_ok(record_dose(r, 1, "oral", NULL, 2, 0, 1));
    assert_ok(record_covariate(r, 0, "WT", "kg", 70, 0));
    assert_ok(record_measurement(r, 2, "level", "mg/L", 3, CENSORED_BELOW, 2));
    struct record *copy = record_copy(r);
    record_destroy(&r);
    assert_string_equal(copy->patient, "p");
    assert_string_equal(copy->doses[0].input, "oral");
    assert_null(copy->doses[0].unit);
    assert_string_equal(copy->covariates[0].unit, "kg");
    assert_int_equal(copy->measurements[0].censoring, CENSORED_BELOW);
    assert_ok(record_dose(copy, 3, "oral", "mg", 2, 0, 3)); /* it grows on */
    record_destroy(&copy);
}

static void record__known_keeps_the_first_measurements_and_every_plan(void **state)
{
    (void)state;
    struct record *r = record_new("p", "h");
    assert_ok(record_dose(r, 9, "oral", "mg", 2, 0, 1));
    assert_ok(record_covariate(r, 8, "WT", "kg", 70, 0));
    for (size_t i = 0; i < 3; i++)
        assert_ok(record_measurement(r, (double)i, "level", "mg/L", (double)(10 + i),
                                     CENSORED_NOT, i));
    struct record *known = record_known(r, 2), *all = record_known(r, 7);
    assert_int_equal(known->measurement_count, 2);
    assert_near(known->measurements[1].value, 11, 0);
    assert_int_equal(known->dose_count, 1);
    assert_int_equal(known->covariate_count, 1);
    assert_int_equal(all->measurement_count, 3);
    assert_int_equal(r->measurement_count, 3);
    record_destroy(&known);
    record_destroy(&all);
    record_destroy(&r);
}

static void record__stops_at_its_limit(void **state)
{
    (void)state;
    struct record *r = record_new("p", "h");
    for (size_t i = 0; i < RECORD_ROWS_MAX; i++)
        assert_ok(record_measurement(r, 0, "SBP", NULL, 120, CENSORED_NOT, i));
    assert_refused(ERR_RANGE, "more than 1000000 rows",
                   record_measurement(r, 0, "SBP", NULL, 120, CENSORED_NOT, 0));
    record_destroy(&r);
}

static void record__refuses_what_is_no_number(void **state)
{
    (void)state;
    struct record *r = record_new("p", "h");
    assert_refused(ERR_RANGE, "finite", record_dose(r, NAN, "a", "mg", 1, 0, 0));
    assert_refused(ERR_RANGE, "finite", record_covariate(r, 0, "a", "mg", INFINITY, 0));
    assert_refused(ERR_RANGE, "finite",
                   record_measurement(r, 0, "a", "mg", NAN, CENSORED_NOT, 0));
    assert_int_equal(r->dose_count + r->covariate_count + r->measurement_count, 0);
    record_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record__keeps_what_it_is_given),
        cmocka_unit_test(record__keeps_each_text_once),
        cmocka_unit_test(record__treats_rows_of_all_kinds_alike),
        cmocka_unit_test(record__sorts_by_time_order_and_name),
        cmocka_unit_test(record__keeps_equal_rows_as_they_came),
        cmocka_unit_test(record__a_copy_stands_alone),
        cmocka_unit_test(record__known_keeps_the_first_measurements_and_every_plan),
        cmocka_unit_test(record__stops_at_its_limit),
        cmocka_unit_test(record__refuses_what_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
