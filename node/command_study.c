#include "node/commands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
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
            printf("%zu new stud%s offered\n", studies, studies == 1 ? "y" : "ies");
    }
    node_destroy(&node);
    return result;
}

static void print_study(struct node *node, const struct node_study *study)
{
    const struct terms *terms = &study->terms;
    char digits[2 * HASH_BYTES + 1];
    double mu = node_study_mu(terms);
    printf("study      %s (%s)\n", terms->name, node_study_state_name(study->state));
    printf("purpose    %s\n", terms->purpose);
    bytes_to_hex(terms->model_hash, HASH_BYTES, digits);
    printf("model      %s, %s\n", model_name(study->model), digits);
    printf("rounds     %llu of %u published\n", (unsigned long long)study->chain.length,
           terms->rounds);
    printf("hospitals  %zu invited, at least %u in every sum\n",
           terms->participants.count, terms->hospitals_min);
    printf(
        "leaves     %u numbers a round for all patients together, noise in them, under "
        "masks\n"
        "           that come off the sum over the hospitals only\n",
        terms->dimension);
    printf(
        "privacy    epsilon %g at delta %g for each patient over all rounds (mu %.4f)\n",
        terms->epsilon, terms->delta, mu);
    printf("           holds even if the coordinator and %u of the others work "
           "together;\n           if all of them do: epsilon %.3g\n",
           terms->colluders, node_study_epsilon_alone(terms));
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
        json_add(list, node_study_json(study));
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
    if (result == ERR_OK && json_count(list) == 0)
        cli_say(cli, "no studies yet: gemel-node study fetch asks the coordinator");
    json_set(json, "studies", list);
    if (result == ERR_OK)
        cli_result(cli, json);
    else
        json_destroy(&json);
    node_destroy(&node);
    return result;
}

enum err command_study_open(struct cli *cli, struct node **node,
                            struct node_study **study)
{
    uint8_t number[STUDY_BYTES];
    *node = NULL;
    if (node_open(cli_directory(cli), node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    if (node_studies_find(*node, cli_argument(cli, 0), number) == ERR_OK &&
        node_studies_open(*node, number, study) == ERR_OK)
        return ERR_OK;
    enum err result = err_code();
    node_destroy(node);
    *node = NULL;
    return result;
}

enum err command_study_show(struct cli *cli)
{
    struct node *node;
    struct node_study *study;
    enum err result = command_study_open(cli, &node, &study);
    if (!node)
        return result;
    cli_result(cli, node_study_json(study));
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

static enum err make_entry(struct cli *cli, const struct node_study *study,
                           struct json **json)
{
    struct conf *again = NULL;
    struct bytes file = {0};
    char *text = entry_text(&study->terms, study->hash, cli_text(cli, "legal-basis", ""));
    enum err result = conf_parse("the entry", 0, text, strlen(text),
                                 policy_study_settings, POLICY_STUDY_SETTINGS, &again);
    if (result == ERR_OK) {
        *json = json_new_object();
        json_set_text(*json, "entry", text);
        bytes_append(&file, text, strlen(text));
        cli_file(cli, "output", "", &file);
    }
    conf_destroy(&again);
    mem_free(text);
    return result;
}

enum err command_study_entry(struct cli *cli)
{
    struct node *node;
    struct node_study *study;
    struct json *json = NULL;
    enum err result = command_study_open(cli, &node, &study);
    if (node) {
        result = make_entry(cli, study, &json);
        cli_result(cli, json);
        node_study_destroy(&study);
        node_destroy(&node);
    }
    return result == ERR_OK ? cli_write_files(cli) : result;
}

enum err command_study_decide(struct cli *cli, struct node *node,
                              struct node_study *study, enum node_study_state decision)
{
    if (node_studies_decide(node, study->terms.study, decision,
                            clock_wall(&clock_machine)) != ERR_OK)
        return err_code();
    study->state = decision;
    cli_result(cli, node_study_json(study));
    if (!cli_is_json(cli))
        print_study(node, study);
    return ERR_OK;
}

enum err command_study_decline(struct cli *cli)
{
    struct node *node;
    struct node_study *study;
    enum err result = command_study_open(cli, &node, &study);
    if (!node)
        return result;
    result = command_study_decide(cli, node, study, STUDY_DECLINED);
    node_study_destroy(&study);
    node_destroy(&node);
    return result;
}
