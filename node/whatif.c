#include "node/whatif.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/draw.h"
#include "model/outcome.h"
#include "model/unit.h"
#include "node/alternatives.h"

/* What is not known of a patient is more than this by far. */
#define COURSE_TOLERANCE 1e-7

/* So many draws are carried at once. */
#define BLOCK 64

static const double levels[] = {0.05, 0.5, 0.95};
#define LEVELS (sizeof levels / sizeof *levels)
static const char *const level_keys[LEVELS] = {"low_90", "median", "high_90"};

struct asking {
    const struct whatif_question *q;
    double now, until;        /* model time */
    struct record *known;     /* with what is planned */
    struct model *wanted;     /* the model with what is wanted first under [plausible] */
    const struct model *seen; /* that, or the model */
    struct engine *engine;    /* of `seen` */
    const struct posterior *posterior;
    struct posterior *own; /* or NULL: it was known */
    struct draws *draws;
    struct alternative *alternatives;
    size_t count, done;
    size_t outputs, observations;
};

/* What all draws of one alternative come to. */
struct tallied {
    struct outcomes *mode;
    struct outcome_series *of; /* the mode's, or of what is observed */
    size_t series;
    double **values; /* [series][windows * draws] by window, then draw; NaN: none */
    double *curves;  /* [observations][times][draws] */
    double *want;    /* [wants + 1] how often each holds; all of them */
    size_t plausible, failed;
};

/* --- what is asked ------------------------------------------------------------------ */

/* The canonical text, and one more line under [plausible] for each condition. */
static enum err wanted_new(struct asking *a)
{
    static const char section[] = "\n[plausible]\n";
    const char *text = model_canonical(a->q->model), *found = strstr(text, section);
    struct bytes whole = {0};
    enum err err = ERR_OK;
    a->seen = a->q->model;
    if (!a->q->want_count)
        return ERR_OK;
    size_t head = found ? (size_t)(found - text) + sizeof section - 1 : strlen(text);
    bytes_append(&whole, text, head);
    if (!found)
        bytes_append(&whole, section, sizeof section - 1);
    for (size_t i = 0; err == ERR_OK && i < a->q->want_count; i++) {
        const char *want = a->q->wants[i];
        if (strpbrk(want, "\n\r#\\"))
            err = err_set(ERR_USAGE, "--want is one condition, on one line");
        bytes_append(&whole, want, strlen(want));
        bytes_u8(&whole, '\n');
    }
    bytes_append(&whole, text + head, strlen(text + head));
    if (err == ERR_OK)
        err = model_parse((const char *)whole.data, whole.size, "the model with --want",
                          &a->wanted);
    if (err != ERR_OK)
        err_hint(
            "as in --want 'max(X) < 8 [mg/L]', with a name of the model's; more under "
            "[plausible] in docs/language.md");
    bytes_free(&whole);
    a->seen = a->wanted;
    return err;
}

/* What is known, and when now is. */
static enum err find_now(struct asking *a)
{
    const struct record *record = a->q->record;
    double unit, last = -INFINITY;
    enum err err = unit_convert(record->time_unit, model_time_unit(a->q->model), &unit);
    if (err != ERR_OK)
        return err;
    size_t known = 0;
    while (known < record->measurement_count &&
           record->measurements[known].time * unit <= a->q->until)
        last = record->measurements[known++].time * unit;
    a->known = record_known(record, known);
    a->now = isfinite(a->q->until) ? a->q->until : last;
    if (!isfinite(a->now))
        a->now = a->q->times[0];
    a->until = a->q->times[a->q->time_count - 1];
    if (a->q->times[0] < a->now)
        return err_set(ERR_RANGE, "time %g is not ahead: it is %g %s now", a->q->times[0],
                       a->now, model_time_unit(a->q->model));
    if (!(a->until > a->now))
        return err_set(ERR_RANGE, "nothing lies between now, %g, and %g %s", a->now,
                       a->until, model_time_unit(a->q->model));
    return ERR_OK;
}

static enum err learn(struct asking *a)
{
    const struct whatif_question *q = a->q;
    struct twin *twin = NULL;
    struct fit *fit;
    enum err err = ERR_OK;
    a->posterior = q->posterior;
    if (!a->posterior) {
        struct engine *engine = engine_new(q->model, q->layout, NULL);
        err = twin_new(q->model, q->layout, a->known, &twin);
        if (err == ERR_OK)
            err = fit_new(engine, twin, q->prior, &fit);
        if (err == ERR_OK)
            a->posterior = a->own = posterior_new(engine, twin, q->prior, fit, q->draws);
        twin_destroy(&twin);
        engine_destroy(&engine);
    }
    return err == ERR_OK
               ? draws_new(q->model, q->layout, q->prior, a->posterior, &a->draws)
               : err;
}

/* --- one alternative ---------------------------------------------------------------- */

static void set_parameters(const struct alternative *one, double *parameters)
{
    for (size_t i = 0; i < one->set_count; i++)
        parameters[one->set[i]] = one->values[i];
}

static struct outcome_course course_of(const struct asking *a, const struct twin *twin,
                                       const double *parameters)
{
    return (struct outcome_course){
        .twin = twin, .parameters = parameters, .from = a->now, .until = a->until};
}

/* Room for the windows that the mode has; of a model without outcomes, for the highest
 * and the lowest of what is observed at the times asked for. */
static enum err tallied_new(const struct asking *a, const struct alternative *one,
                            const struct twin *twin, struct tallied *out)
{
    double parameters[MODEL_PARAMETERS_MAX];
    size_t named = model_outcomes(a->seen), draws = a->q->draws;
    *out = (struct tallied){0};
    draws_mode(a->draws, parameters);
    set_parameters(one, parameters);
    struct outcome_course course = course_of(a, twin, parameters);
    outcomes_all(a->engine, &course, 1);
    if (course.err != ERR_OK)
        return err_wrap("%s", one->name);
    out->mode = course.outcomes;
    out->series = named ? named : 2 * a->observations;
    out->of = named ? out->mode->of : NULL;
    out->values = mem_new(out->series, sizeof *out->values);
    for (size_t i = 0; i < out->series; i++)
        out->values[i] = mem_new((named ? out->of[i].count : 1) * draws, sizeof(double));
    out->curves =
        mem_new(a->observations * a->q->time_count * draws, sizeof *out->curves);
    out->want = mem_new(a->q->want_count + 1, sizeof *out->want);
    return ERR_OK;
}

static void tallied_clear(const struct asking *a, struct tallied *t)
{
    for (size_t i = 0; t->values && i < t->series; i++)
        mem_free(t->values[i]);
    mem_free(t->values);
    mem_free(t->curves);
    mem_free(t->want);
    outcomes_destroy(a->seen, &t->mode);
}

/* A draw's outcomes; NULL: they could not be computed. */
static void take_outcomes(const struct asking *a, struct tallied *t, size_t draw,
                          const struct outcomes *outcomes)
{
    size_t wants = a->q->want_count, held = 0;
    for (size_t i = 0; t->of && i < t->series; i++)
        for (size_t w = 0; w < t->of[i].count; w++)
            t->values[i][w * a->q->draws + draw] =
                outcomes && w < outcomes->of[i].count ? outcomes->of[i].values[w] : NAN;
    t->failed += outcomes == NULL;
    if (!outcomes)
        return;
    bool plausible = true;
    for (size_t i = 0; i < model_plausibles(a->seen); i++) {
        if (i >= wants) {
            plausible &= outcomes->plausible[i];
        } else if (outcomes->plausible[i]) {
            t->want[i]++;
            held++;
        }
    }
    t->want[wants] += held == wants;
    t->plausible += plausible;
}

/* A draw's observations at the times; NULL: they could not be computed. */
static void take_curve(const struct asking *a, struct tallied *t, size_t draw,
                       const double *out)
{
    size_t times = a->q->time_count, draws = a->q->draws;
    for (size_t o = 0; o < a->observations; o++) {
        double high = -INFINITY, low = INFINITY;
        for (size_t i = 0; i < times; i++) {
            double value =
                out ? out[i * a->outputs + a->outputs - a->observations + o] : NAN;
            t->curves[(o * times + i) * draws + draw] = value;
            high = fmax(high, value);
            low = fmin(low, value);
        }
        if (t->of)
            continue;
        t->values[2 * o][draw] = out ? high : NAN;
        t->values[2 * o + 1][draw] = out ? low : NAN;
    }
}

/* Draws first to first + count - 1. */
static void carry(const struct asking *a, const struct alternative *one,
                  const struct twin *twin, struct tallied *t, size_t first, size_t count)
{
    struct outcome_course courses[BLOCK];
    struct twin_course curves[BLOCK];
    size_t n = model_parameters(a->seen), width = a->q->time_count * a->outputs;
    double *parameters = mem_new(count * n, sizeof *parameters);
    double *out = mem_new(count * width, sizeof *out);
    for (size_t i = 0; i < count; i++) {
        double *own = parameters + i * n;
        draws_at(a->draws, first + i, own);
        set_parameters(one, own);
        courses[i] = course_of(a, twin, own);
        curves[i] = (struct twin_course){twin, own, out + i * width, ERR_OK};
    }
    outcomes_all(a->engine, courses, count);
    twin_simulate_all(a->engine, curves, count, a->q->times, a->q->time_count);
    for (size_t i = 0; i < count; i++) {
        take_outcomes(a, t, first + i, courses[i].outcomes);
        take_curve(a, t, first + i, curves[i].err == ERR_OK ? curves[i].out : NULL);
        outcomes_destroy(a->seen, &courses[i].outcomes);
    }
    mem_free(parameters);
    mem_free(out);
}

/* --- summed up ---------------------------------------------------------------------- */

static int ascending(const void *left, const void *right)
{
    const double *x = left, *y = right;
    return (*x > *y) - (*x < *y);
}

/* Of those that are numbers, which it puts in order: how many there are. */
static size_t quantiles(double *values, size_t count, double *out /* [LEVELS] */)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            values[n++] = values[i];
    qsort(values, n, sizeof *values, ascending);
    for (size_t l = 0; l < LEVELS; l++) {
        double at = levels[l] * (double)(n ? n - 1 : 0);
        size_t below = (size_t)at, above = below + 1 < n ? below + 1 : below;
        double share = at - (double)below;
        out[l] = n ? (1 - share) * values[below] + share * values[above] : NAN;
    }
    return n;
}

/* Columns of quantiles of `count` rows of draws, and the share of draws without a value.
 */
static void set_columns(struct json *json, double *rows, size_t count, size_t draws,
                        bool missing)
{
    double *column = mem_new((LEVELS + 1) * count, sizeof *column), at[LEVELS];
    for (size_t i = 0; i < count; i++) {
        size_t n = quantiles(rows + i * draws, draws, at);
        for (size_t l = 0; l < LEVELS; l++)
            column[l * count + i] = at[l];
        column[LEVELS * count + i] = 1 - (double)n / (double)draws;
    }
    for (size_t l = 0; l < LEVELS; l++)
        json_set_reals(json, level_keys[l], column + l * count, count);
    if (missing)
        json_set_reals(json, "missing", column + LEVELS * count, count);
    mem_free(column);
}

static struct json *outcomes_json(const struct asking *a, struct tallied *t)
{
    struct json *list = json_new_array();
    for (size_t i = 0; i < t->series; i++) {
        struct json *json = json_new_object();
        if (t->of) {
            const struct model_outcome *one = model_outcome(a->seen, i);
            json_set_text(json, "name", one->name);
            json_set_text(json, "unit", one->unit);
            json_set_reals(json, "from", t->of[i].from, t->of[i].count);
            json_set_reals(json, "to", t->of[i].to, t->of[i].count);
            json_set_reals(json, "mode", t->of[i].values, t->of[i].count);
        } else {
            const struct model_observation *one = model_observation(a->seen, i / 2);
            char *name = mem_format("%s %s", i % 2 ? "lowest" : "highest", one->name);
            json_set_text(json, "name", name);
            json_set_text(json, "unit", one->unit);
            json_set_reals(json, "from", a->q->times, 1);
            json_set_reals(json, "to", &a->until, 1);
            mem_free(name);
        }
        set_columns(json, t->values[i], t->of ? t->of[i].count : 1, a->q->draws, true);
        json_add(list, json);
    }
    return list;
}

static struct json *curves_json(const struct asking *a, struct tallied *t)
{
    struct json *list = json_new_array();
    size_t times = a->q->time_count, draws = a->q->draws;
    for (size_t o = 0; o < a->observations; o++) {
        struct json *json = json_new_object();
        json_set_text(json, "quantity", model_observation(a->seen, o)->name);
        json_set_text(json, "unit", model_observation(a->seen, o)->unit);
        json_set_reals(json, "time", a->q->times, times);
        set_columns(json, t->curves + o * times * draws, times, draws, false);
        json_add(list, json);
    }
    return list;
}

static struct json *alternative_json(const struct asking *a,
                                     const struct alternative *one, struct tallied *t)
{
    struct json *json = json_new_object();
    double draws = (double)a->q->draws;
    size_t wants = a->q->want_count;
    json_set_text(json, "plan", one->name);
    json_set_real(json, "swept", one->swept);
    json_set_real(json, "plausible", (double)t->plausible / draws);
    json_set_real(json, "failed", (double)t->failed / draws);
    for (size_t i = 0; i <= wants; i++)
        t->want[i] /= draws;
    json_set_reals(json, "wanted", t->want, wants);
    json_set_real(json, "all_wanted", wants ? t->want[wants] : NAN);
    json_set(json, "outcomes", outcomes_json(a, t));
    json_set(json, "curves", curves_json(a, t));
    return json;
}

static enum err carry_all(struct asking *a, const struct alternative *one,
                          struct twin **twin, struct tallied *t)
{
    size_t draws = a->q->draws;
    enum err err = twin_new(a->seen, a->q->layout, one->record, twin);
    if (err == ERR_OK)
        err = tallied_new(a, one, *twin, t);
    for (size_t i = 0; err == ERR_OK && i < draws; i += BLOCK) {
        size_t count = draws - i < BLOCK ? draws - i : BLOCK;
        carry(a, one, *twin, t, i, count);
        a->done += count;
        if (a->q->progress && !a->q->progress(a->q->context, a->done, a->count * draws))
            err = err_set(ERR_INTERRUPTED, "stopped; nothing is kept");
    }
    return err;
}

static enum err try_one(struct asking *a, const struct alternative *one,
                        struct json **json)
{
    struct twin *twin = NULL;
    struct tallied t = {0};
    enum err err = carry_all(a, one, &twin, &t);
    if (err == ERR_OK)
        *json = alternative_json(a, one, &t);
    tallied_clear(a, &t);
    twin_destroy(&twin);
    return err;
}

/* --- the answer --------------------------------------------------------------------- */

struct json *whatif_posterior(const struct posterior *posterior)
{
    struct json *json = json_new_object();
    json_set_boolean(json, "normal", posterior->normal);
    json_set_real(json, "shared", posterior->shared);
    json_set_integer(json, "modes", (int64_t)posterior->modes);
    json_set_integer(json, "draws", (int64_t)posterior->count);
    json_set_real(json, "effective", posterior->normal ? NAN : posterior->effective);
    return json;
}

static struct json *begin_json(const struct asking *a)
{
    struct json *json = json_new_object(), *wants = json_new_array();
    json_set_text(json, "patient", a->q->record->patient);
    json_set_text(json, "model", model_name(a->q->model));
    json_set_text(json, "time_unit", model_time_unit(a->q->model));
    json_set_real(json, "now", a->now);
    json_set_real(json, "until", a->until);
    json_set_integer(json, "known", (int64_t)a->posterior->fit->n);
    json_set_boolean(json, "converged", a->posterior->fit->converged);
    json_set_text(json, "reason", a->posterior->fit->reason);
    json_set(json, "posterior", whatif_posterior(a->posterior));
    json_set_integer(json, "draws", (int64_t)a->q->draws);
    for (size_t i = 0; i < a->q->want_count; i++)
        json_add(wants, json_new_text(a->q->wants[i]));
    json_set(json, "want", wants);
    return json;
}

struct ranked {
    struct json *json;
    double share;
    size_t order;
};

/* The likeliest first; of equal ones, and where nothing is wanted, as they were given. */
static int likeliest(const void *left, const void *right)
{
    const struct ranked *x = left, *y = right;
    if (x->share != y->share)
        return x->share > y->share ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static enum err try_all(struct asking *a, struct json *json)
{
    struct ranked *ranked = mem_new(a->count, sizeof *ranked);
    struct json *list = json_new_array();
    enum err err = ERR_OK;
    size_t tried = 0;
    while (err == ERR_OK && tried < a->count) {
        err = try_one(a, &a->alternatives[tried], &ranked[tried].json);
        double share = err == ERR_OK && a->q->want_count
                           ? json_get_real(ranked[tried].json, "all_wanted")
                           : 0;
        ranked[tried].share = share;
        ranked[tried].order = tried;
        tried += err == ERR_OK;
    }
    qsort(ranked, tried, sizeof *ranked, likeliest);
    for (size_t i = 0; i < tried; i++)
        json_add(list, ranked[i].json);
    json_set(json, "alternatives", list);
    mem_free(ranked);
    return err;
}

static enum err check(const struct whatif_question *q)
{
    if (q->time_count > WHATIF_TIMES_MAX)
        return err_set(ERR_USAGE, "more than %zu times to look at", WHATIF_TIMES_MAX);
    if (q->want_count > WHATIF_WANTS_MAX)
        return err_set(ERR_USAGE, "more than %zu conditions", WHATIF_WANTS_MAX);
    return ERR_OK;
}

/* Everything that is needed before an alternative can be tried. */
static enum err prepare(struct asking *a)
{
    const struct whatif_question *q = a->q;
    enum err err = check(q);
    if (err == ERR_OK)
        err = find_now(a);
    if (err == ERR_OK)
        err = wanted_new(a);
    if (err == ERR_OK) {
        const struct alternatives_question plans = {
            q->model,      a->known, a->now,       q->doses,
            q->dose_count, q->sets,  q->set_count, q->sweep,
        };
        err = alternatives_new(&plans, &a->alternatives, &a->count);
    }
    if (err == ERR_OK)
        err = learn(a);
    if (err != ERR_OK)
        return err;
    const struct engine_options options = {ENGINE_LANES, COURSE_TOLERANCE};
    a->observations = model_observations(a->seen);
    a->outputs = model_states(a->seen) + model_derived(a->seen) + a->observations;
    a->engine = engine_new(a->seen, q->layout, &options);
    return ERR_OK;
}

static void clear(struct asking *a)
{
    engine_destroy(&a->engine);
    draws_destroy(&a->draws);
    posterior_destroy(&a->own);
    alternatives_free(a->alternatives, a->count);
    model_destroy(&a->wanted);
    record_destroy(&a->known);
}

enum err whatif_json(const struct whatif_question *question, struct json **json)
{
    struct asking a = {.q = question};
    enum err err = prepare(&a);
    if (err == ERR_OK) {
        *json = begin_json(&a);
        err = try_all(&a, *json);
        if (err != ERR_OK)
            json_destroy(json);
    }
    clear(&a);
    return err;
}

enum err whatif_planned(const struct whatif_question *question, struct json **outcomes)
{
    struct asking a = {.q = question};
    struct twin *twin = NULL;
    struct tallied t = {0};
    enum err err = prepare(&a);
    if (err == ERR_OK)
        err = carry_all(&a, a.alternatives, &twin, &t);
    if (err == ERR_OK)
        *outcomes = outcomes_json(&a, &t);
    tallied_clear(&a, &t);
    twin_destroy(&twin);
    clear(&a);
    return err;
}
