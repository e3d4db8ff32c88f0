#include "coordinator/commands.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "coordinator/rounds.h"
#include "model/library.h"
#include "privacy/accountant.h"

/* --- create
 * --------------------------------------------------------------------------------------
 */

static enum err read_request(struct cli *cli, struct coord_study_request *request)
{
    int64_t rounds, hospitals_min;
    if (cli_real(cli, "epsilon", 1, 1e-3, 20, &request->epsilon) != ERR_OK ||
        cli_real(cli, "delta", 1e-6, 1e-12, 1e-3, &request->delta) != ERR_OK ||
        cli_real(cli, "budget-ratio", ACCOUNTANT_BUDGET_RATIO, 0.01, 1,
                 &request->budget_ratio) != ERR_OK ||
        cli_integer(cli, "rounds", 8, 1, WIRE_ROUNDS_MAX, &rounds) != ERR_OK ||
        cli_integer(cli, "hospitals-min", 3, 2, WIRE_PARTICIPANTS_MAX, &hospitals_min) !=
            ERR_OK)
        return err_code();
    request->rounds = (uint32_t)rounds;
    request->hospitals_min = (uint32_t)hospitals_min;
    request->name = cli_text(cli, "name", "");
    request->purpose = cli_text(cli, "purpose", "");
    return ERR_OK;
}

enum err command_study_create(struct cli *cli)
{
    struct coord_study_request request = {0};
    struct model *model;
    struct coordinator *c = NULL;
    uint8_t number[STUDY_BYTES];
    if (read_request(cli, &request) != ERR_OK ||
        library_load(cli_text(cli, "model", ""), &model) != ERR_OK)
        return err_code();
    request.model = model;
    enum err result = coordinator_open(cli_directory(cli), &c);
    if (result == ERR_OK)
        result = coord_studies_create(c, &request, clock_wall(&clock_machine), number);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_text(json, "name", request.name);
        json_set_hex(json, "study", number, STUDY_BYTES);
        json_set_integer(json, "rounds", request.rounds);
        json_set_real(json, "epsilon", request.epsilon);
        json_set_real(json, "delta", request.delta);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            printf("study      %s\nmodel      %s\nprivacy    epsilon %g at delta %g for "
                   "each "
                   "patient over %u rounds\n",
                   request.name, model_name(model), request.epsilon, request.delta,
                   request.rounds);
        cli_say(cli, "hospitals see it at their next question and approve or decline");
    }
    coordinator_destroy(&c);
    model_destroy(&model);
    return result;
}

/* --- looking
 * -------------------------------------------------------------------------------------
 */

static enum err open_named(struct cli *cli, const char *name, struct coordinator **c,
                           const struct coord_study **study)
{
    uint8_t number[STUDY_BYTES];
    if (coordinator_open(cli_directory(cli), c) != ERR_OK)
        return err_code();
    if (coord_studies_find(*c, name, number) != ERR_OK ||
        coord_studies_open(*c, number, study) != ERR_OK) {
        enum err result = err_code();
        coordinator_destroy(c);
        return result;
    }
    return ERR_OK;
}

static enum err study_line(struct cli *cli, struct coordinator *c,
                           const uint8_t number[STUDY_BYTES], struct json *list)
{
    const struct coord_study *study;
    char waiting[256];
    if (coord_studies_open(c, number, &study) != ERR_OK)
        return err_code();
    enum err result = rounds_waiting(c, &clock_machine, study, waiting);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_text(json, "name", study->terms.name);
        json_set_text(json, "state", study->state);
        json_set_integer(json, "rounds_published", (int64_t)study->chain.length);
        json_set_integer(json, "rounds", study->terms.rounds);
        json_set_text(json, "waiting", waiting);
        json_add(list, json);
        if (!cli_is_json(cli))
            printf("%-20s %-9s %3llu/%-3u  %s\n", study->terms.name, study->state,
                   (unsigned long long)study->chain.length, study->terms.rounds, waiting);
    }
    return result;
}

enum err command_study_list(struct cli *cli)
{
    struct coordinator *c;
    uint8_t(*numbers)[STUDY_BYTES] = NULL;
    size_t count = 0;
    if (coordinator_open(cli_directory(cli), &c) != ERR_OK)
        return err_code();
    struct json *json = json_new_object(), *list = json_new_array();
    enum err result = archive_list(c->store, &numbers, &count);
    for (size_t i = 0; result == ERR_OK && i < count; i++)
        result = study_line(cli, c, numbers[i], list);
    if (result == ERR_OK && count == 0)
        cli_say(cli, "no studies yet: gemel-coordinator study create");
    json_set(json, "studies", list);
    if (result == ERR_OK)
        cli_result(cli, json);
    else
        json_destroy(&json);
    mem_free(numbers);
    coordinator_destroy(&c);
    return result;
}

enum err command_study_show(struct cli *cli)
{
    struct coordinator *c;
    const struct coord_study *study;
    char waiting[256];
    if (open_named(cli, cli_argument(cli, 0), &c, &study) != ERR_OK)
        return err_code();
    enum err result = rounds_waiting(c, &clock_machine, study, waiting);
    struct json *json = json_new_object(), *rounds = json_new_array();
    json_set_text(json, "name", study->terms.name);
    json_set_text(json, "purpose", study->terms.purpose);
    json_set_text(json, "state", study->state);
    json_set_real(json, "epsilon", study->terms.epsilon);
    json_set_real(json, "delta", study->terms.delta);
    json_set_text(json, "waiting", waiting);
    if (result == ERR_OK && !cli_is_json(cli))
        printf(
            "study      %s (%s)\npurpose    %s\nmodel      %s\nprivacy    epsilon %g at "
            "delta %g\nwaiting    %s\n",
            study->terms.name, study->state, study->terms.purpose,
            model_name(study->model), study->terms.epsilon, study->terms.delta, waiting);
    for (uint64_t round = 1; result == ERR_OK && round <= study->chain.length; round++) {
        char *report;
        if ((result = coord_studies_report(c, study->terms.study, round, &report)) !=
            ERR_OK)
            break;
        json_add(rounds, json_new_text(report));
        if (!cli_is_json(cli))
            printf("round %-4llu %s\n", (unsigned long long)round, report);
        mem_free(report);
    }
    json_set(json, "rounds", rounds);
    if (result == ERR_OK)
        cli_result(cli, json);
    else
        json_destroy(&json);
    coordinator_destroy(&c);
    return result;
}

enum err command_study_close(struct cli *cli)
{
    struct coordinator *c;
    const struct coord_study *study;
    if (open_named(cli, cli_argument(cli, 0), &c, &study) != ERR_OK)
        return err_code();
    enum err result = ERR_OK;
    if (!study->open)
        result = err_set(ERR_STATE, "the study %s is %s already", study->terms.name,
                         study->state);
    struct json *json = json_new_object();
    json_set_text(json, "name", study->terms.name);
    json_set_text(json, "state", "closed");
    json_set_integer(json, "rounds_published", (int64_t)study->chain.length);
    if (result == ERR_OK)
        result = coord_studies_set_state(c, study->terms.study, "closed");
    if (result == ERR_OK && !cli_is_json(cli))
        printf("study %s is closed; its published priors stay\n",
               json_get_text(json, "name"));
    cli_result(cli, json);
    coordinator_destroy(&c);
    return result;
}

/* --- the prior
 * ------------------------------------------------------------------------------------ */

static double between_sd(const struct prior *prior, size_t row)
{
    return sqrt(prior->omega[row * prior->p + row]);
}

static struct json *prior_json(const struct coord_study *study)
{
    const struct prior *prior = study->prior;
    const struct prior_layout *layout = &study->layout;
    struct json *json = json_new_object(), *parameters = json_new_object();
    json_set_text(json, "study", study->terms.name);
    json_set_integer(json, "round", (int64_t)study->chain.length);
    json_set_real(json, "patients", prior->patients);
    for (size_t row = 0; row < prior->p + prior->q; row++) {
        bool individual = row < prior->p;
        size_t index =
            individual ? layout->individual[row] : layout->population[row - prior->p];
        struct json *parameter = json_new_object();
        json_set_real(parameter, "typical",
                      prior_typical(study->model, layout, prior, row));
        json_set_real(parameter, "between_sd", individual ? between_sd(prior, row) : 0);
        json_set_real(parameter, "se",
                      individual
                          ? prior->standard_error[row * prior->k]
                          : prior->standard_error[prior->p * prior->k + row - prior->p]);
        json_set(parameters, model_parameter(study->model, index)->name, parameter);
    }
    json_set(json, "parameters", parameters);
    return json;
}

static enum err write_prior(const char *path, const struct prior *prior)
{
    struct bytes bytes = {0};
    prior_write(prior, &bytes);
    enum err err = file_write(path, bytes.data, bytes.size, 0644);
    bytes_free(&bytes);
    return err;
}

enum err command_prior_show(struct cli *cli)
{
    struct coordinator *c;
    const struct coord_study *study;
    if (open_named(cli, cli_argument(cli, 0), &c, &study) != ERR_OK)
        return err_code();
    const struct prior *prior = study->prior;
    const char *output = cli_text(cli, "output", NULL);
    enum err result = output ? write_prior(output, prior) : ERR_OK;
    cli_result(cli, prior_json(study));
    if (result == ERR_OK && !cli_is_json(cli)) {
        printf("prior of %s after round %llu, taught by about %.0f patients\n",
               study->terms.name, (unsigned long long)study->chain.length,
               prior->patients);
        printf("%-16s %14s %-10s %14s\n", "parameter", "typical", "unit", "between sd");
        for (size_t row = 0; row < prior->p + prior->q; row++) {
            size_t index = row < prior->p ? study->layout.individual[row]
                                          : study->layout.population[row - prior->p];
            const struct model_parameter *p = model_parameter(study->model, index);
            printf("%-16s %14.6g %-10s", p->name,
                   prior_typical(study->model, &study->layout, prior, row), p->unit);
            if (row < prior->p)
                printf(" %14.6g", between_sd(prior, row));
            printf("\n");
        }
    }
    coordinator_destroy(&c);
    return result;
}
