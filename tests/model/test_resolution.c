#include "resolution.h"

#include <math.h>

#include "trial.h"
#include "twin_impl.h"

/* A drug whose levels are read for three weeks: 1e-13 of the peak at the end. Its second
 * observation is of a difference, the others of windows. */
#define DRUG                                                                             \
    "model drug version 1\ntime h\n"                                                     \
    "[parameters]\n"                                                                     \
    "CL = 40 L/h (0.1, 999) lognormal sd 0.3\n"                                          \
    "V = 7 L fixed\nk12 = 2 1/h fixed\nk21 = 0.085 1/h fixed\n"                          \
    "[doses]\niv -> centre mg\n"                                                         \
    "[equations]\n"                                                                      \
    "d/dt(centre) = -(CL/V + k12)*centre + k21*tissue\n"                                 \
    "d/dt(tissue) = k12*centre - k21*tissue\n"                                           \
    "[observations]\n"

static const char all_text[] = DRUG "level : centre/V ~ prop(0.2)\n"
                                    "both : centre - 3*tissue ~ add(1 mg)\n"
                                    "peak : max(centre)/V over last 2 h ~ prop(0.2)\n"
                                    "area : auc(centre - 3*tissue) over last 2 h ~ "
                                    "add(1 mg*h)\n";

static struct record *drug_record(const struct model *model, const double *times,
                                  size_t count)
{
    struct record *record = record_new("1", "h");
    assert_ok(record_dose(record, 0, "iv", NULL, 180, -1, 1));
    for (size_t i = 0; i < count; i++)
        for (size_t o = 0; o < model_observations(model); o++)
            assert_ok(record_measurement(record, times[i],
                                         model_observation(model, o)->name, NULL, 1,
                                         CENSORED_NOT, 10 + 10 * i + o));
    record_sort(record);
    return record;
}

/* One request at a time. */
struct one {
    struct request *request;
};

static struct request *give_one(void *context)
{
    struct one *one = context;
    struct request *request = one->request;
    one->request = NULL;
    return request;
}

static void take_one(void *context, struct request *request)
{
    (void)context, (void)request;
}

static void ask(struct engine *engine, const struct twin *twin, const double *parameters,
                double *f, double *off)
{
    struct request request = twin_request(twin);
    struct one one = {&request};
    const struct supply supply = {give_one, take_one, &one};
    request.parameters = parameters;
    request.f = f;
    request.off = off;
    engine_run(engine, ENGINE_VALUES, &supply);
    assert_ok(request.err);
}

/* Both states began no larger than the dose: 180 mg. */
static void resolution__is_what_allowed_errors_do(void **state)
{
    (void)state;
    static const double times[] = {2, 24, 504}, tolerance = 1e-7;
    static const enum engine_solver solvers[] = {ENGINE_LANES, ENGINE_ROSENBROCK,
                                                 ENGINE_BDF};
    struct trial trial;
    trial_model(&trial, all_text);
    struct record *record = drug_record(trial.model, times, 3);
    trial_take(&trial, record);
    const double parameters[] = {40, 7, 2, 0.085};
    size_t width = model_states(trial.model) + model_observations(trial.model);
    double *all = mem_new(3 * width, sizeof *all), f[12], off[12];
    for (size_t s = 0; s < sizeof solvers / sizeof *solvers; s++) {
        struct engine_options options = {solvers[s], tolerance};
        struct engine *engine = engine_new(trial.model, &trial.layout, &options);
        ask(engine, trial.twins[0], parameters, f, off);
        assert_ok(twin_simulate(engine, trial.twins[0], parameters, times, 3, all));
        for (size_t i = 0; i < 3; i++) {
            double size = tolerance * ABSOLUTE_FRACTION * 180,
                   centre = size + tolerance * all[i * width],
                   tissue = size + tolerance * all[i * width + 1];
            const double expected[] = {centre / 7, centre + 3 * tissue, centre / 7,
                                       2 * (centre + 3 * tissue)};
            for (size_t o = 0; o < 4; o++)
                assert_relative(off[i * 4 + o], expected[o], 1e-6);
        }
        engine_destroy(&engine);
    }
    mem_free(all);
    record_destroy(&record);
    trial_clear(&trial);
}

static void resolution__is_asked_of_errors_that_can_be_too_small(void **state)
{
    (void)state;
    struct residual add = {RESIDUAL_ADDITIVE, 0.1, 0, 0},
                    prop = {RESIDUAL_PROPORTIONAL, 0, 0.2, 0},
                    both = {RESIDUAL_COMBINED2, 0.1, 0.2, 0},
                    logs = {RESIDUAL_LOGNORMAL, 0.3, 0, 0},
                    binary = {RESIDUAL_BERNOULLI, 0, 0, 0};
    assert_false(resolution_matters(&add) || resolution_matters(&binary));
    assert_true(resolution_matters(&prop) && resolution_matters(&both) &&
                resolution_matters(&logs));
    /* off / (0.2 f) is 1/200 and 1/2; in logarithms off / (0.3 f). */
    assert_true(resolution_suffices(&prop, 1e-9, CENSORED_NOT, 1e-9, 1e-12));
    assert_false(resolution_suffices(&prop, 1e-9, CENSORED_NOT, 1e-9, 1e-10));
    assert_true(resolution_suffices(&logs, 1e-9, CENSORED_NOT, 1e-9, 5e-12));
    assert_false(resolution_suffices(&logs, 1e-9, CENSORED_NOT, 1e-9, 1e-11));
    assert_true(resolution_suffices(&both, 1e-9, CENSORED_NOT, 1e-9, 1e-3));
    assert_false(resolution_suffices(&both, 1e-9, CENSORED_NOT, 1e-9, 1e-2));
    /* Below a limit that is far above, nothing has to be told; near it, something. */
    assert_true(resolution_suffices(&prop, 1e-3, CENSORED_BELOW, 1e-12, 1e-10));
    assert_true(resolution_suffices(&prop, 1e-3, CENSORED_BELOW, 0, 1e-10));
    assert_false(resolution_suffices(&prop, 1e-3, CENSORED_BELOW, 1e-3, 1e-4));
    assert_false(resolution_suffices(&prop, 1e-9, CENSORED_NOT, 1e-9, INFINITY));
}

/* Levels of one who clears a third more, at times of a study; the last 1e-13 of the peak.
 */
static struct fit *fit_levels(const char *error, double tolerance, enum engine_solver how,
                              bool late)
{
    static const double times[] = {1, 2, 24, 504};
    size_t count = late ? 4 : 3, width = 3;
    char *text = mem_format(DRUG "level : centre/V ~ %s\n", error);
    double f[4 * 3], truth[] = {53, 7, 2, 0.085};
    struct trial trial;
    struct prior *prior;
    struct fit *fit;
    trial_model(&trial, text);
    const struct engine_options options = {how, tolerance};
    struct engine *engine = engine_new(trial.model, &trial.layout, &options);
    struct record *empty = drug_record(trial.model, times, 0),
                  *record = drug_record(trial.model, times, 0);
    trial_take(&trial, empty);
    assert_ok(twin_simulate(trial.engine, trial.twins[0], truth, times, count, f));
    for (size_t i = 0; i < count; i++)
        assert_ok(record_measurement(record, times[i], "level", NULL, f[i * width + 2],
                                     CENSORED_NOT, 10 + i));
    trial_take(&trial, record);
    assert_ok(prior_from_model(trial.model, &prior));
    assert_ok(fit_new(engine, trial.twins[1], prior, &fit));
    prior_destroy(&prior);
    record_destroy(&empty);
    record_destroy(&record);
    engine_destroy(&engine);
    trial_clear(&trial);
    mem_free(text);
    return fit;
}

static void resolution__refuses_readings_of_rounding(void **state)
{
    (void)state;
    static const char *const weak[] = {"prop(0.2)", "lognormal(0.2)",
                                       "combined2(add 1e-15 mg/L, prop 0.2)"};
    static const char *const sound[] = {
        "prop(0.2) lloq 0.001 mg/L", "combined2(add 1e-6 mg/L, prop 0.2)",
        "combined1(add 1e-6 mg/L, prop 0.2)", "lognormal(0.2) lloq 0.001 mg/L",
        "add(1e-6 mg/L)"};
    static const enum engine_solver how[] = {ENGINE_LANES, ENGINE_ROSENBROCK, ENGINE_BDF};
    for (size_t s = 0; s < 3; s++) {
        for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
            struct fit *fit = fit_levels(weak[i], 1e-6, how[s], true);
            assert_false(fit->converged);
            if (fit->evaluations > 1 && !strstr(fit->reason, "come to rest"))
                assert_non_null(strstr(fit->reason, "level at time 504 "));
            assert_near(fit->phi[0], log(40), 1e-12);
            fit_destroy(&fit);
            fit = fit_levels(weak[i], 1e-6, how[s], false);
            assert_true(fit->converged);
            fit_destroy(&fit);
        }
        for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
            struct fit *fit = fit_levels(sound[i], 1e-6, how[s], true);
            assert_true(fit->converged);
            assert_near(fit->phi[0], log(53), 0.05);
            fit_destroy(&fit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolution__is_what_allowed_errors_do),
        cmocka_unit_test(resolution__is_asked_of_errors_that_can_be_too_small),
        cmocka_unit_test(resolution__refuses_readings_of_rounding),
    };
    return cmocka_run_group_tests_name("resolution", tests, NULL, NULL);
}
