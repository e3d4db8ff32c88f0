/* Pressure and growth. */

#include "folder.h"
#include "likelihood.h"

static const struct courses_one courses[] = {
    {"prevention/blood_pressure", "AGE=71 MALE=1", "", {0.5, 3, 7}},
    {"prevention/growth", "", "", {0.3, 1}},
};

static void pair(struct prior *prior, double sd1, double sd2, double correlation,
                 double residual)
{
    prior->omega[0] = sd1 * sd1;
    prior->omega[3] = sd2 * sd2;
    prior->omega[1] = prior->omega[2] = correlation * sd1 * sd2;
    prior->residual[0] = log(residual);
}

/* nlme::lme on log SBP: level and trend per decade by age and sex. */
static void fill_pressure(struct prior *prior)
{
    static const double effects[] = {4.881584,  0.049798,  -0.015661,
                                     -0.023604, -0.069320, -0.013731};
    assert_int_equal(prior->p * prior->k, 6);
    memcpy(prior->effects, effects, sizeof effects);
    pair(prior, 0.092853, 0.082560, 0.352, 0.125954);
}

/* nlme, maximum likelihood (Pinheiro and Bates, section 3.1, has the same by REML). */
static void fill_growth(struct prior *prior)
{
    prior->effects[0] = 149.3718;
    prior->effects[1] = 6.525467;
    pair(prior, 7.924, 1.6467, 0.642, 0.65989);
}

static void prevention__have_the_published_likelihoods(void **state)
{
    (void)state;
    double logs, cost = likelihood("prevention/blood_pressure", "nafld_bp/data.csv",
                                   fill_pressure, &logs);
    assert_near(-cost / 2 + logs, 12645.98901, 0.01);
    assert_near(likelihood("prevention/growth", "oxboys/data.csv", fill_growth, &logs),
                725.9677, 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prevention__have_the_published_likelihoods),
    };
    return folder_run(&(struct folder){
        .name = "prevention",
        .courses = courses,
        .course_count = FOLDER_COUNT(courses),
        .tests = tests,
        .test_count = FOLDER_COUNT(tests),
    });
}
