#include "node/crowd.h"

#include <string.h>

#include "base/memory.h"
#include "node/patients.h"
#include "privacy/accountant.h"
#include "wire/permit.h"

void crowd_clear(struct crowd *crowd)
{
    patients_free(crowd->patients, crowd->count);
    mem_free(crowd->paying);
    *crowd = (struct crowd){0};
}

static uint8_t (*pseudonyms_of(const struct crowd *crowd))[LEDGER_PSEUDONYM_BYTES]
{
    uint8_t(*pseudonyms)[LEDGER_PSEUDONYM_BYTES] =
        mem_new(crowd->paying_count, sizeof *pseudonyms);
    for (size_t i = 0; i < crowd->paying_count; i++)
        memcpy(pseudonyms[i], crowd->patients[crowd->paying[i]].pseudonym,
               LEDGER_PSEUDONYM_BYTES);
    return pseudonyms;
}

struct ledger_entry crowd_entry(const struct plan *plan, const struct clock *clock)
{
    struct ledger_entry entry = {.round = plan->round,
                                 .attempt = plan->attempt,
                                 .noise_multiplier = plan->noise_multiplier,
                                 .wall = clock_wall(clock),
                                 .dimension = plan->dimension,
                                 .noise_log2 = plan->noise_log2};
    memcpy(entry.study, plan->study, LEDGER_STUDY_BYTES);
    return entry;
}

static enum err gather(struct node *node, const struct ledger_entry *entry, double cap,
                       struct crowd *crowd)
{
    if (patients_list(node, &crowd->patients, &crowd->count) != ERR_OK)
        return err_code();
    crowd->paying = mem_new(crowd->count, sizeof *crowd->paying);
    for (size_t i = 0; i < crowd->count; i++)
        crowd->paying[i] = i;
    crowd->paying_count = crowd->count;
    uint8_t(*pseudonyms)[LEDGER_PSEUDONYM_BYTES] = pseudonyms_of(crowd);
    bool *affordable = mem_new(crowd->count, sizeof *affordable);
    enum err result = ledger_affordable(
        node->ledger, entry, (const uint8_t(*)[LEDGER_PSEUDONYM_BYTES])pseudonyms,
        crowd->count, cap, affordable);
    crowd->paying_count = 0;
    for (size_t i = 0; result == ERR_OK && i < crowd->count; i++)
        if (affordable[i])
            crowd->paying[crowd->paying_count++] = i;
    mem_free(affordable);
    mem_free(pseudonyms);
    if (result == ERR_OK)
        crowd->refused = permit_patients(node->policy, crowd->paying_count);
    if (result != ERR_OK || crowd->refused == REASON_NONE)
        return result;
    if (crowd->paying_count == crowd->count)
        return err_code();
    crowd->refused = REASON_BUDGET;
    return err_wrap("the privacy budget is spent: %zu of %zu patients could pay for this "
                    "round",
                    crowd->paying_count, crowd->count);
}

/* What a patient may have been charged once this release is counted among all others. */
static enum err cap_of(struct node *node, const struct ledger_entry *entry, double *mu2)
{
    struct discretisation all, one;
    if (ledger_discretisation(node->ledger, &all) != ERR_OK ||
        accountant_discretisation(entry->dimension, entry->noise_log2, 1, &one) != ERR_OK)
        return err_code();
    all.epsilon += one.epsilon;
    all.log_delta += one.log_delta;
    return permit_cap(node->policy, &all, mu2);
}

/* What the latest releases and this one cost together: whoever was in all of them. */
static enum err check_period(struct node *node, const struct ledger_entry *release,
                             enum reason *refused)
{
    uint64_t period =
        (uint64_t)conf_integer(policy_lines(node->policy), "period_releases");
    uint64_t length = ledger_count(node->ledger), patients;
    double mu2 = accountant_cost(release->noise_multiplier);
    struct discretisation all, one;
    struct ledger_entry entry;
    if (accountant_discretisation(release->dimension, release->noise_log2, 1, &all) !=
        ERR_OK)
        return err_code();
    for (uint64_t i = length < period ? 0 : length - period + 1; i < length; i++) {
        if (ledger_read(node->ledger, i, &entry, &patients) != ERR_OK ||
            accountant_discretisation(entry.dimension, entry.noise_log2, 1, &one) !=
                ERR_OK)
            return err_code();
        mu2 = accountant_sum(mu2, accountant_cost(entry.noise_multiplier));
        all.epsilon += one.epsilon;
        all.log_delta += one.log_delta;
    }
    *refused = permit_period(node->policy, mu2, &all);
    return *refused == REASON_NONE ? ERR_OK : err_code();
}

enum err crowd_gather(struct node *node, const struct ledger_entry *entry,
                      struct crowd *crowd)
{
    double cap;
    if (cap_of(node, entry, &cap) != ERR_OK || gather(node, entry, cap, crowd) != ERR_OK)
        return err_code();
    return check_period(node, entry, &crowd->refused);
}

enum err crowd_charge(struct node *node, const struct ledger_entry *entry,
                      const struct crowd *crowd)
{
    double cap;
    if (cap_of(node, entry, &cap) != ERR_OK)
        return err_code();
    uint8_t(*pseudonyms)[LEDGER_PSEUDONYM_BYTES] = pseudonyms_of(crowd);
    enum err result = ledger_charge(node->ledger, entry,
                                    (const uint8_t(*)[LEDGER_PSEUDONYM_BYTES])pseudonyms,
                                    crowd->paying_count, cap);
    mem_free(pseudonyms);
    return result;
}

static enum err open_record(void *source, size_t index, struct record **record)
{
    void **pair = source;
    struct node *node = pair[0];
    const struct crowd *crowd = pair[1];
    return patients_record(node, crowd->patients[crowd->paying[index]].id, record);
}

enum err crowd_sum(struct node *node, const struct node_study *study,
                   const struct plan *plan, const struct crowd *crowd,
                   struct random *random, const struct crowd_progress *progress,
                   uint64_t *sum, struct contribute_report *report)
{
    void *source[] = {node, (void *)crowd};
    const struct contribute_task task = {
        .model = study->model,
        .layout = &study->layout,
        .prior = study->prior,
        .patients = crowd->paying_count,
        .record = open_record,
        .source = source,
        .step = plan->step,
        .norm_max = plan->norm_max,
        .random = random,
        .threads = (size_t)conf_integer(node->conf, "threads"),
        .progress = progress->fitted,
        .interrupted = progress->interrupted,
        .context = progress->context,
    };
    return contribute(&task, sum, report);
}
