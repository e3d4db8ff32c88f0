#ifndef TESTS_WIRE_OFFICERS_H
#define TESTS_WIRE_OFFICERS_H

/* officers - three officers of a hospital with fixed keys, and policies of theirs: the
 * presets, some lines changed, signed by whom the test wants. */

#include "base/memory.h"
#include "privacy/identity.h"
#include "wire/policy.h"

#define OFFICERS 3
#define OFFICERS_STRANGER OFFICERS /* one more key, of nobody's */
#define OFFICERS_DAY "2026-12-31"  /* after consortium.h's NOW */

/* A line that is not the preset. */
struct officers_line {
    const char *name, *value;
};

struct officers_study {
    const char *name, *purpose;
    const uint8_t *model, *terms; /* hashes; terms NULL: any */
    uint32_t statistic;
};

struct officers_policy {
    const char *hospital;
    unsigned version;
    const struct officers_line *lines; /* up to one without a name; NULL: none */
    const struct officers_study *studies;
    size_t study_count;
    unsigned signers; /* bit 1 << officer */
};

static inline struct identity *officers_identity(unsigned officer)
{
    uint8_t secret[IDENTITY_SECRET_BYTES];
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)(101 + officer + 5 * i);
    struct identity *identity = NULL;
    assert_ok(identity_read(secret, &identity));
    return identity;
}

static inline void officers_key(unsigned officer, char digits[2 * KEY_BYTES + 1])
{
    uint8_t key[KEY_BYTES];
    struct identity *identity = officers_identity(officer);
    identity_public(identity, key);
    identity_destroy(&identity);
    bytes_to_hex(key, KEY_BYTES, digits);
}

static inline void officers_values(const struct officers_policy *policy,
                                   char keys[OFFICERS][2 * KEY_BYTES + 1],
                                   char version[16], const char *values[POLICY_SETTINGS])
{
    static const char *const names[OFFICERS] = {"officer_1", "officer_2", "officer_3"};
    snprintf(version, 16, "%u", policy->version);
    for (size_t i = 0; i < POLICY_SETTINGS; i++) {
        const char *name = policy_settings[i].name;
        values[i] = policy_preset(name);
        if (strcmp(name, "version") == 0)
            values[i] = version;
        if (strcmp(name, "hospital") == 0)
            values[i] = policy->hospital;
        if (strcmp(name, "expires") == 0)
            values[i] = OFFICERS_DAY;
        for (unsigned j = 0; j < OFFICERS; j++)
            if (strcmp(name, names[j]) == 0) {
                officers_key(j, keys[j]);
                values[i] = keys[j];
            }
        for (const struct officers_line *line = policy->lines; line && line->name; line++)
            if (strcmp(name, line->name) == 0)
                values[i] = line->value;
    }
}

/* The text alone; caller frees. */
static inline char *officers_text(const struct officers_policy *policy)
{
    char keys[OFFICERS][2 * KEY_BYTES + 1], version[16];
    const char *values[POLICY_SETTINGS];
    char hashes[8][2][2 * HASH_BYTES + 1] = {{""}}, statistics[8][16];
    const char *entries[8][POLICY_STUDY_SETTINGS];
    const char *const *studies[8];
    officers_values(policy, keys, version, values);
    assert_true(policy->study_count <= 8);
    for (size_t i = 0; i < policy->study_count; i++) {
        const struct officers_study *study = &policy->studies[i];
        snprintf(statistics[i], sizeof statistics[i], "%u", study->statistic);
        bytes_to_hex(study->model, HASH_BYTES, hashes[i][0]);
        if (study->terms)
            bytes_to_hex(study->terms, HASH_BYTES, hashes[i][1]);
        const char *const entry[POLICY_STUDY_SETTINGS] = {
            study->name,  study->purpose, "Art. 9(2)(j) GDPR",
            hashes[i][0], statistics[i],  hashes[i][1]};
        memcpy(entries[i], entry, sizeof entry);
        studies[i] = entries[i];
    }
    return policy_write(values, studies, policy->study_count);
}

/* One more signature below a file. */
static inline void officers_sign(unsigned officer, struct bytes *file)
{
    struct identity *identity = officers_identity(officer);
    struct policy *policy;
    struct bytes signed_file = {0};
    assert_ok(policy_new("draft", file->data, file->size, &policy));
    assert_ok(policy_sign(policy, identity, &signed_file));
    policy_destroy(&policy);
    identity_destroy(&identity);
    bytes_free(file);
    *file = signed_file;
}

/* Append the signed file. */
static inline void officers_file(const struct officers_policy *policy, struct bytes *file)
{
    char *text = officers_text(policy);
    bytes_append(file, text, strlen(text));
    mem_free(text);
    for (unsigned i = 0; i <= OFFICERS_STRANGER; i++)
        if (policy->signers & 1u << i)
            officers_sign(i, file);
}

static inline struct policy *officers_read(const struct officers_policy *policy)
{
    struct bytes file = {0};
    struct policy *read = NULL;
    officers_file(policy, &file);
    assert_ok(policy_new("x.policy", file.data, file.size, &read));
    bytes_free(&file);
    return read;
}

#endif
