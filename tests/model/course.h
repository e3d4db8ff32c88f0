#ifndef TESTS_MODEL_COURSE_H
#define TESTS_MODEL_COURSE_H

/* course - one twin of a model of the house, written as on a command line, for the tests
 * of the models. */

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "model/regimen.h"
#include "model/twin.h"

struct course {
    struct model *model;
    struct prior_layout layout;
    struct record *record;
    struct twin *twin;
    struct engine *engine;
    double parameters[MODEL_PARAMETERS_MAX];
};

static inline void course_set(struct course *course, const char *name, double value,
                              double time)
{
    for (size_t i = 0; i < model_parameters(course->model); i++)
        if (strcmp(model_parameter(course->model, i)->name, name) == 0) {
            course->parameters[i] = value;
            return;
        }
    for (size_t i = 0; i < model_covariates(course->model); i++)
        if (strcmp(model_covariate(course->model, i)->name, name) == 0) {
            assert_ok(record_covariate(course->record, time, name, NULL, value,
                                       course->record->covariate_count));
            return;
        }
    fail_msg("%s: no '%s'", model_name(course->model), name);
}

/* `set`: "NAME=VALUE NAME=VALUE", where a covariate may change at a time of the model's:
 * "NAME=VALUE@TIME"; `doses`: phrases separated by ";". */
static inline void course_fill(struct course *course, const char *set, const char *doses)
{
    char *text = mem_text(set), *rest = text, *word;
    while ((word = strtok_r(rest, " ", &rest))) {
        char *value = strchr(word, '='), *end;
        *value++ = 0;
        double number = strtod(value, &end);
        course_set(course, word, number, *end == '@' ? strtod(end + 1, NULL) : 0);
    }
    mem_free(text);
    text = mem_text(doses);
    rest = text;
    for (size_t order = 1; (word = strtok_r(rest, ";", &rest)); order += 1000)
        assert_ok(regimen_dose(word, order, course->record));
    mem_free(text);
}

static inline void course_open_text(struct course *course, const char *text,
                                    const char *set, const char *doses)
{
    *course = (struct course){0};
    assert_ok(model_parse(text, strlen(text), "course.twin", &course->model));
    assert_ok(prior_layout(course->model, &course->layout));
    for (size_t i = 0; i < model_parameters(course->model); i++)
        course->parameters[i] = model_parameter(course->model, i)->typical;
    course->record = record_new("1", model_time_unit(course->model));
    course_fill(course, set, doses);
    record_sort(course->record);
    assert_ok(twin_new(course->model, &course->layout, course->record, &course->twin));
    course->engine = engine_new(course->model, &course->layout, NULL);
}

static inline void course_open(struct course *course, const char *model, const char *set,
                               const char *doses)
{
    char *path = mem_format("%s/models/%s.twin", SOURCE_DIR, model);
    struct bytes text = {0};
    assert_ok(file_read(path, MODEL_TEXT_MAX, &text));
    bytes_u8(&text, 0);
    course_open_text(course, (const char *)text.data, set, doses);
    bytes_free(&text);
    mem_free(path);
}

static inline void course_close(struct course *course)
{
    twin_destroy(&course->twin);
    record_destroy(&course->record);
    engine_destroy(&course->engine);
    model_destroy(&course->model);
}

/* Where an output stands in a row of twin_simulate. */
static inline size_t course_column(const struct course *course, const char *output)
{
    const struct model *model = course->model;
    size_t states = model_states(model), derived = model_derived(model);
    for (size_t i = 0; i < states; i++)
        if (strcmp(model_state(model, i)->name, output) == 0)
            return i;
    for (size_t i = 0; i < derived; i++)
        if (strcmp(model_derived_at(model, i)->name, output) == 0)
            return states + i;
    for (size_t i = 0; i < model_observations(model); i++)
        if (strcmp(model_observation(model, i)->name, output) == 0)
            return states + derived + i;
    fail_msg("%s: no output '%s'", model_name(model), output);
    return 0;
}

/* One output at from, from + step, ...; caller frees. */
static inline double *course_run(struct course *course, const char *output, double from,
                                 double step, size_t count)
{
    const struct model *model = course->model;
    size_t width = model_states(model) + model_derived(model) + model_observations(model);
    size_t column = course_column(course, output);
    double *times = mem_new(count, sizeof *times);
    double *rows = mem_new(count * width, sizeof *rows),
           *out = mem_new(count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        times[i] = from + step * (double)i;
    assert_ok(twin_simulate(course->engine, course->twin, course->parameters, times,
                            count, rows));
    for (size_t i = 0; i < count; i++)
        out[i] = rows[i * width + column];
    mem_free(times);
    mem_free(rows);
    return out;
}

/* Parameter `a` of the layout's order, individual ones first, then the population's. */
static inline size_t course_learned(const struct course *course, size_t a)
{
    const struct prior_layout *layout = &course->layout;
    return a < layout->p ? layout->individual[a] : layout->population[a - layout->p];
}

/* What twin_predict takes: transformed parameters in the layout's order [p + q], 0.3 of a
 * spread from the typical ones. */
static inline void course_transformed(const struct course *course, double *phi)
{
    for (size_t a = 0; a < course->layout.p + course->layout.q; a++) {
        const struct model_parameter *one =
            model_parameter(course->model, course_learned(course, a));
        phi[a] = transform_forward(one, course->parameters[course_learned(course, a)]) +
                 (a % 2 ? -0.3 : 0.3) * one->between_sd;
    }
}

/* How many readings a moment has: those that look back need a past. */
static inline size_t course_readings(const struct course *course)
{
    size_t count = 0;
    for (size_t o = 0; o < model_observations(course->model); o++)
        count += !model_looks_back(course->model, o);
    return count;
}

/* A measurement of everything at each of these times, but of what looks back; its value
 * is 1. */
static inline void course_read_all(struct course *course, const double *times,
                                   size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t o = 0; o < model_observations(course->model); o++)
            if (!model_looks_back(course->model, o))
                assert_ok(record_measurement(
                    course->record, times[i], model_observation(course->model, o)->name,
                    NULL, 1, CENSORED_NOT, 100000 + i * 100 + o));
    twin_destroy(&course->twin);
    record_sort(course->record);
    assert_ok(twin_new(course->model, &course->layout, course->record, &course->twin));
}

#endif
