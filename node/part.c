#include "node/part.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "node/contribute.h"
#include "node/heads.h"
#include "node/newest.h"
#include "node/pace.h"
#include "node/patients.h"
#include "node/policies.h"
#include "node/restore.h"
#include "node/sums.h"
#include "privacy/accountant.h"
#include "privacy/noise.h"
#include "privacy/random.h"

struct part {
    struct node *node;
    const struct clock *clock;
    struct crowd_progress progress;
    struct node_study *study; /* as it was when the attempt was entered */
    struct arena *arena;      /* the plan's */
    struct plan plan;
    uint8_t hash[HASH_BYTES]; /* the plan's */
    struct random *random;
    struct attempt *attempt;
    struct crowd crowd;  /* who is in the input */
    enum reason refused; /* why the plan is not entered, as far as that can be told */
};

/* --- is it permitted
 * --------------------------------------------------------------------------- */

/* A restored home is an older copy of itself, its policy until the newest one is installed
 * again, its ledger until somebody else has seen it. */
static enum err check_proven(struct node *node)
{
    char since[CLOCK_TEXT_SIZE];
    uint64_t created, least, version = node->policy ? policy_version(node->policy) : 0;
    bool unproven;
    if (keyring_policy_least(node, &least) != ERR_OK ||
        restore_is_unproven(node, &unproven, &created) != ERR_OK)
        return err_code();
    if (version < least) {
        err_set(ERR_DENIED,
                "this node was restored with version %llu of the officers' policy, and "
                "version %llu had been in force",
                (unsigned long long)version, (unsigned long long)least);
        return err_hint("gemel-node policy install, with the newest");
    }
    if (!unproven)
        return ERR_OK;
    clock_text(created, since);
    err_set(ERR_DENIED,
            "this node was restored from a backup of %s, and its ledger has not been "
            "compared with what others have seen of it",
            since);
    return err_hint("the coordinator's next answer does that, unless it knows of none");
}

/* What to tell of a check that did not hold; of a store that did not answer, nothing. */
static enum err because(struct part *part, enum reason reason, enum err result)
{
    if (result == ERR_DENIED || result == ERR_VERIFY || result == ERR_STATE)
        part->refused = reason;
    return result;
}

/* What has to be so before a plan is looked at, whatever it says. */
static enum err check_node(struct part *part)
{
    struct node *node = part->node;
    const struct node_study *study = part->study;
    if (!node->consortium.roster)
        return because(part, REASON_BUSY,
                       err_set(ERR_STATE, "this node has no roster yet"));
    if (because(part, REASON_LEDGER_BEHIND, node_heads_ledger(node)) != ERR_OK ||
        because(part, REASON_LEDGER_BEHIND, newest_check(node)) != ERR_OK ||
        because(part, REASON_BUSY, check_proven(node)) != ERR_OK)
        return err_code();
    if (study->state != STUDY_APPROVED)
        return because(part, REASON_POLICY,
                       err_set(ERR_DENIED, "the study %s is %s here, not approved",
                               study->terms.name, node_study_state_name(study->state)));
    part->refused = node_studies_permit(node, study, clock_wall(part->clock));
    return part->refused == REASON_NONE ? ERR_OK : err_code();
}

static enum err check_plan(struct part *part)
{
    struct node *node = part->node;
    const struct node_study *study = part->study;
    const struct plan *plan = &part->plan;
    struct plan_context context = {
        .terms = &study->terms,
        .terms_hash = study->hash,
        .roster = node->consortium.roster,
        .chain_head = study->chain.head,
        .chain_length = study->chain.length,
        .own_key = node->key,
        .now = clock_wall(part->clock),
    };
    double step;
    if (node_exchange_last(node, study->terms.study, &context.last_round,
                           &context.last_attempt) != ERR_OK)
        return err_code();
    part->refused = plan_check(plan, &context);
    if (part->refused == REASON_NONE)
        part->refused = permit_plan(node->policy, plan);
    if (part->refused != REASON_NONE)
        return err_code();
    if (plan->noise_log2 != NOISE_LOG2)
        return because(part, REASON_WRONG_TERMS,
                       err_set(ERR_DENIED,
                               "the plan's noise_log2 is %u; this node draws %d",
                               plan->noise_log2, NOISE_LOG2));
    double local = plan->noise_multiplier / noise_pooled(plan_shares(plan));
    if (noise_step(local, &step) != ERR_OK)
        return err_code();
    if (plan->step != step)
        return because(
            part, REASON_WRONG_TERMS,
            err_set(ERR_DENIED, "the plan's step does not follow from its noise"));
    return ERR_OK;
}

/* --- what the attempt needs
 * -------------------------------------------------------------------- */

static enum err enter(void *context)
{
    const struct part *part = context;
    struct query *query;
    if (store_query(part->node->store,
                    "INSERT INTO attempts (study, round, attempt, plan, entered)"
                    " VALUES (?, ?, ?, ?, ?)",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, part->plan.study, STUDY_BYTES);
    query_int(query, 2, (int64_t)part->plan.round);
    query_int(query, 3, part->plan.attempt);
    query_blob(query, 4, part->hash, HASH_BYTES);
    query_int(query, 5, (int64_t)clock_wall(part->clock));
    return query_run(query);
}

static struct ledger_entry entry_of(const struct part *part)
{
    struct ledger_entry entry = crowd_entry(&part->plan, part->clock);
    random_bytes(entry.nonce, LEDGER_NONCE_BYTES);
    return entry;
}

/* Once before anything is entered, so that a budget that is spent costs nobody an
 * attempt, and anew when the input is computed: in the step that ends with the charge, so
 * that whoever has withdrawn consent by then is in neither, and whoever withdraws it
 * later has been charged; and so that a policy that has ended by then, or a period that
 * other studies have used up, stops it. */
static enum err choose_crowd(struct part *part)
{
    const struct ledger_entry entry = entry_of(part);
    part->refused = policies_now(part->node, clock_wall(part->clock));
    if (part->refused != REASON_NONE)
        return err_code();
    crowd_clear(&part->crowd);
    enum err result = crowd_gather(part->node, &entry, &part->crowd);
    part->refused = part->crowd.refused;
    return result;
}

static enum err input(void *context, uint64_t *sum)
{
    struct part *part = context;
    struct contribute_report report;
    if (choose_crowd(part) != ERR_OK)
        return err_code();
    uint64_t began = clock_steady_ms(part->clock);
    enum err result = crowd_sum(part->node, part->study, &part->plan, &part->crowd, NULL,
                                &part->progress, sum, &report);
    return result == ERR_OK
               ? node_pace_computed(part->node, part->study->terms.name,
                                    clock_steady_ms(part->clock) - began)
               : result;
}

static void cancel(void *context)
{
    const struct part *part = context;
    store_rollback(part->node->store);
    ledger_reload(part->node->ledger);
}

static struct audit_entry about(const struct part *part)
{
    return (struct audit_entry){.kind = AUDIT_RELEASE,
                                .wall = clock_wall(part->clock),
                                .study = part->plan.study,
                                .round = part->plan.round,
                                .attempt = part->plan.attempt,
                                .object = part->hash};
}

/* With a sample of what leaves: what the coordinator gets can be held against it. */
static enum err note_release(const struct part *part, const uint64_t *masked)
{
    const struct audit_entry entry = about(part);
    const struct plan *plan = &part->plan;
    return audit_write(part->node->store, &entry,
                       "%u noised and masked numbers of %zu patients, charged at noise "
                       "multiplier %g; as they left they begin %016llx %016llx %016llx",
                       plan->dimension, part->crowd.paying_count, plan->noise_multiplier,
                       (unsigned long long)masked[0], (unsigned long long)masked[1],
                       (unsigned long long)masked[2]);
}

static enum err charge(void *context, const uint64_t *masked, uint64_t *length,
                       uint8_t head[HASH_BYTES])
{
    struct part *part = context;
    struct node *node = part->node;
    const struct ledger_entry entry = entry_of(part);
    if (store_begin(node->store) != ERR_OK)
        return err_code();
    enum err result = crowd_charge(node, &entry, &part->crowd);
    if (result == ERR_OK)
        result = note_release(part, masked);
    if (result != ERR_OK) {
        cancel(part);
        return result;
    }
    *length = ledger_length(node->ledger);
    ledger_head(node->ledger, head);
    return ERR_OK;
}

/* The store first: an anchor is never ahead of it, whenever the node dies. The anchor
 * before anything leaves: whatever left is in it, whatever is put back. */
static enum err commit(void *context)
{
    struct part *part = context;
    enum err result = store_commit(part->node->store);
    if (result != ERR_OK) {
        ledger_reload(part->node->ledger);
        return result;
    }
    return newest_advance(part->node);
}

/* --- entering and leaving
 * ---------------------------------------------------------------------- */

/* A coordinator that ends attempts when their inputs have left makes everybody pay for a
 * round again: not more often than the hospital wants. */
static enum err check_attempts(struct part *part)
{
    struct ledger *ledger = part->node->ledger;
    size_t charged = 0;
    struct ledger_entry entry;
    uint64_t patients;
    for (uint64_t i = 0; i < ledger_count(ledger); i++) {
        if (ledger_read(ledger, i, &entry, &patients) != ERR_OK)
            return err_code();
        charged += entry.round == part->plan.round &&
                   memcmp(entry.study, part->plan.study, STUDY_BYTES) == 0;
    }
    part->refused = permit_attempts(part->node->policy, part->plan.round, charged);
    return part->refused == REASON_NONE ? ERR_OK : err_code();
}

static enum err enter_attempt(struct part *part, struct view signed_plan)
{
    struct node *node = part->node;
    const struct attempt_world world = {
        .identity = node->identity,
        .random = part->random,
        .enter = enter,
        .input = input,
        .charge = charge,
        .commit = commit,
        .cancel = cancel,
        .context = part,
    };
    uint8_t seed[HASH_BYTES];
    if (node_exchange_seed(node, part->plan.study, seed) != ERR_OK)
        return err_code();
    struct attempt_start start = {
        .signed_plan = signed_plan,
        .coordinator_key = node->consortium.coordinator_key,
        .seed = seed,
        .ledger_length = ledger_length(node->ledger),
        .notes = {node_heads_tell, node_heads_told, node},
    };
    ledger_head(node->ledger, start.ledger_head);
    /* A seed that the plan does not hide was drawn by a process that is gone. */
    enum err result = attempt_new(&start, &world, &part->attempt);
    return because(part, result == ERR_VERIFY ? REASON_BAD_SEED : REASON_WEAK_PLAN,
                   result);
}

/* Into the audit record: a plan that did not open by the hash of its bytes. */
static enum err refuse_plan(const struct part *part, const uint8_t study[STUDY_BYTES],
                            struct view signed_plan)
{
    uint8_t object[HASH_BYTES];
    struct audit_entry entry = about(part);
    entry.study = study;
    if (bytes_are_zero(part->hash, HASH_BYTES)) {
        bytes_hash("gemel/refused/1", signed_plan.data, signed_plan.size, object);
        entry.object = object;
    }
    return node_refuse(part->node, &entry);
}

/* In this order, so that a plan that is not entered costs nobody anything. */
static enum err check_all(struct part *part)
{
    enum err result = check_node(part);
    if (result == ERR_OK)
        result = check_plan(part);
    if (result == ERR_OK)
        result = check_attempts(part);
    if (result == ERR_OK)
        result = because(part, REASON_DIFFERENCE, sums_check(part->node, &part->plan));
    return result == ERR_OK ? choose_crowd(part) : result;
}

enum err part_new(struct node *node, const struct clock *clock,
                  const uint8_t study[STUDY_BYTES], struct view signed_plan,
                  const struct crowd_progress *progress, struct part **part,
                  struct part_refusal *refusal)
{
    struct part *p = mem_new(1, sizeof *p);
    p->node = node;
    p->clock = clock;
    if (progress)
        p->progress = *progress;
    p->arena = codec_arena(signed_plan.size);
    enum err result = node_studies_open(node, study, &p->study);
    if (result == ERR_OK)
        result = plan_open(signed_plan, node->consortium.coordinator_key, p->arena,
                           &p->plan, p->hash);
    if (result == ERR_OK)
        result = check_all(p);
    if (result == ERR_OK)
        result = random_new(&p->random);
    if (result == ERR_OK)
        result = enter_attempt(p, signed_plan);
    if (result != ERR_OK)
        result = refuse_plan(p, study, signed_plan);
    if (refusal)
        *refusal = (struct part_refusal){result == ERR_OK ? REASON_NONE : p->refused,
                                         p->plan.round, p->plan.attempt};
    *part = p;
    if (result != ERR_OK)
        part_destroy(part);
    return result;
}

void part_destroy(struct part **part)
{
    struct part *p = *part;
    if (!p)
        return;
    attempt_destroy(&p->attempt);
    random_destroy(&p->random);
    node_study_destroy(&p->study);
    crowd_clear(&p->crowd);
    arena_destroy(&p->arena);
    mem_free(p);
    *part = NULL;
}

const struct attempt *part_attempt(const struct part *part)
{
    return part->attempt;
}

/* --- talking
 * ----------------------------------------------------------------------------------- */

enum err part_ask(const struct part *part, struct node_exchange *exchange,
                  struct bytes *frame)
{
    struct envelope envelope = {.round = part->plan.round, .attempt = part->plan.attempt};
    if (attempt_message(part->attempt, &envelope.kind, &envelope.body) != ERR_OK)
        return err_code();
    memcpy(envelope.study, part->plan.study, STUDY_BYTES);
    return node_exchange_seal(part->node, exchange, &envelope, frame);
}

static enum err seal_refusal(struct node *node, const uint8_t study[STUDY_BYTES],
                             struct envelope *envelope, struct bytes *body,
                             struct node_exchange *exchange, struct bytes *frame)
{
    envelope->kind = MESSAGE_REFUSAL;
    envelope->body = codec_view(body);
    memcpy(envelope->study, study, STUDY_BYTES);
    enum err result = node_exchange_seal(node, exchange, envelope, frame);
    bytes_free(body);
    return result;
}

enum err part_tell(const struct part *part, struct node_exchange *exchange,
                   struct bytes *frame)
{
    struct envelope envelope = {.round = part->plan.round, .attempt = part->plan.attempt};
    struct bytes body = {0};
    if (attempt_statement(part->attempt, &body) != ERR_OK)
        return err_code();
    return seal_refusal(part->node, part->plan.study, &envelope, &body, exchange, frame);
}

enum err part_decline(struct node *node, const uint8_t study[STUDY_BYTES],
                      const struct part_refusal *refusal, struct node_exchange *exchange,
                      struct bytes *frame)
{
    struct envelope envelope = {.round = refusal->round, .attempt = refusal->attempt};
    struct bytes body = {0};
    if (refusal->reason == REASON_NONE)
        return err_set(ERR_STATE, "there is nothing to say of this plan");
    if (codec_encode_refusal(&(struct refusal){refusal->reason, ""}, &body) != ERR_OK)
        return err_code();
    return seal_refusal(node, study, &envelope, &body, exchange, frame);
}

static void note_wait(struct view body, struct arena *arena, struct part_wait *told)
{
    struct waiting waiting;
    if (codec_decode_waiting(body, arena, &waiting) != ERR_OK)
        return; /* a wait that says nothing is still one */
    told->retry_after_ms = waiting.retry_after_ms;
    snprintf(told->what_for, sizeof told->what_for, "%s", waiting.what_for);
}

/* Whose inputs this hospital confirmed, before the confirmation leaves: the published
 * link must name the same (node/studies). */
static enum err note_survivors(const struct part *part)
{
    struct query *query;
    if (store_query(part->node->store, "UPDATE attempts SET survivors = ? WHERE plan = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, attempt_survivors(part->attempt), HASH_BYTES);
    query_blob(query, 2, part->hash, HASH_BYTES);
    return query_run(query);
}

enum err part_take(struct part *part, const struct node_exchange *exchange,
                   const struct bytes *answer, struct part_wait *told)
{
    struct arena *arena = codec_arena(answer->size);
    struct envelope envelope;
    uint32_t kinds =
        1u << MESSAGE_WAIT | 1u << phase_answer(attempt_phase(part->attempt));
    enum err result = node_exchange_open(part->node, exchange, kinds, codec_view(answer),
                                         arena, &envelope);
    if (result != ERR_OK)
        attempt_abandon(part->attempt);
    else if (envelope.kind == MESSAGE_WAIT)
        note_wait(envelope.body, arena, told);
    if (result == ERR_OK)
        result = attempt_take(part->attempt, envelope.kind, envelope.body);
    if (result == ERR_OK &&
        (envelope.kind == MESSAGE_SURVIVORS || envelope.kind == MESSAGE_CONFIRMS)) {
        result = envelope.kind == MESSAGE_SURVIVORS
                     ? note_survivors(part)
                     : sums_note(part->node, part->attempt);
        if (result != ERR_OK)
            attempt_abandon(part->attempt);
    }
    if (result != ERR_OK) {
        const struct audit_entry entry = about(part);
        result = node_refuse(part->node, &entry);
    }
    arena_destroy(&arena);
    return result;
}

uint64_t part_slot(uint64_t wall, uint64_t slot)
{
    return (wall / slot + 1) * slot;
}
