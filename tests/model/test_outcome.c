/* Outcomes against closed forms. */

#include "model/outcome.h"

#include "course.h"

static size_t outcome_index(const struct model *model, const char *name)
{
    size_t at = 0;
    while (strcmp(model_outcome(model, at)->name, name) != 0)
        at++;
    return at;
}

/* Outcomes of a text under these doses, from 0 until `until`. */
static struct outcomes *look_at(struct course *course, const char *text,
                                const char *doses, double until)
{
    struct outcomes *out;
    course_open_text(course, text, "", doses);
    if (outcomes_new(course->engine, course->twin, course->parameters, 0, until,
                     &out) != ERR_OK)
        fail_msg("%s", err_text());
    return out;
}

static void done(struct course *course, struct outcomes **outcomes)
{
    outcomes_destroy(course->model, outcomes);
    course_close(course);
}

struct expected {
    const char *name;
    double value, tolerance;
};

static void compare(const struct course *course, const struct outcomes *outcomes,
                    const struct expected *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = outcome_index(course->model, rows[i].name);
        double value = outcomes->of[at].values[0];
        assert_int_equal(outcomes->of[at].count, 1);
        if (!(fabs(value - rows[i].value) <= rows[i].tolerance) &&
            !(isnan(value) && isnan(rows[i].value)))
            fail_msg("%s is %.15g, not %.15g", rows[i].name, value, rows[i].value);
    }
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* 100 mg at 0 and 12 h, k = 0.2/h: A jumps, which is seen from both sides. */
static const char bolus_text[] =
    "model m version 1\ntime h\n[parameters]\nk = 0.2 1/h fixed\nlimit = 50 mg fixed\n"
    "[doses]\niv -> A mg\n[equations]\nd/dt(A) = -k*A\n"
    "[outcomes]\n"
    "peak = max(A)\n"
    "trough = min(A) over 0 h .. 12 h\n"
    "when = time_of_max(A)\n"
    "low_at = time_of_min(A) over 0 h .. 12 h\n"
    "area = auc(A) over 0 h .. 720 min\n"
    "level = mean(A) over last 12 h unit ug\n"
    "spread = sd(A) over 0 h .. 12 h\n"
    "above = fraction(A > limit)\n"
    "long = duration(A > limit) unit min\n"
    "under = first(A <= limit)\n"
    "again = last(A > limit)\n"
    "never = first(A > 500 mg)\n"
    "begin = start(A) over 12 h .. 24 h\n"
    "finish = end(A) over 0 h .. 12 h\n"
    "beyond = max(A) over 20 h .. 30 h\n"
    "swing = (peak - trough)/(auc(A)/24 h) over 0 h .. 24 h\n"
    "daily = max(A) - min(A) per 12 h\n"
    "[plausible]\npeak < 200 mg\nmin(A) > 1 mg \"something is left\"\nnever > 0 h\n";

static void outcome__of_a_course_that_jumps(void **state)
{
    (void)state;
    struct course course;
    struct outcomes *out =
        look_at(&course, bolus_text, "iv 100 mg @ 0 h every 12 h 2 times", 24);
    double k = 0.2, left = 100 * exp(-12 * k), second = 100 + left;
    double area = (100 - left) / k, half = log(2) / k, late = log(second / 50) / k;
    double squares = (1e4 - left * left) / (2 * k) / 12 - area * area / 144;
    double rest = second * exp(-12 * k), whole = area + (second - rest) / k;
    const struct expected rows[] = {
        {"peak", second, 1e-6},
        {"trough", left, 1e-6},
        {"when", 12, 0},
        {"low_at", 12, 0},
        {"area", area, 1e-5},
        {"level", 1000 * (second - rest) / k / 12, 1e-3},
        {"spread", sqrt(squares), 1e-6},
        {"above", (half + late) / 24, 1e-8},
        {"long", 60 * (half + late), 1e-5},
        {"under", half, 1e-7},
        {"again", 12 + late, 1e-7},
        {"never", NAN, 0},
        {"begin", second, 1e-6},
        {"finish", left, 1e-6},
        {"beyond", NAN, 0},
        {"swing", (second - left) / (whole / 24), 1e-6},
    };
    compare(&course, out, rows, COUNT(rows));
    const struct outcome_series *daily = &out->of[outcome_index(course.model, "daily")];
    assert_int_equal(daily->count, 2);
    assert_near(daily->values[0], 100 - left, 1e-6);
    assert_near(daily->values[1], second - rest, 1e-6);
    assert_near(daily->from[1], 12, 0);
    assert_near(daily->to[1], 24, 0);
    assert_true(out->plausible[0] && out->plausible[1] && !out->plausible[2]);
    assert_false(outcomes_plausible(course.model, out));
    assert_string_equal(model_plausible(course.model, 1)->text, "min(A) > 1 mg");
    assert_string_equal(model_outcome(course.model, 5)->unit, "ug");
    assert_string_equal(model_outcome(course.model, 7)->unit, "1");
    done(&course, &out);
}

/* Rowland and Tozer's theophylline: 320 mg by mouth, CL 2.8 L/h, V 32 L, ka 1.5/h. */
static void outcome__the_peak_lies_between_steps(void **state)
{
    (void)state;
    struct course course;
    struct outcomes *out =
        look_at(&course,
                "model m version 1\ntime h\n[doses]\noral -> D mg\n"
                "[equations]\nd/dt(D) = -1.5 [1/h]*D\n"
                "d/dt(C) = 1.5 [1/h]*D/32 L - 2.8 [L/h]/32 L*C\n"
                "[outcomes]\nCmax = max(C)\nTmax = time_of_max(C)\nAUC = auc(C)\n"
                "therapeutic = duration(C > 5 [mg/L] and C < 8 [mg/L])\n",
                "oral 320 mg @ 0 h", 300);
    double ka = 1.5, k = 2.8 / 32, peak = log(ka / k) / (ka - k);
    double c = 10 * ka / (ka - k), most = c * (exp(-k * peak) - exp(-ka * peak));
    double crossing[4] = {0.1, 0.1, 12, 6}; /* up through 5 and 8, down through 5 and 8 */
    for (int i = 0; i < 60; i++)
        for (int j = 0; j < 4; j++) {
            double level = j % 2 ? 8 : 5, t = crossing[j];
            double f = c * (exp(-k * t) - exp(-ka * t)) - level;
            crossing[j] -= f / (c * (ka * exp(-ka * t) - k * exp(-k * t)));
        }
    const struct expected rows[] = {
        {"Cmax", most, 1e-7},
        {"Tmax", peak, 1e-6},
        {"AUC", 320 / 2.8, 1e-5},
        {"therapeutic", crossing[1] - crossing[0] + crossing[2] - crossing[3], 1e-6},
    };
    assert_near(most, 8.3860, 5e-5); /* published */
    assert_near(peak, 2.0117, 5e-5);
    compare(&course, out, rows, COUNT(rows));
    done(&course, &out);
}

/* No states, so that no solver's step helps; windows that parameters say. */
static void outcome__of_formulas_of_time(void **state)
{
    (void)state;
    struct course course;
    struct outcomes *out =
        look_at(&course,
                "model m version 1\ntime h\n[parameters]\nday = 24 h fixed\n"
                "[individual]\ntwo = 2*day\n"
                "[equations]\nq = 10 + 2*cos(2*pi*(time - 4 h)/day)\n"
                "asleep = mod(time, day) < 8 h\n"
                "[outcomes]\nlow = min(q)\nlow_at = time_of_min(q) over 0 h .. day\n"
                "high = max(q) over last day\nmiddle = mean(q) over 0 h .. two\n"
                "sigma = sd(q) over 0 h .. two\n"
                "share = fraction(q > 11) over 0 h .. two\n"
                "night = duration(asleep) over 0 h .. two\n"
                "both = duration(asleep and not q > 11) over 0 h .. day\n"
                "touch = duration(q > 11.9999999) over 0 h .. day\n"
                "steps = mean(if(asleep, 3, 0)) over 0 h .. two\n"
                "nights = duration(asleep) per day\n",
                "", 75);
    const struct expected rows[] = {
        {"low", 8, 1e-12},
        {"low_at", 16, 1e-6},
        {"high", 12, 1e-12},
        {"middle", 10, 1e-9},
        {"sigma", sqrt(2), 1e-9},
        {"share", 1.0 / 3, 1e-12},
        {"night", 16, 1e-10},
        {"both", 0, 1e-10},
        {"touch", 2 * acos(0.99999995) * 24 / (2 * acos(-1)), 1e-7},
        {"steps", 1, 1e-8},
    };
    compare(&course, out, rows, COUNT(rows));
    const struct outcome_series *nights = &out->of[outcome_index(course.model, "nights")];
    assert_int_equal(nights->count, 3); /* the fourth day is not over */
    for (size_t i = 0; i < 3; i++)
        assert_near(nights->values[i], 8, 1e-10);
    done(&course, &out);
}

/* A crossing and back between two samples of a step, and 200 turns of one phase. */
static void outcome__short_excursions_are_found(void **state)
{
    (void)state;
    struct course course;
    struct outcomes *out =
        look_at(&course,
                "model m version 1\ntime s\n[parameters]\nw = 1 1/s fixed\n"
                "[equations]\nd/dt(x) = w*y init 0\nd/dt(y) = -w*x init 1\n"
                "[outcomes]\nabove = duration(x > 0.9999)\nfirst_up = first(x > 0.9999)\n"
                "outside = fraction(x < -0.5 or x > 0.5)\ntop = max(x)\n"
                "energy = mean(x^2 + y^2)\n",
                "", 200 * acos(-1));
    double pi = acos(-1), reach = asin(0.9999);
    const struct expected rows[] = {
        {"above", 100 * (pi - 2 * reach), 0.01},
        {"first_up", reach, 1e-6},
        {"outside", 2.0 / 3, 1e-6},
        {"top", 1, 2e-6},
        {"energy", 1, 2e-6},
    };
    compare(&course, out, rows, COUNT(rows));
    done(&course, &out);
}

static void outcome__what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *outcome, *sentence;
        enum err err;
    } rows[] = {
        {"m = max(1/(A - A))", "what 'm' looks at is not finite", ERR_NUMERIC},
        {"m = max(A) per 0*1 h", "a period of 0 h", ERR_RANGE},
        {"m = max(A) per 1e-9 h", "a period of 1e-09 h", ERR_RANGE},
        {"m = max(A) over 0 h .. 1 h/(p - p)", "is not finite", ERR_RANGE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text =
            mem_format("model m version 1\ntime h\n[parameters]\np = 1 1 fixed\n"
                       "[equations]\nd/dt(A) = -A/(1 h) init 1\n[outcomes]\n%s\n",
                       rows[i].outcome);
        struct course course;
        struct outcomes *out = NULL;
        course_open_text(&course, text, "", "");
        assert_refused(rows[i].err, rows[i].sentence,
                       outcomes_new(course.engine, course.twin, course.parameters, 0, 10, &out));
        assert_refused(ERR_RANGE, "from 0 to 0",
                       outcomes_new(course.engine, course.twin, course.parameters, 0, 0, &out));
        assert_null(out);
            course_close(&course);
        mem_free(text);
    }
}

/* L moves from 2 h at 0 to 4 h at 10 h. Windows are of what it is where the course begins
 * to count, at 5 h; around functionals it is as at its end. */
static const char moving_text[] =
    "model m version 1\ntime h\n[parameters]\nk = 1 mg/h fixed\n"
    "[covariates]\nL h linear\n[equations]\nd/dt(a) = k init 0 mg\n"
    "[outcomes]\nheld = max(a) - min(a) over last L\npace = end(a)/L\n"
    "paces = end(a)/L per 1 h\n";

static void outcome__of_covariates_that_move(void **state)
{
    (void)state;
    struct course course;
    struct outcomes *out;
    course_open_text(&course, moving_text, "L=2@0 L=4@10", "");
    struct outcome_course from_5 = {.twin = course.twin,
                                    .parameters = course.parameters,
                                    .from = 5,
                                    .until = 10};
    outcomes_all(course.engine, &from_5, 1);
    assert_ok(from_5.err);
    out = from_5.outcomes;
    static const struct expected rows[] = {{"held", 3, 1e-9}, {"pace", 2.5, 1e-9}};
    compare(&course, out, rows, COUNT(rows));
    size_t paces = outcome_index(course.model, "paces");
    assert_int_equal(out->of[paces].count, 5);
    assert_near(out->of[paces].values[0], 1.5, 1e-9);
    done(&course, &out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcome__of_a_course_that_jumps),
        cmocka_unit_test(outcome__the_peak_lies_between_steps),
        cmocka_unit_test(outcome__of_formulas_of_time),
        cmocka_unit_test(outcome__of_covariates_that_move),
        cmocka_unit_test(outcome__short_excursions_are_found),
        cmocka_unit_test(outcome__what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
