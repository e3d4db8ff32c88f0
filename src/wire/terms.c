#include "wire/terms.h"

#include <math.h>
#include <string.h>

#include "privacy/identity.h"
#include "privacy/noise.h"
#include "wire/envelope.h"

#define TAG_TERMS "gemel/terms/1"
#define TAG_PLAN "gemel/plan/1"

size_t terms_place(const struct keys *participants, const uint8_t key[KEY_BYTES])
{
    for (size_t low = 0, high = participants->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(key, participants->items + middle * KEY_BYTES, KEY_BYTES);
        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return participants->count;
}

bool terms_include(const struct keys *participants, const uint8_t key[KEY_BYTES])
{
    return terms_place(participants, key) < participants->count;
}

static enum err check_terms(const struct terms *terms)
{
    if (bytes_are_zero(terms->study, STUDY_BYTES))
        return err_set(ERR_RANGE, "terms: the study's number is all zeros");
    if (terms->noise_multipliers.count != terms->rounds)
        return err_set(ERR_RANGE, "terms: %zu noise multipliers for %u rounds",
                       terms->noise_multipliers.count, terms->rounds);
    if (terms->participants.count < terms->hospitals_min)
        return err_set(ERR_RANGE, "terms: %zu participants, at least %u are required",
                       terms->participants.count, terms->hospitals_min);
    if (terms->hospitals_min < terms->colluders + 2)
        return err_set(ERR_RANGE, "terms: sums of %u hospitals, %u of which may collude",
                       terms->hospitals_min, terms->colluders);
    return ERR_OK;
}

/* Sign an encoded object and take its hash under the same tag. */
static enum err seal(const struct identity *identity, const char *tag,
                     const struct bytes *object, struct bytes *bytes,
                     uint8_t hash[HASH_BYTES])
{
    if (envelope_sign(identity, tag, codec_view(object), bytes) != ERR_OK)
        return err_code();
    bytes_hash(tag, object->data, object->size, hash);
    return ERR_OK;
}

enum err terms_sign(const struct identity *coordinator, const struct terms *terms,
                    struct bytes *bytes, uint8_t hash[HASH_BYTES])
{
    struct bytes object = {0};
    enum err result = codec_encode_terms(terms, &object);
    if (result == ERR_OK)
        result = check_terms(terms);
    if (result == ERR_OK)
        result = seal(coordinator, TAG_TERMS, &object, bytes, hash);
    bytes_free(&object);
    return result;
}

enum err terms_open(struct view bytes, const uint8_t coordinator_key[KEY_BYTES],
                    struct arena *arena, struct terms *terms, uint8_t hash[HASH_BYTES])
{
    struct view object;
    struct terms fields;
    if (envelope_verify(coordinator_key, TAG_TERMS, bytes, arena, &object) != ERR_OK ||
        codec_decode_terms(object, arena, &fields) != ERR_OK ||
        check_terms(&fields) != ERR_OK)
        return err_code();
    bytes_hash(TAG_TERMS, object.data, object.size, hash);
    *terms = fields;
    return ERR_OK;
}

enum err plan_sign(const struct identity *coordinator, const struct plan *plan,
                   struct bytes *bytes, uint8_t hash[HASH_BYTES])
{
    struct bytes object = {0};
    enum err result = codec_encode_plan(plan, &object);
    if (result == ERR_OK)
        result = seal(coordinator, TAG_PLAN, &object, bytes, hash);
    bytes_free(&object);
    return result;
}

enum err plan_open(struct view bytes, const uint8_t coordinator_key[KEY_BYTES],
                   struct arena *arena, struct plan *plan, uint8_t hash[HASH_BYTES])
{
    struct view object;
    struct plan fields;
    if (envelope_verify(coordinator_key, TAG_PLAN, bytes, arena, &object) != ERR_OK ||
        codec_decode_plan(object, arena, &fields) != ERR_OK)
        return err_code();
    bytes_hash(TAG_PLAN, object.data, object.size, hash);
    *plan = fields;
    return ERR_OK;
}

struct quorum plan_quorum(const struct plan *plan)
{
    return (struct quorum){
        .members = (uint32_t)plan->participants.count,
        .colluders = plan->colluders,
        .quorum = plan->quorum,
        .threshold = plan->threshold,
        .survivors = plan->survivors,
        .degree = plan->degree,
    };
}

static enum reason refuse(enum reason reason, const char *detail)
{
    reason_set(reason);
    err_wrap("%s", detail);
    return reason;
}

uint32_t plan_shares(const struct plan *plan)
{
    return plan->survivors > plan->colluders ? plan->survivors - plan->colluders : 0;
}

double plan_local_multiplier(const struct plan *plan)
{
    return ldexp(1, (int)plan->noise_log2) / (double)plan->norm_max;
}

/* Whether the noises of the honest survivors, 2^log2 integer steps each, are together the
 * multiplier times what one patient can move. fma rounds once, so that the sign is exact;
 * a norm that no double holds is above 2^53, too large for any permitted multiplier (>=
 * 1e-3) and noise (<= 2^40, at most 32 times that together) however it is rounded. */
static bool noise_covers(const struct plan *plan)
{
    double noise = ldexp(noise_pooled(plan_shares(plan)), (int)plan->noise_log2);
    return fma((double)plan->norm_max, plan->noise_multiplier, -noise) <= 0;
}

/* As strong as the terms, and as sound as any plan has to be. */
static enum reason check_quorum(const struct plan *plan, const struct terms *terms)
{
    const struct quorum quorum = plan_quorum(plan);
    bool sparse = plan->degree < plan->participants.count - 1;
    if (plan->survivors < terms->hospitals_min)
        return refuse(REASON_WRONG_TERMS, "plan: fewer survivors than hospitals_min");
    if (plan->colluders < terms->colluders)
        return refuse(REASON_WRONG_TERMS, "plan: colluders");
    if (quorum_check(&quorum) != ERR_OK) {
        err_wrap("%s", reason_sentence(REASON_WEAK_PLAN));
        return REASON_WEAK_PLAN;
    }
    if (plan->commitments.size != (sparse ? plan->participants.count * HASH_BYTES : 0))
        return refuse(REASON_WEAK_PLAN, "plan: commitments");
    return REASON_NONE;
}

/* The plan's numbers must be the terms', or on the safer side of them. */
static enum reason check_numbers(const struct plan *plan, const struct terms *terms)
{
    if (plan->dimension != terms->dimension)
        return refuse(REASON_WRONG_LENGTH, "plan: dimension");
    if (plan->norm_max > terms->norm_max)
        return refuse(REASON_WRONG_TERMS, "plan: norm_max");
    if (plan->noise_multiplier < terms->noise_multipliers.items[plan->round - 1])
        return refuse(REASON_WRONG_TERMS, "plan: noise_multiplier");
    if (plan->noise_log2 < terms->noise_log2)
        return refuse(REASON_WRONG_TERMS, "plan: noise_log2");
    if (!noise_covers(plan))
        return refuse(REASON_WRONG_TERMS, "plan: norm_max is too large for the noise");
    return REASON_NONE;
}

static enum reason check_participants(const struct plan *plan,
                                      const struct plan_context *context)
{
    const struct terms *terms = context->terms;
    for (size_t i = 0; i < plan->participants.count; i++) {
        const uint8_t *key = plan->participants.items + i * KEY_BYTES;
        if (!terms_include(&terms->participants, key))
            return refuse(REASON_WRONG_TERMS, "plan: participants");
        const struct member *member = roster_by_key(context->roster, key);
        if (!member)
            return refuse(REASON_NOT_IN_ROSTER, "plan: participants");
        if (!roster_valid(member, context->now))
            return refuse(REASON_EXPIRED, "plan: participants");
    }
    if (context->own_key && !terms_include(&plan->participants, context->own_key))
        return refuse(REASON_NOT_PARTICIPANT, "plan: participants");
    return REASON_NONE;
}

static enum reason check_chain(const struct plan *plan,
                               const struct plan_context *context)
{
    if (plan->round != context->chain_length + 1)
        return refuse(REASON_WRONG_ROUND, "plan: round does not continue the chain");
    if (memcmp(plan->chain_head, context->chain_head, HASH_BYTES) != 0)
        return refuse(REASON_WRONG_CHAIN, "plan: chain_head");
    return REASON_NONE;
}

enum reason plan_check(const struct plan *plan, const struct plan_context *context)
{
    const struct terms *terms = context->terms;
    if (memcmp(plan->study, terms->study, STUDY_BYTES) != 0)
        return refuse(REASON_UNKNOWN_STUDY, "plan: study");
    if (memcmp(plan->terms, context->terms_hash, HASH_BYTES) != 0)
        return refuse(REASON_WRONG_TERMS, "plan: terms");
    if (memcmp(terms->consortium, roster_consortium(context->roster), HASH_BYTES) != 0)
        return refuse(REASON_WRONG_CONSORTIUM, "terms: consortium");
    if (memcmp(plan->roster, roster_hash(context->roster), HASH_BYTES) != 0)
        return refuse(REASON_STALE_ROSTER, "plan: roster");
    if (plan->round > terms->rounds)
        return refuse(REASON_WRONG_ROUND, "plan: round is not one of the study's");
    if (plan->round < context->last_round)
        return refuse(REASON_WRONG_ROUND, "plan: round");
    if (plan->round == context->last_round && plan->attempt <= context->last_attempt)
        return refuse(REASON_STALE_ATTEMPT, "plan: attempt");
    if (context->now >= plan->deadline)
        return refuse(REASON_LATE, "plan: deadline");
    enum reason reason = check_chain(plan, context);
    if (reason == REASON_NONE)
        reason = check_participants(plan, context);
    if (reason == REASON_NONE)
        reason = check_quorum(plan, terms);
    if (reason == REASON_NONE)
        reason = check_numbers(plan, terms);
    return reason;
}

enum reason plan_concerns(const struct plan *plan, const struct envelope *envelope)
{
    if (memcmp(envelope->study, plan->study, STUDY_BYTES) != 0)
        return refuse(REASON_UNKNOWN_STUDY, "message: study");
    if (!terms_include(&plan->participants, envelope->sender))
        return refuse(REASON_NOT_PARTICIPANT, "message: sender");
    if (envelope->round != plan->round)
        return refuse(REASON_WRONG_ROUND, "message: round");
    if (envelope->attempt != plan->attempt)
        return refuse(REASON_STALE_ATTEMPT, "message: attempt");
    return REASON_NONE;
}
