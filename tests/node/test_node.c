#include "check.h"
#include "hospital.h"

#include <sys/wait.h>

#include "fault.h"

/* --- every change has its entry
 * ------------------------------------------------------------------------- */

static void node__what_is_set_up_is_on_record(void **state)
{
    struct hospital *h = *state;
    assert_int_equal(hospital_entries(h, AUDIT_BEGIN), 1);
    assert_true(hospital_entries(h, AUDIT_SETTINGS) >= 5);
    assert_int_equal(hospital_entries(h, AUDIT_POLICY), 1);
    assert_int_equal(hospital_entries(h, AUDIT_CONSORTIUM), 1);
    assert_int_equal(hospital_entries(h, AUDIT_ROSTER), 1);
    hospital_patients(h, 3);
    assert_int_equal(hospital_entries(h, AUDIT_IMPORT), 1);
    hospital_patients(h, 3); /* the same file: nothing changes */
    assert_int_equal(hospital_entries(h, AUDIT_IMPORT), 1);
    size_t settings = hospital_entries(h, AUDIT_SETTINGS);
    hospital_restart(h);
    assert_int_equal(hospital_entries(h, AUDIT_SETTINGS), settings);
    assert_int_equal(hospital_entries(h, AUDIT_BEGIN), 1);
}

static void node__a_setting_that_changes_is_on_record_once(void **state)
{
    struct hospital *h = *state;
    size_t settings = hospital_entries(h, AUDIT_SETTINGS);
    char *path = file_join(h->folder, "gemel-node.yaml");
    assert_ok(file_write(path, "name: Altona\nthreads: 3\npoll_seconds: 7\n", 40, 0600));
    hospital_restart(h);
    hospital_restart(h);
    assert_int_equal(hospital_entries(h, AUDIT_SETTINGS), settings + 2);
    mem_free(path);
}

static void node__decisions_and_priors_are_on_record(void **state)
{
    struct hospital *h = *state;
    struct bytes link = {0};
    uint8_t head[HASH_BYTES];
    bool fresh, contradicted;
    struct node_study *study = hospital_approved(h);
    assert_int_equal(hospital_entries(h, AUDIT_STUDY), 1);
    assert_int_equal(hospital_entries(h, AUDIT_DECISION), 1);
    assert_ok(node_studies_offer(h->node, codec_view(&h->c->terms_bytes), NOW, &fresh));
    assert_int_equal(hospital_entries(h, AUDIT_STUDY), 1);
    hospital_link(h, 1, h->c->terms_hash, 0.1, &link, head);
    for (int again = 0; again < 2; again++)
        assert_ok(node_studies_extend(h->node, study, codec_view(&link), &fresh,
                                      &contradicted));
    assert_int_equal(hospital_entries(h, AUDIT_PRIOR), 1);
    assert_ok(node_studies_decide(h->node, h->c->terms.study, STUDY_DECLINED, NOW));
    assert_int_equal(hospital_entries(h, AUDIT_DECISION), 2);
    assert_ok(node_studies_distrust(h->node, h->c->terms.study, "two tongues", NOW));
    assert_int_equal(hospital_entries(h, AUDIT_DISTRUST), 1);
    assert_int_equal(hospital_entries(h, AUDIT_DECISION), 2);
    node_study_destroy(&study);
    bytes_free(&link);
}

/* --- what is refused at the door
 * ------------------------------------------------------------------------- */

static void refuses_to_open(struct hospital *h, const char *part)
{
    struct node *node = NULL;
    node_destroy(&h->node);
    assert_refused(ERR_VERIFY, part, node_open(h->folder, &node));
    assert_null(node);
}

static void node__an_entry_that_was_changed_stops_it(void **state)
{
    struct hospital *h = *state;
    assert_ok(store_execute(h->node->store,
                            "UPDATE audit SET sentence = 'slot_seconds is 20' WHERE "
                            "sentence = 'slot_seconds is 10'"));
    refuses_to_open(h, "audit entry 3: its hash does not hold");
}

static void node__a_tail_that_was_cut_off_stops_it(void **state)
{
    struct hospital *h = *state;
    uint64_t length;
    assert_ok(audit_verify(h->node->store, &length, NULL));
    char *part = mem_format("audit entry %llu is missing; there were %llu",
                            (unsigned long long)length - 1, (unsigned long long)length);
    assert_ok(store_execute(
        h->node->store,
        "DELETE FROM audit WHERE number >= (SELECT max(number) - 1 FROM audit)"));
    refuses_to_open(h, part);
    mem_free(part);
}

/* Charge a release in the ledger, or enter it in the record, or both. */
static void release(struct hospital *h, uint64_t round, bool charged, bool entered)
{
    struct ledger_entry entry = {.round = round,
                                 .attempt = 1,
                                 .noise_multiplier = MULTIPLIER,
                                 .dimension = 1,
                                 .noise_log2 = NOISE_LOG2};
    const struct audit_entry about = {
        .kind = AUDIT_RELEASE, .study = entry.study, .round = round, .attempt = 1};
    memcpy(entry.study, h->c->terms.study, STUDY_BYTES);
    assert_ok(store_begin(h->node->store));
    if (charged)
        assert_ok(ledger_charge(h->node->ledger, &entry, NULL, 0, 1));
    if (entered)
        assert_ok(audit_write(h->node->store, &about, "it left"));
    assert_ok(store_commit(h->node->store));
}

static void node__a_charge_without_its_release_stops_it(void **state)
{
    struct hospital *h = *state;
    release(h, 1, true, true);
    release(h, 2, true, true);
    hospital_restart(h);
    release(h, 3, true, false);
    refuses_to_open(h, "2 releases, which are not those of the ledger's 3");
}

static void node__a_release_without_its_charge_stops_it(void **state)
{
    struct hospital *h = *state;
    release(h, 1, true, true);
    release(h, 2, false, true);
    refuses_to_open(h, "2 releases, which are not those of the ledger's 1");
}

static void node__a_release_of_another_round_stops_it(void **state)
{
    struct hospital *h = *state;
    release(h, 1, true, true);
    release(h, 2, true, false);
    release(h, 7, false, true);
    refuses_to_open(h, "is not the release of ledger entry 2");
}

/* A store from before there was a record: what its ledger has was charged before. */
static void node__a_record_may_begin_late(void **state)
{
    struct hospital *h = *state;
    release(h, 1, true, false);
    assert_ok(store_execute(h->node->store, "DELETE FROM audit"));
    assert_ok(store_execute(h->node->store, "DELETE FROM audit_head"));
    assert_ok(store_execute(h->node->store, "DELETE FROM policies"));
    hospital_restart(h);
    release(h, 2, true, true);
    hospital_restart(h);
    release(h, 3, true, false);
    refuses_to_open(h, "1 releases, which are not those of the ledger's 3");
}

/* --- the store's key
 * ----------------------------------------------------------------------------- */

struct key_entries {
    size_t count;
    uint32_t user; /* of the last */
    char sentence[100];
};

static enum err tell_key(void *context, const struct audit_row *row)
{
    struct key_entries *entries = context;
    if (row->entry.kind != AUDIT_KEY)
        return ERR_OK;
    entries->count++;
    entries->user = row->user;
    snprintf(entries->sentence, sizeof entries->sentence, "%s", row->sentence);
    return ERR_OK;
}

static struct key_entries key_entries(struct hospital *h)
{
    struct key_entries entries = {0};
    hospital_restart(h);
    assert_ok(audit_each(h->node->store, 1, tell_key, &entries));
    return entries;
}

/* Whoever opens the store first after a rotation that was killed: it is the rotator's
 * doing. A rotation that did not come to the store is nobody's, and forgotten. */
static void node__another_store_key_is_its_rotators_doing(void **state)
{
    struct hospital *h = *state;
    const uint32_t rotator = 4711;
    struct bytes user = {0}, kept = {0};
    bytes_u32(&user, rotator);
    size_t before = key_entries(h).count;
    assert_ok(home_set(h->node->home, HOME_ROTATOR, user.data, user.size));
    assert_int_equal(key_entries(h).count, before);
    assert_int_equal(home_get(h->node->home, HOME_ROTATOR, &kept), ERR_NOT_FOUND);
    assert_ok(home_set(h->node->home, "store_key_name", "another", 7));
    struct key_entries entries = key_entries(h); /* a key put there by hand */
    assert_int_equal(entries.count, before + 1);
    assert_int_equal(entries.user, getuid());
    assert_non_null(strstr(entries.sentence, "no rotation was begun"));
    assert_ok(home_set(h->node->home, "store_key_name", "another", 7));
    assert_ok(home_set(h->node->home, HOME_ROTATOR, user.data, user.size));
    entries = key_entries(h);
    assert_int_equal(entries.count, before + 2);
    assert_int_equal(entries.user, rotator);
    assert_string_equal(entries.sentence, "the store was put under another key");
    assert_int_equal(key_entries(h).count, before + 2);
    node_destroy(&h->node);
    assert_ok(home_rotate(h->folder, node_kind(), NULL)); /* and by the real way */
    entries = key_entries(h);
    assert_int_equal(entries.count, before + 3);
    assert_int_equal(entries.user, getuid());
    assert_string_equal(entries.sentence, "the store was put under another key");
    bytes_free(&user);
    bytes_free(&kept);
}

/* --- new keys
 * ------------------------------------------------------------------------------------ */

/* The roster after the one in force, in which hospital 0 has the keys that `text` asks
 * for. */
static void next_roster(struct hospital *h, const char *text, struct bytes *bytes)
{
    struct arena *arena = arena_new(1 << 16);
    struct enrol_request request;
    struct member members[HOSPITALS];
    struct roster_fields fields = *roster_fields(h->node->consortium.roster);
    uint8_t present[KEY_BYTES];
    assert_ok(roster_rotation_read(text, strlen(text), arena, &request, present));
    assert_memory_equal(present, h->node->key, KEY_BYTES);
    size_t count = fields.members.count, at = 0;
    for (size_t i = 0; i < count; i++) {
        members[i] = fields.members.items[i];
        if (memcmp(members[i].key, present, KEY_BYTES) == 0)
            at = i;
    }
    memcpy(members[at].key, request.key, KEY_BYTES);
    memcpy(members[at].curve, request.curve, KEY_BYTES);
    for (size_t i = 1; i < count; i++) /* ascending again */
        for (size_t j = i; j && memcmp(members[j].key, members[j - 1].key, KEY_BYTES) < 0;
             j--) {
            struct member swapped = members[j];
            members[j] = members[j - 1];
            members[j - 1] = swapped;
        }
    fields.members = (struct members){members, count};
    fields.version++;
    memcpy(fields.previous, roster_hash(h->node->consortium.roster), HASH_BYTES);
    assert_ok(roster_sign(h->c->governance, &fields, bytes));
    arena_destroy(&arena);
}

static void rotates(struct hospital *h, enum node_next which)
{
    struct bytes roster = {0};
    uint8_t before[KEY_BYTES], curve[KEY_BYTES], after[KEY_BYTES];
    char *text, *again, *other;
    memcpy(before, h->node->key, KEY_BYTES);
    identity_curve(h->node->identity, curve);
    assert_refused(ERR_STATE, "no new keys",
                   node_adopt(h->node, codec_view(&h->c->roster_bytes)));
    assert_ok(node_rotate(h->node, which, NOW, &text));
    assert_memory_equal(h->node->key, before, KEY_BYTES); /* not in force yet */
    hospital_restart(h);
    assert_ok(node_rotate(h->node, which, NOW, &again));
    assert_string_equal(text, again);
    assert_refused(ERR_STATE, "another kind", node_rotate(h->node, !which, NOW, &other));
    assert_refused(ERR_DENIED, "does not have this node's new keys",
                   node_adopt(h->node, roster_bytes(h->node->consortium.roster)));
    next_roster(h, text, &roster);
    assert_ok(node_adopt(h->node, codec_view(&roster)));
    for (int restarted = 0; restarted < 2; restarted++) {
        bool same = memcmp(h->node->key, before, KEY_BYTES) == 0;
        assert_int_equal(same, which == NODE_NEXT_NETWORK);
        identity_public(h->node->identity, after);
        assert_memory_equal(after, h->node->key, KEY_BYTES);
        identity_curve(h->node->identity, after);
        assert_memory_not_equal(after, curve, KEY_BYTES);
        assert_non_null(roster_by_key(h->node->consortium.roster, h->node->key));
        hospital_restart(h);
    }
    bytes_free(&roster);
    mem_free(again);
    mem_free(text);
}

static void node__new_keys_come_into_force_with_a_roster(void **state)
{
    struct hospital *h = *state;
    size_t entries = hospital_entries(h, AUDIT_KEY);
    rotates(h, NODE_NEXT_IDENTITY);
    rotates(h, NODE_NEXT_NETWORK);
    assert_int_equal(hospital_entries(h, AUDIT_KEY), entries + 4);
}

/* Killed at any call that changes a file: the old keys with the old roster or the new
 * ones with the new. */
static void node__killed_between_keys_it_has_one_set(void **state)
{
    struct hospital *h = *state;
    struct bytes roster = {0};
    uint8_t before[KEY_BYTES];
    char *text;
    bool done = false;
    int call = 0;
    memcpy(before, h->node->key, KEY_BYTES);
    assert_ok(node_rotate(h->node, NODE_NEXT_IDENTITY, NOW, &text));
    next_roster(h, text, &roster);
    node_destroy(&h->node);
    for (; !done; call++) {
        pid_t child = fork();
        if (child == 0) {
            if (node_open(h->folder, &h->node) != ERR_OK)
                _exit(1);
            fault_arm(FAULT_ANY, call, FAULT_KILL);
            _exit(node_adopt(h->node, codec_view(&roster)) == ERR_OK ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        assert_ok(node_open(h->folder, &h->node));
        done = memcmp(h->node->key, before, KEY_BYTES) != 0;
        assert_int_equal(roster_fields(h->node->consortium.roster)->version,
                         done ? 2 : 1);
        assert_non_null(roster_by_key(h->node->consortium.roster, h->node->key));
        node_destroy(&h->node);
    }
    assert_true(call > 5);
    assert_ok(node_open(h->folder, &h->node));
    bytes_free(&roster);
    mem_free(text);
}

/* One set of keys with its roster, in memory. */
static bool has_one_set(struct node *node, const uint8_t old[KEY_BYTES], uint64_t version)
{
    uint8_t key[KEY_BYTES];
    bool new = memcmp(node->key, old, KEY_BYTES) != 0;
    identity_public(node->identity, key);
    return memcmp(key, node->key, KEY_BYTES) == 0 &&
           roster_by_key(node->consortium.roster, node->key) &&
           roster_fields(node->consortium.roster)->version == version + new;
}

/* In a process of its own: 0 when the new keys came into force, 3 when it said that they
 * did not and goes on with the old ones, 6 when a sync failed, after which nobody knows
 * what is on the disk and the store takes no more. */
static int adopt_on_a_bad_disk(struct hospital *h, const struct bytes *roster,
                               const uint8_t old[KEY_BYTES], uint64_t version,
                               const int how[3])
{
    const struct audit_entry entry = {.kind = AUDIT_EXPORT, .wall = NOW};
    if (node_open(h->folder, &h->node) != ERR_OK)
        return 1;
    (how[2] ? fault_arm_for_ever : fault_arm)(FAULT_ANY, how[0], how[1]);
    enum err result = node_adopt(h->node, codec_view(roster));
    fault_disarm();
    bool same = memcmp(h->node->key, old, KEY_BYTES) == 0;
    if (!has_one_set(h->node, old, version) || same != (result != ERR_OK))
        return 4;
    if (audit_write_alone(h->node->store, &entry, "still here") != ERR_OK)
        return strstr(err_text(), "the disk refused to sync; close it") ? 6 : 5;
    return result == ERR_OK ? 0 : 3;
}

/* The same with calls that fail, once or from then on, or take half of what is written:
 * what the process was told is what the next one finds, and always one set. */
static void node__a_disk_that_refuses_leaves_one_set_of_keys(void **state)
{
    struct hospital *h = *state;
    static const int ways[][2] = {
        {EIO, 0}, {ENOSPC, 0}, {EIO, 1}, {ENOSPC, 1}, {FAULT_SHORT, 0}};
    int refused = 0;
    for (size_t way = 0; way < 5; way++) {
        struct bytes roster = {0};
        uint8_t old[KEY_BYTES];
        char *text;
        bool done = false;
        memcpy(old, h->node->key, KEY_BYTES);
        uint64_t version = roster_fields(h->node->consortium.roster)->version;
        assert_ok(node_rotate(h->node, NODE_NEXT_IDENTITY, NOW, &text));
        next_roster(h, text, &roster);
        node_destroy(&h->node);
        for (int call = 0; !done; call++) {
            const int how[] = {call, ways[way][0], ways[way][1]};
            pid_t child = fork();
            if (child == 0)
                _exit(adopt_on_a_bad_disk(h, &roster, old, version, how));
            int status;
            waitpid(child, &status, 0);
            assert_true(WIFEXITED(status));
            int code = WEXITSTATUS(status);
            if (code != 0 && code != 3 && code != 6)
                fail_msg("way %zu, call %d: %d", way, call, code);
            refused += code != 0;
            assert_ok(node_open(h->folder, &h->node));
            assert_true(has_one_set(h->node, old, version));
            done = memcmp(h->node->key, old, KEY_BYTES) != 0;
            if (code != 6)
                assert_int_equal(done, code == 0);
            if (!done)
                node_destroy(&h->node);
        }
        bytes_free(&roster);
        mem_free(text);
    }
    printf("%d refused\n", refused);
    assert_true(refused > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOSPITAL(node__what_is_set_up_is_on_record),
        IN_HOSPITAL(node__a_setting_that_changes_is_on_record_once),
        IN_HOSPITAL(node__decisions_and_priors_are_on_record),
        IN_HOSPITAL(node__an_entry_that_was_changed_stops_it),
        IN_HOSPITAL(node__a_tail_that_was_cut_off_stops_it),
        IN_HOSPITAL(node__a_charge_without_its_release_stops_it),
        IN_HOSPITAL(node__a_release_without_its_charge_stops_it),
        IN_HOSPITAL(node__a_release_of_another_round_stops_it),
        IN_HOSPITAL(node__a_record_may_begin_late),
        IN_HOSPITAL(node__another_store_key_is_its_rotators_doing),
        IN_HOSPITAL(node__new_keys_come_into_force_with_a_roster),
        IN_HOSPITAL(node__killed_between_keys_it_has_one_set),
        IN_HOSPITAL(node__a_disk_that_refuses_leaves_one_set_of_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
