/* fuzz_policy - what an officer or an operator hands to a node: policies, rosters, terms
 * and links of the chain of priors, with the signature not in the way.
 *
 * The first byte says which; the rest is the input. A policy's text is read as it is; of
 * the others the input is the object, and it is signed here by the key that counts, so
 * that what is behind the signature is reached. What is refused is refused by one of the
 * codes its header names and changes nothing; what is taken keeps its invariants. */

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "privacy/identity.h"
#include "seeds.h"
#include "wire/amendment.h"
#include "wire/chain.h"
#include "wire/envelope.h"
#include "wire/roster.h"
#include "wire/terms.h"

enum kind { POLICY, ROSTER, TERMS, LINK, KINDS };

static struct identity *signer; /* governance, coordinator and officer in one */
static uint8_t signer_key[KEY_BYTES];

static void begin(void)
{
    uint8_t secret[IDENTITY_SECRET_BYTES] = {1};
    if (signer)
        return;
    if (identity_read(secret, &signer) != ERR_OK)
        abort();
    identity_public(signer, signer_key);
}

/* --- policies
 * ------------------------------------------------------------------------------------ */

/* Under the same policy nothing is permitted that was not. */
static void try_amendment(const struct policy *policy)
{
    struct amendment *list = NULL;
    size_t count;
    amendment_list(policy, policy, &list, &count);
    if (count != 0 || amendment_check(policy, policy) == ERR_OK)
        abort(); /* not a later version */
    mem_free(list);
}

/* One more signature changes neither the text nor who signed before. */
static void try_signature(const struct policy *policy)
{
    struct bytes file = {0};
    struct policy *again = NULL;
    enum err result = policy_sign(policy, signer, &file);
    if (result == ERR_OK &&
        (policy_new("fuzz", file.data, file.size, &again) != ERR_OK ||
         memcmp(policy_hash(again), policy_hash(policy), HASH_BYTES) != 0 ||
         policy_signers(again) != policy_signers(policy) + 1))
        abort();
    policy_destroy(&again);
    bytes_free(&file);
}

static void try_policy(struct view text)
{
    struct policy *policy = NULL;
    enum err result = policy_new("fuzz", text.data, text.size, &policy);
    if (result == ERR_OK) {
        if (policy_officers(policy) < POLICY_OFFICERS_MIN ||
            policy_officers(policy) > POLICY_OFFICERS_MAX ||
            policy_studies(policy) > POLICY_STUDIES_MAX)
            abort();
        try_amendment(policy);
        try_signature(policy);
    } else if (policy || (result != ERR_CONFIG && result != ERR_VERIFY &&
                          result != ERR_FORMAT && result != ERR_RANGE)) {
        abort();
    }
    policy_destroy(&policy);
}

/* --- what keys sign
 * ------------------------------------------------------------------------------ */

static void try_roster(struct view bytes)
{
    struct roster *roster = NULL;
    if (roster_new(bytes, signer_key, &roster) != ERR_OK) {
        if (roster)
            abort();
        return;
    }
    const struct members *members = &roster_fields(roster)->members;
    for (size_t i = 0; i < members->count; i++)
        if (roster_by_key(roster, members->items[i].key) != &members->items[i] ||
            (i > 0 && memcmp(members->items[i - 1].key, members->items[i].key,
                             KEY_BYTES) >= 0))
            abort();
    if (roster_follows(roster, roster) != ERR_OK)
        abort();
    roster_destroy(&roster);
}

static void try_terms(struct view bytes)
{
    struct terms terms;
    uint8_t hash[HASH_BYTES];
    struct arena *arena = codec_arena(bytes.size);
    if (terms_open(bytes, signer_key, arena, &terms, hash) == ERR_OK &&
        (terms.rounds != terms.noise_multipliers.count || terms.dimension == 0 ||
         terms.participants.count < terms.hospitals_min))
        abort();
    arena_destroy(&arena);
}

static void try_link(struct view bytes)
{
    struct chain_link link;
    uint8_t hash[HASH_BYTES];
    struct arena *arena = codec_arena(bytes.size);
    chain_open(bytes, signer_key, arena, &link, hash);
    arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const tags[KINDS] = {NULL, "gemel/roster/1", "gemel/terms/1",
                                            "gemel/link/1"};
    struct bytes bytes = {0};
    if (size < 1)
        return 0;
    begin();
    enum kind kind = data[0] % KINDS;
    struct view object = {data + 1, size - 1};
    if (kind == POLICY) {
        try_policy(object);
        return 0;
    }
    if (envelope_sign(signer, tags[kind], object, &bytes) != ERR_OK) {
        bytes_free(&bytes); /* too long to be signed */
        return 0;
    }
    if (kind == ROSTER)
        try_roster(codec_view(&bytes));
    else if (kind == TERMS)
        try_terms(codec_view(&bytes));
    else
        try_link(codec_view(&bytes));
    bytes_free(&bytes);
    return 0;
}

/* --- seeds
 * --------------------------------------------------------------------------------------- */

static void seed_policy(size_t studies, struct bytes *seed)
{
    const char *values[POLICY_SETTINGS];
    static const char *const study[POLICY_STUDY_SETTINGS] = {
        "sbp", "Level and slope", "Art. 9(2)(j) GDPR",
        "0101010101010101010101010101010101010101010101010101010101010101", "1", ""};
    const char *const *const list[] = {study};
    char officers[2][2 * KEY_BYTES + 1];
    uint8_t other[KEY_BYTES] = {9};
    struct policy *policy;
    bytes_to_hex(signer_key, KEY_BYTES, officers[0]);
    bytes_to_hex(other, KEY_BYTES, officers[1]);
    for (size_t i = 0; i < POLICY_SETTINGS; i++) {
        const char *name = policy_settings[i].name;
        values[i] = policy_preset(name);
        if (strcmp(name, "version") == 0)
            values[i] = "1";
        if (strcmp(name, "hospital") == 0)
            values[i] = "St Anna";
        if (strcmp(name, "expires") == 0)
            values[i] = "2026-12-31";
        if (strcmp(name, "officer_1") == 0)
            values[i] = officers[0];
        if (strcmp(name, "officer_2") == 0)
            values[i] = officers[1];
    }
    char *text = policy_write(values, list, studies);
    if (studies && (policy_new("seed", text, strlen(text), &policy) != ERR_OK ||
                    policy_sign(policy, signer, seed) != ERR_OK))
        abort();
    if (studies)
        policy_destroy(&policy);
    else
        bytes_append(seed, text, strlen(text));
    mem_free(text);
}

static void seed_roster(struct bytes *seed)
{
    struct member members[3] = {{.name = "A", .valid_from = 1, .valid_to = 99},
                                {.name = "B", .valid_from = 1, .valid_to = 99},
                                {.name = "C", .valid_from = 1, .valid_to = 99}};
    struct roster_fields fields = {.consortium_name = "demo",
                                   .version = 1,
                                   .issued = 5,
                                   .endpoint = "tcp://127.0.0.1:7400",
                                   .members = {members, 3}};
    for (uint8_t i = 0; i < 3; i++)
        members[i].key[0] = members[i].curve[0] = (uint8_t)(i + 1);
    memcpy(fields.governance_key, signer_key, KEY_BYTES);
    fields.coordinator_key[0] = fields.coordinator_curve[0] = 7;
    if (codec_encode_roster_fields(&fields, seed) != ERR_OK)
        abort();
}

static void seed_terms(struct bytes *seed)
{
    double multipliers[2] = {12, 10};
    uint8_t keys[3 * KEY_BYTES] = {1};
    keys[KEY_BYTES] = 2, keys[2 * KEY_BYTES] = 3;
    struct terms terms = {.name = "sbp",
                          .purpose = "Level and slope",
                          .model = {(const uint8_t *)"model", 5},
                          .statistic = 1,
                          .dimension = 20,
                          .rounds = 2,
                          .epsilon = 1,
                          .delta = 1e-6,
                          .norm_max = 100000,
                          .noise_log2 = 20,
                          .hospitals_min = 3,
                          .noise_multipliers = {multipliers, 2},
                          .participants = {keys, 3},
                          .prior = {(const uint8_t *)"prior", 5},
                          .colluders = 1};
    terms.study[0] = terms.consortium[0] = terms.model_hash[0] = 5;
    if (codec_encode_terms(&terms, seed) != ERR_OK)
        abort();
}

static void seed_link(struct bytes *seed)
{
    struct chain_link link = {
        .round = 1, .contributions = 3, .prior = {(const uint8_t *)"prior", 5}};
    link.study[0] = 5;
    if (codec_encode_chain_link(&link, seed) != ERR_OK)
        abort();
}

bool fuzz_seed(size_t index, struct bytes *seed)
{
    static const uint8_t kinds[] = {POLICY, POLICY, ROSTER, TERMS, LINK};
    begin();
    if (index >= sizeof kinds)
        return false;
    bytes_u8(seed, kinds[index]);
    if (kinds[index] == POLICY)
        seed_policy(index, seed);
    else if (kinds[index] == ROSTER)
        seed_roster(seed);
    else if (kinds[index] == TERMS)
        seed_terms(seed);
    else
        seed_link(seed);
    return true;
}
