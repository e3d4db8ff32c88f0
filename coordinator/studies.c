#include "coordinator/studies.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "privacy/accountant.h"
#include "privacy/noise.h"
#include "privacy/random.h"

/* --- making
 * ------------------------------------------------------------------------------ */

/* Nobody's norm is larger than when all `members` share the noise. */
static enum err plan_noise(const struct coord_study_request *request, uint32_t members,
                           struct terms *terms, double *multipliers)
{
    double mu;
    struct discretisation more;
    if (accountant_discretisation(terms->dimension, terms->noise_log2, 1, &more) !=
        ERR_OK)
        return err_code();
    more.epsilon *= request->rounds;
    more.log_delta *= request->rounds;
    if (accountant_mu_within(request->epsilon, request->delta, &more, &mu) != ERR_OK ||
        accountant_shares(mu, request->budget_ratio, request->rounds, multipliers) !=
            ERR_OK)
        return err_code();
    for (uint32_t t = 0; t < request->rounds; t++) {
        uint64_t norm_max;
        if (noise_norm_max(multipliers[t], members, &norm_max) != ERR_OK)
            return err_code();
        if (norm_max > terms->norm_max)
            terms->norm_max = norm_max;
    }
    terms->noise_multipliers = (struct reals){multipliers, request->rounds};
    return ERR_OK;
}

static enum err name_free(struct coordinator *c, const char *name)
{
    struct query *query;
    bool row;
    if (store_query(c->store, "SELECT 1 FROM studies WHERE name = ?", &query) != ERR_OK)
        return err_code();
    query_text(query, 1, name);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    query_reset(query);
    return row ? err_set(ERR_STATE, "a study called %s is there already", name) : ERR_OK;
}

static enum err insert_study(struct coordinator *c, const struct terms *terms,
                             const struct bytes *bytes, const uint8_t hash[HASH_BYTES])
{
    struct query *query;
    if (store_query(c->store,
                    "INSERT INTO studies (study, hash, name, terms, state, created)"
                    " VALUES (?, ?, ?, ?, 'open', ?)",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, terms->study, STUDY_BYTES);
    query_blob(query, 2, hash, HASH_BYTES);
    query_text(query, 3, terms->name);
    query_blob(query, 4, bytes->data, bytes->size);
    query_int(query, 5, (int64_t)terms->issued);
    return query_run(query);
}

static enum err keep_study(struct coordinator *c, const struct terms *terms,
                           const struct bytes *bytes, const uint8_t hash[HASH_BYTES])
{
    bool own;
    const struct audit_entry entry = {.kind = AUDIT_STUDY,
                                      .wall = terms->issued,
                                      .study = terms->study,
                                      .object = hash};
    if (store_join(c->store, &own) != ERR_OK)
        return err_code();
    enum err result = insert_study(c, terms, bytes, hash);
    if (result == ERR_OK)
        result = audit_write(c->store, &entry, "%s was created", terms->name);
    return store_leave(c->store, own, result);
}

static enum err sign_and_keep(struct coordinator *c,
                              const struct coord_study_request *request,
                              struct terms *terms)
{
    struct prior *start = NULL;
    struct bytes prior = {0}, participants = {0}, bytes = {0};
    uint8_t hash[HASH_BYTES];
    const struct members *members = &roster_fields(c->roster)->members;
    enum err result = ERR_OK;
    if (!request->prior)
        result = prior_from_model(request->model, &start);
    if (result == ERR_OK) {
        prior_write(request->prior ? request->prior : start, &prior);
        for (size_t i = 0; i < members->count; i++) /* ascending, as the roster is */
            bytes_append(&participants, members->items[i].key, KEY_BYTES);
        terms->prior = codec_view(&prior);
        terms->participants = (struct keys){participants.data, members->count};
        result = terms_sign(c->identity, terms, &bytes, hash);
    }
    if (result == ERR_OK)
        result = keep_study(c, terms, &bytes, hash);
    prior_destroy(&start);
    bytes_free(&prior);
    bytes_free(&participants);
    bytes_free(&bytes);
    return result;
}

enum err coord_studies_create(struct coordinator *c,
                              const struct coord_study_request *request, uint64_t wall,
                              uint8_t number[STUDY_BYTES])
{
    struct prior_layout layout;
    struct statistic statistic;
    if (!c->roster) {
        err_set(ERR_STATE, "there is no roster yet, so nobody could take part");
        return err_hint("see `gemel-coordinator help roster`");
    }
    if (request->rounds < 1 || request->rounds > WIRE_ROUNDS_MAX)
        return err_set(ERR_RANGE, "a study has 1 to %d rounds, not %u", WIRE_ROUNDS_MAX,
                       request->rounds);
    if (name_free(c, request->name) != ERR_OK ||
        prior_layout(request->model, &layout) != ERR_OK)
        return err_code();
    statistic_layout(&layout, false, &statistic);
    uint32_t members = (uint32_t)roster_fields(c->roster)->members.count;
    const char *text = model_canonical(request->model);
    struct terms terms = {
        .name = request->name,
        .purpose = request->purpose,
        .issued = wall,
        .model = {(const uint8_t *)text, strlen(text)},
        .statistic = STATISTIC_VERSION,
        .dimension = (uint32_t)statistic.dimension,
        .rounds = request->rounds,
        .epsilon = request->epsilon,
        .delta = request->delta,
        .noise_log2 = NOISE_LOG2,
        .hospitals_min = request->hospitals_min,
        .colluders = quorum_colluders(members),
    };
    /* Of the fewest survivors two are honest, whatever was asked for. */
    if (terms.hospitals_min < terms.colluders + 2)
        terms.hospitals_min = terms.colluders + 2;
    if (statistic.dimension > WIRE_DIMENSION_MAX)
        return err_set(ERR_RANGE, "the model's statistics are %zu numbers, at most %d",
                       statistic.dimension, WIRE_DIMENSION_MAX);
    random_bytes(terms.study, STUDY_BYTES);
    memcpy(terms.consortium, c->consortium, HASH_BYTES);
    model_hash(request->model, terms.model_hash);
    double *multipliers = mem_new(request->rounds, sizeof *multipliers);
    enum err result = plan_noise(request, members, &terms, multipliers);
    if (result == ERR_OK)
        result = sign_and_keep(c, request, &terms);
    if (result == ERR_OK)
        memcpy(number, terms.study, STUDY_BYTES);
    mem_free(multipliers);
    return result;
}

/* --- opening
 * ----------------------------------------------------------------------------- */

static enum err set_prior(struct coord_study *study, struct view bytes)
{
    struct prior *prior;
    if (prior_read(&study->layout, bytes.data, bytes.size, &prior) != ERR_OK)
        return err_code();
    prior_destroy(&study->prior);
    study->prior = prior;
    return ERR_OK;
}

static enum err read_terms(struct coordinator *c, struct view terms,
                           struct coord_study *study)
{
    study->arena = codec_arena(terms.size);
    if (terms_open(terms, c->key, study->arena, &study->terms, study->hash) != ERR_OK ||
        model_parse((const char *)study->terms.model.data, study->terms.model.size,
                    study->terms.name, &study->model) != ERR_OK ||
        prior_layout(study->model, &study->layout) != ERR_OK)
        return err_code();
    statistic_layout(&study->layout, false, &study->statistic);
    study->chain = chain_start(&study->terms, study->hash);
    return set_prior(study, study->terms.prior);
}

static enum err read_study(struct coordinator *c, const uint8_t number[STUDY_BYTES],
                           struct coord_study *study)
{
    struct bytes terms = {0}, prior = {0};
    enum err result = archive_terms(c->store, number, &terms, study->state);
    if (result == ERR_OK)
        result = read_terms(c, codec_view(&terms), study);
    if (result == ERR_OK)
        result = archive_chain(c->store, c->key, &study->chain, &prior);
    if (result == ERR_OK && prior.size)
        result = set_prior(study, codec_view(&prior));
    study->open = strcmp(study->state, "open") == 0;
    bytes_free(&terms);
    bytes_free(&prior);
    return result;
}

static void destroy(struct coord_study *study)
{
    prior_destroy(&study->prior);
    model_destroy(&study->model);
    arena_destroy(&study->arena);
    mem_free(study);
}

static void forget_all(struct coordinator *c)
{
    while (c->studies) {
        struct coord_study *study = c->studies;
        c->studies = study->next;
        destroy(study);
    }
}

/* Where the study is kept, or the end of the list. */
static struct coord_study **kept(struct coordinator *c, const uint8_t number[STUDY_BYTES])
{
    struct coord_study **at = &c->studies;
    while (*at && memcmp((*at)->terms.study, number, STUDY_BYTES) != 0)
        at = &(*at)->next;
    return at;
}

/* Also when the change is rolled back: reading once more is never wrong. */
static void outdate(struct coordinator *c, const uint8_t number[STUDY_BYTES])
{
    struct coord_study *study = *kept(c, number);
    if (study)
        study->outdated = true;
}

enum err coord_studies_open(struct coordinator *c, const uint8_t number[STUDY_BYTES],
                            const struct coord_study **study)
{
    struct coord_study **at = kept(c, number);
    if (!*at || (*at)->outdated) {
        struct coord_study *opened = mem_new(1, sizeof *opened);
        if (read_study(c, number, opened) != ERR_OK) {
            destroy(opened);
            return err_code();
        }
        if (*at) {
            opened->next = (*at)->next;
            destroy(*at);
        }
        *at = opened;
        c->forget_studies = forget_all;
    }
    *study = *at;
    return ERR_OK;
}

/* --- finding
 * ----------------------------------------------------------------------------- */

enum err coord_studies_find(struct coordinator *c, const char *text,
                            uint8_t number[STUDY_BYTES])
{
    enum err result = archive_find(c->store, text, number);
    if (result == ERR_NOT_FOUND)
        err_hint("`gemel-coordinator study list` shows them");
    return result;
}

static enum err update_state(struct coordinator *c, const uint8_t number[STUDY_BYTES],
                             const char *state)
{
    struct query *query;
    if (store_query(c->store, "UPDATE studies SET state = ? WHERE study = ?", &query) !=
        ERR_OK)
        return err_code();
    query_text(query, 1, state);
    query_blob(query, 2, number, STUDY_BYTES);
    outdate(c, number);
    return query_run(query);
}

enum err coord_studies_set_state(struct coordinator *c, const uint8_t number[STUDY_BYTES],
                                 const char *state)
{
    bool own;
    const struct audit_entry entry = {.kind = AUDIT_DECISION, .study = number};
    if (store_join(c->store, &own) != ERR_OK)
        return err_code();
    enum err result = update_state(c, number, state);
    if (result == ERR_OK)
        result = audit_write(c->store, &entry, "the study is %s", state);
    return store_leave(c->store, own, result);
}

/* --- the chain
 * ----------------------------------------------------------------------------- */

enum err coord_studies_publish(struct coordinator *c, const struct coord_study *study,
                               const struct chain_link *link,
                               const struct coord_study_round *round, const char *report)
{
    struct bytes bytes = {0}, sum = {0};
    uint8_t hash[HASH_BYTES];
    struct query *query;
    for (size_t i = 0; i < study->terms.dimension; i++)
        bytes_f64(&sum, round->sum[i]);
    enum err result = chain_sign(c->identity, link, &bytes, hash);
    if (result == ERR_OK)
        result = store_query(c->store,
                             "INSERT INTO links (study, round, link, hash, prior, sum,"
                             " noise, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                             &query);
    if (result == ERR_OK) {
        query_blob(query, 1, link->study, STUDY_BYTES);
        query_int(query, 2, (int64_t)link->round);
        query_blob(query, 3, bytes.data, bytes.size);
        query_blob(query, 4, hash, HASH_BYTES);
        query_blob(query, 5, link->prior.data, link->prior.size);
        query_blob(query, 6, sum.data, sum.size);
        query_real(query, 7, round->noise_stddev);
        query_text(query, 8, report);
        result = query_run(query);
    }
    const struct audit_entry entry = {.kind = AUDIT_PUBLICATION,
                                      .study = link->study,
                                      .round = link->round,
                                      .object = hash};
    if (result == ERR_OK)
        result = audit_write_alone(c->store, &entry,
                                   "the prior of round %llu, learned from %u hospitals",
                                   (unsigned long long)link->round, link->contributions);
    outdate(c, link->study);
    if (result == ERR_OK && link->round == study->terms.rounds)
        result = coord_studies_set_state(c, link->study, "finished");
    bytes_free(&bytes);
    bytes_free(&sum);
    return result;
}

void coord_studies_rounds_free(struct coord_study_round *rounds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        prior_destroy(&rounds[i].prior);
        mem_free(rounds[i].sum);
    }
    mem_free(rounds);
}

static enum err read_round(const struct coord_study *study, struct query *query,
                           struct coord_study_round *round)
{
    struct cursor cursor = {0};
    cursor.data = query_get_blob(query, 0, &cursor.size);
    round->noise_stddev = query_get_real(query, 1);
    round->sum = mem_new(study->terms.dimension, sizeof(double));
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < study->terms.dimension; i++)
        result = cursor_f64(&cursor, &round->sum[i]);
    return result == ERR_OK ? cursor_end(&cursor) : result;
}

enum err coord_studies_rounds(struct coordinator *c, const struct coord_study *study,
                              struct coord_study_round **rounds, size_t *count)
{
    struct query *query;
    bool row;
    size_t used = 0, room = study->chain.length;
    struct view before = study->terms.prior; /* the prior a round was fitted under */
    struct bytes kept = {0};
    if (store_query(c->store,
                    "SELECT sum, noise, prior FROM links WHERE study = ? ORDER BY round",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    struct coord_study_round *list = mem_new(room, sizeof *list);
    enum err result;
    while ((result = query_step(query, &row)) == ERR_OK && row && used < room) {
        size_t size;
        if ((result = prior_read(&study->layout, before.data, before.size,
                                 &list[used].prior)) == ERR_OK)
            result = read_round(study, query, &list[used++]);
        if (result != ERR_OK)
            break;
        const void *prior = query_get_blob(query, 2, &size);
        kept.size = 0;
        bytes_append(&kept, prior, size);
        before = codec_view(&kept);
    }
    query_reset(query);
    bytes_free(&kept);
    if (result != ERR_OK) {
        coord_studies_rounds_free(list, used);
        return result;
    }
    *rounds = list;
    *count = used;
    return ERR_OK;
}

enum err coord_studies_report(struct coordinator *c, const uint8_t number[STUDY_BYTES],
                              uint64_t round, char **report)
{
    struct query *query;
    bool row;
    if (store_query(c->store, "SELECT report FROM links WHERE study = ? AND round = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, number, STUDY_BYTES);
    query_int(query, 2, (int64_t)round);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return err_set(ERR_NOT_FOUND, "round %llu has not been published",
                       (unsigned long long)round);
    *report = mem_text(query_get_text(query, 0));
    query_reset(query);
    return ERR_OK;
}

enum err coord_studies_links(struct coordinator *c, const uint8_t number[STUDY_BYTES],
                             uint64_t from, size_t most, struct bytes *storage,
                             struct view *links, size_t *count)
{
    struct query *query;
    bool row;
    size_t used = 0;
    if (store_query(c->store,
                    "SELECT link FROM links WHERE study = ? AND round > ? ORDER BY round"
                    " LIMIT ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, number, STUDY_BYTES);
    query_int(query, 2, (int64_t)from);
    query_int(query, 3, (int64_t)most);
    enum err result;
    while ((result = query_step(query, &row)) == ERR_OK && row) {
        size_t size;
        const void *data = query_get_blob(query, 0, &size);
        bytes_append(storage, data, size);
        links[used++].size = size;
    }
    const uint8_t *at = storage->data; /* only now does the storage stay where it is */
    for (size_t i = 0; i < used; at += links[i++].size)
        links[i].data = at;
    *count = used;
    return result;
}

enum err coord_studies_head_at(struct coordinator *c, const struct coord_study *study,
                               uint64_t length, uint8_t head[HASH_BYTES])
{
    struct query *query;
    bool row;
    if (length == 0) {
        memcpy(head, study->hash, HASH_BYTES);
        return ERR_OK;
    }
    if (store_query(c->store, "SELECT hash FROM links WHERE study = ? AND round = ?",
                    &query) != ERR_OK)
        return err_code();
    query_blob(query, 1, study->terms.study, STUDY_BYTES);
    query_int(query, 2, (int64_t)length);
    if (query_step(query, &row) != ERR_OK)
        return err_code();
    if (!row)
        return err_set(ERR_NOT_FOUND, "round %llu has not been published",
                       (unsigned long long)length);
    size_t size;
    const void *found = query_get_blob(query, 0, &size);
    memcpy(head, found, HASH_BYTES);
    query_reset(query);
    return ERR_OK;
}
