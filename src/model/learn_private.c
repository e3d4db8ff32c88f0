#include "learn_private.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "numerics/linalg.h"
#include "weigh.h"

/* Sampling and noise together: the inverse information of the last round, what shortening
 * lost included, plus what the noise leaves. Noise can spoil the information of a small
 * cohort where it does not spoil the step: then they are not known (NaN). */
static void private_errors(const struct history *history, const struct weighed *weighed,
                           struct prior *next)
{
    const struct space *space = &history->space;
    const struct view *last = &history->views[history->count - 1];
    size_t n = space->count;
    double *information = mem_new(n * n, sizeof *information);
    double *covariance = mem_new(n * n, sizeof *covariance);
    const struct shortening *loss = &weighed->last;
    fisher_information(space, last, information);
    bool known = linalg_spd_inverse(n, information, covariance) == ERR_OK;
    for (size_t e = 0; e < n; e++) {
        enum number_kind kind = space->numbers[e].kind;
        double *variance = &covariance[e * n + e], noise = weighed->noise[e * n + e];
        if (kind == NUMBER_EFFECT)
            *variance *= loss->mean_loss;
        if (kind == NUMBER_COVARIANCE)
            *variance *= loss->shape_loss;
        if (kind == NUMBER_RESIDUAL) /* noise of a variance, error of a logarithm */
            noise /= 4 * weighed->value[e] * weighed->value[e];
        *variance = known ? *variance + noise : NAN;
    }
    history_errors(history, covariance, next);
    mem_free(information);
    mem_free(covariance);
}

enum err learn_privately(const struct history *history, const struct statistic *s,
                         double patients_min, struct prior **next,
                         struct learn_report *report)
{
    const struct space *space = &history->space;
    const struct view *last = &history->views[history->count - 1];
    size_t n = space->count;
    struct weighed weighed;
    double *step = mem_new(n, sizeof *step);
    enum err err =
        weigh_rounds(space, s, history->rounds, history->views, history->count, &weighed);
    report->patients = weighed.patients;
    if (err == ERR_OK && weighed.patients < patients_min)
        err = err_set(ERR_NUMERIC, "too few patients");
    for (size_t e = 0; err == ERR_OK && e < n; e++) {
        double at = *space_place(space, last->prior, e);
        step[e] = weighed.value[e] - at;
        if (space->numbers[e].kind == NUMBER_RESIDUAL)
            step[e] = (weighed.value[e] / exp(2 * at) - 1) / 2;
    }
    if (err == ERR_OK)
        err = history_move(history, history->count - 1, step, next);
    if (err == ERR_OK) {
        (*next)->patients = weighed.patients;
        report->effects = weighed.effects;
        report->covariance = weighed.covariance;
        report->residual = weighed.residual;
        report->population = weighed.population;
        if (weighed.effects == LEARN_HELD || weighed.covariance == LEARN_HELD ||
            weighed.covariance == LEARN_DIAGONAL || weighed.residual == LEARN_HELD ||
            weighed.population == LEARN_HELD)
            snprintf(report->reason, sizeof report->reason,
                     "held what noise would decide so far");
        private_errors(history, &weighed, *next);
    }
    mem_free(step);
    weighed_clear(&weighed);
    return err;
}
