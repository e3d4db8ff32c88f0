/* values - every number, length and list of every object that travels, with a value that
 * it may not have: missing, twice, of another type, a byte or an item more or less, above
 * or below its limits, not a number, not the shortest way to write it. Signed anew by
 * whoever signs it, so that nothing but the value is wrong; refused by the code it is
 * for, which has then changed nothing. */

#include <math.h>

#include "digest.h"
#include "node/part.h"
#include "stage.h"

#include "../node/hospital.h"

enum { LIAR = 2 };

/* --- fields on the wire
 * --------------------------------------------------------------------- */

enum { VARINT = 0, FIXED64 = 1, RUN = 2 };

struct field {
    unsigned id, type;
    size_t tag, payload, end; /* offsets; a run's payload is after its length */
    bool listed;              /* another of the same number stands before or behind it */
};

static uint64_t get_varint(const struct bytes *bytes, size_t *at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = bytes->data[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

static void put_varint(struct bytes *bytes, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        bytes_u8(bytes, (uint8_t)(value | 0x80));
    bytes_u8(bytes, (uint8_t)value);
}

static size_t read_fields(const struct bytes *object, struct field *fields, size_t most)
{
    size_t count = 0;
    for (size_t at = 0; at < object->size; count++) {
        struct field *field = &fields[count];
        assert_true(count < most);
        *field = (struct field){.tag = at};
        uint64_t tag = get_varint(object, &at);
        field->id = (unsigned)(tag >> 3);
        field->type = tag & 7;
        field->payload = at;
        if (field->type == VARINT) {
            get_varint(object, &at);
        } else if (field->type == FIXED64) {
            at += 8;
        } else {
            size_t size = get_varint(object, &at);
            field->payload = at;
            at += size;
        }
        field->end = at;
        if (count && fields[count - 1].id == field->id)
            field->listed = fields[count - 1].listed = true;
    }
    return count;
}

/* --- lies
 * ------------------------------------------------------------------------------- */

#define LIE_LIST(X)                                                                      \
    X(LEFT_OUT)   /* the field is not there */                                           \
    X(TWICE)      /* the same again behind it */                                         \
    X(OTHER_TYPE) /* a number as a run, a run as a number */                             \
    X(UNKNOWN)    /* behind it one that no table has */                                  \
    X(SHORTER)    /* a run, by a byte */                                                 \
    X(LONGER)                                                                            \
    X(EMPTY)                                                                             \
    X(LONG_VARINT) /* not the shortest */                                                \
    X(BITS_65)                                                                           \
    X(BELOW) /* below the least */                                                       \
    X(ABOVE) /* above the most */                                                        \
    X(NOT_A_NUMBER)                                                                      \
    X(INFINITE)                                                                          \
    X(MINUS_INFINITE)                                                                    \
    X(MINUS_ZERO)                                                                        \
    X(DENORMAL)                                                                          \
    X(NEGATIVE)                                                                          \
    X(CONTROL) /* a control character in a text */

enum lie {
#define LIE_CODE(code) code,
    LIE_LIST(LIE_CODE)
#undef LIE_CODE
        LIES
};

static const char *const lie_names[] = {
#define LIE_NAME(code) #code,
    LIE_LIST(LIE_NAME)
#undef LIE_NAME
};

/* Of an object: which fields are texts, which numbers have limits, and which runs may be
 * of another length or absent as far as anybody can tell. */
struct limit {
    unsigned id;
    uint64_t least, most;
};
struct table {
    uint64_t texts, any_length, optional; /* bit per field number */
    struct limit limits[16];
};

static bool has(uint64_t set, unsigned id)
{
    return set >> id & 1;
}

static const struct limit *limit_of(const struct table *table, unsigned id)
{
    for (size_t i = 0; i < 16; i++)
        if (table->limits[i].id == id)
            return &table->limits[i];
    return NULL;
}

static const double reals[LIES] = {
    [NOT_A_NUMBER] = NAN, [INFINITE] = INFINITY,  [MINUS_INFINITE] = -INFINITY,
    [MINUS_ZERO] = -0.0,  [DENORMAL] = 0x1p-1060, [NEGATIVE] = -1};

/* Whether this is a lie about this field, and not another true value. */
static bool is_lie(const struct table *table, const struct field *field, enum lie lie)
{
    const struct limit *limit = limit_of(table, field->id);
    bool text = has(table->texts, field->id), free_length = text;
    free_length = free_length || has(table->any_length, field->id);
    switch (lie) {
    case LEFT_OUT:
        return !field->listed && !has(table->optional, field->id);
    case SHORTER:
        return field->type == RUN && !free_length && field->end > field->payload;
    case LONGER:
        return field->type == RUN && !free_length;
    case EMPTY:
        return field->type == RUN && !has(table->optional | table->texts, field->id) &&
               field->end > field->payload;
    case LONG_VARINT:
    case BITS_65:
        return field->type == VARINT;
    case BELOW:
        return limit && limit->least > 0;
    case ABOVE:
        return limit && limit->most;
    case CONTROL:
        return text && field->end > field->payload;
    case TWICE:
    case OTHER_TYPE:
    case UNKNOWN:
        return true;
    default:
        return field->type == FIXED64;
    }
}

static void put_run(struct bytes *out, const struct bytes *object,
                    const struct field *field, size_t size)
{
    static const uint8_t zero;
    size_t had = field->end - field->payload;
    put_varint(out, field->id << 3 | RUN);
    put_varint(out, size);
    bytes_append(out, object->data + field->payload, size < had ? size : had);
    if (size > had)
        bytes_append(out, &zero, 1);
}

/* The field, with the lie in it. */
static void put_lie(struct bytes *out, const struct bytes *object,
                    const struct field *field, enum lie lie, const struct limit *limit)
{
    const uint8_t *whole = object->data + field->tag;
    size_t size = field->end - field->tag, length = field->end - field->payload, at;
    switch (lie) {
    case LEFT_OUT:
        break;
    case TWICE:
        bytes_append(out, whole, size);
        bytes_append(out, whole, size);
        break;
    case OTHER_TYPE:
        put_varint(out, field->id << 3 | (field->type == VARINT ? RUN : VARINT));
        bytes_u8(out, 1);
        if (field->type == VARINT)
            bytes_u8(out, 1);
        break;
    case UNKNOWN:
        bytes_append(out, whole, size);
        put_varint(out, 60 << 3);
        bytes_u8(out, 1);
        break;
    case SHORTER:
    case LONGER:
    case EMPTY:
        put_run(out, object, field,
                lie == EMPTY    ? 0
                : lie == LONGER ? length + 1
                                : length - 1);
        break;
    case LONG_VARINT:
        bytes_append(out, whole, size);
        out->data[out->size - 1] |= 0x80;
        bytes_u8(out, 0);
        break;
    case BITS_65:
        put_varint(out, field->id << 3);
        bytes_append(out, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
        break;
    case BELOW:
    case ABOVE:
        put_varint(out, field->id << 3);
        put_varint(out, lie == BELOW ? limit->least - 1 : limit->most + 1);
        break;
    case CONTROL:
        at = out->size;
        bytes_append(out, whole, size);
        out->data[at + field->payload - field->tag] = 7;
        break;
    default:
        put_varint(out, field->id << 3 | FIXED64);
        bytes_f64(out, reals[lie]);
    }
}

static void lie_about(const struct bytes *object, const struct field *field, enum lie lie,
                      const struct table *table, struct bytes *lied)
{
    lied->size = 0;
    bytes_append(lied, object->data, field->tag);
    put_lie(lied, object, field, lie, limit_of(table, field->id));
    bytes_append(lied, object->data + field->end, object->size - field->end);
}

/* Every lie about every field: of a list, the first item. `refused` has an object refused
 * and sees that nothing has changed. */
typedef void refuse(void *scene, const struct bytes *object, const char *what);

static size_t tell(const char *name, const struct bytes *object,
                   const struct table *table, refuse *refused, void *scene)
{
    struct field fields[64];
    struct bytes lied = {0};
    size_t count = read_fields(object, fields, 64), told = 0;
    for (size_t i = 0; i < count; i++)
        for (enum lie lie = 0; lie < LIES; lie++) {
            if ((i && fields[i - 1].id == fields[i].id) ||
                !is_lie(table, &fields[i], lie))
                continue;
            char *what =
                mem_format("%s, field %u, %s", name, fields[i].id, lie_names[lie]);
            lie_about(object, &fields[i], lie, table, &lied);
            refused(scene, &lied, what);
            mem_free(what);
            told++;
        }
    bytes_free(&lied);
    return told;
}

/* An object signed by whoever it is, under the tag of its kind. */
static void sign(const struct identity *signer, const char *tag,
                 const struct bytes *object, struct bytes *out)
{
    struct signed_bytes parts = {.object = codec_view(object)};
    assert_ok(identity_sign(signer, tag, object->data, object->size, parts.signature));
    out->size = 0;
    assert_ok(codec_encode_signed_bytes(&parts, out));
}

/* The object in a Signed. */
static void unsign(struct view whole, struct bytes *object)
{
    struct arena *arena = codec_arena(whole.size);
    struct signed_bytes parts;
    assert_ok(codec_decode_signed_bytes(whole, arena, &parts));
    object->size = 0;
    bytes_append(object, parts.object.data, parts.object.size);
    arena_destroy(&arena);
}

/* --- to the coordinator
 * ----------------------------------------------------------------------- */

/* One member's message of a phase, taken apart: what it signs, and what stands around. */
struct center {
    struct rehearsal *r;
    enum phase phase;
    const char *tag;   /* of the object in it that is signed; NULL: the message itself */
    struct bytes rest; /* field 2 and on, of a message that begins with a Signed */
};

static void hand_in(struct center *c, const struct bytes *body, const char *what)
{
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    bool fresh;
    enum err failure;
    digest_collection(c->r->collection, before);
    if (collection_take(c->r->collection, c->r->members[LIAR].key,
                        phase_question(c->phase), codec_view(body), &fresh,
                        &failure) == REASON_NONE)
        fail_msg("taken: %s", what);
    digest_collection(c->r->collection, after);
    assert_memory_equal(before, after, HASH_BYTES);
}

static void hand_in_signed(void *scene, const struct bytes *object, const char *what)
{
    struct center *c = scene;
    struct bytes body = {0}, whole = {0};
    sign(c->r->members[LIAR].identity, c->tag, object, &body);
    if (c->rest.size) {
        put_varint(&whole, 1 << 3 | RUN);
        put_varint(&whole, body.size);
        bytes_append(&whole, body.data, body.size);
        bytes_append(&whole, c->rest.data, c->rest.size);
    }
    hand_in(c, c->rest.size ? &whole : &body, what);
    bytes_free(&body);
    bytes_free(&whole);
}

static void hand_in_body(void *scene, const struct bytes *object, const char *what)
{
    hand_in(scene, object, what);
}

static void advance(struct rehearsal *r)
{
    bool moved;
    for (size_t i = 0; i < N; i++)
        rehearsal_send(r, i);
    assert_ok(collection_advance(r->collection, false, &moved));
    assert_true(moved);
    for (size_t i = 0; i < N; i++)
        assert_ok(rehearsal_receive(r, i));
}

static void message_of(struct rehearsal *r, struct bytes *body)
{
    uint32_t kind;
    struct view view;
    assert_ok(attempt_message(r->members[LIAR].attempt, &kind, &view));
    body->size = 0;
    bytes_append(body, view.data, view.size);
}

static void values__of_members_are_refused(void **state)
{
    (void)state;
    static const char *const tags[] = {"SA1/adv", "SA1/shares", "SA1/input", "SA1/cons",
                                       NULL};
    static const char *const names[] = {"advert", "dealing", "input", "confirm",
                                        "unmask"};
    /* That a ledger is as long as can be is for its hospital to say. */
    static const struct table object = {0}, whole = {0};
    struct stage s = stage_of(N, 1, 0, 1);
    struct bytes body = {0}, inner = {0};
    size_t told = 0;
    assert_ok(rehearsal_open(s.r, 1, 1));
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        struct center center = {s.r, phase, tags[phase], {0}};
        struct field fields[64];
        message_of(s.r, &body);
        bool around = phase == PHASE_SHARE || phase == PHASE_MASK;
        if (around || phase == PHASE_UNMASK) /* parcels, the vector, the shares */
            told += tell(names[phase], &body, &whole, hand_in_body, &center);
        if (around) {
            read_fields(&body, fields, 64);
            bytes_append(&center.rest, body.data + fields[1].tag,
                         body.size - fields[1].tag);
            unsign((struct view){body.data + fields[0].payload,
                                 fields[0].end - fields[0].payload},
                   &inner);
        } else if (phase != PHASE_UNMASK) {
            unsign(codec_view(&body), &inner);
        }
        if (phase != PHASE_UNMASK)
            told += tell(names[phase], &inner, &object, hand_in_signed, &center);
        bytes_free(&center.rest);
        advance(s.r);
    }
    assert_true(rehearsal_sum_is_exact(s.r, NULL)); /* for all that was tried */
    print_message("%zu values of 7 objects\n", told);
    assert_true(told >= 120);
    bytes_free(&body);
    bytes_free(&inner);
    leave(&s);
}

/* --- to a node in an attempt
 * ------------------------------------------------------------------- */

struct answer {
    enum phase phase;
    struct bytes body; /* the true one */
};

/* Whoever is told it has nothing to say any more, keeps no secret, and has paid for
 * nothing it had not paid for. */
static void tell_node(void *scene, const struct bytes *body, const char *what)
{
    const struct answer *answer = scene;
    struct stage s = answer->phase ? five_after(answer->phase - 1) : five();
    struct attempt *attempt = liar_part(s.liar, 0, 0)->attempt;
    uint32_t kind;
    struct view view;
    size_t charged = s.r->members[0].world.charged;
    if (liar_hand(s.liar, 0, 0, codec_view(body)) == REASON_NONE)
        fail_msg("taken: %s", what);
    assert_int_equal(attempt_phase(attempt), PHASE_END);
    assert_int_equal(attempt_message(attempt, &kind, &view), ERR_STATE);
    assert_int_equal(s.r->members[0].world.charged, charged);
    assert_int_equal(spoils_bared(s.liar->spoils), 0);
    leave(&s);
}

static void values__of_a_coordinators_answers_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"bundle", "delivery", "survivors", "confirms",
                                        "receipt"};
    static const struct table tables[PHASE_END] = {{0}};
    size_t told = 0;
    for (enum phase phase = 0; phase < PHASE_END; phase++) {
        struct answer answer = {.phase = phase};
        struct stage s = phase ? five_after(phase - 1) : five();
        assert_ok(liar_compose(s.liar, 0, 0, phase, &honest, &answer.body));
        told += tell(names[phase], &answer.body, &tables[phase], tell_node, &answer);
        assert_int_equal(liar_hand(s.liar, 0, 0, codec_view(&answer.body)), REASON_NONE);
        bytes_free(&answer.body);
        leave(&s);
    }
    print_message("%zu values of 5 answers\n", told);
    assert_true(told >= 40);
}

/* --- to a node that polls
 * ---------------------------------------------------------------------- */

struct desk {
    struct hospital *h;
    struct node_study *study; /* that the poll is about, or NULL */
    const struct identity *signer;
    const char *tag;
    unsigned field; /* of the reply that the object goes into; 0: it is the reply */
};

static enum err take(const struct desk *desk, const struct bytes *reply)
{
    struct hospital *h = desk->h;
    struct node_exchange exchange;
    struct node_exchange_news news = {0};
    struct bytes question = {0}, answer = {0};
    assert_ok(node_exchange_ask(h->node, &exchange, desk->study, &question));
    hospital_answer(h, &question, MESSAGE_REPLY, reply, &answer);
    enum err result =
        node_exchange_take(h->node, &h->clock, &exchange, desk->study, &answer, &news);
    node_exchange_news_clear(&news);
    bytes_free(&question);
    bytes_free(&answer);
    return result;
}

static enum err offer(const struct desk *desk, const struct bytes *object)
{
    struct bytes whole = {0}, body = {0};
    struct reply reply = {.waiting = "nothing"};
    if (desk->field == 0)
        return take(desk, object);
    sign(desk->signer, desk->tag, object, &whole);
    struct view view = codec_view(&whole);
    if (desk->field == 6)
        reply.roster = view;
    if (desk->field == 8)
        reply.terms = (struct views){&view, 1};
    if (desk->field == 9)
        reply.links = (struct views){&view, 1};
    assert_ok(codec_encode_reply(&reply, &body));
    enum err result = take(desk, &body);
    bytes_free(&whole);
    bytes_free(&body);
    return result;
}

static void answer_poll(void *scene, const struct bytes *object, const char *what)
{
    const struct desk *desk = scene;
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    uint64_t length = desk->study ? desk->study->chain.length : 0;
    const struct roster *roster = desk->h->node->consortium.roster;
    digest_node(desk->h->node, before);
    if (offer(desk, object) == ERR_OK)
        fail_msg("taken: %s", what);
    digest_node(desk->h->node, after);
    assert_memory_equal(before, after, HASH_BYTES);
    assert_ptr_equal(desk->h->node->consortium.roster, roster);
    if (desk->study)
        assert_int_equal(desk->study->chain.length, length);
}

#define TIME_MAX WIRE_TIME_MAX
#define MEMBERS_MAX WIRE_PARTICIPANTS_MAX

static const struct table reply_table = {
    .texts = 1 << 2,
    .any_length = 1 << 7, /* a plan is judged when it is entered */
    .optional = 1 << 6 | 1 << 7,
    .limits = {{1, 0, 86400000}, {3, 0, TIME_MAX}},
};
static const struct table roster_table = {
    .texts = 1 << 1 | 1 << 8,
    .limits = {{3, 1, 0}, {5, 0, TIME_MAX}},
};
static const struct table terms_table = {
    .texts = 1 << 3 | 1 << 4,
    .limits = {{5, 0, TIME_MAX},
               {8, 1, UINT32_MAX},
               {9, 1, WIRE_DIMENSION_MAX},
               {10, 1, WIRE_ROUNDS_MAX},
               {13, 1, WIRE_NORM_MAX},
               {14, 2, 40},
               {15, 1, MEMBERS_MAX},
               {19, 1, MEMBERS_MAX}},
};
static const struct table link_table = {
    .limits = {{2, 1, WIRE_ROUNDS_MAX}, {6, 1, MEMBERS_MAX}},
};
static const struct table plan_table = {
    .optional = 1 << 19,
    .limits = {{4, 1, WIRE_ROUNDS_MAX},
               {5, 1, WIRE_ATTEMPTS_MAX},
               {7, 1, WIRE_DIMENSION_MAX},
               {9, 1, WIRE_NORM_MAX},
               {11, 2, 40},
               {12, 0, TIME_MAX},
               {14, 1, MEMBERS_MAX},
               {15, 1, MEMBERS_MAX},
               {16, 1, MEMBERS_MAX},
               {17, 1, MEMBERS_MAX},
               {18, 1, MEMBERS_MAX}},
};

/* The next roster: one whose fields are all true. */
static void next_roster(struct hospital *h, struct bytes *object)
{
    struct roster_fields fields = h->c->fields;
    struct bytes whole = {0};
    fields.version = 2;
    memcpy(fields.previous, roster_hash(h->node->consortium.roster), HASH_BYTES);
    assert_ok(roster_sign(h->c->governance, &fields, &whole));
    unsign(codec_view(&whole), object);
    bytes_free(&whole);
}

static void next_link(struct hospital *h, struct bytes *object)
{
    struct bytes whole = {0};
    uint8_t hash[HASH_BYTES];
    hospital_link(h, 1, h->c->terms_hash, 0.05, &whole, hash);
    unsign(codec_view(&whole), object);
    bytes_free(&whole);
}

static size_t tell_desk(struct desk desk, const char *name, const struct bytes *object,
                        const struct table *table)
{
    size_t told = tell(name, object, table, answer_poll, &desk);
    assert_ok(offer(&desk, object)); /* the truth is taken */
    return told;
}

static void values__in_replies_are_refused(void **state)
{
    struct hospital *h = *state;
    struct bytes object = {0};
    struct desk desk = {.h = h};
    const struct reply reply = {.retry_after_ms = 5, .waiting = "nothing", .now = NOW};
    size_t told = 0;
    assert_ok(codec_encode_reply(&reply, &object));
    told += tell_desk(desk, "reply", &object, &reply_table);
    desk = (struct desk){h, NULL, h->c->governance, "gemel/roster/1", 6};
    next_roster(h, &object);
    told += tell_desk(desk, "roster", &object, &roster_table);
    desk = (struct desk){h, NULL, h->c->coordinator, "gemel/terms/1", 8};
    unsign(codec_view(&h->c->terms_bytes), &object);
    told += tell_desk(desk, "terms", &object, &terms_table);
    assert_ok(node_studies_decide(h->node, h->c->terms.study, STUDY_APPROVED, NOW));
    struct node_study *study = hospital_opened(h);
    desk = (struct desk){h, study, h->c->coordinator, "gemel/link/1", 9};
    next_link(h, &object);
    told += tell_desk(desk, "link", &object, &link_table);
    node_study_destroy(&study);
    bytes_free(&object);
    print_message("%zu values of 4 objects\n", told);
    assert_true(told >= 120);
}

/* A plan is judged when it is entered. */
static void enter_plan(void *scene, const struct bytes *object, const char *what)
{
    struct hospital *h = scene;
    struct bytes whole = {0};
    struct part *part;
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    sign(h->c->coordinator, "gemel/plan/1", object, &whole);
    digest_node(h->node, before);
    if (part_new(h->node, &h->clock, h->c->terms.study, codec_view(&whole), NULL, &part,
                 NULL) == ERR_OK)
        fail_msg("entered: %s", what);
    digest_node(h->node, after);
    assert_memory_equal(before, after, HASH_BYTES);
    bytes_free(&whole);
}

static void values__in_plans_are_refused(void **state)
{
    struct hospital *h = *state;
    struct node_study *study = hospital_approved(h);
    struct plan plan = hospital_plan(h);
    struct bytes whole = {0}, object = {0};
    struct part *part;
    uint8_t hash[HASH_BYTES];
    hospital_patients(h, PATIENTS);
    assert_ok(plan_sign(h->c->coordinator, &plan, &whole, hash));
    unsign(codec_view(&whole), &object);
    size_t told = tell("plan", &object, &plan_table, enter_plan, h);
    print_message("%zu values of a plan\n", told);
    assert_true(told >= 100);
    assert_ok(part_new(h->node, &h->clock, h->c->terms.study, codec_view(&whole), NULL,
                       &part, NULL));
    part_destroy(&part);
    bytes_free(&whole);
    bytes_free(&object);
    node_study_destroy(&study);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values__of_members_are_refused),
        cmocka_unit_test(values__of_a_coordinators_answers_are_refused),
        IN_HOSPITAL(values__in_replies_are_refused),
        IN_HOSPITAL(values__in_plans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
