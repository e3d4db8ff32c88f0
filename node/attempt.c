#include "node/attempt.h"

#include <string.h>

#include "node/attempt_impl.h"
#include "privacy/identity.h"
#include "wire/quorum.h"

enum err attempt_refuse(struct attempt *a, enum reason reason)
{
    a->reason = reason;
    return reason_set(reason);
}

size_t attempt_find(const struct attempt *a, const uint8_t member[KEY_BYTES])
{
    size_t low = 0, high = a->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(member, a->adverts[middle].member, KEY_BYTES);
        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return a->count;
}

uint16_t attempt_point(const struct attempt *a, const uint8_t member[KEY_BYTES])
{
    return (uint16_t)(terms_place(&a->plan.participants, member) + 1);
}

struct attempt_pair *attempt_pair(const struct attempt *a, uint32_t peer)
{
    size_t count;
    (void)graph_neighbours(a->graph, a->self, &count);
    return &a->secrets
                ->pairs[peer == a->self ? count : graph_slot(a->graph, a->self, peer)];
}

struct pairkey_place attempt_place(const struct attempt *a, size_t peer)
{
    return (struct pairkey_place){
        .context = a->context,
        .bundle = a->bundle,
        .own = a->key,
        .peer = a->adverts[peer].member,
    };
}

/* Secrets are gone as soon as nothing will need them again. */
static void wipe(struct attempt *a)
{
    secret_free(a->secrets);
    a->secrets = NULL;
    bytes_wipe(a->seed, HASH_BYTES);
}

static void finish(struct attempt *a)
{
    wipe(a);
    a->phase = PHASE_END;
    bytes_free(&a->message);
}

/* --- entering
 * ---------------------------------------------------------------------------- */

static enum err open_plan(struct attempt *a, const struct attempt_start *start)
{
    a->arena = codec_arena(start->signed_plan.size);
    if (plan_open(start->signed_plan, start->coordinator_key, a->arena, &a->plan,
                  a->context) != ERR_OK)
        return err_code();
    struct quorum quorum = plan_quorum(&a->plan);
    if (quorum_check(&quorum) != ERR_OK) {
        a->reason = REASON_WEAK_PLAN;
        return err_code();
    }
    if (!terms_include(&a->plan.participants, a->key))
        return attempt_refuse(a, REASON_NOT_PARTICIPANT);
    return ERR_OK;
}

/* A sparse graph stands on seeds that every participant committed to before the plan:
 * without them the coordinator would choose it. A complete graph has none. */
static enum err check_seed(struct attempt *a, const struct attempt_start *start)
{
    size_t members = a->plan.participants.count;
    bool sparse = a->plan.degree < members - 1;
    if (a->plan.commitments.size != (sparse ? members * HASH_BYTES : 0))
        return attempt_refuse(a, REASON_WEAK_PLAN);
    if (!sparse)
        return ERR_OK;
    uint8_t commitment[HASH_BYTES];
    size_t place = terms_place(&a->plan.participants, a->key);
    if (!start->seed)
        return attempt_refuse(a, REASON_BAD_SEED);
    phase_seed_commitment(a->plan.study, a->key, start->seed, commitment);
    if (memcmp(a->plan.commitments.data + place * HASH_BYTES, commitment, HASH_BYTES) !=
        0)
        return attempt_refuse(a, REASON_BAD_SEED);
    memcpy(a->seed, start->seed, HASH_BYTES);
    return ERR_OK;
}

enum err attempt_new(const struct attempt_start *start, const struct attempt_world *world,
                     struct attempt **attempt)
{
    struct attempt *a = mem_new(1, sizeof *a);
    void *secrets = NULL;
    a->world = *world;
    a->notes = start->notes;
    identity_public(world->identity, a->key);
    enum err result = open_plan(a, start);
    if (result == ERR_OK)
        result = check_seed(a, start);
    if (result == ERR_OK)
        result = secret_new(sizeof *a->secrets +
                                (a->plan.degree + 1) * sizeof a->secrets->pairs[0],
                            &secrets);
    a->secrets = secrets;
    if (result == ERR_OK)
        result = world->enter(world->context);
    if (result == ERR_OK)
        result = node_advertise(a, start);
    *attempt = a;
    if (result != ERR_OK)
        attempt_destroy(attempt);
    return result;
}

void attempt_destroy(struct attempt **attempt)
{
    struct attempt *a = *attempt;
    if (!a)
        return;
    wipe(a);
    graph_destroy(&a->graph);
    mem_free(a->adverts);
    mem_free(a->dealer);
    mem_free(a->survivor);
    bytes_free(&a->message);
    bytes_free(&a->input);
    arena_destroy(&a->arena);
    mem_free(a);
    *attempt = NULL;
}

/* --- the phases
 * -------------------------------------------------------------------------- */

typedef enum err take(struct attempt *a, struct view body, struct arena *arena);

/* What an answer to each phase's message starts. */
static take *const next_of[] = {
    [PHASE_ADVERTISE] = node_share,
    [PHASE_SHARE] = node_mask,
    [PHASE_MASK] = node_confirm,
    [PHASE_CONFIRM] = node_unmask,
};

/* A receipt names the plan and countersigns the ledger that was charged for the input;
 * that it is for this very message the envelope's nonce has shown. */
static enum err take_receipt(struct attempt *a, struct view body, struct arena *arena)
{
    struct receipt receipt;
    if (codec_decode_receipt(body, arena, &receipt) != ERR_OK)
        return attempt_refuse(a, REASON_MALFORMED);
    if (memcmp(receipt.plan, a->context, HASH_BYTES) != 0)
        return attempt_refuse(a, REASON_WRONG_PLAN);
    if (receipt.ledger_length != a->ledger_length ||
        memcmp(receipt.ledger_head, a->ledger_head, HASH_BYTES) != 0)
        return attempt_refuse(a, REASON_LEDGER_BEHIND);
    a->succeeded = true;
    finish(a);
    return ERR_OK;
}

enum err attempt_take(struct attempt *a, uint32_t kind, struct view body)
{
    if (a->phase == PHASE_END)
        return err_set(ERR_STATE, "the attempt has ended");
    if (kind == MESSAGE_WAIT)
        return ERR_OK;
    enum err result;
    if (kind != phase_answer(a->phase)) {
        result = attempt_refuse(a, REASON_WRONG_PHASE);
    } else {
        struct arena *arena = codec_arena(body.size);
        result = a->phase == PHASE_UNMASK ? take_receipt(a, body, arena)
                                          : next_of[a->phase](a, body, arena);
        arena_destroy(&arena);
    }
    if (result == ERR_OK && a->phase != PHASE_END)
        a->phase++;
    if (a->phase == PHASE_UNMASK)
        wipe(a); /* what is left to send is in the message */
    if (result != ERR_OK)
        finish(a);
    return result;
}

void attempt_abandon(struct attempt *a)
{
    finish(a);
}

enum err attempt_message(const struct attempt *a, uint32_t *kind, struct view *body)
{
    if (a->phase == PHASE_END)
        return err_set(ERR_STATE, "the attempt has ended");
    *kind = phase_question(a->phase);
    *body = codec_view(&a->message);
    return ERR_OK;
}

enum phase attempt_phase(const struct attempt *a)
{
    return a->phase;
}

const struct plan *attempt_plan(const struct attempt *a)
{
    return &a->plan;
}

const uint8_t *attempt_context(const struct attempt *a)
{
    return a->context;
}

enum reason attempt_reason(const struct attempt *a)
{
    return a->reason;
}

enum err attempt_statement(const struct attempt *a, struct bytes *body)
{
    if (a->reason == REASON_NONE)
        return err_set(ERR_STATE, "there is nothing to say of this attempt");
    struct refusal refusal = {a->reason, a->accused};
    return codec_encode_refusal(&refusal, body);
}

bool attempt_succeeded(const struct attempt *a)
{
    return a->succeeded;
}

const uint8_t *attempt_survivors(const struct attempt *a)
{
    return a->survivors;
}

void attempt_survivor_keys(const struct attempt *a, struct bytes *keys)
{
    for (size_t i = 0; a->survivor && i < a->count; i++)
        if (a->survivor[i])
            bytes_append(keys, a->adverts[i].member, KEY_BYTES);
}
