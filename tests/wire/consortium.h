#ifndef TESTS_WIRE_CONSORTIUM_H
#define TESTS_WIRE_CONSORTIUM_H

/* consortium - a governance key, a coordinator and five hospitals with fixed keys, their
 * roster, and the terms and plan of a study: what the tests of the wire floor start from.
 */

#include <stdbool.h>

#include "privacy/identity.h"
#include "wire/chain.h"
#include "wire/envelope.h"
#include "wire/roster.h"
#include "wire/terms.h"

#define HOSPITALS 5
#define NOW ((uint64_t)1764000000)

struct consortium {
    struct identity *governance, *coordinator, *stranger;
    struct identity *hospitals[HOSPITALS]; /* ascending by key */
    uint8_t governance_key[KEY_BYTES], coordinator_key[KEY_BYTES],
        stranger_key[KEY_BYTES];
    uint8_t keys[HOSPITALS * KEY_BYTES];
    uint8_t curves[HOSPITALS][KEY_BYTES];
    struct member members[HOSPITALS];
    struct roster_fields fields;
    struct bytes roster_bytes;
    struct roster *roster;
    double multipliers[3];
    struct terms terms;
    struct bytes terms_bytes;
    uint8_t terms_hash[HASH_BYTES];
    struct plan plan;
    uint8_t plan_hash[HASH_BYTES];
    struct bytes plan_bytes;
};

static inline struct identity *consortium_identity(unsigned seed)
{
    uint8_t secret[IDENTITY_SECRET_BYTES];
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)(seed + 3 * i);
    struct identity *identity = NULL;
    assert_ok(identity_read(secret, &identity));
    return identity;
}

static inline int consortium_order(const void *a, const void *b)
{
    uint8_t one[KEY_BYTES], other[KEY_BYTES];
    struct identity *const *pair[] = {a, b};
    identity_public(*pair[0], one);
    identity_public(*pair[1], other);
    return memcmp(one, other, KEY_BYTES);
}

static inline void consortium_people(struct consortium *c)
{
    static const char *const names[HOSPITALS] = {"Altona", "Bergheim", "Chur", "Dijon",
                                                 "Erlangen"};
    c->governance = consortium_identity(1);
    c->coordinator = consortium_identity(2);
    c->stranger = consortium_identity(3);
    identity_public(c->governance, c->governance_key);
    identity_public(c->coordinator, c->coordinator_key);
    identity_public(c->stranger, c->stranger_key);
    for (unsigned i = 0; i < HOSPITALS; i++)
        c->hospitals[i] = consortium_identity(10 + i);
    qsort(c->hospitals, HOSPITALS, sizeof c->hospitals[0], consortium_order);
    for (size_t i = 0; i < HOSPITALS; i++) {
        identity_public(c->hospitals[i], c->keys + i * KEY_BYTES);
        identity_curve(c->hospitals[i], c->curves[i]);
        c->members[i] = (struct member){
            .name = names[i], .valid_from = NOW - 1000, .valid_to = NOW + 100000};
        memcpy(c->members[i].key, c->keys + i * KEY_BYTES, KEY_BYTES);
        memcpy(c->members[i].curve, c->curves[i], KEY_BYTES);
    }
    c->fields = (struct roster_fields){.consortium_name = "Gemel test",
                                       .version = 1,
                                       .issued = NOW - 1000,
                                       .endpoint = "tcp://127.0.0.1:7400",
                                       .members = {c->members, HOSPITALS}};
    memcpy(c->fields.governance_key, c->governance_key, KEY_BYTES);
    memcpy(c->fields.coordinator_key, c->coordinator_key, KEY_BYTES);
    identity_curve(c->coordinator, c->fields.coordinator_curve);
    assert_ok(roster_sign(c->governance, &c->fields, &c->roster_bytes));
    assert_ok(roster_new(codec_view(&c->roster_bytes), c->governance_key, &c->roster));
}

static inline void consortium_study(struct consortium *c)
{
    static const uint8_t model[] = "model bp\n", prior[] = "a prior";
    for (size_t i = 0; i < 3; i++)
        c->multipliers[i] = 12 - 2 * (double)i;
    c->terms = (struct terms){.name = "pressure",
                              .purpose = "Learn how blood pressure changes with age.",
                              .issued = NOW,
                              .model = {model, sizeof model - 1},
                              .statistic = 1,
                              .dimension = 20,
                              .rounds = 3,
                              .epsilon = 1,
                              .delta = 1e-6,
                              .norm_max = 227023, /* sqrt(3) 2^20 / 8 */
                              .noise_log2 = 20,
                              .hospitals_min = 3,
                              .noise_multipliers = {c->multipliers, 3},
                              .participants = {c->keys, HOSPITALS},
                              .prior = {prior, sizeof prior - 1},
                              .colluders = 1};
    memset(c->terms.study, 0x5a, STUDY_BYTES);
    memcpy(c->terms.consortium, roster_consortium(c->roster), HASH_BYTES);
    bytes_hash("model", model, sizeof model - 1, c->terms.model_hash);
    assert_ok(terms_sign(c->coordinator, &c->terms, &c->terms_bytes, c->terms_hash));
    c->plan = (struct plan){.round = 1,
                            .attempt = 1,
                            .dimension = 20,
                            .step = 12 / 1.7320508075688772 * 0x1p-20,
                            .norm_max = 151348, /* sqrt(4 - 1) 2^20 / 12 */
                            .noise_multiplier = 12,
                            .noise_log2 = 20,
                            .deadline = NOW + 600,
                            .participants = {c->keys, HOSPITALS},
                            .colluders = 1,
                            .quorum = 4,
                            .threshold = 3,
                            .survivors = 4,
                            .degree = HOSPITALS - 1};
    memcpy(c->plan.study, c->terms.study, STUDY_BYTES);
    memcpy(c->plan.terms, c->terms_hash, HASH_BYTES);
    memcpy(c->plan.roster, roster_hash(c->roster), HASH_BYTES);
    memcpy(c->plan.chain_head, c->terms_hash, HASH_BYTES);
    assert_ok(plan_sign(c->coordinator, &c->plan, &c->plan_bytes, c->plan_hash));
}

static inline int consortium_set_up(void **state)
{
    struct consortium *c = mem_new(1, sizeof *c);
    consortium_people(c);
    consortium_study(c);
    *state = c;
    return 0;
}

static inline int consortium_tear_down(void **state)
{
    struct consortium *c = *state;
    identity_destroy(&c->governance);
    identity_destroy(&c->coordinator);
    identity_destroy(&c->stranger);
    for (size_t i = 0; i < HOSPITALS; i++)
        identity_destroy(&c->hospitals[i]);
    roster_destroy(&c->roster);
    bytes_free(&c->roster_bytes);
    bytes_free(&c->terms_bytes);
    bytes_free(&c->plan_bytes);
    mem_free(c);
    return 0;
}

#define TEST_WITH_CONSORTIUM(name)                                                       \
    cmocka_unit_test_setup_teardown(name, consortium_set_up, consortium_tear_down)

#endif
