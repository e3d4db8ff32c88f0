#include "base/clock.h"

#include <time.h>

#include "check.h"

static void clock__machine_agrees_with_the_system_and_never_goes_back(void **state)
{
    (void)state;
    time_t now = time(NULL);
    uint64_t wall = clock_wall(&clock_machine);
    assert_in_range(wall, (uint64_t)now, (uint64_t)now + 2);
    uint64_t last = clock_steady_ms(&clock_machine);
    for (int i = 0; i < 1000; i++) {
        uint64_t next = clock_steady_ms(&clock_machine);
        assert_true(next >= last);
        last = next;
    }
    uint64_t start = clock_steady_ms(&clock_machine);
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    assert_in_range(clock_steady_ms(&clock_machine) - start, 29, 5000);
}

static uint64_t fixed_wall(void *context)
{
    return *(uint64_t *)context;
}

static uint64_t fixed_steady(void *context)
{
    return *(uint64_t *)context * 1000;
}

static void clock__a_test_may_bring_its_own(void **state)
{
    (void)state;
    uint64_t time = 42;
    struct clock clock = {fixed_wall, fixed_steady, &time};
    assert_int_equal(clock_wall(&clock), 42);
    time = 43;
    assert_int_equal(clock_steady_ms(&clock), 43000);
}

/* Expected: date -u -d @SECONDS +%FT%TZ */
static void clock__text_is_utc(void **state)
{
    (void)state;
    const struct {
        uint64_t wall;
        const char *text;
    } rows[] = {{0, "1970-01-01T00:00:00Z"},
                {951827696, "2000-02-29T12:34:56Z"},
                {1795554180, "2026-11-24T21:03:00Z"},
                {4102444800, "2100-01-01T00:00:00Z"},
                {253402300799, "9999-12-31T23:59:59Z"},
                {UINT64_MAX, "9999-12-31T23:59:59Z"}};
    setenv("TZ", "America/New_York", 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[CLOCK_TEXT_SIZE];
        clock_text(rows[i].wall, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock__machine_agrees_with_the_system_and_never_goes_back),
        cmocka_unit_test(clock__a_test_may_bring_its_own),
        cmocka_unit_test(clock__text_is_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
