#ifndef WIRE_POLICY_H
#define WIRE_POLICY_H

#include <stdbool.h>

#include "base/conf.h"
#include "wire/codec.h"

/* policy - what a hospital's officers permit: a text file that a person reads, and their
 * signatures below it.
 *
 * The text is YAML documents of the house's settings format (base/conf): the policy's own
 * lines first, then, each after a line "---", one document an approved study. Every line
 * has to be there, because a preset of the program's would change with the program. What
 * is signed is the text itself, every byte of it, comments too, so that what was read is
 * what was signed. It does not decide whose signature counts (wire/amendment) nor whether
 * a study is permitted (wire/permit). Format: docs/formats.md. Called by node/. */

struct identity;

#define POLICY_BYTES_MAX ((size_t)262144)
#define POLICY_OFFICERS_MAX 3
#define POLICY_OFFICERS_MIN 2
#define POLICY_STUDIES_MAX ((size_t)200)

/* The tables of both kinds of document. */
#define POLICY_SETTINGS 18
#define POLICY_STUDY_SETTINGS 6
extern const struct conf_setting policy_settings[POLICY_SETTINGS];
extern const struct conf_setting policy_study_settings[POLICY_STUDY_SETTINGS];

/* What `policy new` writes for a line that nobody gave a value; NULL: there is none. */
const char *policy_preset(const char *name);

struct policy;

/* Read a file: every line, every limit, every signature. `name` is the file's in
 * sentences. ERR_CONFIG names the line, ERR_VERIFY the signature, ERR_FORMAT what is
 * neither text nor signature, ERR_RANGE a file that is too large. */
enum err policy_new(const char *name, const void *text, size_t size,
                    struct policy **policy);
void policy_destroy(struct policy **policy); /* NULL is fine; nulls */

const struct conf *policy_lines(const struct policy *policy);
size_t policy_studies(const struct policy *policy);
const struct conf *policy_study(const struct policy *policy, size_t index);
/* The place of the study called `name`; policy_studies() when there is none. */
size_t policy_find(const struct policy *policy, const char *name);

uint64_t policy_version(const struct policy *policy);
/* The second after its last day. */
uint64_t policy_end(const struct policy *policy);
/* Of the text: what reports and the audit name it by. */
const uint8_t *policy_hash(const struct policy *policy);
/* The whole file as it was read, signatures too. */
struct view policy_bytes(const struct policy *policy);

size_t policy_officers(const struct policy *policy);
const uint8_t *policy_officer(const struct policy *policy, size_t index);
bool policy_has_officer(const struct policy *policy, const uint8_t key[KEY_BYTES]);
/* Keys whose signatures stand below it and hold, each once, officers' or not. */
size_t policy_signers(const struct policy *policy);
const uint8_t *policy_signer(const struct policy *policy, size_t index);

/* Append the policy's file with one more signature. ERR_STATE when that key's is there.
 */
enum err policy_sign(const struct policy *policy, const struct identity *officer,
                     struct bytes *file);

/* A commented text with these `values` [POLICY_SETTINGS] and studies [count] of
 * [POLICY_STUDY_SETTINGS] values each; caller frees. */
char *policy_write(const char *const *values, const char *const *const *studies,
                   size_t count);

#endif
