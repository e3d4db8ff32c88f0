#include "drawing.h"

#include <math.h>

#include "check.h"

/* A pen that notes what it is told, so that geometry can be held to the values. */
struct notes {
    struct run {
        enum mark mark;
        double x[8], y[8];
        size_t count;
        bool closed;
    } marks[200];
    size_t count;
    bool down;
    double text_x[60], text_y[60];
    char texts[60][40];
    size_t text_count;
};

static void begin(void *context, enum mark mark, size_t look,
                  const double dashes[DRAWING_DASHES])
{
    struct notes *notes = context;
    assert_false(notes->down);
    assert_true(look < PLOT_SERIES_MAX && dashes[0] >= 0);
    assert_true(notes->count < 200);
    notes->marks[notes->count] = (struct run){.mark = mark};
    notes->down = true;
}

static void place(struct notes *notes, double x, double y)
{
    struct run *run = &notes->marks[notes->count];
    assert_true(notes->down && isfinite(x) && isfinite(y));
    assert_in_set(
        (unsigned long)(x >= 0 && x <= DRAWING_WIDTH && y >= 0 && y <= DRAWING_HEIGHT),
        (const unsigned long[]){1}, 1);
    if (run->count < 8) {
        run->x[run->count] = x;
        run->y[run->count++] = y;
    }
}

static void move(void *context, double x, double y)
{
    place(context, x, y);
}

static void line(void *context, double x, double y)
{
    assert_true(((struct notes *)context)->marks[((struct notes *)context)->count].count);
    place(context, x, y);
}

static void close_run(void *context)
{
    struct notes *notes = context;
    notes->marks[notes->count].closed = true;
}

static void end(void *context)
{
    struct notes *notes = context;
    assert_true(notes->down);
    notes->down = false;
    notes->count++;
}

static void text_at(void *context, double x, double y, enum lettering lettering,
                    enum anchor anchor, double degrees, const char *text)
{
    struct notes *notes = context;
    (void)lettering, (void)anchor, (void)degrees;
    assert_true(notes->text_count < 60);
    notes->text_x[notes->text_count] = x;
    notes->text_y[notes->text_count] = y;
    snprintf(notes->texts[notes->text_count++], sizeof notes->texts[0], "%s", text);
}

static const struct notes *draw(const struct plot *plot)
{
    static struct notes notes;
    notes = (struct notes){0};
    drawing_plot(plot, &(struct pen){.context = &notes,
                                     .begin = begin,
                                     .move = move,
                                     .line = line,
                                     .close = close_run,
                                     .end = end,
                                     .text = text_at});
    return &notes;
}

static const struct run *mark_of(const struct notes *notes, enum mark mark, size_t which)
{
    for (size_t i = 0; i < notes->count; i++)
        if (notes->marks[i].mark == mark && which-- == 0)
            return &notes->marks[i];
    fail_msg("no such mark");
    return NULL;
}

/* On the axis of logarithms that the labels state, or the linear one: places are
 * proportional. */
static void drawing__places_are_proportional_to_values(void **state)
{
    (void)state;
    const double x[] = {0, 10, 5}, y[] = {0, 100, 25};
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_line(plot, NULL, x, y, 3);
    const struct run *run = mark_of(draw(plot), MARK_LINE, 0);
    assert_int_equal(run->count, 3);
    assert_near(run->x[2] - run->x[0], 0.5 * (run->x[1] - run->x[0]), 1e-9);
    assert_near(run->y[2] - run->y[0], 0.25 * (run->y[1] - run->y[0]), 1e-9);
    assert_true(run->y[1] < run->y[0]); /* downward grows, values grow upward */
    plot_destroy(&plot);
}

static void drawing__bars_stand_on_zero_with_heights_in_proportion(void **state)
{
    (void)state;
    const char *names[] = {"a", "b"};
    const double values[] = {2, -1};
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_bars(plot, NULL, names, values, 2);
    const struct notes *notes = draw(plot);
    const struct run *up = mark_of(notes, MARK_BAR, 0),
                     *down = mark_of(notes, MARK_BAR, 1);
    assert_true(up->closed && up->count == 4);
    assert_near(up->y[0], down->y[0], 1e-9);
    assert_near(up->y[0] - up->y[1], 2 * (down->y[1] - down->y[0]), 1e-9);
    plot_destroy(&plot);
}

/* Text of a tick stands where a value of it would. */
static void drawing__labels_stand_at_their_values(void **state)
{
    (void)state;
    const double x[] = {0, 10}, y[] = {0, 100};
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_line(plot, NULL, x, y, 2);
    const struct notes *notes = draw(plot);
    const struct run *run = mark_of(notes, MARK_LINE, 0);
    bool found = false;
    for (size_t i = 0; i < notes->text_count; i++) {
        if (strcmp(notes->texts[i], "40") != 0)
            continue;
        assert_near(notes->text_y[i] - 4, run->y[0] + 0.4 * (run->y[1] - run->y[0]),
                    1e-9);
        found = true;
    }
    assert_true(found);
    plot_destroy(&plot);
}

static void drawing__a_gap_ends_a_band_and_draws_nothing(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2}, low[] = {NAN, NAN, NAN}, high[] = {1, 2, 3};
    struct plot *plot = plot_new("t", NULL, NULL);
    plot_band(plot, NULL, x, low, high, 3);
    plot_points(plot, NULL, x, low, 3);
    const struct notes *notes = draw(plot);
    assert_int_equal(mark_of(notes, MARK_BAND, 0)->count, 0);
    assert_int_equal(mark_of(notes, MARK_DOTS, 0)->count, 0);
    plot_destroy(&plot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawing__places_are_proportional_to_values),
        cmocka_unit_test(drawing__bars_stand_on_zero_with_heights_in_proportion),
        cmocka_unit_test(drawing__labels_stand_at_their_values),
        cmocka_unit_test(drawing__a_gap_ends_a_band_and_draws_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
