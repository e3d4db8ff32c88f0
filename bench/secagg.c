/* bench/secagg - how fast secure aggregation is, and the machine's limits beside it.
 *
 *   build/bench/secagg [--json]
 *
 * Every figure is the best of RUNS. "rows" are whole attempts; without the protocol's
 * core there are none to run, and the list is empty. The keystream of libsodium alone is
 * the limit of what masking can reach. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/memory.h"
#include "privacy/mask.h"
#include "privacy/noise.h"
#include "privacy/pairkey.h"
#include "privacy/random.h"

#define RUNS 15
#define WORDS ((size_t)1 << 20)
#define DRAWS 200000
#define MEMBERS 1000
#define THRESHOLD 501
#define PAIRS 200

static const uint8_t seed[RANDOM_SEED_BYTES] = "bench";

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct work {
    struct random *random;
    uint64_t *words;
    int64_t *noise;
    uint8_t secret[SCALAR_BYTES];
    uint16_t points[MEMBERS];
    uint8_t shares[MEMBERS][SCALAR_BYTES];
    struct share_basis *basis;
    struct pairkey keys[2];
    uint8_t members[2][PAIRKEY_BYTES];
    uint8_t hash[HASH_BYTES];
};

static void keystreams(struct work *work)
{
    const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};
    crypto_stream_chacha20_ietf((uint8_t *)work->words, WORDS * sizeof *work->words,
                                nonce, seed);
}

static void masks(struct work *work)
{
    mask_add(seed, work->words, WORDS);
}

static void draws(struct work *work)
{
    if (noise_fill(work->random, NOISE_LOG2, DRAWS, work->noise))
        abort();
}

static void splits(struct work *work)
{
    if (share_split(work->secret, THRESHOLD, work->points, MEMBERS, work->random,
                    work->shares))
        abort();
}

static void bases(struct work *work)
{
    share_basis_free(&work->basis);
    if (share_basis_new(work->points, MEMBERS, &work->basis))
        abort();
}

static void joins(struct work *work)
{
    uint8_t secret[SCALAR_BYTES];
    if (share_join(work->basis, (const uint8_t(*)[SCALAR_BYTES])work->shares, secret) ||
        memcmp(secret, work->secret, sizeof secret) != 0)
        abort();
}

static struct pairkey_place place_of(const struct work *work)
{
    return (struct pairkey_place){work->hash, work->hash, work->members[0],
                                  work->members[1]};
}

static void pair_seeds(struct work *work)
{
    struct pairkey_place place = place_of(work);
    uint8_t pair_seed[PAIRKEY_SEED_BYTES];
    for (int i = 0; i < PAIRS; i++)
        if (pairkey_pair_seed(&place, work->keys[0].mask_secret, work->keys[0].mask_key,
                              work->keys[1].mask_key, pair_seed))
            abort();
}

static void parcels(struct work *work)
{
    struct pairkey_place place = place_of(work);
    struct pairkey_parcel parcel = {.point = 2};
    uint8_t sealed[PAIRKEY_PARCEL_BYTES];
    for (int i = 0; i < PAIRS; i++)
        if (pairkey_seal(&place, &work->keys[0], work->keys[1].seal_key, &parcel,
                         work->random, sealed))
            abort();
}

static double best(void (*run)(struct work *), struct work *work)
{
    double least = INFINITY;
    for (int i = 0; i < RUNS; i++) {
        double start = seconds();
        run(work);
        least = fmin(least, seconds() - start);
    }
    return least;
}

int main(int count, char **arguments)
{
    int json = count == 2 && strcmp(arguments[1], "--json") == 0;
    if (count > 1 && !json) {
        fprintf(stderr, "usage: secagg [--json]\n");
        return 2;
    }
    struct work *work = mem_new(1, sizeof *work);
    work->random = random_new_seeded(seed);
    work->words = mem_new(WORDS, sizeof *work->words);
    work->noise = mem_new(DRAWS, sizeof *work->noise);
    scalar_draw(work->random, work->secret);
    for (size_t i = 0; i < MEMBERS; i++)
        work->points[i] = (uint16_t)(i + 1);
    for (size_t i = 0; i < 2; i++) {
        pairkey_draw(work->random, &work->keys[i]);
        random_fill(work->random, work->members[i], PAIRKEY_BYTES);
    }
    double gigabytes = (double)(WORDS * sizeof *work->words) * 1e-9;
    double chacha20 = gigabytes / best(keystreams, work);
    double mask = gigabytes / best(masks, work);
    double noise = DRAWS / best(draws, work);
    double split = 1e3 * best(splits, work), basis = 1e3 * best(bases, work),
           join = 1e3 * best(joins, work);
    double pairs = PAIRS / best(pair_seeds, work), sealed = PAIRS / best(parcels, work);
    printf(json ? "{\"rows\": [], \"chacha20_gb_per_s\": %.3f, \"mask_gb_per_s\": %.3f, "
                  "\"noise_per_second\": %.0f, \"split_ms\": %.3f, \"basis_ms\": %.3f, "
                  "\"join_ms\": %.3f, \"pair_seeds_per_second\": %.0f, "
                  "\"parcels_per_second\": %.0f}\n"
                : "ChaCha20 keystream, alone       %9.2f GB/s\n"
                  "keystream added to a vector     %9.2f GB/s\n"
                  "noise draws, k = 20             %9.0f /s\n"
                  "a secret to 1,000 members, any 501 of which have it:\n"
                  "  split                         %9.2f ms\n"
                  "  basis, for all secrets        %9.2f ms\n"
                  "  joined                        %9.2f ms\n"
                  "pairs' seeds                    %9.0f /s\n"
                  "parcels sealed                  %9.0f /s\n",
           chacha20, mask, noise, split, basis, join, pairs, sealed);
    share_basis_free(&work->basis);
    random_destroy(&work->random);
    mem_free(work->words);
    mem_free(work->noise);
    mem_free(work);
    return 0;
}
