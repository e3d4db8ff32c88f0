#include "check.h"
#include "hospital.h"

#include <sys/wait.h>

#include "fault.h"

/* Sign a plan and answer it. */
static enum err answer(struct hospital *h, struct node_study *study,
                       const struct plan *plan, struct bytes *frame)
{
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    struct node_exchange exchange;
    assert_ok(plan_sign(h->c->coordinator, plan, &bytes, hash));
    enum err err = node_exchange_answer(h->node, &h->clock, study, codec_view(&bytes),
                                        NULL, &exchange, frame);
    bytes_free(&bytes);
    return err;
}

/* Refused with nothing to send and nothing charged. */
static void refuses(struct hospital *h, struct node_study *study, const struct plan *plan,
                    const char *part)
{
    struct bytes frame = {0};
    uint64_t before = ledger_length(h->node->ledger);
    enum err err = answer(h, study, plan, &frame);
    assert_int_not_equal(err, ERR_OK);
    if (!strstr(err_text(), part))
        fail_msg("\"%s\" does not say \"%s\"", err_text(), part);
    assert_int_equal(frame.size, 0);
    assert_int_equal(ledger_length(h->node->ledger), before);
    bytes_free(&frame);
}

static void set_setting(struct hospital *h, const char *name, const char *value)
{
    struct bytes text = {0};
    char *path = file_join(h->folder, "gemel-node.yaml");
    char *line = mem_format("\n%s:", name);
    assert_ok(file_read(path, 1 << 16, &text));
    bytes_u8(&text, 0);
    char *at = strstr((char *)text.data, line);
    assert_non_null(at);
    char *changed = mem_format("%.*s\n%s: %s%s", (int)(at - (char *)text.data),
                               (char *)text.data, name, value, strchr(at + 1, '\n'));
    assert_ok(file_write(path, changed, strlen(changed), 0600));
    mem_free(changed);
    mem_free(line);
    mem_free(path);
    bytes_free(&text);
    hospital_restart(h);
}

/* --- what is sent
 * ----------------------------------------------------------------------- */

static void answer__is_one_vector_charged_to_everybody_once(void **state)
{
    struct hospital *h = *state;
    struct arena *arena = arena_new(1 << 21);
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes frame = {0};
    struct contribution sent;
    struct ledger_entry entry;
    uint64_t patients, round;
    uint32_t attempt;
    uint8_t head[HASH_BYTES];
    double spent;
    hospital_patients(h, PATIENTS);
    assert_ok(answer(h, study, &plan, &frame));
    struct envelope envelope = hospital_envelope(&frame, arena);
    assert_int_equal(envelope.kind, MESSAGE_CONTRIBUTION);
    assert_memory_equal(envelope.study, plan.study, STUDY_BYTES);
    assert_int_equal(envelope.round, 1);
    assert_int_equal(envelope.attempt, 1);
    assert_ok(codec_decode_contribution(envelope.body, arena, &sent));
    assert_int_equal(sent.vector.count, plan.dimension);
    assert_int_equal(sent.ledger_length, 1);
    ledger_head(h->node->ledger, head);
    assert_memory_equal(sent.ledger_head, head, HASH_BYTES);
    assert_int_equal(ledger_length(h->node->ledger), 1);
    assert_ok(ledger_read(h->node->ledger, 0, &entry, &patients));
    assert_int_equal(patients, PATIENTS);
    assert_near(entry.noise_multiplier, MULTIPLIER, 0);
    assert_ok(ledger_spent_most(h->node->ledger, NULL, &spent));
    assert_relative(spent, 1 / (MULTIPLIER * MULTIPLIER), 1e-12);
    assert_ok(node_exchange_last(h->node, plan.study, &round, &attempt));
    assert_int_equal(round, 1);
    assert_int_equal(attempt, 1);
    node_study_destroy(&study);
    bytes_free(&frame);
    arena_destroy(&arena);
}

static void answer__the_same_plan_gets_the_same_bytes(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes first = {0}, again = {0};
    hospital_patients(h, PATIENTS);
    assert_ok(answer(h, study, &plan, &first));
    for (int restarted = 0; restarted < 2; restarted++) {
        h->now = plan.deadline + 5; /* also after it: the coordinator judges */
        assert_ok(answer(h, study, &plan, &again));
        assert_int_equal(again.size, first.size);
        assert_memory_equal(again.data, first.data, first.size);
        assert_int_equal(ledger_length(h->node->ledger), 1);
        node_study_destroy(&study);
        hospital_restart(h);
        study = hospital_opened(h);
    }
    node_study_destroy(&study);
    bytes_free(&first);
    bytes_free(&again);
}

/* --- what is not, docs/protocol.md section 5, "Plan"
 * ------------------------------------- */

/* A roster of version 2 in use: without the last member, with the one before expired. */
static void take_second_roster(struct hospital *h)
{
    struct bytes bytes = {0};
    struct roster *replaced;
    struct roster_fields fields = h->c->fields;
    fields.version = 2;
    memcpy(fields.previous, roster_hash(h->c->roster), HASH_BYTES);
    h->c->members[HOSPITALS - 2].valid_to = NOW;
    fields.members.count = HOSPITALS - 1;
    assert_ok(roster_sign(h->c->governance, &fields, &bytes));
    assert_ok(node_roster(h->node, codec_view(&bytes), &replaced));
    roster_destroy(&replaced);
    bytes_free(&bytes);
}

static void answer__refuses_a_plan_at_every_step(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    const struct plan good = hospital_plan(h);
    struct plan plan = good;
    struct keys strangers;
    uint8_t keys[HOSPITALS * KEY_BYTES];
    hospital_patients(h, PATIENTS);
#define WRONG(change, reason)                                                            \
    change;                                                                              \
    refuses(h, study, &plan, reason_sentence(REASON_##reason));                          \
    plan = good
    WRONG(plan.study[0] ^= 1, UNKNOWN_STUDY);
    WRONG(plan.terms[0] ^= 1, WRONG_TERMS);
    WRONG(plan.roster[0] ^= 1, STALE_ROSTER);
    WRONG(plan.round = 4, WRONG_ROUND); /* the study has three */
    WRONG(plan.deadline = NOW, LATE);
    WRONG(plan.round = 2, WRONG_ROUND); /* no link yet */
    WRONG(plan.chain_head[0] ^= 1, WRONG_CHAIN);
    WRONG(plan.participants.count = 2, WRONG_TERMS);
    memcpy(keys, h->c->keys, sizeof keys);
    keys[sizeof keys - 1] ^= 1;
    strangers = (struct keys){keys, HOSPITALS};
    WRONG(plan.participants = strangers, WRONG_TERMS);
    strangers = (struct keys){h->c->keys + KEY_BYTES, HOSPITALS - 1};
    WRONG(plan.participants = strangers, NOT_PARTICIPANT);
    WRONG(plan.dimension++, WRONG_LENGTH);
    WRONG(plan.norm_max++, WRONG_TERMS);
    WRONG(plan.noise_multiplier = nextafter(MULTIPLIER, 0), WRONG_TERMS);
    WRONG(plan.noise_log2--, WRONG_TERMS);
    WRONG(plan.noise_multiplier *= 2, WRONG_TERMS); /* true only with half the norm */
#undef WRONG
    plan.step *= 2;
    refuses(h, study, &plan, "the plan's step does not follow from its noise");
    plan = good;
    take_second_roster(h);
    memcpy(plan.roster, roster_hash(h->node->consortium.roster), HASH_BYTES);
    refuses(h, study, &plan, reason_sentence(REASON_EXPIRED));
    h->now = NOW - 1;
    refuses(h, study, &plan, reason_sentence(REASON_NOT_IN_ROSTER));
    plan.participants.count = HOSPITALS - 1; /* and without the one who left, yes */
    struct bytes frame = {0};
    assert_ok(answer(h, study, &plan, &frame));
    node_study_destroy(&study);
    bytes_free(&frame);
}

static void answer__never_goes_back_in_rounds_or_attempts(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes frame = {0}, link = {0};
    uint8_t head[HASH_BYTES];
    bool fresh, contradicted;
    hospital_patients(h, PATIENTS);
    plan.attempt = 2;
    assert_ok(answer(h, study, &plan, &frame));
    plan.deadline++; /* another plan for an attempt that was answered, or an older one */
    refuses(h, study, &plan, reason_sentence(REASON_STALE_ATTEMPT));
    plan.attempt = 1;
    refuses(h, study, &plan, reason_sentence(REASON_STALE_ATTEMPT));
    plan.attempt = 3; /* a second charge */
    assert_ok(answer(h, study, &plan, &frame));
    assert_int_equal(ledger_length(h->node->ledger), 2);
    hospital_link(h, 1, h->c->terms_hash, 0.5, &link, head);
    assert_ok(
        node_studies_extend(h->node, study, codec_view(&link), &fresh, &contradicted));
    memcpy(plan.chain_head, head, HASH_BYTES);
    plan.round = 2;
    plan.attempt = 1;
    assert_ok(answer(h, study, &plan, &frame));
    plan.round = 1;
    plan.attempt = 4;
    refuses(h, study, &plan, reason_sentence(REASON_WRONG_ROUND));
    node_study_destroy(&study);
    bytes_free(&link);
    bytes_free(&frame);
}

static void answer__believes_only_the_coordinators_plan(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes bytes = {0}, frame = {0};
    uint8_t hash[HASH_BYTES];
    struct node_exchange exchange;
    hospital_patients(h, PATIENTS);
    assert_ok(plan_sign(h->c->governance, &plan, &bytes, hash));
    assert_refused(ERR_VERIFY, "",
                   node_exchange_answer(h->node, &h->clock, study, codec_view(&bytes),
                                        NULL, &exchange, &frame));
    bytes.size /= 2;
    assert_refused(ERR_FORMAT, "",
                   node_exchange_answer(h->node, &h->clock, study, codec_view(&bytes),
                                        NULL, &exchange, &frame));
    assert_int_equal(frame.size, 0);
    assert_int_equal(ledger_length(h->node->ledger), 0);
    node_study_destroy(&study);
    bytes_free(&bytes);
}

static void answer__the_hospital_decides(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    const struct plan plan = hospital_plan(h);
    static const enum node_study_state states[] = {STUDY_OFFERED, STUDY_DECLINED,
                                                   STUDY_DISTRUSTED};
    for (size_t i = 0; i < 3; i++) {
        study->state = states[i];
        refuses(h, study, &plan, "not approved");
    }
    study->state = STUDY_APPROVED;
    hospital_patients(h, 4);
    refuses(h, study, &plan, "4 patients are here; patients_min is 5");
    node_study_destroy(&study);
    set_setting(h, "hospitals_min", "4");
    study = hospital_opened(h);
    refuses(h, study, &plan, "sums of 3 hospitals; hospitals_min is 4");
    node_study_destroy(&study);
}

/* Attempt after attempt until the budget is spent: as many as the accountant says. */
static void answer__stops_when_the_budget_is_spent(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes frame = {0};
    struct discretisation one, all = {0};
    uint32_t expected = 0;
    double mu;
    assert_ok(accountant_discretisation(plan.dimension, NOISE_LOG2, 1, &one));
    do {
        expected++;
        all.epsilon += one.epsilon;
        all.log_delta += one.log_delta;
        assert_ok(accountant_mu_within(1, 1e-6, &all, &mu));
    } while (expected / (MULTIPLIER * MULTIPLIER) <= mu * mu);
    hospital_patients(h, PATIENTS);
    for (plan.attempt = 1; plan.attempt < expected; plan.attempt++)
        assert_ok(answer(h, study, &plan, &frame));
    refuses(h, study, &plan, "the privacy budget is spent: 0 of 6 patients");
    assert_in_range(expected, 5, 20);
    node_study_destroy(&study);
    bytes_free(&frame);
}

/* --- killed between any two writes
 * -------------------------------------------------------- */

/* In a process of its own: open the home, answer, send the frame through the pipe and die
 * at once, as if the power failed the moment it was on its way. `at`: the call that
 * changes a file at which the process is killed before. */
static void answer_and_die(struct hospital *h, const struct plan *plan, int at, int told)
{
    struct bytes frame = {0};
    hospital_restart(h);
    struct node_study *study = hospital_opened(h);
    fault_arm(FAULT_ANY, at, at % 2 ? FAULT_KILL_HALF : FAULT_KILL);
    if (answer(h, study, plan, &frame) != ERR_OK)
        _exit(1);
    fault_disarm();
    for (size_t sent = 0; sent < frame.size;) {
        ssize_t part = write(told, frame.data + sent, frame.size - sent);
        if (part < 0)
            _exit(2);
        sent += (size_t)part;
    }
    kill(getpid(), SIGKILL);
}

/* Whether the process got as far as sending; what it sent. */
static bool die_at(struct hospital *h, const struct plan *plan, int at,
                   struct bytes *frame)
{
    int told[2], status;
    uint8_t part[4096];
    frame->size = 0;
    node_destroy(&h->node);
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(told[0]);
        answer_and_die(h, plan, at, told[1]);
    }
    close(told[1]);
    for (ssize_t size; (size = read(told[0], part, sizeof part)) > 0;)
        bytes_append(frame, part, (size_t)size);
    close(told[0]);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_ok(node_open(h->folder, &h->node));
    return frame->size > 0;
}

static size_t frames_stored(struct hospital *h)
{
    struct query *query;
    bool row;
    assert_ok(store_query(h->node->store, "SELECT count(*) FROM outbox", &query));
    assert_ok(query_step(query, &row));
    size_t count = (size_t)query_get_int(query, 0);
    query_reset(query);
    return count;
}

/* Nothing leaves that was not charged and stored before, whenever the process dies;
 * charge and frame are there together or not at all; and going on gives what was sent. */
static void answer__leaves_only_when_the_charge_is_on_the_disk(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes sent = {0}, again = {0};
    size_t unsent_but_stored = 0;
    bool done = false;
    hospital_patients(h, PATIENTS);
    node_study_destroy(&study);
    for (int at = 0; !done; at++) {
        uint64_t before = ledger_length(h->node->ledger);
        done = die_at(h, &plan, at, &sent);
        uint64_t after = ledger_length(h->node->ledger);
        assert_int_equal(frames_stored(h), after);
        if (done)
            assert_int_equal(after, before + 1);
        assert_in_range(after - before, 0, 1);
        unsent_but_stored += !done && after > before;
        if (after > before) {
            study = hospital_opened(h);
            assert_ok(answer(h, study, &plan, &again));
            assert_int_equal(ledger_length(h->node->ledger), after);
            if (done) {
                assert_int_equal(again.size, sent.size);
                assert_memory_equal(again.data, sent.data, sent.size);
            }
            node_study_destroy(&study);
            plan.attempt++; /* of another attempt, then */
        }
        assert_true(at < 200);
    }
    assert_true(unsent_but_stored > 0); /* the moment between commit and sending, too */
    bytes_free(&sent);
    bytes_free(&again);
}

/* A disk that does not sync: nothing to send, and it can be tried again. */
static void answer__a_failed_sync_sends_nothing(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes frame = {0};
    hospital_patients(h, PATIENTS);
    node_study_destroy(&study);
    hospital_restart(h);
    study = hospital_opened(h);
    fault_arm(FAULT_SYNC, 0, EIO);
    assert_refused(ERR_STORAGE, "", answer(h, study, &plan, &frame));
    fault_disarm();
    assert_int_equal(frame.size, 0);
    node_study_destroy(&study);
    hospital_restart(h);
    assert_int_equal(ledger_length(h->node->ledger), 0);
    study = hospital_opened(h);
    assert_ok(answer(h, study, &plan, &frame));
    assert_int_equal(ledger_length(h->node->ledger), 1);
    node_study_destroy(&study);
    bytes_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(answer__is_one_vector_charged_to_everybody_once),
        IN_HOSPITAL(answer__the_same_plan_gets_the_same_bytes),
        IN_HOSPITAL(answer__refuses_a_plan_at_every_step),
        IN_HOSPITAL(answer__never_goes_back_in_rounds_or_attempts),
        IN_HOSPITAL(answer__believes_only_the_coordinators_plan),
        IN_HOSPITAL(answer__the_hospital_decides),
        IN_HOSPITAL(answer__stops_when_the_budget_is_spent),
        IN_HOSPITAL(answer__leaves_only_when_the_charge_is_on_the_disk),
        IN_HOSPITAL(answer__a_failed_sync_sends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
