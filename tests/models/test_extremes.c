/* extremes - what may be tried, tried at both of its ends: every line of [what-if] of
 * every model of the house, one at a time and all together, on the model's own example.
 * The course is solved, all of it is finite, what is never below 0 in the example is not
 * below 0 now, and every outcome is there, unless it is the time of something that does
 * not happen. */

#include "base/memory.h"
#include "example_course.h"
#include "model/outcome.h"

#define TIMES 61

#define OVER_REST "counted from rest"
#define BACK "flows back, through a leak or in a part of the beat"
#define CHANGE "a change, which goes both ways"

/* What may pass 0 though it does not in the example. */
static const struct {
    const char *model, *output, *reason;
} signed_outputs[] = {
    {"diabetes/glucose", "X", OVER_REST},
    {"diabetes/minimal", "X", OVER_REST},
    {"diabetes/padova", "X", OVER_REST},
    {"diabetes/type2", "half", "a term of the root: fasting glucose without own insulin"},
    {"diabetes/type2", "half0",
     "a term of the root: fasting glucose without own insulin"},
    {"diabetes/type2", "gain", CHANGE},
    {"diabetes/type2", "lost", CHANGE},
    {"heart/circulation", "Qao", BACK},
    {"heart/circulation", "Qmi", BACK},
    {"heart/circulation", "Qp", BACK},
    {"heart/circulation", "Qv", BACK},
    {"heart/circulation", "flow", BACK},
    {"joints/knee", "S",
     "drawn back from two weeks after, before which it does not count"},
    {"oncology/radiotherapy", "BED_time", "repopulation without radiation"},
    {"prevention/body_weight", "lost", CHANGE},
    {"prevention/body_weight", "lost_fat", CHANGE},
    {"prevention/lifestyle", "lp", "a logarithm"},
    {"prevention/lifestyle", "saved_10yr", CHANGE},
    {"prevention/pressure_plan", "gain", CHANGE},
    {"prevention/risk_prevent", "n", "over 3.5 mmol/L"},
    {"prevention/risk_prevent", "thin", "over 25 kg/m2"},
    {"prevention/risk_score2", "p", "over 120 mm[Hg]"},
    {"prevention/risk_score2", "h", "over 1.3 mmol/L"},
    {"prevention/risk_score2_diabetes", "p", "over 120 mm[Hg]"},
    {"prevention/risk_score2_diabetes", "h", "over 1.3 mmol/L"},
    {"prevention/risk_score2_diabetes", "c", "over 31 mmol/mol"},
    {"prevention/risk_score2_op", "men", "a logarithm"},
    {"prevention/risk_score2_op", "women", "a logarithm"},
};

static bool may_be_negative(const char *model, const char *output)
{
    for (size_t i = 0; i < sizeof signed_outputs / sizeof *signed_outputs; i++)
        if (strcmp(signed_outputs[i].model, model) == 0 &&
            strcmp(signed_outputs[i].output, output) == 0)
            return true;
    return false;
}

/* Does the line of an outcome ask when something happens? */
static bool asks_when(const char *text, const char *name)
{
    char *line = mem_format("\n%s = ", name);
    const char *at = strstr(strstr(text, "\n[outcomes]"), line);
    mem_free(line);
    assert_non_null(at);
    const char *end = strchr(at + 1, '\n');
    const char *first = strstr(at, "first("), *last = strstr(at, "last(");
    return (first && first < end) || (last && last < end);
}

/* --- one thing that is tried
 * ------------------------------------------------------------ */

/* `set` without what it says of `name`, and with this value of it. */
static char *set_to(const char *set, const char *name, double value)
{
    struct bytes out = {0};
    char *text = mem_text(set), *rest = text, *word;
    size_t size = strlen(name);
    while ((word = strtok_r(rest, " ", &rest)))
        if (strncmp(word, name, size) != 0 || word[size] != '=') {
            bytes_append(&out, word, strlen(word));
            bytes_append(&out, " ", 1);
        }
    mem_free(text);
    bytes_u8(&out, 0);
    char *all = mem_format("%s%s=%.17g", (const char *)out.data, name, value);
    bytes_free(&out);
    return all;
}

/* Every dose into `input` with this amount or, where there is none, one at the beginning.
 */
static char *dosed(const char *doses, const char *input, double amount, const char *unit,
                   double from, const char *time)
{
    struct bytes out = {0};
    char *text = mem_text(doses), *rest = text, *phrase;
    size_t size = strlen(input);
    bool found = false;
    while ((phrase = strtok_r(rest, ";", &rest))) {
        phrase += strspn(phrase, " ");
        bool this = strncmp(phrase, input, size) == 0 && phrase[size] == ' ';
        char *when = strchr(phrase, '@');
        assert_non_null(when);
        char *again = this ? mem_format("%s %.17g %s %s;", input, amount, unit, when)
                           : mem_format("%s;", phrase);
        bytes_append(&out, again, strlen(again));
        mem_free(again);
        found = found || this;
    }
    mem_free(text);
    if (!found) {
        char *one =
            mem_format("%s %.17g %s @ %.17g %s;", input, amount, unit, from, time);
        bytes_append(&out, one, strlen(one));
        mem_free(one);
    }
    bytes_u8(&out, 0);
    char *all = mem_text((const char *)out.data);
    bytes_free(&out);
    return all;
}

static void replace(char **text, char *by)
{
    mem_free(*text);
    *text = by;
}

static void try(struct example_course *example, const struct model *model, size_t index,
                bool high)
{
    const struct model_range *range = model_range(model, index);
    double value = high ? range->high : range->low;
    switch (range->of) {
    case RANGE_OF_INPUT:
        replace(&example->doses,
                dosed(example->doses, model_input(model, range->index)->name, value,
                      range->unit, example->from, model_time_unit(model)));
        break;
    case RANGE_OF_PARAMETER:
        replace(&example->set,
                set_to(example->set, model_parameter(model, range->index)->name, value));
        break;
    case RANGE_OF_COVARIATE:
        replace(&example->set,
                set_to(example->set, model_covariate(model, range->index)->name, value));
        break;
    }
}

/* --- what comes of it
 * ------------------------------------------------------------------- */

struct reach { /* of states, derived quantities and readings, then of outcomes */
    size_t count, outcomes;
    double *least, *most;
    bool *there; /* [outcomes] */
};

static const char *output_name(const struct model *model, size_t i)
{
    size_t states = model_states(model), derived = model_derived(model);
    size_t readings = model_observations(model);
    return i < states             ? model_state(model, i)->name
           : i < states + derived ? model_derived_at(model, i - states)->name
           : i < states + derived + readings
               ? model_observation(model, i - states - derived)->name
               : model_outcome(model, i - states - derived - readings)->name;
}

static void see(struct reach *reach, size_t i, double value)
{
    if (!(value >= reach->least[i]))
        reach->least[i] = value;
    if (!(value <= reach->most[i]))
        reach->most[i] = value;
}

static void run(const char *text, const struct example_course *example,
                struct reach *reach)
{
    struct course course;
    struct outcomes *outcomes;
    course_open_text(&course, text, example->set, example->doses);
    const struct model *model = course.model;
    size_t width = model_states(model) + model_derived(model) + model_observations(model);
    *reach = (struct reach){.count = width, .outcomes = model_outcomes(model)};
    reach->least = mem_new(width + reach->outcomes, sizeof *reach->least);
    reach->most = mem_new(width + reach->outcomes, sizeof *reach->most);
    reach->there = mem_new(reach->outcomes + 1, sizeof *reach->there);
    double times[TIMES], *rows = mem_new(TIMES * width, sizeof *rows);
    for (size_t i = 0; i < TIMES; i++)
        times[i] =
            example->from + (example->until - example->from) * (double)i / (TIMES - 1);
    assert_ok(
        twin_simulate(course.engine, course.twin, course.parameters, times, TIMES, rows));
    for (size_t i = 0; i < width + reach->outcomes; i++)
        reach->least[i] = INFINITY, reach->most[i] = -INFINITY;
    for (size_t i = 0; i < TIMES * width; i++)
        see(reach, i % width, rows[i]);
    mem_free(rows);
    assert_ok(outcomes_new(course.engine, course.twin, course.parameters, example->from,
                           example->until, &outcomes));
    for (size_t k = 0; k < reach->outcomes; k++)
        for (size_t w = 0; w < outcomes->of[k].count; w++)
            if (!isnan(outcomes->of[k].values[w])) {
                see(reach, width + k, outcomes->of[k].values[w]);
                reach->there[k] = true;
            }
    outcomes_destroy(course.model, &outcomes);
    course_close(&course);
}

static void reach_free(struct reach *reach)
{
    mem_free(reach->least);
    mem_free(reach->most);
    mem_free(reach->there);
}

/* How many of its outputs and outcomes are not as they should be. */
static size_t wrong(const struct library_model *one, const struct model *model,
                    const struct reach *usual, const struct reach *tried,
                    const char *what)
{
    size_t count = 0;
    for (size_t i = 0; i < tried->count + tried->outcomes; i++) {
        const char *name = output_name(model, i);
        bool outcome = i >= tried->count;
        if (outcome && !tried->there[i - tried->count]) {
            if (asks_when(one->text, name))
                continue;
            print_error("%s, %s: no %s\n", one->name, what, name);
            count++;
            continue;
        }
        double size = fmax(fabs(tried->least[i]), fabs(tried->most[i]));
        bool finite = isfinite(tried->least[i]) && isfinite(tried->most[i]);
        bool below = usual->least[i] >= 0 && tried->least[i] < -1e-6 * size &&
                     tried->least[i] < -1e-9;
        if (finite && (!below || may_be_negative(one->name, name)))
            continue;
        print_error("%s, %s: %s from %g to %g; in the example %g to %g\n", one->name,
                    what, name, tried->least[i], tried->most[i], usual->least[i],
                    usual->most[i]);
        count++;
    }
    return count;
}

/* --- the library
 * ------------------------------------------------------------------------ */

static size_t tried_of(const struct library_model *one, const struct model *model,
                       const struct reach *usual, size_t first, size_t last, bool high)
{
    struct example_course example = example_course_read(one);
    struct reach tried;
    for (size_t i = first; i < last; i++)
        try(&example, model, i, high);
    char *what = mem_format("%s; %s", example.set, example.doses);
    run(one->text, &example, &tried);
    size_t count = wrong(one, model, usual, &tried, what);
    mem_free(what);
    reach_free(&tried);
    example_course_free(&example);
    return count;
}

/* Every excuse is of a model that there is and of something that it has. */
static void extremes__excuses_are_of_what_there_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signed_outputs / sizeof *signed_outputs; i++) {
        struct model *model;
        bool found = false;
        assert_ok(library_load(signed_outputs[i].model, &model));
        size_t count = model_states(model) + model_derived(model) +
                       model_observations(model) + model_outcomes(model);
        for (size_t k = 0; k < count; k++)
            found = found || strcmp(output_name(model, k), signed_outputs[i].output) == 0;
        if (!found || !*signed_outputs[i].reason)
            fail_msg("%s: %s", signed_outputs[i].model, signed_outputs[i].output);
        model_destroy(&model);
    }
}

static void extremes__of_what_may_be_tried_are_sound(void **state)
{
    (void)state;
    size_t broken = 0;
    for (size_t i = 0; i < library_models(); i++) {
        const struct library_model *one = library_model(i);
        struct example_course example = example_course_read(one);
        struct model *model;
        struct reach usual;
        assert_ok(model_parse(one->text, strlen(one->text), one->name, &model));
        size_t ranges = model_ranges(model);
        run(one->text, &example, &usual);
        broken += wrong(one, model, &usual, &usual, "the example");
        for (int high = 0; high < 2 && ranges; high++) {
            for (size_t k = 0; k < ranges; k++)
                broken += tried_of(one, model, &usual, k, k + 1, high);
            broken += tried_of(one, model, &usual, 0, ranges, high);
        }
        reach_free(&usual);
        model_destroy(&model);
        example_course_free(&example);
    }
    assert_int_equal(broken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extremes__of_what_may_be_tried_are_sound),
        cmocka_unit_test(extremes__excuses_are_of_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
