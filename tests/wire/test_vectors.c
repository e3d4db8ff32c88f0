/* vectors - examples of every encoding, signature and hash of the protocol, in a text
 * file that an independent implementation can be held against.
 *
 *   test_vectors             makes them anew and compares with
 * tests/golden/wire_vectors.txt test_vectors --print     prints them, for a new version
 * of the protocol test_vectors --judge     reads lines "SHAPE HEX" and answers yes or no
 * to each: whether the bytes are an encoding (for tests/wire/check_vectors.py) */

#include "wire/codec.h"

#include "check.h"
#include "consortium.h"
#include "sample.h"
#include "wire/heads.h"
#include "wire/phase.h"

static const char *const shape_names[SHAPE_COUNT] = {
    "Signed",    "Envelope", "Poll",   "Reply",    "Receipt", "Refusal",     "Advert",
    "Bundle",    "Dealing",  "Shares", "Delivery", "Input",   "MaskedInput", "Survivors",
    "Confirm",   "Confirms", "Unmask", "Waiting",  "Roster",  "Terms",       "Plan",
    "ChainLink", "Request",  "Invite", "Member"};

/* ---- the text ---- */

static void line_text(struct bytes *text, const char *name, const char *value)
{
    char *line = mem_format("%s %s\n", name, value);
    bytes_append(text, line, strlen(line));
    mem_free(line);
}

static void line_hex(struct bytes *text, const char *name, const void *data, size_t size)
{
    char *hex = mem_new(2 * size + 1, 1);
    bytes_to_hex(data, size, hex);
    line_text(text, name, hex);
    mem_free(hex);
}

static void begin(struct bytes *text, const char *what)
{
    char *line = mem_format("\n[%s]\n", what);
    bytes_append(text, line, strlen(line));
    mem_free(line);
}

/* A Signed: who signed it, under which tag, the object's shape and hash. */
static void put_signed(struct bytes *text, const char *shape, const char *tag,
                       const uint8_t key[KEY_BYTES], const char *hash_tag,
                       const struct bytes *bytes)
{
    struct arena *arena = codec_arena(bytes->size);
    struct signed_bytes parts;
    uint8_t hash[HASH_BYTES];
    assert_ok(codec_decode_signed_bytes(codec_view(bytes), arena, &parts));
    bytes_hash(hash_tag, parts.object.data, parts.object.size, hash);
    begin(text, "signed");
    line_text(text, "shape", shape);
    line_text(text, "tag", tag);
    line_hex(text, "key", key, KEY_BYTES);
    line_text(text, "hash_tag", hash_tag);
    line_hex(text, "hash", hash, HASH_BYTES);
    line_hex(text, "bytes", bytes->data, bytes->size);
    arena_destroy(&arena);
}

static void put_objects(struct bytes *text, const struct consortium *c)
{
    put_signed(text, "Roster", "gemel/roster/1", c->governance_key, "gemel/roster/1",
               &c->roster_bytes);
    put_signed(text, "Terms", "gemel/terms/1", c->coordinator_key, "gemel/terms/1",
               &c->terms_bytes);
    put_signed(text, "Plan", "gemel/plan/1", c->coordinator_key, "gemel/plan/1",
               &c->plan_bytes);
    static const uint8_t prior[] = "the prior after round 1";
    struct chain_link link = {
        .round = 1, .contributions = 5, .prior = {prior, sizeof prior - 1}};
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    uint64_t sum[20] = {5, UINT64_MAX};
    memcpy(link.study, c->terms.study, STUDY_BYTES);
    memcpy(link.previous, c->terms_hash, HASH_BYTES);
    memcpy(link.plan, c->plan_hash, HASH_BYTES);
    chain_sum_hash(&(struct words){sum, 20}, link.sum);
    assert_ok(chain_sign(c->coordinator, &link, &bytes, hash));
    put_signed(text, "ChainLink", "gemel/link/1", c->coordinator_key, "gemel/link/1",
               &bytes);
    bytes_free(&bytes);
}

static void put_file(struct bytes *text, const char *shape, const char *tag,
                     const uint8_t key[KEY_BYTES], const char *label, char *armour)
{
    struct bytes bytes = {0};
    assert_ok(bytes_from_armour(label, armour, strlen(armour), &bytes));
    put_signed(text, shape, tag, key, tag, &bytes);
    line_text(text, "label", label);
    line_hex(text, "file", armour, strlen(armour));
    bytes_free(&bytes);
    mem_free(armour);
}

/* What hospital 0 signs in the phases. */
static void put_phases(struct bytes *text, const struct consortium *c)
{
    static const struct {
        enum shape shape;
        const char *tag;
    } objects[] = {{SHAPE_ADVERT, "SA1/adv"},
                   {SHAPE_DEALING, "SA1/shares"},
                   {SHAPE_INPUT, "SA1/input"},
                   {SHAPE_CONFIRM, "SA1/cons"}};
    struct arena *room = arena_new(1 << 20);
    union sample sample;
    for (size_t i = 0; i < 4; i++) {
        struct bytes bytes = {0};
        sample_make(objects[i].shape, SAMPLE_ORDINARY, room, &sample);
        memcpy(sample.confirm.plan, c->plan_hash,
               HASH_BYTES); /* both come first in all */
        memcpy(sample.confirm.member, c->keys, KEY_BYTES);
        assert_ok(phase_sign(c->hospitals[0], objects[i].shape, &sample, &bytes));
        put_signed(text, shape_names[objects[i].shape], objects[i].tag, c->keys,
                   objects[i].tag, &bytes);
        bytes_free(&bytes);
    }
    arena_destroy(&room);
}

static void put_files(struct bytes *text, const struct consortium *c)
{
    char *armour = NULL;
    struct enrol_invite invite = {.consortium_name = c->fields.consortium_name,
                                  .endpoint = c->fields.endpoint,
                                  .issued = NOW,
                                  .expires = NOW + 604800};
    memcpy(invite.governance_key, c->governance_key, KEY_BYTES);
    memcpy(invite.coordinator_curve, c->fields.coordinator_curve, KEY_BYTES);
    assert_ok(roster_invite_text(c->coordinator, &invite, &armour));
    put_file(text, "Invite", "gemel/invite/1", c->coordinator_key, "INVITATION", armour);
    struct enrol_request request = {.name = "Klinik S\xc3\xbc"
                                            "d",
                                    .issued = NOW};
    memcpy(request.consortium, roster_consortium(c->roster), HASH_BYTES);
    memcpy(request.curve, c->curves[0], KEY_BYTES);
    assert_ok(roster_request_text(c->hospitals[0], &request, &armour));
    put_file(text, "Request", "gemel/request/1", c->keys, "REQUEST", armour);
    armour = bytes_to_armour("ROSTER", c->roster_bytes.data, c->roster_bytes.size);
    put_file(text, "Roster", "gemel/roster/1", c->governance_key, "ROSTER", armour);
}

/* One message of every kind between hospital 0 and the coordinator, a refusal by either.
 */
static void put_messages(struct bytes *text, const struct consortium *c)
{
    static const struct {
        enum message_kind kind;
        enum shape body; /* of kinds 16 and 22 what is inside the Signed */
        bool asks;
    } kinds[] = {
        {MESSAGE_POLL, SHAPE_POLL, true},
        {MESSAGE_REPLY, SHAPE_REPLY, false},
        {MESSAGE_RECEIPT, SHAPE_RECEIPT, false},
        {MESSAGE_REFUSAL, SHAPE_REFUSAL, false},
        {MESSAGE_ADVERT, SHAPE_SIGNED, true},
        {MESSAGE_BUNDLE, SHAPE_BUNDLE, false},
        {MESSAGE_SHARES, SHAPE_SHARES, true},
        {MESSAGE_DELIVERY, SHAPE_DELIVERY, false},
        {MESSAGE_INPUT, SHAPE_MASKED_INPUT, true},
        {MESSAGE_SURVIVORS, SHAPE_SURVIVORS, false},
        {MESSAGE_CONFIRM, SHAPE_SIGNED, true},
        {MESSAGE_CONFIRMS, SHAPE_CONFIRMS, false},
        {MESSAGE_UNMASK, SHAPE_UNMASK, true},
        {MESSAGE_WAIT, SHAPE_WAITING, false},
        {MESSAGE_REFUSAL, SHAPE_REFUSAL, true}, /* of a plan, or of what came of one */
    };
    struct arena *room = arena_new(1 << 20);
    union sample sample;
    struct bytes body = {0}, frame = {0};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool asks = kinds[i].asks;
        struct envelope envelope = {.kind = kinds[i].kind, .round = 1, .attempt = 1};
        body.size = 0, frame.size = 0;
        sample_make(kinds[i].body, SAMPLE_ORDINARY, room, &sample);
        assert_ok(codec_encode(kinds[i].body, &sample, &body));
        envelope.body = codec_view(&body);
        memcpy(envelope.consortium, roster_consortium(c->roster), HASH_BYTES);
        memcpy(envelope.recipient, asks ? c->coordinator_key : c->keys, KEY_BYTES);
        memcpy(envelope.study, c->terms.study, STUDY_BYTES);
        sample_fixed(envelope.nonce, NONCE_BYTES, kinds[i].kind);
        assert_ok(
            envelope_seal(asks ? c->hospitals[0] : c->coordinator, &envelope, &frame));
        put_signed(text, "Envelope", envelope_tag(kinds[i].kind),
                   asks ? c->keys : c->coordinator_key, "gemel/message/1", &frame);
        line_text(text, "body", shape_names[kinds[i].body]);
    }
    bytes_free(&body);
    bytes_free(&frame);
    arena_destroy(&room);
}

static void put_encodings(struct bytes *text)
{
    struct arena *room = arena_new((size_t)8 << 20);
    union sample sample;
    struct bytes bytes = {0};
    for (enum shape shape = 0; shape < SHAPE_COUNT; shape++)
        for (enum sample_size size = SAMPLE_SMALLEST; size <= SAMPLE_ORDINARY; size++) {
            bytes.size = 0;
            sample_make(shape, size, room, &sample);
            assert_ok(codec_encode(shape, &sample, &bytes));
            begin(text, "encoding");
            line_text(text, "shape", shape_names[shape]);
            line_hex(text, "bytes", bytes.data, bytes.size);
        }
    bytes_free(&bytes);
    arena_destroy(&room);
}

static void put_names(struct bytes *text, const struct consortium *c)
{
    char fingerprint[ROSTER_FINGERPRINT_SIZE];
    uint64_t sum[] = {1, UINT64_MAX, 0x0123456789abcdef};
    uint8_t hash[HASH_BYTES];
    begin(text, "consortium");
    line_text(text, "name", c->fields.consortium_name);
    line_hex(text, "key", c->governance_key, KEY_BYTES);
    line_hex(text, "hash", roster_consortium(c->roster), HASH_BYTES);
    begin(text, "fingerprint");
    roster_fingerprint(c->keys, 2 * KEY_BYTES, fingerprint);
    line_hex(text, "keys", c->keys, 2 * KEY_BYTES);
    line_text(text, "text", fingerprint);
    begin(text, "sum");
    chain_sum_hash(&(struct words){sum, 3}, hash);
    line_text(text, "numbers", "1 18446744073709551615 81985529216486895");
    line_hex(text, "hash", hash, HASH_BYTES);
}

/* The hashes that bind the phases of an attempt, over the plan and three adverts of any
 * bytes. */
static void put_hashes(struct bytes *text, const struct consortium *c)
{
    static const uint8_t one[] = {1, 2, 3}, two[] = {4}, three[] = {5, 6};
    const struct view items[] = {{one, 3}, {two, 1}, {three, 2}};
    const struct views views = {items, 3};
    const struct keys dealers = {c->keys, 3};
    uint64_t numbers[] = {7, UINT64_MAX};
    const struct words words = {numbers, 2};
    struct input inputs[2] = {0};
    struct advert adverts[2] = {0};
    uint8_t bundle[HASH_BYTES], dealt[HASH_BYTES], hash[HASH_BYTES];
    for (size_t i = 0; i < 2; i++) {
        memcpy(inputs[i].member, c->keys + i * KEY_BYTES, KEY_BYTES);
        sample_fixed(inputs[i].vector_hash, HASH_BYTES, 60 + (unsigned)i);
        sample_fixed(adverts[i].seed, HASH_BYTES, 70 + (unsigned)i);
    }
    begin(text, "phases");
    line_hex(text, "plan", c->plan_hash, HASH_BYTES);
    line_hex(text, "study", c->plan.study, STUDY_BYTES);
    line_text(text, "runs", "010203 04 0506");
    line_hex(text, "keys", c->keys, 3 * KEY_BYTES);
    line_text(text, "numbers", "7 18446744073709551615");
    line_hex(text, "vector_hashes", inputs[0].vector_hash, HASH_BYTES);
    line_hex(text, "and", inputs[1].vector_hash, HASH_BYTES);
    line_hex(text, "seeds", adverts[0].seed, HASH_BYTES);
    line_hex(text, "then", adverts[1].seed, HASH_BYTES);
    phase_bundle_hash(&views, bundle);
    line_hex(text, "h1", bundle, HASH_BYTES);
    phase_parcels_hash(&views, hash);
    line_hex(text, "parcels", hash, HASH_BYTES);
    phase_dealers_hash(c->plan_hash, bundle, &dealers, dealt);
    line_hex(text, "h2", dealt, HASH_BYTES);
    phase_vector_hash(&words, hash);
    line_hex(text, "vector", hash, HASH_BYTES);
    phase_survivors_hash(c->plan_hash, bundle, dealt, inputs, 2, hash);
    line_hex(text, "h3", hash, HASH_BYTES);
    phase_graph_seed(c->plan_hash, adverts, 2, hash);
    line_hex(text, "graph", hash, HASH_BYTES);
    phase_seed_commitment(c->plan.study, c->keys, adverts[0].seed, hash);
    line_hex(text, "commitment", hash, HASH_BYTES);
}

/* What hospital 0 shows of how far it has come. */
static void put_heads(struct bytes *text, const struct consortium *c)
{
    struct bytes bytes = {0};
    struct poll poll = {.chain_length = 2, .ledger_length = 300};
    sample_fixed(poll.chain_head, HASH_BYTES, 80);
    sample_fixed(poll.ledger_head, HASH_BYTES, 81);
    assert_ok(heads_sign(c->hospitals[0], c->terms.study, &poll));
    const struct heads heads = heads_shown(&poll, c->keys);
    heads_write(&heads, &bytes);
    begin(text, "heads");
    line_hex(text, "study", c->terms.study, STUDY_BYTES);
    line_text(text, "lengths", "2 300");
    line_hex(text, "chain_head", heads.chain_head, HASH_BYTES);
    line_hex(text, "ledger_head", heads.ledger_head, HASH_BYTES);
    line_hex(text, "bytes", bytes.data, bytes.size);
    bytes_free(&bytes);
}

static struct bytes vectors_of(const struct consortium *c)
{
    static const char head[] =
        "# Examples of the protocol (docs/protocol.md), made by "
        "build/tests/test_vectors\n"
        "# --print and read by tests/wire/check_vectors.py. The keys are of no secret.\n";
    struct bytes text = {0};
    bytes_append(&text, head, strlen(head));
    put_names(&text, c);
    put_encodings(&text);
    put_objects(&text, c);
    put_phases(&text, c);
    put_hashes(&text, c);
    put_heads(&text, c);
    put_files(&text, c);
    put_messages(&text, c);
    return text;
}

/* ---- what is done with it ---- */

static void vectors__are_those_of_the_file(void **state)
{
    struct bytes text = vectors_of(*state);
    FILE *file = fopen(SOURCE_DIR "/tests/golden/wire_vectors.txt", "rb");
    assert_non_null(file);
    char *golden = mem_new(text.size + 2, 1);
    size_t size = fread(golden, 1, text.size + 1, file);
    fclose(file);
    size_t at = 0, line = 1;
    for (; at < size && at < text.size && golden[at] == (char)text.data[at]; at++)
        line += golden[at] == '\n';
    if (at < text.size || size != text.size)
        fail_msg("tests/golden/wire_vectors.txt differs in line %zu", line);
    mem_free(golden);
    bytes_free(&text);
}

static int print_vectors(void)
{
    void *state = NULL;
    consortium_set_up(&state);
    struct bytes text = vectors_of(state);
    fwrite(text.data, 1, text.size, stdout);
    bytes_free(&text);
    return consortium_tear_down(&state);
}

static int judge_lines(void)
{
    static char line[2 * WIRE_FRAME_MAX + 4096], name[40];
    while (fgets(line, sizeof line, stdin)) {
        int at = 0;
        enum shape shape = 0;
        if (sscanf(line, "%39s %n", name, &at) != 1)
            return 1;
        while (shape < SHAPE_COUNT && strcmp(shape_names[shape], name) != 0)
            shape++;
        char *hex = line + at;
        size_t size = strcspn(hex, "\n") / 2;
        hex[2 * size] = '\0';
        uint8_t *data = mem_new(size, 1);
        union sample value;
        struct arena *arena = codec_arena(size);
        if (shape == SHAPE_COUNT || bytes_from_hex(hex, data, size) != ERR_OK)
            return 1;
        puts(codec_decode(shape, (struct view){data, size}, arena, &value) == ERR_OK
                 ? "yes"
                 : "no");
        arena_destroy(&arena);
        mem_free(data);
    }
    return 0;
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--print") == 0)
        return print_vectors();
    if (count == 2 && strcmp(arguments[1], "--judge") == 0)
        return judge_lines();
    const struct CMUnitTest tests[] = {
        TEST_WITH_CONSORTIUM(vectors__are_those_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
