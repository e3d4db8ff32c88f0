#include "check.h"

#include "base/memory.h"
#include "model/observe.h"
#include "model/prior.h"
#include "numerics/linalg.h"

static const char text[] = "model many version 1 \"one of each\"\ntime h\n"
                           "[parameters]\n"
                           "CL = 3 L/h (0.1, 100) lognormal sd 0.3 on WT\n"
                           "V = 30 L (1, 1000) lognormal sd 0.2\n"
                           "s = -2 1 (-9, 9) normal sd 0.5 on AGE, WT\n"
                           "F = 0.6 1 (0.2, 1) logitnormal sd 0.4\n"
                           "kq = 0.7 1/h estimated log\n"
                           "g = 9 1 fixed\n"
                           "[population]\ncorrelated CL, V 0.5\n"
                           "[covariates]\nSEX 1\nWT kg centre 70 scale 20\n"
                           "AGE a centre 50 scale 25\n"
                           "[equations]\nd/dt(x) = -CL/V*x - kq*x init 1 L\n"
                           "y = x*F/V\nw = exp(s)*g + SEX\n"
                           "[observations]\n"
                           "seen : y ~ combined2(add 0.1 1, prop 0.2)\n"
                           "other : w ~ lognormal(0.3)\n"
                           "exact : w ~ add(0.5 1 fixed)\n";

static struct model *model;
static struct prior_layout layout;

static int setup(void **state)
{
    (void)state;
    if (model_parse(text, strlen(text), "many", &model) == ERR_OK &&
        prior_layout(model, &layout) == ERR_OK)
        return 0;
    print_error("%s\n", err_text());
    return -1;
}

static int teardown(void **state)
{
    (void)state;
    model_destroy(&model);
    return 0;
}

static void prior__layout_counts_what_is_free(void **state)
{
    (void)state;
    assert_int_equal(layout.p, 4);
    assert_int_equal(layout.k, 3); /* 1, WT, AGE: SEX has no learned effect */
    assert_int_equal(layout.q, 1);
    assert_int_equal(layout.m, 3);
    assert_true(layout.effect[0][0] && layout.effect[0][1] && !layout.effect[0][2]);
    assert_true(layout.effect[2][1] && layout.effect[2][2] && !layout.effect[1][1]);
    assert_true(layout.correlated[0][1] && !layout.correlated[0][2]);
    assert_int_equal(layout.residual[1].which, 1);
    assert_int_equal(layout.residual[2].observation, 1);
}

static void prior__of_the_model_is_what_the_file_says(void **state)
{
    (void)state;
    struct prior *prior;
    assert_ok(prior_from_model(model, &prior));
    assert_relative(prior->effects[0], log(3), 1e-15);
    assert_near(prior->effects[1], 0, 0);
    assert_near(prior->effects[2 * 3], -2.0, 0);
    assert_relative(prior->effects[3 * 3], log((0.6 - 0.2) / (1 - 0.6)), 1e-12);
    assert_relative(prior->omega[0], 0.09, 1e-14);
    assert_relative(prior->omega[1], 0.5 * 0.3 * 0.2, 1e-14);
    assert_near(prior->omega[2], 0, 0);
    assert_relative(prior->population[0], log(0.7), 1e-15);
    assert_relative(prior->residual[1], log(0.2), 1e-15);
    for (size_t row = 0; row < 5; row++)
        assert_relative(prior_typical(model, &layout, prior, row),
                        model_parameter(model, row)->typical, 1e-14);
    struct residual residual;
    prior_residual(model, &layout, prior, 2, &residual);
    assert_near(residual.additive, 0.5, 0);
    prior_residual(model, &layout, prior, 0, &residual);
    assert_relative(residual.additive, 0.1, 1e-14);
    prior_destroy(&prior);
}

static void prior__covariates_are_scaled_and_cut(void **state)
{
    (void)state;
    double values[] = {1, 76, 90}, x[3];
    prior_covariates(model, &layout, values, x);
    assert_near(x[0], 1, 0);
    assert_near(x[1], 0.3, 1e-15);
    assert_near(x[2], 1, 0); /* (90 - 50) / 25, cut */
}

static void prior__bytes_come_back_bit_for_bit(void **state)
{
    (void)state;
    struct prior *prior, *back;
    assert_ok(prior_from_model(model, &prior));
    double rotation[16] = {0};
    for (size_t i = 0; i < 4; i++)
        rotation[i * 4 + (i + 1) % 4] = i % 2 ? -1 : 1;
    assert_ok(prior_factor(prior, rotation));
    prior->patients = 12;
    prior->standard_error[3] = 0.25;
    prior->scale[1] = 1.5;
    struct bytes bytes = {0}, again = {0};
    prior_write(prior, &bytes);
    assert_ok(prior_read(&layout, bytes.data, bytes.size, &back));
    prior_write(back, &again);
    assert_int_equal(bytes.size, again.size);
    assert_memory_equal(bytes.data, again.data, bytes.size);
    struct prior *copy = prior_copy(back);
    bytes_free(&again);
    prior_write(copy, &again);
    assert_memory_equal(bytes.data, again.data, bytes.size);
    bytes_free(&bytes);
    bytes_free(&again);
    prior_destroy(&prior);
    prior_destroy(&back);
    prior_destroy(&copy);
}

/* Whoever starts a study writes the model's prior and everybody reads it: 0.642 * 7.924 *
 * 1.6467 in the other order is another number. */
static void prior__of_any_model_can_be_read_back(void **state)
{
    (void)state;
    static const char growth[] = "model m version 1 \"t\"\ntime a\n[parameters]\n"
                                 "a = 149 1 normal sd 7.924\nb = 6.5 1 normal sd 1.6467\n"
                                 "[population]\ncorrelated a, b 0.642\n"
                                 "[equations]\nf = a + b*time/(1 a)\n"
                                 "[observations]\ny : f ~ add(1)\n";
    struct model *boys;
    struct prior_layout plan;
    struct prior *prior, *back;
    struct bytes bytes = {0};
    assert_ok(model_parse(growth, strlen(growth), "m", &boys));
    assert_ok(prior_layout(boys, &plan));
    assert_ok(prior_from_model(boys, &prior));
    prior_write(prior, &bytes);
    assert_ok(prior_read(&plan, bytes.data, bytes.size, &back));
    prior_destroy(&prior);
    prior_destroy(&back);
    bytes_free(&bytes);
    model_destroy(&boys);
}

static void refused(const struct prior *prior, const char *part)
{
    struct bytes bytes = {0};
    struct prior *back;
    prior_write(prior, &bytes);
    assert_refused(ERR_FORMAT, part, prior_read(&layout, bytes.data, bytes.size, &back));
    bytes_free(&bytes);
}

static void prior__reading_refuses_what_is_no_prior(void **state)
{
    (void)state;
    struct prior *prior, *back;
    assert_ok(prior_from_model(model, &prior));
    struct bytes bytes = {0};
    prior_write(prior, &bytes);
    for (size_t size = 0; size < bytes.size; size += 7)
        assert_int_equal(prior_read(&layout, bytes.data, size, &back), ERR_FORMAT);
    bytes_u8(&bytes, 0);
    assert_int_equal(prior_read(&layout, bytes.data, bytes.size, &back), ERR_FORMAT);
    bytes_free(&bytes);
    prior->effects[2] = 0.1; /* CL on AGE is not declared */
    refused(prior, "not declared");
    prior->effects[2] = 0;
    prior->omega[2] = prior->omega[8] = 0.01;
    refused(prior, "as the model declares");
    prior->omega[2] = prior->omega[8] = 0;
    prior->factor[0] *= 1.001;
    refused(prior, "factor");
    prior->factor[0] /= 1.001;
    prior->scale[0] = 2.1;
    refused(prior, "scale 0");
    prior->scale[0] = 1;
    prior->population[0] = INFINITY;
    refused(prior, "not finite");
    prior_destroy(&prior);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prior__layout_counts_what_is_free),
        cmocka_unit_test(prior__of_the_model_is_what_the_file_says),
        cmocka_unit_test(prior__covariates_are_scaled_and_cut),
        cmocka_unit_test(prior__bytes_come_back_bit_for_bit),
        cmocka_unit_test(prior__of_any_model_can_be_read_back),
        cmocka_unit_test(prior__reading_refuses_what_is_no_prior),
    };
    return cmocka_run_group_tests_name("prior", tests, setup, teardown);
}
