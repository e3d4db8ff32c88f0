#include "node/newest.h"

#include "check.h"
#include "hospital.h"

#include "coordinator/exchange.h"
#include "wire/permit.h"

#define FIRST 3 /* charges before yesterday's backup */

struct fixture {
    struct hospital *h;
    char *anchor, *store;
};

static void restart_with(struct hospital *h, const char *anchor)
{
    struct bytes text = {0};
    char *path = file_join(h->folder, "gemel-node.yaml");
    assert_ok(file_read(path, 1 << 16, &text));
    bytes_u8(&text, 0);
    char *at = strstr((char *)text.data, "\nanchor:");
    assert_non_null(at);
    char *changed = mem_format("%.*s\nanchor: \"%s\"%s", (int)(at - (char *)text.data),
                               (char *)text.data, anchor, strchr(at + 1, '\n'));
    assert_ok(file_write(path, changed, strlen(changed), 0600));
    mem_free(changed);
    mem_free(path);
    bytes_free(&text);
    hospital_restart(h);
}

static int set_up(void **state)
{
    void *hospital;
    if (hospital_set_up(&hospital) != 0)
        return -1;
    struct fixture *s = mem_new(1, sizeof *s);
    s->h = hospital;
    s->anchor = scratch_path(s->h->directory, "anchor");
    s->store = file_join(s->h->folder, "gemel-node.db");
    hospital_patients(s->h, PATIENTS);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *s = *state;
    void *hospital = s->h;
    free(s->anchor);
    mem_free(s->store);
    mem_free(s);
    return hospital_tear_down(&hospital);
}

static void charge(struct node *node, uint64_t round, double multiplier)
{
    assert_ok(hospital_charge(node, round, multiplier));
    assert_ok(newest_advance(node));
}

static void keep_store(const struct fixture *s, struct bytes *copy)
{
    copy->size = 0;
    assert_ok(file_read(s->store, 1 << 26, copy));
}

static void put_back(struct fixture *s, const struct bytes *copy)
{
    node_destroy(&s->h->node);
    assert_ok(file_write(s->store, copy->data, copy->size, 0600));
    assert_ok(node_open(s->h->folder, &s->h->node));
}

/* An anchored node with three charges, a backup of then, and two charges more. */
static void anchored(struct fixture *s, struct bytes *yesterday)
{
    restart_with(s->h, s->anchor);
    assert_ok(newest_anchor(s->h->node));
    for (uint64_t round = 1; round <= FIRST; round++)
        charge(s->h->node, round, MULTIPLIER);
    keep_store(s, yesterday);
    charge(s->h->node, FIRST + 1, MULTIPLIER / 2);
    charge(s->h->node, FIRST + 2, MULTIPLIER);
}

static double spent(struct fixture *s)
{
    double mu2;
    assert_ok(ledger_spent_most(s->h->node->ledger, NULL, &mu2));
    return mu2;
}

/* --- anchored
 * ------------------------------------------------------------------------- */

static void newest__an_anchor_is_made_once_and_then_has_to_be_there(void **state)
{
    struct fixture *s = *state;
    assert_ok(newest_check(s->h->node));
    assert_ok(newest_advance(s->h->node));
    assert_refused(ERR_STATE, "name no anchor", newest_anchor(s->h->node));
    charge(s->h->node, 1, MULTIPLIER);
    restart_with(s->h, s->anchor);
    assert_refused(ERR_VERIFY, "no anchor was made", newest_check(s->h->node));
    assert_non_null(strstr(err_hint_text(), "ledger anchor"));
    assert_ok(newest_anchor(s->h->node));
    assert_ok(newest_check(s->h->node));
    assert_refused(ERR_STATE, "there already", newest_anchor(s->h->node));
    struct newest_state seen;
    assert_ok(newest_state(s->h->node, &seen));
    assert_true(seen.anchored && seen.anchor_length == 1 && seen.refused_length == 0);
    assert_int_equal(unlink(s->anchor), 0);
    assert_refused(ERR_VERIFY, "is not there", newest_check(s->h->node));
}

/* Died after the commit, before the anchor: nothing has left, and nobody is asked. */
static void newest__a_crash_between_commit_and_anchor_is_made_up_for(void **state)
{
    struct fixture *s = *state;
    struct bytes before = {0}, after = {0};
    restart_with(s->h, s->anchor);
    assert_ok(newest_anchor(s->h->node));
    charge(s->h->node, 1, MULTIPLIER);
    assert_ok(file_read(s->anchor, 1 << 20, &before));
    charge(s->h->node, 2, MULTIPLIER);
    assert_ok(file_read(s->anchor, 1 << 20, &after));
    assert_ok(file_write(s->anchor, before.data, before.size, 0600));
    hospital_restart(s->h);
    assert_ok(newest_check(s->h->node));
    before.size = 0;
    assert_ok(file_read(s->anchor, 1 << 20, &before));
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, after.size);
    bytes_free(&before);
    bytes_free(&after);
}

static void newest__a_restored_store_is_refused(void **state)
{
    struct fixture *s = *state;
    struct bytes yesterday = {0}, today = {0};
    anchored(s, &yesterday);
    keep_store(s, &today);
    assert_ok(newest_check(s->h->node));
    put_back(s, &yesterday);
    assert_refused(ERR_VERIFY, "knows 5 entries", newest_check(s->h->node));
    assert_non_null(strstr(err_hint_text(), "re-anchor"));
    charge(s->h->node, 77, MULTIPLIER); /* whatever it does, it is another ledger */
    put_back(s, &today);
    assert_refused(ERR_VERIFY, "another entry 4", newest_check(s->h->node));
    assert_int_equal(unlink(s->anchor), 0);
    assert_ok(newest_anchor(s->h->node));
    assert_ok(newest_check(s->h->node));
    bytes_free(&yesterday);
    bytes_free(&today);
}

/* --- two officers
 * ---------------------------------------------------------------------- */

static void sign(struct reanchor *request, unsigned first, unsigned second)
{
    const unsigned officers[] = {first, second};
    request->signature_count = 0;
    for (size_t i = 0; i < 2; i++) {
        struct identity *officer = officers_identity(officers[i]);
        assert_ok(reanchor_sign(request, officer));
        identity_destroy(&officer);
    }
}

/* Exactly what was lost is charged, to those who are here and to those who are not. */
static void newest__two_officers_go_on_from_the_anchor(void **state)
{
    struct fixture *s = *state;
    struct bytes yesterday = {0};
    struct reanchor request;
    const uint8_t stranger[LEDGER_PSEUDONYM_BYTES] = {1};
    double mu2, unit = 1 / (MULTIPLIER * MULTIPLIER);
    anchored(s, &yesterday);
    assert_refused(ERR_STATE, "nobody knows", newest_request(s->h->node, NOW, &request));
    put_back(s, &yesterday);
    assert_ok(newest_request(s->h->node, NOW, &request));
    assert_int_equal(request.claim_count, 2);
    assert_int_equal(request.number, FIRST + 3);
    assert_refused(ERR_VERIFY, "needs 2", newest_reanchor(s->h->node, &request));
    sign(&request, 0, 1);
    assert_ok(newest_reanchor(s->h->node, &request));
    for (int i = 0; i < 2; i++) {
        assert_ok(newest_check(s->h->node));
        assert_relative(spent(s), (FIRST + 5) * unit, 1e-12);
        assert_ok(ledger_spent(s->h->node->ledger, stranger, &mu2));
        assert_relative(mu2, 5 * unit, 1e-12);
        hospital_restart(s->h);
    }
    assert_refused(ERR_STATE, "nobody knows", newest_reanchor(s->h->node, &request));
    put_back(s, &yesterday); /* the same backup once more: the anchor knows more now */
    assert_refused(ERR_VERIFY, "knows 6 entries", newest_check(s->h->node));
    reanchor_clear(&request);
    bytes_free(&yesterday);
}

/* What nobody knows the cost of may have cost all that a patient can spend. */
static void newest__two_officers_go_on_from_the_coordinators_word(void **state)
{
    struct fixture *s = *state;
    struct reanchor request;
    struct discretisation lattice;
    const uint8_t head[HASH_BYTES] = {9};
    const double unit = 1 / (MULTIPLIER * MULTIPLIER);
    double cap;
    charge(s->h->node, 1, MULTIPLIER);
    assert_ok(ledger_discretisation(s->h->node->ledger, &lattice));
    assert_ok(permit_cap(s->h->node->policy, &lattice, &cap));
    assert_ok(newest_keep(s->h->node, 40, head));
    hospital_restart(s->h);
    assert_refused(ERR_VERIFY, "the consortium knows 40", newest_check(s->h->node));
    assert_ok(newest_request(s->h->node, NOW, &request));
    assert_int_equal(request.number, 41);
    sign(&request, 2, 0);
    assert_ok(newest_reanchor(s->h->node, &request));
    assert_ok(newest_check(s->h->node));
    assert_relative(spent(s), cap + unit, 1e-12);
    assert_true(spent(s) >= cap + unit);
    assert_int_equal(ledger_length(s->h->node->ledger), 41);
    reanchor_clear(&request);
}

static void newest__only_officers_and_only_this_ledger(void **state)
{
    struct fixture *s = *state;
    struct bytes yesterday = {0};
    struct reanchor request;
    anchored(s, &yesterday);
    put_back(s, &yesterday);
    assert_ok(newest_request(s->h->node, NOW, &request));
    sign(&request, 1, OFFICERS_STRANGER);
    assert_refused(ERR_DENIED, "signature 2", newest_reanchor(s->h->node, &request));
    sign(&request, 1, 2);
    request.issued++;
    assert_refused(ERR_VERIFY, "signature", newest_reanchor(s->h->node, &request));
    request.issued--;
    request.claims[0].noise_multiplier *= 2; /* cheaper, and signed */
    sign(&request, 1, 2);
    assert_refused(ERR_STATE, "as it is now", newest_reanchor(s->h->node, &request));
    request.claims[0].noise_multiplier /= 2;
    sign(&request, 1, 2);
    charge(s->h->node, 50, MULTIPLIER); /* the anchor is of another ledger now */
    assert_refused(ERR_STATE, "", newest_reanchor(s->h->node, &request));
    assert_int_equal(ledger_count(s->h->node->ledger), FIRST + 1);
    policy_destroy(&s->h->node->policy);
    assert_refused(ERR_DENIED, "no policy", newest_reanchor(s->h->node, &request));
    reanchor_clear(&request);
    bytes_free(&yesterday);
}

/* --- the coordinator's memory
 * --------------------------------------------------------- */

struct centre {
    struct coordinator *coordinator;
    char *folder;
};

static void centre_set_up(struct fixture *s, struct centre *c)
{
    const struct consortium *all = s->h->c;
    c->folder = scratch_path(s->h->directory, "centre");
    assert_ok(coordinator_create(c->folder, all->fields.consortium_name,
                                 all->fields.endpoint, all->governance_key,
                                 &c->coordinator));
    assert_ok(home_set(c->coordinator->home, "identity",
                       identity_secret(all->coordinator), IDENTITY_SECRET_BYTES));
    coordinator_destroy(&c->coordinator);
    assert_ok(coordinator_open(c->folder, &c->coordinator));
    assert_ok(coordinator_roster(c->coordinator, codec_view(&all->roster_bytes)));
}

static void centre_tear_down(struct centre *c)
{
    coordinator_destroy(&c->coordinator);
    free(c->folder);
}

/* Ask the coordinator for news, as every turn of the daemon begins. */
static enum err ask(struct fixture *s, struct centre *c, struct node *node)
{
    struct node_exchange exchange;
    struct node_exchange_news news = {0};
    struct coord_exchange_outcome outcome;
    struct bytes frame = {0}, answer = {0};
    assert_ok(node_exchange_ask(node, &exchange, NULL, &frame));
    assert_ok(coord_exchange_answer(c->coordinator, &s->h->clock, s->h->c->curves[0],
                                    &frame, &answer, &outcome));
    enum err result =
        node_exchange_take(node, &s->h->clock, &exchange, NULL, &answer, &news);
    node_exchange_news_clear(&news);
    bytes_free(&frame);
    bytes_free(&answer);
    return result;
}

static void newest__what_the_coordinator_refused_is_kept(void **state)
{
    struct fixture *s = *state;
    struct centre c;
    struct bytes yesterday = {0};
    centre_set_up(s, &c);
    charge(s->h->node, 1, MULTIPLIER);
    keep_store(s, &yesterday);
    charge(s->h->node, 2, MULTIPLIER);
    assert_ok(ask(s, &c, s->h->node));
    assert_ok(newest_check(s->h->node));
    put_back(s, &yesterday);
    assert_ok(newest_check(s->h->node)); /* nobody has been asked yet */
    assert_refused(ERR_VERIFY, reason_sentence(REASON_LEDGER_BEHIND),
                   ask(s, &c, s->h->node));
    charge(s->h->node, 3, MULTIPLIER);
    charge(s->h->node, 4, MULTIPLIER); /* longer than what the consortium knows */
    assert_refused(ERR_VERIFY, "", ask(s, &c, s->h->node));
    assert_ok(ask(s, &c, s->h->node)); /* and now it knows this one */
    for (int i = 0; i < 2; i++) {
        assert_refused(ERR_VERIFY, "the consortium knows another entry 2",
                       newest_check(s->h->node));
        hospital_restart(s->h);
    }
    centre_tear_down(&c);
    bytes_free(&yesterday);
}

/* A copy that runs beside the original: whoever is second is refused at the next turn. */
static void newest__of_a_node_and_its_clone_one_is_refused(void **state)
{
    struct fixture *s = *state;
    struct centre c;
    struct node *clone;
    centre_set_up(s, &c);
    charge(s->h->node, 1, MULTIPLIER);
    assert_ok(ask(s, &c, s->h->node));
    node_destroy(&s->h->node);
    char *folder = scratch_path(s->h->directory, "clone");
    char *copy = mem_format("cp -a %s %s", s->h->folder, folder);
    assert_int_equal(system(copy), 0);
    mem_free(copy);
    assert_ok(node_open(s->h->folder, &s->h->node));
    assert_ok(node_open(folder, &clone));
    assert_ok(ask(s, &c, s->h->node));
    assert_ok(ask(s, &c, clone));
    charge(s->h->node, 2, MULTIPLIER);
    charge(clone, 2, MULTIPLIER);
    assert_ok(ask(s, &c, s->h->node));
    assert_refused(ERR_VERIFY, reason_sentence(REASON_LEDGER_BEHIND), ask(s, &c, clone));
    assert_refused(ERR_VERIFY, "two copies", newest_check(clone));
    assert_ok(ask(s, &c, s->h->node));
    assert_ok(newest_check(s->h->node));
    node_destroy(&clone);
    centre_tear_down(&c);
    free(folder);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(newest__an_anchor_is_made_once_and_then_has_to_be_there),
        WITH_STORE(newest__a_crash_between_commit_and_anchor_is_made_up_for),
        WITH_STORE(newest__a_restored_store_is_refused),
        WITH_STORE(newest__two_officers_go_on_from_the_anchor),
        WITH_STORE(newest__two_officers_go_on_from_the_coordinators_word),
        WITH_STORE(newest__only_officers_and_only_this_ledger),
        WITH_STORE(newest__what_the_coordinator_refused_is_kept),
        WITH_STORE(newest__of_a_node_and_its_clone_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
