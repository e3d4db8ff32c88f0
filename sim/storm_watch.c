#include "sim/storm_impl.h"

#include <stdio.h>
#include <string.h>

#include "privacy/fixedpoint.h"

void storm_fail(struct storm *s, const char *what)
{
    if (!*s->result->failure)
        snprintf(s->result->failure, sizeof s->result->failure, "%s", what);
}

struct keys storm_keys_of(const struct storm_summed *summed)
{
    return (struct keys){summed->keys, summed->count};
}

struct storm_summed storm_summed_of(uint8_t study, uint64_t round,
                                    const struct bytes *keys)
{
    struct storm_summed summed = {study, round, keys->size / KEY_BYTES, {0}};
    memcpy(summed.keys, keys->data, keys->size);
    return summed;
}

bool storm_same_round(const struct storm_summed *a, const struct storm_summed *b)
{
    return a->study == b->study && a->round == b->round && a->count && b->count;
}

size_t storm_difference(const struct storm_summed *a, const struct storm_summed *b)
{
    const struct keys ours = storm_keys_of(a), theirs = storm_keys_of(b);
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++)
        count += !terms_include(&theirs, a->keys + i * KEY_BYTES);
    for (size_t i = 0; i < b->count; i++)
        count += !terms_include(&ours, b->keys + i * KEY_BYTES);
    return count;
}

size_t storm_serial_of(const struct storm *s, const struct bytes *plan)
{
    uint8_t hash[HASH_BYTES];
    size_t serial = s->plan_count - 1;
    bytes_hash("plan", plan->data, plan->size, hash);
    while (serial > 0 && memcmp(s->plans[serial].hash, hash, HASH_BYTES) != 0)
        serial--;
    return serial;
}

/* P3: one-time keys are of one life, and nobody masks the same twice. */
static void see_new(struct storm *s, struct storm_life *mine, enum phase phase,
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
static void see_paid(struct storm *s, const struct storm_node *node)
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
    struct storm_plan_seen *plan = &s->plans[serial];
    HOLDS(s, !plan->confirmed || memcmp(plan->survivors, survivors, HASH_BYTES) == 0,
          "P7: two sets of survivors of one attempt");
    plan->confirmed = true;
    memcpy(plan->survivors, survivors, HASH_BYTES);
}

static void see_summed(struct storm_plan_seen *plan, const struct attempt *attempt)
{
    struct bytes keys = {0};
    attempt_survivor_keys(attempt, &keys);
    plan->summed = storm_summed_of(attempt_plan(attempt)->study[0],
                                   attempt_plan(attempt)->round, &keys);
    bytes_free(&keys);
}

void storm_see(struct storm *s, const struct storm_node *node, enum phase phase,
               uint32_t kind, struct view body)
{
    struct storm_life *life = &s->lives[node->life];
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

/* P5, of two sums together: what is left when one is taken from the other. */
static void see_apart(struct storm *s, const struct storm_plan_seen *plan)
{
    for (size_t i = 0; i < s->plan_count; i++) {
        const struct storm_plan_seen *other = &s->plans[i];
        if (!other->out || !storm_same_round(&plan->summed, &other->summed))
            continue;
        size_t apart = storm_difference(&plan->summed, &other->summed);
        HOLDS(s, apart == 0 || apart >= COLLUDERS + QUORUM_HONEST_MIN,
              "P5: two sums of a round are out that differ by a few");
    }
}

/* P4, P5: over all that was ever said. */
void storm_look_at_spoils(struct storm *s)
{
    for (size_t i = 0; i < s->plan_count; i++) {
        struct storm_plan_seen *plan = &s->plans[i];
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

/* P2, P5: every survivor's integers are in the sum, once, and nothing else is. */
void storm_see_sum(struct storm *s)
{
    const struct collection *c = s->collection;
    const struct plan *plan = collection_plan(c);
    uint64_t sum[DIMENSION] = {0};
    size_t survivors = 0;
    for (size_t k = 0; k < s->disk.count; k++) {
        const struct storm_kept *kept = &s->disk.kept[k];
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
    see_survivors(s, storm_serial_of(s, &s->disk.plan), collection_survivors(c));
    HOLDS(s, memcmp(sum, collection_sum(c), sizeof sum) == 0,
          "P2: the sum is not that of the survivors");
    HOLDS(s, survivors >= plan->survivors && survivors == collection_survivor_count(c),
          "P5: a sum of too few");
    HOLDS(s, s->disk.count <= (plan->participants.count + 1) * PHASE_END,
          "P12: more was kept than there can be messages");
}
