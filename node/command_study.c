#include "node/commands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "node/control.h"
#include "node/serve.h"
#include "node/studies.h"
#include "wire/policy.h"
#include "privacy/accountant.h"

enum err command_study_fetch(struct cli *cli)
{
    struct node *node;
    size_t studies = 0;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    enum err result = node_serve_fetch(node, &studies);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_integer(json, "studies_new", (int64_t)studies);
        cli_result(cli, json);
        if (!cli_is_json(cli))
            printf("%zu new studies offered\n", studies);
    }
    node_destroy(&node);
    return result;
}

/* mu of all rounds together, as the terms' multipliers give it. */
static double terms_mu(const struct terms *terms)
{
    double mu2 = 0;
    for (size_t i = 0; i < terms->noise_multipliers.count; i++)
        mu2 +=
            1 / (terms->noise_multipliers.items[i] * terms->noise_multipliers.items[i]);
    return sqrt(mu2);
}

/* What is left when all other hospitals and the coordinator work together, at the worst:
 * with every participant in an attempt, when each one's noise is smallest. */
static double terms_mu_alone(const struct terms *terms)
{
    struct quorum quorum;
    if (quorum_choose((uint32_t)terms->participants.count, terms->colluders,
                      terms->hospitals_min, &quorum) != ERR_OK)
        return NAN;
    return terms_mu(terms) * sqrt(quorum.survivors - quorum.colluders);
}

static double epsilon_alone(const struct terms *terms)
{
    double epsilon;
    return accountant_epsilon(terms_mu_alone(terms), terms->delta, &epsilon) == ERR_OK
               ? epsilon
               : NAN;
}

static struct json *study_json(const struct node_study *study)
{
    struct json *json = json_new_object();
    const struct terms *terms = &study->terms;
    char digits[2 * HASH_BYTES + 1];
    json_set_text(json, "name", terms->name);
    bytes_to_hex(terms->study, STUDY_BYTES, digits);
    json_set_text(json, "study", digits);
    json_set_text(json, "state", node_study_state_name(study->state));
    json_set_text(json, "purpose", terms->purpose);
    json_set_text(json, "model", model_name(study->model));
    bytes_to_hex(terms->model_hash, HASH_BYTES, digits);
    json_set_text(json, "model_hash", digits);
    json_set_integer(json, "rounds", terms->rounds);
    json_set_integer(json, "rounds_published", (int64_t)study->chain.length);
    json_set_integer(json, "hospitals", (int64_t)terms->participants.count);
    json_set_integer(json, "hospitals_min", terms->hospitals_min);
    json_set_integer(json, "numbers_a_round", terms->dimension);
    json_set_real(json, "epsilon", terms->epsilon);
    json_set_real(json, "delta", terms->delta);
    json_set_real(json, "mu", terms_mu(terms));
    json_set_integer(json, "colluders", terms->colluders);
    json_set_real(json, "epsilon_if_all_others_collude", epsilon_alone(terms));
    return json;
}

static void print_study(struct node *node, const struct node_study *study)
{
    const struct terms *terms = &study->terms;
    char digits[2 * HASH_BYTES + 1];
    double mu = terms_mu(terms);
    printf("study      %s (%s)\n", terms->name, node_study_state_name(study->state));
    printf("purpose    %s\n", terms->purpose);
    bytes_to_hex(terms->model_hash, HASH_BYTES, digits);
    printf("model      %s, %s\n", model_name(study->model), digits);
    printf("rounds     %llu of %u published\n", (unsigned long long)study->chain.length,
           terms->rounds);
    printf("hospitals  %zu invited, at least %u in every sum\n",
           terms->participants.count, terms->hospitals_min);
    printf("leaves     %u noised and masked numbers a round for all patients together, "
           "which\n"
           "           only the sum over the hospitals can shed\n",
           terms->dimension);
    printf(
        "privacy    epsilon %g at delta %g for each patient over all rounds (mu %.4f)\n",
        terms->epsilon, terms->delta, mu);
    printf("           holds even if the coordinator and %u of the others work "
           "together;\n           if all of them do: epsilon %.3g\n",
           terms->colluders, epsilon_alone(terms));
    printf(
        "           an attacker finds at most %.2f %% of members at 1 %% false alarms\n",
        100 * accountant_tpr(mu, 0.01));
    if (node_studies_permit(node, study, clock_wall(&clock_machine)) == REASON_NONE)
        printf("policy     permits it\n");
    else
        printf("policy     does not permit it: %s\n", err_text());
}

/* `each` sees every study; stops at an error. */
static enum err open_each(struct cli *cli, struct node *node, struct json *list)
{
    uint8_t(*numbers)[STUDY_BYTES] = NULL;
    size_t count = 0;
    enum err result = archive_list(node->store, &numbers, &count);
    for (size_t i = 0; result == ERR_OK && i < count; i++) {
        struct node_study *study;
        if ((result = node_studies_open(node, numbers[i], &study)) != ERR_OK)
            break;
        char digits[2 * STUDY_BYTES + 1];
        bytes_to_hex(study->terms.study, STUDY_BYTES, digits);
        if (!cli_is_json(cli))
            printf("%.8s  %-10s  %3llu/%-3u  %s\n", digits,
                   node_study_state_name(study->state),
                   (unsigned long long)study->chain.length, study->terms.rounds,
                   study->terms.name);
        json_add(list, study_json(study));
        node_study_destroy(&study);
    }
    mem_free(numbers);
    return result;
}

enum err command_study_list(struct cli *cli)
{
    struct node *node;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    struct json *json = json_new_object(), *list = json_new_array();
    enum err result = open_each(cli, node, list);
    json_set(json, "studies", list);
    if (result == ERR_OK)
        cli_result(cli, json);
    else
        json_destroy(&json);
    node_destroy(&node);
    return result;
}

enum err command_study_find(struct cli *cli, struct node **node,
                            struct node_study **study)
{
    uint8_t number[STUDY_BYTES];
    if (node_studies_find(*node, cli_argument(cli, 0), number) == ERR_OK &&
        node_studies_open(*node, number, study) == ERR_OK)
        return ERR_OK;
    enum err result = err_code();
    node_destroy(node);
    return result;
}

enum err command_study_show(struct cli *cli)
{
    struct node *node;
    struct node_study *study;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    if (command_study_find(cli, &node, &study) != ERR_OK)
        return err_code();
    cli_result(cli, study_json(study));
    if (!cli_is_json(cli)) {
        print_study(node, study);
        if (cli_given(cli, "model"))
            fputs(model_canonical(study->model), stdout);
    }
    node_study_destroy(&study);
    node_destroy(&node);
    return ERR_OK;
}

/* The values of an entry as a policy writes it; caller frees. */
static char *entry_text(const struct terms *terms, const uint8_t hash[HASH_BYTES],
                        const char *legal_basis)
{
    char model[2 * HASH_BYTES + 1], all[2 * HASH_BYTES + 1], statistic[16];
    bytes_to_hex(terms->model_hash, HASH_BYTES, model);
    bytes_to_hex(hash, HASH_BYTES, all);
    snprintf(statistic, sizeof statistic, "%u", terms->statistic);
    const char *const values[] = {terms->name, terms->purpose, legal_basis,
                                  model,       statistic,      all};
    _Static_assert(sizeof values / sizeof *values == POLICY_STUDY_SETTINGS,
                   "in the order of policy_study_settings");
    return conf_write(policy_study_settings, POLICY_STUDY_SETTINGS, values);
}

enum err command_study_entry(struct cli *cli)
{
    struct node *node;
    struct node_study *study;
    struct conf *again = NULL;
    const char *out = cli_text(cli, "output", NULL);
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return err_code();
    if (command_study_find(cli, &node, &study) != ERR_OK)
        return err_code();
    char *text = entry_text(&study->terms, study->hash, cli_text(cli, "legal-basis", ""));
    enum err result = conf_parse("the entry", 0, text, strlen(text),
                                 policy_study_settings, POLICY_STUDY_SETTINGS, &again);
    if (result == ERR_OK && out)
        result = file_write(out, text, strlen(text), 0644);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_text(json, "entry", text);
        cli_result(cli, json);
        if (!cli_is_json(cli) && !out)
            fputs(text, stdout);
    }
    conf_destroy(&again);
    mem_free(text);
    node_study_destroy(&study);
    node_destroy(&node);
    return result;
}

enum err command_study_decide(struct cli *cli, struct node *node,
                              struct node_study *study, enum node_study_state decision)
{
    if (node_studies_decide(node, study->terms.study, decision,
                            clock_wall(&clock_machine)) != ERR_OK)
        return err_code();
    study->state = decision;
    cli_result(cli, study_json(study));
    if (!cli_is_json(cli))
        print_study(node, study);
    return ERR_OK;
}

enum err command_study_decline(struct cli *cli)
{
    struct node *node;
    struct node_study *study;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    if (command_study_find(cli, &node, &study) != ERR_OK)
        return err_code();
    enum err result = command_study_decide(cli, node, study, STUDY_DECLINED);
    node_study_destroy(&study);
    node_destroy(&node);
    return result;
}
