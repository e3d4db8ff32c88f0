#include "check.h"

#include "model/library.h"
#include "sim/beats.h"

static size_t counter_of(const struct model *model, const char *name)
{
    size_t at = 0;
    while (at < model_states(model) && strcmp(model_state(model, at)->name, name) != 0)
        at++;
    return at;
}

static bool never(void *context, size_t done, size_t total)
{
    (void)context, (void)done, (void)total;
    return false;
}

/* A beat that is known: a sine of one hertz, whose least, mean and greatest are its own.
 */
static void beats__of_a_sine_are_counted_and_seen(void **state)
{
    (void)state;
    static const char text[] = "model sine version 1\n"
                               "time s\n"
                               "[parameters]\n"
                               "w = 1 1/s lognormal sd 0.05\n"
                               "[equations]\n"
                               "d/dt(turn) = w init 0\n"
                               "d/dt(x) = 2*pi*w*cos(2*pi*turn) init 0\n"
                               "[observations]\n"
                               "o : x ~ add(0.1)\n";
    struct model *model;
    struct beats beats;
    assert_ok(model_parse(text, strlen(text), "sine.twin", &model));
    struct beats_plan plan = {
        .patients = 11, .beats = 20, .step = 0.01, .counter = counter_of(model, "turn")};
    assert_ok(beats_run(model, &plan, NULL, NULL, &beats));
    /* As long as the slowest of eight takes. */
    assert_in_range((uintmax_t)beats.equal.beats, 11 * 20, 11 * 30);
    assert_near(beats.views[0].least, -1, 1e-3);
    assert_near(beats.views[0].mean, 0, 0.03);
    assert_near(beats.views[0].greatest, 1, 1e-3);
    /* In finer steps than are looked at. */
    struct beats_plan fine = plan;
    fine.step = 0.0005;
    assert_ok(beats_run(model, &fine, NULL, NULL, &beats));
    assert_in_range((uintmax_t)beats.equal.beats, 11 * 20, 11 * 30);
    assert_near(beats.views[0].least, -1, 1e-3);
    assert_near(beats.views[0].greatest, 1, 1e-3);
    plan.counter = counter_of(model, "x");
    assert_refused(ERR_NUMERIC, "does not beat",
                   beats_run(model, &plan, NULL, NULL, &beats));
    plan.counter = 0;
    assert_refused(ERR_INTERRUPTED, "", beats_run(model, &plan, never, NULL, &beats));
    model_destroy(&model);
}

/* One that slows down to half its pace has all its beats, and no more than one too many;
 * one that stops has not. */
static void beats__that_slow_down_are_all_there(void **state)
{
    (void)state;
    static const char text[] = "model slower version 1\n"
                               "time s\n"
                               "[parameters]\n"
                               "w = 1 1/s lognormal sd 0.05\n"
                               "[equations]\n"
                               "d/dt(turn) = w*(1 + exp(-time/(10 s)))/2 init 0\n"
                               "d/dt(stop) = w*exp(-time/(10 s)) init 0\n"
                               "[observations]\n"
                               "o : turn ~ add(0.1)\n";
    struct model *model;
    struct beats beats;
    assert_ok(model_parse(text, strlen(text), "slower.twin", &model));
    struct beats_plan plan = {
        .patients = 1, .beats = 40, .step = 0.01, .counter = counter_of(model, "turn")};
    assert_ok(beats_run(model, &plan, NULL, NULL, &beats));
    assert_in_range((uintmax_t)beats.equal.beats, 40, 41);
    assert_near(beats.views[0].greatest - beats.views[0].least, 1, 0.1);
    plan.counter = counter_of(model, "stop");
    assert_refused(ERR_NUMERIC, "does not beat",
                   beats_run(model, &plan, NULL, NULL, &beats));
    model_destroy(&model);
}

/* Hearts drawn from the prior: errors of a thousandth on both sides, and pressures as
 * people have them. */
static void beats__of_hearts_are_right_and_faster_than_cvodes(void **state)
{
    (void)state;
    struct model *model;
    struct beats beats;
    assert_ok(library_load("heart/circulation", &model));
    struct beats_plan plan = {.patients = 16,
                              .beats = 30,
                              .step = 0.004,
                              .tolerance = 1e-5,
                              .beside = 2,
                              .beside_beats = 20,
                              .counter = counter_of(model, "beat"),
                              .seed = 1};
    assert_ok(beats_run(model, &plan, NULL, NULL, &beats));
    assert_in_range((uintmax_t)beats.equal.beats, 16 * 30, 16 * 34);
    assert_in_range((uintmax_t)beats.beside.beats, 44, 46); /* three before time 0 each */
    assert_true(beats.equal.error > 0 && beats.equal.error < 2e-3);
    assert_true(beats.beside.error > 0 && beats.beside.error < 2e-3);
    assert_near(beats.views[0].greatest, 120, 40);
    assert_near(beats.views[0].least, 75, 30);
    double rate = beats.equal.beats / fmax(beats.equal.seconds, 1e-3);
    assert_true(rate > 2 * beats.beside.beats / beats.beside.seconds);
    model_destroy(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beats__of_a_sine_are_counted_and_seen),
        cmocka_unit_test(beats__that_slow_down_are_all_there),
        cmocka_unit_test(beats__of_hearts_are_right_and_faster_than_cvodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
