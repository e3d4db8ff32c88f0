#include "wire/roster.h"

#include "check.h"
#include "consortium.h"

static void roster__says_who_belongs(void **state)
{
    const struct consortium *c = *state;
    const struct roster *roster = c->roster;
    assert_string_equal(roster_fields(roster)->consortium_name, "Gemel test");
    assert_int_equal(roster_fields(roster)->members.count, HOSPITALS);
    for (size_t i = 0; i < HOSPITALS; i++) {
        const struct member *member = roster_by_key(roster, c->keys + i * KEY_BYTES);
        assert_non_null(member);
        assert_string_equal(member->name, c->members[i].name);
    }
    assert_null(roster_by_key(roster, c->coordinator_key));
    assert_null(roster_by_key(roster, c->governance_key));
    struct view bytes = roster_bytes(roster);
    assert_int_equal(bytes.size, c->roster_bytes.size);
    assert_memory_equal(bytes.data, c->roster_bytes.data, bytes.size);
}

static void roster__is_believed_only_under_the_governance_key(void **state)
{
    const struct consortium *c = *state;
    struct roster *roster = NULL;
    assert_int_equal(
        roster_new(codec_view(&c->roster_bytes), c->coordinator_key, &roster),
        ERR_VERIFY);
    struct bytes bytes = {0};
    bytes_append(&bytes, c->roster_bytes.data, c->roster_bytes.size);
    for (size_t at = 0; at < bytes.size; at++) {
        bytes.data[at] ^= 0x10;
        enum err result = roster_new(codec_view(&bytes), c->governance_key, &roster);
        assert_true(result == ERR_VERIFY || result == ERR_FORMAT);
        bytes.data[at] ^= 0x10;
    }
    /* signed by the coordinator, in the governance's name */
    struct bytes object = {0};
    bytes.size = 0;
    assert_ok(codec_encode_roster_fields(&c->fields, &object));
    assert_ok(
        envelope_sign(c->coordinator, "gemel/roster/1", codec_view(&object), &bytes));
    assert_int_equal(roster_new(codec_view(&bytes), c->governance_key, &roster),
                     ERR_VERIFY);
    assert_refused(ERR_VERIFY, "another governance key",
                   roster_new(codec_view(&bytes), c->coordinator_key, &roster));
    assert_refused(ERR_DENIED, "not the governance key",
                   roster_sign(c->coordinator, &c->fields, &bytes));
    assert_null(roster);
    bytes_free(&object);
    bytes_free(&bytes);
}

/* What must not be signed is not read either, whoever signed it. */
static void refused_both_ways(const struct consortium *c,
                              const struct roster_fields *fields, const char *says)
{
    struct bytes object = {0}, bytes = {0};
    struct roster *roster = NULL;
    assert_refused(ERR_RANGE, says, roster_sign(c->governance, fields, &bytes));
    assert_int_equal(bytes.size, 0);
    assert_ok(codec_encode_roster_fields(fields, &object));
    assert_ok(
        envelope_sign(c->governance, "gemel/roster/1", codec_view(&object), &bytes));
    assert_refused(ERR_RANGE, says,
                   roster_new(codec_view(&bytes), c->governance_key, &roster));
    bytes_free(&object);
    bytes_free(&bytes);
}

static void roster__fields_fit_together(void **state)
{
    struct consortium *c = *state;
    const struct roster_fields good = c->fields;
    struct roster_fields fields = good;
    const struct member *m = c->members;
    struct member members[HOSPITALS];
    fields.version = 2;
    refused_both_ways(c, &fields, "version 2 lacks a version before");
    fields = good;
    fields.previous[3] = 1;
    refused_both_ways(c, &fields, "version 1 names a version before");
    fields = good;
    memcpy(fields.coordinator_key, c->governance_key, KEY_BYTES);
    refused_both_ways(c, &fields, "the coordinator holds the governance key");
    fields = good;
    memcpy(fields.coordinator_key, c->members[2].key, KEY_BYTES);
    refused_both_ways(c, &fields, "member \"Chur\" has another role's key");
    fields = good;
    memcpy(fields.coordinator_curve, c->members[3].curve, KEY_BYTES);
    refused_both_ways(c, &fields, "member \"Dijon\" has another role's key");
    fields = good;
    fields.members.items = members;
    memcpy(members, m, sizeof members);
    memcpy(members[4].curve, members[1].curve, KEY_BYTES);
    refused_both_ways(c, &fields, "\"Bergheim\" and \"Erlangen\" have one CURVE key");
    memcpy(members, m, sizeof members);
    members[4].name = "Altona";
    refused_both_ways(c, &fields, "two members are called \"Altona\"");
    memcpy(members, m, sizeof members);
    members[0].valid_to = members[0].valid_from;
    refused_both_ways(c, &fields, "member \"Altona\" is never valid");
}

static struct roster *version(const struct consortium *c, uint64_t number,
                              const uint8_t previous[HASH_BYTES], uint64_t issued)
{
    struct roster_fields fields = c->fields;
    struct bytes bytes = {0};
    struct roster *roster = NULL;
    fields.version = number;
    fields.issued = issued;
    if (previous)
        memcpy(fields.previous, previous, HASH_BYTES);
    assert_ok(roster_sign(c->governance, &fields, &bytes));
    assert_ok(roster_new(codec_view(&bytes), c->governance_key, &roster));
    bytes_free(&bytes);
    return roster;
}

static void roster__versions_go_up_and_do_not_fork(void **state)
{
    struct consortium *c = *state;
    const struct roster *first = c->roster;
    static const uint8_t elsewhere[HASH_BYTES] = {1};
    struct roster *next = version(c, 2, roster_hash(first), 5);
    struct roster *fork = version(c, 2, elsewhere, 5);
    struct roster *other = version(c, 1, NULL, 6);
    struct roster *later = version(c, 9, elsewhere, 5);
    assert_ok(roster_follows(NULL, later));
    assert_ok(roster_follows(first, first));
    assert_ok(roster_follows(first, next));
    assert_ok(roster_follows(first, later)); /* this node slept through versions */
    assert_refused(ERR_VERIFY, "does not follow", roster_follows(first, fork));
    assert_refused(ERR_VERIFY, "two different versions 1", roster_follows(first, other));
    assert_refused(ERR_VERIFY, "two different versions 2", roster_follows(next, fork));
    assert_refused(ERR_DENIED, "version 1 is older than 2", roster_follows(next, first));
    c->fields.consortium_name = "Another";
    struct roster *foreign = version(c, 2, roster_hash(first), 5);
    assert_refused(ERR_VERIFY, "another consortium", roster_follows(first, foreign));
    roster_destroy(&next);
    roster_destroy(&fork);
    roster_destroy(&other);
    roster_destroy(&later);
    roster_destroy(&foreign);
    assert_null(foreign);
}

static void roster__the_door_opens_only_to_the_valid(void **state)
{
    struct consortium *c = *state;
    c->members[1].valid_to = NOW;       /* over at this very second */
    c->members[2].valid_from = NOW;     /* just begun */
    c->members[3].valid_from = NOW + 1; /* not yet */
    struct roster *roster = version(c, 1, NULL, 5);
    struct bytes curves = {0};
    roster_curves(roster, NOW, &curves);
    assert_int_equal(curves.size, 3 * KEY_BYTES);
    assert_memory_equal(curves.data, c->curves[0], KEY_BYTES);
    assert_memory_equal(curves.data + KEY_BYTES, c->curves[2], KEY_BYTES);
    assert_memory_equal(curves.data + 2 * KEY_BYTES, c->curves[4], KEY_BYTES);
    bytes_free(&curves);
    roster_destroy(&roster);
}

static void roster__a_request_shows_that_its_keys_belong_together(void **state)
{
    const struct consortium *c = *state;
    struct enrol_request request = {.name = "Klinik S\xc3\xbc"
                                            "d",
                                    .issued = NOW},
                         got;
    memcpy(request.consortium, roster_consortium(c->roster), HASH_BYTES);
    identity_curve(c->stranger, request.curve);
    char *text = NULL;
    assert_ok(roster_request_text(c->stranger, &request, &text));
    assert_non_null(strstr(text, "-----BEGIN GEMEL REQUEST-----"));
    struct arena *arena = arena_new(1 << 20);
    assert_ok(roster_request_read(text, strlen(text), arena, &got));
    assert_string_equal(got.name, request.name);
    assert_memory_equal(got.key, c->stranger_key, KEY_BYTES);
    assert_memory_equal(got.curve, request.curve, KEY_BYTES);
    assert_int_equal(got.issued, NOW);
    /* every other byte of the base64 changed */
    char *body = strchr(text, '\n') + 1;
    for (size_t i = 0; i < 200; i++) {
        char was = body[i];
        if (was == '\n')
            continue;
        body[i] = was == 'Q' ? 'R' : 'Q';
        enum err result = roster_request_read(text, strlen(text), arena, &got);
        assert_true(result == ERR_FORMAT || result == ERR_VERIFY);
        assert_non_null(strstr(err_text(), "enrolment request"));
        body[i] = was;
    }
    struct enrol_invite invite;
    assert_int_equal(roster_invite_read(text, strlen(text), arena, &invite), ERR_FORMAT);
    assert_refused(ERR_FORMAT, "at most 8192",
                   roster_request_read(text, 8193, arena, &got));
    arena_destroy(&arena);
    mem_free(text);
}

/* Signed by the key that is to be replaced and by the one that replaces it. */
static void roster__new_keys_are_asked_for_by_old_and_new(void **state)
{
    const struct consortium *c = *state;
    struct enrol_request request = {.name = "Fulda", .issued = NOW}, got;
    uint8_t present[KEY_BYTES];
    char *text = NULL, *plain = NULL;
    memcpy(request.consortium, roster_consortium(c->roster), HASH_BYTES);
    identity_curve(c->stranger, request.curve);
    assert_ok(roster_rotation_text(c->hospitals[0], c->stranger, &request, &text));
    struct arena *arena = arena_new(1 << 24);
    assert_ok(roster_rotation_read(text, strlen(text), arena, &got, present));
    assert_memory_equal(present, c->keys, KEY_BYTES);
    assert_memory_equal(got.key, c->stranger_key, KEY_BYTES);
    assert_memory_equal(got.curve, request.curve, KEY_BYTES);
    assert_string_equal(got.name, "Fulda");
    char *body = strchr(text, '\n') + 1;
    for (size_t i = 0; body[i] != '-'; i++) {
        char was = body[i];
        if (was == '\n' || was == '=')
            continue;
        body[i] = was == 'Q' ? 'R' : 'Q';
        enum err result = roster_rotation_read(text, strlen(text), arena, &got, present);
        assert_true(result == ERR_FORMAT || result == ERR_VERIFY);
        assert_non_null(strstr(err_text(), "request for new keys"));
        body[i] = was;
    }
    assert_ok(roster_request_text(c->stranger, &request, &plain));
    assert_int_equal(roster_rotation_read(plain, strlen(plain), arena, &got, present),
                     ERR_FORMAT);
    arena_destroy(&arena);
    mem_free(plain);
    mem_free(text);
}

static void roster__an_invitation_names_keys_and_address(void **state)
{
    const struct consortium *c = *state;
    struct enrol_invite invite = {.consortium_name = "Gemel test",
                                  .endpoint = "tcp://gemel.example.org:7400",
                                  .issued = NOW,
                                  .expires = NOW + 86400},
                        got;
    memcpy(invite.governance_key, c->governance_key, KEY_BYTES);
    identity_curve(c->coordinator, invite.coordinator_curve);
    char *text = NULL;
    assert_ok(roster_invite_text(c->coordinator, &invite, &text));
    struct arena *arena = arena_new(1 << 20);
    assert_ok(roster_invite_read(text, strlen(text), arena, &got));
    assert_string_equal(got.endpoint, invite.endpoint);
    assert_memory_equal(got.coordinator_key, c->coordinator_key, KEY_BYTES);
    assert_memory_equal(got.governance_key, c->governance_key, KEY_BYTES);
    assert_int_equal(got.expires, NOW + 86400);
    mem_free(text);
    text = NULL;
    /* whoever holds both keys could make a consortium of his own choosing */
    assert_ok(roster_invite_text(c->governance, &invite, &text));
    assert_refused(ERR_VERIFY, "the coordinator holds the governance key",
                   roster_invite_read(text, strlen(text), arena, &got));
    arena_destroy(&arena);
    mem_free(text);
}

/* Crockford's alphabet, 5 bits a character, most significant first. The hash of the case
 * was taken with python3's hashlib.blake2b. */
static void roster__fingerprints_can_be_read_out(void **state)
{
    (void)state;
    uint8_t keys[64];
    char text[ROSTER_FINGERPRINT_SIZE], other[ROSTER_FINGERPRINT_SIZE];
    for (size_t i = 0; i < sizeof keys; i++)
        keys[i] = (uint8_t)i;
    roster_fingerprint(keys, sizeof keys, text);
    assert_int_equal(strlen(text), ROSTER_FINGERPRINT_SIZE - 1);
    assert_string_equal(text, "qp4y-c726-973h-q60e-8pkq-xmxs-vzpd-9qn4");
    keys[63] ^= 1;
    roster_fingerprint(keys, sizeof keys, other);
    assert_string_not_equal(text, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(roster__says_who_belongs),
        TEST_WITH_CONSORTIUM(roster__is_believed_only_under_the_governance_key),
        TEST_WITH_CONSORTIUM(roster__fields_fit_together),
        TEST_WITH_CONSORTIUM(roster__versions_go_up_and_do_not_fork),
        TEST_WITH_CONSORTIUM(roster__the_door_opens_only_to_the_valid),
        TEST_WITH_CONSORTIUM(roster__a_request_shows_that_its_keys_belong_together),
        TEST_WITH_CONSORTIUM(roster__new_keys_are_asked_for_by_old_and_new),
        TEST_WITH_CONSORTIUM(roster__an_invitation_names_keys_and_address),
        cmocka_unit_test(roster__fingerprints_can_be_read_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
