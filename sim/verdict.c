#include "sim/verdict.h"

#include <math.h>

#include "base/file.h"
#include "base/memory.h"
#include "sim/comparison.h"
#include "sim/heldout.h"
#include "sim/hospitals.h"
#include "sim/result.h"

static bool judged(void *context, size_t done, size_t total)
{
    const struct estimate_watch *watch = context;
    if (watch->progress)
        watch->progress(watch->context, "forecasting people kept out", done, total);
    return !watch->interrupted || !watch->interrupted(watch->context);
}

static enum err read_prior(const char *path, const struct prior_layout *layout,
                           struct prior **prior)
{
    struct bytes bytes = {0};
    enum err err = file_read(path, PRIOR_BYTES_MAX, &bytes);
    if (err == ERR_OK)
        err = prior_read(layout, bytes.data, bytes.size, prior);
    bytes_free(&bytes);
    return err;
}

static enum err fit_exactly(const struct verdict_case *v, const size_t *hospital,
                            size_t hospitals, struct estimate *estimate)
{
    const struct estimate_options options = {.rounds = ESTIMATE_ROUNDS_EXACT,
                                             .start_factor = 1};
    return estimate_run(v->model, v->dataset, hospital, hospitals, &options, &v->watch,
                        estimate);
}

/* --- people kept out -----------------------------------------------------------------
 */

static const char *scale_of(const struct model_observation *observation)
{
    if (observation->residual == RESIDUAL_LOGNORMAL)
        return "log";
    if (observation->residual == RESIDUAL_BERNOULLI)
        return "probability";
    return observation->unit;
}

static struct json *score_json(const struct model_observation *observation,
                               const char *prior, size_t known,
                               const struct forecast_score *score)
{
    struct json *row = json_new_object();
    double n = (double)score->count;
    bool interval = observation->residual != RESIDUAL_BERNOULLI;
    json_set_text(row, "prior", prior);
    json_set_text(row, "quantity", observation->name);
    json_set_text(row, "scale", scale_of(observation));
    json_set_integer(row, "known", (int64_t)known);
    json_set_integer(row, "count", (int64_t)score->count);
    json_set_real(row, "rmse", sqrt(score->squares / n));
    json_set_real(row, "mae", score->sizes / n);
    json_set_real(row, "within_80", interval ? (double)score->within[0] / n : NAN);
    json_set_real(row, "within_95", interval ? (double)score->within[1] / n : NAN);
    return row;
}

static enum err add_errors(const struct verdict_case *v, const char *name,
                           const struct prior *prior, struct json *errors)
{
    struct heldout heldout;
    enum err err = heldout_judge(v->model, prior, v->dataset, v->hospital, judged,
                                 (void *)&v->watch, &heldout);
    if (err != ERR_OK)
        return err;
    if (heldout.failed)
        err = err_set(ERR_NUMERIC, "%zu forecasts of people kept out failed: %s",
                      heldout.failed, heldout.reason);
    for (size_t o = 0; o < heldout.observations; o++)
        for (size_t k = 0; k <= HELDOUT_KNOWN_MOST; k++) {
            const struct forecast_score *score =
                &heldout.scores[k * heldout.observations + o];
            if (score->count)
                json_add(errors,
                         score_json(model_observation(v->model, o), name, k, score));
        }
    heldout_clear(&heldout);
    return err;
}

/* What the clinic learns from its own patients alone; why it cannot, is no failure. */
static enum err add_clinic(const struct verdict_case *v, struct json *heldout,
                           struct json *errors)
{
    size_t patients = dataset_patients(v->dataset), own = 0,
           *alone = mem_new(patients, sizeof *alone);
    struct estimate *estimate = mem_new(1, sizeof *estimate);
    for (size_t i = 0; i < patients; i++) {
        alone[i] = v->hospital[i] == v->clinic ? 0 : HOSPITAL_NONE;
        own += v->hospital[i] == v->clinic;
    }
    json_set_text(heldout, "clinic", v->clinic_name);
    json_set_integer(heldout, "clinic_patients", (int64_t)own);
    enum err err = fit_exactly(v, alone, 1, estimate);
    if (err == ERR_OK) {
        err = add_errors(v, "clinic", estimate->prior, errors);
        estimate_clear(estimate);
    }
    json_set_text(heldout, "clinic_note",
                  err == ERR_OK || err == ERR_INTERRUPTED ? NULL : err_text());
    mem_free(estimate);
    mem_free(alone);
    return err == ERR_INTERRUPTED ? err : ERR_OK;
}

static enum err add_held_out(const struct verdict_case *v, const struct prior *shared,
                             const struct prior *start, struct json *result)
{
    struct json *heldout = json_new_object(), *errors = json_new_array();
    size_t people = 0;
    for (size_t i = 0; i < dataset_patients(v->dataset); i++)
        people += v->hospital[i] == HOSPITAL_NONE;
    json_set_integer(heldout, "people", (int64_t)people);
    enum err err = add_errors(v, "shared", shared, errors);
    if (err == ERR_OK)
        err = add_errors(v, "start", start, errors);
    if (err == ERR_OK)
        err = add_clinic(v, heldout, errors);
    json_set(heldout, "errors", errors);
    json_set(result, "held_out", heldout);
    return err;
}

/* --- the whole -----------------------------------------------------------------------
 */

static enum err judge(const struct verdict_case *v, const struct estimate *pooled,
                      struct json *result)
{
    struct prior *shared = NULL, *start = NULL;
    enum err err = read_prior(v->prior_path, &pooled->layout, &shared);
    if (err == ERR_OK)
        err = prior_from_model(v->model, &start);
    if (err == ERR_OK)
        json_set(
            result, "comparison",
            comparison_json(v->model, &pooled->layout, start, shared, pooled->prior));
    if (err == ERR_OK && v->held_out)
        err = add_held_out(v, shared, start, result);
    else if (err == ERR_OK)
        json_set(result, "held_out", json_new_null());
    prior_destroy(&shared);
    prior_destroy(&start);
    return err;
}

enum err verdict_add(const struct verdict_case *verdict, struct json *result)
{
    struct estimate *pooled = mem_new(1, sizeof *pooled);
    enum err err = fit_exactly(verdict, verdict->hospital, verdict->hospitals, pooled);
    if (err == ERR_OK) {
        json_set(result, "pooled", result_json(verdict->model, pooled, NAN));
        err = judge(verdict, pooled, result);
        estimate_clear(pooled);
    }
    mem_free(pooled);
    return err;
}
