#include "sim/liar.h"

#include <string.h>

#include "base/memory.h"

static bool among(uint64_t set, size_t member)
{
    return set >> member & 1;
}

struct liar_part *liar_part(struct liar *l, size_t scene, size_t member)
{
    return &l->parts[among(l->corrupt, member) ? scene : l->home[member]][member];
}

/* --- who takes part
 * ------------------------------------------------------------------------- */

struct liar *liar_new(struct rehearsal *rehearsal, uint64_t corrupt)
{
    struct liar *l = mem_new(1, sizeof *l);
    l->rehearsal = rehearsal;
    l->corrupt = corrupt;
    l->spoils = spoils_new();
    for (size_t scene = 0; scene < LIAR_SCENES; scene++)
        l->parts[scene] = mem_new(rehearsal->quorum.members, sizeof *l->parts[0]);
    for (size_t i = 0; i < rehearsal->quorum.members; i++)
        if (among(corrupt, i))
            spoils_corrupt(l->spoils, rehearsal->members[i].key);
    return l;
}

static void forget(struct liar *l, size_t scene, size_t member)
{
    struct liar_part *part = &l->parts[scene][member];
    if (among(l->corrupt, member))
        attempt_destroy(&part->attempt);
    random_destroy(&part->random);
    for (enum phase phase = 0; phase < PHASE_END; phase++)
        bytes_free(&part->said[phase]);
    *part = (struct liar_part){0};
}

void liar_destroy(struct liar **liar)
{
    struct liar *l = *liar;
    if (!l)
        return;
    for (size_t scene = 0; scene < LIAR_SCENES; scene++) {
        for (size_t i = 0; i < l->rehearsal->quorum.members; i++)
            forget(l, scene, i);
        mem_free(l->parts[scene]);
    }
    spoils_destroy(&l->spoils);
    mem_free(l);
    *liar = NULL;
}

/* A colluder adds nothing, and nobody minds what it pays. */
static enum err enter_corrupt(struct liar *l, size_t scene, size_t member)
{
    struct rehearsal *r = l->rehearsal;
    const struct rehearsal_member *colluder = &r->members[member];
    struct liar_part *part = &l->parts[scene][member];
    part->random = random_new_seeded(colluder->graph_seed);
    const struct attempt_world world =
        agreeable_world(&part->world, colluder->identity, part->random);
    const struct attempt_start start = {.signed_plan = codec_view(&r->signed_plan),
                                        .coordinator_key = r->coordinator_key,
                                        .seed = colluder->graph_seed};
    return attempt_new(&start, &world, &part->attempt);
}

/* Keep what a member says in its present phase. */
static void listen(struct liar *l, struct liar_part *part)
{
    uint32_t kind;
    struct view body;
    if (attempt_message(part->attempt, &kind, &body) != ERR_OK)
        return;
    enum phase phase = attempt_phase(part->attempt);
    bytes_free(&part->said[phase]);
    bytes_append(&part->said[phase], body.data, body.size);
    if (phase == PHASE_MASK && !part->watched) {
        spoils_watch(l->spoils, part->attempt);
        part->watched = true;
    }
    spoils_hear(l->spoils, kind, body);
}

enum err liar_enter(struct liar *l, size_t scene, size_t member)
{
    struct liar_part *part = &l->parts[scene][member];
    enum err result;
    forget(l, scene, member);
    if (among(l->corrupt, member)) {
        result = enter_corrupt(l, scene, member);
    } else {
        l->home[member] = scene;
        result = rehearsal_enter(l->rehearsal, member);
        part->attempt = l->rehearsal->members[member].attempt;
    }
    if (result == ERR_OK)
        listen(l, part);
    return result;
}

enum err liar_enter_all(struct liar *l)
{
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < l->rehearsal->quorum.members; i++)
        for (size_t scene = 0; result == ERR_OK && scene < (among(l->corrupt, i) ? 2 : 1);
             scene++)
            result = liar_enter(l, scene, i);
    return result;
}

/* --- answers
 * -------------------------------------------------------------------------------- */

/* What the members of `set` said in a phase. */
static size_t gather(struct liar *l, size_t scene, uint64_t set, enum phase phase,
                     struct view *views)
{
    size_t count = 0;
    for (size_t i = 0; i < l->rehearsal->quorum.members; i++) {
        const struct bytes *said = &liar_part(l, scene, i)->said[phase];
        if (among(set, i) && said->size)
            views[count++] = codec_view(said);
    }
    return count;
}

/* What `dealer` sealed for `member`: its parcels lie in the order of all others who are
 * in the bundle. */
static bool parcel_for(struct liar *l, size_t scene, size_t dealer, size_t member,
                       uint64_t adverts, struct arena *arena, struct view *parcel)
{
    struct shares shares;
    size_t at = 0;
    if (codec_decode_shares(codec_view(&liar_part(l, scene, dealer)->said[PHASE_SHARE]),
                            arena, &shares) != ERR_OK)
        return false;
    for (size_t i = 0; i < member; i++)
        at += i != dealer && among(adverts, i);
    if (at >= shares.parcels.count)
        return false;
    *parcel = shares.parcels.items[at];
    return true;
}

static enum err compose_delivery(struct liar *l, size_t scene, size_t member,
                                 const struct liar_view *view, struct bytes *body)
{
    uint8_t keys[64 * KEY_BYTES];
    struct view parcels[64];
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    size_t dealers = 0, count = 0;
    for (size_t i = 0; i < l->rehearsal->quorum.members; i++) {
        if (!among(view->dealers, i))
            continue;
        memcpy(keys + KEY_BYTES * dealers++, l->rehearsal->members[i].key, KEY_BYTES);
        count += i != member &&
                 parcel_for(l, scene, i, member, view->adverts, arena, &parcels[count]);
    }
    struct delivery delivery = {{keys, dealers}, {parcels, count}};
    enum err result = codec_encode_delivery(&delivery, body);
    arena_destroy(&arena);
    return result;
}

static enum err compose_survivors(struct liar *l, size_t scene, uint64_t inputs,
                                  struct bytes *body)
{
    struct view views[64];
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    size_t count = gather(l, scene, inputs, PHASE_MASK, views);
    enum err result = ERR_OK;
    for (size_t i = 0; result == ERR_OK && i < count; i++) {
        struct masked_input masked;
        result = codec_decode_masked_input(views[i], arena, &masked);
        views[i] = masked.input;
    }
    struct survivors survivors = {{views, count}};
    if (result == ERR_OK)
        result = codec_encode_survivors(&survivors, body);
    arena_destroy(&arena);
    return result;
}

static enum err compose_receipt(struct liar *l, size_t scene, size_t member,
                                struct bytes *body)
{
    static const uint8_t unsealed[HASH_BYTES];
    const struct bytes *said = &liar_part(l, scene, member)->said[PHASE_MASK];
    struct arena *arena = codec_arena(said->size);
    struct masked_input masked;
    struct input input;
    enum err result = codec_decode_masked_input(codec_view(said), arena, &masked);
    if (result == ERR_OK)
        result = phase_read_input(masked.input, arena, &input);
    if (result == ERR_OK)
        result = phase_receipt(&input, unsealed, body);
    arena_destroy(&arena);
    return result;
}

enum err liar_compose(struct liar *l, size_t scene, size_t member, enum phase phase,
                      const struct liar_view *view, struct bytes *body)
{
    struct view views[64];
    struct bundle bundle = {{views, 0}};
    struct confirms confirms = {{views, 0}};
    body->size = 0;
    switch (phase) {
    case PHASE_ADVERTISE:
        bundle.adverts.count = gather(l, scene, view->adverts, PHASE_ADVERTISE, views);
        return codec_encode_bundle(&bundle, body);
    case PHASE_SHARE:
        return compose_delivery(l, scene, member, view, body);
    case PHASE_MASK:
        return compose_survivors(l, scene, view->inputs, body);
    case PHASE_CONFIRM:
        confirms.confirms.count = gather(l, scene, view->confirms, PHASE_CONFIRM, views);
        return codec_encode_confirms(&confirms, body);
    default:
        return compose_receipt(l, scene, member, body);
    }
}

enum reason liar_hand(struct liar *l, size_t scene, size_t member, struct view body)
{
    struct liar_part *part = liar_part(l, scene, member);
    enum err result =
        attempt_take(part->attempt, phase_answer(attempt_phase(part->attempt)), body);
    if (result == ERR_OK)
        listen(l, part);
    return attempt_reason(part->attempt);
}

enum reason liar_tell(struct liar *l, size_t scene, size_t member,
                      const struct liar_view *view)
{
    const struct attempt *attempt = liar_part(l, scene, member)->attempt;
    struct bytes body = {0};
    if (attempt_phase(attempt) == PHASE_END)
        return attempt_reason(attempt);
    enum reason reason = REASON_MALFORMED; /* what cannot be written down */
    if (liar_compose(l, scene, member, attempt_phase(attempt), view, &body) == ERR_OK)
        reason = liar_hand(l, scene, member, codec_view(&body));
    bytes_free(&body);
    return reason;
}

enum reason liar_lead(struct liar *l, size_t scene, uint64_t whom,
                      const struct liar_view *view, enum phase last)
{
    enum reason first = REASON_NONE;
    for (enum phase phase = 0; phase <= last; phase++)
        for (size_t i = 0; i < l->rehearsal->quorum.members; i++) {
            const struct attempt *attempt = liar_part(l, scene, i)->attempt;
            if (!among(whom, i) || !attempt || attempt_phase(attempt) != phase)
                continue;
            enum reason reason = liar_tell(l, scene, i, view);
            if (first == REASON_NONE)
                first = reason;
        }
    return first;
}
