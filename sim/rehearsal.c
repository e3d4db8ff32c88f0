#include "sim/rehearsal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "privacy/fixedpoint.h"
#include "privacy/identity.h"
#include "privacy/noise.h"

/* --- who takes part
 * ------------------------------------------------------------------------- */

static struct random *stream(uint64_t seed, uint64_t number)
{
    struct bytes bytes = {0};
    uint8_t hash[HASH_BYTES];
    bytes_u64(&bytes, seed);
    bytes_u64(&bytes, number);
    bytes_hash("gemel/rehearsal/1", bytes.data, bytes.size, hash);
    bytes_free(&bytes);
    return random_new_seeded(hash);
}

static enum err draw_identity(struct random *random, struct identity **identity)
{
    uint8_t secret[IDENTITY_SECRET_BYTES];
    random_fill(random, secret, sizeof secret);
    return identity_read(secret, identity);
}

static int member_order(const void *a, const void *b)
{
    const struct rehearsal_member *one = a, *other = b;
    return memcmp(one->key, other->key, KEY_BYTES);
}

static enum err draw_member(struct rehearsal_member *member, uint32_t dimension,
                            uint64_t seed, uint64_t number)
{
    member->random = stream(seed, number);
    if (draw_identity(member->random, &member->identity) != ERR_OK)
        return err_code();
    identity_public(member->identity, member->key);
    random_fill(member->random, member->graph_seed, HASH_BYTES);
    member->integers = mem_new(dimension, sizeof *member->integers);
    for (uint32_t i = 0; i < dimension; i++)
        member->integers[i] = random_u64(member->random);
    return ERR_OK;
}

enum err rehearsal_new(const struct quorum *quorum, uint32_t dimension, uint64_t seed,
                       struct rehearsal **rehearsal)
{
    struct rehearsal *r = mem_new(1, sizeof *r);
    struct random *random = stream(seed, UINT64_MAX);
    r->quorum = *quorum;
    r->dimension = dimension;
    r->members = mem_new(quorum->members, sizeof *r->members);
    enum err result = draw_identity(random, &r->coordinator);
    if (result == ERR_OK)
        identity_public(r->coordinator, r->coordinator_key);
    for (uint32_t i = 0; result == ERR_OK && i < quorum->members; i++)
        result = draw_member(&r->members[i], dimension, seed, i);
    qsort(r->members, quorum->members, sizeof *r->members, member_order);
    random_destroy(&random);
    *rehearsal = r;
    if (result != ERR_OK)
        rehearsal_destroy(rehearsal);
    return result;
}

void rehearsal_destroy(struct rehearsal **rehearsal)
{
    struct rehearsal *r = *rehearsal;
    if (!r)
        return;
    for (uint32_t i = 0; i < r->quorum.members; i++) {
        attempt_destroy(&r->members[i].attempt);
        identity_destroy(&r->members[i].identity);
        random_destroy(&r->members[i].random);
        mem_free(r->members[i].integers);
    }
    mem_free(r->members);
    collection_destroy(&r->collection);
    identity_destroy(&r->coordinator);
    bytes_free(&r->signed_plan);
    mem_free(r);
    *rehearsal = NULL;
}

/* --- the plan
 * --------------------------------------------------------------------------------- */

enum err rehearsal_sign_plan(struct rehearsal *r, uint64_t round, uint32_t attempt)
{
    size_t n = r->quorum.members;
    uint8_t *keys = mem_new(n, KEY_BYTES), *commitments = mem_new(n, HASH_BYTES);
    uint8_t hash[HASH_BYTES];
    bool sparse = r->quorum.degree < n - 1;
    struct plan plan = {
        .study = {1},
        .round = round,
        .attempt = attempt,
        .dimension = r->dimension,
        .step = 0x1p-20,
        .norm_max = 1,
        .noise_multiplier = 1,
        .noise_log2 = NOISE_LOG2,
        .deadline = WIRE_TIME_MAX,
        .participants = {keys, n},
        .colluders = r->quorum.colluders,
        .quorum = r->quorum.quorum,
        .threshold = r->quorum.threshold,
        .survivors = r->quorum.survivors,
        .degree = r->quorum.degree,
        .commitments = {commitments, sparse ? n * HASH_BYTES : 0},
    };
    for (size_t i = 0; i < n; i++) {
        memcpy(keys + i * KEY_BYTES, r->members[i].key, KEY_BYTES);
        phase_seed_commitment(plan.study, r->members[i].key, r->members[i].graph_seed,
                              commitments + i * HASH_BYTES);
    }
    bytes_free(&r->signed_plan);
    enum err result = plan_sign(r->coordinator, &plan, &r->signed_plan, hash);
    mem_free(keys);
    mem_free(commitments);
    return result;
}

/* --- a member's world
 * --------------------------------------------------------------------------- */

static enum err give_integers(void *context, uint64_t *sum)
{
    const struct rehearsal_member *member = context;
    const struct plan *plan = attempt_plan(member->attempt);
    memcpy(sum, member->integers, plan->dimension * sizeof *sum);
    return ERR_OK;
}

enum err rehearsal_enter(struct rehearsal *r, size_t index)
{
    struct rehearsal_member *member = &r->members[index];
    const struct attempt_world world =
        agreeable_world(&member->world, member->identity, member->random);
    struct attempt_start start = {.signed_plan = codec_view(&r->signed_plan),
                                  .coordinator_key = r->coordinator_key,
                                  .seed = member->graph_seed};
    member->world.input = give_integers;
    member->world.context = member;
    attempt_destroy(&member->attempt);
    return attempt_new(&start, &world, &member->attempt);
}

enum err rehearsal_open(struct rehearsal *r, uint64_t round, uint32_t attempt)
{
    enum err result = rehearsal_sign_plan(r, round, attempt);
    collection_destroy(&r->collection);
    if (result == ERR_OK)
        result = collection_new(codec_view(&r->signed_plan), r->coordinator_key, NULL,
                                &r->collection);
    for (uint32_t i = 0; result == ERR_OK && i < r->quorum.members; i++)
        result = rehearsal_enter(r, i);
    return result;
}

/* --- carrying
 * ------------------------------------------------------------------------------------ */

enum reason rehearsal_send(struct rehearsal *r, size_t index)
{
    struct rehearsal_member *member = &r->members[index];
    uint32_t kind;
    struct view body;
    bool fresh;
    enum err failure;
    if (!member->attempt || attempt_message(member->attempt, &kind, &body) != ERR_OK)
        return REASON_WRONG_PHASE;
    return collection_take(r->collection, member->key, kind, body, &fresh, &failure);
}

/* The answer to an unmask message is a receipt, which the coordinator's exchange writes.
 */
static enum err write_receipt(const struct rehearsal *r, size_t index, struct bytes *body)
{
    static const uint8_t unsealed[HASH_BYTES]; /* the messages here have no envelope */
    struct input input;
    struct arena *arena = codec_arena(WIRE_SIGNED_SMALL_MAX);
    enum err result =
        collection_input(r->collection, r->members[index].key, arena, &input);
    if (result == ERR_OK)
        result = phase_receipt(&input, unsealed, body);
    arena_destroy(&arena);
    return result;
}

enum err rehearsal_receive(struct rehearsal *r, size_t index)
{
    struct rehearsal_member *member = &r->members[index];
    uint32_t kind, answer;
    struct view message;
    struct bytes body = {0};
    if (!member->attempt || attempt_message(member->attempt, &kind, &message) != ERR_OK)
        return ERR_OK;
    enum err result = collection_answer(r->collection, member->key, kind, &answer, &body);
    if (result == ERR_OK && answer == MESSAGE_RECEIPT)
        result = write_receipt(r, index, &body);
    if (result == ERR_OK && answer != MESSAGE_WAIT)
        result = attempt_take(member->attempt, answer, codec_view(&body));
    bytes_free(&body);
    return result;
}

void rehearsal_leave(struct rehearsal *r, size_t index)
{
    attempt_destroy(&r->members[index].attempt);
}

enum err rehearsal_play(struct rehearsal *r, const enum phase *leaves)
{
    enum err result = ERR_OK;
    while (result == ERR_OK && collection_phase(r->collection) != PHASE_END) {
        bool moved;
        r->ended = collection_phase(r->collection);
        for (uint32_t i = 0; i < r->quorum.members; i++) {
            if (leaves && leaves[i] == collection_phase(r->collection))
                rehearsal_leave(r, i);
            rehearsal_send(r, i);
        }
        result = collection_advance(r->collection, true, &moved);
        if (collection_phase(r->collection) == PHASE_END &&
            !collection_succeeded(r->collection))
            return result;
        for (uint32_t i = 0; result == ERR_OK && i < r->quorum.members; i++)
            result = rehearsal_receive(r, i);
    }
    r->ended = PHASE_END;
    return result;
}

bool rehearsal_sum_is_exact(const struct rehearsal *r, const enum phase *leaves)
{
    const uint64_t *sum = collection_sum(r->collection);
    uint64_t *expected = mem_new(r->dimension, sizeof *expected);
    for (uint32_t i = 0; i < r->quorum.members; i++)
        if (!leaves || leaves[i] > PHASE_MASK)
            fixedpoint_add_ring(expected, r->members[i].integers, r->dimension);
    bool exact = sum && memcmp(sum, expected, r->dimension * sizeof *expected) == 0;
    mem_free(expected);
    return exact;
}
