#include "coordinator/attempts.h"

#include <string.h>

#include "base/memory.h"

#define PLACE_OF_A_CLOSE (-1)

/* --- what is kept
 * ----------------------------------------------------------------------------- */

static enum err insert(const struct coord_attempt *attempt, enum phase phase,
                       int64_t place, struct view body)
{
    struct query *query;
    if (store_query(
            attempt->coordinator->store,
            "INSERT INTO collected (plan, phase, place, body) VALUES (?, ?, ?, ?)",
            &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, collection_context(attempt->collection), HASH_BYTES);
    query_int(query, 2, phase);
    query_int(query, 3, place);
    query_blob(query, 4, body.data, body.size);
    return query_run(query);
}

static enum err keep(void *context, enum phase phase, size_t place, struct view body)
{
    return insert(context, phase, (int64_t)place, body);
}

static enum err close(void *context, enum phase phase)
{
    return insert(context, phase, PLACE_OF_A_CLOSE,
                  (struct view){(const uint8_t *)"", 0});
}

/* --- in memory
 * -------------------------------------------------------------------------------- */

static void let_go(struct coord_attempt *attempt)
{
    struct coord_attempt **link = &attempt->coordinator->attempts;
    while (*link != attempt)
        link = &(*link)->next;
    *link = attempt->next;
    collection_destroy(&attempt->collection);
    mem_free(attempt);
}

static void forget_all(struct coordinator *c)
{
    while (c->attempts)
        let_go(c->attempts);
}

static struct coord_attempt *held(const struct coordinator *c,
                                  const uint8_t study[STUDY_BYTES])
{
    struct coord_attempt *attempt = c->attempts;
    while (attempt && memcmp(attempt->study, study, STUDY_BYTES) != 0)
        attempt = attempt->next;
    return attempt;
}

/* Hold a plan's collection in the place of the study's last one. */
static enum err hold(struct coordinator *c, const struct clock *clock,
                     struct view signed_plan, struct coord_attempt **attempt)
{
    struct coord_attempt *fresh = mem_new(1, sizeof *fresh);
    const struct collection_world world = {keep, close, fresh};
    fresh->coordinator = c;
    if (collection_new(signed_plan, c->key, &world, &fresh->collection) != ERR_OK) {
        mem_free(fresh);
        return err_code();
    }
    memcpy(fresh->study, collection_plan(fresh->collection)->study, STUDY_BYTES);
    fresh->phase_since_ms = clock_steady_ms(clock);
    fresh->open = true;
    struct coord_attempt *old = held(c, fresh->study);
    if (old)
        let_go(old);
    fresh->next = c->attempts;
    c->attempts = fresh;
    c->forget_attempts = forget_all;
    *attempt = fresh;
    return ERR_OK;
}

/* --- from the store
 * ---------------------------------------------------------------------------- */

static enum err restore_messages(struct coord_attempt *attempt)
{
    struct query *query;
    bool row;
    enum err result = store_query(
        attempt->coordinator->store,
        "SELECT phase, place, body FROM collected WHERE plan = ? ORDER BY seq", &query);
    if (result != ERR_OK)
        return result;
    query_blob(query, 1, collection_context(attempt->collection), HASH_BYTES);
    while ((result = query_step(query, &row)) == ERR_OK && row) {
        enum phase phase = (enum phase)query_get_int(query, 0);
        int64_t place = query_get_int(query, 1);
        struct view body;
        body.data = query_get_blob(query, 2, &body.size);
        result =
            place == PLACE_OF_A_CLOSE
                ? collection_restore_close(attempt->collection, phase)
                : collection_restore(attempt->collection, phase, (size_t)place, body);
        if (result != ERR_OK)
            break;
    }
    query_reset(query);
    return result;
}

static enum err restore(struct coordinator *c, const struct clock *clock,
                        const uint8_t study[STUDY_BYTES], struct coord_attempt **attempt)
{
    struct query *query;
    struct bytes plan = {0};
    bool row;
    if (store_query(c->store,
                    "SELECT plan FROM attempts WHERE study = ? AND state = 'open'",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study, STUDY_BYTES);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return err_set(ERR_NOT_FOUND, "no attempt is in progress");
    size_t size;
    const void *data = query_get_blob(query, 0, &size);
    bytes_append(&plan, data, size);
    query_reset(query);
    enum err result = hold(c, clock, codec_view(&plan), attempt);
    if (result == ERR_OK && (result = restore_messages(*attempt)) != ERR_OK)
        let_go(*attempt); /* half of one is none */
    bytes_free(&plan);
    return result;
}

enum err attempts_find(struct coordinator *c, const struct clock *clock,
                       const uint8_t study[STUDY_BYTES], struct coord_attempt **attempt)
{
    *attempt = held(c, study);
    return *attempt ? ERR_OK : restore(c, clock, study, attempt);
}

enum err attempts_past(struct coordinator *c, const uint8_t study[STUDY_BYTES],
                       uint64_t round, uint32_t attempt, enum reason *reason)
{
    struct query *query;
    bool row;
    *reason = REASON_NONE;
    if (store_query(c->store,
                    "SELECT state FROM attempts"
                    " WHERE study = ? AND round = ? AND attempt = ? AND state <> 'open'",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study, STUDY_BYTES);
    query_int(query, 2, (int64_t)round);
    query_int(query, 3, attempt);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return ERR_OK;
    bool published = strcmp(query_get_text(query, 0), "published") == 0;
    query_reset(query);
    *reason = published ? REASON_LATE : REASON_ABANDONED;
    return ERR_OK;
}

/* --- beginning and end
 * -------------------------------------------------------------------------- */

static enum err insert_plan(const struct coord_attempt *attempt)
{
    struct query *query;
    const struct plan *plan = collection_plan(attempt->collection);
    struct view signed_plan = collection_signed_plan(attempt->collection);
    if (store_query(attempt->coordinator->store,
                    "INSERT INTO attempts (study, round, attempt, plan, hash, state)"
                    " VALUES (?, ?, ?, ?, ?, 'open')",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, plan->study, STUDY_BYTES);
    query_int(query, 2, (int64_t)plan->round);
    query_int(query, 3, plan->attempt);
    query_blob(query, 4, signed_plan.data, signed_plan.size);
    query_blob(query, 5, collection_context(attempt->collection), HASH_BYTES);
    return query_run(query);
}

static struct audit_entry about(const struct coord_attempt *attempt, enum audit_kind kind)
{
    const struct plan *plan = collection_plan(attempt->collection);
    return (struct audit_entry){.kind = kind,
                                .study = plan->study,
                                .round = plan->round,
                                .attempt = plan->attempt,
                                .object = collection_context(attempt->collection)};
}

static enum err keep_plan(const struct coord_attempt *attempt)
{
    bool own;
    struct store *store = attempt->coordinator->store;
    const struct plan *plan = collection_plan(attempt->collection);
    const struct audit_entry entry = about(attempt, AUDIT_PLAN);
    if (store_join(store, &own) != ERR_OK)
        return err_code();
    enum err result = insert_plan(attempt);
    if (result == ERR_OK)
        result = audit_write(store, &entry,
                             "an attempt of %zu hospitals, of which %u must stay",
                             plan->participants.count, plan->survivors);
    return store_leave(store, own, result);
}

enum err attempts_open(struct coordinator *c, const struct clock *clock,
                       struct view signed_plan, struct coord_attempt **attempt)
{
    if (hold(c, clock, signed_plan, attempt) != ERR_OK)
        return err_code();
    enum err result = keep_plan(*attempt);
    if (result != ERR_OK)
        let_go(*attempt);
    return result;
}

enum err attempts_next(struct coordinator *c, const uint8_t study[STUDY_BYTES],
                       uint64_t round, uint32_t *attempt)
{
    struct query *query;
    bool row;
    if (store_query(c->store,
                    "SELECT max(attempt) FROM attempts WHERE study = ? AND round = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study, STUDY_BYTES);
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

enum err attempts_summed(struct coordinator *c, const uint8_t study[STUDY_BYTES],
                         uint64_t round, struct bytes *keys)
{
    struct query *query;
    bool row;
    if (store_query(c->store,
                    "SELECT summed FROM attempts WHERE study = ? AND round = ?"
                    " AND length(summed) > 0 ORDER BY attempt DESC LIMIT 1",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study, STUDY_BYTES);
    query_int(query, 2, (int64_t)round);
    enum err result = query_step(query, &row);
    if (result == ERR_OK && row) {
        size_t size;
        const void *data = query_get_blob(query, 0, &size);
        bytes_append(keys, data, size);
    }
    query_reset(query);
    return result;
}

enum err attempts_left(const struct coord_attempt *attempt,
                       const uint8_t member[KEY_BYTES], enum reason why,
                       const uint8_t *accused)
{
    struct coordinator *c = attempt->coordinator;
    struct audit_entry entry = about(attempt, AUDIT_REFUSAL);
    const char *name = coordinator_member_name(c, member);
    char *sentence =
        accused ? mem_format("%s left the attempt: %s, it says of %s", name,
                             reason_sentence(why), coordinator_member_name(c, accused))
        : collection_declined(attempt->collection, member) != REASON_NONE
            ? mem_format("%s stays out: %s", name, reason_sentence(why))
            : mem_format("%s left the attempt: %s", name, reason_sentence(why));
    if (accused)
        entry.object = accused;
    enum err result = audit_refuse(c->store, &entry, sentence);
    mem_free(sentence);
    return result;
}

char *attempts_ending(const struct coord_attempt *attempt)
{
    const struct collection *collection = attempt->collection;
    uint8_t member[KEY_BYTES];
    enum reason why, reason = collection_reason(collection);
    size_t count = collection_leavers(collection, member, &why);
    if (reason != REASON_TOO_FEW || count == 0)
        return mem_text(reason_sentence(reason));
    const char *name = coordinator_member_name(attempt->coordinator, member);
    const char *how =
        collection_declined(collection, member) != REASON_NONE ? "stays out" : "left";
    return count == 1 ? mem_format("%s %s: %s", name, how, reason_sentence(why))
                      : mem_format("%s %s: %s, and %zu more", name, how,
                                   reason_sentence(why), count - 1);
}

/* Who was found out, and why there was no sum: a sum is its publication's entry. */
static enum err note_end(const struct coord_attempt *attempt)
{
    size_t count;
    const struct collection *collection = attempt->collection;
    struct store *store = attempt->coordinator->store;
    const size_t *blamed = collection_blamed(collection, &count);
    for (size_t i = 0; i < count; i++) {
        struct audit_entry entry = about(attempt, AUDIT_BLAME);
        entry.object =
            collection_plan(collection)->participants.items + blamed[i] * KEY_BYTES;
        if (audit_write(store, &entry, "%s gave shares that do not hold",
                        coordinator_member_name(attempt->coordinator, entry.object)) !=
            ERR_OK)
            return err_code();
    }
    if (collection_succeeded(collection))
        return ERR_OK;
    const struct audit_entry entry = about(attempt, AUDIT_ABANDONED);
    char *ending = attempts_ending(attempt);
    enum err result = audit_write(store, &entry, "%s", ending);
    mem_free(ending);
    return result;
}

static enum err update_end(const struct coord_attempt *attempt, const char *state)
{
    struct query *query;
    struct store *store = attempt->coordinator->store;
    struct bytes summed = {0};
    if (store_query(store, "UPDATE attempts SET state = ?, summed = ? WHERE hash = ?",
                    &query) != ERR_OK)
        return err_code();
    if (!collection_succeeded(attempt->collection))
        collection_summed(attempt->collection, &summed);
    query_text(query, 1, state);
    query_blob(query, 2, summed.data, summed.size);
    query_blob(query, 3, collection_context(attempt->collection), HASH_BYTES);
    enum err result = query_run(query);
    bytes_free(&summed);
    if (result != ERR_OK)
        return result;
    if (store_query(store, "DELETE FROM collected WHERE plan = ?", &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, collection_context(attempt->collection), HASH_BYTES);
    return query_run(query);
}

enum err attempts_end(struct coord_attempt *attempt, const char *state)
{
    bool own;
    struct store *store = attempt->coordinator->store;
    if (store_join(store, &own) != ERR_OK)
        return err_code();
    enum err result = update_end(attempt, state);
    if (result == ERR_OK)
        result = note_end(attempt);
    return store_leave(store, own, result);
}
