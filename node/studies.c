#include "node/studies.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/gate.h"
#include "model/statistic.h"
#include "node/policies.h"

static const char *const state_names[] = {"offered", "approved", "declined",
                                          "distrusted"};

const char *node_study_state_name(enum node_study_state state)
{
    return state_names[state];
}

static enum err state_from_name(const char *name, enum node_study_state *state)
{
    for (size_t i = 0; i < sizeof state_names / sizeof *state_names; i++)
        if (strcmp(name, state_names[i]) == 0) {
            *state = (enum node_study_state)i;
            return ERR_OK;
        }
    return err_set(ERR_STORAGE, "a study's state in the store is not one of ours");
}

void node_study_destroy(struct node_study **study)
{
    if (!*study)
        return;
    prior_destroy(&(*study)->prior);
    model_destroy(&(*study)->model);
    arena_destroy(&(*study)->arena);
    mem_free(*study);
    *study = NULL;
}

/* --- opening
 * ----------------------------------------------------------------------------- */

/* Model, layout, dimension and starting prior of terms whose signature holds. */
static enum err read_model(struct node_study *study)
{
    const struct terms *terms = &study->terms;
    struct statistic statistic;
    uint8_t hash[HASH_BYTES];
    if (model_parse((const char *)terms->model.data, terms->model.size, terms->name,
                    &study->model) != ERR_OK)
        return err_code();
    model_hash(study->model, hash);
    if (!bytes_equal(hash, terms->model_hash, HASH_BYTES))
        return err_set(ERR_VERIFY, "the study's model is not the one its hash names");
    const char *canonical = model_canonical(study->model);
    if (terms->model.size != strlen(canonical) ||
        memcmp(terms->model.data, canonical, terms->model.size) != 0)
        return err_set(ERR_VERIFY, "the study's model is not written canonically");
    if (terms->statistic != STATISTIC_VERSION)
        return err_set(ERR_VERIFY,
                       "the study asks for version %u of the statistic, this "
                       "node knows %d",
                       terms->statistic, STATISTIC_VERSION);
    if (prior_layout(study->model, &study->layout) != ERR_OK)
        return err_code();
    statistic_layout(&study->layout, false, &statistic);
    if (statistic.dimension != terms->dimension)
        return err_set(ERR_VERIFY, "the study asks for %u numbers, its model gives %zu",
                       terms->dimension, statistic.dimension);
    return ERR_OK;
}

static enum err set_prior(struct node_study *study, struct view bytes)
{
    struct prior *prior;
    if (prior_read(&study->layout, bytes.data, bytes.size, &prior) != ERR_OK)
        return err_code();
    prior_destroy(&study->prior);
    study->prior = prior;
    return ERR_OK;
}

/* A prior that came from outside, before it is used or kept. One that is in the store has
 * passed when it came, and stays in use while newer ones are refused. */
static enum err judge_prior(const struct node *node, const struct node_study *study,
                            const struct prior *prior)
{
    const struct gate_limits limits = {conf_real(node->conf, "prior_shift_max"),
                                       conf_real(node->conf, "prior_spread_max")};
    if (gate_check(study->model, &study->layout, prior, &limits) == ERR_OK)
        return ERR_OK;
    return err_hint("nothing was taken over; the limits are this hospital's settings "
                    "prior_shift_max and prior_spread_max");
}

static enum err adopt_prior(const struct node *node, struct node_study *study,
                            struct view bytes)
{
    struct prior *prior;
    if (prior_read(&study->layout, bytes.data, bytes.size, &prior) != ERR_OK)
        return err_code();
    enum err result = judge_prior(node, study, prior);
    if (result == ERR_OK) {
        prior_destroy(&study->prior);
        study->prior = prior;
    } else {
        prior_destroy(&prior);
    }
    return result;
}

static enum err study_read(struct node *node, struct view signed_terms,
                           struct node_study **study)
{
    struct node_study *s = mem_new(1, sizeof *s);
    s->arena = codec_arena(signed_terms.size);
    enum err result = terms_open(signed_terms, node->consortium.coordinator_key, s->arena,
                                 &s->terms, s->hash);
    if (result == ERR_OK &&
        memcmp(s->terms.consortium, node->consortium.id, HASH_BYTES) != 0)
        result = err_set(ERR_DENIED, "the study is another consortium's");
    if (result == ERR_OK)
        result = read_model(s);
    if (result == ERR_OK)
        result = set_prior(s, s->terms.prior);
    if (result != ERR_OK) {
        node_study_destroy(&s);
        return result;
    }
    s->chain = chain_start(&s->terms, s->hash);
    *study = s;
    return ERR_OK;
}

enum err node_studies_open(struct node *node, const uint8_t number[STUDY_BYTES],
                           struct node_study **study)
{
    struct bytes terms = {0}, prior = {0};
    char state[ARCHIVE_STATE_SIZE];
    struct node_study *opened = NULL;
    enum err result = archive_terms(node->store, number, &terms, state);
    if (result == ERR_OK)
        result = study_read(node, codec_view(&terms), &opened);
    if (result == ERR_OK)
        result = state_from_name(state, &opened->state);
    if (result == ERR_OK)
        result = archive_chain(node->store, node->consortium.coordinator_key,
                               &opened->chain, &prior);
    if (result == ERR_OK && prior.size)
        result = set_prior(opened, codec_view(&prior));
    bytes_free(&terms);
    bytes_free(&prior);
    if (result != ERR_OK) {
        node_study_destroy(&opened);
        return result;
    }
    *study = opened;
    return ERR_OK;
}

/* --- offers and decisions
 * ------------------------------------------------------------------ */

static enum err offered_before(struct node *node, const struct node_study *study,
                               bool *before)
{
    struct query *query;
    if (store_query(node->store, "SELECT hash FROM studies WHERE study = ?", &query) !=
        ERR_OK)
        return err_code();
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    enum err result = query_step(query, before);
    if (result == ERR_OK && *before) {
        size_t size;
        const void *hash = query_get_blob(query, 0, &size);
        if (size != HASH_BYTES || memcmp(hash, study->hash, HASH_BYTES) != 0)
            result = err_set(ERR_VERIFY,
                             "the coordinator offers other terms under the number of the "
                             "study %s",
                             study->terms.name);
        query_reset(query);
    }
    return result;
}

static enum err insert_offer(struct node *node, const struct node_study *study,
                             struct view signed_terms, uint64_t wall)
{
    struct query *query;
    if (store_query(node->store,
                    "INSERT INTO studies (study, hash, name, terms, state, received)"
                    " VALUES (?, ?, ?, ?, 'offered', ?)",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    query_blob(query, 2, study->hash, HASH_BYTES);
    query_text(query, 3, study->terms.name);
    query_blob(query, 4, signed_terms.data, signed_terms.size);
    query_int(query, 5, (int64_t)wall);
    return query_run(query);
}

static enum err keep_offer(struct node *node, const struct node_study *study,
                           struct view signed_terms, uint64_t wall)
{
    bool own;
    const struct audit_entry entry = {.kind = AUDIT_STUDY,
                                      .wall = wall,
                                      .study = study->terms.study,
                                      .object = study->hash};
    if (store_join(node->store, &own) != ERR_OK)
        return err_code();
    enum err result = insert_offer(node, study, signed_terms, wall);
    if (result == ERR_OK)
        result = audit_write(node->store, &entry, "%s was offered", study->terms.name);
    return store_leave(node->store, own, result);
}

/* Whether one more would be too many to wait for a decision; if so, it is on record. */
static enum err check_room(struct node *node, const struct node_study *study,
                           uint64_t wall, bool *room)
{
    struct query *query;
    bool row;
    *room = false;
    if (store_query(node->store, "SELECT count(*) FROM studies WHERE state = 'offered'",
                    &query) != ERR_OK ||
        query_step(query, &row) != ERR_OK)
        return err_code();
    *room = row && query_get_int(query, 0) < STUDIES_OFFERED_MAX;
    query_reset(query);
    if (*room)
        return ERR_OK;
    const struct audit_entry entry = {
        .wall = wall, .study = study->terms.study, .object = study->hash};
    char *sentence = mem_format("%s is not taken: %d other offers wait for a decision",
                                study->terms.name, STUDIES_OFFERED_MAX);
    enum err result = audit_refuse(node->store, &entry, sentence);
    mem_free(sentence);
    return result;
}

enum err node_studies_offer(struct node *node, struct view signed_terms, uint64_t wall,
                            bool *fresh)
{
    struct node_study *study;
    bool before, room = false;
    *fresh = false;
    if (study_read(node, signed_terms, &study) != ERR_OK)
        return err_code();
    enum err result = offered_before(node, study, &before);
    if (result == ERR_OK && !before && judge_prior(node, study, study->prior) != ERR_OK)
        result = err_wrap("the starting prior of the study %s", study->terms.name);
    if (result == ERR_OK && !terms_include(&study->terms.participants, node->key))
        result = err_set(ERR_DENIED, "this hospital is not a participant of the study %s",
                         study->terms.name);
    if (result == ERR_OK && !before)
        result = check_room(node, study, wall, &room);
    if (result == ERR_OK && room)
        result = keep_offer(node, study, signed_terms, wall);
    node_study_destroy(&study);
    *fresh = result == ERR_OK && room;
    return result;
}

static enum err read_state(struct node *node, const uint8_t number[STUDY_BYTES],
                           enum node_study_state *state)
{
    struct bytes terms = {0};
    char name[ARCHIVE_STATE_SIZE];
    enum err result = archive_terms(node->store, number, &terms, name);
    bytes_free(&terms);
    return result == ERR_OK ? state_from_name(name, state) : result;
}

enum err node_studies_find(struct node *node, const char *text,
                           uint8_t number[STUDY_BYTES])
{
    enum err result = archive_find(node->store, text, number);
    if (result == ERR_NOT_FOUND)
        err_hint("`gemel-node study fetch` asks the coordinator for new ones");
    return result;
}

static enum err update_state(struct node *node, const uint8_t number[STUDY_BYTES],
                             enum node_study_state state, uint64_t wall)
{
    struct query *query;
    if (store_query(node->store,
                    "UPDATE studies SET state = ?, decided = ? WHERE study = ?",
                    &query) != ERR_OK)
        return err_code();
    query_text(query, 1, state_names[state]);
    query_int(query, 2, (int64_t)wall);
    query_blob(query, 3, number, STUDY_BYTES);
    return query_run(query);
}

/* The state and the entry that says so, together. */
static enum err set_state(struct node *node, const struct audit_entry *entry,
                          enum node_study_state state, const char *sentence)
{
    bool own;
    if (store_join(node->store, &own) != ERR_OK)
        return err_code();
    enum err result = update_state(node, entry->study, state, entry->wall);
    if (result == ERR_OK)
        result = audit_write(node->store, entry, "%s", sentence);
    return store_leave(node->store, own, result);
}

enum err node_studies_decide(struct node *node, const uint8_t number[STUDY_BYTES],
                             enum node_study_state decision, uint64_t wall)
{
    enum node_study_state state = STUDY_OFFERED;
    const struct audit_entry entry = {
        .kind = AUDIT_DECISION, .wall = wall, .study = number};
    if (read_state(node, number, &state) != ERR_OK)
        return err_code();
    if (state == STUDY_DISTRUSTED)
        return err_set(ERR_VERIFY, "the coordinator contradicted itself in this study; "
                                   "nothing is sent for it any more");
    char *sentence =
        mem_format("%s; it was %s", state_names[decision], state_names[state]);
    enum err result = set_state(node, &entry, decision, sentence);
    mem_free(sentence);
    return result;
}

enum err node_studies_distrust(struct node *node, const uint8_t number[STUDY_BYTES],
                               const char *why, uint64_t wall)
{
    const struct audit_entry entry = {
        .kind = AUDIT_DISTRUST, .wall = wall, .study = number};
    return set_state(node, &entry, STUDY_DISTRUSTED, why);
}

enum err node_studies_distrusted(struct node *node, struct bytes *names)
{
    struct query *query;
    bool row;
    enum err result = store_query(
        node->store, "SELECT name FROM studies WHERE state = 'distrusted' ORDER BY name",
        &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        const char *name = query_get_text(query, 0);
        bytes_append(names, name, strlen(name));
        bytes_u8(names, '\n');
    }
    return result;
}

enum err node_studies_known(struct node *node, struct bytes *hashes)
{
    struct query *query;
    bool row;
    enum err result = store_query(
        node->store, "SELECT hash FROM studies ORDER BY hash LIMIT 256", &query);
    while (result == ERR_OK && (result = query_step(query, &row)) == ERR_OK && row) {
        size_t size;
        const void *hash = query_get_blob(query, 0, &size);
        bytes_append(hashes, hash, size);
    }
    return result;
}

enum reason node_studies_permit(struct node *node, const struct node_study *study,
                                uint64_t wall)
{
    enum reason reason = policies_now(node, wall);
    return reason == REASON_NONE ? permit_terms(node->policy, &study->terms, study->hash)
                                 : reason;
}

/* --- the chain
 * ----------------------------------------------------------------------------- */

/* A link for a round that is held already: the same one, or proof of two tongues. */
static enum err compare_held(struct node *node, struct node_study *study,
                             struct view link, uint64_t round, bool *held,
                             bool *contradicted)
{
    struct query *query;
    if (store_query(node->store, "SELECT link FROM links WHERE study = ? AND round = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    query_int(query, 2, (int64_t)round);
    enum err result = query_step(query, held);
    if (result != ERR_OK || !*held)
        return result;
    struct view mine;
    mine.data = query_get_blob(query, 0, &mine.size);
    *contradicted = chain_equivocates(mine, link, node->consortium.coordinator_key);
    if (*contradicted)
        result = reason_set(REASON_EQUIVOCATION);
    query_reset(query);
    return result;
}

static enum err keep_link(struct node *node, struct node_study *study, struct view bytes,
                          const struct chain_link *link)
{
    struct query *query;
    if (store_query(node->store,
                    "INSERT INTO links (study, round, link, hash)"
                    " VALUES (?, ?, ?, ?)",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    query_int(query, 2, (int64_t)link->round);
    query_blob(query, 3, bytes.data, bytes.size);
    query_blob(query, 4, study->chain.head, HASH_BYTES);
    if (query_run(query) != ERR_OK)
        return err_code();
    const struct audit_entry entry = {.kind = AUDIT_PRIOR,
                                      .study = study->terms.study,
                                      .round = link->round,
                                      .object = study->chain.head};
    return audit_write_alone(node->store, &entry, "the prior of round %llu was taken",
                             (unsigned long long)link->round);
}

/* A link that names other survivors than this hospital confirmed for its plan says that a
 * sum was made which it never agreed to. */
static enum err compare_confirmed(struct node *node, const struct chain_link *link,
                                  bool *contradicted)
{
    struct query *query;
    bool row;
    if (store_query(
            node->store,
            "SELECT survivors FROM attempts WHERE plan = ? AND survivors NOT NULL",
            &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, link->plan, HASH_BYTES);
    enum err result = query_step(query, &row);
    if (result != ERR_OK || !row)
        return result;
    size_t size;
    const void *confirmed = query_get_blob(query, 0, &size);
    *contradicted =
        size != HASH_BYTES || memcmp(confirmed, link->survivors, HASH_BYTES) != 0;
    if (*contradicted)
        result = reason_set(REASON_WRONG_SURVIVORS);
    query_reset(query);
    return result;
}

enum err node_studies_extend(struct node *node, struct node_study *study,
                             struct view bytes, bool *fresh, bool *contradicted)
{
    struct chain chain = study->chain;
    struct chain_link link;
    uint8_t hash[HASH_BYTES];
    bool held = false;
    *fresh = false;
    *contradicted = false;
    struct arena *arena = codec_arena(2 * bytes.size);
    enum err result =
        chain_open(bytes, node->consortium.coordinator_key, arena, &link, hash);
    if (result == ERR_OK && memcmp(link.study, chain.study, STUDY_BYTES) != 0)
        result = reason_set(REASON_UNKNOWN_STUDY);
    if (result == ERR_OK)
        result = compare_held(node, study, bytes, link.round, &held, contradicted);
    if (result == ERR_OK && !held)
        result = compare_confirmed(node, &link, contradicted);
    if (result == ERR_OK && !held) {
        if (chain_extend(&chain, bytes, node->consortium.coordinator_key, arena, &link) !=
            REASON_NONE)
            result = err_code();
        else if (adopt_prior(node, study, link.prior) != ERR_OK)
            result = err_wrap("the prior of round %llu", (unsigned long long)link.round);
        if (result == ERR_OK) {
            study->chain = chain;
            result = keep_link(node, study, bytes, &link);
        }
        *fresh = result == ERR_OK;
    }
    arena_destroy(&arena);
    return result;
}

/* --- in numbers --- */

/* mu of all rounds together, as the terms' multipliers give it. */
double node_study_mu(const struct terms *terms)
{
    double mu2 = 0;
    for (size_t i = 0; i < terms->noise_multipliers.count; i++)
        mu2 +=
            1 / (terms->noise_multipliers.items[i] * terms->noise_multipliers.items[i]);
    return sqrt(mu2);
}

/* Survivors are at most all participants, and a plan allows for no fewer colluders than
 * the terms (wire/terms): whatever the coordinator plans, no hospital's noise is a
 * smaller part. What it plans when it is honest (wire/quorum) mostly leaves more. */
uint32_t node_study_shares_most(const struct terms *terms)
{
    return (uint32_t)terms->participants.count - terms->colluders;
}

double node_study_epsilon_alone(const struct terms *terms)
{
    double epsilon, mu = node_study_mu(terms) * sqrt(node_study_shares_most(terms));
    return accountant_epsilon(mu, terms->delta, &epsilon) == ERR_OK ? epsilon : NAN;
}

struct json *node_study_json(const struct node_study *study)
{
    struct json *json = json_new_object();
    const struct terms *terms = &study->terms;
    json_set_text(json, "name", terms->name);
    json_set_hex(json, "study", terms->study, STUDY_BYTES);
    json_set_text(json, "state", node_study_state_name(study->state));
    json_set_text(json, "purpose", terms->purpose);
    json_set_text(json, "model", model_name(study->model));
    json_set_hex(json, "model_hash", terms->model_hash, HASH_BYTES);
    json_set_integer(json, "rounds", terms->rounds);
    json_set_integer(json, "rounds_published", (int64_t)study->chain.length);
    json_set_integer(json, "hospitals", (int64_t)terms->participants.count);
    json_set_integer(json, "hospitals_min", terms->hospitals_min);
    json_set_integer(json, "numbers_a_round", terms->dimension);
    json_set_real(json, "epsilon", terms->epsilon);
    json_set_real(json, "delta", terms->delta);
    json_set_real(json, "mu", node_study_mu(terms));
    json_set_integer(json, "colluders", terms->colluders);
    json_set_real(json, "epsilon_if_all_others_collude", node_study_epsilon_alone(terms));
    return json;
}
