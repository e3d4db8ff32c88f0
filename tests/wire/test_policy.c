#include "wire/policy.h"

#include "check.h"
#include "officers.h"

static const uint8_t model[HASH_BYTES] = {0xab, 1, 2}, terms[HASH_BYTES] = {0xcd, 3};
static const struct officers_study studies[] = {
    {"pressure", "Learn how blood pressure changes with age.", model, NULL, 3},
    {"growth", "It's about heights: 'a' and \"b\" # c", model, terms, 3},
};
static const struct officers_policy sample = {.hospital = "St. Anna's",
                                              .version = 7,
                                              .studies = studies,
                                              .study_count = 2,
                                              .signers = 3};

static enum err read_text(const char *text)
{
    struct policy *policy = NULL;
    enum err result = policy_new("x.policy", text, strlen(text), &policy);
    policy_destroy(&policy);
    return result;
}

/* The sample's text with one part of it replaced by another; caller frees. */
static char *altered(const char *part, const char *other)
{
    char *text = officers_text(&sample), *at = strstr(text, part);
    if (!at)
        fail_msg("no '%s' in the sample", part);
    *at = '\0';
    char *result = mem_format("%s%s%s", text, other, at + strlen(part));
    mem_free(text);
    return result;
}

static size_t line_in(const char *text, const char *part)
{
    const char *at = strstr(text, part);
    size_t line = 1;
    assert_non_null(at);
    for (const char *c = text; c < at; c++)
        line += *c == '\n';
    return line;
}

static void policy__says_what_was_written_and_where(void **state)
{
    (void)state;
    char *text = officers_text(&sample);
    struct policy *policy = officers_read(&sample);
    const struct conf *lines = policy_lines(policy);
    assert_int_equal(policy_version(policy), 7);
    assert_string_equal(conf_text(lines, "hospital"), "St. Anna's");
    assert_int_equal(conf_integer(lines, "hospitals_min"), 3);
    assert_true(conf_real(lines, "delta") == 1e-6);
    assert_int_equal(conf_line(lines, "hospitals_min"), line_in(text, "hospitals_min: "));
    assert_int_equal(policy_studies(policy), 2);
    const struct conf *study = policy_study(policy, 1);
    assert_string_equal(conf_text(study, "purpose"), studies[1].purpose);
    assert_int_equal(conf_line(study, "study"), line_in(text, "study: 'growth'"));
    assert_int_equal(policy_find(policy, "growth"), 1);
    assert_int_equal(policy_find(policy, "grow"), 2);
    assert_int_equal(policy_officers(policy), 3);
    assert_int_equal(policy_signers(policy), 2);
    assert_true(policy_has_officer(policy, policy_signer(policy, 1)));
    assert_false(policy_has_officer(policy, model));
    policy_destroy(&policy);
    assert_null(policy);
    policy_destroy(&policy);
    mem_free(text);
}

/* Seconds from date(1): date -u -d 2024-03-01 +%s and so on. */
static void policy__ends_after_its_last_day(void **state)
{
    (void)state;
    static const struct {
        const char *day;
        uint64_t end; /* 0: no day */
    } rows[] = {
        {"2024-02-29", 1709251200},
        {"2026-12-31", 1798761600},
        {"1970-01-01", 86400},
        {"2000-02-29", 951868800},
        {"9999-12-31", 253402300800},
        {"2027-02-29", 0},
        {"2027-13-01", 0},
        {"2027-00-01", 0},
        {"2027-1-1", 0},
        {"1969-12-31", 0},
        {"2027-12-31 ", 0},
        {"31.12.2027", 0},
        {"", 0},
        {"2027-12-00", 0},
        {"2100-02-29", 0},
        {"+027-12-01", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct officers_line lines[] = {{"expires", rows[i].day}, {NULL, NULL}};
        struct officers_policy changed = sample;
        changed.lines = lines;
        changed.signers = 0;
        char *text = officers_text(&changed);
        if (rows[i].end == 0)
            assert_refused(ERR_CONFIG, "'expires' takes a day as 2027-12-31",
                           read_text(text));
        else {
            struct policy *policy = officers_read(&changed);
            assert_int_equal(policy_end(policy), rows[i].end);
            policy_destroy(&policy);
        }
        mem_free(text);
    }
}

static void policy__refuses_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        enum err code;
        const char *part, *other, *at, *says;
    } rows[] = {
        {ERR_CONFIG, "hospitals_min: 3", "hospitals_min: 2", "hospitals_min: 2",
         "takes a whole number from 3 to 1024, not '2'"},
        {ERR_CONFIG, "delta: 1e-6", "delta: 1x", "delta: 1x", "takes a number"},
        {ERR_CONFIG, "delta: 1e-6", "delta: nan", "delta: nan", "takes a number"},
        {ERR_CONFIG, "epsilon_max: 1", "epsilon_max: 21", "epsilon_max: 21",
         "from 0.001 to 20"},
        {ERR_CONFIG, "colluders_min", "coluders_min", "coluders_min",
         "'coluders_min' is not a setting"},
        {ERR_CONFIG, "delta: 1e-6", "delta: 1e-6\nquorum_min: 3", NULL, "is set twice"},
        {ERR_CONFIG, "attempts_max: 5\n", "", NULL, "'attempts_max' must be given"},
        {ERR_CONFIG, "terms: ''", "", NULL, "'terms' must be given"},
        {ERR_CONFIG, "delta: 1e-6", " delta: 1e-6", NULL, ""},
        {ERR_CONFIG, "delta: 1e-6", "'delta': 1e-6", "'delta': 1e-6", "neither"},
        {ERR_CONFIG, "delta: 1e-6", "delta:\n  1e-6", "  1e-6", "neither"},
        {ERR_CONFIG, "study: 'growth'", "study: 'pressure'", NULL, "another name"},
        {ERR_CONFIG, "study: 'growth'", "study: ''", "study: ''", "takes a name"},
        {ERR_CONFIG, "model: 'ab", "model: 'xb", "model: 'xb", "a hash of 64"},
        {ERR_CONFIG, "terms: 'cd", "terms: 'd", "terms: 'd", "a hash of 64"},
        {ERR_CONFIG, "legal_basis: ", "legal_basis: *a # ", NULL, ""},
        {ERR_CONFIG, "---\n", "--- \n", NULL, "Ignoring documents"},
        {ERR_CONFIG, "---\n", "...\n", NULL, ""},
        {ERR_CONFIG, "version: 7\n", "version: 0\n", "version: 0", "from 1 to"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = altered(rows[i].part, rows[i].other);
        char *where = rows[i].at
                          ? mem_format("x.policy, line %zu", line_in(text, rows[i].at))
                          : mem_text("x.policy");
        if (read_text(text) == ERR_OK)
            fail_msg("'%s' in place of '%s' was taken", rows[i].other, rows[i].part);
        assert_refused(rows[i].code, rows[i].says, read_text(text));
        if (!strstr(err_text(), where))
            fail_msg("\"%s\" does not say \"%s\"", err_text(), where);
        mem_free(where);
        mem_free(text);
    }
    assert_refused(ERR_CONFIG, "is empty", read_text(""));
    assert_refused(ERR_FORMAT, "last line has no end", read_text("version: 1"));
    char *large = mem_new(POLICY_BYTES_MAX + 2, 1);
    memset(large, '\n', POLICY_BYTES_MAX + 1);
    assert_refused(ERR_RANGE, "at most", read_text(large));
    mem_free(large);
}

static void policy__officers_are_two_or_three_different_keys(void **state)
{
    (void)state;
    char key[2 * KEY_BYTES + 1];
    officers_key(0, key);
    const struct {
        const char *name, *value, *says;
    } rows[] = {
        {"officer_1", "", "public key of 64"},   {"officer_2", "", "public key of 64"},
        {"officer_3", "ab", "public key of 64"}, {"officer_2", key, "another key"},
        {"officer_3", key, "another key"},       {"officer_3", "", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct officers_line lines[] = {{rows[i].name, rows[i].value},
                                              {NULL, NULL}};
        struct officers_policy changed = sample;
        changed.lines = lines;
        char *text = officers_text(&changed);
        if (rows[i].says)
            assert_refused(ERR_CONFIG, rows[i].says, read_text(text));
        else
            assert_ok(read_text(text));
        mem_free(text);
    }
}

/* A bit of every byte of the text, every bit of both signatures. */
static void policy__any_changed_bit_is_noticed(void **state)
{
    (void)state;
    struct bytes file = {0};
    officers_file(&sample, &file);
    char *text = officers_text(&sample);
    size_t text_size = strlen(text);
    for (size_t at = 0; at < file.size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            if (at < text_size && bit != at % 8)
                continue;
            struct policy *policy = NULL;
            file.data[at] ^= (uint8_t)(1u << bit);
            enum err result = policy_new("x.policy", file.data, file.size, &policy);
            if (result != ERR_VERIFY && result != ERR_FORMAT && result != ERR_CONFIG)
                fail_msg("bit %u of byte %zu: %s %s", bit, at, err_name(result),
                         err_text());
            if (!strstr(err_text(), "x.policy"))
                fail_msg("bit %u of byte %zu: \"%s\"", bit, at, err_text());
            if (at < text_size && !strstr(err_text(), "signature"))
                fail_msg("bit %u of byte %zu: \"%s\"", bit, at, err_text());
            file.data[at] ^= (uint8_t)(1u << bit);
            assert_null(policy);
        }
    /* Cut anywhere but between signatures, or before them. */
    size_t taken = 0;
    for (size_t size = text_size; size < file.size; size++) {
        struct policy *policy = NULL;
        if (policy_new("x.policy", file.data, size, &policy) == ERR_OK)
            taken++;
        policy_destroy(&policy);
    }
    assert_int_equal(taken, 2); /* without any, with one */
    mem_free(text);
    bytes_free(&file);
}

static void policy__a_key_signs_once(void **state)
{
    (void)state;
    struct policy *policy = officers_read(&sample);
    struct identity *officer = officers_identity(0);
    struct bytes file = {0};
    assert_refused(ERR_STATE, "signed it already", policy_sign(policy, officer, &file));
    assert_int_equal(file.size, 0);
    identity_destroy(&officer);
    policy_destroy(&policy);
    /* and the same block twice is no second signature */
    struct officers_policy once = sample;
    once.signers = 1;
    officers_file(&once, &file);
    char *text = officers_text(&once);
    size_t at = strlen(text), size = file.size - at;
    bytes_append(&file, file.data + at, size);
    assert_refused(ERR_FORMAT, "signature 2: the same key has signed above",
                   policy_new("x.policy", file.data, file.size, &policy));
    mem_free(text);
    bytes_free(&file);
}

/* A signature made for something else with the same key. */
static void policy__a_signature_is_for_policies_only(void **state)
{
    (void)state;
    char *text = officers_text(&sample);
    struct identity *officer = officers_identity(0);
    uint8_t block[KEY_BYTES + SIGNATURE_BYTES];
    identity_public(officer, block);
    assert_ok(
        identity_sign(officer, "gemel/roster/1", text, strlen(text), block + KEY_BYTES));
    char *armour = bytes_to_armour("POLICY SIGNATURE", block, sizeof block);
    char *file = mem_format("%s%s", text, armour);
    assert_refused(ERR_VERIFY, "signature 1: it does not hold", read_text(file));
    mem_free(armour);
    mem_free(file);
    mem_free(text);
    identity_destroy(&officer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy__says_what_was_written_and_where),
        cmocka_unit_test(policy__ends_after_its_last_day),
        cmocka_unit_test(policy__refuses_with_file_and_line),
        cmocka_unit_test(policy__officers_are_two_or_three_different_keys),
        cmocka_unit_test(policy__any_changed_bit_is_noticed),
        cmocka_unit_test(policy__a_key_signs_once),
        cmocka_unit_test(policy__a_signature_is_for_policies_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
