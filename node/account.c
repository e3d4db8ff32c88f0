#include "node/account.h"

#include <math.h>

#include "base/clock.h"
#include "base/memory.h"
#include "node/consent.h"
#include "node/policies.h"
#include "node/studies.h"

/* Of the latest; how many there are is counted beside. */
#define LISTED_MAX ((size_t)100)

static const double deltas[] = {1e-5, 1e-6, 1e-8};

static void set_time(struct json *json, const char *key, uint64_t wall)
{
    char text[CLOCK_TEXT_SIZE];
    clock_text(wall, text);
    json_set_text(json, key, text);
}

/* --- what is permitted --- */

static struct json *policy_json(const struct policy *policy)
{
    struct json *json = json_new_object(), *lines = json_new_array();
    const char *name, *value;
    json_set_hex(json, "hash", policy_hash(policy), HASH_BYTES);
    for (size_t i = 0; (value = conf_written(policy_lines(policy), i, &name)); i++) {
        struct json *line = json_new_object();
        json_set_text(line, "name", name);
        json_set_text(line, "value", value);
        json_set_text(line, "meaning", policy_settings[i].sentence);
        json_add(lines, line);
    }
    json_set(json, "lines", lines);
    json_set_integer(json, "signatures", (int64_t)policy_signers(policy));
    return json;
}

/* --- what was spent --- */

/* What of a budget in mu^2, at one delta after the other. */
static enum err set_losses(struct json *json, double mu2, double cap,
                           const struct discretisation *lattice)
{
    struct json *list = json_new_array();
    struct privacy_loss loss = {0};
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < sizeof deltas / sizeof *deltas; i++) {
        struct json *one = json_new_object();
        json_set_real(one, "delta", deltas[i]);
        if ((result = accountant_loss(mu2, lattice, deltas[i], &loss)) == ERR_OK)
            json_set_real(one, "epsilon_spent_most", loss.epsilon);
        if (result == ERR_OK && cap > 0 &&
            (result = accountant_loss(cap, lattice, deltas[i], &loss)) == ERR_OK)
            json_set_real(one, "epsilon_max", loss.epsilon);
        json_add(list, one);
    }
    json_set(json, "losses", list);
    return result;
}

static enum err spent_json(struct node *node, struct json *json)
{
    double mu2, cap = 0;
    struct discretisation lattice;
    struct privacy_loss loss;
    if (ledger_spent_most(node->ledger, NULL, &mu2) != ERR_OK ||
        ledger_discretisation(node->ledger, &lattice) != ERR_OK ||
        accountant_loss(mu2, &lattice, policies_delta(node), &loss) != ERR_OK ||
        (node->policy && permit_cap(node->policy, &lattice, &cap) != ERR_OK))
        return err_code();
    json_set_real(json, "delta", policies_delta(node));
    json_set_real(json, "epsilon_spent_most", loss.epsilon);
    json_set_real(json, "epsilon_max",
                  node->policy ? conf_real(policy_lines(node->policy), "epsilon_max")
                               : NAN);
    json_set_real(json, "mu_spent_most", loss.mu);
    json_set_real(json, "mu_max", node->policy ? sqrt(cap) : NAN);
    json_set_real(json, "attack_auc", loss.attack_auc);
    json_set_real(json, "attack_tpr_at_1pc_fpr", loss.attack_tpr_1pc);
    return set_losses(json, mu2, cap, &lattice);
}

/* --- what left --- */

/* A charge; of one that two officers claimed nobody knows the study, the bytes and whom
 * it named. */
static struct json *release_json(uint64_t number, const struct ledger_entry *entry,
                                 uint64_t patients)
{
    struct json *json = json_new_object();
    bool claimed = patients == LEDGER_EVERYBODY;
    json_set_integer(json, "number", (int64_t)number);
    set_time(json, "time", entry->wall);
    json_set_boolean(json, "claimed", claimed);
    if (!claimed) {
        json_set_hex(json, "study", entry->study, LEDGER_STUDY_BYTES);
        json_set_integer(json, "round", (int64_t)entry->round);
        json_set_integer(json, "attempt", entry->attempt);
    }
    json_set_real(json, "noise_multiplier", entry->noise_multiplier);
    json_set_integer(json, "numbers", (int64_t)entry->dimension);
    if (!claimed) {
        json_set_integer(json, "bytes", (int64_t)entry->dimension * 8);
        json_set_integer(json, "patients", (int64_t)patients);
    }
    return json;
}

static enum err list_release(void *context, const struct audit_row *row)
{
    if (row->entry.kind != AUDIT_RELEASE)
        return ERR_OK;
    struct json *json = json_new_object();
    json_set_integer(json, "entry", (int64_t)row->number);
    json_set_text(json, "sentence", row->sentence);
    json_add(context, json);
    return ERR_OK;
}

/* What the audit record says of each release: as node.c has checked, its releases are the
 * latest charges of the ledger that are no claims, one by one. */
static enum err tell_releases(struct node *node, struct json *releases)
{
    struct json *told = json_new_array();
    enum err result = audit_each(node->store, 1, list_release, told);
    size_t at = json_count(releases), left = json_count(told);
    while (result == ERR_OK && at-- > 0 && left > 0) {
        struct json *release = json_at(releases, at);
        if (!json_get_text(release, "study"))
            continue; /* claimed */
        const struct json *one = json_at(told, --left);
        json_set_integer(release, "entry", (int64_t)json_get_real(one, "entry"));
        json_set_text(release, "sentence", json_get_text(one, "sentence"));
    }
    json_destroy(&told);
    return result;
}

/* Every release, with what a patient who was in all of them so far has spent: nobody has
 * spent more. */
static enum err releases_json(struct node *node, struct json *json)
{
    struct json *list = json_new_array();
    struct discretisation lattice = {0, 0}, more;
    struct ledger_entry entry;
    struct privacy_loss loss = {0};
    uint64_t patients;
    double mu2 = 0;
    enum err result = ERR_OK;
    for (uint64_t i = 0; result == ERR_OK && i < ledger_count(node->ledger); i++) {
        result = ledger_read(node->ledger, i, &entry, &patients);
        if (result == ERR_OK)
            result =
                accountant_discretisation(entry.dimension, entry.noise_log2, 1, &more);
        if (result != ERR_OK)
            break;
        mu2 = accountant_sum(mu2, accountant_cost(entry.noise_multiplier));
        lattice.epsilon += more.epsilon;
        lattice.log_delta += more.log_delta;
        result = accountant_loss(mu2, &lattice, policies_delta(node), &loss);
        struct json *one =
            release_json(ledger_number(node->ledger, i), &entry, patients);
        json_set_real(one, "epsilon_at_most", loss.epsilon);
        json_add(list, one);
    }
    if (result == ERR_OK)
        result = tell_releases(node, list);
    json_set(json, "releases", list);
    return result;
}

/* What the policy says of a study, that its terms cannot. */
static void set_approval(struct json *json, const struct node *node, const char *name)
{
    size_t at = node->policy ? policy_find(node->policy, name) : 0;
    if (node->policy && at < policy_studies(node->policy))
        json_set_text(json, "legal_basis",
                      conf_text(policy_study(node->policy, at), "legal_basis"));
}

static enum err study_account(struct node *node, const uint8_t number[STUDY_BYTES],
                              struct json *list)
{
    struct node_study *study;
    struct discretisation lattice;
    struct privacy_loss loss;
    double mu2;
    if (node_studies_open(node, number, &study) != ERR_OK)
        return err_code();
    enum err result = ledger_spent_most(node->ledger, number, &mu2);
    if (result == ERR_OK)
        result = ledger_discretisation(node->ledger, &lattice);
    if (result == ERR_OK)
        result = accountant_loss(mu2, &lattice, study->terms.delta, &loss);
    if (result == ERR_OK) {
        struct json *json = node_study_json(study);
        set_approval(json, node, study->terms.name);
        json_set_real(json, "epsilon_spent_most", loss.epsilon);
        json_set_real(json, "mu_spent_most", loss.mu);
        json_add(list, json);
    }
    node_study_destroy(&study);
    return result;
}

static enum err studies_json(struct node *node, struct json *json)
{
    uint8_t(*numbers)[STUDY_BYTES] = NULL;
    size_t count = 0;
    struct json *list = json_new_array();
    enum err result = archive_list(node->store, &numbers, &count);
    for (size_t i = 0; result == ERR_OK && i < count; i++)
        result = study_account(node, numbers[i], list);
    json_set(json, "studies", list);
    mem_free(numbers);
    return result;
}

/* --- what was refused and decided --- */

static bool is_refusal(enum audit_kind kind)
{
    return kind == AUDIT_REFUSAL || kind == AUDIT_OMITTED || kind == AUDIT_DISTRUST;
}

static bool is_decision(enum audit_kind kind)
{
    return kind == AUDIT_DECISION || kind == AUDIT_POLICY || kind == AUDIT_KEY ||
           kind == AUDIT_SETTINGS || kind == AUDIT_CONSORTIUM || kind == AUDIT_ROSTER ||
           kind == AUDIT_ANCHOR || kind == AUDIT_RESTORE || kind == AUDIT_BACKUP;
}

struct tally {
    uint64_t counts[AUDIT_KIND_COUNT];
    uint64_t refusals, decisions; /* so many there are; the first ones are passed over */
    struct json *refused, *decided;
};

static enum err count_entry(void *context, const struct audit_row *row)
{
    struct tally *tally = context;
    tally->counts[row->entry.kind]++;
    tally->refusals += is_refusal(row->entry.kind);
    tally->decisions += is_decision(row->entry.kind);
    return ERR_OK;
}

static enum err list_entry(void *context, const struct audit_row *row)
{
    struct tally *tally = context;
    bool refusal = is_refusal(row->entry.kind);
    if (!refusal && !is_decision(row->entry.kind))
        return ERR_OK;
    uint64_t *left = refusal ? &tally->refusals : &tally->decisions;
    if ((*left)-- > LISTED_MAX)
        return ERR_OK;
    struct json *json = json_new_object();
    json_set_integer(json, "number", (int64_t)row->number);
    set_time(json, "time", row->entry.wall);
    json_set_text(json, "kind", audit_kind_name(row->entry.kind));
    json_set_text(json, "sentence", row->sentence);
    json_add(refusal ? tally->refused : tally->decided, json);
    return ERR_OK;
}

static enum err audit_json(struct node *node, struct json *json)
{
    struct tally tally = {.refused = json_new_array(), .decided = json_new_array()};
    struct json *counts = json_new_object(), *checked = json_new_object();
    uint64_t length = 0;
    uint8_t head[HASH_BYTES] = {0};
    enum err result = audit_verify(node->store, &length, head);
    json_set_integer(checked, "audit_entries", (int64_t)length);
    json_set_hex(checked, "audit_head", head, HASH_BYTES);
    json_set_integer(checked, "ledger_entries", (int64_t)ledger_length(node->ledger));
    ledger_head(node->ledger, head);
    json_set_hex(checked, "ledger_head", head, HASH_BYTES);
    json_set(json, "verified", checked);
    if (result == ERR_OK)
        result = audit_each(node->store, 1, count_entry, &tally);
    if (result == ERR_OK)
        result = audit_each(node->store, 1, list_entry, &tally);
    for (enum audit_kind kind = 0; kind < AUDIT_KIND_COUNT; kind++)
        if (tally.counts[kind])
            json_set_integer(counts, audit_kind_name(kind), (int64_t)tally.counts[kind]);
    json_set(json, "audit", counts);
    json_set(json, "refusals", tally.refused);
    json_set(json, "decisions", tally.decided);
    return result;
}

static enum err patients_json(struct node *node, struct json *json)
{
    struct json *counts = json_new_object();
    enum err result = ERR_OK;
    for (enum consent state = 0; result == ERR_OK && state < CONSENT_STATES; state++) {
        struct consent_line *lines;
        size_t count;
        if ((result = consent_list(node, 1u << state, &lines, &count)) != ERR_OK)
            break;
        json_set_integer(counts, consent_name(state), (int64_t)count);
        consent_lines_free(lines, count);
    }
    json_set(json, "patients", counts);
    return result;
}

/* --- the whole --- */

enum err account_json(struct node *node, uint64_t wall, struct json **json)
{
    struct json *account = json_new_object();
    json_set_text(account, "hospital", conf_text(node->conf, "name"));
    json_set_hex(account, "key", node->key, KEY_BYTES);
    json_set_text(account, "program", "gemel-node " GEMEL_VERSION);
    set_time(account, "written", wall);
    json_set(account, "policy",
             node->policy ? policy_json(node->policy) : json_new_null());
    if (spent_json(node, account) != ERR_OK || studies_json(node, account) != ERR_OK ||
        releases_json(node, account) != ERR_OK || audit_json(node, account) != ERR_OK ||
        patients_json(node, account) != ERR_OK) {
        json_destroy(&account);
        return err_code();
    }
    *json = account;
    return ERR_OK;
}

static struct json *deployment(const struct json *account, const struct json *study)
{
    struct json *json = json_new_object();
    json_set_text(json, "product", json_get_text(study, "name"));
    json_set_text(json, "description", json_get_text(study, "purpose"));
    json_set_text(json, "data_curator", json_get_text(account, "hospital"));
    char *year = mem_text_n(json_get_text(account, "written"), 4);
    json_set_text(json, "year", year);
    mem_free(year);
    json_set_text(json, "flavor",
                  "Gaussian differential privacy, also stated as "
                  "approximate differential privacy");
    json_set_text(json, "privacy_unit",
                  "one patient at one hospital with all their records, add or remove");
    json_set_real(json, "epsilon", json_get_real(study, "epsilon"));
    json_set_real(json, "delta", json_get_real(study, "delta"));
    json_set_real(json, "mu", json_get_real(study, "mu"));
    json_set_real(json, "epsilon_spent", json_get_real(study, "epsilon_spent_most"));
    json_set_text(
        json, "model",
        "distributed: noise of honest hospitals adds up under secure aggregation");
    json_set_real(json, "colluders", json_get_real(study, "colluders"));
    json_set_real(json, "epsilon_if_all_others_collude",
                  json_get_real(study, "epsilon_if_all_others_collude"));
    json_set_text(json, "mechanism",
                  "exact discrete Gaussian on integers clipped in "
                  "Euclidean norm");
    json_set_text(json, "accounting",
                  "closed form, filter per patient over all studies of the hospital");
    json_set_text(json, "implementation", json_get_text(account, "program"));
    json_set_text(json, "post_processing",
                  "population prior: typical values, covariate effects, covariance");
    json_set_text(json, "access",
                  "the prior: members of the consortium; sums: nobody "
                  "but the coordinator; no queries");
    return json;
}

struct json *account_deployments(const struct json *account)
{
    struct json *list = json_new_array();
    const struct json *studies = json_get(account, "studies");
    for (size_t i = 0; i < json_count(studies); i++)
        if (json_get_real(json_at(studies, i), "mu_spent_most") > 0)
            json_add(list, deployment(account, json_at(studies, i)));
    return list;
}
