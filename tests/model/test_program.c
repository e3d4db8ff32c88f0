#include "hand.h"

static void program__gives_each_stream_once(void **unused)
{
    (void)unused;
    struct program *p = model->program;
    (void)compiled(one(OP_NEGATE, state(0)));
    p = model->program;
    for (size_t i = 0; i < PROGRAM_STREAMS; i++)
        for (size_t k = 0; k < i; k++) {
            assert_ptr_not_equal(program_stream(p, i), program_stream(p, k));
            assert_string_not_equal(program_stream_name(i), program_stream_name(k));
        }
    assert_ptr_equal(program_stream(p, 0), &p->individual);
}

static void program__counts_what_differs_between_patients_first(void **unused)
{
    (void)unused;
    model->parameters[0].kind = PARAMETER_POPULATION;
    model->parameters[1].kind = PARAMETER_OCCASION;
    const struct program *p = compiled(num(0));
    assert_int_equal(p->direction_count, 3);
    assert_int_equal(p->directions[0], 2);
    assert_int_equal(p->directions[1], 1);
    assert_int_equal(p->directions[2], 0);
}

/* Three outcomes of 200 comparisons each; two are let through. */
static void program__bounds_what_outcomes_compare(void **unused)
{
    (void)unused;
    struct bytes text = {0};
    listing_add(&text, "model m version 1\ntime h\n[parameters]\n"
                       "k = 1 1/h lognormal sd 0.3\n[equations]\n"
                       "d/dt(x) = -k*x init 1\n[observations]\no : x ~ add(1)\n"
                       "[outcomes]\n");
    for (size_t outcome = 0; outcome < 3; outcome++) {
        listing_add(&text, "f%zu = fraction(x > 0", outcome);
        for (size_t i = 1; i < 200; i++)
            listing_add(&text, " and x > %zu", i);
        listing_add(&text, ")\n");
        struct model *read = NULL;
        enum err err = model_parse((const char *)text.data, text.size, "m", &read);
        assert_int_equal(err, outcome < 2 ? ERR_OK : ERR_RANGE);
        model_destroy(&read);
    }
    assert_non_null(strstr(err_text(), "compares more than 512 times"));
    bytes_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(program__gives_each_stream_once),
        TEST(program__counts_what_differs_between_patients_first),
        TEST(program__bounds_what_outcomes_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
