#include "bench/partners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "privacy/fixedpoint.h"
#include "privacy/identity.h"
#include "privacy/mask.h"
#include "privacy/noise.h"
#include "wire/terms.h"

static const uint8_t seed[RANDOM_SEED_BYTES] = "partners";

void bench_must(enum err result)
{
    if (result == ERR_OK)
        return;
    fprintf(stderr, "error: %s\n", err_text());
    exit(1);
}

/* --- who they are
 * ---------------------------------------------------------------------------- */

static struct identity *draw_identity(struct random *random)
{
    uint8_t secret[IDENTITY_SECRET_BYTES];
    struct identity *identity;
    random_fill(random, secret, sizeof secret);
    bench_must(identity_read(secret, &identity));
    return identity;
}

static int partner_order(const void *a, const void *b)
{
    const struct partner *one = a, *other = b;
    return memcmp(one->key, other->key, KEY_BYTES);
}

void partners_new(const struct quorum *quorum, struct partners **partners)
{
    struct partners *p = mem_new(1, sizeof *p);
    p->quorum = *quorum;
    p->random = random_new_seeded(seed);
    p->coordinator = draw_identity(p->random);
    identity_public(p->coordinator, p->coordinator_key);
    p->all = mem_new(quorum->members, sizeof *p->all);
    p->keys = mem_new(quorum->members, KEY_BYTES);
    for (uint32_t i = 0; i < quorum->members; i++) {
        struct partner *partner = &p->all[i];
        partner->identity = draw_identity(p->random);
        identity_public(partner->identity, partner->key);
        random_fill(p->random, partner->graph_seed, HASH_BYTES);
        pairkey_draw(p->random, &partner->keys);
    }
    qsort(p->all, quorum->members, sizeof *p->all, partner_order);
    for (uint32_t i = 0; i < quorum->members; i++)
        memcpy(p->keys + i * KEY_BYTES, p->all[i].key, KEY_BYTES);
    *partners = p;
}

void partners_destroy(struct partners **partners)
{
    struct partners *p = *partners;
    for (uint32_t i = 0; i < p->quorum.members; i++) {
        struct partner *partner = &p->all[i];
        identity_destroy(&partner->identity);
        bytes_free(&partner->advert);
        bytes_free(&partner->input);
        bytes_free(&partner->confirm);
        mem_free(partner->self_shares);
        mem_free(partner->mask_shares);
    }
    identity_destroy(&p->coordinator);
    random_destroy(&p->random);
    graph_destroy(&p->graph);
    bytes_free(&p->signed_plan);
    mem_free(p->all);
    mem_free(p->keys);
    mem_free(p->expected);
    mem_free(p);
    *partners = NULL;
}

/* --- the plan and the adverts
 * ------------------------------------------------------------------ */

static void sign_plan(struct partners *p)
{
    size_t n = p->quorum.members;
    uint8_t *commitments = mem_new(n, HASH_BYTES);
    struct plan plan = {
        .study = {1},
        .round = 1,
        .attempt = 1,
        .dimension = p->dimension,
        .step = 0x1p-20,
        .norm_max = 1,
        .noise_multiplier = 1,
        .noise_log2 = NOISE_LOG2,
        .deadline = WIRE_TIME_MAX,
        .participants = {p->keys, n},
        .colluders = p->quorum.colluders,
        .quorum = p->quorum.quorum,
        .threshold = p->quorum.threshold,
        .survivors = p->quorum.survivors,
        .degree = p->quorum.degree,
        .commitments = {commitments, p->quorum.degree < n - 1 ? n * HASH_BYTES : 0},
    };
    for (size_t i = 0; i < n; i++)
        phase_seed_commitment(plan.study, p->all[i].key, p->all[i].graph_seed,
                              commitments + i * HASH_BYTES);
    bytes_free(&p->signed_plan);
    bench_must(plan_sign(p->coordinator, &plan, &p->signed_plan, p->context));
    mem_free(commitments);
}

static void sign_advert(const struct partners *p, struct partner *partner)
{
    struct advert advert = {0};
    memcpy(advert.plan, p->context, HASH_BYTES);
    memcpy(advert.member, partner->key, KEY_BYTES);
    memcpy(advert.mask_key, partner->keys.mask_key, KEY_BYTES);
    memcpy(advert.seal_key, partner->keys.seal_key, KEY_BYTES);
    if (p->quorum.degree < p->quorum.members - 1)
        memcpy(advert.seed, partner->graph_seed, HASH_BYTES);
    pairkey_commit(p->context, partner->key, partner->keys.self_scalar,
                   advert.commitment);
    partner->advert.size = 0;
    bench_must(phase_sign_advert(partner->identity, &advert, &partner->advert));
}

void partners_plan(struct partners *p, uint32_t dimension, size_t dropped)
{
    size_t n = p->quorum.members;
    p->dimension = dimension;
    mem_free(p->expected);
    p->expected = mem_new(dimension, sizeof *p->expected);
    sign_plan(p);
    for (size_t i = 0; i < n; i++) {
        p->all[i].dropped = dropped && i % (n / dropped) == n / dropped - 1 &&
                            i / (n / dropped) < dropped;
        sign_advert(p, &p->all[i]);
    }
}

static struct views list(const struct partners *p, size_t offset, bool survivors)
{
    struct view *views = mem_new(p->quorum.members, sizeof *views);
    size_t count = 0;
    for (uint32_t i = 0; i < p->quorum.members; i++)
        if (!survivors || !p->all[i].dropped)
            views[count++] = codec_view(
                (const struct bytes *)(const void *)((const char *)&p->all[i] + offset));
    return (struct views){views, count};
}

static void list_free(const struct views *views)
{
    mem_free((struct view *)(uintptr_t)views->items);
}

void partners_bind(struct partners *p)
{
    uint32_t n = p->quorum.members;
    uint8_t graph_seed[HASH_BYTES];
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    struct advert *adverts = mem_new(n, sizeof *adverts);
    for (uint32_t i = 0; i < n; i++)
        bench_must(phase_read_advert(codec_view(&p->all[i].advert), arena, &adverts[i]));
    phase_graph_seed(p->context, adverts, n, graph_seed);
    graph_destroy(&p->graph);
    bench_must(graph_new(n, p->quorum.degree, graph_seed, &p->graph));
    struct views views = list(p, offsetof(struct partner, advert), false);
    phase_bundle_hash(&views, p->bundle);
    phase_dealers_hash(p->context, p->bundle, &(struct keys){p->keys, n}, p->dealers);
    list_free(&views);
    mem_free(adverts);
    arena_destroy(&arena);
}

/* --- shares
 * --------------------------------------------------------------------------------- */

/* The graph is another one in every attempt if it is sparse: then they are dealt anew. */
static void split(struct partners *p, uint32_t of, const uint8_t *secret,
                  uint8_t (**shares)[SCALAR_BYTES])
{
    size_t count;
    const uint32_t *neighbours = graph_neighbours(p->graph, of, &count);
    uint16_t points[QUORUM_MEMBERS_MAX];
    bool complete = count == p->quorum.members - 1;
    if (*shares && complete)
        return;
    for (size_t i = 0; i < count; i++)
        points[i] = (uint16_t)(neighbours[i] + 1);
    points[count] = (uint16_t)(of + 1);
    if (!*shares)
        *shares = mem_new(count + 1, sizeof **shares);
    bench_must(
        share_split(secret, p->quorum.threshold, points, count + 1, p->random, *shares));
}

void partners_deal(struct partners *p)
{
    for (uint32_t i = 0; i < p->quorum.members; i++) {
        struct partner *partner = &p->all[i];
        if (partner->dropped)
            split(p, i, partner->keys.mask_scalar, &partner->mask_shares);
        else
            split(p, i, partner->keys.self_scalar, &partner->self_shares);
    }
}

static const uint8_t *share_of(const struct partners *p, uint32_t of, uint32_t holder)
{
    size_t low = 0, high, count;
    const uint32_t *neighbours = graph_neighbours(p->graph, of, &count);
    const struct partner *partner = &p->all[of];
    uint8_t(*shares)[SCALAR_BYTES] =
        partner->dropped ? partner->mask_shares : partner->self_shares;
    for (high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (neighbours[middle] < holder)
            low = middle + 1;
        else
            high = middle;
    }
    return shares[of == holder ? count : low];
}

/* --- messages to a node
 * ---------------------------------------------------------------------------- */

struct pairkey_place partners_place(const struct partners *p, uint32_t own, uint32_t peer)
{
    return (struct pairkey_place){p->context, p->bundle, p->all[own].key,
                                  p->all[peer].key};
}

void partners_write_bundle(struct partners *p, struct bytes *body)
{
    struct bundle bundle = {list(p, offsetof(struct partner, advert), false)};
    bench_must(codec_encode_bundle(&bundle, body));
    list_free(&bundle.adverts);
}

/* Any shares do for one receiver, who cannot tell. */
void partners_write_delivery(struct partners *p, uint32_t member, struct bytes *body)
{
    size_t count;
    const uint32_t *neighbours = graph_neighbours(p->graph, member, &count);
    struct advert advert;
    uint8_t agreed[PAIRKEY_BYTES];
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    uint8_t(*sealed)[PAIRKEY_PARCEL_BYTES] = mem_new(count, sizeof *sealed);
    struct view *views = mem_new(count, sizeof *views);
    bench_must(phase_read_advert(codec_view(&p->all[member].advert), arena, &advert));
    for (size_t i = 0; i < count; i++) {
        static const uint8_t note[PAIRKEY_NOTE_BYTES];
        struct pairkey_parcel parcel = {.point = (uint16_t)(member + 1)};
        struct pairkey_place place = partners_place(p, neighbours[i], member);
        scalar_draw(p->random, parcel.mask_share);
        scalar_draw(p->random, parcel.self_share);
        bench_must(pairkey_agree(&p->all[neighbours[i]].keys, advert.seal_key, agreed));
        pairkey_seal(&place, &p->all[neighbours[i]].keys, advert.seal_key, agreed,
                     &parcel, note, p->random, sealed[i]);
        views[i] = (struct view){sealed[i], PAIRKEY_PARCEL_BYTES};
    }
    struct delivery delivery = {{p->keys, p->quorum.members}, {views, count}};
    bench_must(codec_encode_delivery(&delivery, body));
    mem_free(sealed);
    mem_free(views);
    arena_destroy(&arena);
}

void partners_sign_input(struct partners *p, uint32_t member,
                         const uint8_t vector_hash[HASH_BYTES])
{
    struct input input = {0};
    struct partner *partner = &p->all[member];
    memcpy(input.plan, p->context, HASH_BYTES);
    memcpy(input.member, partner->key, KEY_BYTES);
    memcpy(input.bundle, p->bundle, HASH_BYTES);
    memcpy(input.dealers, p->dealers, HASH_BYTES);
    memcpy(input.vector_hash, vector_hash, HASH_BYTES);
    partner->input.size = 0;
    bench_must(phase_sign_input(partner->identity, &input, &partner->input));
}

void partners_bind_survivors(struct partners *p)
{
    struct arena *arena = codec_arena(WIRE_FRAME_MAX);
    struct input *inputs = mem_new(p->quorum.members, sizeof *inputs);
    size_t count = 0;
    for (uint32_t i = 0; i < p->quorum.members; i++)
        if (!p->all[i].dropped)
            bench_must(
                phase_read_input(codec_view(&p->all[i].input), arena, &inputs[count++]));
    phase_survivors_hash(p->context, p->bundle, p->dealers, inputs, count, p->survivors);
    mem_free(inputs);
    arena_destroy(&arena);
}

void partners_write_survivors(struct partners *p, struct bytes *body)
{
    struct survivors survivors = {list(p, offsetof(struct partner, input), true)};
    bench_must(codec_encode_survivors(&survivors, body));
    list_free(&survivors.inputs);
}

void partners_sign_confirm(struct partners *p, uint32_t member)
{
    struct confirm confirm;
    struct partner *partner = &p->all[member];
    memcpy(confirm.plan, p->context, HASH_BYTES);
    memcpy(confirm.member, partner->key, KEY_BYTES);
    memcpy(confirm.bundle, p->bundle, HASH_BYTES);
    memcpy(confirm.dealers, p->dealers, HASH_BYTES);
    memcpy(confirm.survivors, p->survivors, HASH_BYTES);
    partner->confirm.size = 0;
    bench_must(phase_sign_confirm(partner->identity, &confirm, &partner->confirm));
}

void partners_write_confirms(struct partners *p, struct bytes *body)
{
    struct confirms confirms = {list(p, offsetof(struct partner, confirm), true)};
    confirms.confirms.count = p->quorum.quorum;
    bench_must(codec_encode_confirms(&confirms, body));
    list_free(&confirms.confirms);
}

/* --- messages to the coordinator
 * ------------------------------------------------------------------- */

void partners_write_shares(struct partners *p, uint32_t member, struct bytes *body)
{
    size_t count;
    struct dealing dealing;
    struct bytes signed_dealing = {0};
    graph_neighbours(p->graph, member, &count);
    uint8_t(*parcels)[PAIRKEY_PARCEL_BYTES] = mem_new(count, sizeof *parcels);
    struct view *views = mem_new(count, sizeof *views);
    random_fill(p->random, parcels, count * sizeof *parcels);
    for (size_t i = 0; i < count; i++)
        views[i] = (struct view){parcels[i], PAIRKEY_PARCEL_BYTES};
    struct shares shares = {.parcels = {views, count}};
    memcpy(dealing.plan, p->context, HASH_BYTES);
    memcpy(dealing.member, p->all[member].key, KEY_BYTES);
    memcpy(dealing.bundle, p->bundle, HASH_BYTES);
    phase_parcels_hash(&shares.parcels, dealing.parcels_hash);
    bench_must(phase_sign_dealing(p->all[member].identity, &dealing, &signed_dealing));
    shares.dealing = codec_view(&signed_dealing);
    bench_must(codec_encode_shares(&shares, body));
    bytes_free(&signed_dealing);
    mem_free(parcels);
    mem_free(views);
}

void partners_mask(struct partners *p, uint32_t member, uint64_t *vector, size_t count)
{
    struct partner *own = &p->all[member];
    struct pairkey_place place = partners_place(p, member, member);
    uint8_t mask_seed[PAIRKEY_SEED_BYTES];
    size_t degree;
    const uint32_t *neighbours = graph_neighbours(p->graph, member, &degree);
    pairkey_self_seed(&place, own->keys.self_scalar, mask_seed);
    mask_add(mask_seed, vector, count);
    for (size_t i = 0; i < degree; i++) {
        const struct partner *peer = &p->all[neighbours[i]];
        if (!peer->dropped)
            continue;
        place = partners_place(p, member, neighbours[i]);
        bench_must(pairkey_pair_seed(&place, own->keys.mask_secret, own->keys.mask_key,
                                     peer->keys.mask_key, mask_seed));
        if (member < neighbours[i])
            mask_add(mask_seed, vector, count);
        else
            mask_subtract(mask_seed, vector, count);
    }
}

void partners_write_input(struct partners *p, uint32_t member, struct bytes *body)
{
    uint64_t *vector = mem_new(p->dimension, sizeof *vector);
    uint8_t hash[HASH_BYTES];
    for (uint32_t j = 0; j < p->dimension; j++)
        vector[j] = random_u64(p->random);
    fixedpoint_add_ring(p->expected, vector, p->dimension);
    partners_mask(p, member, vector, p->dimension);
    struct masked_input masked = {.vector = {vector, p->dimension}};
    phase_vector_hash(&masked.vector, hash);
    partners_sign_input(p, member, hash);
    masked.input = codec_view(&p->all[member].input);
    bench_must(codec_encode_masked_input(&masked, body));
    mem_free(vector);
}

void partners_write_unmask(struct partners *p, uint32_t member, struct bytes *body)
{
    size_t survived = 0, dropped = 0;
    struct view *self_shares = mem_new(p->quorum.members, sizeof *self_shares);
    struct view *mask_shares = mem_new(p->quorum.members, sizeof *mask_shares);
    for (uint32_t j = 0; j < p->quorum.members; j++) {
        if (j != member && !graph_adjacent(p->graph, member, j))
            continue;
        struct view share = {share_of(p, j, member), SCALAR_BYTES};
        if (p->all[j].dropped)
            mask_shares[dropped++] = share;
        else
            self_shares[survived++] = share;
    }
    struct unmask unmask = {.self_shares = {self_shares, survived},
                            .mask_shares = {mask_shares, dropped}};
    memcpy(unmask.plan, p->context, HASH_BYTES);
    memcpy(unmask.survivors, p->survivors, HASH_BYTES);
    bench_must(codec_encode_unmask(&unmask, body));
    mem_free(self_shares);
    mem_free(mask_shares);
}
