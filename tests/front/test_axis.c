#include "axis.h"

#include "check.h"

/* "0 5 10" - the ticks as they would be labelled. */
static const char *ticks_of(struct axis axis, size_t most)
{
    static char all[600];
    double ticks[AXIS_TICKS_MAX];
    size_t count = axis_ticks(&axis, most, ticks);
    double step = count > 1 ? ticks[1] - ticks[0] : 0;
    all[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        char label[AXIS_LABEL_SIZE];
        axis_label(ticks[i], step, label);
        if (i)
            strcat(all, " ");
        strcat(all, label);
    }
    return all;
}

static void axis__ticks_are_where_people_expect_them(void **state)
{
    (void)state;
    assert_string_equal(ticks_of((struct axis){0, 24}, 8), "0 5 10 15 20");
    assert_string_equal(ticks_of((struct axis){0, 24}, 12), "0 2 4 6 8 10 12 14 16 18 20 "
                                                            "22 24");
    assert_string_equal(ticks_of((struct axis){-1.06, 1.06}, 6), "-1.0 -0.5 0.0 0.5 1.0");
    assert_string_equal(ticks_of((struct axis){0.9971, 1.0024}, 6),
                        "0.998 0.999 1.000 1.001 1.002");
    assert_string_equal(ticks_of((struct axis){0, 3.1e7}, 4), "0 1e7 2e7 3e7");
    assert_string_equal(ticks_of((struct axis){0, 3.1e-7}, 4), "0 1e-7 2e-7 3e-7");
    assert_string_equal(ticks_of((struct axis){120, 140}, 5), "120 125 130 135 140");
}

static void axis__leaves_room_and_survives_any_data(void **state)
{
    (void)state;
    struct axis axis = axis_around(0, 10, 0.05);
    assert_near(axis.low, -0.5, 1e-12);
    assert_near(axis.high, 10.5, 1e-12);
    assert_near(axis_place(&axis, 5), 0.5, 1e-12);
    const double data[][2] = {
        {INFINITY, -INFINITY}, {0, 0},           {7, 7},           {-7, -7},
        {1e16, 1e16},          {1e-300, 1e-300}, {1e16, 1e16 + 2}, {-1e308, 1e308}};
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
        double ticks[AXIS_TICKS_MAX];
        axis = axis_around(data[i][0], data[i][1], 0.05);
        assert_true(axis.low < axis.high);
        assert_true(axis_ticks(&axis, 6, ticks) <= AXIS_TICKS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axis__ticks_are_where_people_expect_them),
        cmocka_unit_test(axis__leaves_room_and_survives_any_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
