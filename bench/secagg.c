/* bench/secagg - how fast secure aggregation is, and the machine's limits beside it.
 *
 *   build/bench/secagg [--json] [--all]
 *
 * In processor seconds of one thread. Parts first, each the best of RUNS; then whole
 * attempts: a client's five phases (the median of some members), and the coordinator's
 * (all members' messages), as bench/measure.h says. The keystream of libsodium alone is
 * the limit of what masking can reach. --all adds the rows that take many minutes: 1,000
 * vectors of a million numbers with a tenth of the members gone, or on a sparse graph. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/memory.h"
#include "bench/measure.h"
#include "front/json.h"
#include "privacy/identity.h"
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
#define SIGNED_BYTES 200 /* as an advert or an input */
#define IN_PLACE                                                                         \
    "A frame carries 65,536 numbers: the attempt is played with one, and noise, masks, " \
    "vector hashes and sums are done beside it, on all of them, with the same functions"

static const uint8_t seed[RANDOM_SEED_BYTES] = "bench";

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
    struct identity_claim claims[PAIRS];
    uint8_t signers[PAIRS][IDENTITY_KEY_BYTES];
    uint8_t signatures[PAIRS][IDENTITY_SIGNATURE_BYTES];
    uint8_t said[SIGNED_BYTES];
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
    static const uint8_t note[PAIRKEY_NOTE_BYTES];
    uint8_t sealed[PAIRKEY_PARCEL_BYTES], agreed[PAIRKEY_BYTES];
    for (int i = 0; i < PAIRS; i++) {
        if (pairkey_agree(&work->keys[0], work->keys[1].seal_key, agreed))
            abort();
        pairkey_seal(&place, &work->keys[0], work->keys[1].seal_key, agreed, &parcel,
                     note, work->random, sealed);
    }
}

static void sign_claims(struct work *work)
{
    for (size_t i = 0; i < PAIRS; i++) {
        struct identity *identity;
        bench_must(identity_new(&identity));
        identity_public(identity, work->signers[i]);
        bench_must(identity_sign(identity, "bench", work->said, SIGNED_BYTES,
                                 work->signatures[i]));
        identity_destroy(&identity);
        work->claims[i] = (struct identity_claim){work->signers[i], work->said,
                                                  work->signatures[i], SIGNED_BYTES};
    }
}

static void verify_each(struct work *work)
{
    for (size_t i = 0; i < PAIRS; i++)
        bench_must(identity_verify(work->signers[i], "bench", work->said, SIGNED_BYTES,
                                   work->signatures[i]));
}

static void verify_together(struct work *work)
{
    size_t wrong;
    bench_must(identity_verify_all("bench", work->claims, PAIRS, &wrong));
}

static double best(void (*run)(struct work *), struct work *work)
{
    double least = INFINITY;
    for (int i = 0; i < RUNS; i++) {
        double start = measure_now();
        run(work);
        least = fmin(least, measure_now() - start);
    }
    return least;
}

static void measure_parts(struct json *result)
{
    struct work *work = mem_new(1, sizeof *work);
    double gigabytes = (double)(WORDS * sizeof *work->words) * 1e-9;
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
    json_set_real(result, "chacha20_gb_per_s", gigabytes / best(keystreams, work));
    json_set_real(result, "mask_gb_per_s", gigabytes / best(masks, work));
    json_set_real(result, "noise_per_second", DRAWS / best(draws, work));
    json_set_real(result, "split_ms", 1e3 * best(splits, work));
    json_set_real(result, "basis_ms", 1e3 * best(bases, work));
    json_set_real(result, "join_ms", 1e3 * best(joins, work));
    json_set_real(result, "pair_seeds_per_second", PAIRS / best(pair_seeds, work));
    json_set_real(result, "parcels_per_second", PAIRS / best(parcels, work));
    sign_claims(work);
    json_set_real(result, "verified_per_second", PAIRS / best(verify_each, work));
    json_set_real(result, "verified_together_per_second",
                  PAIRS / best(verify_together, work));
    share_basis_free(&work->basis);
    random_destroy(&work->random);
    mem_free(work->words);
    mem_free(work->noise);
    mem_free(work);
}

/* --- whole attempts
 * ----------------------------------------------------------------------------- */

/* Milliseconds. `goal` is what the parts' speeds promise on this machine; Flower's are
 * its SecAgg+ steps, measured on the same kind of machine with n/10 dropped (its masks
 * come from a generator that is not cryptographic). NAN: nobody has published it. */
static const struct {
    uint32_t nodes, dim;
    size_t samples;
    double goal[3], flower[3]; /* client, server, server with a tenth dropped */
    bool slow;                 /* the last of these takes many minutes */
} cases[] = {
    {16, 10000, 5, {4, 1, 3}, {79, 564, 806}, false},
    {64, 10000, 5, {14, 4, 27}, {679, 19323, 31181}, false},
    {64, 1000000, 3, {350, 250, 1700}, {795, 17500, 29896}, false},
    {1000, 200, 3, {340, 230, 3100}, {NAN, NAN, NAN}, false},
    {1000, 1000000, 1, {4000, 4000, 360000}, {NAN, NAN, NAN}, true},
};
#define CASES (sizeof cases / sizeof *cases)

/* The house's choice for so many, or the same with everybody as neighbours. */
static struct quorum quorum_for(uint32_t nodes, bool sparse)
{
    struct quorum quorum;
    bench_must(quorum_choose(nodes, quorum_colluders(nodes), 0, &quorum));
    if (!sparse) {
        quorum.degree = nodes - 1;
        quorum.threshold = nodes / 2 + 1;
    }
    return quorum;
}

static struct json *measure_row(struct partners *p, size_t which, size_t dropped,
                                bool all, double chacha20)
{
    struct json *row = json_new_object();
    uint32_t dim = cases[which].dim;
    double masks = (1.0 + p->quorum.degree) * dim * sizeof(uint64_t) * 1e-9;
    double client = measure_client(p, dim, dropped, cases[which].samples);
    json_set_integer(row, "nodes", p->quorum.members);
    json_set_integer(row, "dim", dim);
    json_set_integer(row, "dropped", (int64_t)dropped);
    json_set_real(row, "client_seconds", client);
    double server = NAN, unmask = NAN; /* as null */
    if (!cases[which].slow || !dropped || all)
        server = measure_server(p, dim, dropped, &unmask);
    json_set_real(row, "server_seconds", server);
    json_set_real(row, "server_unmask_seconds", unmask);
    json_set_text(row, "graph",
                  p->quorum.degree == p->quorum.members - 1 ? "complete" : "sparse");
    json_set_integer(row, "degree", p->quorum.degree);
    json_set_integer(row, "threshold", p->quorum.threshold);
    json_set_boolean(row, "vector_in_place", measure_in_place(dim));
    json_set_real(row, "chacha20_share", masks / chacha20 / client);
    json_set_real(row, "goal_client_seconds", 1e-3 * cases[which].goal[0]);
    json_set_real(row, "goal_server_seconds", 1e-3 * cases[which].goal[dropped ? 2 : 1]);
    json_set_real(row, "flower_client_seconds", 1e-3 * cases[which].flower[0]);
    json_set_real(row, "flower_server_seconds",
                  1e-3 * cases[which].flower[dropped ? 2 : 1]);
    return row;
}

static struct json *measure_rows(bool sparse, bool all, double chacha20)
{
    struct json *rows = json_new_array();
    struct partners *p = NULL;
    for (size_t i = 0; i < CASES; i++) {
        if (sparse && cases[i].nodes <= QUORUM_COMPLETE_MAX)
            continue;
        struct quorum quorum = quorum_for(cases[i].nodes, sparse);
        if (p && p->quorum.members != quorum.members)
            partners_destroy(&p);
        if (!p)
            partners_new(&quorum, &p);
        json_add(rows, measure_row(p, i, 0, all, chacha20));
        json_add(rows, measure_row(p, i, cases[i].nodes / 10, all, chacha20));
    }
    partners_destroy(&p);
    return rows;
}

/* --- for people
 * ----------------------------------------------------------------------------------- */

static void print_parts(const struct json *result)
{
    static const struct {
        const char *what, *key, *unit;
    } parts[] = {
        {"ChaCha20 keystream, alone", "chacha20_gb_per_s", "GB/s"},
        {"keystream added to a vector", "mask_gb_per_s", "GB/s"},
        {"noise draws, k = 20", "noise_per_second", "/s"},
        {"a secret split, 1,000 members, 501 enough", "split_ms", "ms"},
        {"  the basis, once for all secrets", "basis_ms", "ms"},
        {"  joined", "join_ms", "ms"},
        {"pairs' seeds", "pair_seeds_per_second", "/s"},
        {"parcels sealed", "parcels_per_second", "/s"},
        {"signatures checked, one after the other", "verified_per_second", "/s"},
        {"  200 of a list together", "verified_together_per_second", "/s"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        printf("%-42s %10.4g %s\n", parts[i].what, json_get_real(result, parts[i].key),
               parts[i].unit);
}

static void print_time(const struct json *row, const char *key)
{
    double milliseconds = 1e3 * json_get_real(row, key);
    if (isnan(milliseconds))
        printf(" %9s", "-");
    else
        printf(" %9.*f",
               milliseconds < 10    ? 2
               : milliseconds < 100 ? 1
                                    : 0,
               milliseconds);
}

static void print_rows(const struct json *rows, const char *graph)
{
    printf("\nwhole attempts, %s graph, milliseconds of one core\n"
           "                       ------------ client ------------  "
           "------------------ server ------------------\n"
           "nodes     dim dropped   measured      goal    Flower  ChaCha   measured    "
           "unmask      goal    Flower\n",
           graph);
    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        printf("%5.0f %7.0f%s %6.0f", json_get_real(row, "nodes"),
               json_get_real(row, "dim"),
               json_get_real(row, "dim") > WIRE_DIMENSION_MAX ? "*" : " ",
               json_get_real(row, "dropped"));
        print_time(row, "client_seconds");
        print_time(row, "goal_client_seconds");
        print_time(row, "flower_client_seconds");
        printf(" %5.1f %%", 100 * json_get_real(row, "chacha20_share"));
        print_time(row, "server_seconds");
        print_time(row, "server_unmask_seconds");
        print_time(row, "goal_server_seconds");
        print_time(row, "flower_server_seconds");
        printf("\n");
    }
}

int main(int count, char **arguments)
{
    bool json = false, all = false;
    for (int i = 1; i < count; i++) {
        json = json || strcmp(arguments[i], "--json") == 0;
        all = all || strcmp(arguments[i], "--all") == 0;
    }
    if (count > 1 + json + all) {
        fprintf(stderr, "usage: secagg [--json] [--all]\n");
        return 2;
    }
    struct json *result = json_new_object();
    measure_parts(result);
    double chacha20 = json_get_real(result, "chacha20_gb_per_s");
    struct json *rows = measure_rows(false, all, chacha20);
    struct json *sparse = measure_rows(true, all, chacha20);
    json_set(result, "rows", rows);
    json_set(result, "sparse_rows", sparse);
    json_set_text(result, "vector_in_place", IN_PLACE);
    if (json) {
        json_print(result, stdout);
    } else {
        print_parts(result);
        print_rows(rows, "complete");
        print_rows(sparse, "sparse");
        printf(
            "\nChaCha: the bare keystream's time for a client's masks, as part of its "
            "time.\nunmask: of the server's time, what its goal counts: sums, secrets, "
            "masks off; the\nrest checks signatures and hashes.\n* %s.\n",
            IN_PLACE);
    }
    json_destroy(&result);
    return 0;
}
