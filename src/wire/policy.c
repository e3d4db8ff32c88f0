#include "wire/policy.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "privacy/identity.h"

#define TAG_POLICY "gemel/policy/1"
#define LABEL_SIGNATURE "POLICY SIGNATURE"
#define BEGIN_SIGNATURE "-----BEGIN GEMEL " LABEL_SIGNATURE "-----\n"
#define SEPARATOR "---\n"
#define DAY_SECONDS ((uint64_t)86400)

/* The limits are floors of the program's own: nobody can sign them away. */
const struct conf_setting policy_settings[POLICY_SETTINGS] = {
    {"version", CONF_INTEGER, NULL, 1, 1e9,
     "counts up with every policy of the hospital"},
    {"hospital", CONF_TEXT, NULL, 0, 0,
     "whose policy this is, as in the node's settings"},
    {"officer_1", CONF_TEXT, NULL, 0, 0,
     "the data-protection officer's public key, as `policy key` prints it"},
    {"officer_2", CONF_TEXT, NULL, 0, 0,
     "a second person's; what permits more needs the signatures of two"},
    {"officer_3", CONF_TEXT, NULL, 0, 0,
     "a third person's, in case a key is lost; '' for nobody"},
    {"expires", CONF_TEXT, NULL, 0, 0,
     "the last day on which anything may be approved or sent, as 2027-12-31 (UTC)"},
    {"epsilon_max", CONF_REAL, NULL, 1e-3, 20,
     "what a patient's privacy may cost over all studies together, at delta below"},
    {"delta", CONF_REAL, NULL, 1e-12, 1e-3,
     "the probability that epsilon leaves uncovered; well below 1 / patients"},
    {"period_releases", CONF_INTEGER, NULL, 1, 1e6,
     "a period is so many releases one after the other, whatever the clock says"},
    {"period_epsilon_max", CONF_REAL, NULL, 1e-3, 20,
     "what a patient's privacy may cost in any such period, at delta above"},
    {"hospitals_min", CONF_INTEGER, NULL, 3, 1024, "hospitals in a study, at least"},
    {"survivors_min", CONF_INTEGER, NULL, 3, 1024, "hospitals in every sum, at least"},
    {"quorum_min", CONF_INTEGER, NULL, 2, 1024,
     "hospitals that must confirm a sum before it is opened, at least"},
    {"threshold_min", CONF_INTEGER, NULL, 2, 1024,
     "hospitals whose shares together open a mask, at least"},
    {"colluders_min", CONF_INTEGER, NULL, 1, 1024,
     "hospitals that may work together with the coordinator without harm, at least"},
    {"noise_multiplier_min", CONF_REAL, NULL, WIRE_NOISE_MULTIPLIER_MIN,
     WIRE_NOISE_MULTIPLIER_MAX,
     "the noise of every release over what one patient can change, at least"},
    {"patients_min", CONF_INTEGER, NULL, 1, 1e7,
     "patients of this hospital in every release, at least"},
    {"attempts_max", CONF_INTEGER, NULL, 1, 1000,
     "attempts at one round that patients are charged for, at most"},
};

const struct conf_setting policy_study_settings[POLICY_STUDY_SETTINGS] = {
    {"study", CONF_TEXT, NULL, 0, 0, "an approved study, by the name in its terms"},
    {"purpose", CONF_TEXT, NULL, 0, 0, "what for: word for word as in its terms"},
    {"legal_basis", CONF_TEXT, NULL, 0, 0,
     "what permits it, as Art. 9(2)(j) GDPR; for people"},
    {"model", CONF_TEXT, NULL, 0, 0, "the hash of its model"},
    {"statistic", CONF_INTEGER, NULL, 1, 1e9,
     "which sums are sent: the version of the statistic"},
    {"terms", CONF_TEXT, NULL, 0, 0,
     "the hash of its terms; '' for any terms of this name, purpose, model and "
     "statistic"},
};

static const struct {
    const char *name, *value;
} presets[] = {
    {"version", "1"},       {"officer_3", ""},      {"epsilon_max", "1"},
    {"delta", "1e-6"},      {"hospitals_min", "3"}, {"period_releases", "20"},
    {"survivors_min", "3"}, {"quorum_min", "3"},    {"period_epsilon_max", "1"},
    {"threshold_min", "2"}, {"colluders_min", "1"}, {"noise_multiplier_min", "4"},
    {"patients_min", "5"},  {"attempts_max", "5"},
};

const char *policy_preset(const char *name)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        if (strcmp(presets[i].name, name) == 0)
            return presets[i].value;
    return NULL;
}

struct policy {
    struct bytes bytes; /* the file */
    size_t text_size;   /* of it, before the signatures */
    uint8_t hash[HASH_BYTES];
    struct conf *lines;
    struct conf **studies;
    size_t study_count, study_capacity;
    uint64_t end;
    uint8_t officers[POLICY_OFFICERS_MAX][KEY_BYTES];
    size_t officer_count;
    uint8_t signers[POLICY_OFFICERS_MAX][KEY_BYTES];
    size_t signer_count;
};

void policy_destroy(struct policy **policy)
{
    struct policy *p = *policy;
    if (!p)
        return;
    bytes_free(&p->bytes);
    conf_destroy(&p->lines);
    for (size_t i = 0; i < p->study_count; i++)
        conf_destroy(&p->studies[i]);
    mem_free(p->studies);
    mem_free(p);
    *policy = NULL;
}

/* --- the lines
 * -------------------------------------------------------------------------------------
 */

static enum err misfit(const char *file, const struct conf *conf, const char *name,
                       const char *what)
{
    return err_set(ERR_CONFIG, "%s, line %zu: '%s' takes %s", file, conf_line(conf, name),
                   name, what);
}

/* "2027-12-31" to the second after that day. */
static bool read_day(const char *text, uint64_t *end)
{
    unsigned year, month, day;
    char rest, again[CLOCK_TEXT_SIZE];
    if (sscanf(text, "%4u-%2u-%2u%c", &year, &month, &day, &rest) != 3 || year < 1970 ||
        month < 1 || month > 12)
        return false;
    /* Days of the years before, counted from a March, so that leap days come last. */
    uint64_t y = year - (month < 3), m = month + (month < 3 ? 9 : -3u);
    uint64_t days =
        365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719469;
    clock_text(days * DAY_SECONDS, again);
    *end = (days + 1) * DAY_SECONDS;
    return strncmp(again, text, 10) == 0;
}

static enum err read_officers(const char *file, struct policy *p)
{
    static const char *const names[POLICY_OFFICERS_MAX] = {"officer_1", "officer_2",
                                                           "officer_3"};
    for (size_t i = 0; i < POLICY_OFFICERS_MAX; i++) {
        const char *digits = conf_text(p->lines, names[i]);
        uint8_t key[KEY_BYTES];
        if (i >= POLICY_OFFICERS_MIN && !*digits)
            continue;
        if (bytes_from_hex(digits, key, KEY_BYTES) != ERR_OK)
            return misfit(file, p->lines, names[i],
                          "a public key of 64 hexadecimal digits");
        if (policy_has_officer(p, key))
            return misfit(file, p->lines, names[i],
                          "another key than the officers before");
        memcpy(p->officers[p->officer_count++], key, KEY_BYTES);
    }
    return ERR_OK;
}

static enum err check_hash(const char *file, const struct conf *study, const char *name,
                           bool optional)
{
    uint8_t hash[HASH_BYTES];
    const char *digits = conf_text(study, name);
    if ((optional && !*digits) || bytes_from_hex(digits, hash, HASH_BYTES) == ERR_OK)
        return ERR_OK;
    return misfit(file, study, name, "a hash of 64 hexadecimal digits");
}

static enum err check_study(const char *file, const struct policy *p,
                            const struct conf *study)
{
    const char *name = conf_text(study, "study");
    if (!*name)
        return misfit(file, study, "study", "a name");
    if (policy_find(p, name) < p->study_count)
        return misfit(file, study, "study", "another name than the studies before");
    if (check_hash(file, study, "model", false) != ERR_OK)
        return err_code();
    return check_hash(file, study, "terms", true);
}

/* One line a setting and nothing else: a value over several lines would read as something
 * it is not. */
static enum err check_layout(const char *file, size_t line, const char *text, size_t size,
                             const struct conf *conf, const struct conf_setting *settings,
                             size_t count)
{
    for (const char *at = text, *end = text + size; at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        bool known = at == stop || *at == '#';
        for (size_t i = 0; !known && i < count; i++)
            known = conf_line(conf, settings[i].name) == line &&
                    strncmp(at, settings[i].name, strlen(settings[i].name)) == 0;
        if (!known)
            return err_set(
                ERR_CONFIG,
                "%s, line %zu: neither 'name: value' on one line nor a comment", file,
                line);
        at = newline ? newline + 1 : end;
    }
    return ERR_OK;
}

static enum err read_document(const char *file, struct policy *p, size_t lines_before,
                              const char *text, size_t size)
{
    bool first = !p->lines;
    const struct conf_setting *settings = first ? policy_settings : policy_study_settings;
    size_t count = first ? POLICY_SETTINGS : POLICY_STUDY_SETTINGS;
    struct conf *conf = NULL;
    if (conf_parse(file, lines_before, text, size, settings, count, &conf) != ERR_OK)
        return err_code();
    enum err result =
        check_layout(file, lines_before + 1, text, size, conf, settings, count);
    if (first) {
        p->lines = conf;
        if (result == ERR_OK && !read_day(conf_text(conf, "expires"), &p->end))
            result = misfit(file, conf, "expires", "a day as 2027-12-31");
        return result == ERR_OK ? read_officers(file, p) : result;
    }
    if (result == ERR_OK && p->study_count == POLICY_STUDIES_MAX)
        result =
            err_set(ERR_RANGE, "%s: more than %zu studies", file, POLICY_STUDIES_MAX);
    if (result == ERR_OK)
        result = check_study(file, p, conf);
    if (result != ERR_OK) {
        conf_destroy(&conf);
        return result;
    }
    MEM_GROW(p->studies, p->study_count + 1, &p->study_capacity);
    p->studies[p->study_count++] = conf;
    return ERR_OK;
}

/* The documents, apart at lines of three dashes. */
static enum err read_text(const char *file, struct policy *p)
{
    const char *text = (const char *)p->bytes.data, *end = text + p->text_size;
    size_t lines = 0, lines_before = 0;
    if (p->text_size > 0 && end[-1] != '\n')
        return err_set(ERR_FORMAT, "%s: the last line has no end", file);
    for (const char *at = text, *begin = text; at < end; lines++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        next = next ? next + 1 : end;
        bool apart = (size_t)(next - at) == sizeof SEPARATOR - 1 &&
                     memcmp(at, SEPARATOR, sizeof SEPARATOR - 1) == 0;
        if (apart || next == end) {
            size_t size = (size_t)((apart ? at : end) - begin);
            if (read_document(file, p, lines_before, begin, size) != ERR_OK)
                return err_code();
            begin = next;
            lines_before = lines + 1;
        }
        at = next;
    }
    return p->lines ? ERR_OK : err_set(ERR_CONFIG, "%s is empty", file);
}

/* --- the signatures
 * -------------------------------------------------------------------------------- */

#define BLOCK_BYTES ((size_t)(KEY_BYTES + SIGNATURE_BYTES))

static char *block_text(const uint8_t block[BLOCK_BYTES])
{
    return bytes_to_armour(LABEL_SIGNATURE, block, BLOCK_BYTES);
}

/* Exactly as it is written: a character that could be another is no signature. */
static enum err read_block(const char *text, size_t size, uint8_t block[BLOCK_BYTES])
{
    struct bytes read = {0};
    enum err result = bytes_from_armour(LABEL_SIGNATURE, text, size, &read);
    if (result == ERR_OK && read.size != BLOCK_BYTES)
        result = err_set(ERR_FORMAT, "%zu bytes, expected %zu", read.size, BLOCK_BYTES);
    if (result == ERR_OK) {
        memcpy(block, read.data, BLOCK_BYTES);
        char *again = block_text(block);
        if (strlen(again) != size || memcmp(again, text, size) != 0)
            result = err_set(ERR_FORMAT, "not as it is written");
        mem_free(again);
    }
    bytes_free(&read);
    return result;
}

static bool has_key(const uint8_t (*keys)[KEY_BYTES], size_t count,
                    const uint8_t key[KEY_BYTES])
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(keys[i], key, KEY_BYTES) == 0)
            return true;
    return false;
}

static enum err check_signature(struct policy *p, const uint8_t block[BLOCK_BYTES])
{
    if (p->signer_count == POLICY_OFFICERS_MAX)
        return err_set(ERR_RANGE, "more than %d of them", POLICY_OFFICERS_MAX);
    if (has_key((const uint8_t(*)[KEY_BYTES])p->signers, p->signer_count, block))
        return err_set(ERR_FORMAT, "the same key has signed above");
    if (identity_verify(block, TAG_POLICY, p->bytes.data, p->text_size,
                        block + KEY_BYTES) != ERR_OK)
        return err_set(ERR_VERIFY,
                       "it does not hold: the text or the signature was changed");
    memcpy(p->signers[p->signer_count++], block, KEY_BYTES);
    return ERR_OK;
}

static enum err read_signatures(const char *file, struct policy *p)
{
    static const uint8_t zeros[BLOCK_BYTES];
    char *sample = block_text(zeros);
    const size_t each = strlen(sample);
    mem_free(sample);
    const char *at = (const char *)p->bytes.data + p->text_size;
    size_t left = p->bytes.size - p->text_size;
    enum err result = ERR_OK;
    for (size_t number = 1; result == ERR_OK && left > 0; number++) {
        size_t size = left < each ? left : each;
        uint8_t block[BLOCK_BYTES];
        result = read_block(at, size, block);
        if (result == ERR_OK)
            result = check_signature(p, block);
        if (result != ERR_OK)
            result = err_wrap("%s, signature %zu", file, number);
        at += size;
        left -= size;
    }
    return result;
}

/* Where the signatures begin: at the first line that begins one. */
static size_t text_end(const struct bytes *bytes)
{
    const char *text = (const char *)bytes->data, *end = text + bytes->size;
    const size_t mark = sizeof BEGIN_SIGNATURE - 1;
    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if ((size_t)(end - at) >= mark && memcmp(at, BEGIN_SIGNATURE, mark) == 0)
            return (size_t)(at - text);
        at = newline ? newline + 1 : end;
    }
    return bytes->size;
}

enum err policy_new(const char *name, const void *text, size_t size,
                    struct policy **policy)
{
    if (size > POLICY_BYTES_MAX)
        return err_set(ERR_RANGE, "%s has %zu bytes, at most %zu are read", name, size,
                       POLICY_BYTES_MAX);
    if (size == 0)
        return err_set(ERR_CONFIG, "%s is empty", name);
    struct policy *p = mem_new(1, sizeof *p);
    bytes_append(&p->bytes, text, size);
    p->text_size = text_end(&p->bytes);
    bytes_hash(TAG_POLICY, p->bytes.data, p->text_size, p->hash);
    enum err result = read_signatures(name, p); /* before anything else is believed */
    if (result == ERR_OK)
        result = read_text(name, p);
    if (result != ERR_OK) {
        policy_destroy(&p);
        return result;
    }
    *policy = p;
    return ERR_OK;
}

enum err policy_sign(const struct policy *policy, const struct identity *officer,
                     struct bytes *file)
{
    uint8_t block[BLOCK_BYTES];
    identity_public(officer, block);
    if (has_key((const uint8_t(*)[KEY_BYTES])policy->signers, policy->signer_count,
                block))
        return err_set(ERR_STATE, "this key has signed it already");
    if (policy->signer_count == POLICY_OFFICERS_MAX)
        return err_set(ERR_RANGE, "%zu keys have signed it already",
                       policy->signer_count);
    if (identity_sign(officer, TAG_POLICY, policy->bytes.data, policy->text_size,
                      block + KEY_BYTES) != ERR_OK)
        return err_code();
    char *text = block_text(block);
    bytes_append(file, policy->bytes.data, policy->bytes.size);
    bytes_append(file, text, strlen(text));
    mem_free(text);
    return ERR_OK;
}

/* --- asking
 * ----------------------------------------------------------------------------------------
 */

const struct conf *policy_lines(const struct policy *policy)
{
    return policy->lines;
}

size_t policy_studies(const struct policy *policy)
{
    return policy->study_count;
}

const struct conf *policy_study(const struct policy *policy, size_t index)
{
    return policy->studies[index];
}

size_t policy_find(const struct policy *policy, const char *name)
{
    size_t i = 0;
    while (i < policy->study_count &&
           strcmp(conf_text(policy->studies[i], "study"), name) != 0)
        i++;
    return i;
}

uint64_t policy_version(const struct policy *policy)
{
    return (uint64_t)conf_integer(policy->lines, "version");
}

uint64_t policy_end(const struct policy *policy)
{
    return policy->end;
}

const uint8_t *policy_hash(const struct policy *policy)
{
    return policy->hash;
}

struct view policy_bytes(const struct policy *policy)
{
    return codec_view(&policy->bytes);
}

size_t policy_officers(const struct policy *policy)
{
    return policy->officer_count;
}

const uint8_t *policy_officer(const struct policy *policy, size_t index)
{
    return policy->officers[index];
}

bool policy_has_officer(const struct policy *policy, const uint8_t key[KEY_BYTES])
{
    return has_key((const uint8_t(*)[KEY_BYTES])policy->officers, policy->officer_count,
                   key);
}

size_t policy_signers(const struct policy *policy)
{
    return policy->signer_count;
}

const uint8_t *policy_signer(const struct policy *policy, size_t index)
{
    return policy->signers[index];
}

/* --- writing
 * ---------------------------------------------------------------------------------------
 */

static void append_document(struct bytes *text, const struct conf_setting *settings,
                            size_t count, const char *const *values)
{
    char *document = conf_write(settings, count, values);
    bytes_append(text, document, strlen(document));
    mem_free(document);
}

char *policy_write(const char *const *values, const char *const *const *studies,
                   size_t count)
{
    struct bytes text = {0};
    append_document(&text, policy_settings, POLICY_SETTINGS, values);
    for (size_t i = 0; i < count; i++) {
        bytes_append(&text, SEPARATOR, sizeof SEPARATOR - 1);
        append_document(&text, policy_study_settings, POLICY_STUDY_SETTINGS, studies[i]);
    }
    char *copy = mem_text_n((const char *)text.data, text.size);
    bytes_free(&text);
    return copy;
}
