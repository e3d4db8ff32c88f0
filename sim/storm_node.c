#include "sim/storm_impl.h"

#include <string.h>

#include "node/sums.h"

/* Whether a write happens, and what the disk says of it. */
static bool write_happens(struct storm_node *node, enum err *said)
{
    bool happens = !node->full;
    *said =
        node->full || node->unsure ? err_set(ERR_STORAGE, "the disk is full") : ERR_OK;
    node->full = node->unsure = false;
    return happens;
}

static enum err enter(void *context)
{
    struct storm_node *node = context;
    enum err said;
    if (write_happens(node, &said)) {
        node->disk.round = node->entering.round;
        node->disk.attempt = node->entering.attempt;
    }
    return said;
}

static enum err input(void *context, uint64_t *sum)
{
    struct storm_node *node = context;
    struct storm_life *life = &node->storm->lives[node->life];
    for (size_t i = 0; i < DIMENSION; i++)
        sum[i] = life->integers[i] = random_u64(node->random);
    return ERR_OK;
}

static enum err charge(void *context, const uint64_t *masked, uint64_t *length,
                       uint8_t head[HASH_BYTES])
{
    (void)masked;
    struct storm_node *node = context;
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
    struct storm_node *node = context;
    enum err said;
    if (write_happens(node, &said))
        node->disk.ledger = node->pending;
    return said;
}

static void cancel(void *context)
{
    struct storm_node *node = context;
    node->pending = 0;
}

/* --- what it asks and takes --- */

void storm_node_forget(struct storm_node *node)
{
    attempt_destroy(&node->attempt);
    node->nonce = 0;
}

void storm_node_ask(struct storm *s, size_t index)
{
    struct storm_node *node = &s->nodes[index];
    struct storm_frame frame = {
        .node = index, .nonce = ++s->nonce, .ledger = node->disk.ledger};
    struct view body = {(const uint8_t *)"", 0};
    if (node->away || node->behind || node->sleeps) {
        node->sleeps -= node->sleeps > 0;
        return;
    }
    node->nonce = frame.nonce;
    if (node->attempt && attempt_phase(node->attempt) == PHASE_END)
        storm_node_forget(node);
    node->nonce = frame.nonce;
    if (node->attempt) {
        const struct plan *plan = attempt_plan(node->attempt);
        frame.round = plan->round;
        frame.attempt = plan->attempt;
        if (attempt_message(node->attempt, &frame.kind, &body) == ERR_OK)
            storm_see(s, node, attempt_phase(node->attempt), frame.kind, body);
    }
    storm_post(s, frame, body);
    struct storm_frame *last = &s->frames[s->frame_count - 1];
    if (node->lies && last->body.size)
        last->body.data[(s->nonce * 7919) % last->body.size] ^= 4;
    node->lies = false;
}

/* A sum for which shares are about to leave: on the disk before they do. */
static enum err keep_sum(struct storm *s, struct storm_node *node)
{
    const struct plan *plan = attempt_plan(node->attempt);
    struct bytes keys = {0};
    enum err said;
    attempt_survivor_keys(node->attempt, &keys);
    const struct storm_summed fresh = storm_summed_of(plan->study[0], plan->round, &keys);
    bytes_free(&keys);
    if (!write_happens(node, &said))
        return said;
    size_t free = SUMS_MAX;
    for (size_t i = SUMS_MAX; i-- > 0;) {
        struct storm_summed *held = &node->disk.sums[i];
        if (!storm_same_round(held, &fresh))
            held->count = 0;
        if (held->count == 0)
            free = i;
        else if (storm_difference(held, &fresh) == 0)
            return said;
    }
    HOLDS(s, free < SUMS_MAX, "more sums of a round than there can be");
    if (free < SUMS_MAX)
        node->disk.sums[free] = fresh;
    return said;
}

/* Whether a sum that the plan can end with is too near one that may be out. */
static bool is_too_near(const struct storm_node *node, const struct plan *plan)
{
    for (size_t i = 0; i < SUMS_MAX; i++) {
        const struct storm_summed *held = &node->disk.sums[i];
        const struct keys keys = storm_keys_of(held);
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
    const struct storm_frame frame = {.node = index,
                                      .nonce = ++s->nonce,
                                      .round = plan->round,
                                      .attempt = plan->attempt,
                                      .kind = MESSAGE_REFUSAL};
    if (codec_encode_refusal(&(struct refusal){why, ""}, &body) == ERR_OK)
        storm_post(s, frame, codec_view(&body));
    bytes_free(&body);
    s->result->declined++;
}

static void node_enter(struct storm *s, struct storm_node *node, const struct plan *plan,
                       const struct storm_frame *frame)
{
    const struct attempt_world world = {node->identity, node->random, enter,  input,
                                        charge,         commit,       cancel, node};
    const struct attempt_start start = {.signed_plan = codec_view(&frame->body),
                                        .coordinator_key = s->key,
                                        .ledger_length = node->disk.ledger};
    storm_node_forget(node);
    node->entering =
        (struct storm_node_disk){.round = plan->round, .attempt = plan->attempt};
    MEM_GROW(s->lives, s->life_count + 1, &s->life_capacity);
    s->lives[s->life_count] = (struct storm_life){
        .node = frame->node, .serial = storm_serial_of(s, &frame->body)};
    node->life = s->life_count++;
    attempt_new(&start, &world, &node->attempt);
}

/* A plan, or what came in the place of one. */
static void node_judge(struct storm *s, struct storm_node *node,
                       const struct storm_frame *frame)
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

void storm_node_take(struct storm *s, const struct storm_frame *frame)
{
    struct storm_node *node = &s->nodes[frame->node];
    if (frame->nonce != node->nonce)
        return; /* an answer to another question */
    if (frame->kind == MESSAGE_REPLY) {
        node->behind = frame->ledger > node->disk.ledger;
        if (node->behind)
            storm_node_forget(node);
        else if (frame->body.size)
            node_judge(s, node, frame);
        return;
    }
    if (frame->kind == MESSAGE_REFUSAL)
        storm_node_forget(node);
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
