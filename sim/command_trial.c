#include "sim/commands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "sim/design.h"
#include "sim/trial.h"

struct question {
    struct cli *cli;
    struct design people;
    struct arms arms;
    struct trial_design design;
    struct trial trial;
};

static bool progress(void *context, size_t done)
{
    const struct question *q = context;
    cli_progress(q->cli, "patients", done, q->design.trials * q->people.cohort.patients);
    return !cli_interrupted();
}

/* --- the question ------------------------------------------------------------------- */

static enum err find_outcome(const struct model *model, const char *name, size_t *index)
{
    char *list = mem_text("");
    for (*index = 0; *index < model_outcomes(model); ++*index) {
        const char *known = model_outcome(model, *index)->name;
        if (strcmp(known, name) == 0)
            break;
        char *longer = mem_format("%s%s%s", list, *list ? ", " : "", known);
        mem_free(list);
        list = longer;
    }
    enum err err = ERR_OK;
    if (*index == model_outcomes(model)) {
        err_set(ERR_NOT_FOUND, "model %s has no outcome '%s'", model_name(model), name);
        err =
            *list ? err_hint("it has %s", list) : err_hint("its text has no [outcomes]");
    }
    mem_free(list);
    return err;
}

static enum err read_question(struct question *q)
{
    int64_t trials = 1, threads = 0;
    const struct model *model = q->people.model;
    if (find_outcome(model, cli_text(q->cli, "outcome", ""), &q->design.outcome) !=
            ERR_OK ||
        cli_integer(q->cli, "trials", 1, 1, TRIAL_PATIENTS_MAX, &trials) != ERR_OK ||
        cli_integer(q->cli, "threads", 0, 0, 256, &threads) != ERR_OK ||
        cli_real(q->cli, "dropout", 0, 0, 1e9, &q->design.dropout) != ERR_OK)
        return err_code();
    for (size_t i = 0; i < cli_repeats(q->cli, "arm"); i++)
        if (arms_add(&q->arms, model, cli_text_at(q->cli, "arm", i)) != ERR_OK)
            return err_code();
    q->people.cohort.plausible = true;
    q->design.cohort = &q->people.cohort;
    q->design.arms = &q->arms;
    q->design.trials = (size_t)trials;
    q->design.threads = (size_t)threads;
    q->design.progress = progress;
    q->design.context = q;
    return ERR_OK;
}

/* --- the answer --------------------------------------------------------------------- */

static double share(const struct question *q, size_t arm)
{
    return (double)q->trial.differences[arm].significant / (double)q->design.trials;
}

/* Of a share of so many trials; Wilson 1927, 95 %. */
static void share_interval(const struct question *q, size_t arm, double *low,
                           double *high)
{
    const double z = 1.959963984540054;
    double n = (double)q->design.trials, p = share(q, arm);
    double middle = (p + z * z / (2 * n)) / (1 + z * z / n),
           reach = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
    *low = fmax(0, middle - reach);
    *high = fmin(1, middle + reach);
}

static struct json *mean_json(const struct question *q, size_t arm)
{
    const struct trial_mean *mean = &q->trial.means[arm];
    struct json *json = json_new_object();
    json_set_text(json, "name", arm_name(q->arms.arm[arm]));
    json_set_integer(json, "patients", (int64_t)mean->patients);
    json_set_real(json, "mean", mean->mean);
    json_set_real(json, "sd", mean->sd);
    json_set_integer(json, "met", (int64_t)mean->met);
    return json;
}

static struct json *difference_json(const struct question *q, size_t arm)
{
    const struct trial_difference *d = &q->trial.differences[arm];
    struct json *json = json_new_object(), *paired = json_new_object(),
                *first = json_new_object(), *trials = json_new_object();
    double low, high;
    share_interval(q, arm, &low, &high);
    json_set_integer(paired, "patients", (int64_t)d->pairs);
    json_set_real(paired, "difference", d->paired);
    json_set_real(paired, "se", d->paired_se);
    json_set_integer(first, "patients", (int64_t)d->patients);
    json_set_integer(first, "others", (int64_t)d->others);
    json_set_real(first, "difference", d->difference);
    json_set_real(first, "low", d->low);
    json_set_real(first, "high", d->high);
    json_set_real(first, "p", d->p);
    json_set_integer(trials, "significant", (int64_t)d->significant);
    json_set_real(trials, "share", share(q, arm));
    json_set_real(trials, "low", low);
    json_set_real(trials, "high", high);
    json_set_text(json, "arm", arm_name(q->arms.arm[arm]));
    json_set_text(json, "against", arm_name(q->arms.arm[0]));
    json_set(json, "paired", paired);
    json_set(json, "first_trial", first);
    json_set(json, "trials", trials);
    return json;
}

static struct json *trial_json(const struct question *q)
{
    const struct model_outcome *outcome =
        model_outcome(q->people.model, q->design.outcome);
    struct json *json = json_new_object(), *arms = json_new_array(),
                *differences = json_new_array();
    json_set_text(json, "model", model_name(q->people.model));
    json_set_text(json, "outcome", outcome->name);
    json_set_text(json, "unit", outcome->unit);
    json_set_integer(json, "patients", (int64_t)q->people.cohort.patients);
    json_set_integer(json, "trials", (int64_t)q->design.trials);
    json_set_integer(json, "seed", (int64_t)q->people.cohort.seed);
    for (size_t a = 0; a < q->arms.count; a++)
        json_add(arms, mean_json(q, a));
    for (size_t a = 1; a < q->arms.count; a++)
        json_add(differences, difference_json(q, a));
    json_set(json, "arms", arms);
    json_set(json, "differences", differences);
    return json;
}

static void print_difference(const struct question *q, size_t arm)
{
    const struct trial_difference *d = &q->trial.differences[arm];
    double low, high;
    share_interval(q, arm, &low, &high);
    printf("\n%s against %s\n", arm_name(q->arms.arm[arm]), arm_name(q->arms.arm[0]));
    printf("  %zu patients in both    %+.4g, standard error %.2g\n", d->pairs, d->paired,
           d->paired_se);
    printf("  %s of %zu and %zu    %+.4g, 95 %% interval %.4g to %.4g, p = %.2g\n",
           q->design.trials > 1 ? "first trial," : "a trial", d->patients, d->others,
           d->difference, d->low, d->high, d->p);
    if (q->design.trials > 1)
        printf(
            "  p < 0.05 in %zu of %zu trials    %.1f %%, 95 %% interval %.1f to %.1f\n",
            d->significant, q->design.trials, 100 * share(q, arm), 100 * low, 100 * high);
}

static void print(const struct question *q)
{
    const struct model_outcome *outcome =
        model_outcome(q->people.model, q->design.outcome);
    printf("%s of %s%s%s, %g to %g %s\n\n", outcome->name, model_name(q->people.model),
           outcome->label ? ": " : "", outcome->label ? outcome->label : "",
           q->trial.from, q->trial.until, model_time_unit(q->people.model));
    printf("%-16s  %9s  %10s  %10s  %s\n", "arm", "patients", "mean", "sd",
           outcome->unit);
    for (size_t a = 0; a < q->arms.count; a++)
        printf("%-16s  %9zu  %10.4g  %10.4g\n", arm_name(q->arms.arm[a]),
               q->trial.means[a].patients, q->trial.means[a].mean, q->trial.means[a].sd);
    for (size_t a = 1; a < q->arms.count; a++)
        print_difference(q, a);
    printf("virtual patients, true courses: no evidence about real ones\n");
}

/* What may not be what was meant. */
static void warn(const struct question *q)
{
    size_t total = q->design.trials * q->people.cohort.patients;
    for (size_t a = 0; a < q->arms.count; a++) {
        const struct trial_mean *mean = &q->trial.means[a];
        const char *name = arm_name(q->arms.arm[a]);
        if (mean->met < total)
            cli_say(q->cli,
                    "warning: %zu of %zu patients meet no condition of arm %s: they get "
                    "what --dose and the model's study say",
                    total - mean->met, total, name);
        if (mean->patients < total)
            cli_say(q->cli, "warning: %zu of %zu patients have no value in arm %s",
                    total - mean->patients, total, name);
    }
}

enum err command_trial(struct cli *cli)
{
    struct question *q = mem_new(1, sizeof *q);
    q->cli = cli;
    enum err err = design_read_unmeasured(cli, 4, TRIAL_PATIENTS_MAX, &q->people);
    if (err == ERR_OK)
        err = read_question(q);
    if (err == ERR_OK)
        err = trial_run(q->people.model, &q->design, &q->trial);
    if (err == ERR_OK) {
        warn(q);
        cli_result(cli, trial_json(q));
        if (!cli_is_json(cli))
            print(q);
    }
    arms_free(&q->arms);
    design_clear(&q->people);
    mem_free(q);
    return err;
}
