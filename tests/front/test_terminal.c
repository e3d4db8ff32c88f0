#include "terminal.h"

#include "check.h"

static char *text;
static size_t size;

static struct progress begin(bool is_terminal, size_t width)
{
    return (struct progress){.stream = open_memstream(&text, &size),
                             .terminal = {.is_terminal = is_terminal, .width = width}};
}

static void end(struct progress *progress)
{
    fclose(progress->stream);
    free(text);
}

static const char *so_far(struct progress *progress)
{
    fflush(progress->stream);
    return text;
}

static void progress__draws_ten_times_a_second_after_the_first(void **state)
{
    (void)state;
    struct progress progress = begin(true, 80);
    for (uint64_t ms = 5000; ms < 6000; ms++)
        progress_move(&progress, ms, "fitting", ms - 5000, 10000);
    assert_string_equal(so_far(&progress), "");
    for (uint64_t ms = 6000; ms < 8000; ms++)
        progress_move(&progress, ms, "fitting", ms - 5000, 10000);
    size_t drawn = 0;
    for (const char *at = so_far(&progress); (at = strchr(at, '\r')); at++)
        drawn++;
    assert_int_equal(drawn, 20);
    /* The last of them, at 7900 ms: 2900 of 10000 in 2.9 s leave 7.1 s. */
    assert_string_equal(strrchr(text, '\r'),
                        "\r\033[Kfitting ###########........................... "
                        "2900 of 10000, 1000/s, 0:07 left");
    progress_move(&progress, 15000, "fitting", 10000, 10000);
    assert_string_equal(strrchr(so_far(&progress), '\r'),
                        "\r\033[Kfitting: 10000 in 0:10\n");
    end(&progress);
}

static void progress__fits_the_line(void **state)
{
    (void)state;
    for (size_t width = 20; width < 200; width++) {
        struct progress progress = begin(true, width);
        progress_move(&progress, 0, "a label of forty letters, as the longest", 0, 1000);
        progress_move(&progress, 2000, "a label of forty letters, as the longest", 7,
                      1000);
        size_t line = strlen(so_far(&progress)) - strlen("\r\033[K");
        size_t least = strlen("a label of forty letters, as the longest ");
        assert_true(line < width || line == least);
        end(&progress);
    }
}

static void progress__is_a_line_every_half_minute_where_no_terminal_is(void **state)
{
    (void)state;
    struct progress progress = begin(false, 80);
    for (uint64_t s = 0; s <= 70; s++)
        progress_move(&progress, s * 1000, "round 3", s, 100);
    assert_string_equal(so_far(&progress), "round 3: 30 of 100, 1/s, 1:10 left\n"
                                           "round 3: 60 of 100, 1/s, 0:40 left\n");
    progress_move(&progress, 100000, "round 3", 100, 100);
    assert_string_equal(so_far(&progress) + 70, "round 3: 100 in 1:40\n");
    end(&progress);
}

static void progress__short_work_says_nothing(void **state)
{
    (void)state;
    for (int is_terminal = 0; is_terminal < 2; is_terminal++) {
        struct progress progress = begin(is_terminal, 80);
        for (uint64_t i = 0; i <= 9; i++)
            progress_move(&progress, 100 * i, "short", i, 9);
        progress_clear(&progress);
        assert_string_equal(so_far(&progress), "");
        end(&progress);
    }
}

static void progress__the_next_work_begins_anew(void **state)
{
    (void)state;
    struct progress progress = begin(true, 80);
    progress_move(&progress, 0, "one", 0, 0);
    progress_move(&progress, 1500, "one", 3, 0);
    assert_string_equal(so_far(&progress), "\r\033[Kone 3, 2/s");
    progress_move(&progress, 1600, "two", 0, 0);
    assert_string_equal(so_far(&progress), "\r\033[Kone 3, 2/s\r\033[K");
    progress_move(&progress, 2500, "two", 1, 0); /* not a second old */
    assert_string_equal(so_far(&progress), "\r\033[Kone 3, 2/s\r\033[K");
    progress_move(&progress, 2600, "two", 0, 0); /* and going back is no disaster */
    assert_string_equal(so_far(&progress) + 18, "\r\033[Ktwo 0");
    end(&progress);
}

static void terminal__of_a_file_is_plain(void **state)
{
    (void)state;
    setenv("LC_ALL", "en_GB.UTF-8", 1);
    FILE *file = tmpfile();
    struct terminal terminal = terminal_of(fileno(file));
    fclose(file);
    assert_false(terminal.is_terminal || terminal.colour);
    assert_true(terminal.unicode);
    assert_int_equal(terminal.width, 80);
    setenv("LC_ALL", "C", 1);
    assert_false(terminal_of(-1).unicode);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress__draws_ten_times_a_second_after_the_first),
        cmocka_unit_test(progress__fits_the_line),
        cmocka_unit_test(progress__is_a_line_every_half_minute_where_no_terminal_is),
        cmocka_unit_test(progress__short_work_says_nothing),
        cmocka_unit_test(progress__the_next_work_begins_anew),
        cmocka_unit_test(terminal__of_a_file_is_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
