#include "model/unit.h"

#include "base/memory.h"
#include "check.h"

static double factor(const char *from, const char *to)
{
    double value = NAN;
    assert_ok(unit_convert(from, to, &value));
    return value;
}

/* Every factor here is a definition: SI prefixes, the Julian year, 133.322387415 Pa. */
static void unit__converts_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        double factor;
    } rows[] = {
        {"mg", "ug", 1000},
        {"mg", "\xc2\xb5g", 1000},
        {"mcg", "mg", 0.001},
        {"ng/mL", "ug/L", 1},
        {"ng/mL", "mg/L", 0.001},
        {"mg/dL", "g/L", 0.01},
        {"h", "min", 60},
        {"1/h", "1/min", 1.0 / 60},
        {"d", "h", 24},
        {"wk", "d", 7},
        {"a", "d", 365.25},
        {"mL/min/kg", "L/h/kg", 0.06},
        {"L/(h*kg)", "mL/min/kg", 1000.0 / 60},
        {"m[Hg]", "mmHg", 1000},
        {"mm[Hg]", "Pa", 133.322387415},
        {"[iU]", "mU", 1000},
        {"U", "IU", 1},
        {"%", "1", 0.01},
        {"10^9/L", "10*3/uL", 1},
        {"K/uL", "10^9/L", 1},
        {"G/L", "K/uL", 1},
        {"1/uL", "10^9/L", 0.001},
        {"mmol/L", "umol/mL", 1},
        {"M", "mol/L", 1},
        {"kg/m2", "g/cm^2", 0.1},
        {"{beats}/min", "1/min", 1},
        {"mL/min/{1.73_m2}", "mL/min", 1},
        {"kcal", "kJ", 4.184},
        {"cmH2O", "Pa", 98.0665},
        {"/h", "1/h", 1},
        {"100/L", "10^2/L", 1},
        {"kg^0.75", "g^0.75", 0}, /* below */
    };
    for (size_t i = 0; i + 1 < sizeof rows / sizeof rows[0]; i++) {
        double got = factor(rows[i].from, rows[i].to);
        if (got != rows[i].factor)
            fail_msg("%s to %s: %.17g, not %.17g", rows[i].from, rows[i].to, got,
                     rows[i].factor);
    }
    assert_relative(factor("kg^0.75", "g^0.75"), pow(1000, 0.75), 1e-15);
}

static void unit__refuses_what_it_does_not_know(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence, *hint;
    } rows[] = {
        {"mgg", "'mgg' is not a known unit", "mg"},
        {"MG", "'MG' is not a known unit", "mg"},
        {"mg/Ll", "'Ll'", ""},
        {"mmoll", "'mmoll'", "mmol"},
        {"mimute", "'mimute'", "braces"},
        {"mL/min/1.73m2", "no power of ten", "{1.73_m2}"},
        {"", "0 characters", ""},
        {"mg/", "ends where a name is missing", ""},
        {"mg^", "exponent without a number", ""},
        {"mg^200", "exponent", ""},
        {"mg)", "unpaired", ""},
        {"(mg", "closing parenthesis", ""},
        {"{x", "closing brace", ""},
        {"5 mg", "no power of ten", ""},
        {"((((((((((mg", "nested too deep", ""},
        {"mg?", "cannot be read", ""},
        {"m1.5", "no power of ten", ""},
    };
    struct unit unit;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_refused(ERR_FORMAT, rows[i].sentence,
                       unit_parse(rows[i].text, strlen(rows[i].text), &unit));
        if (!strstr(err_hint_text(), rows[i].hint))
            fail_msg("%s: hint \"%s\" lacks \"%s\"", rows[i].text, err_hint_text(),
                     rows[i].hint);
    }
    double value;
    assert_refused(ERR_RANGE, "mg cannot be converted to mmol",
                   unit_convert("mg", "mmol", &value));
    assert_refused(ERR_RANGE, "cannot be converted", unit_convert("1/h", "h", &value));
}

static void unit__cancels_equal_names(void **state)
{
    (void)state;
    struct unit clearance, volume, rate;
    assert_ok(unit_parse("mL/min/kg", 9, &clearance));
    assert_ok(unit_parse("mL/kg", 5, &volume));
    assert_ok(unit_divide(&clearance, &volume, &rate));
    char text[200];
    unit_format(&rate, text, sizeof text);
    assert_string_equal(text, "1/min");
    assert_ok(unit_power(&rate, -2, &rate));
    unit_format(&rate, text, sizeof text);
    assert_string_equal(text, "min^2");
    assert_ok(unit_power(&rate, 0.5, &rate));
    assert_ok(unit_multiply(&rate, &clearance, &rate));
    unit_format(&rate, text, sizeof text);
    assert_string_equal(text, "mL/kg");
    assert_refused(ERR_RANGE, "at most 99", unit_power(&rate, 100, &rate));
}

/* A tenth has no exact double: ten of them are one all the same. */
static void unit__powers_that_rounding_touches_are_whole(void **state)
{
    (void)state;
    struct unit tenth, product = UNIT_ONE, microgram;
    double value = NAN;
    assert_ok(unit_parse("mg^0.1", 6, &tenth));
    for (int i = 0; i < 10; i++)
        assert_ok(unit_multiply(&product, &tenth, &product));
    assert_true(product.atoms[0].power != 1);
    assert_ok(unit_parse("ug", 2, &microgram));
    assert_ok(unit_factor(&product, &microgram, &value));
    assert_true(value == 1000);
}

static void unit__writes_what_it_reads(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "mg/(L*h)", "mmol/L",  "10^9/L", "1/min", "m[Hg]^2",
        "kg^0.75",  "[iU]/mL", "%",      "1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct unit unit;
        char text[200];
        assert_ok(unit_parse(texts[i], strlen(texts[i]), &unit));
        unit_format(&unit, text, sizeof text);
        assert_string_equal(text, texts[i]);
    }
}

static void unit__limits_the_names_of_a_product(void **state)
{
    (void)state;
    struct unit product = UNIT_ONE, one;
    static const char *const names[] = {"g", "m", "s",  "mol", "K",  "C", "Eq",
                                        "h", "d", "wk", "kg",  "mg", "ug"};
    enum err last = ERR_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && last == ERR_OK; i++) {
        assert_ok(unit_parse(names[i], strlen(names[i]), &one));
        last = unit_multiply(&product, &one, &product);
    }
    assert_int_equal(last, ERR_RANGE);
    assert_int_equal(product.atom_count, UNIT_ATOMS_MAX);
}

static void unit__is_tidied_without_changing_its_dimension(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"mg*min/h", "mg"},
        {"L/(h*mL)", "1/h"},
        {"mL/L", "1"},
        {"10^9/L", "10^9/L"},
        {"%", "%"},
        {"mg/L*h/d", "mg/L"},
        {"mg*ug", "mg^2"},
        {"mg/kg/min", "mg/(kg*min)"},
        {"mm[Hg]*ug/mg", "mm[Hg]"},
        {"mL/min/kg", "mL/(min*kg)"},
        {"kg*kg/kg", "kg"},
        {"mm[Hg]*mmHg", "mm[Hg]^2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct unit unit, tidied;
        char text[200];
        assert_ok(unit_parse(rows[i][0], strlen(rows[i][0]), &unit));
        assert_ok(unit_tidy(&unit, &tidied));
        assert_true(unit_same_dimension(&unit, &tidied));
        unit_format(&tidied, text, sizeof text);
        assert_string_equal(text, rows[i][1]);
    }
}

static void unit__is_not_told_of_a_plain_number(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"mg/L", "5.92 mg/L", "level (mg/L)"},
        {"%", "5.92 %", "level (%)"},
        {"1/h", "5.92 1/h", "level (1/h)"},
        {"1", "5.92", "level"},
        {"", "5.92", "level"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *number = unit_number(5.91999, rows[i][0]),
             *label = unit_label("level", rows[i][0]);
        assert_string_equal(number, rows[i][1]);
        assert_string_equal(label, rows[i][2]);
        mem_free(number);
        mem_free(label);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unit__converts_exactly),
        cmocka_unit_test(unit__refuses_what_it_does_not_know),
        cmocka_unit_test(unit__cancels_equal_names),
        cmocka_unit_test(unit__powers_that_rounding_touches_are_whole),
        cmocka_unit_test(unit__writes_what_it_reads),
        cmocka_unit_test(unit__limits_the_names_of_a_product),
        cmocka_unit_test(unit__is_tidied_without_changing_its_dimension),
        cmocka_unit_test(unit__is_not_told_of_a_plain_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
