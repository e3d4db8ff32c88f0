#include "wire/permit.h"

#include "check.h"
#include "consortium.h"
#include "officers.h"
#include "privacy/noise.h"

/* A policy of the presets but for one line, which approves the consortium's study. */
static struct policy *with_line(const struct consortium *c, const char *name,
                                const char *value, const uint8_t *terms)
{
    const struct officers_line lines[] = {{name, value}, {NULL, NULL}};
    const struct officers_study study = {c->terms.name, c->terms.purpose,
                                         c->terms.model_hash, terms, c->terms.statistic};
    const struct officers_policy policy = {"Altona", 1, lines, &study, 1, 0};
    return officers_read(&policy);
}

/* Refused, and the sentence begins with the line's number. */
static void refuses(const struct policy *policy, enum reason expected, enum reason reason,
                    const char *line, const char *says)
{
    char begins[64];
    if (reason != expected)
        fail_msg("%s, expected %s", reason_name(reason), reason_name(expected));
    snprintf(begins, sizeof begins,
             "policy line %zu: ", conf_line(policy_lines(policy), line));
    if (strncmp(err_text(), begins, strlen(begins)) != 0 || !strstr(err_text(), says))
        fail_msg("\"%s\" is not \"%s... %s\"", err_text(), begins, says);
    assert_int_equal(err_code(), ERR_DENIED);
}

static void permit__nothing_without_a_policy_or_after_it(void **state)
{
    struct consortium *c = *state;
    assert_int_equal(permit_now(NULL, NOW), REASON_NO_POLICY);
    assert_int_equal(err_code(), ERR_DENIED);
    struct policy *policy = with_line(c, "expires", "2026-12-31", NULL);
    assert_int_equal(permit_now(policy, policy_end(policy) - 1), REASON_NONE);
    refuses(policy, REASON_POLICY_EXPIRED, permit_now(policy, policy_end(policy)),
            "expires", "it ended with 2026-12-31");
    policy_destroy(&policy);
}

static void permit__terms_on_every_floor(void **state)
{
    struct consortium *c = *state;
    static const struct {
        const char *line, *exact, *above, *says;
    } rows[] = {
        {"hospitals_min", "5", "6", "hospitals at least 6; the study has 5"},
        {"survivors_min", "3", "4", "every sum at least 4; the study allows 3"},
        {"colluders_min", "1", "2", "at least 2; the study allows for 1"},
        {"noise_multiplier_min", "8", "8.1", "at least 8.1; the study has a round of 8"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct policy *policy = with_line(c, rows[i].line, rows[i].exact, NULL);
        assert_int_equal(permit_terms(policy, &c->terms, c->terms_hash), REASON_NONE);
        policy_destroy(&policy);
        policy = with_line(c, rows[i].line, rows[i].above, NULL);
        refuses(policy, REASON_POLICY, permit_terms(policy, &c->terms, c->terms_hash),
                rows[i].line, rows[i].says);
        policy_destroy(&policy);
    }
}

static void permit__only_the_study_that_was_approved(void **state)
{
    struct consortium *c = *state;
    const struct terms good = c->terms;
    uint8_t hash[HASH_BYTES];
    memcpy(hash, c->terms_hash, HASH_BYTES);
    struct policy *policy = with_line(c, "delta", "1e-6", c->terms_hash);
    assert_int_equal(permit_terms(policy, &c->terms, hash), REASON_NONE);
    c->terms.name = "pressures";
    assert_int_equal(permit_terms(policy, &c->terms, hash), REASON_POLICY);
    assert_non_null(strstr(err_text(), "approves no study called pressures"));
    c->terms = good;
#define WRONG(change, line)                                                              \
    change;                                                                              \
    assert_int_equal(permit_terms(policy, &c->terms, hash), REASON_POLICY);              \
    snprintf(begins, sizeof begins, "policy line %zu: the %s is",                        \
             conf_line(policy_study(policy, 0), line), line);                            \
    assert_memory_equal(err_text(), begins, strlen(begins));                             \
    c->terms = good
    char begins[64];
    WRONG(c->terms.purpose = "Sell it.", "purpose");
    WRONG(c->terms.model_hash[31] ^= 1, "model");
    WRONG(c->terms.statistic++, "statistic");
    WRONG(hash[0] ^= 0x80, "terms");
#undef WRONG
    policy_destroy(&policy);
    policy = with_line(c, "delta", "1e-6", NULL); /* any terms of its kind */
    assert_int_equal(permit_terms(policy, &c->terms, hash), REASON_NONE);
    policy_destroy(&policy);
}

/* Rounds of 12, 10 and 8 cost 1/144 + 1/100 + 1/64 of mu^2, the last two 1/100 + 1/64;
 * epsilon at 1e-6 of such totals from the accountant alone. */
static void permit__costs_up_to_the_caps(void **state)
{
    struct consortium *c = *state;
    double all, two;
    char value[32];
    assert_ok(accountant_epsilon(sqrt(1. / 144 + 1. / 100 + 1. / 64), 1e-6, &all));
    assert_ok(accountant_epsilon(sqrt(1. / 100 + 1. / 64), 1e-6, &two));
    assert_true(two < all && all < 1);
    const struct {
        const char *cap, *period;
        double epsilon;
    } rows[] = {{"epsilon_max", "20", all},
                {"period_epsilon_max", "2", two},
                {"period_epsilon_max", "3", all},
                {"period_epsilon_max", "1000", all}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int over = 0; over < 2; over++) {
            snprintf(value, sizeof value, "%.17g",
                     rows[i].epsilon * (over ? 1 - 1e-6 : 1 + 1e-6));
            const struct officers_line lines[] = {
                {rows[i].cap, value}, {"period_releases", rows[i].period}, {NULL, NULL}};
            const struct officers_study study = {c->terms.name, c->terms.purpose,
                                                 c->terms.model_hash, NULL,
                                                 c->terms.statistic};
            const struct officers_policy written = {"Altona", 1, lines, &study, 1, 0};
            struct policy *policy = officers_read(&written);
            enum reason reason = permit_terms(policy, &c->terms, c->terms_hash);
            if (over)
                refuses(policy, REASON_BUDGET, reason, rows[i].cap,
                        "cost a patient more");
            else
                assert_int_equal(reason, REASON_NONE);
            policy_destroy(&policy);
        }
}

/* The multipliers cost epsilon `all` below; who states less is refused. */
static void permit__terms_that_cost_more_than_they_state(void **state)
{
    struct consortium *c = *state;
    double all;
    struct policy *policy = with_line(c, "delta", "1e-6", NULL);
    assert_ok(accountant_epsilon(sqrt(1. / 144 + 1. / 100 + 1. / 64), 1e-6, &all));
    c->terms.epsilon = all * (1 + 1e-5);
    assert_int_equal(permit_terms(policy, &c->terms, c->terms_hash), REASON_NONE);
    c->terms.epsilon = all * (1 - 1e-5);
    assert_int_equal(permit_terms(policy, &c->terms, c->terms_hash), REASON_WRONG_TERMS);
    assert_non_null(strstr(err_text(), "its noise gives"));
    policy_destroy(&policy);
}

static void permit__plans_on_every_floor(void **state)
{
    struct consortium *c = *state;
    static const struct {
        const char *line, *exact, *above, *says;
    } rows[] = {
        {"hospitals_min", "5", "6", "hospitals at least 6; the plan has 5"},
        {"survivors_min", "4", "5", "every sum at least 5; the plan has 4"},
        {"quorum_min", "4", "5", "confirming a sum at least 5; the plan has 4"},
        {"threshold_min", "3", "4", "open a mask at least 4; the plan has 3"},
        {"colluders_min", "1", "2", "at least 2; the plan has 1"},
        {"noise_multiplier_min", "12", "12.01", "at least 12.01; the plan has 12"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct policy *policy = with_line(c, rows[i].line, rows[i].exact, NULL);
        assert_int_equal(permit_plan(policy, &c->plan), REASON_NONE);
        policy_destroy(&policy);
        policy = with_line(c, rows[i].line, rows[i].above, NULL);
        refuses(policy, REASON_POLICY, permit_plan(policy, &c->plan), rows[i].line,
                rows[i].says);
        policy_destroy(&policy);
    }
}

static void permit__patients_and_attempts(void **state)
{
    struct consortium *c = *state;
    struct policy *policy = with_line(c, "delta", "1e-6", NULL); /* 5 and 5 */
    assert_int_equal(permit_patients(policy, 5), REASON_NONE);
    refuses(policy, REASON_POLICY, permit_patients(policy, 4), "patients_min",
            "patients at least 5; here are 4");
    assert_int_equal(permit_attempts(policy, 2, 4), REASON_NONE);
    refuses(policy, REASON_POLICY, permit_attempts(policy, 2, 5), "attempts_max",
            "at most 5; patients paid for round 2 so often: 5");
    policy_destroy(&policy);
}

/* A difference of two sums is a sum: over none, or over as many as any. */
static void permit__differences_of_sums(void **state)
{
    struct consortium *c = *state;
    struct plan plan = c->plan;
    struct policy *policy = with_line(c, "survivors_min", "4", NULL);
    assert_int_equal(plan.colluders, 1);
    assert_int_equal(permit_difference(policy, &plan, 1, 0), REASON_NONE);
    assert_int_equal(permit_difference(policy, &plan, 1, 4), REASON_NONE);
    refuses(policy, REASON_DIFFERENCE, permit_difference(policy, &plan, 7, 3),
            "survivors_min", "attempt 7's, which may be out, could differ by 3");
    refuses(policy, REASON_DIFFERENCE, permit_difference(policy, &plan, 7, 1),
            "survivors_min", "at least 4 hospitals");
    plan.colluders = 3; /* two of the difference have to be honest */
    assert_int_equal(permit_difference(policy, &plan, 1, 5), REASON_NONE);
    refuses(policy, REASON_DIFFERENCE, permit_difference(policy, &plan, 7, 4),
            "survivors_min", "at least 5 hospitals");
    policy_destroy(&policy);
}

/* The correction for the lattice counts: what it leaves of epsilon 1 is what may be
 * spent. */
static void permit__caps_leave_room_for_the_lattice(void **state)
{
    struct consortium *c = *state;
    struct policy *policy = with_line(c, "period_epsilon_max", "0.5", NULL);
    const struct discretisation none = {0, 0}, half = {0.5, 0}, two = {2, 0};
    double mu, mu2;
    assert_ok(permit_cap(policy, &none, &mu2));
    assert_ok(accountant_mu(1, 1e-6, &mu));
    assert_relative(mu2, mu * mu, 1e-9);
    assert_ok(permit_cap(policy, &half, &mu2));
    assert_ok(accountant_mu(0.5, 1e-6, &mu));
    assert_relative(mu2, mu * mu, 1e-9);
    assert_ok(permit_period_cap(policy, &none, &mu2));
    assert_relative(mu2, mu * mu, 1e-9);
    assert_int_equal(permit_cap(policy, &two, &mu2), ERR_RANGE);
    assert_int_equal(permit_period(policy, mu * mu * 0.999, &none), REASON_NONE);
    assert_int_equal(permit_period(policy, mu * mu * 1.001, &none), REASON_BUDGET);
    assert_int_equal(permit_period(policy, 0, &two), REASON_BUDGET);
    policy_destroy(&policy);
}

#define IN_CONSORTIUM(name)                                                              \
    cmocka_unit_test_setup_teardown(name, consortium_set_up, consortium_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CONSORTIUM(permit__nothing_without_a_policy_or_after_it),
        IN_CONSORTIUM(permit__terms_on_every_floor),
        IN_CONSORTIUM(permit__only_the_study_that_was_approved),
        IN_CONSORTIUM(permit__costs_up_to_the_caps),
        IN_CONSORTIUM(permit__terms_that_cost_more_than_they_state),
        IN_CONSORTIUM(permit__plans_on_every_floor),
        IN_CONSORTIUM(permit__patients_and_attempts),
        IN_CONSORTIUM(permit__differences_of_sums),
        IN_CONSORTIUM(permit__caps_leave_room_for_the_lattice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
