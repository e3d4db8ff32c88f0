#include "sim/commands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/regimen.h"
#include "sim/design.h"
#include "sim/trial.h"

struct question {
    struct cli *cli;
    struct design people;
    struct arms arms;
    struct trial_design design;
    double *visits;
    struct trial trial;
};

/* Options, and fields of the answer. */
static const char *const endpoints[] = {
    [TRIAL_OUTCOME] = "outcome", [TRIAL_READING] = "reading", [TRIAL_CHANGE] = "change"};

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

static enum err find_observation(const struct model *model, const char *name,
                                 size_t *index)
{
    for (*index = 0; *index < model_observations(model); ++*index)
        if (strcmp(model_observation(model, *index)->name, name) == 0)
            return ERR_OK;
    return err_set(ERR_NOT_FOUND, "model %s has no observation '%s'", model_name(model),
                   name);
}

/* One of --outcome, --reading and --change. */
static enum err read_endpoint(struct question *q)
{
    const struct model *model = q->people.model;
    size_t given = 0;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++)
        if (cli_given(q->cli, endpoints[i])) {
            q->design.endpoint = (enum trial_endpoint)i;
            given++;
        }
    if (given != 1) {
        err_set(ERR_USAGE, "arms are compared by %s",
                given ? "one thing, not by more" : "nothing yet");
        return err_hint("one of --outcome, --reading and --change says by what");
    }
    const char *name = cli_text(q->cli, endpoints[q->design.endpoint], "");
    return q->design.endpoint == TRIAL_OUTCOME
               ? find_outcome(model, name, &q->design.of)
               : find_observation(model, name, &q->design.of);
}

static enum err read_visits(struct question *q)
{
    const char *times = cli_text(q->cli, "visits", NULL);
    if (!times)
        return ERR_OK;
    enum err err = regimen_times(times, &q->visits, &q->design.visit_count);
    q->design.visits = q->visits;
    return err == ERR_OK ? ERR_OK : err_wrap("--visits");
}

static enum err read_question(struct question *q)
{
    int64_t trials = 1, threads = 0;
    const struct model *model = q->people.model;
    if (read_endpoint(q) != ERR_OK || read_visits(q) != ERR_OK ||
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
    json_set_integer(json, "changed", (int64_t)mean->changed);
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

static const char *endpoint_name(const struct question *q)
{
    return q->design.endpoint == TRIAL_OUTCOME
               ? model_outcome(q->people.model, q->design.of)->name
               : model_observation(q->people.model, q->design.of)->name;
}

static const char *endpoint_unit(const struct question *q)
{
    return q->design.endpoint == TRIAL_OUTCOME
               ? model_outcome(q->people.model, q->design.of)->unit
               : model_observation(q->people.model, q->design.of)->unit;
}

static struct json *trial_json(const struct question *q)
{
    struct json *json = json_new_object(), *arms = json_new_array(),
                *differences = json_new_array();
    json_set_text(json, "model", model_name(q->people.model));
    json_set_text(json, endpoints[q->design.endpoint], endpoint_name(q));
    json_set_text(json, "unit", endpoint_unit(q));
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

static void print_head(const struct question *q)
{
    const struct model *model = q->people.model;
    const char *label = q->design.endpoint == TRIAL_OUTCOME
                            ? model_outcome(model, q->design.of)->label
                            : model_observation(model, q->design.of)->label;
    printf("%s of %s%s%s, ", endpoint_name(q), model_name(model), label ? ": " : "",
           label ? label : "");
    if (q->design.endpoint == TRIAL_OUTCOME)
        printf("%g to %g", q->trial.from, q->trial.until);
    else if (q->design.endpoint == TRIAL_READING)
        printf("as read at %g", q->visits[q->design.visit_count - 1]);
    else
        printf("change as read from %g to %g", q->visits[0],
               q->visits[q->design.visit_count - 1]);
    printf(" %s\n\n", model_time_unit(model));
}

static void print(const struct question *q)
{
    bool visits = q->design.visit_count > 0;
    print_head(q);
    printf("%-16s  %9s  %10s  %10s  %s%s\n", "arm", "patients", "mean", "sd",
           visits ? "  changed  " : "", endpoint_unit(q));
    for (size_t a = 0; a < q->arms.count; a++) {
        const struct trial_mean *mean = &q->trial.means[a];
        printf("%-16s  %9zu  %10.4g  %10.4g", arm_name(q->arms.arm[a]), mean->patients,
               mean->mean, mean->sd);
        if (visits)
            printf("  %9zu", mean->changed);
        printf("\n");
    }
    for (size_t a = 1; a < q->arms.count; a++)
        print_difference(q, a);
    printf("virtual patients, %s: no evidence about real ones\n",
           q->design.endpoint == TRIAL_OUTCOME ? "true courses"
                                               : "readings with the model's errors");
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
    mem_free(q->visits);
    arms_free(&q->arms);
    design_clear(&q->people);
    mem_free(q);
    return err;
}
