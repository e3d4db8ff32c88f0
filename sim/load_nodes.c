#include <string.h>

#include "base/memory.h"
#include "node/attempt.h"
#include "privacy/identity.h"
#include "privacy/random.h"
#include "sim/agreeable.h"
#include "sim/load_impl.h"
#include "wire/envelope.h"

#define JOINING_MAX 64 /* connections being made at one time */
#define SILENCE_S 30   /* then a node asks again: its answer got lost */
#define RECEIVE_MS 1000

struct node {
    const struct load_cast *cast;
    size_t place;
    struct identity *identity;
    struct attempt *attempt; /* NULL: not begun */
    uint8_t nonce[NONCE_BYTES], graph_seed[HASH_BYTES];
    double asked;
    bool met, ended;
    struct agreeable world;
};

struct nodes {
    const struct load_cast *cast;
    struct transport_crowd *crowd;
    struct random *random; /* of all one-time keys and nonces */
    struct node *all;
    size_t count, joined, met, ended, succeeded;
    struct bytes frame, body;
    double cpu_before;
};

/* --- a node's world
 * ------------------------------------------------------------------------------ */

static enum err give_integers(void *context, uint64_t *sum)
{
    const struct node *node = context;
    return load_add(node->cast, node->place, sum);
}

/* --- asking
 * --------------------------------------------------------------------------------------
 */

static enum err ask(struct nodes *nodes, size_t which)
{
    struct node *node = &nodes->all[which];
    struct envelope fields = {.kind = MESSAGE_POLL};
    const struct poll poll = {0};
    enum err result = ERR_OK;
    nodes->body.size = nodes->frame.size = 0;
    if (node->attempt) {
        result = attempt_message(node->attempt, &fields.kind, &fields.body);
        fields.round = fields.attempt = 1;
    } else {
        result = codec_encode_poll(&poll, &nodes->body);
        fields.body = codec_view(&nodes->body);
    }
    memcpy(fields.consortium, node->cast->consortium, HASH_BYTES);
    memcpy(fields.recipient, node->cast->coordinator_key, KEY_BYTES);
    memcpy(fields.study, node->cast->study, STUDY_BYTES);
    random_fill(nodes->random, node->nonce, NONCE_BYTES);
    memcpy(fields.nonce, node->nonce, NONCE_BYTES);
    if (result == ERR_OK)
        result = envelope_seal(node->identity, &fields, &nodes->frame);
    if (result == ERR_OK)
        result = transport_crowd_send(nodes->crowd, which, &nodes->frame);
    node->asked = load_now();
    return result;
}

static enum err join(struct nodes *nodes)
{
    struct node *node = &nodes->all[nodes->joined];
    size_t member;
    if (load_identity(node->cast, node->cast->members[node->place].number,
                      &node->identity) != ERR_OK ||
        transport_crowd_join(nodes->crowd, node->identity, &member) != ERR_OK)
        return err_code();
    load_graph_seed(node->cast, node->place, node->graph_seed);
    nodes->joined++;
    return ask(nodes, member);
}

/* --- answers
 * -------------------------------------------------------------------------------------
 */

static enum err begin(struct nodes *nodes, struct node *node, struct view plan)
{
    node->world = (struct agreeable){.input = give_integers, .context = node};
    const struct attempt_world world =
        agreeable_world(&node->world, node->identity, nodes->random);
    const struct attempt_start start = {.signed_plan = plan,
                                        .coordinator_key = node->cast->coordinator_key,
                                        .seed = node->graph_seed};
    if (nodes->cpu_before == 0)
        nodes->cpu_before = load_cpu_seconds();
    return attempt_new(&start, &world, &node->attempt);
}

static void end(struct nodes *nodes, struct node *node)
{
    nodes->succeeded += attempt_succeeded(node->attempt);
    attempt_destroy(&node->attempt);
    node->ended = true;
    nodes->ended++;
}

/* Take one answer and ask on; a node that is to drop out does so before it masks. */
static enum err take(struct nodes *nodes, size_t which, const struct envelope *answer,
                     struct arena *arena)
{
    struct node *node = &nodes->all[which];
    struct reply reply;
    enum err result = ERR_OK;
    if (!node->met) {
        node->met = true;
        nodes->met++;
    }
    if (answer->kind == MESSAGE_REFUSAL)
        return err_set(ERR_STATE, "the coordinator refused a message of node %zu",
                       node->place);
    if (answer->kind == MESSAGE_REPLY) {
        result = codec_decode_reply(answer->body, arena, &reply);
        if (result == ERR_OK && reply.plan.size > 0 && !node->attempt)
            result = begin(nodes, node, reply.plan);
    } else if (!node->attempt) {
        return err_set(ERR_STATE, "node %zu was answered before it began", node->place);
    } else if (answer->kind == MESSAGE_DELIVERY && load_drops(node->cast, node->place)) {
        end(nodes, node);
        return ERR_OK;
    } else {
        result = attempt_take(node->attempt, answer->kind, answer->body);
    }
    if (result == ERR_OK && node->attempt && attempt_phase(node->attempt) == PHASE_END)
        end(nodes, node);
    else if (result == ERR_OK)
        result = ask(nodes, which);
    return result;
}

static enum err take_frame(struct nodes *nodes, size_t which)
{
    const struct node *node = &nodes->all[which];
    struct envelope_rule rule = {.kinds = UINT32_MAX,
                                 .nonce = node->nonce,
                                 .admit = envelope_pinned,
                                 .who = node->cast->coordinator_key};
    struct envelope answer;
    struct bytes frame = nodes->frame; /* asking on needs the room */
    struct arena *arena = codec_arena(frame.size);
    nodes->frame = (struct bytes){0};
    memcpy(rule.consortium, node->cast->consortium, HASH_BYTES);
    memcpy(rule.recipient, node->cast->members[node->place].key, KEY_BYTES);
    enum err result = ERR_OK;
    enum reason reason = envelope_open(&rule, codec_view(&frame), arena, &answer);
    if (reason == REASON_NONE && !node->ended)
        result = take(nodes, which, &answer, arena);
    else if (reason != REASON_NONE && reason != REASON_WRONG_NONCE)
        result = reason_set(reason);
    arena_destroy(&arena);
    bytes_free(&frame);
    return result;
}

static enum err ask_again(struct nodes *nodes)
{
    double now = load_now();
    for (size_t i = 0; i < nodes->joined; i++)
        if (!nodes->all[i].ended && now - nodes->all[i].asked > SILENCE_S &&
            ask(nodes, i) != ERR_OK)
            return err_code();
    return ERR_OK;
}

static enum err run(struct nodes *nodes)
{
    enum err result = ERR_OK;
    double opened = load_now(), looked = opened;
    size_t which;
    while (result == ERR_OK && nodes->ended < nodes->count) {
        while (result == ERR_OK && nodes->joined < nodes->count &&
               nodes->joined - nodes->met < JOINING_MAX)
            result = join(nodes);
        if (result == ERR_OK)
            result =
                transport_crowd_receive(nodes->crowd, RECEIVE_MS, &which, &nodes->frame);
        if (result == ERR_OK)
            result = take_frame(nodes, which);
        else if (result == ERR_GONE)
            result = ERR_OK;
        if (result == ERR_OK && load_now() - looked > 1) {
            result = ask_again(nodes);
            looked = load_now();
        }
        if (looked - opened > LOAD_DEADLINE_S)
            result = err_set(ERR_GONE, "the nodes heard nothing for too long");
    }
    return result;
}

enum err load_nodes(const struct load_cast *cast, const char *endpoint, uint32_t process,
                    int pipe)
{
    struct nodes nodes = {.cast = cast};
    size_t members = cast->plan.quorum.members, step = cast->plan.processes;
    nodes.all = mem_new(members / step + 1, sizeof *nodes.all);
    for (size_t place = process; place < members; place += step)
        nodes.all[nodes.count++] = (struct node){.cast = cast, .place = place};
    enum err result = random_new(&nodes.random);
    if (result == ERR_OK)
        result = transport_crowd_new(endpoint, cast->coordinator_curve, nodes.count,
                                     &nodes.crowd);
    if (result == ERR_OK)
        result = run(&nodes);
    if (result == ERR_OK) {
        struct load_note note = {.kind = LOAD_DONE,
                                 .count = nodes.succeeded,
                                 .cpu_seconds = load_cpu_seconds() - nodes.cpu_before};
        load_tell(pipe, &note);
    }
    transport_crowd_destroy(&nodes.crowd);
    for (size_t i = 0; i < nodes.count; i++) {
        attempt_destroy(&nodes.all[i].attempt);
        identity_destroy(&nodes.all[i].identity);
    }
    random_destroy(&nodes.random);
    bytes_free(&nodes.frame);
    bytes_free(&nodes.body);
    mem_free(nodes.all);
    return result;
}
