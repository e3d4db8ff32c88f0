#include "check.h"

#include "sim/student.h"

/* t with a probability of 0.05 and 0.01 beyond it on both sides (Fisher and Yates, Table
 * III). */
static void student__quantiles_are_those_of_the_table(void **state)
{
    (void)state;
    static const struct {
        double dof, t05, t01;
    } table[] = {
        {1, 12.706, 63.657}, {2, 4.303, 9.925},  {5, 2.571, 4.032},
        {10, 2.228, 3.169},  {30, 2.042, 2.750}, {120, 1.980, 2.617},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        double t05 = student_quantile(table[i].dof, 0.05);
        assert_near(t05, table[i].t05, 6e-4);
        assert_near(student_quantile(table[i].dof, 0.01), table[i].t01, 6e-4);
        assert_near(student_two_sided(table[i].dof, -t05), 0.05, 1e-14);
    }
}

/* Abramowitz and Stegun, 26.7.3 and 26.7.4: one degree is Cauchy's distribution, and so
 * on; very many are the normal one. Between whole numbers it falls. */
static void student__has_its_closed_forms(void **state)
{
    (void)state;
    for (double t = 0; t < 60; t = 1.3 * t + 0.01) {
        assert_near(student_two_sided(1, t), 1 - 2 * atan(t) / M_PI, 1e-13);
        assert_near(student_two_sided(2, t), 1 - t / sqrt(2 + t * t), 1e-13);
        double angle = atan(t / sqrt(5)), c = cos(angle);
        assert_near(student_two_sided(5, t),
                    1 - 2 / M_PI * (angle + sin(angle) * c * (1 + 2 * c * c / 3)), 1e-13);
        assert_near(student_two_sided(1e9, t), erfc(t / sqrt(2)), 1e-8);
        assert_true(t == 0 || student_two_sided(7.5, t) < student_two_sided(7, t));
        assert_true(t == 0 || student_two_sided(7.5, t) > student_two_sided(8, t));
    }
    assert_true(student_two_sided(3, INFINITY) == 0 && student_two_sided(3, 0) == 1);
    assert_true(isnan(student_two_sided(NAN, 1)) && isnan(student_quantile(3, NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(student__quantiles_are_those_of_the_table),
        cmocka_unit_test(student__has_its_closed_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
