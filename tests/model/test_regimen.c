#include "check.h"

#include "base/memory.h"
#include "model/regimen.h"

static void regimen__reads_doses_with_their_units(void **state)
{
    (void)state;
    static const struct {
        const char *phrase;
        size_t count;
        double amount, last_time, duration;
    } good[] = {
        {"oral 320 mg @ 0 h", 1, 320, 0, -1},
        {"oral 0.5 g @ 90 min", 1, 0.5, 1.5, -1},
        {"oral 1 mg @ -1 d for 30 min", 1, 1, -24, 0.5},
        {"oral 1 mg @ 1 h for 0 h", 1, 1, 1, 0},
        {"oral 1 mg @ 6 h every 1 d 4 times", 4, 1, 78, -1},
        {" oral  1 mg @ 0 h for 2 h every 12 h 3 times ", 3, 1, 24, 2},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct record *r = record_new("p", "h");
        assert_ok(regimen_dose(good[i].phrase, 5, r));
        assert_int_equal(r->dose_count, good[i].count);
        const struct record_dose *last = &r->doses[r->dose_count - 1];
        assert_string_equal(last->input, "oral");
        assert_near(last->amount, good[i].amount, 0);
        assert_near(last->time, good[i].last_time, 1e-12);
        assert_near(last->duration, good[i].duration, 1e-12);
        assert_int_equal(r->doses[0].order, 5);
        record_destroy(&r);
    }
}

static void regimen__refuses_other_phrases_and_adds_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "oral",
        "oral 320 mg at 0 h",
        "oral 320mg @ 0 h",
        "oral x mg @ 0 h",
        "oral -1 mg @ 0 h",
        "oral 1 mg @ 0",
        "oral 1 mg @ x h",
        "oral 1 mg @ 0 mg",
        "oral 1 mg @ 0 h for 1",
        "oral 1 mg @ 0 h for -1 h",
        "oral 1 mg @ 0 h for 1 kg",
        "oral 1 mg @ 0 h every 1 d",
        "oral 1 mg @ 0 h every 1 d 0 times",
        "oral 1 mg @ 0 h every 0 d 2 times",
        "oral 1 mg @ 0 h every 1 d 10001 times",
        "oral 1 mg @ 0 h every 1 d 2.5 times",
        "oral 1 mg @ 0 h every 1 d 2 times and then some more words come",
    };
    struct record *r = record_new("p", "h");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(ERR_USAGE, "'", regimen_dose(bad[i], 0, r));
    assert_int_equal(r->dose_count, 0);
    record_destroy(&r);
}

static void regimen__reads_ranges_and_lists_of_times(void **state)
{
    (void)state;
    static const struct {
        const char *phrase;
        size_t count;
        double last;
    } good[] = {{"0:0.5:24", 49, 24}, {"0:0.1:0.3", 4, 0.3}, {"-1:1:1.5", 3, 1},
                {"5:1:5", 1, 5},      {"0,0.5,1,24", 4, 24}, {"7", 1, 7},
                {"-2,-1", 2, -1}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double *times;
        size_t count;
        assert_ok(regimen_times(good[i].phrase, &times, &count));
        assert_int_equal(count, good[i].count);
        assert_near(times[count - 1], good[i].last, 1e-12);
        mem_free(times);
    }
    static const char *const bad[] = {"",      "0:1",    "0:0:1",   "1:1:0", "0:1:2:3",
                                      "0:x:1", "0,0",    "1,0",     "1,,2",  "1,",
                                      "a",     "0:-1:5", "0:1e-9:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double *times;
        size_t count;
        assert_refused(ERR_USAGE, "is not FROM:STEP:TO",
                       regimen_times(bad[i], &times, &count));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regimen__reads_doses_with_their_units),
        cmocka_unit_test(regimen__refuses_other_phrases_and_adds_nothing),
        cmocka_unit_test(regimen__reads_ranges_and_lists_of_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
