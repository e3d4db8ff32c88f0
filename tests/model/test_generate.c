#include "generate.h"

#include "check.h"

static const char text[] = "model m version 1\n"
                           "time h\n"
                           "[parameters]\n"
                           "k = 2 1/h fixed\n"
                           "[equations]\n"
                           "d/dt(a) = -k*max(a, 5 [mg]) init 3 mg\n"
                           "d/dt(b) = if(a < 1 [mg], 0.5 [1/h]*b, k*b) init 3 mg\n"
                           "[observations]\n"
                           "o : a ~ add(0.1 mg)\n";

/* Depth first; of a constant its value, of what is filled in its register, as of the mode
 * that stands for a condition on a state. */
static const char expected[] =
    "LANES_INLINE void rate_rows(const double *restrict r, const double *restrict more, "
    "double *restrict out, enum simd simd)\n"
    "{\n"
    "    (void)simd;\n"
    "    (void)more;\n"
    "    ROW_LANES\n"
    "    {\n"
    "        const double v2 = operation_MAX(r[10 * LANES + l], 0x1.4p+2, 0);\n"
    "        const double v3 = operation_MULTIPLY(r[6 * LANES + l], v2, 0);\n"
    "        const double v4 = operation_NEGATE(v3, 0, 0);\n"
    "        out[0 * LANES + l] = v4 + 0;\n"
    "        const double v0 = operation_MULTIPLY(0x1p-1, r[11 * LANES + l], 0);\n"
    "        const double v1 = operation_MULTIPLY(r[6 * LANES + l], r[11 * LANES + l], "
    "0);\n"
    "        const double v5 = operation_SELECT(r[9 * LANES + l], v0, v1);\n"
    "        out[1 * LANES + l] = v5 + 0;\n"
    "    }\n"
    "}\n"
    "LANES_KINDS(rate, simd, (const double *restrict r, const double *restrict more, "
    "double *restrict out, enum simd simd), r, more, out, simd)\n";

static char *source_of(const char *of)
{
    struct model *model;
    struct bytes source = {0};
    assert_ok(model_parse(of, strlen(of), "m", &model));
    generate(model, "generated_m", &source);
    bytes_append(&source, "", 1);
    model_destroy(&model);
    return (char *)source.data;
}

static void generate__writes_streams_as_functions(void **state)
{
    (void)state;
    char *source = source_of(text);
    const char *at = strstr(source, "LANES_INLINE void rate_rows");
    assert_non_null(at);
    if (strncmp(at, expected, strlen(expected)) != 0)
        fail_msg("%s", source);
    assert_non_null(strstr(source, "\nconst struct generated generated_m = {\n"));
    assert_non_null(strstr(source, ".rate = rate,\n    .rate_slopes = "));
    mem_free(source);
}

/* A rate of more operations than anybody would want to wait for. */
static void generate__leaves_long_streams_alone(void **state)
{
    (void)state;
    struct bytes long_text = {0};
    listing_add(&long_text,
                "model m version 1\ntime h\n[equations]\nd/dt(a) = -a/1 [h] init 3 mg\n");
    for (size_t i = 1; i <= GENERATE_INSTRUCTIONS_MAX / 5; i++)
        listing_add(
            &long_text,
            "q%zu = a + 0.%zu*exp(sin(a/%zu [mg]))*cos(a/2.5 [mg] + %zu)*1 [mg]\n", i, i,
            i, i);
    listing_add(&long_text, "[observations]\no : a ~ add(0.1 mg)\n");
    bytes_append(&long_text, "", 1);
    char *source = source_of((const char *)long_text.data);
    assert_null(strstr(source, "derive_rows"));
    assert_non_null(strstr(source, "rate_rows"));
    mem_free(source);
    bytes_free(&long_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generate__writes_streams_as_functions),
        cmocka_unit_test(generate__leaves_long_streams_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
