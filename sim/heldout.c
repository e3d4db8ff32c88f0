#include "sim/heldout.h"

#include <stdio.h>

#include "base/memory.h"
#include "sim/hospitals.h"

/* Of a person whose posterior is not normal. */
#define DRAWS 100

/* --- who --------------------------------------------------------------------------- */

enum err heldout_choose(size_t *hospital, size_t patients, size_t hospitals,
                        size_t spared, size_t count)
{
    size_t *left = mem_new(hospitals, sizeof *left), pool = 0, seen = 0;
    for (size_t i = 0; i < patients; i++) {
        left[hospital[i]]++;
        pool += hospital[i] != spared;
    }
    enum err err = ERR_OK;
    if (count > pool)
        err = err_set(ERR_RANGE, "%zu people cannot be kept out of %zu", count, pool);
    /* The n-th of the pool goes when n count / pool passes a whole number. */
    for (size_t i = 0; err == ERR_OK && i < patients; i++) {
        if (hospital[i] == spared)
            continue;
        seen++;
        if (seen * count / pool == (seen - 1) * count / pool)
            continue;
        if (--left[hospital[i]] == 0)
            err = err_set(ERR_RANGE, "to keep %zu people out leaves a hospital empty",
                          count);
        hospital[i] = HOSPITAL_NONE;
    }
    mem_free(left);
    return err;
}

/* --- how well ---------------------------------------------------------------------- */

struct judging {
    struct engine *engine;
    const struct prior *prior;
    struct heldout *out;
};

static enum err judge_from(struct judging *j, const struct record *record,
                           const struct twin *whole, size_t known)
{
    const struct model *model = engine_model(j->engine);
    struct record *first = record_known(record, known);
    struct forecast_score *scores = j->out->scores + known * j->out->observations;
    struct twin *twin = NULL;
    struct forecast *forecast = NULL;
    struct posterior *posterior = NULL;
    struct fit *fit;
    size_t all = twin_measurements(whole);
    enum err err = twin_new(model, engine_layout(j->engine), first, &twin);
    if (err == ERR_OK)
        err = fit_new(j->engine, twin, j->prior, &fit);
    if (err == ERR_OK) {
        posterior = posterior_new(j->engine, twin, j->prior, fit, DRAWS);
        err = forecast_new(j->engine, twin, posterior, whole, j->prior, &forecast);
        if (err == ERR_NUMERIC) {
            if (j->out->failed++ == 0)
                snprintf(j->out->reason, sizeof j->out->reason, "%s", err_text());
            err = ERR_OK;
        }
    }
    for (size_t o = 0; forecast && o < j->out->observations; o++) {
        size_t last = all;
        while (last > HELDOUT_KNOWN_MOST &&
               twin_measurement(whole, last - 1)->observation != o)
            last--;
        if (last > HELDOUT_KNOWN_MOST)
            forecast_judge(&forecast->points[last - 1 - twin_measurements(twin)], model,
                           twin_measurement(whole, last - 1), &scores[o]);
    }
    forecast_destroy(&forecast);
    posterior_destroy(&posterior);
    twin_destroy(&twin);
    record_destroy(&first);
    return err;
}

static enum err judge_person(struct judging *j, const struct record *record)
{
    struct twin *whole;
    enum err err =
        twin_new(engine_model(j->engine), engine_layout(j->engine), record, &whole);
    if (err != ERR_OK)
        return err;
    for (size_t known = 0; err == ERR_OK && known <= HELDOUT_KNOWN_MOST &&
                           twin_measurements(whole) > HELDOUT_KNOWN_MOST;
         known++)
        err = judge_from(j, record, whole, known);
    twin_destroy(&whole);
    return err;
}

enum err heldout_judge(const struct model *model, const struct prior *prior,
                       const struct dataset *dataset, const size_t *hospital,
                       bool (*go_on)(void *context, size_t done, size_t total),
                       void *context, struct heldout *heldout)
{
    size_t patients = dataset_patients(dataset);
    struct prior_layout *layout = mem_new(1, sizeof *layout);
    enum err err = prior_layout(model, layout);
    *heldout = (struct heldout){.observations = model_observations(model)};
    heldout->scores = mem_new((HELDOUT_KNOWN_MOST + 1) * heldout->observations,
                              sizeof *heldout->scores);
    if (err == ERR_OK) {
        struct judging j = {engine_new(model, layout, NULL), prior, heldout};
        for (size_t i = 0; err == ERR_OK && i < patients; i++) {
            if (hospital[i] == HOSPITAL_NONE)
                err = judge_person(&j, dataset_record(dataset, i));
            if (err == ERR_OK && go_on && !go_on(context, i + 1, patients))
                err = err_set(ERR_INTERRUPTED, "stopped; nothing was kept");
        }
        engine_destroy(&j.engine);
    }
    if (err != ERR_OK)
        heldout_clear(heldout);
    mem_free(layout);
    return err;
}

void heldout_clear(struct heldout *heldout)
{
    mem_free(heldout->scores);
    heldout->scores = NULL;
}
