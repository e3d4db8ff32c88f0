#include "node/restore.h"

#include <sys/wait.h>

#include "canary.h"
#include "fault.h"
#include "hospital.h"
#include "node/newest.h"
#include "node/part.h"
#include "node/signals.h"

static const struct consent_decision patient_asks = {"patient", 1000, 1764000100};

static char *path_in(struct canary *h, const char *name)
{
    return scratch_path(h->directory, name);
}

static void *key_of(struct canary *h)
{
    void *key;
    char *path = file_join(h->folder, "store.key");
    assert_ok(file_read_secret(path, STORE_KEY_BYTES, &key));
    mem_free(path);
    return key;
}

static struct keyring *ring_of(struct canary *h, const char *name)
{
    struct keyring *keyring;
    void *key = key_of(h);
    char *path = file_join(h->folder, name);
    assert_ok(keyring_open(path, key, &keyring));
    secret_free(key);
    mem_free(path);
    return keyring;
}

static void create(struct canary *h, const char *name, struct backup_about *about)
{
    char *path = path_in(h, name);
    assert_ok(backup_create(h->node, path, 1764000050, about));
    free(path);
}

static enum err restore(struct canary *h, const char *name, const char *to,
                        const struct keyring *keyring, struct backup_about *about)
{
    char *path = path_in(h, name), *folder = path_in(h, to);
    void *key = key_of(h);
    enum err err = restore_home(path, folder, key, keyring, about);
    secret_free(key);
    free(folder);
    free(path);
    return err;
}

static struct node *opened(struct canary *h, const char *name)
{
    struct node *node;
    char *folder = path_in(h, name);
    assert_ok(node_open(folder, &node));
    free(folder);
    return node;
}

/* Every row of every table but those that are meant to differ, as text. */
static void dump(struct node *node, struct bytes *text)
{
    static const char *const tables[] = {
        "patients", "doses",   "covariates",   "measurements",   "signals",
        "imports",  "studies", "links",        "attempts",       "ledger",
        "consents", "named",   "patient_keys", "ledger_patients"};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        struct query *query;
        bool row;
        char *sql = mem_format("SELECT * FROM %s WHERE '%s' <> 'named' OR"
                               " name NOT IN ('restored', 'policy_least') ORDER BY 1, 2",
                               tables[t], tables[t]);
        if (strcmp(tables[t], "named") != 0) {
            mem_free(sql);
            sql = mem_format("SELECT * FROM %s ORDER BY 1, 2", tables[t]);
        }
        assert_ok(store_query(node->store, sql, &query));
        while (query_step(query, &row) == ERR_OK && row)
            for (int i = 0; i < query_columns(query); i++) {
                size_t size;
                const void *value = query_get_blob(query, i, &size);
                bytes_text(text, query_column_name(query, i));
                bytes_u8(text, (uint8_t)query_get_kind(query, i));
                bytes_field(text, value, size);
            }
        mem_free(sql);
    }
}

/* --- what comes back
 * ----------------------------------------------------------------------------- */

static void backup__a_restored_home_holds_every_row(void **state)
{
    struct canary *h = *state;
    struct backup_about about, again;
    struct bytes before = {0}, after = {0};
    uint8_t key[KEY_BYTES], head[HASH_BYTES];
    size_t patients;
    canary_import_table(h);
    canary_charge(h->node, 1);
    create(h, "a.backup", &about);
    assert_int_equal(about.patients, 3);
    assert_int_equal(about.ledger_length, 1);
    dump(h->node, &before);
    memcpy(key, h->node->key, KEY_BYTES);
    ledger_head(h->node->ledger, head);
    struct keyring *keyring = ring_of(h, "patients.keyring");
    assert_ok(restore(h, "a.backup", "b", keyring, &again));
    keyring_destroy(&keyring);
    assert_int_equal(again.rows, about.rows);
    assert_int_equal(again.erased + again.strangers, 0);
    struct node *node = opened(h, "b");
    dump(node, &after);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    assert_ok(signals_check(node, NULL, NULL, &patients));
    assert_int_equal(patients, 3);
    assert_memory_equal(node->key, key, KEY_BYTES);
    assert_int_equal(ledger_length(node->ledger), 1);
    assert_memory_equal(about.ledger_head, head, HASH_BYTES);
    assert_string_equal(conf_text(node->conf, "name"), "St Anna");
    node_destroy(&node);
    bytes_free(&before);
    bytes_free(&after);
}

/* --- what nobody can read
 * ------------------------------------------------------------------------ */

static void read_file(struct canary *h, const char *name, struct bytes *bytes)
{
    char *path = path_in(h, name);
    bytes->size = 0;
    assert_ok(file_read(path, (size_t)1 << 28, bytes));
    free(path);
}

static void backup__nothing_of_it_is_in_the_clear(void **state)
{
    struct canary *h = *state;
    struct backup_about about;
    struct bytes file = {0};
    canary_import_table(h);
    create(h, "a.backup", &about);
    const char *const files[] = {"a.backup", "home/patients.keyring"};
    for (size_t i = 0; i < 2; i++) {
        read_file(h, files[i], &file);
        assert_int_equal(canary_count(&file), 0);
        assert_false(pages_hold(&file, "SQLite format 3", 15));
        assert_false(pages_hold(&file, "St Anna", 7));
        assert_false(pages_hold(&file, "anna", 4));
        assert_false(pages_hold(&file, "patients", 8));
    }
    bytes_free(&file);
}

static void backup__any_changed_byte_is_named_and_refused(void **state)
{
    struct canary *h = *state;
    struct backup_about about;
    struct bytes file = {0};
    char *path = path_in(h, "a.backup"), *bad = path_in(h, "bad.backup");
    canary_import_table(h);
    create(h, "a.backup", &about);
    read_file(h, "a.backup", &file);
    void *key = key_of(h);
    struct keyring *keyring = ring_of(h, "patients.keyring");
    for (size_t i = 0; i < file.size; i++) {
        file.data[i] ^= (uint8_t)(1 << i % 8);
        FILE *out = fopen(bad, "wb");
        assert_int_equal(fwrite(file.data, 1, file.size, out), file.size);
        fclose(out);
        enum err err = restore_check(bad, key, keyring, &about);
        if (err != ERR_VERIFY && err != ERR_KEY && err != ERR_FORMAT)
            fail_msg("byte %zu of %zu: %s", i, file.size, err_name(err));
        assert_non_null(strstr(err_text(), "bad.backup"));
        if (i >= 72)
            assert_non_null(strstr(err_text(), ": piece "));
        file.data[i] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t size = 0; size < file.size; size += size < 200 ? 1 : 37) {
        assert_ok(file_write(bad, file.data, size, 0600));
        assert_int_not_equal(restore_check(bad, key, keyring, &about), ERR_OK);
    }
    bytes_append(&file, "x", 1);
    assert_ok(file_write(bad, file.data, file.size, 0600));
    assert_refused(ERR_VERIFY, "something follows",
                   restore_check(bad, key, keyring, &about));
    assert_ok(restore_check(path, key, keyring, &about));
    assert_ok(restore_check(path, key, NULL, &about));
    assert_int_equal(about.patients, 3);
    keyring_destroy(&keyring);
    secret_free(key);
    bytes_free(&file);
    free(bad);
    free(path);
}

/* The same of the keyring. */
static void backup__any_changed_byte_of_the_keyring_is_refused(void **state)
{
    struct canary *h = *state;
    struct bytes file = {0};
    struct keyring *keyring;
    char *bad = path_in(h, "bad.keyring");
    canary_import_table(h);
    assert_ok(keyring_write(h->node));
    read_file(h, "home/patients.keyring", &file);
    void *key = key_of(h);
    for (size_t i = 0; i < file.size; i++) {
        file.data[i] ^= (uint8_t)(1 << i % 8);
        FILE *out = fopen(bad, "wb");
        assert_int_equal(fwrite(file.data, 1, file.size, out), file.size);
        fclose(out);
        enum err err = keyring_open(bad, key, &keyring);
        assert_true(err == ERR_VERIFY || err == ERR_KEY || err == ERR_FORMAT);
        assert_non_null(strstr(err_text(), "bad.keyring"));
        file.data[i] ^= (uint8_t)(1 << i % 8);
    }
    secret_free(key);
    bytes_free(&file);
    free(bad);
}

/* --- whoever was erased or has withdrawn since
 * ------------------------------------------------------------ */

static void backup__who_was_erased_since_does_not_come_back(void **state)
{
    struct canary *h = *state;
    struct backup_about about;
    struct consent_erased erased;
    struct patients_import report;
    struct bytes before = {0};
    int64_t id;
    canary_import_table(h);
    create(h, "a.backup", &about);
    read_file(h, "home/patients.keyring", &before);
    assert_ok(consent_erase(h->node, CANARY, &patient_asks, &erased));
    assert_ok(keyring_follow(h->node));
    struct keyring *keyring = ring_of(h, "patients.keyring");
    assert_ok(restore(h, "a.backup", "b", keyring, &about));
    keyring_destroy(&keyring);
    assert_int_equal(about.erased, 1);
    node_destroy(&h->node);
    char *original = h->folder;
    h->folder = path_in(h, "b");
    assert_ok(node_open(h->folder, &h->node));
    assert_int_equal(canary_markers(h), 0);
    assert_refused(ERR_NOT_FOUND, "", patients_find(h->node, CANARY, &id));
    assert_refused(ERR_DENIED, "erased here", canary_import(h, canary_table, &report));
    /* What it rests on, and no more than that: an old copy of the keyring opens all. */
    char *old = path_in(h, "home/old.keyring");
    assert_ok(file_write(old, before.data, before.size, 0600));
    node_destroy(&h->node);
    free(h->folder);
    h->folder = original;
    keyring = ring_of(h, "old.keyring");
    assert_ok(restore(h, "a.backup", "c", keyring, &about));
    assert_int_equal(about.erased, 0);
    keyring_destroy(&keyring);
    assert_ok(node_open(h->folder, &h->node));
    bytes_free(&before);
    free(old);
}

/* Erased, agreed anew, imported again: the old backup holds the old record, which stays
 * closed. */
static void backup__who_came_back_has_another_key(void **state)
{
    struct canary *h = *state;
    struct backup_about about;
    struct consent_erased erased;
    struct patients_import report;
    const struct consent_decision renewed = {"renewed", 1000, 1764000200};
    const char *name = CANARY;
    size_t changed;
    canary_import_table(h);
    create(h, "a.backup", &about);
    assert_ok(consent_erase(h->node, CANARY, &patient_asks, &erased));
    assert_ok(consent_decide(h->node, &name, 1, CONSENT_IN, &renewed, &changed));
    assert_ok(canary_import(h, canary_table, &report));
    create(h, "b.backup", &about);
    struct keyring *keyring = ring_of(h, "patients.keyring");
    assert_ok(restore(h, "a.backup", "b", keyring, &about));
    assert_int_equal(about.erased, 1);
    assert_ok(restore(h, "b.backup", "c", keyring, &about));
    assert_int_equal(about.erased, 0);
    keyring_destroy(&keyring);
}

static void backup__who_has_withdrawn_since_stays_withdrawn(void **state)
{
    struct canary *h = *state;
    struct backup_about about;
    struct patient *patients;
    size_t changed, count;
    const char *name = "anna";
    canary_import_table(h);
    create(h, "a.backup", &about);
    assert_ok(
        consent_decide(h->node, &name, 1, CONSENT_WITHDRAWN, &patient_asks, &changed));
    assert_ok(keyring_follow(h->node));
    struct keyring *keyring = ring_of(h, "patients.keyring");
    assert_ok(restore(h, "a.backup", "b", keyring, &about));
    keyring_destroy(&keyring);
    struct node *node = opened(h, "b");
    assert_ok(patients_list(node, &patients, &count));
    assert_int_equal(count, 2);
    patients_free(patients, count);
    node_destroy(&node);
}

static void backup__the_keyring_follows_every_decision(void **state)
{
    struct canary *h = *state;
    struct keyring_state s;
    struct consent_erased erased;
    struct backup_about about;
    size_t changed;
    const char *name = "anna";
    canary_import_table(h);
    assert_ok(keyring_state(h->node, &s));
    assert_false(s.used);
    assert_ok(keyring_follow(h->node)); /* nothing to follow */
    char *path = path_in(h, "home/patients.keyring");
    assert_false(file_exists(path));
    create(h, "a.backup", &about);
    assert_ok(keyring_state(h->node, &s));
    assert_true(s.used && !s.due && s.number == 1);
    assert_ok(
        consent_decide(h->node, &name, 1, CONSENT_WITHDRAWN, &patient_asks, &changed));
    assert_ok(keyring_state(h->node, &s));
    assert_true(s.due);
    assert_ok(keyring_follow(h->node));
    assert_ok(keyring_state(h->node, &s));
    assert_true(!s.due && s.number == 2);
    assert_ok(consent_erase(h->node, "bert", &patient_asks, &erased));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* the disk is not there */
    assert_int_not_equal(keyring_follow(h->node), ERR_OK);
    assert_ok(keyring_state(h->node, &s));
    assert_true(s.due);
    assert_int_equal(rmdir(path), 0);
    assert_ok(keyring_follow(h->node));
    struct keyring *keyring = ring_of(h, "patients.keyring");
    assert_null(keyring_find(keyring, erased.pseudonym));
    keyring_destroy(&keyring);
    free(path);
}

/* --- what it refuses
 * -------------------------------------------------------------------------- */

static void backup__refuses_what_does_not_belong_together(void **state)
{
    struct canary *h = *state;
    struct backup_about about;
    struct bytes first = {0};
    uint8_t other[STORE_KEY_BYTES] = {7};
    struct keyring *keyring;
    canary_import_table(h);
    create(h, "a.backup", &about);
    char *path = path_in(h, "a.backup"), *old = path_in(h, "home/old.keyring");
    assert_refused(ERR_STATE, "exists already", backup_create(h->node, path, 1, &about));
    read_file(h, "home/patients.keyring", &first);
    create(h, "b.backup", &about);
    assert_int_equal(about.keyring, 3); /* the refused one had written it too */
    assert_ok(file_write(old, first.data, first.size, 0600));
    keyring = ring_of(h, "old.keyring");
    assert_refused(ERR_VERIFY, "the keyring is older",
                   restore(h, "b.backup", "b", keyring, &about));
    keyring_destroy(&keyring);
    assert_refused(ERR_KEY, "another store key",
                   restore_check(path, other, NULL, &about));
    assert_refused(ERR_KEY, "another store key", keyring_open(old, other, &keyring));
    assert_refused(ERR_FORMAT, "not a backup", restore_check(old, other, NULL, &about));
    assert_refused(ERR_FORMAT, "not a keyring", keyring_open(path, other, &keyring));
    keyring = ring_of(h, "patients.keyring");
    assert_refused(ERR_STATE, "not empty",
                   restore(h, "a.backup", "home", keyring, &about));
    node_destroy(&h->node);
    assert_ok(node_open(h->folder, &h->node)); /* and it is as it was */
    char *empty = path_in(h, "empty");
    assert_int_equal(mkdir(empty, 0700), 0);
    assert_ok(restore(h, "a.backup", "empty", keyring, &about));
    keyring_destroy(&keyring);
    bytes_free(&first);
    free(empty);
    free(old);
    free(path);
}

/* Killed at any call that changes a file or a name, what was to be made is there whole or
 * not at all, and the next try succeeds. */
static void backup__killed_on_the_way_leaves_nothing_half(void **state)
{
    struct canary *h = *state;
    struct backup_about about;
    char *path = path_in(h, "a.backup"), *folder = path_in(h, "b");
    size_t before = 0;
    canary_import_table(h);
    node_destroy(&h->node);
    void *key = key_of(h);
    for (int step = 0; step < 2; step++) {
        bool done = false;
        for (int call = 0; !done; call++) {
            pid_t child = fork();
            if (child == 0) {
                enum err err = ERR_OK;
                struct keyring *keyring = NULL;
                if (step == 0)
                    err = node_open(h->folder, &h->node);
                else
                    keyring = ring_of(h, "patients.keyring");
                fault_arm(FAULT_ANY | FAULT_NAME, call,
                          call % 2 ? FAULT_KILL_HALF : FAULT_KILL);
                if (err == ERR_OK && step == 0)
                    err = backup_create(h->node, path, 1764000000, &about);
                else if (err == ERR_OK)
                    err = restore_home(path, folder, key, keyring, &about);
                _exit(err == ERR_OK ? 0 : 1);
            }
            int status;
            waitpid(child, &status, 0);
            assert_true(WIFSIGNALED(status) ||
                        (WIFEXITED(status) && !WEXITSTATUS(status)));
            done = file_exists(step == 0 ? path : folder);
            before += !done;
            if (done && step == 0) {
                assert_ok(restore_check(path, key, NULL, &about));
            } else if (done) {
                struct node *node = opened(h, "b");
                assert_int_equal(about.patients, 3);
                node_destroy(&node);
            }
        }
    }
    assert_true(before >= 20);
    secret_free(key);
    free(folder);
    free(path);
}

/* --- an older copy of itself
 * ------------------------------------------------------------------- */

static enum err hear(struct hospital *h, uint64_t length, const uint8_t head[HASH_BYTES])
{
    struct node_exchange exchange;
    struct node_exchange_news news = {0};
    struct bytes question = {0}, answer = {0};
    struct reply reply = {.retry_after_ms = 1000, .waiting = "nothing", .now = NOW};
    reply.ledger_length = length;
    memcpy(reply.ledger_head, head, HASH_BYTES);
    assert_ok(node_exchange_ask(h->node, &exchange, NULL, &question));
    hospital_reply(h, &question, &reply, &answer);
    enum err err =
        node_exchange_take(h->node, &h->clock, &exchange, NULL, &answer, &news);
    node_exchange_news_clear(&news);
    bytes_free(&question);
    bytes_free(&answer);
    return err;
}

static enum err enter(struct hospital *h)
{
    struct plan plan = hospital_plan(h);
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    struct part *part;
    assert_ok(plan_sign(h->c->coordinator, &plan, &bytes, hash));
    struct part_refusal refusal;
    enum err err = part_new(h->node, &h->clock, h->c->terms.study, codec_view(&bytes),
                            NULL, &part, &refusal);
    if (err == ERR_DENIED) /* what it waits for, the coordinator is not told */
        assert_int_equal(refusal.reason, REASON_BUSY);
    part_destroy(&part);
    bytes_free(&bytes);
    return err;
}

static void backup__a_restored_node_enters_nothing_before_it_was_compared(void **state)
{
    struct hospital *h = *state;
    struct backup_about about;
    struct keyring *keyring;
    void *key;
    uint8_t head[HASH_BYTES], longer[HASH_BYTES] = {9};
    struct node_study *study = hospital_approved(h);
    node_study_destroy(&study);
    hospital_patients(h, PATIENTS);
    canary_charge(h->node, 9);
    ledger_head(h->node->ledger, head);
    char *path = scratch_path(h->directory, "a.backup");
    char *ring = file_join(h->folder, "patients.keyring");
    char *key_path = file_join(h->folder, "store.key");
    char *restored = scratch_path(h->directory, "restored");
    assert_ok(backup_create(h->node, path, NOW, &about));
    assert_ok(file_read_secret(key_path, STORE_KEY_BYTES, &key));
    assert_ok(keyring_open(ring, key, &keyring));
    assert_ok(restore_home(path, restored, key, keyring, &about));
    node_destroy(&h->node);
    assert_ok(node_open(restored, &h->node));
    assert_refused(ERR_DENIED, "restored from a backup of", enter(h));
    assert_ok(
        hear(h, 0, longer)); /* a coordinator that knows of no ledger proves nothing */
    assert_refused(ERR_DENIED, "restored from a backup of", enter(h));
    assert_refused(ERR_VERIFY, reason_sentence(REASON_LEDGER_BEHIND),
                   hear(h, 2, longer)); /* it was charged for more */
    assert_refused(ERR_VERIFY, "the consortium knows 2 entries", enter(h));
    assert_int_equal(hospital_entries(h, AUDIT_RESTORE), 1);
    assert_ok(newest_keep(h->node, 1, head)); /* as if it had not said that */
    assert_ok(hear(h, 1, head));
    assert_int_equal(hospital_entries(h, AUDIT_RESTORE), 2);
    assert_ok(enter(h));
    assert_ok(hear(h, 1, head));
    assert_int_equal(hospital_entries(h, AUDIT_RESTORE), 2);
    keyring_destroy(&keyring);
    secret_free(key);
    free(restored);
    mem_free(key_path);
    mem_free(ring);
    free(path);
}

/* The officers have lowered what they permit since: an older policy is not enough. */
static void backup__a_restored_node_needs_the_newest_policy(void **state)
{
    struct hospital *h = *state;
    struct backup_about about;
    struct keyring *keyring;
    struct bytes file = {0};
    void *key;
    static const uint8_t none[HASH_BYTES];
    struct node_study *study = hospital_approved(h);
    node_study_destroy(&study);
    hospital_patients(h, PATIENTS);
    char *path = scratch_path(h->directory, "a.backup");
    char *ring = file_join(h->folder, "patients.keyring");
    char *key_path = file_join(h->folder, "store.key");
    char *restored = scratch_path(h->directory, "restored");
    assert_ok(backup_create(h->node, path, NOW, &about));
    hospital_policy_file(h, NULL, 3, &file);
    assert_ok(policies_install(h->node, "x.policy", file.data, file.size, h->now));
    assert_ok(keyring_follow(h->node));
    assert_ok(file_read_secret(key_path, STORE_KEY_BYTES, &key));
    assert_ok(keyring_open(ring, key, &keyring));
    assert_ok(restore_home(path, restored, key, keyring, &about));
    node_destroy(&h->node);
    assert_ok(node_open(restored, &h->node));
    assert_ok(hear(h, 0, none)); /* an empty ledger is not behind */
    assert_refused(ERR_DENIED, "version 1 of the officers' policy, and version 2 had",
                   enter(h));
    assert_ok(policies_install(h->node, "x.policy", file.data, file.size, h->now));
    assert_ok(enter(h));
    keyring_destroy(&keyring);
    secret_free(key);
    bytes_free(&file);
    free(restored);
    mem_free(key_path);
    mem_free(ring);
    free(path);
}

#define IN_HOME(test)                                                                    \
    cmocka_unit_test_setup_teardown(test, canary_set_up, canary_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOME(backup__a_restored_home_holds_every_row),
        IN_HOME(backup__nothing_of_it_is_in_the_clear),
        IN_HOME(backup__any_changed_byte_is_named_and_refused),
        IN_HOME(backup__any_changed_byte_of_the_keyring_is_refused),
        IN_HOME(backup__who_was_erased_since_does_not_come_back),
        IN_HOME(backup__who_came_back_has_another_key),
        IN_HOME(backup__who_has_withdrawn_since_stays_withdrawn),
        IN_HOME(backup__the_keyring_follows_every_decision),
        IN_HOME(backup__refuses_what_does_not_belong_together),
        IN_HOME(backup__killed_on_the_way_leaves_nothing_half),
        IN_HOSPITAL(backup__a_restored_node_enters_nothing_before_it_was_compared),
        IN_HOSPITAL(backup__a_restored_node_needs_the_newest_policy),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
