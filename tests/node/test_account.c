#include "check.h"
#include "hospital.h"

#include "node/account.h"
#include "node/evidence.h"
#include "node/questions.h"

/* test_node_account write EXPORT ACCOUNT makes an export and what the node says of it,
 * for tests/node/check_account.py. */

static struct json *account_of(struct hospital *h)
{
    struct json *json;
    assert_ok(account_json(h->node, NOW, &json));
    return json;
}

static void account__says_what_was_spent_at_three_deltas(void **state)
{
    struct hospital *h = *state;
    hospital_release(h, 1, 3, 4);
    hospital_release(h, 2, 1, 8); /* one of the three again */
    struct json *account = account_of(h);
    const struct json *losses = json_get(account, "losses");
    struct discretisation lattice;
    assert_ok(ledger_discretisation(h->node->ledger, &lattice));
    double mu2 = 1.0 / 16 + 1.0 / 64, cap;
    assert_near(json_get_real(account, "mu_spent_most"), sqrt(mu2), 1e-12);
    assert_ok(permit_cap(h->node->policy, &lattice, &cap));
    assert_near(json_get_real(account, "mu_max"), sqrt(cap), 1e-12);
    static const double deltas[] = {1e-5, 1e-6, 1e-8};
    assert_int_equal(json_count(losses), 3);
    for (size_t i = 0; i < 3; i++) {
        double spent, most;
        assert_ok(accountant_epsilon(sqrt(mu2), deltas[i], &spent));
        assert_ok(accountant_epsilon(sqrt(cap), deltas[i], &most));
        assert_near(json_get_real(json_at(losses, i), "delta"), deltas[i], 0);
        assert_near(json_get_real(json_at(losses, i), "epsilon_spent_most"), spent, 1e-6);
        assert_near(json_get_real(json_at(losses, i), "epsilon_max"), most, 1e-6);
    }
    json_destroy(&account);
}

static void account__bounds_everybody_after_every_release(void **state)
{
    struct hospital *h = *state;
    hospital_release(h, 1, 3, 4);
    hospital_release(h, 2, 2, 8);
    struct json *account = account_of(h);
    const struct json *releases = json_get(account, "releases");
    assert_int_equal(json_count(releases), 2);
    double bound;
    assert_ok(accountant_epsilon(sqrt(1.0 / 16 + 1.0 / 64), 1e-6, &bound));
    assert_near(json_get_real(json_at(releases, 1), "epsilon_at_most"), bound, 1e-6);
    assert_near(json_get_real(json_at(releases, 1), "patients"), 2, 0);
    assert_near(json_get_real(json_at(releases, 1), "bytes"), 8 * 26, 0);
    json_destroy(&account);
}

/* All are counted, the latest hundred told. */
static void account__tells_the_latest_and_counts_all(void **state)
{
    struct hospital *h = *state;
    struct json *before = account_of(h);
    double keys = json_get_real(json_get(before, "audit"), "key");
    json_destroy(&before);
    for (int i = 0; i < 150; i++)
        assert_ok(audit_write_alone(h->node->store,
                                    &(struct audit_entry){.kind = AUDIT_KEY, .wall = NOW},
                                    "key %d", i));
    assert_ok(audit_refuse(h->node->store, &(struct audit_entry){.wall = NOW}, "no"));
    struct json *account = account_of(h);
    const struct json *decisions = json_get(account, "decisions"),
                      *refusals = json_get(account, "refusals");
    assert_near(json_get_real(json_get(account, "audit"), "key"),
                (isfinite(keys) ? keys : 0) + 150, 0);
    assert_int_equal(json_count(decisions), 100);
    assert_string_equal(json_get_text(json_at(decisions, 99), "sentence"), "key 149");
    assert_int_equal(json_count(refusals), 1);
    assert_string_equal(json_get_text(json_at(refusals, 0), "sentence"), "no");
    json_destroy(&account);
}

static void account__is_refused_when_a_chain_does_not_hold(void **state)
{
    struct hospital *h = *state;
    struct json *json = NULL;
    struct query *query;
    assert_ok(store_begin(h->node->store));
    assert_ok(store_query(h->node->store,
                          "UPDATE audit SET sentence = 'x' WHERE number = 1", &query));
    assert_ok(query_run(query));
    assert_ok(store_commit(h->node->store));
    assert_int_equal(account_json(h->node, NOW, &json), ERR_VERIFY);
    assert_null(json);
}

static void account__page_has_the_figures_and_nobody(void **state)
{
    struct hospital *h = *state;
    bool fresh;
    hospital_patients(h, PATIENTS);
    assert_ok(node_studies_offer(h->node, codec_view(&h->c->terms_bytes), NOW, &fresh));
    hospital_release(h, 1, 3, 12);
    struct json *account = account_of(h);
    struct report *page = account_page(account);
    char *html = report_html(page), epsilon[40];
    snprintf(epsilon, sizeof epsilon, "spent epsilon %.4g at delta",
             json_get_real(account, "epsilon_spent_most"));
    assert_non_null(strstr(html, epsilon));
    assert_non_null(strstr(html, h->c->terms.purpose));
    assert_non_null(strstr(html, "if all others collude"));
    assert_non_null(
        strstr(html, json_get_text(json_get(account, "verified"), "audit_head")));
    assert_non_null(strstr(html, questions_at(0)->asked));
    assert_non_null(strstr(html, "sim/liar, sim/rehearsal, sabotage/two_views"));
    assert_null(strstr(html, ">p0<"));
    free(html);
    report_destroy(&page);
    json_destroy(&account);
}

/* One record for each study that something was sent for. */
static void account__records_deployments(void **state)
{
    struct hospital *h = *state;
    bool fresh;
    assert_ok(node_studies_offer(h->node, codec_view(&h->c->terms_bytes), NOW, &fresh));
    struct json *account = account_of(h), *none = account_deployments(account);
    assert_int_equal(json_count(none), 0);
    json_destroy(&none);
    json_destroy(&account);
    hospital_release(h, 1, 3, 12);
    account = account_of(h);
    struct json *one = account_deployments(account);
    assert_int_equal(json_count(one), 1);
    assert_string_equal(json_get_text(json_at(one, 0), "product"), h->c->terms.name);
    assert_near(json_get_real(json_at(one, 0), "epsilon"), h->c->terms.epsilon, 0);
    assert_true(json_get_real(json_at(one, 0), "epsilon_if_all_others_collude") >
                h->c->terms.epsilon);
    json_destroy(&one);
    json_destroy(&account);
}

/* What was claimed costs everybody, and nobody knows more of it. */
static void account__tells_claims_from_releases(void **state)
{
    struct hospital *h = *state;
    hospital_reanchored(h);
    struct json *account = account_of(h);
    const struct json *releases = json_get(account, "releases");
    static const double numbers[] = {1, 2, 3, 4, 6, 40, 42};
    assert_int_equal(json_count(releases), 7);
    for (size_t i = 0; i < 7; i++) {
        const struct json *one = json_at(releases, i);
        bool claimed = i == 2 || i == 3 || i == 5;
        assert_near(json_get_real(one, "number"), numbers[i], 0);
        assert_int_equal(json_get_text(one, "study") == NULL, claimed);
        assert_int_equal(json_get_text(one, "sentence") == NULL, claimed);
        assert_int_equal(isfinite(json_get_real(one, "patients")), !claimed);
    }
    struct report *page = account_page(account);
    char *html = report_html(page);
    assert_non_null(strstr(html, ">everybody<"));
    assert_non_null(strstr(html, "it left, as "));
    assert_null(strstr(html, ">-1<"));
    assert_null(strstr(html, "nan"));
    free(html);
    report_destroy(&page);
    json_destroy(&account);
}

static int write_example(const char *export, const char *account_path, bool reanchored)
{
    void *state;
    struct bytes file = {0};
    bool fresh;
    assert_int_equal(hospital_set_up(&state), 0);
    struct hospital *h = state;
    assert_ok(node_studies_offer(h->node, codec_view(&h->c->terms_bytes), NOW, &fresh));
    if (reanchored)
        hospital_reanchored(h);
    hospital_release(h, 11, 3, 11.5);
    hospital_release(h, 12, 5, 5.25);
    hospital_release(h, 13, 2, 6.2300000000000004);
    assert_ok(audit_refuse(h->node->store, &(struct audit_entry){.wall = NOW}, "no"));
    struct json *account = account_of(h);
    char *text = json_format(account);
    assert_ok(evidence_write(h->node, true, NOW, &file));
    assert_ok(file_write(export, file.data, file.size, 0600));
    assert_ok(file_write(account_path, text, strlen(text), 0600));
    bytes_free(&file);
    mem_free(text);
    json_destroy(&account);
    return hospital_tear_down(&state);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(account__says_what_was_spent_at_three_deltas),
        IN_HOSPITAL(account__bounds_everybody_after_every_release),
        IN_HOSPITAL(account__tells_the_latest_and_counts_all),
        IN_HOSPITAL(account__is_refused_when_a_chain_does_not_hold),
        IN_HOSPITAL(account__page_has_the_figures_and_nobody),
        IN_HOSPITAL(account__records_deployments),
        IN_HOSPITAL(account__tells_claims_from_releases),
    };
    if (count == 4 && strcmp(arguments[1], "write") == 0)
        return write_example(arguments[2], arguments[3], false);
    if (count == 4 && strcmp(arguments[1], "write-reanchored") == 0)
        return write_example(arguments[2], arguments[3], true);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
