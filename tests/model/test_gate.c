#include "model/gate.h"

#include <math.h>

#include "check.h"

static const char text[] = "model gate version 1 \"t\"\n"
                           "time h\n"
                           "[parameters]\n"
                           "a = 2 1 (0.5, 8) lognormal sd 0.5 on SEX\n"
                           "b = 10 1 normal sd 2\n"
                           "c = 4 1 (1, 100) estimated\n"
                           "[covariates]\n"
                           "SEX 1\n"
                           "[population]\n"
                           "correlated a, b 0.3\n"
                           "[equations]\n"
                           "f = a + b + c\n"
                           "[observations]\n"
                           "y : f ~ add(1)\n";

struct bench {
    struct model *model;
    struct prior_layout layout;
    struct prior *prior;
    struct gate_limits limits;
};

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_ok(model_parse(text, strlen(text), "gate", &b->model));
    assert_ok(prior_layout(b->model, &b->layout));
    assert_ok(prior_from_model(b->model, &b->prior));
    b->limits = (struct gate_limits){2, 4};
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    prior_destroy(&b->prior);
    model_destroy(&b->model);
    free(b);
    return 0;
}

/* A number that may be `inside` and not `outside`: each is judged by itself. */
static void edge(struct bench *b, double *number, double inside, double outside,
                 const char *said)
{
    double kept = *number;
    *number = inside;
    assert_ok(gate_check(b->model, &b->layout, b->prior, &b->limits));
    *number = outside;
    assert_refused(ERR_DENIED, said,
                   gate_check(b->model, &b->layout, b->prior, &b->limits));
    *number = kept;
}

static void gate__holds_typical_values_and_effects(void **state)
{
    struct bench *b = *state;
    double *effects = b->prior->effects; /* [2][2] */
    edge(b, &effects[0], log(2) + 0.999, log(2) + 1.001, "a typical a");
    edge(b, &effects[0], log(2) - 0.999, log(2) - 1.001, "a typical a");
    edge(b, &effects[1], 0.999, 1.001, "a covariate's effect on a");
    edge(b, &effects[2], 13.99, 14.01, "a typical b");
    edge(b, &b->prior->population[0], log(4) - 0.999, log(4) - 1.001, "a common c");
}

/* Whatever the spread would allow. */
static void gate__holds_the_models_bounds(void **state)
{
    struct bench *b = *state;
    b->limits.shift_most = 50;
    edge(b, &b->prior->effects[0], log(7.99), log(8.01), "outside of 0.5 to 8");
    edge(b, &b->prior->effects[0], log(0.501), log(0.499), "outside of 0.5 to 8");
    edge(b, &b->prior->population[0], log(1.01), log(0.99), "outside of 1 to 100");
}

static void gate__holds_spreads_along_every_direction(void **state)
{
    struct bench *b = *state;
    double *omega = b->prior->omega;
    omega[1] = omega[2] = 0;
    edge(b, &omega[0], 3.4, 4.1, "the spread of a");
    edge(b, &omega[3], 4 / 12.0, 4 / 17.0, "the spread of b");
    edge(b, &b->prior->residual[0], log(3.99), log(4.01), "the measurement error of y");
    edge(b, &b->prior->residual[0], -log(3.99), -log(4.01), "the measurement error of y");
    /* Variances as they were: relative to the text's, of correlation 0.3, the smallest
     * eigenvalue is (1 - r) / 0.7, and 1 / 16 where r = 0.95625. */
    omega[1] = omega[2] = 0.956;
    assert_ok(gate_check(b->model, &b->layout, b->prior, &b->limits));
    omega[1] = omega[2] = 0.957;
    assert_refused(ERR_DENIED, "taken together",
                   gate_check(b->model, &b->layout, b->prior, &b->limits));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gate__holds_typical_values_and_effects, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(gate__holds_the_models_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gate__holds_spreads_along_every_direction, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
