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
    assert_non_null(strstr(text, "central"));
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
        double phi = transform_forward(p, p->typical), d = 1e-6;
        assert_relative(transform_back(p, phi), p->typical, 1e-14);
        double slope = (transform_back(p, phi + d) - transform_back(p, phi - d)) / (2 * d);
        assert_relative(transform_slope(p, phi), slope, 1e-8);
    }
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
        cmocka_unit_test(model__explains_its_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
