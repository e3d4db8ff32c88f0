#include "node/exchange.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "node/heads.h"
#include "node/newest.h"
#include "node/restore.h"
#include "privacy/random.h"
#include "wire/phase.h"

const char NODE_EXCHANGE_SCHEMA[] =
    "CREATE TABLE entered (study BLOB NOT NULL, round INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL, plan BLOB NOT NULL, entered INTEGER NOT NULL,"
    " survivors BLOB, summed BLOB, PRIMARY KEY (study, round, attempt));"
    "INSERT INTO entered (study, round, attempt, plan, entered, survivors, summed)"
    " SELECT study, round, attempt, plan, entered, survivors, summed FROM attempts;"
    "DROP TABLE attempts;"
    "ALTER TABLE entered RENAME TO attempts;"
    "CREATE TABLE chained (study BLOB NOT NULL, round INTEGER NOT NULL,"
    " link BLOB NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (study, round));"
    "INSERT INTO chained (study, round, link, hash)"
    " SELECT study, round, link, hash FROM links;"
    "DROP TABLE links;"
    "ALTER TABLE chained RENAME TO links;";

void node_exchange_news_clear(struct node_exchange_news *news)
{
    bytes_free(&news->plan);
    *news = (struct node_exchange_news){0};
}

/* --- asking
 * ------------------------------------------------------------------------------ */

enum err node_exchange_last(struct node *node, const uint8_t study[STUDY_BYTES],
                            uint64_t *round, uint32_t *attempt)
{
    struct query *query;
    bool row;
    *round = 0, *attempt = 0;
    if (store_query(node->store,
                    "SELECT round, attempt FROM attempts WHERE study = ?"
                    " ORDER BY round DESC, attempt DESC LIMIT 1",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study, STUDY_BYTES);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (row) {
        *round = (uint64_t)query_get_int(query, 0);
        *attempt = (uint32_t)query_get_int(query, 1);
    }
    query_reset(query);
    return ERR_OK;
}

enum err node_exchange_seal(struct node *node, struct node_exchange *exchange,
                            struct envelope *envelope, struct bytes *frame)
{
    random_bytes(exchange->nonce, NONCE_BYTES);
    memcpy(exchange->study, envelope->study, STUDY_BYTES);
    memcpy(envelope->nonce, exchange->nonce, NONCE_BYTES);
    memcpy(envelope->consortium, node->consortium.id, HASH_BYTES);
    memcpy(envelope->recipient, node->consortium.coordinator_key, KEY_BYTES);
    return envelope_seal(node->identity, envelope, frame);
}

/* Fresh for every attempt, since it is revealed in one; the same from the poll that
 * commits to it to the advert that reveals it, since no attempt was entered between; and
 * gone with the process, like all that is secret about an attempt. */
enum err node_exchange_seed(struct node *node, const uint8_t study[STUDY_BYTES],
                            uint8_t seed[HASH_BYTES])
{
    uint64_t round;
    uint32_t attempt;
    struct bytes fields = {0};
    if (node_exchange_last(node, study, &round, &attempt) != ERR_OK)
        return err_code();
    bytes_field(&fields, node->graph_secret, HASH_BYTES);
    bytes_field(&fields, study, STUDY_BYTES);
    bytes_u64(&fields, round);
    bytes_u32(&fields, attempt);
    bytes_hash("gemel/graph-seed/1", fields.data, fields.size, seed);
    bytes_free(&fields);
    return ERR_OK;
}

static enum err commit_seed(struct node *node, const struct node_study *study,
                            uint8_t commitment[HASH_BYTES])
{
    uint8_t seed[HASH_BYTES];
    if (node_exchange_seed(node, study->terms.study, seed) != ERR_OK)
        return err_code();
    phase_seed_commitment(study->terms.study, node->key, seed, commitment);
    bytes_wipe(seed, sizeof seed);
    return ERR_OK;
}

enum err node_exchange_ask(struct node *node, struct node_exchange *exchange,
                           struct node_study *study, struct bytes *frame)
{
    struct poll poll = {.ledger_length = ledger_length(node->ledger)};
    struct envelope envelope = {.kind = MESSAGE_POLL};
    struct bytes known = {0}, body = {0};
    const struct roster *roster = node->consortium.roster;
    ledger_head(node->ledger, poll.ledger_head);
    if (roster) {
        poll.roster_version = roster_fields(roster)->version;
        memcpy(poll.roster_hash, roster_hash(roster), HASH_BYTES);
    }
    enum err result = ERR_OK;
    if (study) {
        memcpy(envelope.study, study->terms.study, STUDY_BYTES);
        poll.chain_length = study->chain.length;
        memcpy(poll.chain_head, study->chain.head, HASH_BYTES);
        result = commit_seed(node, study, poll.seed_commitment);
        if (result == ERR_OK)
            result = node_exchange_last(node, envelope.study, &envelope.round,
                                        &envelope.attempt);
    } else {
        result = node_studies_known(node, &known);
    }
    poll.terms_known = (struct keys){known.data, known.size / HASH_BYTES};
    if (result == ERR_OK)
        result = heads_sign(node->identity, study ? envelope.study : NULL, &poll);
    if (result == ERR_OK)
        result = codec_encode_poll(&poll, &body);
    envelope.body = codec_view(&body);
    if (result == ERR_OK)
        result = node_exchange_seal(node, exchange, &envelope, frame);
    bytes_free(&known);
    bytes_free(&body);
    return result;
}

/* --- taking answers
 * ------------------------------------------------------------------------ */

static enum err refused(struct view body, struct arena *arena)
{
    struct refusal refusal;
    enum reason reason;
    if (codec_decode_refusal(body, arena, &refusal) != ERR_OK ||
        reason_from_number(refusal.reason, &reason) != ERR_OK)
        return err_code();
    reason_set(reason);
    if (refusal.detail && *refusal.detail)
        err_wrap("%s", refusal.detail);
    return err_wrap("the coordinator refused");
}

enum err node_exchange_open(const struct node *node, const struct node_exchange *exchange,
                            uint32_t kinds, struct view frame, struct arena *arena,
                            struct envelope *envelope)
{
    struct envelope_rule rule = {.kinds = kinds | 1u << MESSAGE_REFUSAL,
                                 .nonce = exchange->nonce,
                                 .admit = envelope_pinned,
                                 .who = node->consortium.coordinator_key};
    memcpy(rule.consortium, node->consortium.id, HASH_BYTES);
    memcpy(rule.recipient, node->key, KEY_BYTES);
    if (envelope_open(&rule, frame, arena, envelope) != REASON_NONE)
        return err_code();
    return envelope->kind == MESSAGE_REFUSAL ? refused(envelope->body, arena) : ERR_OK;
}

/* The coordinator repeats the highest ledger head this node has shown. The ledger has to
 * account for it: otherwise this store is an older copy, or not the one that was charged.
 */
static enum err check_ledger(struct node *node, const struct reply *reply)
{
    if (reply->ledger_length == 0)
        return ERR_OK;
    if (ledger_accounts(node->ledger, reply->ledger_length, reply->ledger_head))
        return ERR_OK;
    if (newest_keep(node, reply->ledger_length, reply->ledger_head) != ERR_OK)
        return err_code();
    reason_set(REASON_LEDGER_BEHIND);
    return err_hint("put the newest store back, or let two officers re-anchor this one: "
                    "gemel-node ledger request");
}

/* The coordinator has seen a head of this ledger and none that is not on it: a restored
 * home is not behind. An empty ledger has nothing to be behind of. */
static enum err note_compared(struct node *node, const struct reply *reply)
{
    if (reply->ledger_length == 0 && ledger_length(node->ledger) > 0)
        return ERR_OK;
    return restore_proven(node);
}

/* What is wrong with a reply. */
struct fault {
    struct view in; /* the signed object; empty: in none */
    bool contradicted;
};

/* What a reply may change in memory, as it was before. */
struct held {
    struct roster *roster; /* replaced by the reply's; NULL with `news.roster` false */
    struct chain chain;
    struct prior *prior;
};

static enum err take_fields(struct node *node, const struct reply *reply,
                            struct node_study *study, uint64_t wall, struct held *held,
                            struct node_exchange_news *news, struct fault *fault)
{
    bool fresh;
    if (note_compared(node, reply) != ERR_OK)
        return err_code();
    if (reply->roster.size) {
        fault->in = reply->roster;
        if (node_roster(node, reply->roster, &held->roster) != ERR_OK)
            return err_code();
        news->roster = true;
    }
    for (size_t i = 0; i < reply->terms.count; i++) {
        fault->in = reply->terms.items[i];
        if (node_studies_offer(node, reply->terms.items[i], wall, &fresh) != ERR_OK)
            return err_code();
        news->studies += fresh;
    }
    fault->in = (struct view){0};
    if ((reply->links.count || reply->heads.count) && !study)
        return err_set(ERR_FORMAT, "the answer has links of a study not asked about");
    for (size_t i = 0; i < reply->links.count; i++) {
        fault->in = reply->links.items[i];
        if (node_studies_extend(node, study, reply->links.items[i], &fresh,
                                &fault->contradicted) != ERR_OK)
            return err_code();
        news->links += fresh;
    }
    fault->in = (struct view){0};
    return study ? node_heads_check(node, study, &reply->heads, reply->links.count > 0,
                                    &fault->contradicted)
                 : ERR_OK;
}

/* All of a reply or nothing: in the store, and here in memory. */
static enum err take_reply(struct node *node, const struct reply *reply,
                           struct node_study *study, uint64_t wall,
                           struct node_exchange_news *news, struct fault *fault)
{
    struct held held = {0};
    /* First and on its own: what refuses has to be kept. */
    if (check_ledger(node, reply) != ERR_OK || store_begin(node->store) != ERR_OK)
        return err_code();
    if (study) {
        held.chain = study->chain;
        held.prior = study->prior;
        study->prior = NULL;
    }
    enum err result = take_fields(node, reply, study, wall, &held, news, fault);
    if (result == ERR_OK)
        result = store_commit(node->store);
    else
        store_rollback(node->store);
    if (result != ERR_OK && news->roster) {
        roster_destroy(&node->consortium.roster);
        node->consortium.roster = held.roster;
    } else {
        roster_destroy(&held.roster);
    }
    if (study && (result != ERR_OK || !study->prior)) {
        prior_destroy(&study->prior);
        study->prior = held.prior;
        study->chain = held.chain;
    } else {
        prior_destroy(&held.prior);
    }
    return result;
}

static void note_fields(const struct reply *reply, uint64_t wall,
                        struct node_exchange_news *news)
{
    news->ahead_s = (int64_t)wall - (int64_t)reply->now;
    news->retry_after_ms = reply->retry_after_ms;
    snprintf(news->waiting, sizeof news->waiting, "%s", reply->waiting);
    bytes_append(&news->plan, reply->plan.data, reply->plan.size);
}

/* After a contradiction was rolled back with everything else: remember it. */
static enum err distrust(struct node *node, struct node_study *study, uint64_t wall)
{
    char text[1024], hint[512];
    snprintf(text, sizeof text, "%s", err_text());
    snprintf(hint, sizeof hint,
             "the study is distrusted from now on; tell the consortium");
    study->state = STUDY_DISTRUSTED;
    if (node_studies_distrust(node, study->terms.study, text, wall) != ERR_OK)
        return err_code();
    err_set(ERR_VERIFY, "%s", text);
    return err_hint("%s", hint);
}

/* Into the audit record, by the hash of the object that is at fault. */
static enum err refuse(struct node *node, const uint8_t study[STUDY_BYTES],
                       struct view in, uint64_t wall)
{
    uint8_t object[HASH_BYTES];
    struct audit_entry about = {.wall = wall, .study = study};
    if (in.size) {
        bytes_hash("gemel/refused/1", in.data, in.size, object);
        about.object = object;
    }
    return node_refuse(node, &about);
}

enum err node_exchange_take(struct node *node, const struct clock *clock,
                            const struct node_exchange *exchange,
                            struct node_study *study, const struct bytes *frame,
                            struct node_exchange_news *news)
{
    struct arena *arena = codec_arena(frame->size);
    struct envelope envelope;
    struct reply reply;
    struct node_exchange_news fresh = {0};
    struct fault fault = {0};
    uint64_t wall = clock_wall(clock);
    enum err result = node_exchange_open(node, exchange, 1u << MESSAGE_REPLY,
                                         codec_view(frame), arena, &envelope);
    if (result == ERR_OK)
        result = codec_decode_reply(envelope.body, arena, &reply);
    if (result == ERR_OK)
        result = take_reply(node, &reply, study, wall, &fresh, &fault);
    if (result != ERR_OK)
        result = fault.contradicted ? distrust(node, study, wall)
                                    : refuse(node, exchange->study, fault.in, wall);
    if (result == ERR_OK) {
        note_fields(&reply, wall, &fresh);
        *news = fresh;
    }
    arena_destroy(&arena);
    return result;
}
