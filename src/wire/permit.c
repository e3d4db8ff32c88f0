#include "wire/permit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire/quorum.h"

#define CLAIM_TOLERANCE 1e-6

/* --- sentences
 * -------------------------------------------------------------------------------------
 */

/* What a line demands, in words that its value ends. */
static const struct {
    const char *name, *words;
} demands[] = {
    {"hospitals_min", "hospitals at least"},
    {"survivors_min", "hospitals in every sum at least"},
    {"quorum_min", "hospitals confirming a sum at least"},
    {"threshold_min", "shares that open a mask at least"},
    {"colluders_min", "colluding hospitals allowed for at least"},
    {"noise_multiplier_min", "noise multiplier at least"},
    {"patients_min", "patients at least"},
    {"attempts_max", "attempts at a round at most"},
};

static const char *demand_of(const char *name)
{
    size_t i = 0;
    while (strcmp(demands[i].name, name) != 0)
        i++;
    return demands[i].words;
}

/* "policy line 12: hospitals at least 5; the study has 3" */
static enum reason below(const struct policy *policy, const char *name, const char *whose,
                         double number)
{
    const struct conf *lines = policy_lines(policy);
    err_set(ERR_DENIED, "policy line %zu: %s %s; %s %.9g", conf_line(lines, name),
            demand_of(name), conf_value(lines, name), whose, number);
    return REASON_POLICY;
}

static enum reason at_least(const struct policy *policy, const char *name,
                            const char *whose, uint32_t number)
{
    return number >= conf_integer(policy_lines(policy), name)
               ? REASON_NONE
               : below(policy, name, whose, number);
}

static enum reason over_budget(const struct policy *policy, const char *name,
                               const char *what)
{
    const struct conf *lines = policy_lines(policy);
    err_set(ERR_DENIED, "policy line %zu: epsilon at most %s at delta %s; %s",
            conf_line(lines, name), conf_value(lines, name), conf_value(lines, "delta"),
            what);
    return REASON_BUDGET;
}

/* --- time
 * ------------------------------------------------------------------------------------------
 */

enum reason permit_now(const struct policy *policy, uint64_t now)
{
    if (!policy) {
        reason_set(REASON_NO_POLICY);
        err_hint("an officer writes one: gemel-node policy new; nothing is approved or "
                 "sent without");
        return REASON_NO_POLICY;
    }
    if (now < policy_end(policy))
        return REASON_NONE;
    err_set(ERR_DENIED, "policy line %zu: it ended with %s",
            conf_line(policy_lines(policy), "expires"),
            conf_text(policy_lines(policy), "expires"));
    err_hint("a later version needs the signatures of two officers");
    return REASON_POLICY_EXPIRED;
}

/* --- studies
 * ---------------------------------------------------------------------------------------
 */

static enum reason differs(const struct conf *study, const char *name, const char *theirs)
{
    err_set(ERR_DENIED, "policy line %zu: the %s is '%.64s'; the study's is '%.64s'",
            conf_line(study, name), name, conf_value(study, name), theirs);
    return REASON_POLICY;
}

static bool is_hash(const struct conf *study, const char *name,
                    const uint8_t hash[HASH_BYTES])
{
    uint8_t approved[HASH_BYTES];
    return bytes_from_hex(conf_text(study, name), approved, HASH_BYTES) == ERR_OK &&
           memcmp(approved, hash, HASH_BYTES) == 0;
}

static enum reason check_approval(const struct policy *policy, const struct terms *terms,
                                  const uint8_t hash[HASH_BYTES])
{
    char digits[2 * HASH_BYTES + 1];
    size_t place = policy_find(policy, terms->name);
    if (place == policy_studies(policy)) {
        err_set(ERR_DENIED,
                "the policy (version %" PRIu64 ") approves no study called %s",
                policy_version(policy), terms->name);
        err_hint("for the officer: gemel-node study entry %s --legal-basis TEXT",
                 terms->name);
        return REASON_POLICY;
    }
    const struct conf *study = policy_study(policy, place);
    if (strcmp(conf_text(study, "purpose"), terms->purpose) != 0)
        return differs(study, "purpose", terms->purpose);
    if (!is_hash(study, "model", terms->model_hash)) {
        bytes_to_hex(terms->model_hash, HASH_BYTES, digits);
        return differs(study, "model", digits);
    }
    if (conf_integer(study, "statistic") != terms->statistic) {
        snprintf(digits, sizeof digits, "%u", terms->statistic);
        return differs(study, "statistic", digits);
    }
    if (*conf_text(study, "terms") && !is_hash(study, "terms", hash)) {
        bytes_to_hex(hash, HASH_BYTES, digits);
        return differs(study, "terms", digits);
    }
    return REASON_NONE;
}

static enum reason check_noise(const struct policy *policy, const char *whose,
                               double multiplier)
{
    return multiplier >= conf_real(policy_lines(policy), "noise_multiplier_min")
               ? REASON_NONE
               : below(policy, "noise_multiplier_min", whose, multiplier);
}

/* mu^2 of rounds `from` to `to` - 1, rounded up as the ledger does. */
static double cost_of(const struct terms *terms, size_t from, size_t to)
{
    double mu2 = 0;
    for (size_t i = from; i < to; i++)
        mu2 = accountant_sum(mu2, accountant_cost(terms->noise_multipliers.items[i]));
    return mu2;
}

static enum reason check_costs(const struct policy *policy, const struct terms *terms)
{
    size_t rounds = terms->noise_multipliers.count;
    size_t period = (size_t)conf_integer(policy_lines(policy), "period_releases");
    struct discretisation one, all;
    double cap;
    if (accountant_discretisation(terms->dimension, terms->noise_log2, 1, &one) != ERR_OK)
        return REASON_POLICY;
    all = (struct discretisation){one.epsilon * (double)rounds,
                                  one.log_delta * (double)rounds};
    if (permit_cap(policy, &all, &cap) != ERR_OK || cost_of(terms, 0, rounds) > cap)
        return over_budget(policy, "epsilon_max",
                           "all rounds of the study together cost a patient more");
    size_t window = period < rounds ? period : rounds;
    all = (struct discretisation){one.epsilon * (double)window,
                                  one.log_delta * (double)window};
    for (size_t from = 0; from + window <= rounds; from++)
        if (permit_period(policy, cost_of(terms, from, from + window), &all) !=
            REASON_NONE)
            return REASON_BUDGET;
    return REASON_NONE;
}

/* What terms say in words has to be what their noise gives, or people approve something
 * else than what is charged. */
static enum reason check_claim(const struct terms *terms)
{
    struct discretisation all;
    struct privacy_loss loss;
    uint32_t rounds = terms->rounds;
    double mu2 = cost_of(terms, 0, terms->noise_multipliers.count);
    if (accountant_discretisation(terms->dimension, terms->noise_log2, 1, &all) != ERR_OK)
        return REASON_WRONG_TERMS;
    all.epsilon *= rounds;
    all.log_delta *= rounds;
    if (accountant_loss(mu2, &all, terms->delta, &loss) != ERR_OK)
        return REASON_WRONG_TERMS;
    if (loss.epsilon <= terms->epsilon * (1 + CLAIM_TOLERANCE))
        return REASON_NONE;
    err_set(ERR_DENIED, "the study states epsilon %g at delta %g, its noise gives %.4g",
            terms->epsilon, terms->delta, loss.epsilon);
    return REASON_WRONG_TERMS;
}

enum reason permit_terms(const struct policy *policy, const struct terms *terms,
                         const uint8_t hash[HASH_BYTES])
{
    enum reason reason = check_approval(policy, terms, hash);
    if (reason == REASON_NONE)
        reason = at_least(policy, "hospitals_min", "the study has",
                          (uint32_t)terms->participants.count);
    if (reason == REASON_NONE)
        reason =
            at_least(policy, "survivors_min", "the study allows", terms->hospitals_min);
    if (reason == REASON_NONE)
        reason =
            at_least(policy, "colluders_min", "the study allows for", terms->colluders);
    for (size_t i = 0; reason == REASON_NONE && i < terms->noise_multipliers.count; i++)
        reason = check_noise(policy, "the study has a round of",
                             terms->noise_multipliers.items[i]);
    if (reason == REASON_NONE)
        reason = check_costs(policy, terms);
    return reason == REASON_NONE ? check_claim(terms) : reason;
}

/* --- plans
 * -----------------------------------------------------------------------------------------
 */

enum reason permit_plan(const struct policy *policy, const struct plan *plan)
{
    const struct {
        const char *name;
        uint32_t number;
    } rows[] = {
        {"hospitals_min", (uint32_t)plan->participants.count},
        {"survivors_min", plan->survivors},
        {"quorum_min", plan->quorum},
        {"threshold_min", plan->threshold},
        {"colluders_min", plan->colluders},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (at_least(policy, rows[i].name, "the plan has", rows[i].number) != REASON_NONE)
            return REASON_POLICY;
    return check_noise(policy, "the plan has", plan->noise_multiplier);
}

enum reason permit_patients(const struct policy *policy, size_t patients)
{
    return (int64_t)patients >= conf_integer(policy_lines(policy), "patients_min")
               ? REASON_NONE
               : below(policy, "patients_min", "here are", (double)patients);
}

enum reason permit_attempts(const struct policy *policy, uint64_t round, size_t charged)
{
    if ((int64_t)charged < conf_integer(policy_lines(policy), "attempts_max"))
        return REASON_NONE;
    char whose[64];
    snprintf(whose, sizeof whose, "patients paid for round %" PRIu64 " so often:", round);
    below(policy, "attempts_max", whose, (double)charged);
    err_hint("ask the operator why attempts fail before you permit more");
    return REASON_POLICY;
}

enum reason permit_difference(const struct policy *policy, const struct plan *plan,
                              uint32_t other, size_t apart)
{
    const struct conf *lines = policy_lines(policy);
    size_t least = plan->colluders + QUORUM_HONEST_MIN;
    if (least < (size_t)conf_integer(lines, "survivors_min"))
        least = (size_t)conf_integer(lines, "survivors_min");
    if (apart == 0 || apart >= least)
        return REASON_NONE;
    err_set(ERR_DENIED,
            "policy line %zu: two sums of a round differ by at least %zu hospitals or by "
            "none; the plan's and attempt %u's, which may be out, could differ by %zu",
            conf_line(lines, "survivors_min"), least, other, apart);
    err_hint("only the same hospitals, all of whom must stay, can be summed once more");
    return REASON_DIFFERENCE;
}

/* --- caps
 * ------------------------------------------------------------------------------------------
 */

static enum err cap_of(const struct policy *policy, const char *name,
                       const struct discretisation *lattice, double *mu2)
{
    double mu;
    const struct conf *lines = policy_lines(policy);
    if (accountant_mu_within(conf_real(lines, name), conf_real(lines, "delta"), lattice,
                             &mu) != ERR_OK)
        return err_code();
    *mu2 = mu * mu;
    return ERR_OK;
}

enum err permit_cap(const struct policy *policy, const struct discretisation *lattice,
                    double *mu2)
{
    return cap_of(policy, "epsilon_max", lattice, mu2);
}

enum err permit_period_cap(const struct policy *policy,
                           const struct discretisation *lattice, double *mu2)
{
    return cap_of(policy, "period_epsilon_max", lattice, mu2);
}

enum reason permit_period(const struct policy *policy, double mu2,
                          const struct discretisation *lattice)
{
    double cap;
    char what[96];
    if (permit_period_cap(policy, lattice, &cap) == ERR_OK && mu2 <= cap)
        return REASON_NONE;
    snprintf(what, sizeof what,
             "%s releases one after the other would cost a patient more",
             conf_value(policy_lines(policy), "period_releases"));
    return over_budget(policy, "period_epsilon_max", what);
}
