#ifndef TESTS_WIRE_SAMPLE_H
#define TESTS_WIRE_SAMPLE_H

/* sample - a value of every shape: the smallest there is, an ordinary one, and one with
 * every text, list and number at its limit. All of them are arbitrary but fixed. */

#include "base/memory.h"
#include "wire/codec.h"

enum sample_size { SAMPLE_SMALLEST, SAMPLE_ORDINARY, SAMPLE_LARGEST, SAMPLE_SIZES };

union sample {
#define SAMPLE_FIELD(code, type) struct type type;
    SHAPE_LIST(SAMPLE_FIELD)
#undef SAMPLE_FIELD
};

static inline size_t sample_pick(enum sample_size size, size_t smallest, size_t ordinary,
                                 size_t largest)
{
    return size == SAMPLE_SMALLEST   ? smallest
           : size == SAMPLE_ORDINARY ? ordinary
                                     : largest;
}

/* `size` bytes 1, 2, 3 ... starting at `seed`: never all zero. */
static inline void sample_fixed(uint8_t *bytes, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(seed + i);
}

static inline struct view sample_view(struct arena *arena, size_t size, unsigned seed)
{
    uint8_t *bytes = arena_take(arena, size ? size : 1);
    sample_fixed(bytes, size, seed);
    return (struct view){bytes, size};
}

static inline const char *sample_text(struct arena *arena, size_t size)
{
    char *text = arena_take(arena, size + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + i % 26);
    return text;
}

static inline struct keys sample_keys(struct arena *arena, size_t count)
{
    uint8_t *keys = arena_take(arena, count * KEY_BYTES + 1);
    for (size_t i = 0; i < count; i++) {
        sample_fixed(keys + i * KEY_BYTES, KEY_BYTES, 7);
        keys[i * KEY_BYTES] = (uint8_t)(i >> 8);
        keys[i * KEY_BYTES + 1] = (uint8_t)i;
    }
    return (struct keys){keys, count};
}

static inline struct views sample_views(struct arena *arena, size_t count, size_t size)
{
    struct view *views = arena_take(arena, count * sizeof *views + 1);
    for (size_t i = 0; i < count; i++)
        views[i] = sample_view(arena, size, (unsigned)i);
    return (struct views){views, count};
}

static inline struct words sample_words(struct arena *arena, size_t count)
{
    uint64_t *words = arena_take(arena, count * sizeof *words + 1);
    for (size_t i = 0; i < count; i++)
        words[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (struct words){words, count};
}

static inline struct reals sample_reals(struct arena *arena, size_t count)
{
    double *reals = arena_take(arena, count * sizeof *reals + 1);
    for (size_t i = 0; i < count; i++)
        reals[i] = 1.5 + (double)i;
    return (struct reals){reals, count};
}

static inline void sample_member(struct arena *arena, enum sample_size size, size_t index,
                                 struct member *member)
{
    *member = (struct member){
        .name = sample_text(arena, sample_pick(size, 1, 12, WIRE_NAME_BYTES_MAX)),
        .valid_from = sample_pick(size, 0, 1700000000, WIRE_TIME_MAX),
        .valid_to = sample_pick(size, 0, 1900000000, WIRE_TIME_MAX)};
    sample_fixed(member->key, KEY_BYTES, 40);
    member->key[0] = (uint8_t)(index >> 8);
    member->key[1] = (uint8_t)index;
    sample_fixed(member->curve, KEY_BYTES, (unsigned)index);
}

static inline void sample_messages(enum shape shape, enum sample_size size,
                                   struct arena *arena, union sample *sample)
{
    uint64_t number = size == SAMPLE_LARGEST ? UINT64_MAX : sample_pick(size, 0, 300, 0);
    switch (shape) {
    case SHAPE_SIGNED:
        sample->signed_bytes.object =
            sample_view(arena, sample_pick(size, 1, 200, WIRE_FRAME_MAX - 70), 3);
        sample_fixed(sample->signed_bytes.signature, SIGNATURE_BYTES, 9);
        break;
    case SHAPE_ENVELOPE:
        sample->envelope = (struct envelope){
            .version = WIRE_VERSION,
            .kind = (uint32_t)sample_pick(size, 1, 3, 31),
            .round = sample_pick(size, 0, 4, WIRE_ROUNDS_MAX),
            .attempt = (uint32_t)sample_pick(size, 0, 1, WIRE_ATTEMPTS_MAX),
            .body =
                sample_view(arena, sample_pick(size, 1, 130, WIRE_FRAME_MAX - 300), 5)};
        sample_fixed(sample->envelope.consortium, HASH_BYTES, 11);
        sample_fixed(sample->envelope.sender, KEY_BYTES, 12);
        sample_fixed(sample->envelope.recipient, KEY_BYTES, 13);
        sample_fixed(sample->envelope.study, STUDY_BYTES, 14);
        sample_fixed(sample->envelope.nonce, NONCE_BYTES, 15);
        break;
    case SHAPE_POLL:
        sample->poll =
            (struct poll){.roster_version = number,
                          .ledger_length = number,
                          .chain_length = sample_pick(size, 0, 4, WIRE_ROUNDS_MAX),
                          .terms_known = sample_keys(
                              arena, sample_pick(size, 0, 3, WIRE_TERMS_KNOWN_MAX))};
        sample_fixed(sample->poll.roster_hash, HASH_BYTES, 16);
        sample_fixed(sample->poll.ledger_head, HASH_BYTES, 17);
        sample_fixed(sample->poll.chain_head, HASH_BYTES, 18);
        sample_fixed(sample->poll.seed_commitment, HASH_BYTES, 54);
        sample_fixed(sample->poll.chain_signature, SIGNATURE_BYTES, 55);
        sample_fixed(sample->poll.ledger_signature, SIGNATURE_BYTES, 56);
        break;
    case SHAPE_REPLY:
        sample->reply = (struct reply){
            .retry_after_ms = (uint32_t)sample_pick(size, 0, 500, 86400000),
            .waiting = sample_text(arena, sample_pick(size, 0, 30, WIRE_TEXT_BYTES_MAX)),
            .now = sample_pick(size, 0, 1764000000, WIRE_TIME_MAX),
            .ledger_length = number,
            .roster =
                sample_view(arena, sample_pick(size, 0, 90, WIRE_ROSTER_MAX + 80), 1),
            .plan = sample_view(arena, sample_pick(size, 0, 80, WIRE_PLAN_MAX + 80), 2),
            .terms = sample_views(arena, sample_pick(size, 0, 2, WIRE_REPLY_TERMS_MAX),
                                  size == SAMPLE_LARGEST ? 20000 : 50),
            .links = sample_views(arena, sample_pick(size, 0, 3, WIRE_REPLY_LINKS_MAX),
                                  size == SAMPLE_LARGEST ? 5000 : 60),
            .heads = sample_views(arena, sample_pick(size, 0, 2, WIRE_REPLY_HEADS_MAX),
                                  WIRE_HEADS_BYTES)};
        sample_fixed(sample->reply.ledger_head, HASH_BYTES, 19);
        break;
    case SHAPE_RECEIPT:
        sample->receipt = (struct receipt){.ledger_length = number};
        sample_fixed(sample->receipt.message, HASH_BYTES, 22);
        sample_fixed(sample->receipt.plan, HASH_BYTES, 23);
        sample_fixed(sample->receipt.ledger_head, HASH_BYTES, 24);
        break;
    default:
        break;
    }
}

static inline struct views sample_runs(struct arena *arena, enum sample_size size,
                                       size_t least, size_t each)
{
    return sample_views(arena, sample_pick(size, 0, 3, WIRE_PARTICIPANTS_MAX),
                        sample_pick(size, least, (least + each) / 2, each));
}

/* What members say in the five phases, and what they are told instead. */
static inline void sample_phases(enum shape shape, enum sample_size size,
                                 struct arena *arena, union sample *sample)
{
    struct view small = sample_view(
        arena, sample_pick(size, WIRE_SIGNED_SMALL_MIN, 150, WIRE_SIGNED_SMALL_MAX), 47);
    switch (shape) {
    case SHAPE_ADVERT:
        sample_fixed((uint8_t *)&sample->advert, sizeof sample->advert, 48);
        sample->advert.ledger_length = sample_pick(size, 0, 300, SIZE_MAX);
        break;
    case SHAPE_DEALING:
        sample_fixed((uint8_t *)&sample->dealing, sizeof sample->dealing, 49);
        break;
    case SHAPE_INPUT:
        sample_fixed((uint8_t *)&sample->input, sizeof sample->input, 50);
        sample->input.ledger_length = sample_pick(size, 0, 300, SIZE_MAX);
        break;
    case SHAPE_CONFIRM:
        sample_fixed((uint8_t *)&sample->confirm, sizeof sample->confirm, 51);
        break;
    case SHAPE_BUNDLE:
        sample->bundle.adverts =
            sample_runs(arena, size, WIRE_SIGNED_SMALL_MIN, WIRE_SIGNED_SMALL_MAX);
        break;
    case SHAPE_SURVIVORS:
        sample->survivors.inputs =
            sample_runs(arena, size, WIRE_SIGNED_SMALL_MIN, WIRE_SIGNED_SMALL_MAX);
        break;
    case SHAPE_CONFIRMS:
        sample->confirms.confirms =
            sample_runs(arena, size, WIRE_SIGNED_SMALL_MIN, WIRE_SIGNED_SMALL_MAX);
        break;
    case SHAPE_SHARES:
        sample->shares.dealing = small;
        sample->shares.parcels =
            sample_runs(arena, size, WIRE_PARCEL_BYTES, WIRE_PARCEL_BYTES);
        break;
    case SHAPE_DELIVERY:
        sample->delivery.dealers =
            sample_keys(arena, sample_pick(size, 0, 3, WIRE_PARTICIPANTS_MAX));
        sample->delivery.parcels =
            sample_runs(arena, size, WIRE_PARCEL_BYTES, WIRE_PARCEL_BYTES);
        break;
    case SHAPE_MASKED_INPUT:
        sample->masked_input.input = small;
        sample->masked_input.vector =
            sample_words(arena, sample_pick(size, 0, 20, WIRE_DIMENSION_MAX));
        break;
    case SHAPE_UNMASK:
        sample_fixed(sample->unmask.plan, HASH_BYTES, 52);
        sample_fixed(sample->unmask.survivors, HASH_BYTES, 53);
        sample->unmask.self_shares = sample_runs(arena, size, KEY_BYTES, KEY_BYTES);
        sample->unmask.mask_shares = sample_runs(arena, size, KEY_BYTES, KEY_BYTES);
        break;
    case SHAPE_REFUSAL:
        sample->refusal = (struct refusal){
            .reason = size == SAMPLE_LARGEST ? UINT32_MAX
                                             : (uint32_t)sample_pick(size, 1, 19, 0),
            .detail = sample_text(arena, sample_pick(size, 0, 40, WIRE_TEXT_BYTES_MAX))};
        break;
    case SHAPE_WAITING:
        sample->waiting = (struct waiting){
            .retry_after_ms = (uint32_t)sample_pick(size, 0, 500, 86400000),
            .what_for =
                sample_text(arena, sample_pick(size, 0, 30, WIRE_TEXT_BYTES_MAX))};
        break;
    default:
        break;
    }
}

static inline void sample_study(enum shape shape, enum sample_size size,
                                struct arena *arena, union sample *sample)
{
    size_t people = sample_pick(size, 0, 5, WIRE_PARTICIPANTS_MAX);
    switch (shape) {
    case SHAPE_TERMS:
        sample->terms = (struct terms){
            .name = sample_text(arena, sample_pick(size, 1, 14, WIRE_NAME_BYTES_MAX)),
            .purpose = sample_text(arena, sample_pick(size, 0, 60, WIRE_TEXT_BYTES_MAX)),
            .issued = sample_pick(size, 0, 1764000000, WIRE_TIME_MAX),
            .model =
                sample_view(arena, sample_pick(size, 1, 100, WIRE_MODEL_TEXT_MAX), 6),
            .statistic = size == SAMPLE_LARGEST ? UINT32_MAX : 1,
            .dimension = (uint32_t)sample_pick(size, 1, 20, WIRE_DIMENSION_MAX),
            .rounds = (uint32_t)sample_pick(size, 1, 3, WIRE_ROUNDS_MAX),
            .epsilon = size == SAMPLE_LARGEST ? 100 : 1,
            .delta = size == SAMPLE_LARGEST ? 0.5 : 1e-6,
            .norm_max =
                size == SAMPLE_LARGEST ? WIRE_NORM_MAX : sample_pick(size, 1, 87381, 0),
            .noise_log2 = (uint32_t)sample_pick(size, 2, 20, 40),
            .hospitals_min = (uint32_t)sample_pick(size, 1, 3, WIRE_PARTICIPANTS_MAX),
            .noise_multipliers =
                sample_reals(arena, sample_pick(size, 0, 3, WIRE_ROUNDS_MAX)),
            .participants = sample_keys(arena, people),
            .prior = sample_view(arena, sample_pick(size, 1, 70, WIRE_PRIOR_MAX), 8),
            .colluders = (uint32_t)sample_pick(size, 1, 1, WIRE_PARTICIPANTS_MAX)};
        sample_fixed(sample->terms.study, STUDY_BYTES, 25);
        sample_fixed(sample->terms.consortium, HASH_BYTES, 26);
        sample_fixed(sample->terms.model_hash, HASH_BYTES, 27);
        break;
    case SHAPE_PLAN:
        sample->plan = (struct plan){
            .round = sample_pick(size, 1, 3, WIRE_ROUNDS_MAX),
            .attempt = (uint32_t)sample_pick(size, 1, 2, WIRE_ATTEMPTS_MAX),
            .dimension = (uint32_t)sample_pick(size, 1, 20, WIRE_DIMENSION_MAX),
            .step = size == SAMPLE_LARGEST ? 1.7976931348623157e308 : 0x1p-20,
            .norm_max =
                size == SAMPLE_LARGEST ? WIRE_NORM_MAX : sample_pick(size, 1, 87381, 0),
            .noise_multiplier = size == SAMPLE_LARGEST ? WIRE_NOISE_MULTIPLIER_MAX : 12,
            .noise_log2 = (uint32_t)sample_pick(size, 2, 20, 40),
            .deadline = sample_pick(size, 0, 1764000600, WIRE_TIME_MAX),
            .participants = sample_keys(arena, people),
            .colluders = (uint32_t)sample_pick(size, 1, 1, WIRE_PARTICIPANTS_MAX),
            .quorum = (uint32_t)sample_pick(size, 1, 4, WIRE_PARTICIPANTS_MAX),
            .threshold = (uint32_t)sample_pick(size, 1, 3, WIRE_PARTICIPANTS_MAX),
            .survivors = (uint32_t)sample_pick(size, 1, 4, WIRE_PARTICIPANTS_MAX),
            .degree = (uint32_t)sample_pick(size, 1, 4, WIRE_PARTICIPANTS_MAX),
            .commitments = sample_view(
                arena, sample_pick(size, 0, 160, HASH_BYTES * WIRE_PARTICIPANTS_MAX),
                55)};
        sample_fixed(sample->plan.study, STUDY_BYTES, 28);
        sample_fixed(sample->plan.terms, HASH_BYTES, 29);
        sample_fixed(sample->plan.roster, HASH_BYTES, 30);
        sample_fixed(sample->plan.chain_head, HASH_BYTES, 31);
        break;
    case SHAPE_CHAIN_LINK:
        sample->chain_link = (struct chain_link){
            .round = sample_pick(size, 1, 3, WIRE_ROUNDS_MAX),
            .contributions = (uint32_t)sample_pick(size, 1, 5, WIRE_PARTICIPANTS_MAX),
            .prior = sample_view(arena, sample_pick(size, 1, 70, WIRE_PRIOR_MAX), 8)};
        sample_fixed(sample->chain_link.study, STUDY_BYTES, 32);
        sample_fixed(sample->chain_link.previous, HASH_BYTES, 33);
        sample_fixed(sample->chain_link.plan, HASH_BYTES, 34);
        sample_fixed(sample->chain_link.sum, HASH_BYTES, 35);
        sample_fixed(sample->chain_link.survivors, HASH_BYTES, 56);
        break;
    default:
        break;
    }
}

static inline void sample_people(enum shape shape, enum sample_size size,
                                 struct arena *arena, union sample *sample)
{
    const char *address = size == SAMPLE_LARGEST
                              ? "tcp://a-hospital-network.with-a-long-name.example:65535"
                              : "tcp://h:1";
    const char *name = sample_text(arena, sample_pick(size, 1, 9, WIRE_NAME_BYTES_MAX));
    uint64_t time = sample_pick(size, 0, 1764000000, WIRE_TIME_MAX);
    size_t people = sample_pick(size, 0, 5, WIRE_PARTICIPANTS_MAX);
    struct member *members;
    switch (shape) {
    case SHAPE_ROSTER:
        members = arena_take(arena, people * sizeof *members + 1);
        for (size_t i = 0; i < people; i++)
            sample_member(arena, size, i, &members[i]);
        sample->roster_fields = (struct roster_fields){
            .consortium_name = name,
            .version = size == SAMPLE_LARGEST ? UINT64_MAX : sample_pick(size, 1, 7, 0),
            .issued = time,
            .endpoint = address,
            .members = {members, people}};
        sample_fixed(sample->roster_fields.governance_key, KEY_BYTES, 36);
        sample_fixed(sample->roster_fields.previous, HASH_BYTES, 37);
        sample_fixed(sample->roster_fields.coordinator_key, KEY_BYTES, 38);
        sample_fixed(sample->roster_fields.coordinator_curve, KEY_BYTES, 39);
        break;
    case SHAPE_REQUEST:
        sample->enrol_request = (struct enrol_request){.name = name, .issued = time};
        sample_fixed(sample->enrol_request.consortium, HASH_BYTES, 41);
        sample_fixed(sample->enrol_request.key, KEY_BYTES, 42);
        sample_fixed(sample->enrol_request.curve, KEY_BYTES, 43);
        break;
    case SHAPE_INVITE:
        sample->enrol_invite = (struct enrol_invite){.consortium_name = name,
                                                     .endpoint = address,
                                                     .issued = time,
                                                     .expires = time};
        sample_fixed(sample->enrol_invite.governance_key, KEY_BYTES, 44);
        sample_fixed(sample->enrol_invite.coordinator_key, KEY_BYTES, 45);
        sample_fixed(sample->enrol_invite.coordinator_curve, KEY_BYTES, 46);
        break;
    case SHAPE_MEMBER:
        sample_member(arena, size, 258, &sample->member);
        break;
    default:
        break;
    }
}

/* What it points to lies in the arena (8 MiB are enough). */
static inline void sample_make(enum shape shape, enum sample_size size,
                               struct arena *arena, union sample *sample)
{
    memset(sample, 0, sizeof *sample);
    sample_messages(shape, size, arena, sample);
    sample_phases(shape, size, arena, sample);
    sample_study(shape, size, arena, sample);
    sample_people(shape, size, arena, sample);
}

#endif
