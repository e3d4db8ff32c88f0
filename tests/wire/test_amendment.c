#include "wire/amendment.h"

#include "check.h"
#include "officers.h"

static const uint8_t model[HASH_BYTES] = {1}, other_model[HASH_BYTES] = {2};
static const struct officers_study studies[] = {
    {"pressure", "Pressure.", model, NULL, 3},
    {"growth", "Growth.", model, NULL, 3},
    {"pressure", "Pressure.", other_model, NULL, 3},
};
static const struct officers_policy sample = {.hospital = "St Anna",
                                              .version = 4,
                                              .studies = studies,
                                              .study_count = 1,
                                              .signers = 3};

/* The next version with one line changed. */
static struct policy *with_line(const char *name, const char *value, unsigned signers)
{
    const struct officers_line lines[] = {{name, value}, {NULL, NULL}};
    struct officers_policy next = sample;
    next.version++;
    next.lines = lines;
    next.signers = signers;
    return officers_read(&next);
}

static struct policy *with_studies(const struct officers_study *list, size_t count,
                                   unsigned signers)
{
    struct officers_policy next = sample;
    next.version++;
    next.studies = list;
    next.study_count = count;
    next.signers = signers;
    return officers_read(&next);
}

/* For every line: which way is looser, decided here a second time, by hand. */
static void amendment__every_line_has_its_looser_side(void **state)
{
    (void)state;
    static const struct {
        const char *name, *looser, *stricter;
    } rows[] = {
        {"expires", "2027-01-01", "2026-12-30"},
        {"epsilon_max", "1.0000001", "0.9999999"},
        {"delta", "1.1e-6", "0.9e-6"},
        {"period_releases", "19", "21"},
        {"period_epsilon_max", "1.1", "0.9"},
        {"hospitals_min", NULL, "4"},
        {"survivors_min", NULL, "4"},
        {"quorum_min", "2", "4"},
        {"threshold_min", NULL, "3"},
        {"colluders_min", NULL, "2"},
        {"noise_multiplier_min", "3.9", "4.1"},
        {"patients_min", "4", "6"},
        {"attempts_max", "6", "4"},
        {"officer_3", "", NULL},
    };
    struct policy *before = officers_read(&sample);
    size_t named = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int side = 0; side < 2; side++) {
            const char *value = side ? rows[i].stricter : rows[i].looser;
            if (!value)
                continue;
            struct policy *after = with_line(rows[i].name, value, 1);
            struct amendment *list;
            size_t count;
            amendment_list(before, after, &list, &count);
            assert_int_equal(count, 2); /* and the version */
            assert_string_equal(list[0].name, "version");
            assert_int_equal(list[0].kind, AMENDMENT_OTHER);
            assert_string_equal(list[1].name, rows[i].name);
            assert_int_equal(list[1].kind, side ? AMENDMENT_STRICTER : AMENDMENT_LOOSER);
            assert_string_equal(list[1].after, value);
            assert_int_equal(list[1].line, conf_line(policy_lines(after), rows[i].name));
            assert_int_equal(amendment_signatures(before, after), side ? 1 : 2);
            assert_int_equal(amendment_check(before, after), side ? ERR_OK : ERR_DENIED);
            mem_free(list);
            policy_destroy(&after);
            named += (size_t)side;
        }
    assert_int_equal(named, 13);
    policy_destroy(&before);
}

static void amendment__the_same_number_written_otherwise_is_no_change(void **state)
{
    (void)state;
    struct policy *before = officers_read(&sample);
    struct policy *after = with_line("epsilon_max", "1.000", 1);
    struct amendment *list;
    size_t count;
    amendment_list(before, after, &list, &count);
    assert_int_equal(count, 1); /* the version */
    mem_free(list);
    policy_destroy(&after);
    policy_destroy(&before);
}

static void amendment__a_study_needs_one_officer(void **state)
{
    (void)state;
    struct policy *before = officers_read(&sample);
    static const struct {
        size_t from, count;
        enum amendment_kind kind;
        const char *name;
        size_t changes;
    } rows[] = {
        {0, 2, AMENDMENT_STUDY, "study", 2},    /* another one */
        {0, 0, AMENDMENT_STRICTER, "study", 2}, /* none any more */
        {2, 1, AMENDMENT_STUDY, "model", 2},    /* of another model */
        {1, 1, AMENDMENT_STUDY, "study", 3},    /* one in place of the other */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct policy *after = with_studies(studies + rows[i].from, rows[i].count, 2);
        struct amendment *list;
        size_t count;
        amendment_list(before, after, &list, &count);
        assert_int_equal(count, rows[i].changes);
        assert_int_equal(list[1].kind, rows[i].kind);
        assert_string_equal(list[1].name, rows[i].name);
        assert_int_equal(amendment_signatures(before, after), 1);
        assert_ok(amendment_check(before, after));
        mem_free(list);
        policy_destroy(&after);
    }
    policy_destroy(&before);
}

/* All sets of signers over all that can be asked for. */
static void amendment__counts_the_pinned_officers_signatures(void **state)
{
    (void)state;
    struct policy *before = officers_read(&sample);
    for (unsigned signers = 0; signers < 16; signers++) {
        bool stranger = signers & 1u << OFFICERS_STRANGER;
        int officers = __builtin_popcount(signers & 7);
        if (officers + stranger > POLICY_OFFICERS_MAX)
            continue;
        struct policy *same = with_line("patients_min", "5", signers);
        struct policy *looser = with_line("patients_min", "4", signers);
        assert_int_equal(amendment_check(before, same), stranger        ? ERR_VERIFY
                                                        : officers >= 1 ? ERR_OK
                                                                        : ERR_DENIED);
        assert_int_equal(amendment_check(before, looser), stranger        ? ERR_VERIFY
                                                          : officers >= 2 ? ERR_OK
                                                                          : ERR_DENIED);
        assert_int_equal(amendment_check(NULL, same), stranger        ? ERR_VERIFY
                                                      : officers >= 2 ? ERR_OK
                                                                      : ERR_DENIED);
        policy_destroy(&same);
        policy_destroy(&looser);
    }
    policy_destroy(&before);
}

/* The new policy names the stranger as an officer, and the stranger signs it. */
static void amendment__nobody_makes_themselves_an_officer(void **state)
{
    (void)state;
    char key[2 * KEY_BYTES + 1];
    officers_key(OFFICERS_STRANGER, key);
    struct policy *before = officers_read(&sample);
    struct policy *after = with_line("officer_2", key, 1 | 1u << OFFICERS_STRANGER);
    assert_refused(ERR_VERIFY,
                   "signature 2 of the policy is by a key that is no officer's",
                   amendment_check(before, after));
    policy_destroy(&after);
    after = with_line("officer_2", key, 1);
    assert_refused(ERR_DENIED, "2 officers must sign it, 1 did",
                   amendment_check(before, after));
    policy_destroy(&after);
    after = with_line("officer_2", key, 1 | 2);
    assert_ok(amendment_check(before, after));
    policy_destroy(&after);
    policy_destroy(&before);
}

static void amendment__versions_only_go_up_and_stay_in_the_hospital(void **state)
{
    (void)state;
    struct policy *before = officers_read(&sample), *after;
    struct officers_policy next = sample;
    for (unsigned version = 1; version <= 6; version++) {
        next.version = version;
        after = officers_read(&next);
        if (version <= 4)
            assert_refused(ERR_STATE, "version 4 is in force",
                           amendment_check(before, after));
        else
            assert_ok(amendment_check(before, after));
        policy_destroy(&after);
    }
    next.hospital = "St Berta";
    after = officers_read(&next);
    assert_refused(ERR_DENIED, "for St Berta, the one in force for St Anna",
                   amendment_check(before, after));
    policy_destroy(&after);
    policy_destroy(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amendment__every_line_has_its_looser_side),
        cmocka_unit_test(amendment__the_same_number_written_otherwise_is_no_change),
        cmocka_unit_test(amendment__a_study_needs_one_officer),
        cmocka_unit_test(amendment__counts_the_pinned_officers_signatures),
        cmocka_unit_test(amendment__nobody_makes_themselves_an_officer),
        cmocka_unit_test(amendment__versions_only_go_up_and_stay_in_the_hospital),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
