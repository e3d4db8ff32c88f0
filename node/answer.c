#include "node/exchange.h"

#include <string.h>

#include "base/memory.h"
#include "model/statistic.h"
#include "node/contribute.h"
#include "node/patients.h"
#include "privacy/accountant.h"
#include "privacy/noise.h"
#include "privacy/random.h"

/* --- what was answered before
 * ---------------------------------------------------------------- */

/* The stored frame for this very plan, if there is one. */
static enum err stored_frame(struct node *node, const uint8_t plan_hash[HASH_BYTES],
                             struct node_exchange *exchange, struct bytes *frame,
                             bool *found)
{
    struct query *query;
    if (store_query(node->store, "SELECT nonce, frame, study FROM outbox WHERE plan = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, plan_hash, HASH_BYTES);
    if (query_step(query, found) != ERR_OK)
        return err_code();
    if (*found) {
        size_t size;
        const void *nonce = query_get_blob(query, 0, &size);
        memcpy(exchange->nonce, nonce, size < NONCE_BYTES ? size : NONCE_BYTES);
        const void *study = query_get_blob(query, 2, &size);
        memcpy(exchange->study, study, size < STUDY_BYTES ? size : STUDY_BYTES);
        const void *data = query_get_blob(query, 1, &size);
        bytes_append(frame, data, size);
        query_reset(query);
    }
    return ERR_OK;
}

/* --- is it permitted
 * --------------------------------------------------------------------------- */

static enum err check_plan(struct node *node, const struct clock *clock,
                           const struct node_study *study, const struct plan *plan)
{
    struct plan_context context = {
        .terms = &study->terms,
        .terms_hash = study->hash,
        .roster = node->consortium.roster,
        .chain_head = study->chain.head,
        .chain_length = study->chain.length,
        .own_key = node->key,
        .now = clock_wall(clock),
    };
    double step;
    if (!node->consortium.roster)
        return err_set(ERR_STATE, "this node has no roster yet");
    if (study->state != STUDY_APPROVED)
        return err_set(ERR_DENIED, "the study %s is %s here, not approved",
                       study->terms.name, node_study_state_name(study->state));
    if (node_studies_permit(node, &study->terms) != ERR_OK ||
        node_exchange_last(node, study->terms.study, &context.last_round,
                           &context.last_attempt) != ERR_OK)
        return err_code();
    if (plan_check(plan, &context) != REASON_NONE)
        return err_code();
    if (plan->noise_log2 != NOISE_LOG2)
        return err_set(ERR_DENIED, "the plan's noise_log2 is %u; this node draws %d",
                       plan->noise_log2, NOISE_LOG2);
    if (noise_step(plan->noise_multiplier, &step) != ERR_OK)
        return err_code();
    if (plan->step != step)
        return err_set(ERR_DENIED, "the plan's step does not follow from its noise");
    return ERR_OK;
}

/* --- who takes part
 * ------------------------------------------------------------------------------ */

struct crowd {
    struct patient *patients;
    size_t count;
    size_t *paying; /* [paying_count] indices of those who can pay for this round */
    size_t paying_count;
};

static void crowd_clear(struct crowd *crowd)
{
    patients_free(crowd->patients, crowd->count);
    mem_free(crowd->paying);
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

/* Whether a patient takes part depends on what was charged to them before, never on their
 * records, so that leaving some out tells nothing. */
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
    int64_t least = conf_integer(node->conf, "patients_min");
    if (result == ERR_OK && (int64_t)crowd->paying_count < least) {
        if ((int64_t)crowd->count < least)
            result = err_set(ERR_DENIED, "%zu patients are here; patients_min is %lld",
                             crowd->count, (long long)least);
        else
            result =
                err_set(ERR_DENIED,
                        "the privacy budget is spent: %zu of %zu patients could pay for "
                        "this round, patients_min is %lld",
                        crowd->paying_count, crowd->count, (long long)least);
    }
    return result;
}

static enum err open_record(void *source, size_t index, struct record **record)
{
    void **pair = source;
    struct node *node = pair[0];
    const struct crowd *crowd = pair[1];
    return patients_record(node, crowd->patients[crowd->paying[index]].id, record);
}

/* --- charge, store, hand out
 * ----------------------------------------------------------------------- */

static enum err seal(struct node *node, const struct plan *plan,
                     const uint8_t plan_hash[HASH_BYTES], const uint64_t *sum,
                     struct node_exchange *exchange, struct bytes *frame)
{
    struct contribution contribution = {.ledger_length = ledger_length(node->ledger),
                                        .vector = {sum, plan->dimension}};
    struct envelope envelope = {
        .kind = MESSAGE_CONTRIBUTION, .round = plan->round, .attempt = plan->attempt};
    struct bytes body = {0};
    memcpy(contribution.plan, plan_hash, HASH_BYTES);
    ledger_head(node->ledger, contribution.ledger_head);
    memcpy(envelope.consortium, node->consortium.id, HASH_BYTES);
    memcpy(envelope.recipient, node->consortium.coordinator_key, KEY_BYTES);
    memcpy(envelope.study, plan->study, STUDY_BYTES);
    random_bytes(exchange->nonce, NONCE_BYTES);
    memcpy(envelope.nonce, exchange->nonce, NONCE_BYTES);
    memcpy(exchange->study, plan->study, STUDY_BYTES);
    enum err result = codec_encode_contribution(&contribution, &body);
    envelope.body = codec_view(&body);
    if (result == ERR_OK)
        result = envelope_seal(node->identity, &envelope, frame);
    bytes_free(&body);
    return result;
}

static enum err store_frame(struct node *node, const struct plan *plan,
                            const uint8_t plan_hash[HASH_BYTES],
                            const struct node_exchange *exchange,
                            const struct bytes *frame)
{
    struct query *query;
    if (store_query(node->store,
                    "INSERT INTO outbox (study, round, attempt, plan, nonce, frame,"
                    " acknowledged) VALUES (?, ?, ?, ?, ?, ?, 0)",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, plan->study, STUDY_BYTES);
    query_int(query, 2, (int64_t)plan->round);
    query_int(query, 3, plan->attempt);
    query_blob(query, 4, plan_hash, HASH_BYTES);
    query_blob(query, 5, exchange->nonce, NONCE_BYTES);
    query_blob(query, 6, frame->data, frame->size);
    return query_run(query);
}

/* The charge and the frame become durable together, before the frame exists anywhere
 * else. */
static enum err charge_and_store(struct node *node, const struct plan *plan,
                                 const uint8_t plan_hash[HASH_BYTES],
                                 const struct ledger_entry *entry, double cap,
                                 const struct crowd *crowd, const uint64_t *sum,
                                 struct node_exchange *exchange, struct bytes *frame)
{
    uint8_t(*pseudonyms)[LEDGER_PSEUDONYM_BYTES] = pseudonyms_of(crowd);
    enum err result = store_begin(node->store);
    if (result == ERR_OK) {
        result = ledger_charge(node->ledger, entry,
                               (const uint8_t(*)[LEDGER_PSEUDONYM_BYTES])pseudonyms,
                               crowd->paying_count, cap);
        if (result == ERR_OK)
            result = seal(node, plan, plan_hash, sum, exchange, frame);
        if (result == ERR_OK)
            result = store_frame(node, plan, plan_hash, exchange, frame);
        if (result == ERR_OK)
            result = store_commit(node->store);
        else
            store_rollback(node->store);
        if (result != ERR_OK) {
            frame->size = 0;
            ledger_reload(node->ledger);
        }
    }
    mem_free(pseudonyms);
    return result;
}

/* What a patient may have been charged once this release is counted among all others. */
static enum err round_cap(struct node *node, const struct plan *plan, double *mu2)
{
    struct discretisation all, one;
    if (ledger_discretisation(node->ledger, &all) != ERR_OK ||
        accountant_discretisation(plan->dimension, plan->noise_log2, 1, &one) != ERR_OK)
        return err_code();
    all.epsilon += one.epsilon;
    all.log_delta += one.log_delta;
    return node_cap(node, &all, mu2);
}

static enum err compute(struct node *node, const struct clock *clock,
                        struct node_study *study, const struct plan *plan,
                        const uint8_t plan_hash[HASH_BYTES],
                        const struct answer_progress *progress,
                        struct node_exchange *exchange, struct bytes *frame)
{
    struct ledger_entry entry = {.round = plan->round,
                                 .attempt = plan->attempt,
                                 .noise_multiplier = plan->noise_multiplier,
                                 .wall = clock_wall(clock),
                                 .dimension = plan->dimension,
                                 .noise_log2 = plan->noise_log2};
    struct crowd crowd = {0};
    double cap;
    memcpy(entry.study, plan->study, LEDGER_STUDY_BYTES);
    enum err result = round_cap(node, plan, &cap);
    if (result == ERR_OK)
        result = gather(node, &entry, cap, &crowd);
    uint64_t *sum = mem_new(plan->dimension, sizeof *sum);
    if (result == ERR_OK) {
        void *source[] = {node, &crowd};
        struct contribute_task task = {
            .model = study->model,
            .layout = &study->layout,
            .prior = study->prior,
            .patients = crowd.paying_count,
            .record = open_record,
            .source = source,
            .step = plan->step,
            .norm_max = plan->norm_max,
            .threads = (size_t)conf_integer(node->conf, "threads"),
        };
        if (progress) {
            task.progress = progress->fitted;
            task.interrupted = progress->interrupted;
            task.context = progress->context;
        }
        struct contribute_report report;
        result = contribute(&task, sum, &report);
    }
    if (result == ERR_OK)
        result = charge_and_store(node, plan, plan_hash, &entry, cap, &crowd, sum,
                                  exchange, frame);
    mem_free(sum);
    crowd_clear(&crowd);
    return result;
}

enum err node_exchange_answer(struct node *node, const struct clock *clock,
                              struct node_study *study, struct view signed_plan,
                              const struct answer_progress *progress,
                              struct node_exchange *exchange, struct bytes *frame)
{
    struct arena *arena = codec_arena(signed_plan.size);
    struct plan plan;
    uint8_t hash[HASH_BYTES];
    bool found = false;
    frame->size = 0;
    enum err result =
        plan_open(signed_plan, node->consortium.coordinator_key, arena, &plan, hash);
    if (result == ERR_OK)
        result = stored_frame(node, hash, exchange, frame, &found);
    if (result == ERR_OK && !found) {
        result = check_plan(node, clock, study, &plan);
        if (result == ERR_OK)
            result = compute(node, clock, study, &plan, hash, progress, exchange, frame);
    }
    arena_destroy(&arena);
    return result;
}
