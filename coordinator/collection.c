#include "coordinator/collection.h"

#include <string.h>

#include "coordinator/collection_impl.h"

/* --- small questions
 * ------------------------------------------------------------------------ */

bool collection_came(const struct collection *c, size_t place, enum phase phase)
{
    return c->members[place].came[phase];
}

static const uint8_t *key_of(const struct collection *c, size_t place)
{
    return c->plan.participants.items + place * KEY_BYTES;
}

bool collection_is_of(const struct collection *c, size_t place,
                      const uint8_t member[KEY_BYTES])
{
    return memcmp(key_of(c, place), member, KEY_BYTES) == 0;
}

struct view *collection_list(const struct collection *c, enum phase phase, size_t *count)
{
    struct view *items = mem_new(c->plan.participants.count, sizeof *items);
    *count = 0;
    for (size_t i = 0; i < c->plan.participants.count; i++)
        if (collection_came(c, i, phase))
            items[(*count)++] = codec_view(&c->members[i].kept[phase]);
    return items;
}

struct view collection_signed_plan(const struct collection *c)
{
    return codec_view(&c->signed_plan);
}

const struct plan *collection_plan(const struct collection *c)
{
    return &c->plan;
}

const uint8_t *collection_context(const struct collection *c)
{
    return c->context;
}

enum phase collection_phase(const struct collection *c)
{
    return c->phase;
}

size_t collection_received(const struct collection *c)
{
    return c->received;
}

/* Who may still send: those whose message of the phase before came; only survivors
 * confirm, and they may unmask whether or not their confirmation came in time. */
static bool expects(const struct collection *c, size_t place, enum phase phase)
{
    /* Of those who left what has come counts. */
    if (phase < PHASE_END && c->members[place].left)
        return collection_came(c, place, phase);
    switch (phase) {
    case PHASE_ADVERTISE:
        return true;
    case PHASE_SHARE:
    case PHASE_MASK:
        return collection_came(c, place, phase - 1);
    case PHASE_CONFIRM:
    case PHASE_UNMASK:
        return collection_came(c, place, PHASE_MASK);
    default:
        return false;
    }
}

size_t collection_expected(const struct collection *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->plan.participants.count; i++)
        count += expects(c, i, c->phase);
    return count;
}

enum err collection_input(const struct collection *c, const uint8_t member[KEY_BYTES],
                          struct arena *arena, struct input *input)
{
    size_t place = terms_place(&c->plan.participants, member);
    if (place == c->plan.participants.count || !collection_came(c, place, PHASE_MASK))
        return err_set(ERR_STATE, "no input of this member was taken");
    return phase_read_input(codec_view(&c->members[place].kept[PHASE_MASK]), arena,
                            input);
}

bool collection_succeeded(const struct collection *c)
{
    return c->succeeded;
}

enum reason collection_reason(const struct collection *c)
{
    return c->reason;
}

const uint64_t *collection_sum(const struct collection *c)
{
    return c->succeeded ? c->sum : NULL;
}

size_t collection_survivor_count(const struct collection *c)
{
    return c->survivor_count;
}

const uint8_t *collection_survivors(const struct collection *c)
{
    return c->survivors;
}

void collection_summed(const struct collection *c, struct bytes *keys)
{
    for (size_t i = 0; c->answers[PHASE_CONFIRM].size && i < c->plan.participants.count;
         i++)
        if (collection_came(c, i, PHASE_MASK))
            bytes_append(keys, key_of(c, i), KEY_BYTES);
}

const size_t *collection_blamed(const struct collection *c, size_t *count)
{
    *count = c->blamed_count;
    return c->blamed;
}

/* --- beginning and end
 * ---------------------------------------------------------------------- */

enum err collection_new(struct view signed_plan, const uint8_t coordinator_key[KEY_BYTES],
                        const struct collection_world *world,
                        struct collection **collection)
{
    struct collection *c = mem_new(1, sizeof *c);
    if (world)
        c->world = *world;
    c->arena = codec_arena(signed_plan.size);
    bytes_append(&c->signed_plan, signed_plan.data, signed_plan.size);
    enum err result =
        plan_open(signed_plan, coordinator_key, c->arena, &c->plan, c->context);
    if (result == ERR_OK) {
        c->members = mem_new(c->plan.participants.count, sizeof *c->members);
        c->sum = mem_new(c->plan.dimension, sizeof *c->sum);
    }
    *collection = c;
    if (result != ERR_OK)
        collection_destroy(collection);
    return result;
}

void collection_destroy(struct collection **collection)
{
    struct collection *c = *collection;
    if (!c)
        return;
    for (size_t i = 0; c->members && i < c->plan.participants.count; i++)
        for (enum phase phase = 0; phase < PHASE_END; phase++)
            bytes_free(&c->members[i].kept[phase]);
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        bytes_free(&c->answers[phase]);
    bytes_free(&c->signed_plan);
    graph_destroy(&c->graph);
    mem_free(c->members);
    mem_free(c->adverts);
    mem_free(c->places);
    mem_free(c->sum);
    mem_free(c->blamed);
    arena_destroy(&c->arena);
    mem_free(c);
    *collection = NULL;
}

/* --- messages
 * ------------------------------------------------------------------------------- */

typedef enum reason take(struct collection *c, size_t place, struct view body,
                         struct arena *arena, struct bytes *kept);
typedef enum err close(struct collection *c);

static const struct {
    take *take;
    close *close;
} sides[] = {
    [PHASE_ADVERTISE] = {coord_advertise_take, coord_advertise_close},
    [PHASE_SHARE] = {coord_share_take, coord_share_close},
    [PHASE_MASK] = {coord_mask_take, coord_mask_close},
    [PHASE_CONFIRM] = {coord_confirm_take, coord_confirm_close},
    [PHASE_UNMASK] = {coord_unmask_take, coord_unmask_close},
};

static enum phase phase_of_kind(uint32_t kind)
{
    enum phase phase = 0;
    while (phase < PHASE_END && phase_question(phase) != kind)
        phase++;
    return phase;
}

static enum reason refuse(enum reason reason)
{
    reason_set(reason);
    return reason;
}

/* Dealings and inputs sign a hash of what is large in them, so that the whole is not
 * hashed a second time: what is kept of one is all of it, once it has been checked. */
static bool is_large(enum phase phase)
{
    return phase == PHASE_SHARE || phase == PHASE_MASK;
}

static void name_message(struct view body, uint8_t hash[HASH_BYTES])
{
    bytes_hash("gemel/body/1", body.data, body.size, hash);
}

/* Whether it is, byte for byte or in all it says, the message that came before. */
static bool is_repeat(struct collection *c, size_t place, enum phase phase,
                      struct view body)
{
    const struct collected *member = &c->members[place];
    uint8_t hash[HASH_BYTES];
    if (!is_large(phase)) {
        name_message(body, hash);
        return memcmp(member->hash[phase], hash, HASH_BYTES) == 0;
    }
    struct bytes kept = {0};
    struct arena *arena = codec_arena(body.size);
    bool same = sides[phase].take(c, place, body, arena, &kept) == REASON_NONE &&
                codec_is(codec_view(&kept), &member->kept[phase]);
    bytes_free(&kept);
    arena_destroy(&arena);
    return same;
}

/* A message that came before, or one that comes at the wrong time. */
static enum reason known(struct collection *c, size_t place, enum phase phase,
                         struct view body, bool *decided)
{
    const struct collected *member = &c->members[place];
    *decided = true;
    if (member->came[phase])
        return is_repeat(c, place, phase, body) ? REASON_NONE : refuse(REASON_ANSWERED);
    if (phase < c->phase)
        return refuse(c->phase == PHASE_END && !c->succeeded ? REASON_ABANDONED
                                                             : REASON_LATE);
    if (phase > c->phase)
        return refuse(REASON_WRONG_PHASE);
    if (!expects(c, place, phase))
        return refuse(REASON_LATE);
    *decided = false;
    return REASON_NONE;
}

static enum reason take_new(struct collection *c, size_t place, enum phase phase,
                            struct view body, enum err *failure)
{
    struct collected *member = &c->members[place];
    struct bytes kept = {0};
    struct arena *arena = codec_arena(body.size);
    enum reason reason = sides[phase].take(c, place, body, arena, &kept);
    if (reason == REASON_NONE && !c->restoring && c->world.keep)
        *failure = c->world.keep(c->world.context, phase, place, body);
    if (reason == REASON_NONE && *failure == ERR_OK) {
        if (phase == PHASE_MASK)
            coord_mask_add(c);
        if (!is_large(phase))
            name_message(body, member->hash[phase]);
        member->came[phase] = true;
        member->kept[phase] = kept;
        c->received++;
    } else {
        bytes_free(&kept);
        if (reason != REASON_NONE && reason != REASON_MALFORMED)
            reason_set(reason); /* what is malformed the decoder has said */
    }
    arena_destroy(&arena);
    return reason;
}

enum reason collection_take(struct collection *c, const uint8_t member[KEY_BYTES],
                            uint32_t kind, struct view body, bool *fresh,
                            enum err *failure)
{
    size_t place = terms_place(&c->plan.participants, member);
    enum phase phase = phase_of_kind(kind);
    bool decided;
    *fresh = false;
    *failure = ERR_OK;
    if (place == c->plan.participants.count)
        return refuse(REASON_NOT_PARTICIPANT);
    if (phase == PHASE_END)
        return refuse(REASON_WRONG_KIND);
    enum reason reason = known(c, place, phase, body, &decided);
    if (decided)
        return reason;
    reason = take_new(c, place, phase, body, failure);
    *fresh = reason == REASON_NONE && *failure == ERR_OK;
    return reason;
}

/* --- the end of a phase
 * ----------------------------------------------------------------------- */

/* Fewer and the phase cannot be closed by time. */
static size_t least(const struct collection *c)
{
    return c->phase == PHASE_CONFIRM  ? c->plan.quorum
           : c->phase == PHASE_UNMASK ? c->plan.threshold
                                      : c->plan.survivors;
}

static enum err close_phase(struct collection *c)
{
    enum phase ended = c->phase;
    enum err result = ERR_OK;
    bool enough = c->received >= least(c);
    if (!c->restoring && c->world.close)
        result = c->world.close(c->world.context, ended);
    if (result != ERR_OK)
        return result;
    if (enough) {
        result = sides[ended].close(c);
        if (result != ERR_OK)
            return result;
    } else {
        c->reason = REASON_TOO_FEW;
    }
    c->phase = c->reason == REASON_NONE ? ended + 1 : PHASE_END;
    c->succeeded = ended == PHASE_UNMASK && c->reason == REASON_NONE;
    c->received = 0;
    return ERR_OK;
}

enum err collection_advance(struct collection *c, bool late, bool *moved)
{
    *moved = false;
    if (c->phase == PHASE_END || (c->received < collection_expected(c) && !late))
        return ERR_OK;
    *moved = true;
    return close_phase(c);
}

static const struct collected *member_of(const struct collection *c,
                                         const uint8_t member[KEY_BYTES])
{
    size_t place = terms_place(&c->plan.participants, member);
    return place < c->plan.participants.count ? &c->members[place] : NULL;
}

void collection_leave(struct collection *c, const uint8_t member[KEY_BYTES],
                      enum reason why)
{
    size_t place = terms_place(&c->plan.participants, member);
    if (place == c->plan.participants.count)
        return;
    c->members[place].left = true;
    if (why != REASON_NONE)
        c->members[place].why = why;
}

bool collection_has_left(const struct collection *c, const uint8_t member[KEY_BYTES])
{
    const struct collected *collected = member_of(c, member);
    return collected && collected->left;
}

enum reason collection_declined(const struct collection *c,
                                const uint8_t member[KEY_BYTES])
{
    const struct collected *collected = member_of(c, member);
    return collected && !collected->came[PHASE_ADVERTISE] ? collected->why : REASON_NONE;
}

size_t collection_leavers(const struct collection *c, uint8_t member[KEY_BYTES],
                          enum reason *why)
{
    size_t count = 0;
    for (size_t i = 0; i < c->plan.participants.count; i++) {
        if (c->members[i].why == REASON_NONE)
            continue;
        if (count++ == 0) {
            memcpy(member, key_of(c, i), KEY_BYTES);
            *why = c->members[i].why;
        }
    }
    return count;
}

enum err collection_restore(struct collection *c, enum phase phase, size_t place,
                            struct view body)
{
    bool fresh;
    enum err failure;
    if (place >= c->plan.participants.count || phase >= PHASE_END)
        return err_set(ERR_VERIFY, "a kept message is of nobody in the plan");
    c->restoring = true;
    enum reason reason = collection_take(c, key_of(c, place), phase_question(phase), body,
                                         &fresh, &failure);
    c->restoring = false;
    return reason == REASON_NONE
               ? ERR_OK
               : err_set(ERR_VERIFY, "a kept message: %s", reason_sentence(reason));
}

enum err collection_restore_close(struct collection *c, enum phase phase)
{
    if (phase != c->phase)
        return err_set(ERR_VERIFY, "phases were not closed in order");
    c->restoring = true;
    enum err result = close_phase(c);
    c->restoring = false;
    return result;
}

/* --- answers
 * ---------------------------------------------------------------------------------- */

enum err collection_answer(struct collection *c, const uint8_t member[KEY_BYTES],
                           uint32_t kind, uint32_t *answer, struct bytes *body)
{
    size_t place = terms_place(&c->plan.participants, member);
    enum phase phase = phase_of_kind(kind);
    body->size = 0;
    *answer = MESSAGE_WAIT;
    if (phase == PHASE_END || place == c->plan.participants.count ||
        !collection_came(c, place, phase))
        return err_set(ERR_STATE, "no message of this kind was taken");
    if (phase >= c->phase)
        return ERR_OK;
    if (c->phase == PHASE_END && !c->succeeded)
        return reason_set(REASON_ABANDONED);
    *answer = phase_answer(phase);
    if (phase == PHASE_SHARE)
        return coord_share_answer(c, place, body);
    if (phase < PHASE_UNMASK) /* a receipt is the exchange's to write */
        bytes_append(body, c->answers[phase].data, c->answers[phase].size);
    return ERR_OK;
}
