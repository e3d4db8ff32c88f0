#include "sim/storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "coordinator/collection.h"
#include "node/attempt_impl.h"
#include "privacy/fixedpoint.h"
#include "privacy/identity.h"
#include "privacy/noise.h"
#include "node/sums.h"
#include "sim/spoils.h"
#include "wire/quorum.h"

#define DIMENSION 3
#define MEMBERS_MIN 4
#define MEMBERS_MAX 8
#define COLLUDERS 1
#define PHASE_TICKS 4  /* how long the coordinator waits in each phase */
#define RESTORED_MAX 2 /* attempts that it can be put back; each costs one more */

/* --- what there is
 * ------------------------------------------------------------------------- */

struct frame {
    size_t node;
    uint64_t nonce;
    bool answer;
    uint64_t round; /* of the attempt that it is about; 0: a poll, or its answer */
    uint32_t attempt, kind;
    uint64_t ledger;
    struct bytes body;
};

/* Whose inputs a sum of a round has; a round belongs to a study. */
struct summed {
    uint8_t study;
    uint64_t round;
    size_t count; /* 0: of nobody */
    uint8_t keys[MEMBERS_MAX * KEY_BYTES];
};

/* What the observer knows of one attempt of one node. */
struct life {
    size_t node, serial; /* of the attempt's plan */
    uint8_t mask_key[KEY_BYTES], seal_key[KEY_BYTES];
    bool said[PHASE_END];
    uint8_t hash[PHASE_END][HASH_BYTES];
    uint64_t integers[DIMENSION];
    bool received; /* the coordinator has its input */
};

#define SUMS_MAX 4 /* of one round that are all far enough apart, and more */

struct node_disk {
    uint64_t round, ledger;
    uint32_t attempt;
    struct summed sums[SUMS_MAX]; /* for which it may have given shares */
};

struct node {
    struct storm *storm;
    struct identity *identity;
    uint8_t key[KEY_BYTES];
    struct random *random; /* the kernel's: no crash and no copy brings it back */
    bool away, rotates;
    uint32_t sleeps;
    struct node_disk disk, copy, entering;
    bool full, unsure, poor, lies, declines;
    /* In memory. */
    struct attempt *attempt;
    size_t life;
    uint64_t nonce, pending;
    bool behind;
};

struct kept {
    enum phase phase;
    size_t place;
    struct bytes body; /* of a message; empty: the phase was closed */
};

struct center_disk {
    uint8_t study;
    uint64_t round;
    uint32_t attempt;
    struct summed summed; /* of an attempt that was given up when it may have been out */
    struct bytes plan;
    struct kept *kept;
    size_t count, capacity;
};

/* A plan as it was signed, for the observer. */
struct plan_seen {
    uint8_t hash[HASH_BYTES];
    struct quorum quorum;
    struct spoils *spoils;
    bool told;      /* a message of unmasking since the last look at the spoils */
    bool confirmed; /* by a quorum: whose inputs are in (h3) */
    uint8_t survivors[HASH_BYTES];
    bool out; /* the sum: all its masks come off */
    struct summed summed;
};

struct storm {
    struct random *random;
    struct identity *identity; /* the coordinator's */
    uint8_t key[KEY_BYTES];
    struct node *nodes;
    uint32_t count;
    struct center_disk disk, copy;
    bool full, lies, swaps, misnames, calls_anybody;
    struct bytes last_answer;
    uint64_t *heads; /* [count] the longest ledger each has shown */
    struct collection *collection;
    bool astray; /* the coordinator has lied about whom it calls, or lost its memory */
    bool refused_for_difference; /* its last attempt, by somebody */
    uint64_t now, deadline, nonce, published, published_at;
    uint32_t attempts_lost;
    struct frame *frames;
    size_t frame_count, frame_capacity;
    struct life *lives;
    size_t life_count, life_capacity;
    struct plan_seen *plans;
    size_t plan_count, plan_capacity;
    struct storm_result *result;
};

static void fail(struct storm *s, const char *what)
{
    if (!*s->result->failure)
        snprintf(s->result->failure, sizeof s->result->failure, "%s", what);
}

#define HOLDS(s, condition, what)                                                        \
    do {                                                                                 \
        if (!(condition))                                                                \
            fail(s, what);                                                               \
    } while (0)

static struct random *stream(uint64_t seed, const char *what)
{
    uint8_t hash[HASH_BYTES];
    struct bytes bytes = {0};
    bytes_u64(&bytes, seed);
    bytes_text(&bytes, what);
    bytes_hash("gemel/storm/1", bytes.data, bytes.size, hash);
    bytes_free(&bytes);
    return random_new_seeded(hash);
}

static void draw_identity(struct random *random, struct identity **identity,
                          uint8_t key[KEY_BYTES])
{
    uint8_t secret[IDENTITY_SECRET_BYTES];
    random_fill(random, secret, sizeof secret);
    identity_destroy(identity);
    if (identity_read(secret, identity) == ERR_OK)
        identity_public(*identity, key);
}

/* --- the network
 * ----------------------------------------------------------------------- */

static void post(struct storm *s, struct frame frame, struct view body)
{
    bytes_append(&frame.body, body.data, body.size);
    MEM_GROW(s->frames, s->frame_count + 1, &s->frame_capacity);
    s->frames[s->frame_count++] = frame;
}

static struct frame take_frame(struct storm *s, size_t at)
{
    struct frame frame = s->frames[at];
    s->frame_count--;
    memmove(s->frames + at, s->frames + at + 1,
            (s->frame_count - at) * sizeof *s->frames);
    return frame;
}

/* --- a node's world
 * ---------------------------------------------------------------------- */

/* Whether a write happens, and what the disk says of it. */
static bool write_happens(struct node *node, enum err *said)
{
    bool happens = !node->full;
    *said =
        node->full || node->unsure ? err_set(ERR_STORAGE, "the disk is full") : ERR_OK;
    node->full = node->unsure = false;
    return happens;
}

static enum err enter(void *context)
{
    struct node *node = context;
    enum err said;
    if (write_happens(node, &said)) {
        node->disk.round = node->entering.round;
        node->disk.attempt = node->entering.attempt;
    }
    return said;
}

static enum err input(void *context, uint64_t *sum)
{
    struct node *node = context;
    struct life *life = &node->storm->lives[node->life];
    for (size_t i = 0; i < DIMENSION; i++)
        sum[i] = life->integers[i] = random_u64(node->random);
    return ERR_OK;
}

static enum err charge(void *context, const uint64_t *masked, uint64_t *length,
                       uint8_t head[HASH_BYTES])
{
    (void)masked;
    struct node *node = context;
    bool poor = node->poor;
    node->poor = false;
    if (poor)
        return err_set(ERR_DENIED, "the budget is spent");
    *length = node->pending = node->disk.ledger + 1;
    memset(head, 0, HASH_BYTES);
    return ERR_OK;
}

static enum err commit(void *context)
{
    struct node *node = context;
    enum err said;
    if (write_happens(node, &said))
        node->disk.ledger = node->pending;
    return said;
}

static void cancel(void *context)
{
    struct node *node = context;
    node->pending = 0;
}

/* --- the observer: what a node says
 * -------------------------------------------------------------- */

/* P3: one-time keys are of one life, and nobody masks the same twice. */
static void see_new(struct storm *s, struct life *mine, enum phase phase,
                    struct view body)
{
    struct arena *arena = codec_arena(body.size);
    struct advert advert;
    if (phase == PHASE_ADVERTISE && phase_read_advert(body, arena, &advert) == ERR_OK) {
        for (size_t i = 0; i < s->life_count; i++)
            HOLDS(s,
                  memcmp(s->lives[i].mask_key, advert.mask_key, KEY_BYTES) &&
                      memcmp(s->lives[i].seal_key, advert.seal_key, KEY_BYTES),
                  "P3: a one-time key came back");
        memcpy(mine->mask_key, advert.mask_key, KEY_BYTES);
        memcpy(mine->seal_key, advert.seal_key, KEY_BYTES);
    }
    for (size_t i = 0; phase == PHASE_MASK && i < s->life_count; i++)
        HOLDS(s,
              memcmp(s->lives[i].hash[PHASE_MASK], mine->hash[PHASE_MASK], HASH_BYTES) ||
                  &s->lives[i] == mine,
              "P3: a masked input came back");
    arena_destroy(&arena);
}

/* P1: an input leaves when the ledger on the disk counts it, and all of this hospital's
 * that the coordinator has. */
static void see_paid(struct storm *s, const struct node *node)
{
    uint64_t received = 0;
    for (size_t i = 0; i < s->life_count; i++)
        received += &s->nodes[s->lives[i].node] == node && s->lives[i].received;
    HOLDS(s, node->disk.ledger > received, "P1: an input left that was not paid for");
}

/* P7: whoever has seen a quorum's confirmations has seen them of the same survivors, and
 * they are those of the sum. */
static void see_survivors(struct storm *s, size_t serial,
                          const uint8_t survivors[HASH_BYTES])
{
    struct plan_seen *plan = &s->plans[serial];
    HOLDS(s, !plan->confirmed || memcmp(plan->survivors, survivors, HASH_BYTES) == 0,
          "P7: two sets of survivors of one attempt");
    plan->confirmed = true;
    memcpy(plan->survivors, survivors, HASH_BYTES);
}

static struct keys keys_of(const struct summed *summed)
{
    return (struct keys){summed->keys, summed->count};
}

static struct summed summed_of(uint8_t study, uint64_t round, const struct bytes *keys)
{
    struct summed summed = {study, round, keys->size / KEY_BYTES, {0}};
    memcpy(summed.keys, keys->data, keys->size);
    return summed;
}

static void see_summed(struct plan_seen *plan, const struct attempt *attempt)
{
    struct bytes keys = {0};
    attempt_survivor_keys(attempt, &keys);
    plan->summed =
        summed_of(attempt_plan(attempt)->study[0], attempt_plan(attempt)->round, &keys);
    bytes_free(&keys);
}

static void see(struct storm *s, const struct node *node, enum phase phase, uint32_t kind,
                struct view body)
{
    struct life *life = &s->lives[node->life];
    uint8_t hash[HASH_BYTES];
    bytes_hash("seen", body.data, body.size, hash);
    if (life->said[phase]) {
        HOLDS(s, memcmp(hash, life->hash[phase], HASH_BYTES) == 0,
              "P3: two messages of one phase");
        return;
    }
    life->said[phase] = true;
    memcpy(life->hash[phase], hash, HASH_BYTES);
    see_new(s, life, phase, body);
    struct spoils *spoils = s->plans[life->serial].spoils;
    if (phase == PHASE_MASK) {
        see_paid(s, node);
        spoils_watch(spoils, node->attempt);
        s->result->sent++;
    }
    if (phase == PHASE_UNMASK) {
        see_survivors(s, life->serial, attempt_survivors(node->attempt));
        see_summed(&s->plans[life->serial], node->attempt);
    }
    spoils_hear(spoils, kind, body);
    if (phase == PHASE_UNMASK)
        s->plans[life->serial].told = true;
}

static bool same_round(const struct summed *a, const struct summed *b)
{
    return a->study == b->study && a->round == b->round && a->count && b->count;
}

static size_t difference(const struct summed *a, const struct summed *b)
{
    const struct keys ours = keys_of(a), theirs = keys_of(b);
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++)
        count += !terms_include(&theirs, a->keys + i * KEY_BYTES);
    for (size_t i = 0; i < b->count; i++)
        count += !terms_include(&ours, b->keys + i * KEY_BYTES);
    return count;
}

/* P5, of two sums together: what is left when one is taken from the other. */
static void see_apart(struct storm *s, const struct plan_seen *plan)
{
    for (size_t i = 0; i < s->plan_count; i++) {
        const struct plan_seen *other = &s->plans[i];
        if (!other->out || !same_round(&plan->summed, &other->summed))
            continue;
        size_t apart = difference(&plan->summed, &other->summed);
        HOLDS(s, apart == 0 || apart >= COLLUDERS + QUORUM_HONEST_MIN,
              "P5: two sums of a round are out that differ by a few");
    }
}

/* P4, P5: over all that was ever said. */
static void look_at_spoils(struct storm *s)
{
    for (size_t i = 0; i < s->plan_count; i++) {
        struct plan_seen *plan = &s->plans[i];
        size_t smallest, sums;
        if (!plan->told)
            continue;
        plan->told = false;
        sums = spoils_sums(plan->spoils, &smallest);
        HOLDS(s, spoils_bared(plan->spoils) == 0, "P4: both secrets of a member are out");
        HOLDS(s, sums <= 1, "P4: two sums of one attempt are out");
        HOLDS(s, sums == 0 || smallest >= plan->quorum.survivors,
              "P5: a sum of too few is out");
        if (sums > 0 && !plan->out) {
            plan->out = true;
            see_apart(s, plan);
        }
    }
}

/* --- nodes
 * ------------------------------------------------------------------------- */

static void node_forget(struct node *node)
{
    attempt_destroy(&node->attempt);
    node->nonce = 0;
}

static void node_ask(struct storm *s, size_t index)
{
    struct node *node = &s->nodes[index];
    struct frame frame = {
        .node = index, .nonce = ++s->nonce, .ledger = node->disk.ledger};
    struct view body = {(const uint8_t *)"", 0};
    if (node->away || node->behind || node->sleeps) {
        node->sleeps -= node->sleeps > 0;
        return;
    }
    node->nonce = frame.nonce;
    if (node->attempt && attempt_phase(node->attempt) == PHASE_END)
        node_forget(node);
    node->nonce = frame.nonce;
    if (node->attempt) {
        const struct plan *plan = attempt_plan(node->attempt);
        frame.round = plan->round;
        frame.attempt = plan->attempt;
        if (attempt_message(node->attempt, &frame.kind, &body) == ERR_OK)
            see(s, node, attempt_phase(node->attempt), frame.kind, body);
    }
    post(s, frame, body);
    struct frame *last = &s->frames[s->frame_count - 1];
    if (node->lies && last->body.size)
        last->body.data[(s->nonce * 7919) % last->body.size] ^= 4;
    node->lies = false;
}

static size_t serial_of(const struct storm *s, const struct bytes *plan)
{
    uint8_t hash[HASH_BYTES];
    size_t serial = s->plan_count - 1;
    bytes_hash("plan", plan->data, plan->size, hash);
    while (serial > 0 && memcmp(s->plans[serial].hash, hash, HASH_BYTES) != 0)
        serial--;
    return serial;
}

/* A sum for which shares are about to leave: on the disk before they do. */
static enum err keep_sum(struct storm *s, struct node *node)
{
    const struct plan *plan = attempt_plan(node->attempt);
    struct bytes keys = {0};
    enum err said;
    attempt_survivor_keys(node->attempt, &keys);
    const struct summed fresh = summed_of(plan->study[0], plan->round, &keys);
    bytes_free(&keys);
    if (!write_happens(node, &said))
        return said;
    size_t free = SUMS_MAX;
    for (size_t i = SUMS_MAX; i-- > 0;) {
        struct summed *held = &node->disk.sums[i];
        if (!same_round(held, &fresh))
            held->count = 0;
        if (held->count == 0)
            free = i;
        else if (difference(held, &fresh) == 0)
            return said;
    }
    HOLDS(s, free < SUMS_MAX, "more sums of a round than there can be");
    if (free < SUMS_MAX)
        node->disk.sums[free] = fresh;
    return said;
}

/* Whether a sum that the plan can end with is too near one that may be out. */
static bool is_too_near(const struct node *node, const struct plan *plan)
{
    for (size_t i = 0; i < SUMS_MAX; i++) {
        const struct summed *held = &node->disk.sums[i];
        const struct keys keys = keys_of(held);
        size_t apart =
            held->count && held->study == plan->study[0] && held->round == plan->round
                ? sums_apart(plan, &keys)
                : 0;
        if (apart > 0 && apart < COLLUDERS + QUORUM_HONEST_MIN)
            return true;
    }
    return false;
}

static void node_decline(struct storm *s, size_t index, const struct plan *plan,
                         enum reason why)
{
    struct bytes body = {0};
    const struct frame frame = {.node = index,
                                .nonce = ++s->nonce,
                                .round = plan->round,
                                .attempt = plan->attempt,
                                .kind = MESSAGE_REFUSAL};
    if (codec_encode_refusal(&(struct refusal){why, ""}, &body) == ERR_OK)
        post(s, frame, codec_view(&body));
    bytes_free(&body);
    s->result->declined++;
}

static void node_enter(struct storm *s, struct node *node, const struct plan *plan,
                       const struct frame *frame)
{
    const struct attempt_world world = {node->identity, node->random, enter,  input,
                                        charge,         commit,       cancel, node};
    const struct attempt_start start = {.signed_plan = codec_view(&frame->body),
                                        .coordinator_key = s->key,
                                        .ledger_length = node->disk.ledger};
    node_forget(node);
    node->entering = (struct node_disk){.round = plan->round, .attempt = plan->attempt};
    MEM_GROW(s->lives, s->life_count + 1, &s->life_capacity);
    s->lives[s->life_count] =
        (struct life){.node = frame->node, .serial = serial_of(s, &frame->body)};
    node->life = s->life_count++;
    attempt_new(&start, &world, &node->attempt);
}

/* A plan, or what came in the place of one. */
static void node_judge(struct storm *s, struct node *node, const struct frame *frame)
{
    struct arena *arena = codec_arena(frame->body.size);
    struct plan plan;
    uint8_t hash[HASH_BYTES];
    bool opened =
        plan_open(codec_view(&frame->body), s->key, arena, &plan, hash) == ERR_OK;
    bool newer =
        opened && (plan.round > node->disk.round ||
                   (plan.round == node->disk.round && plan.attempt > node->disk.attempt));
    if (newer && node->declines)
        node_decline(s, frame->node, &plan, REASON_POLICY);
    else if (newer && is_too_near(node, &plan))
        node_decline(s, frame->node, &plan, REASON_DIFFERENCE);
    else if (newer)
        node_enter(s, node, &plan, frame);
    node->declines = node->declines && !newer;
    arena_destroy(&arena);
}

static void node_take(struct storm *s, const struct frame *frame)
{
    struct node *node = &s->nodes[frame->node];
    if (frame->nonce != node->nonce)
        return; /* an answer to another question */
    if (frame->kind == MESSAGE_REPLY) {
        node->behind = frame->ledger > node->disk.ledger;
        if (node->behind)
            node_forget(node);
        else if (frame->body.size)
            node_judge(s, node, frame);
        return;
    }
    if (frame->kind == MESSAGE_REFUSAL)
        node_forget(node);
    if (!node->attempt || attempt_phase(node->attempt) == PHASE_END)
        return;
    enum err result = attempt_take(node->attempt, frame->kind, codec_view(&frame->body));
    if (result == ERR_OK && frame->kind == MESSAGE_CONFIRMS &&
        (result = keep_sum(s, node)) != ERR_OK)
        attempt_abandon(node->attempt);
    if (result != ERR_OK) { /* P9 */
        HOLDS(s, attempt_phase(node->attempt) == PHASE_END && !node->attempt->secrets,
              "P9: an attempt went on after an error");
        s->result->refused++;
    }
}

/* --- the coordinator
 * ---------------------------------------------------------------------- */

static enum err write_kept(struct storm *s, enum phase phase, size_t place,
                           struct view body)
{
    struct center_disk *disk = &s->disk;
    if (s->full) {
        s->full = false;
        return err_set(ERR_STORAGE, "the disk is full");
    }
    MEM_GROW(disk->kept, disk->count + 1, &disk->capacity);
    disk->kept[disk->count] = (struct kept){.phase = phase, .place = place};
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

static void clear_kept(struct center_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++)
        bytes_free(&disk->kept[i].body);
    disk->count = 0;
}

static void copy_disk(const struct center_disk *from, struct center_disk *to)
{
    clear_kept(to);
    bytes_free(&to->plan);
    to->study = from->study;
    to->round = from->round;
    to->attempt = from->attempt;
    to->summed = from->summed;
    bytes_append(&to->plan, from->plan.data, from->plan.size);
    MEM_GROW(to->kept, from->count, &to->capacity);
    for (; to->count < from->count; to->count++) {
        const struct kept *kept = &from->kept[to->count];
        to->kept[to->count] = (struct kept){.phase = kept->phase, .place = kept->place};
        bytes_append(&to->kept[to->count].body, kept->body.data, kept->body.size);
    }
}

/* Start, or start again, from the disk alone. */
static void center_start(struct storm *s)
{
    const struct collection_world world = {keep, close, s};
    collection_destroy(&s->collection);
    enum err result =
        collection_new(codec_view(&s->disk.plan), s->key, &world, &s->collection);
    for (size_t i = 0; result == ERR_OK && i < s->disk.count; i++) {
        const struct kept *kept = &s->disk.kept[i];
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
        struct node *node = &s->nodes[i];
        if (node->rotates) {
            node_forget(node);
            draw_identity(node->random, &node->identity, node->key);
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
    const struct summed *summed = &s->disk.summed;
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

static void center_open(struct storm *s, uint64_t round, uint32_t attempt)
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
    clear_kept(&s->disk);
    bytes_free(&s->disk.plan);
    if (result == ERR_OK)
        result = plan_sign(s->identity, &plan, &s->disk.plan, hash);
    HOLDS(s, result == ERR_OK, "no plan");
    mem_free(keys);
    MEM_GROW(s->plans, s->plan_count + 1, &s->plan_capacity);
    struct plan_seen *seen = &s->plans[s->plan_count++];
    *seen = (struct plan_seen){.quorum = quorum, .spoils = spoils_new()};
    bytes_hash("plan", s->disk.plan.data, s->disk.plan.size, seen->hash);
    s->result->attempts++;
    center_start(s);
}

/* P2, P5: every survivor's integers are in the sum, once, and nothing else is. */
static void see_sum(struct storm *s)
{
    const struct collection *c = s->collection;
    const struct plan *plan = collection_plan(c);
    uint64_t sum[DIMENSION] = {0};
    size_t survivors = 0;
    for (size_t k = 0; k < s->disk.count; k++) {
        const struct kept *kept = &s->disk.kept[k];
        uint8_t hash[HASH_BYTES];
        if (kept->phase != PHASE_MASK || kept->body.size == 0)
            continue;
        bytes_hash("seen", kept->body.data, kept->body.size, hash);
        for (size_t i = 0; i < s->life_count; i++)
            if (memcmp(s->lives[i].hash[PHASE_MASK], hash, HASH_BYTES) == 0) {
                fixedpoint_add_ring(sum, s->lives[i].integers, DIMENSION);
                survivors++;
            }
    }
    see_survivors(s, serial_of(s, &s->disk.plan), collection_survivors(c));
    HOLDS(s, memcmp(sum, collection_sum(c), sizeof sum) == 0,
          "P2: the sum is not that of the survivors");
    HOLDS(s, survivors >= plan->survivors && survivors == collection_survivor_count(c),
          "P5: a sum of too few");
    HOLDS(s, s->disk.count <= (plan->participants.count + 1) * PHASE_END,
          "P12: more was kept than there can be messages");
}

/* Whose sum may be out, of an attempt that ends without one. */
static void keep_summed(struct storm *s)
{
    struct bytes keys = {0};
    collection_summed(s->collection, &keys);
    if (keys.size)
        s->disk.summed = summed_of(s->disk.study, s->disk.round, &keys);
    bytes_free(&keys);
}

/* The clock has gone on: close what is due, and go on to the next attempt or round. */
static void center_step(struct storm *s)
{
    bool moved;
    if (collection_phase(s->collection) == PHASE_END) {
        bool summed = collection_succeeded(s->collection);
        HOLDS(s, summed || !collection_sum(s->collection), "P9: a sum of a lost attempt");
        if (!summed)
            keep_summed(s);
        center_open(s, s->disk.round + summed, summed ? 1 : s->disk.attempt + 1);
        return;
    }
    if (collection_advance(s->collection, s->now >= s->deadline, &moved) != ERR_OK)
        return; /* the disk: later again */
    if (!moved)
        return;
    s->deadline = s->now + PHASE_TICKS;
    if (!collection_succeeded(s->collection))
        return;
    see_sum(s);
    if (s->disk.round > s->published) {
        if (s->now - s->published_at > s->result->longest)
            s->result->longest = s->now - s->published_at;
        s->published = s->disk.round;
        s->published_at = s->now;
        s->result->rounds++;
    }
}

static void answer(struct storm *s, const struct frame *question, uint32_t kind,
                   const struct bytes *body)
{
    struct frame frame = {.node = question->node,
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
    post(s, frame, view);
    struct frame *last = &s->frames[s->frame_count - 1];
    if (s->lies && last->body.size)
        last->body.data[(s->nonce * 7919) % last->body.size] ^= 4;
    if (kind != MESSAGE_WAIT)
        s->lies = s->swaps = s->misnames = false;
    bytes_free(&s->last_answer);
    s->last_answer = other;
}

static void answer_poll(struct storm *s, const struct frame *question)
{
    struct bytes plan = {0};
    if (question->ledger >= s->heads[question->node]) {
        s->heads[question->node] = question->ledger;
        if (!collection_has_left(s->collection, s->nodes[question->node].key))
            plan = s->disk.plan;
    }
    answer(s, question, MESSAGE_REPLY, &plan);
}

static void note_input(struct storm *s, const struct frame *question)
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
static void hear_refusal(struct storm *s, const struct frame *question)
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

static void center_take(struct storm *s, const struct frame *question)
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

static void arrive(struct storm *s, size_t at)
{
    struct frame frame = take_frame(s, at);
    if (frame.answer)
        node_take(s, &frame);
    else
        center_take(s, &frame);
    bytes_free(&frame.body);
}

/* --- operations
 * --------------------------------------------------------------------------- */

static void work(struct storm *s)
{
    for (size_t i = 0; i < s->count; i++)
        node_ask(s, i);
    while (s->frame_count)
        arrive(s, 0);
    s->now++;
    center_step(s);
}

static void change_frame(struct storm *s, const struct storm_op *op)
{
    if (s->frame_count == 0)
        return;
    size_t at = op->how % s->frame_count;
    struct frame frame;
    switch (op->kind) {
    case STORM_CARRY:
        arrive(s, at);
        break;
    case STORM_DROP:
        frame = take_frame(s, at);
        bytes_free(&frame.body);
        break;
    case STORM_REPEAT:
        frame = s->frames[at];
        frame.body = (struct bytes){0};
        post(s, frame, codec_view(&s->frames[at].body));
        break;
    case STORM_DELAY:
        frame = take_frame(s, at);
        s->frames[s->frame_count++] = frame;
        break;
    default: /* CUT */
        for (size_t i = s->frame_count; i-- > 0;)
            if (s->frames[i].node == op->who % s->count) {
                frame = take_frame(s, i);
                bytes_free(&frame.body);
            }
    }
}

static uint32_t present(const struct storm *s)
{
    uint32_t present = 0;
    for (size_t i = 0; i < s->count; i++)
        present += !s->nodes[i].away;
    return present;
}

/* What an operator does: take over the ledger's length that the coordinator has seen. */
static void mend(struct storm *s, size_t index)
{
    struct node *node = &s->nodes[index];
    node->behind = false;
    if (node->disk.ledger < s->heads[index])
        node->disk.ledger = s->heads[index];
}

static void change_node(struct storm *s, const struct storm_op *op)
{
    struct node *node = &s->nodes[op->who % s->count];
    switch (op->kind) {
    case STORM_KILL:
        node_forget(node);
        break;
    case STORM_FULL:
        node->full = true;
        break;
    case STORM_UNSURE:
        node->unsure = true;
        break;
    case STORM_POOR:
        node->poor = true;
        break;
    case STORM_COPY:
        node->copy = node->disk;
        break;
    case STORM_RESTORE:
        node_forget(node);
        node->disk = node->copy;
        break;
    case STORM_LIE:
        node->lies = true;
        break;
    case STORM_SLEEP:
        node->sleeps = 1 + op->how % 8;
        break;
    case STORM_ROTATE:
        node->rotates = true;
        break;
    case STORM_DECLINE:
        node->declines = true;
        break;
    case STORM_MEND:
        for (size_t i = 0; i < s->count; i++)
            mend(s, i);
        break;
    default: /* LEAVE: one in four goes who could, everybody comes back who is called */
        if (node->away || (op->how % 4 == 0 && present(s) > MEMBERS_MIN))
            node->away = !node->away;
    }
}

static void restore_center(struct storm *s)
{
    if (s->copy.plan.size == 0 || s->copy.round != s->disk.round ||
        s->disk.attempt > s->copy.attempt + RESTORED_MAX)
        return;
    s->attempts_lost += s->disk.attempt - s->copy.attempt;
    s->astray = true;
    copy_disk(&s->copy, &s->disk);
    center_start(s);
}

static void change_center(struct storm *s, const struct storm_op *op)
{
    switch (op->kind) {
    case STORM_TICK:
        s->now++;
        center_step(s);
        break;
    case STORM_AHEAD:
        s->now += 100;
        center_step(s);
        break;
    case STORM_BACK:
        s->now -= s->now < 10 ? s->now : 10;
        break;
    case STORM_KILL_C:
        center_start(s);
        break;
    case STORM_FULL_C:
        s->full = true;
        break;
    case STORM_COPY_C:
        copy_disk(&s->disk, &s->copy);
        break;
    case STORM_RESTORE_C:
        restore_center(s);
        break;
    case STORM_LIE_C:
        s->lies = true;
        break;
    case STORM_SWAP_C:
        s->swaps = true;
        break;
    case STORM_OTHER_C:
        s->misnames = true;
        break;
    default: /* ANYBODY_C */
        s->calls_anybody = true;
    }
}

static void operate(struct storm *s, const struct storm_op *op)
{
    if (op->kind == STORM_WORK)
        work(s);
    else if (op->kind == STORM_ASK)
        node_ask(s, op->who % s->count);
    else if (op->kind <= STORM_CUT)
        change_frame(s, op);
    else if (op->kind >= STORM_KILL && op->kind <= STORM_DECLINE)
        change_node(s, op);
    else
        change_center(s, op);
    look_at_spoils(s);
}

/* P10: without faults, and with whoever was found behind put right by hand, a round comes
 * out of the next attempt, or of the first with a number that nodes have not entered. */
static void calm(struct storm *s)
{
    uint64_t published = s->published;
    s->full = s->lies = s->swaps = s->misnames = s->calls_anybody = false;
    if (s->deadline > s->now + PHASE_TICKS)
        s->deadline = s->now + PHASE_TICKS; /* as a restart would */
    for (size_t i = 0; i < s->count; i++) {
        struct node *node = &s->nodes[i];
        node->full = node->unsure = node->poor = node->lies = node->declines = false;
        node->sleeps = 0;
        mend(s, i);
    }
    size_t turns = (4 + s->attempts_lost) * (PHASE_END + 1) * (PHASE_TICKS + 1);
    for (size_t i = 0; i < turns && s->published == published; i++)
        work(s);
    look_at_spoils(s);
    HOLDS(s, s->published > published, "P10: no round came out after faults stopped");
}

/* --- a list
 * ------------------------------------------------------------------------------ */

static void destroy(struct storm *s)
{
    for (size_t i = 0; i < s->count; i++) {
        attempt_destroy(&s->nodes[i].attempt);
        identity_destroy(&s->nodes[i].identity);
        random_destroy(&s->nodes[i].random);
    }
    for (size_t i = 0; i < s->frame_count; i++)
        bytes_free(&s->frames[i].body);
    for (size_t i = 0; i < s->plan_count; i++)
        spoils_destroy(&s->plans[i].spoils);
    struct center_disk *const disks[] = {&s->disk, &s->copy};
    for (size_t i = 0; i < 2; i++) {
        clear_kept(disks[i]);
        mem_free(disks[i]->kept);
        bytes_free(&disks[i]->plan);
    }
    bytes_free(&s->last_answer);
    collection_destroy(&s->collection);
    identity_destroy(&s->identity);
    random_destroy(&s->random);
    mem_free(s->nodes);
    mem_free(s->heads);
    mem_free(s->frames);
    mem_free(s->lives);
    mem_free(s->plans);
}

void storm_play(uint64_t seed, uint32_t members, const struct storm_op *ops, size_t count,
                struct storm_result *result)
{
    struct storm s = {.count = members, .result = result, .disk.study = 1};
    *result = (struct storm_result){.at = count};
    if (members > MEMBERS_MAX) {
        fail(&s, "too many members");
        return;
    }
    s.random = stream(seed, "coordinator");
    s.nodes = mem_new(members, sizeof *s.nodes);
    s.heads = mem_new(members, sizeof *s.heads);
    draw_identity(s.random, &s.identity, s.key);
    for (uint32_t i = 0; i < members; i++) {
        struct node *node = &s.nodes[i];
        node->storm = &s;
        node->random = stream(seed + i, "node");
        draw_identity(node->random, &node->identity, node->key);
    }
    center_open(&s, 1, 1);
    for (size_t i = 0; i < count && !*result->failure; i++) {
        operate(&s, &ops[i]);
        if (*result->failure)
            result->at = i;
    }
    if (!*result->failure)
        calm(&s);
    destroy(&s);
}

/* Most of it work, or nothing would ever get far; the rest anything. */
struct storm_op *storm_draw(uint64_t seed, size_t count)
{
    struct random *random = stream(seed, "list");
    struct storm_op *ops = mem_new(count, sizeof *ops);
    for (size_t i = 0; i < count; i++)
        ops[i] = (struct storm_op){
            random_below(random, 5) ? STORM_WORK
                                    : (enum storm_kind)random_below(random, STORM_KINDS),
            (uint32_t)random_below(random, 1000), (uint32_t)random_below(random, 1000)};
    random_destroy(&random);
    return ops;
}

/* One turn: each node asks, its question arrives, the answer arrives, the clock goes on.
 */
static struct storm_op step_of(size_t step, uint32_t members)
{
    size_t within = step % (3 * members + 1);
    if (within == 3 * members)
        return (struct storm_op){STORM_TICK, 0, 0};
    return within % 3 ? (struct storm_op){STORM_CARRY, 0, 0}
                      : (struct storm_op){STORM_ASK, (uint32_t)(within / 3), 0};
}

struct storm_op *storm_draw_weather(uint64_t seed, uint32_t members, uint32_t one_in,
                                    size_t count)
{
    static const enum storm_kind mishaps[] = {STORM_KILL, STORM_KILL_C, STORM_CUT,
                                              STORM_DELAY, STORM_SLEEP};
    struct random *random = stream(seed, "weather");
    struct storm_op *ops = mem_new(count, sizeof *ops);
    for (size_t i = 0, step = 0; i < count; i++)
        ops[i] =
            random_below(random, one_in)
                ? step_of(step++, members)
                : (struct storm_op){
                      mishaps[random_below(random, sizeof mishaps / sizeof *mishaps)],
                      (uint32_t)random_below(random, members),
                      (uint32_t)random_below(random, 1000)};
    random_destroy(&random);
    return ops;
}

size_t storm_shrink(struct storm_op *ops, size_t count, storm_fails *fails, void *context)
{
    struct storm_op *rest = mem_new(count, sizeof *rest);
    size_t size = count > 1 ? count / 2 : count;
    while (size > 0) {
        bool shorter = false;
        for (size_t from = 0; from + size <= count;) {
            memcpy(rest, ops, from * sizeof *ops);
            memcpy(rest + from, ops + from + size, (count - from - size) * sizeof *ops);
            if (fails(context, rest, count - size)) {
                count -= size;
                memcpy(ops, rest, count * sizeof *ops);
                shorter = true;
            } else {
                from += size;
            }
        }
        if (size > 1 || !shorter)
            size /= 2;
    }
    mem_free(rest);
    return count;
}

char *storm_text(const struct storm_op *ops, size_t count)
{
    static const char *const names[] = {
#define STORM_NAME(code) #code,
        STORM_LIST(STORM_NAME)
#undef STORM_NAME
    };
    struct bytes text = {0};
    for (size_t i = 0; i < count; i++) {
        char *op = mem_format("{STORM_%s, %u, %u},\n", names[ops[i].kind], ops[i].who,
                              ops[i].how);
        bytes_append(&text, op, strlen(op));
        mem_free(op);
    }
    bytes_u8(&text, 0);
    char *copy = mem_text((const char *)text.data);
    bytes_free(&text);
    return copy;
}
