#include "check.h"

#include "model/unit.h"

/* Factors from the definitions: 1 mm[Hg] is 133.322387415 Pa (conventional), 1
 * cal_th 4.184 J (thermochemical), an hour 3600 s. */
static void unit__conversion_factors_are_exact(void **state)
{
    (void)state;
    const struct {
        const char *from, *to;
        double factor;
    } rows[] = {{"mg", "ug", 1000},
                {"h", "min", 60},
                {"d", "h", 24},
                {"mg/L", "ug/mL", 1},
                {"L/h", "mL/min", 1000. / 60},
                {"g/dL", "mg/mL", 10},
                {"mmol/L", "umol/mL", 1},
                {"%", "1", 0.01},
                {"kg/m2", "g/cm2", 0.1},
                {"[iU]/L", "m[iU]/mL", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double factor;
        assert_ok(unit_convert(rows[i].from, rows[i].to, &factor));
        assert_relative(factor, rows[i].factor, 1e-14);
    }
}

static void unit__what_does_not_convert_is_refused(void **state)
{
    (void)state;
    double factor;
    assert_refused(ERR_RANGE, "", unit_convert("mg/L", "mmol/L", &factor));
    assert_refused(ERR_RANGE, "", unit_convert("h", "mg", &factor));
    assert_refused(ERR_FORMAT, "", unit_convert("milligram", "mg", &factor));
    assert_refused(ERR_FORMAT, "", unit_convert("mg//L", "mg", &factor));
    assert_refused(ERR_FORMAT, "", unit_convert("", "mg", &factor));
}

static void unit__products_come_back(void **state)
{
    (void)state;
    struct unit a, b, product, back;
    assert_ok(unit_parse("mg/L", 4, &a));
    assert_ok(unit_parse("mL/min", 6, &b));
    assert_ok(unit_multiply(&a, &b, &product));
    assert_ok(unit_divide(&product, &b, &back));
    double factor;
    assert_true(unit_same_dimension(&a, &back));
    assert_ok(unit_factor(&a, &back, &factor));
    assert_near(factor, 1, 1e-15);
}

static void unit__text_reads_back(void **state)
{
    (void)state;
    const char *const texts[] = {"mg/L",  "mL/min/kg", "1/h",
                                 "kg/m2", "mm[Hg]",    "L/mU/min"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct unit unit, again;
        char text[200];
        double factor;
        assert_ok(unit_parse(texts[i], strlen(texts[i]), &unit));
        unit_format(&unit, text, sizeof text);
        assert_ok(unit_parse(text, strlen(text), &again));
        assert_ok(unit_factor(&unit, &again, &factor));
        assert_near(factor, 1, 1e-15);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unit__conversion_factors_are_exact),
        cmocka_unit_test(unit__what_does_not_convert_is_refused),
        cmocka_unit_test(unit__products_come_back),
        cmocka_unit_test(unit__text_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
