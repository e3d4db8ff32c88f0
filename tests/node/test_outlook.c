#include "node/outlook.h"

#include "base/memory.h"
#include "check.h"

static const char line[] = "model line version 1 \"t\"\ntime d\n"
                           "[parameters]\nlevel = 100 1 normal sd 8\n"
                           "slope = 2 1 normal sd 1\n"
                           "[equations]\nheight = level + slope*time/(1 d)\n"
                           "[observations]\nseen : height ~ add(3)\n";

struct place {
    struct model *model;
    struct prior_layout layout;
    struct prior *prior;
    struct record *record;
};

/* Measured on days 0, 1, 2 and 3; the record counts in hours. */
static void place_open(struct place *place)
{
    assert_ok(model_parse(line, strlen(line), "line", &place->model));
    assert_ok(prior_layout(place->model, &place->layout));
    assert_ok(prior_from_model(place->model, &place->prior));
    place->record = record_new("anna", "h");
    for (size_t i = 0; i < 4; i++)
        assert_ok(record_measurement(place->record, 24 * (double)i, "seen", NULL,
                                     110 + 3 * (double)i, CENSORED_NOT, i));
}

static void place_close(struct place *place)
{
    record_destroy(&place->record);
    prior_destroy(&place->prior);
    model_destroy(&place->model);
}

static struct outlook_question question_of(const struct place *place, double until)
{
    return (struct outlook_question){.model = place->model,
                                     .layout = &place->layout,
                                     .prior = place->prior,
                                     .record = place->record,
                                     .until = until};
}

/* Of one measurement at 0: posterior level 100 + 10 * 64/73, variance 64 * 9/73; slope as
 * in the prior. */
static void outlook__forecasts_what_was_measured_later(void **state)
{
    (void)state;
    struct place place;
    struct json *json;
    place_open(&place);
    struct outlook_question question = question_of(&place, 0.5);
    assert_ok(outlook_json(&question, &json));
    const struct json *rows = json_get(json, "forecast"), *last = json_at(rows, 2);
    assert_int_equal(json_count(rows), 3);
    assert_near(json_get_real(json, "known"), 1, 0);
    assert_near(json_get_real(last, "time"), 3, 1e-12);
    assert_near(json_get_real(last, "measured"), 119, 0);
    assert_near(json_get_real(last, "forecast"), 100 + 10 * 64.0 / 73 + 6, 1e-6);
    assert_near(json_get_real(last, "sd"), sqrt(64 * 9 / 73.0 + 9 + 9), 1e-6);
    assert_int_equal(json_count(json_get(json, "measured")), 4);
    json_destroy(&json);
    place_close(&place);
}

static void outlook__forecasts_when_it_is_told(void **state)
{
    (void)state;
    struct place place;
    struct json *json;
    const double times[] = {3, 5, 7};
    place_open(&place);
    struct outlook_question question = question_of(&place, INFINITY);
    assert_refused(ERR_USAGE, "nothing was measured later",
                   outlook_json(&question, &json));
    question.times = times;
    question.time_count = 3;
    assert_ok(outlook_json(&question, &json));
    const struct json *rows = json_get(json, "forecast"),
                      *curve = json_at(json_get(json, "curves"), 0);
    assert_near(json_get_real(json, "known"), 4, 0);
    assert_int_equal(json_count(rows), 3);
    assert_null(json_get(json_at(rows, 0), "measured"));
    /* The curve ends in the last forecast. */
    const struct json *centre = json_get(curve, "forecast");
    assert_near(json_as_real(json_at(centre, json_count(centre) - 1)),
                json_get_real(json_at(rows, 2), "forecast"), 1e-9);
    json_destroy(&json);
    const double early[] = {2, 5};
    question.times = early;
    question.time_count = 2;
    assert_refused(ERR_RANGE, "before what is known", outlook_json(&question, &json));
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outlook__forecasts_what_was_measured_later),
        cmocka_unit_test(outlook__forecasts_when_it_is_told),
    };
    return cmocka_run_group_tests_name("outlook", tests, NULL, NULL);
}
