#include "front/plot.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "plot_impl.h"

static const double x[] = {0, 1, 2, 3}, y[] = {5, NAN, -1, INFINITY}, up[] = {6, 7, 8, 9};

static void plot__axes_hold_everything_finite(void **state)
{
    (void)state;
    struct plot *plot = plot_new("t", "x", "");
    struct axis ax, ay;
    plot_axes(plot, &ax, &ay);
    assert_true(ax.low == 0 && ax.high == 1 && ay.low == 0 && ay.high == 1);
    plot_line(plot, "line", x, y, 4);
    plot_axes(plot, &ax, &ay);
    assert_true(ax.low < 0 && ax.high > 3 && ax.high < 3.2);
    assert_true(ay.low < -1 && ay.high > 5 && ay.high < 6);
    plot_band(plot, NULL, x, y, up, 4);
    plot_rule(plot, NULL, -20);
    plot_axes(plot, &ax, &ay);
    assert_true(ay.high > 9 && ay.low < -20);
    plot_destroy(&plot);
    assert_null(plot);
    plot_destroy(&plot);
}

static void plot__bars_stand_on_zero(void **state)
{
    (void)state;
    const char *names[] = {"a", "b", "c"};
    const double low[] = {3, 4, 5}, mixed[] = {-3, 4, NAN};
    struct plot *plot = plot_new("t", NULL, NULL);
    struct axis ax, ay;
    plot_bars(plot, NULL, names, low, 3);
    plot_axes(plot, &ax, &ay);
    assert_true(ay.low == 0 && ay.high > 5);
    assert_true(ax.low == 0 && ax.high == 3);
    plot_bars(plot, NULL, names, mixed, 3);
    plot_axes(plot, &ax, &ay);
    assert_true(ay.low < -3);
    plot_destroy(&plot);
}

static void plot__a_band_looks_like_the_series_after_it(void **state)
{
    (void)state;
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_line(plot, NULL, x, y, 4);
    plot_band(plot, NULL, x, y, up, 4);
    plot_points(plot, NULL, x, y, 4);
    assert_int_equal(plot->series[1].look, 1);
    assert_int_equal(plot->series[2].look, 1);
    plot_destroy(&plot);
}

/* What a caller must not do ends the process. */
static bool aborts(void (*wrong)(void))
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        wrong();
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void bars_and_line(void)
{
    struct plot *plot = plot_new("t", NULL, NULL);
    const char *names[] = {"a", "b", "c", "d"};
    plot_bars(plot, NULL, names, up, 4);
    plot_line(plot, NULL, x, y, 4);
}

static void too_many(void)
{
    struct plot *plot = plot_new("t", NULL, NULL);
    for (size_t i = 0; i <= PLOT_SERIES_MAX; i++)
        plot_line(plot, NULL, x, y, 4);
}

static void plot__misuse_aborts(void **state)
{
    (void)state;
    assert_true(aborts(bars_and_line));
    assert_true(aborts(too_many));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plot__axes_hold_everything_finite),
        cmocka_unit_test(plot__bars_stand_on_zero),
        cmocka_unit_test(plot__a_band_looks_like_the_series_after_it),
        cmocka_unit_test(plot__misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
