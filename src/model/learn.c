#include "model/learn.h"

#include <math.h>
#include <stdio.h>

#include "learn_exact.h"
#include "learn_private.h"

const char *learn_verdict_name(enum learn_verdict verdict)
{
    static const char *const names[] = {
        [LEARN_MOVED] = "moved",
        [LEARN_DIAGONAL] = "variances moved, correlations held",
        [LEARN_HELD] = "held",
        [LEARN_ABSENT] = "absent",
    };
    return names[verdict];
}

static enum err check(const struct prior_layout *layout,
                      const struct statistic *statistic, const struct learn_round *rounds,
                      size_t count)
{
    if (count == 0)
        return err_set(ERR_RANGE, "no round to learn from");
    if (statistic->p != layout->p || statistic->k != layout->k ||
        statistic->q != layout->q || statistic->m != layout->m)
        return err_set(ERR_RANGE, "the statistic is of another model");
    for (size_t i = 0; i < count; i++)
        if (rounds[i].prior->p != layout->p || rounds[i].prior->k != layout->k ||
            rounds[i].prior->q != layout->q || rounds[i].prior->m != layout->m)
            return err_set(ERR_RANGE, "the prior of round %zu is of another model",
                           i + 1);
    return ERR_OK;
}

static struct prior *hold(const struct prior *prior, struct learn_report *report,
                          const char *reason)
{
    report->effects = report->covariance = report->residual = report->population =
        LEARN_HELD;
    snprintf(report->reason, sizeof report->reason, "%s", reason);
    return prior_copy(prior);
}

/* Has no round a patient whose fit came to rest? */
static bool nobody_was_fitted(const struct history *history)
{
    bool nobody = true;
    for (size_t i = 0; i < history->count; i++)
        nobody &= history->views[i].failed >= history->views[i].patients;
    return nobody;
}

enum err learn_step(const struct model *model, const struct prior_layout *layout,
                    const struct statistic *statistic, const struct learn_round *rounds,
                    size_t count, const struct learn_options *options,
                    struct prior **next, struct learn_report *report)
{
    struct learn_options chosen =
        options ? *options : (struct learn_options){LEARN_PATIENTS_MIN, LEARN_TOLERANCE};
    enum err err = check(layout, statistic, rounds, count);
    if (err != ERR_OK)
        return err;
    struct history history;
    *report = (struct learn_report){
        .covariance = layout->p ? LEARN_MOVED : LEARN_ABSENT,
        .effects = layout->p ? LEARN_MOVED : LEARN_ABSENT,
        .residual = layout->m ? LEARN_MOVED : LEARN_ABSENT,
        .population = layout->q ? LEARN_MOVED : LEARN_ABSENT,
    };
    err = history_init(&history, model, layout, statistic, rounds, count);
    const struct view *view = &history.views[count - 1];
    if (err == ERR_OK && statistic->exact) {
        report->patients = view->patients;
        report->failed = view->failed;
        report->minus2_log_likelihood = view->likelihood;
        report->skew = view->patients > 0 ? view->skew / view->patients : NAN;
        report->laplace_doubtful = report->skew > LEARN_SKEW_MAX;
        if (view->patients < chosen.patients_min) {
            *next = hold(view->prior, report, "too few patients to learn from");
            report->stalled = true;
        } else if (nobody_was_fitted(&history)) {
            *next = hold(view->prior, report, "no patient could be fitted");
            report->stalled = true;
        } else if (learn_exactly(&history, chosen.tolerance, next, report) != ERR_OK) {
            err_wrap("nothing can be learned from these sums");
            *next = hold(view->prior, report, err_text());
            report->stalled = true; /* the same sums will say the same again */
        }
    } else if (err == ERR_OK) {
        report->failed = report->minus2_log_likelihood = report->skew = report->gain =
            NAN;
        if (learn_privately(&history, statistic, chosen.patients_min, next, report) !=
            ERR_OK)
            *next = hold(view->prior, report, err_text());
    }
    history_clear(&history);
    return err;
}
