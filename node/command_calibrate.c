#include "node/commands.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "model/posterior.h"
#include "node/basis.h"
#include "node/patients.h"
#include "node/whatif.h"

/* So many people who need a look are named where all are fitted and nobody asked. */
#define NAMED_MOST 10
/* Of who is asked for by name, where the posterior is not normal. */
#define DRAWS 500

struct tally {
    size_t fitted, stayed, skipped;
    struct json *twins, *skips;
};

/* On the natural scale. */
struct estimate {
    double mode, low, high;
};

static struct estimate estimate_of(const struct model_parameter *parameter,
                                   const struct posterior *posterior, size_t a)
{
    return (struct estimate){
        transform_back(parameter, posterior->fit->phi[a]),
        transform_back(parameter, posterior_quantile(posterior, a, 0.025)),
        transform_back(parameter, posterior_quantile(posterior, a, 0.975))};
}

static void name_patient(struct cli *cli, const char *patient, const char *what,
                         const char *reason, size_t before)
{
    if (cli_is_json(cli))
        return;
    if (cli_given(cli, "patient") || before < NAMED_MOST)
        printf("%s: %s: %s\n", patient, what, reason);
    else if (before == NAMED_MOST)
        printf("and more, with their reasons in --json\n");
}

static void report_intervals(struct cli *cli, const struct basis *basis,
                             const struct posterior *posterior, struct json *json)
{
    struct json *low = json_new_object(), *high = json_new_object(),
                *shape = whatif_posterior(posterior);
    bool shown = !cli_is_json(cli);
    if (shown)
        printf("%s, of %zu measurements\n  %-16s %12s  %-25s unit\n",
               json_get_text(json, "patient"), posterior->fit->n, "parameter",
               "most likely", "95 % interval");
    for (size_t a = 0; a < basis->layout->p; a++) {
        const struct model_parameter *p =
            model_parameter(basis->model, basis->layout->individual[a]);
        struct estimate e = estimate_of(p, posterior, a);
        char range[64];
        json_set_real(low, p->name, e.low);
        json_set_real(high, p->name, e.high);
        snprintf(range, sizeof range, "%.4g to %.4g", e.low, e.high);
        if (shown)
            printf("  %-16s %12.5g  %-25s %s\n", p->name, e.mode, range, p->unit);
    }
    if (shown)
        whatif_print_posterior(shape);
    json_set(json, "low_95", low);
    json_set(json, "high_95", high);
    json_set(json, "posterior", shape);
}

/* Intervals only of who is asked for by name: to ask what a posterior is like takes
 * longer than a fit. */
static void report_twin(struct cli *cli, const struct basis *basis, const char *patient,
                        const struct posterior *posterior, struct tally *tally)
{
    const struct fit *fit = posterior->fit;
    struct json *json = json_new_object(), *parameters = json_new_object();
    json_set_text(json, "patient", patient);
    json_set_integer(json, "measurements", (int64_t)fit->n);
    json_set_boolean(json, "converged", fit->converged);
    json_set_text(json, "reason", fit->converged ? NULL : fit->reason);
    if (!fit->converged)
        name_patient(cli, patient, "stays on the prior", fit->reason,
                     tally->stayed + tally->skipped);
    for (size_t a = 0; a < basis->layout->p; a++) {
        const struct model_parameter *p =
            model_parameter(basis->model, basis->layout->individual[a]);
        json_set_real(parameters, p->name, transform_back(p, fit->phi[a]));
    }
    json_set(json, "parameters", parameters);
    if (cli_given(cli, "patient"))
        report_intervals(cli, basis, posterior, json);
    json_add(tally->twins, json);
    tally->fitted += fit->converged;
    tally->stayed += !fit->converged;
}

static void report_skipped(struct cli *cli, const char *patient, const char *reason,
                           struct tally *tally)
{
    struct json *json = json_new_object();
    json_set_text(json, "patient", patient);
    json_set_text(json, "reason", reason);
    json_add(tally->skips, json);
    name_patient(cli, patient, "the model cannot use the record", reason,
                 tally->stayed + tally->skipped);
}

static bool wanted(struct cli *cli, const struct patient *patient)
{
    size_t count = cli_repeats(cli, "patient");
    for (size_t i = 0; i < count; i++)
        if (strcmp(cli_text_at(cli, "patient", i), patient->name) == 0)
            return true;
    return count == 0;
}

/* Whoever is asked for by name is there and may be used, or nothing is done. */
static enum err check_wanted(struct cli *cli, struct node *node)
{
    int64_t id;
    struct record *record;
    for (size_t i = 0; i < cli_repeats(cli, "patient"); i++) {
        if (patients_find(node, cli_text_at(cli, "patient", i), &id) != ERR_OK ||
            patients_record(node, id, &record) != ERR_OK)
            return err_code();
        record_destroy(&record);
    }
    return ERR_OK;
}

static enum err note_calibration(struct node *node, const struct basis *basis,
                                 const struct tally *tally)
{
    uint8_t hash[HASH_BYTES];
    const struct audit_entry entry = {.kind = AUDIT_CALIBRATION, .object = hash};
    model_hash(basis->model, hash);
    return audit_write(node->store, &entry,
                       "%zu twins of the model %s fitted, %zu stayed on the prior",
                       tally->fitted, model_name(basis->model), tally->stayed);
}

/* So many twins are fitted before they are told of, in the order of patients, by as many
 * threads as there are cores. Who fits a twin makes no difference in any bit. */
#define BATCH 1000

struct batch {
    pthread_mutex_t
        lock; /* of all below but what is read only, and of store and terminal */
    struct engine *engines[THREADS_MAX];
    size_t threads;

    struct cli *cli;
    struct node *node;
    const struct basis *basis;
    struct tally *tally;
    const struct patient *patients;
    size_t next, done, count; /* of all patients */
    size_t first, end;        /* of this batch */
    struct twin *twins[BATCH];
    struct fit *fits[BATCH];
    char *skipped[BATCH]; /* why */
    enum err result;
    char reason[400]; /* said by whichever thread */
};

static void stop_batch(struct batch *batch, enum err err)
{
    batch->result = err;
    snprintf(batch->reason, sizeof batch->reason, "%s", err_text());
}

static void stop_if_interrupted(struct batch *batch)
{
    if (batch->result == ERR_OK && cli_interrupted())
        stop_batch(batch, err_set(ERR_INTERRUPTED, "stopped"));
}

/* The twin of the next patient; none where the model cannot use the record, which is no
 * reason to stop the rest. */
static struct twin *read_twin(struct batch *batch)
{
    const struct patient *patient = &batch->patients[batch->next];
    const struct basis *basis = batch->basis;
    struct record *record = NULL;
    struct twin *twin = NULL;
    if (!wanted(batch->cli, patient))
        return NULL;
    enum err err = patients_record(batch->node, patient->id, &record);
    if (err == ERR_OK) {
        err = twin_new(basis->model, basis->layout, record, &twin);
        if (err != ERR_OK && err != ERR_STORAGE) {
            batch->skipped[batch->next - batch->first] = mem_text(err_text());
            err = ERR_OK;
        }
    }
    if (err != ERR_OK)
        stop_batch(batch, err);
    record_destroy(&record);
    return twin;
}

static bool next_twin(void *context, struct fit_patient *patient)
{
    struct batch *batch = context;
    struct twin *twin = NULL;
    pthread_mutex_lock(&batch->lock);
    size_t at = batch->next;
    stop_if_interrupted(batch);
    while (!twin && batch->result == ERR_OK && batch->next < batch->end) {
        twin = read_twin(batch);
        at = batch->next++;
        if (!twin)
            cli_progress(batch->cli, "fitting twins", ++batch->done, batch->count);
        stop_if_interrupted(batch);
    }
    if (twin) {
        batch->twins[at - batch->first] = twin;
        patient->twin = twin;
        patient->owner = &batch->fits[at - batch->first];
    }
    pthread_mutex_unlock(&batch->lock);
    return twin != NULL;
}

static bool twin_done(void *context, struct fit_patient *patient)
{
    struct batch *batch = context;
    pthread_mutex_lock(&batch->lock);
    *(struct fit **)patient->owner = patient->fit;
    cli_progress(batch->cli, "fitting twins", ++batch->done, batch->count);
    stop_if_interrupted(batch);
    bool goes_on = batch->result == ERR_OK;
    pthread_mutex_unlock(&batch->lock);
    return goes_on;
}

static void work(void *context, size_t index)
{
    struct batch *batch = context;
    const struct fit_crowd crowd = {batch->basis->prior, false, next_twin, twin_done,
                                    batch};
    fit_crowd(batch->engines[index], &crowd);
}

static void fit_batch(struct batch *batch)
{
    threads_run(batch->threads, work, batch);
    if (batch->result != ERR_OK)
        err_set(batch->result, "%s", batch->reason);
}

/* The fit becomes the posterior's. */
static void report_fit(struct batch *batch, const struct patient *patient,
                       const struct twin *twin, struct fit **fit)
{
    size_t wanted = cli_given(batch->cli, "patient") ? DRAWS : 0;
    struct posterior *posterior =
        posterior_new(batch->engines[0], twin, batch->basis->prior, *fit, wanted);
    *fit = NULL;
    report_twin(batch->cli, batch->basis, patient->name, posterior, batch->tally);
    posterior_destroy(&posterior);
}

static enum err calibrate_batch(struct batch *batch)
{
    struct tally *tally = batch->tally;
    batch->first = batch->next;
    batch->end =
        batch->count - batch->first < BATCH ? batch->count : batch->first + BATCH;
    fit_batch(batch);
    for (size_t i = batch->first; i < batch->end; i++) {
        const struct patient *patient = &batch->patients[i];
        struct fit **fit = &batch->fits[i - batch->first];
        char **skipped = &batch->skipped[i - batch->first];
        if (batch->result == ERR_OK && *fit)
            report_fit(batch, patient, batch->twins[i - batch->first], fit);
        if (batch->result == ERR_OK && *skipped) {
            report_skipped(batch->cli, patient->name, *skipped, tally);
            tally->skipped++;
        }
        mem_free(*skipped);
        *skipped = NULL;
        fit_destroy(fit);
        twin_destroy(&batch->twins[i - batch->first]);
    }
    return batch->result;
}

static size_t thread_count(size_t patients)
{
    size_t threads = threads_wanted(0);
    return threads < patients || patients == 0 ? threads : patients;
}

static enum err calibrate_all(struct cli *cli, struct node *node,
                              const struct basis *basis, struct tally *tally)
{
    struct patient *patients;
    size_t count;
    if (check_wanted(cli, node) != ERR_OK ||
        patients_list(node, &patients, &count) != ERR_OK)
        return err_code();
    struct batch *batch = mem_new(1, sizeof *batch);
    *batch = (struct batch){.cli = cli,
                            .node = node,
                            .basis = basis,
                            .tally = tally,
                            .patients = patients,
                            .count = count,
                            .threads = thread_count(count)};
    pthread_mutex_init(&batch->lock, NULL);
    for (size_t i = 0; i < batch->threads; i++)
        batch->engines[i] = engine_new(basis->model, basis->layout, NULL);
    enum err result = store_begin(node->store);
    while (result == ERR_OK && batch->next < count)
        result = calibrate_batch(batch);
    if (result == ERR_OK)
        result = note_calibration(node, basis, tally);
    if (result == ERR_OK)
        result = store_commit(node->store);
    else
        store_rollback(node->store);
    for (size_t i = 0; i < batch->threads; i++)
        engine_destroy(&batch->engines[i]);
    pthread_mutex_destroy(&batch->lock);
    mem_free(batch);
    patients_free(patients, count);
    return result;
}

static void report_all(struct cli *cli, const struct basis *basis,
                       const struct tally *tally)
{
    struct json *json = json_new_object();
    json_set_text(json, "model", model_name(basis->model));
    json_set_text(json, "prior", basis->source);
    json_set_integer(json, "fitted", (int64_t)tally->fitted);
    json_set_integer(json, "stayed_on_prior", (int64_t)tally->stayed);
    json_set_integer(json, "skipped", (int64_t)tally->skipped);
    json_set(json, "twins", tally->twins);
    json_set(json, "skips", tally->skips);
    cli_result(cli, json);
    if (!cli_is_json(cli))
        printf("%zu twins fitted, %zu stayed on the prior, %zu records the model cannot "
               "use\nresearch use only; not a medical device\n",
               tally->fitted, tally->stayed, tally->skipped);
    if (tally->fitted + tally->stayed + tally->skipped == 0)
        cli_say(cli, "no patients yet: gemel-node import");
    else if (!cli_given(cli, "patient"))
        cli_say(cli, "their parameters: --patient ID for one, --json for all");
    if (tally->skipped)
        cli_partial(cli);
}

enum err command_calibrate(struct cli *cli)
{
    struct node *node;
    struct basis *basis = mem_new(1, sizeof *basis);
    struct tally tally = {.twins = json_new_array(), .skips = json_new_array()};
    enum err result = node_open(cli_directory(cli), &node);
    if (result == ERR_OK) {
        result = basis_open(cli, node, cli_text(cli, "prior", NULL), basis);
        if (result == ERR_OK)
            result = calibrate_all(cli, node, basis, &tally);
        node_destroy(&node);
    }
    if (result == ERR_OK) {
        report_all(cli, basis, &tally);
    } else {
        json_destroy(&tally.twins);
        json_destroy(&tally.skips);
    }
    basis_clear(basis);
    mem_free(basis);
    return result;
}
