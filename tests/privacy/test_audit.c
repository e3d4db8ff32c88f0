#include "privacy/audit.h"

#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "scratch.h"

#define WALL ((uint64_t)1764000000) /* a day begins at 1763942400 */
#define DAY ((uint64_t)86400)

static const uint8_t KEY[STORE_KEY_BYTES] = {7};
static const char *const STEPS[] = {AUDIT_SCHEMA};
static const struct store_schema SCHEMA = {"gemel-test", STEPS, 1};
static const struct conf_setting SETTINGS[] = {
    {"name", CONF_TEXT, "St Anna", 0, 0, "."},
    {"epsilon_max", CONF_REAL, "1", 1e-3, 20, "."},
};
static const uint8_t study[AUDIT_STUDY_BYTES] = "of the pressure";
static const uint8_t patient[AUDIT_PATIENT_BYTES] = "a pseudonym";
static const uint8_t object[HASH_BYTES] = "the hash of something";

struct fixture {
    void *folder;
    char *path;
    struct store *store;
};

static int setup(void **state)
{
    struct fixture *fixture = mem_new(1, sizeof *fixture);
    scratch_setup(&fixture->folder);
    fixture->path = scratch_path(fixture->folder, "store");
    assert_ok(store_create(fixture->path, KEY, &SCHEMA, &fixture->store));
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    store_destroy(&fixture->store);
    free(fixture->path);
    int failed = scratch_teardown(&fixture->folder);
    mem_free(fixture);
    return failed;
}

static uint64_t length(struct fixture *fixture)
{
    uint64_t count;
    assert_ok(audit_verify(fixture->store, &count, NULL));
    return count;
}

static struct audit_entry release(uint64_t round)
{
    const uint32_t user = 1000;
    static uint32_t kept;
    kept = user;
    return (struct audit_entry){.kind = AUDIT_RELEASE,
                                .wall = WALL,
                                .study = study,
                                .round = round,
                                .attempt = 2,
                                .patient = patient,
                                .object = object,
                                .user = &kept};
}

static void write_some(struct fixture *fixture, uint64_t count)
{
    for (uint64_t round = 1; round <= count; round++) {
        const struct audit_entry entry = release(round);
        assert_ok(audit_write_alone(fixture->store, &entry, "round %llu left",
                                    (unsigned long long)round));
    }
}

/* The row of some number, copied. */
struct found {
    uint64_t number;
    struct audit_row row;
    uint8_t hash[HASH_BYTES];
    char sentence[AUDIT_SENTENCE_MAX + 1];
    uint8_t study[AUDIT_STUDY_BYTES], patient[AUDIT_PATIENT_BYTES], object[HASH_BYTES];
};

static enum err pick(void *context, const struct audit_row *row)
{
    struct found *found = context;
    if (row->number != found->number)
        return ERR_OK;
    found->row = *row;
    memcpy(found->hash, row->hash, HASH_BYTES);
    memcpy(found->study, row->entry.study, AUDIT_STUDY_BYTES);
    memcpy(found->patient, row->entry.patient, AUDIT_PATIENT_BYTES);
    memcpy(found->object, row->entry.object, HASH_BYTES);
    snprintf(found->sentence, sizeof found->sentence, "%s", row->sentence);
    return ERR_OK;
}

static struct found at(struct fixture *fixture, uint64_t number)
{
    struct found found = {.number = number};
    assert_ok(audit_each(fixture->store, 1, pick, &found));
    assert_int_equal(found.row.number, number);
    return found;
}

/* --- what is written
 * ------------------------------------------------------------------------------ */

static void audit__keeps_what_was_written(void **state)
{
    struct fixture *fixture = *state;
    const struct audit_entry full = release(7), bare = {.kind = AUDIT_STOP};
    assert_ok(audit_write_alone(fixture->store, &full, "%s", "it left"));
    assert_ok(audit_write_alone(fixture->store, &bare, "the end"));
    struct found first = at(fixture, 1), second = at(fixture, 2);
    assert_int_equal(first.row.entry.kind, AUDIT_RELEASE);
    assert_int_equal(first.row.entry.wall, WALL);
    assert_int_equal(first.row.entry.round, 7);
    assert_int_equal(first.row.entry.attempt, 2);
    assert_int_equal(first.row.user, 1000);
    assert_memory_equal(first.study, study, sizeof study);
    assert_memory_equal(first.patient, patient, sizeof patient);
    assert_memory_equal(first.object, object, sizeof object);
    assert_string_equal(first.sentence, "it left");
    assert_int_equal(second.row.entry.kind, AUDIT_STOP);
    assert_int_equal(second.row.user, getuid());
    assert_true(second.row.entry.wall > WALL); /* now */
    assert_true(bytes_are_zero(second.study, sizeof second.study));
    assert_true(bytes_are_zero(second.object, sizeof second.object));
}

/* The hash as docs/formats.md describes it, put together from its parts by hand. */
static void audit__hashes_as_described(void **state)
{
    struct fixture *fixture = *state;
    const struct audit_entry entry = release(7);
    uint8_t first[HASH_BYTES], second[HASH_BYTES];
    struct bytes body = {0};
    assert_ok(audit_write_alone(fixture->store, &entry, "it left"));
    assert_ok(audit_write_alone(fixture->store, &entry, "again"));
    for (uint64_t number = 1; number <= 2; number++) {
        const char *sentence = number == 1 ? "it left" : "again";
        uint8_t zeros[HASH_BYTES] = {0};
        body.size = 0;
        bytes_append(&body, number == 1 ? zeros : first, HASH_BYTES);
        bytes_u64(&body, number);
        bytes_u64(&body, 1764000000);
        bytes_field(&body, "release", 7);
        bytes_u32(&body, 1000);
        bytes_append(&body, study, 16);
        bytes_u64(&body, 7);
        bytes_u32(&body, 2);
        bytes_append(&body, patient, 16);
        bytes_append(&body, object, 32);
        bytes_field(&body, sentence, strlen(sentence));
        bytes_hash("gemel/audit/1", body.data, body.size, number == 1 ? first : second);
    }
    assert_memory_equal(at(fixture, 1).hash, first, HASH_BYTES);
    assert_memory_equal(at(fixture, 2).hash, second, HASH_BYTES);
    char digits[2 * HASH_BYTES + 1];
    bytes_to_hex(first, HASH_BYTES, digits);
    /* hashlib.blake2b in Python over the same bytes */
    assert_string_equal(
        digits, "592f01b37dc7e8af8bc3fbe8d902c00d0a4ba45fb46e314b3935730d8d267b53");
    bytes_free(&body);
}

static void audit__sentences_are_one_line_of_text(void **state)
{
    struct fixture *fixture = *state;
    const struct audit_entry entry = {.kind = AUDIT_STOP};
    char longest[2 * AUDIT_SENTENCE_MAX];
    assert_ok(audit_write_alone(fixture->store, &entry, "a\nb\x01\x7f\xff\xc3\xa9"));
    assert_string_equal(at(fixture, 1).sentence, "a?b???\xc3\xa9");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    memcpy(longest + AUDIT_SENTENCE_MAX - 1, "\xc3\xa9", 2); /* does not fit whole */
    assert_ok(audit_write_alone(fixture->store, &entry, "%s", longest));
    assert_int_equal(strlen(at(fixture, 2).sentence), AUDIT_SENTENCE_MAX - 1);
    assert_int_equal(length(fixture), 2);
}

static void audit__is_written_with_what_it_records(void **state)
{
    struct fixture *fixture = *state;
    const struct audit_entry entry = release(1);
    assert_refused(ERR_STATE, "outside a transaction",
                   audit_write(fixture->store, &entry, "alone"));
    assert_ok(store_begin(fixture->store));
    assert_ok(audit_write(fixture->store, &entry, "one"));
    assert_ok(audit_write_alone(fixture->store, &entry, "two, in the same"));
    store_rollback(fixture->store);
    assert_int_equal(length(fixture), 0);
    assert_ok(store_begin(fixture->store));
    assert_ok(audit_write(fixture->store, &entry, "one"));
    assert_ok(store_commit(fixture->store));
    assert_int_equal(length(fixture), 1);
    const struct audit_entry wild = {.kind = AUDIT_STOP, .round = UINT64_MAX};
    assert_refused(ERR_RANGE, "2^63", audit_write_alone(fixture->store, &wild, "x"));
    assert_int_equal(length(fixture), 1);
}

static void audit__kinds_have_names_of_their_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < AUDIT_KIND_COUNT; i++) {
        enum audit_kind kind;
        assert_ok(audit_kind_from_name(audit_kind_name((enum audit_kind)i), &kind));
        assert_int_equal(kind, i);
    }
    enum audit_kind unused;
    assert_refused(ERR_NOT_FOUND, "gossip", audit_kind_from_name("gossip", &unused));
}

/* --- what is noticed
 * ------------------------------------------------------------------------------ */

/* Do some harm, see which entry is named, and undo it. */
static void harmed(struct fixture *fixture, const char *sql, const char *part)
{
    assert_ok(store_begin(fixture->store));
    char *statements = mem_text(sql), *rest = statements;
    for (char *statement; (statement = strsep(&rest, ";"));)
        if (statement[strspn(statement, " ")] && store_execute(fixture->store, statement))
            fail_msg("%s: %s", statement, err_text());
    mem_free(statements);
    if (audit_verify(fixture->store, NULL, NULL) != ERR_VERIFY)
        fail_msg("%s: not noticed", sql);
    if (!strstr(err_text(), part))
        fail_msg("%s: \"%s\" does not say \"%s\"", sql, err_text(), part);
    store_rollback(fixture->store);
    assert_ok(audit_verify(fixture->store, NULL, NULL));
}

static void audit__notices_every_change(void **state)
{
    struct fixture *fixture = *state;
    write_some(fixture, 6);
    static const char *const changes[][2] = {
        {"UPDATE audit SET wall = 0 WHERE number = 3", "entry 3"},
        {"UPDATE audit SET wall = -1 WHERE number = 3", "entry 3"},
        {"UPDATE audit SET kind = 'refusal' WHERE number = 3", "entry 3"},
        {"UPDATE audit SET kind = 'gossip' WHERE number = 3", "entry 3"},
        {"UPDATE audit SET user = 0 WHERE number = 3", "entry 3"},
        {"UPDATE audit SET user = 4294968296 WHERE number = 3", "entry 3"},
        {"UPDATE audit SET round = 9 WHERE number = 3", "entry 3"},
        {"UPDATE audit SET attempt = 4294967298 WHERE number = 3", "entry 3"},
        {"UPDATE audit SET study = zeroblob(15) WHERE number = 3", "entry 3"},
        {"UPDATE audit SET patient = zeroblob(16) WHERE number = 3", "entry 3"},
        {"UPDATE audit SET object = x'' WHERE number = 3", "entry 3"},
        {"UPDATE audit SET sentence = '' WHERE number = 3", "entry 3"},
        {"UPDATE audit SET sentence = sentence || ' ' WHERE number = 3", "entry 3"},
        {"UPDATE audit SET hash = zeroblob(32) WHERE number = 3", "entry 3"},
        {"UPDATE audit SET hash = zeroblob(32) WHERE number = 6", "entry 6"},
        {"UPDATE audit SET number = 7 WHERE number = 3", "entry 3"},
        {"UPDATE audit SET number = 0 WHERE number = 1", "entry 1"},
        {"DELETE FROM audit WHERE number = 1", "entry 1"},
        {"DELETE FROM audit WHERE number = 3", "entry 3"},
        {"DELETE FROM audit WHERE number = 6", "entry 6"},
        {"DELETE FROM audit WHERE number > 2", "entry 3"},
        {"DELETE FROM audit", "entry 1"},
        {"DELETE FROM audit_head", "entry 6"},
        {"UPDATE audit_head SET number = 5", "entry 6"},
        {"UPDATE audit_head SET hash = zeroblob(32)", "entry 6"},
        {"UPDATE audit SET number = 70 WHERE number = 3; UPDATE audit SET number = 3 "
         "WHERE number = 4; UPDATE audit SET number = 4 WHERE number = 70",
         "entry 3"},
        {"DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 "
         "WHERE number > 3",
         "entry 3"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        harmed(fixture, changes[i][0], changes[i][1]);
    assert_int_equal(length(fixture), 6);
}

/* Every byte of every field of every entry. */
static void audit__notices_every_byte(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *column;
        size_t size;
    } blobs[] = {{"study", 16}, {"patient", 16}, {"object", 32}, {"hash", 32}};
    write_some(fixture, 3);
    for (uint64_t number = 1; number <= 3; number++) {
        char *part = mem_format("entry %llu", (unsigned long long)number);
        for (size_t b = 0; b < 4; b++)
            for (size_t byte = 1; byte <= blobs[b].size; byte++) {
                struct found found = at(fixture, number);
                const uint8_t *data[] = {found.study, found.patient, found.object,
                                         found.hash};
                char digits[2 * HASH_BYTES + 1], *sql;
                uint8_t changed[HASH_BYTES];
                memcpy(changed, data[b], blobs[b].size);
                changed[byte - 1] ^= (uint8_t)(1 << byte % 8);
                bytes_to_hex(changed, blobs[b].size, digits);
                sql = mem_format("UPDATE audit SET %s = x'%s' WHERE number = %llu",
                                 blobs[b].column, digits, (unsigned long long)number);
                harmed(fixture, sql, part);
                mem_free(sql);
            }
        for (size_t byte = 1; byte <= strlen("round 1 left"); byte++) {
            char *sql = mem_format("UPDATE audit SET sentence = substr(sentence, 1, %zu) "
                                   "|| '_' || substr(sentence, %zu) WHERE number = %llu",
                                   byte - 1, byte + 1, (unsigned long long)number);
            harmed(fixture, sql, part);
            mem_free(sql);
        }
        for (int bit = 0; bit < 32; bit++) {
            static const char *const numbers[] = {"wall", "round", "attempt", "user"};
            for (size_t i = 0; i < 4; i++) {
                /* SQLite has no exclusive or */
                char *sql = mem_format(
                    "UPDATE audit SET %s = (%s | %lld) - (%s & %lld) WHERE number = %llu",
                    numbers[i], numbers[i], 1LL << bit, numbers[i], 1LL << bit,
                    (unsigned long long)number);
                harmed(fixture, sql, part);
                mem_free(sql);
            }
        }
        mem_free(part);
    }
}

/* --- refusals
 * ----------------------------------------------------------------------------- */

static void audit__enters_a_refusal_once(void **state)
{
    struct fixture *fixture = *state;
    struct audit_entry about = release(1);
    for (int again = 0; again < 3; again++)
        assert_ok(audit_refuse(fixture->store, &about, "the plan is late"));
    assert_int_equal(length(fixture), 1);
    assert_int_equal(at(fixture, 1).row.entry.kind, AUDIT_REFUSAL);
    assert_ok(audit_refuse(fixture->store, &about, "another cause"));
    about.attempt++;
    assert_ok(audit_refuse(fixture->store, &about, "the plan is late"));
    about.round++;
    assert_ok(audit_refuse(fixture->store, &about, "the plan is late"));
    about.object = NULL;
    assert_ok(audit_refuse(fixture->store, &about, "the plan is late"));
    about.study = NULL;
    assert_ok(audit_refuse(fixture->store, &about, "the plan is late"));
    assert_int_equal(length(fixture), 6);
    about.wall += DAY;
    assert_ok(audit_refuse(fixture->store, &about, "the plan is late"));
    assert_int_equal(length(fixture), 6);
}

static void audit__a_flood_of_refusals_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct audit_entry about = {.wall = WALL};
    const struct audit_entry other = {.kind = AUDIT_DISTRUST, .wall = WALL};
    for (about.round = 1; about.round <= 3 * AUDIT_REFUSALS_A_DAY; about.round++)
        assert_ok(audit_refuse(fixture->store, &about, "nonsense"));
    assert_int_equal(length(fixture), AUDIT_REFUSALS_A_DAY + 1);
    struct found last = at(fixture, AUDIT_REFUSALS_A_DAY + 1);
    assert_int_equal(last.row.entry.kind, AUDIT_OMITTED);
    assert_non_null(strstr(last.sentence, "100 refusals"));
    /* what else happens is entered, and the next day's refusals are */
    assert_ok(audit_write_alone(fixture->store, &other, "two tongues"));
    about.wall = WALL - WALL % DAY + DAY - 1;
    assert_ok(audit_refuse(fixture->store, &about, "late"));
    assert_int_equal(length(fixture), AUDIT_REFUSALS_A_DAY + 2);
    about.wall++;
    assert_ok(audit_refuse(fixture->store, &about, "late"));
    assert_int_equal(length(fixture), AUDIT_REFUSALS_A_DAY + 3);
}

/* --- opening
 * ------------------------------------------------------------------------------ */

static enum err open_with(struct fixture *fixture, const char *settings)
{
    char *path = scratch_path(fixture->folder, "x.yaml");
    struct conf *conf = NULL;
    assert_ok(file_write(path, settings, strlen(settings), 0600));
    assert_ok(conf_read(path, SETTINGS, 2, &conf));
    enum err result = audit_open(fixture->store, conf, WALL, object);
    conf_destroy(&conf);
    free(path);
    return result;
}

static void audit__enters_every_setting_that_changes(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(open_with(fixture, ""));
    assert_int_equal(length(fixture), 3);
    struct found begin = at(fixture, 1);
    assert_int_equal(begin.row.entry.kind, AUDIT_BEGIN);
    assert_memory_equal(begin.object, object, HASH_BYTES);
    assert_string_equal(at(fixture, 2).sentence, "name is St Anna");
    assert_string_equal(at(fixture, 3).sentence, "epsilon_max is 1");
    assert_ok(open_with(fixture, ""));
    assert_ok(open_with(fixture, "epsilon_max: 1\n"));
    assert_int_equal(length(fixture), 3);
    assert_ok(open_with(fixture, "epsilon_max: 2\n"));
    assert_ok(open_with(fixture, "epsilon_max: 2\n"));
    assert_int_equal(length(fixture), 4);
    assert_int_equal(at(fixture, 4).row.entry.kind, AUDIT_SETTINGS);
    assert_string_equal(at(fixture, 4).sentence, "epsilon_max was 1, is 2");
    assert_ok(open_with(fixture, ""));
    assert_string_equal(at(fixture, 5).sentence, "epsilon_max was 2, is 1");
}

static void audit__does_not_open_what_does_not_hold(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(open_with(fixture, ""));
    assert_ok(store_execute(fixture->store, "DELETE FROM audit"));
    assert_refused(ERR_VERIFY, "entry 1 is missing; there were 3",
                   open_with(fixture, ""));
}

int main(void)
{
#define IN_STORE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_STORE(audit__keeps_what_was_written),
        IN_STORE(audit__hashes_as_described),
        IN_STORE(audit__sentences_are_one_line_of_text),
        IN_STORE(audit__is_written_with_what_it_records),
        IN_STORE(audit__kinds_have_names_of_their_own),
        IN_STORE(audit__notices_every_change),
        IN_STORE(audit__notices_every_byte),
        IN_STORE(audit__enters_a_refusal_once),
        IN_STORE(audit__a_flood_of_refusals_is_bounded),
        IN_STORE(audit__enters_every_setting_that_changes),
        IN_STORE(audit__does_not_open_what_does_not_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
