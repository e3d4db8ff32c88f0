#include "node/watch.h"

#include "base/memory.h"
#include "check.h"

static const char walk[] = "model walk version 1 \"t\"\ntime d\n"
                           "[parameters]\nlevel = 100 1 normal sd 8 drifts sd 3 per 1 d\n"
                           "[equations]\nheight = level\n"
                           "[observations]\nseen : height ~ add(4)\n"
                           "heard : level/2 ~ add(1)\n";

struct place {
    struct model *model;
    struct prior_layout layout;
    struct prior *prior;
    struct record *record;
};

/* Measured on days 0 to 4; the record counts in hours, and has something else, too. */
static void place_open(struct place *place)
{
    static const double values[] = {110, 113, 108, 150, 112};
    assert_ok(model_parse(walk, strlen(walk), "walk", &place->model));
    assert_ok(prior_layout(place->model, &place->layout));
    assert_ok(prior_from_model(place->model, &place->prior));
    place->record = record_new("anna", "h");
    for (size_t i = 0; i < 5; i++)
        assert_ok(record_measurement(place->record, 24 * (double)i, "seen", NULL,
                                     values[i], CENSORED_NOT, i));
    assert_ok(record_measurement(place->record, 50, "weight", "kg", 70, CENSORED_NOT, 9));
    record_sort(place->record);
}

static void place_close(struct place *place)
{
    record_destroy(&place->record);
    prior_destroy(&place->prior);
    model_destroy(&place->model);
}

static struct watch_question question_of(const struct place *place, double until)
{
    return (struct watch_question){.model = place->model,
                                   .layout = &place->layout,
                                   .prior = place->prior,
                                   .record = place->record,
                                   .until = until};
}

/* Kalman's filter for one number by hand: from the prior, 9 more variance a day. */
static void watch__is_the_filter_of_a_random_walk(void **state)
{
    (void)state;
    static const double values[] = {110, 113, 108, 150, 112};
    struct place place;
    struct json *json;
    place_open(&place);
    struct watch_question question = question_of(&place, -1);
    question.ahead = 2;
    assert_ok(watch_json(&question, &json));
    const struct json *rows = json_get(json, "readings"),
                      *drift = json_at(json_get(json, "drifts"), 0);
    assert_int_equal(json_count(rows), 5);
    assert_near(json_get_real(json, "known"), 0, 0);
    assert_near(json_get_real(json, "unknown"), 1, 0);
    assert_near(json_get_real(json, "set_aside"), 1, 0);
    double mean = 100, variance = 64, squares = 0;
    for (size_t i = 0; i < 5; i++) {
        const struct json *row = json_at(rows, i);
        variance += i ? 9 : 0;
        double s = variance + 16, off = values[i] - mean;
        assert_near(json_get_real(row, "time"), (double)i, 1e-12);
        assert_near(json_get_real(row, "predicted"), mean, 1e-6);
        assert_near(json_get_real(row, "sd"), sqrt(s), 1e-6);
        assert_near(json_get_real(row, "innovation"), off / sqrt(s), 1e-6);
        assert_near(json_get_real(row, "high_95") - json_get_real(row, "low_95"),
                    2 * 1.959964 * sqrt(s), 1e-4);
        if (i != 3) {
            squares += off * off;
            mean += variance / s * off;
            variance -= variance * variance / s;
        }
        assert_near(json_as_real(json_at(json_get(drift, "median"), i)), mean, 1e-6);
        assert_near(json_as_real(json_at(json_get(drift, "high_95"), i)),
                    mean + 1.959964 * sqrt(variance), 1e-4);
    }
    const struct json *errors = json_at(json_get(json, "errors"), 0),
                      *next = json_at(json_get(json, "next"), 1);
    assert_near(json_get_real(errors, "one_step"), sqrt(squares / 4), 1e-6);
    /* 110 two days before 108, 108 before 112; what is set aside is not counted */
    assert_near(json_get_real(errors, "last_value_ahead"), sqrt((4 + 16) / 2.0), 1e-9);
    assert_near(json_get_real(errors, "last_value_one_step"), sqrt((9 + 25 + 16) / 3.0),
                1e-9);
    assert_near(json_get_real(next, "time"), 6, 1e-12);
    assert_near(json_get_real(next, "predicted"), mean / 2, 1e-6);
    assert_near(json_get_real(next, "sd"), sqrt((variance + 18) / 4 + 1), 1e-6);
    json_destroy(&json);
    place_close(&place);
}

static void watch__fits_to_half_unless_it_is_told(void **state)
{
    (void)state;
    struct place place;
    struct json *json;
    place_open(&place);
    struct watch_question question = question_of(&place, NAN);
    assert_ok(watch_json(&question, &json));
    assert_near(json_get_real(json, "known"), 2, 0);
    assert_near(json_get_real(json, "start"), 1, 1e-12);
    assert_int_equal(json_count(json_get(json, "readings")), 3);
    assert_int_equal(json_count(json_get(json, "next")), 0);
    json_destroy(&json);
    question.until = 3;
    assert_ok(watch_json(&question, &json));
    assert_near(json_get_real(json, "known"), 4, 0);
    json_destroy(&json);
    question.until = 4;
    assert_refused(ERR_USAGE, "there is nothing to follow", watch_json(&question, &json));
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watch__is_the_filter_of_a_random_walk),
        cmocka_unit_test(watch__fits_to_half_unless_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
