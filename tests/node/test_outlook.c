#include "node/outlook.h"

#include <math.h>

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
static void place_open_text(struct place *place, const char *text)
{
    assert_ok(model_parse(text, strlen(text), "line", &place->model));
    assert_ok(prior_layout(place->model, &place->layout));
    assert_ok(prior_from_model(place->model, &place->prior));
    place->record = record_new("anna", "h");
    for (size_t i = 0; i < 4; i++)
        assert_ok(record_measurement(place->record, 24 * (double)i, "seen", NULL,
                                     110 + 3 * (double)i, CENSORED_NOT, i));
}

static void place_open(struct place *place)
{
    place_open_text(place, line);
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
    const struct json *posterior = json_get(json, "posterior");
    assert_near(json_get_real(posterior, "shared"), 1, 1e-6);
    assert_near(json_get_real(posterior, "modes"), 1, 0);
    assert_near(json_get_real(posterior, "draws"), 0, 0);
    json_destroy(&json);
    place_close(&place);
}

/* A level squared has two roots: a forecast of the level itself lies at neither side
 * alone, and says so. */
static void outlook__says_where_a_posterior_is_not_normal(void **state)
{
    (void)state;
    static const char square[] = "model square version 1 \"t\"\ntime d\n"
                                 "[parameters]\nlevel = 0.5 1 normal sd 8\n"
                                 "[equations]\nf = if(time < 0.5 d, level*level, level)\n"
                                 "[observations]\nseen : f ~ add(3)\n";
    struct place place;
    struct json *json;
    place_open_text(&place, square);
    struct outlook_question question = question_of(&place, 0.5);
    assert_ok(outlook_json(&question, &json));
    const struct json *posterior = json_get(json, "posterior"),
                      *last = json_at(json_get(json, "forecast"), 2);
    assert_near(json_get_real(posterior, "modes"), 2, 0);
    assert_true(json_get_real(posterior, "shared") < 0.8);
    assert_true(json_get_real(posterior, "draws") == 200);
    assert_true(json_get_real(posterior, "effective") > 150);
    assert_true(json_get_real(last, "low_95") < -10 &&
                json_get_real(last, "high_95") > 10);
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

/* Until day 0.5 nothing is known of the slope but the prior, N(2, 1): from then to day 3
 * it rises by 2.5 of it. One reading's likelihood cannot move it: it was at time 0. */
static void outlook__says_what_the_course_ahead_comes_to(void **state)
{
    (void)state;
    struct place place;
    struct json *json;
    char *text = mem_format("%s[outcomes]\nrise = end(height) - start(height)\n"
                            "never = first(height > 1000)\n",
                            line);
    place_open_text(&place, text);
    struct outlook_question question = question_of(&place, 0.5);
    assert_ok(outlook_json(&question, &json));
    const struct json *list = json_get(json, "outcomes"), *rise = json_at(list, 0);
    double z = 1.6448536269514722, se = 2.5 * 2.1 / sqrt(100);
    assert_int_equal(json_count(list), 2);
    assert_string_equal(json_get_text(rise, "name"), "rise");
    assert_near(json_as_real(json_at(json_get(rise, "from"), 0)), 0.5, 0);
    assert_near(json_as_real(json_at(json_get(rise, "to"), 0)), 3, 0);
    assert_near(json_as_real(json_at(json_get(rise, "mode"), 0)), 5, 1e-6);
    assert_near(json_as_real(json_at(json_get(rise, "median"), 0)), 5, 3 * se);
    assert_near(json_as_real(json_at(json_get(rise, "high_90"), 0)), 5 + 2.5 * z, 3 * se);
    assert_near(json_as_real(json_at(json_get(rise, "low_90"), 0)), 5 - 2.5 * z, 3 * se);
    assert_near(json_as_real(json_at(json_get(json_at(list, 1), "missing"), 0)), 1, 0);
    json_destroy(&json);
    place_close(&place);
    mem_free(text);
    /* Where it is not finite, the forecast stays. */
    text = mem_format("%s[outcomes]\nrise = max(1/(height - height))\n", line);
    place_open_text(&place, text);
    question = question_of(&place, 0.5);
    assert_ok(outlook_json(&question, &json));
    assert_null(json_get(json, "outcomes"));
    assert_true(strstr(json_get_text(json, "no_outcomes"), "is not finite") != NULL);
    assert_int_equal(json_count(json_get(json, "forecast")), 3);
    json_destroy(&json);
    place_close(&place);
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outlook__forecasts_what_was_measured_later),
        cmocka_unit_test(outlook__says_where_a_posterior_is_not_normal),
        cmocka_unit_test(outlook__forecasts_when_it_is_told),
        cmocka_unit_test(outlook__says_what_the_course_ahead_comes_to),
    };
    return cmocka_run_group_tests_name("outlook", tests, NULL, NULL);
}
