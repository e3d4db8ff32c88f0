#ifndef TESTS_NODE_HOSPITAL_H
#define TESTS_NODE_HOSPITAL_H

/* hospital - one node of the wire tests' consortium, in a store of its own, and everybody
 * else's keys in the test's hand, so that the test can say anything in anybody's name. */

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "consortium.h"
#include "entries.h"
#include "model/statistic.h"
#include "node/exchange.h"
#include "node/patients.h"
#include "node/policies.h"
#include "officers.h"
#include "privacy/noise.h"
#include "scratch.h"

#define MULTIPLIER 12.0 /* of the study's three rounds */
#define PATIENTS 6

static const char line_text[] = "model line version 1 \"t\"\n"
                                "time a\n"
                                "[parameters]\n"
                                "level = 4.8 1 normal sd 0.15 on AGE\n"
                                "[covariates]\n"
                                "AGE a centre 60 scale 40\n"
                                "[equations]\n"
                                "f = exp(level)*1 mm[Hg]\n"
                                "[observations]\n"
                                "SBP : f ~ lognormal(0.15)\n";

struct hospital {
    struct consortium *c; /* the node is c->hospitals[0] */
    void *directory;
    char *folder;
    struct node *node;
    uint64_t now;
    struct clock clock;
    struct model *model;
    struct prior *prior;
    struct bytes prior_bytes;
    unsigned policy; /* version in force */
};

static inline uint64_t hospital_wall(void *context)
{
    return ((struct hospital *)context)->now;
}

/* The study's terms about a model that can be fitted, signed again. */
static inline void hospital_terms(struct hospital *h, const char *model_text)
{
    struct terms *terms = &h->c->terms;
    struct prior_layout layout;
    struct statistic statistic;
    model_destroy(&h->model);
    prior_destroy(&h->prior);
    h->prior_bytes.size = 0;
    assert_ok(model_parse(model_text, strlen(model_text), "line", &h->model));
    assert_ok(prior_layout(h->model, &layout));
    assert_ok(prior_from_model(h->model, &h->prior));
    prior_write(h->prior, &h->prior_bytes);
    statistic_layout(&layout, false, &statistic);
    const char *text = model_canonical(h->model);
    terms->model = (struct view){(const uint8_t *)text, strlen(text)};
    model_hash(h->model, terms->model_hash);
    terms->statistic = STATISTIC_VERSION;
    terms->dimension = (uint32_t)statistic.dimension;
    terms->prior = codec_view(&h->prior_bytes);
    terms->noise_log2 = NOISE_LOG2;
    for (size_t i = 0; i < 3; i++)
        h->c->multipliers[i] = MULTIPLIER;
    assert_ok(noise_norm_max(MULTIPLIER, 3, &terms->norm_max));
    h->c->terms_bytes.size = 0;
    assert_ok(terms_sign(h->c->coordinator, terms, &h->c->terms_bytes, h->c->terms_hash));
}

/* A plan of round 1, attempt 1, that this hospital can carry out. */
static inline struct plan hospital_plan(const struct hospital *h)
{
    struct plan plan = h->c->plan;
    plan.dimension = h->c->terms.dimension;
    plan.noise_multiplier = MULTIPLIER;
    plan.noise_log2 = NOISE_LOG2;
    assert_ok(noise_step(MULTIPLIER / noise_pooled(3), &plan.step));
    assert_ok(noise_norm_max(MULTIPLIER, 3, &plan.norm_max));
    memcpy(plan.terms, h->c->terms_hash, HASH_BYTES);
    memcpy(plan.chain_head, h->c->terms_hash, HASH_BYTES);
    return plan;
}

static inline void hospital_join(struct hospital *h)
{
    struct consortium *c = h->c;
    char *text;
    struct roster *none;
    struct enrol_invite invite = {.consortium_name = c->fields.consortium_name,
                                  .endpoint = c->fields.endpoint,
                                  .issued = NOW - 500,
                                  .expires = NOW + 1000};
    memcpy(invite.governance_key, c->governance_key, KEY_BYTES);
    memcpy(invite.coordinator_key, c->coordinator_key, KEY_BYTES);
    memcpy(invite.coordinator_curve, c->fields.coordinator_curve, KEY_BYTES);
    assert_ok(roster_invite_text(c->coordinator, &invite, &text));
    assert_ok(node_pin(h->node, text, strlen(text), NOW));
    assert_ok(node_roster(h->node, codec_view(&c->roster_bytes), &none));
    assert_null(none);
    mem_free(text);
}

/* The i-th patient's name. They are canaries (support/marks.h): by name and time all of
 * them, by value every second one. */
#define HOSPITAL_PATIENT(i) "canary" #i "Qx7"

static inline void hospital_patients(struct hospital *h, size_t count)
{
    struct bytes table = {0};
    struct dataset *dataset;
    struct patients_import report;
    uint8_t hash[HASH_BYTES];
    char *path = scratch_path(h->directory, "patients.csv");
    bytes_append(&table, "ID,TIME,SBP,AGE\n", 16);
    for (size_t i = 0; i < count; i++) {
        char *row = i % 2 == 0
                        ? mem_format("canary%zuQx7,1234.5678,131.41592,61.803398875\n", i)
                        : mem_format("canary%zuQx7,1234.5678,%zu,%zu\n", i,
                                     100 + 13 * i % 60, 40 + 5 * i);
        bytes_append(&table, row, strlen(row));
        mem_free(row);
    }
    assert_ok(file_write(path, table.data, table.size, 0600));
    assert_ok(dataset_read(path, NULL, h->model, &dataset));
    bytes_hash("gemel/import/1", table.data, table.size, hash);
    assert_ok(patients_import(h->node, dataset, "patients.csv", hash, NOW, false, NULL,
                              NULL, &report));
    dataset_destroy(&dataset);
    bytes_free(&table);
    free(path);
}

static inline size_t hospital_entries(const struct hospital *h, enum audit_kind kind)
{
    return entries_of(h->node->store, kind);
}

/* A release of `round`, charged to the first `count` of 65,536 patients, in ledger and
 * audit record. */
static inline void hospital_release(struct hospital *h, uint64_t round, size_t count,
                                    double multiplier)
{
    struct ledger_entry entry = {.round = round,
                                 .attempt = 1,
                                 .noise_multiplier = multiplier,
                                 .wall = NOW + round,
                                 .dimension = 26,
                                 .noise_log2 = NOISE_LOG2};
    const struct audit_entry about = {.kind = AUDIT_RELEASE,
                                      .wall = NOW + round,
                                      .study = entry.study,
                                      .round = round,
                                      .attempt = 1};
    uint8_t(*who)[LEDGER_PSEUDONYM_BYTES] = mem_new(count, sizeof *who);
    memcpy(entry.study, h->c->terms.study, STUDY_BYTES);
    for (size_t i = 0; i < count; i++) {
        who[i][0] = (uint8_t)(i >> 8);
        who[i][15] = (uint8_t)i;
    }
    assert_ok(store_begin(h->node->store));
    assert_ok(ledger_charge(h->node->ledger, &entry,
                            (const uint8_t(*)[LEDGER_PSEUDONYM_BYTES])who, count, 9));
    assert_ok(audit_write(h->node->store, &about, "it left, as \"agreed\""));
    assert_ok(store_commit(h->node->store));
    mem_free(who);
}

/* Two officers re-anchor its ledger, with these entries claimed. */
static inline void hospital_reanchor(struct hospital *h, struct reanchor_claim *claims,
                                     size_t count)
{
    uint8_t head[HASH_BYTES];
    struct reanchor reanchor = {.after = ledger_length(h->node->ledger),
                                .number = ledger_length(h->node->ledger),
                                .issued = NOW + 7,
                                .claims = claims,
                                .claim_count = count};
    const struct audit_entry about = {.kind = AUDIT_ANCHOR, .wall = NOW, .object = head};
    memcpy(reanchor.node, h->node->key, KEY_BYTES);
    ledger_head(h->node->ledger, reanchor.head);
    for (size_t i = 0; i < count; i++)
        if (claims[i].length > reanchor.number)
            reanchor.number = claims[i].length;
    reanchor.number++;
    for (unsigned i = 0; i < REANCHOR_SIGNATURES; i++) {
        struct identity *officer = officers_identity(i);
        assert_ok(reanchor_sign(&reanchor, officer));
        identity_destroy(&officer);
    }
    assert_ok(store_begin(h->node->store));
    assert_ok(ledger_reanchor(h->node->ledger, &reanchor));
    ledger_head(h->node->ledger, head);
    assert_ok(audit_write(h->node->store, &about, "re-anchored by two"));
    assert_ok(store_commit(h->node->store));
}

/* Releases, twice a re-anchoring between, the first with an entry that costs nothing. */
static inline void hospital_reanchored(struct hospital *h)
{
    struct reanchor_claim lost[] = {
        {3, "a lost release", 4.5, 26, NOISE_LOG2},
        {4, "a lost re-anchoring", 0, 0, 0},
        {4, "a clone's release", 6.25, 1 << 20, 20},
    };
    hospital_release(h, 1, 3, 11.5);
    hospital_release(h, 2, 5, 3.25);
    hospital_reanchor(h, lost, 3);
    hospital_release(h, 3, 2, 2.2300000000000004);
    hospital_reanchor(h, &(struct reanchor_claim){40, "hearsay", 3.5, 35, 20}, 1);
    hospital_release(h, 4, 7, 8);
}

static inline void hospital_restart(struct hospital *h)
{
    node_destroy(&h->node);
    assert_ok(node_open(h->folder, &h->node));
}

/* The next policy's file: the presets but for `lines` (up to one without a name; NULL:
 * none), approving the consortium's study, under any terms of its kind. */
static inline void hospital_policy_file(const struct hospital *h,
                                        const struct officers_line *lines,
                                        unsigned signers, struct bytes *file)
{
    const struct officers_study study = {h->c->terms.name, h->c->terms.purpose,
                                         h->c->terms.model_hash, NULL,
                                         h->c->terms.statistic};
    const struct officers_policy policy = {
        h->c->members[0].name, h->policy + 1, lines, &study, 1, signers};
    officers_file(&policy, file);
}

static inline void hospital_policy(struct hospital *h, const struct officers_line *lines)
{
    struct bytes file = {0};
    hospital_policy_file(h, lines, 3, &file);
    assert_ok(policies_install(h->node, "x.policy", file.data, file.size, h->now));
    h->policy++;
    bytes_free(&file);
}

/* With one line that is not the preset. */
static inline void hospital_policy_line(struct hospital *h, const char *name,
                                        const char *value)
{
    const struct officers_line lines[] = {{name, value}, {NULL, NULL}};
    hospital_policy(h, lines);
}

static inline int hospital_set_up(void **state)
{
    struct hospital *h = mem_new(1, sizeof *h);
    void *consortium;
    if (scratch_setup(&h->directory) != 0 || consortium_set_up(&consortium) != 0)
        return -1;
    h->c = consortium;
    h->now = NOW;
    h->clock = (struct clock){hospital_wall, hospital_wall, h};
    h->folder = scratch_path(h->directory, "home");
    assert_ok(node_create(h->folder, h->c->members[0].name, &h->node));
    assert_ok(home_set(h->node->home, "identity", identity_secret(h->c->hospitals[0]),
                       IDENTITY_SECRET_BYTES));
    hospital_restart(h);
    hospital_terms(h, line_text);
    hospital_join(h);
    hospital_policy(h, NULL);
    *state = h;
    return 0;
}

static inline int hospital_tear_down(void **state)
{
    struct hospital *h = *state;
    void *consortium = h->c;
    node_destroy(&h->node);
    prior_destroy(&h->prior);
    bytes_free(&h->prior_bytes);
    model_destroy(&h->model);
    free(h->folder);
    int failed = scratch_teardown(&h->directory);
    consortium_tear_down(&consortium);
    mem_free(h);
    return failed;
}

#define IN_HOSPITAL(name)                                                                \
    cmocka_unit_test_setup_teardown(name, hospital_set_up, hospital_tear_down)

/* Charge every patient for a release of a study of ones, as node/part does between its
 * checks and sending. */
static inline enum err hospital_charge(struct node *node, uint64_t round,
                                       double multiplier)
{
    struct patient *patients;
    size_t count;
    struct ledger_entry entry = {.round = round,
                                 .noise_multiplier = multiplier,
                                 .wall = NOW,
                                 .dimension = 10,
                                 .noise_log2 = NOISE_LOG2};
    memset(entry.study, 1, STUDY_BYTES);
    random_bytes(entry.nonce, LEDGER_NONCE_BYTES);
    const struct audit_entry about = {
        .kind = AUDIT_RELEASE, .wall = NOW, .study = entry.study, .round = round};
    if (patients_list(node, &patients, &count) != ERR_OK)
        return err_code();
    uint8_t(*pseudonyms)[LEDGER_PSEUDONYM_BYTES] = mem_new(count, sizeof *pseudonyms);
    for (size_t i = 0; i < count; i++)
        memcpy(pseudonyms[i], patients[i].pseudonym, LEDGER_PSEUDONYM_BYTES);
    enum err result = store_begin(node->store);
    if (result == ERR_OK)
        result = ledger_charge(node->ledger, &entry,
                               (const uint8_t(*)[LEDGER_PSEUDONYM_BYTES])pseudonyms,
                               count, 100);
    if (result == ERR_OK)
        result = audit_write(node->store, &about, "released");
    if (result == ERR_OK)
        result = store_commit(node->store);
    patients_free(patients, count);
    mem_free(pseudonyms);
    return result;
}

/* --- the study -----------------------------------------------------------------------
 */

static inline struct node_study *hospital_opened(struct hospital *h)
{
    struct node_study *study;
    assert_ok(node_studies_open(h->node, h->c->terms.study, &study));
    return study;
}

static inline struct node_study *hospital_approved(struct hospital *h)
{
    bool fresh;
    assert_ok(node_studies_offer(h->node, codec_view(&h->c->terms_bytes), NOW, &fresh));
    assert_true(fresh);
    assert_ok(node_studies_decide(h->node, h->c->terms.study, STUDY_APPROVED, NOW));
    return hospital_opened(h);
}

/* Append a signed link of `round` after `previous`, with a prior whose level is off by
 * `shift`; `hash` is its own. */
static inline void hospital_link(const struct hospital *h, uint64_t round,
                                 const uint8_t *previous, double shift,
                                 struct bytes *bytes, uint8_t hash[HASH_BYTES])
{
    struct bytes prior = {0};
    struct chain_link link = {.round = round, .contributions = 3};
    memcpy(link.study, h->c->terms.study, STUDY_BYTES);
    memcpy(link.previous, previous, HASH_BYTES);
    h->prior->effects[0] += shift;
    prior_write(h->prior, &prior);
    h->prior->effects[0] -= shift;
    link.prior = codec_view(&prior);
    assert_ok(chain_sign(h->c->coordinator, &link, bytes, hash));
    bytes_free(&prior);
}

/* --- the coordinator's mouth -----------------------------------------------------------
 */

/* The envelope of a frame, whatever it claims; its views lie in the arena. */
static inline struct envelope hospital_envelope(const struct bytes *frame,
                                                struct arena *arena)
{
    struct signed_bytes parts;
    struct envelope envelope;
    assert_ok(codec_decode_signed_bytes(codec_view(frame), arena, &parts));
    assert_ok(codec_decode_envelope(parts.object, arena, &envelope));
    return envelope;
}

/* Overwrite `answer` with a body of some kind, as the coordinator answers `question`. */
static inline void hospital_answer(const struct hospital *h, const struct bytes *question,
                                   enum message_kind kind, const struct bytes *body,
                                   struct bytes *answer)
{
    struct arena *arena = codec_arena(question->size);
    struct envelope asked = hospital_envelope(question, arena);
    answer->size = 0;
    assert_ok(envelope_answer(h->c->coordinator, &asked, kind, body, answer));
    arena_destroy(&arena);
}

static inline void hospital_reply(const struct hospital *h, const struct bytes *question,
                                  const struct reply *reply, struct bytes *answer)
{
    struct bytes body = {0};
    assert_ok(codec_encode_reply(reply, &body));
    hospital_answer(h, question, MESSAGE_REPLY, &body, answer);
    bytes_free(&body);
}

#endif
