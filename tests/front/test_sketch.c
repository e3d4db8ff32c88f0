#include "front/sketch.h"

#include "base/bytes.h"

#include "check.h"

static struct plot *curve(void)
{
    static double x[25], y[25], low[25], high[25];
    for (int i = 0; i < 25; i++) {
        x[i] = i;
        y[i] = i * (24 - i) / 14.4;
        low[i] = y[i] - 1;
        high[i] = y[i] + 1;
    }
    struct plot *plot = plot_new("A curve", "time [h]", "level [mg/L]");
    plot_band(plot, "interval", x, low, high, 25);
    plot_line(plot, "curve", x, y, 25);
    plot_rule(plot, "limit", 11);
    return plot;
}

static void check(const struct plot *plot, struct sketch_paper paper,
                  const char *expected)
{
    char *text = sketch_plot(plot, &paper);
    assert_string_equal(text, expected);
    free(text);
}

static void sketch__draws_with_ascii_alone(void **state)
{
    (void)state;
    struct plot *plot = curve();
    check(plot, (struct sketch_paper){.width = 44, .height = 16},
          "A curve\n"
          "level [mg/L]\n"
          "  |-----------------------------------------\n"
          "10|             :::*********:::\n"
          "  |          ::****         ****::\n"
          "  |        :***                 ***:\n"
          "  |      :**                       **:\n"
          " 5|    :**                           **:\n"
          "  |   **                               **\n"
          "  | :*:                                 :*:\n"
          " 0| *                                     *\n"
          "  |\n"
          "  +-----------------------------------------\n"
          "   0               10              20\n"
          "                                    time [h]\n"
          ": interval   * curve   - limit\n");
    plot_destroy(&plot);
}

static void sketch__an_inner_band_is_denser(void **state)
{
    (void)state;
    const double x[] = {0, 1}, low[] = {-3, -3}, high[] = {3, 3}, less[] = {-1, -1},
                 more[] = {1, 1}, line[] = {0, 0};
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_band(plot, "95 %", x, low, high, 2);
    plot_band(plot, "80 %", x, less, more, 2);
    plot_line(plot, "centre", x, line, 2);
    struct sketch_paper paper = {.width = 40, .height = 16};
    char *text = sketch_plot(plot, &paper);
    assert_non_null(strstr(text, "::::::::::"));
    assert_non_null(strstr(text, "%%%%%%%%%%"));
    assert_non_null(strstr(text, ": 95 %   % 80 %   * centre\n"));
    free(text);
    plot_destroy(&plot);
}

static void sketch__never_leaves_the_paper(void **state)
{
    (void)state;
    for (size_t width = 1; width < 150; width += 3) {
        for (int unicode = 0; unicode < 2; unicode++) {
            struct plot *plot = curve();
            struct sketch_paper paper = {width, width / 2, unicode, false};
            char *text = sketch_plot(plot, &paper), *rest = text;
            size_t rows = 0, most = width < 40 ? 40 : width;
            assert_true(text[strlen(text) - 1] == '\n');
            for (char *line; (line = strsep(&rest, "\n")); rows++)
                assert_true(bytes_utf8_count(line, strlen(line)) <= most);
            assert_true(rows - 1 <= (width / 2 < 8 ? 8 : width / 2));
            free(text);
            plot_destroy(&plot);
        }
    }
}

static void sketch__one_line_is_braille(void **state)
{
    (void)state;
    const double x[] = {0, 1}, y[] = {0, 1};
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_line(plot, NULL, x, y, 2);
    check(plot, (struct sketch_paper){.width = 40, .height = 9, .unicode = true},
          "t\n"
          "1.0┤                               ⢀⣀⠤⠤⠂\n"
          "   │                        ⢀⣀⡠⠤⠒⠒⠉⠁\n"
          "0.5┤                  ⣀⡠⠤⠔⠒⠉⠁\n"
          "   │           ⢀⣀⠤⠔⠒⠊⠉\n"
          "   │    ⢀⣀⠤⠤⠒⠊⠉⠁\n"
          "0.0┤⠠⠒⠒⠉⠁\n"
          "   └────────────────────────────────────\n"
          "    0.0             0.5              1.0\n");
    plot_destroy(&plot);
}

static void sketch__bars_are_in_proportion(void **state)
{
    (void)state;
    const char *names[] = {"Nord", "Süd", "a clinic with a long name"};
    const double values[] = {10, 5, 0.4}, others[] = {2.5, NAN, -3};
    struct plot *plot = plot_new("Patients", NULL, NULL);
    plot_bars(plot, "now", names, values, 3);
    plot_bars(plot, "before", names, others, 3);
    plot_rule(plot, "cap", 12);
    struct sketch_paper paper = {.width = 60, .height = 10};
    char *text = sketch_plot(plot, &paper);
    const char *bar = strchr(text, '|') + 1;
    size_t ten = strspn(bar, "*");
    bar = strstr(text, "\xc3\xbc"
                       "d");
    bar = strchr(bar, '|') + 1;
    assert_int_equal(strspn(bar, "*"), (ten + 1) / 2);
    assert_non_null(strstr(text, "a clinic with a long |* 0.4\n"));
    assert_non_null(strstr(text, "| -3\n"));
    assert_non_null(strstr(text, "* now   o before   - cap: 12\n"));
    free(text);
    paper.unicode = true;
    text = sketch_plot(plot, &paper);
    assert_non_null(strstr(text, "█"));
    assert_non_null(strstr(text, "▒ before"));
    free(text);
    plot_destroy(&plot);
}

static void sketch__colour_is_switched_off_again(void **state)
{
    (void)state;
    struct plot *plot = curve();
    struct sketch_paper paper = {80, 20, true, true};
    char *text = sketch_plot(plot, &paper);
    size_t on = 0, off = 0;
    for (const char *at = text; (at = strstr(at, "\033[")); at++) {
        on += at[2] == '3';
        off += at[2] == '0';
    }
    assert_true(on > 50 && on == off);
    free(text);
    plot_destroy(&plot);
}

static void sketch__survives_any_data(void **state)
{
    (void)state;
    const double odd[] = {NAN, INFINITY, -INFINITY, 1e308, -1e308, 0, 5e-324};
    struct plot *plot = plot_new("", NULL, NULL);
    plot_band(plot, "", odd, odd, odd, 7);
    plot_line(plot, "", odd, odd, 7);
    plot_points(plot, "", odd, odd, 7);
    plot_rule(plot, "", NAN);
    struct sketch_paper paper = {80, 20, true, false};
    free(sketch_plot(plot, &paper));
    plot_destroy(&plot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sketch__draws_with_ascii_alone),
        cmocka_unit_test(sketch__an_inner_band_is_denser),
        cmocka_unit_test(sketch__never_leaves_the_paper),
        cmocka_unit_test(sketch__one_line_is_braille),
        cmocka_unit_test(sketch__bars_are_in_proportion),
        cmocka_unit_test(sketch__colour_is_switched_off_again),
        cmocka_unit_test(sketch__survives_any_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
