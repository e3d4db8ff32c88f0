/* Models that nobody wrote, through everything that runs models. `test_grammar nightly`:
 * more of them. */

#include "ensemble.h"
#include "generated.h"

#include <string.h>

#include "model/fit.h"
#include "model/outcome.h"
#include "model/track.h"
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
    for (size_t i = 0; i < TIMES; i++) {
        bool late = words & RANDOM_AFFINE && i + 2 >= TIMES; /* hundreds of 1/rate */
        times[i] = 1.7 * (double)(i + 1) + 0.013 * random_share(&chance_of);
        times[i] *= late ? 40 : 1;
    }
    course_read_all(course, times, TIMES);
    read_windows(course, times);
}

/* All that a prediction hangs on: phi [p + r], gamma [q]. */
static size_t directions_of(const struct course *course)
{
    const struct prior_layout *layout = &course->layout;
    return layout->p + layout->r + layout->q;
}

/* Of no numbers that a text could hold, so that nothing turns just where a course begins.
 */
static void transformed(const struct course *course, double *phi)
{
    const struct prior_layout *layout = &course->layout;
    double own[MODEL_PARAMETERS_MAX];
    course_transformed(course, own);
    memcpy(phi, own, layout->p * sizeof *phi);
    for (size_t i = 0; i < layout->r; i++)
        phi[layout->p + i] = i % 2 ? -0.07 : 0.1;
    memcpy(phi + layout->p + layout->r, own + layout->p, layout->q * sizeof *phi);
    for (size_t k = 0; k < directions_of(course); k++)
        phi[k] += 0.01 * sin((double)k + 1);
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

/* By all methods of the lanes: a fourth of them is affine, and goes by series. */
static void grammar__models_in_lanes_agree_with_cvodes(void **state)
{
    (void)state;
    size_t count = nightly ? 1000 : 40, series = 0;
    for (size_t seed = 0; seed < count; seed++) {
        double times[TIMES], f[3][READINGS], slopes[3][SLOPES];
        struct course course;
        open_course(&course, seed,
                    seed % 4 == 3
                        ? RANDOM_SMOOTH | RANDOM_AFFINE
                        : RANDOM_SMOOTH | RANDOM_KINKS | RANDOM_WINDOWS | RANDOM_AGAIN,
                    0, times);
        series += ensemble_takes_series(course.model);
        predict(&course, ENGINE_LANES, 1e-10, f[0], slopes[0]);
        predict(&course, ENGINE_ADAMS, 1e-10, f[1], slopes[1]);
        predict(&course, ENGINE_ROSENBROCK, 1e-10, f[2], slopes[2]);
        agree(seed, &course, f[0], slopes[0], f[1], slopes[1]);
        agree(seed, &course, f[2], slopes[2], f[1], slopes[1]);
        course_close(&course);
    }
    assert_int_equal(series, count / 4);
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

/* Whether something turns so near that the oracle's differences straddle it: as where a
 * switch comes to the time of a dose. */
static bool turns_nearby(struct course *course, const double *phi, size_t k, size_t i)
{
    struct engine_options options = {ENGINE_LANES, 1e-13};
    struct engine *engine = engine_new(course->model, &course->layout, &options);
    double wide[READINGS], narrow[READINGS];
    difference(course, engine, phi, k, 2e-4, wide);
    difference(course, engine, phi, k, 1e-5, narrow);
    engine_destroy(&engine);
    return fabs(wide[i] - narrow[i]) > 1e-6 * (1 + fabs(narrow[i]));
}

static void grammar__derivatives_are_those_of_extended_precision(void **state)
{
    (void)state;
    size_t count = nightly ? 300 : 12, near = 0;
    for (size_t seed = 0; seed < count; seed++) {
        double times[TIMES], f[READINGS], slopes[SLOPES];
        double phi[MODEL_PARAMETERS_MAX] = {0};
        long double expected[READINGS];
        struct course course;
        open_course(&course, seed, RANDOM_SMOOTH | (seed % 4 == 3 ? RANDOM_AFFINE : 0), 0,
                    times);
        size_t p = directions_of(&course);
        predict(&course, ENGINE_LANES, 1e-12, f, slopes);
        transformed(&course, phi);
        for (size_t k = 0; k < p; k++) {
            oracle_difference(&course, phi, k, times, TIMES, expected);
            for (size_t i = 0; i < twin_measurements(course.twin); i++) {
                double off = fabs(slopes[i * p + k] - (double)expected[i]);
                if (off <= 1e-8 * (1 + fabs((double)expected[i])))
                    continue;
                near++;
                if (!turns_nearby(&course, phi, k, i))
                    fail_msg("seed %zu: d f[%zu] by p%zu is %.12g, differences say %.12g",
                             seed, i, k, slopes[i * p + k], (double)expected[i]);
            }
        }
        course_close(&course);
    }
    assert_true(near <= 1 + count / 2);
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
    size_t count = nightly ? 300 : 14, compared = 0;
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
    size_t count = nightly ? 1000 : 14, compared = 0, stuck = 0, flat = 0;
    for (size_t i = 0; i < count; i++) {
        size_t seed = nightly || i > 0 ? i : 977; /* a peak where something turns */
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

/* --- fits, outcomes, whoever is followed
 * ------------------------------------------------------------------------------ */

#define PEOPLE 11

/* Eleven of a model, who differ in everything that a record holds, read as their
 * parameters have it; every fifth reading is beyond a limit. */
struct people {
    struct course course;
    struct record *records[PEOPLE];
    struct twin *twins[PEOPLE];
    struct prior *prior;
};

static void read_person(struct people *people, size_t i)
{
    struct course *course = &people->course;
    double f[READINGS], phi[MODEL_PARAMETERS_MAX], by = 0.3 * sin((double)(3 * i + 1));
    struct record *record = record_copy(course->record);
    for (size_t j = 0; j < record->dose_count; j++)
        record->doses[j].amount *= 1 + by;
    for (size_t j = 0; j < record->covariate_count; j++)
        if (strcmp(record->covariates[j].name, "c0") == 0)
            record->covariates[j].value *= 1 - by;
    twin_destroy(&course->twin);
    assert_ok(twin_new(course->model, &course->layout, record, &course->twin));
    transformed(course, phi);
    for (size_t k = 0; k < course->layout.p; k++)
        phi[k] += 0.2 * sin((double)(5 * i + 3 * k));
    assert_ok(predict_at(course, course->engine, phi, f, NULL));
    for (size_t j = 0; j < record->measurement_count; j++) {
        record->measurements[j].value = f[j] + (j % 5 ? 0 : 0.1);
        record->measurements[j].censoring = j % 5 ? CENSORED_NOT : CENSORED_BELOW;
    }
    people->records[i] = record;
    assert_ok(twin_new(course->model, &course->layout, record, &people->twins[i]));
}

static void people_open(struct people *people, uint64_t seed)
{
    double times[TIMES];
    open_course(&people->course, seed,
                seed % 2 ? RANDOM_SMOOTH | RANDOM_AFFINE
                         : RANDOM_SMOOTH | RANDOM_KINKS | RANDOM_WINDOWS | RANDOM_AGAIN,
                0, times);
    assert_ok(prior_from_model(people->course.model, &people->prior));
    for (size_t i = 0; i < PEOPLE; i++)
        read_person(people, i);
}

static void people_close(struct people *people)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        twin_destroy(&people->twins[i]);
        record_destroy(&people->records[i]);
    }
    prior_destroy(&people->prior);
    course_close(&people->course);
}

static void same_fit(uint64_t seed, size_t person, const struct fit *one,
                     const struct fit *other)
{
    size_t p = one->p;
    bool same = one->converged == other->converged &&
                one->evaluations == other->evaluations &&
                strcmp(one->reason, other->reason) == 0 &&
                same_bits(one->objective, other->objective) &&
                same_bits(one->minus2_log_likelihood, other->minus2_log_likelihood) &&
                memcmp(one->phi, other->phi, p * sizeof(double)) == 0 &&
                memcmp(one->covariance, other->covariance, p * p * sizeof(double)) == 0;
    if (!same)
        fail_msg("seed %zu: patient %zu alone is not what it is among others",
                 (size_t)seed, person);
}

/* Every bit of a patient's fit: alone, among ten others, in their order and back, on this
 * kind of machine and on the next narrower one. */
static void grammar__fits_depend_on_nobody_else(void **state)
{
    (void)state;
    size_t count = nightly ? 60 : 2, converged = 0;
    for (size_t seed = 0; seed < count; seed++) {
        struct people people;
        struct fit *fits[PEOPLE], *back[PEOPLE], *alone;
        const struct twin *twins[PEOPLE];
        const struct engine_options narrow = {ENGINE_NARROW, 0};
        people_open(&people, 20000 + seed);
        struct course *course = &people.course;
        struct engine *other = engine_new(course->model, &course->layout, &narrow);
        for (size_t i = 0; i < PEOPLE; i++)
            twins[i] = people.twins[PEOPLE - 1 - i];
        fit_all(course->engine, people.prior, (const struct twin *const *)people.twins,
                PEOPLE, NULL, fits);
        fit_all(other, people.prior, twins, PEOPLE, NULL, back);
        for (size_t i = 0; i < PEOPLE; i++) {
            converged += fits[i]->converged;
            same_fit(seed, i, fits[i], back[PEOPLE - 1 - i]);
            if (i % 4 == 1) {
                assert_ok(fit_new(i % 8 == 1 ? course->engine : other, people.twins[i],
                                  people.prior, &alone));
                same_fit(seed, i, alone, fits[i]);
                fit_destroy(&alone);
            }
        }
        for (size_t i = 0; i < PEOPLE; i++) {
            fit_destroy(&fits[i]);
            fit_destroy(&back[i]);
        }
        engine_destroy(&other);
        people_close(&people);
    }
    assert_true(2 * converged > count * PEOPLE);
}

static void same_outcomes(uint64_t seed, size_t person, const struct model *model,
                          const struct outcomes *one, const struct outcomes *other)
{
    bool same = true;
    for (size_t o = 0; o < model_outcomes(model); o++) {
        const struct outcome_series *a = &one->of[o], *b = &other->of[o];
        same &= a->count == b->count;
        for (size_t w = 0; same && w < a->count; w++)
            same = same_bits(a->values[w], b->values[w]);
    }
    if (!same)
        fail_msg("seed %zu: what the course of patient %zu comes to alone is not what it "
                 "comes to among others",
                 (size_t)seed, person);
}

/* And of what their courses come to. */
static void grammar__outcomes_depend_on_nobody_else(void **state)
{
    (void)state;
    size_t count = nightly ? 100 : 3;
    for (size_t seed = 0; seed < count; seed++) {
        struct people people;
        struct outcome_course courses[PEOPLE];
        people_open(&people, 25000 + seed);
        struct course *course = &people.course;
        const struct engine_options narrow = {ENGINE_NARROW, 0};
        struct engine *other = engine_new(course->model, &course->layout, &narrow);
        for (size_t i = 0; i < PEOPLE; i++)
            courses[i] = (struct outcome_course){
                .twin = people.twins[i], .parameters = course->parameters, .until = 12};
        outcomes_all(course->engine, courses, PEOPLE);
        for (size_t i = 0; i < PEOPLE; i++) {
            struct outcomes *alone;
            assert_ok(courses[i].err);
            assert_ok(outcomes_new(i % 2 ? other : course->engine, people.twins[i],
                                   course->parameters, 0, 12, &alone));
            same_outcomes(seed, i, course->model, courses[i].outcomes, alone);
            outcomes_destroy(course->model, &alone);
            outcomes_destroy(course->model, &courses[i].outcomes);
        }
        engine_destroy(&other);
        people_close(&people);
    }
}

/* What a course comes to, by lanes and by CVODES: but for times of what may be the same
 * at two of them. */
static void grammar__outcomes_agree_with_cvodes(void **state)
{
    (void)state;
    static const char *const names[] = {"m", "held", "area", "many"};
    size_t count = nightly ? 300 : 10;
    for (size_t seed = 0; seed < count; seed++) {
        double times[TIMES];
        struct course course;
        struct outcomes *ours, *theirs;
        open_course(&course, 30000 + seed,
                    RANDOM_SMOOTH | RANDOM_KINKS | RANDOM_AGAIN | RANDOM_DRIFTS, 0,
                    times);
        const struct engine_options options = {ENGINE_ADAMS, 1e-10};
        struct engine *engine = engine_new(course.model, &course.layout, &options);
        assert_ok(
            outcomes_new(course.engine, course.twin, course.parameters, 0, 12, &ours));
        assert_ok(outcomes_new(engine, course.twin, course.parameters, 0, 12, &theirs));
        for (size_t o = 0; o < sizeof names / sizeof *names; o++) {
            const struct outcome_series *a = &ours->of[o], *b = &theirs->of[o];
            assert_int_equal(a->count, b->count);
            for (size_t w = 0; w < a->count; w++)
                if (!(fabs(a->values[w] - b->values[w]) <=
                      1e-6 * (1 + fabs(b->values[w]))))
                    fail_msg("seed %zu, %s %zu: %.12g in lanes, %.12g by CVODES",
                             (size_t)seed, names[o], w, a->values[w], b->values[w]);
        }
        outcomes_destroy(course.model, &ours);
        outcomes_destroy(course.model, &theirs);
        engine_destroy(&engine);
        course_close(&course);
    }
}

/* What is foreseen of a reading, and how surely, at the beginning: where readings say
 * nothing a filter's covariance is J Omega J', by the derivatives that a fit has, through
 * whatever happens. */
static double foreseen_variance(const struct fit *fit, const double *slopes)
{
    size_t p = fit->p;
    double sum = 0;
    for (size_t a = 0; a < p; a++)
        for (size_t b = 0; b < p; b++)
            sum += slopes[a] * fit->covariance[a * p + b] * slopes[b];
    return sum;
}

static void grammar__whoever_is_followed_spreads_as_derivatives_say(void **state)
{
    (void)state;
    size_t count = nightly ? 300 : 8, stuck = 0;
    for (size_t seed = 0; seed < count; seed++) {
        double times[TIMES], f[READINGS], slopes[SLOPES];
        struct course course;
        struct track *track;
        struct twin *before;
        struct prior *prior;
        unsigned words = (RANDOM_SMOOTH & ~(unsigned)RANDOM_SWITCHES) | RANDOM_FOLLOWED |
                         (seed % 2 ? RANDOM_JUMPS : RANDOM_KINKS);
        open_course(&course, 40000 + seed, words, 0, times);
        size_t d = directions_of(&course);
        struct record *empty = record_known(course.record, 0);
        assert_ok(twin_new(course.model, &course.layout, empty, &before));
        assert_ok(prior_from_model(course.model, &prior));
        const struct track_options options = {.tolerance = 1e-9};
        if (track_new(course.engine, before, course.twin, prior, &options, &track) ==
            ERR_OK) {
            assert_ok(twin_predict(course.engine, course.twin, track->fit->phi,
                                   prior->population, f, slopes));
            for (size_t i = 0; i < track->count; i++) {
                const struct track_point *point = &track->points[i];
                double told = point->sd * point->sd - 1e6,
                       expected = foreseen_variance(track->fit, slopes + i * d);
                if (!(fabs(point->predicted - f[i]) <= 1e-5 * (1 + fabs(f[i]))) ||
                    !(fabs(told - expected) <= 1e-4 * (0.01 + expected)))
                    fail_msg("seed %zu, reading %zu: %.9g with a variance of %.9g, not "
                             "%.9g with %.9g",
                             (size_t)seed, i, point->predicted, told, f[i], expected);
            }
            track_destroy(&track);
        } else {
            assert_non_null(strstr(err_text(), "lead back"));
            stuck++;
        }
        prior_destroy(&prior);
        twin_destroy(&before);
        record_destroy(&empty);
        course_close(&course);
    }
    assert_true(4 * stuck <= count);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar__models_run_to_the_same_bits),
        cmocka_unit_test(grammar__models_in_lanes_agree_with_cvodes),
        cmocka_unit_test(grammar__derivatives_are_those_of_extended_precision),
        cmocka_unit_test(grammar__steady_starts_and_drifts_agree_with_differences),
        cmocka_unit_test(grammar__rates_that_jump_agree_with_differences),
        cmocka_unit_test(grammar__fits_depend_on_nobody_else),
        cmocka_unit_test(grammar__outcomes_depend_on_nobody_else),
        cmocka_unit_test(grammar__outcomes_agree_with_cvodes),
        cmocka_unit_test(grammar__whoever_is_followed_spreads_as_derivatives_say),
    };
    nightly = count == 2 && strcmp(arguments[1], "nightly") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
