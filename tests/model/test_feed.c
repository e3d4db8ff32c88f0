/* What eight courses come to at once, beside one alone, CVODES, and other machines. */

#include "feed.h"

#include "course.h"
#include "example_course.h"
#include "model/outcome.h"

static const char text[] =
    "model m version 1\ntime h\n"
    "[parameters]\nka = 1.5 1/h (0.1, 20) lognormal sd 0.5\n"
    "CL = 2.8 L/h (0.1, 50) lognormal sd 0.5\nV = 32 L (1, 500) lognormal sd 0.3\n"
    "lag = 0.3 h (0.01, 3) lognormal sd 0.3\n"
    "[covariates]\nWT 1 locf default 1\n"
    "[doses]\noral -> D mg lag lag\niv -> C mg\n"
    "[equations]\nd/dt(D) = -ka*D\nd/dt(C) = ka*D - CL*WT/V*C unit mg\n"
    "level = C/V\nd/dt(E) = 0.4 [1/h]*(level*if(mod(time, 24 h) < 8 h, 0.5, 1) - E) unit "
    "mg/L\n"
    "[observations]\nlevel_seen : level ~ prop(0.1)\n"
    "[outcomes]\ntop = max(level)\nat = time_of_max(E)\narea = auc(E)\nspread = "
    "sd(level)\n"
    "inside = fraction(level > 3 [mg/L] and E < 6 [mg/L])\nlast_high = last(E > 4 "
    "[mg/L])\n"
    "daily = min(level) per 24 h\nrise = end(E) - start(E) over 3 h .. 11 h\n"
    "[plausible]\nmax(level) < 11 [mg/L]\n";

#define PEOPLE 16
static const char doses[] =
    "oral 320 mg @ 0 h every 12 h 4 times;iv 40 mg @ 30 h for 2 h";

/* Somebody else in every lane, none of them like another. */
static void parameters_of(const struct course *course, size_t i, double *to)
{
    memcpy(to, course->parameters, MODEL_PARAMETERS_MAX * sizeof *to);
    for (size_t k = 0; k < 4; k++)
        to[k] *= exp(0.3 * sin((double)(7 * i + 3 * k)));
}

static void ask_all(struct course *course, struct engine *engine,
                    struct outcome_course *asked,
                    double (*parameters)[MODEL_PARAMETERS_MAX])
{
    for (size_t i = 0; i < PEOPLE; i++) {
        parameters_of(course, i, parameters[i]);
        asked[i] = (struct outcome_course){course->twin,   parameters[i], 0,
                                           50 + (double)i, NULL,          ERR_OK};
    }
    outcomes_all(engine, asked, PEOPLE);
}

/* Largest difference, by the size of the first; of bits, whether there is one. */
static double differ(const struct model *model, const struct outcomes *a,
                     const struct outcomes *b)
{
    double most = 0;
    for (size_t o = 0; o < model_outcomes(model); o++) {
        assert_int_equal(a->of[o].count, b->of[o].count);
        for (size_t w = 0; w < a->of[o].count; w++) {
            double one = a->of[o].values[w], other = b->of[o].values[w];
            assert_true(isnan(one) == isnan(other));
            double off = fabs(one - other) / fmax(1e-6, fabs(one));
            most = off > most ? off : most;
        }
    }
    for (size_t i = 0; i < model_plausibles(model); i++)
        assert_int_equal(a->plausible[i], b->plausible[i]);
    return most;
}

static void feed__courses_do_not_feel_each_other_or_the_machine(void **state)
{
    (void)state;
    static double parameters[PEOPLE][MODEL_PARAMETERS_MAX];
    struct outcome_course all[PEOPLE], narrow[PEOPLE];
    struct course course;
    course_open_text(&course, text, "WT=1 WT=1.4@20", doses);
    const struct engine_options options = {.solver = ENGINE_NARROW};
    struct engine *other = engine_new(course.model, &course.layout, &options);
    ask_all(&course, course.engine, all, parameters);
    ask_all(&course, other, narrow, parameters);
    for (size_t i = 0; i < PEOPLE; i++) {
        struct outcomes *alone;
        assert_ok(all[i].err);
        assert_ok(outcomes_new(course.engine, course.twin, parameters[i], 0, all[i].until,
                               &alone));
        assert_true(differ(course.model, alone, all[i].outcomes) == 0);
        assert_true(differ(course.model, alone, narrow[i].outcomes) == 0);
        outcomes_destroy(course.model, &alone);
        outcomes_destroy(course.model, &all[i].outcomes);
        outcomes_destroy(course.model, &narrow[i].outcomes);
    }
    engine_destroy(&other);
    course_close(&course);
}

/* By Tsitouras' method, by Rosenbrock's, and in steps of one length. */
static void feed__every_method_sees_what_cvodes_does(void **state)
{
    (void)state;
    static double parameters[PEOPLE][MODEL_PARAMETERS_MAX];
    struct outcome_course all[PEOPLE], peer[PEOPLE];
    struct course course;
    course_open_text(&course, text, "WT=1 WT=1.4@20", doses);
    const struct engine_options cvodes = {ENGINE_BDF, 1e-11},
                                stiff = {ENGINE_ROSENBROCK, 0};
    struct engine *engines[] = {engine_new(course.model, &course.layout, NULL),
                                engine_new(course.model, &course.layout, &stiff),
                                engine_new_equal(course.model, &course.layout, 0.02)};
    struct engine *other = engine_new(course.model, &course.layout, &cvodes);
    ask_all(&course, other, peer, parameters);
    for (size_t e = 0; e < 3; e++) {
        ask_all(&course, engines[e], all, parameters);
        for (size_t i = 0; i < PEOPLE; i++) {
            assert_ok(all[i].err);
            double most = differ(course.model, peer[i].outcomes, all[i].outcomes);
            assert_near(most, 0, 3e-7);
            outcomes_destroy(course.model, &all[i].outcomes);
        }
        engine_destroy(&engines[e]);
    }
    for (size_t i = 0; i < PEOPLE; i++)
        outcomes_destroy(course.model, &peer[i].outcomes);
    engine_destroy(&other);
    course_close(&course);
}

/* Of doses and settings that its file proposes; false where
 * it is about no course. */
static bool open_example(struct course *course, const char *name, double *until)
{
    struct bytes source = {0};
    struct example example;
    struct bytes set = {0}, phrases = {0};
    assert_ok(library_read(name, &source));
    assert_ok(example_read((const char *)source.data, source.size, "Example", &example));
    bool over = false;
    *until = 0;
    for (size_t i = 0; i < example.count; i++) {
        const char *option = example.options[i].name, *value = example.options[i].value;
        if (strcmp(option, "set") == 0)
            example_course_set(&set, value);
        if (strcmp(option, "dose") == 0) {
            bytes_append(&phrases, value, strlen(value));
            bytes_u8(&phrases, ';');
        }
        over |= strcmp(option, "over") == 0;
        const char *last = strcmp(option, "at") == 0 ? strrchr(value, ':') : NULL;
        *until = last ? strtod(last + 1, NULL) : *until;
    }
    bytes_u8(&set, 0);
    bytes_u8(&phrases, 0);
    bytes_u8(&source, 0);
    bool is_course = !over && *until > 0;
    if (is_course)
        course_open_text(course, (const char *)source.data, (const char *)set.data,
                         (const char *)phrases.data);
    example_clear(&example);
    bytes_free(&set);
    bytes_free(&phrases);
    bytes_free(&source);
    return is_course;
}

/* Every model of the library that says what a course comes to, as its example is. */
static void feed__models_of_the_house_as_by_cvodes(void **state)
{
    (void)state;
    size_t seen = 0;
    for (size_t i = 0; i < library_models(); i++) {
        struct course course;
        double until;
        if (!open_example(&course, library_model(i)->name, &until))
            continue;
        if (model_outcomes(course.model)) {
            const struct engine_options cvodes = {ENGINE_BDF, 1e-10};
            struct engine *other = engine_new(course.model, &course.layout, &cvodes);
            struct outcomes *ours, *peer;
            assert_ok(outcomes_new(course.engine, course.twin, course.parameters, 0,
                                   until, &ours));
            assert_ok(
                outcomes_new(other, course.twin, course.parameters, 0, until, &peer));
            double most = differ(course.model, peer, ours);
            if (!(most < 1e-6))
                fail_msg("%s: %g", library_model(i)->name, most);
            outcomes_destroy(course.model, &ours);
            outcomes_destroy(course.model, &peer);
            engine_destroy(&other);
            seen++;
        }
        course_close(&course);
    }
    assert_true(seen >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feed__courses_do_not_feel_each_other_or_the_machine),
        cmocka_unit_test(feed__every_method_sees_what_cvodes_does),
        cmocka_unit_test(feed__models_of_the_house_as_by_cvodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
