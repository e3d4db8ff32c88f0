#include "coordinator/rounds.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "coordinator/attempts.h"
#include "model/learn.h"
#include "privacy/fixedpoint.h"
#include "privacy/noise.h"

/* --- what there is
 * ---------------------------------------------------------------------------- */

/* Ascending. */
static enum err who_joined(struct coordinator *c, const struct coord_study *study,
                           struct bytes *keys)
{
    struct query *query;
    bool row;
    enum err result = store_query(
        c->store, "SELECT member FROM joined WHERE study = ? ORDER BY member", &query);
    if (result != ERR_OK)
        return result;
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    while ((result = query_step(query, &row)) == ERR_OK && row) {
        size_t size;
        const uint8_t *key = query_get_blob(query, 0, &size);
        if (c->roster && roster_by_key(c->roster, key))
            bytes_append(keys, key, size);
    }
    return result;
}

/* Who is called, and how many of them must stay. */
struct call {
    struct bytes keys;
    size_t joined; /* with those who are not called for now */
    uint32_t stay;
    bool again;     /* the sum of exactly these once more */
    size_t missing; /* of the keys: they have not joined, or are not in the roster */
};

/* Whoever declined the last attempt at this round would decline the next as well: it is
 * tried without them, if that leaves enough, and with everybody again after that. */
static enum err without_decliners(struct coordinator *c, const struct clock *clock,
                                  const struct coord_study *study, struct bytes *keys)
{
    struct coord_attempt *last;
    struct bytes others = {0};
    enum err result = attempts_find(c, clock, study->terms.study, &last);
    if (result != ERR_OK)
        return result == ERR_NOT_FOUND ? ERR_OK : result;
    const struct collection *collection = last->collection;
    if (last->open || collection_plan(collection)->round != study->chain.length + 1)
        return ERR_OK;
    for (const uint8_t *key = keys->data; key < keys->data + keys->size; key += KEY_BYTES)
        if (collection_declined(collection, key) == REASON_NONE)
            bytes_append(&others, key, KEY_BYTES);
    if (others.size / KEY_BYTES >= study->terms.hospitals_min) {
        keys->size = 0;
        bytes_append(keys, others.data, others.size);
    }
    bytes_free(&others);
    return ERR_OK;
}

/* Whoever has joined; where shares for a sum at this round may have left in an attempt
 * that was given up, exactly those who were in it: another sum beside that one would have
 * the difference of the two be seen, so no node would enter (node/sums). */
static enum err choose_call(struct coordinator *c, const struct clock *clock,
                            const struct coord_study *study, struct call *call)
{
    struct bytes summed = {0};
    *call = (struct call){.stay = study->terms.hospitals_min};
    enum err result = who_joined(c, study, &call->keys);
    call->joined = call->keys.size / KEY_BYTES;
    if (result == ERR_OK)
        result = attempts_summed(c, study->terms.study, study->chain.length + 1, &summed);
    if (result == ERR_OK && summed.size == 0)
        result = without_decliners(c, clock, study, &call->keys);
    if (result == ERR_OK && summed.size) {
        const struct keys joined = {call->keys.data, call->keys.size / KEY_BYTES};
        call->again = true;
        call->stay = (uint32_t)(summed.size / KEY_BYTES);
        for (size_t i = 0; i < call->stay; i++)
            call->missing += !terms_include(&joined, summed.data + i * KEY_BYTES);
        call->keys.size = 0;
        bytes_append(&call->keys, summed.data, summed.size);
    }
    bytes_free(&summed);
    return result;
}

/* Whether it is too early for another attempt after one that failed. The first time it is
 * never, then for a phase's time longer each time, up to a round's: hospitals may be away
 * for days, and no round has more than WIRE_ATTEMPTS_MAX attempts. */
static bool is_paused(const struct coordinator *c, const struct clock *clock,
                      const struct coord_attempt *last)
{
    if (last->open || collection_succeeded(last->collection))
        return false;
    uint64_t most = 1000 * (uint64_t)conf_integer(c->conf, "round_seconds");
    uint64_t pause = 1000 * (uint64_t)conf_integer(c->conf, "phase_seconds") *
                     (collection_plan(last->collection)->attempt - 1);
    return clock_steady_ms(clock) - last->phase_since_ms < (pause < most ? pause : most);
}

/* The study's next attempt waits for people, not for an answer. */
static enum err tell_call(struct coordinator *c, const struct clock *clock,
                          const struct coord_study *study, char text[256])
{
    struct call call;
    enum err result = choose_call(c, clock, study, &call);
    if (call.missing)
        snprintf(
            text, 256,
            "round %llu: shares for its sum may have left, so that it can only be "
            "repeated with the same %u hospitals, of whom %zu are not in the roster; "
            "else close the study",
            (unsigned long long)study->chain.length + 1, call.stay, call.missing);
    else
        snprintf(text, 256, "%zu of %zu hospitals have approved the study", call.joined,
                 study->terms.participants.count);
    bytes_free(&call.keys);
    return result;
}

enum err rounds_waiting(struct coordinator *c, const struct clock *clock,
                        const struct coord_study *study, char text[256])
{
    struct coord_attempt *attempt;
    enum err result = ERR_OK;
    if (!study->open) {
        snprintf(text, 256, "the study is %s", study->state);
        return ERR_OK;
    }
    result = attempts_find(c, clock, study->terms.study, &attempt);
    if (result == ERR_OK && attempt->open) {
        const struct plan *plan = collection_plan(attempt->collection);
        snprintf(text, 256,
                 "round %llu of %u, attempt %u, phase %s: %zu of %zu hospitals answered",
                 (unsigned long long)plan->round, study->terms.rounds, plan->attempt,
                 phase_name(collection_phase(attempt->collection)),
                 collection_received(attempt->collection),
                 collection_expected(attempt->collection));
    } else if (result == ERR_OK && is_paused(c, clock, attempt)) {
        const struct plan *plan = collection_plan(attempt->collection);
        char *ending = attempts_ending(attempt);
        snprintf(text, 256, "round %llu of %u: attempt %u was given up: %s",
                 (unsigned long long)plan->round, study->terms.rounds, plan->attempt,
                 ending);
        mem_free(ending);
    } else if (result == ERR_OK || result == ERR_NOT_FOUND) {
        result = tell_call(c, clock, study, text);
    }
    return result;
}

/* --- opening an attempt
 * ------------------------------------------------------------------------ */

/* What each participant committed its part of the graph's seed to in its last poll. */
static enum err gather_commitments(struct coordinator *c, const struct coord_study *study,
                                   const struct keys *participants, struct bytes *bytes)
{
    struct query *query;
    bool row;
    for (size_t i = 0; i < participants->count; i++) {
        if (store_query(
                c->store,
                "SELECT seed_commitment FROM joined WHERE study = ? AND member = ?",
                &query) != ERR_OK)
            return err_code();
        query_blob(query, 1, study->terms.study, STUDY_BYTES);
        query_blob(query, 2, participants->items + i * KEY_BYTES, KEY_BYTES);
        if (query_step(query, &row) != ERR_OK)
            return err_code();
        size_t size = 0;
        const void *data = row ? query_get_blob(query, 0, &size) : NULL;
        if (size == HASH_BYTES)
            bytes_append(bytes, data, size);
        query_reset(query);
        if (size != HASH_BYTES)
            return err_set(ERR_STATE, "a participant has committed to no seed");
    }
    return ERR_OK;
}

/* Numbers that follow from who takes part and how many must stay: the honest survivors'
 * noises together are the round's multiplier, so each adds the less the more there are.
 */
static enum err plan_numbers(const struct terms *terms, uint32_t stay, struct plan *plan)
{
    struct quorum quorum;
    if (quorum_choose((uint32_t)plan->participants.count, terms->colluders, stay,
                      &quorum) != ERR_OK)
        return err_code();
    plan->colluders = quorum.colluders;
    plan->quorum = quorum.quorum;
    plan->threshold = quorum.threshold;
    plan->survivors = quorum.survivors;
    plan->degree = quorum.degree;
    plan->noise_multiplier = terms->noise_multipliers.items[plan->round - 1];
    if (noise_norm_max(plan->noise_multiplier, plan_shares(plan), &plan->norm_max) !=
        ERR_OK)
        return err_code();
    return noise_step(plan->noise_multiplier / noise_pooled(plan_shares(plan)),
                      &plan->step);
}

static enum err open_attempt(struct coordinator *c, const struct clock *clock,
                             const struct coord_study *study, const struct call *call,
                             char told[256])
{
    const struct terms *terms = &study->terms;
    uint64_t time = (uint64_t)conf_integer(c->conf, "round_seconds") +
                    4 * (uint64_t)conf_integer(c->conf, "phase_seconds");
    struct plan plan = {
        .round = study->chain.length + 1,
        .dimension = terms->dimension,
        .noise_log2 = terms->noise_log2,
        .deadline = clock_wall(clock) + time,
        .participants = {call->keys.data, call->keys.size / KEY_BYTES},
    };
    struct bytes bytes = {0}, commitments = {0};
    struct coord_attempt *attempt;
    uint8_t hash[HASH_BYTES];
    memcpy(plan.study, terms->study, STUDY_BYTES);
    memcpy(plan.terms, study->hash, HASH_BYTES);
    memcpy(plan.roster, roster_hash(c->roster), HASH_BYTES);
    memcpy(plan.chain_head, study->chain.head, HASH_BYTES);
    enum err result = attempts_next(c, terms->study, plan.round, &plan.attempt);
    if (result == ERR_OK)
        result = plan_numbers(terms, call->stay, &plan);
    if (result == ERR_OK && plan.degree < plan.participants.count - 1)
        result = gather_commitments(c, study, &plan.participants, &commitments);
    plan.commitments = codec_view(&commitments);
    if (result == ERR_OK)
        result = plan_sign(c->identity, &plan, &bytes, hash);
    if (result == ERR_OK)
        result = attempts_open(c, clock, codec_view(&bytes), &attempt);
    bytes_free(&commitments);
    bytes_free(&bytes);
    snprintf(told, 256, "round %llu attempt %u opened for %zu hospitals",
             (unsigned long long)plan.round, plan.attempt, plan.participants.count);
    return result;
}

static enum err maybe_open(struct coordinator *c, const struct clock *clock,
                           const struct coord_study *study, enum rounds_outcome *outcome,
                           char told[256])
{
    struct call call;
    const struct terms *terms = &study->terms;
    enum err result = choose_call(c, clock, study, &call);
    size_t count = call.keys.size / KEY_BYTES;
    uint64_t patience = (uint64_t)conf_integer(c->conf, "gather_seconds");
    bool gathered = call.joined == terms->participants.count || study->chain.length > 0 ||
                    clock_wall(clock) >= terms->issued + patience;
    bool ready =
        call.again ? call.missing == 0 : count >= terms->hospitals_min && gathered;
    if (result == ERR_OK && ready) {
        result = open_attempt(c, clock, study, &call, told);
        *outcome = ROUNDS_OPENED;
    }
    bytes_free(&call.keys);
    return result;
}

/* --- from a sum to the next prior
 * ---------------------------------------------------------------- */

/* For people and for `study show`: one JSON-free line; the numbers are post-processing.
 */
static char *report_line(const struct learn_report *report, const struct plan *plan,
                         size_t hospitals)
{
    return mem_format(
        "hospitals %zu, patients about %.0f, noise multiplier %.4g; typical "
        "values %s, covariance %s, residual error %s%s%s",
        hospitals, report->patients, plan->noise_multiplier,
        learn_verdict_name(report->effects), learn_verdict_name(report->covariance),
        learn_verdict_name(report->residual), *report->reason ? "; " : "",
        report->reason);
}

/* Every survivor added noise of its own, so theirs add up. */
static enum err learn(struct coordinator *c, const struct coord_study *study,
                      const struct collection *collection,
                      struct coord_study_round *round, struct prior **next, char **report)
{
    const struct plan *plan = collection_plan(collection);
    struct coord_study_round *past;
    size_t count, hospitals = collection_survivor_count(collection);
    struct learn_report told;
    if (coord_studies_rounds(c, study, &past, &count) != ERR_OK)
        return err_code();
    int64_t *integers = mem_new(plan->dimension, sizeof *integers);
    fixedpoint_signed(collection_sum(collection), plan->dimension, integers);
    fixedpoint_real(integers, plan->dimension, plan->step, round->sum);
    mem_free(integers);
    round->noise_stddev =
        ldexp(plan->step, (int)plan->noise_log2) * sqrt((double)hospitals);
    struct learn_round *rounds = mem_new(count + 1, sizeof *rounds);
    for (size_t i = 0; i < count; i++)
        rounds[i] =
            (struct learn_round){past[i].prior, past[i].sum, past[i].noise_stddev};
    rounds[count] = (struct learn_round){study->prior, round->sum, round->noise_stddev};
    enum err result = learn_step(study->model, &study->layout, &study->statistic, rounds,
                                 count + 1, NULL, next, &told);
    if (result == ERR_OK)
        *report = report_line(&told, plan, hospitals);
    mem_free(rounds);
    coord_studies_rounds_free(past, count);
    return result;
}

static enum err commit_round(struct coordinator *c, const struct coord_study *study,
                             struct coord_attempt *attempt,
                             const struct coord_study_round *round,
                             const struct prior *next, const char *report)
{
    const struct collection *collection = attempt->collection;
    const struct plan *plan = collection_plan(collection);
    struct bytes prior = {0};
    struct words words = {collection_sum(collection), plan->dimension};
    struct chain_link link = {
        .round = plan->round,
        .contributions = (uint32_t)collection_survivor_count(collection),
    };
    prior_write(next, &prior);
    memcpy(link.study, study->terms.study, STUDY_BYTES);
    memcpy(link.previous, study->chain.head, HASH_BYTES);
    memcpy(link.plan, collection_context(collection), HASH_BYTES);
    memcpy(link.survivors, collection_survivors(collection), HASH_BYTES);
    chain_sum_hash(&words, link.sum);
    link.prior = codec_view(&prior);
    enum err result = store_begin(c->store);
    if (result == ERR_OK) {
        result = coord_studies_publish(c, study, &link, round, report);
        if (result == ERR_OK)
            result = attempts_end(attempt, "published");
        if (result == ERR_OK)
            result = store_commit(c->store);
        else
            store_rollback(c->store);
    }
    bytes_free(&prior);
    return result;
}

static enum err publish(struct coordinator *c, const struct coord_study *study,
                        struct coord_attempt *attempt, char told[256])
{
    const struct plan *plan = collection_plan(attempt->collection);
    struct coord_study_round round = {.sum = mem_new(plan->dimension, sizeof(double))};
    struct prior *next = NULL;
    char *report = NULL;
    enum err result = learn(c, study, attempt->collection, &round, &next, &report);
    if (result == ERR_OK)
        result = commit_round(c, study, attempt, &round, next, report);
    if (result == ERR_OK)
        snprintf(told, 256, "round %llu published: %s", (unsigned long long)plan->round,
                 report);
    mem_free(report);
    prior_destroy(&next);
    mem_free(round.sum);
    return result;
}

static enum err abandon(struct coordinator *c, struct coord_attempt *attempt,
                        char told[256])
{
    const struct plan *plan = collection_plan(attempt->collection);
    enum err result = store_begin(c->store);
    if (result == ERR_OK) {
        result = attempts_end(attempt, "abandoned");
        if (result == ERR_OK)
            result = store_commit(c->store);
        else
            store_rollback(c->store);
    }
    char *ending = attempts_ending(attempt);
    snprintf(told, 256, "round %llu attempt %u abandoned: %s",
             (unsigned long long)plan->round, plan->attempt, ending);
    mem_free(ending);
    return result;
}

/* --- step by step
 * ------------------------------------------------------------------------------- */

static bool is_late(const struct coordinator *c, const struct clock *clock,
                    const struct coord_attempt *attempt)
{
    const struct collection *collection = attempt->collection;
    const char *setting =
        collection_phase(collection) == PHASE_MASK ? "round_seconds" : "phase_seconds";
    uint64_t time_ms = 1000 * (uint64_t)conf_integer(c->conf, setting);
    return clock_steady_ms(clock) - attempt->phase_since_ms >= time_ms ||
           clock_wall(clock) >= collection_plan(collection)->deadline;
}

static enum err advance_attempt(struct coordinator *c, const struct clock *clock,
                                const struct coord_study *study,
                                struct coord_attempt *attempt,
                                enum rounds_outcome *outcome, char told[256])
{
    struct collection *collection = attempt->collection;
    enum err result = ERR_OK;
    if (collection_phase(collection) != PHASE_END) {
        enum phase phase = collection_phase(collection);
        size_t received = collection_received(collection);
        bool moved;
        result = collection_advance(collection, is_late(c, clock, attempt), &moved);
        if (result != ERR_OK || !moved)
            return result;
        attempt->phase_since_ms = clock_steady_ms(clock);
        *outcome = ROUNDS_MOVED;
        snprintf(told, 256, "round %llu attempt %u: phase %s closed with %zu hospitals",
                 (unsigned long long)collection_plan(collection)->round,
                 collection_plan(collection)->attempt, phase_name(phase), received);
        return ERR_OK;
    }
    if (collection_succeeded(collection)) {
        result = publish(c, study, attempt, told);
        *outcome = ROUNDS_PUBLISHED;
    } else {
        result = abandon(c, attempt, told);
        *outcome = ROUNDS_ABANDONED;
    }
    attempt->open = result != ERR_OK;
    return result;
}

enum err rounds_advance(struct coordinator *c, const struct clock *clock,
                        const struct coord_study *study, enum rounds_outcome *outcome,
                        char told[256])
{
    struct coord_attempt *attempt;
    *outcome = ROUNDS_NOTHING;
    if (!study->open || !c->roster)
        return ERR_OK;
    enum err result = attempts_find(c, clock, study->terms.study, &attempt);
    if (result == ERR_OK && attempt->open)
        return advance_attempt(c, clock, study, attempt, outcome, told);
    if (result == ERR_OK && is_paused(c, clock, attempt))
        return ERR_OK;
    if (result == ERR_OK || result == ERR_NOT_FOUND)
        result = maybe_open(c, clock, study, outcome, told);
    return result;
}
