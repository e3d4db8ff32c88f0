/* Every call that changes a file, in everything that a node does with its disk: it fails
 * once, from then on, is cut short, or is the process's last. Which calls there are is
 * not written down anywhere: each deed is tried with the first of them spoilt, then the
 * second, until one comes through with none.
 *
 * Afterwards the disk is sound again, and then: the node opens, ledger and record agree,
 * the deed is done whole or not begun, done if it said so, and can be done now. Of a
 * round, besides: whatever has left was charged, in the store and in the anchor, and the
 * store of before is refused.
 *
 * Every call of a round is spoilt in all four ways; of the other deeds in one of them,
 * and in all by `test_node_faults nightly`. */

#include "check.h"
#include "others.h"

#include <sys/wait.h>

#include "fault.h"
#include "node/backup.h"
#include "node/consent.h"
#include "node/keyring.h"
#include "node/newest.h"
#include "node/signals.h"

enum way { ONCE, FOR_EVER, CUT_SHORT, KILLED, WAYS };

#define FILES 5 /* of a home, and beside it */

struct place {
    struct hospital *h;
    char *paths[FILES];
    struct bytes before[FILES]; /* as every life begins; none: not there */
    char *backup;
    int told; /* what has left goes there */
};

struct deed {
    const char *name;
    enum err (*run)(struct place *p, unsigned again);
    bool (*done)(struct place *p);
    int least; /* calls that change a file */
};

/* --- a round
 * -------------------------------------------------------------------------------------
 */

/* What leaves, out of this process; that is none of the calls that are counted. */
static void leave(struct place *p, struct part *part)
{
    struct node_exchange exchange;
    struct bytes frame = {0};
    assert_ok(part_ask(part, &exchange, &frame));
    if (p->told >= 0 && syscall(SYS_write, p->told, frame.data, 1) != 1)
        _exit(3);
    bytes_free(&frame);
}

static enum err publish(struct hospital *h, const struct part *part)
{
    struct node_study *study;
    struct bytes link = {0};
    uint8_t hash[HASH_BYTES];
    bool fresh, contradicted;
    struct chain_link fields = {.round = 1, .contributions = HOSPITALS};
    memcpy(fields.study, h->c->terms.study, STUDY_BYTES);
    memcpy(fields.previous, h->c->terms_hash, HASH_BYTES);
    memcpy(fields.plan, attempt_context(part_attempt(part)), HASH_BYTES);
    memcpy(fields.survivors, attempt_survivors(part_attempt(part)), HASH_BYTES);
    fields.prior = codec_view(&h->prior_bytes);
    assert_ok(chain_sign(h->c->coordinator, &fields, &link, hash));
    enum err result = node_studies_open(h->node, h->c->terms.study, &study);
    if (result == ERR_OK) {
        result =
            node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted);
        node_study_destroy(&study);
    }
    bytes_free(&link);
    return result;
}

static enum err take_part(struct place *p, unsigned again)
{
    struct hospital *h = p->h;
    struct plan plan = hospital_plan(h);
    struct part *part;
    struct others others;
    plan.attempt += again;
    /* All of whom stay: after each end the same sum may be asked for. */
    plan.survivors = HOSPITALS;
    assert_ok(noise_step(MULTIPLIER / noise_pooled(plan_shares(&plan)), &plan.step));
    enum err result = enter(h, &plan, &part);
    if (result != ERR_OK)
        return result;
    others_enter(h, &plan, &others);
    for (int phase = 0; result == ERR_OK && phase < PHASE_END; phase++) {
        if (phase == PHASE_MASK)
            leave(p, part);
        result = play_phase(h, part, &others);
    }
    if (result == ERR_OK)
        result = publish(h, part);
    part_destroy(&part);
    others_leave(&others);
    return result;
}

static bool has_prior(struct place *p)
{
    struct node_study *study = hospital_opened(p->h);
    bool has = study->chain.length == 1;
    node_study_destroy(&study);
    return has && ledger_length(p->h->node->ledger) > 0;
}

/* --- what officers, clinicians and engineers do
 * -------------------------------------------------- */

static enum err install_policy(struct place *p, unsigned again)
{
    struct hospital *h = p->h;
    struct bytes file = {0};
    (void)again;
    hospital_policy_file(h, (const struct officers_line[]){{"patients_min", "3"}, {0}}, 3,
                         &file);
    enum err result = policies_install(h->node, "x.policy", file.data, file.size, h->now);
    bytes_free(&file);
    return result == ERR_OK ? keyring_follow(h->node) : result;
}

static bool policy_is_new(struct place *p)
{
    return conf_integer(policy_lines(p->h->node->policy), "patients_min") == 3;
}

static const struct consent_decision asks = {"patient", 1000, NOW};

static enum err withdraw(struct place *p, unsigned again)
{
    const char *who[] = {HOSPITAL_PATIENT(1), HOSPITAL_PATIENT(2)};
    size_t changed;
    (void)again;
    enum err result =
        consent_decide(p->h->node, who, 2, CONSENT_WITHDRAWN, &asks, &changed);
    return result == ERR_OK ? keyring_follow(p->h->node) : result;
}

static size_t count_in(struct place *p, enum consent state)
{
    struct consent_line *lines;
    size_t count;
    assert_ok(consent_list(p->h->node, 1u << state, &lines, &count));
    consent_lines_free(lines, count);
    return count;
}

static bool have_withdrawn(struct place *p)
{
    size_t count = count_in(p, CONSENT_WITHDRAWN);
    assert_true(count == 0 || count == 2);
    return count == 2;
}

static enum err erase(struct place *p, unsigned again)
{
    struct consent_erased erased;
    (void)again;
    enum err result = consent_erase(p->h->node, HOSPITAL_PATIENT(3), &asks, &erased);
    if (result == ERR_NOT_FOUND)
        result = ERR_OK; /* done before */
    return result == ERR_OK ? keyring_follow(p->h->node) : result;
}

static bool is_erased(struct place *p)
{
    size_t measurements;
    int64_t id;
    bool erased = count_in(p, CONSENT_ERASED) == 1;
    assert_ok(patients_measurements(p->h->node, &measurements));
    assert_int_equal(measurements, PATIENTS - erased);
    assert_int_equal(patients_find(p->h->node, HOSPITAL_PATIENT(3), &id) != ERR_OK,
                     erased);
    return erased;
}

static enum err import(struct place *p, unsigned again)
{
    struct dataset *dataset;
    struct patients_import report;
    const uint8_t hash[HASH_BYTES] = {7};
    (void)again;
    assert_ok(dataset_read(p->paths[FILES - 1], NULL, p->h->model, &dataset));
    enum err result = patients_import(p->h->node, dataset, "more.csv", hash, NOW, false,
                                      NULL, NULL, &report);
    dataset_destroy(&dataset);
    return result;
}

static bool is_imported(struct place *p)
{
    size_t patients;
    assert_ok(patients_count(p->h->node, &patients));
    assert_true(patients == PATIENTS || patients == PATIENTS + 3);
    return patients > PATIENTS;
}

static enum err back_up(struct place *p, unsigned again)
{
    struct backup_about about;
    (void)again;
    enum err result = backup_create(p->h->node, p->backup, NOW, &about);
    return result == ERR_STATE && file_exists(p->backup) ? ERR_OK : result;
}

static bool is_backed_up(struct place *p)
{
    return file_exists(p->backup);
}

static enum err draw_keys(struct place *p, unsigned again)
{
    char *text = NULL;
    (void)again;
    enum err result = node_rotate(p->h->node, NODE_NEXT_IDENTITY, NOW, &text);
    mem_free(text);
    return result;
}

static bool keys_are_drawn(struct place *p)
{
    struct bytes next = {0};
    enum err result = home_get(p->h->node->home, "identity_next", &next);
    bytes_free(&next);
    return result == ERR_OK;
}

/* An older store, which two officers re-anchor. */
static enum err reanchor(struct place *p, unsigned again)
{
    struct reanchor request;
    (void)again;
    const uint8_t head[HASH_BYTES] = "of a store that was lost";
    if (!ledger_accounts(p->h->node->ledger, 5, head) &&
        newest_keep(p->h->node, 5, head) != ERR_OK)
        return err_code();
    enum err result = newest_request(p->h->node, NOW, &request);
    if (result == ERR_STATE)
        return newest_check(p->h->node); /* done before */
    if (result != ERR_OK)
        return result;
    for (unsigned i = 0; i < REANCHOR_SIGNATURES; i++) {
        struct identity *officer = officers_identity(i);
        assert_ok(reanchor_sign(&request, officer));
        identity_destroy(&officer);
    }
    result = newest_reanchor(p->h->node, &request);
    reanchor_clear(&request);
    return result;
}

static bool is_reanchored(struct place *p)
{
    return ledger_length(p->h->node->ledger) == 6;
}

static const struct deed deeds[] = {
    {"a round", take_part, has_prior, 60},
    {"a policy", install_policy, policy_is_new, 10},
    {"withdrawals", withdraw, have_withdrawn, 10},
    {"an erasure", erase, is_erased, 15},
    {"an import", import, is_imported, 10},
    {"a backup", back_up, is_backed_up, 15},
    {"new keys", draw_keys, keys_are_drawn, 10},
    {"a re-anchoring", reanchor, is_reanchored, 20},
};
#define DEEDS (sizeof deeds / sizeof *deeds)

/* --- lives
 * ---------------------------------------------------------------------------------------
 */

static void set_anchor(struct place *p)
{
    struct bytes text = {0};
    assert_ok(file_read(p->paths[1], 1 << 16, &text));
    bytes_u8(&text, 0);
    char *at = strstr((char *)text.data, "\nanchor:");
    assert_non_null(at);
    char *changed = mem_format("%.*s\nanchor: \"%s\"%s", (int)(at - (char *)text.data),
                               (char *)text.data, p->paths[2], strchr(at + 1, '\n'));
    assert_ok(file_write(p->paths[1], changed, strlen(changed), 0600));
    mem_free(changed);
    bytes_free(&text);
}

static int set_up(void **state)
{
    static const char more[] =
        "ID,TIME,SBP,AGE\ncanary91Qx7,0,131.41592,50\nn2,0,125,51\nn3,0,130,52\n";
    void *hospital;
    if (hospital_set_up(&hospital) != 0)
        return -1;
    struct place *p = mem_new(1, sizeof *p);
    p->h = hospital;
    p->told = -1;
    p->paths[0] = file_join(p->h->folder, "gemel-node.db");
    p->paths[1] = file_join(p->h->folder, "gemel-node.yaml");
    p->paths[2] = file_join(p->h->folder, "anchor");
    p->paths[3] = file_join(p->h->folder, "patients.keyring");
    p->paths[4] = file_join(p->h->folder, "more.csv");
    p->backup = file_join(p->h->folder, "a.backup");
    assert_ok(file_write(p->paths[4], more, strlen(more), 0600));
    set_anchor(p);
    hospital_patients(p->h, PATIENTS);
    struct node_study *study = hospital_approved(p->h);
    node_study_destroy(&study);
    hospital_restart(p->h);
    assert_ok(newest_anchor(p->h->node));
    assert_ok(keyring_write(p->h->node)); /* backups are made here */
    node_destroy(&p->h->node);
    for (size_t i = 0; i < FILES; i++)
        assert_ok(file_read(p->paths[i], 1 << 26, &p->before[i]));
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    void *hospital = p->h;
    for (size_t i = 0; i < FILES; i++) {
        mem_free(p->paths[i]);
        bytes_free(&p->before[i]);
    }
    mem_free(p->backup);
    mem_free(p);
    return hospital_tear_down(&hospital);
}

static void put_back(struct place *p, size_t file)
{
    FILE *out = fopen(p->paths[file], "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(p->before[file].data, 1, p->before[file].size, out),
                     p->before[file].size);
    assert_int_equal(fclose(out), 0);
}

static void begin_anew(struct place *p)
{
    char *journal = mem_format("%s-journal", p->paths[0]);
    unlink(journal);
    unlink(p->backup);
    mem_free(journal);
    for (size_t i = 0; i < FILES; i++)
        put_back(p, i);
}

static void arm(enum way way, int at)
{
    static const int errors[] = {EIO, ENOSPC};
    const int all = FAULT_ANY | FAULT_NAME;
    if (way == ONCE)
        fault_arm(all, at, errors[at % 2]);
    else if (way == FOR_EVER)
        fault_arm_for_ever(all, at, errors[at % 2]);
    else
        fault_arm(all, at,
                  way == CUT_SHORT ? FAULT_SHORT
                  : at % 2         ? FAULT_KILL_HALF
                                   : FAULT_KILL);
}

struct ended {
    bool killed, said, whole; /* said it was done; came through with nothing spoilt */
    size_t sent;
};

/* One life: open the home and do it, with the call `at` spoilt. */
static struct ended live(struct place *p, const struct deed *deed, enum way way, int at)
{
    struct ended ended = {0};
    int told[2], status;
    char some[64];
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(told[0]);
        p->told = told[1];
        arm(way, at);
        enum err result = node_open(p->h->folder, &p->h->node);
        if (result == ERR_OK)
            result = deed->run(p, 0);
        int seen = fault_disarm();
        _exit((result != ERR_OK) | (seen <= at) << 1);
    }
    close(told[1]);
    for (ssize_t size; (size = read(told[0], some, sizeof some)) > 0;)
        ended.sent += (size_t)size;
    close(told[0]);
    waitpid(child, &status, 0);
    ended.killed = WIFSIGNALED(status);
    if (ended.killed ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status) > 3)
        fail_msg("%s, call %d, way %d: ended by %d", deed->name, at, (int)way, status);
    ended.said = !ended.killed && !(WEXITSTATUS(status) & 1);
    ended.whole = !ended.killed && (WEXITSTATUS(status) & 2);
    return ended;
}

/* Whatever left is charged, and the store of before is known to be an older one. */
static void check_sent(struct place *p)
{
    assert_true(ledger_length(p->h->node->ledger) == 1);
    node_destroy(&p->h->node);
    put_back(p, 0);
    assert_ok(node_open(p->h->folder, &p->h->node));
    assert_refused(ERR_VERIFY, "older copy was put back", newest_check(p->h->node));
}

static void check(struct place *p, const struct deed *deed, enum way way, int at,
                  const struct ended *ended)
{
    size_t patients;
    if (node_open(p->h->folder, &p->h->node) != ERR_OK)
        fail_msg("%s, call %d, way %d: does not open: %s", deed->name, at, (int)way,
                 err_text());
    assert_ok(store_check(p->h->node->store));
    if (signals_check(p->h->node, NULL, NULL, &patients) != ERR_OK)
        fail_msg("%s, call %d, way %d: %s", deed->name, at, (int)way, err_text());
    bool done = deed->done(p);
    if (ended->said && !done)
        fail_msg("%s, call %d, way %d: said to be done", deed->name, at, (int)way);
    if (deed->run == take_part)
        assert_in_range(ledger_length(p->h->node->ledger), 0, 1);
    if (!done && deed->run(p, 1) != ERR_OK)
        fail_msg("%s, call %d, way %d: not done on a sound disk: %s", deed->name, at,
                 (int)way, err_text());
    assert_true(deed->done(p));
    node_destroy(&p->h->node);
}

/* The store as the life left it, for what has left; then all of it again. */
static void check_round(struct place *p, const struct ended *ended)
{
    struct bytes left = {0};
    if (!ended->sent)
        return;
    assert_ok(node_open(p->h->folder, &p->h->node)); /* plays a journal back */
    node_destroy(&p->h->node);
    assert_ok(file_read(p->paths[0], 1 << 26, &left));
    assert_ok(node_open(p->h->folder, &p->h->node));
    check_sent(p);
    node_destroy(&p->h->node);
    FILE *out = fopen(p->paths[0], "wb");
    assert_int_equal(fwrite(left.data, 1, left.size, out), left.size);
    assert_int_equal(fclose(out), 0);
    bytes_free(&left);
}

struct tally {
    size_t lives, kills, sent_and_spoilt;
};

/* With one call after the other spoilt; `way` WAYS: each in another way. */
static void spoil(struct place *p, const struct deed *deed, enum way way,
                  struct tally *tally)
{
    struct ended ended = {0};
    int at = 0;
    for (; !ended.whole; at++) {
        enum way now = way == WAYS ? (enum way)(at % WAYS) : way;
        begin_anew(p);
        ended = live(p, deed, now, at);
        tally->lives++;
        tally->kills += ended.killed;
        tally->sent_and_spoilt += ended.sent && !ended.whole;
        check_round(p, &ended);
        check(p, deed, now, at, &ended);
    }
    if (!ended.said || at <= deed->least)
        fail_msg("%s: %d calls, %s", deed->name, at, ended.said ? "done" : "not done");
}

static void faults__at_every_call_of_a_round(void **state)
{
    struct tally tally = {0};
    for (enum way way = 0; way < WAYS; way++)
        spoil(*state, &deeds[0], way, &tally);
    printf("%zu lives, %zu of them killed\n", tally.lives, tally.kills);
    assert_true(tally.kills > tally.lives / (WAYS + 1));
    assert_true(tally.sent_and_spoilt > 10); /* also after the charge */
}

static bool in_all_ways;

static void faults__at_every_call_of_the_other_deeds(void **state)
{
    struct tally tally = {0};
    for (size_t i = 1; i < DEEDS; i++)
        if (in_all_ways)
            for (enum way way = 0; way < WAYS; way++)
                spoil(*state, &deeds[i], way, &tally);
        else
            spoil(*state, &deeds[i], WAYS, &tally);
    printf("%zu lives, %zu of them killed\n", tally.lives, tally.kills);
    assert_true(tally.kills > tally.lives / (WAYS + 1) - DEEDS);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(faults__at_every_call_of_a_round),
        IN_PLACE(faults__at_every_call_of_the_other_deeds),
    };
    in_all_ways = argc > 1 && strcmp(argv[1], "nightly") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
