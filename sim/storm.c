#include "sim/storm_impl.h"

#include <string.h>

void storm_draw_identity(struct random *random, struct identity **identity,
                         uint8_t key[KEY_BYTES])
{
    uint8_t secret[IDENTITY_SECRET_BYTES];
    random_fill(random, secret, sizeof secret);
    identity_destroy(identity);
    if (identity_read(secret, identity) == ERR_OK)
        identity_public(*identity, key);
}

/* --- the network --- */

void storm_post(struct storm *s, struct storm_frame frame, struct view body)
{
    bytes_append(&frame.body, body.data, body.size);
    MEM_GROW(s->frames, s->frame_count + 1, &s->frame_capacity);
    s->frames[s->frame_count++] = frame;
}

static struct storm_frame take_frame(struct storm *s, size_t at)
{
    struct storm_frame frame = s->frames[at];
    s->frame_count--;
    memmove(s->frames + at, s->frames + at + 1,
            (s->frame_count - at) * sizeof *s->frames);
    return frame;
}

static void arrive(struct storm *s, size_t at)
{
    struct storm_frame frame = take_frame(s, at);
    if (frame.answer)
        storm_node_take(s, &frame);
    else
        storm_center_take(s, &frame);
    bytes_free(&frame.body);
}

/* --- operations --- */

static void work(struct storm *s)
{
    for (size_t i = 0; i < s->count; i++)
        storm_node_ask(s, i);
    while (s->frame_count)
        arrive(s, 0);
    s->now++;
    storm_center_step(s);
}

static void change_frame(struct storm *s, const struct storm_op *op)
{
    if (s->frame_count == 0)
        return;
    size_t at = op->how % s->frame_count;
    struct storm_frame frame;
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
        storm_post(s, frame, codec_view(&s->frames[at].body));
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
    struct storm_node *node = &s->nodes[index];
    node->behind = false;
    if (node->disk.ledger < s->heads[index])
        node->disk.ledger = s->heads[index];
}

static void change_node(struct storm *s, const struct storm_op *op)
{
    struct storm_node *node = &s->nodes[op->who % s->count];
    switch (op->kind) {
    case STORM_KILL:
        storm_node_forget(node);
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
        storm_node_forget(node);
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
    storm_center_copy(&s->copy, &s->disk);
    storm_center_start(s);
}

static void change_center(struct storm *s, const struct storm_op *op)
{
    switch (op->kind) {
    case STORM_TICK:
        s->now++;
        storm_center_step(s);
        break;
    case STORM_AHEAD:
        s->now += 100;
        storm_center_step(s);
        break;
    case STORM_BACK:
        s->now -= s->now < 10 ? s->now : 10;
        break;
    case STORM_KILL_C:
        storm_center_start(s);
        break;
    case STORM_FULL_C:
        s->full = true;
        break;
    case STORM_COPY_C:
        storm_center_copy(&s->disk, &s->copy);
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
        storm_node_ask(s, op->who % s->count);
    else if (op->kind <= STORM_CUT)
        change_frame(s, op);
    else if (op->kind >= STORM_KILL && op->kind <= STORM_DECLINE)
        change_node(s, op);
    else
        change_center(s, op);
    storm_look_at_spoils(s);
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
        struct storm_node *node = &s->nodes[i];
        node->full = node->unsure = node->poor = node->lies = node->declines = false;
        node->sleeps = 0;
        mend(s, i);
    }
    size_t turns = (4 + s->attempts_lost) * (PHASE_END + 1) * (PHASE_TICKS + 1);
    for (size_t i = 0; i < turns && s->published == published; i++)
        work(s);
    storm_look_at_spoils(s);
    HOLDS(s, s->published > published, "P10: no round came out after faults stopped");
}

/* --- a list --- */

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
    struct storm_center_disk *const disks[] = {&s->disk, &s->copy};
    for (size_t i = 0; i < 2; i++) {
        storm_center_clear(disks[i]);
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
        storm_fail(&s, "too many members");
        return;
    }
    s.random = storm_stream(seed, "coordinator");
    s.nodes = mem_new(members, sizeof *s.nodes);
    s.heads = mem_new(members, sizeof *s.heads);
    storm_draw_identity(s.random, &s.identity, s.key);
    for (uint32_t i = 0; i < members; i++) {
        struct storm_node *node = &s.nodes[i];
        node->storm = &s;
        node->random = storm_stream(seed + i, "node");
        storm_draw_identity(node->random, &node->identity, node->key);
    }
    storm_center_open(&s, 1, 1);
    for (size_t i = 0; i < count && !*result->failure; i++) {
        operate(&s, &ops[i]);
        if (*result->failure)
            result->at = i;
    }
    if (!*result->failure)
        calm(&s);
    destroy(&s);
}
