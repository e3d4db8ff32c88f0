#include "node/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "model/fit.h"
#include "node/basis.h"
#include "node/patients.h"

static enum err store_twin(struct node *node, int64_t patient, const struct basis *basis,
                           const struct fit *fit)
{
    struct query *query;
    struct bytes phi = {0}, covariance = {0};
    uint8_t hash[HASH_BYTES];
    model_hash(basis->model, hash);
    for (size_t i = 0; i < fit->p; i++)
        bytes_f64(&phi, fit->phi[i]);
    for (size_t i = 0; i < fit->p * fit->p; i++)
        bytes_f64(&covariance, fit->covariance[i]);
    enum err result = store_query(
        node->store,
        "REPLACE INTO twins (patient, model, prior, fitted, converged,"
        " minus2_log_likelihood, phi, covariance) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        &query);
    if (result == ERR_OK) {
        query_int(query, 1, patient);
        query_blob(query, 2, hash, HASH_BYTES);
        query_blob(query, 3, basis->prior_hash, HASH_BYTES);
        query_int(query, 4, (int64_t)clock_wall(&clock_machine));
        query_int(query, 5, fit->converged);
        query_real(query, 6, fit->minus2_log_likelihood);
        query_blob(query, 7, phi.data, phi.size);
        query_blob(query, 8, covariance.data, covariance.size);
        result = query_run(query);
    }
    bytes_free(&phi);
    bytes_free(&covariance);
    return result;
}

struct tally {
    size_t fitted, stayed, skipped;
    struct json *twins;
};

static void report_twin(struct cli *cli, const struct basis *basis, const char *patient,
                        const struct fit *fit, struct tally *tally)
{
    double values[MODEL_PARAMETERS_MAX];
    struct json *json = json_new_object(), *parameters = json_new_object();
    twin_parameters(basis->model, basis->layout, fit->phi, basis->prior->population,
                    values);
    json_set_text(json, "patient", patient);
    json_set_boolean(json, "converged", fit->converged);
    if (!cli_is_json(cli) && cli_given(cli, "patient"))
        printf("%s%s%s\n", patient, fit->converged ? "" : ": stays on the prior: ",
               fit->converged ? "" : fit->reason);
    for (size_t a = 0; a < basis->layout->p; a++) {
        const struct model_parameter *p =
            model_parameter(basis->model, basis->layout->individual[a]);
        json_set_real(parameters, p->name, values[basis->layout->individual[a]]);
        if (!cli_is_json(cli) && cli_given(cli, "patient"))
            printf("  %-16s %12.5g %s\n", p->name, values[basis->layout->individual[a]],
                   p->unit);
    }
    json_set(json, "parameters", parameters);
    json_add(tally->twins, json);
}

static enum err calibrate_one(struct cli *cli, struct node *node, struct engine *engine,
                              const struct basis *basis, const struct patient *patient,
                              struct tally *tally)
{
    struct record *record = NULL;
    struct twin *twin = NULL;
    struct fit *fit = NULL;
    enum err result = patients_record(node, patient->id, &record);
    if (result == ERR_OK &&
        (result = twin_new(basis->model, basis->layout, record, &twin)) != ERR_OK) {
        tally
            ->skipped++; /* a record the model cannot use is no reason to stop the rest */
        record_destroy(&record);
        return result == ERR_STORAGE ? result : ERR_OK;
    }
    if (result == ERR_OK)
        result = fit_new(engine, twin, basis->prior, &fit);
    if (result == ERR_OK)
        result = store_twin(node, patient->id, basis, fit);
    if (result == ERR_OK) {
        tally->fitted += fit->converged;
        tally->stayed += !fit->converged;
        report_twin(cli, basis, patient->name, fit, tally);
    }
    fit_destroy(&fit);
    twin_destroy(&twin);
    record_destroy(&record);
    return result;
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

static enum err calibrate_all(struct cli *cli, struct node *node,
                              const struct basis *basis, struct tally *tally)
{
    struct patient *patients;
    size_t count;
    if (check_wanted(cli, node) != ERR_OK ||
        patients_list(node, &patients, &count) != ERR_OK)
        return err_code();
    struct engine *engine = engine_new(basis->model, basis->layout, NULL);
    enum err result = store_begin(node->store);
    for (size_t i = 0; result == ERR_OK && i < count; i++) {
        if (cli_interrupted())
            result = err_set(ERR_INTERRUPTED, "stopped; no twin was changed");
        else if (wanted(cli, &patients[i]))
            result = calibrate_one(cli, node, engine, basis, &patients[i], tally);
        cli_progress(cli, "fitting twins", i + 1, count);
    }
    if (result == ERR_OK)
        result = note_calibration(node, basis, tally);
    if (result == ERR_OK)
        result = store_commit(node->store);
    else
        store_rollback(node->store);
    engine_destroy(&engine);
    patients_free(patients, count);
    return result;
}

enum err command_calibrate(struct cli *cli)
{
    struct node *node;
    struct basis *basis = mem_new(1, sizeof *basis);
    struct tally tally = {.twins = json_new_array()};
    enum err result = node_open(cli_directory(cli), &node);
    if (result == ERR_OK) {
        result = basis_open(cli, node, NULL, basis);
        if (result == ERR_OK)
            result = calibrate_all(cli, node, basis, &tally);
        node_destroy(&node);
    }
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_text(json, "model", model_name(basis->model));
        json_set_integer(json, "fitted", (int64_t)tally.fitted);
        json_set_integer(json, "stayed_on_prior", (int64_t)tally.stayed);
        json_set_integer(json, "skipped", (int64_t)tally.skipped);
        json_set(json, "twins", tally.twins);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            printf(
                "%zu twins fitted, %zu stayed on the prior, %zu records the model cannot "
                "use\nresearch use only; not a medical device\n",
                tally.fitted, tally.stayed, tally.skipped);
        if (tally.skipped)
            cli_partial(cli);
    } else {
        json_destroy(&tally.twins);
    }
    basis_clear(basis);
    mem_free(basis);
    return result;
}
