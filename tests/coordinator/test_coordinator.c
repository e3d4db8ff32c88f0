#include "check.h"
#include "centre.h"

static enum err take(struct centre *s, const struct roster_fields *fields,
                     const struct identity *signer)
{
    struct bytes bytes = {0};
    assert_ok(roster_sign(signer, fields, &bytes));
    enum err err = coordinator_roster(s->coordinator, codec_view(&bytes));
    bytes_free(&bytes);
    return err;
}

static void coordinator__is_the_same_after_a_restart(void **state)
{
    struct centre *s = *state;
    uint8_t consortium[HASH_BYTES];
    centre_roster(s, 1, HOSPITALS);
    centre_restart(s);
    envelope_consortium("Gemel test", s->c->governance_key, consortium);
    assert_string_equal(s->coordinator->name, "Gemel test");
    assert_memory_equal(s->coordinator->consortium, consortium, HASH_BYTES);
    assert_memory_equal(s->coordinator->key, s->c->coordinator_key, KEY_BYTES);
    assert_memory_equal(s->coordinator->curve, s->c->fields.coordinator_curve, KEY_BYTES);
    assert_memory_equal(roster_hash(s->coordinator->roster), roster_hash(s->c->roster),
                        HASH_BYTES);
    assert_string_equal(coordinator_member_name(s->coordinator, s->c->keys),
                        s->c->members[0].name);
    assert_string_equal(coordinator_member_name(s->coordinator, s->c->stranger_key), "?");
}

static void coordinator__is_not_made_of_anything(void **state)
{
    struct centre *s = *state;
    struct coordinator *other;
    char *folder = scratch_path(s->directory, "other");
    assert_refused(
        ERR_RANGE, "1 to 100 bytes",
        coordinator_create(folder, "", "tcp://a:1", s->c->governance_key, &other));
    assert_refused(
        ERR_RANGE, "tcp://host:port",
        coordinator_create(folder, "x", "ipc://a", s->c->governance_key, &other));
    assert_refused(ERR_LOCKED, "", coordinator_open(s->folder, &other));
    free(folder);
}

static void coordinator__rosters_only_go_forward(void **state)
{
    struct centre *s = *state;
    struct roster_fields fields = s->c->fields;
    centre_roster(s, 1, HOSPITALS);
    centre_roster(s, 2, HOSPITALS - 1);
    const struct roster *held = s->coordinator->roster;
    assert_refused(ERR_DENIED, "", take(s, &fields, s->c->governance));
    fields.version = 2; /* another second version */
    memcpy(fields.previous, roster_hash(s->c->roster), HASH_BYTES);
    assert_refused(ERR_VERIFY, "", take(s, &fields, s->c->governance));
    fields.version = 3;
    memcpy(fields.previous, roster_hash(held), HASH_BYTES);
    struct roster_fields good = fields;
    fields.consortium_name = "Another";
    assert_int_not_equal(take(s, &fields, s->c->governance), ERR_OK);
    fields = good;
    fields.coordinator_key[0] ^= 1;
    assert_refused(ERR_DENIED, "names another coordinator",
                   take(s, &fields, s->c->governance));
    fields = good;
    memcpy(fields.governance_key, s->c->stranger_key, KEY_BYTES);
    assert_refused(ERR_VERIFY, "", take(s, &fields, s->c->stranger));
    assert_ptr_equal(s->coordinator->roster, held);
    centre_restart(s);
    assert_int_equal(roster_fields(s->coordinator->roster)->version, 2);
    assert_ok(take(s, &good, s->c->governance));
}

static enum err ask_to_join(struct centre *s, const struct identity *identity,
                            const char *name, const uint8_t *consortium)
{
    struct enrol_request request = {.name = name, .issued = NOW}, read;
    struct arena *arena = arena_new(1 << 16);
    char *text;
    memcpy(request.consortium, consortium, HASH_BYTES);
    identity_public(identity, request.key);
    identity_curve(identity, request.curve);
    assert_ok(roster_request_text(identity, &request, &text));
    enum err err =
        coordinator_add_request(s->coordinator, text, strlen(text), arena, &read);
    mem_free(text);
    arena_destroy(&arena);
    return err;
}

static void coordinator__what_changes_is_on_record_once(void **state)
{
    struct centre *s = *state;
    assert_int_equal(centre_entries(s, AUDIT_BEGIN), 1);
    assert_true(centre_entries(s, AUDIT_SETTINGS) >= 5);
    centre_roster(s, 1, 3);
    assert_int_equal(centre_entries(s, AUDIT_ROSTER), 1);
    struct roster_fields same = *roster_fields(s->coordinator->roster);
    assert_ok(take(s, &same, s->c->governance));
    assert_int_equal(centre_entries(s, AUDIT_ROSTER), 1);
    assert_ok(ask_to_join(s, s->c->stranger, "New", s->coordinator->consortium));
    assert_int_equal(centre_entries(s, AUDIT_ADMISSION), 1);
    centre_study(s);
    assert_int_equal(centre_entries(s, AUDIT_STUDY), 1);
    assert_ok(coord_studies_set_state(s->coordinator, s->number, "closed"));
    assert_int_equal(centre_entries(s, AUDIT_DECISION), 1);
    size_t settings = centre_entries(s, AUDIT_SETTINGS);
    centre_restart(s);
    assert_int_equal(centre_entries(s, AUDIT_SETTINGS), settings);
    assert_int_equal(centre_entries(s, AUDIT_BEGIN), 1);
    assert_ok(
        store_execute(s->coordinator->store,
                      "UPDATE audit SET sentence = 'the study is open' WHERE kind = "
                      "'decision'"));
    coordinator_destroy(&s->coordinator);
    assert_refused(ERR_VERIFY, "its hash does not hold",
                   coordinator_open(s->folder, &s->coordinator));
    assert_null(s->coordinator);
}

/* Who would belong after the draft; how many were added. */
static size_t draft(struct centre *s, const char *const *removed, size_t removed_count,
                    size_t *added, struct bytes *bytes)
{
    struct arena *arena = arena_new(1 << 20);
    struct roster_fields fields;
    bytes->size = 0;
    assert_ok(coordinator_draft(s->coordinator, NOW, 365, removed, removed_count, bytes,
                                added));
    assert_ok(codec_decode_roster_fields(codec_view(bytes), arena, &fields));
    size_t count = fields.members.count;
    arena_destroy(&arena);
    return count;
}

static void coordinator__drafts_whom_the_roster_lacks(void **state)
{
    struct centre *s = *state;
    const uint8_t *consortium = s->coordinator->consortium;
    struct bytes bytes = {0};
    uint8_t other[HASH_BYTES] = {1};
    size_t added;
    centre_roster(s, 1, HOSPITALS);
    assert_refused(ERR_DENIED, "another consortium",
                   ask_to_join(s, s->c->stranger, "Fulda", other));
    assert_ok(ask_to_join(s, s->c->hospitals[0], s->c->members[0].name, consortium));
    assert_int_equal(draft(s, NULL, 0, &added, &bytes), HOSPITALS);
    assert_int_equal(added, 0); /* is there already */
    assert_ok(ask_to_join(s, s->c->stranger, "Fulda", consortium));
    assert_ok(ask_to_join(s, s->c->stranger, "Fulda", consortium)); /* twice is once */
    assert_int_equal(draft(s, NULL, 0, &added, &bytes), HOSPITALS + 1);
    assert_int_equal(added, 1);
    const char *const gone[] = {s->c->members[1].name, "Nowhere"};
    assert_int_equal(draft(s, gone, 1, &added, &bytes), HOSPITALS);
    assert_refused(ERR_NOT_FOUND, "only 1 of the 2 names",
                   coordinator_draft(s->coordinator, NOW, 365, gone, 2, &bytes, &added));
    bytes_free(&bytes);
}

/* A request in hospital `from`'s name for the keys of `next`. */
static enum err ask_for_keys(struct centre *s, size_t from, const struct identity *next,
                             const char *name)
{
    struct enrol_request request = {.name = name, .issued = NOW}, read;
    struct arena *arena = arena_new(1 << 16);
    char *text;
    memcpy(request.consortium, s->coordinator->consortium, HASH_BYTES);
    identity_curve(next, request.curve);
    assert_ok(roster_rotation_text(s->c->hospitals[from], next, &request, &text));
    enum err err =
        coordinator_add_rotation(s->coordinator, text, strlen(text), arena, &read);
    mem_free(text);
    arena_destroy(&arena);
    return err;
}

/* The draft, signed and in force; whether it has this identity's keys. */
static bool drafted(struct centre *s, const struct identity *identity)
{
    struct arena *arena = arena_new(1 << 20);
    struct bytes bytes = {0}, signed_roster = {0};
    struct roster_fields fields;
    uint8_t key[KEY_BYTES], curve[KEY_BYTES];
    size_t added;
    assert_int_equal(draft(s, NULL, 0, &added, &bytes), HOSPITALS);
    assert_int_equal(added, 1);
    assert_ok(codec_decode_roster_fields(codec_view(&bytes), arena, &fields));
    assert_ok(roster_sign(s->c->governance, &fields, &signed_roster));
    assert_ok(coordinator_roster(s->coordinator, codec_view(&signed_roster)));
    identity_public(identity, key);
    identity_curve(identity, curve);
    const struct member *member = roster_by_key(s->coordinator->roster, key);
    bool there = member && memcmp(member->curve, curve, KEY_BYTES) == 0;
    bytes_free(&bytes);
    bytes_free(&signed_roster);
    arena_destroy(&arena);
    return there;
}

static size_t heads_of(struct centre *s, const uint8_t key[KEY_BYTES])
{
    struct query *query;
    bool row;
    size_t length = 0;
    assert_ok(store_query(s->coordinator->store,
                          "SELECT length FROM heads WHERE member = ?", &query));
    query_blob(query, 1, key, KEY_BYTES);
    assert_ok(query_step(query, &row));
    if (row)
        length = (size_t)query_get_int(query, 0);
    query_reset(query);
    return length;
}

static void coordinator__a_member_takes_new_keys_in_its_own_place(void **state)
{
    struct centre *s = *state;
    struct identity *network;
    struct query *query;
    uint8_t secret[IDENTITY_SECRET_BYTES];
    const char *name = s->c->members[0].name;
    centre_roster(s, 1, HOSPITALS);
    assert_refused(ERR_DENIED, "in the name of",
                   ask_for_keys(s, 0, s->c->stranger, s->c->members[1].name));
    assert_refused(ERR_DENIED, "another member's",
                   ask_for_keys(s, 0, s->c->hospitals[1], name));
    assert_ok(store_query(s->coordinator->store,
                          "INSERT INTO heads (member, length, head) VALUES (?, 9, x'01')",
                          &query));
    query_blob(query, 1, s->c->keys, KEY_BYTES);
    assert_ok(query_run(query));
    assert_ok(ask_for_keys(s, 0, s->c->stranger, name));
    assert_true(drafted(s, s->c->stranger));
    assert_null(roster_by_key(s->coordinator->roster, s->c->keys));
    assert_string_equal(coordinator_member_name(s->coordinator, s->c->stranger_key),
                        name);
    assert_int_equal(heads_of(s, s->c->stranger_key), 9); /* its ledger stays known */
    assert_int_equal(heads_of(s, s->c->keys), 0);
    assert_refused(ERR_DENIED, "no member",
                   ask_for_keys(s, 0, s->c->hospitals[0], name)); /* it is one no more */
    /* the connection's key alone */
    memcpy(secret, identity_secret(s->c->hospitals[1]), sizeof secret);
    secret[sizeof secret - 1] ^= 1;
    secret[sizeof secret - 9] ^= 1;
    assert_ok(identity_read(secret, &network));
    assert_ok(ask_for_keys(s, 1, network, s->c->members[1].name));
    assert_true(drafted(s, network));
    identity_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_CENTRE(coordinator__is_the_same_after_a_restart),
        IN_CENTRE(coordinator__is_not_made_of_anything),
        IN_CENTRE(coordinator__rosters_only_go_forward),
        IN_CENTRE(coordinator__what_changes_is_on_record_once),
        IN_CENTRE(coordinator__drafts_whom_the_roster_lacks),
        IN_CENTRE(coordinator__a_member_takes_new_keys_in_its_own_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
