/* bench/privacy - how fast the privacy floor is, and beside what a reader would write
 * instead.
 *
 *   build/bench/privacy [--json]
 *
 * Every figure is the best of RUNS. The peers run in the same process on the same random
 * stream: Canonne, Kamath and Steinke's sampler with general rational probabilities in
 * 128-bit integers, as their reference implementation has it in Python; and clipping in
 * floating point, which is short and proves nothing. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "privacy/clip.h"
#include "privacy/ledger.h"
#include "privacy/noise.h"

#define RUNS 5
#define DRAWS 200000
#define VECTORS 2000
#define DIM 100
#define PATIENTS 7000
#define RELEASES 10

static const uint8_t seed[RANDOM_SEED_BYTES] = "bench";

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* --- the peer sampler
 * -------------------------------------------------------------------- */

typedef unsigned __int128 wide;

static wide uniform(struct random *random, wide n)
{
    uint64_t high = (uint64_t)((n - 1) >> 64), low = (uint64_t)(n - 1);
    unsigned bits = high  ? 128 - (unsigned)__builtin_clzll(high)
                    : low ? 64 - (unsigned)__builtin_clzll(low)
                          : 0;
    for (;;) {
        wide draw = bits > 64 ? (wide)random_bits(random, bits - 64) << 64 : 0;
        draw |= random_bits(random, bits > 64 ? 64 : bits);
        if (draw < n)
            return draw;
    }
}

/* exp(-numerator / denominator). */
static int bernoulli_exp(struct random *random, wide numerator, wide denominator)
{
    for (; numerator > denominator; numerator -= denominator)
        if (!bernoulli_exp(random, denominator, denominator))
            return 0;
    unsigned trials = 1;
    while (uniform(random, denominator * trials) < numerator)
        trials++;
    return trials % 2 == 1;
}

static int64_t peer_draw(struct random *random, uint64_t variance, uint64_t scale)
{
    for (;;) {
        wide low = uniform(random, scale), scales = 0;
        if (!bernoulli_exp(random, low, scale))
            continue;
        while (bernoulli_exp(random, 1, 1))
            scales++;
        wide size = low + scales * scale;
        int negative = uniform(random, 2) == 1;
        if (negative && size == 0)
            continue;
        wide product = size * scale;
        wide off = product > variance ? product - variance : variance - product;
        if (bernoulli_exp(random, off * off, (wide)2 * variance * scale * scale))
            return negative ? -(int64_t)size : (int64_t)size;
    }
}

/* --- what is measured
 * -------------------------------------------------------------------- */

struct work {
    struct random *random;
    int64_t *integers;
    double *vectors;
    volatile int64_t sink;
};

static void draws(struct work *work)
{
    if (noise_fill(work->random, NOISE_LOG2, DRAWS, work->integers))
        abort();
}

static void peer_draws(struct work *work)
{
    for (size_t i = 0; i < DRAWS / 10; i++)
        work->sink = peer_draw(work->random, (uint64_t)1 << 40, ((uint64_t)1 << 20) + 1);
}

static void clips(struct work *work, uint64_t norm_max)
{
    for (size_t i = 0; i < VECTORS; i++)
        if (clip_quantise(work->vectors + i * DIM, DIM, 0x1p-20, norm_max, 0.1,
                          work->integers))
            abort();
}

static void clips_within(struct work *work)
{
    clips(work, (uint64_t)1 << 26);
}

static void clips_scaled(struct work *work)
{
    clips(work, (uint64_t)1 << 18);
}

static void peer_clips(struct work *work)
{
    for (size_t i = 0; i < VECTORS; i++) {
        const double *vector = work->vectors + i * DIM;
        double squares = 0;
        for (size_t j = 0; j < DIM; j++)
            squares += vector[j] * vector[j];
        double factor = fmin(1, 0.25 / sqrt(squares)) * 0x1p20;
        for (size_t j = 0; j < DIM; j++)
            work->integers[j] = llrint(vector[j] * factor);
        work->sink = work->integers[i % DIM];
    }
}

static void epsilons(struct work *work)
{
    double epsilon = 0;
    for (int i = 1; i <= 100; i++)
        if (accountant_epsilon(i * 0.02, 1e-6, &epsilon))
            abort();
    work->sink = (int64_t)epsilon;
}

static double rate(void (*run)(struct work *), struct work *work, double units)
{
    double best = INFINITY;
    for (int i = 0; i < RUNS; i++) {
        double start = seconds();
        run(work);
        best = fmin(best, seconds() - start);
    }
    return units / best;
}

/* A ledger of PATIENTS x RELEASES in a fresh store: milliseconds a charge, and to read
 * and check it whole. */
static enum err ledger_times(double *charge_ms, double *open_ms)
{
    static const char *const steps[] = {LEDGER_SCHEMA, LEDGER_SCHEMA_REANCHORS};
    static const struct store_schema schema = {"gemel-bench", steps, 2};
    static uint8_t pseudonyms[PATIENTS][LEDGER_PSEUDONYM_BYTES];
    const uint8_t key[STORE_KEY_BYTES] = {1};
    char folder[] = "/tmp/gemel-bench-XXXXXX";
    if (!mkdtemp(folder))
        return err_set(ERR_STORAGE, "no directory under /tmp");
    char *path = mem_format("%s/store", folder);
    struct store *store = NULL;
    struct ledger *ledger = NULL;
    struct random *random = random_new_seeded(seed);
    for (size_t i = 0; i < PATIENTS; i++)
        for (size_t j = 0; j < LEDGER_PSEUDONYM_BYTES; j++)
            pseudonyms[i][j] = (uint8_t)random_bits(random, 8);
    random_destroy(&random);
    enum err code = store_create(path, key, &schema, &store);
    if (!code)
        code = ledger_new(store, &ledger);
    double start = seconds();
    for (uint64_t round = 1; !code && round <= RELEASES; round++) {
        struct ledger_entry entry = {.round = round,
                                     .noise_multiplier = 20,
                                     .dimension = DIM,
                                     .noise_log2 = NOISE_LOG2};
        code = store_begin(store);
        if (!code)
            code = ledger_charge(ledger, &entry,
                                 (const uint8_t(*)[LEDGER_PSEUDONYM_BYTES])pseudonyms,
                                 PATIENTS, 1);
        if (!code)
            code = store_commit(store);
    }
    *charge_ms = (seconds() - start) * 1e3 / RELEASES;
    start = seconds();
    if (!code)
        code = ledger_reload(ledger);
    *open_ms = (seconds() - start) * 1e3;
    ledger_destroy(&ledger);
    store_destroy(&store);
    unlink(path);
    rmdir(folder);
    mem_free(path);
    return code;
}

int main(int count, char **arguments)
{
    int json = count == 2 && strcmp(arguments[1], "--json") == 0;
    if (count > 1 && !json) {
        fprintf(stderr, "usage: privacy [--json]\n");
        return 2;
    }
    struct work work = {.random = random_new_seeded(seed),
                        .integers = mem_new(DRAWS, sizeof *work.integers),
                        .vectors = mem_new(VECTORS * DIM, sizeof *work.vectors)};
    for (size_t i = 0; i < VECTORS * DIM; i++)
        work.vectors[i] = (double)random_bits(work.random, 53) * 0x1p-53 - 0.5;
    double noise = rate(draws, &work, DRAWS);
    double noise_peer = rate(peer_draws, &work, DRAWS / 10);
    double within = rate(clips_within, &work, VECTORS);
    double scaled = rate(clips_scaled, &work, VECTORS);
    double clip_peer = rate(peer_clips, &work, VECTORS);
    double epsilon = rate(epsilons, &work, 100);
    double charge_ms = 0, open_ms = 0;
    if (ledger_times(&charge_ms, &open_ms)) {
        fprintf(stderr, "error: %s\n", err_text());
        return 1;
    }
    printf(json
               ? "{\"draws_per_s\": %.0f, \"draws_ratio\": %.2f, \"clips_per_s\": %.0f, "
                 "\"clips_scaled_per_s\": %.0f, \"clips_ratio\": %.2f, "
                 "\"epsilons_per_s\": %.0f, \"ledger_charge_ms\": %.2f, "
                 "\"ledger_open_ms\": %.2f}\n"
               : "noise draws, k = 20      %12.0f /s   %.1f times a rational sampler\n"
                 "vectors of 100 clipped   %12.0f /s   (%.0f /s when scaled: %.2f times\n"
                 "                                         clipping in floating point)\n"
                 "epsilon from mu, delta   %12.0f /s\n"
                 "ledger, 7,000 patients   %12.2f ms a release charged and synced,\n"
                 "  and ten releases       %12.2f ms read and checked\n",
           noise, noise / noise_peer, within, scaled, scaled / clip_peer, epsilon,
           charge_ms, open_ms);
    random_destroy(&work.random);
    mem_free(work.integers);
    mem_free(work.vectors);
    return 0;
}
