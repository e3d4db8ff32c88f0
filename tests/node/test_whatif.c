/* Alternatives for one patient, beside closed forms. */

#include "node/whatif.h"

#include <math.h>

#include "base/memory.h"
#include "base/normal.h"
#include "check.h"
#include "model/outcome.h"
#include "model/regimen.h"

/* AUC = dose/CL and the peak dose/V, by a bolus of which nothing is left at the end. */
static const char text[] =
    "model bolus version 1\ntime h\n[parameters]\nCL = 3 L/h (0.01, 999) lognormal sd "
    "0.3\n"
    "V = 10 L (1, 99) fixed\nhours = 12 h (1, 99) fixed\n"
    "[covariates]\nWT 1 default 1\nDIET 1 locf default 1\n"
    "[doses]\niv -> A mg\n[equations]\nd/dt(A) = -CL*DIET/V*A\nc = A*WT/V\n"
    "[observations]\nlevel : c ~ prop(0.1)\n"
    "[outcomes]\nexposure = auc(c)\npeak = max(c)\nhigh = first(c > 15 [mg/L])\n"
    "daily = max(c) per 24 h\ntail = end(c) over last 24 h*DIET\n"
    "[plausible]\nauc(c) < 50 [mg*h/L]\n"
    "[what-if]\niv range 0 .. 400 mg step 50\nV range 5 .. 20 L\nDIET range 0.5 .. 2 1\n"
    "WT range 1 .. 3 1 step 1\n";

struct place {
    struct model *model;
    struct prior_layout layout;
    struct prior *prior;
    struct record *record;
};

/* 1000 mg long ago, which were not measured, and 100 mg planned at 200 h. */
static void place_open(struct place *place, const char *model)
{
    assert_ok(model_parse(model, strlen(model), "bolus", &place->model));
    assert_ok(prior_layout(place->model, &place->layout));
    assert_ok(prior_from_model(place->model, &place->prior));
    place->record = record_new("anna", "h");
    assert_ok(regimen_dose("iv 1000 mg @ 0 h", 0, place->record));
    assert_ok(regimen_dose("iv 100 mg @ 200 h", 1, place->record));
}

static void place_close(struct place *place)
{
    record_destroy(&place->record);
    prior_destroy(&place->prior);
    model_destroy(&place->model);
}

static const double times[] = {192, 200, 201, 240, 288, 480};

static struct whatif_question question_of(const struct place *place)
{
    return (struct whatif_question){.model = place->model,
                                    .layout = &place->layout,
                                    .prior = place->prior,
                                    .record = place->record,
                                    .until = 192,
                                    .times = times,
                                    .time_count = 6,
                                    .draws = 4000};
}

static const struct json *plan_of(const struct json *json, const char *name)
{
    const struct json *list = json_get(json, "alternatives");
    for (size_t i = 0; i < json_count(list); i++)
        if (strcmp(json_get_text(json_at(list, i), "plan"), name) == 0)
            return json_at(list, i);
    fail_msg("no plan called %s", name);
    return NULL;
}

/* A number of an outcome, in one of its windows. */
static double outcome(const struct json *plan, const char *name, const char *key,
                      size_t window)
{
    const struct json *list = json_get(plan, "outcomes");
    for (size_t i = 0; i < json_count(list); i++)
        if (strcmp(json_get_text(json_at(list, i), "name"), name) == 0)
            return json_as_real(json_at(json_get(json_at(list, i), key), window));
    fail_msg("no outcome called %s", name);
    return NAN;
}

/* log CL ~ N(log 3, 0.3^2): quantiles, and a probability that is one of them; what was
 * given before now counts for nothing. */
static void whatif__is_what_the_distribution_of_clearance_says(void **state)
{
    (void)state;
    static const char *const doses[] = {"iv 300 mg @ 200 h"};
    static const char *const wants[] = {"auc(c) > 110 [mg*h/L]", "max(c) > 29 [mg/L]"};
    struct place place;
    struct json *json;
    place_open(&place, text);
    struct whatif_question q = question_of(&place);
    q.doses = doses;
    q.dose_count = 1;
    q.wants = wants;
    q.want_count = 2;
    assert_ok(whatif_json(&q, &json));
    const struct json *planned = plan_of(json, "as planned"),
                      *other = plan_of(json, "iv 300 mg @ 200 h");
    double z = normal_quantile(0.95), se = 0.3 * 2.1 / sqrt(2000);
    assert_near(outcome(planned, "exposure", "median", 0), 100 / 3.0, 4 * se * 33);
    assert_near(outcome(other, "exposure", "mode", 0), 100, 1e-5);
    assert_near(outcome(other, "exposure", "median", 0), 100, 4 * se * 100);
    assert_near(log(outcome(other, "exposure", "high_90", 0) / 100), 0.3 * z, 4 * se);
    assert_near(log(outcome(other, "exposure", "low_90", 0) / 100), -0.3 * z, 4 * se);
    assert_near(outcome(other, "peak", "low_90", 0), 30, 1e-6);
    assert_near(outcome(other, "peak", "high_90", 0), 30, 1e-6);
    assert_near(outcome(other, "daily", "median", 0), 30, 1e-6); /* 192 .. 216 */
    assert_near(outcome(planned, "high", "missing", 0), 1, 0);
    assert_near(outcome(other, "high", "missing", 0), 0, 0);
    assert_near(outcome(other, "high", "median", 0), 200, 0);
    double above = normal_cdf(log(100 / 110.0) / 0.3);
    assert_near(json_as_real(json_at(json_get(other, "wanted"), 0)), above, 0.03);
    assert_near(json_as_real(json_at(json_get(other, "wanted"), 1)), 1, 0);
    assert_near(json_get_real(other, "all_wanted"), above, 0.03);
    /* 100/CL < 50: CL > 2 */
    assert_near(json_get_real(planned, "plausible"), normal_cdf(log(1.5) / 0.3), 0.03);
    /* The likelier one stands first. */
    assert_true(json_at(json_get(json, "alternatives"), 0) == other);
    json_destroy(&json);
    place_close(&place);
}

/* Where nothing is unknown, every draw is the course that a simulation has. */
static void whatif__of_a_point_is_the_simulation(void **state)
{
    (void)state;
    static const char *const doses[] = {
        "iv 50 mg @ 200 h; iv 150 mg @ 4 d every 1 d 5 times", "iv 250 mg @ 210 h"};
    struct place place;
    struct json *json;
    struct twin *twin;
    struct outcomes *outcomes;
    char *point = mem_format("%.*sfixed%s", (int)(strstr(text, "lognormal") - text), text,
                             strstr(text, "lognormal sd 0.3") + 16);
    place_open(&place, point);
    struct whatif_question q = question_of(&place);
    q.doses = doses + 1;
    q.dose_count = 1;
    q.draws = 20;
    assert_ok(whatif_json(&q, &json));
    const struct json *other = plan_of(json, doses[1]);
    struct record *record = record_new("anna", "h");
    assert_ok(regimen_dose("iv 1000 mg @ 0 h", 0, record));
    assert_ok(regimen_dose(doses[1], 1, record));
    assert_ok(twin_new(place.model, &place.layout, record, &twin));
    struct engine *engine = engine_new(place.model, &place.layout, NULL);
    double parameters[] = {3, 10, 12}, out[6 * 3];
    assert_ok(twin_simulate(engine, twin, parameters, times, 6, out));
    assert_ok(outcomes_new(engine, twin, parameters, 0, 480, &outcomes));
    const struct json *curve = json_at(json_get(other, "curves"), 0);
    static const char *const keys[] = {"low_90", "median", "high_90"};
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < 6; i++)
            assert_near(json_as_real(json_at(json_get(curve, keys[k]), i)),
                        out[i * 3 + 2], 1e-6 * fabs(out[i * 3 + 2]) + 1e-8);
        /* the days from the ninth on, of all of them */
        for (size_t w = 0; w < 12; w++)
            assert_near(outcome(other, "daily", keys[k], w),
                        outcomes->of[3].values[8 + w], 1e-6);
    }
    outcomes_destroy(place.model, &outcomes);
    json_destroy(&json);
    /* A dose that is not ahead cannot be tried. */
    q.doses = doses;
    assert_refused(ERR_RANGE, "is not ahead: it is 192 h now", whatif_json(&q, &json));
    engine_destroy(&engine);
    twin_destroy(&twin);
    record_destroy(&record);
    place_close(&place);
    mem_free(point);
}

/* Peaks of a sweep are dose/V; a parameter's other value, and a covariate's, count. */
static void whatif__sweeps_and_settings(void **state)
{
    (void)state;
    static const struct {
        const char *set, *sweep, *plan;
        size_t plans;
        double peak, exposure, diet;
    } rows[] = {
        {NULL, "iv", "iv = 350 mg", 10, 35, 350 / 3.0, 1},
        {"V=20", "iv=50..150", "iv = 150 mg", 4, 7.5, 50, 1},
        {NULL, "V=5..15", "V = 8 L", 12, 12.5, 100 / 3.0, 1},
        {"DIET=2", NULL, "DIET=2", 2, 10, 100 / 6.0, 2},
        {"WT=3", "DIET=0.5..1", "DIET = 0.5 1", 12, 30, 3 * 100 / 1.5, 0.5},
    };
    struct place place;
    place_open(&place, text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json *json;
        struct whatif_question q = question_of(&place);
        q.sets = &rows[i].set;
        q.set_count = rows[i].set != NULL;
        q.sweep = rows[i].sweep;
        q.draws = 20;
        assert_ok(whatif_json(&q, &json));
        assert_int_equal(json_count(json_get(json, "alternatives")), rows[i].plans);
        const struct json *plan = plan_of(json, rows[i].plan);
        assert_near(outcome(plan, "peak", "median", 0), rows[i].peak, 1e-6);
        assert_near(outcome(plan, "exposure", "mode", 0), rows[i].exposure,
                    1e-5 * rows[i].exposure);
        /* Windows are made of what is so from now on. */
        assert_near(outcome(plan, "tail", "from", 0), 480 - 24 * rows[i].diet, 1e-9);
        json_destroy(&json);
    }
    place_close(&place);
}

static void whatif__refuses(void **state)
{
    (void)state;
    static const struct {
        const char *dose, *set, *sweep, *want, *sentence;
        enum err err;
    } rows[] = {
        {"iv 401 mg @ 200 h", NULL, NULL, NULL,
         "iv may be tried from 0 to 400 mg in steps", ERR_RANGE},
        {"iv 0.31 g @ 200 h", NULL, NULL, NULL, "in steps of 50, not 310", ERR_RANGE},
        {"oral 50 mg @ 200 h", NULL, NULL, NULL, "lets nothing called 'oral' be tried",
         ERR_NOT_FOUND},
        {"iv 50 mg at 200 h", NULL, NULL, NULL, "is not a dose", ERR_USAGE},
        {NULL, "CL=3", NULL, NULL, "lets nothing called 'CL' be tried", ERR_NOT_FOUND},
        {NULL, "V=21", NULL, NULL, "V may be tried from 5 to 20 L, not 21", ERR_RANGE},
        {NULL, "V:7", NULL, NULL, "is not NAME=VALUE", ERR_USAGE},
        {NULL, "iv=100", NULL, NULL, "'iv' is given as doses", ERR_USAGE},
        {NULL, NULL, "hours", NULL, "lets nothing called 'hours' be tried",
         ERR_NOT_FOUND},
        {NULL, NULL, "iv=100", NULL, "is not NAME or NAME=FROM..TO", ERR_USAGE},
        {NULL, NULL, "iv=100..410", NULL, "not 410", ERR_RANGE},
        {NULL, NULL, NULL, "max(c) > 3", "E3001", ERR_FORMAT},
        {NULL, NULL, NULL, "c > 3 [mg/L]", "the model with --want", ERR_FORMAT},
        {NULL, NULL, NULL, "peak > 3 [mg/L]\n[doses]", "on one line", ERR_USAGE},
    };
    struct place place;
    place_open(&place, text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json *json = NULL;
        struct whatif_question q = question_of(&place);
        q.doses = &rows[i].dose;
        q.dose_count = rows[i].dose != NULL;
        q.sets = &rows[i].set;
        q.set_count = rows[i].set != NULL;
        q.wants = &rows[i].want;
        q.want_count = rows[i].want != NULL;
        q.sweep = rows[i].sweep;
        q.draws = 20;
        assert_refused(rows[i].err, rows[i].sentence, whatif_json(&q, &json));
        assert_null(json);
    }
    struct json *json = NULL;
    struct whatif_question q = question_of(&place);
    q.until = 240;
    assert_refused(ERR_RANGE, "time 192 is not ahead", whatif_json(&q, &json));
    q.sweep = "iv";
    q.until = 200.5;
    q.times = times + 2;
    q.time_count = 4;
    assert_refused(ERR_USAGE, "no dose of 'iv' lies ahead", whatif_json(&q, &json));
    place_close(&place);
}

static bool stop_late(void *context, size_t done, size_t total)
{
    size_t *last = context;
    assert_int_equal(total, 10 * 200);
    assert_true(done > *last);
    *last = done;
    return done < 450;
}

/* Whoever watches may stop it between two blocks of draws. */
static void whatif__stops_when_it_is_told(void **state)
{
    (void)state;
    struct place place;
    struct json *json = NULL;
    size_t last = 0;
    place_open(&place, text);
    struct whatif_question q = question_of(&place);
    q.draws = 200;
    q.sweep = "iv";
    q.progress = stop_late;
    q.context = &last;
    assert_refused(ERR_INTERRUPTED, "nothing is kept", whatif_json(&q, &json));
    assert_null(json);
    assert_in_range(last, 450, 520);
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatif__is_what_the_distribution_of_clearance_says),
        cmocka_unit_test(whatif__of_a_point_is_the_simulation),
        cmocka_unit_test(whatif__sweeps_and_settings),
        cmocka_unit_test(whatif__refuses),
        cmocka_unit_test(whatif__stops_when_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
