#include "coordinator/rounds.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/learn.h"
#include "privacy/fixedpoint.h"
#include "privacy/noise.h"

/* --- what the store knows
 * -------------------------------------------------------------------- */

static enum err count_where(struct coordinator *c, const char *sql, const void *one,
                            size_t one_size, const void *two, size_t two_size,
                            size_t *count)
{
    struct query *query;
    bool row;
    if (store_query(c->store, sql, &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, one, one_size);
    if (two)
        query_blob(query, 2, two, two_size);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    *count = (size_t)query_get_int(query, 0);
    query_reset(query);
    return ERR_OK;
}

enum err rounds_contributed(struct coordinator *c, const uint8_t plan[HASH_BYTES],
                            const uint8_t member[KEY_BYTES], bool *contributed)
{
    size_t count = 0;
    enum err result =
        count_where(c, "SELECT count(*) FROM contributions WHERE plan = ? AND member = ?",
                    plan, HASH_BYTES, member, KEY_BYTES, &count);
    *contributed = count > 0;
    return result;
}

enum err rounds_contributions(struct coordinator *c, const uint8_t plan[HASH_BYTES],
                              size_t *count)
{
    return count_where(c, "SELECT count(*) FROM contributions WHERE plan = ?", plan,
                       HASH_BYTES, NULL, 0, count);
}

enum err rounds_joined(struct coordinator *c, const struct coord_study *study,
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

enum err rounds_current(struct coordinator *c, const struct coord_study *study,
                        struct arena *arena, struct coord_attempt *attempt)
{
    struct query *query;
    bool row;
    *attempt = (struct coord_attempt){0};
    if (store_query(c->store,
                    "SELECT plan FROM attempts WHERE study = ? AND state = 'open'",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return err_set(ERR_NOT_FOUND, "no attempt is in progress");
    size_t size;
    const void *data = query_get_blob(query, 0, &size);
    bytes_append(&attempt->signed_plan, data, size);
    query_reset(query);
    return plan_open((struct view){attempt->signed_plan.data, size}, c->key, arena,
                     &attempt->plan, attempt->hash);
}

enum err rounds_waiting(struct coordinator *c, const struct coord_study *study,
                        char text[256])
{
    struct arena *arena = codec_arena(WIRE_PLAN_MAX);
    struct coord_attempt attempt;
    struct bytes joined = {0};
    size_t count = 0;
    enum err result = ERR_OK;
    if (!study->open) {
        snprintf(text, 256, "the study is %s", study->state);
    } else if ((result = rounds_current(c, study, arena, &attempt)) == ERR_OK) {
        result = rounds_contributions(c, attempt.hash, &count);
        snprintf(text, 256, "round %llu of %u, attempt %u: %zu of %zu hospitals answered",
                 (unsigned long long)attempt.plan.round, study->terms.rounds,
                 attempt.plan.attempt, count, attempt.plan.participants.count);
        bytes_free(&attempt.signed_plan);
    } else if (result == ERR_NOT_FOUND) {
        result = rounds_joined(c, study, &joined);
        snprintf(text, 256, "%zu of %zu hospitals have approved the study",
                 joined.size / KEY_BYTES, study->terms.participants.count);
    }
    bytes_free(&joined);
    arena_destroy(&arena);
    return result;
}

/* --- opening an attempt
 * ------------------------------------------------------------------------ */

static enum err next_attempt(struct coordinator *c, const struct coord_study *study,
                             uint64_t round, uint32_t *attempt)
{
    struct query *query;
    bool row;
    if (store_query(c->store,
                    "SELECT max(attempt) FROM attempts WHERE study = ? AND round = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    query_int(query, 2, (int64_t)round);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    *attempt =
        row && !query_get_null(query, 0) ? (uint32_t)query_get_int(query, 0) + 1 : 1;
    query_reset(query);
    return *attempt <= WIRE_ATTEMPTS_MAX
               ? ERR_OK
               : err_set(ERR_STATE, "round %llu has had %d attempts",
                         (unsigned long long)round, WIRE_ATTEMPTS_MAX);
}

static enum err keep_attempt(struct coordinator *c, const struct plan *plan,
                             const struct bytes *bytes, const uint8_t hash[HASH_BYTES])
{
    struct query *query;
    if (store_query(c->store,
                    "INSERT INTO attempts (study, round, attempt, plan, hash, state)"
                    " VALUES (?, ?, ?, ?, ?, 'open')",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, plan->study, STUDY_BYTES);
    query_int(query, 2, (int64_t)plan->round);
    query_int(query, 3, plan->attempt);
    query_blob(query, 4, bytes->data, bytes->size);
    query_blob(query, 5, hash, HASH_BYTES);
    return query_run(query);
}

static enum err open_attempt(struct coordinator *c, const struct coord_study *study,
                             const struct bytes *joined, uint64_t now, char told[256])
{
    const struct terms *terms = &study->terms;
    struct plan plan = {
        .round = study->chain.length + 1,
        .dimension = terms->dimension,
        .noise_log2 = terms->noise_log2,
        .deadline = now + (uint64_t)conf_integer(c->conf, "round_seconds"),
        .participants = {joined->data, joined->size / KEY_BYTES},
    };
    struct quorum quorum;
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    if (quorum_choose((uint32_t)plan.participants.count, terms->colluders,
                      terms->hospitals_min, &quorum) != ERR_OK)
        return err_code();
    plan.colluders = quorum.colluders;
    plan.quorum = quorum.quorum;
    plan.threshold = quorum.threshold;
    plan.survivors = quorum.survivors;
    plan.degree = quorum.degree;
    memcpy(plan.study, terms->study, STUDY_BYTES);
    memcpy(plan.terms, study->hash, HASH_BYTES);
    memcpy(plan.roster, roster_hash(c->roster), HASH_BYTES);
    memcpy(plan.chain_head, study->chain.head, HASH_BYTES);
    plan.noise_multiplier = terms->noise_multipliers.items[plan.round - 1];
    enum err result = next_attempt(c, study, plan.round, &plan.attempt);
    if (result == ERR_OK)
        result = noise_step(plan.noise_multiplier, &plan.step);
    if (result == ERR_OK)
        result = noise_norm_max(plan.noise_multiplier, &plan.norm_max);
    if (result == ERR_OK)
        result = plan_sign(c->identity, &plan, &bytes, hash);
    if (result == ERR_OK)
        result = keep_attempt(c, &plan, &bytes, hash);
    bytes_free(&bytes);
    snprintf(told, 256, "round %llu attempt %u opened for %zu hospitals",
             (unsigned long long)plan.round, plan.attempt, plan.participants.count);
    return result;
}

static enum err maybe_open(struct coordinator *c, const struct coord_study *study,
                           uint64_t now, enum rounds_outcome *outcome, char told[256])
{
    struct bytes joined = {0};
    const struct terms *terms = &study->terms;
    enum err result = rounds_joined(c, study, &joined);
    size_t count = joined.size / KEY_BYTES;
    uint64_t patience = (uint64_t)conf_integer(c->conf, "gather_seconds");
    bool ready = count >= terms->hospitals_min &&
                 (count == terms->participants.count || study->chain.length > 0 ||
                  now >= terms->issued + patience);
    if (result == ERR_OK && ready) {
        result = open_attempt(c, study, &joined, now, told);
        *outcome = ROUNDS_OPENED;
    }
    bytes_free(&joined);
    return result;
}

/* --- from a full attempt to the next prior
 * ---------------------------------------------------- */

static enum err add_up(struct coordinator *c, const struct coord_attempt *attempt,
                       uint64_t *sum, size_t *count)
{
    struct query *query;
    bool row;
    size_t dimension = attempt->plan.dimension;
    if (store_query(c->store, "SELECT vector FROM contributions WHERE plan = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, attempt->hash, HASH_BYTES);
    enum err result;
    *count = 0;
    while ((result = query_step(query, &row)) == ERR_OK && row) {
        struct cursor cursor = {0};
        cursor.data = query_get_blob(query, 0, &cursor.size);
        for (size_t i = 0; result == ERR_OK && i < dimension; i++) {
            uint64_t word;
            if ((result = cursor_u64(&cursor, &word)) == ERR_OK)
                fixedpoint_add_ring(&sum[i], &word, 1);
        }
        if (result != ERR_OK)
            break;
        ++*count;
    }
    query_reset(query);
    return result;
}

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

/* Each hospital added noise of its own, so theirs add up. */
static enum err learn(struct coordinator *c, const struct coord_study *study,
                      const struct coord_attempt *attempt, const uint64_t *sum,
                      size_t hospitals, struct coord_study_round *round,
                      struct prior **next, char **report)
{
    struct coord_study_round *past;
    size_t count, dimension = attempt->plan.dimension;
    struct learn_report told;
    if (coord_studies_rounds(c, study, &past, &count) != ERR_OK)
        return err_code();
    int64_t *integers = mem_new(dimension, sizeof *integers);
    fixedpoint_signed(sum, dimension, integers);
    fixedpoint_real(integers, dimension, attempt->plan.step, round->sum);
    mem_free(integers);
    round->noise_stddev = attempt->plan.noise_multiplier * sqrt((double)hospitals);
    struct learn_round *rounds = mem_new(count + 1, sizeof *rounds);
    for (size_t i = 0; i < count; i++)
        rounds[i] =
            (struct learn_round){past[i].prior, past[i].sum, past[i].noise_stddev};
    rounds[count] = (struct learn_round){study->prior, round->sum, round->noise_stddev};
    enum err result = learn_step(study->model, &study->layout, &study->statistic, rounds,
                                 count + 1, NULL, next, &told);
    if (result == ERR_OK)
        *report = report_line(&told, &attempt->plan, hospitals);
    mem_free(rounds);
    coord_studies_rounds_free(past, count);
    return result;
}

static enum err end_attempt(struct coordinator *c, const struct coord_attempt *attempt,
                            const char *state)
{
    struct query *query;
    if (store_query(c->store, "UPDATE attempts SET state = ? WHERE hash = ?", &query) !=
        ERR_OK)
        return err_code();
    query_text(query, 1, state);
    query_blob(query, 2, attempt->hash, HASH_BYTES);
    if (query_run(query) != ERR_OK)
        return err_code();
    /* A hospital's own vector is not kept once it is in a sum: only that it came. */
    if (store_query(c->store, "UPDATE contributions SET vector = x'' WHERE plan = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, attempt->hash, HASH_BYTES);
    return query_run(query);
}

static enum err commit_round(struct coordinator *c, const struct coord_study *study,
                             const struct coord_attempt *attempt, const uint64_t *sum,
                             size_t hospitals, const struct coord_study_round *round,
                             const struct prior *next, const char *report)
{
    struct bytes prior = {0};
    struct words words = {sum, attempt->plan.dimension};
    struct chain_link link = {.round = attempt->plan.round,
                              .contributions = (uint32_t)hospitals};
    prior_write(next, &prior);
    memcpy(link.study, study->terms.study, STUDY_BYTES);
    memcpy(link.previous, study->chain.head, HASH_BYTES);
    memcpy(link.plan, attempt->hash, HASH_BYTES);
    chain_sum_hash(&words, link.sum);
    link.prior = codec_view(&prior);
    enum err result = store_begin(c->store);
    if (result == ERR_OK) {
        result = coord_studies_publish(c, study, &link, round, report);
        if (result == ERR_OK)
            result = end_attempt(c, attempt, "published");
        if (result == ERR_OK)
            result = store_commit(c->store);
        else
            store_rollback(c->store);
    }
    bytes_free(&prior);
    return result;
}

static enum err publish(struct coordinator *c, const struct coord_study *study,
                        const struct coord_attempt *attempt, char told[256])
{
    size_t hospitals = 0, dimension = attempt->plan.dimension;
    uint64_t *sum = mem_new(dimension, sizeof *sum);
    struct coord_study_round round = {.sum = mem_new(dimension, sizeof(double))};
    struct prior *next = NULL;
    char *report = NULL;
    enum err result = add_up(c, attempt, sum, &hospitals);
    if (result == ERR_OK)
        result = learn(c, study, attempt, sum, hospitals, &round, &next, &report);
    if (result == ERR_OK)
        result = commit_round(c, study, attempt, sum, hospitals, &round, next, report);
    if (result == ERR_OK)
        snprintf(told, 256, "round %llu published: %s",
                 (unsigned long long)attempt->plan.round, report);
    mem_free(report);
    prior_destroy(&next);
    mem_free(round.sum);
    mem_free(sum);
    return result;
}

static enum err abandon(struct coordinator *c, const struct coord_attempt *attempt,
                        size_t count, char told[256])
{
    enum err result = store_begin(c->store);
    if (result == ERR_OK) {
        result = end_attempt(c, attempt, "abandoned");
        if (result == ERR_OK)
            result = store_commit(c->store);
        else
            store_rollback(c->store);
    }
    snprintf(told, 256, "round %llu attempt %u abandoned: %zu hospitals answered in time",
             (unsigned long long)attempt->plan.round, attempt->plan.attempt, count);
    return result;
}

enum err rounds_advance(struct coordinator *c, const struct clock *clock,
                        const struct coord_study *study, enum rounds_outcome *outcome,
                        char told[256])
{
    struct arena *arena = codec_arena(WIRE_PLAN_MAX);
    struct coord_attempt attempt;
    uint64_t now = clock_wall(clock);
    size_t count = 0;
    *outcome = ROUNDS_NOTHING;
    enum err result = ERR_OK;
    if (study->open && c->roster) {
        result = rounds_current(c, study, arena, &attempt);
        if (result == ERR_NOT_FOUND) {
            result = maybe_open(c, study, now, outcome, told);
        } else if (result == ERR_OK) {
            result = rounds_contributions(c, attempt.hash, &count);
            bool late = now >= attempt.plan.deadline;
            if (result == ERR_OK && (count == attempt.plan.participants.count ||
                                     (late && count >= study->terms.hospitals_min))) {
                result = publish(c, study, &attempt, told);
                *outcome = ROUNDS_PUBLISHED;
            } else if (result == ERR_OK && late) {
                result = abandon(c, &attempt, count, told);
                *outcome = ROUNDS_ABANDONED;
            }
        }
        bytes_free(&attempt.signed_plan);
    }
    arena_destroy(&arena);
    return result;
}
