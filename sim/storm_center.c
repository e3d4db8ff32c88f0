#include "sim/storm_impl.h"

#include <stdlib.h>
#include <string.h>

#include "privacy/noise.h"

static enum err write_kept(struct storm *s, enum phase phase, size_t place,
                           struct view body)
{
    struct storm_center_disk *disk = &s->disk;
    if (s->full) {
        s->full = false;
        return err_set(ERR_STORAGE, "the disk is full");
    }
    MEM_GROW(disk->kept, disk->count + 1, &disk->capacity);
    disk->kept[disk->count] = (struct storm_kept){.phase = phase, .place = place};
    bytes_append(&disk->kept[disk->count++].body, body.data, body.size);
    return ERR_OK;
}

static enum err keep(void *context, enum phase phase, size_t place, struct view body)
{
    return write_kept(context, phase, place, body);
}

static enum err close(void *context, enum phase phase)
{
    return write_kept(context, phase, 0, (struct view){(const uint8_t *)"", 0});
}

void storm_center_clear(struct storm_center_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++)
        bytes_free(&disk->kept[i].body);
    disk->count = 0;
}

void storm_center_copy(const struct storm_center_disk *from, struct storm_center_disk *to)
{
    storm_center_clear(to);
    bytes_free(&to->plan);
    to->study = from->study;
    to->round = from->round;
    to->attempt = from->attempt;
    to->summed = from->summed;
    bytes_append(&to->plan, from->plan.data, from->plan.size);
    MEM_GROW(to->kept, from->count, &to->capacity);
    for (; to->count < from->count; to->count++) {
        const struct storm_kept *kept = &from->kept[to->count];
        to->kept[to->count] =
            (struct storm_kept){.phase = kept->phase, .place = kept->place};
        bytes_append(&to->kept[to->count].body, kept->body.data, kept->body.size);
    }
}

/* Start, or start again, from the disk alone. */
void storm_center_start(struct storm *s)
{
    const struct collection_world world = {keep, close, s};
    collection_destroy(&s->collection);
    enum err result =
        collection_new(codec_view(&s->disk.plan), s->key, &world, &s->collection);
    for (size_t i = 0; result == ERR_OK && i < s->disk.count; i++) {
        const struct storm_kept *kept = &s->disk.kept[i];
        result = kept->body.size
                     ? collection_restore(s->collection, kept->phase, kept->place,
                                          codec_view(&kept->body))
                     : collection_restore_close(s->collection, kept->phase);
    }
    HOLDS(s, result == ERR_OK, "the coordinator cannot be built again from its disk");
    s->deadline = s->now + PHASE_TICKS;
}

static int key_order(const void *a, const void *b)
{
    return memcmp(a, b, KEY_BYTES);
}

/* Who takes part from now on, with which keys. */
static uint32_t gather_members(struct storm *s, uint8_t *keys)
{
    uint32_t members = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct storm_node *node = &s->nodes[i];
        if (node->rotates) {
            storm_node_forget(node);
            storm_draw_identity(node->random, &node->identity, node->key);
        }
        node->rotates = false;
        if (!node->away)
            memcpy(keys + KEY_BYTES * members++, node->key, KEY_BYTES);
    }
    qsort(keys, members, KEY_BYTES, key_order);
    return members;
}

/* Without those who declined the last attempt at this round, if that leaves enough. */
static uint32_t without_decliners(const struct storm *s, uint8_t *keys, uint32_t members)
{
    uint32_t left = 0;
    bool again = s->collection && s->disk.attempt > 1;
    for (uint32_t i = 0; again && i < members; i++)
        left += collection_declined(s->collection, keys + i * KEY_BYTES) == REASON_NONE;
    if (!again || left < MEMBERS_MIN)
        return members;
    left = 0;
    for (uint32_t i = 0; i < members; i++)
        if (collection_declined(s->collection, keys + i * KEY_BYTES) == REASON_NONE)
            memmove(keys + KEY_BYTES * left++, keys + i * KEY_BYTES, KEY_BYTES);
    return left;
}

/* Who takes part in the next attempt, of whom `stay` must stay. Those whose sum may be
 * out again; if not all of them are there, people close the study and open another, as
 * they do when members refuse for a sum that the coordinator does not know of. */
static uint32_t call_members(struct storm *s, uint8_t *keys, uint32_t *stay)
{
    uint32_t members = gather_members(s, keys);
    const struct storm_summed *summed = &s->disk.summed;
    const struct keys present = {keys, members};
    bool again = summed->count && summed->study == s->disk.study &&
                 summed->round == s->disk.round && !s->calls_anybody;
    bool stuck = !again && !s->calls_anybody && s->refused_for_difference;
    for (size_t i = 0; again && i < summed->count; i++)
        stuck |= !terms_include(&present, summed->keys + i * KEY_BYTES);
    s->astray |= s->calls_anybody;
    s->calls_anybody = s->refused_for_difference = false;
    *stay = 0;
    if (stuck) {
        s->disk.study++;
        s->disk.round++;
        s->disk.attempt = 1;
        s->result->closed++;
        return members;
    }
    if (!again)
        return without_decliners(s, keys, members);
    memcpy(keys, summed->keys, summed->count * KEY_BYTES);
    *stay = (uint32_t)summed->count;
    return *stay;
}

void storm_center_open(struct storm *s, uint64_t round, uint32_t attempt)
{
    uint8_t hash[HASH_BYTES] = {0}, *keys = mem_new(s->count, KEY_BYTES);
    uint32_t stay;
    s->disk.round = round;
    s->disk.attempt = attempt;
    uint32_t members = call_members(s, keys, &stay);
    struct quorum quorum;
    enum err result = quorum_choose(members, COLLUDERS, stay, &quorum);
    struct plan plan = {.study = {s->disk.study},
                        .round = s->disk.round,
                        .attempt = s->disk.attempt,
                        .dimension = DIMENSION,
                        .step = 0x1p-20,
                        .norm_max = 1,
                        .noise_multiplier = 1,
                        .noise_log2 = NOISE_LOG2,
                        .deadline = WIRE_TIME_MAX,
                        .participants = {keys, members},
                        .colluders = quorum.colluders,
                        .quorum = quorum.quorum,
                        .threshold = quorum.threshold,
                        .survivors = quorum.survivors,
                        .degree = quorum.degree};
    storm_center_clear(&s->disk);
    bytes_free(&s->disk.plan);
    if (result == ERR_OK)
        result = plan_sign(s->identity, &plan, &s->disk.plan, hash);
    HOLDS(s, result == ERR_OK, "no plan");
    mem_free(keys);
    MEM_GROW(s->plans, s->plan_count + 1, &s->plan_capacity);
    struct storm_plan_seen *seen = &s->plans[s->plan_count++];
    *seen = (struct storm_plan_seen){.quorum = quorum, .spoils = spoils_new()};
    bytes_hash("plan", s->disk.plan.data, s->disk.plan.size, seen->hash);
    s->result->attempts++;
    storm_center_start(s);
}

/* Whose sum may be out, of an attempt that ends without one. */
static void keep_summed(struct storm *s)
{
    struct bytes keys = {0};
    collection_summed(s->collection, &keys);
    if (keys.size)
        s->disk.summed = storm_summed_of(s->disk.study, s->disk.round, &keys);
    bytes_free(&keys);
}

/* The clock has gone on: close what is due, and go on to the next attempt or round. */
void storm_center_step(struct storm *s)
{
    bool moved;
    if (collection_phase(s->collection) == PHASE_END) {
        bool summed = collection_succeeded(s->collection);
        HOLDS(s, summed || !collection_sum(s->collection), "P9: a sum of a lost attempt");
        if (!summed)
            keep_summed(s);
        storm_center_open(s, s->disk.round + summed, summed ? 1 : s->disk.attempt + 1);
        return;
    }
    if (collection_advance(s->collection, s->now >= s->deadline, &moved) != ERR_OK)
        return; /* the disk: later again */
    if (!moved)
        return;
    s->deadline = s->now + PHASE_TICKS;
    if (!collection_succeeded(s->collection))
        return;
    storm_see_sum(s);
    if (s->disk.round > s->published) {
        if (s->now - s->published_at > s->result->longest)
            s->result->longest = s->now - s->published_at;
        s->published = s->disk.round;
        s->published_at = s->now;
        s->result->rounds++;
    }
}

static void answer(struct storm *s, const struct storm_frame *question, uint32_t kind,
                   const struct bytes *body)
{
    struct storm_frame frame = {.node = question->node,
                                .nonce = question->nonce,
                                .answer = true,
                                .round = s->disk.round,
                                .attempt = s->disk.attempt,
                                .kind = s->misnames ? kind + 2 : kind,
                                .ledger = s->heads[question->node]};
    struct view view = codec_view(body);
    struct bytes other = {0};
    if (s->swaps && s->last_answer.size)
        view = codec_view(&s->last_answer);
    bytes_append(&other, body->data, body->size);
    storm_post(s, frame, view);
    struct storm_frame *last = &s->frames[s->frame_count - 1];
    if (s->lies && last->body.size)
        last->body.data[(s->nonce * 7919) % last->body.size] ^= 4;
    if (kind != MESSAGE_WAIT)
        s->lies = s->swaps = s->misnames = false;
    bytes_free(&s->last_answer);
    s->last_answer = other;
}

static void answer_poll(struct storm *s, const struct storm_frame *question)
{
    struct bytes plan = {0};
    if (question->ledger >= s->heads[question->node]) {
        s->heads[question->node] = question->ledger;
        if (!collection_has_left(s->collection, s->nodes[question->node].key))
            plan = s->disk.plan;
    }
    answer(s, question, MESSAGE_REPLY, &plan);
}

static void note_input(struct storm *s, const struct storm_frame *question)
{
    uint8_t hash[HASH_BYTES];
    bytes_hash("seen", question->body.data, question->body.size, hash);
    for (size_t i = 0; i < s->life_count; i++)
        if (memcmp(s->lives[i].hash[PHASE_MASK], hash, HASH_BYTES) == 0)
            s->lives[i].received = true;
    if (question->ledger > s->heads[question->node])
        s->heads[question->node] = question->ledger;
}

static void write_receipt(struct storm *s, const uint8_t key[KEY_BYTES],
                          struct bytes *body)
{
    static const uint8_t unsealed[HASH_BYTES];
    struct input input;
    struct arena *arena = codec_arena(WIRE_SIGNED_SMALL_MAX);
    if (collection_input(s->collection, key, arena, &input) == ERR_OK)
        phase_receipt(&input, unsealed, body);
    arena_destroy(&arena);
}

/* A member says that it does not enter. P10: for what a sum of before could tell only
 * where the coordinator calls others than it has to. */
static void hear_refusal(struct storm *s, const struct storm_frame *question)
{
    struct arena *arena = codec_arena(question->body.size);
    struct refusal refusal;
    enum reason why;
    if (question->round == s->disk.round && question->attempt == s->disk.attempt &&
        codec_decode_refusal(codec_view(&question->body), arena, &refusal) == ERR_OK &&
        reason_from_number(refusal.reason, &why) == ERR_OK) {
        HOLDS(s, why != REASON_DIFFERENCE || s->astray,
              "P10: an honest coordinator called others than whose sum may be out");
        s->refused_for_difference |= why == REASON_DIFFERENCE;
        collection_leave(s->collection, s->nodes[question->node].key, why);
    }
    arena_destroy(&arena);
}

void storm_center_take(struct storm *s, const struct storm_frame *question)
{
    const uint8_t *key = s->nodes[question->node].key;
    struct bytes body = {0};
    uint32_t kind = MESSAGE_REFUSAL;
    bool fresh;
    enum err failure = ERR_OK;
    if (question->round == 0) {
        answer_poll(s, question);
        return;
    }
    if (question->kind == MESSAGE_REFUSAL) {
        hear_refusal(s, question);
        return;
    }
    if (question->kind == MESSAGE_INPUT)
        note_input(s, question);
    enum reason reason = REASON_STALE_ATTEMPT;
    if (question->round == s->disk.round && question->attempt == s->disk.attempt)
        reason = collection_take(s->collection, key, question->kind,
                                 codec_view(&question->body), &fresh, &failure);
    if (failure != ERR_OK)
        return; /* nothing was kept, nobody is answered */
    if (reason == REASON_NONE)
        collection_answer(s->collection, key, question->kind, &kind, &body);
    if (kind == MESSAGE_RECEIPT)
        write_receipt(s, key, &body);
    answer(s, question, kind, &body);
    bytes_free(&body);
}
