/* Equal steps: against the method's own polynomial, its order, an engine, and itself in
 * other company. */

#include "check.h"

#include "course.h"
#include "model/library.h"
#include "model/march.h"

static const char turning_text[] = "model turning version 1\n"
                                   "time s\n"
                                   "[parameters]\n"
                                   "w = 2 1/s lognormal sd 0.3\n"
                                   "[equations]\n"
                                   "d/dt(x) = w*y init 0\n"
                                   "d/dt(y) = -w*x init 1\n"
                                   "d/dt(z) = -z*(1 [1/s]) init 1\n"
                                   "[observations]\n"
                                   "o : x ~ add(0.1)\n";

static struct model *parse(const char *text)
{
    struct model *model;
    assert_ok(model_parse(text, strlen(text), "march.twin", &model));
    return model;
}

static struct march *begin(const struct model *model, double step, enum simd simd,
                           const double *parameters, const double *covariates)
{
    struct march *march;
    assert_ok(march_new(model, step, simd, &march));
    EACH_LANE assert_ok(march_begin(march, l, parameters, covariates, 1000));
    return march;
}

/* z after a step is z (1 - h + h^2/2 - h^3/6 + h^4/24). */
static void march__takes_the_methods_own_step(void **state)
{
    (void)state;
    struct model *model = parse(turning_text);
    double w = 2, h = 0.3,
           factor = 1 - h + h * h / 2 - h * h * h / 6 + h * h * h * h / 24;
    struct march *march = begin(model, h, simd_best(), &w, &w);
    march_steps(march, 7);
    EACH_LANE assert_relative(march_states(march)[2 * LANES + l], pow(factor, 7), 1e-14);
    march_destroy(&march);
    model_destroy(&model);
}

static void march__is_of_order_four(void **state)
{
    (void)state;
    struct model *model = parse(turning_text);
    double w = 2, error[2], seen[LANES];
    for (size_t k = 0; k < 2; k++) {
        struct march *march = begin(model, k ? 0.025 : 0.05, simd_best(), &w, &w);
        march_steps(march, k ? 120 : 60);
        march_observe(march, seen);
        error[k] = fabs(seen[3] - sin(6.0));
        march_destroy(&march);
    }
    assert_near(error[0] / error[1], 16, 1);
    model_destroy(&model);
}

static void march__keeps_lanes_apart_on_every_machine(void **state)
{
    (void)state;
    struct model *model;
    assert_ok(library_load("heart/circulation", &model));
    double parameters[MODEL_PARAMETERS_MAX], covariates[MODEL_COVARIATES_MAX];
    double alone[MODEL_STATES_MAX];
    for (size_t i = 0; i < model_parameters(model); i++)
        parameters[i] = model_parameter(model, i)->typical;
    for (size_t i = 0; i < model_covariates(model); i++)
        covariates[i] = model_covariate(model, i)->default_value;
    for (enum simd simd = SIMD_SCALAR; simd <= simd_best(); simd++)
        for (size_t at = 0; at < LANES; at += 3) {
            struct march *march = begin(model, 0.002, simd, parameters, covariates);
            double other = covariates[0];
            covariates[0] = 100; /* everybody else's heart rate */
            EACH_LANE if (l != at)
                assert_ok(march_begin(march, l, parameters, covariates, 1000));
            covariates[0] = other;
            march_steps(march, 600);
            for (size_t i = 0; i < model_states(model); i++) {
                double got = march_states(march)[i * LANES + at];
                if (simd == SIMD_SCALAR && at == 0)
                    alone[i] = got;
                assert_memory_equal(&got, &alone[i], sizeof got);
            }
            march_destroy(&march);
        }
    model_destroy(&model);
}

/* Twenty beats in steps of 2 ms. */
static void march__goes_where_an_engine_goes(void **state)
{
    (void)state;
    static const char *const states[] = {"Vla", "Vlv", "Vsa", "Vsv", "Vra", "Vrv"};
    struct course course;
    course_open(&course, "heart/circulation", "HR=75", "");
    double covariates[MODEL_COVARIATES_MAX];
    for (size_t i = 0; i < model_covariates(course.model); i++)
        covariates[i] = model_covariate(course.model, i)->default_value;
    covariates[0] = 75;
    assert_string_equal(model_covariate(course.model, 0)->name, "HR");
    struct march *march =
        begin(course.model, 0.002, simd_best(), course.parameters, covariates);
    march_steps(march, 8000);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        double *there = course_run(&course, states[i], 16, 1, 1);
        size_t at = course_column(&course, states[i]);
        assert_near(march_states(march)[at * LANES + 5], *there, 2e-3);
        mem_free(there);
    }
    march_destroy(&march);
    course_close(&course);
}

static void march__refuses_what_it_would_step_over(void **state)
{
    (void)state;
    struct model *model = parse("model step version 1\n"
                                "time s\n"
                                "[parameters]\n"
                                "k = 1 1/s lognormal sd 0.3\n"
                                "[equations]\n"
                                "d/dt(x) = if(time < 5 s, k, 0) unit 1\n"
                                "[observations]\n"
                                "o : x ~ add(0.1)\n");
    struct march *march;
    double k = 1;
    assert_ok(march_new(model, 0.1, simd_best(), &march));
    assert_ok(march_begin(march, 0, &k, &k, 4));
    assert_refused(ERR_USAGE, "time 5", march_begin(march, 0, &k, &k, 6));
    march_destroy(&march);
    model_destroy(&model);
    model = parse("model none version 1\n"
                  "time s\n"
                  "[parameters]\n"
                  "k = 1 1 lognormal sd 0.3\n"
                  "[observations]\n"
                  "o : k ~ add(0.1)\n");
    assert_refused(ERR_USAGE, "no states", march_new(model, 0.1, simd_best(), &march));
    model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(march__takes_the_methods_own_step),
        cmocka_unit_test(march__is_of_order_four),
        cmocka_unit_test(march__keeps_lanes_apart_on_every_machine),
        cmocka_unit_test(march__goes_where_an_engine_goes),
        cmocka_unit_test(march__refuses_what_it_would_step_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
