#include "study.h"

#include "history.h"
#include "numerics/linalg.h"

/* A round of the boys, and a step along all its free numbers. */
struct moved {
    struct study study;
    struct history history;
    double *sum, step[8];
    struct learn_round round;
};

static void begin(struct moved *moved)
{
    memset(moved, 0, sizeof *moved);
    study_begin(&moved->study, boys, "oxboys/data.csv");
    struct study *study = &moved->study;
    moved->sum = trial_sum(&study->trial, study->prior, &study->statistic);
    moved->round = (struct learn_round){study->prior, moved->sum, 0};
    assert_ok(history_init(&moved->history, study->trial.model, &study->trial.layout,
                           &study->statistic, &moved->round, 1));
    assert_int_equal(moved->history.space.count, 2 + 3 + 1);
}

static void end(struct moved *moved)
{
    history_clear(&moved->history);
    mem_free(moved->sum);
    study_end(&moved->study);
}

/* However long the step: variances within a factor of four, and so is the residual's;
 * typical values go where the step says. */
static void history__no_variance_is_moved_by_more_than_four(void **state)
{
    (void)state;
    struct moved moved;
    begin(&moved);
    const struct prior *old = moved.study.prior;
    for (int sign = -1; sign <= 1; sign += 2) {
        struct prior *next;
        moved.step[0] = 5;
        moved.step[2] = sign * 1e6;
        moved.step[4] = sign * 1e6;
        moved.step[5] = sign * 1e6;
        assert_ok(history_move(&moved.history, 0, moved.step, &next));
        assert_near(next->effects[0], old->effects[0] + 5, 1e-9);
        double most = sign > 0 ? 4 : 0.25;
        assert_relative(next->omega[0], old->omega[0] * most, 1e-9);
        assert_relative(next->omega[3], old->omega[3] * most, 1e-9);
        assert_relative(exp(2 * (next->residual[0] - old->residual[0])), most, 1e-9);
        prior_destroy(&next);
    }
    end(&moved);
}

/* The factor of the moved prior is one of its covariance, and makes what a patient knew
 * diagonal. */
static void history__whitens_along_what_is_known(void **state)
{
    (void)state;
    struct moved moved;
    begin(&moved);
    struct prior *next;
    moved.step[2] = 20;
    moved.step[3] = 3;
    assert_ok(history_move(&moved.history, 0, moved.step, &next));
    double known[4], half[4], square[4];
    linalg_multiply_nt(2, 2, 2, next->factor, next->factor, square);
    for (size_t i = 0; i < 4; i++)
        assert_relative(square[i], next->omega[i], 1e-12);
    linalg_multiply_tn(2, 2, 2, next->factor, moved.history.views[0].precision, half);
    linalg_multiply(2, 2, 2, half, next->factor, known);
    assert_near(known[1] / known[0], 0, 1e-9);
    /* and scales up what is less known than the best */
    assert_near(next->scale[1], 1, 0);
    assert_relative(next->scale[0],
                    fmin(PRIOR_SCALE_MOST, cbrt(known[3] / known[0] / 1.5)), 1e-9);
    assert_true(next->scale[0] > 1);
    prior_destroy(&next);
    end(&moved);
}

static void history__refuses_a_sum_that_is_not_finite(void **state)
{
    (void)state;
    struct moved moved;
    begin(&moved);
    struct history other;
    moved.sum[3] = INFINITY;
    assert_refused(ERR_NUMERIC, "round 1",
                   history_init(&other, NULL, &moved.study.trial.layout,
                                &moved.study.statistic, &moved.round, 1));
    history_clear(&other);
    end(&moved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history__no_variance_is_moved_by_more_than_four),
        cmocka_unit_test(history__whitens_along_what_is_known),
        cmocka_unit_test(history__refuses_a_sum_that_is_not_finite),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
