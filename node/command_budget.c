#include "node/commands.h"

#include <math.h>
#include <stdio.h>

#include "node/control.h"
#include "node/policies.h"
#include "privacy/accountant.h"

/* `--noise-multiplier Z` gives mu and epsilon; `--epsilon E` gives the multiplier. */
static enum err plan_numbers(struct cli *cli, double *z, int64_t rounds, double delta,
                             struct privacy_loss *loss)
{
    if (cli_given(cli, "epsilon")) {
        double epsilon;
        if (cli_real(cli, "epsilon", 0, 1e-6, 100, &epsilon) != ERR_OK ||
            accountant_noise_multiplier(epsilon, delta, (uint32_t)rounds, z) != ERR_OK)
            return err_code();
    } else if (cli_real(cli, "noise-multiplier", 0, 1e-6, 1e9, z) != ERR_OK) {
        return err_code();
    }
    struct charge charge = {CHARGE_GAUSSIAN, *z, (uint32_t)rounds};
    double mu2;
    if (accountant_mu2(&charge, 1, &mu2) != ERR_OK)
        return err_code();
    return accountant_loss(mu2, NULL, delta, loss);
}

enum err command_budget_plan(struct cli *cli)
{
    double z = 0, delta;
    int64_t rounds;
    struct privacy_loss loss;
    if (cli_given(cli, "epsilon") == cli_given(cli, "noise-multiplier")) {
        err_set(ERR_USAGE, "give either --noise-multiplier or --epsilon");
        return err_hint(
            "as in: gemel-node budget plan --epsilon 1 --rounds 8 --delta 1e-6");
    }
    if (cli_integer(cli, "rounds", 1, 1, ACCOUNTANT_ROUNDS_MAX, &rounds) != ERR_OK ||
        cli_real(cli, "delta", 1e-6, 1e-30, 0.1, &delta) != ERR_OK ||
        plan_numbers(cli, &z, rounds, delta, &loss) != ERR_OK)
        return err_code();
    struct json *json = json_new_object();
    json_set_real(json, "noise_multiplier", z);
    json_set_integer(json, "rounds", rounds);
    json_set_real(json, "delta", delta);
    json_set_real(json, "mu", loss.mu);
    json_set_real(json, "epsilon", loss.epsilon);
    json_set_real(json, "attack_auc", loss.attack_auc);
    json_set_real(json, "attack_tpr_at_1pc_fpr", loss.attack_tpr_1pc);
    cli_result(cli, json);
    if (!cli_is_json(cli)) {
        printf("noise multiplier  %.6g in %s%lld round%s\n", z,
               rounds == 1 ? "" : "each of ", (long long)rounds, rounds == 1 ? "" : "s");
        printf("mu                %.6g\n", loss.mu);
        printf("epsilon           %.6g at delta %g\n", loss.epsilon, delta);
        printf(
            "an attacker       tells members apart with an area under the curve of at "
            "most %.4f,\n                  finds at most %.2f %% at 1 %% false alarms\n",
            loss.attack_auc, 100 * loss.attack_tpr_1pc);
    }
    return ERR_OK;
}

/* The most any patient has spent, with the discretisation of every release in it. */
static enum err spent(struct node *node, double delta, struct privacy_loss *loss)
{
    double mu2;
    struct discretisation total;
    if (ledger_spent_most(node->ledger, NULL, &mu2) != ERR_OK ||
        ledger_discretisation(node->ledger, &total) != ERR_OK)
        return err_code();
    return accountant_loss(mu2, &total, delta, loss);
}

static void print_budget(const struct node *node, const struct privacy_loss *loss,
                         double cap)
{
    printf("releases   %llu charged so far, never refunded\n",
           (unsigned long long)ledger_count(node->ledger));
    if (node->policy) {
        printf(
            "spent      epsilon %.4g of %g at delta %g by the patient who spent most\n",
            loss->epsilon, conf_real(policy_lines(node->policy), "epsilon_max"),
            loss->delta);
        printf("mu         %.4g of %.4g\n", loss->mu, sqrt(cap));
    } else {
        printf("spent      epsilon %.4g at delta %g by the patient who spent most\n",
               loss->epsilon, loss->delta);
        printf("policy     none is in force: nothing more may be spent\n");
    }
}

enum err command_budget_show(struct cli *cli)
{
    struct node *node;
    struct privacy_loss loss;
    if (node_open(cli_directory(cli), &node) != ERR_OK)
        return control_elsewhere(cli, NULL);
    const struct policy *policy = node->policy;
    double delta = policies_delta(node);
    double most = policy ? conf_real(policy_lines(policy), "epsilon_max") : 0, cap = 0;
    struct discretisation lattice;
    enum err result = ledger_discretisation(node->ledger, &lattice);
    if (result == ERR_OK && policy)
        result = permit_cap(policy, &lattice, &cap);
    if (result == ERR_OK)
        result = spent(node, delta, &loss);
    if (result == ERR_OK) {
        struct json *json = json_new_object();
        json_set_integer(json, "releases", (int64_t)ledger_count(node->ledger));
        json_set_real(json, "delta", delta);
        json_set_real(json, "epsilon_max", most);
        json_set_real(json, "epsilon_spent_most", loss.epsilon);
        json_set_real(json, "mu_spent_most", loss.mu);
        json_set_real(json, "mu_max", sqrt(cap));
        cli_result(cli, json);
        if (!cli_is_json(cli))
            print_budget(node, &loss, cap);
    }
    node_destroy(&node);
    return result;
}
