/* Models that nobody wrote, through everything that runs models. `test_grammar nightly`:
 * more of them. */

#include "generated.h"

#include <string.h>

#include "oracle_course.h"
#include "random_text.h"
#include "same_streams.h"

/* The first of them as C, made by the build (RANDOM_COMPILED of CMakeLists.txt). */
extern const struct generated *const random_models[];

static bool nightly;

/* --- the same bits -------------------------------------------------------------------
 */

static void grammar__models_run_to_the_same_bits(void **state)
{
    (void)state;
    size_t compiled = 0, count = nightly ? 3000 : 150;
    for (size_t seed = 0; seed < count; seed++) {
        struct model *model;
        char *text = random_model_text(
            seed, RANDOM_SMOOTH | RANDOM_KINKS | RANDOM_WINDOWS | RANDOM_AGAIN,
            RANDOM_JUMPS);
        assert_ok(model_parse(text, strlen(text), "random", &model));
        generated_attach(model, random_models);
        compiled += model_execution(model) == EXECUTION_GENERATED;
        for (size_t i = 0; i < PROGRAM_STREAMS; i++)
            compare_stream(model->program, program_stream(model->program, i), 4);
        model_destroy(&model);
        mem_free(text);
    }
    assert_int_equal(compiled, RANDOM_COMPILED);
}

/* --- courses
 * ---------------------------------------------------------------------------- */

#define TIMES 7
#define READINGS (3 * TIMES) /* at most */

/* And of what looks back. */
static void read_windows(struct course *course, const double *times)
{
    for (size_t i = 0; i < TIMES; i++)
        for (size_t o = 0; o < model_observations(course->model); o++)
            if (model_looks_back(course->model, o))
                assert_ok(record_measurement(
                    course->record, times[i], model_observation(course->model, o)->name,
                    NULL, 1, CENSORED_NOT, 200000 + i * 100 + o));
    twin_destroy(&course->twin);
    record_sort(course->record);
    assert_ok(twin_new(course->model, &course->layout, course->record, &course->twin));
    assert_int_equal(twin_measurements(course->twin),
                     TIMES * model_observations(course->model));
}

/* Doses, covariates and readings of this seed's own, off each other's times. */
static void open_course(struct course *course, uint64_t seed, unsigned words,
                        unsigned besides, double *times)
{
    struct random_text chance_of = {.state = 0xd1342543de82ef95u * (seed + 1)};
    char *text = random_model_text(seed, words, besides);
    course_open_text(course, text, "", "");
    mem_free(text);
    for (size_t i = 0; i < 8; i++)
        random_draw(&chance_of, 2);
    for (size_t i = 0; i < 6; i++) {
        static const char *const inputs[] = {"d0", "d1", "d2"};
        double time = 2 * (double)i + random_share(&chance_of);
        double duration = random_draw(&chance_of, 2) || i % 3 == 2 ? -1 : 0.7;
        assert_ok(record_dose(course->record, time, inputs[i % 3], "1",
                              random_share(&chance_of), duration, i + 1));
        assert_ok(record_covariate(course->record, time + 1.111, "c0", NULL,
                                   random_share(&chance_of), 100 + i));
    }
    assert_ok(record_covariate(course->record, 0, "c0", NULL, 0.5, 99));
    assert_ok(record_covariate(course->record, 0, "c1", NULL, 0.6, 98));
    assert_ok(record_covariate(course->record, 0, "e0", "kg", 75, 97));
    for (size_t i = 0; i < 2 && words & RANDOM_OCCASIONS; i++)
        assert_ok(record_covariate(course->record, 6.3 * (double)i, "v0", NULL,
                                   1 + (double)i, 95 + i));
    for (size_t i = 0; i < TIMES; i++)
        times[i] = 1.7 * (double)(i + 1) + 0.013 * random_share(&chance_of);
    course_read_all(course, times, TIMES);
    read_windows(course, times);
}

/* All that a prediction hangs on: phi [p + r], gamma [q]. */
static size_t directions_of(const struct course *course)
{
    const struct prior_layout *layout = &course->layout;
    return layout->p + layout->r + layout->q;
}

static void transformed(const struct course *course, double *phi)
{
    const struct prior_layout *layout = &course->layout;
    double own[MODEL_PARAMETERS_MAX];
    course_transformed(course, own);
    memcpy(phi, own, layout->p * sizeof *phi);
    for (size_t i = 0; i < layout->r; i++)
        phi[layout->p + i] = i % 2 ? -0.07 : 0.1;
    memcpy(phi + layout->p + layout->r, own + layout->p, layout->q * sizeof *phi);
}

static enum err predict_at(const struct course *course, struct engine *engine,
                           const double *phi, double *f, double *jacobian)
{
    const struct prior_layout *layout = &course->layout;
    return twin_predict(engine, course->twin, phi, phi + layout->p + layout->r, f,
                        jacobian);
}

/* Values and derivatives by one solver. */
static void predict(struct course *course, enum engine_solver solver, double tolerance,
                    double *f, double *jacobian)
{
    struct engine_options options = {solver, tolerance};
    struct engine *engine = engine_new(course->model, &course->layout, &options);
    double phi[MODEL_PARAMETERS_MAX] = {0};
    transformed(course, phi);
    assert_ok(predict_at(course, engine, phi, f, jacobian));
    engine_destroy(&engine);
}

#define SLOPES (READINGS * MODEL_PARAMETERS_MAX)

static void agree(uint64_t seed, const struct course *course, const double *f,
                  const double *slopes, const double *f_theirs,
                  const double *slopes_theirs)
{
    size_t p = directions_of(course);
    for (size_t i = 0; i < twin_measurements(course->twin); i++) {
        if (!(fabs(f[i] - f_theirs[i]) <= 1e-7 * (1 + fabs(f_theirs[i]))))
            fail_msg("seed %zu, value %zu: %.12g in lanes, %.12g by CVODES", (size_t)seed,
                     i, f[i], f_theirs[i]);
        for (size_t k = 0; k < p; k++) {
            double ours = slopes[i * p + k], theirs = slopes_theirs[i * p + k];
            if (!(fabs(ours - theirs) <= 1e-5 * (1 + fabs(theirs))))
                fail_msg("seed %zu, d f[%zu] by p%zu: %.12g in lanes, %.12g by CVODES",
                         (size_t)seed, i, k, ours, theirs);
        }
    }
}

/* By both methods of the lanes. */
static void grammar__models_in_lanes_agree_with_cvodes(void **state)
{
    (void)state;
    size_t count = nightly ? 1000 : 40;
    for (size_t seed = 0; seed < count; seed++) {
        double times[TIMES], f[3][READINGS], slopes[3][SLOPES];
        struct course course;
        open_course(&course, seed,
                    RANDOM_SMOOTH | RANDOM_KINKS | RANDOM_WINDOWS | RANDOM_AGAIN, 0,
                    times);
        predict(&course, ENGINE_LANES, 1e-10, f[0], slopes[0]);
        predict(&course, ENGINE_ADAMS, 1e-10, f[1], slopes[1]);
        predict(&course, ENGINE_ROSENBROCK, 1e-10, f[2], slopes[2]);
        agree(seed, &course, f[0], slopes[0], f[1], slopes[1]);
        agree(seed, &course, f[2], slopes[2], f[1], slopes[1]);
        course_close(&course);
    }
}

static void grammar__derivatives_are_those_of_extended_precision(void **state)
{
    (void)state;
    size_t count = nightly ? 300 : 20;
    for (size_t seed = 0; seed < count; seed++) {
        double times[TIMES], f[READINGS], slopes[SLOPES];
        double phi[MODEL_PARAMETERS_MAX] = {0};
        long double expected[READINGS];
        struct course course;
        open_course(&course, seed, RANDOM_SMOOTH, 0, times);
        size_t p = directions_of(&course);
        predict(&course, ENGINE_LANES, 1e-12, f, slopes);
        transformed(&course, phi);
        for (size_t k = 0; k < p; k++) {
            oracle_difference(&course, phi, k, times, TIMES, expected);
            for (size_t i = 0; i < twin_measurements(course.twin); i++) {
                double off = fabs(slopes[i * p + k] - (double)expected[i]);
                if (!(off <= 1e-8 * (1 + fabs((double)expected[i]))))
                    fail_msg("seed %zu: d f[%zu] by p%zu is %.12g, differences say %.12g",
                             seed, i, k, slopes[i * p + k], (double)expected[i]);
            }
        }
        course_close(&course);
    }
}

/* The difference of values along direction k: of order 4. */
static void difference(struct course *course, struct engine *engine, const double *phi,
                       size_t k, double h, double *out)
{
    static const double weights[] = {1, -8, 0, 8, -1};
    size_t count = twin_measurements(course->twin);
    double at[MODEL_PARAMETERS_MAX], f[READINGS];
    memcpy(at, phi, sizeof at);
    memset(out, 0, count * sizeof *out);
    for (int side = -2; side <= 2; side++) {
        at[k] = phi[k] + side * h;
        if (side == 0)
            continue;
        if (predict_at(course, engine, at, f, NULL) != ERR_OK)
            f[0] = NAN;
        for (size_t i = 0; i < count; i++)
            out[i] += weights[side + 2] * f[i] / (12 * h);
    }
}

/* Where differences of two sizes agree, nothing turns just at a reading, or only just. */
static size_t agree_with_differences(uint64_t seed, struct course *course,
                                     const double *phi, const double *slopes)
{
    struct engine_options options = {ENGINE_LANES, 1e-13};
    struct engine *engine = engine_new(course->model, &course->layout, &options);
    size_t p = directions_of(course), compared = 0;
    double wide[READINGS], narrow[READINGS];
    for (size_t k = 0; k < p; k++) {
        difference(course, engine, phi, k, 1e-4, wide);
        difference(course, engine, phi, k, 5e-5, narrow);
        for (size_t i = 0; i < twin_measurements(course->twin); i++) {
            double expected = narrow[i], room = 1e-7 * (1 + fabs(expected));
            if (!(fabs(wide[i] - expected) <= room))
                continue;
            compared++;
            if (!(fabs(slopes[i * p + k] - expected) <= 10 * room))
                fail_msg("seed %zu: d f[%zu] by p%zu is %.12g, differences say %.12g",
                         (size_t)seed, i, k, slopes[i * p + k], expected);
        }
    }
    engine_destroy(&engine);
    return compared;
}

/* What the oracle is not for: starts in a steady state and covariates that move all the
 * time. Both methods' values against CVODES', derivatives against differences of values.
 */
static void grammar__steady_starts_and_drifts_agree_with_differences(void **state)
{
    (void)state;
    size_t count = nightly ? 300 : 20, compared = 0;
    for (size_t seed = 0; seed < count; seed++) {
        double times[TIMES], f[READINGS], slopes[SLOPES], other[READINGS];
        double phi[MODEL_PARAMETERS_MAX] = {0};
        struct course course;
        open_course(&course, 5000 + seed,
                    RANDOM_SMOOTH | RANDOM_DRIFTS | RANDOM_STEADY | RANDOM_WINDOWS |
                        RANDOM_TURNS,
                    0, times);
        predict(&course, ENGINE_LANES, 1e-12, f, slopes);
        for (size_t way = 0; way < 2; way++) {
            predict(&course, way ? ENGINE_ROSENBROCK : ENGINE_ADAMS, 1e-11, other, NULL);
            for (size_t i = 0; i < twin_measurements(course.twin); i++)
                assert_near(other[i], f[i], 1e-8 * (1 + fabs(f[i])));
        }
        transformed(&course, phi);
        compared += agree_with_differences(seed, &course, phi, slopes);
        course_close(&course);
    }
    assert_true(compared > 25 * count);
}

/* A threshold that is met with no speed, as by a cube, is known to the cube root of
 * rounding, by whatever solver: does less tolerance change what is read? */
static bool is_met_flatly(struct course *course, const double *f)
{
    double finer[READINGS], slopes[SLOPES];
    bool flatly = false;
    predict(course, ENGINE_LANES, 1e-12, finer, slopes);
    for (size_t i = 0; i < twin_measurements(course->twin); i++)
        flatly |= fabs(finer[i] - f[i]) > 3e-8 * (1 + fabs(f[i]));
    return flatly;
}

/* Rates that jump where states come to something; a few do so for ever, and fewer come to
 * it flatly. */
static void grammar__rates_that_jump_agree_with_differences(void **state)
{
    (void)state;
    size_t count = nightly ? 1000 : 20, compared = 0, stuck = 0, flat = 0;
    for (size_t seed = 0; seed < count; seed++) {
        double times[TIMES], f[3][READINGS], slopes[3][SLOPES];
        double phi[MODEL_PARAMETERS_MAX] = {0};
        struct course course;
        open_course(&course, 9000 + seed,
                    RANDOM_SMOOTH | RANDOM_JUMPS | RANDOM_WINDOWS | RANDOM_AGAIN, 0,
                    times);
        transformed(&course, phi);
        struct engine_options options = {ENGINE_LANES, 1e-11};
        struct engine *engine = engine_new(course.model, &course.layout, &options);
        if (predict_at(&course, engine, phi, f[0], slopes[0]) == ERR_OK) {
            bool flatly = is_met_flatly(&course, f[0]);
            predict(&course, ENGINE_ADAMS, 1e-10, f[1], slopes[1]);
            predict(&course, ENGINE_ROSENBROCK, 1e-10, f[2], slopes[2]);
            if (!flatly)
                agree(seed, &course, f[0], slopes[0], f[1], slopes[1]);
            if (!flatly)
                agree(seed, &course, f[2], slopes[2], f[1], slopes[1]);
            flat += flatly;
            compared += agree_with_differences(seed, &course, phi, slopes[0]);
        } else {
            assert_non_null(strstr(err_text(), "lead back"));
            stuck++;
        }
        engine_destroy(&engine);
        course_close(&course);
    }
    assert_true(compared > 25 * count && 5 * stuck < count && 200 * flat <= count);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar__models_run_to_the_same_bits),
        cmocka_unit_test(grammar__models_in_lanes_agree_with_cvodes),
        cmocka_unit_test(grammar__derivatives_are_those_of_extended_precision),
        cmocka_unit_test(grammar__steady_starts_and_drifts_agree_with_differences),
        cmocka_unit_test(grammar__rates_that_jump_agree_with_differences),
    };
    nightly = count == 2 && strcmp(arguments[1], "nightly") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
