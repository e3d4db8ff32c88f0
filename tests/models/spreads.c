#include "spreads.h"

#include "base/memory.h"
#include "course.h"
#include "model/fit.h"

/* The phrases of a list, separated by ";". */
static void each_phrase(const char *list, void (*take)(void *context, const char *phrase),
                        void *context)
{
    char *text = mem_text(list), *rest = text, *phrase;
    while ((phrase = strtok_r(rest, ";", &rest)))
        take(context, phrase + strspn(phrase, " "));
    mem_free(text);
}

/* "NAME ...": the name, cut off, and what is behind it. */
static char *split(const char *phrase, const char **behind)
{
    size_t size = strcspn(phrase, " ");
    *behind = phrase + size;
    return mem_format("%.*s", (int)size, phrase);
}

/* What is read is what the model says of the typical patient. */
static void read_one(void *context, const char *phrase)
{
    struct course *course = context;
    const char *behind;
    char *name = split(phrase, &behind);
    double *times;
    size_t count;
    assert_ok(regimen_times(behind + 1, &times, &count));
    const struct model *model = course->model;
    size_t width = model_states(model) + model_derived(model) + model_observations(model);
    size_t column = course_column(course, name);
    double *with_0 = mem_new(1 + count, sizeof *with_0);
    double *rows = mem_new((1 + count) * width, sizeof *rows);
    memcpy(with_0 + 1, times, count * sizeof *times);
    assert_ok(twin_simulate(course->engine, course->twin, course->parameters, with_0,
                            1 + count, rows));
    for (size_t i = 0; i < count; i++)
        assert_ok(record_measurement(course->record, times[i], name, NULL,
                                     rows[(1 + i) * width + column], CENSORED_NOT,
                                     100000 + i));
    mem_free(rows);
    mem_free(with_0);
    mem_free(times);
    mem_free(name);
}

struct answer {
    const struct spread *spread;
    const struct course *course;
    const struct fit *fit;
    size_t wrong;
};

/* The sum of the variances and covariances of "NAME*NAME". */
static double variance(const struct answer *answer, const char *names)
{
    size_t count = 0, at[4];
    char *text = mem_text(names), *rest = text, *word;
    while ((word = strtok_r(rest, "*", &rest))) {
        for (size_t a = 0; a < answer->fit->p; a++)
            if (strcmp(model_parameter(answer->course->model,
                                       answer->course->layout.individual[a])
                           ->name,
                       word) == 0) {
                assert_in_range(count, 0, 3);
                at[count++] = a;
            }
    }
    mem_free(text);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            sum += answer->fit->covariance[at[i] * answer->fit->p + at[k]];
    return count ? sum : NAN;
}

static void compare(void *context, const char *phrase)
{
    struct answer *answer = context;
    const char *behind;
    char *names = split(phrase, &behind);
    double expected = strtod(behind, NULL), got = sqrt(variance(answer, names));
    if (!(fabs(got - expected) <= answer->spread->tolerance)) {
        print_error("%s, %s: %s: %.4g; %.4g within %g says %s\n", answer->spread->model,
                    answer->spread->readings, names, got, expected,
                    answer->spread->tolerance, answer->spread->source);
        answer->wrong++;
    }
    mem_free(names);
}

static size_t check(const struct spread *spread)
{
    struct course course;
    struct prior *prior;
    struct fit *fit;
    course_open(&course, spread->model, spread->set, spread->doses);
    each_phrase(spread->readings, read_one, &course);
    twin_destroy(&course.twin);
    record_sort(course.record);
    assert_ok(twin_new(course.model, &course.layout, course.record, &course.twin));
    assert_ok(prior_from_model(course.model, &prior));
    assert_ok(fit_new(course.engine, course.twin, prior, &fit));
    assert_true(fit->converged);
    struct answer answer = {.spread = spread, .course = &course, .fit = fit};
    each_phrase(spread->expected, compare, &answer);
    fit_destroy(&fit);
    prior_destroy(&prior);
    course_close(&course);
    return answer.wrong;
}

void spreads_check(const struct spread *spreads, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong += check(&spreads[i]);
    assert_int_equal(wrong, 0);
}
