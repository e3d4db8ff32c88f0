#include "front/svg.h"

#include "check.h"

/* How often `part` occurs. */
static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

/* The path data of the first element with this class. */
static const char *path_of(const char *svg, const char *class)
{
    static char data[4000];
    char mark[60];
    snprintf(mark, sizeof mark, "<path class=\"%s\"", class);
    const char *at = strstr(svg, mark);
    assert_non_null(at);
    at = strstr(at, " d=\"");
    assert_int_equal(sscanf(at, " d=\"%3999[^\"]", data), 1);
    return data;
}

static void svg__points_lie_where_their_values_put_them(void **state)
{
    (void)state;
    const double x[] = {0, 10, 5}, y[] = {0, 100, 50};
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_line(plot, NULL, x, y, 3);
    char *svg = svg_plot(plot);
    double px[3], py[3];
    assert_int_equal(sscanf(path_of(svg, "line s0"), "M%lf %lfL%lf %lfL%lf %lf", &px[0],
                            &py[0], &px[1], &py[1], &px[2], &py[2]),
                     6);
    /* The middle value is half way; y grows upward; everything is inside the picture. */
    assert_near(px[2], (px[0] + px[1]) / 2, 0.1);
    assert_near(py[2], (py[0] + py[1]) / 2, 0.1);
    assert_true(px[0] < px[1] && py[0] > py[1]);
    assert_true(px[0] > 0 && px[1] < 720 && py[1] > 0 && py[0] < 400);
    /* The label of 40 stands where a point of 40 would. */
    double tick;
    const char *label = strstr(svg, ">40</text>");
    assert_non_null(label);
    while (*label != '<')
        label--;
    assert_int_equal(sscanf(label, "<text x=\"%*f\" y=\"%lf\"", &tick), 1);
    assert_near(tick - 4, py[0] + 0.4 * (py[1] - py[0]), 0.2);
    free(svg);
    plot_destroy(&plot);
}

/* Band by band: the outer key once, the inner one twice; and both bands themselves. */
static void svg__an_inner_band_is_denser_in_the_legend_too(void **state)
{
    (void)state;
    const double x[] = {0, 1}, low[] = {-3, -3}, high[] = {3, 3};
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_band(plot, "95 %", x, low, high, 2);
    plot_band(plot, "80 %", x, low, high, 2);
    plot_line(plot, "centre", x, low, 2);
    char *svg = svg_plot(plot);
    assert_int_equal(count_of(svg, "class=\"band s0\""), 3 + 2);
    free(svg);
    plot_destroy(&plot);
}

static void svg__gaps_lift_the_pen(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2, 3, 4}, y[] = {1, 2, NAN, 2, 1}, up[] = {2, 3, 4, 3, 2};
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_band(plot, NULL, x, y, up, 5);
    plot_line(plot, NULL, x, y, 5);
    char *svg = svg_plot(plot);
    assert_int_equal(count_of(path_of(svg, "line s0"), "M"), 2);
    assert_int_equal(count_of(path_of(svg, "line s0"), "L"), 2);
    assert_int_equal(count_of(path_of(svg, "band s0"), "Z"), 2);
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
    free(svg);
    plot_destroy(&plot);
}

static void svg__bars_have_heights_in_proportion(void **state)
{
    (void)state;
    const char *names[] = {"one", "two <&>"};
    const double values[] = {1, 3}, more[] = {NAN, -1};
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_bars(plot, "first", names, values, 2);
    char *svg = svg_plot(plot);
    double from, to, end;
    const char *bars = strstr(svg, "</text>\n<path class=\"grid\"");
    assert_non_null(bars);
    bars = strstr(bars, "<path class=\"bar s0\"");
    assert_int_equal(
        sscanf(bars, "<path class=\"bar s0\" d=\"M%*f %lfL%*f %lfL", &from, &to), 2);
    bars = strstr(bars + 1, "<path class=\"bar s0\"");
    assert_int_equal(sscanf(bars, "<path class=\"bar s0\" d=\"M%*f %*fL%*f %lf", &end), 1);
    assert_near(from - end, 3 * (from - to), 0.4);
    assert_non_null(strstr(svg, ">two &lt;&amp;&gt;</text>"));
    free(svg);
    plot_bars(plot, "second", names, more, 2);
    svg = svg_plot(plot);
    assert_int_equal(count_of(svg, "class=\"bar s1\""), 2); /* legend and one bar */
    free(svg);
    plot_destroy(&plot);
}

static void svg__text_is_escaped_and_nothing_is_loaded(void **state)
{
    (void)state;
    struct plot *plot = plot_new("</svg><script>", "\"x\"", "a<b");
    const double one[] = {1};
    plot_points(plot, "<&>", one, one, 1);
    char *svg = svg_plot(plot);
    assert_null(strstr(svg, "<script"));
    assert_int_equal(count_of(svg, "</svg>"), 1);
    assert_int_equal(count_of(svg, "http"), 1); /* the namespace's name */
    assert_null(strstr(svg, "url("));
    assert_non_null(strstr(svg, ">&lt;&amp;&gt;</text>"));
    free(svg);
    plot_destroy(&plot);
}

static void svg__legend_takes_the_rows_it_needs(void **state)
{
    (void)state;
    const double one[] = {1, 2};
    struct plot *plot = plot_new("t", NULL, NULL);
    char *names[] = {"a rather long name of a series",
                     "another rather long name, longer still",
                     "a third name that will not fit beside the others"};
    for (size_t i = 0; i < 3; i++)
        plot_line(plot, names[i], one, one, 2);
    char *svg = svg_plot(plot);
    double y[3];
    for (size_t i = 0; i < 3; i++) {
        const char *label = strstr(svg, names[i]);
        while (*label != '<')
            label--;
        assert_int_equal(sscanf(label, "<text x=\"%*f\" y=\"%lf\"", &y[i]), 1);
    }
    assert_true(y[0] == y[1] && y[2] > y[1]);
    free(svg);
    plot_destroy(&plot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(svg__points_lie_where_their_values_put_them),
        cmocka_unit_test(svg__an_inner_band_is_denser_in_the_legend_too),
        cmocka_unit_test(svg__gaps_lift_the_pen),
        cmocka_unit_test(svg__bars_have_heights_in_proportion),
        cmocka_unit_test(svg__text_is_escaped_and_nothing_is_loaded),
        cmocka_unit_test(svg__legend_takes_the_rows_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
